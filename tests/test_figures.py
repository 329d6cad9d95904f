"""The paper's figures and the report of everything, on small files in the true formats."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
from conftest import needs_jit
from test_experiments import write_cifar10, write_idx
from test_leaderboard import with_few_models

import numbaconc as nc
from numbaconc.experiments import all as everything, figures, leaderboard, report, tables
from numbaconc.experiments.published import published
from numbaconc.results.layout import assemble

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[1]
Q, T = (0.5, 0.9), (1, 4)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The folder of the data, and what is in it."""
    folder = tmp_path_factory.mktemp("sets")
    return folder, {"mnist": write_idx(folder / "mnist", 0), "cifar10": write_cifar10(folder / "cifar10")}


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "Q", Q)
    monkeypatch.setattr(figures, "T", T)
    with_few_models(monkeypatch)
    monkeypatch.delenv("NUMBACONC_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def run(module, sets, *arguments):
    return module(arguments=["--data-dir", str(sets[0]), "--unverified-data", "--quiet", "--out", "out", *arguments])


@needs_jit
def test_figure_1(sets, capsys):
    assert run(lambda arguments: figures.main(1, arguments), sets, "--restarts", "2") == 0
    assert capsys.readouterr().out.split() == ["out/figure1.png", "out/figure1.svg"]
    against_q, against_T = (nc.open_results(f"out/figure1-{along}.nc") for along in ("q", "T"))
    assert dict(against_q.risk.sizes) == {"dataset": 1, "epsilon": 1, "T": 1, "q": 2, "seed": 2, "split": 2}
    assert against_q["T"].item() == 30
    assert against_q["q"].values.tolist() == list(Q)
    train, test = sets[1]["cifar10"]
    region = nc.RectangleSearch(n_sets=30, q=0.9, seed=1, epsilon="8/255", alpha=0.05).fit(train).region_
    here = against_q.sel(q=0.9, seed=1, split="test")
    assert here.adversarial_risk.item() == region.measure(test, "8/255").adversarial_risk
    assert set(against_T["dataset"].values) == {"mnist", "cifar10"}
    found = nc.RectangleSearch(n_sets=4, epsilon=0.3, alpha=0.01).fit(sets[1]["mnist"][0])
    here = against_T.sel(dataset="mnist", epsilon=0.3, T=4, seed=0)
    assert here.q_found.item() == found.q_
    assert here.adversarial_risk.sel(split="train").item() == found.adversarial_risk_
    assert np.isnan(against_T.sel(dataset="mnist", epsilon=8 / 255).risk).all()


@needs_jit
def test_plots_are_drawn_from_what_is_stored(sets, monkeypatch):
    command = [lambda arguments: figures.main(3, arguments), sets, "--restarts", "1", "--datasets", "mnist"]
    assert run(*command) == 0
    first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    pixels = matplotlib.image.imread("out/figure3.png")
    assert pixels.shape[1] > pixels.shape[0] > 100
    assert pixels[..., :3].std() > 0.05
    assert ElementTree.parse("out/figure3.svg").getroot().tag.endswith("svg")
    monkeypatch.setattr("numbaconc.sweep.executors.measure_cases", None)  # calling it would fail
    assert run(*command) == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == first


def test_the_plots_are_the_papers():
    rows = [row for table in (1, 4) for row in published(table)]
    assert [(one.dataset, one.epsilon_text, one.n_sets, one.q) for one in figures.curves(2)] == [
        (row.dataset, row.epsilon_text, row.n_sets, row.q) for row in rows
    ]
    assert [(one.along, one.dataset, one.epsilon_text, one.n_sets) for one in figures.curves(1)] == [
        ("q", "cifar10", "8/255", 30),
        ("T", "mnist", "0.3", 10),
        ("T", "cifar10", "8/255", 40),
    ]
    assert [(one.dataset, one.epsilon_text, one.alpha, one.n_sets) for one in figures.curves(3)] == [
        ("mnist", "0.1", 0.01, 5),
        ("cifar10", "2/255", 0.05, 10),
        ("mnist", "0.2", 0.01, 10),
        ("cifar10", "4/255", 0.05, 20),
    ]


def test_captions_say_the_grid():
    assert "q = 0.50, 0.90" in figures.caption(2, [0, 1])
    assert "T = 1, 4" in figures.caption(3, [0, 1])
    assert "2 restarts (seeds 3 to 4)" in figures.caption(1, [3, 4])


def test_no_data_no_figure(tmp_path, capsys):
    assert figures.main(1, ["--data-dir", str(tmp_path), "--quiet", "--out", "out"]) == 2
    assert "none of cifar10, mnist can be had" in capsys.readouterr().err
    assert not Path("out").exists()


@needs_jit
def test_everything_and_its_report(sets, monkeypatch, capsys):
    options = [everything.main, sets, "--restarts", "2", "--datasets", "mnist"]
    assert run(*options) == 0
    names = {path.name for path in Path("out").iterdir()}
    assert {f"table{n}.{kind}" for n in (1, 2, 3, 5) for kind in ("nc", "md")} <= names
    assert {f"figure{n}.{kind}" for n in (1, 2, 3) for kind in ("png", "svg")} <= names
    assert {f"leaderboard.{kind}" for kind in ("nc", "md", "png", "svg")} <= names
    assert not [name for name in names if "journal" in name]
    text, page = (Path(f"out/report.{kind}").read_text(encoding="utf-8") for kind in ("md", "html"))
    for n in (1, 2, 3, 5):
        table = Path(f"out/table{n}.md").read_text(encoding="utf-8")
        assert table.removeprefix(f"# Table {n}\n\n").strip() in text
        assert f"<h2>Table {n}</h2>" in page
    assert re.findall(r'src="([^"]{20})', page) == ["data:image/png;base6"] * 4
    leaderboards = Path("out/leaderboard.md").read_text(encoding="utf-8")
    assert leaderboards.removeprefix("# Leaderboards\n\n").strip() in text
    assert "mnist: NOT the published contents" in text
    assert nc.open_results("out/table1.nc").attrs["machine"] in text
    capsys.readouterr()

    before = {path.name: path.read_bytes() for path in Path("out").iterdir() if path.suffix == ".nc"}
    monkeypatch.setattr("numbaconc.sweep.executors.measure_cases", None)  # what is there is not measured again
    monkeypatch.setattr(tables, "measure", None)
    monkeypatch.setattr(leaderboard, "Run", None)
    assert run(*options) == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir() if path.suffix == ".nc"} == before
    assert Path("out/report.md").read_text(encoding="utf-8") == text


