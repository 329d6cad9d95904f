"""Comparing searches on training points that are held back, and choosing the margin that lets test points certify α."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numbaconc.certify import margin_for
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError
from numbaconc.goal import AUTO, Goal, check_goal, count_of, kept_index
from numbaconc.how import How, bar
from numbaconc.search.base import AUTO_ALONE, Found, Search

VALIDATION = 0.3  # share of the training points that is held back
# A region with many borders, such as a union of rare faces, holds fewer points elsewhere than where it was found. It is
# looked for twice, with these multiples of the share asked for, before its border is moved on the points held back.
FACTORS = (1.0, 1.4)
FEWEST = 4  # training points, so that both parts have some


class Candidate(NamedTuple):
    """What one of several searches found among the points that are not held back, measured on those that are.

    Attributes
    ----------
    search : str
        Its label.
    risk, adversarial_risk : float
        On the points held back; NaN if the search failed.
    seconds : float
        That it took.
    error : str
        Why it failed; empty if it did not.
    """

    search: str
    risk: float
    adversarial_risk: float
    seconds: float
    error: str = ""

    def __str__(self) -> str:
        return f"{self.search} {self.error or f'{self.risk:.4f} -> {self.adversarial_risk:.4f}'}"


class HeldBack:
    """Training points split in two: searches see one part, and what they find is compared on the other.

    The searches, by label, are checked. `validation` is the share of the points that is held back, `seed` that of the
    random split. InputError if there are fewer than four points.
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
        """Run every search, and return the label of the best, what it found, and all candidates.

        The best is the one of least adversarial risk among those of risk >= α on the points held back. It then
        searches all training points; if it finds nothing there, the next best does. If the margin is "auto" it does not: the border of its region was moved on the
        points held back, as the promise that α will be certified asks for, and the region is kept as it is. InputError
        if every search fails, or the margin is not allowed.
        """
        automatic = goal.margin == AUTO
        goal = self._with_margin(goal) if automatic else goal
        needed = count_of(goal.share if automatic else goal.alpha, len(self.apart))
        found: dict[str, Found] = {}
        table: list[Candidate] = []
        for label in bar(self.searches, what="searches", shown=self.how.progress and len(self.searches) > 1):
            started, risks, failed = time.perf_counter(), (np.nan, np.nan), ""
            try:
                found[label] = self._find(label, goal, needed if automatic else None)
                on_apart = found[label].region.measure(self.apart, goal.epsilon)
                risks = float(on_apart.risk), float(on_apart.adversarial_risk)
            except InputError as error:  # the other searches may still find a region
                failed = str(error)
            table.append(Candidate(label, *risks, time.perf_counter() - started, failed))
        while found:
            left = [one for one in table if one.search in found]
            risks_apart = [one.risk for one in left], [one.adversarial_risk for one in left]
            label = left[int(kept_index(*risks_apart, needed / len(self.apart)))].search
            if automatic:
                return label, found[label], table
            try:
                return label, self._search(label, goal, everything=True), table
            except InputError as error:  # it cannot be repeated on all points: the next best may
                del found[label]
                table = [one._replace(error=str(error)) if one.search == label else one for one in table]
        asked = f"epsilon {goal.epsilon:g} and alpha {goal.alpha:g}"
        msg = f"no search found a region at {asked}: {table[0].search}: {table[0].error}"
        raise InputError(msg)

    def _with_margin(self, goal: Goal) -> Goal:
        """Return the goal with a margin such that the test points will nearly always certify α.

        Each search moves the border of one region, or of one for each factor; the promise holds for all of them at once.
        """
        if goal.n_test is None:
            raise InputError(AUTO_ALONE)
        n_chains = sum(len(_factors(search)) for search in self.searches.values())
        return goal.with_margin(margin_for(len(self.apart), goal.n_test, goal.alpha, n_chains))

    def _find(self, label: str, goal: Goal, needed: int | None) -> Found:
        """Return what a search finds among the points that are not held back.

        If `needed` is given, the region's border is moved until it holds so many of the points held back.
        """
        if needed is None:
            return self._search(label, goal, everything=False)
        search, moved = self.searches[label], []
        for factor in _factors(search):
            if factor * goal.share < 1:
                larger = goal.with_margin(factor * goal.share - goal.alpha)
                region = self._search(label, larger, everything=False).region.holding(self.apart, needed)
                moved.append(search.found(region, self.sample, goal))
        return min(moved, key=lambda one: float(one.region.measure(self.apart, goal.epsilon).adversarial_risk))

    def _search(self, label: str, goal: Goal, *, everything: bool) -> Found:
        """Search all training points, or those that are not held back; what can be shared is prepared once for either."""
        search, sample = self.searches[label], self.sample if everything else self.rest
        if (label, everything) not in self._prepared:
            self._prepared[label, everything] = search.ready(sample, self.how)
        check_goal(goal, sample)
        return search.answer(self._prepared[label, everything], goal, self.how)


def _factors(search: Search) -> tuple[float, ...]:
    """Return the multiples of the share that a search looks for: one is enough where its regions have one border."""
    return FACTORS[:1] if search.one_border else FACTORS
