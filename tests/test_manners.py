"""Manners of the command line: what was meant, progress in logs, results that stay, statuses, one notation."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import lines, needs_jit
from tqdm import tqdm

import numbaconc as nc
from numbaconc import how
from numbaconc.cli import main
from numbaconc.errors import NoRegionError, did_you_mean
from numbaconc.labels.matching import ClassifierBound
from numbaconc.numerals import as_fraction, percent_at_least, percent_at_most, percent_left, strength
from numbaconc.results.files import open_results, save_results
from numbaconc.show.listing import compare

QUICK = ["--search", "faces", "--n-sets", "2"]


def call(*arguments):
    """Run a command line in this process; its status, output and lines of errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = left.code
    return status, out.getvalue(), lines(err.getvalue())


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Stand in a folder of its own, with a user's file in it, and draw no pictures."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).random((150, 3))
    np.savez("own.npz", X_train=X[:90], X_test=X[90:], y_train=np.arange(90) % 2, y_test=np.arange(60) % 2)
    monkeypatch.setattr(
        "numbaconc.show.pictures.plots.plot_measurement", lambda ds, path: Path(path).write_bytes(b"a plot")
    )
    return "own.npz"


# What was meant


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["mesure"], "measure"),
        (["Show", "a.nc"], "show"),
        (["data", "ftch"], "fetch"),
        (["measure", "--Epsilon", "0.1"], "--epsilon"),
        (["measure", "--Epsilon=0.1"], "--epsilon"),
        (["measure", "--n-stes", "3"], "--n-sets"),
        (["show", "a.nc", "--jsn"], "--json"),
        (["measure", "MNIST"], "mnist"),
        (["data", "fetch", "Cifar10"], "cifar10"),
        (["measure", "--search", "Best"], "best"),
        (["measure", "--search", "rectangle"], "rectangles"),
        (["measure", "--norm", "LINF"], "linf"),
        (["labels", "--norm", "Linf"], "linf"),
    ],
    ids=str,
)
def test_did_you_mean(arguments, meant):
    status, out, err = call(*arguments)
    assert (status, out, len(err)) == (2, "", 1)
    assert f"did you mean '{meant}'?" in err[0]


def test_nothing_is_meant_where_nothing_is_near():
    assert did_you_mean("zzz", ("measure", "show")) == ""
    assert did_you_mean(3, ("measure",)) == ""
    assert "did you mean" not in call("measure", "--zzzzzz")[2][0]
    assert "did you mean" not in call("show", "a.nc", "-8")[2][0]


# Progress


def logged(interval=0.0):
    """Return what a bar over three things writes where there is no terminal."""
    err = io.StringIO()
    with contextlib.redirect_stderr(err), how.bar(what="restarts\x1b", shown=True, total=3, interval=interval) as shown:
        for _ in range(3):
            shown.update()
            shown.set_postfix(covered=1)
    return err.getvalue()


def test_a_line_now_and_then_where_there_is_no_terminal():
    said = logged().splitlines()
    assert said[0].startswith("restarts\\x1b: 0 of 3, ")
    assert any(line.startswith("restarts\\x1b: 3 of 3, ") and line.endswith(", covered=1") for line in said)
    assert "\r" not in logged()


def test_a_minute_lies_between_lines(monkeypatch):
    """By a clock that goes twenty seconds at every look."""
    now = iter(range(0, 10**6, 20))
    monkeypatch.setattr(how.time, "monotonic", lambda: float(next(now)))
    assert how.MINUTE == 60
    bar = how.Lines(None, 60.0, desc="x", total=9, file=(out := io.StringIO()))
    for _ in range(7):
        bar.display("one")
    assert 1 <= out.getvalue().count("one") <= 3
    bar.close()


def test_what_is_soon_done_says_nothing():
    assert logged(3600.0) == ""
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        assert list(how.bar(range(3), what="x", shown=False, interval=0.0)) == [0, 1, 2]
    assert err.getvalue() == ""


