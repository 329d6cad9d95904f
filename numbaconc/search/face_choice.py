"""A choice of faces, and how many further points each candidate would hold and cover."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.kernels.faces import CODES, ONE, best_faces, best_rewarded_faces, count_codes, sum_codes
from numbaconc.regions.rectangles import RectangleComplement

NEVER = np.iinfo(np.int64).max  # the price where there is no such face

Face = tuple[int, int]  # row and index


@dataclass(frozen=True, eq=False)
class Codes:
    """On which side of every candidate face each point lies.

    There are 2 d rows of candidates, 256 in each: the upper faces of every coordinate, then the lower faces of every
    coordinate. In each row a point has two codes. Face i of the row holds the points whose outer code is at least i,
    and covers those whose inner code is at least i + shift. Face 0 holds and covers all points.
    """

    inner: NDArray[Any]  # shape (n, m), uint8
    outer: NDArray[Any]  # shape (n, m), uint8
    shift: int  # for bytes, whose two codes are both the gray level, ⌊ε⌋ in levels; for floats 0, as their codes know ε
    mirrored: bool  # whether m = d, as codes for lower faces are 255 minus those for upper faces; otherwise m = 2 d
    levels: NDArray[np.float64]  # shape (2 d, 256): where the faces are; with the opposite sign for lower faces
    # columns of codes that faces were chosen in, which will be asked for again
    _columns: dict[tuple[int, int], NDArray[Any]] = field(default_factory=dict)

    def covers(self, face: Face) -> NDArray[np.bool_]:
        """Return which points the face covers."""
        row, i = face
        return self._at_least(self.inner, row, i + self.shift if i else 0)

    def holds(self, face: Face) -> NDArray[np.bool_]:
        """Return which points the face holds."""
        return self._at_least(self.outer, *face)

    def _at_least(self, codes: NDArray[Any], row: int, least: int) -> NDArray[np.bool_]:
        """Return which points have codes of at least `least` in a row."""
        c = row % codes.shape[1]
        key = id(codes), c
        if key not in self._columns:
            self._columns[key] = codes[:, c].copy()
        column = self._columns[key]
        reached: NDArray[np.bool_] = column >= least if row == c else column <= CODES - 1 - least
        return reached


class Faces:
    """A choice of faces, and how many further points each candidate would cover and hold. Never changed once made."""

    def __init__(self, codes: Codes) -> None:
        n, m = codes.inner.shape
        self.codes = codes
        self.chosen: list[Face] = []
        self.covered = self.expanded = 0  # how many points at least one face covers, and how many at least one holds
        # how many of the chosen faces cover each point, and how many hold it
        self._covering, self._holding = np.zeros(n, np.int32), np.zeros(n, np.int32)
        # how many of the points that no chosen face covers have each inner code, and of those that none holds each outer code
        self._inner, self._outer = np.zeros((m, CODES), np.int32), np.zeros((m, CODES), np.int32)
        # what it is worth to cover each point, in units of ONE: of each, of all that are covered, and of those not covered, by
        # inner code
        self.gained = 0
        self._reward: NDArray[np.int64] | None = None
        self._rewards = np.zeros((0, CODES), np.int64)
        # changes that these two tables lack so far: what to add for each point, and the points, for either table
        self._due = [(1, np.arange(n), np.arange(n))]

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def n_points(self) -> int:
        """How many points there are."""
        return len(self._covering)

    @property
    def rank(self) -> tuple[int, int, int]:
        """What makes one choice better than another, the least first: few expanded, less rewards, many covered, few faces."""
        return ONE * self.expanded - self.gained, -self.covered, len(self)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which points at least one face covers, shape (n,)."""
        return self._covering > 0

    def price(self, cost: int, worth: int, enough: int) -> int:
        """Return `cost` for each point held, less `worth` for each covered, of which at most `enough` count, in units of ONE.

        Rewards are taken from what the points held cost.
        """
        return cost * (ONE * self.expanded - self.gained) - ONE * worth * min(self.covered, enough)

    def room(self, most: int) -> int:
        """Return how many points a better choice may hold: `most`, or all where rewards may make up for more."""
        return most if self._reward is None else self.n_points

    def with_shift(self, shift: int) -> Faces:
        """Return the same choice of faces at another shift; its tables are counted now, so that copies share them."""
        self._count()
        other = copy.copy(self)
        other.codes = replace(self.codes, shift=shift)
        return other

    def rewarded(self, reward: NDArray[np.float64] | None) -> Faces:
        """Return this choice of no faces where to cover a point is worth so many points of the expansion, shape (n,)."""
        if reward is None:
            return self
        self._count()
        other = copy.copy(self)
        other._reward = np.rint(reward * ONE).astype(np.int64)
        other._rewards = np.zeros(self._inner.shape, np.int64)
        sum_codes(self.codes.inner, np.arange(self.n_points), other._reward, other._rewards)
        return other

    def with_face(self, face: Face) -> Faces:
        """Return these faces and one more."""
        return self._changed([*self.chosen, face], face, 1)

    def without_face(self, face: Face) -> Faces:
        """Return the other faces."""
        self._count()  # so that the tables are counted once, not again for every face that is dropped in turn
        return self._changed([other for other in self.chosen if other != face], face, -1)

    def _changed(self, chosen: list[Face], face: Face, step: int) -> Faces:
        """Return these faces with one more (step 1) or one less (step -1)."""
        changed = copy.copy(self)
        changed.chosen = chosen
        changed._covering, inner = _take(self.codes.covers(face), step, self._covering)
        changed._holding, outer = _take(self.codes.holds(face), step, self._holding)
        changed.covered += step * len(inner)
        changed.gained += 0 if self._reward is None else step * int(self._reward[inner].sum())
        changed.expanded += step * len(outer)
        changed._due = [*self._due, (-step, inner, outer)]
        return changed

    def _count(self) -> None:
        """Bring the tables up to date."""
        if self._due:
            self._inner, self._outer = self._inner.copy(), self._outer.copy()  # other choices share the old ones
            self._rewards = self._rewards.copy()
        for step, inner, outer in self._due:
            count_codes(self.codes.inner, inner, step, self._inner)
            count_codes(self.codes.outer, outer, step, self._outer)
            if self._reward is not None:
                sum_codes(self.codes.inner, inner, step * self._reward[inner], self._rewards)
        self._due = []

    def best(self, fewest: int, enough: int, most: int, cost: int = 1, worth: int = 1) -> Face | None:
        """Return the face of least price, of those that cover `fewest` points or more and hold at most `most`.

        The points are those that are not covered, or not held, yet. The price is `cost` for each point newly held, less
        `worth` for each newly covered, of which at most `enough` count; rewards are taken from what the points held cost.
        Where there is no such face, None is returned.
        """
        self._count()
        codes, asked = self.codes, (fewest, enough, most, cost, worth)
        if self._reward is None:
            prices, faces = best_faces(self._inner, self._outer, codes.shift, codes.mirrored, *asked)
        else:
            tables = self._inner, self._rewards, self._outer
            prices, faces = best_rewarded_faces(*tables, codes.shift, codes.mirrored, *asked)
        row = int(prices.argmin())
        return None if prices[row] == NEVER else (row, int(faces[row]))

    def region(self, sample: Sample, epsilon: float) -> RectangleComplement:
        """Return the complement of the box that has these faces."""
        faces = np.full(2 * sample.n_features, np.inf)
        for row, i in self.chosen:
            faces[row] = min(faces[row], self.codes.levels[row, i])
        upper, lower = np.split(faces, 2)
        lower, upper = (sample.coordinates(side[np.newaxis]) for side in (-lower, upper))
        return RectangleComplement(lower, upper, epsilon)


def _take(taken: NDArray[np.bool_], step: int, times: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Count one face more (step 1) or one less (step -1) for the points that it covers, or for those that it holds.

    `times` says how many of the chosen faces cover (or hold) each point. Returned are these numbers after the step,
    which are a new array, and the points for which the step makes a difference: no other chosen face covers (or holds)
    them.
    """
    times = times + taken if step > 0 else times - taken
    return times, np.flatnonzero(taken & (times == (1 if step > 0 else 0)))
