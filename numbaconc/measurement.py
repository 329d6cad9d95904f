"""From two samples to a result: search for every goal, keep the best region, measure it on train and test."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from numbaconc.binomial import CONFIDENCE
from numbaconc.data.arrays import as_sample, parse_alphas, parse_epsilons
from numbaconc.data.files import as_path
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair
from numbaconc.errors import LONGEST, InputError, NoRegionError, check_flag, check_text, shortened, shown, warn
from numbaconc.executors import Executor, check_executor
from numbaconc.goal import Goal
from numbaconc.how import How, bar, check_how
from numbaconc.kernels.threads import using_threads
from numbaconc.numerals import exact, strength
from numbaconc.regions import Region
from numbaconc.reprs import Shown
from numbaconc.results.layout import Case, Outcome, case_of, contents_of, facts_of, lay_out, outcome_of
from numbaconc.results.schema import LONG_NAMES, SPLITS, check_coordinates, dimensions_with, provenance
from numbaconc.search.base import Found, Search, make_search
from numbaconc.search.run import Run, best_of

if TYPE_CHECKING:
    from numbaconc.lower import LowerBound

Failed = list[tuple[Search, Goal, NoRegionError]]  # which search found nothing for which goal, and why
N_STRENGTHS = 100  # points of the curve of a kept region's adversarial risk


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Shown):
    """The measurements, and the region that is kept for each goal.

    Attributes
    ----------
    dataset : xarray.Dataset
    regions : dict
        By epsilon; by (epsilon, alpha) where several alpha were asked for. None is there of what no region reaches.
    """

    dataset: xr.Dataset
    regions: dict[Any, Region]

    def _facts(self) -> dict[str, object]:
        ds, several = self.dataset, len(self.regions) > 1
        told = {name: ds.attrs.get(name) for name in ("search", "norm")}
        told |= {name: np.ravel(ds[name].values) for name in ("alpha", "epsilon")}
        found = f"{len(self.regions):,}" if several else ", ".join(one.in_short for one in self.regions.values())
        return {"dataset": ", ".join(map(repr, np.ravel(ds["dataset"].values).tolist()))} | told | {"regions": found}


def measure(  # noqa: PLR0913  # they are what a measurement is of, by name
    search: Search | str | None,
    X_train: ArrayLike | Sample,
    X_test: ArrayLike | Sample,
    *,
    epsilon: float | str | ArrayLike | None = None,
    alpha: float | str | ArrayLike | None = None,
    norm: str | float | None = None,
    name: str = "data",
    simultaneous: bool = False,
    lower: bool = False,
    how: How | None = None,
    executor: Executor | int | None = None,
    **settings: Any,  # noqa: ANN401
) -> xr.Dataset:
    """Measure how concentrated data are: find error regions on train, measure them on train and test.

    Parameters
    ----------
    search, X_train, X_test, epsilon, alpha, norm, name, simultaneous, lower, how, executor, **settings
        As in `find_regions`.

    Returns
    -------
    xarray.Dataset
        `risk` and `adversarial_risk`, fractions, on the dimensions dataset, epsilon and split, on alpha where there are
        several, and on the coordinates of the search: T, seed, q where it is fixed; `q_found` where it is searched.
        `certified`: with 95% confidence h(μ, α, ε) is at most that; with `lower` it is also at least `lower_bound`, both
        together with 95% confidence. Where no region of enough risk is found for some of several ε and α, a warning says
        so, their values are missing, and `error` says why.

    Raises
    ------
    InputError
        If an argument is not allowed.
    NoRegionError
        An InputError, if no region of enough risk is found for any of the ε and α.
    """
    goal: dict[str, Any] = {"epsilon": epsilon, "alpha": alpha}
    told: dict[str, Any] = {"norm": norm, "name": name, "simultaneous": simultaneous, "lower": lower}
    told |= {"how": how, "executor": executor}
    return find_regions(search, X_train, X_test, **goal, **told, **settings).dataset


def find_regions(  # noqa: PLR0913  # as measure
    search: Search | str | None,
    X_train: ArrayLike | Sample,
    X_test: ArrayLike | Sample,
    *,
    epsilon: float | str | ArrayLike | None = None,
    alpha: float | str | ArrayLike | None = None,
    norm: str | float | None = None,
    name: str = "data",
    simultaneous: bool = False,
    lower: bool = False,
    how: How | None = None,
    executor: Executor | int | None = None,
    **settings: Any,  # noqa: ANN401
) -> Findings:
    """Do what `measure` does, and return the kept regions as well.

    Parameters
    ----------
    search : Search, str or None
        A search, or the name of one, such as "faces" or "best"; None is the norm's own.
    X_train, X_test : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
    epsilon, alpha : float, or a sequence of them, optional
        Strengths on the unit scale, and risk thresholds; what does not depend on them is done once. Neither is given
        where the search has one of its own.
    norm, **settings
        With a name, or None: "linf", "l2" or "l1", and settings of the search.
    name : str
        The data set's name in the result.
    simultaneous, lower : bool
        Whether certificates hold for all ε and α together, by Bonferroni's correction; otherwise each by itself. Whether
        the test sample bounds h from below, too, as in `lower_bound`: either side has half of the 5% that may go wrong.
    how, executor : How, and concurrent.futures.Executor or int, optional
        Progress bars, threads, the cache folder, a checkpoint; what neighbor radii are spread over, as in `knn_radii`.

    Returns
    -------
    Findings

    Raises
    ------
    InputError, NoRegionError
        As `measure` does.
    """
    started = time.perf_counter()
    how, name = _checked(how, executor), check_text("name", name)
    samples = _samples(X_train, X_test)
    chosen = _chosen(search, norm, settings)
    goals = _goals(chosen, epsilon, alpha, simultaneous=simultaneous, lower=lower)
    chosen = _checked_search(chosen, how)
    paths = _checkpoints(how.checkpoint, goals, chosen)
    with using_threads(how.threads) as n_threads:
        found, failed = _found(chosen, samples["train"], paths, how)
        kept = {goal: best_of(found[goal]) for goal in goals if found[goal]}
        below = _bounded_below(list(kept), samples["test"], chosen.norm_name, how) if lower and kept else {}
        outcomes = _failures(failed, name) | _outcomes(found, name, samples["test"], how, below)
        ds = _laid_out(outcomes, list(kept.values()), name, samples)
    told = _said(chosen, next(iter(kept.values()), None), samples) | {"n_compared": goals[0].n_compared}
    ds.attrs |= provenance(**told, threads=n_threads, seconds=round(time.perf_counter() - started, 3))
    return _findings(goals, kept, failed, ds)


def _findings(goals: list[Goal], kept: dict[Goal, Found], failed: Failed, ds: xr.Dataset) -> Findings:
    """Return the findings; warn of goals that no region was found for, and say why of the first.

    NoRegionError if none was found for any.
    """
    if unreached := [goal for goal in goals if goal not in kept]:
        error = next(why for _, goal, why in failed if goal == unreached[0])
        if not kept:
            error.dataset = ds
            raise error
        others = (f"; nor at alpha {exact(one.alpha)} and epsilon {strength(one.epsilon)}" for one in unreached[1:])
        warn(shortened(f"no region of enough risk was found: {error}{''.join(others)}", LONGEST))
    several = len({goal.alpha for goal in goals}) > 1
    found = {(at.epsilon, at.alpha) if several else at.epsilon: one.region for at, one in kept.items()}
    return Findings(ds, dict(sorted(found.items())))


def _samples(X_train: ArrayLike | Sample, X_test: ArrayLike | Sample) -> dict[str, Sample]:
    """Return both samples, by their names; InputError if they do not go together."""
    train = as_sample(X_train, name="X_train")
    samples = dict(zip(SPLITS, (train, as_sample(X_test, name="X_test", like=train)), strict=True))
    check_pair(*samples.values())
    return samples


def _checked(how: object, executor: Executor | int | None) -> How:
    """Return how work is done, its parts checked; the default for None. The executor may be given beside it."""
    how = check_how(how)
    cache_dir = None if how.cache_dir is None else as_path(how.cache_dir, "cache_dir")
    checkpoint = None if how.checkpoint is None else as_path(how.checkpoint, "checkpoint")
    if executor is not None and how.executor is not None:
        msg = f"executor is {shown(executor)} beside a how that has {shown(how.executor)}; allowed: one of them"
        raise InputError(msg)
    workers = check_executor(how.executor if executor is None else executor)
    return replace(how, cache_dir=cache_dir, checkpoint=checkpoint, executor=workers)


def _checked_search(search: Search, how: How) -> Search:
    """Return the search, its settings checked; InputError for an executor that it would have no work for, too."""
    search = search.checked()
    check_coordinates(type(next(search.alone())))
    if how.executor is not None and not search.spreads:
        spreading = ", ".join(name for name, cls in Search.known.items() if cls.spreads is True)
        msg = f"executor is {shown(how.executor)} with {type(search).__name__}; allowed: only with {spreading}"
        raise InputError(msg)
    return search


def _found(
    search: Search, train: Sample, paths: dict[Goal, Path | None], how: How
) -> tuple[dict[Goal, list[Found]], Failed]:
    """Return what restarts find for every goal, and which of them find nothing."""
    found: dict[Goal, list[Found]] = {goal: [] for goal in paths}
    failed: Failed = []
    restarts = getattr(search, "n", 1)
    for one in bar(search.alone(), what="restarts", shown=how.progress and restarts > 1, total=restarts):
        run = Run(one, train, how)
        for goal, path in paths.items():
            try:
                found[goal].append(run.find(goal, path).named(train))
            except NoRegionError as error:
                failed.append((one, goal, error.with_traceback(None)))  # which holds all that the search prepared
    return found, failed


def _failures(failed: Failed, name: str) -> dict[Case, Outcome]:
    """Return the outcomes of what was not found."""
    return {
        Case(search.name, goal.alpha, name, goal.epsilon, tuple(search.coordinates.items())): {"error": str(error)}
        for search, goal, error in failed
    }


def _outcomes(
    found: dict[Goal, list[Found]], name: str, test: Sample, how: How, below: dict[Goal, LowerBound]
) -> dict[Case, Outcome]:
    """Measure what was found on the test sample, too."""
    every = [(goal, one) for goal, several in found.items() for one in several]
    outcomes: dict[Case, Outcome] = {}
    for goal, one in bar(every, what="measuring on test", shown=how.progress):
        outcome = outcome_of(one, test, goal.n_compared)
        if (bound := below.get(goal)) is not None:
            outcome |= {"lower_bound": bound.value, "isolated": bound.isolated}
        outcomes[case_of(one, name)] = outcome
    return outcomes


def _laid_out(outcomes: dict[Case, Outcome], kept: list[Found], name: str, samples: dict[str, Sample]) -> xr.Dataset:
    """Lay outcomes out, with the curves of what is kept."""
    ds = lay_out(outcomes, {name: facts_of(samples)}).drop_vars("data_sha256")
    ds = _with_curves(ds, name, kept, samples) if kept else ds
    return ds if "alpha" in ds.dims else _described(ds.assign_coords(alpha=ds["alpha"].item()), "alpha")


def _said(search: Search, found: Found | None, samples: dict[str, Sample]) -> dict[str, Any]:
    """Return what a result says of its data and settings; of settings that depend on the data, what was used.

    What differs between cases stands with each of them.
    """
    plain = search.described()
    used = {} if found is None else {name: one for name, one in found.attributes.items() if name not in found.stored}
    plain |= {name: used[name] for name in plain if name in used}
    shas = ", ".join(f"{split} {contents_of(sample)}" for split, sample in samples.items())
    scaling = samples["train"].space.scaling
    scaled = {} if scaling is None else {"scale": scaling.told}
    return {"norm": search.norm_name, "search": next(search.alone()).name} | plain | {"data_sha256": shas} | scaled


def _chosen(search: object, norm: object, settings: dict[str, Any]) -> Search:
    """Return the search, unchecked; what belongs to a name is refused beside an object."""
    if not isinstance(search, Search):
        return make_search(search, norm, settings)
    for key, value in (({} if norm is None else {"norm": norm}) | settings).items():
        msg = f"{key} is {shown(value)} beside a search; allowed: with the name of one, or in {type(search).__name__}(...)"
        raise InputError(msg)
    return search


def _bounded_below(goals: list[Goal], test: Sample, norm: str, how: How) -> dict[Goal, LowerBound]:
    """Bound h of every goal from below, as one of the certificates that hold together."""
    from numbaconc.lower import lower_bound  # with what is slow to import

    confidence = 1 - (1 - CONFIDENCE) / goals[0].n_compared
    each = bar(goals, what="bounding from below", shown=how.progress)
    told: dict[str, Any] = {"norm": norm, "confidence": confidence, "how": replace(how, progress=False)}
    return {goal: lower_bound(test, epsilon=goal.epsilon, alpha=goal.alpha, **told) for goal in each}


def _goals(search: Search, epsilon: object, alpha: object, *, simultaneous: object, lower: object) -> list[Goal]:
    """Return a goal for every ε and α; the largest α of an ε comes first: its distances are enough for the others.

    A bound from below is one more certificate that holds together with that from above.
    """
    goals = _goals_apart(search, epsilon, alpha)
    n_compared = (len(goals) if check_flag("simultaneous", simultaneous) else 1) * (1 + check_flag("lower", lower))
    return [replace(goal, n_compared=n_compared) for goal in goals]


def _goals_apart(search: Search, epsilon: object, alpha: object) -> list[Goal]:
    if epsilon is None and alpha is None:
        own = search.goal()
        return [Goal.of(own.epsilon, own.alpha, own.margin)]
    parsed: list[list[float]] = []
    for name, given, parse in (("epsilon", epsilon, parse_epsilons), ("alpha", alpha, parse_alphas)):
        own = search.asked(name)
        if own is not None and given is not None:
            msg = f"{name} is {shown(given)} beside a search that has {shown(own)}; allowed: one of them"
            raise InputError(msg)
        parsed.append(parse(own if given is None else given, name))
    margin = search.asked("margin")
    return [Goal.of(one, threshold, margin) for one in parsed[0] for threshold in reversed(parsed[1])]


def _checkpoints(path: str | Path | None, goals: list[Goal], search: Search) -> dict[Goal, Path | None]:
    """Return a checkpoint for each goal; the file's own name if there is just one."""
    if path is None:
        return dict.fromkeys(goals)
    if not search.resumable:
        resumable = ", ".join(name for name, cls in Search.known.items() if cls.resumable)
        msg = f"checkpoint is {shown(str(path))} with {type(search).__name__}; allowed: only with {resumable}"
        raise InputError(msg)
    path = Path(path)
    if len(goals) == 1:
        return {goals[0]: path}
    several = len({goal.alpha for goal in goals}) > 1
    ends = {goal: f"-{goal.epsilon!r}" + (f"-{goal.alpha!r}" if several else "") for goal in goals}
    return {goal: path.with_name(f"{path.stem}{end}{path.suffix}") for goal, end in ends.items()}


