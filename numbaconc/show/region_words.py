"""A region in words, and as plain values: which set it is, what its points are like, and how it was found."""

from __future__ import annotations

from typing import Any

from numbaconc.errors import printable, shortened
from numbaconc.norms import sign_of
from numbaconc.numerals import exact, strength
from numbaconc.regions import Region, Sublevel
from numbaconc.show.records import JSON, plain

MOST_NAMES = 10  # of columns


def describe_region(region: Region) -> str:
    """Say what a region is, in sentences, one a line."""
    family = type(region).__name__
    lines = [f"{family}: {region.definition}.", _points(region), _found(region)]
    if region.settings:
        lines.append(
            f"Settings: {', '.join(f'{name} {shortened(str(value), 80)}' for name, value in region.settings.items())}."
        )
    if region.numbaconc_version:
        lines.append(f"numbaconc {region.numbaconc_version} {'found it' if region.search else 'wrote the file'}.")
    return "\n".join(map(printable, lines))


def region_as_json(region: Region) -> dict[str, Any]:
    """Return the same as plain values, null where something is not known; the numbers of the set are in its file."""
    told = ("definition", "norm", "n_sets", "n_features", "shape", "columns", "unit", "epsilon_unit")
    found = ("search", "settings", "epsilon", "alpha", "margin", "data_sha256", "numbaconc_version")
    said = {name: getattr(region, name) for name in told} | {name: getattr(region.source, name) for name in found}
    as_plain: dict[str, Any] = plain({"schema": JSON, "region": {"family": type(region).__name__} | said})
    return as_plain


def _points(region: Region) -> str:
    """Say what points can be in it."""
    norm = sign_of(region.norm) or f"ℓ{region.p:g}"
    if region.space is None:
        return f"Points have {region.n_features:,} coordinates, and distances are in {norm}; in which unit is not told."
    columns = region.columns or ()
    named = f", named {', '.join(columns[:MOST_NAMES])}{', ...' * (len(columns) > MOST_NAMES)}" if columns else ""
    shape = " × ".join(f"{side:,}" for side in region.shape)
    what = f"{shape} numbers" if len(region.shape) > 1 else f"{shape} coordinates"
    return f"Points have {what}{named}; coordinates and distances, in {norm}, are {region.epsilon_unit}."


def _found(region: Region) -> str:
    """Say how it was found."""
    source = region.source
    if source.search is None:
        return "How it was found is not told."
    given = (
        (exact, "α = ", source.alpha),
        (strength, "ε = ", source.epsilon),
        ("{:g}".format, "margin ", source.margin or None),
    )
    asked = ", ".join(f"{sign}{write(value)}" for write, sign, value in given if value is not None)
    points = f", among training points of SHA-256 {source.data_sha256}" if source.data_sha256 else ""
    which = "The other one was found" if isinstance(region, Sublevel) else "Found"
    return f"{which} by the search {source.search} for {asked}{points}."
