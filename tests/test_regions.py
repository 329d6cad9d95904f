"""Regions as sets: gap, measure, save, load."""

from __future__ import annotations

import copy
import gc
import pickle
from fractions import Fraction
from weakref import WeakKeyDictionary

import numpy as np
import oracles
import pytest
import xarray as xr
from conftest import grey, images, refused
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import numbaconc as nc
from numbaconc.clustering import cluster
from numbaconc.data.arrays import UnitWarning, as_sample, parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.regions import RectangleComplement, extend_to_domain, load_region

LEVELS = st.sampled_from([1, 2, 5, 8, 8.5, 16, 76.5, 200])
EXAMPLE = RectangleComplement(np.array([[0.25, 0.5]]), np.array([[0.5, 0.75]]), 0.125)


@st.composite
def grey_boxes(draw, d, T=(1, 4)):
    """Boxes in 1/4096 of a level, as means make them, some faces on the grid and some infinite."""
    shape = draw(st.integers(*T)), d
    fine = st.integers(-255 * 4096, 510 * 4096).map(lambda steps: steps / 4096)
    faces = st.one_of(fine, st.integers(0, 255).map(float), st.sampled_from([-np.inf, np.inf]))
    a, b = (draw(hnp.arrays(np.float64, shape, elements=faces)) for _ in range(2))
    lower, upper = np.minimum(a, b), np.maximum(a, b)
    lower[lower == np.inf] = 3.0
    upper[upper == -np.inf] = 250.0
    return lower, upper


def fractions(array):
    """Nested lists of exact numbers; infinities stay floats."""
    return [[Fraction(x) if np.isfinite(x) else x for x in row] for row in np.asarray(array).tolist()]


def region_of(boxes, levels):
    lower, upper = boxes
    return RectangleComplement(lower / 255, upper / 255, levels / 255)


def risks(measured):
    return measured.risk, measured.adversarial_risk


# The set itself


@given(X=grey(), levels=LEVELS, data=st.data())
def test_risks_are_what_the_definition_says(X, levels, data):
    boxes = data.draw(grey_boxes(X.shape[1]))
    risk, expanded = oracles.rectangle_risks(X, *map(fractions, boxes), Fraction(levels))
    found = region_of(boxes, levels).measure(Sample(X, 1 / 255), levels / 255)
    assert found.risk == risk / len(X)
    assert found.adversarial_risk == expanded / len(X)
    assert found.n_points == len(X)
    assert found.epsilon == levels / 255


@given(X=grey(), levels=LEVELS, other=LEVELS, data=st.data())
def test_risks_at_an_epsilon_that_is_not_the_regions(X, levels, other, data):
    """The region enlarged by `levels` grows by `other`: what all boxes enlarged by the difference miss."""
    lower, upper = data.draw(grey_boxes(X.shape[1]))
    found = region_of((lower, upper), levels).measure(Sample(X, 1 / 255), other / 255)
    rest = Fraction(levels) - Fraction(other)
    expected, _ = oracles.rectangle_risks(X, fractions(lower), fractions(upper), Fraction(levels))
    assert found.risk == expected / len(X)
    expanded, _ = oracles.rectangle_risks(X, fractions(lower), fractions(upper), rest)
    assert found.adversarial_risk == expanded / len(X)


