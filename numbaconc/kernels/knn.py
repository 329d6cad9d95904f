"""Exact distance from each point to its k-th nearest neighbour, over blocks of distances.

A thread owns a few query rows and sweeps the candidates tile by tile, so that a tile stays in the
cache; each query keeps its k least distances in a max-heap. Memory is O(rows · (k + TILE)), never n².
"""

import numpy as np
from llvmlite import ir
from numba import config, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

QUERIES = 16  # query rows that a thread takes at a time
TILE = 256  # candidate rows in one tile
ROWS = 8  # candidate rows compared with a query row at once
LANES = 16  # bytes in a vector: with 16, LLVM makes one psadbw of each absolute difference and sum


@intrinsic
def _l1_rows(typing, x, start, Y, first, stride, width):  # noqa: ARG001
    """Sum |x[start:][:width] - Y[first + r * stride:][:width]| for r < ROWS; `width` is a multiple of LANES.

    Generic vector IR: zext, subtract, abs, add, which LLVM turns into the processor's
    sum-of-absolute-differences instruction, as it does for no plain loop over several rows.
    """
    signature = types.UniTuple(types.int32, ROWS)(x, start, Y, first, stride, width)

    def codegen(context, builder, signature, arguments):
        byte, index, word = ir.IntType(8), ir.IntType(64), ir.IntType(32)
        narrow, wide = ir.VectorType(byte, LANES), ir.VectorType(word, LANES)
        start, first, stride, width = arguments[1], arguments[3], arguments[4], arguments[5]
        query = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        other = context.make_array(signature.args[2])(context, builder, arguments[2]).data
        query = builder.gep(query, [start])
        rows = [
            builder.gep(other, [builder.add(first, builder.mul(stride, ir.Constant(index, r)))]) for r in range(ROWS)
        ]
        absolute = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(wide, [wide, ir.IntType(1)]), f"llvm.abs.v{LANES}i32"
        )
        total = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(word, [wide]), f"llvm.vector.reduce.add.v{LANES}i32"
        )

        def load(pointer, offset):
            at = builder.bitcast(builder.gep(pointer, [offset]), narrow.as_pointer())
            return builder.zext(builder.load(at, align=1), wide)

        sums = [cgutils.alloca_once(builder, wide) for _ in rows]
        for held in sums:
            builder.store(ir.Constant(wide, [0] * LANES), held)
        with cgutils.for_range(builder, builder.udiv(width, ir.Constant(index, LANES))) as loop:
            offset = builder.mul(loop.index, ir.Constant(index, LANES))
            here = load(query, offset)
            for row, held in zip(rows, sums, strict=True):
                difference = builder.sub(here, load(row, offset))
                difference = builder.call(absolute, [difference, ir.Constant(ir.IntType(1), 0)])
                builder.store(builder.add(builder.load(held), difference), held)
        return context.make_tuple(
            builder, signature.return_type, [builder.call(total, [builder.load(held)]) for held in sums]
        )

    return signature, codegen


def _l1_rows_plainly(x, start, Y, first, stride, width):
    """Say the same in NumPy: an intrinsic has no Python body."""
    here = x[start : start + width].astype(np.int64)
    return [np.abs(here - Y[first + r * stride :][:width]).sum() for r in range(ROWS)]


if config.DISABLE_JIT:
    _l1_rows = _l1_rows_plainly


@njit(cache=True)
def _sift(heap, value):
    """Replace the largest entry of a max-heap by `value`."""
    k = heap.shape[0]
    here = 0
    while True:
        child = 2 * here + 1
        if child >= k:
            break
        if child + 1 < k and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[here] = heap[child]
        here = child
    heap[here] = value


@njit(parallel=True, cache=True)
def kth_l1_uint8(X, start, stop, k, include_self):
    """k-th least ℓ1 distance from rows start..stop-1 to all rows.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    start, stop : int
        The query rows.
    k : int
        Rank, counted from 1.
    include_self : bool
        Whether a point is its own first neighbour.

    Returns
    -------
    ndarray, shape (stop - start,), int64
        In levels, exact.
    """
    n, d = X.shape
    flat = X.ravel()
    main = d // LANES * LANES
    found = np.empty(stop - start, np.int64)
    for group in prange((stop - start + QUERIES - 1) // QUERIES):
        low = start + group * QUERIES
        high = min(stop, low + QUERIES)
        heaps = np.full((high - low, k), np.iinfo(np.int64).max, np.int64)
        for tile in range(0, n, TILE):
            end = min(n, tile + TILE)
            for i in range(low, high):
                heap = heaps[i - low]
                for first in range(tile, end, ROWS):
                    base = min(first, n - ROWS)  # the last rows of all are compared again, not read past
                    if base < 0:
                        for j in range(first, end):
                            if include_self or j != i:
                                distance = np.int64(0)
                                for c in range(d):
                                    distance += abs(np.int64(X[i, c]) - np.int64(X[j, c]))
                                if distance < heap[0]:
                                    _sift(heap, distance)
                        break
                    sums = _l1_rows(flat, i * d, flat, base * d, d, main)
                    for r in range(ROWS):
                        j = base + r
                        if j >= first and (include_self or j != i):
                            distance = np.int64(sums[r])
                            for c in range(main, d):
                                distance += abs(np.int64(X[i, c]) - np.int64(X[j, c]))
                            if distance < heap[0]:
                                _sift(heap, distance)
        for i in range(low, high):
            found[i - start] = heaps[i - low, 0]
    return found


@njit(parallel=True, cache=True)
def kth_distance(X, start, stop, k, include_self, squared):
    """k-th least ℓ1 (or squared ℓ2) distance from rows start..stop-1 to all rows, for floats and for ℓ2.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    start, stop : int
        The query rows.
    k : int
        Rank, counted from 1.
    include_self : bool
        Whether a point is its own first neighbour.
    squared : bool
        Sum squares instead of absolute differences.

    Returns
    -------
    ndarray, shape (stop - start,), float64
        In levels (squared levels if `squared`). Sums are taken in float64: exact for uint8.
    """
    n = X.shape[0]
    found = np.empty(stop - start, np.float64)
    for group in prange((stop - start + QUERIES - 1) // QUERIES):
        low = start + group * QUERIES
        high = min(stop, low + QUERIES)
        heaps = np.full((high - low, k), np.inf)
        for tile in range(0, n, TILE):
            for i in range(low, high):
                heap = heaps[i - low]
                for j in range(tile, min(n, tile + TILE)):
                    if include_self or j != i:
                        distance = _square_sum(X[i], X[j]) if squared else _absolute_sum(X[i], X[j])
                        if distance < heap[0]:
                            _sift(heap, distance)
        for i in range(low, high):
            found[i - start] = heaps[i - low, 0]
    return found


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _absolute_sum(x, y):
    total = 0.0
    for c in range(x.shape[0]):
        total += abs(np.float64(x[c]) - np.float64(y[c]))
    return total


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _square_sum(x, y):
    total = 0.0
    for c in range(x.shape[0]):
        difference = np.float64(x[c]) - np.float64(y[c])
        total += difference * difference
    return total
