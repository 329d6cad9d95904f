"""What is left of a result after slicing: made whole where that is possible, and refused where it is not."""

from __future__ import annotations

import xarray as xr

from numbaconc.errors import InputError, printable
from numbaconc.results.queries import KEPT, kept_seeds
from numbaconc.results.schema import BESIDE, BY_SPLIT, EPSILON_UNIT, SPLITS, STORED, dimensions_with

RISKS = ("risk", "adversarial_risk")
CURVES = "adversarial_risk_at"
ALLOWED = "allowed: a result of numbaconc, or a slice of one that keeps its variables and coordinates"


def whole(ds: xr.Dataset) -> xr.Dataset:
    """Return a result, or a slice of one, as every question of it expects: all dimensions there, in order.

    Raises
    ------
    InputError
        If a variable or a coordinate is missing, or holds what no result holds.
    """
    ds = ds.set_coords([name for name in ("alpha", *BESIDE) if name in ds])
    ds = ds.reset_coords([name for name in (*STORED, *KEPT, *RISKS, CURVES, "n_points") if name in ds.coords])
    _check_variables(ds)
    ds = expanded(ds)
    _check_coordinates(ds)
    for dim in set(ds["risk"].dims) ^ set(ds["adversarial_risk"].dims):
        _refuse(f"only one of risk and adversarial_risk is on {dim}")
    ds = ds.transpose(*dimensions_with(str(dim) for dim in ds["risk"].dims), ..., missing_dims="ignore")
    _check_risks(ds)
    _check_dimensions(ds)
    return with_kept(ds)


def expanded(ds: xr.Dataset) -> xr.Dataset:
    """Return a slice with a dimension of length one for each coordinate that was selected one value of."""
    beside = {"alpha", "strength", *BESIDE}
    scalar = [str(name) for name in ds.coords if ds[name].ndim == 0 and name not in beside]
    order = [name for name in dimensions_with(scalar) if name in scalar]
    facts = [name for name in BESIDE if name in ds.coords]
    ds = ds.reset_coords(facts)
    for dim in reversed(order):
        along = {str(name): ds[name].expand_dims(dim) for name in ds.data_vars if _depends(str(name), dim)}
        ds = ds.assign(along) if along else ds.expand_dims(dim)
    return ds.set_coords(facts)


def _depends(name: str, dim: str) -> bool:
    """Return whether a variable of a result is on a dimension."""
    if name == EPSILON_UNIT:
        return dim == "dataset"
    if name in ("n_points", *BESIDE):
        return dim in ("dataset", "split")
    if dim == "split":
        return name in (*BY_SPLIT, CURVES)
    if dim == "seed":
        return name in STORED and STORED[name].by_seed
    return name in (*STORED, *KEPT, CURVES)


def with_kept(ds: xr.Dataset) -> xr.Dataset:
    """Return a slice with the restart that is kept of those that it has; a curve goes with the restart that it is of."""
    if "kept_seed" not in ds:
        return ds
    if "seed" not in ds.dims:
        _refuse("results lack the coordinate seed, which tells which restart was kept")
    measured = ds["risk"].notnull().any(["seed", "split"])
    lost = measured & ~ds["kept_seed"].isin(ds["seed"].values)
    if not lost.any():
        return ds
    ds = ds.assign(kept_seed=ds["kept_seed"].where(~lost, kept_seeds(ds)))
    return ds.assign({CURVES: ds[CURVES].where(~lost)}) if CURVES in ds else ds


def _check_variables(ds: xr.Dataset) -> None:
    for name in RISKS:
        if name not in ds:
            _refuse(f"results lack the variable {name}")
        if ds[name].dtype.kind != "f":
            _refuse(f"{name} is of type {ds[name].dtype}")
    if "alpha" not in ds.coords or ds["alpha"].dtype.kind not in "fiu":
        _refuse("results lack the coordinate alpha")


def _check_coordinates(ds: xr.Dataset) -> None:
    for name in ("dataset", "epsilon", "split"):
        if name not in ds["risk"].dims:
            _refuse(f"results lack the coordinate {name}")
    for dim in ds["risk"].dims:
        if dim not in ds.indexes:
            _refuse(f"results lack the coordinate {dim}")
        index = ds.indexes[dim]
        if not index.is_unique or index.hasnans:
            _refuse(f"the coordinate {dim} has missing values, or the same twice")
        kind = (
            "U"
            if dim in ("dataset", "split", "search")
            else "fiu"
            if dim == "epsilon"
            else "iu"
            if dim == "seed"
            else ""
        )
        if kind and ds[dim].dtype.kind not in kind + "O" * (kind == "U"):
            _refuse(f"the coordinate {dim} is of type {ds[dim].dtype}")
    if sorted(ds["split"].values.tolist()) != sorted(SPLITS):
        _refuse(f"split has {', '.join(map(str, ds['split'].values)) or 'nothing'} and not {' and '.join(SPLITS)}")
    if "n_points" in ds:
        points = ds["n_points"]
        if set(points.dims) != {"dataset", "split"} or bool(
            ((points < 1) | (points % 1 != 0)).where(points.notnull()).any()
        ):
            _refuse("n_points is not a whole number for each dataset and split")


def _check_dimensions(ds: xr.Dataset) -> None:
    """Refuse variables that stand on dimensions where no result has them."""
    of_cases = set(ds["risk"].dims)
    for name, variable in ds.variables.items():
        allowed = of_cases - {"seed", "split"} if name in (*KEPT, "alpha") else of_cases
        if name in STORED and name not in BY_SPLIT:
            allowed = of_cases - ({"split"} if STORED[str(name)].by_seed else {"seed", "split"})
        if name in ("strength", CURVES):
            allowed = allowed | {"strength"}
        if extra := set(variable.dims) - allowed:
            _refuse(f"{name} is on {', '.join(sorted(map(str, extra)))}")


def _check_risks(ds: xr.Dataset) -> None:
    """Refuse risks that are none, and places that have one of a pair."""
    risk, adversarial = ds["risk"], ds["adversarial_risk"]
    there = risk.notnull()
    if bool((there != adversarial.notnull()).any()) or bool((there.any("split") != there.all("split")).any()):
        _refuse("risk or adversarial_risk is missing where the other, or that of the other split, is there")
    if bool((there & ~((risk >= 0) & (risk <= adversarial) & (adversarial <= 1))).any()):
        _refuse("risks are not between 0 and the adversarial risk, and that at most 1")
    if not there.any() and "error" not in ds:
        _refuse("results have no measured case")


def _refuse(what: str) -> None:
    msg = f"{printable(what)}; {ALLOWED}"
    raise InputError(msg)
