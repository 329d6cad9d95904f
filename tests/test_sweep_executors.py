"""Where the jobs of a sweep run: whatever the executor, the values are those of a serial run."""

from __future__ import annotations

import ast
import concurrent.futures
import functools
import gc
import importlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numba
import numpy as np
import pytest
import xarray as xr
from conftest import blobs, needs_jit
from test_sweep import in_journal

import numbaconc as nc
from numbaconc.executors import jobs_at_once
from numbaconc.kernels import threads as kernel_threads
from numbaconc.kernels.threads import available_threads
from numbaconc.sweep import work
from numbaconc.sweep.journal import Journal

pytestmark = pytest.mark.usefixtures("one_thread")

ONE, TWO = ((X[:50], X[50:]) for X in (blobs(80, 4, 2, spread=40), blobs(80, 3, 3, spread=40)))
DATA = {"one": ONE, "two": TWO}
GRID = {
    "dataset": ["one", "two"],
    "epsilon": [0.02, 0.05],
    "T": [2, 60],  # more boxes than points: these fail
    "q": [0.5, 0.9],
    "seed": [0, 1],
    "alpha": 0.1,
    "n_neighbors": 5,
}
JOBS, CASES = 16, 32
KERNELS = Path(nc.__file__).parent / "kernels"


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return nc.run_sweep(GRID, tmp_path_factory.mktemp("serial") / "s.nc", data=DATA)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder / "s.nc"


def sweep(out, executor, grid=GRID, data=DATA):
    return nc.run_sweep(grid, out, executor, data={name: data[name] for name in np.atleast_1d(grid["dataset"])})


class Inline(concurrent.futures.Executor):
    """Runs at once what it is given, after it went through a pickle, as if to another process."""

    def __init__(self):
        self.sizes = []

    def submit(self, function, *arguments):
        sent = pickle.dumps((function, arguments))
        self.sizes.append(len(sent))
        function, arguments = pickle.loads(sent)
        future = concurrent.futures.Future()
        future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return future


# Any executor


def test_anything_with_the_interface(out, serial):
    executor = Inline()
    xr.testing.assert_equal(sweep(out, executor), serial)
    assert len(executor.sizes) == JOBS
    assert jobs_at_once(executor) == 1


def test_a_process_is_sent_a_file_name_and_reads_it_once(out, monkeypatch):
    read = []
    monkeypatch.setattr(
        work, "_read", functools.lru_cache(lambda path: read.append(path) or pickle.loads(path.read_bytes()))
    )
    executor = Inline()
    large = {"one": [np.tile(X, 100) for X in ONE], "two": TWO}
    sweep(out, executor, data=large)
    assert max(executor.sizes) < 2000 < large["one"][0].nbytes
    assert len(read) == 2
    assert not any(path.exists() for path in read)


def test_samples_that_arrive_may_be_written_to():
    """For others Numba would compile every kernel again."""
    X = ONE[0].copy()
    X.flags.writeable = False
    loaded = pickle.loads(pickle.dumps(work.Loaded(nc.Sample(X, 1 / 255, (0, 1), "note"), nc.as_sample(ONE[1]))))
    assert loaded.train.X.flags.writeable
    assert (loaded.train.unit, loaded.train.domain, loaded.train.note) == (1 / 255, (0, 1), "note")
    np.testing.assert_array_equal(loaded.train.X, X)


@pytest.mark.parametrize("name", ["a/b", "../up", "absolute"])
def test_a_data_set_s_name_is_not_a_way_out_of_the_temporary_folder(out, serial, monkeypatch, name):
    temporary = out.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    name = str(out.parent / "absolute") if name == "absolute" else name
    written = set()
    monkeypatch.setattr(work, "replacing", watched(work.replacing, written))
    ds = sweep(out, Inline(), grid=GRID | {"dataset": name}, data={name: ONE})
    np.testing.assert_array_equal(ds["risk"].values, serial["risk"].sel(dataset=["one"]).values)
    assert len(written) == 1
    assert all(len(path.resolve().relative_to(temporary).parts) >= 2 for path in written)
    assert {path.name for path in out.parent.iterdir()} == {"s.nc", "temporary"}
    assert list(temporary.iterdir()) == []


