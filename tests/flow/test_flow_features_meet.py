"""Features that meet in one call: recording and a mailbox or a PIN, transfer and who is on the line then, a limit while
somebody is asked, a third party when who asks is sent away, help that came out of another call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import Destination, To, of_text, user
from dialplan.groups import ParkLot
from dialplan.lines import Forwards, Policy
from media.engine import PlayEnded
from records import events as e
from tests.support.engine import Book
from tests.support.exchange import CARRIER, boxes_of, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene

ALWAYS = frozenset(("inbound", "outbound", "internal"))
KEYS = {"*1": "record", "*2": "transfer", "*4": "add_party", "*7": "park", "##": "blind_transfer"}
LOT = ParkLot(id="main", extension="700", first="701", last="703", timeout_s=120.0)
OUTSIDE = "6692223333"


def model(**lines: Any) -> m.Model:
    """The house with a mailbox behind Carol's number, a room with a PIN at 800, a park lot, and keys."""
    lines.setdefault("alice", {"mailbox": "alice"})
    lines.setdefault("carol", {"forwards": Forwards(always=Destination(To.VOICEMAIL)), "mailbox": "carol"})
    made = changed(house(), **lines)
    extensions = {
        **made.extensions,
        "700": of_text("park:main"),
        "800": of_text("conference:board"),
        "900": of_text("attendant:main"),
    }
    rooms = {"board": groups.Conference(id="board", pin=True)}
    menus = {"main": groups.Attendant(id="main", greeting="", say="Press one.", choices={"1": user("bob")})}
    return m.versioned(
        structs.replace(
            made,
            extensions=extensions,
            conferences=rooms,
            attendants=menus,
            park_lots={"main": LOT},
            call_keys=KEYS,
            features={"*97": "voicemail"},
        )
    )


class Stage:
    """The house, and what its telephones hear."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.phones: dict[str, Phone] = {}
        scene.exchange.pins = {("board", "24680"): "member"}

    def use(self, **lines: Any) -> None:
        made = model(**lines)
        self.scene.exchange.use_model(made)
        operator = user("bob")
        self.scene.exchange.use_mailboxes(*(structs.replace(each, operator=operator) for each in boxes_of(made)))

    def phone(self, name: str) -> Phone:
        if name not in self.phones:
            self.phones[name] = (
                self.scene.phone("carrier", CARRIER[0], register=False) if name == "carrier" else self.scene.phone(name)
            )
        return self.phones[name]

    def talk(self, caller: str, callee: str, number: str) -> tuple[PhoneCall, PhoneCall]:
        one, other = self.phone(caller), self.phone(callee)
        call = one.call(number)
        self.scene.wait()
        other.last.answer()
        self.scene.wait()
        return call, other.last

    def book(self, call: PhoneCall) -> Book:
        return self.scene.book(call)

    def press(self, call: PhoneCall, digits: str) -> None:
        self.scene.press(call, digits)
        self.scene.wait()

    def kept(self, call: PhoneCall) -> list[bool]:
        """The recordings of a call (not messages): whether each is on."""
        return [on for path, on in self.book(call).spools.items() if not path.startswith("carol")]

    def heard_out(self, call: PhoneCall) -> None:
        book = self.book(call)
        assert book.tune is not None
        self.scene.exchange.tell(PlayEnded(book.lease.leg, book.tune.id))
        self.scene.wait(0.1)


@pytest.fixture
def stage(scene: Scene) -> Iterator[Stage]:
    made = Stage(scene)
    made.use()
    for name in ("alice", "bob", "carol"):
        made.phone(name)
    yield made
    for phone in made.phones.values():
        for call in phone.calls:
            if call.up:
                call.hang_up()
                scene.wait()
    told, scene.exchange.engine.ended = scene.exchange.engine.ended, []
    for event in told:
        scene.exchange.tell(event)
    scene.wait()


# Recording


@pytest.mark.parametrize("crash", [False, True])
def test_what_is_said_to_a_mailbox_is_not_in_the_recording_of_the_call_before(stage: Stage, crash: bool) -> None:
    """REC-7, PIN-5: Bob's rules had the call recorded; what Alice leaves for Carol, or keys there, is none of his."""
    stage.use(bob={"policy": Policy(owner="bob", record=ALWAYS)})
    call, answered = stage.talk("alice", "bob", "102")
    assert stage.kept(call) == [True]
    answered.refer("103")
    stage.scene.wait()
    assert answered.over and stage.kept(call) == [False]
    if crash:
        stage.scene.exchange.crash_and_restart(1.0)
        stage.scene.wait()
        assert stage.kept(call) == [False]
    stage.press(call, "0")
    stage.phone("bob").last.answer()
    stage.scene.wait()
    assert stage.kept(call)[0], "she talks with somebody again"


