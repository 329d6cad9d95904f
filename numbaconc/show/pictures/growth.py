"""Pictures of how one region grows: the measure of its expansions against their strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from numbaconc.binomial import CONFIDENCE, lower_limit, upper_limit
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_flag, check_text, printable, shown
from numbaconc.norms import NORMS
from numbaconc.numerals import exact_percent
from numbaconc.regions import Region
from numbaconc.results.queries import (
    certificate,
    certificate_at_alpha,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.results.slices import CURVES, whole
from numbaconc.show.certified import certified_line
from numbaconc.show.epsilon import epsilon_axis
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.curves import BETWEEN, SPREAD
from numbaconc.show.pictures.lines import lines_along, measured_cases

BAR = 0.012  # half the width of a bar, as a part of its place
MOST_STEPS = 1000  # that are drawn; more are no steps that anybody sees
N_BAND = 100  # strengths that a band is made for: each costs it some of the 5% that may go wrong
BAND = f"{exact_percent(CONFIDENCE)} band at all strengths at once"
ALONG, UP = "strength of the expansion", "measure of the region's expansion"


def plot_growth(
    region: Region | xr.Dataset,
    X: ArrayLike | Sample | None = None,
    ax: Any = None,  # noqa: ANN401
    *,
    epsilon: float | str | None = None,
    label: str = "the region's expansion",
    band: bool = False,
) -> Any:  # noqa: ANN401
    """Draw how a region grows with the strength of its expansion, as the steps that a sample makes of it.

    Parameters
    ----------
    region : Region or Dataset
        A region; or a result of `measure`, which holds how the region that is kept of each case grows.
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The points whose fraction in the region and in its expansions is drawn. Not given beside a result.
    ax : Axes, optional
        Axes of Matplotlib to draw on; of a new figure if not given.
    epsilon : float or str, optional
        The largest strength; if not given, that of the region where it has one, or where it holds all points.
    label : str
        What the legend calls the points.
    band : bool
        Whether to draw the band in which the measures of the region's expansions by all strengths lie at once, with 95%
        confidence. It is true only if the points are independent draws that had no part in finding the region.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the points are not of the region's kind, an argument is not allowed, or a result holds no growth.
    """
    if isinstance(region, xr.Dataset):
        if X is not None or epsilon is not None:
            msg = f"{'X' if X is not None else 'epsilon'} is given beside a result; allowed: beside a region"
            raise InputError(msg)
        return _plot_result(whole(region), ax)
    given: object = region
    if not isinstance(given, Region):
        msg = f"region is {shown(region)}; allowed: a numbaconc.Region, or a result of measure"
        raise InputError(msg)
    band, label = check_flag("band", band), check_text("label", label)
    if X is None:
        msg = "X is None beside a region; allowed: the points whose part in it is drawn"
        raise InputError(msg)
    sample = region._sample(X)
    most = _reach(region, sample) if epsilon is None else parse_epsilon(epsilon)
    sign = next((norm.sign for norm in NORMS.values() if norm.p == region.p), f"ℓ{region.p:g}")
    along = f"{ALONG}, {sign} distance {sample.space.epsilon_unit}"
    axes = canvas.axes_for(ax, along)
    _draw_region(axes, region, sample, most, printable(label), band=band)
    _dress(axes, along, axes.get_legend_handles_labels()[0])
    return axes


def _draw_region(
    axes: Any,  # noqa: ANN401
    region: Region,
    sample: Sample,
    most: float,
    label: str,
    *,
    band: bool,
) -> None:
    strengths, risks = growth(region, sample, most)
    color, dashes = _next_color(axes), style.DASHES["train" if len(axes.lines) % 2 else "test"]
    steps = "steps-post" if region.closed else "steps-pre"  # whether points come in at a strength, or just beyond it
    axes.plot(strengths, risks, dashes, color=color, linewidth=1.5, drawstyle=steps, label=label)
    if band:
        places, fractions = growth(region, sample, most, N_BAND)
        told = f"{label}: {BAND}"
        axes.fill_between(*simultaneous_band(places, fractions, len(sample)), color=color, label=told, **SPREAD)


def growth(
    region: Region, sample: Sample, epsilon: float, most: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return strengths from 0 to ε, and the fraction of the points in the expansion by each.

    The strengths are those at which points come in, or `most` of them evenly if that is given or they are too many.
    """
    gaps = np.unique(region.gap(sample))
    strengths = gaps[(gaps > 0) & (gaps < epsilon)]
    if most is not None or len(strengths) > MOST_STEPS:
        strengths = np.linspace(0, epsilon, (most or MOST_STEPS) + 1)[1:-1]
    strengths = strengths[strengths >= region.finest(sample)]
    strengths = np.append(strengths, epsilon)
    measured = region.measure(sample, strengths)
    risks = np.asarray(measured.adversarial_risk)
    return np.concatenate(([0.0], strengths)), np.concatenate((np.ravel(measured.risk)[:1], risks))


def _reach(region: Region, sample: Sample) -> float:
    """Return the strength up to which a region's growth is drawn: that it was found for, or that at which it is everything."""
    own = getattr(region, "epsilon", None)
    if isinstance(own, float) and own > 0:
        return own
    gaps = region.gap(sample)
    largest = float(gaps[np.isfinite(gaps)].max(initial=0.0))
    return max(largest, region.finest(sample)) or 1.0


