"""Regions in files: which set it is, where it comes from, and what it can be measured on."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import warnings

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import blobs, examples, images, refused
from hypothesis import given, strategies as st

import numbaconc as nc
from numbaconc import cli
from numbaconc.data.formats import netcdf
from numbaconc.regions import FaceComplement, Source, Sublevel
from numbaconc.search.base import Search
from numbaconc.show.region_words import describe_region, region_as_json

D = 6
TRAIN, TEST = blobs(80, D, 3, spread=40), blobs(40, D, 4, spread=40)
NAMES = ["age", "height", "$x_1$ <b>", "a\nb", "\x1b[31m", "e"]


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.UnitWarning)
        return call()


def table(X, names=tuple(NAMES)):
    return pd.DataFrame(X.astype(np.float64) / 7, columns=list(names))


# Training points of every kind, and others that a region found on them is not to be measured on.
KINDS = {
    "bytes": TRAIN,
    "images": TRAIN.reshape(80, 2, 3),
    "table": table(TRAIN),
    "scaled": lambda: nc.as_sample(table(TRAIN), scale="standard"),
    "levels": lambda: nc.Sample(TRAIN, 1 / 16, (0.0, 16.0)),
    "floats": TRAIN / 7,
}


def sample_of(kind):
    given = KINDS[kind]
    return quiet(given if callable(given) else lambda: nc.as_sample(given))


def search_of(family):
    told = {"epsilon": "8/255", "alpha": 0.2}
    return {
        "boxes": nc.RectangleSearch(n_sets=2, n_neighbors=5, **told),
        "faces": nc.FaceSearch(n_sets=3, **told),
        "balls": nc.BallSearch(n_sets=2, **told),
        "half space": nc.HalfSpaceSearch(norm="l2", **told),
        "best": nc.BestSearch(searches=["faces", nc.HalfSpaceSearch(n_starts=2)], **told),
        "repeated": nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=5), 2, **told),
    }[family]


SEARCHES = ("boxes", "faces", "balls", "half space", "best", "repeated")


@st.composite
def regions(draw):
    """Any region, of one of the families, found on points of some kind or made by hand."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    T = draw(st.integers(1, 4))
    domain = draw(st.sampled_from([None, (0.0, 1.0)]))
    lower = rng.choice([-np.inf, 0.1, 1 / 3], (T, D))
    upper = np.where(rng.random((T, D)) < 0.3, np.inf, 0.4 + rng.random((T, D)))
    epsilon = draw(st.sampled_from([8 / 255, 0.1, 1 / 3]))
    family = draw(st.sampled_from(["boxes", "faces", "balls", "half space"]))
    region = {
        "boxes": lambda: nc.RectangleComplement(lower, upper, epsilon),
        "faces": lambda: FaceComplement(lower[:1], upper[:1], epsilon, rng.permutation(2 * D)[:T], rng.random(T)),
        "balls": lambda: nc.BallUnion(rng.random((T, D)), rng.random(T), rng.integers(-1, 80, T), domain),
        "half space": lambda: nc.HalfSpace(
            rng.normal(size=D), rng.normal(), draw(st.sampled_from([1, 2, np.inf])), domain
        ),
    }[family]()
    if draw(st.booleans()):
        region.found_by(
            Source(
                draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)),
                draw(st.dictionaries(st.text(), st.one_of(st.integers(-9, 9), st.floats(0, 1), st.text()), max_size=3)),
                epsilon,
                0.05,
                draw(st.sampled_from([None, 0.0, 0.01])),
                "ab" * 32,
                "0.2.0",
            )
        )
    if draw(st.booleans()):
        sample = sample_of(draw(st.sampled_from(["bytes", "images"])))
        region.in_space(sample.space)
        region = region.at_rank(sample, draw(st.integers(1, 80))) if draw(st.booleans()) else region
    return region


@given(region=regions())
@examples(24)
def test_what_is_saved_is_loaded(region, tmp_path_factory):
    path = tmp_path_factory.mktemp("region") / "r.nc"
    region.save(path)
    again = nc.load_region(path)
    assert again == region
    assert hash(again) == hash(region)
    assert repr(again) == repr(region)
    assert again._repr_html_() == region._repr_html_()
    assert again.definition == region.definition
    assert dataclasses.replace(again.source, numbaconc_version=region.numbaconc_version) == region.source
    assert again.numbaconc_version == (region.numbaconc_version or nc.__version__)
    for name in ("norm", "p", "shape", "columns", "unit", "epsilon_unit", "epsilon", "alpha", "search", "settings"):
        assert getattr(again, name) == getattr(region, name)
    np.testing.assert_array_equal(again.gap(TEST), region.gap(TEST))
    np.testing.assert_array_equal(again.contains(TEST), region.contains(TEST))
    describe_region(again).encode()
    json.dumps(region_as_json(again), allow_nan=False)


