"""How the jobs of a sweep, and their data, get to where they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from numbaconc.executors import Executor, completed, dask_client
from numbaconc.sweep.work import Done, Job, Loaded, Parcel, Settings, measure_cases, measure_job


def ship(executor: Executor | None, loaded: Loaded, path: Path) -> Any:  # noqa: ANN401
    """Return what a job takes as its data: sent to a worker once, however many jobs it does.

    Dask moves it from machine to machine; any other executor's workers read a file of this machine's,
    which is written when the first job leaves the process.
    """
    client = dask_client(executor)
    return Parcel(loaded, path) if client is None else client.scatter(loaded, hash=False)


def run(executor: Executor | None, tasks: Iterable[tuple[Any, Job]], settings: Settings) -> Iterator[list[Done]]:
    """Yield the finished cases: one at a time here, those of a job elsewhere, as they finish."""
    if executor is None:
        for data, job in tasks:
            yield from ([done] for done in measure_cases(data, job, settings))
        return
    kept = "finished cases are kept, and the same sweep goes on from there"
    yield from completed(executor, measure_job, ((data, job, settings) for data, job in tasks), kept)
