"""What the outcomes of a sweep depend on beside their cases, and whether old ones may stand beside new ones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import xarray as xr

from numbaconc.data.datasets import Dataset
from numbaconc.errors import InputError
from numbaconc.results.layout import facts_of, searches_in
from numbaconc.results.schema import EPSILON_UNIT, SPLITS
from numbaconc.results.units import units_in
from numbaconc.search.base import search_named
from numbaconc.sweep.grid import TAKEN, Grid

Identity = dict[str, dict[str, Any]]
SHARED = ("norm", "max_train", "test_fraction")
SEARCHES = "settings"  # the attribute of a file that holds the settings of each search


def identity_of(plan: Grid, sets: Iterable[Dataset]) -> Identity:
    """Return what a sweep's outcomes depend on: settings of all, those of each search, and the contents of the data."""
    sets = list(sets)
    settings = {name: value for name, value in plan.settings.items() if value is not None} | _taken(plan, sets)
    facts = {one.name: facts_of({"train": one.train, "test": one.test}) for one in sets}
    return {"settings": settings, "searches": plan.described, "data": facts}


def _taken(plan: Grid, sets: Sequence[Dataset]) -> dict[str, str]:
    """Say how data sets were taken, each after its name."""
    lines: dict[str, list[str]] = {}
    for told, one in zip(plan.told.values(), sets, strict=True):
        scaling = one.train.space.scaling
        for what, value in (told | ({} if scaling is None else {"scale": scaling.told})).items():
            lines.setdefault(what, []).append(f"{one.name}: {value}")
    return {what: "; ".join(each) for what, each in lines.items()}


def joined(old: Identity, new: Identity, where: str) -> Identity:
    """Return the identity of old and new outcomes together, with all their searches and data sets.

    Those that cannot stand in one file are refused; the first difference is named.
    """
    both = [(old["settings"], new["settings"])]
    both += [(had, new["searches"][name]) for name, had in old["searches"].items() if name in new["searches"]]
    for old_settings, new_settings in both:
        for name in dict.fromkeys([*new_settings, *old_settings]):
            if name in TAKEN:  # of each data set; where it counts, their contents differ
                continue
            had, given = old_settings.get(name), new_settings.get(name)
            if had != given and (name == "max_train" or None not in (had, given)):
                msg = f"{name} is {given!r}, but {where} was made with {had!r}; allowed: the same, or another file"
                raise InputError(msg)
    for name in old["data"].keys() & new["data"].keys():
        for split in SPLITS:
            had, given = (identity["data"][name][split]["data_sha256"] for identity in (old, new))
            if had != given:
                msg = f"data set {name!r} has {split} contents {given[:12]}…, but {where} was made with {had[:12]}…; "
                raise InputError(msg + "allowed: the same data, or another file")
            had, given = (identity["data"][name][split].get(EPSILON_UNIT) for identity in (old, new))
            if had != given and None not in (had, given):  # older files do not say it
                msg = f"data set {name!r} has ε {given}, but {where} was made with ε {had}; "
                raise InputError(msg + "allowed: the same unit, or another file")
    searches = {name: old["searches"].get(name, {}) | own for name, own in new["searches"].items()}
    return {
        "settings": old["settings"] | new["settings"] | _both(old["settings"], new["settings"]),
        "searches": old["searches"] | searches,
        "data": old["data"] | new["data"],
    }


def _both(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """Return how data sets were taken of old and new outcomes."""
    lines = {what: [one[what] for one in (old, new) if what in one] for what in TAKEN}
    return {what: "; ".join(dict.fromkeys("; ".join(each).split("; "))) for what, each in lines.items() if each}


def attributes(identity: Identity) -> dict[str, Any]:
    """Return what a file says of its settings: all of them for `identity_in`, and one by one for those who read it.

    A setting in which searches differ is named after each of them, as `rectangles_max_iter`.
    """
    values: dict[str, dict[str, Any]] = {}
    for search, settings in identity["searches"].items():
        for name, value in settings.items():
            values.setdefault(name, {})[search] = value
    plain: dict[str, Any] = {}
    for name, by_search in values.items():
        alike = len(set(by_search.values())) == 1
        plain |= {name if alike else f"{search}_{name}": value for search, value in by_search.items()}
    return plain | identity["settings"] | {SEARCHES: json.dumps(identity["searches"])}


def identity_in(ds: xr.Dataset, where: str) -> Identity:
    """Return the identity of the outcomes that a result file holds.

    A file is refused that is not a sweep's, or was joined from files with different settings of one search.
    """
    if "data_sha256" not in ds:
        msg = f"{where} is not the file of a sweep; allowed: one that run_sweep wrote, or a new name"
        raise InputError(msg)
    settings = {name: _plain(ds.attrs[name]) for name in (*SHARED, *TAKEN) if name in ds.attrs}
    facts: dict[str, dict[str, Any]] = {}
    units = units_in(ds)
    for name, split in itertools.product(ds["dataset"].values.tolist(), SPLITS):
        here = ds.sel(dataset=name, split=split)
        sha256, n_points = here["data_sha256"].item(), int(here["n_points"])
        facts.setdefault(name, {})[split] = {"data_sha256": sha256, "n_points": n_points}
        facts[name][split] |= {EPSILON_UNIT: units[name]} if units[name] else {}  # older files do not say it
    return {"settings": settings, "searches": _searches_in(ds, where), "data": facts}


def _searches_in(ds: xr.Dataset, where: str) -> dict[str, dict[str, Any]]:
    """Return the settings of each search; from their own attributes, where a file has them only there."""
    if SEARCHES not in ds.attrs:
        own = {search: search_named(search).settings() for search in searches_in(ds)}
        attrs = {name: _plain(value) for name, value in ds.attrs.items()}
        return {search: {name: attrs[name] for name in names if name in attrs} for search, names in own.items()}
    try:
        searches: dict[str, dict[str, Any]] = json.loads(ds.attrs[SEARCHES])
    except ValueError as error:
        msg = f"{where} was joined from files with different settings; allowed: one of the same, or a new name"
        raise InputError(msg) from error
    return searches


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.item() if hasattr(value, "item") else value
