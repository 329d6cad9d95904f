"""`numbaconc report`: result files as one page, or their tables in another format."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numbaconc.cli.console import say, tell
from numbaconc.cli.outputs import numbered
from numbaconc.data.files import as_path, check_writable, is_same_file
from numbaconc.errors import InputError, check_choice, printable, shown
from numbaconc.show.report.parts import SUFFIXES


def add_report(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="make a page of result files",
        description="Make one HTML page of result files: tables, pictures, what each number means, and how the files came "
        "to be. It loads nothing from anywhere. Or write the tables in another format.",
    )
    add = parser.add_argument
    add(
        "file",
        nargs="+",
        help="a netCDF file that numbaconc wrote: a result of measure, sweep or labels, or a region; several are on one page",
    )
    add(
        "--out",
        metavar="R.html",
        help="the page (default: FILE-report.html beside the first file; no other file is replaced)",
    )
    add(
        "--format",
        metavar="FORMAT",
        help=f"{', '.join(SUFFIXES)} (default: by the ending of --out, or html); csv has further tables beside it",
    )
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from numbaconc.show.report.page import report_texts, write_texts

    out, kind = _output(options)
    texts = report_texts(options.file, kind)
    if out is None:
        out = _unused(as_path(options.file[0], "file"), SUFFIXES[kind], texts)
    say("\n".join(f"report:  {printable(path)}" for path in write_texts(texts, out)))
    return 0


def _output(options: argparse.Namespace) -> tuple[Path | None, str]:
    """Return the page that was named, if one was, and its format; InputError where the two differ."""
    kinds = {suffix: name for name, suffix in SUFFIXES.items()}
    given = None if options.format is None else check_choice("--format", options.format, tuple(SUFFIXES))
    if options.out is None:
        return None, given or "html"
    out = as_path(options.out, "--out")
    allowed = (SUFFIXES[given],) if given else tuple(kinds)
    if out.suffix not in allowed:
        msg = f"--out is {shown(str(out))}; allowed: a name that ends in {', '.join(allowed)}"
        raise InputError(msg)
    for path in map(Path, options.file):
        if is_same_file(out, path):
            msg = f"--out is {shown(str(out))}, which is a file that the report is of; allowed: another name"
            raise InputError(msg)
    check_writable(out, "--out")
    return out, given or kinds[out.suffix]


def _unused(first: Path, suffix: str, texts: Mapping[str, str]) -> Path:
    """Return a name beside the first file under which nothing lies yet, or the same report."""
    from numbaconc.show.report.page import names_beside

    usual = first.with_name(f"{first.stem}-report{suffix}")

    def free(name: Path) -> bool:
        return all(
            not os.path.lexists(path) or _holds(path, texts[one]) for one, path in names_beside(texts, name).items()
        )

    name = next(one for number in itertools.count(1) if free(one := usual if number == 1 else numbered(usual, number)))
    if name != usual:
        tell(
            f"note: {printable(usual)} is there already, with something else in it; --out {printable(usual)} replaces it"
        )
    return name


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
