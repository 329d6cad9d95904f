"""Algorithm 1 against a plain-loop search, and the laws that its answers must obey."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import oracles
import pytest
from conftest import blobs, exact_floats, grey, images, refused
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from numbaconc.data.arrays import Sample, as_sample
from numbaconc.density import dense_first, knn_radii
from numbaconc.errors import InputError
from numbaconc.regions import extend_to_domain
from numbaconc.search.rectangles import Coverings, cover_rectangles, search_rectangles

CENTERS = st.sampled_from(["mean", "median"])
X = blobs(60, 6, seed=0)
GOOD = {"epsilon": "8/255", "alpha": 0.1, "n_sets": 3, "n_neighbors": 5}


def in_units(boxes):
    """Exact levels as the nearest floats on epsilon's scale."""
    return np.array([[float(face / 255) for face in box] for box in boxes])


# Against the plain loops


def check_against_oracle(X, levels, alpha, n_sets, **settings):
    n = len(X)
    tried = oracles.search_rectangles(X, Fraction(levels), alpha, n_sets, **settings)
    feasible = [entry for entry in tried if entry[4]]

    def search():
        return search_rectangles(X, levels / 255, alpha, n_sets, **settings)

    if not feasible:
        with pytest.raises(InputError):
            search()
        return
    found = search()
    assert len(found.trace) == len(tried)
    for ours, (q, m, risk, expanded, good, _, _) in zip(found.trace, tried, strict=True):
        assert (ours.q, ours.n_clustered, ours.feasible) == (q, m, good)
        if risk is not None:
            assert (ours.risk, ours.adversarial_risk) == (risk / n, expanded / n)
    least = min(entry[3] for entry in feasible)
    assert found.adversarial_risk == least / n
    answers = [entry for entry in feasible if entry[3] == least and entry[0] == found.q]
    assert len(answers) == 1
    _, _, risk, _, _, lower, upper = answers[0]
    assert found.risk == risk / n
    assert found.region.epsilon == levels / 255
    np.testing.assert_array_equal(found.region.lower, in_units(lower))
    np.testing.assert_array_equal(found.region.upper, in_units(upper))


@settings(max_examples=150)
@given(
    X=grey(n=(6, 24), d=(1, 6)),
    levels=st.sampled_from([1, 3, 8, 20.5, 60]),
    count=st.integers(1, 6),
    n_sets=st.integers(1, 3),
    seed=st.integers(0, 1000),
    n_neighbors=st.integers(1, 5),
    include_self=st.booleans(),
    centers=CENTERS,
)
def test_a_search_finds_what_the_plain_loops_find(X, levels, count, n_sets, seed, n_neighbors, include_self, centers):
    alpha = count / len(X)  # so that risks may equal alpha, which counts as feasible
    assume(alpha < 1)
    check_against_oracle(
        X, levels, alpha, n_sets, seed=seed, n_neighbors=n_neighbors, include_self=include_self, centers=centers
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("settings", [{}, {"centers": "median"}, {"max_iter": 2}, {"precision": 0.05}], ids=str)
def test_a_search_among_more_points(seed, settings):
    check_against_oracle(blobs(80, 6, seed), 8, 0.1, 3, seed=seed, n_neighbors=7, **settings)


def test_the_papers_settings_are_the_defaults():
    check_against_oracle(blobs(60, 4, seed=3), 8, 0.05, 2, seed=1)


# What the trace says


@pytest.fixture(scope="module")
def result():
    return search_rectangles(X, **GOOD, seed=4)


def test_the_trace_is_a_binary_search(result):
    low, high = 0.0, 1.0
    for tried in result.trace:
        assert high - low > 0.005
        assert tried.q == (low + high) / 2
        assert tried.n_clustered == math.floor(tried.q * 60)
        if tried.n_clustered >= 3:
            assert tried.feasible == (tried.risk >= 0.1)
            assert tried.risk <= tried.adversarial_risk <= 1 - tried.n_clustered / 60
        else:
            assert not tried.feasible
        low, high = (tried.q, high) if tried.feasible else (low, tried.q)
    assert high - low <= 0.005


def test_the_answer_is_the_best_feasible_entry(result):
    feasible = [tried for tried in result.trace if tried.feasible]
    best = min(feasible, key=lambda tried: tried.adversarial_risk)
    assert result.adversarial_risk == best.adversarial_risk
    assert (result.q, result.risk, result.adversarial_risk) in [
        (tried.q, tried.risk, tried.adversarial_risk) for tried in feasible
    ]


def test_a_cover_at_a_q_of_the_trace_is_the_entry_of_the_search(result):
    for tried in result.trace:
        if tried.n_clustered >= 3:
            region = cover_rectangles(X, tried.q, "8/255", 3, seed=4, n_neighbors=5)
            found = region.measure(X, "8/255")
            assert (found.risk, found.adversarial_risk) == (tried.risk, tried.adversarial_risk)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), seed=st.integers(0, 50), n_sets=st.integers(1, 3), centers=CENTERS)
