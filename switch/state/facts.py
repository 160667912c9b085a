"""Where the moving facts are kept (`switch/facts.py`), so that old segments of the journal can go: what users have set,
and the figures of the last day.

The journal says first what happened; the store follows, at least once. Everything here is an absolute statement, so a
batch that comes twice does no harm. `position` is where in the journal the figures end: a start adds what came behind
it, and nothing before it a second time.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Sequence
from typing import Protocol

import msgspec

from records.events import LineSet
from switch.state.bindings import BEGIN, Position

IDLE = "idle"
HELPED = "helped"
SHOWN = "shown"
CURSOR = "cursor"
SPENT = "spent"
RESET = "reset"
QUOTA = "quota"

_CURSOR = "facts"


class Row(msgspec.Struct, frozen=True, gc=False):
    """One figure: since when a line is `idle`, when it called for help (`helped`; both in Unix milliseconds; `shown`:
    the same by the number that it showed, as `+16695550100 lobby`), the `cursor` of a group, or what a line `spent`
    outside: milliseconds and micro-units of money of those calls that ended in the minute `bucket` (of the epoch). The
    name is empty for all lines together."""

    kind: str
    name: str
    bucket: int
    amount: int
    cost: int = 0


class Kept(msgspec.Struct, frozen=True):
    """All that a store holds."""

    settings: list[LineSet] = []
    rows: list[Row] = []
    position: Position = BEGIN


class FactStore(Protocol):
    """One owner at a time calls these; they may block, so never from the event loop."""

    def load(self) -> Kept:
        """What was kept."""

    def apply(self, settings: Sequence[LineSet], rows: Sequence[Row], forget: int, position: Position) -> None:
        """Take in settings (one without a value goes) and figures, forget what was spent before the minute `forget`,
        and remember the position; all of it or nothing. Raises OSError when it cannot."""

    def close(self) -> None:
        """Let go of what is open."""


class MemoryFactStore:
    """For tests, and for an exchange that shall forget."""

    def __init__(self) -> None:
        self._settings: dict[tuple[str, str], LineSet] = {}
        self._rows: dict[tuple[str, str, int], Row] = {}
        self._position = BEGIN

    def load(self) -> Kept:
        """See FactStore."""
        return Kept(list(self._settings.values()), list(self._rows.values()), self._position)

    def apply(self, settings: Sequence[LineSet], rows: Sequence[Row], forget: int, position: Position) -> None:
        """See FactStore."""
        for each in settings:
            self._settings.pop((each.line, each.key), None)
            if each.value:
                self._settings[each.line, each.key] = each
        self._rows |= {(row.kind, row.name, row.bucket): row for row in rows}
        self._rows = {key: row for key, row in self._rows.items() if row.kind != SPENT or row.bucket >= forget}
        self._position = position

    def close(self) -> None:
        """See FactStore."""


class SqliteFactStore:
    """In the state file (`switch.state.sqlite.open_state`), over a connection of its own. A batch is one transaction,
    on disk when `apply` returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self) -> Kept:
        """See FactStore."""
        connection = self._connection
        settings = [
            LineSet(line, key, value, by, datetime.datetime.fromisoformat(at))
            for line, key, value, by, at in connection.execute("SELECT line, key, value, by, at FROM settings")
        ]
        rows = [Row(*row) for row in connection.execute("SELECT kind, name, bucket, amount, cost FROM facts")]
        found = connection.execute('SELECT segment, "offset" FROM cursors WHERE name = ?', (_CURSOR,)).fetchone()
        return Kept(settings, rows, (found[0], found[1]) if found else BEGIN)

    def apply(self, settings: Sequence[LineSet], rows: Sequence[Row], forget: int, position: Position) -> None:
        """See FactStore."""
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "DELETE FROM settings WHERE line = ? AND key = ?", [(each.line, each.key) for each in settings]
                )
                connection.executemany(
                    "INSERT INTO settings VALUES (?, ?, ?, ?, ?)", [_columns(each) for each in settings if each.value]
                )
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)", map(_row, rows))
                connection.execute("DELETE FROM facts WHERE kind = ? AND bucket < ?", (SPENT, forget))
                connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (_CURSOR, *position))
        except sqlite3.DatabaseError as error:
            raise OSError(f"the state file cannot be written: {error}") from error

    def close(self) -> None:
        """See FactStore."""
        self._connection.close()


def _columns(event: LineSet) -> tuple[str, ...]:
    return event.line, event.key, event.value, event.by, event.at.isoformat()


def _row(row: Row) -> tuple[str | int, ...]:
    return msgspec.structs.astuple(row)
