"""The formats that image data sets are published in: bytes in, images and labels out.

A file is unpacked to contents (what a hash is taken of), and contents are parsed to an array. Nothing is ever
unpickled, and no archive is extracted to disk. A parser takes the contents, what messages call the file (`where`,
quoted), and the shape of one image to expect; it returns images, one a row, (n, pixels) uint8. One of labels takes the
number of images in place of their shape, and returns a label from 0 to 9 for each, (n,) int64. Both raise InputError if the
contents are not what they parse. No more is unpacked or read than a limit that the caller states, and nothing is believed
that a file says of its own size.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.utils import CallbackIOWrapper

from numbaconc.data.formats import matlab
from numbaconc.errors import InputError, reading
from numbaconc.how import bar

IDX_IMAGES = b"\x00\x00\x08\x03"  # magic: uint8, three dimensions
IDX_LABELS = b"\x00\x00\x08\x01"  # magic: uint8, one dimension
CLASSES = 10  # of labels, in all of the sets
CHUNK = 1 << 20  # bytes read at a time
MEMBERS = 16  # an archive unpacks to at most as many times the longest contents
NO_DATA = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)


def unpack(path: Path, names: Collection[str], longest: int, *, progress: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield the names and uncompressed contents of a file: its own, or those of the wanted members of an archive.

    `names` are the members that are wanted of a `.tar.gz`, whatever folder they are in, each yielded once, in the order
    of the file. Of a `.gz` or a plain file it is the one name that the contents go by. `longest` is the most bytes that
    contents may have. `progress` shows a bar while a packed file is read. InputError if the file cannot be read, is
    damaged, or lacks a member, or if contents are longer.
    """
    where = repr(str(path))
    if path.name.endswith(".tar.gz"):
        with reading(where, "a .tar.gz archive"), _gunzip(path, progress=progress) as stream:
            yield from _members(stream, names, where, longest)
    elif path.suffix == ".gz":
        with reading(where, "a .gz file"), _gunzip(path, progress=progress) as stream:
            contents = _at_most(stream, longest)
        yield next(iter(names)), contents
    else:
        with reading(where, "a file"), path.open("rb") as file:
            contents = _at_most(file, longest)
        yield next(iter(names)), contents


@contextlib.contextmanager
def _gunzip(path: Path, *, progress: bool) -> Iterator[gzip.GzipFile]:
    with path.open("rb") as raw, bar(what=path.name, shown=progress, total=path.stat().st_size) as shown:
        shown.unit, shown.unit_scale = "B", True
        with gzip.GzipFile(fileobj=CallbackIOWrapper(shown.update, raw, "read")) as stream:
            yield stream


def _at_most(stream: IO[bytes] | gzip.GzipFile, longest: int) -> bytes:
    """Read to the end, where a checksum is; ValueError if that is farther than `longest` bytes."""
    contents = stream.read(longest + 1)
    if len(contents) > longest:
        msg = f"it holds more than {longest} bytes, and no published contents do"
        raise ValueError(msg)
    return contents


def _members(stream: gzip.GzipFile, names: Collection[str], where: str, longest: int) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted members of an archive in one pass; `tarfile` would skip whatever size a member claims, past the end."""
    wanted, left = set(names), MEMBERS * longest
    while (header := _exactly(stream, tarfile.BLOCKSIZE)) != bytes(tarfile.BLOCKSIZE):
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        name, size = member.name.rpartition("/")[2], 0 if member.type in NO_DATA else member.size
        is_wanted = name in names and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        most = longest if is_wanted else left
        if not 0 <= size <= most:
            msg = f"its member {name!r} claims {size} bytes; allowed: 0 to {most}"
            raise ValueError(msg)
        padding = -size % tarfile.BLOCKSIZE
        left -= tarfile.BLOCKSIZE + size + padding
        if is_wanted:
            if name not in wanted:
                msg = f"it has {name!r} twice"
                raise ValueError(msg)
            wanted.remove(name)
            yield name, _exactly(stream, size)
            size = 0
        for start in range(0, size + padding, CHUNK):
            _exactly(stream, min(CHUNK, size + padding - start))
    while chunk := stream.read(CHUNK):  # to the end, where the checksum is
        left -= len(chunk)
        if left < 0:
            msg = f"it holds more than {MEMBERS * longest} bytes"
            raise ValueError(msg)
    if wanted:
        msg = f"file {where} has no {', '.join(sorted(wanted))} in it"
        raise InputError(msg)


def _exactly(stream: gzip.GzipFile, length: int) -> bytes:
    contents = stream.read(length)
    if len(contents) < length:
        msg = f"it ends after {len(contents)} of {length} bytes"
        raise EOFError(msg)
    return contents


def idx_images(contents: bytes, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Parse an IDX file of images (MNIST's): magic 00 00 08 03; big-endian uint32 n, height, width; n height width bytes."""
    if contents[:4] != IDX_IMAGES:
        msg = f"file {where} is not an IDX file of images: it starts with {_hex(contents[:4])}, not {_hex(IDX_IMAGES)}"
        raise InputError(msg)
    if len(contents) < 16:
        msg = f"file {where} is truncated: an IDX header has 16 bytes, there are {len(contents)}"
        raise InputError(msg)
    n, *size = struct.unpack(">III", contents[4:16])
    if tuple(size) != tuple(shape):
        msg = f"file {where} holds images of {_times(size)}; allowed: {_times(shape)}"
        raise InputError(msg)
    if len(contents) != 16 + n * math.prod(shape):
        promised = f"{n} images of {_times(shape)}, {16 + n * math.prod(shape)} bytes in all"
        msg = f"file {where} has {len(contents)} bytes; its header promises {promised}"
        raise InputError(msg)
    return np.frombuffer(contents, np.uint8)[16:].reshape(n, math.prod(shape))


