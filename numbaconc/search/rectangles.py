"""Algorithm 1: error regions that are complements of boxes around dense clusters (ℓ∞)."""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbaconc.data.arrays import Sample, as_sample, check_domain, parse_epsilon
from numbaconc.clustering import CENTERS, MAX_ITER, cluster
from numbaconc.density import dense_first, knn_radii
from numbaconc.errors import InputError, check_choice, check_count, check_fraction
from numbaconc.progress import bar
from numbaconc.regions import RectangleComplement, extend_to_domain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

PRECISION = 0.005  # the paper's δ_bin


class Tried(NamedTuple):
    """One q of a search: points clustered, risks on the training sample, and whether risk >= α."""

    q: float
    n_clustered: int
    risk: float
    adversarial_risk: float
    feasible: bool


@dataclass(frozen=True, eq=False)
class RectangleSearch:
    """What a search found.

    Attributes
    ----------
    region : RectangleComplement
        The region of least training adversarial risk among those with training risk >= α.
    q : float
        Fraction of the points, dense first, that its boxes cover from the start.
    risk, adversarial_risk : float
        On the training sample.
    trace : tuple of Tried
        Every q tried, in order.
    """

    region: RectangleComplement
    q: float
    risk: float
    adversarial_risk: float
    trace: tuple[Tried, ...]


@dataclass(eq=False)
class Coverings:
    """Clusterings of one sample, each made once and shared by every ε, q and search that needs it.

    Parameters
    ----------
    sample : Sample
    n_sets, seed, n_neighbors, include_self, centers, max_iter, radii, cache_dir, progress, extend
        As in `search_rectangles`.
    """

    sample: Sample
    n_sets: int
    seed: int = 0
    n_neighbors: int = 50
    include_self: bool = True
    centers: str = "mean"
    max_iter: int = MAX_ITER
    radii: NDArray[np.float64] | None = None
    cache_dir: str | Path | None = None
    progress: bool = False
    extend: bool = False
    _made: dict[int, RectangleComplement] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        n = len(self.sample)
        self.n_sets = check_count("n_sets", self.n_sets, 1, n, f"there are {n} points")
        self.seed = check_count("seed", self.seed, 0)
        check_count("max_iter", self.max_iter, 1)
        check_choice("centers", self.centers, CENTERS)
        if self.radii is None:
            check_count("n_neighbors", self.n_neighbors, 1, n - 1, f"less than the {n} points")
        elif np.shape(self.radii) != (n,) or not np.isfinite(np.asarray(self.radii, dtype=np.float64)).all():
            msg = f"radii has shape {np.shape(self.radii)}; allowed: ({n},), one finite number for each point"
            raise InputError(msg)
        if self.extend:
            check_domain(self.sample)

    @functools.cached_property
    def _dense_first(self) -> Sample:
        """A copy of the points, the first of which every clustering takes as they lie."""
        if self.radii is None:
            self.radii = knn_radii(
                self.sample,
                self.n_neighbors,
                include_self=self.include_self,
                cache_dir=self.cache_dir,
                progress=self.progress,
            )
        return self.sample.take(dense_first(self.radii))

    def next_seed(self) -> Coverings:
        """Return the same with the next seed, and the order of the points that is known by now."""
        following = copy.copy(self)
        following.seed, following._made = self.seed + 1, {}
        return following

    def count(self, q: float) -> int:
        """⌊q n⌋, where q n within rounding of a whole number is that number."""
        return math.floor(q * len(self.sample) + 1e-9)

    def region(self, q: float, epsilon: float) -> RectangleComplement:
        """Boxes around the clusters of the ⌊q n⌋ densest points, enlarged by epsilon (lines 5-10).

        Raises
        ------
        InputError
            If there are more clusters than points to cluster.
        """
        n_clustered = self.count(q)
        if n_clustered not in self._made:
            check_count("n_sets", self.n_sets, 1, n_clustered, f"q = {q:g} leaves {n_clustered} points to cluster")
            found = cluster(
                self._dense_first.first(n_clustered),
                self.n_sets,
                self.seed,
                centers=self.centers,
                max_iter=self.max_iter,
                progress=self.progress,
            )
            faces = self.sample.to_units(found.lower), self.sample.to_units(found.upper)
            self._made[n_clustered] = RectangleComplement(*faces, epsilon)
        region = self._made[n_clustered].at(epsilon)
        return extend_to_domain(region, self.sample) if self.extend else region

    def search(self, epsilon: float | str, alpha: float, precision: float = PRECISION) -> RectangleSearch:
        """Binary search on q (Algorithm 1, lines 3-18).

        Raises
        ------
        InputError
            If α is not allowed, or no q that was tried leaves a risk of at least α.
        """
        epsilon, alpha = parse_epsilon(epsilon), check_alpha(alpha, len(self.sample))
        precision = check_fraction("precision", precision, one_allowed=False)
        trace: list[Tried] = []
        low, high = 0.0, 1.0
        steps = math.ceil(math.log2(1 / precision))
        with bar(what=f"searching q at epsilon {epsilon:g}", shown=self.progress, total=steps) as shown:
            while high - low > precision:
                q = (low + high) / 2
                trace.append(self._try(q, epsilon, alpha))
                low, high = (q, high) if trace[-1].feasible else (low, q)
                shown.update()
        feasible = [tried for tried in trace if tried.feasible]
        if not feasible:
            most = max(tried.n_clustered for tried in trace)
            check_count("n_sets", self.n_sets, 1, most, f"the search on q began by clustering {most} points")
            largest = max(tried.risk for tried in trace if not math.isnan(tried.risk))
            msg = (
                f"alpha is {alpha:g}, but no q leaves that risk at epsilon {epsilon:g} and n_sets {self.n_sets}: "
                f"the largest risk seen is {largest:g}; allowed: a smaller alpha or epsilon, or more sets"
            )
            raise InputError(msg)
        best = min(feasible, key=lambda tried: tried.adversarial_risk)
        return RectangleSearch(self.region(best.q, epsilon), best.q, best.risk, best.adversarial_risk, tuple(trace))

    def _try(self, q: float, epsilon: float, alpha: float) -> Tried:
        n_clustered = self.count(q)
        if n_clustered < self.n_sets:
            return Tried(q, n_clustered, math.nan, math.nan, feasible=False)
        found = self.region(q, epsilon).measure(self.sample, epsilon)
        risk, adversarial_risk = float(found.risk), float(found.adversarial_risk)
        return Tried(q, n_clustered, risk, adversarial_risk, feasible=risk >= alpha)


