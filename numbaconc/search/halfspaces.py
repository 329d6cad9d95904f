"""Half spaces whose normals are powers of principal components (Prescott, Zhang, Evans, ICLR 2021), then moved."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.norms import NORMS, dual
from numbaconc.regions.halfspace import HalfSpace, project
from numbaconc.search.base import Found
from numbaconc.search.components import growing, principal_components
from numbaconc.search.descent import (
    BEYOND,
    MOVES,
    STARTS,
    Moved,
    Points,
    Training,
    descend_within,
    distinct,
    scored,
    spread,
    tournament,
    widened,
)
from numbaconc.search.multiplier import best_of, hard_enough, least_worth, rewards
from numbaconc.search.settings import (
    UNBOUNDED,
    Count,
    Flag,
    NormName,
    NotNegative,
    Powers,
    check_unused,
    domain_of,
    setting,
)
from numbaconc.search.uncertain import UncertainSearch

POWERS = (0.0, 1.0, 2.0, 4.0, math.inf)
SLACK = 4e-15  # how far, relatively, the border is moved out: half spaces are open, and points on it are to be inside


class HalfSpaceSearch(UncertainSearch):
    """Search for a half space of little adversarial risk, in any of the norms (Prescott, Zhang, Evans, ICLR 2021).

    The normals of the candidates are sign(v)|v|^s for principal components v and several powers s, in both directions.
    The best candidates are moved as long as that lowers the training adversarial risk. The search is deterministic, on
    any number of threads.

    With γ, points that are harder are worth points of the expansion, as few as the constraint needs. There are candidates
    that point to where labels are uncertain, too, and normals move among the principal components alone. The fewer of these
    there are, the more of the uncertainty is found again on other points.

    Attributes
    ----------
    region_ : HalfSpace
        It holds the ⌈n (α + margin)⌉ training points that lie farthest along its normal, or more where γ needs them, the last
        of them just inside.
    mean_uncertainty_ : float
        Of the labels of the training points in the region, where γ was asked for.
    trace_ : tuple of Moved
        One entry: the adversarial risk of the best candidate, and of the region found.
    """

    name = "halfspaces"
    norms = tuple(NORMS)
    multiples = (1.0,)

    norm: str = setting(default="linf", check=NormName(), help="what epsilon is measured in")
    n_components: int = setting(
        default=50, check=Count(), help="principal components, of which the candidates are made; at most d are"
    )
    powers: tuple[float, ...] = setting(
        default=POWERS, check=Powers(), help="the s of the candidates; infinity gives the largest coordinate alone"
    )
    n_starts: int = setting(default=16, check=Count(), help=STARTS)
    max_iter: int = setting(default=60, check=Count(0), help=MOVES)
    beyond: float = setting(default=0.5, check=NotNegative(), help=BEYOND)
    unbounded: bool = setting(default=False, check=Flag(), help=UNBOUNDED)

    def vc_dimension(self, n_features: int) -> int:
        """Return the VC dimension of half spaces."""
        return n_features + 1

    def check_together(self) -> None:
        """Refuse a number of starts where nothing is moved, and what `UncertainSearch` refuses."""
        super().check_together()
        for name in ("n_starts", "beyond") if not self.max_iter else ():
            check_unused(self, name, "with max_iter 0, which moves nothing; allowed: with a larger max_iter")

    def prepare(self, sample: Sample, how: How) -> _Candidates:  # noqa: ARG002
        """Return the candidates, and the projections of some of the points on their normals."""
        return _Candidates(sample, self)

    def find(self, prepared: _Candidates, goal: Goal, how: How) -> Found:
        """Compare the candidates on some of the points, move the best of them, and move the winner on all points."""
        return least_worth(
            lambda worth: self._at(prepared, goal, how, worth), self.constraint(prepared.sample), prepared.sample
        )

    def _at(self, prepared: _Candidates, goal: Goal, how: How, worth: float) -> Found:
        """Return the best half space where so many points of the expansion are worth an uncertainty of 1 beyond γ."""
        sample, p, q, constraint = prepared.sample, prepared.p, prepared.q, self.constraint(prepared.sample)
        n_inside, n_few, strength = prepared.asked(goal)
        domain = domain_of(self, sample)
        reward = rewards(constraint, worth)
        reward_few = None if reward is None else reward[prepared.rows]
        W, values = prepared.candidates if reward is None else prepared.hard

        def ranked(strength: float) -> NDArray[np.intp]:
            scores = spread(lambda i: scored(values[i], n_few, strength, reward=reward_few)[0], len(W))
            return np.argsort(scores, kind="stable")

        order = ranked(strength)

        def measured(w: NDArray[np.float64]) -> Found:
            def holding(number: int) -> Found:
                return self.found(_region(sample, w, p, number, strength, domain), sample, goal)

            return hard_enough(holding, lambda: -project(sample, w), n_inside, constraint, sample)

        best = candidate = measured(W[order[0]])
        if self.max_iter:
            moved_at = widened(values[order[0]], n_few, strength, self.beyond)
            order = ranked(moved_at)
            rows = order[distinct((values[i] for i in order), n_few, self.n_starts)]
            among = None if reward is None else prepared.components
            starts = [_Plane(prepared.points, w, q, among) for w in W[rows]]
            with bar(what="half spaces", shown=how.progress, total=2 * len(starts)) as shown:
                w = tournament(starts, n_few, moved_at, self.max_iter, shown.update, reward_few)[1].w
                plane = _Plane(prepared.everything, w, q, among)

                def gaps() -> NDArray[np.float64]:
                    return sample.to_levels(_region(sample, plane.w, p, n_inside, moved_at, domain).gap(sample))

                descend_within(plane, n_inside, moved_at, self.max_iter, gaps if domain else None, reward)
                shown.update()
            best = best_of([best, measured(plane.w)], constraint, sample)
        return replace(best, trace=(Moved(candidate.adversarial_risk, best.adversarial_risk),))


class _Candidates(Training):
    """The normals of all candidates, and the projections of some of the points on them."""

    def __init__(self, sample: Sample, search: HalfSpaceSearch) -> None:
        super().__init__(sample)
        self.p = NORMS[search.norm_name].p
        self.q = dual(self.p)
        self.powers, self.hardness = search.powers, search.hardness(sample)
        X, middle = self.points.X, self.points.middle
        self.components = principal_components(X - middle, min(search.n_components, *X.shape))
        self.candidates = self._projected(self.components)

    def _projected(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the candidates that are powers of some directions, and the projections of some of the points on them."""
        W = _candidates(directions, self.powers, self.q)
        W = np.concatenate([W, -W])
        return W, np.ascontiguousarray(self.points.times(W.T).T)

    @functools.cached_property
    def hard(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The candidates, with more that point to where labels are uncertain."""
        assert self.hardness is not None  # as γ was asked for  # noqa: S101
        projections = self.points.times(self.components.T).astype(np.float64)
        directions = growing(self.components, projections, self.hardness[self.rows])
        return self._projected(np.concatenate([self.components, directions]))


def _power(v: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """Return sign(v)|v|^s along the last axis, up to a factor; for s = 0 a coordinate of 0 counts as positive."""
    v = v + 0.0  # no negative zeros
    size: NDArray[np.float64] = np.abs(v) / np.abs(v).max(axis=-1, keepdims=True)
    if math.isinf(s):
        size = (np.arange(v.shape[-1]) == size.argmax(axis=-1)[..., np.newaxis]).astype(np.float64)
    else:
        size = size**s
    signed: NDArray[np.float64] = np.copysign(size, v)
    return signed


def _candidates(components: NDArray[np.float64], powers: Sequence[float], q: float) -> NDArray[np.float64]:
    """Return powers of the components, shape (m, d), each of length 1 in ℓq, without duplicates."""
    W = np.concatenate([_power(components, s) for s in powers]) + 0.0
    W /= np.linalg.norm(W, q, axis=1)[:, np.newaxis]
    return W[np.sort(np.unique(W, axis=0, return_index=True)[1])]


class _Plane:
    """The function f(x) = w·x / ‖w‖_q, which is moved as a `Shape` of one part, w.

    If directions are given, orthonormal ones, w moves in their span alone: in many dimensions any few points have a half
    space of their own, so that where rewards are high, it would learn them by heart.
    """

    def __init__(
        self, points: Points, w: NDArray[np.float64], q: float, among: NDArray[np.float64] | None = None
    ) -> None:
        self.points, self.q, self.w, self.among = points, q, w, among
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
        """Return the direction of length 1 in ℓq along which Σ weights f falls fastest, from the slope of Σ weights w·x."""
        if self.q < math.inf:  # f does not change when w only grows longer, so that part of the slope is taken out
            along = float(slope @ self.w)
            normal = np.copysign(np.abs(self.w) ** (self.q - 1), self.w)
            if self.q == 1:  # |w_j| has no slope at 0: anything from -1 to 1 will do, so take what cancels most
                normal[self.w == 0] = np.clip(slope[self.w == 0] / (along or 1.0), -1, 1)
            slope = slope - along * normal
        if self.among is not None:
            slope = self.among.T @ (self.among @ slope)
        if not slope.any():
            return np.zeros_like(slope)
        v = slope if self.among is not None else _power(slope, math.inf if self.q == 1 else 1 / (self.q - 1))
        return v / np.linalg.norm(v, self.q)


def _region(
    sample: Sample,
    w: NDArray[np.float64],
    p: float,
    n_inside: int,
    strength: float,
    domain: tuple[float, float] | None,
) -> HalfSpace:
    """Return the half space that holds the points of the `n_inside` largest projections, and those that tie with the last."""
    projections = project(sample, w)
    level = float(np.partition(projections, -n_inside)[-n_inside])
    reach = strength * HalfSpace(w, 0.0, p).dual_norm
    region = HalfSpace(w, 0.0, p)
    level -= SLACK * max(abs(level), reach, abs(region.threshold(sample))) + 2 * region.uncertainty(sample)
    return HalfSpace(w, region.above(level, sample), p, domain)
