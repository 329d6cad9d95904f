"""What reads users' files of the formats of other programs, one target each: good files of these, with anything in them changed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random

import numpy as np

from fuzz import formats
from fuzz.mutate import mutated, number
from fuzz.targets import Own

POINTS = {"u1": np.arange(36, dtype=np.uint8).reshape(12, 3), "f4": (np.arange(36).reshape(12, 3) / 7).astype("f4")}
LABELS = np.arange(12) % 3


class Others(Own):
    """A format whose good files another package writes."""

    def prepare(self) -> None:
        for X in POINTS.values():
            for arrays in ({"X": X}, {"X_train": X, "X_test": X[:4]}, {"X": X, "y": LABELS}):
                if (contents := self.written(arrays)) is not None:
                    self.examples.append(contents)

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        """Return a file of some arrays; None where the format has no such file."""
        raise NotImplementedError

    def make(self, rng: Random) -> bytes:
        data = rng.choice(self.examples)
        for _ in range(rng.choice((1, 1, 2, 5))):
            data = mutated(data, rng)
        return data


FIELDS = [
    "1",
    "-0.5",
    "1e3",
    "1e400",
    "nan",
    "inf",
    "",
    " ",
    "x",
    "1_0",
    "0x1",
    '"',
    "'",
    "#",
    "\x00",
    "\x1b[31m",
    "é",
    "9" * 400,
]
HEADS = ["a", "y", "x", "label", "uncertainty", "y_train", "", "0", "1", "2", "a b", '"', "\x1b[31m", "é" * 90]


class csv_table(Others):
    suffix = ".csv"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        if "X" not in arrays:
            return None
        columns = [arrays["X"], *(one[:, None] for name, one in arrays.items() if name != "X")]
        file = io.StringIO()
        rows = np.hstack(columns).tolist()
        csv.writer(file).writerows([["a", "b", "c", "y"][: len(rows[0])], *rows])
        return file.getvalue().encode()

    def make(self, rng: Random) -> bytes:
        if rng.random() < 0.3:
            return super().make(rng)
        separator, end = formats.some(rng, ",", ";", "\t", "|", ""), formats.some(rng, "\n", "\r\n", "\r", "\n\n")
        width = formats.some(rng, 3, 1, 2, 300)
        head = (
            [rng.choice(HEADS) for _ in range(width)]
            if rng.random() < 0.4
            else ["a", "b", "y", *map(str, range(300))][:width]
        )
        lines = [head] if rng.random() < 0.7 else []
        for _ in range(formats.some(rng, 12, 0, 1, 40)):
            line = [str(rng.randrange(9)) for _ in range(width)]
            if rng.random() < 0.03:
                line[rng.randrange(width)] = rng.choice([*FIELDS, str(number(rng))])
            lines.append(line if rng.random() < 0.99 else line[:-1])
        text = end.join(map(separator.join, lines))
        return formats.some(rng, b"", b"\xef\xbb\xbf", b"\xff\xfe") + text.encode(
            formats.some(rng, "utf-8", "latin-1", "utf-16"), "replace"
        )


class parquet(Others):
    suffix = ".parquet"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if "X" not in arrays:
            return None
        X, beside = arrays["X"], {name: one for name, one in arrays.items() if name != "X"}
        table = (
            pa.table(dict(zip("abc", X.T, strict=True)) | beside)
            if beside
            else pa.table({"v": pa.FixedSizeListArray.from_arrays(X.ravel(), 3)})
        )
        file = io.BytesIO()
        pq.write_table(table, file, row_group_size=5)
        return file.getvalue()


class hdf5(Others):
    suffix = ".h5"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        import h5py

        file = io.BytesIO()
        with h5py.File(file, "w") as out:
            for name, one in arrays.items():
                out.create_dataset(name, data=one, chunks=True, compression="gzip")
        return file.getvalue()


class nc_arrays(Others):
    suffix = ".nc"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        import xarray as xr

        dims = {name: tuple(f"{name}{axis}" for axis in range(one.ndim)) for name, one in arrays.items()}
        xr.Dataset({name: (dims[name], one) for name, one in arrays.items()}).to_netcdf(path := self.folder / "made.nc")
        return path.read_bytes()


class own_mat(Others):
    suffix = ".mat"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        import scipy.io

        file = io.BytesIO()
        scipy.io.savemat(file, arrays, do_compression="y" in arrays)
        return file.getvalue()


class pt(Others):
    suffix = ".pt"

    def written(self, arrays: dict[str, np.ndarray]) -> bytes | None:
        import torch

        file = io.BytesIO()
        tensors = {name: torch.tensor(one) for name, one in arrays.items()}
        torch.save(tensors, file)
        return file.getvalue()

    def make(self, rng: Random) -> bytes:
        """The pickle in a good archive may say anything, too: checksums are right then."""
        import zipfile

        data = rng.choice(self.examples)
        if rng.random() < 0.3:
            return super().make(rng)
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as good, zipfile.ZipFile(file, "w") as out:
            for name in good.namelist():
                contents = good.read(name)
                out.writestr(name, mutated(contents, rng) if name.endswith(".pkl") or rng.random() < 0.1 else contents)
        return file.getvalue()


class png(Others):
    """One of the images in a folder."""

    def prepare(self) -> None:
        self.path = self.folder / "photos" / "b.png"
        self.path.parent.mkdir()
        for mode in ("L", "RGB"):
            self.examples.append(self.image(mode))
        for name in "acdefghijk":
            (self.path.parent / f"{name}.png").write_bytes(self.image("L"))
        self.examples = self.examples[:1]

    @staticmethod
    def image(mode: str) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.new(mode, (5, 4), 3).save(file, "png")
        return file.getvalue()

    def read(self) -> None:
        whole, self.path = self.path, self.path.parent
        try:
            super().read()
        finally:
            self.path = Path(whole)
