"""Points within ε of each other: counted, and as a graph."""

from __future__ import annotations

import numba
import numpy as np
import oracles_pairs as oracles
import pytest
from conftest import AVX2, AVX512, blobs, grey, images, needs_jit, on_processor, refused
from hypothesis import given, strategies as st

from numbaconc import neighborhoods
from numbaconc.data.arrays import as_sample
from numbaconc.data.sample import Sample
from numbaconc.how import How
from numbaconc.kernels import pairs
from numbaconc.neighborhoods import counts_within, graph_within

NORMS = ("linf", "l2", "l1")
HEIGHTS = (2, 17, 127, 129, 257)
WIDTHS = (1, 31, 32, 33, 63, 64, 65, pairs.FIRST - 1, pairs.FIRST, pairs.FIRST + 1, pairs.FIRST + pairs.STRIDE + 3)


def of_type(X, dtype):
    """The same ties, on no grid unless they are bytes."""
    return X if dtype == np.uint8 else (X / np.array(7, dtype)).astype(dtype)


def as_they_are(X):
    """A sample in levels worth 1, in which nothing has been rounded."""
    return Sample(X, 1.0, whole=X.dtype == np.uint8)


def length(distance, norm):
    return float(np.sqrt(distance)) if norm == "l2" else float(distance)


def check(X, norm, share, labels=None):
    """Compare with the oracle at a radius that is a distance of bytes, and between two distances of floats."""
    every = oracles.distances(X, X, norm)
    known = np.unique(every[np.isfinite(every)])
    limit = known[round(share * (len(known) - 1))]
    limit = limit if X.dtype == np.uint8 else limit * (1 + 1e-9) + 1e-9
    sample, epsilon = as_they_are(X), length(limit, norm)
    if epsilon == 0:
        return
    near = oracles.within(X, limit, norm, labels)
    graph = graph_within(sample, epsilon, norm, y=labels)
    assert graph.dtype == bool
    assert graph.has_sorted_indices
    np.testing.assert_array_equal(graph.toarray(), near)
    if labels is None:
        counts = counts_within(sample, epsilon, norm)
        assert counts.dtype == np.int64
        np.testing.assert_array_equal(counts, near.sum(axis=1) + 1)


@given(X=grey(n=(2, 12)), data=st.data())
def test_pairs_within_any_radius(X, data):
    norm, dtype = data.draw(st.sampled_from(NORMS)), data.draw(st.sampled_from([np.uint8, np.float32, np.float64]))
    labels = data.draw(st.one_of(st.none(), st.lists(st.integers(-2, 2), min_size=len(X), max_size=len(X))))
    check(of_type(X, dtype), norm, data.draw(st.floats(0, 1)), labels)


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pairs_at_the_heights_of_blocks(norm, dtype):
    for n in HEIGHTS:
        X = of_type(blobs(n, 5, seed=n), dtype)
        for share in (0.02, 1.0):
            check(X, norm, share)
        check(X, norm, 0.3, np.arange(n) % 3)


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_pairs_at_the_widths_of_vectors(norm, dtype):
    for d in WIDTHS:
        X = of_type(images(9, d, seed=d), dtype)
        X[4] = X[2]
        for share in (0.1, 0.5, 1.0):
            check(X, norm, share)


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
def test_sums_do_not_overflow(norm):
    X = np.zeros((3, 2**15), np.uint8)
    X[1], X[2, ::2] = 255, 255
    check(X, norm, 1.0)
    check(X, norm, 0.5)


@pytest.mark.parametrize(("p", "norm"), [(1, "l1"), (2, "l2")])
def test_rows_too_long_for_sums_of_bytes(p, norm, monkeypatch):
    monkeypatch.setattr(pairs, "MOST" if p == 1 else "WIDEST", 4)
    check(images(9, 5, seed=0), norm, 0.5)


@needs_jit
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_columns_that_tell_nothing_at_first_are_looked_at(dtype):
    """All pairs stay open in those that come first, and differ in a later one."""
    d = pairs.FIRST + 3 * pairs.STRIDE
    X = np.zeros((60, d), np.uint8)
    X[:, : pairs.FIRST] = images(60, pairs.FIRST, seed=0, high=40)
    X[::7, -1] = 60
    check(of_type(X, dtype), "linf", 0.9)


def test_points_at_exactly_epsilon_are_within():
    X = as_sample(np.array([[10, 10], [18, 10], [27, 10]], np.uint8))
    for norm in NORMS:
        np.testing.assert_array_equal(counts_within(X, "8/255", norm), [2, 2, 1])
        np.testing.assert_array_equal(counts_within(X, 9 / 255, norm), [2, 3, 2])
        np.testing.assert_array_equal(counts_within(X, 7.999 / 255, norm), [1, 1, 1])
    tenths = as_sample(np.array([[0.1], [0.4], [0.8]]))
    np.testing.assert_array_equal(counts_within(tenths, 0.3, "linf"), [2, 2, 1])
    np.testing.assert_array_equal(counts_within(tenths, 0.4, "l2"), [2, 3, 2])


