"""Users' tables in Parquet files, some groups of rows at a time: columns of numbers, or of lists of numbers of one length."""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.columns import Drop
from numbaconc.data.formats.named import Stored
from numbaconc.data.formats.tables import MOST, as_told, columns_told, remedy
from numbaconc.data.rows import CHUNK, Rows, check_memory, check_shape, edges_of
from numbaconc.errors import InputError, reading, shown

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

TEXT = 64  # bytes that a label may take


def read_parquet(path: Path, told: tuple[str, str], opened: contextlib.ExitStack, drop: Drop | None = None) -> Stored:
    """Return the columns of numbers as `X`, without some, and what others tell: `y`, `uncertainty`.

    A column of lists is an array of its own, and all others of numbers are `columns` then. Integers beside uint8, and booleans, are floats. An index that pandas wrote is no column.
    """
    from pyarrow import types
    from pyarrow.parquet import ParquetFile

    file = opened.enter_context(ParquetFile(path))
    about = (file.schema_arrow.metadata or {}).get(b"pandas", b"{}")
    index = [one for one in json.loads(about).get("index_columns", []) if isinstance(one, str)]
    kinds = dict(enumerate(file.schema_arrow.types))
    places = [at for at, name in enumerate(file.schema_arrow.names) if name not in index]
    names = [file.schema_arrow.names[at] for at in places]
    kept = range(len(names)) if drop is None else drop.kept(names, len(names), f"file {told[0]}")
    fields = {names[at]: kinds[places[at]] for at in kept}
    whose = {what: names[at] for what, at in columns_told({at: names[at] for at in kept}, told[0]).items()}
    lists = [name for name, kind in fields.items() if hasattr(kind, "value_type") and not types.is_dictionary(kind)]
    plain = [name for name in fields if name not in lists and name not in whose.values()]
    bad = [name for name in plain if not _is_number(fields[name])]
    arrays: dict[str, Any] = {name: functools.partial(_lists, file, name, told) for name in lists}
    if len(bad) < len(plain) or not lists:
        arrays["columns" if lists else "X"] = functools.partial(
            _table, file, {name: fields[name] for name in plain}, bad, told
        )
    arrays |= {what: functools.partial(_told, file, name) for what, name in whose.items()}
    notes = [f"column {name!r} is {what}, and no coordinate" for what, name in whose.items()]
    if lists and plain:
        notes.append(
            f"beside lists {', '.join(map(repr, plain[:MOST]))} {'is no coordinate' if len(plain) == 1 else 'are no coordinates'}"
        )
    return Stored(arrays, ", ".join(notes))


def _is_number(kind: pa.DataType) -> bool:
    from pyarrow import types

    return any(test(kind) for test in (types.is_integer, types.is_floating, types.is_boolean))


def _table(file: ParquetFile, fields: dict[str, pa.DataType], bad: list[str], told: tuple[str, str], name: str) -> Rows:
    """Return columns of numbers as rows of all of them."""
    if bad or not fields:
        found = f"column {', '.join(map(shown, bad[:MOST]))} of {fields[bad[0]]}" if bad else "no column of points"
        msg = f"file {told[0]} has {found}; allowed: numbers" + (f", so {remedy(*bad[:MOST])}" if bad else "")
        raise InputError(msg)
    kind = np.result_type(*(one.to_pandas_dtype() for one in fields.values()))
    kind = np.dtype(np.float64) if kind.kind in "iub" and kind != np.uint8 else kind

    def put(groups: list[int]) -> NDArray[Any]:
        table = file.read_row_groups(groups, columns=list(fields))
        block = np.empty((table.num_rows, len(fields)), kind)
        for at, one in enumerate(fields):
            block[:, at] = _values(table.column(one), one)
        return block

    return _rows(file, (len(fields),), kind, put, told, name=name, columns=tuple(fields))


def _lists(file: ParquetFile, column: str, told: tuple[str, str], name: str) -> Rows:
    """Return a column of lists of numbers, all of one length, as rows."""
    from pyarrow.compute import list_value_length

    first = next(file.iter_batches(batch_size=1, columns=[column])).column(0)
    if not _is_number(first.type.value_type):
        msg = f"file {told[0]} has column {shown(column)} of {first.type}; allowed: lists of numbers, all of one length"
        raise InputError(msg)
    kind = np.dtype(first.type.value_type.to_pandas_dtype())
    d = len(first[0]) if first[0].is_valid else 0

    def put(groups: list[int]) -> NDArray[Any]:
        lists = file.read_row_groups(groups, columns=[column]).column(column)
        if lists.null_count or set(list_value_length(lists).unique().to_pylist()) - {d}:
            msg = f"its lists of {column!r} are not all of the length of the first, {d}"
            raise ValueError(msg)
        return np.concatenate([_values(one.flatten(), column) for one in lists.chunks]).reshape(-1, d)

    return _rows(file, (d,), kind, put, told, name=name)


def _rows(
    file: ParquetFile,
    point: tuple[int, ...],
    kind: np.dtype[Any],
    put: Callable[[list[int]], NDArray[Any]],
    told: tuple[str, str],
    **beside: Any,  # noqa: ANN401
) -> Rows:
    """Return rows of numbers of that type, of which `put` returns those of some groups of the file."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    ends, width = list(itertools.accumulate(sizes)), math.prod(point) * kind.itemsize
    check_shape((sum(sizes), *point), beside["name"])
    check_memory(beside["name"], (sum(sizes), *point), max(sizes) * width)

    def read(start: int, stop: int) -> NDArray[Any]:
        first, last = bisect.bisect_right(ends, start), bisect.bisect_left(ends, stop)
        begin = ends[first] - sizes[first]
        with reading(*told):
            block = put(list(range(first, last + 1)))
            if block.shape != (ends[last] - begin, *point):
                msg = f"it promises {ends[last] - begin} rows where {len(block)} are"
                raise ValueError(msg)
        return block[start - begin : stop - begin]

    edges = edges_of(sum(sizes), ends, max(CHUNK // width, *sizes))
    return Rows(n=sum(sizes), point=point, dtype=kind, read=read, edges=edges, **beside)


def _told(file: ParquetFile, column: str, name: str) -> NDArray[Any]:
    """Return what a column tells of the points: numbers or texts."""
    check_memory(name, (file.metadata.num_rows,), file.metadata.num_rows * TEXT)
    values = np.array(_present(file.read(columns=[column]).column(column), column).to_pylist())
    return as_told(values, column) if name.startswith("y") else values


def _values(values: Any, column: str) -> NDArray[Any]:  # noqa: ANN401
    """Return the numbers of a column."""
    array: NDArray[Any] = _present(values, column).to_numpy(zero_copy_only=False)
    return array


def _present(values: Any, column: str) -> Any:  # noqa: ANN401
    """Return a column; ValueError if some of it is missing."""
    if values.null_count:
        msg = f"its column {column!r} has {values.null_count} missing values; allowed: none, so fill them or leave their rows out"
        raise ValueError(msg)
    return values
