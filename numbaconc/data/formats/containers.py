"""Users' arrays in files of HDF5 and MATLAB and in folders of zarr: read chunk by chunk where the file has chunks.

What a file promises is held against its length. HDF5's lists of contents and of chunks, and its texts, which a bad file can
keep its library at for ever, are tried out first. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.formats import matlab
from numbaconc.data.formats.named import Stored, needed
from numbaconc.data.formats.trial import try_out
from numbaconc.data.rows import check_memory
from numbaconc.errors import InputError, reading

if TYPE_CHECKING:
    import h5py

RATIO = 1032  # bytes that one byte of a file can unpack to at most, as deflate packs
PER_SECOND = 1 << 24  # bytes of a file whose contents are listed in less than a second
PACKED = ("scale_factor", "add_offset")  # what numbers are multiplied by when they are read, and what is added
TEXTS = 100  # that are read together: each could be as long as the file
HDF5_AT = 512  # bytes before what a MATLAB 7.3 file has in HDF5
REFERENCES = "#refs#"  # where MATLAB keeps what is in cells


def read_hdf5(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:  # noqa: ARG001  # as all readers
    """Return the arrays in all groups of an HDF5 file, by their paths; numbers are read chunk by chunk."""
    return Stored({name: functools.partial(_given, one) for name, one in _datasets(path, opened).items()})


def _datasets(path: Path, opened: contextlib.ExitStack) -> dict[str, h5py.Dataset]:
    """Return the data sets of an HDF5 file, whose sizes are such as it can hold."""
    import h5py

    def found(file: h5py.File) -> dict[str, h5py.Dataset]:
        datasets = {}
        file.visititems(lambda name, one: datasets.update({name: one}) if isinstance(one, h5py.Dataset) else None)
        for name, one in datasets.items():
            if one.external or one.is_virtual:
                msg = f"the numbers of {name!r} are in other files"
                raise ValueError(msg)
            _check_plain(one.attrs, name)
        check_promise(datasets, path)
        return datasets

    def tried() -> None:
        with h5py.File(path, "r") as file:
            for one in found(file).values():
                _ = one.chunks and one.id.get_num_chunks()  # all are looked up for that
                _is_logical(one)

    try_out(tried, 3 + path.stat().st_size // PER_SECOND)
    return found(opened.enter_context(h5py.File(path, "r")))


def check_promise(arrays: Mapping[str, Any], path: Path) -> None:
    """Refuse arrays of which one, or a chunk of it, promises more than their file, or folder, can hold: ValueError."""
    files = path.rglob("*") if path.is_dir() else [path]
    length = sum(file.stat().st_size for file in files if file.is_file())
    for name, one in arrays.items():
        chunks = one.chunks or getattr(one, "encoding", {}).get("chunksizes") or ()  # as xarray has them
        size = max(math.prod(one.shape or ()), math.prod(chunks)) * one.dtype.itemsize
        if size > RATIO * length:
            msg = f"its {name!r} promises {size} bytes, and its {length} bytes hold at most {RATIO * length}"
            raise ValueError(msg)


def _check_plain(attributes: Mapping[str, Any], name: str) -> None:
    """Refuse numbers that stand for others, as attributes of netCDF and xarray say: ValueError."""
    for attribute in PACKED:
        if attribute in attributes:
            msg = f"its {name!r} has {attribute}, and is packed; allowed: numbers as they are meant, such as xarray reads from it"
            raise ValueError(msg)


def _given(dataset: h5py.Dataset, name: str) -> Any:  # noqa: ANN401
    """Return numbers as they lie in the file, and texts read from it."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is None or dataset.ndim != 1:
        return dataset
    length = Path(dataset.file.filename).stat().st_size

    def read() -> list[str]:
        left, texts = RATIO * length, []
        for start in range(0, len(dataset), TEXTS):
            texts += list(dataset.asstr()[start : start + TEXTS])
            left -= sum(map(len, texts[start:]))
            if left < 0:
                msg = f"{name} has longer texts than the file can hold"
                raise ValueError(msg)
        return texts

    try_out(read, 3 + length // PER_SECOND)
    return np.array(read(), object)


def read_zarr(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:  # noqa: ARG001  # as all readers
    """Return the arrays in all groups of a folder of zarr, or its one array as `X`; numbers are read chunk by chunk."""
    import zarr

    store = zarr.open(path, mode="r")
    arrays = {"X": store} if isinstance(store, zarr.Array) else dict(store.members(max_depth=None))
    arrays = {name: one for name, one in arrays.items() if isinstance(one, zarr.Array)}
    for name, one in arrays.items():
        _check_plain(one.attrs, name)
        how = one.metadata.to_dict()
        how.pop("attributes", None)
        if "pickle" in str(how):
            msg = f"its {name!r} is packed by pickle; allowed: codecs that execute nothing"
            raise ValueError(msg)
    check_promise(arrays, path)
    return Stored({name: functools.partial(_texts, one) for name, one in arrays.items()})


def _texts(array: Any, _: str) -> Any:  # noqa: ANN401
    """Return an array as it lies in a folder, and texts of any length read from it."""
    return np.array(array[...].tolist()) if array.dtype.kind in "TO" else array


def read_matlab(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:
    """Return the arrays of numbers in a MATLAB file of version 5 to 7.3, whole.

    The points of an array of more than two dimensions are along the longer one of its first and last axis: MATLAB has
    them along the last.
    """
    check_memory(f"file {told[0]}", (path.stat().st_size,), path.stat().st_size)
    with path.open("rb") as file:
        begins = file.read(HDF5_AT + 8)
    if begins[HDF5_AT:] == b"\x89HDF\r\n\x1a\n":
        needed("h5py", told[0])
        datasets = {name: one for name, one in _datasets(path, opened).items() if not name.startswith(REFERENCES)}
        shapes = {name: one.shape[::-1] for name, one in datasets.items() if one.dtype.kind in "biuf"}
        for name, shape in shapes.items():
            check_memory(name, shape, datasets[name].nbytes)
        read, beside = {name: functools.partial(_transposed, datasets[name]) for name in shapes}, ""
    else:
        contents = path.read_bytes()
        shapes = matlab.shapes(contents)
        read = {name: functools.partial(matlab.read_numbers, contents, name) for name in shapes}
        beside = matlab.others(contents)
    last = [name for name, shape in shapes.items() if len(shape) > 2 and shape[-1] > shape[0]]
    note = f"the last axis of {', '.join(last)} counts the points" if last else ""
    return Stored({name: functools.partial(_points_first, one, told) for name, one in read.items()}, note, beside)


def _transposed(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return an array of MATLAB's, which are stored with the last axis first."""
    array: NDArray[Any] = dataset[...].T
    return array.astype(bool) if _is_logical(dataset) else array


def _is_logical(dataset: h5py.Dataset) -> bool:
    return bool(dataset.attrs.get("MATLAB_class", b"") == b"logical")


def _points_first(read: Any, told: tuple[str, str], name: str) -> NDArray[Any]:  # noqa: ANN401
    """Return an array of MATLAB's with the points along its first axis."""
    with reading(*told):
        array: NDArray[Any] = read()
    if array.ndim < 3 or array.shape[0] > array.shape[-1]:
        return array
    if array.shape[0] == array.shape[-1]:
        msg = f"{name} has shape {array.shape}; allowed: more points than the other axis at an end has"
        raise InputError(msg)
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))
