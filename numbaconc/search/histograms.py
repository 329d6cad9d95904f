"""Histograms of the distances from each center to all points, and what they say for sure (ℓ2)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.search.distances import Points

SLACK = 0.025  # of a bucket: more than twice what float32 rounds by in kernels, where narrow buckets begin far out


class Ruler(NamedTuple):
    """Which bucket a distance is in: buckets are narrower where radii and reaches are expected.

    `coarse` and `fine` are buckets for one level of distance, the latter from `low` to `high` levels.
    """

    coarse: float
    fine: float
    low: float = 0.0
    high: float = 0.0

    def place(self, levels: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Turn distances into buckets and parts of one."""
        coarse, fine, offset, gap = self.numbers()
        places: NDArray[np.float64] = np.minimum(
            np.maximum(coarse * levels, fine * levels - offset), coarse * levels + gap
        )
        return places

    def levels(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn them back."""
        coarse, fine, offset, gap = self.numbers()
        levels: NDArray[np.float64] = np.maximum(
            np.minimum(places / coarse, (places + offset) / fine), (places - gap) / coarse
        )
        return levels

    def numbers(self) -> tuple[float, float, float, float]:
        """Return the lines that buckets lie on: their slopes, and where they begin."""
        more = self.fine - self.coarse
        return self.coarse, self.fine, more * self.low, more * (self.high - self.low)

    def scale(self, points: Points) -> NDArray[Any]:
        """Return the same for kernels that count distances between such points."""
        coarse, fine, offset, gap = self.numbers()
        dtype = np.float64 if points.left_norms is None else np.float32
        return np.array([coarse / points.per_level, fine / points.per_level, offset, gap], dtype)


def ruler(steps: tuple[float, float], strength: float, span: tuple[float, float], farthest: float, most: int) -> Ruler:
    """Return a ruler for at most so many buckets up to the farthest distance.

    `steps` is how many buckets `strength` spans, at most: everywhere, and within the span. Narrower ones take up to
    three of four buckets, if that makes them narrower than all would be without them.
    """
    everywhere, within = (step / strength for step in steps)
    even, width = min(everywhere, most / farthest), span[1] - span[0]
    fine = min(within, 0.75 * most / width) if width > 0 else 0.0
    return Ruler(min(even, most / 4 / farthest), fine, *span) if fine > even else Ruler(even, even)


class Histograms(NamedTuple):
    """A histogram of the distances from each point to all points."""

    counts: NDArray[np.int32]  # shape (n, buckets); the last bucket has all larger distances, too
    ruler: Ruler
    points: Points  # between which those distances are

    def replaces(self, ruler: Ruler, farthest: float, error: float) -> bool:
        """Whether it can stand for another: at least half as fine, reaches as far, and errs by no more levels."""
        far = self.counts.shape[1] > math.ceil(self.ruler.place(farthest))
        return 2 * self.ruler.coarse >= ruler.coarse and far and self.points.error <= error

    def tops(self, strength: float) -> NDArray[np.int64]:
        """Return, for a ball whose radius is in each bucket, up to which bucket all points are surely in its expansion.

        A radius is counted as larger than it is by at most the error, and the bucket of any point likewise.
        """
        buckets = np.arange(self.counts.shape[1])
        reach = self.ruler.levels(buckets.astype(np.float64)) + (strength - 2 * self.points.error)
        tops = np.floor(np.minimum(self.ruler.place(reach), len(buckets)) - 1 - SLACK).astype(np.int64)
        at_least: NDArray[np.int64] = np.maximum(tops, buckets - 1)  # points nearer than the one at the radius
        return at_least

    @property
    def spread(self) -> int:
        """How many buckets the radius of a ball, as `tops` counts it, is at most above the point of its rank."""
        return math.ceil(2 * self.points.error * max(self.ruler.coarse, self.ruler.fine))

    def buckets(self, levels: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the last bucket that what is so many levels away may be counted in."""
        places = self.ruler.place(levels + self.points.error) + SLACK
        buckets: NDArray[np.int64] = np.minimum(places, self.counts.shape[1] - 1).astype(np.int64)
        return buckets

    def farthest(self, buckets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return at least the distances, in levels, of all that is counted up to some buckets; inf for the last."""
        levels = self.ruler.levels(buckets.astype(np.float64) + (1 + SLACK / 2)) + self.points.error
        return np.where(buckets == self.counts.shape[1] - 1, np.inf, levels)
