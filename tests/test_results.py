"""Result files: laid out, written whole, read back equal, and joined without loss."""

from __future__ import annotations

import itertools

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import needs_jit, refused

import numbaconc as nc
from numbaconc.data.formats import netcdf
from numbaconc.errors import InputError
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.results.layout import assemble
from numbaconc.results.queries import mean_and_std
from numbaconc.results.schema import provenance
from numbaconc.results.slices import RISKS, whole
from numbaconc.show.pictures.plots import plot_measurement
from numbaconc.show.records import as_json
from numbaconc.show.words import describe

pytestmark = pytest.mark.usefixtures("one_thread")


def measured(name="mine", *, n_train=60, width=3, **settings):
    X = np.random.default_rng(width).integers(0, 256, (n_train + 40, width)).astype(np.uint8)
    goal = {"epsilon": settings.pop("epsilon", [0.02, "8/255"]), "alpha": settings.pop("alpha", 0.1)}
    goal["simultaneous"] = settings.pop("simultaneous", False)
    search = nc.Restarts(nc.RectangleSearch(**{"n_sets": 2, "n_neighbors": 5} | settings), 2)
    return nc.measure(search, X[:n_train], X[n_train:], name=name, **goal)


@pytest.fixture(scope="module")
def ds():
    return measured()


def rows(name="mnist", epsilon=(0.1, 0.2), n_sets=(5,), q=None, seeds=(0, 1), split=("train", "test"), offset=0.0):
    """Measurements by hand, every value another."""
    at = itertools.product(epsilon, n_sets, q or (None,), seeds, split)
    for number, (e, T, q_here, seed, part) in enumerate(at):
        row = {"dataset": name, "epsilon": e, "T": T, "seed": seed, "split": part}
        value = offset + number / 1024
        yield row | ({} if q_here is None else {"q": q_here}) | {"risk": value, "adversarial_risk": value + 0.25}


def result(alpha=0.05, seconds=1.0, **settings):
    attrs = provenance(norm="linf", seconds=seconds)
    return assemble(list(rows(**settings))).assign_coords(alpha=alpha).assign_attrs(attrs)


# The layout


def test_rows_find_their_places():
    ds = assemble(list(rows(epsilon=(0.3, 0.1), n_sets=(10, 5), seeds=(3, 1))))
    assert ds["epsilon"].values.tolist() == [0.1, 0.3]
    assert ds["T"].values.tolist() == [5, 10]
    assert ds["seed"].values.tolist() == [1, 3]
    assert ds["split"].values.tolist() == ["train", "test"]
    for row in rows(epsilon=(0.3, 0.1), n_sets=(10, 5), seeds=(3, 1)):
        at = {dim: row[dim] for dim in ("dataset", "epsilon", "T", "seed", "split")}
        assert ds["risk"].sel(at) == row["risk"]
        assert ds["adversarial_risk"].sel(at) == row["adversarial_risk"]
    assert ds["risk"].notnull().all()


def test_a_hole_is_missing_not_zero():
    some = [row for row in rows() if (row["epsilon"], row["seed"]) != (0.2, 1)]
    ds = assemble(some)
    assert ds["risk"].isnull().sum() == 2
    assert ds["risk"].sel(epsilon=0.2, seed=1).isnull().all()


def test_the_order_of_rows_does_not_matter_to_numbers():
    xr.testing.assert_identical(assemble(list(rows())), assemble(sorted(rows(), key=lambda row: -row["seed"])))


# Files


def test_a_file_holds_what_was_written(ds, tmp_path):
    """Values, coordinates, types and attributes."""
    save_results(ds, tmp_path / "r.nc")
    again = open_results(tmp_path / "r.nc")
    xr.testing.assert_identical(again, ds)
    for name in ds.variables:
        assert again[name].dtype.kind == ds[name].dtype.kind
        assert again[name].dims == ds[name].dims
    assert set(again.coords) == set(ds.coords)
    save_results(again, tmp_path / "r2.nc")
    xr.testing.assert_identical(open_results(tmp_path / "r2.nc"), ds)


def test_xarray_opens_it_by_itself(ds, tmp_path):
    save_results(ds, str(tmp_path / "r.nc"))
    with xr.open_dataset(tmp_path / "r.nc") as opened:
        xr.testing.assert_identical(opened.load(), ds)


