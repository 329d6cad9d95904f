"""`numbaconc labels`: its words, its file and its picture say what Python says, and bad input gets one line."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import blobs, images, lines, needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.numerals import exact, percent_at_least
from numbaconc.show import pairs as pictures

pytestmark = pytest.mark.usefixtures("one_thread")

X, X_TEST = images(60, 12, 1, 100, 160), images(20, 12, 2, 100, 160)
Y, Y_TEST = np.arange(60) % 4, np.arange(20) % 4


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work where nothing else is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    """Run the command in this process: its exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse
            status = left.code
    return status, out.getvalue(), "\n".join(lines(err.getvalue()))


def fine(*arguments):
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    return out


def refused(*arguments):
    """The one line that bad input gets; nothing is left behind."""
    status, out, err = call("labels", *arguments)
    assert (status, out) == (2, "")
    assert "\n" not in err
    return err


@pytest.fixture
def own(folder):
    """A table with labels."""
    np.savez(folder / "own.npz", X_train=X, y_train=Y, X_test=X_TEST, y_test=Y_TEST)
    return "own.npz"


@pytest.fixture
def pictured(folder):
    """Images with labels that are texts."""
    shape = (-1, 4, 3)
    names = np.array(["cat", "dog", "elk", "fox"])
    arrays = {"X_train": X.reshape(shape), "X_test": X_TEST.reshape(shape)}
    np.savez(folder / "images.npz", **arrays, y_train=names[Y], y_test=names[Y_TEST])
    return "images.npz"


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_file_holds_what_python_says(own, norm):
    epsilons = {"linf": [0.02, 0.05], "l2": [0.1, 0.15], "l1": [0.3, 0.35]}[norm]
    fine("labels", own, "--norm", norm, "--epsilon", epsilons[0], "--epsilon", epsilons[1], "--quiet")
    ds = nc.open_results(f"own-labels-{norm}.nc")
    assert ds["epsilon"].values.tolist() == epsilons
    for epsilon in epsilons:
        bound, here = nc.classifier_bound(X, Y, epsilon=epsilon, norm=norm), ds.sel(epsilon=epsilon)
        assert (here["loss"], here["population"], here["n_conflicts"]) == (
            bound.loss,
            bound.population,
            bound.n_conflicts,
        )
    assert ds["loss"].values[1] > ds["loss"].values[0]
    for end, found in (
        ("", nc.separation(X, Y, norm=norm)),
        ("_test", nc.separation(X, Y, X_TEST, Y_TEST, norm=norm)),
    ):
        assert ds[f"separation{end}"].values.tolist() == found.distances.tolist()
        assert ds[f"neighbor{end}"].values.tolist() == found.neighbors.tolist()
    every = nc.classifier_bound(X, Y, epsilon=100, norm=norm)
    assert ds["closest_distance"].values.tolist() == every.distances[:10].tolist()
    apart = {tuple(pair): distance for pair, distance in zip(every.pairs.tolist(), every.distances, strict=True)}
    closest = [tuple(pair) for pair in ds["closest"].values.tolist()]  # of equally close ones, some
    assert [apart[pair] for pair in closest] == every.distances[:10].tolist()
    assert len(set(closest)) == 10
    assert ds["closest_label"].values.tolist() == Y[np.array(closest)].astype(str).tolist()
    assert {"norm", "command", "schema", "train_sha256"} <= ds.attrs.keys()


def test_the_words(own):
    status, out, err = call("labels", own, "--norm", "l2", "--epsilon", "0.1,0.15")
    assert (status, err) == (0, "note: no picture is drawn: the points are not known to be images")
    bounds = [nc.classifier_bound(X, Y, epsilon=epsilon, norm="l2") for epsilon in (0.1, 0.15)]
    for bound in bounds:
        assert f"For own: {bound.sentence}.\n" in out
        numbers = [bound.n_wrong, percent_at_least(bound.loss), percent_at_least(bound.population)]
        assert [exact(bound.epsilon), f"{bound.n_conflicts:,}", *numbers] in [line.split() for line in out.splitlines()]
    train, test = nc.separation(X, Y, norm="l2"), nc.separation(X, Y, X_TEST, Y_TEST, norm="l2")
    assert f"Among the training points of own: e{train.sentence[1:]}\n" in out
    assert f"From the test points to the training points of own: e{test.sentence[1:]}\n" in out
    half = float(out.partition("For own at every ε below ")[2].partition(" ")[0])
    assert train.least / 2 - 1e-4 < half <= train.least / 2
    assert nc.classifier_bound(X, Y, epsilon=half, norm="l2").loss == 0
    assert "plot:" not in out


