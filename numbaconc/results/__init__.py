"""Measurements as xarray datasets: one schema, provenance, files written whole, and words."""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from numbaconc.certify import lower_bound, upper_bound
from numbaconc.errors import InputError
from numbaconc.data.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIMENSIONS = ("search", "alpha", "dataset", "epsilon", "T", "q", "seed", "split")
SPLITS = ("train", "test")
LONG_NAMES = {
    "epsilon": "strength of the expansion, unit scale",
    "T": "number of sets",
    "q": "fraction of the training points clustered, dense first",
    "seed": "seed of the random restart",
    "split": "sample measured on",
    "alpha": "risk threshold",
    "risk": "fraction of the points in the region",
    "adversarial_risk": "fraction of the points in the region's expansion by epsilon",
    "q_found": "q of least training adversarial risk with training risk >= alpha",
    "kept_seed": "seed of the restart whose region is kept",
    "n_points": "points in the sample",
    "data_sha256": "hash of the sample's contents",
    "search": "how the region was found",
    "error": "why a case has no values",
    "measure_at_least": "L: the kept region has at least this measure, and see expansion_at_most, 95% confidence",
    "expansion_at_most": "U: its expansion by epsilon has at most this measure, hence h(L, epsilon) <= U",
    "vc_dimension": "at most the VC dimension of the collection that the search chose from",
    "strength": "strength of an expansion of the kept region, unit scale",
    "adversarial_risk_at": "fraction of the points in the kept region's expansion by strength",
}
BESIDE = ("data_sha256",)  # text, which `ds.mean("seed")` and the like could not reduce: coordinates
KEPT = ("kept_seed", "measure_at_least", "expansion_at_most")  # what `certify_kept` adds
TAIL = (1 - 0.95) / 2  # how often either bound of a certificate at 95% may be wrong
SCHEMA = "numbaconc results, version 1"
VERIFIED_WORDS = {True: "the published contents", False: "NOT the published contents", None: "the user's own"}


def assemble(rows: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Lay measurements out on the schema's dimensions.

    Parameters
    ----------
    rows : sequence of mappings
        Each has a value for those of `DIMENSIONS` that it depends on, the same ones in every row of
        a variable, and one or more variables.

    Returns
    -------
    xarray.Dataset
        Missing where no row speaks of a combination of coordinates.
    """
    grouped: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], Any]] = {}
    for row in rows:
        dims = tuple(dim for dim in DIMENSIONS if dim in row)
        for name in row.keys() - set(dims):
            grouped.setdefault((name, dims), {})[tuple(row[dim] for dim in dims)] = row[name]
    coords = {dim: _coordinate(dim, [row[dim] for row in rows if dim in row]) for dim in DIMENSIONS}
    coords = {dim: values for dim, values in coords.items() if values}
    place = {dim: {value: i for i, value in enumerate(values)} for dim, values in coords.items()}
    ds = xr.Dataset(coords=coords)
    for (name, dims), values in sorted(grouped.items()):
        text = any(isinstance(value, str) for value in values.values())
        array = np.full([len(coords[dim]) for dim in dims], "" if text else np.nan, dtype=object if text else float)
        for key, value in values.items():
            array[tuple(place[dim][at] for dim, at in zip(dims, key, strict=True))] = value
        ds[name] = (dims, array.astype(str) if text else array)
    for variable in ds.variables:
        if variable in LONG_NAMES:
            ds[variable].attrs["long_name"] = LONG_NAMES[str(variable)]
    return ds


def _coordinate(dim: str, values: Sequence[Any]) -> list[Any]:
    """Distinct values: splits and data sets in their own order, numbers ascending."""
    distinct = list(dict.fromkeys(values))
    return distinct if dim in {"search", "dataset", "split"} else sorted(distinct)


def provenance(**settings: object) -> dict[str, Any]:
    """Attributes that say how a file came to be: versions, command, time, and the settings given."""
    attrs: dict[str, Any] = {"schema": SCHEMA, "numbaconc_version": importlib.metadata.version("numbaconc")}
    attrs |= {f"{package}_version": importlib.metadata.version(package) for package in ("numpy", "numba")}
    attrs["python_version"] = platform.python_version()
    attrs["machine"] = machine()
    attrs["created"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    attrs["command"] = " ".join([_program(), *sys.argv[1:]])
    attrs |= {name: int(value) if isinstance(value, bool) else value for name, value in settings.items()}
    return attrs


@functools.cache
def machine() -> str:
    """Describe the machine: its processor, how many of them, and its system."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # where there is none, the above must do
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}"


def _program() -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {module.name.removesuffix('.__main__')}" if module else Path(sys.argv[0]).name


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
        msg = (
            f"result file {str(path)!r} holds a region; allowed: a result file (a region is for numbaconc.load_region)"
        )
        raise InputError(msg)
    if loaded.attrs.get("schema") != SCHEMA:
        raise InputError(msg)
    return loaded.set_coords([name for name in BESIDE if name in loaded])


