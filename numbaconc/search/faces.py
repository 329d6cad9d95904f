"""Beyond the paper: error regions that lie beyond a few faces of one box (ℓ∞).

The region {x : x_j > c} is the complement of a box with a single finite face, at x_j = c. A union of such
regions is the complement of a box with several finite faces. All of them belong to the paper's collection of
complements of T boxes, with T = 1. Expanding such a region by ε moves each of its faces by ε and leaves the other
coordinates alone, so that a face that few points are near costs little adversarial risk.

A face of the box *holds* the points beyond it, and *covers* those that are more than ε beyond it. The error region is
made of the points that some face covers, and its expansion of those that some face holds. How many points a possible
face would cover and hold is read off counts of the points by coordinate and level.

Faces are chosen greedily, in the manner of Algorithm 2. There is one start for each number of faces up to T. From
each start, every face is dropped and chosen again until nothing improves.
"""

from __future__ import annotations

import copy
import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.kernels.faces import CODES, best_faces, code_points, count_codes
from numbaconc.regions.rectangles import RectangleComplement
from numbaconc.search.base import Found, Search
from numbaconc.search.settings import Count, setting

FINE = 192  # of at most 255 candidates among floats: those whose ranks are evenly spaced, up to twice the target
CLOSER = 60  # times at most that a face is moved to where a value is beyond it, each time twice as far
MOST = 2  # faces that may replace the one that is dropped


class Start(NamedTuple):
    """One start: how many faces its greedy choice could use, and the risks before and after faces are exchanged."""

    n_sets: int
    greedy_risk: float
    greedy_adversarial_risk: float
    risk: float
    adversarial_risk: float


class FaceSearch(Search):
    """Search for a region beyond at most T faces of one box (ℓ∞).

    For bytes every face at a gray level is a candidate. For floats there are up to 255 candidates for each side of
    each coordinate, at data points. The search is deterministic: ties go to upper faces, then to the lowest
    coordinate, then to the face farthest out.

    Attributes
    ----------
    region_ : RectangleComplement
        Of one box, whose faces are infinite except for those chosen. Where ε is so large that no face does better,
        it is the whole space, and both risks are 1.
    n_faces_ : int
        How many were chosen, at most T.
    trace_ : tuple of Start
        Every start, in order. The region is the best that any of them led to.
    """

    name = "faces"
    norms = ("linf",)

    n_sets: int = setting(
        default=5,
        check=Count(),
        help="T, the most faces; fewer where they do better, and the time grows with the square",
        coordinate="T",
    )

    def vc_dimension(self, n_features: int) -> int:
        """Return that of complements of one box, which all faces are of."""
        return 2 * n_features

    def prepare(self, sample: Sample, how: How) -> _Prepared:  # noqa: ARG002
        """Return what says where each point lies among the candidates; goals that have them in common share it."""
        return _Prepared(sample)

    def find(self, prepared: _Prepared, goal: Goal, how: How) -> Found:
        """Choose faces greedily for each number of them, and exchange faces until nothing improves."""
        sample = prepared.sample
        n = len(sample)
        target = goal.n_inside(n)
        best = nothing = prepared.nothing(goal.epsilon, target)
        trace: list[Start] = []
        most = min(self.n_sets, target)  # each face covers a point at least that no other does
        with bar(what="starts", shown=how.progress, total=most) as shown:
            for number in range(1, most + 1):
                start = _fill(nothing, target, number)
                end = _refine(start, target, most)
                best = end if best is nothing or end.rank() < best.rank() else best
                trace.append(Start(number, start.covered / n, start.expanded / n, end.covered / n, end.expanded / n))
                shown.update()
        return self.found(best.region(sample, goal.epsilon), sample, goal, trace, n_faces=len(best.chosen))


