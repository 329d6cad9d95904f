"""Options of the command line that are made from what searches declare, and searches of the user's own."""

from __future__ import annotations

import argparse
import importlib
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from numbaconc.errors import InputError
from numbaconc.norms import NORMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numbaconc.search.base import Search
    from numbaconc.search.settings import Setting

PREFIX = "setting "  # how the names of settings begin among the parsed options
APART = ("epsilon", "alpha", "norm")  # settings that have options of their own
SEVERAL = "settings of several searches"
UNSET = "not given"


def add_plugin_option(parser: argparse._ActionsContainer) -> None:
    """Add the option that names modules with searches."""
    parser.add_argument("--plugin", action="append", metavar="MODULE", help="import a module with searches of your own")


def names_plugins(arguments: Sequence[str]) -> bool:
    """Return whether a module may be named with --plugin, of which argparse takes the beginning, too."""
    return any(word.startswith("--pl") for word in arguments)


def import_plugins(arguments: Sequence[str]) -> None:
    """Import the modules that are named with --plugin, from the working folder too; their searches are known then."""
    if not names_plugins(arguments):
        return
    early = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    add_plugin_option(early)
    try:
        names = early.parse_known_args(arguments)[0].plugin or ()
    except argparse.ArgumentError:  # the option has no value; the command's own parser says so
        return
    if "" not in sys.path:
        sys.path.append("")
    for name in names:
        try:
            importlib.import_module(name)
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # a module may raise anything, or leave
            msg = f"plugin {name!r} cannot be imported: {type(error).__name__}: {error}"
            raise InputError(msg) from error


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for every setting of every search, grouped by search, and say which searches there are."""
    from numbaconc.search.base import known_searches

    usual = ", ".join(f"{norm.search} with {norm.name}" for norm in NORMS.values())
    having: dict[str, dict[str, Setting]] = {}
    for cls in known_searches().values():
        for name, setting in cls.settings().items():
            if name not in APART:
                having.setdefault(name, {})[cls.name] = setting
    chosen = parser._option_string_actions["--search"]
    chosen.help = (
        f"how regions are found: {', '.join(known_searches())} (default: {usual}); best compares those of a norm"
    )
    titles = {name: f"settings of {next(iter(of))}" if len(of) == 1 else SEVERAL for name, of in having.items()}
    groups = {title: parser.add_argument_group(title) for title in [SEVERAL, *sorted(set(titles.values()) - {SEVERAL})]}
    for name, of in having.items():
        if f"--{name.replace('_', '-')}" in parser._option_string_actions:
            msg = f"setting {name!r} of search {next(iter(of))!r} is an option of this command; allowed: another name"
            raise InputError(msg)
        groups[titles[name]].add_argument(f"--{name.replace('_', '-')}", **_option(name, of))


def _option(name: str, of: Mapping[str, Setting]) -> dict[str, Any]:
    from numbaconc.search.settings import Flag

    one = next(iter(of.values()))
    option: dict[str, Any] = {"dest": f"{PREFIX}{name}", "default": argparse.SUPPRESS, "help": _help(of)}
    if isinstance(one.check, Flag):
        return option | {"action": argparse.BooleanOptionalAction}
    return option | {"metavar": (one.coordinate or name).upper()}


def _help(of: Mapping[str, Setting]) -> str:
    """Return the help of an option: what the setting does in each search that has it, and its default."""
    text = "; ".join(
        f"{', '.join(names)}: {said}" if len(of) > 1 else said
        for said, names in _alike({name: one.help for name, one in of.items()})
    )
    defaults = [
        f"{', '.join(names)} {said}" if number else said
        for number, (said, names) in enumerate(_alike({name: _said(one.default) for name, one in of.items()}))
    ]
    told = f" (default: {'; '.join(defaults)})" if defaults != [UNSET] else ""
    return textwrap.dedent(f"{text}{told}").replace("%", "%%")


def _alike(texts: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return the distinct texts, each with the names that it is said of; that of most names first."""
    names: dict[str, list[str]] = {}
    for name, text in texts.items():
        names.setdefault(text, []).append(name)
    return sorted(names.items(), key=lambda one: -len(one[1]))


def _said(default: object) -> str:
    if default is None or isinstance(default, bool):
        return {None: UNSET, True: "yes", False: "no"}[default]
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def given_settings(options: argparse.Namespace, search: type[Search]) -> dict[str, Any]:
    """Return the settings that were given, also those that the search lacks; they are read but not checked."""
    from numbaconc.search.base import known_searches

    every = {name: one for cls in known_searches().values() for name, one in cls.settings().items()}
    declared = every | search.settings()  # searches may read settings of one name in different ways
    given = {key.removeprefix(PREFIX): value for key, value in vars(options).items() if key.startswith(PREFIX)}
    return {
        name: declared[name].check.read(value) if isinstance(value, str) else value for name, value in given.items()
    }


def whole_number(text: str | None) -> Any:  # noqa: ANN401
    """Return the whole number that a text is; the text itself, for a check to refuse, if it is none."""
    from numbaconc.search.settings import Count

    return None if text is None else Count().read(text)
