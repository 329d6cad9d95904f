"""The lower bound on a mean by betting, and certificates of label uncertainty: plain loops, exact truths, simulations."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import refused
from hypothesis import given, strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.betting import mean_at_least
from numbaconc.binomial import least_count, lower_limit, upper_limit
from numbaconc.certify import certify_at_counts, certify_counts
from numbaconc.data.sample import Sample
from numbaconc.regions import Sublevel
from numbaconc.tolerance import tolerance

ETA = 0.05
LINE = nc.HalfSpace([-1.0], 0.0)  # the number of a point in its chain is the point itself


def on_line(X):
    return Sample(np.asarray(X, dtype=float)[:, np.newaxis])


# The bound


def ruled_out(values, mean, tail):
    """Whether somebody who bets on values above the mean ever has 1 / tail."""
    capital, total, square = 1.0, 0.5, 0.25
    n, variance = len(values), 0.25
    for seen, value in enumerate(values, start=1):
        stake = min(math.sqrt(2 * math.log(1 / tail) / (n * variance)), 0.5 / mean)
        capital *= 1 + stake * (value - mean)
        if capital >= 1 / tail:
            return True
        total += value
        square += (value - total / (seen + 1)) ** 2
        variance = square / (seen + 1)
    return False


def plain(values, tail):
    """The largest mean that is ruled out, to within 1e-10."""
    low, high = 0.0, 1.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if ruled_out(values, middle, tail) else (low, middle)
    return low


@given(
    values=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0])), max_size=40),
    tail=st.sampled_from([0.3, 0.05, 0.001]),
    largest=st.sampled_from([1.0, 2.0]),
)
def test_the_bound_of_a_plain_loop(values, tail, largest):
    found = mean_at_least(np.array(values) * largest, tail, largest)
    assert found == pytest.approx(plain(values, tail) * largest, abs=1e-7)
    assert 0 <= found <= largest * np.mean(values or [0]) + 1e-12 or found < largest


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=30), tail=st.sampled_from([0.3, 0.01]))
def test_means_are_ruled_out_up_to_one_number(values, tail):
    """Hence it is enough to bisect."""
    grid = [ruled_out(values, mean, tail) for mean in np.linspace(0.001, 1, 200)]
    assert grid == sorted(grid, reverse=True)


@pytest.mark.parametrize("p", [0.03, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("tail", [0.3, 0.1])
def test_it_is_wrong_no_more_often_than_it_may_be(p, tail):
    """Exactly, over all sequences of eight values of two kinds."""
    n, wrong = 8, 0.0
    for high, scale in ((1.0, 1.0), (0.4, 1.0)):
        wrong = sum(
            p ** sum(ones) * (1 - p) ** (n - sum(ones))
            for ones in itertools.product((0, 1), repeat=n)
            if mean_at_least(np.array(ones) * high, tail, scale) > p * high
        )
        assert wrong <= tail


LAWS = {  # values in [0, 2], like label uncertainty, and their means
    "0 or 2": (lambda rng, n: 2.0 * (rng.random(n) < 0.1), 0.2),
    "0 or 1, nearly always 0": (lambda rng, n: 1.0 * (rng.random(n) < 0.01), 0.01),
    "much of it 0": (lambda rng, n: np.where(rng.random(n) < 0.44, 0.0, rng.beta(0.4, 3, n) * 2), 0.56 * 2 * 0.4 / 3.4),
    "uniform": (lambda rng, n: 2 * rng.random(n), 1.0),
}


@pytest.mark.parametrize("law", LAWS)
def test_coverage_in_draws(law):
    """At a tail at which failures are often enough to be seen, and far from any that is allowed."""
    draw, mean = LAWS[law]
    rng, n, draws, tail = np.random.default_rng(0), 250, 300, 0.1
    bounds = np.array([mean_at_least(draw(rng, n), tail, 2.0) for _ in range(draws)])
    assert np.count_nonzero(bounds > mean) <= tail * draws + 3 * math.sqrt(tail * (1 - tail) * draws)
    assert np.median(bounds) > mean - 2 * math.sqrt(-math.log(tail) / (2 * n)) / 1.2  # than Hoeffding's


def test_it_comes_near_the_mean():
    values = np.tile([0.0, 0.0, 0.0, 1.2], 250)
    assert 0.25 < mean_at_least(values, 0.05 / 3, 2.0) < 0.3
    assert mean_at_least(np.zeros(50), 0.05) == 0
    assert mean_at_least([], 0.05) == 0
    assert 0.9 < mean_at_least(np.ones(200), 0.05) < 1


@pytest.mark.parametrize("values", [[-0.1], [1.1], [math.nan], ["a"]])
def test_values_that_are_none(values):
    refused(lambda: mean_at_least(values, 0.05), "values")


@pytest.mark.parametrize("tail", [0, 1, "much"])
def test_tails_that_are_none(tail):
    refused(lambda: mean_at_least([0.5], tail), "tail is ")


def test_the_benchmark_prints_what_it_counted(tmp_path):
    script = Path(__file__).parents[1] / "benchmarks/hardness.py"
    command = [sys.executable, script, "--draws", "20", "--size", "50", "--data-dir", tmp_path]
    lines = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.splitlines()
    assert lines[0].startswith("without CIFAR-10H: ")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    assert [row[0] for row in rows] == [
        "0 or 2, 1 of 100 is 2",
        "0 or 2, 15 of 100 are 2",
        "0 or 1, 90 of 100 are 1",
        "uniform on [0, 2]",
    ]
    for row in rows:
        assert float(row[4]) < float(row[1]) + 0.05


# Certificates


def hard(n, seed=0):
    return np.random.default_rng(seed).integers(0, 17, n) / 8


def test_a_certificate_shares_eta_among_three_bounds():
    n, alpha, n_compared = 2000, 0.1, 2
    X, uncertainty = np.random.default_rng(1).permutation(n).astype(float), hard(n)
    found = nc.certify(LINE, on_line(X), 7.0, alpha, n_compared=n_compared, uncertainty=uncertainty)
    tail = ETA / (3 * n_compared)
    m = next(m for m in range(1, n) if lower_limit(m, n, tail) >= alpha)
    assert (found.m, found.K, found.n_tied) == (m, 7, 0)
    assert least_count(alpha, n, 0.95, n_compared) < m
    assert upper_limit(m + 7, n, tolerance(n, m, tail)) == found.U
    before = uncertainty[m - 1 > X]  # in the order of the sample; the point at the border is not one of them
    assert len(before) == m - 1
    assert found.uncertainty == before.mean()
    assert found.uncertainty_at_least == pytest.approx(mean_at_least(before, tail, 2.0), rel=1e-12)
    least = math.floor(found.uncertainty_at_least * 1e4) / 1e4
    assert f", by a region whose labels have a mean uncertainty of at least {least:.4f} (" in found.sentence
    assert found.sentence in found.sentence_at(0.05) or "0.05" in found.sentence_at(0.05)
    assert isinstance(found.region, Sublevel)


def test_a_border_left_alone():
    X, uncertainty = np.arange(500.0), hard(500)
    found = nc.certify(nc.HalfSpace([-1.0], -80.5), on_line(X), 7.0, uncertainty=uncertainty)
    tail = ETA / 3
    assert (found.n_in, found.n_expanded, found.m) == (81, 88, None)
    assert (lower_limit(81, 500, tail), upper_limit(88, 500, tail)) == pytest.approx((found.L, found.U), rel=1e-12)
    assert found.uncertainty == uncertainty[:81].mean()
    assert found.uncertainty_at_least == pytest.approx(mean_at_least(uncertainty[:81], tail, 2.0), rel=1e-12)
    assert "mean uncertainty" in found.sentence
    nowhere = nc.certify(nc.HalfSpace([-1.0], 5.0), on_line(X), 1.0, uncertainty=uncertainty)
    assert (nowhere.uncertainty, nowhere.uncertainty_at_least) == (None, 0)


@pytest.mark.parametrize("alpha", [None, 0.1])
def test_without_uncertainty_nothing_changes(alpha):
    """Also where the points know theirs: it is used where it is asked for, and nowhere else."""
    X, uncertainty = np.arange(300.0), hard(300)
    plain, own = (
        nc.certify(LINE, points, 5.0, alpha) for points in (on_line(X), on_line(X).annotated(uncertainty=uncertainty))
    )
    assert plain == own
    assert (own.uncertainty, own.uncertainty_at_least, own.n_tied) == (None, None, 0)
    assert "uncertainty" not in own.sentence
    assert own.U < nc.certify(LINE, on_line(X), 5.0, 0.1, uncertainty=uncertainty).U if alpha else True


def test_ties_at_the_border_are_broken_by_a_draw_that_is_said():
    X = np.repeat(np.arange(30.0), 10)  # ten points at every border
    uncertainty = np.tile(np.linspace(0, 2, 10), 30)
    found = nc.certify(LINE, on_line(X), 2.0, 0.1, uncertainty=uncertainty)
    rank = next(m for m in range(1, 300) if lower_limit(m, 300, ETA / 3) >= 0.1)
    level = (rank - 1) // 10
    assert found.region.level == level
    assert found.n_tied == 9
    assert found.sentence.endswith(", with a part of the points at its border, 10 test points, that is drawn")
    assert found == nc.certify(LINE, on_line(X), 2.0, 0.1, uncertainty=uncertainty)  # always the same draw
    whole = uncertainty[level > X].sum()
    few = found.uncertainty * (rank - 1) - whole  # of the points at the border, by the draw
    assert 0 <= few <= uncertainty[level == X].sum()
    low, high = (np.sort(uncertainty[level == X])[::step][: rank - 1 - 10 * level].sum() for step in (1, -1))
    assert low - 1e-9 <= few <= high + 1e-9


def test_the_order_is_that_of_the_sample_not_of_the_gaps():
    """Whoever sorted the values would bet on what is to come."""
    n = 400
    X = np.random.default_rng(3).permutation(n).astype(float)
    found = nc.certify(LINE, on_line(X), 2.0, 0.3, uncertainty=2 * X / n)
    rank = found.m
    inside = rank - 1 > X
    in_order, by_gap = (mean_at_least(one, ETA / 3, 2.0) for one in ((2 * X / n)[inside], np.sort((2 * X / n)[inside])))
    assert found.uncertainty_at_least == pytest.approx(in_order, rel=1e-12)
    assert abs(in_order - by_gap) > 0.01


@pytest.mark.parametrize("ties", [False, True])
def test_all_three_bounds_hold_in_draws(ties):
    """Labels are the harder the farther to the left, so that the border's place matters."""
    rng, n, alpha, draws, wrong = np.random.default_rng(5), 200, 0.15, 300, np.zeros(3)
    confidence = 0.7  # that failures are seen
    for _ in range(draws):
        X = rng.normal(size=n)
        X = np.round(X, 1) if ties else X
        uncertainty = 2.0 * (rng.random(n) < norm.cdf(-1 - X))
        found = nc.certify(LINE, on_line(X), 0.2, alpha, confidence, uncertainty=uncertainty)
        c = float(found.region.level)
        grid = np.round(np.arange(-80, 81) / 10, 1)
        mass = norm.cdf(grid + 0.05) - norm.cdf(grid - 0.05)
        if not ties:
            grid = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
            mass = np.full(len(grid), 1 / len(grid))
        hardness = 2 * norm.cdf(-1 - grid)
        inside, reached = grid <= c + 1e-9, grid <= c + 0.2 + 1e-9
        truth = (mass * hardness)[inside].sum() / mass[inside].sum()
        # the harder points come first, so that what a draw leaves out of the border makes the mean no smaller
        open_inside = grid < c - 1e-9
        most = (mass * hardness)[open_inside].sum() / max(1e-300, mass[open_inside].sum())
        wrong += [
            mass[inside].sum() < alpha - 1e-4,
            mass[reached].sum() > found.U + 1e-4,
            found.uncertainty_at_least > (max(truth, most) if ties else truth) + 1e-4,
        ]
    share = (1 - confidence) / 3
    assert (wrong <= share * draws + 3 * math.sqrt(share * (1 - share) * draws)).all()


