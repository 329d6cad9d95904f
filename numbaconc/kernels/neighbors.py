"""Exact distance from each point to its k-th nearest neighbor, over blocks of distances.

Rows are cut into blocks. One tile holds all distances between two blocks and serves the rows of both. The pairs of
blocks follow a round-robin schedule: no block is in two pairs of a round, so that one thread alone changes the
neighbors of a row. Each row keeps its k least distances in a max-heap. Memory is O(n · k), and O(BLOCK²) per thread,
never n².
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.processor import BYTE_DIFFERENCES

BLOCK = 128  # rows in a block
SIDE = 4  # rows of either block that are compared at once: their sums stay in registers
STEP = 64  # bytes in the widest vector; rows are padded to whole vectors
SPAN = 2048  # bytes of a row compared at a time, so that a block of them stays in the cache
GLANCE = 16  # distances looked at together, since few are among the least
MOST = np.iinfo(np.int32).max // 255  # columns of uint8 whose ℓ1 distances fit in int32

WIDTH = max(BYTE_DIFFERENCES, default=16)  # bytes in a vector
INSTRUCTION = BYTE_DIFFERENCES.get(WIDTH)  # that sums up absolute differences of so many bytes, if there is one
HELD = 4 if WIDTH == 64 else 2  # rows whose sums with SIDE others fit in the registers, of which AVX-512 has most


# Sums over pairs of rows, in vector instructions


def _adder(term):
    """Build the intrinsic that adds sums of `term` to a square of a tile, from its row `r` and column `c` on.

    The sums are over columns start..stop-1, for SIDE rows of x from `i` on with SIDE rows of y from `j` on.
    """

    @intrinsic
    def add_sums(typing, x, i, y, j, start, stop, tile, r, c):  # noqa: ARG001
        return types.void(x, i, y, j, start, stop, tile, r, c), partial(_build_sums, term)

    return add_sums


def _build_sums(term, context, builder, signature, arguments):
    _, i, _, j, _, _, _, r, c = arguments
    element = context.get_value_type(signature.args[0].dtype)
    size = signature.args[0].dtype.bitwidth // 8
    integer = size == 1
    vector = ir.VectorType(element, WIDTH // size)
    sums = ir.VectorType(ir.IntType(64) if integer else element, WIDTH // 8)
    square = ir.VectorType(context.get_value_type(signature.args[6].dtype), SIDE)
    index = i.type

    def pointer(argument, row, offset, column):
        kind = signature.args[argument]
        array = context.make_array(kind)(context, builder, arguments[argument])
        row = builder.add(row, ir.Constant(index, offset))
        return cgutils.get_item_pointer(context, builder, kind, array, [row, column])

    zero = ir.Constant(index, 0)
    ys = [pointer(2, j, s, zero) for s in range(SIDE)]
    for top in range(0, SIDE, HELD):
        xs = [pointer(0, i, top + s, zero) for s in range(HELD)]
        for s, row in enumerate(_sum_pairs(builder, term, xs, ys, arguments[4:6], vector, sums)):
            place = builder.bitcast(pointer(6, r, top + s, c), square.as_pointer())
            total = _totals(builder, row, builder.add if integer else builder.fadd)
            total = builder.trunc(total, square) if integer else total
            before = builder.load(place, align=4)
            builder.store(builder.add(before, total) if integer else builder.fadd(before, total), place, align=4)
    return context.get_dummy_value()


def _sum_pairs(builder, term, xs, ys, columns, vector, sums):
    """Sum up `term` for each of the rows `xs` with each of the rows `ys`, in the lanes of a vector for each pair."""
    start, stop = columns
    places = [[cgutils.alloca_once(builder, sums) for _ in ys] for _ in xs]
    for row in places:
        for place in row:
            builder.store(_fill(sums, 0), place)

    def load(base, column):
        place = builder.bitcast(builder.gep(base, [column]), vector.as_pointer())
        return builder.load(place, align=1 if vector.element == ir.IntType(8) else 8)

    step = ir.Constant(start.type, vector.count)
    with cgutils.for_range_slice(builder, start, stop, step, start.type) as (column, _):
        loaded = [load(base, column) for base in xs]
        for s, base in enumerate(ys):
            b = load(base, column)
            for a, row in zip(loaded, places, strict=True):
                builder.store(term(builder, builder.load(row[s]), a, b), row[s])
    parts = [[builder.load(place) for place in row] for row in places]
    if vector.element == ir.IntType(8) and INSTRUCTION is None:
        parts = [[_pair_up(builder, _pair_up(builder, part, 16), 32) for part in row] for row in parts]
    return parts


def _l1_uint8(builder, total, a, b):
    """Add |a - b|, eight bytes to a lane; without an instruction to fields of 16 bits, which are enough for a SPAN."""
    if INSTRUCTION is not None:
        kind = ir.FunctionType(total.type, [a.type, a.type])
        instruction = cgutils.get_or_insert_function(builder.module, kind, INSTRUCTION)
        return builder.add(total, builder.call(instruction, [a, b]))
    larger = builder.icmp_unsigned(">", a, b)
    fields = builder.select(larger, builder.sub(a, b), builder.sub(b, a))
    return builder.add(total, _pair_up(builder, builder.bitcast(fields, total.type), 8))


def _pair_up(builder, fields, bits):
    """Add every two neighboring fields of so many bits, into fields twice as wide."""
    low = _fill(fields.type, (2**64 - 1) // (2**bits + 1))
    high = builder.lshr(fields, _fill(fields.type, bits))
    return builder.add(builder.and_(fields, low), builder.and_(high, low))


def _l1_float64(builder, total, a, b):
    kind = ir.FunctionType(total.type, [total.type])
    absolute = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fabs.v{total.type.count}f64")
    return builder.fadd(total, builder.call(absolute, [builder.fsub(a, b)]))


def _l2_float64(builder, total, a, b):
    difference = builder.fsub(a, b)
    square = builder.fmul(difference, difference, flags=("contract",))
    return builder.fadd(total, square, flags=("contract",))


def _fill(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _totals(builder, vectors, add):
    """Return one vector, of the sum of each vector's lanes; there is a power of two of both."""

    def pick(a, b, lanes):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))

    lanes = vectors[0].type.count
    mixed = 1  # how many of the first vectors have partial sums in each vector, side by side
    while mixed < lanes:
        if len(vectors) > 1:  # merge every two vectors, of whose groups of `mixed` lanes every two neighbors are added
            shift, groups = mixed, range(0, lanes, 2 * mixed)
            low = [side + group + s for group in groups for side in (0, lanes) for s in range(mixed)]
            pairs = [*zip(vectors[::2], vectors[1::2], strict=True)]
            mixed *= 2
        else:
            shift = lanes = lanes // 2
            low = list(range(lanes))
            pairs = [(vectors[0], vectors[0])]
        vectors = [add(pick(a, b, low), pick(a, b, [lane + shift for lane in low])) for a, b in pairs]
    while len(vectors) > 1:  # more vectors than lanes: only put them side by side
        lanes *= 2
        vectors = [pick(a, b, list(range(lanes))) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]


