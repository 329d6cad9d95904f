"""Products of centered points with several columns, their weighted sums, and their squared lengths.

Points are read as they are, bytes as bytes, once for every four columns, whose sums stay in registers. The middle is
subtracted from each number. Subtracted from the sums instead, it would cost most digits of a float32.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

ROWS = 128  # that a thread takes at a time, an even number
BLOCK = 256  # points summed in float32, which is exact for whole levels with weights up to 256


@helper(any_order=True)
def _multiply(x, middle, w):
    total = np.float32(0)
    for c in range(w.shape[0]):
        total += (np.float32(x[c]) - middle[c]) * w[c]
    return total


@helper(any_order=True)
def _multiply_tile(x, y, middle, p, q, r, s):
    """Multiply two points with four columns.

    Each number that is loaded is used more than once, and the eight sums fit in the registers of any processor.
    """
    xp = xq = xr = xs = yp = yq = yr = ys = np.float32(0)
    for c in range(middle.shape[0]):
        a = np.float32(x[c]) - middle[c]
        b = np.float32(y[c]) - middle[c]
        xp += a * p[c]
        xq += a * q[c]
        xr += a * r[c]
        xs += a * s[c]
        yp += b * p[c]
        yq += b * q[c]
        yr += b * r[c]
        ys += b * s[c]
    return xp, xq, xr, xs, yp, yq, yr, ys


@kernel
def products(X, middle, W):
    """Compute (X - middle) Wᵀ.

    X : (n, d) uint8, float32 or float64
    middle, W : (d,) and (m, d) float32
    Returns (n, m) float32.
    """
    n, m = X.shape[0], W.shape[0]
    products = np.empty((n, m), np.float32)
    for group in prange((n + ROWS - 1) // ROWS):
        low = group * ROWS
        high = min(n, low + ROWS)
        if m == 1:
            for i in range(low, high):
                products[i, 0] = _multiply(X[i], middle, W[0])
        else:
            for p in range(0, m, 4):  # where there are no more columns or points, the last one is repeated
                q, r, s = min(p + 1, m - 1), min(p + 2, m - 1), min(p + 3, m - 1)
                for i in range(low, high, 2):
                    j = min(i + 1, n - 1)
                    (
                        products[i, p], products[i, q], products[i, r], products[i, s],
                        products[j, p], products[j, q], products[j, r], products[j, s],
                    ) = _multiply_tile(X[i], X[j], middle, W[p], W[q], W[r], W[s])  # fmt: skip
    return products


@helper(any_order=True)
def _add(total, middle, x, y, z, u, p, q, r, s):
    """Add four weighted points to `total`.

    The sums are too many for the registers; with four points at a time they are loaded and stored a fourth as often.
    """
    for c in range(total.shape[0]):
        level = middle[c]
        first = (np.float32(x[c]) - level) * p + (np.float32(y[c]) - level) * q
        last = (np.float32(z[c]) - level) * r + (np.float32(u[c]) - level) * s
        total[c] += first + last


@kernel
def sums(X, middle, weights):
    """Compute weights (X - middle), in float32 over each BLOCK of points; these sums are added in order, in float64.

    X : (n, d) uint8, float32 or float64
    middle : (d,) float32
    weights : (m, n) float32; points of weight 0 are not read
    Returns (m, d) float64.
    """
    m, n = weights.shape
    n_blocks = (n + BLOCK - 1) // BLOCK
    parts = np.zeros((n_blocks, m, X.shape[1]), np.float32)
    for block in prange(n_blocks):
        rows, chosen = np.empty(BLOCK + 3, np.int64), np.empty(BLOCK + 3, np.float32)
        for k in range(m):
            count = 0
            for i in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
                if weights[k, i] != 0:
                    rows[count], chosen[count] = i, weights[k, i]
                    count += 1
            rows[count : count + 3], chosen[count : count + 3] = block * BLOCK, 0  # fills up the last four
            for i in range(0, count, 4):
                x, y, z, u = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
                p, q, r, s = chosen[i], chosen[i + 1], chosen[i + 2], chosen[i + 3]
                _add(parts[block, k], middle, X[x], X[y], X[z], X[u], p, q, r, s)
    sums = np.zeros((m, X.shape[1]))
    for block in range(n_blocks):
        for k in range(m):
            for c in range(X.shape[1]):
                sums[k, c] += parts[block, k, c]
    return sums


@helper(any_order=True)
def _square(x, middle):
    total = 0.0
    for c in range(x.shape[0]):
        difference = np.float64(np.float32(x[c]) - middle[c])
        total += difference * difference
    return total


@kernel
def squares(X, middle):
    """Compute the squared lengths of the rows of X - middle, summed in float64.

    X : (n, d) uint8, float32 or float64
    middle : (d,) float32
    Returns (n,) float64.
    """
    squares = np.empty(X.shape[0])
    for i in prange(X.shape[0]):
        squares[i] = _square(X[i], middle)
    return squares
