"""Fuzz the readers: `python tests/fuzz/run.py --seconds 60 [--reader npy] [--seed 1] [--keep FOLDER]`."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

TESTS = str(Path(__file__).parents[1])
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where files are written, if there is such a place
HANG = 30.0  # seconds that one file may take, on a busy machine
READERS = (
    "npy",
    "npz",
    "idx",
    "gz",
    "cifar_bin",
    "tar_gz",
    "mat",
    "idx_labels",
    "mat_labels",
    "people",
    "csv_table",
    "parquet",
    "hdf5",
    "nc_arrays",
    "own_mat",
    "pt",
    "png",
    "result",
    "region",
    "checkpoint",
    "radii",
    "journal",
    "toml",
)


def fuzz(name: str, seed: int, last: int, keep: Path, seconds: float = 1e9) -> Iterator[int | str]:
    """Yield faults, and how many files have been read, of a reader; the file of each fault is kept in a folder.

    A process that ends or hangs is a fault of the file it was at; another one goes on with the next.
    """
    first = 0
    while first < last and seconds > 0:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
            child = Child(name, (seed, first, last), Path(folder), keep)
            ended, at = child.watched(seconds)
            yield from (f"{name} {seed} {one['number']} ({one['what']}): {one['fault']}" for one in child.faults())
            if child.at() is None:
                yield f"{name}: no file is read: {ended}"
                return
            if ended:
                yield f"{name} {seed} {at}: {ended}"
                keep.mkdir(parents=True, exist_ok=True)
                if (last_file := Path(folder) / "input").exists():
                    shutil.copyfile(last_file, keep / f"{name}-{seed}-{at}")
        first = at + 1 if ended else at
        seconds -= child.seconds
        yield first


class Child:
    """A process that reads files; `seconds` is how long it has been doing so.

    It is a copy of one that has imported all that readers need, and has read nothing.
    """

    def __init__(self, name: str, numbers: tuple[int, int, int], folder: Path, keep: Path) -> None:
        from multiprocessing import forkserver

        from fuzz.child import main as read_files

        self.folder, self.first, self.seconds = folder, numbers[1], 0.0
        (folder / "own").mkdir()
        for name_of_output in ("out", "error"):
            (folder / name_of_output).touch()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["fuzz.targets_ours", "fuzz.targets_own"])
        path = os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        # Who tidies up after processes that are ended would tell of it.
        with mock.patch.dict(os.environ, PYTHONPATH=path, PYTHONWARNINGS="ignore:resource_tracker"):
            forkserver.ensure_running()
        self.process = context.Process(target=read_files, args=(name, *numbers, folder / "own", keep))
        self.process.start()

    def watched(self, seconds: float) -> tuple[str, int]:
        """Wait until it ends, and end it after some time; return what is wrong with the end, and the number it was at."""
        before, since, started = None, time.monotonic(), 0.0
        while self.process.is_alive():
            time.sleep(0.02)
            now, at = time.monotonic(), self.at()
            if at != before:
                before, since = at, now
                started = started or (now if at is not None else 0.0)
            self.seconds = now - started if started else 0.0
            if now - since > (HANG if started else 10 * HANG):
                self.process.kill()
                self.process.join()
                return f"hangs for {now - since:.0f} s", self.at() or self.first
            if self.seconds > seconds:
                self.process.terminate()
                self.process.join()
                return "", self.at() or self.first
        at = self.at()
        if self.process.exitcode:
            said = " ".join((self.folder / "error").read_text().split())[-300:]
            return f"ends the process with status {self.process.exitcode}: {said}", self.first if at is None else at
        return "", self.first if at is None else at

    def at(self) -> int | None:
        """Return the number in work; None before the first."""
        try:
            return int((self.folder / "at").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def faults(self) -> list[dict[str, str]]:
        """Return the faults that it told of."""
        told = (self.folder / "out").read_text().splitlines()
        return [json.loads(line) for line in told if line.startswith("{") and line.endswith("}")]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Fuzz one reader or all, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each reader")
    parser.add_argument("--reader", choices=READERS, action="append", help="which (default: all of them)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), metavar="FOLDER")
    options = parser.parse_args()
    found = 0
    for name in options.reader or READERS:
        read, started = 0, time.monotonic()
        for one in fuzz(name, options.seed, 10**9, options.keep, options.seconds):
            if isinstance(one, int):
                read = one
            else:
                found += 1
                _say(one)
        _say(f"{name}: {read:,} files in {time.monotonic() - started:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.path.insert(0, TESTS)
    sys.exit(main())