def _plain_adder(power):
    """Do the same in NumPy, where nothing is compiled: sums of powers of absolute differences."""

    def add_sums(x, i, y, j, start, stop, tile, r, c):
        a, b = x[i : i + SIDE, None, start:stop], y[None, j : j + SIDE, start:stop]
        differences = np.abs(a.astype(np.float64) - b)
        tile[r : r + SIDE, c : c + SIDE] += (differences**power).sum(axis=2).astype(tile.dtype)

    return add_sums


if config.DISABLE_JIT:
    _add_l1_uint8 = _add_l1_float64 = _plain_adder(1)
    _add_l2_float64 = _plain_adder(2)
else:
    _add_l1_uint8, _add_l1_float64, _add_l2_float64 = map(_adder, (_l1_uint8, _l1_float64, _l2_float64))


# Neighbors


@helper
def _sift(heap, value):
    """Replace the largest entry of a max-heap by `value`."""
    k = heap.shape[0]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= k:
            break
        if child + 1 < k and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value


@helper
def _offer(tile, first, second, nearest):
    """Offer a tile of distances, from rows `first` and on to rows `second` and on, to the heaps of all these rows."""
    n = nearest.shape[0]
    columns = min(BLOCK, n - second)
    bounds = np.zeros(BLOCK, tile.dtype)
    for c in range(columns):
        bounds[c] = nearest[second + c, 0]
    for r in range(min(BLOCK, n - first)):
        i = first + r
        heap = nearest[i]
        for glance in range(0, columns, GLANCE):
            bound, near = heap[0], False
            for c in range(glance, glance + GLANCE):
                near |= tile[r, c] < max(bound, bounds[c])
            if near:
                for c in range(glance, min(glance + GLANCE, columns)):
                    j, distance = second + c, tile[r, c]
                    if i < j:
                        if distance < heap[0]:
                            _sift(heap, distance)
                        if distance < nearest[j, 0]:
                            _sift(nearest[j], distance)
                            bounds[c] = nearest[j, 0]


@helper
def _widen(X, first, start, block):
    """Copy rows from `first` on and columns from `start` on to float64, with zeros where there are no more columns."""
    width = min(block.shape[1], X.shape[1] - start)
    for r in range(min(block.shape[0], X.shape[0] - first)):
        for c in range(width):
            block[r, c] = X[first + r, start + c]
        for c in range(width, block.shape[1]):
            block[r, c] = 0


