"""The command line: what is printed, what is written, and what bad input gets."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from conftest import idx, lines, needs_jit, points
from tqdm import tqdm

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data.datasets import load_dataset
from numbaconc.errors import InputError
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.norms import NORMS
from numbaconc.numerals import percent_at_least, strength
from numbaconc.results.files import open_results
from numbaconc.search.base import Search, known_searches
from numbaconc.search.settings import Count

pytestmark = pytest.mark.usefixtures("one_thread")

REAL = Path(os.environ.get("NUMBACONC_DATA_DIR") or "no-such-folder")
SETTINGS = {"n_sets": 3, "n_neighbors": 5}  # small enough for pure Python
OPTIONS = ["--n-sets", "3", "--n-neighbors", "5", "--quiet"]
OLD = b"an earlier result"


class Ran(NamedTuple):
    """How a command line ended, and what it said."""

    status: int
    out: str
    err: str


TRAIN, TEST = points(120, 1), points(80, 2)


def call(*arguments):
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse
            status = left.code
    return Ran(status, out.getvalue(), err.getvalue())


def fine(*arguments):
    """Run a command line that must work."""
    ran = call(*arguments)
    assert ran.status == 0, ran.err
    return ran.out


def tree(folder):
    """Everything under a folder: files with their bytes, folders without."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBACONC_DATA_DIR", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A user's file, `own.npz`, outside the working folder."""
    path = tmp_path_factory.mktemp("own") / "own.npz"
    np.savez(path, X_train=TRAIN, X_test=TEST)
    return path


@pytest.fixture(scope="module")
def made(own, tmp_path_factory):
    """What three restarts at two epsilon print, and the result file."""
    out = tmp_path_factory.mktemp("made") / "m.nc"
    text = fine("measure", own, "--epsilon", "8/255,0.1", "--restarts", 3, "--seed", 4, "--out", out, *OPTIONS)
    return text, out


@pytest.fixture(scope="module")
def in_python():
    """The same from Python."""
    return measure(epsilon=["8/255", 0.1], restarts=3, seed=4)


def measured(*arguments):
    """Measure quietly, without a plot (which takes most of the time), and return the result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numbaconc.show.pictures.plots.plot_measurement", lambda ds, path: None)
        fine("measure", *arguments, "--out", "one.nc", *OPTIONS)
    return open_results("one.nc")


def measure(train=TRAIN, test=TEST, *, epsilon=0.1, alpha=0.05, name="own", restarts=1, **settings):
    """What the command line must find with the rectangles of `OPTIONS`, in Python."""
    search = nc.RectangleSearch(**SETTINGS | settings)
    search = search if restarts == 1 else nc.Restarts(search, restarts)
    return nc.measure(search, train, test, epsilon=epsilon, alpha=alpha, name=name)


def same(first, second):
    """Whether two results hold the same numbers; say where not."""
    xr.testing.assert_equal(first, second)
    return True


# What is measured


def test_the_file_holds_what_python_measures(made, in_python):
    assert same(open_results(made[1]), in_python)


def test_the_words_are_the_file_s_numbers(made, in_python):
    """Per cent, two digits, mean ± population standard deviation over the restarts."""
    text, _ = made
    assert text.startswith("own: 120 training and 80 test points\n")
    tables = re.findall(r"^ +risk +(.+?)  +(.+)\n +adversarial risk +(.+?)  +(.+)$", text, re.MULTILINE)
    assert len(tables) == 2
    for epsilon, table in zip((8 / 255, 0.1), tables, strict=True):
        expected = []
        for name in ("risk", "adversarial_risk"):
            for split in ("train", "test"):
                values = 100 * in_python[name].sel(epsilon=epsilon, split=split).values.ravel()
                expected.append(f"{np.mean(values):.2f} ± {np.std(values):.2f}%")
        assert list(table) == expected
    assert "3 restarts" in text
    assert "ℓ∞ ε = 0.1 on the scale of [0, 1], α = 0.05, T = 3" in text


def test_the_bound_is_that_of_the_kept_region(made):
    """By hand: of the restarts' regions the one of least training adversarial risk."""
    text, path = made
    for label, epsilon in (("8_255", 8 / 255), ("0.1", 0.1)):
        searches = [nc.RectangleSearch(seed=seed, epsilon=epsilon, alpha=0.05, **SETTINGS) for seed in (4, 5, 6)]
        found = [search.fit(TRAIN) for search in searches]
        assert all(one.risk_ >= 0.05 for one in found)
        best = min(found, key=lambda one: one.adversarial_risk_).region_
        on_test = best.measure(TEST, epsilon)
        said = f"a set of measure {on_test.risk:.2%} grows to at most {on_test.adversarial_risk:.2%}"
        assert said in text
        kept = nc.load_region(path.with_name(f"m-region-{label}.nc"))
        np.testing.assert_array_equal(kept.lower, best.lower)
        np.testing.assert_array_equal(kept.upper, best.upper)
        assert kept.epsilon == epsilon
        again = kept.measure(TEST, epsilon)
        assert (again.risk, again.adversarial_risk) == (on_test.risk, on_test.adversarial_risk)


def test_show_prints_the_same(made):
    text, path = made
    measured_part = text[: text.index("result:")].rstrip()
    shown = fine("show", path)
    assert shown.startswith(measured_part + "\n")
    assert "data_verified: the user's own" in shown
    assert "numbaconc_version: " + version("numbaconc") in shown


def test_it_says_where_the_files_lie(made):
    text, path = made
    files = dict(re.findall(r"^(result|plot|region): +(.+)$", text, re.MULTILINE))
    assert files["result"] == str(path)
    assert files["plot"] == str(path.with_suffix(".png"))
    regions = files["region"].split(", ")
    assert len(regions) == 2
    assert {path.name for path in path.parent.iterdir()} == {
        Path(file).name for file in (path, files["plot"], *regions)
    }
    assert Path(files["plot"]).read_bytes().startswith(b"\x89PNG")


def test_json_is_the_same_in_numbers(own, in_python):
    """From `measure` and from `show`."""
    out = "j.nc"
    epsilons = ["--epsilon", "8/255", "--epsilon", 0.1]
    text = fine("measure", own, *epsilons, "--restarts", 3, "--seed", 4, "--json", "--out", out, *OPTIONS)
    printed = json.loads(text)
    ds = open_results(out)
    assert same(ds, in_python)
    shown = json.loads(fine("show", out, "--json"))
    assert shown["cases"] == printed["cases"]
    assert shown["attributes"]["norm"] == "linf"
    assert [case["epsilon"] for case in printed["cases"]] == [8 / 255, 0.1]
    for case in printed["cases"]:
        here = ds.sel(dataset=case["dataset"], epsilon=case["epsilon"], T=case["T"])
        for name in ("risk", "adversarial_risk"):
            for split in ("train", "test"):
                values = here[name].sel(split=split)
                assert case[f"{name}_{split}"] == pytest.approx(float(values.mean()), abs=1e-15)
                assert case[f"{name}_{split}_std"] == pytest.approx(float(np.std(values)), abs=1e-15)
        assert case["q_found"] == here["q_found"].values.tolist()
        chosen = here.sel(seed=case["kept_seed"], split="test")
        assert case["bound"] == {"h_at": float(chosen["risk"]), "at_most": float(chosen["adversarial_risk"])}
        assert Path(printed["files"]["regions"][strength(case["epsilon"]).replace("/", "_")]).is_file()
    assert Path(printed["files"]["result"]).samefile(out)
    assert Path(printed["files"]["plot"]).is_file()


