"""Results that must not be joined: what differs between them would be mixed without a trace."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import xarray as xr

from numbaconc.errors import InputError, shown
from numbaconc.results.queries import cases

# Attributes that say how and of what a file was made. All others are settings, which are the same for all restarts.
MADE = {"schema", "created", "command", "machine", "threads", "jobs_at_once", "seconds", "differing", "made_of"}
MADE |= {"data_verified", "data_sha256", "test_fraction", "max_train", "settings", "search", "search_coordinates"}
MADE |= {"epsilon_unit", "key", "normalize", "scale", "drop"}  # of each data set, whose contents are compared


def check_alike(parts: Sequence[xr.Dataset]) -> None:
    """Refuse parts of which a data set has two norms or two contents, or a case two values of a setting: InputError."""
    for one, other in itertools.combinations(parts, 2):
        for dataset in sorted(_names(one) & _names(other)):
            _check_norm(one, other, dataset)
            _check_contents(one, other, dataset)
        _check_settings(one, other)


def _names(part: xr.Dataset) -> set[str]:
    return set(map(str, part["dataset"].values))


def _check_norm(one: xr.Dataset, other: xr.Dataset, dataset: str) -> None:
    norms = [part.attrs.get("norm") for part in (one, other)]
    if norms[0] != norms[1] and not all("search" in part.dims for part in (one, other)):
        msg = f"norm of data set {dataset!r} is {shown(norms[0])} in one result and {shown(norms[1])} in another"
        msg += "; allowed: one norm"
        raise InputError(msg)


def _check_contents(one: xr.Dataset, other: xr.Dataset, dataset: str) -> None:
    ours, theirs = hashes_of(one, dataset), hashes_of(other, dataset)
    for split in sorted(ours.keys() & theirs.keys()):
        if ours[split] != theirs[split]:
            msg = f"data_sha256 of data set {dataset!r}, {split}, is {shown(ours[split])} in one result"
            msg += f" and {shown(theirs[split])} in another; allowed: the same points"
            raise InputError(msg)


def hashes_of(part: xr.Dataset, dataset: str) -> dict[str, str]:
    """Return the hash of each sample of a data set, where a result says it in a coordinate or an attribute."""
    if "data_sha256" in part.variables:
        hashes = part["data_sha256"].sel(dataset=dataset)
        return dict(zip(hashes["split"].values.tolist(), hashes.values.tolist(), strict=True))
    said = re.findall(r"(train|test) (\w+)", str(part.attrs.get("data_sha256", "")))
    return dict(said) if len(said) == len(dict(said)) and len(_names(part)) == 1 else {}


def _check_settings(one: xr.Dataset, other: xr.Dataset) -> None:
    """Refuse restarts of one case by different settings; numbers and words for them cannot be compared."""
    for name in sorted(map(str, one.attrs.keys() & other.attrs.keys())):
        ours, theirs = one.attrs[name], other.attrs[name]
        known = name in MADE or name.endswith("_version") or isinstance(ours, str) != isinstance(theirs, str)
        if not known and repr(ours) != repr(theirs) and _places(one) & _places(other):
            msg = f"{name} is {shown(ours)} in one result and {shown(theirs)} in another of the same case"
            msg += "; allowed: restarts of one case by the same settings"
            raise InputError(msg)


def _places(part: xr.Dataset) -> set[tuple[Any, ...]]:
    """Return where a result has values: the coordinates of each case, without its seeds."""
    found = set()
    for case in cases(part):
        alpha = part["alpha"].sel({dim: case[str(dim)] for dim in part["alpha"].dims})
        at = {"search": str(part.attrs.get("search")), "alpha": float(alpha)} | case
        found.add(tuple(sorted((name, value) for name, value in at.items())))
    return found
