"""Image data sets: what exists, where it lies, whether it is the published one, and how to get it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pooch
from numpy.typing import NDArray

from numbaconc.data import readers
from numbaconc.data.arrays import as_sample
from numbaconc.data.files import as_path, cache_dir, check_writable
from numbaconc.data.own import read_own
from numbaconc.data.registry import REGISTRY, Published
from numbaconc.data.sample import Sample
from numbaconc.data.splits import TEST_FRACTION, check_unused, kept, split
from numbaconc.errors import (
    InputError,
    check_choice,
    check_count,
    check_flag,
    check_fraction,
    did_you_mean,
    printable,
    shown,
)
from numbaconc.how import bar

PathLike: TypeAlias = "str | os.PathLike[str]"

OWN_FILES = (".npy", ".npz")  # users' files
DOWNLOAD_CHUNK = 1 << 16  # bytes
DIGITS_SEED = 0  # the split of the bundled digits
DIGITS_FILE = "sklearn/datasets/data/digits.csv.gz"
DIGITS_SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"  # of all, (1797, 64) uint8


class DataNotFoundError(InputError):
    """A data set of the registry is not on disk."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, loaded.

    Attributes
    ----------
    name : str
        Its name in the registry, or the stem of the user's file.
    train, test : Sample
        The points.
    verified : bool or None
        Whether the contents are the published ones; None for the user's own.
    """

    name: str
    train: Sample
    test: Sample
    verified: bool | None

    @property
    def sha256(self) -> str:
        """SHA-256 of the contents of train and test together, in hexadecimal."""
        return hashlib.sha256(f"{self.train.sha256} {self.test.sha256}".encode()).hexdigest()


@dataclass(frozen=True)
class Status:
    """What is on disk of a data set (`listing`) or of one file of it (`check`).

    Attributes
    ----------
    name : str
        Of the data set, or of the file's contents.
    state : str
        "bundled", "missing", "on disk" (not looked into); from `check` also "verified" or "wrong".
    path : pathlib.Path or None
        The folder, or the file.
    detail : str
        One line for the reader.
    """

    name: str
    state: str
    path: Path | None = None
    detail: str = ""


def load_dataset(
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    verify: bool = True,
    test_fraction: float | None = None,
    seed: int | None = None,
    progress: bool = False,
    max_train: int | None = None,
) -> Dataset:
    """Load a data set from disk; nothing is downloaded.

    Parameters
    ----------
    name : str or path-like
        A name of the registry (`digits`, `mnist`, `fashion_mnist`, `cifar10`, `svhn`), or a path to an `.npz` file with
        arrays `X_train` and `X_test`, or one `X`, or to an `.npy` file with one array.
    data_dir : path-like, optional
        The folder of the data; by default `$NUMBACONC_DATA_DIR`, then `./data`, then the user cache.
    verify : bool
        Refuse contents that are not the published ones.
    test_fraction : float, optional
        Share of the rows that become test rows, in (0, 1), of the digits and of a single array; 0.2 if not given.
        Other data have test rows.
    seed : int, optional
        Seed of the permutation that splits a user's single array; 0 if not given, as the digits always have.
    progress : bool
        Show a bar while a large archive is unpacked, if standard error is a terminal.
    max_train : int, optional
        Keep so many of the training points, drawn evenly; all if not given. Of a user's file, unless it is compressed,
        no others are in memory but those looked at just then.

    Returns
    -------
    Dataset
        Images are uint8 rows in the file's order of coordinates: (n, 784) for MNIST and Fashion-MNIST, (n, 3072) planes
        red, green, blue for CIFAR-10, (n, 3072) height, width, channel for SVHN, with unit 1/255; (n, 64) with unit 1/16
        for the digits.

    Raises
    ------
    DataNotFoundError
        If the data set is not on disk.
    InputError
        If the name is unknown, a file is not what it claims, its contents are not the published ones (unless `verify`
        is False), or an argument has no effect on it.
    """
    share = None if test_fraction is None else check_fraction("test_fraction", test_fraction, one_allowed=False)
    seed = None if seed is None else check_count("seed", seed, low=0)
    verify, progress = check_flag("verify", verify), check_flag("progress", progress)
    known = str(as_path(name, "data set")) if isinstance(name, os.PathLike) else name if isinstance(name, str) else ""
    if known in REGISTRY:
        data = _load_known(known, data_dir, share, seed, verify=verify, progress=progress)
        return data if max_train is None else replace(data, train=data.train.take(kept(len(data.train), max_train)))
    if known and (path := as_path(known, "data set")).suffix.lower() in OWN_FILES:
        train, test = read_own(path, share, seed, max_train)
        return Dataset(printable(path.stem), train, test, verified=None)
    msg = f"data set is {shown(name)}; allowed: {', '.join(REGISTRY)}, or a path to an .npz or .npy file"
    msg += did_you_mean(name, tuple(REGISTRY))
    raise InputError(msg)


def _load_known(
    name: str, data_dir: PathLike | None, test_fraction: float | None, seed: int | None, *, verify: bool, progress: bool
) -> Dataset:
    check_unused(seed=seed)
    if name == "digits":
        return _load_digits(TEST_FRACTION if test_fraction is None else test_fraction)
    check_unused(test_fraction=test_fraction)
    return _load_images(name, data_dir, verify=verify, progress=progress)


def _load_digits(test_fraction: float) -> Dataset:
    X = _digits()
    verified = hashlib.sha256(X.tobytes()).hexdigest() == DIGITS_SHA256
    sample = Sample(X, 1 / 16, (0.0, 1.0))
    train, test = map(sample.take, split(len(sample), test_fraction, DIGITS_SEED))
    return Dataset("digits", train, test, verified)


def _digits() -> NDArray[np.uint8]:
    """Return scikit-learn's digits, levels 0 to 16, from its file: importing scikit-learn is slow."""
    file = Path(str(importlib.metadata.distribution("scikit-learn").locate_file(DIGITS_FILE)))
    if file.is_file():
        return np.loadtxt(file, np.uint8, delimiter=",", usecols=range(64))  # the last column is the label
    from sklearn.datasets import load_digits

    levels: NDArray[np.uint8] = load_digits().data.astype(np.uint8)
    return levels


