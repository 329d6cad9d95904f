"""Regions whose border was put exactly at a point: what they hold, what their expansion holds, and their files."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from conftest import examples, refused
from hypothesis import given, strategies as st

import numbaconc as nc
from numbaconc.data.sample import Sample
from numbaconc.regions import BallUnion, HalfSpace, RectangleComplement, Sublevel, load_region

KINDS = {
    "bytes": (lambda X: nc.as_sample(X.astype(np.uint8)), 255),
    "tenths": (lambda X: nc.as_sample(X / 10), 10),
    "whole float32": (lambda X: Sample(X.astype(np.float32)), 1),
    "whole float64": (lambda X: Sample(X.astype(np.float64)), 1),
}
kinds = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 99_999)


# Whole numbers, where everything can be said exactly. Each family: the region, and whether a number of levels e takes
# the point of one row of whole numbers to the number of another.


def boxes(rng, scale):
    low = rng.integers(0, 12, (2, 3))
    high = low + rng.integers(0, 8, (2, 3))
    depth = lambda x: -min(max((a - x).max(), (x - b).max()) for a, b in zip(low, high, strict=True))  # noqa: E731
    return RectangleComplement(low / scale, high / scale, 2 / scale), lambda x, y, e: depth(y) <= depth(x) + e


def ball(rng, scale):
    center, radius = rng.integers(0, 20, 3), int(rng.integers(0, 9))

    def reaches(x, y, e):
        a, b = int(((y - center) ** 2).sum()), int(((x - center) ** 2).sum())  # sqrt(a) <= sqrt(b) + e, squared twice
        rest = a - b - e * e
        return rest <= 0 or rest * rest <= 4 * e * e * b

    return BallUnion([center / scale], [radius / scale]), reaches


def half_space(p, w, dual):
    w = np.array(w)

    def make(rng, scale):
        b = int(rng.integers(-9, 30))
        return HalfSpace(w, b / scale, p), lambda x, y, e: -(w @ y) <= -(w @ x) + e * dual

    return make


FAMILIES = {
    "boxes": boxes,
    "ball": ball,
    "half space, l1": half_space(1, [1, -2, 3], 3),
    "half space, l2": half_space(2, [3, 4, 0], 5),
    "half space, linf": half_space(math.inf, [1, -2, 4], 7),
}
families = pytest.mark.parametrize("family", FAMILIES)


def case(family, kind, seed, n=40):
    """Whole numbers with ties, the sample of them, a region and its oracle."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 20, (n, 3))
    X[0], X[1] = 0, 1  # so that the step of tenths is seen
    make, scale = KINDS[kind]
    return X, make(X), *FAMILIES[family](rng, scale), scale


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@kinds
@families
@given(seed=seeds, rank=st.integers(1, 40), levels=st.integers(1, 9))
def test_counts_are_those_of_whole_numbers(family, kind, seed, rank, levels):
    X, sample, region, reaches, scale = case(family, kind, seed)
    border = next(x for x in X if sum(reaches(x, y, 0) for y in X) >= rank > sum(not reaches(y, x, 0) for y in X))
    moved = region.at_rank(sample, rank)
    on = moved.measure(sample, levels / scale)
    assert round(40 * on.risk) == sum(reaches(border, y, 0) for y in X) >= rank
    assert round(40 * on.adversarial_risk) == sum(reaches(border, y, levels) for y in X)
    assert moved.closed


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@pytest.mark.parametrize("kind", [*KINDS, "float32", "float64"])
@families
@given(seed=seeds, rank=st.integers(1, 40))
def test_the_border_is_exactly_at_the_point(family, kind, seed, rank):
    if kind in KINDS:
        _, sample, region, _, _ = case(family, kind, seed)
    else:
        rng = np.random.default_rng(seed)
        sample, region = Sample(rng.normal(5, 4, (40, 3)).astype(kind)), FAMILIES[family](rng, 1)[0]
    moved = region.at_rank(sample, rank)
    numbers = region._numbers(sample)
    expected = numbers <= np.sort(numbers)[rank - 1]
    np.testing.assert_array_equal(moved.contains(sample), expected)
    np.testing.assert_array_equal(moved.gap(sample) <= 0, expected)
    assert moved.measure(sample, 1.0).risk == expected.mean()
    assert (moved.gap(sample) == 0).any()
    again = moved.at_rank(sample, rank)
    assert (again.base, again.level) == (region, moved.level)
    for i in (0, rank - 1):  # a point is in or out, whatever stands beside it
        assert moved.contains(sample.take(np.array([i])))[0] == expected[i]


