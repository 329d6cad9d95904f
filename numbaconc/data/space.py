"""What points have in common: how many coordinates, of what names and layout, in what unit, within what domain."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

from numbaconc.data.conversion import to_drop
from numbaconc.data.floats import Frame
from numbaconc.data.scaling import DIVIDED_BY, Scaling
from numbaconc.errors import InputError

IMAGE = (0.0, 1.0)  # the domain of an image
FEW = 0.05  # share of numbers that may be no multiples of a step: others are of another kind
FROM = "space_"  # how attributes of a file that hold a space begin


@dataclass(frozen=True)
class Space:
    """Where points lie. Two samples, or a region and a sample, go together if it is the same for both.

    Attributes
    ----------
    n_features : int
        Number of coordinates d.
    shape : tuple of int or None
        Of one point in the user's array, such as (28, 28) or (3, 32, 32); None where points were given as rows.
    columns : tuple of str or None
        Names of the coordinates, in order; None where they have none.
    unit : float or None
        What one level is worth on epsilon's scale: 1/255 for uint8 images. None for floats in units of their own.
    domain : tuple of float or None
        Least and largest possible coordinate on epsilon's scale; None where it is not known.
    frame : Frame or None
        How floats become levels; no two samples need to have the same.
    extent : tuple of float or None
        The least and the largest coordinate of the points that were looked at, on epsilon's scale.
    stray : float
        Share of the numbers that are no whole levels of a frame that others made, and all of theirs are.
    scaling : Scaling or None
        What every column was divided by, so that epsilon is in units of each feature; None for nothing.
    guessed : bool
        Whether unit and domain were not given, but recognized: floats that all are multiples of 1/255 could be others.
    """

    n_features: int
    shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None
    unit: float | None = None
    domain: tuple[float, float] | None = None
    guessed: bool = False
    frame: Frame | None = field(default=None, compare=False)
    extent: tuple[float, float] | None = None
    stray: float = 0.0
    scaling: Scaling | None = None

    @property
    def epsilon_unit(self) -> str:
        """What ε is in, in words that follow a distance: "on the scale of [0, 1]", "in units of the data"."""
        if self.scaling is not None:
            return self.scaling.epsilon_unit
        if self.domain == IMAGE:
            return "on the scale of [0, 1]"
        if self.unit in (None, 1.0):
            return "in units of the data"
        return f"in units of which one level of the data is {_worth(self.unit or 1.0)}"

    @property
    def kind(self) -> tuple[Any, ...]:
        """What equal samples, and equal regions, have in common of their spaces: all that is declared, and nothing looked at."""
        return self.n_features, self.shape, self.columns, self.unit, self.domain, self.scaling

    def attributes(self) -> dict[str, Any]:
        """Return what a file says of the space."""
        plain = {name: getattr(self, name) for name in ("shape", "columns", "unit", "domain", "extent")}
        if self.frame is not None:
            origin = None if self.frame.origin is None else self.frame.origin.tolist()
            plain["frame"] = self.frame._replace(origin=origin)._asdict()
        if self.scaling is not None:
            plain["scaling"] = self.scaling._asdict()
        told: dict[str, Any] = {FROM + name: json.dumps(value) for name, value in plain.items() if value is not None}
        return told | {FROM + "guessed": int(self.guessed)}

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any], n_features: int) -> Self | None:
        """Return the space that a file tells; None if it tells none. ValueError or TypeError if that is damaged."""
        if not any(name.startswith(FROM) for name in attributes):
            return None
        guessed = bool(int(attributes.get(FROM + "guessed", "not told")))
        names = ("shape", "columns", "unit", "domain", "extent", "frame", "scaling")
        told = {name: json.loads(attributes.get(FROM + name, "null")) for name in names}
        shape, columns, domain, extent = (
            None if told[key] is None else tuple(told[key]) for key in ("shape", "columns", "domain", "extent")
        )
        unit = None if told["unit"] is None else float(told["unit"])
        frame = None if told["frame"] is None else Frame(**told["frame"]).checked(n_features)
        scaling = None if told["scaling"] is None else Scaling(**told["scaling"]).checked(n_features)
        space = cls(n_features, shape, columns, unit, domain, guessed, frame, extent, scaling=scaling)
        if not space._is_possible():
            msg = "its space is none of these points"
            raise ValueError(msg)
        return space

    def _is_possible(self) -> bool:
        """Return whether the parts, of which frame and scaling were checked, can be those of so many coordinates."""
        shape, columns, unit = self.shape, self.columns, self.unit
        fits = shape is None or (all(type(n) is int and n > 0 for n in shape) and math.prod(shape) == self.n_features)
        fits &= columns is None or (len(columns) == self.n_features and all(isinstance(one, str) for one in columns))
        fits &= unit is None or 0 < unit < math.inf
        return fits and all(
            len(ends) == 2 and float(ends[0]) <= float(ends[1])
            for ends in (self.domain, self.extent)
            if ends is not None
        )


def check_same(one: Space, other: Space, name: str, whose: str) -> None:
    """Refuse points of another space.

    Parameters
    ----------
    one : Space
        Of the points in question, which messages call `name`.
    other : Space
        Of what they are to go together with, which messages call `whose`.

    Raises
    ------
    InputError
        If width, layout, names of columns, their scale, unit or domain differ, or the points lie outside the other's domain.
    """
    if one.n_features != other.n_features:
        msg = f"{name} has {one.n_features} coordinates; allowed: {other.n_features}, as {whose} has"
        if one.columns and other.columns and set(other.columns) < set(one.columns):
            msg += f" ({to_drop(*(column for column in one.columns if column not in other.columns))} leaves others out)"
        raise InputError(msg)
    if one.shape and other.shape and one.shape != other.shape:
        msg = f"{name} has points of shape {one.shape}; allowed: {other.shape}, as {whose} has"
        raise InputError(msg)
    if differ := other_name(one.columns, other.columns):
        msg = (
            f"{name} has a column {differ[0]!r} where {whose} has {differ[1]!r}; allowed: the same columns in one order"
        )
        raise InputError(msg)
    if one.scaling != other.scaling:
        known = f"like= gives points the scale of {whose}"
        msg = f"{name} has columns {_scaled(one, other)}; allowed: {_scaled(other, one)}, as {whose} has ({known})"
        raise InputError(msg)
    if one.domain and other.domain and one.domain != other.domain:
        msg = f"{name} has the domain {one.domain}; allowed: {other.domain}, as {whose} has"
        raise InputError(msg)
    _check_units(one, other, name, whose)


def _check_units(one: Space, other: Space, name: str, whose: str) -> None:
    if one.unit and other.unit:
        if one.unit != other.unit:
            msg = f"{name} has levels worth {_worth(one.unit)}; allowed: {_worth(other.unit)}, as {whose} has"
            raise InputError(msg)
    elif one.unit:
        if not one.guessed or not _within(other.extent, one.domain):
            lies = f", in [{other.extent[0]:g}, {other.extent[1]:g}]" if other.extent else ""
            msg = f"{name} has levels worth {_worth(one.unit)}, and {whose} is floats in units of their own{lies}"
            msg += "; allowed: points of one kind"
            raise InputError(msg)
    elif other.unit:
        if not _within(one.extent, other.domain):
            low, high = one.extent or (0.0, 0.0)
            msg = f"{name} lies in [{low:g}, {high:g}]; allowed: within {other.domain}, as {whose} does"
            raise InputError(msg)
        if not other.guessed and one.stray > FEW:
            strays = f"floats of which {100 * one.stray:.0f}% are no multiples of {_worth(other.unit)}"
            msg = f"{name} has {strays}, as {whose} has; allowed: points of one kind (as levels: unit={_worth(other.unit)})"
            raise InputError(msg)


def check_pair(train: Any, test: Any, *, space: Space | None = None) -> None:  # noqa: ANN401
    """Refuse two samples that do not belong together: InputError.

    `space` is that of all training points, if `train` has some of them.
    """
    of_train = space or train.space
    check_same(test.space, of_train, "X_test", "X_train")
    check_same(of_train, test.space, "X_train", "X_test")
    if test.space.stray > FEW:
        strays = f"{100 * test.space.stray:.0f}% of its numbers are no multiples of {_worth(train.unit)}"
        msg = f"X_test is not of the kind of X_train: {strays}, as all of X_train are; allowed: points of one kind"
        raise InputError(msg)


def _scaled(one: Space, other: Space) -> str:
    """Say how the columns of a space are scaled, so that it differs from another one."""
    if one.scaling is None:
        return "as they were given"
    if other.scaling is None or other.scaling.kind != one.scaling.kind:
        return f"each divided by {DIVIDED_BY[one.scaling.kind]}"
    pairs = zip(one.scaling.factors, other.scaling.factors, strict=True)
    column, factor = next((column, a) for column, (a, b) in enumerate(pairs) if a != b)
    return f"of which {one.columns[column] if one.columns else column} is divided by {factor!r}"


def other_name(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, str] | None:
    """Return the first names that differ; None where one side has none, or just numbers for want of names."""
    if not one or not other or len(one) != len(other):
        return None
    numbers = tuple(map(str, range(len(one))))
    if sorted(one) != sorted(other) and numbers in (one, other):
        return None
    return next(((a, b) for a, b in zip(one, other, strict=True) if a != b), None)


def _within(extent: tuple[float, float] | None, domain: tuple[float, float] | None) -> bool:
    if extent is None or domain is None:
        return True
    rounding = 1e-6 * (domain[1] - domain[0])  # that of float32, and a little more
    return domain[0] - rounding <= extent[0] and extent[1] <= domain[1] + rounding


def _worth(unit: float) -> str:
    whole = round(1 / unit)
    return f"1/{whole}" if whole > 1 and abs(1 / unit - whole) < 1e-9 * whole else f"{unit:g}"
