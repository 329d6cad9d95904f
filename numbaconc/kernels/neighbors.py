"""Exact distance from each point to its k-th nearest neighbor, over blocks of distances.

Rows are cut into blocks, and every two blocks meet once: one tile of distances serves the rows of both. They meet in
rounds, as in a tournament, where no block plays twice, so that one thread alone writes to the neighbors of a row. Each
row keeps its k least distances in a max-heap. Memory is O(n · k) and O(BLOCK²) per thread, never n².
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import config, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from numbaconc.kernels.threads import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BLOCK = 128  # rows in a block
SIDE = 4  # rows of either block that are compared at once: their sums stay in registers
STEP = 64  # bytes in the widest vector; rows are padded to whole vectors
SPAN = 2048  # bytes of a row compared at a time, so that a block of them stays in the cache
GLANCE = 16  # distances looked at together, since few are among the least
MOST = np.iinfo(np.int32).max // 255  # columns of uint8 whose ℓ1 distances fit in int32


# Sums over pairs of rows, in vector instructions


def _vectors(context):
    """Bytes in the widest vector of the processor compiled for, its sum of absolute differences, rows held at once.

    LLVM makes that instruction of no plain loop over several rows, so it is called by name. Sums of 4 rows with SIDE
    others fit in the 32 registers of AVX-512, those of 2 in the 16 of what came before.
    """
    triple, _, features = context.codegen().magic_tuple()
    features = features.split(",") if triple.startswith("x86_64") else ()
    if "+avx512bw" in features:
        return 64, "llvm.x86.avx512.psad.bw.512", 4
    if "+avx2" in features:
        return 32, "llvm.x86.avx2.psad.bw", 2
    return 16, "llvm.x86.sse2.psad.bw" if "+sse2" in features else None, 2


def _l1_uint8(builder, total, a, b, instruction):
    """Total + |a - b|, eight bytes to a lane; without an instruction, in fields of 16 bits, enough for a SPAN."""
    if instruction is not None:
        kind = ir.FunctionType(total.type, [a.type, a.type])
        instruction = cgutils.get_or_insert_function(builder.module, kind, instruction)
        return builder.add(total, builder.call(instruction, [a, b]))
    larger = builder.icmp_unsigned(">", a, b)
    fields = builder.select(larger, builder.sub(a, b), builder.sub(b, a))
    return builder.add(total, _pair_up(builder, builder.bitcast(fields, total.type), 8))


def _pair_up(builder, fields, bits):
    """Add every two neighboring fields of so many bits, into fields twice as wide."""
    low = _fill(fields.type, (2**64 - 1) // (2**bits + 1))
    high = builder.lshr(fields, _fill(fields.type, bits))
    return builder.add(builder.and_(fields, low), builder.and_(high, low))


def _l1_float64(builder, total, a, b, _):
    kind = ir.FunctionType(total.type, [total.type])
    absolute = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fabs.v{total.type.count}f64")
    return builder.fadd(total, builder.call(absolute, [builder.fsub(a, b)]))


def _l2_float64(builder, total, a, b, _):
    difference = builder.fsub(a, b)
    square = builder.fmul(difference, difference, flags=("contract",))
    return builder.fadd(total, square, flags=("contract",))


def _fill(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _totals(builder, vectors, add):
    """One vector of the sum of each; there is a power of two of them, and of lanes in them."""

    def pick(a, b, lanes):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))

    lanes, mixed = vectors[0].type.count, 1  # the sums of how many vectors lie side by side
    while mixed < lanes:
        if len(vectors) > 1:  # pieces of either vector in turn, half as many
            shift = mixed
            low = [side + at + s for at in range(0, lanes, 2 * mixed) for side in (0, lanes) for s in range(mixed)]
            pairs = [*zip(vectors[::2], vectors[1::2], strict=True)]
            mixed *= 2
        else:
            shift = lanes = lanes // 2
            low = list(range(lanes))
            pairs = [(vectors[0], vectors[0])]
        vectors = [add(pick(a, b, low), pick(a, b, [at + shift for at in low])) for a, b in pairs]
    while len(vectors) > 1:
        lanes *= 2
        vectors = [pick(a, b, list(range(lanes))) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]


def _adder(term):
    """Intrinsic: tile[r:, c:] += sums of `term` over columns start..stop-1 of x[i:] and y[j:], SIDE rows of each."""

    @intrinsic
    def add_sums(typing, x, i, y, j, start, stop, tile, r, c):  # noqa: ARG001
        signature = types.void(x, i, y, j, start, stop, tile, r, c)

        def codegen(context, builder, signature, arguments):
            _, i, _, j, start, stop, _, r, c = arguments
            width, instruction, held = _vectors(context)
            integer = isinstance(x.dtype, types.Integer)
            element = context.get_value_type(x.dtype)
            vector = ir.VectorType(element, width // (x.dtype.bitwidth // 8))
            lane = ir.VectorType(ir.IntType(64) if integer else element, width // 8)
            found = ir.VectorType(context.get_value_type(tile.dtype), SIDE)
            add = builder.add if integer else builder.fadd
            index = i.type

            def pointer(argument, row, offset, column):
                kind = signature.args[argument]
                array = context.make_array(kind)(context, builder, arguments[argument])
                row = builder.add(row, ir.Constant(index, offset))
                return cgutils.get_item_pointer(context, builder, kind, array, [row, column])

            def load(base, column):
                place = builder.bitcast(builder.gep(base, [column]), vector.as_pointer())
                return builder.load(place, align=x.dtype.bitwidth // 8)

            zero = ir.Constant(index, 0)
            ys = [pointer(2, j, s, zero) for s in range(SIDE)]
            for top in range(0, SIDE, held):
                xs = [pointer(0, i, top + s, zero) for s in range(held)]
                sums = [[cgutils.alloca_once(builder, lane) for _ in ys] for _ in xs]
                for row in sums:
                    for place in row:
                        builder.store(_fill(lane, 0), place)
                step = ir.Constant(index, vector.count)
                with cgutils.for_range_slice(builder, start, stop, step, index) as (column, _):
                    here = [load(base, column) for base in xs]
                    for s, base in enumerate(ys):
                        there = load(base, column)
                        for a, row in zip(here, sums, strict=True):
                            builder.store(term(builder, builder.load(row[s]), a, there, instruction), row[s])
                for s, row in enumerate(sums):
                    place = builder.bitcast(pointer(6, r, top + s, c), found.as_pointer())
                    parts = [builder.load(part) for part in row]
                    if integer and instruction is None:
                        parts = [_pair_up(builder, _pair_up(builder, part, 16), 32) for part in parts]
                    total = _totals(builder, parts, add)
                    total = builder.trunc(total, found) if integer else total
                    builder.store(add(builder.load(place, align=4), total), place, align=4)
            return context.get_dummy_value()

        return signature, codegen

    return add_sums


def _plain_adder(term):
    """Say the same in NumPy: an intrinsic has no Python body."""

    def add_sums(x, i, y, j, start, stop, tile, r, c):
        a, b = x[i : i + SIDE, None, start:stop], y[None, j : j + SIDE, start:stop]
        differences = np.abs(a.astype(np.float64) - b)
        tile[r : r + SIDE, c : c + SIDE] += (differences**term).sum(axis=2).astype(tile.dtype)

    return add_sums


if config.DISABLE_JIT:
    _add_l1_uint8 = _add_l1_float64 = _plain_adder(1)
    _add_l2_float64 = _plain_adder(2)
else:
    _add_l1_uint8, _add_l1_float64, _add_l2_float64 = map(_adder, (_l1_uint8, _l1_float64, _l2_float64))


# Neighbors


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


@njit(cache=True)
def _offer(tile, first, second, nearest):
    """Show the distances between rows from `first` and from `second` on to the heaps of both, each pair once."""
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


@njit(cache=True)
def _widen(X, first, start, block):
    """Copy rows from `first` and columns from `start` of X to float64; zeros where there are no columns."""
    width = min(block.shape[1], X.shape[1] - start)
    for r in range(min(block.shape[0], X.shape[0] - first)):
        for c in range(width):
            block[r, c] = X[first + r, start + c]
        for c in range(width, block.shape[1]):
            block[r, c] = 0


@in_turn
@njit(parallel=True, cache=True)
def _meet_l1_uint8(rows, pairs, nearest):
    """Show the ℓ1 distances between pairs of blocks of `rows`, as `_packed` makes them, to `nearest`, shape (n, k)."""
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


@in_turn
@njit(parallel=True, cache=True)
def _meet(X, squared, pairs, nearest):
    """Show the ℓ1 (or squared ℓ2) distances between pairs of blocks of X to `nearest`, shape (n, k), float64."""
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
    """k-th least ℓ1 distance from each row to all rows.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    k : int
        Rank, counted from 1.
    include_self : bool
        Whether a point is its own first neighbor.
    advance : callable, optional
        Told now and then how many rows' worth of work has been done since; interrupts come in between.

    Returns
    -------
    ndarray, shape (n,), int64
        In levels, exact.
    """
    if X.shape[1] > MOST:
        return kth_distance(X, k, include_self, False, advance).astype(np.int64)
    rows = _packed(X)
    farthest = np.int32(np.iinfo(np.int32).max)
    return _kth(partial(_meet_l1_uint8, rows), len(X), k, include_self, farthest, advance).astype(np.int64)


def kth_distance(
    X: NDArray[Any], k: int, include_self: bool, squared: bool, advance: Callable[[int], object] = _silently
) -> NDArray[np.float64]:
    """k-th least ℓ1 (or squared ℓ2) distance from each row to all rows, for floats and for ℓ2.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    k : int
        Rank, counted from 1.
    include_self : bool
        Whether a point is its own first neighbor.
    squared : bool
        Sum squares instead of absolute differences.
    advance : callable, optional
        As in `kth_l1_uint8`.

    Returns
    -------
    ndarray, shape (n,), float64
        In levels (squared levels if `squared`). Sums are taken in float64: exact for uint8.
    """
    return _kth(partial(_meet, X, squared), len(X), k, include_self, np.float64(np.inf), advance)


def _kth(
    meet: Callable[..., object], n: int, k: int, include_self: bool, farthest: Any, advance: Callable[[int], object]
) -> NDArray[Any]:
    if k == 1 and include_self:  # a point comes first among its neighbors, at no distance
        return np.zeros(n, farthest.dtype)
    nearest = np.full((n, k - include_self), farthest)
    blocks = -(-n // BLOCK)
    ring = blocks + blocks % 2 - 1  # one block stays, the others go round; of an odd number, one rests
    for turn in range(-1, ring):
        meet(_pairs(blocks, ring, turn), nearest)
        advance(n * (turn + 2) // (ring + 1) - n * (turn + 1) // (ring + 1))
    return nearest[:, 0]


def _pairs(blocks: int, ring: int, turn: int) -> NDArray[np.int64]:
    """Which blocks meet, shape (pairs, 2): each with itself before the first turn, each two in one of `ring` turns."""
    if turn < 0:
        return np.stack([np.arange(blocks)] * 2, axis=1)
    step = np.arange(ring // 2 + 1)
    pairs = np.stack([(turn - step) % ring, (turn + step) % ring], axis=1)
    pairs[0, 1] = ring
    pairs.sort(axis=1)
    return pairs[pairs[:, 1] < blocks]


def _packed(X: NDArray[Any]) -> NDArray[np.uint8]:
    """Rows of X without constant columns, which are at no distance, and with zeros up to whole vectors and sides."""
    varying = X[:, X.min(axis=0) < X.max(axis=0)]
    n, d = varying.shape
    rows = np.zeros((-(-n // SIDE) * SIDE, -(-d // STEP) * STEP), np.uint8)
    rows[:n, :d] = varying
    return rows
