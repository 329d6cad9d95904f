"""What a sweep costs beside its kernels: `python benchmarks/sweeps.py`.

Digits, T = 10: a thousand cases of four strengths, durably stored, and the same for one strength.
Then one data set of images ($NUMBACONC_DATA_DIR) at four strengths and at one.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
from pathlib import Path

import numbaconc as nc

STRENGTHS = ["1/16", "2/16", "3/16", "4/16"]


class Kernels:
    """Time spent inside kernels: every one that a module has is timed."""

    def __init__(self) -> None:
        self.seconds = 0.0
        for module in [module for name, module in sys.modules.items() if name.startswith("numbaconc")]:
            for name, value in vars(module).copy().items():
                owner = getattr(value, "__module__", None) or ""
                if callable(value) and owner.startswith("numbaconc.kernels.") and hasattr(value, "__wrapped__"):
                    setattr(module, name, self.timed(value))

    def timed(self, kernel):
        def call(*arguments):
            start = time.perf_counter()
            try:
                return kernel(*arguments)
            finally:
                self.seconds += time.perf_counter() - start

        return call


def sweep(grid: dict, **settings) -> float:
    """Seconds that a new sweep takes."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        nc.run_sweep(grid, Path(folder) / "sweep.nc", **settings)
        return time.perf_counter() - start


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist", help="of images (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()

    digits = {"dataset": "digits", "T": 10, "q": [round(0.5 + 0.01 * i, 2) for i in range(25)]}
    sweep(digits | {"q": 0.5, "epsilon": STRENGTHS})  # compile
    kernels = Kernels()
    for strengths in (STRENGTHS, STRENGTHS[:1]):
        seeds = list(range(1000 // len(digits["q"]) // len(strengths)))
        kernels.seconds = 0.0
        total = sweep(digits | {"epsilon": strengths, "seed": seeds})
        n_cases = len(digits["q"]) * len(strengths) * len(seeds)
        beside = 1000 * (total - kernels.seconds) / n_cases
        print(
            f"digits, T = 10, {n_cases} cases of {len(strengths)} strengths: {total:.2f} s, of which kernels "
            f"{kernels.seconds:.2f} s; {beside:.2f} ms a case beside them",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as cache:
        images = {"dataset": options.dataset, "T": 10, "q": [0.6, 0.66], "seed": [0, 1]}
        settings = {"load": functools.partial(nc.load_dataset, verify=False), "cache_dir": cache}
        sweep(images | {"epsilon": 0.1, "T": 1, "q": 0.5}, **settings)  # radii
        times = {1: [], 4: []}
        for _ in range(options.repeat):
            for count, taken in times.items():
                taken.append(sweep(images | {"epsilon": [0.1, 0.2, 0.3, 0.4][:count]}, **settings))
        one, four = (min(taken) for taken in times.values())
        print(
            f"{options.dataset}, T = 10, 4 clusterings: one strength {one:.2f} s, four {four:.2f} s ({four / one - 1:+.1%})"
        )


if __name__ == "__main__":
    main()
