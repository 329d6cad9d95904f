"""Clusters of points, coordinate by coordinate: their sums, bounds and medians.

One thread owns each number, for a block of coordinates of one cluster or of all, so that the result does not depend
on how many threads there are.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

COLUMNS = 128  # coordinates in one block


@kernel
def move_sums(X, rows, before, after, sums):
    """Take points that change clusters out of the sums of their old clusters, and add them to those of the new.

    X : (n, d) uint8
    rows : (m,) int64, the points that move
    before, after : (n,) int32, clusters of all points; -1 is none
    sums : (T, d) int64, changed in place
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


@helper
def _add(total, x, y, z, u):
    """Add four points one after the other: `total` is loaded and stored a fourth as often."""
    for c in range(total.shape[0]):
        total[c] = total[c] + x[c] + y[c] + z[c] + u[c]


@kernel
def sum_clusters(X, order, starts):
    """Sum the points of each cluster, coordinate by coordinate, in the order given.

    X : (n, d) float32 or float64
    order : (n,) int64, row indices, cluster by cluster
    starts : (T + 1,) int64, where each cluster starts in `order`
    Returns (T, d) float64.
    """
    d = X.shape[1]
    n_blocks = (d + COLUMNS - 1) // COLUMNS
    sums = np.zeros((starts.shape[0] - 1, d))
    for task in prange(sums.shape[0] * n_blocks):
        t = task // n_blocks
        low = task % n_blocks * COLUMNS
        total = sums[t, low : low + COLUMNS]
        members = order[starts[t] : starts[t + 1]]
        fours = members.shape[0] // 4 * 4
        for p in range(0, fours, 4):
            i, j, k, m = members[p], members[p + 1], members[p + 2], members[p + 3]
            _add(total, X[i, low:], X[j, low:], X[k, low:], X[m, low:])
        for i in members[fours:]:
            x = X[i, low:]
            for c in range(total.shape[0]):
                total[c] += x[c]
    return sums


@helper
def _bound(X, members, low, least, largest):
    """Write the bounds of one block of coordinates, from `low` on, of one cluster."""
    for c in range(least.shape[0]):
        least[c] = X[members[0], low + c] if members.shape[0] > 0 else 0
        largest[c] = least[c]
    for i in members:
        x = X[i, low:]
        for c in range(least.shape[0]):  # without branches, so that this is compiled to vectors
            least[c] = x[c] if x[c] < least[c] else least[c]
            largest[c] = x[c] if x[c] > largest[c] else largest[c]


@kernel
def bound_clusters(X, order, starts):
    """Find the least and largest coordinates of each cluster; 0 and 0 for a cluster without points.

    X : (n, d) uint8, float32 or float64
    order, starts : as for `sum_clusters`
    Returns two arrays, (T, d), of the dtype of `X`.
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


@helper
def _median(X, members, low, medians):
    """Write the medians of one block of coordinates, from `low` on, of one cluster.

    They are found bit by bit, the highest first: a bit is set where fewer points than the median's rank lie below.
    """
    rank = (members.shape[0] + 1) // 2  # of the lower median, from 1
    width = medians.shape[0]
    trial = np.empty(width, np.uint8)
    some = np.empty(width, np.uint8)
    below = np.zeros(width, np.int64)
    for c in range(width):
        medians[c] = 0
    bit = 128 if rank > 0 else 0
    while bit:
        for first in range(0, members.shape[0], 255):  # as many as a byte can count, since bytes have the most lanes
            for c in range(width):
                trial[c] = medians[c] + bit
                some[c] = 0
            for i in members[first : first + 255]:
                x = X[i, low:]
                for c in range(width):
                    some[c] += x[c] < trial[c]
            for c in range(width):
                below[c] += some[c]
        for c in range(width):
            medians[c] += bit if below[c] < rank else 0
            below[c] = 0
        bit >>= 1


@kernel
def median_clusters_uint8(X, order, starts):
    """Find the lower median of each cluster, coordinate by coordinate; 0 without points.

    X : (n, d) uint8
    order, starts : as for `sum_clusters`
    Returns (T, d) uint8.
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


@kernel
def median_clusters_floats(X, order, starts):
    """Find the lower median of each cluster, coordinate by coordinate, by sorting; 0 without points.

    X : (n, d) float32 or float64
    order, starts : as for `sum_clusters`
    Returns (T, d), of the dtype of `X`.
    """
    d = X.shape[1]
    n_clusters = starts.shape[0] - 1
    medians = np.zeros((n_clusters, d), X.dtype)
    for task in prange(n_clusters * d):
        t = task // d
        c = task % d
        count = starts[t + 1] - starts[t]
        if count > 0:
            column = np.empty(count, X.dtype)
            for p in range(count):
                column[p] = X[order[starts[t] + p], c]
            column.sort()
            medians[t, c] = column[(count - 1) // 2]
    return medians
