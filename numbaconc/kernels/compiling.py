"""How kernels are compiled: `kernel` for those that other rooms call, `helper` for what kernels call."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from numbaconc.kernels.threads import in_turn

# Floating-point operations may be regrouped, zeros may lose their sign, a product and a sum may be rounded once.
# NaN and infinity keep their meaning, which bounds of boxes rely on.
ANY_ORDER = frozenset({"reassoc", "nsz", "contract"})


uncached: list[str] = []  # kernels for which there is no folder to keep them in


def _has_home() -> bool:
    with contextlib.suppress(RuntimeError):
        return Path.home().is_absolute()
    return False


class _Place(CompileResultCacheImpl):  # type: ignore[misc]  # numba ships no types: its base class is Any
    """Where Numba keeps a kernel; not in a folder named ~, which it would make for a user without a home."""

    _locator_classes: ClassVar[list[Any]] = [
        locator
        for locator in CompileResultCacheImpl._locator_classes
        if "UserWide" not in locator.__name__ or _has_home()
    ]


@functools.cache
def _stamp() -> tuple[tuple[str, float, int], ...]:
    """Return the names of all kernel files, when each was written, and its size."""
    found = ((path.name, path.stat()) for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted((name, file.st_mtime, file.st_size) for name, file in found))


class _Cache(FunctionCache):  # type: ignore[misc]  # numba ships no types: its base class is Any
    """Numba's cache on disk, which saves time and is nothing more: what it cannot read or keep is compiled again.

    Numba looks at the file of a function only. What is compiled of it has functions of other files in it, too, and
    depends on this file, so that it is forgotten when any file of the kernels has changed.
    """

    _impl_class = _Place

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = _stamp()

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return what is kept; None, and what is damaged is forgotten, where that fails for whatever reason."""
        try:
            return super().load_overload(signature, target)
        except Exception:
            with contextlib.suppress(Exception):
                self.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled if that is possible."""
        with contextlib.suppress(Exception):
            super().save_overload(signature, compiled)


def _cached(compiled: Any) -> Any:
    """Let a jitted function be kept on disk where there is a place for it; Numba's `cache=True` would insist on one."""
    if hasattr(compiled, "_cache"):  # there is no other way to give it a cache; a plain function takes none
        try:
            compiled._cache = _Cache(compiled.py_func)
        except (RuntimeError, OSError):
            uncached.append(compiled.__name__)
    return compiled


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function whose `prange` loops run in parallel; it is safe to call from several threads at once."""
    return in_turn(_cached(njit(parallel=True, nogil=True)(function)))


def helper(function: Callable[..., Any] | None = None, *, any_order: bool = False) -> Any:
    """Compile a function that runs in the thread of its caller; `@helper(any_order=True)` where an option is given.

    In any order, sums of floats become sums of vectors. The result then depends on the processor in its last digits.
    Not for tests of membership.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        return _cached(njit(fastmath=set(ANY_ORDER) if any_order else False)(function))

    return compiled if function is None else compiled(function)
