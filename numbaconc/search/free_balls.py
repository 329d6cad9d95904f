"""Balls whose centers may be anywhere, not only at training points (ℓ2)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.regions import BallUnion, Region
from numbaconc.regions.base import union_vc_dimension
from numbaconc.search.base import Found
from numbaconc.search.components import principal_components
from numbaconc.search.descent import (
    BEYOND,
    MOVES,
    STARTS,
    Moved,
    Points,
    Training,
    cut,
    descend,
    descend_within,
    distinct,
    scored,
    spread,
    tournament,
    widened,
)
from numbaconc.search.multiplier import best_of, hard_enough, least_worth, rewards
from numbaconc.search.settings import UNBOUNDED, Count, Flag, NotNegative, check_unused, domain_of, setting
from numbaconc.search.uncertain import UncertainSearch

SHARES = (1 / 8, 1 / 2, 2.0)  # numbers of neighbors averaged, in units of the number of points inside
PUSHES = (1.0, 1.5, 2.0, 3.0, 6.0)  # distances from the middle of the data, in units of the mean's
PARTS = (1 / 8, 1 / 4, 1 / 2)  # shares of the points inside that a new ball holds at first
COMPONENTS = 20  # principal ones, at most, in whose directions centers move where γ is asked for
TINY = 1e-24  # squared distances that are as good as none, in units of the largest
SLACK = 4e-15  # relative rounding up of radii, so that the points on the border are inside


class FreeBallSearch(UncertainSearch):
    """Search for a union of at most T balls, centered anywhere (ℓ2).

    The first candidates are single balls around means of training points' nearest neighbors. Each mean is also pushed
    away from the middle of the data. The best candidates are moved while that lowers the training adversarial risk.
    Then balls are added, one at a time. After each, all balls are moved together, and every ball in turn is dropped and
    chosen again. This ends when one more ball does not lower the training adversarial risk. Deterministic, on any
    number of threads.

    With γ, points that are harder are worth points of the expansion, as few as the constraint needs. There are candidates
    around hard points, too, and centers move in the directions of few principal components, so that they do not learn by heart
    which training points are hard.

    Attributes
    ----------
    region_ : BallUnion
        As small as it can be with ⌈n (α + margin)⌉ training points inside, or more where γ needs them; its centers have no
        indices.
    mean_uncertainty_ : float
        Of the labels of the training points in the region, where γ was asked for.
    covered_, expanded_ : ndarray, shape (n_balls,), int64
        How many training points are in the first t balls of the region, and in their expansions, for each t.
    trace_ : tuple of Moved
        One, whose candidate is a single ball.
    """

    name = "free_balls"
    norms = ("l2",)
    multiples = (1.0,)
    numbers_of_sets = (1,)  # more cost much time, and seldom help

    n_sets: int = setting(
        default=5, check=Count(), help="T, the most balls; fewer where one more does not help", coordinate="T"
    )
    n_points: int = setting(
        default=200, check=Count(), help="training points whose neighbors' means are the candidates' centers"
    )
    n_starts: int = setting(default=16, check=Count(), help=STARTS)
    max_iter: int = setting(default=60, check=Count(0), help=MOVES)
    beyond: float = setting(default=0.5, check=NotNegative(), help=BEYOND)
    unbounded: bool = setting(default=False, check=Flag(), help=UNBOUNDED)

    def vc_dimension(self, n_features: int) -> int:
        """Bound that of unions of T balls."""
        return union_vc_dimension(n_features + 1, self.n_sets)

    def check_together(self) -> None:
        """Refuse a number of starts where nothing is moved, and what `UncertainSearch` refuses."""
        super().check_together()
        for name in ("n_starts", "beyond") if not self.max_iter else ():
            check_unused(self, name, "with max_iter 0, which moves nothing; allowed: with a larger max_iter")

    def prepare(self, sample: Sample, how: How) -> _Neighborhoods:  # noqa: ARG002
        """Return the points that candidates are compared on, and distances from those that means are made for."""
        return _Neighborhoods(sample, self.n_points, self.hardness(sample))

    def find(self, prepared: _Neighborhoods, goal: Goal, how: How) -> Found:
        """Grow a union of balls."""
        constraint = self.constraint(prepared.sample)
        best = least_worth(lambda worth: self._at(prepared, goal, how, worth), constraint, prepared.sample)
        covered, expanded = _counts(best.region, prepared.sample, goal.epsilon)
        return replace(best, attributes={**best.attributes, "covered": covered, "expanded": expanded})

    def _at(self, prepared: _Neighborhoods, goal: Goal, how: How, worth: float) -> Found:
        """Return the best union where an uncertainty of 1 beyond γ is worth so many points of the expansion."""
        sample, (n_inside, n_few, strength) = prepared.sample, prepared.asked(goal)
        constraint, domain = self.constraint(sample), domain_of(self, sample)
        reward = rewards(constraint, worth)
        growth = _Growth(prepared, n_few, strength, self.max_iter, reward)
        steps = 2 * self.n_starts + 2 * (self.n_sets - 1)
        with bar(what="balls", shown=how.progress, total=steps) as shown:
            candidates = growth.ranked(_NONE)
            growth.strength = strength = growth.widened(candidates[0], self.beyond)
            unions = [growth.first(candidates, self.n_starts, shown.update)]
            while len(unions[-1].offsets) < self.n_sets:
                grown = growth.add(unions[-1])
                shown.update()
                if grown.score >= unions[-1].score:
                    break
                unions.append(growth.exchange(grown))
                shown.update()
        # a larger union may be better only on the points that it was grown on: all points decide
        middle, everything = prepared.points.middle, prepared.everything

        def measured(middle: NDArray[np.float32], balls: Balls) -> Found:
            def holding(number: int) -> Found:
                return self.found(_region(sample, middle, balls, number, domain), sample, goal)

            return hard_enough(holding, lambda: _union(sample, middle, balls).gap(sample), n_inside, constraint, sample)

        results = [measured(middle, candidates[0])]
        for balls in (unions[0], *unions[1:][-1:]):
            shape = _Balls(everything, balls.centers + middle - everything.middle, balls.offsets, growth.among)

            def gaps(shape: _Balls = shape) -> NDArray[np.float64]:
                moved = Balls(0, shape.centers, shape.offsets)
                return sample.to_levels(_region(sample, everything.middle, moved, n_inside, domain).gap(sample))

            descend_within(shape, n_inside, strength, self.max_iter, gaps if domain else None, reward)
            results.append(measured(everything.middle, Balls(0, shape.centers, shape.offsets)))
        best = best_of(results, constraint, sample)
        return replace(best, trace=(Moved(results[0].adversarial_risk, best.adversarial_risk),))


class _Neighborhoods(Training):
    """The training points, and distances between those at first and evenly spaced ones among them.

    `near` has the squared distances, shape (n, m), less something that depends on the latter alone.
    """

    def __init__(self, sample: Sample, n_points: int, hardness: NDArray[np.float64] | None = None) -> None:
        if not (sample.X[1:] != sample.X[:-1]).any():
            msg = f"X holds {len(sample)} identical points; allowed: points that differ"
            raise InputError(msg)
        super().__init__(sample)
        self.n_points, self.hardness = n_points, hardness
        self.near = self._near(np.arange(len(self.points)))

    def _near(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        some = rows[np.linspace(0, len(rows) - 1, min(self.n_points, len(rows))).astype(np.intp)]
        near: NDArray[np.float64] = self.points.squares[:, np.newaxis] - 2 * self.points.times(
            (self.points.X[some] - self.points.middle).T
        )
        return near

    @functools.cached_property
    def near_hard(self) -> NDArray[np.float64]:
        """The same, with as many points again, of those whose labels are more uncertain than others are on average."""
        assert self.hardness is not None  # as γ was asked for  # noqa: S101
        known = self.hardness[self.rows]
        return np.hstack([self.near, self._near(np.flatnonzero(known >= known.mean()))])

    @functools.cached_property
    def components(self) -> NDArray[np.float64]:
        """The directions in which centers move where γ is asked for."""
        X = self.points.X - self.points.middle
        return principal_components(X, min(COMPONENTS, *X.shape))


class Balls(NamedTuple):
    """A union of balls {x : max over t of offset_t - |x - center_t| >= level}, whatever the level is, and its score."""

    score: float  # points in its expansion, where the level leaves as many inside as are asked for
    centers: NDArray[np.float64]  # shape (T, d), in levels, relative to the middle of the points
    offsets: NDArray[np.float64]  # shape (T,), in levels; only their differences count
    newest: tuple[float, int] = (0.0, -1)  # of the last center, if new: how far its mean was pushed, and which it is


_NONE = Balls(0, np.empty((0, 0)), np.empty(0))


class _Balls:
    """The shape (`descent.Shape`) of a union of balls: f(x) = max over t of offset_t - |x - center_t|.

    If directions are given, orthonormal ones, the centers move in their span alone.
    """

    def __init__(
        self,
        points: Points,
        centers: NDArray[np.float64],
        offsets: NDArray[np.float64],
        among: NDArray[np.float64] | None = None,
    ) -> None:
        self.points, self.centers, self.offsets, self.among = points, centers, offsets, among
        products = points.times(centers.T).astype(np.float64)
        self.squares = points.squares[:, np.newaxis] - 2 * products + (centers**2).sum(axis=1)
        self.values = _nearest(self.squares, offsets)

    def pulls(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        distances = np.sqrt(np.maximum(self.squares, TINY * self.squares.max()))
        own = (self.offsets - distances).argmax(axis=1)[:, np.newaxis] == np.arange(len(self.offsets))
        pulls = np.where(own, weights[:, np.newaxis], 0.0)
        self.turn = -pulls.sum(axis=0)
        pulls /= distances
        self.back = pulls.sum(axis=0)[:, np.newaxis] * self.centers
        self.unit = float(np.median(distances))
        return pulls

    def aim(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        self.way = self.back - sums
        if self.among is not None:
            self.way = self.way @ self.among.T @ self.among
        length = np.sqrt((self.way**2).sum() + (self.turn**2).sum())
        scale = self.unit / (length if length > 0 else np.inf)
        way: NDArray[np.float64] = self.way * scale
        self.way, self.turn = way, self.turn * scale
        return way

    def along(self, products: NDArray[np.float64]) -> Callable[[float], NDArray[np.float64]]:
        self.ahead = products - (self.centers * self.way).sum(axis=1)
        return lambda length: _nearest(self._squares_after(length), self.offsets + length * self.turn)

    def go(self, length: float) -> None:
        self.squares = self._squares_after(length)
        self.centers = self.centers + length * self.way
        self.offsets = self.offsets + length * self.turn
        self.values = _nearest(self.squares, self.offsets)

    def _squares_after(self, length: float) -> NDArray[np.float64]:
        squares: NDArray[np.float64] = self.squares - 2 * length * self.ahead + length**2 * (self.way**2).sum(axis=1)
        return squares


def _nearest(squares: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = (offsets - np.sqrt(np.maximum(squares, 0))).max(axis=1)
    return values


class _Growth:
    """How a union of balls grows, one ball at a time, from candidates for the next one.

    A region must hold `n_inside` of the points that candidates are compared on; `strength` is ε in levels. Where there is a
    reward of each training point, those in a region take theirs from its score.
    """

    def __init__(
        self,
        neighborhoods: _Neighborhoods,
        n_inside: int,
        strength: float,
        max_iter: int,
        reward: NDArray[np.float64] | None = None,
    ) -> None:
        self.points = neighborhoods.points
        self.n_inside, self.strength, self.max_iter = n_inside, strength, max_iter
        self.reward = None if reward is None else reward[neighborhoods.rows]
        self.among = None if reward is None else neighborhoods.components
        self.means = self._neighbors_means(neighborhoods.near if reward is None else neighborhoods.near_hard)
        self.products = np.ascontiguousarray(self.points.times(self.means.T).T)
        self.squares = (self.means**2).sum(axis=1)

    def _neighbors_means(self, near: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distinct means of points and their nearest neighbors, relative to the middle, shape (m, d)."""
        n, X = len(self.points), self.points.X
        counts = sorted({min(n, max(2, round(share * self.n_inside))) for share in SHARES})
        order = np.argpartition(near, [count - 1 for count in counts], axis=0)
        means = [X[order[:count, j]].mean(axis=0, dtype=np.float64) for count in counts for j in range(near.shape[1])]
        unique: NDArray[np.float64] = np.unique(np.array(means), axis=0) - self.points.middle
        return unique

    def ranked(self, balls: Balls) -> list[Balls]:
        """Return the union with one more ball, once for each mean, at its best push and size; the best union first."""
        values, level, shares = np.full(len(self.points), -np.inf), 0.0, [self.n_inside]
        if len(balls.offsets):
            values = self._shape(balls).values
            level = cut(values, self.n_inside, self.strength)[1]
            shares = sorted({max(1, round(part * self.n_inside)) for part in PARTS})

        def score(mean: int) -> Balls:
            found = []
            for push in PUSHES:
                distances = self._distances(push, mean)
                radii = np.partition(distances, [share - 1 for share in shares])
                for share in shares:
                    offset = level + float(radii[share - 1])
                    union = np.maximum(values, offset - distances)
                    found.append((scored(union, self.n_inside, self.strength, reward=self.reward)[0], push, offset))
            best, push, offset = min(found)
            centers = np.vstack([balls.centers.reshape(-1, self.means.shape[1]), push * self.means[mean]])
            return Balls(best, centers, np.append(balls.offsets, offset), (push, mean))

        return sorted(spread(score, len(self.means)), key=lambda one: one.score)

    def _distances(self, push: float, mean: int) -> NDArray[np.float64]:
        squares = self.points.squares - 2 * push * self.products[mean] + push**2 * self.squares[mean]
        distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
        return distances

    def widened(self, balls: Balls, beyond: float) -> float:
        """Return the least strength at which the expansion of a union holds enough points beyond it (`descent.widened`)."""
        return widened(self._shape(balls).values, self.n_inside, self.strength, beyond)

    def first(self, candidates: list[Balls], n_starts: int, done: Callable[[int], Any]) -> Balls:
        """Return the best single ball after the best candidates that differ were moved."""
        chosen = distinct((-self._distances(*one.newest) for one in candidates), self.n_inside, n_starts)
        shapes = [self._shape(candidates[i]) for i in chosen]
        score, shape = tournament(shapes, self.n_inside, self.strength, self.max_iter, done, self.reward)
        return Balls(score, shape.centers, shape.offsets)

    def add(self, balls: Balls) -> Balls:
        """Return the union with one more ball, all of them moved."""
        shape = self._shape(self.ranked(balls)[0])
        (score,) = descend([shape], self.n_inside, self.strength, self.max_iter, reward=self.reward)
        return Balls(score, shape.centers, shape.offsets)

    def _shape(self, balls: Balls) -> _Balls:
        return _Balls(self.points, balls.centers, balls.offsets, self.among)

    def exchange(self, balls: Balls) -> Balls:
        """Drop each ball in turn and choose one again where that is better; return the union."""
        for t in range(len(balls.offsets)):
            other = self.add(Balls(0, np.delete(balls.centers, t, axis=0), np.delete(balls.offsets, t)))
            balls = min(balls, other, key=lambda one: one.score)
        return balls


