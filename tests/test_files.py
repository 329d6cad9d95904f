"""Files are replaced as a whole or left alone."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from numbaconc.data.files import CHUNK, as_path, cache_dir, check_writable, replacing, sha256_of_array
from numbaconc.errors import InputError

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_is_there_only_when_it_is_complete(tmp_path):
    target = tmp_path / "out.txt"
    with replacing(target) as part:
        part.write_text("new")
        assert not target.exists()
        assert part.parent == target.parent
        assert part.suffix == target.suffix
    assert content(tmp_path) == {"out.txt": "new"}


def test_an_old_file_is_whole_until_it_is_replaced(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with target.open() as reader, replacing(str(target)) as part:
        part.write_text("new")
        assert target.read_text() == "old"
        assert reader.read() == "old"
    assert content(tmp_path) == {"out.txt": "new"}


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_the_folder_as_it_was(tmp_path, error, old):
    target = tmp_path / "out.txt"
    if old:
        target.write_text(old)
    before = content(tmp_path)
    with pytest.raises(error), replacing(target) as part:  # noqa: PT012
        part.write_text("half")
        raise error
    assert content(tmp_path) == before


def test_a_full_disk_is_said_in_one_line(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(InputError, match=r"out\.txt.*No space left") as caught, replacing(target) as part:  # noqa: PT012
        part.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "\n" not in str(caught.value)
    assert content(tmp_path) == {"out.txt": "old"}


def test_folders_are_made(tmp_path):
    with replacing(tmp_path / "a" / "b" / "out.txt") as part:
        part.write_text("new")
    assert content(tmp_path / "a" / "b") == {"out.txt": "new"}


def test_a_writer_may_replace_the_part_itself(tmp_path):
    """Some libraries delete and create the name that they are given."""
    target = tmp_path / "out.txt"
    with replacing(target) as part:
        part.unlink()
        part.write_text("new")
    assert content(tmp_path) == {"out.txt": "new"}


def in_the_way(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "out.txt"


def a_folder(tmp_path):
    (tmp_path / "out.txt").mkdir()
    return tmp_path / "out.txt"


@pytest.mark.parametrize("make", [in_the_way, a_folder])
@pytest.mark.parametrize("way", ["check_writable", "replacing"])
def test_a_place_that_cannot_be_written(tmp_path, make, way):
    target = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"out\.txt") as caught:  # noqa: PT012
        if way == "check_writable":
            check_writable(target)
        else:
            with replacing(target):
                pytest.fail("must not be entered")
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_is_no_folder_for_another(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError):
        check_writable(tmp_path / "file" / "deeper" / "out.txt")
    assert content(tmp_path) == {"file": "kept"}


@pytest.mark.parametrize("old", [None, "old"])
def test_a_probe_leaves_nothing_behind(tmp_path, old):
    target = tmp_path / "out.txt"
    if old:
        target.write_text(old)
    before = content(tmp_path)
    check_writable(target)
    assert content(tmp_path) == before


@posix
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, mask):
    old = os.umask(mask)
    try:
        with replacing(tmp_path / "out.txt") as part:
            part.write_text("new")
        assert os.umask(mask) == mask  # and the mask is as it was
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o666 & ~mask


def test_the_hash_tells_contents_type_and_shape_apart():
    X = np.arange(24, dtype=np.uint8).reshape(4, 6)
    other = X.copy()
    other[3, 5] ^= 1
    arrays = [X, other, X.reshape(6, 4), X.view(np.int8), X.view(np.uint16), X[:3], X.ravel()]
    assert len({sha256_of_array(array) for array in arrays}) == len(arrays)


def test_the_hash_reads_past_its_first_chunk():
    X = np.zeros(2 * CHUNK + 3, np.uint8)
    hashes = {sha256_of_array(X)}
    for position in (CHUNK - 1, CHUNK, 2 * CHUNK + 2):
        other = X.copy()
        other[position] = 1
        hashes.add(sha256_of_array(other))
    assert len(hashes) == 4
    assert {len(value) for value in hashes} == {len(hashlib.sha256().hexdigest())}


def test_the_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here"
    assert not (tmp_path / "here").exists()
    monkeypatch.delenv("NUMBACONC_CACHE_DIR")
    assert isinstance(cache_dir(), Path)
    assert "numbaconc" in str(cache_dir())


def test_only_a_tilde_at_the_beginning_is_a_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/a", "path") == tmp_path / "a"
    assert as_path("./~a.npz", "path") == Path("~a.npz")
