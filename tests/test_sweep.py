"""Sweeps: what a grid measures, how it is laid out, what is done once, and what is kept on disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import pickle
import shutil
import sqlite3

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import blobs
from hypothesis import given
from hypothesis import strategies as st
from numbaconc.sweep.layout import lay_out, outcomes_of

import numbaconc as nc
from numbaconc.results import DIMENSIONS, SCHEMA
from numbaconc.show.words import describe
from numbaconc.sweep.grid import Case, load_grid, read_grid
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
    return nc.run_sweep(grid, out, **({"data": DATA} | options))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The grid above, measured, and its file."""
    out = tmp_path_factory.mktemp("made") / "s.nc"
    return sweep(GRID, out), out


def measured(data=ONE, **settings):
    """One case as `measure` has it."""
    return nc.measure(*data, **(SETTINGS | settings))


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
    with pytest.raises(nc.InputError) as caught:
        sweep(grid, out, **options)
    assert "\n" not in str(caught.value)
    for words in says:
        assert words in str(caught.value), str(caught.value)
    assert {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()} == before


class Stopped(Exception):
    """An interruption of a test's own."""


@pytest.fixture
def stop_after(monkeypatch):
    """Make sweeps stop after so many jobs are in the journal; None: let them go on."""
    add = Journal.add

    def stop(n):
        left = [n]

        def adding(self, outcomes, seconds):
            add(self, outcomes, seconds)
            left[0] -= 1
            if not left[0]:
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
    assert (attrs["threads"], attrs["jobs_at_once"]) == (nc.run_sweep.__globals__["available_threads"](), 1)
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
    alone = measured(epsilon=[0.01, 0.02], n_sets=2, restarts=2)
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
        assert_measured(ds, at, norm="l2", search="balls", epsilon=0.2, n_sets=T)
    at = {"search": "hyperplane", "dataset": "one", "epsilon": 0.1, "T": 1}
    assert_measured(ds, at, norm="l2", search="hyperplane", epsilon=0.1)
    plane = ds["risk"].sel(search="hyperplane", T=[2, 3])
    assert plane.isnull().all()


def test_delta_goes_to_the_balls(out):
    without = sweep(L2 | {"alpha": 0.1, "search": "balls"}, out)
    ds = sweep(L2 | {"alpha": 0.1, "search": "balls", "delta": 0.3}, out.with_name("d.nc"))
    at = {"dataset": "one", "epsilon": 0.2, "T": 3}
    assert_measured(ds, at, norm="l2", search="balls", epsilon=0.2, n_sets=3, delta=0.3)
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
    assert read_grid(grid) == read_grid(GRID)


def test_a_grid_in_toml(tmp_path):
    path = tmp_path / "g.toml"
    path.write_text(
        'n_neighbors = 5\nepsilon = ["8/255", 0.1]\nT = 2\nq = 0.5\n'
        '[[grid]]\ndataset = "one"\nalpha = 0.1\n[[grid]]\ndataset = "two"\nseed = [3, 4]\nepsilon = 0.2\n'
    )
    read = read_grid(load_grid(path))
    first = [Case("rectangles", 0.1, "one", epsilon, 2, 0.5, 0) for epsilon in (8 / 255, 0.1)]
    second = [Case("rectangles", 0.05, "two", 0.2, 2, 0.5, seed) for seed in (3, 4)]
    assert read.cases == (*first, *second)
    assert read.settings["n_neighbors"] == 5


def test_a_case_that_is_named_twice_is_measured_once():
    read = read_grid({"dataset": ["one", "one"], "epsilon": [0.1, "1/10"], "seed": [1, 1], "grid": [{}, {"T": 5}]})
    assert read.cases == (Case("rectangles", 0.05, "one", 0.1, 5, None, 1),)


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
    for where in ("numbaconc.sweep.run.knn_radii", "numbaconc.search.rectangles.knn_radii"):
        monkeypatch.setattr(where, counting("knn_radii", nc.knn_radii))
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
    for jobs in (1, 4):
        stop_after(jobs)
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
    stop_after(2)
    with pytest.raises(Stopped):
        sweep(more, out)
    xr.testing.assert_identical(nc.open_results(out), first)
    stop_after(None)
    xr.testing.assert_equal(sweep(more, out), whole)


def test_what_an_abandoned_grid_had_finished_is_in_the_file(out, stop_after):
    stop_after(2)
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
    assert seen == [(2, 2), (2, 4), (2, 6)]


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
        ({"test_fraction": 0.3}, ["test_fraction is 0.3", "0.2"]),
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
    refused(L2 | {"n_neighbors": 5}, out, ["norm is 'l2'", "made with 'linf'"])


