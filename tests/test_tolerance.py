"""The tail of a certificate at exactly α, against brute force over every count, and against simulated worst cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import betaincinv
from scipy.stats import beta, binom

from numbaconc.binomial import least_count, upper_limit
from numbaconc.tolerance import _fails, _worst, tolerance

CELLS = 4000


def beyond_every_limit(n, m, tau):
    """All counts k from m to n - 1, and 1 - U(k)."""
    k = np.arange(m, n, dtype=float)
    return k, betaincinv(n - k, k + 1, tau)


def risk_by_sums(n, m, tau):
    """The worst risk from below and from above: all counts, and cells of equal probability, since it grows with v."""
    k, beyond = beyond_every_limit(n, m, tau)
    rest = betaincinv(n - m + 1, m, 1 - np.arange(1, CELLS) / CELLS)  # 1 - v at the borders of cells
    worst = [binom.cdf(k - m, n - m, 1 - np.minimum(1, beyond / one)).max() for one in rest]
    return sum(worst) / CELLS, (sum(worst) + 1) / CELLS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "tail"),
    [
        *((100, m, 0.025) for m in (1, 2, 11, 50, 98, 99)),
        *((400, m, tail) for m, tail in ((30, 0.025), (30, 0.05), (200, 0.01))),
        *((n, m, 0.025) for n, m in ((2, 1), (3, 2), (7, 3), (30, 5))),
    ],
)
def test_the_worst_case_fails_as_often_as_allowed(n, m, tail):
    tau = tolerance(n, m, tail)
    low, high = risk_by_sums(n, m, tau)
    assert low <= tail <= high  # no looser bound than this on `low` can be had from the cells
    assert (low + high) / 2 == pytest.approx(tail, rel=4e-3)
    assert risk_by_sums(n, m, 1.02 * tau)[1] > tail * 1.005  # and τ is the largest, but for a rounding
    assert tau < tail


def test_rounding_leaves_it_proved():
    """The integral, with cells that are fine where the integrand is steep: an upper sum of it is allowed."""
    n, m, tail = 100, 11, 0.025
    k, beyond = beyond_every_limit(n, m, tolerance(n, m, tail))
    chance = np.concatenate([np.linspace(0, 0.9, 15_000), 1 - np.geomspace(0.1, 1e-9, 30_000)[1:], [1.0]])
    rest = betaincinv(n - m + 1, m, 1 - chance[1:-1])
    worst = np.concatenate([_fails(n, m, k, beyond, some[:, None]).max(axis=1) for some in np.array_split(rest, 30)])
    upper = float((np.diff(chance) * np.append(worst, 1.0)).sum())
    assert tail * (1 - 2e-3) < upper <= tail


@pytest.mark.parametrize(
    ("n", "alpha", "m", "tau"), [(10_000, 0.05, 544, 0.0096), (10_000, 0.01, 121, 0.0100), (500, 0.05, 36, 0.0105)]
)
def test_the_figures_of_the_method(n, alpha, m, tau):
    assert least_count(alpha, n) == m
    assert tolerance(n, m, 0.025) == pytest.approx(tau, rel=0.01)


@pytest.mark.parametrize(("n", "m"), [(10_000, 544), (10_000, 9_900), (500, 36), (60_000, 3106)])
def test_no_count_is_worse_than_the_one_found(n, m):
    """Counts are tried on a grid that is made finer twice: beside the worst of all of them."""
    k, beyond = beyond_every_limit(n, m, tau := tolerance(n, m, 0.025))
    rest = betaincinv(n - m + 1, m, np.array([0.9999, 0.9, 0.5, 0.2, 0.05, 0.02, 0.011]))
    found = _worst(n, m, tau, rest, refined=True)
    assert found == pytest.approx([_fails(n, m, k, beyond, one).max() for one in rest], rel=2e-5)


@given(st.integers(2, 3000), st.floats(0, 1), st.floats(1e-9, 0.3))
def test_any_size(n, share, tail):
    m = 1 + int(share * (n - 2))
    tau = tolerance(n, m, tail)
    assert tail / 20 < tau < tail
    assert tolerance(n, m, tail / 2) < tau
    assert tolerance(n, n, tail) == tail


def adversary(n, m, tau, v):
    """For each measure v below the border, the expansion whose limit fails most often: just above one of the U(k)."""
    k, beyond = beyond_every_limit(n, m, tau)
    grid = np.linspace(v.min(), v.max(), 1000)
    best = np.array([_fails(n, m, k, beyond, 1 - one).argmax() for one in grid])[np.searchsorted(grid, v)]
    return np.maximum(v, 1 - beyond[best] + 1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 11), (400, 30)])
def test_the_worst_expansion_simulated(n, m):
    """It fails in η/2 of the draws; at a tail of η/2 itself, plain Clopper and Pearson, in twice as many."""
    trials, tail = 40_000, 0.025
    rng = np.random.default_rng(1)
    v = beta(m, n - m + 1).rvs(trials, random_state=rng)
    failed = {}
    for tau in (tolerance(n, m, tail), tail):
        true = adversary(n, m, tau, v)
        counts = m + rng.binomial(n - m, (true - v) / (1 - v))
        limits = {int(c): upper_limit(int(c), n, tau) for c in np.unique(counts)}
        failed[tau] = np.mean(np.array([limits[c] for c in counts.tolist()]) < true)
    held, plain = failed.values()
    assert held == pytest.approx(tail, abs=3 * math.sqrt(tail / trials))
    assert plain > 1.8 * tail
