"""Algorithm 2: error regions that are unions of balls around data points, chosen greedily (ℓ2).

Exactly the greedy of the paper, lazily: every center keeps lower bounds of what its best ball can be
worth, and only those that can still win are looked at again. A bound that was true stays true, less
the points that have been newly expanded within the center's reach.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbaconc.arrays import Sample, as_sample, parse_epsilon
from numbaconc.errors import InputError, as_number, check_count
from numbaconc.files import check_writable, read_npz, replacing
from numbaconc.kernels.balls import (
    TILE,
    as_words,
    best_balls,
    bound_balls,
    count_pairs,
    expand_key,
    fill_keys,
)
from numbaconc.progress import bar
from numbaconc.regions.balls import BallUnion
from numbaconc.search.rectangles import check_alpha

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BATCH = 256  # centers whose distances to all points are held at once
FEW = 32  # centers looked at first for every ball; then twice as many, up to a batch
WIDEST = 1 << 15  # coordinates whose squared distances int32 holds: 2^15 · 255² < 2^31
STEPS = 24  # buckets of distances that epsilon spans, unless it is small
BUCKETS = 1024  # at most
COUNTS = 1 << 27  # of all points in all buckets, at most
TINY = 1e-30  # distances that are as good as none: float32 still holds whatever is divided by it
SPACING = 0.9  # ratio of successive floors: ranks from which least objectives are kept
SAVE_EVERY = 30.0  # seconds between checkpoints while a ball is chosen
CHECKPOINT = 2  # version of what a checkpoint holds
STATE = (  # what a checkpoint holds
    *("centers", "radii", "objective", "covered", "expanded", "free", "fresh", "order"),
    *("floors", "least", "reach", "counted", "counts", "swept"),
)


@dataclass(frozen=True, eq=False)
class BallSearch:
    """What a search found.

    Attributes
    ----------
    region : BallUnion
        At most T balls around training points, in the order in which they were chosen.
    covered, expanded : ndarray, shape (n_balls,), int64
        Training points in the balls so far (the size of S_init) and in their expansions (of S_exp), after each.
    objective : ndarray, shape (n_balls,), int64
        What each ball was worth when it was chosen: points newly expanded minus points newly covered.
    risk, adversarial_risk : float
        On the training sample.
    """

    region: BallUnion
    covered: NDArray[np.int64]
    expanded: NDArray[np.int64]
    objective: NDArray[np.int64]
    risk: float
    adversarial_risk: float


def search_balls(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    n_sets: int,
    delta: float = 0.0,
    *,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> BallSearch:
    """Search for a union of T balls with risk >= α (1 + δ) and little adversarial risk (Algorithm 2).

    Deterministic: ties go to the lowest index, then to the smallest ball.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength in ℓ2 on the unit scale.
    alpha : float
        Risk threshold, in (0, 1), with α n >= 1.
    n_sets : int
        T, the most balls. Fewer are used where the first ones cover more than their share.
    delta : float
        Share of points covered beyond α, so that the risk holds on other data; at least 0.
    checkpoint : path-like, optional
        A file that keeps what has been found so far. Where it exists the search goes on from there.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    BallSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or the checkpoint is of other data or settings.
    """
    sample = as_sample(X)
    epsilon, alpha = parse_epsilon(epsilon), check_alpha(alpha, len(sample))
    n_sets, delta = check_count("n_sets", n_sets), check_delta(delta)
    greedy = Greedy(sample, epsilon, _target(alpha, delta, len(sample)), n_sets)
    if checkpoint is not None:
        settings = {"data": sample.sha256, "unit": sample.unit, "epsilon": epsilon, "alpha": alpha}
        greedy.keep(Path(checkpoint), settings | {"n_sets": n_sets, "delta": delta})
    greedy.run(progress=progress)
    region = greedy.region()
    found = region.measure(sample, epsilon)
    return BallSearch(
        region,
        greedy.covered,
        greedy.expanded,
        greedy.objective,
        float(found.risk),
        float(found.adversarial_risk),
    )


def check_delta(delta: object, name: str = "delta") -> float:
    """Return a share of points covered beyond α.

    Raises
    ------
    InputError
        If it is not a number of at least 0.
    """
    number = as_number(delta)
    if not 0 <= number < math.inf:
        msg = f"{name} is {delta!r}; allowed: a number of at least 0"
        raise InputError(msg)
    return number


def _target(alpha: float, delta: float, n: int) -> int:
    """⌈n α (1 + δ)⌉, where a product within rounding of a whole number is that number."""
    target = math.ceil(n * alpha * (1 + delta) * (1 - 1e-12))
    if target >= n:
        msg = f"alpha is {alpha:g} and delta {delta:g}, to cover {target} points; allowed: fewer than the {n} there are"
        raise InputError(msg)
    return target


class Greedy:
    """The state of a search: what is taken, and what every center can still be worth.

    Parameters
    ----------
    sample : Sample
    epsilon : float
    target : int
        Points to cover, N.
    n_sets : int
        The most balls, T.
    """

    def __init__(self, sample: Sample, epsilon: float, target: int, n_sets: int) -> None:
        n = len(sample)
        self.sample, self.target, self.n_sets = sample, target, n_sets
        self.strength = float(sample.to_levels(epsilon))
        self.keys = _Keys(sample.X)
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

    def run(self, *, progress: bool) -> None:
        """Place balls until the target is covered."""
        self._sweep(progress)
        with bar(what="balls", shown=progress, total=self.n_sets) as shown:
            shown.update(len(self.centers))
            while self._n_covered < self.target:
                self._place(*self._choose())
                self._save()
                shown.update()
                shown.set_postfix(covered=self._n_covered, expanded=len(self.order))

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

    def _sweep(self, progress: bool) -> None:  # noqa: FBT001
        """Bound what every center can be worth, from coarse counts of all distances, each found once.

        Of buckets ε / (steps + 1) wide, those up to `steps` above a radius are in the expansion.
        """
        n, n_tiles = len(self.free), -(-len(self.free) // TILE)
        rounds = _rounds(n_tiles)
        if self.swept == len(rounds):
            return
        some = np.linspace(0, n - 1, min(n, FEW)).astype(np.intp)
        farthest = self._look(some, int(self.floors[-1]), self.target)[3].max()
        farthest = max(TINY, self.strength, 1.25 * (math.sqrt(farthest) if self.keys.squared else farthest))
        most = max(1, min(BUCKETS, COUNTS // n))
        scale = min((STEPS + 1.01) / max(TINY, self.strength), most / farthest)
        if not self.swept:
            self.counts = np.zeros((n, min(most, math.ceil(farthest * scale)) + 1), np.int32)
        saved = time.monotonic()
        with bar(what="distances", shown=progress, total=len(rounds)) as shown:
            shown.update(int(self.swept))
            for pairs in rounds[int(self.swept) :]:
                count_pairs(*self.keys.points, pairs, scale, self.counts)
                self.swept += 1
                shown.update()
                if time.monotonic() - saved > SAVE_EVERY:
                    self._save()
                    saved = time.monotonic()
        steps = max(0, math.floor(self.strength * scale - 1.001))
        self.least, last = bound_balls(self.counts, steps, self.target, self.floors)
        reach = (last + 1.001) / scale + self.strength
        self.reach = np.where(last == self.counts.shape[1] - 1, np.inf, reach**2 if self.keys.squared else reach)
        self.counts = self.counts[:0]

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

    def _choose(self) -> tuple[int, float, int]:
        """Return the center, the key of the radius and the objective of the next ball."""
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
            rows = _lowest(np.flatnonzero(can_win), bound, size)
            if not len(rows):
                return winner, radius, best
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
        rows = _lowest(rows[self.counted[rows] == since], bound, max(1, BATCH * n // (n_expanded - since)))
        keys = self.keys.between(self.order[since:], rows)
        within = np.count_nonzero(keys <= self.reach[rows], axis=0)
        self.least[rows] -= within[:, np.newaxis].astype(np.int32)
        self.counted[rows] = n_expanded

    def _place(self, center: int, radius: float, objective: int) -> None:
        keys = self.keys.to_all(np.array([center]))[0]
        reached = np.flatnonzero(self.fresh & (keys <= expand_key(radius, self.strength, self.keys.squared)))
        self.free &= keys > radius
        self.fresh[reached] = False
        self.order = np.append(self.order, reached)
        self.centers = np.append(self.centers, center)
        self.radii = np.append(self.radii, radius)
        self.objective = np.append(self.objective, objective)
        self.covered = np.append(self.covered, np.count_nonzero(~self.free))
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


class _Keys:
    """Keys between points: whole squared distances where int32 holds them, distances elsewhere."""

    def __init__(self, X: NDArray[np.uint8] | NDArray[np.float32]) -> None:
        self.squared = X.dtype == np.uint8 and X.shape[1] <= WIDEST
        self.points: tuple[NDArray[Any], Any, Any] = as_words(X) if self.squared else (X, None, None)
        self.held = np.empty((min(BATCH, len(X)), len(X)), np.int32 if self.squared else np.float64)

    def to_all(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Keys from at most a batch of rows to all points; those of the next call replace them."""
        return self._fill(rows, slice(None), self.held[: len(rows)])

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        """Keys from some rows to some others."""
        return self._fill(rows, columns, np.empty((len(rows), len(columns)), self.held.dtype))

    def _fill(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | slice, keys: NDArray[Any]) -> NDArray[Any]:
        points, left_norms, right_norms = self.points
        if self.squared:
            fill_keys(points[rows], left_norms[rows], points[columns], right_norms[columns], keys)
        else:
            fill_keys(points[rows].astype(np.float64), None, points[columns], None, keys)
        return keys