def _union(sample: Sample, middle: NDArray[np.float32], balls: Balls) -> BallUnion:
    """Return the balls, none of whose offsets is negative, as a region: the one at a level of 0 or less."""
    offsets = sample.to_units(balls.offsets)
    return BallUnion(sample.coordinates(balls.centers + middle), offsets - min(0.0, float(offsets.min())))


def _region(
    sample: Sample,
    middle: NDArray[np.float32],
    balls: Balls,
    n_inside: int,
    domain: tuple[float, float] | None,
) -> BallUnion:
    """Return the balls at the level that leaves the `n_inside` points nearest to them inside, without empty balls."""
    union = _union(sample, middle, balls)
    centers, offsets, gap = union.centers, union.radii, union.gap(sample)
    radii = offsets + float(np.partition(gap, n_inside - 1)[n_inside - 1])
    radii = radii[kept := radii >= 0] + SLACK * (np.abs(radii[kept]) + np.abs(offsets[kept]))
    return BallUnion(centers[kept], radii, domain=domain)


def _counts(region: Region, sample: Sample, epsilon: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many points are in the first t balls, and in their expansions, for each t."""
    assert isinstance(region, BallUnion)  # of this search  # noqa: S101
    parts = [
        BallUnion(region.centers[:t], region.radii[:t], domain=region.domain) for t in range(1, len(region.radii) + 1)
    ]
    measured = [part.measure(sample, epsilon) for part in parts]
    counts = np.rint(len(sample) * np.array([[one.risk, one.adversarial_risk] for one in measured])).astype(np.int64)
    return counts[:, 0], counts[:, 1]
