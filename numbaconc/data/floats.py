"""Users' floats in the form that kernels take, without a rounding that nobody has looked at."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.grids import blocks, per_one, precision_of, step_of
from numbaconc.errors import InputError

SINGLE, DOUBLE = 2.0**-24, 2.0**-52  # how far numbers are rounded, relatively, on their way to float32, and to float64
WHOLE = 2.0**24  # whole numbers that float32 holds
FAR = 8  # times its spread, a column is far from 0
FINE = 2.0**-12  # the rounding to float32 must be less than this share of the spread of every column
SMALL, LARGE = 2.0**-8, 2.0**16  # floats whose largest is of such a size stay in their own units
FEW = 1000  # rows whose quartiles say how spread out a column is
FEWEST, MOST = 1e-280, 1e280  # sizes whose squares, sums and ratios to others float64 still holds once they are scaled
NEAR = 0.13  # of a gray level: how far off an image is that was kept in 16 bits
RARE = 0.01  # share of the numbers of an image that may be off before it is no image at all


class Levels(NamedTuple):
    """Floats in levels: a coordinate of the user's is (X + origin) · unit, but for the rounding."""

    X: NDArray[Any]
    unit: float = 1.0
    origin: NDArray[np.float64] | None = None
    rounding: float = 0.0  # in levels
    whole: bool = False
    image: bool = False  # X is uint8, gray levels
    nearly: str = ""  # what is wrong with floats that are nearly an image
    low: float = 0.0
    high: float = 1.0
    said: tuple[str, ...] = ()  # what was done


def levels_of(array: NDArray[Any], name: str, gray_levels: int | None, unit: float | None) -> Levels:
    """Return floats, shape (n, d), in levels.

    `gray_levels` is how many steps an image has between 0 and 1, if floats at such steps are to be recognized. A given
    `unit` means that the numbers are levels already. InputError if one of them is not finite, or none of a usual size.
    """
    low, high = _ends(array, name)
    least, most = float(low.min()), float(high.max())
    largest = max(-least, most)
    if largest > MOST or 0 < largest < FEWEST:
        msg = f"{name} holds numbers up to {largest:g}; allowed: from {FEWEST:g} to {MOST:g}, or 0"
        raise InputError(msg)
    nearly = ""
    if gray_levels is not None and least >= 0 and most <= 1:
        image, nearly = _image(array, gray_levels, precision_of(array))
        if image is not None:
            return Levels(image, 1 / gray_levels, image=True, whole=True, low=least, high=most)
    on_grid = step_of(array, largest, precision_of(array)) if unit is None and largest else None
    if on_grid is not None:
        step, error = on_grid
        told = f"the floats are multiples of {step:.15g}, which is the unit of the levels that they are kept in"
        found = _whole(array, low, high, step, error)._replace(said=(told,))
    elif all(bool((np.rint(block) == block).all()) for block in blocks(array)) and (
        largest <= WHOLE or not _exact(array)
    ):
        found = _whole(array, low, high, 1.0)
    else:
        found = _rounded(array, low, high, scaled=unit is None)
    return found._replace(unit=unit or found.unit, nearly=nearly, low=least, high=most)


