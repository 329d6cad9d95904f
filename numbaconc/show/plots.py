"""Figures from results, never from raw arrays."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr

from numbaconc.certify import lower_bound, upper_bound
from numbaconc.data.files import replacing
from numbaconc.norms import sign_of
from numbaconc.results.queries import TAIL, cases, certificate, kept, mean_and_std, select_case

STYLES = {"train": "--", "test": "-"}
NAMES = {"risk": "risk", "adversarial_risk": "adversarial risk"}
COLORS = {"risk": "C0", "adversarial_risk": "C3"}
ALONG = {"q": "q, share of the training points clustered, dense first", "T": "T, number of boxes"}
SEARCH_COLORS = ("C0", "C1", "C2", "C4")  # in the order of a case's searches
BAND_COLOR = "C3"
REFERENCE_STYLES = (":", "-.")
SIZE = (6.4, 4.2)  # inches
PANEL_SIZE = (4.2, 3.2)  # inches
COLUMNS = 3
LETTERS_PER_INCH = 16  # of a caption
DOTS_PER_INCH = 150


def plot_measurement(ds: xr.Dataset, path: str | Path) -> None:
    """Plot adversarial risk against epsilon for the kept regions, and write it to a file.

    A curve is one region, the set fixed, expanded by every strength up to the epsilon that its search
    aimed at; it starts at the region's risk. The marker at its end is the mean over the restarts, its
    bar one standard deviation. The band around the curve of the test points is the certificate: its lower
    edge starts at L, its upper edge ends at U.

    Parameters
    ----------
    ds : xarray.Dataset
        From `measure`.
    path : path-like
        PNG, SVG or PDF, by its suffix.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for number, case in enumerate(cases(ds)):
        _plot_case(axes, select_case(ds, case), case, f"C{number}")
    for alpha in np.unique(ds["alpha"]):
        axes.axhline(alpha, color="0.5", linewidth=1, linestyle=":", label=f"alpha = {100 * alpha:g}%")
    axes.set_xlim(0, 1.04 * float(ds["epsilon"].max()))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_xlabel(f"strength of the expansion, {sign_of(ds.attrs.get('norm'))} distance")
    axes.set_ylabel("adversarial risk of the region found")
    names = ", ".join(str(name) for name in ds["dataset"].values)
    axes.set_title(f"{names}: how fast the least-growing set found grows", fontsize="medium")
    axes.legend(fontsize="small")
    with replacing(path) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH)


def _plot_case(axes: Any, here: xr.Dataset, case: Mapping[str, Any], color: str) -> None:  # noqa: ANN401
    epsilon = case["epsilon"]
    name = f"epsilon {epsilon:g}" + (f", alpha {case['alpha']:g}" if "alpha" in case else "")
    mean, std = mean_and_std(here, "adversarial_risk")
    for split, style in STYLES.items():
        at_split = kept(here).sel(split=split)
        curve = at_split["adversarial_risk_at"].sel(strength=slice(None, epsilon))
        strengths = [0.0, *curve["strength"].values]
        label = f"found for {name}, {split}"
        axes.plot(strengths, [float(at_split["risk"]), *curve.values], style, color=color, linewidth=1.5, label=label)
        if split == "test" and "n_points" in at_split:
            n = int(at_split["n_points"])
            counts = [round(value * n) for value in (float(at_split["risk"]), *curve.values)]
            least, most = ([bound(count, n, TAIL) for count in counts] for bound in (lower_bound, upper_bound))
            proven = certificate(here, epsilon).sentence
            axes.fill_between(strengths, least, most, color=color, alpha=0.15, linewidth=0, label=proven)
        filled = color if split == "test" else "white"
        axes.errorbar(
            epsilon,
            float(mean.sel(split=split)),
            yerr=float(std.sel(split=split)) or None,
            fmt="o",
            color=color,
            markerfacecolor=filled,
            capsize=3,
        )


class Panel(NamedTuple):
    """One plot among several.

    Attributes
    ----------
    ds : xarray.Dataset
        In the schema, of one case but for `along`, seed and split.
    along : {"q", "T"}
        The dimension that it is drawn against.
    variables : tuple of str
        What is drawn.
    title : str
    marked : float or None
        A place on the axis to mark as the paper's choice.
    """

    ds: xr.Dataset
    along: str
    variables: tuple[str, ...]
    title: str
    marked: float | None


