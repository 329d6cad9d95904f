"""The README shows what really happens."""

import re
from pathlib import Path

import pytest
from conftest import needs_jit

from numbaconc.cli import main

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


@pytest.fixture
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
@needs_jit
def test_output(capsys):
    (shown,) = blocks("text")
    assert main(["measure", "--quiet"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.usefixtures("_elsewhere")
@needs_jit
def test_python():
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)
    ds = names["ds"]
    assert ds.adversarial_risk.sizes == {"dataset": 1, "epsilon": 2, "T": 1, "seed": 3, "split": 2}
    assert (ds.risk <= ds.adversarial_risk).all()
    assert names["m"].risk == pytest.approx(names["result"].risk, abs=0.05)


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
