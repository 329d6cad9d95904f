"""Columns that are divided by a number each, so that ε is in units of each feature."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_floats, to_drop
from numbaconc.data.floats import ends_of
from numbaconc.data.rows import BLOCK, Rows
from numbaconc.errors import InputError, did_you_mean, shown

STANDARD, RANGE, GIVEN = "standard", "range", "given numbers"
LEARNED = (STANDARD, RANGE)  # scales that training points tell
UNITS = {
    STANDARD: "in standard deviations of each feature",
    RANGE: "in ranges of each feature",
    GIVEN: "in the unit that was given for each feature",
}
DIVIDED_BY = {
    STANDARD: "the standard deviation that it has in the training points",
    RANGE: "the range that it has in the training points",
    GIVEN: "the number that was given for it",
}
MOST = 20  # columns in a message

Scale = str | NDArray[np.float64]  # one of LEARNED, or a number for each column


class Scaling(NamedTuple):
    """What every column is divided by, and how that was found: "standard", "range" or "given numbers"."""

    kind: str
    factors: tuple[float, ...]  # d positive numbers

    @property
    def epsilon_unit(self) -> str:
        """What ε is in, in words."""
        return UNITS[self.kind]

    @property
    def told(self) -> str:
        """How it is told in files, and to `check_scale`: "standard", "range", or the numbers in a text."""
        return self.kind if self.kind in LEARNED else ",".join(map(repr, self.factors))

    def divided(self, rows: Rows) -> Rows:
        """Return rows of numbers with every column divided, as float64; InputError for rows of another width."""
        factors = self._fitting(rows.shape[1], rows.name)

        def divide(block: NDArray[Any], _: int) -> NDArray[Any]:
            with np.errstate(over="ignore"):
                quotients: NDArray[np.float64] = block.astype(np.float64) / factors
            too_large = np.argwhere(np.isinf(quotients) & np.isfinite(block))  # what was infinite is refused later
            if len(too_large):
                row, column = too_large[0]
                number = f"{block[row, column]:g} / {factors[column]:g}"
                msg = f"scale makes {number} of a number in column {column} of {rows.name}; allowed: scales whose quotients are finite"
                raise InputError(msg)
            return quotients

        return rows.mapped(divide, np.float64)

    def undone(self, coordinates: NDArray[Any]) -> NDArray[np.float64]:
        """Return coordinates on epsilon's scale, shape (..., d), as the numbers that the data have there."""
        numbers: NDArray[np.float64] = coordinates.astype(np.float64) * self.factors
        return numbers

    def checked(self, n_features: int) -> Scaling:
        """Return the scaling that a file tells; ValueError if it cannot be one of so many coordinates."""
        factors = tuple(map(float, self.factors))
        if self.kind not in UNITS or len(factors) != n_features or not all(0 < one < math.inf for one in factors):
            msg = "its scale is none of these points"
            raise ValueError(msg)
        return Scaling(self.kind, factors)

    def _fitting(self, n_features: int, name: str) -> NDArray[np.float64]:
        if n_features != len(self.factors):
            msg = f"{name} has {n_features} coordinates; allowed: {len(self.factors)}, for as many a scale is known"
            raise InputError(msg)
        return np.array(self.factors)


def check_scale(scale: ArrayLike | None) -> Scale | None:
    """Return what columns are to be divided by: "standard", "range", or a positive number for each.

    A text may have these numbers, with commas between. InputError for anything else.
    """
    if scale is None or (isinstance(scale, str) and scale in LEARNED):
        return scale
    allowed = f"allowed: {', '.join(map(repr, LEARNED))}, or a positive number for each column"
    try:
        given = [float(one) for one in scale.split(",")] if isinstance(scale, str) else scale
        factors = as_floats(given, "scale")
    except ValueError as error:
        msg = f"scale is {shown(scale)}; {allowed}{did_you_mean(scale, LEARNED)}"
        raise InputError(msg) from error
    if factors.ndim != 1 or not ((factors > 0) & (factors < math.inf)).all():
        msg = f"scale is {shown(scale)}; {allowed}"
        raise InputError(msg)
    return factors