def plot_curves(panels: Sequence[Panel], paths: Sequence[str | Path], caption: str = "") -> None:
    """Plot means over the seeds against a dimension of a sweep, with bands of one standard deviation.

    Parameters
    ----------
    panels : sequence of Panel
    paths : sequence of path-like
        Files to write the same figure to: PNG, SVG or PDF, by their suffixes.
    caption : str
        Written below.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    _draw(panels, _plot_panel, paths, caption)


PanelType = TypeVar("PanelType", bound=tuple[Any, ...])


def _draw(
    panels: Sequence[PanelType],
    plot: Callable[[Any, PanelType], None],
    paths: Sequence[str | Path],
    caption: str,
) -> None:
    """Draw panels side by side, a caption below, and write the figure to files."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = PANEL_SIZE
    figure = Figure(figsize=(width * columns, height * rows + 0.6 * bool(caption)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        plot(axes, panel)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if caption:
        lines = textwrap.fill(caption, int(LETTERS_PER_INCH * width * columns))
        figure.supxlabel(lines, fontsize="small", x=0.01, horizontalalignment="left")
    for path in paths:
        with replacing(path) as part, mpl.rc_context({"svg.hashsalt": "numbaconc"}):  # the same file every time
            undated = {"Date": None} if part.suffix == ".svg" else None
            figure.savefig(part, dpi=DOTS_PER_INCH, metadata=undated)


def _plot_panel(axes: Any, panel: Panel) -> None:  # noqa: ANN401
    measured = panel.ds[panel.along].values[panel.ds[panel.variables[0]].notnull().any(["seed", "split"]).values]
    here = panel.ds.sel({panel.along: measured})
    for name in panel.variables:
        mean, std = (100 * values for values in mean_and_std(here, name))
        for split, style in STYLES.items():
            middle, half = mean.sel(split=split).values, std.sel(split=split).values
            label = f"{NAMES[name]}, {split}"
            axes.plot(measured, middle, style, color=COLORS[name], linewidth=1.5, marker=".", markersize=4, label=label)
            axes.fill_between(measured, middle - half, middle + half, color=COLORS[name], alpha=0.2, linewidth=0)
    if panel.marked is not None:
        label = f"the paper's {panel.along} = {panel.marked:g}"
        axes.axvline(panel.marked, color="0.3", linewidth=1, linestyle=":", label=label)
    if panel.along == "T":
        _mark_each(axes, measured)
    _finish(axes, ALONG[panel.along], panel.title)


def _mark_each(axes: Any, values: Any) -> None:  # noqa: ANN401
    """Make the horizontal axis logarithmic, with a mark at each value and nowhere else."""
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def _finish(axes: Any, along: str, title: str) -> None:  # noqa: ANN401
    """Label a plot of per cent against something."""
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=None))
    axes.set_xlabel(along, fontsize="small")
    axes.set_title(title, fontsize="medium")
    axes.legend(fontsize="x-small", handlelength=3)


class Estimates(NamedTuple):
    """One plot of what searches found on samples of a distribution whose concentration function is known.

    Attributes
    ----------
    ds : xarray.Dataset
        `adversarial_risk`, on search, `along`, seed and split; `truth`, and what `lines` names.
    along : {"n_train", "T"}
        The dimension that it is drawn against.
    lines : tuple of str
        Variables without dimensions: what a sub-family of sets, or an expansion that is too large, can reach.
    title : str
    """

    ds: xr.Dataset
    along: str
    lines: tuple[str, ...]
    title: str


ESTIMATES_ALONG = {"n_train": "n, number of training points (T = 1)", "T": "T, number of sets"}


