"""The experiment of bounds beyond the paper, on small files in the true formats."""

from __future__ import annotations

import math
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from conftest import needs_jit
from test_experiments import write_idx

import numbaconc as nc
from numbaconc.certify import certify
from numbaconc.data.arrays import as_sample
from numbaconc.experiments import bounds, methods, pictures
from numbaconc.show.words import describe

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", autouse=True)
def _few_faces():
    """Three in place of ten, which take three times as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "N_FACES", 3)
        yield


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


def faces(buffer):
    """The search for faces as the experiment has it, for MNIST at the largest strength but one."""
    return nc.FaceSearch(n_sets=10, epsilon=0.3, alpha=0.01, margin=buffer)


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


def test_more_is_asked_for_until_it_is_enough():
    points = as_sample(np.arange(100, dtype=np.uint8)[:, np.newaxis])
    asked = []

    def find(share):
        asked.append(share)
        n_inside = round(100 * share) - 5  # other points hold five in a hundred less
        return nc.HalfSpace([1.0], (99.5 - n_inside) / 255)

    shares = [0.10, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16]
    region, share = methods.ask_more(find, shares, points, 10)
    assert asked == [0.10, 0.13, 0.14, 0.15]  # .11 and .12 make up for less than half of what is missing
    assert share == 0.15
    assert region.measure(points, 0.1).risk == 0.10
    asked.clear()
    region, share = methods.ask_more(find, shares, points, 20)
    assert (share, region.measure(points, 0.1).risk) == (0.16, 0.11)  # as much as may be asked for


@needs_jit
def test_numbers_are_those_of_direct_searches(done):
    _, (train, test), out = done
    small, certified = (nc.open_results(bounds.result_path("linf", out, certified=one)) for one in (False, True))
    at = {"alpha": 0.01, "dataset": "mnist", "epsilon": 0.3}
    here = small.sel(at).sel(search="faces")
    found = faces(here.buffer.item()).fit(train)
    assert here.adversarial_risk.sel(split="train").item() == found.adversarial_risk_
    assert here.adversarial_risk.sel(split="test").item() == found.region_.measure(test, 0.3).adversarial_risk
    tested = small.sel(split="test").sel(search=["faces", "halfspaces"])
    assert ((tested.risk >= 0.01) | (tested.buffer == methods.BUFFERS[-1])).all()

    some = [nc.FaceSearch(n_sets=10), nc.HalfSpaceSearch(norm="linf")]
    best = nc.BestSearch(searches=some, norm="linf", margin="auto")
    chosen = nc.find_regions(best, train, test, epsilon=0.3, alpha=0.01)
    proven = certify(chosen.regions[0.3], test, 0.3)
    here = certified.sel(at).squeeze()
    assert chosen.dataset["compared"].item().startswith(f"{here.chosen.item()} of faces ")
    assert here.buffer.item() == chosen.dataset["margin"].item()
    assert (here.measure_at_least.item(), here.expansion_at_most.item()) == (proven.L, proven.U)

    (row,) = (row for row in bounds.rows() if (row.dataset, row.norm, row.epsilon_text) == ("mnist", "linf", "0.3"))
    n_sets, q = row.sets
    search = nc.RectangleSearch(n_sets=n_sets, q=q, extend=True, epsilon=0.3, alpha=0.01)
    boxes = search.fit(train).region_.measure(test, 0.3)
    here = small.sel(at).sel(search="rectangles", split="test")
    assert (here.risk.item(), here.adversarial_risk.item()) == (boxes.risk, boxes.adversarial_risk)
    l2 = nc.open_results(bounds.result_path("l2", out, certified=False))
    found = nc.FreeBallSearch(n_sets=1, epsilon=3.16, alpha=0.01).fit(train).region_
    here = l2.sel(at | {"epsilon": 3.16}).sel(search="free_balls")
    moved = found.holding(train, math.ceil((0.01 + here.buffer.item()) * len(train) - 1e-9))
    region = found if here.buffer.item() == 0 else moved
    assert here.adversarial_risk.sel(split="test").item() == region.measure(test, 3.16).adversarial_risk


@needs_jit
def test_the_page(done):
    text = (done[2] / "bounds.md").read_text(encoding="utf-8")
    assert "## ℓ∞" in text
    assert "certified" in text
    assert "mnist: NOT the published contents" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| mnist | 0.01 ")]
    assert [row[2] for row in rows] == ["0.1", "0.2", "0.3", "0.4", "1.58", "3.16", "4.74"]
    assert rows[0][3:6] == ["rectangles", "1.23", "3.64"]
    ds = nc.open_results(bounds.result_path("linf", done[2], certified=True))
    for row in rows[:4]:
        least, most, said = row[-3:]
        here = ds.sel(alpha=0.01, dataset="mnist", epsilon=float(row[2])).squeeze()
        lowest, highest = (100 * here[name].item() for name in bounds.PROVEN)
        assert lowest - 0.01 < float(least) <= lowest
        assert highest <= float(most) < highest + 0.01
        assert said == ("yes" if lowest >= 1 else "no")
        bold = [float(one) for one in re.findall(r"\*\*([\d.]+)\*\*", " ".join(row))]
        held = [float(risk) >= 1 for risk in (row[6], row[8], row[11])]
        assert bool(bold) == any(held)
    assert "<path" in (done[2] / "bounds.svg").read_text(encoding="utf-8")


@needs_jit
def test_pictures(done):
    _, (train, test), out = done
    ds = nc.open_results(out / "bounds-regions-mnist.nc")
    small = nc.open_results(bounds.result_path("linf", out, certified=False))
    buffer = small.buffer.sel(alpha=0.01, dataset="mnist", epsilon=0.3, search="faces").item()
    found = faces(buffer).fit(train)
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
    path = bounds.result_path("linf", out, certified=False)
    before = nc.open_results(path)
    kept = path.read_bytes()
    attributes = before.attrs
    before.drop_sel(search="halfspaces").assign_attrs(attributes).to_netcdf(path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    asked = []
    find = bounds._find
    monkeypatch.setattr(
        bounds, "_find", lambda data, row, name: asked.append((row.epsilon, name)) or find(data, row, name)
    )
    assert run(folder) == 0
    assert asked == [(epsilon, "halfspaces") for epsilon in (0.1, 0.2, 0.3, 0.4)]
    after = nc.open_results(path)
    for name in ("risk", "adversarial_risk", "buffer"):
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
def test_no_certificate_where_the_test_points_had_a_part(folder, request):
    """They chose the buffer; the regions of the other file were fixed before."""
    out = ROOT / "experiments" if folder == "committed" else request.getfixturevalue("done")[2]
    for norm in methods.METHODS:
        small, certified = (nc.open_results(bounds.result_path(norm, out, certified=one)) for one in (False, True))
        for name in bounds.PROVEN:
            assert small[name].isnull().all()
            assert certified[name].notnull().sum() == certified.risk.notnull().all("split").sum() > 0
        said = [describe(one.sel(dataset=["mnist"], alpha=0.01)) for one in (small, certified)]
        assert ["Certified" in text for text in said] == [False, True]