def watched(function, written):
    def call(path, **options):
        written.add(path)
        return function(path, **options)

    return call


@pytest.mark.parametrize("executor", [0, -1, True, 1.5, "two", [2]], ids=repr)
def test_what_is_no_executor(out, executor):
    with pytest.raises(nc.InputError, match=r"executor is .*; allowed: ") as caught:
        sweep(out, executor)
    assert "\n" not in str(caught.value)
    assert list(out.parent.iterdir()) == []


class Breaking(Inline):
    """Loses its workers after so many jobs."""

    def __init__(self, jobs):
        super().__init__()
        self.jobs = jobs

    def submit(self, function, *arguments):
        if len(self.sizes) < self.jobs:
            return super().submit(function, *arguments)
        future = concurrent.futures.Future()
        future.set_exception(BrokenProcessPool("abruptly\nterminated"))
        return future


def test_an_executor_that_breaks(out, serial):
    """Many times; the order in which futures are finished is not known, but all is measured in the end."""
    with pytest.raises(nc.InputError, match=r"a worker was lost \(BrokenProcessPool: abruptly terminated\)") as caught:
        sweep(out, Breaking(5))
    assert "\n" not in str(caught.value)
    assert not out.exists()
    xr.testing.assert_equal(sweep(out, None), serial)
    assert {path.name for path in out.parent.iterdir()} == {"s.nc"}


def test_an_executor_that_breaks_keeps_what_was_finished(out, serial):
    """Job by job."""
    with pytest.raises(nc.InputError, match="a worker was lost"):
        sweep(out, Breaking(5))
    assert in_journal(out) == 2 * 5
    executor = Breaking(3)
    with pytest.raises(nc.InputError, match="a worker was lost"):
        sweep(out, executor)
    kept = in_journal(out)
    assert 2 * 5 <= kept <= 2 * 8
    xr.testing.assert_equal(sweep(out, None), serial)


# What a sample knows


def knowing(X):
    """A sample that a search of rectangles has searched."""
    sample = nc.as_sample(X)
    nc.RectangleSearch(n_sets=2, n_neighbors=5, epsilon=0.02, alpha=0.1).fit(sample)
    assert {key[0] for key in sample._known} == {"radii", "dense first"}
    return sample


def test_radii_go_along_with_a_sample_and_copies_of_its_points_do_not(monkeypatch):
    X = np.tile(ONE[0], (1, 200))
    sample = knowing(X)
    radii = sample._known["radii", 5, True]
    sent = pickle.dumps(sample)
    assert X.nbytes < len(sent) < X.nbytes + radii.nbytes + 2000
    arrived = pickle.loads(sent)
    assert list(arrived._known) == [("radii", 5, True)]
    np.testing.assert_array_equal(arrived._known["radii", 5, True], radii)
    monkeypatch.setattr("numbaconc.search.rectangles.knn_radii", lambda *_, **__: pytest.fail("radii are found again"))
    search = nc.RectangleSearch(n_sets=3, n_neighbors=5, seed=1, epsilon=0.05, alpha=0.1)
    here, there = search.fit(sample).region_, search.fit(arrived).region_
    np.testing.assert_array_equal(here.lower, there.lower)


def test_what_is_known_of_a_sample_is_not_known_of_others():
    sample = knowing(ONE[0])
    for other in (sample.first(40), sample.take(np.arange(50)), sample.subsample(30, 0)):
        assert other._known == {}


