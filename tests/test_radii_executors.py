"""Radii that an executor's workers find: whatever it is, and wherever it was cut off, the bits are those of one process."""

from __future__ import annotations

import concurrent.futures
import gc
import multiprocessing
import pickle
import threading
from concurrent.futures.process import BrokenProcessPool

import numba
import numpy as np
import pytest
import xarray as xr
from conftest import blobs, images, needs_jit, refused

import numbaconc as nc
from numbaconc import spread
from numbaconc.cli import main

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning"),  # floats are in units of their own
]

N = 421  # rows: no multiple of anything
RNG = np.random.default_rng(0)
POINTS = {
    "uint8": blobs(N, 5, 1, spread=40),
    "ties": images(N, 2, 2, high=3),
    "float32": RNG.normal(size=(N, 7)).astype(np.float32),
    "float64": 1e6 + RNG.normal(size=(N, 3)),
    "all alike": np.full((N, 3), 7, np.uint8),
}


class Inline(concurrent.futures.Executor):
    """Runs at once what it is given, after it went through a pickle; loses its workers after so many tasks."""

    def __init__(self, slots=2, tasks=None):
        self._max_workers, self.tasks, self.done = slots, tasks, []

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        if len(self.done) == self.tasks:
            future.set_exception(BrokenProcessPool("abruptly\nterminated"))
            return future
        self.done.append(arguments[:2])
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return future


def same(executor, X, k=9, **settings):
    np.testing.assert_array_equal(nc.knn_radii(X, k, executor=executor, **settings), nc.knn_radii(X, k, **settings))


# The same bits


@pytest.mark.parametrize("include_self", [True, pytest.param(False, marks=needs_jit)])
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("points", POINTS)
def test_as_in_one_process(points, metric, include_self):
    same(Inline(), POINTS[points], metric=metric, include_self=include_self)


@pytest.mark.parametrize("k", [1, 200, *(pytest.param(k, marks=needs_jit) for k in (2, 128, N - 1))])
def test_any_rank(k):
    """Also one that a block alone does not reach."""
    for include_self in (True, False):
        same(Inline(), POINTS["uint8"], k, include_self=include_self)


@needs_jit
@pytest.mark.parametrize("n", [2, 3, 127, 128, 129, 256, 385])
def test_any_number_of_rows(n):
    same(Inline(), POINTS["float32"][:n], None)


@pytest.mark.parametrize("slots", [1, 2, 7, 1000])
def test_any_number_of_slots(slots):
    executor = Inline(slots)
    same(executor, POINTS["ties"])
    assert len(executor.done) == (3 if slots == 1 else 10)


def test_blocks_stay_small_and_tasks_are_many():
    """Two blocks are what a slot holds, and it has several of them to do."""
    wide, long = np.broadcast_to(np.uint8(0), (10**6, 150_528)), np.broadcast_to(np.uint8(0), (10**8, 768))
    for n_slots in (1, 2, 16, 1000):
        for X in (wide, long, long[: 2**20]):
            height = spread._height(X, n_slots)
            n_blocks = -(-len(X) // height)
            assert height % 128 == 0
            assert height * X.shape[1] <= 1.03 * 2**30
            assert n_blocks**2 >= 7.5 * n_slots


# Any executor


def test_a_thread_pool(monkeypatch):
    """Each of its threads has one for its kernels."""
    counts, find = [], spread.nearest_distances
    monkeypatch.setattr(
        spread,
        "nearest_distances",
        lambda *given, bounds: counts.append(numba.get_num_threads()) or find(*given, bounds=bounds),
    )
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        same(pool, POINTS["float32"])
        assert pool.submit(int).result() == 0  # still open: it is not ours
    assert set(counts) == {1}
    assert len(counts) == 10


@needs_jit
def test_processes():
    """A pool that is given, and one that is made; the first starts once."""
    spawning = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawning) as pool:
        for points in ("uint8", "float32"):
            same(pool, POINTS[points], metric="l1")
        same(pool, POINTS["float32"], metric="l2", include_self=False)
    same(1, POINTS["ties"])


