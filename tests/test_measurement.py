"""A measurement: what it holds, that it is what its parts say, and what bad arguments get."""

from __future__ import annotations

import datetime
import math
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, needs_jit, points

import numbaconc as nc
from numbaconc.certify import certify_counts, union_vc_dimension
from numbaconc.kernels.threads import available_threads
from numbaconc.measurement import SEARCHES, collection_dimension

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {"epsilon": ["8/255", 0.1], "alpha": 0.05, "n_sets": 3, "n_neighbors": 5}


CERTIFIED = ("measure_at_least", "expansion_at_most", "vc_dimension")
TRAIN, TEST = points(120, 1), points(80, 2)


@pytest.fixture(scope="module")
def searched():
    return nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, name="mine")


@pytest.fixture(scope="module")
def fixed():
    return nc.measure(TRAIN, TEST, **SETTINGS, q=0.8, restarts=3, seed=4, name="mine")


# The schema


def test_dimensions(searched, fixed):
    for name in ("risk", "adversarial_risk"):
        assert searched[name].dims == ("dataset", "epsilon", "T", "seed", "split")
        assert fixed[name].dims == ("dataset", "epsilon", "T", "q", "seed", "split")
    assert searched["q_found"].dims == ("dataset", "epsilon", "T", "seed")
    assert searched["n_points"].dims == ("dataset", "split")


def test_coordinates(searched, fixed):
    for ds in (searched, fixed):
        assert ds["dataset"].values.tolist() == ["mine"]
        assert ds["epsilon"].values.tolist() == [8 / 255, 0.1]
        assert ds["T"].values.tolist() == [3]
        assert ds["seed"].values.tolist() == [4, 5, 6]
        assert ds["split"].values.tolist() == ["train", "test"]
        assert ds["alpha"].item() == 0.05
    assert fixed["q"].values.tolist() == [0.8]
    assert "q" not in searched.coords


def test_types(searched, fixed):
    for ds in (searched, fixed):
        assert {name: ds[name].dtype.kind for name in ("dataset", "split")} == {"dataset": "U", "split": "U"}
        assert {name: ds[name].dtype.kind for name in ("T", "seed")} == {"T": "i", "seed": "i"}
        assert {name: ds[name].dtype for name in ("epsilon", "risk", "adversarial_risk")} == dict.fromkeys(
            ("epsilon", "risk", "adversarial_risk"), np.float64
        )


@pytest.mark.parametrize("n_sets", [3.0, np.int64(3), np.uint8(3), np.float32(3)])
def test_a_whole_number_is_one_whatever_its_type(searched, n_sets):
    ds = nc.measure(TRAIN, TEST, **SETTINGS | {"n_sets": n_sets}, restarts=np.int64(3), seed=np.int64(4), name="mine")
    xr.testing.assert_equal(ds, searched)
    assert ds["T"].dtype.kind == "i"


def test_q_found_exactly_where_q_is_searched(searched, fixed):
    assert "q_found" in searched
    assert "q_found" not in fixed
    assert searched["q_found"].notnull().all()
    assert ((searched["q_found"] > 0) & (searched["q_found"] < 1)).all()


def test_every_quantity_has_a_long_name(searched):
    for name in (
        "risk",
        "adversarial_risk",
        "q_found",
        "kept_seed",
        "epsilon",
        "T",
        "seed",
        "split",
        "alpha",
        *CERTIFIED,
    ):
        assert searched[name].attrs["long_name"]


def test_provenance(searched):
    attrs = searched.attrs
    assert attrs["norm"] == "linf"
    assert attrs["search"] == "rectangles"
    assert (attrs["n_neighbors"], attrs["include_self"], attrs["centers"]) == (5, 1, "mean")
    assert attrs["numbaconc_version"] == version("numbaconc")
    assert attrs["numba_version"] == version("numba")
    assert attrs["threads"] == 1
    assert 0 < attrs["seconds"] < 1000
    created = datetime.datetime.fromisoformat(attrs["created"])
    assert abs(datetime.datetime.now(datetime.UTC) - created) < datetime.timedelta(hours=1)
    assert isinstance(attrs["command"], str)
    hashes = re.findall(r"[0-9a-f]{64}", attrs["data_sha256"])
    assert hashes == [nc.as_sample(TRAIN).sha256, nc.as_sample(TEST).sha256]
    assert not any(isinstance(value, bool) for value in attrs.values())  # netCDF has no such type


