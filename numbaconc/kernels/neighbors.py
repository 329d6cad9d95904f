"""Exact distance from each point to its k-th nearest neighbor, over blocks of distances.

Rows are cut into blocks. One tile holds all distances between two blocks and serves the rows of both. The pairs of
blocks follow a round-robin schedule: no block is in two pairs of a round, so that one thread alone changes the
neighbors of a row. Each row keeps its k least distances in a max-heap. Memory is O(n · k), and O(BLOCK²) per thread,
never n².
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from numbaconc.kernels.codes import codes_of
from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.filtering import filtered
from numbaconc.kernels.heaps import sift
from numbaconc.kernels.panels import as_panels
from numbaconc.kernels.schedule import BLOCK, rounds, rounds_outward
from numbaconc.kernels.tiles import MOST, add_bytes, add_numbers, varying

GLANCE = 16  # distances looked at together, since few are among the least
FEWEST = 2048  # rows for which codes are worth the while
FARTHEST = np.int32(np.iinfo(np.int32).max)


@helper
def _offer(tile, first, second, nearest):
    """Offer a tile of distances, from rows `first` and on to rows `second` and on, to the heaps of all these rows."""
    n = nearest.shape[0]
    columns = min(BLOCK, n - second)
    bounds = np.zeros(BLOCK, tile.dtype)
    for c in range(columns):
        bounds[c] = nearest[second + c, 0]
    for r in range(min(BLOCK, n - first)):
        i = first + r
        heap = nearest[i]
        for glance in range(0, columns, GLANCE):
            bound, near = heap[0], False
            for c in range(glance, glance + GLANCE):
                near |= tile[r, c] < max(bound, bounds[c])
            if near:
                for c in range(glance, min(glance + GLANCE, columns)):
                    j, distance = second + c, tile[r, c]
                    if i < j:
                        if distance < heap[0]:
                            sift(heap, distance)
                        if distance < nearest[j, 0]:
                            sift(nearest[j], distance)
                            bounds[c] = nearest[j, 0]


@kernel
def _compare_l1_uint8(panels, pairs, nearest):
    """Offer the ℓ1 distances between pairs of blocks of rows of bytes, in panels, to the heaps `nearest`, shape (n, k)."""
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK), nearest.dtype)
        add_bytes(panels, first, second, nearest.shape[0], False, tile)
        _offer(tile, first, second, nearest)


@kernel
def _compare(X, squared, pairs, nearest):
    """Offer the ℓ1 (or squared ℓ2) distances between pairs of blocks of rows to the heaps `nearest`, in float64."""
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK))
        add_numbers(X, first, second, squared, tile)
        _offer(tile, first, second, nearest)


def _silently(rows: int) -> None:
    pass


def kth_distance(
    X: NDArray[Any], k: int, include_self: bool, squared: bool, advance: Callable[[int], object] = _silently
) -> NDArray[np.float64]:
    """Find the k-th least ℓ1 (or squared ℓ2) distance from each row to all rows.

    X : (n, d) uint8, float32 or float64
    k : rank, counted from 1
    include_self : whether a point is its own first neighbor
    squared : whether to sum squares instead of absolute differences
    advance : called after each round with how many rows' worth of work it was
    Returns (n,) float64, in levels (or squared levels). Sums are taken in float64: exact for uint8.
    """
    if k == 1 and include_self:  # a point is its own first neighbor, at distance 0
        return np.zeros(len(X))
    return nearest_and_share(X, k - include_self, squared, advance=advance)[0][:, 0].astype(np.float64)


def nearest_distances(
    X: NDArray[Any],
    k: int,
    squared: bool,
    split: int | None = None,
    advance: Callable[[int], object] = _silently,
    bounds: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Find the k least ℓ1 (or squared ℓ2) distances from each row to other rows.

    X, squared, advance : as for `kth_distance`
    k : how many; a row is none of its own neighbors
    split : a multiple of BLOCK; only distances between the first so many rows and the others are looked at. None for all.
    bounds : (n,) float64, of each row; distances that are not less are not looked for, and stand for what is not found
    Returns (n, k) float64, in levels (or squared levels), in no order; inf where there are fewer.
    """
    nearest = nearest_and_share(X, k, squared, split, advance, bounds)[0]
    return nearest if nearest.dtype == np.float64 else np.where(nearest == FARTHEST, np.inf, nearest)


def nearest_and_share(
    X: NDArray[Any],
    k: int,
    squared: bool,
    split: int | None = None,
    advance: Callable[[int], object] = _silently,
    bounds: NDArray[np.float64] | None = None,
) -> tuple[NDArray[Any], float]:
    """Return a max-heap of the k least distances for each row, shape (n, k), and the share of pairs summed up in float64.

    The arguments are those of `nearest_distances`.
    """
    n = len(X)
    n_blocks = -(-n // BLOCK)
    outward = rounds_outward(n_blocks, None if split is None else split // BLOCK)
    nearest, share = np.full((n, k), np.inf), 1.0
    if bounds is not None:
        nearest[:] = bounds[:, np.newaxis]
    if X.dtype == np.uint8 and not squared and X.shape[1] <= MOST:
        nearest, share = np.minimum(nearest, FARTHEST).astype(FARTHEST.dtype), 0.0
        compare = partial(_compare_l1_uint8, as_panels(varying(X), BLOCK))
    else:
        compare = partial(_compare, X, squared)
        codes = codes_of(X, k, squared, split) if n >= FEWEST else None
        if codes is not None:
            return filtered(X, nearest, squared, codes, outward, advance)
    turns = rounds(n_blocks) if split is None else outward
    for number, pairs in enumerate(turns):
        compare(pairs, nearest)
        advance(n * (number + 1) // len(turns) - n * number // len(turns))
    return nearest, share
