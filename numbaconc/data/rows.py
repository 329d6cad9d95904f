"""A matrix that is looked at some rows at a time, wherever it lies: in memory, in a file, or in chunks of another library."""

from __future__ import annotations

import functools
import itertools
import math
import mmap
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numbaconc.data.conversion import as_array, memory
from numbaconc.errors import InputError

BLOCK = 1 << 17  # numbers looked at together, so that checks need little memory
FIRST = 16  # rows of the first block, as most arrays differ at once from what they are compared with
CHUNK = 1 << 22  # bytes that are read together, where an array's own chunks are not larger

Parts: TypeAlias = "Sequence[NDArray[np.intp] | None]"  # rows, ascending, of several samples; None is all of them


@dataclass(frozen=True, eq=False)
class Rows:
    """Numbers in n rows of d, which need not be in memory.

    Attributes
    ----------
    name : str
        What messages call them.
    n : int
    point : tuple of int
        The shape of one row in the user's array.
    dtype : dtype
    read : callable
        Returns the rows from one on to before another, shape (m, d).
    edges : sequence of int
        Rows from one of these to the next are best read together; 0 is the first, n the last.
    array : ndarray or None
        All rows, where they are in memory and may be kept.
    columns : tuple of str or None
        Names of the numbers of a row, where a file tells them.
    """

    name: str
    n: int
    point: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any]]
    edges: Sequence[int]
    array: NDArray[Any] | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, array: NDArray[Any], name: str = "X") -> Rows:
        """Return the rows of an array in memory."""
        flat = array.reshape(len(array), -1)
        edges = (0, len(flat))
        return cls(name, len(flat), array.shape[1:], flat.dtype, lambda start, stop: flat[start:stop], edges, flat)

    def __len__(self) -> int:
        return self.n

    @functools.cached_property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of numbers in each."""
        return self.n, math.prod(self.point)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield all rows, some at a time: first a few."""
        most = max(1, BLOCK // self.shape[1])
        for start, stop in itertools.pairwise(self.edges):
            chunk = self.read(start, stop) if start else self._first
            at = 0
            while at < len(chunk):
                end = at + (most if start + at else min(most, FIRST))
                yield chunk[at:end]
                at = end

    @functools.cached_property
    def _first(self) -> NDArray[Any]:
        """The chunk that every look begins with, and most end with."""
        return self.read(0, self.edges[1])

    @functools.cached_property
    def ends(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The least and the largest number of each column, shape (d,); NaN where there is one."""
        with np.errstate(invalid="ignore"):
            ends = ((block.min(axis=0), block.max(axis=0)) for block in self.blocks())
            return functools.reduce(lambda a, b: (np.minimum(a[0], b[0]), np.maximum(a[1], b[1])), ends)

    def take(self, parts: Parts) -> list[NDArray[Any]]:
        """Return the wanted rows; no others are read than those between two wanted ones of a chunk."""
        if self.array is not None:
            return [self.array if rows is None else self.array[rows] for rows in parts]
        places = Places(self, self.dtype.newbyteorder("="), parts)
        for edges in itertools.pairwise(self.edges):
            start, stop = places.wanted(*edges)
            if start < stop:
                places.put(start, self.read(start, stop))
        return places.arrays

    def astype(self, dtype: DTypeLike) -> Rows:
        """Return the same numbers as another type has them, turned into it as they are read."""
        kind = np.dtype(dtype)
        return self.mapped(lambda block, _: block.astype(kind), kind)

    def chosen(self, kept: Sequence[int], names: Sequence[str] | None) -> Rows:
        """Return some of the numbers of each row, of which these are all names."""
        columns = None if names is None else tuple(names[column] for column in kept)
        if self.array is not None:
            return replace(Rows.of(np.ascontiguousarray(self.array[:, kept]), self.name), columns=columns)
        told = self.name, self.n, (len(kept),), self.dtype
        return Rows(*told, lambda start, stop: self.read(start, stop)[:, kept], self.edges, columns=columns)

    def mapped(self, turn: Callable[[NDArray[Any], int], NDArray[Any]], dtype: DTypeLike) -> Rows:
        """Return numbers of another type that are made of these as they are read: of a block, and of its first row."""
        kind = np.dtype(dtype)
        edges = self.edges if self.array is None else every(self.n, CHUNK // (kind.itemsize * self.shape[1]))
        told = self.name, self.n, self.point, kind
        return Rows(*told, lambda start, stop: turn(self.read(start, stop), start), edges, columns=self.columns)


class Places:
    """Arrays that the wanted rows of a matrix are put into while they pass by, in order.

    InputError if they are more than the memory of this machine.
    """

    def __init__(self, matrix: Rows, dtype: DTypeLike, parts: Parts) -> None:
        n, d = matrix.shape
        self.dtype = np.dtype(dtype)
        self._parts, shapes = parts, [(n if rows is None else len(rows), d) for rows in parts]
        check_memory(matrix.name, (n, *matrix.point), sum(map(math.prod, shapes)) * self.dtype.itemsize)
        self.arrays: list[NDArray[Any]] = [np.empty(shape, dtype) for shape in shapes]

    def wanted(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first of the wanted rows from `start` to before `stop`, and the one after the last of them."""
        some = [[start, stop - 1] if rows is None else rows[slice(*_within(rows, start, stop))] for rows in self._parts]
        found = [(int(rows[0]), int(rows[-1]) + 1) for rows in some if len(rows)]
        return (min(first for first, _ in found), max(last for _, last in found)) if found else (start, start)

    def put(self, start: int, block: NDArray[Any]) -> None:
        """Put the rows from `start` on where they belong."""
        for rows, array in zip(self._parts, self.arrays, strict=True):
            if rows is None:
                array[start : start + len(block)] = block
            else:
                first, last = _within(rows, start, start + len(block))
                array[first:last] = block[rows[first:last] - start]


def _within(rows: NDArray[np.intp], start: int, stop: int) -> tuple[int, int]:
    first, last = np.searchsorted(rows, (start, stop))
    return int(first), int(last)


def rows_of(X: Any, name: str) -> Rows:  # noqa: ANN401
    """Return whatever is like an array of points as rows.

    Arrays of other libraries that lie in chunks, as those of zarr, Dask and h5py do, are read as they are needed, some
    rows at a time; so are maps of files that NumPy only reads, of which no page stays in memory. All else is in memory.

    Raises
    ------
    InputError
        If it is no array of numbers, shape (n, d), (n, h, w) or (n, h, w, c).
    """
    if isinstance(X, Rows):
        return X
    if (chunks := _chunks_of(X)) is None:
        array = as_array(X, name)
        check_shape(array.shape, name)
        rows = Rows.of(array, name)
        return rows if (pages := _map_of(array)) is None else _unmapped(rows, pages)
    shape = tuple(map(operator.index, X.shape))
    dtype = number_type(np.dtype(X.dtype), shape, name)
    d = math.prod(shape[1:])

    def read(start: int, stop: int) -> NDArray[Any]:
        part = as_array(X, name, slice(start, stop))
        if part.shape != (stop - start, *shape[1:]) or part.dtype.str[1:] != dtype.str[1:]:
            said = f"{part.dtype} of shape {part.shape} for rows {start} to {stop} of {dtype} of shape {shape}"
            msg = f"{name} gives {said}; allowed: what it says of itself"
            raise InputError(msg)
        return part.reshape(-1, d)

    ends, largest = chunks
    most = max(CHUNK, largest * dtype.itemsize) // (d * dtype.itemsize)
    return Rows(name, shape[0], shape[1:], dtype, read, edges_of(shape[0], ends, most))


def check_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse what is no list of points: InputError."""
    if not 2 <= len(shape) <= 4 or 0 in shape:
        msg = f"{name} has shape {shape}; allowed: (n, d), (n, h, w) or (n, h, w, c), none of them 0"
        raise InputError(msg)


def check_memory(name: str, shape: tuple[int, ...], size: int) -> None:
    """Refuse an array of that shape if so many bytes of it, or made of it, are more than this machine has: InputError."""
    if size > memory():
        msg = f"{name} has shape {shape}; allowed: what fits into the memory of this machine"
        raise InputError(msg)


def number_type(dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> np.dtype[Any]:
    """Return the type that numbers of a type are read as; InputError if they are none, or no points by their shape."""
    number = as_array(np.zeros(0, dtype), name).dtype
    check_shape(shape, name)
    return number


def every(n: int, most: int) -> list[int]:
    """Return where reading stops if it may stop anywhere: after so many rows each time."""
    return edges_of(n, [n], most)


def edges_of(n: int, ends: Iterable[int], most: int) -> list[int]:
    """Return where reading stops: at ends of chunks, as few as there can be with at most so many rows between them.

    Chunks of more rows are read in parts.
    """
    edges, before = [0], 0
    for end in ends:
        if end - edges[-1] > most and before > edges[-1]:
            edges.append(before)
        before = min(end, n)
        edges.extend(range(edges[-1] + max(1, most), before, max(1, most)))
    return edges if edges[-1] == n else [*edges, n]


def _chunks_of(X: Any) -> tuple[list[int], int] | None:  # noqa: ANN401
    """Return where chunks of rows of a lazy array end, and how many numbers the largest chunk has; None for other arrays.

    Lazy is an array of another library that lies elsewhere than in memory, and gives some of its rows without the others.
    """
    try:
        np.dtype(X.dtype)
        shape = tuple(map(operator.index, X.shape))
        if not callable(X.__getitem__) or (X.chunks is None and hasattr(X, "coords")):  # one of xarray, in memory
            return None
        if X.chunks is None:  # one of HDF5, in one piece
            return [shape[0]], 0
        of_each = zip(shape, X.chunks, strict=True)
        sizes = [one if isinstance(one, tuple) else (one,) * -(-size // one) for size, one in of_each]
        return list(itertools.accumulate(sizes[0])), math.prod(map(max, sizes))
    except Exception:  # anything may be asked for these, and raise what it likes
        return None


def _map_of(array: NDArray[Any]) -> mmap.mmap | None:
    """Return the map of a file behind an array, if it is only read: its pages are nobody's work and can go."""
    base: Any = array
    is_read = False
    while isinstance(base, np.ndarray):
        is_read = base.mode == "r" if isinstance(base, np.memmap) else is_read
        base = base.base
    return base if is_read and isinstance(base, mmap.mmap) and hasattr(base, "madvise") else None


def _unmapped(rows: Rows, pages: mmap.mmap) -> Rows:
    """Return rows of a map that leave no page of it behind where they were read."""

    def read(start: int, stop: int) -> NDArray[Any]:
        block = np.array(rows.read(start, stop))
        pages.madvise(mmap.MADV_DONTNEED)
        return block

    edges = every(rows.n, CHUNK // (rows.shape[1] * rows.dtype.itemsize))
    return Rows(rows.name, rows.n, rows.point, rows.dtype, read, edges)
