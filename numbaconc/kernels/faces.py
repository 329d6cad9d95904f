"""Faces: each coordinate's best face, found in histograms of the codes that points have in each coordinate.

The codes of uint8 points are their coordinates. Those of floats say how many candidate faces a point lies beyond.
"""

import numpy as np
from numba import prange

from numbaconc.kernels.compiling import helper, kernel

CODES = 256  # that there are
ONE = 1 << 20  # what a reward has to be that is as good as one point less in the expansion
COLUMNS = 64  # coordinates that a thread counts at a time: one cache line of each point


@kernel
def count_codes(codes, rows, step, counts):
    """Add points to the histograms of codes, one for each coordinate, or take them out.

    codes : (n, m) uint8
    rows : (r,) int64, indices of the points
    step : 1 to add, -1 to take out
    counts : (m, 256) int32, points by coordinate and code; written to
    """
    m = codes.shape[1]
    for block in prange((m + COLUMNS - 1) // COLUMNS):
        first = block * COLUMNS
        there = counts[first : first + COLUMNS]
        for row in rows:
            here = codes[row, first : first + COLUMNS]
            for c in range(here.shape[0]):
                there[c, here[c]] += np.int32(step)


@kernel
def sum_codes(codes, rows, numbers, sums):
    """Add numbers of points to what each code of each coordinate has.

    codes : (n, m) uint8
    rows : (r,) int64, indices of the points
    numbers : (r,) int64, of each of them
    sums : (m, 256) int64, by coordinate and code; written to
    """
    m = codes.shape[1]
    for block in prange((m + COLUMNS - 1) // COLUMNS):
        first = block * COLUMNS
        there = sums[first : first + COLUMNS]
        for k in range(rows.shape[0]):
            here = codes[rows[k], first : first + COLUMNS]
            for c in range(here.shape[0]):
                there[c, here[c]] += numbers[k]


@kernel
def best_faces(inner, outer, shift, mirrored, fewest, enough, most, cost, worth):
    """Find each coordinate's best face.

    Face i holds the points of outer code >= i and covers those of inner code >= i + shift; face 0
    covers all. Its price is `cost` for each point that it holds, less `worth` for each that it covers.

    inner, outer : (m, 256) int32, points by code: those that are not covered yet, and those that no face holds yet
    shift : at least 0
    mirrored : whether each coordinate has a second face, for which codes are 255 less what they are
    fewest, most : a face must cover at least `fewest` points and may hold at most `most`
    enough : points that a face covers beyond so many are worth nothing
    Returns, (m,) or (2 m,) int64 with second faces last, the prices of the best faces, the largest int64 where there is
    no such face, and the faces; of several at the least price the one that holds the fewest codes.
    """
    m = inner.shape[0]
    n_rows = 2 * m if mirrored else m
    prices = np.full(n_rows, np.iinfo(np.int64).max)
    faces = np.zeros(n_rows, np.int64)
    for row in prange(n_rows):
        second = row >= m
        c, first, step = row % m, CODES - 1 if second else 0, -1 if second else 1
        covered, held = 0, 0
        for i in range(CODES - 1, -1, -1):
            held += outer[c, first + step * i]
            if held > most or cost * held - worth * enough >= prices[row]:  # so are all that hold more
                break
            if i + shift < CODES:
                covered += inner[c, first + step * (i + shift)]
            if i == 0:
                for code in range(min(shift, CODES)):
                    covered += inner[c, first + step * code]
            price = cost * held - worth * min(covered, enough)
            if covered >= fewest and price < prices[row]:
                prices[row] = price
                faces[row] = i
    return prices, faces


@kernel
def best_rewarded_faces(inner, rewards, outer, shift, mirrored, fewest, enough, most, cost, worth):
    """Find each coordinate's best face where each point that is covered has a reward.

    As `best_faces`, but a price is ONE times what it is there, less `cost` times the rewards of the points that are covered.

    rewards : (m, 256) int64, of the points that are not covered yet, by code
    """
    m = inner.shape[0]
    n_rows = 2 * m if mirrored else m
    prices = np.full(n_rows, np.iinfo(np.int64).max)
    faces = np.zeros(n_rows, np.int64)
    for row in prange(n_rows):
        second = row >= m
        c, first, step = row % m, CODES - 1 if second else 0, -1 if second else 1
        covered, held, gained, gains = np.int64(0), np.int64(0), np.int64(0), np.int64(0)  # not int32, uncompiled
        for code in range(CODES):
            gains += max(rewards[c, code], 0)
        for i in range(CODES - 1, -1, -1):
            held += outer[c, first + step * i]
            if held > most or ONE * (cost * held - worth * enough) - cost * gains >= prices[row]:
                break
            if i + shift < CODES:
                covered += inner[c, first + step * (i + shift)]
                gained += rewards[c, first + step * (i + shift)]
            if i == 0:
                for code in range(min(shift, CODES)):
                    covered += inner[c, first + step * code]
                    gained += rewards[c, first + step * code]
            price = ONE * (cost * held - worth * min(covered, enough)) - cost * gained
            if covered >= fewest and price < prices[row]:
                prices[row] = price
                faces[row] = i
    return prices, faces


@helper
def _count_passed(x, levels, strength):
    """Count those of the ascending `levels` that x exceeds by more than `strength`."""
    low, high = 0, levels.shape[0]
    while low < high:  # bisection
        middle = (low + high) // 2
        if x - levels[middle] > strength:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def code_points(X, levels, strength, slack):
    """Count the candidate faces that each point lies beyond: upper faces, then lower ones.

    X : (n, d) float32 or float64
    levels : (2 d, f) float64, candidates of each coordinate and side, ascending, at most 255; those of lower faces
        with the opposite sign; infinite where there are no more
    strength : ε in levels
    slack : how far rounding may have taken two points from each other, in levels
    Returns `inner` and `outer`, (n, 2 d) uint8: how many candidates the point exceeds by more than `strength`, and how
    many it may exceed: by more than minus `slack`.
    """
    n, d = X.shape
    inner, outer = np.empty((n, 2 * d), np.uint8), np.empty((n, 2 * d), np.uint8)
    for i in prange(n):
        for row in range(2 * d):
            x = np.float64(X[i, row]) if row < d else -np.float64(X[i, row - d])
            inner[i, row] = _count_passed(x, levels[row], strength)
            outer[i, row] = _count_passed(x, levels[row], -slack)
    return inner, outer
