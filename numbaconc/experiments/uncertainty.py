"""Error regions that people find hard: `python -m numbaconc.experiments.uncertainty`.

First the setting of Zhang and Evans (ICLR 2022): halves of the test images of CIFAR-10, balls whose labels have a mean
uncertainty of γ one by one, risk and intrinsic robustness on the other half. Then this package's searches, with γ asked of
the whole region, for several γ; and all of it on MNIST, with a model's probabilities in place of people's labels. For each
region the test half certifies its expansion and its mean uncertainty: uncertainty.nc, .md, .png and .svg.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import xarray as xr

from numbaconc.certify import certify
from numbaconc.cli.console import Parser, add_data_options, reporting, say, tell
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.data.files import cache_dir, check_writable
from numbaconc.data.published.people import people_disagree
from numbaconc.data.published.places import data_folders
from numbaconc.data.sample import Sample
from numbaconc.data.splits import SUBSAMPLE_SEED, split
from numbaconc.errors import InputError, check_choice, check_count
from numbaconc.experiments.commands import NoDataError, write_page
from numbaconc.experiments.uncertainty_balls import Asked, HardBalls, Placed
from numbaconc.experiments.uncertainty_page import AS_NEEDED, GAMMA, THEIRS, caption, page, panels
from numbaconc.goal import Goal, count_of
from numbaconc.how import How
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.numerals import exact
from numbaconc.regions import Region
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import assemble
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.search import BallSearch, FaceSearch, FreeBallSearch, HalfSpaceSearch
from numbaconc.search.run import Run
from numbaconc.search.uncertain import UncertainSearch
from numbaconc.show.pictures.plots import plot_panels

SPLIT_COUNT, QUICK_SPLITS, QUICK_POINTS = 3, 2, 400
DELTA = 0.05  # δ: (1 + δ) α of the training points are to be in the region
ALPHAS, QUICK_ALPHAS = (0.01, 0.05, 0.1, 0.14, 0.18), (0.05, 0.1)  # of their balls
OWN_ALPHAS = (0.01, 0.05)  # of this package's searches
GAMMAS, QUICK_GAMMAS = (0.0, 0.1, GAMMA, 0.25, 0.33), (0.0, GAMMA)
DOUBLINGS = 3  # of their T, at most
PROBABILITIES = "mnist_test_model_probs.npy"
FACTS = ("n_points", "data_sha256", "mean_uncertainty")
Facts: TypeAlias = "dict[tuple[str, int], dict[str, dict[str, Any]]]"  # of each data set and seed, by split
DIMENSIONS = ("dataset", "norm", "search", "gamma", "alpha", "seed", "split")
LONG_NAMES = {
    "norm": "norm of the expansion",
    "gamma": "least mean label uncertainty that is asked for; 0 where it is not",
    "seed": "seed of the split into halves",
    "strength": "epsilon, the strength of the expansion, unit scale",
    "n_sets": "sets of the region",
    "n_repeated": "times that no ball was hard enough, and the one before it was counted once more",
    "risk_at_alpha": "fraction of the test points in the region whose border holds a share alpha of them",
    "adversarial_risk_at_alpha": "and in its expansion",
    "uncertainty_at_alpha": "and the mean label uncertainty of those in it",
    "U": "with 95% confidence h(mu, alpha, epsilon) <= U, by a region of at least the mean uncertainty gamma_certified",
    "gamma_certified": "mean label uncertainty of that region, at least",
    "mean_uncertainty": "mean label uncertainty of all points of the sample",
    "seconds": "time taken",
}


class Setting(NamedTuple):
    """What is measured in one norm: ε, T of their balls, and this package's searches with what they are called."""

    epsilon: float
    n_sets: int
    searches: tuple[tuple[str, UncertainSearch], ...]


def _setting(epsilon: float, norm: str) -> Setting:
    planes = ("half spaces", HalfSpaceSearch(norm=norm))
    if norm == "l2":
        return Setting(epsilon, 5, (("balls", BallSearch(n_sets=5)), planes, ("free balls", FreeBallSearch())))
    return Setting(epsilon, 10, (planes, ("faces", FaceSearch(n_sets=10))))


SETTINGS = {
    "cifar10h": {"l2": _setting(0.5, "l2"), "linf": _setting(0.03137, "linf")},
    "mnist": {"l2": _setting(1.58, "l2"), "linf": _setting(0.1, "linf")},
}


