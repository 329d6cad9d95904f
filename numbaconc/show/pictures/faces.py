"""Regions of tables by the names of their columns: faces in each column's own units, weights, centers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.errors import shortened
from numbaconc.numerals import strength
from numbaconc.regions import BallUnion, HalfSpace, RectangleComplement, Region
from numbaconc.show.pictures import legends, style

MOST_ROWS = 20  # columns of a table that are shown
ROW, LOW_ROW = 0.34, 0.24  # inches; of rows that nothing is written in
HALF = 0.2  # of the height of a bar, in rows
EDGE = 0.2  # of a row, where what is written begins or ends at its place
NAME_LETTERS, NAME_WIDTH = 40, 1.25  # of a column's name: letters, and inches
MOST_BOXES = 4
AROUND = 2.5  # of a face whose column's range is not known: so many epsilons to either side are shown
RANGE_TOLD = "a row is the range of its column"
AROUND_TOLD = "a row is what lies around its faces, in units of the column"
DIGITS = 4


class Range(NamedTuple):
    """The range of each column, shape (d,), on epsilon's scale."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def draw_faces(axes: Any, region: RectangleComplement, seen: Range | None) -> legends.Drawn:  # noqa: ANN401
    """Draw the faces of one box, a row for each column that has one.

    In every row the region is what lies beyond the borders, its expansion by ε what lies beyond the stored faces.
    """
    faces = {"upper": region.upper[0], "lower": region.lower[0]}
    finite = np.isfinite(faces["upper"]) | np.isfinite(faces["lower"])
    columns = np.flatnonzero(finite)
    rows = columns[:MOST_ROWS]
    eps, edge, beyond = region.epsilon, style.ink(axes), style.on(axes, style.CERTIFIED)
    for row, column in enumerate(rows):
        low, high = _seen_of(region, column, seen)
        place = _placing(low, high)
        axes.plot([0, 1], [row, row], color=style.faint(axes), linewidth=1, zorder=1)
        for side, sign in (("upper", 1), ("lower", -1)):
            face = float(faces[side][column])
            if not np.isfinite(face):
                continue
            border, end = face + sign * eps, 1.0 if sign > 0 else 0.0
            inner, outer = place(face), place(border)
            axes.barh(row, end - outer, 2 * HALF, outer, color=beyond, linewidth=0)
            axes.barh(row, outer - inner, 2 * HALF, inner, color=beyond, alpha=0.3, linewidth=0)
            marker = ">" if sign > 0 else "<"
            axes.plot(outer, row, marker=marker, color=edge, markersize=4, zorder=3)
            text = f"{'>' if sign > 0 else '<'} {_number(region, border, column)}"
            near = {"textcoords": "offset points", "fontsize": style.font_size("x-small"), "parse_math": False}
            side_of = "left" if outer < EDGE else "right" if outer > 1 - EDGE else "center"
            axes.annotate(style.literal(text), (outer, row - HALF), (0, 1), ha=side_of, va="bottom", **near)
    height, names = _name_rows(axes, region, rows, ROW)
    axes.set_xlim(-0.03, 1.03)
    _mark_ends(axes, seen)
    handles: list[Any] = [
        legends.area("E: the points beyond one of the borders, which are named", beyond),
        legends.area(f"its expansion by ε = {strength(eps)}, to the faces that are stored", beyond, 0.3),
    ]
    unit = region.epsilon_unit
    notes = [
        _cut(len(rows), len(columns), "columns with a face"),
        RANGE_TOLD if seen else AROUND_TOLD,
        f"ε {unit}" if unit else "",
    ]
    handles += [legends.entry("; ".join(filter(None, notes)))] if any(notes) else []
    return legends.Drawn(height, handles, names)


def draw_boxes(axes: Any, region: RectangleComplement, seen: Range | None) -> legends.Drawn:  # noqa: ANN401
    """Draw the intervals of several boxes, a row for each column, those that bound most narrowly first."""
    n = min(len(region.lower), MOST_BOXES)
    lower, upper = region.lower[:n], region.upper[:n]
    finite = (np.isfinite(lower) | np.isfinite(upper)).any(axis=0)
    columns = np.flatnonzero(finite)
    ends = np.array([_seen_of(region, int(column), seen) for column in columns]).reshape(-1, 2)
    widths = [
        np.mean((np.minimum(upper[:, c], high) - np.maximum(lower[:, c], low)) / ((high - low) or 1.0))
        for c, (low, high) in zip(columns, ends, strict=True)
    ]
    order = np.argsort(widths, kind="stable")[:MOST_ROWS]
    colors = [style.on(axes, color) for color in style.CATEGORIES]
    for row, at in enumerate(order):
        column, (low, high) = columns[at], ends[at]
        place = _placing(low, high)
        axes.plot([0, 1], [row, row], color=style.faint(axes), linewidth=0.6, zorder=1)
        for box in range(n):
            y = row + 0.6 * ((box + 0.5) / n - 0.5)
            span = [place(max(low, lower[box, column])), place(min(high, upper[box, column]))]
            axes.plot(span, [y, y], color=colors[box], marker=style.MARKERS[box], markersize=3, linewidth=1.5)
    height, names = _name_rows(axes, region, columns[order], ROW)
    axes.set_xlim(-0.03, 1.03)
    _mark_ends(axes, seen)
    handles = [
        legends.entry(f"box {i + 1}", color=colors[i], marker=style.MARKERS[i], markersize=3, linestyle="-")
        for i in range(n)
    ]
    notes = [
        f"E is what lies outside of all boxes, enlarged by ε = {strength(region.epsilon)} beyond these faces",
        _cut(n, len(region.lower), "boxes"),
        _cut(len(order), len(columns), "columns, those that the boxes bound most narrowly"),
        RANGE_TOLD if seen else AROUND_TOLD,
    ]
    return legends.Drawn(height, [*handles, legends.entry("; ".join(filter(None, notes)))], names)


