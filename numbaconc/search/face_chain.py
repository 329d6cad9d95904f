"""In which order the faces that were chosen, and others in reserve, hold more and more points."""

from __future__ import annotations

import numpy as np

from numbaconc.data.sample import Sample
from numbaconc.regions import RectangleComplement
from numbaconc.regions.faces import FaceComplement
from numbaconc.search.face_choice import Face, Faces


def chained(chosen: Faces, more: Faces | None, sample: Sample, epsilon: float) -> RectangleComplement:
    """Return the region beyond the chosen faces, which knows a chain of them.

    The first face is the one that holds the fewest points for each that it covers; the next one, the fewest of those that
    are left; and so on. After them come those that `more` has beside them, in the order in which they were added. Where a
    face covers all points there is no chain.
    """
    region, levels = chosen.region(sample, epsilon), chosen.codes.levels
    if not len(chosen) or not all(np.isfinite(levels[face]) for face in chosen.chosen):
        return region
    reserve = [] if more is None else [face for face in more.chosen if face not in chosen.chosen]
    order = [face for face in (*_cheapest_first(chosen), *reserve) if np.isfinite(levels[face])]
    d = sample.n_features
    signed = [levels[row, i] * (1.0 if row < d else -1.0) for row, i in order]
    places = [sample.coordinates(np.array([c]), row % d)[0] for c, (row, _) in zip(signed, order, strict=True)]
    return FaceComplement(region.lower, region.upper, epsilon, [row for row, _ in order], places)


def _cheapest_first(faces: Faces) -> list[Face]:
    covers = {face: faces.codes.covers(face) for face in faces.chosen}
    holds = {face: faces.codes.holds(face) for face in faces.chosen}
    covered, held = np.zeros(faces.n_points, bool), np.zeros(faces.n_points, bool)
    left, order = list(faces.chosen), []

    def price(face: Face) -> float:
        return float((holds[face] & ~held).sum()) / max(int((covers[face] & ~covered).sum()), 0.5)

    while left:
        face = min(left, key=price)
        left.remove(face)
        order.append(face)
        covered |= covers[face]
        held |= holds[face]
    return order
