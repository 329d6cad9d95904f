"""What ε is in: pixels that were normalized are bytes again, and columns are divided by their spread; both, and neither, told."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import lines, needs_jit, refused

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data import rows
from numbaconc.data.arrays import as_sample
from numbaconc.results.join import join_results
from numbaconc.show.epsilon import epsilon_axis, epsilon_unit

pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")

RNG = np.random.default_rng(61)
IMAGES = RNG.integers(0, 256, (40, 3, 5, 4)).astype(np.uint8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GIVEN = "0.485,0.456,0.406/0.229,0.224,0.225"
TABLE = RNG.normal(size=(60, 4)) * [1, 10, 1e-3, 100] + [0, 3, 0, 1e6]
NAMES = ["length", "width", "depth", "weight"]
UNIT = "on the scale of [0, 1]"


def normalized(images, mean, std, kind=np.float32):
    """What a user's program makes of bytes, channels being the first axis of an image, in arithmetic of one kind."""
    shape = (-1, *[1] * (images.ndim - 2)) if np.ndim(mean) else ()
    mean, std = (np.reshape(one, shape).astype(kind) for one in (mean, std))
    return ((images.astype(kind) / kind(255)) - mean) / std


# Pixels


LAYOUTS = {
    "channels first": (IMAGES, normalized(IMAGES, MEAN, STD), (MEAN, STD)),
    "channels last": (np.moveaxis(IMAGES, 1, -1), np.moveaxis(normalized(IMAGES, MEAN, STD), 1, -1), GIVEN),
    "one number for all": (IMAGES, normalized(IMAGES, 0.5, 0.5), "0.5/0.5"),
    "a mean for all": (IMAGES, normalized(IMAGES, [0.5] * 3, STD), (0.5, STD)),
    "gray": (IMAGES[:, 0], normalized(IMAGES[:, 0], 0.1307, 0.3081), (0.1307, 0.3081)),
    "rows": (IMAGES.reshape(40, -1), normalized(IMAGES.reshape(40, -1), 0.1307, 0.3081), ([0.1307], [0.3081])),
    "float64": (IMAGES, normalized(IMAGES, MEAN, STD, np.float64), (np.array(MEAN), np.array(STD))),
    "float16 at the end": (IMAGES, normalized(IMAGES, MEAN, STD).astype(np.float16), GIVEN),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_normalized_pixels_are_the_bytes_that_they_were(kind):
    images, pixels, how = LAYOUTS[kind]
    sample, expected = as_sample(pixels, normalize=how), as_sample(images)
    assert (sample.sha256, sample.unit, sample.domain) == (expected.sha256, 1 / 255, (0.0, 1.0))
    assert sample.space == expected.space
    assert sample.space.shape == (images.shape[1:] if images.ndim > 2 else None)


def test_every_gray_level_of_every_channel_comes_back():
    every = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 256)).T[:, :, np.newaxis, np.newaxis]
    for mean, std in (((0.1, 0.5, 0.9), (0.01, 0.3, 1.0)), (MEAN, STD), ((0, 0, 0), (1, 1, 1))):
        np.testing.assert_array_equal(
            as_sample(normalized(every, mean, std), normalize=(mean, std)).X, every[:, :, 0, 0]
        )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ((0.5, 0.5), ("normalize is 0.5/0.5", "row 0, coordinate ", "allowed")),
        ((MEAN[::-1], STD), ("which makes",)),
        ((MEAN, (0.2, 0.2, 0.2)), ("which makes",)),
        ((np.array(MEAN) * 255, np.array(STD) * 255), ("divide both by 255",)),
        ((MEAN[:2], STD[:2]), ("(3, 5, 4)", "2 channels")),
        ((MEAN, STD[:2]), ("normalize is", "0.1307/0.3081")),
        ((MEAN, 0.0), ("normalize is", "allowed")),
        ((MEAN, (0.2, -0.2, 0.2)), ("normalize is", "allowed")),
        ((math.nan, 1.0), ("normalize is", "allowed")),
        ((MEAN,), ("normalize is", "allowed")),
        ("imagenet", ("normalize is 'imagenet'",)),
        ("0.5/0.5/0.5", ("normalize is",)),
        (3, ("normalize is 3",)),
    ],
)
def test_other_numbers_than_those_that_pixels_were_normalized_by_are_refused(how, words):
    refused(lambda: as_sample(normalized(IMAGES, MEAN, STD), normalize=how), *words)


