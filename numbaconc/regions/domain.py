"""The domain of the data: where points can be, and so where a point near them can move to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.data.space import check_same

SLACK = 1e-12  # by which distances within the domain are reduced, so that rounding never makes one too large
NOISE = 2e-6  # how far beyond the domain floats may lie that were rounded, as samples allow, in units of its width


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
