"""What is written around axes: titles, labels, legends that cover nothing, and bars of colors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from numbaconc.numerals import exact
from numbaconc.show.pictures import style

TICK = 4  # ems from one tick to the next, at least
MARGIN, HANDLE = 0.3, 3.8  # inches that ticks take beside axes; ems of what stands before words in a legend


def put_title(axes: Any, text: object) -> None:  # noqa: ANN401
    """Put a title above axes, in as many lines as it takes."""
    size = style.font_size("medium")
    axes.set_title(style.literal(style.wrapped(text, style.width_of(axes), size)), fontsize=size, parse_math=False)


def label_axes(axes: Any, along: str, up: str) -> None:  # noqa: ANN401
    """Label both axes, in as many lines as it takes."""
    sizes = [axis.label.get_fontsize() for axis in (axes.xaxis, axes.yaxis)]
    axes.set_xlabel(style.literal(style.wrapped(along, style.width_of(axes), sizes[0])), parse_math=False)
    axes.set_ylabel(style.literal(style.wrapped(up, style.height_of(axes), sizes[1])), parse_math=False)


def from_zero(axes: Any) -> None:  # noqa: ANN401
    """Let both axes begin at 0 and end beyond all that is drawn, also on axes that share one with these."""
    axes.set_autoscaley_on(True)
    axes.autoscale_view(scalex=False)
    bottom, top = axes.get_ylim()
    axes.set_ylim(0, top + axes.margins()[1] * max(0, bottom))  # as if the margin were one of data from 0
    axes.set_xlim(0, 1.04 * axes.dataLim.x1)
    spread_ticks(axes)


def spread_ticks(axes: Any) -> None:  # noqa: ANN401
    """Let a horizontal axis have no more ticks than there is room for their numbers."""
    from matplotlib.ticker import MaxNLocator

    most = math.ceil(style.width_of(axes) * 72 / (TICK * style.font_size("medium")))
    axes.xaxis.set_major_locator(MaxNLocator(min(9, max(2, most)), steps=[1, 2, 2.5, 5, 10]))


def mark_each(axes: Any, values: Sequence[float]) -> None:  # noqa: ANN401
    """Make the horizontal axis logarithmic, with a mark at each value and nowhere else; where they are dense, some are named."""
    from matplotlib.ticker import NullLocator

    around = max(1.05, (values[-1] / values[0]) ** 0.05)
    axes.set_xscale("log")
    axes.set_xlim(values[0] / around, values[-1] * around)
    names = [f"{value:,}" if isinstance(value, int) else exact(value) for value in values]
    letter = style.LETTER * style.font_size("medium") / 72
    inches = style.width_of(axes) / math.log(values[-1] / values[0] * around**2)
    places, free = [inches * math.log(value) for value in values], math.inf
    for i in reversed(range(len(values))):  # a name has its place if it ends before the next one begins
        half = (len(names[i]) + 1) / 2 * letter
        if places[i] + half > free:
            names[i] = ""
        else:
            free = places[i] - half
    axes.set_xticks(values, names)
    axes.xaxis.set_minor_locator(NullLocator())


def in_percent(axis: Any) -> None:  # noqa: ANN401
    """Write the ticks of an axis of fractions in per cent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=None))


def entry(label: str, **look: Any) -> Any:  # noqa: ANN401
    """Return an entry of a legend: a line or a marker that looks like that, or the words alone."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **({"linestyle": ""} | look))


def area(label: str, color: str, alpha: float = 1.0) -> Any:  # noqa: ANN401
    """Return an entry of a legend for a band or a bar."""
    from matplotlib.patches import Patch

    return Patch(color=color, alpha=alpha, linewidth=0, label=label)


class Drawn(NamedTuple):
    """What was drawn: how tall its axes are to be, and what their legend says."""

    height: float  # inches
    handles: list[Any]
    names: float = 0.0  # inches, how wide the names beside the axes are


def put_legend(axes: Any, handles: Sequence[Any], names: float = 0.0) -> None:  # noqa: ANN401
    """Put a legend below axes and what labels them, where it covers nothing; one entry of each label.

    `names` is how wide the names beside the axes are, in inches, if they are wider than ticks: so much less is there.
    Pictures that are laid out with `layout="constrained"`, as those that numbaconc makes are, have room for it there.
    """
    from matplotlib.transforms import ScaledTranslation

    entries: dict[str, Any] = {handle.get_label(): handle for handle in reversed(handles)}
    if (before := axes.get_legend()) is not None:  # of what was drawn before on the same axes
        labeled = zip(filter(None, before.legend_handles), before.get_texts(), strict=True)
        old = {handle.get_label() or text.get_text(): handle for handle, text in labeled}
        entries |= {label: old[label] for label in reversed(old) if label not in entries}
    if not entries:
        return
    size, base = style.font_size("small"), style.font_size("medium")
    n_lines = 1 + axes.get_xlabel().count("\n") if axes.get_xlabel() else 0
    ticks = axes.xaxis.get_tick_padding() + 1.5 * base if len(axes.get_xticks()) else 0
    down = ticks + axes.xaxis.labelpad + 1.35 * axes.xaxis.label.get_fontsize() * n_lines
    below = axes.transAxes + ScaledTranslation(0, -down / 72, axes.figure.dpi_scale_trans)
    labels = list(entries)[::-1]
    room = style.width_of(axes) - max(0.0, names - MARGIN) - HANDLE * size / 72
    wide = max(len(label) for label in labels) * style.LETTER * size / 72 > room / 2 - 4 * size / 72
    texts = [style.literal(style.wrapped(label, room, size)) for label in labels]
    place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": below, "borderaxespad": 0}
    legend = axes.legend(
        [entries[label] for label in labels],
        texts,
        fontsize=size,
        frameon=False,
        handlelength=2.6,
        ncols=1 if wide else 2,
        **place,
    )
    for handle, label in zip(legend.legend_handles, labels, strict=True):
        handle.set_label(label)  # unbroken, and not yet as TeX has to be told it
    for text in legend.get_texts():
        text.set_parse_math(False)


def put_scale(axes: Any, values: Sequence[str], colors: Sequence[Any], label: str, most: int = 12) -> None:  # noqa: ANN401
    """Put a bar of colors beside axes, with what each of them is; where they are many, every second or third is said."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    n = len(values)
    scale = ScalarMappable(BoundaryNorm([i - 0.5 for i in range(n + 1)], n), ListedColormap(list(colors)))
    bar = axes.figure.colorbar(scale, ax=axes)
    told = range(0, n, -(-n // most))
    bar.set_ticks(
        list(told), labels=[style.literal(values[i]) for i in told], parse_math=False, fontsize=style.font_size("small")
    )
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.ax.set_title(style.literal(label), fontsize=style.font_size("small"), parse_math=False)
