"""Every block of code on the pages runs, page by page; what is only shown is a command."""

import shlex
import shutil
from pathlib import Path

import pytest
from conftest import needs_jit
from pages import DOCS, README, blocks, only, run, shown

import numbaconc as nc
from numbaconc.cli.main import _parser

SEARCHES = DOCS / "searches.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
OWN = (README, SEARCHES, DOCS / "data.md")  # which have tests of their own
WITH_CODE = [page for page in PAGES if blocks(page) and page not in OWN]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table that commands on the pages are about, made as the start says."""
    folder = tmp_path_factory.mktemp("table")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(blocks(DOCS / "start.md", "python")[0][1], {})
    return folder / "embeddings.csv"


@pytest.fixture
def _elsewhere(tmp_path, monkeypatch, table):
    shutil.copy(table, tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
@needs_jit
def test_every_block_runs(page):
    run(page)


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
@needs_jit
def test_the_readme():
    names = run(README)
    ds = names["ds"]
    assert ds.adversarial_risk.sizes == {"alpha": 2, "dataset": 1, "epsilon": 2, "seed": 1, "split": 2}
    assert (ds.risk <= ds.adversarial_risk).all()
    assert names["search"].risk_ <= names["search"].adversarial_risk_
    assert [path.name for path in Path().glob("embeddings-l2-*.[ph]*")] != []


@pytest.mark.usefixtures("_elsewhere")
@needs_jit
def test_a_search_in_twenty_lines():
    """Its settings are coordinates or not, as its class declares; `measure` and sweeps take it, in workers, too."""
    body = only(SEARCHES, "python").split("class ")[1]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 20
    run(SEARCHES)
    measured, swept = (nc.open_results(name) for name in ("digits-l2.nc", "grid.nc"))
    assert measured["risk"].sizes == {"dataset": 1, "epsilon": 1, "tries": 1, "seed": 3, "split": 2}
    assert (measured.attrs["search"], measured.attrs["norm"], measured["tries"].item()) == ("random", "l2", 50)
    assert measured["risk"].sel(split="train").min() >= 0.05
    assert swept["tries"].values.tolist() == [20, 50]


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda page: page.stem)
def test_what_is_only_shown_is_a_command(page):
    """Its options and values are read as when it is run."""
    for command in shown(page):
        _parser().parse_args(shlex.split(command.partition(" > ")[0], comments=True)[1:])