@given(X=grey(), levels=LEVELS, data=st.data())
def test_gap_says_how_far_outside(X, levels, data):
    lower, upper = data.draw(grey_boxes(X.shape[1]))
    gap = region_of((lower, upper), levels).gap(Sample(X, 1 / 255))
    expected = (levels - oracles.outside(X, lower, upper)) / 255
    assert gap.dtype == np.float64
    assert gap.shape == (len(X),)
    np.testing.assert_allclose(gap, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(np.sign(gap), np.sign(expected))


@given(X=grey(), beyond=st.sampled_from([1 / 4096, 0.5, 1.0, 45.0]))
def test_boxes_that_no_byte_is_in(X, beyond):
    """Beside one that is nearer, or farther, or in whole levels as near."""
    d = X.shape[1]
    for far in (np.full(d, 255 + beyond), np.full(d, -beyond)):
        for near in (X[0].astype(np.float64), np.full(d, 255.0)):
            lower = upper = np.array([far, near])
            gap = region_of((lower, upper), 1).gap(Sample(X, 1 / 255))
            np.testing.assert_array_equal(gap, Sample(X, 1 / 255).to_units(1 - oracles.outside(X, lower, upper)))


@given(seed=st.integers(0, 1000), d=st.integers(1, 8), T=st.integers(1, 4))
def test_risks_of_floats(seed, d, T):
    rng = np.random.default_rng(seed)
    X = rng.random((20, d)).astype(np.float32)
    middle, half = rng.random((T, d)), rng.random((T, d))
    lower, upper = middle - half, middle + half
    risk, expanded = oracles.rectangle_risks(X, fractions(lower), fractions(upper), Fraction(0.125))
    found = RectangleComplement(lower, upper, 0.125).measure(Sample(X), 0.125)
    assert (found.risk, found.adversarial_risk) == (risk / 20, expanded / 20)


@given(X=grey(), levels=LEVELS, others=st.lists(LEVELS, min_size=1, max_size=5), data=st.data())
def test_gap_and_measure_agree(X, levels, others, data):
    """Also where a point lies at exactly epsilon from a box."""
    region = region_of(data.draw(grey_boxes(X.shape[1])), levels)
    sample = Sample(X, 1 / 255)
    gap = region.gap(sample)
    for other in others:
        found = region.measure(sample, other / 255)
        assert found.risk == np.mean(gap < 0)
        assert found.adversarial_risk == np.mean(gap < other / 255)


def test_ties_on_the_grid_are_ties():
    """A point k levels outside is not in E at epsilon k/255, and is at any smaller one."""
    for k in range(1, 256):
        X = np.array([[0], [k]], np.uint8)
        epsilon = parse_epsilon(f"{k}/255")
        region = RectangleComplement(np.array([[-np.inf]]), np.array([[0.0]]), epsilon)
        assert region.gap(X).tolist() == [epsilon, 0]
        found = region.measure(X, epsilon)
        assert (found.risk, found.adversarial_risk) == (0, 0.5)  # 0 is on the face, k is outside
        assert region.at((k - 0.5) / 255).measure(X, epsilon).risk == 0.5
        for grown in (1, 2, 8, 100, k, 255):  # on the face of the box enlarged by what is left, or outside of it
            left = max(k - grown, -1)
            assert region.measure(X, f"{grown}/255").adversarial_risk == np.mean(left < X)


@pytest.mark.parametrize("epsilon", [0.031372549, 0.0313725482, 0.0313725495, 0.007843, 0.03137254])
def test_gap_and_measure_agree_where_epsilon_is_almost_a_tie(epsilon):
    """Epsilon typed with some digits is not the whole number of levels that it is near to."""
    X = np.array([[8], [2], [0]], np.uint8)
    region = RectangleComplement(np.array([[-np.inf]]), np.array([[0.0]]), epsilon)
    gap = region.gap(X)
    assert region.measure(X, 0.5).risk == np.mean(gap < 0) == np.mean(epsilon * 255 < X)
    region = region.at(16 / 255)
    assert region.measure(X, epsilon).adversarial_risk == np.mean(region.gap(X) < epsilon)


def test_eight_levels_from_a_box_of_whole_levels():
    X = np.arange(256).astype(np.uint8)[:, None]
    region = RectangleComplement(np.array([[40 / 255]]), np.array([[100 / 255]]), 8 / 255)
    found = region.measure(X, "8/255")
    assert found.risk * 256 == 256 - (108 - 32 + 1)
    assert found.adversarial_risk * 256 == 256 - (100 - 40 + 1)


@given(X=grey(), levels=LEVELS, others=st.lists(LEVELS, min_size=2, max_size=5, unique=True), data=st.data())
def test_expansion_only_adds_points(X, levels, others, data):
    region = region_of(data.draw(grey_boxes(X.shape[1])), levels)
    found = region.measure(Sample(X, 1 / 255), np.array(others) / 255)
    order = np.argsort(found.epsilon)
    grown = np.asarray(found.adversarial_risk)[order]
    assert (np.diff(grown) >= 0).all()
    assert (np.asarray(found.risk) <= grown).all()


@given(X=grey(), levels=LEVELS, data=st.data())
def test_the_set_does_not_depend_on_any_order(X, levels, data):
    lower, upper = data.draw(grey_boxes(X.shape[1]))
    rng = np.random.default_rng(0)
    rows, columns, boxes = (rng.permutation(size) for size in (*X.shape, len(lower)))
    a = region_of((lower, upper), levels).gap(Sample(X, 1 / 255))
    shuffled = (lower[boxes][:, columns], upper[boxes][:, columns])
    b = region_of(shuffled, levels).gap(Sample(np.ascontiguousarray(X[rows][:, columns]), 1 / 255))
    np.testing.assert_array_equal(a[rows], b)


@given(seed=st.integers(0, 1000), move=st.integers(-500, 500))
def test_moving_points_and_boxes_changes_nothing(seed, move):
    rng = np.random.default_rng(seed)
    X = rng.integers(-99, 100, (15, 4)).astype(np.float32)
    middle, half = rng.integers(-50, 50, (2, 4)).astype(float), rng.integers(0, 99, (2, 4)).astype(float)
    a = RectangleComplement(middle - half, middle + half, 3.0).gap(Sample(X))
    b = RectangleComplement(middle - half + move, middle + half + move, 3.0).gap(Sample(X + np.float32(move)))
    np.testing.assert_array_equal(a, b)


@given(X=grey(), levels=LEVELS, data=st.data())
def test_more_boxes_make_a_smaller_region(X, levels, data):
    lower, upper = data.draw(grey_boxes(X.shape[1], T=(2, 4)))
    sample = Sample(X, 1 / 255)
    fewer = region_of((lower[:-1], upper[:-1]), levels).gap(sample)
    assert (region_of((lower, upper), levels).gap(sample) >= fewer).all()


@given(X=grey(n=(3, 20)), seed=st.integers(0, 20), levels=LEVELS)
def test_the_points_a_box_was_made_from_are_in_it(X, seed, levels):
    sample = Sample(X, 1 / 255)
    found = cluster(sample, 3, seed)
    region = RectangleComplement(sample.to_units(found.lower), sample.to_units(found.upper), levels / 255)
    assert (region.gap(sample) >= levels / 255).all()
    assert region.measure(sample, levels / 255).adversarial_risk == 0


@given(X=grey(n=(2, 12)), levels=LEVELS, data=st.data())
def test_images_as_uint8_and_as_floats_give_the_same_answer(X, levels, data):
    region = region_of(data.draw(grey_boxes(X.shape[1])), levels)
    gap = region.gap(X)
    single = X.astype(np.float32) / np.float32(255)
    for floats in (single, single.astype(np.float64), X / 255):
        np.testing.assert_array_equal(region.gap(floats), gap)
        assert risks(region.measure(floats, levels / 255)) == risks(region.measure(X, levels / 255))


def test_points_on_the_grid_are_measured_alike_against_boxes_that_are_not():
    """Boxes of float data whose own points, taken alone, would be recognised as images."""
    images_too = np.random.default_rng(0).integers(0, 256, (40, 5)).astype(np.float32) / np.float32(255)
    X = np.vstack([images_too, np.full((1, 5), np.float32(0.12345))])
    sample = Sample(X)
    found = cluster(sample, 3, 0)
    region = RectangleComplement(sample.to_units(found.lower), sample.to_units(found.upper), 0.01)
    assert (region.gap(X) >= 0.01).all()
    assert (region.gap(images_too) >= 0.01 - 1e-9).all()
    assert region.measure(images_too, 0.01).adversarial_risk == 0


# Other epsilons


def test_at_keeps_the_boxes():
    region = EXAMPLE.at("64/255")
    np.testing.assert_array_equal(region.lower, EXAMPLE.lower)
    np.testing.assert_array_equal(region.upper, EXAMPLE.upper)
    assert region.epsilon == 64 / 255
    assert EXAMPLE.epsilon == 0.125
    X = np.array([[0, 0], [100, 180], [255, 255]], np.uint8)
    np.testing.assert_allclose(region.gap(X) - EXAMPLE.gap(X), 64 / 255 - 0.125, rtol=1e-12)


@given(X=grey(), data=st.data())
def test_at_another_epsilon_only_the_risk_changes(X, data):
    boxes = data.draw(grey_boxes(X.shape[1]))
    sample = Sample(X, 1 / 255)
    for levels in (1, 8, 100):
        region = region_of(boxes, 30).at(levels / 255)
        expected = region_of(boxes, levels).measure(sample, levels / 255)
        assert risks(region.measure(sample, levels / 255)) == risks(expected)


def test_one_epsilon_gives_numbers_and_several_give_arrays():
    X = images(50, 2, seed=0)
    one = EXAMPLE.measure(X, 0.125)
    assert isinstance(one.risk, float)
    assert isinstance(one.adversarial_risk, float)
    assert isinstance(one.epsilon, float)
    for several in ([0.1, "8/255", 0.3], (0.1, 8 / 255, "0.3"), np.array([0.1, 8 / 255, 0.3])):
        found = EXAMPLE.measure(X, several)
        assert found.epsilon.tolist() == [0.1, 8 / 255, 0.3]
        for epsilon, risk, adversarial_risk in zip(found.epsilon, found.risk, found.adversarial_risk, strict=True):
            alone = EXAMPLE.measure(X, float(epsilon))
            assert (risk, adversarial_risk) == (alone.risk, alone.adversarial_risk)
    assert np.shape(EXAMPLE.measure(X, [0.125]).risk) == (1,)


# Save and load


@given(data=st.data(), levels=LEVELS)
def test_a_saved_region_is_the_same_region(tmp_path_factory, data, levels):
    region = region_of(data.draw(grey_boxes(data.draw(st.integers(1, 6)))), levels)
    path = tmp_path_factory.mktemp("regions") / "region.nc"
    region.save(path)
    loaded = load_region(path)
    assert type(loaded) is RectangleComplement
    for name in ("lower", "upper"):
        a, b = getattr(region, name), getattr(loaded, name)
        assert a.dtype == b.dtype == np.float64
        assert a.tobytes() == b.tobytes()
    assert loaded.epsilon == region.epsilon


def test_a_region_is_saved_as_a_whole_under_any_name(tmp_path):
    path = tmp_path / "deep" / "odd name.region"
    EXAMPLE.at(0.3).save(str(path))
    EXAMPLE.save(path)
    assert load_region(str(path)).epsilon == 0.125
    assert [found.name for found in path.parent.iterdir()] == ["odd name.region"]
    with xr.open_dataset(path, engine="netcdf4") as ds:
        assert ds.sizes


def test_a_region_that_cannot_be_saved(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        EXAMPLE.save(tmp_path / "file" / "region.nc")
    assert (tmp_path / "file").read_text() == "in the way"


def text(path):
    path.write_text("no region")


def other_netcdf(path):
    xr.Dataset({"risk": ("epsilon", [0.1])}).to_netcdf(path, engine="netcdf4")


def incomplete(path):
    EXAMPLE.save(path)
    with xr.open_dataset(path, engine="netcdf4") as ds:
        part = ds.drop_vars("upper").load()
    part.to_netcdf(path, engine="netcdf4")


@pytest.mark.parametrize(
    "make", [text, other_netcdf, incomplete, lambda path: path.touch(), lambda path: path.mkdir(), lambda _: None],
    ids=["text", "other netCDF", "incomplete", "empty", "folder", "missing"],
)  # fmt: skip
def test_what_is_no_region_cannot_be_loaded(tmp_path, make):
    path = tmp_path / "region.nc"
    make(path)
    with pytest.raises(InputError, match=r"region\.nc") as caught:
        load_region(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_region_cannot_be_loaded(tmp_path, kept):
    path = tmp_path / "region.nc"
    EXAMPLE.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=r"region\.nc"):
        load_region(path)


@pytest.mark.slow
def test_a_damaged_region_is_refused_or_whole(tmp_path):
    path = tmp_path / "region.nc"
    EXAMPLE.save(path)
    data = path.read_bytes()
    for position in range(0, len(data), len(data) // 150):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        try:
            loaded = load_region(path)
        except InputError:
            continue
        assert (loaded.lower.tolist(), loaded.upper.tolist()) == (EXAMPLE.lower.tolist(), EXAMPLE.upper.tolist())
        assert loaded.epsilon == EXAMPLE.epsilon


# What is refused


@pytest.mark.parametrize("call", [EXAMPLE.gap, EXAMPLE.contains, lambda X: EXAMPLE.measure(X, 0.125)])
@pytest.mark.parametrize("width", [1, 3])
def test_points_of_another_width(call, width):
    says = f"X has {width} coordinates; allowed: 2, as the region has"
    refused(lambda: call(np.zeros((4, width), np.uint8)), says)


@pytest.mark.parametrize("epsilon", [0, -0.1, np.nan, np.inf, "a", "1/0", None])
def test_impossible_epsilons(epsilon):
    X = np.zeros((4, 2), np.uint8)
    for call in (
        lambda: EXAMPLE.measure(X, epsilon),
        lambda: EXAMPLE.measure(X, [0.1, epsilon]),
        lambda: EXAMPLE.at(epsilon),
        lambda: RectangleComplement(EXAMPLE.lower, EXAMPLE.upper, epsilon),
    ):
        with pytest.raises(InputError, match="epsilon"):
            call()


def test_bad_points_are_refused():
    with pytest.raises(InputError, match="nan"):
        EXAMPLE.gap(np.array([[0.1, np.nan], [0.3, 0.2]]))


def test_points_in_their_own_unit_are_announced():
    with pytest.warns(UnitWarning):
        EXAMPLE.gap(np.array([[0.1, 3.7], [0.3, 0.2]]))


# Faces at the edge of the domain


@given(X=grey(), levels=LEVELS, data=st.data())
def test_faces_that_no_level_is_beyond_go_to_infinity(X, levels, data):
    d = X.shape[1]
    lower, upper = data.draw(grey_boxes(d))
    region = region_of((lower, upper), levels)
    extended = extend_to_domain(region, X)
    for now, before, edge, sign in ((extended.upper, upper, 255, 1), (extended.lower, lower, 0, -1)):
        for face, exact in zip(now.ravel(), before.ravel(), strict=True):
            gone = exact == sign * np.inf or (
                np.isfinite(exact) and sign * (edge - Fraction(exact)) <= Fraction(levels)
            )
            assert face == (sign * np.inf if gone else exact / 255)
    assert extended.epsilon == region.epsilon
    points = Sample(np.concatenate([X, 255 - X, np.zeros((1, d), np.uint8), np.full((1, d), 255, np.uint8)]), 1 / 255)
    before, after = (one.measure(points, levels / 255) for one in (region, extended))
    assert after.risk == before.risk
    assert after.adversarial_risk <= before.adversarial_risk
    np.testing.assert_array_equal(extended.gap(points) < 0, region.gap(points) < 0)
    assert (extended.gap(points) >= region.gap(points)).all()
    again = extend_to_domain(extended, X)
    assert (again.lower.tobytes(), again.upper.tobytes()) == (extended.lower.tobytes(), extended.upper.tobytes())


@given(
    epsilon=st.floats(1e-3, 0.6),
    domain=st.sampled_from([(0.0, 1.0), (-0.1, 0.7), (0.3, 5.1), (-np.inf, 1.0)]),
    nudge=st.integers(-3, 3),
    unit=st.sampled_from([1.0, 1 / 16, 0.1]),
)
def test_faces_of_floats_an_ulp_from_where_they_matter(epsilon, domain, nudge, unit):
    """Whatever rounding does to the face, epsilon and the edge, a point at the edge is where it was."""
    face = np.float32((domain[1] - epsilon) / unit)
    for _ in range(abs(nudge)):
        face = np.nextafter(face, np.float32(np.sign(nudge) * np.inf))
    edge = np.float32(domain[1] / unit)
    points = Sample(np.array([[edge], [np.nextafter(edge, np.float32(-np.inf))], [face]], np.float32), unit, domain)
    region = RectangleComplement([[-np.inf]], [[float(face) * unit]], epsilon)
    extended = extend_to_domain(region, points)
    np.testing.assert_array_equal(extended.gap(points) < 0, region.gap(points) < 0)
    assert np.isinf(extended.upper[0, 0]) == (not region.measure(points, epsilon).risk)


def test_the_domain_of_digits_is_what_the_sample_says():
    region = RectangleComplement([[0.0, 0.25]], [[0.75, 1.0]], 0.25)
    digits = Sample(np.array([[0, 16], [3, 4]], np.uint8), 1 / 16, (0.0, 1.0))
    extended = extend_to_domain(region, digits)
    assert extended.upper.tolist() == [[np.inf, np.inf]]
    assert extended.lower.tolist() == [[-np.inf, -np.inf]]
    wider = extend_to_domain(region, Sample(digits.X, 1 / 16, (-1.0, 2.0)))
    assert wider.upper.tolist() == region.upper.tolist()
    assert wider.lower.tolist() == region.lower.tolist()


def test_without_a_domain_nothing_can_be_extended():
    with pytest.raises(InputError, match="domain") as caught:
        extend_to_domain(EXAMPLE, np.array([[0.1, 0.77], [0.3, 0.2]]))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"3.*2"):
        extend_to_domain(EXAMPLE, np.zeros((2, 3), np.uint8))


# What a region remembers


def test_points_are_measured_once_whatever_the_strength(monkeypatch):
    from numbaconc.regions import rectangles

    asked = []
    kernel = rectangles.outside_uint8
    monkeypatch.setattr(rectangles, "outside_uint8", lambda *given: asked.append(given) or kernel(*given))
    region = region_of((np.full((2, 5), 50.0), np.full((2, 5), 200.0)), 8)
    samples = [Sample(images(30, 5, seed=seed), 1 / 255) for seed in range(2)]
    fresh = [[region_of((region.lower * 255, region.upper * 255), 8 * k).gap(one) for one in samples] for k in (1, 2)]
    asked.clear()
    for k in (1, 2):
        for one, expected in zip(samples, fresh[k - 1], strict=True):
            np.testing.assert_array_equal(region.at(8 * k / 255).gap(one), expected)
            assert region.measure(one, 8 * k / 255).n_points == 30
    assert len(asked) == 2
    del samples, one
    asked.clear()
    gc.collect()
    assert not len(region._outside)  # points that nobody else keeps are let go


def test_faces_cannot_be_changed_behind_what_is_remembered():
    faces = np.zeros((1, 2)), np.ones((1, 2))
    region = RectangleComplement(*faces, 0.1)
    faces[0][0, 0] = 0.5
    assert region.lower[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        region.upper[0, 0] = 0.5


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda region: pickle.loads(pickle.dumps(region))])
def test_a_copy_is_the_same_region(copied):
    points = Sample(images(9, 2, seed=0), 1 / 255)
    expected = EXAMPLE.gap(points)
    np.testing.assert_array_equal(copied(EXAMPLE).gap(points), expected)


@pytest.mark.parametrize("epsilon", ["8/255", "17/510", 0.1, 0.5])
def test_extending_to_a_domain_given_as_two_numbers(epsilon):
    """The same as for images, whose domain is known."""
    X = images(40, 6, seed=3)
    region = nc.RectangleSearch(n_sets=3, q=0.8, n_neighbors=5, epsilon=epsilon, alpha=0.5).fit(X).region_
    by_points, by_numbers = nc.extend_to_domain(region, X), nc.extend_to_domain(region, (0, 1))
    np.testing.assert_array_equal(by_numbers.lower, by_points.lower)
    np.testing.assert_array_equal(by_numbers.upper, by_points.upper)


@pytest.mark.parametrize("domain", [(0,), (1, 0), (0, 1, 2), ("a", 1), (0, np.nan)])
def test_what_is_no_domain(domain):
    region = nc.RectangleComplement([[0.1]], [[0.2]], 0.1)
    with pytest.raises(nc.InputError, match=r"domain is .*; allowed: the least and the largest"):
        nc.extend_to_domain(region, domain)


# All families

FAMILIES = {
    "rectangles": lambda rng, corners: RectangleComplement(*corners, "2/255"),
    "balls": lambda rng, corners: nc.BallUnion(corners[0], rng.integers(0, 9, 2) / 255),
    "half space": lambda rng, corners: nc.HalfSpace(rng.normal(size=3), 10 / 255, rng.choice([1, 2, np.inf])),
    "half space of whole levels": lambda rng, corners: nc.HalfSpace(rng.permutation([0, 1, -2]), 7 / 255, np.inf),
}


def points_and_region(family, dtype, seed):
    """Thirty points of few values, so that some lie on borders, and a region among them."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 20, (30, 3)).astype(dtype) / (1 if dtype == np.uint8 else dtype(255))
    sample = Sample(X.astype(dtype), unit=1 / 255 if dtype == np.uint8 else 1)
    corners = np.sort(rng.integers(0, 20, (2, 2, 3)), axis=0) / 255
    return sample, FAMILIES[family](rng, corners)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 9999))
def test_the_points_that_a_region_contains_are_those_that_measure_counts(family, dtype, seed):
    sample, region = points_and_region(family, dtype, seed)
    inside = region.contains(sample)
    assert (inside.dtype, inside.shape) == (bool, (30,))
    assert np.count_nonzero(inside) / 30 == region.measure(sample, 1).risk
    for i in range(30):
        alone = sample.take(np.array([i]))
        assert region.measure(alone, 1).risk == inside[i] == region.contains(alone)[0]
    gap = region.gap(sample)
    certain = np.abs(gap) > 1e-9
    np.testing.assert_array_equal(inside[certain], gap[certain] < 0)
    if dtype == np.uint8 and family != "half space":  # whole levels: none is left to rounding
        np.testing.assert_array_equal(inside, gap <= 0 if region.closed else gap < 0)


# A border that is moved


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 9999), data=st.data())
def test_a_moved_border_holds_so_many_points(family, dtype, seed, data):
    sample, region = points_and_region(family, dtype, seed)
    gaps = np.sort(region.gap(sample))
    single = dtype == np.float32 or family == "rectangles"  # rounded to float32 somewhere
    near = (1e-6 if single else 1e-9) * max(sample.to_units(sample.X.max()), *np.abs(gaps))
    counts = sorted(data.draw(st.lists(st.integers(1, 29), min_size=2, max_size=2)))
    inside = []
    for count in counts:
        moved = region.holding(sample, count)
        inside.append(moved.gap(sample) <= 0)
        expected = np.count_nonzero(gaps <= gaps[count - 1] + near)  # with those that are as far
        assert moved.measure(sample, 1).risk == expected / 30
    assert (inside[1] | ~inside[0]).all()


def test_a_border_cannot_be_moved_to_what_is_never_inside():
    everywhere, nowhere = (RectangleComplement([[-side]], [[side]], 0.1) for side in (-np.inf, np.inf))
    X = np.array([[1], [2], [3]], np.uint8)
    assert everywhere.holding(X, 2).measure(X, 0.1).risk == 1
    with pytest.raises(InputError, match="n_inside is 2; allowed: at most 0, others are never inside"):
        nowhere.holding(X, 2)
    with pytest.raises(InputError, match=r"n_inside is 3; allowed: a whole number from 1 to 2 \(there are 3 points\)"):
        EXAMPLE.holding(np.zeros((3, 2), np.uint8), 3)


class Forgetful(WeakKeyDictionary):
    """Keys are gone once they were asked for, as where another thread lets go of an equal sample."""

    def __contains__(self, key):
        found = super().__contains__(key)
        self.clear()
        return found


def test_what_is_known_of_a_sample_may_be_forgotten_at_any_moment():
    sample = as_sample(np.arange(12.0).reshape(4, 3) / 16)
    region = RectangleComplement(np.full((1, 3), 0.2), np.full((1, 3), 0.5), 0.1)
    region._outside, region._known = Forgetful(), Forgetful()
    expected = region.gap(sample), region._numbers(sample)
    np.testing.assert_array_equal((region.gap(sample), region._numbers(sample)), expected)
