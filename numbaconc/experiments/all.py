"""Every table and figure of the paper, and a report of them: `python -m numbaconc.experiments.all --out DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from numbaconc.cli.console import EXIT_BAD_INPUT, reporting, say, tell
from numbaconc.experiments import figures, tables
from numbaconc.experiments.commands import make_parser, wanted
from numbaconc.experiments.published import published
from numbaconc.experiments.report import FIGURES, TABLES, write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything from the command line and return the exit status."""
    description = "Every table and figure of the paper, then report.md and report.html. What the folder has is kept."
    parser = make_parser("all", description, "results, pages, figures and the report", tables.RESTARTS)
    options = parser.parse_args(arguments)
    with reporting("all", quiet=options.quiet) as outcome:
        outcome.status = _run(options)
    return outcome.status


def _run(options: argparse.Namespace) -> int:
    known = {f"table{n}": {row.dataset for row in published(n)} for n in TABLES}
    known |= {f"figure{n}": {curve.dataset for curve in figures.curves(n)} for n in FIGURES}
    asked = options.datasets and wanted(options, sorted(set().union(*known.values())))
    ran = False
    for name, names in known.items():
        options.datasets = [one for one in asked if one in names] if asked else None
        if options.datasets == []:
            continue
        if not options.quiet:
            tell(f"{name} ...")
        module = tables if name.startswith("table") else figures
        ran |= module.run(int(name[-1]), options)
    if not ran:
        return EXIT_BAD_INPUT
    say("\n".join(map(str, write_report(options.out))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
