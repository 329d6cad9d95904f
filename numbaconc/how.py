"""How work is done, which never changes what comes out: progress, threads, the cache folder, a checkpoint."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from numbaconc.errors import InputError, check_count, check_flag, printable, shown

if TYPE_CHECKING:
    from concurrent.futures import Executor

SOON, MINUTE = 0.5, 60.0  # seconds before a bar, and before a line
LINE = "{desc}: {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left{postfix}"


@dataclass(frozen=True)
class How:
    """What travels beside the settings of a search and is never one of them.

    Attributes
    ----------
    progress : bool
        Show progress: bars on a terminal and in a notebook, elsewhere a line a minute on standard error.
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


def bar(
    items: Iterable[Any] | None = None,
    *,
    what: str,
    shown: bool,
    total: float | None = None,
    interval: float = MINUTE,
) -> Any:  # noqa: ANN401
    """Return a tqdm bar over `items`, silent unless `shown`: on a terminal, in a notebook, or else as a line a minute.

    `interval` is how many seconds lie between two lines.
    """
    given: dict[str, Any] = {"desc": printable(what), "total": total, "leave": False}
    if not shown or sys.stderr is None:  # as daemons have it
        return tqdm(items, **given, disable=True)
    if (notebook := _of_notebooks()) is not None:
        return notebook(items, **given, delay=SOON)
    if _is_terminal():
        return tqdm(items, **given, delay=SOON)
    return Lines(items, interval, **given)


def note(text: str, *, shown: bool) -> None:
    """Write a line beside bars to standard error, if progress is shown."""
    if shown and sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            tqdm.write(printable(text), file=sys.stderr)


class Lines(tqdm):  # type: ignore[misc]  # tqdm ships no types: its base class is Any
    """Progress where nothing can be drawn over, such as in a log: a line now and then, none for what is soon done."""

    monitor_interval = 0  # no thread that looks whether a line is due

    def __init__(self, items: Iterable[Any] | None, interval: float, **given: Any) -> None:  # noqa: ANN401
        self.interval, self.last = interval, time.monotonic()
        super().__init__(items, mininterval=interval, delay=interval, miniters=1, bar_format=LINE, **given)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:  # noqa: ARG002
        """Write a line, if the last one is long ago."""
        if time.monotonic() - self.last >= self.interval:
            self.last = time.monotonic()
            with contextlib.suppress(OSError, ValueError):  # it may be full or closed
                self.fp.write(f"{self if msg is None else msg}\n")
                self.fp.flush()

    def close(self) -> None:
        """End without a last line."""
        if self in self._instances:
            self._decr_instances(self)


def _of_notebooks() -> Any:  # noqa: ANN401
    """Return the bars of notebooks, if this is one that can show them."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if type(shell).__name__ != "ZMQInteractiveShell" or find_spec("ipywidgets") is None:  # without which tqdm warns
        return None
    from tqdm.notebook import tqdm as notebook

    return notebook


def _is_terminal() -> bool:
    """Return whether standard error is a terminal, on which a bar is drawn over itself; a notebook's own is drawn so, too."""
    try:
        return sys.stderr.isatty() or "ipykernel" in type(sys.stderr).__module__
    except (AttributeError, ValueError):  # it is closed, or not a stream at all
        return False
