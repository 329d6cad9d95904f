"""Every search that applies, and the region that does best on training points that were held back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbaconc.data.arrays import Sample, as_sample, count_of, parse_epsilon
from numbaconc.certify import buffer_for
from numbaconc.errors import InputError, check_choice, check_count, check_fraction
from numbaconc.progress import bar
from numbaconc.search.balls import check_delta, search_balls
from numbaconc.search.faces import search_faces
from numbaconc.search.halfspaces import search_halfspaces
from numbaconc.search.hyperplane import search_hyperplane
from numbaconc.search.rectangles import check_alpha, search_rectangles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from numbaconc.regions import Region

    Search = Callable[[Sample, float], Region]  # of the points, and of the share of them that the region must hold

ROUND = ("balls", "free_balls", "halfspaces", "hyperplane")  # regions of one border, that can be moved far
FACTORS = (1.0, 1.4)  # of the share that others are found for: unions of rare faces are rarer on other points


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
        The chosen search's: found again on all training points, unless the buffer was "auto".
    search : str
        Which search that is.
    risk, adversarial_risk : float
        On the training sample.
    table : tuple of Candidate
        All searches, in order.
    buffer : float
        What was asked for beyond α.
    """

    region: Region
    search: str
    risk: float
    adversarial_risk: float
    table: tuple[Candidate, ...]
    buffer: float


def search_best(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    norm: str = "linf",
    n_sets: int = 10,
    *,
    buffer: float | str = 0.0,
    n_test: int | None = None,
    validation: float = 0.3,
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
        half spaces. l2: balls (after a local search), one free ball, half spaces, hyperplane.
    n_sets : int
        T, where a search has it.
    buffer : float or "auto"
        Added to α on the points that are searched, so that the risk holds on others. "auto" adds
        `buffer_for` on the points held back: borders are moved until a region holds so many of them. Such
        a region is kept as it is, and `certify` finds L >= α on n_test points with probability at least
        0.99.
    n_test : int, optional
        Points that the region will be certified on; only "auto" needs it.
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
    strength = parse_epsilon(epsilon)
    searches = every_search(strength, norm, n_sets, check_count("seed", seed, 0), progress=progress)
    return choose(
        searches,
        sample,
        strength,
        alpha,
        buffer=buffer,
        n_test=n_test,
        validation=validation,
        seed=seed,
        progress=progress,
    )


def choose(
    searches: Mapping[str, Search],
    sample: Sample,
    epsilon: float,
    alpha: float,
    *,
    buffer: float | str,
    n_test: int | None = None,
    validation: float = 0.3,
    seed: int = 0,
    progress: bool = False,
) -> BestSearch:
    """Do what `search_best` does, with these searches."""
    alpha = check_alpha(alpha, len(sample))
    held = round(len(sample) * check_fraction("validation", validation, one_allowed=False))
    held = min(max(held, 1), len(sample) - 2)
    order = np.random.default_rng(seed).permutation(len(sample))
    rest, apart = sample.take(np.sort(order[held:])), sample.take(np.sort(order[:held]))
    if automatic := buffer == "auto":
        n_chains = sum(len(_factors(name)) for name in searches)
        buffer = buffer_for(len(apart), check_count("n_test", n_test), alpha, n_chains=n_chains)
    share = alpha + (buffer := check_delta(buffer, "buffer", ", or 'auto'"))
    if share >= 1:
        msg = f"buffer is {buffer!r}; allowed: less than 1 - alpha = {1 - alpha:g}"
        raise InputError(msg)
    needed = count_of(share if automatic else alpha, len(apart))

    def find(name: str) -> Region:
        if not automatic:
            return searches[name](rest, share)
        factors = [factor for factor in _factors(name) if factor * share < 1]
        found = [searches[name](rest, factor * share).holding(apart, needed) for factor in factors]
        return min(found, key=lambda region: float(region.measure(apart, epsilon).adversarial_risk))

    regions: dict[str, Region] = {}
    table = []
    for name in bar(searches, what="searches", shown=progress):
        started = time.perf_counter()
        try:
            regions[name] = find(name)
        except InputError as error:  # one that cannot do it leaves it to the others
            table.append(Candidate(name, np.nan, np.nan, time.perf_counter() - started, str(error)))
            continue
        found = regions[name].measure(apart, epsilon)
        seconds = time.perf_counter() - started
        table.append(Candidate(name, float(found.risk), float(found.adversarial_risk), seconds))
    done = [one for one in table if not one.error]
    if not done:
        msg = (
            f"no search found a region at epsilon {epsilon:g} and alpha {alpha:g}: {table[0].search}: {table[0].error}"
        )
        raise InputError(msg)
    enough = [one for one in done if round(one.risk * len(apart)) >= needed]
    chosen = min(enough, key=lambda one: one.adversarial_risk) if enough else max(done, key=lambda one: one.risk)
    region = regions[chosen.search] if automatic else searches[chosen.search](sample, share)
    on_train = region.measure(sample, epsilon)
    return BestSearch(
        region, chosen.search, float(on_train.risk), float(on_train.adversarial_risk), tuple(table), buffer
    )


def _factors(name: str) -> tuple[float, ...]:
    return FACTORS[:1] if name in ROUND else FACTORS


def every_search(epsilon: float, norm: str, n_sets: int, seed: int = 0, *, progress: bool = False) -> dict[str, Search]:
    """Return every search of a norm, by name; arguments as in `search_best`."""
    by_norm: dict[str, dict[str, Search]] = {
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
            "balls": lambda sample, share: (
                search_balls(sample, epsilon, share, n_sets, local_search=True, progress=progress).region
            ),
            "free_balls": lambda sample, share: (
                search_balls(sample, epsilon, share, 1, centers="neighbours", progress=progress).region
            ),
            "halfspaces": lambda sample, share: search_halfspaces(sample, epsilon, share, 2, progress=progress).region,
            "hyperplane": lambda sample, share: search_hyperplane(sample, epsilon, share).region,
        },
    }
    return by_norm[check_choice("norm", norm, tuple(by_norm))]
