"""The hyperplane baseline of Gilmer et al.: a half space across the first principal component (ℓ2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbaconc.data.arrays import Sample, as_sample, count_of, parse_epsilon
from numbaconc.errors import InputError
from numbaconc.regions.halfspace import HalfSpace, project
from numbaconc.search.rectangles import check_alpha

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class HyperplaneSearch:
    """What a search found.

    Attributes
    ----------
    region : HalfSpace
        Above the threshold that leaves ⌈n α⌉ training points, on the better side.
    risk, adversarial_risk : float
        On the training sample. Where several points tie at the threshold the risk can be below α.
    """

    region: HalfSpace
    risk: float
    adversarial_risk: float


def search_hyperplane(X: ArrayLike | Sample, epsilon: float | str, alpha: float) -> HyperplaneSearch:
    """Cut off the α share of the points that lies farthest along the first principal component.

    Of the component's two directions the one with the smaller training adversarial risk is taken.

    Parameters
    ----------
    X : Sample or array-like, shape (n, d), (n, h, w) or (n, h, w, c)
        The training points.
    epsilon : float or str
        Strength in ℓ2 on the unit scale.
    alpha : float
        Risk threshold, in (0, 1), with 1 <= α n and ⌈α n⌉ < n.

    Returns
    -------
    HyperplaneSearch

    Raises
    ------
    InputError
        If an argument is not allowed, or all points are identical.
    """
    sample = as_sample(X)
    n = len(sample)
    epsilon, alpha = parse_epsilon(epsilon), check_alpha(alpha, n)
    n_above = count_of(alpha, n)
    if n_above >= n:
        msg = f"alpha is {alpha:g}, to cut off {n_above} points; allowed: to cut off fewer than the {n} there are"
        raise InputError(msg)
    w = _first_component(sample)
    found = []
    for direction in (w, -w):
        region = _cut(sample, direction, n_above)
        measured = region.measure(sample, epsilon)
        found.append(HyperplaneSearch(region, float(measured.risk), float(measured.adversarial_risk)))
    return min(found, key=lambda one: one.adversarial_risk)


def _first_component(sample: Sample) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    X = sample.X
    if not (X[1:] != X[:-1]).any():
        msg = f"X holds {len(X)} identical points; allowed: points that differ, so that there is a principal component"
        raise InputError(msg)
    solver = "covariance_eigh" if X.shape[1] <= len(X) else "full"  # neither draws random numbers
    with threadpool_limits(1, "blas"):  # or the last bits depend on the number of threads
        component: NDArray[np.float64] = PCA(1, svd_solver=solver).fit(X.astype(np.float64)).components_[0]
    return component


def _cut(sample: Sample, w: NDArray[np.float64], n_above: int) -> HalfSpace:
    """Half space of the `n_above` largest projections: the next one is the threshold, and stays outside."""
    level = float(np.partition(project(sample, w), -n_above - 1)[-n_above - 1])
    b = float(sample.to_units(level))
    while (region := HalfSpace(w, b)).threshold(sample) < level:  # b was rounded down
        b = math.nextafter(b, math.inf)
    return region
