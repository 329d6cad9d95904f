"""What every classifier must lose: points of different labels whose balls of radius ε meet cannot both be right.

Bhagoji, Cullina and Mittal (NeurIPS 2019) for two labels, Dai et al. (NeurIPS 2023) for more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial.distance import cdist

from numbaconc.binomial import CONFIDENCE
from numbaconc.data.arrays import as_sample, parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_count, check_fraction
from numbaconc.how import How
from numbaconc.labels.hyperedges import check_hyperedges, fractional_loss, hyperedges_in
from numbaconc.neighborhoods import graph_within
from numbaconc.norms import check_norm, sign_of
from numbaconc.numerals import exact, exact_percent, percent_at_least, strength
from numbaconc.reprs import Shown

if TYPE_CHECKING:
    from numbaconc.labels.separation import Separation

MOST_PAIRS = 100_000  # conflicts that are kept with their distances, unless other numbers are asked for
ROUNDING = 1e-12  # that a number of points may have, relatively; the loss has far less
METRICS = {"linf": "chebyshev", "l2": "sqeuclidean", "l1": "cityblock"}  # of whole levels, all are whole numbers


@dataclass(frozen=True, eq=False, repr=False)
class ClassifierBound(Shown):
    """A lower bound on the adversarial 0-1 loss of every classifier: how often some point within ε gets a wrong label.

    The labels of the points are taken as true. It is no bound on the concentration function h, which asks about error
    regions of a measure and knows no labels.

    Attributes
    ----------
    loss : float
        Every classifier has at least this adversarial 0-1 loss on these points, whatever it is made of; one that draws
        its answers has it on average.
    n_conflicts : int
        Pairs of points of different labels whose balls meet: those at a distance of at most 2 ε.
    pairs : ndarray, shape (k, 2), int64
        The conflicting pairs, the lower index first; the closest pairs first, ties by index. Of very many, the closest.
    distances : ndarray, shape (k,), float64
        Their distances, on epsilon's scale.
    n_points : int
    epsilon : float
        On the unit scale.
    norm : str
    hyperedges : int
        The most points of a conflict that were looked at together.
    confidence : float
        Of `population`.
    """

    loss: float
    n_conflicts: int
    pairs: NDArray[np.int64]
    distances: NDArray[np.float64]
    n_points: int
    epsilon: float
    norm: str
    hyperedges: int = 2
    confidence: float = CONFIDENCE

    def _facts(self) -> dict[str, object]:
        told = ("loss", "n_conflicts", "n_points", "epsilon", "norm", "hyperedges", "confidence", "population")
        return {name: getattr(self, name) for name in told}

    @property
    def population(self) -> float:
        """A lower bound on the adversarial loss of every classifier where the points are independent draws from.

        It holds with `confidence` 1 - δ: the loss less √(ln(1/δ) / 2n), by Hoeffding's inequality for one classifier
        that loses (nearly) as little there as any.
        """
        return max(0.0, self.loss - math.sqrt(math.log(1 / (1 - self.confidence)) / (2 * self.n_points)))

    @property
    def sentence(self) -> str:
        """What is bounded, in words."""
        points = f"these {self.n_points:,} points"
        if not self.loss:
            apart = (
                f"no two of different labels are found within {sign_of(self.norm)} 2 ε = {strength(2 * self.epsilon)}"
            )
            return f"{points} show no loss that every classifier has, since {apart}; h is another question"
        loses = f"every classifier gets at least {self.n_wrong} of {points} wrong within {sign_of(self.norm)} {strength(self.epsilon)}"
        share = f"{exact_percent(self.confidence)} confidence"
        drawn = (
            f"at least {percent_at_least(self.population)}, with {share}, of those that they are independent draws from"
        )
        if not self.population:
            drawn = f"too few to say anything, with {share}, of what they are drawn from"
        return f"{loses} ({self.share_wrong}), if their labels are true; {drawn}; h is another question"

    @property
    def n_wrong(self) -> str:
        """The loss as a number of points, in words: a whole one, a half, or rounded down."""
        return exact(self._hundredths / 100)

    @property
    def share_wrong(self) -> str:
        """The same number of points in per cent, rounded down: 45% beside 9 of 20 points, whatever a solver's rounding is."""
        return percent_at_least(Decimal(self._hundredths) / (100 * self.n_points))

    @property
    def _hundredths(self) -> int:
        return math.floor(100 * self.loss * self.n_points * (1 + ROUNDING))


