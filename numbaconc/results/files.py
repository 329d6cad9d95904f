"""Result files: written whole or not at all, and read into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from numbaconc.data.files import replacing
from numbaconc.errors import InputError
from numbaconc.results.join import join_results
from numbaconc.results.schema import BESIDE, SCHEMA


def save_results(ds: xr.Dataset, path: str | Path) -> None:
    """Write results to a netCDF file, compressed, as a whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    packed = {str(name): {"zlib": True} for name in ds.data_vars if ds[name].ndim and ds[name].dtype.kind in "fi"}
    with replacing(path) as part:
        ds.to_netcdf(part, engine="netcdf4", encoding=packed)


def open_results(paths: str | Path | Sequence[str | Path]) -> xr.Dataset:
    """Read result files whole into memory: one, or several joined.

    Parameters
    ----------
    paths : path-like, or a sequence of them
        Files of several runs are joined by `join_results`.

    Raises
    ------
    InputError
        If a file is missing or is not a result file, or files cannot be joined.
    """
    if isinstance(paths, str | Path):
        return _open(Path(paths))
    if not paths:
        msg = f"paths is {paths!r}; allowed: one result file or more"
        raise InputError(msg)
    return join_results([_open(Path(path)) for path in paths])


def _open(path: Path) -> xr.Dataset:
    msg = f"result file {str(path)!r} cannot be read; allowed: a netCDF file that numbaconc wrote"
    try:
        with xr.open_dataset(path, engine="netcdf4") as ds:
            loaded = ds.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(msg) from error
    if "region" in loaded.attrs:
        allowed = "a result file (a region is for numbaconc.load_region)"
        msg = f"result file {str(path)!r} holds a region; allowed: {allowed}"
        raise InputError(msg)
    if loaded.attrs.get("schema") != SCHEMA:
        raise InputError(msg)
    return loaded.set_coords([name for name in BESIDE if name in loaded])
