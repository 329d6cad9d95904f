"""How dense the data are around each point: distances to the k-th nearest neighbor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import as_sample
from numbaconc.data.conversion import as_array
from numbaconc.data.files import as_path, read_npz, replacing
from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, check_choice, check_count, check_flag, shown, warn
from numbaconc.how import How, bar
from numbaconc.kernels.neighbors import kth_distance

if TYPE_CHECKING:
    from concurrent.futures import Executor

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
    executor: Executor | int | None = None,
) -> NDArray[np.float64]:
    """Distance from every point to its k-th nearest neighbor, exactly (Algorithm 1, line 1).

    The logger `numbaconc` says at level INFO which share of pairs of floats codes of bytes did not decide.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d)
    n_neighbors : int or None
        k, at least 1 and less than n. None takes 50, or all the points there are if they are fewer.
    metric : {"l1", "l2"}
    include_self : bool
        Whether a point is its own first neighbor, as in the paper's program: k = 50 means 49 others.
    cache_dir : path-like, optional
        Folder in which radii are kept, by the hash of the data, k, metric and `include_self`.
    progress : bool
        Show a progress bar on a terminal.
    executor : concurrent.futures.Executor or int, optional
        What pairs of blocks of rows are spread over, such as Dask's `client.get_executor()`, or how many processes. Each
        slot works on one thread; the radii are the same bits. With `cache_dir` a call that was cut off goes on.

    Returns
    -------
    ndarray, shape (n,), float64
        On epsilon's scale. From uint8 data ℓ1 distances are exact integers of levels.

    Raises
    ------
    InputError
        If k >= n, an argument is not allowed, or a worker of the executor is lost.
    """
    sample = as_sample(X)
    include_self, progress = check_flag("include_self", include_self), check_flag("progress", progress)
    k = neighbors_among(len(sample), n_neighbors, include_self=include_self)
    check_choice("metric", metric, METRICS)
    how = How(progress, executor=_checked(executor))
    if cache_dir is None:
        return sample.to_units(_radii(sample, k, metric, include_self, how))
    name = f"{sample.sha256}-k{k}-{metric}{'-self' if include_self else ''}"
    path = as_path(cache_dir, "cache_dir") / "radii" / f"{name}.npz"
    levels = _read(path, len(sample))
    if levels is None:
        blocks = path.with_suffix(".blocks")
        levels = _radii(sample, k, metric, include_self, how, blocks)
        try:
            with replacing(path, keep=False) as part:
                np.savez(part, levels=levels)
            shutil.rmtree(blocks, ignore_errors=True)
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


def _checked(executor: Executor | int | None) -> Executor | int | None:
    if executor is None:
        return None
    from numbaconc.executors import check_executor

    return check_executor(executor)


def _radii(
    sample: Sample,
    k: int,
    metric: str,
    include_self: bool,  # noqa: FBT001
    how: How,
    blocks: Path | None = None,
) -> NDArray[np.float64]:
    """Find radii in levels; with an executor, finished blocks are kept in the folder `blocks`."""
    X, squared, others = sample.X, metric == "l2", k - include_self
    if how.executor is not None and others:
        from numbaconc.spread import kth_of_others

        ways: dict[str, Any] = {"executor": how.executor, "folder": blocks, "progress": how.progress}
        levels = kth_of_others(X, others, squared=squared, **ways)
    else:
        with bar(what="neighbor radii", shown=how.progress, total=len(X)) as shown:
            levels = kth_distance(X, k, include_self, squared, shown.update)
    return np.sqrt(levels) if squared else levels


def _read(path: Path, n: int) -> NDArray[np.float64] | None:
    """Radii in levels from the cache, or None where they must be computed (again)."""
    levels = (read_npz(path) or {}).get("levels")
    if levels is None or levels.shape != (n,) or levels.dtype != np.float64:
        return None
    return levels if ((levels >= 0) & (levels < np.inf)).all() else None
