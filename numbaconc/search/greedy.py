"""Algorithm 2: balls around data points, chosen greedily, with a file to go on from (ℓ2).

The balls are those of the paper's greedy, found with less work. The paper computes the objectives of all centers anew
for every ball. Here each center keeps a lower bound of its objective, and only centers whose bounds are as low as
the best objective known are computed. First bounds are made of coarse histograms of all distances. A ball that is placed
lowers the objective of another center by at most the number of points that it newly expands within that center's reach,
so that the old bound less this number is a bound; another one is made of the histograms less the points that balls hold.

A constraint on the uncertainty of the points in all balls so far leaves some of the balls out of each choice. Bounds are of
the least objective over all balls of a center, hence over those that are left, too; the other way round they would not
do, since a ball that is left out now may be allowed beside later ones. So objectives are computed twice, for the bounds
among all balls and for the choice among those that are allowed.
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
from numbaconc.errors import InputError
from numbaconc.how import bar
from numbaconc.kernels.balls import best_balls, best_hard_balls, bound_balls, expand_radius
from numbaconc.kernels.distances import TILE, count_from, count_pairs
from numbaconc.numerals import at_least, exact
from numbaconc.regions.balls import BallUnion
from numbaconc.search.checkpoint import STATE, Limits, damaged, packed, read_state
from numbaconc.search.distances import BATCH, TINY, Distances, Points, rounds
from numbaconc.search.histograms import Histograms, Ruler, ruler
from numbaconc.search.uncertain import Constraint

FEW = 32  # centers whose objectives are computed first for a ball; then twice as many at a time, up to a batch
STEPS = 24  # buckets of distances that epsilon spans, unless it is small
TOLD_APART = 4.0  # buckets for one standard deviation of objectives, where most are about the same
ERROR = 1 / 16  # of epsilon: distances that are off by more are of no use for bounds
BUCKETS = 1024  # at most
COUNTS = 1 << 27  # of all points in all buckets, at most
LOT = 8 * TILE  # centers whose bounds are renewed at a time, or more where few points are new
COST = 1  # of an expanded point; as given, or kernels are compiled once more for the local search
SPACING = 0.9  # ratio of successive floors, the ranks from which on least objectives are bounded
SAVE_EVERY = 30.0  # seconds between checkpoints while a ball is chosen


class Greedy:
    """The state of a search: the balls so far, and a lower bound of the objective of every center.

    Radii and reaches (the radii of expansions) are squared where distances are. At most `n_sets` balls, T, are to cover
    `target` points, N. After each ball, the points covered are to meet the constraint, if there is one.
    """

    def __init__(
        self, distances: Distances, epsilon: float, target: int, n_sets: int, constraint: Constraint | None = None
    ) -> None:
        self.distances, self.sample = distances, distances.sample
        self.epsilon, self.target, self.n_sets, self.constraint = epsilon, target, n_sets, constraint
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
        self.vouched = True  # whether all that is counted in histograms is of this run
        self.subtracted = np.zeros(n, np.int64)  # how many balls `least` allows for
        # histograms, while they are counted; then `least` is made of them
        self.counts = np.empty((0, 0), np.int32)
        self.rounds_counted = 0
        self.histograms: Histograms  # in the end
        self.counted = np.zeros(n, np.bool_)  # of which centers; not yet of all where that was before a checkpoint
        self.first_reach = self.reach  # what `reach` was then

    def _clear(self) -> None:
        """Start without balls."""
        # of each ball: center, radius, objective, and the points in the balls so far and in their expansions
        self.centers, self.radii = np.empty(0, np.int64), np.empty(0, np.float64)
        self.objective, self.covered, self.expanded = np.empty((3, 0), np.int64)
        self.uncovered, self.unexpanded = np.ones((2, len(self.sample)), np.bool_)  # not in S_init, not in S_exp
        self.inside, self.reached = np.empty((2, 0), np.int64)  # the points of both, in the order in which they came in
        self.held = np.empty(
            (2, 0, 0), np.int32
        )  # histograms, of those that are in either, for each center's first balls

    def run(self, *, progress: bool) -> None:
        """Place balls until the target is covered."""
        self.bound(progress=progress)
        with bar(what="balls", shown=progress, total=self.n_sets) as shown:
            shown.update(len(self.centers))
            while self._n_covered < self.target:
                self._place(*self._choose())
                self._save()
                shown.update()
                shown.set_postfix(covered=self._n_covered, expanded=self._n_expanded)

    def distances_counted(self, *, progress: bool) -> tuple[Histograms, NDArray[np.float64]]:
        """Return the histograms, and at least the reach of each center's ball that holds the target alone."""
        if self.counted.all():
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

    @property
    def _n_expanded(self) -> int:
        return len(self.reached)

    def bound(self, *, progress: bool) -> None:
        """Bound the objectives of every center, from coarse histograms of all distances, each computed once.

        A bucket is ε / STEPS wide or a little less, unless that makes too many buckets; less where radii and reaches are
        expected, if the objectives of centers are nearly the same.
        """
        n, n_tiles = len(self.uncovered), -(-len(self.uncovered) // TILE)
        turns = rounds(n_tiles)
        known, error, most = self.distances.histograms, ERROR * self.strength, max(1, min(BUCKETS, COUNTS // n))
        points = self.distances.within(error)
        if self.rounds_counted == len(turns) and not self.counts.size:
            self._prepare(np.zeros((n, most + 1), np.int32), self._even_ruler(most), points)
            return
        wanted, farthest = self._ruler(most)
        if self.path is None and known is not None and known.replaces(wanted, farthest, error):
            self.counts, wanted, points = known
            self.rounds_counted = len(turns)
        if not self.rounds_counted:
            n_buckets = min(most, math.ceil(wanted.place(farthest)))
            self.counts = np.zeros((n, n_buckets + 1), np.int32)
        with bar(what="distances", shown=progress, total=len(turns)) as shown:
            shown.update(int(self.rounds_counted))
            for pairs in turns[int(self.rounds_counted) :]:
                count_pairs(*points[:3], pairs, wanted.scale(points), self.counts)
                self.rounds_counted += 1
                shown.update()
                self._save(every=SAVE_EVERY)
        if self.path is not None and (self.counts.sum(axis=1) != n).any():  # as a file may have left them
            raise damaged(self.path)
        self._prepare(self.counts, wanted, points)
        self.distances.histograms = self.histograms
        self.counted[:] = True
        self.least, reach = self._bounds(np.arange(n))
        self.reach, self.first_reach = reach, np.where(self.trusted, reach, np.inf)
        self.counts = np.empty((0, 0), np.int32)

    def _prepare(self, counts: NDArray[np.int32], ruler: Ruler, points: Points) -> None:
        self.histograms, self.held = Histograms(counts, ruler, points), np.zeros((2, *counts.shape), np.int32)

    def _ruler(self, most: int) -> tuple[Ruler, float]:
        """Return which buckets distances are to be counted in, and the farthest that matters.

        Some centers are looked at for that.
        """
        n, strength = len(self.uncovered), max(TINY, self.strength)
        some = np.linspace(0, n - 1, min(n, FEW)).astype(np.intp)
        objective, low, _, high = self._look(self.distances.to_all(some), some, int(self.floors[-1]), self.target)
        if self.distances.squared:
            low, high = np.sqrt(low), np.sqrt(high)
        farthest = max(strength, 1.25 * high.max())
        steps = STEPS + 1.01, TOLD_APART * objective.mean() / max(TINY, objective.std())
        return ruler(steps, strength, (0.98 * low.min(), high.max()), farthest, most), farthest

    def _even_ruler(self, most: int) -> Ruler:
        """Return one without looking at centers, by what is known of them."""
        reach = np.sqrt(self.reach) if self.distances.squared else self.reach
        scale = most / max(TINY, self.strength, reach[np.isfinite(reach)].max(initial=0))
        return Ruler(scale, scale)

    def _bounds(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Bound the least objectives, and the reaches, of some centers, by histograms."""
        known, missing = self.histograms, self.target - self._n_covered
        tops = known.tops(self.strength)
        least, last = bound_balls(known.counts, *self.held, rows, tops, known.spread, missing, self.floors)
        reach = known.farthest(last) + self.strength
        return least, reach**2 if self.distances.squared else reach

    def _look(
        self, distances: NDArray[Any], rows: NDArray[np.intp], lowest_rank: int, missing: int
    ) -> tuple[NDArray[Any], ...]:
        """Compute the best ball of some centers, given their distances to all points, and bounds of later ones."""
        state = self.distances.squared, self.uncovered, self.unexpanded, self.strength
        reach = np.where(self.trusted[rows], self.reach[rows], np.inf)
        best: tuple[NDArray[Any], ...] = best_balls(distances, *state, lowest_rank, missing, self.floors, reach, COST)
        return best

    def _look_again(
        self, distances: NDArray[Any], excess: NDArray[np.int64], lowest_rank: int, missing: int
    ) -> tuple[NDArray[Any], ...]:
        """Compute the best ball of some centers that is allowed, and the largest mean excess with any ball of each."""
        state = self.distances.squared, self.uncovered, self.unexpanded, self.strength
        held = excess[self.inside].sum()
        best: tuple[NDArray[Any], ...] = best_hard_balls(distances, *state, lowest_rank, missing, excess, held, COST)
        return best

    def _choose(self) -> tuple[int, float]:
        """Return the center and the radius of the next ball."""
        n, missing = len(self.uncovered), self.target - self._n_covered
        lowest_rank = -(-missing // (self.n_sets - len(self.centers)))
        floor = int(np.searchsorted(self.floors, lowest_rank, side="right")) - 1
        best, winner, radius, size, most = n, n, 0.0, FEW, -np.inf
        waiting = np.ones(n, np.bool_)  # centers that are not computed yet
        while True:
            bound = self.least[:, floor] - (self._n_expanded - np.append(0, self.expanded)[self.subtracted])
            can_win = waiting & (bound <= best)
            can_win[winner:] &= bound[winner:] < best
            rows = lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                if winner == n and self.constraint is not None:
                    raise self._none_allowed(self.constraint, lowest_rank, most)
                return winner, radius
            if (self.subtracted[rows] < len(self.centers)).any():
                self._subtract(np.flatnonzero(can_win & (self.subtracted < len(self.centers))), bound)
                continue
            distances = self.distances.to_all(rows)
            objective, radii, self.least[rows], self.reach[rows] = self._look(distances, rows, lowest_rank, missing)
            if self.constraint is not None:
                objective, radii, means = self._look_again(distances, self.constraint.excess, lowest_rank, missing)
                most = max(most, float(means.max()))
            first = np.lexsort((rows, objective))[0]
            if (objective[first], rows[first]) < (best, winner):
                best, winner, radius = int(objective[first]), int(rows[first]), float(radii[first])
            self.trusted[rows], waiting[rows] = True, False
            size = min(BATCH, 2 * size)
            self._save(every=SAVE_EVERY)

    def _none_allowed(self, constraint: Constraint, lowest_rank: int, most: float) -> InputError:
        """Return the error where the constraint leaves no ball, and `most` is the largest mean excess with any."""
        least, gamma = at_least(max(0.0, constraint.mean(most))), exact(constraint.gamma)
        beside = f" beside the {len(self.centers)} before it" if len(self.centers) else ""
        ball = f"a ball of {lowest_rank} points or more{beside} has a mean uncertainty of {least}"
        return InputError(f"gamma is {gamma}; allowed: less, since no more than that is found: {ball}")

    def _subtract(self, rows: NDArray[np.intp], bound: NDArray[np.int64]) -> None:
        """Allow for the newest balls in the bounds of the lowest of `rows`."""
        since = int(self.subtracted[rows].min())
        reached = self.reached[np.append(0, self.expanded)[since] :]
        size = max(LOT, BATCH * len(self.reach) // max(1, len(reached)))
        rows = lowest(rows[self.subtracted[rows] == since], bound, size)
        self._count_first(rows[~self.counted[rows]], since)
        within = self._count(self.held[1], reached, rows)
        self._count(self.held[0], self.inside[np.append(0, self.covered)[since] :], rows)
        least, reach = self._bounds(rows)
        self.least[rows] = np.maximum(self.least[rows] - within[:, np.newaxis].astype(np.int32), least)
        self.reach[rows] = np.minimum(self.reach[rows], reach)
        self.trusted[rows] &= self.vouched
        self.subtracted[rows] = len(self.centers)

    def _count_first(self, rows: NDArray[np.intp], n_balls: int) -> None:
        """Count what was counted of some centers before a checkpoint: all points, and those in the first balls."""
        if len(rows):
            self._count(self.histograms.counts, np.arange(len(self.uncovered)), rows)
            self._count(self.held[0], self.inside[: np.append(0, self.covered)[n_balls]], rows)
            self._count(self.held[1], self.reached[: np.append(0, self.expanded)[n_balls]], rows)
            self.counted[rows] = True

    def _count(self, counts: NDArray[np.int32], points: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Add points to the histograms of some centers; return how many may be within the reach of each, at most."""
        known = self.histograms
        left, left_norms, _ = known.points.take(rows)
        right, _, right_norms = known.points.take(points)
        limits = known.buckets(np.sqrt(self.reach[rows]) if self.distances.squared else self.reach[rows])
        scale = known.ruler.scale(known.points)
        within: NDArray[np.int64] = count_from(left, left_norms, right, right_norms, scale, counts, rows, limits)
        return within

    def place_instead(self, balls: Iterable[tuple[int, float]]) -> None:
        """Place other balls, by center and radius, instead of those so far."""
        self._clear()
        for center, radius in balls:
            self._place(center, radius)

    def _place(self, center: int, radius: float) -> None:
        distances = self.distances.to_all(np.array([center]))[0]
        reach = expand_radius(radius, self.strength, self.distances.squared)
        inside = np.flatnonzero(self.uncovered & (distances <= radius))
        reached = np.flatnonzero(self.unexpanded & (distances <= reach))
        self.uncovered[inside] = self.unexpanded[reached] = False
        self.inside, self.reached = np.append(self.inside, inside), np.append(self.reached, reached)
        self.centers = np.append(self.centers, center)
        self.radii = np.append(self.radii, radius)
        self.objective = np.append(self.objective, len(reached) - len(inside))
        self.covered = np.append(self.covered, len(self.inside))
        self.expanded = np.append(self.expanded, self._n_expanded)

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
        self.trusted[:], self.vouched = False, not self.counts.size
        unfinished = self._n_covered < self.target and len(self.centers) == self.n_sets
        if unfinished or (self.subtracted > len(self.centers)).any():
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
