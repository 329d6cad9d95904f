"""What a sweep measures: products of coordinates, checked, as a list of cases."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbaconc.data.arrays import parse_epsilons
from numbaconc.clustering import CENTERS
from numbaconc.errors import InputError, check_choice, check_count, check_fraction, did_you_mean
from numbaconc.measurement import COORDINATES, SEARCHES
from numbaconc.search.balls import check_delta

if TYPE_CHECKING:
    from collections.abc import Iterable

AXES = ("dataset", "epsilon", "T", "q", "seed", "alpha", "search")  # each may have several values
SETTINGS = {  # of the whole sweep, with their defaults
    "norm": "linf",
    "n_neighbors": 50,
    "include_self": True,
    "centers": "mean",
    "extend": False,
    "delta": 0.0,
    "buffer": 0.0,
    "local_search": False,
    "max_train": None,
    "test_fraction": 0.2,
}
SEARCH_SETTINGS = ("norm", "n_neighbors", "include_self", "centers", "extend", "delta", "buffer", "local_search")
BLOCKS = "grid"


class Case(NamedTuple):
    """One measurement of a sweep; coordinates that its search does not have are None."""

    search: str
    alpha: float
    dataset: str
    epsilon: float
    T: int | None
    q: float | None  # None for rectangles: searched
    seed: int | None


@dataclass(frozen=True)
class Grid:
    """The cases of a sweep, in order, and the settings that they share."""

    cases: tuple[Case, ...]
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
    shared = {key: value for key, value in grid.items() if key != BLOCKS}
    _check_keys(shared, (*AXES, *SETTINGS, BLOCKS))
    if not isinstance(blocks, list | tuple) or not blocks:
        msg = f"{BLOCKS} is {blocks!r}; allowed: one or more tables, [[{BLOCKS}]]"
        raise InputError(msg)
    settings = _check_settings({name: shared.get(name, default) for name, default in SETTINGS.items()})
    cases: list[Case] = []
    for block in blocks:
        _check_keys(block, AXES)
        cases += _product({key: value for key, value in shared.items() if key in AXES} | block, settings["norm"])
    check_q(cases, f"missing in some of the [[{BLOCKS}]] tables")
    return Grid(tuple(dict.fromkeys(cases)), settings)


def check_q(cases: Iterable[Case], mixed: str) -> None:
    """Refuse cases with a fixed q beside others where it is searched: one file has q as a dimension or not.

    Raises
    ------
    InputError
        If there are both; `mixed` says where the others are.
    """
    if len({case.q is None for case in cases if "q" in COORDINATES[case.search]}) > 1:
        msg = f"q is given in some cases and {mixed}; allowed: in all cases of a file, or in none (it is searched)"
        raise InputError(msg)


def _check_keys(table: object, allowed: Iterable[str]) -> None:
    if not isinstance(table, Mapping):
        msg = f"{BLOCKS} holds {table!r}; allowed: tables, [[{BLOCKS}]]"
        raise InputError(msg)
    for key in table:
        if key not in tuple(allowed):
            msg = f"grid has {key!r}; allowed: {', '.join(allowed)}{did_you_mean(str(key), tuple(allowed))}"
            raise InputError(msg)


def _check_settings(given: dict[str, Any]) -> dict[str, Any]:
    for name in ("include_self", "extend", "local_search"):
        if not isinstance(given[name], bool):
            msg = f"{name} is {given[name]!r}; allowed: true or false"
            raise InputError(msg)
    return {
        "norm": check_choice("norm", given["norm"], tuple(SEARCHES)),
        "n_neighbors": check_count("n_neighbors", given["n_neighbors"], 1),
        "include_self": given["include_self"],
        "centers": check_choice("centers", given["centers"], CENTERS),
        "extend": given["extend"],
        "delta": check_delta(given["delta"]),
        "buffer": given["buffer"]
        if given["buffer"] == "auto"
        else check_delta(given["buffer"], "buffer", ", or 'auto'"),
        "local_search": given["local_search"],
        "max_train": None if given["max_train"] is None else check_count("max_train", given["max_train"], 2),
        "test_fraction": check_fraction("test_fraction", given["test_fraction"], one_allowed=False),
    }


def _product(axes: dict[str, Any], norm: str) -> Iterable[Case]:
    """Yield the cases of one table: every value of one coordinate with every value of the others."""
    searches = [check_choice("search", one, SEARCHES[norm]) for one in _values(axes, "search", SEARCHES[norm][0])]
    alphas = [check_fraction("alpha", one, one_allowed=False) for one in _values(axes, "alpha", 0.05)]
    datasets = [_name(one) for one in _values(axes, "dataset")]
    epsilons = parse_epsilons(_values(axes, "epsilon"))
    counts = [check_count("T", one, 1) for one in _values(axes, "T", 5)]
    q: list[float | None] = (
        [check_fraction("q", one, one_allowed=True) for one in _values(axes, "q")] if "q" in axes else [None]
    )
    seeds = [check_count("seed", one, 0) for one in _values(axes, "seed", 0)]
    for search in searches:
        has = COORDINATES[search]
        for name in ("T", "q", "seed"):
            if name in axes and name not in has and not any(name in COORDINATES[other] for other in searches):
                msg = f"{name} is given, but search {search!r} has none; allowed: leave it out"
                raise InputError(msg)
        yield from itertools.starmap(
            Case,
            itertools.product(
                [search],
                alphas,
                datasets,
                epsilons,
                counts if "T" in has else [None],
                q if "q" in has else [None],
                seeds if "seed" in has else [None],
            ),
        )


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
