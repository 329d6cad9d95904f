"""Reads one file after another in a process of its own, with limits; the parent sees which one ended it, if any.

The number in work stands in the file `at` of the folder above that of the reader, each fault as a line of JSON in `out`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random

MEMORY = 1 << 30  # bytes that a reader may use beyond what the process has when it starts
LONGEST = 500  # characters of a message
SLOW = 5.0  # seconds of the processor that one file may take


def targets():
    """All readers by name."""
    from fuzz import targets, targets_ours, targets_own  # noqa: F401

    return {name: cls for name, cls in targets.READERS.items() if name.islower()}


def input_of(target, seed: int, number: int) -> tuple[str, bytes]:
    """What it is called, and the bytes, of the file of that number: the examples, what was found, then mutations."""
    kept = sorted((Path(__file__).parent / "corpus" / type(target).__name__).glob("*"))
    first = [("example", one) for one in target.examples] + [("found", one) for one in target.found]
    if number < len(first):
        return first[number]
    if number < len(first) + len(kept):
        return kept[number - len(first)].name, kept[number - len(first)].read_bytes()
    return "mutation", target.make(Random(f"{seed} {number}"))


def fault_of(target, what: str) -> str:
    """What is wrong with how a file was read; nothing if it was read, or refused as it should be."""
    from numbaconc.errors import InputError

    started = time.process_time()
    try:
        target.read()
    except InputError as error:
        message = str(error)
        if what == "example":
            return f"a good file is refused: {message}"
        if not message or len(message) > LONGEST or not message.isprintable():
            return f"message of {len(message)} characters: {message[:200]!r}"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                return f"asks for more than {MEMORY >> 20} MiB: {message}"
            cause = cause.__cause__ or cause.__context__
    except BaseException as error:
        where = [f"{Path(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-4:]]
        return f"{type(error).__name__}: {str(error)[:200]} ({' '.join(where)})"
    seconds = time.process_time() - started
    return f"takes {seconds:.1f} s" if seconds > SLOW else ""


def limit_memory() -> None:
    """Let the process grow by MEMORY from here on, where the system can say so."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def settle(folder: Path) -> None:
    """Let whatever is written go to a folder, and let kernels run in one thread."""
    import numba

    for name, number in (("out", 1), ("error", 2)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
    os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    numba.set_num_threads(1)
    warnings.simplefilter("ignore")


def main(name: str, seed: int, first: int, last: int, folder: Path, keep: Path) -> None:
    """Read the files from one number to another; the examples come first whatever the number is."""
    settle(folder.parent)
    target = targets()[name](folder)
    target.path.write_bytes(target.examples[0])
    target.read()  # what is compiled or imported for the first file counts for none
    limit_memory()
    (folder.parent / "input").symlink_to(target.path)
    at = os.open(folder.parent / "at", os.O_RDWR | os.O_CREAT)
    for number in range(first, last):
        what, data = input_of(target, seed, number)
        target.path.write_bytes(data)
        os.pwrite(at, b"%20d" % number, 0)
        if fault := fault_of(target, what):
            sys.stdout.write(json.dumps({"number": number, "what": what, "fault": fault}) + "\n")
            sys.stdout.flush()
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}-{seed}-{number}").write_bytes(data)
    os.pwrite(at, b"%20d" % last, 0)
