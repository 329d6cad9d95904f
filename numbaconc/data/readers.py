"""The formats that image data sets are published in: bytes in, images out.

A file is unpacked to contents (what a hash is taken of), and contents are parsed to an array. Nothing is ever
unpickled, and no archive is extracted to disk. A parser takes the contents, what messages call the file (`where`,
quoted), and the shape of one image to expect; it returns images, one a row, (n, pixels) uint8, and raises InputError if
the contents are not what it parses.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import struct
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.utils import CallbackIOWrapper

from numbaconc.errors import InputError
from numbaconc.how import bar

IDX_IMAGES = b"\x00\x00\x08\x03"  # magic: uint8, three dimensions
CIFAR_CLASSES = 10
CHUNK = 1 << 20  # bytes read at a time


@contextlib.contextmanager
def reading(where: str, kind: str) -> Iterator[None]:
    """Turn whatever a library raises for a bad file into an InputError that names the file (`where`, quoted)."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # libraries differ in what they raise for a bad file
        said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        msg = f"file {where} cannot be read as {kind}: {said}"
        raise InputError(msg) from error


def unpack(path: Path, names: Collection[str], *, progress: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield the names and uncompressed contents of a file: its own, or those of the wanted members of an archive.

    `names` are the members that are wanted of a `.tar.gz`, whatever folder they are in, each yielded once, in the order
    of the file. Of a `.gz` or a plain file it is the one name that the contents go by. `progress` shows a bar while a
    packed file is read. InputError if the file cannot be read, is damaged, or lacks a member.
    """
    where = repr(str(path))
    if path.name.endswith(".tar.gz"):
        with reading(where, "a .tar.gz archive"), _gunzip(path, progress=progress) as stream:
            yield from _members(stream, names, where)
    elif path.suffix == ".gz":
        with reading(where, "a .gz file"), _gunzip(path, progress=progress) as stream:
            contents = stream.read()
        yield next(iter(names)), contents
    else:
        with reading(where, "a file"):
            contents = path.read_bytes()
        yield next(iter(names)), contents


@contextlib.contextmanager
def _gunzip(path: Path, *, progress: bool) -> Iterator[gzip.GzipFile]:
    with path.open("rb") as raw, bar(what=path.name, shown=progress, total=path.stat().st_size) as shown:
        shown.unit, shown.unit_scale = "B", True
        with gzip.GzipFile(fileobj=CallbackIOWrapper(shown.update, raw, "read")) as stream:
            yield stream


def _members(stream: gzip.GzipFile, names: Collection[str], where: str) -> Iterator[tuple[str, bytes]]:
    wanted = set(names)
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # "|": one pass, in the archive's order
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isreg():
                wanted.remove(name)
                file = archive.extractfile(member)
                assert file is not None  # a regular member has contents  # noqa: S101
                yield name, file.read()
    while stream.read(CHUNK):  # to the end, where the checksum is
        pass
    if wanted:
        msg = f"file {where} has no {', '.join(sorted(wanted))} in it"
        raise InputError(msg)


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


def cifar_batch(contents: bytes, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Parse a batch of CIFAR-10's binary version: records of a label (0..9) and the image, red, green, blue, row by row."""
    record = 1 + math.prod(shape)
    if not contents or len(contents) % record:
        msg = f"file {where} has {len(contents)} bytes; allowed: whole records of {record} bytes (label, then image)"
        raise InputError(msg)
    records = np.frombuffer(contents, np.uint8).reshape(-1, record)
    if (highest := records[:, 0].max()) >= CIFAR_CLASSES:
        msg = f"file {where} is not a CIFAR-10 batch: it has a label {highest}; allowed: 0 to {CIFAR_CLASSES - 1}"
        raise InputError(msg)
    return records[:, 1:]


def svhn_images(contents: bytes, where: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Parse a MATLAB 5 file of SVHN's format 2, a uint8 array X (height, width, channel, n); rows keep the first three in order."""
    from scipy.io import loadmat  # slow to import, and only SVHN needs it

    with reading(where, "a MATLAB 5 .mat file"):
        variables = loadmat(io.BytesIO(contents), variable_names=["X"])
    if "X" not in variables:
        msg = f"file {where} has no variable X, so it is not SVHN's format 2"
        raise InputError(msg)
    X = variables["X"]
    if not isinstance(X, np.ndarray) or X.dtype != np.uint8 or X.ndim != 4 or X.shape[:3] != tuple(shape):
        found = f"{getattr(X, 'dtype', type(X).__name__)} of shape {getattr(X, 'shape', '?')}"
        msg = f"file {where} has an X of {found}; allowed: uint8 of shape ({', '.join(map(str, shape))}, n)"
        raise InputError(msg)
    return np.ascontiguousarray(np.moveaxis(X, 3, 0)).reshape(X.shape[3], math.prod(shape))


def _hex(magic: bytes) -> str:
    return magic.hex(" ") or "nothing"


def _times(size: Collection[int]) -> str:
    return "x".join(map(str, size))
