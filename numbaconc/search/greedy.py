"""Algorithm 2: balls around data points, chosen greedily, with a file to go on from (ℓ2).

The balls are those of the paper's greedy, found with less work. The paper computes the objectives of all centers anew
for every ball. Here each center keeps a lower bound of its objective, and only centers whose bounds are as low as
the best objective known are computed. A ball that is placed lowers the objective of another center by at most the
number of points that it newly expands within that center's reach, so that the old bound less this number is a bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.files import check_writable, replacing
from numbaconc.how import bar
from numbaconc.kernels.balls import best_balls, bound_balls, count_within, expand_radius
from numbaconc.kernels.distances import TILE, count_pairs
from numbaconc.regions.balls import BallUnion
from numbaconc.search.checkpoint import STATE, Limits, damaged, packed, read_state
from numbaconc.search.distances import BATCH, Distances, Histograms, rounds

FEW = 32  # centers whose objectives are computed first for a ball; then twice as many at a time, up to a batch
STEPS = 24  # buckets of distances that epsilon spans, unless it is small
BUCKETS = 1024  # at most
COUNTS = 1 << 27  # of all points in all buckets, at most
TINY = 1e-30  # distances that are as good as none: float32 still holds whatever is divided by it
SPACING = 0.9  # ratio of successive floors, the ranks from which on least objectives are bounded
SAVE_EVERY = 30.0  # seconds between checkpoints while a ball is chosen


class Greedy:
    """The state of a search: the balls so far, and a lower bound of the objective of every center.

    Radii and reaches (the radii of expansions) are squared where distances are. At most `n_sets` balls, T, are to cover
    `target` points, N.
    """

    def __init__(self, distances: Distances, epsilon: float, target: int, n_sets: int) -> None:
        self.distances, self.sample = distances, distances.sample
        self.epsilon, self.target, self.n_sets = epsilon, target, n_sets
        self.strength = float(self.sample.to_levels(epsilon))
        self.path: Path | None = None
        self.settings: dict[str, Any] = {}
        self.saved = time.monotonic()
        self._clear()
        # of each center
        self.floors = _floors(math.ceil(target / n_sets))
        n = len(self.sample)
        self.least = np.zeros((n, len(self.floors)), np.int32)  # at most the least objective over ranks from each floor
        self.reach = np.full(n, np.inf)  # at least the reach of its largest ball
        self.trusted = np.ones(n, np.bool_)  # whether `reach` is of this run; by a file's, kernels may miss points
        self.subtracted = np.zeros(n, np.int64)  # how many points of `order` are off `least`, those within reach
        # histograms, while they are counted; then `least` is made of them
        self.counts = np.empty((0, 0), np.int32)
        self.rounds_counted = 0
        self.histograms: Histograms | None = None  # in the end; None if that was before a checkpoint
        self.first_reach = self.reach  # what `reach` was then

    def _clear(self) -> None:
        """Start without balls."""
        # of each ball: center, radius, objective, and the points in the balls so far and in their expansions
        self.centers, self.radii = np.empty(0, np.int64), np.empty(0, np.float64)
        self.objective, self.covered, self.expanded = np.empty((3, 0), np.int64)
        self.uncovered, self.unexpanded = np.ones((2, len(self.sample)), np.bool_)  # not in S_init, not in S_exp
        self.order = np.empty(0, np.int64)  # the points of S_exp, in the order in which they came into it

    def run(self, *, progress: bool) -> None:
        """Place balls until the target is covered."""
        self.bound(progress=progress)
        with bar(what="balls", shown=progress, total=self.n_sets) as shown:
            shown.update(len(self.centers))
            while self._n_covered < self.target:
                self._place(*self._choose())
                self._save()
                shown.update()
                shown.set_postfix(covered=self._n_covered, expanded=len(self.order))

    def distances_counted(self, *, progress: bool) -> tuple[Histograms, NDArray[np.float64]]:
        """Return the histograms, and at least the reach of each center's ball that holds the target alone."""
        if self.histograms is not None:
            return self.histograms, self.first_reach
        again = Greedy(self.distances, self.epsilon, self.target, self.n_sets)
        again.bound(progress=progress)
        return again.distances_counted(progress=progress)

    def region(self) -> BallUnion:
        """Return the balls so far."""
        to_units, per_one = self.sample.to_units, float(self.sample.to_levels(1.0))
        levels = np.sqrt(self.radii) if self.distances.squared else self.radii
        radii = to_units(levels)
        if not self.distances.squared:  # a radius must not come back shorter, and leave out its own points
            radii = np.where(radii * per_one < levels, np.nextafter(radii, np.inf), radii)
        return BallUnion(self.sample.coordinates(self.sample.X[self.centers]), radii, self.centers)

    @property
    def _n_covered(self) -> int:
        return int(self.covered[-1]) if len(self.covered) else 0

    def bound(self, *, progress: bool) -> None:
        """Bound the objectives of every center, from coarse histograms of all distances, each computed once.

        A bucket is ε / STEPS wide or a little less, unless that makes too many buckets.
        """
        n, n_tiles = len(self.uncovered), -(-len(self.uncovered) // TILE)
        turns = rounds(n_tiles)
        if self.rounds_counted == len(turns) and not self.counts.size:
            return
        some = np.linspace(0, n - 1, min(n, FEW)).astype(np.intp)
        farthest = self._look(some, int(self.floors[-1]), self.target)[3].max()
        farthest = max(TINY, self.strength, 1.25 * (math.sqrt(farthest) if self.distances.squared else farthest))
        most = max(1, min(BUCKETS, COUNTS // n))
        scale = min((STEPS + 1.01) / max(TINY, self.strength), most / farthest)
        known = self.distances.histograms
        if self.path is None and known is not None and known.replaces(scale, farthest):
            self.counts, scale, self.rounds_counted = *known, len(turns)
        if not self.rounds_counted:
            self.counts = np.zeros((n, min(most, math.ceil(farthest * scale)) + 1), np.int32)
        with bar(what="distances", shown=progress, total=len(turns)) as shown:
            shown.update(int(self.rounds_counted))
            for pairs in turns[int(self.rounds_counted) :]:
                count_pairs(*self.distances.points, pairs, scale, self.counts)
                self.rounds_counted += 1
                shown.update()
                self._save(every=SAVE_EVERY)
        if self.path is not None and (self.counts.sum(axis=1) != n).any():  # as a file may have left them
            raise damaged(self.path)
        self.histograms = self.distances.histograms = Histograms(self.counts, scale)
        steps = max(0, self.histograms.steps(self.strength))
        self.least, last = bound_balls(self.counts, steps, self.target, self.floors)
        reach = (last + 1.001) / scale + self.strength
        reach = np.where(last == self.counts.shape[1] - 1, np.inf, reach**2 if self.distances.squared else reach)
        self.reach, self.first_reach = reach, np.where(self.trusted, reach, np.inf)
        self.counts = np.empty((0, 0), np.int32)

    def _look(self, rows: NDArray[np.intp], lowest_rank: int, missing: int) -> tuple[NDArray[Any], ...]:
        """Compute the best ball of some centers, and bounds of later ones."""
        state = self.distances.squared, self.uncovered, self.unexpanded, self.strength
        reach = np.where(self.trusted[rows], self.reach[rows], np.inf)
        cost = 1  # as given, or the kernel is compiled once more for the local search
        best: tuple[NDArray[Any], ...] = best_balls(
            self.distances.to_all(rows), *state, lowest_rank, missing, self.floors, reach, cost
        )
        return best

    def _choose(self) -> tuple[int, float]:
        """Return the center and the radius of the next ball."""
        n, missing = len(self.uncovered), self.target - self._n_covered
        lowest_rank = -(-missing // (self.n_sets - len(self.centers)))
        floor = int(np.searchsorted(self.floors, lowest_rank, side="right")) - 1
        best, winner, radius, size = n, n, 0.0, FEW
        waiting = np.ones(n, np.bool_)  # centers that are not computed yet
        while True:
            bound = self.least[:, floor] - (len(self.order) - self.subtracted)
            can_win = waiting & (bound <= best)
            can_win[winner:] &= bound[winner:] < best
            rows = lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                return winner, radius
            if (self.subtracted[rows] < len(self.order)).any():
                self._subtract(np.flatnonzero(can_win & (self.subtracted < len(self.order))), bound)
                continue
            objective, radii, self.least[rows], self.reach[rows] = self._look(rows, lowest_rank, missing)
            first = np.lexsort((rows, objective))[0]
            if (objective[first], rows[first]) < (best, winner):
                best, winner, radius = int(objective[first]), int(rows[first]), float(radii[first])
            self.trusted[rows], waiting[rows] = True, False
            size = min(BATCH, 2 * size)
            self._save(every=SAVE_EVERY)

    def _subtract(self, rows: NDArray[np.intp], bound: NDArray[np.int64]) -> None:
        """Take the newly expanded points within reach off the bounds of the lowest of `rows`."""
        n, since = len(self.order), int(self.subtracted[rows].min())
        size = max(1, BATCH * len(self.reach) // (n - since))
        rows = lowest(rows[self.subtracted[rows] == since], bound, size)
        distances = self.distances.between(self.order[since:], rows)
        within = count_within(distances, self.reach[rows], np.ones(n - since, np.int64))
        self.least[rows] -= within[:, np.newaxis].astype(np.int32)
        self.subtracted[rows] = n

    def place_instead(self, balls: Iterable[tuple[int, float]]) -> None:
        """Place other balls, by center and radius, instead of those so far."""
        self._clear()
        for center, radius in balls:
            self._place(center, radius)

    def _place(self, center: int, radius: float) -> None:
        distances = self.distances.to_all(np.array([center]))[0]
        reach = expand_radius(radius, self.strength, self.distances.squared)
        reached = np.flatnonzero(self.unexpanded & (distances <= reach))
        self.uncovered &= distances > radius
        self.unexpanded[reached] = False
        self.order = np.append(self.order, reached)
        self.centers = np.append(self.centers, center)
        self.radii = np.append(self.radii, radius)
        n_covered = np.count_nonzero(~self.uncovered)
        self.objective = np.append(self.objective, len(reached) - (n_covered - self._n_covered))
        self.covered = np.append(self.covered, n_covered)
        self.expanded = np.append(self.expanded, len(self.order))

    def keep(self, path: Path, settings: dict[str, Any]) -> None:
        """Keep the state in a file, and go on from it if it is there; InputError if the file is of another search."""
        check_writable(path)
        self.path, self.settings = path, settings
        if not path.exists():
            return
        n = len(self.sample)
        limits = Limits(n, self.n_sets, len(self.floors), len(rounds(-(-n // TILE))), BUCKETS + 1)
        state = read_state(path, settings, limits)
        self.place_instead(zip(state.pop("centers").tolist(), state.pop("radii").tolist(), strict=True))
        vars(self).update(state)
        self.trusted[:] = False
        unfinished = self._n_covered < self.target and len(self.centers) == self.n_sets
        if unfinished or (self.subtracted > len(self.order)).any():
            raise damaged(path)

    def _save(self, every: float = 0.0) -> None:
        """Write the checkpoint, if there is one and the last was written so many seconds ago."""
        if self.path is not None and time.monotonic() - self.saved >= every:
            state = packed(self.settings, {name: getattr(self, name) for name in STATE})
            with replacing(self.path, keep=False) as part, part.open("wb") as file:
                np.savez(file, **state)
            self.saved = time.monotonic()


def _floors(lowest_rank: int) -> NDArray[np.int64]:
    """Return ranks, ascending: 1, the lowest that the first ball may have, and some between."""
    floors = {1}
    rank = float(lowest_rank)
    while rank > 1:
        floors.add(int(rank))
        rank *= SPACING
    return np.array(sorted(floors), dtype=np.int64)


def lowest(rows: NDArray[np.intp], bound: NDArray[np.int64], size: int) -> NDArray[np.intp]:
    """Return the `size` rows of lowest bound, or all if there are no more."""
    if len(rows) <= size:
        return rows
    return rows[np.argpartition(bound[rows], size)[:size]]
