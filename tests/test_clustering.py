"""The clustering of Algorithm 1 against plain loops in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import oracles
import pytest
from conftest import blobs, exact_floats, examples, grey, images
from hypothesis import assume, given, strategies as st

from numbaconc.clustering import cluster
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError

CENTERS = st.sampled_from(["mean", "median"])


def sample_of(X):
    return Sample(X, 1 / 255, (0.0, 1.0)) if X.dtype == np.uint8 else Sample(X)


def check_against_oracle(X, T, seed, centers, max_iter):
    found = cluster(sample_of(X), T, seed, centers=centers, max_iter=max_iter)
    labels, middles, rounds, converged = oracles.lloyd(X, T, seed, centers, max_iter)
    lower, upper = oracles.boxes(X, labels, middles)
    assert found.labels.tolist() == labels
    assert found.centers.dtype == np.float64
    assert exact(found.centers) == middles
    assert found.lower.dtype == found.upper.dtype == np.float32
    assert exact(found.lower) == lower
    assert exact(found.upper) == upper
    assert (found.n_iter, found.converged) == (rounds, converged)


def exact(array):
    return [[Fraction(x) for x in row] for row in array.tolist()]


@examples(100)
@given(X=grey(n=(2, 20)), seed=st.integers(0, 2**32), centers=CENTERS, max_iter=st.integers(1, 8), data=st.data())
def test_clusters_of_uint8(X, seed, centers, max_iter, data):
    T = data.draw(st.integers(1, min(len(X), 6)))
    check_against_oracle(X, T, seed, centers, max_iter)


@examples(100)
@given(X=exact_floats(), seed=st.integers(0, 99), centers=CENTERS, max_iter=st.integers(1, 30), data=st.data())
def test_clusters_of_floats(X, seed, centers, max_iter, data):
    T = data.draw(st.integers(1, min(len(X), 6)))
    check_against_oracle(X, T, seed, centers, max_iter)


@pytest.mark.parametrize("centers", ["mean", "median"])
@pytest.mark.parametrize("seed", range(8))
def test_clusters_of_more_points(seed, centers):
    check_against_oracle(blobs(90, 10, seed), 5, seed, centers, 30)


@given(X=grey(n=(2, 9)), seed=st.integers(0, 20), centers=CENTERS)
def test_as_many_clusters_as_points(X, seed, centers):
    check_against_oracle(X, len(X), seed, centers, 30)


@examples(100)
@given(seed=st.integers(0, 200), centers=CENTERS, n=st.integers(4, 16), values=st.integers(1, 3), T=st.integers(2, 4))
def test_clusters_that_lose_their_points(seed, centers, n, values, T):
    """Few distinct points and more clusters: some are empty from the start, and some of those for good."""
    X = np.array([[0], [8], [11]], np.uint8)[np.random.default_rng(seed).integers(0, values, n)]
    check_against_oracle(X, T, seed, centers, 30)
    check_against_oracle(X.astype(np.float32) * np.float32(720720), T, seed, centers, 30)  # as in `exact_floats`


@pytest.mark.parametrize(
    ("X", "T"),
    [
        ([[2, 0], [0, 3], [2, 3], [1, 0], [1, 0], [0, 3], [0, 0]], 4),
        ([[109, 33], [81, 4], [240, 84], [70, 184], [240, 84], [237, 35], [178, 219], [233, 233]], 5),
    ],
)
def test_a_cluster_robbed_of_its_only_point_takes_one_in_its_turn(X, T):
    """Rare: in these an empty cluster takes the only point of a later one, which is then empty itself."""
    check_against_oracle(np.array(X, np.uint8), T, 3, "mean", 30)


def test_all_points_alike():
    X = np.full((6, 3), 9, np.uint8)
    for centers in ("mean", "median"):
        found = cluster(sample_of(X), 3, 0, centers=centers)
        assert found.labels.tolist() == [0] * 6
        for box in (found.lower, found.upper, found.centers):
            np.testing.assert_array_equal(box, np.full((3, 3), 9))  # empty clusters keep a box of one point
        assert found.converged


def outside_own_box(X, found):
    low, high = found.lower[found.labels].astype(np.float64), found.upper[found.labels].astype(np.float64)
    return (np.clip(X, low, high) != X).any()


@given(X=grey(n=(2, 20)), seed=st.integers(0, 20), centers=CENTERS, data=st.data())
def test_every_point_lies_in_the_box_of_its_cluster(X, seed, centers, data):
    T = data.draw(st.integers(1, min(len(X), 6)))
    assert not outside_own_box(X, cluster(sample_of(X), T, seed, centers=centers))


@given(seed=st.integers(0, 1000), T=st.integers(1, 5), scale=st.sampled_from([1e-6, 1, 3e3, 1e30]), centers=CENTERS)
def test_rounding_puts_no_float_outside_its_own_box(seed, T, scale, centers):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((17, 6)) * scale + rng.standard_normal(6) * scale * 100).astype(np.float32)
    assert not outside_own_box(X.astype(np.float64), cluster(sample_of(X), T, seed, centers=centers))


@given(seed=st.integers(0, 1000))
def test_rounding_puts_no_float_outside_its_own_box_on_mixed_scales(seed):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((9, 40)) * rng.choice([1e-30, 1e-6, 1, 1e30], (9, 40))).astype(np.float32)
    assert not outside_own_box(X.astype(np.float64), cluster(sample_of(X), 2, seed))


@given(X=grey(n=(2, 20)), seed=st.integers(0, 20), centers=CENTERS, data=st.data())
def test_boxes_are_centered_and_no_larger_than_needed(X, seed, centers, data):
    T = data.draw(st.integers(1, min(len(X), 5)))
    found = cluster(sample_of(X), T, seed, centers=centers)
    lower, upper = found.lower.astype(np.float64), found.upper.astype(np.float64)
    np.testing.assert_array_equal((lower + upper) / 2, found.centers)
    for t in range(T):
        own = X[found.labels == t].astype(np.float64)
        if len(own):
            touched = (own == lower[t]) | (own == upper[t])
            assert touched.any(axis=0).all()
        else:
            np.testing.assert_array_equal(lower[t], upper[t])


def objective(X, found):
    return np.abs(X.astype(np.int64) - found.centers[found.labels]).sum()


@examples(100)
@given(X=grey(n=(4, 24), d=(1, 4)), seed=st.integers(0, 200), T=st.integers(1, 4))
def test_medians_never_increase_the_objective(X, seed, T):
    steps = [cluster(sample_of(X), T, seed, centers="median", max_iter=i) for i in range(1, 9)]
    costs = [objective(X, found) for found in steps]
    assert costs == sorted(costs, reverse=True)


def test_one_seed_one_answer():
    sample = sample_of(images(60, 5, seed=0))

    def answer(seed):
        found = cluster(sample, 4, seed)
        return tuple(part.tobytes() for part in (found.labels, found.lower, found.upper, found.centers))

    assert answer(1) == answer(1)
    assert len({answer(seed) for seed in range(5)}) > 1


def test_one_iteration_starts_from_drawn_points():
    X = images(12, 3, seed=1)
    found = cluster(sample_of(X), 3, 7, max_iter=1)
    first = np.random.default_rng([7, 3, 12]).choice(12, 3, replace=False)
    assert found.labels[first].tolist() == [0, 1, 2]
    assert (found.n_iter, found.converged) == (1, False)


@given(X=grey(n=(3, 16), d=(2, 6)), seed=st.integers(0, 20), centers=CENTERS)
def test_the_order_of_coordinates_does_not_matter(X, seed, centers):
    columns = np.random.default_rng(seed).permutation(X.shape[1])
    a = cluster(sample_of(X), 3, seed, centers=centers)
    b = cluster(sample_of(np.ascontiguousarray(X[:, columns])), 3, seed, centers=centers)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.lower[:, columns], b.lower)
    np.testing.assert_array_equal(a.upper[:, columns], b.upper)


@given(X=grey(n=(3, 16)), seed=st.integers(0, 20))
def test_negatives_have_mirrored_boxes(X, seed):
    a = cluster(sample_of(X), 3, seed)
    b = cluster(sample_of(255 - X), 3, seed)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(255 - a.lower, b.upper)
    np.testing.assert_array_equal(255 - a.upper, b.lower)


@given(X=exact_floats(), seed=st.integers(0, 20), centers=CENTERS)
def test_moving_all_points_moves_the_boxes(X, seed, centers):
    assume(len(X) >= 3)
    step = np.float32(720720)
    a = cluster(sample_of(X), 3, seed, centers=centers)
    b = cluster(sample_of(X + step), 3, seed, centers=centers)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.lower.astype(np.float64) + step, b.lower)
    np.testing.assert_array_equal(a.upper.astype(np.float64) + step, b.upper)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_clusters": 0},
        {"n_clusters": 13},
        {"centers": "mode"},
        {"max_iter": 0},
    ],
)
def test_impossible_settings(settings):
    with pytest.raises(InputError) as caught:
        cluster(sample_of(images(12, 3, seed=0)), **({"n_clusters": 3, "seed": 0} | settings))
    assert "\n" not in str(caught.value)
