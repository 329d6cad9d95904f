"""How Algorithm 2 grows with n, in time and memory: `python benchmarks/balls.py`.

Needs MNIST where numbaconc looks for it ($NUMBACONC_DATA_DIR). Each search is a process of its own;
kernels are compiled before. Then, in one process and on few points, the authors' way of counting in plain
NumPy. Writes balls.md and balls.png beside this file.
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
nc.search_balls(train, float(sys.argv[2]), **{SETTING})
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def plain(X: np.ndarray, epsilon: float, alpha: float, n_sets: int, delta: float, *, once: bool) -> list[int]:
    """Algorithm 2 as the authors' program has it, in NumPy; return the centers.

    For every center and every ball the distances to all points, sorted, and two dense k x n matrices of
    differences to count in. With `once`, distances are found once and kept, n x n.
    """
    levels = X.astype(np.float64)
    kept = [np.sqrt(((levels - x) ** 2).sum(axis=1)) for x in levels] if once else None
    target = int(np.ceil(round(len(X) * alpha * (1 + delta), 9)))
    free, fresh = np.ones(len(X), bool), np.ones(len(X), bool)
    centers: list[int] = []

    def distances(u: int) -> np.ndarray:
        return np.sqrt(((levels - levels[u]) ** 2).sum(axis=1)) if kept is None else kept[u]

    while (missing := target - np.count_nonzero(~free)) > 0:
        lowest = -(-missing // (n_sets - len(centers)))
        best = (len(X), 0, 0.0)
        for u in range(len(X)):
            to_all = distances(u)
            to_free, to_fresh = to_all[free], to_all[fresh]
            radii = np.sort(to_free)[lowest - 1 : missing, np.newaxis]
            objective = (to_fresh - radii <= 255 * epsilon).sum(axis=1) - (to_free - radii <= 0).sum(axis=1)
            k = int(np.argmin(objective))
            if objective[k] < best[0]:
                best = (int(objective[k]), u, float(radii[k, 0]))
        _, u, radius = best
        centers.append(u)
        free &= distances(u) > radius
        fresh &= distances(u) > radius + 255 * epsilon
    return centers


def search(n: int, epsilon: float) -> tuple[float, float]:
    """Run a search in a process of its own; return its seconds and its peak memory in GB."""
    command = [sys.executable, "-c", SEARCH, str(n), str(epsilon)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), float(words[1])


def compare(n: int, epsilon: float) -> str:
    """Time a search beside the plain one, T = 5, both in this process; return a row of the table."""
    train, setting = nc.load_dataset("mnist").train.subsample(n, 0), SETTING | {"n_sets": 5}
    taken = []
    for _ in range(8):
        start = time.perf_counter()
        centers = nc.search_balls(train, epsilon, **setting).region.center_indices.tolist()
        taken.append(time.perf_counter() - start)
    ours = float(np.median(taken[1:]))  # the first one may compile
    row = f"| {n:,} | {epsilon} | {1e3 * ours:.0f} ms |"
    for once in (True, False):
        start = time.perf_counter()
        theirs = plain(train.X, epsilon, **setting, once=once)
        took = time.perf_counter() - start
        row += f" {took:.1f} s: {took / ours:,.0f} times |"
    return f"{row} {'yes' if theirs == centers else 'NO'} |"


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
    lines += ["| n | epsilon | seconds | peak memory, GB |", "| --- | --- | --- | --- |"]
    seconds: dict[float, list[float]] = {epsilon: [] for epsilon in EPSILONS}
    for n in options.sizes:
        for epsilon in EPSILONS:
            took, peak = search(n, epsilon)
            seconds[epsilon].append(took)
            lines.append(f"| {n:,} | {epsilon} | {took:.2f} | {peak:.2f} |")
            print(lines[-1], flush=True)
    lines += [
        "\nT = 5, in one process, beside the authors' way of counting in plain NumPy: sorted distances of every center,",
        "and a dense k x n matrix of differences; with distances kept, n x n, and found anew for every ball.\n",
        "| n | epsilon | numbaconc | plain, distances kept | plain | same balls |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for epsilon in EPSILONS:
        lines.append(compare(options.sizes[0], epsilon))
        print(lines[-1], flush=True)
    (HERE / "balls.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot(options.sizes, seconds)


if __name__ == "__main__":
    main()
