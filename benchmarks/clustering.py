"""Clustering of Algorithm 1: beside plain loops, the assignments of faiss and scikit-learn, and an older version."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange

import numbaconc as nc
from common import OURS, THREADS, Data, Row, alone, seconds_of, some
from numbaconc.kernels.threads import using_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SETTINGS = {  # rows of Table 1
    "mnist": {"epsilon": "0.3", "n_sets": 10, "q": 0.629},
    "cifar10": {"epsilon": "16/255", "n_sets": 75, "q": 0.719},
    "digits": {"epsilon": "1/16", "n_sets": 10, "q": 0.7},
}
RESTARTS = 10
FEW = 2000  # points that the peers take
BEFORE = 20_000  # points whose radii the older version finds


def stage(data: Data, before: Path | None = None) -> Iterator[Row]:
    """Measure one data set: a clustering, its assignments, then its row of Table 1 with everything in it."""
    setting = SETTINGS[data.name]
    n, d = data.train.X.shape
    n_sets, dense = setting["n_sets"], data.train.take(nc.dense_first(data.radii)).first(int(setting["q"] * n))
    nc.cluster(dense.subsample(1000, 0), n_sets, 0)  # compile
    work = f"{data.name}: a clustering, T = {n_sets}"
    seconds, clusters = seconds_of(lambda: nc.cluster(dense, n_sets, 0), 3)
    row = Row(work, OURS, len(dense), d, seconds)
    row.operations = float(len(dense)) * d * n_sets * clusters.n_iter
    yield row
    yield _loops(row, dense, n_sets, clusters.n_iter)
    yield from _assignments(row, dense, clusters)
    if THREADS > 1:
        with using_threads(1):
            seconds, _ = seconds_of(lambda: nc.cluster(dense, n_sets, 0))
        yield Row(work, OURS, len(dense), d, seconds, 1, ratio=seconds / row.seconds, operations=row.operations)

    work = f"{data.name}: a row of Table 1, {RESTARTS} restarts, radii included"
    seconds, memory = alone("table1", data, restarts=RESTARTS, **setting)
    yield Row(work, OURS, n, d, seconds, memory=memory)
    if before is not None:
        yield _before(work, data, setting, seconds, before)


def _before(work: str, data: Data, setting: dict[str, Any], ours: float, root: Path) -> Row:
    """The same row by an older version: its radii of some points, and one restart."""
    n, d = data.train.X.shape
    few = Data(data.name, min(n, BEFORE))
    radii, _ = alone("radii", few, root)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "radii.npy")
        np.save(path, data.radii)
        restart, memory = alone("table1", data, root, restarts=1, radii=path, **setting)
    seconds = radii * (n / few.most) ** 2 + RESTARTS * restart
    text = f"radii of {few.most:,} points, {radii:.1f} s, and 1 restart, {restart:.1f} s"
    return Row(work, "before", n, d, seconds, THREADS, text, seconds / ours, memory=memory)


def _loops(row: Row, dense: nc.Sample, n_sets: int, n_iter: int) -> Row:
    """Lloyd's iterations in plain loops, on few points."""
    few = dense.subsample(FEW, 0)
    points = few.X.astype(np.float32)
    start = np.random.default_rng([0, n_sets, len(few)]).choice(len(few), n_sets, replace=False)  # as ours
    _lloyd(points[: 2 * n_sets], points[:n_sets].astype(np.float64), 1)  # compile
    found = nc.cluster(few, n_sets, 0)
    seconds, labels = seconds_of(lambda: _lloyd(points, points[start].astype(np.float64), found.n_iter))
    whole = seconds * len(dense) / len(few) * n_iter / found.n_iter
    text = f"{len(few):,} points, {found.n_iter} of {n_iter} iterations, {seconds:.2f} s"
    same = bool((labels == found.labels).all())
    scaled = (THREADS, text, whole / row.seconds)
    return Row(row.work, "plain loops, compiled", row.n, row.d, whole, *scaled, row.operations, same=same)


def _assignments(row: Row, dense: nc.Sample, clusters: nc.Clusters) -> Iterator[Row]:
    """Assignments alone, by the peers that are installed, on few points."""
    rows = some(len(dense), FEW)
    points, centers = dense.X[rows].astype(np.float32), clusters.centers.astype(np.float32)
    for who, prepare in PEERS.items():
        try:
            assign = prepare(centers)
        except ModuleNotFoundError:
            continue
        seconds, labels = seconds_of(lambda assign=assign: assign(points), 3)
        whole = seconds * len(dense) / len(rows) * clusters.n_iter
        text = f"assignments only: {len(rows):,} points, 1 of {clusters.n_iter}, {seconds:.2f} s"
        same = bool((labels == clusters.labels[rows]).all()) if clusters.converged else None
        yield Row(row.work, who, row.n, row.d, whole, THREADS, text, whole / row.seconds, row.operations, same=same)


def _faiss(centers: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlat(centers.shape[1], faiss.METRIC_L1)
    index.add(centers)
    return lambda points: index.search(points, 1)[1][:, 0]


def _scikit_learn(centers: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    from sklearn.metrics import pairwise_distances_argmin

    return lambda points: pairwise_distances_argmin(points, centers, metric="manhattan")


PEERS = {"faiss IndexFlat, METRIC_L1": _faiss, "scikit-learn, nearest in ℓ1": _scikit_learn}


@njit
def _lloyd(X, centers, n_iter):
    """As the authors have it: every distance to every center in every iteration, then means."""
    labels = np.zeros(X.shape[0], np.int64)
    _assign(X, centers, labels)
    for _ in range(n_iter - 1):
        _move(X, centers, labels)
        _assign(X, centers, labels)
    return labels


@njit(parallel=True)
def _assign(X, centers, labels):
    for i in prange(X.shape[0]):
        least = np.inf
        for t in range(centers.shape[0]):
            total = 0.0
            for c in range(X.shape[1]):
                total += abs(X[i, c] - centers[t, c])
            if total < least:
                least = total
                labels[i] = t


@njit
def _move(X, centers, labels):
    sums = np.zeros(centers.shape)
    counts = np.zeros(centers.shape[0])
    for i in range(X.shape[0]):
        counts[labels[i]] += 1
        for c in range(X.shape[1]):
            sums[labels[i], c] += X[i, c]
    for t in range(centers.shape[0]):
        if counts[t] > 0:
            centers[t] = sums[t] / counts[t]
