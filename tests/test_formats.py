"""Data as people have them: the same points in a file of any format are the same Sample as the array itself."""

from __future__ import annotations

import contextlib
import os
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
import xarray as xr
from conftest import lines, needs_jit, refused
from PIL import Image
from test_space import BYTES, LETTERS, MATCHES, MISMATCHES, NOISE, table

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data import rows
from numbaconc.data.arrays import as_sample
from numbaconc.data.formats import known
from numbaconc.data.formats.known import FORMATS, name_of, open_file
from numbaconc.data.formats.named import role

pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")

N = len(BYTES)
Y = np.arange(N) % 3
NAMES = np.array(["cat", "dog", "owl"])[Y]
IMAGES = {"gray": BYTES.reshape(N, 3, 4), "colors": BYTES.reshape(N, 2, 2, 3)}
ARRAYS = {
    "bytes": BYTES,
    "normal": NOISE,
    "float32": NOISE.astype(np.float32),
    "images": BYTES / 255,
    "tenths": np.rint(NOISE * 10) / 10,
    "far from 0": NOISE + 1e6 * np.arange(12),
}


def as_table(arrays):
    """One frame of all arrays: a frame with its names, or with numbers for names."""
    X = arrays["X"]
    frame = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(X).rename(columns=str)
    return frame.assign(**{name: values for name, values in arrays.items() if name != "X"})


def write_csv(path, arrays):
    frame = as_table(arrays)
    frame = frame.astype(dict.fromkeys(frame.columns[frame.dtypes == np.float32], np.float64))
    frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")


def write_npy(path, arrays):
    np.save(path, arrays["X"])


def write_npz(path, arrays):
    np.savez(path, **arrays)


def write_parquet(path, arrays):
    pytest.importorskip("pyarrow")
    as_table(arrays).to_parquet(path, row_group_size=7)


def write_h5(path, arrays):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            texts = values.dtype.kind == "U"
            told = {"dtype": h5py.string_dtype()} if texts else {"chunks": True, "compression": "gzip"}
            file.create_dataset(f"group/{name}", data=values.astype(object) if texts else values, **told)


def write_nc(path, arrays):
    told = {}
    for name, values in arrays.items():
        dims = (f"n{len(values)}", *(f"d{axis}_{size}" for axis, size in enumerate(np.shape(values)[1:])))
        frame = isinstance(values, pd.DataFrame)
        told[name] = xr.DataArray(values, dims=dims, coords={dims[1]: list(values.columns)} if frame else None)
    xr.Dataset(told).to_netcdf(path)


def write_zarr(path, arrays):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w")
    for name, values in arrays.items():
        if values.dtype.kind == "U":
            if not hasattr(np.dtypes, "StringDType"):
                pytest.skip("before NumPy 2, zarr has no texts of any length")
            values = values.astype(np.dtypes.StringDType())
        group.create_array(name, data=values, chunks=(7, *values.shape[1:]))


def write_mat(path, arrays):
    scipy.io.savemat(path, dict(arrays), do_compression=True)


