"""Half spaces, the error regions of the hyperplane baseline (any ℓp)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_floats
from numbaconc.data.grids import per_one
from numbaconc.data.sample import Sample, as_domain
from numbaconc.errors import InputError, as_number, shown
from numbaconc.kernels.reaches import into_half_space
from numbaconc.norms import check_p, dual
from numbaconc.numerals import exact
from numbaconc.regions.base import Region
from numbaconc.regions.domain import SLACK, edges_in, variables_of, words_of
from numbaconc.reprs import range_of

if TYPE_CHECKING:
    import xarray as xr


BLOCK = 2048  # points projected at a time
EXACT = 2.0**-53  # how far, relatively, a sum in float64 is rounded at each step
SHORT = 20  # bits of the coefficients of a normal whose products with whole levels are exact
ROUNDING = 1e-15  # how far, relatively, rounding takes a whole threshold on its way to epsilon's scale and back


class HalfSpace(Region):
    """Open half space {x : w·x > b}; its ℓp expansion by epsilon moves b down by epsilon ‖w‖_q, 1/p + 1/q = 1.

    Parameters
    ----------
    w : array-like, shape (d,)
        Normal vector, of any length.
    b : float
        Threshold, for points on epsilon's scale.
    p : float
        Norm of the expansion: 1, 2, infinity, or any number from 1.
    domain : (float, float), optional
        Least and largest possible coordinate, on epsilon's scale. Points can then move to others of the domain alone, so that
        the expansion is smaller than the half space at b - epsilon ‖w‖_q. Where it is given p is 1, 2 or infinity.

    Raises
    ------
    InputError
        If `w` is not a vector of finite numbers other than 0, or `b`, `p` or `domain` is not allowed.
    """

    closed = False

    def __init__(self, w: ArrayLike, b: float, p: float = 2.0, domain: tuple[float, float] | None = None) -> None:
        self.w = np.array(as_floats(w, "w"))
        self.b, self.p = as_number(b), check_p(p)
        if self.w.ndim != 1 or not np.isfinite(self.w).all() or not self.w.any():
            msg = f"w has shape {self.w.shape}; allowed: a vector of finite numbers, not all of them 0"
            raise InputError(msg)
        if not math.isfinite(self.b):
            msg = f"b is {shown(b)}; allowed: a finite number"
            raise InputError(msg)
        self.domain = as_domain(domain)
        if domain is not None and self.p not in (1, 2, math.inf):
            msg = f"domain is {shown(domain)} with p {self.p:g}; allowed: with p 1, 2 or infinity"
            raise InputError(msg)

    def _words(self) -> str:
        return f"w·x > {exact(self.b)}"

    def _facts(self) -> dict[str, object]:
        return super()._facts() | {"domain": self.domain and range_of(self.domain)}

    @property
    def definition(self) -> str:
        """Which points are in the region, in a sentence that says that the stored threshold is that before it is expanded."""
        return f"all points x with w·x > b: b is that of the region itself, before any expansion{words_of(self.domain)}"

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return len(self.w)

    @property
    def dual_norm(self) -> float:
        """‖w‖_q: the most that a step of length 1 in ℓp can add to w·x."""
        return float(np.linalg.norm(self.w, dual(self.p)))

    def threshold(self, sample: Sample) -> float:
        """Return b in levels of the sample; one that was whole before it came to epsilon's scale is so again."""
        levels = self.b * per_one(sample.unit) - self._at_origin(sample)
        whole = float(np.rint(levels))
        return whole if sample.snaps and abs(levels - whole) <= ROUNDING * abs(whole) else levels

    def above(self, level: float, sample: Sample) -> float:
        """Return the b of this threshold in levels of the sample."""
        return float(sample.to_units(level + self._at_origin(sample)))

    def _at_origin(self, sample: Sample) -> float:
        return 0.0 if sample.origin is None else float((sample.origin * self.w).sum())

    def _rounding(self, sample: Sample) -> float | NDArray[np.float64]:
        return self._uncertainties(sample) / self.dual_norm

    def uncertainty(self, sample: Sample) -> float:
        """Return how far w·x and the threshold may be rounded, in levels; 0 where whole numbers make all of it exact."""
        return float(np.max(self._uncertainties(sample)))

    def _uncertainties(self, sample: Sample) -> float | NDArray[np.float64]:
        """Return the same for all points or, where they are floats of any size, for each: a far one changes no other."""
        weights = np.abs(self.w)
        sizes = sample.once(
            "sizes of columns",
            lambda: np.abs([sample.X.min(axis=0), sample.X.max(axis=0)], dtype=np.float64).max(axis=0),
        )
        origin = 0.0 if sample.origin is None else np.abs(sample.origin)
        exact = sample.whole and _are_short(self.w) and (2**SHORT * (sizes + origin)).sum() < 1 / EXACT
        if exact and _are_short(np.array([self.dual_norm])):
            return 0.0
        gray = sample.X.dtype == np.uint8
        totals = float((weights * sizes).sum()) if gray else project(sample, weights, size=True)
        rest = float((weights * origin).sum()) + abs(self.threshold(sample))
        return (4 if exact else self.n_features + 4) * EXACT * (totals + rest)

    def vc_dimension(self, n_sets: int | None = None) -> int:  # noqa: ARG002
        """Return that of half spaces, d + 1; they are not united, however many sets a search was allowed."""
        return self.n_features + 1

    def _signed(self, sample: Sample) -> tuple[NDArray[np.float64], float]:
        beyond = self._beyond(0.0, sample)
        return self._numbers(sample) if beyond is None else beyond, 0.0

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        gaps: NDArray[np.float64] = (self.threshold(sample) - project(sample, self.w)) / self.dual_norm
        return gaps

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64] | None:
        if self.domain is None:
            return None
        gaps: NDArray[np.float64] = self._numbers(sample) - level
        rows = np.flatnonzero(gaps > 0)
        needed = (
            gaps[rows] * self.dual_norm * (1 - SLACK)
            - 2 * np.broadcast_to(self._uncertainties(sample), len(gaps))[rows]
        )
        order = np.argsort(-np.abs(self.w), kind="stable")
        way = into_half_space(sample.X, rows, self.w, order, needed, self.p, *edges_in(sample, self.domain))
        gaps[rows] = np.maximum(gaps[rows], way * (1 - SLACK))
        return gaps

    def _outward(self, sample: Sample) -> NDArray[np.float64]:
        return sample.to_units(self._numbers(sample))  # the domain does not move along

    def _moved(self, by: float) -> HalfSpace:
        return HalfSpace(self.w, self.b - by * self.dual_norm, self.p, self.domain)

    def _variables(self) -> dict[str, Any]:
        return {
            "w": ("coordinate", self.w, {"long_name": "normal of the half space w·x > b"}),
            "b": ((), self.b, {"long_name": "threshold of w·x, before any expansion"}),
            "p": ((), self.p, {"long_name": "of the norm of the expansion"}),
        } | variables_of(self.domain)

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        domain = as_domain(ds["domain"].values) if "domain" in ds else None
        return cls(ds["w"].values, float(ds["b"]), float(ds["p"]), domain)


def _are_short(numbers: NDArray[np.float64]) -> bool:
    """Whether numbers are whole, and of few bits, in units of one power of two."""
    short = numbers / 2.0 ** (math.frexp(float(np.abs(numbers).max()))[1] - SHORT)
    return bool((short == np.rint(short)).all())


def project(sample: Sample, w: NDArray[np.float64], *, size: bool = False) -> NDArray[np.float64]:
    """Return w·x in levels, or w·|x|. Equal points get equal values to the last bit, as a matrix product does not promise."""
    projections = np.empty(len(sample))
    for start in range(0, len(sample), BLOCK):
        points = sample.X[start : start + BLOCK]
        projections[start : start + BLOCK] = ((np.abs(points) if size else points) * w).sum(axis=1)
    return projections
