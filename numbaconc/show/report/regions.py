"""A region as a section of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.errors import printable
from numbaconc.numerals import exact, strength
from numbaconc.regions import Region
from numbaconc.show.report.parts import Cell, Column, Section, Table, text_cell
from numbaconc.show.report.tables import attribute_table

MOST_ROWS = 200  # of a table of coordinates
SIGNIFICANT = 6  # digits of a coordinate
OF_FEATURES = "coordinate"  # the dimension of files whose places have the names of columns


def region_section(name: str, region: Region, raw: xr.Dataset) -> Section:
    """Return what is said of a region, beside what its file holds."""
    section = Section(name, [printable(f"The region is {region.definition}.")])
    section.tables = [attribute_table("region", "Region", _facts(region)), *_coordinates(region, raw)]
    section.provenance = [attribute_table("file", name, raw.attrs)]
    return section


def _facts(region: Region) -> dict[str, Any]:
    """Return what a region is, and what it was found for, as far as that is known."""
    asked = {
        "ε": (region.source.epsilon, strength),
        "α": (region.alpha, exact),
        "margin": (region.source.margin, exact),
    }
    return {
        "family": type(region).__name__,
        "number of sets": f"{region.n_sets:,}",
        "shape of a point": " × ".join(map(str, region.shape)),
        "norm": region.norm,
        "ε is": region.epsilon_unit or "in units that are not told",
        "found by": region.search or "not told",
        **{name: write(value) for name, (value, write) in asked.items() if value is not None},
    }


def _coordinates(region: Region, raw: xr.Dataset) -> list[Table]:
    """Return a table of each array that a file of the region has: its finite values, where they are."""
    arrays = {str(name): one for name, one in raw.variables.items() if one.ndim and one.dtype.kind in "fiub"}
    return [_table(region, name, one) for name, one in arrays.items() if np.isfinite(one.values).any()]


def _table(region: Region, name: str, variable: xr.Variable) -> Table:
    places = np.argwhere(np.isfinite(variable.values))
    dims = [str(dim) for dim in variable.dims]
    columns = [Column(dim, printable(dim), "" if dim == OF_FEATURES and region.columns else "index") for dim in dims]
    meaning = printable(variable.attrs.get("long_name", ""))
    columns.append(Column(name, printable(name), printable(variable.attrs.get("units", "value"))))
    rows = [
        [*_place(dims, place.tolist(), region.columns), Cell(value, f"{value:.{SIGNIFICANT}g}")]
        for place in places[:MOST_ROWS]
        for value in [variable.values[tuple(place)].item()]
    ]
    more = f", the first {MOST_ROWS:,} of {len(places):,} finite values" if len(places) > MOST_ROWS else ""
    title = f"{printable(name)}: {meaning}" if meaning else printable(name)
    return Table(f"region-{name}", f"{title}{more}", columns, rows, len(dims))


def _place(dims: Sequence[str], place: Sequence[int], names: Sequence[str] | None) -> list[Cell]:
    return [
        text_cell(names[i]) if dim == OF_FEATURES and names else Cell(i, str(i))
        for dim, i in zip(dims, place, strict=True)
    ]