def write_mat_7_3(path, arrays):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.atleast_2d(values).T if values.ndim > 1 else values[np.newaxis]
        file["#refs#/a"] = np.zeros((3, 3))
    with path.open("rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def write_pt(path, arrays):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.tensor(np.asarray(values)) for name, values in arrays.items()}, path)


def write_images(path, arrays):
    for name, X in arrays.items():
        part = path / name.partition("_")[2] if "_" in name else path
        told = arrays.get(name.replace("X", "y"))
        for number, image in enumerate(X if name.startswith("X") else []):
            file = (part if told is None else part / str(told[number])) / f"{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)


WRITERS = {
    "a.npy": write_npy,
    "a.npz": write_npz,
    "a.csv": write_csv,
    "a.tsv": write_csv,
    "a.parquet": write_parquet,
    "a.h5": write_h5,
    "a.hdf5": write_h5,
    "a.nc": write_nc,
    "a.zarr": write_zarr,
    "a.mat": write_mat,
    "a7.mat": write_mat_7_3,
    "a.pt": write_pt,
    "a.pth": write_pt,
    "images": write_images,
}
TABLES = ["a.csv", "a.tsv", "a.parquet"]  # of one array, whose columns may have names
CONTAINERS = [name for name in WRITERS if name not in (*TABLES, "a.npy", "a.hdf5", "a.pth", "images")]


def written(path, **arrays):
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    WRITERS[path.name if path.name in WRITERS else f"a{path.suffix}" if path.suffix else "images"](path, arrays)
    return path


def in_memory(X, seed=0):
    """The parts that an array is split into."""
    order = np.random.default_rng(seed).permutation(len(X))
    n_test = round(0.2 * len(X))
    whole = as_sample(X)
    return whole.take(np.sort(order[n_test:])), whole.take(np.sort(order[:n_test])), order[:n_test]


def test_labels_of_one_part_in_a_table(tmp_path):
    for name in TABLES:
        data = nc.load_dataset(written(tmp_path / name, X=NOISE, y_train=Y))
        assert data.train.n_features == NOISE.shape[1]
        assert data.train.y is not None
        refused(lambda: nc.load_dataset(written(tmp_path / name, X=NOISE, y_train=Y, label=Y)), "'y_train'", "'label'")  # noqa: B023
    (tmp_path / "labels.csv").write_text("y\n1\n2\n3\n4\n")
    refused(lambda: nc.load_dataset(tmp_path / "labels.csv"), "no column of coordinates")


def test_every_format_is_tested():
    assert {f".{name.partition('.')[2]}" if "." in name else "" for name in WRITERS} == set(FORMATS)


# The same as the array itself


def of_file(name, array):
    """The array that a file of a format has: text has no bytes."""
    return array.astype(np.float64) if name in ("a.csv", "a.tsv") else array


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "images"])
def test_points_are_the_same_in_every_format(tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(rows, "CHUNK", 1000)
    path, array = written(tmp_path / name, X=ARRAYS[kind]), of_file(name, ARRAYS[kind])
    for seed, most in ((0, None), (5, 9)):
        data = nc.load_dataset(path, seed=seed, max_train=most)
        train, test, _ = in_memory(array, seed)
        train = train if most is None else train.subsample(most, 0)
        assert (data.train.sha256, data.test.sha256) == (train.sha256, test.sha256)
        assert data.train.space.unit == train.space.unit
    assert data.name == path.stem


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", [*CONTAINERS, "images", "a.npy"])
def test_images_are_the_same_in_every_format(tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(rows, "CHUNK", 1000)
    data = nc.load_dataset(written(tmp_path / name, X=IMAGES[kind]))
    train, test, _ = in_memory(IMAGES[kind])
    assert (data.train.sha256, data.test.sha256) == (train.sha256, test.sha256)
    assert data.train.space.shape == data.test.space.shape == IMAGES[kind].shape[1:]
    assert data.train.y is None


@pytest.mark.parametrize("y", [Y, NAMES], ids=["integers", "texts"])
@pytest.mark.parametrize("name", [*CONTAINERS, *TABLES])
def test_labels_ride_along(tmp_path, name, y):
    if name.endswith((".mat", ".pt")) and y is NAMES:
        pytest.skip("texts of MATLAB are not read, and tensors have none")
    uncertainty = np.linspace(0, 2, N)
    data = nc.load_dataset(written(tmp_path / name, X=NOISE, y=y, uncertainty=uncertainty))
    train, _, test_rows = in_memory(NOISE)
    assert data.train.sha256 == train.sha256
    np.testing.assert_array_equal(data.test.y, y[np.sort(test_rows)])
    np.testing.assert_allclose(data.test.uncertainty, uncertainty[np.sort(test_rows)], rtol=1e-15)
    if name in TABLES:
        assert "column 'y' is y, and no coordinate" in data.train.note


@pytest.mark.parametrize("y", [Y, NAMES], ids=["integers", "texts"])
def test_folders_of_images_are_labels(tmp_path, y):
    for number, (X, of_it) in enumerate([(IMAGES["gray"], None), (IMAGES["colors"], y)]):
        path = written(tmp_path / f"images{number}", X_train=X[:40], X_test=X[40:], **({} if of_it is None else {"y_train": y[:40], "y_test": y[40:]}))  # fmt: skip
        (path / "train" / ".DS_Store").write_bytes(b"hidden")
        (path / "validation").mkdir()
        data = nc.load_dataset(path)
        order = np.arange(40) if of_it is None else np.argsort(y[:40], kind="stable")
        assert data.train.sha256 == as_sample(X[order]).sha256
        assert "validation is left out" in data.train.note
        assert ("y is the folder" in data.train.note) == (of_it is not None)
        if of_it is None:
            assert data.train.y is None
        else:
            np.testing.assert_array_equal(data.train.y, y[order])
    assert "no image" not in data.train.note
    (path / "test" / "read.me").write_text("no image")
    assert "what is no image in test is left out, 1 in all" in nc.load_dataset(path).train.note
    assert nc.load_dataset(path / "train").train.y.dtype == data.train.y.dtype


@pytest.mark.parametrize("name", WRITERS)
def test_train_and_test(tmp_path, name):
    """In one file, where it has names for them, and in two with a comma between."""
    X = IMAGES["gray"] if name == "images" else NOISE
    train, test = X[:40], X[40:]
    expected = [as_sample(train, name="X_train"), as_sample(test, like=as_sample(train))]
    (tmp_path / "first").mkdir()
    one, other = written(tmp_path / "first" / name, X=train), written(tmp_path / name, X=test)
    found = [nc.load_dataset(f"{one},{other}"), nc.load_dataset(f"{one}, {other}", max_train=None)]
    assert found[0].name == name_of(f"{one},{other}") == f"{one.stem},{other.stem}"
    if name in [*CONTAINERS, "images"]:
        path = tmp_path / f"both-{name}"
        path = path if name != "a7.mat" else tmp_path / "7.mat"
        WRITERS[name](path, {"X_train": train, "X_test": test})
        found.append(nc.load_dataset(path))
    for data in found:
        assert [data.train.sha256, data.test.sha256] == [sample.sha256 for sample in expected]
    refused(lambda: nc.load_dataset(f"{one},{other}", seed=1), "seed is 1")


def test_two_files_of_different_formats(tmp_path):
    y = {"y": Y[:40]}
    one, other = written(tmp_path / "a.npz", X=NOISE[:40], **y), written(tmp_path / "a.csv", X=NOISE[40:])
    data = nc.load_dataset(f"{one},{other}")
    assert data.test.sha256 == as_sample(NOISE[40:]).sha256
    np.testing.assert_array_equal(data.train.y, Y[:40])
    assert data.test.y is None
    np.savez(tmp_path / "b.npz", x_test=NOISE[40:], test_labels=Y[40:])
    np.testing.assert_array_equal(nc.load_dataset(f"{one},{tmp_path / 'b.npz'}").test.y, Y[40:])
    comma = written(tmp_path / "a,b.npz", X=NOISE)
    assert nc.load_dataset(comma).name == "a,b"
    refused(lambda: nc.load_dataset(f"{one},b.txt"), "data set is", ".parquet")
    refused(lambda: nc.load_dataset(f"{one},"), "data set is")


# What does not belong together

OUTSIDE = ["bytes, then floats outside", "floats outside, then bytes", "images, then normalized"]  # unit and domain
NAMED = ["width", "names of columns", "order of columns", "images, then normalized"]
BOTH = {name: ["layout", "width", "bytes, then their numbers", *OUTSIDE] for name in [*CONTAINERS, "a.npy"]}
BOTH |= {"a.csv": NAMED, "a.tsv": NAMED, "a.parquet": [*NAMED, *OUTSIDE[:2]], "images": ["rows and columns"]}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in BOTH.items() for kind in kinds])
def test_mismatches_are_refused_in_every_format(tmp_path, name, kind):
    first, then, words = MISMATCHES[kind]
    (tmp_path / "first").mkdir()
    one, other = written(tmp_path / "first" / name, X=first), written(tmp_path / name, X=then)
    for most in (None, 5):
        refused(lambda: nc.load_dataset(f"{one},{other}", max_train=most), "X_test", "X_train", *words)  # noqa: B023


