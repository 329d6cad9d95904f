"""What is on the pages, and how it is run: README.md and docs/*.md."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from conftest import lines

from numbaconc.cli import main

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
PATIENT = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "120s"}  # where other tests keep all cores busy
COMMAND = "import sys, numbaconc.cli; sys.exit(numbaconc.cli.main())"


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """(language, code) of the fenced blocks of a page, in their order: of these languages, or of all."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [(language, code) for language, code in found if not languages or language in languages]


def only(page: Path, language: str) -> str:
    """The one block of a language."""
    ((_, code),) = blocks(page, language)
    return code


def shown(page: Path) -> list[str]:
    """The lines that begin with `numbaconc` in indented blocks: commands that take data or time that tests do not have."""
    return re.findall(r"^    (numbaconc .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def run(page: Path, *, without: Collection[str] = ()) -> dict[str, object]:
    """Run the blocks of a page in the working directory, and return the names that its Python has then.

    Blocks of Python share their names, blocks of `sh` their files. A block whose first line is a comment with the name
    of a file is that file. A block of text is what the commands above it print, or a part of that between lines of an ellipsis. pycon runs at the top of the checkout.
    Blocks of Python that import one of the packages `without` are left out.
    """
    names: dict[str, object] = {"__name__": page.stem}
    printed = ""
    for language, code in blocks(page):
        if named := re.match(r"# (\w+\.\w+)\n", code):
            Path(named[1]).write_text(code, encoding="utf-8")
        elif language == "python":
            if any(re.search(rf"^import {package}$", code, re.MULTILINE) for package in without):
                continue
            exec(compile(code, str(page), "exec"), names)
        elif language == "sh":
            printed = "".join(_output(shlex.split(line)) for line in code.splitlines())
        elif language == "text":
            part = code.removeprefix("…\n").removesuffix("…\n")
            assert printed == code if part == code else part in printed
        elif language == "pycon":
            _converse(code, names)
        else:
            assert language == "dockerfile", f"{page.name} has a block of {language}, which nothing runs"
    return names


def _output(words: list[str]) -> str:
    """Run a command and return what it prints; what tests run in is installed."""
    if words[:2] == ["pip", "install"]:
        return ""
    program, *arguments = words
    if program == "numbaconc" and "--plugin" not in words:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            assert main(arguments) == 0
        return output.getvalue()
    assert program in ("numbaconc", "python")
    own = ["-c", COMMAND, *arguments] if program == "numbaconc" else arguments
    done = subprocess.run(
        [sys.executable, *own],
        env=os.environ | PATIENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert program == "python" or lines(done.stderr) == []  # others, too, log in a script
    return done.stdout


def _converse(code: str, names: dict[str, object]) -> None:
    """Hold what Python answers against what the page says that it does."""
    examples = doctest.DocTestParser().get_doctest(code, names, "pycon", None, 0)
    assert examples.examples
    said: list[str] = []
    with contextlib.chdir(ROOT):
        doctest.DocTestRunner(verbose=False).run(examples, out=said.append, clear_globs=False)
    assert "".join(said) == ""
    names |= examples.globs
