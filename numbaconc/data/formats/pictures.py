"""Users' folders of images, all of one size and mode, decoded some at a time."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.formats.named import Stored, role
from numbaconc.data.formats.tables import as_numbers
from numbaconc.data.rows import CHUNK, Rows, every
from numbaconc.errors import InputError, reading

KINDS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # what decodes others may run programs
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
HELD_BACK = ("val", "valid", "validation", "dev", "eval")  # folders that are no labels beside one of train or of test
MODES = {"L": (), "RGB": (3,)}  # what a pixel is, by its mode


def read_images(path: Path, told: tuple[str, str], opened: contextlib.ExitStack) -> Stored:  # noqa: ARG001  # as all readers
    """Return the images of a folder as `X`, or of its folders of train and test; folders below these are `y`."""
    folders = _folders(path)
    parts: dict[str, Path] = {}
    for folder in folders:
        which = role(folder.name)
        if which in ("X_train", "X_test"):
            if which in parts:
                msg = f"folder {told[0]} has {parts[which].name} and {folder.name}; allowed: one {which.removeprefix('X_')}"
                raise InputError(msg)
            parts[which] = folder
    names = [one.name for one in folders]
    if len(parts) == 1 and not [
        one for one in folders if one not in parts.values() and one.name.lower() not in HELD_BACK
    ]:
        msg = f"folder {told[0]} has {', '.join(names)}; allowed: train and test, or one folder of images, such as {names[0]}"
        raise InputError(msg)
    wanted, notes = (parts if len(parts) == 2 else {"X": path}), []
    arrays: dict[str, Any] = {}
    if len(parts) == 2 and (left := [one.name for one in folders if one not in parts.values()]):
        notes.append(f"{', '.join(left)} is left out")
    for which, folder in wanted.items():
        files, y, n_others = _images(folder)
        if n_others:
            notes.append(f"what is no image in {folder.name} is left out, {n_others} in all")
        arrays[which] = functools.partial(_rows, files, told)
        if y is not None:
            arrays[which.replace("X", "y")] = functools.partial(lambda y, _: y, y)
    if any(which.startswith("y") for which in arrays):
        notes.append("y is the folder that an image is in")
    return Stored(arrays, "; ".join(notes))


def _folders(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith((".", "__")))


def _images(path: Path) -> tuple[list[Path], NDArray[Any] | None, int]:
    """Return the images in a folder, in the order of their names, and which of its folders each is in, if it has some.

    And how many other files there are, but for hidden ones.
    """
    found, classes, n_others = [], [], 0
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if not name.startswith((".", "__"))]
        below = Path(folder).relative_to(path).parts
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found.append((below, name))
                classes.append(below[0] if below else "")
            else:
                n_others += not name.startswith(".")
    order = sorted(range(len(found)), key=found.__getitem__)
    if len(set(classes)) > 1 and "" in classes:
        msg = f"folder {str(path)!r} has images beside folders of images; allowed: one or the other"
        raise InputError(msg)
    y = None if "" in classes or not found else as_numbers(np.array([classes[one] for one in order]))
    return [path.joinpath(*found[one][0], found[one][1]) for one in order], y, n_others


def _rows(files: Sequence[Path], told: tuple[str, str], name: str) -> Rows:
    """Return images as rows, which are decoded as they are needed; InputError if they differ in size or mode."""
    from PIL import Image

    if not files:
        msg = f"folder {told[0]} has no images for {name}; allowed: files {', '.join(SUFFIXES)}"
        raise InputError(msg)

    def opened(image: Path | io.BytesIO) -> Image.Image:
        return Image.open(image, formats=KINDS)

    def kind(path: Path) -> tuple[tuple[int, int], str]:
        with reading(repr(str(path)), "an image"), opened(path) as image:
            return image.size, image.mode

    (size, mode), *others = map(kind, files)
    for path, other in zip(files[1:], others, strict=True):
        if other != (size, mode):
            said, first = (f"{w} x {h} pixels of mode {mode}" for (w, h), mode in (other, (size, mode)))
            msg = f"file {str(path)!r} has {said}; allowed: {first}, as {files[0].name} has"
            raise InputError(msg)
    if mode not in MODES:
        todo = "images[i].convert('RGB') of Pillow makes it"
        if mode[0] in "IF":  # which Pillow would cut off at 255
            todo = "of more than 8 bits: give np.asarray(image) / 65535, or by what white is, in an .npy file"
        msg = f"file {str(files[0])!r} has mode {mode}; allowed: {', '.join(MODES)} ({todo})"
        raise InputError(msg)
    point = (*size[::-1], *MODES[mode])
    n_bytes = int(np.prod(point))

    def read(start: int, stop: int) -> NDArray[Any]:
        block = np.empty((stop - start, *point), np.uint8)
        for place, path in zip(block, files[start:stop], strict=True):
            # of a file Pillow may ask for as many bytes as it claims, which are more than there are
            with reading(repr(str(path)), "an image"), opened(io.BytesIO(path.read_bytes())) as image:
                place[...] = np.asarray(image)
        return block.reshape(len(block), -1)

    return Rows(name, len(files), point, np.dtype(np.uint8), read, every(len(files), CHUNK // n_bytes))
