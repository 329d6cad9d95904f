"""Image data sets: what exists, where it lies, whether it is the published one, and how to get it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
from numpy.typing import ArrayLike, NDArray

from numbaconc.data.arrays import Told, as_sample, in_words
from numbaconc.data.columns import check_names
from numbaconc.data.files import as_path, check_writable
from numbaconc.data.formats.known import KNOWN, is_there, name_of, own_files
from numbaconc.data.formats.own import read_own
from numbaconc.data.published import readers
from numbaconc.data.published.people import people_disagree
from numbaconc.data.published.places import PathLike, by_file, data_folders, find, homes, lacking, not_found
from numbaconc.data.published.registry import CIFAR_TEST, PEOPLE, REGISTRY, VERIFIED_WORDS, Published
from numbaconc.data.sample import Sample
from numbaconc.data.splits import MIN_ROWS, TEST_FRACTION, check_unused, kept, split
from numbaconc.errors import (
    InputError,
    check_choice,
    check_count,
    check_flag,
    check_fraction,
    check_text,
    did_you_mean,
    printable,
    shown,
)
from numbaconc.how import bar
from numbaconc.reprs import Shown, range_of

DOWNLOAD_CHUNK = 1 << 16  # bytes
DIGITS_SEED = 0  # the split of the bundled digits
DIGITS_FILE = "sklearn/datasets/data/digits.csv.gz"
DIGITS_SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"  # of all, (1797, 64) uint8
DIGITS_LABELS_SHA256 = "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"  # (1797,) uint8


class DataNotFoundError(InputError):
    """A data set of the registry is not on disk."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """A data set, loaded; `train, test = data` takes its two samples.

    Attributes
    ----------
    name : str
        Its name in the registry, or the stem of the user's file.
    train, test : Sample
        The points, with their labels where these are on disk.
    verified : bool or None
        Whether the contents are the published ones; None for the user's own.
    """

    name: str
    train: Sample
    test: Sample
    verified: bool | None

    def __iter__(self) -> Iterator[Sample]:
        return iter((self.train, self.test))

    def _facts(self) -> dict[str, object]:
        first: dict[str, object] = {"name": repr(self.name), "contents": VERIFIED_WORDS[self.verified]}
        first |= {"train": self.train.shape, "test": self.test.shape}
        ends = [one.seen for one in self if one.seen]
        seen = range_of((min(low for low, _ in ends), max(high for _, high in ends))) if len(ends) == 2 else None
        return first | self.train._facts() | {"shape": None, "range": seen, "note": "; ".join(self.notes)}

    @property
    def notes(self) -> list[str]:
        """What was done to the data on the way in; what is said of both samples is said once."""
        alike = self.test.note.replace("X_test", "X_train") in self.train.note
        return [note for note in (self.train.note, "" if alike else self.test.note) if note]

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


def load_dataset(  # noqa: PLR0913  # they say which data, and how they are taken
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    verify: bool = True,
    test_fraction: float | None = None,
    seed: int | None = None,
    progress: bool = False,
    max_train: int | None = None,
    key: str | None = None,
    normalize: tuple[ArrayLike, ArrayLike] | str | None = None,
    scale: ArrayLike | None = None,
    drop: str | int | Iterable[str | int] | None = None,
) -> Dataset:
    """Load a data set from disk; nothing is downloaded.

    Parameters
    ----------
    name : str or path-like
        A name of the registry (`digits`, `mnist`, `fashion_mnist`, `cifar10`, `cifar10h`, `svhn`); or the path of a file,
        `.npy`, `.npz`, `.csv`, `.tsv`, `.parquet`, `.h5`, `.nc`, `.zarr`, `.mat` or `.pt`, of a folder of images, or two of
        train and test with a comma between. Arrays are found by usual names, such as `X_train`, `y_train` and
        `uncertainty_train`.
    data_dir, verify, progress : path-like, optional, and bool
        The folder of the data: by default `$NUMBACONC_DATA_DIR`, then `./data`, then the user cache. Refuse contents that
        are not the published ones. Show a bar on a terminal while a large archive is unpacked.
    test_fraction, seed : float, and int, optional
        Share of the rows that become test rows, in (0, 1), of digits, cifar10h and a single array, and of the permutation
        that splits the latter two; 0.2 and 0 if not given.
    max_train, key : int, and str, optional
        Keep so many of the training points, drawn evenly. The array in the user's file, or TRAIN,TEST.
    normalize, scale, drop : optional
        As in `as_sample`, of the user's files: what pixels were normalized by, a pair or "0.1307/0.3081"; what columns are
        divided by, "standard", "range" or numbers, told by training points alone; columns left out, "id,name" or 0.

    Returns
    -------
    Dataset
        Images are uint8 rows in the file's order of coordinates, of unit 1/255: CIFAR-10 has planes red, green, blue, SVHN
        height, width, channel; the digits' unit is 1/16. Labels are `y` of both where a file has them. `cifar10h` has
        `uncertainty` too, the `label_uncertainty` of people (Peterson and others, ICCV 2019).

    Raises
    ------
    InputError
        If a name is unknown, a data set not on disk (DataNotFoundError), a file not what it claims or not the published one,
        or an argument without effect or wrong.
    """
    share = None if test_fraction is None else check_fraction("test_fraction", test_fraction, one_allowed=False)
    seed = None if seed is None else check_count("seed", seed, low=0)
    verify, progress = check_flag("verify", verify), check_flag("progress", progress)
    key, told = None if key is None else check_text("key", key), Told.checked(normalize, scale, drop)
    known = str(as_path(name, "data set")) if isinstance(name, os.PathLike) else name if isinstance(name, str) else ""
    if known not in REGISTRY:
        train, test = read_own(_paths_of(name, known), key, share, seed, max_train, told)
        check_names(scale, train.space.columns)
        return Dataset(printable(name_of(known)), train, test, verified=None)
    check_own(known, {"key": key} | told._asdict())
    data = _load_known(known, data_dir, share, seed, verify=verify, progress=progress)
    return data if max_train is None else replace(data, train=data.train.take(kept(len(data.train), max_train)))


def _paths_of(name: object, known: str) -> list[Path]:
    """Return the paths of a user's data; InputError for what is neither a path nor a data set of the registry."""
    if not (paths := own_files(known) if known else []):
        missing = "" if not known or is_there(known) else " (there is no file or folder of that name)"
        msg = f"data set is {shown(name)}; allowed: {', '.join(REGISTRY)}, or a path: {KNOWN}"
        raise InputError(msg + (did_you_mean(name, tuple(REGISTRY)) or missing))
    return paths


