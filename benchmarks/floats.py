"""Floats: radii in ℓ1 and ℓ2 (k = 50) beside faiss, scikit-learn and pynndescent; growth; Algorithms 1 and 2."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

import numbaconc as nc
import peak
from common import OURS, THREADS, Data, K, Row, alone, seconds_of, some
from numbaconc.kernels import panels
from numbaconc.kernels.codes import codes_of
from numbaconc.kernels.neighbors import FEWEST, nearest_and_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Distances = Callable[[NDArray[np.intp]], NDArray[Any]]

METRICS = {"l1": "ℓ1", "l2": "ℓ2"}
SIZES = (5_000, 10_000, 20_000)  # and all
WIDTHS = (64, 128, 256)  # and all
SEARCHED = "normal-512"  # the data that have growth with d and the algorithms
SEARCHES: dict[str, dict[str, Any]] = {
    "rectangles": {"epsilon": 1.0, "alpha": 0.05, "n_sets": 10},
    "balls": {"epsilon": 2.0, "alpha": 0.05, "n_sets": 5},
}
NEARLY = 1e-4  # of a distance, that float32 sums may be wrong by


def stage(data: Data, before: Path | None, *, quick: bool) -> Iterator[Row]:
    """Measure one data set."""
    n, X = len(data.train), data.train.X
    rounds = peak.ROUNDS // (10 if quick else 1)
    for metric, rate in (("l1", peak.l1), ("l2", peak.products)):
        work, most = f"{data.name}: {METRICS[metric]} radii", rate(THREADS, rounds)
        nc.knn_radii(data.train.subsample(min(n, FEWEST), 0), K, metric)  # compile
        row, levels = _ours(work, data.train, metric, most)
        seconds, row.memory = alone("radii", data, metric=metric)
        yield row
        if before is not None:
            theirs, memory = alone("radii", data, before, metric=metric)
            yield Row(work, "before", n, row.d, theirs, ratio=theirs / seconds, memory=memory)
        yield from _peers(row, X, metric, levels)
        for size in SIZES:
            if size < n:
                yield _ours(work, data.train.subsample(size, 0), metric, most)[0]
        for width in WIDTHS if data.name == SEARCHED else ():
            columns = nc.as_sample(np.ascontiguousarray(X[:, :width]), unit=1.0)
            yield _ours(f"{work}, growth with d", columns, metric, most)[0]
    if data.name == SEARCHED:
        yield from _searches(data, before, 1 if quick else 3)


def _ours(work: str, sample: nc.Sample, metric: str, most: float) -> tuple[Row, NDArray[np.float64]]:
    """Time our radii; return the row, and the radii in levels."""
    (n, d), squared = sample.X.shape, metric == "l2"
    seconds, radii = seconds_of(lambda: nc.knn_radii(sample, K, metric), 3)
    row = Row(work, OURS, n, d, seconds, operations=float(n) * n * d)
    row.refined = nearest_and_share(sample.X, K - 1, squared)[1]
    codes, width = codes_of(sample.X, K - 1, squared) if n >= FEWEST else None, d
    if codes is not None:
        width = codes.panels.shape[1] * panels.WORD // (np.dtype(panels.PART).itemsize if squared else 1)
        row.peak = most
    row.performed = n * (n + 1) / 2 * width
    return row, sample.to_levels(radii)


def _peers(row: Row, X: NDArray[Any], metric: str, levels: NDArray[np.float64]) -> Iterator[Row]:
    """Time every peer that is installed, on as many of the queries as take it some seconds."""
    n, d = X.shape
    points = X.astype(np.float32, copy=False)
    for who, (prepare, most) in PEERS.items():
        try:
            search = prepare(points, metric)
        except ModuleNotFoundError:
            continue
        queries = some(n, int(most[metric] / (n * d)) if most else n)
        seconds, found = seconds_of(lambda search=search, queries=queries: search(queries), 3 if most else 1)
        text = f"{len(queries):,} queries, {seconds:.2f} s" if len(queries) < n else ""
        whole, true = seconds * n / len(queries), levels[queries]
        peer = Row(row.work, who, n, d, whole, THREADS, text, whole / row.seconds, operations=row.operations)
        peer.right = float(np.mean(np.abs(found[:, -1] - true) <= NEARLY * true))
        peer.recall = float(np.mean(found <= (1 + NEARLY) * true[:, None]))
        yield peer


def _faiss(X: NDArray[np.float32], metric: str) -> Distances:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    if metric == "l1":
        index = faiss.IndexFlat(X.shape[1], faiss.METRIC_L1)
        index.add(X)
        return lambda queries: index.search(X[queries], K)[0]
    index = faiss.IndexFlatL2(X.shape[1])
    index.add(X)
    return lambda queries: np.sqrt(index.search(X[queries], K)[0])


def _scikit_learn(X: NDArray[np.float32], metric: str) -> Distances:
    from sklearn.neighbors import NearestNeighbors

    name = {"l1": "manhattan", "l2": "euclidean"}[metric]
    neighbors = NearestNeighbors(n_neighbors=K, algorithm="brute", metric=name, n_jobs=THREADS).fit(X)
    return lambda queries: neighbors.kneighbors(X[queries])[0]


def _pynndescent(X: NDArray[np.float32], metric: str) -> Distances:
    """Neighbors that are found are most of the true ones, with the defaults; each point is its own first one."""
    from pynndescent import NNDescent

    settings = {"metric": {"l1": "manhattan", "l2": "euclidean"}[metric], "n_neighbors": K, "random_state": 0}

    def graph(points: NDArray[np.float32]) -> NDArray[np.float32]:
        return NNDescent(points, n_jobs=THREADS, **settings).neighbor_graph[1]

    graph(X[:FEWEST])  # compile
    return lambda _: graph(X)


PEERS = {  # and how many operations are some seconds' work; those that build a graph do so for all points
    "faiss IndexFlat": (_faiss, {"l1": 1.5e10, "l2": 1.5e11}),
    "scikit-learn, brute force": (_scikit_learn, {"l1": 4e9, "l2": 5e10}),
    "pynndescent": (_pynndescent, None),
}


def _searches(data: Data, before: Path | None, repetitions: int) -> Iterator[Row]:
    """Run both algorithms, and those of an older version in turn with them."""
    n, d = data.train.X.shape
    titles = {"rectangles": "rectangles, q searched and radii included", "balls": "balls"}
    for call, setting in SEARCHES.items():
        work = f"{data.name}: {titles[call]}, T = {setting['n_sets']}, epsilon {setting['epsilon']:g}"
        roots = [None] if before is None else [None, before]
        runs = [[alone(call, data, root, **setting) for root in roots] for _ in range(repetitions)]
        for who, times in zip((OURS, "before"), zip(*runs, strict=True), strict=False):
            seconds, memory = (statistics.median(numbers) for numbers in zip(*times, strict=True))
            row = Row(work, who, n, d, seconds, memory=memory)
            if who == OURS:
                ours = seconds
            else:
                row.ratio = seconds / ours
            yield row
