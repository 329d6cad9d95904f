"""Pictures in files: of a measurement, of several results side by side, and of the panels of a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import xarray as xr

from numbaconc.errors import InputError, printable
from numbaconc.results.queries import cases, select_case
from numbaconc.results.slices import CURVES, whole
from numbaconc.show.certified import classifier_of
from numbaconc.show.pictures import style
from numbaconc.show.pictures.canvas import fit, new_figure, write
from numbaconc.show.pictures.curves import draw_classifier, plot_curve
from numbaconc.show.pictures.growth import plot_growth
from numbaconc.show.pictures.legends import put_title

PANEL_SIZE = (4.2, 3.2)  # inches
COLUMNS = 3
LETTERS_PER_INCH = 16  # of a caption


def plot_measurement(ds: xr.Dataset, path: str | Path) -> None:
    """Plot a result of `measure`, and write it to a file: PNG, SVG or PDF, by its suffix.

    One case is shown as its kept region grows. A curve is the set fixed, expanded by every strength up to the epsilon
    that its search aimed at; it starts at the region's risk. The marker at its end is the mean over the restarts, its bar
    one standard deviation. The band around the curve of the test points holds the measure of that region's expansions by
    all strengths at once, with 95% confidence; the diamonds are α and U of the certificate, which holds with 95%
    confidence by itself. The bar at epsilon, if h is bounded from below, too, reaches from that bound to U. Beside it stands the classifier, if there is one. Several cases are shown as what is certified
    and what was measured, against epsilon or alpha.

    InputError if the file cannot be written, or a slice lacks what is to be drawn.
    """
    ds = whole(ds)
    if "strength" not in ds.dims or "strength" not in ds.coords or CURVES not in ds:
        msg = f"results lack {CURVES} on strength; allowed: a result of `measure`, or a slice that keeps it"
        raise InputError(msg)
    found = list(cases(ds))
    several = len(found) > 1
    here = select_case(ds, found[0])
    classifier = None if several else classifier_of(here, found[0]["epsilon"])
    with new_figure((style.DOUBLE, style.HEIGHTS[2])) as figure:
        grid = figure.subplots(1, 2 if classifier else 1, squeeze=False)[0]
        names = printable(", ".join(str(name) for name in ds["dataset"].values))
        if several:
            plot_curve(ds, grid[0])
            put_title(grid[0], f"{names}: what is certified, and what was measured")
        else:
            plot_growth(ds, ax=grid[0])
            put_title(grid[0], f"{names}: how fast the least-growing set found grows")
        if classifier:
            draw_classifier(grid[1], here, found[0]["epsilon"], classifier)
            put_title(grid[1], "a classifier beside it")
        fit(figure, style.HEIGHTS[2])
        write(figure, path)


class Panel(Protocol):
    """One plot among several."""

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""


def plot_panels(panels: Sequence[Panel], paths: Sequence[str | Path], caption: str) -> None:
    """Draw panels side by side, a caption below, and write the figure to PNG, SVG or PDF files, by their suffixes."""
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = PANEL_SIZE
    with new_figure((width * columns, height * rows + 0.6)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            panel.plot(axes)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        lines = textwrap.fill(caption, int(LETTERS_PER_INCH * width * columns))
        text = style.literal(lines)
        figure.supxlabel(text, fontsize="small", x=0.01, horizontalalignment="left", parse_math=False)
        for path in paths:
            write(figure, path)
