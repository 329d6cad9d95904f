"""Nearest centers of floats: bounds and quick sums change no label that sums in float64 decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import AVX2, examples, needs_jit, on_processor
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from numbaconc.clustering import cluster
from numbaconc.data.sample import Sample
from numbaconc.kernels import assignment

KINDS = (np.float32, np.float64)
WIDTHS = (1, 7, 16, 33, 64, 100, 257, assignment.BLOCK, assignment.BLOCK + 1, 1030)
CLOSE = 1e-12


def check_walk(X, walk, guess=None):
    """One call after the other, for centers that move: the labels are right, and what is remembered is true."""
    n, T = len(X), len(walk[0])
    labels = np.zeros(n, np.int32) if guess is None else guess
    floors, last = np.zeros((T, n), X.dtype), walk[0]
    for centers in walk:
        assignment.assign_floats(X, centers, last, labels, floors)
        to = [assignment.own_distances_floats(X, centers, np.full(n, t, np.int32)) for t in range(T)]
        np.testing.assert_array_equal(labels, np.argmin(to, axis=0))
        np.testing.assert_array_equal(assignment.own_distances_floats(X, centers, labels), np.min(to, axis=0))
        rows, columns = X.tolist(), centers.tolist()
        exact = [[math.fsum(abs(a - b) for a, b in zip(x, c, strict=True)) for x in rows] for c in columns]
        np.testing.assert_allclose(to, exact, rtol=CLOSE, atol=0)
        assert (floors <= np.array(exact) * (1 + CLOSE)).all()
        last = centers


def stroll(X, T, seed):
    """Centers that start at points, move a little, stay, and move far, as floats that need all of their digits."""
    rng = np.random.default_rng(seed)
    start = X[rng.integers(0, len(X), T)]
    near = start + rng.standard_normal(start.shape) * 0.01
    far = near[::-1] + rng.standard_normal((T, 1)) * 0.3
    return [centers.astype(X.dtype) for centers in (start, near, near, far, start, start * 1e3, near)]


def points(n, d, seed, dtype):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) + rng.integers(0, 3, (n, 1))).astype(dtype)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 20), d=st.integers(1, 9), T=st.integers(1, 6), data=st.data())
def test_centers_that_move(seed, n, d, T, data):
    X = points(n, d, seed, data.draw(st.sampled_from(KINDS)))
    check_walk(X, stroll(X, T, seed), data.draw(hnp.arrays(np.int32, n, elements=st.integers(0, T - 1))))


@needs_jit
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("d", WIDTHS)
def test_centers_that_move_at_the_widths_of_vectors_and_blocks(d, dtype):
    X = points(assignment.POINTS + 3, d, d, dtype)
    for T in (1, 2, 5, 17):
        check_walk(X, stroll(X, T, d))


def alike(X, T, seed):
    """Centers so much alike that their distances differ in the last digits of float64, if at all, in any order."""
    rng = np.random.default_rng(seed)
    centers = np.repeat(X[:1] + X[-1:], T, axis=0) / X.dtype.type(2)
    at = rng.integers(0, X.shape[1], T)
    centers[range(T), at] += rng.integers(-2, 3, T) * np.spacing(centers[range(T), at])
    return centers


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("d", [1, 33, pytest.param(1030, marks=needs_jit)])
def test_sums_in_float64_decide_between_centers_that_are_nearly_alike(d, dtype):
    X = points(40, d, d, dtype)
    first = alike(X, 9, seed=1)
    assert len(np.unique(first, axis=0)) > 2
    check_walk(X, [first, first[::-1].copy(), alike(X, 9, seed=2), X[:9], first])


def test_the_first_of_equally_near_centers_wins():
    X, centers = np.array([[4.0], [4.0], [6.0]]), np.array([[9.0], [5.0], [3.0], [5.0]])
    for dtype in KINDS:
        for guess in range(4):
            labels = np.full(3, guess, np.int32)
            check_walk(X.astype(dtype), [centers.astype(dtype)] * 2, labels)
            assert labels.tolist() == [1, 1, 1]


@needs_jit
@pytest.mark.parametrize("d", [3, 40, 1030])
def test_distances_that_are_too_large_for_float32(d):
    rng = np.random.default_rng(d)
    X = (rng.choice([-1, 1, 1e-9], (30, d)) * rng.uniform(2e38, 3.4e38, (30, d))).astype(np.float32)
    check_walk(X, [X[:5], X[5:10], X[5:10] / np.float32(3), X[:5] * np.float32(1e-30), X[:5]])


@needs_jit
def test_where_every_distance_is_infinite_the_first_center_wins():
    X = np.array([[-1.7e308] * 2, [1.6e308] * 2])
    labels = np.ones(2, np.int32)
    floors = np.zeros((2, 2))
    for _ in range(2):
        assignment.assign_floats(X[:1], X[1:].repeat(2, axis=0), X[1:].repeat(2, axis=0), labels[:1], floors[:, :1])
        assert labels[0] == 0


@pytest.mark.parametrize("dtype", KINDS)
def test_subnormal_distances(dtype):
    least = np.finfo(dtype).smallest_subnormal
    X = (np.random.default_rng(0).integers(-9, 10, (20, 3)) * least).astype(dtype)
    check_walk(X, [X[:4], X[1:5], X[1:5], X[2:6]])


@examples(20)
@given(seed=st.integers(0, 99), d=st.sampled_from([1, 6, 130]), dtype=st.sampled_from(KINDS))
def test_means_are_sums_of_the_points_in_their_order(seed, d, dtype):
    """Another order would round otherwise."""
    X = points(60, d, seed, dtype)
    found = cluster(Sample(X), 4, seed, max_iter=3)
    for t in range(4):
        total = np.zeros(d)
        for x in X[found.labels == t]:
            total += x
        mean = (total / np.count_nonzero(found.labels == t)).astype(dtype)
        np.testing.assert_array_equal(found.centers[t], mean)


PROCESSORS = """
import numpy as np
from test_assignment import alike, check_walk, points, stroll

for d in (1, 33, 1030):
    X = points(70, d, d, np.float32)
    check_walk(X, stroll(X, 7, d))
    check_walk(X, [alike(X, 9, seed=1), X[:9], alike(X, 9, seed=2)])
"""


@needs_jit
@pytest.mark.parametrize("features", [(), AVX2], ids=str)
def test_assignment_in_the_vectors_of_older_processors(features):
    on_processor(features, "-c", PROCESSORS)
