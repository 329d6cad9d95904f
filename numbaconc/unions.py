"""The least union of the neighborhoods of any x of n points: from below by proofs, from above by examples.

A union of N points leaves n - N that are far from all of the x. docs/lower.md has the proofs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from numbaconc.kernels.apart import BITS, probe, take_out

Words = NDArray[np.uint64]
Whole = NDArray[np.int64]

SEEDS = 4  # points that greedy unions begin with
ALONE = 1_500  # points of a sample, at most, that are supposed to be in a set each by itself; of larger ones, in groups
WORTHWHILE = 0.01  # part of the points that a round of suppositions takes out, or it is the last one
PARTS = 500  # of a sample, one of which two unions need not be told apart by
BLOCK = 1024  # rows that are unpacked at a time
STEPS = 8  # towards the principal axis of some points


def by_counts(counts: Whole) -> Whole:
    """Return for each x = 0..n the x-th smallest number of points within ε: one of any x points has at least so many."""
    least: Whole = np.maximum(np.concatenate([[0], np.sort(counts)]), np.arange(len(counts) + 1))
    return least


def greedy(graph: csr_array, most: int) -> Whole:
    """Return for each x = 0..most the size of a union that some x points have, found greedily.

    `graph` has all pairs within ε, without the diagonal. The union grows by the point that adds the fewest, and points that
    add none come along.
    """
    found = np.full(most + 1, graph.shape[0], np.int64)
    found[0] = 0
    order = np.argsort(np.diff(graph.indptr), kind="stable")
    for seed in {int(order[place]) for place in np.linspace(0, most - 1, SEEDS).astype(int)}:
        covered = np.zeros(graph.shape[0], np.bool_)
        adding = np.diff(graph.indptr).astype(np.int64) + 1  # points that each would add
        x, point = 0, seed
        while x < most:
            near = np.append(graph.indices[graph.indptr[point] : graph.indptr[point + 1]], point)
            fresh = near[~covered[near]]
            covered[fresh] = True
            adding -= np.bincount(np.append(graph[fresh].indices, fresh), minlength=len(adding))
            before, x = x, min(most, int(np.count_nonzero(adding == 0)))
            found[before + 1 : x + 1] = np.minimum(found[before + 1 : x + 1], int(np.count_nonzero(covered)))
            point = int(np.where(adding > 0, adding, len(adding) + 1).argmin())
    return np.minimum.accumulate(found[::-1])[::-1]


class Apart:
    """What may be in two sets of points, each of one farther than ε from each of the other.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (n, n)
        All pairs within ε, without the diagonal.
    X : ndarray, shape (n, d)
        The points: neighbors of each other come into one word, which makes work less and bounds sharper, never wrong.
    """

    def __init__(self, graph: csr_array, X: NDArray[np.uint8] | NDArray[np.floating]) -> None:
        n, order = len(X), halved(X)
        within = graph[order][:, order]
        self.far = np.concatenate([_words(~_filled(within, i)) for i in range(0, n, BLOCK)])
        self.all = _words(np.ones((1, n), np.bool_))[0]
        self.n = n
        self.finest = min(BITS, 1 << (2 * math.ceil(math.log2(max(1, n / ALONE)))))

    def at_least(self, x: int, low: int, high: int) -> int:
        """Return what the union of any x points has at least; `low` is known to be such a bound, and `high` to be reached."""
        while high - low >= max(1, self.n // PARTS):
            middle = (low + high) // 2
            if self.possible(x, self.n - middle):
                high = middle
            else:
                low = middle + 1
        return low

    def possible(self, x: int, z: int) -> bool:
        """Return False only if no x points are far from z points."""
        these, those = self.all.copy(), self.all.copy()
        there = self._pruned(these, those, x, z)
        left, before = _size(these) + _size(those), math.inf
        while there and before - left > WORTHWHILE * left:
            before = left
            these = probe(self.far, these, those, x, z, self.finest)
            there = self._pruned(these, those, x, z)
            if there:
                those = probe(self.far, those, these, z, x, self.finest)
                there = self._pruned(these, those, x, z)
            left = _size(these) + _size(those)
        return there

    def _pruned(self, these: Words, those: Words, x: int, z: int) -> bool:
        """Take out of both what cannot be in sets of x and of z points; return whether enough are left."""
        left = -1
        while left != (left := _size(these) + _size(those)):
            take_out(self.far, these, those, z)
            take_out(self.far, those, these, x)
        return _size(these) >= x and _size(those) >= z


def halved(X: NDArray[np.uint8] | NDArray[np.floating]) -> Whole:
    """Return an order of points by halves: across the principal axis of all of them, then of each half, and so on."""
    parts, done = [np.arange(len(X))], []
    while parts:
        part = parts.pop()
        n = len(part)
        if n <= 2:
            done.append(part)
            continue
        half = BITS * -(-n // (2 * BITS)) if n > BITS else 1 << (n - 1).bit_length() - 1
        here = X[part].astype(np.float64)
        here -= here.mean(axis=0)
        axis = here[np.abs(here).sum(axis=1).argmax()]
        for _ in range(STEPS):
            axis = (here @ axis) @ here
            axis /= np.linalg.norm(axis) or 1.0
        ordered = part[np.argsort(here @ axis, kind="stable")]
        parts += [ordered[half:], ordered[:half]]
    return np.concatenate(done)


def _filled(within: csr_array, first: int) -> NDArray[np.bool_]:
    """Return some rows of a graph, with the diagonal."""
    rows: NDArray[np.bool_] = within[first : first + BLOCK].toarray().astype(np.bool_)
    rows[np.arange(len(rows)), first + np.arange(len(rows))] = True
    return rows


def _words(rows: NDArray[np.bool_]) -> Words:
    """Pack rows into words of 64 points."""
    packed = np.packbits(rows, axis=1, bitorder="little")
    filled = np.zeros((len(rows), -(-rows.shape[1] // BITS) * BITS // 8), np.uint8)
    filled[:, : packed.shape[1]] = packed
    return filled.view("<u8").astype(np.uint64)


def _size(words: Words) -> int:
    return int(np.bitwise_count(words).sum())
