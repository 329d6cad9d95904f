"""Users' floats in the form that kernels take, without a rounding that nobody has looked at."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.grids import are_short, hold, per_one, precision_of, step_of
from numbaconc.data.rows import Parts, Places, Rows
from numbaconc.errors import InputError

SINGLE, DOUBLE = 2.0**-24, 2.0**-52  # how far numbers are rounded, relatively, on their way to float32, and to float64
WHOLE = 2.0**24  # whole numbers that float32 holds
FAR = 8  # times its spread, a column is far from 0
FINE = 2.0**-12  # the rounding to float32 must be less than this share of the spread of every column
FEW = 1000  # rows whose quartiles say how spread out a column is
ROOM = 16  # times the largest number: others of the same kind are rounded as these are, and larger ones are not
SMALL, LARGE = 2.0**-8, 2.0**16  # floats whose largest is of such a size stay in their own units
FEWEST, MOST = 1e-280, 1e280  # sizes whose squares, sums and ratios to others float64 still holds once they are scaled
GRAY_LEVELS = 255  # an image of bytes has this many steps between 0 and 1
NEAR = 0.13  # of a gray level: how far off an image is that was kept in 16 bits
RARE = 0.01  # share of the numbers of an image that may be off before it is no image at all


class Frame(NamedTuple):
    """How the numbers of a user become levels: each for itself, so that a point is the same among any others.

    A number x of a column becomes x / unit - origin. Where the levels are whole, a number within its rounding of a whole
    level is that. Levels of sizes up to `limit` are rounded to float32.
    """

    unit: float
    origin: NDArray[np.float64] | None = None  # shape (d,), in levels
    whole: bool = False
    limit: float = WHOLE
    exact: bool = False  # whether no rounding has made the numbers what they are
    precision: float = 2 * SINGLE  # relative spacing of the floats that it was made for
    error: float = 0.0  # how far the unit may be from the step that was meant, relatively

    def checked(self, n_features: int) -> Frame:
        """Return the frame that a file tells; ValueError or TypeError if it cannot be one of so many coordinates."""
        numbers = [float(one) for one in (self.unit, self.limit, self.precision, self.error)]
        origin = None if self.origin is None else np.array(self.origin, dtype=np.float64)
        sound = all(math.isfinite(one) and one >= 0 for one in numbers) and numbers[0] > 0
        if not sound or (origin is not None and (origin.shape != (n_features,) or not np.isfinite(origin).all())):
            msg = "its frame is none of these points"
            raise ValueError(msg)
        return Frame(numbers[0], origin, bool(self.whole), numbers[1], bool(self.exact), *numbers[2:])

    @property
    def image(self) -> bool:
        """Whether these are the levels of bytes."""
        return self.unit == 1 / GRAY_LEVELS and self.whole and self.origin is None


class Levels(NamedTuple):
    """Floats in levels."""

    parts: list[NDArray[Any]]  # uint8 for an image, float32, or float64 where some are not rounded to float32
    rounding: float  # how far a coordinate may be from the user's, in levels
    whole: bool  # whether all are whole levels
    stray: float = 0.0  # the share of those that are not, in a frame of whole levels


def ends_of(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest number of each column; InputError if one is not finite, or none of a usual size."""
    with np.errstate(over="ignore"):
        low, high = (end.astype(np.float64) + 0.0 for end in rows.ends)  # of two zeros, either may come out as an end
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise _not_finite(rows)
    largest = float(np.abs([low, high]).max())
    if largest > MOST or 0 < largest < FEWEST:
        msg = f"{rows.name} holds numbers up to {largest:g}; allowed: from {FEWEST:g} to {MOST:g}, or 0"
        raise InputError(msg)
    return low, high


