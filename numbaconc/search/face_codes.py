"""The candidate faces of a search: where they are, and on which side of each of them the points lie."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.kernels.faces import CODES, code_points
from numbaconc.search.face_choice import Codes, Faces

FINE = 192  # of at most 255 candidates among floats: those whose ranks are evenly spaced, up to twice the target
CLOSER = 60  # times at most that a face is moved to where a value is beyond it, each time twice as far


class Prepared:
    """Where the points of a sample lie among the candidates; kept for every goal that has the same candidates."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._nothing: dict[tuple[float, int], Faces] = {}

    def nothing(self, epsilon: float, target: int) -> Faces:
        """Return an empty choice of faces, which knows how many points each candidate would hold and cover."""
        strength = float(self.sample.to_levels(epsilon))
        gray = self.sample.X.dtype == np.uint8  # then the codes are the gray levels, and the same for every goal
        key = (0.0, 0) if gray else (strength, self._matters(target))
        if key not in self._nothing:
            codes = _code_bytes(self.sample) if gray else _code_floats(self.sample, self._columns, *key)
            self._nothing[key] = Faces(codes)
        return self._nothing[key].with_shift(int(min(strength, CODES)) if gray else 0)

    @functools.cached_property
    def _columns(self) -> NDArray[np.floating[Any]]:
        """The columns, shape (d, n), each sorted."""
        return np.sort(np.ascontiguousarray(self.sample.X.T), axis=1)

    def _matters(self, target: int) -> int:
        """Return the target if the candidates depend on it; 0 where every value of every column is a candidate."""
        n_distinct = 1 + np.count_nonzero(self._columns[:, 1:] != self._columns[:, :-1], axis=1)
        return target if (n_distinct >= CODES).any() else 0


def _code_bytes(sample: Sample) -> Codes:
    """Return the codes of bytes: a face at level i - 1 holds levels from i on, and covers those from i + ⌊ε⌋ on."""
    upper = np.arange(CODES) - 1.0
    levels = np.repeat([upper, upper - (CODES - 1)], sample.n_features, axis=0)
    levels[:, 0] = -np.inf
    return Codes(sample.X, sample.X, 0, mirrored=True, levels=levels)


def _code_floats(sample: Sample, columns: NDArray[np.floating[Any]], strength: float, target: int) -> Codes:
    """Return the codes of floats; each counts the candidates of a row that hold or cover the point."""
    d = sample.n_features
    levels = np.full((2 * d, CODES), np.inf)
    levels[:, 0] = -np.inf
    for c, column in enumerate(columns):
        for row, ascending in ((c, column), (d + c, -column[::-1])):
            levels[row, 1:] = _faces_below(_candidates(ascending, target), strength, sample, c, row >= d)
    inner, outer = code_points(sample.X, levels[:, 1:].copy(), strength, sample.slack(math.inf))
    return Codes(inner, outer, 0, mirrored=False, levels=levels)


def _candidates(ascending: NDArray[np.floating[Any]], target: int) -> NDArray[np.floating[Any]]:
    """Return at most 255 of the values: all distinct ones if there are no more.

    Otherwise the values at some ranks from the top. Most ranks are evenly spaced from 1 to twice the target, among
    which good faces lie; the others grow geometrically up to n.
    """
    distinct = np.unique(ascending)
    if len(distinct) < CODES:
        return distinct
    n = len(ascending)
    near = min(n, 2 * target)
    ranks = np.concatenate([np.linspace(1, near, FINE), np.geomspace(near, n, CODES - FINE)[1:]])
    return np.unique(ascending[n - np.rint(ranks).astype(np.int64)])


def _faces_below(
    values: NDArray[np.floating[Any]],
    strength: float,
    sample: Sample,
    column: int,
    lower: bool,  # noqa: FBT001
) -> NDArray[np.float64]:
    """Return 255 faces, ascending, infinite where there are no more: for each value one so that it is just covered.

    The value is more than ε beyond the face, as a region has it that keeps the face on epsilon's scale. For `lower`
    faces of the column values and faces have the opposite sign. A face whose value is not beyond it however near to it
    it is put, since ε is smaller than what the numbers tell apart, is left out.
    """
    wide, sign = values.astype(np.float64), -1.0 if lower else 1.0
    faces = _stored(sign * (wide - strength), sample, column) * sign
    step = np.spacing(np.maximum(np.maximum(np.abs(wide), np.abs(faces)), strength))
    for _ in range(CLOSER):
        near = wide - faces <= strength
        if not near.any():
            break
        faces = np.where(near, _stored(sign * (faces - step), sample, column) * sign, faces)
        step = np.where(near, 2 * step, step)
    covered = np.unique(faces[wide - faces > strength])
    return np.concatenate([covered, np.full(CODES - 1 - len(covered), np.inf)])


def _stored(faces: NDArray[np.float64], sample: Sample, column: int) -> NDArray[np.float64]:
    """Return faces of a column, in levels, rounded as they are in a region, which keeps them on epsilon's scale."""
    return sample.place(sample.coordinates(faces, column), column)
