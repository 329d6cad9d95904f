"""Plain-loop versions of what the package computes, to compare with. They import nothing of ours.

Every sum is done one term at a time in Python integers, fractions or floats, so that no trick is
shared with the kernels. Arrays are containers only. A kernel and its oracle have the same name.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

PER_LEVEL = 4096  # means of uint8 data are kept in this fraction of a level


# Neighbors


def kth_l1_uint8(X, k, include_self):
    rows = X.tolist()
    found = []
    for i in range(len(rows)):
        distances = [_l1(rows[i], other) for j, other in enumerate(rows) if include_self or j != i]
        found.append(sorted(distances)[k - 1])
    return np.array(found, np.int64)


def kth_distance(X, k, include_self, squared):
    rows = X.tolist()
    found = []
    for i in range(len(rows)):
        distances = []
        for j, other in enumerate(rows):
            if include_self or j != i:
                gaps = [abs(a - b) for a, b in zip(rows[i], other, strict=True)]
                distances.append(math.fsum(gap * gap if squared else gap for gap in gaps))
        found.append(sorted(distances)[k - 1])
    return np.array(found, np.float64)


def _l1(point, center):
    return sum(abs(a - b) for a, b in zip(point, center, strict=True))


# Clusters


def assign_uint8(X, centers, shift):
    points = [[x << shift for x in row] for row in X.tolist()]
    labels, distances = _assign(points, centers.tolist())
    return np.array(labels, np.int32), np.array(distances, np.int64)


def byte_distance(x, y, width):
    return _l1(x.tolist()[:width], y.tolist()[:width])


def round_centers(centers, last, shift):
    level = 1 << shift
    now, before = centers.tolist(), last.tolist()
    rounded = [[(c + level // 2) // level for c in center] for center in now]
    slack = [_l1(center, [c * level for c in near]) for center, near in zip(now, rounded, strict=True)]
    moved = [_l1(center, other) for center, other in zip(now, before, strict=True)]
    up = [[math.ceil(Fraction(way, level)) for way in ways] for ways in (slack, moved)]
    return np.array(rounded, np.uint8), np.array(up[0], np.int64), np.array(up[1], np.int64)


def assign_floats(X, centers):
    labels, distances = [], []
    for row in X.tolist():
        to = [math.fsum(abs(a - b) for a, b in zip(row, center, strict=True)) for center in centers.tolist()]
        distances.append(min(to))
        labels.append(to.index(min(to)))
    return np.array(labels, np.int32), np.array(distances, np.float64)


def _assign(points, centers):
    labels, distances = [], []
    for point in points:
        best, least = 0, _l1(point, centers[0])
        for t in range(1, len(centers)):
            distance = _l1(point, centers[t])
            if distance < least:
                best, least = t, distance
        labels.append(best)
        distances.append(least)
    return labels, distances


def _members(order, starts):
    return [[int(i) for i in order[starts[t] : starts[t + 1]]] for t in range(len(starts) - 1)]


def _per_cluster(X, order, starts, dtype, summary):
    result = np.zeros((len(starts) - 1, X.shape[1]), dtype)
    rows = X.tolist()
    for t, members in enumerate(_members(order, starts)):
        for j in range(X.shape[1]):
            if members:
                result[t, j] = summary([rows[i][j] for i in members])
    return result


def sum_clusters(X, order, starts):
    return _per_cluster(X, order, starts, np.float64, math.fsum)


def move_sums(X, rows, before, after, sums):
    totals = sums.tolist()
    for i in rows.tolist():
        for j, x in enumerate(X[i].tolist()):
            if before[i] >= 0:
                totals[before[i]][j] -= x
            totals[after[i]][j] += x
    return np.array(totals, np.int64)


def bound_clusters(X, order, starts):
    return _per_cluster(X, order, starts, X.dtype, min), _per_cluster(X, order, starts, X.dtype, max)


def median_clusters_uint8(X, order, starts):
    return _per_cluster(X, order, starts, np.uint8, _lower_median)


def median_clusters_floats(X, order, starts):
    return _per_cluster(X, order, starts, X.dtype, _lower_median)


def _lower_median(values):
    return sorted(values)[(len(values) - 1) // 2]


def lloyd(X, n_clusters, seed, centers="mean", max_iter=30):
    """Algorithm 1's clustering of the rows of X, in exact arithmetic.

    Returns labels, centers in levels (lists of fractions), the number of assignments, and whether
    the last one changed nothing. Means of uint8 data are whole multiples of 1/4096 of a level.
    """
    rows = [[Fraction(x) for x in row] for row in X.tolist()] if X.dtype != np.uint8 else X.tolist()
    if X.dtype == np.uint8:
        rows = [[x * PER_LEVEL for x in row] for row in rows]  # integers from here on
    n, d = X.shape
    first = np.random.default_rng([seed, n_clusters, n]).choice(n, n_clusters, replace=False)
    middles = [list(rows[i]) for i in first]
    previous, converged, rounds = None, False, 0
    while rounds < max_iter and not converged:
        rounds += 1
        labels, distances = _assign(rows, middles)
        _fill_empty(labels, distances, n_clusters)
        converged = labels == previous
        previous = list(labels)
        for t in range(n_clusters):
            members = [rows[i] for i in range(n) if labels[i] == t]
            if members:
                middles[t] = [_middle([row[j] for row in members], centers, X.dtype) for j in range(d)]
    unit = PER_LEVEL if X.dtype == np.uint8 else 1
    return labels, [[Fraction(u) / unit for u in middle] for middle in middles], rounds, converged


def _fill_empty(labels, distances, n_clusters):
    """Give every cluster without points, in order, the point farthest from its own center."""
    taken = set()
    for t in range(n_clusters):
        if t in labels:
            continue
        best = None
        for i in range(len(labels)):
            if i not in taken and (best is None or distances[i] > distances[best]):
                best = i
        if best is not None and distances[best] > 0:
            labels[best] = t
            taken.add(best)


def _middle(values, centers, dtype):
    if centers == "median":
        return _lower_median(values)
    mean = Fraction(sum(values)) / len(values)
    return round(mean) if dtype == np.uint8 else mean  # `round` of a fraction goes to even, as np.rint does


def boxes(X, labels, centers):
    """Smallest boxes centered at the centers that hold their clusters, in levels."""
    rows = X.tolist()
    lower, upper = [], []
    for t, center in enumerate(centers):
        half = [0] * len(center)
        for i, row in enumerate(rows):
            if labels[i] == t:
                half = [max(h, abs(Fraction(x) - u)) for h, x, u in zip(half, row, center, strict=True)]
        lower.append([u - h for u, h in zip(center, half, strict=True)])
        upper.append([u + h for u, h in zip(center, half, strict=True)])
    return lower, upper


# Boxes


def outside(X, lower, upper):
    rows, low, high = X.tolist(), lower.tolist(), upper.tolist()
    result = []
    for row in rows:
        best = math.inf
        for t in range(len(low)):
            worst = -math.inf
            for j, x in enumerate(row):
                worst = max(worst, low[t][j] - x, x - high[t][j])
            best = min(best, worst)
        result.append(best)
    return np.array(result, lower.dtype)


def rectangle_risks(X, lower, upper, epsilon):
    """How many rows lie in the error region, and how many in its expansion, by definition.

    All in the units of X, as nested lists of exact numbers; a bound may be infinite. A point is in the region if every
    box, enlarged by epsilon, misses it, and in the expansion if every box as it is misses it.
    """
    risk = sum(_missed(row, lower, upper, epsilon) for row in X.tolist())
    expanded = sum(_missed(row, lower, upper, 0) for row in X.tolist())
    return risk, expanded


def _missed(row, lower, upper, enlarged):
    for low, high in zip(lower, upper, strict=True):
        if all(a - enlarged <= x <= b + enlarged for x, a, b in zip(row, low, high, strict=True)):
            return False
    return True


def region_gap(row, held):
    """How far a point lies outside a region, given the numbers that the region holds, in exact arithmetic but for roots."""
    x = [Fraction(value) for value in row]
    if "lower" in held:
        low, high = held["lower"].tolist(), held["upper"].tolist()
        return held["epsilon"] - min(max(map(_beyond, x, *sides)) for sides in zip(low, high, strict=True))
    if "centers" in held:
        balls = zip(held["centers"].tolist(), held["radii"].tolist(), strict=True)
        return min(_length(map(_minus, x, center), 2) - radius for center, radius in balls)
    w = held["w"].tolist()
    above = sum(Fraction(factor) * value for factor, value in zip(w, x, strict=True)) - Fraction(held["b"])
    return float(-above) / _length(w, {1: math.inf, 2: 2, math.inf: 1}[held["p"]])


def _beyond(x, low, high):
    beyond = [float(_minus(low, x))] if math.isfinite(low) else []
    beyond += [float(_minus(x, high))] if math.isfinite(high) else []
    return max(beyond, default=-math.inf)


def within_steps(points, others, steps, p):
    """How many rows of whole numbers are within so many steps, in ℓp, of some other row."""
    near = {
        1: sum,
        2: lambda ways: math.isqrt(sum(way * way for way in ways) - 1) + 1 if any(ways) else 0,
        math.inf: max,
    }
    others = others.tolist()
    return sum(
        any(near[p]([abs(a - b) for a, b in zip(row, other, strict=True)]) <= steps for other in others)
        for row in points.tolist()
    )


def _minus(one, other):
    return Fraction(one) - Fraction(other)


def _length(values, p):
    sizes = [abs(float(value)) for value in values]
    return max(sizes) if p == math.inf else math.fsum(size**p for size in sizes) ** (1 / p)


def search_rectangles(
    X,
    epsilon,
    alpha,
    n_sets,
    seed=0,
    n_neighbors=50,
    include_self=True,
    centers="mean",
    max_iter=30,
    precision=0.005,
):
    """Algorithm 1 on uint8 rows; epsilon in levels, an exact number.

    Where some q made clusters and none was feasible, the fewest points that make so many clusters are tried last.
    Returns what was tried, in order: (q, points clustered, risk count, expanded count, feasible, lower, upper), the
    counts and boxes None where there are fewer points than boxes.
    """
    n = len(X)
    radii = kth_l1_uint8(X, n_neighbors, include_self).tolist()
    dense = sorted(range(n), key=lambda i: (radii[i], i))
    low, high, tried = Fraction(0), Fraction(1), []

    def attempt(q):
        m = math.floor(q * n)
        if m < n_sets:
            tried.append((float(q), m, None, None, False, None, None))
            return False
        points = X[dense[:m]]
        labels, middles, _, _ = lloyd(points, n_sets, seed, centers, max_iter)
        lower, upper = boxes(points, labels, middles)
        risk, expanded = rectangle_risks(X, lower, upper, epsilon)
        tried.append((float(q), m, risk, expanded, risk / n >= alpha, lower, upper))
        return risk / n >= alpha

    while high - low > precision:
        q = (low + high) / 2
        if attempt(q):
            low = q
        else:
            high = q
    clustered = [m for _, m, risk, *_ in tried if risk is not None]
    if low == 0 and clustered and n_sets not in clustered:
        attempt(Fraction(n_sets, n))
    return tried
