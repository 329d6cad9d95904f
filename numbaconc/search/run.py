"""One search on one sample, for any number of goals: what `measure`, sweeps and restarts call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from numbaconc.data.sample import Sample
from numbaconc.goal import Goal, check_goal, kept_index
from numbaconc.how import How
from numbaconc.search.base import Found, Search


class Run:
    """A search, whose settings are checked, on training points: what its goals share is prepared once."""

    def __init__(self, search: Search, sample: Sample, how: How) -> None:
        self.search, self.sample, self.how = search, sample, how
        self._prepared = search.ready(sample, how)

    def find(self, goal: Goal, checkpoint: str | Path | None = None) -> Found:
        """Find a region for a goal; an interrupted search goes on from a checkpoint. InputError if there is none."""
        check_goal(goal, self.sample)
        return self.search.answer(self._prepared, goal, replace(self.how, checkpoint=checkpoint))


def best_of(found: Sequence[Found]) -> Found:
    """Return the region that is kept of several for one goal."""
    risks = [one.risk for one in found], [one.adversarial_risk for one in found]
    return found[int(kept_index(*risks, found[0].goal.alpha))]
