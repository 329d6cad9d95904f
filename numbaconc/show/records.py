"""Results as plain numbers, for programs: the same keys for every search and every case, null where there is nothing.

`results.schema.json`, beside this file, says what each is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.results.layout import COORDINATES as OF_SEARCHES, FIRST, coordinates_in, own_coordinates
from numbaconc.results.queries import (
    below_alpha_on_test,
    cases,
    certificate,
    certificate_at_alpha,
    failures,
    hold_together,
    is_degenerate,
    kept,
    lower_of,
    mean_and_std,
    numbers_of_points,
    select_case,
    unreached,
)
from numbaconc.results.schema import BY_SPLIT, SPLITS
from numbaconc.results.slices import whole
from numbaconc.results.units import units_in
from numbaconc.show.certified import classifier_of, norm_name, note

if TYPE_CHECKING:
    from numbaconc.data.datasets import Status

JSON = "numbaconc JSON, version 1"
COORDINATES = ("T", "q", "gamma")  # of the searches here; those of others are beside one another under "coordinates"
AT_ALPHA = ("confidence", "n_compared", "U", "m", "K", "tau", "reason", "uncertainty_at_least", "n_tied")
BY_RESTART = ("q_found", "margin", "compared")
OF_RISKS = tuple(f"{name}_{split}{std}" for name in BY_SPLIT for split in SPLITS for std in ("", "_std"))
OF_BOUNDS = ("degenerate", "test_risk_below_alpha", "kept_seed", "bound", "bound_is", "certificate", "classifier")
ANSWERS = ("certified", "lower_bound", *OF_RISKS, *BY_RESTART, *OF_BOUNDS)  # null where a case has no values
ESTIMATED = "estimated by fractions of the test points"


def as_json(ds: xr.Dataset, files: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a result holds as plain numbers: one entry a case, fractions, and the file's attributes.

    `files` are those that it was written to, if it just was. InputError if something is missing that is to be said.
    """
    ds = whole(ds)
    found = [(select_case(ds, case), own_coordinates(case, ds)) for case in cases(ds)]
    proven = [certificate_at_alpha(here, case["epsilon"]) for here, case in found]
    beside = [one for one, (here, _) in zip(proven, found, strict=True) if lower_of(here) is not None]
    certified = [one for one in [*proven, *beside] if one is not None]  # twice, where a lower bound stands beside one
    return _record(
        {
            "schema": JSON,
            "cases": [_entry(here, case) for here, case in found] + _without_values(ds),
            "certified_together": hold_together(certified) if certified else None,
            "note": note(ds) if found else None,
            "errors": failures(ds),
            "attributes": _attributes(ds),
            "files": files,
        }
    )