def join_results(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Join results on the schema's dimensions, with missing values where none of them has one.

    Attributes that differ are joined by "; ", and named in the attribute `differing`; seconds are added
    up. Where parts have different `alpha` for one data set, `alpha` becomes a dimension.

    Parameters
    ----------
    parts : sequence of xarray.Dataset
        On the same dimensions. What they have in common must be equal.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InputError
        If a variable's dimensions, or values in the same place, differ.
    """
    plain = [part.reset_coords([name for name in part.coords if name not in {*part.dims, "alpha"}]) for part in parts]
    chosen = any(name in part for part in parts for name in KEPT)
    plain = [part.drop_vars(list(KEPT), errors="ignore") for part in plain]  # of all seeds together, below
    alike = [_with_alpha(part, dimension=False) for part in plain]
    if any("alpha" in part.dims for part in parts) or not _equal_where_both(alike, "alpha"):
        alike = [_with_alpha(part, dimension=True) for part in plain]
    _check_dimensions(alike)
    try:
        joined = xr.merge(alike, join="outer", compat="no_conflicts", combine_attrs="drop")
    except xr.MergeError as error:
        names = sorted({str(name) for part in alike for name in part.data_vars})
        differ = [name for name in names if not _equal_where_both(alike, name)]
        msg = f"results disagree on {', '.join(differ) or error}; allowed: equal values in the same place"
        raise InputError(msg) from error
    order = {
        dim: list(dict.fromkeys(value for part in parts for value in part[dim].values.tolist()))
        for dim in ("search", "dataset", "split")
        if dim in joined.dims
    }
    beside = {name for part in parts for name in part.coords if name in joined.data_vars}
    joined = joined.reindex(order).set_coords(["alpha", *beside])
    for name in {name for part in alike for name in part.data_vars if part[name].dtype.kind == "U"}:
        joined[name] = joined[name].fillna("").astype(str)
    differing = [name for part in parts for name in part.attrs.get("differing", "").split(", ") if name]
    for name in dict.fromkeys(name for part in parts for name in part.attrs if name != "differing"):
        values = list(dict.fromkeys(part.attrs[name] for part in parts if name in part.attrs))
        if name == "seconds":
            joined.attrs[name] = round(float(sum(part.attrs[name] for part in parts)), 3)
        else:
            joined.attrs[name] = values[0] if len(values) == 1 else "; ".join(str(value) for value in values)
        if len(values) > 1:
            differing.append(str(name))
    joined.attrs["created"] = parts[-1].attrs["created"]
    if differing:
        joined.attrs["differing"] = ", ".join(dict.fromkeys(differing))
    return certify_kept(joined) if chosen else joined


def _with_alpha(part: xr.Dataset, *, dimension: bool) -> xr.Dataset:
    """Return a part with α as a variable along what it may differ on, or as a dimension of the measurements."""
    if "alpha" in part.dims:
        return part
    sizes = {dim: part.sizes[dim] for dim in ("search", "dataset") if dim in part.dims}
    alpha = (
        part["alpha"].drop_vars("alpha").broadcast_like(xr.DataArray(np.empty(list(sizes.values())), dims=list(sizes)))
    )
    part = part.drop_vars("alpha")
    if not dimension:
        return part.assign(alpha=alpha)
    values = np.unique(alpha)
    measured = [name for name in part.data_vars if "epsilon" in part[name].dims]
    spread = {name: part[name].where(alpha == xr.DataArray(values, dims="alpha")) for name in measured}
    return part.assign(
        {
            name: array.transpose(*[dim for dim in DIMENSIONS if dim in array.dims], ...)
            for name, array in spread.items()
        }
    ).assign_coords(alpha=values)


def _equal_where_both(parts: Sequence[xr.Dataset], name: str) -> bool:
    """Whether parts that have a variable agree on it wherever two of them have a value."""
    try:
        xr.merge([part[[name]] for part in parts if name in part], join="outer", compat="no_conflicts")
    except xr.MergeError:
        return False
    return True


def _check_dimensions(parts: Sequence[xr.Dataset]) -> None:
    """Refuse parts in which one variable has different dimensions: merging would repeat values along some."""
    seen: dict[Any, set[Any]] = {}
    for part in parts:
        for name in part.data_vars:
            dims = set(part[name].dims)
            if seen.setdefault(name, dims) != dims:
                msg = (
                    f"{name} is on {', '.join(sorted(map(str, dims)))} here and on "
                    f"{', '.join(sorted(map(str, seen[name])))} there; allowed: results on the same dimensions"
                )
                raise InputError(msg)


def kept_seeds(ds: xr.Dataset) -> xr.DataArray:
    """Return for each case the seed whose region is kept; missing where nothing was measured.

    That of least training adversarial risk among those with training risk >= alpha; if none, of most risk.
    """
    train = ds.sel(split="train", drop=True)
    enough = train["risk"] >= ds["alpha"]
    order = train["adversarial_risk"].where(enough, np.inf).where(enough.any("seed"), -train["risk"])
    best = order.where(train["risk"].notnull(), np.inf).argmin("seed")
    return ds["seed"].isel(seed=best).drop_vars("seed").where(train["risk"].notnull().any("seed"))


def certify_kept(ds: xr.Dataset) -> xr.Dataset:
    """Return results with what the test points prove about the region that is kept of each case."""
    ds = ds.copy()
    test = ds.sel(split="test", drop=True)
    if "seed" in ds["risk"].dims:
        ds["kept_seed"] = kept_seeds(ds)
        test = test.sel(seed=ds["kept_seed"].fillna(ds["seed"][0]).astype(int))
    bounds = {"measure_at_least": (lower_bound, "risk"), "expansion_at_most": (upper_bound, "adversarial_risk")}
    for name, (bound, counted) in bounds.items():
        counts = (test[counted] * test["n_points"]).round()
        proven = xr.apply_ufunc(bound, counts.fillna(0), test["n_points"], TAIL, vectorize=True)
        ds[name] = proven.where(counts.notnull()).reset_coords(drop=True)
    for name in set(KEPT) & set(ds):
        ds[name].attrs["long_name"] = LONG_NAMES[name]
    return ds


def mean_and_std(ds: xr.Dataset, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean and population standard deviation over the seeds, as the paper prints them."""
    values = ds[name]
    if "seed" not in values.dims:
        return values, xr.zeros_like(values)
    return values.mean("seed"), values.std("seed", ddof=0)
