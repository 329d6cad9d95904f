"""Balls around data points: what each center's balls are worth, given what other balls hold already.

Distances between points come from `kernels.distances`: squared for uint8 points, not for others. Radii and reaches
(the radii of expansions) are of the same kind, since they are compared with distances.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

CENTERS = 8  # that a thread evaluates at a time
COLUMNS = 256  # that a thread takes at a time
BUCKETS = 1024  # of the histograms that find ranks


# Bounds, from histograms of distances


@kernel
def bound_balls(counts, covered, expanded, rows, tops, spread, k_high, floors):
    """Compute lower bounds of what the balls of some centers are worth.

    counts : (n, buckets) int32, histograms of the distances from each center (`count_pairs`)
    covered, expanded : (n, buckets) int32, of those, the ones to covered and to expanded points
    rows : (b,) int64, the centers
    tops : (buckets,) int64, up to which bucket all points are in the expansion of a ball whose radius is in each bucket
    spread : the bucket of a ball's radius, for `tops`, is at most so many above that of the point of its rank
    k_high : the largest rank, from 1
    floors : (f,) int64, ascending ranks
    Returns (b, f) int32, at most the least objective over the ranks from each floor to `k_high`; and (b,) int64, the
    bucket of the point of rank `k_high`. Ranks are among the uncovered points.
    """
    n_buckets = counts.shape[1]
    least = np.empty((rows.shape[0], floors.shape[0]), np.int32)
    last = np.empty(rows.shape[0], np.int64)
    for r in prange(rows.shape[0]):
        i = rows[r]
        uncovered, unexpanded = np.empty((2, n_buckets), np.int32)
        n_uncovered = n_unexpanded = np.int32(0)
        bucket = 0  # of the point of rank `k_high`
        for b in range(n_buckets):
            bucket += n_uncovered < k_high and b > 0
            n_uncovered += counts[i, b] - covered[i, b]
            n_unexpanded += counts[i, b] - expanded[i, b]
            uncovered[b], unexpanded[b] = n_uncovered, n_unexpanded
        last[r] = bucket
        bucket = min(bucket + spread, n_buckets - 1)
        lowest = n_unexpanded
        for f in range(floors.shape[0] - 1, -1, -1):
            while bucket >= 0 and uncovered[bucket] >= floors[f]:
                reached = unexpanded[max(bucket, min(tops[bucket], n_buckets - 2))]
                lowest = min(lowest, reached - uncovered[bucket])
                bucket -= 1
            least[r, f] = lowest
    return least, last


@kernel
def bound_expansions(counts, tops, rank):
    """Compute lower bounds of how many points the expansions of each center's balls of `rank` points or more hold.

    counts, tops : as for `bound_balls`; at least the bucket before that of the radius
    rank : from 1 to n
    Returns, (n,) int64 each, how many points are in the expansion for sure, and the last of their buckets, -1 if there
    is none.
    """
    n, n_buckets = counts.shape
    near, top = np.zeros((2, n), np.int64)
    for i in prange(n):
        total, bucket = np.int64(counts[i, 0]), 0
        while total < rank:
            bucket += 1
            total += counts[i, bucket]
        top[i] = min(tops[bucket], n_buckets - 2)  # points of the last bucket may be any distance away
        for b in range(top[i] + 1):
            near[i] += counts[i, b]
    return near, top


@kernel
def count_within(distances, reaches, weights):
    """Sum the weights of the rows within reach of each column.

    distances : (m, b) int32 or float64
    reaches : (b,) float64
    weights : (m,) int64
    Returns (b,) int64.
    """
    m, b = distances.shape
    sums = np.zeros(b, np.int64)
    for group in prange((b + COLUMNS - 1) // COLUMNS):
        start, stop = group * COLUMNS, min(b, (group + 1) * COLUMNS)
        for i in range(m):
            for j in range(start, stop):
                sums[j] += weights[i] * np.int64(distances[i, j] <= reaches[j])
    return sums


# The best ball of each center


@helper
def expand_radius(radius, strength, squared):
    """Return the radius of a ball's expansion; `strength` is ε in levels.

    If distances are squared, and whole numbers, so are both radii: the result is the largest whole number v with
    √v <= √radius + strength.
    """
    if not squared:
        return radius + strength
    distance = np.sqrt(radius) + strength
    if distance > 2.0**16:  # beyond every int32
        return 2.0**32
    largest = np.floor(distance * distance)
    while np.sqrt(largest) > distance:
        largest -= 1.0
    while np.sqrt(largest + 1.0) <= distance:
        largest += 1.0
    return largest


@kernel
def best_balls(distances, squared, uncovered, unexpanded, strength, k_low, k_high, floors, reaches, cost=1):
    """Find each center's ball of least objective, and lower bounds of what its balls may be worth later.

    The ball of rank k reaches the k-th nearest uncovered point. Its objective is `cost` times the number of unexpanded
    points in its expansion, less the number of uncovered points in itself.

    distances : (b, n) int32 or float64, from each center to all points
    squared : whether they are squared
    uncovered, unexpanded : (n,) bool, points not in S_init, and not in S_exp
    strength : ε in levels
    k_low, k_high : the ranks allowed, from 1, both included; at least `k_high` points are uncovered
    floors : (f,) int64, ascending ranks, at most `k_low`
    reaches : (b,) float64, at least the reach of each center's largest ball: points farther away are not looked at
    cost : 1 for the objective of Algorithm 2. At n + 1 the least objective has the fewest unexpanded points, and of
        those the most uncovered ones.

    Returns `objective`, (b,) int64, the least over the ranks allowed; `radius`, (b,) float64, of the smallest ball that
    attains it; `least`, (b, f) int32, the least objective, at a cost of 1, over the ranks from each floor to `k_high`;
    and `reach`, (b,) float64, that of each center's largest ball.
    """
    b = distances.shape[0]
    objective, radius = np.empty(b, np.int64), np.empty(b, np.float64)
    least, reach = np.empty((b, floors.shape[0]), np.int32), reaches.copy()
    for group in prange((b + CENTERS - 1) // CENTERS):
        room = _make_room(distances.shape[1], k_high)
        for i in range(group * CENTERS, min(b, (group + 1) * CENTERS)):
            radii, reached, covered, expanded = _list_balls(
                distances[i], squared, uncovered, unexpanded, strength, k_high, reach[i], room
            )
            reach[i] = reached[-1]
            objective[i], radius[i] = _choose_ball(radii, covered, expanded, k_low, cost)
            _bound_later(covered, expanded, floors, least[i])
    return objective, radius, least, reach


@kernel
def best_hard_balls(distances, squared, uncovered, unexpanded, strength, k_low, k_high, excess, held, cost):
    """Find each center's ball of least objective among those that leave the sum of `excess` over covered points at least 0.

    excess : (n,) int64, of each point
    held : int64, their sum over the points that are covered already

    Other arguments are as for `best_balls`. Returns `objective`, (b,) int64, the largest whole number where no ball is
    allowed; `radius`, (b,) float64, of the smallest ball that attains it; and `most`, (b,) float64, the largest mean of
    `excess` over the points that are covered with any ball of rank `k_low` to `k_high`.
    """
    b, n = distances.shape
    n_covered = n - uncovered.sum()
    objective, radius = np.full(b, np.iinfo(np.int64).max), np.zeros(b)
    most = np.full(b, -np.inf)
    for group in prange((b + CENTERS - 1) // CENTERS):
        room, sums = _make_room(n, k_high), np.empty(k_high, np.int64)
        for i in range(group * CENTERS, min(b, (group + 1) * CENTERS)):
            radii, _, covered, expanded = _list_balls(
                distances[i], squared, uncovered, unexpanded, strength, k_high, np.inf, room
            )
            _sum_by_radius(distances[i], uncovered, excess, radii, sums)
            total = held
            for ball in range(radii.shape[0]):
                total += sums[ball]
                if covered[ball] >= k_low:
                    most[i] = max(most[i], total / (n_covered + covered[ball]))
                    value = cost * expanded[ball] - covered[ball]
                    if total >= 0 and value < objective[i]:
                        objective[i], radius[i] = value, radii[ball]
    return objective, radius, most


@helper
def _sum_by_radius(distances, uncovered, excess, radii, sums):
    """Sum the excess of the uncovered points that each of the ascending `radii` is the first to include."""
    sums[: radii.shape[0]] = 0
    for j in range(distances.shape[0]):
        if uncovered[j] and distances[j] <= radii[-1]:
            sums[np.searchsorted(radii, np.float64(distances[j]))] += excess[j]


@helper
def _make_room(n, k):
    """Return arrays that `_list_balls` uses for one center after the other: for n points, and for k balls."""
    distances = np.empty(n + 1), np.empty(n + 1)
    histogram = np.empty(BUCKETS, np.int32), np.empty(BUCKETS + 1, np.int32)
    return distances, histogram, (np.empty(k), np.empty(k)), (np.empty(k, np.int32), np.empty(k, np.int32))


@helper
def _list_balls(distances, squared, uncovered, unexpanded, strength, k_high, farthest, room):
    """List the balls of one center with up to `k_high` uncovered points, or more on ties, from small to large.

    Returns their radii and reaches, float64, and, int32, how many uncovered points each ball holds and how many
    unexpanded points its expansion.
    """
    (near, expandable), (histogram, first_rank), (radii, reaches), (covered, expanded) = room
    n_uncovered, n_unexpanded = _select(distances, farthest, uncovered, unexpanded, near, expandable)
    n_near = _sort_nearest(near[:n_uncovered], k_high, histogram)
    n_balls = start = 0
    while start < k_high:
        end = start + 1
        while end < n_near and near[end] == near[start]:
            end += 1
        radii[n_balls] = near[start]
        reaches[n_balls] = expand_radius(near[start], strength, squared)
        covered[n_balls] = end
        n_balls += 1
        start = end
    _count_by_reach(expandable[:n_unexpanded], reaches[:n_balls], first_rank, expanded[:n_balls])
    for ball in range(1, n_balls):
        expanded[ball] += expanded[ball - 1]
    return radii[:n_balls], reaches[:n_balls], covered[:n_balls], expanded[:n_balls]


@helper
def _choose_ball(radii, covered, expanded, k_low, cost):
    """Return the least objective of balls with `k_low` points or more, and the radius of the smallest such ball."""
    objective, radius = np.iinfo(np.int64).max, 0.0
    for ball in range(radii.shape[0] - 1, -1, -1):
        value = cost * expanded[ball] - covered[ball]
        if covered[ball] >= k_low and value <= objective:
            objective, radius = value, radii[ball]
    return objective, radius


@helper
def _bound_later(covered, expanded, floors, least):
    """Write the least objective, at a cost of 1, over the ranks from each floor on to `least`."""
    floor = floors.shape[0] - 1
    lowest = np.iinfo(np.int32).max
    for ball in range(covered.shape[0] - 1, -1, -1):
        lowest = min(lowest, expanded[ball] - covered[ball])
        before = covered[ball - 1] if ball > 0 else 0
        while floor >= 0 and floors[floor] > before:
            least[floor] = lowest
            floor -= 1


@helper
def _select(distances, farthest, uncovered, unexpanded, to_uncovered, to_unexpanded):
    """Keep the distances up to `farthest` to uncovered and to unexpanded points; return how many there are of each."""
    n_uncovered = n_unexpanded = np.uint64(0)
    for j in range(distances.shape[0]):  # without branches: written first, and kept by counting
        distance = np.float64(distances[j])
        to_uncovered[n_uncovered] = distance
        to_unexpanded[n_unexpanded] = distance
        within = np.uint64(distance <= farthest)
        n_uncovered += within & np.uint64(uncovered[j])
        n_unexpanded += within & np.uint64(unexpanded[j])
    return n_uncovered, n_unexpanded


@helper
def _bucket(value, scale):
    return min(np.int32(value * scale), BUCKETS - 1)


@helper
def _sort_nearest(distances, k, histogram):
    """Sort the k least of some distances to their front, with all that tie with the k-th and perhaps some more.

    A histogram finds the bucket of the k-th. Returns how many distances have been sorted.
    """
    top = 1e-300
    for distance in distances:
        top = max(top, distance)
    scale = BUCKETS / top
    histogram[:] = 0
    for distance in distances:
        histogram[_bucket(distance, scale)] += 1
    last, total = 0, histogram[0]
    while total < k:
        last += 1
        total += histogram[last]
    n_kept = 0
    for distance in distances:
        if _bucket(distance, scale) <= last:
            distances[n_kept] = distance
            n_kept += 1
    distances[:n_kept].sort()
    return n_kept


@helper
def _count_by_reach(distances, reaches, first_rank, counts):
    """Count the distances that each of the ascending `reaches` is the first to include."""
    low, high = reaches[0], reaches[-1]
    scale = BUCKETS / (high - low) if high > low else 0.0
    rank = 0
    for bucket in range(BUCKETS + 1):  # first_rank[bucket] is the first reach in that bucket or a later one
        while rank < reaches.shape[0] and _bucket(reaches[rank] - low, scale) < bucket:
            rank += 1
        first_rank[bucket] = rank
    counts[:] = 0
    for distance in distances:
        if distance <= low:
            counts[0] += 1
        elif distance <= high:
            bucket = _bucket(distance - low, scale)
            first, last = first_rank[bucket], first_rank[bucket + 1]
            while first < last:  # bisection
                middle = (first + last) // 2
                if reaches[middle] < distance:
                    first = middle + 1
                else:
                    last = middle
            counts[first] += 1
