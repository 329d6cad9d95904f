"""How far outside a union of boxes each point lies."""

import numpy as np
from numba import njit, prange

from numbaconc.kernels.threads import in_turn

POINTS = 64  # points that a thread takes at a time
COLUMNS = 64  # coordinates looked at before a box is given up


@in_turn
@njit(parallel=True, cache=True)
def outside(X, lower, upper):
    """Signed ℓ∞ distance from each point to a union of boxes.

    min over boxes t of max over coordinates j of max(lower[t, j] - x[j], x[j] - upper[t, j])
    (METHOD: one number per point answers every ε). Above 0 outside all boxes; inside one it is minus
    the depth.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    lower, upper : ndarray, shape (T, d), float32 for uint8 data, float64 for float32 data
        May be infinite. These types make each difference exact, or as good as the data.

    Returns
    -------
    ndarray, shape (n,), dtype of `lower`
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
