"""How many threads kernels use, one launch at a time where that is needed, and word of a compilation."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numba
from numba.core import event

from numbaconc.errors import InputError, said

_turn = threading.RLock()


def in_turn(kernel: Any) -> Any:
    """Make a parallel kernel safe to launch from several threads at once.

    Numba's own `workqueue` layer, which it falls back on where there is neither OpenMP nor TBB, dies
    when two threads launch kernels at once: there, and until the layer is known, they take turns.
    """

    @functools.wraps(kernel)
    def launch(*arguments: Any) -> Any:
        if _layer_is_threadsafe():
            return kernel(*arguments)
        with _turn:
            _threads_in_force()
            return kernel(*arguments)

    return launch


def _layer_is_threadsafe() -> bool:
    try:
        return str(numba.threading_layer()) != "workqueue"
    except ValueError:  # nothing has been launched yet
        return False


def _threads_in_force() -> int:
    """Return how many threads kernels use, which starts them; InputError if NUMBA_THREADING_LAYER is not there."""
    try:
        return int(numba.get_num_threads())
    except ValueError as error:
        layer = numba.config.THREADING_LAYER
        why = said(error).partition(" HINT")[0]
        msg = f"NUMBA_THREADING_LAYER is {layer!r} in the environment, which is not to be had ({why}); allowed: omp, workqueue"
        raise InputError(msg) from error


def available_threads() -> int:
    """Return the most threads that a kernel can use on this machine."""
    return int(numba.config.NUMBA_NUM_THREADS)


@contextlib.contextmanager
def using_threads(n: int | None) -> Iterator[int]:
    """Run kernels on `n` threads inside the block, as many as before if None; yield the number in force."""
    before = _threads_in_force()
    try:
        if n is not None:
            numba.set_num_threads(n)
        yield _threads_in_force()
    finally:
        numba.set_num_threads(before)


class _FirstCompilation(event.Listener):  # type: ignore[misc]  # numba ships no types: its base class is Any
    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce: Callable[[], None] | None = announce

    def on_start(self, event: object) -> None:  # noqa: ARG002
        if self.announce is not None:
            self.announce()
            self.announce = None

    def on_end(self, event: object) -> None:
        pass


@contextlib.contextmanager
def announcing_compilation(announce: Callable[[], None]) -> Iterator[None]:
    """Call `announce` once if a kernel must be compiled inside the block, not if the cache has it."""
    listener = _FirstCompilation(announce)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
