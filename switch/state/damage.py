"""A state file that cannot be read must not keep the exchange down: it is set aside, and an empty one begun.

What stands in it can be had again: the journal has all of it. The damaged file stays beside the new one, for
whoever wants to look into it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from switch.state.sqlite import open_state

SUFFIX = ".damaged"
_DAMAGE = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB))
"""What SQLite says of a file that is no database, or not the one that its version number says it is. A full disk, a
missing right or another process is something else, which a new file would not cure."""
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def open_sound(path: Path) -> tuple[sqlite3.Connection, str]:
    """The state file, looked through; and what was wrong with the one before, empty when it is the one that was there.

    Raises NewerStateError, and sqlite3.Error where no file can be opened at all.
    """
    try:
        return _opened(path), ""
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
            raise
        wrong = str(error)
    for companion in _COMPANIONS:
        old = path.with_name(path.name + companion)
        if old.exists():
            old.replace(path.with_name(path.name + SUFFIX + companion))
    return _opened(path), wrong


def _opened(path: Path) -> sqlite3.Connection:
    connection = open_state(path)
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        connection.execute("SELECT 1 FROM bindings, cursors LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
