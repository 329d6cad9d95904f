"""Settings of searches: each is declared once, in its class, and everything that knows of it reads the declaration.

A declaration gives the default, a check, which also reads the value from text and says in words what is allowed, a
line of help, and the name of the coordinate that the setting is in results, if it is one.
"""

from __future__ import annotations

import inspect
import math
import numbers
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from numbaconc.data.conversion import values_of
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, check_choice, check_count, check_flag, check_fraction, shown
from numbaconc.goal import check_margin
from numbaconc.norms import NORMS, check_norm

ATTRIBUTES = "Attributes\n----------\n"
FITTED = "risk_, adversarial_risk_ : float\n    On the training sample.\nn_features_in_ : int\n"  # of all searches
UNBOUNDED = "let points move anywhere, not only within the domain of the data, such as [0, 1]"  # a help text
MOST = 2**53  # the largest whole number up to which all are floats too, as coordinates of results may be


def number_or_text(text: str) -> Any:  # noqa: ANN401
    """Return the number that a text stands for; what is no number stays text."""
    number = as_number(text)
    return text if math.isnan(number) else number


@dataclass(frozen=True)
class Check:
    """What a setting may be: `words` say it, in help and documentation.

    `convert` returns a value, given its name and itself, as searches use it, or refuses it. `read` returns the value
    that a text at the command line stands for, unchecked. `choices` are the words that are allowed, where it is some.
    """

    words: str
    convert: Callable[[str, Any], Any]
    read: Callable[[str], Any] = number_or_text
    choices: tuple[str, ...] = ()


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
    """Declare a setting in the body of a search's class; InputError if it is not declared in full."""
    if not isinstance(check, Check):
        _refuse("check of a setting", check, "a Check of numbaconc.search.settings, such as Count()")
    if not isinstance(help, str) or not help.strip():
        _refuse("help of a setting", help, "a line that says what it does")
    if coordinate is not None and not (isinstance(coordinate, str) and coordinate.isidentifier()):
        _refuse("coordinate of a setting", coordinate, "a name as variables have them")
    return field(default=default, kw_only=kw_only, metadata={"check": check, "help": help, "coordinate": coordinate})


def settings_of(fields: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the declarations among a dataclass's fields, by name."""
    return {name: Setting(name, one.default, **one.metadata) for name, one in fields.items() if one.metadata}


def is_given(value: Any, default: Any) -> bool:  # noqa: ANN401
    """Return whether a setting has another value than its default, whatever the value is."""
    if value is None or default is None:
        return value is not default
    try:
        return bool(value != default)
    except Exception:  # of several values, or of a class that cannot be compared
        return True


def check_unused(search: Any, name: str, where: str) -> None:  # noqa: ANN401
    """Refuse a setting of a search that has another value than its default, since it has no effect `where` it is."""
    value = getattr(search, name)
    if is_given(value, search.settings()[name].default):
        msg = f"{name} is {shown(value)} {where}"
        raise InputError(msg)


def domain_of(search: Any, sample: Sample) -> tuple[float, float] | None:  # noqa: ANN401
    """Return where points can move to, on epsilon's scale; InputError if that is to be anywhere, as it is in any case."""
    if search.unbounded and sample.domain is None:
        check_unused(search, "unbounded", "for points whose domain is not known; allowed: without it")
    return None if search.unbounded else sample.domain


def plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value as an attribute of a file."""
    if value is None or isinstance(value, bool):
        return "not given" if value is None else int(value)
    return value if isinstance(value, int | float | str) else " ".join(str(value).split())


def documented(doc: str, settings: Mapping[str, Setting]) -> str:
    """Add to a docstring the parameters, made of the declarations, and the attributes that all searches have."""
    lines = ["Parameters", "----------"]
    for name, one in settings.items():
        help_text = textwrap.fill(f"{one.help[0].upper()}{one.help[1:]}.", 96)
        lines += [f"{name} : {one.check.words}, default={one.default!r}", textwrap.indent(help_text, "    ")]
    before, _, own_attributes = inspect.cleandoc(doc).partition(ATTRIBUTES)
    sections = before.rstrip(), "\n".join(lines), ATTRIBUTES + FITTED + (own_attributes or "region_ : Region")
    return "\n\n".join(sections).rstrip() + "\n"


# What settings may be


def Count(low: int = 1, high: int | None = None) -> Check:
    """Allow a whole number from `low`, to `high` if that is given; a text is read exactly, however large the number is."""

    def read(text: str) -> Any:  # noqa: ANN401
        try:
            return int(text)
        except (TypeError, ValueError):  # argparse makes a list of --option=--
            return number_or_text(text)

    def convert(name: str, value: object) -> int:
        anything: Any = value
        if high is None and isinstance(value, numbers.Real) and anything > MOST:
            return check_count(name, value, low, MOST, "files hold no larger one exactly")
        return check_count(name, value, low, high)

    return Check(f"a whole number from {low}" + (f" to {high}" if high else ""), convert, read)


def Fraction(*, one_allowed: bool = False, least: float = 0.0) -> Check:
    """Allow a number in (0, 1), or in (0, 1], and not below `least`."""
    words = f"a number in {f'[{least:g}' if least else '(0'}, 1{']' if one_allowed else ')'}"

    def convert(name: str, value: object) -> float:
        number = check_fraction(name, value, one_allowed=one_allowed)
        return number if number >= least else _refuse(name, value, words)

    return Check(words, convert)


def NotNegative() -> Check:
    """Allow a finite number from 0."""
    words = "a number of at least 0"

    def convert(name: str, value: object) -> float:
        number = as_number(value)
        return number if 0 <= number < math.inf else _refuse(name, value, words)

    return Check(words, convert)


def Margin() -> Check:
    """Allow a number in [0, 1)."""
    return Check("a number of at least 0 and less than 1", check_margin)


def Words(*choices: str) -> Check:
    """Allow one of some words."""
    return Check(", ".join(choices), lambda name, value: check_choice(name, value, choices), str, choices)


def NormName() -> Check:
    """Allow a norm, by its name or its p."""
    return Check(", ".join(NORMS), check_norm, str)


class Flag(Check):
    """True or false; an option without a value at the command line."""

    def __init__(self) -> None:
        super().__init__("true or false", check_flag)


def Powers() -> Check:
    """Allow one or more numbers from 0, or infinity, as a tuple; a text has commas between them."""
    words = "one or more numbers from 0, or infinity"

    def convert(name: str, value: object) -> tuple[float, ...]:
        numbers = tuple(map(as_number, values_of(value, name)))
        return numbers if numbers and all(s >= 0 for s in numbers) else _refuse(name, value, words)

    return Check(words, convert, lambda text: tuple(map(number_or_text, text.split(","))))


def Unchecked(words: str) -> Check:
    """Allow a value that is checked where it is used."""
    return Check(words, lambda _, value: value, str)


def _refuse(name: str, value: object, words: str) -> NoReturn:
    msg = f"{name} is {shown(value)}; allowed: {words}"
    raise InputError(msg)
