"""Every kernel against its plain-loop oracle, on any number of threads."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np
import oracles
import oracles_faces
import oracles_l2
import pytest
from conftest import AVX2, AVX512, SSE2, blobs, grey, images, needs_jit, on_processor
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from numbaconc.kernels import (
    apart,
    assignment,
    balls,
    clusters,
    codes,
    compiling,
    distances,
    faces,
    filtering,
    heaps,
    neighbors,
    pairs,
    products,
    reaches,
    rectangles,
    rounding,
    schedule,
    threads,
    tiles,
)

KERNELS = Path(neighbors.__file__).parent
PACKAGE = KERNELS.parent
CLOSE = 1e-12

# Around the widths of vectors and blocks, and past where 8-, 16- and 32-bit sums overflow.
WIDTHS = (1, 15, 16, 17, 33, 64, 100, 257, 1030)
HEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 17, 257, 300)


def same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


def kth_l1(X, k, include_self):
    """Radii of bytes, which are whole."""
    return neighbors.kth_distance(X, k, include_self, False).astype(np.int64, casting="unsafe")


def floats(X, seed=0):
    """float32 points that are on no grid, with the ties of `X` kept."""
    scale = np.random.default_rng(seed).random(X.shape[1]).astype(np.float32) + np.float32(0.5)
    return np.ascontiguousarray(X.astype(np.float32) * scale / np.float32(7))


def grouped(labels, n_clusters):
    """Row indices grouped by cluster, and where each cluster begins."""
    order = np.array([i for t in range(n_clusters) for i in range(len(labels)) if labels[i] == t], np.int64)
    starts = np.array([sum(label < t for label in labels) for t in range(n_clusters + 1)], np.int64)
    return order, starts


def extremes(d):
    """Three rows as far apart as uint8 allows."""
    X = np.zeros((3, d), np.uint8)
    X[1] = 255
    X[2, ::2] = 255
    return X


# Neighbors


@given(X=grey(n=(2, 12)), data=st.data())
def test_l1_radii_of_uint8(X, data):
    n = len(X)
    include_self = data.draw(st.booleans())
    k = data.draw(st.integers(1, n if include_self else n - 1))
    expected = oracles.kth_l1_uint8(X, k, include_self)
    same(kth_l1(X, k, include_self), expected)


@given(X=grey(n=(2, 10)), as_float=st.booleans(), data=st.data())
def test_radii_of_either_type(X, as_float, data):
    n = len(X)
    X = floats(X) if as_float else X
    include_self, squared = data.draw(st.booleans()), data.draw(st.booleans())
    k = data.draw(st.integers(1, n if include_self else n - 1))
    found = neighbors.kth_distance(X, k, include_self, squared)
    expected = oracles.kth_distance(X, k, include_self, squared)
    if as_float:
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=0)
    else:
        same(found, expected)


@needs_jit
@pytest.mark.parametrize("d", [*WIDTHS, tiles.SPAN, tiles.SPAN + 1])
@pytest.mark.parametrize("include_self", [True, False])
def test_l1_radii_at_the_widths_of_vectors(d, include_self):
    X = images(20, d, seed=d)
    X[7] = X[3]
    for k in (1, 2, 19):
        same(kth_l1(X, k, include_self), oracles.kth_l1_uint8(X, k, include_self))


@needs_jit
@pytest.mark.parametrize("n", [*HEIGHTS, 127, 128, 129, 256, 385])
def test_l1_radii_at_the_heights_of_blocks(n):
    X = images(n, 17 if n < 100 else 3, seed=n, high=5)
    for k, include_self in ((1, True), (n, True), (1, False), (n - 1, False), ((n + 1) // 2, True)):
        same(kth_l1(X, k, include_self), oracles.kth_l1_uint8(X, k, include_self))
        found = neighbors.kth_distance(X, k, include_self, False)
        np.testing.assert_array_equal(found, oracles.kth_l1_uint8(X, k, include_self))


@needs_jit
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("as_float", [True, False])
def test_radii_at_the_widths_of_vectors(d, squared, as_float):
    X = images(11, d, seed=d)
    X = floats(X) if as_float else X
    found = neighbors.kth_distance(X, 4, True, squared)
    expected = oracles.kth_distance(X, 4, True, squared)
    np.testing.assert_allclose(found, expected, rtol=CLOSE if as_float else 0, atol=0)


@needs_jit
@pytest.mark.parametrize("d", [257, 3072, 12288, 70000])
def test_radii_do_not_overflow(d):
    X = extremes(d)
    same(kth_l1(X, 3, True), oracles.kth_l1_uint8(X, 3, True))
    same(neighbors.kth_distance(X, 3, True, True), oracles.kth_distance(X, 3, True, True))


@needs_jit
def test_radii_do_not_overflow_in_rows_of_any_length():
    d = neighbors.MOST + 1
    same(kth_l1(extremes(d), 3, True), 255 * np.array([d, d, (d + 1) // 2]))


def test_radii_of_rows_too_long_for_the_fast_kernel(monkeypatch):
    X = images(9, 5, seed=0)
    monkeypatch.setattr(neighbors, "MOST", 4)
    same(kth_l1(X, 3, False), oracles.kth_l1_uint8(X, 3, False))


@given(X=grey(n=(2, 12)), data=st.data())
def test_columns_without_differences_change_no_radius(X, data):
    k = data.draw(st.integers(1, len(X)))
    at = data.draw(st.integers(0, X.shape[1]))
    same(kth_l1(np.insert(X, at, 9, axis=1), k, True), kth_l1(X, k, True))


def players(pairs):
    """The blocks of a round; none plays twice."""
    assert pairs.dtype == np.int64
    blocks = [block for first, second in pairs.tolist() for block in {first, second}]
    assert len(blocks) == len(set(blocks))
    return blocks


@pytest.mark.parametrize("blocks", range(1, 10))
def test_every_two_blocks_are_compared_once_and_none_is_in_two_pairs_of_a_round(blocks):
    turns = schedule.rounds(blocks)
    assert all(players(pairs) for pairs in turns)
    met = sorted(tuple(pair) for pairs in turns for pair in pairs.tolist())
    assert met == [(i, j) for i in range(blocks) for j in range(i, blocks)]


@pytest.mark.parametrize(("blocks", "first"), [(1, None), (2, None), (9, None), (2, 1), (6, 1), (6, 5), (8, 3)])
def test_every_block_meets_the_lowest_first(blocks, first):
    turns = schedule.rounds_outward(blocks, first)
    assert all(players(pairs) for pairs in turns)
    met = [tuple(pair) for pairs in turns for pair in pairs.tolist()]
    others = [(i, j) for i in range(blocks) for j in range(i, blocks) if first is None or i < first <= j]
    assert sorted(met) == others
    for block in range(blocks):
        partners = [sum(pair) - block for pair in met if block in pair and (first is None or block < first)]
        assert partners == sorted(partners)


def test_told_is_all_of_the_work():
    for n in (1, 128, 129, 700):
        told = []
        neighbors.kth_distance(images(n, 3, seed=n), 1, False, False, told.append)
        assert sum(told) == n


PATHS = """
import numpy as np, oracles
from conftest import images
from test_kernels import CLOSE, extremes, floats, kth_l1, same
from numbaconc.kernels import neighbors, panels, tiles