# Rounding


def exactly_within(x, y, epsilon, p):
    """Whether two points are within epsilon of each other, in exact arithmetic."""
    steps = [abs(Fraction(float(b)) - Fraction(float(a))) for a, b in zip(x, y, strict=True)]
    if p == math.inf:
        return max(steps) <= Fraction(epsilon)
    return sum(s ** int(p) for s in steps) <= Fraction(epsilon) ** int(p)


STEEPEST = {
    "boxes": lambda rng: (
        RectangleComplement([rng.normal(size=9) - 3], [rng.normal(size=9) + 3], 0.1),
        lambda r, x: np.sign((r.lower + r.upper)[0] / 2 - x),
    ),
    "ball": lambda rng: (BallUnion([rng.normal(size=9)], [0.1]), lambda r, x: x - r.centers[0]),
    "half space, l1": lambda rng: (
        HalfSpace(rng.normal(size=9), 0.3, 1),
        lambda r, x: -np.sign(r.w) * (np.abs(r.w) == np.abs(r.w).max()),
    ),
    "half space, l2": lambda rng: (HalfSpace(rng.normal(size=9), 0.3, 2), lambda r, x: -r.w),
    "half space, linf": lambda rng: (HalfSpace(rng.normal(size=9), 0.3, math.inf), lambda r, x: -np.sign(r.w)),
}


@pytest.mark.parametrize("family", STEEPEST)
@given(seed=seeds, epsilon=st.sampled_from([0.1, 0.3, 1 / 3]))
def test_what_is_within_epsilon_is_counted_in_spite_of_rounding(family, seed, epsilon):
    """A point goes from the border the steepest way, as far as exact arithmetic allows."""
    rng = np.random.default_rng(seed)
    region, way = STEEPEST[family](rng)
    for x in rng.normal(0, 5, (8, 9)):
        direction = way(region, x)
        step = epsilon * direction / np.linalg.norm(direction, region.p)
        nearer = (x + step * (1 - k * 2.0**-52) for k in [0, *2 ** np.arange(20)])
        y = next(y for y in nearer if exactly_within(x, y, epsilon, region.p))
        moved = region.at_rank(Sample(x[np.newaxis]), 1)
        assert moved.measure(Sample(y[np.newaxis]), epsilon).adversarial_risk == 1


@given(seed=seeds, levels=st.integers(1, 30))
def test_bytes_against_faces_that_are_rounded(seed, levels):
    """Gaps are float32 there, so that a step of whole levels may look longer."""
    rng = np.random.default_rng(seed)
    region = RectangleComplement([rng.random(3)], [rng.random(3) + 2], 0.1)
    X = rng.integers(0, 200, (20, 3)).astype(np.uint8)
    moved = (region.at_rank(nc.as_sample(X[[i]], min_rows=1), 1) for i in range(20))
    assert all(m.contains(x[np.newaxis])[0] for m, x in zip(moved, X, strict=True))
    for x in X:
        inward = Sample((x + levels).astype(np.uint8)[np.newaxis], 1 / 255)
        assert region.at_rank(Sample(x[np.newaxis], 1 / 255), 1).measure(inward, f"{levels}/255").adversarial_risk == 1


def test_whole_faces_need_no_allowance():
    X = np.arange(100, dtype=np.uint8)[:, np.newaxis]
    moved = RectangleComplement([[0.2]], [[1.0]], 0.1).at_rank(X, 10)  # faces at 51 and 255
    assert moved.measure(X, 7.999999 / 255).adversarial_risk == 0.17
    assert moved.measure(X, 8 / 255).adversarial_risk == 0.18


