"""Directions in which points differ: principal components, and where among these a number grows that points have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.errors import InputError

SMALLER, PENALTIES = 1 / 4, 6  # ridge penalties, in units of the largest variance: powers, and how many


def principal_components(X: NDArray[np.floating[Any]], n_components: int, solver: str = "auto") -> NDArray[np.float64]:
    """Return principal components, shape (k, d), whatever the number of threads; InputError if no points differ."""
    from sklearn.decomposition import PCA  # slow to import
    from threadpoolctl import threadpool_limits

    if not (X[1:] != X[:-1]).any():
        msg = f"X holds {len(X)} identical points; allowed: points that differ, so that there is a principal component"
        raise InputError(msg)
    with threadpool_limits(1, "blas"):  # how BLAS splits a product among threads changes the last bits
        fitted = PCA(n_components, svd_solver=solver, random_state=0).fit(X)
    components: NDArray[np.float64] = fitted.components_.astype(np.float64)
    return components


def growing(
    components: NDArray[np.float64], projections: NDArray[np.float64], numbers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return directions along which a number of the points grows, shape (m, d): ridge regressions on the components.

    They differ in the penalty. The first, of a penalty without limit, is the sum of the points weighted by their numbers, in
    which components of large variance count most; the penalty then falls from the largest variance to none.

    Parameters
    ----------
    components : ndarray, shape (k, d)
        Of length 1 each, and uncorrelated.
    projections : ndarray, shape (n, k)
        Of the points on them.
    numbers : ndarray, shape (n,)
    """
    centered = projections - projections.mean(axis=0)
    slopes, variances = centered.T @ (numbers - numbers.mean()), (centered**2).sum(axis=0)
    if not slopes.any():  # the numbers are all the same
        return components[:0]
    penalties = [variances[0] * SMALLER**i for i in range(PENALTIES)]
    weights = [slopes, *(slopes / (variances + penalty) for penalty in penalties)]
    directions: NDArray[np.float64] = np.array(weights) @ components
    return directions
