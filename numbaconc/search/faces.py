"""Beyond the paper: error regions that lie beyond a few faces of one box (ℓ∞).

The region {x : x_j > c} is the complement of a box with a single finite face, at x_j = c. A union of such
regions is the complement of a box with several finite faces. All of them belong to the paper's collection of
complements of T boxes, with T = 1. Expanding such a region by ε moves each of its faces by ε and leaves the other
coordinates alone, so that a face that few points are near costs little adversarial risk.

A face of the box *holds* the points beyond it, and *covers* those that are more than ε beyond it. The error region is
made of the points that some face covers, and its expansion of those that some face holds. How many points a possible
face would cover and hold is read off counts of the points by coordinate and level.

Faces are chosen greedily, in the manner of Algorithm 2, in several starts that differ in how many may be used. From
each start, every face is dropped and chosen again, with no less covered, until nothing improves.

Faces that must cover so much together cannot be moved one by one where one has to cover less before another can cover
more. So the best choice is *relaxed*: points covered get a price, at which every face in turn is moved to where it pays
best, dropped where it does not pay, and joined by others that do. What is then missing is added, and faces are dropped
and chosen again as before. That is done at several prices, for as long as it helps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.search.base import Found
from numbaconc.search.face_chain import chained
from numbaconc.search.face_choice import Faces
from numbaconc.search.face_codes import Prepared
from numbaconc.search.multiplier import least_worth, rewards
from numbaconc.search.settings import Count, setting
from numbaconc.search.uncertain import UncertainSearch

RESERVE, N_RESERVE = 1.5, 12  # points covered with the faces in reserve, as a multiple, and how many these may be
MOST = 2  # faces that may replace the one that is dropped, or be added to relaxed ones
STARTS = (1, 2, 3, 4, 5, 8, 13, 21, 34)  # numbers of faces that a start may use, apart from T itself
COST = 100  # of an expanded point, where covered points have a price
WORTHS = (250, 180, 150, 135, 125, 118, 112, 108, 105, 103)  # of a covered point


class Start(NamedTuple):
    """One start: how many faces its greedy choice could use, and the risks before and after faces are exchanged."""

    n_sets: int
    greedy_risk: float
    greedy_adversarial_risk: float
    risk: float
    adversarial_risk: float


class Relaxed(NamedTuple):
    """An improvement: at how many expanded points a covered one was priced, and the risks that this led to."""

    worth: float
    risk: float
    adversarial_risk: float


class FaceSearch(UncertainSearch):
    """Search for a region beyond at most T faces of one box (ℓ∞).

    For bytes every face at a gray level is a candidate. For floats there are up to 255 candidates for each side of
    each coordinate, at data points. The search is deterministic: ties go to upper faces, then to the lowest
    coordinate, then to the face farthest out.

    With γ, points covered that are harder are worth points of the expansion, as few as the constraint needs.

    Attributes
    ----------
    region_ : RectangleComplement
        Of one box, whose faces are infinite except for those chosen. It is a `FaceComplement`, which knows in which order
        they, and others in reserve, hold more points when its border is moved. Where ε is so large that no face does better,
        it is the whole space, and both risks are 1.
    n_faces_ : int
        How many were chosen, at most T.
    mean_uncertainty_ : float
        Of the labels of the training points in the region, where γ was asked for.
    trace_ : tuple of Start and Relaxed
        Every start, in order, and then every improvement on the best of them. The region is the last of these, or
        that of the best start if there are none.
    """

    name = "faces"
    norms = ("linf",)
    multiples = (0.92, 1.0, 1.1)
    numbers_of_sets = (5, 10)

    n_sets: int = setting(
        default=5,
        check=Count(),
        help="T, the most faces; fewer where they do better",
        coordinate="T",
    )

    def vc_dimension(self, n_features: int) -> int:
        """Return that of complements of one box, which all faces are of."""
        return 2 * n_features

    def prepare(self, sample: Sample, how: How) -> Prepared:  # noqa: ARG002
        """Return what says where each point lies among the candidates; goals that have them in common share it."""
        return Prepared(sample)

    def find(self, prepared: Prepared, goal: Goal, how: How) -> Found:
        """Choose faces greedily for several numbers of them, exchange faces, and relax the best choice."""
        constraint = self.constraint(prepared.sample)
        return least_worth(lambda worth: self._at(prepared, goal, how, worth), constraint, prepared.sample)

    def _at(self, prepared: Prepared, goal: Goal, how: How, worth: float) -> Found:
        """Return the best choice where an uncertainty of 1 beyond γ is worth so many points of the expansion."""
        sample, constraint = prepared.sample, self.constraint(prepared.sample)
        n = len(sample)
        target = goal.n_inside(n)
        nothing = prepared.nothing(goal.epsilon, target).rewarded(rewards(constraint, worth))
        most = min(self.n_sets, target)  # each face covers a point at least that no other does
        numbers = [number for number in STARTS if number < most] + [most]
        ends: list[Faces] = []
        trace: list[Start | Relaxed] = []
        for number in bar(numbers, what="starts", shown=how.progress):
            start = _fill(nothing, target, number, n)
            assert start is not None  # face 0 covers all  # noqa: S101
            end = _exchange(start, target, most)
            ends.append(end)
            trace.append(Start(number, start.covered / n, start.expanded / n, end.covered / n, end.expanded / n))
        best = min(ends, key=lambda end: end.rank)
        for price, better in _relaxations(best, target, most):
            best = better
            ends.append(best)
            trace.append(Relaxed(price / COST, best.covered / n, best.expanded / n))
        if constraint is not None:  # several choices are about as good, and some meet it
            excess = constraint.excess
            allowed = [end for end in ends if int(excess[end.inside].sum()) >= 0]
            best = min(allowed, key=lambda end: (end.expanded, -end.covered, len(end)), default=best)
        reserve = math.ceil(RESERVE * best.covered)
        more = _fill(best, reserve, N_RESERVE, n) if reserve < n else None
        return self.found(chained(best, more, sample, goal.epsilon), sample, goal, trace, n_faces=len(best))


def _fill(faces: Faces, target: int, n_sets: int, most: int) -> Faces | None:
    """Add at most `n_sets` faces, greedily, until `target` points are covered and no more than `most` expanded.

    Each face covers at least its share of the points that are missing. Chosen is the one of the fewest points newly
    expanded less points newly covered, as a ball of Algorithm 2 is; points covered beyond the target do not count. The
    last face allowed covers all that are missing: it is the one that expands the fewest points and, of those, covers
    the most. Where there is no such face, None is returned.
    """
    n = faces.n_points
    for left in range(n_sets, 0, -1):
        missing, room = target - faces.covered, most - faces.expanded
        if missing <= 0:
            break
        face = faces.best(-(-missing // left), missing, room) if left > 1 else faces.best(missing, n, room, n + 1)
        if face is None:
            return None
        faces = faces.with_face(face)
    return faces if faces.covered >= target else None


def _exchange(faces: Faces, target: int, n_sets: int) -> Faces:
    """Drop each face in turn and choose one or two in its place, and begin again after each improvement."""
    waiting = list(faces.chosen)
    while waiting:
        fewer = faces.without_face(waiting.pop(0))
        for number in range(1, min(MOST, n_sets - len(fewer)) + 1):
            other = _fill(fewer, target, number, faces.room(faces.expanded))
            if other is not None and other.rank < faces.rank:
                faces, waiting = other, list(other.chosen)
                break
    return faces


def _relaxations(best: Faces, target: int, n_sets: int) -> Iterator[tuple[int, Faces]]:
    """Yield every improvement on a choice of faces that relaxing it leads to, and at what worth."""
    before, seen = None, {frozenset(best.chosen)}
    while best is not before:
        before = best
        for worth in WORTHS:
            relaxed = _relax(best, target, n_sets, worth)
            for number in range(MOST + 1):
                filled = _fill(relaxed, target, min(number, n_sets - len(relaxed)), best.n_points)
                if filled is None or frozenset(filled.chosen) in seen:
                    continue
                seen.add(frozenset(filled.chosen))
                end = _exchange(filled, target, n_sets)
                if end.rank < best.rank:
                    best = end
                    yield worth, best


def _relax(faces: Faces, target: int, n_sets: int, worth: int) -> Faces:
    """Move every face to where it pays best, in turn, drop those that do not pay, and add those that do.

    The least is looked for of COST for each point expanded less `worth` for each covered, up to the target.
    """

    def price(faces: Faces) -> int:
        return faces.price(COST, worth, target)

    waiting = list(faces.chosen)
    while True:
        fewer = faces.without_face(waiting.pop(0)) if waiting else faces
        enough = max(target - fewer.covered, 0)
        face = fewer.best(1, enough, fewer.room(worth * enough // COST), COST, worth) if len(fewer) < n_sets else None
        other = min(fewer, fewer.with_face(face), key=price) if face else fewer
        if price(other) < price(faces):
            faces, waiting = other, list(other.chosen)
        elif fewer is faces:
            return faces
