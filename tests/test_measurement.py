"""A measurement: what it holds, that it is what its parts say, and what bad arguments get."""

from __future__ import annotations

import datetime
import itertools
import math
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, needs_jit, points, refused

import numbaconc as nc
from numbaconc.certify import certify_counts
from numbaconc.kernels.threads import available_threads
from numbaconc.regions.base import union_vc_dimension
from numbaconc.show.words import describe

pytestmark = pytest.mark.usefixtures("one_thread")

GOALS = {"epsilon": ["8/255", 0.1], "alpha": 0.05}
SETTINGS = GOALS | {"n_sets": 3, "n_neighbors": 5}
CERTIFIED = ("measure_at_least", "expansion_at_most", "vc_dimension")
TRAIN, TEST = points(120, 1), points(80, 2)
CLASSES = {
    "rectangles": nc.RectangleSearch,
    "faces": nc.FaceSearch,
    "balls": nc.BallSearch,
    "free_balls": nc.FreeBallSearch,
    "halfspaces": nc.HalfSpaceSearch,
    "hyperplane": nc.HyperplaneSearch,
    "best": nc.BestSearch,
}
IN_NORMS = [(name, norm) for name, cls in CLASSES.items() for norm in cls.norms]


def rectangles(seed=4, **settings):
    return nc.RectangleSearch(**{"n_sets": 3, "n_neighbors": 5, "seed": seed} | settings)


def search_in(name, norm, **settings):
    """A search in this norm, with those of the settings that it has."""
    own = CLASSES[name].settings()
    return CLASSES[name](**{key: value for key, value in ({"norm": norm} | settings).items() if key in own})


def restarts(n=3, train=TRAIN, test=TEST, how=None, **settings):
    """Rectangles, repeated with other seeds."""
    return nc.measure(nc.Restarts(rectangles(**settings), n), train, test, **GOALS, name="mine", how=how)


@pytest.fixture(scope="module")
def searched():
    return restarts()


@pytest.fixture(scope="module")
def fixed():
    return restarts(q=0.8)


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
    ds = restarts(np.int64(3), n_sets=n_sets, seed=np.int64(4))
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
    settings = {"include_self": False, "centers": "median", "n_neighbors": 4}
    ds = nc.measure("rectangles", TRAIN, TEST, **SETTINGS | settings)
    assert (ds.attrs["n_neighbors"], ds.attrs["include_self"], ds.attrs["centers"]) == (4, 0, "median")


@pytest.mark.parametrize(("n", "used"), [(120, 50), (30, 30)])
def test_the_number_of_neighbors_is_recorded_as_used(n, used):
    for search in (nc.RectangleSearch(n_sets=3), nc.Restarts(nc.RectangleSearch(n_sets=3, q=0.8), 2)):
        ds = nc.measure(search, TRAIN[:n], TEST, **GOALS)
        assert ds.attrs["n_neighbors"] == used
    assert (ds.attrs["n_neighbors"], ds.attrs["centers"], ds.attrs["margin"]) == (used, "mean", 0)


