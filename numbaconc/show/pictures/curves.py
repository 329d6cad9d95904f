"""Pictures of what is certified beside what was measured, against ε or α, and of a classifier beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from numbaconc.binomial import CONFIDENCE
from numbaconc.certify import Certificate
from numbaconc.norms import sign_of
from numbaconc.numerals import exact_percent, strength
from numbaconc.results.queries import (
    certificate_at_alpha,
    hold_together,
    kept,
    lower_of,
    mean_and_std,
    select_case,
)
from numbaconc.show.epsilon import epsilon_axis
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.lines import Lines, check_along, checked, lines_along, measured_cases, told

CERTIFIED: dict[str, Any] = {"linestyle": "-", "linewidth": 1.5, "markersize": 4.5}
MEASURED: dict[str, Any] = {"linestyle": "--", "linewidth": 1, "markersize": 3.5, "markerfacecolor": "none"}
BETWEEN: dict[str, Any] = {"alpha": 0.25}  # a bound on h from below and one from above
SPREAD: dict[str, Any] = {"alpha": 0.15, "linewidth": 0}  # one standard deviation around a mean
AXES = ("epsilon", "alpha")


class _Mark(NamedTuple):
    """One case on a curve."""

    place: float  # its ε or α
    alpha: float
    proven: Certificate | None
    measured: float  # adversarial risk on test points, a mean over restarts
    spread: float  # its standard deviation
    least: float  # a bound on h from below; NaN without one

    @property
    def height(self) -> float:
        """U; NaN where it is 1, which says nothing."""
        return self.proven.U if self.proven is not None and self.proven.U < 1 else np.nan


def plot_curve(ds: xr.Dataset, ax: Any = None, *, along: str | None = None) -> Any:  # noqa: ANN401
    """Draw what is certified and what was measured, against ε or α.

    For each case: U at exactly α, h(μ, α, ε) ≤ U; the band between it and a bound from below, if there is one; and the
    adversarial risk that was measured on the test points, a mean over the restarts, with a band of one standard deviation.
    Where the other of ε and α has several values, colors tell them apart; all else that differs has markers.

    Parameters
    ----------
    ds : Dataset
        A result of `measure`, of a sweep, or a slice of one.
    ax : Axes, optional
        Axes of Matplotlib to draw on; of a new figure if not given. The legend stands below them, so that figures need
        `layout="constrained"` to have room for it.
    along : str, optional
        "epsilon" or "alpha"; the one that has more values if not given.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If `ds` lacks what is drawn, or differs in more than colors and markers can tell apart.
    """
    ds = checked(ds)
    found = measured_cases(ds)
    numbers = {axis: len({case[axis] for case in found}) for axis in AXES}
    axis = max(AXES, key=lambda axis: numbers[axis]) if along is None else check_along(along, found, AXES)
    place = "α, risk threshold" if axis == "alpha" else epsilon_axis(ds)
    axes = canvas.axes_for(ax, place)
    lines = lines_along(axes, found, axis)
    every: list[_Mark] = []
    for line in reversed(lines.lines):
        marks = [_mark(select_case(ds, _place(ds, case)), case, axis) for case in line.cases]
        _draw(axes, marks, line.color, line.marker, axis)
        every += marks
    if axis == "alpha":
        largest = max(mark.place for mark in every)
        axes.plot([0, largest], [0, largest], color=style.faint(axes), linewidth=1, linestyle=":", label="no growth")
        legends.in_percent(axes.xaxis)
    legends.from_zero(axes)
    legends.in_percent(axes.yaxis)
    legends.label_axes(axes, place, "adversarial risk")
    legends.put_legend(
        axes, [*lines.explain(axes), *_kinds(axes, lines, every, axis), *_fixed(found, axis), *_unit(ds, axis)]
    )
    return axes


def _place(ds: xr.Dataset, case: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a case is in a result: α is a coordinate of it only where there are several."""
    return {dim: value for dim, value in case.items() if dim in ds["risk"].dims}


def _mark(here: xr.Dataset, case: Mapping[str, Any], axis: str) -> _Mark:
    mean, std = (values.sel(split="test") for values in mean_and_std(here, "adversarial_risk"))
    proven, least = certificate_at_alpha(here, case["epsilon"]), lower_of(here)
    return _Mark(case[axis], case["alpha"], proven, float(mean), float(std), np.nan if least is None else least)


