"""Pictures of risk and adversarial risk against q, the share of the points that is covered, and T, the number of sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from numbaconc.errors import check_choice
from numbaconc.results.queries import mean_and_std, select_case
from numbaconc.show.epsilon import epsilon_axis
from numbaconc.show.pictures import canvas, legends, style
from numbaconc.show.pictures.curves import SPREAD
from numbaconc.show.pictures.lines import Line, Lines, check_along, checked, lines_along, measured_cases, told

ALONG = {"q": "q, share of the training points clustered, dense first", "T": "T, number of sets"}
RISKS = {"risk": "risk", "adversarial_risk": "adversarial risk"}
COLORS = {"risk": style.MEASURED, "adversarial_risk": style.CERTIFIED}
FEW = 3  # lines that have a band, and dashed lines of the training points beside them
MANY_TIMES = 8  # from the least to the largest T, from which the axis is logarithmic


def plot_risks(ds: xr.Dataset, along: str = "q", ax: Any = None) -> Any:  # noqa: ANN401
    """Draw risk and adversarial risk against q or T, as means over the seeds with bands of one standard deviation.

    Of few cases, on the test points solid and on the training points dashed; of many the test points alone. Where an ε, or
    another number, has several values, colors tell them apart; all else that differs has markers.

    Parameters
    ----------
    ds : Dataset
        A result of a sweep, or a slice of one.
    along : str
        "q" or "T".
    ax : Axes, optional
        Axes of Matplotlib to draw on; of a new figure if not given. The legend stands below them.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If `ds` lacks what is drawn, or differs in more than colors and markers can tell apart.
    """
    along = check_choice("along", along, tuple(ALONG))
    ds = checked(ds)
    found = measured_cases(ds)
    check_along(along, found, tuple(ALONG))
    axes = canvas.axes_for(ax, ALONG[along])
    handles = draw_risks(axes, ds, along)
    legends.put_legend(axes, [*handles, *_fixed(found, along), legends.entry(epsilon_axis(ds)), *_hidden(axes)])
    return axes


def draw_risks(axes: Any, ds: xr.Dataset, along: str) -> list[Any]:  # noqa: ANN401
    """Draw the risks of a result that was made whole, and return the legend's entries of what is drawn."""
    found = measured_cases(ds)
    lines = lines_along(axes, found, along)
    alone = len(lines.lines) <= FEW
    for line in lines.lines:
        for name in RISKS:
            _draw(axes, ds, line, along, name, alone=alone)
    places = sorted({case[along] for case in found})
    legends.from_zero(axes)
    if along == "q" and len(places) > 1:
        around = 0.04 * (places[-1] - places[0])
        axes.set_xlim(places[0] - around, places[-1] + around)
    if along == "T" and places[0] > 0 and places[-1] >= MANY_TIMES * places[0]:
        legends.mark_each(axes, places)
    legends.in_percent(axes.yaxis)
    legends.label_axes(axes, ALONG[along], "risk, adversarial risk")
    return [*lines.explain(axes), *_kinds(axes, lines, alone=alone)]


def _draw(axes: Any, ds: xr.Dataset, line: Line, along: str, name: str, *, alone: bool) -> None:  # noqa: ANN401
    """Draw one of the risks of one line; risks are thin and open beside adversarial risks, which are what matters."""
    color = line.color or style.on(axes, COLORS[name])
    places = [case[along] for case in line.cases]
    heres = [select_case(ds, {dim: case[dim] for dim in case if dim in ds["risk"].dims}) for case in line.cases]
    for split in ("train", "test") if alone else ("test",):
        told = [[float(one.sel(split=split)) for one in mean_and_std(here, name)] for here in heres]
        middle, half = np.array(told).T
        look = _look(name) | {"linestyle": style.DASHES[split] if alone else _look(name)["linestyle"]}
        axes.plot(places, middle, color=color, marker=line.marker, **look)
        if alone and half.any():
            axes.fill_between(places, middle - half, middle + half, color=color, **SPREAD)


def _look(name: str) -> dict[str, Any]:
    if name == "risk":
        return {"linestyle": ":", "linewidth": 1, "markersize": 3.5, "markerfacecolor": "none"}
    return {"linestyle": "-", "linewidth": 1.5, "markersize": 4}


def _kinds(axes: Any, lines: Lines, *, alone: bool) -> list[Any]:  # noqa: ANN401
    """Return the legend's entries of what kinds of lines are."""
    handles: list[Any] = []
    marker = "" if lines.markers else style.MARKERS[0]
    for name, label in RISKS.items():
        color = style.ink(axes) if lines.colored else style.on(axes, COLORS[name])
        for split in ("train", "test") if alone else ("test",):
            look = _look(name) | {"linestyle": style.DASHES[split] if alone else _look(name)["linestyle"]}
            handles.append(legends.entry(color=color, marker=marker, label=f"{label}, {split}", **look))
    return handles


def _fixed(found: list[dict[str, Any]], along: str) -> list[Any]:
    """Return the legend's entry of ε, α and the other of q and T, where each is one and so has no color."""
    values = {name: {case[name] for case in found if name in case} for name in ("epsilon", "alpha", "T", "q")}
    single = [told(name, one.copy().pop()) for name, one in values.items() if len(one) == 1 and name != along]
    return [legends.entry(", ".join(single))] if single else []


def _hidden(axes: Any) -> list[Any]:  # noqa: ANN401
    """Return the legend's entry of lines that are not seen, as others with the same numbers lie on them."""
    drawn = [np.asarray(line.get_xydata()).tobytes() for line in axes.lines]
    n = len(drawn) - len(set(drawn))
    lie = "1 line lies" if n == 1 else f"{n} lines lie"
    return [legends.entry(f"{lie} under others of the same numbers")] if n else []
