"""Where bindings are kept, so that old segments of the journal can go: a store fed from the journal, off the loop.

The journal says first what happened; the store follows, at least once. At a start the registrar applies what `load`
gives, then the journal's events from `position` on. A batch that comes twice, or again from an earlier place, does no
harm as long as the events come in their order: each is an absolute statement about one contact.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Protocol

from records.codec import Codec
from records.events import Bound, Unbound

Position = tuple[int, int]
"""A place in the journal: segment number and offset (`records.segments.Position` is one)."""

BEGIN: Position = (0, 0)
Batch = Sequence[Bound | Unbound]

_CURSOR = "bindings"


class BindingStore(Protocol):
    """One owner at a time calls these; they may block, so never from the event loop."""

    def load(self) -> list[Bound]:
        """The last Bound of every contact that has not ended."""

    def position(self) -> Position:
        """Up to where the journal has been taken in."""

    def apply(self, events: Batch, position: Position) -> None:
        """Take in events, and remember the position behind them; both or neither. Raises OSError when it cannot."""

    def close(self) -> None:
        """Let go of what is open."""


class MemoryBindingStore:
    """For tests, and for an exchange that shall forget."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, str, int], Bound] = {}
        self._position = BEGIN

    def load(self) -> list[Bound]:
        """See BindingStore."""
        return list(self._bound.values())

    def position(self) -> Position:
        """See BindingStore."""
        return self._position

    def apply(self, events: Batch, position: Position) -> None:
        """See BindingStore."""
        for key, event in _last_words(events).items():
            if isinstance(event, Bound):
                self._bound[key] = event
            else:
                self._bound.pop(key, None)
        self._position = position

    def close(self) -> None:
        """See BindingStore."""


class SqliteBindingStore:
    """In the state file (`switch.state.sqlite.open_state`). A batch is one transaction, on disk when `apply` returns.

    The columns beside `event` are for people who look into the file; `uri` is bytes, since a contact may hold any.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._codec = Codec()

    def load(self) -> list[Bound]:
        """See BindingStore. Rows that this version cannot read are left out: their phones register again."""
        rows = self._connection.execute("SELECT event FROM bindings")
        return [event for (data,) in rows for event in self._codec.decode(data) if isinstance(event, Bound)]

    def position(self) -> Position:
        """See BindingStore."""
        row = self._connection.execute('SELECT segment, "offset" FROM cursors WHERE name = ?', (_CURSOR,)).fetchone()
        return (row[0], row[1]) if row else BEGIN

    def apply(self, events: Batch, position: Position) -> None:
        """See BindingStore."""
        last = _last_words(events)
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "DELETE FROM bindings WHERE line = ? AND uri = ? AND reg_id = ?",
                    [_key(event) for event in last.values() if isinstance(event, Unbound)],
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?, ?, ?)", self._rows(last.values())
                )
                connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (_CURSOR, *position))
        except sqlite3.DatabaseError as error:
            raise OSError(f"the state file cannot be written: {error}") from error

    def close(self) -> None:
        """See BindingStore."""
        self._connection.close()

    def _rows(self, events: Iterable[Bound | Unbound]) -> list[tuple[str, bytes, int, str, float, bytes]]:
        return [
            (*_key(event), event.device, event.expires_at, self._codec.encode([event]))
            for event in events
            if isinstance(event, Bound)
        ]


def _last_words(events: Batch) -> dict[tuple[str, str, int], Bound | Unbound]:
    """The last event of each contact: the ones before it are overtaken."""
    return {(event.line, event.uri, event.reg_id): event for event in events}


def _key(event: Bound | Unbound) -> tuple[str, bytes, int]:
    return event.line, event.uri.encode("utf-8", "surrogateescape"), event.reg_id
