"""Where results go that are given no name: never silently over another result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from numbaconc.cli.console import tell
from numbaconc.data.files import is_same_file
from numbaconc.errors import InputError, printable, shown

if TYPE_CHECKING:
    import xarray as xr

VARYING = ("created", "seconds", "threads", "command")  # attributes of how a result was made, not of what it is


def settled(
    usual: Path,
    ds: xr.Dataset,
    files: Callable[[Path], Iterable[Path]],
    *,
    quiet: bool,
    same: Callable[[Path], bool] = lambda name: True,  # noqa: ARG005
) -> Path:
    """Return the name under which a result is written that was given none.

    It is the usual one, or else that with the least number, "-2" and so on, where nothing lies yet, or the same result,
    which may be replaced by itself. `files` are all that would be written under a name, and `same` says of one that has the
    same result whether what lies beside it may be replaced, too.
    """
    names = (usual if number == 1 else numbered(usual, number) for number in count(1))
    name = next(one for one in names if (_holds(one, ds) and same(one)) or not any(map(os.path.lexists, files(one))))
    if name != usual and not quiet:
        there = next((one for one in files(usual) if os.path.lexists(one)), usual)
        tell(
            f"note: {printable(there)} holds something else and is left as it is; the result is in {printable(name)} "
            f"(--out {printable(usual)} would replace it)"
        )
    return name


def check_apart(path: Path, data: str, name: str) -> None:
    """Refuse an output that is one of the files that the data are read from, or lies in place of a picture among them."""
    from numbaconc.data.formats.known import own_files

    for source in own_files(data):
        within = source.is_dir() and path.suffix != ".nc" and source.resolve() in path.resolve().parents
        if is_same_file(path, source) or (within and os.path.lexists(path)):
            msg = f"{name} is {shown(str(path))}, which the data are read from; allowed: another name"
            raise InputError(msg)


def numbered(usual: Path, number: int) -> Path:
    """Return a name with a number before its ending."""
    return usual.with_name(f"{usual.stem}-{number}{usual.suffix}")


def _holds(path: Path, ds: xr.Dataset) -> bool:
    """Return whether a file holds a result: the same numbers, of the same data, settings and versions."""
    from numbaconc.results.files import open_results

    if not path.is_file():
        return False
    try:
        there = open_results(path)
    except InputError:  # it is something else
        return False
    told = [{str(name): str(one.attrs[name]) for name in one.attrs if name not in VARYING} for one in (there, ds)]
    return told[0] == told[1] and bool(there.equals(ds))