def _draw(axes: Any, marks: Sequence[_Mark], color: Any, marker: str, axis: str) -> None:  # noqa: ANN401
    """Draw one line; without a color of its own in those of what is certified and of what was measured."""
    places = [mark.place for mark in marks]
    proven, tested = (color or style.on(axes, role) for role in (style.CERTIFIED, style.MEASURED))
    axes.plot(places, [mark.height for mark in marks], color=proven, marker=marker, **CERTIFIED)
    measured, spread = np.array([(mark.measured, mark.spread) for mark in marks]).T
    axes.plot(places, measured, color=tested, marker=marker, **MEASURED)
    if spread.any() and len(marks) == 1:
        axes.errorbar(places, measured, yerr=spread, fmt="none", color=tested, capsize=3)
    elif spread.any():
        axes.fill_between(places, measured - spread, measured + spread, color=tested, **SPREAD)
    below, above = [mark.least for mark in marks], [1 if np.isnan(mark.height) else mark.height for mark in marks]
    if not np.isnan(below).all():
        axes.vlines(places, below, above, color=proven, linewidth=5, **BETWEEN)
        steps = np.repeat(places, 2)[1:-1], np.repeat(below[:-1], 2), np.repeat(above[1:], 2)  # h grows with both
        axes.fill_between(*steps, color=proven, linewidth=0, **BETWEEN)
    if axis == "epsilon":  # at no strength a set of measure α has that
        axes.plot(0, marks[0].alpha, color=proven, marker="_", markersize=9, clip_on=False)


def _kinds(axes: Any, lines: Lines, marks: Sequence[_Mark], axis: str) -> list[Any]:  # noqa: ANN401
    """Return the legend's entries of what kinds of lines are: certified, measured, and the band from below."""
    proven = [mark.proven for mark in marks]
    there = [one for one in proven if one is not None]
    beside = [mark.proven for mark in marks if mark.proven is not None and not np.isnan(mark.least)]
    so = "all together" if hold_together([*there, *beside]) else "each by itself"
    neutral = style.ink(axes) if lines.colored else None
    certified, measured = (neutral or style.on(axes, role) for role in (style.CERTIFIED, style.MEASURED))
    marker = "" if lines.markers else style.MARKERS[0]
    handles: list[Any] = []
    if not all(np.isnan(mark.least) for mark in marks):
        label = f"certified: h(μ, α, ε) lies in the band, {exact_percent(CONFIDENCE)} confidence, {so}"
        handles.append(legends.area(label, certified, **BETWEEN))
    if there:
        label = f"certified, at the marks: h(μ, α, ε) ≤ U, {exact_percent(CONFIDENCE)} confidence, {so}"
        handles.append(legends.entry(color=certified, marker=marker, label=label, **CERTIFIED))
    label = "adversarial risk measured on test points"
    label += ", mean ± one standard deviation over restarts" if any(mark.spread for mark in marks) else ""
    handles.append(legends.entry(color=measured, marker=marker, label=label, **MEASURED))
    if axis == "epsilon":
        handles.append(legends.entry(linestyle="", marker="_", markersize=9, color=certified, label="α, at ε = 0"))
    else:
        handles.append(legends.entry(color=style.faint(axes), linewidth=1, linestyle=":", label="no growth"))
    if left_out := sum(one is None or one.U == 1 for one in proven):
        handles.append(legends.entry(f"nothing certified at {left_out} of {len(proven)}"))
    return handles


def _fixed(found: Sequence[Mapping[str, Any]], axis: str) -> list[Any]:
    """Return the legend's entry of the other of ε and α, where it is one and so has no color."""
    other = next(name for name in AXES if name != axis)
    values = {case[other] for case in found}
    return [legends.entry(told(other, values.pop()))] if len(values) == 1 else []


def _unit(ds: xr.Dataset, axis: str) -> list[Any]:
    """Return the legend's entry of what ε is in, where no axis says it."""
    return [legends.entry(epsilon_axis(ds))] if axis != "epsilon" else []


def draw_classifier(axes: Any, here: xr.Dataset, epsilon: float, classifier: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Draw a classifier as a point (risk, adversarial risk), beside what is certified at its risk and what was measured."""
    proven = certificate_at_alpha(here, epsilon)
    test = kept(here).sel(split="test")
    risk, adversarial = classifier["clean_error"], classifier["adversarial_risk"]
    measured = float(test["risk"]), float(test["adversarial_risk"])
    right = 1.4 * max(risk, measured[0])
    axes.plot([0, right], [0, right], color=style.faint(axes), linewidth=1, linestyle=":", label="no growth")
    color, certified = style.ink(axes), style.on(axes, style.CERTIFIED)
    axes.plot(risk, adversarial, "*", color=color, markersize=11, clip_on=False, label="the classifier")
    if proven is not None and proven.U < 1:
        axes.plot([0, risk], [proven.U] * 2, color=certified, linewidth=1.5)  # h grows with α
        axes.plot(risk, proven.U, "D", color=certified, markersize=5, label=f"certified: {proven.sentence}")
        if adversarial > proven.U:
            thick = {"color": style.faint(axes), "linewidth": 4, "alpha": 0.5}
            axes.plot([risk] * 2, [proven.U, adversarial], label="not explained by concentration", zorder=1, **thick)
    axes.plot(
        *measured,
        "o",
        color=style.on(axes, style.MEASURED),
        markerfacecolor="none",
        label="region found, on test points",
    )
    axes.set_xlim(0, right)
    axes.set_ylim(bottom=0)
    legends.in_percent(axes.xaxis)
    legends.in_percent(axes.yaxis)
    up = f"adversarial risk, {sign_of(here.attrs.get('norm'))} distance {strength(epsilon)}"
    legends.label_axes(axes, "risk", up)
    legends.put_legend(axes, axes.get_legend_handles_labels()[0])
