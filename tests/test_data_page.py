"""The recipes of docs/data.md run, one after another, in an empty folder."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import needs_jit
from pages import DOCS, blocks, run

from numbaconc.data.formats.known import FORMATS

MAY_LACK = ["torch"]  # is large, and no requirement of the tests
PAGE = DOCS / "data.md"


@needs_jit
@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
def test_recipes(tmp_path, monkeypatch, capsys):
    for package in {kind.package for kind in FORMATS.values()} - {"", *MAY_LACK}:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    run(PAGE, without=[package for package in MAY_LACK if find_spec(package) is None])
    assert "column 'label' is y" in capsys.readouterr().out


def test_every_format_has_a_recipe():
    """Written by one block of code, and read by another of its calls."""
    code = "".join(code for _, code in blocks(PAGE, "python"))
    loaded = re.findall(r"load_dataset\(\"([^\"]+)\"", code)
    suffixes = {Path(name).suffix for names in loaded for name in names.split(",")}
    assert set(FORMATS) - suffixes <= {".tsv", ".hdf5", ".pth"}  # written as .csv, .h5 and .pt are
