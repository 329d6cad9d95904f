"""What is certified, in words: each sentence is true as it stands, its numbers rounded to the safe side."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import xarray as xr

from numbaconc.binomial import CONFIDENCE
from numbaconc.certify import Certificate
from numbaconc.errors import printable
from numbaconc.goal import count_of
from numbaconc.norms import NORMS
from numbaconc.numerals import (
    at_least,
    exact,
    exact_percent,
    percent_at_least,
    percent_at_most,
    percent_left,
    rounded_up,
    strength,
)
from numbaconc.results.queries import certificate, certificate_at_alpha, hold_together, lower_of, numbers_of_points

DIGITS = 9  # of a percentage, beyond which it is rounding
BEST = "best"  # the search that runs the others
PROMISE = (
    "if {their} test points are independent draws from one distribution μ, as {their} training points are, and had no part in "
    "choosing the region or a setting."
)


def promised(names: Sequence[str]) -> str:
    """Say what certificates of data sets need; of none in particular where no name is given."""
    return PROMISE.format(their="the" if not names else "its" if len(names) == 1 else "each one's")


def said_for(names: Sequence[str]) -> str:
    """Write of which data sets something is said: " for digits"; nothing for no name."""
    return f" for {', '.join(map(printable, names))}" if names else ""


def certified_line(here: xr.Dataset, epsilon: float, names: Sequence[str] = ()) -> str | None:
    """Say what is certified of one case at exactly α, or why nothing is; None where nothing is known of test points.

    With the name of its data set, if one is given.
    """
    of = said_for(names)
    proven, least = certificate_at_alpha(here, epsilon), lower_of(here)
    if proven is not None:
        return f"certified{of}: {proven.sentence if least is None else _interval(here, epsilon, least, proven)}"
    if least is not None:
        at = f"h(μ, {exact(float(here['alpha']))}, {strength(epsilon)})"
        said = f"certified{of}: with {exact_percent(CONFIDENCE)} confidence {at} ≥ {_least(here, least)}"
        return f"{said}; nothing from above: {_why_not(here)}"
    return f"nothing is certified{of} at α: {_why_not(here)}" if "n_points" in here else None


def _interval(here: xr.Dataset, epsilon: float, least: float, proven: Certificate) -> str:
    """Say between which numbers h lies: at exactly this ε, since one side would hold for less and the other for more."""
    at = f"h(μ, {exact(float(here['alpha']))}, {strength(epsilon)})"
    most = proven.sentence.partition("≤ ")[2]
    return f"with {exact_percent(proven.confidence)} confidence {_least(here, least)} ≤ {at} ≤ {most}"


def _least(here: xr.Dataset, least: float) -> str:
    """Write a bound from below, rounded down; α, where it is no more."""
    alpha = float(here["alpha"])
    return exact(alpha) if least <= alpha else at_least(least)


def below_line(here: xr.Dataset, epsilon: float) -> str | None:
    """Say why one case has no bound from below beyond α, or how often either side is wrong; None without such a bound."""
    numbers, isolated = numbers_of_points(here), float(here.get("isolated", 0))
    if numbers is None or (least := lower_of(here)) is None:
        return None
    alpha, n = float(here["alpha"]), numbers[1]
    if least <= alpha and (m := count_of(alpha, n)) <= isolated <= n:
        said = f"From below nothing is proved beyond α: {int(isolated):,} of {n:,} test points have no other within "
        return f"{said}{strength(epsilon)}, so that {m:,} of them, a share of α, do not grow at all."
    wrong = round(100 * (1 - CONFIDENCE) / float(here.get("n_compared", 1)), DIGITS)
    return f"Each bound, from below and from above, is wrong with a probability of at most {rounded_up(wrong)}%."


def _why_not(here: xr.Dataset) -> str:
    """Say why one case has no certificate at α."""
    numbers = numbers_of_points(here)
    if numbers is None:
        return "the test points had a part in choosing, or their counts are not known"
    if "certified" in here and float(here["certified"]) == 1:
        return f"for that, {numbers[1]:,} test points are too few"
    return "the file holds no such certificate: it is older than these, or the test points had a part in choosing"


def unmoved_line(here: xr.Dataset, epsilon: float) -> str:
    """Say what is certified of one case with its border where the search put it."""
    if (proven := certificate(here, epsilon)) is None:
        return "Nothing is certified: the test points had a part in choosing, or their counts are not known."
    return f"With the border where the search put it, by itself: {proven.sentence}."


def promise(proven: Sequence[Certificate], beside: Sequence[Certificate] = (), names: Sequence[str] = ()) -> str:
    """Say whether certificates hold together, with the lower bounds that stand beside some of them, and what they need.

    `names` are those of their data sets.
    """
    of, needed = said_for(names), promised(names)
    if len(proven) == 1:
        return f"What is certified{of} holds {needed}"
    if hold_together([*proven, *beside]):
        return f"What is certified{of} holds all together with {exact_percent(CONFIDENCE)} confidence, {needed}"
    return f"What is certified{of} holds each by itself, not all together, {needed}"


def listed(proven: Sequence[Certificate], beside: Sequence[Certificate] = (), names: Sequence[str] = ()) -> str:
    """Say what is in a list of U at α, of many cases, and of lower bounds, if some have them; `names` as in `promise`."""
    of = said_for(names)
    if not proven:
        return f"Nothing is certified{of} at α: the test points had a part in choosing, or were not counted for it."
    so = f"certified{of}: with {exact_percent(CONFIDENCE)} confidence h(μ, α, ε) is at most that"
    so += ", and at least what stands before it," if beside else ","
    if len(proven) + len(beside) == 1:
        return f"{so} {promised(names)}"
    return f"{so} {'all together' if hold_together([*proven, *beside]) else 'each by itself'}, {promised(names)}"


def note(ds: xr.Dataset) -> str | None:
    """Say that tighter searches exist, of a result that the best of several has no part in."""
    names = list(map(str, ds["search"].values)) if "search" in ds.dims else [str(ds.attrs.get("search", ""))]
    if BEST in names or names == [""]:
        return None
    found = f"Found{said_for(names_of(ds))} by {printable(', '.join(names))} alone"
    return f"{found}; --search {BEST} compares all searches of a norm, on training points held back, and may find a tighter bound."


def norm_name(here: xr.Dataset, case: dict[str, Any]) -> str | None:
    """Return the norm of a case; of a file of several norms, that of the search's only one; None if it is not known."""
    said = here.attrs.get("norm")
    if said not in NORMS and "search" in case:
        from numbaconc.search.base import Search

        norms = Search.known[case["search"]].norms if case["search"] in Search.known else ()
        said = norms[0] if len(norms) == 1 else said
    return str(said) if said in NORMS else None


