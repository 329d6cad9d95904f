"""Moving regions of the form {x : f(x) >= level}, so that fewer points lie within ε of them.

A shape is such a function f, with parameters that can be moved: the normal of a half space, or the centers of balls.
The level is always put where as many points are inside as the goal asks for. The score of a shape is then a whole
number: how many points have f(x) >= level - ε. A step is taken only if it lowers the score. As whole numbers have no
slope, the direction of a step comes from a smooth version of the score, in which the two edges, at the level and at
level - ε, are blurred.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.kernels import products as kernel
from numbaconc.kernels.threads import using_threads

MANY = 32  # columns; where there are more, BLAS multiplies faster than the kernel
BLOCK = 1024  # points that BLAS is given at a time
FEW = 16384  # points, evenly spaced, on which candidates are compared and moved at first
WIDTHS = (1.0, 0.5, 0.25, 0.125)  # of the blurred edges, in units of ε; each turn takes the next
STEPS = (1 / 32, 1 / 8, 1 / 2, 1, 2, 4)  # lengths tried along a direction, in units of the last that helped
FIRST, LAST = 1 / 8, 1e-5  # the unit at the start, and the one below which a shape is at rest
ROUND = 10  # turns after which the worse half of several shapes is given up
LOOKS = 4  # times that it is looked at how the domain blocks the way
FAINT = 1e-3  # weights smaller than this are taken as 0
STARTS = "candidates that are moved, none of which has most of its points in common with a better one"  # help texts
BEYOND = (
    "regions are moved at a strength at which their expansion holds so many points beyond them, as a share of those "
    "inside, where epsilon is too small for that; 0 for epsilon in any case"
)
MOVES = "the most moves; 0 to leave the candidates as they are"


S = TypeVar("S", bound="Shape")


class Shape(Protocol):
    """A function f of the points that can be moved. It has m parts, vectors of d numbers, such as the centers of m balls.

    A step is made by four calls, always in this order: `pulls`, `aim`, `along`, `go`. Each relies on what the one
    before has left in the shape, and nothing checks the order; `go` is left out if no length is worth a step, and the
    next step then begins with `pulls` again. They are four because the two products in between, pullsᵀ X before `aim`
    and X · direction before `along`, are passes over all points, and one pass serves several shapes at once.
    """

    points: Points
    values: NDArray[np.float64]  # f of each point

    def pulls(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how much each point pulls at each part, shape (n, m), where Σ weights f(x) is to be lowered.

        The slope of that sum, as the parts move, is a function of pullsᵀ X.
        """

    def aim(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Choose the direction in which Σ weights f(x) falls fastest, from pullsᵀ X; return its parts, shape (m, d)."""

    def along(self, products: NDArray[np.float64]) -> Callable[[float], NDArray[np.float64]]:
        """Return the function that gives f's values after a step of any length, from the products X · direction."""

    def go(self, length: float) -> None:
        """Take a step of this length in the direction that `aim` chose, to the values that `along` said."""


class Moved(NamedTuple):
    """Training adversarial risks of the best candidate before anything is moved, and of the region found in the end."""

    candidate: float
    moved: float


class Points:
    """Points, and products with them after a middle is subtracted: their mean, of whole levels for bytes."""

    def __init__(self, X: NDArray[Any]) -> None:
        self.X = X
        mean = X.mean(axis=0, dtype=np.float64)
        self.middle = (np.rint(mean) if X.dtype == np.uint8 else mean).astype(np.float32)

    def __len__(self) -> int:
        return len(self.X)

    def times(self, W: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return (X - middle) W, shape (n, m), for W of shape (d, m)."""
        if W.shape[1] > MANY:
            return self._times_many(W.astype(np.float32))
        products: NDArray[np.float32] = kernel.products(self.X, self.middle, np.ascontiguousarray(W.T, np.float32))
        return products

    def _times_many(self, W: NDArray[np.float32]) -> NDArray[np.float32]:
        from threadpoolctl import threadpool_limits

        blocks = [self.X[start : start + BLOCK] for start in range(0, len(self.X), BLOCK)]
        # BLAS gets one thread, and threads of our own share the blocks: how it splits a product changes the last bits
        with threadpool_limits(1, "blas"):
            return np.concatenate(spread(lambda i: (blocks[i] - self.middle) @ W, len(blocks)))

    def sum(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weightsᵀ (X - middle), shape (m, d), for weights of shape (n, m)."""
        sums: NDArray[np.float64] = kernel.sums(self.X, self.middle, np.ascontiguousarray(weights.T, np.float32))
        return sums

    @functools.cached_property
    def squares(self) -> NDArray[np.float64]:
        """The squared lengths of the rows of X - middle, shape (n,)."""
        squares: NDArray[np.float64] = kernel.squares(self.X, self.middle)
        return squares


class Training:
    """The points of a sample: `points`, on which shapes are compared and moved at first, and then all of them.

    Those at first are evenly spaced; all, if there are not many.
    """

    def __init__(self, sample: Sample) -> None:
        n = len(sample)
        self.rows = np.arange(n) if n <= FEW else np.linspace(0, n - 1, FEW).astype(np.intp)
        few = sample if n <= FEW else sample.take(self.rows)
        self.sample, self.points = sample, Points(few.X)

    @functools.cached_property
    def everything(self) -> Points:
        """All points of the sample."""
        return Points(self.sample.X)

    def asked(self, goal: Goal) -> tuple[int, int, float]:
        """Return how many points a region must hold, of all and of those at first, and ε in levels."""
        n_inside = goal.n_inside(len(self.sample))
        n_few = max(1, round(n_inside * len(self.points) / len(self.sample)))
        return n_inside, n_few, float(self.sample.to_levels(goal.epsilon))


def spread(what: Callable[[int], Any], n: int) -> list[Any]:
    """Call `what` with 0 to n - 1, in as many threads as kernels use, and return the results in order."""
    with using_threads(None) as n_threads:
        if min(n, n_threads) == 1:
            return [what(i) for i in range(n)]
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(what, range(n)))


def cut(
    values: NDArray[np.floating[Any]], n_inside: int, strength: float, blocked: NDArray[np.float64] | float = 0.0
) -> tuple[int, float]:
    """Return the score and the level: how many values are at least level - strength, and the n_inside-th largest value.

    Where the domain blocks the way of points, they count as so much farther outside: by `blocked`, shape (n,), in levels.
    """
    level = float(np.partition(values, -n_inside)[-n_inside])
    return int(np.count_nonzero(values >= level - strength + blocked)), level


def scored(
    values: NDArray[np.floating[Any]],
    n_inside: int,
    strength: float,
    blocked: NDArray[np.float64] | float = 0.0,
    reward: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Return the score, less the reward of the points inside where there is one, shape (n,), and the level."""
    score, level = cut(values, n_inside, strength, blocked)
    return (score if reward is None else score - float(reward[values >= level].sum())), level


def widened(values: NDArray[np.floating[Any]], n_inside: int, strength: float, beyond: float) -> float:
    """Return the least strength, from the given one on, at which a region's expansion holds enough points beyond it.

    Enough are a share `beyond` of the `n_inside` points with the largest values, which are inside, or half of the others
    if these are fewer. A border that was moved by few points avoids just those: on other points it is no better than the
    one it came from.
    """
    others = len(values) - n_inside
    count = n_inside + math.ceil(min(others / 2, beyond * n_inside))
    last, level = np.sort(np.partition(values, [-count, -n_inside])[[-count, -n_inside]])
    return max(strength, float(level) - float(last))


class _Walk:
    """A shape that is being moved: `best`, its score, and the length of its steps.

    The next lengths are multiples of `unit`, the length of the last step that helped. It shrinks when every width of
    the edges has been tried in vain: `idle` counts the turns since a step helped, or since the unit shrank.
    """

    def __init__(
        self,
        shape: Shape,
        n_inside: int,
        strength: float,
        blocked: NDArray[np.float64] | float,
        reward: NDArray[np.float64] | None,
    ) -> None:
        self.shape, self.asked = shape, (n_inside, strength, blocked, reward)
        self.best, self.level = scored(shape.values, *self.asked)
        self.unit, self.idle = FIRST, 0

    def pulls(self, turn: int) -> NDArray[np.float64]:
        """Return the pulls of the points at the width of the edges that is next."""
        _, strength, blocked, reward = self.asked
        width = WIDTHS[turn % len(WIDTHS)] * strength
        return self.shape.pulls(_pull(self.shape.values, self.level, strength, width, blocked, reward))

    def step(self, products: NDArray[np.float64]) -> None:
        """Try several lengths along the direction last chosen, and go the best if it lowers the score."""
        after = self.shape.along(products)
        score, length = min((scored(after(self.unit * step), *self.asked)[0], self.unit * step) for step in STEPS)
        self.idle += 1
        if score < self.best:
            self.shape.go(length)
            self.best, self.level = scored(self.shape.values, *self.asked)
            self.unit, self.idle = length, 0
        elif self.idle == len(WIDTHS):
            self.unit, self.idle = self.unit / 8, 0


def descend(
    shapes: Sequence[Shape],
    n_inside: int,
    strength: float,
    max_iter: int,
    blocked: NDArray[np.float64] | float = 0.0,
    reward: NDArray[np.float64] | None = None,
) -> list[float]:
    """Move shapes of the same points, each until it is at rest or `max_iter` turns are over, and return their scores.

    Where there is a reward, shape (n,), that of the points inside is taken from the score.
    """
    walks = [_Walk(shape, n_inside, strength, blocked, reward) for shape in shapes]
    points = shapes[0].points
    for turn in range(max_iter):
        moving = [walk for walk in walks if walk.unit >= LAST]
        if not moving:
            break
        pulls = [walk.pulls(turn) for walk in moving]
        ends = np.cumsum([one.shape[1] for one in pulls])[:-1]
        sums = np.split(points.sum(np.hstack(pulls)), ends)
        ways = [walk.shape.aim(one) for walk, one in zip(moving, sums, strict=True)]
        products = np.split(points.times(np.vstack(ways).T), ends, axis=1)
        for walk, one in zip(moving, products, strict=True):
            walk.step(one.astype(np.float64))
    return [walk.best for walk in walks]


def tournament(
    shapes: list[S],
    n_inside: int,
    strength: float,
    max_iter: int,
    done: Callable[[int], Any] = lambda _: None,
    reward: NDArray[np.float64] | None = None,
) -> tuple[float, S]:
    """Move several shapes and drop the worse half, until one is left; move that to the end, and return its score and it.

    `done` is told how many shapes have been moved, each time.
    """
    while len(shapes) > 1:
        scores = descend(shapes, n_inside, strength, min(ROUND, max_iter), reward=reward)
        done(len(shapes))
        shapes = [shapes[i] for i in np.argsort(scores, kind="stable")[: len(shapes) // 2]]
    (score,) = descend(shapes, n_inside, strength, max_iter, reward=reward)
    done(1)
    return score, shapes[0]


def distinct(values: Iterable[NDArray[np.floating[Any]]], n_inside: int, n: int) -> list[int]:
    """Return the indices of the first `n` of some regions that differ, from the values of f that each gives the points.

    Left out is a region that shares more than half of the points inside with one that comes before.
    """
    chosen: list[int] = []
    insides: list[NDArray[np.bool_]] = []
    for i, row in enumerate(values):
        inside = row >= np.partition(row, -n_inside)[-n_inside]
        if all(2 * np.count_nonzero(inside & other) <= np.count_nonzero(inside) for other in insides):
            chosen.append(i)
            insides.append(inside)
            if len(chosen) == n:
                break
    return chosen


def descend_within(
    shape: Shape,
    n_inside: int,
    strength: float,
    max_iter: int,
    gaps: Callable[[], NDArray[np.float64]] | None,
    reward: NDArray[np.float64] | None = None,
) -> None:
    """Move one shape where a domain may block the way of points: `gaps` says how far outside they are then, in levels.

    How much farther that is than without the domain changes slowly as the shape moves. So it is looked at a few times,
    and taken to be fixed in between.
    """
    if gaps is None:
        descend([shape], n_inside, strength, max_iter, reward=reward)
        return
    for turns in np.diff(np.linspace(0, max_iter, LOOKS + 1).astype(int)):
        plain, within = cut(shape.values, n_inside, strength)[1] - shape.values, gaps()
        share = np.divide(plain, within, where=(plain > 0) & (within > 0), out=np.ones(len(plain)))
        descend([shape], n_inside, strength, int(turns), strength * (1 - share.clip(0, 1)), reward)


def _pull(
    values: NDArray[np.float64],
    level: float,
    strength: float,
    width: float,
    blocked: NDArray[np.float64] | float,
    reward: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return how fast the score, with blurred edges, grows as the value of each point grows.

    A point near level - ε adds to the score as it crosses that edge. A point near the level moves the level, and with
    it the other edge, as the number of points inside stays the same: its weight is negative. It also takes its reward, if
    there is one, from the score as it comes in.
    """

    def near(edge: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.exp(-0.5 * ((values - edge) / width) ** 2)

    inner, outer = near(level), near(level - strength + blocked)
    gained = outer if reward is None else outer - inner * reward
    weights = gained - inner * (gained.sum() / inner.sum())
    return np.where(np.abs(weights) < FAINT, 0.0, weights)
