"""Each statement and each file operation of a store fails once, the first, the second, and so on: all of a batch is
taken or nothing of it, it is told, and the next attempt finishes what the failed one began."""

from __future__ import annotations

import datetime
import itertools
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from records import events as e
from records.feed import Feeder
from records.journal import FileJournal
from records.store import Store
from switch import recordings
from switch.mailbox_files import MailboxFiles
from switch.state.bans import KeptBan, SqliteBanStore
from switch.state.bindings import SqliteBindingStore
from switch.state.facts import Row, SqliteFactStore
from switch.state.mailboxes import Changes, Message, SqliteMailboxStore
from switch.state.sqlite import open_state
from switch.state.subscriptions import SqliteSubscriptionStore
from tests.support.call_events import FLOW, answered_call, bound, unbound
from tests.support.failing import Disk
from tests.unit.ops.test_ops_recordings import FILE, Room, left, write_spool

AT = datetime.datetime(2026, 3, 4, 9, 0, tzinfo=datetime.UTC)
FULL = "database or disk is full"


class Doubtful:
    """A connection whose every statement, and every commit, asks the disk first."""

    def __init__(self, connection: sqlite3.Connection, disk: Disk) -> None:
        self.connection, self.disk = connection, disk

    def __enter__(self) -> Doubtful:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            try:
                self._ask("COMMIT")
            except sqlite3.OperationalError:
                self.connection.rollback()
                raise
            self.connection.commit()
        elif self.connection.in_transaction:
            self.connection.rollback()

    def _ask(self, what: str) -> None:
        try:
            self.disk.ask(what)
        except OSError:
            raise sqlite3.OperationalError(FULL) from None

    def execute(self, what: str, *values: Any) -> sqlite3.Cursor:
        if not what.startswith("SELECT"):
            self._ask(what)
        return self.connection.execute(what, *values)

    def executemany(self, what: str, values: Any) -> sqlite3.Cursor:
        self._ask(what)
        return self.connection.executemany(what, values)


def watched(tag: str) -> e.Subscribed:
    dialog = e.Dialog("c", tag, "r", "<sip:102@x>", "<sip:101@x>", "sip:a@192.0.2.9", (), 1, 3)
    return e.Subscribed(
        "desk", "alice", "dialog", "line:bob", "7", "<sip:x>", "sip:102@x", dialog, FLOW, 9e9, 1, "Desk", AT
    )


def set_to(value: str) -> e.LineSet:
    return e.LineSet("bob", "dnd", value, "operator:test", AT)


def lies(name: str) -> Message:
    return Message(mailbox="bob", id=name, at=AT)


STORES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], None], Callable[[Any], None]]] = {
    "bindings": (
        SqliteBindingStore,
        lambda store: store.apply([bound("201"), bound("202")], (1, 10)),
        lambda store: store.apply([unbound("201"), bound("203")], (1, 20)),
    ),
    "subscriptions": (
        SqliteSubscriptionStore,
        lambda store: store.apply([watched("a"), watched("b")]),
        lambda store: store.apply([e.Unsubscribed("a", "expired", AT), watched("c")]),
    ),
    "facts": (
        SqliteFactStore,
        lambda store: store.apply([set_to("on")], [Row("cursor", "110", 0, 1)], 0, (1, 10)),
        lambda store: store.apply([set_to("")], [Row("cursor", "110", 0, 2)], 0, (1, 20)),
    ),
    "mailboxes": (
        SqliteMailboxStore,
        lambda store: store.apply(Changes(messages=(lies("a"),)), (1, 10)),
        lambda store: store.apply(Changes(messages=(lies("b"),), gone=(("bob", "a"),)), (1, 20)),
    ),
    "bans": (
        SqliteBanStore,
        lambda store: store.save([KeptBan("192.0.2.66", "guesses", 1.0, 2.0, 1, False, 0)], ["192.0.2.0/24"]),
        lambda store: store.save([KeptBan("192.0.2.67", "guesses", 1.0, 2.0, 1, False, 0)], []),
    ),
}


@pytest.mark.parametrize("kind", STORES)
def test_of_a_batch_for_the_state_file_all_is_taken_or_nothing(kind: str, tmp_path: Path) -> None:
    make, before, after = STORES[kind]
    for at in itertools.count():
        connection = open_state(tmp_path / f"{at}.sqlite3")
        before(make(connection))
        was, disk = make(connection).load(), Disk(at)
        store = make(Doubtful(connection, disk))
        try:
            after(store)
        except OSError as error:
            assert FULL in str(error)
            assert make(connection).load() == was, disk.failed
            after(store)
        now = make(connection).load()
        assert now != was
        connection.close()
        if not disk.failed:
            assert disk.asked >= 3
            return


