"""What a wrong argument gets."""

import math
import sys
import warnings
from pathlib import Path
from typing import Any

PACKAGE = str(Path(__file__).parent)


class InputError(ValueError):
    """An argument, a file or an output that numbaconc cannot work with.

    The message is one line: the argument, its value, and what is allowed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # arrays and the like are written in several lines


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line outside this package that led here, so that Python shows each such line once."""
    level = 1
    while (frame := sys._getframe(level)).f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level += 1
    warnings.warn(message, category, stacklevel=level + 1)


def check_count(name: str, value: object, low: int = 1, high: int | None = None, why: str = "") -> int:
    """Return a whole number within [low, high], where no `high` is no limit; InputError for anything else.

    `name` is what the message calls it, and `why` says where `high` comes from.
    """
    allowed = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
    try:
        anything: Any = value  # what cannot be an int raises
        number = int(anything)
        whole = number == value and not isinstance(value, bool)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or number < low or (high is not None and number > high):
        msg = f"{name} is {value!r}; allowed: {allowed}" + (f" ({why})" if why else "")
        raise InputError(msg)
    return int(number)


def as_number(value: object) -> float:
    """Return what is given as a float; NaN, which no check allows, if it is not a number; True and False are none."""
    if type(value).__name__ in ("bool", "bool_"):
        return math.nan
    try:
        anything: Any = value  # what cannot be a float raises
        return float(anything)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def check_fraction(name: str, value: object, *, one_allowed: bool) -> float:
    """Return a number in (0, 1), or in (0, 1] where one is allowed; InputError for anything else."""
    number = as_number(value)
    if not (0 < number < 1 or (one_allowed and number == 1)):
        msg = f"{name} is {value!r}; allowed: a number in (0, 1{']' if one_allowed else ')'}"
        raise InputError(msg)
    return number


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of the choices; otherwise InputError, with the nearest of them."""
    if isinstance(value, str) and value in choices:
        return value
    msg = f"{name} is {value!r}; allowed: {', '.join(choices)}{did_you_mean(value, choices)}"
    raise InputError(msg)


def did_you_mean(value: object, choices: tuple[str, ...]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest choice, or nothing."""
    import difflib

    near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
