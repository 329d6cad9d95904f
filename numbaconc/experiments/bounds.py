"""The least adversarial risks that the searches find, beside the paper's, and what is certified at α.

`python -m numbaconc.experiments.bounds` goes through every data set, α and ε of the paper's Tables 1, 3, 4 and 5,
with α = 0.127 of Table 2 on CIFAR-10, and searches beyond the paper: bounds-*.nc, bounds.md, bounds.png and .svg,
and pictures of the regions, bounds-regions-*.png.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.cli.console import say, tell
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import check_writable
from numbaconc.experiments import pictures
from numbaconc.experiments.commands import available, cut_if_quick, run_command, wanted, write_page
from numbaconc.experiments.methods import METHODS, RECTANGLES, SETTLED, WORDS, Answer, Settled, rectangles
from numbaconc.experiments.published import QUANTITIES, Published, published
from numbaconc.experiments.tables import SEARCHES
from numbaconc.kernels.threads import using_threads
from numbaconc.norms import NORMS
from numbaconc.numerals import exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import Case, Outcome, assemble, facts_of
from numbaconc.results.queries import cases
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.show.markdown import markdown_table
from numbaconc.show.pictures import legends, style
from numbaconc.show.pictures.curves import BETWEEN
from numbaconc.show.pictures.plots import plot_panels

SHOWN = {"mnist": "0.3", "fashion_mnist": "0.2", "cifar10": "8/255", "svhn": "0.02"}  # ℓ∞, in the pictures
SHOWN_L2 = {"mnist": "4.74", "fashion_mnist": "3.16", "cifar10": "0.4905", "svhn": "0.6254"}
FACTS = ("n_points", "data_sha256")
UNMOVED = ("measure_at_least", "expansion_at_most")  # the test points placed the borders: missing in every row
LONG_NAMES = {
    "margin": "asked for beyond alpha, settled on training points held back",
    "n_sets": "T, the most sets",
    "held_back": "adversarial risk on training points held back, by which searches are compared",
    "certified": "U: h(mu, alpha, epsilon) <= U with 95% confidence, each by itself",
    "certified_count": "test points in the expansion of the region whose border they place",
    "seconds": "time taken",
}


class Row(NamedTuple):
    """One line of the page: a data set, α and ε, and the paper's rows there."""

    dataset: str
    norm: str
    alpha: float
    epsilon_text: str
    papers: tuple[Published, ...]

    @property
    def epsilon(self) -> float:
        """Strength on the unit scale."""
        return parse_epsilon(self.epsilon_text)

    @property
    def at(self) -> dict[str, Any]:
        """Coordinates in a result, but for the search."""
        return {"alpha": self.alpha, "dataset": self.dataset, "epsilon": self.epsilon}

    @property
    def paper(self) -> Published:
        """The paper's row of least adversarial risk on test, of those with a test risk of α if there are any."""

        def rank(row: Published) -> tuple[bool, float]:
            return row.values["risk", "test"][0] < 100 * self.alpha, row.values["adversarial_risk", "test"][0]

        return min(self.papers, key=rank)

    @property
    def sets(self) -> tuple[int | None, float | None]:
        """T and q of the paper's rectangles."""
        return next(((row.n_sets, row.q) for row in self.papers if row.method == "rectangles"), (None, None))


def rows() -> list[Row]:
    """Return the cases of the experiment, in the paper's order."""
    found: dict[tuple[str, str, float, str], list[Published]] = {}
    for row in (row for table in (1, 4, 2, 5, 3) for row in published(table)):
        if row.method in SEARCHES and row.alpha is not None and (row.table != 2 or row.dataset == "cifar10"):
            epsilon_text = row.epsilon_text.removesuffix("0") if row.norm == "l2" else row.epsilon_text
            found.setdefault((row.dataset, row.norm, row.alpha, epsilon_text), []).append(row)
    order = list(dict.fromkeys(dataset for dataset, *_ in found))
    every = (Row(*key, tuple(several)) for key, several in found.items())
    return sorted(every, key=lambda row: order.index(row.dataset))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    description = "The least adversarial risks found, beside the paper's, and what is certified. "
    description += "Cases that the files have are not searched again."
    return run_command(run, "bounds", description, "bounds*.nc, .md, .png and .svg", None, arguments)


