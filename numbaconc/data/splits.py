"""Which rows of a data set are for training, and which for the test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.sample import drawn
from numbaconc.errors import InputError, check_count, shown

TEST_FRACTION = 0.2  # where none is given
MIN_ROWS = 2  # of train and of test
SUBSAMPLE_SEED = 0  # of the training points that `max_train` leaves


def split(n: int, test_fraction: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which of so many rows are for training, and which for the test, ascending; InputError if too few are for one."""
    n_test = round(n * test_fraction)
    if min(n_test, n - n_test) < MIN_ROWS:
        leaves = f"{n - n_test} train and {n_test} test rows of {n}"
        msg = f"test_fraction is {test_fraction}, which leaves {leaves}; allowed: at least {MIN_ROWS} of each"
        raise InputError(msg)
    is_test = np.zeros(n, bool)
    is_test[np.random.default_rng(seed).permutation(n)[:n_test]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def kept(n: int, max_train: int) -> NDArray[np.intp]:
    """Return which of so many training points are kept, ascending; InputError if that is no number of them."""
    return drawn(n, check_count("max_train", max_train, 2, n, "the training points there are"), SUBSAMPLE_SEED)


def check_unused(**given: float | None) -> None:
    """Refuse what was given and has no effect, since the data are split already."""
    for name, value in given.items():
        if value is not None:
            msg = f"{name} is {shown(value)} with data that have a test part already; allowed: with an array that is split"
            raise InputError(msg)
