"""Users' tables of text: a row a point, a column a coordinate, of which some may tell of the points instead."""

from __future__ import annotations

import contextlib
import csv
import itertools
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.conversion import memory
from numbaconc.data.named import Stored, role
from numbaconc.data.rows import Rows
from numbaconc.errors import InputError, shown

TOLD = ("y", "uncertainty")  # what columns may be that are no coordinates
REMEDY = "leave the column out, write numbers in place of its texts, or name it y if it has the labels"
MOST = 20  # columns in a message
SEPARATORS = {".csv": ",;\t", ".tsv": "\t"}
FLAGS = {"true": 1.0, "false": 0.0}  # however they are written: pandas has True, and R TRUE
FEW = 3  # columns, of which 0, 1, 2 could also be a point


class _Text(NamedTuple):
    """A file, what parts its columns, what stands in its first line, and whether these are names."""

    file: IO[str]
    separator: str
    first: list[str]
    is_named: bool


def read_csv(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:
    """Return a table as `X`, floats, and what columns of such names tell: `y`, `uncertainty`.

    Columns are parted by commas, semicolons or tabs, whichever is most in the first line, which may have their names.
    """
    if path.stat().st_size > memory():
        msg = f"file {told[0]} is larger than the memory of this machine; allowed: a smaller one, or an .npy file"
        raise InputError(msg)
    text = _begun(opened.enter_context(path.open(encoding="utf-8-sig", newline="")), SEPARATORS[path.suffix.lower()])
    whose = columns_told(text.first if text.is_named else [], told[0])
    codes: dict[int, dict[str, int]] = {column: {} for column in whose.values()}
    numbers = _numbers(text, codes)
    values: dict[str, NDArray[Any]] = {}
    for what, column in whose.items():
        texts = np.array(list(codes[column]))[numbers[:, column].astype(np.intp)]
        values[what] = as_numbers(texts) if what == "y" else texts.astype(np.float64)
    kept = [column for column in range(len(text.first)) if column not in codes]
    if not kept:
        msg = "it has no column of coordinates"
        raise ValueError(msg)
    points = numbers[:, kept] if codes else numbers
    columns = tuple(text.first[column] for column in kept) if text.is_named else None
    notes = ["the first line, 0, 1, 2 …, is taken for names of columns"] * (
        list(columns or ())[:FEW] == ["0", "1", "2"]
    )
    notes += [f"column {text.first[column]!r} is {what}, and no coordinate" for what, column in whose.items()]
    notes += [
        f"column {text.first[column]!r} counts the rows, and is a coordinate: leave it out if it is an index"
        for column in kept
        if text.is_named and len(numbers) > FEW and (np.diff(numbers[:, column]) == 1).all()
    ]
    return Stored(
        {"X": lambda name: replace(Rows.of(points, name), columns=columns)}
        | {what: lambda _, known=known: known for what, known in values.items()},
        ", ".join(notes),
    )


def columns_told(names: Sequence[str], where: str) -> dict[str, int]:
    """Return which columns tell of the points; InputError for columns without names or with the same one.

    Also of those of one part, such as `y_train`. Beside an `x`, `y` is a coordinate.
    """
    if "" in names:
        index = "numbers of rows, which pandas writes there unless index=False, are no coordinates"
        msg = f"file {where} has no name for column {names.index('') + 1}; allowed: names for all ({index})"
        raise InputError(msg)
    for one in names:
        if names.count(one) > 1:
            msg = f"file {where} has the column {shown(one)} twice; allowed: once"
            raise InputError(msg)
    whose: dict[str, int] = {}
    for column, name in enumerate(names):
        what = (role(name) or "").partition("_")[0]
        if what in TOLD and not (name.lower() == "y" and "x" in map(str.lower, names)):
            if what in whose:
                msg = f"file {where} has columns {shown(names[whose[what]])} and {shown(name)}; allowed: one {what}"
                raise InputError(msg)
            whose[what] = column
    return whose


def as_numbers(texts: NDArray[Any]) -> NDArray[Any]:
    """Return labels that are all numbers as such, and others as they are; ValueError if one is empty."""
    if (texts == "").any():
        msg = "some labels are missing; allowed: one a point"
        raise ValueError(msg)
    for kind in (np.int64, np.float64):
        with contextlib.suppress(ValueError, OverflowError):
            return texts.astype(kind)
    return texts


def _begun(file: IO[str], separators: str) -> _Text:
    """Look at the first line of a file, which has names if none of it is a number, but for those of columns: 0, 1, and so on."""
    line = next(filter(str.strip, file), "")
    separator = max(separators, key=line.count)
    fields = [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
    if not fields:
        msg = "it is empty"
        raise ValueError(msg)
    numbers, texts = [field for field in fields if _is_number(field)], [one for one in fields if not _is_number(one)]
    are_columns = numbers == [str(column) for column in range(len(numbers))]
    if numbers and texts and not are_columns:
        msg = f"its first line has both {shown(texts[0])} and {shown(numbers[0])}; allowed: the names of columns, or numbers"
        raise ValueError(msg)
    return _Text(file, separator, fields, bool(texts) or (are_columns and len(fields) >= FEW))


def _numbers(text: _Text, codes: dict[int, dict[str, int]]) -> NDArray[np.float64]:
    """Return the numbers of all lines after the names; of columns that may hold texts, which one of these it is."""

    def converter(seen: dict[str, int]) -> Any:  # noqa: ANN401
        return lambda field: seen.setdefault(field.strip(), len(seen))

    told: dict[str, Any] = {
        "delimiter": text.separator,
        "quotechar": '"',
        "comments": None,
        "ndmin": 2,
        "encoding": None,
    }
    flags = _flags(text) - codes.keys()
    told["converters"] = {column: converter(seen) for column, seen in codes.items()}
    told["converters"] |= dict.fromkeys(flags, _as_flag)
    _rewind(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no lines at all
            numbers = np.loadtxt(text.file, **told)
    except ValueError as error:
        _check_lines(text, codes, flags, error)
        raise
    if numbers.shape[1] != len(text.first):
        msg = f"it has lines of {numbers.shape[1]} fields" if numbers.size else "it has no points"
        msg += f", and a first line of {len(text.first)}"
        raise ValueError(msg)
    return numbers


def _rewind(text: _Text) -> None:
    """Go to the first line of points."""
    text.file.seek(0)
    if text.is_named:
        next(filter(str.strip, iter(text.file.readline, "")))


def _lines(text: _Text) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each line of points, with its number in the file."""
    text.file.seek(0)
    lines = csv.reader(text.file, delimiter=text.separator)
    for line in itertools.islice(filter(None, lines), int(text.is_named), None):
        yield lines.line_num, line


def _flags(text: _Text) -> set[int]:
    """Return which columns have True or False, which are 1 and 0, in the first line of points."""
    _, first = next(_lines(text), (0, []))
    return {column for column, field in enumerate(first) if field.strip().lower() in FLAGS}


def _as_flag(field: str) -> float:
    try:
        return FLAGS[field.strip().lower()]
    except KeyError:
        raise ValueError(field) from None


def _check_lines(text: _Text, codes: Collection[int], flags: Collection[int], error: Exception) -> None:
    """Refuse the first line that is not of numbers, or of what the first has that is True or False, or is not as long."""
    for number, line in _lines(text):
        if len(line) != len(text.first):
            msg = f"it has {len(line)} fields in line {number}, and {len(text.first)} in the first"
            raise ValueError(msg) from error
        bad = [
            column
            for column, field in enumerate(line)
            if column not in codes and not (field.strip().lower() in FLAGS if column in flags else _is_number(field))
        ][:MOST]
        if bad:
            called = ", ".join(shown(text.first[column]) if text.is_named else str(column + 1) for column in bad)
            found = ", ".join(shown(line[column]) if line[column].strip() else "nothing" for column in bad)
            todo = REMEDY if line[bad[0]].strip() else "fill what is missing, or leave its row out"
            allowed = "True or False, as above it" if bad[0] in flags else f"numbers such as 1.5, so {todo}"
            msg = f"it has {found} in line {number}, column{'s' * (len(bad) > 1)} {called}; allowed: {allowed}"
            raise ValueError(msg) from error


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field
