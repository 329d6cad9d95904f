"""Steps that floats are multiples of: found where they are, not where they are not, and never flattering."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import oracles
import pytest
from conftest import needs_jit, refused
from hypothesis import given, strategies as st
from test_rounding import SEARCHES

import numbaconc as nc
from numbaconc.data import floats, grids
from numbaconc.data.arrays import as_sample
from numbaconc.data.rows import Rows

pytestmark = [needs_jit, pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")]

STEPS = {
    "tenths": 0.1,
    "cents": 0.01,
    "0.37": 0.37,
    "sevenths": 1 / 7,
    "small": 1e-7,
    "pi": math.pi,
    "counts per 37.3": 1 / 37.3,
}
DECIMAL = ("tenths", "cents", "0.37", "small")
FAR = {np.float64: 10**7, np.float32: 10**4}  # steps that a grid is moved by, and still is told from its neighbors
NORMS = {"halfspaces, l1": 1, "balls": 2, "free balls": 2, "halfspaces, l2": 2, "hyperplane": 2}


# Recognition


def step_of(X):
    rows = Rows.of(X)
    return grids.step_of(rows, float(np.abs(X).max()), grids.precision_of(rows))


@given(
    step=st.one_of(st.sampled_from([*STEPS.values(), 1 / 30, 1e-30, 3e20]), st.floats(1e-6, 1e6)),
    K=st.lists(st.integers(-3000, 3000), min_size=2, max_size=60),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_multiples_come_back_as_what_they_are_multiples_of(step, K, dtype):
    """Steps that are multiples of a coarser one, or that floats hold, may be found as another: a part of the step."""
    K = np.array(K).reshape(-1, 1)
    X = (K * step).astype(dtype)
    if not K.any() or (found := step_of(X)) is None:
        return
    unit, error = found
    levels = X.astype(np.float64) / unit
    whole = np.rint(levels)
    assert np.abs(levels - whole).max() <= 1 / 8
    assert error <= grids.precision_of(Rows.of(X))
    # as whole numbers they are in the ratios that the multiples are in
    first = int(np.flatnonzero(K)[0])
    assert all(
        int(a) * int(K[first, 0]) == int(k) * int(whole[first, 0]) for a, k in zip(whole[:, 0], K[:, 0], strict=True)
    )


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("name", STEPS)
def test_such_grids_are_recognized(name, dtype):
    K, step = np.random.default_rng(2).integers(1, 200, (150, 2)), STEPS[name]
    for offset in (0, FAR[dtype]) if name in DECIMAL else (0,):
        sample = as_sample(((K + offset) * step).astype(dtype))
        assert sample.whole
        parts = round(step / sample.unit)
        assert sample.unit * parts == pytest.approx(step, rel=1e-7)
        np.testing.assert_array_equal(sample.X - sample.X.min(axis=0), parts * (K - K.min(axis=0)))
        np.testing.assert_allclose(sample.coordinates(sample.X), (K + offset) * step, rtol=1e-7)
        assert f"multiples of {sample.unit:.15g}" in sample.note


@given(
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1e-250, 1e-9, 1.0, 1e9, 1e250]),
    shape=st.sampled_from([(4, 3), (50, 1), (300, 4)]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_random_floats_are_on_no_grid(seed, scale, shape, dtype):
    scale = scale if dtype == np.float64 else min(max(scale, 1e-9), 1e9)
    X = (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)
    assert step_of(X) is None
    assert not as_sample(X).whole


@pytest.mark.parametrize("power", [-900, -60, 0, 44, 900])
def test_a_grid_of_gray_levels_is_one_at_any_scale(power):
    X = np.random.default_rng(0).integers(0, 256, (90, 4)) / 255 * 2.0**power
    sample = as_sample(X)
    assert sample.whole
    assert sample.unit == pytest.approx(2.0**power / 255, rel=1e-15)
    assert (sample.X.dtype == np.uint8, sample.domain) == ((True, (0.0, 1.0)) if power == 0 else (False, None))


@pytest.mark.parametrize("unit", [1 / 255, 1 / 16, 1.0, 0.1, 1e-7, 2.0**-900 / 255, 2.0**900 / 10])
def test_levels_of_a_unit_are_whole(unit):
    k = np.arange(1000)
    levels = as_sample(k[:, np.newaxis].astype(np.float32), unit=unit).to_levels(k * unit)
    np.testing.assert_array_equal(levels, k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frames_and_what_is_put_into_them(dtype):
    X = (np.random.default_rng(5).integers(-50, 50, (40, 2)) * 0.1).astype(dtype)
    rows = Rows.of(X)
    frame, said = floats.frame_of(rows, *floats.ends_of(rows))
    assert (frame.unit, frame.whole, frame.origin) == (0.1, True, None)
    assert "multiples of 0.1" in said
    other = Rows.of(np.array([[0.3, 0.25], [-7.7, 1e9]], dtype))
    levels = floats.put(other, frame, *floats.ends_of(other))
    assert not levels.whole
    np.testing.assert_allclose(levels.parts[0], [[3, 2.5], [-77, 1e10]], rtol=1e-6)
    assert levels.parts[0][0, 0] == 3
    assert levels.rounding > 0
    again = floats.put(rows, frame, *floats.ends_of(rows))
    assert (again.whole, again.parts[0].dtype) == (True, np.float32)
    assert again.rounding <= 2.0**-18  # of a level: no whole number of steps is taken for another


# Whole numbers


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize("size", [2**53 + 1, 2**62])
def test_whole_numbers_that_float64_does_not_hold_are_refused(dtype, size):
    X = np.array([[0, size + 1], [3, 7]], dtype)
    refused(lambda: as_sample(X), "X holds whole numbers up to", "2^53")
    if dtype == np.int64:
        refused(lambda: as_sample(-X), "X holds whole numbers up to", "2^53")


@pytest.mark.parametrize("largest", [2**16 - 1, 2**24 + 1, 2**31, 2**50])
def test_large_whole_numbers_stay_what_they_are(largest):
    X = np.array([[largest, largest - 1], [largest - 3, largest - 7]], np.uint64)
    for given_as in (X, X.astype(np.float64)):
        sample = as_sample(given_as)
        assert (sample.whole, sample.rounding, sample.unit) == (True, 0.0, 1.0)
        np.testing.assert_array_equal(sample.coordinates(sample.X), X.astype(np.float64))
        np.testing.assert_array_equal(np.diff(sample.X, axis=0), [[-3, -6]])


# Ties


def strengths(step):
    """Epsilon of one step and of two, as people write it, and how many steps that is."""
    texts = {0.1: [("1/10", 1), ("0.2", 2)], 1 / 7: [("1/7", 1), ("2/7", 2)]}
    return [(step, 1), (2 * step, 2), *texts.get(step, [])]


def check_ties(name, step, dtype, d, offset):
    """Compare what a search counts with the expansion, in whole numbers, of those points of the grid that it says are inside."""
    high = 15 if d == 1 else 8
    K = np.random.default_rng(d).integers(1, high + 1, (150, d)) + offset
    grid = np.array(list(itertools.product(range(1, high + 1), repeat=d))) + offset
    X, everywhere = (K * step).astype(dtype), (grid * step).astype(dtype)
    exactly = d == 1 and as_sample(X).whole and ("faces" in name or "halfspaces" in name)
    for epsilon, steps in strengths(step):
        search = SEARCHES[name](epsilon=epsilon, alpha=0.1).fit(X)
        inside = grid[search.predict(everywhere) == -1]
        true = oracles.within_steps(K, inside, steps, NORMS.get(name, math.inf))
        counted = round(len(K) * search.adversarial_risk_)
        assert 0 < true <= counted
        assert counted == true or not exactly


IN_D = [(1, name) for name in SEARCHES if name != "hyperplane"] + [(2, name) for name in SEARCHES]


@pytest.mark.parametrize(
    "step", ["tenths", "pi", *(pytest.param(s, marks=pytest.mark.slow) for s in STEPS if s not in ("tenths", "pi"))]
)
@pytest.mark.parametrize(("d", "name"), IN_D)
def test_never_less_than_in_whole_numbers(d, name, step):
    for dtype in FAR:
        check_ties(name, STEPS[step], dtype, d, 0)
        if step in DECIMAL or dtype == np.float64:
            check_ties(name, STEPS[step], dtype, d, FAR[dtype])


@pytest.mark.parametrize(
    ("step", "offset"), [("sevenths", 10**4), ("pi", 10**4), ("counts per 37.3", 10**4), ("cents", 10**6)]
)
def test_never_less_where_float32_does_not_tell_what_the_step_is(step, offset):
    for name in ("faces", "balls", "halfspaces, l1"):
        check_ties(name, STEPS[step], np.float32, 1, offset)


@pytest.mark.parametrize("step", STEPS)
def test_bytes_and_floats_agree_in_the_safe_direction(step):
    step = STEPS[step]
    K = np.random.default_rng(4).integers(0, 40, (120, 3)).astype(np.uint8)
    made = [
        lambda unit: nc.RectangleComplement(K[:2] * unit, (K[:2] + 9) * unit, 3 * unit),
        lambda unit: nc.BallUnion(K[:3] * unit, np.array([5.0, 0.0, 13.0]) * unit),
        *(partial(lambda unit, p: nc.HalfSpace([2.0, -1.0, 2.0], 60 * unit, p=p), p=p) for p in (1.0, 2.0, math.inf)),
    ]
    for make in made:
        of_bytes, of_floats = make(1 / 255), make(step)
        for steps in (1, 3, 5):
            one = of_bytes.measure(K, f"{steps}/255")
            other = of_floats.measure(K * step, steps * step)
            assert one.risk == other.risk
            assert one.adversarial_risk <= other.adversarial_risk