def check_own(name: str, given: Mapping[str, object]) -> None:
    """Refuse what is told of a user's file beside data that are known: InputError."""
    for what, value in given.items():
        if value is not None:
            msg = f"{what} is {in_words(value)} with {name}; allowed: with a file of your own"
            raise InputError(msg)


def _load_known(
    name: str,
    data_dir: PathLike | None,
    test_fraction: float | None,
    seed: int | None,
    *,
    verify: bool,
    progress: bool,
) -> Dataset:
    share = TEST_FRACTION if test_fraction is None else test_fraction
    if name == "digits":
        check_unused(seed=seed)
        return _load_digits(share)
    if name != "cifar10h":
        check_unused(seed=seed, test_fraction=test_fraction)
    contents = _contents(name, data_dir, verify=verify, progress=progress)
    return _load_images(name, contents) if name != "cifar10h" else _load_people(name, contents, share, seed or 0)


def _load_digits(test_fraction: float) -> Dataset:
    levels, y = _digits()
    found = [hashlib.sha256(array.tobytes()).hexdigest() for array in (levels, y)]
    sample = Sample(levels, 1 / 16, (0.0, 1.0), y=y)
    train, test = map(sample.take, split(len(sample), test_fraction, DIGITS_SEED))
    return Dataset("digits", train, test, found == [DIGITS_SHA256, DIGITS_LABELS_SHA256])


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return scikit-learn's digits, levels 0 to 16, and labels, from its file: importing scikit-learn is slow."""
    file = Path(str(importlib.metadata.distribution("scikit-learn").locate_file(DIGITS_FILE)))
    if file.is_file():
        rows = np.loadtxt(file, np.uint8, delimiter=",")  # the last column is the label
        return np.ascontiguousarray(rows[:, :-1]), rows[:, -1]
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data.astype(np.uint8), bunch.target.astype(np.uint8)


class Contents(NamedTuple):
    """What a file of a data set holds, or one of the members of an archive: `where` is what messages call it."""

    part: str
    where: str
    data: bytes
    published: bool


def _contents(name: str, data_dir: PathLike | None, *, verify: bool, progress: bool) -> Iterator[Contents]:
    """Yield the contents of a data set: images before their labels. InputError if they are not to be had, or others."""
    entry, found = REGISTRY[name], find(name, data_dir)
    if lacking(name, found):
        raise DataNotFoundError(not_found(name, found, data_dir))
    for path, parts in by_file(found).items():
        for part, data in readers.unpack(path, parts, entry.longest, progress=progress):
            where = repr(str(path)) if part in path.name else f"{str(path)!r} ({part})"
            sha256, expected = hashlib.sha256(data).hexdigest(), entry.contents[part]
            if verify and sha256 != expected:  # before anything in it is believed
                msg = f"file {where} is not the published one: its contents have SHA-256 {sha256}, expected {expected}"
                msg += "; to use it all the same: verify=False (command line: --unverified-data)"
                raise InputError(msg)
            yield Contents(part, where, data, sha256 == expected)