def test_several_epsilon_are_separate_runs(own, made):
    """Clusterings are shared, answers are not changed by it; repeated and comma lists are one."""
    together = open_results(made[1])
    for text, value in (("8/255", 8 / 255), ("0.1", 0.1)):
        alone = measured(own, "--epsilon", text, "--restarts", 3, "--seed", 4)
        for name in ("risk", "adversarial_risk", "q_found", "kept_seed"):
            assert same(together[name].sel(epsilon=[value]), alone[name])
    repeated = measured(own, "--epsilon", "0.1,8/255", "--epsilon", "0.1", "--restarts", 3, "--seed", 4)
    assert same(repeated, together)


def test_epsilon_as_a_fraction_and_as_a_number(own):
    assert same(measured(own, "--epsilon", "8/255"), measured(own, "--epsilon", 8 / 255))


def test_the_kept_region_has_risk_alpha_on_train(own):
    """At a fixed q the restart of least adversarial risk may have too little risk."""
    ds = measured(own, "--epsilon", "8/255", "--q", 0.8, "--alpha", 0.14, "--restarts", 8)
    at_q = nc.RectangleSearch(q=0.8, epsilon="8/255", alpha=0.14, **SETTINGS)
    found = [at_q.set_params(seed=seed).fit(TRAIN).region_ for seed in range(8)]
    risks = [region.measure(TRAIN, "8/255") for region in found]
    least = min(range(8), key=lambda seed: risks[seed].adversarial_risk)
    allowed = [seed for seed in range(8) if risks[seed].risk >= 0.14]
    assert least not in allowed, "the data no longer make the point"
    best = min(allowed, key=lambda seed: risks[seed].adversarial_risk)
    assert ds["kept_seed"].item() == best
    np.testing.assert_array_equal(nc.load_region("one-region.nc").lower, found[best].lower)
    on_train = ds.sel(split="train")
    np.testing.assert_array_equal(on_train["risk"].values.ravel(), [at.risk for at in risks])
    np.testing.assert_array_equal(on_train["adversarial_risk"].values.ravel(), [at.adversarial_risk for at in risks])


def test_a_fixed_q_is_a_dimension(own):
    ds = measured(own, "--q", 0.8)
    assert ds["q"].values.tolist() == [0.8]
    assert "q_found" not in ds
    text = fine("show", "one.nc")
    assert "q = 0.8" in text
    assert "q found" not in text
    assert json.loads(fine("show", "one.nc", "--json"))["cases"][0]["q"] == 0.8


def test_max_train_is_a_seeded_subsample(own):
    ds = measured(own, "--max-train", 90, "--seed", 7, "--restarts", 2)
    assert ds["n_points"].values.tolist() == [[90, 80]]
    rows = np.sort(np.random.default_rng(0).choice(120, 90, replace=False))  # whatever the seed of the search
    assert same(ds, measure(TRAIN[rows], seed=7, restarts=2))
    assert same(measured(own, "--max-train", 120), measured(own))


def test_one_thread_measures_the_same(own):
    one = measured(own, "--threads", 1)
    with using_threads(available_threads()):
        default = measured(own)
    assert (one.attrs["threads"], default.attrs["threads"]) == (1, available_threads())
    assert same(one, default)


@needs_jit
def test_settings_of_the_search_are_passed_on(own):
    """Each differs from the default, so that one which is dropped is seen."""
    plain = measured(own)
    for options, settings in (
        (["--centers", "median"], {"centers": "median"}),
        (["--no-include-self"], {"include_self": False}),
        (["--alpha", "0.2"], {"alpha": 0.2}),
        (["--seed", "2"], {"seed": 2}),
        (["--margin", "0.1"], {"margin": 0.1}),
        (["--precision", "0.3"], {"precision": 0.3}),
        (["--max-iter", "1"], {"max_iter": 1}),
        (["--extend", "--epsilon", "0.2"], {"extend": True, "epsilon": 0.2}),
    ):
        ds = measured(own, *options)
        assert same(ds, measure(**settings))
        assert not ds.equals(plain), f"{options} makes no difference to these data"


@pytest.mark.parametrize("fraction", [None, 0.4])
def test_one_array_is_split(fraction):
    np.save("all.npy", np.concatenate([TRAIN, TEST]))
    np.savez("packed.npz", X=np.concatenate([TRAIN, TEST]))
    options = [] if fraction is None else ["--test-fraction", fraction]
    split = load_dataset("all.npy", test_fraction=fraction or 0.2)
    n_test = round(200 * (fraction or 0.2))
    ds = measured("all.npy", *options)
    assert ds["n_points"].values.tolist() == [[200 - n_test, n_test]]
    assert same(ds, measure(split.train, split.test, name="all"))
    assert same(ds.drop_vars("dataset"), measured("packed.npz", *options).drop_vars("dataset"))


def test_images_of_a_user_as_totensor_makes_them():
    """(n, h, w, c) floats, multiples of 1/255, are the same images, and that is said."""
    np.savez("floats.npz", X_train=(TRAIN / 255).astype(np.float32).reshape(-1, 5, 1, 1), X_test=TEST / 255)
    ran = call("measure", "floats.npz", "--out", "f.nc", *[option for option in OPTIONS if option != "--quiet"])
    assert ran.status == 0
    assert any("multiples of 1/255" in line for line in lines(ran.err))
    assert same(open_results("f.nc"), measure(name="floats"))


@pytest.mark.filterwarnings("always::numbaconc.UnitWarning")
def test_floats_outside_0_1_are_measured_with_a_warning():
    X = np.random.default_rng(0).normal(size=(200, 3))
    np.savez("normal.npz", X_train=X[:120], X_test=X[120:] / 100 + 0.5)  # only X_train is outside
    ran = call("measure", "normal.npz", "--epsilon", 0.2, "--out", "n.nc", *OPTIONS)
    assert ran.status == 3  # no test point is in the region
    line, no_answer = lines(ran.err)
    assert no_answer.startswith("no region of enough risk was found")
    assert line.startswith("numbaconc measure: warning: X_train lies in [")
    assert "own units" in line
    assert open_results("n.nc").sizes["split"] == 2


def test_quiet_says_nothing_but_the_result(own):
    ran = call("measure", own, *OPTIONS)
    assert ran.err == ""
    assert Path("own-linf.nc").is_file()  # in the working folder, not beside the data


def test_no_bars_where_there_is_no_terminal(own):
    ran = call("measure", own, "--n-sets", 3, "--n-neighbors", 5, "--restarts", 2)
    assert lines(ran.err) == []


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("quiet", [False, True])
def test_bars_on_a_terminal(own, monkeypatch, quiet):
    """On every stage that can be long; here without their delay, so that they are seen."""
    monkeypatch.setattr("numbaconc.how.tqdm", lambda *args, **keywords: tqdm(*args, **keywords | {"delay": 0}))
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(Path("cache").absolute()))  # radii are not there yet
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    options = ["--n-sets", "3", "--n-neighbors", "5", "--restarts", "2", *["--quiet"] * quiet]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["measure", str(own), *options]) == 0
    for stage in ("neighbor radii", "searching q", "clustering", "restarts", "measuring on test"):
        assert (stage in terminal.getvalue()) != quiet
    assert "\r" not in out.getvalue()


def test_an_output_folder_is_made_and_an_old_result_replaced(own):
    out = Path("a/b/m.nc")
    fine("measure", own, "--out", out, *OPTIONS)
    first = tree(out.parent)
    assert set(first) == {"m.nc", "m.png", "m-region.nc"}
    fine("measure", own, "--alpha", 0.2, "--out", out, *OPTIONS)
    second = tree(out.parent)
    assert set(second) == set(first)
    assert all(first[name] != second[name] for name in first)
    assert open_results(out)["alpha"] == 0.2