@pytest.mark.parametrize(
    ("search", "coordinates"),
    [
        (nc.RectangleSearch(n_sets=3, q=0.8), "rectangles: T, q, seed"),
        (nc.Restarts(nc.RectangleSearch(n_sets=3), 2), "rectangles: T, seed"),
        (nc.BestSearch(), "best: seed"),
        (nc.BestSearch(n_sets=3), "best: T, seed"),
        (nc.FaceSearch(), "faces: T"),
        (nc.HyperplaneSearch(), "hyperplane: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@needs_jit
def test_the_coordinates_of_the_search_are_named(search, coordinates):
    ds = nc.measure(search, TRAIN, TEST, epsilon=0.1, alpha=0.1)
    assert ds.attrs["search_coordinates"] == coordinates
    name, _, dims = coordinates.partition(": ")
    assert set(ds["risk"].dims) == {"dataset", "epsilon", "split", *filter(None, dims.split(", "))}
    assert ds.attrs["search"] == name


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
            found = rectangles(seed, epsilon=epsilon, alpha=0.05).fit(TRAIN)
            here = searched.sel(dataset="mine", epsilon=epsilon, T=3, seed=seed)
            assert here["q_found"].item() == found.q_
            for split, X in (("train", TRAIN), ("test", TEST)):
                m = found.region_.measure(X, epsilon)
                assert here["risk"].sel(split=split).item() == m.risk
                assert here["adversarial_risk"].sel(split=split).item() == m.adversarial_risk


def test_every_restart_at_a_fixed_q_is_a_covering_of_its_own(fixed):
    for epsilon in (8 / 255, 0.1):
        for seed in (4, 5, 6):
            region = rectangles(seed, q=0.8, epsilon=epsilon, alpha=0.05).fit(TRAIN).region_
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
    goal = {"epsilon": "8/255", "alpha": alpha}
    found = nc.find_regions(nc.Restarts(rectangles(0, q=0.8), 8), TRAIN, TEST, **goal)
    on_train = found.dataset.sel(split="train").squeeze()
    risks, adversarial = on_train["risk"].values, on_train["adversarial_risk"].values
    enough = [seed for seed in range(8) if risks[seed] >= alpha]
    expected = min(enough, key=lambda seed: adversarial[seed]) if enough else int(np.argmax(risks))
    assert (alpha == 0.14) == bool(enough)
    assert adversarial[expected] > adversarial.min(), "the data no longer make the point"
    assert found.dataset["kept_seed"].item() == expected
    region = rectangles(expected, q=0.8, **goal).fit(TRAIN).region_
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
        region = rectangles(seed, epsilon=epsilon, alpha=0.05).fit(TRAIN).region_
        for split, X in (("train", TRAIN), ("test", TEST)):
            expected = region.measure(X, searched["strength"].values).adversarial_risk
            np.testing.assert_array_equal(here.sel(split=split), expected)
    assert float(curve.max()) > float(curve.min())


def test_findings_hold_a_region_for_each_epsilon(searched):
    found = nc.find_regions(nc.Restarts(rectangles(), 3), TRAIN, TEST, **GOALS, name="mine")
    xr.testing.assert_equal(found.dataset, searched)
    assert list(found.regions) == [8 / 255, 0.1]
    assert [region.epsilon for region in found.regions.values()] == [8 / 255, 0.1]


def test_the_same_on_any_number_of_threads(searched):
    before = restarts(how=nc.How(threads=available_threads()))
    xr.testing.assert_equal(before, searched)
    assert before.attrs["threads"] == available_threads()


def test_the_same_again_and_another_with_another_seed(searched):
    again = restarts()
    xr.testing.assert_equal(again, searched)
    other = restarts(seed=14)
    assert not np.array_equal(other["adversarial_risk"], searched["adversarial_risk"])


def test_a_restart_does_not_depend_on_how_many_there_are(searched):
    one = nc.measure(rectangles(5), TRAIN, TEST, **GOALS, name="mine")
    for name in ("risk", "adversarial_risk", "q_found"):
        xr.testing.assert_equal(one[name], searched[name].sel(seed=[5]))


@needs_jit
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
    ds = restarts(train=cast(TRAIN), test=cast(TEST))
    xr.testing.assert_equal(ds, searched)


def test_nothing_is_written_and_nothing_changed(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(cache))
    monkeypatch.chdir(tmp_path)
    train, test = TRAIN.copy(), TEST.copy()
    train.flags.writeable = test.flags.writeable = False
    nc.measure("rectangles", train, test, **SETTINGS)
    assert list(tmp_path.iterdir()) == []
    nc.measure("rectangles", train, test, **SETTINGS, how=nc.How(cache_dir=cache))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(list((cache / "radii").iterdir())) == 1
    assert Path.cwd() == tmp_path


def test_measured_by_hand():
    """One box around all points but a far one: each number can be counted."""
    X = np.array([[10], [11], [12], [13], [14], [15], [16], [17], [18], [200]], np.uint8)
    Y = np.array([[12], [19], [22], [27], [31], [255]], np.uint8)
    ds = nc.measure("rectangles", X, Y, epsilon="8/255", alpha=0.1, n_sets=1, q=0.9, n_neighbors=2)
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
        ({"norm": "lmax"}, "norm is 'lmax'; allowed: linf, l2, l1"),
        ({"epsilon": 0}, "epsilon is 0; allowed: a positive number"),
        ({"epsilon": [0.1, -1]}, "epsilon is -1; allowed: a positive number"),
        ({"epsilon": []}, "epsilon is .*; allowed: one or more"),
        ({"epsilon": None}, "epsilon is None; allowed: a positive number"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"alpha": 0}, r"alpha is 0; allowed: a number in \(0, 1\)"),
        ({"alpha": 1.0}, r"alpha is 1.0; allowed: a number in \(0, 1\)"),
        ({"alpha": [0.1, 1.5]}, r"alpha is 1.5; allowed: a number in \(0, 1\)"),
        ({"alpha": []}, r"alpha is \[\]; allowed: one or more"),
        ({"alpha": None}, r"alpha is None; allowed: a number in \(0, 1\)"),
        ({"alpha": None, "epsilon": None}, "alpha is None; allowed: a number in"),
        ({"alpha": 1 / 121}, "alpha is 0.00826.*; allowed: at least 1/n = 0.00833"),
        ({"n_sets": 0}, "n_sets is 0; allowed: a whole number of at least 1"),
        ({"n_sets": 121}, "n_sets is 121; allowed: a whole number from 1 to 120"),
        ({"n_sets": 2.5}, "n_sets is 2.5; allowed: a whole number"),
        ({"n_sets": True}, "n_sets is True; allowed: a whole number"),
        ({"n_sets": None}, "n_sets is None; allowed: a whole number"),
        ({"n_sets": 61, "q": 0.5}, r"n_sets is 61; allowed: a whole number from 1 to 60 \(q = 0.5"),
        ({"q": 0}, r"q is 0; allowed: a number in \(0, 1\]"),
        ({"q": 1.1}, r"q is 1.1; allowed: a number in \(0, 1\]"),
        ({"q": 0.001}, "n_sets is 3; .*0 points"),
        ({"epsilon": 0.999}, "no q leaves that risk .*largest risk seen is 0"),
        ({"n_neighbors": 120}, "n_neighbors is 120; allowed: a whole number from 1 to 119"),
        ({"centers": "middle"}, "centers is 'middle'; allowed: mean, median"),
        ({"seed": -1}, "seed is -1; allowed: a whole number of at least 0"),
        ({"seed": "1"}, "seed is '1'; allowed: a whole number of at least 0"),
        (
            {"margin": "much"},
            "margin is 'much'; allowed: a number of at least 0 and less than 1 - alpha = 0.95",
        ),
        ({"margin": 0.95}, "margin is 0.95; allowed: a number of at least 0 and less than 1 - alpha = 0.95"),
        ({"margin": 0.1, "q": 0.5}, "margin is 0.1 at a fixed q = 0.5; allowed: only where q is searched"),
        ({"include_self": "yes"}, "include_self is 'yes'; allowed: true or false"),
        (
            {"restarts": 2},
            "restarts is 2 with search 'rectangles'; allowed: epsilon, alpha, margin, n_sets, q, seed,",
        ),
        ({"n_set": 2}, "n_set is 2 with search 'rectangles'; allowed: .*; did you mean 'n_sets'?"),
        ({"delta": 0.1}, "delta is 0.1 with search 'rectangles'; allowed: only with balls"),
        ({"how": nc.How(threads=0)}, "threads is 0; allowed: a whole number from 1 to"),
        ({"how": nc.How(checkpoint="c")}, "checkpoint is 'c' with RectangleSearch; allowed: only with balls"),
    ],
    ids=lambda value: " ".join(f"{name}={v!r}"[:20] for name, v in value.items()) if isinstance(value, dict) else "",
)
def test_bad_settings(settings, says):
    message = refused(lambda: nc.measure("rectangles", TRAIN, TEST, **SETTINGS | settings))
    assert re.search(says, message), message


