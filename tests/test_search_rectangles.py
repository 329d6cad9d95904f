"""Algorithm 1 against a plain-loop search, and the laws that its answers must obey."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import oracles
import pytest
from conftest import blobs, exact_floats, examples, grey, images, needs_jit, refused
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from numbaconc.data.arrays import UnitWarning, as_sample
from numbaconc.data.sample import Sample
from numbaconc.density import dense_first, knn_radii
from numbaconc.errors import InputError
from numbaconc.goal import Goal
from numbaconc.how import How
from numbaconc.regions import extend_to_domain
from numbaconc.search.rectangles import Coverings, RectangleSearch
from numbaconc.search.run import Run

CENTERS = st.sampled_from(["mean", "median"])
X = blobs(60, 6, seed=0)
GOOD = {"epsilon": "8/255", "alpha": 0.1, "n_sets": 3, "n_neighbors": 5}


def search(points, epsilon, alpha, n_sets, seed=0, **settings):
    """Search q."""
    return RectangleSearch(n_sets=n_sets, seed=seed, epsilon=epsilon, alpha=alpha, **settings).fit(points)


def cover(points, q, epsilon, n_sets, seed=0, **settings):
    """Return the region at a fixed q, at which alpha has no part in it."""
    return search(points, epsilon, 0.5, n_sets, seed, q=q, **settings).region_


def risks(fitted):
    return fitted.risk_, fitted.adversarial_risk_


def same_region(a, b):
    assert (a.lower.tobytes(), a.upper.tobytes(), a.epsilon) == (b.lower.tobytes(), b.upper.tobytes(), b.epsilon)


def in_units(boxes):
    """Exact levels as the nearest floats on epsilon's scale."""
    return np.array([[float(face / 255) for face in box] for box in boxes])


# Against the plain loops


def check_against_oracle(X, levels, alpha, n_sets, **settings):
    n = len(X)
    tried = oracles.search_rectangles(X, Fraction(levels), alpha, n_sets, **settings)
    feasible = [entry for entry in tried if entry[4]]
    asked = RectangleSearch(n_sets=n_sets, epsilon=levels / 255, alpha=alpha, **settings)
    if feasible:
        trace = asked.fit(X).trace_
    else:
        with pytest.raises(InputError):
            asked.fit(X)
        trace = Coverings(asked.checked(), as_sample(X), How()).search(asked.goal(), How())
    assert len(trace) == len(tried)
    for ours, (q, m, risk, expanded, good, _, _) in zip(trace, tried, strict=True):
        assert (ours.q, ours.n_clustered, ours.feasible) == (q, m, good)
        if risk is None:
            assert math.isnan(ours.risk)
            assert math.isnan(ours.adversarial_risk)
        else:
            assert (ours.risk, ours.adversarial_risk) == (risk / n, expanded / n)
    if not feasible:
        return
    least = min(entry[3] for entry in feasible)
    assert asked.adversarial_risk_ == least / n
    answers = [entry for entry in feasible if entry[3] == least and entry[0] == asked.q_]
    assert len(answers) == 1
    _, _, risk, _, _, lower, upper = answers[0]
    assert asked.risk_ == risk / n
    assert asked.region_.epsilon == levels / 255
    np.testing.assert_array_equal(asked.region_.lower, in_units(lower))
    np.testing.assert_array_equal(asked.region_.upper, in_units(upper))


@examples(150)
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


@needs_jit
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("settings", [{}, {"centers": "median"}, {"max_iter": 2}, {"precision": 0.05}], ids=str)
def test_a_search_among_more_points(seed, settings):
    check_against_oracle(blobs(80, 6, seed), 8, 0.1, 3, seed=seed, n_neighbors=7, **settings)


@pytest.mark.parametrize(("n", "n_neighbors"), [(60, 50), (30, 30)])
def test_the_papers_settings_are_the_defaults(n, n_neighbors):
    """Where there are fewer than the paper's 50 neighbors, all points are counted."""
    points = blobs(n, 4, seed=3)
    tried = oracles.search_rectangles(points, Fraction(8), 0.05, 2, seed=1, n_neighbors=n_neighbors)
    found = search(points, "8/255", 0.05, 2, seed=1)
    assert [(one.q, one.feasible) for one in found.trace_] == [(entry[0], entry[4]) for entry in tried]
    assert found.adversarial_risk_ == min(entry[3] for entry in tried if entry[4]) / n
    assert found.n_neighbors_ == n_neighbors
    assert search(points, "8/255", 0.05, 2, include_self=False).n_neighbors_ == min(50, n - 1)


