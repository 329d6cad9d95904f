"""Complements of unions of boxes, the error regions of Algorithm 1 (ℓ∞)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.conversion import as_floats
from numbaconc.data.floats import GRAY_LEVELS
from numbaconc.data.sample import Sample, as_domain, check_domain
from numbaconc.data.space import Space
from numbaconc.errors import InputError, shown
from numbaconc.kernels.rectangles import outside_floats, outside_uint8
from numbaconc.numerals import strength
from numbaconc.regions.base import FINEST, SINGLE, Region
from numbaconc.regions.told import Source

if TYPE_CHECKING:
    import xarray as xr


FINER = 2.0**-24  # how far, relatively, a difference in float32 is rounded
STEPS = 2.0**12  # a level: differences of bytes and faces that are multiples of such a step are exact in float32
NEAR = 1e-9  # relatively, how far rounding takes a face whose distance to the edge of the domain is epsilon


class RectangleComplement(Region):
    """Complement of a union of boxes, each enlarged by epsilon (Definition 3.7).

    Its expansion by epsilon is taken to be all that lies outside the boxes themselves. With more than one box that can
    be a little more than the true expansion: a point in a crack between two boxes is outside of both and may still be
    farther than epsilon from the region. Adversarial risks are then still valid upper bounds.

    Parameters
    ----------
    lower, upper : array-like, shape (T, d)
        Faces of the boxes before they are enlarged, on epsilon's scale. May be infinite.
    epsilon : float or str
        How far the boxes are enlarged in ℓ∞, on the unit scale. Files, too, hold the faces before that.

    Raises
    ------
    InputError
        If the faces are not two matrices of one shape without NaN, or epsilon is not positive.
    """

    closed = False
    resolution = SINGLE
    p = math.inf
    epsilon: float = 0.0

    def __init__(self, lower: ArrayLike, upper: ArrayLike, epsilon: float | str) -> None:
        self.lower, self.upper = np.array(as_floats(lower, "lower")), np.array(as_floats(upper, "upper"))
        self.lower.flags.writeable = self.upper.flags.writeable = False  # so that what is kept in _outside stays true
        self.epsilon = parse_epsilon(epsilon)
        self._outside: WeakKeyDictionary[Sample, NDArray[np.floating[Any]]] = WeakKeyDictionary()
        if self.lower.ndim != 2 or self.lower.shape != self.upper.shape or 0 in self.lower.shape:
            msg = f"lower and upper have shapes {self.lower.shape} and {self.upper.shape}; allowed: both (T, d)"
            raise InputError(msg)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self._numbers_of_init(), self.space, self.source)

    def _numbers_of_init(self) -> tuple[Any, ...]:
        """Return what the region is made of."""
        return self.lower, self.upper, self.epsilon

    def _words(self) -> str:
        boxes = f"{self.n_sets:,} boxes" if self.n_sets > 1 else "1 box"
        return f"outside {boxes}, enlarged by {strength(self.epsilon)} beyond lower and upper"

    @property
    def definition(self) -> str:
        """Which points are in the region, in a sentence that says that the stored faces are those before it is enlarged."""
        boxes, its = ("box", "its") if self.n_sets == 1 else (f"{self.n_sets:,} boxes", "their")
        by = strength(self.epsilon)
        are = "are" if self.n_sets == 1 else "are counted as"
        own = f"lower and upper are {its} faces before that, and all points outside [lower, upper] {are} its expansion by {by}"
        return f"all points outside the {boxes} [lower, upper] enlarged by {by}, [lower - {by}, upper + {by}]: {own}"

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return int(self.lower.shape[1])

    def at(self, epsilon: float | str) -> RectangleComplement:
        """Return the error region that the same boxes make at another epsilon."""
        region = RectangleComplement(self.lower, self.upper, epsilon)
        region._outside = self._outside  # how far points are outside the boxes does not depend on epsilon
        return region.in_space(self.space).found_by(self.source)

    @property
    def n_sets(self) -> int:
        """Number of boxes."""
        return len(self.lower)

    def _vc_dimension_of_one(self) -> int:
        return 2 * self.n_features

    def _signed(self, sample: Sample) -> tuple[NDArray[np.floating[Any]], float]:
        outside = self._outside.get(sample)  # a key is gone as soon as the sample is, which may be an equal one
        if outside is None:  # kept: several strengths, tables and curves ask for the same points
            outside = self._outside[sample] = self._measure(sample)
        return -outside, self._shift(sample)

    def _measure(self, sample: Sample) -> NDArray[np.floating[Any]]:
        """Return how far each point lies outside all boxes, in levels, negative inside one."""
        lower, upper = (_as_data(face, sample) for face in (self.lower, self.upper))
        gaps: NDArray[np.floating[Any]]
        gray = sample.X.dtype == np.uint8
        if gray and (lower <= GRAY_LEVELS).all() and (upper >= 0).all():  # true of all boxes made from such points
            rounded = np.ceil(lower), np.floor(upper)
            gaps = outside_uint8(sample.X, lower, upper, *(f.clip(0, GRAY_LEVELS).astype(np.uint8) for f in rounded))
            return gaps
        X = sample.X.astype(np.float32) if gray else sample.X
        gaps = outside_floats(X, lower.astype(np.float64), upper.astype(np.float64))  # where differences are exact
        return gaps.astype(np.float32) if gray else gaps

    def _uncertainty(self, sample: Sample, size: float) -> float:
        if sample.X.dtype != np.uint8:
            return 4 * FINEST * size
        faces = _as_data([self.lower, self.upper], sample)
        steps = STEPS * faces[np.isfinite(faces)]
        exact = (np.abs(steps) < 0.5 / FINER).all() and (steps == np.rint(steps)).all()
        return 0.0 if exact else 4 * FINER * size

    def _shift(self, sample: Sample) -> float:
        return float(sample.to_levels(self.epsilon))

    def _moved(self, by: float) -> RectangleComplement:
        return RectangleComplement(self.lower + by, self.upper - by, self.epsilon)

    def _variables(self) -> dict[str, Any]:
        dims = ("T", "coordinate")
        faces = {name: f"{name} faces of the boxes, before they are enlarged by epsilon" for name in ("lower", "upper")}
        named = {name: (dims, getattr(self, name), {"long_name": faces[name]}) for name in faces}
        return named | {"epsilon": ((), self.epsilon, {"long_name": "how far the boxes are enlarged"})}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        return cls(ds["lower"].values, ds["upper"].values, float(ds["epsilon"]))


def extend_to_domain(
    region: RectangleComplement, domain: tuple[float, float] | ArrayLike | Sample
) -> RectangleComplement:
    """Push those faces to infinity that reach the edge of the domain once they are enlarged by epsilon.

    No possible point lies beyond such an enlarged face, so the error region keeps all its points. Its expansion can
    only lose points: those between the face and the edge of the domain, which no error is near.

    Parameters
    ----------
    region : RectangleComplement
    domain : tuple of float, or Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        Least and largest possible coordinate on epsilon's scale, such as (0, 1). Or points of the kind that are to be
        measured: their domain is used, and their unit and type, so that rounding is the same as in measuring.

    Returns
    -------
    RectangleComplement
        At the same epsilon. Its method `at` does not bring faces back that would matter at a smaller epsilon.

    Raises
    ------
    InputError
        If the array is not welcome or has another width than the region, or its domain is not known.
    """
    anything: object = region
    if not isinstance(anything, RectangleComplement):
        msg = f"region is {shown(region)}; allowed: a RectangleComplement"
        raise InputError(msg)
    if isinstance(domain, tuple):
        least, largest = as_domain(domain) or (-math.inf, math.inf)
        if region.space is not None and region.space.domain not in (None, (least, largest)):
            msg = f"domain is {shown(domain)}; allowed: {region.space.domain}, that of the points that the region was found on"
            raise InputError(msg)
        reach = region.epsilon * (1 + NEAR)
        lower = np.where(region.lower - least <= reach, -np.inf, region.lower)
        upper = np.where(largest - region.upper <= reach, np.inf, region.upper)
        return RectangleComplement(lower, upper, region.epsilon).in_space(region.space)
    sample = region._sample(domain)
    domain = np.repeat(np.array(check_domain(sample))[:, np.newaxis], sample.n_features, axis=1)
    least, largest = sample.place(domain).astype(np.result_type(sample.X.dtype, np.float32)).astype(np.float64)
    measured_in = np.float32 if sample.X.dtype == np.uint8 else np.float64
    shift = region._shift(sample)

    def within(faces: NDArray[np.float64], edge: NDArray[np.float64], sign: int) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):  # faces may be infinite, and so may a domain
            gaps = sign * (edge - _as_data(faces, sample).astype(np.float64))
        held: NDArray[np.bool_] = gaps.astype(measured_in).astype(np.float64) <= shift
        return held

    lower = np.where(within(region.lower, least, -1), -np.inf, region.lower)
    upper = np.where(within(region.upper, largest, 1), np.inf, region.upper)
    return RectangleComplement(lower, upper, region.epsilon).in_space(region.space)


def _as_data(faces: ArrayLike, sample: Sample) -> NDArray[np.floating[Any]]:
    """Return coordinates on epsilon's scale, shape (..., d), in levels; as float32, in which faces are found, for bytes."""
    levels = sample.place(faces)
    return levels.astype(np.float32) if sample.X.dtype == np.uint8 else levels


def _made(
    family: type[RectangleComplement], numbers: tuple[Any, ...], space: Space | None, source: Source
) -> RectangleComplement:
    return family(*numbers).in_space(space).found_by(source)