@pytest.mark.parametrize("widgets", [True, False])
def test_notebooks_have_bars_of_their_own_where_they_can(monkeypatch, widgets):
    """Without ipywidgets, plain bars and no warning."""
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(how, "find_spec", lambda name: object() if widgets else None)
    made = []

    def notebook(items, **given):
        made.append(given["desc"])
        return tqdm(items, disable=True)

    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=notebook))
    assert list(how.bar(range(2), what="here", shown=True)) == [0, 1]
    assert made == (["here"] if widgets else [])


@needs_jit
def test_a_resumed_sweep_says_how_many_cases_were_there(own):
    grid = Path("g.toml")
    text = f'dataset = "{own}"\nsearch = "faces"\nT = [1, 2]\nepsilon = '
    grid.write_text(text + "[0.1]")
    assert call("sweep", grid)[2] == []
    grid.write_text(text + "[0.1, 0.2]")
    assert call("sweep", grid)[2] == ["2 of 4 cases were there"]
    assert call("sweep", grid, "--quiet")[2] == []


# Results that stay


@needs_jit
def test_a_default_name_never_replaces_another_result(own):
    assert call("measure", own, *QUICK)[2] == []
    first = open_results("own-linf.nc")
    assert call("measure", own, *QUICK)[2] == []  # the same again
    assert sorted(path.name for path in Path().glob("own-*")) == ["own-linf-region.nc", "own-linf.nc", "own-linf.png"]
    status, out, (line,) = call("measure", own, *QUICK, "--epsilon", "0.2")
    assert status == 0
    assert line.startswith(
        "note: own-linf.nc holds something else and is left as it is; the result is in own-linf-2.nc"
    )
    assert "result:  own-linf-2.nc\nplot:    own-linf-2.png\nregion:  own-linf-2-region.nc" in out
    assert open_results("own-linf.nc").equals(first)
    assert open_results("own-linf-2.nc")["epsilon"].item() == 0.2
    assert call("measure", own, *QUICK, "--epsilon", "0.2", "--quiet")[2] == []
    assert not Path("own-linf-3.nc").exists()
    assert call("measure", own, *QUICK, "--epsilon", "0.2", "--out", "own-linf.nc")[2] == []  # a name is an order
    assert open_results("own-linf.nc")["epsilon"].item() == 0.2


@needs_jit
@pytest.mark.parametrize("name", ["own-linf.nc", "own-linf.png", "own-linf-region.nc"])
def test_nothing_of_the_users_is_replaced(own, name):
    Path(name).write_bytes(b"mine")
    assert f"note: {name} holds something else" in call("measure", own, *QUICK)[2][0]
    assert Path(name).read_bytes() == b"mine"
    assert Path("own-linf-2.nc").exists()


@needs_jit
def test_a_foreign_region_beside_the_same_result_stays(own):
    """The result alone may be replaced by itself; what lies beside it only where it is what would be written."""
    arguments = ["measure", own, *QUICK, "--quiet"]
    for _ in range(2):
        assert "region:  own-linf-region.nc" in call(*arguments)[1]
    Path("own-linf-region.nc").write_bytes(b"mine")
    assert "region:  own-linf-2-region.nc" in call(*arguments)[1]
    assert Path("own-linf-region.nc").read_bytes() == b"mine"


@needs_jit
def test_labels_of_default_names(own):
    for epsilon, name in (
        ("0.1", "own-labels-linf.nc"),
        ("0.1", "own-labels-linf.nc"),
        ("0.2", "own-labels-linf-2.nc"),
    ):
        assert f"result:  {name}\n" in call("labels", own, "--epsilon", epsilon)[1]


def test_a_picture_of_what_is_none_is_refused(own):
    (line,) = call("labels", own, "--plot", "p.png")[2]
    assert "--plot is 'p.png' with points that are not known to be images" in line
    assert not list(Path().glob("own-labels*"))


# Exit statuses


@needs_jit
@pytest.mark.parametrize("options", [["--epsilon", "0.999"], ["--alpha", "0.98"]])
def test_status_3_where_no_region_is_found(own, options):
    status, out, (line,) = call("measure", own, "--n-sets", "3", "--n-neighbors", "5", *options, "--quiet")
    assert (status, out) == (3, "")
    assert line.startswith("numbaconc measure: no region of enough risk was found: alpha is ")
    assert list(Path().glob("own-*")) == []


