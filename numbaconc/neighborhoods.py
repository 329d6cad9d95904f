"""Which points of a sample lie within ε of each other: how many around each, and the graph of all such pairs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from numbaconc.data.annotations import as_labels
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.how import How, bar, check_how
from numbaconc.kernels.pairs import pairs_within
from numbaconc.kernels.threads import using_threads
from numbaconc.norms import NORMS, check_norm
from numbaconc.numerals import exact

MOST_BYTES = 2_000_000_000  # of a graph in memory
PER_PAIR, PER_POINT = 5, 8  # bytes: an index and the truth, and where a row begins
ROUNDING = 1e-15  # how far, relatively, rounding takes a squared length on its way to epsilon's scale and back
FARTHEST = 1e150  # levels, more than points are apart; its square is a number, too
STEP = 2.0**-53  # how far, relatively, a sum in float64 is rounded at each step


def counts_within(sample: Sample, epsilon: float, norm: str, *, how: How | None = None) -> NDArray[np.int64]:
    """Count the points within ε of each point of a sample, itself included.

    Only what is surely within counts: bytes and whole levels are compared exactly; of other floats, those pairs whose
    distance is at most ε however the points and the sums have been rounded. No pairs are stored.

    Parameters
    ----------
    sample : Sample
    epsilon : float or str
        On the unit scale; points at exactly ε are within.
    norm : {"linf", "l2", "l1"}
    how : How, optional
        Progress and threads.

    Returns
    -------
    ndarray, shape (n,), int64

    Raises
    ------
    InputError
        If an argument is not allowed.
    """
    return _within(sample, epsilon, norm, None, 0, how)[0] + 1


def graph_within(
    sample: Sample, epsilon: float, norm: str, *, y: ArrayLike | None = None, how: How | None = None
) -> csr_array:
    """Return which points of a sample are within ε of each other, as `counts_within` counts them.

    Parameters
    ----------
    sample : Sample
    epsilon : float or str
        On the unit scale; points at exactly ε are within.
    norm : {"linf", "l2", "l1"}
    y : array-like, shape (n,), optional
        Labels, integers or texts: only points of different labels are paired.
    how : How, optional
        Progress and threads.

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n), bool
        Symmetric, without the diagonal, the indices of each row ascending.

    Raises
    ------
    InputError
        If an argument is not allowed, or the graph takes more than 2 GB: how many bytes is said. They are counted first.
    """
    n = len(sample)
    labels = None if y is None else np.unique(as_labels(y, n), return_inverse=True)[1].astype(np.int64)
    most = (MOST_BYTES - PER_POINT * (n + 1)) // PER_PAIR
    counts, indices = _within(sample, epsilon, norm, labels, most, how)
    if indices is None:
        needed = PER_PAIR * int(counts.sum()) + PER_POINT * (n + 1)
        msg = f"epsilon is {exact(parse_epsilon(epsilon))}, within which there are {int(counts.sum()) // 2} pairs: their graph"
        msg += f" takes {needed} bytes; allowed: an epsilon, or a sample, for which {MOST_BYTES} are enough"
        raise InputError(msg)
    starts = np.concatenate([[0], np.cumsum(counts)])
    graph = csr_array((np.ones(len(indices), np.bool_), indices, starts.astype(np.int32)), shape=(n, n))
    graph.sort_indices()
    return graph


def _within(
    sample: Sample, epsilon: float, norm: str, labels: NDArray[np.int64] | None, most: int, how: How | None
) -> tuple[NDArray[np.int64], NDArray[np.int32] | None]:
    norm, how = check_norm("norm", norm), check_how(how)
    p = NORMS[norm].p
    limit = _limit(sample, parse_epsilon(epsilon), p)
    total = len(sample) * (1 + (most > 0))
    with using_threads(how.threads), bar(what="pairs of points", shown=how.progress, total=total) as shown:
        return pairs_within(sample.X, p, limit, labels, most, shown.update)


def _limit(sample: Sample, epsilon: float, p: float) -> float:
    """Return the largest distance of rows, in levels (squared for ℓ2), at which two points are surely within ε."""
    levels, squared = min(float(sample.to_levels(epsilon)), FARTHEST), p == 2
    if sample.whole and _are_exact(sample, p):
        if squared:
            square = float(np.rint(levels**2))
            return square if abs(levels**2 - square) <= ROUNDING * square else math.floor(levels**2)
        return math.floor(levels)
    levels -= 0.0 if sample.whole else sample.slack(p)
    if levels < 0:
        return -1.0
    return (levels**2 if squared else levels) * (1 - (sample.n_features + 8) * STEP)


def _are_exact(sample: Sample, p: float) -> bool:
    """Whether float64 holds every distance of rows of whole levels, squared for ℓ2."""
    low, high = sample.to_levels(sample.extent)
    apart = float(high - low)
    return math.isinf(p) or sample.n_features * apart**p <= 1 / STEP
