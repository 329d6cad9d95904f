"""The experiment of bounds beyond the paper, on small files in the true formats."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from conftest import needs_jit
from test_experiments import write_idx

import numbaconc as nc
from numbaconc.certify import certify
from numbaconc.experiments import bounds, methods, pictures
from numbaconc.show.words import describe

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of the data, what is in it, and a folder with everything that was written."""
    folder = tmp_path_factory.mktemp("bounds")
    samples = write_idx(folder / "mnist", 0)
    assert run(folder) == 0
    return folder, samples, folder / "out"


def run(folder, *arguments):
    options = ["--data-dir", str(folder), "--unverified-data", "--quiet", "--threads", "1"]
    return bounds.main([*options, "--datasets", "mnist", "--out", str(folder / "out"), *arguments])


def row_of(ds, epsilon, **at):
    """What a result says of MNIST at one strength."""
    return ds.sel(alpha=0.01, dataset="mnist", epsilon=epsilon, **at)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_rows_are_the_papers():
    rows = bounds.rows()
    assert {row.norm for row in rows} == {"linf", "l2"}
    at = {(row.dataset, row.alpha, row.epsilon_text): row.paper for row in rows}
    assert len(at) == len(rows) == 4 + 5 + 3 + 3 + 12
    assert at["cifar10", 0.127, "8/255"].table == 2
    assert at["cifar10", 0.05, "8/255"].values["adversarial_risk", "test"][0] == 18.13
    assert at["mnist", 0.01, "4.74"].method == "balls"
    assert at["cifar10", 0.05, "0.981"].method == "hyperplane"  # 6.47 in Table 3, and 6.56 of balls
    assert at["fashion_mnist", 0.05, "3.16"].values["risk", "test"][0] < 5  # the only row there


@needs_jit
def test_numbers_are_those_of_direct_searches(done):
    _, (train, test), out = done
    ds = nc.open_results(bounds.result_path("linf", out))
    for name in ("faces", "halfspaces"):
        best = nc.BestSearch(searches=[name], norm="linf")
        found = nc.find_regions(best, train, test, epsilon=0.3, alpha=0.01)
        region, here = found.regions[0.3], row_of(ds, 0.3, search=name)
        proven = certify(region, test, 0.3, 0.01)
        assert here.margin.item() == found.dataset["margin"].item()
        assert (here.certified.item(), here.certified_count.item()) == (proven.U, proven.m + proven.K)
        assert here.adversarial_risk.sel(split="train").item() == region.measure(train, 0.3).adversarial_risk
        measured = region.at_rank(test, math.ceil(0.01 * len(test) - 1e-9)).measure(test, 0.3)
        assert here.adversarial_risk.sel(split="test").item() == measured.adversarial_risk
        assert here.risk.sel(split="test").item() == measured.risk >= 0.01

    (row,) = (row for row in bounds.rows() if (row.dataset, row.norm, row.epsilon_text) == ("mnist", "linf", "0.3"))
    n_sets, q = row.sets
    search = nc.RectangleSearch(n_sets=n_sets, q=q, extend=True, epsilon=0.3, alpha=0.01)
    boxes = search.fit(train).region_.measure(test, 0.3)
    here = row_of(ds, 0.3, search="rectangles").sel(split="test")
    assert (here.risk.item(), here.adversarial_risk.item()) == (boxes.risk, boxes.adversarial_risk)
    assert np.isnan(here.certified)


@needs_jit
def test_the_best_of_a_row_is_what_the_best_search_finds(done):
    _, (train, test), out = done
    ds = nc.open_results(bounds.result_path("l2", out))
    here = row_of(ds, 3.16)
    found = nc.find_regions("best", train, test, norm="l2", epsilon=3.16, alpha=0.01)
    assert found.dataset["compared"].item().startswith(f"{bounds.best(here)} of ")
    assert here.sel(search=bounds.best(here)).certified.item() == found.dataset["certified"].item()


@needs_jit
def test_the_page(done):
    text = (done[2] / "bounds.md").read_text(encoding="utf-8")
    assert "## ℓ∞" in text
    assert "mnist: NOT the published contents" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| mnist | 0.01 ")]
    assert [row[2] for row in rows] == ["0.1", "0.2", "0.3", "0.4", "1.58", "3.16", "4.74"]
    assert rows[0][3:6] == ["rectangles", "1.23", "3.64"]
    ds = nc.open_results(bounds.result_path("linf", done[2]))
    for row in rows[:4]:
        words, measured, most = row[-3:]
        here = row_of(ds, float(row[2]))
        chosen = here.sel(search=bounds.best(here))
        assert chosen.held_back.item() == here.held_back.min().item()
        assert words == methods.WORDS[bounds.best(here)]
        assert measured == f"**{100 * chosen.adversarial_risk.sel(split='test').item():.2f}**"
        highest = 100 * chosen.certified.item()
        assert highest <= float(most.strip("*")) < highest + 0.01
    assert "<path" in (done[2] / "bounds.svg").read_text(encoding="utf-8")


