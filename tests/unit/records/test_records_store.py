"""The store and its feeder: from nothing, once each, position and data together."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import OperationalError

from records import heartbeat
from records.cdr import Recorded
from records.events import CallEnded, RecordingRendered, RecordingStarted, StateTold
from records.feed import Feeder
from records.heartbeat import Heartbeat, Watch
from records.journal import BEGIN, FileJournal, Position
from records.retention import Retention
from records.segments import Reader, segments
from records.store import Store, migrations
from records.store.store import NEWEST
from records.store.tables import metadata
from tests.support.call_events import answered_call, at, bound, inputs, started, unbound
from tests.support.feeding import feed_all, records

HERE = Path(__file__).parents[3]


def test_migrations_make_the_tables_from_nothing_and_may_run_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = Store(url)
    store.migrate()
    store.migrate()
    store.close()
    engine = create_engine(url)
    found = inspect(engine)
    assert set(found.get_table_names()) == {*metadata.tables, "records_version"}
    for table in metadata.tables.values():
        assert [column["name"] for column in found.get_columns(table.name)] == table.columns.keys()
        assert {index["name"] for index in found.get_indexes(table.name)} == {index.name for index in table.indexes}
    engine.dispose()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store.close()


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    [record] = records(*answered_call("c1"))
    store.apply([record], Position(7, 9))
    assert store.call("c1") == record
    assert store.call("c2") is None
    assert store.position() == Position(7, 9)
    assert store.position("another") == BEGIN


def test_a_batch_may_be_applied_twice(store: Store) -> None:
    batch = records(*answered_call("c1"), *answered_call("c2"))
    store.apply(batch, Position(1, 1))
    store.apply(batch, Position(1, 1))
    assert [record.call for record in store.history()] == ["c1", "c2"]
    assert [len(record.legs) for record in store.history()] == [2, 2]


def test_the_first_record_of_a_call_stands(store: Store) -> None:
    store.apply(records(*answered_call("c1")), Position(1, 1))
    store.apply(records(*answered_call("c1")[5:]), Position(1, 2))
    assert store.history() == records(*answered_call("c1"))


def test_what_strangers_sent_does_not_stop_the_store(store: Store) -> None:
    name = b"\xff\x00 \xc3\xa9".decode("utf-8", "surrogateescape")
    end = CallEnded("c1", 1, at(1), "failed", "overload", 503)
    store.apply(records(started("c1", name=name), end), Position(1, 1))
    found = store.call("c1")
    assert found is not None
    assert found.caller_name == "?\N{REPLACEMENT CHARACTER} é"


def test_history_by_what_people_ask(store: Store) -> None:
    calls = [answered_call(f"c{n}", seconds=n * 100.0) for n in range(5)]
    missed = [*answered_call("missed", 900)[:5], CallEnded("missed", 5, at(920), "no_answer", "no_answer", 480)]
    store.apply(records(*(event for call in [*calls, missed] for event in call)), Position(1, 1))

    def ids(**wanted: object) -> list[str]:
        return [record.call for record in store.history(**wanted)]  # type: ignore[arg-type]

    assert ids(limit=2) == ["missed", "c4"]
    assert ids(since=at(100), until=at(300)) == ["c2", "c1"]
    assert ids(result="no_answer") == ["missed"]
    assert ids(number="202", limit=1) == ids(number="201", limit=1) == ["missed"]
    assert ids(number="203") == ids(line="203") == ids(device="desk-203") == []
    assert ids(line="201", limit=1) == ids(line="202", limit=1) == ids(device="desk-201", limit=1) == ["missed"]


def test_the_feeder_brings_each_finished_call_once_over_restarts(tmp_path: Path, store: Store) -> None:
    journal = FileJournal(tmp_path / "journal", segment_bytes=4000)
    first = Feeder(tmp_path / "journal", store)
    waiting = answered_call("long")
    journal.append(waiting[:6])
    for number in range(10):
        for events in inputs(answered_call(f"c{number}", number)):
            journal.append(events)
            if number % 3 == 0:
                first.step()
    feed_all(first)
    assert first.progress().open_calls == 1
    again = Feeder(tmp_path / "journal", store)
    feed_all(again)
    assert again.progress().calls == 0
    assert [record.call for record in again.open_calls()] == ["long"]
    journal.append(waiting[6:])
    journal.append([bound()])
    feed_all(again)
    feed_all(Feeder(tmp_path / "journal", store))
    found = {record.call: record for record in store.history()}
    assert len(found) == 11
    assert found["long"] == records(*waiting)[0]
    assert store.position() == journal.end
    journal.close()


def test_a_store_that_fails_is_caught_up_with(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(tmp_path / "journal")
    feeder = Feeder(tmp_path / "journal", store)
    apply = store.apply

    def fail(*_arguments: object, **_named: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    for number in range(3):
        journal.append(answered_call(f"c{number}"))
        monkeypatch.setattr(store, "apply", fail)
        with pytest.raises(OperationalError):
            feeder.step()
        monkeypatch.setattr(store, "apply", apply)
    feed_all(feeder)
    assert {record.call for record in store.history()} == {"c0", "c1", "c2"}
    assert store.position() == journal.end
    journal.close()


def test_position_and_data_come_together_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk is full"))

    monkeypatch.setattr("records.store.store.put", fail)
    with pytest.raises(OperationalError):
        store.apply(records(*answered_call("c1")), Position(1, 1))
    assert store.history() == []
    assert store.position() == BEGIN


def _moved(store: Store, position: Position) -> bool:
    try:
        return store.position() > position
    except OperationalError:  # the tables are not there yet
        return False


SMALL_STEPS = "from records import feed; feed._STEP, feed._PORTION = 1 << 14, 1 << 12; feed.main()"
"""The feeder's process with a transaction every few calls, so that there are many places at which it can be killed."""