def test_a_cover_at_the_found_q_is_the_found_region(X, seed, n_sets, centers):
    settings = {"seed": seed, "n_neighbors": 3, "centers": centers}
    try:
        found = search_rectangles(X, 2 / 255, 1 / len(X), n_sets, **settings)
    except InputError:
        assume(False)
    region = cover_rectangles(X, found.q, 2 / 255, n_sets, **settings)
    assert region.lower.tobytes() == found.region.lower.tobytes()
    assert region.upper.tobytes() == found.region.upper.tobytes()
    assert region.epsilon == found.region.epsilon


def test_the_clusters_do_not_depend_on_epsilon(result):
    a = cover_rectangles(X, 0.7, "8/255", 3, n_neighbors=5)
    b = cover_rectangles(X, 0.7, 0.3, 3, n_neighbors=5)
    np.testing.assert_array_equal(a.lower, b.lower)
    np.testing.assert_array_equal(a.upper, b.upper)
    assert (a.epsilon, b.epsilon) == (8 / 255, 0.3)


@pytest.mark.parametrize("name", ["region", "q", "trace"])
def test_one_seed_one_answer(result, name):
    again = search_rectangles(X.copy(), **GOOD, seed=4)
    if name == "region":
        assert again.region.lower.tobytes() == result.region.lower.tobytes()
        assert again.region.upper.tobytes() == result.region.upper.tobytes()
    else:
        assert getattr(again, name) == getattr(result, name)


def test_another_seed_another_answer(result):
    lowers = {cover_rectangles(X, 0.7, 0.1, 3, seed=seed, n_neighbors=5).lower.tobytes() for seed in range(5)}
    assert len(lowers) > 1


def test_radii_may_be_given():
    radii = knn_radii(X, n_neighbors=7)
    a = search_rectangles(X, 8 / 255, 0.1, 3, n_neighbors=7)
    b = search_rectangles(X, 8 / 255, 0.1, 3, radii=radii)
    assert a.trace == b.trace
    np.testing.assert_array_equal(a.region.lower, b.region.lower)
    other = cover_rectangles(X, 0.5, 8 / 255, 3, radii=radii[::-1])
    assert not np.array_equal(other.lower, cover_rectangles(X, 0.5, 8 / 255, 3, radii=radii).lower)


def test_a_cache_folder_changes_nothing_but_the_folder(tmp_path):
    plain = search_rectangles(X, **GOOD)
    for _ in range(2):
        assert search_rectangles(X, **GOOD, cache_dir=tmp_path).trace == plain.trace
    assert [path for path in tmp_path.rglob("*") if path.is_file()]


# Faces at the edge of the domain


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), levels=st.sampled_from([1, 8, 60.5]), n_sets=st.integers(1, 3), centers=CENTERS)
def test_extended_boxes_have_the_same_risks_and_no_more_adversarial_risk(X, levels, n_sets, centers):
    settings = {"n_neighbors": 3, "centers": centers}
    try:
        plain = search_rectangles(X, levels / 255, 1 / len(X), n_sets, **settings)
    except InputError:
        assume(False)
    found = search_rectangles(X, levels / 255, 1 / len(X), n_sets, extend=True, **settings)
    for ours, theirs in zip(found.trace, plain.trace, strict=True):
        assert ours.q == theirs.q
        assert ours.feasible == theirs.feasible
        if ours.n_clustered >= n_sets:
            assert ours.risk == theirs.risk
            assert ours.risk <= ours.adversarial_risk <= theirs.adversarial_risk
    assert found.adversarial_risk <= plain.adversarial_risk
    region = cover_rectangles(X, found.q, levels / 255, n_sets, extend=True, **settings)
    expected = extend_to_domain(cover_rectangles(X, found.q, levels / 255, n_sets, **settings), X)
    for name in ("lower", "upper"):
        assert getattr(region, name).tobytes() == getattr(expected, name).tobytes()
        assert getattr(region, name).tobytes() == getattr(found.region, name).tobytes()
    measured = found.region.measure(X, levels / 255)
    assert (measured.risk, measured.adversarial_risk) == (found.risk, found.adversarial_risk)


def test_boxes_are_extended_for_each_epsilon_from_the_clusters():
    """Not from boxes that another epsilon has extended already."""
    coverings = Coverings(as_sample(X), 2, n_neighbors=5, extend=True)
    for epsilon in (0.3, 0.02, 0.15):
        expected = cover_rectangles(X, 0.7, epsilon, 2, n_neighbors=5, extend=True)
        assert coverings.region(0.7, epsilon).upper.tobytes() == expected.upper.tobytes()