def test_the_fewest_points_that_make_so_many_clusters_are_tried_before_giving_up():
    """Halving q steps from three points to one, and only two points leave enough of the others uncovered."""
    places = [0, 0, 100, 101, 106, 110, 115, 118, 180, 200, 220, 250]
    points = np.array(places, np.uint8)[:, np.newaxis]
    found = search(points, "10/255", 8 / 12, 2, n_neighbors=2)
    *before, last = found.trace_
    assert [(tried.n_clustered, tried.feasible) for tried in before[:3]] == [(6, False), (3, False), (1, False)]
    assert not any(tried.feasible for tried in before)
    assert last == (2 / 12, 2, 10 / 12, 10 / 12, True)
    assert (found.q_, *risks(found)) == (2 / 12, 10 / 12, 10 / 12)
    check_against_oracle(points, 10, 8 / 12, 2, n_neighbors=2)


# What the trace says


@pytest.fixture(scope="module")
def result():
    return search(X, **GOOD, seed=4)


def test_the_trace_is_a_binary_search(result):
    low, high = 0.0, 1.0
    for tried in result.trace_:
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
    feasible = [tried for tried in result.trace_ if tried.feasible]
    best = min(feasible, key=lambda tried: tried.adversarial_risk)
    assert result.adversarial_risk_ == best.adversarial_risk
    assert (result.q_, *risks(result)) in [(tried.q, tried.risk, tried.adversarial_risk) for tried in feasible]


def test_a_cover_at_a_q_of_the_trace_is_the_entry_of_the_search(result):
    for tried in result.trace_:
        if tried.n_clustered >= 3:
            alone = search(X, **GOOD, seed=4, q=tried.q)
            assert risks(alone) == (tried.risk, tried.adversarial_risk)
            assert (alone.q_, alone.n_neighbors_, alone.trace_) == (tried.q, 5, ())
            measured = alone.region_.measure(X, "8/255")
            assert (measured.risk, measured.adversarial_risk) == risks(alone)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), seed=st.integers(0, 50), n_sets=st.integers(1, 3), centers=CENTERS)
def test_a_cover_at_the_found_q_is_the_found_region(X, seed, n_sets, centers):
    settings = {"seed": seed, "n_neighbors": 3, "centers": centers}
    try:
        found = search(X, 2 / 255, 1 / len(X), n_sets, **settings)
    except InputError:
        assume(False)
    same_region(cover(X, found.q_, 2 / 255, n_sets, **settings), found.region_)


def test_the_clusters_do_not_depend_on_epsilon():
    a = cover(X, 0.7, "8/255", 3, n_neighbors=5)
    b = cover(X, 0.7, 0.3, 3, n_neighbors=5)
    np.testing.assert_array_equal(a.lower, b.lower)
    np.testing.assert_array_equal(a.upper, b.upper)
    assert (a.epsilon, b.epsilon) == (8 / 255, 0.3)


def test_one_seed_one_answer(result):
    again = search(X.copy(), **GOOD, seed=4)
    same_region(again.region_, result.region_)
    assert (again.q_, again.trace_) == (result.q_, result.trace_)


def test_another_seed_another_answer():
    lowers = {cover(X, 0.7, 0.1, 3, seed=seed, n_neighbors=5).lower.tobytes() for seed in range(5)}
    assert len(lowers) > 1


def test_a_margin_is_asked_for_beyond_alpha():
    wider = search(X, **GOOD, margin=0.05)
    assert all(tried.feasible == (tried.risk >= 0.15) for tried in wider.trace_ if tried.n_clustered >= 3)
    assert wider.risk_ >= 0.15
    same_region(wider.region_, search(X, **(GOOD | {"alpha": 0.15})).region_)