def classifier_bound(
    X: ArrayLike | Sample,
    y: ArrayLike | None = None,
    *,
    epsilon: float | str,
    norm: str,
    hyperedges: int = 2,
    confidence: float = CONFIDENCE,
    max_pairs: int = MOST_PAIRS,
    how: How | None = None,
) -> ClassifierBound:
    """Bound the adversarial 0-1 loss of every classifier from below, by the conflicts among labeled points.

    Two points of different labels conflict if they are at most 2 ε apart: their balls of radius ε meet, and a classifier
    is wrong in one of them. Whole levels are compared exactly; of floats, those conflict that surely do. Of two labels, a maximum matching M of the conflicts gives the loss M / n, and some classifier has it
    (Bhagoji, Cullina and Mittal, NeurIPS 2019, Theorem 1). Of more labels, it is one less the largest mean of q in
    [0, 1] with at most 1 in each conflict, of two points or, with `hyperedges`, of more whose balls have a common point
    (Dai et al., NeurIPS 2023); of two, q is half-integral, from a maximum matching of the bipartite double cover.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The points, as in `as_sample`.
    y : array-like, shape (n,), optional
        Their labels, integers or texts, at least two different ones; those of the Sample if not given.
    epsilon : float or str
        Strength of the perturbation, on the unit scale.
    norm : {"linf", "l2", "l1"}
    hyperedges : int
        The most points of a conflict, 2, 3 or 4. In ℓ∞, and three in ℓ1, balls have a common point if every two have; in
        ℓ2 the points lie in a ball of radius ε. Four are not allowed for ℓ1.
    confidence : float
        Of what is said of the distribution.
    max_pairs : int
        How many of the conflicting pairs are kept, the closest ones; 0 saves the time that measuring them takes.
    how : How, optional
        Progress and threads.

    Returns
    -------
    ClassifierBound

    Raises
    ------
    InputError
        If an argument is not allowed, the conflicts of two take more than 2 GB, or with hyperedges they are more than 20,000.
    """
    sample = as_sample(X, y=y)
    labels = codes_of(sample)
    epsilon, norm = parse_epsilon(epsilon), check_norm("norm", norm)
    hyperedges = check_hyperedges(hyperedges, norm)
    confidence = check_fraction("confidence", confidence, one_allowed=False)
    graph = graph_within(sample, 2 * epsilon, norm, y=labels, how=how)  # twice a float is exact
    loss = matching_loss(graph, labels)
    if hyperedges > 2 and labels.max() > 1:
        sets = hyperedges_in(graph, sample, 2 * epsilon, norm, hyperedges)
        loss = max(loss, fractional_loss(sets, len(sample)))
    max_pairs = check_count("max_pairs", max_pairs, 0)
    pairs, distances = closest(pairs_in(graph) if max_pairs else (), sample, norm, max_pairs)
    return ClassifierBound(loss, graph.nnz // 2, pairs, distances, len(sample), epsilon, norm, hyperedges, confidence)


def codes_of(sample: Sample) -> NDArray[np.int64]:
    """Return whole numbers from 0 in place of the labels of a sample; InputError if it has none, or all are the same."""
    if sample.y is None:
        msg = "y is None, and X has no labels of its own; allowed: integers or texts, one a point"
        raise InputError(msg)
    names, codes = np.unique(sample.y, return_inverse=True)
    if len(names) < 2:
        msg = f"y has no label but {names[0]}; allowed: at least two different ones"
        raise InputError(msg)
    return codes.astype(np.int64)


def matching_loss(graph: sparse.csr_array, labels: NDArray[np.int64]) -> float:
    """Return the least share of points that are wrong somewhere, by the conflicts of two that a graph has.

    Parameters
    ----------
    graph : csr_array, shape (n, n)
        The conflicts, symmetric.
    labels : ndarray, shape (n,), int64
        From 0; points of the same label have no conflict.

    Returns
    -------
    float
        M / n for two labels; otherwise half of a maximum matching of the bipartite double cover, whose biadjacency
        matrix is the graph itself, over n.
    """
    if labels.max() == 1:
        sides, weight = graph[labels == 0][:, labels == 1], 1.0
    else:
        sides, weight = graph, 0.5
    # the algorithm of Hopcroft and Karp has fewer paths to mend where those with the least choice come first
    rows = np.argsort(np.diff(sides.indptr), kind="stable")
    columns = np.argsort(np.bincount(sides.indices, minlength=sides.shape[1]), kind="stable")
    sides = sides[rows][:, columns].sorted_indices()
    matched = np.count_nonzero(maximum_bipartite_matching(sides, perm_type="column") >= 0)
    return weight * matched / len(labels)


def pairs_in(graph: sparse.csr_array) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield the pairs of a symmetric graph, once each: a row, and the later ones that it is paired with."""
    upper = sparse.triu(graph, 1, format="csr")
    for row in np.flatnonzero(np.diff(upper.indptr)):
        yield int(row), upper.indices[upper.indptr[row] : upper.indptr[row + 1]]


def closest(
    pairs: Iterable[tuple[int, NDArray[np.intp]]], sample: Sample, norm: str, most: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the `most` closest of some pairs, (k, 2), and their distances on epsilon's scale; ties by index."""
    kept, n_kept = [np.zeros((3, 0))], 0  # distance, row, later row; whole numbers below 2^53 are exact
    for row, others in pairs:
        lengths = cdist(sample.X[row : row + 1], sample.X[others], METRICS[norm])[0]
        kept.append(np.array([lengths, np.full(len(others), row), others]))
        n_kept += len(others)
        if n_kept > 4 * most:
            kept, n_kept = [_first(kept, most)], most
    lengths, *ends = _first(kept, most)
    distances = sample.to_units(np.sqrt(lengths) if norm == "l2" else lengths)
    return np.array(ends).T.astype(np.int64), distances


def _first(parts: list[NDArray[np.float64]], most: int) -> NDArray[np.float64]:
    """Return the columns that are first by their first row, ties by the others."""
    together = np.concatenate(parts, axis=1)
    return together[:, np.lexsort(together[::-1])[:most]]


def closest_pairs(
    sample: Sample, norm: str, found: Separation, n_pairs: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the closest pairs of points of different labels, (k, 2), and their distances; fewer if there are no more.

    `found` is the separation of the sample. A pair that is closer than the last of these has both of its points among
    the 2 k that are the nearest to another label: each of fewer than k pairs is the nearest of at most two points.
    """
    labels = codes_of(sample)
    near = np.argsort(found.distances, kind="stable")[: 2 * n_pairs]
    near = np.unique([near, found.neighbors[near]])
    later = ((int(i), near[(near > i) & (labels[near] != labels[i])]) for i in near)
    return closest(later, sample, norm, n_pairs)
