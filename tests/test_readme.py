"""The README shows what really happens."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest
from conftest import needs_jit

from numbaconc.cli import main
from numbaconc.sweep.grid import read_grid

ROOT = Path(__file__).parents[1]
README, SWEEPS = ROOT / "README.md", ROOT / "docs/sweeps.md"


def blocks(language: str, page: Path = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize("page", [README, SWEEPS], ids=lambda page: page.name)
def test_slicing_the_committed_files(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks("pycon", page)), {}, page.name, str(page), 0)
    assert examples.examples
    said = []
    doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert "".join(said) == ""


def test_the_grid_in_the_file_is_that_in_python():
    (in_file,) = blocks("toml", SWEEPS)
    (line,) = re.findall(r"^grid = (.*)$", blocks("python", SWEEPS)[0], flags=re.MULTILINE)
    assert read_grid(tomllib.loads(in_file)) == read_grid(eval(line))