def test_provenance_tells_settings_apart():
    ds = nc.measure(TRAIN, TEST, **SETTINGS | {"include_self": False, "centers": "median", "n_neighbors": 4})
    assert (ds.attrs["n_neighbors"], ds.attrs["include_self"], ds.attrs["centers"]) == (4, 0, "median")


# The numbers


def test_fractions(searched, fixed):
    for ds in (searched, fixed):
        for name in ("risk", "adversarial_risk", "adversarial_risk_at"):
            assert ((ds[name] >= 0) & (ds[name] <= 1)).all()
        assert (ds["risk"] <= ds["adversarial_risk"]).all()
        assert (ds["risk"] > 0).any()
        counts = ds["risk"] * ds["n_points"]
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
    assert (searched["risk"].sel(split="train") >= 0.05).all()


def test_n_points(searched):
    assert searched["n_points"].sel(dataset="mine", split="train") == 120
    assert searched["n_points"].sel(dataset="mine", split="test") == 80


def test_every_restart_is_a_search_of_its_own(searched):
    for epsilon in (8 / 255, 0.1):
        for seed in (4, 5, 6):
            found = nc.search_rectangles(TRAIN, epsilon, 0.05, 3, seed, n_neighbors=5)
            here = searched.sel(dataset="mine", epsilon=epsilon, T=3, seed=seed)
            assert here["q_found"].item() == found.q
            for split, X in (("train", TRAIN), ("test", TEST)):
                m = found.region.measure(X, epsilon)
                assert here["risk"].sel(split=split).item() == m.risk
                assert here["adversarial_risk"].sel(split=split).item() == m.adversarial_risk


def test_every_restart_at_a_fixed_q_is_a_covering_of_its_own(fixed):
    for epsilon in (8 / 255, 0.1):
        for seed in (4, 5, 6):
            region = nc.cover_rectangles(TRAIN, 0.8, epsilon, 3, seed, n_neighbors=5)
            here = fixed.sel(dataset="mine", epsilon=epsilon, T=3, q=0.8, seed=seed)
            for split, X in (("train", TRAIN), ("test", TEST)):
                m = region.measure(X, epsilon)
                assert here["risk"].sel(split=split).item() == m.risk
                assert here["adversarial_risk"].sel(split=split).item() == m.adversarial_risk


def test_the_kept_seed(searched):
    """Least training adversarial risk among those with training risk >= alpha."""
    for epsilon in (8 / 255, 0.1):
        on_train = searched.sel(dataset="mine", epsilon=epsilon, T=3, split="train")
        least = min((4, 5, 6), key=lambda seed: on_train["adversarial_risk"].sel(seed=seed).item())
        assert searched["kept_seed"].sel(dataset="mine", epsilon=epsilon, T=3) == least
    assert len(np.unique(searched["kept_seed"])) > 1, "the data no longer make the point"


@pytest.mark.parametrize("alpha", [0.14, 0.5])
def test_the_kept_seed_at_a_fixed_q(alpha):
    """Too little training risk does not count; if all have too little, the one of most risk is kept."""
    settings = SETTINGS | {"epsilon": "8/255", "alpha": alpha}
    found = nc.find_regions(TRAIN, TEST, **settings, q=0.8, restarts=8)
    on_train = found.dataset.sel(split="train").squeeze()
    risks, adversarial = on_train["risk"].values, on_train["adversarial_risk"].values
    enough = [seed for seed in range(8) if risks[seed] >= alpha]
    expected = min(enough, key=lambda seed: adversarial[seed]) if enough else int(np.argmax(risks))
    assert (alpha == 0.14) == bool(enough)
    assert adversarial[expected] > adversarial.min(), "the data no longer make the point"
    assert found.dataset["kept_seed"].item() == expected
    region = nc.cover_rectangles(TRAIN, 0.8, "8/255", 3, expected, n_neighbors=5)
    (kept,) = found.regions.values()
    np.testing.assert_array_equal(kept.lower, region.lower)
    np.testing.assert_array_equal(kept.upper, region.upper)


