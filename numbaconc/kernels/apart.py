"""Two sets of points, each of one far from each of the other: which points may be in such sets of given sizes.

Sets are bits of words. If S has x points and Z has z, all pairs farther apart than ε, then each point of S is far from
at least z that may be in Z, and each of Z from at least x that may be in S. Points that are not are taken out, over and
over; where too few are left, there are no such sets.
"""

import numpy as np
from numba import config, prange, types
from numba.extending import intrinsic

from numbaconc.kernels.compiling import helper, kernel

BITS = 64  # of a word
ONE = np.uint64(1)


if config.DISABLE_JIT:

    def _ones(word):
        return int(word).bit_count()

else:

    @intrinsic
    def _ones(typing, word):  # noqa: ARG001
        return types.uint64(types.uint64), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])  # noqa: ARG005


@helper
def _count(a, b):
    """Count the bits that are set in both of two rows of words."""
    total = np.int64(0)
    for i in range(a.shape[0]):
        total += np.int64(_ones(a[i] & b[i]))
    return total


@helper
def _near(far, these, those, i, fewest):
    """Return those of the points of word i of `these` that are far from fewer than `fewest` of `those`."""
    near = np.uint64(0)
    for bit in range(BITS):
        place = ONE << np.uint64(bit)
        if these[i] & place and _count(far[i * BITS + bit], those) < fewest:
            near |= place
    return near


@helper
def _take_out(far, these, those, fewest):
    """Take those out of all words; return whether there were any."""
    found = False
    for i in range(these.shape[0]):
        near = _near(far, these, those, i, fewest)
        if near:
            these[i] ^= near
            found = True
    return found


@helper
def _prune(far, these, those, x, z):
    """Take out of both what cannot be in sets of x and z points; return whether enough are left."""
    while True:
        taken = _take_out(far, these, those, z)
        if _count(these, these) < x:
            return False
        taken |= _take_out(far, those, these, x)
        if _count(those, those) < z:
            return False
        if not taken:
            return True


@kernel
def take_out(far, these, those, fewest):
    """Take out of `these` what is far from fewer than `fewest` of `those`.

    far : (n, w) uint64, in bit b of word i of each row whether point 64 i + b is farther away than ε; symmetric
    these, those : (w,) uint64, sets of points; the first is written to
    """
    for i in prange(these.shape[0]):
        these[i] ^= _near(far, these, those, i, fewest)


@kernel
def probe(far, these, those, x, z, finest):
    """Suppose of each group of these points that one of it is in the set of x points, and prune until nothing changes.

    Groups are the points of a word, then of its halves, and so on down to `finest` points.
    far : as in `take_out`; these, those : (w,) uint64, what may be in the sets of x and of z points
    x, z : at least 1
    finest : 64, 32, 16, 8, 4, 2 or 1
    Returns (w,) uint64, the points of groups of which that may be true.
    """
    w = these.shape[0]
    kept = these.copy()
    for i in prange(w):
        some, others = np.empty(w, np.uint64), np.empty(w, np.uint64)
        size = BITS
        while size >= finest:
            for first in range(0, BITS, size):
                group = np.uint64(0)
                others[:] = 0
                for bit in range(first, first + size):
                    place = ONE << np.uint64(bit)
                    if kept[i] & place:
                        group |= place
                        others |= far[i * BITS + bit]
                if group != 0:
                    some[:] = these
                    others &= those
                    if not (_prune(far, some, others, x, z) and some[i] & group):
                        kept[i] ^= group
            size //= 2
    return kept
