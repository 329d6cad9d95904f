"""The data sets that numbaconc knows: where they are published, and the hash of everything in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.published import readers

VERIFIED_WORDS = {True: "the published contents", False: "NOT the published contents", None: "the user's own"}


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
    of : str
        The data set in whose folder it lies, if that is another one than it is a file of.
    """

    addresses: tuple[str, ...]
    sha256: str
    contents: dict[str, str]
    of: str = ""

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.addresses[0].rpartition("/")[2]


@dataclass(frozen=True)
class Entry:
    """A data set of the registry; `data/README.md` names sources, licenses and numbers of images.

    Attributes
    ----------
    description : str
        One line.
    shape : tuple of int
        Of one image, in the order of its coordinates.
    files : tuple of Published
        All but those of labels are needed. None for the digits.
    longest : int
        Bytes of the longest of the contents. Of files that hold more, no more is read, whatever they claim.
    test : str
        The contents that are the test images; all other images are training images, in order.
    parse, parse_labels : callable or None
        Turn contents into images, and into their labels: parsers of `numbaconc.data.published.readers`.
    labels : mapping of str to str
        The contents that are labels, and whose; where there are none, labels are in the same contents as the images.
    subfolder : str
        What its archive unpacks to.
    shares_names : bool
        Another data set has files of the same names, so that these need a folder of their own.
    license : str
        What is said wherever the set is listed, fetched or checked, where its license asks for that.
    """

    description: str
    shape: tuple[int, ...]
    files: tuple[Published, ...] = ()
    longest: int = 0
    test: str = ""
    parse: Callable[[bytes, str, tuple[int, ...]], NDArray[np.uint8]] | None = None
    parse_labels: Callable[[bytes, str, int], NDArray[np.int64] | None] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    subfolder: str = ""
    shares_names: bool = False
    license: str = ""

    @property
    def contents(self) -> dict[str, str]:
        """All contents: names, and SHA-256 of each."""
        return {part: sha256 for file in self.files for part, sha256 in file.contents.items()}


def _svhn(part: str, sha256: str) -> Published:
    name = f"{part}_32x32.mat"
    return Published((f"http://ufldl.stanford.edu/housenumbers/{name}",), sha256, {name: sha256})


def _mnist_like(description: str, folders: tuple[str, ...], **sha256: tuple[str, str]) -> Entry:
    """Describe a set in MNIST's format by two hashes of each of its files: as published (.gz), and of the contents."""
    names = {what: f"{what.replace('_', '-')}-idx{3 if what.endswith('images') else 1}-ubyte" for what in sha256}
    files = tuple(
        Published(tuple(f"{folder}{names[what]}.gz" for folder in folders), packed, {names[what]: contents})
        for what, (packed, contents) in sha256.items()
    )
    longest = 16 + 60_000 * 28 * 28  # a header, then the training images
    labels = {names[f"{part}_labels"]: names[f"{part}_images"] for part in ("train", "t10k")}
    parsers = readers.idx_images, readers.idx_labels
    return Entry(description, (28, 28), files, longest, names["t10k_images"], *parsers, labels, shares_names=True)


CIFAR = Published(
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
)
CIFAR_BATCH = 10_000 * (1 + 3 * 32 * 32)  # bytes of labels and images
CIFAR_TEST = "test_batch.bin"
PEOPLE = "cifar10h-probs.npy"  # how people label the test images

REGISTRY = {
    "digits": Entry("handwritten digits, bundled with scikit-learn (17 levels)", shape=(8, 8)),
    "mnist": _mnist_like(
        "handwritten digits, gray",
        folders=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        train_images=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        t10k_images=(
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        train_labels=(
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        t10k_labels=(
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion_mnist": _mnist_like(
        "articles of clothing, gray",
        folders=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        train_images=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        t10k_images=(
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        train_labels=(
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        t10k_labels=(
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "cifar10": Entry(
        "photographs of ten kinds of things, color",
        shape=(3, 32, 32),
        files=(CIFAR,),
        longest=CIFAR_BATCH,
        test=CIFAR_TEST,
        parse=readers.cifar_batch,
        parse_labels=readers.cifar_labels,
        subfolder="cifar-10-batches-bin",
    ),
    "cifar10h": Entry(
        "the test images of cifar10, and how people label them",
        shape=(3, 32, 32),
        files=(
            replace(CIFAR, contents={CIFAR_TEST: CIFAR.contents[CIFAR_TEST]}, of="cifar10"),
            Published(
                (f"https://raw.githubusercontent.com/jcpeterson/cifar-10h/master/data/{PEOPLE}",),
                "436ae98620e00073f9d08585ac870573b588853e7af9f54eb1647408114af77d",
                {PEOPLE: "436ae98620e00073f9d08585ac870573b588853e7af9f54eb1647408114af77d"},
            ),
        ),
        longest=CIFAR_BATCH,
        test=CIFAR_TEST,
        parse=readers.cifar_batch,
        parse_labels=readers.cifar_labels,
        license="license of the labels: CC BY-NC-SA 4.0, not for commercial use; github.com/jcpeterson/cifar-10h",
    ),
    "svhn": Entry(
        "house numbers in street views (format 2), color",
        shape=(32, 32, 3),
        files=(
            _svhn("train", "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
            _svhn("test", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
        ),
        longest=73_257 * (32 * 32 * 3 + 8) + 1024,  # images and labels, not packed
        test="test_32x32.mat",
        parse=readers.svhn_images,
        parse_labels=readers.svhn_labels,
    ),
}
