"""Balls around data points: distances, and each point's best ball given what is taken already.

A *key* says how far apart two points are: the squared distance as int32 for uint8 data, where it is
a whole number, or the distance itself as float64. Keys are compared, never the numbers made of them,
so that ties are ties.

What fills keys tile by tile is not parallel: it releases the GIL, and the search runs it with the
matrix products in threads of its own. (OpenMP and BLAS threads would wait for each other, busily, at
every tile.)
"""

import numpy as np
from numba import njit, prange

from numbaconc.kernels.threads import in_turn

BUCKETS = 4096  # of the histograms that ranks are found with
ROWS = 8  # centers that a thread evaluates at a time


@in_turn
@njit(parallel=True, cache=True)
def shifted_norms(X):
    """Squared length of each point after 128 is taken from every level.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8

    Returns
    -------
    ndarray, shape (n,), int32
        Exact for d up to 2^15.
    """
    norms = np.empty(X.shape[0], np.int32)
    for i in prange(X.shape[0]):
        total = np.int32(0)
        for c in range(X.shape[1]):
            level = np.int32(np.int32(X[i, c]) - np.int32(128))
            total = np.int32(total + np.int32(level * level))
        norms[i] = total
    return norms


@njit(nogil=True, cache=True)
def join_products(products, row_norms, column_norms, first, start, keys):
    """Turn inner products into squared distances: |x|² + |y|² - 2 xy, some coordinates at a time.

    Parameters
    ----------
    products : ndarray, shape (b, m), float32
        Inner products over some of the coordinates, whole numbers.
    row_norms, column_norms : ndarray, shape (b,) and (m,), int32
        Squared lengths over all coordinates.
    first : bool
        Whether these are the first coordinates; if not, the products are taken off what is there.
    start : int
        The column of `keys` where the products' first column belongs.
    keys : ndarray, shape (b, at least start + m), int32
        Written to.
    """
    for i in range(products.shape[0]):
        row = keys[i, start : start + products.shape[1]]
        if first:
            for j in range(row.shape[0]):
                row[j] = np.int32(row_norms[i] + column_norms[j]) - np.int32(2 * np.int32(products[i, j]))
        else:
            for j in range(row.shape[0]):
                row[j] = row[j] - np.int32(2 * np.int32(products[i, j]))


@njit(cache=True, fastmath={"reassoc", "nsz"})
def _square_sum(x, center):
    total = 0.0
    for c in range(x.shape[0]):
        difference = np.float64(x[c]) - center[c]
        total += difference * difference
    return total


@njit(nogil=True, cache=True)
def center_distances(X, centers, start, distances):
    """Distance in ℓ2 from each center to each point.

    Parameters
    ----------
    X : ndarray, shape (m, d), uint8 or float32
    centers : ndarray, shape (b, d), float64
    start : int
        The column of `distances` where the first point belongs.
    distances : ndarray, shape (b, at least start + m), float64
        Written to. Roots of sums in float64, exact for whole numbers. The order of a sum depends on d
        alone, so that the same two points are always equally far apart.
    """
    for i in range(X.shape[0]):
        for t in range(centers.shape[0]):
            distances[t, start + i] = np.sqrt(_square_sum(X[i], centers[t]))


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
def _nearest(row, free, k, counts, near):
    """Sort the `k` least keys of free points, and some more, into `near`; return how many there are.

    All that tie with the k-th are among them.
    """
    n = row.shape[0]
    top = row[0]
    for j in range(n):
        top = max(top, row[j])
    scale = BUCKETS / (np.float64(top) + 1e-300)
    counts[:] = 0
    for j in range(n):
        if free[j]:
            counts[_bucket(row[j], scale)] += 1
    cut, seen = 0, counts[0]
    while seen < k:
        cut += 1
        seen += counts[cut]
    found = 0
    for j in range(n):
        if free[j] and _bucket(row[j], scale) <= cut:
            near[found] = row[j]
            found += 1
    near[:found].sort()
    return found


@njit(cache=True)
def _count_by_reach(row, fresh, reaches, first_rank, counts):
    """Count the fresh points whose least sufficient reach is each of the ascending `reaches`."""
    low, high = reaches[0], reaches[-1]
    scale = BUCKETS / (high - low) if high > low else 0.0
    rank = 0
    for bucket in range(BUCKETS + 1):  # first_rank[bucket]: the first reach that falls in it, or later
        while rank < reaches.shape[0] and _bucket(reaches[rank] - low, scale) < bucket:
            rank += 1
        first_rank[bucket] = rank
    counts[:] = 0
    for j in range(row.shape[0]):
        key = np.float64(row[j])
        if fresh[j] and key <= high:
            if key <= low:
                counts[0] += 1
                continue
            bucket = _bucket(key - low, scale)
            here, last = first_rank[bucket], first_rank[bucket + 1]
            while here < last:  # bisection
                middle = (here + last) // 2
                if reaches[middle] < key:
                    here = middle + 1
                else:
                    last = middle
            counts[here] += 1


@in_turn
@njit(parallel=True, cache=True)
def best_balls(keys, squared, free, fresh, strength, k_low, k_high, floors):
    """Each center's least objective, and lower bounds for what it may become later.

    With rank k the ball reaches the k-th nearest free point; its objective is the number of fresh
    points within that radius + `strength`, minus the number of free points within that radius.

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

    Returns
    -------
    objective : ndarray, shape (b,), int64
        The least over the ranks allowed.
    radius : ndarray, shape (b,), float64
        Key of the ball that attains it; the smallest such ball.
    least : ndarray, shape (b, f), int32
        The least objective over the ranks from each floor to `k_high`.
    reach : ndarray, shape (b,), float64
        Key of the largest ball's expansion.
    """
    b, n = keys.shape
    objective = np.empty(b, np.int64)
    radius = np.empty(b, np.float64)
    least = np.empty((b, floors.shape[0]), np.int32)
    reach = np.empty(b, np.float64)
    for group in prange((b + ROWS - 1) // ROWS):
        near = np.empty(n, np.float64)
        buckets = np.empty(BUCKETS, np.int32)
        first_rank = np.empty(BUCKETS + 1, np.int32)
        counts = np.empty(k_high, np.int32)
        reaches = np.empty(k_high, np.float64)
        ends = np.empty(k_high, np.int32)
        for i in range(group * ROWS, min(b, (group + 1) * ROWS)):
            found = _nearest(keys[i], free, k_high, buckets, near)
            n_balls = 0  # balls of distinct radii, with the number of free points in each
            start = 0
            while start < k_high:
                end = start + 1
                while end < found and near[end] == near[start]:
                    end += 1
                reaches[n_balls] = expand_key(near[start], strength, squared)
                ends[n_balls] = end
                n_balls += 1
                start = end
            _count_by_reach(keys[i], fresh, reaches[:n_balls], first_rank, counts[:n_balls])
            for ball in range(1, n_balls):
                counts[ball] += counts[ball - 1]
            reach[i] = reaches[n_balls - 1]
            objective[i] = np.iinfo(np.int64).max
            floor = floors.shape[0] - 1
            lowest = np.iinfo(np.int32).max
            for ball in range(n_balls - 1, -1, -1):
                value = counts[ball] - ends[ball]
                lowest = min(lowest, value)
                if ends[ball] >= k_low and value <= objective[i]:
                    objective[i] = value
                    radius[i] = near[ends[ball] - 1]
                before = ends[ball - 1] if ball > 0 else 0
                while floor >= 0 and floors[floor] > before:
                    least[i, floor] = lowest
                    floor -= 1
    return objective, radius, least, reach
