"""ℓ1 Lloyd clustering of a Sample, and the boxes around its clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import as_sample
from numbaconc.data.sample import Sample
from numbaconc.errors import check_choice, check_count, check_flag
from numbaconc.how import bar
from numbaconc.kernels import assignment, clusters
from numbaconc.reprs import Shown

CENTERS = ("mean", "median")
SHIFT = 12  # centers of uint8 data are whole multiples of 2^-12 levels, so that every distance is an integer
MAX_ITER = 30  # the paper's limit
MOST_LEVELS = 2**31 - 1  # in a distance that int32 can hold


@dataclass(frozen=True, eq=False, repr=False)
class Clusters(Shown):
    """Clusters of points and the box around each.

    Attributes
    ----------
    labels : ndarray, shape (n,), int32
        Cluster of each point.
    centers : ndarray, shape (T, d), float64
        In levels.
    lower, upper : ndarray, shape (T, d), float32, or float64 as the data are
        The smallest box centered at each center that holds the cluster, in levels.
    n_iter : int
        Assignments made.
    converged : bool
        Whether the last assignment changed no label.
    """

    labels: NDArray[np.int32]
    centers: NDArray[np.float64]
    lower: NDArray[np.floating[Any]]
    upper: NDArray[np.floating[Any]]
    n_iter: int
    converged: bool

    def _facts(self) -> dict[str, object]:
        sizes = {"n_points": len(self.labels), "n_clusters": len(self.centers), "n_features": self.centers.shape[1]}
        return sizes | {"n_iter": self.n_iter, "converged": self.converged}


def cluster(
    sample: ArrayLike | Sample,
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
    sample : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
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
    sample = as_sample(sample, name="sample", min_rows=1)
    n = len(sample)
    n_clusters = check_count("n_sets", n_clusters, 1, n, f"{n} points are to be clustered")
    seed, max_iter = check_count("seed", seed, 0), check_count("max_iter", max_iter)
    check_choice("centers", centers, CENTERS)
    progress = check_flag("progress", progress)
    X = sample.X
    start = np.random.default_rng([seed, n_clusters, n]).choice(n, n_clusters, replace=False)
    lloyds = (_Bytes if X.dtype == np.uint8 else _Floats)(X, X[start], centers)
    labels, converged, n_iter = np.full(n, -1, np.int32), False, 0
    for _ in bar(range(max_iter), what=f"clustering {n} points", shown=progress):
        before = labels
        n_iter += 1
        labels = lloyds.assign()
        if not np.bincount(labels, minlength=n_clusters).all():
            _give_points_to_empty_clusters(labels, lloyds.distances(labels), n_clusters)
        if converged := np.array_equal(labels, before):
            break
        lloyds.update(before, labels)
    return Clusters(labels, lloyds.levels, *_boxes(X, lloyds.levels, *_group(labels, n_clusters)), n_iter, converged)


class _Bytes:
    """The steps of an iteration on uint8 data; each uses what the one before has found out.

    X : (n, d) uint8; centers : (T, d) uint8, where the centers start; update : "mean" or "median".
    """

    def __init__(self, X: NDArray[Any], centers: NDArray[Any], update: str) -> None:
        (n, d), T = X.shape, len(centers)
        self._X, self._update = X, update
        self._centers = centers.astype(np.int32) << SHIFT
        self._last, self._labels = self._centers, np.zeros(n, np.int32)
        self._floors = np.zeros((n, T), np.int32 if d <= MOST_LEVELS // 255 else np.int64)
        self._sums = np.zeros((T, d), np.int64)

    @property
    def levels(self) -> NDArray[np.float64]:
        """The centers, shape (T, d), in levels."""
        return self._centers / 2.0**SHIFT

    def assign(self) -> NDArray[np.int32]:
        """Return the nearest center of each point."""
        rounded = assignment.round_centers(self._centers, self._last, SHIFT)
        assignment.assign_uint8(self._X, self._centers, SHIFT, *rounded, self._labels, self._floors)
        return self._labels.copy()

    def distances(self, labels: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return how far each point is from its center, in 2^-SHIFT levels."""
        distances: NDArray[np.int64] = assignment.own_distances_uint8(self._X, self._centers, SHIFT, labels)
        return distances

    def update(self, before: NDArray[np.int32], labels: NDArray[np.int32]) -> None:
        """Move the centers of clusters with points, which were `before` as in the last call."""
        self._last = self._centers
        counts = np.bincount(labels, minlength=len(self._centers))[:, None]
        if self._update == "mean":
            clusters.move_sums(self._X, np.flatnonzero(labels != before), before, labels, self._sums)
            moved = np.rint(self._sums * 2.0**SHIFT / np.maximum(counts, 1)).astype(np.int32)
        else:
            moved = clusters.median_clusters_uint8(self._X, *_group(labels, len(counts))).astype(np.int32) << SHIFT
        self._centers = np.where(counts > 0, moved, self._last)


class _Floats:
    """The same for floats; centers are of the type of the points."""

    def __init__(self, X: NDArray[Any], centers: NDArray[Any], update: str) -> None:
        self._X, self._update = X, update
        self._centers = self._last = centers
        self._labels, self._floors = np.zeros(len(X), np.int32), np.zeros((len(centers), len(X)), X.dtype)

    @property
    def levels(self) -> NDArray[np.float64]:
        return self._centers.astype(np.float64)

    def assign(self) -> NDArray[np.int32]:
        assignment.assign_floats(self._X, self._centers, self._last, self._labels, self._floors)
        return self._labels.copy()

    def distances(self, labels: NDArray[np.int32]) -> NDArray[np.float64]:
        distances: NDArray[np.float64] = assignment.own_distances_floats(self._X, self._centers, labels)
        return distances

    def update(self, _: NDArray[np.int32], labels: NDArray[np.int32]) -> None:
        self._last = self._centers
        order, starts = _group(labels, len(self._centers))
        counts = np.diff(starts)[:, None]
        if self._update == "mean":
            moved = (clusters.sum_clusters(self._X, order, starts) / np.maximum(counts, 1)).astype(self._X.dtype)
        else:
            moved = clusters.median_clusters_floats(self._X, order, starts)
        self._centers = np.where(counts > 0, moved, self._last)


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
    order = np.argsort(labels.astype(np.min_scalar_type(n_clusters)), kind="stable")  # fast for 8 and 16 bits
    return order, np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=n_clusters))])


def _boxes(
    X: NDArray[Any], centers: NDArray[np.float64], order: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Smallest boxes that are centered at the centers and hold their clusters; {center} without points.

    The face that touches the farthest point lies on it exactly; the opposite face is its mirror image.
    """
    least, largest = (bound.astype(np.float64) for bound in clusters.bound_clusters(X, order, starts))
    empty = np.diff(starts) == 0
    least[empty] = largest[empty] = centers[empty]
    dtype = np.result_type(X.dtype, np.float32)
    lower = np.minimum(least, 2 * centers - largest).astype(dtype)
    upper = np.maximum(largest, 2 * centers - least).astype(dtype)
    return lower, upper
