"""The proof that nothing was changed: whatever is done to the store or to a recording behind our back is found, and
what is deleted on request leaves who, when and why."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Boolean, Column, LargeBinary, Text, delete, insert, select, text, update

from records import anchor
from records.chain import Head, content, link, plain
from records.events import Forgotten, InteractionNoted, LegCharged, RecordingAccessed, RecordingRendered, StateTold
from records.feed import Feeder
from records.heartbeat import Watch
from records.journal import FileJournal, Position
from records.rules import Rules, apply_rules
from records.segments import segments
from records.store import Store
from records.store.chaining import KINDS
from records.store.migrate import upgrade
from records.store.tables import (
    call_legs,
    calls,
    chain,
    leg_charges,
    metadata,
    recording_accesses,
    recording_files,
    tombstones,
)
from records.store.verifying import Verifying, Wrong
from switch.proof import HeadLog
from tests.support.call_events import answered_call, at
from tests.support.feeding import feed_all, records
from tests.support.postgres import Postgres

FILE = "2026-03-02/c1-1.wav"
SOUND = b"RIFF of a recording"


def rendered(call: str = "c1", file: str = FILE, sound: bytes = SOUND) -> RecordingRendered:
    return RecordingRendered(
        call, file, hashlib.sha256(sound).hexdigest(), len(sound), 1.5, 8000, 2, at(5), 9, 0, at(70)
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store in a file, for those that need not be tried on each database."""
    path = tmp_path_factory.mktemp("store") / "records.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def quick(template: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    shutil.copyfile(template, tmp_path / "records.db")
    made = Store(f"sqlite:///{tmp_path}/records.db")
    yield made
    made.close()


def fill(store: Store, *names: str, facts: tuple[Any, ...] = (), offset: int = 1) -> None:
    made = [event for number, name in enumerate(names) for event in answered_call(name, number * 100)]
    store.apply(records(*made), Position(1, offset), facts=facts)


def write(store: Store, *statements: Any) -> None:
    """As somebody does who has the database."""
    store.read(lambda connection: [connection.execute(each) for each in statements] and None)


def wrong(store: Store, *heads: Head, folder: Path | None = None) -> list[Wrong]:
    return list(Verifying(store, [("paper", head) for head in heads], [folder] if folder else []))


def told(store: Store, *heads: Head, folder: Path | None = None) -> list[str]:
    return [f"{each.what} {each.ref}".strip() for each in wrong(store, *heads, folder=folder)]


def test_what_is_empty_at_the_end_of_a_row_does_not_count() -> None:
    """So a column that comes later changes no digest, as it is empty in the rows that were there."""
    always, perhaps = [False] * 4, [True] * 4
    assert plain(("a", "", True, 0), always) == ("a", "", True)
    assert plain(("a", 0, "", False), always) == ("a",)
    assert plain(("a", None, 0, None), perhaps) == ("a", None, 0)
    assert plain((None, None, None, None), perhaps) == ()
    assert content(("a", 1)) == b'[["a",1]]'
    assert content(("a", 1), {"call_legs": [("b",)]}) == b'[["a",1],{"call_legs":[["b"]]}]'
    assert link(bytes(32), 1, "calls", "c1", b"d").hex()[:16] == "b1ff253932d6e555"


def test_columns_that_may_be_left_out_are_empty_then() -> None:
    """Otherwise what was stored before there was a column would be hashed in another way than before."""
    for table in (calls, call_legs, recording_files, recording_accesses, tombstones):
        for column in table.columns:
            default = column.server_default
            assert default is None or str(default.arg) in ("", "0", "false"), f"{table.name}.{column.name}"


def test_every_call_and_file_is_a_link_once_however_often_it_is_told(store: Store) -> None:
    for again in range(3):
        fill(store, "c1", "c2", facts=(rendered(), rendered()), offset=again)
    assert store.head().seq == 3
    store.apply((), Position(1, 9), facts=(rendered(sound=b"made again"),))
    walk = Verifying(store)
    assert list(walk) == []
    assert (walk.seen.links, walk.seen.records, walk.seen.recordings) == (4, 2, 1)


def test_ten_thousand_octets_and_strangers_letters_come_back_as_they_were_hashed(store: Store) -> None:
    call = answered_call("c1")
    odd = b"\xff\x00 \xc3\xa9".decode("utf-8", "surrogateescape")
    call[0] = replace(call[0], caller_name=odd, because=(("rule", odd * 3000),), account="4711", hidden=True)  # type: ignore[call-arg]
    store.apply(records(*call), Position(1, 1))
    assert told(store) == []