def _not_finite(rows: Rows) -> InputError:
    """Return what is said of the first number that is not finite."""
    start = 0
    for block in rows.blocks():
        with np.errstate(over="ignore"):
            numbers = block.astype(np.float64)
        for row, column in np.argwhere(~np.isfinite(numbers))[:1]:
            where = f"row {start + row}, column {column}"
            return InputError(f"{rows.name} holds {numbers[row, column]} at {where}; allowed: finite numbers")
        start += len(block)
    return InputError(f"{rows.name} holds other numbers each time it is read; allowed: finite numbers")


def frame_of(rows: Rows, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[Frame, str]:
    """Return how floats, whose columns have these ends, are to become levels, and what that does to them, in words."""
    largest, precision = float(np.abs([low, high]).max()), precision_of(rows)
    on_grid = step_of(rows, largest, precision) if largest else None
    if on_grid is not None:
        step, error = on_grid
        told = f"the floats are multiples of {step:.15g}, which is the unit of the levels that they are kept in"
        return _whole_frame(low, high, step)._replace(precision=precision, error=error), told
    if are_whole(rows) and (largest <= WHOLE or (largest * precision < 1 and not hold(np.float32, rows))):
        return _whole_frame(low, high, 1.0)._replace(precision=precision), ""
    return _rounded_frame(rows, low, high)


def are_whole(rows: Rows) -> bool:
    """Whether all numbers are whole."""
    return all(bool((np.rint(block) == block).all()) for block in rows.blocks())


def _whole_frame(low: NDArray[np.float64], high: NDArray[np.float64], step: float) -> Frame:
    """Return the frame of multiples of a step; less those in the middle, where they are more than float32 holds."""
    ends = np.rint(np.array([low, high]) * per_one(step))
    origin = np.rint(ends[0] / 2 + ends[1] / 2) if np.abs(ends).max() > WHOLE else None
    return Frame(step, origin, whole=True)


def _rounded_frame(rows: Rows, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[Frame, str]:
    """Return the frame of other numbers, which become float32, or stay float64 where that would round too much.

    A column that is far from 0 for its spread is centered; its numbers are within a factor of two of the middle, so that
    the differences are exact (Sterbenz). A power of two takes numbers of unusual size to a usual one; that is exact, too.
    """
    exact = hold(np.float32, rows)
    far = np.maximum(np.abs(low), np.abs(high)) > FAR * (high - low)
    origin = np.where(far, low / 2 + high / 2, 0.0) if not exact and far.any() else None
    largest = float(np.abs(np.array([low, high]) - (0.0 if origin is None else origin)).max())
    wide = not exact and SINGLE * largest > FINE * _spread(rows, high - low)
    if wide:
        origin, largest = None, float(np.abs([low, high]).max())
    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest and not SMALL <= largest <= LARGE else 1.0
    said = "columns far from 0 are centered" if origin is not None else ""
    said = "float32 would round the floats too much, so they are kept as float64" if wide else said
    centered = None if origin is None else origin / unit
    limit = 0.0 if wide else ROOM * largest / unit
    return Frame(unit, centered, limit=limit, exact=are_short(rows, float(np.abs([low, high]).max()))), said


def _spread(rows: Rows, widths: NDArray[np.float64]) -> float:
    """Return the least spread of a column that is not constant: between its quartiles, which outliers do not move."""
    few = np.linspace(0, len(rows) - 1, min(len(rows), FEW)).astype(np.intp)
    low, high = np.quantile(rows.take([few])[0].astype(np.float64), (0.25, 0.75), axis=0, method="nearest")
    spread = np.where(high > low, high - low, widths)
    return float(spread[widths > 0].min(initial=np.inf))


def put(
    rows: Rows, frame: Frame, low: NDArray[np.float64], high: NDArray[np.float64], parts: Parts = (None,)
) -> Levels:
    """Return the wanted ones of floats, whose columns have these ends, in the levels of a frame, and what all of them are."""
    tolerance = 2 * max(float(np.finfo(rows.dtype).eps), frame.precision)
    ends = np.array([low, high]) * per_one(frame.unit) - (0.0 if frame.origin is None else frame.origin)
    largest = float(np.abs(ends).max())
    kind = np.float64 if largest > frame.limit else np.float32
    if rows.dtype == kind == np.float32 and not frame.whole and frame.origin is None and frame.unit == 1:
        return Levels(rows.take(parts), 0.0 if frame.exact else SINGLE * largest, whole=False)
    image = frame.image and ends.min() >= 0 and largest <= GRAY_LEVELS
    places = Places(rows, np.uint8 if image else kind, parts)
    stray, exact, off = _fill(places, rows, frame, tolerance)
    if image and stray:
        places = Places(rows, kind, parts)
        stray, exact, off = _fill(places, rows, frame, tolerance)
    whole = frame.whole and not stray
    rounding = 0.0 if exact and (frame.exact or frame.whole) else SINGLE * min(largest, frame.limit)
    if whole:
        rounding += 0.0 if image else max(frame.error * largest, off)
    elif frame.whole:  # numbers near a whole level are that, others are not
        rounding += tolerance * largest
    elif largest > frame.limit:
        rounding += DOUBLE * largest
    return Levels(places.arrays, rounding, whole, stray)


def _fill(places: Places, rows: Rows, frame: Frame, tolerance: float) -> tuple[float, bool, float]:
    """Put floats in levels where they belong.

    Returns the share of all that are not whole, whether all are exact, and how far they were moved. If not all are
    whole, bytes are none of them.
    """
    exact, start, n_stray, farthest, kind = True, 0, 0, 0.0, places.dtype
    for block in rows.blocks():
        levels = block.astype(np.float64) * per_one(frame.unit)
        if frame.whole:
            nearest = np.rint(levels)
            off = np.abs(levels - nearest)
            near = off <= np.minimum(tolerance * np.abs(levels), 0.25)
            n_stray += int(near.size - np.count_nonzero(near))
            if kind == np.uint8 and n_stray:
                break
            farthest = max(farthest, float(off.max())) if not n_stray else farthest
            levels = np.where(near, nearest, levels) if n_stray else nearest
        if frame.origin is not None:
            levels -= frame.origin
        kept = levels.astype(np.uint8 if kind == np.uint8 else np.float32).astype(kind, copy=False)
        if kind == np.float64:
            np.copyto(kept, levels, where=np.abs(levels) > frame.limit)
        places.put(start, kept)
        exact = exact and bool((kept == levels).all())
        start += len(block)
    return n_stray / rows.size, exact, farthest


def image_of(rows: Rows) -> tuple[Frame | None, str]:
    """Return the frame of floats in [0, 1] that are an image; None, and what is wrong, if they only nearly are."""
    precision = max(precision_of(rows), 2 * SINGLE)  # images in float64 often were float32 once
    n_off, farthest, brightest = 0, 0.0, 0.0
    for block in rows.blocks():
        levels: NDArray[Any] = block.astype(np.float64 if rows.dtype.itemsize > 4 else np.float32) * GRAY_LEVELS
        nearest = np.rint(levels)
        off = np.abs(levels - nearest)
        farthest, brightest = max(farthest, float(off.max())), max(brightest, float(levels.max()))
        n_off += int(np.count_nonzero(off > 2 * precision * nearest))
        if n_off > RARE * rows.size and farthest > NEAR:
            return None, ""
    if not n_off:
        return Frame(1 / GRAY_LEVELS, whole=True, precision=precision), ""
    if brightest < GRAY_LEVELS / 16 or rows.size < GRAY_LEVELS:  # numbers near 0 are near a level, whatever they are
        return None, ""
    if farthest <= NEAR:
        return None, f"its numbers are up to {farthest:.2g} of a gray level off the multiples of 1/{GRAY_LEVELS}"
    return None, f"{n_off} of its {rows.size} numbers are no multiples of 1/{GRAY_LEVELS}"
