"""Data that need not be in memory: arrays in chunks, maps and files give what the same numbers in memory give."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import xarray as xr
from conftest import needs_jit, refused

import numbaconc as nc
from numbaconc.data import rows
from numbaconc.data.arrays import UnitWarning, as_sample
from numbaconc.data.formats import npy
from numbaconc.data.rows import Rows, edges_of, rows_of
from numbaconc.data.sample import drawn

RNG = np.random.default_rng(3)
K = RNG.integers(0, 256, (300, 7))
NORMAL = RNG.normal(size=K.shape)
BROKEN = np.where(np.arange(300)[:, np.newaxis] == 211, [1, 2, 3, np.inf, 5, 6, np.nan], NORMAL)
ARRAYS = {
    "bytes": K.astype(np.uint8),
    "images of bytes": K[:, :6].astype(np.uint8).reshape(300, 2, 3),
    "images": K / 255,
    "images in 16 bits": (K / 255).astype(np.float16),
    "nearly images": np.where(np.arange(7) + K[:, :1] == K[299, 0], 0.5007, K / 255),
    "tenths": K * 0.1,
    "normal": NORMAL.astype(np.float32),
    "the other byte order": NORMAL.astype(">f8"),
    "columns first": np.asfortranarray(NORMAL[:, :6].reshape(300, 3, 2)),
    "far from 0": NORMAL + 1e6 * np.arange(7),
    "of all sizes": NORMAL * 10.0 ** np.arange(-20, 15, 5),
    "whole": K.astype(np.int16) - 100,
    "too large": K.astype(np.int64) * 2**50,
    "zeros of both signs": np.where(K > 100, -0.0, 0.0),
    "not finite": BROKEN,
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Small data come in many parts, too."""
    for module in (rows, npy):
        monkeypatch.setattr(module, "CHUNK", 1000)
    monkeypatch.setattr(rows, "BLOCK", 100)


class Lazy:
    """An array that gives slices of rows, and remembers which."""

    def __init__(self, array, chunks=None):
        self.array, self.shape, self.dtype, self.chunks, self.asked = array, array.shape, array.dtype, chunks, []

    def __getitem__(self, key):
        assert isinstance(key, slice)
        self.asked.append((key.start, key.stop))
        return self.array[key]


TOLD = ("unit", "domain", "note", "origin", "rounding", "whole", "y", "uncertainty", "space")


