"""Files that are never half-written, the hash of what is in them, and the cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pooch
from numpy.typing import NDArray

from numbaconc.errors import InputError

CHUNK = 1 << 20  # bytes hashed at a time


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file as a whole or not at all; its folder is made if it is missing.

    Yields a temporary name in the same folder, with the same suffix, to write to. When the block ends well it replaces
    `path` at once; when it raises, it is removed and `path` stays as it was. InputError if the folder cannot be made or
    written to.
    """
    path = Path(path)
    check_writable(path)
    new_folders = [folder for folder in path.parents if not folder.exists()]
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _temporary(path, path.parent)
        yield part
        _flush(part)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
        new_folders.clear()  # they hold the file now
    except (OSError, RuntimeError) as error:  # netCDF4 calls a full disk a RuntimeError
        raise _cannot_be_written(path, error) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
        for folder in new_folders:
            with contextlib.suppress(OSError):  # something else may be in it by now
                folder.rmdir()


def check_writable(path: str | Path) -> None:
    """Refuse an output that cannot be written before the work that fills it begins; nothing is left behind."""
    path = Path(path)
    if path.is_dir():
        msg = f"output {str(path)!r} is a folder; a file name is needed"
        raise InputError(msg)
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        msg = f"output {str(path)!r} cannot be written: {str(nearest)!r} is not a folder"
        raise InputError(msg)
    try:
        _temporary(path, nearest).unlink()
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def _temporary(path: Path, folder: Path) -> Path:
    """Make an empty file with a new name like that of `path`."""
    handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=folder)
    os.close(handle)
    return Path(name)


def _cannot_be_written(path: Path, error: Exception) -> InputError:
    return InputError(f"output {str(path)!r} cannot be written: {getattr(error, 'strerror', None) or error}")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file that `numpy.savez` wrote; None if it is missing or damaged in any way."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return dict(kept)
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

    `$NUMBACONC_CACHE_DIR` if set, otherwise the user's cache folder of the platform.
    """
    return Path(os.environ.get("NUMBACONC_CACHE_DIR") or pooch.os_cache("numbaconc"))
