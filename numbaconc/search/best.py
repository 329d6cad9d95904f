"""The search that runs several others and keeps the best of them, by training points that are held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, shown
from numbaconc.goal import Goal
from numbaconc.how import How
from numbaconc.norms import NORMS
from numbaconc.search.base import GOAL, Found, Search, known_searches, no_such_setting, search_named
from numbaconc.search.held_back import VALIDATION, HeldBack
from numbaconc.search.settings import Count, Fraction, Margin, NormName, Unchecked, is_given, setting

GIVEN = ("norm", "n_sets", "seed")  # settings that the searches of a norm are given, where they have them


class BestSearch(Search):
    """Run several searches, and keep the one whose region does best on training points that are held back.

    Every search sees the other training points. Unless a margin is given, it looks for several shares a little above α,
    and for several numbers of sets where it has them: the test points certify α for a region that holds somewhat more of
    them. The border of each region is placed on the points held back as the test points will place it. The region of least
    adversarial risk there says which search is chosen, and what it asks for. It then searches all training points. Test
    points have no part in the choice.

    With a margin, every search asks for just that, borders stay where they are, and the choice is among the regions of
    risk >= α on the points held back.

    Attributes
    ----------
    region_ : Region
        What the chosen search found.
    search_ : str
        The label of the chosen search in the table.
    margin_ : float
        What it asked for beyond α.
    table_, trace_ : tuple of Candidate
        What became of every search, in order.
    """

    name = "best"
    norms = tuple(NORMS)
    holds_back = True

    searches: Sequence[Search | str] | None = setting(
        default=None,
        check=Unchecked("searches or names of them"),
        help="what is compared; if not given, those of the norm that are made to be tight, with their defaults",
    )
    margin: float | None = setting(  # type: ignore[assignment]  # a float in all others; here None lets it be settled
        default=None,
        check=Margin(),
        help="added to alpha on the training points; settled on those held back if not given",
    )
    norm: str = setting(default="linf", check=NormName(), help="what epsilon is measured in")
    n_sets: int | None = setting(
        default=None, check=Count(), help="T of the searches that have it; their own if not given", coordinate="T"
    )
    validation: float = setting(
        default=VALIDATION, check=Fraction(), help="share of the training points that is held back"
    )
    seed: int = setting(
        default=0, check=Count(0), help="of the split, and of the searches that draw", coordinate="seed"
    )

    def members(self) -> dict[str, Search]:
        """Return the searches that are compared, by label: their names, numbered where several have the same.

        Raises
        ------
        InputError
            If one of those given is no search, or has another norm.
        """
        given = [one.strip() for one in self.searches.split(",")] if isinstance(self.searches, str) else self.searches
        if given is None:
            norm, every = self.norm, known_searches().items()
            given = [name for name, cls in every if norm in cls.norms and cls.contends and not cls.holds_back]
        if not isinstance(given, list | tuple) or not given or "" in [one for one in given if isinstance(one, str)]:
            msg = f"searches is {shown(self.searches)}; allowed: a list of one or more searches, or of names of them"
            raise InputError(msg)
        members = [self._member(one) for one in given]
        return dict(zip(_labels(members), members, strict=True))

    def _member(self, given: object) -> Search:
        """Return one of the searches, checked; one that is given by name gets the norm, T and seed of this search."""
        cls = search_named(given.strip(), self.norm) if isinstance(given, str) else type(given)
        best = given.holds_back if isinstance(given, Search) else getattr(cls, "holds_back", False)
        if not issubclass(cls, Search) or best or getattr(given, "norm_name", self.norm) != self.norm:
            allowed = f"searches in norm {shown(self.norm)}, none of which is a best of others"
            msg = f"searches holds {shown(given)}; allowed: {allowed}"
            raise InputError(msg)
        if isinstance(given, Search):
            for name in GOAL:
                if is_given(given.asked(name), cls.settings()[name].default):
                    msg = f"{name} is {shown(given.asked(name))} in one of the searches; allowed: in the best of them alone"
                    raise InputError(msg)
            given.check_for_part()
            return given.checked()
        settings: dict[str, Any] = {name: getattr(self, name) for name in GIVEN if name in cls.settings()}
        return cls(**{name: value for name, value in settings.items() if value is not None}).checked()

    def check_together(self) -> None:
        """Refuse a number of sets that no search is given, and a margin that has no effect on one."""
        members = self.members()
        named = [one for label, one in members.items() if label not in self._objects(members)]
        if self.n_sets is not None and not any("n_sets" in one.settings() for one in named):
            if not named:
                msg = f"n_sets is {self.n_sets} with searches that have their own; allowed: with names of searches"
                raise InputError(msg)
            raise InputError(no_such_setting("n_sets", self.n_sets, *dict.fromkeys(one.name for one in named)))
        for one in members.values():
            type(one)(**one.get_params(deep=False) | {"margin": self.margin or 0.0}).checked()

    @property
    def spreads(self) -> bool:  # type: ignore[override]  # it is as those that it compares, not as its class
        """Whether one of the searches that are compared has work for an executor."""
        return any(one.spreads for one in self.members().values())

    def _variants(self) -> dict[str, tuple[Search, ...]]:
        """Return the searches that are compared, each with the numbers of sets that are tried if none was given."""
        members = self.members()
        objects = self._objects(members)

        def variants(label: str, one: Search) -> tuple[Search, ...]:
            numbers = one.numbers_of_sets if self.n_sets is None and label not in objects else ()
            return tuple(type(one)(**one.get_params(deep=False) | {"n_sets": n}).checked() for n in numbers) or (one,)

        return {label: variants(label, one) for label, one in members.items()}

    def _objects(self, members: dict[str, Search]) -> list[str]:
        """Return the labels of those members that are given as they are, not by name."""
        given = self.searches if isinstance(self.searches, list | tuple) else ()
        return [label for label, one in zip(members, given, strict=False) if isinstance(one, Search)]

    def vc_dimension(self, n_features: int) -> int | None:
        """Bound the VC dimension of all that is chosen from: V + V' + 1 where two collections have V and V'."""
        each = [one.vc_dimension(n_features) for one in self.members().values()]
        known = [one for one in each if one is not None]
        return sum(known) + len(known) - 1 if len(known) == len(each) else None

    def described(self) -> dict[str, Any]:
        """Return the settings as plain values; the names of those of the members begin with their labels."""
        members = self.members()
        plain = super().described() | {"searches": ", ".join(members)}
        objects = self._objects(members)
        for label, one in members.items():
            whole = one.described_whole() if label in objects else one.described()
            own = {name: value for name, value in whole.items() if name not in ("margin", "norm")}
            plain |= {f"{label}_{name}": value for name, value in own.items()}
        return plain

    def share(self, sample: Sample, how: How) -> None:
        """Do nothing: the searches see the points that are not held back, which are another sample."""

    def prepare(self, sample: Sample, how: How) -> HeldBack:
        """Return the searches, with some of the points held back."""
        return HeldBack(self._variants(), sample, how, self.validation, self.seed)

    def find(self, prepared: HeldBack, goal: Goal, how: How) -> Found:  # noqa: ARG002
        """Let every search find a region, and keep that of the best."""
        label, found, table = prepared.choose(goal)
        told = {"search": label, "table": tuple(table), "margin": found.goal.margin}
        told |= {name: value for name, value in found.attributes.items() if name == "mean_uncertainty"}
        best = [  # of each search
            min((one for one in table if one.search == name), key=lambda one: (bool(one.error), one.adversarial_risk))
            for name in dict.fromkeys(one.search for one in table)
        ]
        compared = f"{label} of {', '.join(map(str, best))}"
        stored = {"compared": compared} | ({"margin": found.goal.margin} if goal.margin is None else {})
        return replace(found, search=self, trace=tuple(table), attributes=told, stored=stored)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the settings; if `deep`, also those of the searches that were given as objects, as label__setting."""
        params: dict[str, Any] = super().get_params(deep=False)
        for label, one in _labeled(self.searches).items() if deep else ():
            params |= {f"{label}__{name}": value for name, value in one.get_params().items()}
        return params

    def set_params(self, **params: Any) -> BestSearch:  # noqa: ANN401
        """Set settings; label__setting sets one of a search that was given as an object."""
        own = {name: value for name, value in params.items() if "__" not in name}
        super().set_params(**own)
        labeled = _labeled(self.searches)
        for name in params.keys() - own.keys():
            label, _, setting_name = name.partition("__")
            if label not in labeled:
                msg = f"{name} is no setting; allowed: {', '.join(self.get_params())}"
                raise InputError(msg)
            labeled[label].set_params(**{setting_name: params[name]})
        return self


def _labels(searches: Sequence[Search | str]) -> list[str]:
    """Return a label for each search: its name, and from the second search of that name on, its number as well."""
    labels: list[str] = []
    for one in searches:  # a search that is not known by a name, such as one repeated, has that of its class
        name = getattr(one, "name", type(one).__name__.lower()) if isinstance(one, Search) else str(one).strip()
        label, number = name, 1
        while label in labels:
            number += 1
            label = f"{name}_{number}"
        labels.append(label)
    return labels


def _labeled(searches: object) -> dict[str, Search]:
    """Return the searches that are given as objects, by the labels that they have among all that are given."""
    given = searches if isinstance(searches, list | tuple) else []
    return {label: one for label, one in zip(_labels(given), given, strict=True) if isinstance(one, Search)}