def test_missing_values_come_back(tmp_path):
    holes = join_results([result(), result(name="cifar10", epsilon=(8 / 255,))])
    assert holes["risk"].isnull().any()
    save_results(holes, tmp_path / "r.nc")
    xr.testing.assert_identical(open_results(tmp_path / "r.nc"), holes)


def test_arrays_are_compressed(ds, tmp_path):
    save_results(ds, tmp_path / "r.nc")
    with netCDF4.Dataset(tmp_path / "r.nc") as file:
        for name in ("risk", "adversarial_risk", "adversarial_risk_at", "q_found"):
            assert file[name].filters()["zlib"]


def test_a_folder_is_made(ds, tmp_path):
    save_results(ds, tmp_path / "a" / "b" / "r.nc")
    assert open_results(tmp_path / "a" / "b" / "r.nc").equals(ds)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("NetCDF: HDF error")])
def test_an_old_file_survives_a_failure(ds, tmp_path, monkeypatch, error):
    """RuntimeError is what netCDF4 says of a full disk."""

    def half(_, path):
        path.write_bytes(b"\x89HDF")
        raise error

    (tmp_path / "r.nc").write_bytes(b"old")
    monkeypatch.setattr(netcdf, "_on_disk", half)
    with pytest.raises(InputError, match=r"r\.nc.*cannot be written") as caught:
        save_results(ds, tmp_path / "r.nc")
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"r.nc": b"old"}


def test_an_old_file_survives_ctrl_c(ds, tmp_path, monkeypatch):
    def half(_, path):
        path.write_bytes(b"\x89HDF")
        raise KeyboardInterrupt

    (tmp_path / "r.nc").write_bytes(b"old")
    monkeypatch.setattr(netcdf, "_on_disk", half)
    with pytest.raises(KeyboardInterrupt):
        save_results(ds, tmp_path / "r.nc")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"r.nc": b"old"}


