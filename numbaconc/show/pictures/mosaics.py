"""Regions of images as images: faces on pixels, boxes, the centers of balls, and the normal of a half space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.numerals import strength
from numbaconc.regions import BallUnion, HalfSpace, RectangleComplement
from numbaconc.show.pictures import legends, style

MOST = 20  # images in a mosaic
ACROSS = 10  # in a row
FEW = 40  # faces that are marked, each on its pixel; boxes with more are shown as images
TALLEST, ALONE = 4.0, 2.2  # inches, of many images and of few in a row, which do not fill the page
FEW_ACROSS = 4
BESIDE = 6.5  # points from a marker to the letters of its channels
CHANNELS = ("red", "green", "blue")
FACES = {"upper": ("^", style.VERMILION), "lower": ("v", style.SKY)}  # markers and colors of faces
EDGE: dict[str, Any] = {"linestyle": "", "markeredgecolor": "white", "markeredgewidth": 0.6, "markersize": 6}


def draw_faces(
    axes: Any,  # noqa: ANN401
    region: RectangleComplement,
    shape: tuple[int, ...],
    mean: NDArray[np.float64] | None,
) -> legends.Drawn:
    """Mark the faces of one box on the pixels that they are of, on the mean image."""
    lower, upper = region.lower[0], region.upper[0]
    levels = np.where(np.isfinite(upper), upper, lower)  # of each face, on its own pixel
    faced = np.isfinite(levels)
    seen = levels[faced] if mean is None else np.concatenate((levels[faced], mean))
    domain = _grays(region, seen)
    plain = np.full(region.n_features, (domain[0] + domain[1]) / 2) if mean is None else mean
    image = in_order(_unit(np.where(faced, levels, plain), domain).reshape(shape), shape)
    axes.imshow(_colored(image), interpolation="nearest")
    handles = []
    for side, (marker, color) in FACES.items():
        finite = np.isfinite(getattr(region, side)[0])
        y, x, channel = np.nonzero(in_order(finite.reshape(shape), shape))
        beyond = "above" if side == "upper" else "below"
        label = f"{len(x):,} {side} face{'s' * (len(x) != 1)}: points with this pixel {beyond} it by more than ε"
        if len(x):
            axes.plot(x, y, marker, color=color, **EDGE)
            handles.append(legends.entry(label, marker=marker, color=color, **EDGE))
        if image.shape[-1] == len(CHANNELS):
            name_channels(axes, x, y, channel)
    _bare(axes)
    told = f"a marked pixel is as bright as its face{', the upper of two' if (faced & np.isfinite(lower) & np.isfinite(upper)).any() else ''}"
    told += f", on {'a gray image' if mean is None else 'the mean image'}{_stretched(domain)}; ε = {strength(region.epsilon)}"
    return legends.Drawn(ALONE, [*handles, legends.entry(told)])


def name_channels(axes: Any, x: NDArray[Any], y: NDArray[Any], channel: NDArray[Any]) -> None:  # noqa: ANN401
    """Write beside every pixel of an image in color which channels are meant, so that it is seen on any image."""
    from matplotlib.patheffects import withStroke

    letters: dict[tuple[int, int], str] = {}
    for column, row, of in sorted(zip(x.tolist(), y.tolist(), channel.tolist(), strict=True)):
        letters[column, row] = letters.get((column, row), "") + CHANNELS[of][0].upper()
    look = {"color": "white", "fontsize": style.font_size("x-small"), "ha": "center", "va": "center"}
    look["path_effects"] = [withStroke(linewidth=1.5, foreground="black")]
    middle = sum(axes.get_ylim()) / 2
    for i, (place, text) in enumerate(letters.items()):  # toward the middle, near and far in turn: neighbors have room
        away = (1 + i % 2) * (BESIDE if place[1] > middle else -BESIDE)
        axes.annotate(text, place, (0, away), textcoords="offset points", **look)


def draw_boxes(axes: Any, region: RectangleComplement, shape: tuple[int, ...]) -> legends.Drawn:  # noqa: ANN401
    """Show the lower and the upper faces of boxes as images."""
    n = min(len(region.lower), ACROSS)
    both = np.concatenate((region.lower[:n], region.upper[:n]))
    domain = _grays(region, both[np.isfinite(both)])
    images = []
    for side in ("lower", "upper"):
        faces = np.clip(getattr(region, side)[:n], *domain)
        images += [in_order(face.reshape(shape), shape) for face in _unit(faces, domain)]
    texts = [str(i + 1) for i in range(n)] if n > 1 else [""]
    height = _mosaic(axes, images, [*[""] * n, *texts], n, ("lower", "upper"))
    shown = "" if n == len(region.lower) else f"{n} of {len(region.lower):,} boxes; "
    told = f"{shown}E is what lies outside of all boxes, enlarged by ε = {strength(region.epsilon)} beyond these faces"
    return legends.Drawn(height, [legends.entry(told + _stretched(domain))])


def draw_balls(axes: Any, region: BallUnion, shape: tuple[int, ...]) -> legends.Drawn:  # noqa: ANN401
    """Show the centers of balls as images, each with its radius."""
    n = min(len(region.radii), MOST)
    centers = region.centers[:n]
    domain = _ends(centers)
    images = [in_order(center.reshape(shape), shape) for center in _unit(centers, domain)]
    height = _mosaic(axes, images, [f"{radius:.3g}" for radius in region.radii[:n]], min(n, ACROSS), ())
    parts = f"{n} of {len(region.radii):,} balls; " if n < len(region.radii) else ""
    told = f"{parts}E is the union of the ℓ2 balls around these centers, with the radii below them"
    return legends.Drawn(height, [legends.entry(told + _stretched(domain))])


def draw_normal(axes: Any, region: HalfSpace, shape: tuple[int, ...]) -> legends.Drawn:  # noqa: ANN401
    """Show the normal of a half space: bright where more brings a point into it, dark where less does."""
    planes = np.moveaxis(in_order(region.w.reshape(shape), shape), -1, 0)
    most = float(np.abs(region.w).max())
    names = list(CHANNELS) if len(planes) == 3 else [""]
    height = _mosaic(axes, list(planes), names, len(planes), (), limits=(-most, most))
    bar = axes.figure.colorbar(axes.images[0], ax=axes, ticks=[-most, 0, most])
    bar.set_ticks([-most, 0, most], labels=[f"{-most:.2g}", "0", f"{most:.2g}"], fontsize=style.font_size("small"))
    told = "E is where w · x > b: the normal w, by the weight of each pixel; mid-gray is none"
    return legends.Drawn(height, [legends.entry(told)])


def in_order(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an image as height, width and channel, also of one that has its channels first or none."""
    if len(shape) == 2:
        return values.reshape(*shape, 1)
    return values if shape[-1] in (1, 3) else np.moveaxis(values, 0, -1)