def test_the_curve_of_the_kept_region(searched):
    """Monotone, begins at the risk at least, and agrees with adversarial_risk at epsilon."""
    curve = searched["adversarial_risk_at"].squeeze("dataset")
    assert (curve.diff("strength") >= 0).all()
    assert searched["strength"].values[0] > 0
    assert (np.diff(searched["strength"]) > 0).all()
    for epsilon in (8 / 255, 0.1):
        seed = int(searched["kept_seed"].sel(epsilon=epsilon).item())
        kept = searched.sel(dataset="mine", epsilon=epsilon, T=3, seed=seed)
        here = curve.sel(epsilon=epsilon).squeeze()
        np.testing.assert_array_equal(here.sel(strength=epsilon), kept["adversarial_risk"])
        assert (here.isel(strength=0) >= kept["risk"]).all()
        region = nc.search_rectangles(TRAIN, epsilon, 0.05, 3, seed, n_neighbors=5).region
        for split, X in (("train", TRAIN), ("test", TEST)):
            expected = region.measure(X, searched["strength"].values).adversarial_risk
            np.testing.assert_array_equal(here.sel(split=split), expected)
    assert float(curve.max()) > float(curve.min())


def test_findings_hold_a_region_for_each_epsilon(searched):
    found = nc.find_regions(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, name="mine")
    xr.testing.assert_equal(found.dataset, searched)
    assert list(found.regions) == [8 / 255, 0.1]
    assert [region.epsilon for region in found.regions.values()] == [8 / 255, 0.1]


def test_the_same_on_any_number_of_threads(searched):
    before = nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, threads=available_threads(), name="mine")
    xr.testing.assert_equal(before, searched)
    assert before.attrs["threads"] == available_threads()


def test_the_same_again_and_another_with_another_seed(searched):
    again = nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, name="mine")
    xr.testing.assert_equal(again, searched)
    other = nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=14, name="mine")
    assert not np.array_equal(other["adversarial_risk"], searched["adversarial_risk"])


def test_a_restart_does_not_depend_on_how_many_there_are(searched):
    one = nc.measure(TRAIN, TEST, **SETTINGS, seed=5, name="mine")
    for name in ("risk", "adversarial_risk", "q_found"):
        xr.testing.assert_equal(one[name], searched[name].sel(seed=[5]))


@pytest.mark.parametrize(
    "cast",
    [
        lambda X: X[:, :, None],
        lambda X: X[:, :, None, None],
        lambda X: X / 255,
        lambda X: (X / 255).astype(np.float32),
        lambda X: (X / 255).tolist(),
        np.asfortranarray,
        nc.as_sample,
        lambda X: np.repeat(X, 2, axis=0)[::2],
    ],
    ids=["(n, h, w)", "(n, h, w, c)", "float64", "float32", "lists", "Fortran", "Sample", "strides"],
)
def test_whatever_holds_the_same_points_measures_the_same(searched, cast):
    ds = nc.measure(cast(TRAIN), cast(TEST), **SETTINGS, restarts=3, seed=4, name="mine")
    xr.testing.assert_equal(ds, searched)


def test_known_radii_are_used(searched):
    radii = nc.knn_radii(TRAIN, 5)
    ds = nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, radii=radii, name="mine")
    xr.testing.assert_equal(ds, searched)
    turned = nc.measure(TRAIN, TEST, **SETTINGS, restarts=3, seed=4, radii=-radii, name="mine")
    assert not turned.equals(searched)


def test_nothing_is_written_and_nothing_changed(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(cache))
    monkeypatch.chdir(tmp_path)
    train, test = TRAIN.copy(), TEST.copy()
    train.flags.writeable = test.flags.writeable = False
    nc.measure(train, test, **SETTINGS)
    assert list(tmp_path.iterdir()) == []
    nc.measure(train, test, **SETTINGS, cache_dir=cache)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(list((cache / "radii").iterdir())) == 1
    assert Path.cwd() == tmp_path


def test_measured_by_hand():
    """One box around all points but a far one: each number can be counted."""
    X = np.array([[10], [11], [12], [13], [14], [15], [16], [17], [18], [200]], np.uint8)
    Y = np.array([[12], [19], [22], [27], [31], [255]], np.uint8)
    ds = nc.measure(X, Y, epsilon="8/255", alpha=0.1, n_sets=1, q=0.9, n_neighbors=2)
    # the box is [10, 18], enlarged [2, 26]
    at = ds.squeeze()
    assert at["risk"].sel(split="train") == 0.1
    assert at["adversarial_risk"].sel(split="train") == 0.1
    assert at["risk"].sel(split="test") == 3 / 6  # 27, 31, 255
    assert at["adversarial_risk"].sel(split="test") == 5 / 6  # all but 12
    assert at["adversarial_risk_at"].sel(strength=8 / 255, split="test") == 5 / 6


