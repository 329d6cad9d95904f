"""What ε is in, as results and region files tell it: in words, and as the label of an axis."""

from __future__ import annotations

import xarray as xr

from numbaconc.errors import printable
from numbaconc.norms import sign_of
from numbaconc.results.units import units_in

UNTOLD = "in units that are not told"


def epsilon_unit(ds: xr.Dataset) -> str:
    """Say what ε is in, such as "on the scale of [0, 1]" or "in units of the data".

    Parameters
    ----------
    ds : Dataset
        A result, a slice of one, or what a region file holds.

    Returns
    -------
    str
        Where data sets differ, what it is in for each of them, after its name. Nothing for files that do not say it.
    """
    by_name = units_in(ds)
    if len(set(by_name.values())) == 1:
        return printable(next(iter(by_name.values())))
    return "; ".join(f"{printable(name)}: {printable(unit or UNTOLD)}" for name, unit in by_name.items())


def epsilon_axis(ds: xr.Dataset) -> str:
    """Return the label of an axis of ε, such as "ε, ℓ∞ distance on the scale of [0, 1]"; of a result or a slice of one."""
    unit = epsilon_unit(ds)
    unit = f"({unit})" if len(set(units_in(ds).values())) > 1 else unit
    return "ε, " + " ".join(filter(None, (sign_of(ds.attrs.get("norm")), "distance", unit)))
