"""How often certificates at exactly α are wrong, in simulated draws whose truth is known in closed form.

The region is the half line {x <= c}, c placed by the draws, and its expansion is {x <= c + ε}. Every certificate is made
by `numbaconc.certify`. Run: python benchmarks/draws.py [--draws 10000] [--sizes 100,400,10000]
With --intervals: how often h is outside the certified interval, for distributions whose h is known, and how wide that is.
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
from numbaconc.groundtruth import Gaussian, GroundTruth, HammingCube, Line, SeparatedClusters, Sphere

ALPHA, CONFIDENCE = 0.05, 0.95
ALLOWED = (1 - CONFIDENCE) / 2
ATOM, BELOW = 0.05, 0.03  # mass of the atom, and of what lies below it

INTERVAL_ALPHA = 0.25

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


@dataclass
class Sandwich:
    """A distribution whose h is known, the strength, and the normal of half spaces that bound it from above."""

    law: GroundTruth
    epsilon: float
    normal: list[float]


CLUSTERS = SeparatedClusters([([0.0, 0.0], 0.5), ([10.0, 0.0], 0.25), ([20.0, 0.0], 0.25)], 0.5)
SANDWICHES = {
    **{f"N(0, I), d = {d}, ℓ2": Sandwich(Gaussian(np.ones(d)), 2.0, [1.0] + [0.0] * (d - 1)) for d in range(1, 6)},
    "N(0, I), d = 2, ℓ∞": Sandwich(Gaussian(np.ones(2), p=math.inf), 1.5, [1.0, 0.0]),
    "N(0, I), d = 2, ℓ1": Sandwich(Gaussian(np.ones(2), p=1), 2.0, [1.0, 1.0]),
    "sphere, d = 3, ℓ2": Sandwich(Sphere(3), 0.8, [1.0, 0.0, 0.0]),
    "normal": Sandwich(Line("normal"), 1.0, [1.0]),
    "Laplace": Sandwich(Line("laplace"), 1.0, [1.0]),
    "uniform": Sandwich(Line("uniform"), 0.2, [1.0]),
    "Hamming cube, d = 8, ℓ1": Sandwich(HammingCube(8), 2.0, [1.0] * 8),
    "three clusters, ℓ2": Sandwich(CLUSTERS, 2.0, [1.0, 0.0]),
}


def interval(case: Sandwich, n: int, seed: int) -> tuple[float, float]:
    """Bound h from below and above by one draw: with 95% confidence both bounds hold."""
    p, norm = case.law.p, {1.0: "l1", 2.0: "l2", math.inf: "linf"}[case.law.p]
    X, asked = case.law.sample(n, seed), {"epsilon": case.epsilon, "alpha": INTERVAL_ALPHA}
    above = nc.certify(nc.HalfSpace(case.normal, 0.0, p), X, **asked, confidence=CONFIDENCE, n_compared=2)
    return nc.lower_bound(X, **asked, norm=norm, confidence=(1 + CONFIDENCE) / 2).value, above.U


def print_intervals(n: int, draws: int) -> None:
    """Print how often either bound is wrong, and how wide the intervals are."""
    print(f"α = {INTERVAL_ALPHA}, n = {n}, {100 * CONFIDENCE:g}% confidence, {draws:,} draws; failures in %\n")
    print(
        "| distribution | ε | h | lower, mean | U, mean | lower wrong | U wrong | both hold | narrower than (1 - α)/2 |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, case in SANDWICHES.items():
        truth = case.law.concentration(INTERVAL_ALPHA, case.epsilon)
        bounds = np.array([interval(case, n, seed) for seed in range(draws)])
        wrong = np.stack([bounds[:, 0] > truth, bounds[:, 1] < truth], axis=1)
        narrow = np.diff(bounds, axis=1)[:, 0] < (1 - INTERVAL_ALPHA) / 2
        means = [f"{value:.3f}" for value in (truth, *bounds.mean(axis=0))]
        cells = [*map(in_percent, wrong.T), in_percent(~wrong.any(axis=1)), f"{100 * narrow.mean():.1f}"]
        print("|", " | ".join([name, f"{case.epsilon:g}", *means, *cells]), "|", flush=True)


def in_percent(wrong: NDArray[np.bool_]) -> str:
    """Return a share with its standard error."""
    share = wrong.mean()
    return f"{100 * share:.2f} ± {100 * math.sqrt(share * (1 - share) / len(wrong)):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--sizes", default="100,400,10000")
    parser.add_argument("--intervals", action="store_true")
    options = parser.parse_args()
    if options.intervals:
        for n in map(int, options.sizes.split(",")):
            print_intervals(n, options.draws)
        return
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
