"""The norms that ε is measured in, one line each."""

from __future__ import annotations

import math
from typing import NamedTuple

from numbaconc.errors import InputError, did_you_mean


class Norm(NamedTuple):
    """One norm.

    Attributes
    ----------
    name : str
        In arguments and in files.
    sign : str
        In words.
    p, dual : float
        ‖·‖_p, and the q with 1/p + 1/q = 1.
    search : str
        The search that is taken where none is named.
    """

    name: str
    sign: str
    p: float
    dual: float
    search: str


NORMS = {
    norm.name: norm
    for norm in (
        Norm("linf", "ℓ∞", math.inf, 1.0, "rectangles"),
        Norm("l2", "ℓ2", 2.0, 2.0, "balls"),
        Norm("l1", "ℓ1", 1.0, math.inf, "halfspaces"),
    )
}


def check_norm(name: str, value: object, allowed: tuple[str, ...] = tuple(NORMS)) -> str:
    """Return a norm's name, given by its name or by its p (infinity, 2 or 1).

    Raises
    ------
    InputError
        If it is not one of those allowed.
    """
    for known in allowed:
        if isinstance(value, str) and value == known:
            return known
        if isinstance(value, int | float) and not isinstance(value, bool) and value == NORMS[known].p:
            return known
    msg = f"{name} is {value!r}; allowed: {', '.join(allowed)}{did_you_mean(value, allowed)}"
    raise InputError(msg)


def sign_of(name: object) -> str:
    """Return how a norm is written in words; nothing for one that is not known, as of a file without it."""
    return NORMS[name].sign if isinstance(name, str) and name in NORMS else ""
