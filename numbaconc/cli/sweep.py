"""`numbaconc sweep`: a grid of cases into one file."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from numbaconc.cli.console import EXIT_DEGENERATE, EXIT_SOME_FAILED, add_data_options, epilog, say, tell
from numbaconc.cli.measure import add_told
from numbaconc.cli.options import add_plugin_option, whole_number
from numbaconc.data.files import cache_dir
from numbaconc.errors import NoRegionError, check_count, printable


def add_sweep(commands: Any) -> None:  # noqa: ANN401
    """Add the command."""
    parser = commands.add_parser(
        "sweep",
        help="measure a grid of cases into one file, resumable",
        description="Measure all combinations of the values that a TOML file gives for dataset, epsilon, alpha, search "
        "and the searches' coordinates, such as T, q and seed; other settings hold for all. Finished cases are on disk "
        "at once: after a kill the same command goes on.",
        epilog=epilog(EXIT_SOME_FAILED, EXIT_DEGENERATE),
    )
    add = parser.add_argument
    add("config", metavar="CONFIG.toml", help="the grid: keys as for numbaconc.run_sweep")
    add("--out", metavar="FILE.nc", help="result file (default: the grid's name with .nc, here)")
    add("--workers", metavar="N", help="run jobs in N processes (default: here, one after the other)")
    add("--threads", metavar="N", help="threads for the kernels of each job (default: the cores shared)")
    add_data_options(parser)
    add_plugin_option(parser)
    add_told(add)
    parser.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from numbaconc.data.datasets import load_dataset
    from numbaconc.results.queries import degenerate, failures, unreached
    from numbaconc.show.records import as_json, written
    from numbaconc.show.words import describe
    from numbaconc.sweep.grid import load_grid
    from numbaconc.sweep.run import run_sweep

    grid = load_grid(options.config)  # first, so that it is a file with a name
    out = Path(Path(options.config).with_suffix(".nc").name if options.out is None else options.out)
    ds = run_sweep(
        grid,
        out,
        executor=None if options.workers is None else check_count("--workers", whole_number(options.workers)),
        progress=not options.quiet,
        load=partial(load_dataset, data_dir=options.data_dir, verify=not options.unverified_data),
        threads=whole_number(options.threads),
        cache_dir=cache_dir(),
    )
    if options.json:
        say(written(as_json(ds, {"result": str(out), "plot": None, "regions": {}})))
    else:
        say(f"{describe(ds)}\n\nresult:  {printable(out)}")
    if any(not why.startswith(f"{NoRegionError.__name__}: ") for why in failures(ds)):
        return EXIT_SOME_FAILED
    if count := len(degenerate(ds)) + len(list(unreached(ds))):
        tell(f"no region of enough risk was found in {count} of the cases")
    return EXIT_DEGENERATE if count else 0
