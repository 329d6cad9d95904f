"""Users' tensors in files of PyTorch: nothing but tensors is unpickled, and they are read some rows at a time."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.conversion import as_array
from numbaconc.data.formats.named import Stored
from numbaconc.data.rows import CHUNK, Rows, check_shape, every
from numbaconc.errors import InputError, said, shown

if TYPE_CHECKING:
    import torch

SAFE = (2, 6)  # the first version of torch whose weights_only keeps what it promises
ONLY = "allowed: a tensor, or a dictionary of tensors, as torch.save({'X': X, 'y': y}, path) writes it"
ZIP = b"PK\x03\x04"
DEEPEST = 8  # dictionaries in one another


def read_torch(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:  # noqa: ARG001  # as all readers
    """Return the tensors of a file by their names, those in dictionaries of dictionaries by their paths; one alone is `X`.

    Two in a tuple are `X` and `y`, if there is one number in the second for each row of the first.

    Whatever is no tensor is refused where it would have to be executed, and otherwise left out.
    """
    import torch

    with path.open("rb") as file:
        begins = file.read(len(ZIP))
    if begins != ZIP:  # what came before the archives may claim any memory
        msg = f"it begins with {begins.hex(' ') or 'nothing'}, and not as torch.save has written it since torch 1.6"
        raise ValueError(msg)
    if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < SAFE:
        needed = ".".join(map(str, SAFE))
        msg = (
            f"file {told[0]} needs torch {needed} or later, and there is {torch.__version__}: older ones may execute it"
        )
        raise InputError(msg)
    with zipfile.ZipFile(path) as archive:
        if any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist()):  # torch maps them as they are
            msg = "it was compressed after torch.save wrote it"
            raise ValueError(msg)
    tensors: dict[str, torch.Tensor] = {}
    for name, one in _tensors(_loaded(path, told[0]), ""):
        if tensors.setdefault(name or "X", one) is not one:
            msg = f"file {told[0]} has two tensors of the path {shown(name or 'X')}; allowed: one"
            raise InputError(msg)
    length = path.stat().st_size
    for name, one in tensors.items():
        size = math.prod(one.shape) * one.element_size()
        if one.layout == torch.strided and not one.is_meta and size > length:
            msg = f"its {name} promises {size} bytes, and it has {length}"
            raise ValueError(msg)
    return Stored({name: functools.partial(_given, one) for name, one in tensors.items()})


def _loaded(path: Path, where: str) -> Any:  # noqa: ANN401
    """Return what is in a file, of which large tensors are a map."""
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights" not in str(error).lower():
            raise
        msg = f"file {where} has more than tensors in it, which is not unpickled; {ONLY}"
        raise InputError(msg) from error
    except Exception as error:
        raise ValueError(said(error)) from error  # in many lines, and of types that others may not know


def _tensors(loaded: Any, name: str, depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:  # noqa: ANN401
    """Yield the tensors in what was loaded, with their paths."""
    import torch

    if isinstance(loaded, torch.Tensor):
        yield name, loaded
        return
    inside: Any = ()
    if isinstance(loaded, Mapping):
        inside = loaded.items()
    elif isinstance(loaded, list | tuple):
        inside = zip("Xy", loaded, strict=True) if _are_labeled(loaded) else enumerate(loaded)
    for key, one in inside if depth < DEEPEST else ():
        yield from _tensors(one, f"{name}/{key}".removeprefix("/"), depth + 1)


def _are_labeled(loaded: Sequence[Any]) -> bool:
    """Return whether there are two tensors, of points and of a label for each, as files of torchvision have them."""
    shapes = [tuple(one.shape) for one in loaded if hasattr(one, "layout")]
    return len(shapes) == len(loaded) == 2 and len(shapes[0]) > 1 and shapes[1] == shapes[0][:1]


def _given(tensor: torch.Tensor, name: str) -> Rows | NDArray[Any]:
    """Return points as rows that are read when they are needed, and anything else as an array of its own."""
    import torch

    if tensor.layout != torch.strided or not name.startswith("X"):
        return np.array(as_array(tensor, name))
    shape = tuple(tensor.shape)
    check_shape(shape, name)
    dtype, width = as_array(tensor[:1], name).dtype, math.prod(shape[1:])

    def read(start: int, stop: int) -> NDArray[Any]:
        return np.array(as_array(tensor, name, slice(start, stop))).reshape(-1, width)  # not a part of the map

    return Rows(name, shape[0], shape[1:], dtype, read, every(shape[0], CHUNK // (width * dtype.itemsize)))
