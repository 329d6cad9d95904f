"""How far outside a union of boxes each point lies."""

import numpy as np
from numba import njit, prange

from numbaconc.kernels.threads import in_turn

POINTS = 64  # points that a thread takes at a time
COLUMNS = 64  # coordinates looked at before a box is given up
WIDE = 128  # the same, of bytes


@in_turn
@njit(parallel=True, cache=True)
def outside_float32(X, lower, upper):
    """Signed ℓ∞ distance from each point to a union of boxes.

    min over boxes t of max over coordinates j of max(lower[t, j] - x[j], x[j] - upper[t, j])
    (METHOD: one number per point answers every ε). Above 0 outside all boxes; inside one it is minus
    the depth.

    Parameters
    ----------
    X : ndarray, shape (n, d), float32
    lower, upper : ndarray, shape (T, d), float64
        May be infinite. The wider type makes each difference as good as the data.

    Returns
    -------
    ndarray, shape (n,), float64
        In levels.
    """
    n, d = X.shape
    gaps = np.empty(n, lower.dtype)
    infinity = lower.dtype.type(np.inf)
    for group in prange((n + POINTS - 1) // POINTS):
        x = np.empty(d, lower.dtype)
        for i in range(group * POINTS, min(n, (group + 1) * POINTS)):
            for c in range(d):
                x[c] = X[i, c]
            best = infinity
            for t in range(lower.shape[0]):
                worst = -infinity
                for low in range(0, d, COLUMNS):
                    for c in range(low, min(d, low + COLUMNS)):
                        worst = max(worst, max(lower[t, c] - x[c], x[c] - upper[t, c]))
                    if worst >= best:  # this box cannot be the nearest any more
                        break
                best = min(best, worst)
            gaps[i] = best
    return gaps


@njit(cache=True)
def _byte_gap(x, least, largest, most):
    """ℓ∞ distance to a box of bytes, which makes the most lanes; some number above `most` if it is more."""
    widest = np.uint8(0)
    for low in range(0, x.shape[0], WIDE):
        here, floor, ceiling = x[low : low + WIDE], least[low : low + WIDE], largest[low : low + WIDE]
        worst = np.uint8(0)  # of this block only: a reduction that starts from nothing becomes vectors
        for c in range(here.shape[0]):
            below = np.uint8(floor[c] - here[c]) if floor[c] > here[c] else np.uint8(0)
            above = np.uint8(here[c] - ceiling[c]) if here[c] > ceiling[c] else np.uint8(0)
            worst = max(worst, max(below, above))
        if worst > most:
            return worst
        widest = max(widest, worst)
    return widest


@njit(cache=True)
def _gap_uint8(x, lower, upper, most, lanes):
    """Signed ℓ∞ distance to one box, or `most` if it is no less; `lanes` is room for COLUMNS numbers."""
    for low in range(0, x.shape[0], COLUMNS):
        here, least, largest = x[low : low + COLUMNS], lower[low : low + COLUMNS], upper[low : low + COLUMNS]
        far = np.int32(0)
        for c in range(here.shape[0]):  # a count and a maximum in each lane become vectors; one maximum would not
            level = np.float32(here[c])
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


@in_turn
@njit(parallel=True, cache=True)
def outside_uint8(X, lower, upper, least, largest):
    """Do the same for bytes, which alone are enough to give up nearly every box.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8
    lower, upper : ndarray, shape (T, d), float32
        No `lower` above 255 and no `upper` below 0; the others may be infinite. Of faces in 2^-12 levels
        this type makes each difference exact.
    least, largest : ndarray, shape (T, d), uint8
        `lower` rounded up and `upper` rounded down, cut off at 0 and 255.

    Returns
    -------
    ndarray, shape (n,), float32
        In levels.
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
            if rounded[t] == nearest:  # rounding adds less than a level to a gap above 0: others are farther
                best = _gap_uint8(X[i], lower[t], upper[t], best, lanes)
        gaps[i] = best
    return gaps
