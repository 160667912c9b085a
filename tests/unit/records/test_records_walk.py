"""A user's calls out of the store: all of them, once, in order; and by an index, however many others there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Select, text
from sqlalchemy.dialects import sqlite

from records.cdr import CallRecord
from records.events import HistoryHidden
from records.segments import Position
from records.store import Store
from records.store.questions import Walk, Wanted
from records.store.tables import calls
from tests.support import feeding
from tests.support.call_events import at
from tests.support.call_stories import day


@pytest.fixture(scope="module")
def records() -> list[CallRecord]:
    """Of a long day, by their beginnings."""
    mixed = sorted((event for call in day(11, 400) for event in call), key=lambda event: event.at)
    return sorted(feeding.records(*mixed), key=lambda record: (record.started_at, record.call))


@pytest.fixture
def filled(store: Store, records: list[CallRecord]) -> Store:
    store.apply(records, Position(1, 1))
    return store


@pytest.fixture(scope="module")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path_factory.mktemp('db')}/records.db")
    made.migrate()
    yield made
    made.close()


def concerning(records: list[CallRecord], *users: str) -> list[str]:
    return [record.call for record in records if {*users} & {*record.users()}]


def test_a_users_calls_come_newest_first_each_once(filled: Store, records: list[CallRecord]) -> None:
    """Over portions of several sizes; of several users together, too (DCH-1)."""
    for users in (("anna",), ("ben", "anna"), ("anna", "ben", "carl", "dora"), ("nobody",), ()):
        found = [record.call for record in filled.newest(users)]
        assert found == concerning(records, *users)[::-1]
    assert len(concerning(records, "anna")) > 100
    some = Wanted(since=at(9000), until=at(20000))
    wanted = [record for record in records if at(9000) <= record.started_at < at(20000)]
    assert [record.call for record in filled.newest(["anna"], some)] == concerning(wanted, "anna")[::-1]
    assert [record.call for record in filled.each(Wanted(user="anna"))] == concerning(records, "anna")
    late = [record for record in records if record.started_at >= at(20000) and record.result == "answered"]
    found = filled.each(Wanted(user="anna", since=at(20000), result="answered"))
    assert [record.call for record in found] == concerning(late, "anna")


def test_what_one_has_hidden_is_passed_over_for_that_one_alone(filled: Store, records: list[CallRecord]) -> None:
    """DCH-2."""
    both = [call for call in concerning(records, "anna") if call in concerning(records, "carl")]
    gone = both[::2]
    filled.apply([], Position(1, 2), facts=[HistoryHidden("carl", call, "user:carl", at(1)) for call in gone])
    seen = [record.call for record in filled.newest(["anna", "carl"], hidden_by="carl")]
    assert seen == [call for call in concerning(records, "anna", "carl") if call not in gone][::-1]
    assert [record.call for record in filled.newest(["anna", "carl"], hidden_by="anna")] == (
        concerning(records, "anna", "carl")[::-1]
    )


def plan(store: Store, query: Select[tuple[object]]) -> list[str]:
    """How SQLite goes about it, a line a step."""
    written = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return store.read(lambda connection: [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {written}"))])


DAY = Wanted(since=at(9000), until=at(20000))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Walk(("anna", "ben"), DAY, newest_first=True, hidden_by="ben").portion(50, (5, "c")), "call_users"),
        (Wanted(line="anna", since=DAY.since, until=DAY.until).of(calls.select()), "calls_line"),
        (Wanted(line="anna", since=DAY.since, until=DAY.until).of(calls.select()), "call_legs_target"),
        (Wanted(user="anna", since=DAY.since, until=DAY.until).of(calls.select()), "call_users"),
        (Wanted(number="+16695550123").of(calls.select()).order_by(calls.c.started_at.desc()), "calls_caller_number"),
        (Wanted(line="anna").of(calls.select()).order_by(calls.c.started_at.desc()).limit(20), "calls_line"),
    ],
)
def test_no_question_looks_at_all_calls(sqlite_store: Store, query: Select[tuple[object]], index: str) -> None:
    steps = plan(sqlite_store, query)
    assert any(index in step for step in steps), steps
    for step in steps:
        table = step.removeprefix("SCAN ").partition(" ")[0]
        assert not step.startswith("SCAN") or table not in ("calls", "call_legs", "call_users", "history_hidden"), steps
        assert "calls_started_at" not in step, steps