@pytest.mark.parametrize(("test", "below"), [("train", False), ("dense", True)])
def test_what_is_bounded_when_the_test_risk_is_below_alpha(test, below):
    """ "this bounds h at x%, not y%" exactly then."""
    densest = nc.dense_first(nc.knn_radii(TRAIN, 5))[:30]
    np.savez("own.npz", X_train=TRAIN, X_test={"train": TRAIN, "dense": TRAIN[densest]}[test])
    ran = call("measure", "own.npz", *OPTIONS, "--alpha", 0.05)
    text, risk = ran.out, open_results("own-linf.nc")["risk"].sel(split="test").item()
    assert ran.status == (3 if risk == 0 else 0)
    assert (risk < 0.05) == below
    assert (f"this bounds h at {risk:.2%}, not 5%" in text) == below
    assert ("not 5%" in text) == below


# Data sets


def write_mnist(folder, n_train, n_test):
    folder.mkdir(parents=True)
    X = np.random.default_rng(0).integers(0, 256, (n_train + n_test, 28, 28), dtype=np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(X[:n_train]))
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(X[n_train:])))
    return X.reshape(-1, 784)


def test_data_list():
    write_mnist(Path("sets/mnist"), 4, 2)
    rows = {line.split()[0]: line for line in fine("data", "list", "--data-dir", "sets").splitlines()}
    assert set(rows) == {"digits", "mnist", "fashion_mnist", "cifar10", "cifar10h", "svhn"}
    assert "bundled" in rows["digits"]
    assert "on disk" in rows["mnist"]
    assert str(Path("sets/mnist")) in rows["mnist"]
    assert all("missing" in rows[name] for name in ("fashion_mnist", "cifar10", "svhn"))


def test_data_check():
    assert call("data", "check", "digits")[:2] == (0, fine("data", "check", "digits"))
    missing = call("data", "check", "mnist", "--data-dir", "sets")
    assert missing.status == 2
    assert missing.out.count("missing") == 2
    write_mnist(Path("sets/mnist"), 4, 2)
    (Path("sets/mnist") / "t10k-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    wrong = call("data", "check", "mnist", "--data-dir", "sets")
    assert wrong.status == 2
    train, test = wrong.out.splitlines()
    assert re.search(r"train-images-idx3-ubyte +wrong .*SHA-256 [0-9a-f]{64}, expected ba891046[0-9a-f]{56}", train)
    assert re.search(r"t10k-images-idx3-ubyte +wrong .*t10k-images-idx3-ubyte\.gz", test)


@needs_jit
@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="no real MNIST in $NUMBACONC_DATA_DIR")
def test_real_mnist():
    assert "wrong" not in fine("data", "check", "mnist", "--data-dir", REAL)
    options = ["--data-dir", REAL, "--max-train", 1500, "--q", 0.629, "--alpha", 0.01, "--epsilon", 0.3, "--n-sets", 10]
    fine("measure", "mnist", *options)
    ds = open_results("mnist-linf.nc")
    assert ds.attrs["data_verified"] == "the published contents"
    assert ds["n_points"].values.tolist() == [[1500, 10000]]
    assert 0 < ds["risk"].sel(split="test").item() < ds["adversarial_risk"].sel(split="test").item() < 1


@pytest.mark.parametrize("action", ["check", "fetch"])
def test_an_unknown_data_set(action):
    refused(
        "data", action, "fashion_mnits", says=["data set", "'fashion_mnits'", "svhn", "did you mean 'fashion_mnist'"]
    )


def test_fetching_what_is_bundled():
    refused("data", "fetch", "digits", says=["'digits'", "needs no download"])


def test_data_that_are_not_the_published_ones():
    """Refused with both hashes, unless asked for; then the file says so."""
    X = write_mnist(Path("sets/mnist"), 60, 30)
    options = ["mnist", "--data-dir", "sets", "--n-neighbors", 5, "--n-sets", 2, "--q", 0.5]
    (line,) = refused("measure", *options, says=["train-images-idx3-ubyte", "SHA-256", "--unverified-data"])
    hashes = re.findall(r"\b[0-9a-f]{64}\b", line)
    assert len(set(hashes)) == 2
    assert "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" in hashes
    fine("measure", *options, "--unverified-data", "--quiet")
    ds = open_results("mnist-linf.nc")
    assert ds.attrs["data_verified"] == "NOT the published contents"
    assert "NOT the published contents" in fine("show", "mnist-linf.nc")
    assert same(ds, measure(X[:60], X[60:], q=0.5, n_sets=2, name="mnist"))


def test_a_known_data_set_that_is_not_on_disk():
    refused("measure", "svhn", "--data-dir", "sets", says=["'svhn'", "not on disk", "numbaconc data fetch svhn"])


# Sweeps


SWEEP = """
dataset = "own.npz"
epsilon = ["8/255", 0.1]
T = 3
q = [0.5, 0.8]
seed = [0, 1]
n_neighbors = 5
"""


@pytest.fixture
def grid(own):
    """Write a grid, and put the data beside it."""
    shutil.copy(own, "own.npz")

    def write(text=SWEEP):
        Path("grid.toml").write_text(text)
        return "grid.toml"

    write()
    return write


def test_a_sweep_from_a_file(grid):
    text = fine("sweep", grid(), "--quiet")
    assert set(tree(Path())) == {"grid.toml", "own.npz", "grid.nc"}
    ds = open_results("grid.nc")
    expected = measure(epsilon=["8/255", 0.1], restarts=2, q=0.8)
    for name in ("risk", "adversarial_risk"):
        np.testing.assert_array_equal(ds[name].sel(q=0.8).squeeze(), expected[name].squeeze())
    assert ds.attrs["data_verified"] == "own: the user's own"
    assert text.startswith("own: 120 training and 80 test points\n")
    assert text.endswith("\nresult:  grid.nc\n")
    assert text.count("2 restarts") == 4
    before = tree(Path())
    assert fine("sweep", grid(), "--quiet") == text
    assert tree(Path()) == before


def test_a_sweep_goes_where_it_is_told(grid):
    assert "result:  deep/s.nc" in fine("sweep", grid(), "--out", "deep/s.nc", "--threads", "1", "--quiet")
    assert set(tree(Path())) == {"grid.toml", "own.npz", "deep", "deep/s.nc"}
    assert open_results("deep/s.nc").attrs["threads"] == 1


def test_some_cases_of_a_sweep_fail(grid):
    """Status 1, the others are there, and the words say so."""
    ran = call("sweep", grid(SWEEP.replace("T = 3", "T = [3, 70]")), "--quiet")
    assert (ran.status, lines(ran.err)) == (1, [])
    assert "4 of the cases failed: InputError: n_sets is 70; allowed: a whole number from 1 to 60" in ran.out
    ds = open_results("grid.nc")
    assert ds["risk"].sel(T=3).notnull().all()
    assert int(ds["risk"].sel(T=70).isnull().sum()) == 8
    assert "4 of the cases failed" in fine("show", "grid.nc")


