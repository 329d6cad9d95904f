"""Every table and figure of the paper, and a report of them: `python -m numbaconc.experiments.all --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from numbaconc.cli.console import EXIT_BAD_INPUT, say, tell
from numbaconc.experiments import figures, tables
from numbaconc.experiments.commands import NoDataError, run_command, wanted
from numbaconc.experiments.published import published
from numbaconc.experiments.report import FIGURES, TABLES, write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything from the command line and return the exit status."""
    description = "Every table and figure of the paper, then report.md and report.html. What the folder has is kept."
    return run_command(_run, "all", description, "results, pages, figures and the report", tables.RESTARTS, arguments)


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
        try:
            module.run(int(name[-1]), options)
            ran = True
        except NoDataError as error:
            tell(f"{name}: error: {error}")
    if not ran:
        return EXIT_BAD_INPUT
    say("\n".join(map(str, write_report(options.out))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