for X in [*(images(9, d, seed=d) for d in (1, 16, 63, 65, 300)), extremes(2 * tiles.SPAN), images(131, 3, seed=0, high=4)]:
    for k in (1, 2):
        same(kth_l1(X, k, False), oracles.kth_l1_uint8(X, k, False))
        for squared in (True, False):
            found = neighbors.kth_distance(floats(X), k, False, squared)
            np.testing.assert_allclose(found, oracles.kth_distance(floats(X), k, False, squared), rtol=CLOSE)
print((panels.WIDTH, panels.INSTRUCTION))
"""


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "width", "instruction"),
    [
        ((), 16, None),
        (SSE2, 16, "llvm.x86.sse2.psad.bw"),
        (AVX2, 32, "llvm.x86.avx2.psad.bw"),
        (AVX512, 64, "llvm.x86.avx512.psad.bw.512"),
    ],
)
def test_radii_in_the_vectors_of_older_processors(features, width, instruction):
    assert on_processor(features, "-c", PATHS) == str((width, instruction))


def test_the_point_itself_is_the_first_neighbor():
    X = np.array([[0], [1], [5]], np.uint8)
    same(kth_l1(X, 1, True), np.array([0, 0, 0]))
    same(kth_l1(X, 1, False), np.array([1, 1, 4]))
    same(kth_l1(X, 2, True), np.array([1, 1, 4]))
    same(neighbors.kth_distance(X, 2, False, True), np.array([25.0, 16.0, 25.0]))


def test_a_duplicate_is_not_the_point_itself():
    X = np.array([[3, 3], [3, 3], [9, 9]], np.uint8)
    same(kth_l1(X, 1, False), np.array([0, 0, 12]))
    same(kth_l1(X, 2, False), np.array([12, 12, 12]))


# Clusters


WIDEST = (64, 32, 16, 1)  # bytes at once: of every instruction that the processor may have, and of none


def compiled(widest):
    distance = assignment.byte_distance(widest)
    return numba.njit(lambda x, y, width: distance(x, y, width))


@pytest.mark.parametrize("widest", WIDEST)
def test_distance_of_bytes(widest):
    distance = compiled(widest)
    for d in (*range(1, 20), 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 784, 1030, 3072):
        for X in (images(2, d + 3, seed=d), extremes(d + 3)):
            for x, y in ((X[0], X[1]), (X[1], X[-1]), (X[0, 3:], X[1, 3:]), (X[1], X[1])):  # aligned and not
                assert distance(x, y, d) == oracles.byte_distance(x, y, d)
    assert distance(np.full(70000, 255, np.uint8), np.zeros(70000, np.uint8), 70000) == 70000 * 255


@needs_jit
@pytest.mark.parametrize("variable", ["NUMBA_CPU_NAME", "NUMBA_ENABLE_AVX"])
def test_a_lesser_processor_is_asked_for_no_more_than_it_can(variable):
    """An instruction that the target lacks would end the process."""
    program = (
        "import numba, numpy as np; from numbaconc.kernels.assignment import byte_distance; f = byte_distance();"
        "print(numba.njit(lambda x, y, d: f(x, y, d))(np.arange(200, dtype=np.uint8), np.zeros(200, np.uint8), 200))"
    )
    environment = os.environ | {variable: "generic" if variable == "NUMBA_CPU_NAME" else "0"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == (f"{199 * 100}\n", 0), run.stderr


def steps(shift, T, d):
    return st.one_of(
        hnp.arrays(np.int32, (T, d), elements=st.integers(0, 255 << shift)),
        hnp.arrays(np.int32, (T, d), elements=st.sampled_from([0, 1, (1 << shift) // 2, 255 << shift])),
    )


SHIFTS = st.sampled_from([0, 1, 12])


@given(d=st.integers(1, 9), T=st.integers(1, 5), shift=SHIFTS, data=st.data())
def test_rounded_centers(d, T, shift, data):
    centers, last = data.draw(steps(shift, T, d)), data.draw(steps(shift, T, d))
    expected = oracles.round_centers(centers, last, shift)
    for found, right in zip(assignment.round_centers(centers, last, shift), expected, strict=True):
        same(found, right)


def check_assignments(X, walk, shift, labels, dtype=np.int32):
    """One call after the other, for centers that move: the labels are right, and what is remembered is true."""
    floors, last = np.zeros((len(X), len(walk[0])), dtype), walk[0]
    for centers in walk:
        assignment.assign_uint8(X, centers, shift, *assignment.round_centers(centers, last, shift), labels, floors)
        expected_labels, expected_distances = oracles.assign_uint8(X, centers, shift)
        same(labels, expected_labels)
        same(assignment.own_distances_uint8(X, centers, shift, labels), expected_distances)
        exact = np.abs((X.astype(np.int64) << shift)[:, None] - centers).sum(axis=2)
        assert (floors.astype(np.int64) << shift <= exact).all()
        last = centers


@given(X=grey(), T=st.integers(1, 5), shift=SHIFTS, dtype=st.sampled_from([np.int32, np.int64]), data=st.data())
def test_assignment_of_uint8(X, T, shift, dtype, data):
    walk = [data.draw(steps(shift, T, X.shape[1]))]
    for _ in range(data.draw(st.integers(0, 4))):  # some centers stay, some move a little, some anywhere
        far, little = data.draw(steps(shift, T, X.shape[1])), data.draw(st.integers(-3, 3))
        how = np.array(data.draw(st.lists(st.integers(0, 2), min_size=T, max_size=T)))[:, None]
        near = np.clip(walk[-1] + np.int32(little), 0, 255 << shift)
        walk.append(np.where(how == 0, walk[-1], np.where(how == 1, near, far)))
    guess = data.draw(hnp.arrays(np.int32, len(X), elements=st.integers(0, T - 1)))
    check_assignments(X, walk, shift, guess, dtype)


@needs_jit
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("T", [1, 2, 5, 17])
def test_assignment_of_uint8_at_the_widths_of_vectors(d, T):
    X = images(13, d, seed=d)
    centers = np.random.default_rng(d).integers(0, 255 * 4096 + 1, (T, d)).astype(np.int32)
    centers[T // 2] = X[0].astype(np.int32) * 4096
    check_assignments(X, [centers, np.roll(centers, 1, axis=0), centers // 2], 12, np.zeros(13, np.int32))


@needs_jit
@pytest.mark.parametrize("seed", range(4))
def test_assignment_between_centers_that_are_nearly_alike(seed):
    """Bytes alone cannot tell these apart, and many are equally near."""
    X = blobs(60, 33, seed) // 8 * 8
    start = X[:9].astype(np.int32) * 4096
    start[3:6], start[7] = start[:3], start[1]
    rng = np.random.default_rng(seed)
    walk = [np.clip(start + rng.integers(-2, 3, (9, 1), np.int32) * size, 0, 255 * 4096) for size in (0, 1, 700, 0, 3)]
    check_assignments(X, [centers.astype(np.int32) for centers in walk], 12, np.zeros(60, np.int32))


@needs_jit
@pytest.mark.parametrize("d", [3072, 12288, 70000])
def test_assignment_does_not_overflow(d):
    X = extremes(d)
    centers = X[:2].astype(np.int32) * 4096
    check_assignments(X, [centers, centers[::-1].copy(), centers], 12, np.zeros(3, np.int32))
    zeros = np.zeros(2, np.int32)
    found = assignment.own_distances_uint8(X[1:], centers[:1], 12, zeros)
    same(found, np.array([255 * 4096 * d, 255 * 4096 * d // 2]))


def nearest(X, centers):
    """Labels of floats and distances to the centers that they name."""
    labels, floors = np.zeros(len(X), np.int32), np.zeros((len(centers), len(X)), X.dtype)
    assignment.assign_floats(X, centers, centers, labels, floors)
    return labels, assignment.own_distances_floats(X, centers, labels)


@given(X=grey(), T=st.integers(1, 5), data=st.data())
def test_assignment_of_whole_floats_is_exact(X, T, data):
    centers = data.draw(hnp.arrays(np.float32, (T, X.shape[1]), elements=st.sampled_from([0, 1, 2.5, 7, 128, 255])))
    points = X.astype(np.float32)
    for found, expected in zip(nearest(points, centers), oracles.assign_floats(points, centers), strict=True):
        same(found, expected)


@pytest.mark.parametrize("d", [1, 16, 33, pytest.param(1030, marks=needs_jit)])
def test_assignment_of_any_floats(d):
    X = floats(images(19, d, seed=d))
    centers = floats(images(4, d, seed=d + 1))
    labels, distances = nearest(X, centers)
    _, expected = oracles.assign_floats(X, centers)
    assert labels.dtype == np.int32
    assert distances.dtype == np.float64
    np.testing.assert_allclose(distances, expected, rtol=CLOSE, atol=0)
    for i, t in enumerate(labels):  # the label is of a center that is as near as any
        to = oracles.assign_floats(X[i : i + 1], centers[t : t + 1])[1]
        np.testing.assert_allclose(to, expected[i : i + 1], rtol=CLOSE, atol=0)


def test_the_first_of_equally_near_centers_wins():
    X = np.array([[4], [4], [6]], np.uint8)
    centers = np.array([[9], [5], [3], [5]], np.int32)
    for guess in range(4):
        check_assignments(X, [centers, centers], 0, np.full(3, guess, np.int32))


@given(X=grey(), T=st.integers(1, 5), data=st.data())
def test_summaries_of_clusters(X, T, data):
    labels = data.draw(st.lists(st.integers(0, T - 1), min_size=len(X), max_size=len(X)))
    order, starts = grouped(labels, T)
    check_summaries(X, order, starts)


@needs_jit
@pytest.mark.parametrize(
    ("n", "d"), [(1, 1), (9, 16), (257, 17), (300, 33), (8, 1030), (300, 64)], ids=lambda size: str(size)
)
def test_summaries_of_larger_clusters(n, d):
    for T in (1, 3, 40):
        labels = np.random.default_rng(n).integers(0, T, n)
        check_summaries(images(n, d, seed=d), *grouped(labels.tolist(), T))


def check_summaries(X, order, starts):
    points = floats(X)
    sums = clusters.sum_clusters(points, order, starts)
    assert sums.dtype == np.float64
    np.testing.assert_allclose(sums, oracles.sum_clusters(points, order, starts), rtol=CLOSE, atol=0)
    for values in (X, points, -points):
        for found, expected in zip(
            clusters.bound_clusters(values, order, starts), oracles.bound_clusters(values, order, starts), strict=True
        ):
            same(found, expected)
    same(clusters.median_clusters_uint8(X, order, starts), oracles.median_clusters_uint8(X, order, starts))
    for values in (points, -points):
        same(
            clusters.median_clusters_floats(values, order, starts),
            oracles.median_clusters_floats(values, order, starts),
        )


@given(X=grey(), T=st.integers(1, 5), data=st.data())
def test_sums_of_points_that_move(X, T, data):
    before = np.full(len(X), -1, np.int32)
    sums = np.zeros((T, X.shape[1]), np.int64)
    for _ in range(3):
        after = data.draw(hnp.arrays(np.int32, len(X), elements=st.integers(0, T - 1)))
        rows = np.flatnonzero(before != after)
        expected = oracles.move_sums(X, rows, before, after, sums)
        clusters.move_sums(X, rows, before, after, sums)
        same(sums, expected)
        before = after
    for t in range(T):
        np.testing.assert_array_equal(sums[t], X[before == t].astype(np.int64).sum(axis=0))


@needs_jit
@pytest.mark.parametrize("d", WIDTHS)
def test_sums_of_points_that_move_at_the_widths_of_blocks(d):
    X = images(40, d, seed=d)
    before, after = np.random.default_rng(d).integers(0, 7, (2, 40)).astype(np.int32)
    sums = images(7, d, seed=1).astype(np.int64)
    expected = oracles.move_sums(X, np.arange(40), before, after, sums)
    clusters.move_sums(X, np.arange(40), before, after, sums)
    same(sums, expected)


@needs_jit
def test_a_cluster_of_more_points_than_sixteen_bits_count():
    X = np.full((70000, 1), 255, np.uint8)
    X[:10000] = 3
    order, starts = np.arange(70000), np.array([0, 70000])
    sums = np.zeros((1, 1), np.int64)
    clusters.move_sums(X, order, np.full(70000, -1, np.int32), np.zeros(70000, np.int32), sums)
    same(sums, np.array([[60000 * 255 + 10000 * 3]]))
    same(clusters.median_clusters_uint8(X, order, starts), np.array([[255]], np.uint8))
    same(clusters.median_clusters_uint8(X[:20000], order[:20000], np.array([0, 20000])), np.array([[3]], np.uint8))


# Boxes


def outside(X, lower, upper):
    if X.dtype != np.uint8:
        return rectangles.outside_floats(X, lower, upper)
    least, largest = (face.clip(0, 255).astype(np.uint8) for face in (np.ceil(lower), np.floor(upper)))
    return rectangles.outside_uint8(X, lower, upper, least, largest)


FACES = st.one_of(
    st.integers(-255 * 4096, 510 * 4096).map(lambda steps: steps / 4096), st.sampled_from([0.0, 7.0, 255.0])
)


@given(X=grey(), T=st.integers(1, 4), as_float=st.booleans(), data=st.data())
def test_how_far_outside(X, T, as_float, data):
    points, dtype = (floats(X), np.float64) if as_float else (X, np.float32)
    shape = (T, X.shape[1])
    lower = data.draw(hnp.arrays(dtype, shape, elements=st.one_of(FACES, st.just(-np.inf))))
    upper = data.draw(hnp.arrays(dtype, shape, elements=st.one_of(FACES, st.just(np.inf))))
    if not as_float:
        lower, upper = lower.clip(max=255), upper.clip(min=0)
    same(outside(points, lower, upper), oracles.outside(points, lower, upper))


@given(X=grey(), T=st.integers(1, 6), data=st.data())
def test_how_far_outside_boxes_that_bytes_cannot_tell_apart(X, T, data):
    """Gaps that differ by parts of a level, on either side of 0, of whole levels and of the ends of bytes."""
    near = st.sampled_from([-1, -4095 / 4096, -0.5, -1 / 4096, 0, 1 / 4096, 0.5, 4095 / 4096, 1, 1.5])
    start = np.float32(data.draw(st.sampled_from([-300, -255, -40, -1, 0, 1, 40, 254, 255, 300])))
    lower = X[0] + start + data.draw(hnp.arrays(np.float32, (T, X.shape[1]), elements=near))
    upper = lower + np.float32(data.draw(st.sampled_from([0, 2, 50])))
    for low, high in ((lower, upper), (255 - upper, 255 - lower)):
        low, high = low.clip(max=255), high.clip(min=0)
        same(outside(X, low, high), oracles.outside(X, low, high))


@needs_jit
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("as_float", [True, False])
def test_how_far_outside_at_the_widths_of_vectors(d, T, as_float):
    points, dtype = (floats(images(19, d, seed=d)), np.float64) if as_float else (images(19, d, seed=d), np.float32)
    rng = np.random.default_rng(d)
    middle, half = rng.integers(0, 255, (T, d)), rng.integers(90, 250, (T, d))
    lower, upper = (middle - half).astype(dtype), (middle + half).astype(dtype)
    lower[rng.random((T, d)) < 0.2] = -np.inf
    upper[rng.random((T, d)) < 0.2] = np.inf
    same(outside(points, lower, upper), oracles.outside(points, lower, upper))


def test_a_box_without_faces_holds_everything():
    X = np.array([[0, 255]], np.uint8)
    lower, upper = np.full((1, 2), -np.inf, np.float32), np.full((1, 2), np.inf, np.float32)
    same(outside(X, lower, upper), np.array([-np.inf], np.float32))
    upper[0, 1] = 250
    same(outside(X, lower, upper), np.array([5], np.float32))


def test_a_point_far_from_every_box():
    X = np.array([[3e37, 0], [1, -3e37]], np.float32)
    lower, upper = np.zeros((2, 2)), np.ones((2, 2))
    same(outside(X, lower, upper), oracles.outside(X, lower, upper))


# Products


def operands(X, m, seed):
    """A middle, columns and weights, in whole numbers; most weights are 0."""
    rng = np.random.default_rng(seed)
    middle = np.rint(X.mean(axis=0, dtype=np.float64)).astype(np.float32)
    columns, weights = rng.integers(-3, 4, (m, X.shape[1])), rng.integers(-3, 4, (m, len(X)))
    weights[rng.random(weights.shape) < 0.6] = 0
    return middle, columns.astype(np.float32), weights.astype(np.float32)


def check_products(X, middle, columns, weights):
    for name, right in (("products", columns), ("sums", weights)):
        found = getattr(products, name)(X, middle, right)
        assert found.dtype == (np.float32 if name == "products" else np.float64)
        np.testing.assert_array_equal(found, getattr(oracles_l2, name)(X, middle, right))
    same(products.squares(X, middle), oracles_l2.squares(X, middle))


@given(X=grey(n=(1, 20), d=(1, 20)), m=st.integers(1, 9), as_float=st.booleans(), seed=st.integers(0, 99))
def test_products_of_whole_numbers_are_exact(X, m, as_float, seed):
    check_products(X.astype(np.float32) if as_float else X, *operands(X, m, seed))


@needs_jit
@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_products_at_the_widths_of_vectors(d, dtype):
    X = images(2 * products.BLOCK + 3, d, seed=d)[: 600 if d < 100 else 20]
    check_products(X.astype(dtype), *operands(X, 5, d))


@pytest.mark.parametrize("m", [1, 6])
@pytest.mark.parametrize("as_float", [True, False])
def test_products_of_any_floats(m, as_float):
    X = images(41, 150, seed=m)
    X = floats(X) if as_float else X
    rng = np.random.default_rng(m)
    middle = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    columns, weights = rng.normal(size=(m, 150)).astype(np.float32), rng.normal(size=(m, 41)).astype(np.float32)
    for name, right in (("products", columns), ("sums", weights)):
        found, expected = (getattr(where, name)(X, middle, right) for where in (products, oracles_l2))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    squares = oracles_l2.squares(X, middle)
    np.testing.assert_allclose(products.squares(X, middle), squares, rtol=1e-6, atol=0)


@needs_jit
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_products_are_made_in_vectors(dtype):
    """Of eight floats or more, several at a time, so that one addition does not wait for the other."""
    host = llvmlite.binding.get_host_cpu_features()
    if not (host.get("avx2") and host.get("fma")):
        pytest.skip("this processor has no such vectors")
    x, w = images(1, 40, seed=0)[0].astype(dtype), np.ones(40, np.float32)
    for kernel, arguments in (
        (products._multiply, (x, w, w)),
        (products._multiply_tile, (x, x, w, w, w, w, w)),
        (products._add, (w.copy(), w, x, x, x, x, *w[:4])),
    ):
        compiled = numba.njit(fastmath=kernel.targetoptions["fastmath"])(kernel.py_func)  # the cache has no assembly
        compiled(*arguments)
        (code,) = compiled.inspect_asm().values()
        assert len(re.findall(r"vfmadd\w+ps\s.*[yz]mm", code)) >= 4


# Floats that are kept as float64


def wide(X):
    """float64 points whose differences are those of `X`, and that float32 does not hold; no sum of them is rounded."""
    return X.astype(np.float64) + 2.0**40 + 0.5


@pytest.mark.slow  # to compile
@given(X=grey(n=(2, 12)), T=st.integers(1, 5), data=st.data())
def test_numbers_that_only_float64_holds(X, T, data):
    points, n = wide(X), len(X)
    k, include_self, squared = data.draw(st.integers(1, n - 1)), data.draw(st.booleans()), data.draw(st.booleans())
    found = neighbors.kth_distance(points, k, include_self, squared)
    same(found, oracles.kth_distance(points, k, include_self, squared))
    centers = wide(data.draw(hnp.arrays(np.uint8, (T, X.shape[1]))))
    for one, expected in zip(nearest(points, centers), oracles.assign_floats(points, centers), strict=True):
        same(one, expected)
    order, starts = grouped(data.draw(st.lists(st.integers(0, T - 1), min_size=n, max_size=n)), T)
    for one, expected in zip(
        (*clusters.bound_clusters(points, order, starts), clusters.median_clusters_floats(points, order, starts)),
        (*oracles.bound_clusters(points, order, starts), oracles.median_clusters_floats(points, order, starts)),
        strict=True,
    ):
        same(one, expected)
    same(clusters.sum_clusters(points, order, starts), oracles.sum_clusters(points, order, starts))
    lower, upper = centers - 3.25, centers + data.draw(st.sampled_from([-3.25, 0.5, 40, np.inf]))
    same(rectangles.outside_floats(points, lower, upper), oracles.outside(points, lower, upper))
    levels = np.sort(np.vstack([points.T, -points.T]) - 3, axis=1)
    coded = faces.code_points(points, levels, 3.0, 2.0), oracles_faces.code_points(points, levels, 3.0, 2.0)
    for one, expected in zip(*coded, strict=True):
        same(one, expected)


@pytest.mark.slow  # to compile
@pytest.mark.parametrize("shape", [(9, 33), (270, 5)])
def test_distances_of_numbers_that_only_float64_holds(shape):
    X = images(*shape, seed=2)
    points = wide(X)
    assert not (points.astype(np.float32) == points).any()
    found = np.empty((shape[0], 7))
    distances.fill_distances(points, None, points[:7].copy(), None, found)
    same(found, oracles_l2.distances(points, points[:7]))
    counts, expected = np.zeros((2, shape[0], 40), np.int32)
    scale = np.array([0.1234567, 0.1234567, 0, 0])
    tiles = np.array([(i, j) for j in range(-(-shape[0] // distances.TILE)) for i in range(j + 1)])
    assert oracles_l2.count_pairs(points, tiles, distances.TILE, scale, expected) > CLOSE
    for pair in tiles:  # one after the other: pairs that have a tile in common are never counted at once
        distances.count_pairs(points, None, None, pair[np.newaxis], scale, counts)
    same(counts, expected)


@needs_jit
@pytest.mark.parametrize("m", [1, 6])
@pytest.mark.parametrize("d", [1, 7, 33])
def test_products_of_whole_float64_are_exact(d, m):
    X = images(130, d, seed=d)
    middle, columns, weights = operands(X, m, seed=d)
    check_products(X.astype(np.float64), middle, columns, weights)


@pytest.mark.xfail(reason="float64 points become float32 before the middle is subtracted")
def test_products_of_numbers_that_only_float64_holds():
    X = images(130, 7, seed=3)
    _, columns, weights = operands(X, 6, 1)
    check_products(wide(X), np.full(7, 2.0**40, np.float32), columns, weights)


# Threads


def launches():
    """Every parallel kernel on data with something to do for each thread."""
    X = images(301, 37, seed=1)
    points = floats(X)
    rows = images(700, 37, seed=6)  # three pairs of blocks in a round
    labels = np.random.default_rng(2).integers(0, 7, 301).astype(np.int32)
    order, starts = grouped(labels.tolist(), 7)
    centers = np.ascontiguousarray(images(7, 37, seed=3).astype(np.int32) * 4096)
    lower = images(7, 37, seed=4, high=120).astype(np.float32)
    upper = lower + 130
    return {
        "kth_l1_uint8": lambda: kth_l1(rows, 9, True),
        "kth_distance, uint8": lambda: neighbors.kth_distance(rows, 9, False, True),
        "kth_distance, float32": lambda: neighbors.kth_distance(floats(rows), 9, True, False),
        "assign_uint8": lambda: assigned(X, centers),
        "assign_floats": lambda: nearest(points, points[:7]),
        "own_distances_uint8": lambda: assignment.own_distances_uint8(X, centers, 12, labels),
        "move_sums": lambda: moved(X, labels),
        "sum_clusters": lambda: clusters.sum_clusters(points, order, starts),
        "bound_clusters": lambda: clusters.bound_clusters(points, order, starts),
        "median_clusters_uint8": lambda: clusters.median_clusters_uint8(X, order, starts),
        "median_clusters_floats": lambda: clusters.median_clusters_floats(points, order, starts),
        "outside_uint8": lambda: outside(X, lower, upper),
        "outside_floats": lambda: outside(points, lower.astype(np.float64), upper.astype(np.float64)),
        "count_codes": lambda: counted(rows.repeat(4, axis=1)),
        "best_faces, mirrored": lambda: faces.best_faces(counted(X), counted(X[:200]), 8, True, 3, 20, 300, 1, 1),
        "best_faces": lambda: faces.best_faces(counted(X), counted(X[:200]), 0, False, 3, 20, 300, 300, 1),
        "code_points": lambda: faces.code_points(
            points, np.sort(floats(rows[:200]).reshape(74, -1)[:, :90]), 3.5, 0.25
        ),
        "float64, assign_floats": lambda: nearest(wide(X), wide(X[:7])),
        "float64, sum_clusters": lambda: clusters.sum_clusters(wide(X) / 7, order, starts),
        "float64, bound_clusters": lambda: clusters.bound_clusters(wide(X), order, starts),
        "float64, median_clusters_floats": lambda: clusters.median_clusters_floats(wide(X), order, starts),
        "float64, outside_floats": lambda: outside(wide(X), wide(lower), wide(upper)),
        "float64, kth_distance": lambda: neighbors.kth_distance(wide(rows) / 7, 9, True, True),
        "float64, products": lambda: products.products(wide(X), points[0], points[:5]),
        "float64, sums": lambda: products.sums(wide(rows), points[0], floats(images(6, 700, seed=8, high=3))),
        "float64, squares": lambda: products.squares(wide(X), points[0]),
        "products": lambda: products.products(X, points[0], points[:5]),
        "products of one column": lambda: products.products(points, points[0], points[:1]),
        "sums": lambda: products.sums(rows, points[0], floats(images(6, 700, seed=8, high=3))),
        "squares": lambda: products.squares(points, points[0]),
    }


def counted(X):
    counts = np.zeros((X.shape[1], 256), np.int32)
    faces.count_codes(X, np.arange(len(X)), 1, counts)
    return counts


def assigned(X, centers):
    labels, floors = np.zeros(len(X), np.int32), np.zeros((len(X), len(centers)), np.int32)
    for last, now in ((centers, centers), (centers, centers // 2)):
        assignment.assign_uint8(X, now, 12, *assignment.round_centers(now, last, 12), labels, floors)
    return labels, floors


def moved(X, labels):
    sums = np.zeros((7, X.shape[1]), np.int64)
    clusters.move_sums(X, np.arange(len(X)), np.full(len(X), -1, np.int32), labels, sums)
    return sums


def as_bytes(result):
    return [part.tobytes() for part in (result if isinstance(result, tuple) else (result,))]


@needs_jit
@pytest.mark.parametrize("name", list(launches()))
def test_one_thread_and_many_give_the_same_bits(name):
    launch = launches()[name]
    if threads.available_threads() < 2:
        pytest.skip("one thread only")
    with threads.using_threads(1):
        alone = as_bytes(launch())
    for n in range(2, threads.available_threads() + 1):
        with threads.using_threads(n):
            assert numba.get_num_threads() == n
            assert as_bytes(launch()) == alone


@needs_jit
def test_the_number_of_threads_is_as_before_afterwards():
    before = numba.get_num_threads()
    launch = launches()["outside_uint8"]
    with threads.using_threads(1):
        assert numba.get_num_threads() == 1
        launch()
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), threads.using_threads(1):
        raise ZeroDivisionError
    assert numba.get_num_threads() == before


def test_thread_limits_nest():
    with threads.using_threads(threads.available_threads()):
        many = numba.get_num_threads()
        with threads.using_threads(1):
            pass
        assert numba.get_num_threads() == many


@needs_jit
def test_a_search_is_the_same_on_any_number_of_threads():
    from numbaconc.search.rectangles import RectangleSearch

    X = blobs(240, 23, seed=5)

    def search(n_threads):
        with threads.using_threads(n_threads):
            found = RectangleSearch(n_sets=4, seed=3, n_neighbors=10, epsilon="8/255", alpha=0.05).fit(X)
        return found.q_, found.trace_, found.region_.lower.tobytes(), found.region_.upper.tobytes()

    assert search(1) == search(threads.available_threads())


# Rooms


def imports(path):
    """Full names of the modules that a file imports, relative ones with their dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


