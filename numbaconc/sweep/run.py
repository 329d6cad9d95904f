"""Run a sweep: load, leave out what is done, measure the rest, write the result."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr
from numpy.typing import ArrayLike

from numbaconc.data.arrays import as_sample, in_words
from numbaconc.data.datasets import Dataset, load_dataset
from numbaconc.data.files import as_path, check_writable
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair
from numbaconc.data.splits import SUBSAMPLE_SEED
from numbaconc.errors import InputError, check_count, check_flag, printable, said, shown
from numbaconc.executors import jobs_at_once, opened
from numbaconc.how import How, bar, note
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.results.files import open_results, save_results
from numbaconc.results.layout import Case, Outcome, check_alike, lay_out, outcomes_of
from numbaconc.results.schema import SPLITS, VERIFIED_WORDS, provenance
from numbaconc.search.base import Search
from numbaconc.sweep.executors import run, ship
from numbaconc.sweep.grid import Grid, read_grid
from numbaconc.sweep.identity import Identity, attributes, identity_in, identity_of, joined
from numbaconc.sweep.journal import Journal
from numbaconc.sweep.work import Done, Job, Loaded, Settings


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

    Every finished case is durable before the next is begun; with an executor, the cases of a job together. After a
    kill the same call goes on where it was and ends with the same values. A changed grid extends the file. A case
    that fails has its error in the variable `error`, does not stop the others, and is tried again next time.

    Parameters
    ----------
    grid : mapping
        `dataset`, `epsilon`, `alpha` (0.05 if not given), `search` (a name; the norm's own) and the coordinates of the
        searches, such as `T` (or `n_sets`), `q` and `seed`, each a value or several: all combinations are measured.
        Beside them `norm` (the first that all the searches have), other settings of the searches, `max_train` (all),
        `test_fraction` (0.2), and `key`, `normalize`, `scale` and `drop` of `load_dataset`, for all or in a mapping by data set.
        With `grid`, a list of mappings, each of them is such a product, and the keys beside it hold for all.
    out : path-like
        The netCDF file. Unfinished work is beside it, in a file with ".journal" added to the name.
    executor : concurrent.futures.Executor or int, optional
        Where jobs run, the cases of which differ in epsilon and alpha alone: here, one after the other; in so many
        spawned processes; or on any executor, such as Dask's `client.get_executor()`.
    progress : bool
        Show progress bars on a terminal.
    data : mapping, optional
        Data sets by name: a Dataset, or train and test. Others are loaded.
    load : callable
        What loads a data set by its name: `load_dataset`, or the same with some of its arguments given.
    threads : int, optional
        Threads for the kernels of each job; by default the jobs that run on one machine share its cores.
    cache_dir : path-like, optional
        Folder in which radii are kept.

    Returns
    -------
    xarray.Dataset
        What the file holds, on the dimensions of `measure`, and on `search` where there are several. A search without
        T then stands under T = 1, one without another coordinate under its least value.

    Raises
    ------
    InputError
        If the grid is not allowed, data cannot be had, or the file has others or other settings, which are named.
    """
    plan, out = read_grid(grid), as_path(out, "out")
    how = How(progress, threads, None if cache_dir is None else as_path(cache_dir, "cache_dir"))
    progress, data = _checked(out, threads, progress), _given(data, load, plan.datasets)
    searches, sets = _named(plan.cases, {name: _load(name, plan, data, load, progress) for name in plan.datasets})
    workers = contextlib.nullcontext() if executor is None else opened(executor)
    with _folder_of_parcels(executor) as folder, workers as pool, Journal(out) as journal:
        so_far = _so_far(out, journal, identity_of(plan, sets.values()))
        return _run(searches, sets, so_far, Workers(pool, folder), how)


def _checked(out: Path, threads: int | None, progress: object) -> bool:
    """Refuse, before any work is done, an output that cannot be written, and threads that are not there.

    Returns whether progress is shown.
    """
    if out.suffix != ".nc":
        msg = f"out is {str(out)!r}; allowed: a name that ends in .nc"
        raise InputError(msg)
    check_writable(out, "out")
    if threads is not None:
        check_count("threads", threads, 1, available_threads(), "as many as numba may use here")
    return check_flag("progress", progress)


class _SoFar(NamedTuple):
    """What earlier runs left: the result file, its outcomes, those in the journal; and the identity of old and new."""

    out: Path
    journal: Journal
    before: xr.Dataset | None
    kept: dict[Case, Outcome]
    finished: dict[Case, Outcome]
    identity: Identity


