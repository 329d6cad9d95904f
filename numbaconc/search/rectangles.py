"""Algorithm 1: error regions that are complements of boxes around dense clusters (ℓ∞)."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.clustering import CENTERS, MAX_ITER, cluster
from numbaconc.data.sample import Sample, check_domain
from numbaconc.density import N_NEIGHBORS, dense_first, knn_radii, neighbors_among
from numbaconc.errors import InputError, NoRegionError, check_count
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.numerals import strength
from numbaconc.regions import RectangleComplement, extend_to_domain
from numbaconc.regions.base import union_vc_dimension
from numbaconc.search.base import Found, Search
from numbaconc.search.settings import Count, Flag, Fraction, Words, setting


class Tried(NamedTuple):
    """One q of a search: points clustered, risks on the training sample, and whether risk >= α + margin."""

    q: float
    n_clustered: int
    risk: float
    adversarial_risk: float
    feasible: bool


class RectangleSearch(Search):
    """Search for the complement of T boxes around dense clusters (Algorithm 1, ℓ∞).

    At a fixed q the ⌊q n⌋ densest points are clustered, and the region is what lies outside the boxes around the
    clusters, each enlarged by ε. If q is None it is searched by bisection. Same seed, same answer, on any number of
    threads.

    Attributes
    ----------
    region_ : RectangleComplement
        Of least training adversarial risk among those of enough training risk.
    q_ : float
        Share of the points, dense first, that its boxes cover from the start.
    n_neighbors_ : int
        Neighbors that said how dense a place is.
    trace_ : tuple of Tried
        Every q tried, in order.
    """

    name = "rectangles"
    norms = ("linf",)
    contends = False
    spreads = True

    n_sets: int = setting(default=5, check=Count(), help="T, the number of boxes", coordinate="T")
    q: float | None = setting(
        default=None,
        check=Fraction(one_allowed=True),
        help="share of the points to cluster, dense first; searched if not given",
        coordinate="q",
    )
    seed: int = setting(default=0, check=Count(0), help="of the random draws", coordinate="seed")
    n_neighbors: int | None = setting(
        default=None,
        check=Count(),
        help=f"neighbors that say how dense a place is; {N_NEIGHBORS}, or all where there are fewer points, if not given",
    )
    include_self: bool = setting(
        default=True, check=Flag(), help="count a point as its own first neighbor, as the paper's program does"
    )
    centers: str = setting(
        default="mean",
        check=Words(*CENTERS),
        help="centers of the clusters: mean is the paper's, median lowers ℓ1 distances",
    )
    max_iter: int = setting(default=MAX_ITER, check=Count(), help="the most iterations of a clustering")
    precision: float = setting(
        default=0.005, check=Fraction(least=1e-12), help="the search ends when q is known this well (the paper's δ_bin)"
    )
    extend: bool = setting(
        default=False,
        check=Flag(),
        help="push faces within ε of the domain's edge to infinity, which only lowers adversarial risks",
    )

    def check_together(self) -> None:
        """Refuse what has no effect at a fixed q."""
        if self.q is not None:
            for name in ("margin", "precision"):
                if getattr(self, name) != self.settings()[name].default:
                    msg = f"{name} is {getattr(self, name)!r} at a fixed q = {self.q:g}; allowed: only where q is searched"
                    raise InputError(msg)

    def vc_dimension(self, n_features: int) -> int:
        """Bound that of complements of unions of T boxes, whose faces are 2 d each."""
        return union_vc_dimension(2 * n_features, self.n_sets)

    def described(self) -> dict[str, Any]:
        """Return the settings as plain values; where no number of neighbors is given it depends on n."""
        given = {} if self.n_neighbors else {"n_neighbors": f"min({N_NEIGHBORS}, n)"}
        return super().described() | given

    def share(self, sample: Sample, how: How) -> None:
        """Let the sample know its neighbor radii."""
        Coverings(self, sample, how).radii()

    def prepare(self, sample: Sample, how: How) -> Coverings:
        """Return the clusterings of the sample, none of which is made yet."""
        return Coverings(self, sample, how)

    def find(self, prepared: Coverings, goal: Goal, how: How) -> Found:
        """Make the region at q, or search q."""
        if self.q is not None:
            region = prepared.region(self.q, goal.epsilon)
            return self.found(region, prepared.sample, goal, (), q=self.q, n_neighbors=prepared.n_neighbors)
        trace = prepared.search(goal, how)
        feasible = [tried for tried in trace if tried.feasible]
        if not feasible:
            raise NoRegionError(self._nothing_found(trace, goal))
        best = min(feasible, key=lambda tried: tried.adversarial_risk)
        told = {"q": best.q, "n_neighbors": prepared.n_neighbors}
        region = prepared.region(best.q, goal.epsilon)
        stored = {"q_found": best.q}
        return Found(region, goal, best.risk, best.adversarial_risk, self, tuple(trace), told, stored)

    def _nothing_found(self, trace: list[Tried], goal: Goal) -> str:
        most = max(tried.n_clustered for tried in trace)
        check_count("n_sets", self.n_sets, 1, most, f"the search on q began by clustering {most} points")
        largest = max(tried.risk for tried in trace if not math.isnan(tried.risk))
        asked = f"alpha is {goal.alpha:g}" + (f" and margin {goal.margin:g}" if goal.margin else "")
        failed = f"no q leaves that risk at epsilon {strength(goal.epsilon)} and n_sets {self.n_sets}"
        seen = f"the largest risk seen is {largest:g}"
        return f"{asked}, but {failed}: {seen}; allowed: a smaller alpha or epsilon, or more sets"


class Coverings:
    """Clusterings of one sample, each made once and shared by every ε, α and q that needs it."""

    def __init__(self, search: RectangleSearch, sample: Sample, how: How) -> None:
        n = len(sample)
        self.settings, self.sample, self.how = search, sample, how
        check_count("n_sets", search.n_sets, 1, n, f"there are {n} points")
        self.n_neighbors = neighbors_among(n, search.n_neighbors, include_self=search.include_self)
        if search.extend:
            check_domain(sample)
        self._made: dict[int, RectangleComplement] = {}

    def radii(self) -> NDArray[np.float64]:
        """Return how far each point's neighbors reach (line 1)."""
        k, itself, how = self.settings.n_neighbors, self.settings.include_self, self.how
        ways: dict[str, Any] = {"cache_dir": how.cache_dir, "progress": how.progress, "executor": how.executor}
        return self.sample.once(
            ("radii", self.n_neighbors, itself), lambda: knn_radii(self.sample, k, include_self=itself, **ways)
        )

    @functools.cached_property
    def _dense_first(self) -> Sample:
        """A copy of the points, the first of which every clustering takes as they lie (line 2)."""
        key = ("dense first", self.n_neighbors, self.settings.include_self)
        return self.sample.once(key, lambda: self.sample.take(dense_first(self.radii())))

    def count(self, q: float) -> int:
        """⌊q n⌋, where q n within rounding of a whole number is that number."""
        return math.floor(q * len(self.sample) + 1e-9)

    def region(self, q: float, epsilon: float) -> RectangleComplement:
        """Boxes around T clusters of the ⌊q n⌋ densest points, enlarged by ε (lines 5-10); InputError if T > ⌊q n⌋."""
        settings, n_clustered = self.settings, self.count(q)
        if n_clustered not in self._made:
            check_count("n_sets", settings.n_sets, 1, n_clustered, f"q = {q:g} leaves {n_clustered} points to cluster")
            points, max_iter, progress = self._dense_first.first(n_clustered), settings.max_iter, self.how.progress
            found = cluster(
                points, settings.n_sets, settings.seed, centers=settings.centers, max_iter=max_iter, progress=progress
            )
            self._made[n_clustered] = self._around(found.lower, found.upper, epsilon)
        region = self._made[n_clustered].at(epsilon)
        return extend_to_domain(region, self.sample) if settings.extend else region

    def _around(self, lower: NDArray[Any], upper: NDArray[Any], epsilon: float) -> RectangleComplement:
        """Return boxes with such faces, in levels. Points on them stay inside, however the points may be rounded."""
        sample = self.sample
        if slack := sample.slack(math.inf):
            farthest = max(float(np.abs(lower).max()), float(np.abs(upper).max()))
            pad = slack + farthest * np.finfo(lower.dtype).eps
            lower, upper = (lower.astype(np.float64) - pad, upper.astype(np.float64) + pad)
        faces = sample.coordinates(lower), sample.coordinates(upper)
        return RectangleComplement(*faces, epsilon).in_space(sample.space)

    def search(self, goal: Goal, how: How) -> list[Tried]:
        """Search q by bisection (lines 3-18)."""
        trace: list[Tried] = []
        low, high = 0.0, 1.0
        precision = self.settings.precision
        steps = math.ceil(-math.log2(precision))
        with bar(what=f"searching q at ε = {strength(goal.epsilon)}", shown=how.progress, total=steps) as shown:
            while high - low > precision:
                q = (low + high) / 2
                trace.append(self._try(q, goal))
                low, high = (q, high) if trace[-1].feasible else (low, q)
                shown.update()
        clustered = [tried.n_clustered for tried in trace if tried.n_clustered >= self.settings.n_sets]
        if clustered and not any(tried.feasible for tried in trace) and min(clustered) > self.settings.n_sets:
            # halving steps over the fewest points that make T clusters; what they leave uncovered is tried before giving up
            trace.append(self._try(self.settings.n_sets / len(self.sample), goal))
        return trace

    def _try(self, q: float, goal: Goal) -> Tried:
        n_clustered = self.count(q)
        if n_clustered < self.settings.n_sets:
            return Tried(q, n_clustered, math.nan, math.nan, feasible=False)
        found = self.region(q, goal.epsilon).measure(self.sample, goal.epsilon)
        risk, adversarial_risk = float(found.risk), float(found.adversarial_risk)
        return Tried(q, n_clustered, risk, adversarial_risk, feasible=risk >= goal.share)