def test_show_sets_files_side_by_side(grid):
    """Restarts of other seeds too, which only `open_results` joins."""
    fine("sweep", grid(), "--out", "a.nc", "--quiet")
    fine("sweep", grid(SWEEP.replace("[0, 1]", "[2]")), "--out", "b.nc", "--quiet")
    rows = [line.split() for line in fine("show", "a.nc", "b.nc").splitlines()]
    assert [row[0] for row in rows if "rectangles" in row] == ["a.nc"] * 4 + ["b.nc"] * 4
    results = json.loads(fine("show", "a.nc", "b.nc", "--json"))["results"]
    assert [one["file"] for one in results] == ["a.nc", "b.nc"]
    for one in results:
        assert one == {"file": one["file"], **json.loads(fine("show", one["file"], "--json"))}


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (SWEEP.replace("T = 3", "T = 0"), [], ["T", "0", "at least 1"]),
        (SWEEP.replace("T = 3", "n_set = 3"), [], ["'n_set'", "allowed: dataset, epsilon", "did you mean 'n_sets'"]),
        (SWEEP + "delta = 0.5", [], ["delta is 0.5 with search 'rectangles'", "allowed: only with balls"]),
        (SWEEP, ["--plugin", "no_such_module"], ["plugin 'no_such_module' cannot be imported"]),
        (SWEEP.replace("own.npz", "none.npz"), [], ["none.npz"]),
        ("T = ", [], ["grid.toml", "not TOML"]),
        (SWEEP, ["--out", "s.txt"], ["out", "'s.txt'", ".nc"]),
        (SWEEP, ["--out", "grid.toml/s.nc"], ["grid.toml", "not a folder"]),
        (SWEEP, ["--workers", "0"], ["0", "at least 1"]),
        (SWEEP, ["--workers", "two"], ["workers", "'two'"]),
        (SWEEP, ["--threads", "100000"], ["threads", "100000", "from 1 to"]),
    ],
    ids=str,
)
def test_bad_sweeps(grid, text, options, says):
    refused("sweep", grid(text), *options, "--quiet", says=says)


def test_a_sweep_s_file_of_other_settings(grid):
    fine("sweep", grid(), "--quiet")
    refused("sweep", grid(SWEEP.replace("= 5", "= 6")), says=["n_neighbors is 6", "grid.nc", "made with 5"])


def test_a_grid_that_is_not_there():
    refused("sweep", "none.toml", says=["'none.toml'", "cannot be read"])


# What bad input gets


def refused(*arguments, says):
    """Run what must be refused: one line with these words, status 2, and nothing left behind."""
    before = tree(Path())
    ran = call(*arguments)
    assert (ran.status, ran.out) == (2, "")
    said = lines(ran.err)
    assert len(said) == 1, ran.err
    assert re.match(r"numbaconc( \w+)*: error: ", said[0])
    spoken = re.sub(r"(?<=[a-z])-(?=[a-z])", "_", said[0])  # n_sets or --n-sets, either will do
    for words in says:
        assert words in spoken or words in said[0], said[0]
    assert tree(Path()) == before
    return said