def run(options: argparse.Namespace) -> None:
    """Measure, write the page and draw."""
    every, folder = rows(), Path(options.out)
    names = wanted(options, tuple(dict.fromkeys(row.dataset for row in every)))
    page, *plots = (folder / f"bounds.{suffix}" for suffix in ("md", "png", "svg"))
    check_writable(page)
    sets = {name: cut_if_quick(data, options) for name, data in available(names, options).items()}
    text, panels, written = [_introduction(sets)], [], [page, *plots]
    found: dict[str, xr.Dataset] = {}
    for norm in METHODS:
        here = [row for row in every if row.norm == norm and row.dataset in sets]
        if not here:
            continue
        path = result_path(norm, folder)
        found[norm] = measure([(row, name) for row in here for name in METHODS[norm]], sets, path, options)
        written.append(path)
        text.append(table(here, found[norm]))
        panels += list(_panels(here, found[norm]))
    write_page("Bounds", "\n".join(text), page)
    plot_panels(panels, plots, _caption())
    for data in sets.values():
        written += pictures.show(data, _shown(data.name, every, found), folder, options)
    say("\n".join([*text, *map(str, written)]))


def result_path(norm: str, folder: str | Path) -> Path:
    """Where the measurements lie."""
    return Path(folder) / f"bounds-{norm}.nc"


def measure(
    work: Sequence[tuple[Row, str]], sets: dict[str, Dataset], path: Path, options: argparse.Namespace
) -> xr.Dataset:
    """Search for a region in each case that the file lacks, and save each in the file as soon as it is found.

    A case is a row with the name of a search. The result is in the schema, on search, alpha, dataset, epsilon and split;
    what the file has of other data sets stays there.
    """
    had = open_results(path) if path.exists() else None
    asked_for = {Case(name, *row.at.values()): row for row, name in work}
    outcomes = {} if had is None else dict(_read(had, sets))
    outcomes = {case: one for case, one in outcomes.items() if case in asked_for or case.dataset not in sets}
    ds = had
    settled: dict[tuple[str, str], Settled] = {}
    for number, (case, row) in enumerate(asked_for.items(), 1):
        if case in outcomes:
            continue
        if not options.quiet:
            sign, words = NORMS[row.norm].sign, WORDS.get(case.search, case.search)
            tell(f"{number}/{len(asked_for)}: {row.dataset}, {sign} {row.epsilon_text}, {words} ...")
        with using_threads(options.threads):
            outcomes[case] = _find(sets[row.dataset], row, case.search, settled)
        ds = _lay_out(outcomes, row.norm, sets, had)
        save_results(ds, path)
    assert ds is not None  # there is work  # noqa: S101
    return ds


def _find(data: Dataset, row: Row, name: str, settled: dict[tuple[str, str], Settled]) -> Outcome:
    """Return settings, risks, what is certified, and the samples' facts, of one case; what it prepares is kept."""
    started = time.perf_counter()
    if name == RECTANGLES:
        answer = rectangles(data, row.epsilon, row.alpha, *row.sets)
    else:
        if (data.name, name) not in settled:
            settled[data.name, name] = Settled(name, row.norm, data)
        answer = settled[data.name, name].answer(row.epsilon, row.alpha)
    samples = {"train": data.train, "test": data.test}
    regions = {"train": answer.region, "test": answer.measured}
    measured = {split: regions[split].measure(sample, row.epsilon) for split, sample in samples.items()}
    outcome: Outcome = {"n_sets": answer.n_sets, "margin": answer.margin, "held_back": answer.held_back}
    outcome |= (
        dict.fromkeys(UNMOVED, math.nan) | _certified(answer) | {"seconds": round(time.perf_counter() - started, 3)}
    )
    outcome |= {risk: {split: float(getattr(measured[split], risk)) for split in SPLITS} for risk in QUANTITIES}
    facts = facts_of(samples)
    return outcome | {name: {split: facts[split][name] for split in SPLITS} for name in FACTS}


