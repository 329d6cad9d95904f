"""How long it takes to begin: import, and a first measurement with nothing compiled yet and with everything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numbaconc as nc
from common import OURS, Data, Row, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def stage(_: Data) -> Iterator[Row]:
    """Measure in processes of their own, on the digits."""
    n, d = Data("digits", None).train.X.shape
    measure = ["-m", "numbaconc", "measure", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        for work, arguments, repetitions in (
            ("python -c pass", ["-c", "pass"], 3),
            ("import numbaconc", ["-c", "import numbaconc"], 3),
            ("numbaconc measure, nothing compiled yet", measure, 1),
            ("numbaconc measure, from the cache", measure, 3),
        ):
            seconds, _ = seconds_of(lambda arguments=arguments: _run(arguments, folder), repetitions)
            yield Row(work, OURS if "numbaconc" in work else "Python", n, d, seconds)


def _run(arguments: list[str], folder: str) -> None:
    own = {"PYTHONPATH": str(Path(nc.__file__).parents[1])}
    own |= dict.fromkeys(("NUMBA_CACHE_DIR", "NUMBACONC_CACHE_DIR"), folder)
    subprocess.run(
        [sys.executable, *arguments], check=True, cwd=folder, env=os.environ | own, stdout=subprocess.DEVNULL
    )
