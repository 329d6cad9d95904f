"""`numbaconc data list | fetch | check`: the data sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numbaconc.cli.console import EXIT_BAD_INPUT, say

if TYPE_CHECKING:
    from numbaconc.data.datasets import Status


def add_data(commands: Any) -> None:  # noqa: ANN401
    """Add the commands."""
    text = "list, download and check the data sets"
    parser = commands.add_parser("data", help=text, description=f"{text.capitalize()}.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text, run in (
        ("list", "what exists and what is on disk", _data_list),
        ("fetch", "download a data set and check it", _data_fetch),
        ("check", "hash what is on disk", _data_check),
    ):
        sub = actions.add_parser(action, help=text, description=text.capitalize() + ".")
        if action != "list":
            sub.add_argument("name", help="a data set's name")
        sub.add_argument("--data-dir", metavar="DIR", help="where data sets lie, or go to")
        if action != "fetch":
            sub.add_argument("--json", action="store_true", help="print JSON instead of words")
        sub.add_argument("--quiet", action="store_true", help="no progress bars")
        sub.set_defaults(run=run)


def _data_list(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import listing

    rows = listing(options.data_dir)
    if options.json:
        return _say_json(rows)
    for row in rows:
        where = f" in {row.path}" if row.path else ""
        say(f"{row.name:14} {row.state + where:40} {row.detail}")
    return 0


def _data_fetch(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import fetch

    say(f"{options.name}: {fetch(options.name, data_dir=options.data_dir, progress=not options.quiet)}")
    _say_license(options.name)
    return 0


def _data_check(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import check

    rows = check(options.name, data_dir=options.data_dir, progress=not options.quiet)
    if options.json:
        _say_json(rows)
    else:
        for row in rows:
            say(f"{row.name:26} {row.state:9} {row.path or ''} {row.detail}".rstrip())
        _say_license(options.name)
    return 0 if all(row.state in {"verified", "bundled"} for row in rows) else EXIT_BAD_INPUT


def _say_json(rows: Sequence[Status]) -> int:
    from numbaconc.show.records import data_as_json, written

    say(written(data_as_json(rows)))
    return 0


def _say_license(name: str) -> None:
    from numbaconc.data.published.registry import REGISTRY

    if text := REGISTRY[name].license:
        say(text)
