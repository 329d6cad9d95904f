"""Labels of data sets and of users' files, and how uncertain people are of them."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import sklearn.datasets
from conftest import idx, images, refused

import numbaconc as nc
from numbaconc.cli.main import main
from numbaconc.data.datasets import DataNotFoundError, check, fetch, listing, load_dataset
from numbaconc.data.published import readers
from numbaconc.data.published.registry import CIFAR_TEST, PEOPLE, REGISTRY, Published

REAL = Path(os.environ.get("NUMBACONC_DATA_DIR") or "no-such-folder")
PARTS = ("train", "t10k")
BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)] + [CIFAR_TEST]
Y_TRAIN, Y_TEST = np.array([3, 9, 0]), np.array([1, 1, 7, 0])


@pytest.fixture(autouse=True)
def _nothing_else_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBACONC_DATA_DIR", raising=False)
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def sha256(contents):
    return hashlib.sha256(contents).hexdigest()


def idx_labels(y, magic=b"\x00\x00\x08\x01"):
    return magic + struct.pack(">I", len(y)) + bytes(list(y))


def write_mnist(folder, name="mnist", *, packed=False):
    """A small set in MNIST's format with its labels, for which the registry does not know the hashes."""
    (folder / name).mkdir(parents=True)
    for seed, (part, y) in enumerate(zip(PARTS, (Y_TRAIN, Y_TEST), strict=True)):
        X = images(len(y), 784, seed).reshape(-1, 28, 28)
        for file, contents in ((f"{part}-images-idx3-ubyte", idx(X)), (f"{part}-labels-idx1-ubyte", idx_labels(y))):
            (folder / name / (f"{file}.gz" if packed else file)).write_bytes(
                gzip.compress(contents) if packed else contents
            )
    return folder / name


def make_official(monkeypatch, name, folder):
    """Let the registry expect the contents that lie in a folder, plain."""
    files = tuple(
        dataclasses.replace(file, contents={part: sha256((folder / part).read_bytes()) for part in file.contents})
        for file in REGISTRY[name].files
    )
    monkeypatch.setitem(REGISTRY, name, dataclasses.replace(REGISTRY[name], files=files))


def loaded(name, folder, **given):
    return load_dataset(name, data_dir=folder, verify=False, **given)


# The two MNISTs


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [False, True])
def test_labels_beside_the_images(tmp_path, name, packed):
    write_mnist(tmp_path, name, packed=packed)
    data = loaded(name, tmp_path)
    for sample, y in ((data.train, Y_TRAIN), (data.test, Y_TEST)):
        np.testing.assert_array_equal(sample.y, y)
        assert sample.y.dtype == np.int64
        assert sample.uncertainty is None
        assert sample.X.flags.writeable
    few = loaded(name, tmp_path, max_train=2).train
    rows = [int(np.flatnonzero((row == data.train.X).all(axis=1))[0]) for row in few.X]
    np.testing.assert_array_equal(few.y, Y_TRAIN[rows])


def test_images_alone_are_a_whole_set(tmp_path, monkeypatch):
    folder = write_mnist(tmp_path)
    make_official(monkeypatch, "mnist", folder)
    with_labels = load_dataset("mnist", data_dir=tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    some = load_dataset("mnist", data_dir=tmp_path)
    assert some.test.y is None
    np.testing.assert_array_equal(some.train.y, Y_TRAIN)
    (folder / "train-labels-idx1-ubyte").unlink()
    without = load_dataset("mnist", data_dir=tmp_path)
    assert without.train.y is None
    assert with_labels.verified is some.verified is without.verified is True
    assert with_labels.sha256 == without.sha256
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataNotFoundError, match=r"not on disk \(t10k-images-idx3-ubyte\)"):
        load_dataset("mnist", data_dir=tmp_path)


def test_labels_of_another_folder_are_of_other_images(tmp_path, monkeypatch):
    here = write_mnist(tmp_path / "here" / "data")
    write_mnist(tmp_path / "cache" / "data")
    for part in PARTS:
        (here / f"{part}-labels-idx1-ubyte").unlink()
    assert load_dataset("mnist", verify=False).train.y is None
    (here / "t10k-images-idx3-ubyte").unlink()  # now the other one is the first that is whole
    np.testing.assert_array_equal(load_dataset("mnist", verify=False).train.y, Y_TRAIN)


