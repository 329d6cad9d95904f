"""Plain-loop versions of the ℓ2 searches and their kernels, to compare with. They import nothing of ours.

Points are lists of Python numbers; distances of uint8 points are compared as whole squares, others as
floats. A kernel and its oracle have the same name and the same arguments.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction
from typing import NamedTuple

import numpy as np

LEVELS = 255  # grey levels on epsilon's scale
NOISE = 1e-9  # what floats do to a number that is meant to be whole


# Kernels


def distances(X, Y):
    """Whole squared distances between uint8 rows; distances where either are floats."""
    squared = X.dtype == Y.dtype == np.uint8
    return np.array(_distances(X, Y, squared), np.int32 if squared else np.float64).reshape(len(X), len(Y))


def _distances(X, Y, squared):
    rows, others = X.tolist(), Y.tolist()
    if squared:
        return [[sum((x - y) * (x - y) for x, y in zip(a, b, strict=True)) for b in others] for a in rows]
    return [[math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b, strict=True))) for b in others] for a in rows]


def place(distance, scale):
    """The bucket of a distance, and the part of it."""
    coarse, fine, offset, gap = scale
    return min(max(coarse * distance, fine * distance - offset), coarse * distance + gap)


def count_pairs(X, pairs, tile, scale, counts):
    """Add to `counts`; return how far from a whole number any distance in buckets is that is not 0."""
    margin = 0.5
    for one, other in pairs.tolist():
        for i in range(one * tile, min(len(X), (one + 1) * tile)):
            for j in range(other * tile, min(len(X), (other + 1) * tile)):
                position = place(math.dist(X[i].tolist(), X[j].tolist()), scale)
                bucket = min(int(position), counts.shape[1] - 1)
                counts[i, bucket] += 1
                counts[j, bucket] += one != other
                margin = min(margin, abs(position - round(position)) if position else margin)
    return margin


def count_from(X, Y, scale, counts, rows, limits):
    """Add to `counts`; return how many are up to each limit, and how far from a whole number any is, as above."""
    margin, within = 0.5, []
    for x, row, limit in zip(X.tolist(), rows.tolist(), limits.tolist(), strict=True):
        positions = [place(math.dist(x, y), scale) for y in Y.tolist()]
        buckets = [min(int(position), counts.shape[1] - 1) for position in positions]
        for bucket in buckets:
            counts[row, bucket] += 1
        within.append(sum(bucket <= limit for bucket in buckets))
        margin = min([margin, *(abs(position - round(position)) for position in positions if position)])
    return np.array(within, np.int64), margin


def round_rows(X, middle, scale):
    """Rows as whole numbers, their squared lengths, and how far they have been moved."""
    places = [[(x - m) * scale for x, m in zip(row, middle.tolist(), strict=True)] for row in X.tolist()]
    rounded = [[round(place) for place in row] for row in places]
    return rounded, [sum(c * c for c in row) for row in rounded], [*map(math.dist, places, rounded)]


def bound_balls(counts, covered, expanded, rows, tops, spread, k_high, floors):
    least, last = [], []
    for i in rows.tolist():
        uncovered, unexpanded = (
            [sum((counts[i] - held[i])[: b + 1].tolist()) for b in range(counts.shape[1])]
            for held in (covered, expanded)
        )
        first = min(b for b in range(len(tops)) if uncovered[b] >= k_high)
        high = min(first + spread, len(tops) - 1)
        reached = [unexpanded[max(b, min(top, len(tops) - 2))] for b, top in enumerate(tops.tolist())]
        worth = [more - within for more, within in zip(reached, uncovered, strict=True)]
        least.append(
            [
                min([unexpanded[-1], *(worth[b] for b in range(high + 1) if uncovered[b] >= floor)])
                for floor in floors.tolist()
            ]
        )
        last.append(first)
    return np.array(least, np.int32).reshape(len(rows), len(floors)), np.array(last, np.int64)


def expand_radius(radius, strength, squared):
    if not squared:
        return radius + strength
    limit = math.sqrt(radius) + strength
    v = int(limit * limit)
    while math.sqrt(v) > limit:
        v -= 1
    while math.sqrt(v + 1) <= limit:
        v += 1
    return v


def bound_expansions(counts, tops, rank):
    near, top = [], []
    for row in counts.tolist():
        bucket = min(b for b in range(len(row)) if sum(row[: b + 1]) >= rank)
        top.append(min(int(tops[bucket]), len(row) - 2))
        near.append(sum(row[: top[-1] + 1]))
    return np.array(near, np.int64), np.array(top, np.int64)


def count_within(distances, reaches, weights):
    columns = zip(distances.T.tolist(), reaches.tolist(), strict=True)
    found = [
        sum(weight for distance, weight in zip(column, weights.tolist(), strict=True) if distance <= reach)
        for column, reach in columns
    ]
    return np.array(found, np.int64)


def best_balls(distances, squared, uncovered, unexpanded, strength, k_low, k_high, floors, reaches, cost=1):
    rows, dear = (
        [
            _by_rank(sorted(_where(row, uncovered)), sorted(_where(row, unexpanded)), strength, k_high, squared, price)
            for row in distances.tolist()
        ]
        for price in (1, cost)
    )
    objective = [min(worth for worth, _ in ranks[k_low - 1 :]) for ranks in dear]
    radius = [
        min(radius for worth, radius in ranks[k_low - 1 :] if worth == best)
        for ranks, best in zip(dear, objective, strict=True)
    ]
    least = [[min(worth for worth, _ in ranks[floor - 1 :]) for floor in floors.tolist()] for ranks in rows]
    reach = [expand_radius(ranks[-1][1], strength, squared) for ranks in rows]
    return (
        np.array(objective, np.int64),
        np.array(radius, np.float64),
        np.array(least, np.int32).reshape(len(rows), len(floors)),
        np.array(reach, np.float64),
    )


def _where(row, mask):
    return [distance for distance, chosen in zip(row, mask, strict=True) if chosen]


def _by_rank(uncovered, unexpanded, strength, k_high, squared, cost=1):
    """Objective and radius of the ball of each rank 1..k_high; a ball holds all that tie with its farthest point.

    Given are sorted distances.
    """
    found = []
    for k in range(1, k_high + 1):
        radius = uncovered[k - 1]
        if k > 1 and radius == uncovered[k - 2]:
            found.append(found[-1])
            continue
        expanded = bisect_right(unexpanded, expand_radius(radius, strength, squared))
        found.append((cost * expanded - bisect_right(uncovered, radius), radius))
    return found


def products(X, middle, W):
    rows = _centered(X, middle)
    found = [[math.fsum(x * c for x, c in zip(row, w, strict=True)) for w in W.tolist()] for row in rows]
    return np.array(found).reshape(len(X), len(W))


def sums(X, middle, weights):
    columns = list(zip(*_centered(X, middle), strict=True))
    found = [
        [math.fsum(x * a for x, a in zip(column, row, strict=True)) for column in columns] for row in weights.tolist()
    ]
    return np.array(found).reshape(len(weights), X.shape[1])


def squares(X, middle):
    return np.array([math.fsum(x * x for x in row) for row in _centered(X, middle)])


def _centered(X, middle):
    return [[x - m for x, m in zip(row, middle.tolist(), strict=True)] for row in X.tolist()]


# Algorithm 2


class Balls(NamedTuple):
    """What the greedy chose, one entry a ball."""

    centers: list  # indices of rows
    radii: list  # in levels; squared (and whole) for uint8
    covered: list
    expanded: list
    objective: list
    rivals: list  # how many rows attain the least objective; 1: no tie
    fewest: list  # k_lo


def target(n, alpha, delta):
    """⌈n α (1 + δ)⌉, where what is meant to be whole is whole."""
    exact = n * Fraction(alpha) * (1 + Fraction(delta))
    return round(exact) if abs(exact - round(exact)) <= NOISE else math.ceil(exact)


def strength_in_levels(epsilon):
    levels = epsilon * LEVELS
    return round(levels) if abs(levels - round(levels)) <= NOISE else levels


def search_balls(X, epsilon, alpha, n_sets, delta=0.0):
    """Algorithm 2 on uint8 rows (epsilon on the scale of 1/255 a level) or float32 rows (epsilon in levels)."""
    n, squared = len(X), X.dtype == np.uint8
    strength = strength_in_levels(epsilon) if squared else epsilon
    to = _distances(X, X, squared)
    uncovered, unexpanded = [True] * n, [True] * n
    wanted = target(n, alpha, delta)
    balls = Balls([], [], [], [], [], [], [])
    for t in range(n_sets):
        missing = wanted - (n - sum(uncovered))
        if missing <= 0:
            break
        fewest = -(-missing // (n_sets - t))
        best, rivals = None, 0
        for u in range(n):
            near, expandable = (sorted(_where(to[u], mask)) for mask in (uncovered, unexpanded))
            worth, radius = min(
                _by_rank(near, expandable, strength, missing, squared)[fewest - 1 :]
            )  # then the smallest
            rivals = 1 if best is None or worth < best[0] else rivals + (worth == best[0])
            if best is None or worth < best[0]:
                best = worth, radius, u
        worth, radius, u = best
        reach = expand_radius(radius, strength, squared)
        for j in range(n):
            uncovered[j] = uncovered[j] and to[u][j] > radius
            unexpanded[j] = unexpanded[j] and to[u][j] > reach
        counts = n - sum(uncovered), n - sum(unexpanded)
        for column, value in zip(balls, (u, radius, *counts, worth, rivals, fewest), strict=True):
            column.append(value)
    return balls


def local_search(X, epsilon, balls, wanted, n_sets):
    """Drop each ball in turn, choose again, and go on until a whole round improves nothing: centers and radii.

    In its place comes one ball that covers what is then missing, or two of which the first covers half of it,
    if fewer points are expanded then, or as many and more are covered, or as many by fewer balls. A ball
    chosen again expands the fewest points more; of those it covers most, then comes first, then is smallest.
    """
    n, squared = len(X), X.dtype == np.uint8
    strength = strength_in_levels(epsilon) if squared else epsilon
    to = _distances(X, X, squared)

    def covered(some):
        return {j for u, radius in some for j in range(n) if to[u][j] <= radius}

    def expanded(some):
        return {j for u, radius in some for j in range(n) if to[u][j] <= expand_radius(radius, strength, squared)}

    def rank(some):
        return len(expanded(some)), -len(covered(some)), len(some)

    def best(some, fewest, most):
        inside, reached = covered(some), expanded(some)
        found = []
        for u in range(n):
            uncovered = sorted(to[u][j] for j in range(n) if j not in inside)
            unexpanded = sorted(to[u][j] for j in range(n) if j not in reached)
            for radius in uncovered[fewest - 1 : most]:
                expands = bisect_right(unexpanded, expand_radius(radius, strength, squared))
                found.append((expands, -bisect_right(uncovered, radius), u, radius))
        return min(found)[2:]

    balls, idle = list(balls), 0
    while idle < len(balls):
        dropped, *others = balls
        kept = [*others, dropped]
        for number in range(1, min(2, n_sets - len(others)) + 1):
            other, left = list(others), number
            while (missing := wanted - len(covered(other))) > 0:
                other.append(best(other, -(-missing // left), missing))
                left -= 1
            if rank(other) < rank(kept):
                kept, idle = other, -1
                break
        balls, idle = kept, idle + 1
    return balls


# Regions, by definition


def ball_gap(X, centers, radii):
    """How far each row lies outside the nearest ball; all in one unit."""
    return [min(math.dist(row, c) - r for c, r in zip(centers, radii, strict=True)) for row in X]


def dual_norm(w, p):
    """‖w‖_q with 1/p + 1/q = 1."""
    if p == 1:
        return max(abs(x) for x in w)
    if p == math.inf:
        return math.fsum(abs(x) for x in w)
    q = p / (p - 1)
    return math.fsum(abs(x) ** q for x in w) ** (1 / q)


# The hyperplane baseline


class Cut(NamedTuple):
    """A half space {w·x > b} with a unit normal, what it holds, and how near the closest call was."""

    w: np.ndarray
    b: float
    inside: int
    expanded: int
    margin: float


def hyperplane(X, epsilon, alpha):
    """Both directions of the first principal component, in the units of X, the better one first."""
    points = np.asarray(X, np.float64)
    _, vectors = np.linalg.eigh(np.cov(points.T).reshape(points.shape[1], -1))
    return sorted(
        (_cut(points, sign * vectors[:, -1], epsilon, alpha) for sign in (1, -1)), key=lambda cut: cut.expanded
    )


def _cut(points, w, epsilon, alpha):
    heights = [math.fsum(x * c for x, c in zip(row, w.tolist(), strict=True)) for row in points.tolist()]
    order = sorted(heights, reverse=True)
    count = target(len(points), alpha, 0)
    b = order[count]
    inside = sum(height > b for height in heights)
    expanded = sum(height > b - epsilon for height in heights)
    margin = min(order[count - 1] - b, *(abs(height - (b - epsilon)) for height in heights))
    return Cut(w, b, inside, expanded, margin)
