"""ℓ1 Lloyd: assignment, and what a cluster is summarised by (sum, median, bounds).

Assignment is parallel over points, summaries over (cluster, block of coordinates) or blocks alone: every
number has one owner, so that the result does not depend on the number of threads.
"""

import numpy as np
from llvmlite import ir
from numba import config, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from numbaconc.kernels.threads import in_turn

POINTS = 64  # floats that a thread takes at a time, so that a center is read once for all of them
COLUMNS = 128  # coordinates in one block of a summary
INSTRUCTIONS = {  # sums of absolute differences of so many bytes: the processor's feature and LLVM's name
    64: ("+avx512bw", "llvm.x86.avx512.psad.bw.512"),
    32: ("+avx2", "llvm.x86.avx2.psad.bw"),
    16: ("+sse2", "llvm.x86.sse2.psad.bw"),
}


def byte_distance(widest=64):
    """Build what sums |x - y| over the first `width` entries of uint8 rows, in int64.

    LLVM finds the processor's instruction for some plain loops only, so it is named here.

    Parameters
    ----------
    widest : int
        Most bytes taken at once: fewer are for what is left over; 1 makes a plain loop, for any processor.

    Returns
    -------
    intrinsic, or a function if nothing is compiled
    """
    if config.DISABLE_JIT:
        return lambda x, y, width: np.abs(x[:width].astype(np.int64) - y[:width]).sum()
    word, byte = ir.IntType(64), ir.IntType(8)

    def add(builder, lanes, name, pointers, done, width, total):
        """Add as many whole vectors as there are from `done` on, and return where they end."""
        kind = ir.VectorType(byte, lanes) if name else byte
        sums = ir.VectorType(word, lanes // 8) if name else word
        held = cgutils.alloca_once_value(builder, ir.Constant(sums, [0] * (lanes // 8) if name else 0))
        count = builder.udiv(builder.sub(width, done), ir.Constant(word, lanes))
        with cgutils.for_range(builder, count) as loop:
            here = builder.add(done, builder.mul(loop.index, ir.Constant(word, lanes)))
            at = [builder.bitcast(builder.gep(pointer, [here]), kind.as_pointer()) for pointer in pointers]
            a, b = (builder.load(pointer, align=1) for pointer in at)
            if name:
                function = ir.FunctionType(sums, [kind, kind])
                part = builder.call(cgutils.get_or_insert_function(builder.module, function, name), [a, b])
            else:
                part = builder.select(builder.icmp_unsigned("<", a, b), builder.sub(b, a), builder.sub(a, b))
                part = builder.zext(part, word)
            builder.store(builder.add(builder.load(held), part), held)
        part = builder.load(held)
        if name:
            function, reduce = ir.FunctionType(word, [sums]), f"llvm.vector.reduce.add.v{lanes // 8}i64"
            part = builder.call(cgutils.get_or_insert_function(builder.module, function, reduce), [part])
        builder.store(builder.add(builder.load(total), part), total)
        return builder.add(done, builder.mul(count, ir.Constant(word, lanes)))

    @intrinsic
    def distance(typing, x, y, width):  # noqa: ARG001
        def codegen(context, builder, signature, arguments):
            features = context.codegen().magic_tuple()[2].split(",")  # of the target, which need not be the host
            *rows, width = arguments
            rows = zip(signature.args, rows, strict=False)
            pointers = [context.make_array(kind)(context, builder, row).data for kind, row in rows]
            total, done = cgutils.alloca_once_value(builder, ir.Constant(word, 0)), ir.Constant(word, 0)
            for lanes, (feature, name) in INSTRUCTIONS.items():
                if lanes <= widest and feature in features:
                    done = add(builder, lanes, name, pointers, done, width, total)
            add(builder, 1, None, pointers, done, width, total)
            return builder.load(total)

        return types.int64(x, y, types.int64), codegen

    return distance


_byte_distance = byte_distance()


@njit(cache=True)
def _distance_uint8(x, center, shift):
    total = np.int64(0)
    for low in range(0, x.shape[0], 1024):  # 1,024 terms below 2^21 fit into int32, which has twice the lanes
        here, there = x[low : low + 1024], center[low : low + 1024]
        part = np.int32(0)
        for c in range(here.shape[0]):  # every step is cast: Numba adds two int32 in int64
            difference = np.int32(np.int32(np.int32(here[c]) << np.int32(shift)) - there[c])
            part = np.int32(part + np.int32(abs(difference)))
        total += part
    return total


@njit(cache=True)
def round_centers(centers, last, shift):
    """Centers in whole levels, and how far that is from them; what `assign_uint8` needs.

    Parameters
    ----------
    centers, last : ndarray, shape (T, d), int32
        Now and at the assignment before, in 2^-shift levels.
    shift : int

    Returns
    -------
    rounded : ndarray, shape (T, d), uint8
    slack, moved : ndarray, shape (T,), int64
        ℓ1 distance from `centers` to `rounded` and to `last`, in levels, rounded up.
    """
    T, d = centers.shape
    rounded = np.empty((T, d), np.uint8)
    slack = np.empty(T, np.int64)
    moved = np.empty(T, np.int64)
    for t in range(T):
        off = np.int64(0)
        way = np.int64(0)
        for c in range(d):
            level = (centers[t, c] + ((1 << shift) >> 1)) >> shift
            rounded[t, c] = level
            off += abs(centers[t, c] - (level << shift))
            way += abs(centers[t, c] - last[t, c])
        slack[t] = -(-off >> shift)
        moved[t] = -(-way >> shift)
    return rounded, slack, moved


@in_turn
@njit(parallel=True, cache=True)
def assign_uint8(X, centers, shift, rounded, slack, moved, labels, floors):
    """Nearest center of each point in ℓ1; the lowest index wins a tie.

    Distances to centers rounded to bytes are right within `slack`, and no center comes nearer than it has
    moved. That settles nearly every point; exact distances settle the others.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    centers : ndarray, shape (T, d), int32
        In 2^-shift levels.
    shift : int
        At most 12.
    rounded, slack, moved
        From `round_centers`.
    labels : ndarray, shape (n,), int32
        A guess at the nearest centers, which is overwritten by them.
    floors : ndarray, shape (n, T), int32 (int64 if 255 d does not fit)
        No center was nearer than this before it moved, in levels; 0 says nothing. Overwritten.
    """
    n, d = X.shape
    T = centers.shape[0]
    for i in prange(n):
        floor = floors[i]
        for t in range(T):
            floor[t] = max(floor[t] - moved[t], 0)
        label = labels[i]
        near = _byte_distance(X[i], rounded[label], d)
        floor[label] = max(floor[label], near - slack[label])
        ceiling = near + slack[label]  # the nearest center is no farther than this
        guess = label
        for t in range(T):
            if floor[t] <= ceiling and t != guess:
                near = _byte_distance(X[i], rounded[t], d)
                floor[t] = max(floor[t], near - slack[t])
                ceiling = min(ceiling, near + slack[t])
        n_left = 0
        for t in range(T):
            if floor[t] <= ceiling:  # on equality there may be a tie, which the exact distances must decide
                n_left += 1
                label = t
        if n_left > 1:
            least = np.iinfo(np.int64).max
            for t in range(T):
                if floor[t] <= ceiling:
                    distance = _distance_uint8(X[i], centers[t], shift)
                    floor[t] = distance >> shift
                    if distance < least:
                        least = distance
                        label = t
        labels[i] = label


@in_turn
@njit(parallel=True, cache=True)
def own_distances_uint8(X, centers, shift, labels):
    """ℓ1 distance from each point to the center of its own cluster.

    Parameters
    ----------
    X, centers, shift
        As for `assign_uint8`.
    labels : ndarray, shape (n,), int32

    Returns
    -------
    ndarray, shape (n,), int64
        In 2^-shift levels, exact.
    """
    distances = np.empty(X.shape[0], np.int64)
    for i in prange(X.shape[0]):
        distances[i] = _distance_uint8(X[i], centers[labels[i]], shift)
    return distances


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _distance_float32(x, center):
    total = 0.0
    for c in range(x.shape[0]):
        total += abs(np.float64(x[c]) - np.float64(center[c]))
    return total


@in_turn
@njit(parallel=True, cache=True)
def assign_float32(X, centers):
    """Nearest center of each point in ℓ1; the lowest index wins a tie.

    Parameters
    ----------
    X : ndarray, shape (n, d), float32
    centers : ndarray, shape (T, d), float32

    Returns
    -------
    labels : ndarray, shape (n,), int32
    distances : ndarray, shape (n,), float64
        To the nearest center, summed in float64.
    """
    n = X.shape[0]
    labels = np.zeros(n, np.int32)
    distances = np.full(n, np.inf)
    for group in prange((n + POINTS - 1) // POINTS):
        low = group * POINTS
        high = min(n, low + POINTS)
        for t in range(centers.shape[0]):
            for i in range(low, high):
                distance = _distance_float32(X[i], centers[t])
                if distance < distances[i]:
                    distances[i] = distance
                    labels[i] = t
    return labels, distances


@in_turn
@njit(parallel=True, cache=True)
def move_sums(X, rows, before, after, sums):
    """Take points out of the sum of the cluster that each leaves, and add them to that of the one it joins.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    rows : ndarray, shape (m,), int64
        The points that move.
    before, after : ndarray, shape (n,), int32
        Clusters of all points; -1 is none.
    sums : ndarray, shape (T, d), int64
        Changed in place.
    """
    d = X.shape[1]
    for block in prange((d + COLUMNS - 1) // COLUMNS):
        low = block * COLUMNS
        high = min(d, low + COLUMNS)
        for i in rows:
            x = X[i, low:high]
            if before[i] >= 0:
                old = sums[before[i], low:high]
                for c in range(x.shape[0]):
                    old[c] -= x[c]
            new = sums[after[i], low:high]
            for c in range(x.shape[0]):
                new[c] += x[c]


@in_turn
@njit(parallel=True, cache=True)
def sum_clusters(X, order, starts):
    """Sum of the points of each cluster, coordinate by coordinate, in the order given.

    Parameters
    ----------
    X : ndarray, shape (n, d), float32
    order : ndarray, shape (n,), int64
        Row indices, cluster by cluster.
    starts : ndarray, shape (T + 1,), int64
        Where each cluster starts in `order`.

    Returns
    -------
    ndarray, shape (T, d), float64
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    sums = np.zeros((starts.shape[0] - 1, d))
    for task in prange(sums.shape[0] * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        high = min(d, low + COLUMNS)
        for p in range(starts[t], starts[t + 1]):
            i = order[p]
            for c in range(low, high):
                sums[t, c] += X[i, c]
    return sums


@njit(cache=True)
def _bound(X, members, low, least, largest):
    for c in range(least.shape[0]):
        least[c] = X[members[0], low + c] if members.shape[0] > 0 else 0
        largest[c] = least[c]
    for i in members:
        x = X[i, low:]
        for c in range(least.shape[0]):  # without a branch, so that it becomes vectors
            least[c] = x[c] if x[c] < least[c] else least[c]
            largest[c] = x[c] if x[c] > largest[c] else largest[c]


@in_turn
@njit(parallel=True, cache=True)
def bound_clusters(X, order, starts):
    """Least and largest coordinates of each cluster; 0 and 0 for a cluster without points.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    order, starts
        As for `sum_clusters`.

    Returns
    -------
    least, largest : ndarray, shape (T, d), dtype of `X`
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    n_clusters = starts.shape[0] - 1
    least = np.empty((n_clusters, d), X.dtype)
    largest = np.empty((n_clusters, d), X.dtype)
    for task in prange(n_clusters * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        members = order[starts[t] : starts[t + 1]]
        _bound(X, members, low, least[t, low : low + COLUMNS], largest[t, low : low + COLUMNS])
    return least, largest


@njit(cache=True)
def _median(X, members, low, found):
    rank = (members.shape[0] + 1) // 2  # the lower median is the value of this rank, from 1
    width = found.shape[0]
    trial = np.empty(width, np.uint8)
    few = np.empty(width, np.uint8)
    below = np.zeros(width, np.int64)
    for c in range(width):
        found[c] = 0
    step = 128 if rank > 0 else 0
    while step:
        for first in range(0, members.shape[0], 255):  # as many as a byte can count: most lanes
            for c in range(width):
                trial[c] = found[c] + step
                few[c] = 0
            for i in members[first : first + 255]:
                x = X[i, low:]
                for c in range(width):
                    few[c] += x[c] < trial[c]
            for c in range(width):
                below[c] += few[c]
        for c in range(width):
            found[c] += step if below[c] < rank else 0
            below[c] = 0
        step >>= 1


@in_turn
@njit(parallel=True, cache=True)
def median_clusters_uint8(X, order, starts):
    """Lower median of each cluster, coordinate by coordinate, one bit after the other; 0 without points.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    order, starts
        As for `sum_clusters`.

    Returns
    -------
    ndarray, shape (T, d), uint8
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    n_clusters = starts.shape[0] - 1
    medians = np.empty((n_clusters, d), np.uint8)
    for task in prange(n_clusters * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        _median(X, order[starts[t] : starts[t + 1]], low, medians[t, low : low + COLUMNS])
    return medians


@in_turn
@njit(parallel=True, cache=True)
def median_clusters_float32(X, order, starts):
    """Lower median of each cluster, coordinate by coordinate, by sorting; 0 without points.

    Parameters
    ----------
    X : ndarray, shape (n, d), float32
    order, starts
        As for `sum_clusters`.

    Returns
    -------
    ndarray, shape (T, d), float32
    """
    d = X.shape[1]
    n_clusters = starts.shape[0] - 1
    medians = np.zeros((n_clusters, d), np.float32)
    for task in prange(n_clusters * d):
        t = task // d
        c = task % d
        count = starts[t + 1] - starts[t]
        if count > 0:
            column = np.empty(count, np.float32)
            for p in range(count):
                column[p] = X[order[starts[t] + p], c]
            column.sort()
            medians[t, c] = column[(count - 1) // 2]
    return medians
