"""Stays in queues: the events are enough for RTQ-1 to 11, and callers in = callers out, at every instant."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cdr import CdrFolder, Queued
from records.events import (
    CallEnded,
    CallEvent,
    CallStarted,
    Connected,
    LegAnswered,
    LegEnded,
    LegGiven,
    LegStarted,
    MemberSet,
    QueueEntered,
    QueueLeft,
    QueueOffered,
)
from records.reports.queues import QueueReport, Target, queues
from records.reports.stays import out, stays
from records.segments import Position
from records.store import Store
from records.store.members import members
from records.viewer import Role, Viewer
from tests.support.call_events import DIALOG, FLOW, at, started
from tests.support.conservation import stored
from tests.support.examples import examples

BOSS = Viewer("boss", Role.MANAGER)
MEMBERS = ("anna", "ben")
STEPS = st.tuples(
    st.integers(0, 3),  # which call
    st.sampled_from(["enter", "offer", "answer", "refuse", "overflow", "hang up", "member hangs up", "given", "queue"]),
    st.sampled_from(MEMBERS),
    st.integers(0, 20),  # seconds later
)


class House:
    """Calls in queues, as events; and beside them a book of what callers came to, kept by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.folder = CdrFolder()
        self.done: list[Any] = []
        self.numbers: dict[str, count[int]] = {}
        self.offers: dict[str, dict[str, int]] = {}
        self.waiting: dict[str, tuple[str, float]] = {}
        self.talking: dict[str, tuple[str, int]] = {}
        self.began: dict[str, float] = {}
        self.book = dict.fromkeys(("offered", "completed", "abandoned", "overflowed", "missed"), 0)
        self.waits: list[float] = []
        self.talks: list[float] = []
        self.over: set[str] = set()

    def tell(self, kind: Any, call: str, *fields: Any, **more: Any) -> None:
        event: CallEvent = kind(call, next(self.numbers[call]), at(self.now), *fields, **more)
        record = self.folder.feed(event)
        if record is not None:
            self.done.append(record)

    def do(self, number: int, what: str, member: str) -> None:
        call = f"c{number}"
        if call in self.over:
            return
        if call not in self.numbers:
            self.numbers[call], self.offers[call] = count(), {}
            begun = started(call, self.now)
            self.tell(CallStarted, call, *(getattr(begun, name) for name in begun.__struct_fields__[3:]))
            self.tell(LegAnswered, call, 0, DIALOG)
        getattr(self, "_" + what.replace(" ", "_"))(call, member)

    def _enter(self, call: str, member: str) -> None:
        if call not in self.waiting and call not in self.talking:
            self.tell(Connected, call, 0, "queue:sales")
            self.tell(QueueEntered, call, 0, "sales", 20.0, 5.0)
            self.waiting[call] = "sales", self.now
            self.book["offered"] += 1

    def _queue(self, call: str, member: str) -> None:
        """On into the same queue once more, by a rule of it."""
        if call in self.waiting:
            self._leave(call, "overflowed", None)
            self._enter(call, member)

    def _offer(self, call: str, member: str) -> None:
        if call in self.waiting and member not in self.offers[call]:
            leg = 1 + next(self.numbers.setdefault("legs", count()))
            self.offers[call][member] = leg
            phone = f"{member}-desk"
            self.tell(LegStarted, call, leg, f"line:{member}", "", FLOW, DIALOG, "b", device=phone, user=member)
            self.tell(QueueOffered, call, leg, "sales")

    def _refuse(self, call: str, member: str) -> None:
        leg = self.offers[call].pop(member, None)
        if leg is not None:
            self.book["missed"] += 1
            self.tell(LegEnded, call, leg, "busy", "busy", 486)

    def _answer(self, call: str, member: str) -> None:
        leg = self.offers[call].pop(member, None)
        if leg is not None:
            self._all_stop(call)
            self.tell(LegAnswered, call, leg, DIALOG)
            self._leave(call, "answered", leg)
            self.tell(Connected, call, leg)
            self.talking[call], self.began[call] = (member, leg), self.now

    def _overflow(self, call: str, member: str) -> None:
        if call in self.waiting:
            self._leave(call, "overflowed", None)

    def _leave(self, call: str, how: str, leg: int | None) -> None:
        _, since = self.waiting.pop(call)
        self.waits.append(self.now - since)
        if how != "answered":
            self.book[how] += 1
            self._all_stop(call)
        self.tell(QueueLeft, call, 0, "sales", how, -1 if leg is None else leg)

    def _all_stop(self, call: str) -> None:
        for other in list(self.offers[call]):
            self._refuse(call, other)

    def _gone(self, call: str) -> None:
        """The caller hangs up, wherever he is; nobody says more of the queue."""
        if call in self.waiting:
            self.waits.append(self.now - self.waiting.pop(call)[1])
            self.book["abandoned"] += 1
        if call in self.talking:
            del self.talking[call]
            self._completed(call)

    def _completed(self, call: str) -> None:
        self.book["completed"] += 1
        self.talks.append(self.now - self.began[call])

    def _hang_up(self, call: str, member: str) -> None:
        self._gone(call)
        self.book["missed"] += len(self.offers[call])  # they end with the call
        self.over.add(call)
        self.tell(LegEnded, call, 0, "answered", "caller_hung_up", 200)
        self.now += 1
        self.tell(CallEnded, call, "answered", "caller_hung_up", 200)

    def _given(self, call: str, member: str) -> None:
        """The caller's leg goes into another call, and this one ends."""
        if call in self.waiting or call in self.talking:
            self._gone(call)
            self.book["missed"] += len(self.offers[call])
            self.over.add(call)
            self.tell(LegGiven, call, 0, "elsewhere", 1)
            self.now += 1
            self.tell(CallEnded, call, "answered", "transferred", 200)

    def _member_hangs_up(self, call: str, member: str) -> None:
        """The caller stays, as for a question after the call."""
        if call in self.talking:
            _, leg = self.talking.pop(call)
            self._completed(call)
            self.tell(LegEnded, call, leg, "answered", "callee_hung_up", 200)

    def report(self) -> QueueReport | None:
        records = [*self.done, *self.folder.open.values()]
        found = queues(stays(records), (), BOSS, at(self.now))
        return found[0] if found else None


