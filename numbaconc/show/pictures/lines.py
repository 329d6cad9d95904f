"""Which cases of a result make a line in a picture, and which color and which marker tell lines apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import xarray as xr

from numbaconc.errors import InputError, printable, shown
from numbaconc.numerals import exact, strength
from numbaconc.results.queries import cases, select_case
from numbaconc.results.slices import whole
from numbaconc.show.pictures import legends, style

SIGNS = {"epsilon": "ε", "alpha": "α"}
BARE = ("search", "dataset")  # whose values speak for themselves
FEW = 5  # lines whose colors stand in the legend; those of more stand in a bar beside the axes


class Line(NamedTuple):
    """The cases of one line, in order along the axis, and how it is drawn."""

    cases: list[dict[str, Any]]
    color: Any  # None where there is nothing that colors tell apart
    marker: str


class Lines(NamedTuple):
    """All lines of a picture, and what their colors and markers are of."""

    axis: str
    lines: list[Line]
    colored: str | None  # the coordinate that colors are of
    colors: dict[float, Any]
    markers: dict[str, str]  # by what they are of; none where nothing else differs

    def marker_of(self, value: float) -> str:
        """Return the marker of a color, where few colors alone tell lines apart: gray print may not."""
        return style.MARKERS[list(self.colors).index(value)] if len(self.colors) <= FEW else style.MARKERS[0]

    def explain(self, axes: Any) -> list[Any]:  # noqa: ANN401
        """Return the legend's entries of colors and markers; where the colors are many, a bar of them is put beside the axes."""
        handles: list[Any] = []
        if self.colored is not None and len(self.colors) > FEW:
            values = [told(self.colored, value).rpartition(" = ")[2] for value in self.colors]
            legends.put_scale(
                axes, values, list(self.colors.values()), SIGNS.get(self.colored, printable(self.colored))
            )
        elif self.colored is not None:
            for value, color in reversed(self.colors.items()):
                marker = "" if self.markers else self.marker_of(value)
                look = {"color": color, "linestyle": "-", "linewidth": 3 if self.markers else 1.5, "marker": marker}
                handles.append(legends.entry(told(self.colored, value), **look))
        for label, marker in self.markers.items():
            handles.append(legends.entry(color=style.ink(axes), linestyle="", marker=marker, label=label))
        return handles


def told(name: str, value: Any) -> str:  # noqa: ANN401
    """Say what a coordinate is: "ε = 8/255", "faces"."""
    text = printable(value) if isinstance(value, str) else strength(value) if name == "epsilon" else exact(value)
    return text if name in BARE else f"{SIGNS.get(name, printable(name))} = {text}"


def checked(ds: object) -> xr.Dataset:
    """Return a result, or a slice of one, made whole; InputError for anything else."""
    if not isinstance(ds, xr.Dataset):
        msg = f"ds is {shown(ds)}; allowed: an xarray dataset that is a result of numbaconc"
        raise InputError(msg)
    return whole(ds)


def measured_cases(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Return the coordinates of every case of a result, α among them."""
    found = [case | {"alpha": float(select_case(ds, case)["alpha"])} for case in cases(ds)]
    if not found:
        msg = "results have no measured case, so that there is nothing to draw; allowed: a result that has one"
        raise InputError(msg)
    return found


def lines_along(axes: Any, found: Sequence[dict[str, Any]], axis: str) -> Lines:  # noqa: ANN401
    """Return the lines that cases make along a coordinate.

    Of the other numbers, that with most values has a color for each; all else that differs has markers. InputError if
    more differs than markers can tell apart.
    """
    differing = [dim for dim in found[0] if dim != axis and len({case[dim] for case in found}) > 1]
    numbers = [dim for dim in differing if not isinstance(found[0][dim], str)]
    colored = max(numbers, key=lambda dim: len({case[dim] for case in found}), default=None)
    rest = [dim for dim in differing if dim != colored]
    by_line: dict[tuple[Any, str], list[dict[str, Any]]] = {}
    for case in found:
        key = (case[colored] if colored else None), ", ".join(told(dim, case[dim]) for dim in rest)
        by_line.setdefault(key, []).append(case)
    names = list(dict.fromkeys(name for _, name in by_line))
    if len(names) > len(style.MARKERS):
        many = f"results differ in {', '.join(map(printable, rest))} besides {axis}"
        msg = f"{many}{f' and {colored}' if colored else ''}, in {len(names)} ways; allowed: {len(style.MARKERS)} in one picture"
        msg += ", such as a part that ds.sel (at the command line: --select) takes"
        raise InputError(msg)
    values = sorted({value for value, _ in by_line}) if colored else []
    colors = dict(zip(values, style.shades(axes, len(values)), strict=True))
    markers = dict(zip(names, style.MARKERS, strict=False))
    found_lines = Lines(axis, [], colored, colors, markers if len(names) > 1 else {})
    for (value, name), of_line in by_line.items():
        marker = markers[name] if found_lines.markers or colored is None else found_lines.marker_of(value)
        found_lines.lines.append(Line(sorted(of_line, key=lambda case: case.get(axis, 0)), colors.get(value), marker))
    return found_lines


def length_along(found: Sequence[dict[str, Any]], axis: str) -> float:
    """Return how many cases the lines along a coordinate have, in the mean; 0 where cases do not have it."""
    if axis not in found[0]:
        return 0.0
    return len(found) / len({tuple(value for name, value in case.items() if name != axis) for case in found})


def check_along(along: object, found: Sequence[dict[str, Any]], allowed: Sequence[str]) -> str:
    """Return what a picture is drawn along; InputError for what cases do not have."""
    there = [name for name in allowed if name in found[0]]
    if not isinstance(along, str) or along not in there:
        lacking = f", of which these results have {', '.join(there) or 'none'}" if len(there) < len(allowed) else ""
        msg = f"along is {shown(along)}; allowed: {', '.join(allowed)}{lacking}"
        raise InputError(msg)
    return along