SHARED = ("threads", "processor", "compiling", "environment", "schedule")  # files without kernels


@pytest.mark.parametrize("path", sorted(KERNELS.glob("*.py")), ids=lambda path: path.name)
def test_kernel_files_import_one_another_only(path):
    others = {name for name in imports(path) if name.startswith((".", "numbaconc"))}
    others = {name for name in others if name != "numbaconc.kernels" and not name.startswith("numbaconc.kernels.")}
    assert others <= ({"numbaconc.errors"} if path.stem in SHARED else set())


CHANGED = """
import numpy as np
from numbaconc.kernels import neighbors
print(neighbors.__file__, neighbors.kth_distance(np.array([[0.0], [1.0], [3.0]]), 1, False, False).tolist())
"""


@needs_jit
@pytest.mark.slow
def test_a_change_in_any_kernel_file_is_noticed(tmp_path):
    """Compiled code has functions of other files in it, which Numba's own cache does not look at."""
    shutil.copytree(PACKAGE, tmp_path / "numbaconc", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def found():
        ran = subprocess.run(
            [sys.executable, "-c", CHANGED],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        file, _, radii = ran.stdout.strip().partition(" ")
        assert Path(file).is_relative_to(tmp_path)
        return radii

    assert found() == "[1.0, 1.0, 2.0]"
    heaps = tmp_path / "numbaconc" / "kernels" / "heaps.py"
    text = heaps.read_text()
    heaps.write_text(text.replace("    heap[place] = value\n", "    heap[place] = value + 5\n"))
    assert found() != "[1.0, 1.0, 2.0]"


def decorators(path):
    """Names of what decorates the functions of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield from (ast.unparse(part.func if isinstance(part, ast.Call) else part) for part in node.decorator_list)


@pytest.mark.parametrize("name", SHARED)
def test_what_kernel_files_share_has_no_jitted_function(name):
    assert not {"kernel", "helper", "intrinsic", "overload"} & set(decorators(KERNELS / f"{name}.py"))


@pytest.mark.parametrize("path", sorted(KERNELS.glob("*.py")), ids=lambda path: path.name)
def test_compile_options_and_the_processor_are_looked_after_in_one_place_each(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = {
        getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", "") for node in ast.walk(tree)
    }
    options = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    if path.name != "compiling.py":
        assert not {"jit", "njit", "vectorize", "guvectorize", "stencil"} & words
        assert not {"parallel", "cache", "fastmath"} & options
    if path.name != "processor.py":
        assert "magic_tuple" not in words


def test_only_kernels_import_numba():
    others = [path for path in PACKAGE.rglob("*.py") if KERNELS not in path.parents]
    assert others
    users = {path.name for path in others for name in imports(path) if name.split(".")[0] == "numba"}
    assert not users


MODULES = (
    apart,
    assignment,
    balls,
    clusters,
    codes,
    distances,
    faces,
    filtering,
    heaps,
    neighbors,
    pairs,
    products,
    reaches,
    rectangles,
    rounding,
    tiles,
)


def jitted(module):
    """Return the functions of a file that Numba compiles."""
    functions = [
        one if hasattr(one, "targetoptions") else getattr(one, "__wrapped__", one) for one in vars(module).values()
    ]
    functions = [one for one in functions if hasattr(one, "targetoptions") and one.__module__ == module.__name__]
    assert functions
    return functions


def test_every_kernel_file_is_known_here():
    assert {path.stem for path in KERNELS.glob("*.py")} == {
        "__init__",
        *SHARED,
        *("sums", "panels"),  # which have instructions only
        *(module.__name__.split(".")[-1] for module in MODULES),
    }


@needs_jit
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_kernel_gives_up_the_meaning_of_infinity(module):
    """Full fastmath makes comparisons with infinite bounds undefined; only the order of sums may be given up."""
    for function in jitted(module):
        flags = function.targetoptions.get("fastmath", False)
        assert flags is False or set(flags) == compiling.ANY_ORDER == {"reassoc", "nsz", "contract"}
        assert not function.targetoptions.get("parallel") or flags is False


@needs_jit
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_kernel_is_cached_beside_its_own_file(module):
    for function in jitted(module):
        assert Path(function._cache._impl.locator._py_file) == Path(module.__file__)