def test_names_of_columns_in_netcdf(tmp_path):
    (tmp_path / "first").mkdir()
    first, then, words = MISMATCHES["order of columns"]
    one, other = written(tmp_path / "first" / "a.nc", X=first), written(tmp_path / "a.nc", X=then)
    refused(lambda: nc.load_dataset(f"{one},{other}"), "X_test", *words)
    assert nc.load_dataset(one).train.space.columns == tuple(LETTERS)


@pytest.mark.parametrize("name", [*TABLES, "a.nc"])
def test_names_of_columns_are_kept(tmp_path, name):
    data = nc.load_dataset(written(tmp_path / name, X=table(LETTERS)))
    assert data.train.space.columns == data.test.space.columns == tuple(LETTERS)
    assert data.train.sha256 == in_memory(table(LETTERS))[0].sha256


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", ["names, then none", "none, then names", "numbers for names", "one step"])
def test_what_belongs_together_in_tables(tmp_path, name, kind):
    first, then = MATCHES[kind]
    (tmp_path / "first").mkdir()
    one, other = written(tmp_path / "first" / name, X=first), written(tmp_path / name, X=then)
    assert len(nc.load_dataset(f"{one},{other}").test) == 60


# Names of arrays


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ("X_train x_train XTrain Xtrain train_X train_images images_train train trainX Train_Data training_features", "X_train"),
        ("X_test x-test test_images test testing testX x_te/test", "X_test"),
        ("X x data images embeddings features group/X", "X"),
        ("y_train train_labels Y_train train/labels labels_train trainY train_targets", "y_train"),
        ("y Y label labels target class", "y"),
        ("uncertainty_test test_uncertainty", "uncertainty_test"),
        ("arr_0 x_val id xx train_test trainxtest mean X_trainy", None),
    ],
)  # fmt: skip
def test_roles_of_names(names, what):
    assert {name: role(name) for name in names.split()} == dict.fromkeys(names.split(), what)


