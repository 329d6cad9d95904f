"""The command line: `numbaconc measure | labels | sweep | show | plot | report | data | completion`."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence

from numbaconc import estimator
from numbaconc.cli.completion import add_completion
from numbaconc.cli.console import Parser, reporting
from numbaconc.cli.data import add_data
from numbaconc.cli.labels import add_labels
from numbaconc.cli.measure import add_measure
from numbaconc.cli.options import import_plugins, names_plugins
from numbaconc.cli.plot import add_plot
from numbaconc.cli.report import add_report
from numbaconc.cli.show import add_show
from numbaconc.cli.sweep import add_sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status; if none is given, the one that this process was started with."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None:
        _spare_time(given)
    with reporting("numbaconc") as outcome:
        import_plugins(given)
        options = _parser().parse_args(arguments)
    if outcome.status:
        return outcome.status
    with reporting(f"numbaconc {options.command}", quiet=getattr(options, "quiet", False)) as outcome:
        outcome.status = options.run(options)
    return outcome.status


def _spare_time(given: Sequence[str]) -> None:
    """Leave out what a process needs that goes on with other things, and that takes longer than measuring the digits.

    That is much of scikit-learn; and looking for garbage among the million objects that are imported, above all when
    the process ends, which frees them all.
    """
    estimator.runs_a_command = not names_plugins(given)
    gc.set_threshold(100 * gc.get_threshold()[0], *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def _parser() -> Parser:
    from importlib.metadata import version

    parser = Parser(prog="numbaconc", description="Measure how concentrated a data set is.")
    parser.add_argument("-V", "--version", action="version", version=f"numbaconc {version('numbaconc')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (add_measure, add_labels, add_sweep, add_show, add_plot, add_report, add_data):
        add(commands)
    add_completion(commands, parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
