"""The benchmarks run; what they measure is not looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs_jit

import numbaconc as nc

ROOT = Path(__file__).parents[1]


@needs_jit
@pytest.mark.slow
def test_digits(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "run.py", "--quick", "--datasets", "digits", "--out", tmp_path]
    environment = os.environ | {"PYTHONPATH": str(Path(nc.__file__).parents[1])}  # the package whose kernels are cached
    environment.pop("PYTHONSAFEPATH", None)  # scripts import each other
    stages = ["radii", "clustering", "balls"]
    done = subprocess.run(
        [*command, "--stages", *stages], env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))["rows"]
    assert {"plain loops, compiled", "scikit-learn BallTree", "numbaconc"} <= {row["who"] for row in rows}
    assert all(row["same"] is not False for row in rows)
    written = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "share of peak" in written
    assert "processor" in written
    assert (tmp_path / "benchmarks.png").stat().st_size > 0
