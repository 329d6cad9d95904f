"""Run one call of numbaconc, of this version or an older one, and print its seconds and the peak memory.

Started by `common.alone`. In older versions searches are functions; there the calls are made in their way.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import numbaconc as nc

FEW = 2500  # points on which kernels are compiled before; of fewer, other kernels take care
K = 50
BY_FUNCTIONS = hasattr(nc, "search_balls")  # in an older version


def radii(train: nc.Sample, _: nc.Sample, metric: str = "l1") -> None:
    """Find the radii of Algorithm 1."""
    nc.knn_radii(train, K, metric)


def table1(
    train: nc.Sample, test: nc.Sample, epsilon: str, n_sets: int, q: float, restarts: int, radii: str | None = None
) -> None:
    """Make one row of Table 1; `radii` is a file of them, or else they are found first."""
    known = None if radii is None else np.load(radii)[: len(train)]
    if BY_FUNCTIONS:
        table1_by_functions(train, test, nc.parse_epsilon(epsilon), n_sets, q, restarts, known)
        return
    if known is not None:
        train.once(("radii", K, True), lambda: known)  # where searches look for them
    search = nc.RectangleSearch(
        n_sets=n_sets, q=q, n_neighbors=K, epsilon=epsilon, alpha=0.05
    )  # no alpha has a part in it
    for seed in range(restarts):
        search.set_params(seed=seed).fit(train)
        search.region_.measure(test, epsilon)


def table1_by_functions(
    train: nc.Sample, test: nc.Sample, epsilon: float, n_sets: int, q: float, restarts: int, known: np.ndarray | None
) -> None:
    """Make the same row in an older version."""
    from numbaconc.search.rectangles import Coverings

    coverings = Coverings(train, n_sets, radii=known)
    for _ in range(restarts):
        region = coverings.region(q, epsilon)
        region.measure(train, epsilon)
        region.measure(test, epsilon)
        coverings = coverings.next_seed()


def rectangles(train: nc.Sample, _: nc.Sample, **settings: Any) -> None:
    """Run Algorithm 1: radii, and a search for q."""
    if BY_FUNCTIONS:
        nc.search_rectangles(train, **settings)
    else:
        nc.RectangleSearch(n_neighbors=K, **settings).fit(train)


def balls(train: nc.Sample, _: nc.Sample, **settings: Any) -> None:
    """Run Algorithm 2."""
    if BY_FUNCTIONS:
        nc.search_balls(train, **settings)
    else:
        nc.BallSearch(**settings).fit(train)


def peak_memory() -> float:
    """Return the most memory that this program has had, in GB.

    Linux counts what the process was before it started this program in `ru_maxrss`, but not in VmHWM.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def points(dataset: str, most: int | None) -> tuple[nc.Sample, nc.Sample]:
    """Return training and test points of a data set; a file of floats is both."""
    if dataset.endswith(".npy"):
        train = test = nc.as_sample(np.load(dataset), unit=1.0)
    else:
        data = nc.load_dataset(dataset, verify=False)
        train, test = data.train, data.test
    return (train if most is None else train.subsample(most, 0)), test


def main() -> None:
    """Do what the only argument says."""
    settings = json.loads(sys.argv[1])
    call = {"radii": radii, "table1": table1, "rectangles": rectangles, "balls": balls}[settings.pop("call")]
    train, test = points(settings.pop("dataset"), settings.pop("most"))
    few = train.subsample(min(FEW, len(train)), 0)
    call(few, test, **settings | ({"restarts": 1} if "restarts" in settings else {}))
    start = time.perf_counter()
    call(train, test, **settings)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak_memory(), "package": nc.__file__}))


if __name__ == "__main__":
    main()
