"""What lies beyond a few faces of one box, and in which order faces are moved to hold more points or fewer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.regions.rectangles import RectangleComplement

if TYPE_CHECKING:
    import xarray as xr

    from numbaconc.data.space import Space

SLACK = 1e-12  # how far, relatively, rounding may take the place of a face that is found from a number in the chain
LEAST = math.ulp(0.0)


class _Placed(NamedTuple):
    """The faces of a chain beside the points of a sample, in levels; signs are turned for lower faces."""

    values: NDArray[np.float64]  # shape (n_faces, n), of each point at the coordinate of each face
    borders: NDArray[np.float64]  # shape (n_faces, 1): from here on points are beyond the face
    epsilon: float


class FaceComplement(RectangleComplement):
    """Complement of one box that is enlarged by epsilon, with the faces in the order in which a chain takes them.

    As a set it is the complement of the box. Moved all at once, its faces may hold nearly everything: an image whose
    pixels are black is as far from one face as from any other. So the members of its chain (`Region.at_rank`) are made of
    one face after the other. A member holds all that is beyond the first few faces, and what is deepest beyond the next
    one. Behind the faces of the box come others in reserve; behind all of them, all are moved at once.

    Parameters
    ----------
    lower, upper, epsilon
        As of `RectangleComplement`, of one box.
    rows : array-like of int, shape (n_faces,)
        Which faces, in order: j for the upper face of coordinate j, d + j for the lower one.
    faces : array-like, shape (n_faces,)
        Where they are, before they are moved out by epsilon; on epsilon's scale, finite.

    Raises
    ------
    InputError
        If the shapes do not fit, or a number is not allowed.
    """

    def __init__(
        self, lower: ArrayLike, upper: ArrayLike, epsilon: float | str, rows: ArrayLike, faces: ArrayLike
    ) -> None:
        super().__init__(lower, upper, epsilon)
        self.rows, self.faces = np.array(rows, dtype=np.int64), np.array(faces, dtype=np.float64)
        if self.rows.ndim != 1 or self.rows.shape != self.faces.shape or len(self.lower) != 1:
            shapes = f"{self.lower.shape}, {self.rows.shape} and {self.faces.shape}"
            msg = f"lower, rows and faces have shapes {shapes}; allowed: (1, d), (n_faces,) and (n_faces,)"
            raise InputError(msg)
        if not len(self.rows) or not np.isfinite(self.faces).all() or not self._are_rows():
            msg = f"rows and faces hold {self.rows.tolist()[:5]} ...; allowed: one or more, rows from 0 to 2 d - 1, faces finite"
            raise InputError(msg)

    def _are_rows(self) -> bool:
        return bool(((self.rows >= 0) & (self.rows < 2 * self.n_features)).all())

    def __repr__(self) -> str:
        n_own = int(np.isfinite(self.lower).sum() + np.isfinite(self.upper).sum())
        return f"FaceComplement({n_own} faces, {len(self.rows)} in its chain, d={self.n_features}, epsilon={self.epsilon:g})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.lower, self.upper, self.epsilon, self.rows, self.faces, self.space)

    def _placed(self, sample: Sample) -> _Placed:
        d = self.n_features
        coordinates, signs = self.rows % d, np.where(self.rows < d, 1.0, -1.0)
        epsilon = self._shift(sample)
        faces = [float(sample.place(np.array([c]), int(j))[0]) for c, j in zip(self.faces, coordinates, strict=True)]
        edges = signs * np.array(faces) + epsilon
        # points are more than epsilon beyond a face: from the next whole level on, or from the next float
        borders = np.floor(edges) + 1 if sample.whole else np.nextafter(edges, np.inf)
        values = signs[:, np.newaxis] * sample.X[:, coordinates].T.astype(np.float64)
        return _Placed(values, borders[:, np.newaxis], epsilon)

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        values, borders, epsilon = self._placed(sample)
        depths = values - borders
        order = np.arange(len(borders))[:, np.newaxis] + 1 / (1 + depths.clip(0) / epsilon)  # deeper ones come first
        joined: NDArray[np.float64] = np.where(depths >= 0, order, np.inf).min(axis=0)
        beyond = 1 + len(borders) - depths.max(axis=0)
        return np.where(np.isfinite(joined), joined, beyond)

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64]:
        values, borders, epsilon = self._placed(sample)
        number = len(borders)
        if level >= number + 1:
            moved = borders - (level - number - 1) * (1 + SLACK)
        else:
            taken = math.ceil(level) - 1  # faces that are taken whole, before the one that is taken in part
            part = level - taken
            deep = epsilon * (1 / part - 1)
            border = borders[min(max(taken, 0), number - 1), 0] + deep
            slack = SLACK * (number * epsilon / part**2 + abs(border))
            moved = np.where(np.arange(number)[:, np.newaxis] < taken, borders, np.inf)
            if 0 <= taken < number:
                near = round(border) if sample.whole else border
                moved[taken] = near if abs(near - border) <= max(slack, SLACK) else border - slack
        gaps: NDArray[np.float64] = (moved - values).min(axis=0)
        outside = self._numbers(sample) > level
        return np.where(outside, gaps.clip(LEAST), gaps.clip(max=0.0))

    def _variables(self) -> dict[str, Any]:
        return super()._variables() | {"rows": ("face", self.rows), "faces": ("face", self.faces)}

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        own = ds["lower"].values, ds["upper"].values, float(ds["epsilon"])
        return cls(*own, ds["rows"].values, ds["faces"].values)


def _made(
    lower: ArrayLike, upper: ArrayLike, epsilon: float, rows: ArrayLike, faces: ArrayLike, space: Space | None
) -> FaceComplement:
    region = FaceComplement(lower, upper, epsilon, rows, faces)
    region.in_space(space)
    return region
