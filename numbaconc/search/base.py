"""What every search is: a scikit-learn estimator that prepares once what its goals share, and finds a region for each."""

from __future__ import annotations

import abc
import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import Told, as_sample
from numbaconc.data.conversion import as_array
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_choice, did_you_mean, said, shown, warn
from numbaconc.estimator import base_of_searches, searches_of_others
from numbaconc.goal import Goal, check_goal
from numbaconc.how import How
from numbaconc.norms import NORMS, check_norm
from numbaconc.numerals import percent_at_least, percent_at_most
from numbaconc.regions import Region
from numbaconc.search.found import Found as Found  # where it is looked for
from numbaconc.search.settings import Margin, Setting, Unchecked, documented, plain, setting, settings_of

GOAL = ("epsilon", "alpha", "margin")  # settings that say what is asked for, not how it is searched for


@dataclass_transform(kw_only_default=True, field_specifiers=(setting,))
@dataclass(eq=False, repr=False)
class Search(base_of_searches(), abc.ABC):  # type: ignore[misc]  # which class it is depends on the process, and scikit-learn ships no types
    """A search for an error region of little adversarial risk.

    A subclass names itself and its norms, declares its settings, and has `find`; `prepare` too, where goals can
    share work. It is then known by its name wherever searches are.
    """

    name: ClassVar[str]
    norms: ClassVar[tuple[str, ...]]
    # What the best of several searches tries of this one: multiples of the share that is to be certified, more than 1
    # where regions hold fewer points elsewhere, and numbers of sets, which what is prepared does not depend on
    multiples: ClassVar[tuple[float, ...]] = (1.0, 1.15, 1.3, 1.5)
    numbers_of_sets: ClassVar[tuple[int, ...]] = ()
    contends: ClassVar[bool] = True  # whether it is among those that are compared if none is named
    resumable: ClassVar[bool] = False  # whether it goes on from a checkpoint
    spreads: ClassVar[bool] = False  # whether it has work for an executor: neighbor radii
    holds_back: ClassVar[bool] = False  # whether it compares others on points held back
    known: ClassVar[dict[str, type[Search]]] = {}

    epsilon: float | str | None = setting(
        default=None,
        check=Unchecked("a positive number, or a fraction such as 8/255"),
        help="strength of the expansion, in the unit of the points",
    )
    alpha: float | None = setting(default=None, check=Unchecked("a number in (0, 1)"), help="risk threshold")
    margin: float = setting(
        default=0.0, check=Margin(), help="added to alpha on the training points, so that the risk holds on others"
    )

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        """Make a dataclass of the settings, document them, and make the search known by its name."""
        super().__init_subclass__(**options)
        dataclass(eq=False, repr=False)(cls)
        cls.__doc__ = documented(cls.__doc__ or "", cls.settings())
        if not hasattr(cls, "name"):
            cls.name = cls.__name__.lower()
        elif "name" in cls.__dict__:
            norms = getattr(cls, "norms", None)
            if not norms or not all(norm in NORMS for norm in norms):
                msg = f"search {cls.name!r} has norms {norms!r}; allowed: one or more of {', '.join(NORMS)}, in a tuple"
                raise InputError(msg)
            before = Search.known.get(cls.name)
            if before is not None and (before.__module__, before.__qualname__) != (cls.__module__, cls.__qualname__):
                msg = f"search {cls.name!r} is {before.__module__}.{before.__qualname__} already; allowed: another name"
                raise InputError(msg)
            Search.known[cls.name] = cls

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """Return the declarations of the settings, by name."""
        return settings_of(cls.__dataclass_fields__)

    # What a search has of its own

    def prepare(self, sample: Sample, how: How) -> Any:  # noqa: ANN401, ARG002
        """Return what no ε, α or margin changes; `find` is given it for every goal."""
        return sample

    @abc.abstractmethod
    def find(self, prepared: Any, goal: Goal, how: How) -> Found:  # noqa: ANN401
        """Find a region; `found` makes the answer.

        Raises
        ------
        InputError
            If there is none, or the goal is not allowed.
        """

    def alone(self) -> Iterator[Search]:
        """Yield the searches of which each finds a region of its own; one of the regions is kept."""
        yield self

    def share(self, sample: Sample, how: How) -> None:
        """Let the sample know what all searches of this kind on it use, before it is sent to workers."""

    def check_together(self) -> None:
        """Refuse checked settings that do not go together."""

    def check_for_part(self) -> None:
        """Refuse checked settings that say something of each training point, where the search will see some of them."""

    def vc_dimension(self, n_features: int) -> int | None:  # noqa: ARG002
        """Bound the VC dimension of the collection that is chosen from; None if it is not known."""
        return None

    # How it is called

    def ready(self, sample: Sample, how: How) -> Any:  # noqa: ANN401
        """Return what `prepare` does; InputError, with the search named, for whatever a search of others raises."""
        with self._named():
            return self.prepare(sample, how)

    def answer(self, prepared: Any, goal: Goal, how: How) -> Found:  # noqa: ANN401
        """Return what `find` does; InputError also for whatever a search of others raises or returns instead."""
        with self._named():
            found: Any = self.find(prepared, goal, how)  # others may return anything
        if isinstance(found, Found):
            return found
        msg = f"search {type(self).__name__} found {shown(found)}; allowed: what self.found(region, ...) returns"
        raise InputError(msg)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        own = type(self).__module__.partition(".")[0] == __name__.partition(".")[0]
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if own and not isinstance(error, MemoryError):
                raise
            msg = f"search {type(self).__name__} failed: {said(error)}"
            raise InputError(msg) from error

    # What it is asked

    @property
    def norm_name(self) -> str:
        """The name of the norm that ε is measured in."""
        return check_norm("norm", getattr(self, "norm", self.norms[0]), self.norms)

    @property
    def coordinates(self) -> dict[str, Any]:
        """Where its results stand among others': coordinates that settings are, without those that are None."""
        values = {one.coordinate: getattr(self, name) for name, one in self.settings().items() if one.coordinate}
        return {name: value for name, value in values.items() if value is not None}

    def described(self) -> dict[str, Any]:
        """Return the settings that are no coordinates and neither ε nor α, as plain values for files."""
        no_coordinates = [name for name, one in self.settings().items() if not one.coordinate]
        return {name: plain(getattr(self, name)) for name in no_coordinates if name not in ("epsilon", "alpha")}

    def described_whole(self) -> dict[str, Any]:
        """Return the settings that are coordinates, too: those of a search that stands in another."""
        coordinates = {name: plain(getattr(self, name)) for name, one in self.settings().items() if one.coordinate}
        return self.described() | coordinates

    def checked(self) -> Self:
        """Return a copy whose settings are checked and brought into one form.

        Raises
        ------
        InputError
            If one of them is not allowed.
        """
        copy = type(self)(**{name: one.checked(getattr(self, name)) for name, one in self.settings().items()})
        copy.check_together()
        return copy

    def goal(self) -> Goal:
        """Return what is asked for.

        Raises
        ------
        InputError
            If it is not allowed; None is not.
        """
        return Goal.of(*(self.asked(name) for name in GOAL))

    def asked(self, name: str) -> Any:  # noqa: ANN401
        """Return what is given for epsilon, alpha or margin, unchecked."""
        return getattr(self, name)

    def found(self, region: Region, sample: Sample, goal: Goal, trace: Sequence[Any] = (), **attributes: Any) -> Found:  # noqa: ANN401
        """Return a region as what was found: its risks on the sample, and more attributes that the search tells."""
        on_train = region.in_space(sample.space).measure(sample, goal.epsilon)
        risk, adversarial_risk = float(on_train.risk), float(on_train.adversarial_risk)
        return Found(region, goal, risk, adversarial_risk, self, tuple(trace), attributes)

    # The scikit-learn estimator

    def __repr__(self, **options: Any) -> str:  # noqa: ANN401
        """Return scikit-learn's line, or lines, and what was found, as a comment: the rest can be evaluated."""
        line: str = super().__repr__(**options)
        if "region_" not in self.__dict__:
            return line
        risks = f"risk {percent_at_least(self.risk_)}, adversarial risk {percent_at_most(self.adversarial_risk_)}"
        return f"{line}  # fitted: {type(self.region_).__name__}, training {risks}"

    def set_params(self, **params: Any) -> Self:  # noqa: ANN401
        """Set settings; InputError for what is none."""
        try:
            super().set_params(**params)
        except (AttributeError, ValueError) as error:  # of a setting, or of a part of one that has no parts
            raise InputError(str(error)) from error
        return self

    def fit(self, X: ArrayLike | Sample, y: object = None) -> Self:  # noqa: ARG002
        """Search the training points.

        Parameters
        ----------
        X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
            uint8 stays uint8; floats in [0, 1] that are multiples of 1/255 become uint8; other numbers are floats in
            their own units.
        y : ignored

        Returns
        -------
        self
            With `region_`, `risk_` and `adversarial_risk_` on these points, `trace_`, `n_features_in_`, and what the
            search tells beside.

        Raises
        ------
        InputError
            If a setting or the array is not allowed, or nothing is found.

        Warns
        -----
        UnitWarning
            If numbers other than bytes lie outside [0, 1].
        """
        before = self.__dict__.copy()
        for name in before.keys() - self.settings().keys():
            if name.endswith("_") and not name.startswith("_"):
                delattr(self, name)
        try:
            found = self._fitted(X)
        except BaseException:  # a fit that fails changes nothing
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        self.region_, self.trace_ = found.region, found.trace
        self.risk_, self.adversarial_risk_ = found.risk, found.adversarial_risk
        for name, value in found.attributes.items():
            setattr(self, f"{name}_", value)
        return self

    def _fitted(self, X: ArrayLike | Sample) -> Found:
        """Return what is found among the points, whose names and number the estimator knows from here on."""
        sample = self._sample(X, reset=True)
        search, goal = self.checked(), self.goal()
        check_goal(goal, sample)
        return search.answer(search.ready(sample, How()), goal, How()).named(sample)

    def decision_function(self, X: ArrayLike | Sample) -> NDArray[np.float64]:
        """How far each point lies outside the region, shape (n,), on ε's scale; negative inside."""
        return self._region().gap(self._sample(X, reset=False))

    def predict(self, X: ArrayLike | Sample) -> NDArray[np.int64]:
        """Return -1 for points in the error region and +1 for those outside, shape (n,)."""
        return np.where(self._region().contains(self._sample(X, reset=False)), -1, 1)

    def score(self, X: ArrayLike | Sample, y: object = None) -> float:  # noqa: ARG002
        """How good the region is on these points; higher is better.

        Returns
        -------
        float
            -(adversarial risk) - max(0, α - risk) / α, at most 0.
        """
        goal = self.goal()
        measured = self._region().measure(self._sample(X, reset=False), goal.epsilon)
        return -float(measured.adversarial_risk) - max(0.0, goal.alpha - float(measured.risk)) / goal.alpha

    def _region(self) -> Region:
        from sklearn.utils.validation import check_is_fitted  # slow to import, as what else is of scikit-learn

        check_is_fitted(self, "region_")
        return self.region_

    def _sample(self, X: ArrayLike | Sample, *, reset: bool) -> Sample:
        """Return points as a sample, once scikit-learn has looked at their names, their number and their type."""
        from sklearn.utils.validation import check_array, validate_data

        fewest = 2 if reset else 1
        array = X.X if isinstance(X, Sample) else as_array(X, "X")
        rows = array.reshape(len(array), -1) if array.ndim in (3, 4) and array.size else array
        named = X if hasattr(X, "columns") else rows
        try:
            if not isinstance(X, Sample):
                check_array(rows, input_name="X", estimator=self, ensure_min_samples=fewest)
            if reset or not isinstance(X, Sample):  # of a sample without names, the region looks at the width
                validate_data(self, named, reset=reset, skip_check_array=True)
        except (TypeError, ValueError) as error:  # names of columns that are not all texts are a TypeError
            raise InputError(str(error)) from error
        like = None if reset else self._region().space
        return as_sample(X if named is X or isinstance(X, Sample) else array, min_rows=fewest, like=like)


