"""The searches that the experiment of bounds compares, and how much each asks of the training points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from numbaconc.certify import Certificate, certify
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import cache_dir
from numbaconc.data.sample import Sample
from numbaconc.goal import AUTO, Goal, count_of
from numbaconc.how import How
from numbaconc.regions import Region
from numbaconc.search import BestSearch, FaceSearch, Found, FreeBallSearch, HalfSpaceSearch, RectangleSearch, Search
from numbaconc.search.run import Run

WORDS = {"rectangles": "rectangles, extended", "faces": "faces", "halfspaces": "half spaces", "free_balls": "free ball"}
METHODS = {"linf": ("rectangles", "faces", "halfspaces"), "l2": ("free_balls", "halfspaces")}
AMONG = {"linf": ("faces", "halfspaces"), "l2": ("free_balls", "halfspaces")}  # the better of them is certified
N_FACES = 10
BUFFERS = np.arange(301) / 10_000  # what may be asked for beyond α on the training points
COARSE = 10  # only every tenth of them is tried where each takes a search


def searches(norm: str, n_sets: int | None = None, q: float | None = None) -> dict[str, Search]:
    """Return the searches of a norm, by name, with T and q of the paper's rectangles; q is searched if it is not known.

    The paper's own methods are measured in its tables.
    """
    known: tuple[Search, ...] = (
        RectangleSearch(n_sets=n_sets or 1, q=q, extend=True),
        FaceSearch(n_sets=N_FACES),
        HalfSpaceSearch(norm=norm),
        FreeBallSearch(n_sets=1),
    )
    return {one.name: one for one in known if one.name in METHODS[norm]}


def at_least(search: Search, data: Dataset, epsilon: float, alpha: float) -> tuple[Region, float]:
    """Return a region with a test risk of at least α, and the least of `BUFFERS` that it takes.

    The buffer is chosen by the risk on the test points, never by their adversarial risk. Faces are found again for
    every buffer. A ball or a half space is found once, and its border is moved. Rectangles are those at the paper's
    q, or at the q that a search finds; they have no buffer, and NaN stands for it.
    """
    run = Run(search.checked(), data.train, How(cache_dir=cache_dir()))
    goal = Goal.of(epsilon, alpha)
    found = run.find(goal).region
    if search.name == "rectangles":
        return found, math.nan

    def asked(share: float) -> Region:
        if share == alpha:
            return found
        if search.one_border:
            return found.holding(data.train, count_of(share, len(data.train)))
        return run.find(goal.with_margin(share - alpha)).region

    buffers = BUFFERS[:: 1 if search.one_border else COARSE]
    region, share = ask_more(asked, [alpha + one for one in buffers], data.test, count_of(alpha, len(data.test)))
    return region, share - alpha


def ask_more(
    find: Callable[[float], Region], shares: Sequence[float], points: Sample, needed: int
) -> tuple[Region, float]:
    """Ask for more and more of the points that are searched, until a region holds `needed` of other points.

    `find` returns a region that holds a share of the points that are searched. What may be asked for is ascending;
    shares that would make up for less than half of what was missing last are passed over. The first region that holds
    enough is returned, the last one if none does, with the share that was asked for.
    """
    at = 0
    while True:
        region = find(shares[at])
        missing = needed / len(points) - float(region.measure(points, 1).risk)  # the risk is that of any strength
        if missing <= 0 or at == len(shares) - 1:
            return region, shares[at]
        later = (i for i in range(at + 1, len(shares)) if shares[i] - shares[at] >= missing / 2)
        at = next(later, len(shares) - 1)


def with_certificate(norm: str, data: Dataset, epsilon: float, alpha: float) -> tuple[Found, Certificate]:
    """Return the best region of those that will be certified at α, chosen before a test point counts, and its certificate."""
    every = searches(norm)
    search = BestSearch(searches=[every[name] for name in AMONG[norm]], norm=norm, margin=AUTO).checked()
    found = Run(search, data.train, How()).find(Goal.of(epsilon, alpha, AUTO, len(data.test)))
    return found, certify(found.region, data.test, epsilon, n_train=len(data.train))
