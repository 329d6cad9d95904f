"""Every table and figure of the paper, real classifiers, and a report of them: `python -m numbaconc.experiments.all --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from numbaconc.cli.console import EXIT_BAD_INPUT, say, tell
from numbaconc.experiments import figures, leaderboard, tables
from numbaconc.experiments.commands import NoDataError, run_command, wanted
from numbaconc.experiments.published import published
from numbaconc.experiments.report import FIGURES, TABLES, write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything from the command line and return the exit status."""
    description = "Every table and figure of the paper, and real classifiers, then report.md and report.html. What the folder has is kept."
    return run_command(_run, "all", description, "results, pages, figures and the report", tables.RESTARTS, arguments)


def _run(options: argparse.Namespace) -> int:
    parts: dict[str, tuple[Callable[[argparse.Namespace], object], set[str]]] = {}
    for n in TABLES:
        parts[f"table{n}"] = partial(tables.run, n), {row.dataset for row in published(n)}
    for n in FIGURES:
        parts[f"figure{n}"] = partial(figures.run, n), {curve.dataset for curve in figures.curves(n)}
    parts["leaderboard"] = leaderboard.run, set(leaderboard.NAMES)
    known = set().union(*(names for _, names in parts.values()))
    asked = options.datasets and wanted(options, sorted(known))
    ran = False
    for title, (run, names) in parts.items():
        options.datasets = [one for one in asked if one in names] if asked else None
        if options.datasets == []:
            continue
        if not options.quiet:
            tell(f"{title} ...")
        try:
            run(options)
            ran = True
        except NoDataError as error:
            tell(f"{title}: error: {error}")
    if not ran:
        return EXIT_BAD_INPUT
    say("\n".join(map(str, write_report(options.out))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