@pytest.mark.parametrize("name", CONTAINERS)
def test_usual_names(tmp_path, name):
    told = {
        "train_images": NOISE[:40],
        "test_images": NOISE[40:],
        "train_labels": Y[:40, np.newaxis],
        "test_labels": Y[40:],
    }
    path = tmp_path / name
    WRITERS[name](path, told | {"val_images": NOISE[:3]})
    data = nc.load_dataset(path)
    assert data.test.sha256 == as_sample(NOISE[40:]).sha256
    np.testing.assert_array_equal(data.train.y, Y[:40])
    np.testing.assert_array_equal(data.test.y, Y[40:])


@pytest.mark.parametrize("name", CONTAINERS)
def test_keys(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path, {"fea": NOISE, "more": NOISE[:40], "y": Y})
    group = "group/" if name in ("a.h5", "a.hdf5") else ""
    refused(lambda: nc.load_dataset(path), str(path), f"{group}fea", f"{group}more", "--key")
    data = nc.load_dataset(path, key=f"{group}fea", seed=5)
    assert (data.train.sha256, data.test.sha256) == tuple(one.sha256 for one in in_memory(NOISE, 5)[:2])
    np.testing.assert_array_equal(data.test.y, Y[np.sort(in_memory(NOISE, 5)[2])])
    data = nc.load_dataset(path, key=f"{group}fea, {group}more")
    assert (data.train.sha256, data.test.sha256) == (as_sample(NOISE).sha256, as_sample(NOISE[:40]).sha256)
    refused(
        lambda: nc.load_dataset(f"{path},{path}", key=f"{group}more,{group}fea"),
        "y_train has shape",
        "60",
        "(40,), one for each point",
    )
    assert len(nc.load_dataset(f"{path},{path}", key=f"{group}fea").test) == 60
    for wrong in ("feb", "fea,more,y", f"{group}fea,feb", "", 3):
        refused(lambda: nc.load_dataset(path, key=wrong), "key is")  # noqa: B023


def test_names_that_say_too_little(tmp_path):
    def saved(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return lambda: nc.load_dataset(tmp_path / "a.npz")

    assert len(saved(anything=NOISE, label=Y)().train.y) == 48
    np.savez(tmp_path / "a.npz", NOISE)
    assert len(nc.load_dataset(tmp_path / "a.npz").test) == 12
    for arrays in (
        {"a": NOISE, "b": NOISE},
        {"images": NOISE, "data": NOISE},
        {"x_train": NOISE, "train_images": NOISE, "x_test": NOISE},
        {"x_train": NOISE},
        {"x": NOISE, "label": Y, "target": Y},
    ):
        refused(saved(**arrays), "a.npz", ", ".join(arrays), "--key NAME")
    assert saved(X=NOISE, images=NOISE[:9])().train.sha256 == in_memory(NOISE)[0].sha256  # the name that is X itself
    message = refused(saved(**{f"a{number}": NOISE[:1] for number in range(50)}), "a19 and 30 more")
    assert "a20" not in message
    refused(lambda: nc.load_dataset("digits", key="X"), "key is 'X' with digits")


# Tables


def text(tmp_path, contents, name="a.csv"):
    (tmp_path / name).write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return tmp_path / name


LINES = "1,2,3\n4,5,6\n7,8,9\n1,1,1\n0,0,0\n5,5,4\n" * 2


@pytest.mark.parametrize(
    "contents",
    [
        LINES,
        "a,b,c\n" + LINES,
        "\ufeffa,b,c\r\n" + LINES.replace("\n", "\r\n"),
        '"a","b, or not","c"\n' + LINES,
        "a;b;c\n" + LINES.replace(",", ";"),
        "a\tb\tc\n" + LINES.replace(",", "\t"),
        "0,1,2\n" + LINES,
        LINES.replace("5", '"5"') + "\n\n",
        "\na, b, c\n\n" + LINES.replace(",", ", "),
    ],
)
def test_ways_to_write_a_table(tmp_path, contents):
    data = nc.load_dataset(text(tmp_path, contents))
    numbers = np.array([line.split(",") for line in LINES.split()], np.float64)
    assert (data.train.sha256, data.test.sha256) == tuple(one.sha256 for one in in_memory(numbers)[:2])
    assert (data.train.space.columns is None) == (contents[0] == "1")
    assert ("is taken for names" in data.train.note) == contents.startswith("0,1,2")


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        ("a,b\n", ["no points"]),
        ("a,b\n1,2,3\n4,5,6\n", ["lines of 3 fields", "a first line of 2"]),
        ("a,b\n1,2\n\n4\n5,6\n", ["1 fields in line 4"]),
        ("a,sex,town\n1,F,Rome\n2,M,Oslo\n", ["'F', 'Rome' in line 2, columns 'sex', 'town'", "name it y"]),
        ("1,2\n2,x\n", ["'x' in line 2, column 1, counted from 0", "--drop 1"]),
        ("a,b\n1,\n", ["nothing in line 2, column 'b'", "fill what is missing"]),
        ("a,b\n1,nan\n2,3\n4,5\n5,6\n", ["X holds nan at row 0, column 1"]),
        ("a;b\n1,5;2\n", ["'1,5' in line 2", "1.5"]),
        (",a\n0,1\n", ["no name for column 1", "index=False"]),
        ("a,a\n0,1\n", ["'a' twice"]),
        ("a,label,y\n0,1,1\n", ["'label' and 'y'"]),
        ("5.1,3.5,setosa\n", ["both 'setosa' and '5.1'"]),
        ("a,y\n1,\n2,3\n4,5\n5,6\n", ["labels are missing"]),
        ("a,target\n1,.5\n2,.7\n4,.1\n5,.3\n" + "1,.5\n" * 9, ["column 'target'", "whole numbers or texts"]),
        ("a,uncertainty\n1,x\n2,3\n4,5\n5,6\n", ["'x'"]),
        ("a,b\n1_0,2\n", ["'1_0'"]),
        (b"\xff\xfe\x00a", ["UTF-8"]),
        (b"a,b\n1,2\x00\n", ["line 2"]),
    ],
    ids=range(20),
)
def test_tables_that_cannot_be_used(tmp_path, contents, says):
    path = text(tmp_path, contents)
    message = refused(lambda: nc.load_dataset(path), *says)
    assert str(path) in message or message.startswith("X holds")


