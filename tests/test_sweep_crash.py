"""Sweeps that are killed, really: whatever the moment, the same command goes on and ends with the same values.

The killed process is `python -m numbaconc sweep`. A module that Python loads at its start, `sitecustomize`, makes
it stop dead at a chosen moment (before or after a statement of the journal, or the move of the result into its
place) and say so by making a file; then it gets SIGKILL. So every kill is exactly where it is wanted.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import psutil
import pytest
import xarray as xr
from conftest import blobs, lines
from test_cli import call
from test_sweep import in_journal

import numbaconc as nc

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"),
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.slow,
]

HOOK = """
import os, sqlite3, sys, time

moment, mark = os.environ["SWEEP_MOMENT"], os.environ["SWEEP_MARK"]
seen = []

def reached(event):
    seen.append(event)
    if f"{event} {seen.count(event)}" == moment:
        open(mark, "x").close()
        while "SWEEP_GOES_ON" not in os.environ:
            time.sleep(60)

class Watched(sqlite3.Connection):
    def execute(self, statement, *values):
        word = statement.split()[0]
        reached(word)
        found = super().execute(statement, *values)
        reached(f"{word} done")
        return found

connect, replace = sqlite3.connect, os.replace

def replacing(source, target, **options):
    if str(target).endswith(".nc"):
        reached("replace")
    replace(source, target, **options)

sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Watched, **options)
os.replace = replacing

if "--multiprocessing-fork" in sys.orig_argv and "SWEEP_WORKER_DIES" in os.environ:
    import signal
    from numbaconc.sweep import work

    outcomes = work._outcomes

    def dying(data, job):
        if dict(job.cases[0].at)["seed"] == 2:
            while not os.path.exists(mark):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes(data, job)

    work._outcomes = dying
"""

GRID = """
dataset = "own.npz"
epsilon = [0.02, 0.05]
T = 2
q = [0.5, 0.8]
seed = [0, 1, 2, 3, 4]
alpha = 0.1
n_neighbors = 5
"""
CASES = 20


class Place(NamedTuple):
    """A folder with data and a grid, and the environment for commands that run there."""

    folder: os.PathLike
    environment: dict

    @property
    def out(self):
        return self.folder / "grid.nc"

    @property
    def mark(self):
        return self.folder.parent / "mark"

    def start(self, *options, **variables):
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "-m", "numbaconc", "sweep", "grid.toml", "--quiet", *options],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def until(self, moment, *options):
        """Start the command and return when it stands still at that moment."""
        self.mark.unlink(missing_ok=True)
        running = self.start(*options, SWEEP_MOMENT=moment)
        try:
            wait_until(lambda: self.mark.exists() or running.poll() is not None)
            assert running.poll() is None, running.stderr.read()
        except BaseException:
            kill(running)
            raise
        return running

    def killed(self, moment, *options):
        """Run the command until that moment and kill it there."""
        assert kill(self.until(moment, *options)) == -signal.SIGKILL

    def finish(self):
        """Give the same command line in this process, which is quicker, and return the result."""
        ran = call("sweep", "grid.toml", "--quiet")
        assert (ran.status, lines(ran.err)) == (0, [])
        return nc.open_results(self.out)

    def finish_anew(self):
        """Run the command to its end and return the result."""
        running = self.start()
        try:
            said = running.communicate(timeout=120)
        finally:
            kill(running)
        assert (running.returncode, said[1]) == (0, "")
        return nc.open_results(self.out)

    @property
    def files(self):
        """What lies beside the data and the grid, without what a killed process was writing."""
        names = {path.name for path in self.folder.iterdir()} - {"own.npz", "grid.toml"}
        return {name for name in names if not name.startswith(".")}


def wait_until(condition, seconds=100):
    deadline = time.monotonic() + seconds
    while not condition():  # once it was true is enough, for some are only so for a moment
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill(running):
    """Kill a process, if it still runs, and return how it ended."""
    running.kill()
    for stream in (running.stdout, running.stderr):
        stream.close()  # not read to its end: workers may hold the other one
    return running.wait()


@pytest.fixture
def place(tmp_path, monkeypatch):
    folder, hook = tmp_path / "here", tmp_path / "hook"
    folder.mkdir()
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    (folder / "grid.toml").write_text(GRID)
    monkeypatch.chdir(folder)
    X = blobs(80, 4, 2, spread=40)
    np.savez(folder / "own.npz", X_train=X[:50], X_test=X[50:])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")]))
    own = {"SWEEP_MOMENT": "", "SWEEP_MARK": str(tmp_path / "mark"), "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    return Place(folder, environment | own | {"NUMBACONC_CACHE_DIR": str(tmp_path / "cache")})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The values of an uninterrupted run, by the library."""
    X = blobs(80, 4, 2, spread=40)
    grid = {"dataset": "own", "epsilon": [0.02, 0.05], "T": 2, "q": [0.5, 0.8], "seed": [0, 1, 2, 3, 4]}
    out = tmp_path_factory.mktemp("whole") / "w.nc"
    return nc.run_sweep(grid | {"alpha": 0.1, "n_neighbors": 5}, out, data={"own": (X[:50], X[50:])})


