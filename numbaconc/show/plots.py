"""Figures from results, never from raw arrays."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numbaconc.binomial import CONFIDENCE, lower_limit, upper_limit
from numbaconc.data.files import replacing
from numbaconc.errors import InputError, printable
from numbaconc.norms import sign_of
from numbaconc.numerals import exact, exact_percent
from numbaconc.results.queries import (
    cases,
    certificate,
    certificate_at_alpha,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.results.slices import CURVES, whole
from numbaconc.show.certified import certified_line, classifier_of
from numbaconc.show.curves import BETWEEN, CERTIFIED_COLOR, draw_classifier, draw_curves

STYLES = {"train": "--", "test": "-"}
NAMES = {"risk": "risk", "adversarial_risk": "adversarial risk"}
COLORS = {"risk": "C0", "adversarial_risk": "C3"}
ALONG = {"q": "q, share of the training points clustered, dense first", "T": "T, number of boxes"}
ESTIMATES_ALONG = {"n_train": "n, number of training points (T = 1)", "T": "T, number of sets"}
SEARCH_COLORS = ("C0", "C1", "C2", "C4")  # in the order of a case's searches
REFERENCE_STYLES = (":", "-.")
SIZE = (6.4, 4.2)  # inches
WIDE = (10.4, 5.4)  # of two axes, or of a legend beside them
ENTRY = 0.21  # inches, of a legend
PANEL_SIZE = (4.2, 3.2)  # inches
COLUMNS = 3
LETTERS_PER_INCH = 16  # of a caption
DOTS_PER_INCH = 150
BAR = 0.012  # half the width of a bar, as a part of its place


def plot_measurement(ds: xr.Dataset, path: str | Path) -> None:
    """Plot a result of `measure`, and write it to a file: PNG, SVG or PDF, by its suffix.

    One case is shown as its kept region grows. A curve is the set fixed, expanded by every strength up to the epsilon
    that its search aimed at; it starts at the region's risk. The marker at its end is the mean over the restarts, its bar
    one standard deviation. The band around the curve of the test points holds the measure of that region's expansions by
    all strengths at once, with 95% confidence; the diamonds are α and U of the certificate, which holds with 95%
    confidence by itself. The bar at epsilon, if h is bounded from below, too, reaches from that bound to U. Beside it stands the classifier, if there is one. Several cases are shown as what is certified
    and what was measured, against epsilon or alpha.

    InputError if the file cannot be written, or a slice lacks what is to be drawn.
    """
    ds = whole(ds)
    if "strength" not in ds.dims or "strength" not in ds.coords or CURVES not in ds:
        msg = f"results lack {CURVES} on strength; allowed: a result of `measure`, or a slice that keeps it"
        raise InputError(msg)
    found = list(cases(ds))
    several = len(found) > 1  # the legend then stands beside the axes, where it covers nothing
    here = select_case(ds, found[0])
    classifier = None if several else classifier_of(here, found[0]["epsilon"])
    width, height = WIDE if several or classifier else SIZE
    with new_figure((width, height)) as figure:
        grid = figure.subplots(1, 2 if classifier else 1, squeeze=False)[0]
        names = printable(", ".join(str(name) for name in ds["dataset"].values))
        if several:
            draw_curves(grid[0], ds, found)
            title, legend = "what is certified, and what was measured", figure.legend(loc="outside right upper")
            figure.set_size_inches(width, max(height, ENTRY * (3 + len(legend.get_texts()))))
        else:
            _plot_case(grid[0], here, found[0]["epsilon"])
            title, legend = "how fast the least-growing set found grows", grid[0].legend()
        if classifier:
            draw_classifier(grid[1], here, found[0]["epsilon"], classifier)
        grid[0].set_title(f"{names}: {title}", fontsize="medium", parse_math=False)  # "$" in a name is no formula
        for text in legend.get_texts():
            text.set(parse_math=False, fontsize="small")
        with replacing(path) as part:
            figure.savefig(part, dpi=DOTS_PER_INCH)


@contextlib.contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Any]:
    """Yield a figure that is drawn without LaTeX, whatever the user's settings are: names are no TeX."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"text.usetex": False, "svg.hashsalt": "numbaconc"}):  # the same file every time
        yield Figure(figsize=size, layout="constrained")


