"""The benchmarks run; what they measure is not looked at. Tables that are made again are compared with the committed ones."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs_jit

import numbaconc as nc

ROOT = Path(__file__).parents[1]


def run(script, *arguments, before=()):
    """Run a script of the benchmarks in a process of its own; modules in the folders `before` hide installed ones."""
    folders = *before, Path(nc.__file__).parents[1]  # the package whose kernels are cached
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    environment.pop("PYTHONSAFEPATH", None)  # scripts import each other
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, *arguments],
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@needs_jit
@pytest.mark.slow
def test_digits_and_floats(tmp_path):
    """Each in the stages that are about them, beside the peers that every installation has."""
    for peer in ("faiss", "pynndescent"):  # which compiles for longer than all of this takes
        (tmp_path / f"{peer}.py").write_text("raise ModuleNotFoundError", encoding="utf-8")
    stages = ["radii", "clustering", "balls", "separation", "floats", "workers"]
    given = ["--quick", "--datasets", "digits", "normal-512", "--out", tmp_path, "--stages", *stages]
    done = run("run.py", *given, before=[tmp_path])
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))["rows"]
    assert "numbaconc, 2 Dask workers" in {row["who"] for row in rows}
    ours = [row for row in rows if row["work"].startswith("normal-512") and row["who"] == "numbaconc"]
    assert [row["d"] for row in ours] == [512, 64, 128, 256] * 2 + [512] * 2  # radii in both metrics, both algorithms
    assert all(0 < row["refined"] < 0.5 for row in ours[:-2])
    assert all(row["recall"] > 0.9 for row in rows if row["recall"] is not None)
    assert {"plain loops, compiled", "scikit-learn BallTree", "numbaconc"} <= {row["who"] for row in rows}
    assert all(row["same"] is not False for row in rows)
    written = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "share of peak" in written
    assert "refined" in written
    assert "processor" in written
    assert (tmp_path / "benchmarks.png").stat().st_size > 0


@pytest.mark.slow
def test_coverage_of_few_draws():
    done = run("draws.py", "--draws", "20", "--sizes", "100,400")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if "±" in line]
    assert len(rows) == 8
    assert all("2.50" in row for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["run.py", "sweeps.py", "tables.py"])
def test_help(script):
    done = run(script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: {script}" in done.stdout


@pytest.fixture
def again(tmp_path):
    """A folder with the committed tables."""
    for number in range(1, 6):
        shutil.copy(ROOT / "experiments" / f"table{number}.nc", tmp_path)
    return tmp_path


def altered(path, change):
    ds = nc.open_results(path)
    change(ds)
    nc.save_results(ds, path)


def test_tables_that_are_the_committed_ones(again):
    done = run("tables.py", again)
    assert (done.returncode, done.stderr) == (0, "")
    names = "table1, table2, table3, table4, table5"
    assert done.stdout == f"{names}: every risk and adversarial risk is the committed one\n"


def test_tables_that_differ_from_the_committed_ones(again):
    """In the last place of a number, in a value that is missing, and in a file that is not there: each is named."""
    row = {"dataset": "mnist", "epsilon": 0.1, "T": 5, "q": 0.662, "seed": 3, "split": "test"}
    first = float(nc.open_results(again / "table1.nc")["risk"].sel(row))
    next_to_it = first + 2**-50

    def change(ds):
        ds["risk"].loc[row] = next_to_it
        ds["adversarial_risk"].loc[row] = float("nan")

    second = float(nc.open_results(again / "table1.nc")["adversarial_risk"].sel(row))
    altered(again / "table1.nc", change)
    (again / "table4.nc").unlink()
    fewer = nc.open_results(again / "table5.nc")
    nc.save_results(fewer.isel(epsilon=slice(1, None)), again / "table5.nc")
    n_lost = 2 * int(fewer["risk"].isel(epsilon=0).notnull().sum())
    done = run("tables.py", again)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    place = "dataset mnist, epsilon 0.1, T 5, q 0.662, seed 3, split test"
    assert lines[0] == f"table1.nc: risk at {place}: {next_to_it!r}; committed: {first!r}"
    assert lines[1] == f"table1.nc: adversarial_risk at {place}: missing; committed: {second!r}"
    assert lines[2].startswith(f"result file '{again / 'table4.nc'}' cannot be read")
    assert all(line.startswith("table5.nc: ") and ": missing; committed: " in line for line in lines[3:-1])
    assert len(lines) == 3 + n_lost + 1
    assert lines[-1].startswith(f"table1, table2, table3, table4, table5: {3 + n_lost} differences from ")
    assert run("tables.py", again, "--tables", "2", "3").returncode == 0
