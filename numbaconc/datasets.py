"""Image data sets: what exists, where it lies, whether it is the published one, and how to get it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pooch
from tqdm import tqdm

from numbaconc import readers
from numbaconc.arrays import Sample, as_sample, check_width
from numbaconc.errors import InputError, check_choice, check_count, check_fraction, did_you_mean
from numbaconc.files import cache_dir, check_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

PathLike: TypeAlias = "str | os.PathLike[str]"

OWN_FILES = {".npy": b"\x93NUMPY", ".npz": b"PK"}  # users' files: suffix, and how they begin
MIN_ROWS = 2  # of train and of test
DOWNLOAD_CHUNK = 1 << 16  # bytes
DIGITS_SEED = 0  # the split of the bundled digits
DIGITS_SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"  # of all, (1797, 64) uint8


class DataNotFoundError(InputError):
    """A data set of the registry is not on disk."""


@dataclass(frozen=True)
class Published:
    """A file as it is published.

    Attributes
    ----------
    addresses : tuple of str
        Where it can be had; they are tried in order.
    sha256 : str
        Of the published file.
    contents : dict of str to str
        What is in it, uncompressed (itself if it is not packed): names, and SHA-256 of each.
    """

    addresses: tuple[str, ...]
    sha256: str
    contents: dict[str, str]

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.addresses[0].rpartition("/")[2]


@dataclass(frozen=True)
class Entry:
    """A data set of the registry.

    Attributes
    ----------
    description, license, source : str
        One line each.
    shape : tuple of int
        Of one image, in the order of its coordinates.
    n_train, n_test : int
        Numbers of images; the digits are split on loading.
    files : tuple of Published
        Images only: labels are not needed. None for the digits.
    test : str
        The contents that are the test images; all others are training images, in order.
    parse : callable or None
        Turns contents into images: one of the parsers of `numbaconc.readers`.
    subfolder : str
        What its archive unpacks to.
    shares_names : bool
        Another data set has files of the same names, so that these need a folder of their own.
    """

    description: str
    license: str
    source: str
    shape: tuple[int, ...]
    n_train: int
    n_test: int
    files: tuple[Published, ...] = ()
    test: str = ""
    parse: Callable[[bytes, str, tuple[int, ...]], NDArray[np.uint8]] | None = None
    subfolder: str = ""
    shares_names: bool = False

    @property
    def contents(self) -> dict[str, str]:
        """All contents: names, and SHA-256 of each."""
        return {part: sha256 for file in self.files for part, sha256 in file.contents.items()}


def _idx(folders: tuple[str, ...], **sha256: tuple[str, str]) -> tuple[Published, ...]:
    """Describe MNIST-like files by the hashes of `train` and `t10k`: as published (.gz), and of the contents."""
    names = {part: f"{part}-images-idx3-ubyte" for part in sha256}
    return tuple(
        Published(tuple(f"{folder}{names[part]}.gz" for folder in folders), packed, {names[part]: contents})
        for part, (packed, contents) in sha256.items()
    )


def _svhn(part: str, sha256: str) -> Published:
    name = f"{part}_32x32.mat"
    return Published((f"http://ufldl.stanford.edu/housenumbers/{name}",), sha256, {name: sha256})


REGISTRY = {
    "digits": Entry(
        "handwritten digits, bundled with scikit-learn (17 levels)",
        license="CC BY 4.0",
        source="https://archive.ics.uci.edu/dataset/80",
        shape=(8, 8),
        n_train=1438,
        n_test=359,
    ),
    "mnist": Entry(
        "handwritten digits, gray",
        license="CC BY-SA 3.0",
        source="http://yann.lecun.com/exdb/mnist/",
        shape=(28, 28),
        n_train=60000,
        n_test=10000,
        files=_idx(
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
            train=(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            t10k=(
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
        ),
        test="t10k-images-idx3-ubyte",
        parse=readers.idx_images,
        shares_names=True,
    ),
    "fashion_mnist": Entry(
        "articles of clothing, gray",
        license="MIT",
        source="https://github.com/zalandoresearch/fashion-mnist",
        shape=(28, 28),
        n_train=60000,
        n_test=10000,
        files=_idx(
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            train=(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            t10k=(
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
        ),
        test="t10k-images-idx3-ubyte",
        parse=readers.idx_images,
        shares_names=True,
    ),
    "cifar10": Entry(
        "photographs of ten kinds of things, color",
        license="none stated",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        shape=(3, 32, 32),
        n_train=50000,
        n_test=10000,
        files=(
            Published(
                ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                {
                    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
                },
            ),
        ),
        test="test_batch.bin",
        parse=readers.cifar_batch,
        subfolder="cifar-10-batches-bin",
    ),
    "svhn": Entry(
        "house numbers in street views (format 2), color",
        license="non-commercial use only",
        source="http://ufldl.stanford.edu/housenumbers/",
        shape=(32, 32, 3),
        n_train=73257,
        n_test=26032,
        files=(
            _svhn("train", "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
            _svhn("test", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
        ),
        test="test_32x32.mat",
        parse=readers.svhn_images,
    ),
}


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
    expected, found : str or None
        SHA-256 of the contents as published, and on disk; None where not known.
    """

    name: str
    state: str
    path: Path | None = None
    detail: str = ""
    expected: str | None = None
    found: str | None = None


