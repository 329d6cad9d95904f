"""`numbaconc completion`: a script by which a shell completes commands, options, names and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from numbaconc.cli.console import Parser, say
from numbaconc.errors import InputError, check_choice

SHELLS = ("bash", "zsh")
FILES = ("file", "FILE", "FILE.nc", "CONFIG.toml", "R.html")  # what stands for a file in help pages
DATA = dict.fromkeys(SHELLS, "_numbaconc_data")  # the function that completes data: a name, or a file
PREAMBLE = {
    "bash": '{data}() {{\n  compgen -W "{names}" -- "$1"\n  _shtab_compgen_files "$1"\n}}',
    "zsh": "{data}() {{\n  _alternative 'names:data set:({names})' 'files:file:_files'\n}}",
}


def add_completion(commands: Any, parser: Parser) -> None:  # noqa: ANN401
    """Add the command; `parser` is that of all commands."""
    command = commands.add_parser(
        "completion",
        help="print a script that completes commands, options and names in your shell",
        description="Print a script that completes commands, options, names and files in your shell. To have it in every "
        "new shell: numbaconc completion bash > ~/.local/share/bash-completion/completions/numbaconc, where bash looks "
        'with the package bash-completion, and otherwise source it in ~/.bashrc; numbaconc completion zsh > "${fpath[1]}/'
        '_numbaconc".',
    )
    command.add_argument("shell", metavar="SHELL", help=", ".join(SHELLS))
    command.set_defaults(run=partial(_completion, parser=parser))


def _completion(options: argparse.Namespace, *, parser: Parser) -> int:
    shell = check_choice("shell", options.shell, SHELLS)
    try:
        import shtab
    except ImportError as error:
        msg = "completion needs the package shtab, which cannot be imported; to install it: pip install shtab"
        raise InputError(msg) from error
    from numbaconc.data.published.registry import REGISTRY

    _prepare(parser, _offered(), dict.fromkeys(FILES, shtab.FILE) | {"DIR": shtab.DIRECTORY, "data": DATA})
    preamble = PREAMBLE[shell].format(data=DATA[shell], names=" ".join(REGISTRY))
    script = shtab.complete(parser, shell, preamble=preamble)
    say(script.replace('"(*):', '"*:'))  # zsh: every further file is completed, and not the first alone
    return 0


def _offered() -> Mapping[str, Iterable[str]]:
    """Return the words that arguments may be, by their names, with the command where one of that name has others."""
    from numbaconc.cli.options import PREFIX
    from numbaconc.cli.plot import COLUMNS
    from numbaconc.data.published.registry import REGISTRY
    from numbaconc.norms import NORMS
    from numbaconc.search.base import known_searches
    from numbaconc.show.pictures.curves import AXES
    from numbaconc.show.pictures.files import KINDS
    from numbaconc.show.pictures.risks import ALONG
    from numbaconc.show.pictures.style import FORMATS
    from numbaconc.show.report.parts import SUFFIXES

    searches = known_searches()
    offered: dict[str, Iterable[str]] = {
        f"{PREFIX}{name}": one.check.choices for cls in searches.values() for name, one in cls.settings().items()
    }
    offered |= {f"{PREFIX}searches": searches, "search": searches, "norm": NORMS, "name": REGISTRY, "shell": SHELLS}
    offered |= {"along": (*AXES, *ALONG), "columns": COLUMNS, "kind": KINDS}
    return offered | {"numbaconc plot format": FORMATS, "numbaconc report format": SUFFIXES}


def _prepare(parser: argparse.ArgumentParser, offered: Mapping[str, Iterable[str]], kinds: Mapping[str, Any]) -> None:
    """Tell shtab what the arguments of a parser, and of those below it, may be."""
    if isinstance(parser, Parser) and parser.fill is not None:
        parser.fill(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _prepare(inner, offered, kinds)
        elif kind := kinds.get(action.dest) or kinds.get(str(action.metavar)):
            vars(action)["complete"] = kind  # where shtab looks for it
        elif words := offered.get(f"{parser.prog} {action.dest}") or offered.get(action.dest):
            action.choices = list(words)
