"""What a report is made of: sections with tables, pictures and sentences, before they are HTML or anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from numbaconc.errors import printable

Value = float | int | str | None
MISSING = "–"
SUFFIXES = {"html": ".html", "latex": ".tex", "csv": ".csv", "markdown": ".md"}  # of a report in each format


class Column(NamedTuple):
    """A column of a table."""

    name: str  # as a program calls it
    title: str  # as people do
    unit: str  # of its numbers; empty for text
    meaning: str = ""


class Cell(NamedTuple):
    """A number, text or nothing, and how it is written for people."""

    value: Value
    text: str


NOTHING = Cell(None, MISSING)


class Table(NamedTuple):
    """Rows of cells, one for each column; the first columns say what a row is of."""

    name: str  # part of a file's name
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    n_heads: int = 1
    sortable: bool = True


class Picture(NamedTuple):
    """A picture in SVG, and what it says in words for who does not see it."""

    light: str
    dark: str
    alt: str
    caption: str


class Said(NamedTuple):
    """Everything that is said of one case, below what it is."""

    head: str
    sentences: Sequence[str]
    flags: Sequence[str] = ()


@dataclass
class Section:
    """One file, or several that are compared."""

    title: str
    lines: list[str] = field(default_factory=list)  # what it is of
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    cases: list[Said] = field(default_factory=list)
    left_out: int = 0  # cases of which the table says all
    provenance: list[Table] = field(default_factory=list)

    @property
    def meanings(self) -> dict[str, list[str]]:
        """What its columns mean, and the titles and units of those that mean it."""
        said: dict[str, dict[str, None]] = {}
        for column in (column for table in self.tables for column in table.columns if column.meaning):
            unit = f" ({column.unit})" if column.unit not in ("", "number") and column.unit not in column.title else ""
            said.setdefault(column.meaning, {})[f"{column.title}{unit}"] = None
        return {meaning: list(titles) for meaning, titles in said.items()}


def text_cell(value: object) -> Cell:
    """Return a cell of anybody's text, in one line."""
    return Cell(printable(value), printable(value))