def assert_same(ds, whole):
    """Equal bit for bit: values, coordinates, and their order."""
    xr.testing.assert_equal(ds, whole)
    for name in ("risk", "adversarial_risk"):
        assert ds[name].values.tobytes() == whole[name].values.tobytes()


def test_killed_in_the_midst(place, whole):
    """Before, while and after a case is made durable; again and again."""
    for moment, finished in (("commit 1", 0), ("commit done 2", 2), ("commit 4", 5)):
        place.killed(moment)
        assert in_journal(place.out) == finished < CASES
        assert not place.out.exists()
    assert_same(place.finish_anew(), whole)
    assert place.files == {"grid.nc"}


@pytest.mark.parametrize(("moment", "saved"), [("replace 1", False), ("delete 1", True)])
def test_killed_at_the_end(place, whole, moment, saved):
    """Around the move of the result into its place."""
    place.killed(moment)
    assert place.out.exists() == saved
    assert in_journal(place.out) == CASES
    assert_same(place.finish(), whole)
    assert place.files == {"grid.nc"}


def test_killed_before_anything_was_finished_other_settings_are_welcome(place):
    place.killed("begin 1")
    (place.folder / "grid.toml").write_text(GRID.replace("n_neighbors = 5", "n_neighbors = 6"))
    assert place.finish().attrs["n_neighbors"] == 6


def test_killed_while_it_extends_a_file(place, whole):
    """The old result stays whole until the new one takes its place."""
    (place.folder / "grid.toml").write_text(GRID.replace("[0, 1, 2, 3, 4]", "[0, 1]"))
    first = place.finish()
    (place.folder / "grid.toml").write_text(GRID)
    place.killed("commit done 3")
    assert in_journal(place.out) == 3
    xr.testing.assert_identical(nc.open_results(place.out), first)
    assert_same(place.finish(), whole)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_ended_at_random_moments(place, whole, name):
    """Other moments every time: the seed is printed where it fails."""
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    for _ in range(4):
        running = place.start()
        wait_until(lambda running=running: place.files or running.poll() is not None)
        time.sleep(rng.uniform(0, 0.3))
        running.send_signal(getattr(signal, name))
        said = running.communicate(timeout=60)[1]
        assert "Traceback" not in said
        if name == "SIGTERM":
            assert [path.name for path in place.folder.iterdir() if path.name.startswith(".")] == []
            assert running.returncode in (143, 0, -signal.SIGTERM)  # it may have been at its end
    assert_same(place.finish(), whole)
    assert place.files == {"grid.nc"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_workers_end_without_a_word(place, whole, number, seconds):
    """Ctrl-C reaches the workers, too, also while they start; nothing is left of what was sent to them."""
    temporary = place.folder.parent / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "numbaconc", "sweep", "grid.toml", "--quiet", "--workers", "2"]
    environment = place.environment | {"TMPDIR": str(temporary), "SWEEP_MOMENT": "commit 3"}  # where it stands still
    running = subprocess.Popen(
        command, cwd=place.folder, env=environment, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
    )
    try:
        # `tempfile` itself tries for a moment whether it can write there; what is sent to workers is in a folder
        wait_until(lambda: any(path.is_dir() for path in temporary.iterdir()) or running.poll() is not None)
        time.sleep(seconds)
        os.killpg(running.pid, number)
        said = running.communicate(timeout=60)[1]
    finally:
        kill_group(running)
    (line,) = said.splitlines()
    assert "nothing half-written is left" in line
    assert running.returncode == 128 + number
    assert list(temporary.iterdir()) == []
    assert_same(place.finish(), whole)