CLASSIFIER = ["--clean-error", "0.1", "--robust-accuracy", "0.9"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        *[
            (["--epsilon", value], ["epsilon", repr(value), "positive number"])
            for value in ("-0.1", "0", "garbage", "8/0", "nan", "inf", "-8/255", "0/255", "")
        ],
        (["--epsilon", "0.1,,0.2"], ["epsilon", "''", "positive number"]),
        (["--epsilon", "0.1", "--epsilon", "0.2,-1"], ["epsilon", "'-1'", "positive number"]),
        *[(["--alpha", value], ["alpha", value, "(0, 1)"]) for value in ("0", "1", "-0.5", "nan", "garbage")],
        (["--alpha", "0.008"], ["alpha", "0.008", "1/n = 0.00833"]),
        *[(["--n-sets", value], [f"n_sets is {value}", "at least 1"]) for value in ("0", "-3", "2.5")],
        (["--n-sets", "121"], ["n_sets", "121", "from 1 to 120"]),
        (["--n-sets", "two"], ["n_sets is 'two'", "at least 1"]),
        (["--n-sets", "61", "--q", "0.5"], ["n_sets", "61", "from 1 to 60"]),
        (["--n-sets", "120"], ["n_sets", "120", "from 1 to 60"]),
        *[(["--q", value], ["q", value, "(0, 1]"]) for value in ("0", "1.01", "-0.5", "nan", "garbage")],
        (["--n-neighbors", "120"], ["n_neighbors", "120", "from 1 to 119"]),
        (["--n-neighbors", "0"], ["n_neighbors", "0", "at least 1"]),
        (["--max-train", "5", "--alpha", "0.3"], ["n_neighbors", "5", "from 1 to 4"]),
        (["--max-train", "1"], ["max_train", "1", "from 2 to 120"]),
        (["--max-train", "99999"], ["max_train", "99999", "from 2 to 120", "training points"]),
        *[(["--restarts", value], [f"restarts is {value}", "at least 1"]) for value in ("0", "1.5")],
        (["--restarts", "many"], ["restarts is 'many'", "at least 1"]),
        (["--seed", "-1"], ["seed", "-1", "at least 0"]),
        (["--threads", "0"], ["threads", "0", "from 1 to"]),
        (["--threads", "100000"], ["threads", "100000", "from 1 to"]),
        (["--test-fraction", "1"], ["test_fraction", "1", "(0, 1)"]),
        (["--norm", "linfty"], ["norm", "'linfty'", "linf", "did you mean 'linf'"]),
        (["--centers", "medain"], ["centers", "'medain'", "mean, median", "did you mean 'median'"]),
        (["--search", "fces"], ["search", "'fces'", "balls, best, faces", "did you mean 'faces'"]),
        (
            ["--search", "balls", "--norm", "linf"],
            ["search", "'balls'", "'linf'", "best, faces, halfspaces, rectangles"],
        ),
        (["--max-iter", "0"], ["max_iter", "0", "at least 1"]),
        *[(["--margin", value], [f"margin is {value}", "less than 1"]) for value in ("-0.1", "1.0")],
        (["--margin", "much"], ["margin is 'much'", "less than 1"]),
        (["--margin", "auto"], ["margin is 'auto'", "less than 1"]),
        (["--margin", "0.95"], ["margin", "0.95", "less than 1 - alpha = 0.95"]),
        (["--margin", "0.1", "--q", "0.5"], ["margin", "0.1", "q = 0.5", "only where q is searched"]),
        (["--checkpoint", "c.npz"], ["checkpoint", "'c.npz'", "only with balls"]),
        (["--plugin"], ["plugin", "expected one argument"]),
        (["--out", "result.txt"], ["out", "'result.txt'", ".nc"]),
        (["--out", "result"], ["out", "'result'", ".nc"]),
        (["--colour", "blue"], ["colour"]),
        (["--clean-error", "0.1"], ["--clean-error is '0.1'", "without --robust-accuracy", "both"]),
        (["--robust-accuracy", "0.1"], ["--robust-accuracy is '0.1'", "without --clean-error", "both"]),
        ([*CLASSIFIER, "--alpha", "0.1"], ["--clean-error is '0.1'", "beside --alpha"]),
        ([*CLASSIFIER, "--epsilon", "0.1,0.2"], ["epsilon is 0.1,0.2", "beside --robust-accuracy", "the one"]),
        ([*CLASSIFIER, "--robust-accuracy", "0.91"], ["--robust-accuracy is 0.91", "at most 1 - clean error = 0.9"]),
        ([*CLASSIFIER, "--robust-accuracy", "high"], ["--robust-accuracy is 'high'", "(0, 1)"]),
        ([*CLASSIFIER, "--clean-error", "1"], ["--clean-error is '1'", "(0, 1)"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_bad_arguments(own, options, says):
    """The line names the argument, the value and what is allowed; a result that was there stays."""
    for name in ("m.nc", "m.png", "m-region.nc"):
        Path(name).write_bytes(OLD)
    refused("measure", own, *OPTIONS, "--out", "m.nc", *options, says=says)


def poisoned(value):
    X = TRAIN / 255
    X[3, 2] = value
    return X


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"X_train": poisoned(np.nan)}, ["X_train", "nan", "row 3, column 2", "finite"]),
        ({"X_test": poisoned(np.inf)}, ["X_test", "inf", "row 3, column 2", "finite"]),
        ({"X_train": TRAIN[:0]}, ["X_train", "(0, 5)"]),
        ({"X_train": TRAIN[:1]}, ["X_train", "1 row", "at least 2"]),
        ({"X_test": TRAIN[:1]}, ["X_test", "1 row", "at least 2"]),
        ({"X_train": TRAIN[:, :0]}, ["X_train", "(120, 0)"]),
        ({"X_train": TRAIN[:, 0]}, ["X_train", "(120,)", "(n, d)"]),
        ({"X_train": TRAIN.astype(np.int64)}, ["X_train", "int64", "uint8", "X_train / 255"]),
        ({"X_test": TEST.astype(np.uint16)}, ["X_test", "uint16", "astype('uint8')"]),
        ({"X_train": TRAIN.astype(str)}, ["X_train", "<U", "an array of real numbers"]),
        ({"X_train": TRAIN.astype(complex)}, ["X_train", "complex128", "an array of real numbers"]),
        ({"X_test": TEST[:, :4]}, ["X_test", "4 coordinates", "allowed: 5"]),
        ({"X_train": np.array([[1, 2], [3]], dtype=object)}, ["own.npz", "plain arrays"]),
        ({"X_train": TRAIN, "x_val": TEST, "X_test": None}, ["own.npz", "x_val", "X_train and X_test, or one X"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_bad_data(arrays, says):
    both = {"X_train": TRAIN, "X_test": TEST} | arrays
    np.savez("own.npz", **{name: X for name, X in both.items() if X is not None})
    Path("own-linf.nc").write_bytes(OLD)
    refused("measure", "own.npz", *OPTIONS, says=says)


@pytest.mark.parametrize(
    ("name", "contents", "says"),
    [
        ("own.npy", b"hello", ["'own.npy'", "neither .npy nor .npz"]),
        ("own.npz", b"", ["'own.npz'", "neither .npy nor .npz"]),
        ("own.npz", b"PK\x03\x04 and no more", ["'own.npz'", "cannot be read"]),
        (
            "own.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (9, 9), }\n",
            ["'own.npy'"],
        ),
        ("own.npz", None, ["'own.npz'", "does not exist"]),
        ("mnits", None, ["'mnits'", "svhn", ".npz", "did you mean 'mnist'"]),
        ("own.csv", b"1,2\n3,x", ["'own.csv'", "'x' in line 2, column 1, counted from 0"]),
        ("own.txt", b"1,2", ["'own.txt'", ".npz"]),
    ],
)
def test_files_that_are_not_what_they_claim(name, contents, says):
    if contents is not None:
        Path(name).write_bytes(contents)
    refused("measure", name, *OPTIONS, says=says)


def test_a_data_set_file_that_is_not_what_it_claims():
    write_mnist(Path("sets/mnist"), 4, 2)
    (Path("sets/mnist") / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x01 labels")
    asked = "measure", "mnist", "--data-dir", "sets"
    refused(*asked, says=["train-images-idx3-ubyte", "contents have SHA-256"])  # before anything is parsed
    refused(*asked, "--unverified-data", says=["train-images-idx3-ubyte", "not an IDX file of images"])


@pytest.mark.parametrize("data", ["digits", "own"])
@pytest.mark.parametrize("option", [["--unverified-data"], ["--data-dir", "sets"]], ids=str)
def test_options_about_published_files_beside_other_data(own, data, option):
    refused("measure", own if data == "own" else data, *option, says=[option[0], "only with mnist"])


@pytest.mark.parametrize("name", ["missing.nc", "text.nc", "own.npz", "folder", "other.nc"])
def test_showing_what_is_no_result(name):
    Path("text.nc").write_text("hello")
    Path("folder").mkdir()
    np.savez("own.npz", X=TRAIN)
    xr.Dataset({"risk": 0.5}).to_netcdf("other.nc", engine="netcdf4")
    refused("show", name, says=[f"'{name}'", "a netCDF file that numbaconc wrote"])


def test_no_command_and_an_unknown_one():
    refused(says=["COMMAND"])
    refused("weigh", says=["'weigh'", "measure"])
    refused("data", says=["ACTION"])


@pytest.mark.parametrize("out", ["file/m.nc", "file/deep/m.nc", "folder.nc"])
def test_an_output_that_cannot_be_written(own, out):
    """Something else is in the way; that is said before the search, not after it."""
    Path("file").write_bytes(OLD)
    Path("folder.nc").mkdir()
    refused("measure", own, *OPTIONS, "--out", out, says=[f"'{out}'"])


@pytest.mark.parametrize("options", [["nosuch"], ["own.npz", "--alpha", "2"]])
def test_refused_before_a_new_output_folder_is_made(options):
    np.savez("own.npz", X_train=TRAIN, X_test=TEST)
    refused("measure", *options, "--out", "new/folder/m.nc", *OPTIONS, says=[])


def test_two_epsilon_that_print_alike_have_a_region_each(own):
    """A file name must not round one region over another."""
    fine("measure", own, "--epsilon", "0.1,0.1000001", "--q", 0.8, "--out", "m.nc", *OPTIONS)
    regions = [nc.load_region(path) for path in Path().glob("m-region*.nc")]
    assert sorted(region.epsilon for region in regions) == [0.1, 0.1000001]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no\nfont"), "ValueError: no font"),
        (OSError(errno.ENOSPC, "No space left"), "InputError: output 'own-linf.png' cannot be written: No space left"),
        (None, "ModuleNotFoundError: import of matplotlib.figure halted; None in sys.modules"),
    ],
    ids=("an error", "a full disk", "no Matplotlib"),
)
@pytest.mark.parametrize("options", [[], pytest.param(["--json"], marks=needs_jit)], ids=str)
@pytest.mark.filterwarnings("always:no plot was drawn:UserWarning")
def test_a_plot_that_fails(own, monkeypatch, error, says, options):
    """One warning; the numbers and the regions are there, and a plot is not spoken of."""

    def fail(*_, **__):
        raise error

    if error is None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    else:
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    ran = call("measure", own, *OPTIONS, "--epsilon", "0.1,0.2", *options)
    assert (ran.status, lines(ran.err)) == (0, [f"numbaconc measure: warning: no plot was drawn: {says}"])
    assert set(tree(Path())) == {"own-linf.nc", "own-linf-region-0.1.nc", "own-linf-region-0.2.nc"}
    assert same(open_results("own-linf.nc"), measure(epsilon=[0.1, 0.2]))
    assert [nc.load_region(f"own-linf-region-{epsilon}.nc").epsilon for epsilon in (0.1, 0.2)] == [0.1, 0.2]
    assert "png" not in ran.out
    if options:
        assert json.loads(ran.out)["files"]["plot"] is None
    else:
        assert re.findall(r"^(result|plot|region):", ran.out, re.MULTILINE) == ["result", "region"]


# A full disk, ctrl-C, a reader that leaves


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_when_a_file_is_moved_into_place(own, monkeypatch):
    fine("measure", own, *OPTIONS)  # now the radii are on disk
    for name in ("own-linf.nc", "own-linf.png", "own-linf-region.nc"):
        Path(name).write_bytes(OLD)
    monkeypatch.setattr(Path, "replace", full)
    monkeypatch.setattr(os, "replace", full)
    before = tree(Path())
    ran = call("measure", own, *OPTIONS, "--out", "own-linf.nc")
    (line,) = lines(ran.err)
    assert ran.status == 2
    assert "own-linf.nc' cannot be replaced (No space left" in line
    (kept,) = set(tree(Path())) - set(before)  # the numbers are there, and named
    assert kept in line
    assert open_results(kept)["risk"].notnull().all()
    assert before.items() <= tree(Path()).items()


@pytest.mark.parametrize("room", [0, 30, *(pytest.param(room, marks=needs_jit) for room in (3, 9, 45))])
def test_a_disk_that_fills_while_a_file_is_written(own, room):
    """A limit on the size of files stands in: each of the three is the old one or complete."""
    resource = pytest.importorskip("resource")
    fine("measure", own, *OPTIONS)
    complete = tree(Path())
    old = dict.fromkeys(complete, OLD)
    for name in old:
        Path(name).write_bytes(OLD)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room * 1024, most))
    try:
        ran = call("measure", own, *OPTIONS, "--out", "own-linf.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert ran.status == 2
    (line,) = lines(ran.err)
    assert "cannot be written" in line
    left = tree(Path())
    assert set(left) == set(complete)
    for name, contents in left.items():
        assert contents == OLD or len(contents) == len(complete[name])


def script():
    """The installed console script."""
    found = shutil.which("numbaconc", path=Path(sys.executable).parent)
    assert found, "numbaconc is not installed beside this Python"
    return found


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name != "NUMBACONC_DATA_DIR"}
    return kept | {"NUMBACONC_CACHE_DIR": str(tmp_path / "cache"), "PYTHONIOENCODING": "utf-8"}


