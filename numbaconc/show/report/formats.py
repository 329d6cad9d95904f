"""A report as HTML, LaTeX, Markdown or CSV: all text escaped."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from numbaconc.show.markdown import escaped, markdown_table
from numbaconc.show.pictures.style import TEX
from numbaconc.show.report.parts import Cell, Section, Table

if TYPE_CHECKING:
    import jinja2

NORMS_IN_TEX = {"ℓ1": r"$\ell_1$", "ℓ2": r"$\ell_2$", "ℓ∞": r"$\ell_\infty$"}
NORM = re.compile(f"({'|'.join(NORMS_IN_TEX)})")
FORMULAS = ("=", "+", "-", "@")  # with which a spreadsheet takes a text for something to compute


def html_page(template: str, title: str, **given: Any) -> str:  # noqa: ANN401
    """Return a page that holds all it needs, and may load nothing: its style and script alone are let in, by their hashes.

    Parameters
    ----------
    template : str
        Name of a template of the package that extends `page.html`.
    title : str
    **given
        What the template asks for. Text is escaped wherever it stands.
    """
    from markupsafe import Markup

    environment = _environment()
    files = {name: _template_text(f"page.{kind}") for name, kind in (("style", "css"), ("script", "js"))}
    hashes = {name: _hash(text) for name, text in files.items()}
    shown = {name: Markup(text) for name, text in files.items()}  # noqa: S704  # files of this package
    return environment.get_template(template).render(title=title, hashes=hashes, **shown, **given)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    loader = jinja2.FunctionLoader(_template_text)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"data_uri": _data_uri, "sentence": _sentence}
    return environment


@functools.cache
def _template_text(name: str) -> str:
    return (resources.files("numbaconc.show.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data_uri(svg: str) -> str:
    """Return a picture as an address: a browser runs no script of an image, and lets nothing in it load anything."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _sentence(text: str) -> str:
    """Return a text that begins with a capital; with α or ε it begins as it is."""
    return f"{text[0].upper()}{text[1:]}" if text[:1].isascii() else text


def latex_text(text: str) -> str:
    """Return a text for LaTeX: its signs as commands, letters of mathematics as formulas, all else left to its encoding."""
    return "".join(NORMS_IN_TEX.get(part) or "".join(TEX.get(one, one) for one in part) for part in NORM.split(text))


def latex_table(table: Table) -> str:
    """Return a table that the package booktabs sets: text to the left, numbers to the right."""
    places = "".join("r" if column.unit else "l" for column in table.columns)
    header = [latex_text(column.title) for column in table.columns]
    rows = [header, *([latex_text(cell.text) for cell in row] for row in table.rows)]
    lines = [f"{' & '.join(row)} \\\\" for row in rows]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    start = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{latex_text(table.title)}}}",
        f"  \\begin{{tabular}}{{{places}}}",
    ]
    return "\n".join([*start, *(f"    {line}" for line in body), r"  \end{tabular}", r"\end{table}"])


def markdown_of(table: Table) -> str:
    """Return a table in Markdown."""
    header = [escaped(column.title) for column in table.columns]
    rows = [header, *([escaped(cell.text) for cell in row] for row in table.rows)]
    return "\n".join([f"**{escaped(table.title)}**", "", *markdown_table(rows)])


def csv_of(table: Table) -> str:
    """Return a table in CSV: numbers as they are, to the last digit; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"{column.name} ({column.unit})" if column.unit else column.name for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def _plain(cell: Cell) -> str:
    """Write a value of CSV; a text that a spreadsheet would compute gets an apostrophe before it."""
    if cell.value is None:
        return ""
    if isinstance(cell.value, str):
        return f"'{cell.value}" if cell.value.startswith(FORMULAS) else cell.value
    return repr(cell.value)


def tables_of(sections: Iterable[Section]) -> list[Table]:
    """Return every table of a report, in order."""
    return [table for section in sections for table in (*section.tables, *section.provenance)]


def latex_page(sections: Sequence[Section]) -> str:
    """Return every table in LaTeX."""
    tables = [latex_table(table) for table in tables_of(sections)]
    return "\n\n".join([r"% \usepackage[T1]{fontenc} \usepackage{booktabs}", *tables]) + "\n"


def markdown_page(title: str, sections: Sequence[Section]) -> str:
    """Return every table in Markdown, with what is said of all of it."""
    parts = [f"# {escaped(title)}"]
    for section in sections:
        parts += [f"## {escaped(section.title)}", *map(escaped, section.lines), *map(escaped, section.warnings)]
        parts += [markdown_of(table) for table in section.tables]
        parts += (escaped(_sentence(line)) for line in section.sentences)
        parts += [markdown_of(table) for table in section.provenance]
    return "\n\n".join(parts) + "\n"


def csv_texts(sections: Sequence[Section]) -> dict[str, str]:
    """Return every table in CSV: the first by no name, others by one of their own."""
    texts: dict[str, str] = {}
    for table in tables_of(sections):
        name = table.name if texts else ""
        number = next(i for i in itertools.count(1) if (f"{name}-{i}" if i > 1 else name) not in texts)
        texts[f"{name}-{number}" if number > 1 else name] = csv_of(table)
    return texts
