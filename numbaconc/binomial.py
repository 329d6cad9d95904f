"""What a count of independent points proves about a measure: the bounds of Clopper and Pearson (Biometrika 26, 1934)."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtrik, betainccinv, betaincinv

from numbaconc.errors import check_count, check_fraction

CONFIDENCE = 0.95  # that all bounds of a statement hold


def lower_limit(count: int, n: int, tail: float) -> float:
    """One-sided lower bound on a binomial probability, wrong with probability at most `tail` (Clopper-Pearson)."""
    return float(betaincinv(count, n - count + 1, tail)) if count else 0.0


def upper_limit(count: int, n: int, tail: float) -> float:
    """One-sided upper bound on a binomial probability, wrong with probability at most `tail` (Clopper-Pearson)."""
    return float(betainccinv(count + 1, n - count, tail)) if count < n else 1.0


def least_count(
    alpha: float, n_points: int, confidence: float = CONFIDENCE, n_compared: int = 1, n_bounds: int = 2
) -> int | None:
    """Return the fewest test points in a region that certify L >= α; None if not even all of them do.

    For 10,000 points and 95% that is 121 for α = .01, 544 for .05 and 1,337 for .127.
    """
    alpha, n = check_fraction("alpha", alpha, one_allowed=False), check_count("n_points", n_points)
    tail = tail_of(confidence, n_compared, n_bounds)
    # L >= α just where P[Bin(n, α) >= count] <= tail
    count = max(1, math.floor(np.nan_to_num(bdtrik(1 - tail, n, alpha))))
    while count > 1 and lower_limit(count - 1, n, tail) >= alpha:
        count -= 1
    while count <= n and lower_limit(count, n, tail) < alpha:
        count += 1
    return count if count <= n else None


def tail_of(confidence: float, n_compared: int, n_bounds: int = 2) -> float:
    """Return the probability with which one bound of a certificate, of so many of `n_bounds` each, may be wrong."""
    eta = 1 - check_fraction("confidence", confidence, one_allowed=False)
    return eta / (n_bounds * check_count("n_compared", n_compared))
