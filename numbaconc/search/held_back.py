"""Searches compared on training points that are held back, and the margin that lets test points certify α."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.certify import buffer_for
from numbaconc.errors import InputError
from numbaconc.goal import AUTO, Goal, count_of, kept_index
from numbaconc.how import How, bar
from numbaconc.search.base import Found, Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numbaconc.data.arrays import Sample

VALIDATION = 0.3  # share of the training points that is held back
FACTORS = (
    1.0,
    1.4,
)  # of the share that regions of many borders are found for: unions of rare faces are rarer elsewhere
FEWEST = 4  # training points


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

    def __str__(self) -> str:
        return f"{self.search} {self.error or f'{self.risk:.4f} -> {self.adversarial_risk:.4f}'}"


class HeldBack:
    """Training points split in two: searches see some, the others compare what they found.

    Parameters
    ----------
    searches : mapping of str to Search
        By label; their settings are checked.
    sample : Sample
        The training points.
    how : How
    validation : float
        Share held back.
    seed : int
        Of the split.

    Raises
    ------
    InputError
        If there are fewer than four points.
    """

    def __init__(
        self, searches: Mapping[str, Search], sample: Sample, how: How, validation: float = VALIDATION, seed: int = 0
    ) -> None:
        n = len(sample)
        if n < FEWEST:
            msg = f"X has {n} rows; allowed: at least {FEWEST}, of which some are held back"
            raise InputError(msg)
        n_held = min(max(round(n * validation), 1), n - 2)
        order = np.random.default_rng(seed).permutation(n)
        self.searches, self.sample, self.how = searches, sample, how
        self.rest, self.apart = sample.take(np.sort(order[n_held:])), sample.take(np.sort(order[:n_held]))
        self._prepared: dict[tuple[str, bool], Any] = {}

    def choose(self, goal: Goal) -> tuple[str, Found, list[Candidate]]:
        """Search with each, and return the label of the best, what it found, and all candidates.

        Chosen is the least adversarial risk among those of risk >= α on the points held back. That search then
        searches all training points, unless the margin is "auto": the region is then kept as it is.

        Raises
        ------
        InputError
            If every search fails, or the margin is not allowed.
        """
        automatic = goal.margin == AUTO
        goal = self._with_margin(goal) if automatic else goal
        needed = count_of(goal.share if automatic else goal.alpha, len(self.apart))
        found: dict[str, Found] = {}
        table: list[Candidate] = []
        for label in bar(self.searches, what="searches", shown=self.how.progress and len(self.searches) > 1):
            started = time.perf_counter()
            try:
                found[label] = self._find(label, goal, needed if automatic else None)
            except InputError as error:  # a search that cannot do it leaves it to the others
                table.append(Candidate(label, np.nan, np.nan, time.perf_counter() - started, str(error)))
                continue
            on_apart = found[label].region.measure(self.apart, goal.epsilon)
            risks = float(on_apart.risk), float(on_apart.adversarial_risk)
            table.append(Candidate(label, *risks, time.perf_counter() - started))
        if not found:
            said = f"{table[0].search}: {table[0].error}"
            msg = f"no search found a region at epsilon {goal.epsilon:g} and alpha {goal.alpha:g}: {said}"
            raise InputError(msg)
        risks_apart = ([one.risk for one in table], [one.adversarial_risk for one in table])
        label = table[int(kept_index(*risks_apart, needed / len(self.apart)))].search
        return label, found[label] if automatic else self._search(label, goal, everything=True), table

    def _with_margin(self, goal: Goal) -> Goal:
        """Return the goal with the margin that lets the test points certify α."""
        if goal.n_test is None:
            msg = (
                "margin is 'auto'; allowed: a number, or 'auto' in measure, which knows how many test points there are"
            )
            raise InputError(msg)
        n_chains = sum(len(_factors(search)) for search in self.searches.values())
        return goal.with_margin(buffer_for(len(self.apart), goal.n_test, goal.alpha, n_chains=n_chains))

    def _find(self, label: str, goal: Goal, needed: int | None) -> Found:
        """Search the points that are not held back; if so many of the others are needed, move the border until it holds them."""
        if needed is None:
            return self._search(label, goal, everything=False)
        search = self.searches[label]

        def moved(factor: float) -> Found:
            region = self._search(label, goal.with_margin(factor * goal.share - goal.alpha), everything=False).region
            return search.found(region.holding(self.apart, needed), self.sample, goal)

        def grown(found: Found) -> float:
            return float(found.region.measure(self.apart, goal.epsilon).adversarial_risk)

        return min([moved(factor) for factor in _factors(search) if factor * goal.share < 1], key=grown)

    def _search(self, label: str, goal: Goal, *, everything: bool) -> Found:
        search, sample = self.searches[label], self.sample if everything else self.rest
        if (label, everything) not in self._prepared:
            self._prepared[label, everything] = search.prepare(sample, self.how)
        goal.check(len(sample))
        return search.find(self._prepared[label, everything], goal, self.how)


def _factors(search: Search) -> tuple[float, ...]:
    return FACTORS[:1] if search.one_border else FACTORS
