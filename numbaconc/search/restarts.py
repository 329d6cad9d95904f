"""The search that repeats another with several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, shown
from numbaconc.goal import Goal
from numbaconc.how import How, bar
from numbaconc.search.base import Found, Search
from numbaconc.search.run import Run, best_of
from numbaconc.search.settings import Count, Unchecked, is_given, plain, setting

MOST_RESTARTS = 10_000


class Restarts(Search):
    """Repeat a search that draws random numbers with n seeds, and keep the region that is best on the training points.

    The seeds are that of the search and the n - 1 whole numbers after it. The region of least adversarial risk is kept
    among those of risk >= α; if there is none, the one of most risk. Both risks are on the training points.

    Attributes
    ----------
    region_ : Region
        The one that is kept.
    seed_ : int
        With which it was found.
    trace_ : tuple of Found
        What each seed found, in order.
    """

    norms = ()

    search: Search | None = setting(
        default=None, check=Unchecked("a search that draws"), help="what is repeated", kw_only=False
    )
    n: int = setting(default=5, check=Count(high=MOST_RESTARTS), help="how many seeds", kw_only=False)

    def _repeated(self) -> Search:
        """Return the search that is repeated; what has no seed is refused."""
        if not isinstance(self.search, Search) or "seed" not in self.search.settings():
            msg = f"search is {shown(self.search)}; allowed: a search with a seed, others find the same every time"
            raise InputError(msg)
        return self.search

    @property
    def holds_back(self) -> bool:  # type: ignore[override]  # it is as what it repeats, not as its class
        """Whether the search that is repeated compares others on points held back."""
        return self._repeated().holds_back

    @property
    def spreads(self) -> bool:  # type: ignore[override]  # it is as what it repeats, not as its class
        """Whether the search that is repeated has work for an executor."""
        return self._repeated().spreads

    @property
    def norm_name(self) -> str:
        """The norm of the search that is repeated."""
        return self._repeated().norm_name

    def asked(self, name: str) -> Any:  # noqa: ANN401
        """Return what is given for epsilon, alpha or margin here, or else in the search that is repeated."""
        unset = self.settings()[name].default
        mine, its = getattr(self, name), getattr(self._repeated(), name)
        if is_given(mine, unset) and is_given(its, unset) and is_given(mine, its):
            msg = f"{name} is {shown(mine)} with a search whose {name} is {shown(its)}; allowed: given once"
            raise InputError(msg)
        return mine if is_given(mine, unset) else its

    def check_together(self) -> None:
        """Check the settings of the search that is repeated, with the margin that is asked for, and the last seed."""
        first = next(self.alone())
        first.settings()["seed"].checked(getattr(first, "seed") + self.n - 1, "last seed")  # noqa: B009

    def check_for_part(self) -> None:
        """Refuse what the search that is repeated does."""
        self._repeated().check_for_part()

    def alone(self) -> Iterator[Search]:
        """Yield a copy of the search for every seed."""
        search = self._repeated().checked()
        settings = search.get_params(deep=False) | {"margin": self.asked("margin")}
        for i in range(self.n):
            yield type(search)(**settings | {"seed": settings["seed"] + i}).checked()

    def vc_dimension(self, n_features: int) -> int | None:
        """Bound the VC dimension of the collection, which is that of the search that is repeated."""
        return self._repeated().vc_dimension(n_features)

    def described(self) -> dict[str, Any]:
        """Return the settings of the search that is repeated."""
        return self._repeated().checked().described() | {"margin": plain(self.asked("margin"))}

    def described_whole(self) -> dict[str, Any]:
        """Return the settings of the search that is repeated, which search that is, and how often."""
        return self._repeated().checked().described_whole() | {"repeated": self._repeated().name, "n": self.n}

    def share(self, sample: Sample, how: How) -> None:
        """Let the sample know what the search needs whatever its seed is."""
        self._repeated().checked().share(sample, how)

    def prepare(self, sample: Sample, how: How) -> list[Run]:
        """Return the copies of the search, each with what it has prepared."""
        return [Run(one, sample, how) for one in self.alone()]

    def find(self, prepared: list[Run], goal: Goal, how: How) -> Found:
        """Let every copy find a region, and keep the best."""
        found = [run.find(goal) for run in bar(prepared, what="restarts", shown=how.progress)]
        best = best_of(found)
        told = dict(best.attributes) | {"seed": best.search.coordinates["seed"]}
        return replace(best, goal=goal, search=self, trace=tuple(found), attributes=told, stored={})
