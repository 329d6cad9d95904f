"""Rows of a sample by the indices that users of NumPy write, and a sample as an array again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numbaconc.data.conversion import as_array
from numbaconc.errors import InputError, shown

ALLOWED = "allowed: a slice, a mask of one truth value for each point, or whole numbers, of points alone"


class NoSuchPointError(InputError, IndexError):
    """An index that is none of a sample's points; an IndexError too, as Python and its users expect."""


def rows_of_index(index: Any, n: int) -> slice | NDArray[np.intp]:  # noqa: ANN401
    """Return which of `n` rows an index means, at least one of them.

    A slice in order and without gaps stays one, so that no row need be copied. NoSuchPointError if a number is out of
    range, nothing is chosen, or the index is not of rows alone.
    """
    if isinstance(index, tuple) and index and all(map(_is_everything, index[1:])):
        index = index[0]  # what scikit-learn writes: sample[rows, ...]
    rows = _slice_of(index, n) if isinstance(index, slice) else _numbers_of(index, n)
    if (rows.stop <= rows.start) if isinstance(rows, slice) else not rows.size:
        msg = f"index {shown(index)} chooses none of {n:,} points; allowed: at least one"
        raise NoSuchPointError(msg)
    return rows


def _is_everything(index: object) -> bool:
    return index is Ellipsis or (isinstance(index, slice) and index == slice(None))


def _slice_of(index: slice, n: int) -> slice | NDArray[np.intp]:
    try:
        start, stop, step = index.indices(n)
    except (TypeError, ValueError) as error:  # ends that are no whole numbers; a step of 0
        msg = f"index is {shown(index)}; {ALLOWED}"
        raise NoSuchPointError(msg) from error
    return slice(start, stop) if step == 1 else np.arange(start, stop, step)


def _numbers_of(index: Any, n: int) -> NDArray[np.intp]:  # noqa: ANN401
    if isinstance(index, tuple) or index is None or index is Ellipsis:  # those of several axes
        msg = f"index is {shown(index)}; {ALLOWED}"
        raise NoSuchPointError(msg)
    given = as_array([] if isinstance(index, list) and not index else index, "index")
    if given.dtype == bool and given.shape == (n,):
        return np.flatnonzero(given)
    if given.dtype == bool or (given.dtype.kind not in "iu" and given.size) or given.ndim > 1:
        msg = f"index has dtype {given.dtype} and shape {given.shape}, with {n:,} points; {ALLOWED}"
        raise NoSuchPointError(msg)
    if not given.size:
        return np.empty(0, np.intp)
    least, most = int(given.min()), int(given.max())
    if not -n <= least <= most < n:
        msg = f"index is {least if least < -n else most}; allowed: from {-n} to {n - 1}, since there are {n:,} points"
        raise NoSuchPointError(msg)
    numbers = np.atleast_1d(given).astype(np.intp)
    return np.where(numbers < 0, numbers + n, numbers)


def as_user_array(array: NDArray[Any], dtype: DTypeLike | None, copy: bool | None, *, made: bool) -> NDArray[Any]:  # noqa: FBT001
    """Return an array as `__array__` has to: of a type, and copied or not; `made` if it is a new one already.

    ValueError, which is NumPy's, where a copy is forbidden and cannot be done without. What is no copy cannot be written to.
    """
    if made and copy is False:
        msg = "the coordinates of this sample are made when they are asked for; allowed: copy=None or copy=True"
        raise ValueError(msg)
    if made:
        return array.astype(dtype or array.dtype, copy=False)
    view = array.view()
    view.flags.writeable = False
    return np.array(view, dtype=dtype, copy=copy)


def same_arrays(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    """Return whether two arrays hold the same, or both are missing."""
    if one is None or other is None:
        return one is other
    return one is other or np.array_equal(one, other)
