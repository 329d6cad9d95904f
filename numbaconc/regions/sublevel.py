"""A region whose border was put at a point: all that is no farther out than it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.sample import Sample, check_unit
from numbaconc.errors import InputError, as_number, shown
from numbaconc.numerals import exact
from numbaconc.regions.base import Region

if TYPE_CHECKING:
    import xarray as xr


class Sublevel(Region):
    """Closed region {x : s(x) <= level}, s(x) the number of a point in the chain of nested regions around another one.

    `Region.at_rank` makes it. The number is compared as the arithmetic has it, never rounded on the way.

    Parameters
    ----------
    base : Region
        Whose border is moved, by the same distance everywhere.
    level : float
        The number of the points on the border; infinite where they are never inside, or always.
    unit : float
        What a level is worth on epsilon's scale, for the points that the border was put at.

    Raises
    ------
    InputError
        If `base` is no region, `level` is NaN, or `unit` is not a positive number.
    """

    unit: float = 1.0

    def __init__(self, base: Region, level: float, unit: float = 1.0) -> None:
        given: object = base
        if not isinstance(given, Region):
            msg = f"base is {shown(base)}; allowed: a numbaconc.Region"
            raise InputError(msg)
        self.base: Region = base.base if isinstance(base, Sublevel) else base
        self.level, self.unit = as_number(level), check_unit(unit)
        if math.isnan(self.level):
            msg = f"level is {shown(level)}; allowed: a number"
            raise InputError(msg)
        self.p, self.space, self.source = base.p, base.space, base.source

    def _words(self) -> str:
        return f"no farther out than level {exact(self.level + 0.0)} of {self.base.in_short}"

    @property
    def definition(self) -> str:
        """Which points are in the region, in a sentence: those up to a level in the chain of another region."""
        where = f"{exact(self.level + 0.0)} levels, each worth {exact(self.unit)}"
        return f"all points whose number in the chain of nested regions around another one is at most {where}; the other one is {self.base.definition}"

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return self.base.n_features

    @property
    def n_sets(self) -> int:
        """Number of boxes or balls."""
        return self.base.n_sets

    def vc_dimension(self, n_sets: int | None = None) -> int | None:
        """Bound the VC dimension of the family of the region whose border was moved."""
        return self.base.vc_dimension(n_sets)

    def gap(self, X: ArrayLike | Sample) -> NDArray[np.float64]:
        """How far each point lies outside the region, as `Region.gap`; 0 on a border that is infinitely far out or in."""
        sample = self._sample(X)
        beyond = self._beyond(self._level(sample), sample)
        return self._outward(sample) if beyond is None else sample.to_units(beyond)

    def _outward(self, sample: Sample) -> NDArray[np.float64]:
        numbers, level = self._chain(sample), self._level(sample)
        return sample.to_units(np.subtract(numbers, level, out=np.zeros(len(numbers)), where=numbers != level))

    def _signed(self, sample: Sample) -> tuple[NDArray[np.float64], float]:
        level = self._level(sample)
        beyond = self._beyond(level, sample)
        return (self._chain(sample), -level) if beyond is None else (beyond, 0.0)

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64] | None:
        return self.base._beyond(level, sample) if math.isfinite(level) else None

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        return self.base._numbers(sample)

    def _at(self, level: float, sample: Sample) -> Sublevel:
        return Sublevel(self.base, level, sample.unit).in_space(self.space).found_by(self.source)

    def _level(self, sample: Sample) -> float:
        return self.level if sample.unit == self.unit else float(sample.to_levels(self.level * self.unit))

    def _rounding(self, sample: Sample) -> float:
        """Return by how much the number of a point within ε of the region may exceed the level plus ε, by rounding.

        The numbers of that point and of the one in the region may both be rounded. A point that is no farther out than
        the farthest of the sample is all that matters: beyond that, everything is counted.
        """
        numbers = self._chain(sample)
        finite = np.abs(numbers[np.isfinite(numbers)])
        level = abs(self._level(sample))
        size = float(finite.max(initial=0.0)) + (level if math.isfinite(level) else 0.0)
        return 2 * self.base._uncertainty(sample, size)

    def _moved(self, by: float) -> Sublevel:
        return Sublevel(self.base, self.level + by / self.unit, self.unit)

    def _variables(self) -> dict[str, Any]:
        name = "the number of points on the border, in levels: how far out the border is from that of the region of this family"
        told = {"of": type(self.base).__name__, "unit": self.unit, "long_name": name}
        return self.base._variables() | {"level": ((), self.level, told)}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        told = ds["level"].attrs
        return cls(Region.families[told["of"]]._from_variables(ds), float(ds["level"]), float(told["unit"]))
