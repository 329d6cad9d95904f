"""Columns that are left out: data without them are the data that never had them, and what looks like an index is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import lines, refused

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data.rows import Rows

pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")

N = 40
POINTS = pd.DataFrame(np.random.default_rng(0).uniform(size=(N, 3)), columns=["a", "b, c", "d"])
PEOPLE = POINTS.assign(id=np.arange(N), town=[f"t{i % 3}" for i in range(N)])[["id", "a", "town", "b, c", "d"]]
NUMBERS = PEOPLE.drop(columns="town")
REFERENCE = nc.as_sample(POINTS)


def frames(frame):
    """The same table, in the libraries that there are."""
    yield frame
    for package, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        try:
            yield getattr(__import__(package), make)(frame)
        except ImportError:
            continue


@pytest.mark.parametrize(
    "drop", [["id", "town"], "id,town", ("town", 0), [0, 2], "0,2", "town, -5", np.array(["id", "town"])]
)
def test_frames(drop):
    for frame in frames(PEOPLE):
        sample = nc.as_sample(frame, drop=drop)
        assert sample == REFERENCE
        assert sample.space.columns == ("a", "b, c", "d")
        assert sample.note == REFERENCE.note


def test_arrays_lose_columns_by_position_and_by_names_that_they_have():
    array = NUMBERS.to_numpy()
    assert nc.as_sample(array, drop=0).sha256 == REFERENCE.sha256
    assert (
        nc.as_sample(NUMBERS.set_axis([7, 0, 5, 1], axis=1), drop=7).sha256 == REFERENCE.sha256
    )  # a name before a position
    named = xr.DataArray(array, dims=("n", "of"), coords={"of": list(NUMBERS.columns)})
    assert nc.as_sample(named, drop="id") == REFERENCE
    lazily = Rows("X", N, (4,), array.dtype, lambda start, stop: array[start:stop], [0, 7, N])
    assert nc.as_sample(lazily, drop=[0]).sha256 == REFERENCE.sha256
    for drop in (["id", "town", "b, c"], 'id, town,"b, c"', ["b, c", "id,town"]):
        assert nc.as_sample(PEOPLE, drop=drop) == nc.as_sample(POINTS[["a", "d"]])
    assert nc.as_sample(PEOPLE, drop=["id", "town"], scale="range") == nc.as_sample(POINTS, scale="range")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "npy", "nc"])
def test_files(tmp_path, suffix):
    path, expected = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    for where, frame in ((path, PEOPLE if suffix in ("csv", "tsv", "parquet") else NUMBERS), (expected, POINTS)):
        if suffix == "parquet":
            pytest.importorskip("pyarrow")
            frame.to_parquet(where)
        elif suffix == "npy":
            np.save(where, frame.to_numpy())
        elif suffix == "nc":
            xr.DataArray(frame.to_numpy(), {"of": list(frame.columns)}, ("n", "of"), "X").to_netcdf(where)
        else:
            frame.to_csv(where, index=False, sep="\t" if suffix == "tsv" else ",")
    drop = {"npy": 0, "nc": "id"}.get(suffix, ["id", "town"])
    data, without = nc.load_dataset(path, drop=drop), nc.load_dataset(expected)
    assert (data.sha256, data.train.space, data.notes) == (without.sha256, without.train.space, without.notes)
    assert nc.load_dataset(f"{path},{path}", drop=drop).test.n_features == 3
    near = "; did you mean 'id'" if suffix != "npy" else "positions, 0 to 3"
    refused(lambda: nc.load_dataset(path, drop="ID"), "drop is 'ID'", near)


def test_labels_and_columns_without_a_name_can_be_left_out(tmp_path):
    path, plain = tmp_path / "a.csv", tmp_path / "b.csv"
    POINTS.assign(label=range(N)).to_csv(path)
    POINTS.to_csv(plain, index=False)
    refused(lambda: nc.load_dataset(path), "no name for column 1", "--drop 'Unnamed: 0'")
    for drop in ("0,label", ["Unnamed: 0", "label"]):
        data = nc.load_dataset(path, drop=drop)
        assert (data.sha256, data.train.y) == (nc.load_dataset(plain).sha256, None)


def test_texts_of_a_file_without_names(tmp_path):
    path = tmp_path / "iris.csv"
    path.write_text("".join(f"{i / 8},{i * i},{name}\n" for i, name in enumerate(["setosa"] * 20 + ["virginica"] * 20)))
    refused(lambda: nc.load_dataset(path), "both 'setosa' and '0.0'", "drop=2 (--drop 2)")
    data = nc.load_dataset(path, drop=2)
    assert len(data.train) + len(data.test) == N
    assert "the first line is taken for a point" in data.train.note
    path.write_text("name,2019,2020\n" + "".join(f"{i},{i / 8},{i * i}\n" for i in range(N)))  # numbers below a name
    refused(lambda: nc.load_dataset(path, drop=0), "both 'name' and '2019'")
    refused(lambda: nc.load_dataset(path, drop="name"), "both 'name' and '2019'")


@pytest.mark.parametrize(
    "drop",
    [
        True,
        1.5,
        [],
        "",
        ",",
        ["a", None],
        {"a": 1},
        "e",
        4,
        10**19,
        pytest.param("9" * 5000, id="digits"),
        pytest.param("x" * 10**6, id="letters"),
        "a\rb",
        -5,
        "a,e",
        "0,1,2,3",
        [3, 2, 1, 0],
        b"a",
    ],
)
def test_what_is_no_column_is_refused(drop):
    refused(lambda: nc.as_sample(NUMBERS, drop=drop), "drop is ", "allowed: ")


def test_where_there_are_no_columns(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4)).astype(np.uint8)
    np.save(tmp_path / "a.npy", images)
    refused(lambda: nc.as_sample(images, drop=0), "drop is '0'", "points of shape (4, 4)")
    refused(lambda: nc.load_dataset(tmp_path / "a.npy", drop=0), "points of shape (4, 4)")
    refused(lambda: nc.as_sample(REFERENCE, drop="a"), "drop is a for X, a Sample")
    refused(lambda: nc.load_dataset("digits", drop="a"), "drop is a with digits")


INDICES = {
    "id": (range(7, N + 7), "counts the rows"),
    "n": (range(N), "counts the rows"),
    "PassengerId": (np.random.default_rng(0).permutation(N), "has another whole number in each row"),
    "Unnamed: 0": (range(0, 2 * N, 2), "has another whole number in each row"),
    "index": ([*range(N - 1), 3], ""),
    "row_id": (np.arange(N) / 2, ""),
    "age": (range(0, 3 * N, 3), ""),
    "offset": (np.arange(N) + 0.5, ""),
}


@pytest.mark.parametrize("name", INDICES)
def test_what_looks_like_an_index_is_said_of_tables_of_all_kinds(tmp_path, name):
    column, what = INDICES[name]
    table = POINTS.assign(**{name: column})
    table.to_csv(tmp_path / "a.csv", index=False)
    notes = [nc.load_dataset(tmp_path / "a.csv").train.note]
    for number, frame in enumerate(frames(table)):
        if what:
            with pytest.warns(UserWarning, match=what):
                notes.append(nc.as_sample(frame).note)
        else:
            notes.append(nc.as_sample(frame).note)
        if number == 2:  # there is Arrow
            table.to_parquet(tmp_path / "a.parquet")
            notes.append(nc.load_dataset(tmp_path / "a.parquet").train.note)
    called = f"'{name}'" if " " in name else name
    expected = f"column '{name}' {what}, and is a coordinate: if it should be none, drop='{name}' (--drop {called}) leaves it out"
    assert all(note == (expected if what else "") for note in notes)
    (tmp_path / "a.csv").write_text("".join(f"{i},{i * i}\n" for i in range(N)))
    assert "column 0 counts the rows" in nc.load_dataset(tmp_path / "a.csv").train.note  # which names do not tell


def test_labels_in_a_data_frame_are_said():
    with pytest.warns(UserWarning, match="column 'label' is called as labels are.*drop='label'"):
        nc.as_sample(POINTS.assign(label=np.arange(N) % 2))
    assert not nc.as_sample(pd.DataFrame(POINTS[["a", "d"]].to_numpy(), columns=["x", "y"])).note


@pytest.mark.parametrize("what", ["drop", "scale", "normalize"])
def test_what_is_told_of_data_is_no_setting(what):
    told = {"norm": "l2", "epsilon": 0.1, "alpha": 0.2, what: "a"}
    refused(lambda: nc.measure("halfspaces", POINTS, POINTS, **told), f"{what} is 'a'", f"nc.as_sample(X, {what}=...)")


def test_a_region_says_which_columns_it_lacks():
    search = nc.HalfSpaceSearch(norm="l2", epsilon=0.1, alpha=0.2).fit(nc.as_sample(NUMBERS, drop="id"))
    refused(lambda: search.region_.contains(NUMBERS), "4 coordinates; allowed: 3", "drop='id' (--drop id)")
    assert search.region_.contains(nc.as_sample(NUMBERS, drop="id")).any()


def test_the_command_and_sweeps(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PEOPLE.assign(label=np.arange(N) % 2).to_csv("people.csv", index=False)
    told = ["--search", "halfspaces", "--norm", "l2", "--epsilon", "0.1", "--alpha", "0.2"]
    assert main(["measure", "people.csv", "--drop", "id,town", *told, "--quiet"]) == 0
    capsys.readouterr()
    with xr.open_dataset("people-l2.nc") as ds:
        assert ds.attrs["drop"] == "id,town"
        risk = ds["risk"].sel(split="train").squeeze().item()
    (tmp_path / "a.toml").write_text(
        'dataset = "people.csv"\nsearch = "halfspaces"\nnorm = "l2"\nepsilon = 0.1\nalpha = 0.2\ndrop = ["id", "town"]\n'
    )
    assert main(["sweep", "a.toml", "--out", "a.nc"]) == 0
    said = lines(capsys.readouterr().err)
    assert "note: people: 'people.csv': column 'label' is y, and no coordinate" in said
    with xr.open_dataset("a.nc") as ds:
        assert ds.attrs["drop"] == "people: id,town"
        assert ds["risk"].sel(split="train").squeeze().item() == risk
    assert main(["measure", "people.csv", "--drop", "ids,town", *told]) == 2
    assert "did you mean 'id'?" in capsys.readouterr().err


def test_a_series_of_scales_goes_by_its_names_in_a_sweep(tmp_path):
    POINTS.to_csv(tmp_path / "a.csv", index=False)
    grid = {"dataset": str(tmp_path / "a.csv"), "search": "halfspaces", "norm": "l2", "epsilon": 0.1, "alpha": 0.2}
    spread = POINTS.std()
    refused(lambda: nc.run_sweep(grid | {"scale": spread[::-1]}, tmp_path / "a.nc"), "scale has 'd'", "the column 'a'")
    ds = nc.run_sweep(grid | {"scale": spread}, tmp_path / "a.nc", progress=False)
    assert ds.attrs["scale"] == f"a: {','.join(map(repr, spread.tolist()))}"


BODY = "".join(f"{i / 8},{(i * i) % 7 / 16}\n" for i in range(20))
CONTENTS = {
    "decimal commas": (BODY.replace(",", ";").replace(".", ","), ("'0,0'", "points for decimal commas")),
    "spaces": (BODY.replace(",", " "), ("part columns by commas",)),
    "a missing number": (f"a,b\n{BODY}NA,1\n", ("'NA' in line 22", "fill what is missing")),
    "digits of other scripts": (f"a,b\n{BODY}\uff11,1\n", ("line 22, column 'a'", "allowed: numbers such as 1.5")),
    "no lines": ("a\n", ("it has no points",)),
    "gzip": (b"\x1f\x8b\x08", ("packed by gzip", "UTF-8")),
    "UTF-16": (BODY.encode("utf-16"), ("UTF-16", "UTF-8")),
    "labels that are none": ("a,target\n" + BODY, ("column 'target'", "0.0625", "--drop target")),
    "an index beside numbers": (",0,1,2\n" + "0,1,2,3\n" * 9, ("--drop 'Unnamed: 0'",)),
}


@pytest.mark.parametrize("contents", CONTENTS.values(), ids=CONTENTS)
def test_texts_that_cannot_be_read_say_what_to_do(tmp_path, contents):
    text, words = contents
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(lambda: nc.load_dataset(tmp_path / "a.csv"), "a.csv", "allowed" if "points" not in words[0] else "", *words)


def test_first_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"# a,b\n{BODY}")  # as np.savetxt has names
    assert nc.load_dataset(path).train.space.columns == ("a", "b")
    path.write_text(f"2019,2020\n{BODY}")
    assert "the first line is taken for a point" in nc.load_dataset(path).train.note
    path.write_text(BODY)
    assert "first line" not in nc.load_dataset(path).train.note
