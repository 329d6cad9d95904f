"""Many cases, or those of several files, side by side: a row each, and what its numbers mean below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import xarray as xr

from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.norms import sign_of
from numbaconc.numerals import exact, percent, percent_at_least, percent_at_most, strength
from numbaconc.results.alike import hashes_of
from numbaconc.results.layout import own_coordinates
from numbaconc.results.queries import (
    below_alpha_on_test,
    cases,
    certificate_at_alpha,
    degenerate,
    failures,
    lower_of,
    mean_and_std,
    numbers_of_points,
    select_case,
)
from numbaconc.results.slices import whole
from numbaconc.show.certified import listed, names_of, norm_name
from numbaconc.show.epsilon import epsilon_unit

SIGNS = {"alpha": "α", "epsilon": "ε", "gamma": "γ"}
MARKS = ""  # the column of marks, which comes first: on a narrow screen, too, they are seen
SOMETIMES = (MARKS, "h ≥")  # columns that are left out where they are empty
LEFT = ("file", "search", "dataset", "norm")  # columns of names
FIRST = (*LEFT, "n train", "n test", "alpha", "epsilon")
RISKS = {"risk": "risk", "adversarial_risk": "adv. risk"}
BELOW = " < α"


class Part(NamedTuple):
    """A result and the cases in it that are listed; the name of its file, if others stand beside it."""

    ds: xr.Dataset
    found: Sequence[dict[str, Any]]
    file: str = ""


def listing(ds: xr.Dataset, found: Sequence[dict[str, Any]]) -> list[str]:
    """Write one line a case: h from below and above, and the risks' means over the seeds; below, what is certified."""
    return [*_table([Part(ds, found)]), *_distance(ds, found)]


def compare(parts: Sequence[tuple[str, xr.Dataset]]) -> str:
    """Set the cases of several results side by side, whatever their searches, data, sizes and norms are.

    Parameters
    ----------
    parts : sequence of (str, Dataset)
        What each is called, such as its file, and the result, or a slice of one.

    Returns
    -------
    str
        A table with a row for each case, and what is to be known of it. InputError if something is missing that is to be said.
    """
    made = [Part(ds, list(cases(ds)), file) for file, ds in ((file, whole(ds)) for file, ds in parts)]
    return "\n".join([*_table(made), *_units(made), *_other_contents(made), *_failed(made)])


def _table(parts: Sequence[Part]) -> list[str]:
    """Write the rows of all parts, and below them what their numbers mean."""
    rows: list[dict[str, str]] = []
    proven: list[Certificate] = []
    beside: list[Certificate] = []
    for part in parts:
        for case in part.found:
            here = select_case(part.ds, case)
            one, least = certificate_at_alpha(here, case["epsilon"]), lower_of(here)
            proven += [] if one is None else [one]
            beside += [] if one is None or least is None else [one]
            own = own_coordinates(case, part.ds)
            row = {"file": part.file, **_named(part.ds, here, own)} if part.file else own
            marked = {MARKS: BELOW.strip() if below_alpha_on_test(here) else ""}
            rows.append(marked | {name: plain(name, value) for name, value in row.items()} | _numbers(here, one, least))
    names = list(dict.fromkeys(name for row in rows for name in row))
    first = [MARKS, *(name for name in FIRST if name in names)] if parts and parts[0].file else [MARKS]
    last = ["h ≥", "h ≤", *(name for name in names if name.rpartition(" ")[0] in RISKS.values())]
    names = [
        *(name for name in first if name in names),
        *(name for name in names if name not in (*first, *last)),
        *(name for name in last if name in names),
    ]
    names = [name for name in names if name not in SOMETIMES or any(row[name] for row in rows)]
    table = _aligned(names, [[row.get(name) or ("" if name == MARKS else "-") for name in names] for row in rows])
    names = list(dict.fromkeys(name for part in parts for name in names_of(part.ds)))
    flagged = sum(bool(row[MARKS]) for row in rows)
    return [*table, "", listed(proven, beside, names), *_flags(flagged, parts, len(rows))]


