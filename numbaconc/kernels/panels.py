"""Sums over pairs of rows of bytes, in vector instructions: ℓ1 distances, and inner products.

Rows lie in panels of LANES rows. A word holds eight bytes of a row, and the words of a panel's rows lie side by side, so
that each lane of a vector is one row and adds up its own sum: a word of another row is put into all lanes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from numbaconc.kernels.processor import BYTE_DIFFERENCES, BYTE_PRODUCTS, WIDE_REGISTERS

LANES = 8  # rows of a panel
WORD = 8  # bytes of a word
STEP = 64  # bytes that rows are filled up to, so that each begins a cache line
SIDE = 16  # rows that LANES rows are compared with at once: their sums stay in registers

WIDTH = max(BYTE_DIFFERENCES, default=16)  # bytes in a vector
INSTRUCTION = BYTE_DIFFERENCES.get(WIDTH)  # that sums up absolute differences of so many bytes, if there is one
PART = np.uint8 if BYTE_PRODUCTS else np.int16  # what products are taken of
SHIFT = 128  # is taken off one factor where bytes are multiplied, and off both elsewhere, to make them signed


def _adder(term, finish):
    """Build the intrinsic that adds sums of `term` to a part of a tile, from its row `r` and column `c` on.

    The sums are over words start..stop-1, for the LANES rows of panel i with the SIDE rows of panels j and j + 1.
    """

    @intrinsic
    def add_sums(typing, panels, i, j, start, stop, tile, r, c):  # noqa: ARG001
        return types.void(panels, i, j, start, stop, tile, r, c), partial(_build, term, finish)

    return add_sums


def _build(term, finish, context, builder, signature, arguments):
    panels, tile = (context.make_array(signature.args[a])(context, builder, arguments[a]).data for a in (0, 5))
    _, i, j, start, stop, _, r, c = arguments
    index = i.type
    shape = cgutils.unpack_tuple(
        builder, context.make_array(signature.args[0])(context, builder, arguments[0]).shape, 3
    )
    width = cgutils.unpack_tuple(
        builder, context.make_array(signature.args[5])(context, builder, arguments[5]).shape, 2
    )[1]
    lanes = WIDTH // WORD
    vector = ir.VectorType(ir.IntType(64), lanes)
    size = builder.mul(shape[1], index(LANES))  # words of a panel
    x = builder.gep(panels, [builder.mul(i, size)])
    ys = [builder.gep(panels, [builder.mul(builder.add(j, index(p)), size)]) for p in range(SIDE // LANES)]
    places = [(y, part) for y in ys for part in range(0, LANES, lanes)]  # of the vectors of a word
    together = LANES if WIDE_REGISTERS else max(1, 8 // len(places))  # rows whose sums fit in the registers
    for first in range(0, LANES, together):
        held = [[cgutils.alloca_once(builder, vector) for _ in places] for _ in range(together)]
        for row in held:
            for place in row:
                builder.store(ir.Constant(vector, [0] * lanes), place)
        with cgutils.for_range_slice(builder, start, stop, index(1), index) as (word, _):
            column = builder.mul(word, index(LANES))
            loaded = []
            for y, part in places:
                place = builder.gep(y, [builder.add(column, index(part))])
                loaded.append(builder.load(builder.bitcast(place, vector.as_pointer()), align=WIDTH))
            for s, row in enumerate(held):
                a = builder.load(builder.gep(x, [builder.add(column, index(first + s))]))
                spread = _spread(builder, a, vector)
                for b, place in zip(loaded, row, strict=True):
                    builder.store(term(builder, builder.load(place), spread, b), place)
        narrow = ir.VectorType(ir.IntType(32), lanes)
        for s, row in enumerate(held):
            line = builder.add(builder.mul(builder.add(r, index(first + s)), width), c)
            for v, place in enumerate(row):
                to = builder.bitcast(builder.gep(tile, [builder.add(line, index(v * lanes))]), narrow.as_pointer())
                total = finish(builder, builder.load(place), narrow)
                builder.store(builder.add(builder.load(to, align=4), total), to, align=4)
    return context.get_dummy_value()


def _spread(builder, number, vector):
    """Put one number into all lanes of a vector."""
    undefined, lane = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    zeros = ir.Constant(ir.VectorType(lane, vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(undefined, number, lane(0)), undefined, zeros)


def _differences(builder, total, a, b):
    """Add |a - b|, eight bytes to a lane."""
    fields = ir.VectorType(ir.IntType(8), WIDTH)
    a, b = builder.bitcast(a, fields), builder.bitcast(b, fields)
    if INSTRUCTION is not None:
        kind = ir.FunctionType(total.type, [fields, fields])
        instruction = cgutils.get_or_insert_function(builder.module, kind, INSTRUCTION)
        return builder.add(total, builder.call(instruction, [a, b]))
    larger = builder.icmp_unsigned(">", a, b)
    apart = builder.bitcast(builder.select(larger, builder.sub(a, b), builder.sub(b, a)), total.type)
    for bits in (8, 16, 32):
        apart = _pair_up(builder, apart, bits)
    return builder.add(total, apart)


def _pair_up(builder, fields, bits):
    """Add every two neighboring fields of so many bits, into fields twice as wide."""
    low = _fill(fields.type, (2**64 - 1) // (2**bits + 1))
    high = builder.lshr(fields, _fill(fields.type, bits))
    return builder.add(builder.and_(fields, low), builder.and_(high, low))


def _products(builder, total, a, b):
    """Add products of PARTs, two int32 sums to a lane."""
    words = ir.VectorType(ir.IntType(32), WIDTH // 4)
    if BYTE_PRODUCTS:
        b = builder.xor(b, _fill(b.type, 0x8080808080808080))  # takes 128 off each byte, as a signed number
        kind = ir.FunctionType(words, [words] * 3)
        multiply = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
        return builder.bitcast(builder.call(multiply, [builder.bitcast(v, words) for v in (total, a, b)]), total.type)
    # LLVM makes one instruction of this: multiply pairs of int16, and add every two neighboring products
    count = WIDTH // 2
    narrow, wide = ir.VectorType(ir.IntType(16), count), ir.VectorType(ir.IntType(32), count)
    products = builder.mul(*(builder.sext(builder.bitcast(v, narrow), wide) for v in (a, b)))
    halves = [
        builder.shuffle_vector(products, ir.Constant(wide, ir.Undefined), ir.Constant(words, [*range(half, count, 2)]))
        for half in (0, 1)
    ]
    return builder.bitcast(builder.add(builder.bitcast(total, words), builder.add(*halves)), total.type)


def _fill(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _plain_adder(products):
    """Do the same in NumPy, where nothing is compiled."""

    def add_sums(panels, i, j, start, stop, tile, r, c):
        kind = PART if products else np.uint8
        a, b = (_rows_of(panels[p : p + m, start:stop], kind) for p, m in ((i, 1), (j, SIDE // LANES)))
        found = a @ ((b - SHIFT) if BYTE_PRODUCTS else b).T if products else np.abs(a[:, None] - b).sum(axis=2)
        tile[r : r + LANES, c : c + SIDE] += found.astype(np.int32)

    return add_sums


def _rows_of(panels, kind):
    """Return the rows of panels, as int64."""
    rows = np.ascontiguousarray(panels.transpose(0, 2, 1)).reshape(-1, panels.shape[1])
    return rows.view(kind).astype(np.int64)


if config.DISABLE_JIT:
    add_differences, add_products = _plain_adder(products=False), _plain_adder(products=True)
else:
    add_differences = _adder(_differences, lambda builder, sums, narrow: builder.trunc(sums, narrow))
    add_products = _adder(
        _products,
        lambda builder, sums, narrow: builder.add(
            builder.trunc(sums, narrow), builder.trunc(builder.lshr(sums, _fill(sums.type, 32)), narrow)
        ),
    )


def as_panels(rows: NDArray[Any], block: int) -> NDArray[np.uint64]:
    """Put rows of bytes (or of int16) into panels: shape (panels, words, LANES), with zeros up to whole blocks."""
    n, width = len(rows), rows.shape[1] * rows.itemsize
    words = -(-width // STEP) * STEP // WORD
    height = -(-n // block) * block
    aligned = np.empty(height * words + LANES, np.uint64)
    skip = -aligned.ctypes.data % STEP // WORD
    panels = aligned[skip : skip + height * words].reshape(height // LANES, words, LANES)
    chunk = np.zeros((block, words * WORD), np.uint8)
    for start in range(0, height, block):
        some = rows[start : start + block]
        chunk[: len(some), :width] = np.ascontiguousarray(some).view(np.uint8)
        chunk[len(some) :] = 0
        panels[start // LANES : (start + block) // LANES] = (
            chunk.view(np.uint64).reshape(-1, LANES, words).transpose(0, 2, 1)
        )
    return panels
