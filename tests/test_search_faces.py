"""The search for faces against plain loops and brute force, and the laws that its answers must obey."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import oracles
import oracles_faces
import pytest
from conftest import blobs, exact_floats, examples, grey, images, needs_jit, refused
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp

from numbaconc.data.arrays import UnitWarning
from numbaconc.data.sample import Sample
from numbaconc.kernels import faces as kernels
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search.faces import FaceSearch, Relaxed, Start

LEVELS = st.sampled_from([0.3, 1, 2, 7.5, 8, 25.5, 60, 254, 255, 300])  # strengths in grey levels
WHOLE = np.float32(720720)  # the step of `exact_floats`


def search(points, epsilon, alpha, n_sets, **settings):
    return FaceSearch(n_sets=n_sets, epsilon=epsilon, alpha=alpha, **settings).fit(points)


def risks(fitted):
    return fitted.risk_, fitted.adversarial_risk_


def same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


# Kernels


@given(X=grey(n=(1, 20), d=(1, 9)), step=st.sampled_from([1, -1]), data=st.data())
def test_counts_of_codes(X, step, data):
    rows = np.array(data.draw(st.lists(st.integers(0, len(X) - 1))), np.int64)
    counts = np.full((X.shape[1], 256), 7, np.int32)
    expected = oracles_faces.count_codes(X, rows, step, counts)
    kernels.count_codes(X, rows, step, counts)
    same(counts, expected)


@needs_jit
@pytest.mark.parametrize("d", [63, 64, 65, 128, 200])
def test_counts_of_codes_at_the_widths_of_blocks(d):
    X, rows = images(9, d, seed=d), np.array([0, 3, 8, 3])
    counts = np.zeros((d, 256), np.int32)
    expected = oracles_faces.count_codes(X, rows, 1, counts)
    kernels.count_codes(X, rows, 1, counts)
    same(counts, expected)


@examples(100)
@given(
    m=st.integers(1, 3),
    shift=st.sampled_from([0, 1, 8, 254, 255, 256]),
    mirrored=st.booleans(),
    price=st.sampled_from([(1, 1), (20, 1), (4, 3)]),
    data=st.data(),
)
def test_best_faces(m, shift, mirrored, price, data):
    few = st.dictionaries(st.tuples(st.integers(0, m - 1), st.integers(0, 255)), st.integers(0, 5), max_size=12)
    inner, outer = np.zeros((2, m, 256), np.int32)
    for counts in (inner, outer):
        for place, count in data.draw(few).items():
            counts[place] = count
    fewest, enough = data.draw(st.integers(0, int(inner.sum()) + 1)), data.draw(st.integers(0, 20))
    most = data.draw(st.integers(0, int(outer.sum()) + 1))
    setting = inner, outer, shift, mirrored, fewest, enough, most, *price
    for ours, theirs in zip(kernels.best_faces(*setting), oracles_faces.best_faces(*setting), strict=True):
        same(ours, theirs)


@needs_jit
@pytest.mark.parametrize("mirrored", [True, False])
def test_best_faces_among_many_points(mirrored):
    inner, outer = np.random.default_rng(0).integers(0, 200, (2, 37, 256)).astype(np.int32)
    for numbers in ((1, 10**6, 10**6, 1, 1), (9000, 10**4, 12000, 1, 1), (500, 10**6, 2000, 10**6, 1)):
        setting = inner, outer, 11, mirrored, *numbers
        for ours, theirs in zip(kernels.best_faces(*setting), oracles_faces.best_faces(*setting), strict=True):
            same(ours, theirs)


@given(
    X=hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.integers(-9, 9).map(float)),
    n_levels=st.sampled_from([1, 2, 7, 255]),
    strength=st.sampled_from([0.5, 1.0, 4.0]),
    slack=st.sampled_from([0.0, 0.5]),
    data=st.data(),
)
def test_codes_of_floats(X, n_levels, strength, slack, data):
    levels = np.full((2 * X.shape[1], n_levels), np.inf)
    for row in levels:
        some = sorted(data.draw(st.sets(st.integers(-20, 20).map(lambda half: half / 2), max_size=min(n_levels, 30))))
        row[: len(some)] = some
    found, expected = (part.code_points(X, levels, strength, slack) for part in (kernels, oracles_faces))
    for ours, theirs in zip(found, expected, strict=True):
        same(ours, theirs)


# The search


def wanted(n, alpha, margin=0.0):
    """⌈(α + margin) n⌉, exactly."""
    return math.ceil((Fraction(alpha).limit_denominator(10**6) + Fraction(margin).limit_denominator(10**6)) * n)


def check_region(region, faces, d, per_level):
    """The region has the oracle's faces and no others; floats lie a hair below the oracle's."""
    lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
    for face in faces:
        if face.lower:
            lower[face.coordinate] = max(lower[face.coordinate], float(face.level))
        else:
            upper[face.coordinate] = min(upper[face.coordinate], float(face.level))
    assert region.lower.shape == (1, d)
    if per_level == 1:
        np.testing.assert_allclose(region.lower[0], lower, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(region.upper[0], upper, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(region.lower[0], lower / per_level)
        np.testing.assert_array_equal(region.upper[0], upper / per_level)


def check_search(sample, epsilon, strength, alpha, n_sets, margin=0.0):
    """The search finds what the plain loops find, and the region's own measure says the same."""
    X, n = sample.X, len(sample)
    found = search(sample, epsilon, alpha, n_sets, margin=margin)
    target = wanted(n, alpha, margin)
    expected = oracles_faces.search_faces(X, Fraction(strength), target, n_sets)
    trace = [(first, *(number / n for number in counts)) for first, *counts in expected.starts + expected.improvements]
    assert [tuple(one) for one in found.trace_] == trace
    for start in found.trace_:
        covered, expanded = round(start.risk * n), round(start.adversarial_risk * n)
        assert target <= covered <= expanded
    assert found.n_faces_ == len(expected.faces) <= n_sets
    assert risks(found) == tuple(c / n for c in oracles_faces.counts(expected.faces))
    measured = found.region_.measure(sample, epsilon)
    assert (measured.risk, measured.adversarial_risk) == risks(found)
    assert found.region_.epsilon == epsilon
    check_region(found.region_, expected.faces, X.shape[1], 255 if X.dtype == np.uint8 else 1)
    return found


