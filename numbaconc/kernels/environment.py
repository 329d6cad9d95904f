"""Numba's own environment variables: what it would ignore, stumble over late or die of is refused when it is imported."""

from __future__ import annotations

import os
import re
import warnings

from numbaconc.errors import InputError, said

MOST_THREADS = 4096  # Numba dies of tens of thousands
ALLOWED = {
    "NUMBA_NUM_THREADS": (r"\s*0*[1-9]\d*\s*", f"a whole number from 1 to {MOST_THREADS}"),
    "NUMBA_CPU_FEATURES": (r"([+-][\w.-]+(,[+-][\w.-]+)*)?", "names of features, each with + or - before it"),
    "NUMBA_THREADING_LAYER": (r"(?i:default|safe|threadsafe|forksafe|tbb|omp|workqueue)", "tbb, omp or workqueue"),
}


def check_environment() -> None:
    """Import Numba; InputError, in one line, if a variable of its environment is not allowed."""
    for name, (pattern, allowed) in ALLOWED.items():
        value = os.environ.get(name)
        if value is not None and (
            not re.fullmatch(pattern, value) or (name == "NUMBA_NUM_THREADS" and int(value) > MOST_THREADS)
        ):
            msg = f"{name} is {value!r} in the environment; allowed: {allowed}"
            raise InputError(msg)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Environment variable 'NUMBA_", RuntimeWarning)
            import numba  # noqa: F401
    except Exception as error:  # whatever the variables, or its file of them, make it stumble over
        given = ", ".join(name for name in os.environ if name.startswith("NUMBA_"))
        why = said(error).partition(" The parse failed")[0]
        msg = f"Numba cannot be used ({why}); the environment has {given or 'no variables for it'}"
        raise InputError(msg) from error