class _Prepared:
    """Where the points of a sample lie among the candidates; kept for every goal that has the same candidates."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._nothing: dict[tuple[float, int], _Faces] = {}

    def nothing(self, epsilon: float, target: int) -> _Faces:
        """Return an empty choice of faces, which knows how many points each candidate would hold and cover."""
        strength = float(self.sample.to_levels(epsilon))
        gray = self.sample.X.dtype == np.uint8  # then the codes are the gray levels, and the same for every goal
        key = (0.0, 0) if gray else (strength, self._matters(target))
        if key not in self._nothing:
            codes = _code_bytes(self.sample) if gray else _code_floats(self.sample, self._columns, *key)
            self._nothing[key] = _Faces(codes)
        return self._nothing[key].with_shift(int(min(strength, CODES)) if gray else 0)

    @functools.cached_property
    def _columns(self) -> NDArray[np.floating[Any]]:
        """The columns, shape (d, n), each sorted."""
        return np.sort(np.ascontiguousarray(self.sample.X.T), axis=1)

    def _matters(self, target: int) -> int:
        """Return the target if the candidates depend on it; 0 where every value of every column is a candidate."""
        n_distinct = 1 + np.count_nonzero(self._columns[:, 1:] != self._columns[:, :-1], axis=1)
        return target if (n_distinct >= CODES).any() else 0


class _Codes(NamedTuple):
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


def _code_bytes(sample: Sample) -> _Codes:
    """Return the codes of bytes: a face at level i - 1 holds levels from i on, and covers those from i + ⌊ε⌋ on."""
    upper = np.arange(CODES) - 1.0
    levels = np.repeat([upper, upper - (CODES - 1)], sample.n_features, axis=0)
    levels[:, 0] = -np.inf
    return _Codes(sample.X, sample.X, 0, mirrored=True, levels=levels)


def _code_floats(sample: Sample, columns: NDArray[np.floating[Any]], strength: float, target: int) -> _Codes:
    """Return the codes of floats; each counts the candidates of a row that hold or cover the point."""
    d = sample.n_features
    levels = np.full((2 * d, CODES), np.inf)
    levels[:, 0] = -np.inf
    for c, column in enumerate(columns):
        for row, ascending in ((c, column), (d + c, -column[::-1])):
            levels[row, 1:] = _faces_below(_candidates(ascending, target), strength, sample, c, row >= d)
    inner, outer = code_points(sample.X, levels[:, 1:].copy(), strength, sample.slack(math.inf))
    return _Codes(inner, outer, 0, mirrored=False, levels=levels)


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


class _Faces:
    """A choice of faces, and how many further points each candidate would cover and hold. Never changed once made."""

    def __init__(self, codes: _Codes) -> None:
        n, m = codes.inner.shape
        self.codes = codes
        self.chosen: list[tuple[int, int]] = []  # row and index of each face
        self.covered = self.expanded = 0  # how many points at least one face covers, and how many at least one holds
        # how many of the chosen faces cover each point, and how many hold it
        self._covering, self._holding = np.zeros(n, np.int32), np.zeros(n, np.int32)
        # how many of the points that no chosen face covers have each inner code, and of those that none holds each outer code
        self._inner, self._outer = np.zeros((m, CODES), np.int32), np.zeros((m, CODES), np.int32)
        # changes that these two tables lack so far: what to add for each point, and the points, for either table
        self._due = [(1, np.arange(n), np.arange(n))]

    def with_shift(self, shift: int) -> _Faces:
        """Return the same choice of faces at another shift; its tables are counted now, so that copies share them."""
        self._count()
        other = copy.copy(self)
        other.codes = self.codes._replace(shift=shift)
        return other

    def rank(self) -> tuple[int, int, int]:
        """Return what makes one choice better than another, the least first: few expanded, many covered, few faces."""
        return self.expanded, -self.covered, len(self.chosen)

    def with_face(self, face: tuple[int, int]) -> _Faces:
        """Return these faces and one more."""
        return self._changed([*self.chosen, face], face, 1)

    def without_face(self, face: tuple[int, int]) -> _Faces:
        """Return the other faces."""
        self._count()  # so that the tables are counted once, not again for every face that is dropped in turn
        return self._changed([other for other in self.chosen if other != face], face, -1)

    def _changed(self, chosen: list[tuple[int, int]], face: tuple[int, int], step: int) -> _Faces:
        """Return these faces with one more (step 1) or one less (step -1)."""
        codes, changed, (row, i) = self.codes, copy.copy(self), face
        changed.chosen = chosen
        changed._covering, inner = _take(codes.inner, row, i + codes.shift if i else 0, step, self._covering)
        changed._holding, outer = _take(codes.outer, row, i, step, self._holding)
        changed.covered += step * len(inner)
        changed.expanded += step * len(outer)
        changed._due = [*self._due, (-step, inner, outer)]
        return changed

    def _count(self) -> None:
        """Bring the tables up to date."""
        if self._due:
            self._inner, self._outer = self._inner.copy(), self._outer.copy()  # other choices share the old ones
        for step, inner, outer in self._due:
            count_codes(self.codes.inner, inner, step, self._inner)
            count_codes(self.codes.outer, outer, step, self._outer)
        self._due = []

    def best(self, fewest: int, enough: int, cost: int = 1, worth: int = 1) -> tuple[int, int]:
        """Return the face of least price, among those that cover at least `fewest` points that are not covered yet.

        The price is `cost` for each point newly held, less `worth` for each newly covered, of which at most `enough` count.
        """
        self._count()
        shift, mirrored = self.codes.shift, self.codes.mirrored
        prices, faces = best_faces(self._inner, self._outer, shift, mirrored, fewest, enough, cost, worth)
        row = int(prices.argmin())
        return row, int(faces[row])

    def region(self, sample: Sample, epsilon: float) -> RectangleComplement:
        """Return the complement of the box that has these faces."""
        faces = np.full(2 * sample.n_features, np.inf)
        for row, i in self.chosen:
            faces[row] = min(faces[row], self.codes.levels[row, i])
        upper, lower = np.split(faces, 2)
        lower, upper = (sample.coordinates(side[np.newaxis]) for side in (-lower, upper))
        return RectangleComplement(lower, upper, epsilon)


def _take(
    codes: NDArray[Any], row: int, least: int, step: int, times: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Count one face more (step 1) or one less (step -1) for the points that it covers, or for those that it holds.

    Those are the points whose code in the face's row is at least `least`. `times` says how many of the chosen faces
    cover (or hold) each point. Returned are these numbers after the step, which are a new array, and the points for
    which the step makes a difference: no other chosen face covers (or holds) them.
    """
    m = codes.shape[1]
    column = codes[:, row] if row < m else CODES - 1 - codes[:, row - m]
    taken = column >= least
    times = times + step * taken.astype(np.int32)
    return times, np.flatnonzero(taken & (times == (1 if step > 0 else 0)))


def _fill(faces: _Faces, target: int, n_sets: int) -> _Faces:
    """Add at most `n_sets` faces, greedily, until `target` points are covered.

    Each face covers at least its share of the points that are missing. Chosen is the one of the fewest points newly
    expanded less points newly covered, as a ball of Algorithm 2 is; points covered beyond the target do not count. The
    last face allowed covers all that are missing: it is the one that expands the fewest points and, of those, covers
    the most.
    """
    n = len(faces.codes.inner)
    while (missing := target - faces.covered) > 0:
        face = faces.best(-(-missing // n_sets), missing) if n_sets > 1 else faces.best(missing, n, n + 1, 1)
        faces = faces.with_face(face)
        n_sets -= 1
    return faces


def _refine(faces: _Faces, target: int, n_sets: int) -> _Faces:
    """Drop each face in turn and choose one or two in its place, and begin again after each improvement."""
    waiting = list(faces.chosen)
    while waiting:
        fewer = faces.without_face(waiting.pop(0))
        for number in range(1, min(MOST, n_sets - len(fewer.chosen)) + 1):
            other = _fill(fewer, target, number)
            if other.rank() < faces.rank():
                faces, waiting = other, list(other.chosen)
                break
    return faces