@needs_jit
def test_what_is_reached_stays_where_another_goal_is_not(own):
    few = ["--n-sets", "3", "--n-neighbors", "5"]
    status, out, (line,) = call("measure", own, *few, "--epsilon", "0.1,0.999", "--quiet")
    assert status == 3
    assert line.startswith("no region of enough risk was found in 1 of 2 cases: alpha is 0.05, but no q ")
    assert "at epsilon 0.999 and n_sets 3" in line
    assert out.count("certified for own: ") == 1
    assert "1 of the cases failed: alpha is 0.05" in out
    assert [path.name for path in Path().glob("own-linf-region*")] == ["own-linf-region-0.1.nc"]
    assert "own-linf-region-0.1.nc" in out
    assert "0.999" not in out.partition("result:")[2]
    ds = open_results("own-linf.nc")
    assert ds["epsilon"].values.tolist() == [0.1, 0.999]
    assert ds["risk"].isnull().any("split").squeeze().values.tolist() == [False, True]
    assert call("measure", own, *few, "--epsilon", "0.1,0.999", "--quiet")[:2] == (3, out)  # the same again


@needs_jit
def test_of_several_goals_in_python_those_are_missing_that_are_not_reached(own):
    X = np.load(own)["X_train"]
    asked = {"epsilon": [0.1, 0.999], "alpha": [0.05, 0.98], "n_sets": 3, "n_neighbors": 5}
    with pytest.warns(UserWarning, match=r"no region of enough risk .*; nor at alpha 0\.98 and epsilon 0\.999"):
        found = nc.find_regions("rectangles", X, X[::2], **asked)
    assert list(found.regions) == [(0.1, 0.05)]
    assert (found.dataset["error"].squeeze() == "").values.tolist() == [[True, False], [False, False]]
    assert found.dataset["certified"].notnull().sum() == 1
    with pytest.raises(NoRegionError, match=r"alpha is 0\.98") as caught:
        nc.measure("rectangles", X, X[::2], lower=True, **asked | {"alpha": 0.98})
    assert (caught.value.dataset["error"] != "").values.ravel().tolist() == [True, True]
    assert caught.value.dataset["risk"].isnull().all()


@needs_jit
def test_a_restart_that_finds_nothing_leaves_the_others(own, monkeypatch):
    find, why = nc.RectangleSearch.find, "none here"

    def once(self, prepared, goal, how):
        if self.seed == 0:
            raise NoRegionError(why)
        return find(self, prepared, goal, how)

    monkeypatch.setattr(nc.RectangleSearch, "find", once)
    X, search = np.load(own)["X_train"], nc.RectangleSearch(n_sets=3, n_neighbors=5)
    ds = nc.measure(nc.Restarts(search, 3), X, X[::2], epsilon=0.1, alpha=0.1)
    assert ds["risk"].sel(split="test").notnull().squeeze().values.tolist() == [False, True, True]
    assert ds["error"].squeeze().values.tolist() == [why, "", ""]
    assert ds["kept_seed"].item() in (1, 2)


def test_it_is_an_input_error_in_python():
    assert issubclass(NoRegionError, nc.InputError)


