"""The searches that the experiment of bounds compares, and how much each asks of the training points."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from numbaconc.data.arrays import count_of
from numbaconc.certify import certify
from numbaconc.data.files import cache_dir
from numbaconc.search.best import BestSearch, choose, every_search
from numbaconc.search.rectangles import cover_rectangles, search_rectangles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numbaconc.data.arrays import Sample
    from numbaconc.certify import Certificate
    from numbaconc.data.datasets import Dataset
    from numbaconc.regions import Region
    from numbaconc.search.best import Search

METHODS: dict[
    str, dict[str, int | None]
] = {  # by norm, with T; None: as in the paper's row. The paper's own methods are measured in its tables
    "linf": {"rectangles": None, "faces": 10, "halfspaces": 1},
    "l2": {"free_balls": 1, "halfspaces": 1},
}
AMONG = {"linf": ("faces", "halfspaces"), "l2": ("free_balls", "halfspaces")}  # what is certified is chosen among
WORDS = {
    "rectangles": "rectangles, extended",
    "faces": "faces",
    "halfspaces": "half spaces",
    "free_balls": "free ball",
}
BUFFERS = np.arange(301) / 10_000  # that may be added to α on the training points
COARSE = 10  # where a region is found again for each, every tenth of them


def searches(norm: str, epsilon: float, n_sets: int | None, q: float | None) -> dict[str, Search]:
    """Return the searches of a norm.

    Parameters
    ----------
    norm : {"linf", "l2"}
    epsilon : float
        Strength on the unit scale.
    n_sets, q : int and float, optional
        T and q of the paper's rectangles; q is searched if it is not known.

    Returns
    -------
    dict
        Functions of a sample and a share, that return a region which holds that share of the sample.
    """

    def rectangles(sample: Sample, share: float) -> Region:
        settings: dict[str, Any] = {"n_sets": n_sets or 1, "cache_dir": cache_dir(), "extend": True}
        if q is None:
            return search_rectangles(sample, epsilon, share, **settings).region
        return cover_rectangles(sample, q, epsilon, **settings)  # the paper's q says what is asked for

    known = every_search(epsilon, norm, METHODS["linf"]["faces"] or 1) | {"rectangles": rectangles}
    return {name: known[name] for name in METHODS[norm]}


def at_least(name: str, search: Search, data: Dataset, alpha: float) -> tuple[Region, float]:
    """Return a region with a test risk of at least α, and the least of `BUFFERS` that it takes.

    The risk of test points chooses the buffer, their adversarial risk has no part in it. Faces are
    found again for every buffer. The border of balls and half spaces is moved, and the rest of them
    stays. Rectangles are what the paper's q makes of them, or the search for one, and their buffer is NaN.
    """
    found = functools.cache(lambda: search(data.train, alpha))
    if name == "rectangles":
        return found(), math.nan

    def asked(share: float) -> Region:
        if name == "faces":
            return search(data.train, share)
        return found() if share == alpha else found().holding(data.train, count_of(share, len(data.train)))

    buffers = BUFFERS[:: COARSE if name == "faces" else 1]
    region, share = ask_more(asked, [alpha + one for one in buffers], data.test, count_of(alpha, len(data.test)))
    return region, share - alpha


def ask_more(
    find: Callable[[float], Region], shares: Sequence[float], points: Sample, needed: int
) -> tuple[Region, float]:
    """Ask for more and more of the points that are searched, until a region holds enough of others.

    Parameters
    ----------
    find : callable
        Returns a region that holds the given share of the points that are searched.
    shares : sequence of float
        What may be asked for, ascending. Those that would make up for less than half of what was
        missing last are passed over.
    points : Sample
        Points that are not searched.
    needed : int
        How many of them are enough.

    Returns
    -------
    region : Region
        The first that holds enough; the last one if none does.
    share : float
        What it was asked for.
    """
    at = 0
    while True:
        region = find(shares[at])
        missing = needed / len(points) - float(region.measure(points, 1).risk)  # the risk is that of any strength
        if missing <= 0 or at == len(shares) - 1:
            return region, shares[at]
        later = (i for i in range(at + 1, len(shares)) if shares[i] - shares[at] >= missing / 2)
        at = next(later, len(shares) - 1)


def with_certificate(
    norm: str, every: dict[str, Search], data: Dataset, epsilon: float, alpha: float
) -> tuple[BestSearch, Certificate]:
    """Return the best region of those that will be certified at α, chosen before a test point counts, and its certificate."""
    some = {name: every[name] for name in AMONG[norm]}
    found = choose(some, data.train, epsilon, alpha, buffer="auto", n_test=len(data.test))
    return found, certify(found.region, data.test, epsilon, n_train=len(data.train))
