"""The paper's tables at its settings, side by side with the paper's numbers."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from numbaconc.cli.console import EXIT_BAD_INPUT, reporting, say, tell
from numbaconc.data.arrays import Sample
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import cache_dir, check_writable
from numbaconc.experiments.commands import QUICK_TRAIN, available, make_parser, seeds, sweep, wanted, write_page
from numbaconc.experiments.published import QUANTITIES, TYPED, Published, as_typed, published
from numbaconc.how import How
from numbaconc.measurement import measure
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.results.queries import mean_and_std
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS
from numbaconc.search import BallSearch, HyperplaneSearch, RectangleSearch, Restarts, Search
from numbaconc.search.greedy import CHECKPOINT
from numbaconc.sweep.run import SUBSAMPLE_SEED

SEARCHES = ("rectangles", "balls", "hyperplane")  # methods that are run here; the paper's others are classifiers
# δ of balls, which the paper does not print: what its training risks imply.
DELTA = {"mnist": 0.25, "fashion_mnist": 0.05, "cifar10": 0.0, "svhn": 0.0}
RESTARTS = 10
CELLS = [(quantity, split) for quantity in QUANTITIES for split in SPLITS]


def main(table: int, arguments: Sequence[str] | None = None) -> int:
    """Run one table from the command line and return its exit status."""
    rows = published(table)
    restarts = RESTARTS if any(row.method == "rectangles" for row in rows) else None
    description = f"The paper's Table {table} at its settings, beside the paper's numbers: {', '.join(_names(rows))}."
    parser = make_parser(f"table{table}", description, f"table{table}.nc and table{table}.md", restarts)
    options = parser.parse_args(arguments)
    with reporting(f"table{table}", quiet=options.quiet) as outcome:
        if not run(table, options):
            outcome.status = EXIT_BAD_INPUT
    return outcome.status


def run(table: int, options: argparse.Namespace) -> bool:
    """Measure a table, write its result and its page, and print it; return whether a data set can be had."""
    rows = as_typed(published(table))
    names = wanted(options, _names(rows))
    numbers = seeds(options, RESTARTS)
    result, page = (Path(options.out) / f"table{table}.{suffix}" for suffix in ("nc", "md"))
    check_writable(result)
    sets = available(names, options)
    if not sets:
        tell(f"table{table}: error: none of {', '.join(names)} can be had")
        return False
    ours = [row for row in rows if row.dataset in sets and row.method in SEARCHES]
    if all(row.method == "rectangles" and row.q for row in ours):
        blocks = [
            {"dataset": row.dataset, "epsilon": row.epsilon_text, "alpha": row.alpha, "T": row.n_sets, "q": row.q}
            | {"seed": numbers}
            for row in ours
        ]
        ds = sweep(blocks, result, sets, options)
    else:
        ds = _measured(result, ours, sets, numbers, options)
    text = side_by_side(ds, rows)
    write_page(f"Table {table}", text, page)
    say(text)
    say(f"{result}\n{page}")
    return True


def _names(rows: Sequence[Published]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.dataset for row in rows))


def _measured(
    result: Path, rows: Sequence[Published], sets: dict[str, Dataset], numbers: list[int], options: argparse.Namespace
) -> xr.Dataset:
    """Measure rows of several searches, or return what the result file has if it was made of the same."""
    made_of = " ".join([*(f"{name} {data.sha256}" for name, data in sets.items()), f"seeds {numbers}"])
    made_of += f" quick {options.quick}"
    if result.exists() and (kept := open_results(result)).attrs.get("made_of") == made_of:
        return kept
    parts: list[xr.Dataset] = []
    for data in sets.values():
        train = data.train.subsample(QUICK_TRAIN, SUBSAMPLE_SEED) if options.quick else data.train
        here = [row for row in rows if row.dataset == data.name]
        for _, group in itertools.groupby(here, key=lambda row: (row.method, row.n_sets, row.q, row.alpha)):
            parts += _measure(data, train, list(group), numbers, options)
    ds = _join(parts, numbers[0])
    ds.attrs["made_of"] = made_of
    if options.quick:
        ds.attrs["max_train"] = QUICK_TRAIN
    save_results(ds, result)
    return ds


def _measure(
    data: Dataset, train: Sample, rows: Sequence[Published], numbers: list[int], options: argparse.Namespace
) -> Iterator[xr.Dataset]:
    """Measure rows of a table that differ in epsilon alone."""
    row = rows[0]
    how = How(not options.quiet, options.threads, cache_dir())

    def measured(search: Search, epsilon: float | list[float], checkpoint: Path | None = None) -> xr.Dataset:
        kept = replace(how, checkpoint=checkpoint)
        ds = measure(search, train, data.test, epsilon=epsilon, alpha=row.alpha, name=data.name, how=kept)
        return ds.assign_attrs(data_verified=f"{data.name}: {VERIFIED_WORDS[data.verified]}")

    every, n_sets = [one.epsilon for one in rows], row.n_sets or 1
    if row.method == "hyperplane":
        yield measured(HyperplaneSearch(), every)
    elif row.method == "balls":
        # kept, as radii are: an interrupted search goes on, and a row that two tables share is found once
        names = [f"v{CHECKPOINT}", train.sha256, f"T{row.n_sets}", f"alpha{row.alpha:g}", f"delta{DELTA[data.name]:g}"]
        kept = cache_dir() / "balls" / ("-".join([*names, *(one.epsilon_text for one in rows)]) + ".npz")
        yield measured(BallSearch(n_sets=n_sets, delta=DELTA[data.name]), every, checkpoint=kept)
    else:
        for epsilon in every:
            q = row.q
            if q is None:  # it is searched once, and the restarts are at that q, as those of the other rows are
                once = measured(RectangleSearch(n_sets=n_sets, seed=numbers[0]), epsilon)
                q = once["q_found"].item()
            yield measured(Restarts(RectangleSearch(n_sets=n_sets, q=q, seed=numbers[0]), len(numbers)), epsilon)


def _join(parts: Sequence[xr.Dataset], seed: int) -> xr.Dataset:
    """Join the results of a table's rows into one.

    Results of several searches get the dimension `search`. They must then have all other dimensions in common: a half
    space stands under T = 1, a search that draws nothing under the first seed if others have seeds, and the q of
    rectangles becomes a variable.
    """
    parts = [part[["risk", "adversarial_risk", "n_points"]].assign_attrs(part.attrs) for part in parts]
    if len({part.attrs["search"] for part in parts}) == 1:
        return join_results(parts)
    seeded = any("seed" in part.dims for part in parts)
    alike = []
    for part in parts:
        missing = {"T": [1], "seed": [seed]} if seeded else {"T": [1]}
        ds = part.isel(q=0, drop=True) if "q" in part.dims else part
        measured = ds[["risk", "adversarial_risk"]]
        measured = measured.expand_dims({dim: at for dim, at in missing.items() if dim not in ds.dims})
        measured = measured.expand_dims(search=[part.attrs["search"]])
        if "q" in part.dims:
            measured["q_found"] = xr.full_like(measured["risk"].isel(split=0, seed=0, drop=True), float(part["q"][0]))
        alike.append(measured.assign(n_points=ds["n_points"]).assign_attrs(part.attrs))
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
    if "max_train" in ds.attrs:
        note += f" A quick run on {ds.attrs['max_train']:,} training points: not the paper's setting."
    return "\n".join([*lines, "", note, "", f"Data: {ds.attrs.get('data_verified', '')}.", ""])


def _row(ds: xr.Dataset, row: Published, cells: Sequence[tuple[str, str]]) -> str:
    line = [row.dataset, row.method, _text(row.alpha), row.epsilon_text, _text(row.n_sets)]
    here = _select(ds, row)
    line.append(
        "" if here is None or row.method != "rectangles" else f"{float(here['q'] if row.q else here['q_found']):.3f}"
    )
    distances = {} if here is None else _distances(here, row)
    for cell in cells:
        printed, deviation = row.values.get(cell, (None, None))
        ours = ""
        if here is not None:
            mean, std = _in_percent(here, *cell)
            ours = f"{mean:.2f} ± {std:.2f}" if row.method == "rectangles" else f"{mean:.2f}"
        line += [ours, "" if printed is None else f"{printed:.2f}" + (f" ± {deviation:.2f}" if deviation else "")]
    off_by, unit = max(distances.values(), default=(0.0, ""))
    return _line([*line, {"σ": f"{off_by:.1f} σ", "pp": f"{off_by:.2f} pp", "": ""}[unit]])


def _distances(here: xr.Dataset, row: Published) -> dict[tuple[str, str], tuple[float, str]]:
    """How far a row's cells are from the paper's, in published deviations, or in points where none is printed."""
    return {
        cell: (abs(_in_percent(here, *cell)[0] - printed) / (deviation or 1), "σ" if deviation else "pp")
        for cell, (printed, deviation) in row.values.items()
    }


def _in_percent(here: xr.Dataset, quantity: str, split: str) -> tuple[float, float]:
    """Mean and deviation of one cell."""
    mean, std = (100 * float(value.sel(split=split)) for value in mean_and_std(here, quantity))
    return mean, std


def outside(ds: xr.Dataset, rows: Sequence[Published], limit: float) -> list[str]:
    """Describe the cells of a table that lie more than `limit` published deviations from the paper's."""
    found = []
    for row in rows:
        here = _select(ds, row) if row.dataset in ds["dataset"].values else None
        if here is None:
            continue
        for (quantity, split), (distance, unit) in _distances(here, row).items():
            if unit == "σ" and distance > limit:
                mean, _ = _in_percent(here, quantity, split)
                printed, deviation = row.values[quantity, split]
                found.append(
                    f"Table {row.table}, {row.dataset}, ε = {row.epsilon_text}, α = {row.alpha:g}, "
                    f"{quantity.replace('_', ' ')} on {split}: {mean:.2f}, printed {printed:.2f} ± {deviation:.2f}, "
                    f"{distance:.1f} σ"
                )
    return found


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
