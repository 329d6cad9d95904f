"""Finished cases, durable one by one: an SQLite file beside the result, gone when the result is whole."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbaconc.errors import InputError
from numbaconc.results.layout import Case, Outcome

if TYPE_CHECKING:
    from numbaconc.sweep.work import Done


# Write-ahead logging with full synchronization: what is committed survives a kill and a loss of power. The lock is
# held until the journal is closed, so that two runs of one sweep cannot mix.
OPENING = """
pragma locking_mode = exclusive;
pragma journal_mode = wal;
pragma synchronous = full;
create table if not exists said (what text primary key, value text);
create table if not exists finished (place text primary key, outcome text, seconds real);
"""


class Journal:
    """What a sweep has finished but not yet written to its result file `out`: a file with ".journal" added to the name.

    One that cannot be written, is damaged, or is open in another process is refused.
    """

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(out.name + ".journal")
        with self._in_one_line():
            out.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        try:
            with self._in_one_line():
                self._connection.executescript(OPENING)
        except InputError:
            self._connection.close()
            raise

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
            return None if row is None else json.loads(row[0])

    @identity.setter
    def identity(self, value: Mapping[str, Any]) -> None:
        with self._in_one_line():
            self._connection.execute("insert or replace into said values ('identity', ?)", (json.dumps(value),))

    @property
    def seconds(self) -> float:
        """Seconds that the finished cases took."""
        with self._in_one_line():
            return float(self._connection.execute("select total(seconds) from finished").fetchone()[0])

    def finished(self) -> dict[Case, Outcome]:
        """Return the outcomes of the finished cases, failures included."""
        with self._in_one_line():
            rows = self._connection.execute("select place, outcome from finished").fetchall()
            return {_case(json.loads(place)): json.loads(outcome) for place, outcome in rows}

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
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            if "locked" in str(error):
                msg = f"sweep is running in another process, which holds {str(self.path)!r}; allowed: one at a time"
            elif isinstance(error, OSError | sqlite3.OperationalError):
                msg = f"journal {str(self.path)!r} cannot be written: {getattr(error, 'strerror', None) or error}"
            else:
                msg = f"journal {str(self.path)!r} is damaged ({error}); remove it to measure its cases again"
            raise InputError(msg) from error


def _case(parts: list[Any]) -> Case:
    """Return the case that a row of JSON stands for."""
    search, alpha, dataset, epsilon, at = parts
    return Case(search, alpha, dataset, epsilon, tuple((name, value) for name, value in at))
