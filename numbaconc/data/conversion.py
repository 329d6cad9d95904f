"""Whatever is like an array, of any library, as a plain array of real numbers, or refused."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import math
import numbers
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.errors import InputError, said, shown

MOST_VALUES = 100_000  # of an argument that may have several
MOST_FLOATS = 1 << 28  # of one that is an array of numbers beside the points
MOST_NAMES = 20  # in a message
NOT_IN_NUMPY = ("bfloat16", "float8")
TIMES = ("date", "time", "duration")  # how types of columns begin that are no numbers
ALLOWED = "allowed: an array of real numbers"


class NotNumbersError(InputError, TypeError):
    """Objects among the numbers of an array; a TypeError too, and in such words, as scikit-learn asks of estimators."""


def as_array(X: Any, name: str, rows: slice | None = None) -> NDArray[Any]:  # noqa: ANN401
    """Return a plain array of real numbers: booleans, integers or floats, of any shape, not copied where it need not be.

    What other libraries hold is taken as they give it: tensors detached and from their device, lazy arrays computed,
    nullable columns as the numbers they hold, numbers of Python that stand in an array of objects as float64, and
    types that NumPy lacks, such as bfloat16, as float32, which holds them exactly.

    Parameters
    ----------
    X : array-like
    name : str
        What messages call it.
    rows : slice, optional
        Which rows of it are read: all if not given.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        If it is ragged, sparse, masked somewhere, no array at all, or holds anything but real numbers.
    """
    try:
        array = np.asarray(plain(X if rows is None else X[rows], name))
        if array.dtype == object:
            array = _numbers(array, name, columns_in(X))
    except InputError:
        raise
    except Exception as error:  # arrays of others raise what they like when they are read
        if isinstance(error, ValueError) and "inhomogeneous" in str(error):
            msg = f"{name} is ragged; allowed: rows of one length"
            raise InputError(msg) from error
        msg = f"{name} of type {type(X).__name__} cannot be read as an array ({said(error)}); {ALLOWED}"
        raise InputError(msg) from error
    if array.nbytes > memory():  # a view that repeats its rows may be of any size, and would be looked at for ever
        msg = f"{name} has shape {array.shape}; allowed: what fits into the memory of this machine"
        raise InputError(msg)
    of_others = array.dtype.kind == "V" and not issubclass(array.dtype.type, np.void)
    if of_others:  # numbers of 16 bits and fewer
        array = array.astype(np.float32)
    if array.dtype.kind not in "buif":
        why = " (Complex data not supported)" if array.dtype.kind == "c" else ""  # in scikit-learn's words
        if array.dtype.names:
            why = f", as numpy.lib.recfunctions.structured_to_unstructured({name}) makes"
        msg = f"{name} has dtype {array.dtype}; {ALLOWED}{why}"
        raise InputError(msg)
    return array


def as_floats(given: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return an argument of a few numbers, of any shape, as finite or infinite float64; InputError for anything else."""
    if isinstance(given, range) and len(given) > MOST_VALUES:
        msg = f"{name} has more than {MOST_VALUES} values; allowed: at most so many"
        raise InputError(msg)
    array = as_array(given, name)
    if array.size > MOST_FLOATS:  # a view that repeats a number claims what it likes
        msg = f"{name} has {array.size} values; allowed: at most {MOST_FLOATS}"
        raise InputError(msg)
    floats = array.astype(np.float64)
    if np.isnan(floats).any():
        msg = f"{name} holds NaN; allowed: numbers"
        raise InputError(msg)
    return floats


