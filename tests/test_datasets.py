"""Finding, verifying, loading and fetching data sets, on small files in the true formats."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import io
import logging.handlers
import os
import pickle
import struct
import tarfile
import threading
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest
import scipy.io
import sklearn.datasets
from conftest import idx

from numbaconc.data.arrays import UnitWarning
from numbaconc.data.datasets import DataNotFoundError, check, data_folders, fetch, listing, load_dataset
from numbaconc.data.published.registry import REGISTRY, Published
from numbaconc.errors import InputError

REAL = Path(os.environ.get("NUMBACONC_DATA_DIR") or "no-such-folder")
TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]


@pytest.fixture(autouse=True)
def _nothing_else_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBACONC_DATA_DIR", raising=False)
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def sha256(contents):
    return hashlib.sha256(contents).hexdigest()


def images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def write_mnist(folder, n=3, *, packed=False, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    train, test = images(n, 28, 28, seed=seed), images(n + 1, 28, 28, seed=seed + 1)
    for name, X in ((TRAIN, train), (TEST, test)):
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(idx(X)) if packed else idx(X))
    return train.reshape(n, 784), test.reshape(n + 1, 784)


def cifar_contents(n=2):
    """Six batches whose records are label and image; also the rows that they make."""
    records = [np.hstack([images(n, 1, seed=9) % 10, images(n, 3072, seed=i)]) for i in range(6)]
    contents = {name: batch.tobytes() for name, batch in zip(BATCHES, records, strict=True)}
    return contents, np.vstack(records[:5])[:, 1:], records[5][:, 1:]


def write_archive(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def write_batches(folder, contents):
    folder.mkdir(parents=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)


def make_official(monkeypatch, name, files):
    """Let the registry expect what these files (published name: contents by name) hold."""
    published = [
        Published((f"http://127.0.0.1:1/{file}",), "0" * 64, {part: sha256(data) for part, data in contents.items()})
        for file, contents in files.items()
    ]
    monkeypatch.setitem(REGISTRY, name, dataclasses.replace(REGISTRY[name], files=tuple(published)))


def make_mnist_official(monkeypatch, folder):
    make_official(monkeypatch, "mnist", {f"{part}.gz": {part: (folder / part).read_bytes()} for part in (TRAIN, TEST)})


def message(raised):
    text = str(raised.value)
    assert "\n" not in text
    return text


# The registry


def test_registry_hashes_are_hashes():
    for entry in REGISTRY.values():
        for text in [file.sha256 for file in entry.files] + list(entry.contents.values()):
            assert len(bytes.fromhex(text)) == 32
        assert all(address.endswith(f"/{file.name}") for file in entry.files for address in file.addresses)
        assert not entry.files or entry.test in entry.contents


# Digits


def test_digits_are_scikit_learns_split_once_and_for_all():
    data = load_dataset("digits")
    X = sklearn.datasets.load_digits().data
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(data.test.X, X[np.sort(order[:359])])
    np.testing.assert_array_equal(data.train.X, X[np.sort(order[359:])])
    assert (data.name, data.verified) == ("digits", True)
    assert (data.train.unit, data.train.domain, data.train.X.dtype) == (1 / 16, (0.0, 1.0), np.uint8)
    assert (len(data.train), len(data.test)) == (1438, 359)
    with pytest.raises(InputError, match="seed is 5"):
        load_dataset("digits", seed=5)
    assert load_dataset("digits", test_fraction=0.5).sha256 != data.sha256


# MNIST's format


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_plain_and_gz(tmp_path, packed):
    train, test = write_mnist(tmp_path / "mnist", packed=packed)
    data = load_dataset("mnist", data_dir=tmp_path, verify=False)
    np.testing.assert_array_equal(data.train.X, train)
    np.testing.assert_array_equal(data.test.X, test)
    assert data.verified is False
    for sample in (data.train, data.test):
        assert sample.X.flags.c_contiguous
        assert sample.X.flags.writeable  # kernels are compiled anew for read-only arrays
        assert (sample.unit, sample.domain, sample.X.dtype) == (1 / 255, (0.0, 1.0), np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_right_contents_are_verified_however_packed(tmp_path, monkeypatch, packed):
    write_mnist(tmp_path / "mnist", packed=False)
    make_mnist_official(monkeypatch, tmp_path / "mnist")
    if packed:
        for part in (TRAIN, TEST):
            path = tmp_path / "mnist" / part
            path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))
            path.unlink()
    assert load_dataset("mnist", data_dir=tmp_path).verified is True
    assert load_dataset("mnist", data_dir=tmp_path, verify=False).verified is True


def test_sha256_is_of_train_and_test(tmp_path):
    for folder, seed in (("a", 0), ("b", 0), ("c", 5)):
        write_mnist(tmp_path / folder / "mnist", packed=folder == "b", seed=seed)
    a, b, c = (load_dataset("mnist", data_dir=tmp_path / folder, verify=False).sha256 for folder in "abc")
    assert a == b
    assert a != c
    assert len(bytes.fromhex(a)) == 32


def test_wrong_contents_are_refused_with_both_hashes_and_the_way_out(tmp_path):
    write_mnist(tmp_path / "mnist")
    with pytest.raises(InputError) as raised:
        load_dataset("mnist", data_dir=tmp_path)
    text = message(raised)
    assert sha256((tmp_path / "mnist" / TRAIN).read_bytes()) in text
    assert REGISTRY["mnist"].contents[TRAIN] in text
    assert str(tmp_path / "mnist" / TRAIN) in text
    assert "verify=False" in text
    assert "--unverified-data" in text


@pytest.mark.parametrize("part", [TRAIN, TEST])
def test_one_wrong_file_is_enough(tmp_path, monkeypatch, part):
    write_mnist(tmp_path / "mnist")
    make_mnist_official(monkeypatch, tmp_path / "mnist")
    path = tmp_path / "mnist" / part
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(InputError, match=part):
        load_dataset("mnist", data_dir=tmp_path)
    assert load_dataset("mnist", data_dir=tmp_path, verify=False).verified is False


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "nothing"),
        (idx(images(3, 28, 28))[:-1], "header promises"),
        (b"GIF89a" + bytes(999), "not an IDX file"),
        (idx(images(3, 20, 28)), "allowed: 28x28"),
    ],
)
def test_damage_is_named_even_unverified(tmp_path, contents, says):
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / TRAIN).write_bytes(contents)
    with pytest.raises(InputError, match=says) as raised:
        load_dataset("mnist", data_dir=tmp_path, verify=False)
    assert str(tmp_path / "mnist" / TRAIN) in message(raised)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_what_is_not_the_published_file_is_never_parsed(tmp_path, monkeypatch, name):
    for part in REGISTRY[name].contents:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / part).write_bytes(b"anything")
    monkeypatch.setitem(REGISTRY, name, dataclasses.replace(REGISTRY[name], parse=lambda *_: pytest.fail("parsed")))
    with pytest.raises(InputError, match="is not the published one"):
        load_dataset(name, data_dir=tmp_path)
    assert {row.state for row in check(name, tmp_path)} == {"wrong"}


def test_truncated_gz_is_refused_even_unverified(tmp_path):
    write_mnist(tmp_path / "mnist", packed=True)
    path = tmp_path / "mnist" / f"{TRAIN}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cannot be read as a \.gz file") as raised:
        load_dataset("mnist", data_dir=tmp_path, verify=False)
    assert str(path) in message(raised)


def test_one_image_is_too_few(tmp_path):
    write_mnist(tmp_path / "mnist", n=1)
    with pytest.raises(InputError, match=r"mnist \(train\) has 1 row; allowed: at least 2"):
        load_dataset("mnist", data_dir=tmp_path, verify=False)


# CIFAR-10


@pytest.mark.parametrize(
    "folder", ["cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", "", "deep/cifar10"]
)
def test_cifar10_from_batches_wherever_they_may_lie(tmp_path, folder):
    contents, train, test = cifar_contents()
    write_batches(tmp_path / "data" / folder, contents)
    data_dir = tmp_path / "data" / ("deep/cifar10" if folder.startswith("deep") else "")
    data = load_dataset("cifar10", data_dir=data_dir, verify=False)
    np.testing.assert_array_equal(data.train.X, train)
    np.testing.assert_array_equal(data.test.X, test)
    assert data.train.X.flags.c_contiguous
    assert data.train.n_features == 3072


@pytest.mark.parametrize("folder", ["cifar10", ""])
def test_cifar10_from_the_archive_whatever_the_order_of_its_members(tmp_path, monkeypatch, folder):
    contents, train, test = cifar_contents()
    make_official(monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": contents})
    shuffled = {"readme.html": b"<html>"} | dict(sorted(contents.items(), key=lambda item: item[0][::-1]))
    write_archive(tmp_path / folder / "cifar-10-binary.tar.gz", shuffled)
    data = load_dataset("cifar10", data_dir=tmp_path)
    np.testing.assert_array_equal(data.train.X, train)
    np.testing.assert_array_equal(data.test.X, test)
    assert data.verified is True
    assert [path.name for path in (tmp_path / folder).iterdir() if path.suffix == ".bin"] == []  # nothing extracted


def test_cifar10_archive_without_a_batch_is_refused_even_unverified(tmp_path):
    contents, _, _ = cifar_contents()
    del contents["data_batch_4.bin"]
    write_archive(tmp_path / "cifar10" / "cifar-10-binary.tar.gz", contents)
    with pytest.raises(InputError, match=r"has no data_batch_4.bin in it"):
        load_dataset("cifar10", data_dir=tmp_path, verify=False)


def test_cifar10_batch_in_an_archive_is_named_when_wrong(tmp_path, monkeypatch):
    contents, _, _ = cifar_contents()
    make_official(monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": contents})
    write_archive(tmp_path / "cifar-10-binary.tar.gz", contents | {"data_batch_3.bin": bytes(2 * 3073)})
    with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz' \(data_batch_3.bin\) is not the published one"):
        load_dataset("cifar10", data_dir=tmp_path)


def test_cifar10_record_of_another_size_is_refused_even_unverified(tmp_path):
    contents, _, _ = cifar_contents()
    write_batches(tmp_path / "cifar10", contents | {"test_batch.bin": bytes(3072)})
    with pytest.raises(InputError, match="has 3072 bytes; allowed: whole records of 3073"):
        load_dataset("cifar10", data_dir=tmp_path, verify=False)


# SVHN


def write_svhn(folder, X_train, X_test):
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / "train_32x32.mat", {"X": X_train, "y": np.ones((X_train.shape[3], 1), np.uint8)})
    scipy.io.savemat(folder / "test_32x32.mat", {"X": X_test, "y": np.ones((X_test.shape[3], 1), np.uint8)})


@pytest.mark.parametrize("folder", ["svhn", ""])
def test_svhn(tmp_path, monkeypatch, folder):
    X_train, X_test = images(32, 32, 3, 4), images(32, 32, 3, 3, seed=1)
    write_svhn(tmp_path / folder, X_train, X_test)
    with pytest.raises(InputError, match="is not the published one"):
        load_dataset("svhn", data_dir=tmp_path)
    names = ("train_32x32.mat", "test_32x32.mat")
    make_official(monkeypatch, "svhn", {name: {name: (tmp_path / folder / name).read_bytes()} for name in names})
    data = load_dataset("svhn", data_dir=tmp_path)
    np.testing.assert_array_equal(data.train.X, [X_train[..., n].ravel() for n in range(4)])
    np.testing.assert_array_equal(data.test.X, [X_test[..., n].ravel() for n in range(3)])
    assert (data.verified, data.train.unit, data.train.domain) == (True, 1 / 255, (0.0, 1.0))
    assert data.train.X.flags.c_contiguous
    assert data.train.X.flags.writeable


def test_svhn_that_is_no_mat_file_is_refused_even_unverified(tmp_path):
    write_svhn(tmp_path / "svhn", images(32, 32, 3, 4), images(32, 32, 3, 3))
    (tmp_path / "svhn" / "test_32x32.mat").write_bytes(b"<html>404</html>" * 20)
    with pytest.raises(InputError, match=r"test_32x32.mat' cannot be read as a MATLAB 5 .mat file") as raised:
        load_dataset("svhn", data_dir=tmp_path, verify=False)
    message(raised)


# Folders


def test_folders_are_searched_in_order(tmp_path, monkeypatch):
    assert data_folders() == [Path("data"), tmp_path / "cache" / "data"]
    monkeypatch.setenv("NUMBACONC_DATA_DIR", str(tmp_path / "env"))
    assert data_folders() == [tmp_path / "env"]
    assert data_folders(tmp_path / "given") == [tmp_path / "given"]
    monkeypatch.setenv("NUMBACONC_DATA_DIR", "")
    assert data_folders() == [Path("data"), tmp_path / "cache" / "data"]


def test_each_folder_hides_those_after_it(tmp_path, monkeypatch):
    found = {}
    for seed, folder in enumerate(("given", "env", "here/data", "cache/data")):
        found[folder], _ = write_mnist(tmp_path / folder / "mnist", seed=10 * seed)

    def loaded(data_dir=None):
        return load_dataset("mnist", data_dir=data_dir, verify=False).train.X

    np.testing.assert_array_equal(loaded(), found["here/data"])
    (tmp_path / "here" / "data" / "mnist" / TEST).unlink()  # a part of the set is not the set
    np.testing.assert_array_equal(loaded(), found["cache/data"])
    monkeypatch.setenv("NUMBACONC_DATA_DIR", str(tmp_path / "env"))
    np.testing.assert_array_equal(loaded(), found["env"])
    np.testing.assert_array_equal(loaded(tmp_path / "given"), found["given"])
    monkeypatch.setenv("NUMBACONC_DATA_DIR", str(tmp_path / "empty"))
    with pytest.raises(DataNotFoundError):
        loaded()


def test_files_of_mnist_and_fashion_mnist_are_not_mistaken_for_each_other(tmp_path):
    write_mnist(tmp_path / "folder")
    with pytest.raises(DataNotFoundError):
        load_dataset("mnist", data_dir=tmp_path / "folder", verify=False)
    write_mnist(tmp_path / "fashion_mnist")
    assert load_dataset("fashion_mnist", data_dir=tmp_path / "fashion_mnist", verify=False).name == "fashion_mnist"
    with pytest.raises(DataNotFoundError):
        load_dataset("mnist", data_dir=tmp_path / "fashion_mnist", verify=False)


def test_missing_data_say_where_and_how(tmp_path):
    with pytest.raises(DataNotFoundError) as raised:
        load_dataset("mnist")
    text = message(raised)
    assert f"looked in data and {tmp_path / 'cache' / 'data'} (folder mnist)" in text
    assert "numbaconc data fetch mnist gets it" in text
    with pytest.raises(DataNotFoundError, match=f"numbaconc data fetch cifar10 --data-dir {tmp_path} gets it"):
        load_dataset("cifar10", data_dir=tmp_path)


def test_what_is_missing_of_an_incomplete_set_is_named(tmp_path):
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / TEST).unlink()
    with pytest.raises(DataNotFoundError, match=rf"not on disk \({TEST}\)"):
        load_dataset("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["mnits", "MNIST"])
def test_unknown_names_get_the_nearest(name):
    with pytest.raises(InputError, match=r"allowed: digits, mnist, .*\.npz, .* or a folder of images") as raised:
        load_dataset(name)
    assert name in message(raised)
    for call in (check, fetch):
        with pytest.raises(InputError, match="allowed: digits, mnist") as raised:
            call("mnits")
        assert message(raised).endswith("did you mean 'mnist'?")


@pytest.mark.parametrize("name", ["", "x.txt", 3, None])
def test_what_is_neither_name_nor_file_is_refused(name):
    with pytest.raises(InputError, match="data set is"):
        load_dataset(name)


# Users' own files


def test_npz_with_train_and_test(tmp_path):
    X_train, X_test = images(5, 4, 3), images(2, 4, 3, seed=1)
    np.savez_compressed(tmp_path / "mine.npz", X_train=X_train, X_test=X_test, y_train=np.arange(5))
    data = load_dataset(tmp_path / "mine.npz")
    np.testing.assert_array_equal(data.train.X, X_train.reshape(5, 12))
    np.testing.assert_array_equal(data.test.X, X_test.reshape(2, 12))
    assert (data.name, data.verified) == ("mine", None)
    assert load_dataset(str(tmp_path / "mine.npz")).sha256 == data.sha256


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_one_array_is_split_by_the_seed(tmp_path, suffix):
    X = np.random.default_rng(0).random((40, 3))
    path = tmp_path / f"mine.{suffix}"
    np.savez(path, X=X) if suffix == "npz" else np.save(path, X)
    data = load_dataset(path, test_fraction=0.25, seed=3)
    assert (len(data.train), len(data.test)) == (30, 10)
    assert (data.train.unit, data.train.X.dtype) == (1.0, np.float32)
    both = np.vstack([data.train.X, data.test.X])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(X.astype(np.float32), axis=0))
    assert load_dataset(path, test_fraction=0.25, seed=3).sha256 == data.sha256
    assert load_dataset(path, test_fraction=0.25, seed=4).sha256 != data.sha256
    assert load_dataset(path, test_fraction=0.3, seed=3).sha256 != data.sha256


def test_a_file_named_like_a_data_set_is_the_users_own(tmp_path):
    np.save(tmp_path / "mnist.npy", images(10, 4))
    assert load_dataset(tmp_path / "mnist.npy").verified is None


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan"), "half"])
def test_test_fraction_outside_is_refused(value):
    with pytest.raises(InputError, match="test_fraction is"):
        load_dataset("digits", test_fraction=value)


@pytest.mark.parametrize("value", [0.01, 0.99])
def test_test_fraction_leaves_two_rows_of_each(tmp_path, value):
    np.save(tmp_path / "mine.npy", images(50, 4))
    with pytest.raises(InputError, match=r"leaves .* rows of 50; allowed: at least 2 of each"):
        load_dataset(tmp_path / "mine.npy", test_fraction=value)
    assert len(load_dataset(tmp_path / "mine.npy", test_fraction=0.04).test) == 2


def test_negative_seed_is_refused(tmp_path):
    np.save(tmp_path / "mine.npy", images(50, 4))
    with pytest.raises(InputError, match="seed is -1"):
        load_dataset(tmp_path / "mine.npy", seed=-1)


def test_units_of_unscaled_floats_are_told(tmp_path):
    np.save(tmp_path / "mine.npy", np.linspace(0, 200, 40).reshape(10, 4))
    with pytest.warns(UnitWarning, match="the data's own units"):
        load_dataset(tmp_path / "mine.npy")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"X_train": images(5, 4)}, "has arrays X_train; allowed: X_train and X_test, or one X"),
        ({"a": images(5, 4), "b": images(5, 4)}, "has arrays a, b"),
        ({}, r"has arrays \(none\); allowed"),
        ({"X_train": images(5, 4), "X_test": images(5, 3)}, "X_test has 3 coordinates; allowed: 4"),
        ({"X_train": images(1, 4), "X_test": images(5, 4)}, "X_train has 1 row; allowed: at least 2"),
        ({"X": images(3, 4)}, "X has 3 rows; allowed: at least 4"),
        ({"X": np.arange(40).reshape(10, 4)}, "X has dtype int64; allowed: uint8, or floats"),
        ({"X": np.full((10, 4), np.nan)}, "X holds nan at row 0, column 0"),
        ({"X": np.zeros((10, 0))}, "X has shape"),
        ({"X": np.array([[1], [1, 2]], dtype=object)}, "cannot be read as .npz of plain arrays: X holds objects"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path, arrays, says):
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(InputError, match=says) as raised:
        load_dataset(tmp_path / "mine.npz")
    message(raised)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16, bool])
def test_npy_of_whole_numbers_that_are_not_uint8_is_told_how_to_scale(tmp_path, dtype):
    np.save(tmp_path / "mine.npy", images(10, 4).astype(dtype))
    with pytest.raises(
        InputError, match=rf"X has dtype {np.dtype(dtype)}; allowed: uint8, or floats \(give X"
    ) as raised:
        load_dataset(tmp_path / "mine.npy")
    message(raised)


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_nothing_is_unpickled(tmp_path, suffix):
    plain, inside = tmp_path / f"plain.{suffix}", tmp_path / f"inside.{suffix}"
    plain.write_bytes(pickle.dumps(Bomb()))
    array = np.array([Bomb()], dtype=object)
    np.savez(inside, X=array) if suffix == "npz" else np.save(inside, array)
    for path in (plain, inside):
        with pytest.raises(InputError) as raised:
            load_dataset(path)
        assert str(path) in message(raised)
    assert not Bomb.exploded


def npy_bytes():
    file = io.BytesIO()
    np.save(file, images(50, 40))
    return file.getvalue()


def npz_bytes(*, damaged):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("X.npy", npy_bytes())
    data = bytearray(file.getvalue())
    data[500] ^= damaged  # within the array: its checksum is wrong then
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "contents", "says"),
    [
        ("a.npy", b"", "begins with nothing"),
        ("a.npz", b"", "begins with nothing"),
        ("a.npy", b"1,2,3\n4,5,6\n", "neither .npy nor .npz"),
        ("a.npz", b"1,2,3\n4,5,6\n", "neither .npy nor .npz"),
        ("a.npy", npy_bytes()[:-1], "cannot be read as .npy of plain arrays"),
        ("a.npy", npy_bytes()[:20], "cannot be read as .npy of plain arrays"),
        ("a.npz", npz_bytes(damaged=0)[:-30], "cannot be read as .npz of plain arrays"),
        ("a.npz", npz_bytes(damaged=1), "cannot be read as .npz of plain arrays: Bad CRC"),
        ("a.npz", b"PK\x03\x04" + bytes(99), "cannot be read as .npz of plain arrays"),
        ("a.npy", None, "does not exist"),
        ("a.npz", None, "does not exist"),
    ],
)
def test_damaged_own_files_are_refused(tmp_path, name, contents, says):
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(InputError, match=says) as raised:
        load_dataset(path)
    assert str(path) in message(raised)


def npy_with_header(dtype="<f8", shape=(2**40, 3), data=bytes(240), version=1, *, fortran=False):
    """Return an .npy file whose header may promise anything."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz_of(contents, name="X.npy", method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, contents)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize(
    ("promise", "says"),
    [
        ({}, "26388279066624 bytes; there are 240"),
        ({"shape": (2**62, 2**62)}, "there are 240"),
        ({"shape": (9, 3)}, "216 bytes; there are 240"),  # what follows would be ignored
        ({"shape": (-5, -6)}, "cannot be read"),
        ({"shape": (10, 3), "dtype": "|O"}, "holds objects"),
        ({"shape": (10,), "dtype": [("a", "<f8", (3,))]}, "X has dtype"),
        ({"shape": (2**40, 3), "dtype": "|S0", "data": b""}, "X has dtype"),
        ({"shape": (10, 3), "version": 9}, "version"),
        ({"shape": "(" * 3000 + ")" * 3000}, "cannot be read"),
        ({"shape": "(1if 1else 2, 3)"}, "cannot be read"),
    ],
    ids=range(10),
)
def test_what_arrays_promise_is_not_believed(tmp_path, suffix, promise, says):
    contents = npy_with_header(**promise)
    path = tmp_path / f"mine.{suffix}"
    path.write_bytes(contents if suffix == "npy" else npz_of(contents))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=says) as raised:
            load_dataset(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()
    message(raised)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("fortran", [False, True])
def test_arrays_of_every_version_and_order(tmp_path, suffix, version, fortran):
    X = np.random.default_rng(0).random((10, 3))
    contents = npy_with_header(
        ">f8", (10, 3), X.astype(">f8").tobytes("F" if fortran else "C"), version, fortran=fortran
    )
    path = tmp_path / f"mine.{suffix}"
    path.write_bytes(contents if suffix == "npy" else npz_of(contents))
    data = load_dataset(path)
    both = np.vstack([data.train.X, data.test.X])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(X.astype(np.float32), axis=0))


