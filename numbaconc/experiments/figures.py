"""The paper's figures: how risks change with q at a fixed T, and with T at the best q."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from numbaconc.cli.console import EXIT_BAD_INPUT, reporting, say, tell
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import check_writable
from numbaconc.experiments.commands import available, make_parser, seeds, sweep, wanted
from numbaconc.experiments.published import published
from numbaconc.show.plots import Panel, plot_curves

# The paper does not print its grids.
Q = tuple(round(0.3 + 0.05 * i, 2) for i in range(14))
T = (1, 2, 5, 10, 20, 40, 75)
RESTARTS = 5


class Curve(NamedTuple):
    """One plot of a figure.

    Attributes
    ----------
    along : {"q", "T"}
        What it is drawn against: q at a fixed T, or T with q searched.
    dataset, epsilon_text : str
        The strength on the unit scale as printed.
    alpha : float
    n_sets : int
        T where it is fixed; the paper's choice of it, marked, where it is not.
    q : float or None
        The paper's choice, marked; None where it has none.
    """

    along: str
    dataset: str
    epsilon_text: str
    alpha: float
    n_sets: int
    q: float | None = None


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
        parts.append(f"Adversarial risk at the best q against T; T = {', '.join(map(str, T))}, q searched for each.")
    seeds_said = f"{len(numbers)} restarts (seeds {numbers[0]} to {numbers[-1]})"
    parts.append(f"Lines are means over {seeds_said}, bands one standard deviation. The grids are ours.")
    return " ".join(parts)


def main(figure: int, arguments: Sequence[str] | None = None) -> int:
    """Run one figure from the command line and return its exit status."""
    names = ", ".join(_names(figure))
    description = f"The paper's Figure {figure}, measured into result files and drawn from them: {names}."
    parser = make_parser(f"figure{figure}", description, f"figure{figure}*.nc, .png and .svg", RESTARTS)
    options = parser.parse_args(arguments)
    with reporting(f"figure{figure}", quiet=options.quiet) as outcome:
        if not run(figure, options):
            outcome.status = EXIT_BAD_INPUT
    return outcome.status


def run(figure: int, options: argparse.Namespace) -> bool:
    """Measure a figure, write its results and draw it; return whether a data set can be had."""
    names, numbers = wanted(options, _names(figure)), seeds(options, RESTARTS)
    plots = [Path(options.out) / f"figure{figure}.{suffix}" for suffix in ("png", "svg")]
    check_writable(plots[0])
    sets = available(names, options)
    if not sets:
        tell(f"figure{figure}: error: none of {', '.join(names)} can be had")
        return False
    drawn = [curve for curve in curves(figure) if curve.dataset in sets]
    results = {along: _measured(figure, along, drawn, sets, numbers, options) for along in ("q", "T")}
    panels = [_panel(ds, curve) for curve in drawn if (ds := results[curve.along]) is not None]
    plot_curves(panels, plots, caption(figure, numbers))
    say("\n".join(map(str, plots)))
    return True


def result_path(figure: int, along: str, folder: str | Path) -> Path:
    """Where the measurements of a figure lie; one that has both kinds of plots has two files."""
    both = len({curve.along for curve in curves(figure)}) > 1
    return Path(folder) / f"figure{figure}{f'-{along}' if both else ''}.nc"


def _measured(
    figure: int,
    along: str,
    drawn: Sequence[Curve],
    sets: dict[str, Dataset],
    numbers: Sequence[int],
    options: argparse.Namespace,
) -> xr.Dataset | None:
    blocks = [
        {"dataset": curve.dataset, "epsilon": curve.epsilon_text, "alpha": curve.alpha, "seed": list(numbers)}
        | ({"T": curve.n_sets, "q": list(Q)} if along == "q" else {"T": list(T)})
        for curve in drawn
        if curve.along == along
    ]
    path = result_path(figure, along, options.out)
    return sweep(blocks, path, sets, options) if blocks else None


def _panel(ds: xr.Dataset, curve: Curve) -> Panel:
    here = ds.sel(dataset=curve.dataset, epsilon=parse_epsilon(curve.epsilon_text))
    title = f"{curve.dataset}, ℓ∞ ε = {curve.epsilon_text}, α = {curve.alpha:g}"
    if curve.along == "q":
        return Panel(
            here.sel(T=curve.n_sets), "q", ("risk", "adversarial_risk"), f"{title}, T = {curve.n_sets}", curve.q
        )
    return Panel(here, "T", ("adversarial_risk",), title, curve.n_sets)


def _names(figure: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(curve.dataset for curve in curves(figure)))