class Case(NamedTuple):
    """One search on one half."""

    dataset: str
    norm: str
    search: str
    gamma: float
    alpha: float
    seed: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    parser = Parser(
        prog="python -m numbaconc.experiments.uncertainty",
        description="Error regions that people find hard, as published and by this package's searches. "
        "Cases that the file has are not searched again.",
    )
    add = parser.add_argument
    add("--datasets", nargs="+", metavar="NAME", help=f"of {', '.join(SETTINGS)} (default: all that can be had)")
    add("--splits", type=int, metavar="N", help=f"splits into halves, seeds 0 .. N-1 (default: {SPLIT_COUNT})")
    add("--quick", action="store_true", help=f"a reduced run: halves of {QUICK_POINTS} points, {QUICK_SPLITS} splits")
    add(
        "--mnist-probabilities",
        metavar="FILE",
        help="an .npy file of a model's probabilities for MNIST's test images, (10000, 10) "
        f"(default: {PROBABILITIES} in a data folder, or in its mnist)",
    )
    add_data_options(parser)
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", default=".", type=os.path.expanduser, metavar="DIR", help="folder for uncertainty.* (default: here)")
    add("--quiet", action="store_true", help="no notes")
    options = parser.parse_args(arguments)
    with reporting("uncertainty", quiet=options.quiet) as outcome:
        run(options)
    return outcome.status


def run(options: argparse.Namespace) -> None:
    """Measure, write the page and draw."""
    result, text_file, *plots = (Path(options.out) / f"uncertainty.{suffix}" for suffix in ("nc", "md", "png", "svg"))
    for path in (result, text_file, *plots):
        check_writable(path)
    if options.threads is not None:
        check_count("threads", options.threads, 1, available_threads(), "as many as numba may use here")
    n_splits = QUICK_SPLITS if options.quick else SPLIT_COUNT
    n_splits = n_splits if options.splits is None else check_count("splits", options.splits)
    names = [check_choice("--datasets", name, tuple(SETTINGS)) for name in options.datasets or SETTINGS]
    with using_threads(options.threads):
        ds = measure(_available(names, n_splits, options), result, options)
    text = page(ds)
    write_page("Label uncertainty", text, text_file)
    plot_panels(panels(ds), plots, caption())
    say("\n".join([text, *map(str, (result, text_file, *plots))]))


def _available(names: Iterable[str], n_splits: int, options: argparse.Namespace) -> dict[tuple[str, int], Dataset]:
    """Return the halves of the data sets that can be had, and say which are left out and why."""
    found: dict[tuple[str, int], Dataset] = {}
    for name in names:
        try:
            found |= {(name, seed): halves(name, seed, options) for seed in range(n_splits)}
        except InputError as error:
            tell(f"{name} is left out: {error}")
    if not found:
        msg = f"none of {', '.join(names)} can be had"
        raise NoDataError(msg)
    if not options.quick:
        return found
    cut = functools.partial(Sample.subsample, n=QUICK_POINTS, seed=SUBSAMPLE_SEED)
    return {key: replace(data, train=cut(data.train), test=cut(data.test)) for key, data in found.items()}


