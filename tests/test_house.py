"""Rules of the house that no linter knows: how long files and functions are, who may import what, which words are used."""

from __future__ import annotations

import ast
import configparser
import functools
import re
from pathlib import Path

import pytest

import numbaconc as nc
from numbaconc.search.base import Search

PACKAGE, TESTS = Path(nc.__file__).parent, Path(__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = [path for path in FILES if path.parent.name == "kernels"]
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_ARGUMENTS = 400, 60, 10
COMPILERS = {"numba", "llvmlite"}
BRITISH = re.compile(
    "grey|neighbour|colour|centre(?!d)|centring|behaviour|favour|honour|label{2}|model{2}|cancel{2}ed|artefact|licence"
    "|analys(?:e(?!s)|ing)|(?:capital|categori|character|custom|discreti|emphasi|equal|factor|final|general|initial|local"
    "|maxim|minim|normal|optim|organ|parallel|penal|random|real|recogn|regular|serial|special|standard|stabil|summari"
    "|synchron|util|vector|visual)i?s(?:e|ing|ation)",
    re.IGNORECASE,
)
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
CLASSES = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in [*Search.known.values(), nc.Restarts]}


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(path, *kinds):
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def at(path, node):
    return f"{path.relative_to(PACKAGE.parent)}:{node.lineno}"


