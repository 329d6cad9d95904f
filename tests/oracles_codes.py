"""Plain-loop versions of sums in a given order, and distances in exact arithmetic. They import nothing of ours."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

DIGITS = 60  # far more than rounding to float64 could hide


def sum_in_lanes(x, y, lanes, span):
    """Σ|a − b| in floats: over each span lane by lane, then every two neighboring lanes, then the spans in turn."""
    total = 0.0
    for start in range(0, len(x), span):
        sums = [0.0] * lanes
        for c in range(start, min(start + span, len(x))):
            sums[(c - start) % lanes] += abs(float(x[c]) - float(y[c]))
        while len(sums) > 1:
            sums = [a + b for a, b in zip(sums[::2], sums[1::2], strict=True)]
        total += sums[0]
    return total


def distance(x, y, squared):
    """ℓ1, or ℓ2 where squares are summed, of numbers taken as they are: correct to DIGITS digits."""
    gaps = [abs(Fraction(a) - Fraction(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    total = sum((gap * gap if squared else gap for gap in gaps), Fraction(0))
    with localcontext(prec=DIGITS):
        number = Decimal(total.numerator) / Decimal(total.denominator)
        return number.sqrt() if squared else number


def least_units(x, y, squared, per_step):
    """Return the distance of two codes, in units, rounded down where it is no whole number."""
    gaps = [abs(a - b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    with localcontext(prec=DIGITS):
        return int(Decimal(sum(gap * gap for gap in gaps)).sqrt() * per_step) if squared else sum(gaps) * per_step


def nearest(X, k, squared, split=None):
    """Return the k least distances from each row, sorted; of whole numbers, whose sums are exact in any order."""
    rows = X.astype(int).tolist()
    found = []
    for i in range(len(rows)):
        distances = []
        for j in range(len(rows)):
            if i != j and (split is None or (i < split) != (j < split)):
                gaps = [abs(a - b) for a, b in zip(rows[i], rows[j], strict=True)]
                distances.append(float(sum(gap * gap if squared else gap for gap in gaps)))
        found.append(sorted([*distances, *[float("inf")] * k])[:k])
    return found
