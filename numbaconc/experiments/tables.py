"""The paper's tables at its settings, side by side with the paper's numbers."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import xarray as xr

from numbaconc.cli.console import say
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import cache_dir, check_writable
from numbaconc.errors import InputError, as_number
from numbaconc.experiments import commands
from numbaconc.experiments.published import QUANTITIES, TYPED, Published, as_typed, published
from numbaconc.how import How
from numbaconc.measurement import measure
from numbaconc.numerals import exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.results.queries import mean_and_std
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS
from numbaconc.search import BallSearch, HyperplaneSearch, RectangleSearch, Restarts, Search
from numbaconc.search.checkpoint import VERSION
from numbaconc.show.markdown import escaped, markdown_table

SEARCHES = ("rectangles", "balls", "hyperplane")  # methods that are run here; the paper's others are classifiers
# δ of balls, which the paper does not print: what its training risks imply.
DELTA = {"mnist": 0.25, "fashion_mnist": 0.05, "cifar10": 0.0, "svhn": 0.0}
RESTARTS = 10
SEARCHED_MARK = " †"  # of rows whose q is searched
CELLS = [(quantity, split) for quantity in QUANTITIES for split in SPLITS]


def main(table: int, arguments: Sequence[str] | None = None) -> int:
    """Run one table from the command line and return its exit status."""
    rows = published(table)
    restarts = RESTARTS if any(row.method == "rectangles" for row in rows) else None
    description = f"The paper's Table {table} at its settings, beside the paper's numbers: {', '.join(_names(rows))}."
    writes = f"table{table}.nc and table{table}.md"
    return commands.run_command(partial(run, table), f"table{table}", description, writes, restarts, arguments)


def run(table: int, options: argparse.Namespace) -> None:
    """Measure a table, write its result and its page, and print it."""
    rows = as_typed(published(table))
    names = commands.wanted(options, _names(rows))
    numbers = commands.seeds(options, RESTARTS)
    result, page = (Path(options.out) / f"table{table}.{suffix}" for suffix in ("nc", "md"))
    check_writable(result)
    sets = commands.available(names, options)
    ours = [row for row in rows if row.dataset in sets and row.method in SEARCHES]
    if all(row.method == "rectangles" and row.q for row in ours):
        blocks = [
            {"dataset": row.dataset, "epsilon": row.epsilon_text, "alpha": row.alpha, "T": row.n_sets, "q": row.q}
            | {"seed": numbers}
            for row in ours
        ]
        ds = commands.sweep(blocks, result, sets, options)
        searched = None
    else:
        searched = _searched(searched_path(table, options.out), ours, sets, numbers, options)
        ds = _measured(result, ours, sets, numbers, options, searched)
    text = side_by_side(ds, rows, searched)
    commands.write_page(f"Table {table}", text, page)
    say(text)
    say(f"{result}\n{page}")


def searched_path(table: int, folder: str | Path) -> Path:
    """Where the searches for q lie, one a seed, of a table that does not print q."""
    return Path(folder) / f"table{table}-q.nc"


def _names(rows: Sequence[Published]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.dataset for row in rows))


def _searched(
    path: Path, rows: Sequence[Published], sets: dict[str, Dataset], numbers: list[int], options: argparse.Namespace
) -> xr.Dataset | None:
    """Let every seed search for its own q; None where there are no rectangles."""
    blocks = [
        {"dataset": row.dataset, "epsilon": row.epsilon_text, "alpha": row.alpha, "T": row.n_sets, "seed": numbers}
        for row in rows
        if row.method == "rectangles"
    ]
    return commands.sweep(blocks, path, sets, options) if blocks else None


def _measured(
    result: Path,
    rows: Sequence[Published],
    sets: dict[str, Dataset],
    numbers: list[int],
    options: argparse.Namespace,
    searched: xr.Dataset | None,
) -> xr.Dataset:
    """Measure rows of several searches, or return what the result file has if it was made of the same."""
    made_of = " ".join([*(f"{name} {data.sha256}" for name, data in sets.items()), f"seeds {numbers}"])
    made_of += f" quick {options.quick}"
    if result.exists() and (kept := open_results(result)).attrs.get("made_of") == made_of:
        return kept
    parts: list[xr.Dataset] = []
    for data in (commands.cut_if_quick(data, options) for data in sets.values()):
        here = [row for row in rows if row.dataset == data.name]
        for _, group in itertools.groupby(here, key=lambda row: (row.method, row.n_sets, row.alpha)):
            parts += _measure(data, list(group), numbers, options, searched)
    ds = _join(parts, numbers[0])
    ds.attrs["made_of"] = made_of
    if options.quick:
        ds.attrs["max_train"] = commands.QUICK_TRAIN
    save_results(ds, result)
    return ds


def _measure(
    data: Dataset,
    rows: Sequence[Published],
    numbers: list[int],
    options: argparse.Namespace,
    searched: xr.Dataset | None,
) -> Iterator[xr.Dataset]:
    """Measure rows of a table that differ in epsilon alone."""
    row, every = rows[0], [row.epsilon for row in rows]
    how = How(not options.quiet, options.threads, cache_dir())

    def measured(search: Search, epsilon: float | list[float], how: How = how) -> xr.Dataset:
        ds = measure(search, data.train, data.test, epsilon=epsilon, alpha=row.alpha, name=data.name, how=how)
        return ds.assign_attrs(data_verified=f"{data.name}: {VERIFIED_WORDS[data.verified]}")

    n_sets = row.n_sets or 1
    if row.method == "hyperplane":
        yield measured(HyperplaneSearch(), every)
    elif row.method == "balls":
        # kept, as radii are: an interrupted search goes on, and a row that two tables share is found once
        delta = DELTA[data.name]
        names = [f"v{VERSION}", data.train.sha256, f"T{row.n_sets}", f"alpha{row.alpha:g}", f"delta{delta:g}"]
        kept = cache_dir() / "balls" / ("-".join([*names, *(one.epsilon_text for one in rows)]) + ".npz")
        yield measured(BallSearch(n_sets=n_sets, delta=delta), every, replace(how, checkpoint=kept))
    else:
        for one in rows:  # the restarts are at the q that the first seed finds
            found = None if searched is None else _select(searched, one)
            assert found is not None  # as there are rectangles  # noqa: S101
            q_found = found["q_found"].sel(seed=numbers[0], drop=True)
            at_q = RectangleSearch(n_sets=n_sets, q=q_found.item(), seed=numbers[0])
            restarts = measured(Restarts(at_q, len(numbers)), one.epsilon).isel(q=0, drop=True)
            like = restarts["risk"].isel(seed=0, split=0, drop=True)
            yield restarts.assign(q_found=xr.full_like(like, q_found.item()).assign_attrs(q_found.attrs))


def _join(parts: Sequence[xr.Dataset], seed: int) -> xr.Dataset:
    """Join the results of a table's rows into one.

    Results of several searches get the dimension `search`. They must then have all other dimensions in common: a half
    space stands under T = 1, and a search that draws nothing under the first seed if others have seeds.
    """
    parts = [part[[name for name in (*QUANTITIES, "q_found", "n_points") if name in part]] for part in parts]
    if len({part.attrs["search"] for part in parts}) == 1:
        return join_results(parts)
    usual = {"T": 1} | ({"seed": seed} if any("seed" in part.dims for part in parts) else {})
    alike = []
    for part in parts:
        place = {"search": part.attrs["search"]} | usual
        missing = {dim: [value] for dim, value in place.items() if dim not in part.dims}
        alike.append(part.drop_vars("n_points").expand_dims(missing).assign(n_points=part["n_points"]))
    return join_results(alike)


def side_by_side(ds: xr.Dataset, rows: Sequence[Published], searched: xr.Dataset | None = None) -> str:
    """Write the rows of a table as Markdown, in per cent, each number followed by the paper's.

    Rows of data sets that `ds` does not have are left out. Where there are restarts, a number is the mean ± the
    population standard deviation. `searched` has searches for q, one a seed, of rows for which the paper prints none:
    how far they spread is said below.
    """
    cells = [cell for cell in CELLS if any(cell in row.values for row in rows)]
    titles = [f"{'adv. risk' if quantity == 'adversarial_risk' else quantity} {split}" for quantity, split in cells]
    header = ["data set", "method", "α", "ε", "T", "q"]
    header += [*(word for title in titles for word in (title, "paper")), "off by"]
    rows = [row for row in rows if row.dataset in ds["dataset"].values]
    marks = [SEARCHED_MARK if searched is not None and _q_is_searched(row) else "" for row in rows]
    each = (_row(ds, row, cells) for row in rows)
    marked = ([*line, last + mark] for (*line, last), mark in zip(each, marks, strict=True))
    lines = markdown_table([header, *marked])
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
    if any(row.epsilon_text in TYPED.values() for row in rows):
        note += (
            " Rows with a decimal epsilon repeat the row above at the strength that the paper's program was given, a "
            "little less than the fraction."
        )
    if "max_train" in ds.attrs:
        note += f" A quick run on {as_number(ds.attrs['max_train']):,.0f} training points: not the paper's setting."
    notes = [note, *([] if searched is None else _spread(searched, rows))]
    return "\n".join([*lines, "", "\n\n".join(notes), "", f"Data: {escaped(ds.attrs.get('data_verified', ''))}.", ""])


def _q_is_searched(row: Published) -> bool:
    return row.method == "rectangles" and row.q is None


def _spread(searched: xr.Dataset, rows: Sequence[Published]) -> list[str]:
    """Say for each row whose q is searched what other seeds find, beside the paper's numbers."""
    seeds = searched["seed"].values
    notes = [
        f"{SEARCHED_MARK.strip()} The paper prints no q here. Our restarts are all at the q that one search finds, that of "
        "the first seed, and the last column says nothing about how much hangs on that search. If each of the seeds "
        f"{seeds[0]} to {seeds[-1]} searches for a q of its own, they find, from the least to the greatest (mean ± standard "
        "deviation), on test:"
    ]
    for row in filter(_q_is_searched, rows):
        here = _select(searched, row)
        assert here is not None  # of rectangles  # noqa: S101
        said = [f"q {_spread_of(here['q_found'], 3)}"]
        for quantity, words in zip(QUANTITIES, ("risk", "adv. risk"), strict=True):
            said.append(f"{words} {_spread_of(100 * here[quantity].sel(split='test'), 2)}")
        off_by, unit = max(_distances(here, row).values())
        where = f"{row.dataset}, α = {_text(row.alpha)}, ε = {row.epsilon_text}"
        notes.append(f"- {where}: {'; '.join(said)}. These means are off the paper's by {off_by:.1f} {unit}.")
    return [notes[0], "\n".join(notes[1:])]


