"""Distances between points (ℓ2): those that are asked for, and histograms of all of them.

As in `kernels.distances`: squared, and whole, for uint8 points; not squared for others.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.kernels.distances import as_words, fill_distances

BATCH = 256  # rows whose distances to all points are held at once
WIDEST = 1 << 15  # coordinates whose squared distances int32 holds: 2^15 · 255² < 2^31


class Distances:
    """Distances between the points of one sample, which all searches for balls around them share.

    They are `squared` for uint8 points, unless int32 does not hold the squares. `points` are as kernels take them,
    with the norms that go with them. `histograms` are those that were counted last, whatever for.
    """

    def __init__(self, sample: Sample) -> None:
        X = sample.X
        self.sample, self.squared = sample, X.dtype == np.uint8 and X.shape[1] <= WIDEST
        self.points: tuple[NDArray[Any], Any, Any] = as_words(X) if self.squared else (X, None, None)
        self.histograms: Histograms | None = None
        self._held = np.empty((min(BATCH, len(X)), len(X)), np.int32 if self.squared else np.float64)

    def to_all(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return those from at most a batch of rows to all points; the next call overwrites them."""
        return self._fill(rows, slice(None), self._held[: len(rows)])

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        """Return those from some rows to some others."""
        return self._fill(rows, columns, np.empty((len(rows), len(columns)), self._held.dtype))

    def _fill(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | slice, distances: NDArray[Any]) -> NDArray[Any]:
        points, left_norms, right_norms = self.points
        if self.squared:
            fill_distances(points[rows], left_norms[rows], points[columns], right_norms[columns], distances)
        else:
            fill_distances(points[rows].astype(np.float64), None, points[columns], None, distances)
        return distances


class Histograms(NamedTuple):
    """A histogram of the distances from each point to all points."""

    counts: NDArray[np.int32]  # shape (n, buckets); the last bucket has all larger distances, too
    scale: float  # buckets for one level of distance

    def replaces(self, scale: float, farthest: float) -> bool:
        """Whether it can stand for one of another scale: at least half as fine, and it reaches as far."""
        return 2 * self.scale >= scale and self.counts.shape[1] > math.ceil(farthest * self.scale)

    def steps(self, strength: float) -> int:
        """Return how many buckets beyond its radius a ball surely expands to; -1 if not even to all of its own."""
        return max(-1, math.floor(strength * self.scale - 1.001))


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
