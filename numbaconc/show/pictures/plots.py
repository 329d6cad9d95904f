"""Pictures in files: of a measurement, of several results side by side, and of the panels of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import xarray as xr

from numbaconc.errors import InputError, printable
from numbaconc.results.queries import cases, select_case
from numbaconc.results.slices import CURVES, whole
from numbaconc.show.certified import classifier_of
from numbaconc.show.pictures import style
from numbaconc.show.pictures.canvas import new_figure, write
from numbaconc.show.pictures.curves import draw_classifier, plot_curve
from numbaconc.show.pictures.growth import plot_growth
from numbaconc.show.pictures.panels import Panel, lay_out

PANEL_HEIGHT = 1.6  # inches
FEW = 5  # panels from which three stand side by side


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
    names = printable(", ".join(str(name) for name in ds["dataset"].values))
    if several:
        panels = [Panel(f"{names}: what is certified, and what was measured", lambda axes: plot_curve(ds, axes))]
    else:
        panels = [Panel(f"{names}: how fast the least-growing set found grows", lambda axes: plot_growth(ds, ax=axes))]
    if classifier:
        beside = partial(draw_classifier, here=here, epsilon=found[0]["epsilon"], classifier=classifier)
        panels.append(Panel("a classifier beside it", beside))
    with new_figure((style.DOUBLE, style.HEIGHTS[2])) as figure:
        lay_out(figure, panels, len(panels), style.HEIGHTS[2])
        write(figure, path)


class Plot(Protocol):
    """One plot among several."""

    @property
    def title(self) -> str:
        """What stands above it."""

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""


def plot_panels(plots: Sequence[Plot], paths: Sequence[str | Path], caption: str) -> None:
    """Draw plots side by side, a caption below, and write the figure to PNG, SVG or PDF files, by their suffixes."""
    across = min(len(plots), 2 if len(plots) < FEW else 3)
    with new_figure((style.DOUBLE, style.HEIGHTS[2])) as figure:
        size = style.font_size("small")
        text = style.literal(style.wrapped(caption, style.DOUBLE, size))
        figure.supxlabel(text, fontsize=size, x=0.01, horizontalalignment="left", parse_math=False)
        lay_out(figure, [Panel(one.title, one.plot) for one in plots], across, PANEL_HEIGHT)
        for path in paths:
            write(figure, path)
