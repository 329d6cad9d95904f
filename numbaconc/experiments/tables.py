"""The paper's tables at its settings, side by side with the paper's numbers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from numbaconc.console import EXIT_BAD_INPUT, Parser, add_data_options, reporting, say, tell
from numbaconc.datasets import load_dataset
from numbaconc.density import knn_radii
from numbaconc.errors import InputError, check_choice, check_count
from numbaconc.experiments.published import QUANTITIES, TYPED, Published, as_typed, published
from numbaconc.files import cache_dir, check_writable, replacing
from numbaconc.measurement import find_regions
from numbaconc.results import SPLITS, VERIFIED_WORDS, join_results, mean_and_std, save_results
from numbaconc.search.rectangles import search_rectangles

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from numbaconc.arrays import Sample
    from numbaconc.datasets import Dataset

SEARCHES = ("rectangles", "balls", "hyperplane")  # the methods that are ours to run; the others are trained classifiers
DELTA = {
    "mnist": 0.25,
    "fashion_mnist": 0.05,
    "cifar10": 0.0,
    "svhn": 0.0,
}  # balls: implied by the paper's training risks
RESTARTS = 10
CELLS = [(quantity, split) for quantity in QUANTITIES for split in SPLITS]
QUICK_TRAIN, QUICK_RESTARTS = 4000, 2  # what --quick cuts a run down to


def main(table: int, arguments: Sequence[str] | None = None) -> int:
    """Run one table from the command line and return its exit status."""
    options = _parser(table).parse_args(arguments)
    with reporting(f"table{table}", quiet=options.quiet) as outcome:
        outcome.status = _run(table, options)
    return outcome.status


def _names(table: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.dataset for row in published(table)))


def _parser(table: int) -> Parser:
    parser = Parser(
        prog=f"python -m numbaconc.experiments.table{table}",
        description=f"The paper's Table {table} at its settings, beside the paper's numbers: {', '.join(_names(table))}.",
    )
    add = parser.add_argument
    add("--datasets", nargs="+", metavar="NAME", help="which of them (default: all that can be had)")
    if any(row.method == "rectangles" for row in published(table)):
        add("--restarts", type=int, metavar="N", help=f"seeds seed .. seed+N-1 (default: {RESTARTS})")
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
    parser.set_defaults(restarts=None, seed=0)
    return parser


def _run(table: int, options: argparse.Namespace) -> int:
    rows = as_typed(published(table))
    wanted = [check_choice("--datasets", name, _names(table)) for name in options.datasets or _names(table)]
    restarts = QUICK_RESTARTS if options.quick else RESTARTS
    options.restarts = restarts if options.restarts is None else check_count("restarts", options.restarts)
    result, page = (Path(options.out) / f"table{table}.{suffix}" for suffix in ("nc", "md"))
    check_writable(result)
    parts: list[xr.Dataset] = []
    for data in _load(wanted, options):
        train = data.train.subsample(QUICK_TRAIN, options.seed) if options.quick else data.train
        ours = [row for row in rows if row.dataset == data.name and row.method in SEARCHES]
        for _, group in itertools.groupby(ours, key=lambda row: (row.method, row.n_sets, row.q, row.alpha)):
            parts += _measure(data, train, list(group), options)
    if not parts:
        tell(f"table{table}: error: none of {', '.join(wanted)} can be had")
        return EXIT_BAD_INPUT
    joined = _join(parts, options.seed)
    joined.attrs["quick"] = int(options.quick)
    text = side_by_side(joined, rows)
    save_results(joined, result)
    with replacing(page) as part:
        part.write_text(f"# Table {table}\n\n{text}", encoding="utf-8")
    say(text)
    say(f"{result}\n{page}")
    return 0


def _load(names: Sequence[str], options: argparse.Namespace) -> Iterator[Dataset]:
    """Yield those of the data sets that can be had; the others are named."""
    for name in names:
        try:
            data = load_dataset(
                name, data_dir=options.data_dir, verify=not options.unverified_data, progress=not options.quiet
            )
        except InputError as error:
            tell(f"{name} is left out: {error}")
        else:
            yield data


def _measure(
    data: Dataset, train: Sample, rows: Sequence[Published], options: argparse.Namespace
) -> Iterator[xr.Dataset]:
    """Measure rows of a table that differ in epsilon alone."""
    row, quiet = rows[0], options.quiet
    epsilons: list[Any] = [[row.epsilon for row in rows]]  # at once, so that clusterings are shared
    settings: dict[str, Any] = {"alpha": row.alpha}
    if row.method != "hyperplane":
        settings["n_sets"] = row.n_sets
    if row.method == "balls":
        # kept, as radii are: an interrupted search goes on, and a row that two tables share is found once
        names = [train.sha256, f"T{row.n_sets}", f"alpha{row.alpha:g}", f"delta{DELTA[data.name]:g}"]
        kept = cache_dir() / "balls" / ("-".join([*names, *(row.epsilon_text for row in rows)]) + ".npz")
        settings |= {"delta": DELTA[data.name], "checkpoint": kept}
    if row.method == "rectangles":
        radii = knn_radii(train, cache_dir=cache_dir(), progress=not quiet)
        settings |= {"seed": options.seed, "radii": radii}
        if row.q is None:
            epsilons = [row.epsilon for row in rows]
    for epsilon in epsilons:
        at: dict[str, Any] = {}
        if row.method == "rectangles":
            # where the paper prints no q it is searched once, and the restarts are at that q, as the others are
            q = row.q or search_rectangles(train, epsilon, **settings, progress=not quiet).q
            at = {"q": q, "restarts": options.restarts}
        yield find_regions(
            train,
            data.test,
            row.norm,
            search=row.method,
            epsilon=epsilon,
            **settings,
            **at,
            threads=options.threads,
            name=data.name,
            provided={"data_verified": f"{data.name}: {VERIFIED_WORDS[data.verified]}"},
            progress=not quiet,
        ).dataset


def _join(parts: Sequence[xr.Dataset], seed: int) -> xr.Dataset:
    """Join rows; rows of several searches get a dimension for it, and only the others that all have.

    A half space is one set, T = 1. A deterministic search stands under the first seed where others have
    seeds. Where a search has no q, that of the others is a variable.
    """
    parts = [part[["risk", "adversarial_risk", "n_points"]].assign_attrs(part.attrs) for part in parts]
    if len({part.attrs["search"] for part in parts}) == 1:
        return join_results(parts)
    seeded = any("seed" in part.dims for part in parts)
    alike = []
    for part in parts:
        missing = {"T": 1, "seed": seed} if seeded else {"T": 1}
        ds = part.isel(q=0, drop=True) if "q" in part.dims else part
        ds = ds.expand_dims({dim: [value] for dim, value in missing.items() if dim not in ds.dims})
        ds = ds.expand_dims(search=[part.attrs["search"]])
        if "q" in part.dims:
            ds["q_found"] = xr.full_like(ds["risk"].isel(split=0, seed=0, drop=True), float(part["q"][0]))
        alike.append(ds)
    return join_results(alike)


def side_by_side(ds: xr.Dataset, rows: Sequence[Published]) -> str:
    """Write the rows of a table as Markdown, each number followed by the paper's.

    Parameters
    ----------
    ds : xarray.Dataset
        In the schema. Rows of data sets that it does not have are left out.
    rows : sequence of Published

    Returns
    -------
    str
        In per cent, mean ± population standard deviation where there are restarts. The last column is
        the largest distance between a number and the paper's, in published deviations (σ) where the
        paper gives one and in percentage points (pp) where it does not.
    """
    cells = [cell for cell in CELLS if any(cell in row.values for row in rows)]
    titles = [f"{'adv. risk' if quantity == 'adversarial_risk' else quantity} {split}" for quantity, split in cells]
    header = [
        "data set",
        "method",
        "α",
        "ε",
        "T",
        "q",
        *(word for title in titles for word in (title, "paper")),
        "off by",
    ]
    lines = [_line(header), _line(["---"] * len(header))]
    lines += [_row(ds, row, cells) for row in rows if row.dataset in ds["dataset"].values]
    note = "Per cent, beside the paper's."
    if "seed" in ds.dims:
        seeds = ds["seed"].values
        note += (
            f" Mean ± standard deviation over {len(seeds)} restarts (seeds {seeds[0]} to {seeds[-1]}) for rectangles."
        )
    note += (
        " The last column is the largest distance from the paper's numbers: in published deviations (σ), or in "
        "percentage points (pp) where none is printed."
    )
    if any(row.epsilon_text in TYPED.values() for row in rows if row.dataset in ds["dataset"].values):
        note += (
            " Rows with a decimal epsilon repeat the row above at the strength that the paper's program was given, a "
            "little less than the fraction."
        )
    if ds.attrs.get("quick"):
        note += f" A quick run on {QUICK_TRAIN:,} training points: not the paper's setting."
    return "\n".join([*lines, "", note, "", f"Data: {ds.attrs.get('data_verified', '')}.", ""])


def _row(ds: xr.Dataset, row: Published, cells: Sequence[tuple[str, str]]) -> str:
    line = [row.dataset, row.method, _text(row.alpha), row.epsilon_text, _text(row.n_sets)]
    here = _select(ds, row)
    line.append(
        "" if here is None or row.method != "rectangles" else f"{float(here['q'] if row.q else here['q_found']):.3f}"
    )
    distances = []
    for cell in cells:
        printed, deviation = row.values.get(cell, (None, None))
        ours = ""
        if here is not None:
            quantity, split = cell
            mean, std = (100 * float(value.sel(split=split)) for value in mean_and_std(here, quantity))
            ours = f"{mean:.2f} ± {std:.2f}" if row.method == "rectangles" else f"{mean:.2f}"
            if printed is not None:
                distances.append((abs(mean - printed) / (deviation or 1), "σ" if deviation else "pp"))
        line += [ours, "" if printed is None else f"{printed:.2f}" + (f" ± {deviation:.2f}" if deviation else "")]
    off_by, unit = max(distances, default=(0.0, ""))
    return _line([*line, {"σ": f"{off_by:.1f} σ", "pp": f"{off_by:.2f} pp", "": ""}[unit]])


def _select(ds: xr.Dataset, row: Published) -> xr.Dataset | None:
    """Return what `ds` has for a row; None for a trained classifier."""
    if row.method not in SEARCHES:
        return None
    at: dict[str, Any] = {"search": row.method, "dataset": row.dataset, "epsilon": row.epsilon, "q": row.q}
    at["T"] = row.n_sets or 1
    return ds.sel({dim: value for dim, value in at.items() if dim in ds.dims})


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
