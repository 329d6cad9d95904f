"""Algorithm 2 as the authors' program counts, in plain NumPy, to compare with."""

from __future__ import annotations

import numpy as np


def plain(X: np.ndarray, epsilon: float, alpha: float, n_sets: int, delta: float, *, once: bool) -> list[int]:
    """Algorithm 2 as the authors' program has it, in NumPy; return the centers.

    For every center and every ball the distances to all points, sorted, and two dense k x n matrices of
    differences to count in. With `once`, distances are found once and kept, n x n.
    """
    levels = X.astype(np.float64)
    kept = [np.sqrt(((levels - x) ** 2).sum(axis=1)) for x in levels] if once else None
    target = int(np.ceil(round(len(X) * alpha * (1 + delta), 9)))
    free, fresh = np.ones(len(X), bool), np.ones(len(X), bool)
    centers: list[int] = []

    def distances(u: int) -> np.ndarray:
        return np.sqrt(((levels - levels[u]) ** 2).sum(axis=1)) if kept is None else kept[u]

    while (missing := target - np.count_nonzero(~free)) > 0:
        lowest = -(-missing // (n_sets - len(centers)))
        best = (len(X), 0, 0.0)
        for u in range(len(X)):
            to_all = distances(u)
            to_free, to_fresh = to_all[free], to_all[fresh]
            radii = np.sort(to_free)[lowest - 1 : missing, np.newaxis]
            objective = (to_fresh - radii <= 255 * epsilon).sum(axis=1) - (to_free - radii <= 0).sum(axis=1)
            k = int(np.argmin(objective))
            if objective[k] < best[0]:
                best = (int(objective[k]), u, float(radii[k, 0]))
        _, u, radius = best
        centers.append(u)
        free &= distances(u) > radius
        fresh &= distances(u) > radius + 255 * epsilon
    return centers
