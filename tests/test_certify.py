"""Certificates: exact binomial sums, coverage, what is said, and what the paper's bound can and cannot say."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from conftest import examples, refused
from hypothesis import given, strategies as st
from scipy.stats import binom

import numbaconc as nc
from numbaconc.binomial import least_count, lower_limit, upper_limit
from numbaconc.certify import (
    certify,
    certify_counts,
    uniform_deviation,
)
from numbaconc.errors import InputError
from numbaconc.numerals import at_least, at_most, exact, exact_percent, rounded_up
from numbaconc.regions import Region
from numbaconc.regions.base import union_vc_dimension

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
TAILS = st.sampled_from([0.3, 0.025, 1e-3, 1e-9])


# The two bounds


@given(counts, TAILS)
def test_bounds_are_where_the_binomial_tail_is_as_said(count_n, tail):
    count, n = count_n
    low, high = lower_limit(count, n, tail), upper_limit(count, n, tail)
    assert 0 <= low <= count / n <= high <= 1
    assert low == 0 if count == 0 else binom.sf(count - 1, n, low) == pytest.approx(tail, rel=1e-6)
    assert high == 1 if count == n else binom.cdf(count, n, high) == pytest.approx(tail, rel=1e-6)


@given(counts, TAILS)
def test_bounds_mirror_each_other_and_grow(count_n, tail):
    count, n = count_n
    assert lower_limit(count, n, tail) == pytest.approx(1 - upper_limit(n - count, n, tail), abs=1e-12)
    if count < n:
        assert lower_limit(count, n, tail) < lower_limit(count + 1, n, tail)
        assert upper_limit(count, n, tail) <= upper_limit(count + 1, n, tail)


def test_extreme_counts_in_closed_form():
    none, every = certify_counts(0, 0, 30, 0.1), certify_counts(30, 30, 30, 0.1)
    assert (none.L, every.U) == (0, 1)
    assert pytest.approx(1 - 0.025 ** (1 / 30)) == none.U
    assert pytest.approx(0.025 ** (1 / 30)) == every.L
    assert certify_counts(0, 1, 1, 0.1).sentence


@pytest.mark.parametrize("n", [1, 7, 60, 500])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_coverage_by_exact_sums(n, confidence):
    """Either bound fails with probability at most η/2, whatever the measure is."""
    tail = (1 - confidence) / 2
    k = np.arange(n + 1)
    low = np.array([lower_limit(int(c), n, tail) for c in k])
    high = np.array([upper_limit(int(c), n, tail) for c in k])
    edges = np.concatenate([low, high, np.linspace(0, 1, 101)])
    for p in np.clip(np.concatenate([edges - 1e-9, edges + 1e-9]), 0, 1):
        mass = binom.pmf(k, n, p)
        assert mass[low > p].sum() <= tail * (1 + 1e-5)
        assert mass[high < p].sum() <= tail * (1 + 1e-5)


def test_both_bounds_hold_together_as_often_as_said():
    """A simulation: measures .03 and .08 of the nested sets, 3,000 test sets of 400 points."""
    rng = np.random.default_rng(0)
    n, kept = 400, {}
    draws = rng.multinomial(n, [0.03, 0.05, 0.92], 3000)
    for n_in, more, _ in draws:
        if (n_in, more) not in kept:
            found = certify_counts(n_in, n_in + more, n, 0.1, 0.9)
            kept[n_in, more] = found.L <= 0.03 and found.U >= 0.08
    held = np.mean([kept[n_in, more] for n_in, more, _ in draws])
    assert held >= 0.9 - 3 * math.sqrt(0.09 / 3000)


def test_regions_compared_share_the_error():
    alone, third = certify_counts(130, 200, 10_000, 0.1, 0.94), certify_counts(130, 200, 10_000, 0.1, 0.94, 3)
    assert pytest.approx(certify_counts(130, 200, 10_000, 0.1, 0.98).L) == third.L
    assert pytest.approx(certify_counts(130, 200, 10_000, 0.1, 0.98).U) == third.U
    assert third.L < alone.L < 0.013 < 0.02 < alone.U < third.U


def test_the_best_of_many_still_holds():
    """Ten regions alike, the one of most test points chosen: L is right as often as said only with the correction."""
    rng = np.random.default_rng(1)
    most = rng.binomial(300, 0.05, (4000, 10)).max(axis=1)
    low = {c: [certify_counts(c, c, 300, 0.1, 0.9, k).L for k in (1, 10)] for c in set(most.tolist())}
    wrong = np.array([[bound > 0.05 for bound in low[c]] for c in most.tolist()]).mean(axis=0)
    assert wrong[0] > 0.1
    assert wrong[1] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


# Certificates


@pytest.mark.parametrize(("alpha", "needed"), [(0.01, 121), (0.05, 544), (0.127, 1337)])
def test_how_many_test_points_it_takes(alpha, needed):
    assert least_count(alpha, 10_000) == needed
    assert certify_counts(needed, needed, 10_000, 0.1).covers(alpha)
    assert not certify_counts(needed - 1, needed, 10_000, 0.1).covers(alpha)


@examples(80)
@given(st.integers(1, 300), st.floats(1e-3, 0.999), st.sampled_from([0.5, 0.95, 0.9999]), st.integers(1, 5))
def test_the_least_count_is_the_least(n, alpha, confidence, n_compared):
    needed = least_count(alpha, n, confidence, n_compared)
    certificates = [certify_counts(k, n, n, 0.1, confidence, n_compared) for k in range(n + 1)]
    enough = [k for k, found in enumerate(certificates) if found.covers(alpha)]
    assert needed == (enough[0] if enough else None)


def test_a_region_is_certified_by_its_counts():
    X = np.arange(200, dtype=np.uint8)[:, np.newaxis]
    region = nc.HalfSpace([1.0], 180 / 255)
    found = certify(region, X, "8/255", confidence=0.9, n_compared=2)
    assert (found.n_in, found.n_expanded, found.n_points) == (19, 27, 200)
    by_counts = certify_counts(19, 27, 200, "8/255", 0.9, 2, vc_dimension=2)
    assert found == by_counts
    assert found.epsilon == 8 / 255
    assert certify(region, X, "8/255", n_train=60_000).n_uniform == 60_000
    with pytest.raises(AttributeError):
        found.L = 0


def test_the_sentence():
    found = certify_counts(125, 150, 10_000, 0.3)
    assert str(found) == found.sentence == "with 95% confidence h(μ, 0.0104, 0.3) ≤ 0.0176"
    assert found.sentence_at(0.01) == "with 95% confidence h(μ, 0.01, 0.3) ≤ 0.0176"
    said = found.sentence_at(0.0125)
    assert said.startswith(found.sentence)
    assert "nothing is certified at α = 0.0125" in said
    assert "125 of 10,000" in said
    assert f"{least_count(0.0125, 10_000)}" in said
    assert "takes more points" in found.sentence_at(0.99999)


@given(counts)
def test_what_is_said_is_rounded_to_the_safe_side(count_n):
    count, n = count_n
    found = certify_counts(count, count, n, 0.1, 0.999)
    low, high = map(float, re.search(r"h\(μ, ([\d.]+), 0.1\) ≤ ([\d.]+)", found.sentence).groups())
    assert found.L - 1e-4 <= low <= found.L + 1e-12
    assert found.U - 1e-12 <= high <= found.U + 1e-4
    assert low > 0.9 * found.L or found.L == 0


# The paper's uniform bound


def test_dimensions():
    assert nc.RectangleComplement(np.zeros((1, 3)), np.ones((1, 3)), 0.1).vc_dimension() == 6
    assert nc.RectangleComplement(np.zeros((2, 3)), np.ones((2, 3)), 0.1).vc_dimension() == math.floor(
        24 * math.log2(6)
    )
    assert nc.BallUnion(np.zeros((1, 3)), [1.0]).vc_dimension() == 4
    assert nc.BallUnion(np.zeros((4, 3)), np.ones(4)).vc_dimension() == math.floor(32 * math.log2(12))
    assert nc.HalfSpace([1.0, 2.0], 0.1).vc_dimension() == 3
    assert [union_vc_dimension(5, t) for t in (1, 2)] == [5, math.floor(20 * math.log2(6))]


def test_a_search_that_was_allowed_more_sets_chose_from_more():
    ball, box = nc.BallUnion(np.zeros((1, 3)), [1.0]), nc.RectangleComplement(np.zeros((1, 3)), np.ones((1, 3)), 0.1)
    assert ball.vc_dimension(5) == union_vc_dimension(4, 5)
    assert box.vc_dimension(1) == 6
    assert nc.HalfSpace([1.0, 2.0], 0.1).vc_dimension(7) == 3
    found = certify(box, np.zeros((5, 3), np.uint8), 0.1, n_train=40, n_sets=2)
    assert found.uniform == uniform_deviation(40, union_vc_dimension(6, 2))
    refused(lambda: nc.BallUnion(np.zeros((2, 3)), [1.0, 1.0]).vc_dimension(1), "n_sets is 1", "at least 2")


def test_a_family_of_unknown_dimension(monkeypatch):
    monkeypatch.setattr(Region, "families", dict(Region.families))

    class Everything(nc.HalfSpace):
        vc_dimension = Region.vc_dimension

    assert Everything([1.0], 0.5).vc_dimension(3) is None
    found = certify(Everything([1.0], 0.5), np.zeros((5, 1), np.uint8), 0.1)
    assert found.vc_dimension is found.uniform is None
    assert "needs the VC dimension" in found.uniform_sentence


@given(st.integers(1, 10**8), st.integers(1, 10**6), st.sampled_from([0.5, 0.95, 0.999]))
def test_the_deviation_solves_the_papers_inequality(n, dimension, confidence):
    delta = uniform_deviation(n, dimension, confidence)
    exponent = dimension * math.log(n + 1) - n * delta**2 / 128
    assert math.log(8) + exponent == pytest.approx(math.log(1 - confidence), rel=1e-6, abs=1e-6 * dimension)


def test_the_uniform_bound_says_nothing_about_images_and_something_about_a_line():
    assert uniform_deviation(60_000, 2 * 784) > 6
    assert uniform_deviation(50_000, union_vc_dimension(3073, 5)) > 40
    assert uniform_deviation(10**9, 2) < 0.01
    assert uniform_deviation(10**6, 2) > uniform_deviation(10**7, 2)
    found = certify_counts(125, 150, 10_000, 0.3, vc_dimension=1568, n_train=60_000)
    assert found.uniform == uniform_deviation(60_000, 1568)
    assert "60,000 points" in found.uniform_sentence
    assert found.uniform_sentence.endswith("≥ 1: it says nothing")
    told = certify_counts(125, 150, 10_000, 0.3, vc_dimension=2, n_train=10**9)
    assert "nothing" not in told.uniform_sentence
    assert told.uniform < 1


# Bad input

OTHERS = {"n_in": 3, "n_expanded": 5, "n_points": 10, "epsilon": 0.1}


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("n_in", value) for value in (-1, 6, 2.5, "a", None)),
        *(("n_expanded", value) for value in (11, 2, math.nan)),
        *(("n_points", value) for value in (0, 4, 1.5)),
        *(("epsilon", value) for value in (0, -1, "x")),
        *(("confidence", value) for value in (0, 1, 95, math.nan, "a")),
        *(("n_compared", value) for value in (0, -1, 1.5)),
        *(("vc_dimension", value) for value in (0, 1.5)),
        *(("n_train", value) for value in (0, "a")),
    ],
)
def test_impossible_counts(name, bad):
    with pytest.raises(InputError) as error:
        certify_counts(**(OTHERS | {name: bad}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: certify(nc.HalfSpace([1.0, 1.0], 0.5), np.zeros((3, 1), np.uint8), 0.1), ("1 coordinates",)),
        (lambda: least_count(0, 10), ("alpha", "0")),
        (lambda: least_count(0.1, 0), ("n_points", "0")),
        (lambda: certify_counts(1, 2, 3, 0.1).covers(2), ("alpha", "2")),
        (lambda: uniform_deviation(0, 3), ("n", "0")),
        (lambda: uniform_deviation(10, 0), ("vc_dimension", "0")),
        (lambda: uniform_deviation(10, 1, 1), ("confidence", "1")),
        (lambda: union_vc_dimension(3, 0), ("n_sets", "0")),
    ],
)
def test_impossible_arguments(call, words):
    refused(call, *words)


# Numbers in sentences


@given(st.floats(1e-9, 1, exclude_max=True))
def test_a_number_reads_back_as_the_same(value):
    assert float(Fraction(exact(value))) == value
    assert Decimal(exact_percent(value).removesuffix("%")) == 100 * Decimal(repr(value))
    assert Decimal(at_least(value)) <= Decimal(value) <= Decimal(at_most(value)) <= 1
    assert Decimal(rounded_up(value)) >= Decimal(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8 / 255, "8/255"),
        (0.1, "0.1"),
        (0.0500001, "0.0500001"),
        (1 / 3, "1/3"),
        (4.74, "4.74"),
        (2.0, "2"),
        (1e-5, "1e-05"),
    ],
)
def test_a_number_is_written_shortly(value, text):
    assert exact(value) == text


def test_a_certificate_that_says_nothing_says_so():
    assert certify_counts(0, 5, 100, 0.1).sentence.endswith("(which says nothing)")
    assert certify_counts(5, 100, 100, 0.1).sentence.endswith("≤ 1.0000 (which says nothing)")
    assert "nothing" not in certify_counts(5, 50, 100, 0.1).sentence
    assert "h(μ, 0.0500001, 0.12345678)" in certify_counts(500, 600, 1000, 0.12345678).sentence_at(0.0500001)
    assert "99.9% confidence" in certify_counts(5, 50, 100, 0.1, 0.999).sentence