@pytest.mark.parametrize("command", ["measure", "sweep", "labels", "show"])
def test_help_says_what_statuses_mean(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "exit status: 0 done; " in text
    assert ("3 no region of enough risk was found" in text) == (command in ("measure", "sweep"))
    assert "130 interrupted" in text


# Side by side


@needs_jit
def test_files_of_other_searches_and_sizes_side_by_side():
    X = np.random.default_rng(2).random((200, 3))
    parts = []
    for search, n, alpha in (("faces", 120, 0.1), ("halfspaces", 60, 0.45)):
        ds = nc.measure(search, X[:n], X[n : n + 60], epsilon=8 / 255, alpha=alpha, name="mine")
        ds["risk"].loc[{"split": "test"}], ds["adversarial_risk"].loc[{"split": "test"}] = 0.2, 0.9
        parts.append((f"{search}.nc", ds))
    text = compare(parts)
    rows = [line.split() for line in text.splitlines()]
    assert rows[0][:8] == ["file", "search", "dataset", "norm", "n", "train", "n", "test"]
    assert rows[1][:8] == ["faces.nc", "faces", "mine", "ℓ∞", "120", "60", "0.1", "8/255"]
    assert rows[2][2:10] == ["halfspaces.nc", "halfspaces", "mine", "ℓ∞", "60", "60", "0.45", "8/255"]
    assert [line.startswith("< α  ") for line in text.splitlines()[:3]] == [False, False, True]
    assert text.count("< α") == 2  # and where it is said what that means
    assert "1 row marked < α: the test risk" in text
    assert "The train points of mine in halfspaces.nc are not those in faces.nc." in text
    for number, (_, ds) in enumerate(parts):
        save_results(ds, f"{number}.nc")
    assert call("show", "0.nc", "1.nc")[1].splitlines()[0].split()[0] == "file"


@needs_jit
def test_every_sentence_names_its_data_set(own):
    _, out, _ = call("measure", own, "--search", "best", "--searches", "faces,halfspaces", "--epsilon", "8/255,.1")
    sentences = [line for line in out.splitlines() if line.endswith(".") or "certified" in line]
    assert len(sentences) > 8
    assert all("own" in line for line in sentences)
    assert not re.search(r"\b(epsilon|alpha)\b|<=|>=|->", out.partition("\nresult:")[0])
    assert len(re.findall(r"h\(μ, [\d.]+, (?:8/255|0\.1)\) ≤ [\d.]+", out)) == len(re.findall(r"\bh\(", out))


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((8 / 255, "8/255"), (1 / 255, "1/255"), (51 / 255, "0.2"), (17 / 255, "17/255"), (300 / 255, "300/255")),
        *(
            (0.1, "0.1"),
            (4.74, "4.74"),
            (1 / 7, "1/7"),
            (0.0, "0"),
            (2.0, "2"),
            (1e-9, "1e-09"),
            (123456789.0, "123456789"),
        ),
        *((np.nextafter(8 / 255, 1), repr(float(np.nextafter(8 / 255, 1)))), (np.inf, "inf")),
    ],
)
def test_a_strength_reads_back_as_the_same(value, text):
    assert strength(value) == text


def test_per_cent_and_fractions_say_the_same():
    for risk in (29 / 359, 33 / 359, 0.0974, 1 / 3, 1.0):
        for write in (percent_at_least, percent_at_most):
            assert float(as_fraction(write(risk))) == pytest.approx(float(write(risk)[:-1]) / 100, abs=1e-12)
    assert (percent_left(0.0974), percent_left(1 / 3), percent_left(1.0)) == ("90.26%", "66.66%", "0.00%")


def test_shares_of_points_are_those_of_the_number_beside_them():
    """A solver's 0.45 of 20 points is 9 of them, and 45% whatever its last digits are."""
    bound = ClassifierBound(0.45 * (1 - 1e-13), 30, np.zeros((0, 2), np.int64), np.zeros(0), 20, 8 / 255, "linf", 3)
    assert "at least 9 of these 20 points wrong within ℓ∞ 8/255 (45.00%)" in bound.sentence


# What the data are read from


@needs_jit
@pytest.mark.parametrize("command", [["measure", *QUICK], ["labels"]])
def test_no_output_replaces_what_it_is_measured_on(command, own):
    """The file of the data, by any of its names, and the second of two."""
    data = np.load(own)
    xr.Dataset({name: ([f"{name}{axis}" for axis in range(data[name].ndim)], data[name]) for name in data}).to_netcdf(
        "mine.nc"
    )
    before = Path("mine.nc").read_bytes()
    Path("link.nc").symlink_to("mine.nc")
    for out in ("mine.nc", "link.nc"):
        status, _, err = call(command[0], "mine.nc", *command[1:], "--out", out)
        assert status == 2
        assert "which the data are read from; allowed: another name" in err[-1]
    assert Path("mine.nc").read_bytes() == before
    assert call(command[0], "mine.nc", *command[1:], "--out", "other.nc")[0] == 0


@needs_jit
def test_a_note_of_both_samples_is_said_once(own):
    status, _, err = call("measure", own, *QUICK, "--scale", "range")
    assert status == 0
    notes = [line for line in err if line.startswith("note: ")]
    assert notes
    assert not any(one != other and one.removeprefix("note: ") in other for one in notes for other in notes)
