"""What a search found for one goal."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.regions import Region, Source
from numbaconc.regions.told import version
from numbaconc.reprs import Shown

if TYPE_CHECKING:
    from numbaconc.search.base import Search


@dataclass(frozen=True, eq=False, repr=False)
class Found(Shown):
    """What a search found for one goal.

    Attributes
    ----------
    region : Region
    goal : Goal
        With the margin that was asked for in the end.
    risk, adversarial_risk : float
        On the training sample.
    search : Search
        That found it, its settings checked.
    trace : tuple
        What was tried on the way.
    attributes : mapping
        More that the search tells, by name: they become fitted attributes.
    stored : mapping
        Those variables of a result file that the search alone knows.
    """

    region: Region
    goal: Goal
    risk: float
    adversarial_risk: float
    search: Search
    trace: tuple[Any, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        risks = {"risk": self.risk, "adversarial_risk": self.adversarial_risk}
        return {"search": self.search, "region": self.region.in_short} | self.goal._facts() | risks

    def named(self, sample: Sample) -> Found:
        """Return the same, its region told how it was found among these points, which its file then says."""
        goal = self.goal.epsilon, self.goal.alpha, self.goal.margin
        source = Source(self.search.name, self.search.described_whole(), *goal, sample.sha256, version())
        own = (
            self.region if self.region.source in (Source(), source) else copy.copy(self.region)
        )  # found for another goal
        return replace(self, region=own.found_by(source))
