"""Balls around data points: distances, and each point's best ball given what is taken already.

A *key* says how far apart two points are: the squared distance as int32 for uint8 data, where it is
a whole number, or the distance itself as float64. Keys are compared, never the numbers made of them,
so that ties are ties.

Keys come in blocks of ROWS x LANES that stay in registers. Those of uint8 data are made of inner
products of bytes: on a processor that has it, one instruction multiplies 64 pairs and adds them up, four
times as fast as the product of float32 matrices in BLAS; elsewhere pairs of int16, as fast as that or twice.
No BLAS is called: its threads and ours would wait for each other, busily, at every tile.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import config, njit, prange, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from numbaconc.kernels.threads import in_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = set(cpu_target.target_context.codegen().magic_tuple()[2].split(","))  # part of the key of Numba's cache
WIDE = "+avx512f" in FEATURES
BYTES = "+avx512vnni" in FEATURES
PART = np.uint8 if BYTES else np.int16  # a word of four bytes holds as many levels as it can
SHIFT = 128  # taken off every level that is multiplied as a signed number
FLIP = np.int32(-0x7F7F7F80 if BYTES else 0)  # turns the bytes x of a word to x - 128, signed
ROWS = 8  # of a block of keys
LANES = 16  # its columns
CENTERS = 8  # that a thread evaluates at a time
TILE = 256  # points of a tile, whose keys are counted in two directions
COLUMNS = 256  # that a thread takes at a time
BUCKETS = 1024  # of the histograms that ranks are found with


@intrinsic
def _fill_block(typing, left, left_norms, row, panel, norms, keys, to, column):  # noqa: ARG001
    """Keys from ROWS rows of `left`, the last one again where there are no more, to the columns of `panel`.

    They go to rows `to` and on of `keys`, from `column` on. The order of a sum is that of the coordinates.
    """
    signature = types.void(left, left_norms, row, panel, norms, keys, to, column)

    def codegen(context, builder, signature, arguments):
        left, left_norms, panel, norms, keys = (
            context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 1, 3, 4, 5)
        )
        words = signature.args[3].dtype == types.int32
        vector = ir.VectorType(ir.IntType(32) if words else ir.DoubleType(), LANES)
        n_rows, depth = cgutils.unpack_tuple(builder, left.shape, 2)
        index = depth.type
        last = builder.sub(n_rows, index(1))
        together = ROWS if WIDE else ROWS // 2 if words else ROWS // 4  # rows whose sums the registers hold

        def vector_at(array, k):
            return builder.bitcast(builder.gep(array.data, [k]), vector.as_pointer())

        def everywhere(number):
            nothing = ir.Constant(vector, ir.Undefined)
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            return builder.shuffle_vector(
                builder.insert_element(nothing, number, zeros.type.element(0)), nothing, zeros
            )

        for first in range(0, ROWS, together):
            rows, starts, sums = [], [], []
            for r in range(first, first + together):
                here = builder.add(arguments[2], index(r))
                rows.append(builder.select(builder.icmp_signed("<", here, last), here, last))
                starts.append(builder.gep(left.data, [builder.mul(rows[-1], depth)]))
                sums.append(cgutils.alloca_once(builder, vector))
                builder.store(ir.Constant(vector, [0] * LANES), sums[-1])
            with cgutils.for_range(builder, depth) as loop:
                there = builder.load(vector_at(panel, builder.mul(loop.index, index(LANES))), align=4)
                for start, total in zip(starts, sums, strict=True):
                    here = everywhere(builder.load(builder.gep(start, [loop.index])))
                    joined = (_add_products if words else _add_square)(builder, builder.load(total), here, there)
                    builder.store(joined, total)
            for r, row, total in zip(range(first, ROWS), rows, sums, strict=False):
                found = builder.load(total)
                if words:
                    both = everywhere(builder.load(builder.gep(left_norms.data, [row])))
                    both = builder.add(both, builder.load(vector_at(norms, index(0)), align=4))
                    found = builder.sub(both, builder.add(found, found))
                else:
                    found = builder.call(_function(builder, f"llvm.sqrt.v{LANES}f64", vector, 1), [found])
                here = builder.mul(builder.add(arguments[6], index(r)), cgutils.unpack_tuple(builder, keys.shape, 2)[1])
                builder.store(found, vector_at(keys, builder.add(here, arguments[7])), align=4)
        return context.get_dummy_value()

    return signature, codegen


def _add_square(builder, total, x, y):
    difference = builder.fsub(x, y)
    fused = _function(builder, f"llvm.fmuladd.v{LANES}f64", total.type, 3)
    return builder.call(fused, [difference, difference, total])


def _function(builder, name, vector, n_arguments):
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * n_arguments), name)


def _add_products(builder, total, x, y):
    vector = total.type
    if BYTES:
        return builder.call(_function(builder, "llvm.x86.avx512.vpdpbusd.512", vector, 3), [total, x, y])
    # what LLVM knows as one instruction: multiply int16, add neighbors
    narrow, wide = ir.VectorType(ir.IntType(16), 2 * LANES), ir.VectorType(ir.IntType(32), 2 * LANES)
    products = builder.mul(*(builder.sext(builder.bitcast(word, narrow), wide) for word in (x, y)))
    halves = (
        builder.shuffle_vector(
            products, ir.Constant(wide, ir.Undefined), ir.Constant(vector, list(range(half, 2 * LANES, 2)))
        )
        for half in (0, 1)
    )
    return builder.add(total, builder.add(*halves))


def _fill_block_plainly(left, left_norms, row, panel, norms, keys, to, column):
    """Say the same in NumPy: an intrinsic has no Python body."""
    rows = np.minimum(np.arange(row, row + ROWS), len(left) - 1)
    if panel.dtype == np.float64:
        sums = np.zeros((ROWS, LANES))
        for c in range(len(panel)):
            sums += (left[rows, c, np.newaxis] - panel[c]) ** 2
        found = np.sqrt(sums)
    else:
        signed = np.ascontiguousarray(panel.T).view(np.int8 if BYTES else np.int16).astype(np.int32)
        found = left_norms[rows, np.newaxis] + norms - 2 * (left[rows].view(PART) @ signed.T)
    keys[to : to + ROWS, column : column + LANES] = found


if config.DISABLE_JIT:
    _fill_block = _fill_block_plainly


def as_words(X: "NDArray[Any]") -> "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]":
    """Turn uint8 points into what `fill_keys` and `count_pairs` take.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
        With d up to 2^15.

    Returns
    -------
    words : ndarray, shape (n, w), int32
        Four bytes each, as they are, or two levels less 128. A view of `X` where that can be.
    left_norms, right_norms : ndarray, shape (n,), int32
        That of a row on the left and of one on the right, less twice their product, is their squared distance.
    """
    per_word = 4 // np.dtype(PART).itemsize
    parts = X if BYTES else X.astype(np.int16) - np.int16(SHIFT)
    missing = -X.shape[1] % per_word
    if missing:
        parts = np.pad(parts, ((0, 0), (0, missing)))
    plain, shifted = _norms(X)
    norms = (shifted - np.int32(SHIFT**2 * X.shape[1]), plain) if BYTES else (shifted, shifted)
    return np.require(parts.view(np.int32), requirements="A"), *norms


@in_turn
@njit(parallel=True, cache=True)
def _norms(X):
    """Squared length of each point, and what it is after 128 is taken from every level."""
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
    """Room for numbers that are joined to keys: int32 where there are norms, else float64."""
    return np.empty(shape, np.float64 if norms is None else np.int32)


@overload(_empty)
def _empty_by_type(shape, norms):  # noqa: ARG001
    kind = np.float64 if isinstance(norms, types.NoneType) else np.int32
    return lambda shape, norms: np.empty(shape, kind)  # noqa: ARG005


@njit(cache=True)
def _fill_panel(right, right_norms, first, panel, norms):
    """Transpose LANES rows, the last one again where there are no more; `norms` get theirs."""
    for lane in range(LANES):
        j = min(first + lane, right.shape[0] - 1)
        row = right[j]
        for c in range(row.shape[0]):
            if right_norms is None:
                panel[c, lane] = row[c]
            else:
                panel[c, lane] = row[c] ^ FLIP
        if right_norms is not None:
            norms[lane] = right_norms[j]


@njit(cache=True)
def _fill_columns(left, left_norms, right, right_norms, start, stop, keys):
    b = left.shape[0]
    panel, norms = _empty((right.shape[1], LANES), left_norms), _empty(LANES, left_norms)
    block, row_norms = _empty((ROWS, LANES), left_norms), _empty(b, left_norms)
    if left_norms is not None:
        for i in range(b):
            row_norms[i] = left_norms[i]
    for first in range(start, stop, LANES):
        _fill_panel(right, right_norms, first, panel, norms)
        for row in range(0, b, ROWS):
            if row + ROWS <= b and first + LANES <= stop:
                _fill_block(left, row_norms, row, panel, norms, keys, row, first)
            else:
                _fill_block(left, row_norms, row, panel, norms, block, 0, 0)
                for i in range(row, min(b, row + ROWS)):
                    for j in range(first, min(stop, first + LANES)):
                        keys[i, j] = block[i - row, j - first]


@in_turn
@njit(parallel=True, cache=True)
def fill_keys(left, left_norms, right, right_norms, keys):
    """Keys between all rows of two arrays.

    Parameters
    ----------
    left, right : ndarray, shape (b, w) and (m, w)
        int32 words (`as_words`), for squared distances; or, for distances, float64 on the left, anything on the right.
    left_norms, right_norms : ndarray, shape (b,) and (m,), int32
        None for distances. Those are roots of sums in float64, exact for whole numbers. The order of a sum depends
        on d alone, so that the same two points are always equally far apart.
    keys : ndarray, shape (b, m), int32 or float64
        Written to.
    """
    m = right.shape[0]
    for group in prange((m + COLUMNS - 1) // COLUMNS):
        start = group * COLUMNS
        _fill_columns(left, left_norms, right, right_norms, start, min(m, start + COLUMNS), keys)


@njit(cache=True)
def _fill_buckets(X, left_norms, right_norms, one, end, other, stop, scale, n_buckets, buckets):
    """Buckets of the distances from rows one..end-1 to rows other..stop-1."""
    b = end - one
    left, row_norms = _empty((b, X.shape[1]), left_norms), _empty(b, left_norms)
    panel, norms = _empty((X.shape[1], LANES), left_norms), _empty(LANES, left_norms)
    strip = _empty((TILE, LANES), left_norms)
    for i in range(b):
        for c in range(X.shape[1]):
            left[i, c] = X[one + i, c]
        if left_norms is not None:
            row_norms[i] = left_norms[one + i]
    flat, top, narrow = strip.ravel(), n_buckets - 1, np.float32(scale)
    for first in range(other, stop, LANES):
        _fill_panel(X, right_norms, first, panel, norms)
        for row in range(0, b, ROWS):
            _fill_block(left, row_norms, row, panel, norms, strip, row, 0)
        here = buckets[(first - other) // LANES].ravel()
        for k in range(b * LANES):
            if left_norms is None:
                here[k] = np.uint16(np.int32(min(flat[k] * scale, top)))
            else:  # in float32, which never orders two buckets the wrong way round
                here[k] = np.uint16(np.int32(min(np.sqrt(np.float32(flat[k])) * narrow, np.float32(top))))


@njit(cache=True)
def _count_rows(buckets, n_columns, counts):
    for i in range(counts.shape[0]):
        for j in range(n_columns):
            counts[i, buckets[j // LANES, i, j % LANES]] += 1


@njit(cache=True)
def _count_columns(buckets, n_rows, counts):
    for j in range(counts.shape[0]):
        for i in range(n_rows):
            counts[j, buckets[j // LANES, i, j % LANES]] += 1


@in_turn
@njit(parallel=True, cache=True)
def count_pairs(X, left_norms, right_norms, pairs, scale, counts):
    """Count each point's distances to others, in buckets; every distance of two tiles is found once.

    Parameters
    ----------
    X : ndarray, shape (n, w)
        int32 words, or floats.
    left_norms, right_norms : ndarray, shape (n,), int32
        None for floats.
    pairs : ndarray, shape (p, 2), int64
        Tiles of TILE points to compare; none in two pairs. A tile may be compared with itself.
    scale : float
        Buckets for one level of distance.
    counts : ndarray, shape (n, buckets), int32
        Added to. The last bucket has what lies beyond.
    """
    n = X.shape[0]
    for pair in prange(pairs.shape[0]):
        one, other = pairs[pair, 0] * TILE, pairs[pair, 1] * TILE
        end, stop = min(n, one + TILE), min(n, other + TILE)
        buckets = np.empty((TILE // LANES, TILE, LANES), np.uint16)
        _fill_buckets(X, left_norms, right_norms, one, end, other, stop, scale, counts.shape[1], buckets)
        _count_rows(buckets, stop - other, counts[one:end])
        if one != other:
            _count_columns(buckets, end - one, counts[other:stop])


@in_turn
@njit(parallel=True, cache=True)
def bound_balls(counts, steps, k_high, floors):
    """Lower bounds of what the balls of each center are worth while no point is taken.

    Parameters
    ----------
    counts : ndarray, shape (n, buckets), int32
        Of `count_pairs`.
    steps : int
        A point whose bucket is at most so many above that of a ball's radius is in its expansion.
    k_high : int
        The largest rank, from 1.
    floors : ndarray, shape (f,), int64
        Ascending ranks.

    Returns
    -------
    least : ndarray, shape (n, f), int32
        At most the least objective over the ranks from each floor to `k_high`.
    last : ndarray, shape (n,), int64
        The bucket of the largest ball's radius.
    """
    n, n_buckets = counts.shape
    least = np.empty((n, floors.shape[0]), np.int32)
    last = np.empty(n, np.int64)
    for i in prange(n):
        within = np.empty(n_buckets, np.int32)
        seen = np.int32(0)
        bucket = 0  # of the largest ball's radius
        for b in range(n_buckets):
            bucket += seen < k_high and b > 0
            seen += counts[i, b]
            within[b] = seen
        last[i] = bucket
        lowest = seen
        for f in range(floors.shape[0] - 1, -1, -1):
            while bucket >= 0 and within[bucket] >= floors[f]:
                reached = within[max(bucket, min(bucket + steps, n_buckets - 2))]
                lowest = min(lowest, reached - within[bucket])
                bucket -= 1
            least[i, f] = lowest
    return least, last


@in_turn
@njit(parallel=True, cache=True)
def bound_expansions(counts, steps, rank):
    """Lower bounds of how many points each center's balls of at least `rank` points expand.

    Parameters
    ----------
    counts : ndarray, shape (n, buckets), int32
        Of `count_pairs`.
    steps : int
        A point whose bucket is at most so many above that of a ball's radius is in its expansion; from -1.
    rank : int
        From 1 to n.

    Returns
    -------
    near : ndarray, shape (n,), int64
        Points that are in the expansion for sure.
    top : ndarray, shape (n,), int64
        The last of their buckets, -1 if there is none.
    """
    n, n_buckets = counts.shape
    near, top = np.zeros((2, n), np.int64)
    for i in prange(n):
        seen, bucket = np.int64(counts[i, 0]), 0
        while seen < rank:
            bucket += 1
            seen += counts[i, bucket]
        top[i] = min(bucket + steps, n_buckets - 2)  # what lies in the last bucket may be anywhere beyond
        for b in range(top[i] + 1):
            near[i] += counts[i, b]
    return near, top


@in_turn
@njit(parallel=True, cache=True)
def count_within(keys, reaches, weights):
    """Sum the weights of the rows within reach of each column.

    Parameters
    ----------
    keys : ndarray, shape (m, b), int32 or float64
    reaches : ndarray, shape (b,), float64
        Keys.
    weights : ndarray, shape (m,), int64

    Returns
    -------
    ndarray, shape (b,), int64
    """
    m, b = keys.shape
    sums = np.zeros(b, np.int64)
    for group in prange((b + COLUMNS - 1) // COLUMNS):
        start, stop = group * COLUMNS, min(b, (group + 1) * COLUMNS)
        for i in range(m):
            for j in range(start, stop):
                sums[j] += weights[i] * np.int64(keys[i, j] <= reaches[j])
    return sums


@njit(cache=True)
def expand_key(key, strength, squared):
    """Return the largest key whose distance is at most `strength` more than that of `key`.

    Parameters
    ----------
    key : float
    strength : float
        In levels.
    squared : bool
        Whether keys are squared distances, whole numbers.

    Returns
    -------
    float
        For squared distances the largest whole number v with √v <= √key + strength.
    """
    if not squared:
        return key + strength
    distance = np.sqrt(key) + strength
    if distance > 2.0**16:  # beyond every int32
        return 2.0**32
    largest = np.floor(distance * distance)
    while np.sqrt(largest) > distance:
        largest -= 1.0
    while np.sqrt(largest + 1.0) <= distance:
        largest += 1.0
    return largest


@njit(cache=True)
def _bucket(value, scale):
    return min(np.int32(value * scale), BUCKETS - 1)


@njit(cache=True)
def _select(row, reach, free, fresh, to_free, to_fresh):
    """Keep the keys of free and of fresh points that are at most `reach`; return how many there are of each."""
    n_free = n_fresh = np.uint64(0)
    for j in range(row.shape[0]):
        key = np.float64(row[j])
        to_free[n_free] = key
        to_fresh[n_fresh] = key
        within = np.uint64(key <= reach)
        n_free += within & np.uint64(free[j])
        n_fresh += within & np.uint64(fresh[j])
    return n_free, n_fresh


@njit(cache=True)
def _nearest(keys, k, counts):
    """Sort the `k` least of some keys, and some more, to their front; return how many there are.

    All that tie with the k-th are among them.
    """
    top = 1e-300
    for key in keys:
        top = max(top, key)
    scale = BUCKETS / top
    counts[:] = 0
    for key in keys:
        counts[_bucket(key, scale)] += 1
    cut, seen = 0, counts[0]
    while seen < k:
        cut += 1
        seen += counts[cut]
    found = 0
    for key in keys:
        if _bucket(key, scale) <= cut:
            keys[found] = key
            found += 1
    keys[:found].sort()
    return found


@njit(cache=True)
def _count_by_reach(keys, reaches, first_rank, counts):
    """Count the keys whose least sufficient reach is each of the ascending `reaches`."""
    low, high = reaches[0], reaches[-1]
    scale = BUCKETS / (high - low) if high > low else 0.0
    rank = 0
    for bucket in range(BUCKETS + 1):  # first_rank[bucket]: the first reach that falls in it, or later
        while rank < reaches.shape[0] and _bucket(reaches[rank] - low, scale) < bucket:
            rank += 1
        first_rank[bucket] = rank
    counts[:] = 0
    for key in keys:
        if key <= low:
            counts[0] += 1
        elif key <= high:
            bucket = _bucket(key - low, scale)
            here, last = first_rank[bucket], first_rank[bucket + 1]
            while here < last:  # bisection
                middle = (here + last) // 2
                if reaches[middle] < key:
                    here = middle + 1
                else:
                    last = middle
            counts[here] += 1


@njit(cache=True)
def _best_balls(
    keys, squared, free, fresh, strength, k_low, k_high, floors, cost, start, stop, objective, radius, least, reach
):
    """Fill in rows start..stop-1 of what `best_balls` returns."""
    n = keys.shape[1]
    to_free, to_fresh = np.empty(n + 1), np.empty(n + 1)
    buckets, first_rank = np.empty(BUCKETS, np.int32), np.empty(BUCKETS + 1, np.int32)
    counts, ends = np.empty(k_high, np.int32), np.empty(k_high, np.int32)
    radii, reaches = np.empty(k_high, np.float64), np.empty(k_high, np.float64)
    for i in range(start, stop):
        n_free, n_fresh = _select(keys[i], reach[i], free, fresh, to_free, to_fresh)
        found = _nearest(to_free[:n_free], k_high, buckets)
        n_balls = 0  # balls of distinct radii, with the number of free points in each
        start = 0
        while start < k_high:
            end = start + 1
            while end < found and to_free[end] == to_free[start]:
                end += 1
            radii[n_balls] = to_free[start]
            reaches[n_balls] = expand_key(to_free[start], strength, squared)
            ends[n_balls] = end
            n_balls += 1
            start = end
        reach[i] = reaches[n_balls - 1]
        _count_by_reach(to_fresh[:n_fresh], reaches[:n_balls], first_rank, counts[:n_balls])
        for ball in range(1, n_balls):
            counts[ball] += counts[ball - 1]
        objective[i] = np.iinfo(np.int64).max
        floor = floors.shape[0] - 1
        lowest = np.iinfo(np.int32).max
        for ball in range(n_balls - 1, -1, -1):
            lowest = min(lowest, counts[ball] - ends[ball])
            value = cost * counts[ball] - ends[ball]
            if ends[ball] >= k_low and value <= objective[i]:
                objective[i] = value
                radius[i] = radii[ball]
            before = ends[ball - 1] if ball > 0 else 0
            while floor >= 0 and floors[floor] > before:
                least[i, floor] = lowest
                floor -= 1


@in_turn
@njit(parallel=True, cache=True)
def best_balls(keys, squared, free, fresh, strength, k_low, k_high, floors, reaches, cost=1):
    """Each center's least objective, and lower bounds for what it may become later.

    With rank k the ball reaches the k-th nearest free point; its objective is the number of fresh
    points within that radius + `strength`, times `cost`, minus the number of free points within that radius.

    Parameters
    ----------
    keys : ndarray, shape (b, n), int32 or float64
        From each center to all points; squared distances or distances.
    squared : bool
        Which of the two.
    free, fresh : ndarray, shape (n,), bool
        Points not in S_init, and not in S_exp.
    strength : float
        ε in levels.
    k_low, k_high : int
        The ranks allowed, from 1, both included; at least `k_high` points are free.
    floors : ndarray, shape (f,), int64
        Ascending ranks, at most `k_low`.
    reaches : ndarray, shape (b,), float64
        Keys that the largest ball of each center does not exceed: only points up to there are looked at for it.
    cost : int
        At 1 the objective is that of Algorithm 2; at n + 1 fewer fresh points decide, and between equals more free ones.

    Returns
    -------
    objective : ndarray, shape (b,), int64
        The least over the ranks allowed.
    radius : ndarray, shape (b,), float64
        Key of the ball that attains it; the smallest such ball.
    least : ndarray, shape (b, f), int32
        The least objective, at a cost of 1, over the ranks from each floor to `k_high`.
    reach : ndarray, shape (b,), float64
        Key of the largest ball's expansion.
    """
    b = keys.shape[0]
    objective, radius = np.empty(b, np.int64), np.empty(b, np.float64)
    least, reach = np.empty((b, floors.shape[0]), np.int32), reaches.copy()
    for group in prange((b + CENTERS - 1) // CENTERS):
        start = group * CENTERS
        stop = min(b, start + CENTERS)
        _best_balls(
            *(keys, squared, free, fresh, strength, k_low, k_high, floors, cost),
            *(start, stop, objective, radius, least, reach),
        )
    return objective, radius, least, reach