def _plot_case(axes: Any, here: xr.Dataset, epsilon: float) -> None:  # noqa: ANN401
    """Draw how the kept region of one case grows, and what is certified."""
    from matplotlib.ticker import PercentFormatter

    mean, std = mean_and_std(here, "adversarial_risk")
    alpha, proven, unmoved = float(here["alpha"]), certificate_at_alpha(here, epsilon), certificate(here, epsilon)
    if proven is not None and proven.U < 1:
        diamonds = {"color": CERTIFIED_COLOR, "marker": "D", "s": 18, "clip_on": False, "zorder": 3}
        axes.scatter([0, epsilon], [proven.L, proven.U], label=certified_line(here, epsilon), **diamonds)
    elif unmoved is not None:
        axes.plot([], [], " ", label=f"nothing is certified at alpha = {exact_percent(alpha)}")
    if (least := lower_of(here)) is not None:
        most = 1 if proven is None else proven.U
        label = f"h lies between: {exact_percent(CONFIDENCE)} confidence"
        axes.fill_between(
            [epsilon * (1 - BAR), epsilon * (1 + BAR)],
            least,
            most,
            label=label,
            color=CERTIFIED_COLOR,
            linewidth=0,
            **BETWEEN,
        )
    for split, style in STYLES.items():
        at_split = kept(here).sel(split=split)
        curve = at_split[CURVES].sel(strength=slice(None, epsilon)).dropna("strength")
        strengths, risks = [0.0, *curve["strength"].values], [float(at_split["risk"]), *curve.values]
        axes.plot(strengths, risks, style, color="C0", linewidth=1.5, label=f"the region found, {split}")
        if split == "test" and unmoved is not None:
            band = simultaneous_band(strengths, risks, unmoved.n_points)
            label = f"test: {exact_percent(CONFIDENCE)} band at all strengths at once"
            axes.fill_between(*band, color="C0", alpha=0.15, linewidth=0, label=label)
        filled = "C0" if split == "test" else "white"
        middle, half = float(mean.sel(split=split)), float(std.sel(split=split)) or None
        axes.errorbar(epsilon, middle, yerr=half, fmt="o", color="C0", markerfacecolor=filled, capsize=3)
    axes.axhline(alpha, color="0.5", linewidth=1, linestyle=":", label=f"alpha = {exact_percent(alpha)}")
    axes.set_xlim(0, 1.04 * epsilon)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_xlabel(f"strength of the expansion, {sign_of(here.attrs.get('norm'))} distance")
    axes.set_ylabel("adversarial risk of the region found")


def simultaneous_band(
    strengths: Sequence[float], risks: Sequence[float], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return strengths, and between which bounds the measures of one set's expansions by all of them lie at once.

    Clopper and Pearson's bounds at m strengths, ascending, at each of which `risks` are fractions of n test points, with
    Bonferroni's correction for 2m. Measures grow with the strength, so that between two strengths the bound below is
    that of the first, the bound above that of the second: both are steps, and hold with 95% confidence everywhere.
    """
    tail = (1 - CONFIDENCE) / (2 * len(risks))
    counts = [round(risk * n) for risk in risks]
    least, most = (np.array([bound(count, n, tail) for count in counts]) for bound in (lower_limit, upper_limit))
    return np.repeat(strengths, 2)[1:-1], np.repeat(least[:-1], 2), np.repeat(most[1:], 2)


class Panel(Protocol):
    """One plot among several."""

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""


def plot_panels(panels: Sequence[Panel], paths: Sequence[str | Path], caption: str) -> None:
    """Draw panels side by side, a caption below, and write the figure to PNG, SVG or PDF files, by their suffixes."""
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = PANEL_SIZE
    with new_figure((width * columns, height * rows + 0.6)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            panel.plot(axes)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        lines = textwrap.fill(caption, int(LETTERS_PER_INCH * width * columns))
        figure.supxlabel(lines, fontsize="small", x=0.01, horizontalalignment="left", parse_math=False)
        for path in paths:
            with replacing(path) as part:
                undated = {"Date": None} if part.suffix == ".svg" else None
                figure.savefig(part, dpi=DOTS_PER_INCH, metadata=undated)


class Curves(NamedTuple):
    """Means over the seeds against a dimension of a sweep, with bands of one standard deviation."""

    ds: xr.Dataset  # in the schema, of one case but for `along`, seed and split
    along: str  # the dimension that it is drawn against: "q" or "T"
    variables: tuple[str, ...]  # what is drawn
    title: str
    marked: float | None  # a place on the axis to mark as the paper's choice

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib."""
        measured = self.ds[self.along].values[self.ds[self.variables[0]].notnull().any(["seed", "split"]).values]
        here = self.ds.sel({self.along: measured})
        for name in self.variables:
            labels = {split: f"{NAMES[name]}, {split}" for split in STYLES}
            _plot_means(axes, here, name, measured, labels, color=COLORS[name], markersize=4, shade=0.2)
        if self.marked is not None:
            label = f"the paper's {self.along} = {exact(self.marked)}"
            axes.axvline(self.marked, color="0.3", linewidth=1, linestyle=":", label=label)
        if self.along == "T":
            _mark_each(axes, measured)
        _finish(axes, ALONG[self.along], self.title)


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
        for search, color in zip(self.ds["search"].values, SEARCH_COLORS, strict=False):
            here = self.ds.sel(search=search).dropna(self.along, how="all", subset=["adversarial_risk"])
            labels = {"train": None, "test": search}
            _plot_means(axes, here, "adversarial_risk", here[self.along].values, labels, color=color)
        for name, dashes in zip(self.lines, REFERENCE_STYLES, strict=False):
            height, label = 100 * float(self.ds[name]), self.ds[name].long_name
            axes.axhline(height, color="0.55", linewidth=1.2, linestyle=dashes, label=label)
        axes.axhline(100 * float(self.ds["truth"]), color="black", linewidth=1.5, label="the truth, h(μ, α, ε)")
        _mark_each(axes, self.ds[self.along].values)
        _finish(axes, ESTIMATES_ALONG[self.along], self.title)


def _plot_means(
    axes: Any,  # noqa: ANN401
    here: xr.Dataset,
    name: str,
    places: Any,  # noqa: ANN401
    labels: Mapping[str, str | None],
    *,
    color: str,
    markersize: float | None = None,
    shade: float = 0.15,
) -> None:
    """Draw means over the seeds in per cent, a line for each split, in bands of one standard deviation."""
    mean, std = (100 * values for values in mean_and_std(here, name))
    for split, style in STYLES.items():
        middle, half = mean.sel(split=split).values, std.sel(split=split).values
        label = labels[split]
        axes.plot(places, middle, style, color=color, linewidth=1.5, marker=".", markersize=markersize, label=label)
        axes.fill_between(places, middle - half, middle + half, color=color, alpha=shade, linewidth=0)


def _mark_each(axes: Any, values: Any) -> None:  # noqa: ANN401
    """Make the horizontal axis logarithmic, with a mark at each value and nowhere else."""
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def _finish(axes: Any, along: str, title: str, handle_length: float = 3) -> None:  # noqa: ANN401
    """Label a plot of per cent against something."""
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=None))
    axes.set_xlabel(along, fontsize="small")
    axes.set_title(title, fontsize="medium", parse_math=False)
    axes.legend(fontsize="x-small", handlelength=handle_length)