def _certified(answer: Answer) -> dict[str, float]:
    proven = answer.certificate
    if proven is None or proven.m is None or proven.K is None:
        return dict.fromkeys(("certified", "certified_count"), math.nan)
    return {"certified": proven.U, "certified_count": proven.m + proven.K}


def _read(ds: xr.Dataset, sets: dict[str, Dataset]) -> Iterator[tuple[Case, Outcome]]:
    """Yield the cases that a result holds, but for those of data sets whose contents have changed."""
    for at in cases(ds):
        here = ds.sel(at)
        outcome = {name: here[name].item() for name in (*LONG_NAMES, *UNMOVED)}
        outcome |= {
            name: {split: here[name].sel(split=split).item() for split in SPLITS} for name in (*QUANTITIES, *FACTS)
        }
        data = sets.get(at["dataset"])
        if data is None or outcome["data_sha256"] == {"train": data.train.sha256, "test": data.test.sha256}:
            yield Case(**at), outcome


def _lay_out(outcomes: dict[Case, Outcome], norm: str, sets: dict[str, Dataset], had: xr.Dataset | None) -> xr.Dataset:
    rows: list[dict[str, Any]] = []
    for case, outcome in outcomes.items():
        at = {dim: getattr(case, dim) for dim in ("search", "alpha", "dataset", "epsilon")}
        for name, value in outcome.items():
            place = {"dataset": case.dataset} if name in FACTS else at
            if isinstance(value, dict):
                rows += [place | {"split": split, name: one} for split, one in value.items()]
            else:
                rows.append(place | {name: value})
    ds = assemble(rows)
    for name, text in LONG_NAMES.items():
        ds[name].attrs["long_name"] = text
    known = {} if had is None else dict(part.split(": ") for part in had.attrs["data_verified"].split("; "))
    known |= {name: VERIFIED_WORDS[data.verified] for name, data in sets.items()}
    said = "; ".join(f"{name}: {known[name]}" for name in ds["dataset"].values)
    ds.attrs = provenance(norm=norm, seconds=round(float(ds["seconds"].sum()), 3), data_verified=said)
    return ds


def best(here: xr.Dataset) -> str:
    """Return the search that is kept of those of one row: it does best on the training points held back."""
    return str(here["search"].values[int(here["held_back"].fillna(math.inf).argmin("search"))])


def table(here: Sequence[Row], ds: xr.Dataset) -> str:
    """Write the cases of one norm as Markdown: the paper's best, ours, and what is certified."""
    norm = here[0].norm
    header = ["data set", "α", "ε", "paper's best", "risk", "adv. risk"]
    for search in METHODS[norm]:
        settled = search in SETTLED[norm]
        header += [
            f"{WORDS[search]}: {'adv. risk' if settled else 'risk'}",
            *(["U", "T"] if settled else ["adv. risk"]),
        ]
    lines = [[*header, "best", "adv. risk", "U"]]
    for row in here:
        printed = [row.paper.values[name, "test"][0] for name in QUANTITIES]
        cells = [row.dataset, exact(row.alpha), row.epsilon_text, row.paper.method, *(f"{one:.2f}" for one in printed)]
        of_row = ds.sel(row.at)
        tested = of_row.sel(split="test")
        for search in METHODS[norm]:
            one = tested.sel(search=search)
            risk, adversarial = (f"{100 * float(one[name]):.2f}" for name in QUANTITIES)
            settled = search in SETTLED[norm]
            cells += [adversarial, _upper(one), f"{int(one['n_sets'])}"] if settled else [risk, adversarial]
        chosen = tested.sel(search=best(of_row))
        measured = f"**{100 * float(chosen['adversarial_risk']):.2f}**"
        lines.append([*cells, WORDS[best(of_row)], measured, f"**{_upper(chosen)}**"])
    return "\n".join([f"## {NORMS[norm].sign}", "", *markdown_table(lines), ""])