@pytest.mark.parametrize(
    ("search", "says"),
    [
        (nc.Restarts(rectangles(), 0), "n is 0; allowed: a whole number from 1 to 10000"),
        (nc.Restarts(rectangles(seed=-1)), "seed is -1; allowed: a whole number of at least 0"),
        (
            nc.Restarts(rectangles(margin=0.2), margin=0.1),
            "margin is 0.1 with a search whose margin is 0.2; allowed: given once",
        ),
        (nc.Restarts(nc.FaceSearch(), 2), "search is FaceSearch(); allowed: a search with a seed"),
        ("rectangle", "search is 'rectangle'; allowed: "),
        (nc.RectangleSearch, "search is <class 'numbaconc.search.rectangles.RectangleSearch'>; allowed: "),
        (3, "search is 3; allowed: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_search(search, says):
    assert says in refused(lambda: nc.measure(search, TRAIN, TEST, **GOALS))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"norm": "linf"}, "norm is 'linf' beside a search; allowed: with the name of one, or in RectangleSearch(...)"),
        ({"n_sets": 3}, "n_sets is 3 beside a search; allowed: with the name of one, or in RectangleSearch(...)"),
        ({"margin": 0.1}, "margin is 0.1 beside a search; allowed: with the name of one, or in RectangleSearch(...)"),
        ({"odd": None}, "odd is None beside a search; allowed: with the name of one, or in RectangleSearch(...)"),
    ],
)
def test_what_belongs_to_a_name_beside_an_object(settings, says):
    assert refused(lambda: nc.measure(rectangles(), TRAIN, TEST, **GOALS, **settings)) == says


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", ["epsilon", "alpha"])
def test_a_goal_is_given_once(name, wrapped):
    """In the call, or in the search."""
    with_own = rectangles(**{name: 0.1})
    search = nc.Restarts(with_own, 2) if wrapped else with_own
    for value in (0.2, [0.1, 0.2], 0.1):
        says = f"{name} is {value!r} beside a search that has 0.1; allowed: one of them"
        assert refused(lambda value=value: nc.measure(search, TRAIN, TEST, **GOALS | {name: value})) == says
    rest = {key: value for key, value in GOALS.items() if key != name}
    ds = nc.measure(search, TRAIN, TEST, **rest)
    expected = nc.measure(nc.Restarts(rectangles(), 2) if wrapped else rectangles(), TRAIN, TEST, **rest, **{name: 0.1})
    xr.testing.assert_equal(ds, expected)


