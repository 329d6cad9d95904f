"""Users' .npy and .npz files: nothing that they say of themselves is believed, and nothing in them is unpickled."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

from numpy.typing import NDArray

from numbaconc.data.annotations import as_labels, as_uncertainty
from numbaconc.data.arrays import check_rows, samples_in
from numbaconc.data.npy import read_array, rows_in
from numbaconc.data.readers import reading
from numbaconc.data.rows import CHUNK, Parts, Rows
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair
from numbaconc.data.splits import MIN_ROWS, TEST_FRACTION, check_unused, kept, split
from numbaconc.errors import InputError

WANTED = (("X_train", "X_test"), ("X",))  # of an archive: the first of these that it has
TOLD: dict[str, Callable[[Any, int, str], NDArray[Any]]] = {"y": as_labels, "uncertainty": as_uncertainty}
# what an archive may tell of its points beside them, in arrays that are named alike: `y_train` of `X_train`
NPY, ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")  # how the files begin; the last is an empty archive
RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}  # bytes that one byte of a member can unpack to, at most
LOCAL = 30  # bytes of the header before a member of an archive; the last four have the lengths of two texts after it

Arrays: TypeAlias = "dict[str, Rows | NDArray[Any]]"


def read_own(path: Path, test_fraction: float | None, seed: int | None, max_train: int | None) -> tuple[Sample, Sample]:
    """Return the training and the test points of a user's file, as `load_dataset` does.

    Raises
    ------
    InputError
        As `open_own`, and if the arrays are no points, or do not go together.
    """
    share = TEST_FRACTION if test_fraction is None else test_fraction

    def of_both(n: int) -> Parts:
        check_rows("X", n, 2 * MIN_ROWS)
        rows, others = split(n, share, seed or 0)
        return rows if max_train is None else rows[kept(len(rows), max_train)], others

    def of_train(n: int) -> Parts:
        check_rows("X_train", n, MIN_ROWS)
        return (None if max_train is None else kept(n, max_train),)

    def of_test(n: int) -> Parts:
        check_rows("X_test", n, MIN_ROWS)
        return (None,)

    with open_own(path) as arrays:
        if "X" in arrays:
            samples = samples_in(arrays["X"], "X", of_both).samples
            train, test = _told(samples, arrays, "X", of_both)
            return train, test
        check_unused(seed=seed, test_fraction=test_fraction)
        samples, space = samples_in(arrays["X_train"], "X_train", of_train)
        (train,) = _told(samples, arrays, "X_train", of_train)
        samples, _ = samples_in(arrays["X_test"], "X_test", of_test, like=train)
        (test,) = _told(samples, arrays, "X_test", of_test)
    check_pair(train, test, space=None if max_train is None else space)
    kinds = ["texts" if y.dtype.kind == "U" else "integers" for y in (train.y, test.y) if y is not None]
    if len(set(kinds)) > 1:
        msg = f"y_test has {kinds[1]}; allowed: {kinds[0]}, as y_train has"
        raise InputError(msg)
    return train, test


def _told(samples: list[Sample], arrays: Arrays, name: str, choose: Callable[[int], Parts]) -> list[Sample]:
    """Return samples of some rows of an array with what other arrays tell of these rows."""
    n = len(arrays[name])
    for what, check in TOLD.items():
        told = name.replace("X", what)
        if told in arrays:
            values = check(arrays[told], n, told)
            parts = [values if rows is None else values[rows] for rows in choose(n)]
            samples = [sample.annotated(**{what: part}) for sample, part in zip(samples, parts, strict=True)]
    return samples


@contextlib.contextmanager
def open_own(path: Path) -> Iterator[Arrays]:
    """Yield the arrays of a user's file: `X_train` and `X_test`, or `X`, which an .npy file's one array is, and `TOLD`.

    Points are read from the file while it is open, but for packed ones of an archive: these, and what is told of the points,
    are in memory.

    Raises
    ------
    InputError
        If the file is missing, is not one, is damaged, has other arrays, or promises more than its length can hold:
        deflate packs 1032 bytes into one at best.
    """
    told = repr(str(path)), f"{path.suffix} of plain arrays"
    with contextlib.ExitStack() as opened:
        with reading(*told):
            arrays = _arrays(path, told, opened)
        yield arrays


def _arrays(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Arrays:
    """Return the arrays of a file, which stays open."""
    where, _ = told
    if not path.is_file():  # a pipe would never end
        found = "is a folder" if path.is_dir() else "does not exist, or is no file"
        msg = f"file {where} {found}; allowed: an .npz or .npy file"
        raise InputError(msg)
    length = path.stat().st_size
    file = opened.enter_context(path.open("rb", buffering=0))  # what is read is large
    begins = file.read(len(NPY))
    if begins == NPY:
        return {"X": rows_in(file, 0, length, "X", told)}
    if not begins.startswith(ZIP):
        msg = f"file {where} is neither .npy nor .npz: it begins with {begins.hex(' ') or 'nothing'}"
        raise InputError(msg)
    archive = opened.enter_context(zipfile.ZipFile(file))
    arrays: Arrays = {}
    for name, member in _wanted(archive, where):
        stream, size = _opened(archive, member, length)
        if member.compress_type == zipfile.ZIP_STORED and name.startswith("X"):
            while stream.read(CHUNK):  # to the end, where the checksum is
                pass
            arrays[name] = rows_in(file, _begin(file, member), size, name, told)
        else:
            arrays[name] = read_array(stream, size)
    return arrays


def _begin(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Return where in a file the contents of a member begin."""
    file.seek(member.header_offset + LOCAL - 4)
    of_name, of_more = struct.unpack("<HH", file.read(4))
    return int(member.header_offset + LOCAL + of_name + of_more)


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
            told = [name.replace("X", what) for name in names for what in TOLD]
            return [(name, members[name]) for name in (*names, *told) if name in members]
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