def test_the_feeder_process_killed_anywhere_leaves_each_call_once(tmp_path: Path) -> None:
    """It has the same number of calls before it each time, however long it takes to start: calls that come all the
    while would be a hundred thousand on a busy machine."""
    journal = FileJournal(tmp_path / "journal", segment_bytes=30_000)
    url = f"sqlite:///{tmp_path}/records.db"
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-c", SMALL_STEPS, str(tmp_path / "journal"), url, "--poll", "0.001"]
    total, before = 0, BEGIN

    def call(times: int) -> None:
        nonlocal total
        for _number in range(times):
            journal.append(answered_call(f"c{total}"))
            total += 1

    for moves in (1, 4):
        call(300)
        with subprocess.Popen(command, env=environment) as process:
            reader = Store(url)
            deadline = time.monotonic() + 60
            for _move in range(moves):
                while time.monotonic() < deadline and not _moved(reader, before):
                    time.sleep(0.002)  # the other process is a real one
                call(20)
                before = reader.position()
            reader.close()
            process.kill()
        after = Store(url)
        assert after.position() >= before > BEGIN
        before = after.position()
        after.close()
    journal.close()
    subprocess.run([*command, "--once"], env=environment, check=True)
    store = Store(url)
    found = store.history(limit=1_000_000)
    assert sorted(record.call for record in found) == sorted(f"c{number}" for number in range(total))
    assert all(len(record.legs) == 2 for record in found)
    store.close()


def tell(journal: FileJournal) -> None:
    """The exchange tells its state anew; it has none."""
    journal.append([StateTold(1, False, 0, at(0))])
    journal.append([StateTold(1, True, 0, at(0))])


def test_a_segment_stays_until_the_state_was_told_anew_behind_it(tmp_path: Path, store: Store) -> None:
    """A telling that was cut off by a crash says nothing."""
    directory = tmp_path / "journal"
    journal = FileJournal(directory, segment_bytes=1)
    feeder = Feeder(directory, store, spare_s=0)
    for number in range(3):
        journal.append([bound(str(number))])
    for event in (StateTold(1, False, 0, at(0)), StateTold(1, False, 0, at(1)), StateTold(2, True, 0, at(2))):
        journal.append([event])
        feed_all(feeder)
        feeder.sweep()
        assert feeder.progress().segments_deleted == 0
    journal.append([StateTold(1, True, 7, at(3))])
    journal.append([bound("4")])
    feed_all(feeder)
    assert feeder.progress().segments_deleted == 4
    assert next(type(event).__name__ for _, events, _ in journal.read() for event in events) == "StateTold"
    journal.close()


