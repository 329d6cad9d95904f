"""What is asked of a search, and which of several regions is kept: each rule stands here once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import parse_epsilon
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, check_count, check_fraction, shown
from numbaconc.reprs import Shown

EXTREMES = 2.0**-120, 2.0**120  # levels, whose squares float32 does not hold, but float64 does, with room for sums
ROUNDING = 1e-12  # 60000 * .07 is a little more than 4200, and makes 4200


def count_of(share: float, n: int) -> int:
    """Return ⌈share n⌉: how many of n points make up a share."""
    return math.ceil(share * n * (1 - ROUNDING))


@dataclass(frozen=True, repr=False)
class Goal(Shown):
    """An error region of at least a share α + margin of the training points that grows little within ε.

    Attributes
    ----------
    epsilon : float
        Strength of the expansion, on the unit scale.
    alpha : float
        Risk threshold, in (0, 1).
    margin : float or None
        Asked for beyond α on the training points, so that the risk is at least α on others; at least 0. None leaves
        it to the search.
    n_compared : int
        Regions that test points will certify together.
    """

    epsilon: float
    alpha: float
    margin: float | None = 0.0
    n_compared: int = 1

    def _facts(self) -> dict[str, object]:
        return vars(self)

    @classmethod
    def of(
        cls,
        epsilon: object,
        alpha: object,
        margin: object = 0.0,
        n_compared: int = 1,
    ) -> Goal:
        """Return a goal of these numbers; InputError if one of them is not allowed."""
        checked = check_fraction("alpha", alpha, one_allowed=False)
        asked = None if margin is None else check_margin("margin", margin, 1 - checked)
        return cls(parse_epsilon(epsilon), checked, asked, check_count("n_compared", n_compared))

    @property
    def share(self) -> float:
        """α + margin; α where the margin is left open."""
        return self.alpha + (self.margin or 0.0)

    def with_margin(self, margin: float | None) -> Goal:
        """Return the goal that asks for another margin."""
        return replace(self, margin=margin)

    def check(self, n: int) -> None:
        """Refuse a threshold of less than one of n points: InputError."""
        n = check_count("n", n)
        if self.alpha * n < 1 - 1e-9:
            msg = f"alpha is {self.alpha:g}; allowed: at least 1/n = {1 / n:g}, so that a region holds one of the {n} points"
            raise InputError(msg)

    def n_inside(self, n: int) -> int:
        """Return ⌈(α + margin) n⌉, how many of n points a region must hold.

        Raises
        ------
        InputError
            If that is less than one point, or all of them.
        """
        self.check(n)
        n = int(n)
        inside = count_of(self.share, n)
        if inside >= n:
            asked = f"alpha is {self.alpha:g}" + (f" and margin {self.margin:g}" if self.margin else "")
            msg = f"{asked}, to hold {inside} points; allowed: fewer than the {n} there are"
            raise InputError(msg)
        return inside


def check_goal(goal: Goal, sample: Sample) -> None:
    """Refuse a threshold of less than one of the points, and a strength that kernels cannot count with: InputError."""
    goal.check(len(sample))
    least, most = EXTREMES[0] * sample.unit, EXTREMES[1] * sample.unit
    if not least <= goal.epsilon <= most:
        msg = f"epsilon is {goal.epsilon:g}; allowed: from {least:.2g} to {most:.2g}, beside points of this size"
        raise InputError(msg)


def check_margin(name: str, value: object, below: float = 1.0) -> float:
    """Return a margin, a number in [0, below); InputError for anything else."""
    number = as_number(value)
    if not 0 <= number < below:
        limit = "less than 1" if below == 1 else f"less than 1 - alpha = {below:g}"
        msg = f"{name} is {shown(value)}; allowed: a number of at least 0 and {limit}"
        raise InputError(msg)
    return number


def kept_index(risk: ArrayLike, adversarial_risk: ArrayLike, alpha: ArrayLike) -> NDArray[np.intp]:
    """Return which of several regions is kept: the one rule for restarts, the best of several searches, and for files.

    That of least adversarial risk among those of risk >= α; if there is none, that of most risk. Ties go to the first.
    Risks, of shape (..., m), are those of m regions on the points that choose, NaN where there is none. α and the
    result, integers, have shape (...).
    """
    risk = np.asarray(risk, dtype=np.float64)
    enough = risk >= np.asarray(alpha, dtype=np.float64)[..., np.newaxis]
    order: NDArray[Any] = np.where(enough, adversarial_risk, np.inf)
    order = np.where(enough.any(axis=-1, keepdims=True), order, -risk)
    chosen: NDArray[np.intp] = np.where(np.isnan(risk), np.inf, order).argmin(axis=-1)
    return chosen
