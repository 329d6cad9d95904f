"""Arrays as NumPy writes them to files: what a header promises is held against the length before memory is spent on it.

Large ones are read some rows at a time. A map of the file would be as quick, but its pages count as memory of the process
until they are given back, and a file that somebody cuts short ends a process that looks at its map; reading it is an error.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from numbaconc.data.rows import CHUNK, Rows, every, number_type
from numbaconc.errors import reading

VERSIONS = ((1, 0), (2, 0), (3, 0))
HEAD = 1 << 16  # bytes at the start of an array that have its header in them


def read_array(file: IO[bytes], length: int, name: str = "the array") -> NDArray[np.generic]:
    """Read one array, which is all that the file of that length has, and which messages call `name`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how its header is written
        file.seek(0)
        _header(file, length, name)
        file.seek(0)
        array: NDArray[np.generic] = npy.read_array(file, allow_pickle=False)
    return array


def rows_in(file: io.FileIO, at: int, length: int, name: str, told: tuple[str, str]) -> Rows:
    """Return the rows of an array, which is all that stands in a file from a place on, in so many bytes.

    They are read from the file as they are needed. `name` is what messages call the array, and `told` are the file and
    its kind.
    """
    file.seek(at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape, fortran, dtype, header = _header(file, length, name)
        if dtype.subdtype:
            file.seek(at)
            npy.read_array(file, allow_pickle=False)  # says why not
    dtype = number_type(dtype, shape, name)
    n, point = shape[0], shape[1:]
    d, begin = math.prod(point), at + header

    def read(start: int, stop: int) -> NDArray[Any]:
        with reading(*told):
            if not fortran:
                rows = np.empty((stop - start, d), dtype)
                _fill(rows, file, begin + start * d * dtype.itemsize)
                return rows
            columns = np.empty((d, stop - start), dtype)
            for number, column in enumerate(columns):
                _fill(column, file, begin + (number * n + start) * dtype.itemsize)
            return np.ascontiguousarray(columns.reshape(*point[::-1], -1).T).reshape(-1, d)

    return Rows(name, n, point, dtype, read, every(n, CHUNK // (d * dtype.itemsize)))


def _header(file: IO[bytes], length: int, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, order and type of the array that begins here, and the length of its header."""
    head = io.BytesIO(file.read(HEAD))  # the header may claim any length of its own, too
    version = npy.read_magic(head)
    if version not in VERSIONS:
        msg = f"it is of version {version[0]}.{version[1]}, which is not known"
        raise ValueError(msg)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(head)
    if dtype.hasobject:
        msg = f"{name} holds objects of Python, which are not unpickled; allowed: numbers, and texts as .astype(str) makes them"
        raise ValueError(msg)
    promised = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or promised != length - head.tell():
        msg = f"its header promises {dtype} of shape {shape}, {promised} bytes; there are {length - head.tell()}"
        raise ValueError(msg)
    return shape, fortran, dtype, head.tell()


def _fill(array: NDArray[Any], file: io.FileIO, at: int) -> None:
    """Fill an array with what stands in a file from a place on."""
    file.seek(at)
    left = array.reshape(-1).view(np.uint8).data
    while left:
        if not (n_read := file.readinto(left)):
            msg = f"it ends {len(left)} bytes before an array does, so it has become shorter"
            raise EOFError(msg)
        left = left[n_read:]