def load_dataset(
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    verify: bool = True,
    test_fraction: float = 0.2,
    seed: int = 0,
    progress: bool = False,
) -> Dataset:
    """Load a data set from disk; nothing is downloaded.

    Parameters
    ----------
    name : str or path-like
        A name of the registry (`digits`, `mnist`, `fashion_mnist`, `cifar10`, `svhn`), or a path to an
        `.npz` file with arrays `X_train` and `X_test`, or one `X`, or to an `.npy` file with one array.
    data_dir : path-like, optional
        The folder of the data; by default `$NUMBACONC_DATA_DIR`, then `./data`, then the user cache.
    verify : bool
        Refuse contents that are not the published ones.
    test_fraction : float
        Share of the rows that become test rows, in (0, 1), of the digits and of a single array.
    seed : int
        Seed of the permutation that splits a user's single array. The digits always use 0.
    progress : bool
        Show a bar while a large archive is unpacked, if standard error is a terminal.

    Returns
    -------
    Dataset
        Images are uint8 rows in the file's order of coordinates: (n, 784) for MNIST and
        Fashion-MNIST, (n, 3072) planes red, green, blue for CIFAR-10, (n, 3072) height, width,
        channel for SVHN, with unit 1/255; (n, 64) with unit 1/16 for the digits.

    Raises
    ------
    DataNotFoundError
        If the data set is not on disk.
    InputError
        If the name is unknown, a file is not what it claims, or its contents are not the published
        ones (unless `verify` is False).
    """
    test_fraction = check_fraction("test_fraction", test_fraction, one_allowed=False)
    seed = check_count("seed", seed, low=0)
    known = os.fspath(name) if isinstance(name, str | os.PathLike) else ""
    if known == "digits":
        return _load_digits(test_fraction)
    if known in REGISTRY:
        return _load_images(known, data_dir, verify, progress)
    if (path := Path(known).expanduser()).suffix.lower() in OWN_FILES:
        return _load_own(path, test_fraction, seed)
    allowed = f"{', '.join(REGISTRY)}, or a path to an .npz or .npy file"
    msg = f"data set is {str(name)!r}; allowed: {allowed}{did_you_mean(name, tuple(REGISTRY))}"
    raise InputError(msg)


def _load_digits(test_fraction: float) -> Dataset:
    from sklearn.datasets import load_digits  # slow to import

    X = load_digits().data.astype(np.uint8)  # levels 0..16
    verified = hashlib.sha256(X.tobytes()).hexdigest() == DIGITS_SHA256
    train, test = _split(Sample(X, 1 / 16, (0.0, 1.0)), test_fraction, DIGITS_SEED)
    return Dataset("digits", train, test, verified)


