"""Distances of floats by filter and refine: bit for bit those of the plain path, whatever codes they go by."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal

import numba
import numpy as np
import oracles_codes
import pytest
from conftest import AVX2, AVX512, needs_jit, on_processor
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp

from numbaconc.kernels import codes, filtering, neighbors, panels, sums
from numbaconc.kernels.schedule import BLOCK
from numbaconc.kernels.threads import using_threads

TYPES = (np.float32, np.float64, np.uint8)
PLAIN = bool(numba.config.DISABLE_JIT)


@contextmanager
def plain():
    """Without codes: all pairs are summed up in float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "codes_of", lambda *_: None)
        yield


@contextmanager
def forced(waiting=2 * BLOCK, some=codes.SOME):
    """With codes, however few the rows are and whatever codes cost; so few pairs wait that many are refined early."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "FEWEST", 2)
        patch.setattr(codes, "PLAIN", np.inf)
        patch.setattr(codes, "SOME", some)
        patch.setattr(filtering, "WAITING", waiting)
        yield


def same_bits(found, expected):
    assert found.dtype == expected.dtype == np.float64
    np.testing.assert_array_equal(found.view(np.uint64), expected.view(np.uint64), strict=True)


def sorted_distances(X, k, squared, split=None):
    return np.sort(neighbors.nearest_distances(X, k, squared, split), axis=1)


def check(X, k, squared, split=None, waiting=2 * BLOCK):
    """The k least distances with codes are those without; ℓ1 distances of bytes take another path."""
    if X.dtype == np.uint8 and not squared:
        return
    with plain():
        expected = sorted_distances(X, k, squared, split)
    with forced(waiting):
        assert codes.codes_of(X, k, squared) is not None or np.all(X[codes.spread_evenly(len(X), codes.SOME)] == X[0])
        same_bits(sorted_distances(X, k, squared, split), expected)


def normal(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def wide(X, rng):
    X[:, rng.integers(X.shape[1])] *= 1e6


def outliers(X, rng):
    X[rng.integers(0, len(X), len(X) // 50 + 1)] *= 1e4


def constant_columns(X, rng):
    X[:, rng.random(X.shape[1]) < 0.7] = -0.5


def zeros_of_both_signs(X, rng):
    X[rng.random(X.shape) < 0.9] = 0.0
    X[rng.random(X.shape) < 0.5] *= -1


def clusters(X, rng):
    X *= 1e-4
    X += 10 * rng.standard_normal((4, X.shape[1]))[rng.integers(0, 4, len(X))]


def duplicates(X, rng):
    X[:] = X[rng.integers(0, len(X) // 9, len(X))]


def a_third_the_same(X, rng):
    X[rng.permutation(len(X))[: len(X) // 3]] = X[0]


def whole(X, rng):
    X[:] = rng.integers(0, 4, X.shape)


def heavy_tails(X, rng):
    X[:] = np.sign(X) * rng.pareto(0.5, X.shape).clip(0, 1e15)


def neighbors_of_one(X, rng):
    X[:] = 1 + rng.integers(0, 5, X.shape) * 2.0**-23


def all_the_same(X, rng):
    X[:] = 0.3


def unlike_what_is_looked_at(X, rng):
    """The rows that tell where the ends are lie close together, the others anywhere."""
    X *= 1e3
    some = codes.spread_evenly(len(X), 40)
    X[some] = rng.standard_normal((len(some), X.shape[1]))


KINDS = (
    wide,
    outliers,
    constant_columns,
    zeros_of_both_signs,
    clusters,
    duplicates,
    a_third_the_same,
    whole,
    heavy_tails,
    neighbors_of_one,
    all_the_same,
)


def of_kind(kind, n, d, dtype):
    rng = np.random.default_rng(d)
    X = rng.standard_normal((n, d))
    kind(X, rng)
    return (X * 20).clip(0, 255).astype(dtype) if dtype == np.uint8 else X.astype(dtype)


# The same distances


@needs_jit
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("squared", [True, False])
def test_distances_are_those_of_the_plain_path(kind, squared):
    for dtype in TYPES:
        for d, k in ((3, 1), (21, 7), (70, 300)):
            check(of_kind(kind, 600, d, dtype), k, squared)


@needs_jit
@pytest.mark.parametrize("squared", [True, False])
def test_distances_of_rows_beyond_the_ends(squared):
    X = of_kind(unlike_what_is_looked_at, 600, 21, np.float32)
    with plain():
        expected = sorted_distances(X, 5, squared)
    with forced(some=40):
        same_bits(sorted_distances(X, 5, squared), expected)


@needs_jit
@pytest.mark.parametrize(
    "d", [*range(1, 18), 31, 63, 64, 65, 127, 255, 256, 257, 263, 511, 513, 2047, 2048, 2049, 2100]
)
def test_distances_at_the_widths_of_vectors_and_spans(d):
    X = normal(200, d, seed=d)
    for dtype in (np.float32, np.float64):
        for squared in (True, False):
            check(X.astype(dtype), 90, squared)
    check((X * 30 + 128).clip(0, 255).astype(np.uint8), 90, squared=True)


@needs_jit
@pytest.mark.parametrize("n", [2, 3, 16, 127, 128, 129, 255, 256, 257, 384, 513, 900])
def test_distances_at_the_heights_of_blocks_and_of_every_rank(n):
    X = normal(n, 9, seed=n).astype(np.float32)
    X[n // 2 :: 5] = X[0]
    for k in sorted({1, min(2, n - 1), n // 2, n - 1}):
        for squared in (True, False):
            check(X, k, squared)


@needs_jit
@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize("squared", [True, False])
def test_distances_across_a_split(blocks, squared):
    X = normal(600, 9, seed=1)
    for k in (1, 10, 599):
        check(X, k, squared, split=blocks * BLOCK)


@needs_jit
@pytest.mark.parametrize("waiting", [2 * BLOCK, 3 * BLOCK, filtering.WAITING])
def test_distances_whatever_room_there_is_to_wait(waiting):
    for kind in (all_the_same, clusters, outliers):
        check(of_kind(kind, 1100, 5, np.float32), 3, squared=True, waiting=waiting)


@given(data=st.data(), squared=st.booleans(), as_float=st.sampled_from(TYPES[:2]))
def test_distances_of_whole_numbers_are_exact(data, squared, as_float):
    n, d = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 5))
    X = data.draw(hnp.arrays(np.int64, (n, d), elements=st.integers(-300, 300) | st.sampled_from([0, 1])))
    k = data.draw(st.integers(1, n - 1))
    with forced():
        found = sorted_distances(X.astype(as_float), k, squared)
    same_bits(found, np.array(oracles_codes.nearest(X, k, squared)))


@pytest.mark.parametrize("squared", [True, False])
def test_distances_of_whole_numbers_across_a_split_are_exact(squared):
    X = np.round(3 * normal(150, 3)).astype(np.float32)
    with forced():
        found = sorted_distances(X, 25, squared, split=BLOCK)
    same_bits(found, np.array(oracles_codes.nearest(X, 25, squared, split=BLOCK)))


@needs_jit
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("split", [None, BLOCK])
def test_what_is_known_stands_for_all_that_is_not_less(dtype, squared, split):
    X = of_kind(clusters, 300, 20, dtype)
    known = sorted_distances(X, 40, squared, split)
    bounds = known[np.arange(300), np.random.default_rng(0).integers(0, 40, 300)]
    bounds[::7] = np.inf
    expected = np.minimum(known[:, :9], bounds[:, None])
    for way in (plain, forced):
        with way():
            found = neighbors.nearest_distances(X, 9, squared, split, bounds=bounds)
        same_bits(np.sort(found, axis=1), expected)


@needs_jit
def test_a_point_counts_as_its_own_neighbor_or_not():
    X = normal(300, 6).astype(np.float32)
    with forced():
        for squared in (True, False):
            same_bits(neighbors.kth_distance(X, 1, True, squared), np.zeros(300))
            for k in (1, 5, 299):
                radii = neighbors.kth_distance(X, k, False, squared)
                same_bits(radii, sorted_distances(X, k, squared)[:, -1].copy())
                same_bits(neighbors.kth_distance(X, k + 1, True, squared), radii)


@needs_jit
@pytest.mark.parametrize("power", [-90, -1, 7, 90])
def test_scaled_data_have_scaled_distances(power):
    X = normal(400, 19).astype(np.float32)
    with forced():
        for squared in (True, False):
            expected = sorted_distances(X, 4, squared) * 2.0 ** (power * (1 + squared))
            same_bits(sorted_distances(X * np.float32(2.0**power), 4, squared), expected)


@needs_jit
def test_distances_of_numbers_too_small_for_steps():
    X = np.ones((2100, 3))
    X[:, 1:] = 5e-324 * np.random.default_rng(0).integers(0, 300, (2100, 2))
    for squared in (True, False):
        with plain():
            expected = sorted_distances(X, 3, squared)
        same_bits(sorted_distances(X, 3, squared), expected)


# Codes


AWKWARD = st.sampled_from([0.0, -0.0, 1.0, 1 + 2.0**-23, -1.0, 255.0, 255.5, 256.0, 1e-3, 1e6, -1e6, 2.0**-149])


def apart(found, squared, pairs):
    """Return what pairs of rows are apart at the least, in units, by their codes."""
    packed = np.ascontiguousarray(found.panels.transpose(0, 2, 1)).reshape(len(found.own), -1)
    n = len(found.order)
    assert sorted(found.order) == list(range(n))
    place = np.argsort(found.order)
    rows, own = packed.view(panels.PART if squared else np.uint8).astype(np.int64)[place], found.own[place].tolist()
    return [oracles_codes.least_units(rows[i], rows[j], squared, codes.UNITS) - own[i] - own[j] for i, j in pairs]


@given(data=st.data(), squared=st.booleans(), as_float=st.sampled_from(TYPES[:2]))
def test_codes_are_never_farther_apart_than_their_rows(data, squared, as_float):
    """The ends are those of a few rows, so that others lie beyond them; both bounds make up for all rounding."""
    n, d = data.draw(st.integers(2, 7)), data.draw(st.integers(1, 20))
    usual = st.floats(-4, 4, width=32) | AWKWARD
    X = data.draw(hnp.arrays(np.float32, (n, d), elements=data.draw(st.sampled_from([usual, AWKWARD])))).astype(
        as_float
    )
    X *= as_float(10.0 ** data.draw(st.sampled_from([0, -12, 12])))
    X += as_float(10.0 ** data.draw(st.sampled_from([-99, 0, 9])))
    with forced(some=data.draw(st.integers(1, n))), pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "WIDTHS", (data.draw(st.sampled_from([1.0, 1.5, 3.0, 8.0])),))
        found = codes.codes_of(X, 1, squared)
    assume(found is not None)
    per_step = Decimal(codes.UNITS) / Decimal(float(found.step))
    pairs = [(i, j) for i in range(n) for j in range(i)]
    for (i, j), least in zip(pairs, apart(found, squared, pairs), strict=True):
        assert least <= oracles_codes.distance(X[i], X[j], squared) * per_step


@pytest.mark.parametrize("squared", [True, False])
def test_codes_of_two_rows_that_are_rounded_away_from_each_other(squared):
    """As wrong as codes can be: numbers just below and just above half a step."""
    ends = np.array([[0.0], [255.0]])
    with forced(some=2):
        step = codes.codes_of(ends, 1, squared).step
        near = step * (7.5 + np.array([[-1e-6], [1e-6]]))
        found = codes.codes_of(np.concatenate([ends[:1], near, ends[1:]]), 1, squared)
    assert found.step == step
    assert -4 <= apart(found, squared, [(1, 2)])[0] <= 0


def test_codes_are_nearly_as_far_apart_as_their_rows():
    """Otherwise a bound that says nothing would pass all other tests."""
    X = normal(130, 24).astype(np.float32)
    for squared in (True, False):
        with forced():
            found = codes.codes_of(X, 1, squared)
        pairs = ((0, 1), (5, 128), (129, 30))
        for (i, j), least in zip(pairs, apart(found, squared, pairs), strict=True):
            assert least > 0.9 * float(oracles_codes.distance(X[i], X[j], squared)) * codes.UNITS / float(found.step)


@needs_jit
def test_codes_do_not_depend_on_threads():
    X = normal(2500, 40).astype(np.float32)
    for squared in (True, False):
        found = []
        for threads in (1, 2):
            with using_threads(min(threads, numba.config.NUMBA_NUM_THREADS)):
                found.append(codes.codes_of(X, 5, squared))
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)


# Sums


@pytest.mark.parametrize("extreme", [True, False])
def test_products_and_norms_of_codes_are_exact(extreme):
    """Up to the widest codes and their largest differences, which int32 just holds."""
    d = codes.WIDEST if extreme else 130
    if PLAIN:
        d = min(d, 4096)
    levels = codes._levels(d)
    shift = 0 if panels.BYTE_PRODUCTS else levels // 2
    rows = np.random.default_rng(0).integers(0, levels + 1, (BLOCK, d))
    rows[0], rows[1] = 0, levels
    rows = (rows - shift).astype(panels.PART)
    packed = panels.as_panels(rows, BLOCK)
    left, right = codes.norms_of(rows)
    tile = np.zeros((BLOCK, BLOCK), np.int32)
    for j in range(0, BLOCK // panels.LANES, 2):
        add_to(tile, packed, j)
    whole = rows.astype(np.int64)
    for r in range(panels.LANES):
        for c in (0, 1, 2, 77, 127):
            found = int(left[r]) + int(right[c]) - 2 * int(tile[r, c])
            assert found == int(((whole[r] - whole[c]) ** 2).sum()) < 2**31


@numba.njit
def add_to(tile, packed, j):
    panels.add_products(packed, 0, j, 0, packed.shape[1], tile, 0, j * panels.LANES)


def by_tile(add):
    """Sum up in squares of a tile, span by span, as `neighbors` does."""

    @numba.njit
    def found(x, y, tile):
        d = x.shape[1]
        span = min(sums.SPAN, (d + 7) // 8 * 8)
        a, b = np.zeros((2, sums.SIDE, span))
        for start in range(0, d, span):
            width = min(span, d - start)
            a[:, width:], b[:, width:] = 0, 0
            a[:, :width], b[:, :width] = x[:, start : start + width], y[:, start : start + width]
            add(a, 0, b, 0, span, tile, 0, 0)

    return found


def by_row(few):
    """Sum up one row with a few others, as `filtering` does."""

    @numba.njit
    def found(x, y, tile):
        d = x.shape[1]
        row, rows = np.zeros((d + sums.LANES - 1) // sums.LANES * sums.LANES), np.arange(sums.SIDE)
        for i in range(sums.SIDE):
            row[:d] = x[i]
            few(row, y, rows, tile[i])

    return found


SUMS = {
    False: (by_tile(sums.add_l1), by_row(sums.sum_l1)),
    True: (by_tile(sums.add_l2), by_row(sums.sum_l2)),
}
AROUND = (*range(1, 34), 63, 64, 65, 255, 256, 257, 263, 264, 271, 511, 512, 513, 519, 769, 1030)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("squared", [True, False])
def test_a_pair_has_the_same_sum_by_itself_as_in_a_tile(dtype, squared):
    rng = np.random.default_rng(0)
    for d in AROUND:
        for _ in range(3 if PLAIN else 20):
            x, y = (40 * rng.standard_normal((2, sums.SIDE, d)) + 100).clip(0, 255).astype(dtype)
            tile, rows = np.zeros((2, sums.SIDE, sums.SIDE))
            for find, found in zip(SUMS[squared], (tile, rows), strict=True):
                find(x, y, found)
            np.testing.assert_array_equal(tile, rows)
    if not squared:  # of squares the last digit depends on whether a product and a sum are rounded once
        assert rows[1, 2] == oracles_codes.sum_in_lanes(x[1], y[2], sums.LANES, sums.SPAN)


# Threads, processors, shares


@needs_jit
def test_one_thread_finds_what_many_find():
    for kind, squared in ((clusters, True), (outliers, False)):
        X = of_kind(kind, 1000, 19, np.float32)
        found = []
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            with using_threads(threads), forced():
                nearest, share = neighbors.nearest_and_share(X, 4, squared)
                found.append((np.sort(nearest, axis=1), share))
        same_bits(found[0][0], found[1][0])
        assert found[0][1] == found[1][1]


VECTORS = """
import numpy as np
from numbaconc.kernels import panels
from test_filtering import check, clusters, normal, of_kind, test_products_and_norms_of_codes_are_exact

