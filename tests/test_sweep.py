"""Sweeps: what a grid measures, how it is laid out, what is done once, and what is kept on disk."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import conftest
import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import blobs, examples, needs_jit
from hypothesis import given, strategies as st

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.kernels.threads import available_threads
from numbaconc.results.layout import Case, lay_out, outcomes_of
from numbaconc.results.schema import DIMENSIONS, SCHEMA
from numbaconc.search.base import Search
from numbaconc.search.settings import Count, Words
from numbaconc.show.words import describe
from numbaconc.sweep.grid import load_grid, read_grid
from numbaconc.sweep.journal import Journal

pytestmark = pytest.mark.usefixtures("one_thread")

ONE, TWO = ((X[:50], X[50:]) for X in (blobs(80, 4, 2, spread=40), blobs(80, 3, 3, spread=40)))
DATA = {"one": ONE, "two": TWO}
SETTINGS = {"alpha": 0.1, "n_neighbors": 5}
GRID = {"dataset": "one", "epsilon": [0.02, "8/255"], "T": [2, 3], "q": [0.5, 0.9], "seed": [0, 1, 2]} | SETTINGS
SMALL = {"dataset": "one", "epsilon": [0.02, 0.05], "T": 2, "q": 0.7, "seed": [0, 1, 2]} | SETTINGS
L2 = {"norm": "l2", "dataset": "one", "epsilon": [0.1, 0.2], "T": [2, 3], "search": ["balls", "hyperplane"]}


@pytest.fixture
def out(tmp_path):
    """A result file, in a folder that is there and holds nothing."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder / "s.nc"


def sweep(grid, out, **options):
    """Run a sweep of the data above."""
    named = {name: one for name, one in DATA.items() if repr(name) in repr(grid)}  # others would be refused
    return nc.run_sweep(grid, out, **({"data": named} | options))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The grid above, measured, and its file."""
    out = tmp_path_factory.mktemp("made") / "s.nc"
    return sweep(GRID, out), out


def measured(search="rectangles", data=ONE, **settings):
    """One case as `measure` has it."""
    usual = SETTINGS if search == "rectangles" else {"alpha": 0.1}
    return nc.measure(search, *data, **(usual | settings))


def fixed_at(T, q, seed):
    """Where rectangles at a fixed q stand."""
    return (("T", T), ("q", q), ("seed", seed))


def assert_measured(ds, at, **settings):
    """A sweep has what `measure` gives, bit for bit, at one place."""
    alone = measured(**settings)
    for name in ("risk", "adversarial_risk"):
        assert ds[name].sel(at).dims == ("split",)
        np.testing.assert_array_equal(ds[name].sel(at), alone[name].squeeze())


def in_journal(out):
    """How many cases lie in the journal beside a result file, without touching it."""
    journal = out.with_name(out.name + ".journal")
    copy = out.with_name("copy")
    copy.mkdir()
    try:
        for path in out.parent.glob(f"{journal.name}*"):
            shutil.copy(path, copy)
        connection = sqlite3.connect(copy / journal.name)
        try:
            return connection.execute("select count(*) from finished").fetchone()[0]
        finally:
            connection.close()
    finally:
        shutil.rmtree(copy)


def refused(grid, out, says, **options):
    """What must be refused: in one line with these words, and the folder is as it was."""
    before = {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()}
    message = conftest.refused(lambda: sweep(grid, out, **options), *says)
    assert {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()} == before
    return message


class Stopped(Exception):
    """An interruption of a test's own."""


@pytest.fixture
def stop_after(monkeypatch):
    """Make sweeps stop after so many cases are in the journal; None: let them go on."""
    add = Journal.add

    def stop(n):
        left = [n]

        def adding(self, done):
            add(self, done)
            left[0] -= len(done)
            if left[0] <= 0:
                raise Stopped

        monkeypatch.setattr(Journal, "add", add if n is None else adding)

    return stop


# What a grid measures


def test_every_case_is_what_measure_gives(made):
    ds, _ = made
    for T in (2, 3):
        for q in (0.5, 0.9):
            for seed in (0, 2):
                for epsilon in (0.02, 8 / 255):
                    at = {"dataset": "one", "epsilon": epsilon, "T": T, "q": q, "seed": seed}
                    assert_measured(ds, at, epsilon=epsilon, n_sets=T, q=q, seed=seed)


def test_the_schema_of_the_design(made):
    ds, _ = made
    expected = {"dataset": ["one"], "epsilon": [0.02, 8 / 255], "T": [2, 3], "q": [0.5, 0.9], "seed": [0, 1, 2]}
    assert ds["risk"].dims == ds["adversarial_risk"].dims == (*expected, "split")
    assert set(expected) | {"split"} < set(DIMENSIONS)
    for dim, values in expected.items():
        assert ds[dim].values.tolist() == values
    assert ds["split"].values.tolist() == ["train", "test"]
    assert ds["alpha"].dims == ("dataset",)
    assert ds["n_points"].sel(dataset="one").values.tolist() == [50, 30]
    hashes = [nc.as_sample(X).sha256 for X in ONE]
    assert ds["data_sha256"].sel(dataset="one").values.tolist() == hashes
    assert "error" not in ds


def test_the_values_differ_along_every_dimension(made):
    """Otherwise a value in another's place would not be noticed."""
    values = made[0]["risk"]
    for dim in ("epsilon", "T", "q", "seed", "split"):
        assert (values != values.isel({dim: 0})).any()


def test_slicing_as_the_issue_has_it(made):
    ds, _ = made
    mean = ds.sel(dataset="one").sel(epsilon=8 / 255, method="nearest").mean("seed")
    values = ds["risk"].values[0, 1].mean(axis=2)
    np.testing.assert_allclose(mean["risk"], values, rtol=1e-15)
    least = ds.adversarial_risk.min("q")
    np.testing.assert_array_equal(least, ds["adversarial_risk"].values.min(axis=3))


def test_provenance(made):
    attrs = made[0].attrs
    assert attrs["schema"] == SCHEMA
    assert (attrs["norm"], attrs["search"], attrs["n_neighbors"]) == ("linf", "rectangles", 5)
    assert (attrs["threads"], attrs["jobs_at_once"]) == (available_threads(), 1)
    assert attrs["data_verified"] == "one: the user's own"
    assert attrs["seconds"] > 0


def test_the_file_is_what_is_returned_and_nothing_else_is_left(made):
    ds, out = made
    xr.testing.assert_identical(nc.open_results(out), ds)
    assert [path.name for path in out.parent.iterdir()] == ["s.nc"]
    with netCDF4.Dataset(out) as file:
        for name in ("risk", "adversarial_risk"):
            assert file[name].filters()["zlib"]


def test_data_sets_with_an_epsilon_of_their_own(out):
    blocks = [{"dataset": "two", "epsilon": 0.3}, {"dataset": "one", "epsilon": [0.1, 0.2]}]
    ds = sweep(SETTINGS | {"T": 2, "q": 0.7, "grid": blocks}, out)
    assert ds["dataset"].values.tolist() == ["two", "one"]
    assert ds["epsilon"].values.tolist() == [0.1, 0.2, 0.3]
    there = ds["risk"].notnull().all("split").squeeze()
    assert there.sel(dataset="two").values.tolist() == [False, False, True]
    assert there.sel(dataset="one").values.tolist() == [True, True, False]
    at = {"T": 2, "q": 0.7, "seed": 0}
    assert_measured(ds, at | {"dataset": "two", "epsilon": 0.3}, data=TWO, epsilon=0.3, n_sets=2, q=0.7)
    assert_measured(ds, at | {"dataset": "one", "epsilon": 0.2}, data=ONE, epsilon=0.2, n_sets=2, q=0.7)


def test_q_is_searched_where_it_is_not_given(out):
    ds = sweep({"dataset": "one", "epsilon": [0.01, 0.02], "T": 2, "seed": [0, 1]} | SETTINGS, out)
    assert "q" not in ds.dims
    search = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=5), 2)
    alone = nc.measure(search, *ONE, alpha=0.1, epsilon=[0.01, 0.02])
    assert ds["q_found"].dims == ("dataset", "epsilon", "T", "seed")
    np.testing.assert_array_equal(ds["q_found"].values.ravel(), alone["q_found"].values.ravel())
    np.testing.assert_array_equal(ds["adversarial_risk"].values.ravel(), alone["adversarial_risk"].values.ravel())


