"""Conservation (XRL-10): whatever becomes of calls, each second that somebody talked, held or parked is in the records
once: through transfer, park, conference, forward and crash.

The histories are made by a small exchange of the tests' own, which writes down events and, beside them, counts seconds
by people: a person is a leg, into whatever call that goes.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from records import events as e
from records.cdr import CallRecord
from tests.support.call_events import DIALOG, FLOW, at, started
from tests.support.conservation import check_book, check_moves, check_record, check_told_twice
from tests.support.examples import examples
from tests.support.feeding import records

ENDED = ("answered", "caller_hung_up", 200)


class Made:
    """One call: who is in it by the number of the leg, who holds, and who is connected with whom."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n = 0
        self.legs: dict[int, int] = {}
        self.numbered = 0
        self.ringing: dict[int, int] = {}
        self.holds: set[int] = set()
        self.front = 0
        self.peer: int | None = None
        self.service = ""
        self.rooms: dict[int, str] = {}
        self.slot = ""
        self.parker = 0
        self.answered = False

    def together(self) -> set[int]:
        """The legs that are connected with somebody."""
        found = set(self.rooms)
        if self.peer is not None and not self.service and not self.ringing and not self.rooms:
            found |= {self.front, self.peer}
        return found


class World:
    """All calls, their events in order, and the book."""

    def __init__(self) -> None:
        self.now = 0
        self.people = 0
        self.calls: dict[str, Made] = {}
        self.over: list[str] = []
        self.events: list[e.CallEvent] = []
        self.who: dict[tuple[str, int], int] = {}
        self.talk: Counter[int] = Counter()
        self.hold: Counter[int] = Counter()
        self.park: Counter[str] = Counter()
        self.stays = 0

    def later(self, seconds: int) -> None:
        """Time goes by, and is written into the book."""
        self.now += seconds
        for call in self.calls.values():
            for leg in call.together():
                self.talk[call.legs[leg]] += seconds
                if leg in call.holds:
                    self.hold[call.legs[leg]] += seconds
            if call.slot:
                self.park[f"u{call.parker}"] += seconds

    def tell(self, call: Made, kind: Callable[..., e.CallEvent], *fields: Any, **more: Any) -> None:
        self.events.append(kind(call.name, call.n, at(self.now), *fields, **more))
        call.n += 1

    def person(self, call: Made, leg: int, person: int | None = None) -> int:
        if person is None:
            self.people += 1
            person = self.people
        call.legs[leg] = self.who[call.name, leg] = person
        return person

    def join(self, call: Made, front: int, peer: int) -> None:
        call.front, call.peer, call.service = front, peer, ""
        call.ringing = {}
        self.tell(call, e.Connected, peer, front=front)

    def gone(self, call: Made, leg: int) -> None:
        """A leg hangs up; the call goes on."""
        self.tell(call, e.LegEnded, leg, *ENDED)
        self.forget(call, leg)

    def forget(self, call: Made, leg: int) -> None:
        call.legs.pop(leg)
        call.holds.discard(leg)
        call.rooms.pop(leg, None)
        if call.peer == leg:
            call.peer = None

    def end(self, call: Made) -> None:
        if call.slot:
            self.tell(call, e.Unparked, "main", call.slot, "ended")
        for leg in [*call.legs, *call.ringing]:
            self.tell(call, e.LegEnded, leg, *ENDED)
        self.tell(call, e.CallEnded, *ENDED)
        self.over.append(call.name)
        del self.calls[call.name]

    def talking(self, pick: int) -> Made | None:
        """A call in which two talk, or a leg is held."""
        found = [each for each in self.calls.values() if each.peer is not None and not each.rooms and not each.service]
        return found[pick % len(found)] if found else None

    def move(self, before: Made, leg: int, to: Made) -> int:
        to.numbered += 1
        index, person = to.numbered, before.legs[leg]
        self.tell(before, e.LegGiven, leg, to.name, index)
        held = leg in before.holds
        user = f"u{person}"
        self.tell(
            to, e.LegTaken, index, before.name, leg, f"line:{user}", "", FLOW, DIALOG, "", None, b"", None,
            held=held, user=user,
        )  # fmt: skip
        self.forget(before, leg)
        self.person(to, index, person)
        if held:
            to.holds.add(index)
        return index

    # -- what may happen ------------------------------------------------------------------------------------------

    def call(self, pick: int) -> None:
        """Somebody calls somebody, who answers after 3 s, or nobody does."""
        call = Made(f"c{len(self.calls) + len(self.over)}")
        self.calls[call.name] = call
        user = f"u{self.person(call, 0)}"
        begun = started(call.name)
        fields = {name: getattr(begun, name) for name in begun.__struct_fields__[3:]}
        self.tell(call, e.CallStarted, **(fields | {"device": None, "line": user, "user": user}))
        if pick % 4 == 1:
            self.tell(call, e.CallForwarded, "u0", 408, to="line:x", entity="user:x")
        self.ring(call)
        self.later(3)
        if pick % 4 == 3:
            self.end(call)
            return
        leg = next(iter(call.ringing))
        self.answer(call, leg)
        self.tell(call, e.LegAnswered, 0, DIALOG)
        call.answered = True
        self.join(call, 0, leg)

    def ring(self, call: Made) -> None:
        call.numbered += 1
        leg = call.numbered
        self.people += 1
        person = call.ringing[leg] = self.people
        self.who[call.name, leg] = person
        user = f"u{person}"
        self.tell(call, e.LegStarted, leg, f"line:{user}", "", FLOW, DIALOG, "b", user=user)
        self.tell(call, e.LegRinging, leg, 180, False)

    def answer(self, call: Made, leg: int) -> None:
        self.person(call, leg, call.ringing[leg])
        self.tell(call, e.LegAnswered, leg, DIALOG)

    def hang_up(self, pick: int) -> None:
        if self.calls:
            self.end(list(self.calls.values())[pick % len(self.calls)])

    def holding(self, pick: int) -> None:
        """A leg holds, or takes back; told once more it is the same."""
        found = [(call, leg) for call in self.calls.values() for leg in call.legs if call.answered]
        if found:
            call, leg = found[pick % len(found)]
            held = leg not in call.holds
            (call.holds.add if held else call.holds.discard)(leg)
            for _ in range(1 + pick % 2):
                self.tell(call, e.LegHeld, leg, held)

    def third(self, pick: int) -> None:
        """A third one is rung, for whom nobody talks meanwhile: refuses, takes the peer's place, or comes in."""
        call = self.talking(pick)
        if call is None or call.peer is None:
            return
        self.ring(call)
        leg, peer = next(iter(call.ringing)), call.peer
        self.later(2 + pick % 5)
        if pick % 3 == 0:
            call.ringing = {}
            self.tell(call, e.LegEnded, leg, "busy", "busy", 486)
            return
        self.answer(call, leg)
        if pick % 3 == 1:
            self.tell(call, e.TransferOver, peer, "done", 200, "line:x")
            self.join(call, call.front, leg)
            self.gone(call, peer)
            return
        self.join(call, call.front, leg)
        for each in list(call.legs):
            call.rooms[each] = "three-way"
            self.tell(call, e.RoomEntered, each)

    def leave(self, pick: int) -> None:
        """One of three hangs up, and the two others go on."""
        found = [each for each in self.calls.values() if len(each.rooms) == 3]
        if found:
            call = found[pick % len(found)]
            self.gone(call, list(call.rooms)[pick % 3])
            for each in list(call.rooms):
                self.tell(call, e.RoomLeft, each)
            front, peer = call.rooms
            call.rooms = {}
            self.join(call, front, peer)

    def meet(self, pick: int) -> None:
        """Whoever stays goes into a conference; the other one hangs up."""
        call = self.talking(pick)
        if call is not None and call.peer is not None:
            peer, room = call.peer, f"conference:r{pick % 2}"
            self.serve(call, room)
            self.gone(call, peer)
            self.later(pick % 4)
            call.rooms[call.front] = room
            self.tell(call, e.RoomEntered, call.front, f"r{pick % 2}", muted=bool(pick % 3))
            self.tell(call, e.RoomEntered, call.front, f"r{pick % 2}")

    def serve(self, call: Made, name: str) -> None:
        call.peer, call.service = None, name
        self.tell(call, e.Connected, call.front, name, front=call.front)

    def parks(self, pick: int) -> None:
        """The peer parks the front, and is gone."""
        call = self.talking(pick)
        if call is not None and call.peer is not None:
            peer, call.slot = call.peer, f"70{pick % 10}"
            call.parker = call.legs[peer]
            self.stays += 1
            self.tell(call, e.Parked, "main", call.slot, f"line:u{call.parker}")
            self.serve(call, f"park:main/{call.slot}")
            self.gone(call, peer)

    def again(self, pick: int) -> None:
        """Parked for the same time once more: nothing begins anew."""
        for call in self.calls.values():
            if call.slot:
                self.tell(call, e.Parked, "main", call.slot, f"line:u{call.parker}")

    def takes(self, pick: int) -> None:
        """Somebody calls the slot and takes who is parked there: the taker's leg comes out of another call."""
        found = [each for each in self.calls.values() if each.slot]
        if found:
            parked = found[pick % len(found)]
            self.call(0)
            other = list(self.calls.values())[-1]
            self.later(1)
            taker = self.move(other, 0, parked)
            self.tell(parked, e.Unparked, "main", parked.slot, "retrieved", f"line:u{parked.legs[taker]}")
            parked.slot = ""
            self.join(parked, parked.front, taker)
            self.end(other)

    def attended(self, pick: int) -> None:
        """Two calls become one: the far leg of the second takes the peer's place in the first."""
        first, second = self.talking(pick), self.talking(pick + 1)
        if first is None or second is None or first is second or first.peer is None or second.peer is None:
            return
        peer = first.peer
        index = self.move(second, second.peer, first)
        self.join(first, first.front, index)
        self.gone(first, peer)
        self.end(second)

    def crash(self, pick: int) -> None:
        """The exchange is away for a while; who talks goes on talking."""
        self.later(pick)
        for call in self.calls.values():
            self.tell(call, e.Recovered)

    def finish(self) -> list[CallRecord]:
        for call in list(self.calls.values()):
            self.end(call)
        return records(*self.events)


