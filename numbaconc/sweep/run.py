"""Run a sweep: load, leave out what is done, measure the rest, write the result."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbaconc.data.arrays import as_sample, check_width
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.density import knn_radii
from numbaconc.errors import InputError, check_count
from numbaconc.data.files import check_writable
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.progress import bar
from numbaconc.results import SPLITS, VERIFIED_WORDS, open_results, provenance, save_results
from numbaconc.sweep.executors import jobs_at_once, opened, run, ship
from numbaconc.sweep.grid import SEARCH_SETTINGS, check_q, read_grid
from numbaconc.sweep.journal import Journal, Outcome
from numbaconc.sweep.layout import identity_in, identity_of, joined, lay_out, outcomes_of
from numbaconc.sweep.work import Job, Loaded, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor

    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from numbaconc.data.arrays import Sample
    from numbaconc.sweep.grid import Case

SUBSAMPLE_SEED = 0  # of the training points that `max_train` leaves


def run_sweep(
    grid: Mapping[str, Any],
    out: str | Path,
    executor: Executor | int | None = None,
    progress: bool = True,  # noqa: FBT001, FBT002
    *,
    data: Mapping[str, Dataset | tuple[ArrayLike | Sample, ArrayLike | Sample]] | None = None,
    data_dir: str | Path | None = None,
    verify: bool = True,
    threads: int | None = None,
    cache_dir: str | Path | None = None,
) -> xr.Dataset:
    """Measure a grid of cases and keep them in one netCDF file.

    Every finished case is durable before the next is reported: after a kill, the same call goes on
    where it was and ends with the same values. A changed grid extends the file. A case that fails
    has its error in the variable `error`, does not stop the others, and is tried again next time.

    Parameters
    ----------
    grid : mapping
        `dataset`, `epsilon`, `T`, `q`, `seed`, `alpha` and `search`, each a value or several: all
        combinations are measured. Without `q`, rectangles search it. Defaults: T 5, seed 0, alpha
        0.05, the norm's first search. Settings of the whole sweep: `norm` ("linf"), `n_neighbors`
        (50), `include_self` (True), `centers` ("mean"), `extend` (False), `delta` (0), `buffer` (0),
        `local_search` (False), `max_train` (all), and `test_fraction` (0.2). With `grid`, a list of mappings, each of
        these is such a product; the keys beside it hold for all.
    out : path-like
        The netCDF file. Unfinished work is beside it, in a file with ".journal" added to the name.
    executor : concurrent.futures.Executor or int, optional
        Where jobs run: here, one after the other, if None (the kernels use all cores); in so many
        spawned processes; or on any executor, such as Dask's `client.get_executor()`. A job is the
        cases that share clusters: those that differ in epsilon alone.
    progress : bool
        Show progress bars on a terminal.
    data : mapping, optional
        Data sets by name: a Dataset, or train and test. Names that are not in it are loaded.
    data_dir, verify
        As in `load_dataset`.
    threads : int, optional
        Threads for the kernels of each job; by default a machine's are shared by the jobs that run
        on it at the same time.
    cache_dir : path-like, optional
        Folder in which radii are kept.

    Returns
    -------
    xarray.Dataset
        What the file holds: `risk` and `adversarial_risk`, fractions, on dataset, epsilon, T, q,
        seed and split, as far as the searches have them, and on `search` and `alpha` where there are
        several; `q_found` where q is searched; `n_points` and `data_sha256`. Missing where the grid
        has no case.

    Raises
    ------
    InputError
        If the grid is not allowed, a data set cannot be had, or the file was made with other data or
        settings: the difference is named.
    """
    out = Path(out)
    plan = read_grid(grid)
    if out.suffix != ".nc":
        msg = f"out is {str(out)!r}; allowed: a name that ends in .nc"
        raise InputError(msg)
    check_writable(out)
    if threads is not None:
        check_count("threads", threads, 1, available_threads(), "as many as numba may use here")
    sets = {name: _load(name, plan.settings, data or {}, data_dir, verify, progress) for name in plan.datasets}
    cases = _named(plan.cases, sets)
    by_name = {one.name: one for one in sets.values()}
    identity = identity_of(plan.settings, by_name.values())
    with opened(executor) as pool, Journal(out) as journal:
        before = open_results(out) if out.exists() else None
        kept: dict[Case, Outcome] = {}
        if before is not None:
            identity = joined(identity_in(before, f"file {str(out)!r}"), identity, f"file {str(out)!r}")
            kept = outcomes_of(before)
        if journal.identity is not None and journal.finished():
            identity = joined(journal.identity, identity, f"unfinished sweep {str(journal.path)!r}")
        journal.identity = identity
        finished = journal.finished()
        order = dict.fromkeys([*kept, *cases, *finished])  # the same however often it was interrupted
        kept |= finished
        check_q(order, f"file {str(out)!r} has others")
        todo = [case for case in cases if "error" in kept.get(case, {"error": ""})]
        if before is not None and not todo and not finished:
            return before
        told = {name: plan.settings[name] for name in SEARCH_SETTINGS}
        settings = Settings(**told, threads=threads, at_once=jobs_at_once(pool))
        with (
            tempfile.TemporaryDirectory(prefix="numbaconc-") as folder,
            bar(what="sweep", shown=progress, total=len(todo)) as shown,
        ):
            tasks: list[tuple[Any, Job]] = []
            for number, (name, jobs) in enumerate(_jobs(todo).items()):
                loaded = Loaded(by_name[name].train, by_name[name].test)
                if any(case.search == "rectangles" for job in jobs for case in job.cases):
                    with using_threads(threads):
                        radii = _radii(loaded.train, plan.settings, cache_dir, progress)
                    loaded = Loaded(loaded.train, loaded.test, radii)
                data_there = ship(pool, loaded, Path(folder) / str(number))
                tasks += [(data_there, job) for job in jobs]
            for done, seconds in run(pool, tasks, settings):
                journal.add(done, seconds)
                kept |= done
                shown.update(len(done))
        ds = lay_out({case: kept[case] for case in order}, identity)
        earlier = {} if before is None else before.attrs
        ds.attrs = provenance(
            search=", ".join(dict.fromkeys(case.search for case in order)),
            **identity["settings"],
            data_verified=_verified(earlier.get("data_verified", ""), by_name.values()),
            threads=threads or max(1, available_threads() // settings.at_once),
            jobs_at_once=settings.at_once,
            seconds=round(float(earlier.get("seconds", 0)) + journal.seconds, 3),
        )
        save_results(ds, out)
        journal.clear()
    return ds


def _load(
    key: str,
    settings: Mapping[str, Any],
    data: Mapping[str, Dataset | tuple[Any, Any]],
    data_dir: str | Path | None,
    verify: bool,  # noqa: FBT001
    progress: bool,  # noqa: FBT001
) -> Dataset:
    """Return a data set of the caller's, or of the registry or a file, with as many training points as wanted."""
    given = data.get(key)
    if given is None:
        found = load_dataset(
            key, data_dir=data_dir, verify=verify, test_fraction=settings["test_fraction"], progress=progress
        )
    elif isinstance(given, Dataset):
        found = dataclasses.replace(given, name=key)
    else:
        if not isinstance(given, tuple | list) or len(given) != len(SPLITS):
            msg = f"data has {type(given).__name__} for {key!r}; allowed: a Dataset, or train and test"
            raise InputError(msg)
        train, test = (as_sample(X, name=f"{key} ({split})") for X, split in zip(given, SPLITS, strict=True))
        check_width(train, test)
        found = Dataset(key, train, test, verified=None)
    if settings["max_train"] is None:
        return found
    return dataclasses.replace(found, train=found.train.subsample(settings["max_train"], SUBSAMPLE_SEED))