def execute(environment, *command):
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@needs_jit
def test_the_first_thing_a_user_does(environment):
    """`numbaconc measure` in an empty folder: the digits, by the installed script."""
    ran = execute(environment, script(), "measure")
    assert ran.status == 0
    assert lines(ran.err) == []
    assert set(tree(Path())) == {"digits-linf.nc", "digits-linf.png", "digits-linf-region.nc"}
    ds = open_results("digits-linf.nc")
    data = load_dataset("digits")
    assert same(ds, nc.measure(None, data.train, data.test, epsilon=0.1, alpha=0.05, name="digits"))
    assert ds.attrs["data_verified"] == "the published contents"
    assert ds.attrs["command"] == "numbaconc measure"
    assert ran.out.startswith("digits: 1,438 training and 359 test points\n")
    test = ds.sel(split="test")
    risk, adversarial = test["risk"].item(), test["adversarial_risk"].item()
    assert f"a set of measure {risk:.2%} grows to at most {adversarial:.2%}" in ran.out
    assert 0.05 <= ds["risk"].sel(split="train").item() < 0.1  # a sensible answer: close to alpha,
    assert risk < adversarial < 0.3  # and far from everything
    radii = list((Path(environment["NUMBACONC_CACHE_DIR"]) / "radii").iterdir())
    assert len(radii) == 1


@needs_jit
def test_as_a_module(environment, own):
    ran = execute(environment, sys.executable, "-m", "numbaconc", "measure", own, "--json", *OPTIONS)
    assert ran.status == 0
    assert ran.err == ""
    (case,) = json.loads(ran.out)["cases"]
    ds = measure()
    assert case["adversarial_risk_test"] == ds["adversarial_risk"].sel(split="test").item()
    assert open_results("own-linf.nc").attrs["command"].startswith("python -m numbaconc measure ")


def test_the_script_refuses(environment, own):
    """Status 2 and one line reach the shell."""
    ran = execute(environment, script(), "measure", own, "--alpha", "1.5")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "numbaconc measure: error: alpha is '1.5'; allowed: a number in (0, 1)\n"
    assert tree(Path()) == {}


def test_version():
    assert fine("--version") == f"numbaconc {version('numbaconc')}\n"


SLOW = ("sklearn", "matplotlib", "scipy.stats", "xarray")  # each takes as long as all that is ours


@pytest.mark.parametrize(
    ("arguments", "needed"), [(None, []), (["data", "list"], []), (["show", "RESULT"], ["xarray"])], ids=str
)
def test_libraries_that_are_not_needed_are_not_imported(environment, made, arguments, needed):
    code = "import sys, numbaconc"
    if arguments is not None:
        arguments = [argument.replace("RESULT", str(made[1])) for argument in arguments]
        code += f", numbaconc.cli\nassert numbaconc.cli.main({arguments}) == 0"
    code += f"\nprint([name for name in {SLOW} if name in sys.modules], file=sys.stderr)"
    ran = execute(environment, sys.executable, "-c", code)
    assert (ran.status, ran.err) == (0, f"{needed}\n")
    assert bool(ran.out) == (arguments is not None)


@pytest.fixture
def help_of_measure(monkeypatch):
    """What `measure --help` says: by group, the words of each option."""
    monkeypatch.setenv("COLUMNS", "10000")
    groups = {}
    for line in fine("measure", "--help").splitlines():
        if re.fullmatch(r"\S.*:", line):
            options = groups.setdefault(line.removesuffix(":"), {})
        elif line.startswith("  -"):
            left, _, words = line.strip().partition("  ")
            option = re.search(r"--[\w-]+", left)[0]
            options[option] = words.strip()
        elif line.startswith("      "):
            options[option] += line.strip()
    return groups


def test_help_names_every_option(help_of_measure):
    options = {option: words for group in help_of_measure.values() for option, words in group.items()}
    common = ("norm", "search", "epsilon", "alpha", "restarts", "checkpoint", "max-train", "test-fraction", "threads")
    for option in (*common, "plugin", "data-dir", "unverified-data", "out", "json", "quiet"):
        assert options[f"--{option}"]
    assert "(default: rectangles with linf, balls with l2, halfspaces with l1)" in options["--search"]
    assert all(name in options["--search"] for name in known_searches())
    assert "(default: that of the search, or linf)" in options["--norm"]
    assert options["--epsilon"].endswith("(default: 0.1)")
    assert options["--alpha"].endswith("(default: 0.05)")


APART = ("epsilon", "alpha", "norm")  # settings whose options are not made from what searches declare


def test_every_setting_of_every_search_is_an_option(help_of_measure):
    """Grouped by search, with the words and the defaults that the searches declare."""
    having = {}
    for cls in known_searches().values():
        for name, one in cls.settings().items():
            if name not in APART:
                having.setdefault(f"--{name.replace('_', '-')}", {})[cls.name] = one
    told = {group: options for group, options in help_of_measure.items() if group.startswith("settings of ")}
    made = {option: group for group, options in told.items() for option in options}
    assert made.keys() == having.keys()
    for option, declared in having.items():
        of = next(iter(declared)) if len(declared) == 1 else "several searches"
        assert made[option] == f"settings of {of}"
        words, _, defaults = told[made[option]][option].removesuffix(")").partition(" (default: ")
        assert "%" not in words
        helps = {one.help for one in declared.values()}
        assert all(words.count(one) == sum(one in other for other in helps) for one in helps)  # each is said once
        for search, one in declared.items():
            assert len(declared) == 1 or search in words
            default = ",".join(map(written, one.default)) if isinstance(one.default, tuple) else written(one.default)
            first, *others = (defaults or "not given").split("; ")
            assert default == next((other for other in others if f"{search} " in other), first).split(" ")[-1]


