"""Tables 1 and 4: rectangles (ℓ∞) at the paper's q and T, side by side with the paper."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from numbaconc.console import EXIT_BAD_INPUT, Parser, add_data_options, reporting, say, tell
from numbaconc.datasets import load_dataset
from numbaconc.density import knn_radii
from numbaconc.errors import InputError, check_choice, check_count
from numbaconc.experiments.published import QUANTITIES, Published, published
from numbaconc.files import cache_dir, check_writable, replacing
from numbaconc.measurement import find_regions
from numbaconc.results import SPLITS, join_results, mean_and_std, save_results
from numbaconc.words import VERIFIED_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from numbaconc.datasets import Dataset

QUICK_TRAIN, QUICK_RESTARTS = 4000, 2  # what --quick cuts a run down to


def main(table: int, arguments: Sequence[str] | None = None) -> int:
    """Run one table from the command line and return its exit status."""
    options = _parser(table).parse_args(arguments)
    with reporting(f"table{table}", quiet=options.quiet) as outcome:
        outcome.status = _run(table, options)
    return outcome.status


def _parser(table: int) -> Parser:
    names = list(dict.fromkeys(row.dataset for row in published(table)))
    parser = Parser(
        prog=f"python -m numbaconc.experiments.table{table}",
        description=f"The paper's Table {table} at its q and T, beside the paper's numbers: {', '.join(names)}.",
    )
    add = parser.add_argument
    add("--datasets", nargs="+", metavar="NAME", help="which of them (default: all that can be had)")
    add("--restarts", type=int, metavar="N", help="seeds seed .. seed+N-1 (default: 10)")
    add("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    add(
        "--quick",
        action="store_true",
        help=f"a reduced run: {QUICK_TRAIN:,} training points, {QUICK_RESTARTS} restarts",
    )
    add_data_options(parser)
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", default=".", metavar="DIR", help=f"folder for table{table}.nc and table{table}.md (default: here)")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    return parser


def _run(table: int, options: argparse.Namespace) -> int:
    rows = published(table)
    names = tuple(dict.fromkeys(row.dataset for row in rows))
    wanted = [check_choice("--datasets", name, names) for name in options.datasets or names]
    restarts = QUICK_RESTARTS if options.quick else 10
    restarts = restarts if options.restarts is None else check_count("restarts", options.restarts)
    result, page = (Path(options.out) / f"table{table}.{suffix}" for suffix in ("nc", "md"))
    check_writable(result)
    parts = []
    for data in _load(wanted, options):
        train = data.train.subsample(QUICK_TRAIN, options.seed) if options.quick else data.train
        radii = knn_radii(train, cache_dir=cache_dir(), progress=not options.quiet)
        for row in (row for row in rows if row.dataset == data.name):
            found = find_regions(
                train,
                data.test,
                epsilon=row.epsilon,
                alpha=row.alpha or 0.0,
                n_sets=row.n_sets or 0,
                q=row.q,
                restarts=restarts,
                seed=options.seed,
                radii=radii,
                threads=options.threads,
                name=data.name,
                provided={"data_verified": f"{data.name}: {VERIFIED_WORDS[data.verified]}"},
                progress=not options.quiet,
            )
            parts.append(found.dataset[["risk", "adversarial_risk", "n_points"]])
    if not parts:
        tell(f"table{table}: error: none of {', '.join(wanted)} can be had")
        return EXIT_BAD_INPUT
    joined = join_results(parts)
    joined.attrs["quick"] = int(options.quick)
    text = side_by_side(joined, rows)
    save_results(joined, result)
    with replacing(page) as part:
        part.write_text(f"# Table {table}\n\n{text}", encoding="utf-8")
    say(text)
    say(f"{result}\n{page}")
    return 0


def _load(names: Sequence[str], options: argparse.Namespace) -> list[Dataset]:
    """Those of the data sets that can be had; the others are named."""
    found = []
    for name in names:
        try:
            found.append(
                load_dataset(
                    name, data_dir=options.data_dir, verify=not options.unverified_data, progress=not options.quiet
                )
            )
        except InputError as error:
            tell(f"{name} is left out: {error}")
    return found


def side_by_side(ds: xr.Dataset, rows: Sequence[Published]) -> str:
    """Write the rows that `ds` has as a Markdown table, each number followed by the paper's.

    Parameters
    ----------
    ds : xarray.Dataset
        In the schema, with dimensions dataset, epsilon, T, q, seed and split.
    rows : sequence of Published

    Returns
    -------
    str
        In per cent, mean ± population standard deviation. The last column is the largest distance
        between a mean and the paper's, in published deviations.
    """
    cells = [(quantity, split) for quantity in QUANTITIES for split in SPLITS]
    titles = [f"{'adv. risk' if quantity == 'adversarial_risk' else quantity} {split}" for quantity, split in cells]
    header = ["data set", "α", "ε", "T", "q", *(word for title in titles for word in (title, "paper")), "off by"]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        if row.dataset not in ds["dataset"].values:
            continue
        here = ds.sel(dataset=row.dataset, T=row.n_sets, q=row.q, epsilon=row.epsilon)
        line = [row.dataset, f"{row.alpha:g}", row.epsilon_text, str(row.n_sets), f"{row.q:.3f}"]
        distances = []
        for quantity, split in cells:
            mean, std = (100 * float(value.sel(split=split)) for value in mean_and_std(here, quantity))
            printed, deviation = row.values[quantity, split]
            line += [f"{mean:.2f} ± {std:.2f}", f"{printed:.2f} ± {deviation:.2f}"]
            distances.append(abs(mean - printed) / (deviation or 1))
        lines.append(_line([*line, f"{max(distances):.1f} σ"]))
    seeds = [int(seed) for seed in ds["seed"].values]
    note = (
        f"Per cent, mean ± standard deviation over {len(seeds)} restarts (seeds {seeds[0]} to {seeds[-1]}), beside the "
        "paper's. The last column is the largest distance between a mean and the paper's, in published deviations."
    )
    if ds.attrs.get("quick"):
        note += f" A quick run on {QUICK_TRAIN:,} training points: not the paper's setting."
    verified = ds.attrs.get("data_verified", "")
    return "\n".join([*lines, "", note, "", f"Data: {verified}.", ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
