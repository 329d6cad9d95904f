"""Figures for files: as tall as they must be, written whole, in the user's settings; and axes that the user gave."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numbaconc.data.files import replacing
from numbaconc.errors import InputError, said, shown
from numbaconc.show.pictures import style

SMALL_PRINT = 8.0  # points, unless the user's settings have another size
DOTS_PER_INCH = 200
LABELS = ("ε, ", "α, ", "q, ", "T, ", "strength of the expansion, ")  # how those of horizontal axes begin
BETWEEN = 0.12  # inches from one row to the next
# Which have letters that other fonts may lack, where they are there: the first comes with Matplotlib.
FALLBACKS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Malgun Gothic")
NO_LETTER = r"Glyph \d+ \(.*\) missing from font"  # how Matplotlib's warning of a letter begins
UNDATED: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def settings() -> dict[Any, Any]:
    """Return what pictures in files need beside the user's settings: fonts that are embedded whole, no dates."""
    from matplotlib.font_manager import get_font_names

    import matplotlib as mpl  # isort: skip

    own: dict[Any, Any] = {"pdf.fonttype": 42, "svg.hashsalt": "numbaconc"}
    there = set(get_font_names())
    own["font.family"] = [*mpl.rcParams["font.family"], *(name for name in FALLBACKS if name in there)]
    if mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]:
        own["font.size"] = SMALL_PRINT
    return own


@contextlib.contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Any]:
    """Yield a figure for a file, of a size in inches, or larger for large letters; it is written before the block ends."""
    from matplotlib.figure import Figure

    import matplotlib as mpl  # isort: skip

    with mpl.rc_context(settings()):
        yield Figure(figsize=(size[0] * style.enlarged(), size[1] * style.enlarged()), layout="constrained")


def axes_for(ax: Any, along: str | None = None) -> Any:  # noqa: ANN401
    """Return the axes that the user gave, or those of a new figure.

    InputError for what are no axes, and for axes with a picture of numbaconc's against something else than `along`.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(layout="constrained")[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        msg = f"ax is {shown(ax)}; allowed: axes of Matplotlib, or None for new ones"
        raise InputError(msg)
    before, legend = " ".join(ax.get_xlabel().split()), ax.get_legend()
    ours = legend is not None and before.startswith(tuple(map(style.literal, LABELS)))
    letters, asked = "".join(before.split()), "".join(style.literal(along or "").split())  # labels are wrapped anywhere
    if along is not None and ours and letters != asked:
        msg = f"ax has a picture against {before!r}, this one is against {along!r}; allowed: axes without one, or of the same"
        raise InputError(msg)
    return ax


def fit(figure: Any, heights: Sequence[float]) -> None:  # noqa: ANN401
    """Make a figure as tall as it takes for its axes to be of the largest of some heights, in inches, one for each of them.

    What stands above and below axes has room beside that. Axes of images are no taller than the images in them, which are
    as wide as the axes.
    """
    heights = [style.enlarged() * height for height in heights]
    plots = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    rows = plots[0].get_subplotspec().get_gridspec().nrows
    figure.set_figheight(
        figure.get_figheight() + 2 * max(heights) * rows
    )  # with room for any legend; then less, or more
    figure.draw_without_rendering()
    width, tall = figure.get_size_inches()
    places = [axes.get_position(original=True) for axes in plots]
    each = zip(heights, plots, places, strict=True)
    wanted = max(min(height, _ratio(axes) * place.width * width) for height, axes, place in each)
    if any(axes.images for axes in plots):  # which need not fill their places, so that legends hang within these
        figure.set_figheight(rows * (wanted + BETWEEN) + sum(_beyond(plots, row) for row in range(rows)))
    else:
        figure.set_figheight(tall + rows * (wanted - min(place.height for place in places) * tall))


def _beyond(plots: Sequence[Any], row: int) -> float:
    """Return how much, in inches, stands above and below the axes of one row of a figure that was drawn."""
    of_row = [axes for axes in plots if axes.get_subplotspec().rowspan.start == row]
    ends = [(axes.get_tightbbox(), axes.get_window_extent()) for axes in of_row]
    dots = max(every.y1 - own.y1 for every, own in ends) + max(own.y0 - every.y0 for every, own in ends)
    return float(dots / of_row[0].figure.dpi)


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
    """Say in one line what Matplotlib, or the user's settings of it, make of a picture: InputError.

    Letters that no font has are a warning, one for all of them.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", NO_LETTER)
            yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:  # a font or LaTeX is missing, among others
        msg = f"{name} cannot be drawn: {said(error)}; allowed: settings of Matplotlib that it can draw with"
        raise InputError(msg) from error
    for one in caught:
        if not re.match(NO_LETTER, str(one.message)):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if any(re.match(NO_LETTER, str(one.message)) for one in caught):
        msg = "boxes stand for letters that no font here has; font.family of Matplotlib's settings can name one that has them"
        warnings.warn(msg, stacklevel=3)
