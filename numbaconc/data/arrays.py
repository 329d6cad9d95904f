"""The one door for users' arrays: checks, casts, the unit of epsilon, the domain."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.files import sha256_of_array
from numbaconc.errors import InputError, as_number, check_fraction, warn

T = TypeVar("T")

GRAY_LEVELS = 255  # a uint8 image has this many steps between 0 and 1
ON_GRID = 3e-5  # how far, in gray levels, float32 rounding takes a multiple of 1/255
SNAP = 1e-9  # epsilon this near to a whole number of levels is that number
BLOCK = 4096  # rows looked at together, so that checks need little memory


class UnitWarning(UserWarning):
    """The data are not on [0, 1], so that epsilon is in the data's own units."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Points of a data set, checked, with the unit that epsilon is measured in.

    Attributes
    ----------
    X : ndarray, shape (n, d), dtype uint8 or float32, C-contiguous
        One point a row, in levels: gray levels for uint8 images, the data's own units for floats.
    unit : float
        What one level is worth on epsilon's scale: 1/255 for uint8 images, 1/16 for the 8x8
        digits, 1 for floats.
    domain : tuple of float or None
        Least and largest possible coordinate on epsilon's scale; None where it is not known.
    note : str
        What was done to the user's array on the way in, empty if nothing.
    """

    X: NDArray[np.uint8] | NDArray[np.float32]
    unit: float = 1.0
    domain: tuple[float, float] | None = None
    note: str = ""
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_features(self) -> int:
        """Number of coordinates d of a point."""
        return int(self.X.shape[1])

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the contents: dtype, shape and bytes of `X`, in hexadecimal."""
        return sha256_of_array(self.X)

    def to_levels(self, values: ArrayLike) -> NDArray[np.float64]:
        """Turn lengths on epsilon's scale into levels; a near-whole number of levels becomes whole."""
        levels = np.asarray(values, dtype=np.float64) * _levels_per_one(self.unit)
        whole = np.rint(levels)
        with np.errstate(invalid="ignore"):  # infinite faces of boxes stay infinite
            return np.where(np.abs(levels - whole) <= SNAP, whole, levels)

    def to_units(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Turn levels into lengths on epsilon's scale; correctly rounded, so that 8 is 8/255."""
        return np.asarray(levels, dtype=np.float64) / _levels_per_one(self.unit)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for this key: several searches share what they know of one sample."""
        if key not in self._known:
            self._known[key] = make()
        made: T = self._known[key]
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Leave in the process what can be made again at little cost; arrays, such as radii, go along."""
        known = {key: value for key, value in self._known.items() if isinstance(value, np.ndarray)}
        return self.__dict__ | {"_known": known}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Hold an array that may be written to, as all samples do: for others Numba would compile every kernel again."""
        self.__dict__.update(state | {"X": np.require(state["X"], requirements=["C", "W"])})

    def take(self, rows: NDArray[np.intp]) -> Sample:
        """Return the sample of the given rows."""
        return Sample(self.X[rows], self.unit, self.domain, self.note)

    def first(self, n: int) -> Sample:
        """Return the sample of the first `n` rows, which are not copied."""
        return Sample(self.X[:n], self.unit, self.domain, self.note)

    def subsample(self, n: int, seed: int) -> Sample:
        """Return `n` distinct points drawn with `seed`, in their order; all of them if there are no more."""
        if n >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False)))


def _levels_per_one(unit: float) -> float:
    per_one = 1 / unit
    whole = round(per_one)
    return float(whole) if math.isclose(per_one, whole, rel_tol=1e-12) else per_one


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
        uint8 stays uint8. Floats in [0, 1] that are multiples of 1/255 become uint8. Other floats
        become float32.
    name : str
        What messages call the array.
    unit : float, optional
        Worth of one level on epsilon's scale; 1/255 for uint8 and 1 for floats if not given.
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
        If the array is ragged, empty, too short, not numeric, holds NaN or infinity, or is of a type that is refused.

    Warns
    -----
    UnitWarning
        If numbers other than bytes lie outside [0, 1]: epsilon is then in the data's own units.
    """
    if isinstance(X, Sample):
        sample = X
    else:
        array = _as_matrix(X, name, integers=integers)
        if array.dtype == np.uint8:
            per_level = 1 / GRAY_LEVELS if unit is None else unit
            image = (0.0, 1.0) if unit is None else None
            # writable too: for read-only arrays Numba would compile every kernel again
            sample = Sample(np.require(array, np.uint8, ["C", "W"]), per_level, domain or image)
        else:
            sample = _float_sample(array, name, unit, domain)
    if len(sample) < min_rows:
        msg = f"{name} has {len(sample)} row{'s' * (len(sample) != 1)}; allowed: at least {min_rows}"
        raise InputError(msg)
    return sample


def _as_matrix(X: ArrayLike, name: str, *, integers: bool) -> NDArray[np.generic]:
    try:
        array = np.asarray(X)
    except ValueError as error:
        msg = f"{name} is ragged; allowed: rows of one length, shape (n, d), (n, h, w) or (n, h, w, c)"
        raise InputError(msg) from error
    if array.dtype == object:
        msg = f"{name} has dtype object; allowed: uint8, or floats, shape (n, d), (n, h, w) or (n, h, w, c)"
        raise InputError(msg)
    if not 2 <= array.ndim <= 4 or 0 in array.shape:
        msg = f"{name} has shape {array.shape}; allowed: (n, d), (n, h, w) or (n, h, w, c), none of them 0"
        raise InputError(msg)
    if integers and array.dtype != np.uint8 and array.dtype.kind in "iub":
        array = array.astype(np.float64)  # larger numbers than 1 are warned of, as those of floats are
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        msg = f"{name} has dtype {array.dtype}; allowed: uint8, or floats"
        if array.dtype.kind in "iub":
            msg += f" (scale it: {name}.astype('uint8') if all are in 0..255, or {name} / {name}.max() for floats in [0, 1])"
        raise InputError(msg)
    return array.reshape(len(array), -1)


def _float_sample(
    array: NDArray[np.generic], name: str, unit: float | None, domain: tuple[float, float] | None
) -> Sample:
    low, high, on_grid = math.inf, -math.inf, unit is None
    for start in range(0, len(array), BLOCK):
        block = array[start : start + BLOCK].astype(np.float64)
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            msg = f"{name} holds {block[row, column]} at row {start + row}, column {column}; allowed: finite numbers"
            raise InputError(msg)
        low, high = min(low, block.min()), max(high, block.max())
        if on_grid:
            levels = block * GRAY_LEVELS
            on_grid = bool(low >= 0 and high <= 1 and (np.abs(levels - np.rint(levels)) <= ON_GRID).all())
    if on_grid:
        levels8 = np.empty(array.shape, np.uint8)
        for start in range(0, len(array), BLOCK):
            levels8[start : start + BLOCK] = np.rint(array[start : start + BLOCK].astype(np.float64) * GRAY_LEVELS)
        note = f"{name}: the floats are multiples of 1/255, so they are kept as uint8"
        return Sample(levels8, 1 / GRAY_LEVELS, domain or (0.0, 1.0), note)
    if max(-low, high) > np.finfo(np.float32).max / 4:
        msg = f"{name} holds numbers up to {max(-low, high):g}; allowed: what float32 can add and subtract"
        raise InputError(msg)
    if unit is None and (low < 0 or high > 1):
        warn(f"{name} lies in [{low:g}, {high:g}], not in [0, 1]: epsilon is in the data's own units", UnitWarning)
    return Sample(np.require(array, np.float32, ["C", "W"]), unit or 1.0, domain)


def check_width(train: Sample, test: Sample) -> None:
    """Refuse two samples of different width: InputError."""
    if train.n_features != test.n_features:
        msg = f"X_test has {test.n_features} coordinates; allowed: {train.n_features}, as X_train has"
        raise InputError(msg)


def check_domain(sample: Sample) -> tuple[float, float]:
    """Return the domain of a sample; InputError if it is not known."""
    if sample.domain is None:
        msg = "the domain of X is not known; allowed: uint8 images, multiples of 1/255, or a Sample with a domain"
        raise InputError(msg)
    return sample.domain


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
    if isinstance(value, bool) or not (0 < epsilon < math.inf):
        msg = f'{name} is {value!r}; allowed: a positive number, or a fraction such as "8/255"'
        raise InputError(msg)
    return epsilon


def parse_list(value: object, name: str, parse: Callable[[object, str], float]) -> list[float]:
    """Return distinct numbers, ascending, from one value, a comma list, or several of either.

    `parse` turns one value and the name that messages call it into a number, or refuses it; none at all is refused too.
    """
    items = np.ravel(np.asarray(value, dtype=object)) if isinstance(value, np.ndarray | list | tuple) else [value]
    parts = [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]
    if not parts:
        msg = f"{name} is {value!r}; allowed: one or more"
        raise InputError(msg)
    return sorted({parse(part, name) for part in parts})


def parse_epsilons(value: object, name: str = "epsilon") -> list[float]:
    """Return distinct strengths, ascending; as `parse_list`."""
    return parse_list(value, name, parse_epsilon)


def parse_alphas(value: object, name: str = "alpha") -> list[float]:
    """Return distinct risk thresholds in (0, 1), ascending; as `parse_list`."""
    return parse_list(value, name, lambda one, what: check_fraction(what, one, one_allowed=False))
