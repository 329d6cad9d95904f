"""Users' data, in files of every format: what is for training and for the test, and what is told of each point."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.annotations import as_labels, as_uncertainty
from numbaconc.data.arrays import Told, check_rows, samples_in
from numbaconc.data.columns import Drop
from numbaconc.data.formats.known import called, open_file
from numbaconc.data.formats.named import choose
from numbaconc.data.rows import Parts
from numbaconc.data.sample import Sample
from numbaconc.data.space import check_pair
from numbaconc.data.splits import MIN_ROWS, TEST_FRACTION, check_unused, kept, split
from numbaconc.errors import InputError, reading

TOLD: dict[str, Callable[[Any, int, str], NDArray[Any]]] = {"y": as_labels, "uncertainty": as_uncertainty}


def read_own(
    paths: Sequence[Path],
    key: str | None,
    test_fraction: float | None,
    seed: int | None,
    max_train: int | None,
    told: Told = Told(),  # noqa: B008  # a tuple
) -> tuple[Sample, Sample]:
    """Return the training and the test points of a user's file, or of two, as `load_dataset` does.

    Raises
    ------
    InputError
        As `open_file` and `choose`, and if the arrays are no points, or do not go together.
    """
    share = TEST_FRACTION if test_fraction is None else test_fraction

    def of_both(n: int) -> Parts:
        check_rows("X", n, 2 * MIN_ROWS)
        rows, others = split(n, share, seed or 0)
        return rows if max_train is None else rows[kept(len(rows), max_train)], others

    def of_train(n: int) -> Parts:
        check_rows("X_train", n, MIN_ROWS)
        return (None if max_train is None else kept(n, max_train),)

    def of_test(n: int) -> Parts:
        check_rows("X_test", n, MIN_ROWS)
        return (None,)

    with contextlib.ExitStack() as opened:
        arrays, note = _opened(paths, key, told.drop, opened)
        told = told._replace(drop=None)  # they are without these columns
        if "X" in arrays:
            samples = samples_in(
                arrays["X"], "X", of_both, told=told, train=lambda n: split(n, share, seed or 0)[0]
            ).samples
            train, test = _told(samples, arrays, "X", of_both)
            return train.annotated(note=note), test
        check_unused(seed=seed, test_fraction=test_fraction)
        samples, space = samples_in(arrays["X_train"], "X_train", of_train, told=told)
        (train,) = _told(samples, arrays, "X_train", of_train)
        samples, _ = samples_in(arrays["X_test"], "X_test", of_test, like=train, told=told._replace(scale=None))
        (test,) = _told(samples, arrays, "X_test", of_test)
    check_pair(train, test, space=None if max_train is None else space)
    kinds = ["texts" if y.dtype.kind == "U" else "integers" for y in (train.y, test.y) if y is not None]
    if len(set(kinds)) > 1:
        msg = f"y_test has {kinds[1]}; allowed: {kinds[0]}, as y_train has"
        raise InputError(msg)
    return train.annotated(note=note), test


def _opened(
    paths: Sequence[Path], key: str | None, drop: Drop | None, opened: contextlib.ExitStack
) -> tuple[dict[str, Any], str]:
    """Return the arrays of files, which stay open, by what they are: `X_train` and `X_test`, or `X`, and what is told of them.

    And what is to be said of how the files were taken.
    """
    keys: list[str | None] = [key] * len(paths)
    if key is not None and len(paths) == 2 and "," in key:
        first, _, second = key.partition(",")
        keys = [first.strip(), second.strip()]
    arrays, notes = {}, []
    for path, one, part in zip(paths, keys, ("_train", "_test"), strict=False):
        told, stored = called(path), open_file(path, opened, drop)
        where = f"{told[0]} ({stored.beside}: not read)" if stored.beside else told[0]
        names = choose(stored.arrays, one, where, is_part=len(paths) == 2)
        for which, name in names.items():
            what = which + (part if len(paths) == 2 else "")
            with reading(*told):
                arrays[what] = stored.arrays[name](what)
        notes += [f"{told[0]}: {stored.note}"] if stored.note else []
    return arrays, "; ".join(notes)


def _told(samples: list[Sample], arrays: dict[str, Any], name: str, choose: Callable[[int], Parts]) -> list[Sample]:
    """Return samples of some rows of an array with what other arrays tell of these rows."""
    n = arrays[name].shape[0]
    for what, check in TOLD.items():
        told = name.replace("X", what)
        if told in arrays:
            values = check(_column(arrays[told], n), n, told)
            parts = [values if rows is None else values[rows] for rows in choose(n)]
            one_each: list[dict[str, Any]] = [{what: part} for part in parts]
            samples = [sample.annotated(**one) for sample, one in zip(samples, one_each, strict=True)]
    return samples


def _column(values: Any, n: int) -> Any:  # noqa: ANN401
    """Return what is told of n points, which files also hold as a column or a row of a matrix, as one list."""
    shape = getattr(values, "shape", None)
    return np.asarray(values[...]).reshape(n) if shape in ((n, 1), (1, n)) else values
