"""Questions that results answer: cases, the restart that is kept and what test points prove of it, means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.binomial import CONFIDENCE, least_count, lower_limit, upper_limit
from numbaconc.certify import Certificate, certify_at_counts, certify_counts, n_bounds_of
from numbaconc.goal import ROUNDING, kept_index
from numbaconc.results.schema import LONG_NAMES, SPLITS

KEPT = ("kept_seed", "measure_at_least", "expansion_at_most", "certified")  # what `certify_kept` adds
TAIL = (1 - CONFIDENCE) / 2  # how often either bound of a certificate at 95% may be wrong
MOST = 2**53  # points that float64 counts one by one
RANKED = 2**31  # points that are put in order, and not only counted
WHOLE = 0.01  # how far a share of so many points may be from a whole number of them, by rounding


def kept_seeds(ds: xr.Dataset) -> xr.DataArray:
    """Return for each case the seed whose region is kept; missing where nothing was measured.

    By the training risks, as `goal.kept_index` says.
    """
    train = ds.sel(split="train", drop=True)
    risks, along = [train["risk"], train["adversarial_risk"]], [["seed"], ["seed"], []]
    best = xr.apply_ufunc(kept_index, *risks, ds["alpha"], input_core_dims=along)
    return ds["seed"].isel(seed=best).drop_vars("seed").where(train["risk"].notnull().any("seed"))


def certify_kept(ds: xr.Dataset) -> xr.Dataset:
    """Return results with what the test points prove about the region that is kept of each case."""
    ds = ds.copy()
    test = ds.sel(split="test", drop=True)
    if "seed" in ds["risk"].dims:
        ds["kept_seed"] = kept_seeds(ds)
        test = test.sel(seed=ds["kept_seed"].fillna(ds["seed"][0]).astype(int))
    if "n_points" not in ds:
        return ds
    bounds = {"measure_at_least": (lower_limit, "risk"), "expansion_at_most": (upper_limit, "adversarial_risk")}
    for name, (bound, counted) in bounds.items():
        n_in = (test[counted] * test["n_points"]).round()
        proven = xr.apply_ufunc(bound, n_in.fillna(0), test["n_points"], TAIL, vectorize=True)
        ds[name] = proven.where(n_in.notnull()).reset_coords(drop=True)
    if "certified_count" in ds:
        beside = {"n_compared": 1, "uncertainty_at_least": np.nan}
        counts = [test[name] for name in ("certified_count", "n_points", "alpha")]
        counts += [test.get(name, xr.DataArray(value)) for name, value in beside.items()]
        ds["certified"] = xr.apply_ufunc(_at_alpha, *counts, vectorize=True).reset_coords(drop=True)
        ds.attrs["confidence"] = CONFIDENCE
    for name in set(KEPT) & set(ds):
        ds[name].attrs["long_name"] = LONG_NAMES[name]
    return ds


def _at_alpha(count: float, n_points: float, alpha: float, n_compared: float, hard: float) -> float:
    """Return U of the certificate at α of so many test points in the expansion, NaN where nothing was counted.

    It is 1 where not even all of the test points would prove α. `hard` is a bound on uncertainty beside it, or NaN.
    """
    if np.isnan([count, n_points, alpha, n_compared]).any() or n_points > RANKED:
        return np.nan
    beside = None if np.isnan(hard) else float(hard)
    if least_count(alpha, int(n_points), CONFIDENCE, int(n_compared), n_bounds_of(beside)) is None:
        return 1.0
    asked = int(n_points), 1.0, alpha, CONFIDENCE, int(n_compared)
    return certify_at_counts(int(count), *asked, uncertainty_at_least=beside).U


def with_classifier(ds: xr.Dataset, robust_accuracy: float) -> xr.Dataset:
    """Return results with the robust accuracy of a classifier whose clean error is the α of each case."""
    ds = ds.assign(robust_accuracy=xr.full_like(ds["certified"], robust_accuracy))
    ds["robust_accuracy"].attrs["long_name"] = LONG_NAMES["robust_accuracy"]
    return ds


def mean_and_std(ds: xr.Dataset, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean and population standard deviation over the seeds, as the paper prints them."""
    values = ds[name]
    if "seed" not in values.dims:
        return values, xr.zeros_like(values)
    return values.mean("seed"), values.std("seed", ddof=0)


