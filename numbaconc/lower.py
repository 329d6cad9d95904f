"""What a sample proves about h from below: any sets of that measure grow to at least so much. docs/lower.md is the proof."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import bdtr, bdtrc, betaincinv

from numbaconc.binomial import CONFIDENCE
from numbaconc.data.arrays import as_sample, parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_fraction
from numbaconc.goal import count_of
from numbaconc.how import How, bar, check_how
from numbaconc.kernels.threads import using_threads
from numbaconc.neighborhoods import counts_within, graph_within
from numbaconc.norms import check_norm
from numbaconc.numerals import at_least, exact, exact_percent, strength
from numbaconc.reprs import Shown
from numbaconc.spectral import by_spectrum
from numbaconc.unions import Apart, by_counts, greedy

Whole = NDArray[np.int64]

BY_COUNTS, BY_PAIRS = "neighbor counts", "sets apart"
MOST_GRAPH = 20_000  # points of which the pairs within ε are stored
MOST_SPECTRAL = 3_000  # points of which a dense matrix is factored
MANY = 0.05  # part of what may go wrong that is left to a set that more points than usual lie in
TRIES = 6  # numbers of points for which sets apart are looked for
ROUNDING = 1e-12  # relative, more than what quantiles are wrong by


@dataclass(frozen=True, repr=False)
class LowerBound(Shown):
    """With the given confidence h(μ, α, ε) >= value: every set of measure at least α grows to at least that.

    Attributes
    ----------
    value : float
        At least α.
    h_hat_at_least, h_hat_at_most : float
        Bounds on ĥ, the least share of the sample that lies within ε of any ⌈α n⌉ of its points; the second is that of a
        set found greedily, or 1 where the pairs are not stored.
    method : str
        What the bound is by: "neighbor counts", "sets apart", or "spectral, ...% trimmed".
    m, N : int
        Any m of the sample's points have at least N within ε of one of them: the two that `value` comes from.
    n_points : int
    isolated : int
        Points with no other within ε.
    epsilon : float
        On the unit scale.
    alpha : float
    norm : str
    confidence : float
    """

    value: float
    h_hat_at_least: float
    h_hat_at_most: float
    method: str
    m: int
    N: int
    n_points: int
    isolated: int
    epsilon: float
    alpha: float
    norm: str
    confidence: float = CONFIDENCE

    @property
    def sentence(self) -> str:
        """The bound in words, rounded down; why there is none beyond α where so many points are isolated."""
        at = f"h(μ, {exact(self.alpha)}, {strength(self.epsilon)})"
        if (m := count_of(self.alpha, self.n_points)) <= self.isolated:
            return (
                f"nothing is proved beyond {at} ≥ {exact(self.alpha)}: {self.isolated:,} of {self.n_points:,} points have no other "
                f"within {strength(self.epsilon)}, so that {m:,} of them, a share of α, do not grow at all"
            )
        empty = " (which says nothing beyond α)" if self.value <= self.alpha else ""
        return f"with {exact_percent(self.confidence)} confidence {at} ≥ {at_least(self.value)}{empty}"

    def __str__(self) -> str:
        return self.sentence

    def _facts(self) -> dict[str, object]:
        told = ("confidence", "method", "n_points", "isolated", "alpha", "epsilon", "norm")
        return {"value": at_least(self.value)} | {name: getattr(self, name) for name in told}


def lower_bound(
    X: ArrayLike | Sample,
    *,
    epsilon: float | str,
    alpha: float,
    norm: str,
    confidence: float = CONFIDENCE,
    how: How | None = None,
) -> LowerBound:
    """Bound h(μ, α, ε) from below by a sample of μ.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        Independent draws from μ.
    epsilon : float or str
        Strength on the unit scale.
    alpha : float
        α, in (0, 1).
    norm : {"linf", "l2", "l1"}
    confidence : float
        1 - δ, in (0, 1).
    how : How, optional
        Progress and threads.

    Returns
    -------
    LowerBound
        By neighbor counts alone for more than 20,000 points, or where the pairs within ε take more than 2 GB.

    Raises
    ------
    InputError
        If an argument is not allowed.
    """
    sample, epsilon = as_sample(X), parse_epsilon(epsilon)
    alpha = check_fraction("alpha", alpha, one_allowed=False)
    confidence = check_fraction("confidence", confidence, one_allowed=False)
    norm, how, n = check_norm("norm", norm), check_how(how), len(sample)
    counts = counts_within(sample, epsilon, norm, how=how)
    unions = _Unions(counts)
    m = count_of(alpha, n)
    curve = _Curve(n, alpha, 1 - confidence)
    highest, isolated = n, int(np.count_nonzero(counts == 1))
    if isolated >= m:
        highest = m
    elif (graph := _graph(sample, epsilon, norm, how)) is not None:
        with using_threads(how.threads):
            highest = _improve(unions, curve, sample, graph, m, how)
    x, value = curve.worst(unions.least)
    facts = (n, isolated, epsilon, alpha, norm, confidence)
    return LowerBound(value, int(unions.least[m]) / n, highest / n, unions.method(x), x, int(unions.least[x]), *facts)


class _Unions:
    """What the union of the neighborhoods of any x points has at least, for x = 0..n, and how that is known."""

    def __init__(self, counts: Whole) -> None:
        self.least = by_counts(counts)
        self._methods: list[str] = [BY_COUNTS]
        self._by = np.zeros(len(self.least), np.int64)

    def add(self, least: Whole, method: str) -> None:
        better = least > self.least
        self.least = np.maximum(self.least, least)
        self._by[better] = len(self._methods)
        self._methods.append(method)

    def method(self, x: int) -> str:
        return self._methods[int(self._by[x])]


class _Curve:
    """What unions prove: n points are drawn, x of them lie in a set of measure α, and N in its expansion.

    x is binomial, and given x so is N - x, of n - x points. Their P-values are independent, and their product is less
    than κ with probability κ (1 - ln κ) at most.
    """

    def __init__(self, n: int, alpha: float, delta: float) -> None:
        self.n, self.alpha = n, alpha
        self.kappa = _product_quantile((1 - MANY) * delta)
        x = np.arange(n + 1)
        below = bdtr(x, n, alpha)
        self.x = np.flatnonzero((below > self.kappa) & (bdtrc(x - 1, n, alpha) > MANY * delta))
        self.tails = self.kappa / below[self.x]

    def worst(self, least: Whole) -> tuple[int, float]:
        """Return the number of points at which unions prove the least, and what they prove."""
        N = least[self.x]
        grown = self.x < N
        p = np.where(grown, betaincinv(np.where(grown, N - self.x, 1), self.n - N + 1, self.tails), 0.0)
        place = int(p.argmin())
        value = self.alpha + (1 - self.alpha) * float(p[place]) * (1 - ROUNDING)
        return int(self.x[place]), max(self.alpha, value * (1 - ROUNDING))


def _product_quantile(delta: float) -> float:
    """Return κ such that the product of two independent uniform numbers is less with probability δ."""
    logarithm = brentq(
        lambda t: t + math.log1p(-t) - math.log(delta), math.log(delta) - 50, math.log(delta), xtol=1e-13
    )
    return math.exp(logarithm) * (1 - ROUNDING)


def _graph(sample: Sample, epsilon: float, norm: str, how: How) -> csr_array | None:
    """Return all pairs within ε; None where they are not stored."""
    if len(sample) > MOST_GRAPH:
        return None
    try:
        return graph_within(sample, epsilon, norm, how=how)
    except InputError:  # all arguments have been checked: it would be too large
        return None


def _improve(unions: _Unions, curve: _Curve, sample: Sample, graph: csr_array, m: int, how: How) -> int:
    """Prove larger unions by all methods; return the size of one that m points have."""
    n = len(sample)
    found = greedy(graph, max(int(curve.x[-1]), m))
    if n <= MOST_SPECTRAL:
        for share, least in by_spectrum(graph, min(curve.alpha, 1 - curve.alpha)):
            unions.add(least, f"spectral, {exact_percent(round(share, 4))} trimmed")
    apart, tried = Apart(graph, sample.X), {0}
    for step in bar(range(TRIES), what="sets apart", shown=how.progress, total=TRIES):
        worst, _ = curve.worst(unions.least)
        below = max(x for x in tried if x <= worst)
        x = (m, int(curve.x[0]))[step] if step < 2 else (below + worst + 1) // 2
        if x in tried:
            break
        above = min((other for other in tried if other > x), default=len(found) - 1)
        least = np.zeros(n + 1, np.int64)
        low, high = int(unions.least[x]), int(found[x])
        if above in tried:  # no more is needed than what is proved there
            high = min(high, int(unions.least[above]))
        least[x:] = apart.at_least(x, low, high)
        unions.add(least, BY_PAIRS)
        tried.add(x)
    return int(found[m])