# What bad arguments get


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"norm": "lmax"}, "norm is 'lmax'; allowed: linf"),
        ({"epsilon": 0}, "epsilon is 0; allowed: a positive number"),
        ({"epsilon": [0.1, -1]}, "epsilon is -1; allowed: a positive number"),
        ({"epsilon": []}, "epsilon is .*; allowed: one or more"),
        ({"epsilon": None}, "epsilon is None; allowed: a positive number"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"alpha": 0}, r"alpha is 0; allowed: a number in \(0, 1\)"),
        ({"alpha": 1.0}, r"alpha is 1.0; allowed: a number in \(0, 1\)"),
        ({"alpha": None}, r"alpha is None; allowed: a number in \(0, 1\)"),
        ({"alpha": 1 / 121}, "alpha is 0.00826.*; allowed: at least 1/n = 0.00833"),
        ({"n_sets": 0}, "n_sets is 0; allowed: a whole number from 1 to 120"),
        ({"n_sets": 121}, "n_sets is 121; allowed: a whole number from 1 to 120"),
        ({"n_sets": 2.5}, "n_sets is 2.5; allowed: a whole number"),
        ({"n_sets": True}, "n_sets is True; allowed: a whole number"),
        ({"n_sets": 61, "q": 0.5}, r"n_sets is 61; allowed: a whole number from 1 to 60 \(q = 0.5"),
        ({"q": 0}, r"q is 0; allowed: a number in \(0, 1\]"),
        ({"q": 1.1}, r"q is 1.1; allowed: a number in \(0, 1\]"),
        ({"q": 0.001}, "n_sets is 3; .*0 points"),
        ({"epsilon": 0.999}, "no q leaves that risk .*largest risk seen is 0"),
        ({"n_neighbors": 120}, "n_neighbors is 120; allowed: a whole number from 1 to 119"),
        ({"centers": "middle"}, "centers is 'middle'; allowed: mean, median"),
        ({"restarts": 0}, "restarts is 0; allowed: a whole number of at least 1"),
        ({"seed": -1}, "seed is -1; allowed: a whole number of at least 0"),
        ({"seed": "1"}, "seed is '1'; allowed: a whole number of at least 0"),
        ({"threads": 0}, "threads is 0; allowed: a whole number from 1 to"),
        ({"radii": np.zeros(119)}, r"radii has shape \(119,\); allowed: \(120,\)"),
    ],
    ids=lambda value: " ".join(f"{name}={v!r}"[:20] for name, v in value.items()) if isinstance(value, dict) else "",
)
def test_bad_settings(settings, says):
    with pytest.raises(nc.InputError, match=says) as caught:
        nc.measure(TRAIN, TEST, **SETTINGS | settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ([[1.0, 2.0], [3.0]], TEST, "X_train is ragged; allowed"),
        (TRAIN, [[1.0, 2.0], [3.0]], "X_test is ragged; allowed"),
        (TRAIN, TEST.astype(object), "X_test has dtype object; allowed"),
        (TRAIN.astype(int), TEST, "X_train has dtype int64; allowed: uint8, or floats"),
        (TRAIN, TEST[:, 1:], "X_test has 4 coordinates; allowed: 5"),
        (TRAIN[:1], TEST, "X_train has 1 row; allowed"),
        (TRAIN, TEST[:0], r"X_test has shape \(0, 5\); allowed"),
        (TRAIN[:, :0], TEST, r"X_train has shape \(120, 0\); allowed"),
        (np.where(TRAIN > 250, np.nan, TRAIN / 255), TEST, "X_train holds nan at row .*; allowed: finite numbers"),
        (None, TEST, "X_train has dtype object; allowed"),
    ],
)
def test_bad_data(train, test, says):
    with pytest.raises(nc.InputError, match=says) as caught:
        nc.measure(train, test, **SETTINGS)
    assert "\n" not in str(caught.value)


def test_data_of_other_units_are_measured_with_a_warning():
    X = np.random.default_rng(0).normal(size=(200, 3))
    with pytest.warns(nc.UnitWarning, match="own units"):
        ds = nc.measure(X[:120], X[120:], **SETTINGS)
    assert (ds["risk"].sel(split="train") >= 0.05).all()


# Searches beyond the paper


