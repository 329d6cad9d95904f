"""The tail of a certificate whose border was placed by the very points that prove it.

docs/certificates.md says what this is, and proves it. In short: n points are drawn, the border of a chain of nested sets
is put at the m-th of them, and the upper limit of Clopper and Pearson is taken at the count of the expansion. At which
tail it fails with probability at most the one that is allowed, whatever the distribution is, depends on n and m alone.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, ndtr, ndtri

Numbers = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(120)  # for the integral over the measure below the border
LEFT_OUT = 1e-6  # of τ: the least values of v, of so small a probability, count in full
STEPS = 40  # counts that are tried first, from either end of their range
AROUND = 9  # counts tried between the neighbors of the worst of them, and then again
NEARLY = 1e-4  # relatively, how near to the tail the risk must come
SHAVED = 1e-3  # then taken off τ, relatively: some times what the integral and the worst counts are wrong by


@functools.lru_cache(maxsize=4096)
def tolerance(n: int, m: int, tail: float) -> float:
    """Return the tail τ at which the upper limit of the expansion fails with probability at most `tail`.

    Let v ~ Beta(m, n - m + 1) be the measure below the border, and U(k) the Clopper-Pearson upper limit at count k of n
    and tail τ. However the expansion's measure depends on v, the limit at m + K fails with probability at most
    E[max over m <= k < n of P(Bin(n - m, max(0, (U(k) - v) / (1 - v))) <= k - m)], which grows with τ.

    Parameters
    ----------
    n, m : int
        Points, and the rank of the one that the border is placed at; 1 <= m <= n.
    tail : float
        In (0, 1).

    Returns
    -------
    float
        At most `tail`, rounded down: .0096 for n = 10,000, m = 544 and a tail of .025.
    """
    if m == n:
        return tail  # all points are in the expansion, whose limit is 1
    tau = tail / 3
    for refined in (False, True):
        while not (1 - NEARLY) * tail <= (risk := _risk(n, m, tau, refined=refined)) <= tail:
            tau *= (1 - NEARLY / 2) * tail / risk  # the two are nearly proportional
    return tau * (1 - SHAVED)


def _risk(n: int, m: int, tau: float, *, refined: bool) -> float:
    """Return the worst probability that the limit at tail τ fails."""
    # where v > U(m) the limit may fail for sure, and that is so often:
    certain = float(betainc(n - m + 1, m, _beyond(np.array(m), n, tau)))
    start, end = float(ndtri(LEFT_OUT * tau)), float(-ndtri(certain))
    z = (start + end) / 2 + (end - start) / 2 * NODES  # quantiles of v, on the scale of a normal variable
    rest = betaincinv(n - m + 1, m, ndtr(-z))  # 1 - v, which keeps its digits where v is near 1
    worst = _worst(n, m, tau, rest, refined=refined)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return certain + LEFT_OUT * tau + (end - start) / 2 * float((WEIGHTS * density * worst).sum())


def _worst(n: int, m: int, tau: float, rest: Numbers, *, refined: bool) -> Numbers:
    """Return, for each 1 - v, the largest probability over all k; nearly so if not refined."""
    near = np.concatenate([[0], np.geomspace(1, max(1, n - 1 - m), STEPS)])
    counts = np.unique(np.rint(np.concatenate([m + near, n - 1 - near])).clip(m, n - 1))
    chances = _fails(n, m, counts, _beyond(counts, n, tau), rest[:, np.newaxis])
    for _ in range(2 * refined):
        at = chances.argmax(axis=1)
        rows = np.arange(len(rest))
        table = np.broadcast_to(counts, chances.shape)
        low, high = table[rows, (at - 1).clip(0)], table[rows, (at + 1).clip(max=table.shape[1] - 1)]
        counts = np.rint(np.linspace(low, high, AROUND, axis=1))
        chances = _fails(n, m, counts, _beyond(counts, n, tau), rest[:, np.newaxis])
    largest: Numbers = chances.max(axis=1)
    return largest


def _beyond(counts: Numbers, n: int, tau: float) -> Numbers:
    """Return 1 - U(k) for each count k < n."""
    beyond: Numbers = betaincinv(n - counts, counts + 1, tau)
    return beyond


def _fails(n: int, m: int, counts: Numbers, beyond: Numbers, rest: Numbers) -> Numbers:
    """Return P(Bin(n - m, p) <= k - m) for each count k, where 1 - p = (1 - U(k)) / (1 - v), at most 1."""
    chances: Numbers = betainc(n - counts, counts - m + 1, np.minimum(1, beyond / rest))
    return chances
