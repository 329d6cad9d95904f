"""Separation (distance to the nearest point of another label), train-train and test-train: beside scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import numbaconc as nc
from common import OURS, THREADS, Data, Row, seconds_of, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

METRICS = {"linf": "chebyshev", "l2": "euclidean", "l1": "manhattan"}
QUERIES = 40  # for the peer, of 784 coordinates; fewer if they are longer


def stage(data: Data) -> Iterator[Row]:
    """Measure one data set in every norm."""
    train, test = data.train, data.test
    n, d = train.X.shape
    few = train.subsample(500, 0)
    for norm, metric in METRICS.items():
        nc.separation(few, None, norm=norm)  # compile
        seconds, found = seconds_of(lambda norm=norm: nc.separation(train, None, norm=norm))
        work = f"{data.name}: {norm}"
        yield Row(work, OURS, n, d, seconds, operations=float(n) * n * d)
        queries = some(n, max(1, int(QUERIES * min(1, 784 / d))))
        peer, distances = seconds_of(lambda metric=metric, queries=queries: _brute(train, queries, metric))
        whole, text = peer * n / len(queries), f"{len(queries)} queries, {peer:.2f} s"
        same = bool(np.allclose(distances, train.to_levels(found.distances[queries]), rtol=1e-9))
        who = "scikit-learn pairwise_distances"
        yield Row(work, who, n, d, whole, THREADS, text, whole / seconds, operations=float(n) * n * d, same=same)
        seconds, _ = seconds_of(lambda norm=norm: nc.separation(train, None, test, None, norm=norm))
        yield Row(f"{work}, test-train", OURS, len(test), d, seconds, operations=float(n) * len(test) * d)


def _brute(train: nc.Sample, queries: NDArray[np.intp], metric: str) -> NDArray[np.float64]:
    from sklearn.metrics import pairwise_distances

    X = train.X.astype(np.float64)
    distances = pairwise_distances(X[queries], X, metric=metric, n_jobs=THREADS)
    distances[train.y[queries, np.newaxis] == train.y] = np.inf
    return distances.min(axis=1)
