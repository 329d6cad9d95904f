"""Columns of tables: their names, which of them are left out, and which look as if they should be."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.conversion import columns_in, in_line, to_drop, values_of
from numbaconc.data.formats.named import role
from numbaconc.data.rows import Rows, rows_of
from numbaconc.data.space import other_name
from numbaconc.errors import InputError, did_you_mean, is_truth, shown

FEW = 3  # rows that are counted by chance
LONGEST = 18  # digits of a position
MOST = 20  # names in a message
INDICES = ("id", "idx", "index")  # how names of columns end that tell which row it is, and no property of it
UNNAMED = "unnamed"  # what pandas calls a column without a name


class Drop(NamedTuple):
    """Columns that are left out, by names or by positions from 0 on."""

    columns: tuple[str | int, ...]

    def __str__(self) -> str:
        return in_line(self.columns)

    @property
    def are_positions(self) -> bool:
        """Whether no name is among them."""
        return all(_is_position(part) for one in self.columns for part in _parts(str(one)))

    def kept(self, names: Sequence[object] | None, n: int, name: str) -> list[int]:
        """Return the positions of the columns that are left of `n`, which may have names.

        A text that is no name may be several with commas between, as a line of a CSV file has them, or a position.
        InputError for columns that there are not, and where none is left.
        """
        known = [str(one) or unnamed(at) for at, one in enumerate(names or ())]
        out: set[int] = set()
        for given in self.columns:
            parts = _parts(given) if isinstance(given, str) and given not in known else [given]
            out |= {self._place(part, known, n, name) for part in parts}
        if len(out) == n:
            msg = f"drop is {shown(str(self))}, which are all columns of {name}; allowed: some of them"
            raise InputError(msg)
        return [column for column in range(n) if column not in out]

    def _place(self, given: str | int, known: list[str], n: int, name: str) -> int:
        text = str(given) if str(given) in known else str(given).strip()
        if text in known:
            return known.index(text)
        number = int(text) if _is_position(text) else n
        if -n <= number < n:
            return number % n
        more = f" and {n - MOST} more" if n > MOST else ""
        there = f"columns of {name}, {', '.join(known[:MOST])}{more}, or their positions" if known else "positions"
        msg = f"drop is {shown(given)}; allowed: {there}, 0 to {n - 1}{did_you_mean(text, tuple(known))}"
        raise InputError(msg)


def unnamed(column: int) -> str:
    """Return what a column without a name is called, as pandas calls it."""
    return f"{UNNAMED.title()}: {column}"


def _parts(text: str) -> list[str]:
    """Return the names in a text, of which those with commas are in quotes."""
    try:
        return next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:  # of a line break in it
        return [text]


def _is_position(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isdecimal() and len(digits) <= LONGEST


def check_drop(drop: Any) -> Drop | None:  # noqa: ANN401
    """Return which columns are left out: one name or position, or several; InputError for anything else."""
    if drop is None or isinstance(drop, Drop):
        return drop
    columns = values_of(drop, "drop")
    if not columns or not all(map(_is_column, columns)):
        msg = f"drop is {shown(drop)}; allowed: names of columns, or their positions, one or more"
        raise InputError(msg)
    return Drop(tuple(one if isinstance(one, str) else int(one) for one in columns))


def _is_column(given: object) -> bool:
    if isinstance(given, str):
        return bool(given.strip(" ,"))
    return isinstance(given, Integral) and not is_truth(given) and abs(int(given)) < 10**LONGEST


def without(X: Any, drop: Drop | None, name: str) -> Any:  # noqa: ANN401
    """Return points without some of their columns: of a data frame before its numbers are looked at, otherwise as rows.

    InputError for columns that there are not, and for points that have none, such as images.
    """
    if drop is None:
        return X
    if (names := columns_in(X)) is not None and not isinstance(X, Rows):
        kept = drop.kept(names, len(names), name)
        return X.iloc[:, kept] if hasattr(X, "iloc") else X.select([names[column] for column in kept])
    rows = rows_of(X, name)
    if len(rows.point) > 1:
        msg = f"drop is {shown(str(drop))} for {name} with points of shape {rows.point}; allowed: with rows of columns"
        raise InputError(msg)
    called = columns_of(X, rows.shape)
    return rows.chosen(drop.kept(called, rows.shape[1], name), called)


def columns_of(X: Any, shape: tuple[int, ...]) -> tuple[str, ...] | None:  # noqa: ANN401
    """Return the names of the columns of a data frame, or of the dimensions of images that have some; None for none."""
    try:
        if len(shape) > 2:
            names = list(X.dims)[1:] if hasattr(X, "coords") else []  # those of HDF5 are no names
        else:
            names = columns_in(X) or list(X.coords[X.dims[1]].values)
    except Exception:  # most arrays know no names, and some raise what they like when they are asked
        return None
    return tuple(map(str, names)) if len(names) == len(shape[1:]) or len(names) == shape[-1] else None


def check_names(scale: Any, columns: tuple[str, ...] | None) -> None:  # noqa: ANN401
    """Refuse a pandas Series of numbers for other columns than there are, or in another order: InputError."""
    index = getattr(scale, "index", None)
    names = None if index is None or callable(index) else tuple(map(str, index))
    if differ := other_name(names, columns):
        msg = f"scale has {differ[0]!r} where X has the column {differ[1]!r}; allowed: the columns of X, in one order"
        raise InputError(msg)


def note_of_index(rows: Rows, columns: tuple[str, ...] | None) -> str:
    """Return what is to be said of columns that look as if they were no coordinates; nothing where there are none.

    They tell which row it is, in whole numbers, either from row to row one more, or of a usual name and all different; or
    they have a name that labels have, in a data frame, since files have these apart. Bytes without names are pixels.
    """
    are_pixels = columns is None and rows.dtype == np.uint8
    if len(rows) <= FEW or len(rows.point) != 1 or rows.shape[1] == 1 or are_pixels:
        return ""
    found = dict.fromkeys(_counting(rows), "counts the rows")
    for column, name in enumerate(columns or ()):
        if column not in found and (name.lower().endswith(INDICES) or name.lower().startswith(UNNAMED)):
            values = np.concatenate([block[:, column] for block in rows.blocks()])
            if len(np.unique(values)) == len(values) and (values == np.rint(values)).all():
                found[column] = "has another whole number in each row"
        if role(name) == "y" and not (name.lower() == "y" and "x" in map(str.lower, columns or ())):
            found[column] = "is called as labels are"
    return ", ".join(_said(column, what, columns) for column, what in sorted(found.items())[:MOST])


def _counting(rows: Rows) -> list[int]:
    """Return the columns whose numbers are one more from row to row: of most data the first few rows have none."""
    columns, last = np.arange(rows.shape[1]), np.empty((0, rows.shape[1]))
    for block in rows.blocks():
        if not len(columns):
            break
        part: NDArray[np.float64] = np.concatenate([last, block[:, columns].astype(np.float64)])
        with np.errstate(invalid="ignore"):
            count = (np.diff(part, axis=0) == 1).all(axis=0) & (part[-1] == np.rint(part[-1]))
        columns, last = columns[count], part[-1:, count]
    return [int(column) for column in columns]


def _said(column: int, what: str, columns: tuple[str, ...] | None) -> str:
    called = columns[column] if columns else column
    return f"column {shown(called)} {what}, and is a coordinate: if it should be none, {to_drop(called)} leaves it out"
