"""Leaderboards beside certified curves: the numbers that were copied, the rule of the table, and a run on small files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
import xarray as xr
from conftest import needs_jit
from test_experiments import write_idx

import numbaconc as nc
from numbaconc.data.datasets import load_dataset
from numbaconc.experiments import leaderboard, leaderboard_page, models
from numbaconc.experiments.models import BOARDS
from numbaconc.results.layout import assemble

pytestmark = pytest.mark.usefixtures("one_thread")

CIFAR10_LINF, CIFAR10_L2, MNIST = BOARDS
FEW = {"N_BEST": 2, "N_ALPHAS": 6}


def with_few_models(patch):
    """Six α a curve in place of twenty."""
    for module in (models, leaderboard, leaderboard_page):
        for name, number in FEW.items():
            patch.setattr(module, name, number, raising=False)


# What was copied


def test_every_row_of_the_leaderboards():
    every = models.models()
    assert len(every) == 188 + 13
    assert Counter(one.dataset for one in every) == {"cifar10": 120 + 1, "cifar100": 38, "imagenet": 30, "mnist": 12}
    assert [len(board.models()) for board in BOARDS] == [93, 21, 10]
    first = CIFAR10_LINF.models()[0]
    assert first == ("cifar10", "linf", "8/255", "Bartoldson2024Adversarial_WRN-94-16", 93.68, 73.71)
    assert (first.risk, first.adversarial_risk) == (0.0632, 0.2629)
    mean_sparse = CIFAR10_L2.models()[1]
    assert (mean_sparse.name, mean_sparse.robust) == (
        "Amini2024MeanSparse_S-WRN-70-16",
        84.33,
    )  # not AutoAttack's 87.28
    assert [(one.name, one.clean, one.robust) for one in MNIST.models()[:2]] == [
        ("Gowal2020", 99.26, 96.34),
        ("Zhang2020a (CROWN-IBP)", 98.38, 93.96),
    ]
    secret, other = MNIST.left_out()
    assert (secret.clean, other.epsilon_text) == (None, "0.1")
    assert {one.epsilon_text for one in CIFAR10_LINF.left_out()} == {"0.031", "8/255"}


@pytest.mark.parametrize("board", BOARDS)
def test_a_curve_has_the_risks_of_the_best_models(board):
    alphas, risks = board.alphas(), [one.risk for one in board.models()]
    assert len(alphas) <= models.N_ALPHAS
    assert (alphas == np.unique(alphas)).all()
    assert set(risks[:10]) <= set(alphas)
    assert (alphas[0], alphas[-1]) == (min(risks), max(risks))  # so that something is known of every model
    assert {row.alpha for row in board.paper() if row.alpha} <= set(alphas)


def test_the_papers_rows_stand_where_they_belong():
    assert [(row.method, row.alpha) for row in CIFAR10_LINF.paper()] == [("madry2018", None), ("rectangles", 0.127)]
    assert [(row.method, row.alpha) for row in MNIST.paper()] == [("madry2018", None), ("rectangles", 0.012)]
    assert CIFAR10_L2.paper() == []


# What is shown


def by_hand(board, certified):
    """A result with these U, by α."""
    rows = []
    for alpha, U in certified.items():
        at = {"dataset": board.dataset, "epsilon": board.epsilon, "alpha": alpha}
        rows += [at | {"certified": U, "n_compared": 20}, at | {"seed": 0, "compared": "faces of faces, halfspaces"}]
    rows += [{"dataset": board.dataset, "split": split, "n_points": 100} for split in ("train", "test")]
    return assemble(rows).assign_attrs(data_verified=f"{board.dataset}: the published contents")


def test_the_bound_at_a_risk_is_the_least_at_as_much_alpha():
    here = leaderboard_page.at_board(by_hand(MNIST, {0.01: 0.03, 0.02: 0.05, 0.03: 0.04, 0.04: 0.06}), MNIST)
    bounds = {
        risk: float(leaderboard_page.bound_at(here, risk)["certified"]) for risk in (0.005, 0.01, 0.0101, 0.03, 0.031)
    }
    assert bounds == {0.005: 0.03, 0.01: 0.03, 0.0101: 0.04, 0.03: 0.04, 0.031: 0.06}


def cells(text, name):
    """The cells of the row of a table that a name is in."""
    (line,) = (line for line in text.splitlines() if line.startswith("|") and name in line)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_the_best_models():
    certified = {alpha: 1.0 if alpha > 0.016 else 2 * alpha for alpha in MNIST.alphas()}
    text = leaderboard_page.page(by_hand(MNIST, certified))
    assert cells(text, "Gowal2020") == ["1", "`Gowal2020`", "0.74", "3.66", "1.48", "faces", "59.5%"]
    assert cells(text, "Gowal2019")[4:] == ["nothing", "faces", "0.0%"]  # its risk is 1.66%
    assert cells(text, "madry2018") == ["mnist", "madry2018", "", "ℓ∞ 0.3", "1.20", "10.70", "2.40", "faces", "77.5%"]
    assert cells(text, "| rectangles") == ["mnist", "rectangles", "1.20", "ℓ∞ 0.3", "1.35", "8.28", "2.40", "faces", ""]
    assert cells(text, "| balls") == ["mnist", "balls", "1.00", "ℓ2 1.5", "1.08", "2.12", "", "", ""]
    assert "`Madry secret model` (no clean accuracy printed), `Croce2019 MMR` (ε = 0.1)" in text
    assert "cifar10" not in text.replace("cifar10_challenge", "")  # of which the result has nothing


def test_numbers_are_rounded_to_the_safe_side():
    """U up, and what is unexplained down."""
    text = leaderboard_page.page(by_hand(MNIST, dict.fromkeys(MNIST.alphas(), 0.020001)))
    assert cells(text, "Gowal2020")[4:] == ["2.01", "faces", "45.3%"]  # 45.352


# A run on small files


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of the data, what is in it, and a folder with everything that was written."""
    folder = tmp_path_factory.mktemp("leaderboard")
    samples = write_idx(folder / "mnist", 0)
    with pytest.MonkeyPatch.context() as patch:
        with_few_models(patch)
        assert run(folder) == 0
        yield folder, samples, folder / "out"


