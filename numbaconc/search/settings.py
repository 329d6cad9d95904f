"""Settings of searches: each is declared once, in its class, and everything that knows of it reads the declaration.

A declaration gives the default, a check, which also reads the value from text and says in words what is allowed, a
line of help, and the name of the coordinate that the setting is in results, if it is one.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numbaconc.errors import InputError, as_number, check_choice, check_count, check_fraction
from numbaconc.goal import check_margin
from numbaconc.norms import NORMS, check_norm


class Check(abc.ABC):
    """What a setting may be.

    Attributes
    ----------
    words : str
        What is allowed, for help and documentation.
    """

    words: str

    @abc.abstractmethod
    def __call__(self, name: str, value: Any) -> Any:  # noqa: ANN401
        """Return the value as searches use it, or refuse it under this name."""

    def read(self, text: str) -> Any:  # noqa: ANN401
        """Return the value that a text at the command line stands for, unchecked: what is no number stays text."""
        number = as_number(text)
        return text if math.isnan(number) else number


@dataclass(frozen=True)
class Setting:
    """The declaration of a setting; `coordinate` is its name among a result's dimensions, None if it is none."""

    name: str
    default: Any
    check: Check
    help: str
    coordinate: str | None

    def checked(self, value: Any, name: str | None = None) -> Any:  # noqa: ANN401
        """Return the value as searches use it; None, where that is the default, stays None.

        Raises
        ------
        InputError
            If it is not allowed; the message calls it `name`, by default its own name.
        """
        if value is None and self.default is None:
            return None
        return self.check(name or self.name, value)


def setting(*, default: Any, check: Check, help: str, coordinate: str | None = None, kw_only: bool = True) -> Any:  # noqa: ANN401
    """Declare a setting in the body of a search's class."""
    return field(default=default, kw_only=kw_only, metadata={"check": check, "help": help, "coordinate": coordinate})


def settings_of(fields: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the declarations among a dataclass's fields, by name."""
    return {name: Setting(name, one.default, **one.metadata) for name, one in fields.items() if one.metadata}


class Count(Check):
    """A whole number from `low`."""

    def __init__(self, low: int = 1) -> None:
        self.low, self.words = low, f"a whole number from {low}"

    def __call__(self, name: str, value: object) -> int:
        """Return it as an int."""
        return check_count(name, value, self.low)

    def read(self, text: str) -> object:
        """Return a whole number as an int, however large."""
        try:
            return int(text)
        except ValueError:
            return super().read(text)


class Fraction(Check):
    """A number in (0, 1), or in (0, 1]."""

    def __init__(self, *, one_allowed: bool = False) -> None:
        self.one_allowed, self.words = one_allowed, f"a number in (0, 1{']' if one_allowed else ')'}"

    def __call__(self, name: str, value: object) -> float:
        """Return it as a float."""
        return check_fraction(name, value, one_allowed=self.one_allowed)


class NotNegative(Check):
    """A finite number from 0."""

    words = "a number of at least 0"

    def __call__(self, name: str, value: object) -> float:
        """Return it as a float."""
        number = as_number(value)
        if not 0 <= number < math.inf or isinstance(value, bool):
            msg = f"{name} is {value!r}; allowed: {self.words}"
            raise InputError(msg)
        return number


class Margin(Check):
    """A number in [0, 1), or "auto"."""

    words = "a number of at least 0 and less than 1, or auto"

    def __call__(self, name: str, value: object) -> float | str:
        """Return it as a float, or as it is."""
        return check_margin(name, value)


class Words(Check):
    """One of some words."""

    def __init__(self, *choices: str) -> None:
        self.choices, self.words = choices, ", ".join(choices)

    def __call__(self, name: str, value: object) -> str:
        """Return it as it is."""
        return check_choice(name, value, self.choices)

    def read(self, text: str) -> object:
        """Return the text."""
        return text


class NormName(Check):
    """A norm, by its name or its p."""

    words = ", ".join(NORMS)

    def __call__(self, name: str, value: object) -> str:
        """Return the norm's name."""
        return check_norm(name, value)

    def read(self, text: str) -> object:
        """Return the text."""
        return text


class Flag(Check):
    """True or false."""

    words = "true or false"

    def __call__(self, name: str, value: object) -> bool:
        """Return it as a bool."""
        if not isinstance(value, bool | np.bool_):
            msg = f"{name} is {value!r}; allowed: {self.words}"
            raise InputError(msg)
        return bool(value)


class Powers(Check):
    """One or more numbers from 0, or infinity."""

    words = "one or more numbers from 0, or infinity"

    def __call__(self, name: str, value: object) -> tuple[float, ...]:
        """Return them as a tuple of floats."""
        numbers = tuple(as_number(s) for s in np.atleast_1d(np.asarray(value, dtype=object)).ravel())
        if not numbers or not all(s >= 0 for s in numbers):
            msg = f"{name} is {value!r}; allowed: {self.words}"
            raise InputError(msg)
        return numbers

    def read(self, text: str) -> object:
        """Return what stands between commas."""
        return tuple(super(Powers, self).read(part) for part in text.split(","))


class Unchecked(Check):
    """A value that is checked where it is used."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __call__(self, _: str, value: object) -> object:
        """Return it as it is."""
        return value

    def read(self, text: str) -> object:
        """Return the text."""
        return text