def test_what_normalize_does_not_go_with():
    pixels = normalized(IMAGES, MEAN, STD)
    for X, words in (
        (IMAGES, "X of uint8"),
        (IMAGES.astype(int), "X of int64"),
        (as_sample(IMAGES), "a Sample"),
        (pixels.reshape(40, -1), "points of shape (60,)"),
        (np.moveaxis(normalized(np.zeros((9, 3, 4, 3)), MEAN, STD), 1, 1), "only one is true"),
    ):
        refused(lambda: as_sample(X, normalize=GIVEN), "normalize is 0.485", words)  # noqa: B023
    for told in ({"unit": 1.0}, {"domain": (0, 1)}, {"scale": "range"}):
        refused(lambda: as_sample(pixels, normalize=GIVEN, **told), f"beside {next(iter(told))}")  # noqa: B023
    blurred = pixels.copy()
    blurred[7, 1, 2, 3] += 0.005
    refused(lambda: as_sample(blurred, normalize=GIVEN), "row 7, coordinate 31")


def test_the_rounding_of_floats_is_no_fault_and_more_is():
    """float32 takes a pixel at most a thousandth of a level off; a hundredth is no rounding."""
    pixels = normalized(IMAGES, MEAN, STD).astype(np.float64)
    levels = np.reshape(STD, (3, 1, 1)) * 255  # gray levels that one of the normalized numbers is worth
    assert as_sample(pixels + 1e-5 / levels, normalize=GIVEN) == as_sample(IMAGES)
    refused(lambda: as_sample(pixels + 1e-2 / levels, normalize=GIVEN), "which makes")


@needs_jit
def test_normalized_test_points_and_regions():
    pixels = normalized(IMAGES, MEAN, STD)
    train, test = as_sample(pixels[:30], normalize=GIVEN), as_sample(pixels[30:], normalize=GIVEN)
    for raw in (pixels[30:], np.clip(pixels[30:], 0, None)):
        refused(lambda: nc.measure("faces", train, raw, epsilon=0.1, alpha=0.1), "X_test", "(0.0, 1.0)")  # noqa: B023
    assert as_sample(pixels[30:], normalize=GIVEN, like=train) == test
    region = nc.FaceSearch(n_sets=2, epsilon=0.1, alpha=0.1).fit(train).region_
    np.testing.assert_array_equal(region.gap(test), region.gap(IMAGES[30:]))
    refused(lambda: region.contains(pixels[30:]), "(0.0, 1.0)", "the region")


# Columns


def deviations(X):
    """Population standard deviations by exact sums."""
    means = [math.fsum(column) / len(column) for column in X.T.tolist()]
    return [
        math.sqrt(math.fsum((one - mean) ** 2 for one in column) / len(column))
        for mean, column in zip(means, X.T.tolist(), strict=True)
    ]


FACTORS = {
    "standard": lambda X: deviations(X),
    "range": lambda X: (X.max(axis=0) - X.min(axis=0)).tolist(),
}


@pytest.mark.parametrize("scale", FACTORS)
def test_columns_are_divided_by_their_spread(scale):
    sample = as_sample(TABLE, scale=scale)
    np.testing.assert_allclose(sample.space.scaling.factors, FACTORS[scale](TABLE), rtol=1e-12)
    coordinates = sample.coordinates(sample.X)
    np.testing.assert_allclose(coordinates, TABLE / FACTORS[scale](TABLE), rtol=1e-12, atol=1.01 * sample.rounding)
    spread = {"standard": coordinates.std(axis=0), "range": np.ptp(coordinates, axis=0)}[scale]
    np.testing.assert_allclose(spread, 1, rtol=1e-6)
    assert sample.domain is None
    assert {"standard": "standard deviation", "range": "range"}[scale] in sample.note


