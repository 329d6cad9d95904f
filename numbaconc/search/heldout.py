"""Points that a search does not see, and regions that hold enough of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numbaconc.errors import check_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numbaconc.arrays import Sample
    from numbaconc.regions import Region


def hold_back(sample: Sample, share: float, seed: int) -> tuple[Sample, Sample]:
    """Split a sample at random into points to search and points to hold back, at least 1 of these.

    Raises
    ------
    InputError
        If the share is not in (0, 1).
    """
    held = round(len(sample) * check_fraction("validation", share, one_allowed=False))
    held = min(max(held, 1), len(sample) - 2)
    order = np.random.default_rng(seed).permutation(len(sample))
    return sample.take(np.sort(order[held:])), sample.take(np.sort(order[:held]))


def ask_more(
    find: Callable[[float], Region], shares: Sequence[float], points: Sample, needed: int
) -> tuple[Region, float]:
    """Ask for more and more of the points that are searched, until a region holds enough of others.

    Parameters
    ----------
    find : callable
        Returns a region that holds the given share of the points that are searched.
    shares : sequence of float
        What may be asked for, ascending. Those that would make up for less than half of what was
        missing last are passed over.
    points : Sample
        Points that are not searched.
    needed : int
        How many of them are enough.

    Returns
    -------
    region : Region
        The first that holds enough; the last one if none does.
    share : float
        What it was asked for.

    Raises
    ------
    InputError
        If the search finds no region for the first share.
    """
    at = 0
    while True:
        region = find(shares[at])
        missing = needed / len(points) - float(region.measure(points, 1).risk)  # the same at any strength
        if missing <= 0 or at == len(shares) - 1:
            return region, shares[at]
        later = (i for i in range(at + 1, len(shares)) if shares[i] - shares[at] >= missing / 2)
        at = next(later, len(shares) - 1)


def moving(find: Callable[[float], Region], sample: Sample) -> Callable[[float], Region]:
    """Turn a search for a share of a sample into one that searches once, and then moves the border of what it found."""
    found: list[Region] = []

    def moved(share: float) -> Region:
        if not found:
            found.append(find(share))
            return found[0]
        return found[0].holding(sample, math.ceil(share * len(sample) * (1 - 1e-12)))

    return moved