@examples(60)
@given(st.lists(STEPS, max_size=40))
def test_rtq_11_callers_in_are_callers_out_at_every_instant(steps: list[tuple[int, str, str, int]]) -> None:
    house = House()
    for number, what, member, later in steps:
        house.now += later
        house.do(number, what, member)
        report, book = house.report(), house.book
        if report is None:
            assert not book["offered"]
            continue
        assert report.offered == report.completed + report.abandoned + report.overflowed + report.in_progress
        assert {name: getattr(report, name) for name in book} == book
        assert report.in_progress == len(house.waiting) + len(house.talking)
        waits = [house.now - since for _, since in house.waiting.values()]
        assert report.waiting_s == max(waits, default=None)
        assert report.longest_wait_s == max([*house.waits, *waits], default=None)
        assert report.wait_s == _mean(house.waits)
        assert report.talk_s == report.handling_s == _mean(house.talks)
    assert all(stored(record) == record for record in house.done)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def test_rtq_2_handling_is_talk_and_hold_and_wrap_up() -> None:
    house = House()
    for what in ("enter", "offer", "answer"):
        house.do(0, what, "anna")
    house.now = 60.0
    house.do(0, "hang up", "anna")
    told = [
        MemberSet("sales", "anna", "wrap_up", "", "queue", at(60), "c0"),
        MemberSet("sales", "ben", "in", "", "device:ben-desk", at(65)),
        MemberSet("sales", "anna", "in", "", "queue", at(90)),
    ]
    (stay,) = stays(house.done, told)
    assert (stay.talk_s, stay.hold_s, stay.wrap_s) == (60.0, 0.0, 30.0)


def test_rtq_10_members_who_are_out_by_reason() -> None:
    told = [
        MemberSet("sales", "anna", "out", "break", "device:anna-desk", at(1)),
        MemberSet("sales", "ben", "out", "meal", "device:ben-desk", at(2)),
        MemberSet("help", "ben", "out", "meal", "device:ben-desk", at(2)),
        MemberSet("sales", "anna", "in", "", "operator:root", at(3)),
    ]
    assert out(told, at(2)) == {"sales": ["break", "meal"], "help": ["meal"]}
    assert out(told, at(9)) == {"sales": ["meal"], "help": ["meal"]}


@pytest.mark.parametrize("last", ["hang up", "overflow"])
def test_a_stay_says_how_it_was_left(last: str) -> None:
    house = House()
    for what in ("enter", "offer", last):
        house.do(0, what, "anna")
        house.now += 5
    house.do(0, "hang up", "anna")
    (record,) = house.done
    how = "abandoned" if last == "hang up" else "overflowed"
    assert record.queued == (Queued(at(0), at(10), 0, "sales", how, offers=(1,), target_s=20.0, short_s=5.0),)
    # What the queue aimed at when the call came, counts; not what it aims at today.
    (report,) = queues(stays(house.done), (Target(queue="sales", short_s=15.0),), BOSS, at(99))
    assert (report.missed, report.service_percent) == (1, 0.0)


def test_what_members_set_is_kept_and_may_be_told_twice(tmp_path: Path) -> None:
    told = [
        MemberSet("sales", "anna", "out", "break", "device:anna-desk", at(1)),
        MemberSet("sales", "anna", "wrap_up", "", "queue", at(3), "c0"),
    ]
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    store.apply([], Position(1, 1), facts=told)
    store.apply([], Position(1, 2), facts=told)
    assert store.read(members) == told
    store.close()
