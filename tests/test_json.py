"""What --json prints: always valid, the same keys for every search and case, and as the schema says."""

from __future__ import annotations

import contextlib
import io
import json
from importlib.resources import files

import numpy as np
import pytest
from conftest import needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.results.files import save_results
from numbaconc.search.base import known_searches
from numbaconc.show.records import as_json, plain, written

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = json.loads(files("numbaconc.show").joinpath("results.schema.json").read_text(encoding="utf-8"))
SMALL = {
    "rectangles": ["--n-neighbors", "5"],
    "faces": [],
    "halfspaces": ["--max-iter", "0"],
    "hyperplane": ["--norm", "l2"],
    "balls": ["--norm", "l2"],
    "free_balls": ["--norm", "l2", "--max-iter", "0"],
    "best": ["--searches", "faces,halfspaces"],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A user's file with labels, a folder for results, and what `numbaconc measure --json` prints for every search."""
    folder = tmp_path_factory.mktemp("json")
    X, y = np.random.default_rng(1).random((160, 3)), np.arange(160) % 3
    np.savez(folder / "own.npz", X_train=X[:100], y_train=y[:100], X_test=X[100:], y_test=y[100:])
    return folder


def printed(*arguments):
    """Run a command line, and return what JSON a strict reader finds; NaN and Infinity are refused."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main([*map(str, arguments)])
    assert status in (0, 3)
    return json.loads(out.getvalue().encode("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def check(value, kind):
    """Hold a value against one part of the schema."""
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    jsonschema.Draft202012Validator(SCHEMA | {"anyOf": [{"$ref": f"#/$defs/{kind}"}]}).validate(value)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@needs_jit
def test_every_search_prints_the_same_keys(own):
    assert set(SMALL) == {name for name, cls in known_searches().items() if cls.__module__.startswith("numbaconc.")}
    seen = []
    for search, options in SMALL.items():
        out = own / f"{search}.nc"
        made = printed("measure", own / "own.npz", "--search", search, *options, "--out", out, "--json", "--quiet")
        check(made, "result")
        assert made["cases"][0]["search"] == search
        assert made["files"]["result"] == str(out)
        again = printed("show", out, "--json")
        check(again, "result")
        assert again == made | {"files": None}
        seen.append((list(made), [list(case) for case in made["cases"]]))
    assert all(one == seen[0] for one in seen)


@needs_jit
def test_what_no_region_reaches_is_null(own):
    """One entry for each goal, with the same keys; also where nothing is written, since none is reached."""
    few = ["measure", own / "own.npz", "--n-sets", "3", "--n-neighbors", "5", "--out", own / "some.nc", "--json"]
    some = printed(*few, "--quiet", "--epsilon", "0.1,0.999")
    none = printed(*few, "--quiet", "--epsilon", "0.999", "--out", own / "none.nc")
    for said in (some, none, shown := printed("show", own / "some.nc", "--json")):
        check(said, "result")
    assert shown == some | {"files": None}
    assert list(some["files"]["regions"]) == ["0.1"]
    reached, missing = some["cases"]
    assert (reached["epsilon"], reached["error"], missing["epsilon"]) == (0.1, None, 0.999)
    assert missing["error"].startswith("alpha is 0.05, but no q leaves that risk at epsilon 0.999")
    assert (missing["risk_test"], missing["bound"], missing["certified"], missing["degenerate"]) == (*(None,) * 3, True)
    assert list(missing) == list(reached)
    assert none["cases"] == [missing]
    assert (none["errors"], none["files"], none["note"]) == ([missing["error"]], None, None)
    assert not (own / "none.nc").exists()


@needs_jit
def test_several_files_and_labels(own):
    for number, epsilon in enumerate(("0.1", "8/255")):
        options = [
            "--search",
            "faces",
            "--epsilon",
            epsilon,
            "--lower",
            "--out",
            own / f"{number}.nc",
            "--quiet",
            "--json",
        ]
        assert printed("measure", own / "own.npz", *options)["cases"][0]["lower_bound"]["value"] >= 0.05
    several = printed("show", own / "0.nc", own / "1.nc", "--json")
    check(several, "several")
    assert [one["cases"][0]["epsilon"] for one in several["results"]] == [0.1, 8 / 255]
    made = printed("labels", own / "own.npz", "--out", own / "labels.nc", "--json", "--quiet")
    check(made, "labels")
    assert made["files"] == {"result": str(own / "labels.nc"), "plot": None}
    assert printed("show", own / "labels.nc", "--json") == made | {"files": None}
    mixed = printed("show", own / "labels.nc", own / "0.nc", own / "0-region.nc", "--json")
    check(mixed, "several")
    assert [("bounds" in one, "cases" in one, "region" in one) for one in mixed["results"]] == [
        *((True, False, False), (False, True, False), (False, False, True))
    ]


def test_what_numbers_cannot_be_is_null():
    given = {
        "a": [np.nan, np.inf, np.float32(1.5)],
        "b": np.array([[1, 2]]),
        "c": {"d": b"\xff"},
        "e": "\udc80",
        1: True,
    }
    assert json.loads(written(plain(given))) == {
        "a": [None, None, 1.5],
        "b": [[1, 2]],
        "c": {"d": "\ufffd"},
        "e": "?",
        "1": True,
    }


@needs_jit
def test_a_hostile_file_is_valid_json(own):
    X = np.random.default_rng(0).random((60, 2))
    ds = nc.measure("faces", X, X[::2], epsilon=0.1, alpha=0.1, name='"\x1b\u2028"', n_sets=1)
    ds.attrs |= {
        "seconds": np.nan,
        "settings": '{"a": NaN}',
        "weird": np.array([np.inf, 1.0]),
        "command": "\x1b]0;\x07",
    }
    save_results(ds, own / "hostile.nc")
    said = printed("show", own / "hostile.nc", "--json")
    check(said, "result")
    assert said["attributes"]["settings"] == {"a": None}
    assert (said["attributes"]["seconds"], said["attributes"]["weird"]) == (None, [None, 1.0])
    lost = ds.drop_vars(["n_points", "certified_count", "certified", "n_compared", "vc_dimension"])
    check(as_json(lost), "result")
    assert as_json(lost)["cases"][0]["n_test"] is None


@needs_jit
def test_regions_are_as_the_schema_says(own):
    options = ["--search", "faces", "--epsilon", "0.1,8/255", "--out", own / "r.nc", "--json", "--quiet"]
    files = list(printed("measure", own / "own.npz", *options)["files"]["regions"].values())
    assert [file.rpartition("r-region-")[2] for file in files] == ["8_255.nc", "0.1.nc"]
    check(printed("show", files[0], "--json"), "region")
    several = printed("show", *files, "--json")
    check(several, "several")
    assert [one["region"]["epsilon"] for one in several["results"]] == [8 / 255, 0.1]
    nc.load_region(files[0])
    nc.HalfSpace([1.0, 0.0], 0.5, p=2).save(own / "untold.nc")
    check(printed("show", own / "untold.nc", "--json"), "region")


@needs_jit
def test_a_sweep_prints_what_its_file_holds(own):
    """Also where a case failed: it is there, without values."""
    (own / "g.toml").write_text(f'dataset = "{own / "own.npz"}"\nn_neighbors = 5\nT = 3\nepsilon = [0.1, 0.999]\n')
    with contextlib.redirect_stdout(out := io.StringIO()):
        assert main(["sweep", str(own / "g.toml"), "--out", str(own / "g.nc"), "--json", "--quiet"]) == 3
    made = json.loads(out.getvalue())
    check(made, "result")
    assert made["files"] == {"result": str(own / "g.nc"), "plot": None, "regions": {}}
    assert printed("show", own / "g.nc", "--json") == made | {"files": None}
    assert [case["error"] is None for case in made["cases"]] == [True, False]


@pytest.mark.parametrize("command", [["list"], ["check", "digits"]])
def test_data(command):
    said = printed("data", *command, "--json")
    check(said, "data")
    assert (said["data"][0]["name"], said["data"][0]["state"], said["data"][0]["path"]) == ("digits", "bundled", None)


@needs_jit
def test_a_search_has_no_coordinates_of_others(own):
    """Beside a search with T, one without has null, as alone."""
    X = np.random.default_rng(0).random((60, 2))
    grid = {"norm": "l2", "dataset": "x", "epsilon": 0.1, "alpha": 0.1, "T": [1, 2], "search": ["balls", "hyperplane"]}
    nc.run_sweep(grid, own / "sweep.nc", data={"x": (X, X[::2])})
    said = printed("show", own / "sweep.nc", "--json")
    check(said, "result")
    assert [(case["search"], case["T"]) for case in said["cases"]] == [("balls", 1), ("balls", 2), ("hyperplane", None)]