def test_several_alphas_are_a_dimension(out):
    ds = sweep({"dataset": "one", "epsilon": 0.02, "T": 2} | SETTINGS | {"alpha": [0.1, 0.4]}, out)
    assert ds["risk"].dims == ("alpha", "dataset", "epsilon", "T", "seed", "split")
    assert (ds["q_found"].sel(alpha=0.1) != ds["q_found"].sel(alpha=0.4)).all()
    for alpha in (0.1, 0.4):
        at = {"alpha": alpha, "dataset": "one", "epsilon": 0.02, "T": 2, "seed": 0}
        assert_measured(ds, at, epsilon=0.02, n_sets=2, alpha=alpha)


def test_an_alpha_of_each_data_set_is_a_coordinate_along_them(out):
    blocks = [{"dataset": "two", "alpha": 0.3}, {"dataset": "one", "alpha": 0.1}]
    ds = sweep({"epsilon": 0.02, "T": 2, "q": 0.7, "n_neighbors": 5, "grid": blocks}, out)
    assert ds["alpha"].dims == ("dataset",)
    assert [ds["alpha"].sel(dataset=name).item() for name in ("one", "two")] == [0.1, 0.3]
    assert "alpha" not in ds["risk"].dims


def test_searches_of_the_other_norm(out):
    ds = sweep(L2 | {"alpha": 0.1}, out)
    assert ds["search"].values.tolist() == ["balls", "hyperplane"]
    assert ds["risk"].dims == ("search", "dataset", "epsilon", "T", "split")
    for T in (2, 3):
        at = {"search": "balls", "dataset": "one", "epsilon": 0.2, "T": T}
        assert_measured(ds, at, search="balls", epsilon=0.2, n_sets=T)
    at = {"search": "hyperplane", "dataset": "one", "epsilon": 0.1, "T": 1}
    assert_measured(ds, at, search="hyperplane", epsilon=0.1)
    plane = ds["risk"].sel(search="hyperplane", T=[2, 3])
    assert plane.isnull().all()


@needs_jit
def test_delta_goes_to_the_balls(out):
    without = sweep(L2 | {"alpha": 0.1, "search": "balls"}, out)
    ds = sweep(L2 | {"alpha": 0.1, "search": "balls", "delta": 0.3}, out.with_name("d.nc"))
    at = {"dataset": "one", "epsilon": 0.2, "T": 3}
    assert_measured(ds, at, search="balls", epsilon=0.2, n_sets=3, delta=0.3)
    assert not ds["risk"].equals(without["risk"])


@pytest.mark.parametrize("setting", [{"n_neighbors": 2}, {"include_self": False}, {"centers": "median"}], ids=str)
def test_settings_of_the_sweep_reach_the_search(out, setting):
    grid = {"dataset": "one", "epsilon": 0.05, "T": 3, "q": [0.3, 0.5, 0.7]} | SETTINGS
    ds = sweep(grid | setting, out)
    for q in (0.3, 0.5, 0.7):
        at = {"dataset": "one", "epsilon": 0.05, "T": 3, "q": q, "seed": 0}
        assert_measured(ds, at, epsilon=0.05, n_sets=3, q=q, **setting)
    assert not ds["risk"].equals(sweep(grid, out.with_name("usual.nc"))["risk"])


def test_max_train_leaves_so_many_points(out):
    ds = sweep(SMALL | {"max_train": 30}, out)
    assert ds["n_points"].values.tolist() == [[30, 30]]
    assert ds.attrs["max_train"] == 30


def test_data_sets_are_found_by_name_and_by_path(tmp_path, out):
    np.savez(tmp_path / "own.npz", X_train=ONE[0], X_test=ONE[1])
    ds = sweep(SMALL | {"dataset": [str(tmp_path / "own.npz"), "two"]}, out)
    assert ds["dataset"].values.tolist() == ["own", "two"]
    np.testing.assert_array_equal(ds["risk"].sel(dataset="own"), sweep(SMALL, out.with_name("o.nc"))["risk"][0])
    data = nc.Dataset("another name", nc.as_sample(ONE[0]), nc.as_sample(ONE[1]), verified=True)
    given = sweep(SMALL | {"dataset": "mine"}, out.with_name("g.nc"), data={"mine": data})
    assert given["dataset"].values.tolist() == ["mine"]
    assert given.attrs["data_verified"] == "mine: the published contents"


def test_a_grid_of_arrays_and_ranges(out, made):
    grid = GRID | {"epsilon": np.array([0.02, 8 / 255]), "T": (2, 3), "seed": range(3), "q": np.array([0.5, 0.9])}
    assert list(read_grid(grid).cases) == list(read_grid(GRID).cases)


def test_a_grid_in_toml(tmp_path):
    path = tmp_path / "g.toml"
    path.write_text(
        'n_neighbors = 5\nepsilon = ["8/255", 0.1]\nT = 2\nq = 0.5\n'
        '[[grid]]\ndataset = "one"\nalpha = 0.1\n[[grid]]\ndataset = "two"\nseed = [3, 4]\nepsilon = 0.2\n'
    )
    read = read_grid(load_grid(path))
    first = [Case("rectangles", 0.1, "one", epsilon, fixed_at(2, 0.5, 0)) for epsilon in (8 / 255, 0.1)]
    second = [Case("rectangles", 0.05, "two", 0.2, fixed_at(2, 0.5, seed)) for seed in (3, 4)]
    assert list(read.cases) == [*first, *second]
    assert {search.n_neighbors for search in read.cases.values()} == {5}
    assert read.settings == {"norm": "linf", "max_train": None, "test_fraction": 0.2}


def test_a_case_that_is_named_twice_is_measured_once():
    read = read_grid({"dataset": ["one", "one"], "epsilon": [0.1, "1/10"], "seed": [1, 1], "grid": [{}, {"T": 5}]})
    assert list(read.cases) == [Case("rectangles", 0.05, "one", 0.1, (("T", 5), ("seed", 1)))]


# Computed once


@pytest.fixture
def counted(monkeypatch):
    """How often radii were computed and points clustered."""
    counts = {"knn_radii": 0, "cluster": 0}

    def counting(name, function):
        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr("numbaconc.search.rectangles.cluster", counting("cluster", nc.cluster))
    monkeypatch.setattr("numbaconc.search.rectangles.knn_radii", counting("knn_radii", nc.knn_radii))
    return counts


def test_radii_once_a_data_set_and_clusters_once_for_all_epsilon(out, counted):
    grid = GRID | {"dataset": ["one", "two"], "epsilon": [0.01, 0.02, 0.03, 0.04]}
    sweep(grid, out)
    assert counted == {"knn_radii": 2, "cluster": 2 * 2 * 2 * 3}


def test_clusters_once_for_all_alpha(out, counted):
    sweep(SMALL | {"alpha": [0.1, 0.2, 0.3]}, out)
    assert counted == {"knn_radii": 1, "cluster": 3}


def test_searches_of_q_share_their_clusters(out, counted):
    searched = {"dataset": "one", "T": 2, "seed": 0} | SETTINGS
    apart = 0
    for i, epsilon in enumerate((0.01, 0.02)):
        counted["cluster"] = 0
        sweep(searched | {"epsilon": epsilon}, out.with_name(f"{i}.nc"))
        apart += counted["cluster"]
    counted["cluster"] = 0
    sweep(searched | {"epsilon": [0.01, 0.02]}, out)
    assert counted["cluster"] < apart


def test_the_other_norm_has_no_use_for_radii(out, counted):
    sweep(L2, out)
    assert counted == {"knn_radii": 0, "cluster": 0}


def test_radii_are_kept_in_a_cache(tmp_path, out, monkeypatch):
    cache = tmp_path / "cache"
    ds = sweep(SMALL, out, cache_dir=cache)
    assert len(list((cache / "radii").iterdir())) == 1

    def computed(*_):
        pytest.fail("radii are computed again")

    monkeypatch.setattr("numbaconc.density._radii", computed)
    xr.testing.assert_equal(sweep(SMALL, out.with_name("again.nc"), cache_dir=cache), ds)


# Going on


def test_a_finished_sweep_is_not_measured_again(made, counted):
    ds, out = made
    before = out.read_bytes()
    xr.testing.assert_identical(sweep(GRID, out), ds)
    assert counted == {"knn_radii": 0, "cluster": 0}
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["s.nc"]


@needs_jit
@pytest.mark.parametrize(
    "more",
    [
        {"epsilon": [0.02, 0.03, 0.05]},
        {"T": [1, 2]},
        {"q": [0.6, 0.7]},
        {"seed": [0, 1, 2, 3]},
        {"alpha": [0.1, 0.2]},
        {"dataset": ["one", "two"]},
    ],
    ids=str,
)
def test_a_changed_grid_extends_the_file(out, counted, more):
    whole = sweep(SMALL | more, out.with_name("whole.nc"))
    at_once = dict(counted)
    sweep(SMALL, out)
    counted["cluster"] = 0
    extended = sweep(SMALL | more, out)
    xr.testing.assert_equal(extended, whole)
    xr.testing.assert_identical(nc.open_results(out), extended)
    if not {"epsilon", "alpha"} & more.keys():  # their clusters are those of the first run
        assert counted["cluster"] == at_once["cluster"] - 3


