"""The hyperplane baseline of Gilmer et al.: a half space across the first principal component (ℓ2)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.how import How
from numbaconc.regions.halfspace import HalfSpace, project
from numbaconc.search.base import Found, Search
from numbaconc.search.components import principal_components


class Side(NamedTuple):
    """One direction of the component: its sign, and risks on the training sample."""

    sign: int
    risk: float
    adversarial_risk: float


class HyperplaneSearch(Search):
    """Cut off the share of the points that lies farthest along the first principal component (Gilmer et al., ℓ2).

    Of the component's two directions the one with the smaller training adversarial risk is taken.

    Attributes
    ----------
    region_ : HalfSpace
        Above the threshold that leaves ⌈n (α + margin)⌉ training points. Where several tie, the risk can be below α.
    trace_ : tuple of Side
        Both directions.
    """

    name = "hyperplane"
    norms = ("l2",)
    multiples = (1.0,)
    contends = False

    def vc_dimension(self, n_features: int) -> int:
        """Return that of half spaces."""
        return n_features + 1

    def prepare(self, sample: Sample, how: How) -> tuple[Sample, NDArray[np.float64]]:  # noqa: ARG002
        """Return the sample and its first principal component."""
        solver = "covariance_eigh" if sample.n_features <= len(sample) else "full"  # neither draws random numbers
        return sample, principal_components(sample.X.astype(np.float64), 1, solver)[0]

    def find(self, prepared: tuple[Sample, NDArray[np.float64]], goal: Goal, how: How) -> Found:  # noqa: ARG002
        """Cut both ends off, and keep the better cut."""
        sample, w = prepared
        n_above = goal.n_inside(len(sample))
        both = {sign: self.found(_cut(sample, sign * w, n_above), sample, goal) for sign in (1, -1)}
        best = min(both.values(), key=lambda one: one.adversarial_risk)
        trace = [Side(sign, one.risk, one.adversarial_risk) for sign, one in both.items()]
        return self.found(best.region, sample, goal, trace)


def _cut(sample: Sample, w: NDArray[np.float64], n_above: int) -> HalfSpace:
    """Half space of the `n_above` largest projections: the next one is the threshold, and stays outside."""
    level = float(np.partition(project(sample, w), -n_above - 1)[-n_above - 1])
    b = HalfSpace(w, 0.0).above(level, sample)
    while (region := HalfSpace(w, b)).threshold(sample) < level:  # b was rounded down
        b = math.nextafter(b, math.inf)
    return region
