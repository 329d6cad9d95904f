"""The least adversarial risks that the searches find, beside the paper's, and what is certified.

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

import xarray as xr

from numbaconc.cli.console import say, tell
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import check_writable
from numbaconc.experiments import pictures
from numbaconc.experiments.commands import available, cut_if_quick, markdown_table, run_command, wanted, write_page
from numbaconc.experiments.methods import AMONG, BUFFERS, COARSE, METHODS, WORDS, at_least, searches, with_certificate
from numbaconc.experiments.published import QUANTITIES, Published, published
from numbaconc.experiments.tables import SEARCHES
from numbaconc.kernels.threads import using_threads
from numbaconc.norms import NORMS
from numbaconc.numerals import exact
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import Case, Outcome, assemble, facts_of
from numbaconc.results.queries import cases
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.show.plots import Bounds, plot_panels

SHOWN = {"mnist": "0.3", "fashion_mnist": "0.2", "cifar10": "8/255", "svhn": "0.02"}  # ℓ∞, in the pictures
SHOWN_L2 = {"mnist": "4.74", "fashion_mnist": "3.16", "cifar10": "0.4905", "svhn": "0.6254"}
CERTIFIED = "certified"  # in place of a search's name
PROVEN, FACTS = ("measure_at_least", "expansion_at_most"), ("n_points", "data_sha256")
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
        return int(searches(self.norm, *self.sets)[search].coordinates.get("T", 1))


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
        paths = [result_path(norm, folder, certified=certified) for certified in (False, True)]
        work = [[(row, name) for row in here for name in METHODS[norm]], [(row, CERTIFIED) for row in here]]
        results = [measure(cases, sets, path, options) for cases, path in zip(work, paths, strict=True)]
        written += paths
        text.append(table(here, *results))
        panels += list(_panels(here, *results))
        found[norm] = results[0]
    write_page("Bounds", "\n".join(text), page)
    plot_panels(panels, plots, _caption())
    for data in sets.values():
        written += pictures.show(data, _shown(data.name, every, found), folder, options)
    say("\n".join([*text, *map(str, written)]))


def result_path(norm: str, folder: str | Path, *, certified: bool) -> Path:
    """Where the measurements lie: of all searches, or of what is certified."""
    return Path(folder) / f"bounds-{norm}{'-certified' if certified else ''}.nc"


def measure(
    work: Sequence[tuple[Row, str]], sets: dict[str, Dataset], path: Path, options: argparse.Namespace
) -> xr.Dataset:
    """Search for a region in each case that the file lacks, and save each in the file as soon as it is found.

    A case is a row with the name of a search, or with `CERTIFIED`. The result is in the schema, on search, alpha,
    dataset, epsilon and split; what the file has of other data sets stays there.
    """
    had = open_results(path) if path.exists() else None
    asked_for = {Case(name, *row.at.values()): row for row, name in work}
    outcomes = {} if had is None else dict(_read(had, sets))
    outcomes = {case: one for case, one in outcomes.items() if case in asked_for or case.dataset not in sets}
    ds = had
    for number, (case, row) in enumerate(asked_for.items(), 1):
        if case in outcomes:
            continue
        if not options.quiet:
            sign, words = NORMS[row.norm].sign, WORDS.get(case.search, case.search)
            tell(f"{number}/{len(asked_for)}: {row.dataset}, {sign} {row.epsilon_text}, {words} ...")
        with using_threads(options.threads):
            outcomes[case] = _find(sets[row.dataset], row, case.search)
        ds = _lay_out(outcomes, row.norm, sets, had)
        save_results(ds, path)
    assert ds is not None  # there is work  # noqa: S101
    return ds


def _find(data: Dataset, row: Row, name: str) -> Outcome:
    """Return settings, risks, what is certified, and the samples' facts, of one case."""
    started = time.perf_counter()
    if name == CERTIFIED:
        found, proven = with_certificate(row.norm, data, row.epsilon, row.alpha)
        region, buffer, chosen = found.region, float(found.goal.margin), str(found.attributes["search"])
    else:
        region, buffer = at_least(searches(row.norm, *row.sets)[name], data, row.epsilon, row.alpha)
        proven, chosen = None, name  # the test points had a part in choosing the buffer, or the paper its T and q
    outcome = {"chosen": chosen, "n_sets": row.n_sets(chosen), "buffer": buffer}
    outcome |= dict(zip(PROVEN, (math.nan, math.nan) if proven is None else (proven.L, proven.U), strict=True))
    outcome["seconds"] = round(time.perf_counter() - started, 3)
    samples = {"train": data.train, "test": data.test}
    measured = {split: region.measure(sample, row.epsilon) for split, sample in samples.items()}
    outcome |= {risk: {split: float(getattr(measured[split], risk)) for split in SPLITS} for risk in QUANTITIES}
    facts = facts_of(samples)
    return outcome | {name: {split: facts[split][name] for split in SPLITS} for name in FACTS}


def _read(ds: xr.Dataset, sets: dict[str, Dataset]) -> Iterator[tuple[Case, Outcome]]:
    """Yield the cases that a result holds, but for those of data sets whose contents have changed."""
    for at in cases(ds):
        here = ds.sel(at)
        outcome = {name: here[name].item() for name in ("chosen", *LONG_NAMES, *PROVEN)}
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