def _spread_of(values: xr.DataArray, digits: int) -> str:
    least, most, mean, std = (
        f"{float(value):.{digits}f}" for value in (values.min(), values.max(), values.mean(), values.std())
    )
    return f"{least} to {most} ({mean} ± {std})"


def _row(ds: xr.Dataset, row: Published, cells: Sequence[tuple[str, str]]) -> list[str]:
    here = _select(ds, row)
    q = ""
    if here is not None and row.method == "rectangles":
        q = f"{float(here['q'] if row.q else here['q_found']):.3f}"
    line = [row.dataset, row.method, _text(row.alpha), row.epsilon_text, _text(row.n_sets), q]
    distances = {} if here is None else _distances(here, row)
    for cell in cells:
        printed, deviation = row.values.get(cell, (None, None))
        ours = ""
        if here is not None:
            mean, std = _in_percent(here, *cell)
            ours = f"{mean:.2f} ± {std:.2f}" if row.method == "rectangles" else f"{mean:.2f}"
        line += [ours, "" if printed is None else f"{printed:.2f}" + (f" ± {deviation:.2f}" if deviation else "")]
    off_by, unit = max(distances.values(), default=(0.0, ""))
    return [*line, {"σ": f"{off_by:.1f} σ", "pp": f"{off_by:.2f} pp", "": ""}[unit]]


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
                where = f"Table {row.table}, {row.dataset}, ε = {row.epsilon_text}, α = {_text(row.alpha)}, "
                where += f"{quantity.replace('_', ' ')} on {split}"
                mean, _ = _in_percent(here, quantity, split)
                printed, deviation = row.values[quantity, split]
                found.append(f"{where}: {mean:.2f}, printed {printed:.2f} ± {deviation:.2f}, {distance:.1f} σ")
    return found


def _select(ds: xr.Dataset, row: Published) -> xr.Dataset | None:
    """Return what `ds` has for a row; None for a trained classifier."""
    if row.method not in SEARCHES:
        return None
    at = {"search": row.method, "dataset": row.dataset, "epsilon": row.epsilon, "T": row.n_sets or 1, "q": row.q}
    try:
        return ds.sel({dim: value for dim, value in at.items() if dim in ds.dims})
    except KeyError as error:
        msg = f"results of Table {row.table} lack {error}; allowed: those of all its rows for {row.dataset}"
        raise InputError(msg) from error


def _text(number: float | None) -> str:
    return "" if number is None else exact(number)