def test_each_statement_of_the_record_feeder_fails_once_and_each_call_has_one_record(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    for number in range(3):
        journal.append(answered_call(f"c{number}"))
    journal.close()
    store = Store(f"sqlite:///{tmp_path}/empty.db")
    store.migrate()
    store.close()
    for at in itertools.count():
        shutil.copyfile(tmp_path / "empty.db", tmp_path / f"{at}.db")
        store = Store(f"sqlite:///{tmp_path}/{at}.db")
        disk = Disk(at)

        def ask(connection: Any, cursor: Any, what: str, *_: Any, disk: Disk = disk) -> None:
            try:
                disk.ask(what)
            except OSError as error:
                raise OperationalError(what, {}, error) from None

        event.listen(store._engine, "before_cursor_execute", ask)
        feeder = Feeder(tmp_path / "journal", store)
        failures = 0
        while True:
            try:
                if not feeder.step():
                    break
            except SQLAlchemyError:
                failures += 1
        assert failures == len(disk.failed) <= 1, disk.failed
        disk.at = -1
        found = store.history()
        assert sorted(record.call for record in found) == ["c0", "c1", "c2"], disk.failed
        assert all(record.complete for record in found)
        assert store.position() == feeder.progress().position
        store.close()
        if not disk.failed:
            assert disk.asked > 3
            return


async def test_a_recording_that_could_not_be_made_is_made_when_the_disk_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once that it cannot be, however often it is tried, and then that it is."""
    room = Room(tmp_path)
    monkeypatch.setattr(recordings, "SWEEP_S", 0.0)
    disk = Disk(0, 3)
    plain = recordings.sides

    def asked(*args: Any) -> Any:
        disk.ask("sides")
        return plain(*args)

    monkeypatch.setattr(recordings, "sides", asked)
    for path in room.write((0, 0), (1, 1)):
        room.made.closed(path)
    room.made.over(FILE)
    for _ in range(3):
        await room.told(1)
        await room.made._sweep()
    bad, good = await room.told(2)
    assert "space" in bad.wrong and not good.wrong
    assert left(room.folder) == [FILE]


async def test_each_step_of_a_recording_fails_once_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told as one that cannot be made, and its spools stay; or made. The next one is made in any case."""
    steps = ("_make", "settle")
    for step in steps:
        room = Room(tmp_path / step)
        disk = Disk(0)
        plain = getattr(recordings, step)
        with monkeypatch.context() as patch:

            def asked(*args: Any, plain: Any = plain, step: str = step, disk: Disk = disk) -> Any:
                disk.ask(step)
                return plain(*args)

            patch.setattr(recordings, step, asked)
            other = FILE.replace("c-1", "d-1")
            for file, call in ((FILE, "c"), (other, "d")):
                for path in room.write((0, 0), (1, 1), file=file, call=call):
                    room.made.closed(path)
            room.made.over(FILE)
            room.made.over(other)
            told = await room.told(2)
        assert disk.failed == [step]
        assert [event.file for event in told] == [FILE, other]
        assert not told[1].wrong
        there = left(room.folder)
        assert other in there and not [each for each in there if "d-1" in each and each.endswith("spool")]
        assert FILE in there or [each for each in there if each.endswith("spool")], "neither file nor spools"
        room.chores.close()
        # What stayed is made at the next start.
        after = Room(tmp_path / step)
        if [each for each in there if each.endswith("spool")]:
            after.chores.begin("look", after.made._look())
            (event_,) = await after.told()
            assert not event_.wrong
        assert left(after.folder) == [FILE, other]


@pytest.mark.parametrize("what", ["unlink", "read"])
def test_a_message_whose_disk_fails_is_made_the_next_time(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = MailboxFiles(tmp_path)
    write_spool(Path(files.spool("bob", "m")))
    disk = Disk(0)
    with monkeypatch.context() as patch:
        if what == "unlink":
            plain = Path.unlink

            def unlink(path: Path, **how: Any) -> None:
                disk.ask(str(path))
                plain(path, **how)

            patch.setattr(Path, "unlink", unlink)
        else:
            patch.setattr("switch.mailbox_files.child", lambda *_: disk.ask("render"))
        with pytest.raises(OSError, match="space"):
            files.finish("bob", "m")
    assert Path(files.spool("bob", "m")).exists()
    assert files.finish("bob", "m") == pytest.approx(1.0, abs=0.1)
    assert not Path(files.spool("bob", "m")).exists()