LABELS = idx_labels(Y_TRAIN)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "is not an IDX file of labels: it starts with nothing, not 00 00 08 01"),
        (b"\x00\x00\x08\x03" + LABELS[4:], "starts with 00 00 08 03"),
        (LABELS[:6], "has 6 bytes"),
        (LABELS[:-1], "has 10 bytes; its header promises 3 labels, 11 bytes in all"),
        (LABELS + b"\x00", "has 12 bytes"),
        (LABELS[:4] + b"\xff" * 4 + LABELS[8:], "promises 4294967295 labels"),
        (idx_labels([1, 2]), "has 2 labels for 3 images; allowed: one for each"),
        (idx_labels([1, 2, 3, 4]), "has 4 labels for 3 images"),
        (idx_labels([1, 10, 2]), "has a label 10; allowed: 0 to 9"),
    ],
)
def test_labels_are_not_believed(tmp_path, contents, says):
    path = write_mnist(tmp_path) / "train-labels-idx1-ubyte"
    path.write_bytes(contents)
    refused(lambda: loaded("mnist", tmp_path), repr(str(path)), says)


def test_labels_are_verified_before_they_are_parsed(tmp_path, monkeypatch):
    folder = write_mnist(tmp_path)
    make_official(monkeypatch, "mnist", folder)
    assert load_dataset("mnist", data_dir=tmp_path).verified is True
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(idx_labels([3, 9, 1]))
    says = "is not the published one", sha256(path.read_bytes()), sha256(LABELS), "verify=False"
    refused(lambda: load_dataset("mnist", data_dir=tmp_path), repr(str(path)), *says)
    data = loaded("mnist", tmp_path)
    assert data.verified is False
    assert data.train.y.tolist() == [3, 9, 1]
    path.write_bytes(b"anything")
    monkeypatch.setitem(
        REGISTRY, "mnist", dataclasses.replace(REGISTRY["mnist"], parse_labels=lambda *_: pytest.fail("parsed"))
    )
    refused(lambda: load_dataset("mnist", data_dir=tmp_path), "is not the published one")


def test_what_is_told_of_labels(tmp_path, monkeypatch, capsys):
    folder = write_mnist(tmp_path)
    make_official(monkeypatch, "mnist", folder)
    monkeypatch.setenv("NUMBACONC_DATA_DIR", str(tmp_path))

    def told():
        return next(row.detail for row in listing() if row.name == "mnist")

    assert [row.state for row in check("mnist")] == ["verified"] * 4
    assert "without labels" not in told()
    path = folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(LABELS)
    assert {row.name: row.state for row in check("mnist")}[path.name] == "wrong"
    path.unlink()
    assert [row.name for row in check("mnist") if "t10k" in row.name] == ["t10k-images-idx3-ubyte"]
    assert told().endswith("; without labels")
    assert main(["data", "list"]) == 0
    assert "gray; without labels" in capsys.readouterr().out


@pytest.fixture
def downloads(monkeypatch):
    """What is fetched, in place of fetching it."""
    asked = []
    monkeypatch.setattr("numbaconc.data.datasets._download", lambda file, target, **_: asked.append((file, target)))
    return asked


def test_fetch_gets_labels_to_the_images_that_are_there(tmp_path, monkeypatch, downloads):
    folder = write_mnist(tmp_path / "here" / "data")  # no folder that files are fetched to
    make_official(monkeypatch, "mnist", folder)
    assert fetch("mnist") == Path("data/mnist")
    assert downloads == []
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert fetch("mnist") == Path("data/mnist")
    assert [target for _, target in downloads] == [Path("data/mnist/t10k-labels-idx1-ubyte.gz")]
    (folder / "train-labels-idx1-ubyte").write_bytes(b"wrong")
    refused(lambda: fetch("mnist"), "train-labels-idx1-ubyte", "move it away")


def test_fetch_gets_labels_with_the_images(tmp_path, downloads):
    assert fetch("mnist", data_dir=tmp_path) == tmp_path / "mnist"
    names = [f"{part}-{what}-ubyte.gz" for what in ("images-idx3", "labels-idx1") for part in PARTS]
    assert [target for _, target in downloads] == [tmp_path / "mnist" / name for name in names]
    for file, target in downloads:
        assert all(address.endswith(f"/{target.name}") for address in file.addresses)


# Labels in the same files as the images


