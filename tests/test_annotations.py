"""Labels and label uncertainty, beside the points."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from conftest import images, refused
from hypothesis import given, strategies as st

import numbaconc as nc

UNCERTAINTY = np.linspace(0, 2, 10)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (range(10), np.arange(10)),
        (np.arange(10.0), np.arange(10)),
        (np.arange(10, dtype=np.uint8), np.arange(10)),
        ([True, False] * 5, np.tile([1, 0], 5)),
        (list("cat dogs  "), np.array(list("cat dogs  "))),
        (np.array(["a", "bc"] * 5, dtype=object), np.array(["a", "bc"] * 5)),
    ],
)
def test_labels_ride_with_the_points(y, expected):
    sample = nc.as_sample(images(10, 3, 0), y=y, uncertainty=UNCERTAINTY)
    assert sample.y.dtype.kind == ("U" if isinstance(expected[0], str) else "i")
    np.testing.assert_array_equal(sample.y, expected)
    rows = np.array([7, 2])
    for part, kept in (
        (sample.take(rows), rows),
        (sample.first(4), slice(4)),
        (pickle.loads(pickle.dumps(sample)), ...),
    ):
        np.testing.assert_array_equal(part.y, expected[kept])
        np.testing.assert_array_equal(part.uncertainty, UNCERTAINTY[kept])
    some = sample.subsample(5, 0)
    kept = np.isin(UNCERTAINTY, some.uncertainty)
    np.testing.assert_array_equal(some.y, expected[kept])
    assert sample.sha256 == nc.as_sample(images(10, 3, 0)).sha256  # of the points alone


def test_a_sample_keeps_what_it_is_not_given_again():
    sample = nc.as_sample(images(4, 3, 0), y=[0, 1, 0, 1])
    both = nc.as_sample(sample, uncertainty=[0, 1, 2, 0.5])
    assert both.y.tolist() == [0, 1, 0, 1]
    assert both.uncertainty.tolist() == [0, 1, 2, 0.5]
    assert sample.uncertainty is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"y": [0, 1]}, ("y has shape (2,)", "(10,)")),
        ({"y": np.zeros((10, 1))}, ("y has shape (10, 1)",)),
        ({"y": np.linspace(0, 1, 10)}, ("y is", "integers or texts")),
        ({"y": [np.nan] * 10}, ("y is",)),
        ({"y": [None] * 10}, ("y is",)),
        ({"y": [[1], [1, 2]] * 5}, ("y", "labels")),
        ({"uncertainty": np.full(10, 2.5)}, ("uncertainty lies in [2.5, 2.5]", "from 0 to 2")),
        ({"uncertainty": -UNCERTAINTY}, ("uncertainty lies in [-2",)),
        ({"uncertainty": UNCERTAINTY * np.nan}, ("uncertainty", "NaN")),
        ({"uncertainty": UNCERTAINTY[:5]}, ("uncertainty has shape (5,)",)),
    ],
)
def test_refused(told, words):
    refused(lambda: nc.as_sample(images(10, 3, 0), **told), *words)


@given(st.integers(1, 8), st.integers(2, 5), st.integers(0, 9999))
def test_label_uncertainty(n, n_labels, seed):
    rng = np.random.default_rng(seed)
    votes, y = rng.integers(0, 9, (n, n_labels)) + 1, rng.integers(0, n_labels, n)
    found = nc.label_uncertainty(votes, y)
    for i in range(n):
        own = votes[i, y[i]] / votes[i].sum()
        other = max(votes[i, k] / votes[i].sum() for k in range(n_labels) if k != y[i])
        assert found[i] == pytest.approx(1 - (own - other), abs=1e-15)
    assert ((found >= 0) & (found <= 2)).all()
    np.testing.assert_allclose(nc.label_uncertainty(votes / votes.sum(axis=1, keepdims=True), y), found, atol=1e-14)


def test_label_uncertainty_at_its_ends():
    assert nc.label_uncertainty([[1, 0], [1, 1], [0, 3]], [0, 0, 0]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("probabilities", "y", "words"),
    [
        ([0.5, 0.5], [0, 1], ("probabilities has shape (2,)",)),
        ([[1.0]], [0], ("probabilities has shape (1, 1)",)),
        ([[0, 0]], [0], ("probabilities", "zeros")),
        ([[1.5, -0.5]], [0], ("probabilities", "negative")),
        ([[0.5, 0.5]], [2], ("y is", "0 to 1")),
        ([[0.5, 0.5]], ["a"], ("y is", "0 to 1")),
        ([[0.5, 0.5]], [0, 1], ("y has shape (2,)",)),
    ],
)
def test_label_uncertainty_refused(probabilities, y, words):
    refused(lambda: nc.label_uncertainty(probabilities, y), *words)
