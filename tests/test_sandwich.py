"""The experiment that draws certified intervals beside the truth: what it measures, writes and draws again."""

from __future__ import annotations

import pytest
from conftest import needs_jit

from numbaconc.experiments import sandwich
from numbaconc.results.files import open_results

NAMES = [f"sandwich.{suffix}" for suffix in ("nc", "md", "png", "svg")]

pytestmark = needs_jit


@pytest.fixture
def few(monkeypatch):
    every = {case.name: case for case in sandwich.cases()}
    chosen = tuple(every[name]._replace(epsilons=every[name].epsilons[2:4]) for name in ("normal_2", "clusters"))
    monkeypatch.setattr(sandwich, "cases", lambda: chosen)
    monkeypatch.setattr(sandwich, "QUICK_N", 80)
    return chosen


def test_every_truth_lies_between_and_is_drawn_again(few, tmp_path, capsys, monkeypatch):
    given = ["--quick", "--quiet", "--out", str(tmp_path)]
    assert sandwich.main(given) == 0
    assert capsys.readouterr().out == "".join(f"{tmp_path / name}\n" for name in NAMES)
    ds = open_results(tmp_path / "sandwich.nc")
    for case in few:
        for epsilon in case.epsilons:
            here = ds.sel(dataset=case.name, epsilon=epsilon)
            assert here["truth"].item() == case.law.concentration(sandwich.ALPHA, epsilon)
            assert here["lower_bound"].item() <= here["truth"].item() <= here["certified"].item()
    page = (tmp_path / "sandwich.md").read_text(encoding="utf-8")
    assert "The truth lies in 4 of 4 intervals." in page
    assert sum(line.startswith("| N(0, I), d = 2 |") for line in page.splitlines()) == 2
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}
    monkeypatch.setattr(sandwich, "measure", None)
    (tmp_path / "sandwich.svg").unlink()
    assert sandwich.main(given) == 0
    assert {name: (tmp_path / name).read_bytes() for name in NAMES} == before
