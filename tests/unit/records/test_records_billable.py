"""Billable time (BIL-1 to BIL-8, data): whatever people mark, note and edit, it is never more than the talk, and what
was there before stays."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from records import billable as b
from records import events as e
from records.cdr import CallRecord, fold
from records.segments import Position
from records.store import Store
from tests.support.call_events import DIALOG, FLOW, at, started

END = ("answered", "caller_hung_up", 200)


def call(*marks: tuple[float, str, bool], answered: float = 10, ended: float = 100, **more: Any) -> CallRecord:
    """201 talks with 202 from `answered` to `ended`."""
    events: list[tuple[float, Any, tuple[Any, ...]]] = [
        (1.0, e.LegStarted, (1, "line:202", "sip:202", FLOW, DIALOG, "z")),
        (answered, e.LegAnswered, (1, DIALOG)),
        (answered, e.LegAnswered, (0, DIALOG)),
        *((when, e.BillableSet, (user, on, f"device:{user}")) for when, user, on in marks),
    ]
    record = fold(None, started("a"))
    for n, (when, kind, fields) in enumerate(sorted(events, key=lambda each: each[0]), 1):
        record = fold(record, kind("a", n, at(when), *fields))
    return fold(record, e.CallEnded("a", record.n, at(ended), *END))


def edited(when: float, by: str = "operator:root", **what: Any) -> e.BillableEdited:
    return e.BillableEdited(f"e{when}", "a", "201", by, at(when), **what)


def noted(when: float, user: str = "201", **what: Any) -> e.InteractionNoted:
    return e.InteractionNoted(f"n{when}", "a", user, f"device:{user}", at(when), **what)


def test_several_pairs_and_one_without_an_end() -> None:
    """BIL-1: twice on is once; what is marked while it rings, or after the end, counts nothing."""
    record = call((5, "201", True), (20, "201", False), (30, "201", True), (31, "201", True), (60, "202", True))
    one, other = b.billables(record, [])
    assert (one.user, one.talk_s, one.marked_s, one.seconds) == ("201", 90, 10 + 70, 80)
    assert one.intervals == ((at(10), at(20)), (at(30), at(100)))
    assert (other.user, other.marked_s) == ("202", 40)
    assert b.billables(call(), []) == ()


def test_an_edit_leaves_what_was_marked_and_every_value_before() -> None:
    """BIL-2, BIL-3, BIL-5: a trail of who, when, from, to."""
    record = call((20, "201", True), (50, "201", False))
    told = [
        noted(40, code="4711", note="wants a quote"),
        edited(200, seconds=45.0, note="wants two quotes"),
        edited(300, "device:201", seconds=60.0, code="12", contact="c-9"),
    ]
    for order in (told, [*reversed(told), told[0]]):
        (entry,) = b.billables(record, order)
        assert (entry.marked_s, entry.seconds) == (30, 60)
        assert (entry.code, entry.note, entry.contact) == ("12", "wants two quotes", "c-9")
        assert [(each.at, each.by, each.what, each.before, each.after) for each in entry.edits] == [
            (at(40), "device:201", "code", "", "4711"),
            (at(40), "device:201", "note", "", "wants a quote"),
            (at(200), "operator:root", "seconds", "30", "45"),
            (at(200), "operator:root", "note", "wants a quote", "wants two quotes"),
            (at(300), "device:201", "seconds", "45", "60"),
            (at(300), "device:201", "code", "4711", "12"),
            (at(300), "device:201", "contact", "", "c-9"),
        ]


def test_an_account_code_is_the_client_code_until_another_is_noted() -> None:
    record = fold(None, started("a"))
    record = fold(record, e.AccountChanged("a", 1, at(5), "4711", "device:x"))
    record = fold(record, e.BillableSet("a", 2, at(6), "201", True, "device:x"))
    record = fold(record, e.CallEnded("a", 3, at(9), *END))
    assert [each.code for each in b.billables(record, [])] == ["4711"]
    assert [each.code for each in b.billables(record, [noted(7, code="12")])] == ["12"]


moments = st.floats(0, 150).map(lambda each: round(each, 3))
marks = st.lists(st.tuples(moments, st.sampled_from(("201", "202", "203")), st.booleans()), max_size=12)
edits = st.lists(
    st.builds(
        lambda when, seconds, code: edited(when, seconds=seconds, code=code),
        moments,
        st.none() | st.floats(-10, 500),
        st.none() | st.sampled_from(("4711", "12", "")),
    ),
    max_size=5,
)


@given(marks=marks, told=edits, answered=moments.filter(lambda each: each > 1), ended=moments)
def test_billable_time_is_within_the_talk_whatever_happens(
    marks: list[tuple[float, str, bool]], told: list[e.BillableEdited], answered: float, ended: float
) -> None:
    """Against a clock that looks every millisecond who talks and what is marked."""
    ended = max([answered, ended, *(when for when, _, _ in marks)])
    record = call(*marks, answered=answered, ended=ended)
    for entry in b.billables(record, told):
        assert 0 <= entry.seconds <= entry.talk_s + 1e-9
        assert entry.marked_s <= entry.talk_s
        talked = entry.user in ("201", "202")
        assert entry.talk_s == (round(ended - answered, 3) if talked else 0)
        assert abs(entry.marked_s - (by_hand(marks, entry.user, answered, ended) if talked else 0)) < 0.0015 * 12
        without = b.billables(record, [])
        assert {each.user: each.marked_s for each in without}.get(entry.user, 0.0) == entry.marked_s


def by_hand(marks: list[tuple[float, str, bool]], user: str, answered: float, ended: float) -> float:
    total, on = 0.0, False
    instants = sorted({answered, ended, *(when for when, _, _ in marks if answered < when < ended)})
    sets = sorted((each for each in marks if each[1] == user), key=lambda each: each[0])
    for since, until in itertools.pairwise(instants):
        before = [each for each in sets if each[0] <= since]
        on = before[-1][2] if before else False
        total += until - since if on else 0
    return total


def test_a_report_by_client_and_by_contact_counts_once() -> None:
    """BIL-6."""
    record = call((20, "201", True), (50, "201", False), (60, "202", True))
    told = [noted(90, code="4711"), noted(91, "202", code="4711", contact="ada")]
    found = b.billables(record, told)
    assert b.report(found, "code") == [b.Line("4711", 1, 70, 180)]
    assert b.report(found, "contact") == [b.Line("", 1, 30, 90), b.Line("ada", 1, 40, 90)]
    assert b.report(b.billables(call(), [noted(90, code="4711")]), "code") == []


def test_the_store_keeps_marks_notes_and_edits(store: Store) -> None:
    record, silent = call((20, "201", True)), call()
    told = [noted(40, code="4711", note="a\0b"), edited(200, seconds=4.5, contact="")]
    for _ in range(2):
        store.apply([record], Position(1, 10), facts=told)
    ((read, events),) = store.billables()
    assert read.marks == record.marks
    assert [each.id for each in events] == ["n40", "e200"]
    (entry,) = b.billables(read, events)
    assert (entry.seconds, entry.code, entry.note) == (4.5, "4711", "a\N{REPLACEMENT CHARACTER}b")
    assert store.notes("nothing") == []
    assert silent.marks == ()
    assert b.talks(silent, "202") == ((at(10), at(100)),)
    assert b.users(silent) == ("201", "202")
    assert b.plain(entry)["began_at"] == at(10)
    assert isinstance(entry.began_at, datetime.datetime)
