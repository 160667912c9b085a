"""A recording follows the call: transferred by REFER, parked and taken from another telephone, with a third party
(REC-7), where the rules of those who come in, and of those who have left, decide (XRL-8, REC-5)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import ParkLot
from dialplan.lines import Announce, Policy
from media.engine import PlayEnded, RecordEnded
from records import events as e
from tests.support.engine import Book
from tests.support.exchange import changed, house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

ALWAYS = frozenset(("inbound", "outbound", "internal"))
LOT = ParkLot(id="main", extension="700", first="701", last="703", timeout_s=120.0)
KEYS = {"*1": "record", "*3": "record_pause", "*4": "add_party"}


def rules(**policies: dict[str, Any]) -> Any:
    """The house with a park lot and keys, where these lines are recorded as told."""
    model = changed(house(), **{name: {"policy": Policy(owner=name, **each)} for name, each in policies.items()})
    extensions = {**model.extensions, "700": of_text("park:main")}
    made = structs.replace(model, extensions=extensions, park_lots={"main": LOT}, call_keys=KEYS)
    return pytest.mark.parametrize("scene", [{"model": m.versioned(made)}], indirect=True)


class Trio:
    """Alice has called Bob, and they talk. Carol waits."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alice, self.bob, self.carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
        self.call, self.answered = scene.talking(self.alice, self.bob)

    def book(self, side: PhoneCall) -> Book:
        return self.scene.book(side)

    def kept(self, *sides: PhoneCall) -> list[int]:
        """How many recordings of each are on."""
        return [sum(self.book(side).spools.values()) for side in sides]

    def told(self, side: PhoneCall) -> bool:
        over = self.book(side).over
        return over is not None and "rec_announcement" in ",".join(over.sources)

    def hears_out(self, side: PhoneCall) -> None:
        book = self.book(side)
        over, book.over = book.over, None
        assert over is not None
        self.scene.exchange.tell(PlayEnded(book.lease.leg, over.id))

    def press(self, side: PhoneCall, keys: str) -> None:
        self.scene.press(side, keys)
        self.scene.wait()

    def begun(self) -> list[e.RecordingStarted]:
        return [event for event in self.scene.exchange.events if isinstance(event, e.RecordingStarted)]

    def end(self, side: PhoneCall) -> None:
        """The call is over, and the engine has written all: no spool is left open, and no file without an end."""
        side.hang_up()
        self.scene.wait()
        engine, book = self.scene.exchange.engine, self.scene.exchange.recordings
        while engine.ended:
            self.scene.exchange.tell(engine.ended.pop(0))
        assert set(book.finished) == set(book.open)
        assert not any(book.open.values())


def asks_carol(trio: Trio) -> PhoneCall:
    """Bob has Alice held, and asks Carol."""
    trio.answered.hold()
    trio.scene.wait()
    asked = trio.bob.call("103")
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    return asked


@pytest.fixture
def trio(scene: Scene) -> Trio:
    return Trio(scene)


@rules(bob={"record": ALWAYS})
def test_a_blind_transfer_goes_on_in_the_same_file(trio: Trio) -> None:
    """Bob's rules began it; Carol has none. She has the side that Bob had."""
    trio.answered.refer("103")
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.answered.over
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    assert [(event.leg, event.side) for event in trio.begun()] == [(0, 0), (1, 1), (2, 1)]
    assert len({event.file for event in trio.begun()}) == 1
    trio.end(trio.call)
    (one,) = trio.scene.exchange.record.recordings
    assert one.legs == (0, 1, 2) and not one.why


@rules(bob={"record": ALWAYS, "announce": Announce.CALLER})
def test_who_comes_in_is_told_when_anybody_was(trio: Trio) -> None:
    """The rule that said whom has left with Bob."""
    trio.hears_out(trio.call)
    assert trio.kept(trio.call, trio.answered) == [1, 1]
    trio.answered.refer("103")
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.told(trio.carol.last) and trio.kept(trio.call, trio.carol.last) == [1, 0]
    trio.hears_out(trio.carol.last)
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    trio.end(trio.call)


