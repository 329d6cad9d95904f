"""Distances between points (ℓ2): those that are asked for, and what all of them are counted from.

As in `kernels.distances`: squared, and whole, for uint8 points; not squared for others.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.kernels.distances import as_words, fill_distances
from numbaconc.kernels.rounding import distances_from, round_rows

TINY = 1e-30  # distances that are as good as none: float32 still holds whatever is divided by it
BATCH = 256  # rows whose distances to all points are held at once
WIDEST = 1 << 15  # coordinates whose squared distances int32 holds: 2^15 · 255² < 2^31
LONGEST = 23169  # lengths of points whose squared distances int32 holds: (2 · 23169)² < 2^31


class Points(NamedTuple):
    """Points, in a form that kernels take, whose distances are those of a sample but for some error."""

    points: NDArray[Any]
    left_norms: Any = None  # int32, with those of the other side; None for floats
    right_norms: Any = None
    per_level: float = 1.0  # what their distances are multiplied by
    error: float = 0.0  # in levels

    def take(self, rows: NDArray[np.intp] | slice) -> tuple[NDArray[Any], Any, Any]:
        """Return some of the points, and their norms."""
        if self.left_norms is None:
            return self.points[rows], None, None
        return self.points[rows], self.left_norms[rows], self.right_norms[rows]


class Distances:
    """Distances between the points of one sample, which all searches for balls around them share.

    They are `squared` for uint8 points, unless int32 does not hold the squares. `points` are as kernels take them,
    with the norms that go with them. `histograms` are those that were counted last, whatever for.
    """

    def __init__(self, sample: Sample) -> None:
        X = sample.X
        self.sample, self.squared = sample, X.dtype == np.uint8 and X.shape[1] <= WIDEST
        self.points = Points(*as_words(X)) if self.squared else Points(X)
        self.histograms: Any = None
        self._held = np.empty((min(BATCH, len(X)), len(X)), np.int32 if self.squared else np.float64)

    def within(self, error: float) -> Points:
        """Return points whose distances are off by no more than so many levels, and are found as fast as possible."""
        rounded = None if self.squared else self._rounded
        return self.points if rounded is None or rounded.error > error else rounded

    @functools.cached_property
    def _rounded(self) -> Points | None:
        """The points of floats in fixed-point numbers of 16 bits; None where no scale fits.

        The mean is the origin. The two rows of a pair have been moved by at most `error` together.
        """
        X = self.sample.X
        n, d = X.shape
        with np.errstate(over="ignore", invalid="ignore"):  # then there is no such scale
            middle = X.mean(axis=0, dtype=np.float64)
            farthest = float(distances_from(X, middle).max())
        scale = (LONGEST - math.sqrt(d)) / max(TINY, farthest)
        if not (scale > 0 and math.isfinite(farthest)):
            return None
        rounded = np.empty((n, d + d % 2), np.int16)
        norms, moved = round_rows(X, middle, scale, rounded)
        error = (2 * float(moved.max()) * (1 + 1e-6) + 1e-6) / scale
        return Points(rounded.view(np.uint32), norms, norms, scale, error)

    def to_all(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return those from at most a batch of rows to all points; the next call overwrites them."""
        return self._fill(rows, slice(None), self._held[: len(rows)])

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        """Return those from some rows to some others."""
        return self._fill(rows, columns, np.empty((len(rows), len(columns)), self._held.dtype))

    def _fill(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | slice, distances: NDArray[Any]) -> NDArray[Any]:
        left, left_norms, _ = self.points.take(rows)
        right, _, right_norms = self.points.take(columns)
        fill_distances(left if self.squared else left.astype(np.float64), left_norms, right, right_norms, distances)
        return distances


def rounds(n_tiles: int) -> list[NDArray[np.int64]]:
    """Return all pairs of tiles, in rounds in which no tile is in two of them, as players of a tournament meet."""
    rounds = [np.repeat(np.arange(n_tiles), 2).reshape(-1, 2)]
    n_others = n_tiles - 1 + n_tiles % 2  # one sits out where their number is odd
    steps = np.arange((n_others + 1) // 2)
    for turn in range(n_others):
        others = np.where(steps == 0, n_others, (turn - steps) % n_others)
        pairs = np.stack([(turn + steps) % n_others, others], axis=1)
        rounds.append(pairs[others < n_tiles])
    return rounds
