"""The state file: one SQLite database for what is set at run time, and how it grows from version to version.

`MIGRATIONS` is the whole history. The file's `user_version` counts how many of them it has had; opening it runs the
rest, each in a transaction of its own together with the new count, so a crash between two leaves a file that is simply
at the older one. A migration that was ever released is never changed; a new one goes at the end.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

MIGRATIONS: tuple[Sequence[str], ...] = (
    (
        """CREATE TABLE bindings (
            line TEXT NOT NULL,
            uri BLOB NOT NULL,
            device TEXT NOT NULL,
            expires_at REAL NOT NULL,
            event BLOB NOT NULL,
            PRIMARY KEY (line, uri)
        ) WITHOUT ROWID""",
        """CREATE TABLE cursors (
            name TEXT NOT NULL PRIMARY KEY,
            segment INTEGER NOT NULL,
            "offset" INTEGER NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE bans (
            source TEXT NOT NULL PRIMARY KEY,
            why TEXT NOT NULL,
            since REAL NOT NULL,
            until REAL NOT NULL,
            times INTEGER NOT NULL,
            dry INTEGER NOT NULL,
            dropped INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "CREATE TABLE allowed (network TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    ),
    (
        # A telephone may register the same URI over several flows (RFC 5626).
        """CREATE TABLE bindings_of_flows (
            line TEXT NOT NULL,
            uri BLOB NOT NULL,
            reg_id INTEGER NOT NULL,
            device TEXT NOT NULL,
            expires_at REAL NOT NULL,
            event BLOB NOT NULL,
            PRIMARY KEY (line, uri, reg_id)
        ) WITHOUT ROWID""",
        "INSERT INTO bindings_of_flows SELECT line, uri, 0, device, expires_at, event FROM bindings",
        "DROP TABLE bindings",
        "ALTER TABLE bindings_of_flows RENAME TO bindings",
    ),
    (
        """CREATE TABLE settings (
            line TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            by TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (line, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE facts (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            bucket INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            PRIMARY KEY (kind, name, bucket)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE messages (
            mailbox TEXT NOT NULL,
            id TEXT NOT NULL,
            at TEXT NOT NULL,
            call TEXT NOT NULL,
            number TEXT NOT NULL,
            name TEXT NOT NULL,
            seconds REAL NOT NULL,
            urgent INTEGER NOT NULL,
            open INTEGER NOT NULL,
            sent_by TEXT NOT NULL,
            played INTEGER NOT NULL,
            saved INTEGER NOT NULL,
            mailed INTEGER NOT NULL,
            deleted REAL NOT NULL,
            PRIMARY KEY (mailbox, id)
        ) WITHOUT ROWID""",
        """CREATE TABLE mailbox_settings (
            mailbox TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            by TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (mailbox, key)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE subscriptions (
            tag TEXT NOT NULL PRIMARY KEY,
            device TEXT NOT NULL,
            resource TEXT NOT NULL,
            expires_at REAL NOT NULL,
            event BLOB NOT NULL
        ) WITHOUT ROWID""",
    ),
)


class NewerStateError(Exception):
    """The file was written by a newer version; this one must not touch it."""


def _for_its_owner_alone(path: Path | str) -> None:
    """SQLite gives its companions (-wal, -shm) the mode of the file itself."""
    if str(path) != ":memory:":
        with contextlib.suppress(OSError):  # whatever is the matter, SQLite says it better
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            Path(path).chmod(0o600)


def open_state(path: Path | str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> sqlite3.Connection:
    """Open the state file, making or migrating it as needed. The connection may change threads but not be shared.

    Raises NewerStateError, and sqlite3.Error for a file that is damaged or no database.
    """
    _for_its_owner_alone(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A loss of power takes nothing of what stands here: else a start would read more of the journal (decision 26).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        _migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def check_state(path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Look whether this version can read the state file, while another process uses it; nothing is changed. Raises
    NewerStateError."""
    if not path.exists():
        return
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
    ) as connection:
        try:
            done = _version(connection)
        except sqlite3.Error:
            return  # a damaged one is set aside at the start
    if done > len(migrations):
        raise NewerStateError(f"the state file is of version {done}, this Ringplan knows {len(migrations)}")


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    done = _version(connection)
    if done > len(migrations):
        raise NewerStateError(f"the state file is of version {done}, this Ringplan knows {len(migrations)}")
    for number in range(done, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Two processes may have opened the file at once; the second finds the work done.
            if _version(connection) == number:
                for statement in migrations[number]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])