def described(make):
    """Return all that is known of samples, or what is said against them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = [(one.X.dtype, one.sha256, *(repr(getattr(one, name)) for name in TOLD)) for one in make()]
        except nc.InputError as error:
            made = [str(error)]
    return made, [str(one.message) for one in caught]


def as_dask(array):
    da = pytest.importorskip("dask.array")
    return da.from_array(array, chunks=(70, *array.shape[1:]))


def as_zarr(array):
    zarr = pytest.importorskip("zarr")
    return zarr.array(np.ascontiguousarray(array), chunks=(40, *(-(-size // 2) for size in array.shape[1:])))


def as_xarray(array):
    return xr.DataArray(as_dask(array))


def as_map(array, folder):
    np.save(folder / "map.npy", array)
    return np.load(folder / "map.npy", mmap_mode="r")


LAZY = {
    "in one piece": Lazy,
    "chunks of rows": lambda array: Lazy(array, (9, *array.shape[1:])),
    "chunks of columns": lambda array: Lazy(array, (len(array), *(1 for _ in array.shape[1:]))),
    "uneven chunks": lambda array: Lazy(array, ((1, 250, 0, 49), *((size,) for size in array.shape[1:]))),
    "Dask": as_dask,
    "zarr": as_zarr,
    "xarray": as_xarray,
}


# The same as in memory


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*LAZY, "map", "view of a map"])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_elsewhere_are_what_they_are_in_memory(tmp_path, name, kind):
    array = ARRAYS[name]
    if "map" in kind:
        elsewhere = as_map(array, tmp_path)
        elsewhere = np.asarray(elsewhere) if "view" in kind else elsewhere
    else:
        elsewhere = LAZY[kind](array)
    if kind == "xarray":  # which has names
        array = type(elsewhere)(array)
    assert described(lambda: [as_sample(elsewhere)]) == described(lambda: [as_sample(array)])
    with pytest.warns(UnitWarning):
        like = as_sample(K[:50, : int(array[0].size)] / 10)
    assert described(lambda: [as_sample(elsewhere, like=like)]) == described(lambda: [as_sample(array, like=like)])


@pytest.mark.parametrize("kind", ["npy", "npz", "packed npz", "train and test"])
@pytest.mark.parametrize("name", ARRAYS)
def test_files_are_what_their_arrays_are_in_memory(tmp_path, name, kind):
    """Split and drawn as the whole sample would be, with the frame of the whole."""
    array, both = ARRAYS[name], kind == "train and test"
    path = tmp_path / ("a.npy" if kind == "npy" else "a.npz")
    if both:
        np.savez(path, X_train=array[:220], X_test=array[220:])
    elif kind == "npy":
        np.save(path, array)
    else:
        (np.savez_compressed if "packed" in kind else np.savez)(path, X=array)

    def in_memory(max_train):
        if both:
            train = as_sample(array[:220], name="X_train", integers=False)
            test = as_sample(array[220:], name="X_test", integers=False, like=train)
        else:
            order = np.random.default_rng(5).permutation(300)
            whole = as_sample(array, integers=False)
            train, test = whole.take(np.sort(order[60:])), whole.take(np.sort(order[:60]))
        return train if max_train is None else train.subsample(max_train, 0), test

    def loaded(max_train):
        data = nc.load_dataset(path, seed=None if both else 5, max_train=max_train)
        return data.train, data.test

    for max_train in (None, 30, 2):
        assert described(lambda: loaded(max_train)) == described(lambda: in_memory(max_train))  # noqa: B023


def test_max_train_is_of_every_data_set(tmp_path):
    np.savez(tmp_path / "two.npz", X_train=K[:200].astype(np.uint8), X_test=K[200:].astype(np.uint8))
    for name in ("digits", tmp_path / "two.npz"):
        whole, few = nc.load_dataset(name), nc.load_dataset(name, max_train=40)
        np.testing.assert_array_equal(few.train.X, whole.train.subsample(40, 0).X)
        np.testing.assert_array_equal(few.test.X, whole.test.X)
        for wrong in (1, len(whole.train) + 1, "few"):
            refused(lambda: nc.load_dataset(name, max_train=wrong), "max_train is", f"to {len(whole.train)}")  # noqa: B023


def test_test_points_are_held_against_all_training_points(tmp_path):
    """A training point outside [0, 1] counts, whether or not it is drawn."""
    X = np.linspace(0.01, 0.99, 600).reshape(200, 3) ** 1.1
    X[77] = 3
    np.savez(tmp_path / "a.npz", X_train=X, X_test=K[:50, :3] / 255)
    for max_train in (None, 5):
        with pytest.warns(UnitWarning, match="own units"):
            refused(lambda: nc.load_dataset(tmp_path / "a.npz", max_train=max_train), "X_test", "X_train", ", 3]")  # noqa: B023
    assert 77 not in drawn(200, 5, 0)


@needs_jit
def test_what_is_measured_is_the_same():
    X = ARRAYS["bytes"]
    np.testing.assert_array_equal(nc.knn_radii(Lazy(X, (9, 7)), 5), nc.knn_radii(X, 5))
    found, same = (
        nc.measure("rectangles", one[0], one[1], epsilon=0.1, alpha=0.1, n_sets=2, q=0.8)
        for one in ((X[:200], X[200:]), (Lazy(X[:200], (9, 7)), Lazy(X[200:], (9, 7))))
    )
    assert found.identical(same.assign_attrs({key: found.attrs[key] for key in ("created", "seconds")}))


# What is read


def test_edges_are_ends_of_chunks_where_these_are_small():
    assert edges_of(10, [3, 6, 9, 10], 6) == [0, 6, 10]
    assert edges_of(10, [3, 6, 9, 10], 100) == [0, 10]
    assert edges_of(10, [7, 10], 3) == [0, 3, 6, 7, 10]
    assert edges_of(10, [10], 0) == list(range(11))
    assert edges_of(10, [4, 8, 12], 4) == [0, 4, 8, 10]


def test_no_chunk_is_cut_and_none_is_read_that_nobody_wants():
    array = Lazy(K.astype(np.float64), (50, 7))  # of 2800 bytes
    matrix = rows_of(array, "X")
    assert sum(len(block) for block in matrix.blocks()) == 300
    assert array.asked == [(start, start + 50) for start in range(0, 300, 50)]
    array.asked.clear()
    taken, other = matrix.take([np.array([3, 49, 260]), np.array([5])])
    np.testing.assert_array_equal(taken, K[[3, 49, 260]])
    np.testing.assert_array_equal(other, K[[5]])
    assert array.asked == [(3, 50), (260, 261)]


def test_arrays_in_memory_are_not_copied():
    X = np.exp(-np.abs(NORMAL)).astype(np.float32)
    assert np.shares_memory(as_sample(X).X, X)
    assert np.shares_memory(Rows.of(X).take([None])[0], X)


# What is refused


def test_masked_parts_are_refused():
    da = pytest.importorskip("dask.array")
    array = da.ma.masked_greater(da.from_array(NORMAL, chunks=(100, 7)), 2.5)
    refused(lambda: as_sample(array), "masked values")


@pytest.mark.parametrize("given_as", [np.float32, "rows", "an error"])
def test_arrays_that_are_not_what_they_say(given_as):
    class Lying(Lazy):
        def __getitem__(self, key):
            if given_as == "an error":
                raise ZeroDivisionError
            return self.array[:1] if given_as == "rows" else self.array[key].astype(given_as)

    message = refused(lambda: as_sample(Lying(NORMAL, (50, 7)), name="Z"), "Z")
    assert ("ZeroDivisionError" if given_as == "an error" else "allowed: what it says of itself") in message


def test_nothing_is_read_of_what_is_no_list_of_points():
    for array in (np.zeros(5), np.zeros((0, 2)), np.zeros((2, 2), complex), np.zeros((2, 2), "M8[s]")):
        lazy = Lazy(array)
        assert described(lambda: [as_sample(lazy)]) == described(lambda: [as_sample(array)])  # noqa: B023
        assert lazy.asked == []


def test_more_than_the_memory_is_refused_before_it_is_filled(monkeypatch):
    monkeypatch.setattr(rows, "memory", lambda: 5000)
    refused(lambda: as_sample(Lazy(K / 7, (9, 7))), "X has shape (300, 7)", "memory")
    as_sample(Lazy(K / 255, (9, 7)))  # levels are smaller


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_becomes_shorter_is_refused(tmp_path, monkeypatch, packed):
    """As one line, where a map of it would end the process."""
    path = tmp_path / ("a.npz" if packed else "a.npy")
    np.savez(path, X=NORMAL) if packed else np.save(path, NORMAL)
    blocks = Rows.blocks

    def cut(self):
        yield from blocks(self)
        with path.open("rb+") as file:
            file.truncate(500)

    monkeypatch.setattr(Rows, "blocks", cut)
    refused(lambda: nc.load_dataset(path), str(path), "has become shorter")


def test_stored_members_of_an_archive_begin_where_their_own_header_says(tmp_path):
    """It may be of another length than the archive's list has."""
    contents = io.BytesIO()
    np.save(contents, ARRAYS["bytes"])
    info = zipfile.ZipInfo("X.npy")
    info.extra = b"\x77\x77\x05\x00hello"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("other.txt", b"something before it")
        archive.writestr(info, contents.getvalue())
    (tmp_path / "a.npz").write_bytes(b"a script before the archive" + (tmp_path / "a.npz").read_bytes())
    refused(lambda: nc.load_dataset(tmp_path / "a.npz"), "neither .npy nor .npz")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[len(b"a script before the archive") :])
    np.savez(tmp_path / "b.npz", X=ARRAYS["bytes"])
    assert nc.load_dataset(tmp_path / "a.npz").sha256 == nc.load_dataset(tmp_path / "b.npz").sha256


# Memory

PEAK = """
import resource, sys, warnings
import numpy as np
import numbaconc as nc
import numbaconc.data.datasets
from numbaconc.data.arrays import as_sample
warnings.simplefilter("ignore")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
made = MADE
print(peak() - before)
"""
SIZE = 200  # MB of the file


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("call", "kept"),
    [
        ("nc.load_dataset({path!r}, max_train=2000, test_fraction=0.01)", 0.02),
        ("nc.load_dataset({path!r})", 1),
        ("as_sample(np.load({path!r}, mmap_mode='r'))", 1),
    ],
)
def test_no_more_is_held_than_what_is_kept_and_a_tenth_of_the_file(tmp_path, dtype, call, kept):
    path, d = tmp_path / "a.npy", 1000
    n = SIZE * 2**20 // (d * np.dtype(dtype).itemsize)
    block = np.random.default_rng(0).normal(100, 20, (n // 10, d)).astype(dtype)
    array = np.lib.format.open_memmap(path, "w+", dtype, (10 * len(block), d))
    for start in range(0, len(array), len(block)):
        array[start : start + len(block)] = block
    script = PEAK.replace("MADE", call.format(path=str(path)))
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < (kept + 0.1) * SIZE
