"""From outcomes to an xarray dataset, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.binomial import least_count
from numbaconc.certify import certify, n_bounds_of
from numbaconc.data.files import sha256_of_array
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.results.queries import certify_kept
from numbaconc.results.schema import BESIDE, DIMENSIONS, EPSILON_UNIT, LONG_NAMES, SPLITS, STORED, dimensions_with
from numbaconc.results.units import with_units

if TYPE_CHECKING:
    from numbaconc.search.base import Found


# The attribute that says which coordinates each search has; xarray drops one that is called "coordinates" from files.
COORDINATES = "search_coordinates"
FIRST = ("dataset", "epsilon", "alpha", "search")  # what every case has
Outcome = dict[str, Any]  # a value, or one for each split, of each of the variables in STORED that a case has
Facts = dict[str, dict[str, dict[str, Any]]]  # of each data set and split: its number of points, and their hash


class Case(NamedTuple):
    """Where one measurement stands: `at` has further coordinates, in pairs of name and value."""

    search: str
    alpha: float
    dataset: str
    epsilon: float
    at: tuple[tuple[str, Any], ...] = ()


def case_of(found: Found, dataset: str) -> Case:
    """Return where what was found stands."""
    goal, at = found.goal, tuple(found.search.coordinates.items())
    return Case(found.search.name, goal.alpha, dataset, goal.epsilon, at)


def outcome_of(found: Found, test: Sample, n_compared: int = 1) -> Outcome:
    """Return what a result file holds of a region: its risks on both samples, and what its search alone knows.

    And what certifies it at α, as one of `n_compared` certificates that hold together; with its mean label uncertainty, if
    the search was asked for some, and that of the test points is known.
    """
    goal, on_test = found.goal, found.region.measure(test, found.goal.epsilon)
    hardness = test.uncertainty if "mean_uncertainty" in found.attributes else None
    proven = None
    if least_count(goal.alpha, len(test), n_compared=n_compared, n_bounds=n_bounds_of(hardness)) is not None:
        asked = goal.epsilon, goal.alpha  # there are test points enough to prove α
        proven = certify(found.region, test, *asked, n_compared=n_compared, uncertainty=hardness)
    outcome: Outcome = {
        "risk": dict(zip(SPLITS, (found.risk, float(on_test.risk)), strict=True)),
        "adversarial_risk": dict(zip(SPLITS, (found.adversarial_risk, float(on_test.adversarial_risk)), strict=True)),
        "certified_count": len(test) if proven is None else proven.n_expanded,
        "n_compared": n_compared,
    }
    if (dimension := found.search.vc_dimension(test.n_features)) is not None:
        outcome["vc_dimension"] = dimension
    if hardness is not None:
        inside = hardness[found.region.contains(test)]
        if len(inside):
            means = found.attributes["mean_uncertainty"], float(inside.mean())
            outcome["uncertainty"] = dict(zip(SPLITS, means, strict=True))
        certified = (0.0, 0) if proven is None else (proven.uncertainty_at_least, proven.n_tied)
        outcome["uncertainty_at_least"], outcome["n_tied"] = certified
    return outcome | dict(found.stored)


def facts_of(samples: Mapping[str, Sample]) -> dict[str, dict[str, Any]]:
    """Return what a file tells of the samples of one data set."""
    unit = samples["train"].space.epsilon_unit
    return {
        split: {"data_sha256": contents_of(sample), "n_points": len(sample), EPSILON_UNIT: unit}
        for split, sample in samples.items()
    }


def contents_of(sample: Sample) -> str:
    """Return the hash of a sample's contents, of the points and of their label uncertainty where it is known."""
    if sample.uncertainty is None:
        return sample.sha256
    return hashlib.sha256(f"{sample.sha256} {sha256_of_array(sample.uncertainty)}".encode()).hexdigest()


