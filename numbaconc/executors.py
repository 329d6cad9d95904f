"""Where work runs: here, in a pool, or on other machines, all through `concurrent.futures.Executor`."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numbaconc.errors import InputError, check_count

Executor = concurrent.futures.Executor
MOST_WORKERS = 1024  # processes of one machine
UNTOLD = 32  # slots of an executor that does not say how many it has


class _Spawned(concurrent.futures.ProcessPoolExecutor):
    """Processes of our own. Their end cancels what is left: futures cancelled before it make Python stumble there."""


def check_executor(executor: object) -> Executor | int | None:
    """Return an executor, a number of processes or None; InputError for anything else.

    A pool that forks is refused: OpenMP, which kernels run on, does not survive that.
    """
    if executor is None:
        return None
    if not isinstance(executor, Executor):
        return check_count("executor", executor, 1, MOST_WORKERS)
    context = getattr(executor, "_mp_context", None)  # there is no public way to ask
    if context is not None and context.get_start_method() == "fork":
        msg = (
            "executor forks its processes, which kernels do not survive; allowed: "
            'ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn")), or the number of processes'
        )
        raise InputError(msg)
    return executor


@contextlib.contextmanager
def opened(executor: Executor | int) -> Iterator[Executor]:
    """Yield the executor that was given, or a pool of so many spawned processes; InputError if it is none."""
    given = check_executor(executor)
    if isinstance(given, Executor):
        yield given
        return
    _start_tracker()
    pool = _Spawned(given, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:  # nobody waits for what is still being done
        for worker in list((pool._processes or {}).values()):  # before Python 3.14 there is no public way
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def completed(
    executor: Executor,
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    kept: str,
    per_slot: int | None = None,
) -> Iterator[Any]:
    """Yield what the function returns for each task, its arguments, as they finish; whatever fails is a lost worker.

    At most `per_slot` tasks for each slot of the executor are handed over and not finished; all at once if None.
    `kept` says in the message what becomes of finished ones.
    """
    waiting = iter(tasks)
    unfinished: set[concurrent.futures.Future[Any]] = set()
    finished: queue.SimpleQueue[concurrent.futures.Future[Any]] = queue.SimpleQueue()
    try:
        while True:
            room = None if per_slot is None else max(0, per_slot * slots(executor) - len(unfinished))
            for task in itertools.islice(waiting, room):
                with _starting_workers():
                    future = executor.submit(function, *task)
                unfinished.add(future)
                future.add_done_callback(finished.put)
            if not unfinished:
                return
            future = finished.get()
            unfinished.remove(future)
            yield future.result()
    except Exception as error:  # a task returns its own errors where it has some: this is the executor's
        said = " ".join(f"{type(error).__name__}: {error}".split())
        msg = f"a worker was lost ({said})" + (f"; {kept}" if kept else "")
        raise InputError(msg) from error
    finally:
        for future in () if isinstance(executor, _Spawned) else unfinished:
            future.cancel()


@contextlib.contextmanager
def _starting_workers() -> Iterator[None]:
    """Keep ctrl-C from processes that are started inside the block: each would print where it was. Their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_tracker() -> None:
    """Start the process that tidies up after others now, as its start lets ctrl-C through again, and let it do so silently.

    Workers that are ended while they start leave semaphores, which it would tell of in two lines as it removes them.
    """
    silently = "ignore:resource_tracker"
    sys.warnoptions.append(silently)  # the process is given these options
    try:
        multiprocessing.resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(silently)


def _end_with_parent() -> None:
    """End this worker when the process that started it has been killed: nobody else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in workers alone  # noqa: S101

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def jobs_at_once(executor: Executor | None) -> int:
    """Return how many jobs may run on one machine at the same time."""
    if executor is None:
        return 1
    if (client := dask_client(executor)) is not None:
        return max(_slots_by_host(client).values(), default=1)
    return getattr(executor, "_max_workers", None) or 1


def slots(executor: Executor) -> int:
    """Return how many jobs may run at the same time, on all machines."""
    if (client := dask_client(executor)) is not None:
        return sum(_slots_by_host(client).values()) or 1
    return getattr(executor, "_max_workers", None) or UNTOLD


def _slots_by_host(client: Any) -> dict[str, int]:  # noqa: ANN401
    by_host: dict[str, int] = {}
    for worker in client.scheduler_info(n_workers=-1)["workers"].values():
        by_host[worker["host"]] = by_host.get(worker["host"], 0) + worker["nthreads"]
    return by_host


def dask_client(executor: Executor | None) -> Any:  # noqa: ANN401
    """Return the client of a Dask executor, None for any other; Dask has no public way to ask."""
    ours = type(executor).__module__.startswith("distributed.")
    return getattr(executor, "_client", None) if ours else None
