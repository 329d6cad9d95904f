"""What a shell completes, by the script that the command prints, asked in bash as bash asks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from numbaconc.cli import main
from numbaconc.norms import NORMS
from numbaconc.search.base import known_searches
from numbaconc.show.pictures.style import FORMATS
from numbaconc.show.report.parts import SUFFIXES

BASH = shutil.which("bash")
COMPLETED = """
source {script}
spec=$(complete -p numbaconc) || exit 1
function_of() {{ while [ "$1" != -F ]; do shift; done; echo "$2"; }}
COMP_WORDS=("$@")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
"$(function_of $spec)" numbaconc "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def script(capsys, tmp_path, monkeypatch):
    """The script for bash, in a folder with files that may be completed."""
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    monkeypatch.chdir(tmp_path)
    for name in ("mine.nc", "my.npz"):
        Path(name).touch()
    Path("models").mkdir()
    path = Path("numbaconc.bash")
    path.write_text(said.out, encoding="utf-8")
    return path


def completed(script, *words):
    """What bash offers for the last of some words; it says nothing beside it."""
    asked = [BASH, "--norc", "-c", COMPLETED.format(script=script), "bash", "numbaconc", *words]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.split("\n")))


@pytest.mark.skipif(BASH is None, reason="no bash")
def test_bash_completes_what_there_is(script):
    searches, norms = sorted(known_searches()), sorted(NORMS)
    for words, offered in {
        ("me",): ["measure"],
        ("completion", ""): ["bash", "zsh"],
        ("data", "fe"): ["fetch"],
        ("data", "check", "fash"): ["fashion_mnist"],
        ("measure", "--epsilon", "8/255", "--n-s"): ["--n-sets", "--n-starts"],  # that searches declare
        ("measure", "--search", ""): searches,
        ("measure", "--searches", "be"): ["best"],
        ("measure", "--centers", "med"): ["median"],
        ("labels", "digits", "--norm", ""): norms,
        ("measure", "m"): ["mine.nc", "mnist", "models", "my.npz"],
        ("plot", "mine.nc", "--data", "my"): ["my.npz"],
        ("plot", "mine.nc", "--format", ""): sorted(FORMATS),
        ("report", "mine.nc", "--format", ""): sorted(SUFFIXES),
        ("show", "mine.nc", "my"): ["my.npz"],
        ("measure", "--data-dir", "m"): ["models"],
        ("measure", "--out", "mi"): ["mine.nc"],
        ("mesure", "x"): [],
        ("measure", "--norm", "x"): [],
        ("show", "--zzz"): [],
    }.items():
        assert completed(script, *words) == offered, words


def test_zsh_has_the_same_words(capsys):
    """zsh itself is rarely there; its script has the names, and any number of files."""
    pytest.importorskip("shtab")
    assert main(["completion", "zsh"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("#compdef numbaconc\n")
    assert f":({' '.join(NORMS)})" in said
    assert "'names:data set:(digits mnist " in said
    assert '"*:a netCDF file' in said
    assert "--n-sets[" in said


def test_what_is_missing_is_said_in_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("numbaconc completion: error: completion needs the package shtab, which cannot be ")
    assert said.err.endswith("pip install shtab\n")


def test_other_shells_are_refused(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "shell is 'tcsh'; allowed: bash, zsh" in capsys.readouterr().err
