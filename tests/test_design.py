"""The test of the design: a search in a module of thirty lines works wherever searches do, and nothing else is touched.

Whatever knows the toy search runs in a process of its own: once imported it is one of the norm's searches, and other
tests count those.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, lines, needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.search.base import Search

TOY = Path(__file__).with_name("toy_search.py")
TRAIN, TEST = blobs(60, 4, 1, spread=40), blobs(40, 4, 2, spread=40)
GOALS = {"epsilon": [0.02, 0.05], "alpha": [0.1, 0.25]}
SETTINGS = {"n_directions": 7, "bend": 2.0, "seed": 3}
OPTIONS = ["--search=toy", "--n-directions=7", "--bend=2", "--seed=3"]
OPTIONS += ["--epsilon=0.02,0.05", "--alpha=0.1,0.25", "--quiet"]
GRID = """
dataset = "own.npz"
norm = "l2"
search = ["toy", "hyperplane"]
epsilon = [0.02, 0.05]
alpha = 0.1
directions = [2, 7]
seed = [0, 1, 2]
bend = 2
"""
CASES = 14
LACKS = "n_sets is 3 with search 'toy'; allowed: only with balls, best, faces, free_balls, rectangles"

pytestmark = [needs_jit, pytest.mark.slow]


class Ran(NamedTuple):
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str


def environment(folder, *places):
    """Return variables with a cache in the folder and these places on Python's path; nothing of the caller's path."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBACONC_DATA_DIR", "PYTHONPATH")}
    path = {"PYTHONPATH": os.pathsep.join(map(str, places))} if places else {}
    return kept | path | {"NUMBACONC_CACHE_DIR": str(folder / "cache"), "PYTHONIOENCODING": "utf-8"}


def execute(folder, *command, places=(), **variables):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment(folder, *places) | variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def numbaconc(folder, *arguments, places=(), **variables):
    """Run the installed command in a folder."""
    return execute(folder, Path(sys.executable).with_name("numbaconc"), *arguments, places=places, **variables)


def installed(site, entry_point):
    """Make a folder look as if a package with this entry point were installed there."""
    info = site / "toys-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[numbaconc.searches]\n{entry_point}\n")
    return site


def assert_same(ds, other):
    """Equal bit for bit: values, coordinates, and their order."""
    xr.testing.assert_equal(ds, other)
    for name in ("risk", "adversarial_risk"):
        assert ds[name].values.tobytes() == other[name].values.tobytes()


@pytest.fixture(autouse=True)
def _nothing_leaks():
    yield
    assert "toy_search" not in sys.modules
    assert "toy" not in Search.known


@pytest.fixture
def here(tmp_path):
    """A working folder with data and a grid."""
    folder = tmp_path / "here"
    folder.mkdir()
    np.savez(folder / "own.npz", X_train=TRAIN, X_test=TEST)
    (folder / "grid.toml").write_text(GRID)
    return folder


