"""Files of each format from their parts, any of which may be wrong while checksums are right."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

import numpy as np

from fuzz.mutate import mutated, number, word

DTYPES = [
    *(
        "|u1",
        "|i1",
        "|b1",
        "<f2",
        "<f4",
        ">f4",
        "<f8",
        ">f8",
        "<i8",
        ">u2",
        "<i4",
        "<c8",
        "<c16",
        "<f16",
        "|O",
        "<U5",
        "|S3",
    ),
    *(
        "|V8",
        "|V0",
        "<U0",
        "|S0",
        "<M8[s]",
        "<m8[D]",
        "<V99999999",
        "<U999999999",
        "x",
        "",
        "<f3",
        "u1,f4",
        "99999999f8",
    ),
]
NAMES = [
    "X",
    "X",
    "X_train",
    "X_test",
    "y",
    "uncertainty",
    "y_train",
    "",
    ".npy",
    "../X",
    "/X",
    "X\n\x1b[31m",
    "é",
    "x" * 300,
    "X/X",
    "levels",
    "centers",
]


def some(rng: Random, *choices):
    """The first of some values mostly, otherwise one of the others."""
    return choices[0] if rng.random() < 0.6 else rng.choice(choices)


def array(rng: Random) -> np.ndarray:
    """A small array of any plain type and shape, with odd values now and then."""
    shape = some(
        rng,
        (12, 3),
        (12, 2, 2),
        (12, 2, 2, 3),
        (1, 3),
        (6, 3),
        (0, 3),
        (3, 0),
        (6,),
        (),
        (2, 2, 2, 2, 2),
        (1,) * 32,
        (300, 2),
    )
    dtype = some(rng, "u1", "f4", "f8", "f2", "i8", "u2", "?", "c8", ">f4", ">i4", "S2", "U2", "M8[s]", "V3")
    values = np.frombuffer(rng.randbytes(int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype).reshape(shape)
    if values.dtype.kind == "f" and rng.random() < 0.7:
        values = (np.arange(values.size).reshape(shape) / 7).astype(dtype)
        if values.size and rng.random() < 0.3:
            values.flat[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, -np.inf, 1e38, 1e-45, -0.0, 6e4))
    return values


def npy_of(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _npy_shape(rng: Random, shape) -> str:
    n = number(rng)
    odd = [
        (n, 3),
        (3, n),
        (n,),
        (n, n, n),
        (-1, 3),
        (1.5, 2),
        (True, 3),
        (),
        (2**70, 1),
        ((12, 3),),
        (0, 2**62),
        (2**32, 2**32),
    ]
    return some(
        rng,
        repr(shape),
        *map(repr, odd),
        "None",
        "[12, 3]",
        "(12, 3",
        "12",
        "'x'",
        "(" * 200 + ")" * 200,
        "(12,3)*9",
        "{}",
    )


def npy(rng: Random) -> bytes:
    """An .npy file whose header may promise anything."""
    values = array(rng)
    if rng.random() < 0.4:
        return mutated(npy_of(values), rng)
    descr = some(
        rng, repr(values.dtype.str), *map(repr, DTYPES), "[('a', '<f4')]", "None", "['<f4']", "3", "('<f4', (2,))"
    )
    fortran = some(rng, "False", "True", "1", "None", "'x'")
    parts = [f"'descr': {descr}", f"'fortran_order': {fortran}", f"'shape': {_npy_shape(rng, values.shape)}"]
    parts += some(rng, [], ["'x': 1"], ["'shape': (1, 1)"], ["'y': " + "[" * 90 + "]" * 90])
    del parts[some(rng, len(parts), 0, 1, 2) :]
    header = ("{" + ", ".join(parts) + ", }" + some(rng, "", " " * 9000, " " * 70000, "\x00", "#")).encode() + some(
        rng, b"\n", b""
    )
    major = some(rng, 1, 2, 3, 0, 4, 255)
    size = some(rng, len(header), number(rng), 0)
    length = struct.pack("<I", size % 2**32) if major >= 2 else struct.pack("<H", size % 2**16)
    data = values.tobytes()
    data = some(rng, data, data[:-1], data * 2, b"", mutated(data, rng))
    return b"\x93NUMPY" + bytes([major, some(rng, 0, 1, 255)]) + length + header + data


def archive(members: dict[str, bytes] | list[tuple[str, bytes]], rng: Random) -> bytes:
    """A zip archive with right checksums, mostly; sizes, methods and flags in it may be wrong."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, contents in members.items() if isinstance(members, dict) else members:
            method = some(rng, zipfile.ZIP_STORED, *[zipfile.ZIP_DEFLATED] * 9, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            out.writestr(zipfile.ZipInfo(name), contents, method)
        if rng.random() < 0.1:
            out.comment = rng.randbytes(rng.choice((1, 50, 60000)))
    data = file.getvalue()
    return _claims(data, rng) if rng.random() < 0.3 else data


def _claims(data: bytes, rng: Random) -> bytes:
    """Change one field of one header: versions, flags, method, time, checksum, sizes, lengths, offsets."""
    marks = [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46), (b"PK\x05\x06", 22)]
    mark, size = rng.choice(marks)
    places = [at for at in range(len(data)) if data.startswith(mark, at)] if len(data) < 20000 else [data.rfind(mark)]
    if not places or places[0] < 0:
        return data
    at = rng.choice(places) + 4 + 2 * rng.randrange((size - 4) // 2)
    new = word(rng, rng.choice((2, 4)))
    return data[:at] + new + data[at + len(new) :]


def npz(rng: Random) -> bytes:
    """An .npz file: arrays, or anything, under right names or others, once or more often."""
    members = []
    for name in some(rng, ("X",), ("X_train", "X_test"), ("X", "X"), ("X_train",), tuple(rng.sample(NAMES, 3)), ()):
        contents = some(rng, npy_of(array(rng)), npy(rng), rng.randbytes(50), b"", gzip.compress(npy_of(array(rng))))
        members.append((name + some(rng, ".npy", "", ".npy.npy"), contents))
    if rng.random() < 0.03:
        members = [("X.npy", archive(members, rng))]
    data = archive(members, rng)
    return mutated(data, rng) if rng.random() < 0.3 else data


def idx_of(values: np.ndarray) -> bytes:
    return b"\x00\x00\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def idx(rng: Random) -> bytes:
    """An IDX file of images."""
    n = rng.randrange(1, 4)
    data = idx_of(np.frombuffer(rng.randbytes(n * 784), np.uint8).reshape(n, 28, 28))
    if rng.random() < 0.5:
        return mutated(data, rng)
    sizes = [some(rng, one, number(rng) % 2**32, 0) for one in (n, 28, 28)]
    magic = bytes(some(rng, one, rng.randrange(256)) for one in (0, 0, 8, 3))
    return magic + struct.pack(">3I", *sizes) + some(rng, data[16:], data[16:-1], data[16:] + b"x", b"", data[16:800])


def gz(contents: bytes, rng: Random) -> bytes:
    """A .gz file with a right checksum, mostly: once or twice packed, in several parts, with more behind it."""
    packed = gzip.compress(contents, 1)
    half = len(contents) // 2
    ways: list[Callable[[], bytes]] = [
        lambda: packed,
        lambda: gzip.compress(packed, 1),
        lambda: gzip.compress(contents[:half], 1) + gzip.compress(contents[half:], 1),
        lambda: packed + bytes(rng.randrange(100)),
        lambda: packed + rng.randbytes(9),
        lambda: packed[:-8] + rng.randbytes(8),
        lambda: packed[:-4] + word(rng, 4),
        lambda: packed[:3] + bytes([rng.randrange(256)]) + packed[4:],
        lambda: packed[:10] + rng.randbytes(40),
        lambda: zlib.compress(contents, 1),
        lambda: contents,
        lambda: mutated(packed, rng),
        lambda: mutated(packed, rng),
    ]
    return some(rng, *ways)()


def cifar(rng: Random, n: int = 2) -> bytes:
    """A batch of CIFAR-10's binary version."""
    label = bytes([some(rng, rng.randrange(10), rng.randrange(256))])
    data = (label + bytes([rng.randrange(256)]) * 3072) * n
    return some(rng, data, data[:-1], data + b"\x00", b"", data[: rng.randrange(len(data))], mutated(data, rng))


def _octal(value: int, size: int) -> bytes:
    return (
        b"%0*o\0" % (size - 1, value)
        if 0 <= value < 8 ** (size - 1)
        else b"\x80" + (value % 2**64).to_bytes(size - 1, "big")
    )


def tar_member(name: bytes, contents: bytes, rng: Random | None = None) -> bytes:
    """A member of a tar archive; with `rng` one whose header may say anything under a right checksum."""
    rng = rng or Random(0)
    odd = rng.random() < 0.25
    size = some(rng, len(contents), number(rng), 2**60, -1, 8 * 2**30) if odd else len(contents)
    kind = rng.choice(b"01234567LKSxgDMNVA\0\xff") if odd and rng.random() < 0.6 else ord("0")
    head = bytearray(512)
    head[: len(name[:100])] = name[:100]
    head[100:124] = _octal(0o644, 8) + _octal(0, 8) + _octal(0, 8)
    head[124:148] = _octal(size, 12) + _octal(0, 12)
    head[156] = kind
    head[257:265] = some(rng, b"ustar\x0000", b"ustar  \0", bytes(8)) if odd else b"ustar\x0000"
    if odd and rng.random() < 0.3:
        at = rng.randrange(505)
        new = word(rng)
        head[at : at + len(new)] = new
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % (sum(head) + (0 if rng.random() < 0.98 else 1))
    return bytes(head[:512]) + contents + bytes(-len(contents) % 512)


def tar(members: list[tuple[bytes, bytes]], rng: Random | None = None) -> bytes:
    """A tar archive, uncompressed."""
    parts = []
    for name, contents in members:
        if rng and rng.random() < 0.05:
            key = rng.choice(
                (b"size", b"path", b"GNU.sparse.size", b"GNU.sparse.map", b"GNU.sparse.realsize", b"mtime")
            )
            record = b" %s=%s\n" % (
                key,
                rng.choice((b"99999999999999999", b"-1", b"1e9", b"x", b"0,1", b"nan", b"9" * 5000)),
            )
            size = next(n for n in range(len(record), len(record) + 9) if len(str(n)) + len(record) == n)
            pax = bytearray(tar_member(b"pax", b"%d%s" % (some(rng, size, number(rng)), record)))
            pax[156] = rng.choice(b"xg")
            pax[148:156] = b" " * 8
            pax[148:156] = b"%06o\0 " % sum(pax[:512])
            parts.append(bytes(pax))
        parts.append(tar_member(name, contents, rng))
    return b"".join(parts) + bytes(1024)


def _element(kind: int, data: bytes, rng: Random) -> bytes:
    kind, size = some(rng, kind, number(rng) % 20), len(data) if rng.random() < 0.95 else number(rng) % 2**32
    if len(data) <= 4 and rng.random() < 0.5:
        return struct.pack("<HH", kind % 2**16, size % 2**16) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, size) + data + bytes(-len(data) % 8)