def test_segments_go_when_stored_and_shrink_to_the_calls_that_are_up(tmp_path: Path, store: Store) -> None:
    directory = tmp_path / "journal"
    journal = FileJournal(directory, segment_bytes=20_000)
    feeder = Feeder(directory, store, spare_s=0)
    long, short = answered_call("long"), answered_call("short")
    journal.append(long[:6])
    journal.append(short[:3])
    first = journal.end.segment
    for number in range(100):
        journal.append(answered_call(f"c{number}"))
        tell(journal)
        feeder.step()
        if number == 50:
            journal.append(short[3:])
    present = [segment.number for segment in segments(directory)]
    assert present == [first, journal.end.segment]
    assert [events for position, events, _ in journal.read() if position.segment == first] == [long[:6]]
    assert feeder.progress().segments_deleted >= 4
    feed_all(resumed := Feeder(directory, store, spare_s=0))
    assert [record.call for record in resumed.open_calls()] == ["long"]
    journal.append(long[6:])
    for number in range(100, 130):
        journal.append(answered_call(f"c{number}"))
        tell(journal)
        resumed.step()
    assert [segment.number for segment in segments(directory)] == [journal.end.segment]
    assert store.call("long") == records(*long)[0]
    assert len(store.history(limit=1000)) == 132
    journal.close()


