"""The domain of the data: where points can be, and so where a point near them can move to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.data.space import check_same
from numbaconc.reprs import range_of

SLACK = 1e-12  # by which distances within the domain are reduced, so that rounding never makes one too large
NOISE = 2e-6  # how far beyond the domain floats may lie that were rounded, as samples allow, in units of its width


def variables_of(domain: tuple[float, float] | None) -> dict[str, Any]:
    """Return what a file of a region holds of the domain that it is expanded in."""
    told = {"long_name": "least and largest coordinate that points can move to"}
    return {} if domain is None else {"domain": ("edge", np.array(domain), told)}


def words_of(domain: tuple[float, float] | None) -> str:
    """Return the words that say in which domain a region is expanded, if it is in one."""
    return "" if domain is None else f", which ends at the edges of the domain {range_of(domain)}"


def edges_in(sample: Sample, domain: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of the domain of every column, shape (d,), in levels of a sample.

    A point that rounding has taken out of the domain is taken to lie in it, and so is what it can reach: else it could be
    in a region that no other point could ever enter. InputError if points lie farther out, or have another domain.
    """
    check_same(sample.space, replace(sample.space, domain=domain), "X", "the region")
    if sample.domain is None:
        replace(sample, domain=domain)  # refuses points that lie farther out
    low, high = domain if np.isfinite(domain).all() else sample.extent
    least, largest = sample.place(np.repeat(np.array(domain)[:, np.newaxis], sample.n_features, axis=1))
    noise = NOISE * (high - low) / sample.unit
    if noise < 1 and sample.whole and all((np.rint(edge) == edge).all() for edge in (least, largest)):
        noise = 0.0  # so little never takes whole numbers out
    return least - noise, largest + noise