def check_alpha(alpha: float, n: int) -> float:
    """Return a risk threshold that at least one of n points can meet.

    Raises
    ------
    InputError
        If α is outside (0, 1), or α n < 1.
    """
    alpha = check_fraction("alpha", alpha, one_allowed=False)
    if alpha * n < 1 - 1e-9:
        msg = f"alpha is {alpha:g}; allowed: at least 1/n = {1 / n:g}, so that a region holds one of the {n} points"
        raise InputError(msg)
    return alpha


def search_rectangles(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    n_sets: int,
    seed: int = 0,
    *,
    n_neighbors: int = 50,
    include_self: bool = True,
    centers: str = "mean",
    max_iter: int = MAX_ITER,
    precision: float = PRECISION,
    radii: NDArray[np.float64] | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = False,
    extend: bool = False,
) -> RectangleSearch:
    """Search for the complement of T boxes with risk >= α and least adversarial risk (Algorithm 1).

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength in ℓ∞ on the unit scale, as a number or a fraction such as "8/255".
    alpha : float
        Risk threshold, in (0, 1), with α n >= 1.
    n_sets : int
        T, the number of boxes.
    seed : int
        Same seed, same answer, on any number of threads.
    n_neighbors, include_self
        As in `knn_radii`.
    centers : {"mean", "median"}
        Update of the cluster centers; `mean` is the paper's.
    max_iter : int
        The most Lloyd iterations.
    precision : float
        The search ends when q is known this well (the paper's δ_bin).
    radii : ndarray, shape (n,), optional
        From `knn_radii`, to save computing them again.
    cache_dir : path-like, optional
        Folder in which radii are kept.
    progress : bool
        Show progress bars on a terminal.
    extend : bool
        Push faces within ε of the domain's edge to infinity, as `extend_to_domain` does and the paper
        does not: risks stay the same, adversarial risks can only fall.

    Returns
    -------
    RectangleSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or no q is feasible: the largest risk seen is named. If `extend`
        is asked for where the domain is not known.
    """
    sample = as_sample(X)
    coverings = Coverings(
        sample, n_sets, seed, n_neighbors, include_self, centers, max_iter, radii, cache_dir, progress, extend
    )
    return coverings.search(epsilon, alpha, precision)


def cover_rectangles(
    X: ArrayLike | Sample,
    q: float,
    epsilon: float | str,
    n_sets: int,
    seed: int = 0,
    *,
    n_neighbors: int = 50,
    include_self: bool = True,
    centers: str = "mean",
    max_iter: int = MAX_ITER,
    radii: NDArray[np.float64] | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = False,
    extend: bool = False,
) -> RectangleComplement:
    """Make the region of one clustering at a fixed q (Algorithm 1, lines 6-10).

    It equals the entry of `search_rectangles` for that q.

    Parameters
    ----------
    q : float
        Fraction of the points, dense first, to cluster; in (0, 1].
    X, epsilon, n_sets, seed, n_neighbors, include_self, centers, max_iter, radii, cache_dir, progress, extend
        As in `search_rectangles`.

    Returns
    -------
    RectangleComplement

    Raises
    ------
    InputError
        If an argument is not allowed, or T is larger than ⌊q n⌋, or the domain is not known to `extend`.
    """
    sample = as_sample(X)
    q, epsilon = check_fraction("q", q, one_allowed=True), parse_epsilon(epsilon)
    coverings = Coverings(
        sample, n_sets, seed, n_neighbors, include_self, centers, max_iter, radii, cache_dir, progress, extend
    )
    return coverings.region(q, epsilon)