def test_two_axes_are_coordinates(tmp_path):
    data = nc.load_dataset(text(tmp_path, "x,y,z\n" + LINES))
    assert data.train.space.columns == ("x", "y", "z")
    assert data.train.y is None


def test_parquet_of_lists(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(NOISE.ravel()), 12)
    for number, lists in enumerate([pa.array(list(NOISE)), fixed]):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(
            pa.table({"id": [f"{one}" for one in range(N)], "vec": lists, "label": NAMES}), path, row_group_size=9
        )
        data = nc.load_dataset(path)
        assert data.train.sha256 == in_memory(NOISE)[0].sha256
        np.testing.assert_array_equal(data.train.y[:2], NAMES[:2])
        assert "beside lists 'id' is no coordinate" in data.train.note
    pq.write_table(pa.table({"a": NOISE[:, 0], "own": fixed}), path)
    refused(lambda: nc.load_dataset(path), "has arrays own, columns")
    assert nc.load_dataset(path, key="columns").train.space.columns == ("a",)
    assert nc.load_dataset(path, key="own").train.sha256 == in_memory(NOISE)[0].sha256
    pq.write_table(pa.table({"vec": [[1.0, 2.0], [1.0], [2.0, 3.0], [1.0, 1.0]]}), path)
    refused(lambda: nc.load_dataset(path), "not all of the length of the first, 2")


def test_parquet_of_pandas(tmp_path):
    pytest.importorskip("pyarrow")
    path, frame = tmp_path / "a.parquet", table(LETTERS)
    frame.iloc[::-1].to_parquet(path)  # with its index
    assert nc.load_dataset(path).train.space.columns == tuple(LETTERS)
    frame.assign(label=pd.Categorical(NAMES), n=np.arange(N), is_so=Y == 1).to_parquet(path)
    data = nc.load_dataset(path)
    assert data.train.space.columns == (*LETTERS, "n", "is_so")
    assert data.train.y[0] == NAMES[0]
    frame.assign(town="Oslo", when=pd.Timestamp("2020-01-01")).to_parquet(path)
    refused(lambda: nc.load_dataset(path), "'town', 'when'", "drop=['town', 'when'] (--drop town,when)")
    frame.assign(a=np.where(Y == 1, np.nan, 1.0)).to_parquet(path)
    refused(lambda: nc.load_dataset(path), "'a' has 20 missing values")
    frame.assign(label=np.where(Y == 1, None, "x")).to_parquet(path)
    refused(lambda: nc.load_dataset(path), "'label' has 20 missing values")
    frame[[]].to_parquet(path)
    refused(lambda: nc.load_dataset(path), "no column of points")


def test_rows_are_read_by_groups_and_chunks(tmp_path):
    with contextlib.ExitStack() as opened:
        stored = open_file(written(tmp_path / "a.parquet", X=NOISE), opened)
        matrix = stored.arrays["X"]("X")
        assert list(matrix.edges)[-1] == 60
        np.testing.assert_array_equal(matrix.read(5, 23), NOISE[5:23])
        np.testing.assert_array_equal(matrix.read(56, 60), NOISE[56:])
        for name in ("a.h5", "a.zarr"):
            stored = open_file(written(tmp_path / name, X=NOISE), opened)
            (lazy,) = (read("X") for read in stored.arrays.values())
            assert not isinstance(lazy, np.ndarray)
            assert lazy.chunks


# Files of MATLAB and folders of images


