"""Users' .npy and .npz files: nothing that they say of themselves is believed, and nothing in them is unpickled."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from numbaconc.data.formats.named import Stored
from numbaconc.data.formats.npy import read_array, rows_in
from numbaconc.data.rows import CHUNK, Rows
from numbaconc.errors import InputError, reading

NPY, ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")  # how the files begin; the last is an empty archive
RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}  # bytes that one byte of a member can unpack to, at most
SPARSE = {"format", "shape", "data"}  # arrays of a matrix that scipy.sparse.save_npz wrote
LOCAL = 30  # bytes of the header before a member of an archive; the last four have the lengths of two texts after it


def read_plain(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:
    """Return the arrays of a file, which stays open; an .npy file's one array is `X`.

    Points are read from the file while it is open, but for packed ones of an archive, which are unpacked whole. ValueError
    and the like if the file is damaged, or promises more than its length can hold: deflate packs 1032 bytes into one at
    best. `told` are the file and its kind in messages.
    """
    length = path.stat().st_size
    file = opened.enter_context(path.open("rb", buffering=0))  # what is read is large
    begins = file.read(len(NPY))
    if begins == NPY:
        return Stored({"X": lambda name: rows_in(file, 0, length, name, told)})
    if not begins.startswith(ZIP):
        msg = f"file {told[0]} is neither .npy nor .npz: it begins with {begins.hex(' ') or 'nothing'}"
        raise InputError(msg)
    archive = opened.enter_context(zipfile.ZipFile(file))
    arrays: dict[str, Any] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in arrays:
            msg = f"it has {name!r} twice"
            raise ValueError(msg)
        arrays[name] = functools.partial(_member, file, archive, member, told)
    if set(arrays) >= SPARSE:
        msg = f"file {told[0]} has a sparse matrix; allowed: a dense one, as scipy.sparse.load_npz({told[0]}).toarray() makes it"
        raise InputError(msg + _size_of(archive, length))
    return Stored(arrays)


def _size_of(archive: zipfile.ZipFile, length: int) -> str:
    """Say how large a sparse matrix would be as a dense one, where its file tells."""
    try:
        members = {member.filename: _opened(archive, member, length) for member in archive.infolist()}
        shape = read_array(*members["shape.npy"]).tolist()
        item = members["data.npy"]
        return f", of {math.prod(shape) * read_array(*item).dtype.itemsize:,} bytes"
    except Exception:  # it says no more than that
        return ""


def _member(
    file: io.FileIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo, told: tuple[str, str], name: str
) -> Rows | NDArray[Any]:
    """Return a member of an archive: as rows of the file where these are points that are not packed."""
    with reading(*told):
        stream, size = _opened(archive, member, os.fstat(file.fileno()).st_size)
        if member.compress_type != zipfile.ZIP_STORED or not name.startswith("X"):
            return read_array(stream, size, name)
        while stream.read(CHUNK):  # to the end, where the checksum is
            pass
        return rows_in(file, _begin(file, member), size, name, told)


def _begin(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Return where in a file the contents of a member begin."""
    file.seek(member.header_offset + LOCAL - 4)
    of_name, of_more = struct.unpack("<HH", file.read(4))
    return int(member.header_offset + LOCAL + of_name + of_more)


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