def test_nothing_is_kept_before_the_pin_of_a_room_was_good(stage: Stage) -> None:
    """REC-1, PIN-5."""
    stage.use(alice={"policy": Policy(owner="alice", record=ALWAYS)})
    call = stage.phone("alice").call("800")
    stage.scene.wait()
    assert call.up and stage.kept(call) == []
    stage.press(call, "24680#")
    assert stage.kept(call) == [True]


# Who it is after a transfer


def test_a_message_is_from_who_speaks_and_not_from_who_has_transferred_the_call(stage: Stage) -> None:
    """FWD-2: Alice has called Bob, and sends him to Carol's mailbox."""
    call, answered = stage.talk("alice", "bob", "102")
    call.refer("103")
    stage.scene.wait()
    stage.heard_out(answered)
    stage.heard_out(answered)
    (begun,) = [event for event in stage.scene.exchange.events if isinstance(event, e.MessageLeft)]
    assert (begun.number, begun.name) == ("102", "Bob")


def test_somebody_outside_who_was_sent_to_a_mailbox_goes_on_as_somebody_outside(stage: Stage) -> None:
    """K.8: not with the permissions of who had called him."""
    call, answered = stage.talk("alice", "carrier", OUTSIDE)
    call.refer("103")
    stage.scene.wait()
    stage.press(answered, "0")
    assert stage.phone("bob").calls
    replanned = [event for event in stage.scene.exchange.events if isinstance(event, e.CallReplanned)][-1]
    assert "carrier" in str(replanned) and "alice" not in str(replanned)


@pytest.mark.parametrize("to", ["103", "101"])
def test_who_is_sent_on_by_who_was_called_and_forwarded_then_is_not_lost(stage: Stage, to: str) -> None:
    """FWD-2: Alice has called Bob and sent him to the carrier; whoever of the two is left then, goes on."""
    stage.use(alice={"forwards": Forwards(always=user("carol"))}, carol={})
    stage.phone("carrier").answers = True
    call, answered = stage.talk("alice", "bob", "102")
    call.refer(OUTSIDE)
    stage.scene.wait()
    assert call.over and answered.up
    answered.refer(to)
    stage.scene.wait()
    stage.phone("carol").last.answer()
    stage.scene.wait()
    assert stage.phone("carrier").last.up and stage.phone("carol").last.up


# A limit


def test_the_limit_ends_a_call_whose_target_is_only_being_asked(stage: Stage) -> None:
    """LIM-3, LIM-11: who talks with a colleague while somebody outside waits has no more time than else."""
    stage.use(alice={"policy": Policy(owner="alice", limit_s=60.0)}, carol={})
    call, answered = stage.talk("alice", "carrier", OUTSIDE)
    stage.press(call, "*2103#")
    stage.phone("carol").last.answer()
    stage.scene.wait(70)
    assert answered.over


# A third party


@pytest.mark.parametrize("keys", ["*4", "*2"])
def test_who_is_sent_away_while_he_is_asked_for_a_number_is_asked_no_more(stage: Stage, keys: str) -> None:
    stage.use(carol={})
    call, answered = stage.talk("alice", "bob", "102")
    stage.press(call, keys)
    answered.refer("103")
    stage.scene.wait()
    stage.phone("carol").last.answer()
    stage.scene.wait()
    assert answered.over and call.up
    stage.press(call, "102#")
    stage.scene.wait(10)
    assert len(stage.phone("bob").calls) == 1
    (live,) = stage.scene.exchange.calls
    assert len(live.legs) == 2
    pair = frozenset((each.phone.address[0], 4000) for each in (call, stage.phone("carol").last))
    assert stage.scene.exchange.engine.joined() == {pair}


def test_three_may_be_recorded_by_key(stage: Stage) -> None:
    """REC-5."""
    stage.use(alice={"policy": Policy(owner="alice", on_demand=True)}, carol={})
    call, answered = stage.talk("alice", "bob", "102")
    stage.press(call, "*4103#")
    third = stage.phone("carol").last
    third.answer()
    stage.scene.wait()
    stage.press(call, "*1")
    assert [stage.kept(each) for each in (call, answered, third)] == [[True], [True], [True]]


