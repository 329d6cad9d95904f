"""Parsers and unpacking, on contents that the tests write byte by byte."""

from __future__ import annotations

import gzip
import io
import re
import tarfile

import numpy as np
import pytest
import scipy.io
from conftest import idx, refused
from tqdm import tqdm

from numbaconc.data import readers
from numbaconc.errors import InputError


def mat(**variables):
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=True)
    return file.getvalue()


def archive(**members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, contents in members.items():
            member = tarfile.TarInfo(f"folder/{name}")
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
    return file.getvalue()


def says_where(parse, contents, shape):
    """Return why the contents are refused, which names the file."""
    return refused(lambda: parse(contents, "'some/file'", shape), "'some/file'")


def test_idx_images_are_rows_of_pixels():
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(readers.idx_images(idx(images), "'f'", (3, 4)), images.reshape(2, 12))


def test_idx_without_images_is_empty():
    assert readers.idx_images(idx(np.zeros((0, 3, 4), np.uint8)), "'f'", (3, 4)).shape == (0, 12)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "nothing"),
        (b"\x00\x00\x08\x01" + bytes(40), "00 00 08 01"),  # labels
        (idx(np.zeros((2, 3, 4), np.uint8))[:15], "header has 16 bytes"),
        (idx(np.zeros((2, 3, 4), np.uint8))[:-1], "39 bytes; its header promises 2 images of 3x4, 40 bytes"),
        (idx(np.zeros((2, 3, 4), np.uint8)) + b"\x00", "41 bytes"),
        (idx(np.zeros((2, 4, 3), np.uint8)), "images of 4x3; allowed: 3x4"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "images of 4294967295x4294967295"),
    ],
)
def test_what_is_not_idx_is_refused(contents, says):
    assert says in says_where(readers.idx_images, contents, (3, 4))


def test_cifar_batch_drops_the_labels():
    records = np.arange(2 * 13, dtype=np.uint8).reshape(2, 13)
    records[:, 0] = [0, 9]
    np.testing.assert_array_equal(readers.cifar_batch(records.tobytes(), "'f'", (3, 2, 2)), records[:, 1:])


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "has 0 bytes; allowed: whole records of 13"),
        (bytes(25), "has 25 bytes"),
        (bytes(13) + b"\x0a" + bytes(12), "label 10; allowed: 0 to 9"),
    ],
)
def test_what_is_not_a_cifar_batch_is_refused(contents, says):
    assert says in says_where(readers.cifar_batch, contents, (3, 2, 2))


def test_svhn_rows_run_over_height_then_width_then_channel():
    X = np.random.default_rng(0).integers(0, 256, (3, 4, 2, 5), dtype=np.uint8)
    rows = readers.svhn_images(mat(X=X, y=np.ones((5, 1))), "'f'", (3, 4, 2))
    assert rows.shape == (5, 24)
    assert rows.dtype == np.uint8
    for n, row in enumerate(rows):
        assert row.tolist() == [X[h, w, c, n] for h in range(3) for w in range(4) for c in range(2)]


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "cannot be read as a MATLAB 5 .mat file"),
        (b"no matlab here" * 100, "cannot be read as a MATLAB 5 .mat file"),
        (mat(X=np.zeros((3, 4, 2, 50), np.uint8))[:-8], "cannot be read as a MATLAB 5 .mat file"),
        (mat(x=np.zeros((3, 4, 2, 5), np.uint8)), "no variable X"),
        (mat(X=np.zeros((3, 4, 2, 5))), "X of float64 of shape (3, 4, 2, 5); allowed: uint8 of shape (3, 4, 2, n)"),
        (mat(X=np.zeros((4, 3, 2, 5), np.uint8)), "of shape (4, 3, 2, 5)"),
        (mat(X=np.zeros((3, 4), np.uint8)), "of shape (3, 4)"),
        (mat(X={"a": 1}), "allowed: uint8"),
    ],
)
def test_what_is_not_svhn_is_refused(contents, says):
    assert says in says_where(readers.svhn_images, contents, (3, 4, 2))


def test_unpack_reads_plain_files_gz_and_members(tmp_path):
    (tmp_path / "a").write_bytes(b"plain")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"packed"))
    padded = gzip.decompress(archive(b=b"2", skipped=b"?", a=b"1")) + bytes(99999)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(padded))
    assert list(readers.unpack(tmp_path / "a", ["a"])) == [("a", b"plain")]
    assert list(readers.unpack(tmp_path / "a.gz", ["a"])) == [("a", b"packed")]
    assert list(readers.unpack(tmp_path / "a.tar.gz", ["a", "b"])) == [("b", b"2"), ("a", b"1")]


def test_links_in_an_archive_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for kind, name in ((tarfile.SYMTYPE, "a"), (tarfile.LNKTYPE, "b")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "secret")
            tar.addfile(member)
    with pytest.raises(InputError, match="has no a, b in it"):
        list(readers.unpack(tmp_path / "a.tar.gz", ["a", "b"]))


@pytest.mark.parametrize(
    ("name", "contents", "says"),
    [
        ("a.gz", b"not packed", "cannot be read as a .gz file"),
        ("a.gz", gzip.compress(bytes(range(256)) * 9)[:-9], "cannot be read as a .gz file"),
        ("a.gz", gzip.compress(b"abc")[:-8] + bytes(8), "cannot be read as a .gz file"),  # the checksum is wrong
        ("a.tar.gz", b"", "cannot be read as a .tar.gz archive"),
        ("a.tar.gz", b"not packed", "cannot be read as a .tar.gz archive"),
        ("a.tar.gz", gzip.compress(b"not an archive" * 100), "cannot be read as a .tar.gz archive"),
        ("a.tar.gz", archive(a=bytes(range(256)) * 90)[:-20], "cannot be read as a .tar.gz archive"),
        ("a.tar.gz", gzip.compress(gzip.decompress(archive(a=bytes(9999)))[:5000]), "cannot be read as a .tar.gz"),
        ("a.tar.gz", archive(a=b"abc")[:-8] + bytes(8), "cannot be read as a .tar.gz archive"),
        (
            "a.tar.gz",
            gzip.compress(gzip.decompress(archive(a=b"abc")) + bytes(99999))[:-8] + bytes(8),
            "cannot be read",
        ),
        ("a.tar.gz", archive(b=b"abc"), "has no a in it"),
        ("missing", None, "No such file"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,  # gzip writes the time into them
)
def test_damaged_files_are_refused_in_one_line(tmp_path, name, contents, says):
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(InputError, match=re.escape(repr(str(path)))) as raised:
        list(readers.unpack(path, ["a"]))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_progress_shows_on_a_terminal_when_asked_for(tmp_path, capsys, monkeypatch, terminal, progress):
    monkeypatch.setattr("numbaconc.how.tqdm", lambda *args, **kwargs: tqdm(*args, **kwargs | {"delay": 0}))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"packed"))
    assert list(readers.unpack(tmp_path / "a.gz", ["a"], progress=progress)) == [("a", b"packed")]
    assert ("a.gz" in capsys.readouterr().err) is (terminal and progress)