def test_an_unknown_data_set_is_refused(sets, capsys):
    assert run(everything.main, sets, "--datasets", "minst") == 2
    assert "--datasets is 'minst'; allowed: " in capsys.readouterr().err
    assert not Path("out").exists()


def by_hand(shift):
    """MNIST's first row of Table 1 as printed, but for the adversarial risk on test."""
    row = published(1)[0]
    at = {"dataset": row.dataset, "epsilon": row.epsilon, "T": row.n_sets, "q": row.q, "seed": 0}
    rows = []
    for split in ("train", "test"):
        values = {quantity: row.values[quantity, split][0] / 100 for quantity in ("risk", "adversarial_risk")}
        values["adversarial_risk"] += shift / 100 if split == "test" else 0
        rows.append(at | {"split": split} | values)
    return assemble(rows).assign_coords(alpha=row.alpha)


@pytest.mark.parametrize(("shift", "sigmas"), [(0.0, None), (0.89, None), (0.91, "3.0"), (-1.5, "5.0")])
def test_cells_outside_three_published_deviations(shift, sigmas):
    """Its published deviation is 0.30."""
    found = tables.outside(by_hand(shift), published(1)[:1], report.LIMIT)
    if sigmas is None:
        assert found == []
    else:
        (line,) = found
        assert line.startswith("Table 1, mnist, ε = 0.1, α = 0.01, adversarial risk on test: ")
        assert line.endswith(f"printed 3.64 ± 0.30, {sigmas} σ")


def test_a_report_says_that_nothing_is_outside():
    assert "None of the 4 cells" in report._deviations([], 4)
    assert "1 of the 4 cells" in report._deviations(["this one"], 4)


def test_the_papers_cells_are_counted_once():
    """48 that it prints with a deviation for these data sets; the rows at the strengths as typed are ours."""
    text = (ROOT / "experiments/report.md").read_text(encoding="utf-8")
    assert "5 of the 48 cells that the paper prints with a deviation" in text
    printed = [row for table in report.TABLES for row in published(table) if row.dataset != "svhn"]
    assert sum(deviation is not None for row in printed for _, deviation in row.values.values()) == 48
    tables_of = [one.partition("## Figure 1")[0] for one in (report._text(ROOT / "experiments"), text)]
    assert tables_of[0] == tables_of[1]


HOSTILE = {
    "machine": "<script>alert('machine')</script> ![x](../secret.png)",
    "command": "x` <img src=x onerror=alert('command')> | extra | `y",
    "data_verified": "<svg onload=alert('data')> [a](javascript:alert(3)) **bold** &lt;",
    "numpy_version": "<b>1</b> ![x](secret.png)",
    "created": "[click](javascript:alert(1)) <a href='javascript:alert(2)'>x</a>",
}


def test_what_a_file_says_is_text_in_the_report(tmp_path):
    ds = nc.open_results(ROOT / "experiments/table1.nc").assign_attrs(HOSTILE)
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        (folder / "secret.png").write_bytes(b"\x89PNG secret")
    nc.save_results(ds, tmp_path / "in/table1.nc")
    page = report.write_report(tmp_path / "in")[1].read_text(encoding="utf-8")
    tags = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "ul", "li", "code"}
    assert set(re.findall(r"<(\w+)", page)) <= tags | {"table", "thead", "tbody", "tr", "th", "td"}
    assert base64.b64encode(b"\x89PNG secret")[:12].decode() not in page
    assert "href" not in page
    for text in (HOSTILE["machine"], HOSTILE["command"], HOSTILE["data_verified"]):
        assert text in html.unescape(page)


def test_raw_html_is_off(tmp_path):
    assert "<script>" not in report._html("# t\n\n<script>1</script>\n\n![x](../secret.png)", tmp_path)