def test_radii_are_found_once_for_a_sample_and_kept_in_the_cache_folder(tmp_path, monkeypatch):
    from numbaconc.search import rectangles

    asked, goal = [], Goal.of("8/255", 0.1)
    monkeypatch.setattr(rectangles, "knn_radii", lambda *a, **k: asked.append(k) or knn_radii(*a, **k))

    def traces(folder):
        sample = as_sample(X)
        runs = [
            Run(RectangleSearch(n_sets=3, n_neighbors=5, seed=seed).checked(), sample, How(cache_dir=folder))
            for seed in (0, 1)
        ]
        return [run.find(goal).trace for run in runs]

    plain = traces(None)
    assert plain == [search(X, **GOOD, seed=seed).trace_ for seed in (0, 1)]
    asked.clear()
    for times in (1, 2):
        assert traces(tmp_path) == plain
        assert len(asked) == times
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


# Faces at the edge of the domain


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), levels=st.sampled_from([1, 8, 60.5]), n_sets=st.integers(1, 3), centers=CENTERS)
def test_extended_boxes_have_the_same_risks_and_no_more_adversarial_risk(X, levels, n_sets, centers):
    settings = {"n_neighbors": 3, "centers": centers}
    try:
        plain = search(X, levels / 255, 1 / len(X), n_sets, **settings)
    except InputError:
        assume(False)
    found = search(X, levels / 255, 1 / len(X), n_sets, extend=True, **settings)
    for ours, theirs in zip(found.trace_, plain.trace_, strict=True):
        assert ours.q == theirs.q
        assert ours.feasible == theirs.feasible
        if ours.n_clustered >= n_sets:
            assert ours.risk == theirs.risk
            assert ours.risk <= ours.adversarial_risk <= theirs.adversarial_risk
    assert found.adversarial_risk_ <= plain.adversarial_risk_
    region = cover(X, found.q_, levels / 255, n_sets, extend=True, **settings)
    same_region(region, extend_to_domain(cover(X, found.q_, levels / 255, n_sets, **settings), X))
    same_region(region, found.region_)
    measured = found.region_.measure(X, levels / 255)
    assert (measured.risk, measured.adversarial_risk) == risks(found)


def test_boxes_are_extended_for_each_epsilon_from_the_clusters():
    """Not from boxes that another epsilon has extended already."""
    extended = RectangleSearch(n_sets=2, n_neighbors=5, extend=True)
    coverings = Coverings(extended.checked(), as_sample(X), How())
    for epsilon in (0.3, 0.02, 0.15):
        same_region(coverings.region(0.7, epsilon), cover(X, 0.7, epsilon, 2, n_neighbors=5, extend=True))


def test_without_a_domain_boxes_are_not_extended():
    floats = X.astype(np.float32) / np.float32(300)
    settings = {"n_neighbors": 5, "extend": True}
    refused(lambda: search(floats, 0.1, 0.1, 3, **settings), "domain")
    refused(lambda: cover(floats, 0.9, 0.1, 3, **settings), "domain")
    assert len(cover(Sample(floats, 1.0, (0.0, 1.0)), 0.9, 0.3, 3, **settings).lower) == 3


# Laws


@given(
    X=grey(n=(6, 24), d=(1, 6)), q=st.floats(0.3, 1), n_sets=st.integers(1, 3), seed=st.integers(0, 50), centers=CENTERS
)
def test_the_points_that_were_clustered_are_in_the_boxes(X, q, n_sets, seed, centers):
    m = math.floor(q * len(X))
    assume(m >= n_sets)
    region = cover(X, q, 3 / 255, n_sets, seed, n_neighbors=3, centers=centers)
    dense = dense_first(knn_radii(X, n_neighbors=3))[:m]
    assert (region.gap(X)[dense] >= 3 / 255).all()
    assert region.measure(X, 3 / 255).adversarial_risk <= 1 - m / len(X) + 1e-15


@given(seed=st.integers(0, 1000), q=st.sampled_from([0.5, 0.75, 1.0]), n_sets=st.integers(1, 4), centers=CENTERS)
def test_the_points_that_were_clustered_are_in_the_boxes_of_floats(seed, q, n_sets, centers):
    X = np.random.default_rng(seed).random((24, 5)).astype(np.float32)
    region = cover(X, q, 0.05, n_sets, seed, n_neighbors=3, centers=centers)
    assert region.measure(X, 0.05).adversarial_risk <= 1 - q
    assert region.measure(X[dense_first(knn_radii(X, n_neighbors=3))[: int(24 * q)]], 0.05).adversarial_risk == 0


