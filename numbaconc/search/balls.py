"""Algorithm 2: error regions that are unions of balls around training points (ℓ2)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from numbaconc.data.files import sha256_of_array
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.goal import Goal, count_of
from numbaconc.how import How
from numbaconc.regions.base import union_vc_dimension
from numbaconc.search.base import Found
from numbaconc.search.distances import Distances
from numbaconc.search.exchange import Exchange
from numbaconc.search.greedy import Greedy
from numbaconc.search.settings import Count, Flag, NotNegative, setting
from numbaconc.search.uncertain import UncertainSearch


class Placed(NamedTuple):
    """One ball of a region, in the order of placing, and how many training points are covered and expanded by then."""

    center_index: int
    radius: float
    covered: int
    expanded: int


class BallSearch(UncertainSearch):
    """Search for a union of T balls around training points, chosen greedily (Algorithm 2, section 4.2, ℓ2).

    ⌈n (α (1 + δ) + margin)⌉ training points are covered. Ties go to the lowest index, then to the smallest ball.
    Fewer than T balls are used where the first ones cover more than their share. With γ, the mean label uncertainty of the
    points in all balls so far is at least γ after each ball. Deterministic, on any number of threads.

    Attributes
    ----------
    region_ : BallUnion
        In the order in which the balls were chosen.
    center_indices_ : ndarray, shape (n_balls,), int64
        Which training points are centers.
    covered_, expanded_ : ndarray, shape (n_balls,), int64
        Training points in the balls so far (the size of S_init) and in their expansions (of S_exp).
    objective_ : ndarray, shape (n_balls,), int64
        What each ball adds to `expanded_` minus what it adds to `covered_`.
    unrefined_ : float
        Training adversarial risk before the local search.
    mean_uncertainty_ : float
        Of the labels of the training points in the region, where γ was asked for.
    trace_ : tuple of Placed
    """

    name = "balls"
    norms = ("l2",)
    multiples = (1.0,)
    contends = False
    resumable = True

    n_sets: int = setting(default=5, check=Count(), help="T, the most balls", coordinate="T")
    delta: float = setting(
        default=0.0, check=NotNegative(), help="share of alpha that is covered beyond it (the paper's δ)"
    )
    local_search: bool = setting(
        default=False, check=Flag(), help="drop each ball in turn and choose again, one or two, until nothing improves"
    )

    def vc_dimension(self, n_features: int) -> int:
        """Bound that of unions of T balls."""
        return union_vc_dimension(n_features + 1, self.n_sets)

    def prepare(self, sample: Sample, how: How) -> Distances:  # noqa: ARG002
        """Return the distances between points, none of which is computed yet."""
        return Distances(sample)

    def find(self, prepared: Distances, goal: Goal, how: How) -> Found:
        """Place balls, and exchange them if asked to."""
        sample = prepared.sample
        constraint = self.constraint(sample)
        greedy = Greedy(prepared, goal.epsilon, self._target(goal, len(sample)), self.n_sets, constraint)
        if how.checkpoint is not None:
            known = self.hardness(sample)
            made_of = {"data": sample.sha256, "unit": sample.unit, "epsilon": goal.epsilon, "alpha": goal.alpha}
            made_of |= {"n_sets": self.n_sets, "delta": self.delta, "margin": goal.margin}
            made_of |= {"gamma": self.gamma, "uncertainty": None if known is None else sha256_of_array(known)}
            greedy.keep(Path(how.checkpoint), made_of)
        greedy.run(progress=how.progress)
        unrefined = float(greedy.region().measure(sample, goal.epsilon).adversarial_risk)
        if self.local_search:
            greedy.place_instead(Exchange(greedy, progress=how.progress).run())
        region = greedy.region()
        placed = region.center_indices, region.radii, greedy.covered, greedy.expanded
        trace = [Placed(*one) for one in zip(*(column.tolist() for column in placed), strict=True)]
        told = {name: getattr(greedy, name) for name in ("covered", "expanded", "objective")}
        told |= {"center_indices": region.center_indices, "unrefined": unrefined}
        return self.found(region, sample, goal, trace, **told)

    def _target(self, goal: Goal, n: int) -> int:
        """Return ⌈n (α (1 + δ) + margin)⌉; n or more is refused."""
        beyond = goal.with_margin((goal.margin or 0.0) + self.delta * goal.alpha)
        if self.delta and count_of(min(1.0, beyond.share), n) >= n:
            margin = f", margin {goal.margin:g}" if goal.margin else ""
            asked = f"alpha is {goal.alpha:g}{margin} and delta {self.delta:g}, to hold {n} points"
            msg = f"{asked}; allowed: fewer than the {n} there are"
            raise InputError(msg)
        return beyond.n_inside(n)