@rules(bob={"record": ALWAYS, "announce": Announce.ALL})
def test_who_comes_in_and_cannot_be_told_ends_it(trio: Trio) -> None:
    """REC-4: nobody is kept beside somebody who does not know."""
    trio.hears_out(trio.call)
    trio.hears_out(trio.answered)
    trio.answered.refer("103")
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    book = trio.book(trio.carol.last)
    assert book.over is not None
    trio.scene.exchange.tell(PlayEnded(book.lease.leg, book.over.id, ("file:gone",)))
    assert trio.kept(trio.call, trio.carol.last) == [0, 0] and trio.call.up
    trio.end(trio.call)
    (one,) = trio.scene.exchange.record.recordings
    assert one.why == "announcement" and one.legs == (0, 1)


def torn(trio: Trio, side: PhoneCall) -> None:
    """The worker of a leg dies, and another one takes its place."""
    book = trio.book(side)
    ((path, _),) = book.spools.items()
    del book.spools[path]
    ended = RecordEnded(book.lease.leg, path, "closed", 0, 0, detail="the media worker died")
    trio.scene.exchange.tell(ended)
    trio.scene.wait()


@rules(bob={"record": ALWAYS})
def test_the_parked_are_kept_in_silence_and_on_with_whoever_takes_them(trio: Trio) -> None:
    """Parked, the front's own spool goes on; whoever takes it from the slot comes into the same call."""
    trio.answered.refer("700")
    trio.scene.wait()
    assert trio.answered.over and trio.kept(trio.call) == [1]
    got = trio.carol.call("701")
    trio.scene.wait()
    assert got.up and trio.kept(trio.call, got) == [1, 1]
    assert [event.side for event in trio.begun()] == [0, 1, 1] and len({event.file for event in trio.begun()}) == 1
    trio.end(got)


@rules(bob={"record": ALWAYS})
def test_the_parked_are_kept_on_when_their_worker_dies(trio: Trio) -> None:
    """At once, in another spool: nobody writes into one that a dead worker left."""
    trio.answered.refer("700")
    trio.scene.wait()
    torn(trio, trio.call)
    assert trio.kept(trio.call) == [1]
    got = trio.carol.call("701")
    trio.scene.wait()
    assert trio.kept(trio.call, got) == [1, 1]
    assert [event.side for event in trio.begun()] == [0, 1, 0, 1]
    assert len({event.spool for event in trio.begun()}) == 4
    assert len({event.file for event in trio.begun()}) == 1
    trio.end(got)
    (one,) = (each for record in trio.scene.exchange.records for each in record.recordings)
    assert not one.why


@rules(bob={"on_demand": True})
def test_an_attended_transfer_takes_along_what_was_asked_for(trio: Trio) -> None:
    """Alice is Bob's; he has her recorded, asks Carol, and joins the two: whichever call they are in then."""
    trio.press(trio.answered, "*1")
    trio.hears_out(trio.answered)
    assert trio.kept(trio.call, trio.answered) == [1, 1]
    asked = asks_carol(trio)
    assert trio.kept(asked, trio.carol.last) == [0, 0], "what Bob asks is not of that call"
    trio.answered.refer(f"sip:103@pbx.example.com?{asked.replaces()}")
    trio.scene.wait()
    assert trio.call.up and trio.carol.last.up
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    trio.end(trio.call)
    assert {event.by for event in trio.begun()} == {"device:bob"}


@rules(bob={"on_demand": True, "announce": Announce.CALLER})
def test_taken_along_all_are_told_when_anybody_was(trio: Trio) -> None:
    """Carol's line has no rule of its own, and Bob, whose it was, is gone."""
    trio.press(trio.answered, "*1")
    trio.hears_out(trio.call)
    asked = asks_carol(trio)
    trio.answered.refer(f"sip:103@pbx.example.com?{asked.replaces()}")
    trio.scene.wait()
    sides = [side for side in (trio.call, trio.carol.last) if trio.told(side)]
    assert trio.carol.last in sides and trio.kept(trio.carol.last) == [0]
    for side in sides:
        trio.hears_out(side)
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    trio.end(trio.call)


