"""The searches that the experiment of bounds compares, and what each finds with its margin and T settled."""

from __future__ import annotations

import math
from typing import NamedTuple

from numbaconc.certify import Certificate, certify
from numbaconc.data.datasets import Dataset
from numbaconc.data.files import cache_dir
from numbaconc.goal import Goal, count_of
from numbaconc.how import How
from numbaconc.regions import Region
from numbaconc.search import BestSearch, RectangleSearch
from numbaconc.search.run import Run

RECTANGLES = "rectangles"
WORDS = {RECTANGLES: "rectangles, extended", "faces": "faces", "halfspaces": "half spaces", "free_balls": "free ball"}
SETTLED = {"linf": ("faces", "halfspaces"), "l2": ("free_balls", "halfspaces")}  # those that `nc.BestSearch` compares
METHODS = {"linf": (RECTANGLES, *SETTLED["linf"]), "l2": SETTLED["l2"]}


class Answer(NamedTuple):
    """What a search finds for one α and ε."""

    region: Region  # as it was found
    measured: Region  # with its border where just enough of the test points are inside
    certificate: Certificate | None  # None where the paper chose settings
    n_sets: int
    margin: float  # NaN where nothing was asked for beyond α, and so nothing settled
    held_back: float  # adversarial risk on the training points held back, by which searches are compared; NaN as well


class Settled:
    """One of the searches on a data set, which settles its margin and T on training points held back."""

    def __init__(self, name: str, norm: str, data: Dataset) -> None:
        self.data = data
        search = BestSearch(searches=[name], norm=norm).checked()
        self._run = Run(search, data.train, How(cache_dir=cache_dir()))

    def answer(self, epsilon: float, alpha: float) -> Answer:
        """Return what it finds; nothing is known of the test points until the region is fixed."""
        test = self.data.test
        found = self._run.find(Goal.of(epsilon, alpha, None))
        least = min(found.trace, key=lambda one: math.inf if one.error else one.adversarial_risk)
        measured = found.region.at_rank(test, count_of(alpha, len(test)))
        proven = certify(found.region, test, epsilon, alpha, n_train=len(self.data.train))
        n_sets = 1 if least.n_sets is None else least.n_sets
        return Answer(found.region, measured, proven, n_sets, float(found.goal.margin or 0), least.adversarial_risk)


def rectangles(data: Dataset, epsilon: float, alpha: float, n_sets: int | None, q: float | None) -> Answer:
    """Return what Algorithm 1 finds with the paper's T and q, its faces pushed out of the domain; q is searched if None."""
    search = RectangleSearch(n_sets=n_sets or 1, q=q, extend=True).checked()
    region = Run(search, data.train, How(cache_dir=cache_dir())).find(Goal.of(epsilon, alpha)).region
    return Answer(region, region, None, search.n_sets, math.nan, math.nan)