def cases(ds: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Yield the coordinates (dataset, epsilon, T, q) of each case that was measured."""
    has_value = ds["risk"].notnull()
    has_value = has_value.any([dim for dim in has_value.dims if dim in {"seed", "split"}])
    values = {dim: ds[dim].values.tolist() for dim in has_value.dims}
    for at in np.argwhere(has_value.values):
        yield {str(dim): values[dim][i] for dim, i in zip(has_value.dims, at, strict=True)}


def unreached(ds: xr.Dataset) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the coordinates of each case that was not measured with any seed, and why it was not."""
    if "error" not in ds:
        return
    missing = ds["risk"].isnull().all([dim for dim in ("seed", "split") if dim in ds["risk"].dims])
    errors = ds["error"].isel(seed=0) if "seed" in ds["error"].dims else ds["error"]
    where, errors = xr.broadcast(missing & (errors != ""), errors)
    values = {str(dim): ds[dim].values.tolist() for dim in where.dims}
    for at in map(tuple, np.argwhere(where.values)):
        yield {dim: of[i] for (dim, of), i in zip(values.items(), at, strict=True)}, str(errors.values[at])


def select_case(ds: xr.Dataset, case: dict[str, Any]) -> xr.Dataset:
    """Return what a result has for one case, without the seeds that it was not measured with."""
    here = ds.sel(case)
    return here.isel(seed=np.flatnonzero(here["risk"].notnull().any("split"))) if "seed" in here.dims else here


def kept(here: xr.Dataset) -> xr.Dataset:
    """Return the restart whose region is kept, of one case: chosen on train."""
    if "seed" not in here.dims:
        return here
    return here.sel(seed=int(here["kept_seed"] if "kept_seed" in here else kept_seeds(here)))


def below_alpha(here: xr.Dataset) -> bool:
    """Return whether the kept region of one case has less training risk than α, what it was to have."""
    return float(kept(here)["risk"].sel(split="train")) < float(here["alpha"]) * (1 - ROUNDING)


def below_alpha_on_test(here: xr.Dataset) -> bool:
    """Return whether the kept region of one case has less test risk than α, so that its risks bound h at that alone."""
    return float(kept(here)["risk"].sel(split="test")) < float(here["alpha"])


def is_degenerate(here: xr.Dataset) -> bool:
    """Return whether one case is no answer: its region has less training risk than α, or holds no test point."""
    return below_alpha(here) or float(kept(here)["risk"].sel(split="test")) == 0


def degenerate(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Return the cases that are no answer, as `is_degenerate` says."""
    return [case for case in cases(ds) if is_degenerate(select_case(ds, case))]


def failures(ds: xr.Dataset) -> list[str]:
    """Return the distinct errors of a sweep's failed cases."""
    return [str(text) for text in dict.fromkeys(np.ravel(ds["error"].values).tolist()) if text] if "error" in ds else []


def certificate(here: xr.Dataset, epsilon: float) -> Certificate | None:
    """Return what the test points prove about the kept region of one case, which was chosen on train.

    Its border is where the search put it. None where nothing is proven: numbers of points, or whole counts of them, are
    not known, or the test points had a part in choosing the region.
    """
    numbers = numbers_of_points(here)
    unmoved = here.get("measure_at_least")  # missing where the file has it of others, and test points had a part
    if numbers is None or (unmoved is not None and bool(unmoved.isnull())):
        return None
    test = kept(here).sel(split="test")
    n_train, n = numbers
    shares = [float(test[name]) * n for name in ("risk", "adversarial_risk")]
    if any(abs(share - round(share)) > WHOLE for share in shares):
        return None
    known = "vc_dimension" in here and bool(here["vc_dimension"].notnull())
    dimension = int(here["vc_dimension"]) if known else None
    n_in, n_expanded = map(round, shares)
    return certify_counts(n_in, n_expanded, n, epsilon, vc_dimension=dimension, n_train=n_train)


def certificate_at_alpha(here: xr.Dataset, epsilon: float) -> Certificate | None:
    """Return what the test points prove at exactly α: the kept region's border is where the m-th of them lies.

    None where the numbers of points are not known; where a file does not say how many lie in the expansion; and
    where there are too few to prove α at all.
    """
    numbers = numbers_of_points(here)
    if numbers is None or not {"certified_count", "certified"} <= set(here) or bool(here["certified"].isnull()):
        return None
    counts = float(kept(here)["certified_count"]), float(here.get("n_compared", 1))
    if not all(1 <= count < MOST and count.is_integer() for count in counts):
        return None
    (count, n_compared), n, alpha = map(int, counts), numbers[1], float(here["alpha"])
    beside = kept(here).get("uncertainty_at_least")
    hard = None if beside is None or bool(beside.isnull()) else float(beside)
    if n > RANKED or least_count(alpha, n, CONFIDENCE, n_compared, n_bounds_of(hard)) is None:
        return None
    found = certify_at_counts(count, n, epsilon, alpha, CONFIDENCE, n_compared, uncertainty_at_least=hard)
    return found if hard is None else replace(found, n_tied=int(kept(here).get("n_tied", 0)))


def lower_of(here: xr.Dataset) -> float | None:
    """Return what h of one case is at least, as one of the certificates that hold together; None where a file does not say."""
    value = float(here.get("lower_bound", np.nan))
    return value if float(here["alpha"]) * (1 - ROUNDING) <= value <= 1 else None


def hold_together(proven: Iterable[Certificate]) -> bool:
    """Return whether certificates hold all at once with 95% confidence: each may be wrong in a share 1 / n_compared of 5%.

    One that a lower bound stands beside is given twice.
    """
    return math.fsum(1 / one.n_compared for one in proven) <= 1 + ROUNDING


def numbers_of_points(here: xr.Dataset) -> tuple[int, int] | None:
    """Return how many points the samples of one case have, so that test points may prove something; None if not known."""
    if "n_points" not in here:
        return None
    train, test = (float(here["n_points"].sel(split=split)) for split in SPLITS)
    if not all(1 <= number < MOST and number.is_integer() for number in (train, test)):
        return None
    return int(train), int(test)