@given(region=regions())
@examples(30)
def test_copies_are_equal_and_tell_the_same(region):
    for same in (copy.copy(region), copy.deepcopy(region), pickle.loads(pickle.dumps(region))):
        assert same == region
        assert hash(same) == hash(region)
        assert (same.source, same.space, repr(same)) == (region.source, region.space, repr(region))


@pytest.mark.parametrize(
    ("family", "kind"),
    [*((family, "bytes") for family in SEARCHES), *(("faces", kind) for kind in KINDS if kind != "bytes")],
)
def test_a_file_tells_how_a_region_was_found(tmp_path, family, kind):
    sample, search = sample_of(kind), search_of(family)
    search.fit(sample)
    region = search.region_
    region.save(tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc") as ds:
        held, variables = ds.attrs, {name: one.attrs for name, one in ds.variables.items()}
    again = nc.load_region(tmp_path / "r.nc")
    assert again == region
    assert again.source == region.source
    assert held["norm"] == again.norm == search.norm_name
    assert held["alpha"] == again.alpha == 0.2
    assert held["epsilon"] == again.source.epsilon == 8 / 255
    assert held["epsilon_unit"] == again.epsilon_unit == sample.space.epsilon_unit
    assert held["data_sha256"] == again.data_sha256 == sample.sha256
    assert held["numbaconc_version"] == again.numbaconc_version == nc.__version__
    assert held["search"] == again.search == search.name
    assert json.loads(held["settings"]) == again.settings == search.checked().described_whole()
    assert again.shape == sample.shape[1:]
    assert again.columns == (tuple(NAMES) if kind in ("table", "scaled") else None)
    assert again.unit == {"bytes": 1 / 255, "images": 1 / 255, "levels": 1 / 16}.get(kind, sample.space.unit)
    for name, one in variables.items():
        assert one["long_name"]
        lengths = ("lower", "upper", "faces", "epsilon", "centers", "radii", "domain")
        assert one.get("units") == (sample.space.epsilon_unit if name in lengths else None)


def test_measure_and_fit_tell_the_same():
    found = nc.find_regions("faces", TRAIN, TEST, epsilon=["8/255", 0.1], alpha=[0.2, 0.3], n_sets=3)
    for (epsilon, alpha), region in found.regions.items():
        alone = nc.FaceSearch(n_sets=3, epsilon=epsilon, alpha=alpha).fit(TRAIN).region_
        assert region == alone
        assert region.source == alone.source
        assert (region.epsilon, region.alpha) == (epsilon, alpha)


def test_one_region_for_two_goals_tells_each_its_own(tmp_path):
    class Same(Search):
        norms = ("linf",)
        region = nc.RectangleComplement([[0.4] * D], [[0.6] * D], 0.1)

        def find(self, prepared, goal, how):
            return self.found(self.region, prepared, goal)

    found = nc.find_regions(Same(), TRAIN, TEST, epsilon=[0.1, 0.2], alpha=0.2)
    assert [one.source.epsilon for one in found.regions.values()] == [0.1, 0.2]
    assert found.regions[0.1] == found.regions[0.2] == Same.region


def test_regions_that_are_moved():
    """A border that test points placed, and another ε, tell what they come from; a set that is another one does not."""
    region = search_of("boxes").fit(TRAIN).region_
    assert region.at(0.1).source == region.source
    assert (region.at(0.1).epsilon, region.at(0.1).source.epsilon) == (0.1, 8 / 255)
    assert region.at(0.1) != region
    assert region.at(0.1).at(8 / 255) == region
    border = nc.certify(region, TEST, "8/255", 0.2).region
    assert isinstance(border, Sublevel)
    assert border.source == region.source
    assert border.epsilon == 8 / 255
    assert region.holding(TEST, 9).source == Source()
    assert region.holding(TEST, 9) != region


# Which set it is


@pytest.mark.parametrize("family", ["boxes", "faces"])
def test_the_stored_faces_are_those_before_they_are_enlarged(tmp_path, family):
    region = search_of(family).fit(TRAIN).region_
    region.save(tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc") as ds:
        ds.load()
    points, e = TEST[:, np.newaxis] / 255, ds.epsilon.item()
    lower, upper = ds.lower.values, ds.upper.values

    def outside(by):  # in levels, whose halves no rounding reaches
        out = (points < lower - by - 1e-9) | (points > upper + by + 1e-9)
        return out.any(axis=2).all(axis=1)

    np.testing.assert_array_equal(region.contains(TEST), outside(e))
    assert region.measure(TEST, e).adversarial_risk == outside(0.0).mean()
    assert outside(0.0).sum() > outside(e).sum()
    for name in ("lower", "upper"):
        assert "before they are enlarged" in ds[name].long_name
    for text in (region.definition, ds.attrs["definition"], describe_region(region)):
        assert "before that" in text
        assert "lower - 8/255" in text
    assert "lower and upper" in repr(region)
    if family == "faces":
        assert "before they are moved out" in ds["faces"].long_name


@pytest.mark.parametrize("kind", ["balls", "half space"])
def test_what_other_families_store_is_that_of_the_region_itself(tmp_path, kind):
    region = {
        "balls": nc.BallUnion([[0.0] * D, [1.0] * D], [0.7, 0.5]),
        "half space": nc.HalfSpace([1.0] * D, 3.0),
    }[kind]
    X = TEST / 255
    by_hand = {
        "balls": (np.linalg.norm(X, axis=1) <= 0.7) | (np.linalg.norm(X - 1, axis=1) <= 0.5),
        "half space": X.sum(axis=1) > 3,
    }[kind]
    np.testing.assert_array_equal(region.contains(TEST), by_hand)
    region.save(tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc") as ds:
        assert "before any expansion" in ds.attrs["definition"]
        assert "before any expansion" in (ds.radii if kind == "balls" else ds.b).long_name


# Equality


def test_regions_that_differ_are_not_equal():
    lower, upper, space = np.full((2, D), 0.2), np.full((2, D), 0.5), nc.as_sample(TRAIN).space
    region = nc.RectangleComplement(lower, upper, 0.1)
    other_face = lower.copy()
    other_face[1, 2] = np.nextafter(0.2, 1)
    table_space = sample_of("table").space
    different = [
        nc.RectangleComplement(other_face, upper, 0.1),
        nc.RectangleComplement(lower, upper, 0.2),
        nc.RectangleComplement(lower[:1], upper[:1], 0.1),
        nc.RectangleComplement(lower, upper, 0.1).in_space(space),
        nc.RectangleComplement(lower, upper, 0.1).in_space(table_space),
        FaceComplement(lower[:1], upper[:1], 0.1, [0], [0.5]),
        region.at_rank(TEST, 5),
        region.at_rank(TEST, 30),
        nc.HalfSpace([1.0] * D, 0.5),
        nc.HalfSpace([1.0] * D, 0.5, 1),
        nc.HalfSpace([1.0] * D, 0.5, domain=(0, 1)),
        nc.BallUnion([[0.5] * D], [0.5]),
        nc.BallUnion([[0.5] * D], [0.5], [3]),
    ]
    everything = [region, *different]
    for i, one in enumerate(everything):
        assert [one == other for other in everything] == [i == j for j in range(len(everything))]
    assert len(set(everything)) == len(everything)
    assert region == nc.RectangleComplement(lower.copy(), upper.copy(), 0.1)
    assert region != "region"
    assert region.found_by(Source("faces")) == nc.RectangleComplement(lower, upper, 0.1)  # of one set


def test_bytes_and_floats_that_are_bytes_make_equal_regions():
    by_bytes, by_floats = (search_of("faces").fit(X).region_ for X in (TRAIN, TRAIN / 255))
    assert by_bytes == by_floats


# What it can be measured on


def askings(region):
    """Everything that asks a region of points."""
    return {
        "gap": region.gap,
        "contains": region.contains,
        "measure": lambda X: region.measure(X, 0.1),
        "holding": lambda X: region.holding(X, 3),
        "at_rank": lambda X: region.at_rank(X, 3),
        "certify": lambda X: nc.certify(region, X, 0.1, 0.3),
        "certify counts": lambda X: nc.certify(region, X, 0.1),
    }


OTHERS = {
    "bytes": {
        "unit": (lambda: nc.Sample(TEST, 1 / 16, (0.0, 16.0)), "domain"),
        "own unit": (lambda: TEST / 7, "lies in"),
        "width": (lambda: TEST[:, :5], "5 coordinates"),
    },
    "images": {"shape": (lambda: TEST.reshape(40, 3, 2), "shape (3, 2)")},
    "levels": {
        "unit": (lambda: TEST, "domain"),
        "other levels": (lambda: nc.Sample(TEST // 2, 1 / 8, (0.0, 16.0)), "1/8"),
    },
    "table": {
        "order": (lambda: table(TEST, NAMES[::-1]), "column 'e' where"),
        "names": (lambda: table(TEST, ["age", "weight", *NAMES[2:]]), "column 'weight' where"),
        "bytes": (lambda: TEST, "levels worth 1/255"),
        "scale": (lambda: nc.as_sample(table(TEST), scale="standard"), "divided by"),
    },
    "scaled": {
        "not scaled": (lambda: nc.as_sample(table(TEST)), "as they were given"),
        "by others": (lambda: nc.as_sample(table(TEST), scale="standard"), "is divided by"),
    },
}


@pytest.mark.parametrize(("kind", "other"), [(kind, other) for kind in OTHERS for other in OTHERS[kind]])
@pytest.mark.parametrize("family", ["boxes", "faces", "balls", "half space", "border"])
def test_points_of_another_kind_stay_refused(tmp_path, family, kind, other):
    made = {
        "boxes": nc.RectangleComplement([[0.2] * D], [[0.5] * D], 0.1),
        "faces": FaceComplement([[0.2] * D], [[0.5] * D], 0.1, [0, 7], [0.5, 0.2]),
        "balls": nc.BallUnion([[0.5] * D], [0.5]),
        "half space": nc.HalfSpace([1.0] * D, 0.5),
        "border": nc.HalfSpace([1.0] * D, 0.5),
    }[family].in_space(sample_of(kind).space)
    made = made.at_rank(sample_of(kind), 9) if family == "border" else made
    made.save(tmp_path / "r.nc")
    points, words = OTHERS[kind][other]
    points = quiet(points)
    for region in (made, nc.load_region(tmp_path / "r.nc")):
        for ask in askings(region).values():
            refused(lambda ask=ask: quiet(lambda: ask(points)), words, "allowed")


def test_other_points_of_the_same_kind_are_no_error(tmp_path):
    """The hash of the training points tells which they were, and refuses none."""
    region = search_of("faces").fit(TRAIN).region_
    region.save(tmp_path / "r.nc")
    again = nc.load_region(tmp_path / "r.nc")
    assert again.data_sha256 == nc.as_sample(TRAIN).sha256 != nc.as_sample(TEST).sha256
    for ask in askings(again).values():
        ask(TEST)


# Files of earlier versions, and damaged ones


def as_before(region, path):
    """Write a region as versions before 0.2 did: nothing told but the family and the space."""
    variables = {name: one[:2] for name, one in region._variables().items()}
    if isinstance(region, Sublevel):
        variables["level"] = ((), region.level, {"of": type(region.base).__name__, "unit": region.unit})
    space = {} if region.space is None else region.space.attributes()
    attrs = {"region": type(region).__name__, "epsilon_scale": "unit scale"} | space
    netcdf.write(xr.Dataset(variables, attrs=attrs), path)


@given(region=regions())
@examples(10)
def test_files_of_earlier_versions_still_load(region, tmp_path_factory):
    path = tmp_path_factory.mktemp("region") / "r.nc"
    as_before(region, path)
    again = nc.load_region(path)
    assert again == region
    assert again.source == Source()
    assert "How it was found is not told." in describe_region(again)
    np.testing.assert_array_equal(again.gap(TEST), region.gap(TEST))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", "a tenth"),
        ("alpha", float("nan")),
        ("margin", [0.1, 0.2]),
        ("search", 3),
        ("data_sha256", 1.5),
        ("numbaconc_version", [1, 2]),
        ("settings", "{"),
        ("settings", "[1, 2]"),
        ("settings", 4),
        ("space_columns", "["),
        ("space_columns", '["a"]'),
        ("space_columns", "[1, 2, 3, 4, 5, 6]"),
        ("space_shape", "[2, 2]"),
        ("space_shape", "[-2, -3]"),
        ("space_shape", "6"),
        ("space_unit", "-1"),
        ("space_unit", "Infinity"),
        ("space_domain", "[1, 0]"),
        ("space_domain", "[0]"),
        ("space_extent", '["a", "b"]'),
        ("space_guessed", None),
    ],
)
def test_what_a_file_tells_is_not_believed(tmp_path, name, value):
    search_of("faces").fit(TRAIN).region_.save(tmp_path / "r.nc")
    with netCDF4.Dataset(tmp_path / "r.nc", "a") as file:
        if value is None:
            file.delncattr(name)
        else:
            file.setncattr(name, value)
    refused(lambda: nc.load_region(tmp_path / "r.nc"), "r.nc", "cannot be read", "allowed")


# In words


def shown(capsys, *arguments):
    status = cli.main(["show", *map(str, arguments)])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("kind", ["images", "table", "scaled"])
def test_show_says_what_a_region_is(tmp_path, capsys, kind):
    sample = sample_of(kind)
    region = search_of("boxes").fit(sample).region_
    region.save(tmp_path / "r.nc")
    status, text = shown(capsys, tmp_path / "r.nc")
    assert status == 0
    assert all(line.isprintable() for line in text.splitlines())
    for words in (
        "all points outside",
        "lower - 8/255, upper + 8/255",
        f"in ℓ∞, are {sample.space.epsilon_unit}.",
        "by the search rectangles for α = 0.2, ε = 8/255",
        sample.sha256,
        "n_sets 2",
        f"numbaconc {nc.__version__} found it.",
        "2 × 3 numbers" if kind == "images" else "6 coordinates, named age, height, ",
    ):
        assert words in text
    status, text = shown(capsys, tmp_path / "r.nc", "--json")
    told = json.loads(text)["region"]
    assert status == 0
    assert told["family"] == "RectangleComplement"
    assert told["definition"] == region.definition
    assert told["shape"] == list(region.shape)
    assert told["columns"] == (None if kind == "images" else NAMES)
    assert told["settings"]["n_sets"] == 2
    assert (told["epsilon"], told["alpha"], told["data_sha256"]) == (8 / 255, 0.2, sample.sha256)


def test_show_of_regions_made_by_hand_and_of_borders(tmp_path, capsys):
    nc.HalfSpace([1.0, 2.0], 1 / 3, 3).save(tmp_path / "h.nc")
    nc.certify(search_of("faces").fit(TRAIN).region_, TEST, "8/255", 0.2).region.save(tmp_path / "b.nc")
    status, text = shown(capsys, tmp_path / "h.nc", tmp_path / "b.nc")
    assert status == 0
    hand, border = text.split("\n\n")
    assert "all points x with w·x > b" in hand
    assert "Points have 2 coordinates, and distances are in ℓ3; in which unit is not told." in hand
    assert "How it was found is not told." in hand
    assert f"numbaconc {nc.__version__} wrote the file." in hand
    assert "The other one was found by the search faces" in border
    status, text = shown(capsys, tmp_path / "h.nc", tmp_path / "b.nc", "--json")
    assert [one["region"]["family"] for one in json.loads(text)["results"]] == ["HalfSpace", "Sublevel"]


def test_show_of_results_and_regions(tmp_path, capsys):
    """`show *.nc` after `measure`: each file is told as alone, with its name."""
    nc.HalfSpace([1.0, 2.0], 1 / 3, 3).save(tmp_path / "h.nc")
    nc.save_results(nc.measure("faces", TRAIN, TEST, epsilon=0.1, alpha=0.2, name="mine"), tmp_path / "r.nc")
    alone = [shown(capsys, tmp_path / name)[1] for name in ("h.nc", "r.nc")]
    assert shown(capsys, tmp_path / "h.nc", tmp_path / "r.nc") == (0, f"{alone[0]}\n{tmp_path / 'r.nc'}\n{alone[1]}")
    refused(lambda: nc.open_results(tmp_path / "h.nc"), "holds a region", "numbaconc.load_region")


def test_images_make_regions_of_images(tmp_path):
    """Height and width come back with the file."""
    X = images(60, 12, 0).reshape(60, 2, 2, 3)
    nc.FaceSearch(epsilon=0.1, alpha=0.2).fit(nc.as_sample(X)).region_.save(tmp_path / "r.nc")
    again = nc.load_region(tmp_path / "r.nc")
    assert again.shape == (2, 2, 3)
    assert again.contains(X).shape == (60,)