def test_roots_of_whole_numbers_come_back():
    """A distance in ℓ2 is the root of a whole number, which rounding has taken off on its way."""
    for square in range(1, 400):
        n = min(square, 40)
        X = np.zeros((2, 40), np.uint8)
        X[1, :n] = 1
        X[1, 0] = int(np.sqrt(square - (n - 1)))
        true = int((X[1].astype(int) ** 2).sum())
        sample = as_sample(X)
        assert counts_within(sample, np.sqrt(true) / 255, "l2").tolist() == [2, 2]
        assert counts_within(sample, np.sqrt(true - 0.001) / 255, "l2").tolist() == [1, 1]


@pytest.mark.parametrize("norm", NORMS)
def test_of_floats_only_what_is_surely_within_counts(norm):
    X = np.random.default_rng(0).random((20, 6))
    sample = as_sample(X)
    assert sample.rounding > 0
    every = oracles.distances(X, X, norm)
    least = length(every.min(), norm)
    slack = float(sample.to_units(sample.slack({"linf": np.inf, "l2": 2, "l1": 1}[norm])))
    assert counts_within(sample, least, norm).max() == 1
    assert counts_within(sample, least + 4 * slack, norm).max() == 2
    assert counts_within(sample, slack / 2, norm).tolist() == [1] * 20
    assert graph_within(sample, slack / 2, norm).nnz == 0


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [2.0**-30, 0.001, 3.0, 2.0**40])
@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
def test_points_and_epsilon_scaled_together_are_the_same(norm, scale):
    X = np.random.default_rng(1).normal(size=(40, 5))
    epsilon = length(np.quantile(oracles.distances(X, X, norm)[np.triu_indices(40, 1)], 0.3), norm) * (1 + 1e-6)
    expected = counts_within(as_sample(X), epsilon, norm)
    assert expected.max() > 1
    np.testing.assert_array_equal(counts_within(as_sample(X * scale), epsilon * scale, norm), expected)


@needs_jit
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_one_thread_finds_what_many_find(norm, dtype):
    sample = as_they_are(of_type(blobs(700, 40, seed=0), dtype))
    epsilon = {"linf": 12.0, "l2": 40.0, "l1": 250.0}[norm]
    found = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        graph = graph_within(sample, epsilon, norm, y=np.arange(700) % 5, how=How(threads=threads))
        found.append((counts_within(sample, epsilon, norm, how=How(threads=threads)), graph.indptr, graph.indices))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(found[0][2]) > 700


VECTORS = """
import numpy as np
from conftest import blobs, images
from numbaconc.kernels import panels
from test_neighborhoods import NORMS, check, of_type

for norm in NORMS:
    for dtype in (np.uint8, np.float32):
        for d in (1, 65, 400):
            check(of_type(images(9, d, seed=d), dtype), norm, 0.4)
        check(of_type(blobs(140, 7, seed=0), dtype), norm, 0.1, np.arange(140) % 3)
print(panels.WIDTH)
"""


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize(("features", "width"), [((), 16), (AVX2, 32), (AVX512, 64)])
def test_pairs_in_the_vectors_of_other_processors(features, width):
    assert on_processor(features, "-c", VECTORS) == str(width)


# What is refused


SAMPLE = as_sample(images(30, 4, seed=3))


@pytest.mark.parametrize("function", [counts_within, graph_within])
def test_bad_arguments(function):
    refused(lambda: function(SAMPLE, 0.1, "l3"), "norm is 'l3'; allowed: linf, l2, l1")
    for epsilon in (0, -1, "x", np.nan, np.inf, True):
        refused(lambda epsilon=epsilon: function(SAMPLE, epsilon, "l2"), "epsilon is ")


def test_labels_that_are_none():
    refused(lambda: graph_within(SAMPLE, 0.1, "l2", y=[1, 2]), "y has shape (2,); allowed: (30,)")
    refused(lambda: graph_within(SAMPLE, 0.1, "l2", y=[0.5] * 30), "y is ", "integers or texts")


def test_graphs_that_are_too_large(monkeypatch):
    n_pairs = 30 * 29 // 2
    needed = 8 * 31 + 5 * 2 * n_pairs
    monkeypatch.setattr(neighborhoods, "MOST_BYTES", needed)
    assert graph_within(SAMPLE, 1, "linf").nnz == 2 * n_pairs
    monkeypatch.setattr(neighborhoods, "MOST_BYTES", needed - 1)
    refused(
        lambda: graph_within(SAMPLE, 1, "linf"),
        f"epsilon is 1, within which there are {n_pairs} pairs",
        f"{needed} bytes",
    )
    assert counts_within(SAMPLE, 1, "linf").tolist() == [30] * 30  # takes no graph