def test_another_grid_keeps_what_the_file_had(out):
    """Nothing is dropped, and what neither has is missing."""
    first = sweep(SMALL, out)
    both = sweep(SMALL | {"epsilon": 0.3, "T": 3, "seed": 7}, out)
    for name in ("risk", "adversarial_risk"):
        np.testing.assert_array_equal(both[name].sel({dim: first[dim] for dim in first[name].dims}), first[name])
        assert int(both[name].notnull().sum()) == 2 * (6 + 1)


def test_a_file_of_a_fixed_q_does_not_lose_it_to_a_searched_one(out):
    """The design has q as a dimension or `q_found`: refused, or kept side by side, but nothing is lost."""
    first = sweep(SMALL, out)
    with contextlib.suppress(nc.InputError):
        sweep({key: value for key, value in SMALL.items() if key != "q"}, out)
    after = outcomes_of(nc.open_results(out))
    assert {case: after.get(case) for case in outcomes_of(first)} == outcomes_of(first)


def test_an_interrupted_sweep_goes_on(out, stop_after, counted):
    whole = sweep(GRID, out.with_name("whole.nc"))
    for cases in (2, 8):
        stop_after(cases)
        with pytest.raises(Stopped):
            sweep(GRID, out)
    assert in_journal(out) == 2 * 5
    assert not out.exists()
    stop_after(None)
    counted["cluster"] = 0
    xr.testing.assert_equal(sweep(GRID, out), whole)
    assert counted["cluster"] == 12 - 5
    assert not list(out.parent.glob("*journal*"))


def test_an_interrupted_extension_goes_on(out, stop_after):
    more = SMALL | {"seed": [0, 1, 2, 3, 4], "dataset": ["one", "two"]}
    whole = sweep(more, out.with_name("whole.nc"))
    first = sweep(SMALL, out)
    stop_after(3)
    with pytest.raises(Stopped):
        sweep(more, out)
    xr.testing.assert_identical(nc.open_results(out), first)
    stop_after(None)
    xr.testing.assert_equal(sweep(more, out), whole)


def test_what_an_abandoned_grid_had_finished_is_in_the_file(out, stop_after):
    stop_after(4)
    with pytest.raises(Stopped):
        sweep(SMALL, out)
    stop_after(None)
    ds = sweep(SMALL | {"seed": 9}, out)
    assert ds["seed"].values.tolist() == [0, 1, 9]
    assert ds["risk"].notnull().all()


def test_a_case_is_on_disk_before_it_is_reported(out, monkeypatch):
    seen = []

    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, n):
            seen.append((n, in_journal(out)))

    monkeypatch.setattr("numbaconc.sweep.run.bar", lambda **_: Bar())
    sweep(SMALL, out)
    assert seen == [(1, n) for n in range(1, 7)]


def test_a_sweep_that_could_not_save_keeps_its_cases(out, monkeypatch, counted):
    def full(ds, path):
        msg = "output cannot be written: No space left on device"
        raise nc.InputError(msg)

    with monkeypatch.context() as patch:
        patch.setattr("numbaconc.sweep.run.save_results", full)
        with pytest.raises(nc.InputError, match="No space"):
            sweep(SMALL, out)
    assert in_journal(out) == 6
    counted["cluster"] = 0
    ds = sweep(SMALL, out)
    assert counted["cluster"] == 0
    assert ds["risk"].notnull().all()


# What does not belong together


@pytest.mark.parametrize("unfinished", [False, True])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_neighbors": 7}, ["n_neighbors is 7", "made with 5"]),
        ({"include_self": False}, ["include_self", "made with 1"]),
        ({"centers": "median"}, ["centers is 'median'", "'mean'"]),
        ({"max_train": 30}, ["max_train is 30", "None"]),
    ],
    ids=str,
)
def test_other_settings_are_refused(out, stop_after, unfinished, change, says):
    if unfinished:
        stop_after(1)
        with pytest.raises(Stopped):
            sweep(SMALL, out)
        stop_after(None)
    else:
        sweep(SMALL, out)
    refused(SMALL | change, out, [*says, "s.nc", "allowed: the same"])


@pytest.mark.parametrize("split", [0, 1])
def test_other_data_are_refused(out, split):
    sweep(SMALL, out)
    other = [X.copy() for X in ONE]
    other[split][7, 2] ^= 1
    refused(
        SMALL | {"seed": 9}, out, ["'one'", ("train", "test")[split], "allowed: the same data"], data={"one": other}
    )


def test_the_other_norm_is_another_file(out):
    sweep(SMALL, out)
    refused(L2, out, ["norm is 'l2'", "made with 'linf'"])


def test_a_file_that_is_no_sweep(out):
    nc.save_results(measured(epsilon=0.1, n_sets=2), out)
    refused(SMALL, out, [str(out), "not the file of a sweep", "allowed"])
    out.write_text("hello")
    refused(SMALL, out, [str(out), "cannot be read"])


@needs_jit
def test_joined_files_can_be_extended(out):
    """Also those of several searches, whose alpha lies along both."""
    paths = [out.with_name(f"{i}.nc") for i in range(2)]
    for path, epsilon in zip(paths, (0.1, 0.2), strict=True):
        sweep(L2 | {"epsilon": epsilon}, path)
    nc.save_results(nc.open_results(paths), out)
    xr.testing.assert_equal(
        sweep(L2 | {"epsilon": [0.1, 0.2, 0.3]}, out), sweep(L2 | {"epsilon": [0.1, 0.2, 0.3]}, out.with_name("w.nc"))
    )


# Failures


def test_a_case_that_fails_has_its_error_and_the_others_go_on(out):
    ds = sweep(SMALL | {"T": [2, 100], "dataset": ["one", "two"]}, out)
    assert ds["risk"].sel(T=2).notnull().all()
    assert ds["risk"].sel(T=100).isnull().all()
    assert (ds["error"].sel(T=2) == "").all()
    assert set(ds["error"].sel(T=100).values.ravel()) == {
        "InputError: n_sets is 100; allowed: a whole number from 1 to 50 (there are 50 points)"
    }
    assert "12 of the cases failed: InputError: n_sets is 100" in describe(ds)
    assert "nan" not in describe(ds)
    xr.testing.assert_identical(nc.open_results(out), ds)


def test_one_epsilon_may_fail_alone(out):
    ds = sweep({"dataset": "one", "epsilon": [0.02, 0.999], "T": 2} | SETTINGS, out)
    assert ds["risk"].sel(epsilon=0.02).notnull().all()
    assert "no q leaves that risk" in ds["error"].sel(epsilon=0.999).item()
    assert ds["q_found"].sel(epsilon=0.999).isnull().all()


def test_all_may_fail(out):
    ds = sweep(SMALL | {"n_neighbors": 50}, out)
    assert (
        ds["error"] == "InputError: n_neighbors is 50; allowed: a whole number from 1 to 49 (less than the 50 points)"
    ).all()
    assert "6 of the cases failed" in describe(ds)


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), MemoryError(), ZeroDivisionError("x")], ids=repr)
def test_a_failed_case_is_tried_again(out, monkeypatch, counted, error):
    whole = sweep(SMALL, out.with_name("whole.nc"))

    def failing(sample, n_sets, seed, **options):
        if seed == 1:
            raise error
        return nc.cluster(sample, n_sets, seed, **options)

    with monkeypatch.context() as patch:
        patch.setattr("numbaconc.search.rectangles.cluster", failing)
        ds = sweep(SMALL, out)
        (text,) = set(ds["error"].sel(seed=1).values.ravel())
        assert type(error).__name__ in text  # of memory that is not there the search is said, too
        assert "\n" not in text
        sweep(SMALL, out)
    assert ds["risk"].sel(seed=[0, 2]).equals(whole["risk"].sel(seed=[0, 2]))
    counted["cluster"] = 0
    again = sweep(SMALL, out)
    assert counted["cluster"] == 1
    xr.testing.assert_equal(again, whole)


def test_a_failure_in_an_interrupted_sweep_is_tried_again(out, monkeypatch, stop_after):
    with monkeypatch.context() as patch:
        patch.setattr("numbaconc.search.rectangles.cluster", lambda *_, **__: 1 / 0)
        stop_after(2)
        with pytest.raises(Stopped):
            sweep(SMALL, out)
    stop_after(None)
    xr.testing.assert_equal(sweep(SMALL, out), sweep(SMALL, out.with_name("whole.nc")))


