"""Calls of libraries that a bad file can crash, or keep for ever: they are tried out in a child of this process first."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

from numbaconc.errors import said

PATIENCE = 10  # a child that sleeps is ended after as many times the seconds that one that works has
MEMORY = 4 << 30  # bytes, beside what this process has
DONE = b"done"


class TrialError(Exception):
    """What a call raised, or that it did not end."""


def try_out(call: Callable[[], object], seconds: int) -> None:
    """Make a call in a child of this process, a fork, and throw away what it returns.

    Once this returns, the same call can be made here. Where there are no forks, nothing is tried.

    Raises
    ------
    TrialError
        If it raises, crashes, takes more than so many seconds of a processor, or runs out of 4 GiB of memory.
    """
    if not hasattr(os, "fork"):
        return
    ours, theirs = os.pipe()
    with open(ours, "rb") as answer:  # noqa: PTH123
        with warnings.catch_warnings():
            # Both are of threads in this process, as JAX has some; the child uses none.
            for kind in (DeprecationWarning, RuntimeWarning):
                warnings.simplefilter("ignore", kind)
            child = os.fork()
        if child == 0:
            _answer(call, theirs, seconds)
        os.close(theirs)
        try:
            text = answer.read()
        finally:  # also where the user interrupts
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
    if text != DONE:
        raise TrialError(text.decode() or f"reading it crashes, or takes more than {seconds} seconds")


def _answer(call: Callable[[], object], out: int, seconds: int) -> None:
    """Make the call within limits, write what came of it, and end this process."""
    try:
        _limit(seconds)
        call()
        os.write(out, DONE)
    except BaseException as error:
        os.write(out, said(error).encode("utf-8", "backslashreplace"))
    finally:
        os._exit(0)


def _limit(seconds: int) -> None:
    """Let this process end after some seconds, have some memory, and not say a word of how it crashes."""
    import resource

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE * seconds)
    faulthandler.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError, ValueError):  # where the size of a process is not told, or limits are lower
        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