TAMPERED: dict[str, tuple[list[Any], list[str]]] = {
    "a number is changed": ([update(calls).where(calls.c.call == "c2").values(number="203")], ["changed c2"]),
    "a talk is made shorter": ([update(calls).where(calls.c.call == "c2").values(talk_ms=5)], ["changed c2"]),
    "a leg is changed": ([update(call_legs).where(call_legs.c.call == "c2").values(contact="x")], ["changed c2"]),
    "a leg is removed": (
        [delete(call_legs).where(call_legs.c.call == "c1", call_legs.c.leg == 1)],
        ["changed c1"],
    ),
    "a record is removed": (
        [delete(call_legs).where(call_legs.c.call == "c2"), delete(calls).where(calls.c.call == "c2")],
        ["removed c2"],
    ),
    "a record is removed with its link": (
        [
            delete(call_legs).where(call_legs.c.call == "c2"),
            delete(calls).where(calls.c.call == "c2"),
            delete(chain).where(chain.c.ref == "c2"),
        ],
        ["broken"],
    ),
    "its link says that it was forgotten": (
        [
            delete(call_legs).where(call_legs.c.call == "c2"),
            delete(calls).where(calls.c.call == "c2"),
            update(chain).where(chain.c.ref == "c2").values(gone=3),
        ],
        ["tombstone"],
    ),
    "links change places": (
        [
            update(chain).where(chain.c.seq == 1).values(seq=100),
            update(chain).where(chain.c.seq == 2).values(seq=1),
            update(chain).where(chain.c.seq == 100).values(seq=2),
        ],
        ["broken c2", "broken c1", "broken c3"],
    ),
    "a link is made to fit": (
        [
            update(calls).where(calls.c.call == "c2").values(number="203"),
            update(chain).where(chain.c.seq == 2).values(digest=bytes(32)),
        ],
        ["broken c2", "changed c2"],
    ),
    "a file's hash is made to fit": (
        [update(recording_files).values(sha256=hashlib.sha256(b"edited").hexdigest())],
        [f"changed {FILE}"],
    ),
    "a recording's row is removed": ([delete(recording_files)], [f"removed {FILE}"]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_done_to_the_database_is_found(quick: Store, name: str) -> None:
    statements, expected = TAMPERED[name]
    store = quick
    fill(store, "c1", "c2", "c3", facts=(rendered(),))
    assert told(store) == []
    write(store, *statements)
    found = told(store)
    assert [each for each in expected if each not in found] == []


def another(value: Any, column: Column[Any]) -> Any:
    """Something else that the column takes."""
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Text):
        return f"{value or ''}x"
    return bytes(16) if isinstance(column.type, LargeBinary) else (value or 0) + 1000


def test_whatever_cell_is_changed_is_found(quick: Store) -> None:
    """Each column of each table that is chained, and of the chain itself, with the parts of a call's record."""
    charged = LegCharged("c1", 1, 5_000_000, "USD", 3, "carrier", at(80))
    noted = InteractionNoted("n1", "c1", "anna", "user:anna", at(90), note="called back")
    accessed = RecordingAccessed("c1", FILE, "operator:root", "a complaint", at(400))
    fill(quick, "c0", "c1", facts=(rendered(), charged, noted, accessed))
    quick.apply((), Position(1, 2), facts=(forgotten("c0"),))
    assert told(quick) == []
    tables = [chain, *(table for kind in KINDS.values() for table in (kind.table, *kind.parts))]
    unfound = []
    for table in tables:
        before = quick.read(
            lambda connection, table=table: dict(connection.execute(select(table)).mappings().first() or {})
        )  # type: ignore[misc]
        assert before, table.name
        for column in table.columns:
            if column.foreign_keys or (table is chain and column.name == "salt" and before["salt"] is None):
                continue
            after = before | {column.name: another(before[column.name], column)}
            this, that = ([key == row[key.name] for key in table.primary_key] for row in (before, after))
            write(quick, update(table).where(*this).values(after))
            if not told(quick):
                unfound.append(f"{table.name}.{column.name}")
            write(quick, update(table).where(*that).values(before))
    assert unfound == [] and told(quick) == []


def test_what_nobody_of_us_stored_is_found(store: Store) -> None:
    charged = LegCharged("c1", 1, 5_000_000, "USD", 3, "carrier", at(80))
    accessed = RecordingAccessed("c1", FILE, "operator:root", "a complaint", at(400))
    later = replace(charged, cost=6_000_000, at=at(90))
    fill(store, "c1", "c2", facts=(rendered(), charged, accessed, later, charged))
    assert told(store) == [] and store.head().seq == 6
    row = store.read(lambda connection: dict(connection.execute(select(calls)).mappings().first() or {}))
    other = store.read(lambda connection: dict(connection.execute(select(leg_charges)).mappings().first() or {}))
    write(store, insert(calls).values(row | {"call": "forged"}), insert(leg_charges).values(other | {"leg": 2}))
    assert [each.partition("[")[0] for each in told(store)] == ["added forged", "added "]
    write(store, update(leg_charges).where(leg_charges.c.cost == 6_000_000).values(cost=1))
    assert [each.what for each in wrong(store)] == ["changed", "added", "added"]


def test_many_rows_are_walked_in_pages(quick: Store) -> None:
    fill(quick, *(f"c{number:04}" for number in range(1100)))
    write(quick, update(calls).where(calls.c.call == "c0777").values(number="203"))
    row = quick.read(lambda connection: dict(connection.execute(select(calls)).mappings().first() or {}))
    write(quick, insert(calls).values(row | {"call": "c9999"}))
    assert told(quick) == ["changed c0777", "added c9999"]


def test_a_cut_tail_is_found_by_any_head_that_was_kept_elsewhere(quick: Store) -> None:
    store = quick
    fill(store, "c1", "c2")
    early = store.head()
    fill(store, "c3", "c4", offset=2)
    late = store.head()
    assert told(store, early, late, Head()) == []
    cut = [delete(table).where(table.c.call.in_(["c3", "c4"])) for table in (call_legs, calls)]
    write(store, *cut, delete(chain).where(chain.c.seq > 2))
    assert told(store) == [] and told(store, early) == []
    assert [each.what for each in wrong(store, early, late)] == ["cut"]
    fill(store, "c5", "c6", offset=3)
    assert "another hash" in wrong(store, late)[0].told


def test_edited_and_removed_recordings_are_found(tmp_path: Path, quick: Store) -> None:
    store = quick
    fill(store, "c1", facts=(rendered(),))
    file = tmp_path / "recordings" / FILE
    file.parent.mkdir(parents=True)
    for sound, expected in ((SOUND, []), (SOUND[:-1] + b"?", [f"file_edited {FILE}"])):
        file.write_bytes(sound)
        assert told(store, folder=tmp_path / "recordings") == expected
    file.unlink()
    assert told(store, folder=tmp_path / "recordings") == [f"file_removed {FILE}"]
    assert told(store) == []


def forgotten(*names: str, files: tuple[str, ...] = ()) -> Forgotten:
    return Forgotten(names, files, "operator:root anna", "asked for by letter of 3 March", at(500))


def test_what_is_forgotten_leaves_who_when_and_why_and_nothing_else(tmp_path: Path, store: Store) -> None:
    accessed = RecordingAccessed("c1", FILE, "operator:root", "a complaint", at(400))
    fill(store, "c1", "c2", "c3", facts=(rendered(), accessed))
    for offset in (2, 3):  # told twice: at least once on paper
        store.apply((), Position(1, offset), facts=(forgotten("c1", "c3", "unknown"),))
    assert [record.call for record in store.history()] == ["c2"]
    assert store.files("c1") == []
    for table in metadata.sorted_tables:
        if "call" in table.c:
            left = store.read(lambda connection, table=table: list(connection.execute(select(table.c.call)).scalars()))  # type: ignore[misc]
            assert set(left) <= {"c2"}, table.name
    (row,) = store.read(lambda connection: connection.execute(select(tombstones)).mappings().all())
    assert {name: row[name] for name in ("by", "why", "count")} == {
        "by": "operator:root anna",
        "why": "asked for by letter of 3 March",
        "count": 4,
    }
    walk = Verifying(store)
    assert list(walk) == []
    assert (walk.seen.records, walk.seen.forgotten, walk.seen.tombstones) == (1, 4, 1)


def test_what_was_forgotten_does_not_come_back(store: Store) -> None:
    fill(store, "c1", "c2", facts=(rendered(),))
    store.apply((), Position(1, 2), facts=(forgotten("c1"),))
    fill(store, "c1", "c2", facts=(rendered(), RecordingAccessed("c1", FILE, "x", "y", at(600))), offset=3)
    assert [record.call for record in store.history()] == ["c2"]
    assert store.files("c1") == []
    assert told(store) == []


def test_a_recording_goes_alone_and_the_call_stays(quick: Store) -> None:
    store = quick
    fill(store, "c1", facts=(rendered(),))
    store.apply((), Position(1, 2), facts=(forgotten(files=(FILE,)),))
    assert store.files("c1") == [] and store.call("c1") is not None
    assert told(store) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (update(tombstones).values(by="operator:root bob"), "changed"),
        (update(tombstones).values(why="none of your business"), "changed"),
        (delete(tombstones), "removed"),
        (update(chain).where(chain.c.ref == "c2").values(gone=3), "tombstone"),
    ],
)
def test_a_tombstone_cannot_be_changed_nor_take_more(quick: Store, statement: Any, expected: str) -> None:
    store = quick
    fill(store, "c1", "c2")
    store.apply((), Position(1, 2), facts=(forgotten("c1"),))
    write(store, statement)
    assert expected in [each.what for each in wrong(store)]