def test_a_file_that_is_no_sweep(out):
    nc.save_results(measured(epsilon=0.1, n_sets=2), out)
    refused(SMALL, out, [str(out), "not the file of a sweep", "allowed"])
    out.write_text("hello")
    refused(SMALL, out, [str(out), "cannot be read"])


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
        assert text.startswith(type(error).__name__)
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
        ({"search": "balls"}, ["search is 'balls'", "rectangles"]),
        ({"search": "rectangle"}, ["did you mean 'rectangles'"]),
        ({"norm": "l1"}, ["norm is 'l1'", "linf, l2"]),
        ({"centers": "medain"}, ["centers is 'medain'", "mean, median"]),
        ({"n_neighbors": 0}, ["n_neighbors is 0", "at least 1"]),
        ({"include_self": "yes"}, ["include_self is 'yes'", "true or false"]),
        ({"max_train": 1}, ["max_train is 1", "at least 2"]),
        ({"test_fraction": 1}, ["test_fraction is 1", "(0, 1)"]),
        ({"norm": "l2", "seed": None}, ["q is given", "'balls'", "leave it out"]),
        ({"n_sets": 3}, ["'n_sets'", "allowed: dataset, epsilon, T"]),
        ({"sed": 3}, ["'sed'", "did you mean 'seed'"]),
        ({"grid": []}, ["grid is []", "[[grid]]"]),
        ({"grid": {"T": 2}}, ["grid is {'T': 2}", "[[grid]]"]),
        ({"grid": [3]}, ["3", "[[grid]]"]),
        ({"grid": [{"n_neighbors": 3}]}, ["'n_neighbors'", "allowed: dataset"]),
        ({"delta": -1, "norm": "l2", "q": None, "seed": None}, ["delta is -1", "at least 0"]),
        ({"delta": "x", "norm": "l2", "q": None, "seed": None}, ["delta is 'x'", "number"]),
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


@pytest.mark.parametrize("text", ["q = ", "\x00", "[[grid]"], ids=repr)
def test_a_grid_that_is_not_toml(tmp_path, text):
    (tmp_path / "g.toml").write_text(text)
    with pytest.raises(nc.InputError, match=r"g\.toml.*is not TOML") as caught:
        load_grid(tmp_path / "g.toml")
    assert "\n" not in str(caught.value)


def test_a_grid_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(nc.InputError, match="cannot be read"):
            load_grid(path)


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
    Case("rectangles", 0.05, "a", 8 / 255, 3, 0.5, 2): {"risk": {"train": 0.1, "test": 1 / 3}},
    Case("balls", 0.05, "a", 0.1, 3, None, None): {"error": 'ValueError: it\'s "bad" — ε'},
}


def test_the_journal_gives_back_what_it_was_given(out):
    with Journal(out) as journal:
        for case, outcome in OUTCOMES.items():
            journal.add({case: outcome}, 0.25)
    with Journal(out) as journal:
        assert journal.finished() == OUTCOMES
        assert journal.seconds == 0.5
        journal.clear()
    assert list(out.parent.iterdir()) == []


def test_all_the_cases_of_a_job_or_none(out):
    first, second = OUTCOMES
    with Journal(out) as journal:
        journal.add({first: OUTCOMES[first]}, 1)
        journal._connection.execute(
            "create temp trigger odd before insert on finished when new.outcome like '%bad%' "
            "begin select raise(abort, 'odd'); end"
        )
        with pytest.raises(nc.InputError):
            journal.add({first: {"error": "later"}, second: OUTCOMES[second]}, 1)
        assert journal.finished() == {first: OUTCOMES[first]}
        journal.add({first: {"error": "later"}}, 1)
        assert journal.finished() == {first: {"error": "later"}}
    assert in_journal(out) == 1


# The layout


fractions = st.integers(0, 1000).map(lambda n: n / 1000)


