"""Nearest centers in ℓ1: the assignment step of Lloyd's iterations.

Each point is assigned by one thread, so that the result does not depend on how many there are.
"""

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.processor import BYTE_DIFFERENCES

POINTS = 64  # float points that a thread takes at a time, so that a center is read once for all of them
CHUNK = 1024  # coordinates whose differences, each below 2^21, int32 can sum up; it has twice the lanes of int64
WORD, BYTE = ir.IntType(64), ir.IntType(8)


# uint8 points


def byte_distance(widest=64):
    """Build a function of x, y and width: the sum of |x - y|, an int64, over the first `width` entries of uint8 rows.

    `widest` is the most bytes that one instruction takes; narrower ones take what is left over. At 1 there is a plain
    loop only, as on a processor that has none of the instructions.
    """
    if config.DISABLE_JIT:
        return lambda x, y, width: np.abs(x[:width].astype(np.int64) - y[:width]).sum()

    @intrinsic
    def distance(typing, x, y, width):  # noqa: ARG001
        def codegen(context, builder, signature, arguments):
            *rows, width = arguments
            rows = zip(signature.args, rows, strict=False)
            pointers = [context.make_array(kind)(context, builder, row).data for kind, row in rows]
            total, done = ir.Constant(WORD, 0), ir.Constant(WORD, 0)
            for lanes, name in BYTE_DIFFERENCES.items():
                if lanes <= widest:
                    total, done = _add_vectors(builder, lanes, name, pointers, (total, done), width)
            return _add_bytes(builder, pointers, (total, done), width)

        return types.int64(x, y, types.int64), codegen

    return distance


