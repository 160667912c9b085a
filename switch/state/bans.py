"""Where bans and allowed networks are kept, so that a restart frees nobody: few rows, written as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Protocol

import msgspec


class KeptBan(msgspec.Struct, frozen=True):
    """One ban as it stands in the state. `key` is an address, a flow or a name; times in Unix seconds."""

    key: str
    why: str
    since: float
    until: float
    times: int
    dry: bool
    dropped: int


class BanStore(Protocol):
    """One owner at a time calls these; they may block, so never from the event loop."""

    def load(self) -> tuple[list[KeptBan], list[str]]:
        """The bans, and the networks that are allowed."""

    def save(self, bans: Sequence[KeptBan], allowed: Sequence[str]) -> None:
        """Replace all. Raises OSError when it cannot."""

    def close(self) -> None:
        """Let go of what is open."""


class MemoryBanStore:
    """For tests, and for an exchange that shall forget."""

    def __init__(self) -> None:
        self._kept: tuple[list[KeptBan], list[str]] = ([], [])

    def load(self) -> tuple[list[KeptBan], list[str]]:
        """See BanStore."""
        return self._kept

    def save(self, bans: Sequence[KeptBan], allowed: Sequence[str]) -> None:
        """See BanStore."""
        self._kept = list(bans), list(allowed)

    def close(self) -> None:
        """See BanStore."""


class SqliteBanStore:
    """In the state file (`switch.state.sqlite.open_state`), over a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self) -> tuple[list[KeptBan], list[str]]:
        """See BanStore."""
        rows = self._connection.execute("SELECT source, why, since, until, times, dry, dropped FROM bans")
        bans = [
            KeptBan(source, why, since, until, times, bool(dry), dropped)
            for source, why, since, until, times, dry, dropped in rows
        ]
        return bans, [text for (text,) in self._connection.execute("SELECT network FROM allowed")]

    def save(self, bans: Sequence[KeptBan], allowed: Sequence[str]) -> None:
        """See BanStore."""
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM bans")
                connection.executemany(
                    "INSERT INTO bans VALUES (?, ?, ?, ?, ?, ?, ?)", [msgspec.structs.astuple(ban) for ban in bans]
                )
                connection.execute("DELETE FROM allowed")
                connection.executemany("INSERT INTO allowed VALUES (?)", [(text,) for text in allowed])
        except sqlite3.DatabaseError as error:
            raise OSError(f"the state file cannot be written: {error}") from error

    def close(self) -> None:
        """See BanStore."""
        self._connection.close()
