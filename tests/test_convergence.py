"""The convergence experiment, tiny: what is measured is written, and what is written is drawn."""

from __future__ import annotations

import contextlib
import io
import xml.etree.ElementTree as ET

import matplotlib.axes
import numpy as np
import pytest
from conftest import needs_jit

from numbaconc.experiments import convergence
from numbaconc.groundtruth import Gaussian, HammingCube, Sphere, centered_cubes
from numbaconc.kernels.threads import using_threads
from numbaconc.results.files import open_results

NAMES = ["convergence.nc", "convergence.png", "convergence.svg"]
pytestmark = needs_jit


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    """Small data on one thread."""
    with pytest.MonkeyPatch.context() as patch, using_threads(1):
        patch.setattr(convergence, "QUICK_SIZES", (60, 120))
        patch.setattr(convergence, "QUICK_TEST", 300)
        yield


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = convergence.main(["--quick", "--quiet", "--threads", "1", *map(str, arguments)])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("convergence")
    assert run("--out", where) == (0, "".join(f"{where / name}\n" for name in NAMES), "")
    return where


@pytest.fixture(scope="module")
def ds(folder):
    return open_results(folder / "convergence.nc")


def test_what_is_measured(ds):
    assert ds["risk"].sizes == {"n_train": 2, "search": 5, "dataset": 5, "epsilon": 2, "T": 2, "seed": 2, "split": 2}
    for case in convergence.cases():
        here = ds.sel(dataset=case.name, epsilon=case.epsilon)
        for search in ds["search"].values.tolist():
            measured = here["risk"].sel(search=search).notnull()
            assert measured.sel(T=1).all() == measured.any() == (search in case.searches)
            assert not measured.sel(T=2, n_train=60).any()
            assert measured.sel(T=2, n_train=120).all() == (
                search in case.searches and search in ("rectangles", "balls")
            )
        enough = here["risk"].sel(split="train")
        assert (enough.where(enough.notnull(), 1) >= convergence.ALPHA).all()
        assert not (here["adversarial_risk"] < here["risk"]).any()
    assert {"made_of", "seconds", "command", "schema"} <= ds.attrs.keys()


def test_what_is_known(ds):
    def known(name, dataset, epsilon):
        return float(ds[name].sel(dataset=dataset, epsilon=epsilon))

    assert known("truth", "gaussian_linf", 1) == known("truth", "gaussian_l2", 1)
    assert known("truth", "gaussian_l2", 1) == Gaussian(np.ones(10)).concentration(0.05, 1)
    assert known("truth", "sphere_l2", 0.1) == Sphere(50).concentration(0.05, 0.1)
    assert known("truth", "cube_l1", 1) == known("truth", "cube_l2", 1) == HammingCube(20).concentration(0.05, 1)
    assert known("cubes", "gaussian_linf", 1) == centered_cubes(10, 0.05, 1)
    for case in convergence.cases():
        for value in case.lines.values():
            assert value > case.law.concentration(0.05, case.epsilon)


def test_a_result_is_drawn_again_and_not_measured_again(folder, monkeypatch):
    before = {name: (folder / name).read_bytes() for name in NAMES}
    monkeypatch.setattr(convergence, "measure", None)
    for name in NAMES[1:]:
        (folder / name).unlink()
    assert run("--out", folder)[0] == 0
    assert {name: (folder / name).read_bytes() for name in NAMES} == before


def test_other_settings_are_measured(folder, tmp_path):
    (tmp_path / "convergence.nc").write_bytes((folder / "convergence.nc").read_bytes())
    assert run("--out", tmp_path, "--samples", 1)[0] == 0
    assert open_results(tmp_path / "convergence.nc").sizes["seed"] == 1


def test_a_result_with_other_lines_is_measured_anew(folder, tmp_path, monkeypatch):
    (tmp_path / "convergence.nc").write_bytes((folder / "convergence.nc").read_bytes())
    one = convergence.cases()[3]
    monkeypatch.setattr(convergence, "cases", lambda: (one._replace(lines={"cubes": 0.5}),))
    monkeypatch.setattr(convergence, "LINES", {"cubes": "something else"})
    assert run("--out", tmp_path)[0] == 0
    assert open_results(tmp_path / "convergence.nc").sizes["dataset"] == 1


def test_what_is_drawn(ds, monkeypatch, tmp_path):
    lines, levels = [], []
    plot, level = matplotlib.axes.Axes.plot, matplotlib.axes.Axes.axhline

    def plotting(axes, x, y, style, **keywords):
        lines.append((list(x), list(y), style, keywords["label"]))
        return plot(axes, x, y, style, **keywords)

    def leveling(axes, y, **keywords):
        levels.append(y)
        return level(axes, y, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", plotting)
    monkeypatch.setattr(matplotlib.axes.Axes, "axhline", leveling)
    panels = convergence.panels(ds)
    convergence.plot_panels(panels, [tmp_path / "a.svg"], convergence.caption(ds))
    assert [panel.along for panel in panels] == ["n_train"] * 5 + ["T"] * 4
    assert len(lines) == 2 * (2 + 2 + 2 + 1 + 2) + 2 * 4
    by_hand = ds["adversarial_risk"].sel(dataset="gaussian_linf", epsilon=1, search="faces", T=1)
    at, risks, *_ = next(line for line in lines if line[3] == "faces")
    assert at == [60, 120]
    np.testing.assert_allclose(risks, by_hand.sel(split="test").mean("seed"))
    truths = {float(panel.ds["truth"]) for panel in panels}
    assert truths <= set(levels)
    assert len(levels) == len(panels) + sum(len(panel.lines) for panel in panels)
    text = " ".join((tmp_path / "a.svg").read_text(encoding="utf-8").split())
    assert ET.fromstring(text).tag.endswith("svg")
    for said in ("the truth, h(μ, α, ε)", "complements of", "balls, ambient", "n = 120"):
        assert said in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--samples", 0), ("samples", "0")), (("--threads", 10_000), ("threads", "10000")), (("--out", "a/b"), ("a/b",))],
)
def test_impossible_options(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("a file")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
