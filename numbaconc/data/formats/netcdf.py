"""The one door to netCDF files: those of results and of regions are read and written here.

The libraries below are not made for threads: two that read or write at once end the interpreter, so they take turns.
A file is read and written by Python, as bytes, and is a netCDF file only in memory: no name is taken for a web address,
no file system is asked for locks, and a full disk is called by its name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import os
import struct
import threading
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import NetCDF4DataStore

from numbaconc.data.files import as_path, replacing
from numbaconc.data.formats.containers import check_promise
from numbaconc.data.formats.named import Stored
from numbaconc.data.formats.trial import TrialError, try_out
from numbaconc.data.rows import check_memory
from numbaconc.errors import InputError, reading, said

BEGIN = b"\x89HDF\r\n\x1a\n"  # how a netCDF 4 file begins
END_AT = 28  # where it has its own length, 8 bytes, in version 2 of its first block, which is what is written
LARGEST = 1 << 30  # bytes of values in a file, unpacked, and of the file itself
PACKED = 1032  # bytes that one byte can unpack to at most, as deflate packs
PER_SECOND = 1 << 24  # bytes of a file that are read in less than a second
POINTER = 16  # bytes of one string in a file, beside its characters
# Attributes by which other tools scale, mask and cast the values that they read: here these are what they are.
CONVENTIONS = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "units", "calendar", "dtype"}
COORDINATES = "coordinates"  # the attribute, of a variable or of the file, that names variables that are coordinates

_turns = threading.RLock()
_parsable: set[bytes] = set()  # hashes of what this process or a child of it has parsed, and can parse again
if hasattr(os, "register_at_fork"):  # a child must not inherit a turn that nobody in it will end
    os.register_at_fork(before=_turns.acquire, after_in_parent=_turns.release, after_in_child=_turns.release)


def write(ds: xr.Dataset, path: str | Path) -> None:
    """Write a dataset to a file, compressed, as a whole or not at all; what is written can be read.

    Text that no file can hold, NUL and halves of characters, is written with backslashes; attributes that are neither
    text nor numbers are written as text.

    Raises
    ------
    InputError
        If a file cannot hold the dataset, or cannot be written.
    """
    try:
        plain = _plain(ds)
        contents = _in_memory(plain)
        if differing := _parsed(contents).variables.keys() ^ ds.variables.keys():
            msg = f"names such as {min(map(str, differing))!r} are not kept"
            raise UnfitError(msg)
        _parsable.add(_hash(contents))
    except Exception as error:  # xarray and netCDF4 raise many kinds for what they cannot hold
        msg = f"output {str(path)!r} cannot be written: {_why(error)}"
        raise InputError(msg) from error
    with replacing(path) as part:
        if _has_locks(part):
            _on_disk(plain, part)
        else:
            part.write_bytes(contents)


def _has_locks(part: Path) -> bool:
    """Return whether a file can be locked, without which the library writes none."""
    try:
        import fcntl

        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # of a system where the library needs no locks
        return True
    except OSError:
        return False
    return True


def _plain(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset as a file can hold it."""
    plain = ds.drop_encoding().assign_attrs({str(name): _attribute(value) for name, value in ds.attrs.items()})
    for name, variable in plain.variables.items():
        plain[name].attrs = {str(key): _attribute(value) for key, value in variable.attrs.items()}
        if variable.dtype.kind not in "fiubUO":
            msg = f"{name} is of {variable.dtype}, which is neither text nor numbers"
            raise UnfitError(msg)
        if variable.dtype.kind in "UO":
            texts = [_text(value) if isinstance(value, str) else value for value in variable.values.flat]
            array = np.array(texts, object).reshape(variable.shape)
            plain = plain.assign({name: (variable.dims, array, variable.attrs)})
    return plain


def _packing(plain: xr.Dataset) -> dict[Any, dict[str, bool]]:
    """Return how variables are compressed: all arrays of numbers."""
    return {name: {"zlib": True} for name, one in plain.data_vars.items() if one.ndim and one.dtype.kind in "fiu"}