def _so_far(out: Path, journal: Journal, identity: Identity) -> _SoFar:
    """Read what there is; refuse it where it cannot stand beside what is new, and say in the journal what that is."""
    before = open_results(out) if out.exists() else None
    finished = journal.checked()
    if before is not None:
        identity = joined(identity_in(before, f"file {str(out)!r}"), identity, f"file {str(out)!r}")
    if finished and journal.identity is not None:
        identity = joined(journal.identity, identity, f"unfinished sweep {str(journal.path)!r}")
    journal.identity = identity
    return _SoFar(out, journal, before, {} if before is None else outcomes_of(before), finished, identity)


class Workers(NamedTuple):
    """Where jobs run, and the folder from which processes of this machine read their data; None for both is here."""

    pool: Executor | None
    folder: Path | None


@contextlib.contextmanager
def _folder_of_parcels(executor: object) -> Iterator[Path | None]:
    """Make a folder that is removed when the workers have ended; none where jobs run here."""
    if executor is None:
        yield None
        return
    folder = None
    try:
        try:
            folder = Path(tempfile.gettempdir()) / f"numbaconc-{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700)
        except OSError as error:
            msg = f"no folder for temporary files can be made: {error.strerror or error}; TMPDIR may name another place"
            raise InputError(msg) from error
        yield folder
    finally:
        if folder is not None:  # named before it was made: there is no moment at which it would be left
            shutil.rmtree(folder, ignore_errors=True)


