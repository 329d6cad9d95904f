"""A sweep's outcomes as an xarray dataset, and back; whether old outcomes may stand beside new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbaconc.errors import InputError
from numbaconc.measurement import COORDINATES
from numbaconc.results import BESIDE, LONG_NAMES, SPLITS, assemble, certify_kept
from numbaconc.sweep.grid import SETTINGS, Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from numbaconc.data.datasets import Dataset
    from numbaconc.sweep.journal import Outcome

Identity = dict[str, dict[str, Any]]  # what outcomes depend on beside their case


def identity_of(settings: Mapping[str, Any], sets: Iterable[Dataset]) -> Identity:
    """Return what a sweep's outcomes depend on: its settings, and the contents of its data sets."""
    facts = {
        one.name: {
            split: {"data_sha256": sample.sha256, "n_points": len(sample)}
            for split, sample in zip(SPLITS, (one.train, one.test), strict=True)
        }
        for one in sets
    }
    plain = {name: int(value) if isinstance(value, bool) else value for name, value in settings.items()}
    return {"settings": {name: value for name, value in plain.items() if value is not None}, "data": facts}


def joined(old: Identity, new: Identity, where: str) -> Identity:
    """Return the identity of old and new outcomes together.

    Raises
    ------
    InputError
        If they cannot stand in one file; the first difference is named.
    """
    for name in SETTINGS:
        had, given = old["settings"].get(name), new["settings"].get(name)
        if had != given:
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
    return {"settings": new["settings"], "data": old["data"] | new["data"]}


def lay_out(outcomes: Mapping[Case, Outcome], identity: Identity) -> xr.Dataset:
    """Lay outcomes out on the schema's dimensions.

    `alpha` is a dimension where a data set has several, otherwise a coordinate along `dataset`;
    `search` where there are several. A search without T then stands under T = 1, one without seeds
    under the least seed.
    """
    searches = {case.search for case in outcomes}
    alphas: dict[str, set[float]] = {}
    for case in outcomes:
        alphas.setdefault(case.dataset, set()).add(case.alpha)
    several_alphas = any(len(values) > 1 for values in alphas.values())
    dimensions = {name for search in searches for name in COORDINATES[search]}
    usual = {"T": 1, "seed": min((case.seed for case in outcomes if case.seed is not None), default=0)}
    rows: list[dict[str, Any]] = []
    for case, outcome in outcomes.items():
        at: dict[str, Any] = {"dataset": case.dataset, "epsilon": case.epsilon}
        at |= {name: getattr(case, name) for name in COORDINATES[case.search] if getattr(case, name) is not None}
        at |= {name: value for name, value in usual.items() if name in dimensions and name not in at}
        at |= {"search": case.search} if len(searches) > 1 else {}
        at |= {"alpha": case.alpha} if several_alphas else {}
        for name in ("risk", "adversarial_risk"):
            values = outcome.get(name, dict.fromkeys(SPLITS, np.nan))
            rows += [at | {"split": split, name: values[split]} for split in SPLITS]
        rows += [at | {name: outcome[name]} for name in ("q_found", "error") if name in outcome]
        if "vc_dimension" in outcome:
            rows.append({name: at[name] for name in at if name != "seed"} | {"vc_dimension": outcome["vc_dimension"]})
    for dataset, facts in identity["data"].items():
        if dataset in alphas:
            rows += [{"dataset": dataset, "split": split} | facts[split] for split in SPLITS]
    ds = assemble(rows)
    if not several_alphas:
        ds = ds.assign_coords(alpha=("dataset", [min(alphas[name]) for name in ds["dataset"].values]))
        ds["alpha"].attrs["long_name"] = LONG_NAMES["alpha"]
    return certify_kept(ds).set_coords(BESIDE)


def outcomes_of(ds: xr.Dataset) -> dict[Case, Outcome]:
    """Return the outcomes that a sweep's file holds, failures included: what `lay_out` was given."""
    risk = ds["risk"].transpose(..., "split")
    dims = [str(dim) for dim in risk.dims[:-1]]
    failures = ds["error"].transpose(*dims).values if "error" in ds else np.full(risk.shape[:-1], "")
    outcomes: dict[Case, Outcome] = {}
    for place in map(tuple, np.argwhere(risk.notnull().any("split").values | (failures != ""))):
        at = {dim: ds[dim].values[i].item() for dim, i in zip(dims, place, strict=True)}
        here = dict(zip(dims, place, strict=True))
        search = at.get("search", ds.attrs["search"])
        alpha = at["alpha"] if "alpha" in at else float(ds["alpha"].isel(here, missing_dims="ignore"))
        has = {name: at.get(name) if name in COORDINATES[search] else None for name in ("T", "q", "seed")}
        outcome: Outcome = {}
        if failures[place]:
            outcome["error"] = str(failures[place])
        else:
            for name in ("risk", "adversarial_risk"):
                values = ds[name].transpose(*dims, "split").values[place]
                outcome[name] = dict(zip(ds["split"].values.tolist(), values.tolist(), strict=True))
            if "q_found" in ds and has["q"] is None and search == "rectangles":
                outcome["q_found"] = float(ds["q_found"].transpose(*dims).values[place])
            dimension = float(ds["vc_dimension"].isel(here, missing_dims="ignore")) if "vc_dimension" in ds else np.nan
            if not np.isnan(dimension):  # a file of before it was kept
                outcome["vc_dimension"] = int(dimension)
        outcomes[Case(search, alpha, at["dataset"], at["epsilon"], **has)] = outcome
    return outcomes


def identity_in(ds: xr.Dataset, where: str) -> Identity:
    """Return the identity of the outcomes that a result file holds.

    Raises
    ------
    InputError
        If it is not a sweep's file.
    """
    if "data_sha256" not in ds:
        msg = f"{where} is not the file of a sweep; allowed: one that run_sweep wrote, or a new name"
        raise InputError(msg)
    # a setting that was not yet there when the file was made had what is its default now
    known = SETTINGS | {name: _plain(ds.attrs[name]) for name in SETTINGS if name in ds.attrs}
    settings = {
        name: int(value) if isinstance(value, bool) else value for name, value in known.items() if value is not None
    }
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