def table(here: Sequence[Row], ds: xr.Dataset, proven: xr.Dataset) -> str:
    """Write the cases of one norm as Markdown: the paper's best, ours, and the certificate."""
    norm = here[0].norm
    header = ["data set", "α", "ε", "paper's best", "risk", "adv. risk"]
    for search in METHODS[norm]:
        header += [f"{WORDS[search]}: risk", "adv. risk", *([] if search == "rectangles" else ["buffer"])]
    header += ["certified", "risk", "adv. risk", "L", "U", "L ≥ α"]
    lines = [header]
    for row in here:
        printed = [row.paper.values[name, "test"][0] for name in QUANTITIES]
        cells = [row.dataset, exact(row.alpha), row.epsilon_text, row.paper.method, *(f"{one:.2f}" for one in printed)]
        tested = ds.sel(row.at).sel(split="test")
        enough = tested["adversarial_risk"].where(tested["risk"] >= row.alpha)
        for search in METHODS[norm]:
            one = tested.sel(search=search)
            risk, adversarial = (f"{100 * float(one[name]):.2f}" for name in QUANTITIES)
            least = bool(enough.notnull().any()) and float(enough.sel(search=search)) == float(enough.min())
            cells += [risk, f"**{adversarial}**" if least else adversarial]
            cells += [] if search == "rectangles" else [f"{100 * float(one['buffer']):.2f}"]
        certified = proven.sel(row.at).sel(search=CERTIFIED)
        lowest, most = (float(certified[name]) for name in PROVEN)
        cells.append(WORDS[str(certified["chosen"].item())])
        cells += [f"{100 * float(certified[name].sel(split='test')):.2f}" for name in QUANTITIES]
        cells += [f"{math.floor(1e4 * lowest) / 100:.2f}", f"{math.ceil(1e4 * most) / 100:.2f}"]
        lines.append([*cells, "yes" if lowest >= row.alpha else "no"])
    return "\n".join([f"## {NORMS[norm].sign}", "", *markdown_table(lines), ""])


def _introduction(sets: dict[str, Dataset]) -> str:
    """Say what the page shows, and with which buffers."""
    verified = "; ".join(f"{name}: {VERIFIED_WORDS[data.verified]}" for name, data in sets.items())
    n_train = ", ".join(f"{name} {len(data.train):,}" for name, data in sets.items())
    among = {norm: " and ".join(WORDS[name] for name in names) for norm, names in AMONG.items()}
    paragraphs = (
        "How little adversarial risk an error region of measure α can have: the paper's best row, and what this package "
        "finds. All in per cent, on the test points; the least adversarial risk at a test risk of at least α is bold. "
        "Every region shows an upper bound, h(risk, ε) ≤ adversarial risk, as the test points' fractions estimate it: nothing "
        "about these regions is certified.",
        "A search asks for a risk of α + buffer on the training points; the buffer is the least, in steps of "
        f"{exact(100 * BUFFERS[1])} points ({exact(100 * BUFFERS[COARSE])} for faces), with which the test risk is at least α. The "
        "test points' adversarial risk has no part in that. Faces are found again for every buffer; the border of the "
        "ball and the half space is moved. Rectangles are Algorithm 1 with the paper's T and q (searched where it prints "
        "none), one clustering, whose faces within ε of the domain's edge are pushed to infinity. The paper's own methods, "
        "measured again, are in Tables 1 to 5.",
        "What is certified is another region, found and chosen before a test point is counted: the better of "
        f"{among['linf']} (ℓ∞) or {among['l2']} (ℓ2) on training points held back, with as much more than α of these as "
        "the sizes of the samples ask for. With 95% confidence (Clopper and Pearson), each by itself, such a region has "
        "measure at least L and its expansion at most U, hence h(L, ε) ≤ U, if training and test points are independent draws "
        "from one distribution. The file of the other regions has no L and U: the test points had a part in choosing their "
        "buffers, and the paper's T and q.",
        f"Data: {verified}. Training points: {n_train}.",
    )
    return "\n\n".join(paragraphs) + "\n"


def _panels(here: Sequence[Row], ds: xr.Dataset, proven: xr.Dataset) -> Iterator[Bounds]:
    for name in dict.fromkeys(row.dataset for row in here):
        mine = [row for row in here if row.dataset == name]
        printed = {(row.alpha, row.epsilon): row.paper.values["adversarial_risk", "test"][0] / 100 for row in mine}
        labels = {search: WORDS[search] for search in METHODS[mine[0].norm]}
        title = f"{name}, {NORMS[mine[0].norm].sign}"
        yield Bounds(ds.sel(dataset=name), proven.sel(dataset=name, search=CERTIFIED), printed, labels, title)


def _caption() -> str:
    return (
        "Test adversarial risk of the regions found against ε: estimates of upper bounds on h(μ, α, ε), each point another "
        "region; nothing is measured on the lines between. Crosses are the best of the paper's rows. Bars are of the regions "
        "that are certified: from their test adversarial risk to U, which is above the measure of their expansion with 95% "
        "confidence, each by itself. Points of another α are labeled with it."
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
    raise SystemExit(main())
