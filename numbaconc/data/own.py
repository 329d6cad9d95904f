"""Users' .npy and .npz files: what they claim is held against their length before memory is spent on it."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from numbaconc.data.readers import reading
from numbaconc.errors import InputError

WANTED = (("X_train", "X_test"), ("X",))  # of an archive: the first of these that it has
NPY, ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")  # how the files begin; the last is an empty archive
HEAD = 1 << 16  # bytes at the start of an array that have its header in them
RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}  # bytes that one byte of a member can unpack to, at most


def read_own(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a user's file: `X_train` and `X_test`, or `X`, which an .npy file's one array is.

    Nothing is ever unpickled. InputError if the file is missing, is not one, is damaged, has other arrays, or promises
    more than its length can hold: deflate packs 1032 bytes into one at best.
    """
    where = repr(str(path))
    with reading(where, f"{path.suffix} of plain arrays"):
        if not path.is_file():  # a pipe would never end
            found = "is a folder" if path.is_dir() else "does not exist, or is no file"
            msg = f"file {where} {found}; allowed: an .npz or .npy file"
            raise InputError(msg)
        length = path.stat().st_size
        with path.open("rb") as file:
            begins = file.read(len(NPY))
            if begins == NPY:
                return {"X": read_array(file, length)}
            if begins.startswith(ZIP):
                with zipfile.ZipFile(file) as archive:
                    return {name: read_array(*_opened(archive, one, length)) for name, one in _wanted(archive, where)}
    msg = f"file {where} is neither .npy nor .npz: it begins with {begins.hex(' ') or 'nothing'}"
    raise InputError(msg)


def _wanted(archive: zipfile.ZipFile, where: str) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the names of the arrays that are read, and the members that they are."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members:
            msg = f"it has {name!r} twice"
            raise ValueError(msg)
        members[name] = member
    for names in WANTED:
        if set(names) <= members.keys():
            return [(name, members[name]) for name in names]
    msg = f"file {where} has arrays {', '.join(members) or '(none)'}; allowed: X_train and X_test, or one X"
    raise InputError(msg)


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo, length: int) -> tuple[IO[bytes], int]:
    """Open a member of an archive of that length; return it and its own length, which is one that can be true."""
    if member.compress_type not in RATIOS:
        msg = f"{member.filename!r} is packed by method {member.compress_type}; allowed: stored or deflated"
        raise ValueError(msg)
    most = min(member.compress_size, length) * RATIOS[member.compress_type]
    if member.file_size > most:
        msg = (
            f"{member.filename!r} claims {member.file_size} bytes; allowed: {most}, which is all that it can unpack to"
        )
        raise ValueError(msg)
    return archive.open(member), member.file_size


def read_array(file: IO[bytes], length: int) -> NDArray[np.generic]:
    """Read one array, which is all that the file of that length has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how its header is written
        file.seek(0)
        head = io.BytesIO(file.read(HEAD))  # the header may claim any length of its own, too
        version = npy.read_magic(head)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(head)
        promised = math.prod(shape) * dtype.itemsize
        if promised != length - head.tell() and not dtype.hasobject:  # these are refused by NumPy
            msg = f"its header promises {dtype} of shape {shape}, {promised} bytes; there are {length - head.tell()}"
            raise ValueError(msg)
        file.seek(0)
        array: NDArray[np.generic] = npy.read_array(file, allow_pickle=False)
    return array