def assemble(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str] = DIMENSIONS) -> xr.Dataset:
    """Lay measurements out on dimensions, in order; a combination of coordinates that no row speaks of is missing.

    Each row has a value for those of the dimensions that it depends on, the same ones in every row of a variable, and
    one or more variables.
    """
    grouped: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], Any]] = {}
    for row in rows:
        dims = tuple(dim for dim in dimensions if dim in row)
        for name in row.keys() - set(dims):
            grouped.setdefault((name, dims), {})[tuple(row[dim] for dim in dims)] = row[name]
    coords = {dim: _coordinate(dim, [row[dim] for row in rows if dim in row]) for dim in dimensions}
    coords = {dim: values for dim, values in coords.items() if values}
    place = {dim: {value: i for i, value in enumerate(values)} for dim, values in coords.items()}
    ds = xr.Dataset(coords=coords)
    for (name, dims), values in sorted(grouped.items()):
        text = any(isinstance(value, str) for value in values.values())
        array = np.full([len(coords[dim]) for dim in dims], "" if text else np.nan, dtype=object if text else float)
        for key, value in values.items():
            array[tuple(place[dim][at] for dim, at in zip(dims, key, strict=True))] = value
        if name in ds:
            both = f"{', '.join(map(str, ds[name].dims))} and on {', '.join(dims)}"
            msg = f"{name} is on {both}; allowed: one or the other"
            raise InputError(msg)
        ds[name] = (dims, array.astype(str) if text else array)
    for variable in ds.variables:
        if variable in LONG_NAMES:
            ds[variable].attrs["long_name"] = LONG_NAMES[str(variable)]
    return ds


def _coordinate(dim: str, values: Sequence[Any]) -> list[Any]:
    """Distinct values: splits and data sets in their own order, numbers ascending."""
    distinct = list(dict.fromkeys(values))
    return distinct if dim in {"search", "dataset", "split"} else sorted(distinct)


def lay_out(outcomes: Mapping[Case, Outcome], facts: Facts) -> xr.Dataset:
    """Lay outcomes out on the schema's dimensions.

    `search` is a dimension where there are several. `alpha` is one where a data set has several, and otherwise a
    coordinate along `dataset`. Where searches have different coordinates, one without T stands under T = 1, and one
    without another coordinate under the least value that others have. What test points prove is added; the attribute
    `search_coordinates` says which coordinates each search has. A coordinate is refused that only some cases of a
    search have.
    """
    check_alike(outcomes)
    searches = {case.search: tuple(name for name, _ in case.at) for case in outcomes}
    alphas: dict[str, set[float]] = {}
    for case in outcomes:
        alphas.setdefault(case.dataset, set()).add(case.alpha)
    several_alphas = any(len(values) > 1 for values in alphas.values())
    given: dict[str, list[Any]] = {}
    for case in outcomes:
        for name, value in case.at:
            given.setdefault(name, []).append(value)
    usual = {name: 1 if name == "T" else min(values) for name, values in given.items()}
    rows: list[dict[str, Any]] = []
    units: dict[str, str] = {}
    for case, outcome in outcomes.items():
        at: dict[str, Any] = {"dataset": case.dataset, "epsilon": case.epsilon} | usual | dict(case.at)
        at |= {"search": case.search} if len(searches) > 1 else {}
        at |= {"alpha": case.alpha} if several_alphas else {}
        rows += _rows(at, dict.fromkeys(("risk", "adversarial_risk"), dict.fromkeys(SPLITS, np.nan)) | outcome)
    for dataset in alphas.keys() & facts.keys():
        for split in SPLITS:
            told = dict(facts[dataset][split])
            units[dataset] = told.pop(EPSILON_UNIT, "")  # the same for both
            rows.append({"dataset": dataset, "split": split} | told)
    ds = assemble(rows, dimensions_with(usual))
    if not several_alphas:
        ds = ds.assign_coords(alpha=("dataset", [min(alphas[name]) for name in ds["dataset"].values]))
        ds["alpha"].attrs["long_name"] = LONG_NAMES["alpha"]
    ds = certify_kept(ds)
    ds = ds.set_coords([name for name in BESIDE if name in ds])
    ds = with_units(ds, units)
    ds.attrs[COORDINATES] = "; ".join(f"{search}: {', '.join(names)}" for search, names in searches.items())
    return ds


