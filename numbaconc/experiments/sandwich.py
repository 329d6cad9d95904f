"""The certified interval for h against ε, where h is known: `python -m numbaconc.experiments.sandwich`.

A half space is searched for on one sample. Another one certifies it, and bounds h from below. The truth must lie between.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.cli.console import Parser, reporting, say
from numbaconc.data.files import check_writable
from numbaconc.errors import check_count
from numbaconc.experiments.commands import write_page
from numbaconc.groundtruth import Gaussian, GroundTruth, Line, SeparatedClusters, Sphere
from numbaconc.how import How, bar
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.measurement import measure as measure_one
from numbaconc.numerals import at_least, at_most, exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.results.schema import provenance
from numbaconc.search import HalfSpaceSearch
from numbaconc.show.markdown import markdown_table
from numbaconc.show.pictures import legends, style
from numbaconc.show.pictures.curves import BETWEEN
from numbaconc.show.pictures.plots import plot_panels

ALPHA = 0.25
N, QUICK_N = 1_000, 200
SEEDS = 0, 1  # of the training and the test points
STRENGTHS = 0.5, 1.0, 1.5, 2.0, 2.5, 3.0
TITLE = "h from below and from above"


class Case(NamedTuple):
    """A distribution whose h is known, and the strengths."""

    name: str  # in the result
    title: str
    law: GroundTruth
    epsilons: tuple[float, ...]


def cases() -> tuple[Case, ...]:
    """Return the distributions of the experiment."""
    clusters = SeparatedClusters([([0.0, 0.0], 0.5), ([10.0, 0.0], 0.25), ([20.0, 0.0], 0.25)], 0.5)
    normal = [Case(f"normal_{d}", f"N(0, I), d = {d}", Gaussian(np.ones(d)), STRENGTHS) for d in range(1, 6)]
    return (
        *normal,
        Case("uniform", "uniform on [0, 1]", Line("uniform"), (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)),
        Case("sphere", "uniform on the sphere, d = 3", Sphere(3), (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)),
        Case("clusters", "three clusters", clusters, (0.5, 1.0, 2.0, 4.0, 6.0, 8.0)),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    parser = Parser(
        prog="python -m numbaconc.experiments.sandwich",
        description="The certified interval for h against epsilon, beside the truth, where it is known.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help=f"a reduced run: samples of {QUICK_N} points")
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", default=".", metavar="DIR", help="folder for sandwich.nc, .md, .png and .svg (default: here)")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    options = parser.parse_args(arguments)
    with reporting("sandwich", quiet=options.quiet) as outcome:
        run(options)
    return outcome.status


def run(options: argparse.Namespace) -> None:
    """Measure, write the result and draw it; a result of the same settings is drawn as it is."""
    result, page, *plots = (Path(options.out) / f"sandwich.{suffix}" for suffix in ("nc", "md", "png", "svg"))
    for path in (result, page, *plots):
        check_writable(path)
    if options.threads is not None:
        check_count("threads", options.threads, 1, available_threads(), "as many as numba may use here")
    n = QUICK_N if options.quick else N
    made_of = f"alpha {ALPHA}, {n} points; " + "; ".join(f"{case.title} at {case.epsilons}" for case in cases())
    ds = open_results(result) if result.exists() else None
    if ds is None or ds.attrs.get("made_of") != made_of:
        started = time.perf_counter()
        with using_threads(options.threads) as n_threads:
            ds = measure(n, progress=not options.quiet)
        seconds = round(time.perf_counter() - started, 3)
        ds.attrs |= provenance(made_of=made_of, threads=n_threads, seconds=seconds)
        save_results(ds, result)
    plot_panels([Between(ds, case) for case in cases()], plots, caption(n))
    write_page(TITLE, text_of(ds, n), page)
    say("\n".join(map(str, (result, page, *plots))))


def measure(n: int, *, progress: bool = False) -> xr.Dataset:
    """Measure every case on samples of n points: a result, with `truth` on data set and epsilon."""
    parts = []
    for case in bar(cases(), what="distributions", shown=progress, total=len(cases())):
        train, test = (case.law.sample(n, seed) for seed in SEEDS)
        asked: dict[str, Any] = {"epsilon": list(case.epsilons), "alpha": ALPHA, "name": case.name}
        search = HalfSpaceSearch(norm="l2")
        parts.append(measure_one(search, train, test, lower=True, how=How(progress=progress), **asked))
    ds = join_results(parts)
    truth = xr.full_like(ds["lower_bound"], np.nan)
    for case in cases():
        for epsilon in case.epsilons:
            truth.loc[{"dataset": case.name, "epsilon": epsilon}] = case.law.concentration(ALPHA, epsilon)
    return ds.assign(truth=truth.assign_attrs(long_name="h(μ, α, ε)"))


class Between(NamedTuple):
    """The certified interval of one distribution against ε, and the truth."""

    ds: xr.Dataset
    case: Case

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.case.title

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        places = [0.0, *self.case.epsilons]
        known = self.ds.sel(dataset=self.case.name, epsilon=list(self.case.epsilons))
        lower, upper, truth = (
            np.array([ALPHA, *known[name].values.ravel()]) for name in ("lower_bound", "certified", "truth")
        )
        steps = np.repeat(places, 2)[1:-1], np.repeat(lower[:-1], 2), np.repeat(upper[1:], 2)
        axes.fill_between(*steps, color=style.CERTIFIED, linewidth=0, label="between two ε", **BETWEEN)
        look = {"linestyle": "", "markersize": 4.5, "clip_on": False}
        axes.plot(places[1:], upper[1:], marker="v", color=style.CERTIFIED, label="U", **look)
        axes.plot(places, truth, color=style.ink(axes), linewidth=1.5, label="the truth, h(μ, α, ε)")
        axes.plot(places[1:], lower[1:], marker="^", color=style.MEASURED, label="lower bound", **look)
        legends.from_zero(axes)
        axes.set_ylim(0, 1)
        legends.in_percent(axes.yaxis)
        legends.label_axes(axes, "ε, ℓ2 distance", "measure")
        legends.put_legend(axes, axes.get_legend_handles_labels()[0])


def caption(n: int) -> str:
    """Say what the figure shows."""
    return (
        f"Certified intervals for h(μ, α, ε) at α = {exact(ALPHA)}, by {n:,} test points, each with 95% confidence "
        f"by itself, and the truth. From above: a half space found on {n:,} other points. From below: what any test "
        "points of that share have within ε, at least. Between two strengths the band is what the bounds at both prove."
    )


def text_of(ds: xr.Dataset, n: int) -> str:
    """Return the page: a table of all intervals, and how many are narrower than half of what is possible."""
    rows = [["distribution", "ε", "lower bound", "h(μ, α, ε)", "U", "U - lower bound"]]
    widths, inside = [], []
    for case in cases():
        for epsilon in case.epsilons:
            here = ds.sel(dataset=case.name, epsilon=epsilon)
            lower, truth, upper = (here[name].item() for name in ("lower_bound", "truth", "certified"))
            widths.append(upper - lower)
            inside.append(lower <= truth <= upper)
            bounds = at_least(lower), f"{truth:.4f}", at_most(upper), at_most(upper - lower)
            rows.append([case.title, exact(epsilon), *bounds])
    half = (1 - ALPHA) / 2
    said = f"The truth lies in {sum(inside)} of {len(inside)} intervals. {sum(width < half for width in widths)} are narrower than "
    said += f"{exact(half)}, half of [α, 1]."
    return "\n\n".join([caption(n), said, "\n".join(markdown_table(rows)), "![](sandwich.png)"]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