def _mosaic(
    axes: Any,  # noqa: ANN401
    images: Sequence[NDArray[Any]],
    texts: Sequence[str],
    across: int,
    rows: Sequence[str],
    limits: tuple[float, float] | None = None,
) -> float:
    """Draw images in rows of so many, a text below each and one beside each row; numbers in gray between the limits.

    Return how tall the axes are to be.
    """
    h, w = images[0].shape[:2]
    down, width = math.ceil(len(images) / across), style.width_of(axes)
    size = style.font_size("x-small")
    tallest = TALLEST if across >= FEW_ACROSS else ALONE
    pixel = min(width / (across * w), tallest / (down * h))  # inches
    broadest = (max(map(len, texts)) + 1) * style.LETTER * size / 72
    gap = max(1, round(0.04 * w), math.ceil(broadest / pixel) - w)
    pixel = min(pixel, width / (across * (w + gap)))
    room = [
        gap if not any(texts[r * across : (r + 1) * across]) else math.ceil(1.5 * size / 72 / pixel)
        for r in range(down)
    ]
    tops = np.cumsum([0, *(h + gap for gap in room)])
    canvas = np.full(
        (tops[-1], across * (w + gap) - gap, *((4,) if limits is None else ())), 0.0 if limits is None else np.nan
    )
    for i, image in enumerate(images):
        top, left = tops[i // across], (i % across) * (w + gap)
        canvas[top : top + h, left : left + w] = _colored(image) if limits is None else image
        if texts[i]:
            axes.text(
                left + w / 2 - 0.5,
                top + h,
                style.literal(texts[i]),
                parse_math=False,
                fontsize=size,
                ha="center",
                va="top",
            )
    gray = {} if limits is None else {"cmap": "gray", "vmin": limits[0], "vmax": limits[1]}
    axes.imshow(canvas, interpolation="nearest", **gray)
    _bare(axes)
    if rows:
        axes.set_yticks(
            [top + h / 2 - 0.5 for top in tops[:-1]], [style.literal(row) for row in rows], parse_math=False
        )
        axes.tick_params(axis="y", length=0)
    return tallest


def _colored(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return red, green, blue and opacity of an image in [0, 1], gray where it has one channel."""
    colors = image if image.shape[-1] == 3 else np.repeat(image, 3, axis=-1)
    return np.concatenate((np.clip(colors, 0, 1), np.ones((*image.shape[:2], 1))), axis=-1)


def _grays(region: RectangleComplement, values: NDArray[np.float64]) -> tuple[float, float]:
    """Return what is black and what is white: the ends of the domain or, where there is none, of what is seen."""
    known = None if region.space is None else region.space.domain
    return _ends(values) if known is None else known


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return [0, 1] for what lies in it, otherwise the least and the largest of some numbers, or one of them and 0."""
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _stretched(domain: tuple[float, float]) -> str:
    return "" if domain == (0.0, 1.0) else f", gray from {domain[0]:.3g} to {domain[1]:.3g}"


def _unit(values: NDArray[np.float64], domain: tuple[float, float]) -> NDArray[np.float64]:
    low, high = domain
    scaled: NDArray[np.float64] = (values - low) / ((high - low) or 1.0)
    return scaled


def _bare(axes: Any) -> None:  # noqa: ANN401
    axes.set_facecolor("none")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
