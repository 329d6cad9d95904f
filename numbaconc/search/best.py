"""The best of several searches, by training points that are held back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numbaconc.errors import InputError
from numbaconc.norms import NORMS
from numbaconc.search.base import Found, Search, known_searches, search_named
from numbaconc.search.held_back import VALIDATION, HeldBack
from numbaconc.search.settings import Count, Fraction, NormName, Unchecked, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numbaconc.data.arrays import Sample
    from numbaconc.goal import Goal
    from numbaconc.how import How

GIVEN = ("norm", "n_sets", "seed")  # settings that the searches of a norm are given, where they have them


class BestSearch(Search):
    """Run several searches, and keep the one whose region does best on training points held back.

    Chosen is the least adversarial risk among those of risk >= α on the points held back. Then that search searches
    all training points. Test points have no part in it.

    Attributes
    ----------
    region_ : Region
        Of the chosen search.
    search_ : str
        Its label in the table.
    table_, trace_ : tuple of Candidate
        All searches, in order.
    risk_, adversarial_risk_ : float
        On the training sample.
    n_features_in_ : int
    """

    name = "best"
    norms = tuple(NORMS)
    holds_back = True

    searches: Sequence[Search | str] | None = setting(
        default=None,
        check=Unchecked("searches or names of them"),
        help="what is compared; every search of the norm, with its defaults, if not given",
    )
    norm: str = setting(default="linf", check=NormName(), help="what epsilon is measured in")
    n_sets: int | None = setting(
        default=None,
        check=Count(),
        help="T of the searches that have it; their own if not given",
        coordinate="T",
    )
    validation: float = setting(
        default=VALIDATION, check=Fraction(), help="share of the training points that is held back"
    )
    seed: int = setting(
        default=0, check=Count(0), help="of the split, and of the searches that draw", coordinate="seed"
    )

    def members(self) -> dict[str, Search]:
        """Return what is compared, by label: a search's name, numbered where several have it.

        Raises
        ------
        InputError
            If one of them is none, or of another norm.
        """
        known = known_searches()
        given = self.searches
        if given is None:
            given = [name for name, cls in known.items() if self.norm in cls.norms and not cls.holds_back]
        elif isinstance(given, str):
            given = given.split(",")
        members: dict[str, Search] = {}
        for one in given:
            search = self._member(one)
            label, number = search.name, 1
            while label in members:
                number += 1
                label = f"{search.name}_{number}"
            members[label] = search
        if not members:
            msg = f"searches is {self.searches!r}; allowed: one or more"
            raise InputError(msg)
        return members

    def _member(self, given: object) -> Search:
        """Return a search that is given as it is, or by name: then it has this search's norm, T and seed."""
        if isinstance(given, Search):
            if given.norm_name != self.norm or given.holds_back:
                msg = f"searches holds {given!r}; allowed: searches in norm {self.norm!r}, none of which is a best of others"
                raise InputError(" ".join(msg.split()))
            return given.checked()
        cls = search_named(given.strip() if isinstance(given, str) else given, self.norm)
        settings: dict[str, Any] = {name: getattr(self, name) for name in GIVEN if name in cls.settings()}
        return cls(**{name: value for name, value in settings.items() if value is not None}).checked()

    def check_together(self) -> None:
        """Refuse a number of sets that no search takes."""
        members = self.members()
        if self.n_sets is not None and not any("n_sets" in one.settings() for one in members.values()):
            msg = f"n_sets is {self.n_sets} with searches {', '.join(members)}; allowed: with one that has it"
            raise InputError(msg)

    def vc_dimension(self, n_features: int) -> int | None:
        """Bound that of the members' collections together: V + V' + 1 for two of them."""
        each = [one.vc_dimension(n_features) for one in self.members().values()]
        known = [one for one in each if one is not None]
        return sum(known) + len(known) - 1 if len(known) == len(each) else None

    def described(self) -> dict[str, Any]:
        """Return the settings as plain values, those of the members after their labels."""
        plain = super().described() | {"searches": ", ".join(self.members())}
        for label, one in self.members().items():
            own = {name: value for name, value in one.described().items() if name not in ("margin", "norm")}
            plain |= {f"{label}_{name}": value for name, value in own.items()}
        return plain

    def share(self, sample: Sample, how: How) -> None:
        """Do nothing: the points that are not held back are another sample."""

    def prepare(self, sample: Sample, how: How) -> HeldBack:
        """Hold points back."""
        return HeldBack(self.members(), sample, how, self.validation, self.seed)

    def find(self, prepared: HeldBack, goal: Goal, how: How) -> Found:  # noqa: ARG002
        """Let every search find a region, and keep one."""
        label, found, table = prepared.choose(goal)
        told = {"search": label, "table": tuple(table)}
        compared = f"{label} of {', '.join(map(str, table))}"
        return replace(found, search=self, trace=tuple(table), attributes=told, stored={"compared": compared})

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the settings; if `deep`, those of the searches that are given too, as label__setting."""
        params: dict[str, Any] = super().get_params(deep=False)
        for label, one in _labeled(self.searches) if deep else ():
            params |= {f"{label}__{name}": value for name, value in one.get_params().items()}
        return params

    def set_params(self, **params: Any) -> BestSearch:  # noqa: ANN401
        """Set settings; label__setting sets that of a search that is given."""
        own = {name: value for name, value in params.items() if "__" not in name}
        super().set_params(**own)
        labeled = dict(_labeled(self.searches))
        for name in params.keys() - own.keys():
            label, _, setting_name = name.partition("__")
            if label not in labeled:
                msg = f"{name} is no setting; allowed: {', '.join(self.get_params())}"
                raise InputError(msg)
            labeled[label].set_params(**{setting_name: params[name]})
        return self


def _labeled(searches: object) -> list[tuple[str, Search]]:
    """Return the searches that are given as objects, by label."""
    objects = [one for one in searches if isinstance(one, Search)] if isinstance(searches, list | tuple) else []
    return [
        (one.name if not before else f"{one.name}_{before + 1}", one)
        for i, one in enumerate(objects)
        for before in [sum(other.name == one.name for other in objects[:i])]
    ]