def written(default):
    """A default as help has it, or its last word."""
    if default is None or isinstance(default, bool):
        return {None: "given", True: "yes", False: "no"}[default]
    return str(default)


GIVEN = {  # a value of each setting, none of them a default: the option, and what the search gets
    "margin": ("--margin=0.01", 0.01),
    "n_sets": ("--n-sets=7", 7),
    "delta": ("--delta=0.5", 0.5),
    "local_search": ("--local-search", True),
    "searches": ("--searches=faces,halfspaces", "faces,halfspaces"),
    "norm": ("--norm=l2", "l2"),
    "validation": ("--validation=0.25", 0.25),
    "seed": ("--seed=1234567890123456", 1234567890123456),
    "n_points": ("--n-points=20", 20),
    "n_starts": ("--n-starts=3", 3),
    "max_iter": ("--max-iter=9", 9),
    "n_components": ("--n-components=2", 2),
    "powers": ("--powers=1,inf", (1.0, np.inf)),
    "q": ("--q=0.5", 0.5),
    "n_neighbors": ("--n-neighbors=5", 5),
    "include_self": ("--no-include-self", False),
    "centers": ("--centers=median", "median"),
    "precision": ("--precision=0.1", 0.1),
    "extend": ("--extend", True),
    "unbounded": ("--unbounded", True),
    "beyond": ("--beyond=0.25", 0.25),
    "gamma": ("--gamma=0.5", 0.5),
    "uncertainty": ("--uncertainty=lu.npy", "lu.npy"),
}


@pytest.mark.parametrize("search", list(known_searches()))
def test_options_reach_the_search(own, monkeypatch, search):
    """Each alone; a setting without a line in GIVEN is not tested, which is an error."""
    asked = []

    def stop(search, *_, **__):
        asked.append(search)
        msg = "enough"
        raise InputError(msg)

    monkeypatch.setattr("numbaconc.measurement.find_regions", stop)
    np.save("lu.npy", np.zeros(2))
    cls = known_searches()[search]
    for name in cls.settings().keys() - {"epsilon", "alpha"}:
        option, value = GIVEN[name]
        beside = ["--gamma=0.25"] if name == "uncertainty" else []  # which has no effect alone
        given = {name: value} | ({"gamma": 0.25} if beside else {})
        assert call("measure", own, "--search", search, option, *beside).status == 2
        assert asked[-1].get_params(deep=False) == cls(**given).get_params(deep=False)


def test_settings_of_one_name_that_are_read_differently(own, monkeypatch):
    """As the search that is asked for reads them."""
    monkeypatch.setattr(Search, "known", dict(Search.known))

    class Named(Search):
        """One whose centers are a number."""

        name = "named"
        norms = ("linf",)
        centers: int = nc.setting(default=3, check=Count(), help="how many")

        def find(self, prepared, goal, how):
            msg = f"centers is {self.centers!r}"
            raise InputError(msg)

    refused("measure", own, "--search", "named", "--centers", "7", says=["centers is 7"])
    refused("measure", own, "--centers", "7", says=["centers is '7'; allowed: mean, median"])


@pytest.mark.parametrize("search", list(known_searches()))
def test_a_setting_that_the_search_lacks(own, search):
    """The searches that have it are named."""
    known = known_searches()
    for name, (option, value) in GIVEN.items():
        if name not in (*known[search].settings(), "norm"):
            having = ", ".join(other for other, cls in known.items() if name in cls.settings())
            (line,) = refused("measure", own, "--search", search, option, says=[])
            error = f"{name} is {value!r} with search {search!r}; allowed: only with {having}"
            assert line == f"numbaconc measure: error: {error}"


@needs_jit
def test_restarts_of_a_search_that_draws_nothing(own):
    for options, search in (
        (["--norm", "l2"], "balls"),
        (["--search", "faces"], "faces"),
        (["--norm", "l1"], "halfspaces"),
    ):
        says = [f"restarts is 3 with search '{search}', which draws nothing; allowed: only with best, rectangles"]
        refused("measure", own, *options, "--restarts", 3, says=says)
        fine("measure", own, *options, "--restarts", 1, "--quiet")


@needs_jit
@pytest.mark.parametrize(
    ("options", "norm", "expected"),
    [
        (["--norm", "l2"], "l2", nc.BallSearch()),
        (["--norm", "l1", "--max-iter", "0"], "l1", nc.HalfSpaceSearch(norm="l1", max_iter=0)),
        (["--search", "balls"], "l2", nc.BallSearch()),
        (["--search", "free_balls", "--max-iter", "0"], "l2", nc.FreeBallSearch(max_iter=0)),
        (["--search", "hyperplane"], "l2", nc.HyperplaneSearch()),
        (["--search", "faces"], "linf", nc.FaceSearch()),
        (["--search", "halfspaces", "--max-iter", "0"], "linf", nc.HalfSpaceSearch(max_iter=0)),
        (
            ["--search", "halfspaces", "--norm", "l2", "--max-iter", "0"],
            "l2",
            nc.HalfSpaceSearch(norm="l2", max_iter=0),
        ),
    ],
    ids=str,
)
def test_the_norm_and_the_search_follow_each_other(own, options, norm, expected):
    ran = call("measure", own, *options, "--quiet")
    ds = open_results(f"own-{norm}.nc")
    assert same(ds, nc.measure(expected, TRAIN, TEST, epsilon=0.1, alpha=0.05, name="own"))
    assert ran.status == (0 if ds["risk"].sel(split="test").item() else 3)  # free balls of these points hold no others
    assert (ds.attrs["norm"], ds.attrs["search"]) == (norm, expected.name)
    assert f"own, {NORMS[norm].sign} ε = 0.1 on the scale of [0, 1], α = 0.05" in ran.out


@needs_jit
@pytest.mark.parametrize("alphas", [["--alpha", ".05,.1"], ["--alpha", "0.1", "--alpha", "0.05"]], ids=str)
def test_several_alpha(own, alphas):
    """One result, and a region for each goal, under its label."""
    epsilons = {"8_255": 8 / 255, "0.1": 0.1}
    options = [*alphas, "--epsilon", "8/255,0.1", "--search", "faces"]
    printed = json.loads(fine("measure", own, *options, "--out", "m.nc", "--quiet", "--json"))
    ds = open_results("m.nc")
    assert ds["alpha"].values.tolist() == [0.05, 0.1]
    assert set(ds["risk"].dims) == {"alpha", "dataset", "epsilon", "T", "split"}
    files = printed["files"]["regions"]
    assert list(files) == [f"{epsilon}-{alpha}" for epsilon in epsilons for alpha in ("0.05", "0.1")]
    for label, path in files.items():
        epsilon, alpha = epsilons[label.split("-")[0]], float(label.split("-")[1])
        found = nc.FaceSearch(epsilon=epsilon, alpha=alpha).fit(TRAIN)
        region = nc.load_region(path)
        assert path == f"m-region-{label}.nc"
        assert region.epsilon == epsilon
        np.testing.assert_array_equal(region.lower, found.region_.lower)
        np.testing.assert_array_equal(region.upper, found.region_.upper)
        here = ds.sel(epsilon=epsilon, alpha=alpha, T=5, dataset="own")
        assert here["risk"].sel(split="train") == found.risk_
        on_test = found.region_.measure(TEST, epsilon)
        assert here["adversarial_risk"].sel(split="test") == on_test.adversarial_risk
        (case,) = [one for one in printed["cases"] if (one["epsilon"], one["alpha"]) == (epsilon, alpha)]
        assert (case["risk_train"], case["risk_test"]) == (found.risk_, on_test.risk)
    assert set(tree(Path())) == {"m.nc", "m.png", *files.values()}


