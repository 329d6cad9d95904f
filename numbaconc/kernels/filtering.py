"""The k least distances of floats by filter and refine: distances of codes decide nearly all pairs, exact ones the rest.

The codes of a row (`kernels.codes`) are bytes, whose distances are quick, and a bound of what they may be wrong by. A
pair is open where the distance of its codes, less both bounds, is below the k-th least distance that one of its rows
knows so far. Open pairs wait with their row. Whenever there is no room for more, they are refined: those that are still
open are summed up in float64, which gives the same bits as if all pairs had been.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from numbaconc.kernels.codes import NONE, UNITS, Codes
from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.heaps import sift
from numbaconc.kernels.panels import LANES, SIDE, WORD, add_differences, add_products
from numbaconc.kernels.schedule import BLOCK
from numbaconc.kernels.sums import LANES as NUMBERS, SIDE as FEW, sum_l1, sum_l2

logger = logging.getLogger("numbaconc")

SPAN = 2048 // WORD  # words of a row compared at a time, so that a block of them stays in the cache
WAITING = 3 * BLOCK  # pairs that wait with a row, at the least
GLANCE = 64  # distances looked at together
BUCKETS = 256  # that tell which pairs are nearest
FAR = 2**30 - 1  # more than any distance of codes, in units


class Waiting(NamedTuple):
    """What is known of each row, and which of its pairs are open, in the order of the codes, filled up to whole blocks."""

    pairs: NDArray[
        np.int64
    ]  # (n, most), each the least that the distance may be, in units, times 2^32, plus the other's place
    counts: NDArray[np.int64]  # (n,), how many wait
    limits: NDArray[np.int32]  # (n,), the k-th least distance so far, in units, plus what the row's code is wrong by
    refined: NDArray[np.int64]  # (n,), how many were summed up in float64


def waiting(n: int, k: int, own: NDArray[np.int32], known: NDArray[np.float64]) -> Waiting:
    """Return that no pair of n rows waits.

    k : how many distances are wanted
    own : what their codes are wrong by
    known : (n,), least distances so far, in units
    """
    height = len(own)
    most = max(WAITING, 2 * k + 2 * BLOCK) // 16 * 16 + 8  # so that rows begin in different lines of a cache
    limits = np.full(height, NONE, np.int32)
    limits[:n] = np.minimum(np.ceil(known) + own[:n], FAR)
    return Waiting(np.empty((height, most), np.int64), np.zeros(height, np.int64), limits, np.zeros(height, np.int64))


@intrinsic
def _below(typing, tile, row, column, bounds, first, more):  # noqa: ARG001
    """Return which of GLANCE distances of a row are below the bounds of its columns, and what these have more: a bit each."""
    return types.uint64(tile, row, column, bounds, first, more), _build_below


def _build_below(context, builder, signature, arguments):
    tile, bounds = (context.make_array(signature.args[a])(context, builder, arguments[a]) for a in (0, 3))
    vector, lane = ir.VectorType(ir.IntType(32), GLANCE), ir.IntType(32)
    width = cgutils.unpack_tuple(builder, tile.shape, 2)[1]

    def load(array, place):
        return builder.load(builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer()), align=4)

    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, builder.trunc(arguments[5], lane), lane(0))
    more = builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(lane, GLANCE), [0] * GLANCE))
    distances = load(tile, builder.add(builder.mul(arguments[1], width), arguments[2]))
    limits = builder.add(load(bounds, builder.add(arguments[4], arguments[2])), more)
    return builder.bitcast(builder.icmp_signed("<", distances, limits), ir.IntType(64))


@intrinsic
def _lowest(typing, bits):  # noqa: ARG001
    """Return the place of the lowest bit that is set."""

    def build(context, builder, signature, arguments):  # noqa: ARG001
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), build


def _below_plainly(tile, row, column, bounds, first, more):
    """Do the same in NumPy, where nothing is compiled."""
    limits = bounds[first + column : first + column + GLANCE].astype(np.int64) + more
    return sum(1 << int(bit) for bit in np.flatnonzero(tile[row, column : column + GLANCE] < limits))


if config.DISABLE_JIT:
    _below = _below_plainly

    def _lowest(bits):
        return (int(bits) & -int(bits)).bit_length() - 1


def filtered(
    X: NDArray[Any],
    nearest: NDArray[np.float64],
    squared: bool,
    codes: Codes,
    turns: list[NDArray[np.int64]],
    advance: Callable[[int], object],
) -> tuple[NDArray[np.float64], float]:
    """Find the k least distances from each row, as a max-heap, shape (n, k) float64.

    X : (n, d) uint8, float32 or float64
    nearest : such heaps of what is known already, all entries of a row alike
    squared : whether to sum squares instead of absolute differences
    turns : pairs of blocks, shape (p, 2) each; no block is in two pairs of a turn
    advance : called after each turn with how many rows' worth of work it was
    Also returns the share of pairs that were summed up in float64, which is logged, too.
    """
    n, k = nearest.shape
    nearest = nearest[codes.order]
    per_unit = UNITS / codes.step * (1 + (X.shape[1] + 64) * 2.0**-52)  # sums in float64 are rounded, too
    levels = np.sqrt(nearest[:, 0]) if squared else nearest[:, 0]
    rows = waiting(n, k, codes.own, levels * per_unit)
    parts = (codes.order, codes.panels, codes.left, codes.right, codes.own)
    for number, pairs in enumerate(turns):
        _compare_codes(X, squared, parts, per_unit, pairs, nearest, rows)
        advance(n * (number + 1) // len(turns) - n * number // len(turns))
    _refine_rest(X, squared, parts, per_unit, nearest, rows)
    ordered = np.empty_like(nearest)
    ordered[codes.order] = nearest
    share = float(rows.refined.sum() / (2 * sum(len(pairs) for pairs in turns) * BLOCK**2))  # each for either row
    logger.info("distances of %d points: %.2g%% of the pairs were summed up in float64", n, 100 * share)
    return ordered, share


@kernel
def _compare_codes(X, squared, codes, per_unit, pairs, nearest, waiting):
    """Offer the ℓ1 (or squared ℓ2) distances between pairs of blocks of rows to the heaps `nearest`, shape (n, k).

    X : (n, d) uint8, float32 or float64
    squared : whether to sum squares instead of absolute differences
    codes : order, panels, left and right norms, and what each code is wrong by (`Codes`); `nearest` is in this order
    per_unit : units for one level, rounded up
    pairs : (p, 2) int64, blocks, none of which is in two pairs
    waiting : `Waiting`
    """
    order, panels, left, right, own = codes
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        _make_room(X, order, squared, first, per_unit, nearest, waiting, own)
        _make_room(X, order, squared, second, per_unit, nearest, waiting, own)
        tile = np.zeros((BLOCK, BLOCK), np.int32)
        for start in range(0, panels.shape[1], SPAN):
            stop = min(panels.shape[1], start + SPAN)
            for r in range(0, BLOCK, LANES):
                for c in range(0, BLOCK, SIDE):
                    i, j = (first + r) // LANES, (second + c) // LANES
                    if squared:
                        add_products(panels, i, j, start, stop, tile, r, c)
                    else:
                        add_differences(panels, i, j, start, stop, tile, r, c)
        _to_units(tile, squared, left[first : first + BLOCK], right[second : second + BLOCK])
        _keep_open(tile, first, second, own, waiting)


@helper
def _to_units(tile, squared, left, right):
    """Turn sums into distances, in units; of squares, from inner products, rounded down."""
    for r in range(BLOCK):
        if squared:
            for c in range(BLOCK):
                square = left[r] + right[c] - 2 * tile[r, c]
                tile[r, c] = np.int32(np.sqrt(np.float32(square)) * np.float32(UNITS))
        else:
            for c in range(BLOCK):
                tile[r, c] *= UNITS


@helper
def _keep_open(tile, first, second, own, waiting):
    """Let the open pairs of a tile wait with those rows for which they are open."""
    pairs, counts, limits, _ = waiting
    for r in range(BLOCK):
        i = first + r
        limit, wrong, count = np.int64(limits[i]), np.int64(own[i]), counts[i]
        for column in range(0, BLOCK, GLANCE):
            bits = _below(tile, r, column, own, second, limit)
            while bits != 0:
                j = second + column + _lowest(bits)
                bits &= bits - np.uint64(1)
                if i < j:
                    pairs[i, count] = ((np.int64(tile[r, j - second]) - own[j]) << 32) | j
                    count += 1
            bits = _below(tile, r, column, limits, second, wrong)
            while bits != 0:
                j = second + column + _lowest(bits)
                bits &= bits - np.uint64(1)
                if i < j:
                    pairs[j, counts[j]] = ((np.int64(tile[r, j - second]) - wrong) << 32) | i
                    counts[j] += 1
        counts[i] = count


@helper
def _make_room(X, order, squared, first, per_unit, nearest, waiting, own):
    """See to it that another block's pairs have room with each row of a block.

    The nearest pairs are refined, which closes most others. Where it does not, all are.
    """
    pairs, counts, _, _ = waiting
    most = pairs.shape[1] - BLOCK
    for i in range(first, min(first + BLOCK, X.shape[0])):
        if counts[i] > most:
            _refine(X, order, squared, i, per_unit, nearest, waiting, own)
            if counts[i] > most - BLOCK:
                _refine_all(X, order, squared, i, per_unit, nearest, waiting, own)


@kernel
def _refine_rest(X, squared, codes, per_unit, nearest, waiting):
    """Refine all rows; the arguments are those of `_compare_codes`."""
    for i in prange(X.shape[0]):
        _refine_all(X, codes[0], squared, i, per_unit, nearest, waiting, codes[4])


@helper
def _refine_all(X, order, squared, i, per_unit, nearest, waiting, own):
    while waiting[1][i] > 0:
        _refine(X, order, squared, i, per_unit, nearest, waiting, own)


@helper
def _refine(X, order, squared, i, per_unit, nearest, waiting, own):
    """Sum up the nearest pairs that wait with a row, about as many as its heap takes, and offer the sums to it.

    Those that are left and are open still wait on.
    """
    pairs, counts, limits, refined = waiting
    heap, some = nearest[i], pairs[i, : counts[i]]
    x = np.zeros((X.shape[1] + NUMBERS - 1) // NUMBERS * NUMBERS)
    for c in range(X.shape[1]):
        x[c] = X[order[i], c]
    rows, sums = np.empty(FEW, np.int64), np.empty(FEW)
    farthest = _farthest_of_nearest(some, heap.shape[0])
    n_rows = n_left = 0
    for place in range(some.shape[0]):
        pair = some[place]
        if pair <= farthest:
            rows[n_rows] = order[pair & 0xFFFFFFFF]
            n_rows += 1
        else:
            some[n_left] = pair
            n_left += 1
        if n_rows == FEW or (place == some.shape[0] - 1 and n_rows > 0):
            rows[n_rows:] = rows[0]
            if squared:
                sum_l2(x, X, rows, sums)
            else:
                sum_l1(x, X, rows, sums)
            for s in range(n_rows):
                if sums[s] < heap[0]:
                    sift(heap, sums[s])
            refined[i] += n_rows
            n_rows = 0
    limits[i] = _limit(heap[0], squared, per_unit, own[i])
    still = 0
    for place in range(n_left):
        some[still] = some[place]
        still += some[place] >> 32 < limits[i]
    counts[i] = still


@helper
def _farthest_of_nearest(some, k):
    """Return what the k least of some numbers are at most, and not many more: a histogram tells."""
    least, most = some.min(), some.max()
    if some.shape[0] <= k:
        return most
    shift = 0
    while (most - least) >> shift >= BUCKETS:
        shift += 1
    histogram = np.zeros(BUCKETS, np.int32)
    for number in some:
        histogram[(number - least) >> shift] += 1
    bucket, total = 0, histogram[0]
    while total < k:
        bucket += 1
        total += histogram[bucket]
    return least + (np.int64(bucket + 1) << shift) - 1


@helper
def _limit(farthest, squared, per_unit, wrong):
    """Return a distance in units, rounded up, plus what a code is wrong by."""
    levels = np.sqrt(farthest) if squared else farthest
    return np.int32(min(np.ceil(levels * per_unit) + wrong, np.float64(FAR)))