def _rounds(n_tiles: int) -> list[NDArray[np.int64]]:
    """All pairs of tiles, in rounds in which no tile is in two of them, as players of a tournament meet."""
    rounds = [np.repeat(np.arange(n_tiles), 2).reshape(-1, 2)]
    n_others = n_tiles - 1 + n_tiles % 2  # one sits out where their number is odd
    steps = np.arange((n_others + 1) // 2)
    for turn in range(n_others):
        others = np.where(steps == 0, n_others, (turn - steps) % n_others)
        pairs = np.stack([(turn + steps) % n_others, others], axis=1)
        rounds.append(pairs[others < n_tiles])
    return rounds


def _floors(lowest_rank: int) -> NDArray[np.int64]:
    """Ranks from which least objectives are kept: the lowest now, and 1, and some between, ascending."""
    floors = {1}
    rank = float(lowest_rank)
    while rank > 1:
        floors.add(int(rank))
        rank *= SPACING
    return np.array(sorted(floors), dtype=np.int64)


def _lowest(rows: NDArray[np.intp], bound: NDArray[np.int64], size: int) -> NDArray[np.intp]:
    """Return the `size` rows of lowest bound, or all if there are no more."""
    if len(rows) <= size:
        return rows
    return rows[np.argpartition(bound[rows], size)[:size]]