@needs_jit
def test_certificates_that_hold_together(own):
    """On request, and then each is no tighter."""
    options = ["--search", "halfspaces", "--alpha", ".1,.2", "--epsilon", ".02,.05", "--quiet"]
    apart, together = (
        json.loads(fine("measure", own, *options, *more, "--json", "--out", "m.nc"))
        for more in ([], ["--simultaneous"])
    )
    assert (apart["certified_together"], together["certified_together"]) == (False, True)
    for one, other in zip(apart["cases"], together["cases"], strict=True):
        assert (one["certified"]["n_compared"], other["certified"]["n_compared"]) == (1, 4)
        assert one["certified"]["U"] < other["certified"]["U"]
    assert "What is certified for own holds all together" in fine("show", "m.nc")


@needs_jit
def test_a_classifier_of_the_users(own):
    """Its error is α and the best of several is the search; it is there when the file is shown again."""
    options = ["--clean-error", 0.2, "--robust-accuracy", 0.3, "--epsilon", 0.02, "--quiet", "--out", "m.nc"]
    text = fine("measure", own, *options)
    ds = open_results("m.nc")
    assert (ds["alpha"].item(), ds.attrs["search"]) == (0.2, "best")
    U = ds["certified"].item()
    assert 0.2 < U < 0.7
    said = f"For own: at a clean error of 20%, with 95% confidence concentration does not rule out a robust accuracy of {percent_at_least(1 - U)}; this classifier has 30%."
    for one in (text, fine("show", "m.nc")):
        assert said in one
        assert "tighter" not in one
    printed = json.loads(fine("measure", own, *options, "--search", "halfspaces", "--json"))
    (case,) = printed["cases"]
    assert case["classifier"]["robust_accuracy"] == 0.3
    assert case["classifier"]["not_ruled_out"] == 1 - case["certified"]["U"]
    assert printed["note"].startswith("Found for own by halfspaces alone; --search best compares all")
    assert json.loads(fine("show", "m.nc", "--json"))["cases"] == printed["cases"]


@needs_jit
def test_the_best_of_some_searches(own):
    """Its seed is that of the split, and it says so."""
    options = ["--search", "best", "--searches", "faces,halfspaces", "--n-sets", 2, "--quiet"]
    compared = {}
    for seed in (1, 2):
        printed = json.loads(fine("measure", own, *options, "--seed", seed, "--json", "--out", "own-linf.nc"))
        (case,) = printed["cases"]
        search = nc.BestSearch(searches="faces,halfspaces", n_sets=2, seed=seed)
        assert same(open_results("own-linf.nc"), nc.measure(search, TRAIN, TEST, epsilon=0.1, alpha=0.05, name="own"))
        found = search.set_params(epsilon=0.1, alpha=0.05).fit(TRAIN)
        assert list(dict.fromkeys(one.search for one in found.table_)) == ["faces", "halfspaces"]
        compared[seed] = case["compared"]
        assert re.fullmatch(rf"{found.search_} of faces .*, halfspaces .*", compared[seed][0])
        assert (case["kept_seed"], case["T"]) == (seed, 2)
        assert open_results("own-linf.nc")["seed"].values.tolist() == [seed]
        assert printed["attributes"]["searches"] == "faces, halfspaces"
        those = compared[seed][0].removeprefix(f"{found.search_} of ")
        said = f"{found.search_} was chosen from these (risk → adversarial risk): {those}; asked for {100 * case['margin'][0]:.2f}% beyond α."
        assert said in fine("show", "own-linf.nc")
    assert compared[1] != compared[2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_module_either", "plugin 'my_plugin' cannot be imported: ModuleNotFoundError: "),
        ("raise ValueError('several\\nlines')", "plugin 'my_plugin' cannot be imported: ValueError: several lines"),
        ("raise SystemExit(0)", "plugin 'my_plugin' cannot be imported: SystemExit: 0"),
        (
            "import numbaconc\nclass Mine(numbaconc.Search):\n    name, norms = 'balls', ('l2',)",
            "search 'balls' is numbaconc.search.balls.BallSearch already; allowed: another name",
        ),
    ],
    ids=("a module", "an error", "an end", "a name"),
)
@pytest.mark.parametrize("command", [["measure", "own.npz"], ["sweep", "grid.toml"]], ids=lambda one: one[0])
def test_a_plugin_that_cannot_be_imported(monkeypatch, text, says, command):
    """The searches stay those that were known before."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # beside the plugin
    before = known_searches()
    Path("my_plugin.py").write_text(text)
    (line,) = refused(*command, "--plugin", "my_plugin", says=[])
    assert line.startswith(f"numbaconc: error: {says}")
    assert "my_plugin" not in sys.modules
    assert known_searches() == before


@needs_jit
@pytest.mark.skipif(os.name != "posix", reason="sends signals that only POSIX has")
def test_ctrl_c(environment, made):
    """Status 130, one line, nothing half-written, and the old result is whole."""
    X = np.random.default_rng(0).integers(0, 256, (2000, 500), dtype=np.uint8)
    np.savez("own.npz", X_train=(X / 255).astype(np.float32), X_test=X[:100])
    Path("own-linf.nc").write_bytes(OLD)
    before = tree(Path())
    command = [script(), "measure", "own.npz", "--q", "0.9", "--n-sets", "1000", "--restarts", "1000"]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child would inherit an ignored one
    try:
        running = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        radii = Path(environment["NUMBACONC_CACHE_DIR"]) / "radii"
        deadline = time.monotonic() + 60
        while not list(radii.glob("[!.]*")) and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)  # from now on it clusters, most of the time inside a kernel
        assert running.poll() is None, running.stderr.read()
        assert list(radii.glob("[!.]*")), "the search has not begun"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
        running.communicate()
    assert "Traceback" not in err
    said = [line for line in lines(err) if not line.startswith("note: ")]
    assert len(said) == 1
    assert "interrupted" in said[0]
    assert (running.returncode, out) == (130, "")
    assert tree(Path()) == before


def test_ctrl_c_as_numba_may_pass_it_on(own, monkeypatch):
    """If it comes while a kernel runs, the kernel's result is lost, and numba says so with a SystemError."""

    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            msg = "CPUDispatcher(<function assign_uint8>) returned a result with an exception set"
            raise SystemError(msg) from error

    monkeypatch.setattr("numbaconc.clustering.assignment.assign_uint8", interrupted)
    ran = call("measure", own, *OPTIONS)
    assert (ran.status, ran.out) == (130, "")
    assert "interrupted" in ran.err
    assert tree(Path()) == {}


@pytest.mark.skipif(os.name != "posix", reason="closes a pipe as only POSIX does")
def test_a_reader_that_has_had_enough(environment, made):
    """`numbaconc show FILE | head -1`, with a reader that is gone before the first word."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [script(), "show", made[1]],
            env=environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert done.stderr == ""


def test_an_output_that_lacks_a_letter(made):
    """Standard output in another encoding than UTF-8 gets letters for our signs, not a traceback."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with contextlib.redirect_stdout(out):
        assert main(["show", str(made[1])]) == 0
    out.flush()
    assert b"linf epsilon = 0.1 on the scale of [0, 1], alpha = 0.05" in out.buffer.getvalue()
