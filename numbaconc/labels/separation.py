"""How far points of different labels are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.annotations import as_labels
from numbaconc.data.arrays import as_sample
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair
from numbaconc.errors import InputError, shown
from numbaconc.how import How, bar, check_how
from numbaconc.kernels.pairs import nearest_apart
from numbaconc.kernels.threads import using_threads
from numbaconc.norms import NORMS, check_norm
from numbaconc.numerals import READABLE, at_least, at_most, strength
from numbaconc.reprs import Shown

STEP = 2.0**-53  # how far, relatively, a sum in float64 is rounded at each step


@dataclass(frozen=True, eq=False, repr=False)
class Separation(Shown):
    """How far each point is from the nearest point of another label.

    Attributes
    ----------
    distances : ndarray, shape (n,), float64
        On epsilon's scale; inf where there is no other label.
    neighbors : ndarray, shape (n,), int64
        Which training point that is, the first of those that are equally near; -1 where there is no other label.
    norm : {"linf", "l2", "l1"}
    rounding : float
        By how much a distance may be too large, on epsilon's scale; 0 for bytes and other whole levels.
    """

    distances: NDArray[np.float64]
    neighbors: NDArray[np.int64]
    norm: str
    rounding: float = 0.0

    def _facts(self) -> dict[str, object]:
        return {
            "n_points": len(self.distances),
            "norm": self.norm,
            "least": self.least,
            "rounding": self.rounding or None,
        }

    @property
    def least(self) -> float:
        """The least of the distances."""
        return float(self.distances.min())

    @property
    def sentence(self) -> str:
        """What the distances say, in one sentence; true however points were rounded."""
        n, least, sign = len(self.distances), self.least, NORMS[self.norm].sign
        if math.isinf(least):
            return f"None of {n:,} points has a point of another label beside it."
        n_same = int(np.count_nonzero(self.distances == 0))
        if n_same:
            where = f"within {at_most(self.rounding)} in {sign} of where" if self.rounding else "where"
            return f"{n_same:,} of {n:,} points are {where} a point of another label is."
        least = max(0.0, least - self.rounding)
        written = strength(least)
        written = written if "/" in written or len(written) <= READABLE else at_least(least)
        return f"Each of {n:,} points is at least {written} in {sign} from every point of another label."


def separation(
    X: ArrayLike | Sample,
    y: Any,  # noqa: ANN401
    X_test: ArrayLike | Sample | None = None,
    y_test: Any = None,  # noqa: ANN401
    *,
    norm: str,
    how: How | None = None,
) -> Separation:
    """Measure how far each point is from the nearest training point of another label, exactly.

    What is separated by more than 2 ε can be told apart however points move by ε (Yang et al., NeurIPS 2020).

    Parameters
    ----------
    X : Sample or array-like, shape (n, d)
        Training points, as in `as_sample`.
    y : array-like, shape (n,), or None
        Their labels, integers or texts; None for those of the Sample.
    X_test, y_test : optional
        Test points and their labels, which are then compared with the training points. Without them the training
        points are compared with each other.
    norm : {"linf", "l2", "l1"}
    how : How, optional
        Progress and threads.

    Returns
    -------
    Separation
        Of the test points, or of the training points if there are none.

    Raises
    ------
    InputError
        If an argument is not allowed, labels are missing or of another kind, or the samples do not go together.
    """
    norm, how = check_norm("norm", norm), check_how(how)
    train = as_sample(X, y=y)
    labels = [_labels_of(train, "y", "X")]
    if X_test is None:
        if y_test is not None:
            msg = f"y_test is {shown(y_test)} without X_test; allowed: None, or X_test beside it"
            raise InputError(msg)
        points, split, test = train.X, None, train
    else:
        test = as_sample(X_test, name="X_test", min_rows=1, like=train)
        check_pair(train, test)
        test = test if y_test is None else test.annotated(y=as_labels(y_test, len(test), "y_test"))
        labels.insert(0, _labels_of(test, "y_test", "X_test"))
        if labels[0].dtype.kind != labels[1].dtype.kind:
            kinds = ["texts" if one.dtype.kind == "U" else "integers" for one in labels]
            msg = f"y_test holds {kinds[0]}; allowed: {kinds[1]}, as y does"
            raise InputError(msg)
        points, split = np.concatenate([_in_levels_of(train, test), train.X]), len(test)
    codes = np.unique(np.concatenate(labels), return_inverse=True)[1].astype(np.int64)
    with using_threads(how.threads), bar(what="separation", shown=how.progress, total=len(points)) as shown_bar:
        levels, neighbors = nearest_apart(points, codes, NORMS[norm].p, split, shown_bar.update)
    distances = train.to_units(np.sqrt(levels) if norm == "l2" else levels)
    neighbors[neighbors >= 0] -= split or 0
    return Separation(distances, neighbors, norm, _rounding(train, test, norm, distances))


def _labels_of(sample: Sample, name: str, whose: str) -> NDArray[Any]:
    if sample.y is None:
        msg = f"{name} is None, and {whose} has no labels of its own; allowed: integers or texts, one a point"
        raise InputError(msg)
    return sample.y


def _in_levels_of(train: Sample, test: Sample) -> NDArray[Any]:
    """Return the test points in the levels of the training points."""
    here, there = (0.0 if one.origin is None else one.origin for one in (train, test))
    if test.unit == train.unit and np.all(here == there):
        return test.X
    return train.place(test.coordinates(test.X))


def _rounding(train: Sample, test: Sample, norm: str, distances: NDArray[np.float64]) -> float:
    """Return by how much a distance may be too large, on epsilon's scale: the points and the sums are rounded."""
    if train.whole and test.whole:
        return 0.0
    p, d = NORMS[norm].p, train.n_features
    slack = max(float(one.to_units(one.slack(p))) for one in (train, test))
    largest = float(np.abs([train.extent, test.extent]).max())  # of which levels of another origin are rounded
    farthest = float(distances.max(initial=0.0, where=np.isfinite(distances)))
    return slack + STEP * ((d + 8) * farthest + 8 * largest * float(d ** (1 / p)))