@pytest.mark.parametrize("power", [-900, -40, 40, 900])
def test_scaled_columns_do_not_depend_on_the_units_of_the_data(power):
    for scale in FACTORS:
        sample, other = (as_sample(X, scale=scale) for X in (TABLE[:, :3], np.ldexp(TABLE[:, :3], power)))
        np.testing.assert_array_equal(sample.X, other.X)
        assert sample.sha256 == other.sha256
    by_column = as_sample(TABLE * [3, 1e-7, 1e9, 0.01], scale="standard")
    np.testing.assert_allclose(by_column.X, as_sample(TABLE, scale="standard").X, rtol=1e-5, atol=1e-6)


def test_numbers_that_are_given():
    for scale in ([2, 4, 8, 16], "2,4,8,16", np.array([2, 4, 8, 16], np.int8), pd.Series([2.0, 4, 8, 16])):
        sample = as_sample(TABLE, scale=scale)
        assert sample.space.scaling.factors == (2.0, 4.0, 8.0, 16.0)
        np.testing.assert_array_equal(sample.X, as_sample(TABLE / [2, 4, 8, 16]).X)
    assert as_sample(TABLE, scale=[1] * 4) != as_sample(TABLE)


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ("standart", ("scale is 'standart'", "did you mean 'standard'?")),
        ([1, 2, 3], ("3 numbers", "4 columns")),
        ([1, 2, 3, 0], ("positive",)),
        ([1, 2, 3, math.inf], ("positive",)),
        ([1, 2, 3, math.nan], ("scale",)),
        ("1,2,3", ("3 numbers",)),
        ("1,2,3,x", ("scale is '1,2,3,x'",)),
        (2.0, ("scale is 2.0",)),
        ([[1, 2, 3, 4]], ("positive number for each column",)),
    ],
)
def test_what_is_no_scale(scale, words):
    refused(lambda: as_sample(TABLE, scale=scale), *words)


def test_a_column_without_spread_is_named():
    X = pd.DataFrame(TABLE, columns=NAMES).assign(width=0.1, depth=7)
    refused(lambda: as_sample(X, scale="standard"), "'standard'", "columns 'width', 'depth'", "leave others out")
    refused(lambda: as_sample(X.to_numpy(), scale="range"), "columns '1', '2'")
    assert as_sample(X, scale=[1, 2, 3, 4]).space.scaling.factors == (1, 2, 3, 4)


def test_what_scale_does_not_go_with():
    for told in ({"unit": 1.0}, {"domain": (0, 1)}, {"normalize": "0.5/0.5"}):
        refused(lambda: as_sample(TABLE, scale="range", **told), "beside", next(iter(told)))  # noqa: B023
    refused(lambda: as_sample(TABLE, scale="range", like=as_sample(TABLE)), "scale is 'range' beside like")
    refused(lambda: as_sample(as_sample(TABLE), scale="range"), "scale is 'range' for X, a Sample")
    refused(lambda: as_sample(np.where(TABLE > 5, np.nan, TABLE), scale="standard"), "nan", "row")


def test_bytes_and_whole_numbers_are_numbers_like_others_then():
    X = RNG.integers(0, 200, (50, 3)).astype(np.uint8)
    for array in (X, X.astype(int), X.astype(float)):
        sample = as_sample(array, scale="range")
        np.testing.assert_allclose(sample.coordinates(sample.X), X / np.ptp(X, axis=0), rtol=1e-6)
        assert sample.domain is None
        assert sample.note
    gray = as_sample(
        np.vstack([X, [[0] * 3, [255] * 3]]).astype(float), scale="range"
    )  # multiples of 1/255, and no image
    assert (gray.X.dtype, gray.unit, gray.domain, gray.space.unit) == (np.uint8, 1 / 255, None, None)


class Chunked:
    """A table of another library that lies in chunks of some rows."""

    def __init__(self, X, n):
        self.X, self.shape, self.dtype, self.chunks = X, X.shape, X.dtype, (n, X.shape[1])

    def __getitem__(self, rows):
        return self.X[rows]