def plot_estimates(panels: Sequence[Estimates], paths: Sequence[str | Path], caption: str = "") -> None:
    """Plot adversarial risks found, means over the samples with bands of one standard deviation, and the truth.

    Risks on test points are solid, on training points dashed.

    Parameters
    ----------
    panels, paths, caption
        As in `plot_curves`.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    _draw(panels, _plot_estimates, paths, caption)


def _plot_estimates(axes: Any, panel: Estimates) -> None:  # noqa: ANN401
    for search, color in zip(panel.ds["search"].values, SEARCH_COLORS, strict=False):
        here = panel.ds.sel(search=search).dropna(panel.along, how="all", subset=["adversarial_risk"])
        mean, std = (100 * values for values in mean_and_std(here, "adversarial_risk"))
        for split, style in STYLES.items():
            middle, half, at = mean.sel(split=split).values, std.sel(split=split).values, here[panel.along].values
            axes.plot(
                at, middle, style, color=color, linewidth=1.5, marker=".", label=search if split == "test" else None
            )
            axes.fill_between(at, middle - half, middle + half, color=color, alpha=0.15, linewidth=0)
    for name, dashes in zip(panel.lines, REFERENCE_STYLES, strict=False):
        axes.axhline(
            100 * float(panel.ds[name]), color="0.55", linewidth=1.2, linestyle=dashes, label=panel.ds[name].long_name
        )
    axes.axhline(100 * float(panel.ds["truth"]), color="black", linewidth=1.5, label="the truth, h(μ, α, ε)")
    _mark_each(axes, panel.ds[panel.along].values)
    _finish(axes, ESTIMATES_ALONG[panel.along], panel.title)


class Bounds(NamedTuple):
    """One plot of upper bounds on h, of several searches, beside the paper's.

    Attributes
    ----------
    ds : xarray.Dataset
        `risk` and `adversarial_risk` on search, alpha, epsilon and split.
    certified : xarray.Dataset
        `adversarial_risk` on alpha, epsilon and split, `measure_at_least` and `expansion_at_most` on alpha and
        epsilon, of the regions that are certified.
    printed : dict
        (alpha, epsilon) → the paper's adversarial risk on test, a fraction.
    labels : dict of str to str
        The searches, in order, with what they are called.
    title : str
    """

    ds: xr.Dataset
    certified: xr.Dataset
    printed: dict[tuple[float, float], float]
    labels: dict[str, str]
    title: str


def plot_bounds(panels: Sequence[Bounds], paths: Sequence[str | Path], caption: str = "") -> None:
    """Plot test adversarial risks of the regions found against epsilon, the paper's, and what is certified.

    Parameters
    ----------
    panels, paths, caption
        As in `plot_curves`.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    _draw(panels, _plot_bounds, paths, caption)


def _plot_bounds(axes: Any, panel: Bounds) -> None:  # noqa: ANN401
    from matplotlib.ticker import PercentFormatter

    alphas = sorted({alpha for alpha, _ in panel.printed})
    for alpha in alphas:
        first = alpha == alphas[0]
        at = sorted(epsilon for one, epsilon in panel.printed if one == alpha)
        paper = [100 * panel.printed[alpha, epsilon] for epsilon in at]
        here = panel.ds.sel(alpha=alpha, epsilon=at, split="test")
        proven = panel.certified.sel(alpha=alpha, epsilon=at)
        axes.plot(at, paper, "x:", color="black", linewidth=1, label="the paper's best" if first else None)
        for (search, label), color in zip(panel.labels.items(), SEARCH_COLORS, strict=False):
            values = 100 * here["adversarial_risk"].sel(search=search).values
            axes.plot(at, values, ".-", color=color, linewidth=1.5, label=label if first else None)
        tested, most = (
            100 * one.values for one in (proven["adversarial_risk"].sel(split="test"), proven["expansion_at_most"])
        )
        enough = proven["measure_at_least"].values >= alpha
        if len(at) > 1:
            band = axes.fill_between(at, tested, most, color=BAND_COLOR, alpha=0.25, linewidth=0)
            band.set_label("certified: test points … U" if first else None)
        for chosen, fill, word in ((enough, BAND_COLOR, "U, with L ≥ α"), (~enough, "white", "U, with L < α")):
            if chosen.any():
                places = np.array(at)[chosen]
                style = {"color": BAND_COLOR, "markerfacecolor": fill, "markersize": 5}
                axes.plot(places, most[chosen], "v", label=word if first else None, **style)
        if not first:
            axes.annotate(
                f"α = {alpha:g}", (at[0], paper[0]), (6, 0), textcoords="offset points", fontsize="x-small", va="center"
            )
    axes.axhline(100 * alphas[0], color="0.5", linewidth=1, linestyle="--", label=f"α = {alphas[0]:g}")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=None))
    axes.set_xlabel(f"ε, {panel.title.rpartition(' ')[2]} distance", fontsize="small")
    axes.set_title(panel.title, fontsize="medium")
    axes.legend(fontsize="x-small", handlelength=2.5)