def _rows(at: Mapping[str, Any], outcome: Outcome) -> Iterable[dict[str, Any]]:
    """Yield a row for each variable, or for each split of one."""
    for name, value in outcome.items():
        here = dict(at) if STORED[name].by_seed else {dim: place for dim, place in at.items() if dim != "seed"}
        if isinstance(value, dict):
            yield from (here | {"split": split, name: value[split]} for split in SPLITS)
        else:
            yield here | {name: value}


def check_alike(cases: Iterable[Case], where: str = "missing in others") -> None:
    """Refuse a coordinate that only some cases of one search have, or that is text in some and a number in others.

    `where` says in the message where the others are.
    """
    names: dict[str, set[str]] = {}
    texts: dict[str, bool] = {}
    for case in cases:
        here = {name for name, _ in case.at}
        if differing := sorted(names.setdefault(case.search, here) ^ here):
            msg = f"{differing[0]} is given in some cases and {where}; allowed: in all cases of a file, or in none"
            raise InputError(msg)
        for name, value in case.at:
            if texts.setdefault(name, isinstance(value, str)) != isinstance(value, str):
                msg = f"{name} is text in some cases and a number in others; allowed: one of the two in a file"
                raise InputError(msg)


def outcomes_of(ds: xr.Dataset) -> dict[Case, Outcome]:
    """Return the outcomes that a file holds, failures included: what `lay_out` was given."""
    risk = ds["risk"].transpose(..., "split")
    dims = [str(dim) for dim in risk.dims[:-1]]
    failures = ds["error"].transpose(*dims).values if "error" in ds else np.full(risk.shape[:-1], "")
    own = coordinates_in(ds)
    outcomes: dict[Case, Outcome] = {}
    for place in map(tuple, np.argwhere(risk.notnull().any("split").values | (failures != ""))):
        here = dict(zip(dims, place, strict=True))
        at = {dim: ds[dim].values[i].item() for dim, i in here.items()}
        search = at.get("search", ds.attrs["search"])
        alpha = at["alpha"] if "alpha" in at else float(ds["alpha"].isel(here, missing_dims="ignore"))
        further = tuple((name, at[name]) for name in own[search] if name in at)
        stored = ("error",) if failures[place] else tuple(name for name in STORED if name in ds and name != "error")
        values = {name: _value(ds[name].isel(here, missing_dims="ignore")) for name in stored}
        outcome = {name: value for name, value in values.items() if value is not None}
        outcomes[Case(search, alpha, at["dataset"], at["epsilon"], further)] = outcome
    return outcomes


def searches_in(ds: xr.Dataset) -> list[str]:
    """Return the names of the searches that a file holds outcomes of."""
    return ds["search"].values.tolist() if "search" in ds.dims else [ds.attrs["search"]]


def _value(here: xr.DataArray) -> Any:  # noqa: ANN401
    """Return a variable of one case as an outcome has it; None where it is missing."""
    if "split" in here.dims:
        known = dict(zip(here["split"].values.tolist(), here.values.tolist(), strict=True))
        return known if here.notnull().any() else None
    value = here.item()
    if isinstance(value, str):
        return value or None
    return None if np.isnan(value) else value


def own_coordinates(case: Mapping[str, Any], ds: xr.Dataset) -> dict[str, Any]:
    """Return a case without the coordinates that only other searches of the file have."""
    if "search" not in case or COORDINATES not in ds.attrs:
        return dict(case)
    said = coordinates_in(ds).get(case["search"], list(case))
    return {name: value for name, value in case.items() if name in (*FIRST, *said)}


def coordinates_in(ds: xr.Dataset) -> dict[str, list[str]]:
    """Return which coordinates each search of a file has; those that it declares, for a file that does not say."""
    if COORDINATES in ds.attrs:
        said = dict(part.partition(": ")[::2] for part in ds.attrs[COORDINATES].split("; "))
        return {search: [name for name in names.split(", ") if name] for search, names in said.items()}
    from numbaconc.search.base import search_named

    declared = {search: search_named(search).settings().values() for search in searches_in(ds)}
    return {search: [str(one.coordinate) for one in every if one.coordinate] for search, every in declared.items()}
