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

POINTS = 64  # float points that a thread takes at a time
BLOCK = 512  # coordinates whose differences are summed up in the points' own type, the fewer the less rounding
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


@helper(any_order=True)
def _quick_distance(x, center):
    """Return about the ℓ1 distance of BLOCK coordinates or less; float32 has twice the lanes of float64."""
    total = x.dtype.type(0)
    for c in range(x.shape[0]):
        total += abs(x[c] - center[c])
    return total


@helper
def _quick_blocks(x, center):
    """Return the same of more coordinates. Blocks are added up in float64, so that no sum is much rounded."""
    total = 0.0
    for low in range(0, x.shape[0], BLOCK):
        total += np.float64(_quick_distance(x[low : low + BLOCK], center[low : low + BLOCK]))
    return total


@helper
def _margin(X):
    """Return how far, relatively, a quick distance and one summed in float64 may differ, whatever their orders.

    A sum of m numbers, none below 0, is rounded by m - 1 halves of the spacing at most. The rest of the margin is for
    what else is rounded on the way: differences, bounds, and these as they are stored.
    """
    d = X.shape[1]
    return 1.001 * ((min(d, BLOCK) + 8) * np.float64(np.finfo(X.dtype).eps) / 2 + (d + 8) * np.finfo(np.float64).eps)


@kernel
def assign_floats(X, centers, last, labels, floors):
    """Find the nearest center of each point in ℓ1 as sums in float64 tell; the lowest index wins a tie.

    A center that has moved is nearer by so much at most. These bounds, and quick distances, leave one center for nearly
    every point; sums in float64 decide between several.

    X : (n, d) float32 or float64
    centers, last : (T, d), of the same dtype, now and at the assignment before
    labels : (n,) int32, a guess at the nearest centers, which is overwritten by them
    floors : (T, n), of the same dtype, lower bounds of the distances to `last`; 0 is always right. They are overwritten
        by lower bounds of the distances now.
    """
    n, T = X.shape[0], centers.shape[0]
    moved = np.empty(T)
    for t in range(T):
        moved[t] = (1 + _margin(X)) * _float_distance(centers[t], last[t])
    for group in prange((n + POINTS - 1) // POINTS):
        low = group * POINTS
        high = min(n, low + POINTS)
        _assign_some(X[low:high], centers, moved, labels[low:high], floors[:, low:high])


@helper
def _assign_some(X, centers, moved, labels, floors):
    """Find the nearest centers of a few points, for `assign_floats`.

    Loops that do one thing only run without waiting: their branches can be foreseen, and distances overlap in time.
    """
    n, T, narrow = X.shape[0], centers.shape[0], X.shape[1] <= BLOCK
    less, more = 1 - _margin(X), 1 + _margin(X)
    most = np.float64(np.finfo(X.dtype).max) / 2  # a sum that is infinite in this type is larger
    guess, some = labels.copy(), np.empty(n, np.int64)
    own, least, second, distances = np.empty(n), np.empty(n), np.full(n, np.inf), np.empty(n)
    for i in range(n):
        center = centers[guess[i]]
        own[i] = least[i] = _quick_distance(X[i], center) if narrow else _quick_blocks(X[i], center)
    for t in range(T):
        center, floor = centers[t], floors[t]
        for i in range(n):
            bound = less * (np.float64(floor[i]) - moved[t])
            floor[i] = bound if bound > 0 else 0.0
        n_left = 0
        for i in range(n):
            some[n_left] = i
            n_left += int(floor[i] <= more * least[i]) & int(guess[i] != t)
        for k in range(n_left):
            i = some[k]
            distances[k] = _quick_distance(X[i], center) if narrow else _quick_blocks(X[i], center)
        for k in range(n_left):
            i, distance = some[k], distances[k]
            floor[i] = min(less * distance, most)
            second[i] = min(second[i], max(distance, least[i]))
            labels[i] = t if distance < least[i] else labels[i]
            least[i] = min(distance, least[i])
    for i in range(n):
        t = guess[i]
        floors[t, i] = min(less * own[i], most)
        if less * second[i] <= more * least[i]:
            labels[i] = _first_nearest(X[i], centers, floors[:, i], more * least[i])


@helper
def _first_nearest(x, centers, floor, ceiling):
    """Return the nearest of the centers whose floor is at most `ceiling`, by distances summed in float64."""
    nearest, least = 0, np.inf
    for t in range(centers.shape[0]):
        if floor[t] <= ceiling:
            distance = _float_distance(x, centers[t])
            if distance < least:
                nearest, least = t, distance
    return nearest


@kernel
def own_distances_floats(X, centers, labels):
    """Compute the ℓ1 distance from each point to the center of its own cluster, summed in float64.

    X, centers : as for `assign_floats`
    labels : (n,) int32
    Returns (n,) float64.
    """
    distances = np.empty(X.shape[0])
    for i in prange(X.shape[0]):
        distances[i] = _float_distance(X[i], centers[labels[i]])
    return distances