@kernel
def _compare_l1_uint8(rows, pairs, nearest):
    """Offer the ℓ1 distances between pairs of blocks of rows that `_pack` made to the heaps `nearest`, shape (n, k)."""
    height, width = rows.shape
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK), nearest.dtype)
        for start in range(0, width, SPAN):
            stop = min(width, start + SPAN)
            for r in range(0, min(BLOCK, height - first), SIDE):
                for c in range(0, min(BLOCK, height - second), SIDE):
                    _add_l1_uint8(rows, first + r, rows, second + c, start, stop, tile, r, c)
        _offer(tile, first, second, nearest)


@kernel
def _compare(X, squared, pairs, nearest):
    """Offer the ℓ1 (or squared ℓ2) distances between pairs of blocks of rows to the heaps `nearest`, in float64."""
    n, d = X.shape
    span = min(SPAN // 8, (d + 7) // 8 * 8)
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        upper, lower = min(BLOCK, n - first), min(BLOCK, n - second)
        tile = np.zeros((BLOCK, BLOCK))
        x, y = np.zeros((BLOCK, span)), np.zeros((BLOCK, span))
        for start in range(0, d, span):
            _widen(X, first, start, x)
            _widen(X, second, start, y)
            for r in range(0, upper, SIDE):
                for c in range(0, lower, SIDE):
                    if squared:
                        _add_l2_float64(x, r, y, c, 0, span, tile, r, c)
                    else:
                        _add_l1_float64(x, r, y, c, 0, span, tile, r, c)
        _offer(tile, first, second, nearest)


def _silently(rows: int) -> None:
    pass


def kth_l1_uint8(
    X: NDArray[Any], k: int, include_self: bool, advance: Callable[[int], object] = _silently
) -> NDArray[np.int64]:
    """Find the k-th least ℓ1 distance from each row to all rows.

    X : (n, d) uint8
    k : rank, counted from 1
    include_self : whether a point is its own first neighbor
    advance : called after each round with how many rows' worth of work it was
    Returns (n,) int64, in levels, exact.
    """
    if X.shape[1] > MOST:
        return kth_distance(X, k, include_self, False, advance).astype(np.int64)
    rows = _pack(X)
    farthest = np.int32(np.iinfo(np.int32).max)
    return _kth(partial(_compare_l1_uint8, rows), len(X), k, include_self, farthest, advance).astype(np.int64)


def kth_distance(
    X: NDArray[Any], k: int, include_self: bool, squared: bool, advance: Callable[[int], object] = _silently
) -> NDArray[np.float64]:
    """Find the k-th least ℓ1 (or squared ℓ2) distance from each row to all rows, for floats and for ℓ2.

    X : (n, d) uint8, float32 or float64
    k, include_self, advance : as for `kth_l1_uint8`
    squared : whether to sum squares instead of absolute differences
    Returns (n,) float64, in levels (or squared levels). Sums are taken in float64: exact for uint8.
    """
    return _kth(partial(_compare, X, squared), len(X), k, include_self, np.float64(np.inf), advance)


def _kth(
    compare: Callable[..., object], n: int, k: int, include_self: bool, farthest: Any, advance: Callable[[int], object]
) -> NDArray[Any]:
    if k == 1 and include_self:  # a point is its own first neighbor, at distance 0
        return np.zeros(n, farthest.dtype)
    nearest = np.full((n, k - include_self), farthest)
    n_blocks = -(-n // BLOCK)
    n_rounds = n_blocks + n_blocks % 2
    for number in range(n_rounds):
        compare(_round(n_blocks, number), nearest)
        advance(n * (number + 1) // n_rounds - n * number // n_rounds)
    return nearest[:, 0]


def _round(n_blocks: int, number: int) -> NDArray[np.int64]:
    """Return the pairs of blocks that are compared in a round, shape (pairs, 2).

    In round 0 each block is compared with itself. Rounds 1 and on are a round-robin schedule: the last block stays and
    the others rotate. Of an odd number of blocks one has no opponent.
    """
    if number == 0:
        return np.stack([np.arange(n_blocks)] * 2, axis=1)
    rotating = n_blocks + n_blocks % 2 - 1
    step = np.arange(rotating // 2 + 1)
    pairs = np.stack([(number - 1 - step) % rotating, (number - 1 + step) % rotating], axis=1)
    pairs[0, 1] = rotating
    pairs.sort(axis=1)
    return pairs[pairs[:, 1] < n_blocks]


def _pack(X: NDArray[Any]) -> NDArray[np.uint8]:
    """Drop constant columns, which add nothing to a distance; append zeros up to whole vectors and SIDEs of rows."""
    varying = X[:, X.min(axis=0) < X.max(axis=0)]
    n, d = varying.shape
    rows = np.zeros((-(-n // SIDE) * SIDE, -(-d // STEP) * STEP), np.uint8)
    rows[:n, :d] = varying
    return rows