LIBRARY = """
import json, sys, warnings

import numpy as np
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import numbaconc as nc
from numbaconc.sweep.grid import load_grid

goals, settings = json.loads(sys.argv[1])
with np.load("own.npz") as file:
    X, Y = file["X_train"], file["X_test"]

def best_in(norm):
    table = nc.BestSearch(norm=norm, epsilon=0.05, alpha=0.1).fit(X).table_
    return list(dict.fromkeys(one.search for one in table))

def refusal(call):
    try:
        call()
    except nc.InputError as error:
        return str(error)

said = {"before": best_in("l2")}

from toy_search import ToySearch

said["after"] = {norm: best_in(norm) for norm in ("linf", "l2", "l1")}
nc.save_results(nc.measure("toy", X, Y, name="own", **goals, **settings), "measured.nc")
nc.save_results(nc.measure(ToySearch(**settings), X, Y, name="own", **goals), "object.nc")
for epsilon in goals["epsilon"]:
    for alpha in goals["alpha"]:
        fitted = ToySearch(epsilon=epsilon, alpha=alpha, **settings).fit(X)
        fitted.region_.save(f"region-{epsilon}-{alpha}.nc")
        found = [fitted.risk_, fitted.adversarial_risk_, fitted.score(Y), fitted.predict(Y).tolist()]
        said[f"fit at {epsilon} and {alpha}"] = found
nc.run_sweep(load_grid("grid.toml"), "swept.nc", progress=False)

best = nc.BestSearch(searches=["toy", ToySearch(bend=2)], norm="l2", seed=4)
said["members"] = {label: repr(one) for label, one in best.members().items()}
said["restarts"] = nc.Restarts(ToySearch(n_directions=1), 5, epsilon=0.05, alpha=0.1).fit(X).seed_
said["repr"] = repr(clone(ToySearch(bend=2, epsilon=0.1)))

goal = {"epsilon": 0.05, "alpha": 0.1}
grid = {"dataset": "own", "search": "toy", "norm": "l2"} | goal
data = {"own": (X, Y)}
said["refused"] = {
    "measure": refusal(lambda: nc.measure("toy", X, Y, n_sets=3, **goal)),
    "sweep": refusal(lambda: nc.run_sweep(grid | {"n_sets": 3}, "no.nc", data=data, progress=False)),
    "sweep, by its coordinate": refusal(lambda: nc.run_sweep(grid | {"T": 3}, "no.nc", data=data, progress=False)),
    "best": refusal(lambda: nc.BestSearch(searches=["toy"], norm="l2", n_sets=3, **goal).fit(X)),
    "measure with best": refusal(lambda: nc.measure("best", X, Y, norm="l2", searches="toy", n_sets=3, **goal)),
}
said["another's"] = refusal(lambda: nc.measure("balls", X, Y, bend=2, **goal))
said["another norm"] = refusal(lambda: nc.measure("toy", X, Y, norm="l1", **goal))
said["value"] = refusal(lambda: ToySearch(n_directions=0, **goal).fit(X))

def twin(name):
    return type("Twin", (nc.Search,), {"name": name, "norms": ("l2",), "__doc__": "Another one."})

twins = ("toy", "rectangles", "best")
said["twins"] = [refusal(lambda name=name: twin(name)) for name in twins]
said["known"] = [nc.Search.known[name].__name__ for name in twins]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    check_estimator(ToySearch(epsilon=0.2, alpha=0.2))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """What a process that imports the toy says, and the folder in which it left files."""
    folder = tmp_path_factory.mktemp("library")
    np.savez(folder / "own.npz", X_train=TRAIN, X_test=TEST)
    (folder / "grid.toml").write_text(GRID)
    ran = execute(folder, sys.executable, "-c", LIBRARY, json.dumps([GOALS, SETTINGS]), places=[TOY.parent])
    assert (ran.status, lines(ran.err)) == (0, [])
    return json.loads(ran.out.splitlines()[-1]), folder


@pytest.fixture(scope="module")
def said(library):
    return library[0]


@pytest.fixture(scope="module")
def whole(library):
    """The values of an uninterrupted sweep in one process."""
    return nc.open_results(library[1] / "swept.nc")


def test_the_toy_is_short():
    assert len(TOY.read_text(encoding="utf-8").splitlines()) <= 30


# In Python


def test_measure_is_fit_at_every_goal(library):
    said, folder = library
    ds = nc.open_results(folder / "measured.nc")
    assert ds["adversarial_risk"].dims == ("alpha", "dataset", "epsilon", "directions", "seed", "split")
    assert ds["directions"].values.tolist() == [7]
    assert ds["seed"].values.tolist() == [3]
    assert {name: ds.attrs[name] for name in ("search", "bend", "norm")} == {"search": "toy", "bend": 2, "norm": "l2"}
    for epsilon in GOALS["epsilon"]:
        for alpha in GOALS["alpha"]:
            risk, adversarial_risk, score, predicted = said[f"fit at {epsilon} and {alpha}"]
            here = ds.sel(epsilon=epsilon, alpha=alpha).squeeze()
            assert here["risk"].sel(split="train") == risk >= alpha
            assert here["adversarial_risk"].sel(split="train") == adversarial_risk
            measured = nc.load_region(folder / f"region-{epsilon}-{alpha}.nc").measure(TEST, epsilon)
            assert here["risk"].sel(split="test") == measured.risk == np.mean(np.array(predicted) == -1)
            assert here["adversarial_risk"].sel(split="test") == measured.adversarial_risk
            assert score == -measured.adversarial_risk - max(0, alpha - measured.risk) / alpha
    assert_same(nc.open_results(folder / "object.nc"), ds)


def test_it_passes_the_estimator_checks(said):
    """Or the process would have ended before it said anything."""
    assert said["repr"] == "ToySearch(bend=2, epsilon=0.1)"


def test_the_best_of_its_norm_includes_it(said):
    assert said["before"] == ["free_balls", "halfspaces"]
    assert said["after"]["l2"] == [*said["before"], "toy"]
    assert "toy" not in [*said["after"]["linf"], *said["after"]["l1"]]
    assert said["members"]["toy"] == "ToySearch(seed=4)"  # by name: it has the seed of the best-of
    assert said["members"]["toy_2"].startswith("ToySearch(bend=2")


def test_it_can_be_restarted(said):
    assert said["restarts"] in range(5)


@pytest.mark.parametrize("where", ["measure", "sweep", "sweep, by its coordinate", "best", "measure with best"])
def test_a_setting_that_it_lacks_is_refused(said, where):
    """With one text, which the command line has too."""
    assert said["refused"][where] == LACKS


def test_what_is_its_own_is_refused_elsewhere(said):
    assert said["another's"] == "bend is 2 with search 'balls'; allowed: only with toy"
    assert said["another norm"].startswith("search is 'toy' with norm 'l1'; allowed with it: ")
    assert said["value"] == "n_directions is 0; allowed: a whole number of at least 1"


def test_two_searches_of_one_name_are_refused(said):
    for message, name in zip(said["twins"], ("toy", "rectangles", "best"), strict=True):
        assert message.startswith(f"search {name!r} is ")
        assert message.endswith("allowed: another name")
    assert "toy_search.ToySearch" in said["twins"][0]
    assert said["known"] == ["ToySearch", "RectangleSearch", "BestSearch"]


# At the command line


def test_measure_with_a_plugin_of_the_working_folder(here, library):
    (here / TOY.name).write_text(TOY.read_text(encoding="utf-8"), encoding="utf-8")
    ran = numbaconc(here, "measure", "own.npz", "--plugin", "toy_search", *OPTIONS, "--out", "m.nc")
    assert (ran.status, lines(ran.err)) == (0, [])
    assert "directions = 7" in ran.out
    assert_same(nc.open_results(here / "m.nc"), nc.open_results(library[1] / "measured.nc"))
    for epsilon in GOALS["epsilon"]:
        for alpha in GOALS["alpha"]:
            region = nc.load_region(here / f"m-region-{epsilon}-{alpha}.nc")
            expected = nc.load_region(library[1] / f"region-{epsilon}-{alpha}.nc")
            assert region.gap(TEST).tobytes() == expected.gap(TEST).tobytes()


def test_a_plugin_lacks_a_setting(here):
    arguments = ["--plugin", "toy_search", "--search", "toy", "--n-sets", 3]
    ran = numbaconc(here, "measure", "own.npz", *arguments, places=[TOY.parent])
    assert (ran.status, ran.out) == (2, "")
    assert lines(ran.err) == [f"numbaconc measure: error: {LACKS}"]


@pytest.fixture(scope="module")
def helped(tmp_path_factory):
    """The help of a command with a plugin, where the entry point of some other package is broken."""
    folder = tmp_path_factory.mktemp("helped")
    site = installed(folder / "site", "gone = no_such_module:Search")
    ran = numbaconc(folder, "measure", "--plugin=toy_search", "--help", places=[site, TOY.parent])
    assert ran.status == 0
    return ran


def test_help_has_the_settings_of_a_plugin(helped):
    words = " ".join(helped.out.split())
    assert "--n-directions DIRECTIONS directions that are tried (default: 20)" in words
    assert "--bend BEND power of the sizes of a direction's coordinates (default: 1.0)" in words


def test_a_broken_entry_point_is_warned_of(helped):
    """In one line, as everything is; and what was asked for is done."""
    (line,) = lines(helped.err)
    said = "warning: search 'gone' (no_such_module:Search) cannot be imported: ModuleNotFoundError: "
    assert line.startswith(("numbaconc: " + said, "numbaconc measure: " + said))


def test_a_plugin_of_a_taken_name(here):
    (here / "twin.py").write_text(TOY.read_text(encoding="utf-8"), encoding="utf-8")
    plugins = ["--plugin", "toy_search", "--plugin", "twin"]
    ran = numbaconc(here, "measure", "own.npz", *plugins, places=[TOY.parent])
    assert (ran.status, ran.out) == (2, "")
    (line,) = lines(ran.err)
    assert line == "numbaconc: error: search 'toy' is toy_search.ToySearch already; allowed: another name"


@pytest.mark.parametrize("text", ["", "raise RuntimeError('no\\nluck')", "import numbaconc as"])
def test_a_plugin_that_cannot_be_imported(here, text, capsys, monkeypatch):
    """In this process, since nothing becomes known."""
    name = f"plugin_{len(text)}"
    if text:
        (here / f"{name}.py").write_text(text)
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["measure", "own.npz", "--plugin", name]) == 2
    (line,) = lines(capsys.readouterr().err)
    assert line.startswith(f"numbaconc: error: plugin '{name}' cannot be imported: ")


def test_an_entry_point(here, library, tmp_path):
    """A package that names its module in the group is found without being asked for."""
    places = [installed(tmp_path / "site", "toy = toy_search"), TOY.parent]
    ran = numbaconc(here, "measure", "own.npz", *OPTIONS, "--out", "m.nc", places=places)
    assert (ran.status, lines(ran.err)) == (0, [])
    assert_same(nc.open_results(here / "m.nc"), nc.open_results(library[1] / "measured.nc"))


def test_show_does_not_need_the_plugin(library, capsys):
    _, folder = library
    for name in ("measured.nc", "swept.nc"):
        assert main(["show", str(folder / name)]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert "directions" in said.out
        assert main(["show", "--json", str(folder / name)]) == 0
        assert "toy" in json.dumps(json.loads(capsys.readouterr().out))


def test_a_name_without_its_plugin(here, capsys, monkeypatch):
    monkeypatch.chdir(here)
    for arguments in (["measure", "own.npz", "--search", "toy"], ["sweep", "grid.toml"]):
        assert main(arguments) == 2
        (line,) = lines(capsys.readouterr().err)
        assert "search is 'toy'; allowed: " in line


# In sweeps

HOOK = """
import os, signal, sqlite3

