"""The one door for users' arrays: checks, casts, the unit of epsilon, the domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_array, values_of
from numbaconc.data.floats import Levels, levels_of
from numbaconc.data.sample import Sample, as_domain, check_unit
from numbaconc.data.space import Space
from numbaconc.errors import InputError, as_number, check_count, check_flag, check_fraction, shown, warn

GRAY_LEVELS = 255  # a uint8 image has this many steps between 0 and 1
IMAGE = (0.0, 1.0)  # the domain of an image


class UnitWarning(UserWarning):
    """The data are not on [0, 1], so that epsilon is in the data's own units."""


def as_sample(
    X: ArrayLike | Sample,
    *,
    name: str = "X",
    unit: float | None = None,
    domain: tuple[float, float] | None = None,
    min_rows: int = 2,
    integers: bool = True,
) -> Sample:
    """Check a user's array once and bring it into the form that every kernel takes.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        uint8 stays uint8. Floats in [0, 1] that are multiples of 1/255 become uint8. Other floats become float32: whole
        numbers of steps where all are multiples of one, such as 0.1. Columns that are far from 0 for their spread are
        centered before. Where float32 would round too much beside the spread of a column, it is float64.
    name : str
        What messages call the array.
    unit : float, optional
        Worth of one level on epsilon's scale, X being in levels; 1/255 for uint8 and 1 for floats if not given.
    domain : tuple of float, optional
        Least and largest possible coordinate on epsilon's scale; (0, 1) for uint8 images.
    min_rows : int
        The fewest points allowed.
    integers : bool
        Take integers other than uint8, and booleans, as floats in their own units; if not, refuse them.

    Returns
    -------
    Sample
        With `X` of shape (n, d), C-contiguous.

    Raises
    ------
    InputError
        If the array is ragged, masked, empty, too short, not numeric, holds NaN or infinity, or is of a type that is
        refused; if the unit is not positive, the domain does not hold X, or a Sample has another unit or domain.

    Warns
    -----
    UnitWarning
        If numbers other than bytes lie outside [0, 1]: epsilon is then in the data's own units. If floats are nearly
        images, but not all of them multiples of 1/255.
    """
    min_rows, integers = check_count("min_rows", min_rows), check_flag("integers", integers)
    unit, domain = None if unit is None else check_unit(unit), as_domain(domain)
    if isinstance(X, Sample):
        for what, given, had in (("unit", unit, X.unit), ("domain", domain, X.domain)):
            if given is not None and given != had:
                msg = f"{what} is {shown(given)} for {name}, a Sample that has {had}; allowed: the Sample's own"
                raise InputError(msg)
        sample = X
    else:
        array, shape = _as_matrix(X, name, integers=integers)
        sample = _sample_of(array, name, unit, domain, {"shape": shape, "columns": _columns_of(X, array.shape[1])})
    if len(sample) < min_rows:
        msg = f"{name} has {len(sample)} row{'s' * (len(sample) != 1)}; allowed: at least {min_rows}"
        raise InputError(msg)
    return sample


def _sample_of(
    array: NDArray[Any], name: str, unit: float | None, domain: tuple[float, float] | None, shared: dict[str, Any]
) -> Sample:
    """Return a matrix of uint8 or floats as a sample; `shared` is more that its space is to know."""
    d = array.shape[1]
    if array.dtype == np.uint8:
        domain = domain or (IMAGE if unit is None else None)
        unit = 1 / GRAY_LEVELS if unit is None else unit
        return Sample(array, unit, domain, _space=Space(d, unit=unit, domain=domain, **shared))
    found: Levels = levels_of(array, name, GRAY_LEVELS if unit is None and domain in (None, IMAGE) else None, unit)
    if found.image:
        note = f"{name}: the floats are multiples of 1/{GRAY_LEVELS}, so they are kept as uint8"
        space = Space(d, unit=1 / GRAY_LEVELS, domain=IMAGE, guessed=domain is None, **shared)
        return Sample(found.X, 1 / GRAY_LEVELS, IMAGE, note, _space=space)
    if found.nearly:
        warn(f"{name} is nearly an image, but {found.nearly}: it is kept as floats", UnitWarning)
    elif unit is None and (found.low < 0 or found.high > 1):
        lies = f"lies in [{found.low:g}, {found.high:g}], not in [0, 1]"
        warn(f"{name} {lies}: epsilon is in the data's own units", UnitWarning)
    space = Space(d, unit=unit, domain=domain, **shared)
    said = ", and ".join(found.said)
    note = f"{name}: {said}" if said else ""
    return Sample(found.X, found.unit, domain, note, found.origin, found.rounding, found.whole, space)


