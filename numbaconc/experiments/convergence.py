"""Theorems 3.8 and 3.10 made visible: what is found comes near the truth with n and T, where the truth is known.

`python -m numbaconc.experiments.convergence` draws samples of distributions whose concentration function
is known, searches each, measures what is found on the sample and on fresh points, and draws both against the
truth; with it, what a sub-family of sets, or an expansion taken in the ambient space, can reach at best.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.cli.console import Parser, reporting, say
from numbaconc.data.files import check_writable
from numbaconc.data.sample import Sample
from numbaconc.errors import check_count
from numbaconc.groundtruth import Gaussian, GroundTruth, HammingCube, Sphere, centered_cubes
from numbaconc.how import bar
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.numerals import exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import assemble
from numbaconc.results.queries import mean_and_std
from numbaconc.results.schema import LONG_NAMES, provenance
from numbaconc.search import BallSearch, FaceSearch, HalfSpaceSearch, HyperplaneSearch, RectangleSearch, Search
from numbaconc.show.pictures import legends, style
from numbaconc.show.pictures.curves import SPREAD
from numbaconc.show.pictures.plots import plot_panels

ALPHA = 0.05
SIZES, QUICK_SIZES = (256, 1024, 4096, 16_384, 65_536), (128, 512)
LARGEST = 4096  # points for searches whose time grows as n²
T, QUICK_T = (1, 2, 4, 8), (1, 2)  # 8^4 = 4096: the theorems ask for T^4 points
N_TEST, QUICK_TEST = 20_000, 2000
SAMPLES, QUICK_SAMPLES = 5, 2
TEST_SEED = 2**32 - 1  # far from the seeds of the training samples


class Case(NamedTuple):
    """A distribution, and what is searched on its samples."""

    name: str  # in the result
    title: str  # in the figure
    law: GroundTruth
    epsilon: float
    searches: tuple[str, ...]  # names in `SEARCHES`
    lines: dict[str, float]  # names in `LINES`, with what each reaches at best


LINES = {
    "cubes": "complements of centered cubes",
    "levels": "half spaces w = ±1, whole levels",
    "ambient_levels": "half spaces w = ±1, ambient expansion",
    "ambient_half_spaces": "half spaces, ambient expansion",
    "ambient_balls": "balls, ambient expansion",
}


def cases() -> tuple[Case, ...]:
    """Return the distributions of the experiment; each plot is one of them against n, or against T."""
    normal, sphere, flips, chords = np.ones(10), Sphere(50), HammingCube(20), HammingCube(20, 2)
    level = next(k for k in range(20) if flips.ball(k) >= ALPHA)
    beyond = {"cubes": centered_cubes(10, ALPHA, 1)}
    ambient = {"ambient_half_spaces": sphere.ambient_half_space(ALPHA, 0.1)}
    ambient |= {"ambient_balls": sphere.ambient_ball(ALPHA, 0.1)}
    flat = {"ambient_levels": chords.ambient_half_space(level, 1), "ambient_balls": chords.ambient_ball(level, 1)}
    levels = {"levels": flips.ball(level + 1)}
    return (
        Case("gaussian_linf", "N(0, I), d = 10, ℓ∞", Gaussian(normal, p=math.inf), 1, ("rectangles", "faces"), beyond),
        Case("gaussian_l2", "N(0, I), d = 10, ℓ2", Gaussian(normal), 1, ("balls", "hyperplane"), {}),
        Case("sphere_l2", "uniform on the sphere, d = 50, ℓ2", sphere, 0.1, ("balls", "hyperplane"), ambient),
        Case("cube_l1", "Hamming cube, d = 20, ℓ1", flips, 1, ("half spaces",), levels),
        Case("cube_l2", "Hamming cube, d = 20, ℓ2", chords, 1, ("balls", "hyperplane"), flat),
    )


# (T, seed) -> search. Another search is one line here, and its name in `cases`.
SEARCHES: dict[str, Callable[[int, int], Search]] = {
    "rectangles": lambda n_sets, seed: RectangleSearch(n_sets=n_sets, seed=seed),
    "balls": lambda n_sets, _: BallSearch(n_sets=n_sets),
    "hyperplane": lambda *_: HyperplaneSearch(),
    "faces": lambda *_: FaceSearch(n_sets=1),  # a member of CR(1)
    "half spaces": lambda *_: HalfSpaceSearch(norm="l1"),
}
ALONG = {"n_train": "n, training points (T = 1)", "T": "T, number of sets"}
REFERENCE_DASHES = (":", "-.")
MANY_SETS = ("rectangles", "balls")  # those that T matters to; their time grows as n²


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    parser = Parser(
        prog="python -m numbaconc.experiments.convergence",
        description="What searches find against n and T, where the truth is known: Theorems 3.8 and 3.10.",
    )
    add = parser.add_argument
    add("--samples", type=int, metavar="N", help=f"training samples of each size, seeds 0 .. N-1 (default: {SAMPLES})")
    add("--quick", action="store_true", help=f"a reduced run: up to {QUICK_SIZES[-1]} points, {QUICK_SAMPLES} samples")
    add("--threads", type=int, metavar="N", help="threads for the kernels (default: all)")
    add("--out", default=".", metavar="DIR", help="folder for convergence.nc, .png and .svg (default: here)")
    add("--quiet", action="store_true", help="no progress bars and no notes")
    options = parser.parse_args(arguments)
    with reporting("convergence", quiet=options.quiet) as outcome:
        run(options)
    return outcome.status


def run(options: argparse.Namespace) -> None:
    """Measure, write the result and draw it; a result of the same settings is drawn as it is."""
    result, *plots = (Path(options.out) / f"convergence.{suffix}" for suffix in ("nc", "png", "svg"))
    for path in (result, *plots):
        check_writable(path)
    if options.threads is not None:
        check_count("threads", options.threads, 1, available_threads(), "as many as numba may use here")
    n_samples = QUICK_SAMPLES if options.quick else SAMPLES
    n_samples = n_samples if options.samples is None else check_count("samples", options.samples)
    sizes, sets, n_test = (QUICK_SIZES, QUICK_T, QUICK_TEST) if options.quick else (SIZES, T, N_TEST)
    made_of = f"alpha {ALPHA}, n {sizes}, T {sets}, {n_samples} samples, {n_test} test points; "
    made_of += "; ".join(
        f"{case.title} at {case.epsilon} by {', '.join(case.searches)}, beside {', '.join(case.lines) or 'nothing'}"
        for case in cases()
    )
    ds = open_results(result) if result.exists() else None
    if ds is None or ds.attrs.get("made_of") != made_of:
        started = time.perf_counter()
        with using_threads(options.threads) as n_threads:
            ds = measure(sizes, sets, n_samples, n_test, progress=not options.quiet)
        ds.attrs = provenance(made_of=made_of, threads=n_threads, seconds=round(time.perf_counter() - started, 3))
        save_results(ds, result)
    plot_panels(panels(ds), plots, caption(ds))
    say("\n".join(map(str, (result, *plots))))


def measure(
    sizes: Sequence[int], sets: Sequence[int], n_samples: int, n_test: int, *, progress: bool = False
) -> xr.Dataset:
    """Search samples of every size at T = 1, and those of `LARGEST` points at every T, and measure what is found.

    Unions of many sets are searched for in no more points than that. Each size has `n_samples` samples; the `n_test`
    fresh points are the same for all. Risks are on search, dataset, n_train, epsilon, T, seed and split; `truth`, and
    the best that sub-families and ambient expansions reach, on dataset and epsilon.
    """
    parts = []
    work = [(n, n_sets) for n in sizes for n_sets in (sets if n == _largest(sizes) else (1,))]
    with bar(what="searching", shown=progress, total=len(work) * len(cases())) as shown:
        for n in sizes:
            rows: list[dict[str, object]] = []
            for case in cases():
                test = case.law.sample(n_test, TEST_SEED)
                for n_sets in (one for size, one in work if size == n):
                    for seed in range(n_samples):
                        rows += _rows(case, n, n_sets, seed, test)
                    shown.update()
            parts.append(assemble(rows).expand_dims(n_train=[n]))
    ds = xr.concat(parts, "n_train", join="outer").assign_coords(alpha=ALPHA)
    known = [
        {"dataset": case.name, "epsilon": case.epsilon, "truth": case.law.concentration(ALPHA, case.epsilon)}
        | case.lines
        for case in cases()
    ]
    ds = ds.merge(assemble(known), join="exact")
    for name, text in (LINES | {"truth": "h(μ, α, ε)", "n_train": "number of training points"}).items():
        ds[name].attrs["long_name"] = text
    ds["alpha"].attrs["long_name"] = LONG_NAMES["alpha"]
    return ds


def _rows(case: Case, n: int, n_sets: int, seed: int, test: Sample) -> Iterator[dict[str, object]]:
    train = case.law.sample(n, seed)
    for search in case.searches:
        if n > LARGEST if search in MANY_SETS else n_sets > 1:
            continue
        region = SEARCHES[search](n_sets, seed).set_params(epsilon=case.epsilon, alpha=ALPHA).fit(train).region_
        at = {"search": search, "dataset": case.name, "epsilon": case.epsilon, "T": n_sets, "seed": seed}
        for split, sample in (("train", train), ("test", test)):
            measured = region.measure(sample, case.epsilon)
            risks = {"risk": float(measured.risk), "adversarial_risk": float(measured.adversarial_risk)}
            yield at | {"split": split} | risks


def _largest(sizes: Sequence[int]) -> int:
    """Return the number of points at which T is varied."""
    return max(n for n in sizes if n <= LARGEST)


class Estimates(NamedTuple):
    """What searches found on samples of a distribution whose concentration function is known, and the truth.

    Adversarial risks are means over the samples, with bands of one standard deviation: on test points solid, on
    training points dashed. What `lines` names has no dimensions: what a sub-family of sets, or an expansion that is
    too large, can reach.
    """

    ds: xr.Dataset  # `adversarial_risk`, on search, `along`, seed and split; `truth`, and what `lines` names
    along: str  # the dimension that it is drawn against: "n_train" or "T"
    lines: tuple[str, ...]
    title: str

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        for search, color, marker in zip(self.ds["search"].values, style.CATEGORIES, style.MARKERS, strict=False):
            here = self.ds.sel(search=search).dropna(self.along, how="all", subset=["adversarial_risk"])
            places = here[self.along].values
            mean, std = mean_and_std(here, "adversarial_risk")
            for split, dashes in style.DASHES.items():
                middle, half = mean.sel(split=split).values, std.sel(split=split).values
                look = {"color": color, "linewidth": 1.5, "marker": marker, "markersize": 3.5}
                axes.plot(places, middle, dashes, label=search if split == "test" else None, **look)
                axes.fill_between(places, middle - half, middle + half, color=color, **SPREAD)
        handles = axes.get_legend_handles_labels()[0]
        for name, dashes in zip(self.lines, REFERENCE_DASHES, strict=False):
            look = {"color": style.faint(axes), "linewidth": 1.2, "linestyle": dashes}
            handles.append(axes.axhline(float(self.ds[name]), label=self.ds[name].long_name, **look))
        truth = {"color": style.ink(axes), "linewidth": 1.5, "label": "the truth, h(μ, α, ε)"}
        handles.append(axes.axhline(float(self.ds["truth"]), **truth))
        legends.from_zero(axes)
        legends.mark_each(axes, self.ds[self.along].values.tolist())
        legends.in_percent(axes.yaxis)
        legends.label_axes(axes, ALONG[self.along], "adversarial risk")
        legends.put_legend(axes, handles)


def panels(ds: xr.Dataset) -> list[Estimates]:
    """Lay out the plots of a result: each case against n, then those with many sets against T."""
    plots = []
    for along in ("n_train", "T"):
        for case in cases():
            at: dict[str, Any] = {"dataset": case.name, "epsilon": case.epsilon}
            at |= {"T": 1} if along == "n_train" else {"n_train": _largest(ds["n_train"].values.tolist())}
            searches = [name for name in case.searches if along == "n_train" or name in MANY_SETS]
            if searches:
                here = ds.sel(at | {"search": searches})
                title = f"{case.title}, ε = {exact(case.epsilon)}"
                plots.append(Estimates(here, along, tuple(case.lines), title))
    return plots


def caption(ds: xr.Dataset) -> str:
    """Say what the figure shows."""
    n_samples, largest = ds.sizes["seed"], _largest(ds["n_train"].values.tolist())
    return (
        f"Adversarial risk of the regions found at α = {exact(ALPHA)}, on fresh points (solid) and on the training points "
        f"(dashed): means over {n_samples} samples, bands one standard deviation. First against n at T = 1, then against "
        f"T at n = {largest:,}. On few points a region fits its sample: its measure is then below α, which is how "
        "adversarial risks can lie below h(μ, α, ε). The theorems are about the best of all unions of T sets; the "
        "searches are heuristics, which here do not gain from more sets. Gray lines are what a sub-family of sets, or an "
        "expansion taken in the ambient space, reaches with one set: more points do not close that gap."
    )


if __name__ == "__main__":
    raise SystemExit(main())
