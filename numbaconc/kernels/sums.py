"""Sums over pairs of rows of numbers, in float64 and in vector instructions: ℓ1 distances, and squared ℓ2 distances.

Whatever pairs are summed together, the sum over one pair has the same order, and the same bits: lane by lane over a SPAN
of columns, then over every two neighboring lanes, then over the spans.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from numbaconc.kernels.processor import BYTE_DIFFERENCES, WIDE_REGISTERS

SIDE = 4  # rows of either block that are compared at once: their sums stay in registers
SPAN = 256  # columns of a row compared at a time, so that a block of them stays in the cache
WIDTH = max(BYTE_DIFFERENCES, default=16)  # bytes in a vector
LANES = WIDTH // 8
HELD = SIDE if WIDE_REGISTERS else SIDE // 2  # rows whose sums with SIDE others fit in the registers
VECTOR = ir.VectorType(ir.DoubleType(), LANES)


# A square of a tile


def _adder(term):
    """Build the intrinsic that adds sums of `term` to a square of a tile, from its row `r` and column `c` on.

    The sums are over columns 0..width-1, a multiple of LANES, for SIDE rows of x from `i` on with SIDE rows of y from `j`
    on, float64.
    """

    @intrinsic
    def add_sums(typing, x, i, y, j, width, tile, r, c):  # noqa: ARG001
        return types.void(x, i, y, j, width, tile, r, c), partial(_build_square, term)

    return add_sums


def _build_square(term, context, builder, signature, arguments):
    _, i, _, j, width, _, r, c = arguments
    index = i.type

    def pointer(argument, row, offset, column):
        kind = signature.args[argument]
        array = context.make_array(kind)(context, builder, arguments[argument])
        return cgutils.get_item_pointer(context, builder, kind, array, [builder.add(row, index(offset)), column])

    ys = [pointer(2, j, s, index(0)) for s in range(SIDE)]
    for top in range(0, SIDE, HELD):
        xs = [pointer(0, i, top + s, index(0)) for s in range(HELD)]
        places = _zeros(builder, HELD, SIDE)
        with cgutils.for_range_slice(builder, index(0), width, index(LANES), index) as (column, _):
            loaded = [_load(builder, builder.gep(x, [column])) for x in xs]
            for s, y in enumerate(ys):
                b = _load(builder, builder.gep(y, [column]))
                for a, row in zip(loaded, places, strict=True):
                    builder.store(term(builder, builder.load(row[s]), a, b), row[s])
        for s, row in enumerate(places):
            total = _totals(builder, [builder.load(place) for place in row])
            place = builder.bitcast(pointer(5, r, top + s, c), total.type.as_pointer())
            builder.store(builder.fadd(builder.load(place, align=8), total), place, align=8)
    return context.get_dummy_value()


# One row with a few others


def _summer(term):
    """Build the intrinsic that sums up `term` for one row x, float64, with the SIDE rows of Y that `rows` says.

    x is filled up with zeros to whole vectors. The sums are written to `sums`, shape (SIDE,).
    """

    @intrinsic
    def sum_few(typing, x, Y, rows, sums):  # noqa: ARG001
        return types.void(x, Y, rows, sums), partial(_build_few, term)

    return sum_few


def _build_few(term, context, builder, signature, arguments):
    x, Y, rows, sums = (
        context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args, arguments, strict=True)
    )
    index = ir.IntType(64)
    d = cgutils.unpack_tuple(builder, Y.shape, 2)[1]
    ys = [builder.gep(Y.data, [builder.mul(builder.load(builder.gep(rows.data, [index(s)])), d)]) for s in range(SIDE)]
    totals = cgutils.alloca_once_value(builder, ir.Constant(ir.VectorType(ir.DoubleType(), SIDE), [0.0] * SIDE))
    whole = builder.and_(d, index(-LANES))
    with cgutils.for_range_slice(builder, index(0), d, index(SPAN), index) as (start, _):
        (places,) = _zeros(builder, 1, SIDE)
        end = builder.add(start, index(SPAN))
        stop = builder.select(builder.icmp_signed("<", end, whole), end, whole)
        with cgutils.for_range_slice(builder, start, stop, index(LANES), index) as (column, _):
            a = _load(builder, builder.gep(x.data, [column]))
            for y, place in zip(ys, places, strict=True):
                b = _widened(builder, builder.gep(y, [column]))
                builder.store(term(builder, builder.load(place), a, b), place)
        rest = builder.and_(builder.icmp_signed(">", end, d), builder.icmp_signed("<", whole, d))
        with builder.if_then(rest):
            a = _load(builder, builder.gep(x.data, [whole]))
            for y, place in zip(ys, places, strict=True):
                b = _rest(builder, y, whole, d)
                builder.store(term(builder, builder.load(place), a, b), place)
        total = _totals(builder, [builder.load(place) for place in places])
        builder.store(builder.fadd(builder.load(totals), total), totals)
    place = builder.bitcast(sums.data, totals.type)
    builder.store(builder.load(totals), place, align=8)
    return context.get_dummy_value()


def _widened(builder, pointer):
    """Load a vector of numbers as float64."""
    element = pointer.type.pointee
    vector = ir.VectorType(element, LANES)
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)
    return _as_float64(builder, loaded, VECTOR)


def _as_float64(builder, value, kind):
    element = getattr(value.type, "element", value.type)
    if isinstance(element, ir.IntType):
        return builder.uitofp(value, kind)
    return builder.fpext(value, kind) if element == ir.FloatType() else value


def _rest(builder, y, start, stop):
    """Load columns start..stop-1 as float64, and zeros after them."""
    place = cgutils.alloca_once(builder, VECTOR)
    builder.store(ir.Constant(VECTOR, [0.0] * LANES), place)
    numbers = builder.bitcast(place, ir.DoubleType().as_pointer())
    with cgutils.for_range(builder, builder.sub(stop, start)) as loop:
        value = builder.load(builder.gep(y, [builder.add(start, loop.index)]))
        builder.store(_as_float64(builder, value, ir.DoubleType()), builder.gep(numbers, [loop.index]))
    return builder.load(place)


# What both are made of


def _zeros(builder, n_rows, n_columns):
    places = [[cgutils.alloca_once(builder, VECTOR) for _ in range(n_columns)] for _ in range(n_rows)]
    for row in places:
        for place in row:
            builder.store(ir.Constant(VECTOR, [0.0] * LANES), place)
    return places


def _load(builder, pointer):
    return builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=8)


def _difference(builder, total, a, b):
    kind = ir.FunctionType(total.type, [total.type])
    absolute = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fabs.v{LANES}f64")
    return builder.fadd(total, builder.call(absolute, [builder.fsub(a, b)]))


def _square(builder, total, a, b):
    difference = builder.fsub(a, b)  # rounded once where the processor can, whatever stands around it
    kind = ir.FunctionType(total.type, [total.type] * 3)
    fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f64")
    return builder.call(fused, [difference, difference, total])


def _totals(builder, vectors):
    """Return one vector, of the sum of each vector's lanes, every two neighbors first; there is a power of two of both."""

    def pick(a, b, lanes):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))

    lanes = LANES
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
        vectors = [builder.fadd(pick(a, b, low), pick(a, b, [lane + shift for lane in low])) for a, b in pairs]
    while len(vectors) > 1:  # more vectors than lanes: only put them side by side
        lanes *= 2
        vectors = [pick(a, b, list(range(lanes))) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]


