"""What a sweep measures: products of coordinates, checked, as a list of cases with the search of each."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbaconc.data.arrays import parse_alphas, parse_epsilons
from numbaconc.errors import InputError, check_count, check_fraction, did_you_mean
from numbaconc.norms import NORMS, check_norm
from numbaconc.results.layout import Case, check_alike
from numbaconc.search.base import GOAL, Search, no_such_setting, search_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

AXES = ("dataset", "epsilon", "alpha", "search")  # each may have several values, as coordinates of searches may
ALPHA = 0.05  # where none is given
BLOCKS = "grid"


@dataclass(frozen=True)
class Grid:
    """The cases of a sweep, in order, each with its search, and the settings that all share.

    Attributes
    ----------
    cases : dict of Case to Search
        The searches' settings are checked; they have no goal.
    settings : dict
        Plain values, as they stand in the file.
    """

    cases: dict[Case, Search]
    settings: dict[str, Any]

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets, in order."""
        return tuple(dict.fromkeys(case.dataset for case in self.cases))


def load_grid(path: str | Path) -> dict[str, Any]:
    """Read a grid from a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        msg = f"grid {str(path)!r} cannot be read: {error.strerror or error}"
        raise InputError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"grid {str(path)!r} is not TOML: {error}"
        raise InputError(msg) from error


def read_grid(grid: object) -> Grid:
    """Check a grid and list its cases.

    Parameters
    ----------
    grid : mapping
        As for `run_sweep`.

    Returns
    -------
    Grid
        Each case once, in the grid's order.

    Raises
    ------
    InputError
        If a key or a value is not allowed.
    """
    if not isinstance(grid, Mapping):
        msg = f"grid is {grid!r}; allowed: a mapping (numbaconc.sweep.grid.load_grid reads one from a TOML file)"
        raise InputError(msg)
    blocks = grid.get(BLOCKS, [{}])
    if not isinstance(blocks, list | tuple) or not blocks or not all(isinstance(block, Mapping) for block in blocks):
        msg = f"{BLOCKS} is {blocks!r}; allowed: one or more tables, [[{BLOCKS}]]"
        raise InputError(msg)
    shared = {key: value for key, value in grid.items() if key not in (BLOCKS, "max_train", "test_fraction")}
    max_train = grid.get("max_train")
    settings: dict[str, Any] = {
        "max_train": None if max_train is None else check_count("max_train", max_train, 2),
        "test_fraction": check_fraction("test_fraction", grid.get("test_fraction", 0.2), one_allowed=False),
    }
    reader = _Reader(shared, blocks)
    cases: dict[Case, Search] = {}
    for block in blocks:
        for case, search in reader.product({**reader.axes, **block}):
            cases.setdefault(case, search)
    check_alike(cases, f"missing in some of the [[{BLOCKS}]] tables")
    searches = {case.search: search for case, search in cases.items()}
    for search in searches.values():
        settings |= search.described()
    return Grid(cases, {"norm": reader.norm} | settings)


class _Reader:
    """What the keys of a grid mean, which depends on the searches that it names.

    Parameters
    ----------
    shared : mapping
        The keys beside the tables.
    blocks : sequence of mappings
        The tables.
    """

    def __init__(self, shared: Mapping[str, Any], blocks: Iterable[Mapping[str, Any]]) -> None:
        named = [name for table in (shared, *blocks) for name in _values(table, "search", None)]
        self.norm = self._norm(shared.get("norm"), [name for name in named if name is not None])
        self.classes = {
            cls.name: cls
            for table in blocks
            for name in _values({**shared, **table}, "search", None)
            for cls in [search_named(name, self.norm)]
        }
        declared = [(name, one) for cls in self.classes.values() for name, one in cls.settings().items()]
        self.coordinates = {one.coordinate: name for name, one in declared if one.coordinate}  # T is n_sets
        self.settings = [name for name, one in declared if not one.coordinate and name not in (*GOAL[:2], "norm")]
        shared = self._renamed(shared)
        for block in blocks:
            self._check_keys(self._renamed(block), (*AXES, *self.coordinates))
        self._check_keys(
            shared, (*AXES, *self.coordinates, *self.settings, "norm", "max_train", "test_fraction", BLOCKS)
        )
        self.axes = {key: value for key, value in shared.items() if key in (*AXES, *self.coordinates)}
        self.shared = {key: value for key, value in shared.items() if key in self.settings}

    def _norm(self, given: object, names: list[object]) -> str:
        """Return the norm of the sweep; if none is given, that of the first search that has no choice."""
        if given is not None:
            return check_norm("norm", given)
        fixed = [cls.norms[0] for cls in map(search_named, names) if len(cls.norms) == 1]
        return fixed[0] if fixed else next(iter(NORMS))

    def _renamed(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return a table in which coordinates have their names in results, where settings' names are given."""
        names = {setting: coordinate for coordinate, setting in self.coordinates.items()}
        renamed: dict[str, Any] = {}
        for key, value in table.items():
            name = names.get(key, key)
            if name in renamed:
                msg = f"grid has both {name!r} and {self.coordinates[name]!r}; allowed: one of them"
                raise InputError(msg)
            renamed[name] = value
        return renamed

    def _check_keys(self, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        for key, value in table.items():
            if key not in allowed:
                declared = {name for cls in Search.known.values() for name in cls.settings()}
                setting = self._setting_of(key)
                if setting in declared and key not in self.settings:
                    raise InputError(no_such_setting(setting, value, *self.classes))
                near = (*allowed, *self.coordinates.values())
                msg = f"grid has {key!r}; allowed: {', '.join(dict.fromkeys(allowed))}{did_you_mean(str(key), near)}"
                raise InputError(msg)

    def _setting_of(self, coordinate: str) -> str:
        """Return the setting that is this coordinate of any search; the name itself if it is none."""
        every = (one for cls in Search.known.values() for one in cls.settings().values())
        return next((one.name for one in every if one.coordinate == coordinate), coordinate)

    def product(self, axes: Mapping[str, Any]) -> Iterator[tuple[Case, Search]]:
        """Yield the cases of one table: every value of one coordinate with every value of the others."""
        axes = self._renamed(axes)
        classes = [search_named(name, self.norm) for name in _values(axes, "search", None)]
        for name in self.coordinates:
            if name in axes and not any(self.coordinates[name] in cls.settings() for cls in classes):
                raise InputError(no_such_setting(self.coordinates[name], axes[name], *(cls.name for cls in classes)))
        alphas = parse_alphas(_values(axes, "alpha", ALPHA))
        datasets = [_name(one) for one in _values(axes, "dataset")]
        epsilons = parse_epsilons(_values(axes, "epsilon"))
        for cls in classes:
            searches = list(self._searches(cls, axes))
            for alpha, dataset, epsilon, search in itertools.product(alphas, datasets, epsilons, searches):
                yield Case(cls.name, alpha, dataset, epsilon, tuple(search.coordinates.items())), search

    def _searches(self, cls: type[Search], axes: Mapping[str, Any]) -> Iterator[Search]:
        """Yield a search for every value of its coordinates."""
        own = cls.settings()
        fixed = {name: value for name, value in self.shared.items() if name in own}
        fixed |= {"norm": self.norm} if "norm" in own else {}
        several = {
            name: [own[name].checked(value, coordinate) for value in _values(axes, coordinate, own[name].default)]
            for coordinate, name in self.coordinates.items()
            if name in own
        }
        for values in itertools.product(*several.values()):
            yield cls(**fixed, **dict(zip(several, values, strict=True))).checked()


def _values(axes: Mapping[str, Any], name: str, *default: object) -> list[Any]:
    """Return one value or several as a list."""
    if name not in axes:
        if not default:
            msg = f"{name} is missing; allowed: one or more"
            raise InputError(msg)
        return list(default)
    given = axes[name]
    several = list(np.ravel(given)) if isinstance(given, np.ndarray) else given
    values = list(several) if isinstance(several, list | tuple | range) else [several]
    if not values:
        msg = f"{name} is {given!r}; allowed: one or more"
        raise InputError(msg)
    return values


def _name(value: object) -> str:
    if not isinstance(value, str | Path) or not str(value):
        msg = f"dataset is {value!r}; allowed: a data set's name, or a path to an .npz or .npy file"
        raise InputError(msg)
    return str(value)
