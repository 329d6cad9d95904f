"""Markdown in which a text of a file's shows as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from numbaconc.errors import printable

SIGNS = r"[\\`*{}\[\]()<>#|!~&$]|(?<!\w)_|_(?!\w)"
LISTS = r"^[-+](?=[-+\s]|$)|(?<=^\d)\.(?=\s|$)|(?<=^\d\d)\.(?=\s|$)|(?<=^\d{3})\.(?=\s|$)"  # an item's begin, or a line
LINKS = r":(?=//)|(?<=www)\.|(?<=\w)@(?=\w)"  # addresses, which some readers make links of
MARKUP = f"{SIGNS}|{LISTS}|{LINKS}"


def escaped(text: object) -> str:
    """Return a text of a file's as Markdown that shows it as it is: no markup, no HTML, no link, in one line."""
    return re.sub(MARKUP, r"\\\g<0>", printable(text))


def code(text: object) -> str:
    """Return a text of a file's as Markdown code, for a table too."""
    return f"`{printable(text)}`".replace("|", r"\|") if "`" not in str(text) else escaped(text)


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, whose first row is its header."""
    header, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [header, f"| {' | '.join('---' for _ in rows[0])} |", *others]
