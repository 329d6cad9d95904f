"""From two samples to a result: search, keep the best region, measure it on train and test."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from numbaconc.data.arrays import Sample, as_sample, check_width, parse_epsilons
from numbaconc.certify import union_vc_dimension
from numbaconc.errors import InputError, check_choice, check_count, check_fraction
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.progress import bar
from numbaconc.results import LONG_NAMES, SPLITS, assemble, certify_kept, provenance
from numbaconc.search.balls import BallSearch, check_delta, search_balls
from numbaconc.search.best import choose, search_best
from numbaconc.search.faces import FaceSearch, search_faces
from numbaconc.search.halfspaces import HalfSpaceSearch, search_halfspaces
from numbaconc.search.hyperplane import HyperplaneSearch, search_hyperplane
from numbaconc.search.rectangles import Coverings, check_alpha

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from numbaconc.regions import Region

SEARCHES = {  # by norm; the first is its default, and the paper's
    "linf": ("rectangles", "faces", "halfspaces", "best"),
    "l2": ("balls", "free_balls", "halfspaces", "hyperplane", "best"),
}
COORDINATES = {  # besides dataset and epsilon
    "rectangles": ("T", "q", "seed"),
    "faces": ("T",),
    "balls": ("T",),
    "free_balls": ("T",),
    "halfspaces": (),
    "hyperplane": (),
    "best": ("T",),
}
FITS = {  # settings that not every search has
    "q": ("rectangles",),
    "restarts": ("rectangles",),
    "extend": ("rectangles",),
    "delta": ("balls",),
    "local_search": ("balls",),
    "checkpoint": ("balls",),
    "buffer": ("balls", "faces", "free_balls", "halfspaces", "best"),
}
POWERS = {"linf": np.inf, "l2": 2.0}  # the p of a norm
N_STRENGTHS = 100  # points of the curve of a kept region's adversarial risk


@dataclass(frozen=True, eq=False)
class Found:
    """One region found for an epsilon, its risks on the training sample, and the coordinates it has."""

    epsilon: float
    region: Region
    risk: float
    adversarial_risk: float
    seed: int | None = None  # None: the search is deterministic
    q_found: float | None = None  # None: q was not searched
    buffer: float = 0.0  # asked for beyond α
    compared: str = ""  # what the best of several searches was chosen from


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
    norm : {"linf", "l2"}
        What epsilon is measured in.
    **settings
        As in `find_regions`.

    Returns
    -------
    xarray.Dataset
        `risk` and `adversarial_risk`, fractions, on the dimensions dataset, epsilon, T and split, on
        seed for a search that draws, and on q where it is fixed; `q_found` where it is searched.

    Raises
    ------
    InputError
        If an argument is not allowed, or no region of enough risk is found.
    """
    return find_regions(train, test, norm, **settings).dataset