@given(
    train=grey(n=(8, 20), d=(3, 3)),
    test=grey(n=(2, 20), d=(3, 3)),
    levels=st.sampled_from([1, 8, 12.75, 100]),
    seed=st.integers(0, 50),
)
def test_risk_is_at_most_adversarial_risk_on_any_data(train, test, levels, seed):
    region = cover(train, 0.75, levels / 255, 2, seed, n_neighbors=3)
    for points in (train, test, 255 - test):
        found = region.measure(points, [levels / 255, 2 * levels / 255, 1.0])
        assert (np.asarray(found.risk) <= np.asarray(found.adversarial_risk)).all()
        assert (np.diff(found.adversarial_risk) >= 0).all()


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(X=grey(n=(8, 20), d=(1, 5)), levels=st.sampled_from([1, 4, 7.65]), seed=st.integers(0, 50))
def test_measuring_the_training_points_gives_the_risks_of_the_search(X, levels, seed):
    try:
        found = search(X, levels / 255, 1 / len(X), 2, seed, n_neighbors=3)
    except InputError:
        assume(False)
    measured = found.region_.measure(X, levels / 255)
    assert (measured.risk, measured.adversarial_risk) == risks(found)
    assert found.risk_ >= 1 / len(X)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("as_float", [True, False])
def test_the_same_on_larger_data_of_either_type(seed, as_float):
    points = blobs(200, 9, seed)
    if as_float:
        points = points.astype(np.float32) / np.float32(250) / np.float32(1.1)
    found = search(points, 0.03, 0.05, 3, seed, n_neighbors=10)
    measured = found.region_.measure(points, 0.03)
    assert (measured.risk, measured.adversarial_risk) == risks(found)
    assert 0.05 <= found.risk_ <= found.adversarial_risk_


@given(X=grey(n=(8, 20), d=(2, 5)), seed=st.integers(0, 50), centers=CENTERS)
def test_the_order_of_coordinates_does_not_matter(X, seed, centers):
    columns = np.random.default_rng(seed).permutation(X.shape[1])
    a = cover(X, 0.8, 0.1, 2, seed, n_neighbors=3, centers=centers)
    b = cover(X[:, columns], 0.8, 0.1, 2, seed, n_neighbors=3, centers=centers)
    np.testing.assert_array_equal(a.lower[:, columns], b.lower)
    np.testing.assert_array_equal(a.upper[:, columns], b.upper)


@given(X=grey(n=(8, 20)), seed=st.integers(0, 50))
def test_negatives_are_as_robust(X, seed):
    a, b = (cover(points, 0.8, 8 / 255, 2, seed, n_neighbors=3).measure(points, 8 / 255) for points in (X, 255 - X))
    assert (a.risk, a.adversarial_risk) == (b.risk, b.adversarial_risk)


@given(X=exact_floats(n=(8, 16)), seed=st.integers(0, 50))
def test_moving_all_points_changes_no_risk(X, seed):
    step = np.float32(720720)

    def answer(points):
        sample = Sample(points)
        found = cover(sample, 0.75, float(step), 2, seed, n_neighbors=3).measure(sample, float(step))
        return found.risk, found.adversarial_risk

    assert answer(X) == answer(X + step)


@given(X=grey(n=(8, 16), d=(1, 5)), seed=st.integers(0, 50))
def test_images_as_uint8_and_as_floats_give_the_same_answer(X, seed):
    single = X.astype(np.float32) / np.float32(255)
    a, b, c = (cover(points, 0.8, "8/255", 2, seed, n_neighbors=3) for points in (X, single, single.astype(np.float64)))
    same_region(a, b)
    same_region(a, c)


def test_a_search_on_floats_of_images_is_the_search_on_the_images(result):
    for floats in (X / 255, X.astype(np.float32) / np.float32(255)):
        assert search(floats, **GOOD, seed=4).trace_ == result.trace_


def test_images_need_not_be_flat(result):
    assert search(X.reshape(60, 2, 3), **GOOD, seed=4).trace_ == result.trace_


def test_other_integers_are_floats_in_their_own_units(result):
    asked = GOOD | {"epsilon": 8, "seed": 4}
    with pytest.warns(UnitWarning, match="X lies in"):
        found = search(X.astype(np.int64), **asked)
    assert found.trace_ == search(Sample(X.astype(np.float32)), **asked).trace_
    assert [(tried.q, tried.n_clustered) for tried in found.trace_[:2]] == [
        (tried.q, tried.n_clustered) for tried in result.trace_[:2]
    ]


