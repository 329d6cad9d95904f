"""How long the paper's ℓ∞ results take, and how much memory: `python benchmarks/rectangles.py`.

Needs the data sets where numbaconc looks for them ($NUMBACONC_DATA_DIR). Each stage is a process of
its own with an empty cache of radii; kernels are compiled before.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time

RADII = """
import time
import numbaconc as nc
data = nc.load_dataset({name!r}, verify=False)
nc.knn_radii(data.train.X[:100])
start = time.perf_counter()
nc.knn_radii(data.train, n_neighbors=50)
print(time.perf_counter() - start)
"""


def peak_and_seconds(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Run a command; return its peak memory in GB, its wall time in seconds, and what it printed."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{' '.join(command)} ended with status {status}")
        output.seek(0)
        return usage.ru_maxrss / 1e6, time.perf_counter() - start, output.read()


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["mnist", "cifar10", "fashion_mnist"])
    parser.add_argument("--restarts", default="10")
    options = parser.parse_args()
    tables = {"mnist": 1, "cifar10": 1, "fashion_mnist": 4, "svhn": 4}
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n"
    )
    print("| stage | seconds | peak memory, GB |\n| --- | --- | --- |", flush=True)
    for name in options.datasets:
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"NUMBACONC_CACHE_DIR": folder}
            peak, _, seconds = peak_and_seconds([sys.executable, "-c", RADII.format(name=name)], environment)
            print(f"| {name}: exact radii, k = 50 | {float(seconds):.1f} | {peak:.2f} |", flush=True)
            table = f"numbaconc.experiments.table{tables[name]}"
            command = [sys.executable, "-m", table, "--datasets", name, "--restarts", options.restarts]
            command += ["--unverified-data", "--quiet", "--out", folder]
            peak, seconds, _ = peak_and_seconds(command, environment)
            title = f"{name}: its part of Table {tables[name]}, {options.restarts} restarts, radii included"
            print(f"| {title} | {seconds:.1f} | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