def _load_images(name: str, data_dir: PathLike | None, *, verify: bool, progress: bool) -> Dataset:
    entry, found = REGISTRY[name], _find(name, data_dir)
    assert entry.parse is not None  # only the digits have none  # noqa: S101
    if None in found.values():
        raise DataNotFoundError(_not_found(name, found, data_dir))
    images, verified = {}, True
    for path, parts in _by_file(found).items():
        for part, contents in readers.unpack(path, parts, entry.longest, progress=progress):
            where = repr(str(path)) if part in path.name else f"{str(path)!r} ({part})"
            sha256, expected = hashlib.sha256(contents).hexdigest(), entry.contents[part]
            if verify and sha256 != expected:  # before anything in it is believed
                msg = f"file {where} is not the published one: its contents have SHA-256 {sha256}, expected {expected}"
                msg += "; to use it all the same: verify=False (command line: --unverified-data)"
                raise InputError(msg)
            images[part] = entry.parse(contents, where, entry.shape)
            verified = verified and sha256 == expected
    X_test = np.concatenate([images.pop(entry.test)])  # a copy, so that the file's bytes can go
    X_train = np.concatenate([images.pop(part) for part in entry.contents if part != entry.test])
    train, test = as_sample(X_train, name=f"{name} (train)"), as_sample(X_test, name=f"{name} (test)")
    return Dataset(name, train, test, verified)


def data_folders(data_dir: PathLike | None = None) -> list[Path]:
    """Return the folders that are searched for data, in order.

    The one that is given; otherwise `$NUMBACONC_DATA_DIR` if set; otherwise `./data` and the user cache.
    """
    given = data_dir or os.environ.get("NUMBACONC_DATA_DIR")
    return [as_path(given, "data_dir")] if given else [Path("data"), cache_dir() / "data"]


def _places(name: str, data_dir: PathLike | None) -> Iterator[Path]:
    entry = REGISTRY[name]
    for folder in data_folders(data_dir):
        plain_folder = not entry.shares_names or folder.resolve().name == name
        for place in [folder / name, folder] if plain_folder else [folder / name]:
            if entry.subfolder:
                yield place / entry.subfolder
            yield place


def _find(name: str, data_dir: PathLike | None) -> dict[str, Path | None]:
    """Return which file holds each of the contents, of the first place with all of them, else with the most."""
    files = REGISTRY[name].files
    best: dict[str, Path | None] = dict.fromkeys(REGISTRY[name].contents)
    for place in _places(name, data_dir):
        with readers.reading(repr(str(place)), "a data folder"):
            found = {
                part: next((path for path in (place / part, place / file.name) if path.is_file()), None)
                for file in files
                for part in file.contents
            }
        if sum(map(bool, found.values())) > sum(map(bool, best.values())):
            best = found
    return best


def _by_file(found: dict[str, Path | None]) -> dict[Path, list[str]]:
    files: dict[Path, list[str]] = {}
    for part, path in found.items():
        if path is not None:
            files.setdefault(path, []).append(part)
    return files


