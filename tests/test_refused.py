"""What would have no effect, or leave something half-done, is refused; what is like an array is taken as it is meant."""

from __future__ import annotations

import fractions

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, refused

import numbaconc as nc
from numbaconc.data.conversion import as_array
from numbaconc.search.settings import Count

X, Y = blobs(40, 3, 1, spread=40), blobs(30, 3, 2, spread=40)
GOAL = {"epsilon": 0.1, "alpha": 0.2}


class Broken(nc.Search):
    """A search of somebody else that fails, or forgets to return what it found."""

    norms = ("linf",)
    fails: int = nc.setting(default=1, check=Count(0), help="whether it fails")

    def find(self, prepared, goal, how):
        return 1 / 0 if self.fails else None


def test_a_search_that_fails_is_named():
    refused(lambda: Broken(**GOAL).fit(X), "Broken failed: ZeroDivisionError: division by zero")
    refused(lambda: Broken(fails=0, **GOAL).fit(X), "Broken found None", "self.found")
    refused(lambda: nc.measure(Broken(fails=0), X, Y, **GOAL), "Broken found None")


def test_a_fit_that_fails_changes_nothing():
    search = nc.RectangleSearch(n_sets=2, **GOAL).fit(X)
    before = dict(vars(search))
    refused(lambda: search.set_params(n_sets=99).fit(X[:, :2]), "n_sets is 99")
    assert {**vars(search), "n_sets": 2} == before
    new = nc.RectangleSearch(n_sets=99, **GOAL)
    settings = dict(vars(new))
    refused(lambda: new.fit(X), "n_sets is 99")
    assert vars(new) == settings


def test_a_fit_forgets_what_another_search_told():
    search = nc.Restarts(nc.RectangleSearch(n_sets=2), 2, **GOAL).fit(X)
    assert search.q_ > 0
    search.set_params(search=nc.FreeBallSearch(n_sets=1), n=1)
    refused(lambda: search.fit(X), "a search with a seed")
    assert search.q_ > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nc.BestSearch(searches="faces,", **GOAL).fit(X), ["searches is 'faces,'"]),
        (
            lambda: nc.BestSearch(searches=[nc.Restarts(nc.BestSearch(searches=["faces"]), 2)], **GOAL).fit(X),
            ["none of which"],
        ),
        (lambda: nc.HalfSpaceSearch(max_iter=0, n_starts=3, **GOAL).fit(X), ["n_starts is 3", "max_iter 0"]),
        (lambda: nc.FreeBallSearch(max_iter=0, n_starts=3, **GOAL).fit(X), ["n_starts is 3", "max_iter 0"]),
        (lambda: nc.Restarts(nc.RectangleSearch(seed=2**53 - 1), 3).checked(), ["last seed is"]),
        (lambda: nc.FaceSearch().set_params(n_set=1), ["n_set"]),
        (lambda: nc.setting(default=1, check=Count(), help=""), ["help of a setting is ''"]),
        (lambda: nc.measure("faces", X, Y, **GOAL, how=3), ["how is 3", "numbaconc.How"]),
        (lambda: nc.measure("faces", X, Y, **GOAL, name=None), ["name is None"]),
        (lambda: nc.load_dataset("digits", seed=1), ["seed is 1"]),
    ],
)
def test_what_has_no_effect_or_no_end(call, words):
    refused(call, *words)


@pytest.mark.parametrize("search", [nc.FaceSearch, nc.BallSearch, nc.FreeBallSearch])
def test_more_sets_than_points_are_a_limit_like_any_other(search):
    few, many = (search(n_sets=n, **GOAL).fit(X) for n in (len(X) - 1, 10**6))
    np.testing.assert_array_equal(few.predict(X), many.predict(X))
    assert few.adversarial_risk_ == many.adversarial_risk_


@pytest.mark.parametrize("epsilon", [5e-324, 1e-300, 1e100, 1.7e308])
@pytest.mark.parametrize("search", ["faces", "rectangles", "halfspaces", "free_balls", "balls", "hyperplane"])
def test_a_strength_that_no_kernel_can_count_with(search, epsilon):
    refused(lambda: nc.measure(search, X, Y, epsilon=epsilon, alpha=0.2), f"epsilon is {epsilon:g}; allowed: from")


def test_data_that_a_grid_does_not_name(tmp_path):
    grid = {"dataset": "a", "search": "hyperplane"} | GOAL
    call = {"progress": False, "data": {"a": (X, Y), "b": (X, Y)}}
    refused(lambda: nc.run_sweep(grid, tmp_path / "out.nc", **call), "data has 'b'", "allowed: a")
    assert list(tmp_path.iterdir()) == []


class Split(nc.FaceSearch):
    """A search that calls a coordinate as results call their own."""

    much: int = nc.setting(default=1, check=Count(), help="something", coordinate="split")


def test_a_coordinate_that_results_have():
    refused(lambda: nc.measure(Split(), X, Y, **GOAL), "coordinate of setting 'much' of Split is 'split'")


@pytest.mark.parametrize(
    "make",
    [
        lambda values: tuple(values),
        lambda values: set(values),
        lambda values: (one for one in values),
        lambda values: np.array(values),
        lambda values: xr.DataArray(values),
        lambda values: pytest.importorskip("pandas").Series(values),
        lambda values: pytest.importorskip("pandas").Index(values),
        lambda values: [*values, *values],
    ],
)
def test_several_values_in_whatever_holds_them(make):
    ds = nc.measure("hyperplane", X, Y, epsilon=make([0.1, 0.2]), alpha=make([0.2, 0.3]))
    assert ds["epsilon"].values.tolist() == [0.1, 0.2]
    assert ds["alpha"].values.tolist() == [0.2, 0.3]
    assert nc.measure("hyperplane", X, Y, epsilon=np.array(0.1), alpha=0.2)["epsilon"].values.tolist() == [0.1]


class Tensor:
    """Like a tensor of another library, which holds what NumPy lacks, and needs gradients."""

    dtype, shape, ndim = "torch.bfloat16", (2, 2), 2

    def detach(self):
        return self

    def float(self):
        return np.array([[0.5, 1], [2, 3]], np.float32)

    def __array__(self, *args, **kwargs):
        msg = "unsupported ScalarType BFloat16"
        raise TypeError(msg)


def test_conversion():
    pd = pytest.importorskip("pandas")
    whole = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    for given, dtype in (
        (whole.astype("UInt8"), np.uint8),
        (whole.astype("Int64"), np.int64),
        (whole.astype({"a": "Int64", "b": float}), np.float64),
        (whole.astype(object), np.float64),
        ([[fractions.Fraction(1), 3], [2, 4]], np.float64),
        (np.ma.array(whole), np.int64),
    ):
        array = as_array(given, "X")
        assert type(array) is np.ndarray
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, [[1, 3], [2, 4]])
    assert as_array(Tensor(), "X").dtype == np.float32
    refused(lambda: as_array(whole.astype("Int64").where(whole > 1), "X"), "1 missing values of 4")
    refused(lambda: as_array(np.ma.masked_less(whole, 3), "X"), "2 masked values of 4")
    refused(lambda: as_array([np.ma.masked_less([1, 2], 2)] * 2, "X"), "2 masked values of 4")
    refused(lambda: as_array(np.broadcast_to(np.float32(1), (1 << 30, 1 << 30)), "X"), "memory")
