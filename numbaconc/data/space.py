"""What points have in common: how many coordinates, of what names and layout, in what unit, within what domain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from numbaconc.data.floats import Frame
from numbaconc.errors import InputError

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
    guessed : bool
        Whether unit and domain were not given, but recognized: floats that all are multiples of 1/255 could be others.
    """

    n_features: int
    shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None
    unit: float | None = None
    domain: tuple[float, float] | None = None
    guessed: bool = False
    frame: Frame | None = None

    def attributes(self) -> dict[str, Any]:
        """Return what a file says of the space."""
        plain: dict[str, Any] = {"shape": self.shape, "columns": self.columns, "unit": self.unit, "domain": self.domain}
        if self.frame is not None:
            origin = None if self.frame.origin is None else self.frame.origin.tolist()
            plain["frame"] = self.frame._replace(origin=origin)._asdict()
        told: dict[str, Any] = {FROM + name: json.dumps(value) for name, value in plain.items() if value is not None}
        return told | {FROM + "guessed": int(self.guessed)}

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any], n_features: int) -> Self | None:
        """Return the space that a file tells; None if it tells none. ValueError or TypeError if that is damaged."""
        if FROM + "guessed" not in attributes:
            return None
        told = {
            name: json.loads(attributes.get(FROM + name, "null")) for name in ("shape", "columns", "unit", "domain")
        }
        shape, columns, domain = (
            None if told[key] is None else tuple(told[key]) for key in ("shape", "columns", "domain")
        )
        unit = None if told["unit"] is None else float(told["unit"])
        return cls(n_features, shape, columns, unit, domain, bool(attributes[FROM + "guessed"]))


def check_same(one: Space, other: Space, name: str, whose: str, extent: tuple[float, float] | None = None) -> None:
    """Refuse points of another space.

    Parameters
    ----------
    one : Space
        Of the points in question, which messages call `name`.
    other : Space
        Of what they are to go together with, which messages call `whose`.
    extent : tuple of float, optional
        The least and the largest coordinate of the points, on epsilon's scale.

    Raises
    ------
    InputError
        If width, layout, names of columns, unit or domain differ, or the points lie outside the other's domain.
    """
    if one.n_features != other.n_features:
        msg = f"{name} has {one.n_features} coordinates; allowed: {other.n_features}, as {whose} has"
        raise InputError(msg)
    if one.shape and other.shape and one.shape != other.shape:
        msg = f"{name} has points of shape {one.shape}; allowed: {other.shape}, as {whose} has"
        raise InputError(msg)
    if one.columns and other.columns and one.columns != other.columns:
        differ = next((a, b) for a, b in zip(one.columns, other.columns, strict=True) if a != b)
        msg = (
            f"{name} has a column {differ[0]!r} where {whose} has {differ[1]!r}; allowed: the same columns in one order"
        )
        raise InputError(msg)
    if one.unit and other.unit and one.unit != other.unit:
        msg = f"{name} has levels worth {_worth(one.unit)}; allowed: {_worth(other.unit)}, as {whose} has"
        raise InputError(msg)
    if one.domain and other.domain and one.domain != other.domain:
        msg = f"{name} has the domain {one.domain}; allowed: {other.domain}, as {whose} has"
        raise InputError(msg)
    if one.unit and not one.guessed and not other.unit:
        msg = (
            f"{name} has levels worth {_worth(one.unit)} and {whose} is floats in units of their own; allowed: one unit"
        )
        raise InputError(msg)
    if extent and other.domain and not one.unit and not _within(extent, other.domain):
        msg = f"{name} lies in [{extent[0]:g}, {extent[1]:g}]; allowed: within {other.domain}, as {whose} does"
        raise InputError(msg)


def check_pair(train: Any, test: Any) -> None:  # noqa: ANN401
    """Refuse two samples that do not belong together: InputError."""
    check_same(test.space, train.space, "X_test", "X_train", test.extent)
    check_same(train.space, test.space, "X_train", "X_test", train.extent)


def _within(extent: tuple[float, float], domain: tuple[float, float]) -> bool:
    rounding = 1e-6 * (domain[1] - domain[0])  # that of float32, and a little more
    return domain[0] - rounding <= extent[0] and extent[1] <= domain[1] + rounding


def _worth(unit: float) -> str:
    whole = round(1 / unit)
    return f"1/{whole}" if whole > 1 and abs(1 / unit - whole) < 1e-9 * whole else f"{unit:g}"