def test_a_search_with_a_whole_goal_of_its_own():
    ds = nc.measure(rectangles(epsilon="8/255", alpha=0.05, margin=0.02), TRAIN, TEST)
    xr.testing.assert_equal(ds, nc.measure(rectangles(margin=0.02), TRAIN, TEST, epsilon=[8 / 255], alpha="0.05"))
    assert refused(lambda: nc.measure(rectangles(alpha=0.1), TRAIN, TEST)).startswith("epsilon is None; allowed: ")
    assert refused(lambda: nc.measure(rectangles(), TRAIN, TEST)).startswith("alpha is None; allowed: ")
    assert refused(lambda: nc.measure(rectangles(epsilon=0.1), TRAIN, TEST)).startswith("alpha is None; allowed: ")


@needs_jit
def test_the_norm_s_own_search():
    for norm, name in (
        (None, "rectangles"),
        ("linf", "rectangles"),
        ("l2", "balls"),
        (2, "balls"),
        ("l1", "halfspaces"),
    ):
        ds = nc.measure(None, TRAIN, TEST, norm=norm, epsilon=0.1, alpha=0.1)
        assert ds.attrs["search"] == name
        xr.testing.assert_equal(ds, nc.measure(name, TRAIN, TEST, norm=norm, epsilon=0.1, alpha=0.1))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"search": "faces", "seed": 3}, "seed is 3 with search 'faces'; allowed: only with rectangles, best"),
        ({"search": "faces", "extend": True}, "extend is True with search 'faces'; allowed: only with rectangles"),
        ({"search": None, "norm": "l1", "n_sets": 3}, "n_sets is 3 with search 'halfspaces'; allowed: only with "),
        (
            {"search": "free_balls", "local_search": True},
            "local_search is True with search 'free_balls'; allowed: only with balls",
        ),
        ({"search": "faces", "margin": "much"}, "margin is 'much'; allowed: "),
        (
            {"search": "free_balls", "norm": "linf"},
            "search is 'free_balls' with norm 'linf'; allowed with it: best, faces, halfspaces, rectangles",
        ),
        (
            {"search": "rectangles", "norm": 2},
            "search is 'rectangles' with norm 'l2'; allowed with it: balls, best, free_balls, halfspaces",
        ),
        (
            {"search": "best", "n_sets": 3, "norm": "l1"},
            "n_sets is 3 with search 'halfspaces'; allowed: only with balls, faces, rectangles",
        ),
    ],
    ids=lambda value: value.get("search") if isinstance(value, dict) else "",
)
def test_what_a_search_does_not_have(arguments, says):
    message = refused(lambda: nc.measure(X_train=TRAIN, X_test=TEST, **GOALS, **arguments))
    said, _, allowed = says.partition(": only with ")
    assert message.startswith(said), message
    assert set(filter(None, allowed.split(", "))) <= set(message.partition(": only with ")[2].split(", "))


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if cls is not nc.BallSearch])
def test_a_checkpoint_with_a_search_that_takes_none(name, tmp_path):
    how = nc.How(checkpoint=tmp_path / "c")
    says = f"checkpoint is {str(tmp_path / 'c')!r} with {CLASSES[name].__name__}; allowed: only with balls"
    assert refused(lambda: nc.measure(CLASSES[name](), TRAIN, TEST, **GOALS, how=how)) == says
    assert list(tmp_path.iterdir()) == []


