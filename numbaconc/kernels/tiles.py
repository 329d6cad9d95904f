"""Tiles: what is summed up over all pairs of rows of two blocks, of bytes in panels or of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.kernels import sums
from numbaconc.kernels.compiling import helper
from numbaconc.kernels.panels import LANES, SIDE, WORD, add_differences, add_products
from numbaconc.kernels.schedule import BLOCK

SPAN = 2048  # bytes of a row compared at a time, so that a block of them stays in the cache
MOST = np.iinfo(np.int32).max // 255  # columns of uint8 whose ℓ1 distances fit in int32


@helper
def add_bytes(panels, first, second, n, products, tile):
    """Add ℓ1 distances, or inner products, of rows of bytes to a tile, (BLOCK, BLOCK) int32; there are n rows in all."""
    words = panels.shape[1]
    for start in range(0, words, SPAN // WORD):
        stop = min(words, start + SPAN // WORD)
        for r in range(0, min(BLOCK, n - first), LANES):
            for c in range(0, min(BLOCK, n - second), SIDE):
                i, j = (first + r) // LANES, (second + c) // LANES
                if products:
                    add_products(panels, i, j, start, stop, tile, r, c)
                else:
                    add_differences(panels, i, j, start, stop, tile, r, c)


@helper
def add_numbers(X, first, second, squared, tile):
    """Add ℓ1 (or squared ℓ2) distances of rows of numbers to a tile, (BLOCK, BLOCK) float64."""
    n, d = X.shape
    span = min(sums.SPAN, (d + 7) // 8 * 8)
    x, y = np.zeros((BLOCK, span)), np.zeros((BLOCK, span))
    for start in range(0, d, span):
        _widen(X, first, start, x)
        _widen(X, second, start, y)
        for r in range(0, min(BLOCK, n - first), sums.SIDE):
            for c in range(0, min(BLOCK, n - second), sums.SIDE):
                if squared:
                    sums.add_l2(x, r, y, c, span, tile, r, c)
                else:
                    sums.add_l1(x, r, y, c, span, tile, r, c)


@helper
def _widen(X, first, start, block):
    """Copy rows from `first` on and columns from `start` on to float64, with zeros where there are no more columns."""
    width = min(block.shape[1], X.shape[1] - start)
    for r in range(min(block.shape[0], X.shape[0] - first)):
        for c in range(width):
            block[r, c] = X[first + r, start + c]
        for c in range(width, block.shape[1]):
            block[r, c] = 0


def varying(X: NDArray[Any]) -> NDArray[Any]:
    """Drop constant columns, which add nothing to a distance, but one."""
    some = X.min(axis=0) < X.max(axis=0)
    return X[:, some] if some.any() else X[:, :1]
