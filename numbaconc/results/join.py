"""Several results joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.errors import InputError
from numbaconc.results.queries import KEPT, certify_kept
from numbaconc.results.schema import dimensions_with


def join_results(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Join results on the schema's dimensions, with missing values where none of them has one.

    Attributes that differ are joined by "; ", and named in the attribute `differing`; seconds are added
    up. Where parts have different `alpha` for one data set, `alpha` becomes a dimension. Parts in which a variable's
    dimensions, or values in the same place, differ are refused.
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
    in_order = [dim for dim in ("search", "dataset", "split") if dim in joined.dims]
    order = {
        dim: list(dict.fromkeys(value for part in parts for value in part[dim].values.tolist())) for dim in in_order
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
    along = [dim for dim in ("search", "dataset") if dim in part.dims]
    places = xr.DataArray(np.empty([part.sizes[dim] for dim in along]), dims=along)
    alpha = part["alpha"].drop_vars("alpha").broadcast_like(places)
    part = part.drop_vars("alpha")
    if not dimension:
        return part.assign(alpha=alpha)
    values = np.unique(alpha)
    measured = part[[name for name in part.data_vars if "epsilon" in part[name].dims]]
    spread = measured.where(alpha == xr.DataArray(values, dims="alpha"))
    order = dimensions_with(str(dim) for dim in spread.dims if dim != "strength")
    return part.assign(spread.transpose(*order, ..., missing_dims="ignore")).assign_coords(alpha=values)


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
                ours, theirs = (", ".join(sorted(map(str, one))) for one in (dims, seen[name]))
                msg = f"{name} is on {ours} here and on {theirs} there; allowed: results on the same dimensions"
                raise InputError(msg)