@st.composite
def outcomes(draw):
    """Outcomes as sweeps have them: products with holes, failures, one norm."""
    fixed = draw(st.booleans())
    searches = draw(st.sampled_from([("rectangles",), ("balls",), ("hyperplane",), ("balls", "hyperplane")]))
    alphas, names = st.sampled_from([0.01, 0.05, 0.3]), st.sampled_from(["mnist", "a", "Zoë"])
    result = {}
    for _ in range(draw(st.integers(1, 8))):
        search = draw(st.sampled_from(searches))
        rectangles = search == "rectangles"
        case = Case(
            search,
            draw(alphas),
            draw(names),
            draw(st.sampled_from([8 / 255, 0.1, 0.3])),
            None if search == "hyperplane" else draw(st.sampled_from([1, 5, 10])),
            draw(st.sampled_from([0.5, 0.9])) if rectangles and fixed else None,
            draw(st.sampled_from([0, 3])) if rectangles else None,
        )
        if draw(st.integers(0, 3)) == 0:
            result[case] = {"error": draw(st.sampled_from(["ValueError: no", "InputError: α is 2"]))}
            continue
        values = {
            name: {split: draw(fractions) for split in ("train", "test")} for name in ("risk", "adversarial_risk")
        }
        result[case] = values | ({"q_found": draw(fractions)} if rectangles and not fixed else {})
    return result


def laid_out(some):
    facts = {split: {"data_sha256": f"{split} hash", "n_points": 7} for split in ("train", "test")}
    ds = lay_out(some, {"settings": {}, "data": {case.dataset: facts for case in some}})
    return ds.assign_attrs(search=", ".join(dict.fromkeys(case.search for case in some)), schema=SCHEMA)


@given(outcomes())
def test_what_is_laid_out_can_be_read_back(some):
    ds = laid_out(some)
    assert outcomes_of(ds) == some
    assert set(ds["risk"].dims) <= set(DIMENSIONS)
    assert int(ds["risk"].notnull().sum()) == 2 * sum("risk" in outcome for outcome in some.values())


@given(outcomes())
def test_the_order_of_dimensions_does_not_matter(some):
    ds = laid_out(some)
    assert outcomes_of(ds.transpose(*reversed(ds["risk"].dims))) == some


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


def test_a_parcel_goes_to_an_executor_of_another_kind(out, made):
    """Anything with the interface; this one sends all it is given through a pickle."""
    sizes = []

    class Pickling(concurrent.futures.Executor):
        def submit(self, function, *arguments):
            sent = pickle.dumps((function, arguments))
            sizes.append(len(sent))
            function, arguments = pickle.loads(sent)
            future = concurrent.futures.Future()
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
            return future

    large = {"one": (np.tile(ONE[0], 200), ONE[1].repeat(200, axis=0).reshape(30, 800))}
    ds = sweep(SMALL, out, executor=Pickling(), data=large)
    assert len(sizes) == 3
    assert max(sizes) < 2000 < large["one"][0].nbytes
    xr.testing.assert_equal(ds, sweep(SMALL, out.with_name("serial.nc"), data=large))


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
    assert (
        set(joined.data_vars) == set(ds.data_vars) == measured | {"kept_seed", "measure_at_least", "expansion_at_most"}
    )
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
    one = nc.measure(*ONE, **SETTINGS, epsilon=grid["epsilon"], n_sets=2, q=0.7, restarts=4, name="one")
    kept = ["kept_seed", "measure_at_least", "expansion_at_most", "vc_dimension"]
    here = whole[kept].sel(dataset=["one"], T=[2], q=[0.7], epsilon=one["epsilon"])
    xr.testing.assert_equal(here.reset_coords(drop=True), one[kept].reset_coords(drop=True))
    assert whole[kept].sel(T=60).isnull().all().to_array().all()
    old = joined.drop_vars(kept)
    nc.save_results(old.assign_attrs(created="then"), tmp_path / "old.nc")
    opened = nc.open_results([tmp_path / "old.nc", tmp_path / "s.nc"])
    xr.testing.assert_equal(opened[kept], whole[kept])
    assert "Certified" in describe(old.sel(T=[2], q=[0.7]))


def test_files_from_before_a_setting_was_there(tmp_path):
    """They had what is its default now, and what is a coordinate now was a variable."""
    out, more = tmp_path / "s.nc", SMALL | {"seed": [0, 1, 2, 3]}
    old = sweep(SMALL, out)
    nc.save_results(
        old.reset_coords("data_sha256")
        .drop_attrs()
        .assign_attrs(
            {name: value for name, value in old.attrs.items() if name not in {"extend", "buffer", "local_search"}}
        ),
        out,
    )
    assert "data_sha256" in nc.open_results(out).coords
    extended = sweep(more, out)
    assert extended.drop_attrs().equals(sweep(more, tmp_path / "new.nc").drop_attrs())
    refused(more | {"buffer": 0.1}, out, ["buffer is 0.1", "made with 0.0"])
    refused(more | {"local_search": True}, out, ["local_search is 1", "made with 0"])
