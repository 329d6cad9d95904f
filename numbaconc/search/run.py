"""One search on one sample, for any number of goals: what `measure`, sweeps and restarts call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from numbaconc.goal import AUTO, Goal, kept_index
from numbaconc.search.held_back import HeldBack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numbaconc.data.arrays import Sample
    from numbaconc.how import How
    from numbaconc.search.base import Found, Search


class Run:
    """What a search has prepared on a sample.

    Parameters
    ----------
    search : Search
        Its settings are checked.
    sample : Sample
        The training points.
    how : How
    """

    def __init__(self, search: Search, sample: Sample, how: How) -> None:
        self.sample, self.how = sample, how
        self._finders = [self._finder(one) for one in search.alone()]

    def _finder(self, search: Search) -> Callable[[Goal, How], Found]:
        """Return what finds a region for a goal; whatever can be shared between goals is prepared now."""
        if search.margin == AUTO and not search.holds_back:
            held_back = HeldBack({search.name: search}, self.sample, self.how)
            return lambda goal, _: held_back.choose(goal)[1]
        prepared = search.prepare(self.sample, self.how)
        return lambda goal, how: search.find(prepared, goal, how)

    def find(self, goal: Goal, checkpoint: str | Path | None = None) -> list[Found]:
        """Return what the search finds, or what each of the searches finds that stand behind it.

        Parameters
        ----------
        goal : Goal
        checkpoint : path-like, optional
            A file from which an interrupted search for this goal goes on.

        Raises
        ------
        InputError
            If one of them finds nothing, or the goal is not allowed.
        """
        goal.check(len(self.sample))
        how = replace(self.how, checkpoint=checkpoint)
        return [find(goal, how) for find in self._finders]


def best_of(found: Sequence[Found]) -> Found:
    """Return the region that is kept of several for one goal."""
    risks = [one.risk for one in found], [one.adversarial_risk for one in found]
    return found[int(kept_index(*risks, found[0].goal.alpha))]
