"""ℓ1 Lloyd: assignment, and what a cluster is summarised by (sum, median, bounds).

Assignment is parallel over points, summaries over (cluster, block of coordinates): every number has
one owner, so that the result does not depend on the number of threads.
"""

import numpy as np
from numba import njit, prange

POINTS = 64  # points that a thread takes at a time, so that a center is read once for all of them
COLUMNS = 128  # coordinates in one block of a summary


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


@njit(parallel=True, cache=True)
def assign_uint8(X, centers, shift):
    """Nearest center of each point in ℓ1; the lowest index wins a tie.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    centers : ndarray, shape (T, d), int32
        In 2^-shift levels.
    shift : int
        At most 12.

    Returns
    -------
    labels : ndarray, shape (n,), int32
    distances : ndarray, shape (n,), int64
        To the nearest center, in 2^-shift levels, exact.
    """
    n = X.shape[0]
    labels = np.zeros(n, np.int32)
    distances = np.empty(n, np.int64)
    for group in prange((n + POINTS - 1) // POINTS):
        low = group * POINTS
        high = min(n, low + POINTS)
        for i in range(low, high):
            distances[i] = np.iinfo(np.int64).max
        for t in range(centers.shape[0]):
            for i in range(low, high):
                distance = _distance_uint8(X[i], centers[t], shift)
                if distance < distances[i]:
                    distances[i] = distance
                    labels[i] = t
    return labels, distances


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _distance_float32(x, center):
    total = 0.0
    for c in range(x.shape[0]):
        total += abs(np.float64(x[c]) - np.float64(center[c]))
    return total


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


@njit(parallel=True, cache=True)
def sum_clusters(X, order, starts, zero):
    """Sum of the points of each cluster, coordinate by coordinate, in the order given.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    order : ndarray, shape (n,), int64
        Row indices, cluster by cluster.
    starts : ndarray, shape (T + 1,), int64
        Where each cluster starts in `order`.
    zero : int64 or float64 scalar
        The type to sum in.

    Returns
    -------
    ndarray, shape (T, d), type of `zero`
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    sums = np.full((starts.shape[0] - 1, d), zero)
    for task in prange(sums.shape[0] * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        high = min(d, low + COLUMNS)
        for p in range(starts[t], starts[t + 1]):
            i = order[p]
            for c in range(low, high):
                sums[t, c] += X[i, c]
    return sums


@njit(parallel=True, cache=True)
def bound_clusters(X, order, starts):
    """Least and largest coordinates of each cluster; 0 and 0 for a cluster without points.

    Parameters
    ----------
    X, order, starts
        As for `sum_clusters`.

    Returns
    -------
    least, largest : ndarray, shape (T, d), dtype of `X`
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    n_clusters = starts.shape[0] - 1
    least = np.zeros((n_clusters, d), X.dtype)
    largest = np.zeros((n_clusters, d), X.dtype)
    for task in prange(n_clusters * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        high = min(d, low + COLUMNS)
        for p in range(starts[t], starts[t + 1]):
            i = order[p]
            for c in range(low, high):
                value = X[i, c]
                if p == starts[t] or value < least[t, c]:
                    least[t, c] = value
                if p == starts[t] or value > largest[t, c]:
                    largest[t, c] = value
    return least, largest


@njit(parallel=True, cache=True)
def median_clusters_uint8(X, order, starts):
    """Lower median of each cluster, coordinate by coordinate, by counting; 0 without points.

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
    medians = np.zeros((starts.shape[0] - 1, d), np.uint8)
    for task in prange(medians.shape[0] * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        high = min(d, low + COLUMNS)
        if starts[t] == starts[t + 1]:
            continue
        counts = np.zeros((high - low, 256), np.int32)
        for p in range(starts[t], starts[t + 1]):
            i = order[p]
            for c in range(low, high):
                counts[c - low, X[i, c]] += 1
        rank = (starts[t + 1] - starts[t] + 1) // 2  # the lower median is the value of this rank, from 1
        for c in range(low, high):
            seen = 0
            value = -1
            while seen < rank:
                value += 1
                seen += counts[c - low, value]
            medians[t, c] = value
    return medians


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
