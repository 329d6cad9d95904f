"""What result files hold: dimensions, variables, and how a file came to be."""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numbaconc.data.published.registry import VERIFIED_WORDS as VERIFIED_WORDS  # results say it, too
from numbaconc.errors import InputError

if TYPE_CHECKING:
    from numbaconc.search.base import Search

SPLITS = ("train", "test")
FIRST_DIMENSIONS, LAST_DIMENSIONS = ("search", "alpha", "dataset", "epsilon", "T", "q"), ("seed", "split")
DIMENSIONS = FIRST_DIMENSIONS + LAST_DIMENSIONS  # a search's further coordinates come between the two
SCHEMA = "numbaconc results, version 1"
EPSILON_UNIT = "epsilon_unit"  # of each data set, in words
BESIDE = ("data_sha256", EPSILON_UNIT)  # text, which `ds.mean("seed")` and the like could not reduce: coordinates


class Stored(NamedTuple):
    """A variable that every case of a result may have; whether it differs between restarts, and between samples."""

    long_name: str
    by_seed: bool = True
    by_split: bool = False


STORED = {
    "risk": Stored("fraction of the points in the region", by_split=True),
    "adversarial_risk": Stored("fraction of the points in the region's expansion by epsilon", by_split=True),
    "q_found": Stored("q of least training adversarial risk with training risk >= alpha"),
    "margin": Stored("asked for beyond alpha, settled on training points held back"),
    "compared": Stored("what the best of several searches was chosen from"),
    "vc_dimension": Stored("at most the VC dimension of the collection that the search chose from", by_seed=False),
    "certified_count": Stored(
        "m + K: test points in the expansion of the region whose border lies at the m-th of them"
    ),
    "n_compared": Stored(
        "certificates at alpha that hold together, at 95% confidence, lower bounds among them", by_seed=False
    ),
    "lower_bound": Stored("h(μ, α, ε) is at least that, by pairs of test points within epsilon", by_seed=False),
    "isolated": Stored("test points with no other within epsilon", by_seed=False),
    "uncertainty": Stored("mean label uncertainty of the points in the region", by_split=True),
    "uncertainty_at_least": Stored("of the region with that border: mean label uncertainty, at least, 95% confidence"),
    "n_tied": Stored("test points at that border beside the m-th, of which that bound has a part drawn at random"),
    "robust_accuracy": Stored("of a classifier whose clean error is alpha, to be compared", by_seed=False),
    "error": Stored("why a case has no values"),
}
BY_SPLIT = tuple(name for name, one in STORED.items() if one.by_split)
LONG_NAMES = {name: one.long_name for name, one in STORED.items()} | {
    "epsilon": "strength of the expansion, in the unit of epsilon_unit",
    "T": "number of sets",
    "q": "fraction of the training points clustered, dense first",
    "seed": "seed of the random restart",
    "split": "sample measured on",
    "alpha": "risk threshold",
    "kept_seed": "seed of the restart whose region is kept",
    "n_points": "points in the sample",
    "data_sha256": "hash of the sample's contents",
    EPSILON_UNIT: "what epsilon is in",
    "search": "how the region was found",
    "measure_at_least": "L: with 95% confidence, together with U, the kept region has at least this measure",
    "expansion_at_most": "U: its expansion by epsilon has at most this measure, hence h(μ, L, ε) ≤ U",
    "certified": "U: with 95% confidence h(μ, α, ε) is at most this",
    "strength": "strength of an expansion of the kept region, in that unit",
    "adversarial_risk_at": "fraction of the points in the kept region's expansion by strength",
}

TEXT = ("search", "dataset", "split", *BESIDE, "compared", "error")  # all else that is named here is numbers
TEXT_ATTRIBUTES = (
    "search",
    "search_coordinates",
    "norm",
    "settings",
    "command",
    "created",
    "data_verified",
    "differing",
)
TAKEN = {*DIMENSIONS, *LONG_NAMES} - {"T", "q", "seed"}  # names that no coordinate of a search has


def check_coordinates(search: type[Search]) -> None:
    """Refuse a search that calls one of its coordinates as results call something else: InputError."""
    for name, one in search.settings().items():
        if one.coordinate in TAKEN:
            msg = f"coordinate of setting {name!r} of {search.__name__} is {one.coordinate!r}; allowed: no name in results"
            raise InputError(msg)


def dimensions_with(names: Iterable[str]) -> tuple[str, ...]:
    """Return the dimensions of a result whose searches have further coordinates, in order."""
    further = tuple(dict.fromkeys(name for name in names if name not in DIMENSIONS))
    return (*FIRST_DIMENSIONS, *further, *LAST_DIMENSIONS)


def provenance(**settings: object) -> dict[str, Any]:
    """Attributes that say how a file came to be: versions, command, time, and the settings given."""
    attrs: dict[str, Any] = {"schema": SCHEMA, "numbaconc_version": importlib.metadata.version("numbaconc")}
    attrs |= {f"{package}_version": importlib.metadata.version(package) for package in ("numpy", "numba")}
    attrs["python_version"] = platform.python_version()
    attrs["machine"] = machine()
    attrs["created"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    attrs["command"] = " ".join([_program(), *sys.argv[1:]])
    attrs |= {name: int(value) if isinstance(value, bool) else value for name, value in settings.items()}
    return attrs


@functools.cache
def machine() -> str:
    """Describe the machine: its processor, how many of them, and its system."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # where there is none, the above must do
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}"


def _program() -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {module.name.removesuffix('.__main__')}" if module else Path(sys.argv[0]).name
