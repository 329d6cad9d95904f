"""Codes of rows of floats: bytes whose distances are nearly those of the rows, and a bound of what they are wrong by.

A coordinate is a number of steps, rounded, between ends beyond which few are; those beyond count as at the end. For ℓ1 a
coordinate that spans more than 255 steps takes several bytes, filled one after the other: the differences of these bytes
add up to that of the numbers of steps. For ℓ2 coordinates are rotated first, which changes no distance and spreads what
they vary by evenly.

The distance of two codes, in steps, is at most what both rows have been rounded by larger than that of the rows: the
ends and the rotation make no distance longer.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from numbaconc.kernels.compiling import helper, kernel
from numbaconc.kernels.panels import PART, SHIFT, STEP, as_panels
from numbaconc.kernels.processor import BYTE_PRODUCTS
from numbaconc.kernels.schedule import BLOCK

UNITS = 16  # of a step; distances of codes are whole numbers of them, so that int32 holds what codes are wrong by
LEVELS = 255  # steps that a byte holds
SOME = 1024  # rows that tell where the ends are
ROWS, OTHERS = 16, 512  # whose distances tell how many pairs stay open
WIDEST = 2**15  # bytes whose squared distances int32 holds
LONGEST = 2**17  # bytes whose distances in units are less than `filtering.FAR`
WIDTHS = (1.0, 1.5, 2.0, 3.0)  # bytes of a code for each coordinate, that are tried for ℓ1
FINEST = 4095  # steps between the ends, where codes are not bytes
ROTATED = 256  # coordinates that are rotated together, at most
LEAST = 1e-290  # range whose steps float64 still divides by
WRONG = 2**26  # units that a code may be wrong by
NONE = -(2**30)  # what a code is wrong by that is none, so that its pairs are never open

# What things cost, in differences of two bytes: deterministic, since a choice by the clock would not be
PLAIN = 14.0  # a difference in float64, one after the other
REFINED, ALONE = 20.0, 4000.0  # the same for a pair by itself, and the pair
EARLY = 2.5  # times as many pairs are open while little is known


class Codes(NamedTuple):
    """Codes of n rows, in panels of whole blocks.

    Those near the middle come first: they are among the nearest of many, and who knows near ones early has few open pairs.
    """

    order: NDArray[np.int64]  # (n,), which row each code is of
    panels: NDArray[np.uint64]
    left: NDArray[np.int32]  # norms: a squared distance is one row's left, the other's right, less twice the product
    right: NDArray[np.int32]
    own: NDArray[np.int32]  # what the code of each row is wrong by, in units
    step: float  # levels in a step


def spread_evenly(n: int, count: int) -> NDArray[np.intp]:
    """Return so many of n rows, evenly spread."""
    return np.linspace(0, n - 1, min(n, count)).astype(np.intp)


class _Rotation(NamedTuple):
    """Coordinates less their centers, some with the other sign, in another order, and turned by Hadamard's matrices.

    Each of them is orthogonal, and makes of every coordinate as much of all others.
    """

    centers: NDArray[np.float64]
    order: NDArray[np.int64]
    signs: NDArray[np.float64]


def _rotation(some: NDArray[np.float64]) -> _Rotation:
    rng, d = np.random.default_rng(0), some.shape[1]
    return _Rotation(some.mean(axis=0), rng.permutation(d), rng.choice([-1.0, 1.0], d))


@helper
def _turn(row, rotation, turned):
    """Write a row, rotated, to `turned`."""
    centers, order, signs = rotation
    for c in range(row.shape[0]):
        turned[c] = (np.float64(row[order[c]]) - centers[order[c]]) * signs[c]
    start = 0
    while start < row.shape[0]:
        size = ROTATED
        while size > row.shape[0] - start:
            size //= 2
        part = turned[start : start + size]
        half = 1
        while half < size:
            for low in range(0, size, 2 * half):
                for c in range(low, low + half):
                    a, b = part[c], part[c + half]
                    part[c], part[c + half] = a + b, a - b
            half *= 2
        part *= 1 / np.sqrt(size)
        start += size


@kernel
def _turn_all(rows, rotation):
    """Return rows, rotated, shape (n, d) float64."""
    turned = np.empty(rows.shape)
    for i in prange(rows.shape[0]):
        _turn(rows[i], rotation, turned[i])
    return turned


class _Plan(NamedTuple):
    """How numbers become codes: (number - low) / step, in [0, most], as `widths` bytes."""

    low: NDArray[np.float64]  # shape (d,)
    step: float
    widths: NDArray[np.int64]  # shape (d,), bytes of each coordinate
    rotation: _Rotation  # of coordinates, before they become codes, for ℓ2


def codes_of(X: NDArray[Any], k: int, squared: bool, split: int | None = None) -> Codes | None:
    """Return codes of floats, shape (n, d), that are worth it, or None if there are none.

    k : the rank of the distances that are to be found
    squared : whether these are ℓ2
    split : how many rows stay the first ones, if some are to
    """
    n, d = X.shape
    rows, others = X[spread_evenly(n, ROWS)], X[spread_evenly(n, OTHERS)]
    exact = cdist(rows.astype(np.float64), others.astype(np.float64), "euclidean" if squared else "cityblock")
    exact[spread_evenly(n, ROWS)[:, None] == spread_evenly(n, OTHERS)] = np.inf
    rank = min(max(round(k * exact.shape[1] / n), 1), exact.shape[1])
    limits = np.partition(exact, rank - 1, axis=1)[:, rank - 1]
    best: float = PLAIN * d
    plan = None
    for one in _plans(X, squared):
        share = _share_open(one, rows, others, exact, limits, squared)
        cost = float(one.widths.sum()) + EARLY * share * (REFINED * d + ALONE)
        if cost < best:
            best, plan = cost, one
    return None if plan is None else _encoded(X, plan, squared, split or 0)


def _plans(X: NDArray[Any], squared: bool) -> list[_Plan]:
    some, d = X[spread_evenly(len(X), SOME)].astype(np.float64), X.shape[1]
    rotation = _rotation(some)
    if squared:
        return [_plan_l2(_turn_all(some, rotation), rotation)] if d <= WIDEST else []
    low, high = some.min(axis=0), some.max(axis=0)
    budgets = sorted({-(-math.ceil(width * d) // STEP) * STEP for width in WIDTHS})
    return [
        _plan_l1(low, high - low, budget, rotation)
        for budget in budgets
        if budget <= LONGEST and (high - low).max() > LEAST
    ]


def _plan_l1(low: NDArray[np.float64], ranges: NDArray[np.float64], budget: int, rotation: _Rotation) -> _Plan:
    """Return the finest steps for which so many bytes are enough."""
    budget = max(budget, int(np.count_nonzero(ranges)))
    few, many = ranges.sum() / LEVELS / budget, ranges.max() / LEVELS  # too fine, and enough where each takes one byte
    for _ in range(40):
        step = few * math.sqrt(many / few)
        if np.ceil(ranges / (LEVELS * step)).sum() > budget:
            few = step
        else:
            many = step
    return _Plan(low, many, np.ceil(ranges / (LEVELS * many)).astype(np.int64), rotation)


def _plan_l2(turned: NDArray[np.float64], rotation: _Rotation) -> _Plan:
    """Return as many steps between the ends of all rotated coordinates."""
    low, high = turned.min(axis=0), turned.max(axis=0)
    step = float((high - low).max()) / _levels(len(low)) or 1.0
    return _Plan(low, step, np.ones(len(low), np.int64), rotation)


def _levels(d: int) -> int:
    """Return the most steps between the ends whose squares int32 holds."""
    return LEVELS if BYTE_PRODUCTS else min(FINEST, math.isqrt((2**31 - 1) // d))


def _share_open(
    plan: _Plan,
    rows: NDArray[Any],
    others: NDArray[Any],
    exact: NDArray[np.float64],
    limits: NDArray[np.float64],
    squared: bool,
) -> float:
    """Return which share of some pairs stay open, where the limits of the rows are known."""
    (x, wrong, _), (y, wrong_too, _) = (_encoded_rows(some, plan, squared) for some in (rows, others))
    least = cdist(x.astype(np.float64), y.astype(np.float64), "euclidean" if squared else "cityblock")
    least -= (wrong[:, None] + wrong_too) / UNITS
    return float(np.mean((least * plan.step < limits[:, None]) & (exact < np.inf)))


def _encoded(X: NDArray[Any], plan: _Plan, squared: bool, split: int) -> Codes | None:
    """Return the codes of all rows; None if they are too wrong for what int32 holds."""
    rows, wrong, far = _encoded_rows(X, plan, squared)
    if wrong.max() > WRONG:
        return None
    n, height = len(X), -(-len(X) // BLOCK) * BLOCK
    order = np.lexsort((far, np.arange(n) >= split))
    rows, own = rows[order], np.full(height, NONE, np.int32)
    own[:n] = wrong[order]
    left, right = np.zeros((2, height), np.int32)
    if squared:
        left[:n], right[:n] = norms_of(rows)
    return Codes(order, as_panels(rows, BLOCK), left, right, own, plan.step)


def _encoded_rows(
    X: NDArray[Any], plan: _Plan, squared: bool
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Return codes, one a row, what they are wrong by, in units, and how far from the middle the rows are."""
    codes = np.empty((len(X), int(plan.widths.sum())), PART if squared else np.uint8)
    wrong, far = np.empty((2, len(X)))
    levels = _levels(X.shape[1]) if squared else LEVELS
    shift = levels // 2 if squared and not BYTE_PRODUCTS else 0
    _encode(X, plan.rotation, plan.low, plan.step, plan.widths, (levels, shift), squared, codes, wrong, far)
    return codes, np.ceil(wrong * UNITS) + 1, far