@pytest.mark.parametrize("n", [1, 7, 32])
def test_columns_in_chunks_have_the_same_spread(monkeypatch, n):
    """Bit for bit that of a table in memory."""
    monkeypatch.setattr(rows, "CHUNK", 4 * 8 * n)
    for scale in FACTORS:
        whole, parts = as_sample(TABLE, scale=scale), as_sample(Chunked(TABLE, n), scale=scale)
        assert parts.space.scaling == whole.space.scaling
        assert parts == whole
    pixels = normalized(IMAGES, 0.5, 0.5).reshape(40, -1)
    assert as_sample(Chunked(pixels, n), normalize="0.5/0.5") == as_sample(pixels, normalize="0.5/0.5")


@needs_jit
@pytest.mark.parametrize("scale", ["standard", "range", [1, 10, 0.001, 100]])
def test_raw_points_go_where_scaled_ones_go(tmp_path, scale):
    """What a region says of raw points is what it says of the sample; also once it was saved."""
    train = as_sample(TABLE[:40], scale=scale)
    test = as_sample(TABLE[40:], like=train)
    np.testing.assert_array_equal(
        test.coordinates(test.X), as_sample(TABLE, like=train).coordinates(as_sample(TABLE, like=train).X)[40:]
    )
    for search in (
        nc.FaceSearch(n_sets=2, epsilon=0.3, alpha=0.1),
        nc.HalfSpaceSearch(norm="l2", epsilon=0.3, alpha=0.1),
    ):
        search.fit(train)
        search.region_.save(tmp_path / "region.nc")
        for region in (search.region_, nc.load_region(tmp_path / "region.nc")):
            np.testing.assert_array_equal(region.gap(TABLE[40:]), region.gap(test))
            assert region.contains(TABLE[:40]).tolist() == region.contains(train).tolist()
            assert region.space.scaling == train.space.scaling
            refused(lambda: region.contains(as_sample(TABLE[40:])), "as they were given", "the region")  # noqa: B023
            words = "the number that was given" if isinstance(scale, str) else "of which 1 is divided by 2.0"
            refused(lambda: region.contains(as_sample(TABLE[40:], scale=[1, 2, 3, 4])), words)  # noqa: B023
            refused(lambda: region.contains(TABLE[40:, :3]), "3 coordinates")  # noqa: B023
        np.testing.assert_array_equal(search.predict(TABLE[40:]), search.predict(test))


@needs_jit
def test_a_measurement_of_scaled_columns_is_that_of_columns_that_were_divided_before():
    factors = TABLE[:40].std(axis=0)
    scaled = nc.measure("faces", as_sample(TABLE[:40], scale=factors), TABLE[40:], epsilon=0.3, alpha=0.1)
    divided = nc.measure("faces", TABLE[:40] / factors, TABLE[40:] / factors, epsilon=0.3, alpha=0.1)
    for name in ("risk", "adversarial_risk", "certified"):
        np.testing.assert_array_equal(scaled[name], divided[name])
    assert (epsilon_unit(scaled), epsilon_unit(divided)) == (
        "in the unit that was given for each feature",
        "in units of the data",
    )
    assert scaled.attrs["scale"] == ",".join(map(repr, factors.tolist()))
    assert "scale" not in divided.attrs


def test_samples_of_different_scales_are_refused_where_they_meet():
    train, raw = as_sample(TABLE[:40], scale="standard"), as_sample(TABLE[40:])
    for one, other, words in (
        (train, raw, ("X_test has columns as they were given", "standard deviation")),
        (raw, train, ("X_test has columns each divided by the standard deviation", "as they were given")),
        (train, as_sample(TABLE[40:], scale="range"), ("the range", "the standard deviation")),
        (train, as_sample(TABLE[40:], scale="standard"), ("of which 0 is divided by", "like=")),
    ):
        refused(lambda: nc.measure("faces", one, other, epsilon=0.3, alpha=0.1), *words)  # noqa: B023


