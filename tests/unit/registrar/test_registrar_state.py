"""One suite for every binding store, and the state file's migrations."""

from __future__ import annotations

import datetime
import sqlite3

import pytest

from records.events import Bound, FlowAddress, Unbound
from switch.state.bindings import BEGIN, MemoryBindingStore, SqliteBindingStore
from switch.state.sqlite import MIGRATIONS, NewerStateError, check_state, open_state

AT = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
FLOW = FlowAddress("udp", "192.0.2.1", 5060, "192.0.2.7", 5060)


def bound(line="1001", uri="sip:a@192.0.2.7", cseq=1):
    return Bound(line, "desk-1", uri, f"<{uri}>;x", "c", cseq, 0.5, 1e9, FLOW, "", 0, ("<sip:e;lr>",), "UA", AT)


def unbound(line="1001", uri="sip:a@192.0.2.7"):
    return Unbound(line, uri, "expired", AT)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = MemoryBindingStore() if request.param == "memory" else SqliteBindingStore(open_state(tmp_path / "state.db"))
    yield made
    made.close()


def test_a_new_store_is_empty_and_at_the_beginning(store):
    assert store.load() == []
    assert store.position() == BEGIN


def test_bindings_come_back_as_they_were(store):
    events = [bound(), bound(uri="sip:b@192.0.2.8"), bound(line="1002")]
    store.apply(events, (1, 20))
    assert sorted(store.load(), key=repr) == sorted(events, key=repr)
    assert store.position() == (1, 20)


def test_the_last_word_on_a_contact_counts(store):
    store.apply([bound(), unbound(), bound(cseq=2)], (1, 1))
    assert [event.cseq for event in store.load()] == [2]
    store.apply([bound(cseq=3), unbound()], (1, 2))
    assert store.load() == []


def test_the_same_batch_twice_is_the_same_as_once(store):
    batch = [bound(), bound(uri="sip:b@192.0.2.8"), unbound()]
    store.apply(batch, (1, 1))
    once = store.load()
    store.apply(batch, (1, 1))
    assert store.load() == once


def test_going_back_and_coming_again_in_order_arrives_at_the_same(store):
    batches = [[bound()], [unbound()], [bound(cseq=2)], [bound(uri="sip:b@192.0.2.8")]]
    for n, batch in enumerate(batches):
        store.apply(batch, (1, n))
    end = sorted(store.load(), key=repr)
    for n, batch in enumerate(batches[1:], 1):
        store.apply(batch, (1, n))
    assert sorted(store.load(), key=repr) == end


def test_an_empty_batch_moves_the_position_only(store):
    store.apply([bound()], (1, 1))
    store.apply([], (2, 0))
    assert len(store.load()) == 1
    assert store.position() == (2, 0)


def test_bytes_that_are_no_utf8_come_back(store):
    odd = bound(uri="sip:\udcff@192.0.2.7")
    store.apply([odd], (1, 1))
    assert store.load() == [odd]
    store.apply([unbound(uri=odd.uri)], (1, 2))
    assert store.load() == []


# -- the file ---------------------------------------------------------------------------------------------------


def test_what_was_applied_is_there_after_opening_again(tmp_path):
    path = tmp_path / "state.db"
    store = SqliteBindingStore(open_state(path))
    store.apply([bound()], (3, 4))
    # Not closed: as after SIGKILL.
    again = SqliteBindingStore(open_state(path))
    assert again.load() == [bound()]
    assert again.position() == (3, 4)
    again.close()
    store.close()


def test_a_batch_that_fails_leaves_nothing_of_itself(tmp_path):
    connection = open_state(tmp_path / "state.db")
    store = SqliteBindingStore(connection)
    store.apply([bound()], (1, 1))
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON cursors BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(OSError, match="disk full"):
        store.apply([unbound(), bound(uri="sip:b@192.0.2.8")], (1, 2))
    assert store.load() == [bound()]
    assert store.position() == (1, 1)
    store.close()


def test_a_busy_or_read_only_file_is_an_oserror(tmp_path):
    connection = open_state(tmp_path / "state.db")
    store = SqliteBindingStore(connection)
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(OSError, match="state file"):
        store.apply([bound()], (1, 1))
    store.close()


def test_a_damaged_file_is_an_oserror(tmp_path):
    """Whoever feeds the store must go on, and say so: see BindingKeeper."""
    path = tmp_path / "state.db"
    open_state(path).close()
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + b"\x77" * (len(pages) - 4096))
    store = SqliteBindingStore(open_state(path))
    with pytest.raises(OSError, match="state file"):
        store.apply([bound()], (1, 1))
    store.close()


def test_every_older_file_migrates_to_the_newest(tmp_path):
    for version in range(len(MIGRATIONS) + 1):
        path = tmp_path / f"{version}.db"
        open_state(path, MIGRATIONS[:version]).close()
        connection = open_state(path)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        SqliteBindingStore(connection).apply([bound()], (1, 1))
        connection.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "state.db"
    open_state(path).close()
    broken = (*MIGRATIONS, ("CREATE TABLE new (x)", "CREATE TABLE new (x)"))
    with pytest.raises(sqlite3.OperationalError):
        open_state(path, broken)
    connection = open_state(path)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'new'").fetchone() is None
    connection.close()


def test_a_file_of_a_newer_version_is_not_touched(tmp_path):
    path = tmp_path / "state.db"
    open_state(path, (*MIGRATIONS, ("CREATE TABLE new (x)",))).close()
    with pytest.raises(NewerStateError):
        open_state(path)


def test_who_is_to_take_over_looks_first_and_changes_nothing(tmp_path):
    path = tmp_path / "state.db"
    check_state(path)
    assert not path.exists()
    used = open_state(path)
    check_state(path, (*MIGRATIONS, ("CREATE TABLE new (x)",)))
    assert used.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    with pytest.raises(NewerStateError):
        check_state(path, MIGRATIONS[:-1])
    used.close()
    (tmp_path / "other").write_bytes(b"not a database, but long enough to look at" * 50)
    check_state(tmp_path / "other")


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(sqlite3.DatabaseError):
        open_state(path)


def test_the_registrar_is_restored_from_store_and_journal(desk, tmp_path):
    """Old segments are gone: the store has what stood in them, the journal the rest."""
    store = SqliteBindingStore(open_state(tmp_path / "state.db"))
    desk.register("Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.8>")
    store.apply(desk.journal, (1, 0))
    desk.register("Contact: <sip:a@192.0.2.7>;expires=0")
    tail = desk.journal[2:]
    before = list(desk.registrar.bindings())
    desk.journal = [*store.load(), *tail]
    desk.crash()
    assert list(desk.registrar.bindings()) == before
    store.close()


def test_the_state_file_is_for_its_owner_alone(tmp_path):
    file = tmp_path / "state.db"
    file.touch(0o644)
    connection = open_state(file)
    try:
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    finally:
        connection.close()
    assert set(modes.values()) == {0o600}, modes
