"""Arrays of real numbers from a MATLAB 5 file, by code that no file can crash: every claim is held against what is there.

A file is a header of 128 bytes and then elements. An element is a tag (type and length, four bytes each) and its data,
padded to a multiple of eight; up to four bytes may stand within the tag, the length in the upper half of the type.
An array is an element made of elements: flags, dimensions, name and data. It may be packed with zlib.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.errors import InputError

HEADER = 128  # bytes; the last two say the byte order, the two before the version
ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
CHARACTERS, BYTES, INTEGERS, FLAGS, ARRAY, PACKED = 1, 2, 5, 6, 14, 15  # types of elements
NUMERIC = ["float64", "float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
CLASSES = dict(enumerate(["cell", "struct", "object", "char", "sparse", *NUMERIC], 1))
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # types of data
COMPLEX, LOGICAL = 0x800, 0x200  # flags of an array that has imaginary parts too, and of one of true and false
START = 1 << 10  # bytes at the start of an array that have its flags, dimensions and name in them
MOST = 1 << 28  # bytes of an array of SVHN, unpacked: they have up to 225 million
MOST_WORDS = 20  # arrays that are no numbers, in a message
RATIO = 1032  # bytes that one byte of a file can unpack to at most


class _Array(NamedTuple):
    """What the start of an array says: its data are `data[at : at + length]`, if there are as many."""

    name: bytes
    dtype: str
    dims: tuple[int, ...]
    kind: int
    at: int
    length: int


def read_images(contents: bytes, name: str, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the uint8 array of that name: shape `shape` and one dimension more, in the file's order (Fortran's).

    InputError if there is none or it is another one, and ValueError, struct.error or zlib.error if the file is damaged.
    `where` is what messages call the file.
    """
    if (found := _found(contents, name)) is None:
        msg = f"file {where} has no variable {name}, so it is not SVHN's format 2"
        raise InputError(msg)
    array, data, packed = found
    if array.dtype != "uint8" or array.kind != BYTES or array.dims[:-1] != shape or array.dims[-1] < 0:
        allowed = f"uint8 of shape ({', '.join(map(str, shape))}, n)"
        msg = f"file {where} has an {name} of {array.dtype} of shape {array.dims}; allowed: {allowed}"
        raise InputError(msg)
    return np.frombuffer(_data(array, data, packed, 1, MOST), np.uint8).reshape(array.dims, order="F")


def read_column(contents: bytes, name: str, where: str, n: int) -> NDArray[np.float64] | None:
    """Return the n numbers of the array of that name, shape (n, 1) or (1, n), of any type; None if there is none.

    Errors as of `read_images`.
    """
    if (found := _found(contents, name)) is None:
        return None
    array, *_ = found
    if array.dims not in ((n, 1), (1, n)) or not _is_numeric(array):
        msg = f"file {where} has a {name} of {array.dtype} of shape {array.dims}; allowed: {n} numbers, one for each image"
        raise InputError(msg)
    return _numbers(contents, found, MOST).astype(np.float64).reshape(n)


