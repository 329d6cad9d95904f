"""Several panels in one figure: titles above them, and below them legends that say the same thing once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numbaconc.show.pictures import canvas, legends, style

ROOM = 1.6  # by which a figure is taller than its axes, before it is known what stands above and below them


class Panel(NamedTuple):
    """What makes one panel."""

    title: str
    draw: Callable[[Any], Any]  # on axes; returns the height that they are to have, in inches, where that matters
    kind: str = ""  # which of the pictures that there are


def lay_out(figure: Any, panels: Sequence[Panel], across: int, height: float, *, shared: bool = False) -> None:  # noqa: ANN401
    """Draw panels in rows of so many, and make a figure as tall as that takes.

    `height` is that of axes, in inches, unless panels say one; `shared` gives all of them one vertical scale.
    """
    rows = -(-len(panels) // across)
    figure.set_figheight(ROOM * style.enlarged() * height * rows)
    grid = figure.subplots(rows, across, sharey=shared, squeeze=False).ravel()
    used = grid[: len(panels)]
    drawn = [panel.draw(axes) for panel, axes in zip(panels, used, strict=True)]
    for panel, axes in zip(panels, used, strict=True):
        legends.put_title(axes, panel.title)
    for axes in grid[len(panels) :]:
        axes.remove()
    _spare_legends(used)
    _spare_labels(used, across, shared=shared)
    canvas.fit(figure, [one if isinstance(one, float) else height for one in drawn])


def _spare_legends(grid: Sequence[Any]) -> None:
    """Leave out legends that say the same as one of a later row, or as one to the left of them."""
    said: dict[tuple[str, ...], tuple[int, Any]] = {}
    for axes in grid:
        if (legend := axes.get_legend()) is None:
            continue
        texts, row = tuple(text.get_text() for text in legend.get_texts()), axes.get_subplotspec().rowspan.start
        before = said.get(texts)
        if before is not None and before[0] == row:
            legend.remove()
            continue
        if before is not None:
            before[1].remove()
        said[texts] = row, legend


def _spare_labels(grid: Sequence[Any], across: int, *, shared: bool) -> None:
    """Leave out labels of axes that stand beside or above the same ones; ticks of a vertical scale that is shared, too."""
    beside = [bool(i % across) and axes.get_ylabel() == grid[i - 1].get_ylabel() for i, axes in enumerate(grid)]
    for axes in (axes for axes, again in zip(grid, beside, strict=True) if again):
        axes.set_ylabel("")
        if shared:
            axes.tick_params(axis="y", label1On=False)
    for axes, below in zip(grid, grid[across:], strict=False):
        if axes.get_legend() is None and axes.get_xlabel() == below.get_xlabel():
            axes.set_xlabel("")
