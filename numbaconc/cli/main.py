"""The command line: `numbaconc measure | sweep | show | data`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from numbaconc.cli.console import Parser, reporting
from numbaconc.cli.data import add_data
from numbaconc.cli.measure import add_measure
from numbaconc.cli.options import import_plugins
from numbaconc.cli.show import add_show
from numbaconc.cli.sweep import add_sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    with reporting("numbaconc") as outcome:
        import_plugins(sys.argv[1:] if arguments is None else arguments)
        options = _parser().parse_args(arguments)
    if outcome.status:
        return outcome.status
    with reporting(f"numbaconc {options.command}", quiet=getattr(options, "quiet", False)) as outcome:
        outcome.status = options.run(options)
    return outcome.status


def _parser() -> Parser:
    from importlib.metadata import version

    parser = Parser(prog="numbaconc", description="Measure how concentrated a data set is.")
    parser.add_argument("--version", action="version", version=f"numbaconc {version('numbaconc')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (add_measure, add_sweep, add_show, add_data):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
