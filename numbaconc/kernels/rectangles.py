"""How far outside a union of boxes each point lies."""

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True)
def outside(X, lower, upper):  # type: ignore[no-untyped-def]
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
    for i in prange(n):
        best = np.inf
        for t in range(lower.shape[0]):
            worst = -np.inf
            for low in range(0, d, 64):  # a box that is already worse than the best one is left early
                for c in range(low, min(d, low + 64)):
                    worst = max(worst, max(lower[t, c] - X[i, c], X[i, c] - upper[t, c]))
                if worst >= best:
                    break
            best = min(best, worst)
        gaps[i] = best
    return gaps
