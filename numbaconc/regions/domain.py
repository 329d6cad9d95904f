"""The domain of the data: where points can be, and so where a point near them can move to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import Sample
from numbaconc.errors import InputError, as_number, shown

SLACK = 1e-12  # by which distances within the domain are reduced, so that rounding never makes one too large


def check_edges(domain: Any) -> tuple[float, float]:  # noqa: ANN401
    """Return the least and the largest possible coordinate on epsilon's scale; InputError if that is not what is given."""
    pair = isinstance(domain, tuple | list | np.ndarray) and len(domain) == 2
    least, largest = (as_number(edge) for edge in domain) if pair else (np.nan, np.nan)
    if not least < largest:
        msg = f"domain is {shown(domain)}; allowed: the least and the largest possible coordinate, such as (0, 1)"
        raise InputError(msg)
    return least, largest


def edges_in(sample: Sample, domain: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of the domain of every column, shape (d,), in levels of a sample."""
    least, largest = sample.place(np.repeat(np.array(domain)[:, np.newaxis], sample.n_features, axis=1))
    return least.astype(np.float64), largest.astype(np.float64)
