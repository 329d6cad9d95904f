"""The rule of errors: for whatever stands in an argument, a public name returns, or raises InputError in one short line.

Every public function, class and method, found by its name, is given every bad value in every parameter in turn; so is
every option of every command. A new one is among them by itself; a new parameter without a default takes a good value
in GOOD.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import fractions
import functools
import inspect
import io
import math
import operator
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pytest
import scipy.sparse
import xarray as xr
from conftest import blobs, needs_jit

import numbaconc as nc
from numbaconc import groundtruth
from numbaconc.cli.main import _parser, main
from numbaconc.cli.options import PREFIX
from numbaconc.errors import LONGEST, InputError
from numbaconc.search.settings import Count

pd = pytest.importorskip("pandas")

pytestmark = [needs_jit, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

X, Y = blobs(30, 3, 1, spread=40), blobs(20, 3, 2, spread=40)


# Bad values, each made anew: generators are used up


class Gradient:
    """Like a tensor that needs gradients."""

    shape, ndim, dtype = (30, 3), 2, "float32"

    def __array__(self, *args, **kwargs):
        msg = "Can't call numpy() on Tensor that requires grad."
        raise RuntimeError(msg)


class Device(Gradient):
    """Like a tensor on another device."""

    def __array__(self, *args, **kwargs):
        msg = "can't convert cuda:0 device type tensor to numpy"
        raise TypeError(msg)


def hostile(*names, error=ZeroDivisionError):
    """An object whose methods of these names raise."""

    def method(self, *args, **kwargs):
        raise error("\n" * 9 + "no " * 999)

    return type("Hostile", (), dict.fromkeys(names, method))()


class Unprintable(Exception):
    """Its words cannot be had either."""

    def __str__(self):
        raise KeyError


def nested(depth):
    inside: list[Any] = []
    for _ in range(depth):
        inside = [inside]
    return inside


VALUES = {
    "None": lambda: None,
    "no text": lambda: "",
    "text": lambda: "x",
    "long text": lambda: "a" * 5000,
    "NUL": lambda: "\x00",
    "surrogate": lambda: "\ud800",
    "control": lambda: "\x1b[31m\r\n\x07",
    "division by zero": lambda: "1/0",
    "huge text": lambda: "1e999",
    "many digits": lambda: "9" * 5000,
    "comma": lambda: ",",
    "comma after": lambda: "faces,",
    "-1": lambda: -1,
    "0": lambda: 0,
    "1": lambda: 1,
    "1.5": lambda: 1.5,
    "-0.0": lambda: -0.0,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "largest": lambda: 1.7e308,
    "smallest": lambda: 5e-324,
    "2**53": lambda: 2**53,
    "2**63": lambda: 2**63,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "True": lambda: True,
    "NumPy's True": lambda: np.True_,
    "complex": lambda: 1j,
    "fraction": lambda: fractions.Fraction(1, 3),
    "decimal": lambda: decimal.Decimal("sNaN"),
    "date": lambda: datetime.date(2020, 1, 1),
    "bytes": lambda: b"\xff",
    "bytearray": lambda: bytearray(b"x"),
    "object": object,
    "class": lambda: int,
    "module": lambda: math,
    "function": lambda: lambda *args, **kwargs: None,
    "raising function": lambda: operator.truediv,
    "ellipsis": lambda: ...,
    "exception": Unprintable,
    "open file": lambda: io.BytesIO(b"x"),
    "path": lambda: Path("nothing/here"),
    "[]": list,
    "[[]]": lambda: [[]],
    "[None]": lambda: [None],
    "ragged": lambda: [[1.0], [1.0, 2.0]],
    "texts": lambda: ["x", "y"],
    "nested": lambda: nested(1000),
    "()": tuple,
    "pair": lambda: (1.0, 0.0),
    "{}": dict,
    "mapping": lambda: {"x": 1},
    "mapping of objects": lambda: {object(): object()},
    "set": lambda: {0.5},
    "range": lambda: range(3),
    "generator": lambda: (one for one in (0.5,)),
    "raising generator": lambda: (1 / one for one in (0,)),
    "0-d": lambda: np.array(0.5),
    "0-d object": lambda: np.array(None),
    "no elements": lambda: np.empty(0),
    "no rows": lambda: np.empty((0, 3)),
    "no columns": lambda: np.empty((30, 0)),
    "one row": lambda: np.zeros((1, 3)),
    "5-d": lambda: np.zeros((2, 1, 1, 1, 1)),
    "32-d": lambda: np.zeros((1,) * 32),
    "wider": lambda: np.zeros((30, 4)),
    "all alike": lambda: np.zeros((30, 3)),
    "negative": lambda: -np.ones((30, 3)),
    "NaN inside": lambda: np.full((30, 3), np.nan),
    "infinity inside": lambda: np.full((30, 3), np.inf),
    "huge inside": lambda: np.full((30, 3), 1e300),
    "float16": lambda: np.linspace(0, 1, 90, dtype=np.float16).reshape(30, 3),
    "long double": lambda: np.linspace(0, 1, 90, dtype=np.longdouble).reshape(30, 3),
    "int64": lambda: np.full((30, 3), 2**62),
    "truths": lambda: np.ones((30, 3), bool),
    "array of texts": lambda: np.full((30, 3), "x"),
    "array of bytes": lambda: np.full((30, 3), b"x"),
    "objects": lambda: np.full((30, 3), None),
    "huge objects": lambda: np.full((30, 3), 10**400, dtype=object),
    "complex array": lambda: np.full((30, 3), 1j),
    "dates": lambda: np.zeros((30, 3), "datetime64[s]"),
    "durations": lambda: np.zeros((30, 3), "timedelta64[s]"),
    "records": lambda: np.zeros((30, 3), [("a", float), ("b", "U9")]),
    "masked": lambda: np.ma.masked_less(np.arange(90.0).reshape(30, 3), 3),
    "masked constant": lambda: np.ma.masked,
    "wide view": lambda: np.broadcast_to(np.float32(0.5), (1 << 30, 1 << 30)),
    "sparse": lambda: scipy.sparse.csr_array(np.eye(3)),
    "frame": lambda: pd.DataFrame({"a": [1.0, None]}),
    "nullable": lambda: pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "frame of texts": lambda: pd.DataFrame({"a": ["x", "y"]}),
    "mixed names": lambda: pd.DataFrame(np.zeros((30, 3)), columns=["a", 1, 2]),
    "series": lambda: pd.Series([0.1, 0.2]),
    "index": lambda: pd.Index(["x"]),
    "NA": lambda: pd.NA,
    "NaT": lambda: pd.NaT,
    "DataArray": lambda: xr.DataArray([0.1, 0.2]),
    "xarray dataset": lambda: xr.Dataset({"risk": ("x", [0.1])}),
    "gradient": Gradient,
    "device": Device,
    "no repr": lambda: hostile("__repr__"),
    "no text of it": lambda: hostile("__str__", "__repr__", error=Unprintable),
    "no length": lambda: hostile("__len__", "__getitem__"),
    "no iteration": lambda: hostile("__iter__"),
    "no float": lambda: hostile("__float__", "__int__", "__index__"),
    "no equality": lambda: hostile("__eq__", "__lt__", "__hash__"),
    "no truth": lambda: hostile("__bool__"),
    "no path": lambda: hostile("__fspath__"),
    "no array": lambda: hostile("__array__", error=MemoryError),
    "too deep": lambda: hostile("__array__", "__repr__", error=RecursionError),
    "enough": lambda: collections.UserList([0.1]),
}


# Good values, by the names of parameters


def mine(**keys):
    return {"dataset": "mine", "epsilon": 0.1, "alpha": 0.2, "search": "hyperplane"} | keys


GOOD = {
    "X": X,
    "X_train": X,
    "X_test": Y,
    "sample": nc.as_sample(X),
    "y": [0, 1] * 15,
    "y_test": [0, 1] * 10,
    "probabilities": np.tile([[0.9, 0.1], [0.2, 0.8]], (15, 1)),
    "radii": np.arange(5.0),
    "region": nc.HalfSpace([1.0, 0.5, 0.0], 0.5),
    "epsilon": 0.1,
    "alpha": 0.2,
    "search": "hyperplane",
    "n_sets": 2,
    "n_clusters": 2,
    "n_points": 9,
    "n_starts": 2,
    "n_components": 2,
    "n_neighbors": 5,
    "max_iter": 3,
    "precision": 0.5,
    "seed": 0,
    "n": 2,
    "n_inside": 3,
    "n_features": 3,
    "vc_dimension": 3,
    "value": 0.1,
    "grid": mine(),
    "data": {"mine": (X, Y)},
    "out": "sweep.nc",
    "path": "written.nc",
    "paths": "results.nc",
    "covariance": np.eye(3),
    "w": [1.0, 0.5, 0.0],
    "b": 0.5,
    "centers": [[0.5, 0.5, 0.5]],
    "lower": [[0.2, 0.2, 0.2]],
    "upper": [[0.8, 0.8, 0.8]],
    "clusters": [([0.0], 0.5), ([1.0], 0.5)],
    "half_width": 0.0,
    "angle": 0.5,
    "k": 1,
    "margin": 0.01,
    "threads": 1,
    "n_compared": 2,
    "domain": (0.0, 1.0),
    "progress": False,
    "check": Count(),
    "default": 1,
    "help": "what it does",
    "normalize": None,
    "scale": None,
    "ds": nc.measure("hyperplane", X, Y, epsilon=0.1, alpha=0.2),
    "ax": matplotlib.figure.Figure().subplots(),
}
# Where a name means something else: of one function or class.
GOOD_OF = {
    ("BallUnion", "radii"): [0.2],
    ("cluster", "centers"): "mean",
    ("RectangleSearch", "centers"): "mean",
    ("Line", "name"): "normal",
    ("load_dataset", "name"): "mine.npz",
    ("load_region", "path"): "region.nc",
    ("extend_to_domain", "region"): nc.RectangleComplement([[0.2] * 3], [[0.8] * 3], 0.1),
    ("Restarts", "search"): nc.RectangleSearch(n_sets=2),
    ("BestSearch", "searches"): ["faces"],
    ("Goal", "n"): 20,
    ("BestSearch", "n_sets"): 1,
    ("Certificate", "alpha"): 0.05,
    ("classifier_bound", "norm"): "l2",
    ("lower_bound", "norm"): "l2",
    ("separation", "norm"): "l2",
}
RECORDS = {  # what only holds what it is given, and has methods
    "Goal": nc.Goal(0.1, 0.2),
    "Certificate": nc.certify(GOOD["region"], Y, 0.1),
}
# What searches and regions call of each other, users do not.
INTERNAL = {
    "find",
    "prepare",
    "ready",
    "answer",
    "share",
    "found",
    "asked",
    "in_space",
    "found_by",
    "above",
    "threshold",
    "uncertainty",
    "finest",
    "hardness",
    "constraint",
}
INTERNAL |= {"with_margin", "get_params"}


def good_of(call, owner):
    """Good values of what `call` takes: those without which it is not called, and those that are known."""
    good = {}
    for name, one in inspect.signature(call).parameters.items():
        if name == "self" or one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            continue
        known = GOOD_OF.get((owner, name), GOOD.get(name, one.default))
        assert known is not one.empty, f"GOOD needs a good value of {name}, as {owner} takes it"
        good[name] = known
    return good


def of_class(cls):
    """The constructor and the methods of a class: each with the good values of its parameters."""
    name, is_search = cls.__name__, issubclass(cls, nc.Search)
    if is_search:
        own = {one: GOOD_OF.get((name, one), GOOD.get(one, setting.default)) for one, setting in cls.settings().items()}
        make = {one: own[one] for one in own if one in ("epsilon", "alpha", "search", "searches", "n_sets", "n_starts")}
        yield name, lambda **given: cls(**make | given).fit(X).score(Y), make | own
        made = functools.cache(lambda: cls(**make).fit(X))
    elif name in RECORDS:
        made = functools.partial(RECORDS.get, name)
    elif issubclass(cls, Exception | tuple) or dataclasses.is_dataclass(cls):
        return
    else:
        make = good_of(cls, name)
        yield name, cls, make
        made = functools.cache(lambda: cls(**make))
    for method, one in inspect.getmembers(cls, inspect.isroutine):
        internal = INTERNAL | ({"vc_dimension"} if is_search else set())
        if method.startswith("_") or method in internal or not (one.__module__ or "").startswith("numbaconc"):
            continue
        if good := good_of(one, name):
            yield f"{name}.{method}", lambda method=method, **given: getattr(made(), method)(**given), good


def of_module(module):
    """All public names of numbaconc, wherever they come from; of another module its own."""
    for name in sorted(dir(module)):
        one = getattr(module, name)
        owner = getattr(one, "__module__", None) or ""
        if name.startswith("_") or not owner.startswith("numbaconc" if module is nc else module.__name__):
            continue
        if inspect.isclass(one) and not inspect.isabstract(one):
            yield from of_class(one)
        elif inspect.isfunction(one):
            yield name, one, good_of(one, name)


def measured(how=None, samples=(X, Y), **settings):
    return nc.measure("hyperplane", *samples, epsilon=0.1, alpha=0.2, how=how, **settings)


def swept(**keys):
    table = keys | {"search": ["faces", "rectangles"] if keys["search"] is GOOD["search"] else keys["search"]}
    return nc.run_sweep(table, "of-keys.nc", progress=False, data={"mine": (X, Y), "x": (X, Y)})


BESIDE = [  # what stands inside an argument
    ("How", lambda **given: measured(nc.How(**given)), good_of(nc.How, "How")),
    ("Sample", lambda **given: measured(samples=(nc.Sample(**{"X": X} | given), Y)), {"X": X, "unit": 1 / 255, "domain": (0.0, 1.0), "note": ""}),
    ("no setting", lambda **given: measured(**given), {"n_set": 1}),
    ("Search.set_params", lambda **given: nc.FaceSearch().set_params(**given), {"n_set": 1, "a__b": 1}),
    ("BestSearch.set_params", lambda **given: nc.BestSearch(searches=[nc.FaceSearch()]).set_params(**given), {"n_set": 1, "faces__n_set": 1}),
    ("grid", swept, mine(T=1, q=0.7, seed=0, norm="linf", max_train=20, grid=[{}])),
    ("grid of a file", lambda **keys: nc.run_sweep(keys, "of-file.nc", progress=False), mine(dataset="mine.npz", test_fraction=0.2)),
    ("data", lambda **given: nc.run_sweep(mine(), "of-data.nc", progress=False, data=given), {"mine": (X, Y)}),
    ("data of a pair", lambda **given: nc.run_sweep(mine(), "of-pair.nc", progress=False, data={"mine": (given["train"], Y)}), {"train": X}),
]  # fmt: skip
CALLS = {name: (call, good) for name, call, good in [*of_module(nc), *of_module(groundtruth), *BESIDE]}


@pytest.fixture(scope="module", autouse=True)
def here(tmp_path_factory):
    """A folder to work in, with a result and a region."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        nc.save_results(GOOD["ds"], "results.nc")
        GOOD["region"].save("region.nc")
        np.savez("mine.npz", X=X)
        # what is tried is not how it looks
        patch.setattr("numbaconc.show.pictures.plots.plot_measurement", lambda *_: None)
        yield