@examples(100)
@given(
    X=grey(n=(2, 16), d=(1, 3)),
    levels=LEVELS,
    count=st.integers(1, 8),
    more=st.integers(0, 4),
    n_sets=st.integers(1, 4),
)
def test_the_search_finds_the_faces_of_the_plain_loops(X, levels, count, more, n_sets):
    n = len(X)
    assume(count + more < n)
    check_search(Sample(X, 1 / 255), levels / 255, levels, count / n, n_sets, more / n)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=needs_jit) for seed in (1, 2))])
def test_the_search_among_more_points(seed):
    X = blobs(60, 5, seed, n_blobs=4, spread=40)
    for levels, n_sets in ((8, 5), (25.5, 3)):
        check_search(Sample(X, 1 / 255), levels / 255, levels, 0.2, n_sets, 0.05)


@needs_jit
@pytest.mark.parametrize(
    ("seed", "levels", "n_sets", "worths"),
    [(2, 25.5, 2, [2.5, 1.12]), (4, 25.5, 3, [1.08]), (9, 25.5, 3, [1.5]), (0, 8, 2, [1.18])],
)
def test_faces_that_trade_what_they_cover_find_more(seed, levels, n_sets, worths):
    """Where no face can be chosen again without less being covered, relaxing all of them leads on."""
    X = blobs(80, 6, seed, n_blobs=4, spread=40)
    found = check_search(Sample(X, 1 / 255), levels / 255, levels, 0.2, n_sets, 0.05)
    assert [one.worth for one in found.trace_ if isinstance(one, Relaxed)] == worths
    start = min(one.adversarial_risk for one in found.trace_ if isinstance(one, Start))
    assert found.adversarial_risk_ < start


@examples(60)
@given(
    X=exact_floats(n=(2, 14), d=(1, 3)),
    steps=st.sampled_from([0.5, 1, 2, 5]),
    count=st.integers(1, 8),
    n_sets=st.integers(1, 4),
)
def test_the_search_among_floats(X, steps, count, n_sets):
    assume(count < len(X))
    strength = steps * float(WHOLE)
    check_search(Sample(X), strength, strength, count / len(X), n_sets)


@given(
    X=grey(n=(2, 14), d=(1, 3)), shift=st.integers(-3, 3), steps=st.sampled_from([1, 2, 3.5]), n_sets=st.integers(1, 3)
)
def test_faces_at_zero(X, shift, steps, n_sets):
    """Thresholds around 0, where a step of float32 is too small to survive the way to epsilon's scale and back."""
    floats = (X % 7).astype(np.float32) + np.float32(shift)
    check_search(Sample(floats), steps, steps, 1 / len(X), n_sets)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_among_floats_of_no_grid(seed):
    """More distinct values than there are codes: the numbers must still hold when the region is measured."""
    X = np.random.default_rng(seed).normal(size=(700, 4)).astype(np.float32)
    found = search(Sample(X), 0.1, 0.1, 4, margin=0.02)
    measured = found.region_.measure(Sample(X), 0.1)
    assert (measured.risk, measured.adversarial_risk) == risks(found)
    best = min(found.trace_, key=lambda start: (start.adversarial_risk, -start.risk))
    assert risks(found) == (best.risk, best.adversarial_risk)
    assert 0.12 <= found.risk_ < 0.13
    assert found.adversarial_risk_ < 0.2


@examples(60)
@given(X=grey(n=(2, 9), d=(1, 2)), levels=LEVELS, count=st.integers(1, 5), n_sets=st.integers(1, 2))
def test_against_every_choice_of_faces(X, levels, count, n_sets):
    n = len(X)
    assume(count < n)
    found = search(Sample(X, 1 / 255), levels / 255, count / n, n_sets)
    least = oracles_faces.least_expanded(X, Fraction(levels), count, n_sets)
    assert round(found.adversarial_risk_ * n) >= least
    if n_sets == 1:  # one face is looked for exactly
        assert round(found.adversarial_risk_ * n) == least


