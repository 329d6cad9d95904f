"""Numbers in sentences: what is claimed of a number holds for the number that is read."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

READABLE = 6  # characters of a decimal; of a longer one a fraction is looked for
DENOMINATOR = 255  # the largest one that is looked for, and that of gray levels
HUNDREDTH = Decimal("0.01")
DIGITS = 4  # decimals of a bound; more where two significant digits need them


def exact(value: float) -> str:
    """Write a number so that it reads back as the same: shortly, as a fraction such as 8/255 where it is one."""
    text = repr(float(value)).removesuffix(".0")
    if len(text) > READABLE and abs(value) < 1:
        near = Fraction(float(value)).limit_denominator(DENOMINATOR)
        if near and float(near) == value and len(str(near)) < len(text):
            return str(near)
    return text


def strength(value: float) -> str:
    """Write an ε so that it reads back as the same: in 255ths, as 8/255, where it is a whole number of them and no short decimal."""
    text = repr(float(value)).removesuffix(".0")
    if len(text) <= READABLE or not math.isfinite(value * DENOMINATOR):
        return text
    levels = f"{round(value * DENOMINATOR)}/{DENOMINATOR}"
    return levels if float(Fraction(levels)) == value and len(levels) < len(text) else exact(value)


def exact_percent(value: float) -> str:
    """Write a fraction in per cent, all digits that it reads back from and no more."""
    return f"{Decimal(repr(float(value))).scaleb(2).normalize():f}%"


def strength_at_most(value: float) -> str:
    """Write an ε of a bound: as `strength` does where that is short, otherwise rounded down, if two significant digits are left.

    h grows with ε, so that a bound on h at ε holds at the number that is read as well.
    """
    if (text := strength(value)).endswith(f"/{DENOMINATOR}") or ("/" not in text and len(text) <= READABLE):
        return text
    number = Decimal(repr(float(value)))
    rounded = number.quantize(Decimal(1).scaleb(-DIGITS), ROUND_FLOOR, Context(prec=1000)).normalize()
    return f"{rounded:f}" if rounded and rounded.adjusted() >= 1 - DIGITS else text


def at_least(value: float) -> str:
    """Write a lower bound, rounded down."""
    return _bound(value, ROUND_FLOOR)


def at_most(value: float) -> str:
    """Write an upper bound, rounded up."""
    return _bound(value, ROUND_CEILING)


def _bound(value: float, rounding: str) -> str:
    number = Decimal(float(value))
    decimals = max(DIGITS, 1 - number.adjusted()) if number else DIGITS
    return f"{number.quantize(Decimal(1).scaleb(-decimals), rounding, Context(prec=1000)):f}"


def rounded_up(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, rounded up."""
    number = Context(prec=digits, rounding=ROUND_CEILING).create_decimal_from_float(float(value)).normalize()
    return f"{number:f}" if -DIGITS <= number.adjusted() <= DIGITS else f"{number:e}"


def percent(value: float) -> str:
    """Write a fraction in per cent, with as many digits as 10,000 points give."""
    return f"{100 * value:.2f}%"


def spread(mean: float, std: float | None) -> str:
    """Write a mean in per cent, with its deviation if there is one."""
    return percent(mean) if std is None else f"{100 * mean:.2f} ± {100 * std:.2f}%"


def percent_at_most(value: float) -> str:
    """Write a fraction in per cent with two decimals, rounded up."""
    return f"{Decimal(repr(float(value))).scaleb(2).quantize(HUNDREDTH, ROUND_CEILING)}%"


def percent_at_least(value: float | Decimal) -> str:
    """Write a fraction in per cent with two decimals, rounded down."""
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return f"{number.scaleb(2).quantize(HUNDREDTH, ROUND_FLOOR)}%"


def as_fraction(percentage: str) -> str:
    """Write what stands in per cent as a fraction, digit by digit: 0.0974 for 9.74%."""
    return f"{Decimal(percentage.removesuffix('%')).scaleb(-2):f}"


def percent_left(value: float) -> str:
    """Write what a fraction leaves of 1 in per cent, rounded down: 90.26% beside .0974, without the rounding of 1 - .0974."""
    return percent_at_least(1 - Decimal(repr(float(value))))
