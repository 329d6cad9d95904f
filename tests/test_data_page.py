"""The recipes of docs/data.md run, one after another, in an empty folder."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import needs_jit

from numbaconc.cli import main
from numbaconc.data.formats import FORMATS

PAGE = Path(__file__).parents[1] / "docs/data.md"


@needs_jit
@pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning")
def test_recipes(tmp_path, monkeypatch, capsys):
    for package in filter(None, {kind.package for kind in FORMATS.values()}):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert {language for language, _ in blocks} == {"python", "sh"}
    for language, code in blocks:
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)
            continue
        for line in code.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "numbaconc"
            assert main([*arguments, "--quiet"]) == 0
    assert "column 'label' is y" in capsys.readouterr().out


def test_every_format_has_a_recipe():
    """Written by one block of code, and read by another of its calls."""
    code = "".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    loaded = re.findall(r"load_dataset\(\"([^\"]+)\"", code)
    suffixes = {Path(name).suffix for names in loaded for name in names.split(",")}
    assert set(FORMATS) - suffixes <= {".tsv", ".hdf5"}  # written as .csv and .h5 are