def test_what_the_journal_gives_up_is_on_the_disk_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction of SQLite's stands in the page cache only, so a loss of power would take the records of calls
    whose segments are gone for good."""
    directory, order = tmp_path / "journal", list[str]()
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    journal = FileJournal(directory, segment_bytes=20_000)
    feeder = Feeder(directory, store, spare_s=0)
    fsync, unlink, apply = os.fsync, Path.unlink, Store.apply

    def synced(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        order.append("segment goes")
        unlink(path, missing_ok)

    def applied(*given: Any, **named: Any) -> None:
        order.append("applied")
        apply(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced)
        patch.setattr(Path, "unlink", unlinked)
        patch.setattr(Store, "apply", applied)
        for number in range(100):
            journal.append(answered_call(f"c{number}"))
            tell(journal)
            feeder.step()
    gone = [at for at, what in enumerate(order) if what == "segment goes"]
    assert len(gone) > 3
    for each in gone:
        before = order[:each]
        assert "records.db-wal" in before[len(before) - before[::-1].index("applied") :]

    def broken(_: int) -> None:
        raise OSError("input/output error")

    left = len(segments(directory))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        for number in range(100, 200):
            journal.append(answered_call(f"c{number}"))
            tell(journal)
            feeder.step()
    assert len(segments(directory)) > left, "where the disk fails, nothing goes"
    feeder.sweep()
    assert len(segments(directory)) <= 2
    store.close()
    journal.close()


def test_nothing_is_deleted_while_somebody_reads_the_whole_journal(tmp_path: Path, store: Store) -> None:
    directory = tmp_path / "journal"
    journal = FileJournal(directory, segment_bytes=5_000)
    for number in range(20):
        journal.append(answered_call(f"c{number}"))
    reading = journal.read()
    next(reading)
    feeder = Feeder(directory, store, spare_s=0)
    feed_all(feeder)
    assert feeder.progress().segments_deleted == 0
    assert len(list(reading)) == 19
    for number in range(20, 30):
        journal.append(answered_call(f"c{number}"))
    tell(journal)
    feed_all(feeder)
    assert len(segments(directory)) == 1
    journal.close()


def test_a_segment_is_spared_for_a_while_after_it_was_written(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path, segment_bytes=1)
    for number in range(5):
        journal.append(answered_call(f"c{number}"))
    present = [segment.path for segment in segments(tmp_path)]
    now = [present[-1].stat().st_mtime + 10]
    retention = Retention(tmp_path, keep=1, spare_s=60, unix_time=lambda: now[0])
    retention.told = journal.end.segment
    assert retention.sweep(journal.end.segment, ()) == 0
    now[0] += 60
    assert retention.sweep(journal.end.segment, ()) == 3
    assert [segment.path for segment in segments(tmp_path)] == present[-2:]
    journal.close()


def test_the_newest_migration_is_the_one_that_stores_look_for(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_a_call_that_could_not_be_stored_keeps_its_events(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "journal"
    journal = FileJournal(directory, segment_bytes=1000)
    call = answered_call("c1")
    journal.append(call[:5])
    journal.append([bound()])
    journal.append(answered_call("before"))
    feeder = Feeder(directory, store, spare_s=0)
    feed_all(feeder)
    journal.append(call[5:])
    with monkeypatch.context() as patch:
        patch.setattr(store, "apply", lambda *_, **_named: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(OSError, match="no space"):
            feeder.step()
    feeder.sweep()
    feed_all(Feeder(directory, store, spare_s=0))
    assert store.call("c1") == records(*call)[0]
    journal.close()


def test_the_feeder_in_a_thread_follows_until_it_is_stopped(tmp_path: Path, store: Store) -> None:
    journal = FileJournal(tmp_path / "journal")
    feeder, stop = Feeder(tmp_path / "journal", store), threading.Event()
    thread = threading.Thread(target=feeder.run, args=(stop, 0.001))
    thread.start()
    journal.append(answered_call("c1"))
    while feeder.progress().calls == 0:
        assert thread.is_alive()
    stop.set()
    thread.join()
    assert store.call("c1") == records(*answered_call("c1"))[0]
    assert not feeder.progress().error
    journal.close()


def test_registrations_are_passed_over_undecoded_and_calls_are_not(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.append([bound()])
    journal.append([unbound()])
    journal.append(answered_call("c1")[:1])
    journal.append([bound(), answered_call("c2")[0]])
    reader = Reader(tmp_path, calls_only=True)
    assert [[type(event).__name__ for event in events] for _, events, _ in reader] == [
        [],
        [],
        ["CallStarted"],
        ["Bound", "CallStarted"],
    ]
    assert reader.position == journal.end
    reader.close()
    journal.close()


def test_the_feeder_says_that_it_lives_and_what_it_lacks(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = tmp_path / "records.beat"
    watch = Watch(beat, started_at=time.time())
    now = time.time()
    assert watch.trouble(now + 59) == ""
    assert "nothing was heard of the record feeder for 61 s" in watch.trouble(now + 61)
    journal = FileJournal(tmp_path / "journal")
    feeder = Feeder(tmp_path / "journal", store)

    def turn() -> None:
        class Once(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                self.set()
                return True

        feeder.run(Once(), beat=beat)

    journal.append(answered_call("c1"))
    turn()
    assert watch.trouble(time.time()) == ""
    assert watch.lag_s(time.time()) < 5
    journal.append(answered_call("c2"))
    monkeypatch.setattr(store, "apply", lambda *_, **_named: (_ for _ in ()).throw(OSError("no space")))
    turn()
    assert watch.trouble(time.time() + 1) == "records: OSError: no space; history is late"
    monkeypatch.undo()
    turn()
    assert watch.trouble(time.time() + 1) == ""
    heartbeat.write(beat, Heartbeat(caught_up_at=now))
    assert watch.trouble(now + 59) == ""
    os.utime(beat, (now + 200, now + 200))
    assert watch.trouble(now + 200) == "records: history is 200 s late"
    journal.close()


def rendered(call: str, at_s: float = 90.0, sha256: str = "ab" * 32) -> RecordingRendered:
    """The file of a recording, made after the call's end."""
    return RecordingRendered(call, f"2026-01-05/{call}-1.wav", sha256, 44, 1.5, 8000, 2, at(10), 150, 2, at(at_s))


def test_files_of_recordings_come_after_the_call_and_may_come_twice(tmp_path: Path, store: Store) -> None:
    """REC-7: the call's record names the file, and the file has its hash, once, as told last."""
    journal = FileJournal(tmp_path / "journal")
    call = answered_call("c1")
    begun = RecordingStarted("c1", call[-1].n, at(70), 0, "2026-01-05/c1-1.wav", "s", 0, "policy", True)
    journal.append([*call[:-1], begun, msgspec.structs.replace(call[-1], n=call[-1].n + 1, at=at(80))])
    feeder = Feeder(tmp_path / "journal", store)
    feed_all(feeder)
    assert store.files("c1") == []
    for again in ("cd" * 32, "ef" * 32):
        journal.append([rendered("c1", sha256=again), bound(1)])
        feed_all(feeder)
    assert store.files("c1") == [rendered("c1", sha256="ef" * 32)] and store.files("c2") == []
    (record,) = store.history()
    assert record.recordings == (Recorded(at(70), "2026-01-05/c1-1.wav", "policy", (0,), (0,)),)
    journal.close()
