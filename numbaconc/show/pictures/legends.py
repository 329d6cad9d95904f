"""What is written around axes: titles, labels, legends that cover nothing, and bars of colors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numbaconc.show.pictures import style

SQUAT = 1.5  # inches, of axes that are not about to become taller
MARGIN, HANDLE = 0.3, 3.8  # inches that ticks take beside axes; ems of what stands before words in a legend


def put_title(axes: Any, text: object) -> None:  # noqa: ANN401
    """Put a title above axes, in as many lines as it takes."""
    size = style.font_size("medium")
    axes.set_title(style.literal(style.wrapped(text, style.width_of(axes), size)), fontsize=size, parse_math=False)


def label_axes(axes: Any, along: str, up: str) -> None:  # noqa: ANN401
    """Label both axes, in as many lines as it takes."""
    size = style.font_size("medium")
    axes.set_xlabel(style.literal(style.wrapped(along, style.width_of(axes), size)), parse_math=False)
    height = axes.get_window_extent().height / axes.figure.dpi
    axes.set_ylabel(
        style.literal(style.wrapped(up, max(height, 2.2) if height > SQUAT else height, size)), parse_math=False
    )


def from_zero(axes: Any) -> None:  # noqa: ANN401
    """Let both axes begin at 0 and end beyond all that is drawn, also on axes that share one with these."""
    from matplotlib.ticker import MaxNLocator

    axes.set_autoscaley_on(True)
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, 1.04 * axes.dataLim.x1)
    axes.xaxis.set_major_locator(MaxNLocator(min(9, max(2, int(2 * style.width_of(axes)))), steps=[1, 2, 2.5, 5, 10]))


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


def put_legend(axes: Any, handles: Sequence[Any], names: float = 0.0) -> None:  # noqa: ANN401
    """Put a legend below axes and what labels them, where it covers nothing; one entry of each label.

    `names` is how wide the names beside the axes are, in inches, if they are wider than ticks: so much less is there.
    Pictures that are laid out with `layout="constrained"`, as those that numbaconc makes are, have room for it there.
    """
    from matplotlib.transforms import ScaledTranslation

    entries: Mapping[str, Any] = {handle.get_label(): handle for handle in reversed(handles)}
    if not entries:
        return
    size, base = style.font_size("small"), style.font_size("medium")
    n_lines = 1 + axes.get_xlabel().count("\n") if axes.get_xlabel() else 0
    ticks = axes.xaxis.get_tick_padding() + 1.5 * base if len(axes.get_xticks()) else 0
    down = ticks + axes.xaxis.labelpad + 1.35 * base * n_lines
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