def claiming(file_size, *, encrypted=False):
    """Return an archive whose one member claims another size than it has, in both of its headers, or to be encrypted."""
    contents = bytearray(npz_of(npy_bytes()))
    for begin, size, flag in ((contents.index(b"PK\x03\x04"), 22, 6), (contents.index(b"PK\x01\x02"), 24, 8)):
        contents[begin + size : begin + size + 4] = struct.pack("<I", file_size)
        contents[begin + flag] |= encrypted
    return bytes(contents)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (claiming(2**32 - 2), "claims 4294967294 bytes; allowed: "),
        (claiming(100_000), "there are"),
        (claiming(len(npy_bytes()), encrypted=True), "encrypted"),
        (npz_of(npy_bytes(), method=zipfile.ZIP_BZIP2), "packed by method 12"),
        (npz_of(npy_bytes(), method=zipfile.ZIP_LZMA), "packed by method 14"),
        (npz_of(npz_of(npy_bytes())), "cannot be read"),
        (npz_of(b""), "cannot be read"),
    ],
    ids=range(7),
)
def test_what_archives_claim_is_not_believed(tmp_path, contents, says):
    (tmp_path / "a.npz").write_bytes(contents)
    with pytest.raises(InputError, match=says) as raised:
        load_dataset(tmp_path / "a.npz")
    message(raised)


