"""Local search for balls around data points: drop a ball, choose again, until nothing improves (ℓ2).

Each ball that is chosen is the best there is, though few centers are looked at. A ball that covers k points that no
other ball covers reaches at least as far as the ball around the same center that holds k points in all. So its
expansion holds whatever the other's expansion holds. How many points that is, less those of them that are expanded
already, is a lower bound of what the ball adds. It is one for each ball that a constraint on uncertainty leaves, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.how import bar
from numbaconc.kernels.balls import best_balls, best_hard_balls, bound_expansions, count_within, expand_radius
from numbaconc.search.distances import BATCH
from numbaconc.search.greedy import FEW, Greedy, lowest

MOST = 2  # balls that may take the place of one


class Ball(NamedTuple):
    """A ball: its center, its radius (squared where distances are), and the points in it and in its expansion."""

    center: int
    radius: float
    inside: NDArray[np.intp]
    reached: NDArray[np.intp]


class Bounds(NamedTuple):
    """Of each center, a lower bound of how many points a ball newly expands that covers so many uncovered points.

    Those are the points within `reach`, squared where distances are, as the expansion of any such ball holds them.
    """

    least: NDArray[np.int64]  # points within `reach` that were in no expansion after the first `n_applied` changes
    reach: NDArray[np.float64]
    n_applied: NDArray[np.int64]


class Exchange:
    """Some balls, those of a greedy search at first, and what is known of those that may take their places."""

    def __init__(self, greedy: Greedy, *, progress: bool) -> None:
        n = len(greedy.sample)
        self.distances, self.strength, self.progress = greedy.distances, greedy.strength, progress
        self.target, self.n_sets, self.constraint = greedy.target, greedy.n_sets, greedy.constraint
        self.histograms, self.largest_reach = greedy.distances_counted(progress=progress)
        self.balls = [self._ball(int(c), float(r)) for c, r in zip(greedy.centers, greedy.radii, strict=True)]
        # how many balls cover each point, and how many expand to it
        self.covering, self.expanding = np.zeros((2, n), np.int32)
        for one in self.balls:
            self._count(one, 1)
        self.bounds: dict[int, Bounds] = {}  # by the least number of points that a ball covers
        self.unexpanded = np.ones(n, np.bool_)  # points in no expansion when changes were noted last
        self.changes = np.empty(0, np.intp)  # points that have come into an expansion, or that are in none any more
        self.signs = np.empty(0, np.int64)  # -1 and 1 for these
        self.falls = np.zeros(1, np.int64)  # how many of the first changes have the sign -1

    def run(self) -> list[tuple[int, float]]:
        """Drop each ball in turn and choose again, one in its place or two, until a whole round improves nothing.

        Return the balls: center and radius, squared where distances are.
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
        return int(np.count_nonzero(self.expanding))

    @property
    def _held(self) -> int:
        """The sum of the excess of the points that are covered, which a constraint asks to be at least 0."""
        return 0 if self.constraint is None else int(self.constraint.excess[self.covering > 0].sum())

    def _rank(self, n_balls: int) -> tuple[int, int, int]:
        """Return what is to be least: points expanded, then points not covered, then balls."""
        return self._n_expanded, self._missing, n_balls

    def _ball(self, center: int, radius: float) -> Ball:
        distances = self.distances.to_all(np.array([center]))[0]
        reach = expand_radius(radius, self.strength, self.distances.squared)
        return Ball(center, radius, np.flatnonzero(distances <= radius), np.flatnonzero(distances <= reach))

    def _count(self, ball: Ball, step: int) -> None:
        self.covering[ball.inside] += step
        self.expanding[ball.reached] += step

    def _instead(self, dropped: Ball) -> list[Ball] | None:
        """Put other balls in the place of one, if that is better."""
        before = self._rank(1)
        self._count(dropped, -1)
        for number in range(1, min(MOST, self.n_sets - len(self.balls)) + 1):
            chosen = self._fill(number, before[0])
            if self._missing <= 0 and self._rank(len(chosen)) < before and self._held >= 0:
                return chosen
            for one in chosen:
                self._count(one, -1)
        self._count(dropped, 1)
        return None

    def _fill(self, number: int, most: int) -> list[Ball]:
        """Add at most so many balls, until nothing is missing, or more than `most` points would be expanded.

        Each covers at least its share of the missing points, and newly expands the fewest. Of such balls it is the one
        that covers most, up to all that are missing, of those the first, and then the smallest.
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
        """Return the best ball that covers at least `fewest` points; None if each newly expands more than `spare`."""
        n, squared, strength = len(self.unexpanded), self.distances.squared, self.strength
        if fewest not in self.bounds:
            self.bounds[fewest] = self._first_bounds(fewest)
        least, reach, n_applied = bounds = self.bounds[fewest]
        uncovered, unexpanded, everywhere = self.covering == 0, self.expanding == 0, np.ones(n, np.bool_)
        not_noted = np.count_nonzero(self.unexpanded & ~unexpanded)
        cost, floors = n + 1, np.array([fewest])
        best, winner, radius, size = cost * spare, n, 0.0, FEW
        waiting = np.ones(n, np.bool_)  # centers that are not looked at yet
        while True:
            bound = least - (self.falls[-1] - self.falls[n_applied]) - not_noted
            can_win = waiting & (bound <= -(-best // cost))
            rows = lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                return None if winner == n else self._ball(winner, radius)
            if (n_applied[rows] < len(self.changes)).any():
                self._apply_changes(np.flatnonzero(can_win & (n_applied < len(self.changes))), bound, bounds)
                continue
            distances, largest = self.distances.to_all(rows), self.largest_reach[rows]
            state = distances, squared, uncovered, unexpanded, strength, fewest, missing
            if self.constraint is None:
                objective, radii, _, _ = best_balls(*state, floors, largest, cost)
            else:
                objective, radii, _ = best_hard_balls(*state, self.constraint.excess, self._held, cost)
            first = np.lexsort((rows, objective))[0]
            if (objective[first], rows[first]) < (best, winner):
                best, winner, radius = int(objective[first]), int(rows[first]), float(radii[first])
            # the bounds as sharp as they get, now that the distances are known
            alone, _, _, reach[rows] = best_balls(
                distances, squared, everywhere, self.unexpanded, strength, fewest, fewest, floors, largest, cost
            )
            least[rows] = -(-alone // cost)
            waiting[rows] = False
            size = min(BATCH, 2 * size)

    def _first_bounds(self, fewest: int) -> Bounds:
        least, top = bound_expansions(self.histograms.counts, self.histograms.tops(self.strength), fewest)
        reach = self.histograms.farthest(top)
        return Bounds(least, reach**2 if self.distances.squared else reach, np.zeros(len(least), np.int64))

    def _note_changes(self) -> None:
        unexpanded = self.expanding == 0
        changes = np.flatnonzero(unexpanded != self.unexpanded)
        self.changes = np.append(self.changes, changes)
        self.signs = np.append(self.signs, np.where(unexpanded[changes], 1, -1))
        self.falls = np.append(0, np.cumsum(self.signs < 0))
        self.unexpanded = unexpanded

    def _apply_changes(self, rows: NDArray[np.intp], bound: NDArray[np.int64], bounds: Bounds) -> None:
        """Take the changes within reach into the bounds of the lowest of `rows`."""
        least, reach, n_applied = bounds
        since = int(n_applied[rows].min())
        size = max(1, BATCH * len(least) // (len(self.changes) - since))
        rows = lowest(rows[n_applied[rows] == since], bound, size)
        distances = self.distances.between(self.changes[since:], rows)
        least[rows] += count_within(distances, reach[rows], self.signs[since:])
        n_applied[rows] = len(self.changes)