FOUND = {
    ("linf", "faces"): lambda train, **given: nc.search_faces(train, 0.1, 0.1, 3, **given),
    ("linf", "halfspaces"): lambda train, **given: nc.search_halfspaces(train, 0.1, 0.1, np.inf, **given),
    ("l2", "halfspaces"): lambda train, **given: nc.search_halfspaces(train, 0.1, 0.1, 2, **given),
    ("l2", "balls"): lambda train, **given: nc.search_balls(train, 0.1, 0.1, 3, **given),
    ("l2", "free_balls"): lambda train, **given: nc.search_balls(train, 0.1, 0.1, 3, centers="neighbours", **given),
    ("linf", "best"): lambda train, **given: nc.search_best(train, 0.1, 0.1, "linf", 3, **given),
    ("l2", "best"): lambda train, **given: nc.search_best(train, 0.1, 0.1, "l2", 3, **given),
}


@needs_jit
@pytest.mark.parametrize(("norm", "search"), FOUND)
@pytest.mark.parametrize("buffer", [0.0, 0.05])
def test_searches_beyond_the_paper(norm, search, buffer, tmp_path):
    train, test = np.split(blobs(400, 5, 1), [300])
    settings = {"norm": norm, "search": search, "epsilon": 0.1, "alpha": 0.1, "buffer": buffer}
    found = nc.find_regions(train, test, **settings, n_sets=3)
    expected = FOUND[norm, search](train, buffer=buffer)
    here = found.dataset.isel(dataset=0, epsilon=0)
    assert here.attrs["buffer"] == buffer
    assert here.risk.sel(split="train").item() == expected.risk >= 0.1 + buffer - 1e-9
    assert here.adversarial_risk.sel(split="train").item() == expected.adversarial_risk
    on_test = expected.region.measure(test, 0.1)
    assert here.adversarial_risk.sel(split="test").item() == on_test.adversarial_risk
    proven = nc.certify(found.regions[0.1], test, 0.1)
    assert here.measure_at_least.item() == proven.L < on_test.risk
    assert here.expansion_at_most.item() == proven.U > on_test.adversarial_risk

    grid = {"dataset": "mine", "T": 3} if "T" in found.dataset.dims else {"dataset": "mine"}
    swept = nc.run_sweep(settings | grid, tmp_path / "s.nc", data={"mine": (train, test)})
    for name in ("risk", "adversarial_risk", "measure_at_least", "expansion_at_most", "vc_dimension"):
        assert (swept[name].values == found.dataset[name].values).all()


def test_dimensions_of_what_is_searched():
    """Of the collection that a search may choose from, not of what it found there."""
    boxes, balls = math.floor(2 * 10 * 3 * math.log2(9)), math.floor(2 * 6 * 3 * math.log2(9))  # d = 5, T = 3
    by_norm = {
        "linf": {"rectangles": boxes, "faces": 10, "halfspaces": 6, "best": boxes + 6 + 1},
        "l2": {"balls": balls, "free_balls": balls, "halfspaces": 6, "hyperplane": 6, "best": balls},
    }
    assert {norm: tuple(of) for norm, of in by_norm.items()} == SEARCHES
    for norm, of in by_norm.items():
        assert {search: collection_dimension(search, norm, 5, 3) for search in of} == of
    assert collection_dimension("rectangles", "linf", 5, 1) == collection_dimension("faces", "linf", 5, 9) == 10
    assert collection_dimension("balls", "l2", 5, 1) == 6


def test_fewer_balls_than_allowed():
    found = nc.find_regions(TRAIN, TEST, "l2", epsilon=0.1, alpha=0.02, n_sets=30)
    (region,) = found.regions.values()
    assert len(region.radii) < 30
    assert found.dataset["vc_dimension"].item() == union_vc_dimension(6, 30)


def test_certificates_are_of_the_kept_restart(searched):
    for epsilon in (8 / 255, 0.1):
        here = searched.sel(dataset="mine", epsilon=epsilon, T=3)
        kept = here.sel(seed=int(here["kept_seed"]), split="test")
        proven = certify_counts(round(float(kept["risk"]) * 80), round(float(kept["adversarial_risk"]) * 80), 80, 0.1)
        assert (here["measure_at_least"].item(), here["expansion_at_most"].item()) == (proven.L, proven.U)
        assert here["vc_dimension"].item() == union_vc_dimension(10, 3)
    assert searched["measure_at_least"].dims == searched["vc_dimension"].dims == ("dataset", "epsilon", "T")


