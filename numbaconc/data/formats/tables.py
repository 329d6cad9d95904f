"""Users' tables of text: a row a point, a column a coordinate, of which some may tell of the points instead."""

from __future__ import annotations

import contextlib
import csv
import itertools
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.columns import Drop, unnamed
from numbaconc.data.conversion import memory, to_drop
from numbaconc.data.formats.named import Stored, role
from numbaconc.data.rows import Rows
from numbaconc.errors import InputError, shown

TOLD = ("y", "uncertainty")  # what columns may be that are no coordinates
MOST = 20  # columns in a message
SEPARATORS = {".csv": ",;\t", ".tsv": "\t"}
FLAGS = {"true": 1.0, "false": 0.0}  # however they are written: pandas has True, and R TRUE
# How people write that a number is not known.
MISSING = {"", "na", "n/a", "<na>", "#n/a", "null", "nil", "none", "?", "-", "."}
POINTS = "write points for decimal commas (decimal=',' of pandas.read_csv), and nothing between thousands"
SEVERAL = 3  # columns, of which 0, 1, 2 could also be a point


class _Text(NamedTuple):
    """A file, what parts its columns, what stands in its first line, whether these are names, and which columns are wanted."""

    file: IO[str]
    separator: str
    first: list[str]
    is_named: bool
    wanted: list[int]
    is_doubtful: bool = False  # they could be names, and are not taken for these


def read_csv(path: Path, told: tuple[str, str], opened: contextlib.ExitStack, drop: Drop | None = None) -> Stored:
    """Return a table as `X`, floats, without some columns, and what columns of such names tell: `y`, `uncertainty`.

    Columns are parted by commas, semicolons or tabs, whichever is most in the first line, which may have their names.
    """
    if path.stat().st_size > memory():
        msg = f"file {told[0]} is larger than the memory of this machine; allowed: a smaller one, or an .npy file"
        raise InputError(msg)
    _check_text(path)
    file = opened.enter_context(path.open(encoding="utf-8-sig", newline=""))
    text = _begun(file, SEPARATORS[path.suffix.lower()], drop, f"file {told[0]}")
    whose = columns_told({column: text.first[column] for column in text.wanted if text.is_named}, told[0])
    codes: dict[int, dict[str, int]] = {column: {} for column in whose.values()}
    numbers = _numbers(text, codes)
    values: dict[str, NDArray[Any]] = {}
    for what, column in whose.items():
        texts = np.array(list(codes[column]))[numbers[:, column].astype(np.intp)]
        values[what] = as_told(as_numbers(texts), text.first[column]) if what == "y" else texts.astype(np.float64)
    kept = [column for column in text.wanted if column not in codes]
    if not kept:
        msg = "it has no column of coordinates"
        raise ValueError(msg)
    points = numbers if len(kept) == len(text.first) else numbers[:, kept]
    columns = tuple(text.first[column] for column in kept) if text.is_named else None
    notes = ["the first line, 0, 1, 2 …, is taken for names of columns"] * (
        list(columns or ())[:SEVERAL] == ["0", "1", "2"]
    )
    notes += [f"column {text.first[column]!r} is {what}, and no coordinate" for what, column in whose.items()]
    if text.is_doubtful:
        notes.append("the first line is taken for a point, and not for names of columns")
    return Stored(
        {"X": lambda name: replace(Rows.of(points, name), columns=columns)}
        | {what: lambda _, known=known: known for what, known in values.items()},
        ", ".join(notes),
    )


def columns_told(names: Mapping[int, str], where: str) -> dict[str, int]:
    """Return which columns, by their positions, tell of the points; InputError for those without a name or with the same one.

    Also of those of one part, such as `y_train`. Beside an `x`, `y` is a coordinate.
    """
    whose: dict[str, int] = {}
    several = Counter(names.values())
    for column, name in names.items():
        if not name:
            index = f"numbers of rows, which pandas writes there unless index=False, are no coordinates: {to_drop(unnamed(column))} leaves them out"
            msg = f"file {where} has no name for column {column + 1}; allowed: names for all ({index})"
            raise InputError(msg)
        if several[name] > 1:
            msg = f"file {where} has the column {shown(name)} twice; allowed: once"
            raise InputError(msg)
        what = (role(name) or "").partition("_")[0]
        if what in TOLD and not (name.lower() == "y" and "x" in map(str.lower, names.values())):
            if what in whose:
                msg = f"file {where} has columns {shown(names[whose[what]])} and {shown(name)}; allowed: one {what}"
                raise InputError(msg)
            whose[what] = column
    return whose


def remedy(*columns: str | int) -> str:
    """Say what is to be done with columns of texts."""
    return f"leave out what has none, by {to_drop(*columns)}, write numbers in place of texts, or name it y if it has the labels"


def as_told(labels: NDArray[Any], column: str) -> NDArray[Any]:
    """Return what a column that is called like labels has; ValueError if these are numbers such as no label is."""
    if labels.dtype.kind == "f" and len(wrong := labels[labels != np.rint(labels)]):
        msg = f"its column {column!r}, which is called as labels are, has {wrong[0]:g}; allowed: whole numbers or texts"
        msg += f" ({to_drop(column)} leaves it out; as a coordinate it needs another name)"
        raise ValueError(msg)
    return labels


