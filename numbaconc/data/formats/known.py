"""The formats that users' data come in: a row each. What reads one is imported when such a file is opened."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from numbaconc.data.columns import Drop, without
from numbaconc.data.files import as_path
from numbaconc.data.formats.named import Stored, needed
from numbaconc.errors import InputError, reading


class Format(NamedTuple):
    """How files of a kind are read.

    Attributes
    ----------
    read : str
        Module and function of this room, which takes the path, the file and its kind in messages, and a stack that
        closes what it opens, and returns the arrays that there are.
    package : str
        What is imported for it beside what numbaconc needs anyway.
    install : str
        By what name that is installed, if by another.
    is_folder : bool
        Whether it is a folder of files.
    is_table : bool
        Whether it has columns that may be left out before they are read, as texts must be: `read` takes a `Drop`, too.
    words : str
        What messages call such files, after the suffix.
    """

    read: str
    package: str = ""
    install: str = ""
    is_folder: bool = False
    is_table: bool = False
    words: str = ""


IMAGES = ""  # the row of folders without a suffix that is known
FORMATS = {
    ".npy": Format("archives.read_plain", words=" of plain arrays"),
    ".npz": Format("archives.read_plain", words=" of plain arrays"),
    ".csv": Format("tables.read_csv", is_table=True),
    ".tsv": Format("tables.read_csv", is_table=True),
    ".parquet": Format("parquet.read_parquet", "pyarrow", is_table=True),
    ".h5": Format("containers.read_hdf5", "h5py"),
    ".hdf5": Format("containers.read_hdf5", "h5py"),
    ".nc": Format("netcdf.read_arrays"),
    ".zarr": Format("containers.read_zarr", "zarr", is_folder=True),
    ".mat": Format("containers.read_matlab"),
    ".pt": Format("tensors.read_torch", "torch", words=" of tensors"),
    ".pth": Format("tensors.read_torch", "torch", words=" of tensors"),
    IMAGES: Format("pictures.read_images", "PIL", "pillow", is_folder=True, words="a folder of images"),
}
KNOWN = f"{', '.join(filter(None, FORMATS))}, or a folder of images"


def own_files(name: str) -> list[Path]:
    """Return the path of a user's file or folder, or those of two with a comma between; none if it is not called so."""
    path, halves = as_path(name, "data set"), name.split(",")
    if len(halves) == 2 and all(halves) and not _holds(path.exists):
        paths = [as_path(half.strip(), "data set") for half in halves]
        return paths if all(map(_is_known, paths)) else []
    return [path] if _is_known(path) else []


def is_there(name: str) -> bool:
    """Return whether there is anything at that path; no for what cannot be one."""
    return _holds(Path(name).exists)


def name_of(name: str) -> str:
    """Return what a data set of that name or path is called: the stem of a file, or of two with a comma between."""
    return ",".join(path.stem or path.resolve().stem for path in own_files(name)) or name


def _is_known(path: Path) -> bool:
    return bool(path.suffix.lower() in FORMATS and path.suffix) or _holds(path.is_dir)


def _holds(question: Callable[[], bool]) -> bool:
    """Return the answer to a question about a path; no for a name that is longer than any file's."""
    try:
        return question()
    except OSError:
        return False


def _format_of(path: Path) -> Format:
    return FORMATS.get(path.suffix.lower(), FORMATS[IMAGES])


def called(path: Path) -> tuple[str, str]:
    """Return what messages call a file, and its kind."""
    return repr(str(path)), (path.suffix.lower() + _format_of(path).words).strip()


def open_file(path: Path, opened: contextlib.ExitStack, drop: Drop | None = None) -> Stored:
    """Return the arrays of a user's file, points without some columns; it is open until `opened` is closed.

    Raises
    ------
    InputError
        If the file is missing, is not one of its kind or damaged, or needs a package that is not installed.
    """
    kind, told, suffix = _format_of(path), called(path), path.suffix.lower()
    if not (path.is_dir() if kind.is_folder else path.is_file()):  # a pipe would never end
        found = "is a folder" if path.is_dir() else "does not exist, or is no file"
        msg = f"file {told[0]} {found}; allowed: a {suffix} {'folder' if kind.is_folder else 'file'}"
        raise InputError(msg)
    needed(kind.package, told[0], kind.install)
    module, _, function = kind.read.partition(".")
    read = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    with reading(*told):
        stored: Stored = read(path, told, opened, *[drop] * kind.is_table)
    if kind.is_table or drop is None:
        return stored
    return replace(stored, arrays={key: functools.partial(_without, one, drop) for key, one in stored.arrays.items()})


def _without(read: Callable[[str], Any], drop: Drop, name: str) -> Any:  # noqa: ANN401
    """Return an array, of points without some of their columns."""
    array = read(name)
    return without(array, drop, name) if name.startswith("X") else array