def halves(name: str, seed: int, options: argparse.Namespace) -> Dataset:
    """Return the test images of a data set in two halves, with their label uncertainty; InputError if there are none."""
    where = {"data_dir": options.data_dir, "verify": not options.unverified_data, "progress": not options.quiet}
    if name == "cifar10h":
        return load_dataset(name, test_fraction=0.5, seed=seed, **where)
    data = load_dataset(name, **where)
    folders = [place for folder in data_folders(options.data_dir) for place in (folder / name, folder)]
    given = options.mnist_probabilities
    paths = [Path(given)] if given else [folder / PROBABILITIES for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        msg = f"a model's probabilities are not at {' or '.join(map(str, paths))}; allowed: --mnist-probabilities FILE"
        raise InputError(msg)
    if data.test.y is None:
        msg = f"labels of {name} are not found; allowed: its label files beside its images"
        raise InputError(msg)
    whole = replace(data.test, uncertainty=people_disagree(path.read_bytes(), str(path), data.test.y))
    train, test = map(whole.take, split(len(whole), 0.5, seed))
    return replace(data, train=train, test=test)


def cases(names: Sequence[str], seeds: Sequence[int], *, quick: bool) -> Iterator[Case]:
    """Yield what is measured, such that what one half and norm share is used up before the next.

    Of this package's searches, all γ are asked for on the first half alone.
    """
    alphas, gammas = (QUICK_ALPHAS, QUICK_GAMMAS) if quick else (ALPHAS, GAMMAS)
    for name in names:
        for seed in seeds:
            for norm, setting in SETTINGS[name].items():
                for gamma in (0.0, GAMMA):
                    yield from (Case(name, norm, THEIRS, gamma, alpha, seed) for alpha in alphas)
                yield from (Case(name, norm, AS_NEEDED, GAMMA, alpha, seed) for alpha in alphas)
                for search, _ in setting.searches:
                    for gamma in gammas if seed == seeds[0] else QUICK_GAMMAS:
                        yield from (
                            Case(name, norm, search, gamma, alpha, seed) for alpha in alphas if alpha in OWN_ALPHAS
                        )


def measure(sets: dict[tuple[str, int], Dataset], path: Path, options: argparse.Namespace) -> xr.Dataset:
    """Find and certify a region for each case that the file lacks, and save each in the file as soon as it is certified."""
    names, seeds = (list(dict.fromkeys(keys)) for keys in zip(*sets, strict=True))
    had = open_results(path) if path.exists() else None
    facts = {key: {"train": _facts_of(data.train), "test": _facts_of(data.test)} for key, data in sets.items()}
    verified = {name: VERIFIED_WORDS[data.verified] for (name, _), data in sets.items()}
    outcomes = {} if had is None else _kept(had, facts)
    if had is not None:  # what the file has of other halves stays there
        facts = _facts_in(had) | facts
        verified = dict(part.split(": ") for part in had.attrs["data_verified"].split("; ")) | verified
    asked_for = list(cases(names, seeds, quick=options.quick))
    ds, finder = had, None
    for number, case in enumerate(asked_for, 1):
        if case in outcomes:
            continue
        if not options.quiet:
            tell(f"{number}/{len(asked_for)}: {', '.join(map(str, case))} ...")
        key = case.dataset, case.seed, case.norm
        if finder is None or finder.key != key:
            finder = _Finder(key, sets[case.dataset, case.seed])
        outcomes[case] = finder.outcome(case)
        ds = _lay_out(outcomes, facts, verified)
        save_results(ds, path)
    assert ds is not None  # there is work  # noqa: S101
    return ds


class _Finder:
    """What cases of one half and norm share."""

    def __init__(self, key: tuple[str, int, str], data: Dataset) -> None:
        self.key, self.data, self.setting = key, data, SETTINGS[key[0]][key[2]]
        self.runs: dict[tuple[str, float], Run] = {}

    @functools.cached_property
    def hard_balls(self) -> HardBalls:
        return HardBalls(self.data.train, self.key[2])

    def outcome(self, case: Case) -> dict[str, Any]:
        """Return what is measured and certified of the region of a case; why there is none, if there is none."""
        started = time.perf_counter()
        try:
            region, told = self._find(case)
        except InputError as error:
            told = {"error": str(error)}
        else:
            told |= _measured(region, self.data, self.setting.epsilon, case.alpha)
        return told | {"seconds": round(time.perf_counter() - started, 3)}

    def _find(self, case: Case) -> tuple[Region, dict[str, Any]]:
        if case.search not in (THEIRS, AS_NEEDED):
            if (case.search, case.gamma) not in self.runs:
                search = dict(self.setting.searches)[case.search]
                asked_for = {"gamma": case.gamma} if case.gamma else {}
                run = Run(replace(search, **asked_for).checked(), self.data.train, How(cache_dir=cache_dir()))
                self.runs = {(case.search, case.gamma): run}  # one at a time, for the memory
            goal = Goal.of(self.setting.epsilon, case.alpha, DELTA * case.alpha)
            region = self.runs[case.search, case.gamma].find(goal).region
            return region, {"n_sets": region.n_sets}
        placed = self._balls(
            Asked(self.setting.epsilon, case.alpha, DELTA, case.gamma, self.setting.n_sets), case.search
        )
        return placed.region, {"n_sets": placed.n_balls, "n_repeated": placed.n_repeated}

    def _balls(self, asked: Asked, search: str) -> Placed:
        """Place balls as published; or as many as are needed so that none is counted once more, in some doublings of T."""
        for _ in range(DOUBLINGS if search == AS_NEEDED else 0):
            with contextlib.suppress(InputError):
                return self.hard_balls.place(asked, repeat=False)
            asked = asked._replace(n_sets=2 * asked.n_sets)
        return self.hard_balls.place(asked, repeat=search == THEIRS)


def _measured(region: Region, data: Dataset, epsilon: float, alpha: float) -> dict[str, Any]:
    """Return the risks and the mean uncertainty of a region, with its border as it is, at a risk of α, and certified."""
    test = data.test
    told: dict[str, Any] = {name: {} for name in ("risk", "adversarial_risk", "uncertainty")}
    for one, sample in zip(SPLITS, (data.train, test), strict=True):
        risk, adversarial, uncertainty = _risks(region, sample, epsilon)
        told["risk"][one], told["adversarial_risk"][one], told["uncertainty"][one] = risk, adversarial, uncertainty
    moved = region.at_rank(test, count_of(alpha, len(test)))
    at_alpha = zip(("risk", "adversarial_risk", "uncertainty"), _risks(moved, test, epsilon), strict=True)
    proven = certify(region, test, epsilon, alpha, uncertainty=test.uncertainty)
    told |= {"U": proven.U, "gamma_certified": proven.uncertainty_at_least}
    return told | {f"{name}_at_alpha": value for name, value in at_alpha}


def _risks(region: Region, sample: Sample, epsilon: float) -> tuple[float, float, float]:
    """Return risk, adversarial risk, and the mean label uncertainty of the points in the region, NaN if it has none."""
    measured, inside = region.measure(sample, epsilon), region.contains(sample)
    assert sample.uncertainty is not None  # as halves have it  # noqa: S101
    uncertainty = float(sample.uncertainty[inside].mean()) if inside.any() else math.nan
    return float(measured.risk), float(measured.adversarial_risk), uncertainty


def _kept(ds: xr.Dataset, facts: Facts) -> dict[Case, dict[str, Any]]:
    """Return the outcomes that a result holds, but for those of points that are others by these facts."""
    kept = {}
    told = [str(name) for name in ds.data_vars if {"search", "alpha"} <= set(ds[name].dims)]
    for (name, seed), before in _facts_in(ds).items():
        if facts.get((name, seed), before) != before:
            continue
        stacked = ds[told].sel(dataset=name, seed=seed).stack(case=("norm", "search", "gamma", "alpha"))
        for i in range(stacked.sizes["case"]):
            here = stacked.isel(case=i)
            if here["seconds"].notnull():
                norm, search, gamma, alpha = here["case"].item()
                kept[Case(name, norm, search, gamma, alpha, seed)] = {one: _plain(here[one]) for one in told}
    return kept


def _facts_of(sample: Sample) -> dict[str, Any]:
    assert sample.uncertainty is not None  # as halves have it  # noqa: S101
    mean = float(sample.uncertainty.mean())
    return {"n_points": float(len(sample)), "data_sha256": sample.sha256, "mean_uncertainty": mean}


def _facts_in(ds: xr.Dataset) -> Facts:
    """Return what a result tells of the halves that it has."""
    facts = {}
    for name in ds["dataset"].values.tolist():
        for seed in ds["seed"].values.tolist():
            here = ds.sel(dataset=name, seed=seed)
            if here["n_points"].notnull().all():
                facts[name, seed] = {one: {fact: here[fact].sel(split=one).item() for fact in FACTS} for one in SPLITS}
    return facts


def _plain(values: xr.DataArray) -> Any:  # noqa: ANN401
    if "split" in values.dims:
        return dict(zip(values["split"].values.tolist(), values.values.tolist(), strict=True))
    return values.item()


def _lay_out(outcomes: dict[Case, dict[str, Any]], facts: Facts, verified: dict[str, str]) -> xr.Dataset:
    rows: list[dict[str, Any]] = []
    for case, outcome in outcomes.items():
        for name, value in outcome.items():
            parts = value.items() if isinstance(value, dict) else None
            at = case._asdict()
            rows += [at | {name: value}] if parts is None else [at | {"split": one, name: part} for one, part in parts]
    for (name, seed), halves in facts.items():
        rows += [{"dataset": name, "seed": seed, "split": one} | told for one, told in halves.items()]
    for name in dict.fromkeys(name for name, _ in facts):
        rows += [{"dataset": name, "norm": norm, "strength": one.epsilon} for norm, one in SETTINGS[name].items()]
    ds = assemble(rows, DIMENSIONS)
    for name, text in LONG_NAMES.items():
        if name in ds.variables:
            ds[name].attrs["long_name"] = text
    said = "; ".join(f"{name}: {verified[name]}" for name in ds["dataset"].values)
    ds.attrs = provenance(delta=exact(DELTA), data_verified=said, seconds=round(float(ds["seconds"].sum()), 3))
    return ds


if __name__ == "__main__":
    raise SystemExit(main())
