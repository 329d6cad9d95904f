"""What every benchmark needs: rows, timers, data, and a process of its own for a call."""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import numbaconc as nc
from made import FLOATS, array_of
from numbaconc.kernels.threads import available_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OURS = "numbaconc"
THREADS = available_threads()  # of ours and of every peer
K = 50


@dataclass
class Row:
    """One line of a table: who took how long for what.

    Attributes
    ----------
    work, who : str
    n, d, threads : int
    seconds : float
        For the whole of the work: a median, or scaled from a part of it.
    scaled_from : str
        What was really measured, where that is not the whole.
    ratio : float, optional
        `seconds` over those that numbaconc took for the same.
    operations, performed : float, optional
        Operations (|x - y| or products of two numbers, added up) that the definition asks for, and that were made.
    peak : float, optional
        Operations a second on data in the first-level cache, by the same instructions.
    memory : float, optional
        Most memory of a process that does nothing else, in GB.
    same : bool, optional
        Whether the answers are equal, as far as the peer gave any.
    refined : float, optional
        Share of the pairs of points that were summed up in float64.
    right, recall : float, optional
        Share of the radii that are the true ones, to 1e-4 of them, and of the neighbors' distances that are within those.
    """

    work: str
    who: str
    n: int
    d: int
    seconds: float
    threads: int = THREADS
    scaled_from: str = ""
    ratio: float | None = None
    operations: float | None = None
    performed: float | None = None
    peak: float | None = None
    memory: float | None = None
    same: bool | None = None
    refined: float | None = None
    right: float | None = None
    recall: float | None = None

    def cells(self) -> dict[str, str]:
        """Return the line as text, by the heads of the columns."""
        performed = self.performed and self.performed / self.seconds
        return {
            "work": self.work,
            "by": self.who,
            "n": f"{self.n:,}",
            "d": f"{self.d:,}",
            "threads": str(self.threads),
            "seconds": f"{self.seconds:.3g}" if self.seconds < 100 else f"{self.seconds:,.0f}",
            "scaled from": self.scaled_from,
            "times ours": _text(self.ratio, ".3g" if (self.ratio or 0) < 100 else ",.0f"),
            "G op/s": _text(self.operations and self.operations / self.seconds / 1e9, ".3g"),
            "G op/s made": _text(performed and performed / 1e9, ".3g"),
            "share of peak": _text(performed and self.peak and performed / self.peak, ".0%"),
            "refined": _text(self.refined, ".2%"),
            "peak memory, GB": _text(self.memory, ".2f"),
            "same answer": "" if self.same is None else "yes" if self.same else "NO",
            "radii right": _text(self.right, ".2%"),
            "recall": _text(self.recall, ".2%"),
        }


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


@dataclass(frozen=True)
class Data:
    """A data set, or one of `FLOATS`, of at most so many training points, and their radii once they are known."""

    name: str
    most: int | None

    @functools.cached_property
    def _loaded(self) -> nc.Dataset:
        return nc.load_dataset(self.name, verify=False)

    @functools.cached_property
    def train(self) -> nc.Sample:
        """The training points."""
        if self.name in FLOATS:
            return nc.as_sample(array_of(self.name, self.most), unit=1.0)
        train = self._loaded.train
        return train if self.most is None else train.subsample(self.most, 0)

    @functools.cached_property
    def test(self) -> nc.Sample:
        """The test points."""
        return self._loaded.test

    @functools.cached_property
    def radii(self) -> NDArray[np.float64]:
        """Of the training points, ℓ1, k = 50."""
        return nc.knn_radii(self.train, K)


def seconds_of(call: Callable[[], Any], repetitions: int = 1) -> tuple[float, Any]:
    """Return the median time that a call takes, and what it returns."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def some(n: int, count: int) -> NDArray[np.intp]:
    """Draw at most `count` of n rows, always the same ones, in their order."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, count), replace=False))


@functools.cache
def _kernels_of(root: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a kernel cache for another checkout, which goes when this program ends."""
    return tempfile.TemporaryDirectory(suffix=f"-{root.name}")


def alone(call: str, data: Data, root: Path | None = None, **settings: Any) -> tuple[float, float]:
    """Run a function of `alone.py` in a process of its own; return its seconds and the process's peak memory in GB.

    Parameters
    ----------
    call : str
        The function's name.
    data : Data
    root : path, optional
        Of a checkout to run instead of this package, with a kernel cache of its own.
    **settings
        Passed on.
    """
    script = Path(__file__).with_name("alone.py")
    case: dict[str, Any] = {"call": call, "dataset": data.name, "most": data.most}
    environment = os.environ | {"PYTHONPATH": str(root or Path(nc.__file__).parents[1])}
    if root is not None:
        environment["NUMBA_CACHE_DIR"] = _kernels_of(root).name
    with tempfile.TemporaryDirectory() as folder:
        if data.name in FLOATS:
            case |= {"dataset": f"{folder}/floats.npy", "most": None}
            np.save(case["dataset"], array_of(data.name, data.most))
        command = [sys.executable, str(script), json.dumps(case | settings)]
        found = json.loads(subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout)
    if not Path(found["package"]).is_relative_to(environment["PYTHONPATH"]):
        sys.exit(f"measured was {found['package']}, not what is in {environment['PYTHONPATH']}")
    return found["seconds"], found["peak"]
