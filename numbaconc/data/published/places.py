"""Where the files of the data sets of the registry lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from numbaconc.data.files import as_path, cache_dir
from numbaconc.data.published.registry import REGISTRY, Published
from numbaconc.errors import reading

PathLike: TypeAlias = "str | os.PathLike[str]"


def data_folders(data_dir: PathLike | None = None) -> list[Path]:
    """Return the folders that are searched for data, in order.

    The one that is given; otherwise `$NUMBACONC_DATA_DIR` if set; otherwise `./data` and the user cache.
    """
    given = data_dir or os.environ.get("NUMBACONC_DATA_DIR")
    return [as_path(given, "data_dir")] if given else [Path("data"), cache_dir() / "data"]


def homes(name: str) -> dict[str, list[Published]]:
    """Return the files of a data set, by the set in whose folder they lie."""
    files: dict[str, list[Published]] = {}
    for file in REGISTRY[name].files:
        files.setdefault(file.of or name, []).append(file)
    return files


def _places(name: str, data_dir: PathLike | None) -> Iterator[Path]:
    entry = REGISTRY[name]
    for folder in data_folders(data_dir):
        plain_folder = not entry.shares_names or folder.resolve().name == name
        for place in [folder / name, folder] if plain_folder else [folder / name]:
            if entry.subfolder:
                yield place / entry.subfolder
            yield place


def find(name: str, data_dir: PathLike | None) -> dict[str, Path | None]:
    """Return which file holds each of the contents, of the first place with all that are needed, else with the most.

    Labels are those beside the images: of another place they might be of other images.
    """
    found: dict[str, Path | None] = {}
    for home, files in homes(name).items():
        best: dict[str, Path | None] = {part: None for file in files for part in file.contents}
        for place in _places(home, data_dir):
            with reading(repr(str(place)), "a data folder"):
                here = {
                    part: next((path for path in (place / part, place / file.name) if path.is_file()), None)
                    for file in files
                    for part in file.contents
                }
            if len(lacking(name, here)) < len(lacking(name, best)):
                best = here
        found |= best
    return found


def lacking(name: str, found: dict[str, Path | None]) -> list[str]:
    """Return which contents are needed, and not found."""
    return [part for part, path in found.items() if path is None and part not in REGISTRY[name].labels]


def by_file(found: dict[str, Path | None]) -> dict[Path, list[str]]:
    """Return the contents that were found, by the file that holds them."""
    files: dict[Path, list[str]] = {}
    for part, path in found.items():
        if path is not None:
            files.setdefault(path, []).append(part)
    return files


def not_found(name: str, found: dict[str, Path | None], data_dir: PathLike | None) -> str:
    """Return the message that a data set is not on disk: what is missing of it, and where it was looked for."""
    several = len(homes(name)) > 1
    missing = f" ({', '.join(lacking(name, found))})" if several or any(found.values()) else ""
    looked = " and ".join(str(folder) for folder in data_folders(data_dir))
    option = f" --data-dir {data_dir}" if data_dir else ""
    how = f"numbaconc data fetch {name}{option} gets it"
    folders = f"folder{'s' * several} {' and '.join(homes(name))}"
    return f"data set {name!r} is not on disk{missing}: looked in {looked} ({folders}); {how}"
