"""Distances between points (ℓ2): some on demand, and all of them counted once, in buckets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.kernels.distances import as_words, fill_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbaconc.data.arrays import Sample

BATCH = 256  # rows whose keys to all points are held at once
WIDEST = 1 << 15  # coordinates whose squared distances int32 holds: 2^15 · 255² < 2^31


class Keys:
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
            fill_distances(points[rows], left_norms[rows], points[columns], right_norms[columns], keys)
        else:
            fill_distances(points[rows].astype(np.float64), None, points[columns], None, keys)
        return keys


class Distances:
    """What searches for balls around the points of one sample share, whatever they are asked for.

    Attributes
    ----------
    sample : Sample
    keys : Keys
    histogram : Histogram or None
        The distances that were counted last.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample, self.keys = sample, Keys(sample.X)
        self.histogram: Histogram | None = None


class Histogram(NamedTuple):
    """All distances, counted once: how many of each point's are in each bucket, and the buckets of one level.

    The last bucket has what lies beyond.
    """

    counts: NDArray[np.int32]
    scale: float

    def serves(self, scale: float, farthest: float) -> bool:
        """Whether it is as good as one of so many buckets a level, or half as good, and reaches as far."""
        return 2 * self.scale >= scale and self.counts.shape[1] > math.ceil(farthest * self.scale)


def rounds(n_tiles: int) -> list[NDArray[np.int64]]:
    """All pairs of tiles, in rounds in which no tile is in two of them, as players of a tournament meet."""
    rounds = [np.repeat(np.arange(n_tiles), 2).reshape(-1, 2)]
    n_others = n_tiles - 1 + n_tiles % 2  # one sits out where their number is odd
    steps = np.arange((n_others + 1) // 2)
    for turn in range(n_others):
        others = np.where(steps == 0, n_others, (turn - steps) % n_others)
        pairs = np.stack([(turn + steps) % n_others, others], axis=1)
        rounds.append(pairs[others < n_tiles])
    return rounds