def test_an_array_of_a_scaled_sample_is_what_was_given():
    sample = as_sample(TABLE, scale="range")
    np.testing.assert_allclose(np.asarray(sample), TABLE, rtol=1e-6)
    assert as_sample(np.asarray(sample), like=sample).space.scaling == sample.space.scaling


# Files


def write(folder):
    pd.DataFrame(TABLE, columns=NAMES).assign(label=np.arange(60) % 2).to_csv(folder / "table.csv", index=False)
    np.savez(folder / "pixels.npz", fea=normalized(IMAGES, MEAN, STD), more=np.zeros((9, 4)))
    np.savez(folder / "bytes.npz", X=IMAGES)


@pytest.mark.parametrize("most", [None, 7])
def test_training_points_alone_say_what_columns_are_divided_by(tmp_path, most):
    write(tmp_path)
    data = nc.load_dataset(tmp_path / "table.csv", scale="standard", test_fraction=0.25, max_train=most)
    order = np.random.default_rng(0).permutation(60)
    train, test = np.sort(order[15:]), np.sort(order[:15])
    np.testing.assert_allclose(data.train.space.scaling.factors, deviations(TABLE[train]), rtol=1e-12)
    assert data.test.space.scaling == data.train.space.scaling
    np.testing.assert_array_equal(data.test.X, as_sample(TABLE[test], like=data.train).X)
    for part, of in (("train", train), ("test", test)):
        pd.DataFrame(TABLE[of], columns=NAMES).to_csv(tmp_path / f"{part}.csv", index=False)
    both = nc.load_dataset(f"{tmp_path / 'train.csv'},{tmp_path / 'test.csv'}", scale="standard", max_train=most)
    assert both.train.space.scaling == data.train.space.scaling
    np.testing.assert_allclose(both.train.coordinates(both.train.X), data.train.coordinates(data.train.X), rtol=1e-6)


def test_a_constant_column_of_the_training_points_is_refused_though_the_others_vary(tmp_path):
    X = TABLE.copy()
    X[:40, 2] = 5
    np.savez(tmp_path / "a.npz", X_train=X[:40], X_test=X[40:])
    refused(lambda: nc.load_dataset(tmp_path / "a.npz", scale="range"), "scale is 'range'", "X_train", "column '2'")


def test_normalized_pixels_in_a_file(tmp_path):
    write(tmp_path)
    data = nc.load_dataset(tmp_path / "pixels.npz", key="fea", normalize=(MEAN, STD), seed=3)
    assert data.sha256 == nc.load_dataset(tmp_path / "bytes.npz", seed=3).sha256
    for told in ({"normalize": GIVEN}, {"scale": "range"}):
        refused(lambda: nc.load_dataset("digits", **told), f"{next(iter(told))} is", "a file of your own")  # noqa: B023
    refused(lambda: nc.load_dataset(tmp_path / "bytes.npz", normalize=GIVEN), "X of uint8")
    whole = tmp_path / "whole.npz"
    np.savez(whole, X=TABLE.astype(int))
    refused(lambda: nc.load_dataset(whole), "dtype int64")
    assert (
        nc.load_dataset(whole, scale=[1, 2, 3, 4]).train.space.epsilon_unit
        == "in the unit that was given for each feature"
    )


# What is said