def _named(cases: Iterable[Case], sets: Mapping[str, Dataset]) -> list[Case]:
    """Return the cases with their data sets' names, for those that were given as paths."""
    names = [one.name for one in sets.values()]
    if len(set(names)) < len(names):
        msg = f"dataset is {', '.join(sets)}; allowed: different names, but they are {', '.join(names)}"
        raise InputError(msg)
    return [case._replace(dataset=sets[case.dataset].name) for case in cases]


def _jobs(cases: Iterable[Case]) -> dict[str, list[Job]]:
    """Return the jobs of each data set."""
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        # clusters, of rectangles, depend on neither epsilon nor alpha; other searches have nothing to share
        shared = case._replace(epsilon=0.0, alpha=0.0) if case.search == "rectangles" else case
        groups.setdefault(shared, []).append(case)
    jobs: dict[str, list[Job]] = {}
    for group in groups.values():
        jobs.setdefault(group[0].dataset, []).append(Job(tuple(group)))
    return jobs


def _radii(
    train: Sample,
    settings: Mapping[str, Any],
    cache_dir: str | Path | None,
    progress: bool,  # noqa: FBT001
) -> NDArray[np.float64] | None:
    """Return the radii that the jobs of a data set share; None if they cannot be had: the jobs then say why."""
    try:
        return knn_radii(
            train,
            settings["n_neighbors"],
            include_self=settings["include_self"],
            cache_dir=cache_dir,
            progress=progress,
        )
    except InputError:
        return None


def _verified(before: str, sets: Iterable[Dataset]) -> str:
    """Say for each data set whether it is the published one, also for those that the file had before."""
    said = [line for line in before.split("; ") if line]
    return "; ".join(dict.fromkeys([*said, *(f"{one.name}: {VERIFIED_WORDS[one.verified]}" for one in sets)]))
