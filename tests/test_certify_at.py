"""Certificates at exactly α: exact truths, coverage in simulations, what they depend on, what is said."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
import pytest
from conftest import blobs, images, needs_jit, refused
from hypothesis import given, strategies as st
from scipy.stats import binom, norm, t

import numbaconc as nc
from numbaconc.binomial import least_count, upper_limit
from numbaconc.certify import certify_at_counts
from numbaconc.data.sample import Sample
from numbaconc.numerals import exact, strength, strength_at_most
from numbaconc.regions import RectangleComplement, Sublevel
from numbaconc.tolerance import tolerance

TAIL = (1 - 0.95) / 2
LINE = nc.HalfSpace([-1.0], 0.0)  # the number of a point in its chain is the point itself


def on_line(X):
    return Sample(np.asarray(X, dtype=float)[:, np.newaxis])


# What it says


@pytest.mark.parametrize(
    ("alpha", "n", "n_compared"), [(0.05, 10_000, 1), (0.05, 500, 7), (0.9, 60, 1), (0.99, 800, 2)]
)
def test_the_certificate_is_of_the_region_at_the_mth_point(alpha, n, n_compared):
    X = np.random.default_rng(0).permutation(n)
    found = nc.certify(LINE, on_line(X), 7.0, alpha, n_compared=n_compared)
    m = least_count(alpha, n, 0.95, n_compared)
    tail = (1 - 0.95) / (2 * n_compared)
    assert (found.L, found.alpha, found.m, found.n_in) == (alpha, alpha, m, m)
    assert (found.K, found.n_expanded) == (min(7, n - m), min(m + 7, n))
    assert found.tau == tolerance(n, m, tail) < tail
    assert upper_limit(found.m + found.K, n, found.tau) == found.U
    assert isinstance(found.region, Sublevel)
    assert (found.region.base, found.region.level) == (LINE, m - 1)
    assert (found.n_points, found.n_compared, found.confidence, found.epsilon) == (n, n_compared, 0.95, 7)
    assert certify_at_counts(found.n_expanded, n, 7.0, alpha, 0.95, n_compared).U == found.U


def test_counts_from_a_file_make_the_same_certificate():
    X = on_line(np.arange(300))
    found = nc.certify(LINE, X, 5.0, 0.1, 0.9, 3)
    again = certify_at_counts(found.m + found.K, 300, 5.0, 0.1, 0.9, 3)
    assert (again.region, again.vc_dimension) == (None, None)
    same = ("L", "U", "alpha", "m", "K", "tau", "epsilon", "confidence", "n_compared", "n_points", "reason", "sentence")
    assert all(getattr(found, name) == getattr(again, name) for name in same)
    assert nc.certify(LINE, X, 5.0, 0.1, n_train=60_000, n_sets=1).n_uniform == 60_000


def test_an_unmoved_border_is_certified_as_before():
    X = on_line(np.arange(-50, 250))
    found = nc.certify(LINE, X, 5.0)
    assert (found.alpha, found.m, found.K, found.tau, found.region, found.reason) == (*[None] * 4, LINE, "")
    assert (found.n_in, found.n_expanded) == (50, 55)


def test_the_sentence():
    found = certify_at_counts(600, 10_000, "2/255", 0.05)
    assert str(found) == found.sentence == "with 95% confidence h(μ, 0.05, 2/255) ≤ 0.0658"
    assert found.covers(0.05)
    assert not found.covers(0.0501)
    assert "h(μ, 0.03, 2/255)" in found.sentence_at(0.03)
    assert "nothing is certified at α = 0.06: 544 of 10,000" in found.sentence_at(0.06)


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [
        *(
            (0.3, "0.3"),
            (8 / 255, "8/255"),
            (1 / 3, "85/255"),
            (1 / 7, "0.1428"),
            (4.74, "4.74"),
            (2.0, "2"),
            (100.0, "100"),
        ),
        *(
            (0.00123, "0.0012"),
            (0.001, "0.001"),
            (0.00099, "0.00099"),
            (1e-5, "1e-05"),
            (1 / 255, "1/255"),
            (9 / 32, "0.2812"),
        ),
    ],
)
def test_a_strength_is_rounded_down(epsilon, text):
    assert strength_at_most(epsilon) == text


@given(st.floats(1e-6, 1e6))
def test_what_is_read_of_a_strength_is_no_more_than_it(epsilon):
    text = strength_at_most(epsilon)
    assert text in (exact(epsilon), strength(epsilon)) or 0.9 * epsilon < Fraction(text) <= Fraction(repr(epsilon))


# Why U is 1


def test_an_atom_at_the_border_is_named():
    X = on_line(np.minimum(np.arange(1000), 40))  # 54 would be needed outside it
    found = nc.certify(LINE, X, 3.0, 0.04)
    assert (found.U, found.n_expanded, found.m) == (1, 1000, 54)
    assert found.reason.startswith("the border falls among 960 of 1,000 test points that are equally far out")
    assert "larger margin" in found.sentence
    assert found.sentence.startswith("with 95% confidence h(μ, 0.04, 3) ≤ 1.0000 (which says nothing: the border")


def test_points_that_are_never_inside_are_named():
    nowhere = RectangleComplement([[-np.inf]], [[np.inf]], 0.1)
    found = nc.certify(nowhere, np.zeros((100, 1), np.uint8), 0.1, 0.04)
    assert found.reason == "100 of 100 test points are infinitely far out, and the border falls among them"


def test_an_epsilon_beyond_all_points_is_named():
    found = nc.certify(LINE, on_line(np.arange(1000)), 1000.0, 0.04)
    assert (found.U, found.reason) == (1, "all 1,000 test points lie in the expansion")


def test_too_few_points_are_refused_with_how_many_it_takes():
    message = refused(lambda: nc.certify(LINE, on_line(range(71)), 0.1, 0.95), "n_points is 71", "at least 72")
    assert "α = 0.95 with 95% confidence" in message
    last = nc.certify(LINE, on_line(range(72)), 0.1, 0.95)
    assert (last.U, last.reason) == (1, "the border is at the last of 72 test points")
    refused(lambda: nc.certify(LINE, on_line(range(72)), 0.1, 0.95, n_compared=2), "at least 86")
    assert nc.certify(LINE, on_line(range(86)), 0.1, 0.95, n_compared=2).m == 86


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nc.certify(LINE, on_line(range(99)), 0.1, 2), ("alpha", "2")),
        (lambda: nc.certify(LINE, on_line(range(99)), 0.1, "a"), ("alpha", "a")),
        (lambda: nc.certify(LINE, on_line(range(99)), 0.1, 0.5, 1), ("confidence", "1")),
        (lambda: nc.certify(LINE, on_line(range(99)), 0.1, 0.5, n_compared=0), ("n_compared", "0")),
        (lambda: nc.certify(LINE, on_line(range(99)), -1, 0.5), ("epsilon", "-1")),
        (lambda: nc.certify(LINE, on_line(range(99)), 0.1, 0.5, n_train=0), ("n_train", "0")),
        (lambda: certify_at_counts(10, 1000, 0.1, 0.05), ("m_plus_K is 10", "from 65 to 1000")),
        (lambda: certify_at_counts(1001, 1000, 0.1, 0.05), ("m_plus_K is 1001",)),
        (lambda: certify_at_counts(10, 0, 0.1, 0.05), ("n_points", "0")),
    ],
)
def test_impossible_arguments(call, words):
    refused(call, *words)


# How often it is wrong

LAWS = {  # a draw, P[X <= x], ε, whether there are ties
    "normal": (lambda rng, shape: rng.normal(size=shape), norm.cdf, 0.3, False),
    "heavy tails": (lambda rng, shape: rng.standard_t(2, shape), t(2).cdf, 0.5, False),
    "ties": (lambda rng, shape: rng.binomial(40, 0.5, shape).astype(float), binom(40, 0.5).cdf, 1.0, True),
    "an atom": (
        lambda rng, shape: np.where(rng.random(shape) < 0.05, -1.8, rng.normal(size=shape)),
        lambda x: 0.95 * norm.cdf(x) + 0.05 * (x >= -1.8),
        0.3,
        True,
    ),
}


@pytest.mark.parametrize("n", [100, 400])
@pytest.mark.parametrize("name", LAWS)
def test_coverage(name, n):
    """Half lines whose measures are known. Some of the draws go through `certify`, all through the same arithmetic."""
    draw, below, epsilon, ties = LAWS[name]
    trials, alpha = 6000, 0.05
    X = draw(np.random.default_rng(3), (trials, n))
    m = least_count(alpha, n)
    border = np.sort(X, axis=1)[:, m - 1]
    limits = np.array([upper_limit(k, n, tolerance(n, m, TAIL)) for k in range(n + 1)])
    U = limits[(border[:, np.newaxis] + epsilon >= X).sum(axis=1)]
    for i in range(0, trials, 300):
        found = nc.certify(LINE, on_line(X[i]), epsilon, alpha)
        assert (found.region.level, found.U) == (border[i], U[i])
    wrong_L, wrong_U = below(border) < alpha, below(border + epsilon) > U
    theory, noise = binom.sf(m - 1, n, alpha), 3 * math.sqrt(0.025 / trials)
    assert wrong_L.mean() <= theory + noise if ties else abs(wrong_L.mean() - theory) <= noise
    assert 0 < wrong_U.mean() <= 0.025 + noise
    assert (~wrong_L & ~wrong_U).mean() >= 0.95


def wrong_by_sums(n, atoms, alpha, epsilon):
    """How often L and U are wrong for a distribution on whole numbers, summed up over all samples of n points."""
    wrong = [Fraction(0), Fraction(0)]
    m = least_count(alpha, n, 0.5)
    limits = [upper_limit(k, n, tolerance(n, m, 0.25)) for k in range(n + 1)]
    below = np.cumsum([float(a) for a in atoms])

    def visit(counts, left, chance):
        if len(counts) < len(atoms) - 1:
            for k in range(left + 1):
                visit([*counts, k], left - k, chance * math.comb(left, k) * atoms[len(counts)] ** k)
            return
        cumulated, chance = np.cumsum([*counts, left]), chance * atoms[-1] ** left
        border = int(np.searchsorted(cumulated, m))
        end = min(border + epsilon, len(atoms) - 1)
        X = np.repeat(np.arange(len(atoms)), [*counts, left])
        found = nc.certify(LINE, on_line(X), float(epsilon), alpha, 0.5)
        assert found.n_expanded == cumulated[end]
        assert limits[cumulated[end]] == found.U
        wrong[0] += chance * bool(below[border] < alpha)
        wrong[1] += chance * bool(below[end] > found.U)

    visit([], n, Fraction(1))
    return wrong


@pytest.mark.parametrize("atoms", [(1, 2, 3, 4), (4, 1, 1, 4), (1, 1, 7, 1)])
@pytest.mark.parametrize("alpha", [0.15, 0.35])
def test_small_discrete_distributions_exactly(atoms, alpha):
    shares = [Fraction(a, sum(atoms)) for a in atoms]
    wrong_L, wrong_U = wrong_by_sums(8, shares, alpha, 1)
    short = max(
        (float(b) for b in np.cumsum(shares) if b < alpha), default=0.0
    )  # the largest measure that is too small
    m = least_count(alpha, 8, 0.5)
    assert float(wrong_L) == pytest.approx(binom.sf(m - 1, 8, short), rel=1e-9)
    assert wrong_L <= Fraction(1, 4)
    assert wrong_U <= Fraction(1, 4)
    assert wrong_U > 0 or alpha > 0.3


# What is certified depends on


@given(seed=st.integers(0, 9999))
def test_on_the_test_points_only_by_the_border_and_the_count(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (200, 4)).astype(np.uint8)
    region = nc.HalfSpace([1.0, -1.0, 0.0, 0.0], 0.2)
    found = nc.certify(region, X, "30/255", 0.1)
    elsewhere = X.copy()
    elsewhere[:, 2:] = rng.integers(0, 256, (200, 2))  # which no gap depends on
    numbers = (X[:, 1].astype(int) - X[:, 0]) - found.region.level
    within = elsewhere[rng.permutation(200)]
    assert nc.certify(region, within, "30/255", 0.1) == found
    far = X[numbers > 30]
    X[numbers > 30] = far[rng.integers(0, max(1, len(far)), len(far))]  # others as far as ever
    assert nc.certify(region, X, "30/255", 0.1) == found


@needs_jit
def test_searches_see_no_test_point(monkeypatch):
    """Every sample that a search prepares is the training points, or some of them, also where a margin is settled."""
    train, test = blobs(600, 4, 0), np.unique(images(400, 4, 1), axis=0)
    test = test[~(test[:, np.newaxis] == train).all(axis=2).any(axis=1)]  # none of the training points among them
    known = {row.tobytes() for row in train}
    seen = []

    def spied(prepare):
        @functools.wraps(prepare)
        def call(search, sample, how):
            seen.append({row.tobytes() for row in sample.X} <= known)
            return prepare(search, sample, how)

        return call

    for kind in (nc.HalfSpaceSearch, nc.FaceSearch, nc.BestSearch):
        monkeypatch.setattr(kind, "prepare", spied(kind.prepare))
    search = nc.BestSearch(norm="linf", epsilon="20/255", alpha=0.2)
    found = nc.find_regions(search, train, test)
    assert seen
    assert all(seen)
    assert found
