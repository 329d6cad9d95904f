"""Algorithm 2 and unions of balls against plain loops, ball by ball, and the laws that they must obey."""

from __future__ import annotations

import contextlib
import io
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import oracles_l2 as oracles
import pytest
from conftest import AVX2, AVX512, blobs, examples, grey, images, needs_jit, on_processor, refused
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp
from tqdm import tqdm

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.errors import InputError
from numbaconc.goal import Goal
from numbaconc.kernels import balls as kernels, distances as distance_kernels, processor, rounding
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import distances, greedy as search
from numbaconc.search.histograms import Histograms, Ruler
from numbaconc.search.run import Run

LEVELS = (0.3, 1, 2, 3.5, 5, 8, 40.25, 300)  # strengths in grey levels
BIG = np.iinfo(np.int32).max


def cloud(n, d, seed, n_blobs=7, spread=20):
    """Clustered uint8 points without the many duplicates of `blobs`."""
    rng = np.random.default_rng(seed)
    middles = rng.integers(60, 196, (n_blobs, d))
    X = middles[rng.integers(0, n_blobs, n)] + np.rint(rng.normal(0, spread, (n, d)))
    return X.clip(0, 255).astype(np.uint8)


def same(found, expected):
    """Equal, type and all."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def search_balls(X, epsilon, alpha, n_sets, delta=0.0, **settings):
    """The search, fitted."""
    return nc.BallSearch(n_sets=n_sets, delta=delta, epsilon=epsilon, alpha=alpha, **settings).fit(X)


def run_search(X, checkpoint=None, *, progress=False, **settings):
    """What a search finds that goes on from a checkpoint, or shows its progress."""
    search = nc.BallSearch(**settings).checked()
    return Run(search, nc.as_sample(X), nc.How(progress=progress)).find(search.goal(), checkpoint)


# Kernels


def distances_between(X, Y):
    """What `fill_distances` finds."""
    if X.dtype == Y.dtype == np.uint8:
        (left, left_norms, _), (right, _, right_norms) = distance_kernels.as_words(X), distance_kernels.as_words(Y)
        found = np.empty((len(X), len(Y)), np.int32)
    else:
        left, left_norms, right, right_norms = X.astype(np.float64), None, Y, None
        found = np.empty((len(X), len(Y)))
    distance_kernels.fill_distances(left, left_norms, right, right_norms, found)
    return found


@pytest.mark.parametrize("kinds", ["uu", "ff", "fu"])
@examples(20)
@given(X=grey(n=(1, 40), d=(1, 40)), cut=st.integers(1, 40))
def test_distances_between_points(kinds, X, cut):
    rows, others = (
        X / np.float32(8) if kind == "f" else X for kind, X in zip(kinds, (X[:cut], X[::-1].copy()), strict=True)
    )  # eighths of levels: sums are exact in any order
    same(distances_between(rows, others), oracles.distances(rows, others))


@pytest.mark.parametrize("kinds", ["uu", "ff"])
@pytest.mark.parametrize("shape", [(1, 17), (8, 16), (9, 300), (65, 513)])
def test_distances_of_many_points(shape, kinds):
    X, Y = images(shape[0], 5, 0), images(shape[1], 5, 1)
    if kinds == "ff":
        X, Y = Y[: shape[0]].astype(np.float32) / 4, Y.astype(np.float32) / 4
    same(distances_between(X, Y), oracles.distances(X, Y))


@pytest.mark.parametrize("d", [1, 2, 3, 5, 1000, 2**15 - 1, 2**15])
def test_distances_of_extreme_points(d):
    X = np.zeros((5, d), np.uint8)
    X[1], X[2, ::2], X[3, :1], X[4] = 255, 255, 128, 127
    expected = ((X[:, np.newaxis].astype(np.int64) - X) ** 2).sum(axis=2)
    same(distances_between(X, X), expected.astype(np.int32))


def test_distances_of_points_that_begin_at_any_byte():
    for offset in range(5):
        X = images(9, 9, 0).ravel()[offset : offset + 72].reshape(9, 8)
        same(distances_between(X, X), oracles.distances(X, X))


def test_equal_points_are_equally_far():
    X = np.random.default_rng(0).random((40, 37)).astype(np.float32)[np.arange(80) % 40]
    found = distances_between(X, X)
    np.testing.assert_array_equal(found[:40], found[40:])
    np.testing.assert_array_equal(found[:, :40], found[:, 40:])
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(distances_between(X[7:8], X[3:60]), found[7:8, 3:60])


@needs_jit
def test_equal_points_are_equally_far_wherever_they_are():
    """The same points elsewhere, next to others, in other numbers."""
    X = np.random.default_rng(0).normal(size=(700, 50)).astype(np.float32)
    found = distances_between(X, X)
    np.testing.assert_array_equal(found, found.T)
    for rows in (slice(3, 4), slice(690, 700), slice(5, 300, 7)):
        for columns in (slice(0, 1), slice(250, 275), slice(1, None)):
            np.testing.assert_array_equal(
                distances_between(np.ascontiguousarray(X[rows]), np.ascontiguousarray(X[columns])), found[rows, columns]
            )


EVEN, UNEVEN = np.array([1.0, 1, 0, 0]), np.array([0.2, 1.3, 2, 3.5])  # buckets of one width, and of two


def as_points(X):
    """What kernels take for uint8 points, for whole numbers of 16 bits, and for floats."""
    if X.dtype == np.int16:
        parts = np.pad(X, ((0, 0), (0, X.shape[1] % 2)))
        norms = (X.astype(np.int32) ** 2).sum(axis=1, dtype=np.int32)
        return parts.view(np.uint32), norms, norms
    return distance_kernels.as_words(X) if X.dtype == np.uint8 else (X, None, None)


def as_scale(X, scale):
    """What kernels take beside such points."""
    return scale.astype(np.float64 if X.dtype.kind == "f" else np.float32)


def counted(X, pairs, scale, n_buckets):
    counts = np.zeros((len(X), n_buckets), np.int32)
    distance_kernels.count_pairs(*as_points(X), pairs, as_scale(X, scale), counts)
    return counts


KINDS = (np.uint8, np.int16, np.float32, np.float64)


@pytest.mark.parametrize("kind", KINDS)
@examples(12)
@given(
    X=grey(n=(1, 20), d=(1, 9)),
    scale=st.floats(1e-3, 3),
    widths=st.sampled_from([EVEN, UNEVEN]),
    n_buckets=st.integers(1, 30),
)
def test_distances_are_counted(kind, X, scale, widths, n_buckets):
    X, scale = X.astype(kind), scale * widths
    expected = np.zeros((len(X), n_buckets), np.int32)
    assume(oracles.count_pairs(X, np.zeros((1, 2), int), distance_kernels.TILE, scale, expected) > 1e-3)
    same(counted(X, np.zeros((1, 2), np.int64), scale, n_buckets), expected)


@pytest.mark.parametrize("kind", KINDS)
@examples(12)
@given(
    X=grey(n=(1, 20), d=(1, 9)),
    cut=st.integers(1, 20),
    scale=st.floats(1e-3, 3),
    widths=st.sampled_from([EVEN, UNEVEN]),
    seed=st.integers(0, 99),
)
def test_distances_from_some_points_are_counted(kind, X, cut, scale, widths, seed):
    X, scale, rng = X.astype(kind), scale * widths, np.random.default_rng(seed)
    (left, norms, _), (right, _, others) = as_points(X[:cut].copy()), as_points(X[::-2].copy())
    rows, limits = rng.permutation(len(left) + 2)[: len(left)], rng.integers(-1, 9, len(left))
    found = rng.integers(0, 3, (len(left) + 2, 8)).astype(np.int32)
    expected = found.copy()
    within, margin = oracles.count_from(X[:cut], X[::-2], scale, expected, rows, limits)
    assume(margin > 1e-3)
    same(distance_kernels.count_from(left, norms, right, others, as_scale(X, scale), found, rows, limits), within)
    same(found, expected)


@needs_jit
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 64, 65, 300, 2100])
def test_distances_from_many_points_are_counted(n, kind):
    """Around the heights of blocks that one thread counts, whatever their number."""
    X, Y = (images(m, 3, seed).astype(kind) for m, seed in ((n, 0), (270, 1)))
    (left, norms, _), (right, _, others) = as_points(X), as_points(Y)
    scale = as_scale(X, np.float64(np.float32(0.1)) * EVEN)
    scaled = np.sqrt(((X[:, np.newaxis].astype(np.float64) - Y) ** 2).sum(axis=2)) * np.float64(np.float32(0.1))
    buckets, rows = np.minimum(scaled.astype(int), 39), np.arange(n)[::-1].copy()
    for n_threads in {1, available_threads()}:
        counts = np.zeros((n, 40), np.int32)
        with using_threads(n_threads):
            within = distance_kernels.count_from(left, norms, right, others, scale, counts, rows, np.arange(n) % 50)
        same(counts[rows], (buckets[:, :, np.newaxis] == np.arange(40)).sum(axis=1, dtype=np.int32))
        same(within, (buckets <= (np.arange(n) % 50)[:, np.newaxis]).sum(axis=1))


@needs_jit
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [256, 257, 600])
def test_every_pair_of_tiles_is_counted_once(n, kind):
    X = images(n, 3, 0).astype(kind)
    scale = np.float64(np.float32(0.1))
    found = sum(counted(X, pairs, scale * EVEN, 40) for pairs in distances.rounds(-(-n // distance_kernels.TILE)))
    scaled = np.sqrt(((X[:, np.newaxis].astype(np.float64) - X) ** 2).sum(axis=2)) * scale
    for i in (0, 17, 255, n - 1):
        same(found[i], np.bincount(np.minimum(scaled[i].astype(int), 39), minlength=40).astype(np.int32))
    assert (found.sum(axis=1) == n).all()


@given(
    X=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(-1000, 1000, width=32)
    ),
    scale=st.sampled_from([0.01, 1.0, 3.7]),
    wider=st.integers(0, 2),
)
def test_rounded_rows(X, scale, wider):
    middle, (n, d) = X.mean(axis=0, dtype=np.float64), X.shape
    rounded = np.full((n, d + wider), 7, np.int16)
    norms, moved = rounding.round_rows(X, middle, scale, rounded)
    expected = oracles.round_rows(X, middle, scale)
    same(rounded, np.pad(np.array(expected[0], np.int16), ((0, 0), (0, wider))))
    same(norms, np.array(expected[1], np.int32))
    np.testing.assert_allclose(moved, expected[2], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        rounding.distances_from(X, middle),
        [math.dist(row, middle.tolist()) for row in X.tolist()],
        rtol=1e-12,
        atol=1e-12,
    )


@needs_jit
@pytest.mark.parametrize("d", [1, 2, 17, 700])
@pytest.mark.parametrize("kind", ["normal", "heavy", "ends", "far"])
def test_distances_of_rounded_points(d, kind):
    """Off by no more than is said, and no larger than what they are made of can hold."""
    rng = np.random.default_rng(d)
    X = {
        "normal": rng.normal(size=(300, d)),
        "heavy": rng.standard_cauchy((300, d)),
        "ends": rng.choice([-1e30, 1e30], (300, d)),
        "far": 1e6 + rng.random((300, d)),
    }[kind].astype(np.float64 if kind == "far" else np.float32)
    exact = distances.Distances(nc.Sample(X))
    points = exact.within(np.inf)
    assert points.points.dtype == np.uint32
    found = np.empty((300, 300), np.int32)
    distance_kernels.fill_distances(*points[:2], points.points, points.right_norms, found)
    off = np.abs(np.sqrt(found) / points.per_level - distances_between(X, X))
    assert (found >= 0).all()
    assert off.max() <= points.error
    assert points.error <= 1e-3 * distances_between(X, X).max()
    assert exact.within(points.error) is points
    assert exact.within(points.error * 0.999) is exact.points


def test_points_that_cannot_be_rounded():
    for X in (np.zeros((3, 2)), np.array([[1e200, 0], [0, 0], [-1e200, 1]])):
        exact = distances.Distances(nc.Sample(X))
        points = exact.within(1e-3)
        assert points is exact.points or not X.any()
    pixels = distances.Distances(nc.as_sample(X90))
    assert pixels.within(0.0) is pixels.points


@pytest.mark.parametrize("n_tiles", [1, 2, 3, 4, 5, 8, 11])
def test_every_pair_of_tiles_meets_once(n_tiles):
    rounds = distances.rounds(n_tiles)
    for pairs in rounds:
        apart = pairs[pairs[:, 0] != pairs[:, 1]]
        assert len(np.unique(apart)) == apart.size
        assert len(apart) in {0, len(pairs)}
    met = sorted(tuple(sorted(pair)) for pairs in rounds for pair in pairs.tolist())
    assert met == [(i, j) for i in range(n_tiles) for j in range(i, n_tiles)]


@given(data=st.data(), n_buckets=st.integers(2, 12), n=st.integers(1, 4))
def test_bounds_of_balls(data, n_buckets, n):
    counts = data.draw(hnp.arrays(np.int32, (n, n_buckets), elements=st.integers(0, 5)))
    counts[:, data.draw(st.integers(0, n_buckets - 1))] += 3
    k_high = data.draw(st.integers(1, int(counts.sum(axis=1).min())))
    floors = np.array(sorted(data.draw(st.sets(st.integers(1, k_high), min_size=1))), np.int64)
    covered, expanded = (data.draw(hnp.arrays(np.int32, (n, n_buckets), elements=st.integers(0, 5))) for _ in range(2))
    counts += np.maximum(covered, expanded)  # so that k_high points are uncovered
    rows = data.draw(st.permutations(range(n)).map(lambda order: np.array(order[: len(order) // 2 + 1])))
    tops = np.arange(n_buckets) + data.draw(hnp.arrays(np.int64, n_buckets, elements=st.integers(-1, 14)))
    arguments = counts, covered, expanded, rows, tops, data.draw(st.integers(0, 3)), k_high, floors
    for ours, theirs in zip(kernels.bound_balls(*arguments), oracles.bound_balls(*arguments), strict=True):
        same(ours, theirs)


@needs_jit
@pytest.mark.skipif(
    not processor.WIDE_REGISTERS,
    reason="no wide vectors on this processor: all other tests take the portable path anyway",
)
@pytest.mark.parametrize(
    ("features", "kinds"),
    [
        (AVX2, "uu or ff or extreme or any_byte or rounded_points and not far or counted and not float32"),
        (AVX512, "uu or extreme or any_byte or counted and not float"),  # of floats as on this processor
    ],
    ids=["avx2", "avx512"],
)
def test_a_processor_of_other_vectors(features, kinds):
    """The same tests of what is made of vector instructions, compiled for plainer processors of the kind.

    What is written for AVX2 is written for any that has no wide vectors. Blocks of floats are of float64, whatever
    the floats are, so that one type of them is enough.
    """
    those = f"test_distances and ({kinds}) and not fu and not wide and not 2100"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "--hypothesis-profile=few", "-k", those]
    assert " passed" in on_processor(features, *command)


def coarsened(patch, data):
    """Let distances be off by more, and buckets be narrower in parts."""
    patch.setattr(search, "TOLD_APART", data.draw(st.sampled_from([0.1, 4, 1e6])))
    patch.setattr(search, "ERROR", data.draw(st.sampled_from([0, 1 / 16, 0.49])))
    patch.setattr(distances, "LONGEST", data.draw(st.sampled_from([10, 60, distances.LONGEST])))


@examples(100)
@given(
    data=st.data(),
    X=st.one_of(grey(n=(3, 24), d=(1, 3)), grey(n=(3, 14), d=(17, 17))),
    levels=st.sampled_from((1e-300, 1e-5, *LEVELS, 1e9)),
    steps=st.sampled_from([1, 2, 24, 100]),
    buckets=st.sampled_from([1, 2, 9, 1024]),
    as_float=st.booleans(),
)
def test_first_bounds_hold(data, X, levels, steps, buckets, as_float):
    """No center is worth less than it is said to be, and none reaches farther, however coarsely points are rounded."""
    n = len(X)
    sample = nc.Sample(X.astype(np.float32) if as_float else X, 1.0)
    target = data.draw(st.integers(1, n - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "STEPS", steps)
        patch.setattr(search, "BUCKETS", buckets)
        patch.setattr(search, "FEW", 2)
        coarsened(patch, data)
        greedy = search.Greedy(distances.Distances(sample), levels, target, data.draw(st.integers(1, 4)))
        greedy.bound(progress=False)
    everyone = np.ones(n, np.bool_)
    to = oracles.distances(sample.X, sample.X)
    state = to, not as_float, everyone, everyone, levels, 1, target, greedy.floors, greedy.reach
    _, _, least, reach = oracles.best_balls(*state)
    assert (greedy.least <= least).all()
    assert (greedy.least >= 0).all()
    assert (greedy.reach >= np.minimum(reach * (1 - 1e-12), np.inf if as_float else BIG)).all()


@examples(300)
@given(
    data=st.data(),
    away=st.lists(st.integers(0, 40).map(lambda eighths: eighths / 8), min_size=2, max_size=8),
    strength=st.sampled_from([1.0, 2.0]),
    share=st.sampled_from([0, 0.25, 0.5]),
    ruler=st.sampled_from([Ruler(0.7, 0.7), Ruler(40.0, 40.0), Ruler(2.0, 40.0, 1.0, 4.0)]),
)
def test_what_histograms_of_distances_that_are_off_say(data, away, strength, share, ruler):
    """Distances that tie may be off by as much as is said, either way, and what is said of them still holds."""
    n, error = len(away), share * strength
    exact = np.array([away], np.float64)
    shifts = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=n, max_size=n))
    off = np.maximum(0, exact + error * np.array(shifts))
    last_bucket = data.draw(st.sampled_from([9, 300]))  # has all larger distances, too
    buckets = np.minimum(ruler.place(off), last_bucket).astype(int)
    counts = np.bincount(buckets[0], minlength=last_bucket + 1)[np.newaxis].astype(np.int32)
    known = Histograms(counts, ruler, distances.Points(exact, error=error))
    k_high = data.draw(st.integers(1, n - 1))
    floors, none, tops = np.arange(1, k_high + 1), np.zeros_like(counts), known.tops(strength)
    least, last = kernels.bound_balls(counts, none, none, np.zeros(1, np.int64), tops, known.spread, k_high, floors)
    everyone = np.ones(n, np.bool_)
    state = exact, False, everyone, everyone, strength, 1, k_high, floors, np.full(1, np.inf)
    _, _, expected, reach = oracles.best_balls(*state)
    assert (least <= expected).all()
    assert known.farthest(last)[0] + strength >= reach[0]
    near, top = kernels.bound_expansions(counts, tops, k_high)
    within = exact[0] <= np.sort(exact[0])[k_high - 1] + strength
    assert near[0] <= (within & (exact[0] <= known.farthest(top)[0])).sum()
    assert (known.buckets(exact) >= buckets).all()


@examples(200)
@given(
    square=st.one_of(st.integers(0, 400), st.integers(0, 2**31 - 1), st.integers(0, 2000).map(lambda r: r * r)),
    strength=st.one_of(st.sampled_from(LEVELS), st.floats(1e-6, 1000), st.integers(1, 1000).map(float)),
)
def test_the_largest_square_within_reach(square, strength):
    found = kernels.expand_radius(float(square), strength, True)
    expected = oracles.expand_radius(square, strength, True)
    assert found == expected or min(found, expected) > BIG  # more than any squared distance is as good as any other
    limit = math.sqrt(square) + strength
    assert found == math.floor(found)
    if expected <= BIG:
        assert math.sqrt(found) <= limit < math.sqrt(found + 1)
        if math.isqrt(square) ** 2 == square and strength == math.floor(strength):
            assert found == (math.isqrt(square) + strength) ** 2
    assert kernels.expand_radius(math.sqrt(square), strength, False) == limit


@st.composite
def states(draw):
    """What `best_balls` is given: many ties, at any scale."""
    n, squared = draw(st.integers(1, 14)), draw(st.booleans())
    shape = draw(st.integers(1, 4)), n
    small, top = st.integers(0, draw(st.sampled_from([0, 1, 6, 60]))), st.integers(BIG - 3, BIG)
    if squared:
        to = draw(hnp.arrays(np.int32, shape, elements=draw(st.sampled_from([small, top, st.one_of(small, top)]))))
    else:
        to = draw(hnp.arrays(np.int32, shape, elements=small)) * draw(st.sampled_from([1e-20, 0.1, 1.0, 1e20]))
    uncovered, unexpanded = (draw(hnp.arrays(np.bool_, n)) for _ in range(2))
    uncovered[draw(st.integers(0, n - 1))] = True
    k_high = draw(st.integers(1, int(uncovered.sum())))
    k_low = draw(st.integers(1, k_high))
    floors = np.array(sorted(draw(st.sets(st.integers(1, k_low), min_size=1))), np.int64)
    strength = draw(st.sampled_from([1e-20, 0.3, 1.0, 2.0, 5.0, 1e5]))
    reaches = np.full(shape[0], np.inf)
    if draw(st.booleans()):  # no ball needs to reach farther
        reaches[:] = [oracles.expand_radius(radius, strength, squared) for radius in to.max(axis=1).tolist()]
    return (
        to,
        squared,
        uncovered,
        unexpanded,
        strength,
        k_low,
        k_high,
        floors,
        reaches,
        draw(st.sampled_from([1, n + 1])),
    )


@examples(200)
@given(state=states())
def test_best_balls(state):
    found, expected = kernels.best_balls(*state), oracles.best_balls(*state)
    if state[1]:  # a reach beyond any squared distance is as good as any other
        found, expected = ((*three, np.minimum(reach, BIG)) for *three, reach in (found, expected))
    for ours, theirs in zip(found, expected, strict=True):
        same(ours, theirs)


@needs_jit
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("spread", [3, 40, 5000, 2_000_000])
def test_best_balls_among_more_points(squared, spread):
    rng = np.random.default_rng(spread)
    to = rng.integers(0, spread, (5, 600)).astype(np.int32)
    to[0, :300] = 0
    to[1, 7] = BIG  # far from the rest
    to[2] = 3
    uncovered, unexpanded = rng.random(600) < 0.8, rng.random(600) < 0.6
    floors = np.array([1, 2, 9, 20], np.int64)
    to = to if squared else np.sqrt(to)
    for strength in (0.5, 30.0, 1000.0):
        for ranks in ((20, 20), (20, 100), (50, int(uncovered.sum()))):
            state = to, squared, uncovered, unexpanded, strength, *ranks, floors, np.full(5, np.inf), 1
            found, expected = kernels.best_balls(*state), oracles.best_balls(*state)
            for ours, theirs in zip(found[:3], expected[:3], strict=True):
                same(ours, theirs)
            top = BIG if squared else math.inf
            same(np.minimum(found[3], top), np.minimum(expected[3], top))
            for ours, theirs in zip(kernels.best_balls(*state[:-2], expected[3], 1), found, strict=True):
                same(ours, theirs)  # the least reaches that are allowed


# The search, ball by ball


def check_balls(found, expected, X, unit=255):
    """The same balls in the same order, and what is said of them."""
    n = len(X)
    region = found.region_
    assert region.center_indices.tolist() == found.center_indices_.tolist() == expected.centers
    np.testing.assert_allclose(region.centers, X[expected.centers] / np.float64(unit), rtol=1e-15)
    radii = [math.sqrt(square) for square in expected.radii] if X.dtype == np.uint8 else expected.radii
    np.testing.assert_allclose(region.radii * unit, radii, rtol=4e-16, atol=0)
    for name in ("covered", "expanded", "objective"):
        values = getattr(found, f"{name}_")
        assert values.dtype == np.int64
        assert values.tolist() == getattr(expected, name), name
    assert (found.risk_, found.adversarial_risk_) == (expected.covered[-1] / n, expected.expanded[-1] / n)
    assert found.unrefined_ == found.adversarial_risk_
    columns = found.center_indices_, region.radii, found.covered_, found.expanded_
    assert found.trace_ == tuple(zip(*(column.tolist() for column in columns), strict=True))
    assert found.n_features_in_ == X.shape[1]


def check_search(X, levels, alpha, n_sets, delta=0.0):
    epsilon = levels / 255
    found = search_balls(X, epsilon, alpha, n_sets, delta)
    expected = oracles.search_balls(X, epsilon, alpha, n_sets, delta)
    check_balls(found, expected, X)
    on_train = found.region_.measure(X, epsilon)
    assert (on_train.risk, on_train.adversarial_risk) == (found.risk_, found.adversarial_risk_)
    assert alpha * (1 - 1e-12) <= found.risk_ <= found.adversarial_risk_
    return found, expected


@st.composite
def lumps(draw, n=(4, 24), d=(1, 3)):
    """Few distinct uint8 points, some of them many times over, in any order."""
    n, d = draw(st.integers(*n)), draw(st.integers(*d))
    distinct = draw(hnp.arrays(np.uint8, (draw(st.integers(1, 6)), d), elements=st.sampled_from([0, 3, 4, 9, 100])))
    return distinct[draw(st.lists(st.integers(0, len(distinct) - 1), min_size=n, max_size=n))]


def search_settings(n):
    """Settings with a target below n, drawn with `data`."""
    return st.tuples(
        st.integers(1, n - 1).map(lambda count: count / n), st.integers(1, 6), st.sampled_from([0, 0.05, 0.25, 1])
    ).filter(lambda chosen: oracles.target(n, chosen[0], chosen[2]) < n)


@examples(200)
@given(
    data=st.data(),
    X=st.one_of(grey(n=(3, 24), d=(1, 3)), lumps(), grey(n=(3, 14), d=(17, 17))),
    levels=st.sampled_from(LEVELS),
)
def test_the_search_finds_the_balls_of_the_plain_loops(data, X, levels):
    check_search(X, levels, *data.draw(search_settings(len(X))))


@needs_jit
@pytest.mark.parametrize("d", [1024, 1025, 1030, 2100])
@pytest.mark.parametrize("palette", [(0, 255), (0, 1, 254, 255), range(256)], ids=["ends", "nearly", "any"])
def test_distances_of_wide_points_are_exact(d, palette):
    X = np.random.default_rng(d).choice(np.array(palette, np.uint8), (14, d))
    X[7:10] = X[:3]
    X[7:10, -1] ^= 1  # one level away
    X[10] = X[0]
    check_search(X, 1, 0.3, 2)
    check_search(X, 30.5, 0.7, 3, 0.25)


@needs_jit
def test_squares_that_int32_does_not_hold():
    X = np.zeros((7, 33100), np.uint8)
    X[1:4] = 255
    X[2, 0] = X[5, 1] = X[6, 2] = 3
    check_search(X, 3, 0.5, 2)
    check_search(X, 255 * math.sqrt(33100), 0.3, 2)


@needs_jit
@pytest.mark.parametrize(
    ("sizes", "count", "n_sets", "fewest"),
    [
        ((20, 8, 2), 30, 5, [6, 3, 1]),
        ((12, 3, 3, 2), 20, 4, [5, 3, 3, 2]),
        ((9, 1), 12, 6, [2, 1, 1, 1]),
        ((50,), 30, 5, [6]),
    ],
)
def test_a_first_ball_that_covers_more_than_its_share(sizes, count, n_sets, fewest):
    """Then the fewest points of the next balls fall, and smaller balls come in than any that was looked at."""
    lumps = [np.full((size, 2), 20 * i) for i, size in enumerate(sizes)]
    loose = np.stack([np.arange(100, 250, 5), 250 - np.arange(30) ** 2 % 61], axis=1)
    X = np.concatenate([*lumps, loose]).astype(np.uint8)
    _, expected = check_search(X, 1, count / len(X), n_sets)
    assert expected.fewest == fewest
    assert expected.covered[0] == sizes[0]
    for levels in (4, 7.5, 29, 60):
        for points in (X, X[::-1].copy()):
            check_search(points, levels, count / len(X), n_sets)


def whole_floats(shape):
    return hnp.arrays(np.float32, shape, elements=st.integers(-3, 6).map(float))


@examples(100)
@given(
    data=st.data(),
    X=st.tuples(st.integers(3, 20), st.integers(1, 4)).flatmap(whole_floats),
    epsilon=st.sampled_from([0.25, 1, 2, 3.5, 50]),
    scale=st.sampled_from([0.125, 1, 8]),
)
def test_the_search_among_floats(data, X, epsilon, scale):
    sample = nc.Sample(X * np.float32(scale), 1.0)
    chosen = data.draw(search_settings(len(X)))
    with pytest.MonkeyPatch.context() as patch:
        coarsened(patch, data)
        found = search_balls(sample, epsilon * scale, *chosen)
    expected = oracles.search_balls(sample.X, epsilon * scale, *chosen)
    check_balls(found, expected, sample.X, unit=1)
    on_train = found.region_.measure(sample, epsilon * scale)
    assert (on_train.risk, on_train.adversarial_risk) == (found.risk_, found.adversarial_risk_)


@pytest.mark.parametrize("seed", range(6))
def test_the_search_among_floats_of_no_grid(seed):
    rng = np.random.default_rng(seed)
    X = rng.random((40, 7)).astype(np.float32)
    X[30:] = X[rng.integers(0, 30, 10)]
    found = search_balls(X, 0.2, 0.3, 4, 0.1)
    expected = oracles.search_balls(X, 0.2, 0.3, 4, 0.1)
    assert found.center_indices_.tolist() == expected.centers
    np.testing.assert_allclose(found.region_.radii, expected.radii, rtol=1e-14)
    assert (found.covered_.tolist(), found.expanded_.tolist()) == (expected.covered, expected.expanded)
    on_train = found.region_.measure(X, 0.2)
    assert (on_train.risk, on_train.adversarial_risk) == (found.risk_, found.adversarial_risk_)


@pytest.fixture
def looked_at(monkeypatch):
    """How many centers `best_balls` was asked about, a number for each call."""
    asked = []

    def counting(distances, *rest):
        asked.append(len(distances))
        return kernels.best_balls(distances, *rest)

    monkeypatch.setattr(search, "best_balls", counting)
    return asked


@needs_jit
@pytest.mark.parametrize(
    ("X", "levels", "alpha", "n_sets", "delta"),
    [
        (blobs(400, 2, 0, n_blobs=7, spread=20), 3, 0.2, 12, 0.25),  # a lump of 40
        (blobs(450, 2, 4, n_blobs=7, spread=20), 1, 0.4, 20, 0),  # a lump of 45, and 9 needed
        (cloud(500, 3, 1), 10, 0.05, 6, 0.05),
        (cloud(600, 4, 2), 20.5, 0.1, 10, 0),
        (cloud(450, 17, 3), 100, 0.2, 8, 0.25),
    ],
    ids=["400x2", "450x2", "500x3", "600x4", "450x17"],
)
def test_most_centers_need_no_second_look(X, levels, alpha, n_sets, delta, looked_at):
    n, (found, _) = len(X), check_search(X, levels, alpha, n_sets, delta)
    assert len(found.covered_) > 3
    assert sum(looked_at) < len(found.covered_) * n / 2


BLOCKS = (
    {"BATCH": 1, "FEW": 1},
    {"BATCH": 7, "FEW": 2, "STEPS": 2},
    {"FEW": 1, "BUCKETS": 5},
    {"BATCH": 5, "FEW": 2, "BUCKETS": 2},
)


@examples(200)
@given(
    data=st.data(),
    X=st.one_of(lumps(n=(8, 24)), grey(n=(8, 24), d=(1, 3))),
    levels=st.sampled_from(LEVELS),
    sizes=st.sampled_from(BLOCKS),
    as_float=st.booleans(),
)
def test_nothing_is_missed_by_looking_at_few_centers(data, X, levels, sizes, as_float):
    """With so few at a time, even small data show a bound that is too high."""
    chosen = data.draw(search_settings(len(X)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sizes.items():
            patch.setattr(search, name, value)
        if as_float:
            points = nc.Sample(X.astype(np.float32), 1.0)
            expected = oracles.search_balls(points.X, levels, *chosen)
            check_balls(search_balls(points, levels, *chosen), expected, points.X, unit=1)
        else:
            check_search(X, levels, *chosen)


@pytest.mark.parametrize(
    ("X", "levels", "count", "n_sets"),
    [
        ([10, 11, 8, 0, 11, 15], 5, 4, 4),
        ([3, 6, 7, 6, 5, 2, 2, 2, 9, 2, 1, 9], 4, 4, 3),
        ([8, 2, 3, 1, 4, 4, 6, 8], 4, 4, 2),
        ([3, 4, 8, 6, 1, 6, 3, 3, 2, 6, 5, 7], 3, 5, 3),
    ],
    ids=str,
)
def test_a_point_at_exactly_a_centers_reach(X, levels, count, n_sets, monkeypatch):
    """It was expanded by an earlier ball, and only without it the center wins."""
    monkeypatch.setattr(search, "BATCH", 2)
    monkeypatch.setattr(search, "FEW", 1)
    check_search(np.array(X, np.uint8)[:, np.newaxis], levels, count / len(X), n_sets)


@needs_jit
def test_several_blocks_as_they_are():
    assert distance_kernels.TILE < 2500
    X = np.random.default_rng(0).integers(0, 256, (2500, 2)).astype(np.uint8)
    found = search_balls(X, 4 / 255, 0.02, 4)
    covered, expanded = np.zeros(2500, bool), np.zeros(2500, bool)
    for t, (center, radius) in enumerate(zip(found.center_indices_, found.region_.radii * 255, strict=True)):
        squares = ((X.astype(np.int64) - X[center]) ** 2).sum(1)
        square = np.rint(radius**2)
        assert radius == pytest.approx(math.sqrt(square), rel=1e-15)
        covered |= squares <= square
        expanded |= np.sqrt(squares) <= math.sqrt(square) + 4
        assert (covered.sum(), expanded.sum()) == (found.covered_[t], found.expanded_[t])


# Laws


@needs_jit
@pytest.mark.skipif(available_threads() < 2, reason="one thread on this machine: there is nothing to compare it with")
@pytest.mark.parametrize("as_float", [False, True])
def test_threads_change_nothing(as_float):
    X = cloud(600, 9, 5)
    X = nc.Sample(X / np.float32(7), 1.0) if as_float else X
    found = []
    for threads in (1, 2, 2):
        with using_threads(threads):
            one = search_balls(X, 0.05 * (36 if as_float else 1), 0.1, 8, 0.1)
        arrays = (
            one.region_.centers,
            one.region_.radii,
            one.center_indices_,
            one.covered_,
            one.expanded_,
            one.objective_,
        )
        found.append([array.tobytes() for array in arrays])
    assert found[0] == found[1] == found[2]


@needs_jit
@pytest.mark.parametrize("seed", [40, 136, 310, 357, 380])
def test_the_order_of_points_does_not_matter(seed):
    X = images(40, 2, seed)
    expected = oracles.search_balls(X, 30 / 255, 0.3, 3)
    assert expected.rivals == [1, 1, 1]
    rows = np.random.default_rng(seed).permutation(40)
    found, moved = search_balls(X, 30 / 255, 0.3, 3), search_balls(X[rows], 30 / 255, 0.3, 3)
    np.testing.assert_array_equal(moved.objective_, found.objective_)
    np.testing.assert_array_equal(rows[moved.center_indices_], found.center_indices_)


def test_of_equal_balls_the_first_point_wins():
    """Any pair is worth nothing, seen from itself or, where it is the nearest, from the first point."""
    X = np.array([[0], [100], [200], [50], [50], [200], [100], [0]], np.uint8)
    for rows in (X, X[::-1].copy()):
        found = search_balls(rows, 2 / 255, 0.5, 2)
        assert found.objective_.tolist() == [0, 0]
        assert found.center_indices_.tolist() == [0, 0]
        np.testing.assert_allclose(found.region_.radii * 255, [0, 50])


def test_of_equal_ranks_the_smallest_ball_wins():
    """Every ball around 0 is worth nothing, whatever its rank."""
    X = np.array([[0], [10], [20], [30], [200]], np.uint8)
    for n_sets, radii in ((1, [20]), (2, [10, 20]), (3, [0, 10, 20])):
        found = search_balls(X, 1 / 255, 0.6, n_sets)
        assert found.center_indices_.tolist() == [0] * n_sets
        np.testing.assert_allclose(found.region_.radii * 255, radii)


@given(X=grey(n=(4, 20), d=(1, 4)), seed=st.integers(0, 99), levels=st.sampled_from(LEVELS))
def test_moving_all_points_changes_nothing(X, seed, levels):
    X = X // 2
    move = np.random.default_rng(seed).integers(0, 128, X.shape[1]).astype(np.uint8)
    a, b, c = (search_balls(points, levels / 255, 0.5, 3) for points in (X, X + move, 255 - X))
    for other in (b, c):
        np.testing.assert_array_equal(a.center_indices_, other.center_indices_)
        np.testing.assert_array_equal(a.region_.radii, other.region_.radii)
        np.testing.assert_array_equal(a.expanded_, other.expanded_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_of_grey_levels_are_grey_levels(dtype):
    X = blobs(60, 5, 1)
    a, b = search_balls(X, 0.1, 0.2, 4), search_balls((X / 255).astype(dtype), 0.1, 0.2, 4)
    assert a.region_.radii.tobytes() == b.region_.radii.tobytes()
    assert a.region_.centers.tobytes() == b.region_.centers.tobytes()
    assert a.expanded_.tolist() == b.expanded_.tolist()


def test_epsilon_as_a_fraction():
    X = blobs(60, 5, 1)
    a, b = search_balls(X, "8/255", 0.2, 4), search_balls(X, 8 / 255, 0.2, 4)
    assert (a.covered_.tolist(), a.expanded_.tolist()) == (b.covered_.tolist(), b.expanded_.tolist())


def test_identical_points_are_one_ball():
    found = search_balls(np.full((20, 3), 9, np.uint8), 0.1, 0.3, 4)
    assert found.region_.radii.tolist() == [0]
    assert (found.covered_.tolist(), found.expanded_.tolist(), found.objective_.tolist()) == ([20], [20], [0])
    assert (found.risk_, found.adversarial_risk_) == (1, 1)


def test_an_epsilon_that_reaches_everything():
    X = blobs(30, 3, 2)
    found, _ = check_search(X, 500, 0.5, 3)
    assert found.adversarial_risk_ == 1
    assert found.expanded_.tolist() == [30] * len(found.expanded_)
    assert found.risk_ >= 0.5


@needs_jit
def test_a_target_that_is_meant_to_be_whole():
    """60 x 0.01 x 1.25 and the like are whole, whatever floats make of them."""
    for n, alpha, delta, wanted in (
        (80, 0.05, 0.25, 5),
        (100, 0.07, 0.0, 7),
        (100, 0.29, 0.0, 29),
        (200, 0.1, 0.1, 22),
    ):
        assert oracles.target(n, alpha, delta) == wanted
        X = np.arange(n, dtype=np.uint8)[:, None]
        found = search_balls(X, 1 / 255, alpha, wanted, delta)
        assert found.covered_.tolist() == list(range(1, wanted + 1))


@needs_jit
def test_a_margin_is_added_to_what_is_covered():
    X = np.arange(100, dtype=np.uint8)[:, None]
    for alpha, delta, margin, wanted in ((0.07, 0, 0.07, 14), (0.05, 0.2, 0.011, 8), (0.29, 0, 0.01, 30)):
        found = search_balls(X, 1 / 255, alpha, wanted, delta, margin=margin)
        assert found.covered_.tolist() == list(range(1, wanted + 1))


@needs_jit
def test_one_more_than_a_whole_target():
    X = np.arange(100, dtype=np.uint8)[:, None]
    assert search_balls(X, 1 / 255, 0.0701, 8).covered_[-1] == 8
    assert search_balls(X, 1 / 255, 0.07, 7, 0.001).covered_[-1] >= 8


def test_a_bar_shows_balls_and_counts(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("numbaconc.how._is_terminal", lambda: True)
    monkeypatch.setattr(
        "numbaconc.how.tqdm",
        lambda *args, **kwargs: tqdm(
            *args, **(kwargs | {"disable": False, "delay": 0, "mininterval": 0, "file": shown})
        ),
    )
    asked = {"epsilon": 0.05, "alpha": 0.3, "n_sets": 4, "progress": True}
    found = run_search(blobs(60, 3, 0), **asked).attributes
    text = shown.getvalue()
    assert "distances" in text
    assert "balls" in text
    assert f"covered={found['covered'][-1]}, expanded={found['expanded'][-1]}" in text
    found = run_search(blobs(60, 3, 0), local_search=True, **asked).attributes
    assert f"expanded={found['expanded'][-1]}" in shown.getvalue().split("exchanges")[-1]


# Unions of balls


@given(
    X=grey(n=(1, 12), d=(1, 6)),
    seed=st.integers(0, 999),
    n_balls=st.integers(1, 4),
    as_float=st.booleans(),
)
def test_the_gap_is_the_distance_to_the_nearest_ball(X, seed, n_balls, as_float):
    rng = np.random.default_rng(seed)
    centers = rng.random((n_balls, X.shape[1]))
    if as_float:  # as fine as the points
        centers = centers.astype(np.float32)
    region = nc.BallUnion(centers, rng.random(n_balls) / 2)
    rows = (X / 255).tolist()
    points = nc.Sample((X / 255).astype(np.float32) * np.float32(0.99), 1.0) if as_float else X
    rows = points.X.tolist() if as_float else rows
    expected = np.array(oracles.ball_gap(rows, region.centers.tolist(), region.radii.tolist()))
    gap = region.gap(points)
    assert gap.dtype == np.float64
    np.testing.assert_allclose(gap, expected, rtol=1e-12, atol=1e-13)
    for epsilon in (0.01, 0.2, 0.7):
        assume((np.abs(expected) > 1e-9).all() and (np.abs(expected - epsilon) > 1e-9).all())
        measured = region.measure(points, epsilon)
        assert measured.risk == np.mean(gap <= 0)
        assert measured.adversarial_risk == np.mean(gap <= epsilon)


def test_points_on_the_rim_are_inside():
    X = np.array([[3, 4], [5, 0], [4, 4], [6, 8], [10, 0], [8, 6], [7, 8], [0, 11]], np.uint8)
    region = nc.BallUnion([[0, 0]], [5 / 255])
    measured = region.measure(X, [5 / 255, "6/255", 4.99 / 255])
    assert measured.risk.tolist() == [2 / 8] * 3
    assert measured.adversarial_risk.tolist() == [6 / 8, 1, 3 / 8]


def sums_of_squares(top):
    """For every whole number up to `top` a grid point whose squared length it is (Lagrange)."""
    roots = range(math.isqrt(top) + 1)
    found = {
        a * a + b * b + c * c + e * e: (a, b, c, e)
        for a in roots
        for b in roots[: a + 1]
        for c in roots[: b + 1]
        for e in roots[: c + 1]
    }
    return np.array([found[square] for square in range(top + 1)], np.uint8)


def test_rims_of_any_radius():
    """A ball of squared radius k holds the points up to k, its expansion those with d <= r + epsilon."""
    X = sums_of_squares(1200)
    strengths = [levels / 255 for levels in (1, 2, 3.5, 8, math.sqrt(2), math.sqrt(5), 2 * math.sqrt(2))]
    for square in (*range(1, 200), 255, 1018, 1019, 1020, 1023):
        measured = nc.BallUnion(np.zeros((1, 4)), [math.sqrt(square) / 255]).measure(X, strengths)
        assert measured.risk.tolist() == [(square + 1) / 1201] * len(strengths)
        for epsilon, risk in zip(strengths, measured.adversarial_risk.tolist(), strict=True):
            within = math.sqrt(square) + oracles.strength_in_levels(epsilon)
            assert risk == sum(math.sqrt(other) <= within for other in range(1201)) / 1201


@pytest.mark.parametrize("radius", [15, 16])
def test_centers_may_be_anywhere_on_the_grid(radius):
    X = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    for center in range(256):
        measured = nc.BallUnion([[center / 255]], [radius / 255]).measure(X, "7/255")
        assert measured.risk * 256 == sum(abs(x - center) <= radius for x in range(256))
        assert measured.adversarial_risk * 256 == sum(abs(x - center) <= radius + 7 for x in range(256))


@examples(20)
@given(X=lumps(n=(4, 20), d=(1, 4)), levels=st.sampled_from([1, 5, 6, 10.5]))
def test_a_saved_region_measures_the_same(tmp_path_factory, X, levels):
    found = search_balls(X, levels / 255, 1 / len(X), 2)
    path = tmp_path_factory.mktemp("region") / "balls.nc"
    found.region_.save(path)
    again = nc.load_region(path)
    assert isinstance(again, nc.BallUnion)
    for name in ("centers", "radii", "center_indices"):
        same(getattr(again, name), getattr(found.region_, name))
    measured = again.measure(X, levels / 255)
    assert (measured.risk, measured.adversarial_risk) == (found.risk_, found.adversarial_risk_)


def test_centers_off_the_data(tmp_path):
    region = nc.BallUnion([[0.1, 0.2], [2, -3]], [0, 1.5])
    assert region.center_indices.tolist() == [-1, -1]
    region.save(tmp_path / "r.nc")
    again = nc.load_region(tmp_path / "r.nc")
    assert again.center_indices.tolist() == [-1, -1]
    assert again.centers.tolist() == [[0.1, 0.2], [2, -3]]
    assert again.radii.tolist() == [0, 1.5]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([[0.0, 1.0]], [0.1, 0.2]), "radii"),
        (([0.0, 1.0], [0.1]), "centers"),
        (([[0.0, math.nan]], [0.1]), "centers"),
        (([[0.0, 1.0]], [math.inf]), "radii"),
        (([[0.0, 1.0]], [-0.1]), "radii"),
        (([[0.0, 1.0]], [0.1], [1, 2]), "center_indices"),
    ],
)
def test_impossible_balls(arguments, word):
    refused(lambda: nc.BallUnion(*arguments), word)


def test_a_region_refuses_points_of_another_width():
    refused(lambda: nc.BallUnion([[0.0, 1.0]], [0.1]).measure(images(5, 3, 0), 0.1), "3", "2")


# Bad input

X60 = blobs(60, 6, seed=0)
GOOD = {"epsilon": "8/255", "alpha": 0.1, "n_sets": 3}


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("epsilon", value) for value in (0, -1, float("nan"), float("inf"), "a", "1/0", None)),
        *(("alpha", value) for value in (0, 1, -0.1, 1.5, float("nan"), "a", None)),
        *(("n_sets", value) for value in (0, -1, 2.5, "a", None)),
        *((name, value) for name in ("delta", "margin") for value in (-0.1, float("nan"), float("inf"), "a", None)),
        *(("margin", value) for value in (0.9, 1, "auto")),
        *(("local_search", value) for value in (1, "yes", None)),
    ],
)
def test_impossible_settings(name, bad):
    refused(lambda: search_balls(X60, **(GOOD | {name: bad})), f"{name} is {bad!r}", "allowed: ")


def test_an_alpha_of_less_than_a_point():
    says = "alpha is 0.01; allowed: at least 1/n = 0.0166667, so that a region holds one of the 60 points"
    refused(lambda: search_balls(X60, **(GOOD | {"alpha": 0.01})), says)


def test_a_target_of_all_points():
    for alpha, delta, margin, asked in (
        (0.99, 0, 0, "alpha is 0.99"),
        (0.5, 0, 0.49, "alpha is 0.5 and margin 0.49"),
        (0.5, 1, 0, "alpha is 0.5 and delta 1"),
        (0.1, 9, 0, "alpha is 0.1 and delta 9"),
        (0.1, 1e308, 0.2, "alpha is 0.1, margin 0.2 and delta 1e+308"),
    ):
        says = f"{asked}, to hold 60 points; allowed: fewer than the 60 there are"
        assert refused(lambda given=(alpha, 3, delta), m=margin: search_balls(X60, 0.1, *given, margin=m)) == says
    assert search_balls(X60, 0.1, 59 / 60, 3).covered_[-1] >= 59
    assert search_balls(X60, 0.1, 0.5, 3, 29 / 30).covered_[-1] >= 59


def test_bad_data_are_refused():
    refused(lambda: search_balls(X60[:1], **GOOD), "1 sample", "a minimum of 2")
    refused(lambda: search_balls(nc.Sample(X60[:1], 1 / 255), **GOOD), "X has 1 row", "allowed: at least 2")
    refused(lambda: search_balls(np.full((9, 2), np.inf), **GOOD), "X", "inf")


def test_integers_other_than_bytes_are_in_units_of_their_own():
    with pytest.warns(nc.UnitWarning, match="epsilon is in the data's own units"):
        found = search_balls(X60.astype(np.int64), 8, 0.1, 3)
    expected = search_balls(nc.Sample(X60.astype(np.float32), 1.0), 8, 0.1, 3)
    assert found.trace_ == expected.trace_


# Checkpoints


class Stop(Exception):
    """An interruption."""


def stopping(monkeypatch, name, calls):
    """Let a function of the search work `calls` times; then it raises."""
    module = distances if name == "fill_distances" else search
    work, left = getattr(module, name), [calls]

    def once_more(*args, **kwargs):
        if left[0] == 0:
            raise Stop
        left[0] -= 1
        return work(*args, **kwargs)

    monkeypatch.setattr(module, name, once_more)


def counted_rounds(monkeypatch):
    """A list that grows by one for each round of distances that are counted."""
    rounds, work = [], search.count_pairs
    monkeypatch.setattr(search, "count_pairs", lambda *arguments: (rounds.append(1), work(*arguments)))
    return rounds


def identical(a, b):
    for name in ("covered", "expanded", "objective"):
        same(a.attributes[name], b.attributes[name])
    for name in ("centers", "radii", "center_indices"):
        same(getattr(a.region, name), getattr(b.region, name))
    for one in (a, b):
        same(one.attributes["center_indices"], one.region.center_indices)
    assert (a.risk, a.adversarial_risk, a.trace) == (b.risk, b.adversarial_risk, b.trace)
    assert a.attributes["unrefined"] == b.attributes["unrefined"]


LONG = {"epsilon": 0.2, "alpha": 0.1, "n_sets": 8, "delta": 0.1}
X90 = cloud(90, 3, 7)


@needs_jit
@pytest.mark.parametrize("as_float", [False, True])
@pytest.mark.parametrize("function", ["count_pairs", "fill_distances", "best_balls", "replacing", "expand_radius"])
def test_an_interrupted_search_goes_on(function, as_float, tmp_path, monkeypatch):
    """Wherever it stops, and however often."""
    X = nc.Sample(X90 / np.float32(255) * np.float32(0.99), 1.0) if as_float else X90
    whole = run_search(X, **LONG)
    assert len(whole.attributes["covered"]) == 8
    path, stops = tmp_path / "search.ckpt", 0
    for calls in (*range(12), 10**9):
        with monkeypatch.context() as patch:
            stopping(patch, function, calls)
            with contextlib.suppress(Stop):
                identical(run_search(X, path, **LONG), whole)
                break
        stops += 1
    assert stops > 0
    identical(run_search(X, path, **LONG), whole)
    other = tmp_path / "once.ckpt"
    for calls in (1, 4, 9):
        with monkeypatch.context() as patch, contextlib.suppress(Stop):
            stopping(patch, function, calls)
            run_search(X, other, **LONG)
        identical(run_search(X, other, **LONG), whole)
        other.unlink(missing_ok=True)


@needs_jit
def test_a_stop_loses_the_current_ball_only(tmp_path, monkeypatch, looked_at):
    """What was kept with the last whole ball and what is looked at afterwards make up the whole search."""
    path, kept = tmp_path / "search.ckpt", []
    with monkeypatch.context() as patch:
        work = search.replacing
        patch.setattr(
            search,
            "replacing",
            lambda *path, **keep: (kept.append((len(looked_at), sum(looked_at))), work(*path, **keep))[1],
        )
        whole = run_search(X90, path, **LONG)
    path.unlink()
    assert len(kept) == len(whole.attributes["covered"]) == 8
    n_calls, total = len(looked_at), sum(looked_at)
    assert total > kept[0][1]
    for calls in range(kept[0][0], n_calls, 2):
        with monkeypatch.context() as patch:
            stopping(patch, "best_balls", calls)
            with pytest.raises(Stop):
                run_search(X90, path, **LONG)
        looked_at.clear()
        identical(run_search(X90, path, **LONG), whole)
        assert sum(looked_at) == total - max(looks for at, looks in kept if at <= calls)
        path.unlink()


@needs_jit
def test_a_stop_within_a_long_pass_loses_little(tmp_path, monkeypatch, looked_at):
    """What was counted and looked at for the first ball is kept from time to time, here after every step."""
    X = cloud(700, 2, 1, spread=40)
    monkeypatch.setattr(search, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(search, "BATCH", 32)
    for name in ("STEPS", "TOLD_APART"):  # so few buckets that many centers are looked at
        monkeypatch.setattr(search, name, 1)
    rounds = counted_rounds(monkeypatch)
    asked = {"epsilon": 0.2, "alpha": 0.1, "n_sets": 3}
    whole = run_search(X, **asked)
    total, n_rounds = sum(looked_at), len(rounds)
    assert n_rounds == len(distances.rounds(-(-len(X) // distance_kernels.TILE))) > 2
    for function, calls in (("count_pairs", 2), ("best_balls", 2), ("best_balls", 4)):
        path = tmp_path / f"{function}-{calls}.ckpt"
        with monkeypatch.context() as patch:
            stopping(patch, function, calls)
            with pytest.raises(Stop):
                run_search(X, path, **asked)
        looked_at.clear()
        rounds.clear()
        identical(run_search(X, path, **asked), whole)
        assert len(rounds) == (n_rounds - calls if function == "count_pairs" else 0)
        assert sum(looked_at) <= total - (function == "best_balls")
        assert path.is_file()


def test_a_finished_checkpoint_needs_no_search(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "search.ckpt"
    whole = run_search(X90, path, **LONG)
    assert path.is_file()
    stopping(monkeypatch, "best_balls", 0)
    identical(run_search(X90, str(path), **LONG), whole)


OTHER = {"epsilon": 0.03, "alpha": 0.25, "n_sets": 7, "delta": 0.3, "margin": 0.05, "X": X90[::-1].copy()}


@pytest.mark.parametrize("name", [*OTHER, "float", "fewer"])
@pytest.mark.parametrize("calls", [9, pytest.param(10**9, marks=needs_jit)], ids=["stopped", "finished"])
def test_a_checkpoint_of_something_else(name, calls, tmp_path, monkeypatch):
    path = tmp_path / "search.ckpt"
    with monkeypatch.context() as patch, contextlib.suppress(Stop):
        stopping(patch, "best_balls", calls)
        run_search(X90, path, **LONG)
    before = path.read_bytes()
    arguments = {"X": X90} | LONG
    if name in OTHER:
        arguments[name] = OTHER[name]
    else:
        arguments["X"] = X90[:-1] if name == "fewer" else nc.Sample(X90.astype(np.float32), 1 / 255)
    theirs = LONG | {"margin": 0.0}
    named = f"{name} {theirs[name]}, not {OTHER[name]}" if name in theirs else "data"
    refused(lambda: run_search(checkpoint=path, **arguments), path.name, named)
    assert path.read_bytes() == before


def test_a_broken_checkpoint(tmp_path):
    path = tmp_path / "search.ckpt"
    whole = run_search(X90, path, **LONG)
    good = path.read_bytes()
    np.savez(tmp_path / "other.npz", X=X90)
    for bad in (b"", b"\n", b"PK", good[:100], good[: len(good) // 2], good[:-1], bytes(300), b"x" * 50 + good[50:]):
        path.write_bytes(bad)
        refused(lambda: run_search(X90, path, **LONG), path.name)
        assert path.read_bytes() == bad
    refused(lambda: run_search(X90, tmp_path / "other.npz", **LONG), "other.npz")
    refused(lambda: run_search(X90, tmp_path, **LONG), tmp_path.name)
    heads = [at + good.index(mark) for mark in (b"PK\x03\x04", b"PK\x01\x02") for at in range(46)]  # of a zip archive
    for at in [*heads, *np.random.default_rng(0).integers(0, len(good), 40)]:
        for bit in (1, 64):
            path.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
            with contextlib.suppress(InputError):
                identical(run_search(X90, path, **LONG), whole)


def test_a_checkpoint_without_settings(tmp_path):
    path = tmp_path / "search.ckpt"
    run_search(X90, path, **LONG)
    with np.load(path) as kept:
        contents = dict(kept) | {"settings": np.array("{}")}
    with path.open("wb") as file:
        np.savez(file, **contents)
    refused(lambda: run_search(X90, path, **LONG), path.name)


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write to every folder, and permissions are those of POSIX"
)
def test_a_checkpoint_that_cannot_be_written(tmp_path, looked_at):
    tmp_path.chmod(0o500)
    try:
        refused(lambda: run_search(X90, tmp_path / "c", **LONG), tmp_path.name)
    finally:
        tmp_path.chmod(0o700)
    assert not looked_at


def test_a_checkpoint_under_a_file(tmp_path, looked_at):
    (tmp_path / "file").write_text("")
    refused(lambda: run_search(X90, tmp_path / "file" / "c", **LONG), "file")
    assert not looked_at


KILLED = """
import sys, time
import numpy as np
import numbaconc as nc
from numbaconc.search import greedy
from numbaconc.search.run import Run
work = greedy.best_balls
def slowly(*args):
    time.sleep(0.1)
    return work(*args)
