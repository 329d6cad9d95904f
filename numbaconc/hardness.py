"""What test points prove about the label uncertainty of the points in a region: docs/uncertainty.md."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.betting import mean_at_least
from numbaconc.data.annotations import MOST
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, shown
from numbaconc.regions import Region

DRAW = 0  # the seed of the draw that breaks ties at a border


class Labels(NamedTuple):
    """Mean label uncertainty of the test points in a region, and of μ, at least; what they mean says `Certificate`."""

    uncertainty: float | None = None
    uncertainty_at_least: float | None = None
    n_tied: int = 0


def labels_in(
    region: Region, sample: Sample, uncertainty: NDArray[np.float64] | None, tail: float, rank: int | None
) -> Labels:
    """Certify the mean uncertainty in a region whose border lies at the test point of a rank, or stays where it is.

    Given that border, the points before it are independent draws from one distribution, whatever their order in the sample
    is; that is the order that is bet in. The bound is wrong with probability at most `tail`.
    """
    if uncertainty is None:
        return Labels()
    inside, n_tied = (region.contains(sample), 0) if rank is None else _before(region, sample, rank)
    values = uncertainty[inside]
    mean = float(values.mean()) if len(values) else None
    return Labels(mean, mean_at_least(values, tail, MOST), n_tied)


def _before(region: Region, sample: Sample, rank: int) -> tuple[NDArray[np.bool_], int]:
    """Return which test points lie strictly inside the border at one of them, ties broken by a draw that is always the same.

    And how many others lie at that border.
    """
    numbers = region._numbers(sample)
    order = np.lexsort((np.random.default_rng(DRAW).random(len(sample)), numbers))
    inside = np.zeros(len(sample), np.bool_)
    inside[order[: rank - 1]] = True
    return inside, int(np.count_nonzero(numbers == numbers[order[rank - 1]])) - 1


def check_bound(uncertainty_at_least: float | None) -> float | None:
    """Return a bound on mean uncertainty, or None; InputError if it is none."""
    if uncertainty_at_least is None:
        return None
    number = as_number(uncertainty_at_least)
    if not 0 <= number <= MOST:
        msg = f"uncertainty_at_least is {shown(uncertainty_at_least)}; allowed: a number from 0 to {MOST:g}"
        raise InputError(msg)
    return number
