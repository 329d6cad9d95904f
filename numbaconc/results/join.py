"""Several results joined into one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.errors import InputError, as_number
from numbaconc.results.alike import check_alike
from numbaconc.results.queries import KEPT, certify_kept
from numbaconc.results.schema import dimensions_with
from numbaconc.results.slices import CURVES, expanded, whole
from numbaconc.results.units import joined_units, with_units, without_units


def join_results(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Join results on the schema's dimensions, with missing values where none of them has one.

    Attributes that differ are joined by "; ", and named in the attribute `differing`; seconds are added up. Where
    parts have different `alpha` for one data set, `alpha` becomes a dimension, and where they are of different searches,
    `search`. Which restart is kept is chosen anew, of all that a case has.

    Raises
    ------
    InputError
        If a variable's dimensions, or values in the same place, differ; if a data set has other contents in another
        part, or another norm, or a case other settings.
    """
    parts = [whole(part) for part in parts]
    check_alike(parts)
    units = joined_units(parts)
    parts = [_named(without_units(part), parts) for part in parts]
    plain = [part.reset_coords([name for name in part.coords if name not in {*part.dims, "alpha"}]) for part in parts]
    chosen = any(name in part for part in parts for name in KEPT)
    plain = [part.drop_vars([*KEPT, CURVES, "strength"], errors="ignore") for part in plain]  # of what is kept, below
    alike = [_with_alpha(part, dimension=False) for part in plain]
    spread = any("alpha" in part.dims for part in parts) or not _equal_where_both(alike, "alpha")
    if spread:
        alike = [_with_alpha(part, dimension=True) for part in plain]
    _check_dimensions(alike)
    joined = _merged(alike)
    order = {
        dim: list(dict.fromkeys(value for part in parts for value in part[dim].values.tolist()))
        for dim in ("search", "dataset", "split")
        if dim in joined.dims
    }
    beside = {name for part in parts for name in part.coords if name in joined.data_vars}
    joined = joined.reindex(order).set_coords(["alpha", *beside])
    for name in {name for part in alike for name in part.data_vars if part[name].dtype.kind == "U"}:
        joined[name] = joined[name].fillna("").astype(str)
    joined.attrs = _attributes(parts)
    joined = with_units(joined, units)
    if not chosen:
        return joined
    joined = _without_unproven(certify_kept(joined), parts, spread=spread)
    return _with_curves(joined, parts, spread=spread)


def _named(part: xr.Dataset, parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return a part on the dimension `search` where others are of another search, or have that dimension."""
    searches = {str(one.attrs.get("search")) for one in parts}
    several = len(searches) > 1 or any("search" in one.dims for one in parts)
    if "search" in part.dims or not several or "search" not in part.attrs:
        return part
    return expanded(part.assign_coords(search=str(part.attrs["search"])))


def _merged(alike: Sequence[xr.Dataset]) -> xr.Dataset:
    """Merge parts on the same dimensions; InputError if they have different values in one place."""
    try:
        return xr.merge(alike, join="outer", compat="no_conflicts", combine_attrs="drop")
    except xr.MergeError as error:
        names = sorted({str(name) for part in alike for name in part.data_vars})
        differ = [name for name in names if not _equal_where_both(alike, name)]
        msg = f"results disagree on {', '.join(differ) or error}; allowed: equal values in the same place"
        raise InputError(msg) from error
    except (ValueError, TypeError) as error:  # of coordinates that are not unique, or not of one type
        msg = f"results cannot be joined: {error}; allowed: coordinates of one type, each value once"
        raise InputError(msg) from error


def _attributes(parts: Sequence[xr.Dataset]) -> dict[str, Any]:
    """Return the attributes of all parts, joined where they differ, and which ones do."""
    attrs: dict[str, Any] = {}
    differing = [name for part in parts for name in str(part.attrs.get("differing", "")).split(", ") if name]
    for name in dict.fromkeys(str(name) for part in parts for name in part.attrs if name != "differing"):
        values = list({repr(part.attrs[name]): part.attrs[name] for part in parts if name in part.attrs}.values())
        if name == "seconds":
            attrs[name] = round(math.fsum(as_number(part.attrs.get(name, 0)) for part in parts), 3)
        else:
            attrs[name] = values[0] if len(values) == 1 else "; ".join(map(str, values))
        if len(values) > 1:
            differing.append(name)
    attrs |= {name: parts[-1].attrs[name] for name in ("created",) if name in parts[-1].attrs}
    return attrs | ({"differing": ", ".join(dict.fromkeys(differing))} if differing else {})


def _without_unproven(joined: xr.Dataset, parts: Sequence[xr.Dataset], *, spread: bool) -> xr.Dataset:
    """Return joined results without L and U where a part says that nothing is proven: it has none where others are."""
    for part in parts:
        if "measure_at_least" in part and "measure_at_least" in joined:
            there = _with_alpha(part[["risk", "measure_at_least"]], dimension=spread)
            risk = there["risk"].notnull()
            unproven = (
                risk.any([dim for dim in ("seed", "split") if dim in risk.dims]) & there["measure_at_least"].isnull()
            )
            for name in set(KEPT[1:]) & set(joined):
                joined[name] = joined[name].where(~unproven.reindex_like(joined[name], fill_value=False))
    return joined


def _with_curves(joined: xr.Dataset, parts: Sequence[xr.Dataset], *, spread: bool) -> xr.Dataset:
    """Return joined results with the curves of the restarts that are kept of all."""
    curves = []
    for part in parts:
        if CURVES not in part or ("seed" in joined.dims and "kept_seed" not in part):
            continue
        here = _with_alpha(part[[name for name in (CURVES, "kept_seed") if name in part]], dimension=spread)
        if "kept_seed" in here:
            here = here.where(here["kept_seed"] == joined["kept_seed"].reindex_like(here["kept_seed"]))
        curves.append(here[[CURVES]].reset_coords(drop=True))
    return joined.merge(_merged(curves), join="left").assign_attrs(joined.attrs) if curves else joined


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
