"""What rounding may do to a measurement: nothing at another scale, next to nothing far from 0, and never flatter."""

from __future__ import annotations

import math
import pickle
import re
from functools import partial
from statistics import NormalDist

import numpy as np
import oracles
import pytest
from conftest import needs_jit, refused

import numbaconc as nc
from numbaconc.data.arrays import as_sample

pytestmark = [needs_jit, pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")]
slow = partial(pytest.param, marks=pytest.mark.slow)

SEARCHES = {
    "rectangles": partial(nc.RectangleSearch, n_sets=2, n_neighbors=10),
    "medians": partial(nc.RectangleSearch, n_sets=2, n_neighbors=10, centers="median"),
    "faces": partial(nc.FaceSearch, n_sets=3),
    "halfspaces, linf": partial(nc.HalfSpaceSearch, norm="linf", n_starts=4, max_iter=20),
    "balls": partial(nc.BallSearch, n_sets=3, local_search=True),
    "free balls": partial(nc.FreeBallSearch, n_sets=2, n_points=20, n_starts=4, max_iter=20),
    "halfspaces, l2": partial(nc.HalfSpaceSearch, norm="l2", n_starts=4, max_iter=20),
    "hyperplane": nc.HyperplaneSearch,
    "halfspaces, l1": partial(nc.HalfSpaceSearch, norm="l1", n_starts=4, max_iter=20),
}
RNG = np.random.default_rng(3)
KINDS = {
    "float32": RNG.normal(0, 0.1, (240, 4)).astype(np.float32).astype(np.float64),
    "float64": RNG.normal(0, 0.1, (240, 4)),
    "grid": RNG.integers(-15, 16, (240, 4)) / 30,
}
EPSILON = {"float32": 0.05, "float64": 0.05, "grid": 2 / 30}


def counts(search, X, epsilon, alpha=0.1, n_test=80):
    """Points in the region and in its expansion, of those that it was found on, and of others."""
    fitted = search(epsilon=epsilon, alpha=alpha).fit(X[:-n_test])
    on_train, on_test = (fitted.region_.measure(part, epsilon) for part in (X[:-n_test], X[-n_test:]))
    return [round(share * m.n_points) for m in (on_train, on_test) for share in (m.risk, m.adversarial_risk)]


# Scale


POWERS = (slow(-900), -140, slow(-60), slow(-27), slow(27), 44, slow(120), slow(900))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("power", POWERS)
def test_scaled_by_a_power_of_two_every_number_is_the_same(power, name, kind):
    X, epsilon, search, scale = KINDS[kind], EPSILON[kind], SEARCHES[name], 2.0**power
    assert counts(search, X * scale, epsilon * scale) == counts(search, X, epsilon)


def by_hand(X, epsilon, scale=1.0):
    """A region of each family around some of the points."""
    spread = 2 * epsilon * scale
    lower, upper = X[:2] * scale - spread, X[:2] * scale + 2 * spread
    return (
        nc.RectangleComplement(lower, upper, epsilon * scale),
        nc.BallUnion(X[:3] * scale, [spread, 0.0, 3 * spread]),
        *(nc.HalfSpace([3.0, -1.0, 0.5, 2.0], 0.1 * scale, p=p) for p in (1.0, 2.0, math.inf)),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("power", POWERS)
def test_regions_made_by_hand_are_the_same_at_any_scale(power, kind):
    X, epsilon, scale = KINDS[kind], EPSILON[kind], 2.0**power
    for small, large in zip(by_hand(X, epsilon), by_hand(X, epsilon, scale), strict=True):
        np.testing.assert_array_equal(large.gap(X * scale), small.gap(X) * scale)
        strengths = np.array([1, 2, 7]) * epsilon
        one, other = small.measure(X, strengths), large.measure(X * scale, strengths * scale)
        assert 0 < one.risk[0] <= one.adversarial_risk[0]
        np.testing.assert_array_equal(other.risk, one.risk)
        np.testing.assert_array_equal(other.adversarial_risk, one.adversarial_risk)
        held, held_large = small.holding(X, 60), large.holding(X * scale, 60)
        np.testing.assert_array_equal(held_large.contains(X * scale), held.contains(X))


def test_gray_levels_are_recognized_by_their_size_not_by_being_near_0():
    X = np.random.default_rng(0).random((200, 5)) * 1e-7
    sample = as_sample(X)
    assert (len(np.unique(sample.X)), sample.domain) == (1000, None)
    radii = nc.knn_radii(X, 5)
    assert len(np.unique(radii)) > 150
    np.testing.assert_allclose(radii, nc.knn_radii(X * 2.0**23, 5) / 2.0**23, rtol=1e-5)


# Far from 0


OFFSETS = (1e3, -1e3, 1e7, -1e7, slow(1e12), slow(-1e12))
AT_BORDERS = 3  # points that the rounding of a region's own numbers, at that offset, may bring to the other side


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_an_offset_changes_nothing(offset, name):
    """Of numbers that the offset does not round; float32 would hold none of them."""
    X = np.rint(KINDS["float64"] * 2**10) / 2**10
    inside, grown, inside_test, grown_test = counts(SEARCHES[name], X + offset, 0.05)
    expected = counts(SEARCHES[name], X, 0.05)
    assert [inside, inside_test] == pytest.approx(expected[::2], abs=AT_BORDERS)
    # faces and thresholds are rounded there, too, by much of epsilon, which the expansion must hold
    more = 8 if ("halfspaces" in name or name == "rectangles") and abs(offset) == 1e12 else AT_BORDERS
    assert -AT_BORDERS <= grown - expected[1] <= more
    assert -AT_BORDERS <= grown_test - expected[3] <= more


def far_away(kind, n, seed=0):
    """Points such as people have, and an epsilon that matters to them."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.15, (n, 3))
    return {
        "map": (np.array([4208845.0, -2334866.0, 4171170.0]) + noise, 0.05),
        "stamps": (np.rint(10 * (1.6e9 + 20 * noise)) / 10, 0.2),
        "one column": (noise + np.array([0, 0, 1e7]), 0.05),
        "wide beside narrow": (noise * [1, 1e9, 1e-2], 0.005),
        "huge integers": (np.rint(1e15 + 1e3 * noise), 40.0),
        "in hours": ((1.6e9 + np.rint(36000 * noise) / 10) / 3600, 0.02),
    }[kind]


FAR = ("map", "stamps", "one column", "wide beside narrow", "huge integers", "in hours")
ONE_A_NORM = ("rectangles", "faces", "halfspaces, linf", "balls", "free balls", "halfspaces, l2", "halfspaces, l1")


@pytest.mark.parametrize("name", ONE_A_NORM)
@pytest.mark.parametrize("kind", FAR)
def test_regions_speak_the_users_coordinates(kind, name):
    """What is counted holds, by the region's own numbers, in exact arithmetic on the user's numbers."""
    X, epsilon = far_away(kind, 300)
    search = SEARCHES[name](epsilon=epsilon, alpha=0.1).fit(X[:200])
    region, test = search.region_, X[200:]
    measured = region.measure(test, epsilon)
    border = 2.0**-22 * float(np.ptp(X, axis=0).max() + epsilon)  # float32, of centered numbers
    border += 2.0**-50 * float(np.abs(X).sum(axis=1).max())
    gaps = [oracles.region_gap(row, vars(region)) for row in test.tolist()]
    inside, grown = (round(share * len(test)) for share in (measured.risk, measured.adversarial_risk))
    assert sum(gap < -border for gap in gaps) <= inside <= sum(gap <= border for gap in gaps)
    assert sum(gap <= epsilon - border for gap in gaps) <= grown <= sum(gap <= epsilon + 4 * border for gap in gaps)
    np.testing.assert_allclose(region.gap(test), gaps, rtol=0, atol=4 * border)


def test_the_certificate_of_a_distant_column_covers_the_truth():
    """Of normal points the least that a set of measure α can grow to is Φ(Φ⁻¹(α) + ε)."""
    V = np.random.default_rng(1).normal(size=(6000, 1)) + 1e7
    epsilon = 0.3
    search = nc.FaceSearch(n_sets=2, epsilon=epsilon, alpha=0.1).fit(V[:3000])
    region, normal = search.region_, NormalDist(1e7)
    certificate = nc.certify(region, V[3000:], epsilon)
    low, high = region.lower[0, 0], region.upper[0, 0]
    measure, expanded = (normal.cdf(low - by) + 1 - normal.cdf(high + by) for by in (epsilon, 0.0))
    assert certificate.L <= measure < certificate.L + 0.04
    assert certificate.U - 0.04 < expanded <= certificate.U
    assert NormalDist().cdf(NormalDist().inv_cdf(measure) + epsilon) <= expanded


def check_answers(kind, name, again):
    """Compare what a region says of points with what it says once it went through `again`: alone, among others, in any order."""
    X, epsilon = far_away(kind, 240)
    search = SEARCHES[name](epsilon=epsilon, alpha=0.2).fit(X[:200])
    test, region = np.vstack([X[200:], X[:40]]), search.region_
    inside, gaps = region.contains(test), search.decision_function(test)
    assert 0 < inside.sum() < len(test)
    np.testing.assert_array_equal(search.predict(test), np.where(inside, -1, 1))
    other = again(region)
    for rows in (np.arange(len(test))[::-1], [3, 1, 4], [0], [5], [79]):
        np.testing.assert_array_equal(other.contains(test[rows]), inside[rows])
        np.testing.assert_array_equal(other.gap(test[rows]), gaps[rows])
    one, two = (each.measure(test, [epsilon, 2 * epsilon]) for each in (region, other))
    np.testing.assert_array_equal(one.risk, two.risk)
    np.testing.assert_array_equal(one.adversarial_risk, two.adversarial_risk)


@pytest.mark.parametrize("name", ONE_A_NORM)
@pytest.mark.parametrize("kind", FAR)
def test_one_point_has_one_answer(kind, name):
    check_answers(kind, name, lambda region: pickle.loads(pickle.dumps(region)))


@pytest.mark.parametrize("kind", FAR)
def test_a_region_that_was_saved_has_the_same_answers(kind, tmp_path):
    def again(region):
        region.save(tmp_path / "region.nc")
        return nc.load_region(tmp_path / "region.nc")

    for name in ONE_A_NORM:
        check_answers(kind, name, again)


@pytest.mark.parametrize("name", ONE_A_NORM)
def test_a_point_unlike_all_others_changes_nothing_for_them(name):
    X, epsilon = far_away("map", 300)
    search = SEARCHES[name](epsilon=epsilon, alpha=0.2).fit(X[:200])
    for outlier in (np.zeros(3), np.full(3, 1e12), np.array([4208845.0, -2334866.0, 1e-9])):
        test = np.vstack([X[200:], outlier])
        np.testing.assert_array_equal(search.predict(test)[:-1], search.predict(X[200:]))
        np.testing.assert_array_equal(search.decision_function(test)[:-1], search.decision_function(X[200:]))
        with_it, without = (search.region_.measure(part, epsilon) for part in (test, X[200:]))
        rounding = 2 * float(search.region_.finest(search.region_._sample(test)))  # which the outlier has more of
        near = np.count_nonzero(np.abs(search.region_.gap(X[200:]) - epsilon) <= rounding)
        assert 0 <= round(101 * with_it.adversarial_risk) - round(100 * without.adversarial_risk) <= 1 + near


def test_an_epsilon_that_is_small_beside_the_rounding_is_refused_with_its_size():
    X = KINDS["float64"] + 1.0
    region = nc.FaceSearch(n_sets=1, epsilon=0.05, alpha=0.1).fit(X).region_
    finest = region.finest(as_sample(X))
    assert 2.0**-24 < finest < 2.0**-21
    message = refused(lambda: region.measure(X, finest / 2), "float32", "rounded")
    named = re.match(r"epsilon is (\S+); allowed: at least (\S+),", message).groups()
    assert [float(one) for one in named] == pytest.approx([finest / 2, finest], rel=0.05)
    assert region.measure(X, finest * 1.01).adversarial_risk >= region.measure(X, 0.05).risk
    for name in ONE_A_NORM:
        refused(lambda name=name: SEARCHES[name](epsilon=1e-9, alpha=0.1).fit(X), "epsilon is 1e-09", "float32")
    wide = nc.FaceSearch(n_sets=1, epsilon=0.05, alpha=0.1).fit(far_away("wide beside narrow", 200)[0]).region_
    refused(lambda: wide.measure(far_away("wide beside narrow", 200)[0], 1e-9), "epsilon is 1e-09", "float64")
