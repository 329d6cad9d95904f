"""The experiment about matching bounds, on made images: what is written is what Python says, and is drawn as it is."""

from __future__ import annotations

import contextlib
import io
import re
import struct

import numpy as np
import pytest
from conftest import idx, images

import numbaconc as nc
from numbaconc.experiments import matching
from numbaconc.numerals import percent_at_least

NAMES = [f"matching.{end}" for end in ("nc", "md", "png", "svg")]
EPSILONS = {("mnist", "l2"): ["1", "2", "2.5"], ("mnist", "linf"): ["0.1", "0.2"]}
N = 120
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """MNIST's four files of faint images: all look alike, whatever their labels."""
    folder = tmp_path_factory.mktemp("data") / "mnist"
    folder.mkdir()
    for part, n, seed in (("train", N, 0), ("t10k", 20, 1)):
        points = images(n, 784, seed, 0, 90).reshape(-1, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(points))
        labels = (np.arange(n) % 10).astype(np.uint8)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            b"\x00\x00\x08\x01" + struct.pack(">I", n) + labels.tobytes()
        )
    return folder.parent


@pytest.fixture(scope="module", autouse=True)
def _few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "EPSILONS", EPSILONS)
        patch.setattr(matching, "EPSILONS_OF_TEN", {("mnist", "l2"): ["1", "2.5"], ("mnist", "linf"): ["0.2"]})
        patch.setattr(matching, "EACH_OF_TEN", 9)
        yield


def run(data_dir, *arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        fixed = ["--datasets", "mnist", "--data-dir", str(data_dir), "--unverified-data", "--quiet"]
        status = matching.main([*fixed, *map(str, arguments)])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    where = tmp_path_factory.mktemp("out")
    status, out, err = run(made, "--out", where)
    assert (status, err) == (0, "")
    assert out.endswith("".join(f"{where / name}\n" for name in NAMES))
    return where


def test_what_is_measured(made, folder):
    ds = nc.open_results(folder / "matching.nc")
    train = nc.load_dataset("mnist", data_dir=made, verify=False).train
    places = np.arange(N)
    chosen = {"3 against 7": np.isin(places % 10, (3, 7)), "all ten": places < 90}
    for labels, rows in chosen.items():
        X, y = train.X[rows], train.y[rows]
        few = labels == "all ten"
        asked = {"l2": [1, 1.58, 2.5] if few else [1, 1.58, 2, 2.5], "linf": [0.2, 0.3] if few else [0.1, 0.2, 0.3]}
        for norm, epsilons in asked.items():
            here = ds.sel(dataset="mnist", labels=labels, norm=norm)
            assert here.dropna("epsilon")["epsilon"].values.tolist() == epsilons
            assert here["least_distance"] == nc.separation(X, y, norm=norm).least
            assert here["n_images"] == len(X)
            for epsilon in epsilons:
                bound, at = nc.classifier_bound(X, y, epsilon=epsilon, norm=norm), here.sel(epsilon=epsilon)
                assert (at["loss"], at["population"], at["n_conflicts"]) == (
                    bound.loss,
                    bound.population,
                    bound.n_conflicts,
                )
                assert (bound.loss > 0) == (epsilon >= float(here["least_distance"]) / 2)
        assert 0 == ds["loss"].sel(labels=labels, norm="l2").min() < ds["loss"].sel(labels=labels, norm="l2").max()
    assert {"made_of", "seconds", "data_verified", "schema"} <= ds.attrs.keys()


def test_the_page(folder):
    text = (folder / "matching.md").read_text(encoding="utf-8")
    ds = nc.open_results(folder / "matching.nc").sel(dataset="mnist", norm="l2")
    cells = []
    for labels in ("3 against 7", "all ten"):
        at = ds.sel(labels=labels, epsilon=2.5)
        assert f"{labels}: {float(at['least_distance']) / 2:.3f}" in text
        shares = [percent_at_least(at[name].item()).removesuffix("%") for name in ("loss", "population")]
        cells += [f"{int(at['n_conflicts']):,}", *shares]
    assert f"| 2.5 | {' | '.join(cells)} |" in text
    assert "| **1.58** |" in text
    assert re.search(r"^\| 2 \| .*\d \|  \|  \|  \|$", text, re.MULTILINE)
    assert "NOT the published contents" in text


def test_a_result_is_drawn_again_and_not_measured_again(made, folder, monkeypatch):
    before = {name: (folder / name).read_bytes() for name in NAMES}
    monkeypatch.setattr(matching, "measure", None)
    for name in NAMES[1:]:
        (folder / name).unlink()
    assert run(made, "--out", folder)[0] == 0
    assert {name: (folder / name).read_bytes() for name in NAMES} == before


def test_what_is_drawn(folder):
    from matplotlib.figure import Figure

    ds = nc.open_results(folder / "matching.nc")
    axes = Figure().add_subplot()
    matching.Panel(ds, "mnist", "l2").plot(axes)
    for labels, lines in (("3 against 7", axes.lines[:3]), ("all ten", axes.lines[3:6])):
        here = ds.sel(dataset="mnist", norm="l2", labels=labels).dropna("epsilon")
        for line, name in zip(lines, ("loss", "population"), strict=False):
            assert line.get_xdata().tolist() == here["epsilon"].values.tolist()
            assert line.get_ydata().tolist() == here[name].values.tolist()
        assert lines[2].get_xdata() == [float(here["least_distance"]) / 2]
    assert axes.lines[6].get_xdata() == [1.58, 1.58]


def test_images_without_labels(made, tmp_path):
    bare = tmp_path / "mnist"
    bare.mkdir()
    for path in (made / "mnist").glob("*images*"):
        (bare / path.name).write_bytes(path.read_bytes())
    status, _, err = run(tmp_path, "--out", tmp_path / "out")
    assert status == 2
    assert "matching: error: the labels of the training images are not on disk; allowed: " in err
    assert not (tmp_path / "out").exists()


def test_threads_that_are_none(made, tmp_path):
    status, out, err = run(made, "--out", tmp_path / "out", "--threads", 0)
    assert (status, out) == (2, "")
    assert "threads is 0" in err
    assert not (tmp_path / "out").exists()