# A call for help


def test_help_that_came_out_of_another_call_is_never_parked(stage: Stage) -> None:
    """Alice asks for help while Bob waits, and joins the two."""
    call, answered = stage.talk("alice", "bob", "102")
    call.hold()
    stage.scene.wait()
    helped, service = stage.talk("alice", "carrier", "911")
    call.refer(f"sip:911@pbx.example.com?{helped.replaces()}")
    stage.scene.wait(1)
    assert call.over and answered.up and service.up
    stage.press(answered, "*7")
    assert not list(stage.scene.exchange.features.parking.slots)
    assert service.up and answered.up


@pytest.mark.parametrize("crash", [False, True])
def test_who_is_sent_on_to_an_emergency_number_is_in_a_call_for_help(stage: Stage, crash: bool) -> None:
    """LIM-9, EMG-6: no limit, no recording, no slot; also out of a call that was recorded until then."""
    rules = {"policy": Policy(owner="bob", record=ALWAYS, limit_s=60.0, on_demand=True)}
    stage.use(bob=rules, alice={"policy": Policy(owner="alice", limit_s=60.0)})
    call, answered = stage.talk("alice", "bob", "102")
    assert stage.kept(call) == [True]
    stage.phone("carrier")
    answered.refer("911")
    stage.scene.wait()
    stage.phone("carrier").last.answer()
    stage.scene.wait()
    if crash:
        stage.scene.exchange.crash_and_restart(1.0)
        stage.scene.wait()
    assert stage.kept(call) == []
    stage.press(call, "*7")
    assert not list(stage.scene.exchange.features.parking.slots)
    stage.scene.wait(4000)
    assert call.up and stage.phone("carrier").last.up


def test_a_transfer_to_an_emergency_number_that_fails_leaves_an_ordinary_call(stage: Stage) -> None:
    stage.phone("carrier")
    call, answered = stage.talk("alice", "bob", "102")
    answered.refer("911")
    stage.scene.wait()
    stage.phone("carrier").last.refuse(486)
    stage.scene.wait(1)
    (live,) = stage.scene.exchange.calls
    assert call.up and answered.up and not live.for_help
    stage.press(answered, "*7")
    assert list(stage.scene.exchange.features.parking.slots)


def test_a_recorded_call_that_help_comes_into_is_recorded_no_more(stage: Stage) -> None:
    """EMG-6, REC-7: Alice asks for help while Bob, whose rules had the call recorded, waits, and joins the two."""
    stage.use(bob={"policy": Policy(owner="bob", record=ALWAYS)})
    call, answered = stage.talk("alice", "bob", "102")
    assert stage.kept(answered) == [True]
    call.hold()
    stage.scene.wait()
    helped, service = stage.talk("alice", "carrier", "911")
    call.refer(f"sip:911@pbx.example.com?{helped.replaces()}")
    stage.scene.wait(1)
    assert service.up and stage.kept(answered) == [] and stage.kept(service) == []


@pytest.mark.parametrize("keys", ["*4911#", "*2911#"])
def test_an_emergency_number_that_is_not_called_takes_nothing_from_the_call(stage: Stage, keys: str) -> None:
    """Neither key calls one; else it would be a way around the limit and the recording."""
    stage.use(carol={})
    call, answered = stage.talk("alice", "bob", "102")
    stage.press(call, keys)
    (live,) = stage.scene.exchange.calls
    assert call.up and answered.up and not live.for_help


# A crash long ago


def test_who_parks_by_key_after_a_crash_hears_the_slot(stage: Stage) -> None:
    """CRD-7: that the call was taken over once does not mean that it was parked then."""
    call, answered = stage.talk("alice", "bob", "102")
    stage.scene.exchange.crash_and_restart(1.0)
    stage.scene.wait()
    stage.press(answered, "*7")
    assert answered.up and "park_parked_at" in stage.book(answered).source
    stage.heard_out(answered)
    assert answered.over and call.up


@pytest.mark.parametrize("crash", ["", "held", "both"])
def test_hold_by_both_and_a_crash_and_each_comes_back(stage: Stage, crash: str) -> None:
    """MOH-1: who is held hears music, until both want to talk."""
    call, answered = stage.talk("alice", "bob", "102")
    engine = stage.scene.exchange.engine
    call.hold()
    stage.scene.wait()
    if crash == "held":
        stage.scene.exchange.crash_and_restart(1.0)
        stage.scene.wait()
    answered.hold()
    stage.scene.wait()
    if crash == "both":
        stage.scene.exchange.crash_and_restart(1.0)
        stage.scene.wait()
    assert stage.book(call).tune and stage.book(answered).tune and not engine.joined()
    call.resume()
    stage.scene.wait()
    assert stage.book(call).tune and not stage.book(answered).tune
    answered.resume()
    stage.scene.wait()
    assert len(engine.joined()) == 1


