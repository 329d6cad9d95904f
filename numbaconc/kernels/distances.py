"""Distances between points (ℓ2), in the form in which searches for balls compare them.

Distances between uint8 points are squared: whole numbers, as int32. They are compared as they are, never their roots, so
that ties are ties. Distances between other points are not squared, and are float64.

Distances are computed in blocks of ROWS x LANES, whose sums stay in registers. The squared distances of uint8 points
are made of inner products. Where the processor multiplies bytes, one instruction takes 64 pairs, which is four times as
fast as a product of float32 matrices in BLAS. Elsewhere pairs of int16 are multiplied, which is one to two times as
fast. BLAS itself is not called: its threads and Numba's would wait for each other, busily, at every tile.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.processor import BYTE_PRODUCTS, WIDE_REGISTERS

ROWS = 8  # of a block of distances
LANES = 16  # its columns
COLUMNS = 256  # that a thread takes at a time
TILE = 256  # points of a tile; all distances between two tiles are counted together

# Coordinates travel in words of four bytes. A word of type int32 holds four coordinates of a uint8 point, for processors
# that multiply bytes: as unsigned numbers on the left and, less 128, as signed numbers on the right. A word of type
# uint32 holds two int16 on either side: coordinates of a uint8 point less 128, elsewhere, or those of a rounded point.
PART = np.uint8 if BYTE_PRODUCTS else np.int16
SHIFT = 128
FLIP = np.int32(-0x7F7F7F80)  # word ^ FLIP takes 128 off each byte, as a signed number


# Blocks, in vector instructions


@intrinsic
def _fill_block(typing, left, left_norms, row, panel, norms, distances, to, column):  # noqa: ARG001
    """Write a block of distances, from ROWS rows of `left` to the LANES columns of `panel`.

    The rows of `left` begin at `row`; where there are no more, the last one is repeated. The block begins at row `to`
    and column `column` of `distances`. Sums are taken in the order of the coordinates.
    """
    return types.void(left, left_norms, row, panel, norms, distances, to, column), _build_block


def _build_block(context, builder, signature, arguments):
    left, left_norms, panel, norms, distances = (
        context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 1, 3, 4, 5)
    )
    points = signature.args[3].dtype
    squared = points != types.float64
    vector = ir.VectorType(ir.IntType(32) if squared else ir.DoubleType(), LANES)
    add = _add_squares if not squared else _add_byte_products if points == types.int32 else _add_short_products
    index = arguments[2].type
    n_rows, width = (cgutils.unpack_tuple(builder, array.shape, 2)[i] for i, array in ((0, left), (1, distances)))
    last = builder.sub(n_rows, index(1))
    together = ROWS if WIDE_REGISTERS else ROWS // 2 if squared else ROWS // 4  # rows whose sums fit in the registers
    for first in range(0, ROWS, together):
        rows = []
        for r in range(first, first + together):
            row = builder.add(arguments[2], index(r))
            rows.append(builder.select(builder.icmp_signed("<", row, last), row, last))
        totals = _sum_rows(builder, left, rows, panel, vector, add)
        for r, row, total in zip(range(first, ROWS), rows, totals, strict=False):
            if squared:
                both = _spread(builder, builder.load(builder.gep(left_norms.data, [row])), vector)
                both = builder.add(both, builder.load(_vector_at(builder, norms, index(0), vector), align=4))
                result = builder.sub(both, builder.add(total, total))
            else:
                result = builder.call(_function(builder, f"llvm.sqrt.v{LANES}f64", vector, 1), [total])
            place = builder.add(builder.mul(builder.add(arguments[6], index(r)), width), arguments[7])
            builder.store(result, _vector_at(builder, distances, place, vector), align=4)
    return context.get_dummy_value()


def _sum_rows(builder, left, rows, panel, vector, add):
    """Sum up, for each of some rows, its products with the columns of the panel, or the squares of its differences."""
    depth = cgutils.unpack_tuple(builder, left.shape, 2)[1]
    starts = [builder.gep(left.data, [builder.mul(row, depth)]) for row in rows]
    sums = [cgutils.alloca_once(builder, vector) for _ in rows]
    for place in sums:
        builder.store(ir.Constant(vector, [0] * LANES), place)
    with cgutils.for_range(builder, depth) as loop:
        y = builder.load(_vector_at(builder, panel, builder.mul(loop.index, depth.type(LANES)), vector), align=4)
        for start, place in zip(starts, sums, strict=True):
            x = _spread(builder, builder.load(builder.gep(start, [loop.index])), vector)
            builder.store(add(builder, builder.load(place), x, y), place)
    return [builder.load(place) for place in sums]


def _add_squares(builder, total, x, y):
    difference = builder.fsub(x, y)
    fused = _function(builder, f"llvm.fmuladd.v{LANES}f64", total.type, 3)
    return builder.call(fused, [difference, difference, total])


def _add_byte_products(builder, total, x, y):
    return builder.call(_function(builder, "llvm.x86.avx512.vpdpbusd.512", total.type, 3), [total, x, y])


def _add_short_products(builder, total, x, y):
    if BYTE_PRODUCTS:  # the instruction comes with the other
        return builder.call(_function(builder, "llvm.x86.avx512.vpdpwssd.512", total.type, 3), [total, x, y])
    # LLVM makes one instruction of this: multiply pairs of int16, and add every two neighboring products
    narrow, wide = ir.VectorType(ir.IntType(16), 2 * LANES), ir.VectorType(ir.IntType(32), 2 * LANES)
    products = builder.mul(*(builder.sext(builder.bitcast(word, narrow), wide) for word in (x, y)))
    halves = (
        builder.shuffle_vector(
            products,
            ir.Constant(wide, ir.Undefined),
            ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(half, 2 * LANES, 2))),
        )
        for half in (0, 1)
    )
    return builder.add(total, builder.add(*halves))


def _vector_at(builder, array, index, vector):
    return builder.bitcast(builder.gep(array.data, [index]), vector.as_pointer())


def _spread(builder, number, vector):
    """Put one number into all lanes of a vector."""
    undefined, lane = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    zeros = ir.Constant(ir.VectorType(lane, LANES), [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(undefined, number, lane(0)), undefined, zeros)


def _function(builder, name, vector, n_arguments):
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * n_arguments), name)


def _fill_block_plainly(left, left_norms, row, panel, norms, distances, to, column):
    """Do the same in NumPy, where nothing is compiled."""
    rows = np.minimum(np.arange(row, row + ROWS), len(left) - 1)
    if panel.dtype == np.float64:
        sums = np.zeros((ROWS, LANES))
        for c in range(len(panel)):
            sums += (left[rows, c, np.newaxis] - panel[c]) ** 2
        block = np.sqrt(sums)
    else:
        parts = (np.uint8, np.int8) if panel.dtype == np.int32 else (np.int16, np.int16)
        signed = np.ascontiguousarray(panel.T).view(parts[1]).astype(np.int32)
        block = left_norms[rows, np.newaxis] + norms - 2 * (left[rows].view(parts[0]) @ signed.T)
    distances[to : to + ROWS, column : column + LANES] = block


if config.DISABLE_JIT:
    _fill_block = _fill_block_plainly


# Points in the form that blocks are made of


def as_words(X: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int32]]":
    """Turn uint8 points, (n, d) with d up to 2^15, into what `fill_distances` and `count_pairs` take.

    Returns their words, (n, w): the coordinates, four (int32) or two (uint32) to a word, in a view of `X` where that is
    possible. And left and right norms, (n,) int32: a squared distance is the left norm of one point, plus the right
    norm of the other, less twice the inner product of their words.
    """
    per_word = 4 // np.dtype(PART).itemsize
    parts = X if BYTE_PRODUCTS else X.astype(np.int16) - np.int16(SHIFT)
    missing = -X.shape[1] % per_word
    if missing:
        parts = np.pad(parts, ((0, 0), (0, missing)))
    plain, shifted = _norms(X)
    norms = (shifted - np.int32(SHIFT**2 * X.shape[1]), plain) if BYTE_PRODUCTS else (shifted, shifted)
    return np.require(parts.view(np.int32 if BYTE_PRODUCTS else np.uint32), requirements="A"), *norms


@kernel
def _norms(X):
    """Return the squared length of each point, and what it is after 128 is taken off every coordinate."""
    plain, shifted = np.empty((2, X.shape[0]), np.int32)
    for i in prange(X.shape[0]):
        squares, levels = np.int32(0), np.int32(0)
        for c in range(X.shape[1]):
            level = np.int32(X[i, c])
            squares = np.int32(squares + np.int32(level * level))
            levels = np.int32(levels + level)
        plain[i] = squares
        shifted[i] = np.int64(squares) - 2 * SHIFT * np.int64(levels) + SHIFT**2 * X.shape[1]
    return plain, shifted


def _empty(shape, norms):
    """Return an array for distances, or what they are made of: int32 where points have norms, else float64."""
    return np.empty(shape, np.float64 if norms is None else np.int32)


@overload(_empty)
def _empty_by_type(shape, norms):  # noqa: ARG001
    dtype = np.float64 if isinstance(norms, types.NoneType) else np.int32
    return lambda shape, norms: np.empty(shape, dtype)  # noqa: ARG005


def _empty_rows(shape, points, norms):
    """Return an array for points in the form that blocks are made of: words where they have norms, else float64."""
    return np.empty(shape, np.float64 if norms is None else points.dtype)


@overload(_empty_rows)
def _empty_rows_by_type(shape, points, norms):  # noqa: ARG001
    if isinstance(norms, types.NoneType):
        return lambda shape, points, norms: np.empty(shape, np.float64)  # noqa: ARG005
    return lambda shape, points, norms: np.empty(shape, points.dtype)  # noqa: ARG005


def _signed(word):
    """Return what a word of the left is on the right."""
    return word ^ FLIP if isinstance(word, np.int32) else word


@overload(_signed)
def _signed_by_type(word):
    return (lambda word: word ^ FLIP) if word == types.int32 else (lambda word: word)


@helper
def _fill_panel(right, right_norms, first, panel, norms):
    """Write LANES rows of `right` from `first` on to the columns of `panel`, and their norms to `norms`.

    Where there are no more rows, the last one is repeated.
    """
    for lane in range(LANES):
        j = min(first + lane, right.shape[0] - 1)
        row = right[j]
        for c in range(row.shape[0]):
            panel[c, lane] = row[c] if right_norms is None else _signed(row[c])
        if right_norms is not None:
            norms[lane] = right_norms[j]


@helper
def _copy_rows(left, left_norms, start, stop):
    """Return rows start..stop-1, and their norms."""
    rows, norms = _empty_rows((stop - start, left.shape[1]), left, left_norms), _empty(stop - start, left_norms)
    for i in range(stop - start):
        for c in range(left.shape[1]):
            rows[i, c] = left[start + i, c]
        if left_norms is not None:
            norms[i] = left_norms[start + i]
    return rows, norms


# All distances between two sets of points


@kernel
def fill_distances(left, left_norms, right, right_norms, distances):
    """Compute the distances between all rows of two arrays.

    left, right : (b, w) and (m, w), the words of uint8 points (`as_words`), or of rounded ones, for squared distances;
        or, for distances, float64 on the left and anything on the right
    left_norms, right_norms : (b,) and (m,) int32 of `as_words`; None for distances. A distance is the root of a sum in
        float64, which is exact for whole numbers. The order of the sum depends on d alone, so that the same two points
        are always equally far apart.
    distances : (b, m), written to: squared distances as int32, or distances as float64
    """
    m = right.shape[0]
    for group in prange((m + COLUMNS - 1) // COLUMNS):
        start = group * COLUMNS
        _fill_columns(left, left_norms, right, right_norms, start, min(m, start + COLUMNS), distances)


@helper
def _fill_columns(left, left_norms, right, right_norms, start, stop, distances):
    """Do that for columns start..stop-1."""
    b = left.shape[0]
    panel, norms = _empty_rows((right.shape[1], LANES), right, left_norms), _empty(LANES, left_norms)
    block, row_norms = _empty((ROWS, LANES), left_norms), _empty(b, left_norms)
    if left_norms is not None:
        for i in range(b):
            row_norms[i] = left_norms[i]
    for first in range(start, stop, LANES):
        _fill_panel(right, right_norms, first, panel, norms)
        for row in range(0, b, ROWS):
            if row + ROWS <= b and first + LANES <= stop:
                _fill_block(left, row_norms, row, panel, norms, distances, row, first)
            else:
                _fill_block(left, row_norms, row, panel, norms, block, 0, 0)
                for i in range(row, min(b, row + ROWS)):
                    for j in range(first, min(stop, first + LANES)):
                        distances[i, j] = block[i - row, j - first]


# Histograms of the distances from each point


@kernel
def count_pairs(X, left_norms, right_norms, pairs, scale, counts):
    """Add the distances between pairs of tiles to the histograms of all their points.

    Each distance is computed once and counted for either point.

    X : (n, w), the words of uint8 points (`as_words`) or of rounded ones, or floats
    left_norms, right_norms : (n,) int32, those of words; None for floats
    pairs : (p, 2) int64, tiles, of TILE points each, to compare. No tile is in two pairs; both tiles of a pair may be
        the same.
    scale : (4,), float32 with words and float64 with floats: coarse and fine, buckets for one level of distance, and what lies between the two. The bucket of
        a distance r is min(max(coarse · r, fine · r - scale[2]), coarse · r + scale[3]), rounded down.
    counts : (n, buckets) int32, the histogram of each point, added to; the last bucket counts all larger distances, too
    """
    n = X.shape[0]
    for pair in prange(pairs.shape[0]):
        first, start = pairs[pair, 0] * TILE, pairs[pair, 1] * TILE
        last, stop = min(n, first + TILE), min(n, start + TILE)
        buckets = np.empty((TILE // LANES, TILE, LANES), np.uint16)
        left, row_norms = _copy_rows(X, left_norms, first, last)
        _fill_buckets(left, row_norms, X, right_norms, start, stop, scale, counts.shape[1] - 1, buckets)
        for i in range(first, last):
            _count_row(buckets, i - first, stop - start, counts[i])
        if first != start:
            _count_columns(buckets, last - first, counts[start:stop])


@kernel
def count_from(left, left_norms, right, right_norms, scale, counts, rows, limits):
    """Add the distances from each row of one array to all rows of another to histograms.

    left, right : (b, w) and (m, w), points as for `count_pairs`, with norms as there
    scale, counts : as for `count_pairs`
    rows : (b,) int64, distinct: where in `counts` the histogram of each row of `left` is
    limits : (b,) int64
    Returns (b,) int64, how many distances of each row are in buckets up to its limit.
    """
    b, m = left.shape[0], right.shape[0]
    within = np.zeros(b, np.int64)
    height = min(TILE, (b + 8 * ROWS - 1) // (8 * ROWS) * ROWS)  # lower where several threads would have none
    for tile in prange((b + height - 1) // height):
        first, last = tile * height, min(b, (tile + 1) * height)
        buckets = np.empty((TILE // LANES, TILE, LANES), np.uint16)
        block, row_norms = _copy_rows(left, left_norms, first, last)
        for start in range(0, m, TILE):
            stop = min(m, start + TILE)
            _fill_buckets(block, row_norms, right, right_norms, start, stop, scale, counts.shape[1] - 1, buckets)
            for i in range(last - first):
                _count_row(buckets, i, stop - start, counts[rows[first + i]])
                within[first + i] += _count_up_to(buckets, i, stop - start, limits[first + i])
    return within


def _root(distance):
    """Return a distance that is squared if it is an int32; rounded, but the larger of two is never the smaller root."""
    return np.sqrt(np.float32(distance)) if isinstance(distance, np.int32) else distance


@overload(_root)
def _root_by_type(distance):
    return (lambda distance: np.sqrt(np.float32(distance))) if distance == types.int32 else (lambda distance: distance)


@helper
def _fill_buckets(left, left_norms, right, right_norms, start, stop, scale, top, buckets):
    """Find the bucket, up to `top`, of each distance from all of `left` to rows start..stop-1, LANES of them at a time."""
    b = left.shape[0]
    panel, norms = _empty_rows((right.shape[1], LANES), right, right_norms), _empty(LANES, right_norms)
    strip = _empty((TILE, LANES), right_norms)
    flat = strip.ravel()
    numbers = np.empty(5, scale.dtype)
    numbers[:4], numbers[4] = scale, top
    coarse, fine, offset, gap, last = numbers
    for column in range(start, stop, LANES):
        _fill_panel(right, right_norms, column, panel, norms)
        for row in range(0, b, ROWS):
            _fill_block(left, left_norms, row, panel, norms, strip, row, 0)
        flat_buckets = buckets[(column - start) // LANES].ravel()
        for k in range(b * LANES):
            root = _root(flat[k])
            place = min(max(coarse * root, fine * root - offset), coarse * root + gap)
            flat_buckets[k] = np.uint16(np.int32(min(place, last)))


@helper
def _count_row(buckets, i, n_columns, counts):
    for j in range(n_columns):
        counts[buckets[j // LANES, i, j % LANES]] += 1


@helper
def _count_up_to(buckets, i, n_columns, limit):
    total = 0
    for j in range(n_columns):
        total += buckets[j // LANES, i, j % LANES] <= limit
    return total


@helper
def _count_columns(buckets, n_rows, counts):
    for j in range(counts.shape[0]):
        for i in range(n_rows):
            counts[j, buckets[j // LANES, i, j % LANES]] += 1
