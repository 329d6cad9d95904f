"""How far points must move to enter a half space or a ball if they may not leave a box, to compare with.

Nothing of ours is imported. Two kinds: solvers of SciPy, which know nothing of how the answer is found; and sums in exact
numbers, which tell what no solver is precise enough for.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog, minimize

DIGITS = 60


# Solvers


def nearest_of_half_space(x, w, b, p, lower, upper):
    """Distance in ℓ1 or ℓ∞ to {z : w·z >= b, lower <= z <= upper}, by linear programming; inf if that is empty."""
    d = len(x)
    n_lengths = d if p == 1 else 1
    each = np.eye(d) if p == 1 else np.ones((d, 1))
    apart = np.vstack([np.hstack([np.eye(d), -each]), np.hstack([-np.eye(d), -each])])
    limits = np.append(np.concatenate([x, -np.asarray(x)]), -b)
    rows = np.vstack([apart, np.append(-np.asarray(w, float), np.zeros(n_lengths))])
    bounds = [(lower, upper)] * d + [(0, None)] * n_lengths
    found = linprog(np.append(np.zeros(d), np.ones(n_lengths)), rows, limits, bounds=bounds)
    return math.inf if found.status == 2 else found.fun


def nearest_in_l2(x, inside, farthest_in, lower, upper):
    """Euclidean distance to {z : inside(z) >= 0, lower <= z <= upper}, a convex set; inf if no z is more inside than that.

    `farthest_in` is the point of the box that is farthest inside.
    """
    if inside(farthest_in) < 0:
        return math.inf
    found = minimize(
        lambda z: ((z - x) ** 2).sum(),
        farthest_in,
        jac=lambda z: 2 * (z - x),
        bounds=[(lower, upper)] * len(x),
        constraints={"type": "ineq", "fun": inside},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return math.dist(x, found.x)


# Exact numbers


def into_half_space(x, w, needed, p, lower, upper):
    """The same for any p of 1, 2 and infinity, if w·x must grow by `needed`; all but the last root in fractions."""
    x, w = [Fraction(float(a)) for a in x], [Fraction(float(c)) for c in w]
    rooms = [(upper - a if c > 0 else a - lower, abs(c)) for a, c in zip(x, w, strict=True) if c]
    rooms = [(Fraction(room) if math.isfinite(room) else room, size) for room, size in rooms]
    needed, way = Fraction(needed), Fraction(0)
    if p == 1:
        for room, size in sorted(rooms, key=lambda one: -one[1]):
            if size * room >= needed:
                return way + needed / size
            needed, way = needed - size * room, way + room
        return math.inf
    power = 2 if p == 2 else 1
    rooms.sort(key=lambda one: one[0] / one[1] ** (power - 1))  # the first to stop comes first
    while rooms:
        slope = sum(size**power for _, size in rooms)
        step, (room, size) = needed / slope, rooms.pop(0)
        if step * size ** (power - 1) <= room:
            return _root(way + step * step * slope) if p == 2 else step
        needed, way = needed - size * room, way + room * room
    return math.inf


def into_ball(x, center, radius, lower, upper):
    """The Euclidean distance from a point outside a ball to what of the ball lies in the box, in many digits."""
    with localcontext() as context:
        context.prec = DIGITS
        ways = [(Decimal(float(c)) - Decimal(float(a)), Decimal(float(a))) for a, c in zip(x, center, strict=True)]
        rooms = [
            (min(Decimal(float(upper)) - a if full > 0 else a - Decimal(float(lower)), abs(full)), abs(full))
            for full, a in ways
            if full
        ]
        rooms.sort(key=lambda one: one[0] / one[1])
        square, way, left = Decimal(float(radius)) ** 2, Decimal(0), sum(full * full for _, full in rooms)
        while rooms and square >= 0:
            share, (room, full) = 1 - min(square / left, Decimal(1)).sqrt(), rooms.pop(0)
            if share * full <= room:
                return float((way + share * share * left).sqrt())
            square, way, left = square - (full - room) ** 2, way + room * room, left - full * full
        return float(way.sqrt()) if square >= 0 else math.inf


def _root(square):
    """The root of a fraction, rounded once."""
    with localcontext() as context:
        context.prec = DIGITS
        return float((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())