def draw_weights(axes: Any, region: HalfSpace) -> legends.Drawn:  # noqa: ANN401
    """Draw the normal of a half space, a bar for each column, the largest weights first."""
    rows = np.argsort(-np.abs(region.w), kind="stable")[:MOST_ROWS]
    weights = region.w[rows]
    axes.barh(
        range(len(rows)),
        np.maximum(weights, 0),
        0.6,
        color=style.on(axes, style.CERTIFIED),
        label="more brings a point into E",
    )
    hatched = {"hatch": "////", "edgecolor": style.on(axes, style.MEASURED), "color": "none"}
    axes.barh(range(len(rows)), np.minimum(weights, 0), 0.6, label="less brings a point into E", **hatched)
    axes.axvline(0, color=style.faint(axes), linewidth=1)
    height, names = _name_rows(axes, region, rows, LOW_ROW)
    legends.spread_ticks(axes)
    legends.label_axes(axes, "w, weight of the column", "")
    scaled = region.space is not None and region.space.scaling is not None
    note = f"E is where w · x > b, b = {region.b:.4g}{f', x {region.epsilon_unit}' if scaled else ''}"
    note = "; ".join(filter(None, [note, _cut(len(rows), len(region.w), "columns, those of the largest weights")]))
    return legends.Drawn(height, [*axes.containers, legends.entry(note)], names)


def draw_centers(axes: Any, region: BallUnion) -> legends.Drawn:  # noqa: ANN401
    """Draw the centers of balls, a row for each column, a marker for each ball."""
    n = min(len(region.radii), len(style.MARKERS))
    spread = np.ptp(region.centers[:n], axis=0) if n > 1 else np.abs(region.centers[0])
    rows = np.argsort(-spread, kind="stable")[:MOST_ROWS]
    colors = style.shades(axes, n)
    for ball in range(n):
        look = {"color": colors[ball], "marker": style.MARKERS[ball], "markersize": 4, "linestyle": ""}
        label = f"ball {ball + 1}, radius {region.radii[ball]:.3g}"
        axes.plot(region.centers[ball, rows], range(len(rows)), label=label, **look)
    axes.grid(axis="y", color=style.faint(axes), linewidth=0.3)
    height, names = _name_rows(axes, region, rows, LOW_ROW)
    unit = region.epsilon_unit
    legends.spread_ticks(axes)
    legends.label_axes(axes, f"coordinate of the center{', ' if unit else ''}{unit}", "")
    notes = [_cut(n, len(region.radii), "balls"), _cut(len(rows), region.n_features, "columns, those that differ most")]
    note = "; ".join(["E is the union of the balls", *filter(None, notes)])
    return legends.Drawn(height, [*axes.get_legend_handles_labels()[0], legends.entry(note)], names)


def name_of(region: Region, column: int) -> str:
    """Return what a column is called, shortly."""
    return shortened(region.columns[column], NAME_LETTERS) if region.columns else f"column {column}"


def _name_rows(
    axes: Any,  # noqa: ANN401
    region: Region,
    columns: Sequence[int] | NDArray[np.intp],
    row: float,
) -> tuple[float, float]:
    """Put the names of columns beside their rows, the first one at the top.

    `row` is the least height of a row, in inches; where a name takes several lines, rows are taller. Return how tall the axes
    are to be, and how wide the names are.
    """
    size = style.font_size("small")
    names = [style.wrapped(name_of(region, int(column)), NAME_WIDTH, size) for column in columns]
    axes.set_yticks(range(len(names)), list(map(style.literal, names)), fontsize=size, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    every = [line for name in names for line in name.split("\n")]
    lines = max(name.count("\n") + 1 for name in names)
    wide = max(map(len, every)) * style.LETTER * size / 72
    return max(row, 1.3 * lines * size / 72) * (len(names) + 0.3), wide


def _mark_ends(axes: Any, seen: Range | None) -> None:  # noqa: ANN401
    """Say what the ends of rows are, where that is known."""
    if seen is None:
        axes.set_xticks([])
    else:
        axes.set_xticks([0, 1], ["least", "largest"])


def _seen_of(region: RectangleComplement, column: int, seen: Range | None) -> tuple[float, float]:
    """Return what is seen of a column: what the points have, faces and borders included, or a little around its faces."""
    ends = np.concatenate((region.lower[:, column] - region.epsilon, region.upper[:, column] + region.epsilon))
    own = ends[np.isfinite(ends)]
    if seen is None:
        return float(own.min() - AROUND * region.epsilon), float(own.max() + AROUND * region.epsilon)
    return float(min(own.min(), seen.low[column])), float(max(own.max(), seen.high[column]))


def _placing(low: float, high: float) -> Any:  # noqa: ANN401
    return lambda value: (value - low) / ((high - low) or 1.0)


def _number(region: Region, value: float, column: int) -> str:
    """Write a border in the units of its column, as it was before it was divided by anything."""
    scaling = None if region.space is None else region.space.scaling
    return f"{value * (1.0 if scaling is None else scaling.factors[column]):.{DIGITS}g}"


def _cut(n: int, every: int, what: str) -> str:
    return "" if n == every else f"{n:,} of {every:,} {what}"
