"""The pictures of a report, in SVG, for a light page and for a dark one; what cannot be drawn takes nothing else with it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import xarray as xr

from numbaconc.errors import printable, said
from numbaconc.regions import Region
from numbaconc.show.report.parts import Picture, Section

MOST = 12  # pictures of one file
DARK = "#15181c"  # the background of a dark page, as page.css has it
CAPTIONS = {
    "curve": "What is certified, and what was measured",
    "growth": "How the region found grows",
    "risks": "Risk and adversarial risk",
    "region": "The region",
    "pairs": "The closest training images of different labels",
}


def add_pictures(section: Section, opened: xr.Dataset | Region, name: str) -> None:
    """Add the pictures of a file to its section: those that `numbaconc plot` draws, each by itself."""
    from numbaconc.show.pairs import is_of_labels
    from numbaconc.show.pictures.files import Asked, draw_pairs, draw_panels, panels_of

    if isinstance(opened, xr.Dataset) and is_of_labels(opened):
        if "image" in opened:
            _add(section, "pairs", name, partial(draw_pairs, opened, columns=1))
        return
    panels = panels_of(opened, name, Asked())
    for panel in panels[:MOST]:
        _add(section, panel.kind, panel.title, partial(draw_panels, [panel], columns=1))
    if len(panels) > MOST:
        section.warnings.append(f"Of {len(panels)} data sets the first {MOST} are drawn.")


def _add(section: Section, kind: str, title: str, draw: Callable[[Path], object]) -> None:
    """Draw a picture, and add it; where that fails, say so: the numbers do not depend on it."""
    caption = f"{CAPTIONS[kind]}: {printable(title)}"
    try:
        with warnings.catch_warnings(record=True) as caught:
            light, dark = drawn(draw, dark=False), drawn(draw, dark=True)
    except Exception as error:  # whatever Matplotlib and the user's settings of it raise
        section.warnings.append(f"No picture was drawn ({caption}): {said(error)}")
        return
    section.warnings += dict.fromkeys(f"{caption}: {printable(one.message)}" for one in caught)
    alt = f"{caption}. The numbers are in the tables of this section."
    section.pictures.append(Picture(light, dark, alt, caption))


def drawn(draw: Callable[[Path], object], *, dark: bool) -> str:
    """Return as text the SVG that a function draws into a file, on the background of the page."""
    import matplotlib as mpl
    import matplotlib.style as mpl_style

    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), DARK)
    with tempfile.TemporaryDirectory() as folder, mpl.rc_context():
        if dark:
            mpl_style.use(["dark_background", paper])
        draw(path := Path(folder) / "picture.svg")
        return path.read_text(encoding="utf-8")