def _aligned(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    rows = [[SIGNS.get(name, printable(name)) for name in names], *cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [str.ljust if name in (MARKS, *LEFT) else str.rjust for name in names]
    return ["  ".join(map(_put, sides, row, widths)).rstrip() for row in rows]


def _put(side: Any, text: str, width: int) -> str:  # noqa: ANN401
    return str(side(text, width))


def _named(ds: xr.Dataset, here: xr.Dataset, case: dict[str, Any]) -> dict[str, Any]:
    """Return what a case is, beside cases of other files."""
    numbers = numbers_of_points(here) or ("", "")
    said = {"search": ds.attrs.get("search", "")} | case | {"alpha": float(here["alpha"])}
    return said | {"norm": sign_of(norm_name(here, case)), "n train": numbers[0], "n test": numbers[1]}


def _numbers(here: xr.Dataset, proven: Certificate | None, least: float | None) -> dict[str, str]:
    """Return the columns of what is certified and measured of one case."""
    row = {
        "h ≥": "" if least is None else percent_at_least(least),
        "h ≤": "" if proven is None else percent_at_most(proven.U),
    }
    for name, title in RISKS.items():
        mean = mean_and_std(here, name)[0]
        row |= {f"{title} {split}": percent(float(mean.sel(split=split))) for split in ("train", "test")}
    return row


def _flags(n_below: int, parts: Sequence[Part], n_rows: int) -> list[str]:
    lines = []
    if n_below:
        which = "rows" if n_below > 1 else "row"
        lines.append(
            f"{n_below} {which} marked{BELOW}: the test risk of the region that is kept is below α, so that its risks bound h at "
            "that measure, not at α."
        )
    if n_degenerate := sum(len(degenerate(part.ds)) for part in parts):
        lines.append(
            f"{n_degenerate} of {n_rows} cases bound nothing at α: the training risk of the region is below it, or no test point "
            "lies in it."
        )
    return lines


def _units(parts: Sequence[Part]) -> list[str]:
    """Say what ε is in."""
    units = [epsilon_unit(part.ds) for part in parts]
    if len(set(units)) == 1:
        return [f"ε of all of them is {units[0]}."] if units[0] else []
    return [f"ε of {printable(part.file)} is {unit}." for part, unit in zip(parts, units, strict=True) if unit]


def _distance(ds: xr.Dataset, found: Sequence[dict[str, Any]]) -> list[str]:
    """Say in which norm ε is, and in which unit; of each data set, where units differ."""
    norms = dict.fromkeys(filter(None, (sign_of(norm_name(select_case(ds, case), case)) for case in found)))
    units = dict.fromkeys((epsilon_unit(ds.sel(dataset=[name])), name) for name in names_of(ds))
    several = len({unit for unit, _ in units}) > 1
    said = [f"{unit} for {printable(name)}" if several else unit for unit, name in units if unit]
    told = " ".join(filter(None, (" or ".join(norms), "distance", "; ".join(dict.fromkeys(said)))))
    return [f"ε is {told}."] if norms or said else ["In which norm ε is, and in which unit, is not told."]


def _other_contents(parts: Sequence[Part]) -> list[str]:
    """Say which data sets of one name have other contents in one file than in another."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    lines = []
    for part in parts:
        for name in names_of(part.ds):
            for split, contents in hashes_of(part.ds, name).items():
                file, before = seen.setdefault((name, split), (part.file, contents))
                if contents != before:
                    those = f"those in {printable(file)}"
                    lines.append(f"The {split} points of {printable(name)} in {printable(part.file)} are not {those}.")
    return lines


def _failed(parts: Sequence[Part]) -> list[str]:
    """Say in which files cases failed, and why the first of them did."""
    failed = [(part.file, failures(part.ds)) for part in parts]
    return [f"Cases of {printable(file)} failed: {printable(why[0])}" for file, why in failed if why]


def plain(name: str, value: Any) -> str:  # noqa: ANN401
    """Write the value of a coordinate, or of another column of names and numbers."""
    if not isinstance(value, int | float):
        return printable(value)
    return f"{value:,}" if name.startswith("n ") else strength(value) if name == "epsilon" else exact(value)