def run(folder, *arguments):
    options = ["--data-dir", str(folder), "--unverified-data", "--quiet", "--threads", "1"]
    return leaderboard.main([*options, "--datasets", "mnist", "--out", str(folder / "out"), *arguments])


@needs_jit
def test_numbers_are_those_of_the_best_search_and_its_certificate(done):
    _, (train, test), out = done
    ds = nc.open_results(out / "leaderboard.nc")
    assert ds["alpha"].values.tolist() == MNIST.alphas()
    assert dict(ds["certified"].sizes) == {"alpha": len(MNIST.alphas()), "dataset": 1, "epsilon": 1}
    assert (ds["n_compared"] == 6).all()
    assert "2025-03-31" in ds.attrs["models"]
    for alpha in (MNIST.alphas()[0], MNIST.alphas()[-1]):
        found = nc.BestSearch(norm="linf", epsilon=0.3, alpha=alpha).fit(train)
        proven = nc.certify(found.region_, test, 0.3, alpha, n_compared=6)
        here = ds.sel(alpha=alpha).squeeze(["dataset", "epsilon", "seed"])
        assert (here["certified"], here["certified_count"]) == (proven.U, proven.m + proven.K)
        assert here["compared"].item().startswith(f"{found.search_} of ")
        assert here["adversarial_risk"].sel(split="test") == found.region_.measure(test, 0.3).adversarial_risk


@needs_jit
def test_what_is_written(done):
    out = done[2]
    assert {path.name for path in out.iterdir()} == {f"leaderboard.{kind}" for kind in ("nc", "md", "png", "svg")}
    ds = nc.open_results(out / "leaderboard.nc")
    text = (out / "leaderboard.md").read_text(encoding="utf-8")
    assert text == f"# Leaderboards\n\n{leaderboard_page.page(ds)}"
    assert "mnist: NOT the published contents" in text
    assert len(re.findall(r"^\| \d+ \|", text, re.M)) == FEW["N_BEST"]
    assert matplotlib.image.imread(out / "leaderboard.png")[..., :3].std() > 0.05
    assert ElementTree.parse(out / "leaderboard.svg").getroot().tag.endswith("svg")


