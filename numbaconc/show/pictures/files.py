"""Pictures of files in files: which picture a result, a region or a result about labels makes, alone or beside others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from numbaconc.data.datasets import Dataset
from numbaconc.data.formats import netcdf
from numbaconc.errors import InputError, printable, shown
from numbaconc.regions import Region, load_region
from numbaconc.results.files import open_results
from numbaconc.results.slices import CURVES, whole
from numbaconc.show.pairs import is_of_labels, plot_pairs
from numbaconc.show.pictures import canvas, style
from numbaconc.show.pictures.curves import AXES, plot_curve
from numbaconc.show.pictures.growth import plot_growth
from numbaconc.show.pictures.lines import length_along, measured_cases
from numbaconc.show.pictures.panels import Panel, lay_out
from numbaconc.show.pictures.regions import picture_of
from numbaconc.show.pictures.risks import ALONG, plot_risks

OF_RESULTS = ("curve", "risks", "growth")
OF_REGIONS = ("region", "growth")
OF_LABELS = ("pairs",)
KINDS = tuple(dict.fromkeys((*OF_RESULTS, *OF_REGIONS, *OF_LABELS)))
MOST = 12  # panels of one picture


class Asked(NamedTuple):
    """What a picture is to be of, beside files."""

    kind: str | None = None
    along: str | None = None
    data: Dataset | None = None  # beside regions
    shape: tuple[int, ...] | None = None  # of an image
    epsilon: str | None = None  # the largest strength of a region's growth


def open_any(path: str | Path) -> xr.Dataset | Region:
    """Read a result, a result about labels, or a region; InputError for any other file, and for a result of nothing."""
    raw = netcdf.read(path, "file", "a netCDF file that numbaconc wrote")
    if "region" in raw.attrs:
        return load_region(path)
    ds = open_results(path)
    if not is_of_labels(ds):
        try:
            whole(ds)
        except InputError as error:
            msg = f"file {shown(str(path))}: {error}"
            raise InputError(msg) from error
    return ds


def panels_of(opened: xr.Dataset | Region, name: str, asked: Asked) -> list[Panel]:
    """Return the panels of one file: one of each data set that it has results of.

    `name` is what a region is called. InputError if the file holds nothing that is asked for, or something was asked
    that it has no part in.
    """
    if isinstance(opened, Region):
        return [_of_region(opened, name, asked)]
    for what, given in (("--data", asked.data), ("--shape", asked.shape), ("--epsilon", asked.epsilon)):
        if given is not None:
            msg = f"{what} is given with {printable(name)}, which is a result; allowed: with the file of a region"
            raise InputError(msg)
    if is_of_labels(opened):
        _check_kind(asked.kind, OF_LABELS, "a result about labels")
        _check_unused(asked.along, "pairs")
        return [Panel("", lambda _: None, "pairs")]  # which are a figure of their own
    ds = whole(opened)
    return [_of_result(part, asked) for part in _by_data_set(ds)]


def _of_region(region: Region, name: str, asked: Asked) -> Panel:
    kind = asked.kind or ("region" if asked.data is None else "growth")
    _check_kind(kind, OF_REGIONS, "a region")
    _check_unused(asked.along, kind)
    if kind == "region":
        if asked.epsilon is not None:
            msg = f"--epsilon is {asked.epsilon} with a picture of the region; allowed: with its growth, --kind growth"
            raise InputError(msg)
        X = None if asked.data is None else asked.data.train
        return Panel(name, picture_of(region, X, asked.shape), kind)
    if asked.data is None:
        msg = "--kind is growth with a region and no data; allowed: beside --data, whose points it is measured on"
        raise InputError(msg)
    if asked.shape is not None:
        msg = "--shape is given with the growth of a region; allowed: with a picture of the region, --kind region"
        raise InputError(msg)
    return Panel(name, partial(_draw_growth, region=region, data=asked.data, epsilon=asked.epsilon), kind)


def _draw_growth(axes: Any, *, region: Region, data: Dataset, epsilon: str | None) -> None:  # noqa: ANN401
    """Draw how a region grows on both samples of a data set; the test points alone have a band."""
    for split, sample in (("test", data.test), ("train", data.train)):
        label = f"{printable(data.name)}, {split}"
        plot_growth(region, sample, axes, epsilon=epsilon, label=label, band=split == "test")


def _of_result(ds: xr.Dataset, asked: Asked) -> Panel:
    usual, along = _usual(ds)
    kind = asked.kind or usual
    _check_kind(kind, OF_RESULTS, "a result")
    names = [str(name) for name in ds["dataset"].values]
    searches = ds["search"].values if "search" in ds.dims else [ds.attrs.get("search", "")]
    title = ", ".join(map(printable, filter(None, [*names, *(map(str, searches) if len(searches) == 1 else ())])))
    if kind == "growth":
        _check_unused(asked.along, kind)
        return Panel(title, lambda axes: plot_growth(ds, ax=axes), kind)
    if kind == "curve":
        of = asked.along or (along if usual == kind else None)
        return Panel(title, lambda axes: plot_curve(ds, axes, along=of), kind)
    found = measured_cases(ds)
    chosen = asked.along or max(ALONG, key=lambda name: length_along(found, name))
    return Panel(title, lambda axes: plot_risks(ds, chosen, axes), kind)


def _usual(ds: xr.Dataset) -> tuple[str, str | None]:
    """Return which picture of a result is drawn if none is asked for, and along what: where lines are longest."""
    found = measured_cases(ds)
    if len(found) == 1 and "strength" in ds.dims and CURVES in ds and bool(ds[CURVES].notnull().any()):
        return "growth", None
    along = max((*AXES, *ALONG), key=lambda name: length_along(found, name))
    return ("risks" if along in ALONG else "curve"), along


def _by_data_set(ds: xr.Dataset) -> list[xr.Dataset]:
    """Return the part of each data set, without what was not measured of it."""
    parts = []
    for i in range(ds.sizes["dataset"]):
        part = ds.isel(dataset=[i])
        there = part["risk"].notnull()
        for dim in part["risk"].dims:
            if dim not in ("dataset", "split"):
                part = part.isel({dim: there.any([one for one in there.dims if one != dim]).values})
        parts.append(part)
    return [part for part in parts if part["risk"].size] or [ds]


def _check_kind(kind: str | None, allowed: Sequence[str], what: str) -> None:
    if kind is not None and kind not in allowed:
        msg = f"--kind is {kind} with {what}; allowed: {', '.join(allowed)}"
        raise InputError(msg)


def _check_unused(along: str | None, kind: str) -> None:
    if along is not None:
        msg = f"--along is {along} with a picture of kind {kind}; allowed: with curve and risks"
        raise InputError(msg)


def draw_panels(panels: Sequence[Panel], path: str | Path, columns: int, kind: str | None = None) -> None:
    """Draw panels, two side by side in a picture of two columns, and write them to a file.

    Where all show risks, they have one vertical scale.

    Parameters
    ----------
    panels : sequence of Panel
    path : path-like
    columns : int
        Of a paper, that the picture is as wide as: 1 or 2.
    kind : str, optional
        "pdf", "svg" or "png"; by the path's ending if not given.

    Raises
    ------
    InputError
        If there are too many panels, one cannot be drawn, or the file cannot be written.
    """
    if len(panels) > MOST:
        msg = f"there are {len(panels)} panels, one for each data set of a file; allowed: {MOST}, which --select takes"
        raise InputError(msg)
    width = style.DOUBLE if columns == 2 else style.SINGLE
    shared = all(panel.kind in OF_RESULTS for panel in panels)
    across = min(columns, len(panels))
    with canvas.drawing("the picture"), canvas.new_figure((width, style.HEIGHTS[columns])) as figure:
        lay_out(figure, panels, across, style.HEIGHTS[columns if across == 1 else 1], shared=shared)
        canvas.write(figure, path, kind)


def draw_pairs(ds: xr.Dataset, path: str | Path, columns: int, kind: str | None = None) -> None:
    """Write a picture of the closest pairs of a result about labels."""
    with canvas.drawing("the picture"):
        plot_pairs(ds, path, columns, kind)
