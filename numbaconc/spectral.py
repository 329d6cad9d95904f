"""How much neighborhoods must grow by the eigenvalues of a graph: Haemers' bound on sets with no edge between them.

docs/lower.md has the proof.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, eigsh

TRIMMED = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2)  # shares of the points that are left out
BALANCING = 100  # steps towards weights of equal sums
TOLERANCE = 1e-4  # relative, of an eigenvalue that is then proved
LOOSER = 1e-3  # taken off a bound that is not proved, relatively, and again
TRIES = 8
STEP = 2.0**-53  # rounding of one operation


def by_spectrum(graph: csr_array, most: float) -> Iterator[tuple[float, NDArray[np.int64]]]:
    """Yield shares of points that are trimmed, at most `most`, each with what the union of any x = 0..n points then has at least.

    `graph` has all pairs within ε, without the diagonal.
    """
    n = graph.shape[0]
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component)[component]
    order = np.lexsort((np.diff(graph.indptr), sizes))  # those in small components first, then those with few neighbors
    dense = graph.toarray().astype(np.float64)
    before = -1
    for share in TRIMMED:
        trimmed = max(int(share * n), int(np.count_nonzero(sizes < sizes.max())))
        if before < trimmed <= most * n and n - trimmed > 2:
            before = trimmed
            rest = np.sort(order[trimmed:])
            if (sigma := sigma_at_most(dense[np.ix_(rest, rest)])) < 1:
                yield trimmed / n, _grown(n, trimmed, sigma)


def _grown(n: int, trimmed: int, sigma: float) -> NDArray[np.int64]:
    """Return the least unions of x = 0..n points of which `trimmed` have no bound, and the others have that of σ."""
    rest, x = n - trimmed, np.arange(n + 1)
    least = np.full(n + 1, np.inf)
    for inside in (np.minimum(x, trimmed), np.maximum(x - rest, 0)):  # of the trimmed points, the most and the fewest
        share = (x - inside) / rest
        grown = np.where(share > 0, share / np.maximum(share + sigma**2 * (1 - share), STEP), 0.0)
        least = np.minimum(least, inside + rest * grown * (1 - 16 * STEP))
    return np.maximum(np.ceil(least - 16 * STEP * n), x).astype(np.int64)


def sigma_at_most(adjacency: NDArray[np.float64]) -> float:
    """Return a bound on σ = (μₙ - μ₂) / (μₙ + μ₂), μ₂ and μₙ the least and largest eigenvalues of a Laplacian but that of 1.

    Any weights of edges do. Those are taken for which all points have nearly the same sum, their own weight included.
    Eigenvalues are estimated, and then proved by factorizations whose rounding is bounded.

    adjacency : (k, k) float64, 0 or 1, symmetric; its diagonal is written to
    """
    k = len(adjacency)
    np.fill_diagonal(adjacency, 1.0)
    scale = np.full(k, k**-0.5)
    for _ in range(BALANCING):
        scale = np.sqrt(scale / (adjacency @ scale))
    weights = adjacency * scale[:, np.newaxis] * scale
    weights = np.minimum(weights, weights.T)  # symmetric to the last bit
    np.fill_diagonal(weights, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    least, largest = _eigenvalues(laplacian)
    for _ in range(TRIES):
        if _is_positive(laplacian + 2.0 / k, least) and _is_positive(-laplacian, -largest):
            return min(1.0, (largest - least) / (largest + least) * (1 + 8 * STEP))
        least, largest = least * (1 - LOOSER), largest * (1 + LOOSER)
    return 1.0


def _eigenvalues(laplacian: NDArray[np.float64]) -> tuple[float, float]:
    """Estimate the least but one, and the largest eigenvalue; slightly too small, and too large."""
    k = len(laplacian)
    start = np.random.default_rng(0).normal(size=k)
    try:
        shifted = [laplacian, 2 * np.eye(k) - laplacian - 2.0 / k]
        tops = [
            float(eigsh(one, 1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)[0]) for one in shifted
        ]
    except ArpackError:
        return 0.0, 2.0
    return max(0.0, (2 - tops[1]) * (1 - LOOSER)), tops[0] * (1 + LOOSER)


def _is_positive(matrix: NDArray[np.float64], least: float) -> bool:
    """Whether all eigenvalues of a symmetric matrix are surely more than `least`: Rump, BIT 46, 2006."""
    k = len(matrix)
    shifted = matrix - np.diag(np.full(k, least))
    rounding = 4 * (k + 8) * STEP * float(np.abs(np.diag(shifted)).sum() + np.abs(matrix).sum(axis=1).max())
    try:
        cho_factor(shifted - np.diag(np.full(k, rounding)), overwrite_a=True, check_finite=False)
    except LinAlgError:
        return False
    return True
