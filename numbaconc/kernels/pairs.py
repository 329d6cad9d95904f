"""Pairs of rows, of different labels where there are labels: the nearest one of each row, and those within a radius.

Blocks of rows meet as in `kernels.neighbors`, and a tile holds what is known of all distances between two blocks: in ℓ1
and ℓ2 all of them. In ℓ∞ it is the largest difference among those columns that tell most, until nearly all pairs differ by more in one of them
than either row looks for. Only the few pairs that are left are compared in the other columns, one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray
from scipy.linalg import qr
from threadpoolctl import threadpool_limits

from numbaconc.kernels.codes import WIDEST, norms_of, spread_evenly
from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.panels import SHIFT, as_panels
from numbaconc.kernels.processor import BYTE_PRODUCTS
from numbaconc.kernels.schedule import BLOCK, rounds, rounds_outward
from numbaconc.kernels.tiles import MOST, add_bytes, add_numbers, varying

GLANCE = 16  # distances looked at together, since few are near
FIRST = 256  # columns that all pairs of a tile may be compared in, for ℓ∞
SPAN = 32  # of them, compared before those that are still near are counted
TOGETHER = 4  # of them, compared at once
FEW = BLOCK * BLOCK // 32  # pairs that are better looked at one by one
STRIDE = 128  # columns that a pair is compared in before it is looked at again
SOME = 256  # rows that tell which columns come first
CANDIDATES = 4096  # columns of which they tell
NEAREST, COUNT, LIST = range(3)  # what is wanted of pairs


class Wanted(NamedTuple):
    """What is looked for among the pairs of n rows with different labels, and what has been found."""

    what: int  # NEAREST, COUNT or LIST
    labels: NDArray[np.int64]  # (n,)
    names: NDArray[np.int64]  # (n,), what each row is called: of two that are equally near the lower one is the nearest
    bounds: NDArray[Any]  # (n,), as the tiles: pairs that are farther apart than both of their rows' are none
    found: NDArray[np.int64]  # (n,): the name of the nearest; how many there are; or the place in `listed` for the next
    listed: NDArray[np.int32]  # names, row after row


@helper
def _offer(distance, i, j, wanted):
    """Take note of a pair, for row i only."""
    what, _, names, bounds, found, listed = wanted
    if what == NEAREST:
        if distance < bounds[i] or (distance == bounds[i] and names[j] < found[i]):
            bounds[i], found[i] = distance, names[j]
    elif distance <= bounds[i]:
        if what == LIST:
            listed[found[i]] = names[j]
        found[i] += 1


@helper
def _limits(first, other, wanted, tile):
    """Return how far apart rows of a block may be from those of another to be noted: (BLOCK,), as the tile; 0 beyond the rows.

    Where the nearest row so far is called lower than all of these, equal distances are of no use; if they are whole,
    they have to be less by one. Many bytes are equally far apart in ℓ∞.
    """
    what, _, names, bounds, found, _ = wanted
    number, n = tile.dtype.type, bounds.shape[0]
    limits = np.zeros(BLOCK, tile.dtype)
    whole = what == NEAREST and number(0.5) == 0
    lowest = names[other : min(other + BLOCK, n)].min()
    for r in range(min(BLOCK, n - first)):
        bound = bounds[first + r]
        limits[r] = number(bound - 1) if whole and bound > 0 and found[first + r] <= lowest else bound
    return limits


@helper
def _settle(tile, first, second, limits, rest, start, wanted):
    """Take note of all pairs of a tile that are near.

    limits : of the rows of both blocks
    rest, start : rows, (n, d), whose columns from `start` on are not in the tile yet, of which the largest difference
        counts; none if d is 0
    """
    what, labels, _, bounds, _, _ = wanted
    left, right = limits
    n = labels.shape[0]
    columns = min(BLOCK, n - second)
    for r in range(min(BLOCK, n - first)):
        i = first + r
        for glance in range(0, columns, GLANCE):
            limit, near = left[r], False
            for c in range(glance, glance + GLANCE):
                near |= tile[r, c] <= max(limit, right[c])
            if near:
                for c in range(glance, min(glance + GLANCE, columns)):
                    j, distance, limit = second + c, tile[r, c], max(left[r], right[c])
                    if i < j and labels[i] != labels[j] and distance <= limit:
                        if rest.shape[1] > 0:
                            if _are_beyond(rest[i], rest[j], start, limit, tile):
                                continue
                            if what == NEAREST:
                                distance = max(distance, _largest(rest[i], rest[j], start, tile))
                        _offer(distance, i, j, wanted)
                        _offer(distance, j, i, wanted)
                        left[r], right[c] = bounds[i], bounds[j]


# The largest difference of two rows


@helper
def _apart(a, b, kind):
    """Return |a - b| in the type of the array `kind`, in which it is exact for bytes."""
    number = kind.dtype.type
    return number(number(max(a, b)) - number(min(a, b)))


@helper
def _is_any_beyond(x, y, limit, kind):
    beyond = False
    for c in range(x.shape[0]):
        beyond |= _apart(x[c], y[c], kind) > limit
    return beyond


@helper
def _are_beyond(x, y, start, limit, kind):
    """Whether two rows differ by more than a limit in a column from `start` on; those that vary most come first."""
    beyond, c = False, start
    while c < x.shape[0] and not beyond:
        beyond = _is_any_beyond(x[c : c + STRIDE], y[c : c + STRIDE], limit, kind)
        c += STRIDE
    return beyond


@helper
def _largest(x, y, start, kind):
    largest = kind.dtype.type(0)
    for c in range(start, x.shape[0]):
        largest = max(largest, _apart(x[c], y[c], kind))
    return largest


@helper
def _compare_columns(columns, first, second, start, tile):
    """Raise a tile to the largest difference among the SPAN columns from `start` on; `columns` as of `_columns`."""
    x, y = columns[first // BLOCK], columns[second // BLOCK]
    for r in range(BLOCK):
        line = tile[r]
        for s in range(start, start + SPAN, TOGETHER):
            a, b, c, d = x[s, r], x[s + 1, r], x[s + 2, r], x[s + 3, r]
            p, q, u, v = y[s], y[s + 1], y[s + 2], y[s + 3]
            for k in range(BLOCK):
                left = max(_apart(a, p[k], tile), _apart(b, q[k], tile))
                right = max(_apart(c, u[k], tile), _apart(d, v[k], tile))
                line[k] = max(line[k], max(left, right))


@helper
def _n_near(tile, limits):
    """Count the pairs of a tile that are near so far, those with no row among them."""
    left, right = limits
    total = 0
    for r in range(BLOCK):
        limit = left[r]
        for c in range(BLOCK):
            total += tile[r, c] <= max(limit, right[c])
    return total


# Tiles of each norm


@kernel
def _compare_bytes(panels, left, right, products, pairs, wanted):
    """Settle pairs of blocks of rows of bytes in panels, in ℓ1, or in squared ℓ2 from inner products and these norms."""
    n = wanted[1].shape[0]
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK), np.int32)
        add_bytes(panels, first, second, n, products, tile)
        if products:
            for r in range(min(BLOCK, n - first)):
                for c in range(min(BLOCK, n - second)):
                    tile[r, c] = left[first + r] + right[second + c] - 2 * tile[r, c]
        limits = _limits(first, second, wanted, tile), _limits(second, first, wanted, tile)
        _settle(tile, first, second, limits, np.empty((0, 0), np.uint8), 0, wanted)


@kernel
def _compare_numbers(X, squared, pairs, wanted):
    """Settle pairs of blocks of rows of numbers, in ℓ1 or squared ℓ2."""
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK))
        add_numbers(X, first, second, squared, tile)
        limits = _limits(first, second, wanted, tile), _limits(second, first, wanted, tile)
        _settle(tile, first, second, limits, np.empty((0, 0), np.uint8), 0, wanted)


@kernel
def _compare_largest(columns, X, pairs, wanted):
    """Settle pairs of blocks of rows in ℓ∞, from the columns that come first, as of `_columns`, and whole rows."""
    for p in prange(pairs.shape[0]):
        first, second = pairs[p, 0] * BLOCK, pairs[p, 1] * BLOCK
        tile = np.zeros((BLOCK, BLOCK), wanted[3].dtype)
        limits = _limits(first, second, wanted, tile), _limits(second, first, wanted, tile)
        done = 0
        while done < columns.shape[1]:
            _compare_columns(columns, first, second, done, tile)
            done += SPAN
            if _n_near(tile, limits) < FEW:
                break
        _settle(tile, first, second, limits, X, done, wanted)


class _Rows(NamedTuple):
    """Rows in the form that a kernel takes, and what their distances are."""

    compare: Callable[[NDArray[np.int64], Wanted], None]
    dtype: Any  # of a tile
    farthest: float  # at least as far as any two rows


def _rows(X: NDArray[Any], p: float) -> _Rows:
    bytes_ = X.dtype == np.uint8
    if math.isinf(p):
        X = _in_order(varying(X))
        compare = partial(_compare_largest, _columns(X), X)
        return _Rows(compare, np.dtype(np.uint8 if bytes_ else np.float64), 255 if bytes_ else math.inf)
    if bytes_ and X.shape[1] <= (MOST if p == 1 else WIDEST):
        X = varying(X)
        left = right = np.empty(0, np.int32)
        if p == 2:
            X = X if BYTE_PRODUCTS else X.astype(np.int16) - np.int16(SHIFT)
            left, right = norms_of(X)
        compare = partial(_compare_bytes, as_panels(X, BLOCK), left, right, p == 2)
        return _Rows(compare, np.dtype(np.int32), np.iinfo(np.int32).max)
    return _Rows(partial(_compare_numbers, X, p == 2), np.dtype(np.float64), math.inf)


def _in_order(X: NDArray[Any]) -> NDArray[Any]:
    """Put those columns first that tell most: each varies most among those left, once the ones before explain what they can."""
    d = X.shape[1]
    some = spread_evenly(d, CANDIDATES)
    sample = X[np.ix_(spread_evenly(len(X), SOME), some)].astype(np.float64)
    with threadpool_limits(1, "blas"):  # so small a matrix takes more threads longer
        order = some[qr(sample - sample.mean(axis=0), mode="r", pivoting=True)[1]]
    others = np.ones(d, np.bool_)
    others[some] = False
    return np.ascontiguousarray(X[:, np.concatenate([order, np.flatnonzero(others)])])


def _columns(X: NDArray[Any]) -> NDArray[Any]:
    """Return the columns that come first, those of a block of rows side by side: (blocks, width, BLOCK), in whole spans."""
    n, d = X.shape
    height, width = -(-n // BLOCK) * BLOCK, min(FIRST, -(-d // SPAN) * SPAN)
    first = np.zeros((height, width), X.dtype)
    first[:n, :d] = X[:, :width]
    return np.ascontiguousarray(first.reshape(-1, BLOCK, width).transpose(0, 2, 1))


def _silently(rows: int) -> None:
    pass


def _meet(rows: _Rows, wanted: Wanted, split: int | None, advance: Callable[[int], object]) -> None:
    """Let all pairs of blocks meet, but those whose rows all have one label; `split` as in `nearest_distances`."""
    n = len(wanted.labels)
    starts = np.arange(0, n, BLOCK)
    least, most = np.minimum.reduceat(wanted.labels, starts), np.maximum.reduceat(wanted.labels, starts)
    turns = rounds(len(starts)) if split is None else rounds_outward(len(starts), split // BLOCK)
    for number, pairs in enumerate(turns):
        low, high = least[pairs].min(axis=1), most[pairs].max(axis=1)
        rows.compare(np.ascontiguousarray(pairs[low < high]), wanted)
        advance(n * (number + 1) // len(turns) - n * number // len(turns))


# What others call


def nearest_apart(
    X: NDArray[Any],
    labels: NDArray[np.int64],
    p: float,
    split: int | None = None,
    advance: Callable[[int], object] = _silently,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the nearest row of another label for each row, the lowest of those that are equally near.

    X : (n, d) uint8, float32 or float64
    labels : (n,) int64
    p : 1, 2 or infinity, of the norm ℓp
    split : a row; those before it look among those from it on, and no others are looked for. None if all look among all.
    advance : called after each round with how many rows' worth of work it was
    Returns (m,) float64, distances in levels (squared for ℓ2), m being `split` or n, and (m,) int64, the rows; inf and -1
    where there is none. Distances of bytes are exact.
    """
    m = len(X) if split is None else split
    names = np.arange(len(X))
    order = np.lexsort((labels, names >= m))
    if split is not None:  # a whole number of blocks comes first, filled up with a row that is there already
        order = np.concatenate([order[:m], np.repeat(order[:1], -m % BLOCK), order[m:]])
    first = None if split is None else m + -m % BLOCK
    rows = _rows(X[order], p)
    bounds = np.full(len(order), rows.farthest, rows.dtype)
    bounds[first or len(order) :] = 0
    wanted = Wanted(NEAREST, labels[order], order, bounds, np.full(len(order), len(X)), np.empty(0, np.int32))
    _meet(rows, wanted, first, advance)
    distances, found = np.empty(len(X)), np.empty(len(X), np.int64)
    distances[order], found[order] = wanted.bounds, wanted.found
    distances, found = distances[:m], found[:m]
    none = found == len(X)
    return np.where(none, np.inf, distances), np.where(none, -1, found)