@pytest.mark.parametrize("write", [write_mat, write_mat_7_3])
def test_points_of_matlab_are_along_the_last_axis_of_images(tmp_path, write):
    path = tmp_path / "a.mat"
    for X in IMAGES.values():
        write(path, {"X": np.moveaxis(X, 0, -1), "y": Y[:, np.newaxis]})
        data = nc.load_dataset(path)
        assert data.train.sha256 == in_memory(X)[0].sha256
        assert "the last axis of X counts the points" in data.train.note
        np.testing.assert_array_equal(data.test.y, Y[np.sort(in_memory(X)[2])])
    write(path, {"X": np.zeros((5, 4, 5))})
    refused(lambda: nc.load_dataset(path), "X has shape (5, 4, 5)")


def test_matlab_of_other_things(tmp_path):
    path = tmp_path / "a.mat"
    write_mat(path, {"X": NOISE, "told": {"a": 1}, "text": "hello", "cell": np.array(["a", 1], object), "i": 1j})
    assert nc.load_dataset(path).train.sha256 == in_memory(NOISE)[0].sha256
    refused(lambda: nc.load_dataset(path, key="text"), "key is 'text'")


@pytest.mark.parametrize("change", ["size", "mode", "palette", "damage", "program", "beside", "none", "twice"])
def test_images_that_cannot_be_used(tmp_path, change):
    path = written(tmp_path / "images", X=IMAGES["colors"], y=Y)
    one, image = path / "1" / "100.png", Image.fromarray(IMAGES["colors"][0])
    says = {
        "size": ["100.png", "3 x 2 pixels", "allowed: 2 x 2"],
        "mode": ["100.png", "mode L", "mode RGB"],
        "palette": ["mode P", "convert('RGB')"],
        "damage": ["100.png", "cannot be read as an image"],
        "program": ["100.png", "cannot be read as an image"],
        "beside": ["images beside folders of images"],
        "none": ["no images for X"],
        "twice": ["one train"],
    }
    if change == "size":
        image.resize((3, 2)).save(one)
    elif change == "mode":
        image.convert("L").save(one)
    elif change == "palette":
        for file in path.rglob("*.png"):
            Image.open(file).convert("P").save(file)
    elif change == "damage":
        one.write_bytes((path / "0" / "000.png").read_bytes()[:40])
    elif change == "program":  # of a printer, which another program would run
        image.save(tmp_path / "a.eps")
        one.write_bytes((tmp_path / "a.eps").read_bytes())
    elif change == "beside":
        image.save(path / "100.png")
    elif change == "none":
        (path := tmp_path / "empty").mkdir()
    else:
        for name in ("train", "training"):
            (path / name).mkdir()
    refused(lambda: nc.load_dataset(path), *says[change])


# What files say of themselves


@pytest.mark.parametrize("name", [name for name in WRITERS if "." in name])
def test_what_is_no_such_file(tmp_path, name):
    if (package := FORMATS["." + name.partition(".")[2]].package) and package not in sys.modules:
        pytest.importorskip(package)
    path = tmp_path / name
    refused(lambda: nc.load_dataset(path), "does not exist")
    if name == "a.zarr":
        path.mkdir()
    else:
        path.write_bytes(b"this, is\nno, such\nfile\x00")
    refused(lambda: nc.load_dataset(path), str(path))
    (path.rmdir if path.is_dir() else path.unlink)()
    (path.mkdir if name != "a.zarr" else path.touch)()
    refused(lambda: nc.load_dataset(path), str(path), "is a folder" if name != "a.zarr" else "allowed: a .zarr folder")


