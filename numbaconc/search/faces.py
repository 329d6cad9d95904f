"""Beyond the paper: error regions that lie beyond a few faces of one box (ℓ∞).

The region {x : x_j > c} is the complement of the box whose only finite face is that one, and so is
any union of such regions, one face each: they belong to the paper's collection, with T = 1. Expanding
by ε moves each face by ε and asks nothing of the other coordinates, so that a face where few points
are near costs little adversarial risk. How many points each possible face would cover and expand is
known from counts of the points by coordinate and level.

Faces are chosen in the manner of Algorithm 2, greedily, for each number of faces up to the one
allowed; then each face is dropped and chosen again until nothing improves.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.data.arrays import SNAP, Sample, as_sample, count_of, parse_epsilon
from numbaconc.errors import InputError, as_number, check_count
from numbaconc.kernels.faces import CODES, best_faces, code_points, count_codes
from numbaconc.progress import bar
from numbaconc.regions.rectangles import RectangleComplement
from numbaconc.search.rectangles import check_alpha

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FINE = 192  # of the 255 candidates among floats, those that lie evenly up to twice the target
MOST = 2  # faces that may take the place of one


class Start(NamedTuple):
    """One start of a search: the share of faces that its greedy aimed at, and risks before and after local search."""

    n_sets: int
    greedy_risk: float
    greedy_adversarial_risk: float
    risk: float
    adversarial_risk: float


@dataclass(frozen=True, eq=False)
class FaceSearch:
    """What a search found.

    Attributes
    ----------
    region : RectangleComplement
        Of one box, all of whose faces are infinite but those chosen.
    n_faces : int
        How many were chosen, at most T.
    risk, adversarial_risk : float
        On the training sample.
    trace : tuple of Start
        Every start, in order; the region is the best that one of them led to.
    """

    region: RectangleComplement
    n_faces: int
    risk: float
    adversarial_risk: float
    trace: tuple[Start, ...]


def search_faces(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    n_sets: int = 10,
    *,
    buffer: float = 0.0,
    progress: bool = False,
) -> FaceSearch:
    """Search for a region beyond at most T faces of a box, with risk >= α + buffer and little adversarial risk.

    Deterministic: ties go to upper faces, then to the lowest coordinate, then to the face farthest out.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points. For uint8 data every face is a candidate; for floats up to 255 for each
        side of each coordinate, at data points.
    epsilon : float or str
        Strength in ℓ∞ on the unit scale, as a number or a fraction such as "8/255".
    alpha : float
        Risk threshold, in (0, 1), with α n >= 1.
    n_sets : int
        T, the most faces. Where fewer do better, fewer are used. The time grows with the square.
    buffer : float
        Share of the points covered beyond α, so that the risk is at least α on other data too: rare faces
        are rarer there, and .004 is what MNIST needs. At least 0, with α + buffer < 1.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    FaceSearch
        Of a region that is everything, with risks 1, where ε is so large that no face does better.

    Raises
    ------
    InputError
        If an argument is not allowed.
    """
    sample = as_sample(X)
    n = len(sample)
    epsilon, alpha = parse_epsilon(epsilon), check_alpha(alpha, n)
    n_sets, buffer = check_count("n_sets", n_sets), _check_buffer(buffer, alpha)
    target = count_of(alpha + buffer, n)
    best = nothing = _Faces(_code(sample, float(sample.to_levels(epsilon)), target))
    trace: list[Start] = []
    with bar(what="starts", shown=progress, total=n_sets) as shown:
        for number in range(1, n_sets + 1):
            start = _fill(nothing, target, number)
            end = _refine(start, target, n_sets)
            best = end if best is nothing or end.rank() < best.rank() else best
            counts = start.covered, start.expanded, end.covered, end.expanded
            trace.append(Start(number, *(count / n for count in counts)))
            shown.update()
    region = best.region(sample, epsilon)
    measured = region.measure(sample, epsilon)
    return FaceSearch(region, len(best.chosen), float(measured.risk), float(measured.adversarial_risk), tuple(trace))


def _check_buffer(buffer: object, alpha: float) -> float:
    number = as_number(buffer)
    if not 0 <= number < 1 - alpha:
        msg = f"buffer is {buffer!r}; allowed: a number of at least 0 and less than 1 - alpha = {1 - alpha:g}"
        raise InputError(msg)
    return number


class _Codes(NamedTuple):
    """On which side of every candidate face each point lies.

    There are 2 d rows of faces: an upper one for each coordinate, then a lower one. Face i of a row
    holds the points of outer code >= i and covers those of inner code >= i + shift, which are more
    than ε beyond it. Face 0 holds and covers everything.

    Attributes
    ----------
    inner, outer : ndarray, shape (n, m), uint8
    shift : int
    mirrored : bool
        If so m = d, and the codes of lower faces are 255 less those of upper ones; if not m = 2 d.
    levels : ndarray, shape (2 d, 256), float64
        Where the faces are, in levels; those of lower faces with the opposite sign.
    """

    inner: NDArray[Any]
    outer: NDArray[Any]
    shift: int
    mirrored: bool
    levels: NDArray[np.float64]


def _code(sample: Sample, strength: float, target: int) -> _Codes:
    d = sample.n_features
    if sample.X.dtype == np.uint8:  # beyond a face at i - 1 lie levels from i, and ε beyond it those from i + ⌊ε⌋
        upper = np.arange(CODES) - 1.0
        levels = np.repeat([upper, upper - (CODES - 1)], d, axis=0)
        levels[:, 0] = -np.inf
        return _Codes(sample.X, sample.X, int(min(strength, CODES)), mirrored=True, levels=levels)
    levels = np.full((2 * d, CODES), np.inf)
    levels[:, 0] = -np.inf
    for c in range(d):
        column = np.sort(sample.X[:, c].astype(np.float32, copy=False))
        for row, ascending in ((c, column), (d + c, -column[::-1])):
            faces = _faces_below(_candidates(ascending, target), strength, sample)
            levels[row, 1 : len(faces) + 1] = faces
    inner, outer = code_points(sample.X, levels[:, 1:].copy(), strength)
    return _Codes(inner, outer, 0, mirrored=False, levels=levels)


def _candidates(ascending: NDArray[np.float32], target: int) -> NDArray[np.float32]:
    """At most 255 of the values: all that differ, or else evenly many up to twice the target from the top."""
    distinct = np.unique(ascending)
    if len(distinct) < CODES:
        return distinct
    n = len(ascending)
    near = min(n, 2 * target)
    ranks = np.concatenate([np.linspace(1, near, FINE), np.geomspace(near, n, CODES - FINE)[1:]])
    return np.unique(ascending[n - np.rint(ranks).astype(np.int64)])


def _faces_below(values: NDArray[np.float32], strength: float, sample: Sample) -> NDArray[np.float64]:
    """Faces that the values are only just more than ε beyond."""
    wide = values.astype(np.float64)
    faces = (wide - strength).astype(np.float32)
    while (near := wide - _stored(faces, sample) <= strength).any():
        faces[near] = np.nextafter(faces[near] - np.float32(2 * SNAP), np.float32(-np.inf))
    return np.unique(_stored(faces, sample))


def _stored(faces: NDArray[np.float32], sample: Sample) -> NDArray[np.float64]:
    """Return faces in levels as a region knows them, which stores them on epsilon's scale."""
    return sample.to_levels(sample.to_units(faces)).astype(np.float32).astype(np.float64)


