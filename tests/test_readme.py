"""The README shows what really happens."""

import doctest
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import lines, needs_jit

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.sweep.grid import read_grid

ROOT = Path(__file__).parents[1]
README, SWEEPS, SEARCHES = ROOT / "README.md", ROOT / "docs/sweeps.md", ROOT / "docs/searches.md"
PAGES = [README, SWEEPS, SEARCHES, ROOT / "data/README.md", ROOT / "experiments/README.md"]


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
    assert main(["measure", "--search", "best", "--quiet"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.usefixtures("_elsewhere")
@needs_jit
def test_python():
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)
    ds, best = names["ds"], names["best"]
    assert ds.adversarial_risk.sizes == {"alpha": 2, "dataset": 1, "epsilon": 2, "T": 1, "seed": 1, "split": 2}
    assert best.adversarial_risk.sizes == {"dataset": 1, "epsilon": 1, "T": 1, "seed": 3, "split": 2}
    for one in (ds, best):
        assert (one.risk <= one.adversarial_risk).all()
    assert names["m"].risk == pytest.approx(names["search"].risk_, abs=0.05)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert links or page != README
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_options_that_are_spoken_of_exist(capsys):
    """But for that of the plugin that a page shows."""
    programs = ("benchmarks/run.py", "numbaconc/experiments/uncertainty.py")
    options = (re.findall(r'"(--[a-z-]+)"', (ROOT / program).read_text(encoding="utf-8")) for program in programs)
    known = {"--help", "--n-tries"}.union(*options)
    for command in ("measure", "labels", "sweep", "show", "data list"):
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
        known |= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    for page in PAGES:
        code = re.findall(r"`[^`\n]+`|^    .*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", "\n".join(code))) <= known


@pytest.mark.usefixtures("_elsewhere")
@needs_jit
def test_the_plugin_that_the_page_shows():
    """Its command line, on few points, and a search with each of its seeds in Python."""
    (code,) = blocks("python", SEARCHES)
    Path(re.match(r"# (\w+\.py)\n", code)[1]).write_text(code, encoding="utf-8")
    (command,) = re.findall(r"^    numbaconc (measure .*)$", SEARCHES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    options = ["--max-train", "200", "--quiet", "--out", "found.nc"]
    program = [sys.executable, "-c", "import sys, numbaconc.cli; sys.exit(numbaconc.cli.main())"]
    done = subprocess.run(
        [*program, *command.split(), *options], capture_output=True, encoding="utf-8", check=False, timeout=120
    )
    assert (done.returncode, lines(done.stderr)) == (0, [])
    ds = nc.open_results("found.nc")
    assert ds["risk"].sizes == {"dataset": 1, "epsilon": 1, "tries": 1, "seed": 3, "split": 2}
    assert (ds.attrs["search"], ds.attrs["norm"], ds["tries"].item()) == ("random", "l2", 50)
    assert ds["risk"].sel(split="train").min() >= 0.05


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
    read = [read_grid(grid) for grid in (tomllib.loads(in_file), eval(line))]
    assert read[0].settings == read[1].settings
    first, second = ([(case, search.get_params()) for case, search in grid.cases.items()] for grid in read)
    assert first == second