def find_regions(
    train: ArrayLike | Sample,
    test: ArrayLike | Sample,
    norm: str = "linf",
    *,
    search: str | None = None,
    epsilon: float | str | ArrayLike = 0.1,
    alpha: float = 0.05,
    n_sets: int = 5,
    q: float | None = None,
    delta: float = 0.0,
    buffer: float | str = 0.0,
    extend: bool = False,
    local_search: bool = False,
    restarts: int = 1,
    seed: int = 0,
    n_neighbors: int = 50,
    include_self: bool = True,
    centers: str = "mean",
    radii: NDArray[np.float64] | None = None,
    checkpoint: str | Path | None = None,
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
    search : str, optional
        How regions are found: `rectangles` (the paper's, and the default), `faces` or `halfspaces` for
        linf; `balls` (the paper's, and the default), `free_balls`, `halfspaces` or `hyperplane` for l2;
        `best` runs them all and keeps the one that does best on training points held back.
    epsilon : float, str, or a sequence of them
        Strengths on the unit scale; clusterings are shared between them.
    alpha : float
        Risk threshold, in (0, 1).
    n_sets : int
        T, the number of boxes, or the most balls.
    q : float, optional
        Rectangles: fraction of the points to cluster, in (0, 1]; searched if not given.
    delta : float
        Balls: share of points covered beyond α, at least 0.
    buffer : float or "auto"
        All but rectangles and hyperplane: added to α on the training points, so that the risk holds on the
        test points too. "auto" adds `buffer_for` on training points that are held back, as in
        `search_best`, so that the test points certify α.
    extend : bool
        Rectangles: as in `search_rectangles`.
    local_search : bool
        Balls: as in `search_balls`.
    restarts : int
        Rectangles: repeat with seeds seed, ..., seed + restarts - 1. Kept for each epsilon is the
        region of least training adversarial risk among those with training risk >= alpha.
    seed : int
    n_neighbors, include_self, centers, radii
        As in `search_rectangles`.
    checkpoint : path-like, optional
        Balls: a file from which an interrupted search goes on; one for each epsilon if there are several.
    threads : int, optional
        Threads for the kernels; all by default.
    name : str
        The data set's name in the result.
    provided : dict, optional
        More attributes for the result, such as where the data are from.
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
        If an argument is not allowed, or no region of enough risk is found.
    """
    started = time.perf_counter()
    samples = {"train": as_sample(train, name="X_train"), "test": as_sample(test, name="X_test")}
    sample = samples["train"]
    check_width(sample, samples["test"])
    check_choice("norm", norm, tuple(SEARCHES))
    search = check_choice("search", search or SEARCHES[norm][0], SEARCHES[norm])
    epsilons = parse_epsilons(epsilon)
    alpha = check_alpha(alpha, len(sample))
    q = None if q is None else check_fraction("q", q, one_allowed=True)
    n_sets = check_count("n_sets", n_sets, 1, len(sample), f"there are {len(sample)} points")
    seed, restarts = check_count("seed", seed, 0), check_count("restarts", restarts, 1)
    given = {"q": q, "delta": delta, "buffer": buffer, "extend": extend, "restarts": restarts, "checkpoint": checkpoint}
    _check_fits(search, given | {"local_search": local_search})
    if buffer != "auto":
        buffer = check_delta(buffer, "buffer", ", or 'auto'")
    if threads is not None:
        check_count("threads", threads, 1, available_threads(), "as many as numba may use here")
    settings: dict[str, Any] = {"norm": norm, "search": search}
    case: dict[str, Any] = {"dataset": name}
    with using_threads(threads) as n_threads:
        if search == "rectangles":
            settings |= {"n_neighbors": n_neighbors, "include_self": include_self, "centers": centers}
            coverings = Coverings(
                sample,
                n_sets,
                seed,
                n_neighbors,
                include_self,
                centers,
                radii=radii,
                cache_dir=cache_dir,
                progress=progress,
                extend=extend,
            )
            found = list(_rectangles(coverings, epsilons, q, alpha, restarts))
            case |= {"T": n_sets} | ({} if q is None else {"q": q})
        else:
            found = [
                find_region(
                    search,
                    sample,
                    epsilon,
                    alpha,
                    norm,
                    n_sets,
                    delta=delta,
                    buffer=buffer,
                    n_test=len(samples["test"]),
                    local_search=local_search,
                    checkpoint=path,
                    progress=progress,
                )
                for epsilon, path in zip(epsilons, _checkpoints(checkpoint, epsilons), strict=True)
            ]
            settings |= {"buffer": found[0].buffer}
            settings |= {"buffer_on": "training points held back"} if buffer == "auto" else {}
            settings |= {"delta": delta, "local_search": local_search} if search == "balls" else {}
            case |= {"T": n_sets} if "T" in COORDINATES[search] else {}
            settings |= {"compared": "; ".join(one.compared for one in found)} if search == "best" else {}
        dimension = collection_dimension(search, norm, sample.n_features, n_sets)
        ds, regions = _lay_out(found, samples, case, alpha, dimension, progress)
    settings |= {
        "data_sha256": f"train {sample.sha256}, test {samples['test'].sha256}",
        "threads": n_threads,
        "seconds": round(time.perf_counter() - started, 3),
    }
    ds.attrs = provenance(**settings) | (provided or {})
    return Findings(ds, regions)


def _check_fits(search: str, given: dict[str, Any]) -> None:
    """Refuse a setting that the search would ignore."""
    unset = {"q": None, "delta": 0, "buffer": 0, "extend": False, "restarts": 1, "checkpoint": None}
    unset |= {"local_search": False}
    for setting, value in given.items():
        if value != unset[setting] and search not in FITS[setting]:
            msg = f"{setting} is {value!r} with search {search!r}; allowed: only with {', '.join(FITS[setting])}"
            raise InputError(msg)


def _rectangles(
    coverings: Coverings, epsilons: list[float], q: float | None, alpha: float, restarts: int
) -> Iterator[Found]:
    for _ in bar(range(restarts), what="restarts", shown=coverings.progress and restarts > 1):
        for epsilon in epsilons:
            yield find_rectangles(coverings, epsilon, q, alpha)
        coverings = coverings.next_seed()


def _checkpoints(path: str | Path | None, epsilons: list[float]) -> list[Path | None]:
    """One checkpoint for each strength; the file's own name if there is just one."""
    if path is None or len(epsilons) == 1:
        return [None if path is None else Path(path)] * len(epsilons)
    path = Path(path)
    return [path.with_name(f"{path.stem}-{epsilon:g}{path.suffix}") for epsilon in epsilons]


def find_rectangles(coverings: Coverings, epsilon: float, q: float | None, alpha: float) -> Found:
    """Make the region at a fixed q, or search q if it is None."""
    if q is None:
        best = coverings.search(epsilon, alpha)
        return Found(epsilon, best.region, best.risk, best.adversarial_risk, coverings.seed, best.q)
    region = coverings.region(q, epsilon)
    on_train = region.measure(coverings.sample, epsilon)
    return Found(epsilon, region, float(on_train.risk), float(on_train.adversarial_risk), coverings.seed)


def find_region(
    search: str,
    sample: Sample,
    epsilon: float,
    alpha: float,
    norm: str,
    n_sets: int,
    *,
    delta: float = 0.0,
    buffer: float | str = 0.0,
    n_test: int | None = None,
    local_search: bool = False,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Found:
    """Run one of the searches that draw nothing; `n_test` is needed where the buffer is "auto"."""
    if search == "best":
        chosen = search_best(sample, epsilon, alpha, norm, n_sets, buffer=buffer, n_test=n_test, progress=progress)
        compared = f"epsilon {epsilon:g}: {chosen.search} of " + ", ".join(
            f"{one.search} {one.error or f'{one.risk:.4f} -> {one.adversarial_risk:.4f}'}" for one in chosen.table
        )
        return Found(
            epsilon, chosen.region, chosen.risk, chosen.adversarial_risk, buffer=chosen.buffer, compared=compared
        )
    if isinstance(buffer, str):

        def find(points: Sample, share: float) -> Region:
            return find_region(
                search,
                points,
                epsilon,
                share,
                norm,
                n_sets,
                delta=delta,
                local_search=local_search,
                checkpoint=checkpoint,
                progress=progress,
            ).region

        chosen = choose({search: find}, sample, epsilon, alpha, buffer=buffer, n_test=n_test, progress=progress)
        return Found(epsilon, chosen.region, chosen.risk, chosen.adversarial_risk, buffer=chosen.buffer)
    best: BallSearch | FaceSearch | HalfSpaceSearch | HyperplaneSearch
    if search == "faces":
        best = search_faces(sample, epsilon, alpha, n_sets, buffer=buffer, progress=progress)
    elif search == "balls":
        best = search_balls(
            *(sample, epsilon, alpha, n_sets, delta),
            buffer=buffer,
            local_search=local_search,
            checkpoint=checkpoint,
            progress=progress,
        )
    elif search == "free_balls":
        best = search_balls(sample, epsilon, alpha, n_sets, buffer=buffer, centers="neighbours", progress=progress)
    elif search == "halfspaces":
        best = search_halfspaces(sample, epsilon, alpha, POWERS[norm], buffer=buffer, progress=progress)
    else:
        best = search_hyperplane(sample, epsilon, alpha)
    return Found(epsilon, best.region, best.risk, best.adversarial_risk, buffer=buffer)


def collection_dimension(search: str, norm: str, n_features: int, n_sets: int) -> int:
    """Bound the VC dimension of the collection that a search chooses from, whatever it finds there.

    T is the number of sets that it may use. A union of fewer is among those of T, one set many times;
    all faces are of one box.
    """
    boxes, balls = union_vc_dimension(2 * n_features, n_sets), union_vc_dimension(n_features + 1, n_sets)
    if search == "best":  # in l2, half spaces cut finitely many points off just as large balls do
        return balls if norm == "l2" else boxes + (n_features + 1) + 1  # V of two collections together: V + V' + 1
    of = {"rectangles": boxes, "faces": 2 * n_features, "balls": balls, "free_balls": balls}
    return of.get(search, n_features + 1)


def best_found(found: list[Found], alpha: float) -> Found:
    """Least training adversarial risk among those with training risk >= alpha; if none, most risk."""
    enough = [one for one in found if one.risk >= alpha]
    if not enough:
        return max(found, key=lambda one: one.risk)
    return min(enough, key=lambda one: one.adversarial_risk)


def _lay_out(
    found: list[Found],
    samples: dict[str, Sample],
    case: dict[str, Any],
    alpha: float,
    dimension: int,
    progress: bool,  # noqa: FBT001
) -> tuple[xr.Dataset, dict[float, Region]]:
    """Measure what was found on the test sample, and keep the best region for each epsilon."""
    rows: list[dict[str, Any]] = []
    for one in bar(found, what="measuring on test", shown=progress):
        at = case | {"epsilon": one.epsilon} | ({} if one.seed is None else {"seed": one.seed})
        on_test = one.region.measure(samples["test"], one.epsilon)
        rows.append(at | {"split": "train", "risk": one.risk, "adversarial_risk": one.adversarial_risk})
        rows.append(at | {"split": "test", "risk": on_test.risk, "adversarial_risk": on_test.adversarial_risk})
        if one.q_found is not None:
            rows.append(at | {"q_found": one.q_found})
        rows.append({name: at[name] for name in at if name != "seed"} | {"vc_dimension": dimension})
    rows += [{"dataset": case["dataset"], "split": split, "n_points": len(samples[split])} for split in SPLITS]
    ds = certify_kept(assemble(rows).assign_coords(alpha=alpha))
    epsilons = sorted({one.epsilon for one in found})
    kept = {epsilon: best_found([one for one in found if one.epsilon == epsilon], alpha) for epsilon in epsilons}
    strengths = np.union1d(np.linspace(0, epsilons[-1], N_STRENGTHS + 1)[1:], epsilons)
    curves = np.array(
        [[one.region.measure(samples[split], strengths).adversarial_risk for split in SPLITS] for one in kept.values()]
    )
    dims = (*case, "epsilon", "split", "strength")
    ds["adversarial_risk_at"] = (dims, curves.reshape((1,) * len(case) + curves.shape))
    ds = ds.assign_coords(strength=strengths)
    for variable in ("adversarial_risk_at", "strength", "alpha"):
        ds[variable].attrs["long_name"] = LONG_NAMES[variable]
    return ds, {epsilon: one.region for epsilon, one in kept.items()}