WHAT = ["call", "hang_up", "holding", "holding", "third", "leave"]
WHAT += ["meet", "parks", "again", "takes", "attended", "crash"]
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 11), st.integers(0, 9)), min_size=5, max_size=40)


@examples(150)
@given(STEPS)
def test_every_second_is_in_the_records_once(steps: list[tuple[str, int, int]]) -> None:
    world = World()
    for pick in (0, 1):
        world.call(pick)
    for what, pick, seconds in steps:
        getattr(world, what)(pick)
        world.later(seconds)
    records = world.finish()
    known = {record.call: record for record in records}
    assert sorted(known) == sorted(world.over)
    assert len(records) == len(known)
    talk: Counter[int] = Counter()
    hold: Counter[int] = Counter()
    park: Counter[str] = Counter()
    for record in records:
        check_record(record)
        check_book(record, [event for event in world.events if event.call == record.call])
        check_moves(record, known)
        for leg in record.legs:
            talk[world.who[record.call, leg.leg]] += round(record.talked_s(leg.leg))
            hold[world.who[record.call, leg.leg]] += round(leg.held_s)
        for stay in record.parkings:
            assert stay.until is not None
            park[stay.user] += (stay.until - stay.since) // datetime.timedelta(seconds=1)
    assert +talk == +world.talk
    assert +hold == +world.hold
    assert +park == +world.park
    assert sum(len(record.parkings) for record in records) == world.stays
    check_told_twice(records, world.events)


def test_the_histories_hold_what_they_are_to_hold() -> None:
    """The generator reaches each thing that could be counted twice."""
    world = World()
    for what, pick in (
        ("call", 0), ("call", 1), ("holding", 0), ("third", 0), ("third", 1), ("third", 2), ("leave", 0),
        ("attended", 0), ("call", 0), ("parks", 0), ("again", 0), ("crash", 5), ("takes", 0), ("meet", 1),
    ):  # fmt: skip
        getattr(world, what)(pick)
        world.later(2)
    world.finish()
    kinds = {type(event) for event in world.events}
    assert {e.LegGiven, e.LegTaken, e.Parked, e.Unparked, e.RoomEntered, e.RoomLeft, e.LegHeld, e.Recovered} <= kinds