@needs_jit
def test_results_say_what_epsilon_is_in():
    images, table = (X.reshape(len(X), -1) for X in (IMAGES, TABLE))
    told = {"epsilon": 0.1, "alpha": 0.1}
    of = {
        "images": nc.measure("faces", images[:30], images[30:], name="images", **told),
        "table": nc.measure("faces", table[:40], table[40:], name="table", **told),
        "scaled": nc.measure("faces", as_sample(table[:40], scale="range"), table[40:], name="scaled", **told),
    }
    units = {"images": UNIT, "table": "in units of the data", "scaled": "in ranges of each feature"}
    assert {name: epsilon_unit(ds) for name, ds in of.items()} == units
    assert {name: ds.attrs["epsilon_unit"] for name, ds in of.items()} == units
    assert epsilon_axis(of["table"]) == "ε, ℓ∞ distance in units of the data"
    joined = join_results(list(of.values()))
    assert epsilon_unit(joined) == "; ".join(f"{name}: {unit}" for name, unit in units.items())
    assert {name: epsilon_unit(joined.sel(dataset=name)) for name in units} == units
    assert epsilon_unit(joined.sel(dataset=["images"])) == UNIT
    assert "epsilon_unit" not in joined.attrs
    same = join_results([of["images"], of["images"].assign_coords(dataset=["others"])])
    assert same.attrs["epsilon_unit"] == epsilon_unit(same.sel(dataset="others")) == UNIT
    old = of["images"].copy()
    del old.attrs["epsilon_unit"]
    assert (epsilon_unit(old), epsilon_axis(old)) == ("", "ε, ℓ∞ distance")
    other = of["table"].assign_coords(dataset=["images"]).assign_attrs(data_sha256="")
    refused(lambda: join_results([of["images"], other]), "epsilon of data set 'images'", "units of the data")


def test_units_in_words():
    for X, told, unit in (
        (IMAGES, {}, UNIT),
        (IMAGES / 255, {}, UNIT),
        (TABLE, {}, "in units of the data"),
        (TABLE, {"unit": 1.0}, "in units of the data"),
        (RNG.random((30, 3)), {}, "in units of the data"),
        (
            RNG.integers(0, 17, (30, 3)).astype(np.uint8),
            {"unit": 1 / 16},
            "in units of which one level of the data is 1/16",
        ),
        (RNG.integers(0, 17, (30, 3)).astype(np.uint8), {"unit": 1 / 16, "domain": (0, 1)}, UNIT),
        (TABLE, {"scale": "standard"}, "in standard deviations of each feature"),
    ):
        assert as_sample(X, **told).space.epsilon_unit == unit
    assert nc.load_dataset("digits").train.space.epsilon_unit == UNIT


GRID = """
dataset = ["table.csv", "pixels.npz", "digits"]
epsilon = 0.1
search = "halfspaces"
norm = "l2"
max_train = 20
scale = {"table.csv" = "standard"}
normalize = {"pixels.npz" = "%s"}
key = {"pixels.npz" = "fea"}
"""


@needs_jit
def test_sweeps_take_data_as_they_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID % GIVEN)
    assert main(["sweep", "grid.toml", "--quiet"]) in (0, 3)
    ds = nc.open_results("grid.nc")
    units = {"table": "in standard deviations of each feature", "pixels": UNIT, "digits": UNIT}
    assert {name: epsilon_unit(ds.sel(dataset=name)) for name in units} == units
    assert "standard deviations" in capsys.readouterr().out
    assert (ds.attrs["scale"], ds.attrs["normalize"], ds.attrs["key"]) == (
        "table: standard",
        f"pixels: {GIVEN}",
        "pixels: fea",
    )
    alone = nc.load_dataset("table.csv", scale="standard", max_train=20)
    assert ds.data_sha256.sel(dataset="table", split="train").item() == alone.train.sha256
    (tmp_path / "grid.toml").write_text((GRID % GIVEN).replace("0.1", "[0.1, 0.2]"))
    assert main(["sweep", "grid.toml", "--quiet"]) in (0, 3)
    again = nc.open_results("grid.nc")
    assert {name: epsilon_unit(again.sel(dataset=name)) for name in units} == units
    assert again.attrs["scale"] == "table: standard"
    (tmp_path / "grid.toml").write_text((GRID % GIVEN).replace("standard", "range"))
    assert main(["sweep", "grid.toml", "--quiet"]) == 2
    assert "data set 'table' has train contents" in lines(capsys.readouterr().err)[-1]