def pairs_within(
    X: NDArray[Any],
    p: float,
    limit: float,
    labels: NDArray[np.int64] | None = None,
    most: int = 0,
    advance: Callable[[int], object] = _silently,
) -> tuple[NDArray[np.int64], NDArray[np.int32] | None]:
    """Count the other rows within a distance of each row, and list them if they are not too many.

    X, p : as for `nearest_apart`
    limit : in levels (squared for ℓ2), itself allowed
    labels : (n,) int64; only rows of another label are counted. None for all rows.
    most : how many are listed at most
    advance : called after each round with how many rows' worth of work it was, once for counts and once for the list
    Returns (n,) int64, the counts, and their names, row after row and each row's ascending; None if they are more than `most`.
    """
    n = len(X)
    counts = np.zeros(n, np.int64)
    if limit < 0:
        return counts, np.empty(0, np.int32)
    labels = np.arange(n) if labels is None else labels
    order = np.argsort(labels, kind="stable")
    rows = _rows(X[order], p)
    bounds = np.full(n, min(limit, rows.farthest), rows.dtype)
    wanted = Wanted(COUNT, labels[order], order, bounds, np.zeros(n, np.int64), np.empty(0, np.int32))
    _meet(rows, wanted, None, advance)
    counts[order] = wanted.found
    if counts.sum() > most:
        return counts, None
    ends = np.cumsum(counts)
    listed = np.empty(ends[-1], np.int32)
    _meet(rows, wanted._replace(what=LIST, found=(ends - counts)[order], listed=listed), None, advance)
    return counts, listed
