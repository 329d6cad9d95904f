"""How often the lower bound on mean label uncertainty is wrong, and how far below the mean it lies, in simulated draws.

Beside it stand Hoeffding's bound and that of Maurer and Pontil (empirical Bernstein, 2009) on the same draws. The bound is
`numbaconc.betting.mean_at_least`. Run: python benchmarks/hardness.py [--draws 2000] [--size 250] [--data-dir FOLDER]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import numbaconc as nc
from numbaconc.betting import mean_at_least
from numbaconc.data.annotations import MOST

TAIL = 0.05 / 3  # of one bound of a certificate of three, at 95% confidence

Numbers = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Numbers]


def hoeffding(values: Numbers) -> float:
    """Mean less the deviation of Hoeffding's inequality."""
    return float(values.mean()) - MOST * math.sqrt(-math.log(TAIL) / (2 * len(values)))


def bernstein(values: Numbers) -> float:
    """Mean less the deviation of the empirical Bernstein inequality (Maurer and Pontil 2009, Theorem 4)."""
    n, log = len(values), math.log(2 / TAIL)
    return float(values.mean()) - math.sqrt(2 * values.var(ddof=1) * log / n) - MOST * 7 * log / (3 * (n - 1))


def among(uncertainty: Numbers, mean: float | None = None) -> tuple[Draw, float]:
    """Draw from some numbers, all alike; or the larger ones more often, so that the mean is about as large as given."""
    weights, more = np.ones(len(uncertainty)), 0.0
    while mean is not None and np.average(uncertainty, weights=weights) < mean:
        more += 0.01
        weights = 1 + more * uncertainty
    shares = weights / weights.sum()
    return lambda rng, n: rng.choice(uncertainty, n, p=shares), float(shares @ uncertainty)


def laws(data_dir: Path | None) -> dict[str, tuple[Draw, float]]:
    """Return draws of values in [0, 2], and their means."""
    made: dict[str, tuple[Draw, float]] = {
        "0 or 2, 1 of 100 is 2": (lambda rng, n: 2.0 * (rng.random(n) < 0.01), 0.02),
        "0 or 2, 15 of 100 are 2": (lambda rng, n: 2.0 * (rng.random(n) < 0.15), 0.3),
        "0 or 1, 90 of 100 are 1": (lambda rng, n: 1.0 * (rng.random(n) < 0.9), 0.9),
        "uniform on [0, 2]": (lambda rng, n: 2 * rng.random(n), 1.0),
    }
    try:
        data = nc.load_dataset("cifar10h", data_dir=data_dir, verify=False)
    except nc.InputError as error:  # it is not here, and is not fetched for this
        print(f"without CIFAR-10H: {error}\n")
        return made
    uncertainty = np.concatenate([data.train.uncertainty, data.test.uncertainty])
    made["CIFAR-10H"] = among(uncertainty)
    made["CIFAR-10H, uncertain images more often"] = among(uncertainty, 0.3)
    return made


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--size", type=int, default=250)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    bounds = {"betting": lambda x: mean_at_least(x, TAIL, MOST), "bernstein": bernstein, "hoeffding": hoeffding}
    drawn = laws(options.data_dir)
    print("| values | mean | wrong, % | at most | betting | empirical Bernstein | Hoeffding |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (draw, mean) in drawn.items():
        rng = np.random.default_rng(0)
        samples = [draw(rng, options.size) for _ in range(options.draws)]
        found = {which: np.array([bound(x) for x in samples]) for which, bound in bounds.items()}
        wrong = np.mean(found["betting"] > mean)
        error = math.sqrt(wrong * (1 - wrong) / options.draws)
        medians = " | ".join(f"{max(0.0, float(np.median(one))):.3f}" for one in found.values())
        print(
            f"| {name} | {mean:.3f} | {100 * wrong:.2f} ± {100 * error:.2f} | {100 * TAIL:.2f} | {medians} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
