"""Results as tables: a row a case, numbers as they are beside how they are written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.norms import sign_of
from numbaconc.numerals import percent, percent_at_least, percent_at_most, spread
from numbaconc.results.queries import (
    below_alpha_on_test,
    certificate,
    certificate_at_alpha,
    is_degenerate,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.results.schema import EPSILON_UNIT, LONG_NAMES, SPLITS
from numbaconc.show.certified import classifier_of, norm_name
from numbaconc.show.epsilon import UNTOLD, epsilon_axis, epsilon_unit
from numbaconc.show.listing import BELOW, FIRST, SIGNS, Part, plain
from numbaconc.show.report.parts import NOTHING, Cell, Column, Table, Value, text_cell

Case = Mapping[str, Any]
FRACTION = "fraction"
SHARES = {"risk": "risk", "adversarial_risk": "adversarial risk"}
UNIT = "ε is"  # title of the column of units
FLAGS = Column("flags", "flags", "", "what keeps the numbers of a row from bounding h at α")
BELOW_ALPHA, NO_ANSWER = "test risk < α", "bounds nothing at α"


class Seen:
    """One case, and what several of its cells are made of, each found once."""

    def __init__(self, here: xr.Dataset, case: Case) -> None:
        self.here, self.case, self.epsilon = here, case, float(case["epsilon"])

    @functools.cached_property
    def proven(self) -> Certificate | None:
        """What the test points prove at α."""
        return certificate_at_alpha(self.here, self.epsilon)

    @functools.cached_property
    def unmoved(self) -> Certificate | None:
        """What they prove with the border where the search put it."""
        return certificate(self.here, self.epsilon)

    @functools.cached_property
    def classifier(self) -> dict[str, Any] | None:
        """What is known of the classifier beside it."""
        return classifier_of(self.here, self.epsilon)


class Quantity(NamedTuple):
    """A number of a case."""

    column: Column
    cell: Callable[[Seen], Cell]


def case_table(parts: Sequence[Part]) -> Table:
    """Return the table of all cases of some results, made whole: what each is, what is certified, and risks.

    What keeps the numbers of a row from bounding h at α stands first, where no screen is too narrow for it.
    """
    quantities = list(_quantities())
    rows: list[tuple[dict[str, Any], list[Cell]]] = []
    flags: list[Cell] = []
    for part in parts:
        for case in part.found:
            here = select_case(part.ds, case)
            seen = Seen(here, case)
            rows.append((_named(part, here, case), [one.cell(seen) for one in quantities]))
            flags.append(text_cell("; ".join(told)) if (told := flags_of(here)) else NOTHING)
    if len({at[EPSILON_UNIT] for at, _ in rows}) < 2:
        rows = [({name: value for name, value in at.items() if name != EPSILON_UNIT}, cells) for at, cells in rows]
    given = dict.fromkeys(name for at, _ in rows for name in at)
    names = [*(name for name in FIRST if name in given and parts[0].file), *given]
    heads = [_coordinate_column([part.ds for part in parts], name) for name in dict.fromkeys(names)]
    cells = [
        [flag, *(_coordinate_cell(one.name, at.get(one.name)) for one in heads), *others]
        for flag, (at, others) in zip(flags, rows, strict=True)
    ]
    columns = [FLAGS, *heads, *(one.column for one in quantities)]
    there = [i for i in range(len(columns)) if any(row[i].value is not None for row in cells)]
    n_heads = len(heads) + (0 in there)
    return Table("cases", "Cases", [columns[i] for i in there], [[row[i] for i in there] for row in cells], n_heads)


def _named(part: Part, here: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return the coordinates of a case; beside cases of other files, all that may differ."""
    at = {**case, "alpha": float(here["alpha"]), EPSILON_UNIT: epsilon_unit(here) or UNTOLD}
    if not part.file:
        return at
    return {
        "file": part.file,
        "search": str(part.ds.attrs.get("search", "")),
        "norm": sign_of(norm_name(here, dict(case))),
    } | at


def flags_of(here: xr.Dataset) -> list[str]:
    """Return what keeps the numbers of one case from bounding h at α."""
    return [BELOW_ALPHA] * below_alpha_on_test(here) + [NO_ANSWER] * is_degenerate(here)


def _coordinate_column(results: Sequence[xr.Dataset], name: str) -> Column:
    ds = next((ds for ds in results if name in ds.coords), None)
    meaning = "" if ds is None else str(ds[name].attrs.get("long_name", ""))
    title, unit = UNIT if name == EPSILON_UNIT else SIGNS.get(name, printable(name)), "number"
    if ds is None or name == EPSILON_UNIT or ds[name].dtype.kind in "UO":
        unit = ""
    if name == "epsilon":
        axes, units = ({said(ds) for ds in results} for said in (epsilon_axis, epsilon_unit))
        title = axes.pop() if len(axes) == 1 else title
        unit = (units.pop() if len(units) == 1 else "") or "distance"
    return Column(printable(name), title, unit, printable(LONG_NAMES.get(name, meaning)))


def _coordinate_cell(name: str, value: Value) -> Cell:
    return NOTHING if value is None else Cell(printable(value) if isinstance(value, str) else value, plain(name, value))


