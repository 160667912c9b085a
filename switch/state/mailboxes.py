"""Where mailboxes are kept: the messages that lie in them, and what is set for each (`switch/mailboxes.py` has what it
means). The sound is in files beside the state file (`switch/mailbox_files.py`).

The journal says first what happened; the store follows, at least once. Everything here is an absolute statement, so a
batch that comes twice does no harm. `position` is where in the journal that ends which is in the store.

What is set for a mailbox, by key:

    pin                 the salted hash of its PIN (`switch/pins.py`)
    wrong               how many wrong PINs came one after the other
    locked              until when no PIN is looked at, in Unix seconds
    greeting            standard: the recorded ones rest
    greeting.KIND       the recorded greeting of that kind (own, busy, unavailable): the name of its file
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Sequence
from typing import Protocol

import msgspec

from records.events import MailboxSet
from switch.state.bindings import BEGIN, Position

PIN = "pin"
WRONG = "wrong"
LOCKED = "locked"
GREETING = "greeting"
STANDARD = "standard"

_CURSOR = "mailboxes"
_COLUMNS = "mailbox, id, at, call, number, name, seconds, urgent, open, sent_by, played, saved, mailed, deleted"


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message. `seconds` is how long it is. `open`: its recording goes on, or was cut off by a crash. `deleted` is
    when it was, in Unix seconds; 0: it is not. `sent_by` is the mailbox that it was forwarded from."""

    mailbox: str
    id: str
    at: datetime.datetime
    call: str = ""
    number: str = ""
    name: str = ""
    seconds: float = 0.0
    urgent: bool = False
    open: bool = False
    sent_by: str = ""
    played: bool = False
    saved: bool = False
    mailed: bool = False
    deleted: float = 0.0


class KeptMailboxes(msgspec.Struct, frozen=True):
    """All that a store holds."""

    messages: list[Message] = []
    settings: list[MailboxSet] = []
    position: Position = BEGIN


class Changes(msgspec.Struct, frozen=True):
    """What a store has yet to take in. `gone` are mailbox and id of messages that are no more."""

    messages: tuple[Message, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    settings: tuple[MailboxSet, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.messages or self.gone or self.settings)


class MailboxStore(Protocol):
    """One owner at a time calls these; they may block, so never from the event loop."""

    def load(self) -> KeptMailboxes:
        """What was kept."""

    def apply(self, changes: Changes, position: Position) -> None:
        """Take it in and remember the position; all of it or nothing. Raises OSError when it cannot."""

    def close(self) -> None:
        """Let go of what is open."""


class MemoryMailboxStore:
    """For tests, and for an exchange that shall forget."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], Message] = {}
        self._settings: dict[tuple[str, str], MailboxSet] = {}
        self._position = BEGIN

    def load(self) -> KeptMailboxes:
        """See MailboxStore."""
        return KeptMailboxes(list(self._messages.values()), list(self._settings.values()), self._position)

    def apply(self, changes: Changes, position: Position) -> None:
        """See MailboxStore."""
        for each in changes.messages:
            self._messages[each.mailbox, each.id] = each
        for key in changes.gone:
            self._messages.pop(key, None)
        for said in changes.settings:
            self._settings.pop((said.mailbox, said.key), None)
            if said.value:
                self._settings[said.mailbox, said.key] = said
        self._position = position

    def close(self) -> None:
        """See MailboxStore."""


class SqliteMailboxStore:
    """In the state file (`switch.state.sqlite.open_state`), over a connection of its own. A batch is one transaction,
    on disk when `apply` returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self) -> KeptMailboxes:
        """See MailboxStore."""
        connection = self._connection
        rows = connection.execute(f"SELECT {_COLUMNS} FROM messages")  # noqa: S608
        settings = [
            MailboxSet(mailbox, key, value, by, datetime.datetime.fromisoformat(at))
            for mailbox, key, value, by, at in connection.execute(
                "SELECT mailbox, key, value, by, at FROM mailbox_settings"
            )
        ]
        found = connection.execute('SELECT segment, "offset" FROM cursors WHERE name = ?', (_CURSOR,)).fetchone()
        return KeptMailboxes(list(map(_message, rows)), settings, (found[0], found[1]) if found else BEGIN)

    def apply(self, changes: Changes, position: Position) -> None:
        """See MailboxStore."""
        places = ", ".join("?" * len(Message.__struct_fields__))
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    f"INSERT OR REPLACE INTO messages ({_COLUMNS}) VALUES ({places})",  # noqa: S608
                    map(_row, changes.messages),
                )
                connection.executemany("DELETE FROM messages WHERE mailbox = ? AND id = ?", changes.gone)
                connection.executemany(
                    "DELETE FROM mailbox_settings WHERE mailbox = ? AND key = ?",
                    [(each.mailbox, each.key) for each in changes.settings],
                )
                connection.executemany(
                    "INSERT INTO mailbox_settings VALUES (?, ?, ?, ?, ?)",
                    [(a.mailbox, a.key, a.value, a.by, a.at.isoformat()) for a in changes.settings if a.value],
                )
                connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (_CURSOR, *position))
        except sqlite3.DatabaseError as error:
            raise OSError(f"the state file cannot be written: {error}") from error

    def close(self) -> None:
        """See MailboxStore."""
        self._connection.close()


def _row(message: Message) -> tuple[object, ...]:
    row = msgspec.structs.asdict(message)
    row["at"] = message.at.isoformat()
    return tuple(row[name.strip()] for name in _COLUMNS.split(","))


def _message(row: Sequence[object]) -> Message:
    values = dict(zip((name.strip() for name in _COLUMNS.split(",")), row, strict=True))
    values["at"] = datetime.datetime.fromisoformat(str(values["at"]))
    return msgspec.convert(values, Message, strict=False)