for d in (1, 9, 67, 300):
    for squared in (True, False):
        check(normal(300, d, seed=d), 5, squared)
        check(of_kind(clusters, 300, d, np.float64), 40, squared)
test_products_and_norms_of_codes_are_exact(True)
print((panels.WIDTH, panels.BYTE_PRODUCTS))
"""


@needs_jit
@pytest.mark.parametrize(("features", "found"), [((), (16, False)), (AVX2, (32, False)), (AVX512, (64, False))])
def test_distances_in_the_vectors_of_other_processors(features, found):
    assert on_processor(features, "-c", VECTORS) == str(found)


@needs_jit
def test_told_is_the_share_of_pairs_that_were_summed_up():
    X = normal(900, 12).astype(np.float32)
    with plain():
        assert neighbors.nearest_and_share(X, 3, False)[1] == 1.0
    assert neighbors.nearest_and_share(X[:300], 3, False)[1] == 1.0  # so few take no codes
    with forced():
        for squared in (True, False):
            assert 0 < neighbors.nearest_and_share(X, 3, squared)[1] < 0.5
            for split in (None, BLOCK, 6 * BLOCK):
                for k in (1, 899):  # all pairs are open: of distances that are all the same, and of all distances
                    share = neighbors.nearest_and_share(X if k > 1 else np.ones_like(X) * X[0], k, squared, split)[1]
                    assert 0 < share <= 1
