"""One job of a sweep: the cases that share their clusters, measured wherever the data have arrived."""

from __future__ import annotations

import contextlib
import functools
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from numbaconc.data.arrays import Sample
from numbaconc.data.files import replacing
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.measurement import Found, collection_dimension, find_rectangles, find_region
from numbaconc.results import SPLITS
from numbaconc.search.rectangles import Coverings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbaconc.sweep.grid import Case
    from numbaconc.sweep.journal import Outcome


@dataclass(eq=False)
class Loaded:
    """The samples of a data set, and the neighbor radii where rectangles need them.

    When it is pickled and unpickled it is made of arrays that may be written to, as all samples are: for
    others Numba would compile every kernel again.
    """

    train: Sample
    test: Sample
    radii: NDArray[np.float64] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        for name in ("train", "test"):
            sample = state[name]
            X = np.require(sample.X, requirements=["C", "W"])
            self.__dict__[name] = Sample(X, sample.unit, sample.domain, sample.note)


class Parcel:
    """A data set on its way to worker processes of this machine: pickled, it is the name of a file.

    Parameters
    ----------
    loaded : Loaded or None
        None in a worker.
    path : pathlib.Path
        Where its file goes, in a folder of ours alone; written when the first job leaves the process.
    """

    def __init__(self, loaded: Loaded | None, path: Path) -> None:
        self.loaded, self.path = loaded, path

    def __reduce__(self) -> tuple[type[Parcel], tuple[None, Path]]:
        if self.loaded is not None and not self.path.exists():
            with replacing(self.path) as part:
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

    norm: str
    n_neighbors: int
    include_self: bool
    centers: str
    extend: bool
    delta: float
    buffer: float | str
    local_search: bool
    threads: int | None  # None: the threads of a machine shared by `at_once` jobs
    at_once: int


class Job(NamedTuple):
    """The cases of a sweep that differ in epsilon alone."""

    cases: tuple[Case, ...]

    def find(self, loaded: Loaded, settings: Settings) -> Callable[[Case], Found]:
        """Return what finds the region of one case; clusters are shared between the cases."""
        case = self.cases[0]
        if case.search == "rectangles":
            assert case.T is not None and case.seed is not None  # its coordinates  # noqa: S101, PT018
            coverings = Coverings(
                loaded.train,
                case.T,
                case.seed,
                settings.n_neighbors,
                settings.include_self,
                settings.centers,
                radii=loaded.radii,
                extend=settings.extend,
            )
            return lambda case: find_rectangles(coverings, case.epsilon, case.q, case.alpha)
        return lambda case: find_region(
            case.search,
            loaded.train,
            case.epsilon,
            case.alpha,
            settings.norm,
            case.T or 1,
            delta=settings.delta,
            buffer=settings.buffer,
            n_test=len(loaded.test),
            local_search=settings.local_search,
        )


def measure_job(data: Parcel | Loaded, job: Job, settings: Settings) -> tuple[dict[Case, Outcome], float]:
    """Measure the cases of a job and return their outcomes, and the seconds that they took together.

    A case that fails has its error as its outcome, and the others go on.
    """
    started = time.perf_counter()
    threads = settings.threads or max(1, available_threads() // settings.at_once)
    shared = threadpool_limits(threads) if settings.at_once > 1 else contextlib.nullcontext()
    with using_threads(threads), shared:
        outcomes = dict(zip(job.cases, _outcomes(data, job, settings), strict=True))
    return outcomes, time.perf_counter() - started


def _outcomes(data: Parcel | Loaded, job: Job, settings: Settings) -> list[Outcome]:
    try:
        loaded = data.open() if isinstance(data, Parcel) else data
        find = job.find(loaded, settings)
    except Exception as error:
        return [failed(error)] * len(job.cases)
    outcomes = []
    for case in job.cases:
        try:
            outcome = _outcome(find(case), loaded.test)
            dimension = collection_dimension(case.search, settings.norm, loaded.test.n_features, case.T or 1)
            outcomes.append(outcome | {"vc_dimension": dimension})
        except Exception as error:
            outcomes.append(failed(error))
    return outcomes


def _outcome(found: Found, test: Sample) -> Outcome:
    on_test = found.region.measure(test, found.epsilon)
    outcome: Outcome = {
        "risk": dict(zip(SPLITS, (found.risk, float(on_test.risk)), strict=True)),
        "adversarial_risk": dict(zip(SPLITS, (found.adversarial_risk, float(on_test.adversarial_risk)), strict=True)),
    }
    return outcome if found.q_found is None else outcome | {"q_found": found.q_found}


def failed(error: Exception) -> Outcome:
    """Return the outcome of a case that raised."""
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())}