def _with_curves(ds: xr.Dataset, name: str, kept: list[Found], samples: dict[str, Sample]) -> xr.Dataset:
    """Add how the adversarial risk of each kept region grows with the strength, up to the largest ε."""
    largest = max(one.goal.epsilon for one in kept)
    strengths = np.union1d(np.linspace(0, largest, N_STRENGTHS + 1)[1:], [one.goal.epsilon for one in kept])
    fixed = {dim: value for dim, value in kept[0].search.coordinates.items() if dim != "seed"}
    at = {"dataset": name} | fixed
    dims = [dim for dim in dimensions_with(fixed) if dim in ds["risk"].dims and dim != "seed"]
    shape = [*(ds.sizes[dim] for dim in dims), len(strengths)]
    coords = {dim: ds[dim] for dim in dims} | {"strength": strengths}
    curves = xr.DataArray(np.full(shape, np.nan), dims=[*dims, "strength"], coords=coords)
    for one in kept:
        here = at | {"epsilon": one.goal.epsilon, "alpha": one.goal.alpha}
        place = {dim: here[dim] for dim in dims if dim != "split"}
        for split in SPLITS:
            large = strengths >= one.region.finest(samples[split])  # beside the rounding of the points
            measured = one.region.measure(samples[split], strengths[large])
            curves.loc[place | {"split": split, "strength": strengths[large]}] = measured.adversarial_risk
    ds["adversarial_risk_at"] = curves
    ds = ds.assign_coords(strength=strengths)
    return _described(_described(ds, "strength"), "adversarial_risk_at")


def _described(ds: xr.Dataset, name: str) -> xr.Dataset:
    ds[name].attrs["long_name"] = LONG_NAMES[name]
    return ds
