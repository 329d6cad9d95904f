"""Result files: written whole or not at all, and read into memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from numbaconc.data.formats import netcdf
from numbaconc.errors import InputError, shown
from numbaconc.results.join import join_results
from numbaconc.results.queries import KEPT
from numbaconc.results.schema import BESIDE, LONG_NAMES, SCHEMA, TEXT, TEXT_ATTRIBUTES


class RegionFileError(InputError):
    """The file of a region, where a result is asked for."""


def save_results(ds: xr.Dataset, path: str | Path) -> None:
    """Write results to a netCDF file, compressed, as a whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written, or `ds` holds what a file cannot hold.
    """
    netcdf.write(ds, path)


def open_results(paths: str | Path | Sequence[str | Path]) -> xr.Dataset:
    """Read result files whole into memory: one, or several joined.

    Parameters
    ----------
    paths : path-like, or a sequence of them
        Files of several runs are joined by `join_results`.

    Raises
    ------
    InputError
        If a file is missing, damaged or not a result file, or files cannot be joined.
    """
    if isinstance(paths, str | os.PathLike):
        return _open(paths)
    if not isinstance(paths, Sequence) or not paths:
        msg = f"paths is {shown(paths)}; allowed: one result file or more"
        raise InputError(msg)
    return join_results([_open(path) for path in paths])


def _open(path: str | os.PathLike[str]) -> xr.Dataset:
    allowed = "a netCDF file that numbaconc wrote"
    ds = netcdf.read(path, "result file", allowed)
    if "region" in ds.attrs:
        msg = (
            f"result file {str(path)!r} holds a region; allowed: a result file (a region is for numbaconc.load_region)"
        )
        raise RegionFileError(msg)
    if not isinstance(schema := ds.attrs.get("schema"), str) or schema != SCHEMA:
        msg = f"result file {str(path)!r} cannot be read: it does not say {SCHEMA!r}; allowed: {allowed}"
        raise InputError(msg)
    if wrong := _wrong_in(ds) or _wrong_bounds(ds):
        msg = f"result file {str(path)!r} cannot be read: {wrong}; allowed: {allowed}"
        raise InputError(msg)
    return ds.set_coords([name for name in BESIDE if name in ds])


def _wrong_in(ds: xr.Dataset) -> str:
    """Return what is not as the schema has it: numbers for text, or the other way round, or a value twice on a dimension."""
    for name, variable in ds.variables.items():
        if name in {*LONG_NAMES, *TEXT} and (variable.dtype.kind == "U") != (name in TEXT):
            return f"{name} is {'text' if variable.dtype.kind == 'U' else 'no text'}"
        if len(set(variable.dims)) < variable.ndim:
            return f"{name} is twice on one dimension"
        if name in LONG_NAMES and variable.dtype.kind == "f" and np.isinf(variable.values).any():
            return f"{name} is infinite"
    for dim, index in ds.indexes.items():
        if not index.is_unique or index.hasnans:
            return f"{dim} has a value twice, or none"
    for name in TEXT_ATTRIBUTES:
        if not isinstance(ds.attrs.get(name, ""), str):
            return f"its attribute {name} is no text"
    return ""


def _wrong_bounds(ds: xr.Dataset) -> str:
    """Return which of the bounds, and of the restarts kept, are not on the dimensions of cases."""
    for name in KEPT:
        if name in ds and "risk" in ds and not set(ds[name].dims) <= set(ds["risk"].dims) - {"seed", "split"}:
            return f"{name} is on {', '.join(map(str, ds[name].dims))}"
    return ""
