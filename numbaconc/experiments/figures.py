"""The paper's figures: how risks change with q at a fixed T, and with T at the best q."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from numbaconc.cli.console import say
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.files import check_writable
from numbaconc.experiments.commands import available, run_command, seeds, sweep, wanted
from numbaconc.experiments.published import published
from numbaconc.numerals import exact
from numbaconc.results.slices import whole
from numbaconc.show.pictures import legends, style
from numbaconc.show.pictures.plots import plot_panels
from numbaconc.show.pictures.risks import draw_risks

# The paper does not print its grids.
Q = tuple(round(0.3 + 0.05 * i, 2) for i in range(14))
T = (1, 2, 5, 10, 20, 40, 75)
RESTARTS = 5


class Curve(NamedTuple):
    """One plot of a figure."""

    along: str  # what it is drawn against: "q" at a fixed T, or "T" with q searched
    dataset: str
    epsilon_text: str  # the strength on the unit scale as printed
    alpha: float
    n_sets: int  # T where it is fixed; the paper's choice of it, marked, where it is not
    q: float | None = None  # the paper's choice, marked; None where it has none


def curves(figure: int) -> list[Curve]:
    """Return the plots of one of the paper's figures."""
    rows = [row for table in (1, 4) for row in published(table) if row.method == "rectangles"]
    at = {(row.dataset, row.epsilon_text): row for row in rows}

    def make(along: str, dataset: str, epsilon_text: str) -> Curve:
        row = at[dataset, epsilon_text]
        assert row.alpha is not None and row.n_sets is not None  # rectangles have both  # noqa: S101, PT018
        return Curve(along, dataset, epsilon_text, row.alpha, row.n_sets, row.q)

    if figure == 1:
        against_q = make("q", "cifar10", "8/255")._replace(n_sets=30, q=None)
        return [against_q, make("T", "mnist", "0.3"), make("T", "cifar10", "8/255")]
    if figure == 2:
        return [make("q", row.dataset, row.epsilon_text) for row in rows]
    pairs = [("mnist", "0.1"), ("cifar10", "2/255"), ("mnist", "0.2"), ("cifar10", "4/255")]
    return [make("T", *pair) for pair in pairs]


def caption(figure: int, numbers: Sequence[int]) -> str:
    """Say what a figure shows, and on which grid."""
    shown = {curve.along for curve in curves(figure)}
    parts = []
    if "q" in shown:
        parts.append(
            f"Risk and adversarial risk of Algorithm 1's regions against q, at a fixed T; q = {Q[0]:.2f}, {Q[1]:.2f}, "
            f"..., {Q[-1]:.2f}."
        )
    if "T" in shown:
        parts.append(
            f"Risk and adversarial risk at the best q against T; T = {', '.join(map(str, T))}, q searched for each."
        )
    seeds_said = f"{len(numbers)} restarts (seeds {numbers[0]} to {numbers[-1]})"
    parts.append(f"Lines are means over {seeds_said}, bands one standard deviation. The grids are ours.")
    return " ".join(parts)


def main(figure: int, arguments: Sequence[str] | None = None) -> int:
    """Run one figure from the command line and return its exit status."""
    names = ", ".join(_names(figure))
    description = f"The paper's Figure {figure}, measured into result files and drawn from them: {names}."
    writes = f"figure{figure}*.nc, .png and .svg"
    return run_command(partial(run, figure), f"figure{figure}", description, writes, RESTARTS, arguments)


def run(figure: int, options: argparse.Namespace) -> None:
    """Measure a figure, write its results and draw it."""
    names, numbers = wanted(options, _names(figure)), seeds(options, RESTARTS)
    plots = [Path(options.out) / f"figure{figure}.{suffix}" for suffix in ("png", "svg")]
    check_writable(plots[0])
    sets = available(names, options)
    drawn = [curve for curve in curves(figure) if curve.dataset in sets]
    results: dict[str, xr.Dataset] = {}
    for along in dict.fromkeys(curve.along for curve in drawn):
        blocks = [_block(curve, numbers) for curve in drawn if curve.along == along]
        results[along] = sweep(blocks, result_path(figure, along, options.out), sets, options)
    panels = [_panel(results[curve.along], curve) for curve in drawn]
    plot_panels(panels, plots, caption(figure, numbers))
    say("\n".join(map(str, plots)))


def result_path(figure: int, along: str, folder: str | Path) -> Path:
    """Where the measurements of a figure lie; one that has both kinds of plots has two files."""
    both = len({curve.along for curve in curves(figure)}) > 1
    return Path(folder) / f"figure{figure}{f'-{along}' if both else ''}.nc"


def _block(curve: Curve, numbers: Sequence[int]) -> dict[str, Any]:
    """Return the table of a sweep that a plot is drawn from."""
    grid: dict[str, Any] = {"T": curve.n_sets, "q": list(Q)} if curve.along == "q" else {"T": list(T)}
    grid |= {"dataset": curve.dataset, "epsilon": curve.epsilon_text, "alpha": curve.alpha}
    return grid | {"seed": list(numbers)}


class RiskPanel(NamedTuple):
    """Risks of one case as means over the seeds, against q or T, with the paper's choice of it."""

    ds: xr.Dataset
    along: str
    title: str
    marked: float | None

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        handles = draw_risks(axes, whole(self.ds), self.along)
        if self.marked is not None:
            look = {"color": style.faint(axes), "linewidth": 1, "linestyle": ":"}
            handles.append(axes.axvline(self.marked, label=f"{self.along} of the paper", **look))
        legends.put_legend(axes, handles)


def _panel(ds: xr.Dataset, curve: Curve) -> RiskPanel:
    here = ds.sel(dataset=curve.dataset, epsilon=parse_epsilon(curve.epsilon_text))
    title = f"{curve.dataset}, ℓ∞ ε = {curve.epsilon_text}, α = {exact(curve.alpha)}"
    if curve.along == "T":
        return RiskPanel(here, "T", f"{title}\nthe paper's T = {curve.n_sets}", curve.n_sets)
    paper = "" if curve.q is None else f"\nthe paper's q = {exact(curve.q)}"
    return RiskPanel(here.sel(T=curve.n_sets), "q", f"{title}, T = {curve.n_sets}{paper}", curve.q)


def _names(figure: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(curve.dataset for curve in curves(figure)))
