"""What every classifier must lose, against ε: `python -m numbaconc.experiments.matching`.

Bounds by conflicts of two on training images, of two labels as Bhagoji, Cullina and Mittal (NeurIPS 2019) have them, and of
all ten: matching.nc, .md, .png and .svg.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.cli.console import say, tell
from numbaconc.data.arrays import parse_epsilon, parse_epsilons
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import check_writable
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_count
from numbaconc.experiments.commands import available, cut_if_quick, run_command, wanted, write_page
from numbaconc.how import How
from numbaconc.kernels.threads import available_threads
from numbaconc.labels.matching import classifier_bound
from numbaconc.labels.separation import separation
from numbaconc.norms import NORMS
from numbaconc.numerals import exact, percent_at_least
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import assemble
from numbaconc.results.schema import VERIFIED_WORDS, provenance
from numbaconc.show.markdown import markdown_table
from numbaconc.show.pictures import legends, style
from numbaconc.show.pictures.plots import plot_panels

NAMES = ("mnist", "cifar10")
DIMENSIONS = ("dataset", "labels", "norm", "epsilon")
PAIR, EACH_OF_TEN = 5000, 1000  # first training images of a label, of two labels and of all ten
LABELS = {
    "mnist": {"3 against 7": (3, 7), "all ten": tuple(range(10))},
    "cifar10": {"cat against dog": (3, 5), "cat against horse": (3, 7), "all ten": tuple(range(10))},
}
EPSILONS = {
    ("mnist", "l2"): [f"{k / 4:g}" for k in range(1, 21)],
    ("cifar10", "l2"): ["1", "2", "3", *(f"{k / 2:g}" for k in range(7, 17))],
    ("mnist", "linf"): ["0.1", "0.2", "0.35", "0.4", "0.45", "0.5"],
    ("cifar10", "linf"): ["0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.4", "0.5"],
}
EPSILONS_OF_TEN = {  # few: many conflicts among many labels take long
    ("mnist", "l2"): ["1", "2", "2.5", "3", "3.5"],
    ("cifar10", "l2"): ["1", "2", "3", "4", "5"],
    ("mnist", "linf"): ["0.2", "0.35", "0.4"],
    ("cifar10", "linf"): ["0.1", "0.15", "0.2"],
}
USUAL = {("mnist", "l2"): "1.58", ("cifar10", "l2"): "0.5", ("mnist", "linf"): "0.3", ("cifar10", "linf"): "8/255"}
LONG_NAMES = {
    "labels": "of which images, the first of each",
    "norm": "what epsilon is measured in",
    "loss": "every classifier has at least this adversarial 0-1 loss on these images",
    "population": "and at least this one on what they are drawn from, 95% confidence",
    "n_conflicts": "pairs of images of different labels at a distance of at most 2 epsilon",
    "least_distance": "of two images of different labels",
    "n_images": "number of images",
}
INTRODUCTION = """
What every classifier must lose on training images, with the labels that they have, if an adversary may move each by ε:
two images of different labels that are at most 2 ε apart cannot both be right. Of two labels, the first {pair:,} images of
each, as in the program of Bhagoji, Cullina and Mittal (NeurIPS 2019); theirs are 3 and 7, cat and horse on CIFAR-10. Of all
ten, the first {ten:,} of each. **No ε below the first one bounds anything**: it is half of the least distance of two images
of different labels. Below, its digits are cut off. *Distribution* is what survives with 95% confidence, each by itself. It is another question
than h, which knows no labels. Losses in per cent, rounded down.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    description = (
        "Lower bounds on the adversarial loss of every classifier, by matchings of conflicting images, against ε."
    )
    return run_command(run, "matching", description, "matching.nc, .md, .png and .svg", None, arguments)


def run(options: argparse.Namespace) -> None:
    """Bound, write the page and draw; a result of the same settings and data is shown as it is."""
    names = wanted(options, NAMES)
    if options.threads is not None:
        check_count("threads", options.threads, 1, available_threads(), "as many as numba may use here")
    result, text_file, *plots = (Path(options.out) / f"matching.{suffix}" for suffix in ("nc", "md", "png", "svg"))
    for path in (result, text_file, *plots):
        check_writable(path)
    sets = {name: cut_if_quick(data, options) for name, data in available(names, options).items()}
    hashes = {name: f"{data.train.sha256} {VERIFIED_WORDS[data.verified]}" for name, data in sets.items()}
    made_of = f"{hashes}, {PAIR} and {EACH_OF_TEN} of {LABELS}, {EPSILONS}, {EPSILONS_OF_TEN}, {USUAL}"
    ds = open_results(result) if result.exists() else None
    if ds is None or ds.attrs.get("made_of") != made_of:
        started = time.perf_counter()
        ds = measure(sets, options)
        verified = "; ".join(f"{name}: {VERIFIED_WORDS[data.verified]}" for name, data in sets.items())
        seconds = round(time.perf_counter() - started, 3)
        ds.attrs = provenance(made_of=made_of, data_verified=verified, seconds=seconds)
        save_results(ds, result)
    write_page("What every classifier must lose", page(ds), text_file)
    plot_panels([Panel(ds, *at) for at in _places(ds)], plots, caption())
    say("\n".join([page(ds), *map(str, (result, text_file, *plots))]))