def _upper(here: xr.Dataset) -> str:
    return f"{math.ceil(1e4 * float(here['certified'])) / 100:.2f}"


def _introduction(sets: dict[str, Dataset]) -> str:
    """Say what the page shows."""
    verified = "; ".join(f"{name}: {VERIFIED_WORDS[data.verified]}" for name, data in sets.items())
    n_train = ", ".join(f"{name} {len(data.train):,}" for name, data in sets.items())
    paragraphs = (
        "How little adversarial risk an error region of measure α can have: the paper's best row, and what this package "
        "finds. All in per cent.",
        "Each search sees the training points alone. How much more than α it asks of them, and its T, are settled on training "
        "points that are held back, as `nc.BestSearch` does with its defaults; then it searches all of them. Of each region two "
        "things are said. *adv. risk*: its border is moved until just a share α of the test points is inside; the fraction of the "
        "test points in its expansion estimates an upper bound on h(μ, α, ε). *U*: the border is moved until so many of the "
        "test points are inside that its measure is at least α; with 95% confidence, each by itself, h(μ, α, ε) ≤ U, if the "
        "test points are independent draws and had no part in finding the region (see the page on certificates).",
        "*best* is the search that does best on the training points held back. It is what `nc.BestSearch` finds; the test "
        "points have no part in that choice. Half spaces and balls are expanded within the domain, [0, 1]: an adversarial "
        "example is an image. Rectangles are Algorithm 1 with the paper's T and q (searched where it prints none), one "
        "clustering, whose faces within ε of the domain's edge are pushed to infinity; since the paper may have chosen "
        "T and q with test points, nothing about them is certified. The paper's own methods, measured again, are in "
        "Tables 1 to 5.",
        f"Data: {verified}. Training points: {n_train}.",
    )
    return "\n\n".join(paragraphs) + "\n"


