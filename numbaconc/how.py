"""How work is done, which never changes what comes out: progress, threads, the cache folder, a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from numbaconc.errors import printable

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


def bar(items: Iterable[Any] | None = None, *, what: str, shown: bool, total: float | None = None) -> Any:  # noqa: ANN401
    """Return a tqdm bar over `items`, silent unless `shown` and on a terminal."""
    hidden = not shown or sys.stderr is None  # as daemons have it
    return tqdm(items, desc=printable(what), total=total, disable=hidden or None, leave=False, delay=0.5)
