"""The least adversarial risks that the searches find, beside the paper's, and what is certified.

`python -m numbaconc.experiments.bounds` goes through every data set, α and ε of the paper's Tables 1, 3, 4 and 5,
with α = 0.127 of Table 2 on CIFAR-10, and searches beyond the paper: bounds-*.nc, bounds.md, bounds.png and .svg,
and pictures of the regions, bounds-regions-*.png.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from numbaconc.certify import certify
from numbaconc.cli.console import EXIT_BAD_INPUT, reporting, say, tell
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import check_writable
from numbaconc.experiments import pictures
from numbaconc.experiments.commands import QUICK_TRAIN, available, make_parser, wanted, write_page
from numbaconc.experiments.methods import AMONG, BUFFERS, COARSE, METHODS, WORDS, at_least, searches, with_certificate
from numbaconc.experiments.published import Published, published
from numbaconc.experiments.tables import SEARCHES
from numbaconc.kernels.threads import using_threads
from numbaconc.norms import NORMS
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import assemble
from numbaconc.results.queries import cases
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.show.plots import Bounds, plot_bounds
from numbaconc.sweep.run import SUBSAMPLE_SEED

SHOWN = {"mnist": "0.3", "fashion_mnist": "0.2", "cifar10": "8/255", "svhn": "0.02"}  # ℓ∞, in the pictures
SHOWN_L2 = {"mnist": "4.74", "fashion_mnist": "3.16", "cifar10": "0.4905", "svhn": "0.6254"}
CERTIFIED = "certified"  # in place of a search's name
RISKS, PROVEN = ("risk", "adversarial_risk"), ("measure_at_least", "expansion_at_most")
LONG_NAMES = {"buffer": "added to alpha", "n_sets": "T, the most sets", "seconds": "time taken"}


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

    def n_sets(self, search: str) -> int:
        """T of one of our searches."""
        one = searches(self.norm, *self.sets)[search]
        return int(one.coordinates.get("T", 1))


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
    parser = make_parser("bounds", description, "bounds*.nc, .md, .png and .svg", None)
    options = parser.parse_args(arguments)
    with reporting("bounds", quiet=options.quiet) as outcome:
        if not run(options):
            outcome.status = EXIT_BAD_INPUT
    return outcome.status


def run(options: argparse.Namespace) -> bool:
    """Measure, write the page and draw; return whether a data set can be had."""
    every, folder = rows(), Path(options.out)
    names = wanted(options, tuple(dict.fromkeys(row.dataset for row in every)))
    page, *plots = (folder / f"bounds.{suffix}" for suffix in ("md", "png", "svg"))
    check_writable(page)
    sets = {name: _cut(data) if options.quick else data for name, data in available(names, options).items()}
    if not sets:
        tell(f"bounds: error: none of {', '.join(names)} can be had")
        return False
    text, panels, written = [_introduction(sets)], [], [page, *plots]
    found: dict[str, xr.Dataset] = {}
    for norm in METHODS:
        here = [row for row in every if row.norm == norm and row.dataset in sets]
        if not here:
            continue
        paths = [result_path(norm, folder, certified=certified) for certified in (False, True)]
        work = [[(row, name) for row in here for name in METHODS[norm]], [(row, CERTIFIED) for row in here]]
        results = [measure(cases, sets, path, options) for cases, path in zip(work, paths, strict=True)]
        written += paths
        text.append(table(here, *results))
        panels += list(_panels(here, *results))
        found[norm] = results[0]
    write_page("Bounds", "\n".join(text), page)
    plot_bounds(panels, plots, _caption())
    for data in sets.values():
        written += pictures.show(data, _shown(data.name, every, found), folder, options)
    say("\n".join([*text, *map(str, written)]))
    return True


def result_path(norm: str, folder: str | Path, *, certified: bool) -> Path:
    """Where the measurements lie: of all searches, or of what is certified."""
    return Path(folder) / f"bounds-{norm}{'-certified' if certified else ''}.nc"


def _cut(data: Dataset) -> Dataset:
    return type(data)(data.name, data.train.subsample(QUICK_TRAIN, SUBSAMPLE_SEED), data.test, data.verified)


Entry = list[dict[str, Any]]  # of one case: its settings and what is proven, risks on both splits, the samples


def measure(
    work: Sequence[tuple[Row, str]], sets: dict[str, Dataset], path: Path, options: argparse.Namespace
) -> xr.Dataset:
    """Search for a region in each case that the file lacks, and save each in the file as soon as it is found.

    Parameters
    ----------
    work : sequence of (Row, str)
        Each case with the name of a search, or with `CERTIFIED`. What the file has of other data sets stays there.
    sets : dict of str to Dataset
    path : pathlib.Path
    options : argparse.Namespace

    Returns
    -------
    xarray.Dataset
        In the schema, on search, alpha, dataset, epsilon and split.
    """
    had = open_results(path) if path.exists() else None
    asked_for = {(name, *row.at.values()): (row, name) for row, name in work}
    entries = {} if had is None else dict(_read(had, sets))
    entries = {key: entry for key, entry in entries.items() if key in asked_for or key[2] not in sets}
    ds = had
    for number, (key, (row, name)) in enumerate(asked_for.items(), 1):
        if key in entries:
            continue
        if not options.quiet:
            sign = NORMS[row.norm].sign
            tell(f"{number}/{len(asked_for)}: {row.dataset}, {sign} {row.epsilon_text}, {WORDS.get(name, name)} ...")
        with using_threads(options.threads):
            entries[key] = _find(sets[row.dataset], row, name)
        ds = _lay_out(list(entries.values()), row.norm, sets, had)
        save_results(ds, path)
    assert ds is not None  # there is work  # noqa: S101
    return ds


def _find(data: Dataset, row: Row, name: str) -> Entry:
    started = time.perf_counter()
    if name == CERTIFIED:
        found, proven = with_certificate(row.norm, data, row.epsilon, row.alpha)
        region, buffer, chosen = found.region, float(found.goal.margin), str(found.attributes["search"])
    else:
        region, buffer = at_least(searches(row.norm, *row.sets)[name], data, row.epsilon, row.alpha)
        proven, chosen = certify(region, data.test, row.epsilon), name
    settings = {"chosen": chosen, "n_sets": row.n_sets(chosen)}
    at = {"search": name} | row.at
    seconds = round(time.perf_counter() - started, 3)
    bounds = dict(zip(PROVEN, (proven.L, proven.U), strict=True))
    entry = [at | settings | bounds | {"buffer": buffer, "seconds": seconds}]
    for split in SPLITS:
        sample = getattr(data, split)
        measured = region.measure(sample, row.epsilon)
        entry.append(at | {"split": split} | {risk: float(getattr(measured, risk)) for risk in RISKS})
        entry.append({"dataset": data.name, "split": split, "n_points": len(sample), "data_sha256": sample.sha256})
    return entry


def _read(ds: xr.Dataset, sets: dict[str, Dataset]) -> Iterator[tuple[tuple[Any, ...], Entry]]:
    """Yield the cases that a result holds, but for those of data sets whose contents have changed."""
    for at in cases(ds):
        here, name = ds.sel(at), at["dataset"]
        samples = [{"dataset": name, "split": split} for split in SPLITS]
        entry = [at | {name: here[name].item() for name in (*LONG_NAMES, *PROVEN, "chosen")}]
        for sample in samples:
            of = {name: ds[name].sel(sample).item() for name in ("n_points", "data_sha256")}
            risks = {name: here[name].sel(split=sample["split"]).item() for name in RISKS}
            entry += [at | {"split": sample["split"]} | risks, sample | of]
        hashes = [one["data_sha256"] for one in entry if "data_sha256" in one]
        if name not in sets or hashes == [sets[name].train.sha256, sets[name].test.sha256]:
            yield (at["search"], at["alpha"], name, at["epsilon"]), entry


def _lay_out(measured: Sequence[Entry], norm: str, sets: dict[str, Dataset], had: xr.Dataset | None) -> xr.Dataset:
    ds = assemble([one for entry in measured for one in entry])
    for name, text in LONG_NAMES.items():
        ds[name].attrs["long_name"] = text
    known = {} if had is None else dict(part.split(": ") for part in had.attrs["data_verified"].split("; "))
    known |= {name: VERIFIED_WORDS[data.verified] for name, data in sets.items()}
    said = "; ".join(f"{name}: {known[name]}" for name in ds["dataset"].values)
    ds.attrs = provenance(norm=norm, seconds=round(float(ds["seconds"].sum()), 3), data_verified=said)
    return ds


def table(here: Sequence[Row], ds: xr.Dataset, proven: xr.Dataset) -> str:
    """Write the cases of one norm as Markdown: the paper's best, ours, and the certificate."""
    norm = here[0].norm
    header = ["data set", "α", "ε", "paper's best", "risk", "adv. risk"]
    for search in METHODS[norm]:
        header += [f"{WORDS[search]}: risk", "adv. risk", *([] if search == "rectangles" else ["buffer"])]
    header += ["certified", "risk", "adv. risk", "L", "U", "L ≥ α"]
    lines = [f"## {NORMS[norm].sign}", "", _line(header), _line(["---"] * len(header))]
    for row in here:
        printed = [row.paper.values[name, "test"][0] for name in RISKS]
        cells = [row.dataset, f"{row.alpha:g}", row.epsilon_text, row.paper.method, *(f"{one:.2f}" for one in printed)]
        tested = ds.sel(row.at).sel(split="test")
        enough = tested["adversarial_risk"].where(tested["risk"] >= row.alpha)
        for search in METHODS[norm]:
            one = tested.sel(search=search)
            risk, adversarial = (f"{100 * float(one[name]):.2f}" for name in RISKS)
            least = bool(enough.notnull().any()) and float(enough.sel(search=search)) == float(enough.min())
            cells += [risk, f"**{adversarial}**" if least else adversarial]
            cells += [] if search == "rectangles" else [f"{100 * float(one['buffer']):.2f}"]
        certified = proven.sel(row.at).sel(search=CERTIFIED)
        lowest, most = (float(certified[name]) for name in PROVEN)
        cells.append(WORDS[str(certified["chosen"].item())])
        cells += [f"{100 * float(certified[name].sel(split='test')):.2f}" for name in RISKS]
        cells += [f"{math.floor(1e4 * lowest) / 100:.2f}", f"{math.ceil(1e4 * most) / 100:.2f}"]
        lines.append(_line([*cells, "yes" if lowest >= row.alpha else "no"]))
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _introduction(sets: dict[str, Dataset]) -> str:
    """Say what the page shows, and with which buffers."""
    lines = [
        "How little adversarial risk an error region of measure α can have: the paper's best row, and what this package "
        "finds. All in per cent, on the test points; the least adversarial risk at a test risk of at least α is bold. "
        "Every region shows an upper bound, h(risk, ε) ≤ adversarial risk.",
        "",
        "A search asks for a risk of α + buffer on the training points; the buffer is the least, in steps of "
        f"{100 * BUFFERS[1]:g} points ({100 * BUFFERS[COARSE]:g} for faces), with which the test risk is at least α. The test "
        "points' adversarial risk has no part in that. Faces are found again for every buffer; the border of the ball and the "
        "half space is moved. Rectangles are "
        "Algorithm 1 with the paper's T and q (searched where it prints none), one clustering, whose faces within ε of the "
        "domain's edge are pushed to infinity. The paper's own methods, measured again, are in Tables 1 to 5.",
        "",
        "What is certified is another region, found and chosen before a test point is counted: the better of "
        f"{' and '.join(WORDS[name] for name in AMONG['linf'])} (ℓ∞) or "
        f"{' and '.join(WORDS[name] for name in AMONG['l2'])} (ℓ2) on training points held back, with as much "
        "more than α of these as the sizes of the samples ask for. With 95% confidence (Clopper and Pearson), each by itself, such "
        "a region has measure at least L and its expansion at most U, hence h(L, ε) ≤ U.",
        "",
        "Data: "
        + "; ".join(f"{name}: {VERIFIED_WORDS[data.verified]}" for name, data in sets.items())
        + ". "
        + "Training points: "
        + ", ".join(f"{name} {len(data.train):,}" for name, data in sets.items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def _panels(here: Sequence[Row], ds: xr.Dataset, proven: xr.Dataset) -> Iterator[Bounds]:
    for name in dict.fromkeys(row.dataset for row in here):
        mine = [row for row in here if row.dataset == name]
        printed = {(row.alpha, row.epsilon): row.paper.values["adversarial_risk", "test"][0] / 100 for row in mine}
        labels = {search: WORDS[search] for search in METHODS[mine[0].norm]}
        title = f"{name}, {NORMS[mine[0].norm].sign}"
        yield Bounds(ds.sel(dataset=name), proven.sel(dataset=name, search=CERTIFIED), printed, labels, title)


def _caption() -> str:
    return (
        "Test adversarial risk of the regions found against ε: upper bounds on h(μ, α, ε), each point another region. Crosses "
        "are the best of the paper's rows. The band is of the regions that are certified: from their test adversarial risk to "
        "U, which is above the measure of their expansion with 95% confidence. Points of another α are labeled with it."
    )


def _shown(name: str, every: Sequence[Row], found: dict[str, xr.Dataset]) -> pictures.Shown:
    """Return what is pictured of a data set."""
    linf, l2 = (
        next(row for row in every if (row.dataset, row.norm, row.epsilon_text) == (name, norm, texts[name]))
        for norm, texts in (("linf", SHOWN), ("l2", SHOWN_L2))
    )
    buffer = float(found["linf"]["buffer"].sel(linf.at).sel(search="faces"))
    assert linf.sets[0] is not None and linf.sets[1] is not None  # noqa: S101, PT018
    return pictures.Shown(linf.alpha, linf.epsilon_text, buffer, l2.alpha, l2.epsilon_text, linf.sets[0], linf.sets[1])


if __name__ == "__main__":
    sys.exit(main())