def test_show_prints_the_same(own):
    out = fine("labels", own, "--norm", "l2", "--epsilon", "0.15", "--quiet")
    shown = fine("show", "own-labels-l2.nc")
    said = out.partition("\n\nresult:")[0]
    assert shown.startswith(said + "\n\ncommand: ")
    numbers = json.loads(fine("show", "own-labels-l2.nc", "--json"))
    bound = nc.classifier_bound(X, Y, epsilon=0.15, norm="l2")
    assert numbers["bounds"] == [
        {"epsilon": 0.15, "loss": bound.loss, "population": bound.population, "n_conflicts": bound.n_conflicts}
    ]
    assert numbers["least"]["separation"] == nc.separation(X, Y, norm="l2").least
    assert numbers["closest"] == bound.pairs[:10].tolist()


def test_some_labels(own):
    fine("labels", own, "--classes", "3,1", "--norm", "l2", "--epsilon", "0.2", "--quiet")
    ds = nc.open_results("own-labels-l2.nc")
    chosen, tested = np.isin(Y, (1, 3)), np.isin(Y_TEST, (1, 3))
    bound = nc.classifier_bound(X[chosen], Y[chosen], epsilon=0.2, norm="l2")
    assert ds["loss"].item() == bound.loss > 0
    assert ds.attrs["labels"] == "1, 3"
    assert ds["train_row"].values.tolist() == np.flatnonzero(chosen).tolist()
    of_test = nc.separation(X[chosen], Y[chosen], X_TEST[tested], Y_TEST[tested], norm="l2")
    assert ds["separation_test"].values.tolist() == of_test.distances.tolist()


@needs_jit
def test_hyperedges(own):
    losses = []
    for k in (2, 3):
        fine("labels", own, "--epsilon", "0.08", "--hyperedges", k, "--out", f"{k}.nc", "--quiet")
        losses.append(nc.open_results(f"{k}.nc")["loss"].item())
    assert losses == [nc.classifier_bound(X, Y, epsilon=0.08, norm="linf", hyperedges=k).loss for k in (2, 3)]
    assert losses[0] < losses[1]


def test_no_labels_of_test_points(folder):
    np.savez(folder / "half.npz", X_train=X, y_train=Y, X_test=X_TEST)
    out = fine("labels", "half.npz", "--epsilon", "0.05", "--quiet")
    assert "60 training points" in out
    assert "test points" not in out
    assert "separation_test" not in nc.open_results("half-labels-linf.nc")


def test_the_picture(pictured, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "new_figure", _recording(pictures.new_figure, drawn))
    out = fine("labels", pictured, "--norm", "l2", "--epsilon", "0.1", "--classes", " cat, fox ", "--quiet")
    assert "plot:    images-labels-l2.png" in out
    assert Path("images-labels-l2.png").read_bytes().startswith(b"\x89PNG")
    chosen = np.flatnonzero(np.isin(Y, (0, 3)))
    every = nc.classifier_bound(X[chosen], Y[chosen], epsilon=100, norm="l2")
    axes = drawn[0].axes
    assert len(axes) == 20
    for column, (pair, distance) in enumerate(zip(every.pairs[:10], every.distances, strict=False)):
        for side, i in enumerate(chosen[pair]):
            panel = axes[10 * side + column]
            assert panel.get_title() == f"{['cat', 'dog', 'elk', 'fox'][Y[i]]}  (#{i})"
            assert panel.images[0].get_array().tolist() == X[i].reshape(4, 3).tolist()
        assert axes[10 + column].texts[0].get_text() == f"ℓ2 {distance:.4g}"


