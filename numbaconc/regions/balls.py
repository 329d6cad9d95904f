"""Unions of balls, the error regions of Algorithm 2 (ℓ2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_array, as_floats
from numbaconc.data.grids import per_one
from numbaconc.data.sample import Sample, as_domain
from numbaconc.errors import InputError
from numbaconc.kernels.distances import fill_distances
from numbaconc.kernels.reaches import into_ball
from numbaconc.regions.base import Region
from numbaconc.regions.domain import SLACK, edges_in, variables_of, words_of
from numbaconc.reprs import range_of

if TYPE_CHECKING:
    import xarray as xr


ROUNDING = 1e-15  # how far, relatively, rounding takes a squared radius on its way to epsilon's scale and back
EXACT = 2.0**-53  # how far, relatively, a sum in float64 is rounded at each step


class BallUnion(Region):
    """Union of closed ℓ2 balls; its expansion by epsilon is the union of the balls enlarged by epsilon.

    Parameters
    ----------
    centers : array-like, shape (T, d)
        On epsilon's scale.
    radii : array-like, shape (T,)
        On epsilon's scale, at least 0.
    center_indices : array-like, shape (T,), optional
        Which training points the centers are; -1 for a center off the data, as all are if not given.
    domain : (float, float), optional
        Least and largest possible coordinate, on epsilon's scale. Points can then move to others of the domain alone, so
        that the expansion is smaller than the enlarged balls, whose centers may lie outside the domain.

    Raises
    ------
    InputError
        If the shapes do not fit, a number is not finite, a radius is negative, or `domain` is not allowed.
    """

    p = 2.0

    def __init__(
        self,
        centers: ArrayLike,
        radii: ArrayLike,
        center_indices: ArrayLike | None = None,
        domain: tuple[float, float] | None = None,
    ) -> None:
        self.centers = np.array(as_floats(centers, "centers"), order="C")
        self.radii = as_floats(radii, "radii")
        n_balls = len(self.centers) if self.centers.ndim else 0
        indices = as_array(np.full(n_balls, -1) if center_indices is None else center_indices, "center_indices")
        if indices.dtype.kind not in "iu":
            msg = f"center_indices has dtype {indices.dtype}; allowed: whole numbers, the indices of points"
            raise InputError(msg)
        self.center_indices = indices.astype(np.int64)
        if self.centers.ndim != 2 or 0 in self.centers.shape or self.radii.shape != (n_balls,):
            msg = f"centers and radii have shapes {self.centers.shape} and {self.radii.shape}; allowed: (T, d) and (T,)"
            raise InputError(msg)
        if self.center_indices.shape != (n_balls,):
            msg = f"center_indices has shape {self.center_indices.shape}; allowed: ({n_balls},), one for each ball"
            raise InputError(msg)
        if not np.isfinite(self.centers).all() or not np.isfinite(self.radii).all() or (self.radii < 0).any():
            msg = "centers or radii hold NaN, infinity or a negative radius; allowed: finite numbers, radii from 0"
            raise InputError(msg)
        self.domain = as_domain(domain)

    def _words(self) -> str:
        return f"within {self.n_sets:,} balls" if self.n_sets > 1 else "within 1 ball"

    def _facts(self) -> dict[str, object]:
        return super()._facts() | {"domain": self.domain and range_of(self.domain)}

    @property
    def definition(self) -> str:
        """Which points are in the region, in a sentence that says that the stored radii are those before it is expanded."""
        balls = f"one of {self.n_sets:,} balls" if self.n_sets > 1 else "a ball"
        return (
            f"all points in {balls}: radii are those of the region itself, before any expansion{words_of(self.domain)}"
        )

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return int(self.centers.shape[1])

    @property
    def n_sets(self) -> int:
        """Number of balls."""
        return len(self.radii)

    def _vc_dimension_of_one(self) -> int:
        return self.n_features + 1

    def _signed(self, sample: Sample) -> tuple[NDArray[np.float64], float]:
        beyond = self._beyond(0.0, sample)
        return self._numbers(sample) if beyond is None else beyond, 0.0

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        distances, radii = self._distances(sample)
        gaps: NDArray[np.float64] = (distances - radii).min(axis=0)
        return gaps

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64] | None:
        if self.domain is None:
            return None
        gaps = self._numbers(sample) - level
        rows = np.flatnonzero(gaps > 0)
        way, edges = np.full(len(rows), np.inf), edges_in(sample, self.domain)
        slack = 2 * self._uncertainty(sample, float(gaps.max(initial=0.0)))
        for center, radius in zip(sample.place(self.centers), self._radii(sample) + level, strict=True):
            if radius >= 0:
                square = (radius * (1 + SLACK) + slack) ** 2
                way = np.minimum(way, into_ball(sample.X, rows, center.astype(np.float64), square, *edges))
        gaps[rows] = np.maximum(gaps[rows], way * (1 - SLACK))
        return gaps

    def _within(self, sample: Sample) -> Callable[[float | NDArray[np.float64]], NDArray[np.bool_]]:
        if self.domain is not None:
            return super()._within(sample)
        # distances are compared with r + ε, rounded once, as in the search: distance - r, compared with ε, would be rounded
        # for each point, and points at exactly r + ε could end up outside
        distances, radii = self._distances(sample)

        def within(strength: float | NDArray[np.float64]) -> NDArray[np.bool_]:
            inside: NDArray[np.bool_] = np.any(distances <= radii + strength, axis=0)
            return inside

        return within

    def _rounding(self, sample: Sample) -> float | NDArray[np.float64]:
        if sample.whole:
            return 0.0
        farthest = float(np.abs(sample.to_levels(self.radii)).max()) + 2 * np.abs(sample.X).max(axis=1).astype(
            np.float64
        )
        rounding: NDArray[np.float64] = (self.n_features + 4) * EXACT * farthest
        return rounding

    def _uncertainty(self, sample: Sample, size: float) -> float:
        centers = sample.place(self.centers)
        whole = sample.whole and bool((centers == np.rint(centers)).all())
        farthest = size + 2 * float((self.radii * per_one(sample.unit)).max(initial=0.0))
        return (
            (8 if whole else self.n_features + 8) * EXACT * farthest
        )  # squares of whole numbers are exact, their roots not

    def _distances(self, sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the distances from the centers to the points, shape (T, n), and the radii, (T, 1), in levels."""
        centers = sample.place(self.centers)
        distances = np.empty((len(centers), len(sample)))
        fill_distances(centers, None, sample.X, None, distances)
        return distances, self._radii(sample)[:, np.newaxis]

    def _radii(self, sample: Sample) -> NDArray[np.float64]:
        """Return the radii in levels, shape (T,)."""
        radii = self.radii * per_one(sample.unit)
        if sample.snaps:  # those that are roots of whole numbers are made exact again
            squares = np.rint(radii**2)
            radii = np.where(np.abs(radii**2 - squares) <= ROUNDING * squares, np.sqrt(squares), radii)
        return radii

    def _outward(self, sample: Sample) -> NDArray[np.float64]:
        return sample.to_units(self._numbers(sample))  # the domain does not move along

    def _moved(self, by: float) -> BallUnion:
        kept = self.radii + by >= 0  # other balls have vanished
        return BallUnion(self.centers[kept], self.radii[kept] + by, self.center_indices[kept], self.domain)

    def _variables(self) -> dict[str, Any]:
        indices = "which training points the centers are; -1 for a center off the data"
        return {
            "centers": (("T", "coordinate"), self.centers, {"long_name": "centers of the balls"}),
            "radii": ("T", self.radii, {"long_name": "radii of the balls, before any expansion"}),
            "center_indices": ("T", self.center_indices, {"long_name": indices}),
        } | variables_of(self.domain)

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        domain = as_domain(ds["domain"].values) if "domain" in ds else None
        return cls(ds["centers"].values, ds["radii"].values, ds["center_indices"].values, domain)