def _in_memory(plain: xr.Dataset) -> bytes:
    """Return the bytes of a file that holds the dataset. Other tools can read such a file, but not add to it."""
    with _turns:
        contents = bytes(_fill(netCDF4.Dataset("memory", mode="w", memory=1), plain))  # it grows
    (end,) = struct.unpack_from("<Q", contents, END_AT)
    return contents[:end]  # after which memory is left over


def _on_disk(plain: xr.Dataset, path: Path) -> None:
    with _turns:
        _fill(netCDF4.Dataset(path.absolute(), mode="w"), plain)


def _fill(file: netCDF4.Dataset, plain: xr.Dataset) -> Any:  # noqa: ANN401
    """Write a dataset to a file that is open, close it, and return what closing does: the bytes of one in memory.

    `Dataset.to_netcdf` does the same once it has imported Dask, all of it, to ask for its scheduler.
    """
    try:
        store = NetCDF4DataStore(file)  # type: ignore[no-untyped-call]  # xarray gives this constructor no types
        plain.dump_to_store(store, encoding=_packing(plain))
    finally:
        closed = file.close()
    return closed


def _attribute(value: object) -> object:
    """Return an attribute as a file can hold it."""
    if isinstance(value, str):
        return _text(value)
    array = np.asarray(value)
    types = {"b": np.int64, "i": np.int64, "u": np.uint64, "f": np.float64}
    if array.dtype.kind in types and array.ndim <= 1 and array.size:
        return array.astype(types[array.dtype.kind])[()]
    return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def read(path: str | os.PathLike[str], what: str, allowed: str) -> xr.Dataset:
    """Read a file whole into memory; values are what is stored, whatever attributes say of scales, masks and times.

    Parameters
    ----------
    path : path-like
    what, allowed : str
        What messages call the file, and what they say is allowed.

    Raises
    ------
    InputError
        If the file is missing or is not one that `write` can have written: it is damaged, longer than a gigabyte,
        promises more values than its length can hold or more than a gigabyte of them, or has groups, types of its own
        or dimensions that are empty or have no end.
    """
    path = as_path(path, what)
    try:
        contents = _contents(path)
        with _turns:
            if (of := _hash(contents)) not in _parsable:
                try_out(lambda: _parsed(contents), 3 + len(contents) // PER_SECOND)
                _parsable.add(of)
        return _parsed(contents)
    except Exception as error:  # the libraries raise many kinds for what they cannot read
        msg = f"{what} {str(path)!r} cannot be read: {_why(error)}; allowed: {allowed}"
        raise InputError(msg) from error


def read_arrays(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:
    """Return the variables of a user's netCDF file, but for the coordinates along dimensions; these name columns.

    Values are what attributes make of them: scaled, and NaN where they are missing. ValueError and the like if the file is
    damaged, or promises more than its length can hold.
    """
    seconds = 3 + path.stat().st_size // PER_SECOND

    def listed() -> xr.Dataset:
        return xr.open_dataset(path.absolute(), engine="netcdf4", decode_times=False, cache=False)

    def loaded(name: str, _: str) -> xr.DataArray:
        check_memory(name, ds[name].shape, ds[name].nbytes)
        with _turns, reading(*told):
            if ds[name].dtype.kind not in "biuf":  # texts of any length can keep the library for ever
                try_out(ds[name].load, seconds)
            array: xr.DataArray = ds[name].load()
        return array

    with _turns:
        try_out(listed, seconds)
        ds = opened.enter_context(listed())
    names = [str(name) for name in ds.variables if name not in ds.dims]
    check_promise({name: ds[name] for name in names}, path)
    return Stored({name: functools.partial(loaded, name) for name in names})


def _why(error: Exception) -> str:
    if isinstance(error, UnfitError | TrialError):
        return str(error)
    return getattr(error, "strerror", None) or said(error)


def _hash(contents: bytes) -> bytes:
    return hashlib.sha256(contents).digest()


def _parsed(contents: bytes) -> xr.Dataset:
    """Return what the bytes of a file hold."""
    with _turns, netCDF4.Dataset("memory", memory=contents) as file:
        file.set_auto_maskandscale(False)
        _check(file, len(contents))
        attrs = _attributes(file)
        variables = {name: _variable(stored, len(contents)) for name, stored in file.variables.items()}
    beside = [str(own.pop(COORDINATES, "")) for own in (attrs, *(own for _, _, own in variables.values()))]
    ds = xr.Dataset(variables, attrs=attrs)
    return ds.set_coords([name for name in " ".join(beside).split() if name in ds])


class UnfitError(Exception):
    """A file that `write` cannot have written."""


def _contents(path: Path) -> bytes:
    """Return the bytes of a file."""
    if path.exists() and not path.is_dir() and not path.is_file():
        msg = "a pipe or a device, which might never end"
        raise UnfitError(msg)
    with path.open("rb") as file:
        contents = file.read(len(BEGIN))
        if contents != BEGIN:
            msg = "it does not begin as a netCDF 4 file does"
            raise UnfitError(msg)
        contents += file.read(min(LARGEST, os.fstat(file.fileno()).st_size))  # as much room is taken at once
    if len(contents) > LARGEST:
        msg = f"it is longer than {LARGEST} bytes"
        raise UnfitError(msg)
    return contents


def _check(file: netCDF4.Dataset, length: int) -> None:
    """Refuse what `write` never writes, and more values than a file of that length can hold, before they are read."""
    if file.groups or file.cmptypes or file.vltypes or file.enumtypes:
        msg = "it has groups, or types of its own"
        raise UnfitError(msg)
    for name, dimension in file.dimensions.items():
        if dimension.isunlimited() or not dimension.size:  # an empty one is stored as one without end
            msg = f"its dimension {name!r} is empty, or has no end"
            raise UnfitError(msg)
    promised = sum(map(_size, file.variables.values()))
    if promised > (most := min(LARGEST, PACKED * length)):
        msg = f"it promises {promised:,} bytes of values, and its {length:,} bytes hold at most {most:,}"
        raise UnfitError(msg)


def _size(variable: netCDF4.Variable[Any]) -> int:
    """Return how many bytes a variable takes, or a chunk of it if that is more."""
    if variable.dtype is not str and variable.dtype.kind not in "fiu":
        msg = f"its variable {variable.name!r} is of {variable.dtype}"
        raise UnfitError(msg)
    chunks = variable.chunking()
    values = math.prod(variable.shape)
    if isinstance(chunks, list):
        values = max(values, math.prod(chunks))
    return values * (POINTER if variable.dtype is str else variable.dtype.itemsize)


def _variable(variable: netCDF4.Variable[Any], length: int) -> tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]:
    """Return dimensions, values and attributes of a variable in a file of that length."""
    if variable.dtype is str:
        values = _texts(variable, length)
    else:
        values = np.asarray(variable[...])
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    attrs = {name: value for name, value in _attributes(variable).items() if name not in CONVENTIONS}
    return variable.dimensions, values, attrs


def _attributes(of: netCDF4.Dataset | netCDF4.Variable[Any]) -> dict[str, Any]:
    """Return text, numbers, and tuples of either."""
    attrs = {name: of.getncattr(name) for name in of.ncattrs()}
    return {name: tuple(value) if isinstance(value, np.ndarray | list) else value for name, value in attrs.items()}


def _texts(variable: netCDF4.Variable[Any], length: int) -> NDArray[np.str_]:
    """Read text in parts: each could be as long as the file, as all may be the same one in it."""
    texts, left = np.empty(variable.shape or (1,), object), length
    at_once = LARGEST // length
    axis = next(axis for axis in range(texts.ndim) if math.prod(texts.shape[axis + 1 :]) <= at_once)
    rows = at_once // math.prod(texts.shape[axis + 1 :])
    for place in np.ndindex(texts.shape[:axis]):
        for start in range(0, texts.shape[axis], rows):
            part = (*place, slice(start, start + rows))
            texts[part] = variable[part if variable.shape else ...]
            left -= sum(map(len, texts[part].flat))
            if left < 0:
                msg = f"the text of {variable.name!r} is longer than the file"
                raise UnfitError(msg)
    if 4 * texts.size * max(map(len, texts.flat)) > LARGEST:  # NumPy gives all of them the room of the longest
        msg = f"the text of {variable.name!r} takes more than {LARGEST:,} bytes"
        raise UnfitError(msg)
    return texts.astype(str).reshape(variable.shape)
