"""What the outcomes of a sweep depend on beside their cases, and whether old ones may stand beside new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbaconc.errors import InputError
from numbaconc.results.layout import facts_of
from numbaconc.results.schema import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from numbaconc.data.datasets import Dataset

Identity = dict[str, dict[str, Any]]  # the settings, and the contents of the data sets


def identity_of(settings: Mapping[str, Any], sets: Iterable[Dataset]) -> Identity:
    """Return what a sweep's outcomes depend on: its settings, and the contents of its data sets."""
    facts = {one.name: facts_of({"train": one.train, "test": one.test}) for one in sets}
    return {"settings": {name: value for name, value in settings.items() if value is not None}, "data": facts}


def joined(old: Identity, new: Identity, where: str) -> Identity:
    """Return the identity of old and new outcomes together, with the settings of all their searches.

    Raises
    ------
    InputError
        If they cannot stand in one file; the first difference is named.
    """
    for name in dict.fromkeys([*new["settings"], *old["settings"]]):
        had, given = (identity["settings"].get(name) for identity in (old, new))
        if had != given and (name == "max_train" or None not in (had, given)):
            msg = f"{name} is {given!r}, but {where} was made with {had!r}; allowed: the same, or another file"
            raise InputError(msg)
    for name in old["data"].keys() & new["data"].keys():
        for split in SPLITS:
            had, given = (identity["data"][name][split]["data_sha256"] for identity in (old, new))
            if had != given:
                msg = (
                    f"data set {name!r} has {split} contents {given[:12]}…, but {where} was made with {had[:12]}…; "
                    "allowed: the same data, or another file"
                )
                raise InputError(msg)
    return {"settings": old["settings"] | new["settings"], "data": old["data"] | new["data"]}


def identity_in(ds: xr.Dataset, where: str, names: Iterable[str]) -> Identity:
    """Return the identity of the outcomes that a result file holds.

    Parameters
    ----------
    ds : xarray.Dataset
    where : str
        What messages call the file.
    names : iterable of str
        Of settings.

    Raises
    ------
    InputError
        If it is not a sweep's file.
    """
    if "data_sha256" not in ds:
        msg = f"{where} is not the file of a sweep; allowed: one that run_sweep wrote, or a new name"
        raise InputError(msg)
    settings = {name: _plain(ds.attrs[name]) for name in names if name in ds.attrs}
    facts = {
        str(name): {
            split: {
                "data_sha256": str(ds["data_sha256"].sel(dataset=name, split=split).values),
                "n_points": int(ds["n_points"].sel(dataset=name, split=split)),
            }
            for split in SPLITS
        }
        for name in ds["dataset"].values
    }
    return {"settings": settings, "data": facts}


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.item() if hasattr(value, "item") else value