@pytest.mark.parametrize("names", [("X.npy", "X.npy"), ("X.npy", "X"), ("X.npy", "y.npy", "y.npy")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_is_there_once(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in names:
            archive.writestr(name, npy_bytes())
    with pytest.raises(InputError, match="twice"):
        load_dataset(tmp_path / "a.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(InputError, match="is no file"):
        load_dataset(tmp_path / "a.npy")


def test_undamaged_npz_of_the_damage_tests_is_fine(tmp_path):
    (tmp_path / "a.npz").write_bytes(npz_bytes(damaged=0))
    assert len(load_dataset(tmp_path / "a.npz").train) == 40


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        load_dataset(tmp_path / "a.npz")


# What is on disk


def test_listing_tells_what_is_there_without_reading_it(tmp_path):
    (tmp_path / "mnist").mkdir()
    for part in (TRAIN, TEST):
        (tmp_path / "mnist" / part).write_bytes(b"")
    (tmp_path / "train_32x32.mat").write_bytes(b"")
    rows = {row.name: row for row in listing(tmp_path)}
    assert {name: row.state for name, row in rows.items()} == {
        "digits": "bundled",
        "mnist": "on disk",
        "fashion_mnist": "missing",
        "cifar10": "missing",
        "cifar10h": "missing",
        "svhn": "missing",
    }
    assert rows["mnist"].path == tmp_path / "mnist"
    assert "incomplete" in rows["svhn"].detail
    assert "incomplete" not in rows["cifar10"].detail


def test_check_tells_verified_wrong_and_missing(tmp_path, monkeypatch):
    assert [row.state for row in check("digits")] == ["bundled"]
    assert [row.state for row in check("mnist", tmp_path)] == ["missing", "missing"]
    write_mnist(tmp_path / "mnist")
    make_mnist_official(monkeypatch, tmp_path / "mnist")
    train, test = check("mnist", tmp_path)
    assert (train.name, train.state, train.path) == (TRAIN, "verified", tmp_path / "mnist" / TRAIN)
    (tmp_path / "mnist" / TEST).write_bytes(b"something else")
    train, test = check("mnist", tmp_path)
    assert (train.state, test.state) == ("verified", "wrong")
    assert test.detail == f"SHA-256 {sha256(b'something else')}, expected {REGISTRY['mnist'].contents[TEST]}"
    (tmp_path / "mnist" / TEST).unlink()
    assert [row.state for row in check("mnist", tmp_path)] == ["verified", "missing"]


def test_check_of_an_archive_looks_at_every_batch(tmp_path, monkeypatch):
    contents, _, _ = cifar_contents()
    make_official(monkeypatch, "cifar10", {"cifar-10-binary.tar.gz": contents})
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, contents | {"data_batch_2.bin": b"?"})
    assert [row.state for row in check("cifar10", tmp_path)] == ["verified", "wrong"] + ["verified"] * 4
    path.write_bytes(path.read_bytes()[:-30])
    rows = check("cifar10", tmp_path)
    assert {row.state for row in rows} == {"wrong"}
    assert "cannot be read" in rows[0].detail


# Fetching, from a server of our own


@pytest.fixture
def server():
    """Serve files (path: contents) on this machine; yields them, the address, and what was asked for."""
    files, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path not in files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield files, f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


@pytest.fixture
def published(server, monkeypatch, tmp_path):
    """Let the server be the publisher of a small MNIST; its first address is dead."""
    files, address, asked = server
    write_mnist(tmp_path / "publisher")
    entries = []
    for part in (TRAIN, TEST):
        contents = (tmp_path / "publisher" / part).read_bytes()
        files[f"/good/{part}.gz"] = packed = gzip.compress(contents)
        addresses = (f"{address}/dead/{part}.gz", f"{address}/good/{part}.gz")
        entries.append(Published(addresses, sha256(packed), {part: sha256(contents)}))
    monkeypatch.setitem(REGISTRY, "mnist", dataclasses.replace(REGISTRY["mnist"], files=tuple(entries)))
    return files, asked


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("where", ["given", "env", "cache/data"])
def test_fetch_tries_every_address_and_what_it_gets_is_verified(tmp_path, monkeypatch, published, capsys, where):
    pooch.get_logger().setLevel("INFO")
    logged = logging.handlers.BufferingHandler(100)
    monkeypatch.setattr(pooch.get_logger(), "handlers", [logged])
    if where == "env":
        monkeypatch.setenv("NUMBACONC_DATA_DIR", str(tmp_path / "env"))
    data_dir = tmp_path / "given" if where == "given" else None
    assert fetch("mnist", data_dir=data_dir, progress=True) == tmp_path / where / "mnist"
    assert files_below(tmp_path / where) == sorted([f"{TRAIN}.gz", f"{TEST}.gz"])
    assert (tmp_path / where / "mnist" / f"{TEST}.gz").stat().st_mode & 0o777 == 0o644  # others may read it
    assert load_dataset("mnist", data_dir=data_dir).verified is True
    assert published[1] == [f"/{mirror}/{part}.gz" for part in (TRAIN, TEST) for mirror in ("dead", "good")]
    assert capsys.readouterr() == ("", "")  # not a terminal
    assert logged.buffer == []


def test_fetch_leaves_right_files_alone(tmp_path, published):
    write_mnist(tmp_path / "mnist")  # plain, and right
    before = [path.stat().st_mtime_ns for path in (tmp_path / "mnist").iterdir()]
    assert fetch("mnist", data_dir=tmp_path) == tmp_path / "mnist"
    assert published[1] == []
    assert [path.stat().st_mtime_ns for path in (tmp_path / "mnist").iterdir()] == before


def test_fetch_completes_and_replaces(tmp_path, published):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / f"{TRAIN}.gz").write_bytes(b"half of a download")
    fetch("mnist", data_dir=tmp_path)
    assert [row.state for row in check("mnist", tmp_path)] == ["verified", "verified"]


def test_fetch_says_what_is_in_its_way(tmp_path, published):
    write_mnist(tmp_path / "mnist", seed=5)  # plain, and wrong
    with pytest.raises(InputError, match="would be read first; move it away") as raised:
        fetch("mnist", data_dir=tmp_path)
    assert str(tmp_path / "mnist" / TRAIN) in message(raised)
    assert published[1] == []


def test_failed_fetch_keeps_the_users_folder(tmp_path, published):
    published[0].clear()
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    with pytest.raises(InputError, match="could not be fetched"):
        fetch("mnist", data_dir=tmp_path / "data")
    assert list((tmp_path / "data" / "mnist").iterdir()) == []


def test_wrong_download_is_refused_and_leaves_nothing(tmp_path, published):
    published[0][f"/good/{TRAIN}.gz"] = gzip.compress(b"something else")
    with pytest.raises(InputError, match="not the published file") as raised:
        fetch("mnist", data_dir=tmp_path / "data")
    text = message(raised)
    assert f"/dead/{TRAIN}.gz: 404" in text
    assert f"get it by hand and put it at {tmp_path / 'data' / 'mnist' / TRAIN}.gz" in text
    assert not (tmp_path / "data" / "mnist").exists()


def test_wrong_download_keeps_what_was_there(tmp_path, published):
    fetch("mnist", data_dir=tmp_path)
    path = tmp_path / "mnist" / f"{TEST}.gz"
    path.write_bytes(b"wrong")
    published[0].clear()
    with pytest.raises(InputError, match="could not be fetched"):
        fetch("mnist", data_dir=tmp_path)
    assert path.read_bytes() == b"wrong"
    assert files_below(tmp_path / "mnist") == sorted([f"{TRAIN}.gz", f"{TEST}.gz"])


def test_no_network_is_one_line_that_names_the_address(tmp_path, monkeypatch):
    make_official(monkeypatch, "svhn", {"train_32x32.mat": {"train_32x32.mat": b""}})  # nothing listens on port 1
    with pytest.raises(InputError, match=r"could not be fetched \(http://127.0.0.1:1/train_32x32.mat: ") as raised:
        fetch("svhn", data_dir=tmp_path / "data")
    assert "get it by hand" in message(raised)
    assert files_below(tmp_path / "data") == []


def test_fetch_into_what_is_no_folder_is_refused(tmp_path, published):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        fetch("mnist", data_dir=tmp_path / "file")
    assert published[1] == []


def test_digits_need_no_fetch():
    with pytest.raises(InputError, match="needs no download"):
        fetch("digits")


# The real data, where they are


@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="no mnist in $NUMBACONC_DATA_DIR")
def test_real_mnist():
    data = load_dataset("mnist", data_dir=REAL)
    assert data.verified is True
    assert (data.train.X.shape, data.test.X.shape) == ((60000, 784), (10000, 784))
    assert data.train.X[0].sum() == 27525
    assert {row.state for row in check("mnist", REAL)} == {"verified"}


@pytest.mark.skipif(not (REAL / "fashion_mnist").is_dir(), reason="no fashion_mnist in $NUMBACONC_DATA_DIR")
def test_real_fashion_mnist():
    data = load_dataset("fashion_mnist", data_dir=REAL)
    assert data.verified is True
    assert (data.train.X.shape, data.test.X.shape) == ((60000, 784), (10000, 784))


def recovered_cifar10():
    """Whether the data folder has CIFAR-10 with the right sizes but not the published contents."""
    batch = REAL / "cifar10" / "cifar-10-batches-bin" / "data_batch_1.bin"
    return batch.is_file() and sha256(batch.read_bytes()) != REGISTRY["cifar10"].contents[batch.name]


@pytest.mark.skipif(not recovered_cifar10(), reason="no recovered cifar10 in $NUMBACONC_DATA_DIR")
def test_recovered_cifar10_is_refused_and_loads_unverified():
    with pytest.raises(InputError, match=REGISTRY["cifar10"].contents["data_batch_1.bin"]):
        load_dataset("cifar10", data_dir=REAL)
    data = load_dataset("cifar10", data_dir=REAL, verify=False)
    assert data.verified is False
    assert (data.train.X.shape, data.test.X.shape) == ((50000, 3072), (10000, 3072))