def name_of(node):
    """The name of a decorator or of what is called, also where arguments are given to it."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


def arguments(function):
    own = function.args
    return [*own.posonlyargs, *own.args, *own.kwonlyargs, *filter(None, (own.vararg, own.kwarg))]


def test_there_are_files():
    assert len(FILES) > 50
    assert len(KERNELS) > 5


# How long things are


def test_no_file_is_long():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_function_is_long():
    """Its docstring counts, its decorators do not."""
    long = [
        f"{at(path, node)} {node.name}: {length}"
        for path in FILES
        for node in nodes(path, FUNCTIONS)
        if (length := node.end_lineno - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_kernel_takes_many_arguments():
    entries = [
        (path, node)
        for path in KERNELS
        for node in nodes(path, FUNCTIONS)
        if "kernel" in map(name_of, node.decorator_list)
    ]
    assert len(entries) > 5
    many = [f"{at(path, node)} {node.name}" for path, node in entries if len(arguments(node)) > MOST_ARGUMENTS]
    assert many == []


# Who may import what


def imported(path):
    for node in nodes(path, ast.Import):
        yield from ((node, one.name) for one in node.names)
    for node in nodes(path, ast.ImportFrom):
        yield node, node.module or ""


def test_only_kernels_import_the_compiler():
    others = [
        f"{at(path, node)} {name}"
        for path in FILES
        if path not in KERNELS
        for node, name in imported(path)
        if name.partition(".")[0] in COMPILERS
    ]
    assert others == []


# Settings


def declarations(node):
    """The settings that the body of a class declares: (name, call) of each."""
    for one in node.body:
        if isinstance(one, ast.AnnAssign | ast.Assign) and isinstance(one.value, ast.Call):
            targets = [one.target] if isinstance(one, ast.AnnAssign) else one.targets
            if name_of(one.value) == "setting":
                yield from ((target.id, one.value) for target in targets)


DECLARED = [
    (path, node, name, call)
    for path in FILES
    for node in nodes(path, ast.ClassDef)
    for name, call in declarations(node)
]


def test_every_declaration_is_found():
    found = {(node.name, name) for _, node, name, _ in DECLARED}
    for cls in CLASSES.values():
        above = {one.__name__ for one in cls.__mro__}
        assert {name for class_name, name in found if class_name in above} == set(cls.settings())
    anywhere = sum(name_of(call) == "setting" for path in FILES for call in nodes(path, ast.Call))
    assert anywhere == len(DECLARED)


def test_every_setting_is_declared_once():
    """Neither twice in a class, where the second would take the place of the first, nor again below a class that has it."""
    places = [(f"{path.relative_to(PACKAGE)} {node.name}", name) for path, node, name, _ in DECLARED]
    assert [place for place in places if places.count(place) > 1] == []
    own = {cls: {name for _, node, name, _ in DECLARED if node.name == cls.__name__} for cls in CLASSES.values()}
    own[Search] = {name for _, node, name, _ in DECLARED if node.name == "Search"}
    again = [(cls.__name__, own[cls] & own[above]) for cls in own for above in cls.__mro__[1:] if above in own]
    assert [(cls, names) for cls, names in again if names] == [("BestSearch", {"margin"})]  # it alone may leave it open


def test_every_declaration_has_help():
    for path, _, name, call in DECLARED:
        given = {one.arg: one.value for one in call.keywords}
        assert {"default", "check", "help"} <= given.keys(), f"{at(path, call)} {name}"


@pytest.mark.parametrize("cls", CLASSES.values(), ids=lambda cls: cls.__name__)
def test_settings_are_documented(cls):
    for name, one in cls.settings().items():
        assert len(one.help.strip()) > 5, name
        assert not one.help.endswith("."), name  # what shows it adds the stop
        assert one.check.words.strip(), name
    doc = cls.__doc__
    assert doc.count("Parameters\n----------\n") == 1
    section = doc.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    said = dict(re.findall(r"^(\w+) : (.*)$", section, re.MULTILINE))
    assert list(said) == list(cls.settings())
    for name, one in cls.settings().items():
        assert said[name] == f"{one.check.words}, default={one.default!r}"
    words = " ".join(section.split()).lower()
    for one in cls.settings().values():
        assert " ".join(one.help.split()).lower() in words


# What is public


def public_names():
    """The names that the stub gives."""
    names = []
    for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert all(one.asname == one.name for one in node.names), ast.unparse(node)
            names += [one.name for one in node.names]
        else:
            assert isinstance(node, ast.AnnAssign), ast.unparse(node)
            names.append(node.target.id)
    return names


def test_public_names_stand_once():
    names = public_names()
    assert len(names) > 40
    assert sorted(set(names)) == sorted(names)
    assert all(not name.startswith("_") for name in names if name != "__version__")


def test_nothing_else_is_public():
    names = set(public_names()) - {"__version__"}
    assert set(nc.__all__) - {"__version__"} == names
    assert {name for name in dir(nc) if not name.startswith("_")} == names


@pytest.mark.parametrize("name", public_names())
def test_public_names_exist_and_are_documented(name):
    found = getattr(nc, name)
    if name == "__version__":
        assert re.match(r"\d+\.\d+", found)
        return
    assert found.__module__.startswith("numbaconc.")
    doc = found.__dict__.get("__doc__") if isinstance(found, type) else found.__doc__
    assert doc
    assert doc.strip()
    assert not doc.startswith(f"{name}(")  # what Python writes where nobody has


# Words


def docstrings(path):
    """The constants that are docstrings."""
    for node in nodes(path, ast.Module, ast.ClassDef, *FUNCTIONS.__args__):
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            yield first.value


def words(path):
    """Identifiers and strings, without docstrings: (node, text) of each."""
    prose = {id(node) for node in docstrings(path)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node, node.value
        for field in ("id", "attr", "name", "arg", "asname", "module"):
            text = getattr(node, field, None)
            if isinstance(text, str) and hasattr(node, "lineno"):
                yield node, text
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from ((node, text) for text in node.names)


def test_spelling_is_american():
    british = [f"{at(path, node)} {text!r}" for path in FILES for node, text in words(path) if BRITISH.search(text)]
    assert british == []
    assert [path.name for path in PACKAGE.rglob("*") if BRITISH.search(path.name)] == []


@pytest.mark.parametrize("word", ["n_neighbours", "GREY_LEVELS", "centres", "normalised", "summarise", "labelled"])
def test_british_spelling_would_be_seen(word):
    assert BRITISH.search(word)


@pytest.mark.parametrize("word", ["centered", "precise", "otherwise", "noise", "raise", "labels", "analyses", "locals"])
def test_other_words_are_welcome(word):
    assert not BRITISH.search(word)


def test_what_is_held_against_oracles_is_run_in_plain_python():
    listed = configparser.ConfigParser(interpolation=None)
    listed.read(TESTS.parent / "tox.ini", encoding="utf-8")
    with_oracles = {
        f"tests/{path.name}"
        for path in TESTS.glob("test_*.py")
        if re.search(r"^(import|from) oracles", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(with_oracles) > 10
    assert with_oracles <= set(listed["plain"]["tests"].split())