greedy.best_balls = slowly
search = nc.BallSearch(epsilon=0.2, alpha=0.3, n_sets=20)
Run(search, nc.as_sample(np.load(sys.argv[1])), nc.How()).find(search.goal(), sys.argv[2])
"""


@needs_jit
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL, which only POSIX has")
def test_a_killed_search_goes_on(tmp_path, looked_at, monkeypatch):
    X, path = cloud(1500, 8, 3), tmp_path / "search.ckpt"
    np.save(tmp_path / "X.npy", X)
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "X.npy"), str(path)])
    try:
        seen, until = set(), time.monotonic() + 120
        while len(seen) < 3 and child.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
            with contextlib.suppress(FileNotFoundError):
                seen.add(path.stat().st_mtime_ns)
    finally:
        child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert len(seen) == 3
    rounds = counted_rounds(monkeypatch)
    asked = {"epsilon": 0.2, "alpha": 0.3, "n_sets": 20}
    resumed = run_search(X, path, **asked)
    looks, swept = sum(looked_at), len(rounds)
    assert len(resumed.attributes["covered"]) == 20
    looked_at.clear()
    identical(resumed, run_search(X, **asked))
    assert looks < sum(looked_at)
    n_rounds = len(distances.rounds(-(-len(X) // distance_kernels.TILE)))
    assert (swept, len(rounds)) == (0, n_rounds)  # not all counted again


# Several goals


@needs_jit
@pytest.mark.parametrize("local_search", [False, True])
def test_goals_that_share_distances_get_what_each_gets_alone(local_search, monkeypatch):
    """Distances are counted at most once for each epsilon, if the largest alpha comes first."""
    rounds, X = counted_rounds(monkeypatch), nc.as_sample(cloud(300, 3, 4))
    one = nc.BallSearch(n_sets=6, delta=0.1, local_search=local_search, margin=0.01).checked()
    epsilons, alphas = (0.1, 0.11, 0.03, 0.4), (0.3, 0.1, 0.05)
    goals = [Goal.of(epsilon, alpha, 0.01) for epsilon in epsilons for alpha in alphas]
    alone = [Run(one, X, nc.How()).find(goal) for goal in goals]
    each = len(distances.rounds(-(-len(X) // distance_kernels.TILE)))
    assert len(rounds) == each * len(goals)
    together = Run(one, X, nc.How())
    for goal, found in zip(goals, alone, strict=True):
        rounds.clear()
        identical(together.find(goal), found)
        assert len(rounds) in ({0, each} if goal.alpha == 0.3 else {0})
    for goal, found in zip(reversed(goals), reversed(alone), strict=True):
        identical(together.find(goal), found)


# Measured end to end

TRAIN = blobs(120, 4, 1, n_blobs=6)
TEST = TRAIN[40:]  # so that every region holds some: without a test point it is no answer


def test_measure_searches_on_train_and_measures_on_both():
    epsilons = [0.02, 0.1]
    found = nc.find_regions(None, TRAIN, TEST, norm="l2", epsilon=epsilons, alpha=0.1, n_sets=4, delta=0.1)
    ds = found.dataset
    assert set(ds["risk"].dims) == {"dataset", "epsilon", "T", "split"}
    assert ds["T"].values.tolist() == [4]
    assert ds["epsilon"].values.tolist() == epsilons
    assert (ds.attrs["norm"], ds.attrs["search"], ds.attrs["delta"]) == ("l2", "balls", 0.1)
    for epsilon in epsilons:
        alone = search_balls(TRAIN, epsilon, 0.1, 4, 0.1)
        region = found.regions[epsilon]
        np.testing.assert_array_equal(region.radii, alone.region_.radii)
        here = ds.sel(epsilon=epsilon, T=4, dataset="data")
        on_test = oracles.ball_gap((TEST / 255).tolist(), region.centers.tolist(), region.radii.tolist())
        assert float(here["risk"].sel(split="train")) == alone.risk_
        assert float(here["adversarial_risk"].sel(split="train")) == alone.adversarial_risk_
        assert float(here["risk"].sel(split="test")) == sum(gap <= 0 for gap in on_test) / 80
        assert float(here["adversarial_risk"].sel(split="test")) == sum(gap <= epsilon for gap in on_test) / 80
    named = nc.measure("balls", TRAIN, TEST, epsilon=epsilons, alpha=0.1, n_sets=4, delta=0.1)
    made = nc.measure(nc.BallSearch(n_sets=4, delta=0.1, alpha=0.1), TRAIN, TEST, epsilon=epsilons)
    for again in (named, made):
        assert again.drop_attrs().identical(ds.drop_attrs())


@needs_jit
def test_several_alpha_share_one_histogram(monkeypatch):
    rounds, epsilons, alphas = counted_rounds(monkeypatch), [0.1, 0.3], [0.05, 0.1, 0.3]
    found = nc.find_regions("balls", TRAIN, TEST, epsilon=epsilons, alpha=alphas, n_sets=4)
    assert len(rounds) == len(epsilons) * len(distances.rounds(-(-len(TRAIN) // distance_kernels.TILE)))
    assert found.dataset["alpha"].values.tolist() == alphas
    assert sorted(found.regions) == [(epsilon, alpha) for epsilon in epsilons for alpha in alphas]
    for (epsilon, alpha), region in found.regions.items():
        alone = search_balls(TRAIN, epsilon, alpha, 4)
        for name in ("centers", "radii", "center_indices"):
            same(getattr(region, name), getattr(alone.region_, name))
        here = found.dataset.sel(epsilon=epsilon, alpha=alpha, T=4, dataset="data", split="train")
        assert (float(here["risk"]), float(here["adversarial_risk"])) == (alone.risk_, alone.adversarial_risk_)


@pytest.mark.parametrize(
    ("alphas", "names"),
    [
        (0.1, ["c-0.02.ckpt", "c-0.1.ckpt"]),
        pytest.param(
            [0.1, 0.2],
            ["c-0.02-0.1.ckpt", "c-0.02-0.2.ckpt", "c-0.1-0.1.ckpt", "c-0.1-0.2.ckpt"],
            marks=needs_jit,
        ),
    ],
    ids=["alpha", "alphas"],
)
def test_several_goals_keep_their_checkpoints_apart(alphas, names, tmp_path, monkeypatch):
    asked = {"epsilon": [0.02, 0.1], "alpha": alphas, "n_sets": 4}
    plain = nc.measure("balls", TRAIN, TEST, **asked).drop_attrs()
    asked["how"] = nc.How(checkpoint=tmp_path / "c.ckpt")
    with monkeypatch.context() as patch:
        stopping(patch, "best_balls", 3)
        with pytest.raises(Stop):
            nc.measure("balls", TRAIN, TEST, **asked)
    assert nc.measure("balls", TRAIN, TEST, **asked).drop_attrs().identical(plain)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    stopping(monkeypatch, "best_balls", 0)
    assert nc.measure("balls", TRAIN, TEST, **asked).drop_attrs().identical(plain)


def test_one_goal_keeps_its_checkpoint_in_the_file_that_is_named(tmp_path):
    nc.measure("balls", TRAIN, TEST, epsilon=0.1, alpha=0.1, n_sets=2, how=nc.How(checkpoint=tmp_path / "c.ckpt"))
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]


@pytest.mark.parametrize(
    ("search", "settings", "words"),
    [
        ("rectangles", {"norm": "l2"}, ("search is 'rectangles' with norm 'l2'", "allowed with it: ", "balls")),
        ("balls", {"norm": "linf"}, ("search is 'balls' with norm 'linf'", "allowed with it: ", "rectangles")),
        ("ball", {"norm": "l2"}, ("search is 'ball'", "allowed: ", "did you mean 'balls'")),
        (None, {"norm": "l3"}, ("norm is 'l3'", "allowed: linf, l2, l1")),
        (None, {"norm": "l2", "q": 0.5}, ("q is 0.5 with search 'balls'", "allowed: only with ", "rectangles")),
        (None, {"norm": "l2", "restarts": 2}, ("restarts is 2 with search 'balls'", "allowed: ", "n_sets, delta")),
        (None, {"norm": "linf", "delta": 0.1}, ("delta is 0.1 with search 'rectangles'", "allowed: only with balls")),
        (
            None,
            {"norm": "linf", "local_search": True},
            ("local_search is True with search 'rectangles'", "allowed: only with balls"),
        ),
        (
            None,
            {"norm": "linf", "how": nc.How(checkpoint="c")},
            ("checkpoint is 'c' with RectangleSearch", "allowed: only with balls"),
        ),
        (None, {"norm": "l2", "delta": -0.1}, ("delta is -0.1", "allowed: a number of at least 0")),
    ],
)
def test_settings_that_do_not_fit(search, settings, words):
    refused(lambda: nc.measure(search, TRAIN, TEST, epsilon=0.1, alpha=0.1, **settings), *words)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's file, in the working folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", X_train=TRAIN, X_test=TEST)
    return "own.npz"


def test_the_command_line(own, capsys, tmp_path):
    options = ["--epsilon", "0.1", "--alpha", "0.1", "--n-sets", "4", "--delta", "0.1", "--quiet"]
    assert main(["measure", own, "--norm", "l2", *options, "--checkpoint", "c.ckpt"]) == 0
    text = capsys.readouterr().out
    alone = search_balls(TRAIN, 0.1, 0.1, 4, 0.1)
    assert "ℓ2" in text
    assert "ℓ∞" not in text
    assert f"{100 * alone.risk_:.2f}%" in text
    assert f"{100 * alone.adversarial_risk_:.2f}%" in text
    assert (tmp_path / "c.ckpt").is_file()
    assert nc.open_results("own-l2.nc").attrs["search"] == "balls"
    region = nc.load_region("own-l2-region.nc")
    np.testing.assert_array_equal(region.radii, alone.region_.radii)
    assert main(["show", "own-l2.nc"]) == 0
    assert "ℓ2" in capsys.readouterr().out


@needs_jit
def test_a_local_search_from_the_command_line(own):
    options = ["--epsilon", "0.1", "--alpha", "0.2", "--n-sets", "6", "--margin", "0.05", "--local-search", "--quiet"]
    assert main(["measure", own, "--norm", "l2", *options]) == 0
    alone = search_balls(TRAIN, 0.1, 0.2, 6, margin=0.05, local_search=True)
    assert alone.adversarial_risk_ < alone.unrefined_
    np.testing.assert_array_equal(nc.load_region("own-l2-region.nc").radii, alone.region_.radii)
    attributes = nc.open_results("own-l2.nc").attrs
    assert (attributes["local_search"], attributes["margin"]) == (1, 0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--norm", "l2", "--q", "0.5"], ("q", "0.5")),
        (["--norm", "l2", "--search", "rectangles"], ("search", "'rectangles'")),
        (["--norm", "linf", "--search", "balls"], ("search", "'balls'")),
        (["--norm", "linf", "--delta", "0.1"], ("delta", "0.1")),
        (["--norm", "linf", "--local-search"], ("local_search", "True")),
        (["--norm", "l2", "--delta", "-0.1"], ("delta", "-0.1")),
        (["--norm", "l2", "--alpha", "0.9", "--delta", "0.2"], ("alpha", "0.9")),
        (["--norm", "l2", "--n-sets", "0"], ("n_sets", "0")),
    ],
)
def test_a_command_line_that_does_not_fit(own, options, words, capsys, tmp_path):
    assert main(["measure", own, "--quiet", *options]) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    for word in words:
        assert word in said.err
    assert [path.name for path in tmp_path.iterdir()] == [own]
