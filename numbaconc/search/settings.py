"""Settings of searches: each is declared once, in its class, and everything that knows of it reads the declaration.

A declaration gives the default, a check, which also reads the value from text and says in words what is allowed, a
line of help, and the name of the coordinate that the setting is in results, if it is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from numbaconc.errors import InputError, as_number, check_choice, check_count, check_fraction
from numbaconc.goal import check_margin
from numbaconc.norms import NORMS, check_norm

MOST = 2**53  # the largest whole number up to which all are floats too, as coordinates of results may be


def number_or_text(text: str) -> Any:  # noqa: ANN401
    """Return the number that a text stands for; what is no number stays text."""
    number = as_number(text)
    return text if math.isnan(number) else number


@dataclass(frozen=True)
class Check:
    """What a setting may be: `words` say it, in help and documentation.

    `convert` returns a value, given its name and itself, as searches use it, or refuses it. `read` returns the value
    that a text at the command line stands for, unchecked.
    """

    words: str
    convert: Callable[[str, Any], Any]
    read: Callable[[str], Any] = number_or_text


@dataclass(frozen=True)
class Setting:
    """The declaration of a setting; `coordinate` is its name among a result's dimensions, None if it is none."""

    name: str
    default: Any
    check: Check
    help: str
    coordinate: str | None

    def checked(self, value: Any, name: str | None = None) -> Any:  # noqa: ANN401
        """Return the value as searches use it; None stays None where it is the default. A refusal calls it `name`."""
        unset = value is None and self.default is None
        return None if unset else self.check.convert(name or self.name, value)


def setting(*, default: Any, check: Check, help: str, coordinate: str | None = None, kw_only: bool = True) -> Any:  # noqa: ANN401
    """Declare a setting in the body of a search's class."""
    return field(default=default, kw_only=kw_only, metadata={"check": check, "help": help, "coordinate": coordinate})


def settings_of(fields: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the declarations among a dataclass's fields, by name."""
    return {name: Setting(name, one.default, **one.metadata) for name, one in fields.items() if one.metadata}


# What settings may be


def Count(low: int = 1) -> Check:
    """Allow a whole number from `low`; a text is read exactly, however large the number is."""

    def read(text: str) -> Any:  # noqa: ANN401
        try:
            return int(text)
        except ValueError:
            return number_or_text(text)

    def convert(name: str, value: object) -> int:
        number = check_count(name, value, low)
        return number if number <= MOST else check_count(name, value, low, MOST, "files hold no larger one exactly")

    return Check(f"a whole number from {low}", convert, read)


def Fraction(*, one_allowed: bool = False) -> Check:
    """Allow a number in (0, 1), or in (0, 1]."""
    words = f"a number in (0, 1{']' if one_allowed else ')'}"
    return Check(words, lambda name, value: check_fraction(name, value, one_allowed=one_allowed))


def NotNegative() -> Check:
    """Allow a finite number from 0."""
    words = "a number of at least 0"

    def convert(name: str, value: object) -> float:
        number = as_number(value)
        return number if 0 <= number < math.inf and not isinstance(value, bool) else _refuse(name, value, words)

    return Check(words, convert)


def Margin() -> Check:
    """Allow a number in [0, 1), or "auto"."""
    return Check("a number of at least 0 and less than 1, or auto", check_margin)


def Words(*choices: str) -> Check:
    """Allow one of some words."""
    return Check(", ".join(choices), lambda name, value: check_choice(name, value, choices), str)


def NormName() -> Check:
    """Allow a norm, by its name or its p."""
    return Check(", ".join(NORMS), check_norm, str)


class Flag(Check):
    """True or false; an option without a value at the command line."""

    def __init__(self) -> None:
        super().__init__("true or false", self._convert)

    def _convert(self, name: str, value: object) -> bool:
        return bool(value) if isinstance(value, bool | np.bool_) else _refuse(name, value, self.words)


def Powers() -> Check:
    """Allow one or more numbers from 0, or infinity, as a tuple; a text has commas between them."""
    words = "one or more numbers from 0, or infinity"

    def convert(name: str, value: object) -> tuple[float, ...]:
        numbers = tuple(as_number(s) for s in np.atleast_1d(np.asarray(value, dtype=object)).ravel())
        return numbers if numbers and all(s >= 0 for s in numbers) else _refuse(name, value, words)

    return Check(words, convert, lambda text: tuple(map(number_or_text, text.split(","))))


def Unchecked(words: str) -> Check:
    """Allow a value that is checked where it is used."""
    return Check(words, lambda _, value: value, str)


def _refuse(name: str, value: object, words: str) -> NoReturn:
    msg = f"{name} is {value!r}; allowed: {words}"
    raise InputError(msg)
