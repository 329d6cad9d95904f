"""How Algorithm 2 grows with n, in time and memory: `python benchmarks/balls.py`.

Needs MNIST where numbaconc looks for it ($NUMBACONC_DATA_DIR). Each search is a process of its own;
kernels are compiled before. Beside it stands the algorithm as the paper gives it, in plain NumPy,
which compares k x n distances for each center. Writes balls.md and balls.png beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import numbaconc as nc

HERE = Path(__file__).parent
SETTING = {"alpha": 0.01, "n_sets": 20, "delta": 0.25}  # the paper's, for MNIST
EPSILONS = (1.58, 4.74)
SEARCH = f"""
import resource, sys, time
import numbaconc as nc
train = nc.load_dataset("mnist").train.subsample(int(sys.argv[1]), 0)
nc.search_balls(train.subsample(500, 0), 1.58, **{SETTING})
start = time.perf_counter()
found = nc.search_balls(train, float(sys.argv[2]), **{SETTING})
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, *found.region.center_indices)
"""


def plain(X: np.ndarray, epsilon: float, alpha: float, n_sets: int, delta: float) -> list[int]:
    """Algorithm 2 as the paper gives it; return the centers."""
    levels = X.astype(np.float64)
    norms = (levels**2).sum(axis=1)
    distances = np.sqrt(np.maximum(norms[:, None] + norms - 2 * levels @ levels.T, 0))
    target = int(np.ceil(round(len(X) * alpha * (1 + delta), 9)))
    free, fresh = np.ones(len(X), bool), np.ones(len(X), bool)
    centers: list[int] = []
    while (missing := target - np.count_nonzero(~free)) > 0:
        lowest = -(-missing // (n_sets - len(centers)))
        best = (len(X), 0, 0.0)
        for u in range(len(X)):
            to_free, to_fresh = distances[u, free], distances[u, fresh]
            radii = np.sort(to_free)[lowest - 1 : missing]
            objective = (to_fresh <= radii[:, None] + 255 * epsilon).sum(axis=1) - (to_free <= radii[:, None]).sum(
                axis=1
            )
            k = int(np.argmin(objective))
            if objective[k] < best[0]:
                best = (int(objective[k]), u, float(radii[k]))
        _, u, radius = best
        centers.append(u)
        free &= distances[u] > radius
        fresh &= distances[u] > radius + 255 * epsilon
    return centers


def search(n: int, epsilon: float) -> tuple[float, float, list[int]]:
    """Run a search in a process of its own; return its seconds, its peak memory in GB, and the centers."""
    command = [sys.executable, "-c", SEARCH, str(n), str(epsilon)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), float(words[1]), [int(word) for word in words[2:]]


def plot(sizes: list[int], seconds: dict[float, list[float]]) -> None:
    """Write the plot of seconds against n."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for epsilon, values in seconds.items():
        axes.loglog(sizes, values, "o-", label=f"epsilon {epsilon}")
    axes.loglog(sizes, values[-1] * (np.array(sizes) / sizes[-1]) ** 2, ":", color="0.5", label="proportional to n²")
    axes.set_xticks(sizes, labels=[f"{n:,}" for n in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training points n")
    axes.set_ylabel("seconds")
    axes.set_title("Algorithm 2 on MNIST, T = 20", fontsize="medium")
    axes.legend()
    figure.savefig(HERE / "balls.png", dpi=150)


def main() -> None:
    """Measure, print, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[2000, 5000, 10000, 20000, 60000])
    options = parser.parse_args()
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    )
    lines = [f"MNIST, T = 20, alpha = 0.01, delta = 0.25. {machine}.\n"]
    lines += ["| n | epsilon | seconds | peak memory, GB | plain NumPy, seconds |", "| --- | --- | --- | --- | --- |"]
    seconds: dict[float, list[float]] = {epsilon: [] for epsilon in EPSILONS}
    for n in options.sizes:
        for epsilon in EPSILONS:
            took, peak, centers = search(n, epsilon)
            seconds[epsilon].append(took)
            beside = ""
            if n == options.sizes[0]:
                train = nc.load_dataset("mnist").train.subsample(n, 0)
                start = time.perf_counter()
                theirs = plain(train.X, epsilon, **SETTING)
                beside = (
                    f"{time.perf_counter() - start:.1f} ({'the same balls' if theirs == centers else 'OTHER BALLS'})"
                )
            lines.append(f"| {n:,} | {epsilon} | {took:.2f} | {peak:.2f} | {beside} |")
            print(lines[-1], flush=True)
    (HERE / "balls.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot(options.sizes, seconds)


if __name__ == "__main__":
    main()