def cifar(n, seed):
    """A batch: its bytes and its labels."""
    records = np.hstack([images(n, 1, seed) % 10, images(n, 3072, seed + 100)])
    return records.tobytes(), records[:, 0].astype(np.int64)


def write_cifar(folder, n=2):
    folder.mkdir(parents=True, exist_ok=True)
    labels = {}
    for seed, name in enumerate(BATCHES):
        contents, labels[name] = cifar(n, seed)
        (folder / name).write_bytes(contents)
    return labels


def test_labels_of_cifar10(tmp_path):
    labels = write_cifar(tmp_path / "cifar10")
    data = loaded("cifar10", tmp_path)
    np.testing.assert_array_equal(data.train.y, np.concatenate([labels[name] for name in BATCHES[:5]]))
    np.testing.assert_array_equal(data.test.y, labels[CIFAR_TEST])
    assert data.test.y.dtype == np.int64


def svhn_file(X, **more):
    file = io.BytesIO()
    scipy.io.savemat(file, {"X": X} | more, do_compression=True)
    return file.getvalue()


X_SVHN = images(32 * 32 * 3, 4, 0).reshape(32, 32, 3, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("across", [False, True])
def test_labels_of_svhn_where_ten_is_the_digit_zero(tmp_path, dtype, across):
    y = np.array([[10], [1], [9], [10]], dtype)
    (tmp_path / "svhn").mkdir()
    for part in ("train", "test"):
        contents = svhn_file(X_SVHN, other=np.ones(3), y=y.T if across else y)
        (tmp_path / "svhn" / f"{part}_32x32.mat").write_bytes(contents)
    data = loaded("svhn", tmp_path)
    assert data.train.y.tolist() == data.test.y.tolist() == [0, 1, 9, 0]
    assert data.train.y.dtype == np.int64


def test_svhn_without_labels_has_none():
    assert readers.svhn_labels(svhn_file(X_SVHN), "'f'", 4) is None


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.array([[0], [1], [2], [3]]), "labels from 0 to 3; allowed: 1 to 10"),
        (np.array([[1], [11], [2], [3]]), "labels from 1 to 11"),
        (np.array([[1], [1.5], [2], [3]]), "whole numbers"),
        (np.array([[1], [np.nan], [2], [3]]), "whole numbers"),
        (np.ones((3, 1)), "a y of float64 of shape (3, 1); allowed: 4 numbers, one for each image"),
        (np.ones((2, 2)), "shape (2, 2)"),
        (np.ones((4, 1)) * 1j, "a y of complex float64"),
        ({"a": 1}, "a y of struct"),
        ("1234", "a y of char"),
    ],
    ids=range(9),
)
def test_labels_of_svhn_are_not_believed(y, says):
    refused(lambda: readers.svhn_labels(svhn_file(X_SVHN, y=y), "'some/file'", 4), "'some/file'", says)


def test_a_y_of_svhn_that_claims_to_be_longer_than_the_file_is_refused():
    contents = bytearray(128)
    contents[124:] = b"\x00\x01IM"
    flags, dims = struct.pack("<IIII", 6, 8, 9, 0), struct.pack("<IIii", 5, 8, 4, 1)
    for claims, says in ((3, "has 3 bytes; allowed: 1 for each value"), (4, None), (5, "has 5 bytes")):
        parts = (
            flags + dims + struct.pack("<HH", 1, 1) + b"y\0\0\0" + struct.pack("<II", 2, claims) + bytes([1, 2, 3, 10])
        )
        whole = bytes(contents) + struct.pack("<II", 14, len(parts)) + parts
        if says is None:
            assert readers.svhn_labels(whole, "'f'", 4).tolist() == [1, 2, 3, 0]
        else:
            refused(lambda: readers.svhn_labels(whole, "'f'", 4), "'f'", says)  # noqa: B023


def test_labels_of_the_digits():
    data = load_dataset("digits")
    y, order = sklearn.datasets.load_digits().target, np.random.default_rng(0).permutation(1797)
    np.testing.assert_array_equal(data.test.y, y[np.sort(order[:359])])
    np.testing.assert_array_equal(data.train.y, y[np.sort(order[359:])])
    assert data.verified is True


# CIFAR-10H


def votes(n, seed=0):
    """Votes of about fifty people on each of n images, so that shares are no round numbers."""
    return np.random.default_rng(seed).integers(0, 12, (n, 10)).astype(np.float64)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.fixture
