"""Plain-loop versions of the search for faces and of its kernels, to compare with. They import nothing of ours.

Sets of points are Python integers with a bit for each point. A kernel and its oracle have the same
name and the same arguments.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

TOP = 255
STARTS = (1, 2, 3, 4, 5, 8, 13, 21, 34)  # faces that a start may use, beside the most
WORTHS = (250, 180, 150, 135, 125, 118, 112, 108, 105, 103)  # of a covered point, in hundredths of an expanded one
NEVER = np.iinfo(np.int64).max


# Kernels


def count_codes(codes, rows, step, counts):
    result = counts.tolist()
    for i in rows.tolist():
        for c, code in enumerate(codes[i].tolist()):
            result[c][code] += step
    return np.array(result, np.int32)


def best_faces(inner, outer, shift, mirrored, fewest, enough, most, cost, worth):
    inside, outside = inner.tolist(), outer.tolist()
    if mirrored:
        inside, outside = ([*rows, *(row[::-1] for row in rows)] for rows in (inside, outside))
    prices, faces = [], []
    for free, fresh in zip(inside, outside, strict=True):
        best = NEVER, 0
        for i in range(TOP + 1):
            covered = sum(free[i + shift :]) if i else sum(free)
            held = sum(fresh[i:])
            price = cost * held - worth * min(covered, enough)
            if covered >= fewest and held <= most and price <= best[0]:
                best = price, i
        prices.append(best[0])
        faces.append(best[1])
    return np.array(prices, np.int64), np.array(faces, np.int64)


def code_points(X, levels, strength, slack):
    inner, outer = [], []
    for row in X.tolist():
        both = [*row, *(-x for x in row)]
        for codes, beyond in ((inner, strength), (outer, -slack)):
            codes.append([sum(x - u > beyond for u in us) for x, us in zip(both, levels.tolist(), strict=True)])
    return np.array(inner, np.uint8), np.array(outer, np.uint8)


# The search


class Face(NamedTuple):
    """A face of the box: its side, coordinate and level, and which points it covers and holds."""

    lower: bool
    coordinate: int
    level: object
    covers: int
    holds: int


def every_face(X, strength):
    """All faces that matter, in the order in which ties are decided; `strength` is an exact number of levels.

    Of uint8 rows those at each level; of others those that some point is only just more than
    `strength` beyond, whose level is given as that point less `strength`, which is itself beyond.
    """
    n = len(X)
    everything = (1 << n) - 1
    for lower, coordinate in itertools.product((False, True), range(X.shape[1])):
        column = [Fraction(x) for x in X[:, coordinate].tolist()]
        if X.dtype == np.uint8:
            for far in range(TOP):  # levels from the face to the end of the grid
                level = far + 1 if lower else TOP - 1 - far
                beyond = [level - x if lower else x - level for x in column]
                yield Face(lower, coordinate, level, _set(b > strength for b in beyond), _set(b > 0 for b in beyond))
        else:
            signed = [-x for x in column] if lower else column
            for value in sorted(set(signed), reverse=True):
                level = value - strength
                covers, holds = _set(x >= value for x in signed), _set(x >= level for x in signed)
                yield Face(lower, coordinate, -level if lower else level, covers, holds)
        yield Face(lower, coordinate, math.inf if lower else -math.inf, everything, everything)


def _set(members):
    return sum(1 << i for i, member in enumerate(members) if member)


class Found(NamedTuple):
    faces: list[Face]
    starts: list[tuple[int, int, int, int, int]]  # T, and points covered and expanded, after the greedy and at the end
    improvements: list[tuple[float, int, int]]  # at what worth, and points covered and expanded


def search_faces(X, strength, target, n_sets):
    every, most = list(every_face(X, strength)), min(n_sets, target)  # each face covers a point of its own
    ends, starts = [], []
    for number in sorted({number for number in STARTS if number < most} | {most}):
        start = _fill(every, [], target, number, len(X))
        ends.append(_exchange(every, start, target, most))
        starts.append((number, *counts(start), *counts(ends[-1])))
    best, improvements = min(ends, key=_rank), []
    seen, last = {frozenset(best)}, None
    while best != last:
        last = best
        for worth in WORTHS:
            relaxed = _relax(every, best, target, most, worth)
            for number in (0, 1, 2):
                filled = _fill(every, relaxed, target, min(number, most - len(relaxed)), len(X))
                if filled is None or frozenset(filled) in seen:
                    continue
                seen.add(frozenset(filled))
                end = _exchange(every, filled, target, most)
                if _rank(end) < _rank(best):
                    best = end
                    improvements.append((worth / 100, *counts(best)))
    return Found(best, starts, improvements)


def counts(faces):
    covered = expanded = 0
    for face in faces:
        covered |= face.covers
        expanded |= face.holds
    return covered.bit_count(), expanded.bit_count()


def _rank(faces):
    covered, expanded = counts(faces)
    return expanded, -covered, len(faces)


def _fill(every, faces, target, n_sets, most):
    """Greedily at most `n_sets` faces more, such that `target` points are covered and at most `most` expanded."""
    faces = list(faces)
    while counts(faces)[0] < target:
        if not n_sets:
            return None
        covered, expanded = counts(faces)
        missing = target - covered
        best, least = None, None
        for face in every:
            more, further = counts([*faces, face])
            more, further = more - covered, further - expanded
            if more < math.ceil(Fraction(missing, n_sets)) or expanded + further > most:
                continue
            price = further - min(more, missing) if n_sets > 1 else (further, -more)
            if best is None or price < least:
                best, least = face, price
        if best is None:
            return None
        faces.append(best)
        n_sets -= 1
    return faces


def _exchange(every, faces, target, n_sets):
    improved = True
    while improved:
        improved = False
        for face in faces:
            others = [other for other in faces if other != face]
            for number in (1, 2):
                if len(others) + number > n_sets:
                    continue
                again = _fill(every, others, target, number, counts(faces)[1])
                if again is not None and _rank(again) < _rank(faces):
                    faces, improved = again, True
                    break
            if improved:
                break
    return faces


def _relax(every, faces, target, n_sets, worth):
    """Move, drop and add faces one at a time while that lowers the price of the points expanded less those covered."""

    def price(faces):
        covered, expanded = counts(faces)
        return 100 * expanded - worth * min(covered, target)

    def with_best(faces):
        """With the face of least price, or the same faces if none lowers theirs."""
        more = [[*faces, face] for face in every] if len(faces) < n_sets else []
        return min([faces, *more], key=price)  # the first of several

    improved = True
    while improved:
        improved = False
        for other in (with_best([one for one in faces if one != face]) for face in faces):
            if price(other) < price(faces):
                faces, improved = other, True
                break
        if not improved and price(with_best(faces)) < price(faces):
            faces, improved = with_best(faces), True
    return faces


def least_expanded(X, strength, target, n_sets):
    """The fewest points expanded by any at most `n_sets` faces that cover `target` points."""
    every = list(every_face(X, strength))
    distinct = list({(face.covers, face.holds): face for face in every}.values())
    unions = itertools.chain.from_iterable(itertools.combinations(distinct, k) for k in range(1, n_sets + 1))
    return min(expanded for covered, expanded in map(counts, unions) if covered >= target)