@needs_jit
def test_every_model_is_a_point(done):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    leaderboard_page.BoardPanel(nc.open_results(done[2] / "leaderboard.nc"), MNIST).plot(axes)
    drawn = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() in {".", "D"}])
    for one in MNIST.models():
        assert np.isclose(drawn, [100 * one.risk, 100 * one.adversarial_risk]).all(axis=1).any()
    crosses = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() in {"x", "+"}]
    assert crosses == [[[1.2, 10.7]], [[1.35, 8.28]]]


@needs_jit
def test_only_what_is_missing_is_searched(done, monkeypatch):
    folder, _, out = done
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    asked = []
    find = leaderboard.Run.find
    monkeypatch.setattr(leaderboard.Run, "find", lambda run, goal: asked.append(goal.alpha) or find(run, goal))
    assert run(folder) == 0
    assert asked == []
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before

    path = out / "leaderboard.nc"
    ds = nc.open_results(path)
    least = MNIST.alphas()[0]
    nc.save_results(ds.drop_sel(alpha=least), path)
    assert run(folder) == 0
    assert asked == [least]
    xr.testing.assert_allclose(nc.open_results(path), ds)
    assert nc.open_results(path)["compared"].equals(ds["compared"])
    path.write_bytes(before["leaderboard.nc"])


@needs_jit
def test_what_holds_no_more_is_searched_again(done):
    """Certified with another number of α at once, or on other data; at α that are not on the curve any more, dropped."""
    folder, _, out = done
    ds = nc.open_results(out / "leaderboard.nc")
    sets = {"mnist": load_dataset("mnist", data_dir=folder, verify=False)}
    assert len(leaderboard._kept(ds, sets)) == len(MNIST.alphas())
    assert leaderboard._kept(ds.assign(n_compared=ds["n_compared"] + 1), sets) == {}
    other = {"mnist": replace(sets["mnist"], test=sets["mnist"].train)}
    assert leaderboard._kept(ds, other) == {}
    moved = ds.assign_coords(alpha=[*MNIST.alphas()[:-1], 0.5])
    assert len(leaderboard._kept(moved, sets)) == len(MNIST.alphas()) - 1


@needs_jit
def test_what_the_file_has_of_other_data_stays(done, tmp_path):
    folder, _, out = done
    ds = nc.open_results(out / "leaderboard.nc")
    at = {"dataset": ["cifar10"], "epsilon": [0.5], "alpha": CIFAR10_L2.alphas()[: ds.sizes["alpha"]]}
    other = ds.assign_coords(at).assign_attrs(norm="l2", data_verified="cifar10: the published contents")
    other["certified_count"] = xr.full_like(other["certified_count"], 60)  # all points: there are no fewer at any α
    nc.save_results(other, tmp_path / "leaderboard.nc")
    assert run(folder, "--out", str(tmp_path)) == 0
    after = nc.open_results(tmp_path / "leaderboard.nc")
    assert after.attrs["norm"] == "l2; linf"
    assert "cifar10: the published contents" in after.attrs["data_verified"]
    assert leaderboard_page.boards_in(after) == [CIFAR10_L2, MNIST]
    for board, before in ((CIFAR10_L2, other), (MNIST, ds)):
        here = leaderboard_page.at_board(after, board)
        assert here["certified_count"].values.tolist() == before["certified_count"].squeeze().values.tolist()


def test_no_data_no_leaderboard(tmp_path, capsys):
    options = ["--data-dir", str(tmp_path), "--quiet", "--out", str(tmp_path / "out")]
    assert leaderboard.main(options) == 2
    assert "none of cifar10, mnist can be had" in capsys.readouterr().err
    assert leaderboard.main([*options, "--datasets", "fashion_mnist"]) == 2
    assert "--datasets is 'fashion_mnist'; allowed: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
