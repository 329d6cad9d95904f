"""Numbers in sentences: what is claimed of a number holds for the number that is read."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

READABLE = 6  # characters of a decimal; of a longer one a fraction is looked for
DENOMINATOR = 255  # the largest one that is looked for
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


def exact_percent(value: float) -> str:
    """Write a fraction in per cent, all digits that it reads back from and no more."""
    return f"{Decimal(repr(float(value))).scaleb(2).normalize():f}%"


def strength_at_most(value: float) -> str:
    """Write an ε of a bound: rounded down where two significant digits are left, otherwise exactly.

    h grows with ε, so that a bound on h at ε holds at the number that is read as well.
    """
    number = Decimal(repr(float(value)))
    rounded = number.quantize(Decimal(1).scaleb(-DIGITS), ROUND_FLOOR, Context(prec=1000)).normalize()
    return f"{rounded:f}" if rounded and rounded.adjusted() >= 1 - DIGITS else exact(value)


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


def percent_at_most(value: float) -> str:
    """Write a fraction in per cent with two decimals, rounded up."""
    return f"{Decimal(repr(float(value))).scaleb(2).quantize(HUNDREDTH, ROUND_CEILING)}%"


def percent_at_least(value: float) -> str:
    """Write a fraction in per cent with two decimals, rounded down."""
    return f"{Decimal(repr(float(value))).scaleb(2).quantize(HUNDREDTH, ROUND_FLOOR)}%"