@needs_jit
def test_a_checkpoint_for_each_goal(tmp_path):
    """Under the file's own name where there is one goal, otherwise with it, and each is gone on from."""
    for goals, names in (
        ({"epsilon": 0.1, "alpha": 0.1}, {"c.npz"}),
        ({"epsilon": [0.1, 0.2], "alpha": 0.1}, {"c-0.1.npz", "c-0.2.npz"}),
        ({"epsilon": 0.1, "alpha": [0.1, 0.2]}, {"c-0.1-0.1.npz", "c-0.1-0.2.npz"}),
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        how = nc.How(checkpoint=folder / "c.npz")
        expected = nc.measure("balls", TRAIN, TEST, **goals)
        for _ in range(2):
            xr.testing.assert_equal(nc.measure("balls", TRAIN, TEST, **goals, how=how), expected)
            assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ([[1.0, 2.0], [3.0]], TEST, "X_train is ragged; allowed"),
        (TRAIN, [[1.0, 2.0], [3.0]], "X_test is ragged; allowed"),
        (TRAIN, np.full(TEST.shape, "x", object), "X_test holds 'x'; allowed"),
        (TRAIN, TEST.astype(complex), "X_test has dtype complex128; allowed: an array of real numbers"),
        (TRAIN, TEST[:, 1:], "X_test has 4 coordinates; allowed: 5"),
        (TRAIN[:1], TEST, "X_train has 1 row; allowed"),
        (TRAIN, TEST[:0], r"X_test has shape \(0, 5\); allowed"),
        (TRAIN[:, :0], TEST, r"X_train has shape \(120, 0\); allowed"),
        (np.where(TRAIN > 250, np.nan, TRAIN / 255), TEST, "X_train holds nan at row .*; allowed: finite numbers"),
        (None, TEST, "X_train is None; allowed"),
    ],
)
def test_bad_data(train, test, says):
    message = refused(lambda: nc.measure("rectangles", train, test, **SETTINGS))
    assert re.search(says, message), message


def test_data_of_other_units_are_measured_with_a_warning():
    X = np.random.default_rng(0).normal(size=(200, 3))
    with pytest.warns(nc.UnitWarning, match="own units"):
        ds = nc.measure("rectangles", X[:120], X[120:], **SETTINGS)
    assert (ds["risk"].sel(split="train") >= 0.05).all()


def test_whole_numbers_that_are_no_bytes_are_in_their_own_units():
    with pytest.warns(nc.UnitWarning, match="own units"):
        ds = nc.measure("halfspaces", TRAIN.astype(int), TEST.astype(int), epsilon=10, alpha=0.05)
    xr.testing.assert_equal(
        ds.risk, nc.measure("halfspaces", TRAIN, TEST, epsilon="10/255", alpha=0.05).risk.assign_coords(epsilon=[10.0])
    )


# Every search


