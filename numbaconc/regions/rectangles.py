"""Complements of unions of boxes, the error regions of Algorithm 1 (ℓ∞)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np

from numbaconc.arrays import GREY_LEVELS, Sample, parse_epsilon
from numbaconc.errors import InputError
from numbaconc.kernels.rectangles import outside_float32, outside_uint8
from numbaconc.regions.base import Region

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray


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
        self.lower = np.array(lower, dtype=np.float64)
        self.upper = np.array(upper, dtype=np.float64)
        self.lower.flags.writeable = self.upper.flags.writeable = False  # what is remembered below stays true
        self.epsilon = parse_epsilon(epsilon)
        self._outside: WeakKeyDictionary[Sample, NDArray[np.floating[Any]]] = WeakKeyDictionary()
        if self.lower.ndim != 2 or self.lower.shape != self.upper.shape or 0 in self.lower.shape:
            msg = f"lower and upper have shapes {self.lower.shape} and {self.upper.shape}; allowed: both (T, d)"
            raise InputError(msg)
        if np.isnan(self.lower).any() or np.isnan(self.upper).any():
            msg = "lower or upper holds NaN; allowed: numbers and infinities"
            raise InputError(msg)

    def __repr__(self) -> str:
        return f"RectangleComplement({len(self.lower)} boxes, d={self.n_features}, epsilon={self.epsilon:g})"

    def __reduce__(self) -> tuple[Any, ...]:
        return RectangleComplement, (self.lower, self.upper, self.epsilon)

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return int(self.lower.shape[1])

    def at(self, epsilon: float | str) -> RectangleComplement:
        """Return the error region that the same boxes make at another epsilon."""
        region = RectangleComplement(self.lower, self.upper, epsilon)
        region._outside = self._outside  # what it holds does not depend on epsilon
        return region

    def _signed(self, sample: Sample) -> tuple[NDArray[np.floating[Any]], float]:
        if sample not in self._outside:  # several strengths, and tables and curves, ask for the same points
            self._outside[sample] = self._measure(sample)
        return -self._outside[sample], self._shift(sample)

    def _measure(self, sample: Sample) -> NDArray[np.floating[Any]]:
        # faces are rounded as the data were; differences are then exact in the wider type
        lower, upper = (sample.to_levels(face).astype(np.float32) for face in (self.lower, self.upper))
        gaps: NDArray[np.floating[Any]]
        grey = sample.X.dtype == np.uint8
        if grey and (lower <= GREY_LEVELS).all() and (upper >= 0).all():  # as are boxes made from such points
            rounded = np.ceil(lower), np.floor(upper)
            gaps = outside_uint8(sample.X, lower, upper, *(f.clip(0, GREY_LEVELS).astype(np.uint8) for f in rounded))
            return gaps
        X = sample.X.astype(np.float32, copy=False)
        gaps = outside_float32(X, lower.astype(np.float64), upper.astype(np.float64))
        return gaps.astype(np.float32) if grey else gaps

    def _shift(self, sample: Sample) -> float:
        return float(sample.to_levels(self.epsilon))

    def _variables(self) -> dict[str, Any]:
        faces = ("T", "coordinate")
        return {"lower": (faces, self.lower), "upper": (faces, self.upper), "epsilon": ((), self.epsilon)}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        return cls(ds["lower"].values, ds["upper"].values, float(ds["epsilon"]))
