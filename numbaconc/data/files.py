"""Files that are never half-written, the hash of what is in them, and the cache folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pooch
from numpy.typing import NDArray

from numbaconc.data.formats.npy import read_array
from numbaconc.errors import InputError, said, shown

CHUNK = 1 << 20  # bytes hashed at a time
SHOWN_OF_NAME = 24  # characters of a file's name that its temporary name has, which thus is never too long
NOT_OFFERED = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)  # what a file system cannot do
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def as_path(value: object, name: str) -> Path:
    """Return a path, whose ~ is the user's home; InputError, with the argument named, for what is none."""
    why = ""
    try:
        text = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
        if isinstance(text, str) and text.strip() and "\0" not in text:
            os.fsencode(text)
            return Path(text).expanduser() if text.startswith("~") else Path(text)  # ./~ is no home
    except Exception as error:  # what the file system cannot encode; the home of nobody; a class that raises
        why = f" ({said(error)})"
    msg = f"{name} is {shown(value)}; allowed: a path{why}"
    raise InputError(msg)


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether two names are of one file that exists; names that none can have are of none."""
    return os.path.exists(path) and os.path.exists(other) and path.samefile(other)  # noqa: PTH110  # Path's raises


@contextlib.contextmanager
def replacing(path: str | Path, *, keep: bool = True) -> Iterator[Path]:
    """Write a file as a whole or not at all; its folder is made if it is missing.

    Yields a temporary name in the same folder, with the same suffix, to write to. When the block ends well it replaces
    `path` at once, or what a link points to; when it raises, it is removed and `path` stays as it was. What is finished
    but may not take that place stays beside it, and the error names it, unless `keep` is False: a cache is worth less
    than an empty folder. InputError if the folder cannot be made or written to.
    """
    target = check_writable(path)
    new_folders = [folder for folder in target.parents if not folder.exists()]
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _temporary(target, target.parent)  # a name first: there is no moment at which a file would be left
        _make(part)
        yield part
        _flush(part)
        finished, part = part, None if keep else part
        _move(finished, target, kept=keep)
        part = None
        new_folders.clear()  # they hold the file now
    except (OSError, RuntimeError) as error:  # netCDF4 calls a full disk a RuntimeError
        raise _cannot_be_written(path, error if part is None else _no_room(part) or error) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
        for folder in new_folders:
            with contextlib.suppress(OSError):  # something else may be in it by now
                folder.rmdir()


def check_writable(path: str | Path, name: str = "output") -> Path:
    """Refuse an output that cannot be written before the work that fills it begins; nothing is left behind.

    Returns the path, without links. `name` is what the argument is called in messages.
    """
    target = Path(os.path.realpath(as_path(path, name)))  # a link stays one, and the file that it points to is replaced
    try:
        if target.is_dir():
            msg = f"{name} {str(path)!r} is a folder; a file name is needed"
            raise InputError(msg)
        if target.exists() and not target.is_file():
            msg = f"{name} {str(path)!r} is a device or a pipe; the name of a file is needed"
            raise InputError(msg)
        nearest = next(folder for folder in target.parents if folder.exists())
        if not nearest.is_dir():
            msg = f"{name} {str(path)!r} cannot be written: {str(nearest)!r} is not a folder"
            raise InputError(msg)
        probe = _temporary(target, nearest)
        try:
            _make(probe)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_be_written(path, error, name) from error
    return target


def _temporary(path: Path, folder: Path) -> Path:
    """Return a new name like that of `path`, in letters that every library takes."""
    stem, suffix = (text[:SHOWN_OF_NAME].encode("ascii", "ignore").decode() for text in (path.stem, path.suffix))
    return folder / f".{stem}-{secrets.token_hex(8)}{suffix}"


def _make(path: Path) -> None:
    """Make an empty file with the permissions that the umask leaves."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))


def _move(part: Path, path: Path, *, kept: bool) -> None:
    """Put a finished file into its place; where that is refused and it is kept, the message names it."""
    try:
        part.replace(path)
    except OSError as error:  # the old file may be a mount point, or in use
        where = f"; what was to be written is in {str(part)!r}" if kept else ""
        msg = f"output {str(path)!r} cannot be replaced ({error.strerror}){where}"
        raise InputError(msg) from error


def _cannot_be_written(path: str | Path, error: Exception, name: str = "output") -> InputError:
    return InputError(f"{name} {str(path)!r} cannot be written: {getattr(error, 'strerror', None) or said(error)}")


def _no_room(part: Path) -> OSError | None:
    """Return the error that more bytes in a file meet: libraries do not always say that the disk is full."""
    try:
        with part.open("ab") as file:
            file.write(bytes(CHUNK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error if error.errno in NO_ROOM else None
    return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
    finally:
        os.close(descriptor)


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file that `numpy.savez` wrote; None if it is missing or damaged in any way.

    Such files are not compressed, so that what one holds is no larger than the file itself: others are damaged.
    """
    try:
        if not path.is_file():  # what is no file, such as a pipe, might never end
            return None
        with zipfile.ZipFile(path) as archive:
            members, length = archive.infolist(), path.stat().st_size
            if any(one.compress_type for one in members) or sum(one.file_size for one in members) > length:
                return None
            return {one.filename.removesuffix(".npy"): read_array(archive.open(one), one.file_size) for one in members}
    except Exception:  # a damaged archive raises almost anything
        return None


def sha256_of_array(X: NDArray[np.generic]) -> str:
    """Return the SHA-256 of a C-contiguous array's dtype, shape and bytes, in hexadecimal."""
    digest = hashlib.sha256(f"{X.dtype.str} {X.shape} ".encode())
    flat = X.data.cast("B")
    for start in range(0, len(flat), CHUNK):
        digest.update(flat[start : start + CHUNK])
    return digest.hexdigest()


def cache_dir() -> Path:
    """Return the folder for what can be computed or downloaded again.

    `$NUMBACONC_CACHE_DIR` if set, otherwise the user's cache folder of the platform. Whatever writes to it must do
    without: for a user who has no home it is a folder that does not exist.
    """
    if given := os.environ.get("NUMBACONC_CACHE_DIR"):
        return as_path(given, "NUMBACONC_CACHE_DIR")
    with contextlib.suppress(RuntimeError):  # raised where there is no home, or it comes out as "~"
        if (usual := Path(pooch.os_cache("numbaconc"))).is_absolute():
            return usual
    return Path("/nonexistent/numbaconc")
