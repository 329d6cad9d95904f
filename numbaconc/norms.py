"""The norms that ε is measured in, one line each."""

from __future__ import annotations

import math
from typing import NamedTuple

from numbaconc.errors import InputError, as_number, did_you_mean, shown


class Norm(NamedTuple):
    """A norm ‖·‖_p: its name in arguments and files, its sign in words, and the search that is its own."""

    name: str
    sign: str
    p: float
    search: str


NORMS = {
    norm.name: norm
    for norm in (
        Norm("linf", "ℓ∞", math.inf, "rectangles"),
        Norm("l2", "ℓ2", 2.0, "balls"),
        Norm("l1", "ℓ1", 1.0, "halfspaces"),
    )
}


def check_p(p: object) -> float:
    """Return the p of a norm ‖·‖_p, a number from 1 or infinity; InputError for anything else."""
    number = as_number(p)
    if not number >= 1:
        msg = f"p is {shown(p)}; allowed: a number from 1, or infinity"
        raise InputError(msg)
    return number


def dual(p: float) -> float:
    """Return the q with 1/p + 1/q = 1: what a step of length 1 in ℓp adds to w·x is at most ‖w‖_q."""
    return math.inf if p == 1 else 1.0 if math.isinf(p) else p / (p - 1)


def check_norm(name: str, value: object, allowed: tuple[str, ...] = tuple(NORMS)) -> str:
    """Return a norm's name, given by its name or by its p (infinity, 2 or 1); InputError if it is not allowed."""
    for known in allowed:
        if (isinstance(value, str) and value == known) or as_number(value) == NORMS[known].p:
            return known
    msg = f"{name} is {shown(value)}; allowed: {', '.join(allowed)}{did_you_mean(value, allowed)}"
    raise InputError(msg)


def sign_of(name: object) -> str:
    """Return how a norm is written in words; nothing for one that is not known, as of a file without it."""
    return NORMS[name].sign if isinstance(name, str) and name in NORMS else ""
