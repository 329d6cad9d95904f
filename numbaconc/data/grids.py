"""Steps that floats are whole multiples of: grids of decimals, of counts that were scaled, of gray levels."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.rows import Rows

FEW = 2048  # values in which a step is looked for, before all others are compared with it
SHORT = 20  # bits of numbers whose differences no float rounds
DENOMINATORS = (1, 10, 100, 1000, 10_000, 100_000)  # of a step, as short as they can be
FEW_BITS = 2.0**26
CHANCE = 1e-3  # that a number is as near to a short fraction as rounding leaves it
DECIMALS = 12  # digits after the leading one of a decimal step
MOST_LEVELS = 2.0**50  # of a number in steps, so that differences are exact in float64


def precision_of(X: Rows) -> float:
    """Return the relative spacing of the shortest kind of float that holds all of some numbers exactly."""
    for kind in (np.float16, np.float32):
        if X.dtype.itemsize <= np.dtype(kind).itemsize or hold(kind, X):
            return float(np.finfo(kind).eps)
    return float(np.finfo(np.float64).eps)


def hold(kind: type[np.floating], X: Rows) -> bool:
    """Whether a kind of float holds all numbers exactly, once a power of two has taken them to a usual size."""
    power = math.ldexp(1.0, math.frexp(float(np.abs(X.ends).max()))[1])
    scaled = (block.astype(np.float64) / power for block in X.blocks())
    return all(bool((block.astype(kind) == block).all()) for block in scaled)


def step_of(X: Rows, largest: float, precision: float) -> tuple[float, float] | None:
    """Return a step that all of some numbers are whole multiples of, within their rounding.

    Parameters
    ----------
    X : Rows
        Floats.
    largest : float
        The largest of their sizes, above 0.
    precision : float
        Relative spacing of the floats that they were before, perhaps, more digits were added to them.

    Returns
    -------
    tuple of float or None
        The step, and how far it may be from the one that was meant, relatively: 0 for short fractions and decimals.
        None if no step is found, or none is needed: whole numbers of few bits, times a power of two, are not rounded.
    """
    if are_short(X, largest):
        return None
    some = _some(X)
    common = _common(some, precision)
    candidates = [
        (_short(common, some, precision), 0.0),
        (_decimal(some, largest, precision), 0.0),
        (common, precision),
    ]
    for step, error in candidates:
        if (
            step
            and _tells_apart(X, step)
            and all(_fits(block.astype(np.float64), step, precision) for block in X.blocks())
        ):
            return step, error
    return None


def are_short(X: Rows, largest: float) -> bool:
    """Whether all numbers are whole, and of few bits, in units of one power of two: nothing has rounded them."""
    unit = np.float64(2.0 ** (math.frexp(largest)[1] - SHORT))
    return all(bool((levels == np.rint(levels)).all()) for levels in (block / unit for block in X.blocks()))


def _tells_apart(X: Rows, step: float) -> bool:
    """Whether no column of numbers that differ becomes a single level: their differences would be taken for rounding."""
    low, high = (end.astype(np.float64) for end in X.ends)
    return bool(((low == high) | (np.rint(low * per_one(step)) < np.rint(high * per_one(step)))).all())


def _some(X: Rows) -> NDArray[np.float64]:
    """Return a few of the sizes of the numbers, ascending, each once, without 0."""
    rows = np.linspace(0, len(X) - 1, min(len(X), max(1, FEW // X.shape[1]), FEW)).astype(np.intp)
    some = np.unique(np.abs(X.take([rows])[0][:, :FEW].astype(np.float64)))
    return some[some > 0]


def _fits(values: NDArray[np.float64], step: float, precision: float) -> bool:
    """Whether all values are multiples of the step, and few enough that this is no chance."""
    levels = np.abs(values * per_one(step))
    largest = float(levels.max(initial=0.0))
    if largest >= MOST_LEVELS or 2 * precision * largest > 1 / 8:
        return False
    return bool((np.abs(levels - np.rint(levels)) <= 2 * precision * levels).all())


def _common(some: NDArray[np.float64], precision: float) -> float | None:
    """Return the largest common step of some sizes, by Euclid's algorithm."""
    slack = 8 * precision * float(some[-1])  # remainders as small as this are 0
    step = 0.0
    for value in some.tolist():
        rest = value
        while rest > slack:
            step, rest = rest, abs(math.remainder(step, rest)) if step else 0.0
        if step < 16 * slack:
            return None
    for value in some.tolist():  # from small to large, so that each multiple is the right one
        step = value / max(1, round(value / step))
    return step


def _short(step: float | None, some: NDArray[np.float64], precision: float) -> float | None:
    """Return the fraction, times a power of two, that a step is meant to be, if that is too short to be one by chance."""
    mantissa, exponent = math.frexp(step or 0.0)
    for denominator in DENOMINATORS:
        short = math.ldexp(float(Fraction(mantissa).limit_denominator(denominator)), exponent)
        if denominator**2 * precision < CHANCE and short > 0 and _fits(some, short, precision):
            return short
    return None


def _decimal(some: NDArray[np.float64], largest: float, precision: float) -> float | None:
    """Return the largest power of ten that some sizes are multiples of, if there is one."""
    leading = math.floor(math.log10(largest))
    for digits in range(DECIMALS):
        step = float(Fraction(10) ** (leading - digits))
        if largest / step * precision > 1 / 16:
            return None
        if _fits(some, step, precision):
            return step
    return None


def per_one(unit: float) -> float:
    """Return how many levels, each worth `unit`, make up one; a number that is nearly of few bits, as 255 is, is that."""
    mantissa, exponent = math.frexp(1 / unit)
    short = round(mantissa * FEW_BITS) / FEW_BITS
    return math.ldexp(short if math.isclose(mantissa, short, rel_tol=1e-12) else mantissa, exponent)
