"""Everything beside its peers, in one command: `python benchmarks/run.py`.

Radii and clustering of Algorithm 1 and the search of Algorithm 2, in one process with scikit-learn, faiss
and plain loops on the same data (peers that are slow on some of it: the table says on how much); growth with n
and d, one thread and all of them, and how long it takes to begin. Needs MNIST and CIFAR-10 where numbaconc looks for
them ($NUMBACONC_DATA_DIR). Peers that are not installed, and data that are not to be had, are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

from matplotlib.figure import Figure

import clustering
import greedy
import numbaconc as nc
import peak
import radii
import start
from common import OURS, THREADS, Data, Row
from machine import description

QUICK = 3000  # points
STAGES = {
    "radii": ("Radii: ℓ1 distance to the 50th neighbor", ("mnist", "cifar10")),
    "clustering": ("Clustering, and Table 1", ("cifar10", "mnist")),
    "balls": ("Balls: Algorithm 2", ("mnist",)),
    "start": ("To begin: import and the first measurement, of the digits", ("digits",)),
}
NOTES = """An operation is |x - y| of two bytes, added up (for balls a product of two levels). "G op/s" counts those that the
definition asks for, n² d for radii, in the time taken; "G op/s made" those that were made: each pair of points once, constant
columns never. "Share of peak" is the latter over what the same instructions do on rows that stay in the first-level
cache. "Times ours" is the time over numbaconc's with all threads; a peer's time is for the whole, scaled from what was measured.
Peak memory is of a process that does nothing else, data set included."""


def measured(name: str, data: Data, options: argparse.Namespace) -> list[Row]:
    """Run one stage on one data set."""
    if name == "radii":
        return list(radii.stage(data, quick=options.quick))
    if name == "start":
        return list(start.stage(data))
    return list({"clustering": clustering, "balls": greedy}[name].stage(data, options.before))


def table(rows: list[Row]) -> str:
    """Return a Markdown table, without the columns that nothing is in."""
    cells = [row.cells() for row in rows]
    heads = [head for head in cells[0] if any(line[head] for line in cells)]
    lines = [heads, ["---"] * len(heads), *([line[head] for head in heads] for line in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plot(rows: list[Row], path: Path) -> None:
    """Write the plot of seconds against n: of everything that was measured at several, with all threads."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    curves: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        if row.threads == THREADS:
            curves.setdefault((row.work, row.who), {})[row.n] = row.seconds
    for (work, who), points in curves.items():
        if len(points) > 1:
            sizes = sorted(points)
            axes.loglog(sizes, [points[n] for n in sizes], "o-" if who == OURS else "s:", label=f"{work}, {who}")
    axes.set_xlabel("points n")
    axes.set_ylabel("seconds")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, print, and write benchmarks.md, benchmarks.json and benchmarks.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"at most {QUICK:,} points of each data set")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES), metavar="STAGE")
    parser.add_argument("--datasets", nargs="+", help="in place of those of each stage: mnist, cifar10, digits")
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout of an older version to compare with")
    parser.add_argument("--out", type=Path, default=Path("experiments/benchmarks"), metavar="DIR")
    options = parser.parse_args()
    options.before = options.before and options.before.resolve()
    options.out.mkdir(parents=True, exist_ok=True)

    started, machine, everything = time.perf_counter(), description(), []
    rate = peak.l1(THREADS, peak.ROUNDS // (10 if options.quick else 1)) / 1e9
    machine["measured peak"] = f"{rate:.0f} G absolute differences of bytes a second, on {THREADS} threads"
    text = ["# Beside its peers", "", *(f"- {name}: {value}" for name, value in machine.items()), "", NOTES]
    print("\n".join(text), flush=True)
    loaded = {}
    for stage in options.stages:
        title, names = STAGES[stage]
        rows = []
        for name in names if stage == "start" else options.datasets or names:
            data = loaded.setdefault(name, Data(name, QUICK if options.quick else None))
            try:
                len(data.train)
            except nc.InputError as error:
                print(f"\n{name} is left out: {error}", flush=True)
                continue
            rows += measured(stage, data, options)
        if rows:
            text += ["", f"## {title}", "", table(rows)]
            print("\n".join(text[-4:]), flush=True)
            everything += rows
    text += ["", f"All of this took {time.perf_counter() - started:.0f} s."]
    print("\n".join(text[-2:]))

    (options.out / "benchmarks.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    record = {"machine": machine, "rows": [dataclasses.asdict(row) for row in everything]}
    (options.out / "benchmarks.json").write_text(
        json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    plot(everything, options.out / "benchmarks.png")


if __name__ == "__main__":
    main()
