"""Which rows are near each other, in plain loops; nothing here is of the package."""

from __future__ import annotations

import math

import numpy as np


def distance(x, y, norm):
    """Between two rows, squared for l2: a whole number where both are bytes."""
    whole = x.dtype == np.uint8
    differences = [abs(int(a) - int(b)) if whole else abs(float(a) - float(b)) for a, b in zip(x, y, strict=True)]
    if norm == "linf":
        return max(differences)
    if norm == "l1":
        return sum(differences) if whole else math.fsum(differences)
    return sum(one * one for one in differences) if whole else math.fsum(one * one for one in differences)


def distances(X, Y, norm):
    """From every row of X to every row of Y; infinite from a row to itself where both are one array."""
    found = np.full((len(X), len(Y)), np.inf)
    for i in range(len(X)):
        for j in range(len(Y)):
            if X is not Y or i != j:
                found[i, j] = distance(X[i], Y[j], norm)
    return found


def nearest_apart(X, labels, Y, other_labels, norm):
    """The distance to the nearest row of another label, and the first such row."""
    every = distances(X, Y, norm)
    least, nearest = np.full(len(X), np.inf), np.full(len(X), -1)
    for i in range(len(X)):
        for j in range(len(Y)):
            if labels[i] != other_labels[j] and every[i, j] < least[i]:
                least[i], nearest[i] = every[i, j], j
    return least, nearest


def within(X, limit, norm, labels=None):
    """Which rows are within a distance of each other, but not of themselves."""
    near = distances(X, X, norm) <= limit
    for i in range(len(X)):
        for j in range(len(X)):
            near[i, j] &= labels is None or labels[i] != labels[j]
    return near