@pytest.mark.slow
@needs_jit
@pytest.mark.parametrize("margin", [0.0, 0.05])
@pytest.mark.parametrize(("name", "norm"), IN_NORMS)
def test_every_search_is_measured_as_it_fits(name, norm, margin, tmp_path):
    """And a sweep has the same."""
    train, test = np.split(blobs(400, 5, 1), [300])
    settings = {"n_sets": 3} if "n_sets" in CLASSES[name].settings() and (name, norm) != ("best", "l1") else {}
    goal = {"epsilon": 0.1, "alpha": 0.2}
    found = nc.find_regions(name, train, test, norm=norm, **goal, margin=margin, **settings)
    expected = search_in(name, norm, margin=margin, **goal, **settings).fit(train)
    assert (found.dataset.attrs["norm"], found.dataset.attrs["search"]) == (norm, name)
    here = found.dataset.squeeze()
    assert here.attrs["margin"] == margin
    assert here.risk.sel(split="train").item() == expected.risk_ >= 0.2 + margin - 1e-9
    assert here.adversarial_risk.sel(split="train").item() == expected.adversarial_risk_
    on_test = expected.region_.measure(test, 0.1)
    assert here.adversarial_risk.sel(split="test").item() == on_test.adversarial_risk
    proven = nc.certify(found.regions[0.1], test, 0.1)
    assert here.measure_at_least.item() == proven.L < on_test.risk
    assert here.expansion_at_most.item() == proven.U > on_test.adversarial_risk
    assert here.vc_dimension.item() == search_in(name, norm, **settings).vc_dimension(5)
    assert ("compared" in here) == (name == "best")
    if name == "best":
        assert here.compared.item() == f"{expected.search_} of {', '.join(map(str, expected.table_))}"

    grid = {"dataset": "mine", "norm": norm, "search": name, "margin": margin} | goal | settings
    swept = nc.run_sweep(grid, tmp_path / "s.nc", data={"mine": (train, test)})
    names = {"risk", "adversarial_risk", "measure_at_least", "expansion_at_most", "vc_dimension", "compared", "q_found"}
    for variable in names & {*found.dataset, *swept}:
        assert (swept[variable].values == found.dataset[variable].values).all()


@pytest.mark.slow
@needs_jit
@pytest.mark.parametrize(("name", "norm"), IN_NORMS)
def test_several_goals_in_one_call_are_single_calls(name, norm):
    """Rows, curves and kept regions, in whatever order the goals are given."""
    train, test = np.split(blobs(360, 4, 1, spread=30), [160])
    settings = {"norm": norm, "name": "mine"}
    epsilons, alphas = [0.05, 0.02], [0.3, 0.1]
    found = nc.find_regions(name, train, test, **settings, epsilon=epsilons, alpha=alphas)
    assert list(found.regions) == list(itertools.product(sorted(epsilons), sorted(alphas)))
    ds = found.dataset
    assert ds["risk"].dims[:3] == ("alpha", "dataset", "epsilon")
    assert (ds["alpha"].values.tolist(), ds["epsilon"].values.tolist()) == (sorted(alphas), sorted(epsilons))
    for (epsilon, alpha), region in found.regions.items():
        alone = nc.find_regions(name, train, test, **settings, epsilon=epsilon, alpha=alpha)
        (only,) = alone.regions.values()
        assert type(region) is type(only)
        assert all(
            np.array_equal(mine, its) for mine, its in zip(vars(region).values(), vars(only).values(), strict=True)
        )
        here, there = ds.sel(alpha=alpha, epsilon=epsilon), alone.dataset.sel(epsilon=epsilon)
        assert set(here.data_vars) == set(there.data_vars)
        for variable in set(here.data_vars) - {"adversarial_risk_at"}:
            xr.testing.assert_equal(here[variable].reset_coords(drop=True), there[variable].reset_coords(drop=True))
        curve = here["adversarial_risk_at"].squeeze()
        for split, X in (("train", train), ("test", test)):
            expected = region.measure(X, ds["strength"].values).adversarial_risk
            np.testing.assert_array_equal(curve.sel(split=split), expected)
    variable = ds["adversarial_risk"].sel(split="train")
    assert (variable.diff("alpha") != 0).any()
    assert (variable.diff("epsilon") != 0).any()


@needs_jit
def test_regions_are_by_epsilon_where_one_alpha_is_asked_for():
    for alpha in (0.1, [0.1], "0.1", [0.1, 0.1]):
        found = nc.find_regions("halfspaces", TRAIN, TEST, epsilon=[0.1, 0.2], alpha=alpha)
        assert list(found.regions) == [0.1, 0.2]
        assert found.dataset["alpha"].item() == 0.1
        assert "alpha" not in found.dataset["risk"].dims
        assert found.dataset["alpha"].attrs["long_name"]
    found = nc.find_regions("halfspaces", TRAIN, TEST, epsilon="0.1", alpha="0.1,0.2")
    assert list(found.regions) == [(0.1, 0.1), (0.1, 0.2)]
    assert found.dataset["alpha"].attrs["long_name"]


