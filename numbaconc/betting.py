"""A lower confidence bound on a mean, by betting (Waudby-Smith and Ramdas, JRSS B 86, 2024, 1-27).

Whoever bets on each value that it lies above m, with a stake that the values before it settle, has a capital whose
expectation does not grow if the mean is m. So it reaches 1 / tail with probability at most `tail` (Ville's inequality), at
whatever time. A mean m is ruled out if it does. The capital falls as m grows, so that those that are left begin at one
number, which is the bound. It adapts to the variance of the values: few bounds are as near to the mean for small samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_floats
from numbaconc.errors import InputError, check_fraction, shown

TRUNCATED = 0.5  # of the stake at which a value of 0 would take all of the capital
HALVINGS = 60  # of the interval that the bound is in
SURELY = 1e-9  # by which the logarithm of the capital must be larger, since sums are rounded


def mean_at_least(values: ArrayLike, tail: float, largest: float = 1.0) -> float:
    """Return a lower bound on the mean of independent draws from one distribution, wrong with probability at most `tail`.

    The stakes are the predictable plug-ins of the paper's section 3.1 for a fixed number of values, for one side: what would
    be best if the values had the mean and the variance of those before, beside one value of 1/2 and a variance of 1/4.

    Parameters
    ----------
    values : array-like, shape (n,)
        In [0, largest], in an order that they have no part in, such as that of points in a file.
    tail : float
        In (0, 1).
    largest : float
        What no value can exceed: 2 for label uncertainty.

    Returns
    -------
    float
        In [0, largest]; 0 for no values.

    Raises
    ------
    InputError
        If a value lies outside [0, largest], or the tail outside (0, 1).
    """
    numbers = as_floats(values, "values").ravel()
    tail = check_fraction("tail", tail, one_allowed=False)
    if not ((numbers >= 0) & (numbers <= largest)).all():
        msg = f"values is {shown(values)}; allowed: numbers from 0 to {largest:g}"
        raise InputError(msg)
    if not len(numbers):
        return 0.0
    shares = numbers / largest
    stakes, wanted = _stakes(shares, tail), -math.log(tail) + SURELY
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _capital(shares, stakes, middle) >= wanted else (low, middle)
    return float(low * largest)


def _stakes(values: NDArray[np.float64], tail: float) -> NDArray[np.float64]:
    """Return what is staked on each value, by those before it."""
    n = len(values)
    counts = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values)) / (counts + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (counts + 1)
    stakes: NDArray[np.float64] = np.sqrt(-2 * math.log(tail) / (n * np.append(0.25, variances[:-1])))
    return stakes


def _capital(values: NDArray[np.float64], stakes: NDArray[np.float64], mean: float) -> float:
    """Return the logarithm of the largest capital on the way, of bets against a mean above 0."""
    return float(np.cumsum(np.log1p(np.minimum(stakes, TRUNCATED / mean) * (values - mean))).max())
