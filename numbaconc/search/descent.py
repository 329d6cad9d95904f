"""Regions of the form {x : f(x) >= level}: cut them where α lies, and move f so that fewer points come near.

A shape says how f depends on what can be moved. Its score is a whole number, the points with
f(x) >= level - ε, where the level leaves the points that α asks for inside; a step is taken only if
that number falls. The direction of a step comes from the same counts with blurred edges.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from numbaconc.kernels import products as kernel
from numbaconc.kernels.threads import using_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from numbaconc.data.arrays import Sample

MANY = 32  # columns; BLAS multiplies more of them faster than the kernel
BLOCK = 1024  # points that BLAS is given at a time
FEW = 16384  # points, evenly spaced, that candidates are compared and first moved on
WIDTHS = (1.0, 0.5, 0.25, 0.125)  # of the blurred edges in units of ε, in turn
STEPS = (1 / 32, 1 / 8, 1 / 2, 1, 2, 4)  # tried along a direction, in units of the last step that helped
FIRST, LAST = 1 / 8, 1e-5  # of those units
ROUND = 10  # moves after which the worse half of several shapes is given up
FAINT = 1e-3  # weights below are taken as 0


S = TypeVar("S", bound="Shape")


class Shape(Protocol):
    """What can be moved: a function f of the points, by its values.

    A move takes two passes over the points, which several shapes share.
    """

    points: Points
    values: NDArray[np.float64]

    def pulls(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each point on each of m parts, shape (n, m): the slope of Σ weights f is made of sums of them times points."""

    def aim(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Choose the direction that lowers Σ weights f fastest, from pullsᵀ X; return its parts, shape (m, d)."""

    def along(self, products: NDArray[np.float64]) -> Callable[[float], NDArray[np.float64]]:
        """Return f's values after a step of any length, from the products of the points and the direction."""

    def go(self, length: float) -> None:
        """Take a step in the direction last chosen."""


class Moved(NamedTuple):
    """Training adversarial risks of a search that moves shapes: of its best candidate, and of what it found."""

    candidate: float
    moved: float


class Points:
    """Points around whole levels near the mean, and what a search wants of them.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    """

    def __init__(self, X: NDArray[np.uint8] | NDArray[np.float32]) -> None:
        self.X = X
        mean = X.mean(axis=0, dtype=np.float64)
        self.middle = (np.rint(mean) if X.dtype == np.uint8 else mean).astype(np.float32)

    def __len__(self) -> int:
        return len(self.X)

    def times(self, W: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """(X - middle) W, shape (n, m), for W of shape (d, m)."""
        if W.shape[1] > MANY:
            return self._times_many(W.astype(np.float32))
        found: NDArray[np.float32] = kernel.products(self.X, self.middle, np.ascontiguousarray(W.T, np.float32))
        return found

    def _times_many(self, W: NDArray[np.float32]) -> NDArray[np.float32]:
        from threadpoolctl import threadpool_limits

        blocks = [self.X[start : start + BLOCK] for start in range(0, len(self.X), BLOCK)]
        # threads of our own: how BLAS splits a product among its threads changes the last bits
        with threadpool_limits(1, "blas"):
            return np.concatenate(spread(lambda i: (blocks[i] - self.middle) @ W, len(blocks)))

    def sum(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """weightsᵀ (X - middle), shape (m, d), for weights of shape (n, m)."""
        found: NDArray[np.float64] = kernel.sums(self.X, self.middle, np.ascontiguousarray(weights.T, np.float32))
        return found

    def squares(self) -> NDArray[np.float64]:
        """Squared lengths of the rows of X - middle, shape (n,)."""
        found: NDArray[np.float64] = kernel.squares(self.X, self.middle)
        return found


def spread(what: Callable[[int], Any], n: int) -> list[Any]:
    """Call `what` with 0 to n - 1, in as many threads as kernels use; the results in order."""
    with using_threads(None) as n_threads:
        if min(n, n_threads) == 1:
            return [what(i) for i in range(n)]
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(what, range(n)))


def few(sample: Sample) -> Sample:
    """Return evenly spaced points of a sample, all of them if there are not many."""
    n = len(sample)
    return sample if n <= FEW else sample.take(np.linspace(0, n - 1, FEW).astype(np.intp))


def cut(values: NDArray[np.floating[Any]], n_inside: int, strength: float) -> tuple[int, float]:
    """Return how many values are at most `strength` below the level that `n_inside` of them reach, and the level."""
    level = float(np.partition(values, -n_inside)[-n_inside])
    return int(np.count_nonzero(values >= level - strength)), level


class _Walk:
    """A shape on its way, and how long its steps are."""

    def __init__(self, shape: Shape, n_inside: int, strength: float) -> None:
        self.shape, self.n_inside, self.strength = shape, n_inside, strength
        self.best, self.level = cut(shape.values, n_inside, strength)
        self.unit, self.idle = FIRST, 0

    def pulls(self, turn: int) -> NDArray[np.float64]:
        width = WIDTHS[turn % len(WIDTHS)] * self.strength
        return self.shape.pulls(_pull(self.shape.values, self.level, self.strength, width))

    def step(self, products: NDArray[np.float64]) -> None:
        after, n_inside, strength = self.shape.along(products), self.n_inside, self.strength
        score, length = min((cut(after(self.unit * step), n_inside, strength)[0], self.unit * step) for step in STEPS)
        self.idle += 1
        if score < self.best:
            self.shape.go(length)
            self.best, self.level = cut(self.shape.values, n_inside, strength)
            self.unit, self.idle = length, 0
        elif self.idle == len(WIDTHS):
            self.unit, self.idle = self.unit / 8, 0


def descend(shapes: Sequence[Shape], n_inside: int, strength: float, max_iter: int) -> list[int]:
    """Move shapes, each while that lowers its score, and return the scores. They are of the same points."""
    walks = [_Walk(shape, n_inside, strength) for shape in shapes]
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
    shapes: list[S], n_inside: int, strength: float, max_iter: int, done: Callable[[int], Any] = lambda _: None
) -> tuple[int, S]:
    """Move several shapes, the better half of them again and again; return the best score and its shape."""
    while len(shapes) > 1:
        scores = descend(shapes, n_inside, strength, min(ROUND, max_iter))
        done(len(shapes))
        shapes = [shapes[i] for i in np.argsort(scores, kind="stable")[: len(shapes) // 2]]
    (score,) = descend(shapes, n_inside, strength, max_iter)
    done(1)
    return score, shapes[0]


def distinct(values: Iterable[NDArray[np.floating[Any]]], n_inside: int, n: int) -> list[int]:
    """Return which are the first `n` of some shapes' values, without those that share most points inside with one."""
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


def _pull(values: NDArray[np.float64], level: float, strength: float, width: float) -> NDArray[np.float64]:
    """How the score grows with each value, its edges blurred; points near the level take the level with them."""

    def near(edge: float) -> NDArray[np.float64]:
        return np.exp(-0.5 * ((values - edge) / width) ** 2)

    inner, outer = near(level), near(level - strength)
    weights = outer - inner * (outer.sum() / inner.sum())
    return np.where(np.abs(weights) < FAINT, 0.0, weights)
