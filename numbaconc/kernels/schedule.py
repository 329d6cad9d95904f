"""The order in which blocks of rows meet: all pairs, in rounds in each of which no block is in two of them.

So one thread alone changes what is known of a row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 128  # rows in a block


def rounds(n_blocks: int) -> list[NDArray[np.int64]]:
    """Return all pairs of blocks, shape (pairs, 2) each round.

    In round 0 each block is compared with itself. Rounds 1 and on are a round-robin schedule: the last block stays and
    the others rotate. Of an odd number of blocks one has no opponent.
    """
    turns = [np.stack([np.arange(n_blocks)] * 2, axis=1)]
    rotating = n_blocks + n_blocks % 2 - 1
    step = np.arange(rotating // 2 + 1)
    for turn in range(rotating if n_blocks > 1 else 0):
        pairs = np.stack([(turn - step) % rotating, (turn + step) % rotating], axis=1)
        pairs[0, 1] = rotating
        pairs.sort(axis=1)
        turns.append(pairs[pairs[:, 1] < n_blocks])
    return turns


def rounds_outward(n_blocks: int, n_first: int | None = None) -> list[NDArray[np.int64]]:
    """Return all pairs of blocks, or those of one of the first with one of the others, so that each meets the lowest first.

    In a round the places of two blocks have the same sum; the pairs are mixed, since the lowest have more to do. There
    are twice as many rounds as in the others.
    """
    n_left, n_right = (n_blocks, n_blocks) if n_first is None else (n_first, n_blocks - n_first)
    turns = []
    for total in range(n_left + n_right - 1):
        left = np.arange(max(0, total - n_right + 1), min(total, n_left - 1) + 1)
        pairs = np.stack([left, total - left + (n_first or 0)], axis=1)
        turns.append(np.random.default_rng(total).permutation(pairs[left <= pairs[:, 1]]))
    return turns
