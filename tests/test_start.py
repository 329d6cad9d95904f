"""How a process begins and ends: what it imports, and what searches are in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import blobs, needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data import datasets

# Each takes long to import.
NOT_NEEDED = ("sklearn", "scipy.stats", "scipy.optimize", "joblib", "distributed", "matplotlib.pyplot")

PLUGIN = """
from numbaconc.search.base import Search  # before scikit-learn is imported

from sklearn.base import BaseEstimator, clone

assert issubclass(Search, BaseEstimator)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run lines of Python in a process whose working folder is an empty one; return what it says."""
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"NUMBACONC_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": path}

    def said(code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return said


@needs_jit
def test_a_command_imports_no_library_that_it_does_not_need(run):
    code = (
        f"import sys, numbaconc.cli\nassert numbaconc.cli.main() == 0\nprint([*{{*{NOT_NEEDED}}} & {{*sys.modules}}])"
    )
    assert run(code, "measure", "--quiet").splitlines()[-1] == "[]"


@needs_jit
@pytest.mark.parametrize("options", [["--restarts", "2"], ["--search", "best"]], ids=" ".join)
def test_a_command_finds_what_the_library_finds(run, options, capsys):
    """Also where searches are copied with other settings, whatever class they derive from."""
    np.savez("own.npz", X_train=blobs(60, 4, 1, spread=40), X_test=blobs(40, 4, 2, spread=40))
    arguments = ["measure", "own.npz", "--alpha", "0.2", "--n-sets", "2", *options, "--json", "--quiet"]
    alone = run("import sys, numbaconc.cli; sys.exit(numbaconc.cli.main())", *arguments)
    assert main(arguments) == 0
    alone, here = json.loads(alone), json.loads(capsys.readouterr().out)
    assert alone["cases"] == here["cases"]


def test_searches_are_estimators_for_plugins(run, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    run("import numbaconc.cli; numbaconc.cli.main()", "measure", "--plugin", "plugin", "--help")


def test_searches_are_estimators_for_other_packages(run, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "others-1.dist-info").mkdir()
    (tmp_path / "others-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
    (tmp_path / "others-1.dist-info" / "entry_points.txt").write_text("[numbaconc.searches]\nmine = plugin\n")
    run("import numbaconc.cli; numbaconc.cli.main()", "measure", "--help")


def test_searches_are_estimators_where_a_command_is_called(run):
    code = f"import gc, numbaconc.cli\nbefore = gc.get_threshold()\nassert numbaconc.cli.main(['data', 'list']) == 0\n{PLUGIN}"
    run(f"{code}\nassert gc.get_threshold() == before")


def test_digits_without_their_file(monkeypatch):
    """Where scikit-learn keeps them elsewhere, it is asked."""
    before = nc.load_dataset("digits")
    monkeypatch.setattr(datasets, "DIGITS_FILE", "sklearn/elsewhere.csv.gz")
    after = nc.load_dataset("digits")
    assert (before.verified, after.verified) == (True, True)
    for one, other in ((before.train, after.train), (before.test, after.test)):
        np.testing.assert_array_equal(one.X, other.X)


def test_hdf5_is_opened_by_netcdf_first(run):
    """With the wheels of h5py 3.15 and netCDF4 1.7.3, netCDF files could not be written after the other order."""
    h5py = pytest.importorskip("h5py")
    with h5py.File("mine.h5", "w") as file:
        file["X"] = blobs(60, 4, 1, spread=40)
    code = "import sys, numbaconc as nc; nc.load_dataset('mine.h5')\nprint([m for m in sys.modules if m in ('netCDF4', 'h5py')])"
    assert run(code) == "['netCDF4', 'h5py']\n"
