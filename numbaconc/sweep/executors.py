"""Where jobs run: here, in a pool, or on other machines, all through `concurrent.futures.Executor`."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from numbaconc.errors import InputError, check_count
from numbaconc.sweep.work import Done, Job, Loaded, Parcel, Settings, measure_cases, measure_job

Executor = concurrent.futures.Executor
MOST_WORKERS = 1024  # processes of one machine


class _Spawned(concurrent.futures.ProcessPoolExecutor):
    """Processes of our own. Their end cancels what is left: futures cancelled before it make Python stumble there."""


@contextlib.contextmanager
def opened(executor: Executor | int | None) -> Iterator[Executor | None]:
    """Yield the executor that was given, or a pool of so many spawned processes; None runs jobs here.

    A pool that forks is refused: OpenMP, which kernels run on, does not survive that.
    """
    if executor is None:
        yield None
    elif isinstance(executor, Executor):
        context = getattr(executor, "_mp_context", None)  # there is no public way to ask
        if context is not None and context.get_start_method() == "fork":
            msg = (
                "executor forks its processes, which kernels do not survive; allowed: "
                'ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn")), or the number of processes'
            )
            raise InputError(msg)
        yield executor
    else:
        workers = check_count("executor", executor, 1, MOST_WORKERS)
        _start_tracker()
        spawning = multiprocessing.get_context("spawn")
        pool = _Spawned(workers, mp_context=spawning, initializer=_end_with_parent)
        try:
            yield pool
        except BaseException:  # nobody waits for what is still being measured
            for worker in list((pool._processes or {}).values()):  # before Python 3.14 there is no public way
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


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
    if (client := _dask_client(executor)) is not None:
        slots: dict[str, int] = {}
        for worker in client.scheduler_info(n_workers=-1)["workers"].values():
            slots[worker["host"]] = slots.get(worker["host"], 0) + worker["nthreads"]
        return max(slots.values(), default=1)
    return int(getattr(executor, "_max_workers", 1))


def ship(executor: Executor | None, loaded: Loaded, path: Path) -> Any:  # noqa: ANN401
    """Return what a job takes as its data: sent to a worker once, however many jobs it does.

    Dask moves it from machine to machine; any other executor's workers read a file of this machine's,
    which is written when the first job leaves the process.
    """
    client = _dask_client(executor)
    return Parcel(loaded, path) if client is None else client.scatter(loaded, hash=False)


def run(executor: Executor | None, tasks: Iterable[tuple[Any, Job]], settings: Settings) -> Iterator[list[Done]]:
    """Yield the finished cases: one at a time here, those of a job elsewhere, as they finish."""
    if executor is None:
        for data, job in tasks:
            yield from ([done] for done in measure_cases(data, job, settings))
        return
    with _starting_workers():
        futures = [executor.submit(measure_job, data, job, settings) for data, job in tasks]
    try:
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except Exception as error:  # a job returns its own errors: this is the executor's
        said = " ".join(f"{type(error).__name__}: {error}".split())
        msg = f"a worker was lost ({said}); finished cases are kept, and the same sweep goes on from there"
        raise InputError(msg) from error
    finally:
        for future in () if isinstance(executor, _Spawned) else futures:
            future.cancel()


def _dask_client(executor: Executor | None) -> Any:  # noqa: ANN401
    """Return the client of a Dask executor, None for any other; Dask has no public way to ask."""
    ours = type(executor).__module__.startswith("distributed.")
    return getattr(executor, "_client", None) if ours else None