@needs_jit
def test_pictures(done):
    _, (train, test), out = done
    ds = nc.open_results(out / "bounds-regions-mnist.nc")
    here = row_of(nc.open_results(bounds.result_path("linf", out)), 0.3, search="faces")
    settled = {"n_sets": int(here.n_sets), "margin": here.margin.item()}
    found = nc.FaceSearch(epsilon=0.3, alpha=0.01, **settled).fit(train)
    assert int(ds["upper"].sum() + ds["lower"].sum()) == found.n_faces_
    on_test = found.region_.measure(test, 0.3)
    n_inside, n_expanded = (round(len(test) * share) for share in (on_test.risk, on_test.adversarial_risk))
    counts = {"inside": n_inside, "expanded": n_expanded - n_inside, "outside": len(test) - n_expanded}
    assert {name: ds.sizes[f"n_{name}"] for name in counts} == {
        name: min(count, pictures.COLUMNS) for name, count in counts.items()
    }
    first = np.flatnonzero(found.region_.gap(test) >= 0.3)[0]
    assert (ds["outside"].values[0].ravel() == test[first]).all()
    pixels = matplotlib.image.imread(out / "bounds-regions-mnist.png")
    assert pixels[..., :3].std() > 0.05


def test_planes_become_colors():
    X = np.arange(3072, dtype=np.uint16)[np.newaxis]
    assert pictures._images(X, "cifar10")[0, 1, 2].tolist() == [34, 34 + 1024, 34 + 2048]
    assert pictures._images(X, "svhn")[0, 0, 1].tolist() == [3, 4, 5]


@needs_jit
def test_what_is_there_is_not_searched_again(done, monkeypatch):
    folder, _, out = done
    before = contents(out)
    monkeypatch.setattr(bounds, "_find", None)  # calling it would fail
    monkeypatch.setattr(pictures, "gather", None)
    assert run(folder) == 0
    assert contents(out) == before


@needs_jit
def test_only_what_is_missing_is_searched(done, monkeypatch):
    folder, _, out = done
    path = bounds.result_path("linf", out)
    before = nc.open_results(path)
    kept = path.read_bytes()
    attributes = before.attrs
    before.drop_sel(search="halfspaces").assign_attrs(attributes).to_netcdf(path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    asked = []
    find = bounds._find
    monkeypatch.setattr(
        bounds, "_find", lambda data, row, name, kept: asked.append((row.epsilon, name)) or find(data, row, name, kept)
    )
    assert run(folder) == 0
    assert asked == [(epsilon, "halfspaces") for epsilon in (0.1, 0.2, 0.3, 0.4)]
    after = nc.open_results(path)
    for name in ("risk", "adversarial_risk", "margin", "certified"):
        assert before[name].equals(after[name].sel(search=before.search))
    path.write_bytes(kept)


def test_no_data_no_bounds(tmp_path, capsys):
    options = ["--data-dir", str(tmp_path), "--quiet", "--datasets", "mnist", "--out", str(tmp_path / "out")]
    assert bounds.main(options) == 2
    assert "none of mnist can be had" in capsys.readouterr().err
    assert bounds.main(["--datasets", "minst"]) == 2
    assert "--datasets is 'minst'; allowed: " in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["done", "committed"])
@needs_jit
def test_what_test_points_prove_is_what_they_had_no_part_in(folder, request):
    """They place the borders, so nothing is said of unmoved ones; and nothing where the paper chose T and q."""
    out = ROOT / "experiments" if folder == "committed" else request.getfixturevalue("done")[2]
    for norm in methods.METHODS:
        ds = nc.open_results(bounds.result_path(norm, out))
        for name in bounds.UNMOVED:
            assert ds[name].isnull().all()
        settled = ds.sel(search=list(methods.SETTLED[norm]))
        assert settled.certified.notnull().sum() == settled.risk.notnull().all("split").sum() > 0
        if norm == "linf":
            assert ds.certified.sel(search="rectangles").isnull().all()
        text = describe(ds.sel(dataset=["mnist"], alpha=0.01))
        assert "certified" in text
        assert "With the border where the search put it" not in text
