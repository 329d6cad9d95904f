"""How far points of different labels are apart."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numba
import numpy as np
import oracles_pairs as oracles
import pytest
from conftest import AVX2, AVX512, blobs, grey, images, needs_jit, on_processor, refused
from hypothesis import given, strategies as st
from test_neighborhoods import HEIGHTS, NORMS, WIDTHS, as_they_are, length, of_type

import numbaconc as nc
from numbaconc.kernels import pairs

REAL = Path(os.environ.get("NUMBACONC_DATA_DIR") or "no-such-folder")
TYPES = (np.uint8, np.float32, np.float64)


def check(X, y, norm, X_test=None, y_test=None):
    """Compare with the oracle: exactly for bytes, and to all but the last digits for floats."""
    test = None if X_test is None else as_they_are(X_test)
    found = nc.separation(as_they_are(X), y, test, y_test, norm=norm)
    X_test, y_test = (X, y) if X_test is None else (X_test, y_test)
    least, nearest = oracles.nearest_apart(X_test, y_test, X, y, norm)
    expected = np.sqrt(least) if norm == "l2" else least
    assert found.distances.dtype == np.float64
    assert found.neighbors.dtype == np.int64
    if X.dtype == np.uint8:
        np.testing.assert_array_equal(found.distances, expected)
        np.testing.assert_array_equal(found.neighbors, nearest)
        return
    np.testing.assert_allclose(found.distances, expected, rtol=1e-12, atol=0)
    for i, j in enumerate(found.neighbors):  # of rounded sums either may be the nearest
        assert j == nearest[i] or oracles.distance(X_test[i], X[j], norm) <= least[i] * (1 + 1e-12)


@given(X=grey(n=(2, 12)), data=st.data())
def test_training_points_against_each_other(X, data):
    y = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=len(X), max_size=len(X))))
    check(of_type(X, data.draw(st.sampled_from(TYPES))), y, data.draw(st.sampled_from(NORMS)))


@given(X=grey(n=(3, 14)), data=st.data())
def test_test_points_against_training_points(X, data):
    y = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(X), max_size=len(X))))
    X, m = of_type(X, data.draw(st.sampled_from(TYPES))), data.draw(st.integers(1, len(X) - 2))
    check(X[m:], y[m:], data.draw(st.sampled_from(NORMS)), X[:m], y[:m])


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_separation_at_the_heights_of_blocks(norm, dtype):
    for n in HEIGHTS:
        X, y = of_type(images(n, 4, seed=n, high=9), dtype), np.arange(n) % 3  # with many ties
        check(X, y, norm)
        if n > 100:
            check(X[100:], y[100:], norm, X[:100], y[:100])
            check(X[:7], y[:7], norm, X[7:], y[7:])


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_separation_at_the_widths_of_vectors(norm, dtype):
    for d in WIDTHS:
        X = of_type(images(9, d, seed=d), dtype)
        X[4] = X[2]
        check(X, np.arange(9) % 2, norm)


@needs_jit
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_columns_that_tell_nothing_at_first_are_looked_at(dtype):
    d = pairs.FIRST + 3 * pairs.STRIDE
    X = np.zeros((60, d), np.uint8)
    X[:, : pairs.FIRST] = images(60, pairs.FIRST, seed=0, high=40)
    X[::7, -1] = 60
    check(of_type(X, dtype), np.arange(60) % 4, "linf")


@pytest.mark.parametrize("candidates", [1, 3, 6])
def test_columns_beyond_those_that_are_looked_at_first_are_in_some_order_too(candidates, monkeypatch):
    monkeypatch.setattr(pairs, "CANDIDATES", candidates)
    check(images(12, 6, seed=5), np.arange(12) % 3, "linf")


@pytest.mark.parametrize("norm", NORMS)
def test_of_points_that_are_equally_near_the_first_is_the_neighbor(norm):
    X = np.array([[9], [5], [5], [13], [1], [9]], np.uint8)
    found = nc.separation(X, ["b", "b", "a", "a", "b", "a"], norm=norm)
    np.testing.assert_array_equal(found.distances, np.array([0, 0, 0, 4, 4, 0]) / 255)
    np.testing.assert_array_equal(found.neighbors, [5, 2, 1, 0, 2, 0])
    labels = np.array([0] + [1] * 500)
    same = nc.separation(np.repeat(np.array([[0], [255]], np.uint8), [1, 500], axis=0), labels, norm=norm)
    np.testing.assert_array_equal(same.neighbors, [1] + [0] * 500)


@pytest.mark.parametrize("norm", NORMS)
def test_labels_all_alike(norm):
    found = nc.separation(images(5, 3, seed=0), [7] * 5, norm=norm)
    assert found.distances.tolist() == [np.inf] * 5
    assert found.neighbors.tolist() == [-1] * 5
    assert found.least == np.inf
    assert found.sentence == "None of 5 points has a point of another label beside it."


def test_duplicates_of_different_labels():
    X = np.array([[1, 2], [1, 2], [9, 9]], np.uint8)
    found = nc.separation(X, [0, 1, 0], norm="l2")
    assert found.distances.tolist()[:2] == [0, 0]
    assert found.least == 0
    assert found.sentence == "2 of 3 points are where a point of another label is."


def test_labels_may_be_texts_and_may_ride_with_the_sample():
    X, y = images(40, 5, seed=1), np.arange(40) % 3
    expected = nc.separation(X, y, norm="l1")
    names = np.array(["ship", "cat", "dog"])
    for points, labels in (
        (X, names[y]),
        (X, list(names[y])),
        (X, y.astype(np.uint8) * 100),
        (nc.as_sample(X, y=y), None),
        (nc.as_sample(X, y=y[::-1]), y),
    ):
        found = nc.separation(points, labels, norm=1)
        np.testing.assert_array_equal(found.distances, expected.distances)
        np.testing.assert_array_equal(found.neighbors, expected.neighbors)
        assert found.norm == "l1"
    test = nc.separation(X[10:], y[10:], nc.as_sample(X[:10], y=y[:10]), norm="l1")
    np.testing.assert_array_equal(test.neighbors, nc.separation(X[10:], y[10:], X[:10], y[:10], norm="l1").neighbors)


def test_sentences_are_true_as_they_stand():
    X = np.array([[0, 0], [8, 1], [20, 20]], np.uint8)
    y = [0, 1, 1]
    linf, l2 = (nc.separation(X, y, norm=norm) for norm in ("linf", "l2"))
    assert linf.least == 8 / 255
    assert linf.sentence == "Each of 3 points is at least 8/255 in ℓ∞ from every point of another label."
    assert l2.sentence == "Each of 3 points is at least 0.0316 in ℓ2 from every point of another label."  # 0.031616
    X = np.random.default_rng(0).random((30, 4))
    for norm in NORMS:
        found = nc.separation(X, np.arange(30) % 2, norm=norm)
        true = length(oracles.nearest_apart(X, np.arange(30) % 2, X, np.arange(30) % 2, norm)[0].min(), norm)
        assert 0 < found.least - found.rounding <= true <= found.least + found.rounding
        assert float(found.sentence.split("at least ")[1].split()[0]) <= true


def test_what_is_found_is_not_changed():
    found = nc.separation(images(5, 3, seed=0), [0, 1, 0, 1, 0], norm="l2")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.norm = "l1"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [2.0**-30, 2.0**40])
@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
def test_distances_are_scaled_as_the_points_are(norm, scale):
    X, y = np.random.default_rng(1).normal(size=(40, 5)), np.arange(40) % 3
    one, other = (nc.separation(points, y, norm=norm) for points in (X, X * scale))
    np.testing.assert_allclose(other.distances, one.distances * scale, rtol=1e-6)
    np.testing.assert_array_equal(other.neighbors, one.neighbors)


@pytest.mark.parametrize("norm", NORMS)
def test_test_points_in_other_levels(norm):
    """Samples that were made apart have frames of their own."""
    X, y = np.round(np.random.default_rng(2).random((30, 3)), 1), np.arange(30) % 3
    train, test = nc.as_sample(X[10:]), nc.as_sample(X[:10] * 0.9 + 0.05)
    assert train.unit != test.unit
    found = nc.separation(train, y[10:], test, y[:10], norm=norm)
    least, _ = oracles.nearest_apart(X[:10] * 0.9 + 0.05, y[:10], X[10:], y[10:], norm)
    np.testing.assert_allclose(found.distances, np.sqrt(least) if norm == "l2" else least, rtol=1e-9)


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_one_thread_finds_what_many_find(norm, dtype):
    X, y = of_type(blobs(900, 300, seed=0), dtype), np.arange(900) % 7
    one, many = (
        nc.separation(as_they_are(X), y, norm=norm, how=nc.How(threads=threads))
        for threads in (1, numba.config.NUMBA_NUM_THREADS)
    )
    np.testing.assert_array_equal(one.distances, many.distances)
    np.testing.assert_array_equal(one.neighbors, many.neighbors)


VECTORS = """
import numpy as np
from conftest import blobs, images
from numbaconc.kernels import panels
from test_separation import NORMS, check, of_type

