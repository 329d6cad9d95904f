"""Radii over Dask (ℓ1, k = 50): two workers of one thread each, beside one process of two threads."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np

import numbaconc as nc
from common import OURS, THREADS, Data, K, Row, seconds_of
from numbaconc.kernels.threads import using_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2
FEW = 2500  # points on which the workers load or compile their kernels before


def stage(data: Data) -> Iterator[Row]:
    """Measure one data set, both in turn; nothing where Dask is not installed."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        return
    (n, d), few = data.train.X.shape, data.train.subsample(min(FEW, len(data.train)), 0)
    with (
        using_threads(min(WORKERS, THREADS)),
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        ways = (None, executor)
        for way in ways:
            nc.knn_radii(few, K, executor=way)
        runs = [
            [seconds_of(lambda way=way: nc.knn_radii(data.train, K, executor=way)) for way in ways] for _ in range(3)
        ]
    here, there = (statistics.median(seconds for seconds, _ in times) for times in zip(*runs, strict=True))
    same = all(np.array_equal(radii, spread) for (_, radii), (_, spread) in runs)
    work, operations = f"{data.name}: radii, {WORKERS} processors", float(n) * n * d
    yield Row(work, OURS, n, d, here, WORKERS, operations=operations)
    who = f"{OURS}, {WORKERS} Dask workers"
    yield Row(work, who, n, d, there, WORKERS, ratio=there / here, operations=operations, same=same)
