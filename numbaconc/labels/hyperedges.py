"""Conflicts of three and four points: their labels differ, and their balls of radius ε have a point in common.

Whatever a classifier says of that point, it is wrong for all of them but one (Dai et al., NeurIPS 2023).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_count

LARGEST = 4  # points of a conflict
MOST_SETS = 20_000  # conflicts of any number of points that a linear program is made of
EXACT = 2.0**52  # squared lengths of whole levels below this are added exactly
BLOCK = 1 << 20  # numbers that are subtracted together
GUARD = 1e-9  # of a squared diameter, relatively; its rounding is far smaller


def check_hyperedges(hyperedges: object, norm: str) -> int:
    """Return the most points of a conflict; InputError if it is not 2, 3 or 4, or more than are known of the norm."""
    most = check_count("hyperedges", hyperedges, 2, LARGEST)
    return check_count("hyperedges", most, 2, 3, "four balls in ℓ1 may miss a common point") if norm == "l1" else most


def hyperedges_in(
    graph: sparse.csr_array, sample: Sample, reach: float, norm: str, most: int
) -> list[NDArray[np.intp]]:
    """Return the conflicts of two, three, ... up to `most` points, each kind an array of rows, shape (k, size).

    Balls of one radius in ℓ∞, and three of them in ℓ1, have a common point if every two have one. In ℓ2 it is the center of
    a ball of that radius around the points; one that has more than two of them on its border counts if its radius is
    smaller by a billionth, so that rounding makes no conflict.

    Parameters
    ----------
    graph : csr_array, shape (n, n)
        The conflicts of two, symmetric: between different labels only.
    sample : Sample
    reach : float
        2 ε, on epsilon's scale.
    norm : str
    most : int

    Raises
    ------
    InputError
        If there are more than 20,000 sets of points that conflict two by two.
    """
    upper = sparse.triu(graph, 1, format="coo")
    found = [np.sort(np.array([upper.row, upper.col]).T.astype(np.intp), axis=1)]
    _check_size(upper.nnz, most)
    later: dict[int, set[int]] = {}
    for i, j in found[0].tolist():
        later.setdefault(i, set()).add(j)
    while len(found[-1]) and len(found) < most - 1:
        before = sum(map(len, found))
        sets = []
        for rows in _extended(found[-1].tolist(), later):
            sets.append(rows)
            _check_size(before + len(sets), most)
        together = np.array(sets, np.intp).reshape(-1, len(found) + 2)
        found.append(together[_meet(together, sample, reach)] if norm == "l2" else together)
    return found


def _extended(sets: Iterable[list[int]], later: dict[int, set[int]]) -> Iterator[list[int]]:
    """Yield each set with one more point, later than its own, that conflicts with all of them."""
    nothing: set[int] = set()
    for rows in sets:
        common = set.intersection(*(later.get(i, nothing) for i in rows))
        yield from ([*rows, i] for i in sorted(common))


def _check_size(n_sets: int, most: int) -> None:
    if n_sets > MOST_SETS:
        msg = f"hyperedges is {most} with more than {MOST_SETS:,} conflicts of up to {most} points"
        msg += "; allowed: 2, or an epsilon or a sample with fewer conflicts"
        raise InputError(msg)


def _meet(sets: NDArray[np.intp], sample: Sample, reach: float) -> NDArray[np.bool_]:
    """Return whether the points of each set, which conflict two by two, surely lie in a ball (ℓ2) of diameter `reach`."""
    squares = _squares(sets, sample)
    limit = float(sample.to_levels(reach)) - 2 * sample.slack(2)
    meet: NDArray[np.bool_] = squared_diameters(squares) * (1 + GUARD) <= max(limit, 0.0) ** 2
    if sample.whole and squares.max(initial=0) < EXACT:  # two at the ends of a diameter are known to be within reach
        for i, j in itertools.combinations(range(sets.shape[1]), 2):
            meet |= (squares[:, i] + squares[:, j]).max(axis=1) <= squares[:, i, j]
    return meet


def _squares(sets: NDArray[np.intp], sample: Sample) -> NDArray[np.float64]:
    """Return the squared distances, in levels, of the points of each set from each other, (k, size, size)."""
    size = sets.shape[1]
    squares = np.zeros((len(sets), size, size))
    at_once = max(1, BLOCK // sample.n_features)
    for start in range(0, len(sets), at_once):
        part = sets[start : start + at_once]
        for i, j in itertools.combinations(range(size), 2):
            apart = sample.X[part[:, i]].astype(np.float64) - sample.X[part[:, j]]
            of_part = np.einsum("kd,kd->k", apart, apart)
            squares[start : start + at_once, i, j] = squares[start : start + at_once, j, i] = of_part
    return squares


def squared_diameters(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared diameter of the smallest ball around the points of each set, shape (k,), or a little more.

    Its center is a mean of some of them, by weights w that make these equally far from it. Whatever w is, point i is at
    the squared distance (D w)_i - w'D w / 2 from the mean, so that a ball of that size surely holds all points.

    Parameters
    ----------
    squares : ndarray, shape (k, m, m), float64
        D, the squared distances of the m points of each set.
    """
    n, m = squares.shape[:2]
    least = np.full(n, np.inf)
    for size in range(2, m + 1):
        for chosen in itertools.combinations(range(m), size):
            raw = np.linalg.pinv(squares[:, chosen][:, :, chosen], hermitian=True).sum(axis=2)
            weights = np.zeros((n, m))
            with np.errstate(divide="ignore", invalid="ignore"):
                weights[:, chosen] = raw / raw.sum(axis=1, keepdims=True)
            from_each = np.einsum("kij,kj->ki", squares, weights)
            half = np.einsum("ki,ki->k", from_each, weights) / 2
            diameters = 4 * (from_each - half[:, np.newaxis]).max(axis=1)
            among_them = (weights >= 0).all(axis=1)  # no other mean is the center; not of what is no number, either
            least = np.where(among_them, np.minimum(least, diameters), least)
    return least


def fractional_loss(found: list[NDArray[np.intp]], n: int) -> float:
    """Return the least average loss on n points by conflicts of several: 1 - max Σ q / n, at most 1 in each conflict.

    Solved by HiGHS. What is returned is made of its dual values, for which the bound holds whatever they are.
    """
    sets = [rows for part in found for rows in part]
    if not sets:
        return 0.0
    sizes = np.fromiter(map(len, sets), np.intp)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    holds = sparse.csr_array((np.ones(starts[-1]), np.concatenate(sets), starts), shape=(len(sets), n))
    solved = linprog(-np.ones(n), A_ub=holds, b_ub=np.ones(len(sets)), bounds=(0, 1), method="highs")
    if solved.ineqlin is None or solved.ineqlin.marginals is None:
        msg = f"the linear program of {len(sets):,} conflicts was not solved: {solved.message}"
        raise InputError(msg)
    shares = np.maximum(-solved.ineqlin.marginals, 0)
    uncovered = np.maximum(1 - holds.T @ shares, 0)
    return max(0.0, 1 - float(shares.sum() + uncovered.sum()) / n)