def people(tmp_path):
    """Twelve test images in one folder, and how people label them in another; the labels and the shares."""
    contents, y = cifar(12, 5)
    shares = votes(12) / votes(12).sum(axis=1, keepdims=True)
    for name, part, data in (("cifar10", CIFAR_TEST, contents), ("cifar10h", PEOPLE, npy(shares))):
        (tmp_path / name).mkdir()
        (tmp_path / name / part).write_bytes(data)
    return y, shares


def test_cifar10h_is_split_with_what_people_think(tmp_path, people):
    y, shares = people
    X = np.frombuffer((tmp_path / "cifar10" / CIFAR_TEST).read_bytes(), np.uint8).reshape(12, 3073)[:, 1:]
    for given, n_test, seed in (({}, 2, 0), ({"test_fraction": 0.5, "seed": 3}, 6, 3)):
        data = loaded("cifar10h", tmp_path, **given)
        order = np.random.default_rng(seed).permutation(12)
        for sample, rows in ((data.test, np.sort(order[:n_test])), (data.train, np.sort(order[n_test:]))):
            np.testing.assert_array_equal(sample.X, X[rows])
            np.testing.assert_array_equal(sample.y, y[rows])
            expected = [1 - (shares[i, y[i]] - max(np.delete(shares[i], y[i]))) for i in rows]
            np.testing.assert_allclose(sample.uncertainty, expected, rtol=0, atol=1e-15)
            assert (sample.unit, sample.domain) == (1 / 255, (0.0, 1.0))
        assert (data.name, data.verified) == ("cifar10h", False)
    few = loaded("cifar10h", tmp_path, test_fraction=0.5, seed=3, max_train=2).train
    assert len(few.uncertainty) == len(few.y) == 2


def test_cifar10h_is_verified(tmp_path, monkeypatch, people):
    paths = [tmp_path / "cifar10" / CIFAR_TEST, tmp_path / "cifar10h" / PEOPLE]
    refused(lambda: load_dataset("cifar10h", data_dir=tmp_path), CIFAR_TEST, "is not the published one")
    files = [
        dataclasses.replace(file, contents={path.name: sha256(path.read_bytes())})
        for file, path in zip(REGISTRY["cifar10h"].files, paths, strict=True)
    ]
    monkeypatch.setitem(REGISTRY, "cifar10h", dataclasses.replace(REGISTRY["cifar10h"], files=tuple(files)))
    assert load_dataset("cifar10h", data_dir=tmp_path).verified is True
    assert [row.state for row in check("cifar10h", tmp_path)] == ["verified", "verified"]
    paths[1].write_bytes(npy(votes(12, 1)))
    refused(lambda: load_dataset("cifar10h", data_dir=tmp_path), repr(str(paths[1])), "is not the published one")
    assert loaded("cifar10h", tmp_path).verified is False


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (votes(11), "an array of shape (11, 10); allowed: (12, 10)"),
        (votes(12)[:, :9], "shape (12, 9)"),
        (-votes(12), "holds no shares of labels"),
        (votes(12) * np.nan, "holds no shares of labels"),
        (votes(12) * 0, "holds no shares of labels"),
        (np.full((12, 10), "a"), "holds no shares of labels"),
        (np.full((12, 10), None), "cannot be read as an .npy file: the array holds objects"),
        (None, "cannot be read as an .npy file"),
    ],
    ids=range(8),
)
def test_what_people_think_is_not_believed(tmp_path, people, array, says):
    path = tmp_path / "cifar10h" / PEOPLE
    path.write_bytes(path.read_bytes()[:-1] if array is None else npy(array))
    refused(lambda: loaded("cifar10h", tmp_path), repr(str(path)), says)


def test_what_is_missing_of_cifar10h_is_said_in_one_line(tmp_path, people):
    state = {row.name: row for row in listing(tmp_path)}["cifar10h"]
    assert (state.state, state.path) == ("on disk", tmp_path / "cifar10h")
    (tmp_path / "cifar10h" / PEOPLE).unlink()
    where = "(folders cifar10 and cifar10h)", f"numbaconc data fetch cifar10h --data-dir {tmp_path} gets it"
    refused(lambda: load_dataset("cifar10h", data_dir=tmp_path), f"not on disk ({PEOPLE})", *where)
    (tmp_path / "cifar10" / CIFAR_TEST).unlink()
    refused(lambda: load_dataset("cifar10h", data_dir=tmp_path), f"not on disk ({CIFAR_TEST}, {PEOPLE})", *where)
    assert [row.state for row in check("cifar10h", tmp_path)] == ["missing", "missing"]
    assert {row.name: row.state for row in listing(tmp_path)}["cifar10h"] == "missing"


