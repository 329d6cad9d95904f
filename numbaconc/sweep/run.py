"""Run a sweep: load, leave out what is done, measure the rest, write the result."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbaconc.data.arrays import as_sample, check_width
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.data.files import check_writable
from numbaconc.errors import InputError, check_count
from numbaconc.goal import AUTO
from numbaconc.how import How, bar
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import check_alike, lay_out, outcomes_of
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.sweep.executors import jobs_at_once, opened, run, ship
from numbaconc.sweep.grid import read_grid
from numbaconc.sweep.identity import attributes, identity_in, identity_of, joined
from numbaconc.sweep.journal import Journal
from numbaconc.sweep.work import Job, Loaded, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor

    import xarray as xr
    from numpy.typing import ArrayLike

    from numbaconc.data.arrays import Sample
    from numbaconc.results.layout import Case, Outcome
    from numbaconc.search.base import Search

SUBSAMPLE_SEED = 0  # of the training points that `max_train` leaves


def run_sweep(
    grid: Mapping[str, Any],
    out: str | Path,
    executor: Executor | int | None = None,
    progress: bool = True,  # noqa: FBT001, FBT002
    *,
    data: Mapping[str, Dataset | tuple[ArrayLike | Sample, ArrayLike | Sample]] | None = None,
    load: Callable[..., Dataset] = load_dataset,
    threads: int | None = None,
    cache_dir: str | Path | None = None,
) -> xr.Dataset:
    """Measure a grid of cases and keep them in one netCDF file.

    Every finished case is durable before the next is begun; with an executor, the cases of a job together.
    After a kill the same call goes on where it was and ends with the same values. A changed grid extends
    the file. A case that fails has its error in the variable `error`, does not stop the others, and is
    tried again next time.

    Parameters
    ----------
    grid : mapping
        `dataset`, `epsilon`, `alpha`, `search` (a name) and the coordinates of the searches, such as `T`
        (or `n_sets`), `q` and `seed`, each a value or several: all combinations are measured. Without `q`,
        rectangles search it. Beside them `norm`, other settings of the searches, `max_train` (all) and
        `test_fraction` (0.2), for the whole sweep. Where nothing is given: alpha 0.05, the norm's own search,
        the first norm that all searches have, and the searches' defaults. With `grid`, a list of mappings, each
        of these is such a product; the keys beside it hold for all.
    out : path-like
        The netCDF file. Unfinished work is beside it, in a file with ".journal" added to the name.
    executor : concurrent.futures.Executor or int, optional
        Where jobs run: here, one after the other, if None (the kernels use all cores); in so many
        spawned processes; or on any executor, such as Dask's `client.get_executor()`. A job is the
        cases that share what a search prepares: those that differ in epsilon and alpha alone.
    progress : bool
        Show progress bars on a terminal.
    data : mapping, optional
        Data sets by name: a Dataset, or train and test. Names that are not in it are loaded.
    load : callable
        What loads a data set that is not in `data` by its name: `load_dataset`, or the same with some of its
        arguments given.
    threads : int, optional
        Threads for the kernels of each job; by default a machine's are shared by the jobs that run
        on it at the same time.
    cache_dir : path-like, optional
        Folder in which radii are kept.

    Returns
    -------
    xarray.Dataset
        What the file holds: `risk` and `adversarial_risk`, fractions, on dataset, epsilon, split and the
        coordinates of the searches, and on `search` and `alpha` where there are several; `q_found` where q is
        searched; `n_points` and `data_sha256`. Missing where the grid has no case. A search without T stands
        under T = 1 beside others, one without another coordinate under its least value.

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
    sets = {name: _load(name, plan.settings, data or {}, load, progress) for name in plan.datasets}
    searches = _named(plan.cases, sets)
    cases = list(searches)
    by_name = {one.name: one for one in sets.values()}
    identity = identity_of(plan, by_name.values())
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
        check_alike(order, f"file {str(out)!r} has others")
        todo = [case for case in cases if "error" in kept.get(case, {"error": ""})]
        if before is not None and not todo and not finished:
            return before
        settings = Settings(threads, jobs_at_once(pool))
        with (
            tempfile.TemporaryDirectory(prefix="numbaconc-") as folder,
            bar(what="sweep", shown=progress, total=len(todo)) as shown,
        ):
            tasks: list[tuple[Any, Job]] = []
            how = How(progress, threads, cache_dir)
            for number, (name, jobs) in enumerate(_jobs({case: searches[case] for case in todo}).items()):
                loaded = Loaded(by_name[name].train, by_name[name].test)
                with using_threads(threads):
                    _share(jobs, loaded.train, how)
                data_there = ship(pool, loaded, Path(folder) / str(number))
                tasks += [(data_there, job) for job in jobs]
            for done in run(pool, tasks, settings):
                journal.add(done)
                kept |= {case: outcome for case, outcome, _ in done}
                shown.update(len(done))
        ds = lay_out({case: kept[case] for case in order}, identity["data"])
        earlier = {} if before is None else before.attrs
        ds.attrs |= provenance(
            search=", ".join(dict.fromkeys(case.search for case in order)),
            **attributes(identity),
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
    load: Callable[..., Dataset],
    progress: bool,  # noqa: FBT001
) -> Dataset:
    """Return a data set of the caller's, or of the registry or a file, with as many training points as wanted."""
    given = data.get(key)
    if given is None:
        found = load(key, test_fraction=settings["test_fraction"], progress=progress)
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


def _named(cases: Mapping[Case, Search], sets: Mapping[str, Dataset]) -> dict[Case, Search]:
    """Return the cases with their data sets' names, for those that were given as paths."""
    names = [one.name for one in sets.values()]
    if len(set(names)) < len(names):
        msg = f"dataset is {', '.join(sets)}; allowed: different names, but they are {', '.join(names)}"
        raise InputError(msg)
    return {case._replace(dataset=sets[case.dataset].name): search for case, search in cases.items()}


def _jobs(cases: Mapping[Case, Search]) -> dict[str, list[Job]]:
    """Return the jobs of each data set: the cases that differ in epsilon and alpha alone, the largest alpha first."""
    groups: dict[Case, list[Case]] = {}
    for case in sorted(cases, key=lambda case: -case.alpha):  # one count of distances then serves all
        groups.setdefault(case._replace(epsilon=0.0, alpha=0.0), []).append(case)
    jobs: dict[str, list[Job]] = {}
    for place in dict.fromkeys(case._replace(epsilon=0.0, alpha=0.0) for case in cases):
        jobs.setdefault(place.dataset, []).append(Job(tuple(groups[place]), cases[groups[place][0]]))
    return jobs


def _share(jobs: Iterable[Job], train: Sample, how: How) -> None:
    """Let the sample know what the searches share; what cannot be had is left to the jobs, which then say why.

    With an automatic margin a search does not see this sample, but the part of it that is not held back.
    """
    for job in (job for job in jobs if job.search.margin != AUTO):
        with contextlib.suppress(InputError):
            job.search.share(train, how)


def _verified(before: str, sets: Iterable[Dataset]) -> str:
    """Say for each data set whether it is the published one, also for those that the file had before."""
    said = [line for line in before.split("; ") if line]
    return "; ".join(dict.fromkeys([*said, *(f"{one.name}: {VERIFIED_WORDS[one.verified]}" for one in sets)]))