def _load_images(name: str, data_dir: PathLike | None, verify: bool, progress: bool) -> Dataset:
    entry, found = REGISTRY[name], _find(name, data_dir)
    assert entry.parse is not None  # only the digits have none
    if None in found.values():
        raise DataNotFoundError(_not_found(name, found, data_dir))
    images, verified = {}, True
    for path, parts in _by_file(found).items():
        for part, contents in readers.unpack(path, parts, progress=progress):
            where = repr(str(path)) if part in path.name else f"{str(path)!r} ({part})"
            images[part] = entry.parse(contents, where, entry.shape)
            sha256, expected = hashlib.sha256(contents).hexdigest(), entry.contents[part]
            if verify and sha256 != expected:
                msg = f"file {where} is not the published one: its contents have SHA-256 {sha256}, expected {expected}"
                msg += "; to use it all the same: verify=False (command line: --unverified-data)"
                raise InputError(msg)
            verified = verified and sha256 == expected
    X_test = np.concatenate([images.pop(entry.test)])  # a copy, so that the file's bytes can go
    X_train = np.concatenate([images.pop(part) for part in entry.contents if part != entry.test])
    train, test = as_sample(X_train, name=f"{name} (train)"), as_sample(X_test, name=f"{name} (test)")
    return Dataset(name, train, test, verified)


def _load_own(path: Path, test_fraction: float, seed: int) -> Dataset:
    where = repr(str(path))
    if not path.exists():
        msg = f"file {where} does not exist; allowed: an .npz or .npy file"
        raise InputError(msg)
    with readers.reading(where, f"{path.suffix} of plain arrays"), path.open("rb") as file:
        begins = file.read(len(OWN_FILES[".npy"]))
        file.seek(0)
        if not begins.startswith(tuple(OWN_FILES.values())):
            msg = f"file {where} is neither .npy nor .npz: it begins with {begins.hex(' ') or 'nothing'}"
            raise InputError(msg)
        loaded = np.load(file, allow_pickle=False)
        arrays = {"X": loaded} if isinstance(loaded, np.ndarray) else _arrays(loaded, where)
    if "X" in arrays:
        sample = as_sample(arrays["X"], name="X", min_rows=2 * MIN_ROWS)
        return Dataset(path.stem, *_split(sample, test_fraction, seed), verified=None)
    train, test = (as_sample(arrays[key], name=key) for key in ("X_train", "X_test"))
    check_width(train, test)
    return Dataset(path.stem, train, test, verified=None)


def _arrays(loaded: np.lib.npyio.NpzFile, where: str) -> dict[str, NDArray[np.generic]]:
    with loaded:
        for keys in (("X_train", "X_test"), ("X",)):
            if set(keys) <= set(loaded.files):
                return {key: loaded[key] for key in keys}
        msg = f"file {where} has arrays {', '.join(loaded.files) or '(none)'}; allowed: X_train and X_test, or one X"
        raise InputError(msg)


def _split(sample: Sample, test_fraction: float, seed: int) -> tuple[Sample, Sample]:
    n = len(sample)
    n_test = round(n * test_fraction)
    if min(n_test, n - n_test) < MIN_ROWS:
        leaves = f"{n - n_test} train and {n_test} test rows of {n}"
        msg = f"test_fraction is {test_fraction}, which leaves {leaves}; allowed: at least {MIN_ROWS} of each"
        raise InputError(msg)
    order = np.random.default_rng(seed).permutation(n)
    return sample.take(np.sort(order[n_test:])), sample.take(np.sort(order[:n_test]))


