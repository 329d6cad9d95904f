"""Error regions: sets that answer one question, how far a point is from them."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from numbaconc.arrays import Sample, as_sample, parse_epsilon
from numbaconc.errors import InputError
from numbaconc.files import replacing
from numbaconc.kernels.rectangles import outside

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Measurement:
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


class Region(abc.ABC):
    """An error region E, a set known by its signed gap.

    A closed region is E = {gap <= 0}, and {gap <= epsilon} holds its expansion; an open one has
    strict inequalities in both.
    """

    closed: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def n_features(self) -> int:
        """Number of coordinates d of the points."""

    @abc.abstractmethod
    def _signed(self, sample: Sample) -> tuple[NDArray[np.floating[Any]], float]:
        """Return numbers per point and one shift, in levels; the gap is their sum.

        They are compared before they are added, so that ties stay ties.
        """

    @abc.abstractmethod
    def _variables(self) -> dict[str, Any]:
        """Return what a file of the region holds, as xarray variables."""

    @classmethod
    @abc.abstractmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        """Return the region that a file holds."""

    def gap(self, X: ArrayLike | Sample) -> NDArray[np.float64]:
        """How far each point lies outside the region.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)

        Returns
        -------
        ndarray, shape (n,), float64
            On epsilon's scale, negative inside. A point belongs to the expansion by epsilon only if
            its gap is at most (for an open region: below) epsilon, whatever epsilon is.

        Raises
        ------
        InputError
            If the array is not welcome or has another width than the region.
        """
        sample = self._sample(X)
        signed, shift = self._signed(sample)
        return sample.to_units(signed.astype(np.float64) + shift)

    def measure(self, X: ArrayLike | Sample, epsilon: float | str | ArrayLike) -> Measurement:
        """Fraction of the points in the region, and in its expansion (Definition 2.3, empirical).

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        epsilon : float, str, or a sequence of them
            Strength, on the unit scale; "8/255" is exactly eight grey levels.

        Returns
        -------
        Measurement
            Numbers for one epsilon; arrays, in the order given, for several.

        Raises
        ------
        InputError
            If the array or an epsilon is not allowed.
        """
        sample = self._sample(X)
        several = not isinstance(epsilon, str) and np.ndim(np.asarray(epsilon, dtype=object)) > 0
        values = [parse_epsilon(e) for e in (np.ravel(np.asarray(epsilon, dtype=object)) if several else [epsilon])]
        signed, shift = self._signed(sample)
        compare = np.less_equal if self.closed else np.less

        def fraction(strength: float) -> float:
            within = compare(signed, float(sample.to_levels(strength)) - shift)
            return int(np.count_nonzero(within)) / len(sample)

        risk, adversarial = fraction(0.0), [fraction(e) for e in values]
        if several:
            return Measurement(np.array(values), np.full(len(values), risk), np.array(adversarial), len(sample))
        return Measurement(values[0], risk, adversarial[0], len(sample))

    def save(self, path: str | Path) -> None:
        """Write the region to a netCDF file, as a whole or not at all.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        import xarray as xr

        ds = xr.Dataset(self._variables(), attrs={"region": type(self).__name__, "epsilon_scale": "unit scale"})
        with replacing(path) as part:
            ds.to_netcdf(part, engine="netcdf4", encoding={str(name): {"zlib": True} for name in ds if ds[name].ndim})

    def _sample(self, X: ArrayLike | Sample) -> Sample:
        sample = as_sample(X, min_rows=1)
        if sample.n_features != self.n_features:
            msg = f"X has {sample.n_features} coordinates; allowed: {self.n_features}, as the region has"
            raise InputError(msg)
        return sample


class RectangleComplement(Region):
    """Complement of a union of boxes, each enlarged by epsilon (Definition 3.7).

    Its expansion by epsilon lies outside the boxes themselves. With more than one box "outside" can
    be a little more than the true expansion, for points in a crack between two boxes; adversarial
    risks are then still valid upper bounds.

    Parameters
    ----------
    lower, upper : array-like, shape (T, d)
        Faces of the boxes before they are enlarged, on epsilon's scale. May be infinite.
    epsilon : float or str
        How far the boxes are enlarged in ℓ∞, on the unit scale.

    Raises
    ------
    InputError
        If the faces are not two matrices of one shape without NaN, or epsilon is not positive.
    """

    closed = False

    def __init__(self, lower: ArrayLike, upper: ArrayLike, epsilon: float | str) -> None:
        self.lower = np.asarray(lower, dtype=np.float64)
        self.upper = np.asarray(upper, dtype=np.float64)
        self.epsilon = parse_epsilon(epsilon)
        if self.lower.ndim != 2 or self.lower.shape != self.upper.shape or 0 in self.lower.shape:
            msg = f"lower and upper have shapes {self.lower.shape} and {self.upper.shape}; allowed: both (T, d)"
            raise InputError(msg)
        if np.isnan(self.lower).any() or np.isnan(self.upper).any():
            msg = "lower or upper holds NaN; allowed: numbers and infinities"
            raise InputError(msg)

    def __repr__(self) -> str:
        return f"RectangleComplement({len(self.lower)} boxes, d={self.n_features}, epsilon={self.epsilon:g})"

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return int(self.lower.shape[1])

    def at(self, epsilon: float | str) -> RectangleComplement:
        """Return the error region that the same boxes make at another epsilon."""
        return RectangleComplement(self.lower, self.upper, epsilon)

    def _signed(self, sample: Sample) -> tuple[NDArray[np.floating[Any]], float]:
        # faces are rounded as the data were; differences are then exact in the wider type
        lower, upper = (sample.to_levels(face).astype(np.float32) for face in (self.lower, self.upper))
        if sample.X.dtype == np.float32:
            return -outside(sample.X, lower.astype(np.float64), upper.astype(np.float64)), self._shift(sample)
        return -outside(sample.X, lower, upper), self._shift(sample)

    def _shift(self, sample: Sample) -> float:
        return float(sample.to_levels(self.epsilon))

    def _variables(self) -> dict[str, Any]:
        faces = ("T", "coordinate")
        return {"lower": (faces, self.lower), "upper": (faces, self.upper), "epsilon": ((), self.epsilon)}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        return cls(ds["lower"].values, ds["upper"].values, float(ds["epsilon"]))


FAMILIES: dict[str, type[Region]] = {"RectangleComplement": RectangleComplement}


def load_region(path: str | Path) -> Region:
    """Read a region that `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Region

    Raises
    ------
    InputError
        If the file is missing or is not a region.
    """
    import xarray as xr

    msg = f"region {str(path)!r} cannot be read; allowed: a netCDF file that a region's save wrote"
    try:
        with xr.open_dataset(path, engine="netcdf4") as ds:
            return FAMILIES[ds.attrs["region"]]._from_variables(ds.load())
    except (OSError, KeyError, ValueError) as error:
        raise InputError(msg) from error