ENDED = "import os, signal, time\nexec('os.kill(os.getpid(), signal.{name}); time.sleep(9)')\n"
# As many objects of compiled code: they complain, where no error gets out, when they are freed half made.
HALF_MADE = """
import os, signal, time

class Half:
    def __init__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(9)
        self.whole = True

    def __del__(self):
        self.whole

try:
    Half()
except KeyboardInterrupt as error:
    raise SystemError("a kernel's result is lost") from error
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize("text", [ENDED, HALF_MADE], ids=["executed", "half made"])
def test_one_line_and_our_status_whatever_was_going_on_when_the_signal_came(tmp_path, text, name, status):
    """`python -m` would end by SIGINT where a KeyboardInterrupt as such came out of a text that was executed."""
    (tmp_path / "ending.py").write_text(text.format(name=name))
    ran = subprocess.run(
        [sys.executable, "-m", "numbaconc", "measure", "--plugin", "ending"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert ran.returncode == status


def kill_group(running):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def test_two_runs_at_once(place, whole):
    """The second is refused, and disturbs nothing."""
    first = place.until("commit done 3")
    try:
        second = call("sweep", "grid.toml", "--quiet")
        assert (second.status, second.out) == (2, "")
        (line,) = lines(second.err)
        assert "sweep is running in another process, which holds 'grid.nc.journal'" in line
    finally:
        kill(first)
    assert in_journal(place.out) == 3
    assert_same(place.finish(), whole)


def test_a_worker_is_killed(place, whole):
    """One line, the finished cases are kept, and the next run finishes."""
    running = place.start("--workers", "2", SWEEP_MOMENT="commit done 1", SWEEP_GOES_ON="1", SWEEP_WORKER_DIES="1")
    try:
        said = running.communicate(timeout=120)
    finally:
        kill(running)
    assert (running.returncode, said[0]) == (2, "")
    assert "Traceback" not in said[1]
    (line,) = [line for line in said[1].splitlines() if line.startswith("numbaconc")]
    assert "a worker was lost" in line
    assert "finished cases are kept" in line
    others = [other.strip() for other in said[1].splitlines() if other != line]
    assert all("resource_tracker" in other or other == "warnings.warn(" for other in others)  # Python's own
    assert 0 < in_journal(place.out) < CASES
    assert place.files == {"grid.nc.journal"}
    assert_same(place.finish(), whole)


def test_workers_end_with_the_process_that_started_them(place, whole):
    """A kill must not leave processes behind that wait for work for ever."""
    running = place.until("commit done 1", "--workers", "2")
    workers = psutil.Process(running.pid).children(recursive=True)
    assert len(workers) >= 2
    try:
        kill(running)
        left = psutil.wait_procs(workers, timeout=10)[1]
        assert left == []
    finally:
        for worker in workers:
            if worker.is_running():
                worker.kill()
    assert in_journal(place.out) == 2
    assert_same(place.finish(), whole)
