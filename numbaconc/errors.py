"""What a wrong argument gets."""

import contextlib
import math
import reprlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = str(Path(__file__).parent)
LONGEST = 480  # characters of a message; more than that is no line that anybody reads
LONGEST_VALUE = 160  # characters of a value in it
LIKENESS = 0.6  # of difflib, from which on a word may have been meant

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = LONGEST_VALUE


class InputError(ValueError):
    """An argument, a file or an output that numbaconc cannot work with.

    The message is one line, not a long one: the argument, its value, and what is allowed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message, LONGEST))


class NoRegionError(InputError):
    """No region of enough risk was found, though all arguments are allowed.

    Attributes
    ----------
    dataset : xarray.Dataset or None
        Of `measure`: what it would return, with `error` for every ε and α, and no values.
    """

    dataset: Any = None


def shortened(text: str, most: int) -> str:
    """Return a text in one line of at most so many characters; of longer ones the middle is left out."""
    line = printable(" ".join(text.split()))  # arrays and the like are written in several lines
    end = most // 3
    return line if len(line) <= most else f"{line[: most - end - 5].rstrip()} ... {line[-end:].lstrip()}"


def printable(text: object) -> str:
    r"""Return a text of anybody's in one line, with escapes such as \x1b for what is not a character to be seen.

    Control characters, changes of the direction of writing, newlines and lone surrogates would otherwise reach the
    terminal or a page as they are.
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(text))


def shown(value: object) -> str:
    """Return how a value is written in a message: shortly, however large it is, and whatever its class does."""
    try:
        number = value.item() if isinstance(value, np.generic) else value  # not np.float64(...)
        return shortened(_short.repr(number), LONGEST_VALUE)
    except Exception:  # its class may raise anything; whole numbers of thousands of digits are not written at all
        return f"<{type(value).__name__}>"


def said(error: BaseException) -> str:
    """Return what an error of another library says, in one short line with its type."""
    try:
        text = str(error)
    except Exception:  # an error whose words are as broken as what raised it
        text = ""
    return shortened(f"{type(error).__name__}: {text}", LONGEST_VALUE * 2).rstrip(": ")


@contextlib.contextmanager
def reading(where: str, kind: str) -> Iterator[None]:
    """Turn whatever a library raises for a bad file into an InputError that names the file (`where`, quoted)."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # libraries differ in what they raise for a bad file
        said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        said += "; allowed: text in UTF-8" * isinstance(error, UnicodeError)
        msg = f"file {where} cannot be read as {kind}: {said}"
        raise InputError(msg) from error


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line outside this package that led here, so that Python shows each such line once."""
    level = 1
    while (frame := sys._getframe(level)).f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level += 1
    warnings.warn(printable(" ".join(message.split())), category, stacklevel=level + 1)


def check_count(name: str, value: object, low: int = 1, high: int | None = None, why: str = "") -> int:
    """Return a whole number within [low, high], where no `high` is 2^63 - 1; InputError for anything else.

    `name` is what the message calls it, and `why` says where `high` comes from.
    """
    try:
        anything: Any = value  # what cannot be an int raises, and its class may raise anything
        number = int(anything)
        whole = bool(number == anything) and not is_truth(value)
    except Exception:
        whole = False
    if high is None and whole and number > sys.maxsize:
        high = sys.maxsize  # more than that is no number of anything
    allowed = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
    if not whole or number < low or (high is not None and number > high):
        msg = f"{name} is {shown(value)}; allowed: {allowed}" + (f" ({why})" if why else "")
        raise InputError(msg)
    return int(number)


def is_truth(value: object) -> bool:
    """Return whether a value is true or false, of Python or of NumPy, also in an array of its own."""
    return isinstance(value, bool | np.bool_) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype == bool
    )


def as_number(value: object) -> float:
    """Return what is given as a float; NaN, which no check allows, if it is not a number; True and False are none."""
    if is_truth(value):
        return math.nan
    try:
        anything: Any = value  # what cannot be a float raises, and its class may raise anything
        return float(anything)
    except Exception:
        return math.nan


def check_fraction(name: str, value: object, *, one_allowed: bool) -> float:
    """Return a number in (0, 1), or in (0, 1] where one is allowed; InputError for anything else."""
    number = as_number(value)
    if not (0 < number < 1 or (one_allowed and number == 1)):
        msg = f"{name} is {shown(value)}; allowed: a number in (0, 1{']' if one_allowed else ')'}"
        raise InputError(msg)
    return number


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of the choices; otherwise InputError, with the nearest of them."""
    if isinstance(value, str) and value in choices:
        return value
    msg = f"{name} is {shown(value)}; allowed: {', '.join(choices)}{did_you_mean(value, choices)}"
    raise InputError(msg)


def check_flag(name: str, value: object) -> bool:
    """Return true or false; InputError for anything else."""
    if is_truth(value):
        return bool(value)
    msg = f"{name} is {shown(value)}; allowed: true or false"
    raise InputError(msg)


def check_text(name: str, value: object) -> str:
    """Return a text that files can hold; InputError for anything else, also for one without a letter."""
    if (
        isinstance(value, str)
        and value.strip()
        and "\0" not in value
        and not any(0xD800 <= ord(c) < 0xE000 for c in value)
    ):
        return value
    msg = f"{name} is {shown(value)}; allowed: a text"
    raise InputError(msg)


def did_you_mean(value: object, choices: tuple[str, ...]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest choice, whatever its case is, or nothing."""
    import difflib

    by_name = {choice.lower().lstrip("-"): choice for choice in reversed(choices)}
    plain = value.lower().lstrip("-") if isinstance(value, str) else ""
    near = difflib.get_close_matches(plain, by_name, n=1, cutoff=LIKENESS)
    return f"; did you mean {by_name[near[0]]!r}?" if near else ""
