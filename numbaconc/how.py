"""How work is done, which never changes what comes out: progress, threads, the cache folder, a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from numbaconc.errors import InputError, check_count, check_flag, printable, shown

if TYPE_CHECKING:
    from concurrent.futures import Executor


@dataclass(frozen=True)
class How:
    """What travels beside the settings of a search and is never one of them.

    Attributes
    ----------
    progress : bool
        Show progress bars on a terminal.
    threads : int, optional
        Threads for the kernels; all by default.
    cache_dir : path-like, optional
        Folder in which radii are kept.
    checkpoint : path-like, optional
        A file from which an interrupted search of balls goes on; one for each goal if there are several.
    executor : concurrent.futures.Executor or int, optional
        What neighbor radii are spread over, as in `knn_radii`.
    """

    progress: bool = False
    threads: int | None = None
    cache_dir: str | Path | None = None
    checkpoint: str | Path | None = None
    executor: Executor | int | None = None


def check_how(how: object) -> How:
    """Return how work is done, its bars and threads checked, and the default for None; InputError if one is not allowed."""
    if not isinstance(how, How | None):
        msg = f"how is {shown(how)}; allowed: a numbaconc.How"
        raise InputError(msg)
    how = how or How()
    check_flag("progress", how.progress)
    if how.threads is not None:
        from numbaconc.kernels.threads import available_threads  # with Numba, for which not all commands need wait

        check_count("threads", how.threads, 1, available_threads(), "as many as numba may use here")
    return how


def bar(items: Iterable[Any] | None = None, *, what: str, shown: bool, total: float | None = None) -> Any:  # noqa: ANN401
    """Return a tqdm bar over `items`, silent unless `shown` and on a terminal."""
    hidden = not shown or sys.stderr is None  # as daemons have it
    return tqdm(items, desc=printable(what), total=total, disable=hidden or None, leave=False, delay=0.5)
