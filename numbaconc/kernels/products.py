"""Products of centered points with several columns, their weighted sums, and their squared lengths.

Points are read as they are, bytes as bytes, and once for a few columns; the sums stay in registers. The middle
is taken off number by number: taken off at the end, most digits of a float32 would go with it.
"""

import numpy as np
from numba import njit, prange

from numbaconc.kernels.threads import in_turn

ROWS = 128  # that a thread takes at a time, an even number
BLOCK = 256  # rows summed in float32, in which whole levels with weights up to 256 are exact


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _multiply(x, middle, w):
    total = np.float32(0)
    for c in range(w.shape[0]):
        total += (np.float32(x[c]) - middle[c]) * w[c]
    return total


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _multiply_tile(x, y, middle, p, q, r, s):
    """Two points by four columns: a number loaded is used more than once, and eight sums fit any processor."""
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


@in_turn
@njit(parallel=True, cache=True)
def products(X, middle, W):
    """(X - middle) Wᵀ, in float32.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    middle : ndarray, shape (d,), float32
    W : ndarray, shape (m, d), float32

    Returns
    -------
    ndarray, shape (n, m), float32
    """
    n, m = X.shape[0], W.shape[0]
    found = np.empty((n, m), np.float32)
    for group in prange((n + ROWS - 1) // ROWS):
        low = group * ROWS
        high = min(n, low + ROWS)
        if m == 1:
            for i in range(low, high):
                found[i, 0] = _multiply(X[i], middle, W[0])
        else:
            for p in range(0, m, 4):  # the last column again where there are no more, and the last point
                q, r, s = min(p + 1, m - 1), min(p + 2, m - 1), min(p + 3, m - 1)
                for i in range(low, high, 2):
                    j = min(i + 1, n - 1)
                    (
                        found[i, p], found[i, q], found[i, r], found[i, s],
                        found[j, p], found[j, q], found[j, r], found[j, s],
                    ) = _multiply_tile(X[i], X[j], middle, W[p], W[q], W[r], W[s])  # fmt: skip
    return found


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _add(total, middle, x, y, z, u, p, q, r, s):
    """Four points at a time: the sums, too many for the registers, are loaded and stored a fourth as often."""
    for c in range(total.shape[0]):
        level = middle[c]
        first = (np.float32(x[c]) - level) * p + (np.float32(y[c]) - level) * q
        last = (np.float32(z[c]) - level) * r + (np.float32(u[c]) - level) * s
        total[c] += first + last


@in_turn
@njit(parallel=True, cache=True)
def sums(X, middle, weights):
    """Sum up weighted points, weights (X - middle), in float32 over BLOCK points; the blocks are added in order.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    middle : ndarray, shape (d,), float32
    weights : ndarray, shape (m, n), float32
        Where a weight is 0 the point is not read.

    Returns
    -------
    ndarray, shape (m, d), float64
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
            rows[count : count + 3], chosen[count : count + 3] = block * BLOCK, 0  # to fill up the last four
            for i in range(0, count, 4):
                x, y, z, u = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
                p, q, r, s = chosen[i], chosen[i + 1], chosen[i + 2], chosen[i + 3]
                _add(parts[block, k], middle, X[x], X[y], X[z], X[u], p, q, r, s)
    found = np.zeros((m, X.shape[1]))
    for block in range(n_blocks):
        for k in range(m):
            for c in range(X.shape[1]):
                found[k, c] += parts[block, k, c]
    return found


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _square(x, middle):
    total = 0.0
    for c in range(x.shape[0]):
        difference = np.float64(np.float32(x[c]) - middle[c])
        total += difference * difference
    return total


@in_turn
@njit(parallel=True, cache=True)
def squares(X, middle):
    """Squared lengths of the rows of X - middle, summed in float64.

    Parameters
    ----------
    X : ndarray, shape (n, d), uint8 or float32
    middle : ndarray, shape (d,), float32

    Returns
    -------
    ndarray, shape (n,), float64
    """
    found = np.empty(X.shape[0])
    for i in prange(X.shape[0]):
        found[i] = _square(X[i], middle)
    return found