def test_fetch_of_cifar10h_gets_what_is_not_there(tmp_path, monkeypatch, downloads):
    assert fetch("cifar10h", data_dir=tmp_path) == tmp_path / "cifar10h"
    targets = [tmp_path / "cifar10" / "cifar-10-binary.tar.gz", tmp_path / "cifar10h" / PEOPLE]
    assert [target for _, target in downloads] == targets
    assert downloads[1][0].addresses == (
        "https://raw.githubusercontent.com/jcpeterson/cifar-10h/master/data/cifar10h-probs.npy",
    )
    contents, _ = cifar(4, 0)
    (tmp_path / CIFAR_TEST).write_bytes(contents)
    own = REGISTRY["cifar10h"].files[1]
    there = Published(("http://127.0.0.1:1/a",), "0" * 64, {CIFAR_TEST: sha256(contents)}, of="cifar10")
    monkeypatch.setitem(REGISTRY, "cifar10h", dataclasses.replace(REGISTRY["cifar10h"], files=(there, own)))
    downloads.clear()
    assert fetch("cifar10h", data_dir=tmp_path) == tmp_path / "cifar10h"
    assert [target for _, target in downloads] == targets[1:]


def test_the_license_of_cifar10h_is_shown(tmp_path, capsys, downloads):
    for arguments, status in ((["list"], 0), (["check", "cifar10h"], 2), (["fetch", "cifar10h"], 0)):
        assert main(["data", *arguments, "--data-dir", str(tmp_path)]) == status
        assert "CC BY-NC-SA 4.0" in capsys.readouterr().out
    assert main(["data", "check", "digits"]) == 0
    assert "CC BY-NC-SA" not in capsys.readouterr().out


# Users' own files


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_labels_of_one_array_are_split_with_its_rows(tmp_path, save):
    X, y, uncertainty = images(40, 3, 0), np.arange(40) % 7, np.linspace(0, 2, 40)
    save(tmp_path / "mine.npz", X=X, y=y, uncertainty=uncertainty, other=np.ones(3))
    whole, few = (load_dataset(tmp_path / "mine.npz", seed=3, max_train=most) for most in (None, 5))
    order = np.random.default_rng(3).permutation(40)
    rows = np.sort(order[8:])
    for sample, chosen in ((whole.test, np.sort(order[:8])), (whole.train, rows)):
        np.testing.assert_array_equal(sample.y, y[chosen])
        np.testing.assert_array_equal(sample.uncertainty, uncertainty[chosen])
    drawn = rows[np.sort(np.random.default_rng(0).choice(32, 5, replace=False))]
    np.testing.assert_array_equal(few.train.y, y[drawn])
    np.testing.assert_array_equal(few.train.uncertainty, uncertainty[drawn])
    np.savez(tmp_path / "without.npz", X=X)
    without = load_dataset(tmp_path / "without.npz", seed=3)
    assert without.train.y is without.train.uncertainty is None
    assert without.sha256 == whole.sha256


@pytest.mark.parametrize("floats", [False, True])
def test_labels_of_two_arrays(tmp_path, floats):
    X = images(30, 4, 0) / 7 if floats else images(30, 4, 0)
    y, uncertainty = np.array(["cat", "dog", "owl"])[np.arange(30) % 3], np.linspace(0, 2, 30)
    told = {"y_train": y[:20], "y_test": y[20:], "uncertainty_test": uncertainty[20:]}
    np.savez(tmp_path / "mine.npz", X_train=X[:20] / X.max(), X_test=X[20:] / X.max(), **told)
    for most in (None, 6):
        data = load_dataset(tmp_path / "mine.npz", max_train=most)
        drawn = np.sort(np.random.default_rng(0).choice(20, 6, replace=False)) if most else np.arange(20)
        np.testing.assert_array_equal(data.train.y, y[drawn])
        np.testing.assert_array_equal(data.test.y, y[20:])
        np.testing.assert_array_equal(data.test.uncertainty, uncertainty[20:])
        assert data.train.uncertainty is None