def _recording(make, drawn):
    @contextlib.contextmanager
    def wrapped(size):
        with make(size) as figure:
            drawn.append(figure)
            yield figure

    return wrapped


@needs_jit
@pytest.mark.parametrize("end", ["svg", "pdf"])
def test_pictures_of_other_kinds(pictured, folder, end):
    out = fine("labels", pictured, "--plot", f"some/{'$x_1$'}.{end}", "--quiet")
    assert f"plot:    some/$x_1$.{end}" in out
    assert (folder / "some" / f"$x_1$.{end}").stat().st_size > 1000


@needs_jit
def test_the_numbers_are_saved_before_a_picture_that_fails(pictured, monkeypatch):
    def fail(*_):
        msg = "no fonts\nat all"
        raise RuntimeError(msg)

    monkeypatch.setattr(pictures, "plot_pairs", fail)
    status, out, err = call("labels", pictured, "--quiet")
    assert (status, err) == (0, "numbaconc labels: warning: no picture was drawn: RuntimeError: no fonts at all")
    assert "plot:" not in out
    assert isinstance(nc.open_results("images-labels-linf.nc"), xr.Dataset)


@needs_jit
@pytest.mark.parametrize("shape", [(6, 8), (4, 4, 3), (3, 4, 4)])
def test_images_of_several_layouts(folder, shape):
    points = blobs(40, 48, 3)
    np.savez(folder / "own.npz", X=points.reshape(-1, *shape), y=np.arange(40) % 3)
    fine("labels", "own.npz", "--quiet")
    ds = nc.open_results("own-labels-linf.nc")
    train = nc.load_dataset("own.npz").train
    rows = train.X[ds["closest"].values].reshape(-1, 2, *shape)
    expected = rows[..., np.newaxis] if len(shape) == 2 else np.moveaxis(rows, 2, -1) if shape[0] == 3 else rows
    assert ds["image"].values.tolist() == expected.tolist()


@needs_jit
def test_the_bundled_digits():
    out = fine("labels", "digits", "--epsilon", "0.2", "--max-train", 200, "--quiet")
    assert "digits: 200 training and 359 test points, labels 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ℓ∞" in out
    ds = nc.open_results("digits-labels-linf.nc")
    train = nc.load_dataset("digits", max_train=200).train
    levels = train.X[ds["closest"].values].reshape(-1, 2, 8, 8, 1)
    assert ds["image"].values.tolist() == np.rint(255 * (levels / 16)).tolist()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--epsilon", "0"], "epsilon is '0'"),
        (["--norm", "l3"], "norm is 'l3'"),
        (["--classes", "1,9"], "--classes is '1,9'; allowed: labels that the training points have, 0, 1, 2, 3"),
        (["--classes", "1"], "y has no label but 1"),
        (["--hyperedges", "5"], "hyperedges is 5"),
        (["--hyperedges", "x"], "hyperedges is 'x'"),
        (["--hyperedges", "4", "--norm", "l1"], "four balls in ℓ1"),
        (["--out", "a.txt"], "--out is 'a.txt'; allowed: a name that ends in .nc"),
        (["--plot", "a.jpg"], "--plot is 'a.jpg'; allowed: a name that ends in .png, .svg, .pdf"),
        (["--data-dir", "."], "--data-dir is given with 'own.npz'"),
        (["--threads", "0"], "threads is 0"),
        (["--max-train", "1"], "max_train is 1"),
        (["--test-fraction", ".5"], "test_fraction is 0.5"),
    ],
)
def test_bad_options(own, folder, options, says):
    assert says in refused(own, *options)
    assert [path.name for path in folder.iterdir()] == ["own.npz"]


def test_no_labels(folder):
    np.savez(folder / "own.npz", X_train=X, X_test=X_TEST)
    assert "data set 'own' has no labels; allowed: " in refused("own.npz")
    assert [path.name for path in folder.iterdir()] == ["own.npz"]
