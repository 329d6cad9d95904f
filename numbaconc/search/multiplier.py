"""What a point's uncertainty is worth to a search: a Lagrange multiplier, as small as a constraint on the region allows.

A search that is asked for hard points counts the points in the expansion of a region, as it always does, less the excess of
the points in the region: `worth` times what their uncertainty is beyond γ. At a worth of 0 it is the search without γ. The
more an excess is worth, the harder are the points of the region that is found, and the larger is its expansion. So the least
worth is looked for at which the constraint is met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.numerals import at_least, exact
from numbaconc.search.base import Found
from numbaconc.search.uncertain import Constraint

FIRST, GROWTH, LAST = 1.0, 4.0, 1024.0  # points in the expansion that an uncertainty of 1 beyond γ is worth
HALVINGS = 3  # of the gap between a worth that is too small and one that is enough


def meets(found: Found, constraint: Constraint | None, sample: Sample) -> bool:
    """Return whether the points in a region that was found are as hard as is asked for; True where nothing is."""
    return constraint is None or int(constraint.excess[found.region.contains(sample)].sum()) >= 0


def best_of(several: Sequence[Found], constraint: Constraint | None, sample: Sample) -> Found:
    """Return that of least adversarial risk among those that meet the constraint; if there is none, the hardest."""
    allowed = [found for found in several if meets(found, constraint, sample)]
    if allowed:
        return min(allowed, key=lambda found: found.adversarial_risk)
    return max(several, key=lambda found: float(found.attributes["mean_uncertainty"]))


def least_worth(attempt: Callable[[float], Found], constraint: Constraint | None, sample: Sample) -> Found:
    """Return the best of what is found at several worths: `attempt` returns what is found at one.

    Where there is no constraint, that is what is found at a worth of 0. InputError, with the largest mean uncertainty that
    was seen, if nothing meets the constraint.
    """
    tried: list[Found] = []

    def enough(worth: float) -> bool:
        tried.append(attempt(worth))
        return meets(tried[-1], constraint, sample)

    low, high = 0.0, 0.0
    met = enough(high)
    while not met and high < LAST:
        low, high = high, max(FIRST, GROWTH * high)
        met = enough(high)
    for _ in range(HALVINGS if met and high else 0):
        middle = math.sqrt(low * high) if low else high / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    best = best_of(tried, constraint, sample)
    if constraint is not None and not meets(best, constraint, sample):
        raise not_met(constraint, best.attributes["mean_uncertainty"])
    return best


def not_met(constraint: Constraint, most: float) -> InputError:
    """Return the error where no region meets the constraint, and `most` is the largest mean uncertainty that was seen."""
    hardest = f"the hardest region that was found has a mean uncertainty of at least {at_least(most)}"
    return InputError(f"gamma is {exact(constraint.gamma)}; allowed: less, since {hardest}, which is too little")


def hard_enough(
    holding: Callable[[int], Found],
    outward: Callable[[], NDArray[np.float64]],
    n_inside: int,
    constraint: Constraint | None,
    sample: Sample,
) -> Found:
    """Return the region with the fewest points, at least `n_inside`, that meets the constraint; if none does, the hardest.

    `holding` makes the one that holds a number of points; `outward` says how far outside each point is, shape (n,), as the
    region grows.
    """
    found = None
    for number in [n_inside] if constraint is None else _ranks(outward(), n_inside, constraint):
        found = holding(number)
        if meets(found, constraint, sample):
            break
    assert found is not None  # there is a number  # noqa: S101
    return found


def _ranks(outward: NDArray[np.float64], n_inside: int, constraint: Constraint) -> Iterator[int]:
    """Yield how many points a region may hold to meet the constraint, at least `n_inside`, ascending.

    Points that are equally far outside come in together. If no number will do, the one of the largest mean excess is yielded.
    """
    order = np.argsort(outward, kind="stable")
    counts, sums = np.arange(1, len(order) + 1), np.cumsum(constraint.excess[order])
    whole = np.append(outward[order[:-1]] < outward[order[1:]], [True]) & (counts >= n_inside)
    counts, sums = counts[whole], sums[whole]
    good = counts[sums >= 0]
    yield from good.tolist() if len(good) else [int(counts[(sums / counts).argmax()])]


def rewards(constraint: Constraint | None, worth: float) -> NDArray[np.float64] | None:
    """Return what each point inside takes from the score at a worth, shape (n,); None where that is nothing."""
    if constraint is None or not worth:
        return None
    return constraint.excess.astype(np.float64) * (worth / constraint.scale)