def shapes(contents: bytes) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of numbers in a file, by their names; errors as of `read_images`."""
    order = ORDERS.get(contents[HEADER - 4 : HEADER], "<")
    arrays = [_parsed(_start(data, packed), order) for data, packed in _arrays(contents)]
    return {array.name.decode(): array.dims for array in arrays if _is_numeric(array)}


def others(contents: bytes) -> str:
    """Return what a file has beside arrays of numbers, in words; errors as of `read_images`."""
    order, words = ORDERS.get(contents[HEADER - 4 : HEADER], "<"), []
    for array in (_parsed(_start(data, packed), order) for data, packed in _arrays(contents)):
        if not _is_numeric(array) and array.name:
            size = f", of {8 * math.prod(array.dims):,} bytes as a dense array" if array.dtype == "sparse" else ""
            words.append(f"{array.name.decode()} is {array.dtype} of shape {array.dims}{size}")
    return ", ".join(words[:MOST_WORDS])


def read_numbers(contents: bytes, name: str) -> NDArray[Any]:
    """Return the array of that name, one of `shapes`, of its own type; errors as of `read_images`."""
    found = _found(contents, name)
    assert found is not None  # noqa: S101
    return _numbers(contents, found, len(contents) * RATIO)


def _is_numeric(array: _Array) -> bool:
    return array.dtype in (*NUMERIC, "bool") and array.kind in NUMBERS and min(array.dims, default=0) >= 0


def _numbers(contents: bytes, found: tuple[_Array, memoryview, bool], most: int) -> NDArray[Any]:
    """Return the numbers of an array. MATLAB stores those of any type as bytes where they are small and whole."""
    array, data, packed = found
    stored = np.dtype(ORDERS[contents[HEADER - 4 : HEADER]] + NUMBERS[array.kind])
    numbers = np.frombuffer(_data(array, data, packed, stored.itemsize, most), stored)
    return numbers.astype(array.dtype, copy=False).reshape(array.dims, order="F")


def _found(contents: bytes, name: str) -> tuple[_Array, memoryview, bool] | None:
    """Return the array of that name: what its start says, its data, and whether they are packed; None if there is none."""
    for data, packed in _arrays(contents):
        array = _parsed(_start(data, packed), ORDERS[contents[HEADER - 4 : HEADER]])
        if array.name == name.encode():
            return array, data, packed
    return None


def _start(data: memoryview, packed: bool) -> bytes:  # noqa: FBT001  # as `_arrays` yields them
    """Return the start of an array, which says what it is."""
    return zlib.decompressobj().decompress(data, START) if packed else bytes(data[:START])


def _data(array: _Array, data: memoryview, packed: bool, itemsize: int, most: int) -> memoryview:  # noqa: FBT001
    """Return the bytes of the numbers of an array, unpacked."""
    if array.length != math.prod(array.dims) * itemsize or array.length > most:
        held = f"its {array.name.decode()} of shape {array.dims} has {array.length} bytes"
        msg = f"{held}; allowed: {itemsize} for each value, up to {most}"
        raise ValueError(msg)
    end = array.at + array.length
    whole = _unpacked(data, end) if packed else data
    if len(whole) < end:
        msg = f"it ends within {array.name.decode()}"
        raise ValueError(msg)
    return memoryview(whole)[array.at : end]


def _unpacked(data: memoryview, length: int) -> bytes:
    """Unpack an array of that length, but for padding, to its end, where the checksum is."""
    unpacker = zlib.decompressobj()
    whole = unpacker.decompress(data, length + 8)
    if not unpacker.eof:
        msg = f"a packed array does not end after {length} bytes"
        raise ValueError(msg)
    return whole


def _arrays(contents: bytes) -> Iterator[tuple[memoryview, bool]]:
    """Yield the arrays of a file one after another, each from its first tag on or packed; and whether it is packed."""
    order = ORDERS.get(contents[HEADER - 4 : HEADER])
    if order is None:
        msg = f"its header of {HEADER} bytes does not name the format; allowed: MATLAB 5 to 7.3, as save -v7 and -v7.3 write"
        raise ValueError(msg)
    data = memoryview(contents)
    for kind, start, end in _elements(data, order, HEADER):
        if end > len(data):
            msg = f"an element of {end - start} bytes where {len(data) - start} are left"
            raise ValueError(msg)
        if kind in (ARRAY, PACKED):
            yield (data[start:end], True) if kind == PACKED else (data[start - 8 : end], False)


def _elements(data: bytes | memoryview, order: str, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, start and claimed end of the elements from `at` on, one after another."""
    while at < len(data):
        kind, length = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # the data stand within the tag
            kind, length, start = kind & 0xFFFF, kind >> 16, at + 4
        yield kind, start, start + length
        at = start + length + (0 if kind == PACKED else -(start + length - at) % 8)


def _parsed(start: bytes, order: str) -> _Array:
    """Parse the start of an array."""
    elements = list(itertools.islice(_elements(start, order, 8), 4))
    if start[:4] != struct.pack(f"{order}I", ARRAY) or [kind for kind, *_ in elements[:3]] != [
        FLAGS,
        INTEGERS,
        CHARACTERS,
    ]:
        msg = "an array does not begin with flags, dimensions and a name"
        raise ValueError(msg)
    (flags,) = struct.unpack_from(f"{order}I", start, elements[0][1])
    dims = struct.unpack(f"{order}{(elements[1][2] - elements[1][1]) // 4}i", start[slice(*elements[1][1:])])
    name = start[slice(*elements[2][1:])]
    dtype = "bool" if flags & LOGICAL else CLASSES.get(flags & 0xFF, f"class {flags & 0xFF}")
    kind, at, end = elements[3] if len(elements) == 4 else (0, 0, 0)
    return _Array(name, f"complex {dtype}" if flags & COMPLEX else dtype, dims, kind, at, end - at)
