"""Algorithm 2: error regions that are unions of balls around data points, chosen greedily (ℓ2).

Exactly the greedy of the paper, lazily: every center keeps lower bounds of what its best ball can be
worth, and only those that can still win are looked at again. A bound that was true stays true, less
the points that have been newly expanded within the center's reach.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from numbaconc.arrays import Sample, as_sample, parse_epsilon
from numbaconc.errors import InputError, as_number, check_count
from numbaconc.files import check_writable, read_npz, replacing
from numbaconc.kernels.balls import (
    best_balls,
    center_distances,
    expand_key,
    join_products,
    shifted_norms,
)
from numbaconc.kernels.threads import using_threads
from numbaconc.progress import bar
from numbaconc.regions.balls import BallUnion
from numbaconc.search.rectangles import check_alpha

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BATCH = 256  # centers whose distances to all points are held at once
FEW = 32  # centers looked at first for every ball but the first; then twice as many, up to a batch
TILE = 2048  # points in one matrix product
SHIFT = 128  # taken off every level
EXACT = 1024  # coordinates whose products of shifted levels float32 sums exactly: 1024 · SHIFT² = 2^24
WIDEST = 1 << 15  # coordinates whose squared distances int32 holds: 2^15 · 255² < 2^31
SPACING = 0.9  # ratio of successive floors: ranks from which least objectives are kept
UNSEEN = -(1 << 30)  # bound of a center not looked at yet
SAVE_EVERY = 30.0  # seconds between checkpoints while a ball is chosen
STATE = (  # what a checkpoint holds
    *("centers", "radii", "objective", "covered", "expanded", "free", "fresh", "order"),
    *("floors", "least", "reach", "counted"),
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


def check_delta(delta: object) -> float:
    """Return a share of points covered beyond α.

    Raises
    ------
    InputError
        If it is not a number of at least 0.
    """
    number = as_number(delta)
    if not 0 <= number < math.inf:
        msg = f"delta is {delta!r}; allowed: a number of at least 0"
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
        # what was seen when a center was last looked at
        self.floors = _floors(math.ceil(target / n_sets))
        self.least = np.full((n, len(self.floors)), UNSEEN, np.int32)  # least objective over the ranks from each floor
        self.reach = np.zeros(n)  # key of the largest ball's expansion
        self.counted = np.zeros(n, np.int64)  # how many of `order` have been taken off `least` where within reach

    def run(self, *, progress: bool) -> None:
        """Place balls until the target is covered."""
        with (
            using_threads(None) as n_threads,
            threadpool_limits(1, "blas"),  # our threads call BLAS; its own would wait for each other
            ThreadPoolExecutor(n_threads) as self.pool,
            bar(what="balls", shown=progress, total=self.n_sets) as shown,
        ):
            shown.update(len(self.centers))
            while self._n_covered < self.target:
                self._place(*self._choose(progress))
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

    def _choose(self, progress: bool) -> tuple[int, float, int]:  # noqa: FBT001
        """Return the center, the key of the radius and the objective of the next ball."""
        n, missing = len(self.free), self.target - self._n_covered
        lowest_rank = -(-missing // (self.n_sets - len(self.centers)))
        floor = int(np.searchsorted(self.floors, lowest_rank, side="right")) - 1
        best, winner, radius = n, n, 0.0
        waiting = np.ones(n, np.bool_)
        size = FEW if len(self.centers) else BATCH
        saved = time.monotonic()
        with bar(what="centers", shown=progress and not len(self.centers), total=n) as shown:
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
                objective, radii, self.least[rows], self.reach[rows] = best_balls(
                    self.keys.to_all(rows, self.pool),
                    self.keys.squared,
                    self.free,
                    self.fresh,
                    self.strength,
                    lowest_rank,
                    missing,
                    self.floors,
                )
                first = np.lexsort((rows, objective))[0]
                if (objective[first], rows[first]) < (best, winner):
                    best, winner, radius = int(objective[first]), int(rows[first]), float(radii[first])
                waiting[rows] = False
                size = min(BATCH, 2 * size)
                shown.update(len(rows))
                if time.monotonic() - saved > SAVE_EVERY:
                    self._save()
                    saved = time.monotonic()

    def _recount(self, rows: NDArray[np.intp], bound: NDArray[np.int64]) -> None:
        """Take the newly expanded points within reach off the bounds of the lowest of `rows`."""
        n, n_expanded = len(self.free), len(self.order)
        since = int(self.counted[rows].min())
        rows = _lowest(rows[self.counted[rows] == since], bound, max(1, BATCH * n // (n_expanded - since)))
        keys = self.keys.between(self.order[since:], rows, self.pool)
        within = np.count_nonzero(keys <= self.reach[rows], axis=0)
        self.least[rows] -= within[:, np.newaxis].astype(np.int32)
        self.counted[rows] = n_expanded

    def _place(self, center: int, radius: float, objective: int) -> None:
        keys = self.keys.to_all(np.array([center]), self.pool)[0]
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
    """Keys between points: whole squared distances where int32 holds them, distances elsewhere.

    An inner product of raw levels is not exact in float32; with 128 taken off each, and at most 1,024
    coordinates at a time, it is.
    """

    def __init__(self, X: NDArray[np.uint8] | NDArray[np.float32]) -> None:
        self.X = X
        self.squared = X.dtype == np.uint8 and X.shape[1] <= WIDEST
        if self.squared:
            self.norms = shifted_norms(X)
            self.shifted = X.astype(np.float32)
            self.shifted -= SHIFT
        self.held = np.empty((min(BATCH, len(X)), len(X)), np.int32 if self.squared else np.float64)

    def to_all(self, rows: NDArray[np.intp], pool: ThreadPoolExecutor) -> NDArray[Any]:
        """Keys from at most a batch of rows to all points; those of the next call replace them."""
        return self._fill(rows, None, self.held[: len(rows)], pool)

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp], pool: ThreadPoolExecutor) -> NDArray[Any]:
        """Keys from some rows to some others."""
        return self._fill(rows, columns, np.empty((len(rows), len(columns)), self.held.dtype), pool)

    def _fill(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp] | None, keys: NDArray[Any], pool: ThreadPoolExecutor
    ) -> NDArray[Any]:
        if self.squared:
            here, norms = self.shifted[rows], self.norms[rows]
        else:
            centers = self.X[rows].astype(np.float64)

        def fill(start: int) -> None:
            tile = slice(start, start + TILE) if columns is None else columns[start : start + TILE]
            if not self.squared:
                center_distances(self.X[tile], centers, start, keys)
                return
            there = self.shifted[tile]
            for low in range(0, there.shape[1], EXACT):
                products = here[:, low : low + EXACT] @ there[:, low : low + EXACT].T
                join_products(products, norms, self.norms[tile], low == 0, start, keys)

        list(pool.map(fill, range(0, keys.shape[1], TILE)))
        return keys


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
