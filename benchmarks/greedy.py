"""Algorithm 2 (ℓ2, balls): in full, beside the authors' way of counting, growth, threads, an older version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numbaconc as nc
from common import OURS, THREADS, Data, Row, alone, seconds_of
from numbaconc.kernels.threads import using_threads
from plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {  # rows of Table 5
    "mnist": ({"alpha": 0.01, "n_sets": 20, "delta": 0.25}, (1.58, 4.74)),
    "cifar10": ({"alpha": 0.05, "n_sets": 5, "delta": 0.0}, (0.4905,)),
    "digits": ({"alpha": 0.05, "n_sets": 5, "delta": 0.0}, (0.5,)),
}
SIZES = (1_000, 5_000, 10_000, 20_000)  # and all
FEW, FEW_SETS = 2000, 5  # points and balls for the plain way


def stage(data: Data, before: Path | None = None) -> Iterator[Row]:
    """Measure one data set."""
    setting, epsilons = SETTINGS[data.name]
    n, d = data.train.X.shape
    for epsilon in epsilons:
        work = f"{data.name}: balls, T = {setting['n_sets']}, epsilon {epsilon}"
        seconds, memory = alone("balls", data, epsilon=epsilon, **setting)
        yield _row(work, n, d, seconds, memory=memory)
        if before is not None and epsilon == epsilons[0]:
            theirs, memory = alone("balls", data, before, epsilon=epsilon, **setting)
            yield Row(work, "before", n, d, theirs, ratio=theirs / seconds, memory=memory)
    _search(data.train.subsample(500, 0), epsilons[0], setting)  # compile
    for epsilon in epsilons:
        yield from _beside_plain(data, epsilon, setting | {"n_sets": FEW_SETS})
    for size in SIZES:
        if size < n:
            few = data.train.subsample(size, 0)
            seconds, _ = seconds_of(lambda few=few: _search(few, epsilons[0], setting))
            row = _row(f"{data.name}: balls, T = {setting['n_sets']}, epsilon {epsilons[0]}", size, d, seconds)
            yield row
            if size == SIZES[-2] and THREADS > 1:
                with using_threads(1):
                    seconds, _ = seconds_of(lambda few=few: _search(few, epsilons[0], setting))
                one = _row(row.work, size, d, seconds, 1)
                one.ratio = one.seconds / row.seconds
                yield one


def _search(sample: nc.Sample, epsilon: float, setting: dict[str, Any]) -> nc.BallSearch:
    return nc.BallSearch(epsilon=epsilon, **setting).fit(sample)


def _row(work: str, n: int, d: int, seconds: float, threads: int = THREADS, memory: float | None = None) -> Row:
    """Make a row; operations are the products that all distances are made of, each found once."""
    return Row(work, OURS, n, d, seconds, threads, operations=float(n) * n * d, memory=memory)


def _beside_plain(data: Data, epsilon: float, setting: dict[str, Any]) -> Iterator[Row]:
    """Time a search on few points beside the authors' counting in NumPy, the distances once and kept."""
    few = data.train.subsample(FEW, 0)
    n, d = few.X.shape
    work = f"{data.name}: balls, T = {FEW_SETS}, epsilon {epsilon}"
    ours, found = seconds_of(lambda: _search(few, epsilon, setting), 5)
    yield _row(work, n, d, ours)
    strength = float(few.to_levels(epsilon)) / 255  # the plain way takes images
    for once, text in ((True, "distances found once"), (False, "distances found for every ball")):
        seconds, centers = seconds_of(lambda once=once: plain(few.X, strength, **setting, once=once))
        same = centers == found.center_indices_.tolist()
        yield Row(work, f"plain NumPy, {text}", n, d, seconds, 1, ratio=seconds / ours, same=same)