def test_retention_rules_leave_tombstones_and_keep_calls_for_help_longer(store: Store) -> None:
    help_ = answered_call("help", 10)
    help_[0] = replace(help_[0], emergency=True)  # type: ignore[call-arg]
    store.apply(records(*answered_call("old"), *help_, *answered_call("new", 90 * 86400)), Position(1, 1))
    day = 86400
    assert apply_rules(store, Rules(), at(10_000 * day)) == 0
    assert apply_rules(store, Rules(90 * day), at(90 * day)) == 0
    assert apply_rules(store, Rules(90 * day, 100 * day), at(91 * day)) == 1
    assert [record.call for record in store.history()] == ["new", "help"]
    assert apply_rules(store, Rules(90 * day, float("inf")), at(101 * day)) == 0
    assert apply_rules(store, Rules(90 * day, 100 * day), at(101 * day)) == 1
    found = store.read(lambda connection: connection.execute(select(tombstones.c.by, tombstones.c.why)).all())
    assert [tuple(row) for row in found] == [("retention", "older than 90 days")] * 2
    assert told(store) == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_records_of_before_the_chain_are_linked_when_they_are_migrated(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    if database == "sqlite":
        url = f"sqlite:///{tmp_path}/old.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.database("template0")
    store = Store(url)
    store._run(lambda connection: upgrade(connection, "0006"), alone=True)
    many = 1203
    numbers = f"WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < {many - 1}) "
    write(
        store,
        text(
            numbers + "INSERT INTO calls (call, n, complete, started_at, ended_at, duration_ms, ring_ms, talk_ms,"
            " caller_number, caller_name, dialled, number, emergency, answered_target, answered_contact, service,"
            " result, reason, sip_status, recovered, sip_call_id, model, because)"
            " SELECT 'c' || CAST(i AS TEXT), 5, true, 1772442000000000 + i / 7, 1772442009000000, 9, 0, 9, '201', 'A',"
            " '202', '202', false, 'line:202', '', '', 'answered', 'answered', 200, false, 'x', '', '' FROM n"
        ),
        text(
            numbers
            + "INSERT INTO call_legs (call, leg, target, contact, started_at, ended_at, held_ms, result, reason,"
            " sip_status) SELECT 'c' || CAST(i AS TEXT), 0, 'line:201', '', 1772442000000000, 1772442009000000, 0,"
            " 'answered', 'answered', 200 FROM n"
        ),
        text(
            f"INSERT INTO recording_files VALUES ('{FILE}', 'c1', 'ab', 4, 5, 8000, 2, 1772442000000000, 9, 0,"
            " 1772442010000000, '')"
        ),
    )
    store.migrate()
    walk = Verifying(store)
    assert list(walk) == []
    assert (walk.seen.links, walk.seen.records, walk.seen.recordings) == (many + 1, many, 1)
    write(store, text("ALTER TABLE calls ADD COLUMN of_a_later_version TEXT NOT NULL DEFAULT ''"))
    assert told(store) == []
    write(store, update(calls).where(calls.c.call == "c700").values(dialled="203"))
    assert told(store) == ["changed c700"]
    store.close()


def test_the_feeder_keeps_the_end_of_the_chain_and_never_overwrites_one_that_is_gone(
    tmp_path: Path, quick: Store
) -> None:
    store = quick
    journal, head = FileJournal(tmp_path / "journal"), tmp_path / "records.head"
    feeder = Feeder(tmp_path / "journal", store, head=head)
    assert feeder.keep_head() == "" and not head.exists()
    journal.append(answered_call("c1"))
    journal.append(answered_call("c2", 100))
    feed_all(feeder)
    assert feeder.keep_head() == ""
    kept = anchor.read(head)
    assert kept == store.head() and kept is not None and head.stat().st_mode & 0o777 == 0o600
    write(store, *(delete(table).where(table.c.call == "c2") for table in (call_legs, calls)))
    write(store, delete(chain).where(chain.c.seq == 2))
    journal.append(answered_call("c3", 200))
    feed_all(feeder)
    beat, once = tmp_path / "beat", threading.Event()
    once.wait = lambda timeout=None: once.set() or True  # type: ignore[method-assign,func-returns-value]
    feeder.run(once, beat=beat)
    assert "records.head.1 (ringplan records verify)" in Watch(beat, 0.0).trouble(time.time()), (
        "what operators are told"
    )
    assert feeder.keep_head() == ""
    assert dict(anchor.kept(head)) == {head: store.head(), tmp_path / "records.head.1": kept}
    assert [each.what for each in Verifying(store, [(str(path), each) for path, each in anchor.kept(head)])] == ["cut"]
    journal.close()


def test_what_was_forgotten_is_in_no_octet_of_journal_and_database_any_more(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    journal = FileJournal(tmp_path / "journal")
    feeder = Feeder(tmp_path / "journal", store, spare_s=0)
    secret = answered_call("c1", 5)
    secret[0] = replace(secret[0], caller_name="Zacharias Unvergessen", caller_number="+16695550123")  # type: ignore[call-arg]
    for events in ([*answered_call("c0")], secret, answered_call("up", 20)[:6]):
        journal.append(events)
    feed_all(feeder)

    def found() -> list[str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return sorted({path.name.partition("-")[0] for path in files if b"Zacharias" in path.read_bytes()})

    assert found()
    journal.begin_segment()
    journal.append([forgotten("c1")])
    for over in (False, True):  # the exchange does so whenever a segment begins
        journal.append([StateTold(1, over, 0, at(500))])
    feed_all(feeder)
    feeder.retain(at(600))
    feeder.sweep()
    assert found() == []
    assert len(segments(tmp_path / "journal")) == 2, "that of the call that is up has its events only"
    assert [record.call for record in feeder.open_calls()] == ["up"]
    assert told(store) == []
    store.close()
    journal.close()


def test_a_feeder_that_is_killed_over_a_deletion_leaves_nothing_in_the_log(tmp_path: Path) -> None:
    """Nor does one that had to wait for somebody who was reading."""
    url = f"sqlite:///{tmp_path}/records.db"
    store = Store(url)
    store.migrate()
    journal = FileJournal(tmp_path / "journal")
    secret = answered_call("c1", 5)
    secret[0] = replace(secret[0], caller_name="Zacharias Unvergessen")  # type: ignore[call-arg]
    journal.append(secret)
    feed_all(Feeder(tmp_path / "journal", store))
    journal.append([forgotten("c1")])
    feed_all(Feeder(tmp_path / "journal", store))  # and here it dies

    def found() -> bool:
        return any(b"Zacharias" in path.read_bytes() for path in tmp_path.glob("records.db*"))

    assert found() and store.call("c1") is None
    feeder = Feeder(tmp_path / "journal", store)
    reading = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM calls").fetchone()
    feeder.retain(at(600))
    assert found()
    reading.close()
    feeder.retain(at(600))
    assert not found()
    store.close()
    journal.close()


def test_the_head_is_in_the_log_once_a_day(tmp_path: Path) -> None:
    said: list[str] = []
    day = [at(0)]
    log = HeadLog(tmp_path / "records.head", lambda words, head: said.append(head), lambda: day[0])
    for hours, head in ((0, ""), (1, "1:" + "ab" * 32), (2, "2:" + "ab" * 32), (24, "3:" + "ab" * 32)):
        day[0] = at(hours * 3600)
        (tmp_path / "records.head").write_text(head)
        asyncio.run(log.look())
    assert [each[0] for each in said] == ["1", "3"]


def test_heads_are_written_and_read() -> None:
    head = Head(12, bytes(range(32)))
    assert Head.parse(f" {str(head).upper()}\n") == head
    for text_ in ("", "12", "12:ab", "x:" + "0" * 64, "-1:" + "0" * 64):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            Head.parse(text_)
