"""How far points must move to enter a half space or a ball if they may not leave a box, the domain of the data.

In ℓ∞ and ℓ2 a point moves straight towards the set, and each coordinate stops at the edge of the domain. Each round
below takes the coordinates that have stopped so far as the only ones that ever will, and solves for the length of the
way. As more coordinates stop, the way becomes longer. So no round goes too far: the distance that the rounds end at is
at most the true one, and it is exact, but for rounding, once no further coordinate stops.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

ROWS = 16  # that a thread takes at a time
ROUNDS = 100  # at most; some ten are enough


@helper
def _along_normal(x, w, needed, lower, upper, euclidean):
    step = 0.0  # by which coordinates move in ℓ∞, and by how many times w in ℓ2
    square = 0.0
    for _ in range(ROUNDS):
        gained = slope = square = 0.0
        for c in range(len(w)):
            size = abs(w[c])
            if size > 0.0:
                room = max(upper[c] - x[c] if w[c] > 0.0 else x[c] - lower[c], 0.0)
                way = step * size if euclidean else step
                if way < room:
                    slope += size * size if euclidean else size
                else:
                    way = room
                gained += size * way
                square += way * way
        missing = needed - gained
        if missing <= 0.0:
            break
        if slope == 0.0:  # every coordinate has stopped
            return np.inf
        after = step + missing / slope
        if after == step:
            break
        step = after
    return np.sqrt(square) if euclidean else step


@helper
def _largest_first(x, w, order, needed, lower, upper):
    gained = way = 0.0
    for c in order:
        size = abs(w[c])
        room = max(upper[c] - x[c] if w[c] > 0.0 else x[c] - lower[c], 0.0)
        if size == 0.0:
            break
        if gained + size * room >= needed:
            return way + (needed - gained) / size
        gained += size * room
        way += room
    return np.inf


@kernel
def into_half_space(X, rows, w, order, needed, p, lower, upper):
    """Compute the ℓp distances from points to a half space within a box, p = 1, 2 or infinity.

    X : (n, d) uint8, float32 or float64; rows : (m,) int64, which of its rows
    w : (d,) float64, the normal; order : (d,) int64, its coordinates, the largest first
    needed : (m,) float64, by how much w·x must grow for each of these points
    lower, upper : (d,) float64, the edges of the box, which may be infinite
    Returns (m,) float64; infinite where the half space has no point in the box.
    """
    m = len(rows)
    distances = np.empty(m)
    for group in prange((m + ROWS - 1) // ROWS):
        for i in range(group * ROWS, min(m, (group + 1) * ROWS)):
            x = X[rows[i]]
            if p == 1.0:
                distances[i] = _largest_first(x, w, order, needed[i], lower, upper)
            else:
                distances[i] = _along_normal(x, w, needed[i], lower, upper, p == 2.0)
    return distances


@helper
def _towards(x, center, square_radius, lower, upper):
    share = 0.0  # of the way to the center
    square = 0.0
    for _ in range(ROUNDS):
        moving = stopped = square = 0.0
        for c in range(len(center)):
            full = center[c] - x[c]
            room = max(upper[c] - x[c] if full > 0.0 else x[c] - lower[c], 0.0)
            if share * abs(full) < room:
                moving += full * full
                square += share * full * share * full
            else:
                stopped += (abs(full) - room) * (abs(full) - room)
                square += room * room
        left = square_radius - stopped
        if left < 0.0:
            return np.inf
        after = 1.0 - np.sqrt(min(left / moving, 1.0)) if moving > 0.0 else share
        if after <= share:
            break
        share = after
    return np.sqrt(square)


@kernel
def into_ball(X, rows, center, square_radius, lower, upper):
    """Compute the ℓ2 distances from points to a ball within a box.

    X : (n, d) uint8, float32 or float64; rows : (m,) int64, which of its rows, all of them outside the ball
    center : (d,) float64; square_radius : the radius squared
    lower, upper : (d,) float64, the edges of the box, which may be infinite
    Returns (m,) float64; infinite where the ball has no point in the box.
    """
    m = len(rows)
    distances = np.empty(m)
    for group in prange((m + ROWS - 1) // ROWS):
        for i in range(group * ROWS, min(m, (group + 1) * ROWS)):
            distances[i] = _towards(X[rows[i]], center, square_radius, lower, upper)
    return distances
