"""Figures for files: as tall as they must be, written whole, in the user's settings; and axes that the user gave."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numbaconc.data.files import replacing
from numbaconc.errors import InputError, said, shown

SMALL_PRINT = 8.0  # points, unless the user's settings have another size
DOTS_PER_INCH = 200
NEAR, ROUNDS = 0.02, 6  # inches by which a height may be missed, and how often it is tried
FALLBACK = "DejaVu Sans"  # which comes with Matplotlib, and has the letters that other fonts may lack
UNDATED: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def settings() -> dict[Any, Any]:
    """Return what pictures in files need beside the user's settings: fonts that are embedded whole, no dates."""
    import matplotlib as mpl

    own: dict[Any, Any] = {"pdf.fonttype": 42, "svg.hashsalt": "numbaconc"}
    own["font.family"] = [*mpl.rcParams["font.family"], FALLBACK]
    if mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]:
        own["font.size"] = SMALL_PRINT
    return own


@contextlib.contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Any]:
    """Yield a figure for a file, of a size in inches; it is written before the block ends."""
    from matplotlib.figure import Figure

    import matplotlib as mpl  # isort: skip

    with mpl.rc_context(settings()):
        yield Figure(figsize=size, layout="constrained")


def axes_for(ax: Any) -> Any:  # noqa: ANN401
    """Return the axes that the user gave, or those of a new figure; InputError for what are no axes."""
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(layout="constrained")[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        msg = f"ax is {shown(ax)}; allowed: axes of Matplotlib, or None for new ones"
        raise InputError(msg)
    return ax


def fit(figure: Any, height: float) -> None:  # noqa: ANN401
    """Make a figure as tall as it takes for its axes to be of a height, in inches, beside what stands above and below them.

    Axes of images are no taller than the images in them, which are as wide as the axes.
    """
    plots = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    rows = plots[0].get_subplotspec().get_gridspec().nrows
    figure.set_figheight(figure.get_figheight() + 2 * height * rows)  # with room for any legend; then less, or more
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
        width, tall = figure.get_size_inches()
        places = [axes.get_position(original=True) for axes in plots]
        wanted = [min(height, _ratio(axes) * place.width * width) for axes, place in zip(plots, places, strict=True)]
        missed = max(wanted) - min(place.height for place in places) * tall
        if abs(missed) < NEAR:
            return
        figure.set_figheight(max(NEAR, tall + rows * missed))
        if not any(axes.images for axes in plots):  # what stands beside such axes does not change with their height
            return


def _ratio(axes: Any) -> float:  # noqa: ANN401
    """Return how much taller than wide the image on axes is; infinity where there is none."""
    if not axes.images:
        return math.inf
    rows, columns = axes.images[0].get_array().shape[:2]
    return float(rows / columns)


def write(figure: Any, path: str | Path, kind: str | None = None) -> None:  # noqa: ANN401
    """Write a figure to a PNG, SVG or PDF file, by its suffix unless the format is given, as a whole or not at all."""
    import matplotlib as mpl

    own = mpl.rcParams["savefig.dpi"]
    with replacing(path) as part:
        dots = DOTS_PER_INCH if own == "figure" else own
        suffix = part.suffix.lower() if kind is None else f".{kind}"
        figure.savefig(part, dpi=dots, metadata=UNDATED.get(suffix), format=kind)


@contextlib.contextmanager
def drawing(name: str) -> Iterator[None]:
    """Say in one line what Matplotlib, or the user's settings of it, make of a picture: InputError."""
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:  # a font or LaTeX is missing, among others
        msg = f"{name} cannot be drawn: {said(error)}; allowed: settings of Matplotlib that it can draw with"
        raise InputError(msg) from error