@needs_jit
def test_a_local_search_is_passed_on(tmp_path):
    train, test = np.split(blobs(400, 5, 3), [300])
    settings = {"norm": "l2", "search": "balls", "epsilon": 0.1, "alpha": 0.2, "local_search": True}
    found = nc.find_regions(train, test, **settings, n_sets=5)
    expected = nc.search_balls(train, 0.1, 0.2, 5, local_search=True)
    assert expected.adversarial_risk < expected.unrefined
    assert found.regions[0.1].radii.tobytes() == expected.region.radii.tobytes()
    assert found.dataset.attrs["local_search"] == 1
    assert found.dataset.adversarial_risk.sel(split="train").item() == expected.adversarial_risk
    swept = nc.run_sweep(settings | {"dataset": "mine", "T": 5}, tmp_path / "s.nc", data={"mine": (train, test)})
    assert (swept.adversarial_risk.values == found.dataset.adversarial_risk.values).all()
    assert swept.attrs["local_search"] == 1


@needs_jit
@pytest.mark.parametrize(
    ("norm", "search", "n_chains"),
    [("linf", "faces", 2), ("linf", "halfspaces", 1), ("l2", "balls", 1), ("l2", "free_balls", 1), ("linf", "best", 5)],
)
def test_the_automatic_buffer_is_fixed_before_a_test_point_counts(norm, search, n_chains):
    train, test = np.split(blobs(900, 5, 1), [600])
    settings = {"search": search, "epsilon": 0.1, "alpha": 0.1, "buffer": "auto"}
    found, again = (nc.find_regions(train, one, norm, **settings) for one in (test, 255 - test))
    assert found.dataset.attrs["buffer"] == nc.buffer_for(180, 300, 0.1, n_chains=n_chains)
    assert found.dataset.attrs["buffer_on"] == "training points held back"
    assert (found.regions[0.1].gap(train) == again.regions[0.1].gap(train)).all()
    held = train[np.sort(np.random.default_rng(0).permutation(600)[:180])]
    assert found.regions[0.1].measure(held, 0.1).risk >= 0.1 + found.dataset.attrs["buffer"] - 1e-12


@needs_jit
def test_a_sweep_with_the_automatic_buffer(tmp_path):
    train, test = np.split(blobs(900, 5, 1), [600])
    settings = {"search": "halfspaces", "epsilon": 0.1, "alpha": 0.1, "buffer": "auto"}
    swept = nc.run_sweep(settings | {"dataset": "mine"}, tmp_path / "s.nc", data={"mine": (train, test)})
    found = nc.measure(train, test, **settings)
    assert (swept.adversarial_risk.values == found.adversarial_risk.values).all()
    assert swept.attrs["buffer"] == "auto"
    again = nc.run_sweep(settings | {"dataset": "mine"}, tmp_path / "s.nc", data={"mine": (train, test)})
    assert again.identical(swept)


def test_boxes_that_reach_the_edge_of_the_domain():
    train, test = np.split(blobs(400, 5, 1), [300])
    settings = {"epsilon": 0.3, "alpha": 0.05, "q": 0.8, "n_sets": 3}
    plain, extended = (nc.measure(train, test, **settings, extend=extend) for extend in (False, True))
    assert extended.risk.equals(plain.risk)
    assert (extended.adversarial_risk <= plain.adversarial_risk).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"search": "faces", "restarts": 2}, "restarts is 2 with search 'faces'; allowed: only with rectangles"),
        ({"search": "faces", "extend": True}, "extend is True with search 'faces'; allowed: only with rectangles"),
        (
            {"buffer": 0.1},
            "buffer is 0.1 with search 'rectangles'; allowed: only with balls, faces, free_balls, halfspaces, best",
        ),
        (
            {"norm": "l2", "search": "free_balls", "local_search": True},
            "local_search is True with search 'free_balls'; allowed: only with balls",
        ),
        ({"search": "faces", "buffer": "much"}, "buffer is 'much'; allowed: "),
        ({"search": "free_balls"}, "search is 'free_balls'; allowed: rectangles, faces, halfspaces, best"),
    ],
)
def test_settings_of_searches_beyond_the_paper_that_are_refused(settings, says):
    with pytest.raises(nc.InputError) as caught:
        nc.measure(*np.split(blobs(400, 5, 1), [300]), **settings)
    assert says in str(caught.value)
