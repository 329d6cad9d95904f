"""Points of floats rounded to whole numbers that fit in 16 bits, with how far each has been moved by that.

Squared distances between such points are whole, and exact; they are sums of products of int16, many of which the
processor takes at once. The distance between two points is off by at most how far both have been moved.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import kernel


@kernel
def distances_from(X, middle):
    """Return the distance, (n,) float64, of each row of `X`, (n, d) floats, from `middle`, (d,) float64."""
    squares = np.zeros(X.shape[0])
    for i in prange(X.shape[0]):
        for c in range(X.shape[1]):
            offset = X[i, c] - middle[c]
            squares[i] += offset * offset
    return np.sqrt(squares)


@kernel
def round_rows(X, middle, scale, rounded):
    """Round (X - middle) · scale to whole numbers.

    X, middle : (n, d) floats, and (d,) float64
    rounded : (n, w) int16, at least as wide as `X`, written to; columns beyond those of `X` are 0
    Returns (n,) int32, the squared length of each rounded row, which has to be less than 2^31, and (n,) float64, how far
    from it the row was, in what it is rounded to.
    """
    n, d = X.shape
    norms, moved = np.zeros(n, np.int32), np.zeros(n)
    for i in prange(n):
        norm, error = np.int64(0), 0.0
        for c in range(d):
            place = (X[i, c] - middle[c]) * scale
            nearest = np.rint(place)
            rounded[i, c] = np.int16(nearest)
            norm += np.int64(nearest) * np.int64(nearest)
            error += (place - nearest) * (place - nearest)
        rounded[i, d:] = 0
        norms[i], moved[i] = norm, np.sqrt(error)
    return norms, moved
