"""Pixels that were normalized, a channel at a time, and are to be bytes again."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.conversion import as_floats, values_of
from numbaconc.data.rows import Rows
from numbaconc.errors import InputError, shown

WHITE = 255  # gray levels between 0 and 1
ROUNDED = (
    4  # times the spacing of floats at 1: how far rounding takes a pixel on the way to its channel's scale and back
)
SURE = 0.25  # of a gray level: what is no farther off one is none of its neighbors
ALLOWED = "allowed: the mean and the standard deviation of each channel, or one of each, such as 0.1307/0.3081"


class Normalize(NamedTuple):
    """What was subtracted from every channel of images in [0, 1], and what they were divided by then."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        return "/".join(",".join(map(repr, numbers)) for numbers in self)

    def undone(self, rows: Rows) -> Rows:
        """Return the bytes that normalized images were, in rows.

        Raises
        ------
        InputError
            If the images are no floats, or have other channels; once they are read, if what comes out are no multiples
            of 1/255 from 0 to 1, within the rounding of the floats.
        """
        if rows.dtype.kind != "f":
            msg = f"normalize is {self} for {rows.name} of {rows.dtype}; allowed: with floats, which pixels become by that"
            raise InputError(msg)
        mean, std = (WHITE * _spread(one, rows.point, rows.name, self) for one in self)
        spacing = max(float(np.finfo(rows.dtype).eps), float(np.finfo(np.float32).eps))  # many were float32 once
        near = min(SURE, WHITE * ROUNDED * spacing)

        def undo(block: NDArray[Any], start: int) -> NDArray[Any]:
            with np.errstate(over="ignore", invalid="ignore"):
                levels = block.astype(np.float64) * std + mean
                nearest = np.rint(levels)
                wrong = ~((np.abs(levels - nearest) <= near) & (nearest >= 0) & (nearest <= WHITE))
            if wrong.any():
                row, column = np.argwhere(wrong)[0].tolist()
                number = float(block[row, column]), levels[row, column] / WHITE
                raise self._wrong(rows.name, number, (start + row, column), coarse=_is_coarse(block))
            return nearest.astype(np.uint8)

        return rows.mapped(undo, np.uint8)

    def _wrong(self, name: str, number: tuple[float, float], place: tuple[int, int], *, coarse: bool) -> InputError:
        """Return what is said of the first number that no pixel becomes by this, and of what is made of it."""
        what = f"normalize is {self}, which makes {number[1]:.6g} of {name}'s {number[0]:.6g} in row {place[0]}, coordinate {place[1]}"
        msg = f"{what}; allowed: the mean and std that pixels of bytes, in [0, 1], were normalized by"
        if max(map(abs, self.mean)) > 1:
            msg += f" (of pixels from 0 to {WHITE}: divide both by {WHITE})"
        elif coarse:
            msg += (
                " (these were rounded to bfloat16, which cannot tell gray levels apart: give them as they were before)"
            )
        return InputError(msg)


def _is_coarse(block: NDArray[Any]) -> bool:
    """Return whether all numbers have no more digits than bfloat16 holds: the first half of a float32."""
    return bool(np.isfinite(block).all()) and not (block.astype(np.float32).view(np.uint32) << 16).any()


def check_normalize(normalize: Any) -> Normalize | None:  # noqa: ANN401
    """Return how images were normalized: means and standard deviations, in a pair, or in a text with a / between.

    InputError for anything else.
    """
    if normalize is None or isinstance(normalize, Normalize):
        return normalize
    try:
        parts = normalize.split("/") if isinstance(normalize, str) else list(islice(normalize, 3))
        parts = [[float(one) for one in part.split(",")] if isinstance(part, str) else part for part in parts]
        mean, std = (as_floats(values_of(part, "normalize"), "normalize") for part in parts)
    except Exception as error:  # other than a pair, or of anything but numbers
        msg = f"normalize is {shown(normalize)}; {ALLOWED}"
        raise InputError(msg) from error
    alike = mean.ndim == std.ndim == 1 and (len(mean) == len(std) or 1 in (len(mean), len(std)))
    if (
        not alike
        or not np.isfinite(mean).all()
        or not ((std > 0) & (std < math.inf)).all()
        or 0 in mean.shape + std.shape
    ):
        msg = f"normalize is {shown(normalize)}; {ALLOWED}"
        raise InputError(msg)
    return Normalize(tuple(mean.tolist()), tuple(std.tolist()))


def _spread(numbers: tuple[float, ...], point: tuple[int, ...], name: str, given: Normalize) -> NDArray[np.float64]:
    """Return the number of the channel of each coordinate: channels are the first axis of an image, or the last."""
    n = len(numbers)
    axes = [axis for axis in (0, -1) if len(point) == 3 and point[axis] == n]
    if n > 1 and len(axes) != 1:
        shapes = f"(n, {n}, h, w) or (n, h, w, {n})"
        which = ", of which only one is true" if axes else ""
        msg = f"normalize is {given} for {name} with points of shape {point}; allowed: images of {n} channels, {shapes}{which}"
        raise InputError(msg)
    shape = [1, 1, 1]
    if axes and n > 1:
        shape[axes[0]] = n
        return np.broadcast_to(np.reshape(numbers, shape), point).ravel()
    return np.full(math.prod(point), numbers[0])