class Watched(sqlite3.Connection):
    commits = 0

    def execute(self, statement, *values):
        found = super().execute(statement, *values)
        if statement.split()[0] == "commit":
            Watched.commits += 1
            if str(Watched.commits) == os.environ["KILLED_AFTER"]:
                os.kill(os.getpid(), signal.SIGKILL)
        return found

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Watched, **options)
"""


def test_what_a_sweep_holds(whole):
    assert whole["search"].values.tolist() == ["toy", "hyperplane"]
    assert whole["directions"].values.tolist() == [2, 7]
    assert whole["seed"].values.tolist() == [0, 1, 2]
    assert whole["adversarial_risk"].sel(split="test").notnull().sum() == CASES
    assert whole.sel(search="toy")["risk"].sel(split="train").min() >= 0.1
    assert whole.attrs["bend"] == 2


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_sweep_is_killed_and_resumed(here, whole, tmp_path):
    """With two workers, and a plugin of the working folder; then in one process, with that of another folder."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    own = here / TOY.name
    own.write_text(TOY.read_text(encoding="utf-8"), encoding="utf-8")
    command = ["sweep", "grid.toml", "--plugin", "toy_search", "--quiet"]
    killed = numbaconc(here, *command, "--workers", 2, places=[hook], KILLED_AFTER="3")
    assert killed.status == -signal.SIGKILL
    journal = here / "grid.nc.journal"
    assert journal.exists()
    assert not (here / "grid.nc").exists()
    with sqlite3.connect(journal) as connection:
        (finished,) = connection.execute("select count(*) from finished").fetchone()
    connection.close()
    assert 0 < finished < CASES
    own.unlink()
    resumed = numbaconc(here, *command, places=[TOY.parent])
    assert (resumed.status, lines(resumed.err)) == (0, [])
    assert not journal.exists()
    assert_same(nc.open_results(here / "grid.nc"), whole)