@needs_jit
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of the cluster's nannies, now and then
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_dask_on_processes(monkeypatch):
    """Each block is sent out once, however many it is compared with."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        sent, scatter = [], client.scatter
        monkeypatch.setattr(client, "scatter", lambda block, **how: sent.append(len(block)) or scatter(block, **how))
        same(executor, POINTS["uint8"])
        assert sorted(sent) == [37, 128, 128, 128]
        same(executor, POINTS["float32"], metric="l2", include_self=False)
        scattered = client.who_has()
    gc.collect()  # so that its sockets are not found in another test
    assert len(scattered) <= len(sent)


def test_few_tasks_are_under_way():
    """So that of all the pairs of blocks few are on their way, or wait as pickles."""

    class Counting(concurrent.futures.ThreadPoolExecutor):
        under_way = most = 0
        lock = threading.Lock()

        def submit(self, *task):
            with self.lock:
                self.under_way += 1
                self.most = max(self.most, self.under_way)
            future = super().submit(*task)
            future.add_done_callback(self.one_less)
            return future

        def one_less(self, future):
            with self.lock:
                self.under_way -= 1

    with Counting(2) as pool:
        same(pool, POINTS["uint8"])
    assert pool.most == 2 * spread.AHEAD


def test_the_most_work_comes_first():
    executor = Inline()
    same(executor, POINTS["uint8"])
    whole, last = [(0, 1), (0, 2), (1, 2)], [(0, 3), (1, 3), (2, 3)]
    assert executor.done == [*whole, *((a, a) for a in range(3)), *last, (3, 3)]


# What is refused, and what fails


@pytest.mark.parametrize("executor", [0, -1, True, 1.5, "two", [2], 10**6], ids=repr)
def test_what_is_no_executor(tmp_path, executor):
    """Also where the radii are known."""
    nc.knn_radii(POINTS["uint8"], 9, cache_dir=tmp_path)
    for settings in ({}, {"cache_dir": tmp_path}):
        refused(
            lambda settings=settings: nc.knn_radii(POINTS["uint8"], 9, executor=executor, **settings), "executor is"
        )
    refused(lambda: measured(executor=executor), "executor is", "; allowed: ")
    refused(lambda: measured(how=nc.How(executor=executor)), "executor is", "; allowed: ")


def test_a_pool_that_forks_is_refused():
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        refused(lambda: nc.knn_radii(POINTS["uint8"], 9, executor=pool), "executor forks", "spawn")
        assert not pool._processes


def test_lost_workers_without_a_cache():
    message = refused(lambda: nc.knn_radii(POINTS["uint8"], 9, executor=Inline(tasks=3)), "a worker was lost")
    assert message == "a worker was lost (BrokenProcessPool: abruptly terminated)"


def test_an_interrupt_cancels_what_waits():
    class Interrupted(concurrent.futures.Executor):
        futures = ()

        def submit(self, *task):
            if len(self.futures) == 2:
                raise KeyboardInterrupt
            self.futures = (*self.futures, concurrent.futures.Future())
            return self.futures[-1]

    executor = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        nc.knn_radii(POINTS["uint8"], 9, executor=executor)
    assert [future.cancelled() for future in executor.futures] == [True, True]


# Going on


def blocks(folder):
    """The files of finished blocks."""
    return sorted((folder / "radii").glob("*.blocks/*"))


def cut_off(folder, tasks, **settings):
    given = {"executor": Inline(tasks=tasks), "cache_dir": folder} | settings
    refused(lambda: nc.knn_radii(POINTS["uint8"], 9, **given), "a worker was lost", "goes on from there")


def goes_on(folder, **settings):
    """Find the radii with what is there; return how many tasks that took. Nothing but the radii is left."""
    executor = Inline()
    radii = nc.knn_radii(POINTS["uint8"], 9, executor=executor, cache_dir=folder, **settings)
    np.testing.assert_array_equal(radii, nc.knn_radii(POINTS["uint8"], 9, **settings))
    assert list((folder / "radii").glob("*.blocks")) == []
    return len(executor.done)


@needs_jit
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("tasks", [1, 4, 9])
def test_a_call_that_was_cut_off_goes_on(tmp_path, tasks, include_self):
    cut_off(tmp_path, tasks, include_self=include_self)
    assert blocks(tmp_path)
    assert list((tmp_path / "radii").glob("*.npz")) == []
    assert goes_on(tmp_path, include_self=include_self) == 10 - tasks
    assert goes_on(tmp_path, include_self=include_self) == 0


def test_it_is_cut_off_again_and_again(tmp_path):
    for _ in range(9):
        cut_off(tmp_path, 1)
    assert goes_on(tmp_path) == 1


def test_others_do_not_take_what_was_finished(tmp_path):
    """Another metric, another rank, other blocks."""
    cut_off(tmp_path, 9)
    left = blocks(tmp_path)
    for settings in ({"include_self": False}, {"metric": "l2"}):
        executor = Inline()
        same_there = nc.knn_radii(POINTS["uint8"], 9, executor=executor, cache_dir=tmp_path, **settings)
        np.testing.assert_array_equal(same_there, nc.knn_radii(POINTS["uint8"], 9, **settings))
        assert len(executor.done) == 10
    assert blocks(tmp_path) == left
    executor = Inline(1)
    nc.knn_radii(POINTS["uint8"], 9, executor=executor, cache_dir=tmp_path)
    assert len(executor.done) == 3
    assert blocks(tmp_path) == []


def test_where_one_of_two_files_was_written(tmp_path):
    """A pair of blocks is finished in the file of either; what one lacks is found again, and not counted twice."""
    cut_off(tmp_path, 1)
    blocks(tmp_path)[1].unlink()
    assert goes_on(tmp_path) == 10


def damages(path):
    """Yield what may stand in place of a file: no such file, or one that does not say what it should."""
    content = path.read_bytes()
    with np.load(path) as kept:
        nearest, seen = kept["nearest"], kept["seen"]
    yield lambda: path.write_bytes(b"")
    yield lambda: path.write_bytes(content[: len(content) // 2])
    yield lambda: path.write_bytes(content[:300] + bytes(9) + content[309:])
    for arrays in (
        {"nearest": nearest},
        {"seen": seen},
        {"nearest": nearest[:-1], "seen": seen},
        {"nearest": nearest[:, 1:], "seen": seen},
        {"nearest": nearest.astype(np.float32), "seen": seen},
        {"nearest": np.where(nearest == nearest.min(), -1, nearest), "seen": seen},
        {"nearest": np.where(nearest == nearest.min(), np.nan, nearest), "seen": seen},
        {"nearest": np.where(nearest == nearest.max(), np.inf, nearest), "seen": seen},
        {"nearest": nearest, "seen": np.zeros_like(seen)},
        {"nearest": nearest, "seen": seen[1:]},
        {"nearest": nearest, "seen": seen.astype(np.int8)},
        {"nearest": nearest, "seen": np.array({}, object)},
    ):
        yield lambda arrays=arrays: np.savez(path, **arrays)


@pytest.mark.slow
def test_damaged_files_are_not_trusted(tmp_path):
    cut_off(tmp_path, 1)
    kept = [path.read_bytes() for path in blocks(tmp_path)]
    paths = blocks(tmp_path)
    for damage in list(damages(paths[0])):
        paths[0].parent.mkdir(exist_ok=True)
        for path, content in zip(paths, kept, strict=True):
            path.write_bytes(content)
        damage()
        assert goes_on(tmp_path) == 10
        next((tmp_path / "radii").glob("*.npz")).unlink()


def test_radii_that_were_finished_otherwise_remove_what_was_kept(tmp_path):
    cut_off(tmp_path, 5)
    nc.knn_radii(POINTS["uint8"], 9, cache_dir=tmp_path)
    assert blocks(tmp_path) == []


def test_a_cache_that_cannot_be_written(tmp_path):
    """Is said, and no more."""
    (tmp_path / "radii").write_text("a file")
    with pytest.warns(UserWarning, match="are not kept") as caught:
        radii = nc.knn_radii(POINTS["uint8"], 9, executor=Inline(), cache_dir=tmp_path)
    assert len(caught) == 2
    np.testing.assert_array_equal(radii, nc.knn_radii(POINTS["uint8"], 9))


def test_without_a_cache_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spread, "replacing", lambda *_, **__: pytest.fail("a file is written"))
    same(Inline(), POINTS["uint8"])
    assert list(tmp_path.iterdir()) == []


# Measuring


TRAIN, TEST = blobs(300, 3, 3, spread=40), blobs(40, 3, 4, spread=40)


def measured(search="rectangles", **ways):
    settings = {"n_sets": 2, "q": 0.6, "n_neighbors": 5} if search == "rectangles" else {}
    return nc.measure(search, TRAIN, TEST, epsilon=0.02, alpha=0.1, **settings, **ways)


def test_measure_spreads_radii():
    one, other = Inline(), Inline()
    alone = measured()
    for ds in (measured(executor=one), measured(how=nc.How(executor=other))):
        xr.testing.assert_equal(ds, alone)
        assert {key: value for key, value in ds.attrs.items() if key not in ("created", "seconds")} == {
            key: value for key, value in alone.attrs.items() if key not in ("created", "seconds")
        }
    assert len(one.done) == len(other.done) == 6


def test_searches_of_searches_spread_them_too():
    search = nc.RectangleSearch(n_sets=2, q=0.6, n_neighbors=5)
    for many in (nc.Restarts(search, 2), nc.BestSearch(searches=[search, "faces"])):
        executor = Inline()
        nc.measure(many, TRAIN, TEST, epsilon=0.02, alpha=0.1, executor=executor)
        assert executor.done


def test_an_executor_without_work_is_refused():
    for search in ("faces", "hyperplane", nc.BestSearch(searches=["faces"])):
        refused(
            lambda search=search: measured(search, executor=Inline()), "executor is", "allowed: only with rectangles"
        )
    refused(lambda: measured(how=nc.How(executor=2), executor=2), "executor is 2 beside a how", "one of them")


@needs_jit
def test_the_command_has_workers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("mine.npz", X_train=TRAIN, X_test=TEST)
    command = ["measure", "mine.npz", "--epsilon=0.02", "--alpha=0.1", "--n-sets=2", "--q=0.6", "--quiet"]
    for workers in ("0", "two", "1.5"):
        assert main([*command, f"--workers={workers}"]) == 2
        assert f"--workers is {workers}" in capsys.readouterr().err.replace("'", "")
    assert main([*command, "--workers=2", "--search=faces"]) == 2
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "cache"))
    assert main([*command, "--workers=2", "--out=there.nc"]) == 0
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "other"))
    assert main([*command, "--out=here.nc"]) == 0
    xr.testing.assert_equal(nc.open_results("there.nc"), nc.open_results("here.nc"))
