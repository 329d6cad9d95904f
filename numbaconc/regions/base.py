"""Error regions: sets that are known by how far each point lies outside them."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import as_sample, parse_epsilon
from numbaconc.data.conversion import values_of
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_same
from numbaconc.errors import InputError, check_count
from numbaconc.numerals import exact, rounded_up
from numbaconc.regions.told import Told
from numbaconc.reprs import Shown

if TYPE_CHECKING:
    import xarray as xr


FINEST = 2.0**-53  # how far, relatively, float64 is rounded at each step
SINGLE, FINE = 1e-6, 1e-12  # what float32 and float64 tell apart, relatively, after some sums


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Shown):
    """Risk and adversarial risk of a region on a sample.

    Attributes
    ----------
    epsilon : float or ndarray, shape (n_epsilon,)
        Strength of the expansion, on the unit scale.
    risk, adversarial_risk : float or ndarray, shape (n_epsilon,)
        Fraction of the points in the region, and in its expansion by `epsilon`.
    n_points : int
        Points in the sample.
    """

    epsilon: float | NDArray[np.float64]
    risk: float | NDArray[np.float64]
    adversarial_risk: float | NDArray[np.float64]
    n_points: int

    def _facts(self) -> dict[str, object]:
        return vars(self)


class Region(Told):
    """An error region E.

    Every point has a signed gap: how far it lies outside the region, on epsilon's scale, negative inside. A closed
    region consists of the points whose gap is at most 0, and its expansion by epsilon counts those whose gap is at most
    epsilon, which are at least all that lie within epsilon of the region. For an open region both mean "less than"
    instead of "at most". Regions are equal if they are of one family, stored by the same numbers, and in the same space.

    Attributes
    ----------
    closed : bool
        Whether the points on the border belong to the region.
    resolution : float
        Gaps of bytes that differ by no more than this, relatively, are taken for equal when the border is moved:
        only rounding tells them apart.
    families : dict of str to type
        Every kind of region by its name, for `load_region`.
    p, norm, space, shape, columns, unit, epsilon_unit
        Of the norm ℓp that it is expanded in, and its name. What points must have in common with those that it was found
        on, None for a region that was made by hand: the shape of a point, names of coordinates, what a level and ε are in.
    definition : str
        Which points are in it, in a sentence.
    source, search, settings, epsilon, alpha, data_sha256, numbaconc_version
        How it was found, and by what; None for one that was made by hand.
    """

    closed: ClassVar[bool] = True
    resolution: ClassVar[float] = 1e-9
    families: ClassVar[dict[str, type[Region]]] = {}

    def __init_subclass__(cls) -> None:
        """Make the family known to `load_region` by its name."""
        Region.families[cls.__name__] = cls

    @abc.abstractmethod
    def _signed(self, sample: Sample) -> tuple[NDArray[np.floating[Any]], float]:
        """Return a number for each point, and one shift, all in levels. The gap of a point is its number plus the shift.

        The sum would be rounded, and a point exactly on a border might end up beside it. So `_within` does not add:
        it compares the numbers with the strength less the shift, which is rounded once and the same for all points.
        """

    @abc.abstractmethod
    def _moved(self, by: float) -> Self:
        """Return the region whose border lies farther out by this length on epsilon's scale; farther in if it is below 0."""

    @classmethod
    @abc.abstractmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        """Return the region that a file holds."""

    def _vc_dimension_of_one(self) -> int | None:
        """Bound the VC dimension of regions of one set; None if it is not known."""
        return None

    def vc_dimension(self, n_sets: int | None = None) -> int | None:
        """Bound the VC dimension of the family that the region is of: of boxes 2 d, of balls and half spaces d + 1.

        Parameters
        ----------
        n_sets : int, optional
            T, the most sets that the search was allowed: if it used fewer, it still chose among unions of as
            many. As many as the region has if not given.

        Returns
        -------
        int or None
            None if it is not known.

        Raises
        ------
        InputError
            If the region has more sets than that.
        """
        dimension = self._vc_dimension_of_one()
        allowed = self.n_sets if n_sets is None else check_count("n_sets", n_sets, self.n_sets)
        return None if dimension is None else union_vc_dimension(dimension, allowed)

    def gap(self, X: ArrayLike | Sample) -> NDArray[np.float64]:
        """How far each point lies outside the region.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)

        Returns
        -------
        ndarray, shape (n,), float64
            On epsilon's scale, negative inside. A point belongs to the expansion by epsilon only if
            its gap is at most (for an open region: below) epsilon, whatever epsilon is; where floats were rounded, if
            it is at most epsilon and that rounding.

        Raises
        ------
        InputError
            If the array is not welcome or has another width than the region.
        """
        sample = self._sample(X)
        signed, shift = self._signed(sample)
        return sample.to_units(signed.astype(np.float64) + shift)

    def contains(self, X: ArrayLike | Sample) -> NDArray[np.bool_]:
        """Return whether each point lies in the region, shape (n,): exactly the points that `measure` counts.

        Raises
        ------
        InputError
            If the array is not welcome or has another width than the region.
        """
        sample = self._sample(X)
        return self._within(sample)(0.0)

    def measure(self, X: ArrayLike | Sample, epsilon: float | str | ArrayLike) -> Measurement:
        """Fraction of the points in the region, and in its expansion (Definition 2.3, empirical).

        Where floats were rounded to float32, points are counted that are within epsilon plus that rounding: the
        adversarial risk is never too small, and rounding alone never keeps a point out.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        epsilon : float, str, or a sequence of them
            Strength, on the unit scale; "8/255" is exactly eight gray levels.

        Returns
        -------
        Measurement
            Numbers for one epsilon; arrays, in the order given, for several.

        Raises
        ------
        InputError
            If the array or an epsilon is not allowed; an epsilon must be large beside the rounding of the points.
        """
        sample = self._sample(X)
        given = values_of(epsilon, "epsilon")
        several = not (len(given) == 1 and (given[0] is epsilon or getattr(epsilon, "ndim", 1) == 0))
        values = [parse_epsilon(one) for one in given]
        within = self._within(sample)

        def fraction(strength: float | NDArray[np.float64]) -> float:
            return int(np.count_nonzero(within(strength))) / len(sample)

        risk, adversarial = fraction(0.0), [fraction(strength) for strength in self._strengths(values, sample)]
        if several:
            return Measurement(np.array(values), np.full(len(values), risk), np.array(adversarial), len(sample))
        return Measurement(values[0], risk, adversarial[0], len(sample))

    def holding(self, X: ArrayLike | Sample, n_inside: int) -> Self:
        """Return the region with its border moved, by the same distance everywhere, until it holds that many points.

        The regions that differ only in where the border is are nested, one inside the other. If the points here had no
        part in finding the region, the one of these that holds a share of them therefore holds about as large a share
        of any other points from the same source.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        n_inside : int
            From 1 to n - 1. The border is put halfway between the last point inside and the next one outside.
            Points with equal gaps go in together, so that more than this many may be inside.

        Returns
        -------
        Region

        Raises
        ------
        InputError
            If the array or the number is not allowed.
        """
        sample = self._sample(X)
        n = len(sample)
        n_inside = check_count("n_inside", n_inside, 1, n - 1, f"there are {n} points")
        gaps = np.sort(self._outward(sample))
        last = float(gaps[n_inside - 1])
        if last == -np.inf:  # these points are inside wherever the border is
            return self
        if last == np.inf:
            msg = f"n_inside is {n_inside}; allowed: at most {np.count_nonzero(gaps < np.inf)}, others are never inside"
            raise InputError(msg)
        lengths = [*sample.to_units([sample.X.min(), sample.X.max()]), *gaps[np.isfinite(gaps)][[0, -1]]]
        resolution = {"f": SINGLE, "d": FINE}.get(sample.X.dtype.char, self.resolution)
        tie = (self.resolution if sample.whole else resolution) * float(np.abs(lengths).max())
        farther = gaps[gaps > last + tie]
        by = (last + float(farther[0])) / 2 if len(farther) and farther[0] < np.inf else last + tie
        return self._moved(by).in_space(self.space)

    def _outward(self, sample: Sample) -> NDArray[np.float64]:
        """Return by how much the border must be moved out to reach each point, on epsilon's scale."""
        return self.gap(sample)

    def at_rank(self, X: ArrayLike | Sample, n_inside: int) -> Region:
        """Return the closed region of the points that are no farther out than the `n_inside`-th of the given ones.

        Its border lies exactly at that point, by the numbers that the arithmetic has, so that it holds at least so many of
        the points; with equal ones on the border more. That is what lets these very points prove something of it, if
        they had no part in finding this region: docs/certificates.md.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        n_inside : int
            From 1 to n.

        Returns
        -------
        Region

        Raises
        ------
        InputError
            If the array or the number is not allowed.
        """
        sample = self._sample(X)
        n = len(sample)
        rank = check_count("n_inside", n_inside, 1, n, f"there are {n} points") - 1
        return self._at(float(np.partition(self._numbers(sample), rank)[rank]), sample)

    def _numbers(self, sample: Sample) -> NDArray[np.float64]:
        """Return the number s(x) of each point in the chain of the region, in levels, made once for a sample.

        The chain is a family of nested closed sets E_s, and s(x) the least s such that x lies in E_s. It is fixed by the
        region alone. Points within ε of E_s have numbers of at most s + ε, but for rounding.
        """
        known: WeakKeyDictionary[Sample, NDArray[np.float64]]
        known = self.__dict__.setdefault("_known", WeakKeyDictionary())
        numbers = known.get(sample)  # a key is gone as soon as the sample is, which may be an equal one
        if numbers is None:
            numbers = known[sample] = self._chain(sample)
        return numbers

    def __getstate__(self) -> dict[str, Any]:
        """Leave in the process what can be made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_known"}

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        """Return the numbers of points: how far outside they lie, less the shift. A family with a better chain has others."""
        return self._signed(sample)[0].astype(np.float64)

    def _at(self, level: float, sample: Sample) -> Region:
        """Return the member of the chain at a level of the sample, which holds the points of at most that number."""
        from numbaconc.regions.sublevel import Sublevel  # is a Region itself

        return Sublevel(self, level, sample.unit)

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return how far points lie outside the member of the chain at a level, in levels, never more than it is.

        At most 0 inside. None where it is the number less the level, as in every chain but those whose members grow in
        another way.
        """
        return None

    def _uncertainty(self, sample: Sample, size: float) -> float:
        """Return how far numbers in the chain, of up to `size` levels, may be from the true ones; 0 where none is rounded."""
        return float(np.max(self._rounding(sample))) + (self.n_features + 8) * FINEST * size

    def save(self, path: str | Path) -> None:
        """Write the region to a netCDF file, as a whole or not at all: what it is, and how it was found.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        import xarray as xr  # slow to import, as what is made of it

        from numbaconc.data.formats import netcdf

        netcdf.write(xr.Dataset(self._stored(), attrs=self._attributes()), path)

    def _within(self, sample: Sample) -> Callable[[float | NDArray[np.float64]], NDArray[np.bool_]]:
        """Return a function that says which points lie in the expansion by a strength in levels; at 0, in the region."""
        signed, shift = self._signed(sample)
        signed = signed.astype(np.float64)  # NumPy would otherwise round the strength to float32 to compare it
        compare = np.less_equal if self.closed else np.less
        return lambda strength: compare(signed, strength - shift)

    def _sample(self, X: ArrayLike | Sample) -> Sample:
        sample = as_sample(X, min_rows=1, like=self.space)
        own = self.space or replace(sample.space, n_features=self.n_features)  # made by hand, it fits any of its width
        check_same(sample.space, own, "X", "the region")
        return sample

    def _strengths(self, epsilons: list[float], sample: Sample) -> list[float | NDArray[np.float64]]:
        """Return each ε in levels, and what rounding may have added to the distance of a point; InputError if that is more."""
        finest, slack, rounding = self.finest(sample), sample.slack(self.p), self._rounding(sample)
        if epsilons and (least := min(epsilons)) < finest:
            rounded = f"the points were rounded to {sample.X.dtype} by up to {sample.to_units(sample.rounding):.2g}"
            msg = f"epsilon is {exact(least)}; allowed: at least {rounded_up(finest)}, since {rounded}"
            raise InputError(msg)
        return [float(sample.to_levels(epsilon)) + slack + rounding for epsilon in epsilons]

    def finest(self, sample: Sample) -> float:
        """Return the least ε that is large beside the rounding of a sample: twice what that may add to a distance."""
        return float(sample.to_units(2 * (sample.slack(self.p) + np.max(self._rounding(sample)))))

    def _rounding(self, sample: Sample) -> float | NDArray[np.float64]:  # noqa: ARG002
        """Return by how much the gaps of points may be rounded beside that, in levels: of all, or of each."""
        return 0.0


def union_vc_dimension(vc_dimension: int, n_sets: int) -> int:
    """Return the most that the VC dimension of unions of T sets can be: 2 V T log2(3 T); V itself for one.

    Blumer, Ehrenfeucht, Haussler and Warmuth (Journal of the ACM 36, 1989, Lemma 3.2.3); complements have the same.
    """
    dimension, n_sets = check_count("vc_dimension", vc_dimension), check_count("n_sets", n_sets)
    return dimension if n_sets == 1 else math.floor(2 * dimension * n_sets * math.log2(3 * n_sets))
