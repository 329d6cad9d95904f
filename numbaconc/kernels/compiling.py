"""How kernels are compiled: `kernel` for those that other rooms call, `helper` for what kernels call.

Numba's cache on disk looks at the file of a jitted function only. It does not notice a change in this file: empty the
`__pycache__` folder of the kernels after one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from numbaconc.kernels.threads import in_turn

# Floating-point operations may be regrouped, zeros may lose their sign, a product and a sum may be rounded once.
# NaN and infinity keep their meaning, which bounds of boxes rely on.
ANY_ORDER = frozenset({"reassoc", "nsz", "contract"})


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function whose `prange` loops run in parallel; it is safe to call from several threads at once."""
    return in_turn(njit(parallel=True, cache=True)(function))


def helper(function: Callable[..., Any] | None = None, *, any_order: bool = False) -> Any:
    """Compile a function that runs in the thread of its caller; `@helper(any_order=True)` where an option is given.

    In any order, sums of floats become sums of vectors. The result then depends on the processor in its last digits.
    Not for tests of membership.
    """
    compiled = njit(cache=True, fastmath=set(ANY_ORDER)) if any_order else njit(cache=True)
    return compiled if function is None else compiled(function)