def names_of(ds: xr.Dataset) -> list[str]:
    """Return the names of the data sets of a result."""
    return [str(name) for name in ds["dataset"].values]


def classifier_sentence(U: float, clean_error: float, robust_accuracy: float, confidence: float = CONFIDENCE) -> str:
    """Say what a certificate leaves open about a classifier.

    Parameters
    ----------
    U : float
        Of a certificate at α, the clean error: h(μ, α, ε) ≤ U with the given confidence. A classifier that errs just on
        the certificate's set then has at least this error, and is robust on at least 1 - U.
    clean_error, robust_accuracy : float
        Of the classifier, fractions.
    confidence : float

    Returns
    -------
    str
    """
    risk = adversarial_risk(robust_accuracy)
    error, accuracy, adversarial = map(exact_percent, (clean_error, robust_accuracy, risk))
    known = f"with {exact_percent(confidence)} confidence concentration"
    if U >= 1:
        return f"Nothing is certified at a clean error of {error}, beside a classifier whose robust accuracy is {accuracy}."
    text = f"At a clean error of {error}, {known} does not rule out a robust accuracy of {percent_left(U)}; "
    text += f"this classifier has {accuracy}. "
    if (part := unexplained(U, robust_accuracy)) <= 0:
        return f"{text}Of its adversarial risk, {adversarial}, this bound shows no part to be unexplained by concentration."
    return (
        f"{text}Of its adversarial risk, {adversarial}, concentration explains at most {percent_at_most(U)} and leaves at "
        f"least {percent_at_least(Decimal(repr(risk)) - Decimal(repr(float(U))))} unexplained: {percent_at_least(part)} of it."
    )


def unexplained(U: float, robust_accuracy: float) -> float:
    """Return the part of a classifier's adversarial risk that concentration does not explain, where h <= U; 0 if U is more."""
    return max(0.0, 1 - U / adversarial_risk(robust_accuracy))


def adversarial_risk(robust_accuracy: float) -> float:
    """Return 1 - robust accuracy as it is written: .263 beside .737."""
    return float(1 - Decimal(repr(robust_accuracy)))


def classifier_of(here: xr.Dataset, epsilon: float) -> dict[str, Any] | None:
    """Return what is known of the classifier beside one case, and of what concentration leaves open; None without one."""
    proven = certificate_at_alpha(here, epsilon)
    if proven is None or "robust_accuracy" not in here or bool(here["robust_accuracy"].isnull()):
        return None
    accuracy = float(here["robust_accuracy"])
    if not 0 < accuracy < 1:
        return None
    return {
        "clean_error": float(here["alpha"]),
        "robust_accuracy": accuracy,
        "adversarial_risk": adversarial_risk(accuracy),
        "not_ruled_out": 1 - proven.U,
        "unexplained": unexplained(proven.U, accuracy),
    }