def fault(call, given):
    """What is wrong with how a call ends, if anything."""
    try:
        call(**given)
    except InputError as error:
        said = str(error)
        return f"says {said!r}" if len(said) > LONGEST or said != " ".join(said.split()) else None
    except Exception as error:
        return repr(error)[:200]
    return None


@pytest.mark.parametrize("name", CALLS)
def test_of_a_call(name):
    call, good = CALLS[name]
    faults = {}
    for parameter in good:
        for label, value in VALUES.items():
            if found := fault(call, good | {parameter: value()}):
                faults[parameter, label] = found
    assert faults == {}


# The command line

TEXTS = [
    *("", " ", "x", "-1", "0", "1.5", "nan", "inf", "-inf", "1e999", "1/0", "9" * 5000, "a" * 5000, "\ud800", "\udcff"),
    *("\x1b[31m\r\n\x07", ",", "faces,", "8/255", "--", "-", "9007199254740993", "1e308", "5e-324", "nothing/here.nc"),
    *(
        "nothing.npz",
        "/",
        "/dev/null",
        "results.nc",
        "broken.nc",
        "broken.npz",
        "broken.toml",
        "grid.toml",
        "best",
        "auto",
    ),
]
COMMANDS = {
    "measure": ["mine.npz", "--search", "hyperplane", "--alpha", "0.2", "--quiet", "--out", "of-command.nc"],
    "sweep": ["grid.toml", "--quiet", "--out", "of-sweep.nc"],
    "labels": ["mine.npz", "--epsilon", "0.1", "--quiet", "--out", "of-labels.nc"],
    "show": ["results.nc"],
    "plot": ["results.nc", "--out", "of-plot.svg", "--quiet"],
    "report": ["results.nc", "--out", "of-report.md"],
    "completion": ["bash"],
    "data list": [],
    "data check": ["digits"],
    "data fetch": ["digits"],
}
GRID = 'dataset = "mine.npz"\nepsilon = 0.1\nalpha = 0.2\nsearch = "hyperplane"\n'


