"""Pictures of regions: of images as mosaics, of tables as named faces."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from numbaconc.data.conversion import values_of
from numbaconc.data.sample import Sample
from numbaconc.data.space import IMAGE
from numbaconc.errors import InputError, check_count, shown
from numbaconc.regions import BallUnion, HalfSpace, RectangleComplement, Region, Sublevel
from numbaconc.show.pictures import canvas, faces, legends, mosaics

MOVED = "drawn as it was found: its border was moved since, so that the region holds fewer points or more"
SMALLEST = 8  # pixels, the side of an image that rows are taken for


def plot_region(
    region: Region,
    X: ArrayLike | Sample | None = None,
    ax: Any = None,  # noqa: ANN401
    *,
    shape: tuple[int, ...] | None = None,
) -> Any:  # noqa: ANN401
    """Draw what a region holds: of images as images, of a table by the names of its columns.

    Of images: few faces on the pixels that they are of, boxes by their lower and upper faces, balls by their centers, a half
    space by its normal. Of a table: faces in each column's own units, with the region and its expansion beyond them;
    weights of a half space; centers of balls. A region whose border was moved is drawn as it was before.

    Parameters
    ----------
    region : Region
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c), optional
        Points of its kind: faces are then drawn on the mean image, and within the range of each column.
    ax : Axes, optional
        Axes of Matplotlib to draw on; of a new figure if not given.
    shape : tuple of int, optional
        Of one image, (h, w), (h, w, c) or (c, h, w). If not given, that of the points that the region was found on; rows of
        numbers in [0, 1] without names that make a square are taken for gray images.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If there is no picture of such a region, or an argument is not allowed.
    """
    draw = picture_of(region, X, shape)
    axes = canvas.axes_for(ax)
    draw(axes)
    return axes


def picture_of(region: Region, X: ArrayLike | Sample | None, shape: tuple[int, ...] | None) -> Callable[[Any], float]:
    """Return what draws a region on axes, and returns how tall they are to be; InputError if there is no such picture."""
    given: object = region
    if not isinstance(given, Region):
        msg = f"region is {shown(region)}; allowed: a numbaconc.Region"
        raise InputError(msg)
    base = region.base if isinstance(region, Sublevel) else region
    sample = None if X is None else base._sample(X)
    draw = _of_family(base, sample, shape_of(region, shape))
    if draw is None:
        kinds = ", ".join(one.__name__ for one in (RectangleComplement, BallUnion, HalfSpace))
        msg = f"region is {shown(region)}; allowed: one of a family that there is a picture of, {kinds}"
        raise InputError(msg)

    def drawn(axes: Any) -> float:  # noqa: ANN401
        height, handles, names = draw(axes)
        moved = [legends.entry(MOVED)] if isinstance(region, Sublevel) else []
        legends.put_legend(axes, [*handles, *moved], names)
        return height

    return drawn


def _of_family(
    base: Region, sample: Sample | None, image: tuple[int, ...] | None
) -> Callable[[Any], legends.Drawn] | None:
    """Return what draws a region of a family, as an image or by columns; None where no picture of it is known."""
    if isinstance(base, RectangleComplement):
        return partial(_draw_boxes, base=base, sample=sample, image=image)
    if isinstance(base, BallUnion):
        by_column = partial(faces.draw_centers, region=base)
        return by_column if image is None else partial(mosaics.draw_balls, region=base, shape=image)
    if isinstance(base, HalfSpace):
        by_column = partial(faces.draw_weights, region=base)
        return by_column if image is None else partial(mosaics.draw_normal, region=base, shape=image)
    return None


def _draw_boxes(
    axes: Any,  # noqa: ANN401
    base: RectangleComplement,
    sample: Sample | None,
    image: tuple[int, ...] | None,
) -> legends.Drawn:
    n_faces = int(np.isfinite(base.lower).sum() + np.isfinite(base.upper).sum())
    if image is not None:
        if len(base.lower) == 1 and n_faces <= mosaics.FEW:
            mean = None if sample is None else sample.coordinates(sample.X.mean(axis=0, dtype=np.float64))
            return mosaics.draw_faces(axes, base, image, mean)
        return mosaics.draw_boxes(axes, base, image)
    seen = None
    if sample is not None:
        ends = sample.coordinates(np.array([sample.X.min(axis=0), sample.X.max(axis=0)], np.float64))
        seen = faces.Range(*ends)
    return (faces.draw_faces if len(base.lower) == 1 else faces.draw_boxes)(axes, base, seen)


def shape_of(region: Region, shape: object = None) -> tuple[int, ...] | None:
    """Return the shape of an image of the points that a region is of; None where they are none."""
    own = region.shape
    is_image = len(own) == 2 or (len(own) == 3 and bool({own[0], own[-1]} & {1, 3}))
    if shape is not None:
        given = _checked(shape, region.n_features)
        if is_image and given != own:
            msg = f"shape is {shown(shape)}; allowed: {own}, which the points have that the region was found on"
            raise InputError(msg)
        return given
    if len(own) > 1:
        return own if is_image else None
    side = side_of(region)
    return None if side is None else (side, side)


def side_of(region: Region, channels: int = 1) -> int | None:
    """Return the side of the square images of so many channels that rows of numbers in [0, 1] may be; None if they are none."""
    side = math.isqrt(region.n_features // channels)
    known = region.space is not None and region.space.domain == IMAGE and region.columns is None
    bare = known and len(region.shape) == 1
    return side if bare and side >= SMALLEST and channels * side * side == region.n_features else None


def _checked(shape: object, n_features: int) -> tuple[int, ...]:
    """Return the shape of an image; InputError for one that the points do not have."""
    given = values_of(shape, "shape")
    sides = tuple(check_count("shape", side) for side in given) if 2 <= len(given) <= 3 else ()
    if (
        len(sides) not in (2, 3)
        or math.prod(sides) != n_features
        or (len(sides) == 3 and not {sides[0], sides[-1]} & {1, 3})
    ):
        msg = f"shape is {shown(shape)}; allowed: (h, w), (h, w, c) or (c, h, w) of {n_features} numbers, c 1 or 3"
        raise InputError(msg)
    return sides