@given(X=grey(n=(2, 20), d=(1, 5)), levels=LEVELS, n_sets=st.integers(1, 4))
def test_the_expansion_is_what_lies_within_epsilon(X, levels, n_sets):
    found = search(X, levels / 255, 1 / len(X), n_sets)
    lower, upper = ((face * 255).tolist() for face in (found.region_.lower, found.region_.upper))
    whole = [[[round(x) if math.isfinite(x) else x for x in row] for row in face] for face in (lower, upper)]
    covered, expanded = oracles.rectangle_risks(X, *whole, levels)
    assert risks(found) == (covered / len(X), expanded / len(X))
    assert np.isfinite(lower).sum() + np.isfinite(upper).sum() <= found.n_faces_ <= n_sets


@pytest.mark.parametrize("text", ["8/255", "51/255", "1/10"])
def test_epsilon_as_a_fraction_is_that_many_levels(text):
    """One level less, and the points at exactly that distance are not expanded."""
    levels = Fraction(text) * 255
    X = np.array([[255], *[[255 - math.floor(levels)]] * 3, *[[254 - math.floor(levels)]] * 5], np.uint8)
    found = search(X, text, 1 / 9, 1)
    assert risks(found) == (1 / 9, 4 / 9)


def test_a_face_at_the_edge_is_found():
    """A bright pixel that is otherwise dark: whoever has it is far from everybody else."""
    X = images(200, 12, seed=3, low=60, high=200)
    X[:10, 7] = 255
    found = search(X, "40/255", 0.05, 5)
    assert (found.n_faces_, *risks(found)) == (1, 0.05, 0.05)
    assert np.flatnonzero(np.isfinite(found.region_.upper[0])).tolist() == [7]


def test_where_epsilon_is_too_large_everything_is_expanded():
    for sample in (Sample(images(9, 3, seed=0), 1 / 255, (0.0, 1.0)), Sample(blobs(9, 3, seed=0).astype(np.float32))):
        found = search(sample, 2 * 255, 0.5, 3)
        assert found.adversarial_risk_ == 1
        assert found.risk_ >= 0.5
        assert found.n_faces_ == 1


@given(X=grey(n=(3, 20), d=(1, 4)), n_sets=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_order_of_points_does_not_matter(X, n_sets, seed):
    a = search(X, "8/255", 1 / len(X), n_sets)
    b = search(X[np.random.default_rng(seed).permutation(len(X))], "8/255", 1 / len(X), n_sets)
    assert a.trace_ == b.trace_
    assert a.region_.lower.tobytes() == b.region_.lower.tobytes()
    assert a.region_.upper.tobytes() == b.region_.upper.tobytes()


@given(X=grey(n=(3, 20), d=(1, 4)))
def test_images_as_floats_of_any_shape(X):
    a = search(X, "8/255", 1 / len(X), 2)
    b = search((X / 255)[:, :, np.newaxis], 8 / 255, 1 / len(X), 2)
    assert a.trace_ == b.trace_
    assert a.region_.upper.tobytes() == b.region_.upper.tobytes()


@needs_jit
@pytest.mark.parametrize("as_float", [True, False])
def test_the_same_on_any_number_of_threads(as_float):
    X = blobs(240, 131, seed=5)
    sample = Sample(X.astype(np.float32) / np.float32(7)) if as_float else Sample(X, 1 / 255)

    def answer(n_threads):
        with using_threads(n_threads):
            found = search(sample, 0.03, 0.05, 4, margin=0.01)
        return found.trace_, found.region_.lower.tobytes(), found.region_.upper.tobytes()

    assert answer(1) == answer(available_threads())


# What is refused


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("alpha", value) for value in (0, 1, -0.1, float("nan"), "a", None, 0.01)),
        *(("epsilon", value) for value in (0, -1, float("nan"), float("inf"), "a", "1/0", None)),
        *(("n_sets", value) for value in (0, -1, 2.5, "a", None)),
        *(("margin", value) for value in (-0.01, 0.9, 1, float("nan"), float("inf"), "a", None, "auto")),
    ],
)
def test_impossible_settings(name, bad):
    good = {"epsilon": 0.1, "alpha": 0.1, "n_sets": 3}
    refused(lambda: search(blobs(60, 3, seed=0), **(good | {name: bad})), f"{name} is {bad!r}", "allowed: ")


def test_a_target_of_all_points_is_refused():
    said = refused(lambda: search(blobs(60, 3, seed=0), 0.1, 0.5, 3, margin=0.49))
    assert said == "alpha is 0.5 and margin 0.49, to hold 60 points; allowed: fewer than the 60 there are"


def test_other_integers_are_floats_in_their_own_units():
    X = blobs(60, 3, seed=0)
    with pytest.warns(UnitWarning, match="X lies in"):
        found = search(X.astype(np.int32), 8, 0.1, 2)
    assert found.trace_ == search(Sample(X.astype(np.float32)), 8, 0.1, 2).trace_