@pytest.mark.parametrize("q", [pytest.param(None, marks=needs_jit), 0.8])
def test_several_goals_of_restarts(q):
    """The kept seed is chosen for each goal, and the curve is that of its region."""
    search = nc.Restarts(rectangles(q=q), 4)
    found = nc.find_regions(search, TRAIN, TEST, epsilon=[8 / 255, 0.1], alpha=[0.05, 0.1], name="mine")
    for (epsilon, alpha), region in found.regions.items():
        alone = nc.find_regions(search, TRAIN, TEST, epsilon=epsilon, alpha=alpha, name="mine")
        here = found.dataset.sel(epsilon=epsilon, alpha=alpha).reset_coords(drop=True).drop_vars("adversarial_risk_at")
        there = alone.dataset.sel(epsilon=epsilon).reset_coords(drop=True).drop_vars("adversarial_risk_at")
        xr.testing.assert_equal(here.drop_dims("strength"), there.drop_dims("strength"))
        np.testing.assert_array_equal(region.lower, alone.regions[epsilon].lower)
        curve = found.dataset["adversarial_risk_at"].sel(epsilon=epsilon, alpha=alpha).squeeze()
        kept = here["adversarial_risk"].sel(seed=int(here["kept_seed"].item())).squeeze()
        np.testing.assert_array_equal(curve.sel(strength=epsilon), kept)


def test_dimensions_of_what_is_searched():
    """Of the collection that a search may choose from, not of what it found there."""
    boxes, balls = math.floor(2 * 10 * 3 * math.log2(9)), math.floor(2 * 6 * 3 * math.log2(9))  # d = 5, T = 3
    own = {"rectangles": boxes, "faces": 10, "balls": balls, "free_balls": balls, "halfspaces": 6, "hyperplane": 6}
    for name, dimension in own.items():
        assert search_in(name, "l2", n_sets=3).vc_dimension(5) == dimension
    compared = {"linf": boxes + 10 + 6 + 2, "l2": 2 * balls + 6 + 6 + 3}
    for norm, dimension in compared.items():
        members = [name for name, in_norm in IN_NORMS if in_norm == norm and name != "best"]
        assert nc.BestSearch(searches=members, norm=norm, n_sets=3).vc_dimension(5) == dimension
    assert nc.RectangleSearch(n_sets=1).vc_dimension(5) == nc.FaceSearch(n_sets=9).vc_dimension(5) == 10
    assert nc.BallSearch(n_sets=1).vc_dimension(5) == 6
    assert nc.Restarts(nc.RectangleSearch(n_sets=3), 9).vc_dimension(5) == boxes


def test_fewer_balls_than_allowed():
    found = nc.find_regions("balls", TRAIN, TEST, epsilon=0.1, alpha=0.02, n_sets=30)
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
    settings = {"epsilon": 0.1, "alpha": 0.2, "local_search": True}
    found = nc.find_regions("balls", train, test, **settings)
    expected = nc.BallSearch(**settings).fit(train)
    assert expected.adversarial_risk_ < expected.unrefined_
    assert found.regions[0.1].radii.tobytes() == expected.region_.radii.tobytes()
    assert found.dataset.attrs["local_search"] == 1
    assert found.dataset.adversarial_risk.sel(split="train").item() == expected.adversarial_risk_
    grid = settings | {"search": "balls", "dataset": "mine", "T": 5}
    swept = nc.run_sweep(grid, tmp_path / "s.nc", data={"mine": (train, test)})
    assert (swept.adversarial_risk.values == found.dataset.adversarial_risk.values).all()
    assert swept.attrs["local_search"] == 1


# What is certified


