"""What lies beyond a few faces of one box, and in which order faces are moved to hold more points or fewer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.conversion import as_array, as_floats
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.numerals import strength
from numbaconc.regions.base import FINEST
from numbaconc.regions.rectangles import RectangleComplement

if TYPE_CHECKING:
    import xarray as xr

SLACK = 1e-14  # how far, relatively, rounding may take what is found from a number in the chain
DEEPEST = 2.0**20  # epsilons beyond a face: points that are farther beyond it are not told apart


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
        given = as_array(rows, "rows")
        if given.dtype.kind not in "iu" or given.ndim != 1 or not given.size:
            msg = f"rows has dtype {given.dtype} and shape {given.shape}; allowed: whole numbers, one for each face"
            raise InputError(msg)
        self.rows, self.faces = given.astype(np.int64), np.array(as_floats(faces, "faces"))
        if self.rows.shape != self.faces.shape or len(self.lower) != 1:
            shapes = f"{self.lower.shape}, {self.rows.shape} and {self.faces.shape}"
            msg = f"lower, rows and faces have shapes {shapes}; allowed: (1, d), (n_faces,) and (n_faces,)"
            raise InputError(msg)
        if ((given < 0) | (given >= 2 * self.n_features)).any():
            msg = f"rows holds {given.min()} and {given.max()}; allowed: from 0 to {2 * self.n_features - 1}"
            raise InputError(msg)
        if not np.isfinite(self.faces).all():
            msg = "faces holds infinity; allowed: finite numbers"
            raise InputError(msg)

    def _numbers_of_init(self) -> tuple[Any, ...]:
        return (*super()._numbers_of_init(), self.rows, self.faces)

    def _words(self) -> str:
        return f"beyond {self._n_own} of 1 box, moved out by {strength(self.epsilon)} from lower and upper"

    @property
    def _n_own(self) -> str:
        n_own = int(np.isfinite(self.lower).sum() + np.isfinite(self.upper).sum())
        return f"{n_own:,} face" + "s" * (n_own != 1)

    @property
    def definition(self) -> str:
        """Which points are in the region, in a sentence that says that the stored faces are those before they are moved out."""
        by = strength(self.epsilon)
        beyond = f"below lower - {by} or above upper + {by} in some coordinate"
        own = "what is stored, lower, upper and the faces of its chain, is from before that"
        faces = f"{self._n_own} that was" if self._n_own == "1 face" else f"one of {self._n_own} that were"
        return f"all points {beyond}, beyond {faces} moved out by {by}: {own}"

    def _placed(self, sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each point's value at the coordinate of each face, shape (n_faces, n), and the faces, (n_faces, 1), in levels.

        Signs are turned for lower faces.
        """
        d = self.n_features
        columns, signs = self.rows % d, np.where(self.rows < d, 1.0, -1.0)[:, np.newaxis]
        places = [sample.place(face, int(c)) for face, c in zip(self.faces, columns, strict=True)]
        return signs * sample.X[:, columns].T.astype(np.float64), signs * np.array(places)[:, np.newaxis]

    def _scale(self, sample: Sample) -> float:
        """Return by how much the number grows from face to face: ε, in levels, if it is any."""
        return self._shift(sample) or 1.0

    def _chain(self, sample: Sample) -> NDArray[np.float64]:
        values, faces = self._placed(sample)
        depths, scale = values - faces - self._shift(sample), self._scale(sample)
        whole = np.arange(len(faces))[:, np.newaxis]  # faces that are taken before
        order = scale * (whole + 1 / (1 + (depths / scale).clip(0, DEEPEST)))  # the deepest come first
        joined: NDArray[np.float64] = np.where(depths > 0, order, np.inf).min(axis=0)
        return np.where(np.isfinite(joined), joined, scale * (len(faces) + 1) - depths.max(axis=0))

    def _needed(self, level: float, scale: float) -> NDArray[np.float64]:
        """Return how deep beyond each face points are that the member at a level holds, shape (n_faces, 1), at least.

        0 where it holds all of them, infinite where none, and negative where the faces are moved out.
        """
        n_faces = len(self.rows)
        last = scale * (n_faces + 1)
        if level >= last:
            return np.full((n_faces, 1), -(level - last) - SLACK * level)
        whole = np.clip(math.ceil(level / scale) - 1, -1, n_faces)  # faces that are taken before one is taken in part
        needed = np.where(np.arange(n_faces) < whole, 0, np.inf)
        part = level / scale - whole
        if 0 <= whole < n_faces and part * (1 + DEEPEST) > 0.5:  # no point has a number that is nearer to the whole one
            needed[whole] = max(scale * (1 / part - 1 - SLACK * (whole + 1) / part**2), 0)
        return needed[:, np.newaxis]

    def _beyond(self, level: float, sample: Sample) -> NDArray[np.float64]:
        values, faces = self._placed(sample)
        shift, scale = self._shift(sample), self._scale(sample)
        needed = self._needed(level, scale)
        if sample.whole:  # then so are the least values that are deep enough
            edges = np.floor(faces + shift)
            edges = np.where(edges - faces > shift, edges, edges + 1)
            deeper = np.ceil(faces + shift + needed - SLACK * (np.abs(faces) + shift))
            gaps = np.where(needed == 0, edges, deeper) - values
        else:
            gaps = needed - (values - faces - shift)
        numbers, nearest = self._numbers(sample), gaps.min(axis=0)
        apart = np.where(numbers > level, nearest.clip(FINEST * scale), nearest.clip(max=0.0))
        return np.where(numbers == level, 0.0, apart)

    def _uncertainty(self, sample: Sample, size: float) -> float:
        if sample.X.dtype == np.uint8:
            return 0.0
        values, faces = self._placed(sample)
        return 4 * FINEST * (size + self._shift(sample) + float(np.abs(values - faces).max()))

    def _variables(self) -> dict[str, Any]:
        rows = "which faces, in order: j for the upper face of coordinate j, d + j for the lower one"
        faces = "where they are, before they are moved out by epsilon"
        chain = {"rows": ("face", self.rows, {"long_name": rows}), "faces": ("face", self.faces, {"long_name": faces})}
        return super()._variables() | chain

    @classmethod
    def _from_variables(cls, ds: xr.Dataset) -> Self:
        own = ds["lower"].values, ds["upper"].values, float(ds["epsilon"])
        return cls(*own, ds["rows"].values, ds["faces"].values)