class Bounds(NamedTuple):
    """Upper bounds on h against epsilon, of several searches, beside the paper's, and what is certified."""

    ds: xr.Dataset  # `risk` and `adversarial_risk` on search, alpha, epsilon and split
    certified: dict[tuple[float, float], tuple[float, float]]  # (alpha, epsilon) → an adversarial risk on test, and U
    printed: dict[tuple[float, float], float]  # (alpha, epsilon) → the paper's adversarial risk on test, a fraction
    labels: dict[str, str]  # the searches, in order, with what they are called
    title: str

    def plot(self, axes: Any) -> None:  # noqa: ANN401
        """Draw it on axes of Matplotlib; one α after the other, of which the first alone is in the legend."""
        alphas = sorted({alpha for alpha, _ in self.printed})
        for alpha in alphas:
            first = alpha == alphas[0]
            epsilons = sorted(epsilon for other, epsilon in self.printed if other == alpha)
            paper = [100 * self.printed[alpha, epsilon] for epsilon in epsilons]
            tested = self.ds.sel(alpha=alpha, epsilon=epsilons, split="test")
            axes.plot(epsilons, paper, "x:", color="black", linewidth=1, label="the paper's best" if first else None)
            for (search, label), color in zip(self.labels.items(), SEARCH_COLORS, strict=False):
                values = 100 * tested["adversarial_risk"].sel(search=search).values
                axes.plot(epsilons, values, ".-", color=color, linewidth=1.5, label=label if first else None)
            self._plot_certified(axes, alpha, np.array(epsilons), labeled=first)
            if not first:
                style = {"textcoords": "offset points", "fontsize": "x-small", "va": "center"}
                axes.annotate(f"α = {exact(alpha)}", (epsilons[0], paper[0]), (6, 0), **style)
        axes.axhline(100 * alphas[0], color="0.5", linewidth=1, linestyle="--", label=f"α = {exact(alphas[0])}")
        axes.set_xlim(left=0)
        _finish(axes, f"ε, {self.title.rpartition(' ')[2]} distance", self.title, handle_length=2.5)

    def _plot_certified(self, axes: Any, alpha: float, epsilons: Any, *, labeled: bool) -> None:  # noqa: ANN401
        """Draw bars from test points to U; a U of 1, which says nothing, is left out."""
        tested, most = 100 * np.array([self.certified[alpha, epsilon] for epsilon in epsilons]).T
        most[most == 100] = np.nan
        label = "certified: test points … U" if labeled else None  # each another region: nothing holds in between
        axes.vlines(epsilons, tested, most, color=CERTIFIED_COLOR, alpha=0.35, linewidth=4, label=label)
        axes.plot(epsilons, most, "v", color=CERTIFIED_COLOR, markersize=5, label="U" if labeled else None)
