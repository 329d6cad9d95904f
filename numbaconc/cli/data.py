"""`numbaconc data list | fetch | check`: the data sets."""

from __future__ import annotations

import argparse
from typing import Any

from numbaconc.cli.console import EXIT_BAD_INPUT, say


def add_data(commands: Any) -> None:  # noqa: ANN401
    """Add the commands."""
    parser = commands.add_parser("data", help="list, download and check the data sets", description="The data sets.")
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
        sub.add_argument("--quiet", action="store_true", help="no progress bars")
        sub.set_defaults(run=run)


def _data_list(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import listing

    for row in listing(options.data_dir):
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
    for row in rows:
        say(f"{row.name:26} {row.state:9} {row.path or ''} {row.detail}".rstrip())
    _say_license(options.name)
    return 0 if all(row.state in {"verified", "bundled"} for row in rows) else EXIT_BAD_INPUT


def _say_license(name: str) -> None:
    from numbaconc.data.registry import REGISTRY

    if text := REGISTRY[name].license:
        say(text)