# What is refused


def test_no_feasible_q_names_the_largest_risk_seen():
    far = images(60, 6, seed=1)
    tried = oracles.search_rectangles(far, Fraction(204), 0.5, 3, n_neighbors=5)
    seen = max(entry[2] for entry in tried if entry[2] is not None) / 60
    assert 0 < seen < 0.5
    message = refused(lambda: search(far, 204 / 255, 0.5, 3, n_neighbors=5), "alpha is 0.5", "n_sets 3", "allowed")
    assert f"the largest risk seen is {seen:g}" in message
    assert "alpha is 0.4 and margin 0.1" in refused(lambda: search(far, 0.8, 0.4, 3, n_neighbors=5, margin=0.1))


def test_too_few_points_at_every_q():
    """All midpoints cluster fewer than n_sets points, so that no risk is ever seen."""
    refused(
        lambda: search(X, 0.1, 0.1, 59, n_neighbors=5),
        "n_sets is 59; allowed: a whole number from 1 to 30 (the search on q began by clustering 30 points)",
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("alpha", value) for value in (0, 1, -0.1, 1.5, float("nan"), "a", None, 0.01)),
        *(("epsilon", value) for value in (0, -1, float("nan"), float("inf"), "a", "1/0", None)),
        *(("n_sets", value) for value in (0, -1, 61, 2.5, "a", None)),
        *(("seed", value) for value in (-1, 1.5, "a", None)),
        *(("n_neighbors", value) for value in (0, -1, 60, 61, 2.5)),
        *(("include_self", value) for value in (None, 1, "a")),
        ("centers", "mode"),
        *(("max_iter", value) for value in (0, -1, 1.5)),
        *(("precision", value) for value in (0, -0.1, 1, float("nan"), "a")),
        *(("margin", value) for value in (-0.1, 0.9, float("nan"), float("inf"), "a", None, "auto")),
        *(("extend", value) for value in (None, 1, "a")),
    ],
)
def test_impossible_settings_of_a_search(name, bad):
    refused(lambda: search(X, **(GOOD | {name: bad})), f"{name} is {bad!r}", "allowed: ")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("q", value) for value in (0, -0.1, 1.01, float("nan"), "a")),
        *(("epsilon", value) for value in (0, float("nan"), "a")),
        *(("n_sets", value) for value in (0, 31, 61)),
        *(("seed", value) for value in (-1, 1.5)),
        *(("n_neighbors", value) for value in (0, 60)),
        ("centers", "mode"),
        ("max_iter", 0),
        ("margin", 0.1),
        ("precision", 0.1),
    ],
)
def test_impossible_settings_of_a_cover(name, bad):
    good = {"q": 0.5, "epsilon": 0.1, "n_sets": 3, "n_neighbors": 5}
    refused(lambda: cover(X, **(good | {name: bad})), f"{name} is {bad!r}", "allowed: ")


def test_the_extremes_that_are_allowed():
    assert len(cover(X, 1, 0.1, 60, n_neighbors=59).lower) == 60
    assert len(cover(X, 0.5, 0.1, 30, n_neighbors=1).lower) == 30
    assert search(X, 1 / 255, 1 / 60, 3, n_neighbors=5).risk_ >= 1 / 60


def test_bad_data_are_refused():
    refused(lambda: search(X[:1], **GOOD), "1 sample", "minimum of 2")
    refused(lambda: search(as_sample(X[:1], min_rows=1), **GOOD), "X has 1 row; allowed: at least 2")
    refused(lambda: cover(np.full((9, 2), np.inf), 0.5, 0.1, 2, n_neighbors=3), "X contains infinity")
    refused(lambda: cover(X.astype(complex), 0.5, 0.1, 2, n_neighbors=3), "Complex data")


@pytest.mark.parametrize("name", ["seed", "n_sets", "max_iter"])
def test_whole_numbers_that_files_do_not_hold(name):
    """They are refused before any work is done: in a file they would be other numbers."""
    search = RectangleSearch(epsilon=0.1, alpha=0.1, n_neighbors=5).set_params(**{name: 2**53 + 1})
    said = refused(lambda: search.fit(blobs(40, 3, 0)), f"{name} is 9007199254740993; allowed: ")
    assert "to 9007199254740992" in said
