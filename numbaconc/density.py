"""How dense the data are around each point: distances to the k-th nearest neighbor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import as_sample
from numbaconc.data.conversion import as_array
from numbaconc.data.files import as_path, read_npz, replacing
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_choice, check_count, check_flag, shown, warn
from numbaconc.how import bar
from numbaconc.kernels.neighbors import kth_distance, kth_l1_uint8

METRICS = ("l1", "l2")
N_NEIGHBORS = 50  # the paper's k, where there are as many points


def knn_radii(
    X: ArrayLike | Sample,
    n_neighbors: int | None = N_NEIGHBORS,
    metric: str = "l1",
    include_self: bool = True,  # noqa: FBT001, FBT002
    *,
    cache_dir: str | Path | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Distance from every point to its k-th nearest neighbor, exactly (Algorithm 1, line 1).

    Parameters
    ----------
    X : Sample or array-like, shape (n, d)
    n_neighbors : int or None
        k, at least 1 and less than n. None takes 50, or all the points there are if they are fewer.
    metric : {"l1", "l2"}
    include_self : bool
        Whether a point counts as its own first neighbor, as in the paper's program, so that
        k = 50 means 49 others.
    cache_dir : path-like, optional
        Folder in which radii are kept, by the hash of the data, k, metric and `include_self`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    ndarray, shape (n,), float64
        On epsilon's scale. From uint8 data ℓ1 distances are exact integers of levels.

    Raises
    ------
    InputError
        If k >= n, or an argument is not allowed.
    """
    sample = as_sample(X)
    include_self, progress = check_flag("include_self", include_self), check_flag("progress", progress)
    k = neighbors_among(len(sample), n_neighbors, include_self=include_self)
    check_choice("metric", metric, METRICS)
    if cache_dir is None:
        return sample.to_units(_radii(sample, k, metric, include_self, progress))
    path = (
        as_path(cache_dir, "cache_dir")
        / "radii"
        / f"{sample.sha256}-k{k}-{metric}{'-self' if include_self else ''}.npz"
    )
    levels = _read(path, len(sample))
    if levels is None:
        levels = _radii(sample, k, metric, include_self, progress)
        try:
            with replacing(path, keep=False) as part:
                np.savez(part, levels=levels)
        except InputError as error:  # the radii are there, only not for the next time
            warn(f"radii are not kept: {error}")
    return sample.to_units(levels)


def neighbors_among(n: int, n_neighbors: int | None, *, include_self: bool) -> int:
    """Return k, how many neighbors are counted among n points; InputError if it is given, and not from 1 to n - 1."""
    if n_neighbors is None:  # a point that is its own first neighbor has n of them
        return min(N_NEIGHBORS, n if include_self else n - 1)
    return check_count("n_neighbors", n_neighbors, 1, n - 1, f"less than the {n} points")


def dense_first(radii: ArrayLike) -> NDArray[np.intp]:
    """Sort indices by ascending radius, dense points first, ties by index (Algorithm 1, line 2).

    InputError if the radii are no array of real numbers, shape (n,), or some are NaN.
    """
    radii = as_array(radii, "radii")
    if radii.ndim != 1 or np.isnan(radii).any():
        msg = f"radii is {shown(radii)}; allowed: numbers, shape (n,)"
        raise InputError(msg)
    return np.argsort(radii, kind="stable")


def _radii(sample: Sample, k: int, metric: str, include_self: bool, progress: bool) -> NDArray[np.float64]:  # noqa: FBT001
    X = sample.X
    with bar(what="neighbor radii", shown=progress, total=len(X)) as shown:
        if metric == "l1" and X.dtype == np.uint8:
            return kth_l1_uint8(X, k, include_self, shown.update).astype(np.float64)
        levels = kth_distance(X, k, include_self, metric == "l2", shown.update)
    return np.sqrt(levels) if metric == "l2" else levels


def _read(path: Path, n: int) -> NDArray[np.float64] | None:
    """Radii in levels from the cache, or None where they must be computed (again)."""
    levels = (read_npz(path) or {}).get("levels")
    if levels is None or levels.shape != (n,) or levels.dtype != np.float64:
        return None
    return levels if ((levels >= 0) & (levels < np.inf)).all() else None
