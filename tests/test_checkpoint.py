"""Checkpoints of searches for balls: only what such a search has left is gone on from, and everything it has left."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from conftest import blobs, needs_jit, refused

import numbaconc as nc
from numbaconc.data.files import read_npz
from numbaconc.search import checkpoint, greedy
from numbaconc.search.run import Run

pytestmark = [needs_jit, pytest.mark.usefixtures("one_thread")]

X = blobs(90, 3, 1, spread=40)
N = len(X)
MOST = np.iinfo(np.int64).max


def search(path=None, *, local_search=False):
    """What a search finds that goes on from a checkpoint."""
    balls = nc.BallSearch(n_sets=4, epsilon=0.05, alpha=0.4, local_search=local_search).checked()
    return Run(balls, nc.as_sample(X), nc.How(progress=False)).find(balls.goal(), path)


@pytest.fixture(scope="module")
def whole():
    return search()


@pytest.fixture
def saves(tmp_path, monkeypatch):
    """Every state that a search saves if it saves whenever it may."""
    kept, packed = [], greedy.packed

    def keeping(*args):
        kept.append({name: np.array(one) for name, one in packed(*args).items()})
        return packed(*args)

    with monkeypatch.context() as patch:
        patch.setattr(greedy, "packed", keeping)
        patch.setattr(greedy, "SAVE_EVERY", -1.0)
        search(tmp_path / "saves.npz")
    return kept


def write(path, state):
    with path.open("wb") as file:
        np.savez(file, **state)


def sealed(state):
    """The state with a hash that is right again."""
    arrays = {name: np.asarray(one, order="C") for name, one in state.items() if name not in ("settings", "sha256")}
    return state | {"sha256": checkpoint._hash(str(state["settings"]), arrays)}


def test_every_state_that_is_saved_is_gone_on_from(tmp_path, saves, whole):
    """Also the one between the last distances and their bounds."""
    assert any(one["rounds_counted"] and one["counts"].size for one in saves)
    assert {len(one["centers"]) for one in saves} == {0, 1, 2, 3}
    for number, state in enumerate(saves):
        path = tmp_path / f"{number}.npz"
        write(path, state)
        found = search(path)
        np.testing.assert_array_equal(found.region.center_indices, whole.region.center_indices)
        np.testing.assert_array_equal(found.region.radii, whole.region.radii)
        for name in ("covered", "expanded", "objective"):
            np.testing.assert_array_equal(found.attributes[name], whole.attributes[name])


def test_a_value_that_was_changed_is_refused(tmp_path, saves):
    for name in checkpoint.STATE:
        state = dict(saves[-1 if name != "counts" else 0])
        state[name] = np.array(state[name] + 1)
        write(tmp_path / "c.npz", state)
        refused(lambda: search(tmp_path / "c.npz"), "c.npz", "cannot be read")


def with_value(value):
    def change(array):
        array = array.copy()
        array[...] = value
        return array

    return change


OTHER = {  # what is not what the names promise, under a right hash
    "center": ("centers", with_value(N)),
    "center below 0": ("centers", with_value(-1)),
    "fewer radii": ("radii", lambda array: array[:-1]),
    "radius NaN": ("radii", with_value(np.nan)),
    "radius below 0": ("radii", with_value(-1.0)),
    "radius infinite": ("radii", with_value(np.inf)),
    "wide least": ("least", lambda array: np.hstack([array, array])),
    "least of int64": ("least", lambda array: array.astype(np.int64)),
    "large least": ("least", with_value(np.iinfo(np.int32).max)),
    "small least": ("least", with_value(np.iinfo(np.int32).min)),
    "short reach": ("reach", lambda array: array[:5]),
    "reach NaN": ("reach", with_value(np.nan)),
    "reach of text": ("reach", lambda array: array.astype(str)),
    "subtracted": ("subtracted", with_value(N)),
    "subtracted below 0": ("subtracted", with_value(-1)),
    "counts": ("counts", lambda _: np.ones((N, 3), np.int32)),
    "wide counts": ("counts", lambda _: np.zeros((N, 5000), np.int32)),
    "rounds": ("rounds_counted", with_value(MOST)),
    "rounds below 0": ("rounds_counted", with_value(-1)),
    "rounds of several": ("rounds_counted", lambda array: np.full(3, array)),
    "big end first": ("reach", lambda array: array.astype(">f8")),
}


@pytest.mark.parametrize("what", OTHER)
def test_arrays_that_are_not_what_their_names_promise(what, tmp_path, saves):
    name, change = OTHER[what]
    last = next(one for one in saves if len(one["centers"]) == 3)
    write(tmp_path / "c.npz", sealed(last | {name: change(last[name])}))
    refused(lambda: search(tmp_path / "c.npz"), "c.npz", "cannot be read")


def test_balls_that_cover_too_little_and_are_all(tmp_path, saves):
    last = saves[-1]
    zero = {"radii": np.zeros(4), "centers": np.zeros(4, np.int64), "subtracted": np.zeros(N, np.int64)}
    write(tmp_path / "c.npz", sealed(last | zero))
    refused(lambda: search(tmp_path / "c.npz"), "c.npz", "cannot be read")


def test_counts_that_do_not_add_up(tmp_path, saves):
    """A row of a histogram with fewer points than there are would be read past its end."""
    first = saves[0]
    assert first["counts"].size
    write(tmp_path / "c.npz", sealed(first | {"counts": np.zeros_like(first["counts"])}))
    refused(lambda: search(tmp_path / "c.npz"), "c.npz", "cannot be read")


def test_counts_of_other_distances_leave_no_kernel_without_points(tmp_path, saves):
    """All points in the first bucket: no ball would reach farther."""
    counts = np.zeros_like(saves[0]["counts"])
    counts[:, 0] = N
    last = next(one for one in reversed(saves) if one["counts"].size)
    write(tmp_path / "c.npz", sealed(last | {"counts": counts}))
    found = search(tmp_path / "c.npz", local_search=True)
    assert found.attributes["covered"][-1] >= found.goal.n_inside(N)


@pytest.mark.parametrize("reach", [0.0, 1.0, 100.0])
def test_reaches_that_are_too_short_leave_no_kernel_without_points(reach, tmp_path, saves, whole):
    for state in saves:
        write(tmp_path / "c.npz", sealed(state | {"reach": np.full(N, reach)}))
        assert search(tmp_path / "c.npz").attributes["covered"][-1] >= whole.goal.n_inside(N)


@pytest.mark.parametrize("settings", ["", "[1]", "null", "[" * 5000, '{"data": "x\\u001b[31m' + "y" * 5000 + '"}'])
def test_settings_that_are_no_search_s(settings, tmp_path, saves):
    write(tmp_path / "c.npz", sealed(saves[-1] | {"settings": np.array(settings)}))
    message = refused(lambda: search(tmp_path / "c.npz"), "c.npz")
    assert message.isprintable()
    assert len(message) < 500


# Archives of arrays


def test_what_is_no_array_is_no_archive(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("levels", b"no array")
    assert read_npz(path) is None
    np.savez(path, levels=np.ones(3))
    assert read_npz(path)["levels"].tolist() == [1, 1, 1]


def test_an_archive_holds_no_more_than_its_length(tmp_path):
    """It is not unpacked to find that out."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, levels=np.zeros(1 << 20))
    assert path.stat().st_size < 20000
    assert read_npz(path) is None
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("levels.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert read_npz(path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert read_npz(tmp_path / "pipe") is None


@pytest.mark.parametrize(
    "levels", [b"no array", np.full(N, -1.0), np.full(N, np.inf), np.ones((N, 1)), np.ones(N, "f4")]
)
def test_radii_that_nobody_kept_are_computed_again(levels, tmp_path):
    expected = nc.knn_radii(X, 5, cache_dir=tmp_path)
    (path,) = (tmp_path / "radii").iterdir()
    if isinstance(levels, bytes):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("levels", levels)
    else:
        np.savez(path, levels=levels)
    np.testing.assert_array_equal(nc.knn_radii(X, 5, cache_dir=tmp_path), expected)
