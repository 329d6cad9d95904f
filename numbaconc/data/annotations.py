"""What users tell of each point beside its coordinates: its label, and how uncertain people are of that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_floats, plain
from numbaconc.errors import InputError, said, shown

MOST = 2.0  # of a label uncertainty: people are certain of another label


def as_labels(y: Any, n: int, name: str = "y") -> NDArray[Any]:  # noqa: ANN401
    """Return the labels of n points, shape (n,), as int64 or text.

    Parameters
    ----------
    y : array-like, shape (n,)
        Integers, booleans, whole floats or texts.
    n : int
        How many points there are.
    name : str
        What messages call it.

    Returns
    -------
    ndarray, shape (n,), dtype int64 or str

    Raises
    ------
    InputError
        If it has another shape or holds anything else.
    """
    try:
        labels = np.asarray(plain(y, name))
        if labels.dtype == object and all(isinstance(one, str) for one in labels.ravel()):
            labels = labels.astype(str)
    except InputError:
        raise
    except Exception as error:  # arrays of others raise what they like when they are read
        msg = f"{name} of type {type(y).__name__} cannot be read as labels ({said(error)}); allowed: integers or texts"
        raise InputError(msg) from error
    _check_shape(labels.shape, n, name)
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind not in "buif" or not _are_whole(labels):
        msg = f"{name} is {shown(y)}; allowed: labels that are integers or texts, one a point"
        raise InputError(msg)
    return labels.astype(np.int64)


def as_uncertainty(uncertainty: ArrayLike, n: int, name: str = "uncertainty") -> NDArray[np.float64]:
    """Return the label uncertainty of n points, shape (n,), each in [0, 2]; InputError if it is anything else."""
    numbers = as_floats(uncertainty, name)
    _check_shape(numbers.shape, n, name)
    if not ((numbers >= 0) & (numbers <= MOST)).all():
        msg = f"{name} lies in [{numbers.min():g}, {numbers.max():g}]; allowed: numbers from 0 to {MOST:g}"
        raise InputError(msg)
    return numbers


def label_uncertainty(probabilities: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """How uncertain people, or a model, are of the label of each point (Zhang and Evans, ICLR 2022).

    lu(x) = 1 - (p[y] - max of p[k] over k ≠ y): 0 where all are sure of the label, 1 where another label is as likely, 2
    where all are sure of another.

    Parameters
    ----------
    probabilities : array-like, shape (n, K)
        The share of each label among those that were given to a point; rows add up to 1. Votes may be given instead:
        each row is divided by its sum.
    y : array-like, shape (n,)
        The labels, whole numbers from 0 to K - 1.

    Returns
    -------
    ndarray, shape (n,), float64

    Raises
    ------
    InputError
        If an argument has another shape, a share is negative, a row has none, or a label is not among the columns.
    """
    shares = as_floats(probabilities, "probabilities")
    if shares.ndim != 2 or shares.shape[1] < 2 or 0 in shares.shape:
        msg = f"probabilities has shape {shares.shape}; allowed: (n, K), of at least two labels"
        raise InputError(msg)
    sums = shares.sum(axis=1)
    if not ((shares >= 0).all() and (sums > 0).all() and np.isfinite(sums).all()):
        msg = "probabilities has a negative or infinite number, or a row of zeros; allowed: shares or votes of labels"
        raise InputError(msg)
    labels = as_labels(y, len(shares))
    if labels.dtype.kind == "U" or not ((labels >= 0) & (labels < shares.shape[1])).all():
        msg = f"y is {shown(y)}; allowed: whole numbers from 0 to {shares.shape[1] - 1}, the columns of probabilities"
        raise InputError(msg)
    shares = shares / sums[:, np.newaxis]
    rows = np.arange(len(shares))
    own = shares[rows, labels]
    shares[rows, labels] = -1.0
    uncertainty: NDArray[np.float64] = 1 - (own - shares.max(axis=1))
    return uncertainty


def _are_whole(labels: NDArray[Any]) -> bool:
    """Return whether numbers are whole, and such as int64 holds."""
    if labels.dtype.kind != "f":
        return labels.dtype != np.uint64 or not (labels > np.iinfo(np.int64).max).any()
    return bool((np.abs(labels) <= 2**53).all() and (labels == np.rint(labels)).all())


def _check_shape(shape: tuple[int, ...], n: int, name: str) -> None:
    if shape != (n,):
        msg = f"{name} has shape {shape}; allowed: ({n},), one for each point"
        raise InputError(msg)
