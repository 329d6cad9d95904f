"""What a sweep measures: products of coordinates, checked, as a list of cases with the search of each."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numbaconc.data.arrays import parse_alphas, parse_epsilons
from numbaconc.data.columns import check_drop
from numbaconc.data.conversion import values_of
from numbaconc.data.normalized import check_normalize
from numbaconc.data.scaling import check_scale
from numbaconc.data.splits import TEST_FRACTION
from numbaconc.errors import InputError, check_count, check_fraction, check_text, did_you_mean, shown
from numbaconc.norms import NORMS, check_norm
from numbaconc.results.layout import Case, check_alike
from numbaconc.results.schema import check_coordinates
from numbaconc.search.base import Search, no_such_setting, search_named

AXES = ("dataset", "epsilon", "alpha", "search")  # each may have several values, as coordinates of searches may
ALPHA = 0.05  # where none is given
BLOCKS = "grid"


def _scale(value: Any) -> Any:  # noqa: ANN401
    """Return a scale as it is given, with the names that a Series has, which `load_dataset` compares; refused if it is none."""
    check_scale(value)
    return value


TAKEN: dict[str, Callable[[Any], Any]] = {  # keys of how data are taken: what checks the value of one
    "key": lambda value: check_text("key", value),
    "normalize": check_normalize,
    "scale": _scale,
    "drop": check_drop,
}
MOST_BYTES = 1 << 14  # of a file: dotted names take TOML a time that grows with the square of its length
MOST_CASES = 100_000  # that a grid may name, those that it repeats counted too


@dataclass(frozen=True)
class Grid:
    """The cases of a sweep, in order, each with its search, and what else was given."""

    cases: dict[Case, Search]  # the searches' settings are checked; they have no goal
    settings: dict[str, Any]  # `norm`, `max_train` and `test_fraction`, which are the same for all cases
    test_fraction: float | None = None  # as it was given
    told: dict[str, dict[str, Any]] = field(default_factory=dict)  # of TAKEN, how each data set is taken

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets, in order."""
        return tuple(dict.fromkeys(case.dataset for case in self.cases))

    @property
    def described(self) -> dict[str, dict[str, Any]]:
        """The settings of each search that are no coordinates, as plain values for files."""
        searches = {case.search: search for case, search in self.cases.items()}
        return {name: search.described() for name, search in searches.items()}


def load_grid(path: str | Path) -> dict[str, Any]:
    """Read a grid from a TOML file, in UTF-8; InputError if it cannot be read, is too long or is not TOML."""
    contents = _contents(path)
    try:
        return tomllib.loads(contents.decode("utf-8-sig"))  # some editors begin a file with a mark of its encoding
    except RecursionError as error:
        msg = f"grid {str(path)!r} is nested too deeply; allowed: tables and lists as numbaconc.run_sweep takes them"
        raise InputError(msg) from error
    except ValueError as error:
        msg = f"grid {str(path)!r} is not TOML: {error}"
        raise InputError(msg) from error


def _contents(path: str | Path) -> bytes:
    """Return what is in a file; what is no file, such as a pipe or a device, might never end."""
    try:
        if Path(path).exists() and not Path(path).is_file():
            contents, wrong = b"", "it is no file"
        else:
            with Path(path).open("rb") as file:
                contents, wrong = file.read(MOST_BYTES + 1), ""
    except (OSError, TypeError, ValueError) as error:
        wrong = getattr(error, "strerror", None) or str(error)
    if wrong:
        msg = f"grid {str(path)!r} cannot be read: {wrong}"
        raise InputError(msg)
    if len(contents) > MOST_BYTES:
        msg = f"grid {str(path)!r} is longer than {MOST_BYTES} bytes; allowed: a shorter one (numbaconc.run_sweep takes any)"
        raise InputError(msg)
    return contents