@needs_jit
def test_sweeps_refuse_what_is_told_of_other_data(tmp_path):
    write(tmp_path)
    grid = {"dataset": str(tmp_path / "table.csv"), "epsilon": 0.1, "search": "faces"}
    out = tmp_path / "out.nc"
    refused(lambda: nc.run_sweep(grid | {"scale": {"other": "range"}}, out), "scale is given for 'other'")
    refused(lambda: nc.run_sweep(grid | {"scale": "rang"}, out), "scale is 'rang'")
    refused(lambda: nc.run_sweep(grid | {"key": 3}, out), "key is 3")
    refused(lambda: nc.run_sweep(grid | {"dataset": "digits", "scale": "range"}, out), "scale is 'range' with digits")
    given = {"mine": (TABLE[:40], TABLE[40:])}
    refused(
        lambda: nc.run_sweep(grid | {"dataset": "mine", "scale": "range"}, out, data=given), "beside data for 'mine'"
    )
    assert not out.exists()


@needs_jit
def test_commands_say_what_epsilon_is_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    of_table = ["table.csv", "--scale", "standard", "--norm", "l2", "--epsilon", "0.3"]
    of_pixels = ["pixels.npz", "--key", "fea", "--normalize", GIVEN, "--epsilon", "8/255"]
    assert main(["measure", *of_table, "--search", "halfspaces", "--out", "a.nc", "--quiet"]) in (0, 3)
    assert "in standard deviations of each feature" in capsys.readouterr().out
    assert main(["measure", *of_pixels, "--search", "faces", "--out", "b.nc", "--quiet"]) in (0, 3)
    a, b = (nc.open_results(name).attrs for name in ("a.nc", "b.nc"))
    assert (a["scale"], b["normalize"], b["key"], b["epsilon_unit"]) == ("standard", GIVEN, "fea", UNIT)
    assert nc.load_region("a-region.nc").space.scaling.kind == "standard"
    assert main(["labels", *of_table, "--quiet", "--out", "c.nc"]) == 0
    assert "in standard deviations of each feature" in capsys.readouterr().out
    assert xr.load_dataset("c.nc").attrs["scale"] == "standard"
    assert main(["measure", "pixels.npz", "--key", "fea", "--normalize", "0.5/0.5"]) == 2
    assert "normalize is 0.5/0.5" in lines(capsys.readouterr().err)[-1]


def test_numbers_for_columns_by_name_are_taken_in_one_order(tmp_path):
    frame = pd.DataFrame(TABLE, columns=NAMES)
    deviations, turned = frame.std(), frame.std()[NAMES[::-1]]
    assert as_sample(frame, scale=deviations) == as_sample(frame, scale=deviations.to_numpy())
    assert as_sample(TABLE, scale=turned) == as_sample(TABLE, scale=turned.to_numpy())  # there are no names to compare
    refused(lambda: as_sample(frame, scale=turned), "'weight' where X has the column 'length'", "in one order")
    frame.to_csv(tmp_path / "t.csv", index=False)
    refused(lambda: nc.load_dataset(tmp_path / "t.csv", scale=turned), "'weight' where X has the column 'length'")


def test_a_scale_that_makes_numbers_infinite_is_named():
    refused(lambda: as_sample(TABLE, scale=[1, 1e-320, 1, 1]), "scale makes", "column 1 of X", "quotients are finite")


def test_whole_test_points_are_divided_as_training_points(tmp_path):
    X = np.arange(60).reshape(20, 3) * [1, 2, 3]
    np.savez(tmp_path / "d.npz", X_train=X, X_test=X[:5])
    data = nc.load_dataset(tmp_path / "d.npz", scale=[1, 2, 3])
    np.testing.assert_array_equal(np.asarray(data.test), X[:5])
    assert data.test.space.scaling == data.train.space.scaling


def test_a_sweep_of_another_unit_is_another_sweep(tmp_path):
    np.save(tmp_path / "t.npy", TABLE)
    factors = nc.load_dataset(tmp_path / "t.npy", scale="standard").train.space.scaling.factors
    grid = {"dataset": str(tmp_path / "t.npy"), "search": "balls", "T": 1, "norm": "l2", "epsilon": 0.1, "alpha": 0.1}
    nc.run_sweep(grid | {"scale": "standard"}, tmp_path / "s.nc", progress=False)
    refused(
        lambda: nc.run_sweep(grid | {"scale": factors}, tmp_path / "s.nc", progress=False),
        "ε in the unit that was given for each feature",
        "was made with ε in standard deviations",
    )
