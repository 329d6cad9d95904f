"""Comparing searches on training points that are held back, and settling how much each asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numbaconc.binomial import least_count
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, NoRegionError
from numbaconc.goal import Goal, check_goal, count_of, kept_index
from numbaconc.how import How, bar
from numbaconc.numerals import exact, percent, strength
from numbaconc.regions import Region
from numbaconc.search.base import Found, Search

VALIDATION = 0.3  # share of the training points that is held back
TESTED = 0.2  # test points that are expected, as a share of the training points
FEWEST = 4  # training points, so that both parts have some
# Where the border of a region may have to be on other points: so many standard deviations farther out than on those held back
FARTHER = (0.0, 1.25, 2.5)


class Candidate(NamedTuple):
    """What one of several searches found among the points that are not held back, measured on those that are.

    Attributes
    ----------
    search : str
        Its label.
    risk, adversarial_risk : float
        On the points held back; NaN if the search failed. Where the margin is settled, with the border where it would
        have to be there, and a little farther out, on average.
    seconds : float
        That it took.
    error : str
        Why it failed; empty if it did not.
    n_sets : int or None
        T that it was given; its own if None.
    margin : float
        That it was asked for.
    """

    search: str
    risk: float
    adversarial_risk: float
    seconds: float
    error: str = ""
    n_sets: int | None = None
    margin: float = 0.0

    def __str__(self) -> str:
        return f"{self.search} {self.error or f'{percent(self.risk)} → {percent(self.adversarial_risk)}'}"


class HeldBack:
    """Training points split in two: searches see one part, and what they find is compared on the other.

    The searches, by label, are checked; so are the numbers of sets that are tried of each. `validation` is the share
    of the points that is held back, `seed` that of the random split. InputError if there are fewer than four points.
    """

    def __init__(
        self,
        searches: Mapping[str, tuple[Search, ...]],
        sample: Sample,
        how: How,
        validation: float = VALIDATION,
        seed: int = 0,
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
        self._failed: list[InputError] = []

    def choose(self, goal: Goal) -> tuple[str, Found, list[Candidate]]:
        """Run every search, and return the label of the best, what it finds among all training points, and all candidates.

        The best is the one of least adversarial risk among those of risk >= α on the points held back. It then searches
        all training points; if it finds nothing there, the next best does.

        A goal without a margin gets one here. Each search looks for several multiples of the share of the test points
        that certifies α. The border of each region is then moved, on the points held back, to where the test points
        will place it, and the expansion is counted there. InputError if every search fails.
        """
        settled = goal.margin is None
        share = self._certifying(goal) if settled else goal.share
        needed = count_of(share if settled else goal.alpha, len(self.apart))
        ways = {
            (label, number, factor): max(share * factor - goal.alpha, 0.0) if settled else goal.margin
            for label, variants in self.searches.items()
            for number in range(len(variants) if settled else 1)
            for factor in (variants[0].multiples if settled else (1.0,))
            if share * factor < 1 or factor == variants[0].multiples[0]
        }
        table = {
            way: self._candidate(goal, way, margin, needed)
            for way, margin in bar(ways.items(), what="searches", shown=self.how.progress and len(ways) > 1)
        }
        left = [way for way, one in table.items() if not one.error]
        while left:
            risks = [table[way].risk for way in left], [table[way].adversarial_risk for way in left]
            way = left[int(kept_index(*risks, needed / len(self.apart)))]
            try:
                found = self._search(way, goal.with_margin(ways[way]), everything=True)
            except InputError as error:  # it cannot be repeated on all points: the next best may
                left.remove(way)
                table[way] = table[way]._replace(error=str(error))
            else:
                return way[0], found, list(table.values())
        first = next(iter(table.values()))
        at = f"epsilon {strength(goal.epsilon)} and alpha {exact(goal.alpha)}"
        msg = f"no search found a region at {at}: {first.search}: {first.error}"
        raise (NoRegionError if all(isinstance(one, NoRegionError) for one in self._failed) else InputError)(msg)

    @property
    def _expected(self) -> int:
        return max(2, round(TESTED * len(self.sample)))

    def _certifying(self, goal: Goal) -> float:
        """Return the share of test points that certifies α, where they are as many as expected."""
        n = self._expected
        fewest = least_count(goal.alpha, n, n_compared=goal.n_compared) or math.ceil(goal.alpha * n)
        return max(goal.alpha, min(fewest, n - 1) / n)  # never all of them: no region could hold so many

    def _candidate(self, goal: Goal, way: tuple[str, int, float], margin: float, needed: int) -> Candidate:
        """Return what a search finds among the points that are not held back, measured on those that are."""
        label, number, _ = way
        started, risks, failed = time.perf_counter(), (np.nan, np.nan), ""
        try:
            region = self._search(way, goal.with_margin(margin), everything=False).region
            risks = self._settled(region, goal, needed) if goal.margin is None else self._risks(region, goal.epsilon)
        except InputError as error:  # the other searches may still find a region
            self._failed.append(error)
            failed = str(error)
        n_sets = getattr(self.searches[label][number], "n_sets", None)
        return Candidate(label, *risks, time.perf_counter() - started, failed, n_sets, margin)

    def _risks(self, region: Region, epsilon: float) -> tuple[float, float]:
        on_apart = region.measure(self.apart, epsilon)
        return float(on_apart.risk), float(on_apart.adversarial_risk)

    def _settled(self, region: Region, goal: Goal, needed: int) -> tuple[float, float]:
        """Return the risks with the border at the point that is needed, and averaged over some that lie farther out.

        How many points a region holds elsewhere is known up to the chance of both samples. A border that happens to lie
        just before a cliff, as those of faces do, must not look good.
        """
        n = len(self.apart)
        deviation = math.sqrt(needed * (1 + n / self._expected))
        ranks = [min(n, needed + round(farther * deviation)) for farther in FARTHER]
        risks = np.mean([self._risks(region.at_rank(self.apart, rank), goal.epsilon) for rank in ranks], axis=0)
        return float(risks[0]), float(risks[1])

    def _search(self, way: tuple[str, int, float], goal: Goal, *, everything: bool) -> Found:
        """Search all training points, or those that are not held back; what can be shared is prepared once for either."""
        label, number, _ = way
        search, sample = self.searches[label][number], self.sample if everything else self.rest
        if (label, everything) not in self._prepared:
            self._prepared[label, everything] = self.searches[label][0].ready(sample, self.how)
        check_goal(goal, sample)
        return search.answer(self._prepared[label, everything], goal, self.how)