@needs_jit
@pytest.mark.parametrize("simultaneous", [False, True])
@pytest.mark.parametrize("name", ["halfspaces", "rectangles"])
def test_every_kept_region_is_certified_at_alpha(name, simultaneous, tmp_path):
    """As `certify` does it; all pairs of an ε and an α together on request; and sweeps as one call without that."""
    train, test = np.split(blobs(900, 5, 1, spread=40), [500])
    goals = {"epsilon": [0.02, 0.05, 0.1], "alpha": [0.1, 0.2]}
    found = nc.find_regions(name, train, test, **goals, name="mine", simultaneous=simultaneous)
    ds, n_compared = found.dataset, 6 if simultaneous else 1
    assert (ds.attrs["n_compared"], ds.attrs["confidence"]) == (n_compared, 0.95)
    assert (ds["n_compared"] == n_compared).all()
    assert set(ds["certified"].dims) == set(ds["risk"].dims) - {"seed", "split"}
    for (epsilon, alpha), region in found.regions.items():
        proven = nc.certify(region, test, epsilon, alpha, n_compared=n_compared)
        here = ds.sel(epsilon=epsilon, alpha=alpha).squeeze()
        assert here["certified"].item() == proven.U
        assert here["certified_count"].item() == proven.m + proven.K
    assert (ds["certified"] < 1).any()
    if not simultaneous:
        grid = goals | {"dataset": "mine", "search": name}
        swept = nc.run_sweep(grid, tmp_path / "s.nc", data={"mine": (train, test)})
        for variable in ("certified", "certified_count", "n_compared"):
            xr.testing.assert_equal(swept[variable].reset_coords(drop=True), ds[variable].reset_coords(drop=True))
        assert swept.attrs["confidence"] == 0.95


def test_only_the_restart_that_is_kept_is_certified():
    """It is chosen by its training risks: test points have no part in it."""
    search = nc.Restarts(rectangles(), 4)
    found = nc.find_regions(search, TRAIN, TEST, epsilon=8 / 255, alpha=0.1)
    other = nc.find_regions(search, TRAIN, 255 - TEST, epsilon=8 / 255, alpha=0.1)
    assert found.dataset["kept_seed"].item() == other.dataset["kept_seed"].item()
    for one, test in ((found, TEST), (other, 255 - TEST)):
        (region,) = one.regions.values()
        assert one.dataset["certified"].item() == nc.certify(region, test, 8 / 255, 0.1).U


def test_too_few_test_points_certify_nothing():
    """Which is no reason not to measure."""
    ds = nc.measure("halfspaces", TRAIN, TEST[:3], epsilon=0.1, alpha=0.6)
    assert ds["certified"].item() == 1
    assert "for that, 3 test points are too few" in describe(ds)
    refused(
        lambda: nc.measure("halfspaces", TRAIN, TEST, **GOALS, simultaneous=1), "simultaneous is 1", "true or false"
    )


@needs_jit
def test_what_is_told_of_a_case_is_kept_per_case(tmp_path):
    """What the best of several searches was chosen from: in sweeps too."""
    train, test = np.split(blobs(900, 5, 1), [600])
    goals = {"epsilon": [0.05, 0.1], "alpha": [0.1, 0.2]}
    ds = nc.measure("best", train, test, **goals, name="mine")
    for epsilon, alpha in itertools.product(*goals.values()):
        alone = nc.measure("best", train, test, epsilon=epsilon, alpha=alpha)
        assert ds["compared"].sel(epsilon=epsilon, alpha=alpha).item() == alone["compared"].item()
    assert len(np.unique(ds["compared"])) == 4
    assert "compared" not in ds.attrs
    grid = goals | {"search": "best", "dataset": "mine"}
    swept = nc.run_sweep(grid, tmp_path / "s.nc", data={"mine": (train, test)})
    for name in {"risk", "adversarial_risk", "margin", "compared"} & {*ds, *swept}:
        xr.testing.assert_equal(swept[name].reset_coords(drop=True), ds[name].reset_coords(drop=True))
    again = nc.run_sweep(grid, tmp_path / "s.nc", data={"mine": (train, test)})
    assert again.identical(swept)


def test_boxes_that_reach_the_edge_of_the_domain():
    train, test = np.split(blobs(400, 5, 1), [300])
    settings = {"epsilon": 0.3, "alpha": 0.05, "q": 0.8, "n_sets": 3}
    plain, extended = (nc.measure("rectangles", train, test, **settings, extend=extend) for extend in (False, True))
    assert extended.risk.equals(plain.risk)
    assert (extended.adversarial_risk <= plain.adversarial_risk).all()