def measure(sets: dict[str, Dataset], options: argparse.Namespace) -> xr.Dataset:
    """Bound the loss of all cases, on dataset, labels, norm and epsilon; what is not asked for is missing."""
    rows: list[dict[str, Any]] = []
    how = How(progress=not options.quiet, threads=options.threads)
    for (name, norm), texts in EPSILONS.items():
        if name not in sets:
            continue
        for labels, chosen in LABELS[name].items():
            if not options.quiet:
                tell(f"{name}, {labels}, {NORMS[norm].sign} ...")
            sample = first_of_each(sets[name].train, chosen)
            at = {"dataset": name, "labels": labels, "norm": norm}
            rows.append(
                at | {"least_distance": separation(sample, None, norm=norm, how=how).least, "n_images": len(sample)}
            )
            asked = texts if len(chosen) == 2 else EPSILONS_OF_TEN[name, norm]
            for epsilon in parse_epsilons([*asked, USUAL[name, norm]]):
                bound = classifier_bound(sample, epsilon=epsilon, norm=norm, max_pairs=0, how=how)
                values = {value: getattr(bound, value) for value in ("loss", "population", "n_conflicts")}
                rows.append(at | {"epsilon": epsilon} | values)
    ds = assemble(rows, DIMENSIONS)
    for variable, text in LONG_NAMES.items():
        ds[variable].attrs["long_name"] = text
    return ds


def first_of_each(train: Sample, labels: Sequence[int]) -> Sample:
    """Return the first images of each label; InputError if there are no labels."""
    if train.y is None:
        msg = "the labels of the training images are not on disk; allowed: with them (numbaconc data fetch)"
        raise InputError(msg)
    most = PAIR if len(labels) == 2 else EACH_OF_TEN
    return train.take(np.sort(np.concatenate([np.flatnonzero(train.y == label)[:most] for label in labels])))


def _places(ds: xr.Dataset) -> list[tuple[str, str]]:
    return [at for at in EPSILONS if at[0] in ds["dataset"].values]


def _cases(ds: xr.Dataset, dataset: str, norm: str) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the labels of a data set that are compared, and their bounds, along epsilon."""
    for labels in LABELS[dataset]:
        yield labels, ds.sel(dataset=dataset, norm=norm, labels=labels).dropna("epsilon", subset=["loss"])


def page(ds: xr.Dataset) -> str:
    """Write a table for each data set and norm as Markdown."""
    parts = [INTRODUCTION.format(pair=PAIR, ten=EACH_OF_TEN).strip().replace("\n", " ")]
    for dataset, norm in _places(ds):
        found = dict(_cases(ds, dataset, norm))
        firsts = [
            f"{labels}: {exact(float(here['least_distance']) / 2)[:7]} ({int(here['n_images']):,} images)"
            for labels, here in found.items()
        ]
        usual = USUAL[dataset, norm]
        lines = [f"**{dataset}, {NORMS[norm].sign}**, usual ε = {usual}. First ε: {', '.join(firsts)}."]
        header = ["ε", *(f"{labels}: {what}" for labels in found for what in ("conflicts", "loss", "distribution"))]
        table = [header, *_rows(found, parse_epsilon(usual))]
        parts += [*lines, "\n".join(markdown_table(table))]
    parts.append(f"Data: {ds.attrs['data_verified']}.")
    return "\n\n".join(parts) + "\n"


def _rows(found: dict[str, xr.Dataset], usual: float) -> Iterator[list[str]]:
    for epsilon in sorted({epsilon for here in found.values() for epsilon in here["epsilon"].values.tolist()}):
        row = [f"**{exact(epsilon)}**" if epsilon == usual else exact(epsilon)]
        for here in found.values():
            if epsilon not in here["epsilon"].values:
                row += ["", "", ""]
                continue
            at = here.sel(epsilon=epsilon)
            shares = [percent_at_least(float(at[name])).removesuffix("%") for name in ("loss", "population")]
            row += [f"{int(at['n_conflicts']):,}", *shares]
        yield row


class Panel(NamedTuple):
    """The bounds of one data set and norm against ε."""

    ds: xr.Dataset
    dataset: str
    norm: str

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"{self.dataset}, {NORMS[self.norm].sign}"

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        handles: list[Any] = []
        several = zip(style.CATEGORIES, style.MARKERS, _cases(self.ds, self.dataset, self.norm), strict=False)
        for color, marker, (labels, here) in several:
            look = {"color": color, "linewidth": 1.3, "marker": marker, "markersize": 3}
            handles += axes.plot(here["epsilon"].values, here["loss"].values, "-", label=labels, **look)
            axes.plot(here["epsilon"].values, here["population"].values, "--", **look | {"markerfacecolor": "none"})
            first = float(here["least_distance"]) / 2
            axes.plot([first], [0], "|", color=color, markersize=12, clip_on=False)
        usual = USUAL[self.dataset, self.norm]
        line = {"color": style.faint(axes), "linewidth": 1, "linestyle": ":"}
        handles.append(axes.axvline(parse_epsilon(usual), label=f"usual ε = {usual}", **line))
        legends.from_zero(axes)
        legends.in_percent(axes.yaxis)
        legends.label_axes(axes, f"ε, {NORMS[self.norm].sign} distance", "loss at least")
        legends.put_legend(axes, handles)


def caption() -> str:
    """Say what the figure shows."""
    return (
        "What every classifier must lose, by maximum matchings of conflicting training images: on the images (solid), and with "
        f"95% confidence on what they are drawn from (dashed). Two labels: the first {PAIR:,} images of each; all ten: the first "
        f"{EACH_OF_TEN:,} of each. Below the ticks on the axis no two images of different labels conflict."
    )


if __name__ == "__main__":
    raise SystemExit(main())