def idx_labels(contents: bytes, where: str, n: int) -> NDArray[np.int64]:
    """Parse an IDX file of labels (MNIST's): magic 00 00 08 01; big-endian uint32 n; n bytes."""
    if contents[:4] != IDX_LABELS:
        msg = f"file {where} is not an IDX file of labels: it starts with {_hex(contents[:4])}, not {_hex(IDX_LABELS)}"
        raise InputError(msg)
    promised = int.from_bytes(contents[4:8], "big")
    if len(contents) != 8 + promised:
        msg = f"file {where} has {len(contents)} bytes; its header promises {promised} labels, {8 + promised} bytes in all"
        raise InputError(msg)
    return _labels(np.frombuffer(contents, np.uint8)[8:], where, n)


def cifar_batch(contents: bytes, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Parse a batch of CIFAR-10's binary version: records of a label (0..9) and the image, red, green, blue, row by row."""
    record = 1 + math.prod(shape)
    if not contents or len(contents) % record:
        msg = f"file {where} has {len(contents)} bytes; allowed: whole records of {record} bytes (label, then image)"
        raise InputError(msg)
    records = np.frombuffer(contents, np.uint8).reshape(-1, record)
    if (highest := records[:, 0].max()) >= CLASSES:
        msg = f"file {where} is not a CIFAR-10 batch: it has a label {highest}; allowed: 0 to {CLASSES - 1}"
        raise InputError(msg)
    return records[:, 1:]


def cifar_labels(contents: bytes, where: str, n: int) -> NDArray[np.int64]:
    """Parse the labels of n records of CIFAR-10's binary version: the first byte of each."""
    return _labels(np.frombuffer(contents, np.uint8)[:: len(contents) // n], where, n)


def svhn_images(contents: bytes, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Parse a MATLAB 5 file of SVHN's format 2, a uint8 array X (height, width, channel, n); rows keep the first three in order."""
    with reading(where, "a MATLAB 5 .mat file"):
        X = matlab.read_images(contents, "X", where, tuple(shape))
    return np.ascontiguousarray(np.moveaxis(X, 3, 0)).reshape(X.shape[3], math.prod(shape))


def svhn_labels(contents: bytes, where: str, n: int) -> NDArray[np.int64] | None:
    """Parse the labels of SVHN's format 2, an array y (n, 1) of 1 to 10, where 10 is the digit 0; None if there is no y."""
    with reading(where, "a MATLAB 5 .mat file"):
        numbers = matlab.read_column(contents, "y", where, n)
    if numbers is None:
        return None
    if not np.isin(numbers, np.arange(1, CLASSES + 1)).all():
        msg = f"file {where} has labels from {numbers.min():g} to {numbers.max():g}; allowed: 1 to {CLASSES}, whole numbers"
        raise InputError(msg)
    return _labels(numbers % CLASSES, where, n)


def _labels(numbers: NDArray[Any], where: str, n: int) -> NDArray[np.int64]:
    """Return labels as int64; InputError if there is not one for each of n images, or one is too high."""
    if len(numbers) != n:
        msg = f"file {where} has {len(numbers)} labels for {n} images; allowed: one for each"
        raise InputError(msg)
    if n and (highest := numbers.max()) >= CLASSES:
        msg = f"file {where} has a label {highest}; allowed: 0 to {CLASSES - 1}"
        raise InputError(msg)
    return numbers.astype(np.int64)


def _hex(magic: bytes) -> str:
    return magic.hex(" ") or "nothing"


def _times(size: Collection[int]) -> str:
    return "x".join(map(str, size))
