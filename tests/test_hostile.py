"""What a hostile user tries with labels and bounds from below: sentences stay true, and no length is too long."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import lines, refused

import numbaconc as nc
from numbaconc.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")

X, Y = np.arange(24, dtype=np.uint8).reshape(12, 2) * 9, np.arange(12) % 2


@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
@pytest.mark.parametrize("points", [X, X / 7])
def test_everything_is_within_a_strength_whose_square_is_no_number(points):
    for norm in ("linf", "l2", "l1"):
        assert nc.lower_bound(points, epsilon=1e300, alpha=0.25, norm=norm).h_hat_at_least == 1
        assert nc.classifier_bound(points, Y, epsilon=1e300, norm=norm).loss == 0.5


def test_points_that_rounding_brings_together_are_not_said_to_be_in_one_place():
    """0 and 1e-200 are two places, of which rows of 32 bits make one beside .1 and 1."""
    found = nc.separation(np.array([[0.0], [1e-200], [0.1], [1.0]]), [0, 1, 0, 1], norm="l2")
    assert found.distances[0] == 0 < found.rounding
    assert "within 0.00000" in found.sentence
    exact = nc.separation(np.array([[0], [0], [9]], np.uint8), [0, 1, 0], norm="l2")
    assert exact.sentence == "2 of 3 points are where a point of another label is."


def test_the_classifier_that_loses_nothing_is_said_to_do_so_on_training_points(tmp_path, monkeypatch, capsys):
    """A test point's nearest training point has another label: nothing is promised of test points."""
    monkeypatch.chdir(tmp_path)
    kept = {"X_train": X, "X_test": X[:2] + 1, "y_train": Y, "y_test": 1 - Y[:2]}
    np.savez("own.npz", **kept)
    assert main(["labels", "own.npz", "--epsilon", "1/255", "--quiet"]) == 0
    (said,) = [line for line in lines(capsys.readouterr().out) if "at every ε below" in line]
    assert "of every training point" in said
    assert main(["show", "own-labels-linf.nc", "own-labels-linf.nc"]) == 0
    assert capsys.readouterr().out.count("of every training point") == 1  # of one file, named twice


def test_gamma_without_a_certificate_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    points = {"X_train": np.tile(X, (5, 1)), "X_test": np.tile(X, (5, 1))}
    hard = {"uncertainty_train": np.tile(Y, 5), "uncertainty_test": np.tile(Y, 5)}
    options = ["--norm", "l2", "--search", "balls", "--epsilon", "0.01", "--alpha", "0.2", "--gamma", "0.5", "--quiet"]
    said = {}
    for name, told in (("all", hard), ("some", {"uncertainty_train": np.tile(Y, 5)})):
        np.savez(f"{name}.npz", **points, **told)
        assert main(["measure", f"{name}.npz", *options]) == 0
        said[name] = "of the labels in the region nothing is certified" in capsys.readouterr().out
    assert said == {"all": False, "some": True}


@pytest.mark.parametrize("how", [3, nc.How(threads=0), nc.How(progress=2)])
def test_how_is_checked_wherever_it_is_taken(how):
    for call in (
        lambda: nc.lower_bound(X, epsilon=0.1, alpha=0.25, norm="l2", how=how),
        lambda: nc.separation(X, Y, norm="l2", how=how),
        lambda: nc.classifier_bound(X, Y, epsilon=0.1, norm="l2", how=how),
    ):
        refused(call, "is", "allowed")


def test_numbers_of_numpy_are_written_as_numbers():
    refused(lambda: nc.as_sample(X, domain=np.int64(3)), "domain is 3;")