def mat_of(values: np.ndarray, name: bytes = b"X", rng: Random | None = None) -> bytes:
    """A MATLAB 5 file of one array of bytes; with `rng`, one whose tags may say anything."""
    if rng is None or rng.random() < 0.3:
        rng, odd = Random(9), False
    else:
        odd = True
    rng_random = rng.random
    pick = some if odd else lambda _, first, *__: first
    dims = [pick(rng, size, number(rng) % 2**31, 0) for size in values.shape]
    dims = pick(rng, dims, dims[:-1], [*dims, 1], [], dims * 10)
    data = values.tobytes("F")
    data = pick(rng, data, data[:-1], data + b"x" * 9, b"")
    flags = struct.pack(
        "<II", pick(rng, 9, *range(20), 9 | 0x800, 9 | 0x400, 9 | 0x200), pick(rng, 0, number(rng) % 2**32)
    )
    make = (
        _element
        if odd and rng_random() < 0.7
        else lambda kind, data, _: struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)
    )
    parts = [
        make(6, flags, rng),
        make(5, struct.pack(f"<{len(dims)}i", *dims), rng),
        make(1, pick(rng, name, b"", b"Y", b"X" * 100, b"\x1b[31m"), rng),
        make(pick(rng, 2, *range(25), 200), data, rng),
    ]
    if odd and rng_random() < 0.1:
        rng.shuffle(parts)
    body = b"".join(parts[: pick(rng, 4, 0, 1, 2, 3)])
    whole = make(14, body, rng)
    whole = pick(rng, whole, whole + whole, make(14, whole, rng), make(pick(rng, 7, 3, 200), whole, rng) + whole)
    if odd and rng_random() < 0.4:
        packed = pick(rng, zlib.compress(whole, 1), zlib.compress(whole, 1)[:-1], zlib.compress(zlib.compress(whole)))
        whole = struct.pack("<II", 15, pick(rng, len(packed), number(rng) % 2**32)) + packed
    head = b"MATLAB 5.0 MAT-file".ljust(124) + pick(rng, b"\x00\x01IM", b"\x01\x00MI", b"\x00\x02IM", b"\x00\x01XX")
    return head + whole


def idx_labels(rng: Random, n: int) -> bytes:
    """An IDX file of labels."""
    magic = some(rng, b"\0\0\x08\x01", b"\0\0\x08\x03", b"\0\0\x0d\x01")
    whole = magic + struct.pack(">I", some(rng, n, number(rng) % 2**32)) + bytes(some(rng, n, rng.randrange(9)))
    return mutated(whole, rng) if rng.random() < 0.5 else whole


def mat(rng: Random) -> bytes:
    """A .mat file as SVHN's are."""
    values = np.full((32, 32, 3, some(rng, 2, 1, 0)), rng.randrange(256), np.uint8)
    if rng.random() < 0.4:
        return mutated(mat_of(values), rng)
    data = mat_of(values, rng=rng)
    return mutated(data, rng) if rng.random() < 0.2 else data