def parsers(parser, name=""):
    """Every command with its parser, by name."""
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for one in inner:
        for word, command in one.choices.items():
            yield from parsers(command, f"{name} {word}".strip())
    if not inner:
        if getattr(parser, "fill", None):
            parser.fill(parser)
        yield name, parser


def command_lines():
    """Every option and argument of every command, beside good ones."""
    for command, parser in parsers(_parser()):
        good = COMMANDS[command]
        for action in parser._actions:
            if isinstance(action, argparse._HelpAction) or action.nargs == 0:
                continue
            of_search = [] if action.dest not in SEARCH_OF else ["--search", SEARCH_OF[action.dest]]
            option = action.option_strings[-1] if action.option_strings else None
            yield pytest.param(command, good, option, of_search, id=f"{command} {option or action.dest}")


SEARCH_OF = {
    f"{PREFIX}{name}": cls.name
    for cls in reversed(nc.Search.known.values())
    for name in cls.settings()
    if cls is not nc.BestSearch or name in ("searches", "validation")
}


@pytest.fixture
def files(here):
    Path("grid.toml").write_text(GRID)
    for name in ("broken.nc", "broken.npz", "broken.toml"):
        Path(name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))


@pytest.mark.parametrize(("command", "good", "option", "of_search"), list(command_lines()))
def test_of_a_command(command, good, option, of_search, files, capsys):
    faults = {}
    for text in TEXTS:
        words = [*good, *of_search, f"{option}={text}"] if option else [text, *good[1:]]
        try:
            status = main([*command.split(), *words])
        except SystemExit as left:  # the parser says what is wrong and leaves
            status = left.code
        except Exception as error:
            faults[text[:40]] = repr(error)[:200]
            continue
        said = capsys.readouterr().err
        last = said.splitlines()[-1] if said else ""
        if status not in (0, 1, 2, 3) or (status == 2 and (": error: " not in last or len(last) > LONGEST + 80)):
            faults[text[:40]] = f"status {status}: {said[-200:]}"
    assert faults == {}