def test_without_a_domain_boxes_are_not_extended():
    floats = X.astype(np.float32) / np.float32(300)
    for search in (search_rectangles, cover_rectangles):
        refused(lambda search=search: search(floats, 0.1, 0.1, 3, n_neighbors=5, extend=True), "domain")
    assert len(cover_rectangles(Sample(floats, 1.0, (0.0, 1.0)), 0.9, 0.3, 3, n_neighbors=5, extend=True).lower) == 3


# Laws


@given(
    X=grey(n=(6, 24), d=(1, 6)), q=st.floats(0.3, 1), n_sets=st.integers(1, 3), seed=st.integers(0, 50), centers=CENTERS
)
def test_the_points_that_were_clustered_are_in_the_boxes(X, q, n_sets, seed, centers):
    m = math.floor(q * len(X))
    assume(m >= n_sets)
    region = cover_rectangles(X, q, 3 / 255, n_sets, seed, n_neighbors=3, centers=centers)
    dense = dense_first(knn_radii(X, n_neighbors=3))[:m]
    assert (region.gap(X)[dense] >= 3 / 255).all()
    assert region.measure(X, 3 / 255).adversarial_risk <= 1 - m / len(X) + 1e-15


@given(seed=st.integers(0, 1000), q=st.sampled_from([0.5, 0.75, 1.0]), n_sets=st.integers(1, 4), centers=CENTERS)
def test_the_points_that_were_clustered_are_in_the_boxes_of_floats(seed, q, n_sets, centers):
    X = np.random.default_rng(seed).random((24, 5)).astype(np.float32)
    region = cover_rectangles(X, q, 0.05, n_sets, seed, n_neighbors=3, centers=centers)
    assert region.measure(X, 0.05).adversarial_risk <= 1 - q
    assert region.measure(X[dense_first(knn_radii(X, n_neighbors=3))[: int(24 * q)]], 0.05).adversarial_risk == 0


@given(
    train=grey(n=(8, 20), d=(3, 3)),
    test=grey(n=(2, 20), d=(3, 3)),
    levels=st.sampled_from([1, 8, 12.75, 100]),
    seed=st.integers(0, 50),
)
def test_risk_is_at_most_adversarial_risk_on_any_data(train, test, levels, seed):
    region = cover_rectangles(train, 0.75, levels / 255, 2, seed, n_neighbors=3)
    for points in (train, test, 255 - test):
        found = region.measure(points, [levels / 255, 2 * levels / 255, 1.0])
        assert (np.asarray(found.risk) <= np.asarray(found.adversarial_risk)).all()
        assert (np.diff(found.adversarial_risk) >= 0).all()


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), levels=st.sampled_from([1, 4, 7.65]), seed=st.integers(0, 50))
def test_measuring_the_training_points_gives_the_risks_of_the_search(X, levels, seed):
    try:
        found = search_rectangles(X, levels / 255, 1 / len(X), 2, seed, n_neighbors=3)
    except InputError:
        assume(False)
    measured = found.region.measure(X, levels / 255)
    assert (measured.risk, measured.adversarial_risk) == (found.risk, found.adversarial_risk)
    assert found.risk >= 1 / len(X)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("as_float", [True, False])
def test_the_same_on_larger_data_of_either_type(seed, as_float):
    points = blobs(200, 9, seed)
    if as_float:
        points = points.astype(np.float32) / np.float32(250) / np.float32(1.1)
    found = search_rectangles(points, 0.03, 0.05, 3, seed, n_neighbors=10)
    measured = found.region.measure(points, 0.03)
    assert (measured.risk, measured.adversarial_risk) == (found.risk, found.adversarial_risk)
    assert 0.05 <= found.risk <= found.adversarial_risk


@given(X=grey(n=(8, 20), d=(2, 5)), seed=st.integers(0, 50), centers=CENTERS)
def test_the_order_of_coordinates_does_not_matter(X, seed, centers):
    columns = np.random.default_rng(seed).permutation(X.shape[1])
    a = cover_rectangles(X, 0.8, 0.1, 2, seed, n_neighbors=3, centers=centers)
    b = cover_rectangles(X[:, columns], 0.8, 0.1, 2, seed, n_neighbors=3, centers=centers)
    np.testing.assert_array_equal(a.lower[:, columns], b.lower)
    np.testing.assert_array_equal(a.upper[:, columns], b.upper)


@given(X=grey(n=(8, 20)), seed=st.integers(0, 50))
def test_negatives_are_as_robust(X, seed):
    a, b = (
        cover_rectangles(points, 0.8, 8 / 255, 2, seed, n_neighbors=3).measure(points, 8 / 255)
        for points in (X, 255 - X)
    )
    assert (a.risk, a.adversarial_risk) == (b.risk, b.adversarial_risk)


