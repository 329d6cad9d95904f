"""Pictures of several cases and of a classifier: what is certified beside what was measured, drawn on axes of Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.binomial import CONFIDENCE
from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.norms import sign_of
from numbaconc.numerals import exact, exact_percent
from numbaconc.results.queries import certificate_at_alpha, hold_together, kept, lower_of, select_case

CERTIFIED = {"linestyle": "-", "marker": "D", "markersize": 3.5, "linewidth": 1.5}
MEASURED = {"linestyle": "--", "marker": ".", "markersize": 5, "linewidth": 1}
LIGHTEST = 0.88  # of the color map, whose end is hardly seen on white
UNEXPLAINED = "0.55"
CERTIFIED_COLOR = "C3"
BETWEEN = {"alpha": 0.2}  # a bound on h from below and one from above


class _Mark(NamedTuple):
    """One case on a curve."""

    place: float  # its ε or α
    alpha: float
    proven: Certificate | None
    measured: float  # adversarial risk on test points
    least: float  # a bound on h from below; NaN without one

    @property
    def height(self) -> float:
        """U; NaN where it is 1, which says nothing."""
        return self.proven.U if self.proven is not None and self.proven.U < 1 else np.nan


def draw_curves(axes: Any, ds: xr.Dataset, found: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401
    """Draw U at α and the adversarial risk on test points against ε, a color for each α; or the other way round.

    The axis is the one of the two that has more values. A certificate of U = 1 is left out, and counted in the legend.
    """
    from matplotlib import colormaps

    axis = "alpha" if ds.sizes.get("alpha", 1) > ds.sizes["epsilon"] else "epsilon"
    curves = _curves(ds, found, axis)
    colors = colormaps["viridis"](np.linspace(0, LIGHTEST, len(curves)))
    for (label, marks), color in reversed(list(zip(curves.items(), colors, strict=True))):
        places = [mark.place for mark in marks]
        axes.plot(places, [mark.height for mark in marks], color=color, label=label, **CERTIFIED)
        axes.plot(places, [mark.measured for mark in marks], color=color, **MEASURED)
        below, above = [mark.least for mark in marks], [1 if np.isnan(mark.height) else mark.height for mark in marks]
        axes.vlines(places, below, above, color=color, linewidth=5, **BETWEEN)
        steps = np.repeat(places, 2)[1:-1], np.repeat(below[:-1], 2), np.repeat(above[1:], 2)  # h grows with both
        axes.fill_between(*steps, color=color, **BETWEEN)
        if axis == "epsilon":  # at no strength a set of measure α has that
            axes.plot(0, marks[0].alpha, color=color, marker="_", markersize=9, clip_on=False)
    if axis == "alpha":
        axes.axline((0, 0), slope=1, color="0.5", linewidth=1, linestyle=":", label="no growth")
    every = [mark for marks in curves.values() for mark in marks]
    _explain(axes, every)
    axes.set_xlim(0, 1.04 * max(mark.place for mark in every))
    _label_axes(axes, ds, "alpha, risk threshold" if axis == "alpha" else None)


def _curves(ds: xr.Dataset, found: Sequence[dict[str, Any]], axis: str) -> dict[str, list[_Mark]]:
    """Return the marks of each curve, by what tells it from others."""
    heres = [select_case(ds, case) for case in found]
    cases = [case | {"alpha": float(here["alpha"])} for case, here in zip(found, heres, strict=True)]
    differing = [dim for dim in cases[0] if len({case[dim] for case in cases}) > 1]
    told = [dim for dim in cases[0] if dim != axis and (dim in differing or dim in ("alpha", "epsilon"))]
    curves: dict[str, list[_Mark]] = {}
    for case, here in zip(cases, heres, strict=True):
        measured = float(kept(here)["adversarial_risk"].sel(split="test"))
        proven, least = certificate_at_alpha(here, case["epsilon"]), lower_of(here)
        mark = _Mark(case[axis], case["alpha"], proven, measured, np.nan if least is None else least)
        curves.setdefault(", ".join(f"{printable(dim)} {_plain(case[dim])}" for dim in told), []).append(mark)
    return curves


def _explain(axes: Any, marks: Sequence[_Mark]) -> None:  # noqa: ANN401
    """Say in the legend what the two kinds of lines are, and the bars between bounds from below and above."""
    proven = [mark.proven for mark in marks]
    there = [one for one in proven if one is not None]
    beside = [mark.proven for mark in marks if mark.proven is not None and not np.isnan(mark.least)]
    so = "all together" if hold_together([*there, *beside]) else "each by itself"
    if not all(np.isnan(mark.least) for mark in marks):
        label = f"certified: h(μ, α, ε) lies in the band,\n{exact_percent(CONFIDENCE)} confidence, {so}"
        axes.plot([], [], color="black", label=label, linewidth=5, **BETWEEN)
    if there:
        label = f"certified, at the marks: h(μ, α, ε) is at\nmost that, {exact_percent(CONFIDENCE)} confidence, {so}"
        axes.plot([], [], color="black", label=label, **CERTIFIED)
    axes.plot([], [], color="black", label="adversarial risk measured on test points", **MEASURED)
    if left_out := sum(one is None or one.U == 1 for one in proven):
        axes.plot([], [], " ", label=f"nothing certified at {left_out} of {len(proven)}")


def draw_classifier(axes: Any, here: xr.Dataset, epsilon: float, classifier: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Draw a classifier as a point (risk, adversarial risk), beside what is certified at its risk and what was measured."""
    proven = certificate_at_alpha(here, epsilon)
    test = kept(here).sel(split="test")
    risk, adversarial = classifier["clean_error"], classifier["adversarial_risk"]
    axes.axline((0, 0), slope=1, color="0.5", linewidth=1, linestyle=":", label="no growth")
    axes.plot(risk, adversarial, "*", color="black", markersize=11, clip_on=False, label="the classifier")
    if proven is not None and proven.U < 1:
        axes.plot([0, risk], [proven.U] * 2, color=CERTIFIED_COLOR, linewidth=1.5)  # h grows with α
        axes.plot(risk, proven.U, "D", color=CERTIFIED_COLOR, markersize=5, label=f"certified: {proven.sentence}")
        if adversarial > proven.U:
            style = {"color": UNEXPLAINED, "linewidth": 4, "alpha": 0.5}
            axes.plot([risk] * 2, [proven.U, adversarial], label="not explained by concentration", zorder=1, **style)
    measured = float(test["risk"]), float(test["adversarial_risk"])
    axes.plot(*measured, "o", color="C0", markerfacecolor="white", label="region found, on test points")
    axes.set_xlim(0, 1.4 * max(risk, measured[0]))
    _label_axes(axes, here, "risk")
    axes.set_ylabel(f"adversarial risk, {sign_of(here.attrs.get('norm'))} distance {exact(epsilon)}")
    axes.set_title("a classifier beside it", fontsize="medium")
    axes.legend(fontsize="small")


def _label_axes(axes: Any, ds: xr.Dataset, along: str | None) -> None:  # noqa: ANN401
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if along is not None:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_xlabel(along or f"epsilon, {sign_of(ds.attrs.get('norm'))} distance")
    axes.set_ylabel("adversarial risk")


def _plain(value: Any) -> str:  # noqa: ANN401
    return printable(value) if isinstance(value, str) else exact(value)