class _Faces:
    """Some faces, with what they leave for others.

    Attributes
    ----------
    chosen : list of tuple of int
        Row and index of each.
    covered, expanded : int
        Points that one of them covers, and that one of them holds.
    """

    def __init__(self, codes: _Codes) -> None:
        n, m = codes.inner.shape
        self.codes = codes
        self.chosen: list[tuple[int, int]] = []
        self.covered = self.expanded = 0
        self._covering, self._holding = np.zeros(n, np.int32), np.zeros(n, np.int32)  # how many faces do, by point
        self._inner, self._outer = (
            np.zeros((m, CODES), np.int32),
            np.zeros((m, CODES), np.int32),
        )  # other points by code
        self._due = [(1, np.arange(n), np.arange(n))]  # what these counts lack: a step, and points to count for each

    def rank(self) -> tuple[int, int, int]:
        """Return what is to be least: points expanded, then points not covered, then faces."""
        return self.expanded, -self.covered, len(self.chosen)

    def with_face(self, face: tuple[int, int]) -> _Faces:
        """Return these faces and one more."""
        return self._changed([*self.chosen, face], face, 1)

    def without_face(self, face: tuple[int, int]) -> _Faces:
        """Return the other faces."""
        self._count()  # once for all faces that are to be tried without
        return self._changed([other for other in self.chosen if other != face], face, -1)

    def _changed(self, chosen: list[tuple[int, int]], face: tuple[int, int], step: int) -> _Faces:
        codes, changed, (row, i) = self.codes, copy.copy(self), face
        changed.chosen = chosen
        changed._covering, inner = _take(codes.inner, row, i + codes.shift if i else 0, step, self._covering)
        changed._holding, outer = _take(codes.outer, row, i, step, self._holding)
        changed.covered += step * len(inner)
        changed.expanded += step * len(outer)
        changed._due = [*self._due, (-step, inner, outer)]
        return changed

    def _count(self) -> None:
        if self._due:
            self._inner, self._outer = self._inner.copy(), self._outer.copy()  # others have them too
        for step, inner, outer in self._due:
            count_codes(self.codes.inner, inner, step, self._inner)
            count_codes(self.codes.outer, outer, step, self._outer)
        self._due = []

    def best(self, fewest: int, enough: int, cost: int = 1, worth: int = 1) -> tuple[int, int]:
        """Return the face of least price among those that cover at least `fewest` points more."""
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
        upper, lower = np.split(sample.to_units(faces), 2)
        return RectangleComplement(-lower[np.newaxis], upper[np.newaxis], epsilon)


