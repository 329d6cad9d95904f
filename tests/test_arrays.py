"""The one door for users' arrays."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from conftest import grey, refused
from hypothesis import given, strategies as st

import numbaconc as nc
from numbaconc.data.arrays import UnitWarning, as_sample, parse_epsilon, parse_epsilons
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair

ODD = np.sqrt([[0.01, 0.07], [0.013, 0.5], [0.26, 0.83]])  # floats in [0, 1] on no grid


# What comes through


@given(X=grey(n=(2, 9)))
def test_uint8_stays_as_it_is(X):
    sample = as_sample(X)
    assert sample.X.dtype == np.uint8
    np.testing.assert_array_equal(sample.X, X)
    assert (sample.unit, sample.domain) == (1 / 255, (0.0, 1.0))
    assert (f"none is above {X.max()}" in sample.note) == (0 < X.max() < 128)
    assert (len(sample), sample.n_features) == X.shape


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (3, 4, 5, 2)])
def test_images_are_flattened_in_c_order(shape):
    X = np.arange(math.prod(shape)).astype(np.uint8).reshape(shape)
    np.testing.assert_array_equal(as_sample(X).X, X.reshape(3, -1))


@pytest.mark.parametrize(
    "scaled",
    [
        lambda X: X.astype(np.float32) / np.float32(255),
        lambda X: (X.astype(np.float32) / np.float32(255)).astype(np.float64),
        lambda X: X / 255,
        lambda X: X * np.float32(1 / 255),
    ],
    ids=["ToTensor", "ToTensor, upcast", "float64", "float32 product"],
)
def test_floats_on_the_grid_of_images_become_uint8(scaled):
    X = np.arange(256).astype(np.uint8).reshape(16, 16)
    sample = as_sample(scaled(X), name="X_train")
    assert sample.X.dtype == np.uint8
    np.testing.assert_array_equal(sample.X, X)
    assert (sample.unit, sample.domain) == (1 / 255, (0.0, 1.0))
    assert "uint8" in sample.note
    assert "X_train" in sample.note


def test_other_floats_become_float32():
    sample = as_sample(ODD)
    assert sample.X.dtype == np.float32
    np.testing.assert_array_equal(sample.X, ODD.astype(np.float32))
    assert (sample.unit, sample.note) == (1.0, "")


def test_one_value_off_the_grid_keeps_the_floats():
    X = np.arange(256).astype(np.float32).reshape(16, 16) / np.float32(255)
    X[15, 0] += np.float32(0.3 / 255)
    with pytest.warns(UnitWarning, match="1 of its 256 numbers"):
        assert as_sample(X).X.dtype == np.float32


def test_floats_outside_the_unit_interval_are_announced():
    for X in (ODD - 1, ODD + 1, ODD * 300):
        with pytest.warns(UnitWarning, match="X_test.*own units"):
            sample = as_sample(X, name="X_test")
        np.testing.assert_array_equal(sample.X, X.astype(np.float32))
        assert (sample.unit, sample.domain) == (1.0, None)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, ">i4"])
def test_other_integers_are_floats_in_their_own_units(dtype):
    X = np.array([[0, 100], [3, 7]], dtype)
    with pytest.warns(UnitWarning, match=r"X_test lies in \[0, 100\].*own units"):
        sample = as_sample(X, name="X_test")
    assert sample.X.dtype == np.float32
    np.testing.assert_array_equal(sample.X, X)
    assert (sample.unit, sample.domain, sample.note) == (1.0, None, "")


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool])
def test_whole_numbers_of_0_and_1_are_what_floats_of_0_and_1_are(dtype):
    X = np.array([[0, 1], [1, 1]])
    sample, floats = as_sample(X.astype(dtype)), as_sample(X.astype(np.float64))
    assert sample.X.dtype == floats.X.dtype == np.uint8
    np.testing.assert_array_equal(sample.X, floats.X)
    assert (sample.unit, sample.domain) == (floats.unit, floats.domain) == (1 / 255, (0.0, 1.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", ">f8", "<f8", np.float16, np.longdouble])
def test_layout_and_byte_order_do_not_matter(dtype):
    wide = np.round(ODD * 64) / 64 + 0.001953125  # short enough for float16
    X = wide.astype(dtype)
    spread = np.zeros((6, 4), dtype)
    spread[::2, ::2] = X
    for given_as in (X, np.asfortranarray(X), spread[::2, ::2], X[::-1][::-1]):
        sample = as_sample(given_as)
        assert sample.X.dtype == np.dtype("=f4")
        assert sample.X.flags.c_contiguous
        np.testing.assert_array_equal(sample.X, wide.astype(np.float32))


def test_layout_of_uint8_does_not_matter():
    X = np.arange(24).astype(np.uint8).reshape(4, 6)
    images = np.asfortranarray(X.reshape(4, 3, 2))
    spread = np.zeros((8, 12), np.uint8)
    spread[::2, ::2] = X
    reference = as_sample(X)
    for given_as in (np.asfortranarray(X), images, spread[::2, ::2], X[::-1][::-1]):
        sample = as_sample(given_as)
        assert sample.X.flags.c_contiguous
        np.testing.assert_array_equal(sample.X, X)
        assert sample.sha256 == reference.sha256


def test_lists_and_samples_are_welcome():
    np.testing.assert_array_equal(as_sample(ODD.tolist()).X, ODD.astype(np.float32))
    sample = Sample(np.zeros((2, 3), np.uint8), 1 / 16)
    assert as_sample(sample) is sample


def test_a_given_unit_and_domain_are_kept():
    sample = as_sample(np.array([[0, 16], [3, 4]], np.uint8), unit=1 / 16, domain=(0, 1))
    assert (sample.unit, sample.domain) == (1 / 16, (0, 1))
    assert as_sample(np.array([[0, 16], [3, 4]], np.uint8), unit=1 / 16).domain is None


def test_the_users_array_is_not_changed():
    X = ODD.copy()
    as_sample(X)
    np.testing.assert_array_equal(X, ODD)


# What does not


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_must_be_finite(bad, dtype):
    X = np.full((5001, 2), 0.3, dtype)
    X[5000, 1] = bad
    refused(lambda: as_sample(X, name="X_train"), "X_train", str(bad), "row 5000", "column 1")


@pytest.mark.parametrize("size", [1e300, -1e300])
def test_numbers_must_be_of_sizes_whose_squares_are_numbers(size):
    X = np.array([[0.5, size], [0.0, 1.0]])
    refused(lambda: as_sample(X), "X", "1e+300", "1e+280")


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0,), (4,), (), (2, 2, 2, 2, 2), (2, 0, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_shapes_that_are_no_list_of_points(shape, dtype):
    refused(lambda: as_sample(np.zeros(shape, dtype), name="X_test"), "X_test", str(shape), "(n, d)")


@pytest.mark.parametrize("X", [np.zeros((1, 4), np.uint8), np.array([[0.1, 0.2]])])
def test_one_row_is_too_few(X):
    refused(lambda: as_sample(X), "X has 1 row;", "at least 2")
    refused(lambda: as_sample(as_sample(X, min_rows=1)), "1 row")
    assert len(as_sample(X, min_rows=1)) == 1


def test_ragged_rows():
    refused(lambda: as_sample([[0.1, 0.2], [0.3]]), "X", "ragged")


@pytest.mark.parametrize("X", [[], [[], []], None, "X", 3.5, b"X"])
def test_what_is_no_array_of_points(X):
    refused(lambda: as_sample(X), "X")


def test_objects():
    refused(lambda: as_sample(np.array([[1, None], [2, 3]], dtype=object)), "X", "object")


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, bool])
def test_files_whose_whole_numbers_are_not_uint8_are_told_how_to_scale(dtype):
    for largest, ways in (
        (1, "X.astype('float32'), 0 and 1"),
        (16, "X / 16, to lie in [0, 1]; or X.astype('float32'), as it is"),
        (200, "X.astype('uint8'), if 255 is white; or X / 255, to lie in [0, 1]; or X.astype('float32'), as it is"),
        (-3, "X.astype('float32'), as it is"),
    ):
        if np.array(largest).astype(dtype) == largest:
            X = np.full((2, 2), largest, dtype)
            message = refused(lambda: as_sample(X, integers=False))  # noqa: B023
            assert message == f"X has dtype {np.dtype(dtype)}; allowed: uint8, or floats (give {ways})"


@pytest.mark.parametrize("dtype", [np.complex128, "U3", "S3", "M8[s]", "m8[s]"])
def test_what_is_not_a_number(dtype):
    refused(lambda: as_sample(np.zeros((2, 2), dtype)), "X", "real numbers")


def test_widths_must_agree():
    train, test = as_sample(np.zeros((2, 3), np.uint8)), as_sample(np.zeros((2, 4), np.uint8))
    check_pair(train, train)
    refused(lambda: check_pair(train, test), "X_test", "4", "3")


def test_masked_values_are_no_data():
    X = np.random.default_rng(0).random((30, 4))
    masked = np.ma.masked_array(X, mask=X < 0.1)
    n_masked = int((X < 0.1).sum())
    refused(lambda: as_sample(masked, name="X_train"), "X_train", f"{n_masked} masked values of 120")
    refused(lambda: as_sample(list(masked)), "masked")
    refused(lambda: nc.knn_radii(masked, 3), "masked")
    refused(lambda: nc.HalfSpace(np.ones(4), 1.0).contains(masked), "masked")
    for whole in (np.ma.masked_array(X, mask=False), np.ma.masked_array(X), list(np.ma.masked_array(X))):
        np.testing.assert_array_equal(as_sample(whole).X, X.astype(np.float32))


def test_missing_values_of_a_table_are_no_data():
    table = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [0.5, 0.2, 0.1]})
    refused(lambda: as_sample(table), "1 missing values of 6")
    refused(lambda: as_sample(table.astype({"a": float})), "nan", "row 1", "column 0")
    with pytest.warns(UnitWarning):
        sample = as_sample(table.dropna())
    np.testing.assert_allclose(sample.coordinates(sample.X), [[1, 0.5], [3, 0.1]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_made_by_hand_is_finite(bad, dtype):
    X = np.full((7, 3), 0.5, dtype)
    X[5, 1] = bad
    refused(lambda: Sample(X), "X holds NaN or infinity")


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 3), np.float16),
        np.zeros((2, 3), np.int64),
        np.zeros(3, np.uint8),
        np.zeros((0, 3), np.uint8),
        [[1.0]],
        None,
    ],
)
def test_a_sample_made_by_hand_is_of_a_type_that_kernels_take(X):
    refused(lambda: Sample(X), "X is", "float32")


def test_images_of_16_bits_are_images():
    X = np.random.default_rng(0).integers(0, 256, (60, 30)).astype(np.uint8)
    for floats in ((X / 255).astype(np.float16), (X / 255).astype(np.float16).astype(np.float64)):
        sample = as_sample(floats)
        assert sample.X.dtype == np.uint8
        np.testing.assert_array_equal(sample.X, X)
        assert "kept as uint8" in sample.note


def test_floats_that_are_nearly_images_are_warned_of():
    X = np.random.default_rng(0).integers(0, 256, (60, 30)) / 255
    for change in (0.2 / 255, -1e-5, 0.4 / 255):
        off = X.copy()
        off[7, 8] = 0.5 + change
        with pytest.warns(
            UnitWarning, match=r"X_test is nearly an image, but .*multiples of 1/255: it is kept as floats"
        ):
            sample = as_sample(off, name="X_test")
        assert sample.X.dtype != np.uint8
        np.testing.assert_allclose(sample.coordinates(sample.X), off, atol=1e-7)
    with pytest.warns(UnitWarning, match="up to 0.12 of a gray level off"):  # as bfloat16 or JPEG would leave them
        as_sample(np.clip(X + 0.12 / 255 * np.sin(np.arange(30)), 0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_sample(np.random.default_rng(0).random((60, 30)))


# Epsilon


@pytest.mark.parametrize(
    ("given_as", "epsilon"),
    [
        ("8/255", 8 / 255),
        (" 8/255 ", 8 / 255),
        ("0.3", 0.3),
        ("1e-3", 1e-3),
        (0.3, 0.3),
        (2, 2.0),
        (np.float64(0.3), 0.3),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (Fraction(8, 255), 8 / 255),
    ],
)
def test_epsilon_is_a_number_or_a_fraction(given_as, epsilon):
    assert parse_epsilon(given_as) == epsilon
    assert type(parse_epsilon(given_as)) is float
    assert parse_epsilons(given_as) == [epsilon]


BAD = [
    0, -1, 0.0, -0.0, "0", "-8/255", "0/255", math.nan, math.inf, -math.inf, "nan", "inf", "a", "", " ", "1/0",
    "1/2/3", "8 / / 255", None, 1j, {}, 10**400, "8/255 px",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_epsilon_that_is_none(bad):
    refused(lambda: parse_epsilon(bad), "epsilon", "positive", "8/255")
    refused(lambda: parse_epsilons([0.1, bad]), "epsilon")
    refused(lambda: parse_epsilon(bad, "--epsilon"), "--epsilon")


@pytest.mark.parametrize(
    "given_as",
    [
        "4/255,2/255",
        ["4/255", "2/255"],
        ("2/255", 4 / 255),
        ["2/255,4/255"],
        np.array([4, 2]) / 255,
        [Fraction(4, 255), np.float64(2 / 255)],
        ["2/255", "4/255", "2/255"],
    ],
)
def test_several_epsilons(given_as):
    assert parse_epsilons(given_as) == [2 / 255, 4 / 255]


@pytest.mark.parametrize("bad", [[], "", "0.1,,0.2", "0.1;0.2", ["0.1", None], np.array([]), [0.1, -0.1]])
def test_several_epsilons_of_which_one_is_none(bad):
    refused(lambda: parse_epsilons(bad), "epsilon")


# Levels


@pytest.mark.parametrize("levels", [255, 16, 1, 49, 100, 3])
def test_a_whole_number_of_levels_stays_whole(levels):
    sample = Sample(np.zeros((2, 1), np.uint8), 1 / levels)
    steps = np.arange(levels + 1)
    np.testing.assert_array_equal(sample.to_levels(steps / levels), steps)
    np.testing.assert_array_equal(sample.to_units(steps), steps / levels)
    for k in range(1, levels + 1):
        assert sample.to_levels(parse_epsilon(f"{k}/{levels}")) == k
        assert sample.to_levels(k * sample.unit) == k


def test_the_authors_epsilon_is_not_two_levels():
    assert Sample(np.zeros((2, 1), np.uint8), 1 / 255).to_levels(0.007843) < 2


@given(st.integers(-255 * 4096, 510 * 4096))
def test_faces_of_boxes_survive_the_way_to_units_and_back(steps):
    sample = Sample(np.zeros((2, 1), np.uint8), 1 / 255)
    there_and_back = sample.to_levels(sample.to_units(steps / 4096))
    assert np.float32(there_and_back) == np.float32(steps / 4096)


def test_infinite_lengths_pass():
    sample = Sample(np.zeros((2, 1), np.uint8), 1 / 255)
    np.testing.assert_array_equal(sample.to_levels([-np.inf, np.inf]), [-np.inf, np.inf])
    np.testing.assert_array_equal(sample.to_units([-np.inf, np.inf]), [-np.inf, np.inf])


# Rows


def test_take_keeps_all_but_the_rows():
    sample = Sample(np.arange(12, dtype=np.uint8).reshape(4, 3), 1 / 16, (0.0, 1.0), "said")
    taken = sample.take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.X, sample.X[[2, 0]])
    assert (taken.unit, taken.domain, taken.note) == (1 / 16, (0.0, 1.0), "said")
    assert taken.sha256 != sample.sha256


def test_the_first_rows_are_not_copied():
    sample = Sample(np.arange(12, dtype=np.uint8).reshape(4, 3), 1 / 16, (0.0, 1.0), "said")
    first = sample.first(3)
    np.testing.assert_array_equal(first.X, sample.X[:3])
    assert np.shares_memory(first.X, sample.X)
    assert first.X.flags.c_contiguous
    assert (first.unit, first.domain, first.note) == (sample.unit, sample.domain, sample.note)


def test_a_subsample_is_seeded_distinct_and_in_order():
    sample = Sample(np.arange(100, dtype=np.uint8).reshape(100, 1), 1 / 255)
    rows = sample.subsample(30, seed=4).X[:, 0].tolist()
    assert len(set(rows)) == 30
    assert rows == sorted(rows)
    assert rows == sample.subsample(30, seed=4).X[:, 0].tolist()
    assert rows != sample.subsample(30, seed=5).X[:, 0].tolist()
    assert sample.subsample(100, seed=4) is sample
    assert sample.subsample(1000, seed=4) is sample


@pytest.mark.parametrize("unit", [1 / 16, 1.0])
def test_bytes_of_another_unit_are_other_contents(unit):
    levels = np.arange(12, dtype=np.uint8).reshape(4, 3)
    assert as_sample(levels, unit=unit).sha256 != as_sample(levels).sha256
    assert as_sample(levels, unit=1 / 255).sha256 == as_sample(levels).sha256
