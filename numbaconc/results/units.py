"""What ε of each data set of a result is in: an attribute where that is one unit, and otherwise a coordinate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from numbaconc.errors import InputError, shown
from numbaconc.results.schema import EPSILON_UNIT, LONG_NAMES


def units_in(ds: xr.Dataset) -> dict[str, str]:
    """Return what ε is in for each data set of a result, or of a slice of one, in words; nothing where it does not say."""
    names = [str(name) for name in np.ravel(ds["dataset"].values)] if "dataset" in ds.coords else [""]
    if EPSILON_UNIT in ds.variables and set(ds[EPSILON_UNIT].dims) <= {"dataset"}:
        units = np.broadcast_to(np.ravel(ds[EPSILON_UNIT].values), len(names)).tolist()
    else:
        units = [ds.attrs.get(EPSILON_UNIT, "")] * len(names)
    return {name: unit if isinstance(unit, str) else "" for name, unit in zip(names, units, strict=True)}


def with_units(ds: xr.Dataset, units: Mapping[str, str]) -> xr.Dataset:
    """Return a result that says what ε of each of its data sets is in."""
    ds = without_units(ds)
    each = [units.get(name, "") for name in map(str, ds["dataset"].values)]
    if len(set(each)) > 1:
        told = {"long_name": LONG_NAMES[EPSILON_UNIT]}
        return ds.assign_coords({EPSILON_UNIT: ("dataset", each, told)})
    return ds.assign_attrs({EPSILON_UNIT: each[0]}) if each and each[0] else ds


def without_units(ds: xr.Dataset) -> xr.Dataset:
    """Return a result that says nothing of units."""
    ds = ds.drop_vars(EPSILON_UNIT, errors="ignore").copy()
    ds.attrs.pop(EPSILON_UNIT, None)
    return ds


def joined_units(parts: Sequence[xr.Dataset]) -> dict[str, str]:
    """Return what ε of each data set of several results is in; InputError if two tell one data set's in two ways."""
    units: dict[str, str] = {}
    for name, unit in (told for part in parts for told in units_in(part).items()):
        if unit and units.setdefault(name, unit) != unit:
            msg = f"epsilon of data set {shown(name)} is {units[name]} in one result and {unit} in another; allowed: one unit"
            raise InputError(msg)
    return units