def test_what_is_not_named_like_the_points_is_no_label(tmp_path):
    np.savez(tmp_path / "one.npz", X=images(9, 3, 0), y_train=np.arange(9), z=np.arange(9))
    assert load_dataset(tmp_path / "one.npz").train.y is None
    np.savez(tmp_path / "two.npz", X_train=images(9, 3, 0), X_test=images(5, 3, 1), y=np.arange(9), X=images(9, 3, 0))
    assert load_dataset(tmp_path / "two.npz").train.y is None
    np.save(tmp_path / "mine.npy", images(9, 3, 0))
    assert load_dataset(tmp_path / "mine.npy").test.y is None


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"y_train": np.arange(4)}, ("y_train has shape (4,); allowed: (5,)",)),
        ({"y_test": np.arange(5)}, ("y_test has shape (5,); allowed: (3,)",)),
        ({"y_train": np.eye(5)}, ("y_train has shape (5, 5)",)),
        ({"y_train": np.linspace(0, 1, 5)}, ("y_train is", "integers or texts")),
        ({"y_train": np.array([b"a"] * 5)}, ("y_train is", "integers or texts")),
        (
            {"y_train": np.array(["a", None, 1, 2, 3], dtype=object)},
            ("mine.npz", "y_train holds objects", ".astype(str)"),
        ),
        ({"y_train": np.arange(5), "y_test": np.array(list("abc"))}, ("y_test has texts; allowed: integers",)),
        ({"uncertainty_train": np.linspace(0, 3, 5)}, ("uncertainty_train lies in [0, 3]", "from 0 to 2")),
        ({"uncertainty_test": np.ones(5)}, ("uncertainty_test has shape (5,)",)),
        ({"uncertainty_test": np.full(3, np.nan)}, ("uncertainty_test holds NaN",)),
    ],
    ids=range(10),
)
def test_labels_that_do_not_fit_are_refused(tmp_path, told, says):
    path = tmp_path / "mine.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, X_train=images(5, 3, 0), X_test=images(3, 3, 1), **told)
        refused(lambda: load_dataset(path), *says)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_an_array_of_labels_promises_is_not_believed(tmp_path, method):
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,), }\n"
    y = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(40)
    with zipfile.ZipFile(tmp_path / "mine.npz", "w", method) as archive:
        archive.writestr("X.npy", npy(images(5, 3, 0)))
        archive.writestr("y.npy", y)
    refused(lambda: load_dataset(tmp_path / "mine.npz"), "mine.npz", "there are 40")


def test_labels_that_are_damaged_are_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", X=images(50, 40, 0), y=np.arange(50))
    data = bytearray((tmp_path / "mine.npz").read_bytes())
    data[data.index(struct.pack("<qq", 7, 8))] = 0
    (tmp_path / "mine.npz").write_bytes(data)
    refused(lambda: load_dataset(tmp_path / "mine.npz"), "mine.npz", "Bad CRC")


# The real data, where they are


@pytest.mark.skipif(not (REAL / "mnist" / "t10k-labels-idx1-ubyte").is_file(), reason="no labels of mnist")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_labels(name):
    data = load_dataset(name, data_dir=REAL)
    assert data.verified is True
    assert (data.train.y.shape, data.test.y.shape) == ((60000,), (10000,))
    first = {"mnist": [5, 0, 4, 1, 9], "fashion_mnist": [9, 0, 0, 3, 0]}[name]
    assert data.train.y[:5].tolist() == first


@pytest.mark.skipif(not (REAL / "cifar10h" / PEOPLE).is_file(), reason="no cifar10h in $NUMBACONC_DATA_DIR")
def test_real_cifar10h():
    """Figures of the README beside the file."""
    data = load_dataset("cifar10h", data_dir=REAL, verify=False, test_fraction=0.5, seed=1)
    assert len(data.train) == len(data.test) == 5000
    uncertainty = np.concatenate([data.train.uncertainty, data.test.uncertainty])
    assert uncertainty.mean() == pytest.approx(0.0833, abs=5e-5)
    assert np.mean(uncertainty == 0) == pytest.approx(0.439, abs=5e-4)
    assert np.mean(uncertainty > 1) < 0.0079  # the label is not the most frequent answer
    assert nc.as_sample(data.test).uncertainty is data.test.uncertainty