def read_grid(grid: object) -> Grid:
    """Check a grid as it is given to `run_sweep`, and list its cases, each once, in the grid's order."""
    if not isinstance(grid, Mapping):
        msg = f"grid is {shown(grid)}; allowed: a mapping (numbaconc.sweep.grid.load_grid reads one from a TOML file)"
        raise InputError(msg)
    blocks = grid.get(BLOCKS, [{}])
    if not isinstance(blocks, list | tuple) or not blocks or not all(isinstance(block, Mapping) for block in blocks):
        msg = f"{BLOCKS} is {shown(blocks)}; allowed: one or more tables, [[{BLOCKS}]]"
        raise InputError(msg)
    max_train = grid.get("max_train")
    settings: dict[str, Any] = {
        "max_train": None if max_train is None else check_count("max_train", max_train, 2),
        "test_fraction": check_fraction("test_fraction", grid.get("test_fraction", TEST_FRACTION), one_allowed=False),
    }
    apart = (BLOCKS, *settings, *TAKEN)
    reader = _Reader({key: value for key, value in grid.items() if key not in apart}, blocks)
    cases: dict[Case, Search] = {}
    every = itertools.chain.from_iterable(map(reader.product, blocks))
    for number, (case, search) in enumerate(every, start=1):
        _check_number(number)
        cases.setdefault(case, search)
    check_alike(cases, f"missing in some of the [[{BLOCKS}]] tables")
    given = settings["test_fraction"] if "test_fraction" in grid else None
    told = _told(grid, list(dict.fromkeys(case.dataset for case in cases)))
    return Grid(cases, {"norm": reader.norm} | settings, given, told)