@functools.cache
def memory() -> float:
    """Return the bytes of memory of this machine; no limit where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def plain(X: Any, name: str) -> Any:  # noqa: ANN401
    """Return what NumPy can read without loss; what it would read otherwise than it is meant is refused."""
    if hasattr(X, "toarray"):
        size = math.prod(X.shape) * getattr(X.dtype, "itemsize", 8)
        dense = f"a dense array, of {size:,} bytes, as {name}.toarray() makes"
        msg = f"{name} is a sparse {type(X).__name__} of shape {X.shape}; allowed: {dense}"
        raise InputError(msg)
    if hasattr(X, "keys") and not hasattr(X, "shape"):  # of files, groups and the like
        names = list(itertools.islice(map(str, X.keys()), MOST_NAMES))
        one = f", such as {name}[{names[0]!r}]" if names else ""
        msg = f"{name} is a {type(X).__name__} of {', '.join(names) or 'nothing'}; allowed: an array{one}"
        raise InputError(msg)
    X = X.compute() if hasattr(X, "chunks") and callable(getattr(X, "compute", None)) else X  # masks would be lost
    if hasattr(X, "collect") and not hasattr(X, "__array__"):
        msg = f"{name} is a {type(X).__name__}, which has no rows yet; allowed: {name}.collect()"
        raise InputError(msg)
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.stack(X)
    if isinstance(X, list | tuple) and any(callable(getattr(row, "detach", None)) for row in X):
        return [plain(row, name) for row in X]
    if isinstance(X, np.ma.MaskedArray):
        if n_masked := int(np.sum(np.ma.getmaskarray(X).view(bool))):
            msg = (
                f"{name} has {n_masked} masked values of {X.size}; allowed: none, so fill them or leave their rows out"
            )
            raise InputError(msg)
        return X.data
    if hasattr(X, "dtypes") and hasattr(X, "isna"):
        return _columns(X, name)
    if any(cls.__module__.startswith("torch.utils.data") for cls in type(X).__mro__):
        msg = f"{name} is a {type(X).__name__} of PyTorch; allowed: the tensor of its points, such as {name}.tensors[0] or {name}.data"
        raise InputError(msg)
    _check_times(X, name)
    return _tensor(X, name) if callable(getattr(X, "detach", None)) else X


def _check_times(X: Any, name: str) -> None:  # noqa: ANN401
    """Refuse a frame of polars or a table of Arrow that has times, which NumPy would take for numbers."""
    kinds = getattr(X, "dtypes", None) or getattr(getattr(X, "schema", None), "types", None)
    names = columns_in(X)
    if not isinstance(kinds, list) or names is None:
        return
    bad = [str(one) for one, kind in zip(names, kinds, strict=False) if str(kind).lower().startswith(TIMES)]
    if bad:
        msg = f"{name} has times in column {', '.join(map(shown, bad[:MOST_NAMES]))}; {ALLOWED}"
        msg += f" ({to_drop(*bad[:MOST_NAMES])} leaves others out)"
        raise InputError(msg)


def _tensor(X: Any, name: str) -> Any:  # noqa: ANN401
    """Return a tensor that NumPy can read: without gradients and a sign to be turned, and on this device."""
    if callable(getattr(X, "to_dense", None)) and "strided" not in str(getattr(X, "layout", "strided")):
        size = math.prod(X.shape) * X.element_size()
        msg = f"{name} is a sparse {type(X).__name__} of shape {tuple(X.shape)}; allowed: a dense tensor, of {size:,} bytes, "
        raise InputError(msg + f"as {name}.to_dense() makes")
    for step in ("detach", "cpu", "resolve_neg"):
        X = getattr(X, step)() if callable(getattr(X, step, None)) else X
    kind = str(getattr(X, "dtype", ""))
    if any(short in kind for short in NOT_IN_NUMPY) and callable(getattr(X, "float", None)):
        return X.float()  # which holds them all
    return X


def _columns(X: Any, name: str) -> Any:  # noqa: ANN401
    """Return the numbers in a data frame or series; NumPy would make objects of nullable ones."""
    given = list(X.dtypes) if X.ndim == 2 else [X.dtypes]
    kinds = [getattr(kind, "numpy_dtype", kind) for kind in given]
    if kinds == given or not all(isinstance(kind, np.dtype) and kind.kind in "buif" for kind in kinds):
        return X
    if n_missing := int(np.sum(np.asarray(X.isna()))):
        msg = f"{name} has {n_missing} missing values of {X.size}; allowed: none, so fill them or leave their rows out"
        raise InputError(msg)
    return X.to_numpy(np.result_type(*kinds))


def columns_in(X: Any) -> list[Any] | None:  # noqa: ANN401
    """Return the names of the columns of a data frame or a table; None for what has none."""
    names = getattr(X, "column_names", getattr(X, "columns", None))  # those of Arrow's tables are not in its columns
    return None if names is None else list(names)


def to_drop(*columns: str | int) -> str:
    """Say how columns are left out, by their names or positions."""
    given = columns[0] if len(columns) == 1 else list(columns)
    return f"drop={shown(given)} (--drop {shlex.quote(in_line(columns))})"


def in_line(columns: Sequence[str | int]) -> str:
    """Return names or positions with commas between, those with commas in quotes; one alone as it is."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(columns)
    return line.getvalue() if len(columns) > 1 else str(columns[0])


def _numbers(array: NDArray[Any], name: str, columns: list[Any] | None) -> NDArray[Any]:
    """Return an array of objects as float64 if every one is a real number."""
    for place, one in enumerate(array.flat):
        if not _is_real(one):
            msg = f"{name} {'holds' if array.ndim else 'is'} {shown(one)}"
            if columns and array.ndim == 2:
                row = array[place // array.shape[1]]
                bad = [str(column) for column, other in zip(columns, row, strict=True) if not _is_real(other)]
                msg += f" in column {', '.join(map(shown, bad[:MOST_NAMES]))}, which {to_drop(*bad[:MOST_NAMES])} leaves out"
            msg += f"; {ALLOWED} (argument must be no string and no other object, but a number)"
            raise NotNumbersError(msg)
    return array.astype(np.float64)


def _is_real(one: object) -> bool:
    return isinstance(one, numbers.Real | Decimal | np.bool_)


def values_of(given: object, name: str) -> list[Any]:
    """Return one value, or those in a list, set, range, generator, array, series or the like, as a list, in their order.

    A text is one value, and so is what holds none, such as a mapping. InputError for what cannot be read, and for more
    than `MOST_VALUES`. `name` is what messages call it.
    """
    try:
        if isinstance(given, str | bytes | bytearray | Mapping | type):
            return [given]
        if hasattr(given, "__array__") and not isinstance(given, np.ma.MaskedArray):
            few = math.prod(np.shape(given)) <= MOST_VALUES  # the size of a tensor is a function
            values = list(np.ravel(np.asarray(given, dtype=object))) if few else []
        elif isinstance(given, Iterable):
            values = list(itertools.islice(given, MOST_VALUES + 1))
            few = len(values) <= MOST_VALUES
            values = list(np.ravel(np.array(values, dtype=object))) if few else []
        else:
            return [given]
    except Exception as error:  # a generator raises what it likes, and so do arrays of others
        msg = f"{name} of type {type(given).__name__} cannot be read ({said(error)}); allowed: a value, or several in a list"
        raise InputError(msg) from error
    if not few:
        msg = f"{name} has more than {MOST_VALUES} values; allowed: at most so many"
        raise InputError(msg)
    return values
