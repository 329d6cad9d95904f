"""Everything beside its peers, in one command: `python benchmarks/run.py`.

Radii and clustering of Algorithm 1, the search of Algorithm 2 and separation, of bytes and of floats, in one process with
scikit-learn, faiss, pynndescent and plain loops on the same data (peers that are slow on some of it: the table says on
how much); growth with n and d, one thread, all of them and Dask, and how long it takes to begin. Needs MNIST and CIFAR-10 where numbaconc looks for
them ($NUMBACONC_DATA_DIR). Peers that are not installed, and data that are not to be had, are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import clustering
import floats
import greedy
import numbaconc as nc
import peak
import radii
import separation
import start
import workers
from common import OURS, THREADS, Data, Row
from machine import description
from made import FLOATS
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.panels import Panel, lay_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK = 2100  # points; of floats just enough for codes
STAGES = {
    "radii": ("Radii: ℓ1 distance to the 50th neighbor", ("mnist", "cifar10")),
    "clustering": ("Clustering, and Table 1", ("cifar10", "mnist")),
    "balls": ("Balls: Algorithm 2", ("mnist",)),
    "separation": ("Separation: distance to the nearest point of another label", ("mnist", "cifar10")),
    "floats": ("Floats: distance to the 50th neighbor, and both algorithms", tuple(FLOATS)),
    "workers": ("Radii over Dask", ("mnist",)),
    "start": ("To begin: import and the first measurement, of the digits", ("digits",)),
}
NOTES = """An operation is |x - y| of two numbers, added up (for ℓ2 and balls a product of two). "G op/s" counts those that the
definition asks for, n² d for radii, in the time taken; "G op/s made" those that were made: each pair of points once, of
bytes without constant columns, of floats on the bytes of their codes. "Share of peak" is the latter over what the same
instructions do on rows that stay in the first-level cache. "Refined" is the share of pairs of floats that were summed up in
float64, too. "Times ours" is the time over numbaconc's with all threads; a peer's time is for the whole, scaled from what
was measured. "Radii right" is the share of a peer's radii that are within 1e-4 of ours, "recall" that of the neighbors it
found that are within ours. Peak memory is of a process that does nothing else, data set included."""


def measured(name: str, data: Data, options: argparse.Namespace) -> list[Row]:
    """Run one stage on one data set; nothing where these are not floats, or the stage is not one of them."""
    if (name == "floats") != (data.name in FLOATS):
        return []
    if name == "floats":
        return list(floats.stage(data, options.before, quick=options.quick))
    if name == "radii":
        return list(radii.stage(data, quick=options.quick))
    if name in ("start", "workers", "separation"):
        return list({"start": start, "workers": workers, "separation": separation}[name].stage(data))
    return list({"clustering": clustering, "balls": greedy}[name].stage(data, options.before))


def table(rows: list[Row]) -> str:
    """Return a Markdown table, without the columns that nothing is in."""
    cells = [row.cells() for row in rows]
    heads = [head for head in cells[0] if any(line[head] for line in cells)]
    lines = [heads, ["---"] * len(heads), *([line[head] for head in heads] for line in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def curves_of(rows: list[Row]) -> dict[str, dict[int, float]]:
    """Return seconds by n of everything that was measured at several, with all threads, by what it is."""
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.threads == THREADS:
            curves.setdefault(f"{row.work}, {row.who}", {})[row.n] = row.seconds
    return {name: points for name, points in curves.items() if len(points) > 1}


def plot(stages: list[list[Row]], path: Path) -> None:
    """Write the plots of seconds against n, one for each stage that has any; nothing where none has."""
    plots = [Panel("", functools.partial(draw, curves=curves)) for curves in map(curves_of, stages) if curves]
    if plots:
        with canvas.new_figure((style.DOUBLE, style.HEIGHTS[2])) as figure:
            lay_out(figure, plots, min(2, len(plots)), style.HEIGHTS[2])
            canvas.write(figure, path)


def draw(axes: Axes, curves: dict[str, dict[int, float]]) -> None:
    """Draw the curves of one stage: each has a marker, and peers of ours are dotted."""
    handles = []
    for i, (name, points) in enumerate(curves.items()):
        sizes, seconds = zip(*sorted(points.items()), strict=True)
        color, marker = style.CATEGORIES[i % len(style.CATEGORIES)], style.MARKERS[i % len(style.MARKERS)]
        look = {"color": color, "marker": marker, "linestyle": "-" if name.endswith(OURS) else ":"}
        handles += axes.loglog(sizes, seconds, markersize=4, linewidth=1.3, label=name, **look)
    axes.grid(alpha=0.3)
    legends.mark_each(axes, sorted({n for points in curves.values() for n in points}))
    legends.label_axes(axes, "points n", "seconds")
    legends.put_legend(axes, handles)


def main() -> None:
    """Measure, print, and write benchmarks.md, benchmarks.json and, where something grows with n, benchmarks.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"at most {QUICK:,} points of each data set")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES), metavar="STAGE")
    parser.add_argument(
        "--datasets", nargs="+", help=f"in place of those of each stage: mnist, cifar10, digits, {', '.join(FLOATS)}"
    )
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
            everything.append(rows)
    text += ["", f"All of this took {time.perf_counter() - started:.0f} s."]
    print("\n".join(text[-2:]))

    (options.out / "benchmarks.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    record = {"machine": machine, "rows": [dataclasses.asdict(row) for row in itertools.chain(*everything)]}
    (options.out / "benchmarks.json").write_text(
        json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    plot(everything, options.out / "benchmarks.png")


if __name__ == "__main__":
    main()
