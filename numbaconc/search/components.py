"""Principal components of points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.errors import InputError


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