def _load_images(name: str, contents: Iterator[Contents]) -> Dataset:
    entry, verified = REGISTRY[name], True
    assert entry.parse is not None  # only the digits have none  # noqa: S101
    assert entry.parse_labels is not None  # noqa: S101
    images: dict[str, NDArray[np.uint8]] = {}
    labels: dict[str, NDArray[np.int64] | None] = {}
    for part, where, data, published in contents:
        of = entry.labels.get(part, part)
        if part == of:
            images[of] = entry.parse(data, where, entry.shape)
        if part != of or not entry.labels:
            labels[of] = entry.parse_labels(data, where, len(images[of]))
        verified = verified and published
    parts = [part for part in entry.contents if part in images and part != entry.test]
    X_test, y_test = np.concatenate([images.pop(entry.test)]), labels.get(entry.test)  # a copy: the file's bytes can go
    X_train, told = np.concatenate([images.pop(part) for part in parts]), [labels.get(part) for part in parts]
    known = [y for y in told if y is not None]
    y_train = np.concatenate(known) if len(known) == len(parts) else None
    train = as_sample(X_train, name=f"{name} (train)", y=y_train)
    test = as_sample(X_test, name=f"{name} (test)", y=y_test)
    return Dataset(name, train, test, verified)


def _load_people(name: str, contents: Iterator[Contents], test_fraction: float, seed: int) -> Dataset:
    read = {one.part: one for one in contents}
    images, votes = read[CIFAR_TEST], read[PEOPLE]
    X = readers.cifar_batch(images.data, images.where, REGISTRY[name].shape)
    y = readers.cifar_labels(images.data, images.where, len(X))
    uncertainty = people_disagree(votes.data, votes.where, y)
    sample = as_sample(X, name=name, min_rows=2 * MIN_ROWS, y=y, uncertainty=uncertainty)
    train, test = map(sample.take, split(len(sample), test_fraction, seed))
    return Dataset(name, train, test, all(one.published for one in read.values()))


def listing(data_dir: PathLike | None = None) -> list[Status]:
    """Return, for every data set of the registry, whether it is on disk; no file is read."""
    rows = []
    for name, entry in REGISTRY.items():
        found = find(name, data_dir)
        missing, more = lacking(name, found), ""
        if missing:
            more = "incomplete" * any(found.values())
        elif None in found.values():
            more = "without labels"
        detail = "; ".join(filter(None, (entry.description, more, entry.license)))
        state = "bundled" if not entry.files else "missing" if missing else "on disk"
        last = None if missing or not found else [path for path in found.values() if path is not None][-1].parent
        rows.append(Status(name, state, last, detail))
    return rows


def check(name: str, data_dir: PathLike | None = None, *, progress: bool = False) -> list[Status]:
    """Return, for every file of a data set of the registry, whether its contents are the published ones.

    Labels that are not on disk have no row. `data_dir` and `progress` as in `load_dataset`. InputError if the name is
    unknown.
    """
    entry = REGISTRY[check_choice("data set", name, tuple(REGISTRY))]
    if not entry.files:
        return [Status(name, "bundled", detail=entry.description)]
    rows = {part: Status(part, "missing") for part in entry.contents if part not in entry.labels}
    for path, parts in by_file(find(name, data_dir)).items():
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

    The files go to the folder `name` of `data_dir`; by default of `$NUMBACONC_DATA_DIR`, then of the user cache. Labels
    go to where the images are, if these are the published ones. InputError if the name is unknown, the set needs no
    download, no address gives the published file, or a wrong file that would be read first is in the way.
    """
    rows = check(name, data_dir, progress=progress)
    if rows[0].state == "bundled":
        msg = f"data set {name!r} needs no download: {rows[0].detail}"
        raise InputError(msg)
    good = {row.name: row.path for row in rows if row.state == "verified" and row.path is not None}
    targets: dict[Path, Published] = {}
    for home, files in homes(name).items():
        needed = [part for file in files for part in file.contents if part not in REGISTRY[name].labels]
        whole = good.keys() >= set(needed)
        folder = good[needed[-1]].parent if whole else data_folders(data_dir)[-1] / home
        targets |= {folder / file.name: file for file in files if not (whole and good.keys() >= file.contents.keys())}
    for row in rows:
        if row.state == "wrong" and row.path not in targets:
            msg = f"file {str(row.path)!r} is not the published one but would be read first; move it away"
            raise InputError(msg)
    for target, file in targets.items():
        _download(file, target, progress=progress)
    return folder  # of its own files, which are the last


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
