"""The most that this machine can do: the kernels' own instructions on rows that stay in the first-level cache."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from common import seconds_of
from numbaconc.kernels import panels
from numbaconc.kernels.threads import using_threads

ROUNDS = 200_000
APART = 128  # columns between what two threads write
SPAN = 1024  # bytes of a row: the rows of two panels and more stay in the cache
_add = panels.add_differences


@njit(parallel=True)
def _add_again_and_again(rows, tiles, rounds):
    for thread in prange(tiles.shape[0]):
        for _ in range(rounds):
            _add(rows, 0, 1, 0, rows.shape[1], tiles[thread], 0, 0)


def l1(threads: int, rounds: int = ROUNDS) -> float:
    """Absolute differences of bytes added up in a second, on so many threads; the best of five."""
    height = panels.LANES + panels.SIDE
    rows = panels.as_panels(np.random.default_rng(0).integers(0, 256, (height, SPAN), np.uint8), height)
    tiles = np.zeros((threads, panels.LANES, APART), np.int32)
    with using_threads(threads):
        _add_again_and_again(rows, tiles, 1)
        least = min(seconds_of(lambda: _add_again_and_again(rows, tiles, rounds))[0] for _ in range(5))
    return threads * rounds * panels.LANES * panels.SIDE * SPAN / least
