"""Radii from some of the points as neighbors, beside all: what that does to their order, and to Algorithm 1's answer.

python benchmarks/subsampled.py [cifar10] prints the table of docs/scale.md. For each m, m reference points are drawn; the
radius of a point is the distance to its k'-th nearest among the other references, where k' = (k - 1) m / n, rounded.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np
from scipy.stats import spearmanr

import numbaconc as nc
from common import K
from numbaconc.kernels.neighbors import nearest_distances
from numbaconc.kernels.schedule import BLOCK

SHARES = (2, 5, 10, 20)
EPSILON, ALPHA, T = "8/255", 0.05, 10


def subsampled(sample: nc.Sample, share: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """Return radii from n / share reference points, shape (n,), and k'."""
    n = len(sample)
    m = round(n / share / BLOCK) * BLOCK  # whole blocks, for the kernel
    k = max(1, round((K - 1) * m / n))
    order = np.random.default_rng(seed).permutation(n)
    X = sample.X[order]
    radii = np.empty(n)
    radii[order[:m]] = nearest_distances(X[:m].copy(), k, squared=False).max(axis=1)
    radii[order[m:]] = nearest_distances(X, k, squared=False, split=m)[m:].max(axis=1)
    return sample.to_units(radii), k


def answer(data: nc.Dataset, radii: np.ndarray) -> tuple[float, float, float]:
    """Return q, and risk and adversarial risk on the test points, of Algorithm 1 with these radii."""
    train = data.train.take(np.arange(len(data.train)))  # a sample that knows nothing yet
    train.once(("radii", K, True), lambda: radii)
    search = nc.RectangleSearch(n_sets=T, epsilon=EPSILON, alpha=ALPHA).fit(train)
    measured = search.region_.measure(data.test, EPSILON)
    return search.q_, float(measured.risk), float(measured.adversarial_risk)


def line(data: nc.Dataset, truth: np.ndarray, radii: np.ndarray, n_neighbors: int, share: int, seconds: float) -> str:
    """Return a row of the table: how far the radii are from the true ones, and what comes of them."""
    error = math.sqrt((1 - 1 / share) / n_neighbors)
    ratio = radii / truth
    spread = ratio.std() / ratio.mean()  # a factor that all have changes no order
    q, risk, adversarial = answer(data, radii)
    order = spearmanr(truth, radii).statistic
    return (
        f"| n/{share} | {n_neighbors} | {seconds:.0f} s | {error:.0%} | {spread:.2%} | {order:.4f} "
        f"| {q:.4f} | {risk:.2%} | {adversarial:.2%} |"
    )


def main() -> None:
    """Print the table."""
    data = nc.load_dataset(sys.argv[1] if len(sys.argv) > 1 else "cifar10", verify=False)
    print("| m | k' | radii | rank error, theory | radius error | rank correlation | q | risk | adversarial risk |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    start = time.perf_counter()
    truth = nc.knn_radii(data.train, K)
    print(line(data, truth, truth, K - 1, 1, time.perf_counter() - start), flush=True)
    for share in SHARES:
        start = time.perf_counter()
        radii, n_neighbors = subsampled(data.train, share)
        print(line(data, truth, radii, n_neighbors, share, time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
