"""Balls around points that are not data: neighbors' means, pushed away from the middle of the data, then moved (ℓ2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.errors import InputError
from numbaconc.progress import bar
from numbaconc.regions import BallUnion
from numbaconc.search.descent import Points, cut, descend, distinct, few, spread, tournament

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbaconc.data.arrays import Sample

SHARES = (1 / 8, 1 / 2, 2.0)  # neighbors averaged, in units of the points that a region holds
PUSHES = (1.0, 1.5, 2.0, 3.0, 6.0)  # distances from the middle of the data, in units of the mean's
PARTS = (1 / 8, 1 / 4, 1 / 2)  # of the points inside, that a new ball takes at first
SLACK = 4e-15  # how far, relatively, radii are rounded up, so that the points on the border are inside


def place_balls(
    sample: Sample,
    epsilon: float,
    n_inside: int,
    n_sets: int,
    *,
    n_points: int = 200,
    n_starts: int = 16,
    max_iter: int = 60,
    progress: bool = False,
) -> tuple[BallUnion, float]:
    """Find at most T balls, centered anywhere, that hold some points and that few others are near.

    The best candidates are moved while that lowers the training adversarial risk. Then balls are
    added one by one, and in turn dropped and chosen again, and all of them moved together, as long
    as that lowers it further. Deterministic, on any number of threads.

    Parameters
    ----------
    sample : Sample
        The training points.
    epsilon : float
        Strength in ℓ2 on the unit scale.
    n_inside : int
        Points to hold, fewer than there are.
    n_sets : int
        T, the most balls. Fewer are used where one more does not help.
    n_points : int
        Evenly spaced training points, whose neighbors' means the candidates are made of.
    n_starts : int
        Candidates that are moved, none of which has most of its points in common with a better one.
        The worse half is given up again and again.
    max_iter : int
        The most moves; 0 to leave the candidates as they are.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    region : BallUnion
        Its border has the last of the points to hold just inside.
    unrefined : float
        Training adversarial risk of the best candidate, a single ball, before it was moved.

    Raises
    ------
    InputError
        If all points are identical.
    """
    n = len(sample)
    if not (sample.X[1:] != sample.X[:-1]).any():
        msg = f"X holds {n} identical points; allowed: points that differ"
        raise InputError(msg)
    strength, some = float(sample.to_levels(epsilon)), few(sample)
    growth = _Growth(Points(some.X), max(1, round(n_inside * len(some) / n)), strength, n_points, max_iter)
    with bar(what="balls", shown=progress, total=2 * n_starts + 2 * (n_sets - 1)) as shown:
        candidates = growth.ranked(_NONE)
        found = [growth.first(candidates, n_starts, shown.update)]
        while len(found[-1].offsets) < n_sets:
            grown = growth.add(found[-1])
            shown.update()
            if grown.score >= found[-1].score:
                break
            found.append(growth.exchange(grown))
            shown.update()
    # the few points may flatter a larger union: all points decide
    results = [_measured(sample, growth.points.middle, candidates[0], n_inside, epsilon)]
    everything = Points(sample.X)
    lengths = everything.squares()
    for balls in (found[0], *found[1:][-1:]):
        shape = _Balls(everything, balls.centers + growth.points.middle - everything.middle, balls.offsets, lengths)
        descend([shape], n_inside, strength, max_iter)
        final = Balls(0, shape.centers, shape.offsets)
        results.append(_measured(sample, everything.middle, final, n_inside, epsilon))
    return min(results, key=lambda one: one[1])[0], results[0][1]


class Balls(NamedTuple):
    """A union {x : max over t of offset_t - |x - center_t| >= level}, and its score, in levels.

    Centers, shape (T, d), are relative to the middle of the points; only differences of offsets count.
    The newest ball may say of which push and mean it is.
    """

    score: int
    centers: NDArray[np.float64]
    offsets: NDArray[np.float64]
    newest: tuple[float, int] = (0.0, -1)


_NONE = Balls(0, np.empty((0, 0)), np.empty(0))


class _Balls:
    """f(x) = max over t of offset_t - |x - center_t|."""

    def __init__(
        self, points: Points, centers: NDArray[np.float64], offsets: NDArray[np.float64], lengths: NDArray[np.float64]
    ) -> None:
        self.points, self.centers, self.offsets = points, centers, offsets
        products = points.times(centers.T).astype(np.float64)
        self.squares = lengths[:, np.newaxis] - 2 * products + (centers**2).sum(axis=1)
        self.values = _nearest(self.squares, offsets)

    def pulls(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        distances = np.sqrt(np.maximum(self.squares, 1e-12))
        own = (self.offsets - distances).argmax(axis=1)[:, np.newaxis] == np.arange(len(self.offsets))
        pulls = np.where(own, weights[:, np.newaxis], 0.0)
        self.turn = -pulls.sum(axis=0)
        pulls /= distances
        self.back = pulls.sum(axis=0)[:, np.newaxis] * self.centers
        self.unit = float(np.median(distances))
        return pulls

    def aim(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        self.way = self.back - sums
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
    """Candidates, and what is done with them.

    Parameters
    ----------
    points : Points
    n_inside : int
        Points that a region must hold.
    strength : float
        ε in levels.
    n_points, max_iter
        As in `place_balls`.
    """

    def __init__(self, points: Points, n_inside: int, strength: float, n_points: int, max_iter: int) -> None:
        self.points, self.n_inside, self.strength, self.max_iter = points, n_inside, strength, max_iter
        self.lengths = points.squares()
        self.means = self._neighbors_means(min(n_points, len(points)))
        self.products = np.ascontiguousarray(points.times(self.means.T).T)
        self.squares = (self.means**2).sum(axis=1)

    def _neighbors_means(self, n_points: int) -> NDArray[np.float64]:
        """Means of evenly spaced points' nearest neighbors, the point among them, each once, shape (m, d)."""
        n, X, middle = len(self.points), self.points.X, self.points.middle
        rows = np.linspace(0, n - 1, n_points).astype(np.intp)
        near = self.lengths[:, np.newaxis] - 2 * self.points.times((X[rows] - middle).T)
        counts = sorted({min(n, max(2, round(share * self.n_inside))) for share in SHARES})
        order = np.argpartition(near, [count - 1 for count in counts], axis=0)
        means = [X[order[:count, j]].mean(axis=0, dtype=np.float64) for count in counts for j in range(n_points)]
        unique: NDArray[np.float64] = np.unique(np.array(means), axis=0) - middle
        return unique

    def ranked(self, balls: Balls) -> list[Balls]:
        """Return the union with one more ball, in the best way for each mean, the best first."""
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
                    found.append((cut(union, self.n_inside, self.strength)[0], push, offset))
            best, push, offset = min(found)
            centers = np.vstack([balls.centers.reshape(-1, self.means.shape[1]), push * self.means[mean]])
            return Balls(best, centers, np.append(balls.offsets, offset), (push, mean))

        return sorted(spread(score, len(self.means)), key=lambda one: one.score)

    def _distances(self, push: float, mean: int) -> NDArray[np.float64]:
        squares = self.lengths - 2 * push * self.products[mean] + push**2 * self.squares[mean]
        distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
        return distances

    def first(self, candidates: list[Balls], n_starts: int, done: Callable[[int], Any]) -> Balls:
        """Return the best single ball after candidates that differ were moved."""
        chosen = distinct((-self._distances(*one.newest) for one in candidates), self.n_inside, n_starts)
        shapes = [self._shape(candidates[i]) for i in chosen]
        score, shape = tournament(shapes, self.n_inside, self.strength, self.max_iter, done)
        return Balls(score, shape.centers, shape.offsets)

    def add(self, balls: Balls) -> Balls:
        """Return the union with one more ball, all of them moved."""
        shape = self._shape(self.ranked(balls)[0])
        (score,) = descend([shape], self.n_inside, self.strength, self.max_iter)
        return Balls(score, shape.centers, shape.offsets)

    def _shape(self, balls: Balls) -> _Balls:
        return _Balls(self.points, balls.centers, balls.offsets, self.lengths)

    def exchange(self, balls: Balls) -> Balls:
        """Drop each ball in turn and choose it again; return the union, which is not worse."""
        for t in range(len(balls.offsets)):
            other = self.add(Balls(0, np.delete(balls.centers, t, axis=0), np.delete(balls.offsets, t)))
            balls = min(balls, other, key=lambda one: one.score)
        return balls


def _measured(
    sample: Sample, middle: NDArray[np.float32], balls: Balls, n_inside: int, epsilon: float
) -> tuple[BallUnion, float]:
    """Union of balls that hold the `n_inside` points nearest to them, and its exact adversarial risk."""
    centers, offsets = sample.to_units(balls.centers + middle), sample.to_units(balls.offsets)
    offsets = offsets - min(0.0, float(offsets.min()))
    gap = BallUnion(centers, offsets).gap(sample)
    radii = offsets + float(np.partition(gap, n_inside - 1)[n_inside - 1])
    radii = radii[kept := radii >= 0] + SLACK * (np.abs(radii[kept]) + np.abs(offsets[kept]))
    region = BallUnion(centers[kept], radii)
    return region, float(region.measure(sample, epsilon).adversarial_risk)
