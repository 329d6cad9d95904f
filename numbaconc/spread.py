"""Nearest neighbors where an executor's workers find them: each compares two blocks of rows, this process merges.

Of every row the k least distances so far are held, and those of a block are kept in a file, with the names of the
blocks that they are from, whenever that block has been compared with one more. Such a file is whole by itself: of two
that were written for one pair of blocks, either may be missing, and what it lacks is found again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.files import read_npz, replacing
from numbaconc.errors import InputError, warn
from numbaconc.executors import Executor, completed, dask_client, opened, slots
from numbaconc.how import bar
from numbaconc.kernels.neighbors import nearest_distances
from numbaconc.kernels.schedule import BLOCK
from numbaconc.kernels.threads import using_threads

PER_SLOT = 8  # squares of blocks that each slot gets: two of a pair of blocks, one of a block with itself
MOST_ROWS = 1 << 16  # of a block: minutes of work for a pair of them, far longer than sending it takes
MOST_BYTES = 1 << 30  # of a block: a slot holds two, and copies of them
AHEAD = 2  # tasks for each slot that are handed over: one that runs, one that is on its way


def kth_of_others(
    X: NDArray[Any],
    k: int,
    *,
    squared: bool,
    executor: Executor | int,
    folder: Path | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Find the k-th least ℓ1 (or squared ℓ2) distance from each row to other rows.

    Parameters
    ----------
    X : ndarray, shape (n, d), dtype uint8, float32 or float64
    k : int
        Rank among the other rows, from 1 to n - 1.
    squared : bool
        Whether to sum squares instead of absolute differences.
    executor : concurrent.futures.Executor or int
        Or a number of processes. Kernels run on one thread in each of its slots.
    folder : Path, optional
        Where what is finished is kept. The caller removes it once it has the answer.
    progress : bool

    Returns
    -------
    ndarray, shape (n,), float64
        In levels (or squared levels), the same bits as of one machine.

    Raises
    ------
    InputError
        If the executor is none, or fails.
    """
    with opened(executor) as pool, bar(what="neighbor radii", shown=progress, total=len(X)) as shown:
        so_far = _SoFar(len(X), k, _height(X, slots(pool)), folder)
        total = math.comb(len(X) + 1, 2)
        left = so_far.missing()
        done = total - sum(map(so_far.cost, left))
        shown.update(len(X) * done // total)
        tasks = _tasks(X, so_far, left, pool, squared)
        kept = "" if folder is None else "finished blocks are kept, and the same call goes on from there"
        for a, b, nearest in completed(pool, _compare, tasks, kept, AHEAD):
            so_far.add(a, b, nearest)
            done += so_far.cost((a, b))
            shown.update(len(X) * done // total - shown.n)
    radii: NDArray[np.float64] = so_far.nearest.max(axis=1)
    return radii


def _height(X: NDArray[Any], n_slots: int) -> int:
    """Return how many rows a block has: whole blocks of the kernel, for enough tasks to keep every slot busy."""
    fewest = math.isqrt(PER_SLOT * n_slots - 1) + 1  # blocks, whose pairs are that many squares
    most = min(MOST_ROWS, MOST_BYTES // max(1, X.shape[1] * X.itemsize), -(-len(X) // fewest))
    height: int = max(1, -(-most // BLOCK)) * BLOCK
    return height


def _tasks(
    X: NDArray[Any],
    so_far: _SoFar,
    pairs: list[tuple[int, int]],
    executor: Executor,
    squared: bool,  # noqa: FBT001
) -> Iterator[tuple[Any, ...]]:
    """Yield what `_compare` takes for each pair of blocks. Dask is given a block once, others with every task."""
    client = dask_client(executor)
    sent: dict[int, Any] = {}

    def rows(a: int) -> Any:  # noqa: ANN401
        block = np.asarray(X[so_far.rows(a)])
        if client is None:
            return block
        if a not in sent:
            sent[a] = client.scatter(block, hash=False)
        return sent[a]

    for a, b in pairs:
        known = np.concatenate([so_far.nearest[so_far.rows(c)].max(axis=1) for c in sorted({a, b})])
        yield a, b, rows(a), rows(b) if a < b else None, so_far.nearest.shape[1], squared, known


def _compare(
    a: int,
    b: int,
    first: NDArray[Any],
    second: NDArray[Any] | None,
    k: int,
    squared: bool,  # noqa: FBT001
    known: NDArray[np.float64],
) -> tuple[int, int, NDArray[np.float64]]:
    """Find, for the rows of two blocks, the k least distances to rows of the other; within one block, to each other.

    Those that are not less than what is `known` of a row, (rows,), are not looked for: that stands for them.
    Returns the numbers of the blocks as well, shape (rows, k) float64.
    """
    rows, split = (first.copy(), None) if second is None else (np.concatenate([first, second]), len(first))
    with using_threads(1):  # the slots of the executor are what runs side by side
        return a, b, nearest_distances(rows, k, squared, split, bounds=known)


class _SoFar:
    """The k least distances of every row so far, which blocks they are from, and the files that keep them."""

    def __init__(self, n: int, k: int, height: int, folder: Path | None) -> None:
        self.nearest = np.full((n, k), np.inf)
        self.height, self.folder = height, folder
        n_blocks = -(-n // height)
        self.seen = np.zeros((n_blocks, n_blocks), bool)  # of [a, b]: rows of a have been compared with those of b
        for a in range(n_blocks):
            if (kept := self._read(a)) is not None:
                self.nearest[self.rows(a)], self.seen[a] = kept

    def rows(self, a: int) -> slice:
        """Return the rows of a block."""
        return slice(a * self.height, min((a + 1) * self.height, len(self.nearest)))

    def cost(self, pair: tuple[int, int]) -> int:
        """Return how many pairs of rows a pair of blocks has."""
        first, second = (rows.stop - rows.start for rows in map(self.rows, pair))
        return math.comb(first + 1, 2) if pair[0] == pair[1] else first * second

    def missing(self) -> list[tuple[int, int]]:
        """Return the pairs of blocks that are to be compared, the most work first."""
        pairs = [(int(a), int(b)) for a, b in np.argwhere(~(self.seen & self.seen.T)) if a <= b]
        return sorted(pairs, key=self.cost, reverse=True)

    def add(self, a: int, b: int, nearest: NDArray[np.float64]) -> None:
        """Take in the distances between two blocks, shape (rows of both, k), or within one."""
        height = self.rows(a).stop - self.rows(a).start
        for one, other, part in ((a, b, nearest[:height]), (b, a, nearest[height:])):
            if not self.seen[one, other]:
                k, rows = nearest.shape[1], self.rows(one)
                both = np.concatenate([self.nearest[rows], part], axis=1)
                self.nearest[rows] = np.partition(both, k - 1, axis=1)[:, :k]
                self.seen[one, other] = True
                self._keep(one)

    def _file(self, folder: Path, a: int) -> Path:
        return folder / f"{self.height}-{a}.npz"

    def _keep(self, a: int) -> None:
        if self.folder is None:
            return
        try:
            with replacing(self._file(self.folder, a), keep=False) as part:
                np.savez(part, nearest=self.nearest[self.rows(a)], seen=self.seen[a])
        except InputError as error:  # the work goes on, only not from here the next time
            warn(f"finished blocks are not kept: {error}")
            self.folder = None

    def _read(self, a: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
        """Return what is kept of a block; None for a file that cannot be of these blocks."""
        kept = {} if self.folder is None else read_npz(self._file(self.folder, a)) or {}
        nearest, seen = kept.get("nearest"), kept.get("seen")
        if nearest is None or nearest.shape != self.nearest[self.rows(a)].shape or nearest.dtype != np.float64:
            return None
        if seen is None or seen.shape != self.seen[a].shape or seen.dtype != bool:
            return None
        others = sum(self.rows(b).stop - self.rows(b).start for b in np.flatnonzero(seen).tolist()) - int(seen[a])
        finite = np.isfinite(nearest).sum(axis=1) == min(nearest.shape[1], others)
        return (nearest, seen) if (nearest >= 0).all() and finite.all() else None
