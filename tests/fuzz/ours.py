"""The files that numbaconc writes itself, changed: results, regions, checkpoints, radii, journals; and grids in TOML."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from pathlib import Path
from random import Random

import netCDF4
import numpy as np

from fuzz.formats import archive, array, npy, npy_of, some
from fuzz.mutate import mutated, number
from numbaconc.search import checkpoint

TEXTS = [
    "",
    "x" * 5000,
    "\x1b[31mred\r\x07",
    "a\nb\n",
    "<script>",
    "é" * 50,
    "1e999",
    "nan",
    "[1",
    "{}",
    "[" * 3000,
    "null",
    "8/255",
    "../x",
]


# netCDF


def _attribute(rng: Random):
    return rng.choice(
        [
            *TEXTS,
            *(0, 1, -1, 2.5, np.nan, np.inf, 1e308, np.int64(2**62), np.uint8(200), np.float32(0.1)),
            *(np.arange(3), np.zeros(0), np.array([np.nan, 1]), ["a", "b"]),
        ]
    )


ATTRIBUTES = [
    *(
        "scale_factor",
        "add_offset",
        "_FillValue",
        "missing_value",
        "units",
        "calendar",
        "dtype",
        "_Unsigned",
        "coordinates",
    ),
    *(
        "schema",
        "region",
        "search",
        "settings",
        "search_coordinates",
        "differing",
        "alpha",
        "norm",
        "seconds",
        "created",
    ),
    *("epsilon_scale", "long_name", "valid_min", "valid_range", "flag_values", "grid_mapping", "bounds", "x\x1b[31m"),
    *(
        "unit",
        "domain",
        "columns",
        "shape",
        "offset",
        "data_verified",
        "test_fraction",
        "max_train",
        "numbaconc_version",
    ),
]
UNITS = ["days since 2000-01-01", "seconds since 0", "hours", "days since x", "microseconds since 1970-01-01", "1"]


def _attributes(nc: netCDF4.Dataset, rng: Random) -> None:
    of = rng.choice([nc, *nc.variables.values()])
    present = of.ncattrs()
    name = rng.choice(present) if present and rng.random() < 0.5 else rng.choice(ATTRIBUTES)
    if present and rng.random() < 0.2:
        of.delncattr(rng.choice(present))
    elif name == "units" or rng.random() < 0.1:
        of.setncattr("units", rng.choice(UNITS))
    else:
        of.setncattr(name, _attribute(rng))


def _rename(nc: netCDF4.Dataset, rng: Random) -> None:
    new = rng.choice(["x", "risk", "epsilon", "seed", "split", "T", "coordinate", "\u00e9", "centers", "a" * 200])
    if rng.random() < 0.5 and nc.variables:
        nc.renameVariable(rng.choice(list(nc.variables)), new)
    elif nc.dimensions:
        nc.renameDimension(rng.choice(list(nc.dimensions)), new)


def _values(nc: netCDF4.Dataset, rng: Random) -> None:
    name = rng.choice(list(nc.variables))
    variable = nc.variables[name]
    variable.set_auto_maskandscale(False)
    if variable.dtype is str:
        flat = np.array(variable[...], object)
        flat.flat[rng.randrange(max(1, flat.size))] = rng.choice(TEXTS)
        variable[...] = flat
        return
    values = np.ma.getdata(variable[...]).copy()
    if values.size:
        odd = rng.choice([np.nan, np.inf, -np.inf, -1, 0, 1e300, -1e300, 2**31, 2**53 + 2, 0.5, 255])
        with np.errstate(all="ignore"):
            odd = np.array(odd).astype(values.dtype)
        if rng.random() < 0.5:
            values.flat[rng.randrange(values.size)] = odd
        else:
            values[...] = odd
        variable[...] = values


def _another(nc: netCDF4.Dataset, rng: Random) -> None:
    """A variable made anew: of another type, other dimensions, or of a size that is only declared."""
    name = rng.choice([*nc.variables, "huge", "more"])
    old = nc.variables.get(name)
    dims = list(old.dimensions) if old is not None else []
    if old is not None:
        nc.renameVariable(name, "old_" + name)
    if rng.random() < 0.4:
        size = rng.choice([2**33, 2**31, 10**6 * 50, 2**40, 0, 1, 3])
        fresh = f"d{number(rng) % 1000}"
        nc.createDimension(fresh, size if rng.random() < 0.9 else None)
        dims = [fresh if rng.random() < 0.7 else dim for dim in (dims or [fresh])]
    elif rng.random() < 0.4:
        rng.shuffle(dims)
        dims = dims[: rng.randint(0, len(dims))] or [rng.choice([*nc.dimensions, None])] if nc.dimensions else []
        dims = [dim for dim in dims if dim is not None]
    dtype = some(rng, "f8", "f4", "i8", "u1", "i1", "S1", str, "u8", "i2")
    chunks = (
        {"chunksizes": [min(64, max(1, len(nc.dimensions[dim]))) for dim in dims]} if dims and dtype is not str else {}
    )
    made = nc.createVariable(name, dtype, dims, zlib=dtype is not str and bool(dims) and rng.random() < 0.7, **chunks)
    if rng.random() < 0.3 and old is not None and np.prod([len(nc.dimensions[dim]) for dim in dims], dtype=float) < 1e4:
        made[...] = 1 if dtype is not str else "x"


def _group(nc: netCDF4.Dataset, rng: Random) -> None:
    if rng.random() < 0.5:
        nc.createGroup(rng.choice(["x", "risk", "a/b/c"])).setncattr("a", 1)
        return
    kind = rng.choice(["compound", "vlen", "enum"])
    if kind == "compound":
        made = nc.createCompoundType(np.dtype([("a", "f8"), ("b", "i4")]), "kind")
    elif kind == "vlen":
        made = nc.createVLType("f8", "kind")
    else:
        made = nc.createEnumType("u1", "kind", {"a": 0, "b": 1})
    nc.createVariable(rng.choice(["odd", "more"]), made, list(nc.dimensions)[:1])


def declared(original: bytes, folder: Path) -> bytes:
    """A file with a variable of 64 GiB that was never written."""
    (folder / "edited.nc").write_bytes(original)
    with netCDF4.Dataset(folder / "edited.nc", "a") as nc:
        nc.createDimension("huge", 2**33)
        nc.createVariable("huge", "f8", ("huge",), zlib=True, chunksizes=(64,))
    return (folder / "edited.nc").read_bytes()


def scaled(original: bytes, folder: Path) -> bytes:
    """A file whose variables say that they are times, scaled, and of a type that there is not."""
    (folder / "edited.nc").write_bytes(original)
    with netCDF4.Dataset(folder / "edited.nc", "a") as nc:
        for name, attribute, value in zip(
            nc.variables,
            ("scale_factor", "units", "dtype", "_Unsigned") * 9,
            ("x", UNITS[3], "y", "true") * 9,
            strict=False,
        ):
            nc.variables[name].setncattr(attribute, value)
    return (folder / "edited.nc").read_bytes()


def misplaced(original: bytes, folder: Path) -> list[bytes]:
    """Results whose bounds are twice on one dimension, or on the splits; and one of infinite dimension."""
    made = []
    for dims in (("dataset", "dataset"), ("split",), None):
        (folder / "edited.nc").write_bytes(original)
        with netCDF4.Dataset(folder / "edited.nc", "a") as nc:
            if dims is None:
                nc["vc_dimension"][...] = np.inf
            else:
                nc.renameVariable("measure_at_least", "other")
                nc.createVariable("measure_at_least", "f8", dims)[...] = 0.5
        made.append((folder / "edited.nc").read_bytes())
    return made


def netcdf(original: bytes, rng: Random, folder: Path) -> bytes:
    """A netCDF file that was opened and changed by the library itself, or whose bytes were changed."""
    if rng.random() < 0.4:
        return mutated(original, rng)
    path = folder / "edited.nc"
    path.write_bytes(original)
    ways = [_attributes, _attributes, _attributes, _values, _values, _another, _another, _rename, _group]
    seed = rng.random()
    if (child := os.fork()) == 0:  # the library may crash over what is asked of it here
        with contextlib.suppress(BaseException), netCDF4.Dataset(path, "a") as nc:
            signal.alarm(10)
            rng.seed(seed)
            for _ in range(rng.choice((1, 1, 2, 3))):
                rng.choice(ways)(nc, rng)
        os._exit(0)
    os.waitpid(child, 0)
    data = path.read_bytes()
    return mutated(data, rng) if rng.random() < 0.1 else data


# Archives of arrays


def _other_array(values: np.ndarray, rng: Random) -> np.ndarray:
    """An array like another, with other values, another type or another shape."""
    way = rng.randrange(7)
    if way == 0:
        return array(rng)
    if way == 1:
        dtype = rng.choice(["f4", ">f8", "i8", "i4", "u1", "U5", "c16", ">i8"])
        return (
            np.zeros(np.shape(values), dtype)
            if np.asarray(values).dtype.kind not in "biuf"
            else np.asarray(values).astype(dtype)
        )
    if way == 2:
        return np.asarray(values)[..., np.newaxis]
    if way == 3:
        return np.resize(values, rng.choice([(0,), (1,), (50,), (40, 2), (2, 40), (), (0, 0), (40, 1030), (41,)]))
    if way == 4 and values.ndim == 2:
        return np.asfortranarray(values)
    values = np.array(values)
    if values.size and values.dtype.kind in "fiu":
        odd = rng.choice([np.nan, np.inf, -np.inf, -1, 0, 1e300, 2**31 - 1, -(2**31), 39, 40, 41, 2**62, 1, 5])
        with np.errstate(all="ignore"):
            odd = np.array(odd).astype(values.dtype)
        if rng.random() < 0.5:
            values[...] = odd
        else:
            values.flat[rng.randrange(values.size)] = odd
    return values


def state(original: dict[str, np.ndarray], rng: Random) -> bytes:
    """A checkpoint, mostly with a right hash, whose arrays are not what their names promise."""
    arrays = dict(original)
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(list(checkpoint.STATE))
        if name in arrays:
            arrays[name] = _other_array(arrays[name], rng)
        if rng.random() < 0.05:
            arrays.pop(name, None)
    settings = str(arrays["settings"])
    if rng.random() < 0.1:
        odd = json.loads(settings)
        odd[rng.choice([*odd, "x"])] = rng.choice([*TEXTS, 1e999, None, [], {}, True, -1])
        settings = some(rng, json.dumps(odd), *TEXTS)
    sealed = {name: arrays[name] for name in arrays if name not in ("settings", "sha256")}
    if rng.random() < 0.9:
        with contextlib.suppress(Exception):
            plain = {name: np.asarray(values, order="C") for name, values in sealed.items()}
            arrays["sha256"] = np.array(checkpoint._hash(settings, plain))
    arrays["settings"] = some(rng, np.array(settings), array(rng)) if rng.random() < 0.1 else np.array(settings)
    return _stored(arrays, rng)


def _stored(arrays: dict[str, np.ndarray], rng: Random) -> bytes:
    members = [(f"{name}.npy", npy_of(np.asarray(values))) for name, values in arrays.items()]
    if rng.random() < 0.1:
        at = rng.randrange(len(members))
        members[at] = (members[at][0], rng.choice([npy(rng), b"", rng.randbytes(30)]))
    data = archive(members, rng) if rng.random() < 0.1 else archive(members, Stored())
    return mutated(data, rng) if rng.random() < 0.1 else data


class Stored(Random):
    """Chooses what is right."""

    def random(self) -> float:
        return 0.55


def radii(original: dict[str, np.ndarray], rng: Random) -> bytes:
    return _stored({name: _other_array(values, rng) for name, values in original.items()}, rng)


# Journals


JOURNALS = (  # what was done to a journal that was not refused as it should be
    "update finished set seconds = 1e999",
    "update finished set seconds = -1",
    "update finished set outcome = replace(outcome, '0.5', '1e999')",
    "update finished set outcome = replace(outcome, '0.5', '\"x\"')",
    "update finished set outcome = '[1]'",
    "update finished set place = replace(place, '\"T\", 2', '\"T\", \"x\"') where outcome like '%odd%'",
    "update finished set place = replace(place, '0.2', 'null')",
    "update finished set place = 3 where outcome like '%odd%'",
    'update said set value = replace(value, \'"n_points"\', \'"seed": 1, "n_points"\')',
    "update said set value = '[' || value || ']'",
    "delete from said",
    "drop table finished",
)


def _odd_value(rng: Random, depth: int = 0):
    plain = [None, True, 0, 1, -1, 0.5, 2**70, 10**400, "1e999", "x", "train", "test", *TEXTS]
    if depth > 2 or rng.random() < 0.7:
        return rng.choice(plain)
    if rng.random() < 0.5:
        return [_odd_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {str(rng.choice(plain)): _odd_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def _change(value, rng: Random):
    """JSON with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {name: one for name, one in value.items() if name != key}
        if rng.random() < 0.1:
            return value | {rng.choice(["x", "error", "risk", "seed", "q_found"]): _odd_value(rng)}
        return value | {key: _change(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return (
            [*value[:at], _change(value[at], rng), *value[at + 1 :]]
            if rng.random() < 0.85
            else value[:at] + value[at + 1 :]
        )
    return _odd_value(rng)


def _text(value, rng: Random):
    text = json.dumps(value)
    return some(
        rng,
        text,
        text.replace("0.", "1e99", 1),
        text.replace("0.", "NaN, 0.", 1),
        text[:-1],
        *TEXTS,
        rng.randbytes(9),
        None,
        3,
    )


def journal(original: bytes, rng: Random, folder: Path) -> bytes:
    """A journal, rows of which were changed, or its bytes."""
    if rng.random() < 0.3:
        return mutated(original, rng)
    path = folder / "edited.journal"
    path.write_bytes(original)
    db = sqlite3.connect(path)
    with contextlib.suppress(sqlite3.Error, OverflowError, RecursionError, ValueError, TypeError, IndexError), db:
        for _ in range(rng.choice((1, 1, 2))):
            way = rng.randrange(8)
            if way == 0:
                (text,) = db.execute("select value from said").fetchone()
                db.execute("update said set value = ?", (_text(_change(json.loads(text), rng), rng),))
            elif way == 1:
                db.execute("update finished set seconds = ?", (rng.choice(["x", None, 1e999, -1, b"\xff", "1e999"]),))
            elif way == 2:
                db.execute(
                    rng.choice(
                        [
                            *(
                                "drop table finished",
                                "drop table said",
                                "alter table finished rename column place to x",
                            ),
                            *(
                                "delete from said",
                                "create trigger t after insert on said begin delete from finished; end",
                            ),
                            *(
                                "drop table finished; ",
                                "create view v as select 1",
                                "alter table finished add column x",
                            ),
                            "insert into finished select place || ' ', outcome, seconds from finished",
                        ]
                    )
                )
            else:
                rows = db.execute("select place, outcome from finished").fetchall()
                place, outcome = rng.choice(rows)
                new_place, new_outcome = json.loads(place), json.loads(outcome)
                if rng.random() < 0.4:
                    new_place = _change(new_place, rng)
                else:
                    new_outcome = _change(new_outcome, rng)
                db.execute(
                    "update finished set place = ?, outcome = ? where place = ?",
                    (
                        some(rng, json.dumps(new_place), _text(new_place, rng)),
                        some(rng, json.dumps(new_outcome), _text(new_outcome, rng)),
                        place,
                    ),
                )
    db.close()
    return path.read_bytes()


# TOML


KEYS = [
    "dataset",
    "epsilon",
    "alpha",
    "search",
    "T",
    "n_sets",
    "q",
    "seed",
    "norm",
    "max_train",
    "test_fraction",
    "grid",
    "margin",
]
MORE_KEYS = [
    "n_neighbors",
    "include_self",
    "centers",
    "max_iter",
    "precision",
    "extend",
    "delta",
    "local_search",
    "powers",
    "x",
    '"\\u001b[31m"',
    "a.b",
    '""',
    "members",
    "side",
]
TOML_VALUES = [
    *(
        '"digits"',
        '"1/16"',
        "2",
        "0.8",
        "[1, 2]",
        "[0.5, 0.5]",
        '"rectangles"',
        '["balls", "best"]',
        '"l2"',
        "true",
        "inf",
        "nan",
    ),
    *(
        "-1",
        "0",
        "1e999",
        "9" * 400,
        "9" * 5000,
        "2020-01-01",
        "10:00:00",
        "{a = 1}",
        "[]",
        "[[1], [2]]",
        "[{}]",
        '""',
        "'\\'",
    ),
    *(
        '"\\u001b[31m"',
        '"' + "x" * 3000 + '"',
        "[" * 500 + "]" * 500,
        "[" * 3000,
        "{a=" * 500 + "1" + "}" * 500,
        "0x7f",
        "1_000",
    ),
    *(
        '["1/16", 0.0625]',
        "[1, 1.0, true]",
        '"1/0"',
        '"1e9/3"',
        '"auto"',
        "'''x\ny'''",
        '"\\u0000"',
        "[0.1, nan]",
        "9007199254740993",
    ),
    *(
        "[" + ", ".join(map(str, range(300))) + "]",
        "[" + ", ".join(f"0.{i:03}" for i in range(1, 300)) + "]",
        '"faces"',
        "1979-05-27T07:32:00Z",
    ),
]
GOOD_GRID = 'dataset = "digits"\nepsilon = ["1/16", 0.1]\nT = [2, 3]\nq = 0.8\nseed = [0, 1]\nmax_train = 50\n[[grid]]\nalpha = 0.1\n'


def toml(rng: Random) -> bytes:
    """A grid."""
    if rng.random() < 0.3:
        return mutated(GOOD_GRID.encode(), rng)
    lines = ['dataset = "digits"', 'epsilon = "1/16"'] if rng.random() < 0.7 else []
    for _ in range(rng.randrange(7)):
        key = some(rng, rng.choice(KEYS), rng.choice(MORE_KEYS))
        lines.append(f"{key} = {rng.choice(TOML_VALUES)}")
        if rng.random() < 0.15:
            lines.append(
                rng.choice(
                    ["[[grid]]", "[grid]", "[[grid]]\n[grid.x]", "[x]", "[[x.y]]", "[" + ".".join("a" * 500) + "]"]
                )
            )
    text = some(rng, "\n", "\r\n", "\n\n# c\n", " ").join(lines)
    data = text.encode(some(rng, "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"), "replace")
    return mutated(data, rng) if rng.random() < 0.15 else data
