"""What a region tells of itself: which set it is, in words, and where it comes from; in a line, in a table, in its file."""

from __future__ import annotations

import abc
import importlib.metadata
import json
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from numbaconc.data.space import Space
from numbaconc.errors import InputError, as_number, shown
from numbaconc.norms import NORMS
from numbaconc.numerals import exact, strength
from numbaconc.reprs import Shown, names_of

LENGTHS = ("lower", "upper", "faces", "epsilon", "centers", "radii", "domain")  # variables of files, on epsilon's scale


@dataclass(frozen=True)
class Source:
    """How a region was found; nothing of it is known of one that was made by hand.

    Attributes
    ----------
    search : str or None
        The name of the search.
    settings : dict
        Of the search, as plain values, by name.
    epsilon, alpha : float or None
        What it was asked for: a strength on epsilon's scale, and a risk threshold.
    margin : float or None
        What it was asked for beyond α, in the end.
    data_sha256 : str or None
        Of the training points: `Sample.sha256`.
    numbaconc_version : str or None
        That it was found with; of a region made by hand, with which its file was written.
    """

    search: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    epsilon: float | None = None
    alpha: float | None = None
    margin: float | None = None
    data_sha256: str | None = None
    numbaconc_version: str | None = None

    def attributes(self) -> dict[str, Any]:
        """Return what a file says of it."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        told["settings"] = json.dumps(self.settings) if self.settings else None
        told["numbaconc_version"] = self.numbaconc_version or version()
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> Self:
        """Return what a file tells; of files of earlier versions, nothing. InputError if that is damaged."""
        told = {one.name: attributes[one.name] for one in fields(cls) if one.name in attributes}
        if isinstance(told.get("settings"), str):
            told["settings"] = json.loads(told["settings"])
        for name, value in told.items():
            kind = dict if name == "settings" else float if name in ("epsilon", "alpha", "margin") else str
            if not isinstance(value, kind) or (kind is float and not np.isfinite(as_number(value))):
                msg = f"its attribute {name} is {shown(value)}"
                raise InputError(msg)
        return cls(**told)


def version() -> str:
    """Return the version of this package."""
    return importlib.metadata.version("numbaconc")


class Told(Shown):
    """A set of points that tells what it is.

    Attributes
    ----------
    p : float
        Of the norm ℓp that it is expanded in.
    space : Space or None
        What points must have in common with those that it was found on; None for one that was made by hand.
    source : Source
        How it was found.
    """

    p: float = 1.0
    space: Space | None = None
    source: Source = Source()

    # What a family says

    @property
    @abc.abstractmethod
    def n_features(self) -> int:
        """Number of coordinates d of the points."""

    @property
    def n_sets(self) -> int:
        """Number of boxes or balls."""
        return 1

    @property
    def definition(self) -> str:
        """Which points are in the region, and what the numbers are that it is stored by, in a sentence; nothing if untold."""
        return ""

    def _words(self) -> str:
        """Return which points are in the region, in a few words; none if the family tells nothing."""
        return ""

    @abc.abstractmethod
    def _variables(self) -> dict[str, Any]:
        """Return what a file of the region holds, as xarray variables: dimensions, values, and what they are."""

    # Where it comes from

    @property
    def norm(self) -> str:
        """The name of the norm that it is expanded in."""
        return next((name for name, norm in NORMS.items() if norm.p == self.p), f"l{self.p:g}")

    @property
    def epsilon(self) -> float | None:
        """The strength that it was searched for, on epsilon's scale; None if it was made by hand."""
        return self.source.epsilon

    @property
    def alpha(self) -> float | None:
        """The risk threshold that it was searched for; None if it was made by hand."""
        return self.source.alpha

    @property
    def search(self) -> str | None:
        """The name of the search that found it; None if it was made by hand."""
        return self.source.search

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of that search."""
        return dict(self.source.settings)

    @property
    def data_sha256(self) -> str | None:
        """SHA-256 of the training points that it was found on; None if it was made by hand."""
        return self.source.data_sha256

    @property
    def numbaconc_version(self) -> str | None:
        """The version of numbaconc that found it, or wrote its file."""
        return self.source.numbaconc_version

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one point, as the points were given that it was found on; (d,) for rows."""
        return (self.space and self.space.shape) or (self.n_features,)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the coordinates; None where they have none."""
        return None if self.space is None else self.space.columns

    @property
    def unit(self) -> float | None:
        """What one level of the points is worth on epsilon's scale: 1/255 for images; None for floats in their own units."""
        return None if self.space is None else self.space.unit

    @property
    def epsilon_unit(self) -> str:
        """What ε is in, in words that follow a distance; empty if it was made by hand."""
        return "" if self.space is None else self.space.epsilon_unit

    def in_space(self, space: Space | None) -> Self:
        """Return the region itself, told what points must have in common with those that it was found on."""
        self.space = space
        return self

    def found_by(self, source: Source) -> Self:
        """Return the region itself, told how it was found."""
        self.source = source
        return self

    # How it shows itself, and when it is the same

    def _facts(self) -> dict[str, object]:
        asked = {"α": (exact, self.alpha), "ε": (strength, self.source.epsilon)}
        for_what = ", ".join(f"{sign} = {write(value)}" for sign, (write, value) in asked.items() if value is not None)
        return {
            "set_": self._words(),
            "shape": self.shape,
            "norm": self.norm,
            "epsilon": self.epsilon_unit,
            "columns": names_of(self.columns),
            "found": self.search and f"by {self.search} for {for_what}",
        }

    @property
    def in_short(self) -> str:
        """Its family, and which points are in it."""
        return f"{type(self).__name__}({self._words()})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Told):
            return NotImplemented
        return self is other or (self._kind == other._kind and _same(self._variables(), other._variables()))

    def __hash__(self) -> int:
        return hash(self._kind)

    @property
    def _kind(self) -> tuple[Any, ...]:
        """What equal regions have in common beside the numbers that they are stored by."""
        return type(self), self.n_features, self.n_sets, self.p, None if self.space is None else self.space.kind

    def _attributes(self) -> dict[str, Any]:
        """Return what a file of the region says of it."""
        told = {} if self.space is None else self.space.attributes() | {"epsilon_unit": self.epsilon_unit}
        said = {"region": type(self).__name__, "definition": self.definition, "norm": self.norm}
        return said | self.source.attributes() | told

    def _stored(self) -> dict[str, Any]:
        """Return the variables of a file, with the unit of those that are on epsilon's scale."""
        stored = self._variables()
        if self.epsilon_unit:
            for name in stored.keys() & set(LENGTHS):
                dims, values, attrs = stored[name]
                stored[name] = dims, values, attrs | {"units": self.epsilon_unit}
        return stored


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two regions of one family are stored by the same numbers."""
    if one.keys() != other.keys():
        return False
    return all(
        a[0] == b[0] and a[2] == b[2] and np.array_equal(a[1], b[1])
        for a, b in ((one[name], other[name]) for name in one)
    )
