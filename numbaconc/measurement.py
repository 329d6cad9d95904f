"""From two samples to a result: search, keep the best region, measure it on train and test."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from numbaconc.arrays import Sample, as_sample, check_width, parse_epsilons
from numbaconc.errors import check_choice, check_count, check_fraction
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.progress import bar
from numbaconc.results import LONG_NAMES, SPLITS, assemble, provenance
from numbaconc.search.rectangles import Coverings, check_alpha

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from numbaconc.regions import Region

NORMS = ("linf",)
N_STRENGTHS = 101  # points of the curve of a kept region's adversarial risk


@dataclass(frozen=True, eq=False)
class Restart:
    """One region found: its epsilon, q and seed, and its training risk and adversarial risk."""

    epsilon: float
    q: float
    seed: int
    region: Region
    risk: float
    adversarial_risk: float


@dataclass(frozen=True, eq=False)
class Findings:
    """The measurements, and for each epsilon the region that is kept."""

    dataset: xr.Dataset
    regions: dict[float, Region]


def measure(
    train: ArrayLike | Sample,
    test: ArrayLike | Sample,
    norm: str = "linf",
    **settings: Any,  # noqa: ANN401
) -> xr.Dataset:
    """Measure how concentrated data are: find error regions on train, measure them on train and test.

    Parameters
    ----------
    train, test : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
    norm : {"linf"}
        What epsilon is measured in.
    **settings
        As in `find_regions`.

    Returns
    -------
    xarray.Dataset
        `risk` and `adversarial_risk`, fractions, on the dimensions dataset, epsilon, T, seed and
        split, and q where it is fixed; `q_found` where it is searched.

    Raises
    ------
    InputError
        If an argument is not allowed, or no q is feasible.
    """
    return find_regions(train, test, norm, **settings).dataset


def find_regions(
    train: ArrayLike | Sample,
    test: ArrayLike | Sample,
    norm: str = "linf",
    *,
    epsilon: float | str | ArrayLike = 0.1,
    alpha: float = 0.05,
    n_sets: int = 5,
    q: float | None = None,
    restarts: int = 1,
    seed: int = 0,
    n_neighbors: int = 50,
    include_self: bool = True,
    centers: str = "mean",
    radii: NDArray[np.float64] | None = None,
    threads: int | None = None,
    name: str = "data",
    provided: dict[str, Any] | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = False,
) -> Findings:
    """Do what `measure` does, and return the kept regions as well.

    Parameters
    ----------
    train, test, norm
        As in `measure`.
    epsilon : float, str, or a sequence of them
        Strengths on the unit scale; clusterings are shared between them.
    alpha : float
        Risk threshold, in (0, 1).
    n_sets : int
        T, the number of boxes.
    q : float, optional
        Fraction of the points to cluster, in (0, 1]; searched if not given.
    restarts : int
        Repeat with seeds seed, ..., seed + restarts - 1. Kept for each epsilon is the region of least
        training adversarial risk among those with training risk >= alpha.
    seed : int
    n_neighbors, include_self, centers, radii
        As in `search_rectangles`.
    threads : int, optional
        Threads for the kernels; all by default.
    name : str
        The data set's name in the result.
    provided : dict, optional
        More attributes for the result, such as the hash of the data.
    cache_dir : path-like, optional
        Folder in which radii are kept.
    progress : bool
        Show progress bars on a terminal.

    Returns
    -------
    Findings

    Raises
    ------
    InputError
        If an argument is not allowed, or no q is feasible.
    """
    started = time.perf_counter()
    samples = {"train": as_sample(train, name="X_train"), "test": as_sample(test, name="X_test")}
    check_width(samples["train"], samples["test"])
    check_choice("norm", norm, NORMS)
    epsilons = parse_epsilons(epsilon)
    alpha = check_alpha(alpha, len(samples["train"]))
    q = None if q is None else check_fraction("q", q, one_allowed=True)
    first, restarts = check_count("seed", seed, 0), check_count("restarts", restarts, 1)
    if threads is not None:
        check_count("threads", threads, 1, available_threads(), "as many as numba may use here")
    with using_threads(threads) as n_threads:
        found: list[Restart] = []
        for number in bar(range(first, first + restarts), what="restarts", shown=progress and restarts > 1):
            coverings = Coverings(
                samples["train"],
                n_sets,
                number,
                n_neighbors,
                include_self,
                centers,
                radii=radii,
                cache_dir=cache_dir,
                progress=progress,
            )
            found += [_restart(coverings, strength, q, alpha) for strength in epsilons]
            radii = coverings.radii
        ds, regions = _lay_out(found, samples, name, n_sets, q, alpha, progress)
    ds.attrs = provenance(
        norm=norm,
        search="rectangles",
        n_neighbors=n_neighbors,
        include_self=include_self,
        centers=centers,
        data_sha256=f"train {samples['train'].sha256}, test {samples['test'].sha256}",
        threads=n_threads,
        seconds=round(time.perf_counter() - started, 3),
    ) | (provided or {})
    return Findings(ds, regions)


def _restart(coverings: Coverings, epsilon: float, q: float | None, alpha: float) -> Restart:
    if q is None:
        found = coverings.search(epsilon, alpha)
        return Restart(epsilon, found.q, coverings.seed, found.region, found.risk, found.adversarial_risk)
    region = coverings.region(q, epsilon)
    on_train = region.measure(coverings.sample, epsilon)
    return Restart(epsilon, q, coverings.seed, region, float(on_train.risk), float(on_train.adversarial_risk))


def best_restart(restarts: list[Restart], alpha: float) -> Restart:
    """Least training adversarial risk among those with training risk >= alpha; if none, most risk."""
    enough = [restart for restart in restarts if restart.risk >= alpha]
    if not enough:
        return max(restarts, key=lambda restart: restart.risk)
    return min(enough, key=lambda restart: restart.adversarial_risk)


def _lay_out(
    found: list[Restart],
    samples: dict[str, Sample],
    name: str,
    n_sets: int,
    q: float | None,
    alpha: float,
    progress: bool,  # noqa: FBT001
) -> tuple[xr.Dataset, dict[float, Region]]:
    rows: list[dict[str, Any]] = []
    common = {"dataset": name, "T": n_sets} | ({} if q is None else {"q": q})
    for restart in bar(found, what="measuring on test", shown=progress):
        at = common | {"epsilon": restart.epsilon, "seed": restart.seed}
        on_test = restart.region.measure(samples["test"], restart.epsilon)
        rows.append(at | {"split": "train", "risk": restart.risk, "adversarial_risk": restart.adversarial_risk})
        rows.append(at | {"split": "test", "risk": on_test.risk, "adversarial_risk": on_test.adversarial_risk})
        if q is None:
            rows.append(at | {"q_found": restart.q})
    epsilons = sorted({restart.epsilon for restart in found})
    kept = {e: best_restart([restart for restart in found if restart.epsilon == e], alpha) for e in epsilons}
    rows += [common | {"epsilon": e, "kept_seed": restart.seed} for e, restart in kept.items()]
    rows += [{"dataset": name, "split": split, "n_points": len(samples[split])} for split in SPLITS]
    ds = assemble(rows).assign_coords(alpha=alpha)
    strengths = np.union1d(np.linspace(0, epsilons[-1], N_STRENGTHS)[1:], epsilons)
    curves = [
        [kept[e].region.measure(samples[split], strengths).adversarial_risk for split in SPLITS] for e in epsilons
    ]
    ds["adversarial_risk_at"] = (
        ("dataset", "epsilon", "T", "split", "strength"),
        np.array(curves)[None, :, None],
        {"long_name": LONG_NAMES["adversarial_risk_at"]},
    )
    ds = ds.assign_coords(strength=("strength", strengths, {"long_name": LONG_NAMES["strength"]}))
    ds["alpha"].attrs["long_name"] = LONG_NAMES["alpha"]
    return ds, {e: restart.region for e, restart in kept.items()}
