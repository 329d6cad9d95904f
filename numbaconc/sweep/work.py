"""One job of a sweep: the cases that share what a search prepares, measured wherever the data have arrived."""

from __future__ import annotations

import contextlib
import functools
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from numbaconc.data.files import replacing
from numbaconc.data.sample import Sample
from numbaconc.goal import Goal
from numbaconc.how import How
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.results.layout import Case, Outcome, outcome_of
from numbaconc.search.base import Search
from numbaconc.search.run import Run

Done = tuple[Case, Outcome, float]  # a case, its outcome, and the seconds that it took


@dataclass(frozen=True, eq=False)
class Loaded:
    """The samples of a data set; no tuple, the parts of which Dask would send one by one."""

    train: Sample
    test: Sample


class Parcel:
    """A data set on its way to worker processes of this machine: pickled, it is the name of a file.

    The file is in a folder of ours alone, and written when the first job leaves the process; in a worker, `loaded` is
    None.
    """

    def __init__(self, loaded: Loaded | None, path: Path) -> None:
        self.loaded, self.path = loaded, path

    def __reduce__(self) -> tuple[type[Parcel], tuple[None, Path]]:
        if self.loaded is not None and not self.path.exists() and self.path.parent.exists():  # the sweep may be over
            with replacing(self.path, keep=False) as part:
                part.write_bytes(pickle.dumps(self.loaded))
        return Parcel, (None, self.path)

    def open(self) -> Loaded:
        """Return the data set; a worker reads it once."""
        return self.loaded or _read(self.path)


@functools.lru_cache(maxsize=2)  # jobs come data set by data set
def _read(path: Path) -> Loaded:
    loaded: Loaded = pickle.loads(path.read_bytes())  # our own file  # noqa: S301
    return loaded


class Settings(NamedTuple):
    """What every job of a sweep is told."""

    threads: int | None  # None: the threads of a machine shared by `at_once` jobs
    at_once: int


class Job(NamedTuple):
    """The cases of a sweep that differ in epsilon and alpha alone, and the search that finds their regions."""

    cases: tuple[Case, ...]
    search: Search


def measure_job(data: Parcel | Loaded, job: Job, settings: Settings) -> list[Done]:
    """Measure the cases of a job and return what `measure_cases` yields."""
    return list(measure_cases(data, job, settings))


def measure_cases(data: Parcel | Loaded, job: Job, settings: Settings) -> Iterator[Done]:
    """Yield each case of a job with its outcome, and the seconds that it took.

    A case that fails has its error as its outcome, and the others go on.
    """
    threads = settings.threads or max(1, available_threads() // settings.at_once)
    shared = threadpool_limits(threads) if settings.at_once > 1 else contextlib.nullcontext()
    with using_threads(threads), shared:
        started = time.perf_counter()
        for case, outcome in _outcomes(data, job):
            yield case, outcome, time.perf_counter() - started
            started = time.perf_counter()


def _outcomes(data: Parcel | Loaded, job: Job) -> Iterator[tuple[Case, Outcome]]:
    try:
        loaded = data.open() if isinstance(data, Parcel) else data
        run = Run(job.search, loaded.train, How())
    except Exception as error:
        yield from ((case, failed(error)) for case in job.cases)
        return
    for case in job.cases:
        try:
            goal = Goal.of(case.epsilon, case.alpha, job.search.margin)
            outcome = outcome_of(run.find(goal), loaded.test)
        except Exception as error:
            outcome = failed(error)
        yield case, outcome


def failed(error: Exception) -> Outcome:
    """Return the outcome of a case that raised."""
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())}
