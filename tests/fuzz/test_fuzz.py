"""Every reader gets what is good, what once went wrong, and some hundred mutations; `run.py` beside this goes on for longer."""

from __future__ import annotations

import sys

import pytest
from conftest import needs_jit

from fuzz.run import READERS, fuzz

MUTATIONS = {
    "checkpoint": 100,
    "result": 40,
    "region": 40,
    "hdf5": 0,
    "nc_arrays": 0,
    "pt": 60,
    "png": 0,
}  # of readers that take long, above all to try a file out in another process first
NEEDS = {"parquet": "pyarrow", "hdf5": "h5py", "pt": "torch", "png": "PIL"}
MORE = 200  # of each other
EXAMPLES = 60  # at most, which come first

pytestmark = [needs_jit, pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")]


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_in_a_file_it_is_read_or_refused_in_one_line(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    last = EXAMPLES + MUTATIONS.get(name, MORE)
    assert list(fuzz(name, 1, last, tmp_path / "found")) == [last]
    assert not (tmp_path / "found").exists()


def test_what_is_wrong_is_seen(tmp_path, monkeypatch):
    """A reader that raises, writes in several lines, crashes, hangs, or takes too much memory."""
    monkeypatch.setattr("fuzz.run.HANG", 2.0)
    told = list(fuzz("wrong", 0, 7, tmp_path))
    words = ["KeyError: 'raises'", "message of 3", "message of 6", "asks for more than", "status -11", "hangs for 2 s"]
    faults = [one for one in told if isinstance(one, str)]
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True)), faults
    assert len(list(tmp_path.iterdir())) == len(words)
    assert told[-1] == 7
