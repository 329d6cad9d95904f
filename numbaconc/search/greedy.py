"""Algorithm 2: balls around data points, chosen greedily, with a file to go on from (ℓ2).

Exactly the greedy of the paper, lazily: every center keeps lower bounds of what its best ball can be
worth, and only those that can still win are looked at again. A bound that was true stays true, less
the points that have been newly expanded within the center's reach.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.data.files import check_writable, read_npz, replacing
from numbaconc.errors import InputError
from numbaconc.how import bar
from numbaconc.kernels.balls import best_balls, bound_balls, count_within, expand_radius
from numbaconc.kernels.distances import TILE, count_pairs
from numbaconc.regions.balls import BallUnion
from numbaconc.search.distances import BATCH, Distances, Histogram, rounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

FEW = 32  # centers looked at first for every ball; then twice as many, up to a batch
STEPS = 24  # buckets of distances that epsilon spans, unless it is small
BUCKETS = 1024  # at most
COUNTS = 1 << 27  # of all points in all buckets, at most
TINY = 1e-30  # distances that are as good as none: float32 still holds whatever is divided by it
SPACING = 0.9  # ratio of successive floors: ranks from which least objectives are kept
SAVE_EVERY = 30.0  # seconds between checkpoints while a ball is chosen
CHECKPOINT = 3  # version of what a checkpoint holds
STATE = (  # what a checkpoint holds
    *("centers", "radii", "objective", "covered", "expanded", "free", "fresh", "order"),
    *("floors", "least", "reach", "counted", "counts", "swept"),
)


class Tally(NamedTuple):
    """All distances, counted once.

    Attributes
    ----------
    counts : ndarray, shape (n, buckets), int32
        How many of each center's distances are in each bucket, the last of which has what lies beyond.
    scale : float
        Buckets for one level of distance.
    steps : int
        A point whose bucket is at most so many above that of a ball's radius is in its expansion; from -1.
    reach : ndarray, shape (n,), float64
        At least the key of the expansion of the center's ball that holds the target.
    """

    counts: NDArray[np.int32]
    scale: float
    steps: int
    reach: NDArray[np.float64]


class Greedy:
    """The state of a search: what is taken, and what every center can still be worth.

    Parameters
    ----------
    distances : Distances
        Between the training points.
    epsilon : float
    target : int
        Points to cover, N.
    n_sets : int
        The most balls, T.
    """

    def __init__(self, distances: Distances, epsilon: float, target: int, n_sets: int) -> None:
        self.distances, self.sample, self.keys = distances, distances.sample, distances.keys
        n = len(self.sample)
        self.epsilon, self.target, self.n_sets = epsilon, target, n_sets
        self.strength = float(self.sample.to_levels(epsilon))
        self.path: Path | None = None
        self.settings: dict[str, Any] = {}
        # the balls so far: center, key of the radius, worth, points in them and in their expansions
        self.centers = np.empty(0, np.int64)
        self.radii = np.empty(0, np.float64)
        self.objective = np.empty(0, np.int64)
        self.covered = np.empty(0, np.int64)
        self.expanded = np.empty(0, np.int64)
        self.free = np.ones(n, np.bool_)  # not in S_init
        self.fresh = np.ones(n, np.bool_)  # not in S_exp
        self.order = np.empty(0, np.int64)  # the points of S_exp, as they came
        # what was seen of all centers at first, and when one was last looked at
        self.floors = _floors(math.ceil(target / n_sets))
        self.least = np.zeros((n, len(self.floors)), np.int32)  # at most the objectives over the ranks from each floor
        self.reach = np.full(n, np.inf)  # at least the key of the largest ball's expansion
        self.counted = np.zeros(n, np.int64)  # how many of `order` have been taken off `least` where within reach
        self.counts = np.empty((0, 0), np.int32)  # of each center's distances in buckets, until `least` is made of them
        self.swept = 0  # rounds of tiles in `counts`
        self.tally: Tally | None = None  # what `counts` was in the end, unless that was before a checkpoint

    def run(self, *, progress: bool) -> None:
        """Place balls until the target is covered."""
        self.sweep(progress=progress)
        with bar(what="balls", shown=progress, total=self.n_sets) as shown:
            shown.update(len(self.centers))
            while self._n_covered < self.target:
                self._place(*self._choose())
                self._save()
                shown.update()
                shown.set_postfix(covered=self._n_covered, expanded=len(self.order))

    def tallied(self, *, progress: bool) -> Tally:
        """Return all distances, counted; once more if that was before a checkpoint."""
        if self.tally is None:
            again = Greedy(self.distances, self.epsilon, self.target, self.n_sets)
            again.sweep(progress=progress)
            self.tally = again.tally
        assert self.tally is not None  # a sweep makes it  # noqa: S101
        return self.tally

    def region(self) -> BallUnion:
        """Return the balls so far."""
        to_units, per_one = self.sample.to_units, float(self.sample.to_levels(1.0))
        levels = np.sqrt(self.radii) if self.keys.squared else self.radii
        radii = to_units(levels)
        if not self.keys.squared:  # a radius must not come back shorter, and leave out its own points
            radii = np.where(radii * per_one < levels, np.nextafter(radii, np.inf), radii)
        return BallUnion(to_units(self.sample.X[self.centers]), radii, self.centers)

    @property
    def _n_covered(self) -> int:
        return int(self.covered[-1]) if len(self.covered) else 0

    def sweep(self, *, progress: bool) -> None:
        """Bound what every center can be worth, from coarse counts of all distances, each found once.

        Of buckets ε / (steps + 1) wide, those up to `steps` above a radius are in the expansion.
        """
        n, n_tiles = len(self.free), -(-len(self.free) // TILE)
        turns = rounds(n_tiles)
        if self.swept == len(turns):
            return
        some = np.linspace(0, n - 1, min(n, FEW)).astype(np.intp)
        farthest = self._look(some, int(self.floors[-1]), self.target)[3].max()
        farthest = max(TINY, self.strength, 1.25 * (math.sqrt(farthest) if self.keys.squared else farthest))
        most = max(1, min(BUCKETS, COUNTS // n))
        scale = min((STEPS + 1.01) / max(TINY, self.strength), most / farthest)
        known = self.distances.histogram
        if self.path is None and known is not None and known.serves(scale, farthest):
            self.counts, scale, self.swept = *known, len(turns)
        if not self.swept:
            self.counts = np.zeros((n, min(most, math.ceil(farthest * scale)) + 1), np.int32)
        saved = time.monotonic()
        with bar(what="distances", shown=progress, total=len(turns)) as shown:
            shown.update(int(self.swept))
            for pairs in turns[int(self.swept) :]:
                count_pairs(*self.keys.points, pairs, scale, self.counts)
                self.swept += 1
                shown.update()
                if time.monotonic() - saved > SAVE_EVERY:
                    self._save()
                    saved = time.monotonic()
        steps = math.floor(self.strength * scale - 1.001)
        self.least, last = bound_balls(self.counts, max(0, steps), self.target, self.floors)
        reach = (last + 1.001) / scale + self.strength
        self.reach = np.where(last == self.counts.shape[1] - 1, np.inf, reach**2 if self.keys.squared else reach)
        self.tally = Tally(self.counts, scale, max(-1, steps), self.reach.copy())
        self.distances.histogram = Histogram(self.counts, scale)
        self.counts = np.empty((0, 0), np.int32)

    def _look(self, rows: NDArray[np.intp], lowest_rank: int, missing: int) -> tuple[NDArray[Any], ...]:
        found: tuple[NDArray[Any], ...] = best_balls(
            self.keys.to_all(rows),
            self.keys.squared,
            self.free,
            self.fresh,
            self.strength,
            lowest_rank,
            missing,
            self.floors,
            self.reach[rows],
        )
        return found

    def _choose(self) -> tuple[int, float]:
        """Return the center and the key of the radius of the next ball."""
        n, missing = len(self.free), self.target - self._n_covered
        lowest_rank = -(-missing // (self.n_sets - len(self.centers)))
        floor = int(np.searchsorted(self.floors, lowest_rank, side="right")) - 1
        best, winner, radius = n, n, 0.0
        waiting = np.ones(n, np.bool_)
        size, saved = FEW, time.monotonic()
        while True:
            bound = self.least[:, floor] - (len(self.order) - self.counted)
            can_win = waiting & (bound <= best)
            can_win[winner:] &= bound[winner:] < best
            rows = lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                return winner, radius
            if (self.counted[rows] < len(self.order)).any():
                self._recount(np.flatnonzero(can_win & (self.counted < len(self.order))), bound)
                continue
            objective, radii, self.least[rows], self.reach[rows] = self._look(rows, lowest_rank, missing)
            first = np.lexsort((rows, objective))[0]
            if (objective[first], rows[first]) < (best, winner):
                best, winner, radius = int(objective[first]), int(rows[first]), float(radii[first])
            waiting[rows] = False
            size = min(BATCH, 2 * size)
            if time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved = time.monotonic()

    def _recount(self, rows: NDArray[np.intp], bound: NDArray[np.int64]) -> None:
        """Take the newly expanded points within reach off the bounds of the lowest of `rows`."""
        n, n_expanded = len(self.free), len(self.order)
        since = int(self.counted[rows].min())
        rows = lowest(rows[self.counted[rows] == since], bound, max(1, BATCH * n // (n_expanded - since)))
        keys = self.keys.between(self.order[since:], rows)
        within = count_within(keys, self.reach[rows], np.ones(n_expanded - since, np.int64))
        self.least[rows] -= within[:, np.newaxis].astype(np.int32)
        self.counted[rows] = n_expanded

    def place_instead(self, balls: Iterable[tuple[int, float]]) -> None:
        """Take others for the balls so far: their centers, and the keys of their radii."""
        n = len(self.free)
        self.free, self.fresh, self.order = np.ones(n, np.bool_), np.ones(n, np.bool_), np.empty(0, np.int64)
        self.centers, self.radii = np.empty(0, np.int64), np.empty(0, np.float64)
        self.objective, self.covered, self.expanded = np.empty((3, 0), np.int64)
        for center, radius in balls:
            self._place(center, radius)

    def _place(self, center: int, radius: float) -> None:
        keys = self.keys.to_all(np.array([center]))[0]
        reached = np.flatnonzero(self.fresh & (keys <= expand_radius(radius, self.strength, self.keys.squared)))
        self.free &= keys > radius
        self.fresh[reached] = False
        self.order = np.append(self.order, reached)
        self.centers = np.append(self.centers, center)
        self.radii = np.append(self.radii, radius)
        n_covered = np.count_nonzero(~self.free)
        self.objective = np.append(self.objective, len(reached) - (n_covered - self._n_covered))
        self.covered = np.append(self.covered, n_covered)
        self.expanded = np.append(self.expanded, len(self.order))

    def keep(self, path: Path, settings: dict[str, Any]) -> None:
        """Keep the state in a file, and go on from it if it is there.

        Raises
        ------
        InputError
            If the file cannot be written, or holds another search.
        """
        check_writable(path)
        self.path, self.settings = path, settings
        if not path.exists():
            return
        state = read_npz(path)
        if state is None or not {"settings", *STATE} <= state.keys():
            msg = f"checkpoint {str(path)!r} cannot be read; allowed: a file that a search of balls wrote, or a new one"
            raise InputError(msg)
        theirs = json.loads(str(state.pop("settings")))
        for name, value in settings.items():
            if theirs.get(name) != value:
                msg = (
                    f"checkpoint {str(path)!r} was made with {name} {theirs.get(name)}, not {value}; "
                    f"allowed: the same data and settings, or another file"
                )
                raise InputError(msg)
        vars(self).update(state)

    def _save(self) -> None:
        if self.path is not None:
            state = {name: getattr(self, name) for name in STATE}
            with replacing(self.path) as part, part.open("wb") as file:
                np.savez(file, settings=json.dumps(self.settings), **state)


def _floors(lowest_rank: int) -> NDArray[np.int64]:
    """Ranks from which least objectives are kept: the lowest now, and 1, and some between, ascending."""
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