# Infinitely far


def test_points_that_are_never_or_always_inside():
    X = np.array([[1], [2], [3]], np.uint8)
    never = RectangleComplement([[-np.inf]], [[np.inf]], 0.1).at_rank(X, 2)
    always = RectangleComplement([[np.inf]], [[np.inf]], 0.1).at_rank(X, 2)
    for moved, level in ((never, np.inf), (always, -np.inf)):
        assert moved.level == level
        assert moved.gap(X).tolist() == [0, 0, 0]
        assert moved.measure(X, 0.1).risk == moved.measure(X, 0.1).adversarial_risk == 1
    mixed = RectangleComplement([[-np.inf, 5 / 255]], [[np.inf, 9 / 255]], 0.1)
    assert np.isfinite(mixed.at_rank(np.array([[1, 7], [2, 8]], np.uint8), 1).level)


# Files and copies


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@families
@examples(10)
@given(seed=seeds)
def test_a_saved_border_is_the_same_border(tmp_path_factory, family, seed):
    rng = np.random.default_rng(seed)
    sample, region = Sample(rng.normal(5, 4, (40, 3))), FAMILIES[family](rng, 1)[0]
    moved = region.at_rank(sample, 7)
    path = tmp_path_factory.mktemp("border") / "region.nc"
    moved.save(path)
    for same in (load_region(path), pickle.loads(pickle.dumps(moved))):
        assert (same.level, same.unit, same.p) == (moved.level, moved.unit, moved.p)
        assert repr(same) == repr(moved)
        assert type(same.base) is type(region)
        np.testing.assert_array_equal(same.gap(sample), moved.gap(sample))
        assert same.measure(sample, 0.5).adversarial_risk == moved.measure(sample, 0.5).adversarial_risk
        assert same.vc_dimension(3) == region.vc_dimension(3)
        assert (same.n_sets, same.n_features) == (region.n_sets, 3)


def test_the_space_is_kept_and_levels_of_another_unit_are_converted(tmp_path):
    X = np.arange(100, dtype=np.uint8)[:, np.newaxis]
    region = HalfSpace([1.0], 20 / 255).in_space(nc.as_sample(X).space)
    moved = region.at_rank(X, 10)
    assert moved.space == region.space
    moved.save(tmp_path / "a.nc")
    assert load_region(tmp_path / "a.nc").space == region.space
    free = HalfSpace([1.0], 20 / 255).at_rank(X, 10)
    on_floats = free.measure(Sample(X / 255.0), 8 / 255)
    assert (on_floats.risk, on_floats.adversarial_risk) == (0.1, 0.18)


@pytest.mark.parametrize(
    "damage",
    [
        lambda ds: ds["level"].attrs.pop("of"),
        lambda ds: ds["level"].attrs.update(of="Nothing"),
        lambda ds: ds["level"].attrs.update(unit=-1.0),
        lambda ds: ds.update({"level": ((), math.nan, ds["level"].attrs)}),
    ],
)
def test_damaged_files(tmp_path, damage):
    path = tmp_path / "region.nc"
    HalfSpace([1.0], 0.1).at_rank(np.zeros((3, 1), np.uint8), 1).save(path)
    ds = xr.load_dataset(path)
    damage(ds)
    ds.to_netcdf(path)
    refused(lambda: load_region(path), "region.nc", "allowed")


def test_what_is_no_border():
    region, X = HalfSpace([1.0], 0.1), np.zeros((3, 1), np.uint8)
    refused(lambda: region.at_rank(X, 0), "n_inside is 0", "from 1 to 3")
    refused(lambda: region.at_rank(X, 4), "n_inside is 4", "there are 3 points")
    refused(lambda: region.at_rank(np.zeros((3, 2), np.uint8), 1), "2 coordinates")
    refused(lambda: Sublevel(region, math.nan), "level is nan")
    refused(lambda: Sublevel(region, "a"), "level")
    refused(lambda: Sublevel(3, 1.0), "base is 3")
    refused(lambda: Sublevel(region, 1.0, 0), "unit is 0")
