"""How objects show themselves: a few facts in one line of text, and in a small table in notebooks; never arrays of numbers."""

from __future__ import annotations

import abc
import html
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import numpy as np

from numbaconc.errors import printable, shortened
from numbaconc.numerals import exact, strength

LONGEST = 320  # characters of a line
LONGEST_FACT = 120  # characters of a fact in it
MOST_NAMES, LONGEST_NAME = 3, 24  # columns that are named, and characters of each
SHORT = 8  # characters of an end of a range that is written exactly
DIGITS = 4  # significant ones of other ends
# Pages render formulas between dollars in all text that is not in one of these classes, as names may be.
CLASSES = "tex2jax_ignore mathjax_ignore"
NAME = "text-align:left;font-weight:normal;opacity:.7;white-space:nowrap;padding:0 1em 0 0"  # no color: pages are light or dark
VALUE = "text-align:left;padding:0"


class Shown(abc.ABC):
    """An object that shows a few facts of itself; in a table also a sentence, if it has a `sentence` or a `definition`."""

    @abc.abstractmethod
    def _facts(self) -> Mapping[str, object]:
        """Return what is shown, by name, in the order in which it is read; what is None or empty is left out."""

    def __repr__(self) -> str:
        return line_of(type(self).__name__, self._facts())

    def _repr_html_(self) -> str:
        sentence = getattr(self, "sentence", "") or getattr(self, "definition", "")
        return table_of(type(self).__name__, self._facts(), sentence)


def line_of(title: str, facts: Mapping[str, object]) -> str:
    """Return facts in one line, as `Title(name=fact, ...)`; a fact whose name has an underscore at its end stands alone."""
    written = [text if name.endswith("_") else f"{name}={text}" for name, text in _texts(facts)]
    line = f"{title}({', '.join(written)})"
    while len(line) > LONGEST and len(written) > 1:  # facts are left out from the end, whole
        written.pop()
        line = f"{title}({', '.join(written)}, ...)"
    return shortened(line, LONGEST)


def table_of(title: str, facts: Mapping[str, object], sentence: str = "") -> str:
    """Return facts as a table of HTML below a sentence: all text is escaped, and it has no colors, scripts or addresses."""
    rows = (
        f'<tr><th scope="row" style="{NAME}">{html.escape(name.strip("_").replace("_", " "))}</th>'
        f'<td style="{VALUE}">{html.escape(text)}</td></tr>'
        for name, text in _texts(facts)
    )
    said = f"<div>{html.escape(printable(sentence))}</div>" if sentence else ""
    return f'<div class="{CLASSES}"><strong>{html.escape(title)}</strong>{said}<table>{"".join(rows)}</table></div>'


def _texts(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return names and facts as short printable texts, without those that say nothing."""
    told = [
        (name, written(fact, strength if name == "epsilon" else exact))
        for name, fact in facts.items()
        if fact is not None
    ]
    return [(name, shortened(text, LONGEST_FACT)) for name, text in told if text]


def written(value: object, number: Callable[[float], str] = exact) -> str:
    """Return a fact as text: a number so that it reads back as the same, and of several numbers the ends and how many."""
    if isinstance(value, np.ndarray):
        return _several(value, number)
    if isinstance(value, float | np.floating):
        return number(float(value))
    return printable(value)


def _several(values: np.ndarray[Any, Any], number: Callable[[float], str]) -> str:
    if not values.size:
        return "none"
    if values.size == 1:
        return written(values.flat[0].item(), number)
    first, last = (written(end.item(), number) for end in (values.flat[0], values.flat[-1]))
    return f"[{first}, {last}]" if values.size == 2 else f"[{first}, ..., {last}] ({values.size:,} values)"


def names_of(names: Sequence[str] | None) -> str | None:
    """Return the first names of columns, and how many there are; None where there are none."""
    if not names:
        return None
    first = [shortened(repr(name), LONGEST_NAME) for name in names[:MOST_NAMES]]
    return ", ".join(first) if len(names) <= MOST_NAMES else f"{', '.join(first)}, ... ({len(names):,} names)"


def range_of(ends: tuple[float, float]) -> str:
    """Return the range that numbers lie in; ends that are no short numbers are rounded outward."""
    return "[" + ", ".join(map(_end, ends, (ROUND_FLOOR, ROUND_CEILING))) + "]"


def _end(value: float, rounding: str) -> str:
    text = strength(value)
    if len(text) <= SHORT:
        return text
    number = Context(prec=DIGITS, rounding=rounding).create_decimal(Decimal(value)).normalize()
    return f"{number:f}" if -DIGITS <= number.adjusted() <= DIGITS else f"{number:e}"