def data_folders(data_dir: PathLike | None = None) -> list[Path]:
    """Return the folders that are searched for data, in order.

    Parameters
    ----------
    data_dir : path-like, optional
        If given it is the only one; otherwise `$NUMBACONC_DATA_DIR` if set; otherwise `./data` and
        the user cache.
    """
    given = data_dir or os.environ.get("NUMBACONC_DATA_DIR")
    return [Path(given).expanduser()] if given else [Path("data"), cache_dir() / "data"]


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
    missing = "" if not any(found.values()) else f" ({', '.join(part for part in found if not found[part])})"
    looked = ", ".join(str(place) for place in _places(name, data_dir))
    option = f" --data-dir {data_dir}" if data_dir else ""
    return f"data set {name!r} is not on disk{missing}: looked in {looked}; numbaconc data fetch {name}{option} gets it"


def listing(data_dir: PathLike | None = None) -> list[Status]:
    """Return, for every data set of the registry, whether it is on disk; no file is read."""
    rows = []
    for name, entry in REGISTRY.items():
        found = list(_find(name, data_dir).values())
        if not entry.files:
            rows.append(Status(name, "bundled", detail=entry.description))
        elif found[0] is None or None in found:
            detail = entry.description + "; incomplete" * any(found)
            rows.append(Status(name, "missing", detail=detail))
        else:
            rows.append(Status(name, "on disk", found[0].parent, entry.description))
    return rows


def check(name: str, data_dir: PathLike | None = None, *, progress: bool = False) -> list[Status]:
    """Return, for every file of a data set, whether its contents are the published ones.

    Parameters
    ----------
    name : str
        A name of the registry.
    data_dir : path-like, optional
        As in `load_dataset`.
    progress : bool
        Show a bar while a large archive is unpacked, if standard error is a terminal.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    entry = REGISTRY[check_choice("data set", name, tuple(REGISTRY))]
    if not entry.files:
        return [Status(name, "bundled", detail=entry.description)]
    rows = {part: Status(part, "missing", expected=sha256) for part, sha256 in entry.contents.items()}
    for path, parts in _by_file(_find(name, data_dir)).items():
        try:
            for part, contents in readers.unpack(path, parts, progress=progress):
                expected, found = entry.contents[part], hashlib.sha256(contents).hexdigest()
                state = "verified" if found == expected else "wrong"
                detail = "" if found == expected else f"SHA-256 {found}, expected {expected}"
                rows[part] = Status(part, state, path, detail, expected, found)
        except InputError as error:
            rows |= {part: Status(part, "wrong", path, str(error), entry.contents[part]) for part in parts}
    return list(rows.values())


def fetch(name: str, *, data_dir: PathLike | None = None, progress: bool = False) -> Path:
    """Download a data set, unless its published contents are on disk already.

    Parameters
    ----------
    name : str
        A name of the registry.
    data_dir : path-like, optional
        The files go to its folder `name`; by default to that of `$NUMBACONC_DATA_DIR`, then of the user cache.
    progress : bool
        Show bars, if standard error is a terminal.

    Returns
    -------
    pathlib.Path
        The folder with the files.

    Raises
    ------
    InputError
        If the name is unknown, the set needs no download, no address gives the published file, or
        a wrong file that would be read first is in the way.
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
        _download(file, target, progress)
    return folder


def _download(file: Published, target: Path, progress: bool) -> None:
    pooch.get_logger().setLevel("WARNING")  # progress has its own bar
    existed = target.parent.exists()
    check_writable(target)
    failures = []
    for address in file.addresses:
        hidden = None if progress else True  # None: hidden unless standard error is a terminal
        try:  # pooch takes a bar for none while its total is 0
            with tqdm(desc=file.name, total=1, disable=hidden, unit="B", unit_scale=True) as bar:
                downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=DOWNLOAD_CHUNK)
                pooch.retrieve(address, f"sha256:{file.sha256}", target.name, target.parent, downloader=downloader)
            target.chmod(0o644)  # a temporary file's is 0o600
        except (OSError, ValueError) as error:  # no connection or no room; another hash
            failures.append(f"{address}: {textwrap.shorten(str(error), 300)}")
        else:
            return
    if not existed:
        with contextlib.suppress(OSError):
            target.parent.rmdir()
    msg = f"{file.name} could not be fetched ({'; '.join(failures)}); get it by hand and put it at {target}"
    raise InputError(msg)
