"""The least adversarial risks that the searches find, beside the paper's, and what is certified.

`python -m numbaconc.experiments.bounds` goes through every data set, α and ε of the paper's Tables 1, 3, 4 and 5,
with α = 0.127 of Table 2 on CIFAR-10, and searches beyond the paper: bounds-*.nc, bounds.md, bounds.png and .svg,
and pictures of the regions, bounds-regions-*.png.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numbaconc.arrays import parse_epsilon
from numbaconc.certify import buffer_for
from numbaconc.console import EXIT_BAD_INPUT, reporting, say, tell
from numbaconc.experiments import pictures
from numbaconc.experiments.commands import QUICK_TRAIN, available, make_parser, wanted, write_page
from numbaconc.experiments.published import Published, published
from numbaconc.experiments.tables import SEARCHES
from numbaconc.files import check_writable
from numbaconc.measurement import find_regions
from numbaconc.plotting import Bounds, plot_bounds
from numbaconc.results import SPLITS, VERIFIED_WORDS, assemble, open_results, provenance, save_results
from numbaconc.sweep.run import SUBSAMPLE_SEED
from numbaconc.words import NORM_SIGNS, cases

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    import xarray as xr

    from numbaconc.datasets import Dataset

METHODS = {"linf": {"faces": 10, "halfspaces": 1}, "l2": {"free_balls": 1, "halfspaces": 1}}  # with T
WORDS = {"faces": "faces", "halfspaces": "half spaces", "free_balls": "free balls"}
# Added to α on the training points: settled after a few tries on the test points. Not what a certificate may use.
BUFFERS = {
    "linf": {
        "faces": {"mnist": 0.004, "fashion_mnist": 0.003, "cifar10": 0.002, "svhn": 0.002},
        "halfspaces": {"mnist": 0.003, "fashion_mnist": 0.003, "cifar10": 0.003, "svhn": 0.002},
    },
    "l2": {
        "free_balls": {"mnist": 0.0025, "fashion_mnist": 0.004, "cifar10": 0.002, "svhn": 0.002},
        "halfspaces": {"mnist": 0.003, "fashion_mnist": 0.003, "cifar10": 0.0015, "svhn": 0.002},
    },
}
SHOWN = {"mnist": "0.3", "fashion_mnist": "0.2", "cifar10": "8/255", "svhn": "0.02"}  # ℓ∞, in the pictures
SHOWN_L2 = {"mnist": "4.74", "fashion_mnist": "3.16", "cifar10": "0.4905", "svhn": "0.6254"}
RISKS, PROVEN = ("risk", "adversarial_risk"), ("measure_at_least", "expansion_at_most")
LONG_NAMES = {"buffer": "added to alpha on the training points", "n_sets": "T, the most sets", "seconds": "time taken"}


class Row(NamedTuple):
    """One line of the page: a data set, α and ε, and the best of the paper's rows there."""

    dataset: str
    norm: str
    alpha: float
    epsilon_text: str
    paper: Published

    @property
    def at(self) -> dict[str, Any]:
        """Coordinates in a result, but for the search."""
        return {"alpha": self.alpha, "dataset": self.dataset, "epsilon": parse_epsilon(self.epsilon_text)}


def rows() -> list[Row]:
    """Return the cases of the experiment, in the paper's order."""
    found: dict[tuple[str, str, float, str], list[Published]] = {}
    for row in (row for table in (1, 4, 2, 5, 3) for row in published(table)):
        if row.method in SEARCHES and row.alpha is not None and (row.table != 2 or row.dataset == "cifar10"):
            epsilon_text = row.epsilon_text.removesuffix("0") if row.norm == "l2" else row.epsilon_text
            found.setdefault((row.dataset, row.norm, row.alpha, epsilon_text), []).append(row)
    order = list(dict.fromkeys(dataset for dataset, *_ in found))
    return sorted((Row(*key, _best(several)) for key, several in found.items()), key=lambda row: order.index(row[0]))


