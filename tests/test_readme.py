"""What pages speak of exists: their links lead somewhere, their options are known."""

import re
import tomllib
from importlib.util import find_spec

import pytest
from pages import DOCS, README, ROOT, blocks, only

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.sweep.grid import read_grid

SWEEPS = DOCS / "sweeps.md"
PAGES = [README, *sorted(DOCS.glob("**/*.md")), ROOT / "data/README.md", ROOT / "experiments/README.md"]
COMMANDS = ("measure", "labels", "sweep", "show", "plot", "report", "data list")
OTHERS = ("benchmarks/run.py", "benchmarks/draws.py", "numbaconc/experiments/uncertainty.py")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    """Pages of the gallery are made with the site."""
    links = re.findall(r"\]\((?!https?:|examples/)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert links or page != README
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_options_that_are_spoken_of_exist(capsys):
    """But for that of the plugin that a page shows, and those of other programs."""
    options = (re.findall(r'"(--[a-z-]+)"', (ROOT / program).read_text(encoding="utf-8")) for program in OTHERS)
    known = {"--help", "--n-tries"}.union(*options)
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
        known |= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    for page in PAGES:
        code = re.findall(
            r"`(?!docker|pip)[^`\n]+`|^    (?!docker|pip).*$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", "\n".join(code))) <= known, page.name


def test_programs_that_are_spoken_of_exist():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    modules, files = (set(re.findall(one, text)) for one in (r"python -m (numbaconc[\w.]*\w)", r"python (\w+/\w+\.py)"))
    assert {"numbaconc.experiments.table1", "benchmarks/run.py"} <= modules | files
    assert [name for name in modules if find_spec(name) is None] == []
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_public_name_has_its_documentation():
    page = (DOCS / "api.rst").read_text(encoding="utf-8")
    described = re.findall(r"^\.\. auto\w+:: numbaconc\.(?:regions\.)?(\w+)$", page, re.MULTILINE)
    assert set(nc.__all__) <= set(described)
    assert len(described) == len(set(described))


def test_the_grid_in_the_file_is_that_in_python():
    made: dict[str, object] = {}
    exec("\n".join(re.findall(r"^grid .*$", blocks(SWEEPS, "python")[0][1], flags=re.MULTILINE)), made)
    read = [read_grid(grid) for grid in (tomllib.loads(only(SWEEPS, "toml")), made["grid"])]
    assert read[0].settings == read[1].settings
    first, second = ([(case, search.get_params()) for case, search in grid.cases.items()] for grid in read)
    assert first == second
