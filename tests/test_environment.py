"""Faults of the machine: what a file system, a user's account, a terminal or Numba's own settings may lack or refuse."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys

import numba
import numpy as np
import pytest
from conftest import blobs, needs_jit, refused

import numbaconc as nc
from numbaconc.cli.console import reporting, say, tell
from numbaconc.data import files
from numbaconc.data.files import as_path, cache_dir, check_writable, replacing
from numbaconc.how import bar
from numbaconc.kernels import compiling
from numbaconc.kernels.environment import check_environment
from numbaconc.sweep.journal import Journal

posix = pytest.mark.skipif(os.name != "posix", reason="signals, links and devices of POSIX")
X = blobs(80, 4, 2, spread=40)
GRID = {"dataset": "own", "epsilon": 0.05, "T": 2, "q": [0.5, 0.8], "alpha": 0.1, "n_neighbors": 5}


def raising(number):
    def instead(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return instead


# Files


@pytest.mark.parametrize("name", ["EPERM", "ENOTSUP", "ENOSYS", "EINVAL"])
def test_a_file_system_without_modes_and_syncs(tmp_path, monkeypatch, name):
    for function in ("fsync", "chmod", "fchmod"):
        monkeypatch.setattr(os, function, raising(getattr(errno, name)))
    with replacing(tmp_path / "out.txt") as part:
        part.write_text("new")
    assert (tmp_path / "out.txt").read_text() == "new"


def test_a_sync_that_fails_is_no_missing_one(tmp_path, monkeypatch):
    target = tmp_path / "out.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", raising(errno.EIO))

    def write():
        with replacing(target) as part:
            part.write_text("new")

    refused(write, "out.txt", os.strerror(errno.EIO))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.txt": "old"}


def test_what_cannot_take_its_place_is_kept_beside_it(tmp_path, monkeypatch):
    """The old file may be a mount point; the work is not lost for that."""
    target = tmp_path / "out.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "replace", raising(errno.EBUSY))
    monkeypatch.setattr(files.Path, "replace", raising(errno.EBUSY))

    def write():
        with replacing(target) as part:
            part.write_text("new")

    message = refused(write, os.strerror(errno.EBUSY))
    (beside,) = set(tmp_path.iterdir()) - {target}
    assert str(beside) in message
    assert (target.read_text(), beside.read_text()) == ("old", "new")


def test_a_full_disk_is_found_out_where_a_library_does_not_say_it(tmp_path, monkeypatch):
    """NumPy says "100 requested and 16 written"."""

    said = OSError("100 requested and 16 written")

    def write():
        with replacing(tmp_path / "out.txt"):
            monkeypatch.setattr(os, "fsync", raising(errno.ENOSPC))
            raise said

    refused(write, "out.txt", os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_link_stays_one_and_a_device_is_left_alone(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "disk" / "out.txt")
    for text in ("first", "second"):
        with replacing(tmp_path / "link.txt") as part:
            part.write_text(text)
        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / "disk" / "out.txt").read_text() == text
    refused(lambda: check_writable("/dev/null"), "/dev/null", "device")


def test_names_as_long_as_file_systems_allow(tmp_path):
    name = "é" * 125 + ".nc"  # 253 bytes
    with replacing(tmp_path / name) as part:
        part.write_text("new")
    assert (tmp_path / name).read_text() == "new"
    refused(lambda: check_writable(tmp_path / ("x" * 300)), os.strerror(errno.ENAMETOOLONG))


@pytest.mark.parametrize("value", [None, 3, "", "  ", b"out.nc", "a\0b", ["out.nc"], "~nobody_has_this_name/out.nc"])
def test_what_is_no_path(value):
    refused(lambda: as_path(value, "out"), "out is ", "allowed: a path")
    refused(lambda: check_writable(value, "out"), "out is ")


def test_the_home_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with replacing("~/out.txt") as part:
        part.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert (tmp_path / "home" / "out.txt").read_text() == "new"
    nc.run_sweep(GRID, "~/s.nc", data={"own": (X[:50], X[50:])}, cache_dir="~/cache")
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"out.txt", "s.nc", "cache"}


@pytest.mark.parametrize("usual", ["~/.cache/numbaconc", RuntimeError("no home")])
def test_a_user_without_a_home_has_no_cache_and_no_folder_named_tilde(tmp_path, monkeypatch, usual):
    def os_cache(name):
        if isinstance(usual, str):
            return usual
        raise usual

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NUMBACONC_CACHE_DIR")
    monkeypatch.setattr("pooch.os_cache", os_cache)
    assert cache_dir().is_absolute()
    monkeypatch.setattr(files, "_make", raising(errno.EACCES))
    with pytest.warns(UserWarning, match="radii are not kept"):
        nc.knn_radii(X, 5, cache_dir=cache_dir())
    assert list(tmp_path.iterdir()) == []


# Journals


@posix
@pytest.mark.parametrize("name", ["ENOLCK", "ENOTSUP", "ENOSYS"])
def test_a_journal_where_files_cannot_be_locked(tmp_path, monkeypatch, name):
    data = {"own": (X[:50], X[50:])}
    expected = nc.run_sweep(GRID, tmp_path / "a.nc", data=data)
    monkeypatch.setattr("fcntl.lockf", raising(getattr(errno, name)))
    monkeypatch.setattr(os, "fsync", raising(errno.ENOSYS))
    with pytest.warns(UserWarning, match="files are not locked in"):
        ds = nc.run_sweep(GRID, tmp_path / "b.nc", data=data)
    np.testing.assert_array_equal(ds["adversarial_risk"], expected["adversarial_risk"])
    assert {path.name for path in tmp_path.iterdir()} == {"a.nc", "b.nc"}


PLACE = ["rectangles", 0.1, "own", 0.05, [["T", 2], ["q", 0.5], ["seed", 0]]]
RISKS = {"risk": {"train": 0.1, "test": 0.1}, "adversarial_risk": {"train": 0.2, "test": 0.2}}


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        (PLACE, "1e999"),
        (PLACE, "NaN"),
        (PLACE, "null"),
        (PLACE, "[" * 5000),
        (PLACE, {}),
        (PLACE, {"risk": 0.1, "adversarial_risk": 0.2}),
        (PLACE, RISKS | {"risk": {"train": "a", "test": 0.1}}),
        (PLACE, RISKS | {"risk": {"train": 1.5, "test": 0.1}}),
        (PLACE, RISKS | {"risk": {"train": True, "test": 0.1}}),
        (PLACE, RISKS | {"q_found": "0.5"}),
        (PLACE, RISKS | {"color": 1}),
        (PLACE, json.dumps(RISKS).replace("0.2", "1e999")),
        (PLACE, {"error": 3}),
        (["rectangles", "0.1", *PLACE[2:]], RISKS),
        ([3, *PLACE[1:]], RISKS),
        ([*PLACE[:2], "another", *PLACE[3:]], RISKS),
        ([*PLACE[:4], [["T", [2]]]], RISKS),
        ([*PLACE[:4], 7], RISKS),
        (PLACE[:3], RISKS),
    ],
    ids=str,
)
def test_rows_that_no_sweep_writes(tmp_path, place, outcome):
    out, data = tmp_path / "s.nc", {"own": (X[:50], X[50:])}
    grid = GRID | {"T": 60}  # more boxes than points: these fail, and so the journal is all that is looked at
    facts = {split: {"data_sha256": "0", "n_points": 50} for split in ("train", "test")}
    with Journal(out) as journal:
        journal.identity = {"settings": {}, "searches": {"rectangles": {}}, "data": {"own": facts}}
        text = outcome if isinstance(outcome, str) else json.dumps(outcome)
        journal._connection.execute("insert into finished values (?, ?, 1.0)", (json.dumps(place), text))
    before = out.with_name("s.nc.journal").read_bytes()
    refused(lambda: nc.run_sweep(grid, out, data=data), "journal ", "is damaged", "remove it")
    assert out.with_name("s.nc.journal").read_bytes() == before


def test_a_row_that_a_sweep_writes_is_welcome(tmp_path):
    facts = {split: {"data_sha256": "0", "n_points": 50} for split in ("train", "test")}
    with Journal(tmp_path / "s.nc") as journal:
        journal.identity = {"settings": {}, "searches": {"rectangles": {}}, "data": {"own": facts}}
        journal._connection.execute(
            "insert into finished values (?, ?, 1.0)", (json.dumps(PLACE), json.dumps(RISKS | {"q_found": 0.5}))
        )
        assert len(journal.finished()) == 1


def test_a_journal_with_a_view_that_has_no_end(tmp_path):
    endless = "with recursive n(i) as (select 1 union all select i from n) select i, i, i from n"
    with sqlite3.connect(tmp_path / "s.nc.journal") as connection:
        connection.execute(f"create view finished(place, outcome, seconds) as {endless}")
    connection.close()
    refused(lambda: Journal(tmp_path / "s.nc"), "is damaged")


# Kernels and Numba


@needs_jit
def test_kernels_without_a_place_to_be_kept(monkeypatch):
    monkeypatch.setattr(compiling._Place, "_locator_classes", [])
    monkeypatch.setattr(compiling, "uncached", [])
    assert compiling.helper(lambda x: x + 1)(2) == 3
    assert len(compiling.uncached) == 1


SPOILED = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256))),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@needs_jit
@pytest.mark.parametrize("end", [".nbi", ".nbc"])
@pytest.mark.parametrize("how", SPOILED)
def test_kept_kernels_that_are_damaged(tmp_path, monkeypatch, end, how):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def compiled():
        one = compiling.helper(_add_one)
        assert one(2) == 3
        return sum(one.stats.cache_hits.values())

    assert [compiled(), compiled()] == [0, 1]
    (path,) = tmp_path.rglob(f"*{end}")
    SPOILED[how](path)
    assert compiled() == 0
    assert compiled() == (how != "a folder")  # and it was put right


def _add_one(x):
    return x + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUMBA_NUM_THREADS", "garbage"),
        ("NUMBA_NUM_THREADS", "0"),
        ("NUMBA_NUM_THREADS", "99999"),
        ("NUMBA_THREADING_LAYER", "bogus"),
        ("NUMBA_CPU_FEATURES", "nonsense"),
    ],
)
def test_numba_s_own_environment(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    refused(check_environment, f"{name} is {value!r}", "allowed: ")


# Terminals and signals


@posix
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGXCPU", 2), ("SIGINT", 130)])
def test_signals_end_a_command_as_ctrl_c_does(tmp_path, capsys, name, status):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with reporting("program") as outcome, replacing(tmp_path / "out.txt") as part:
        part.write_text("half")
        os.kill(os.getpid(), number)
        pytest.fail("must end here")
    assert outcome.status == status
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing half-written is left" in line
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is before


@posix
def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with reporting("program") as outcome:
            os.kill(os.getpid(), signal.SIGHUP)
        assert outcome.status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_no_standard_streams(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with reporting("program") as outcome:
        say("words")
        tell("words")
        assert list(bar([1, 2], what="bar", shown=True)) == [1, 2]
        refusal = nc.InputError("words")
        raise refusal
    assert outcome.status == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_standard_output_takes_no_more(monkeypatch, capsys):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with reporting("program") as outcome:
            say("words")
        assert outcome.status == 2
        assert sys.stdout is None
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"program: error: standard output cannot be written: {os.strerror(errno.ENOSPC)}"


def test_matplotlib_says_one_thing_in_one_line(capsys):
    with reporting("program"):
        for _ in range(3):
            logging.getLogger("matplotlib.font_manager").warning("several\nlines")
    assert capsys.readouterr().err == "program: warning: several lines\n"


def test_names_that_no_file_can_hold(tmp_path):
    """A sweep knows its data again: the name is the same in memory, in the journal and in the file."""
    name = "caf\udce9"
    grid = GRID | {"dataset": name}
    first = nc.run_sweep(grid, tmp_path / "s.nc", data={name: (X[:50], X[50:])})
    again = nc.run_sweep(grid | {"q": [0.5, 0.8, 0.9]}, tmp_path / "s.nc", data={name: (X[:50], X[50:])})
    for ds in (first, again):
        (kept,) = ds["dataset"].values.tolist()
        assert kept.isprintable()
        assert kept.isascii()


@pytest.mark.parametrize("module", ["table1", "convergence", "all"])
def test_an_experiment_says_in_one_line_what_numba_cannot_use(module):
    command = [sys.executable, "-m", f"numbaconc.experiments.{module}"]
    ran = subprocess.run(
        command, env=os.environ | {"NUMBA_NUM_THREADS": "x"}, capture_output=True, text=True, check=False
    )
    (line,) = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert line.startswith("numbaconc.experiments: error: NUMBA_NUM_THREADS is 'x'")


@pytest.mark.parametrize(
    "error", [SystemError("returned NULL without setting an exception"), nc.UnitWarning("x")], ids=repr
)
def test_what_compiled_code_or_an_error_of_a_warning_says_is_one_line(error, capsys):
    with reporting("program") as outcome:
        raise error
    assert outcome.status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("program: error: ")
    assert str(error) in line