def _not_found(name: str, found: dict[str, Path | None], data_dir: PathLike | None) -> str:
    missing = f" ({', '.join(part for part in found if not found[part])})" if any(found.values()) else ""
    looked = " and ".join(str(folder) for folder in data_folders(data_dir))
    option = f" --data-dir {data_dir}" if data_dir else ""
    how = f"numbaconc data fetch {name}{option} gets it"
    return f"data set {name!r} is not on disk{missing}: looked in {looked} (folder {name}); {how}"


def listing(data_dir: PathLike | None = None) -> list[Status]:
    """Return, for every data set of the registry, whether it is on disk; no file is read."""
    rows = []
    for name, entry in REGISTRY.items():
        found = list(_find(name, data_dir).values())
        if not entry.files:
            rows.append(Status(name, "bundled", detail=entry.description))
        elif found[0] is None or None in found:
            rows.append(Status(name, "missing", detail=entry.description + "; incomplete" * any(found)))
        else:
            rows.append(Status(name, "on disk", found[0].parent, entry.description))
    return rows


def check(name: str, data_dir: PathLike | None = None, *, progress: bool = False) -> list[Status]:
    """Return, for every file of a data set of the registry, whether its contents are the published ones.

    `data_dir` and `progress` as in `load_dataset`. InputError if the name is unknown.
    """
    entry = REGISTRY[check_choice("data set", name, tuple(REGISTRY))]
    if not entry.files:
        return [Status(name, "bundled", detail=entry.description)]
    rows = {part: Status(part, "missing") for part in entry.contents}
    for path, parts in _by_file(_find(name, data_dir)).items():
        try:
            for part, contents in readers.unpack(path, parts, entry.longest, progress=progress):
                expected, found = entry.contents[part], hashlib.sha256(contents).hexdigest()
                detail = "" if found == expected else f"SHA-256 {found}, expected {expected}"
                rows[part] = Status(part, "wrong" if detail else "verified", path, detail)
        except InputError as error:
            rows |= {part: Status(part, "wrong", path, str(error)) for part in parts}
    return list(rows.values())


def fetch(name: str, *, data_dir: PathLike | None = None, progress: bool = False) -> Path:
    """Download a data set of the registry, unless its published contents are on disk already; return its folder.

    The files go to the folder `name` of `data_dir`; by default of `$NUMBACONC_DATA_DIR`, then of the user cache.
    InputError if the name is unknown, the set needs no download, no address gives the published file, or a wrong file
    that would be read first is in the way.
    """
    rows = check(name, data_dir, progress=progress)
    if rows[0].state == "bundled":
        msg = f"data set {name!r} needs no download: {rows[0].detail}"
        raise InputError(msg)
    if rows[0].path is not None and all(row.state == "verified" for row in rows):
        return rows[0].path.parent
    folder = data_folders(data_dir)[-1] / name
    targets = {folder / file.name: file for file in REGISTRY[name].files}
    for row in rows:
        if row.state == "wrong" and row.path not in targets:
            msg = f"file {str(row.path)!r} is not the published one but would be read first; move it away"
            raise InputError(msg)
    for target, file in targets.items():
        _download(file, target, progress=progress)
    return folder


def _download(file: Published, target: Path, *, progress: bool) -> None:
    pooch.get_logger().setLevel("WARNING")  # progress has its own bar
    existed = target.parent.exists()
    check_writable(target)
    failures = []
    for address in file.addresses:
        try:
            with bar(what=file.name, shown=progress, total=1) as shown:  # a bar of total 0 is none to pooch
                shown.unit, shown.unit_scale = "B", True
                shown.delay = 0  # pooch restarts it in the end, and a bar that waits would not be cleared
                downloader = pooch.HTTPDownloader(progressbar=shown, chunk_size=DOWNLOAD_CHUNK)
                pooch.retrieve(address, f"sha256:{file.sha256}", target.name, target.parent, downloader=downloader)
            target.chmod(0o644)  # a temporary file's is 0o600
        except (OSError, ValueError) as error:  # no connection or no room; another hash
            said = re.split(r" \(Caused by| for url:", str(error))[0]
            if isinstance(error, ValueError):
                said = "not the published file, by its SHA-256"
            failures.append(f"{address}: {textwrap.shorten(said, 120)}")
        else:
            return
    if not existed:
        with contextlib.suppress(OSError):
            target.parent.rmdir()
    msg = f"{file.name} could not be fetched ({'; '.join(failures)}); get it by hand and put it at {target}"
    raise InputError(msg)