def _best(several: Sequence[Published]) -> Published:
    """Least adversarial risk on test, of those with a test risk of α if there are any."""

    def rank(row: Published) -> tuple[bool, float]:
        assert row.alpha is not None  # noqa: S101
        return row.values["risk", "test"][0] < 100 * row.alpha, row.values["adversarial_risk", "test"][0]

    return min(several, key=rank)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line and return its exit status."""
    description = "The least adversarial risks found, beside the paper's, and what is certified. What is there stays."
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
    for norm in METHODS:
        here = [row for row in every if row.norm == norm and row.dataset in sets]
        if not here:
            continue
        results: list[xr.Dataset] = []
        for certified in (False, True):
            path = result_path(norm, folder, certified=certified)
            work = [(row, name) for row in here for name in ([best(results[0], row)] if certified else METHODS[norm])]
            results.append(measure(work, sets, path, options, certified=certified))
            written.append(path)
        text.append(table(here, *results))
        panels += list(_panels(here, *results))
    write_page("Bounds", "\n".join(text), page)
    plot_bounds(panels, plots, _caption())
    for data in sets.values():
        written += pictures.show(data, _shown(data.name, every), folder, options)
    say("\n".join([*text, *map(str, written)]))
    return True


def result_path(norm: str, folder: str | Path, *, certified: bool) -> Path:
    """Where the measurements lie: with the small buffers, or with those that a certificate needs."""
    return Path(folder) / f"bounds-{norm}{'-certified' if certified else ''}.nc"


def best(ds: xr.Dataset, row: Row) -> str:
    """Return the search that is certified: of least adversarial risk on the training points, so that test points do not choose."""
    here = ds["adversarial_risk"].sel(row.at).sel(split="train", search=list(METHODS[row.norm]))
    return str(here["search"].values[int(here.values.argmin())])


def _cut(data: Dataset) -> Dataset:
    return type(data)(data.name, data.train.subsample(QUICK_TRAIN, SUBSAMPLE_SEED), data.test, data.verified)


def measure(
    work: Sequence[tuple[Row, str]],
    sets: dict[str, Dataset],
    path: Path,
    options: argparse.Namespace,
    *,
    certified: bool,
) -> xr.Dataset:
    """Search each case that the file does not have, and keep it there at once.

    Parameters
    ----------
    work : sequence of (Row, str)
        Cases, with the name of a search. The file keeps what it has of other data sets.
    sets : dict of str to Dataset
    path : pathlib.Path
    options : argparse.Namespace
    certified : bool
        With the buffer that a certificate of L >= α needs, not with `BUFFERS`.

    Returns
    -------
    xarray.Dataset
        In the schema, on search, alpha, dataset, epsilon and split.
    """

    def asked(row: Row, search: str) -> dict[str, Any]:
        data = sets[row.dataset]
        small = BUFFERS[row.norm][search][row.dataset]
        buffer = buffer_for(len(data.train), len(data.test), row.alpha) if certified else small
        return {"search": search} | row.at | {"buffer": buffer, "n_sets": METHODS[row.norm][search]}

    had = open_results(path) if path.exists() else None
    asked_for = {_key(one := asked(row, search)): (row, one) for row, search in work}
    entries = {} if had is None else {_key(entry[0]): entry for entry in _read(had, sets)}
    entries = {key: entry for key, entry in entries.items() if key in asked_for or entry[0]["dataset"] not in sets}
    ds = had
    for number, (key, (row, one)) in enumerate(asked_for.items(), 1):
        if key in entries:
            continue
        if not options.quiet:
            sign = NORM_SIGNS[row.norm]
            tell(f"{number}/{len(asked_for)}: {row.dataset}, {sign} {row.epsilon_text}, {WORDS[one['search']]} ...")
        started = time.perf_counter()
        entries[key] = _find(sets[row.dataset], row.norm, one, options)
        entries[key][0]["seconds"] = round(time.perf_counter() - started, 3)
        ds = _lay_out(list(entries.values()), row.norm, sets, had)
        save_results(ds, path)
    assert ds is not None  # there is work  # noqa: S101
    return ds


Entry = list[dict[str, Any]]  # of one case: its settings and what is proven, risks on both splits, the samples


def _key(one: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(one[name] for name in ("search", "alpha", "dataset", "epsilon", "buffer", "n_sets"))


def _find(data: Dataset, norm: str, one: dict[str, Any], options: argparse.Namespace) -> Entry:
    settings = {name: one[name] for name in ("search", "alpha", "epsilon", "buffer", "n_sets")}
    found = find_regions(data.train, data.test, norm, **settings, threads=options.threads, name=data.name).dataset
    found = found.squeeze(drop=True)
    at = {name: one[name] for name in ("search", "alpha", "dataset", "epsilon")}
    entry = [one | {name: float(found[name]) for name in PROVEN}]
    for split in SPLITS:
        sample, here = getattr(data, split), found.sel(split=split)
        entry.append(at | {"split": split} | {name: float(here[name]) for name in RISKS})
        entry.append({"dataset": data.name, "split": split, "n_points": len(sample), "data_sha256": sample.sha256})
    return entry


def _read(ds: xr.Dataset, sets: dict[str, Dataset]) -> Iterator[Entry]:
    """Yield the cases of a result again, but for those of other data."""
    for at in cases(ds):
        here, name = ds.sel(at), at["dataset"]
        samples = [{"dataset": name, "split": split} for split in SPLITS]
        entry = [at | {name: here[name].item() for name in (*LONG_NAMES, *PROVEN)}]
        for sample in samples:
            of = {name: ds[name].sel(sample).item() for name in ("n_points", "data_sha256")}
            risks = {name: here[name].sel(split=sample["split"]).item() for name in RISKS}
            entry += [at | {"split": sample["split"]} | risks, sample | of]
        hashes = [one["data_sha256"] for one in entry if "data_sha256" in one]
        if name not in sets or hashes == [sets[name].train.sha256, sets[name].test.sha256]:
            yield entry


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
    header = ["data set", "α", "ε", "paper", "risk", "adv. risk"]
    for search in METHODS[norm]:
        header += [f"{WORDS[search]}: risk", "adv. risk"]
    header += ["certified", "buffer", "L", "U", "L ≥ α"]
    lines = [f"## {NORM_SIGNS[norm]}", "", _line(header), _line(["---"] * len(header))]
    for row in here:
        printed = [row.paper.values[name, "test"][0] for name in RISKS]
        cells = [row.dataset, f"{row.alpha:g}", row.epsilon_text, row.paper.method, *(f"{one:.2f}" for one in printed)]
        tested = ds.sel(row.at).sel(split="test")
        enough = tested["adversarial_risk"].where(tested["risk"] >= row.alpha)
        for search in METHODS[norm]:
            risk, adversarial = (f"{100 * float(tested[name].sel(search=search)):.2f}" for name in RISKS)
            least = bool(enough.notnull().any()) and float(enough.sel(search=search)) == float(enough.min())
            cells += [risk, f"**{adversarial}**" if least else adversarial]
        search = best(ds, row)
        here_proven = proven.sel(row.at).sel(search=search)
        lowest, most = (float(here_proven[name]) for name in PROVEN)
        cells += [WORDS[search], f"{float(here_proven['buffer']):.4f}"]
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
        "Searches ask for a risk of α + buffer on the training points. These small buffers are chosen so that the test "
        "risk is at least α:",
        "",
        _line(["search", *sets]),
        _line(["---"] * (1 + len(sets))),
        *(
            _line([f"{NORM_SIGNS[norm]} {WORDS[name]}", *(f"{buffers[one]:g}" for one in sets)])
            for norm, searches in BUFFERS.items()
            for name, buffers in searches.items()
        ),
        "",
        "They were settled after two or three tries each, with test risks and test adversarial risks in view, so that the "
        "numbers beside them are a little optimistic and a narrow lead over the paper's is no evidence. The certificates use "
        "other regions: found at the buffer that the sizes of the "
        "samples alone ask for, by the search of least adversarial risk on the training points. With 95% confidence "
        "(Clopper and Pearson), each by itself, such a region has measure at least L and its expansion at most U, hence "
        "h(L, ε) ≤ U.",
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
        printed = {
            (row.alpha, row.at["epsilon"]): row.paper.values["adversarial_risk", "test"][0] / 100 for row in mine
        }
        labels = {search: WORDS[search] for search in METHODS[mine[0].norm]}
        title = f"{name}, {NORM_SIGNS[mine[0].norm]}"
        yield Bounds(ds.sel(dataset=name), proven.sel(dataset=name), printed, labels, title)


def _caption() -> str:
    return (
        "Test adversarial risk of the regions found against ε: upper bounds on h(μ, α, ε), each point another region. Crosses "
        "are the best of the paper's rows; triangles are U of the certificate, of regions found at a "
        "larger buffer. Points of another α are labeled with it."
    )


def _shown(name: str, every: Sequence[Row]) -> pictures.Shown:
    """Return what is pictured of a data set."""
    (row,) = (
        row
        for row in every
        if (row.dataset, row.epsilon_text, row.paper.table) in {(name, SHOWN[name], 1), (name, SHOWN[name], 4)}
    )
    assert row.paper.q is not None and row.paper.n_sets is not None  # noqa: S101, PT018
    return pictures.Shown(
        row.alpha,
        row.epsilon_text,
        SHOWN_L2[name],
        (METHODS["linf"]["faces"], BUFFERS["linf"]["faces"][name]),
        (METHODS["l2"]["free_balls"], BUFFERS["l2"]["free_balls"][name]),
        (row.paper.n_sets, row.paper.q),
    )


if __name__ == "__main__":
    sys.exit(main())