def as_numbers(texts: NDArray[Any]) -> NDArray[Any]:
    """Return labels that are all numbers as such, and others as they are; ValueError if one is empty."""
    if (texts == "").any():
        msg = "some labels are missing; allowed: one a point"
        raise ValueError(msg)
    for kind in (np.int64, np.float64):
        with contextlib.suppress(ValueError, OverflowError):
            return texts.astype(kind)
    return texts


def _begun(file: IO[str], separators: str, drop: Drop | None, where: str) -> _Text:
    """Look at the first line of a file, which has names if none of it is a number, but for those of columns: 0, 1, and so on.

    It is a point, too, if all is numbers but for columns that are left out and have texts in the second line as well.
    """
    lines = filter(str.strip, file)
    line, second = next(lines, "").removeprefix("#"), next(lines, "")  # np.savetxt begins names with it
    separator = max(separators, key=line.count)
    if separator == "," and ";" in line and all(_is_number(field.replace(",", ".")) for field in line.split(";")):
        msg = f"its first line has {shown(line.split(';')[0])}; allowed: numbers such as 1.5, so {POINTS}"
        raise ValueError(msg)
    fields, below = (_fields(one, separator) for one in (line, second))
    if not fields:
        msg = "it is empty"
        raise ValueError(msg)
    numbers, texts = [field for field in fields if _is_number(field)], [one for one in fields if not _is_number(one)]
    are_columns, every = numbers == [str(column) for column in range(len(numbers))], list(range(len(fields)))
    if numbers and texts and not are_columns:
        wanted = [] if drop is None or not drop.are_positions else drop.kept(None, len(fields), where)
        alike = list(map(_is_number, fields)) == list(map(_is_number, below))
        if not alike or not wanted or not all(_is_number(fields[at]) for at in wanted):
            msg = f"its first line has both {shown(texts[0])} and {shown(numbers[0])}; allowed: the names of columns, or numbers"
            msg += f" ({to_drop(*(at for at in every if not _is_number(fields[at])))} leaves texts out)" * alike
            raise ValueError(msg)
        return _Text(file, separator, fields, is_named=False, wanted=wanted, is_doubtful=True)
    is_named = bool(texts) or (are_columns and len(fields) >= SEVERAL)
    wanted = every if drop is None else drop.kept(fields if is_named else None, len(fields), where)
    is_doubtful = not is_named and all(map(str.isdecimal, fields)) and not any(map(str.isdecimal, below))  # years?
    return _Text(file, separator, fields, is_named, wanted, is_doubtful)


def _fields(line: str, separator: str) -> list[str]:
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]


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
    told["converters"] = {column: _ignored for column in range(len(text.first)) if column not in text.wanted}
    flags = _flags(text) - codes.keys() - told["converters"].keys()
    told["converters"] |= {column: converter(seen) for column, seen in codes.items()}
    told["converters"] |= dict.fromkeys(flags, _as_flag)
    _rewind(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no lines at all
            numbers = np.loadtxt(text.file, **told)
    except ValueError as error:
        _check_lines(text, codes, flags, error)
        raise
    if numbers.shape[1] != len(text.first) or not numbers.size:
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
    return {column for column, field in enumerate(first) if _is_flag(field)}


def _is_flag(field: str) -> bool:
    return field.strip().lower() in FLAGS


def _ignored(_: str) -> float:
    return 0.0


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
            for column in text.wanted
            if column not in codes and not (_is_flag(line[column]) if column in flags else _is_number(line[column]))
        ][:MOST]
        if bad:
            called = ", ".join(shown(text.first[column]) if text.is_named else str(column) for column in bad)
            found = ", ".join(shown(line[column]) if line[column].strip() else "nothing" for column in bad)
            allowed = "True or False, as above it" if bad[0] in flags else _wanted_of(text, line[bad[0]].strip(), bad)
            msg = f"it has {found} in line {number}, column{'s' * (len(bad) > 1)} {called}"
            msg += f"{'' if text.is_named else ', counted from 0'}; allowed: {allowed}"
            raise ValueError(msg) from error


def _wanted_of(text: _Text, field: str, bad: Sequence[int]) -> str:
    """Say what is allowed in place of a field that is no number, in the first of some columns."""
    if field.lower() in MISSING:
        todo = "fill what is missing, or leave its row out"
    elif _is_number(field.replace(",", ".")):
        todo = POINTS
    elif len(text.first) == 1:
        todo = "part columns by commas, semicolons or tabs"
    else:
        todo = remedy(*(text.first[column] if text.is_named else column for column in bad))
    return f"numbers such as 1.5, so {todo}"


def _check_text(path: Path) -> None:
    """Refuse a file that is packed, or written in another way than UTF-8, before it is read: ValueError."""
    with path.open("rb") as file:
        begins = file.read(2)
        packed = {b"\x1f\x8b": "gzip", b"PK": "zip"}.get(begins)
        if packed or begins in (b"\xff\xfe", b"\xfe\xff"):
            msg = f"it is {f'packed by {packed}' if packed else 'in UTF-16'}; allowed: text in UTF-8"
            raise ValueError(msg)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field and field.isascii()
