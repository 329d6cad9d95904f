"""Error regions that are unions of balls, around training points or anywhere (ℓ2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numbaconc.data.arrays import Sample, as_sample, count_of, parse_epsilon
from numbaconc.errors import InputError, as_number, check_choice, check_count
from numbaconc.regions.balls import BallUnion
from numbaconc.search.exchange import Exchange
from numbaconc.search.greedy import Greedy
from numbaconc.search.offdata import place_balls
from numbaconc.search.rectangles import check_alpha

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CENTERS = ("data", "neighbours")


@dataclass(frozen=True, eq=False)
class BallSearch:
    """What a search found.

    Attributes
    ----------
    region : BallUnion
        At most T balls. Those around training points are in the order in which they were chosen; of
        those around neighbors' means, no center is a training point.
    covered, expanded : ndarray, shape (n_balls,), int64
        Training points in the balls so far (the size of S_init) and in their expansions (of S_exp), after
        each of the region's balls.
    objective : ndarray, shape (n_balls,), int64
        What each ball adds to `expanded` minus what it adds to `covered`.
    risk, adversarial_risk : float
        On the training sample.
    unrefined : float
        Training adversarial risk before the local search, or of the best candidate, a single ball, before
        it was moved. That of the region where there is neither.
    """

    region: BallUnion
    covered: NDArray[np.int64]
    expanded: NDArray[np.int64]
    objective: NDArray[np.int64]
    risk: float
    adversarial_risk: float
    unrefined: float


def search_balls(
    X: ArrayLike | Sample,
    epsilon: float | str,
    alpha: float,
    n_sets: int,
    delta: float = 0.0,
    *,
    buffer: float = 0.0,
    centers: str = "data",
    local_search: bool = False,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> BallSearch:
    """Search for a union of T balls with risk >= α (1 + δ) + buffer and little adversarial risk.

    As it stands this is Algorithm 2 of the paper (section 4.2): balls around training points, chosen
    greedily. Ties go to the lowest index, then to the smallest ball. Beyond the paper are a local
    search afterwards, and centers off the data. Deterministic, on any number of threads.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength in ℓ2 on the unit scale.
    alpha : float
        Risk threshold, in (0, 1), with α n >= 1.
    n_sets : int
        T, the most balls. Fewer are used where the first ones cover more than their share, or where one
        more does not help.
    delta : float
        Share of points covered beyond α, so that the risk holds on other data; at least 0.
    buffer : float
        The same, added to α rather than multiplied: ⌈n (α (1 + δ) + buffer)⌉ points are covered. At least 0.
    centers : {"data", "neighbours"}
        data: training points. neighbours: means of training points' nearest neighbors, pushed away
        from the middle of the data; the best are moved while that lowers the training adversarial
        risk. Then balls are added one by one, and in turn dropped and chosen again, and all of them
        moved together, as long as that lowers it further.
    local_search : bool
        Centers on the data: when the balls are found, drop each in turn and choose again, one ball in its
        place or two where T allows it, until that lowers the adversarial risk no more.
    checkpoint : path-like, optional
        Centers on the data: a file that keeps what Algorithm 2 has found so far. Where it exists the
        search goes on from there, with or without a local search.
    progress : bool
        Show progress bars on a terminal.

    Returns
    -------
    BallSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or would be ignored; if the checkpoint is of other data or
        settings; if all points are identical and centers are off the data.
    """
    sample = as_sample(X)
    epsilon, alpha = parse_epsilon(epsilon), check_alpha(alpha, len(sample))
    n_sets, delta = check_count("n_sets", n_sets), check_delta(delta)
    buffer, centers = check_delta(buffer, "buffer"), check_choice("centers", centers, CENTERS)
    target = _target(alpha, delta, buffer, len(sample))
    if centers == "neighbours":
        for name, value in (("local_search", local_search), ("checkpoint", checkpoint)):
            if value:
                msg = f"{name} is {value!r} with centers {centers!r}; allowed: only with centers 'data'"
                raise InputError(msg)
        region, unrefined = place_balls(sample, epsilon, target, n_sets, progress=progress)
        return _result(region, *_counts(region, sample, epsilon), sample, epsilon, unrefined)
    greedy = Greedy(sample, epsilon, target, n_sets)
    if checkpoint is not None:
        settings = {"data": sample.sha256, "unit": sample.unit, "epsilon": epsilon, "alpha": alpha}
        greedy.keep(Path(checkpoint), settings | {"n_sets": n_sets, "delta": delta, "buffer": buffer})
    greedy.run(progress=progress)
    unrefined = float(greedy.region().measure(sample, epsilon).adversarial_risk)
    if local_search:
        greedy.place_instead(Exchange(greedy, progress=progress).run())
    return _result(greedy.region(), greedy.covered, greedy.expanded, sample, epsilon, unrefined)


def _result(
    region: BallUnion,
    covered: NDArray[np.int64],
    expanded: NDArray[np.int64],
    sample: Sample,
    epsilon: float,
    unrefined: float,
) -> BallSearch:
    found = region.measure(sample, epsilon)
    objective = np.diff(expanded, prepend=0) - np.diff(covered, prepend=0)
    return BallSearch(region, covered, expanded, objective, float(found.risk), float(found.adversarial_risk), unrefined)


def _counts(region: BallUnion, sample: Sample, epsilon: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training points in the balls so far and in their expansions, after each."""
    parts = [BallUnion(region.centers[:t], region.radii[:t]) for t in range(1, len(region.radii) + 1)]
    measured = [part.measure(sample, epsilon) for part in parts]
    counts = np.rint(len(sample) * np.array([[one.risk, one.adversarial_risk] for one in measured])).astype(np.int64)
    return counts[:, 0], counts[:, 1]


def check_delta(delta: object, name: str = "delta", words: str = "") -> float:
    """Return a share of points covered beyond α; `words` say what else is allowed.

    Raises
    ------
    InputError
        If it is not a number of at least 0.
    """
    number = as_number(delta)
    if not 0 <= number < math.inf:
        msg = f"{name} is {delta!r}; allowed: a number of at least 0{words}"
        raise InputError(msg)
    return number


def _target(alpha: float, delta: float, buffer: float, n: int) -> int:
    """⌈n (α (1 + δ) + buffer)⌉, where a product within rounding of a whole number is that number."""
    target = count_of(min(alpha * (1 + delta) + buffer, 1.0), n)
    if target >= n:
        msg = (
            f"alpha is {alpha:g}, delta {delta:g} and buffer {buffer:g}, to cover {target} points; "
            f"allowed: fewer than the {n} there are"
        )
        raise InputError(msg)
    return target
