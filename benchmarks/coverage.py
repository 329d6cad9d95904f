"""How often certificates at exactly α are wrong, in simulated draws whose truth is known in closed form.

The region is the half line {x <= c}, c placed by the draws, and its expansion is {x <= c + ε}. Every certificate is made
by `numbaconc.certify`. Run: python benchmarks/coverage.py [--draws 10000] [--sizes 100,400,10000]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm, poisson, t

import numbaconc as nc
from numbaconc.binomial import least_count

ALPHA, CONFIDENCE = 0.05, 0.95
ALLOWED = (1 - CONFIDENCE) / 2
ATOM, BELOW = 0.05, 0.03  # mass of the atom, and of what lies below it

Numbers = NDArray[np.float64]


@dataclass
class Law:
    """A distribution on the line: a draw of n points, and P[X <= x]."""

    draw: Callable[[np.random.Generator, int], Numbers]
    below: Callable[[float], float]
    epsilon: float
    ties: bool


def with_atom(rng: np.random.Generator, n: int) -> Numbers:
    """Normal numbers, some of them replaced by one value."""
    return np.where(rng.random(n) < ATOM, AT, rng.normal(size=n))


AT = float(norm.ppf(BELOW / (1 - ATOM)))
LAWS = {
    "normal": Law(lambda rng, n: rng.normal(size=n), norm.cdf, 0.3, ties=False),
    "Student's t, 2 degrees of freedom": Law(lambda rng, n: rng.standard_t(2, n), t(2).cdf, 0.5, ties=False),
    "Poisson, mean 20": Law(lambda rng, n: rng.poisson(20, n).astype(float), poisson(20).cdf, 1.0, ties=True),
    "normal, an atom at the border": Law(
        with_atom, lambda x: (1 - ATOM) * float(norm.cdf(x)) + ATOM * (x >= AT), 0.3, ties=True
    ),
}


def failures(law: Law, n: int, draws: int, seed: int) -> NDArray[np.bool_]:
    """Whether L and U are wrong in each of the draws, shape (draws, 2)."""
    region = nc.HalfSpace([-1.0], 0.0)  # {x : -x > 0}; the number of a point in its chain is x
    rng = np.random.default_rng(seed)
    wrong = np.empty((draws, 2), bool)
    for i in range(draws):
        X = law.draw(rng, n)
        found = nc.certify(region, nc.Sample(X[:, np.newaxis]), law.epsilon, ALPHA, CONFIDENCE)
        border = np.partition(X, found.m - 1)[found.m - 1]
        wrong[i] = law.below(border) < found.L, law.below(border + law.epsilon) > found.U
    return wrong


def in_percent(wrong: NDArray[np.bool_]) -> str:
    """Return a share with its standard error."""
    share = wrong.mean()
    return f"{100 * share:.2f} ± {100 * math.sqrt(share * (1 - share) / len(wrong)):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--sizes", default="100,400,10000")
    options = parser.parse_args()
    print(f"α = {ALPHA}, {100 * CONFIDENCE:g}% confidence, {options.draws:,} draws; failures in %\n")
    print("| distribution | n | m | L | theory of L | U | at most | both hold | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for number, (name, law) in enumerate(LAWS.items()):
        for n in map(int, options.sizes.split(",")):
            start = time.perf_counter()
            wrong = failures(law, n, options.draws, seed=1000 * number + n)
            m = least_count(ALPHA, n)
            theory = 100 * float(binom.sf(m - 1, n, ALPHA))
            exactly = f"at most {theory:.2f}" if law.ties else f"{theory:.2f}"
            held = in_percent(~wrong.any(axis=1))
            cells = [
                name,
                f"{n:,}",
                m,
                in_percent(wrong[:, 0]),
                exactly,
                in_percent(wrong[:, 1]),
                f"{100 * ALLOWED:.2f}",
            ]
            print("|", " | ".join(map(str, [*cells, held, f"{time.perf_counter() - start:.0f}"])), "|", flush=True)


if __name__ == "__main__":
    main()