# What is refused


IN_FACES = {"search": "faces", "q": None, "seed": None, "n_neighbors": None}
IN_BALLS = {"search": "balls", "q": None, "seed": None, "n_neighbors": None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epsilon": []}, ["epsilon", "[]", "one or more"]),
        ({"epsilon": "8/0"}, ["epsilon", "'8/0'", "positive number"]),
        ({"epsilon": [0.1, -1]}, ["epsilon", "-1", "positive number"]),
        ({"T": 0}, ["T is 0", "at least 1"]),
        ({"T": 2.5}, ["T is 2.5", "whole number"]),
        ({"T": [2, "x"]}, ["T is 'x'", "whole number"]),
        ({"q": 0}, ["q is 0", "(0, 1]"]),
        ({"q": [0.5, 1.5]}, ["q is 1.5", "(0, 1]"]),
        ({"seed": -1}, ["seed is -1", "at least 0"]),
        ({"alpha": 1}, ["alpha is 1", "(0, 1)"]),
        ({"alpha": "x"}, ["alpha is 'x'", "(0, 1)"]),
        ({"dataset": 3}, ["dataset is 3", "name"]),
        ({"dataset": []}, ["dataset is []", "one or more"]),
        ({"dataset": "three"}, ["'three'"]),
        ({"search": ["rectangles", "balls"]}, ["search is 'balls' with norm 'linf'", "rectangles"]),
        ({"search": "rectangle"}, ["did you mean 'rectangles'"]),
        ({"norm": "l3"}, ["norm is 'l3'", "linf, l2, l1"]),
        ({"centers": "medain"}, ["centers is 'medain'", "mean, median"]),
        ({"n_neighbors": 0}, ["n_neighbors is 0", "at least 1"]),
        ({"include_self": "yes"}, ["include_self is 'yes'", "true or false"]),
        ({"max_train": 1}, ["max_train is 1", "at least 2"]),
        ({"max_train": 51}, ["max_train is 51", "from 2 to 50", "training points of 'one'"]),
        ({"test_fraction": 1}, ["test_fraction is 1", "(0, 1)"]),
        ({"test_fraction": 0.3}, ["test_fraction is 0.3 beside data for 'one'"]),
        ({"n_sets": 3}, ["both 'T' and 'n_sets'", "allowed: one of them"]),
        ({"grid": [{"n_sets": 3, "T": 2}]}, ["both 'n_sets' and 'T'", "allowed: one of them"]),
        ({"sed": 3}, ["'sed'", "did you mean 'seed'"]),
        ({"grid": []}, ["grid is []", "[[grid]]"]),
        ({"grid": {"T": 2}}, ["grid is {'T': 2}", "[[grid]]"]),
        ({"grid": [3]}, ["3", "[[grid]]"]),
        ({"grid": [{"n_neighbors": 3}]}, ["'n_neighbors'", "allowed: dataset"]),
        ({"grid": [{"norm": "l2"}]}, ["'norm'", "allowed: dataset"]),
        ({"delta": 0.1}, ["delta is 0.1 with search 'rectangles'; allowed: only with balls"]),
        ({"grid": [{"delta": 0.1}]}, ["delta is 0.1 with search 'rectangles'; allowed: only with balls"]),
        ({"margin": 0.1}, ["margin is 0.1 at a fixed q = 0.7", "allowed: only where q is searched"]),
        ({"margin": "much", "q": None}, ["margin is 'much'", "at least 0 and less than 1"]),
        ({"delta": -1} | IN_BALLS, ["delta is -1", "at least 0"]),
        ({"delta": "x"} | IN_BALLS, ["delta is 'x'", "number"]),
        (
            {"q": 0.5} | dict.fromkeys(("seed", "n_neighbors")) | {"norm": "l2"},
            ["q is 0.5 with search 'balls'", "rectangles"],
        ),
        ({"delta": 0.1} | IN_FACES, ["delta is 0.1 with search 'faces'; allowed: only with balls"]),
        (
            {"seed": 1} | dict.fromkeys(("q", "n_neighbors")) | {"search": "faces"},
            ["seed is 1 with search 'faces'"],
        ),
        (IN_BALLS | {"search": "hyperplane"}, ["n_sets is 2 with search 'hyperplane'; allowed: only with"]),
        (IN_BALLS | {"search": "hyperplane", "T": None, "n_sets": 2}, ["n_sets is 2 with search 'hyperplane'"]),
        ({"validation": 0.2}, ["validation is 0.2 with search 'rectangles'; allowed: only with best"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_grids(out, change, says):
    grid = {key: value for key, value in (SMALL | change).items() if value is not None}
    refused(grid, out, says)


def test_what_a_grid_cannot_do_without(out):
    for name in ("dataset", "epsilon"):
        refused({key: value for key, value in SMALL.items() if key != name}, out, [f"{name} is missing"])


def test_q_is_searched_in_all_tables_or_in_none(out):
    grid = {key: value for key, value in SMALL.items() if key != "q"}
    refused(
        grid | {"grid": [{"q": 0.5}, {"seed": 2}]}, out, ["q is given in some cases and missing in some", "[[grid]]"]
    )


def test_whole_numbers_may_be_written_as_floats(out):
    grid = SMALL | {"T": 2.0, "seed": [0.0, 1.0, 2.0], "n_neighbors": 5.0, "max_train": 30.0}
    xr.testing.assert_equal(sweep(grid, out), sweep(SMALL | {"max_train": 30}, out.with_name("w.nc")))


def test_a_grid_that_is_no_mapping(out):
    refused("grid.toml", out, ["grid is 'grid.toml'", "allowed"])


@pytest.mark.parametrize("samples", [(*ONE, ONE[0]), (ONE[0],)], ids=["three", "one"])
def test_data_that_are_not_train_and_test(out, samples):
    refused(SMALL, out, ["one", "train and test"], data={"one": samples})


def test_train_and_test_of_different_width(out):
    refused(SMALL, out, ["4", "3"], data={"one": (ONE[0], TWO[1])})


def test_two_files_of_one_name(tmp_path, out):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "own.npz", X_train=ONE[0], X_test=ONE[1])
    names = [str(tmp_path / folder / "own.npz") for folder in ("a", "b")]
    refused(SMALL | {"dataset": names}, out, [*names, "allowed: different names"])


@pytest.mark.parametrize("threads", [0, 100000, 1.5])
def test_threads_that_are_not_there(out, threads):
    refused(SMALL, out, ["threads", str(threads), "from 1 to"], threads=threads)


def test_outputs_that_cannot_be_written(out):
    refused(SMALL, out.with_name("s.txt"), ["s.txt", "ends in .nc"])
    out.mkdir()
    refused(SMALL, out, [str(out), "is a folder"])
    out.with_name("file").write_text("x")
    with pytest.raises(nc.InputError, match=r"is not a folder"):
        sweep(SMALL, out.with_name("file") / "deep" / "s.nc")
    assert {path.name for path in out.parent.iterdir()} == {"s.nc", "file"}


def test_refused_before_a_new_folder_is_made(out):
    with pytest.raises(nc.InputError):
        sweep(SMALL | {"q": 3}, out.parent / "new" / "s.nc")
    with pytest.raises(nc.InputError):
        sweep(SMALL | {"dataset": "three"}, out.parent / "new" / "s.nc")
    assert list(out.parent.iterdir()) == []
    sweep(SMALL, out.parent / "new" / "s.nc")
    assert (out.parent / "new" / "s.nc").exists()


NOT_TOML = ["q = ", "\x00", "[[grid]", "q = 1\nq = 2", "seed = " + "9" * 5000, "a.b = 1\na = 2"]


@pytest.mark.parametrize("text", NOT_TOML, ids=lambda text: repr(text[:20]))
def test_a_grid_that_is_not_toml(tmp_path, text):
    (tmp_path / "g.toml").write_text(text)
    conftest.refused(lambda: load_grid(tmp_path / "g.toml"), "g.toml", "is not TOML")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_grid_in_another_encoding(tmp_path, encoding):
    (tmp_path / "g.toml").write_bytes('dataset = "é"'.encode(encoding))
    conftest.refused(lambda: load_grid(tmp_path / "g.toml"), "g.toml", "is not TOML", "utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=repr)
def test_a_grid_that_begins_with_a_mark_of_its_encoding(tmp_path, end):
    (tmp_path / "g.toml").write_bytes(end.join(['dataset = "é"', "T = 2"]).encode("utf-8-sig"))
    assert load_grid(tmp_path / "g.toml") == {"dataset": "é", "T": 2}


DEEP = {
    "lists": "a = " + "[" * 3000 + "]" * 3000,
    "open lists": "a = " + "[" * 15000,
    "tables": "a = " + "{b = " * 2000 + "1" + "}" * 2000,
}


@pytest.mark.parametrize("what", DEEP)
def test_a_grid_that_is_nested_too_deeply(tmp_path, what):
    (tmp_path / "g.toml").write_text(DEEP[what])
    conftest.refused(lambda: load_grid(tmp_path / "g.toml"), "g.toml", "nested too deeply")


def test_a_grid_of_nested_names(tmp_path):
    (tmp_path / "g.toml").write_text(f"grid.{'a.' * 2000}b = 1")
    message = conftest.refused(
        lambda: read_grid(load_grid(tmp_path / "g.toml")), "grid is ", "allowed: one or more tables"
    )
    assert len(message) < 500


def test_a_grid_that_is_too_long(tmp_path):
    (tmp_path / "g.toml").write_text("T = 2\n" + "#" * (1 << 14))
    conftest.refused(lambda: load_grid(tmp_path / "g.toml"), "g.toml", "longer than 16384 bytes")


@pytest.mark.slow
def test_a_grid_of_too_many_cases(monkeypatch):
    """They are counted before they are listed, in one table or in many."""
    many = SMALL | {name: list(range(2, 3002)) for name in ("T", "seed")}
    conftest.refused(
        lambda: read_grid(many | {"q": [i / 3001 for i in range(1, 3001)]}), "27,000,000,000 cases", "100,000"
    )
    conftest.refused(
        lambda: read_grid(SMALL | {"seed": list(range(40_000)), "epsilon": [0.1, 0.2, 0.3]}), "120,000 cases"
    )
    monkeypatch.setattr("numbaconc.sweep.grid.MOST_CASES", 1000)  # to list as many takes time
    conftest.refused(lambda: read_grid(SMALL | {"grid": [{"seed": list(range(90))}] * 9}), "1,001 cases or more")


def test_values_that_are_equal_are_one(out):
    grid = SMALL | {"epsilon": ["1/16", 0.0625, "0.0625"], "T": [2, 2.0], "seed": [0, 1, 0, 1.0], "alpha": [0.1, "0.1"]}
    assert len(read_grid(grid | {"search": ["rectangles", "rectangles"], "dataset": ["one", "one"]}).cases) == 2
    assert sweep(grid, out)["risk"].sizes == {"dataset": 1, "epsilon": 1, "T": 1, "q": 1, "seed": 2, "split": 2}


@pytest.mark.parametrize("value", ["2020-01-01", "10:00:00", "{a = 1}", "[{a = 1}]", "[[1]]", "1e999", "nan", "true"])
def test_values_that_are_no_numbers(tmp_path, value):
    for name in ("T", "seed", "q", "alpha", "max_train"):
        (tmp_path / "g.toml").write_text(f'dataset = "one"\nepsilon = 0.1\n{name} = {value}')
        conftest.refused(lambda: read_grid(load_grid(tmp_path / "g.toml")), f"{name} is ", "allowed: ")


def test_names_that_a_terminal_would_obey(tmp_path):
    (tmp_path / "g.toml").write_text('dataset = "one"\nepsilon = 0.1\n"\\u001b[31m" = 1')
    assert conftest.refused(lambda: read_grid(load_grid(tmp_path / "g.toml")), r"\x1b[31m").isprintable()


def test_a_grid_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none.toml", "", "\0", None):
        conftest.refused(lambda path=path: load_grid(path), "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_grid_that_is_a_pipe_or_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        conftest.refused(lambda path=path: load_grid(path), "cannot be read: it is no file")


def test_a_folder_at_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in (".", "..", ""):
        assert main(["sweep", name]) == 2
        assert conftest.lines(capsys.readouterr().err) == [
            f"numbaconc sweep: error: grid {name!r} cannot be read: it is no file"
        ]
    assert list(tmp_path.iterdir()) == []


# The journal


def test_one_run_at_a_time(out):
    with Journal(out) as journal:
        journal.identity = {"settings": {}, "data": {}}
        with pytest.raises(nc.InputError, match=r"running in another process.*s\.nc\.journal.*one at a time"):
            sweep(SMALL, out)
        assert journal.path.exists()
    assert not journal.path.exists()
    assert sweep(SMALL, out)["risk"].notnull().all()


@pytest.mark.parametrize("how", ["text", "cut", "rows", "identity"])
def test_a_damaged_journal(out, stop_after, how):
    stop_after(2)
    with pytest.raises(Stopped):
        sweep(SMALL, out)
    stop_after(None)
    path = out.with_name("s.nc.journal")
    if how == "text":
        path.write_text("this is no journal" * 100)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])
    else:
        connection = sqlite3.connect(path)
        change = "update finished set outcome = '{'" if how == "rows" else "update said set value = '{'"
        connection.execute(change)
        connection.commit()
        connection.close()
    with pytest.raises(nc.InputError, match=r"s\.nc\.journal.*damaged.*remove it") as caught:
        sweep(SMALL, out)
    assert "\n" not in str(caught.value)
    path.unlink()  # still there
    assert sweep(SMALL, out)["risk"].notnull().all()


def test_a_journal_that_cannot_be_opened(out):
    out.with_name("s.nc.journal").mkdir()
    with pytest.raises(nc.InputError, match=r"s\.nc\.journal.*cannot be written") as caught:
        sweep(SMALL, out)
    assert "\n" not in str(caught.value)


OUTCOMES = {
    Case("rectangles", 0.05, "a", 8 / 255, fixed_at(3, 0.5, 2)): {"risk": {"train": 0.1, "test": 1 / 3}},
    Case("balls", 0.05, "a", 0.1, (("T", 3),)): {"error": 'ValueError: it\'s "bad" — ε'},
    Case("hyperplane", 0.05, "a", 0.1): {"margin": 0.01, "compared": "one; two\n: three"},
    Case("own", 0.05, "a", 0.1, (("kind", "x: y"), ("p", float("inf")))): {"vc_dimension": 3},
}


def test_the_journal_gives_back_what_it_was_given(out):
    with Journal(out) as journal:
        for case, outcome in OUTCOMES.items():
            journal.add([(case, outcome, 0.25)])
    with Journal(out) as journal:
        assert journal.finished() == OUTCOMES
        assert journal.seconds == 1
        journal.clear()
    assert list(out.parent.iterdir()) == []


def test_all_the_cases_that_are_added_together_or_none(out):
    first, second, *_ = OUTCOMES
    with Journal(out) as journal:
        journal.add([(first, OUTCOMES[first], 1)])
        journal._connection.execute(
            "create temp trigger odd before insert on finished when new.outcome like '%bad%' "
            "begin select raise(abort, 'odd'); end"
        )
        with pytest.raises(nc.InputError):
            journal.add([(first, {"error": "later"}, 1), (second, OUTCOMES[second], 1)])
        assert journal.finished() == {first: OUTCOMES[first]}
        journal.add([(first, {"error": "later"}, 1)])
        assert journal.finished() == {first: {"error": "later"}}
    assert in_journal(out) == 1


# The layout


fractions = st.integers(0, 1000).map(lambda n: n / 1000)
COORDINATES = {
    "T": st.sampled_from([1, 5, 10]),
    "q": st.sampled_from([0.5, 0.9]),
    "seed": st.sampled_from([0, 3]),
    "directions": st.sampled_from([2, 7]),
    "kind": st.sampled_from(["low", "a: b; c, d"]),
    "power": st.sampled_from([0.5, float("inf")]),
}
SEARCHES = ("rectangles", "balls", "hyperplane", "best", "own")


@st.composite
def outcomes(draw):
    """Outcomes as sweeps have them: products with holes, failures, searches with coordinates of their own or none."""
    names = draw(st.lists(st.sampled_from(SEARCHES), min_size=1, max_size=3, unique=True))
    own = {name: draw(st.lists(st.sampled_from(list(COORDINATES)), unique=True)) for name in names}
    told = {name: draw(st.sets(st.sampled_from(["q_found", "margin", "compared", "vc_dimension"]))) for name in names}
    alphas, datasets = st.sampled_from([0.01, 0.05, 0.3]), st.sampled_from(["mnist", "a", "Zoë"])
    result = {}
    for _ in range(draw(st.integers(1, 8))):
        search = draw(st.sampled_from(names))
        at = tuple((name, draw(COORDINATES[name])) for name in own[search])
        case = Case(search, draw(alphas), draw(datasets), draw(st.sampled_from([8 / 255, 0.1, 0.3])), at)
        if draw(st.integers(0, 3)) == 0:
            result[case] = {"error": draw(st.sampled_from(["ValueError: no", "InputError: α is 2"]))}
            continue
        values = {
            name: {split: draw(fractions) for split in ("train", "test")} for name in ("risk", "adversarial_risk")
        }
        further = {
            "q_found": draw(fractions),
            "margin": draw(fractions),
            "compared": draw(st.sampled_from(["faces of faces 0.1 -> 0.2", "x; y: ε"])),
            "vc_dimension": 3 + len(search),  # that of all seeds
        }
        result[case] = values | {name: further[name] for name in told[search]}
    return result


def laid_out(some):
    facts = {split: {"data_sha256": f"{split} hash", "n_points": 7} for split in ("train", "test")}
    ds = lay_out(some, {case.dataset: facts for case in some})
    return ds.assign_attrs(search=", ".join(dict.fromkeys(case.search for case in some)), schema=SCHEMA)


@given(outcomes())
def test_what_is_laid_out_can_be_read_back(some):
    ds = laid_out(some)
    assert outcomes_of(ds) == some
    further = {name for case in some for name, _ in case.at}
    assert set(ds["risk"].dims) <= {*DIMENSIONS, *further}
    assert [dim for dim in ds["risk"].dims if dim in DIMENSIONS] == [
        dim for dim in DIMENSIONS if dim in ds["risk"].dims
    ]
    assert ds["risk"].dims[-1] == "split"
    named = dict(part.split(": ") for part in ds.attrs["search_coordinates"].split("; "))
    assert named == {case.search: ", ".join(name for name, _ in case.at) for case in some}
    assert int(ds["risk"].notnull().sum()) == 2 * sum("risk" in outcome for outcome in some.values())


@given(outcomes())
def test_the_order_of_dimensions_does_not_matter(some):
    ds = laid_out(some)
    assert outcomes_of(ds.transpose(*reversed(ds["risk"].dims))) == some


@examples(10)
@given(outcomes())
def test_what_is_laid_out_can_be_saved(some):
    with tempfile.TemporaryDirectory() as folder:
        nc.save_results(laid_out(some), Path(folder) / "s.nc")
        opened = nc.open_results(Path(folder) / "s.nc")
    assert outcomes_of(opened) == some
    xr.testing.assert_identical(opened, laid_out(some))


def test_a_coordinate_is_given_in_all_cases_of_a_search_or_in_none():
    some = [Case("faces", 0.1, "a", 0.1, (("T", 2),)), Case("faces", 0.1, "a", 0.2)]
    says = ["T is given in some cases and missing in others", "allowed: in all cases of a file, or in none"]
    conftest.refused(lambda: laid_out({case: {"error": "no"} for case in some}), *says)


def test_a_file_of_earlier_does_not_say_which_coordinates_its_searches_have(out):
    """They are those that the searches declare."""
    grid = L2 | {"alpha": 0.1}
    old = sweep(grid, out)
    assert old.attrs["search_coordinates"] == "balls: T; hyperplane: "
    del old.attrs["search_coordinates"]
    nc.save_results(old, out)
    assert outcomes_of(nc.open_results(out)) == outcomes_of(sweep(grid, out.with_name("new.nc")))


def test_what_is_laid_out_can_be_read_back_from_a_file(out, made):
    failing = sweep({"dataset": ["one", "two"], "epsilon": [0.02, 0.999], "T": [2, 60]} | SETTINGS, out)
    before = outcomes_of(failing)
    assert sum("error" in outcome for outcome in before.values()) == 6
    assert outcomes_of(nc.open_results(out)) == before
    assert len(outcomes_of(made[0])) == 24


# Files of several runs


def test_files_of_several_runs(out):
    grids = [GRID | {"seed": [0, 1]}, GRID | {"seed": 2}, GRID | {"dataset": "two", "epsilon": 0.3}]
    paths = [out.with_name(f"{i}.nc") for i in range(3)]
    parts = [sweep(grid, path, threads=1) for grid, path in zip(grids, paths, strict=True)]
    joined = nc.open_results(paths)
    assert outcomes_of(joined) == outcomes_of(parts[0]) | outcomes_of(parts[1]) | outcomes_of(parts[2])
    assert "data_verified" in joined.attrs["differing"].split(", ")
    assert "n_neighbors" not in joined.attrs["differing"].split(", ")
    assert joined.attrs["data_verified"] == "one: the user's own; two: the user's own"
    assert joined.attrs["seconds"] == pytest.approx(sum(part.attrs["seconds"] for part in parts), abs=2e-3)


def test_whole_results_are_reduced(tmp_path):
    """Though they hold text."""
    ds = sweep(SMALL | {"T": [2, 60]}, tmp_path / "s.nc")
    assert (ds["error"] != "").any()
    mean = ds.sel(dataset="one").sel(epsilon=0.021, method="nearest").mean("seed")
    assert mean.adversarial_risk.dims == ("T", "q", "split")
    assert mean.sel(split="test").max().risk.item() <= 1
    assert ds.adversarial_risk.min("q").notnull().any()
    joined = nc.open_results([tmp_path / "s.nc", tmp_path / "s.nc"])
    assert joined.drop_attrs().equals(ds.drop_attrs())
    measured = {"risk", "adversarial_risk", "n_points", "error", "vc_dimension"}
    certified = {"certified_count", "n_compared", "certified"}
    kept = {"kept_seed", "measure_at_least", "expansion_at_most"}
    assert set(joined.data_vars) == set(ds.data_vars) == measured | kept | certified
    split = ds.sel(dataset="one", split="test").mean("seed")
    assert split.adversarial_risk.dims == ("epsilon", "T", "q")


def test_certificates_of_a_sweep(tmp_path):
    """Those of `measure`; of all seeds together where files of several are joined; none where a case failed."""
    grid = SMALL | {"T": [2, 60], "seed": range(4)}
    whole = sweep(grid, tmp_path / "s.nc")
    parts = [sweep(grid | {"seed": seeds}, tmp_path / f"{seeds[0]}.nc") for seeds in ((0, 1), (2, 3))]
    joined = nc.open_results([tmp_path / "0.nc", tmp_path / "2.nc"])
    xr.testing.assert_equal(joined, whole)
    assert (parts[0]["kept_seed"] != whole["kept_seed"]).any(), "the data no longer make the point"
    search = nc.Restarts(nc.RectangleSearch(n_sets=2, q=0.7, n_neighbors=5), 4)
    one = nc.measure(search, *ONE, alpha=0.1, epsilon=grid["epsilon"], name="one")
    kept = ["kept_seed", "measure_at_least", "expansion_at_most", "certified", "vc_dimension"]
    here = whole[kept].sel(dataset=["one"], T=[2], q=[0.7], epsilon=one["epsilon"])
    xr.testing.assert_equal(here.reset_coords(drop=True), one[kept].reset_coords(drop=True))
    assert whole[kept].sel(T=60).isnull().all().to_array().all()
    old = joined.drop_vars(kept)
    nc.save_results(old.assign_attrs(created="then"), tmp_path / "old.nc")
    opened = nc.open_results([tmp_path / "old.nc", tmp_path / "s.nc"])
    xr.testing.assert_equal(opened[kept], whole[kept])
    assert "with 95% confidence" in describe(old.sel(T=[2], q=[0.7]))


def test_files_from_before_a_setting_was_there(tmp_path):
    """They had what is its default now; what is a coordinate now was a variable, and settings were attributes alone."""
    out, more = tmp_path / "s.nc", SMALL | {"seed": [0, 1, 2, 3]}
    old = sweep(SMALL, out)
    later = {"extend", "margin", "settings", "search_coordinates"}
    attrs = {name: value for name, value in old.attrs.items() if name not in later}
    nc.save_results(old.reset_coords("data_sha256").drop_attrs().assign_attrs(attrs), out)
    assert "data_sha256" in nc.open_results(out).coords
    refused(more | {"n_neighbors": 7}, out, ["n_neighbors is 7", "made with 5"])
    extended = sweep(more, out)
    assert extended.drop_attrs().equals(sweep(more, tmp_path / "new.nc").drop_attrs())
    refused(more | {"extend": True}, out, ["extend is 1", "made with 0"])
    refused(more | {"centers": "median"}, out, ["centers is 'median'", "made with 'mean'"])


# Several searches in one sweep


MIXED = {"dataset": "one", "epsilon": [0.02, 0.05], "alpha": 0.1}


def test_the_norm_is_that_of_the_searches():
    """The first that all of them have; given where they leave a choice."""
    for searches, norm in (
        ("hyperplane", "l2"),
        ("halfspaces", "linf"),
        (["halfspaces", "balls"], "l2"),
        (["faces", "halfspaces"], "linf"),
        ("best", "linf"),
    ):
        read = read_grid(MIXED | {"search": searches})
        assert read.settings["norm"] == norm
        assert {search.norm_name for search in read.cases.values()} == {norm}
        blocks = [{"search": name} for name in ([searches] if isinstance(searches, str) else searches)]
        assert list(read_grid(MIXED | {"grid": blocks}).cases) == list(read.cases)
    assert {case.search for case in read_grid(MIXED).cases} == {"rectangles"}
    for norm, own in (("linf", "rectangles"), ("l2", "balls"), (2, "balls"), ("l1", "halfspaces")):
        assert {case.search for case in read_grid(MIXED | {"norm": norm}).cases} == {own}
    for norm in ("l2", 1):
        read = read_grid(MIXED | {"search": "halfspaces", "norm": norm})
        assert (
            {search.norm for search in read.cases.values()} == {read.settings["norm"]} == {{"l2": "l2", 1: "l1"}[norm]}
        )


def test_searches_of_no_common_norm(out):
    refused(
        MIXED | {"search": ["faces", "balls"]}, out, ["search is 'balls' with norm 'linf'; allowed with it: ", "faces"]
    )
    refused(MIXED | {"search": "faces", "norm": "l2"}, out, ["search is 'faces' with norm 'l2'", "balls"])


def test_the_number_of_sets_may_be_given_by_the_setting_s_name():
    assert list(read_grid(MIXED | {"n_sets": [2, 3]}).cases) == list(read_grid(MIXED | {"T": [2, 3]}).cases)
    shared = read_grid(MIXED | {"n_sets": 2, "grid": [{}, {"T": 3}]})
    assert [dict(case.at)["T"] for case in shared.cases] == [2, 2, 3, 3]


def test_what_a_table_s_searches_have_not_is_left_to_other_tables(out):
    """If it stands beside the tables; in a table it would mean nothing."""
    grid = MIXED | {"epsilon": 0.02, "seed": [3, 4], "T": 2}
    blocks = [{"search": "rectangles"}, {"search": "faces"}, {"search": "halfspaces"}]
    places = [case.at for case in read_grid(grid | {"grid": blocks}).cases]
    assert places == [(("T", 2), ("seed", 3)), (("T", 2), ("seed", 4)), (("T", 2),), ()]
    says = "seed is 3 with search 'faces'; allowed: only with "
    refused(grid | {"grid": [{"search": "rectangles"}, {"search": "faces", "seed": 3}]}, out, [says])
    refused(grid | {"search": ["faces", "halfspaces"]}, out, ["seed is [3, 4] with search 'faces' and 'halfspaces'"])


def test_settings_go_to_the_searches_that_have_them():
    read = read_grid(
        MIXED | {"search": ["rectangles", "faces", "halfspaces"], "margin": 0.01, "centers": "median", "n_starts": 4}
    )
    by_name = {case.search: search for case, search in read.cases.items()}
    assert {search.margin for search in by_name.values()} == {0.01}
    assert by_name["rectangles"].centers == "median"
    assert by_name["halfspaces"].n_starts == 4


@needs_jit
def test_searches_without_a_coordinate_of_others(out):
    """Without T under T = 1, without another one under its least value; where they are read, they have none."""
    grid = MIXED | {"search": ["rectangles", "faces", "halfspaces"], "T": [2, 3], "q": [0.5, 0.9], "seed": [4, 3]}
    ds = sweep(grid, out)
    assert ds.attrs["search_coordinates"] == "rectangles: T, q, seed; faces: T; halfspaces: "
    there = ds["risk"].notnull().all("split").squeeze("dataset")
    assert ds["T"].values.tolist() == [1, 2, 3]
    expected = xr.zeros_like(there)
    expected.loc[{"search": "rectangles", "T": [2, 3]}] = True
    expected.loc[{"search": "faces", "T": [2, 3], "q": 0.5, "seed": 3}] = True
    expected.loc[{"search": "halfspaces", "T": 1, "q": 0.5, "seed": 3}] = True
    xr.testing.assert_equal(there, expected)
    place = {"dataset": "one", "epsilon": 0.05, "q": 0.5, "seed": 3}
    assert_measured(ds, place | {"search": "faces", "T": 3}, search="faces", epsilon=0.05, n_sets=3)
    assert_measured(ds, place | {"search": "halfspaces", "T": 1}, search="halfspaces", epsilon=0.05)
    assert {case.at for case in outcomes_of(nc.open_results(out)) if case.search != "rectangles"} == {
        (("T", 2),),
        (("T", 3),),
        (),
    }
    lower = sweep(grid | {"q": [0.4, 0.5, 0.9], "seed": [0, 3, 4]}, out)  # they move there, and are not measured again
    again = sweep(grid | {"q": [0.4, 0.5, 0.9], "seed": [0, 3, 4]}, out.with_name("whole.nc"))
    xr.testing.assert_equal(lower, again)
    assert lower["risk"].sel(search="halfspaces", T=1, q=0.4, seed=0).notnull().all()
    assert lower["risk"].sel(search="halfspaces").notnull().sum() == 4


def test_a_coordinate_that_the_best_of_others_has_only_if_it_is_given(out):
    """Under T = 1, also where others have T and the file is read again."""
    grid = MIXED | {"grid": [{"search": "faces", "T": [2, 3]}, {"search": "best"}], "epsilon": 0.05}
    ds = sweep(grid, out)
    assert ds.attrs["search_coordinates"] == "faces: T; best: seed"
    assert [case.at for case in outcomes_of(nc.open_results(out))] == [(("T", 2),), (("T", 3),), (("seed", 0),)]
    xr.testing.assert_identical(sweep(grid, out), ds)
    refused(MIXED | {"search": "best", "T": 2}, out, ["T is given in some cases and file", "has others"])


@pytest.mark.slow
@pytest.mark.parametrize("first", ["rectangles", "halfspaces", "faces", pytest.param("best", marks=needs_jit)])
def test_a_file_is_extended_by_another_search(out, monkeypatch, first):
    """Whose settings of the same name may have other values; nothing is measured again."""
    searches = ["rectangles", "halfspaces", "faces"]
    for search in (first, *searches):
        sweep(MIXED | {"search": search}, out)
    every = list(dict.fromkeys([first, *searches]))
    whole = sweep(MIXED | {"search": every}, out.with_name("whole.nc"))
    monkeypatch.setattr("numbaconc.sweep.executors.measure_cases", lambda *_: pytest.fail("measured again"))
    for order in (every, every[::-1], first):
        ds = sweep(MIXED | {"search": order}, out)
        xr.testing.assert_equal(ds, whole)
        told = {"seconds", "created", "command"}
        assert {name: value for name, value in ds.attrs.items() if name not in told} == {
            name: value for name, value in whole.attrs.items() if name not in told
        }
    assert (ds.attrs["rectangles_max_iter"], ds.attrs["halfspaces_max_iter"]) == (30, 60)
    margins = {name: ds.attrs.get(f"{name}_margin", ds.attrs.get("margin")) for name in every}
    assert margins == {name: "not given" if name == "best" else 0 for name in every}
    assert ds.attrs["n_neighbors"] == "min(50, n)"
    assert "max_iter" not in ds.attrs


@needs_jit
@pytest.mark.parametrize("unfinished", [False, True])
def test_other_settings_of_a_search_that_the_file_has_are_refused(out, stop_after, unfinished):
    """However many others it has been extended by, and those of a best search's members too."""
    for search in ("halfspaces", "rectangles"):
        stop_after(1 if unfinished and search == "rectangles" else None)
        with pytest.raises(Stopped) if unfinished and search == "rectangles" else contextlib.nullcontext():
            sweep(MIXED | {"search": search}, out)
    stop_after(None)
    faces = MIXED | {"search": "faces"}
    refused(faces | {"search": ["faces", "halfspaces"], "max_iter": 5}, out, ["max_iter is 5", "made with 60"])
    refused(faces | {"search": ["faces", "rectangles"], "max_iter": 60}, out, ["max_iter is 60", "made with 30"])
    refused(faces | {"search": "halfspaces", "margin": 0.1}, out, ["margin is 0.1", "made with 0.0"])
    ds = sweep(faces | {"margin": 0.1}, out)  # of its own
    assert (ds.attrs["faces_margin"], ds.attrs["halfspaces_margin"]) == (0.1, 0)
    refused(faces, out, ["margin is 0.0", "made with 0.1"])


def test_files_joined_of_different_settings_are_not_extended(out):
    paths = [out.with_name(f"{i}.nc") for i in range(2)]
    for path, dataset, delta in zip(paths, ("one", "two"), (0.0, 0.2), strict=True):
        sweep(MIXED | {"search": "balls", "T": 2, "delta": delta, "dataset": dataset}, path)
    nc.save_results(nc.open_results(paths), out)
    says = [str(out), "joined from files with different settings", "allowed: "]
    refused(MIXED | {"search": "balls", "T": 2}, out, says)


@pytest.fixture
def plugin(monkeypatch):
    """A search of a user's own, known until the test ends, with coordinates that no other has."""
    monkeypatch.setattr(Search, "known", dict(Search.known))

    class Edge(nc.Search):
        """Cut off the points that are farthest along one axis."""

        name = "edge"
        norms = ("l2", "l1")

        side: str = nc.setting(default="high", check=Words("low", "high"), help="which end", coordinate="side")
        axis: int = nc.setting(default=0, check=Count(0), help="of the coordinates", coordinate="axis")
        seed: int = nc.setting(default=0, check=Count(0), help="of nothing", coordinate="seed")
        bend: int = nc.setting(default=1, check=Count(0), help="of nothing either")

        def find(self, prepared, goal, how):
            w = np.zeros(prepared.n_features)
            w[self.axis] = 1 if self.side == "high" else -1
            region = nc.HalfSpace(w, 0.0).holding(prepared, goal.n_inside(len(prepared)))
            return self.found(region, prepared, goal)

    return Edge


@pytest.mark.slow
@pytest.mark.parametrize(
    "others", [[], *(pytest.param(one, marks=needs_jit) for one in (["balls"], ["hyperplane", "balls"]))], ids=str
)
def test_coordinates_of_a_user_s_own_search(out, plugin, stop_after, others):
    """Laid out, interrupted, gone on with, extended, and refused with another setting."""
    grid = {"dataset": "one", "epsilon": [0.02, 0.05], "alpha": [0.1, 0.2], "search": [*others, "edge"]}
    grid |= {"side": ["low", "high"], "axis": [0, 3], "seed": [1, 2]} | ({"T": [2, 3]} if "balls" in others else {})
    whole = sweep(grid, out.with_name("whole.nc"))
    dims = ["alpha", "dataset", "epsilon", *(["T"] if "balls" in others else []), "side", "axis", "seed", "split"]
    assert list(whole["risk"].dims) == (["search"] if others else []) + dims
    assert (whole.attrs["norm"], whole.attrs["bend"]) == ("l2", 1)
    assert "edge: side, axis, seed" in whole.attrs["search_coordinates"]
    case = {"side": "low", "axis": 3, "seed": 2}
    place = {"dataset": "one", "epsilon": 0.05, "alpha": 0.2} | case
    place |= ({"search": "edge"} if others else {}) | ({"T": 1} if "balls" in others else {})
    assert_measured(whole, place, search=plugin(**case), epsilon=0.05, alpha=0.2)
    n_cases = len(outcomes_of(whole))
    for so_far, more in ((3, 3), (n_cases - 1, n_cases - 4)):
        stop_after(more)
        with pytest.raises(Stopped):
            sweep(grid, out)
        assert in_journal(out) == so_far
    stop_after(None)
    xr.testing.assert_equal(sweep(grid, out), whole)
    assert outcomes_of(nc.open_results(out)) == outcomes_of(whole)
    more = grid | {"axis": [0, 1, 3], "seed": [0, 1, 2]}
    xr.testing.assert_equal(sweep(more, out), sweep(more, out.with_name("more.nc")))
    refused(grid | {"bend": 2}, out, ["bend is 2", "made with 1"])
    refused(grid | {"side": "left"}, out, ["side is 'left'; allowed: low, high"])
    if others:
        refused(
            MIXED | {"search": others[0], "axis": 1}, out, [f"axis is 1 with search {others[0]!r}", "only with edge"]
        )


def test_a_coordinate_that_is_another_setting_of_another_search(out, plugin):
    """T is n_sets of some, and may be something else of a user's own."""

    class Parts(plugin):
        """Cut off the points that are farthest along one axis."""

        name = "parts"

        n_parts: int = nc.setting(default=3, check=Count(), help="of nothing", coordinate="T")

    grid = {"dataset": "one", "epsilon": 0.05, "alpha": 0.1}
    for searches in (["balls", "parts"], ["parts", "balls"]):
        read = read_grid(grid | {"search": searches, "T": [2, 4]})
        assert {(case.search, dict(case.at)["T"]) for case in read.cases} == set(itertools.product(searches, (2, 4)))
        assert list(read_grid(grid | {"search": searches, "n_parts": [2, 4]}).cases) == list(read.cases)
    refused(grid | {"search": searches, "n_parts": 2, "n_sets": 2}, out, ["both 'n_parts' and 'n_sets'"])
    ds = sweep(grid | {"search": ["balls", "parts"], "T": [2, 4]}, out)
    assert ds["risk"].notnull().all()


def test_results_of_own_coordinates_are_joined(out, plugin):
    """In the order in which they stand in each, also where alpha becomes a dimension."""
    grid = {"dataset": "one", "epsilon": 0.05, "search": "edge", "side": ["low", "high"], "axis": [0, 1]}
    parts = []
    for alpha in (0.1, 0.2):
        sweep(grid | {"alpha": alpha}, out.with_name(f"{alpha}.nc"))
        parts.append(out.with_name(f"{alpha}.nc"))
    joined = nc.open_results(parts)
    whole = sweep(grid | {"alpha": [0.1, 0.2]}, out)
    xr.testing.assert_equal(joined, whole)
    assert joined["risk"].dims == whole["risk"].dims == ("alpha", "dataset", "epsilon", "side", "axis", "seed", "split")
    assert outcomes_of(joined) == outcomes_of(whole)


def test_a_file_with_a_search_that_is_not_known_now(out, plugin, monkeypatch):
    """It is read, and extended by others."""
    grid = {"dataset": "one", "epsilon": 0.05, "alpha": 0.1}
    before = outcomes_of(sweep(grid | {"search": ["edge", "hyperplane"], "axis": [0, 1], "side": "low"}, out))
    monkeypatch.delitem(Search.known, "edge")
    after = outcomes_of(sweep(grid | {"search": "balls", "T": 2}, out))
    assert {case: after[case] for case in before} == before
    assert len(after) == len(before) + 1
    refused(grid | {"search": "edge"}, out, ["search is 'edge'; allowed: "])


# What a job that ends early leaves


class Failing:
    """Searches of half spaces that raise at one epsilon."""

    def __init__(self, monkeypatch, epsilon, error):
        find, seen = nc.HalfSpaceSearch.find, []

        def failing(search, prepared, goal, how):
            seen.append(goal.epsilon)
            if goal.epsilon == epsilon:
                raise error
            return find(search, prepared, goal, how)

        monkeypatch.setattr(nc.HalfSpaceSearch, "find", failing)
        self.seen = seen


ONE_JOB = {"dataset": "one", "epsilon": [0.02, 0.05, 0.1], "alpha": 0.1, "search": "halfspaces"}


def test_a_failure_in_a_job_loses_none_of_its_cases(out, monkeypatch):
    whole = sweep(ONE_JOB, out.with_name("whole.nc"))
    with monkeypatch.context() as patch:
        failing = Failing(patch, 0.05, RuntimeError("odd"))
        ds = sweep(ONE_JOB, out)
        assert failing.seen == [0.02, 0.05, 0.1]
    assert ds["error"].values.ravel().tolist() == ["", "RuntimeError: odd", ""]
    xr.testing.assert_equal(ds["risk"].sel(epsilon=[0.02, 0.1]), whole["risk"].sel(epsilon=[0.02, 0.1]))
    again = Failing(monkeypatch, None, None)
    xr.testing.assert_equal(sweep(ONE_JOB, out), whole)
    assert again.seen == [0.05]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_interruption_in_the_second_case_of_a_job_loses_nothing_of_the_first(out, monkeypatch, error):
    whole = sweep(ONE_JOB, out.with_name("whole.nc"))
    with monkeypatch.context() as patch:
        Failing(patch, 0.05, error)
        with pytest.raises(type(error)):
            sweep(ONE_JOB, out)
    assert in_journal(out) == 1
    assert not out.exists()
    again = Failing(monkeypatch, None, None)
    xr.testing.assert_equal(sweep(ONE_JOB, out), whole)
    assert again.seen == [0.05, 0.1]
