"""Files that are never half-written, the hash of what is in them, and the cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pooch

from numbaconc.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

CHUNK = 1 << 20  # bytes hashed at a time


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file as a whole or not at all.

    Parameters
    ----------
    path : path-like
        Where the file goes. Its folder is made if it is missing.

    Yields
    ------
    pathlib.Path
        A temporary name in the same folder, with the same suffix, to write to. When the block ends
        well it replaces `path` at once; when it raises, it is removed and `path` stays as it was.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            msg = f"output {str(path)!r} is a folder; a file name is needed"
            raise InputError(msg)
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
    except OSError as error:
        msg = f"output {str(path)!r} cannot be written: {error.strerror or error}"
        raise InputError(msg) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _flush(part)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        msg = f"output {str(path)!r} cannot be written: {error.strerror or error}"
        raise InputError(msg) from error
    finally:
        part.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Refuse an output that cannot be written before the work that fills it begins.

    Raises
    ------
    InputError
        If the folder of `path` cannot be made or written to.
    """
    path = Path(path)
    with contextlib.suppress(_Probe), replacing(path):
        raise _Probe


class _Probe(Exception):
    """Ends a trial write before anything is replaced."""


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