@pytest.mark.parametrize("executor", [None, "inline"])
def test_radii_are_found_once_for_each_data_set_and_number_of_neighbors(out, monkeypatch, executor):
    """Before anything is sent, whatever process a job runs in; and not for data whose cases are finished."""
    found = []

    def finding(sample, k, **options):
        found.append((sample.sha256, k))
        return nc.knn_radii(sample, k, **options)

    monkeypatch.setattr("numbaconc.search.rectangles.knn_radii", finding)
    grid = GRID | {"T": [2, 3]}
    sweep(out, executor and Inline(), grid=grid)
    assert found == [(nc.as_sample(train).sha256, 5) for train, _ in DATA.values()]
    found.clear()
    sweep(out, executor and Inline(), grid=grid | {"dataset": "two", "seed": [0, 1, 2]})
    assert found == [(nc.as_sample(TWO[0]).sha256, 5)]


# Threads


def test_a_thread_pool(out, serial, monkeypatch):
    counts, outcomes = [], work._outcomes

    def watching(*arguments):
        counts.append((threading.get_ident(), numba.get_num_threads()))
        return outcomes(*arguments)

    monkeypatch.setattr(work, "_outcomes", watching)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ds = sweep(out, pool)
        assert pool.submit(int).result() == 0  # still open: it is not ours
    xr.testing.assert_equal(ds, serial)
    expected = max(1, available_threads() // 4)
    assert {n for _, n in counts} == {expected}
    assert threading.get_ident() not in {ident for ident, _ in counts}
    assert (ds.attrs["jobs_at_once"], ds.attrs["threads"]) == (4, expected)


def test_threads_that_were_asked_for(out, monkeypatch):
    counts, outcomes = set(), work._outcomes
    monkeypatch.setattr(work, "_outcomes", lambda *given: counts.add(numba.get_num_threads()) or outcomes(*given))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ds = nc.run_sweep(GRID, out, pool, data=DATA, threads=available_threads())
    assert counts == {available_threads()}
    assert ds.attrs["threads"] == available_threads()


def test_kernels_of_two_threads_take_turns_where_they_must(monkeypatch):
    taken = []

    def try_turn():
        free = kernel_threads._turn.acquire(blocking=False)
        if free:
            kernel_threads._turn.release()
        taken.append(not free)

    def kernel(x):
        other = threading.Thread(target=try_turn)
        other.start()
        other.join()
        return x + 1

    for safe in (False, True):
        monkeypatch.setattr(kernel_threads, "_layer_is_threadsafe", lambda safe=safe: safe)
        assert kernel_threads.in_turn(kernel)(1) == 2
    assert taken == [True, False]


PARALLEL = [
    f"{path.stem}.{node.name}"
    for path in sorted(KERNELS.glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and "kernel" in map(ast.unparse, node.decorator_list)
]


def test_there_are_parallel_kernels():
    assert {name.split(".")[0] for name in PARALLEL} >= {"rectangles", "neighbors", "assignment", "clusters", "balls"}


@needs_jit
def test_every_parallel_kernel_is_known_here():
    """That is, nothing else than the decorator `kernel` makes one."""
    parallel = {
        f"{path.stem}.{name}"
        for path in KERNELS.glob("*.py")
        for name, value in vars(importlib.import_module(f"numbaconc.kernels.{path.stem}")).items()
        if getattr(getattr(value, "__wrapped__", value), "targetoptions", {}).get("parallel")
    }
    assert parallel == set(PARALLEL)


@pytest.mark.parametrize("name", PARALLEL)
def test_every_parallel_kernel_takes_turns(name):
    module, function = name.split(".")
    launch = getattr(importlib.import_module(f"numbaconc.kernels.{module}"), function)
    assert launch.__code__ is kernel_threads.in_turn(len).__code__


IN_THREADS = """
import concurrent.futures, pickle, sys
import numba
import numbaconc as nc

data, grid, out = pickle.load(sys.stdin.buffer)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    nc.run_sweep(grid, out, pool, data=data, threads=numba.config.NUMBA_NUM_THREADS)
print(numba.threading_layer())
"""


@needs_jit
def test_a_thread_pool_on_the_layer_that_dies_of_it(out):
    """`workqueue` is what Numba falls back on; it ends the process if two threads launch kernels at once."""
    grid = GRID | {"T": [2, 3, 4], "seed": [0, 1, 2, 3]}
    done = subprocess.run(
        [sys.executable, "-c", IN_THREADS],
        input=pickle.dumps((DATA, grid, str(out))),
        env=os.environ | {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"workqueue"), done.stderr.decode()
    xr.testing.assert_equal(nc.open_results(out), sweep(out.with_name("serial.nc"), None, grid))


# Processes


def test_a_pool_that_forks_is_refused(out):
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        with pytest.raises(nc.InputError, match=r"executor forks.*; allowed: .*spawn") as caught:
            sweep(out, pool)
        assert not pool._processes
    assert "\n" not in str(caught.value)
    assert list(out.parent.iterdir()) == []


def dying(mark):
    """Make this worker kill itself at a certain job, when another one has been kept."""
    outcomes = work._outcomes

    def instead(data, job):
        if dict(job.cases[0].at)["seed"] == 1:
            while not Path(mark).exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes(data, job)

    work._outcomes = instead


@pytest.mark.slow
def test_a_spawned_pool_whose_worker_is_killed(out, serial, monkeypatch):
    """One line, finished cases are kept; after kernels have run in this process."""
    mark, add = out.parent / "mark", Journal.add

    def adding(self, *arguments):
        add(self, *arguments)
        mark.touch()

    monkeypatch.setattr(Journal, "add", adding)
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(2, context, dying, (str(mark),)) as pool,
        pytest.raises(nc.InputError, match="a worker was lost") as caught,
    ):
        sweep(out, pool)
    assert "\n" not in str(caught.value)
    assert 0 < in_journal(out) < CASES
    ds = sweep(out, 2)
    xr.testing.assert_equal(ds, serial)
    assert (ds.attrs["jobs_at_once"], ds.attrs["threads"]) == (2, max(1, available_threads() // 2))
    assert {path.name for path in out.parent.iterdir()} == {"s.nc", "mark"}


# Dask


def count_arrivals():
    """Count in this worker how often data arrive, and the threads that kernels are given."""
    work.arrived, work.numbers = 0, set()
    outcomes = work._outcomes

    def counting(self, state):
        work.arrived += 1
        vars(self).update(state)

    def watching(*arguments):
        work.numbers.add(numba.get_num_threads())
        return outcomes(*arguments)

    work.Loaded.__setstate__, work._outcomes = counting, watching


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of the cluster's nannies, now and then
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_dask_on_processes(out, serial):
    """Data go to each worker once, values are those of a serial run, cores are not oversubscribed."""
    distributed = pytest.importorskip("distributed")
    one = GRID | {"dataset": "one"}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(count_arrivals)
        with client.get_executor() as executor:
            assert jobs_at_once(executor) == 2
            ds = sweep(out, executor)
        arrived = client.run(lambda: work.arrived)
        numbers = client.run(lambda: work.numbers)
        pids = set(client.run(os.getpid).values())
        with client.get_executor() as executor:
            sweep(out.with_name("one.nc"), executor, grid=one)
        again = client.run(lambda: work.arrived)
    gc.collect()  # so that its sockets are not found in another test
    assert len(pids | {os.getpid()}) == 3
    assert max(arrived.values()) <= 2  # data sets
    assert sum(arrived.values()) >= 2
    assert all(again[worker] <= arrived[worker] + 1 for worker in arrived)
    expected = max(1, available_threads() // 2)
    assert set().union(*numbers.values()) == {expected}
    assert (ds.attrs["jobs_at_once"], ds.attrs["threads"]) == (2, expected)
    xr.testing.assert_equal(ds, serial)