def _ends(array: NDArray[Any], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest number of each column."""
    with np.errstate(invalid="ignore"):
        low, high = (end.astype(np.float64) for end in (array.min(axis=0), array.max(axis=0)))
    if not (np.isfinite(low) & np.isfinite(high)).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        msg = f"{name} holds {float(array[row, column])} at row {row}, column {column}; allowed: finite numbers"
        raise InputError(msg)
    return low, high


def _image(array: NDArray[Any], gray_levels: int, precision: float) -> tuple[NDArray[np.uint8] | None, str]:
    """Return floats in [0, 1] as gray levels; None if some are none, and what is wrong if these are few or near."""
    image, n_off, farthest, brightest = np.empty(array.shape, np.uint8), 0, 0.0, 0.0
    rounding = 2 * max(precision, 2 * SINGLE)  # images in float64 often were float32 once
    for start, block in _numbered(array):
        levels = block.astype(np.float64) * gray_levels
        nearest = np.rint(levels)
        off = np.abs(levels - nearest)
        farthest, brightest = max(farthest, float(off.max())), max(brightest, float(levels.max()))
        n_off += int(np.count_nonzero(off > rounding * nearest))
        if n_off > RARE * array.size and farthest > NEAR:
            return None, ""
        image[start : start + len(block)] = nearest
    if not n_off:
        return image, ""
    if brightest < gray_levels / 16 or array.size < gray_levels:  # numbers near 0 are near a level, whatever they are
        return None, ""
    if farthest <= NEAR:
        return None, f"its numbers are up to {farthest:.2g} of a gray level off the multiples of 1/{gray_levels}"
    return None, f"{n_off} of its {array.size} numbers are no multiples of 1/{gray_levels}"


def _numbered(array: NDArray[Any]) -> Any:  # noqa: ANN401
    start = 0
    for block in blocks(array):
        yield start, block
        start += len(block)


def _whole(
    array: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64], step: float, error: float = 0.0
) -> Levels:
    """Return numbers that are multiples of a step: as whole numbers of it, less those in the middle where they are many."""
    ends = np.rint(np.array([low, high]) * per_one(step))
    origin, most = None, float(np.abs(ends).max())
    if most > WHOLE:
        origin = np.rint(ends[0] / 2 + ends[1] / 2)
        ends = ends - origin
    if np.abs(ends).max() > 2.0**52:
        return _rounded(array, low, high, scaled=True)
    X = np.empty(array.shape, np.float32 if np.abs(ends).max() <= WHOLE else np.float64)
    for start, block in _numbered(array):
        levels = np.rint(block.astype(np.float64) * per_one(step))
        X[start : start + len(block)] = levels if origin is None else levels - origin
    return Levels(X, step, origin, error * most, whole=True)


def _rounded(array: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64], *, scaled: bool) -> Levels:
    """Return other numbers as float32, or as float64 where that would round too much.

    A column that is far from 0 for its spread is centered; its numbers are within a factor of two of the middle, so that
    the differences are exact (Sterbenz). A power of two
    takes numbers of unusual size to a usual one; that is exact, too.
    """
    exact = _exact(array)
    far = np.maximum(np.abs(low), np.abs(high)) > FAR * (high - low)
    origin = np.where(far, low / 2 + high / 2, 0.0) if scaled and not exact and far.any() else None
    ends = np.array([low, high]) - (0.0 if origin is None else origin)
    largest = float(np.abs(ends).max())
    wide = not exact and SINGLE * largest > FINE * _spread(array, high - low)
    if wide and scaled:
        origin, largest = None, float(np.abs([low, high]).max())
    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1) if scaled and largest and not SMALL <= largest <= LARGE else 1.0
    X = np.empty(array.shape, np.float64 if wide else np.float32)
    for start, block in _numbered(array):
        wider = block.astype(np.float64)
        X[start : start + len(block)] = (wider if origin is None else wider - origin) / unit
    said = ["columns far from 0 are centered"] * (origin is not None)
    said += ["float32 would round them too much, so they are kept as float64"] * wide
    rounding = 0.0 if exact else (DOUBLE if wide else SINGLE) * largest / unit
    return Levels(X, unit, None if origin is None else origin / unit, rounding, said=tuple(said))


def _spread(array: NDArray[Any], widths: NDArray[np.float64]) -> float:
    """Return the least spread of a column that is not constant: between its quartiles, which outliers do not move."""
    some = array[np.linspace(0, len(array) - 1, min(len(array), FEW)).astype(np.intp)].astype(np.float64)
    low, high = np.quantile(some, (0.25, 0.75), axis=0, method="nearest")
    spread = np.where(high > low, high - low, widths)
    return float(spread[widths > 0].min(initial=np.inf))


def _exact(array: NDArray[Any]) -> bool:
    """Whether float32 holds all numbers exactly, once a power of two has taken them to a usual size."""
    power = math.ldexp(1.0, math.frexp(float(np.abs([array.min(), array.max()]).max()))[1])
    scaled = (block.astype(np.float64) / power for block in blocks(array))
    return all(bool((block.astype(np.float32) == block).all()) for block in scaled)
