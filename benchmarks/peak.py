"""The most that this machine can do: the kernels' own instructions on rows that stay in the first-level cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange

from common import seconds_of
from numbaconc.kernels import panels
from numbaconc.kernels.threads import using_threads

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 200_000
APART = 128  # columns between what two threads write
SPAN = 1024  # bytes of a row: the rows of two panels and more stay in the cache


def _again_and_again(add: Callable[..., None]) -> Callable[..., None]:
    @njit(parallel=True)
    def repeat(rows, tiles, rounds):
        for thread in prange(tiles.shape[0]):
            for _ in range(rounds):
                add(rows, 0, 1, 0, rows.shape[1], tiles[thread], 0, 0)

    return repeat


_add_differences, _add_products = (_again_and_again(add) for add in (panels.add_differences, panels.add_products))


def l1(threads: int, rounds: int = ROUNDS) -> float:
    """Absolute differences of bytes added up in a second, on so many threads; the best of five."""
    return _rate(_add_differences, np.uint8, threads, rounds)


def products(threads: int, rounds: int = ROUNDS) -> float:
    """Products of codes (`panels.PART`) added up in a second, on so many threads; the best of five."""
    return _rate(_add_products, panels.PART, threads, rounds)


def _rate(add: Callable[..., None], kind: Any, threads: int, rounds: int) -> float:
    height, width = panels.LANES + panels.SIDE, SPAN // np.dtype(kind).itemsize
    rows = panels.as_panels(np.random.default_rng(0).integers(0, 256, (height, width), kind), height)
    tiles = np.zeros((threads, panels.LANES, APART), np.int32)
    with using_threads(threads):
        add(rows, tiles, 1)
        least = min(seconds_of(lambda: add(rows, tiles, rounds))[0] for _ in range(5))
    return threads * rounds * panels.LANES * panels.SIDE * width / least