def _add_vectors(builder, lanes, name, pointers, before, width):
    """Add what as many whole vectors as there are differ by; return the total, and how many bytes are done."""
    vector, sums = ir.VectorType(BYTE, lanes), ir.VectorType(WORD, lanes // 8)
    difference = cgutils.get_or_insert_function(builder.module, ir.FunctionType(sums, [vector, vector]), name)
    reduce = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(WORD, [sums]), f"llvm.vector.reduce.add.v{lanes // 8}i64"
    )
    total, done = before
    held = cgutils.alloca_once_value(builder, ir.Constant(sums, [0] * (lanes // 8)))
    count = builder.udiv(builder.sub(width, done), ir.Constant(WORD, lanes))
    with cgutils.for_range(builder, count) as loop:
        start = builder.add(done, builder.mul(loop.index, ir.Constant(WORD, lanes)))
        places = [builder.bitcast(builder.gep(pointer, [start]), vector.as_pointer()) for pointer in pointers]
        a, b = (builder.load(place, align=1) for place in places)
        builder.store(builder.add(builder.load(held), builder.call(difference, [a, b])), held)
    total = builder.add(total, builder.call(reduce, [builder.load(held)]))
    return total, builder.add(done, builder.mul(count, ir.Constant(WORD, lanes)))


def _add_bytes(builder, pointers, before, width):
    """Add what the remaining bytes differ by, one after the other; return the total."""
    total, done = before
    held = cgutils.alloca_once_value(builder, total)
    with cgutils.for_range(builder, builder.sub(width, done)) as loop:
        place = builder.add(done, loop.index)
        a, b = (builder.load(builder.gep(pointer, [place]), align=1) for pointer in pointers)
        part = builder.select(builder.icmp_unsigned("<", a, b), builder.sub(b, a), builder.sub(a, b))
        builder.store(builder.add(builder.load(held), builder.zext(part, WORD)), held)
    return builder.load(held)


_byte_distance = byte_distance()


@helper
def _exact_distance(x, center, shift):
    """Return the distance from a uint8 point to a center in 2^-shift levels, in these."""
    total = np.int64(0)
    for low in range(0, x.shape[0], CHUNK):
        some, others = x[low : low + CHUNK], center[low : low + CHUNK]
        part = np.int32(0)
        for c in range(some.shape[0]):  # every step is cast, since Numba adds two int32 in int64
            difference = np.int32(np.int32(np.int32(some[c]) << np.int32(shift)) - others[c])
            part = np.int32(part + np.int32(abs(difference)))
        total += part
    return total


@helper
def round_centers(centers, last, shift):
    """Round centers to whole levels, and tell how far that moves them, for `assign_uint8`.

    centers, last : (T, d) int32, now and at the assignment before, in 2^-shift levels
    Returns `rounded`, (T, d) uint8, and the ℓ1 distances from `centers` to `rounded` and to `last`, which are `slack`
    and `moved`, (T,) int64, in levels, rounded up.
    """
    T, d = centers.shape
    rounded = np.empty((T, d), np.uint8)
    slack = np.empty(T, np.int64)
    moved = np.empty(T, np.int64)
    for t in range(T):
        to_rounded = np.int64(0)
        to_last = np.int64(0)
        for c in range(d):
            level = (centers[t, c] + ((1 << shift) >> 1)) >> shift
            rounded[t, c] = level
            to_rounded += abs(centers[t, c] - (level << shift))
            to_last += abs(centers[t, c] - last[t, c])
        slack[t] = -(-to_rounded >> shift)
        moved[t] = -(-to_last >> shift)
    return rounded, slack, moved


@kernel
def assign_uint8(X, centers, shift, rounded, slack, moved, labels, floors):
    """Find the nearest center of each point in ℓ1; the lowest index wins a tie.

    The distance to a rounded center is wrong by `slack` at most. A center that has `moved` is nearer by so much at
    most. These bounds leave one center for nearly every point; exact distances decide between several.

    X : (n, d) uint8
    centers : (T, d) int32, in 2^-shift levels; `shift` is at most 12
    rounded, slack, moved : from `round_centers`
    labels : (n,) int32, a guess at the nearest centers, which is overwritten by them
    floors : (n, T) int32 (int64 if 255 d does not fit), lower bounds of the distances to the centers before they
        moved, in levels; 0 is always right. They are overwritten by lower bounds of the distances now.
    """
    n, d = X.shape
    T = centers.shape[0]
    for i in prange(n):
        floor = floors[i]
        for t in range(T):
            floor[t] = max(floor[t] - moved[t], 0)
        label = labels[i]
        distance = _byte_distance(X[i], rounded[label], d)
        floor[label] = max(floor[label], distance - slack[label])
        ceiling = distance + slack[label]  # the nearest center is no farther than this
        guess = label
        for t in range(T):
            if floor[t] <= ceiling and t != guess:
                distance = _byte_distance(X[i], rounded[t], d)
                floor[t] = max(floor[t], distance - slack[t])
                ceiling = min(ceiling, distance + slack[t])
        n_left = 0
        for t in range(T):
            if floor[t] <= ceiling:  # on equality there may be a tie, which the exact distances must decide
                n_left += 1
                label = t
        if n_left > 1:
            label = _nearest_of_several(X[i], centers, shift, floor, ceiling)
        labels[i] = label


@helper
def _nearest_of_several(x, centers, shift, floor, ceiling):
    """Return the nearest of the centers whose floor is at most `ceiling`.

    Their distances are computed exactly, and become their floors.
    """
    nearest, least = 0, np.iinfo(np.int64).max
    for t in range(centers.shape[0]):
        if floor[t] <= ceiling:
            distance = _exact_distance(x, centers[t], shift)
            floor[t] = distance >> shift
            if distance < least:
                nearest, least = t, distance
    return nearest


@kernel
def own_distances_uint8(X, centers, shift, labels):
    """Compute the ℓ1 distance from each point to the center of its own cluster, in 2^-shift levels, exactly.

    X, centers, shift : as for `assign_uint8`
    labels : (n,) int32
    Returns (n,) int64.
    """
    distances = np.empty(X.shape[0], np.int64)
    for i in prange(X.shape[0]):
        distances[i] = _exact_distance(X[i], centers[labels[i]], shift)
    return distances


# Float points


@helper(any_order=True)
def _float_distance(x, center):
    total = 0.0
    for c in range(x.shape[0]):
        total += abs(np.float64(x[c]) - np.float64(center[c]))
    return total


@kernel
def assign_floats(X, centers):
    """Find the nearest center of each point in ℓ1; the lowest index wins a tie.

    X, centers : (n, d) and (T, d), float32 or float64
    Returns the labels, (n,) int32, and the distances to the nearest center, (n,) float64, summed in float64.
    """
    n = X.shape[0]
    labels = np.zeros(n, np.int32)
    distances = np.full(n, np.inf)
    for group in prange((n + POINTS - 1) // POINTS):
        low = group * POINTS
        high = min(n, low + POINTS)
        for t in range(centers.shape[0]):
            for i in range(low, high):
                distance = _float_distance(X[i], centers[t])
                if distance < distances[i]:
                    distances[i] = distance
                    labels[i] = t
    return labels, distances
