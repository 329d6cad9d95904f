"""What test points prove about a region that was fixed before they were seen.

Counts of test points, independent draws from μ, are then binomial, so that the bounds of Clopper and Pearson
(Biometrika 26, 1934) hold exactly, at any sample size. Or the test points put the border where the measure is proved to
be α: docs/certificates.md. The paper's own guarantee, uniform over a collection, stands beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc import binomial
from numbaconc.binomial import CONFIDENCE, tail_of
from numbaconc.data.annotations import as_uncertainty
from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_count, check_fraction, shown
from numbaconc.hardness import check_bound, labels_in
from numbaconc.numerals import at_least, at_most, exact, exact_percent, rounded_up, strength, strength_at_most
from numbaconc.regions import Region
from numbaconc.reprs import Shown
from numbaconc.tolerance import tolerance


@dataclass(frozen=True, repr=False)
class Certificate(Shown):
    """With the given confidence μ(E) >= L and μ(E_ε) <= U, hence h(μ, L, ε) ≤ U.

    And, where it was asked for, the mean label uncertainty in E is at least `uncertainty_at_least`.

    Attributes
    ----------
    L, U : float
        Lower bound on the region's measure, and upper bound on its expansion's.
    epsilon : float
        Strength of the expansion, on the unit scale.
    confidence : float
        Of all bounds together, and of those of all regions that were compared.
    n_points, n_in, n_expanded : int
        Test points; how many of them lie in the region, and in its expansion. Of a border that the test points placed:
        `m` for the first of these, and m + K for the second.
    n_compared : int
        Regions, strengths and thresholds compared on the same test points (Bonferroni's correction).
    vc_dimension : int or None
        Of the collection, for the paper's bound; None if it is not known.
    n_uniform : int
        Points that the paper's bound is taken at.
    alpha : float or None
        α, if the test points placed the border so that L is exactly this; None for a border that they left alone.
    tau : float or None
        Of a border that they placed: the tail that U is taken at.
    uncertainty : float or None
        Mean label uncertainty of the test points in the region; strictly inside the border, if they placed it. None if
        it was not asked for, or no test point is there.
    uncertainty_at_least : float or None
        Lower bound on that of μ in the region, in [0, 2]; None if it was not asked for.
    n_tied : int
        Test points at the border beside the m-th. If there are any, the bound on uncertainty is about the region with a
        part, drawn at random, of the points at its border: docs/uncertainty.md.
    region : Region or None
        The region that the certificate is of, its border where the test points placed it; None if made from counts.
    reason : str
        Why U is 1, so that nothing is certified at α; empty if it is less.
    """

    L: float
    U: float
    epsilon: float
    confidence: float
    n_points: int
    n_in: int
    n_expanded: int
    n_compared: int = 1
    vc_dimension: int | None = None
    n_uniform: int = 0
    alpha: float | None = None
    tau: float | None = None
    uncertainty: float | None = None
    uncertainty_at_least: float | None = None
    n_tied: int = 0
    region: Region | None = field(default=None, compare=False)
    reason: str = field(default="", compare=False)

    @property
    def m(self) -> int | None:
        """Rank of the test point at the border; None if the test points did not place it."""
        return None if self.alpha is None else self.n_in

    @property
    def K(self) -> int | None:
        """How many more test points the expansion holds; None if they did not place the border."""
        return None if self.alpha is None else self.n_expanded - self.n_in

    @property
    def sentence(self) -> str:
        """The certificate in words: L and ε are rounded down and U up, so that what is said is true."""
        return self._sentence(at_least(self.L) if self.alpha is None else exact(self.L))

    def _sentence(self, alpha: str) -> str:
        epsilon = strength(self.epsilon) if self.alpha is None else strength_at_most(self.epsilon)
        why = f": {self.reason}" if self.reason else ""
        empty = f" (which says nothing{why})" if self.L == 0 or self.U == 1 else ""
        bound = f"with {exact_percent(self.confidence)} confidence h(μ, {alpha}, {epsilon}) ≤ {at_most(self.U)}{empty}"
        return f"{bound}{self._said_of_labels}"

    @property
    def _said_of_labels(self) -> str:
        if self.uncertainty_at_least is None:
            return ""
        least = at_least(self.uncertainty_at_least)
        mean = "" if self.uncertainty is None else f" ({at_least(self.uncertainty)} on the test points)"
        border = f", with a part of the points at its border, {self.n_tied + 1:,} test points, that is drawn"
        border = border if self.n_tied else ""
        return f", by a region whose labels have a mean uncertainty of at least {least}{mean}{border}"

    @property
    def _n_bounds(self) -> int:
        return n_bounds_of(self.uncertainty_at_least)

    def __str__(self) -> str:
        return self.sentence

    def _facts(self) -> dict[str, object]:
        shown = ("epsilon", "confidence", "n_points", "n_in", "n_expanded", "n_compared", "uncertainty_at_least")
        bounds = {"L": at_least(self.L) if self.alpha is None else exact(self.L), "U": at_most(self.U)}
        return bounds | {name: getattr(self, name) for name in shown} | {"region": self.region and self.region.in_short}

    def covers(self, alpha: float) -> bool:
        """Whether the bound holds at α too: h grows with α, so that it does if α <= L, and is not known to if not."""
        return check_fraction("alpha", alpha, one_allowed=False) <= self.L

    def sentence_at(self, alpha: float) -> str:
        """Say what the certificate means for a threshold α that was aimed at."""
        if self.covers(alpha):
            return self._sentence(exact(alpha))
        needed = binomial.least_count(alpha, self.n_points, self.confidence, self.n_compared, self._n_bounds)
        why = f"{self.n_in:,} of {self.n_points:,} test points are in the region, and α = {exact(alpha)} takes "
        why += "more points" if needed is None else f"{needed:,}"
        return f"{self.sentence}; nothing is certified at α = {exact(alpha)}: {why}"

    @property
    def uniform(self) -> float | None:
        """How far the paper's bound lets a fraction be from a measure; at 1 or more it says nothing."""
        if self.vc_dimension is None:
            return None
        return uniform_deviation(self.n_uniform, self.vc_dimension, self.confidence)

    @property
    def uniform_sentence(self) -> str:
        """The paper's uniform bound in words."""
        if self.uniform is None or self.vc_dimension is None:
            return "the paper's uniform bound (Theorem 3.3) needs the VC dimension of the collection"
        at = f"{self.n_uniform:,} points and VC dimension {self.vc_dimension:,}"
        said = f"the paper's uniform bound (Theorem 3.3) at {at} allows a deviation of {rounded_up(self.uniform)}"
        return f"{said} ≥ 1: it says nothing" if self.uniform >= 1 else said


def certify(  # noqa: PLR0913  # they are what a certificate is of, by name
    region: Region,
    X_test: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float | None = None,
    confidence: float = CONFIDENCE,
    n_compared: int = 1,
    *,
    n_train: int | None = None,
    n_sets: int | None = None,
    uncertainty: ArrayLike | None = None,
) -> Certificate:
    """Certify a region on points that had no part in finding or choosing it.

    Parameters
    ----------
    region : Region
        Fixed before the test points were looked at.
    X_test : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        Independent draws from μ.
    epsilon : float or str
        Strength on the unit scale.
    alpha : float, optional
        α, in (0, 1). The test points then move the border of the region, by the same distance everywhere, to the place
        where its measure is proved to be at least this: L is α, and `region` is what is certified. If not given,
        the border stays where it is, and L is what that proves.
    confidence : float
        1 - η, in (0, 1). η is shared equally by the two bounds, or by three with uncertainty, and by all that is compared.
    n_compared : int
        Certificates of any regions, strengths and thresholds that one is chosen of, or that are to hold together.
    n_train : int, optional
        Training points, for the paper's uniform bound; as many as there are test points if not given.
    n_sets : int, optional
        T, the most boxes or balls that the search was allowed, for the same; as many as the region has if not given.
    uncertainty : array-like, shape (n,), optional
        Label uncertainty of the test points, in [0, 2], such as `X_test.uncertainty`, which is not used unless it is given
        here. The mean in the region is then certified, too: docs/uncertainty.md.

    Returns
    -------
    Certificate

    Raises
    ------
    InputError
        If an argument is not allowed, or there are too few test points to prove anything at α.
    """
    given: object = region
    if not isinstance(given, Region):
        msg = f"region is {shown(region)}; allowed: a numbaconc.Region"
        raise InputError(msg)
    sample = region._sample(X_test)
    n = len(sample)
    hardness = None if uncertainty is None else as_uncertainty(uncertainty, n)
    found = _certified(region, sample, parse_epsilon(epsilon), alpha, (confidence, n_compared), hardness)
    n_uniform = n if n_train is None else check_count("n_train", n_train)
    return replace(found, vc_dimension=region.vc_dimension(n_sets), n_uniform=n_uniform)


def _certified(
    region: Region,
    sample: Sample,
    epsilon: float,
    alpha: float | None,
    share: tuple[float, int],
    uncertainty: NDArray[np.float64] | None,
) -> Certificate:
    """Certify a region; `share` is the confidence, and what η is shared by."""
    n, n_bounds = len(sample), n_bounds_of(uncertainty)
    rank = None if alpha is None else _rank(alpha, n, *share, n_bounds)
    labels = labels_in(region, sample, uncertainty, tail_of(*share, n_bounds), rank)
    hard = labels.uncertainty_at_least
    if alpha is None or rank is None:
        counts = _counts(region, sample, epsilon)
        found = certify_counts(*counts, n, epsilon, *share, uncertainty_at_least=hard)
        return replace(found, region=region, **labels._asdict())
    moved = region.at_rank(sample, rank)
    n_in, n_expanded = _counts(moved, sample, epsilon)
    found = certify_at_counts(n_expanded, n, epsilon, alpha, *share, uncertainty_at_least=hard)
    reason = _atom(region, moved, sample) if n_in == n else found.reason
    return replace(found, region=moved, reason=reason, **labels._asdict())


def certify_at_counts(
    m_plus_K: int,
    n_points: int,
    epsilon: float | str,
    alpha: float,
    confidence: float = CONFIDENCE,
    n_compared: int = 1,
    *,
    uncertainty_at_least: float | None = None,
) -> Certificate:
    """Certify at α from the count of test points in the expansion, such as a result file has.

    The region's border was placed at the m-th test point, m the least number that proves α. Arguments as in `certify`, and
    `uncertainty_at_least` as in `Certificate`. InputError if one is not allowed.
    """
    hard, n_bounds = check_bound(uncertainty_at_least), n_bounds_of(uncertainty_at_least)
    n, alpha = check_count("n_points", n_points), check_fraction("alpha", alpha, one_allowed=False)
    tail, m = tail_of(confidence, n_compared, n_bounds), _rank(alpha, n, confidence, n_compared, n_bounds)
    count = check_count("m_plus_K", m_plus_K, m, n, f"the border is at point {m} of {n}")
    tau = tolerance(n, m, tail)
    return Certificate(
        alpha,
        binomial.upper_limit(count, n, tau),
        parse_epsilon(epsilon),
        float(confidence),
        n,
        m,
        count,
        int(n_compared),
        n_uniform=n,
        alpha=alpha,
        tau=tau,
        uncertainty_at_least=hard,
        reason=f"all {n:,} test points lie in the expansion" if count == n else "",
    )


def n_bounds_of(uncertainty: object) -> int:
    """Return how many bounds share η: three where uncertainty is certified, too, and two where it is None."""
    return 2 if uncertainty is None else 3


def _rank(alpha: float, n_points: int, confidence: float, n_compared: int, n_bounds: int = 2) -> int:
    """Return m, the least number of test points that proves α; InputError if not even all of them do."""
    rank = binomial.least_count(alpha, n_points, confidence, n_compared, n_bounds)
    if rank is None:
        least = math.ceil(math.log(tail_of(confidence, n_compared, n_bounds)) / math.log(alpha))
        why = f"or nothing certifies α = {exact(alpha)} with {exact_percent(confidence)} confidence"
        msg = f"n_points is {n_points}; allowed: at least {least}, {why}"
        raise InputError(msg)
    return rank


def _counts(region: Region, sample: Sample, epsilon: float) -> tuple[int, int]:
    measured = region.measure(sample, epsilon)
    n = measured.n_points
    return round(float(measured.risk) * n), round(float(measured.adversarial_risk) * n)


def _atom(region: Region, moved: Region, sample: Sample) -> str:
    """Say why all points lie in a region whose border was moved to one of them."""
    n, tied = len(sample), int(np.count_nonzero(moved._outward(sample) == 0))
    if tied == 1:
        return f"the border is at the last of {n:,} test points"
    if np.count_nonzero(region.gap(sample) == np.inf) == tied:
        return f"{tied:,} of {n:,} test points are infinitely far out, and the border falls among them"
    return (
        f"the border falls among {tied:,} of {n:,} test points that are equally far out, so that all are in the region; "
        "a search that is asked for more, by a larger margin, leaves them outside"
    )


def certify_counts(  # noqa: PLR0913  # as certify
    n_in: int,
    n_expanded: int,
    n_points: int,
    epsilon: float | str,
    confidence: float = CONFIDENCE,
    n_compared: int = 1,
    *,
    vc_dimension: int | None = None,
    n_train: int | None = None,
    uncertainty_at_least: float | None = None,
) -> Certificate:
    """Certify from counts, such as a result file has: test points in the region, in its expansion, and in all.

    Other arguments as in `certify`; `vc_dimension` is that of the collection that the region was chosen from, and
    `uncertainty_at_least` as in `Certificate`. InputError if an argument is not allowed.
    """
    n_points = check_count("n_points", n_points)
    n_expanded = check_count("n_expanded", n_expanded, 0, n_points, f"there are {n_points} points")
    n_in = check_count("n_in", n_in, 0, n_expanded, "the region lies in its expansion")
    tail = tail_of(confidence, n_compared, n_bounds_of(uncertainty_at_least))
    return Certificate(
        binomial.lower_limit(n_in, n_points, tail),
        binomial.upper_limit(n_expanded, n_points, tail),
        parse_epsilon(epsilon),
        float(confidence),
        n_points,
        n_in,
        n_expanded,
        int(n_compared),
        None if vc_dimension is None else check_count("vc_dimension", vc_dimension),
        n_points if n_train is None else check_count("n_train", n_train),
        uncertainty_at_least=check_bound(uncertainty_at_least),
    )


def uniform_deviation(n: int, vc_dimension: int, confidence: float = CONFIDENCE) -> float:
    """How far fractions may be from measures, in all sets of a collection at once (Theorem 3.3, A.3).

    The δ at which the paper's complexity penalty 8 exp(V log(n + 1) - n δ² / 128) is 1 - confidence. With
    that confidence μ(E) >= risk - δ and μ(E_ε) <= adversarial risk + δ for every member E of the
    collection, the one that was found included, on the very points that it was found on (expansions of
    unions of balls, complements of boxes and half spaces belong to the same collection). n + 1 in place of
    the paper's n, and an explicit V in place of its O(n T log T), make it a true statement. With the
    constant 32 of Devroye, Györfi and Lugosi (1996, Theorem 12.5) for 128, δ would be half as large.

    Parameters
    ----------
    n : int
        Points.
    vc_dimension : int
        V, from a region's `vc_dimension`.
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        At 1 or more the bound says nothing, as it does for image data: on 60,000 points of 784
        coordinates one box has δ = 6.1, ten balls or boxes more.

    Raises
    ------
    InputError
        If an argument is not allowed.
    """
    n, dimension = check_count("n", n), check_count("vc_dimension", vc_dimension)
    eta = 1 - check_fraction("confidence", confidence, one_allowed=False)
    return math.sqrt(128 * (dimension * math.log(n + 1) + math.log(8 / eta)) / n)