def several_as_json(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return several results, each as it is alone, with the name of its file."""
    return _record({"schema": JSON, "results": [{"file": printable(file), **part} for file, part in parts.items()]})


def labels_as_json(ds: xr.Dataset, files: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the same of a result about labels; `files` as in `as_json`."""
    names = ("loss", "population", "n_conflicts")
    bounds = [
        {"epsilon": float(epsilon)} | {name: ds[name].sel(epsilon=epsilon).item() for name in names}
        for epsilon in ds["epsilon"].values
    ]
    least = {name: float(ds[name].min()) if name in ds else None for name in ("separation", "separation_test")}
    pairs = {name: ds[name].values.tolist() for name in ("closest", "closest_label", "closest_distance")}
    told = {"dataset": ds.attrs.get("dataset"), "norm": ds.attrs.get("norm"), "epsilon_unit": _unit(ds)}
    return _record(
        {
            "schema": JSON,
            **told,
            "bounds": bounds,
            "least": least,
            **pairs,
            "attributes": _attributes(ds),
            "files": files,
        }
    )


def data_as_json(rows: Sequence[Status]) -> dict[str, Any]:
    """Return what is on disk of data sets, or of the files of one."""
    said = [
        {
            "name": row.name,
            "state": row.state,
            "path": None if row.path is None else str(row.path),
            "detail": row.detail,
        }
        for row in rows
    ]
    return _record({"schema": JSON, "data": said})


def _entry(here: xr.Dataset, case: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of one case."""
    certified, lower = _certified(certificate_at_alpha(here, case["epsilon"])), _lower(here)
    entry = _place(here, case) | {"error": None, "certified": certified, "lower_bound": lower}
    return entry | _measured(here) | _bounds(here, case["epsilon"])


def _without_values(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Return the entries of the cases that no region was found for, or that failed: the same keys, and why."""
    nothing = dict.fromkeys(ANSWERS) | {"degenerate": True, "bound_is": ESTIMATED}
    return [
        _place(ds.sel(case), own_coordinates(case, ds)) | {"n_restarts": 0, "error": why} | nothing
        for case, why in unreached(ds)
    ]


def _place(here: xr.Dataset, case: dict[str, Any]) -> dict[str, Any]:
    """Return which case an entry is of."""
    numbers = numbers_of_points(here) or (None, None)
    return {
        "search": case.get("search", here.attrs.get("search")),
        "dataset": case["dataset"],
        "norm": norm_name(here, case),
        "epsilon": case["epsilon"],
        "epsilon_unit": _unit(here),
        "alpha": float(here["alpha"]),
        **{name: case.get(name) for name in COORDINATES},
        "coordinates": {name: value for name, value in case.items() if name not in (*FIRST, *COORDINATES)},
        "n_train": numbers[0],
        "n_test": numbers[1],
        "n_restarts": here.sizes.get("seed", 1),
    }


def _certified(proven: Certificate | None) -> dict[str, Any] | None:
    return None if proven is None else {name: getattr(proven, name) for name in AT_ALPHA}


def _lower(here: xr.Dataset) -> dict[str, Any] | None:
    if (least := lower_of(here)) is None:
        return None
    return {"value": least, "isolated": _count(here.get("isolated"))}


def _measured(here: xr.Dataset) -> dict[str, Any]:
    """Return the risks of one case, the means over its restarts, and what each restart found."""
    entry: dict[str, Any] = {}
    for name in BY_SPLIT:
        pair = mean_and_std(here, name) if name in here else None
        for split in SPLITS:
            values = (None, None) if pair is None else tuple(float(one.sel(split=split)) for one in pair)
            entry[f"{name}_{split}"], entry[f"{name}_{split}_std"] = values
    for name in BY_RESTART:
        entry[name] = np.ravel(here[name].values).tolist() if name in here else None
    return entry | {"degenerate": is_degenerate(here), "test_risk_below_alpha": below_alpha_on_test(here)}


def _bounds(here: xr.Dataset, epsilon: float) -> dict[str, Any]:
    """Return what the kept region of one case bounds, with its border where the search put it, and what is beside it."""
    chosen, proven = kept(here).sel(split="test"), certificate(here, epsilon)
    return {
        "kept_seed": _count(here.get("kept_seed", kept(here).get("seed"))),
        "bound": {"h_at": float(chosen["risk"]), "at_most": float(chosen["adversarial_risk"])},
        "bound_is": ESTIMATED,
        "certificate": None
        if proven is None
        else {"confidence": proven.confidence, "L": proven.L, "U": proven.U, "uniform_deviation": proven.uniform},
        "classifier": classifier_of(here, epsilon),
    }


def _count(value: xr.DataArray | None) -> int | None:
    """Return a whole number; None where there is none."""
    return None if value is None or not np.isfinite(float(value)) else int(value)


def _unit(ds: xr.Dataset) -> str | None:
    """Return what ε is in; None where it is not told, or differs."""
    units = set(units_in(ds).values())
    return next(iter(units)) or None if len(units) == 1 else None


def _attributes(ds: xr.Dataset) -> dict[str, Any]:
    """Return the attributes of a file; the settings, which it holds as text, as what they are."""
    attributes = {str(name): value for name, value in ds.attrs.items()}
    if OF_SEARCHES in attributes and not any(coordinates_in(ds).values()):
        del attributes[OF_SEARCHES]  # it would say of each search that it has none
    try:
        settings = json.loads(str(attributes["settings"]))
    except (KeyError, ValueError, RecursionError):  # there are none, or those of several searches
        return attributes
    return attributes | ({"settings": settings} if isinstance(settings, dict) else {})


def _record(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(plain(str(name))): plain(one) for name, one in given.items()}


def plain(value: Any) -> Any:  # noqa: ANN401
    """Return what JSON has: None for numbers that are not finite, lists for arrays, text that UTF-8 has."""
    if isinstance(value, Mapping):
        return _record(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # halves of characters are none
    return None if isinstance(value, float) and not math.isfinite(value) else value


def written(value: Mapping[str, Any]) -> str:
    """Write what the above return: in letters that every encoding has, and valid whoever reads it."""
    return json.dumps(value, indent=2, allow_nan=False)