@given(X=exact_floats(n=(8, 16)), seed=st.integers(0, 50))
def test_moving_all_points_changes_no_risk(X, seed):
    step = np.float32(720720)

    def answer(points):
        sample = Sample(points)
        region = cover_rectangles(sample, 0.75, float(step), 2, seed, n_neighbors=3)
        found = region.measure(sample, float(step))
        return found.risk, found.adversarial_risk

    assert answer(X) == answer(X + step)


@given(X=grey(n=(8, 16), d=(1, 5)), seed=st.integers(0, 50))
def test_images_as_uint8_and_as_floats_give_the_same_answer(X, seed):
    single = X.astype(np.float32) / np.float32(255)
    a, b, c = (
        cover_rectangles(points, 0.8, "8/255", 2, seed, n_neighbors=3)
        for points in (X, single, single.astype(np.float64))
    )
    for other in (b, c):
        assert a.lower.tobytes() == other.lower.tobytes()
        assert a.upper.tobytes() == other.upper.tobytes()


def test_a_search_on_floats_of_images_is_the_search_on_the_images(result):
    for floats in (X / 255, X.astype(np.float32) / np.float32(255)):
        assert search_rectangles(floats, **GOOD, seed=4).trace == result.trace


def test_images_need_not_be_flat(result):
    assert search_rectangles(X.reshape(60, 2, 3), **GOOD, seed=4).trace == result.trace


# What is refused


def test_no_feasible_q_names_the_largest_risk_seen():
    far = images(60, 6, seed=1)
    tried = oracles.search_rectangles(far, Fraction(204), 0.5, 3, n_neighbors=5)
    seen = max(entry[2] for entry in tried if entry[2] is not None) / 60
    assert 0 < seen < 0.5
    message = refused(lambda: search_rectangles(far, 204 / 255, 0.5, 3, n_neighbors=5), "alpha", "0.5")
    numbers = [float(text) for text in re.findall(r"\d+\.?\d*", message)]
    assert any(math.isclose(number, value, rel_tol=0.01) for number in numbers for value in (seen, 100 * seen))


def test_too_few_points_at_every_q():
    """All midpoints cluster fewer than n_sets points, so that no risk is ever seen."""
    refused(lambda: search_rectangles(X, 0.1, 0.1, 59, n_neighbors=5))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("alpha", value) for value in (0, 1, -0.1, 1.5, float("nan"), "a", None, 0.01)),
        *(("epsilon", value) for value in (0, -1, float("nan"), float("inf"), "a", "1/0", None)),
        *(("n_sets", value) for value in (0, -1, 61, 2.5, "a", None)),
        *(("seed", value) for value in (-1, 1.5, "a", None)),
        *(("n_neighbors", value) for value in (0, -1, 60, 61, 2.5)),
        ("centers", "mode"),
        *(("max_iter", value) for value in (0, -1, 1.5)),
        *(("precision", value) for value in (0, -0.1, float("nan"), "a")),
    ],
)
def test_impossible_settings_of_a_search(name, bad):
    refused(lambda: search_rectangles(X, **(GOOD | {name: bad})), name, repr(bad))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("q", value) for value in (0, -0.1, 1.01, float("nan"), "a", None)),
        *(("epsilon", value) for value in (0, float("nan"), "a")),
        *(("n_sets", value) for value in (0, 31, 61)),
        *(("seed", value) for value in (-1, 1.5)),
        *(("n_neighbors", value) for value in (0, 60)),
        ("centers", "mode"),
        ("max_iter", 0),
    ],
)
def test_impossible_settings_of_a_cover(name, bad):
    good = {"q": 0.5, "epsilon": 0.1, "n_sets": 3, "n_neighbors": 5}
    refused(lambda: cover_rectangles(X, **(good | {name: bad})), name, repr(bad))


def test_the_extremes_that_are_allowed():
    assert len(cover_rectangles(X, 1, 0.1, 60, n_neighbors=59).lower) == 60
    assert len(cover_rectangles(X, 0.5, 0.1, 30, n_neighbors=1).lower) == 30
    assert search_rectangles(X, 1 / 255, 1 / 60, 3, n_neighbors=5).risk >= 1 / 60


@pytest.mark.parametrize("radii", [np.zeros(59), np.zeros((60, 1)), "a"])
def test_radii_that_are_not_one_number_per_point(radii):
    refused(lambda: search_rectangles(X, 0.1, 0.1, 3, radii=radii), "radii")


def test_bad_data_are_refused():
    refused(lambda: search_rectangles(X.astype(np.int64), **GOOD), "int64", "scale")
    refused(lambda: search_rectangles(X[:1], **GOOD), "1 row")
    refused(lambda: cover_rectangles(np.full((9, 2), np.inf), 0.5, 0.1, 2, n_neighbors=3), "inf")