# Whoever calls a service of ours


@pytest.mark.parametrize("ends", ["hangs up", "crash", "worker"])
@pytest.mark.parametrize("how", ["plain", "late", "100rel", "late 100rel", "carrier", "carrier late"])
@pytest.mark.parametrize("number", ["103", "700", "800", "900", "*97"])
def test_every_caller_hears_every_service_and_leaves_nothing_behind(
    stage: Stage, number: str, how: str, ends: str
) -> None:
    """FWD-2, CRD-7: with an offer or without, with reliable responses, from a carrier; whatever ends it."""
    carrier = "carrier" in how
    phone = stage.phone("carrier" if carrier else "alice")
    if "100rel" in how:
        phone.extensions = ("Supported: 100rel", "Require: 100rel")
    call = phone.call(number, offer="late" not in how)
    stage.scene.wait()
    if carrier and number == "*97":
        assert call.refused in (403, 404)
        return
    assert call.up, call.refused
    book = stage.book(call)
    assert book.tune is not None and book.remote is not None
    match ends:
        case "hangs up":
            call.hang_up()
        case "crash":
            stage.scene.exchange.crash_and_restart(1.0)
            stage.scene.wait()
            assert call.up and stage.book(call).tune is not None
            call.hang_up()
        case _:
            stage.scene.exchange.lose_leg(book.lease.leg)
    stage.scene.wait()
    assert call.over and stage.scene.exchange.record.result == "answered"
    assert not stage.scene.exchange.calls


# What is in use is taken out of the configuration


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    ("number", "keys"),
    [
        *(("103", each) for each in ("0", "*", "#", "**123456#", "5#")),
        *(("700", each) for each in ("", "1")),
        *(("800", each) for each in ("", "24680#", "24680#*1*4*2*3", "1#")),
        *(("900", each) for each in ("1", "9", "")),
        *(("*97", each) for each in ("", "371942#", "371942#3", "371942#4", "371942#5103#", "371942#1", "0#")),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_service_that_is_taken_away_while_somebody_is_with_it(
    stage: Stage, number: str, keys: str, before: bool, crash: bool
) -> None:
    """No bug of ours, no call that stays for ever: who is parked comes back to whoever has parked him."""
    scene = stage.scene
    scene.exchange.core.go_on(
        lambda now: scene.exchange.desk.set_pin("alice", "371942", "operator:root", lambda *done: None),
        scene.clock.now(),
    )
    scene.wait()
    call = stage.phone("alice").call(number)
    scene.wait()
    if before:
        stage.press(call, keys)
    scene.exchange.use_model(m.versioned(structs.replace(house(), call_keys=KEYS)))
    scene.exchange.use_mailboxes()
    if crash:
        scene.exchange.crash_and_restart(1.0)
        scene.wait()
    if not before and call.up:
        stage.press(call, keys)
    for _ in range(40):
        if not call.up:
            break
        if stage.book(call).tune is not None and not stage.book(call).tune.loop:  # type: ignore[union-attr]
            stage.heard_out(call)
        scene.wait(10)
        told, scene.exchange.engine.ended = scene.exchange.engine.ended, []
        for event in told:
            scene.exchange.tell(event)
    if call.up:
        call.hang_up()
        scene.wait()
    assert call.over and not scene.exchange.calls


def test_who_has_just_parked_and_joins_the_parked_with_somebody_else_loses_neither(stage: Stage) -> None:
    """CRD-7: the slot is being told to him yet; it is free again then."""
    stage.use(carol={})
    first, other = stage.talk("bob", "carol", "103")
    first.hold()
    stage.scene.wait()
    call, answered = stage.talk("bob", "alice", "101")
    stage.press(call, "*7")
    assert call.up and list(stage.scene.exchange.features.parking.slots)
    first.refer(f"sip:101@pbx.example.com?{call.replaces()}")
    stage.scene.wait(1)
    assert other.up and answered.up
    assert stage.scene.exchange.engine.joined() == {
        frozenset((each.phone.address[0], 4000) for each in (other, answered))
    }
    assert not list(stage.scene.exchange.features.parking.slots)
