"""Where subscriptions are kept, so that old segments of the journal can go: fed from the journal, off the loop.

As with bindings (`bindings.py`) the journal says first what happened and the store follows, at least once. At a start
come those that `load` gives, then the journal's events: each is an absolute statement about one subscription.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Protocol

from records.codec import Codec
from records.events import Subscribed, Unsubscribed

Batch = Sequence[Subscribed | Unsubscribed]


class SubscriptionStore(Protocol):
    """One owner at a time calls these; they may block, so never from the event loop."""

    def load(self) -> list[Subscribed]:
        """The last Subscribed of every one that has not ended."""

    def apply(self, events: Batch) -> None:
        """Take in events, all or none. Raises OSError when it cannot."""

    def close(self) -> None:
        """Let go of what is open."""


class SqliteSubscriptionStore:
    """In the state file (`switch.state.sqlite.open_state`). The columns beside `event` are for people."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._codec = Codec()

    def load(self) -> list[Subscribed]:
        """See SubscriptionStore. Rows that this version cannot read are left out: their telephones subscribe again."""
        rows = self._connection.execute("SELECT event FROM subscriptions")
        return [event for (data,) in rows for event in self._codec.decode(data) if isinstance(event, Subscribed)]

    def apply(self, events: Batch) -> None:
        """See SubscriptionStore."""
        last = {tag_of(event): event for event in events}
        gone = [(tag,) for tag, event in last.items() if isinstance(event, Unsubscribed)]
        kept = [
            (tag, event.device, event.resource, event.expires_at, self._codec.encode([event]))
            for tag, event in last.items()
            if isinstance(event, Subscribed)
        ]
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM subscriptions WHERE tag = ?", gone)
                connection.executemany("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?)", kept)
        except sqlite3.DatabaseError as error:
            raise OSError(f"the state file cannot be written: {error}") from error

    def close(self) -> None:
        """See SubscriptionStore."""
        self._connection.close()


def tag_of(event: Subscribed | Unsubscribed) -> str:
    """Which subscription the event is about."""
    return event.tag if isinstance(event, Unsubscribed) else event.dialog.local_tag