def _told(grid: Mapping[str, Any], datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how each data set is taken, by its name: as the grid says of all, or in a table of some."""
    told: dict[str, dict[str, Any]] = {name: {} for name in datasets}
    for what, check in TAKEN.items():
        given = grid.get(what)
        by_name = given if isinstance(given, Mapping) else dict.fromkeys(datasets, given)
        for name, value in by_name.items():
            if name not in told:
                msg = f"{what} is given for {shown(name)}; allowed: a data set of the grid, {', '.join(datasets)}"
                raise InputError(msg)
            told[name] |= {} if value is None else {what: check(value)}
    return told


class _Reader:
    """What the keys of a grid mean, which depends on the searches that it names.

    `blocks` are the tables; `shared` are the keys beside them, which hold for all of them.
    """

    def __init__(self, shared: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> None:
        names = [name for block in blocks for name in _values({**shared, **block}, "search", None)]
        self.norm = _norm(shared.get("norm"), names)
        searches = {cls.name: cls for cls in (search_named(name, self.norm) for name in names)}.values()
        for cls in searches:
            check_coordinates(cls)
        declared = [one for cls in searches for one in cls.settings().values()]
        self.coordinate_of = {one.name: one.coordinate for one in declared if one.coordinate}  # n_sets is T
        fixed = {one.name: one for one in declared if not one.coordinate and one.name not in ("epsilon", "alpha")}
        self.beside = (*fixed, "norm", "max_train", "test_fraction", *TAKEN, BLOCKS)  # keys that no table has
        self.shared = self._renamed(shared)
        self._check_keys(self.shared, searches, self.beside)

    def _renamed(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return a table whose coordinates have their names in results, also where settings' names were given."""
        given: dict[str, str] = {}
        for key in table:
            name = self.coordinate_of.get(key, key)
            if name in given:
                msg = f"grid has both {given[name]!r} and {key!r}; allowed: one of them"
                raise InputError(msg)
            given[name] = key
        return {name: table[key] for name, key in given.items()}

    def _check_keys(
        self, table: Mapping[str, Any], searches: Iterable[type[Search]], beside: tuple[str, ...] = ()
    ) -> None:
        """Refuse keys that have no meaning here, and settings that none of the searches has."""
        own = [one for cls in searches for one in cls.settings().values() if one.coordinate]
        allowed = tuple(dict.fromkeys([*AXES, *(str(one.coordinate) for one in own), *beside]))
        for key, value in table.items():
            if key in allowed:
                continue
            if key not in self.beside and (setting := _setting_of(key)) is not None:
                raise InputError(no_such_setting(setting, value, *(cls.name for cls in searches)))
            near = did_you_mean(str(key), (*allowed, *(one.name for one in own)))
            msg = f"grid has {key!r}; allowed: {', '.join(allowed)}{near}"
            raise InputError(msg)

    def product(self, block: Mapping[str, Any]) -> Iterator[tuple[Case, Search]]:
        """Yield the cases of one table: every value of one coordinate with every value of the others."""
        block = self._renamed(block)
        table = self.shared | block
        searches = [search_named(name, self.norm) for name in _values(table, "search", None)]
        self._check_keys(block, searches)
        alphas = parse_alphas(_values(table, "alpha", ALPHA))
        datasets = [_name(one) for one in _values(table, "dataset")]
        epsilons = parse_epsilons(_values(table, "epsilon"))
        for cls in searches:
            each = list(self._searches(cls, table))
            _check_number(len(alphas), len(datasets), len(epsilons), len(each))
            for alpha, dataset, epsilon, search in itertools.product(alphas, datasets, epsilons, each):
                yield Case(cls.name, alpha, dataset, epsilon, tuple(search.coordinates.items())), search

    def _searches(self, cls: type[Search], table: Mapping[str, Any]) -> Iterator[Search]:
        """Yield a search for every combination of its coordinates."""
        fixed: dict[str, Any] = {}
        several: dict[str, list[Any]] = {}
        for name, one in cls.settings().items():
            if one.coordinate:
                given = _values(table, one.coordinate, one.default)
                several[name] = [one.checked(value, one.coordinate) for value in given]
            elif name in table and name in self.beside:
                fixed[name] = table[name]
        if "norm" in cls.settings():
            fixed["norm"] = self.norm
        _check_number(*map(len, several.values()))
        for values in itertools.product(*several.values()):
            yield cls(**fixed, **dict(zip(several, values, strict=True))).checked()


def _check_number(*numbers: int) -> None:
    """Refuse the product of so many values of each coordinate before it is listed, if it is too long a list."""
    if (n := math.prod(numbers)) > MOST_CASES:
        msg = f"grid has {n:,} cases or more; allowed: at most {MOST_CASES:,}"
        raise InputError(msg)


def _norm(given: object, names: Iterable[object]) -> str:
    """Return the norm of a sweep; where none is given, the first that all the searches have that are named."""
    if given is not None:
        return check_norm("norm", given)
    named = [search_named(name) for name in names if name is not None]
    common = [norm for norm in NORMS if all(norm in cls.norms for cls in named)]
    return common[0] if common else next(iter(NORMS))


def _setting_of(key: str) -> str | None:
    """Return the setting of any search that a key names, by its own name or as a coordinate; None if there is none."""
    declared = [one for cls in Search.known.values() for one in cls.settings().values()]
    return next((one.name for one in declared if key in (one.name, one.coordinate)), None)


def _values(axes: Mapping[str, Any], name: str, *default: object) -> list[Any]:
    """Return one value or several as a list."""
    if name not in axes:
        if not default:
            msg = f"{name} is missing; allowed: one or more"
            raise InputError(msg)
        return list(default)
    given = axes[name]
    values = list(given) if isinstance(given, list | tuple | range) else values_of(given, name)
    if not values:
        msg = f"{name} is {shown(given)}; allowed: one or more"
        raise InputError(msg)
    return values


def _name(value: object) -> str:
    if not isinstance(value, str | Path) or not str(value):
        msg = f"dataset is {shown(value)}; allowed: a data set's name, or the path of a file or folder"
        raise InputError(msg)
    return str(value)