def _run(
    searches: Mapping[Case, Search], sets: Mapping[str, Dataset], so_far: _SoFar, workers: Workers, how: How
) -> xr.Dataset:
    """Measure what is not there yet, and write the result."""
    _tell_of(sets.values(), how.progress)
    order = dict.fromkeys([*so_far.kept, *searches, *so_far.finished])  # the same however often it was interrupted
    check_alike(order, f"file {str(so_far.out)!r} has others")
    kept = so_far.kept | so_far.finished
    todo = {case: search for case, search in searches.items() if "error" in kept.get(case, {"error": ""})}
    if n_there := len(searches) - len(todo):
        note(f"{n_there:,} of {len(searches):,} cases were there", shown=how.progress)
    if so_far.before is not None and not todo and not so_far.finished:
        return so_far.before
    settings = Settings(how.threads, jobs_at_once(workers.pool))
    with contextlib.closing(_measured(todo, sets, workers, settings, how)) as measured:
        for done in measured:
            so_far.journal.add(done)
            kept |= {case: outcome for case, outcome, _ in done}
    ds = lay_out({case: kept[case] for case in order}, so_far.identity["data"])
    earlier = {} if so_far.before is None else so_far.before.attrs
    ds.attrs |= provenance(
        search=", ".join(dict.fromkeys(case.search for case in order)),
        **attributes(so_far.identity),
        data_verified=_verified(earlier.get("data_verified", ""), sets.values()),
        threads=how.threads or max(1, available_threads() // settings.at_once),
        jobs_at_once=settings.at_once,
        seconds=round(float(earlier.get("seconds", 0)) + so_far.journal.seconds, 3),
    )
    save_results(ds, so_far.out)
    so_far.journal.clear()
    return ds


def _measured(
    cases: Mapping[Case, Search], sets: Mapping[str, Dataset], workers: Workers, settings: Settings, how: How
) -> Generator[list[Done]]:
    """Yield cases as they are finished; what was yielded counts as done when the next are asked for."""
    with bar(what="sweep", shown=how.progress, total=len(cases)) as shown:
        tasks: list[tuple[Any, Job]] = []
        for number, (name, jobs) in enumerate(_jobs(cases).items()):
            loaded = Loaded(sets[name].train, sets[name].test)
            with using_threads(how.threads):
                _share(jobs, loaded.train, how)
            there = loaded if workers.folder is None else ship(workers.pool, loaded, workers.folder / str(number))
            tasks += [(there, job) for job in jobs]
        for done in run(workers.pool, tasks, settings):
            yield done
            shown.update(len(done))


def _load(
    key: str,
    plan: Grid,
    data: Mapping[str, Dataset | tuple[Any, Any]],
    load: Callable[..., Dataset],
    progress: bool,  # noqa: FBT001
) -> Dataset:
    """Return a data set of the caller's, or of the registry or a file, with as many training points as wanted."""
    given = data.get(key)
    if given is None:
        found = _from(load, key, plan, progress)
    elif plan.test_fraction is not None:
        msg = f"test_fraction is {plan.test_fraction} beside data for {key!r}; allowed: with data sets that are split here"
        raise InputError(msg)
    elif plan.told[key]:
        what, value = next(iter(plan.told[key].items()))
        msg = f"{what} is {in_words(value)} beside data for {key!r}; allowed: with data sets that are loaded here"
        raise InputError(msg)
    elif isinstance(given, Dataset):
        found = dataclasses.replace(given, name=key)
    else:
        if not isinstance(given, tuple | list) or len(given) != len(SPLITS):
            msg = f"data has {type(given).__name__} for {key!r}; allowed: a Dataset, or train and test"
            raise InputError(msg)
        train = as_sample(given[0], name=f"{key} (train)")
        test = as_sample(given[1], name=f"{key} (test)", like=train)
        try:
            check_pair(train, test)
        except InputError as error:
            msg = f"data {key!r}: {error}"
            raise InputError(msg) from error
        found = Dataset(key, train, test, verified=None)
    if plan.settings["max_train"] is None:
        return found
    n = check_count("max_train", plan.settings["max_train"], 2, len(found.train), f"the training points of {key!r}")
    return dataclasses.replace(found, train=found.train.subsample(n, SUBSAMPLE_SEED))


def _from(load: Callable[..., Dataset], key: str, plan: Grid, progress: bool) -> Dataset:  # noqa: FBT001
    """Return what `load` makes of a name; InputError for whatever one of the caller's raises or returns instead."""
    given = plan.told[key] | ({} if plan.test_fraction is None else {"test_fraction": plan.test_fraction})
    if getattr(load, "func", load) is load_dataset:  # what others leave out, `_load` does
        given |= {"max_train": plan.settings["max_train"]}
    try:
        found: Any = load(key, **given, progress=progress)
    except InputError:
        raise
    except Exception as error:
        msg = f"load failed for data set {key!r}: {said(error)}"
        raise InputError(msg) from error
    if isinstance(found, Dataset):
        return found
    msg = f"load returned {shown(found)} for data set {key!r}; allowed: a numbaconc.Dataset"
    raise InputError(msg)


def _given(data: object, load: object, names: Iterable[str]) -> Mapping[str, Any]:
    """Return the data sets of the caller; InputError if there are some that the grid does not name."""
    if not callable(load):
        msg = f"load is {shown(load)}; allowed: what takes a name and returns a numbaconc.Dataset"
        raise InputError(msg)
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        msg = f"data is {shown(data)}; allowed: a mapping of names to data sets"
        raise InputError(msg)
    for key in data:
        if key not in names:
            msg = f"data has {shown(key)}, which the grid does not name; allowed: {', '.join(names)}"
            raise InputError(msg)
    return data


def _named(
    cases: Mapping[Case, Search], loaded: Mapping[str, Dataset]
) -> tuple[dict[Case, Search], dict[str, Dataset]]:
    """Return cases and data sets under the data sets' own names, for those that were given as paths."""
    loaded = {
        key: dataclasses.replace(one, name=printable(one.name)) for key, one in loaded.items()
    }  # as files have it
    sets = {one.name: one for one in loaded.values()}
    if len(sets) < len(loaded):
        names = ", ".join(one.name for one in loaded.values())
        msg = f"dataset is {', '.join(loaded)}; allowed: different names, but they are {names}"
        raise InputError(msg)
    return {case._replace(dataset=loaded[case.dataset].name): search for case, search in cases.items()}, sets


def _tell_of(sets: Iterable[Dataset], progress: bool) -> None:  # noqa: FBT001
    """Say what was done to the data sets on the way in."""
    for one in sets:
        for text in one.notes:
            note(f"note: {one.name}: {text}", shown=progress)


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
    """Let the sample know what the searches share; what cannot be had is left to the jobs, which then say why."""
    for job in jobs:
        with contextlib.suppress(InputError):
            job.search.share(train, how)


def _verified(before: str, sets: Iterable[Dataset]) -> str:
    """Say for each data set whether it is the published one, also for those that the file had before."""
    said = [line for line in before.split("; ") if line]
    return "; ".join(dict.fromkeys([*said, *(f"{one.name}: {VERIFIED_WORDS[one.verified]}" for one in sets)]))