@rules(alice={"record": ALWAYS})
def test_a_third_party_is_kept_as_well(trio: Trio) -> None:
    """LIM-5's conference: three in a room of the call's own."""
    trio.press(trio.call, "*4103#")
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.kept(trio.call, trio.answered, trio.carol.last) == [1, 1, 1]
    assert [(event.leg, event.side) for event in trio.begun()] == [(0, 0), (1, 1), (2, 1)]
    trio.answered.hang_up()
    trio.scene.wait()
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    trio.end(trio.call)


@rules(bob={"record": ALWAYS})
def test_over_a_crash_a_transferred_call_goes_on(trio: Trio) -> None:
    trio.answered.refer("103")
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    trio.scene.exchange.crash_and_restart(1.0)
    trio.scene.wait()
    assert trio.kept(trio.call, trio.carol.last) == [1, 1] and len(trio.begun()) == 3
    trio.end(trio.call)


def consulted(trio: Trio) -> PhoneCall:
    """Bob has Alice recorded and held, and asks Carol."""
    trio.press(trio.answered, "*1")
    for side in (trio.call, trio.answered):
        if trio.book(side).over is not None:
            trio.hears_out(side)
    return asks_carol(trio)


@rules(bob={"on_demand": True})
def test_a_leg_that_goes_into_another_call_takes_its_recording_along(trio: Trio) -> None:
    """The call that it leaves has its file, and the one that it comes into another; nothing is written to both."""
    asked = consulted(trio)
    asked.refer(f"sip:101@pbx.example.com?{trio.answered.replaces()}")
    trio.scene.wait()
    assert trio.call.up and trio.carol.last.up
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    assert len({event.call for event in trio.begun()}) == len({event.file for event in trio.begun()}) == 2
    trio.end(trio.call)


@rules(bob={"on_demand": True, "announce": Announce.CALLER})
def test_who_is_in_the_other_call_is_told_as_well(trio: Trio) -> None:
    """REC-2: Alice was told on Bob's behalf. Carol hears her speak, and is told, although no rule is left that says
    so."""
    asked = consulted(trio)
    asked.refer(f"sip:101@pbx.example.com?{trio.answered.replaces()}")
    trio.scene.wait()
    assert trio.told(trio.carol.last) and trio.kept(trio.carol.last) == [0]
    for side in (trio.call, trio.carol.last):
        if trio.told(side):
            trio.hears_out(side)
    assert trio.kept(trio.call, trio.carol.last) == [1, 1]
    trio.end(trio.call)


@rules(bob={"on_demand": True})
def test_a_paused_recording_is_not_taken_along(trio: Trio) -> None:
    """Card data: what was not to be heard is not begun anew behind the back of who paused it."""
    trio.press(trio.answered, "*1")
    trio.hears_out(trio.answered)
    trio.press(trio.answered, "*3")
    trio.hears_out(trio.answered)
    asked = asks_carol(trio)
    asked.refer(f"sip:101@pbx.example.com?{trio.answered.replaces()}")
    trio.scene.wait()
    assert trio.kept(trio.call, trio.carol.last) == [0, 0]
    trio.end(trio.call)


@rules()
def test_all_three_are_kept_when_the_operator_wants_it(trio: Trio) -> None:
    trio.press(trio.call, "*4103#")
    trio.carol.last.answer()
    trio.scene.wait()
    exchange = trio.scene.exchange
    (live,) = exchange.calls
    exchange.core.go_on(
        lambda now: exchange.features.recording.command(live, "on", "operator:test", now), trio.scene.clock.now()
    )
    assert trio.kept(trio.call, trio.answered, trio.carol.last) == [1, 1, 1]
    trio.call.hang_up()
    trio.scene.wait()
    trio.end(trio.answered)