def _quantities() -> Iterator[Quantity]:
    """Yield the numbers of a case in the order of their columns."""
    yield Quantity(Column("certified", "certified: h(μ, α, ε) ≤", FRACTION, LONG_NAMES["certified"]), _certified)
    yield Quantity(Column("lower_bound", "certified: h(μ, α, ε) ≥", FRACTION, LONG_NAMES["lower_bound"]), _least)
    for name, title in SHARES.items():
        for split in SPLITS:
            yield Quantity(
                Column(f"{name}_{split}", f"{title}, {split}", FRACTION, LONG_NAMES[name]), _mean(name, split)
            )
    for split in SPLITS:
        column = Column(f"uncertainty_{split}", f"label uncertainty, {split}", "0 to 2", LONG_NAMES["uncertainty"])
        yield Quantity(column, _mean("uncertainty", split))
    for name in ("measure_at_least", "expansion_at_most"):
        title = "L, border unmoved" if name == "measure_at_least" else "U, border unmoved"
        yield Quantity(Column(name, title, FRACTION, LONG_NAMES[name]), _unmoved(name))
    for name, title in (("q_found", "q found"), ("margin", "margin"), ("kept_seed", "seed kept")):
        yield Quantity(Column(name, title, "number", LONG_NAMES[name]), _kept(name))
    for name, title in (
        ("robust_accuracy", "robust accuracy"),
        ("not_ruled_out", "not ruled out"),
        ("unexplained", "unexplained"),
    ):
        yield Quantity(Column(name, f"classifier: {title}", FRACTION, OF_CLASSIFIER[name]), _of_classifier(name))


OF_CLASSIFIER = {
    "robust_accuracy": LONG_NAMES["robust_accuracy"],
    "not_ruled_out": "robust accuracy that concentration does not rule out at the classifier's clean error",
    "unexplained": "part of the classifier's adversarial risk that concentration does not explain",
}


def _certified(seen: Seen) -> Cell:
    return NOTHING if seen.proven is None else Cell(seen.proven.U, percent_at_most(seen.proven.U))


def _least(seen: Seen) -> Cell:
    return NOTHING if (least := lower_of(seen.here)) is None else Cell(least, percent_at_least(least))


def _mean(name: str, split: str) -> Callable[[Seen], Cell]:
    def cell(seen: Seen) -> Cell:
        here = seen.here
        if name not in here or not bool(here[name].notnull().any()):
            return NOTHING
        mean, std = (float(one.sel(split=split)) for one in mean_and_std(here, name))
        several = here.sizes.get("seed", 1) > 1
        marked = BELOW * ((name, split) == ("risk", "test") and below_alpha_on_test(here))
        return Cell(mean, spread(mean, std if several else None) + marked if name in SHARES else f"{mean:.4f}")

    return cell


def _unmoved(name: str) -> Callable[[Seen], Cell]:
    def cell(seen: Seen) -> Cell:
        if (proven := seen.unmoved) is None:
            return NOTHING
        least = name == "measure_at_least"
        return Cell(proven.L, percent_at_least(proven.L)) if least else Cell(proven.U, percent_at_most(proven.U))

    return cell


def _kept(name: str) -> Callable[[Seen], Cell]:
    def cell(seen: Seen) -> Cell:
        here = seen.here
        if name not in here or (name == "kept_seed" and here.sizes.get("seed", 1) < 2):
            return NOTHING
        value = here[name].item() if name == "kept_seed" else kept(here)[name].item()
        if not np.isfinite(value):
            return NOTHING
        return Cell(int(value), f"{int(value)}") if name == "kept_seed" else Cell(float(value), f"{value:.4f}")

    return cell


def _of_classifier(name: str) -> Callable[[Seen], Cell]:
    def cell(seen: Seen) -> Cell:
        if seen.classifier is None:
            return NOTHING
        value = float(seen.classifier[name])
        return Cell(value, percent(value) if name == "robust_accuracy" else percent_at_least(value))

    return cell


def failure_table(ds: xr.Dataset) -> Table | None:
    """Return the table of the cases of a sweep that failed, with their errors; None if none did."""
    if "error" not in ds or not bool((ds["error"] != "").any()):
        return None
    errors = ds["error"]
    places = np.argwhere(errors.values != "")
    names = [str(dim) for dim in errors.dims]
    rows = []
    for place in places:
        at = {name: errors[name].values[i].item() for name, i in zip(names, place, strict=True)}
        rows.append([*(_coordinate_cell(*one) for one in at.items()), text_cell(errors.values[tuple(place)])])
    columns = [*(_coordinate_column([ds], name) for name in names), Column("error", "error", "", LONG_NAMES["error"])]
    return Table("failures", "Cases that failed", columns, rows, len(names))


def data_table(ds: xr.Dataset) -> Table | None:
    """Return the table of samples: points and hashes; None where a file does not say them."""
    names = [name for name in ("n_points", "data_sha256") if name in ds.variables]
    if not names:
        return None
    rows = []
    for dataset in map(str, ds["dataset"].values):
        for split in SPLITS:
            row = [text_cell(dataset), text_cell(split)]
            for name in names:
                value = ds[name].sel(dataset=dataset, split=split).item()
                if name == "n_points":
                    row.append(Cell(int(value), f"{int(value):,}") if np.isfinite(value) else NOTHING)
                else:
                    row.append(text_cell(value))
            rows.append(row)
    columns = [Column(name, name, "", LONG_NAMES.get(name, "")) for name in ("dataset", "split")]
    columns += [Column(name, TITLES[name], "points" if name == "n_points" else "", LONG_NAMES[name]) for name in names]
    return Table("data", "Data", columns, rows, 2)


TITLES = {"n_points": "points", "data_sha256": "SHA-256"}


def attribute_table(name: str, title: str, attributes: Mapping[str, Any]) -> Table:
    """Return the table of a file's attributes, a row each."""
    rows = [[text_cell(key), text_cell(_plain(value))] for key, value in attributes.items() if str(value)]
    columns = [Column("attribute", "attribute", "", ""), Column("value", "value", "", "")]
    return Table(name, title, columns, rows, sortable=False)


def _plain(value: Any) -> str:  # noqa: ANN401
    """Write an attribute: numbers shortly, text as it is, of a long array its beginning."""
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return str(array.item())
    return np.array2string(array, threshold=9, separator=", ")
