"""Half spaces across powers of principal components, for any ℓp (Prescott, Zhang, Evans, ICLR 2021), then moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbaconc.data.arrays import Sample, as_sample, parse_epsilon
from numbaconc.errors import InputError, as_number, check_count
from numbaconc.progress import bar
from numbaconc.regions.halfspace import HalfSpace, project
from numbaconc.search.descent import Points, count_inside, cut, descend, distinct, few, spread, tournament

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

POWERS = (0.0, 1.0, 2.0, 4.0, math.inf)
SLACK = 4e-15  # how far, relatively, the border is moved out, so that the points on it are inside


@dataclass(frozen=True, eq=False)
class HalfSpaceSearch:
    """What a search found.

    Attributes
    ----------
    region : HalfSpace
        Its border has the last of the points that α asks for just inside.
    risk, adversarial_risk : float
        On the training sample.
    unrefined : float
        Training adversarial risk of the best candidate, before it was moved.
    """

    region: HalfSpace
    risk: float
    adversarial_risk: float
    unrefined: float


def search_halfspaces(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    p: float = 2.0,
    *,
    buffer: float = 0.0,
    n_components: int = 50,
    powers: Sequence[float] = POWERS,
    n_starts: int = 16,
    max_iter: int = 60,
    progress: bool = False,
) -> HalfSpaceSearch:
    """Search for a half space with risk >= α + buffer and little adversarial risk in ℓp.

    Candidates are sign(v)|v|^s for principal components v, in both directions; the best are moved
    while that lowers the training adversarial risk. Deterministic, on any number of threads.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength in ℓp on the unit scale.
    alpha : float
        Risk threshold, in (0, 1), with α n >= 1.
    p : float
        1, 2, infinity, or any number from 1.
    buffer : float
        Added to α, so that the risk holds on other data; at least 0, in the same unit as α.
    n_components : int
        Principal components, of which the candidates are made; at most d are.
    powers : sequence of float
        The s of the candidates, from 0; infinity gives the largest coordinate alone.
    n_starts : int
        Candidates that are moved, none of which has most of its points in common with a better one.
        The worse half is given up again and again.
    max_iter : int
        The most moves; 0 to leave the candidates as they are.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    HalfSpaceSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or all points are identical.
    """
    sample = as_sample(X)
    n = len(sample)
    n_inside, epsilon = count_inside(alpha, buffer, n), parse_epsilon(epsilon)
    q = _dual_exponent(p)
    n_starts, max_iter = check_count("n_starts", n_starts), check_count("max_iter", max_iter, 0)
    powers = _check_powers(powers)
    strength, some = float(sample.to_levels(epsilon)), few(sample)
    points = Points(some.X)
    n_few = max(1, round(n_inside * len(some) / n))
    W = _candidates(_components(points, check_count("n_components", n_components)), powers, q)
    W = np.concatenate([W, -W])
    values = np.ascontiguousarray(points.times(W.T).T)
    order = np.argsort(spread(lambda i: cut(values[i], n_few, strength)[0], len(W)), kind="stable")
    best = unrefined = _measured(sample, W[order[0]], p, n_inside, epsilon)
    if max_iter:
        rows = order[distinct((values[i] for i in order), n_few, n_starts)]
        starts = [_Plane(points, w, q) for w in W[rows]]
        with bar(what="half spaces", shown=progress, total=2 * len(starts)) as shown:
            w = tournament(starts, n_few, strength, max_iter, shown.update)[1].w
            plane = _Plane(Points(sample.X), w, q)
            descend([plane], n_inside, strength, max_iter)
            shown.update()
        best = min(best, _measured(sample, plane.w, p, n_inside, epsilon), key=lambda one: one[2])
    return HalfSpaceSearch(*best, unrefined[2])


def _dual_exponent(p: float) -> float:
    number = as_number(p)
    if not number >= 1:
        msg = f"p is {p!r}; allowed: a number from 1, or infinity"
        raise InputError(msg)
    return math.inf if number == 1 else 1.0 if math.isinf(number) else number / (number - 1)


def _check_powers(powers: Sequence[float]) -> list[float]:
    numbers = [as_number(s) for s in np.atleast_1d(np.asarray(powers, dtype=object))]
    if not numbers or not all(s >= 0 for s in numbers):
        msg = f"powers is {powers!r}; allowed: one or more numbers from 0, or infinity"
        raise InputError(msg)
    return numbers


def _power(v: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """sign(v)|v|^s along the last axis; for s = 0 a coordinate of 0 counts as positive."""
    v = v + 0.0  # no negative zeros
    size: NDArray[np.float64] = np.abs(v) / np.abs(v).max(axis=-1, keepdims=True)
    if math.isinf(s):
        size = (np.arange(v.shape[-1]) == size.argmax(axis=-1)[..., np.newaxis]).astype(np.float64)
    else:
        size = size**s
    signed: NDArray[np.float64] = np.copysign(size, v)
    return signed


def _candidates(components: NDArray[np.float64], powers: list[float], q: float) -> NDArray[np.float64]:
    """Powers of the components, shape (m, d), each of length 1 in ℓq and each once."""
    W = np.concatenate([_power(components, s) for s in powers]) + 0.0
    W /= np.linalg.norm(W, q, axis=1)[:, np.newaxis]
    return W[np.sort(np.unique(W, axis=0, return_index=True)[1])]


def _components(points: Points, n_components: int) -> NDArray[np.float64]:
    """Principal components, shape (k, d)."""
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    n, d = points.X.shape
    if not (points.X[1:] != points.X[:-1]).any():
        msg = f"X holds {n} identical points; allowed: points that differ, so that there is a principal component"
        raise InputError(msg)
    with threadpool_limits(1, "blas"):  # or the last bits depend on the number of threads
        found = PCA(min(n_components, n, d), random_state=0).fit(points.X - points.middle)
    components: NDArray[np.float64] = found.components_.astype(np.float64)
    return components


class _Plane:
    """f(x) = w·x / ‖w‖_q."""

    def __init__(self, points: Points, w: NDArray[np.float64], q: float) -> None:
        self.points, self.q, self.w = points, q, w
        self.values = points.times(w[:, np.newaxis])[:, 0].astype(np.float64)

    def pulls(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return weights[:, np.newaxis]

    def aim(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        self.v = self._steepest(-sums[0])
        return self.v[np.newaxis]

    def along(self, products: NDArray[np.float64]) -> Callable[[float], NDArray[np.float64]]:
        def after(length: float) -> NDArray[np.float64]:
            moved: NDArray[np.float64] = (self.values + length * products[:, 0]) / self._norm(length)
            return moved

        self.after = after
        return after

    def go(self, length: float) -> None:
        self.values = self.after(length)
        self.w = (self.w + length * self.v) / self._norm(length)

    def _norm(self, length: float) -> float:
        return float(np.linalg.norm(self.w + length * self.v, self.q))

    def _steepest(self, slope: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction of length 1 in ℓq along which Σ weights f falls fastest."""
        if self.q < math.inf:  # what only makes w longer does not count
            along = float(slope @ self.w)
            normal = np.copysign(np.abs(self.w) ** (self.q - 1), self.w)
            if self.q == 1:  # where w is 0 it can grow either way
                normal[self.w == 0] = np.clip(slope[self.w == 0] / (along or 1.0), -1, 1)
            slope = slope - along * normal
        if not slope.any():
            return np.zeros_like(slope)
        v = _power(slope, math.inf if self.q == 1 else 1 / (self.q - 1))
        return v / np.linalg.norm(v, self.q)


def _measured(
    sample: Sample, w: NDArray[np.float64], p: float, n_inside: int, epsilon: float
) -> tuple[HalfSpace, float, float]:
    """Half space of the `n_inside` largest projections, and its exact risks."""
    projections = project(sample, w)
    level = float(np.partition(projections, -n_inside)[-n_inside])
    reach = float(sample.to_levels(epsilon)) * HalfSpace(w, 0.0, p).dual_norm
    level -= SLACK * max(abs(level), reach)
    region = HalfSpace(w, float(sample.to_units(level)), p)
    found = region.measure(sample, epsilon)
    return region, float(found.risk), float(found.adversarial_risk)
