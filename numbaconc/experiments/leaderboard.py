"""Real classifiers beside what concentration allows: `python -m numbaconc.experiments.leaderboard`.

For CIFAR-10 within ℓ∞ 8/255 and ℓ2 0.5 and MNIST within ℓ∞ 0.3 the curve α → U with h(μ, α, ε) ≤ U is certified, at all
its α at once, and every model of the leaderboards stands beside it as a point: leaderboard.nc, .md, .png and .svg.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from numbaconc.cli.console import say, tell
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import cache_dir, check_writable
from numbaconc.experiments.commands import available, cut_if_quick, run_command, wanted, write_page
from numbaconc.experiments.leaderboard_page import BoardPanel, boards_in, caption, page
from numbaconc.experiments.models import BOARDS, N_ALPHAS, SOURCES, Board
from numbaconc.goal import Goal
from numbaconc.how import How
from numbaconc.kernels.threads import using_threads
from numbaconc.numerals import exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import Case, Outcome, case_of, facts_of, lay_out, outcome_of, outcomes_of
from numbaconc.results.schema import EPSILON_UNIT, SPLITS, VERIFIED_WORDS, provenance
from numbaconc.results.units import units_in
from numbaconc.search import BestSearch
from numbaconc.search.run import Run
from numbaconc.show.pictures.plots import plot_panels

NAMES = tuple(dict.fromkeys(board.dataset for board in BOARDS))
FACTS = ("n_points", "data_sha256")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    description = "The certified curve of h beside real classifiers, as leaderboards print them. "
    description += "Cases that the file has are not searched again."
    return run_command(run, "leaderboard", description, "leaderboard.nc, .md, .png and .svg", None, arguments)


def run(options: argparse.Namespace) -> None:
    """Measure and certify, write the page and draw."""
    names = wanted(options, NAMES)
    result, text_file, *plots = (Path(options.out) / f"leaderboard.{suffix}" for suffix in ("nc", "md", "png", "svg"))
    check_writable(result)
    sets = {name: cut_if_quick(data, options) for name, data in available(names, options).items()}
    ds = measure(sets, result, options)
    text = page(ds)
    write_page("Leaderboards", text, text_file)
    plot_panels([BoardPanel(ds, board) for board in boards_in(ds)], plots, caption())
    say("\n".join([text, *map(str, (result, text_file, *plots))]))


def measure(sets: dict[str, Dataset], path: Path, options: argparse.Namespace) -> xr.Dataset:
    """Find and certify a region for each case that the file lacks, and save each in the file as soon as it is certified.

    The result is in the schema; what the file has of other data sets stays there.
    """
    had = open_results(path) if path.exists() else None
    outcomes = {} if had is None else _kept(had, sets)
    done = {(case.dataset, case.epsilon, case.alpha) for case in outcomes}
    asked_for = [(board, alpha) for board in BOARDS if board.dataset in sets for alpha in reversed(board.alphas())]
    missing = [(board, alpha) for board, alpha in asked_for if (board.dataset, board.epsilon, alpha) not in done]
    ds, runs = had, dict[Board, Run]()
    seconds = 0.0 if had is None else float(had.attrs["seconds"])
    for number, (board, alpha) in enumerate(missing, 1):
        if not options.quiet:
            tell(f"{number}/{len(missing)}: {board.title}, α = {exact(alpha)} ...")
        started, data = time.perf_counter(), sets[board.dataset]
        with using_threads(options.threads):
            search = BestSearch(norm=board.norm).checked()
            if board not in runs:  # what its α share is prepared once
                runs = {board: Run(search, data.train, How(cache_dir=cache_dir()))}
            found = runs[board].find(Goal.of(board.epsilon, alpha, None, N_ALPHAS))
            outcomes[case_of(found, data.name)] = outcome_of(found, data.test, N_ALPHAS)
        seconds += time.perf_counter() - started
        ds = _lay_out(outcomes, sets, had).assign_attrs(seconds=round(seconds, 3))
        save_results(ds, path)
    assert ds is not None  # a file, or cases  # noqa: S101
    return ds


def _kept(ds: xr.Dataset, sets: dict[str, Dataset]) -> dict[Case, Outcome]:
    """Return the outcomes of a result that hold still: of as many α at once, and of data sets that are not others now."""
    asked_for = {(board.dataset, board.epsilon, alpha) for board in BOARDS for alpha in board.alphas()}
    facts = _facts_in(ds)
    known = {name: _facts_of(data) for name, data in sets.items()}
    same = {name for name in facts if name not in known or _contents(facts[name]) == _contents(known[name])}
    return {
        case: outcome
        for case, outcome in outcomes_of(ds).items()
        if (case.dataset, case.epsilon, case.alpha) in asked_for
        and case.dataset in same
        and outcome["n_compared"] == N_ALPHAS
    }


def _facts_of(data: Dataset) -> dict[str, dict[str, Any]]:
    return facts_of({"train": data.train, "test": data.test})


def _contents(facts: dict[str, dict[str, Any]]) -> list[Any]:
    return [facts[split][fact] for split in SPLITS for fact in FACTS]


def _facts_in(ds: xr.Dataset) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what a result tells of its samples, by data set and split."""
    facts = {
        name: {split: {fact: ds[fact].sel(dataset=name, split=split).item() for fact in FACTS} for split in SPLITS}
        for name in ds["dataset"].values.tolist()
    }
    for name, unit in units_in(ds).items():
        for split in SPLITS:
            facts[name][split][EPSILON_UNIT] = unit
    return facts


def _lay_out(outcomes: dict[Case, Outcome], sets: dict[str, Dataset], had: xr.Dataset | None) -> xr.Dataset:
    facts = {} if had is None else _facts_in(had)
    known = {} if had is None else dict(part.split(": ") for part in had.attrs["data_verified"].split("; "))
    ds = lay_out(outcomes, facts | {name: _facts_of(data) for name, data in sets.items()})
    known |= {name: VERIFIED_WORDS[data.verified] for name, data in sets.items()}
    said = "; ".join(f"{name}: {known[name]}" for name in ds["dataset"].values)
    at = {(case.dataset, case.epsilon) for case in outcomes}
    norms = dict.fromkeys(board.norm for board in BOARDS if (board.dataset, board.epsilon) in at)
    ds.attrs |= provenance(norm="; ".join(norms), search=BestSearch.name, data_verified=said, models=SOURCES)
    return ds


if __name__ == "__main__":
    raise SystemExit(main())