def test_certificates_from_counts():
    X, uncertainty = on_line(np.arange(300.0)), hard(300)
    found = nc.certify(LINE, X, 5.0, 0.1, 0.9, 3, uncertainty=uncertainty)
    again = certify_at_counts(found.n_expanded, 300, 5.0, 0.1, 0.9, 3, uncertainty_at_least=found.uncertainty_at_least)
    same = ("L", "U", "alpha", "m", "K", "tau", "uncertainty_at_least")
    assert all(getattr(found, name) == getattr(again, name) for name in same)
    left = nc.certify(nc.HalfSpace([-1.0], -80.5), X, 5.0, uncertainty=uncertainty)
    again = certify_counts(left.n_in, left.n_expanded, 300, 5.0, uncertainty_at_least=left.uncertainty_at_least)
    assert (again.L, again.U, again.uncertainty_at_least) == (left.L, left.U, left.uncertainty_at_least)
    for value in (-0.1, 2.1, "much", math.nan):
        refused(
            lambda value=value: certify_at_counts(60, 300, 5.0, 0.1, uncertainty_at_least=value),
            "uncertainty_at_least is ",
        )


@pytest.mark.parametrize(
    ("uncertainty", "words"),
    [(hard(299), "shape (299,)"), (hard(300) + 1, "numbers from 0 to 2"), (["a"] * 300, "uncertainty")],
)
def test_uncertainty_that_is_none(uncertainty, words):
    refused(lambda: nc.certify(LINE, on_line(np.arange(300.0)), 5.0, 0.1, uncertainty=uncertainty), words)


def test_too_few_points_for_three_bounds():
    """Enough for two: it takes log(tail) / log(α)."""
    n, alpha = 130, 0.97
    assert nc.certify(LINE, on_line(np.arange(n)), 1.0, alpha).m
    refused(lambda: nc.certify(LINE, on_line(np.arange(n)), 1.0, alpha, uncertainty=hard(n)), "allowed: at least 135")