def known_searches() -> dict[str, type[Search]]:
    """Return all searches by name: those of this package, and those that other packages have named as entry points."""
    _load_entry_points()
    return dict(Search.known)


@functools.cache
def _load_entry_points() -> None:
    for point in searches_of_others():
        try:
            point.load()
        except Exception as error:  # whatever it is, it is not the search that the user asked for
            said = " ".join(f"{type(error).__name__}: {error}".split())
            warn(f"search {point.name!r} ({point.value}) cannot be imported: {said}")


def search_named(name: object, norm: object = None) -> type[Search]:
    """Return the search of this name, or the norm's own for None; InputError if no search of the norm has the name."""
    known = known_searches()
    norm = None if norm is None else check_norm("norm", norm)
    if name is None:
        return known[NORMS[norm or next(iter(NORMS))].search]
    fitting = tuple(one for one, cls in known.items() if norm is None or norm in cls.norms)
    if isinstance(name, str) and name in known and name not in fitting:
        msg = f"search is {shown(name)} with norm {shown(norm)}; allowed with it: {', '.join(fitting)}"
        raise InputError(msg)
    return known[check_choice("search", name, fitting)]


def make_search(name: object, norm: object, settings: Mapping[str, Any]) -> Search:
    """Return the search of this name in this norm, with these settings, whose values are not checked here.

    InputError if the search has no such setting, or another norm.
    """
    cls = search_named(name, norm)
    own = cls.settings()
    for key, value in settings.items():
        if key not in own:
            raise InputError(no_such_setting(key, value, cls.name))
    in_norm = {"norm": norm} if norm is not None and "norm" in own else {}
    return cls(**{**in_norm, **settings})


def no_such_setting(key: str, value: object, *searches: str) -> str:
    """Say that a setting would have no effect, and on which searches it has one."""
    asked = f"{key} is {shown(value)} with search {' and '.join(map(repr, searches))}"
    having = [name for name, cls in Search.known.items() if key in cls.settings()]
    if having:
        return f"{asked}; allowed: only with {', '.join(having)}"
    if key in Told._fields:
        return f"{asked}; allowed: with the data, as nc.as_sample(X, {key}=...)"
    own = tuple(dict.fromkeys(name for search in searches for name in Search.known[search].settings()))
    return f"{asked}; allowed: {', '.join(own)}{did_you_mean(key, own)}"
