"""Panels of the experiments' figures: means over seeds, estimates beside the truth, bounds beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.numerals import exact
from numbaconc.results.queries import mean_and_std
from numbaconc.show.pictures import style

NAMES = {"risk": "risk", "adversarial_risk": "adversarial risk"}
COLORS = {"risk": style.MEASURED, "adversarial_risk": style.CERTIFIED}
ALONG = {"q": "q, share of the training points clustered, dense first", "T": "T, number of boxes"}
ESTIMATES_ALONG = {"n_train": "n, number of training points (T = 1)", "T": "T, number of sets"}
REFERENCE_DASHES = (":", "-.")


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
            labels = {split: f"{NAMES[name]}, {split}" for split in style.DASHES}
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
        for search, color in zip(self.ds["search"].values, style.CATEGORIES, strict=False):
            here = self.ds.sel(search=search).dropna(self.along, how="all", subset=["adversarial_risk"])
            labels = {"train": None, "test": search}
            _plot_means(axes, here, "adversarial_risk", here[self.along].values, labels, color=color)
        for name, dashes in zip(self.lines, REFERENCE_DASHES, strict=False):
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
    for split, dashes in style.DASHES.items():
        middle, half = mean.sel(split=split).values, std.sel(split=split).values
        label = labels[split]
        axes.plot(places, middle, dashes, color=color, linewidth=1.5, marker=".", markersize=markersize, label=label)
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
            for (search, label), color in zip(self.labels.items(), style.CATEGORIES, strict=False):
                values = 100 * tested["adversarial_risk"].sel(search=search).values
                axes.plot(epsilons, values, ".-", color=color, linewidth=1.5, label=label if first else None)
            self._plot_certified(axes, alpha, np.array(epsilons), labeled=first)
            if not first:
                small = {"textcoords": "offset points", "fontsize": "x-small", "va": "center"}
                axes.annotate(f"α = {exact(alpha)}", (epsilons[0], paper[0]), (6, 0), **small)
        axes.axhline(100 * alphas[0], color="0.5", linewidth=1, linestyle="--", label=f"α = {exact(alphas[0])}")
        axes.set_xlim(left=0)
        _finish(axes, f"ε, {self.title.rpartition(' ')[2]} distance", self.title, handle_length=2.5)

    def _plot_certified(self, axes: Any, alpha: float, epsilons: Any, *, labeled: bool) -> None:  # noqa: ANN401
        """Draw bars from test points to U; a U of 1, which says nothing, is left out."""
        tested, most = 100 * np.array([self.certified[alpha, epsilon] for epsilon in epsilons]).T
        most[most == 100] = np.nan
        label = "certified: test points … U" if labeled else None  # each another region: nothing holds in between
        axes.vlines(epsilons, tested, most, color=style.CERTIFIED, alpha=0.35, linewidth=4, label=label)
        axes.plot(epsilons, most, "v", color=style.CERTIFIED, markersize=5, label="U" if labeled else None)
