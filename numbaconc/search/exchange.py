"""Local search for balls around data points: drop a ball, choose again, until nothing improves (ℓ2).

Exact, though few centers are looked at. A ball of so many points reaches at least as far from its
center as it would if no other ball took some of them, so that a bound on what it expands holds
whatever balls there are, less the points within that reach that they have expanded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbaconc.how import bar
from numbaconc.kernels.balls import best_balls, bound_expansions, count_within, expand_radius
from numbaconc.search.distances import BATCH
from numbaconc.search.greedy import FEW, lowest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbaconc.search.greedy import Greedy

MOST = 2  # balls that may take the place of one


class Ball(NamedTuple):
    """A ball: its center, the key of its radius, and the points in it and in its expansion."""

    center: int
    radius: float
    inside: NDArray[np.intp]
    reached: NDArray[np.intp]


class Bounds(NamedTuple):
    """What every center's balls of at least so many points expand at least.

    Attributes
    ----------
    near : ndarray, shape (n,), int64
        Points within `reach` that no ball expanded after the first `counted` changes.
    reach : ndarray, shape (n,), float64
        A key; the expansion of such a ball holds every point that `near` counts.
    counted : ndarray, shape (n,), int64
    """

    near: NDArray[np.int64]
    reach: NDArray[np.float64]
    counted: NDArray[np.int64]


class Exchange:
    """Some balls, and what is known of those that may take their places.

    Parameters
    ----------
    greedy : Greedy
        Whose balls they are at first.
    progress : bool
        Show progress bars on a terminal.
    """

    def __init__(self, greedy: Greedy, *, progress: bool) -> None:
        n = len(greedy.free)
        self.keys, self.strength, self.progress = greedy.keys, greedy.strength, progress
        self.target, self.n_sets = greedy.target, greedy.n_sets
        self.tally = greedy.tallied(progress=progress)
        self.balls = [self._ball(int(c), float(r)) for c, r in zip(greedy.centers, greedy.radii, strict=True)]
        # of each point, how many balls cover it, and how many expand to it
        self.covering, self.holding = np.zeros((2, n), np.int32)
        for one in self.balls:
            self._count(one, 1)
        self.bounds: dict[int, Bounds] = {}  # by the least number of points in a ball
        self.fresh = np.ones(n, np.bool_)  # points in no expansion since the last exchange
        self.changes = np.empty(0, np.intp)  # points that an exchange expanded (-1) or gave back (1)
        self.signs = np.empty(0, np.int64)
        self.falls = np.zeros(1, np.int64)  # how many of the first changes were the former

    def run(self) -> list[tuple[int, float]]:
        """Drop each ball in turn and choose again, one in its place or two, until a whole round improves nothing.

        Returns
        -------
        list of tuple
            The balls: center, and key of the radius.
        """
        idle = 0
        with bar(what="exchanges", shown=self.progress) as shown:
            while idle < len(self.balls):
                self._note_changes()
                dropped = self.balls.pop(0)
                instead = self._instead(dropped)
                self.balls += [dropped] if instead is None else instead
                idle = idle + 1 if instead is None else 0
                shown.update()
                shown.set_postfix(expanded=self._n_expanded)
        return [(one.center, one.radius) for one in self.balls]

    @property
    def _missing(self) -> int:
        return self.target - int(np.count_nonzero(self.covering))

    @property
    def _n_expanded(self) -> int:
        return int(np.count_nonzero(self.holding))

    def _rank(self, n_balls: int) -> tuple[int, int, int]:
        """Return what is to be least: points expanded, then points not covered, then balls."""
        return self._n_expanded, self._missing, n_balls

    def _ball(self, center: int, radius: float) -> Ball:
        keys = self.keys.to_all(np.array([center]))[0]
        reach = expand_radius(radius, self.strength, self.keys.squared)
        return Ball(center, radius, np.flatnonzero(keys <= radius), np.flatnonzero(keys <= reach))

    def _count(self, ball: Ball, step: int) -> None:
        self.covering[ball.inside] += step
        self.holding[ball.reached] += step

    def _instead(self, dropped: Ball) -> list[Ball] | None:
        """Put other balls in the place of one, if that is better."""
        before = self._rank(1)
        self._count(dropped, -1)
        for number in range(1, min(MOST, self.n_sets - len(self.balls)) + 1):
            chosen = self._fill(number, before[0])
            if self._missing <= 0 and self._rank(len(chosen)) < before:
                return chosen
            for one in chosen:
                self._count(one, -1)
        self._count(dropped, 1)
        return None

    def _fill(self, number: int, most: int) -> list[Ball]:
        """Add balls until the target is covered, or none would leave the points expanded at no more than `most`.

        Each covers its share of the points missing at least, and is the one that expands the fewest; of
        those the one that covers most, but no more than is missing, then the first, then the smallest.
        """
        chosen: list[Ball] = []
        while (missing := self._missing) > 0:
            ball = self._choose(-(-missing // (number - len(chosen))), missing, most - self._n_expanded)
            if ball is None:
                break
            self._count(ball, 1)
            chosen.append(ball)
        return chosen

    def _choose(self, fewest: int, missing: int, spare: int) -> Ball | None:
        """Return the best ball of those that expand at most `spare` points more."""
        n, squared, strength = len(self.fresh), self.keys.squared, self.strength
        if fewest not in self.bounds:
            self.bounds[fewest] = self._first_bounds(fewest)
        near, reach, counted = bounds = self.bounds[fewest]
        free, fresh, anywhere = self.covering == 0, self.holding == 0, np.ones(n, np.bool_)
        unnoted = np.count_nonzero(self.fresh & ~fresh)
        cost, floors = n + 1, np.array([fewest])
        best, winner, radius = cost * spare, n, 0.0
        waiting = np.ones(n, np.bool_)
        size = FEW
        while True:
            bound = near - (self.falls[-1] - self.falls[counted]) - unnoted
            can_win = waiting & (bound <= -(-best // cost))
            rows = lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                return None if winner == n else self._ball(winner, radius)
            if (counted[rows] < len(self.changes)).any():
                self._recount(np.flatnonzero(can_win & (counted < len(self.changes))), bound, bounds)
                continue
            keys, largest = self.keys.to_all(rows), self.tally.reach[rows]
            worth, radii, _, _ = best_balls(
                keys, squared, free, fresh, strength, fewest, missing, floors, largest, cost
            )
            first = np.lexsort((rows, worth))[0]
            if (worth[first], rows[first]) < (best, winner):
                best, winner, radius = int(worth[first]), int(rows[first]), float(radii[first])
            # the bounds as sharp as they get, now that the distances are known
            alone, _, _, reach[rows] = best_balls(
                keys, squared, anywhere, self.fresh, strength, fewest, fewest, floors, largest, cost
            )
            near[rows] = -(-alone // cost)
            waiting[rows] = False
            size = min(BATCH, 2 * size)

    def _first_bounds(self, fewest: int) -> Bounds:
        near, top = bound_expansions(self.tally.counts, self.tally.steps, fewest)
        reach = (top + 1.001) / self.tally.scale
        return Bounds(near, reach**2 if self.keys.squared else reach, np.zeros(len(near), np.int64))

    def _note_changes(self) -> None:
        fresh = self.holding == 0
        changes = np.flatnonzero(fresh != self.fresh)
        self.changes = np.append(self.changes, changes)
        self.signs = np.append(self.signs, np.where(fresh[changes], 1, -1))
        self.falls = np.append(0, np.cumsum(self.signs < 0))
        self.fresh = fresh

    def _recount(self, rows: NDArray[np.intp], bound: NDArray[np.int64], bounds: Bounds) -> None:
        """Take the changes within reach into the bounds of the lowest of `rows`."""
        near, reach, counted = bounds
        since = int(counted[rows].min())
        size = max(1, BATCH * len(near) // (len(self.changes) - since))
        rows = lowest(rows[counted[rows] == since], bound, size)
        keys = self.keys.between(self.changes[since:], rows)
        near[rows] += count_within(keys, reach[rows], self.signs[since:])
        counted[rows] = len(self.changes)