@pytest.mark.parametrize("name", ["a.h5", "a.nc", "a.mat", "a7.mat", "a.parquet"])
def test_damage_is_said_in_one_line(tmp_path, name):
    """Or it is in a place that does not matter."""
    path = written(tmp_path / name, X=NOISE)
    contents, n_read = path.read_bytes(), 0
    for place in range(0, len(contents), max(1, len(contents) // 8)):
        path.write_bytes(
            contents[:place] + bytes(byte ^ 255 for byte in contents[place : place + 4]) + contents[place + 4 :]
        )
        with contextlib.suppress(nc.InputError):
            nc.load_dataset(path)
            n_read += 1
    assert n_read < 9
    path.write_bytes(contents[: len(contents) // 2])
    refused(lambda: nc.load_dataset(path), str(path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is tried out")
def test_texts_that_keep_the_library_for_ever(tmp_path):
    path = tmp_path / "a.h5"
    write_h5(path, {"X": NOISE, "y": NAMES})
    contents = bytearray(path.read_bytes())
    place = contents.index(b"GCOL") + 24  # of the length of the first text, which leads back to itself
    contents[place : place + 8] = b"\xf0" + 7 * b"\xff"
    path.write_bytes(contents)
    refused(lambda: nc.load_dataset(path), "a.h5", "takes more than 3 seconds")


def test_what_arrays_promise_is_not_believed(tmp_path):
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", (10**9, 10**6), "f8", chunks=(10, 10))
    refused(lambda: nc.load_dataset(tmp_path / "a.h5"), "a.h5", "promises 8000000000000000 bytes")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["X"] = NOISE
        file.create_dataset("y", (N,), "i8", external=[(str(tmp_path / "elsewhere"), 0, 8 * N)])
    refused(lambda: nc.load_dataset(tmp_path / "b.h5"), "b.h5", "in other files")
    for shape, chunks in (((10**9, 10**6), (10, 10)), ((60, 12), (10**6, 10**6))):
        zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=chunks, dtype="f8", overwrite=True)
        refused(lambda: nc.load_dataset(tmp_path / "a.zarr"), "a.zarr", "promises")
    ds = xr.Dataset({"X": (("n", "d"), np.zeros((2, 2)))})
    ds.to_netcdf(tmp_path / "a.nc", encoding={"X": {"chunksizes": (2, 2), "zlib": True}})
    with h5py.File(tmp_path / "a.nc", "a") as file:
        del file["X"]
        file.create_dataset("X", (10**9, 10**6), "f8", chunks=(10, 10))
    refused(lambda: nc.load_dataset(tmp_path / "a.nc"), "a.nc")


def test_zarr_is_not_unpickled(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    path = written(tmp_path / "a.zarr", X=NOISE)
    assert nc.load_dataset(path).train.sha256 == in_memory(NOISE)[0].sha256
    to_dict = zarr.core.metadata.v3.ArrayV3Metadata.to_dict
    packed = {"codecs": [{"name": "numcodecs.pickle"}]}
    monkeypatch.setattr(zarr.core.metadata.v3.ArrayV3Metadata, "to_dict", lambda self: to_dict(self) | packed)
    refused(lambda: nc.load_dataset(path), "packed by pickle")


@pytest.mark.parametrize("name", [name for name in WRITERS if FORMATS["." + name.partition(".")[2] if "." in name else ""].package] + ["a7.mat"])  # fmt: skip
def test_packages_that_are_missing_are_named(tmp_path, monkeypatch, name):
    path = written(tmp_path / name, X=IMAGES["gray"] if name == "images" else NOISE)
    kind = known.FORMATS[path.suffix]
    package, install = (kind.package, kind.install or kind.package) if kind.package else ("h5py", "h5py")
    monkeypatch.setitem(sys.modules, package, None)
    refused(lambda: nc.load_dataset(path), str(path), f"needs the package {install}", f"pip install {install}")


# In Python


def test_frames_and_tables_keep_the_names_of_columns():
    expected, frames = as_sample(NOISE), [table(LETTERS), table(LETTERS).convert_dtypes()]
    with contextlib.suppress(ImportError):
        import polars

        frames.append(polars.DataFrame(NOISE, schema=LETTERS))
    with contextlib.suppress(ImportError):
        import pyarrow

        frames += [pyarrow.Table.from_pandas(frames[0]), frames[0].convert_dtypes(dtype_backend="pyarrow")]
    for frame in frames:
        sample = as_sample(frame)
        assert sample.sha256 == expected.sha256
        assert sample.space.columns == tuple(LETTERS)
        other = as_sample(table(LETTERS[::-1]))
        refused(lambda: nc.measure("faces", sample, other, epsilon=0.1, alpha=0.2), "'a'", "'l'")  # noqa: B023


def test_columns_of_texts_are_named():
    for frame in (table(LETTERS), table(LETTERS).convert_dtypes()):
        for values in ("x", pd.Categorical(["x"] * N), pd.Timestamp("2020-01-01")):
            refused(lambda: as_sample(frame.assign(town=values, zip=values)), "X holds", "in column 'town', 'zip'")  # noqa: B023
    polars = pytest.importorskip("polars")
    refused(lambda: as_sample(polars.DataFrame({"a": [1.0, 2.0], "town": ["x", "y"]})), "'x' in column 'town'")
    refused(lambda: as_sample(polars.DataFrame({"a": [1.0, None], "b": [1.0, 1.0]})), "X holds nan at row 1, column 0")


def test_what_holds_several_arrays_is_no_array(tmp_path):
    np.savez(tmp_path / "a.npz", X=NOISE, y=Y)
    with np.load(tmp_path / "a.npz") as archive:
        message = refused(lambda: as_sample(archive))
    assert message == "X is a NpzFile of X, y; allowed: an array, such as X['X']"
    refused(lambda: as_sample(xr.Dataset({"images": (("n", "d"), NOISE)})), "X is a Dataset of images", "X['images']")
    h5py = pytest.importorskip("h5py")
    write_h5(tmp_path / "a.h5", {"X": NOISE})
    with h5py.File(tmp_path / "a.h5") as file:
        refused(lambda: as_sample(file["group"]), "X is a Group of X")
        assert as_sample(file["group/X"]).sha256 == as_sample(NOISE).sha256


def test_images_of_hdf5_have_no_names_of_axes(tmp_path):
    h5py = pytest.importorskip("h5py")
    write_h5(tmp_path / "a.h5", {"X": IMAGES["colors"]})
    with h5py.File(tmp_path / "a.h5") as file:
        sample = as_sample(file["group/X"])
    assert sample.space.columns is None
    assert sample.sha256 == as_sample(IMAGES["colors"]).sha256


def test_sparse_arrays_are_refused_with_their_size():
    sparse = scipy.sparse.csr_array((10**6, 10**5))
    refused(lambda: as_sample(sparse), "a dense array, of 800,000,000,000 bytes, as X.toarray() makes")


@pytest.mark.filterwarnings("default::numbaconc.data.arrays.UnitWarning")
@pytest.mark.parametrize(
    ("X", "says"),
    [
        (BYTES.astype(np.int64), "if it has gray levels from 0 to 255, give X / 255"),
        (BYTES.astype(np.float64), "if it has gray levels from 0 to 255, give X / 255"),
        (BYTES.astype(np.int64) % 17, "if it has gray levels from 0 to 16, give X / 16"),
        (BYTES.astype(np.int64) - 9, None),
        (BYTES / 2 + 0.3, None),
    ],
    ids=range(5),
)
def test_whole_numbers_that_may_be_gray_levels_are_told_what_to_do(X, says):
    with pytest.warns(nc.UnitWarning, match="own units") as caught:
        as_sample(X)
    (warning,) = caught
    assert says in str(warning.message) if says else str(warning.message).endswith("own units")


def test_booleans_are_black_and_white():
    for X in (NOISE > 0, (NOISE > 0).astype(np.int64), pd.DataFrame(NOISE > 0)):
        assert as_sample(X).sha256 == as_sample((NOISE > 0) * np.uint8(255)).sha256


# The command line


@needs_jit
def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--search", "hyperplane", "--norm", "l2", "--alpha", "0.2", "--epsilon", "0.5", "--quiet"]
    np.savez("a.npz", some=NOISE[:40], others=NOISE[40:])
    assert main(["measure", "a.npz", "--key", "some,others", *options]) == 0
    assert (tmp_path / "a-l2.nc").exists()
    np.save("train.npy", NOISE[:40])
    written(tmp_path / "test.csv", X=NOISE[40:])
    assert main(["measure", "train.npy,test.csv", *options]) == 0
    found, same = (nc.open_results(path).drop_vars("dataset") for path in ("train,test-l2.nc", "a-l2.nc"))
    assert found.risk.equals(same.risk)
    capsys.readouterr()
    for arguments, says in (
        (["a.npz"], "has arrays some, others"),
        (["a.npz", "--key", "some,other"], "key is 'some,other'"),
        (["digits", "--key", "X"], "key is 'X' with digits"),
        (["test.txt"], "data set is 'test.txt'"),
        (["none.csv"], "'none.csv' does not exist"),
    ):
        assert main(["measure", *arguments, *options]) == 2
        (line,) = lines(capsys.readouterr().err)
        assert says in line


def test_booleans_in_a_table_of_text_are_0_and_1(tmp_path):
    pd.DataFrame({"a": [1.5, 2, 3, 5] * 5, "smoker": [True, False, False, True] * 5}).to_csv(
        tmp_path / "a.csv", index=False
    )
    numbers = np.array([[1.5, 1], [2, 0], [3, 0], [5, 1]] * 5)
    data = nc.load_dataset(tmp_path / "a.csv")
    assert (data.train.sha256, data.test.sha256) == tuple(one.sha256 for one in in_memory(numbers)[:2])
    for contents in ("a,b\n1,True\n2,3\n", "a,b\n1,False\n2,maybe\n"):
        refused(lambda c=contents: nc.load_dataset(text(tmp_path, c)), "in line 3, column 'b'", "True or False")
    refused(lambda: nc.load_dataset(text(tmp_path, "a,b\n1,2\n2,True\n")), "'True' in line 3, column 'b'", "1.5")


@pytest.mark.parametrize(("column", "counts"), [(range(7, 27), True), ([*range(19), 3], False)])
def test_numbers_of_rows_are_noted(tmp_path, column, counts):
    pd.DataFrame({"id": column, "a": np.arange(20.0) ** 2}).to_csv(tmp_path / "a.csv", index=False)
    assert ("column 'id' counts the rows" in nc.load_dataset(tmp_path / "a.csv").train.note) == counts


def test_a_path_that_is_not_there_is_said_so():
    refused(lambda: nc.load_dataset("./nowhere/at all"), "no file or folder of that name")
