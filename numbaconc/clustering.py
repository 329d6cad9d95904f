"""ℓ1 Lloyd clustering of a Sample, and the boxes around its clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numbaconc.errors import check_choice, check_count
from numbaconc.kernels import lloyd
from numbaconc.progress import bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbaconc.arrays import Sample

CENTERS = ("mean", "median")
SHIFT = 12  # centers of uint8 data are whole multiples of 2^-12 levels, so that every distance is an integer
MAX_ITER = 30  # the paper's limit


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of points and the box around each.

    Attributes
    ----------
    labels : ndarray, shape (n,), int32
        Cluster of each point.
    centers : ndarray, shape (T, d), float64
        In levels.
    lower, upper : ndarray, shape (T, d), float32
        The smallest box centered at each center that holds the cluster, in levels.
    n_iter : int
        Assignments made.
    converged : bool
        Whether the last assignment changed no label.
    """

    labels: NDArray[np.int32]
    centers: NDArray[np.float64]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    n_iter: int
    converged: bool


def cluster(
    sample: Sample,
    n_clusters: int,
    seed: int,
    *,
    centers: str = "mean",
    max_iter: int = MAX_ITER,
    progress: bool = False,
) -> Clusters:
    """Cluster points by Lloyd iterations with ℓ1 assignment (Algorithm 1, lines 5-9).

    Parameters
    ----------
    sample : Sample
        The points to cluster.
    n_clusters : int
        T, at most the number of points.
    seed : int
        Starting centers are T distinct points drawn by `default_rng([seed, T, n])`, so that a
        clustering does not depend on what was clustered before it.
    centers : {"mean", "median"}
        Update of the centers: `mean` is the paper's program; `median` (the lower median) never
        increases the ℓ1 objective.
    max_iter : int
        The most assignments made.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    Clusters

    Raises
    ------
    InputError
        If T is larger than the number of points, or an argument is not allowed.
    """
    n = len(sample)
    check_count("n_sets", n_clusters, 1, n, f"{n} points are to be clustered")
    check_count("seed", seed, 0)
    check_count("max_iter", max_iter, 1)
    check_choice("centers", centers, CENTERS)
    X = sample.X
    update = _mean if centers == "mean" else _median
    start = np.random.default_rng([seed, n_clusters, n]).choice(n, n_clusters, replace=False)
    here = _at_points(X[start])
    labels, converged, n_iter = np.full(n, -1, np.int32), False, 0
    for _ in bar(range(max_iter), what=f"clustering {n} points", shown=progress):
        before = labels
        n_iter += 1
        labels, distances = _assign(X, here)
        _give_points_to_empty_clusters(labels, distances, n_clusters)
        groups = _group(labels, n_clusters)
        converged = np.array_equal(labels, before)
        if converged:
            break
        full = np.diff(groups[1]) > 0
        here[full] = update(X, *groups)[full]
    levels = here / 2.0**SHIFT if X.dtype == np.uint8 else here.astype(np.float64)
    return Clusters(labels, levels, *_boxes(X, levels, *groups), n_iter, converged)


def _assign(
    X: NDArray[Any], centers: NDArray[Any]
) -> tuple[NDArray[np.int32], NDArray[np.int64] | NDArray[np.float64]]:
    found = lloyd.assign_uint8(X, centers, SHIFT) if X.dtype == np.uint8 else lloyd.assign_float32(X, centers)
    labels, distances = found
    return labels, distances


def _give_points_to_empty_clusters(
    labels: NDArray[np.int32], distances: NDArray[np.int64] | NDArray[np.float64], n_clusters: int
) -> None:
    """In cluster order, each cluster without points takes the point farthest from its own center.

    The lowest index wins a tie, no point moves twice, and a point at distance 0 never moves. Changes
    `labels` and `distances`.
    """
    counts = np.bincount(labels, minlength=n_clusters)
    for t in range(n_clusters):
        if counts[t] == 0:
            far = int(np.argmax(distances))
            if distances[far] <= 0:
                break
            counts[labels[far]] -= 1
            counts[t] = 1
            labels[far] = t
            distances[far] = -1


def _group(labels: NDArray[np.int32], n_clusters: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows cluster by cluster, and where each cluster starts."""
    order = np.argsort(labels, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=n_clusters))])


def _at_points(points: NDArray[Any]) -> NDArray[Any]:
    """Centers at data points, in the type that distances are computed in."""
    return points.astype(np.int32) << SHIFT if points.dtype == np.uint8 else points.astype(np.float32)


def _mean(X: NDArray[Any], order: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[Any]:
    counts = np.maximum(np.diff(starts), 1)[:, None]
    if X.dtype == np.uint8:
        sums = lloyd.sum_clusters(X, order, starts, np.int64(0))
        centers: NDArray[Any] = np.rint(sums * 2.0**SHIFT / counts).astype(np.int32)
    else:
        centers = (lloyd.sum_clusters(X, order, starts, np.float64(0)) / counts).astype(np.float32)
    return centers


def _median(X: NDArray[Any], order: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[Any]:
    median = lloyd.median_clusters_uint8 if X.dtype == np.uint8 else lloyd.median_clusters_float32
    return _at_points(median(X, order, starts))


def _boxes(
    X: NDArray[Any], centers: NDArray[np.float64], order: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest boxes that are centered at the centers and hold their clusters; {center} without points.

    The face that touches the farthest point lies on it exactly; the opposite face is its mirror image.
    """
    least, largest = (bound.astype(np.float64) for bound in lloyd.bound_clusters(X, order, starts))
    empty = np.diff(starts) == 0
    least[empty] = largest[empty] = centers[empty]
    lower = np.minimum(least, 2 * centers - largest).astype(np.float32)
    upper = np.maximum(largest, 2 * centers - least).astype(np.float32)
    return lower, upper
