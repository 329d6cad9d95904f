"""What reads a file, one target each: how its files are made, and what the package does with them."""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

import numbaconc as nc
from fuzz import formats
from numbaconc.data.datasets import check

READERS: dict[str, type[Target]] = {}


class Target:
    """A reader. `folder` is an empty one of its own; every file is written to `path` before it is read.

    `examples` are files that must be read without complaint; `found` are those that once were not refused in one line.
    """

    suffix = ""

    def __init_subclass__(cls) -> None:
        READERS[cls.__name__] = cls

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / f"file{self.suffix}"
        self.examples: list[bytes] = []
        self.found: list[bytes] = []
        self.prepare()

    def prepare(self) -> None:
        """Set the path and what else there is."""

    def make(self, rng: Random) -> bytes:
        """Return a file that may be wrong in any way."""
        raise NotImplementedError

    def read(self) -> None:
        """Read the file as the package does; assert that what comes of it is valid."""
        raise NotImplementedError


def valid(sample: nc.Sample) -> None:
    assert sample.X.ndim == 2
    assert sample.X.dtype in (np.uint8, np.float32, np.float64)
    assert sample.X.size
    assert np.isfinite(sample.X).all()
    assert sample.y is None or (sample.y.shape == (len(sample),) and sample.y.dtype.kind in "iU")
    assert sample.uncertainty is None or sample.uncertainty.shape == (len(sample),)


# Data


DROPS = {1: 0, 2: "a,1", 3: "y"}  # columns that are left out of some files, by their length, where there are such ones


class Own(Target):
    def read(self) -> None:
        if (drop := DROPS.get(self.path.stat().st_size % 8)) is not None:
            with contextlib.suppress(nc.InputError):
                valid(nc.load_dataset(self.path, drop=drop).train)
        data = nc.load_dataset(self.path)
        valid(data.train)
        valid(data.test)


class npy(Own):
    suffix = ".npy"

    def prepare(self) -> None:
        self.examples = [
            formats.npy_of(np.arange(36, dtype=np.uint8).reshape(12, 3)),
            formats.npy_of(np.arange(24).reshape(12, 2) / 7),
        ]
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }\n"
        for shape in (
            b"1099511627776, 3",
            b"4, 99999999999999",
            b"(" * 300 + b")" * 300,
            b"0, 3",
            b"9" * 5000 + b", 3",
        ):
            text = header % shape
            self.found.append(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(36))

    def make(self, rng: Random) -> bytes:
        return formats.npy(rng)


class npz(Own):
    suffix = ".npz"

    def prepare(self) -> None:
        X = np.arange(36, dtype=np.uint8).reshape(12, 3)
        told = {"y": np.arange(12), "uncertainty": np.ones(12)}
        for arrays in ({"X": X}, {"X_train": X, "X_test": X}, {"X": X} | told):
            file = io.BytesIO()
            np.savez_compressed(file, **arrays)
            self.examples.append(file.getvalue())
        bomb = formats.npy_of(np.zeros((1, 1), np.uint8)) + bytes(1 << 26)
        self.found = [
            formats.archive([("X.npy", bomb)], Random(5)),
            formats.archive([("X.npy", b"no array")], Random(1)),
        ]

    def make(self, rng: Random) -> bytes:
        return formats.npz(rng)


class Registered(Target):
    """Files of a data set of the registry: the others of the set are good."""

    name = ""
    others: dict[str, Callable[[], bytes]]

    def read(self) -> None:
        self.count = getattr(self, "count", 0) + 1
        if self.count % 4 == 0:
            rows = check(self.name, self.folder)
            assert all(row.state in ("verified", "wrong", "missing") for row in rows)
            assert all(row.detail.isprintable() and len(row.detail) < 600 for row in rows)
        data = nc.load_dataset(self.name, data_dir=self.folder, verify=self.count % 16 == 15)
        valid(data.train)
        valid(data.test)

    def among(self, name: str, **others: bytes) -> None:
        folder = self.folder / self.name
        folder.mkdir()
        self.path = folder / name
        for other, contents in others.items():
            (folder / other).write_bytes(contents)


IMAGES = formats.idx_of(np.arange(2 * 784).astype(np.uint8).reshape(2, 28, 28))


class idx(Registered):
    name = "mnist"

    def prepare(self) -> None:
        self.among("train-images-idx3-ubyte", **{"t10k-images-idx3-ubyte": IMAGES})
        self.examples = [IMAGES]
        self.found = [IMAGES[:4] + b"\xff" * 4 + IMAGES[8:], IMAGES[:4] + b"\xff" * 12 + IMAGES[16:]]

    def make(self, rng: Random) -> bytes:
        return formats.idx(rng)


class gz(Registered):
    name = "mnist"

    def prepare(self) -> None:
        self.among("train-images-idx3-ubyte.gz", **{"t10k-images-idx3-ubyte": IMAGES})
        self.examples = [gzip.compress(IMAGES), gzip.compress(IMAGES[:100]) + gzip.compress(IMAGES[100:])]
        self.found = [gzip.compress(bytes(1 << 26)) * 9, gzip.compress(IMAGES) + b"x"]

    def make(self, rng: Random) -> bytes:
        return formats.gz(formats.idx(rng), rng)


BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
BATCH = bytes(3073 * 2)


class cifar_bin(Registered):
    name = "cifar10"

    def prepare(self) -> None:
        self.among(BATCHES[0], **dict.fromkeys(BATCHES[1:], BATCH))
        self.examples = [BATCH]

    def make(self, rng: Random) -> bytes:
        return formats.cifar(rng)


class tar_gz(Registered):
    name = "cifar10"

    def prepare(self) -> None:
        self.among("cifar-10-binary.tar.gz")
        self.members = [(b"cifar-10-batches-bin/" + name.encode(), BATCH) for name in BATCHES]
        self.examples = [gzip.compress(formats.tar(self.members), 1)]
        for kind in b"0LKSxg5\0":  # 2^60 bytes claimed
            for size in (b"\x80" + bytes(3) + b"\x0f" + b"\xff" * 7, b"77777777777\0", b"\xff" * 12):
                head = bytearray(formats.tar_member(b"data_batch_1.bin", b""))
                head[124:136], head[156], head[148:156] = size, kind, b" " * 8
                head[148:156] = b"%06o\0 " % sum(head)
                self.found.append(gzip.compress(bytes(head) + bytes(1024)))
        self.found.append(gzip.compress(bytes(1 << 26)) * 9)
        self.found.append(gzip.compress(formats.tar([(b"x", bytes(1 << 26))])[:-1024]) * 9)

    def make(self, rng: Random) -> bytes:
        members = list(self.members)
        if rng.random() < 0.3:
            members[rng.randrange(6)] = (members[rng.randrange(6)][0], formats.cifar(rng))
        if rng.random() < 0.2:
            name = rng.choice([b"x", b"../../x", b"\x1b[31m", b"\xff\xfe", b"data_batch_1.bin", b"a/" * 49])
            members.insert(rng.randrange(6), (name, rng.randbytes(rng.choice((0, 1, 512, 600)))))
        if rng.random() < 0.2:
            del members[rng.randrange(len(members))]
        whole = formats.tar(members, rng)
        if rng.random() < 0.3:
            whole = formats.mutated(whole, rng)
        return formats.gz(whole, rng) if rng.random() < 0.3 else gzip.compress(whole, 1)


class mat(Registered):
    name = "svhn"

    def prepare(self) -> None:
        values = np.zeros((32, 32, 3, 2), np.uint8)
        good = formats.mat_of(values)
        self.among("train_32x32.mat", **{"test_32x32.mat": good})
        self.examples = [good]
        data = good.index(values.tobytes("F")) - 8
        self.found = [good[:data] + bytes([kind, 0, 0, 0]) + good[data + 4 :] for kind in (0, 8, 10, 14, 15, 18, 200)]

    def make(self, rng: Random) -> bytes:
        return formats.mat(rng)


class idx_labels(Registered):
    name = "mnist"

    def prepare(self) -> None:
        self.among("train-labels-idx1-ubyte", **{f"{part}-images-idx3-ubyte": IMAGES for part in ("train", "t10k")})
        self.examples = [b"\0\0\x08\x01\0\0\0\x02\x09\0"]
        self.found = [b"\0\0\x08\x01" + b"\xff" * 4 + b"\x09\0", b"\0\0\x08\x01\0\0\0\x02\x09\x0a"]

    def make(self, rng: Random) -> bytes:
        return formats.idx_labels(rng, 2)


class mat_labels(mat):
    """Good images, and labels that may be anything."""

    def prepare(self) -> None:
        super().prepare()
        self.images = self.examples[0]
        self.examples = [self.images + formats.mat_of(np.array([[1], [10]], np.uint8), b"y")[128:]]
        self.found = []

    def make(self, rng: Random) -> bytes:
        y = formats.mat_of(np.array([[1], [rng.randrange(256)]], np.uint8), b"y", rng)[128:]
        return self.images + (formats.mutated(y, rng) if rng.random() < 0.3 else y)


class people(Registered):
    name = "cifar10h"

    def prepare(self) -> None:
        (self.folder / "test_batch.bin").write_bytes(bytes(3073 * 12))
        self.among("cifar10h-probs.npy")
        self.examples = [formats.npy_of(np.eye(12, 10) + 0.1)]
        self.found = [formats.npy_of(np.eye(12, 10))]  # nobody named a label

    def make(self, rng: Random) -> bytes:
        return formats.npy(rng) if rng.random() < 0.5 else formats.mutated(self.examples[0], rng)


class wrong(Target):
    """A reader that has every fault, one after another."""

    def prepare(self) -> None:
        self.examples = [b"good"]
        self.found = [b"raises", b"lines", b"escape", b"memory", b"crash", b"hang"]

    def read(self) -> None:
        text = self.path.read_text()
        error = nc.InputError("damaged")
        if text == "raises":
            raise KeyError(text)
        if text in ("lines", "escape"):
            error.args = ({"lines": "a\nb", "escape": "a\x1b[31m"}[text],)
            raise error
        if text == "memory":
            try:
                bytearray(1 << 34)
            except MemoryError as cause:
                raise error from cause
        if text == "crash":
            ctypes.string_at(0)
        if text == "hang":
            while True:
                pass
