"""Radii of Algorithm 1 (ℓ1, k = 50): beside faiss, scikit-learn's BallTree and plain loops; growth; threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange

import numbaconc as nc
import peak
from common import OURS, THREADS, Data, K, Row, alone, seconds_of, some
from numbaconc.kernels.threads import using_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIZES = (1_000, 5_000, 10_000, 20_000)  # and all
QUERIES = {"faiss": 1000, "BallTree": 120, "loops": 150}  # for points of 784 coordinates; fewer if they are longer


def stage(data: Data, *, quick: bool) -> Iterator[Row]:
    """Measure one data set."""
    nc.knn_radii(data.train.subsample(500, 0), K)  # compile
    rates = {threads: peak.l1(threads, peak.ROUNDS // (10 if quick else 1)) for threads in {1, THREADS}}
    row, levels = ours(f"{data.name}: radii", data.train, rates, repetitions=3)
    row.memory = alone("radii", data)[1]
    yield row
    yield from peers(row, data.train.X, levels)
    n, d = data.train.X.shape
    for size in SIZES:
        if size < n:
            few = data.train.subsample(size, 0)
            row, levels = ours(f"{data.name}: radii", few, rates, repetitions=3)
            yield row
            yield from peers(row, few.X, levels, only="faiss", share=0.2)
    few = data.train.subsample(SIZES[-1], 0)
    for width in (d // 4, d // 2, d):
        columns = np.ascontiguousarray(few.X[:, some(d, width)])
        row, _ = ours(f"{data.name}: growth with d", nc.as_sample(columns), rates, repetitions=3)
        yield row
    if THREADS > 1:
        with using_threads(1):
            one, _ = ours(f"{data.name}: one thread", few, rates, repetitions=3, threads=1)
        one.ratio = one.seconds / row.seconds
        yield one


def ours(
    work: str, sample: nc.Sample, rates: dict[int, float], repetitions: int = 1, threads: int = THREADS
) -> tuple[Row, NDArray[np.float64]]:
    """Time our radii; return the row, and the radii in levels."""
    X = sample.X
    n, d = X.shape
    seconds, radii = seconds_of(lambda: nc.knn_radii(sample, K), repetitions)
    varying = np.count_nonzero(X.min(axis=0) < X.max(axis=0))  # columns; the others are left out
    row = Row(work, OURS, n, d, seconds, threads)
    row.operations, row.performed, row.peak = float(n) * n * d, n * (n + 1) / 2 * varying, rates[threads]
    return row, sample.to_levels(radii)


def peers(
    row: Row, X: NDArray[Any], levels: NDArray[np.float64], only: str | None = None, share: float = 1.0
) -> Iterator[Row]:
    """Time every peer that is installed on some of the queries."""
    n, d = X.shape
    for kind, (who, prepare) in PEERS.items():
        if only not in (None, kind) or (kind == "BallTree" and n * d > 10**8):  # its copy of the data must fit
            continue
        try:
            preparing, search = seconds_of(lambda prepare=prepare: prepare(X))
        except ModuleNotFoundError:
            continue
        queries = some(n, int(share * QUERIES[kind] * min(1, 784 / d)))
        seconds, found = seconds_of(lambda search=search, queries=queries: search(queries), 3)
        text = f"{len(queries):,} queries, {seconds:.2f} s" if len(queries) < n else ""
        if kind == "BallTree":
            text = f"{text or 'queries'}; the tree took {preparing:.1f} s more"
        whole = seconds * n / len(queries)
        same = bool((np.rint(found) == np.rint(levels[queries])).all())
        yield Row(row.work, who, n, d, whole, THREADS, text, whole / row.seconds, operations=row.operations, same=same)


def _faiss(X: NDArray[Any]) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    points = X.astype(np.float32)
    index = faiss.IndexFlat(X.shape[1], faiss.METRIC_L1)
    index.add(points)
    return lambda queries: index.search(points[queries], K)[0][:, -1]


def _ball_tree(X: NDArray[Any]) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
    from sklearn.neighbors import NearestNeighbors

    tree = NearestNeighbors(n_neighbors=K, algorithm="ball_tree", metric="manhattan", n_jobs=THREADS).fit(X)
    return lambda queries: tree.kneighbors(X[queries])[0][:, -1]


def _loops(X: NDArray[Any]) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
    points = X.astype(np.float32)
    _plain(points, np.arange(THREADS), K)  # compile
    return lambda queries: _plain(points, queries, K)


PEERS = {
    "faiss": ("faiss IndexFlat, METRIC_L1", _faiss),
    "BallTree": ("scikit-learn BallTree", _ball_tree),
    "loops": ("plain loops, compiled", _loops),
}


@njit(parallel=True)
def _plain(X, queries, k):
    """As the authors have it: all distances from a point, sorted."""
    radii = np.empty(queries.shape[0])
    for q in prange(queries.shape[0]):
        distances = np.empty(X.shape[0])
        for i in range(X.shape[0]):
            total = np.float32(0)
            for c in range(X.shape[1]):
                total += abs(X[i, c] - X[queries[q], c])
            distances[i] = total
        radii[q] = np.sort(distances)[k - 1]
    return radii
