"""What the commands of the experiments share: options, the data sets that can be had, and sweeps of them."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from numbaconc.cli.console import Parser, add_data_options, reporting, tell
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.data.files import cache_dir, replacing
from numbaconc.data.splits import SUBSAMPLE_SEED
from numbaconc.density import N_NEIGHBORS
from numbaconc.errors import InputError, check_choice, check_count
from numbaconc.sweep.run import run_sweep

QUICK_TRAIN, QUICK_RESTARTS = 4000, 2  # what --quick cuts a run down to


class NoDataError(InputError):
    """None of the data sets of an experiment can be had."""


def run_command(
    run: Callable[[argparse.Namespace], int | None],
    name: str,
    description: str,
    writes: str,
    restarts: int | None,
    arguments: Sequence[str] | None,
) -> int:
    """Run an experiment from the command line and return the exit status, which is 0 unless `run` returns another.

    `name` is that of its module; `restarts` is how many it has by default, None if it has none.
    """
    options = _parser(name, description, writes, restarts).parse_args(arguments)
    with reporting(name, quiet=options.quiet) as outcome:
        outcome.status = run(options) or 0
    return outcome.status


def _parser(name: str, description: str, writes: str, restarts: int | None) -> Parser:
    parser = Parser(prog=f"python -m numbaconc.experiments.{name}", description=description)
    add = parser.add_argument
    add("--datasets", nargs="+", metavar="NAME", help="which of them (default: all that can be had)")
    if restarts is not None:
        add("--restarts", type=int, metavar="N", help=f"seeds seed .. seed+N-1 (default: {restarts})")
        add("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    reduced = f"{QUICK_TRAIN:,} training points, {QUICK_RESTARTS} restarts"
    add("--quick", action="store_true", help=f"a reduced run: {reduced}")
    add_data_options(parser)
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", default=".", type=os.path.expanduser, metavar="DIR", help=f"folder for {writes} (default: here)")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    parser.set_defaults(restarts=None, seed=0)
    return parser


def wanted(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """Return the names of the data sets that are asked for, and refuse one that is not among the experiment's."""
    return [check_choice("--datasets", name, tuple(names)) for name in options.datasets or names]


def seeds(options: argparse.Namespace, restarts: int) -> list[int]:
    """Return the seeds of the restarts that are asked for, `restarts` of them by default."""
    count = QUICK_RESTARTS if options.quick else restarts
    if options.restarts is not None:
        count = check_count("restarts", options.restarts)
    first = check_count("seed", options.seed, 0)
    return list(range(first, first + count))


def available(names: Sequence[str], options: argparse.Namespace) -> dict[str, Dataset]:
    """Load the data sets that can be had, each as a whole, and say which are left out and why.

    Raises
    ------
    NoDataError
        If none can be had.
    """
    found = {}
    for name in names:
        try:
            found[name] = _load(name, options.data_dir, not options.unverified_data, not options.quiet)
        except InputError as error:
            tell(f"{name} is left out: {error}")
    if not found:
        msg = f"none of {', '.join(names)} can be had"
        raise NoDataError(msg)
    return found


@functools.cache  # experiments that run one after the other share data sets
def _load(name: str, data_dir: str | None, verify: bool, progress: bool) -> Dataset:  # noqa: FBT001
    return load_dataset(name, data_dir=data_dir, verify=verify, progress=progress)


def sweep(
    blocks: Sequence[dict[str, Any]], out: Path, sets: dict[str, Dataset], options: argparse.Namespace
) -> xr.Dataset:
    """Measure grids into one file; cases that it has are not measured again."""
    return run_sweep(
        {"grid": list(blocks), "n_neighbors": N_NEIGHBORS} | ({"max_train": QUICK_TRAIN} if options.quick else {}),
        out,
        progress=not options.quiet,
        data={name: sets[name] for name in dict.fromkeys(block["dataset"] for block in blocks)},
        threads=options.threads,
        cache_dir=cache_dir(),
    )


def cut_if_quick(data: Dataset, options: argparse.Namespace) -> Dataset:
    """Return a data set with as many training points as a run has, those that sweeps take."""
    return replace(data, train=data.train.subsample(QUICK_TRAIN, SUBSAMPLE_SEED)) if options.quick else data


def write_page(title: str, text: str, path: Path) -> None:
    """Write a Markdown page."""
    with replacing(path) as part:
        part.write_text(f"# {title}\n\n{text}", encoding="utf-8")
