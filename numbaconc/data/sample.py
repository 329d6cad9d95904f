"""Points of a data set, in levels: what every kernel and every region takes."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from numbaconc.data.annotations import as_labels, as_uncertainty
from numbaconc.data.conversion import as_array, values_of
from numbaconc.data.files import sha256_of_array
from numbaconc.data.floats import are_whole
from numbaconc.data.grids import per_one
from numbaconc.data.indexing import as_user_array, rows_of_index, same_arrays
from numbaconc.data.rows import Rows
from numbaconc.data.space import Space
from numbaconc.errors import InputError, as_number, shown
from numbaconc.reprs import Shown, names_of, range_of

T = TypeVar("T")

SNAP = 1e-9  # where numbers are whole levels, an epsilon this near to a whole number of levels is that number
KINDS = (np.uint8, np.float32, np.float64)
LEAST_UNIT, LARGEST_UNIT = 1e-300, 1e300
GRAY = 1 / 255  # the unit of bytes that are gray levels
OF_POINTS = ("extent", "sha256", "levels_sha256")  # what is remembered, and depends on the points alone
LOOKED_AT = 1 << 23  # numbers whose range is looked for only to be shown


@dataclass(frozen=True, eq=False, repr=False)
class Sample(Shown):
    """Points of a data set, checked, with the unit that epsilon is measured in.

    A coordinate of a point is (X + origin) · unit on epsilon's scale. Slices, masks and arrays of whole numbers choose points,
    `sample[10:20]`; one number gives a sample of that point, and so does iteration. `np.asarray(sample)` is the points as
    they were given: bytes where they are gray levels, otherwise coordinates on epsilon's scale; `torch.as_tensor(sample)`
    copies them. Samples are equal if their numbers, labels, unit, domain, layout and names of columns are.

    Attributes
    ----------
    X : ndarray, shape (n, d), dtype uint8, float32 or float64, C-contiguous
        One point a row, in levels: gray levels for uint8 images; for floats whole numbers of steps where there is a step
        that all are multiples of, otherwise the data's own units, or these times a power of two. float64 only where
        float32 would round too much.
    unit : float
        What one level is worth on epsilon's scale: 1/255 for uint8 images, 1/16 for the 8x8 digits, 0.1 for tenths, 1
        for other floats of usual sizes.
    domain : tuple of float or None
        Least and largest possible coordinate on epsilon's scale; None where it is not known.
    note : str
        What was done to the user's array on the way in, empty if nothing.
    origin : ndarray, shape (d,), float64, or None
        What was subtracted from every column, in levels; None for nothing.
    rounding : float
        How far a coordinate may be from the user's, in levels; 0 where all are exact.
    whole : bool
        Whether all of X are whole levels, so that lengths near a whole number of levels are taken for that.
    y : ndarray, shape (n,), int64 or str, or None
        The labels of the points, where they are known.
    uncertainty : ndarray, shape (n,), float64, or None
        How uncertain people are of them, in [0, 2], where that is known: `label_uncertainty`.

    Raises
    ------
    InputError
        If X is no such array or holds NaN or infinity, unit is not a positive number, X is not within the domain, or
        there is not one label or uncertainty for each point.
    """

    X: NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]
    unit: float = 1.0
    domain: tuple[float, float] | None = None
    note: str = ""
    origin: NDArray[np.float64] | None = None
    rounding: float = 0.0
    whole: bool = True
    _space: Space | None = None
    y: NDArray[Any] | None = field(default=None, kw_only=True)
    uncertainty: NDArray[np.float64] | None = field(default=None, kw_only=True)
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        X = as_array(self.X, "X") if isinstance(self.X, np.ndarray) else self.X
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype not in KINDS or 0 in X.shape:
            found = f"{X.dtype} of shape {X.shape}" if isinstance(X, np.ndarray) else shown(X)
            msg = f"X is {found}; allowed: an array of uint8 or float32, shape (n, d), such as as_sample makes"
            raise InputError(msg)
        unit, domain = check_unit(self.unit), as_domain(self.domain)
        # writable, too: for read-only arrays Numba would compile every kernel again
        checked: dict[str, Any] = {"X": np.require(X, X.dtype, ["C", "W"]), "unit": unit, "domain": domain}
        if X.dtype != np.uint8 and self.whole:
            checked["whole"] = are_whole(Rows.of(X))
        checked |= {"y": None if self.y is None else as_labels(self.y, len(X))}
        checked |= {"uncertainty": None if self.uncertainty is None else as_uncertainty(self.uncertainty, len(X))}
        self.__dict__.update(checked)
        low, high = self.extent
        if not math.isfinite(low + high):
            msg = "X holds NaN or infinity; allowed: finite numbers"
            raise InputError(msg)
        slack = 1e-6 * (high - low)
        if domain is not None and not (domain[0] - slack <= low and high <= domain[1] + slack):
            msg = f"domain is {domain}, and X lies in [{low:g}, {high:g}]; allowed: a domain that X lies in"
            raise InputError(msg)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: Any) -> Sample:  # noqa: ANN401
        """Return the sample of the chosen points; an InputError that is an IndexError, too, if there are no such ones."""
        return self._of(rows_of_index(index, len(self)))

    def __iter__(self) -> Iterator[Sample]:
        return (self._of(slice(i, i + 1)) for i in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        """Return the points as they were given, of the shape that they had; what is not copied cannot be written to.

        `as_sample` makes an equal sample of them, but for what an array cannot tell: a domain other than [0, 1], names of
        columns, labels, and what rounding took away. Levels that are no 255ths, as those of the digits, are coordinates.
        Columns that were divided are multiplied again, as float64 whose last digits may differ from what was given.
        """
        scaling = self._declared.scaling
        as_given = self.unit == GRAY if self.X.dtype == np.uint8 else self.unit == 1 and self.origin is None
        as_given = as_given and scaling is None
        points = self.X if as_given else self.coordinates(self.X)
        points = points if scaling is None else scaling.undone(points)
        return as_user_array(points.reshape(self.shape), dtype, copy, made=not as_given)

    def __dlpack__(self, **how: Any) -> Any:  # noqa: ANN401
        """Hand a copy of what `__array__` returns to PyTorch and others, which would take a sample for a list of lists."""
        return np.array(self).__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return where that is: in the memory that NumPy uses."""
        return np.empty(0).__dlpack_device__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        arrays = ("X", "origin", "y", "uncertainty")
        same = self is other or self._kind == other._kind
        return same and (self is other or all(same_arrays(getattr(self, key), getattr(other, key)) for key in arrays))

    def __hash__(self) -> int:
        return hash(self._kind)

    @property
    def _kind(self) -> tuple[Hashable, ...]:
        """What equal samples have in common beside their arrays."""
        return self.X.dtype.char, self.X.shape, self.unit, self.rounding, self.snaps, self._declared.kind

    def _facts(self) -> dict[str, object]:
        return {
            "shape": self.shape,
            "dtype": self.X.dtype,
            "unit": self._declared.unit,  # that of floats in units of their own means nothing to a reader
            "range": None if self.seen is None else range_of(self.seen),
            "domain": None if self.domain is None else range_of(self.domain),
            "epsilon": self._declared.epsilon_unit,
            "columns": names_of(self._declared.columns),
            "labels": None if self.y is None else ("texts" if self.y.dtype.kind == "U" else "integers"),
            "uncertainty": None if self.uncertainty is None else "of labels",
            "note": self.note,
        }

    @property
    def seen(self) -> tuple[float, float] | None:
        """The extent, where it is known, or soon found."""
        return self.extent if "extent" in self.__dict__ or self.X.size <= LOOKED_AT else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the points as they were given: (n, d), or (n, h, w) and the like; `X` has (n, d) in any case."""
        return (len(self.X), *(self._declared.shape or (self.n_features,)))

    @property
    def ndim(self) -> int:
        """How many axes that shape has."""
        return len(self.shape)

    @property
    def _declared(self) -> Space:
        """The space, without what looking at the points tells."""
        unit = self.unit if self.X.dtype == np.uint8 or self.unit != 1 else None
        return self._space or Space(self.n_features, unit=unit, domain=self.domain)

    @functools.cached_property
    def space(self) -> Space:
        """What other samples, and regions, must have in common with this one."""
        return replace(self._declared, extent=self.extent)

    @property
    def n_features(self) -> int:
        """Number of coordinates d of a point."""
        return int(self.X.shape[1])

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the contents, in hexadecimal: of `X`, of a unit that is not the usual one, and of what was subtracted."""
        of_levels = self.levels_sha256
        if self.origin is None and self.unit == (GRAY if self.X.dtype == np.uint8 else 1):
            return of_levels
        origin = "" if self.origin is None else sha256_of_array(self.origin)
        return hashlib.sha256(f"{of_levels} {self.unit!r} {origin}".encode()).hexdigest()

    @functools.cached_property
    def levels_sha256(self) -> str:
        """SHA-256 of `X` alone, in hexadecimal: distances in levels depend on nothing else."""
        return sha256_of_array(self.X)

    @functools.cached_property
    def extent(self) -> tuple[float, float]:
        """The least and the largest coordinate, on epsilon's scale."""
        ends = np.array([self.X.min(axis=0), self.X.max(axis=0)], dtype=np.float64)
        ends = self.coordinates(ends)
        return float(ends[0].min()), float(ends[1].max())

    def to_levels(self, lengths: ArrayLike) -> NDArray[np.float64]:
        """Turn lengths on epsilon's scale into levels; where all of X are whole, a near-whole length becomes whole."""
        with np.errstate(over="ignore"):  # of lengths that are farther than anything
            levels = np.asarray(lengths, dtype=np.float64) * per_one(self.unit)
        return self._snapped(levels)

    def to_units(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Turn levels into lengths on epsilon's scale; correctly rounded, so that 8 is 8/255."""
        return np.asarray(levels, dtype=np.float64) / per_one(self.unit)

    def place(self, coordinates: ArrayLike, column: int | None = None) -> NDArray[np.float64]:
        """Turn coordinates on epsilon's scale, shape (..., d) or of one column, into levels of `X`."""
        levels = np.asarray(coordinates, dtype=np.float64) * per_one(self.unit)
        return self._snapped(levels - self._origin(column))

    def coordinates(self, levels: ArrayLike, column: int | None = None) -> NDArray[np.float64]:
        """Turn levels of `X`, shape (..., d) or of one column, into coordinates on epsilon's scale."""
        return self.to_units(np.asarray(levels, dtype=np.float64) + self._origin(column))

    def _origin(self, column: int | None) -> Any:  # noqa: ANN401
        if self.origin is None:
            return 0.0
        return self.origin if column is None else self.origin[column]

    def slack(self, p: float) -> float:
        """Return how much farther apart two points may be in ℓp than their rows of `X`, in levels, by rounding."""
        return float(2 * self.rounding * self.n_features ** (1 / p) * (1 + 1e-9))

    @property
    def snaps(self) -> bool:
        """Whether lengths near a whole number of levels are taken for that: where points of the same kind are whole."""
        frame = self._declared.frame
        return frame.whole if frame is not None else self.whole

    def _snapped(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.snaps:
            return levels
        nearest = np.rint(levels)
        with np.errstate(invalid="ignore"):  # infinite faces of boxes stay infinite
            return np.where(np.abs(levels - nearest) <= SNAP + 1e-15 * np.abs(levels), nearest, levels)

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
        return self._of(rows)

    def first(self, n: int) -> Sample:
        """Return the sample of the first `n` rows, which are not copied."""
        return self._of(slice(n))

    def _of(self, rows: NDArray[np.intp] | slice) -> Sample:
        """Return some of the rows, and what is told of them, which need not be checked again."""
        other = object.__new__(Sample)
        kept = {name: self.__dict__[name] for name in Sample.__dataclass_fields__}
        by_row = {name: kept[name] for name in ("X", "y", "uncertainty") if kept[name] is not None}
        other.__dict__.update(kept | {name: values[rows] for name, values in by_row.items()} | {"_known": {}})
        return other

    def annotated(self, *, y: Any = None, uncertainty: ArrayLike | None = None, note: str = "") -> Sample:  # noqa: ANN401
        """Return the same points with labels, or with their uncertainty, and more to note; what is not given stays as it is.

        InputError if there is not one for each point, or it is none: `as_labels`, `as_uncertainty`.
        """
        n = len(self)
        known = {name: self.__dict__[name] for name in OF_POINTS if name in self.__dict__}
        told: dict[str, Any] = known | {"note": "; ".join(filter(None, (self.note, note)))}
        if y is not None:
            told["y"] = as_labels(y, n)
        if uncertainty is not None:
            told["uncertainty"] = as_uncertainty(uncertainty, n)
        other = self._of(slice(n))
        other.__dict__.update(told | {"_known": self.__getstate__()["_known"]})
        return other

    def subsample(self, n: int, seed: int) -> Sample:
        """Return `n` distinct points drawn with `seed`, in their order; all of them if there are no more."""
        return self if n >= len(self) else self.take(drawn(len(self), n, seed))


def drawn(n_rows: int, n: int, seed: int) -> NDArray[np.intp]:
    """Return which of so many rows a subsample of `n` has, ascending; all of them if there are no more."""
    if n >= n_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, n, replace=False))


def check_unit(unit: object) -> float:
    """Return the worth of a level; InputError if it is no positive number."""
    number = math.nan if isinstance(unit, str) else as_number(unit)
    if not LEAST_UNIT <= number <= LARGEST_UNIT:
        msg = f"unit is {shown(unit)}; allowed: a positive number, what one level is worth on epsilon's scale"
        raise InputError(msg)
    return number


def as_domain(domain: object) -> tuple[float, float] | None:
    """Return the ends of a domain, or None for None; InputError if it has no two ends in order."""
    if domain is None:
        return None
    ends = values_of(domain, "domain")
    least, largest = (as_number(end) for end in ends) if len(ends) == 2 else (math.nan, math.nan)
    if not least < largest:
        msg = f"domain is {shown(domain)}; allowed: the least and the largest possible coordinate, such as (0, 1)"
        raise InputError(msg)
    return least, largest


def check_domain(sample: Sample) -> tuple[float, float]:
    """Return the domain of a sample; InputError if it is not known."""
    if sample.domain is None:
        msg = "the domain of X is not known; allowed: uint8 images, multiples of 1/255, or a Sample with a domain"
        raise InputError(msg)
    return sample.domain
