"""Finished cases, durable one by one: an SQLite file beside the result, gone when the result is whole."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbaconc.data.files import NOT_OFFERED
from numbaconc.errors import InputError, warn
from numbaconc.results.layout import Case, Outcome
from numbaconc.sweep.rows import case_of_row, check_together, identity_of_row, outcome_of_row

if TYPE_CHECKING:
    from numbaconc.sweep.work import Done


# Write-ahead logging with full synchronization: what is committed survives a kill and a loss of power. The lock is
# held until the journal is closed, so that two runs of one sweep cannot mix.
OPENING = """
pragma locking_mode = exclusive;
pragma journal_mode = wal;
pragma synchronous = {synchronous};
"""
TABLES = (
    "CREATE TABLE said (what text primary key, value text)",
    "CREATE TABLE finished (place text primary key, outcome text, seconds real)",
)


class Journal:
    """What a sweep has finished but not yet written to its result file `out`: a file with ".journal" added to the name.

    One that cannot be written, is damaged, or is open in another process is refused.
    """

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(out.name + ".journal")
        with self._in_one_line():
            out.parent.mkdir(parents=True, exist_ok=True)
            locks, syncs = _offered(out.parent)
            address = f"{self.path.absolute().as_uri()}?nolock={int(not locks)}"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)
        if not locks:
            warn(f"files are not locked in {str(out.parent)!r}: nothing keeps two runs of one sweep from mixing there")
        try:
            with self._in_one_line():
                self._connection.executescript(OPENING.format(synchronous="full" if syncs else "off"))
                self._make_tables()
        except InputError:
            self._connection.close()
            raise

    def _make_tables(self) -> None:
        """Make the tables; a file that has others, which might be views without an end, is damaged."""
        found = {row[0] for row in self._connection.execute("select sql from sqlite_master where sql is not null")}
        if found - set(TABLES):
            msg = "it has tables that no sweep makes"
            raise ValueError(msg)
        for table in TABLES:
            if table not in found:
                self._connection.execute(table)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        empty = False
        with contextlib.suppress(sqlite3.Error):
            empty = not self._connection.execute("select count(*) from finished").fetchone()[0]
        self._connection.close()
        if empty:
            self.path.unlink(missing_ok=True)

    @property
    def identity(self) -> dict[str, Any] | None:
        """Data and settings that its cases were measured with; None before they are set."""
        with self._in_one_line():
            row = self._connection.execute("select value from said where what = 'identity'").fetchone()
            return None if row is None else identity_of_row(row[0])

    @identity.setter
    def identity(self, value: Mapping[str, Any]) -> None:
        with self._in_one_line():
            self._connection.execute("insert or replace into said values ('identity', ?)", (json.dumps(value),))

    @property
    def seconds(self) -> float:
        """Seconds that the finished cases took."""
        with self._in_one_line():
            total = float(self._connection.execute("select total(seconds) from finished").fetchone()[0])
            if not 0 <= total < math.inf:
                msg = f"its cases took {total} seconds"
                raise ValueError(msg)
            return total

    def finished(self) -> dict[Case, Outcome]:
        """Return the outcomes of the finished cases, failures included."""
        with self._in_one_line():
            rows = self._connection.execute("select place, outcome from finished").fetchall()
            return {case_of_row(place): outcome_of_row(outcome) for place, outcome in rows}

    def checked(self) -> dict[Case, Outcome]:
        """Return the finished cases; refuse them if they are not of the journal's searches and data."""
        finished, identity = self.finished(), self.identity
        with self._in_one_line():
            check_together(finished, identity)
        return finished

    def add(self, done: Iterable[Done]) -> None:
        """Make outcomes durable, all of them or none."""
        rows = [(json.dumps(case), json.dumps(outcome), seconds) for case, outcome, seconds in done]
        with self._in_one_line():
            self._connection.execute("begin")
            try:
                self._connection.executemany("insert or replace into finished values (?, ?, ?)", rows)
                self._connection.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("rollback")
                raise

    def clear(self) -> None:
        """Forget the finished cases: the result file has them."""
        with self._in_one_line():
            self._connection.execute("delete from finished")

    @contextlib.contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except (sqlite3.Error, OSError, ValueError, TypeError, RecursionError) as error:
            if "locked" in str(error):
                msg = f"sweep is running in another process, which holds {str(self.path)!r}; allowed: one at a time"
            elif isinstance(error, OSError | sqlite3.OperationalError):
                msg = f"journal {str(self.path)!r} cannot be written: {getattr(error, 'strerror', None) or error}"
            else:
                msg = f"journal {str(self.path)!r} is damaged ({error}); remove it to measure its cases again"
            raise InputError(msg) from error


def _offered(folder: Path) -> tuple[bool, bool]:
    """Return whether files in a folder can be locked, and written through to the disk: not every file system does it."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locks = True
        except ImportError:  # another system, which has its own locks
            locks = True
        except OSError as error:  # nobody else has this file
            if error.errno not in (errno.ENOLCK, *NOT_OFFERED):
                raise
            locks = False
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in NOT_OFFERED:
                raise
            return locks, False
    return locks, True
