"""Floats to measure on: drawn, and embeddings of real images."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

import numbaconc as nc

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

COMPONENTS = 256
SEED = 0


@functools.cache
def array_of(name: str, most: int | None) -> NDArray[np.float32]:
    """Return one of `FLOATS`, with at most so many rows, shape (n, d)."""
    return FLOATS[name](most)


def _normal(most: int | None, *, n: int, d: int) -> NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal((min(n, most or n), d), np.float32)


def _heavy_tailed(most: int | None, *, n: int, d: int) -> NDArray[np.float32]:
    """Student's t of 2 degrees of freedom, whose variance is infinite."""
    return np.random.default_rng(SEED).standard_t(2, (min(n, most or n), d)).astype(np.float32)


def _embedded(most: int | None) -> NDArray[np.float32]:
    """Images of CIFAR-10, in the coordinates in which they vary most."""
    from sklearn.decomposition import PCA

    images = nc.load_dataset("cifar10", verify=False).train
    images = images if most is None else images.subsample(most, 0)
    pixels = images.X.astype(np.float32) / 255
    return PCA(COMPONENTS, svd_solver="covariance_eigh").fit_transform(pixels).astype(np.float32)


FLOATS: dict[str, Callable[[int | None], NDArray[np.float32]]] = {
    "normal-512": functools.partial(_normal, n=20_000, d=512),
    "normal-64": functools.partial(_normal, n=50_000, d=64),
    "cifar10-pca": _embedded,
    "heavy-tailed": functools.partial(_heavy_tailed, n=20_000, d=128),
}
