"""Balls that are hard one by one: Algorithm 2 with a condition on each ball, as Zhang and Evans (ICLR 2022) search.

A ball is a candidate only if the labels of the points that it newly covers have a mean uncertainty of at least γ, in ℓ2 or,
with Chebyshev balls, in ℓ∞. Their program has ways of its own, which are kept here, or its numbers would not come out:

- a radius is the distance to the next point that is not covered, less 10⁻⁶ of the unit scale;
- only the 2 ⌈n α⌉ nearest points of a center are looked at;
- where no ball is hard enough, the one before it is counted once more;
- no ball is placed for a last single point.

`BallSearch` with γ, whose condition is on all balls together, is what this package offers for use.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.metrics import euclidean_distances

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.goal import count_of
from numbaconc.numerals import exact
from numbaconc.regions import BallUnion, Region

SHORTER = 1e-6  # what radii lack, on the unit scale
BLOCK = 256  # centers looked at together


class CubeUnion(Region):
    """Union of closed Chebyshev balls, cubes of center and radius; its expansion in ℓ∞ is that of enlarged ones."""

    p: float = math.inf
    closed: ClassVar[bool] = True

    def __init__(self, centers: NDArray[np.float64], radii: NDArray[np.float64]) -> None:
        self.centers, self.radii = np.asarray(centers, np.float64), np.asarray(radii, np.float64)

    @property
    def n_features(self) -> int:
        """Number of coordinates d of the points."""
        return int(self.centers.shape[1])

    @property
    def n_sets(self) -> int:
        """Number of cubes."""
        return len(self.radii)

    def _vc_dimension_of_one(self) -> int:
        return 2 * self.n_features  # as boxes

    def _signed(self, sample: Sample) -> tuple[NDArray[np.float64], float]:
        distances = cdist(sample.X, sample.place(self.centers), "chebyshev")
        return (distances - sample.to_levels(self.radii)).min(axis=1), 0.0

    def _moved(self, by: float) -> Self:
        return type(self)(self.centers, self.radii + by)

    def _variables(self) -> dict[str, Any]:
        return {"centers": (("set", "coordinate"), self.centers), "radii": ("set", self.radii)}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        return cls(ds["centers"].values, ds["radii"].values)


class Placed(NamedTuple):
    """What was found: the region, how many balls were placed, and how many times one was counted once more instead."""

    region: Region
    n_balls: int
    n_repeated: int


class Asked(NamedTuple):
    """What is asked of the balls: ⌈n α (1 + δ)⌉ points by T of them, each of mean uncertainty γ, that grow little within ε."""

    epsilon: float
    alpha: float
    delta: float
    gamma: float
    n_sets: int


class _Reaches(NamedTuple):
    """For each center and each of the nearest points, shape (n, k): how many points a ball short of it holds."""

    inside: NDArray[np.intp]
    expanded: NDArray[np.intp]


class HardBalls:
    """Distances between the points of a sample, in levels and sorted, which searches for all that may be asked share."""

    def __init__(self, sample: Sample, norm: str) -> None:
        if sample.uncertainty is None:
            msg = "sample is without uncertainty; allowed: one that has that of its labels"
            raise InputError(msg)
        self.sample, self.norm, self.uncertainty = sample, norm, sample.uncertainty
        points = sample.X.astype(np.float64)  # whole levels stay exact
        distances = squareform(pdist(points, "chebyshev")) if norm == "linf" else euclidean_distances(points)
        self.order = np.argsort(distances, axis=1, kind="stable").astype(np.int32)
        self.sorted = np.take_along_axis(distances, self.order, 1)

    def place(self, asked: Asked, *, repeat: bool = True) -> Placed:
        """Place balls greedily; InputError if none is hard enough: not even one, or at some turn if none is to be repeated."""
        n = len(self.sample)
        target, nearest = count_of(asked.alpha * (1 + asked.delta), n), min(n, 2 * count_of(asked.alpha, n))
        reaches = self._reaches(asked.epsilon, nearest)
        uncovered, unexpanded = np.ones((2, n), np.bool_)
        balls: list[tuple[int, float]] = []
        counted = added = repeated = 0
        for turn in range(asked.n_sets):
            missing = target - counted
            if missing <= 1:
                break
            ranks = -(-missing // (asked.n_sets - turn)), missing
            best = self._best(uncovered, unexpanded, reaches, ranks, asked.gamma)
            if best is not None:
                center, radius = best
                inside, expanded = (
                    self._within(center, one) for one in (radius, radius + self._strength(asked.epsilon))
                )
                added = int(np.count_nonzero(uncovered[inside]))
                uncovered[inside] = unexpanded[expanded] = False
                balls.append(best)
            elif balls and repeat:
                repeated += 1
            else:
                beside = f" after the {len(balls)} before it" if balls else ""
                msg = f"gamma is {exact(asked.gamma)}; allowed: less, since no ball of {ranks[0]} points{beside} is as hard"
                raise InputError(msg)
            counted += added
        return Placed(self._region(balls), len(balls), repeated)

    def _strength(self, epsilon: float) -> float:
        return float(self.sample.to_levels(epsilon))

    def _within(self, center: int, radius: float) -> NDArray[np.int32]:
        return self.order[center, : np.searchsorted(self.sorted[center], radius, "right")]

    def _reaches(self, epsilon: float, nearest: int) -> _Reaches:
        radii, strength = self.sorted[:, :nearest] - SHORTER / self.sample.unit, self._strength(epsilon)
        pairs = list(zip(self.sorted, radii, strict=True))
        inside = np.array([np.searchsorted(row, short, "right") for row, short in pairs])
        return _Reaches(inside, np.array([np.searchsorted(row, short + strength, "right") for row, short in pairs]))

    def _best(
        self,
        uncovered: NDArray[np.bool_],
        unexpanded: NDArray[np.bool_],
        reaches: _Reaches,
        ranks: tuple[int, int],
        gamma: float,
    ) -> tuple[int, float] | None:
        """Return the center and the radius of the ball that grows least, of those that are hard enough.

        Ties go to the lowest index, then to the smallest ball. A ball that covers nothing new is hard enough in their
        program.
        """
        n, nearest = len(uncovered), reaches.inside.shape[1]
        hardness = np.where(uncovered, self.uncertainty, 0.0)
        least, best = n, None
        for start in range(0, n, BLOCK):
            every = self.order[start : start + BLOCK]
            order = every[:, :nearest]  # no ball that is looked at holds others
            new, hard, grown = _counts(uncovered[order]), _counts(hardness[order]), _counts(unexpanded[every])
            beyond = new[:, 1:] - 1  # of the points before it, how many are not covered
            ends = uncovered[order] & (beyond >= ranks[0]) & (beyond <= ranks[1])
            rows, columns = np.nonzero(ends)
            inside, expanded = (one[start + rows, columns] for one in reaches)
            objective = grown[rows, expanded] - new[rows, inside]
            objective[hard[rows, inside] < gamma * new[rows, inside]] = n
            if len(rows) and objective.min() < least:
                i = int(objective.argmin())
                least, center = int(objective[i]), start + int(rows[i])
                best = center, float(self.sorted[center, columns[i]]) - SHORTER / self.sample.unit
        return best

    def _region(self, balls: list[tuple[int, float]]) -> Region:
        rows, levels = (np.array(column) for column in zip(*balls, strict=True))
        centers, radii = self.sample.coordinates(self.sample.X[rows]), self.sample.to_units(levels)
        region = CubeUnion(centers, radii) if self.norm == "linf" else BallUnion(centers, radii, rows)
        return region.in_space(self.sample.space)


def _counts(what: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over the first points of each row, shape (m, n + 1)."""
    n_rows, n = what.shape
    sums = np.zeros((n_rows, n + 1), np.float64 if what.dtype == np.float64 else np.int32)
    np.cumsum(what, axis=1, out=sums[:, 1:])
    return sums
