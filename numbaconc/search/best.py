"""Every search that applies, and the region that does best on training points that were held back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbaconc.arrays import Sample, as_sample, parse_epsilon
from numbaconc.errors import InputError, check_choice, check_count, check_fraction
from numbaconc.progress import bar
from numbaconc.search.balls import check_delta, search_balls
from numbaconc.search.faces import search_faces
from numbaconc.search.halfspaces import search_halfspaces
from numbaconc.search.hyperplane import search_hyperplane
from numbaconc.search.offdata import search_free_balls
from numbaconc.search.rectangles import check_alpha, search_rectangles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from numbaconc.regions import Region


class Candidate(NamedTuple):
    """One search of several: what it found on the points for searching, measured on those held back.

    Attributes
    ----------
    search : str
    risk, adversarial_risk : float
        On the points held back; NaN if the search failed.
    seconds : float
    error : str
        Why it failed, empty if it did not.
    """

    search: str
    risk: float
    adversarial_risk: float
    seconds: float
    error: str = ""


@dataclass(frozen=True, eq=False)
class BestSearch:
    """What the searches found.

    Attributes
    ----------
    region : Region
        The chosen search's, found again on all training points.
    search : str
        Which search that is.
    risk, adversarial_risk : float
        On the training sample.
    table : tuple of Candidate
        All searches, in order.
    """

    region: Region
    search: str
    risk: float
    adversarial_risk: float
    table: tuple[Candidate, ...]


def search_best(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    norm: str = "linf",
    n_sets: int = 10,
    *,
    buffer: float = 0.0,
    validation: float = 0.2,
    seed: int = 0,
    progress: bool = False,
) -> BestSearch:
    """Run all searches of a norm, and keep the one whose region does best on points held back.

    Chosen is the least adversarial risk among those of risk >= α on the points held back, which are
    training points: the test sample has no part in it.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength on the unit scale.
    alpha : float
        Risk threshold, in (0, 1).
    norm : {"linf", "l2"}
        linf: rectangles (with faces at the domain's edge pushed to infinity, where it is known), faces,
        half spaces. l2: balls, one free ball, half spaces, hyperplane.
    n_sets : int
        T, where a search has it.
    buffer : float
        Added to α on the points that are searched, so that the risk holds on others.
    validation : float
        Share of the points held back, in (0, 1).
    seed : int
        Of the split, and of the rectangles.
    progress : bool
        Show progress bars on a terminal.

    Returns
    -------
    BestSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or every search fails.
    """
    sample = as_sample(X, min_rows=4)
    searches = _searches(parse_epsilon(epsilon), norm, n_sets, check_count("seed", seed, 0), progress=progress)
    asked = check_alpha(alpha, len(sample)) + check_delta(buffer, "buffer")
    if asked >= 1:
        msg = f"buffer is {buffer!r}; allowed: less than 1 - alpha = {1 - alpha:g}"
        raise InputError(msg)
    held = round(len(sample) * check_fraction("validation", validation, one_allowed=False))
    order = np.random.default_rng(seed).permutation(len(sample))
    within = min(max(held, 1), len(sample) - 2)
    apart, rest = sample.take(np.sort(order[:within])), sample.take(np.sort(order[within:]))
    table = tuple(
        _try(name, search, rest, asked, apart, parse_epsilon(epsilon))
        for name, search in bar(searches.items(), what="searches", shown=progress)
    )
    done = [one for one in table if not one.error]
    if not done:
        msg = f"no search found a region at epsilon {epsilon} and alpha {alpha:g}: {table[0].search}: {table[0].error}"
        raise InputError(msg)
    enough = [one for one in done if one.risk >= alpha]
    chosen = min(enough, key=lambda one: one.adversarial_risk) if enough else max(done, key=lambda one: one.risk)
    region = searches[chosen.search](sample, asked)
    on_train = region.measure(sample, parse_epsilon(epsilon))
    return BestSearch(region, chosen.search, float(on_train.risk), float(on_train.adversarial_risk), table)


def _searches(
    epsilon: float, norm: str, n_sets: int, seed: int, *, progress: bool
) -> dict[str, Callable[[Sample, float], Region]]:
    """Every search of a norm, as a function of the points and of the share that a region must hold."""
    by_norm: dict[str, dict[str, Callable[[Sample, float], Region]]] = {
        "linf": {
            "rectangles": lambda sample, share: (
                search_rectangles(
                    sample, epsilon, share, n_sets, seed, extend=sample.domain is not None, progress=progress
                ).region
            ),
            "faces": lambda sample, share: search_faces(sample, epsilon, share, n_sets, progress=progress).region,
            "halfspaces": lambda sample, share: (
                search_halfspaces(sample, epsilon, share, np.inf, progress=progress).region
            ),
        },
        "l2": {
            "balls": lambda sample, share: search_balls(sample, epsilon, share, n_sets, progress=progress).region,
            "free_balls": lambda sample, share: search_free_balls(sample, epsilon, share, progress=progress).region,
            "halfspaces": lambda sample, share: search_halfspaces(sample, epsilon, share, 2, progress=progress).region,
            "hyperplane": lambda sample, share: search_hyperplane(sample, epsilon, share).region,
        },
    }
    return by_norm[check_choice("norm", norm, tuple(by_norm))]


def _try(
    name: str,
    search: Callable[[Sample, float], Region],
    points: Sample,
    share: float,
    apart: Sample,
    epsilon: float,
) -> Candidate:
    started = time.perf_counter()
    try:
        found = search(points, share).measure(apart, epsilon)
    except InputError as error:  # one that cannot do it leaves it to the others
        return Candidate(name, np.nan, np.nan, time.perf_counter() - started, str(error))
    return Candidate(name, float(found.risk), float(found.adversarial_risk), time.perf_counter() - started)