for norm in NORMS:
    for dtype in (np.uint8, np.float32):
        for d in (1, 65, 400):
            check(of_type(images(9, d, seed=d), dtype), np.arange(9) % 2, norm)
        X, y = of_type(blobs(140, 7, seed=0), dtype), np.arange(140) % 3
        check(X[5:], y[5:], norm, X[:5], y[:5])
print(panels.WIDTH)
"""


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize(("features", "width"), [((), 16), (AVX2, 32), (AVX512, 64)])
def test_separation_in_the_vectors_of_other_processors(features, width):
    assert on_processor(features, "-c", VECTORS) == str(width)


# What is refused


X = images(6, 3, seed=0)
Y = [0, 1, 0, 1, 0, 1]


def test_bad_arguments():
    refused(lambda: nc.separation(X, Y, norm="l3"), "norm is 'l3'; allowed: linf, l2, l1")
    refused(lambda: nc.separation(X, Y[:5], norm="l2"), "y has shape (5,); allowed: (6,)")
    refused(lambda: nc.separation(X, [0.5] * 6, norm="l2"), "y is ", "integers or texts")
    refused(lambda: nc.separation(X, None, norm="l2"), "y is None, and X has no labels of its own; allowed: ")
    refused(lambda: nc.separation(X, Y, y_test=Y, norm="l2"), "y_test is [0, 1, 0, 1, 0, 1] without X_test; allowed: ")
    refused(lambda: nc.separation(X, Y, X, norm="l2"), "y_test is None, and X_test has no labels of its own")
    refused(lambda: nc.separation(X, Y, X, Y[:2], norm="l2"), "y_test has shape (2,); allowed: (6,)")
    refused(lambda: nc.separation(X, Y, X, list("ababab"), norm="l2"), "y_test holds texts; allowed: integers")


def test_samples_that_do_not_go_together():
    refused(lambda: nc.separation(X, Y, X[:, :2], Y, norm="l2"), "X_test has 2 coordinates; allowed: 3, as X_train has")
    refused(lambda: nc.separation(X, Y, nc.Sample(X, 1 / 16), Y, norm="l2"), "X_test has levels worth 1/16")


# Real data


def idx(name, skip):
    return np.fromfile(REAL / "mnist" / name, np.uint8)[skip:]


@needs_jit
@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="no real MNIST in $NUMBACONC_DATA_DIR")
@pytest.mark.parametrize(("norm", "least"), [("linf", 0.88), ("l2", 3.03), ("l1", 19.16)])
def test_the_test_points_of_mnist_are_as_far_apart_as_is_known(norm, least):
    """Risse et al. have these."""
    points, labels = idx("t10k-images-idx3-ubyte", 16).reshape(-1, 784), idx("t10k-labels-idx1-ubyte", 8)
    assert round(nc.separation(points, labels, norm=norm).least, 2) == least
