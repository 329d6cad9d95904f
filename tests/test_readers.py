"""Parsers and unpacking, on contents that the tests write byte by byte."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io
from conftest import idx, refused
from tqdm import tqdm

from numbaconc.data.formats import matlab
from numbaconc.data.published import readers
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


def element(kind, data, order="<", *, padded=True):
    """Return an element of a MATLAB 5 file."""
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8 * padded)


def by_hand(dims=(3, 4, 2, 5), data=None, *, of=9, kind=2, order="<", claims=None, name=b"X", packed=False):
    """Return a MATLAB 5 file with one array: its class, the type and the length of its data may be anything."""
    data = bytes(range(120)) if data is None else data
    parts = [
        element(6, struct.pack(f"{order}II", of, 0), order),
        element(5, struct.pack(f"{order}{len(dims)}i", *dims), order),
        element(1, name, order),
    ]
    tag = struct.pack(f"{order}II", kind, len(data) if claims is None else claims)
    array = element(14, b"".join(parts) + tag + data + bytes(-len(data) % 8), order)
    if packed:
        array = element(15, zlib.compress(array), order, padded=False)
    return bytes(124) + (b"\x00\x01IM" if order == "<" else b"\x01\x00MI") + array


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_svhn_of_either_byte_order_behind_other_variables(order, packed):
    other = by_hand(name=b"a variable of a longer name", order=order, packed=packed)
    contents = other + by_hand(order=order, packed=packed)[128:]
    rows = readers.svhn_images(contents, "'f'", (3, 4, 2))
    X = np.arange(120, dtype=np.uint8).reshape((3, 4, 2, 5), order="F")
    np.testing.assert_array_equal(rows, np.moveaxis(X, 3, 0).reshape(5, 24))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "claim",
    [
        *(
            {"kind": kind} for kind in (0, 1, 3, 8, 10, 11, 14, 15, 16, 17, 18, 19, 200, 2**31)
        ),  # killed the interpreter
        {"claims": 2**32 - 1},
        {"claims": 119},
        {"claims": 0},
        {"dims": (3, 4, 2, 2**31 - 1)},
        {"dims": (3, 4, 2, -1)},
        {"dims": ()},
        {"dims": (3, 4, 2, 5, 1)},
        {"dims": (2**31 - 1,) * 4},
        {"dims": (1,) * 400},
        {"of": 6},
        {"of": 0},
        {"of": 9 + 0x800},  # complex
        {"dims": (3, 4, 2, 6)},
    ],
    ids=str,
)
def test_svhn_is_not_believed(claim, packed):
    says_where(readers.svhn_images, by_hand(**claim, packed=packed), (3, 4, 2))


@pytest.mark.parametrize("packed", [False, True])
def test_svhn_cut_off_anywhere_is_refused(packed):
    whole = by_hand(packed=packed)
    for end in range(len(whole) - 1):
        says_where(readers.svhn_images, whole[:end], (3, 4, 2))


def test_svhn_whose_checksum_is_wrong_is_refused():
    whole = bytearray(by_hand(packed=True))
    whole[-1] ^= 1
    says_where(readers.svhn_images, bytes(whole), (3, 4, 2))


def test_svhn_that_unpacks_to_more_than_it_says_is_refused(monkeypatch):
    array = by_hand()[128:] + bytes(1 << 20)
    contents = by_hand()[:128] + element(15, zlib.compress(array), padded=False)
    assert "does not end after" in says_where(readers.svhn_images, contents, (3, 4, 2))
    monkeypatch.setattr(matlab, "MOST", 119)
    assert "up to 119" in says_where(readers.svhn_images, by_hand(packed=True), (3, 4, 2))


def test_unpack_reads_plain_files_gz_and_members(tmp_path):
    (tmp_path / "a").write_bytes(b"plain")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"packed"))
    padded = gzip.decompress(archive(b=b"2", skipped=b"?", a=b"1")) + bytes(99999)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(padded))
    assert list(readers.unpack(tmp_path / "a", ["a"], 1 << 20)) == [("a", b"plain")]
    assert list(readers.unpack(tmp_path / "a.gz", ["a"], 1 << 20)) == [("a", b"packed")]
    assert list(readers.unpack(tmp_path / "a.tar.gz", ["a", "b"], 1 << 20)) == [("b", b"2"), ("a", b"1")]


def test_links_in_an_archive_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for kind, name in ((tarfile.SYMTYPE, "a"), (tarfile.LNKTYPE, "b")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "secret")
            tar.addfile(member)
    with pytest.raises(InputError, match="has no a, b in it"):
        list(readers.unpack(tmp_path / "a.tar.gz", ["a", "b"], 1 << 20))


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
        list(readers.unpack(path, ["a"], 1 << 20))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


HUGE = b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7  # a size in base 256: about 2 to the 63


def header(name="a", kind=b"0", size=b"%011o\0" % 3):
    """Return a header of an archive, as long as its size is written to be."""
    raw = bytearray(tarfile.BLOCKSIZE)
    raw[: len(name)], raw[124:136], raw[156:157], raw[257:265] = name.encode(), size, kind, b"ustar  \0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


@pytest.mark.parametrize("name", ["a", "other"])
@pytest.mark.parametrize("kind", [b"0", b"\0", b"7", b"L", b"K", b"x", b"g", b"S", b"?"])
@pytest.mark.parametrize(
    "size", [HUGE, b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"junk", b"%011o\0" % 9999]
)
def test_what_members_claim_is_not_believed(tmp_path, name, kind, size):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header(name, kind, size) + bytes(1024)))
    refused(lambda: list(readers.unpack(tmp_path / "a.tar.gz", ["a"], 9999)), "a.tar.gz")


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_links_folders_and_devices_have_no_contents_whatever_they_claim(tmp_path, kind):
    contents = gzip.decompress(archive(a=b"abc"))
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header("a", kind, HUGE) + contents))
    assert list(readers.unpack(tmp_path / "a.tar.gz", ["a"], 9999)) == [("a", b"abc")]


def test_a_size_beside_the_header_is_not_believed(tmp_path):
    beside = header("p", b"x", b"%011o\0" % 26) + b"26 size=99999999999999999\n".ljust(512, b"\0")
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(beside + gzip.decompress(archive(a=b"abc"))))
    assert list(readers.unpack(tmp_path / "a.tar.gz", ["a"], 9999)) == [("a", b"abc")]


def test_a_member_is_there_once(tmp_path):
    twice = header("b/a") + b"abc".ljust(512, b"\0")
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(twice + twice + bytes(1024)))
    with pytest.raises(InputError, match="has 'a' twice"):
        list(readers.unpack(tmp_path / "a.tar.gz", ["a"], 9999))


@pytest.mark.parametrize("name", ["a", "a.gz", "a.tar.gz"])
def test_no_more_is_unpacked_than_the_longest_contents(tmp_path, name):
    pack = {"a": bytes, "a.gz": gzip.compress, "a.tar.gz": lambda contents: archive(a=contents)}[name]
    (tmp_path / name).write_bytes(pack(bytes(5000)))
    assert list(readers.unpack(tmp_path / name, ["a"], 5000)) == [("a", bytes(5000))]
    refused(lambda: list(readers.unpack(tmp_path / name, ["a"], 4999)), repr(str(tmp_path / name)), "4999")


@pytest.mark.parametrize("name", ["a.gz", "a.tar.gz"])
def test_a_file_that_unpacks_to_much_more_takes_little_memory(tmp_path, name):
    begins = gzip.decompress(archive(a=b"abc"))[:1024] + bytes(1024) if name == "a.tar.gz" else b""
    with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
        file.write(begins)
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        refused(lambda: list(readers.unpack(tmp_path / name, ["a"], 1 << 20)), name)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_progress_shows_on_a_terminal_when_asked_for(tmp_path, capsys, monkeypatch, terminal, progress):
    monkeypatch.setattr("numbaconc.how.tqdm", lambda *args, **kwargs: tqdm(*args, **kwargs | {"delay": 0}))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"packed"))
    assert list(readers.unpack(tmp_path / "a.gz", ["a"], 1 << 20, progress=progress)) == [("a", b"packed")]
    assert ("a.gz" in capsys.readouterr().err) is (terminal and progress)