def _next_color(axes: Any) -> str:  # noqa: ANN401
    """Return a color that no line on the axes has yet, while there are some."""
    used, own = [line.get_color() for line in axes.lines], [style.on(axes, color) for color in style.CATEGORIES]
    return next((color for color in own if color not in used), own[0])


def _plot_result(ds: xr.Dataset, ax: Any) -> Any:  # noqa: ANN401
    if "strength" not in ds.dims or "strength" not in ds.coords or CURVES not in ds:
        msg = f"results lack {CURVES} on strength; allowed: a result of `measure`, or a slice that keeps it"
        raise InputError(msg)
    found = measured_cases(ds)
    heres = [select_case(ds, {dim: case[dim] for dim in case if dim in ds["risk"].dims}) for case in found]
    if any(kept(here)[CURVES].isnull().all() for here in heres):
        msg = f"results lack {CURVES} of a restart that is drawn; allowed: a slice that has the restarts that were kept"
        raise InputError(msg)
    along = f"{ALONG}, {epsilon_axis(ds).partition(', ')[2]}"
    axes = canvas.axes_for(ax, along)
    one = len(found) == 1
    handles = draw_one(axes, heres[0], found[0]["epsilon"]) if one else _draw_several(axes, ds, found)
    _dress(axes, along, handles)
    return axes


def _draw_several(axes: Any, ds: xr.Dataset, found: Sequence[dict[str, Any]]) -> list[Any]:  # noqa: ANN401
    """Draw how the kept region of each case grows on the test points, up to the ε that it was found for."""
    lines, measured = lines_along(axes, found, "strength"), style.on(axes, style.MEASURED)
    for line in lines.lines:
        for case in line.cases:
            here = select_case(ds, {dim: case[dim] for dim in case if dim in ds["risk"].dims})
            strengths, risks = _curve(here, "test", case["epsilon"])
            color = line.color or measured
            axes.plot(strengths, risks, color=color, linewidth=1.2, drawstyle="steps-pre")
            axes.plot(strengths[-1], risks[-1], color=color, marker=line.marker, markersize=4.5, clip_on=False)
    told = "the region found for each, on test points; the mark is at its ε"
    marker = "" if lines.markers else style.MARKERS[0]
    color = style.ink(axes) if lines.colored else measured
    look = {"color": color, "marker": marker, "markersize": 4.5, "linestyle": "-", "linewidth": 1.2}
    return [*lines.explain(axes), legends.entry(told, **look)]


def _curve(here: xr.Dataset, split: str, epsilon: float) -> tuple[list[float], list[float]]:
    """Return strengths and adversarial risks of the kept region of one case, from its risk to ε."""
    at_split = kept(here).sel(split=split)
    curve = at_split[CURVES].sel(strength=slice(None, epsilon)).dropna("strength")
    return [0.0, *curve["strength"].values], [float(at_split["risk"]), *curve.values]


def draw_one(axes: Any, here: xr.Dataset, epsilon: float) -> list[Any]:  # noqa: ANN401
    """Draw how the kept region of one case grows, and what is certified."""
    mean, std = mean_and_std(here, "adversarial_risk")
    own, certified = style.on(axes, style.MEASURED), style.on(axes, style.CERTIFIED)
    alpha, proven, unmoved = float(here["alpha"]), certificate_at_alpha(here, epsilon), certificate(here, epsilon)
    if proven is not None and proven.U < 1:
        diamonds = {"color": certified, "marker": "D", "s": 18, "clip_on": False, "zorder": 3}
        axes.scatter([0, epsilon], [proven.L, proven.U], label=certified_line(here, epsilon), **diamonds)
    elif unmoved is not None:
        axes.plot([], [], " ", label=f"nothing is certified at α = {exact_percent(alpha)}")
    if (least := lower_of(here)) is not None:
        most = 1 if proven is None else proven.U
        told = f"h lies between: {exact_percent(CONFIDENCE)} confidence"
        bar = [epsilon * (1 - BAR), epsilon * (1 + BAR)]
        axes.fill_between(bar, least, most, label=told, color=certified, linewidth=0, **BETWEEN)
    for split, dashes in style.DASHES.items():
        strengths, risks = _curve(here, split, epsilon)
        line = {"color": own, "linewidth": 1.5, "drawstyle": "steps-pre"}
        axes.plot(strengths, risks, dashes, label=f"the region found, {split}", **line)
        if split == "test" and unmoved is not None:
            band = simultaneous_band(strengths, risks, unmoved.n_points)
            axes.fill_between(*band, color=own, label=f"test: {BAND}", **SPREAD)
        filled = own if split == "test" else "none"
        middle, half = float(mean.sel(split=split)), float(std.sel(split=split)) or None
        axes.errorbar(epsilon, middle, yerr=half, fmt="o", color=own, markerfacecolor=filled, capsize=3)
    axes.axhline(alpha, color=style.faint(axes), linewidth=1, linestyle=":", label=f"α = {exact_percent(alpha)}")
    handles: list[Any] = axes.get_legend_handles_labels()[0]
    return handles


def _dress(axes: Any, along: str, handles: Sequence[Any]) -> None:  # noqa: ANN401
    legends.from_zero(axes)
    legends.in_percent(axes.yaxis)
    legends.label_axes(axes, along, UP)
    legends.put_legend(axes, handles)


def simultaneous_band(
    strengths: Sequence[float] | NDArray[np.float64], risks: Sequence[float] | NDArray[np.float64], n: int
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
