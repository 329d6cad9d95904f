"""Compare tables that were made again with the committed ones, value for value: `python benchmarks/tables.py DIR`.

DIR is the folder in which `python -m numbaconc.experiments.table1 --out DIR`, and so on up to table5, left their result
files. Every risk and adversarial risk must be the same number in the same place. What differs is named, and the exit
status is then 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

import numbaconc as nc

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMITTED = Path(__file__).parents[1] / "experiments"
TABLES = (1, 2, 3, 4, 5)
COMPARED = ("risk", "adversarial_risk")


def differences(made: xr.Dataset, committed: xr.Dataset) -> Iterator[str]:
    """Yield a line for each place in which two results differ, places that only one of them has included."""
    for name in COMPARED:
        ours, theirs = made[name], committed[name]
        if set(ours.dims) != set(theirs.dims):
            yield f"{name} is on {', '.join(map(str, ours.dims))}; committed: on {', '.join(map(str, theirs.dims))}"
            continue
        ours, theirs = xr.align(ours, theirs.transpose(*ours.dims), join="outer")
        same = (ours.values == theirs.values) | (np.isnan(ours.values) & np.isnan(theirs.values))
        for place in map(tuple, np.argwhere(~same)):
            at = ", ".join(f"{dim} {ours[dim].values[i]}" for dim, i in zip(ours.dims, place, strict=True))
            values = (
                "missing" if np.isnan(one.values[place]) else repr(float(one.values[place])) for one in (ours, theirs)
            )
            yield f"{name} at {at}: {'; committed: '.join(values)}"


def compare(folder: Path, committed: Path, tables: list[int]) -> list[str]:
    """Return a line for each difference between the tables of two folders; a file that cannot be read is one."""
    found = []
    for number in tables:
        name = f"table{number}.nc"
        try:
            results = [nc.open_results(where / name) for where in (folder, committed)]
        except nc.InputError as error:
            found.append(str(error))
            continue
        found += [f"{name}: {line}" for line in differences(*results)]
    return found


def main() -> int:
    """Print what differs and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the tables were made again")
    parser.add_argument("--tables", type=int, nargs="+", choices=TABLES, default=TABLES, help="which (default: all)")
    options = parser.parse_args()
    found = compare(options.folder, COMMITTED, options.tables)
    said = (
        f"{len(found)} differences from {COMMITTED}"
        if found
        else "every risk and adversarial risk is the committed one"
    )
    print("\n".join([*found, f"{', '.join(f'table{number}' for number in options.tables)}: {said}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