def _as_matrix(X: ArrayLike, name: str, *, integers: bool) -> tuple[NDArray[Any], tuple[int, ...] | None]:
    """Return points as rows, and the shape that one had, if it was none."""
    array = as_array(X, name)
    if not 2 <= array.ndim <= 4 or 0 in array.shape:
        msg = f"{name} has shape {array.shape}; allowed: (n, d), (n, h, w) or (n, h, w, c), none of them 0"
        raise InputError(msg)
    if integers and array.dtype != np.uint8 and array.dtype.kind in "iub":
        array = _exactly_float64(array, name)  # larger numbers than 1 are warned of, as those of floats are
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        msg = f"{name} has dtype {array.dtype}; allowed: uint8, or floats"
        if array.dtype.kind in "iub":
            msg += f" (scale it: {name}.astype('uint8') if all are in 0..255, or {name} / {name}.max() for floats in [0, 1])"
        raise InputError(msg)
    return array.reshape(len(array), -1), array.shape[1:] if array.ndim > 2 else None


def _exactly_float64(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    floats = array.astype(np.float64)
    if array.dtype.itemsize == 8 and max(-floats.min(), floats.max()) > 2.0**53:
        msg = f"{name} holds whole numbers up to {max(-floats.min(), floats.max()):g}; allowed: up to 2^53, which float64 holds"
        raise InputError(msg)
    return floats


def _columns_of(X: object, d: int) -> tuple[str, ...] | None:
    """Return the names of the columns of a data frame; None if there are no names."""
    named = getattr(X, "columns", None)
    try:
        names = list(named) if named is not None else []
    except TypeError:
        return None
    return tuple(names) if len(names) == d and all(isinstance(one, str) for one in names) else None


def parse_epsilon(value: object, name: str = "epsilon") -> float:
    """Return a strength on the unit scale, given as a number or as a fraction such as "8/255".

    Raises
    ------
    InputError
        If it cannot be read, or is not positive and finite.
    """
    try:
        # "8/255" is taken exactly and then rounded once; an exponent in it could ask for any number of digits
        exact = isinstance(value, str) and "/" in value and "e" not in value.lower()
        epsilon = float(Fraction(str(value).strip())) if exact else as_number(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        epsilon = math.nan
    if not 0 < epsilon < math.inf:
        msg = f'{name} is {shown(value)}; allowed: a positive number, or a fraction such as "8/255"'
        raise InputError(msg)
    return epsilon


def parse_list(value: object, name: str, parse: Callable[[object, str], float]) -> list[float]:
    """Return distinct numbers, ascending, from one value, a comma list, or several of either, in whatever holds them.

    `parse` turns one value and the name that messages call it into a number, or refuses it; none at all is refused too.
    """
    parts = [part for one in values_of(value, name) for part in (one.split(",") if isinstance(one, str) else [one])]
    if not parts:
        msg = f"{name} is {shown(value)}; allowed: one or more"
        raise InputError(msg)
    return sorted({parse(part, name) for part in parts})


def parse_epsilons(value: object, name: str = "epsilon") -> list[float]:
    """Return distinct strengths, ascending; as `parse_list`."""
    return parse_list(value, name, parse_epsilon)


def parse_alphas(value: object, name: str = "alpha") -> list[float]:
    """Return distinct risk thresholds in (0, 1), ascending; as `parse_list`."""
    return parse_list(value, name, lambda one, what: check_fraction(what, one, one_allowed=False))
