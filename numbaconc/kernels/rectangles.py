"""How far outside a union of boxes each point lies."""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

POINTS = 64  # points that a thread takes at a time
COLUMNS = 64  # coordinates looked at before a box is given up
BYTES = 128  # the same where only bytes are compared


@helper
def _gap_floats(x, lower, upper, most, lanes):
    """Return the same as `_gap_uint8`, of COLUMNS floats or more: fewer would not fill the lanes."""
    for low in range(0, x.shape[0], COLUMNS):
        some, least, largest = x[low : low + COLUMNS], lower[low : low + COLUMNS], upper[low : low + COLUMNS]
        far = np.int64(0)
        for c in range(some.shape[0]):  # a count and a maximum for each lane become vectors, one maximum would not
            level = np.float64(some[c])
            below, above = least[c] - level, level - largest[c]
            gap = below if below > above else above
            lanes[c] = gap if low == 0 or gap > lanes[c] else lanes[c]
            far += np.int64(gap >= most)
        if far > 0:
            return most
    for c in range(COLUMNS // 2):  # halves are compared in vectors, too
        lanes[c] = lanes[c] if lanes[c] > lanes[c + COLUMNS // 2] else lanes[c + COLUMNS // 2]
    for c in range(COLUMNS // 4):
        lanes[c] = lanes[c] if lanes[c] > lanes[c + COLUMNS // 4] else lanes[c + COLUMNS // 4]
    worst = lanes[0]
    for c in range(COLUMNS // 4):
        worst = max(worst, lanes[c])
    return worst


@kernel
def outside_floats(X, lower, upper):
    """Compute the signed ℓ∞ distance from each point to a union of boxes.

    It is the minimum over boxes t of the maximum over coordinates j of max(lower[t, j] - x[j], x[j] - upper[t, j]):
    above 0 outside all boxes, and minus the depth inside one. This one number answers every ε.

    X : (n, d) float32 or float64
    lower, upper : (T, d) float64, which may be infinite; in float64 a difference loses no digit of the data
    Returns (n,) float64, in levels.
    """
    n, d = X.shape
    gaps = np.empty(n)
    for group in prange((n + POINTS - 1) // POINTS):
        lanes = np.empty(COLUMNS)
        for i in range(group * POINTS, min(n, (group + 1) * POINTS)):
            best = np.inf
            for t in range(lower.shape[0]):
                if d < COLUMNS:  # fewer than make up for the way to vectors
                    worst = -np.inf
                    for c in range(d):
                        worst = max(worst, max(lower[t, c] - X[i, c], X[i, c] - upper[t, c]))
                    best = min(best, worst)
                else:
                    best = _gap_floats(X[i], lower[t], upper[t], best, lanes)
            gaps[i] = best
    return gaps


@helper
def _byte_gap(x, least, largest, most):
    """Return the ℓ∞ distance to a box of bytes, or some number above `most` where it is above.

    Bytes have the most lanes.
    """
    widest = np.uint8(0)
    for low in range(0, x.shape[0], BYTES):
        some, floor, ceiling = x[low : low + BYTES], least[low : low + BYTES], largest[low : low + BYTES]
        worst = np.uint8(0)  # of this block only, since a maximum that starts from 0 is compiled to vectors
        for c in range(some.shape[0]):
            below = np.uint8(floor[c] - some[c]) if floor[c] > some[c] else np.uint8(0)
            above = np.uint8(some[c] - ceiling[c]) if some[c] > ceiling[c] else np.uint8(0)
            worst = max(worst, max(below, above))
        if worst > most:
            return worst
        widest = max(widest, worst)
    return widest


@helper
def _gap_uint8(x, lower, upper, most, lanes):
    """Return the signed ℓ∞ distance to one box, or `most` where it is no less. `lanes` is room for COLUMNS numbers."""
    for low in range(0, x.shape[0], COLUMNS):
        some, least, largest = x[low : low + COLUMNS], lower[low : low + COLUMNS], upper[low : low + COLUMNS]
        far = np.int32(0)
        for c in range(some.shape[0]):  # a count and a maximum for each lane become vectors, one maximum would not
            level = np.float32(some[c])
            below, above = least[c] - level, level - largest[c]
            gap = below if below > above else above
            lanes[c] = gap if low == 0 or gap > lanes[c] else lanes[c]
            far = np.int32(far + np.int32(gap >= most))
        if far > 0:
            return most
    worst = lanes[0]
    for gap in lanes[: x.shape[0]]:
        worst = max(worst, gap)
    return worst


@kernel
def outside_uint8(X, lower, upper, least, largest):
    """Compute the signed ℓ∞ distance from each uint8 point to a union of boxes, as `outside_floats` does.

    Nearly every box is given up after a comparison of bytes only.

    X : (n, d) uint8
    lower, upper : (T, d) float32, no `lower` above 255 and no `upper` below 0; otherwise they may be infinite. If they
        are multiples of 2^-12 levels, each difference is exact in float32.
    least, largest : (T, d) uint8, `lower` rounded up and `upper` rounded down, clipped to 0 and 255
    Returns (n,) float32, in levels.
    """
    gaps = np.empty(X.shape[0], np.float32)
    T = lower.shape[0]
    for i in prange(X.shape[0]):
        rounded = np.empty(T, np.uint8)
        lanes = np.empty(COLUMNS, np.float32)
        nearest = np.uint8(255)
        for t in range(T):
            rounded[t] = _byte_gap(X[i], least[t], largest[t], nearest)
            nearest = min(nearest, rounded[t])
        best = np.float32(np.inf)
        for t in range(T):
            if rounded[t] == nearest:  # others are farther: rounding changes a gap above 0 by less than a level
                best = _gap_uint8(X[i], lower[t], upper[t], best, lanes)
        gaps[i] = best
    return gaps
