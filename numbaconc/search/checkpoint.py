"""What a search of balls keeps in a file, and what it takes back from one: only what such a search can have written.

A hash of the contents is in the file, so that what was changed since is refused; and whatever the file says, types,
shapes, indices and counts are those that the kernels can work with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.files import read_npz
from numbaconc.errors import InputError, shown

VERSION = 7  # of what a checkpoint holds
STATE: dict[
    str, tuple[np.dtype[Any], int]
] = {  # what it holds, with types and numbers of dimensions; the rest of a search's state follows from its balls
    "centers": (np.dtype(np.int64), 1),
    "radii": (np.dtype(np.float64), 1),
    "least": (np.dtype(np.int32), 2),
    "reach": (np.dtype(np.float64), 1),
    "subtracted": (np.dtype(np.int64), 1),
    "counts": (np.dtype(np.int32), 2),
    "rounds_counted": (np.dtype(np.int64), 0),
}


class Limits(NamedTuple):
    """What the numbers in a checkpoint of one search can be."""

    n: int  # points
    n_sets: int
    n_floors: int
    n_rounds: int  # in which all distances are counted
    n_buckets: int  # at most


def packed(settings: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of a file that holds a state, and the settings of its search."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(state[name], dtype=dtype, order="C") for name, (dtype, _) in STATE.items()
    }
    text = json.dumps(settings)
    return {"settings": text, "sha256": _hash(text, arrays)} | arrays


def read_state(path: Path, settings: Mapping[str, Any], limits: Limits) -> dict[str, NDArray[Any]]:
    """Return the state in a file; InputError if it is damaged, of other data or settings, or no such file at all."""
    arrays = read_npz(path) or {}
    try:
        text, sha256 = str(arrays.pop("settings")), str(arrays.pop("sha256"))
        theirs = json.loads(text)
        arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        whole = arrays.keys() == STATE.keys() and isinstance(theirs, dict) and sha256 == _hash(text, arrays)
    except (KeyError, ValueError, RecursionError):
        whole = False
    if not whole:
        raise damaged(path)
    for name, value in settings.items():
        if theirs.get(name) != value:
            made = f"checkpoint {str(path)!r} was made with {name} {shown(theirs.get(name))}, not {value}"
            msg = f"{made}; allowed: the same data and settings, or another file"
            raise InputError(msg)
    if any((arrays[name].dtype, arrays[name].ndim) != expected for name, expected in STATE.items()):
        raise damaged(path)
    if not (_balls_fit(arrays, limits) and _bounds_fit(arrays, limits) and _counts_fit(arrays, limits)):
        raise damaged(path)
    return arrays


def damaged(path: Path) -> InputError:
    """Return the error for a file that no search of balls has left so."""
    return InputError(
        f"checkpoint {str(path)!r} cannot be read; allowed: a file that a search of balls wrote, or a new one"
    )


def _hash(settings: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(f"{VERSION} {settings}".encode())
    for name, array in sorted(arrays.items()):
        digest.update(f" {name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _balls_fit(state: Mapping[str, NDArray[Any]], limits: Limits) -> bool:
    centers, radii = state["centers"], state["radii"]
    fit = len(centers) == len(radii) <= limits.n_sets
    return fit and _within(centers, 0, limits.n - 1) and _within(radii, 0, np.finfo(np.float64).max)


def _bounds_fit(state: Mapping[str, NDArray[Any]], limits: Limits) -> bool:
    n, least, reach, subtracted = limits.n, state["least"], state["reach"], state["subtracted"]
    fit = least.shape == (n, limits.n_floors) and reach.shape == subtracted.shape == (n,)
    return fit and _within(least, -2 * n, n) and _within(reach, 0, np.inf) and _within(subtracted, 0, n)


def _counts_fit(state: Mapping[str, NDArray[Any]], limits: Limits) -> bool:
    """Return whether distances are being counted, and there are no balls yet, or all were and the counts are gone."""
    n, counts, n_counted = limits.n, state["counts"], int(state["rounds_counted"])
    if not counts.size:
        return n_counted == limits.n_rounds
    fit = 0 <= n_counted <= limits.n_rounds and not len(state["centers"])
    fit = fit and len(counts) == n and 0 < counts.shape[1] <= limits.n_buckets
    return fit and _within(counts, 0, n) and bool((counts.sum(axis=1) <= n).all())


def _within(array: NDArray[Any], low: float, high: float) -> bool:
    return bool(((array >= low) & (array <= high)).all())  # NaN is nowhere