@pytest.mark.parametrize("room", [1, 5, 20])
def test_no_room(ds, tmp_path, room):
    """A limit on the size of files (KiB) stands in for a full disk."""
    resource = pytest.importorskip("resource")
    save_results(ds, tmp_path / "r.nc")
    before = (tmp_path / "r.nc").read_bytes()
    assert len(before) > 20 * 1024, "the file no longer fills the room"
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room * 1024, most))
    try:
        with pytest.raises(InputError, match=r"r\.nc.*cannot be written"):
            save_results(ds, tmp_path / "r.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"r.nc": before}


@pytest.mark.parametrize("what", ["missing", "text", "empty", "folder", "npz", "cut", "other", "region"])
def test_other_files_are_refused(ds, tmp_path, what):
    path = tmp_path / f"{what}.nc"
    if what == "text":
        path.write_text("hello")
    elif what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "npz":
        with path.open("wb") as file:
            np.savez(file, X=np.zeros(3))
    elif what == "cut":
        save_results(ds, path)
        path.write_bytes(path.read_bytes()[:3000])
    elif what == "other":
        ds[["risk"]].assign_attrs(schema="another").to_netcdf(path, engine="netcdf4")
    elif what == "region":
        nc.RectangleComplement([[0.0]], [[1.0]], 0.1).save(path)
    with pytest.raises(InputError, match=rf"'{path}'.*; allowed: ") as caught:
        open_results(path)
    assert "\n" not in str(caught.value)


# Joining


def assert_all_there(joined, parts):
    """Every value of the parts is in the whole, and nothing else is."""
    for name in ("risk", "adversarial_risk"):
        for part in parts:
            for row in part[name].to_dataframe().reset_index().dropna(subset=[name]).to_dict("records"):
                at = {dim: row[dim] for dim in joined[name].dims if dim in row}
                found = joined[name].sel(at).values.ravel()
                assert row[name] in found[~np.isnan(found)]
        assert int(joined[name].notnull().sum()) == sum(int(part[name].notnull().sum()) for part in parts)


@pytest.mark.parametrize(
    "settings",
    [
        {"epsilon": (0.3,)},
        {"epsilon": (0.05, 0.3)},
        {"n_sets": (10, 2)},
        {"seeds": (2, 3, 4)},
        {"name": "cifar10"},
        {"name": "cifar10", "epsilon": (8 / 255,), "n_sets": (40,)},
    ],
    ids=str,
)
def test_joining_keeps_every_value(settings):
    parts = [result(), result(offset=0.5, **settings)]
    joined = join_results(parts)
    assert_all_there(joined, parts)
    assert joined["split"].values.tolist() == ["train", "test"]
    for dim in ("epsilon", "T", "seed"):
        assert (np.diff(joined[dim]) > 0).all()


def test_joining_different_q():
    parts = [result(q=(0.6,)), result(q=(0.7, 0.8), epsilon=(0.3,), offset=0.5)]
    joined = join_results(parts)
    assert_all_there(joined, parts)
    assert joined["q"].values.tolist() == [0.6, 0.7, 0.8]
    assert joined["risk"].sel(q=0.6, epsilon=0.3).isnull().all()
    assert joined["risk"].sel(q=0.6, epsilon=0.1).notnull().all()


def test_data_sets_keep_their_order():
    names = ["svhn", "mnist", "cifar10"]
    assert join_results([result(name=name) for name in names])["dataset"].values.tolist() == names


def test_joining_in_steps_is_joining_at_once():
    a, b, c = result(), result(name="cifar10", alpha=0.1), result(epsilon=(0.7,))
    xr.testing.assert_equal(join_results([join_results([a, b]), c]), join_results([a, b, c]))


def test_alpha_may_differ_between_data_sets():
    joined = join_results([result(alpha=0.01), result(name="cifar10", alpha=0.05)])
    assert joined["alpha"].sel(dataset="mnist").item() == 0.01
    assert joined["alpha"].sel(dataset="cifar10").item() == 0.05
    assert "alpha" in joined.coords


def test_two_values_in_one_place_are_not_chosen_between():
    with pytest.raises((InputError, xr.MergeError)):
        join_results([result(), result(offset=0.5)])


def test_attributes_are_joined():
    parts = [
        result(seconds=1.25).assign_attrs(threads=2, data_verified="mnist: the published contents"),
        result(name="cifar10", seconds=2.5).assign_attrs(
            threads=2, data_verified="cifar10: NOT the published contents"
        ),
    ]
    attrs = join_results(parts).attrs
    assert attrs["seconds"] == 3.75
    assert attrs["threads"] == 2
    assert attrs["norm"] == "linf"
    assert attrs["data_verified"] == "mnist: the published contents; cifar10: NOT the published contents"
    assert attrs["schema"] == parts[0].attrs["schema"]


def test_what_differs_is_named(tmp_path):
    parts = [result(seconds=1), result(name="cifar10", seconds=2).assign_attrs(norm="l2", extra="here only")]
    assert "differing" not in join_results(parts[:1]).attrs
    joined = join_results(parts)
    assert joined.attrs["norm"] == "linf; l2"
    assert {"norm", "seconds"} <= set(joined.attrs["differing"].split(", ")) <= {"norm", "seconds", "created"}
    again = join_results([joined, result(name="svhn", seconds=2)])
    assert "norm" in again.attrs["differing"].split(", ")


def test_alpha_becomes_a_dimension_where_one_data_set_has_several():
    parts = [result(alpha=0.01), result(alpha=0.05, offset=0.5), result(name="cifar10", alpha=0.05)]
    joined = join_results(parts)
    for part, alpha in zip(parts, (0.01, 0.05, 0.05), strict=True):
        (name,) = part["dataset"].values
        here = joined["risk"].sel(alpha=alpha, dataset=[name])
        np.testing.assert_array_equal(here.transpose(*part["risk"].dims), part["risk"])
    assert joined["risk"].sel(alpha=0.01, dataset="cifar10").isnull().all()
    assert int(joined["risk"].notnull().sum()) == sum(int(part["risk"].notnull().sum()) for part in parts)


def test_files_are_opened_joined(tmp_path):
    parts = [result(), result(name="cifar10", epsilon=(0.3,))]
    for i, part in enumerate(parts):
        save_results(part, tmp_path / f"{i}.nc")
    paths = [tmp_path / "0.nc", str(tmp_path / "1.nc")]
    xr.testing.assert_identical(open_results(paths), join_results(parts))
    xr.testing.assert_identical(open_results(paths[:1]), join_results(parts[:1]))
    with pytest.raises(InputError, match=r"paths is \[\]; allowed: one result file or more"):
        open_results([])
    with pytest.raises(InputError, match=r"2\.nc.*cannot be read"):
        open_results([*paths, tmp_path / "2.nc"])


def test_files_that_disagree_are_refused_in_one_line():
    with pytest.raises(InputError, match="disagree on adversarial_risk, risk; allowed: equal values") as caught:
        join_results([result(), result(offset=0.5)])
    assert "\n" not in str(caught.value)


def test_joined_results_are_a_result_file(tmp_path):
    joined = join_results([result(), result(name="cifar10")])
    save_results(joined, tmp_path / "r.nc")
    xr.testing.assert_identical(open_results(tmp_path / "r.nc"), joined)


@needs_jit
@pytest.mark.parametrize(
    "settings",
    [
        {"n_sets": 3},
        {"epsilon": 0.3},
        {"name": "other", "width": 2},
        {"q": 0.6},
        {"alpha": 0.2},
        {"alpha": [0.2, 0.3]},
        {"name": "other", "epsilon": 0.01, "n_train": 300, "simultaneous": True},
    ],
    ids=str,
)
def test_whole_measurements_are_joined(settings):
    """With all that `measure` gives: curves, kept seeds, numbers of points."""
    first = {"q": 0.5} if "q" in settings else {}
    parts = [measured(**first), measured(**settings)]
    joined = join_results(parts)
    assert_all_there(joined, parts)
    for part in parts:
        (name,) = part["dataset"].values
        np.testing.assert_array_equal(joined["n_points"].sel(dataset=name), part["n_points"].sel(dataset=name))


# Slicing


def test_slicing_as_the_design_has_it():
    tables = [
        result(name="mnist", epsilon=(0.1, 0.2, 0.3), n_sets=(5,)),
        result(name="cifar10", epsilon=(2 / 255, 8 / 255), n_sets=(40,), offset=0.5),
    ]
    joined = join_results(tables)
    mean = joined.sel(dataset="mnist").sel(epsilon=0.31, method="nearest").mean("seed")
    expected = tables[0]["risk"].sel(dataset="mnist", epsilon=0.3, T=5).values.mean(axis=0)
    np.testing.assert_allclose(mean["risk"].sel(T=5), expected, rtol=1e-15)
    cifar = joined.sel(dataset="cifar10").sel(epsilon=0.0313725, method="nearest").mean("seed")
    assert cifar["epsilon"] == 8 / 255
    assert cifar["risk"].sel(T=40, split="test").notnull()
    one = joined.sel(dataset="mnist", epsilon=0.3, T=5, split="test")["adversarial_risk"].mean("seed")
    assert one.ndim == 0


def test_the_deviation_is_that_of_a_population():
    """ddof = 0, as the paper prints it."""
    ds = result(seeds=(0, 1, 2))
    mean, std = mean_and_std(ds, "risk")
    at = {"dataset": "mnist", "epsilon": 0.1, "T": 5, "split": "test"}
    values = [float(ds["risk"].sel(at).sel(seed=seed)) for seed in (0, 1, 2)]
    assert mean.sel(at).item() == pytest.approx(sum(values) / 3, rel=1e-14)
    assert std.sel(at).item() == pytest.approx((sum((v - sum(values) / 3) ** 2 for v in values) / 3) ** 0.5, rel=1e-12)
    assert std.sel(at).item() > 0


def test_without_seeds_there_is_no_deviation():
    mean, std = mean_and_std(result().isel(seed=0), "risk")
    xr.testing.assert_equal(mean, result()["risk"].isel(seed=0))
    assert (std == 0).all()


def test_the_deviation_of_a_case_does_not_see_holes():
    """Data sets with another number of restarts."""
    joined = join_results([result(seeds=(0, 1)), result(name="cifar10", seeds=(0, 1, 2, 3))])
    mean, std = mean_and_std(joined, "risk")
    alone_mean, alone_std = mean_and_std(result(seeds=(0, 1)), "risk")
    xr.testing.assert_allclose(mean.sel(dataset="mnist"), alone_mean.sel(dataset="mnist"))
    xr.testing.assert_allclose(std.sel(dataset="mnist"), alone_std.sel(dataset="mnist"))


# Slices that are saved


@pytest.fixture(scope="module")
def grid():
    """Two epsilon, two alpha, two seeds."""
    return measured(alpha=[0.1, 0.2], q=0.5)


SLICES = {
    "one data set": lambda ds: ds.sel(dataset="mine"),
    "one epsilon": lambda ds: ds.sel(epsilon=0.02),
    "one alpha": lambda ds: ds.sel(alpha=0.1),
    "the restart that is kept": lambda ds: ds.isel(alpha=0, epsilon=0).isel(seed=[int(ds.kept_seed[0, 0, 0, 0, 0])]),
    "another restart": lambda ds: ds.sel(seed=[1]),
    "all of one": lambda ds: ds.isel(dataset=0, epsilon=0, T=0, q=0, alpha=0, seed=0),
    "the other way round": lambda ds: ds.transpose(*reversed(list(ds.dims))),
    "coordinates as variables": lambda ds: ds.reset_coords(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLICES)
def test_a_slice_that_is_saved_says_what_the_whole_says_of_it(grid, tmp_path, name):
    save_results(SLICES[name](grid), tmp_path / "part.nc")
    part = open_results(tmp_path / "part.nc")
    assert describe(part).count("estimated, by fractions") == len(as_json(part)["cases"]) > 0
    of_whole = {(one["epsilon"], one["alpha"]): one for one in as_json(grid)["cases"]}
    for one in as_json(part)["cases"]:
        if name not in ("another restart", "all of one"):
            for made in ("certificate", "certified"):
                assert one[made] == of_whole[one["epsilon"], one["alpha"]][made]
        assert one["dataset"] == "mine"
    again = whole(part)["risk"]
    places = {dim: again[dim].values for dim in again.dims} | {"alpha": part["alpha"].values}
    np.testing.assert_array_equal(again, grid["risk"].sel(places).transpose(*again.dims))
    plot_measurement(part, tmp_path / "part.png")


CUTS = {
    "one variable": (lambda ds: ds[["risk"]], "lack the variable adversarial_risk"),
    "test alone": (lambda ds: ds.sel(split=["test"]), "split has test and not train and test"),
    "no data set": (lambda ds: ds.isel(dataset=0, drop=True), "lack the coordinate dataset"),
    "renamed": (lambda ds: ds.rename(epsilon="strength_of_it"), "lack the coordinate epsilon"),
    "no alpha": (lambda ds: ds.isel(alpha=0, drop=True), "lack the coordinate alpha"),
    "per cent": (lambda ds: ds.assign(risk=100 * ds.risk), "not between 0 and the adversarial risk"),
    "mean over seeds": (lambda ds: ds.mean("seed", keep_attrs=True), "which tells which restart was kept"),
    "half": (lambda ds: ds.assign(risk=ds.risk.where(ds.split == "test")), "is missing where"),
    "nothing": (lambda ds: ds.assign({name: np.nan * ds[name] for name in RISKS}), "no measured case"),
    "counts by split": (lambda ds: ds.assign(certified_count=np.ceil(ds.risk)), "certified_count is on split"),
    "compared by seed": (lambda ds: ds.assign(n_compared=ds.certified_count), "n_compared is on seed"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_slice_that_lost_what_is_to_be_said_is_refused(grid, tmp_path, name):
    cut, said = CUTS[name]
    part = cut(grid)
    calls = [
        describe,
        as_json,
        lambda ds: plot_measurement(ds, tmp_path / "part.png"),
        lambda ds: join_results([ds, ds]),
    ]
    for call in calls:
        refused(lambda call=call: call(part), said)


def test_the_curve_of_another_restart_is_not_shown(grid):
    """It belongs to the restart that is kept, which the slice may not have."""
    kept = grid["kept_seed"].isel(alpha=0, epsilon=0).item()
    here = whole(grid.isel(alpha=[0], epsilon=[0]).sel(seed=[1 - int(kept)]))
    assert here["kept_seed"].item() == 1 - kept
    assert here["adversarial_risk_at"].isnull().all()


# What must not be mixed


def test_other_seeds_of_a_measurement_join():
    """As if they had been measured together: the restart that is kept, its certificate and its curve are chosen anew."""
    X = np.random.default_rng(3).integers(0, 256, (100, 3)).astype(np.uint8)
    search = nc.RectangleSearch(n_sets=2, n_neighbors=5, q=0.5)
    settings = {"epsilon": [0.05, 0.1], "alpha": 0.1, "name": "mine"}
    once = nc.measure(nc.Restarts(search, 4), X[:60], X[60:], **settings)
    parts = [nc.measure(nc.Restarts(search.set_params(seed=seed), 2), X[:60], X[60:], **settings) for seed in (0, 2)]
    assert (parts[0]["kept_seed"] != parts[1]["kept_seed"]).all()
    joined = join_results(parts)
    for name in once.data_vars:
        np.testing.assert_array_equal(joined[name].transpose(*once[name].dims), once[name])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.assign_attrs(norm="l2"), ("norm of data set 'mine' is 'linf'", "'l2'")),
        (lambda ds: ds.assign_attrs(data_sha256="train 12, test 34"), ("data_sha256 of data set 'mine', test",)),
        (lambda ds: ds.assign_attrs(n_neighbors=6), ("n_neighbors is ", "of the same case")),
        (lambda ds: ds.assign_attrs(extend=1), ("extend is ",)),
    ],
    ids=["norm", "contents", "setting", "switch"],
)
def test_what_would_be_mixed_is_refused(ds, change, words):
    other = change(ds.assign_coords(seed=ds["seed"] + 2, kept_seed=ds["kept_seed"] + 2))
    refused(lambda: join_results([ds, other]), *words)
    elsewhere = other.assign_coords(dataset=["other"])
    assert join_results([ds, elsewhere])["dataset"].values.tolist() == ["mine", "other"]


def test_two_searches_are_told_apart():
    X = np.random.default_rng(3).integers(0, 256, (100, 3)).astype(np.uint8)
    settings = {"epsilon": 0.1, "alpha": 0.1, "name": "mine", "norm": "l2"}
    parts = [nc.measure(search, X[:60], X[60:], **settings) for search in ("hyperplane", "halfspaces")]
    joined = join_results(parts)
    assert joined["search"].values.tolist() == ["hyperplane", "halfspaces"]
    assert_all_there(joined, parts)
    assert describe(joined).count("  certified for mine: with") == 2


def test_what_is_not_certified_stays_so_when_it_is_joined(ds):
    names = ("measure_at_least", "expansion_at_most", "certified", "certified_count")
    without = ds.assign({name: ds[name] * np.nan for name in names})
    for one in (without, join_results([without, ds.assign_coords(dataset=["other"])]).sel(dataset=["mine"])):
        assert one["measure_at_least"].isnull().all()
        assert "with 95% confidence" not in describe(one)
        assert [as_json(one)["cases"][0][name] for name in ("certificate", "certified")] == [None, None]


def test_files_of_before_certificates_at_alpha_join_with_later_ones(ds):
    old = ds.drop_vars(["certified", "certified_count", "n_compared"]).assign_coords(dataset=["old"])
    joined = join_results([old, ds])
    assert joined["certified"].sel(dataset="old").isnull().all()
    np.testing.assert_array_equal(
        joined["certified"].sel(dataset=["mine"]).transpose(*ds["certified"].dims), ds["certified"]
    )
    assert describe(joined).count("nothing is certified for old at α: the file holds no such certificate") == 2
    assert [case["certified"] is not None for case in as_json(joined)["cases"]] == [False, False, True, True]
    assert "certified" not in join_results([old, old])


def test_certificates_that_hold_together_are_not_mixed_with_others(ds):
    """Restarts of one case are certified in one way; different cases may be, and then hold each by itself."""
    X = np.random.default_rng(3).integers(0, 256, (100, 3)).astype(np.uint8)
    told = {"epsilon": [0.05, 0.1], "alpha": 0.1, "q": 0.5, "n_sets": 2, "n_neighbors": 5}
    one, together = (
        nc.measure("rectangles", X[:60], X[60:], **told, name="mine", simultaneous=v) for v in (False, True)
    )
    assert (together["certified"] >= one["certified"]).all()
    assert (together["n_compared"].values.tolist(), one["n_compared"].item(0)) == ([[[[2.0]], [[2.0]]]], 1)
    refused(lambda: join_results([one, together.assign_coords(seed=[1])]), "n_compared is 1 in one result", "2")
    mixed = join_results([one, together.assign_coords(dataset=["other"])])
    assert not as_json(mixed)["certified_together"]
    assert as_json(together)["certified_together"]