class Bounds(NamedTuple):
    """Upper bounds on h against epsilon, of several searches, beside the paper's, and what is certified."""

    ds: xr.Dataset  # `risk` and `adversarial_risk` on search, alpha, epsilon and split
    certified: dict[tuple[float, float], tuple[float, float]]  # (alpha, epsilon) → an adversarial risk on test, and U
    printed: dict[tuple[float, float], float]  # (alpha, epsilon) → the paper's adversarial risk on test, a fraction
    labels: dict[str, str]  # the searches, in order, with what they are called
    name: str
    sign: str  # of the norm

    @property
    def alphas(self) -> list[float]:
        """The α, of which the first has the line of the title."""
        return sorted({alpha for alpha, _ in self.printed})

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"{self.name}, {self.sign}, α = {exact(self.alphas[0])}"

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib; one α after the other, of which the first alone is in the legend."""
        handles: list[Any] = []
        for alpha in self.alphas:
            epsilons = sorted(epsilon for other, epsilon in self.printed if other == alpha)
            drawn = self._plot_alpha(axes, alpha, epsilons)
            handles = handles or drawn
            if alpha != self.alphas[0]:
                place = epsilons[0], self.printed[alpha, epsilons[0]]
                small = {"textcoords": "offset points", "fontsize": style.font_size("x-small"), "va": "center"}
                axes.annotate(style.literal(f"α = {exact(alpha)}"), place, (5, 0), parse_math=False, **small)
        look = {"color": style.faint(axes), "linewidth": 1, "linestyle": "--", "label": "α of the title"}
        handles.append(axes.axhline(self.alphas[0], **look))
        legends.from_zero(axes)
        legends.in_percent(axes.yaxis)
        legends.label_axes(axes, f"ε, {self.sign} distance", "adversarial risk")
        legends.put_legend(axes, handles)

    def _plot_alpha(self, axes: Any, alpha: float, epsilons: Sequence[float]) -> list[Any]:  # noqa: ANN401
        """Draw the paper's best, that of each search, and a bar to U, which is left out where it is 1 and says nothing."""
        dotted = {"color": style.ink(axes), "linewidth": 1, "linestyle": ":", "marker": "x", "markersize": 5}
        paper = [self.printed[alpha, epsilon] for epsilon in epsilons]
        handles: list[Any] = axes.plot(epsilons, paper, label="the paper's best", **dotted)
        tested = self.ds.sel(alpha=alpha, epsilon=list(epsilons), split="test")["adversarial_risk"]
        for (search, label), color, marker in zip(self.labels.items(), style.CATEGORIES, style.MARKERS, strict=False):
            look = {"color": color, "linewidth": 1.5, "marker": marker, "markersize": 3.5, "label": label}
            handles += axes.plot(epsilons, tested.sel(search=search).values, **look)
        least, most = np.array([self.certified[alpha, epsilon] for epsilon in epsilons]).T
        most[most == 1] = np.nan
        bars = {"color": style.CERTIFIED, "linewidth": 4, "label": "certified: from test points to U"}
        handles.append(
            axes.vlines(epsilons, least, most, **bars, **BETWEEN)
        )  # each another region: nothing holds in between
        handles += axes.plot(epsilons, most, "v", color=style.CERTIFIED, markersize=4.5, label="U")
        return handles


def _panels(here: Sequence[Row], ds: xr.Dataset) -> Iterator[Bounds]:
    for name in dict.fromkeys(row.dataset for row in here):
        mine = [row for row in here if row.dataset == name]
        printed = {(row.alpha, row.epsilon): row.paper.values["adversarial_risk", "test"][0] / 100 for row in mine}
        certified = {(row.alpha, row.epsilon): _chosen(ds.sel(row.at)) for row in mine}
        labels = {search: WORDS[search] for search in METHODS[mine[0].norm]}
        yield Bounds(ds.sel(dataset=name), certified, printed, labels, name, NORMS[mine[0].norm].sign)


def _chosen(of_row: xr.Dataset) -> tuple[float, float]:
    """Return the test adversarial risk of the best search of a row, and U."""
    chosen = of_row.sel(search=best(of_row))
    return float(chosen["adversarial_risk"].sel(split="test")), float(chosen["certified"])


def _caption() -> str:
    return (
        "Test adversarial risk against ε of regions that hold a share α of the test points: estimates of upper bounds on "
        "h(μ, α, ε), each point another region; nothing is measured on the lines between. Crosses are the best of the paper's "
        "rows. Bars go from the estimate of the search that is best on training points held back to U, which is certified: "
        "h(μ, α, ε) ≤ U with 95% confidence, each by itself. Points of another α are labeled with it."
    )


def _shown(name: str, every: Sequence[Row], found: dict[str, xr.Dataset]) -> pictures.Shown:
    """Return what is pictured of a data set."""
    linf, l2 = (
        next(row for row in every if (row.dataset, row.norm, row.epsilon_text) == (name, norm, texts[name]))
        for norm, texts in (("linf", SHOWN), ("l2", SHOWN_L2))
    )
    faces = found["linf"].sel(linf.at).sel(search="faces")
    assert linf.sets[0] is not None and linf.sets[1] is not None  # noqa: S101, PT018
    goals = linf.alpha, linf.epsilon_text, l2.alpha, l2.epsilon_text
    return pictures.Shown(*goals, float(faces["margin"]), int(faces["n_sets"]), linf.sets[0], linf.sets[1])


if __name__ == "__main__":
    raise SystemExit(main())