def scale_in_words(scale: Scale | None) -> str | None:
    """Return a scale as files tell it, and `check_scale` reads it: in a text."""
    return scale if scale is None or isinstance(scale, str) else Scaling(GIVEN, tuple(scale.tolist())).told


def scaling_of(scale: Scale, rows: Rows, train: NDArray[np.intp] | None, columns: tuple[str, ...] | None) -> Scaling:
    """Return what the columns of some rows are divided by.

    Parameters
    ----------
    scale : "standard", "range" or ndarray, shape (d,)
        As `check_scale` returns it.
    rows : Rows
        All points that there are.
    train : ndarray of int, or None
        Which rows are training points, ascending: others tell nothing. None for all.
    columns : tuple of str or None
        What messages call the columns.

    Raises
    ------
    InputError
        If a number is missing, or a column has one value only in the training points, so that it has no spread.
    """
    if not isinstance(scale, str):
        if len(scale) != rows.shape[1]:
            msg = f"scale has {len(scale)} numbers for {rows.name}; allowed: one for each of {rows.shape[1]} columns"
            raise InputError(msg)
        return Scaling(GIVEN, tuple(scale.tolist()))
    low, high = ends_of(rows)  # refuses what is no finite number, wherever it is
    if train is not None:
        low, high = _ends(rows, train)
    if n_constant := int(np.count_nonzero(low == high)):
        constant = [columns[i] if columns else i for i in np.flatnonzero(low == high)[:MOST].tolist()]
        more = f" and {n_constant - MOST} more" if n_constant > MOST else ""
        msg = f"scale is {scale!r}, and {rows.name} has one value only in column{'s' * (n_constant > 1)} "
        msg += f"{', '.join(shown(str(one)) for one in constant)}{more}; allowed: columns that vary"
        msg += f", so leave others out, by {to_drop(*constant)}, or give scale= numbers"
        raise InputError(msg)
    widths = high - low
    return Scaling(scale, tuple((widths if scale == RANGE else _deviations(rows, train, low, widths)).tolist()))


def _ends(rows: Rows, train: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest number of each column among some rows."""
    low, high = np.full(rows.shape[1], np.inf), np.full(rows.shape[1], -np.inf)
    for block in _even(rows, train):
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return low, high


def _deviations(
    rows: Rows, train: NDArray[np.intp] | None, low: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the population standard deviation of each column, whose least numbers and ranges these are.

    Numbers are taken from the least one, in units of a power of two, so that sizes far from 1 neither overflow nor
    vanish, and points scaled by a power of two have deviations scaled by it, bit for bit.
    """
    n = rows.shape[0] if train is None else len(train)
    power = np.ldexp(1.0, np.frexp(widths)[1])
    mean = sum(((block - low) / power).sum(axis=0) for block in _even(rows, train)) / n
    squares = sum((((block - low) / power - mean) ** 2).sum(axis=0) for block in _even(rows, train)) / n
    deviations: NDArray[np.float64] = np.sqrt(squares) * power
    return deviations


def _even(rows: Rows, train: NDArray[np.intp] | None) -> Iterator[NDArray[np.float64]]:
    """Yield some rows, as many at a time wherever they come from, so that sums of them are the same bit for bit."""
    wanted = np.ones(len(rows), bool) if train is None else np.zeros(len(rows), bool)
    if train is not None:
        wanted[train] = True
    size = max(1, BLOCK // rows.shape[1])
    held, n, start = np.empty((size, rows.shape[1])), 0, 0
    for block in rows.blocks():
        part = block[wanted[start : start + len(block)]]
        start += len(block)
        while len(part):
            some, part = part[: size - n], part[size - n :]
            held[n : n + len(some)] = some
            n += len(some)
            if n == size:
                yield held
                n = 0
    if n:
        yield held[:n]