@kernel
def _encode(X, rotation, low, step, widths, form, squared, codes, wrong, far):
    """Write the codes of rows, what they are wrong by, in steps, and how far from the middle the rows are, in levels.

    Of the latter only the order matters. Numbers of steps are exact to some units in the last place of the numbers; rotated ones to ROTATED times as many.
    """
    n, d = X.shape
    levels, shift = form
    for i in prange(n):
        total = largest = away = 0.0
        place = 0
        numbers = np.empty(d)
        for c in range(d):
            numbers[c] = X[i, c]
            largest = max(largest, abs(numbers[c]) + abs(low[c]) + abs(rotation[0][c]))
            away += abs(numbers[c] - rotation[0][c])
        if squared:
            _turn(X[i], rotation, numbers)
            away = (numbers * numbers).sum()
        for c in range(d):
            if widths[c] > 0:
                exact = min(max((numbers[c] - low[c]) / step, 0.0), np.float64(levels * widths[c]))
                rounded = np.rint(exact)
                total += (exact - rounded) ** 2 if squared else abs(exact - rounded)
                rest = np.int64(rounded)
                for _ in range(widths[c]):
                    codes[i, place] = min(rest, levels) - shift
                    rest -= min(rest, levels)
                    place += 1
        wrong[i] = (np.sqrt(total) if squared else total) * (1 + 1e-9) + d * largest / step * 2.0**-40
        far[i] = away


def norms_of(rows: NDArray[Any]) -> NDArray[np.int32]:
    """Return what goes beside inner products on the left, and on the right."""
    norms = np.empty((2, len(rows)), np.int32)
    for start in range(0, len(rows), SOME):
        some = rows[start : start + SOME].astype(np.int32)
        norms[:, start : start + SOME] = np.einsum("ij,ij->i", some, some)
        if BYTE_PRODUCTS:  # where 128 is taken off the right factor
            norms[0, start : start + SOME] -= 2 * SHIFT * some.sum(axis=1)
    return norms