def _take(
    codes: NDArray[Any], row: int, least: int, step: int, times: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Take the points whose code is at least `least`, or give them back.

    Returns how many times each point is taken now, and those that were free or that are free now.
    """
    m = codes.shape[1]
    column = codes[:, row] if row < m else CODES - 1 - codes[:, row - m]
    taken = column >= least
    times = times + step * taken.astype(np.int32)
    return times, np.flatnonzero(taken & (times == (1 if step > 0 else 0)))


def _fill(faces: _Faces, target: int, n_sets: int) -> _Faces:
    """Add at most `n_sets` faces, greedily, until `target` points are covered.

    Each covers its share of the points missing at least, and is the one of least points newly expanded
    minus points newly covered (as a ball of Algorithm 2), where points beyond the target count for
    nothing. The last is the one that expands the fewest points, and of those the one that covers most.
    """
    n = len(faces.codes.inner)
    while (missing := target - faces.covered) > 0:
        face = faces.best(-(-missing // n_sets), missing) if n_sets > 1 else faces.best(missing, n, n + 1, 1)
        faces = faces.with_face(face)
        n_sets -= 1
    return faces


def _refine(faces: _Faces, target: int, n_sets: int) -> _Faces:
    """Drop each face and choose again, one in its place or two, until nothing improves."""
    waiting = list(faces.chosen)
    while waiting:
        fewer = faces.without_face(waiting.pop(0))
        for number in range(1, min(MOST, n_sets - len(fewer.chosen)) + 1):
            other = _fill(fewer, target, number)
            if other.rank() < faces.rank():
                faces, waiting = other, list(other.chosen)
                break
    return faces