# The same in NumPy, where nothing is compiled


def _plain_adder(power):
    def add_sums(x, i, y, j, width, tile, r, c):
        a, b = x[i : i + SIDE, None, :width], y[None, j : j + SIDE, :width]
        tile[r : r + SIDE, c : c + SIDE] += _plain_sums(a, b, power)

    return add_sums


def _plain_summer(power):
    def sum_few(x, Y, rows, sums):
        d = Y.shape[1]
        a, b = np.zeros((2, 1, SIDE, -(-d // LANES) * LANES))
        a[:, :, :d], b[0, :, :d] = x[:d], Y[rows]
        sums[:] = 0
        for start in range(0, d, SPAN):
            sums += _plain_sums(a[:, :, start : start + SPAN], b[:, :, start : start + SPAN], power)[0]

    return sum_few


def _plain_sums(a, b, power):
    terms = np.abs(a - b) ** power
    lanes = np.add.accumulate(terms.reshape(*terms.shape[:2], -1, LANES), axis=2)[:, :, -1]
    while lanes.shape[-1] > 1:
        lanes = lanes[..., ::2] + lanes[..., 1::2]
    return lanes[..., 0]


if config.DISABLE_JIT:
    add_l1, add_l2 = _plain_adder(1), _plain_adder(2)
    sum_l1, sum_l2 = _plain_summer(1), _plain_summer(2)
else:
    add_l1, add_l2 = _adder(_difference), _adder(_square)
    sum_l1, sum_l2 = _summer(_difference), _summer(_square)
