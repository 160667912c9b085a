"""Meet-me conferences on the virtual clock: who is in the room and how, PINs, chairs, and what outlives a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from media.engine import Digit, Part, PlayEnded
from records import events as e
from switch import redact
from switch.features.conference import ENTRY, EXIT, WINDOW_S
from tests.support.engine import Book
from tests.support.exchange import house
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene

ROOM = "conference:board"
PIN, CHAIR = "24680", "97531"


class Board:
    """The house with a conference at 700; `enter` has a telephone call it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.phones: dict[str, Phone] = {}
        self.calls: list[PhoneCall] = []
        scene.exchange.pins = {("board", PIN): "member", ("board", CHAIR): "chair"}

    def set(self, **settings: Any) -> None:
        """What the operator sets."""
        model = house()
        self.scene.exchange.use_model(
            m.versioned(
                structs.replace(
                    model,
                    extensions={**model.extensions, "700": of_text(ROOM)},
                    conferences={"board": groups.Conference(id="board", **settings)},
                )
            )
        )

    def phone(self, user: str) -> Phone:
        if user not in self.phones:
            self.phones[user] = self.scene.phone(user)
        return self.phones[user]

    def enter(self, user: str, pin: str = "") -> PhoneCall:
        call = self.phone(user).call("700")
        self.calls.append(call)
        self.scene.wait()
        assert call.up
        self.press(call, pin + "#" if pin else "")
        return call

    def press(self, call: PhoneCall, digits: str) -> None:
        self.scene.press(call, digits)
        self.scene.wait()

    def book(self, call: PhoneCall) -> Book:
        return self.scene.book(call)

    def hears(self, call: PhoneCall) -> list[str]:
        """What plays to it: prompts by their ids."""
        book = self.book(call)
        tune = book.over or book.tune
        return [each.removeprefix("file:") for each in tune.sources] if tune is not None else []

    def heard_out(self, call: PhoneCall) -> None:
        """What plays in place of anything else comes to its end."""
        book = self.book(call)
        assert book.tune is not None
        self.scene.exchange.tell(PlayEnded(book.lease.leg, book.tune.id))
        self.scene.wait()

    def inside(self, *calls: PhoneCall) -> bool:
        """Whether these and no others are in the room."""
        return self.scene.exchange.engine.members(ROOM) == {self.book(call).lease.leg for call in calls}


@pytest.fixture
def board(scene: Scene) -> Iterator[Board]:
    made = Board(scene)
    made.set()
    yield made
    for call in made.calls:
        if call.up:
            call.hang_up()
    scene.wait()


def test_three_meet_in_a_room_and_each_ends_its_own_call_alone(board: Board) -> None:
    alice = board.enter("alice")
    assert board.hears(alice) == ["conf_alone"]
    bob = board.enter("bob")
    assert board.book(alice).over == ENTRY
    assert board.hears(bob) == []
    carol = board.enter("carol")
    assert board.inside(alice, bob, carol)
    assert {board.book(call).part for call in (alice, bob, carol)} == {Part()}
    bob.hang_up()
    board.scene.wait()
    assert board.inside(alice, carol)
    assert board.book(carol).over == EXIT
    record = board.scene.exchange.record
    assert (record.result, record.reason, record.service) == ("answered", "caller_hung_up", ROOM)
    for call in (alice, carol):
        call.hang_up()
    board.scene.wait()
    rooms = [event for event in board.scene.exchange.events if isinstance(event, e.RoomEntered | e.RoomLeft)]
    assert [(type(each).__name__, each.leg, each.room) for each in rooms] == [
        *[("RoomEntered", 0, "board")] * 3,
        *[("RoomLeft", 0, "board")] * 3,
    ]


def test_a_room_outlives_a_crash_with_all_that_was_said_in_it(board: Board) -> None:
    """CRD-4: kill -9; the fold puts everybody into the room again, muted and locked as before."""
    board.set(chair_pin=True, pin=True)
    alice, bob = board.enter("alice", CHAIR), board.enter("bob", PIN)
    board.press(bob, "*1")
    board.press(alice, "*3")
    board.scene.exchange.engine.deaf = True  # what the media workers were told last is lost as well
    carol = board.enter("carol")
    board.scene.exchange.crash_and_restart()
    board.scene.exchange.engine.deaf = False
    board.scene.exchange.crash_and_restart()
    board.scene.wait()
    assert board.inside(alice, bob)
    assert board.book(bob).part == Part(speaks=False)
    assert board.book(alice).part == Part()
    assert board.hears(carol) == ["conf_pin_enter"]  # asked once more
    board.press(carol, PIN + "#")
    assert board.hears(carol) == ["conf_locked"]
    board.press(alice, "*3")
    assert board.hears(alice) == ["conf_opened"]
    board.heard_out(carol)
    assert carol.over
    assert board.enter("carol", PIN).up
    assert len(board.scene.exchange.engine.members(ROOM)) == 3


def test_who_has_the_pin_comes_in_and_three_wrong_ones_end_the_call(board: Board) -> None:
    board.set(pin=True)
    alice = board.enter("alice")
    assert board.hears(alice) == ["conf_pin_enter"]
    board.press(alice, "111#")
    assert board.hears(alice) == ["pin_wrong", "conf_pin_enter"]
    board.press(alice, PIN + "#")
    assert board.inside(alice)
    bob = board.enter("bob")
    for wrong in ("1#", "22#", "333#"):
        board.press(bob, wrong)
    assert board.hears(bob) == ["pin_wrong"]
    assert board.inside(alice)
    board.heard_out(bob)
    assert bob.over
    assert board.scene.exchange.record.reason == "service_ended"


def test_the_pin_is_in_nothing_that_is_kept_or_shown(board: Board) -> None:
    board.set(pin=True)
    alice = board.enter("alice", PIN)
    assert board.inside(alice)
    exchange = board.scene.exchange
    assert exchange.asked_pins == [PIN]
    written = b"".join(msgspec.msgpack.encode(event) for event in exchange.events)
    assert PIN.encode() not in written
    live = next(iter(exchange.calls))
    assert PIN not in repr((live.state, live.service, exchange.events))
    info = "INFO sip:x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=2\r\nDuration=100\r\n"
    assert "Signal=2" not in redact.sip(info)


def test_after_five_wrong_pins_of_one_line_no_more_are_looked_at(board: Board) -> None:
    board.set(pin=True)
    for _ in range(2):
        alice = board.enter("alice")
        for _ in range(3):
            if board.hears(alice) != ["pin_locked"]:
                board.press(alice, "999#")
        board.heard_out(alice)
    assert board.scene.exchange.asked_pins == ["999"] * 5
    alice = board.enter("alice", PIN)
    assert board.hears(alice) == ["pin_locked"]
    board.heard_out(alice)
    bob = board.enter("bob", PIN)
    assert board.inside(bob)  # another line's tries are its own
    board.scene.wait(WINDOW_S)
    alice = board.enter("alice", PIN)
    assert board.inside(alice, bob)


def test_where_only_chairs_have_a_pin_others_press_the_pound_key(board: Board) -> None:
    board.set(chair_pin=True, muted=True)
    alice = board.enter("alice")
    board.press(alice, "#")
    assert board.book(alice).part == Part(speaks=False)
    assert board.hears(alice) == ["conf_alone", "conf_muted"]
    bob = board.enter("bob", CHAIR)
    assert board.inside(alice, bob)
    assert board.book(bob).part == Part()  # a chair never enters muted


def test_a_chair_mutes_all_and_takes_it_back_and_anybody_mutes_himself(board: Board) -> None:
    board.set(chair_pin=True)
    chair, alice, bob = board.enter("carol", CHAIR), board.enter("alice"), board.enter("bob")
    for call in (alice, bob):
        board.press(call, "#")
    board.press(chair, "*2")
    assert [board.book(call).part.speaks for call in (chair, alice, bob)] == [True, False, False]
    assert board.hears(alice) == ["conf_muted"]
    board.press(alice, "*1")
    assert board.hears(alice) == ["conf_unmuted"]
    assert [board.book(call).part.speaks for call in (chair, alice, bob)] == [True, True, False]
    board.press(chair, "*2*2")
    assert [board.book(call).part.speaks for call in (chair, alice, bob)] == [True, True, True]
    board.press(alice, "*2*3")  # who is no chair
    assert [board.book(call).part.speaks for call in (chair, alice, bob)] == [True, True, True]
    assert board.hears(alice) == ["conf_unmuted"]  # and nothing of a lock
    board.press(alice, "1")  # without a star it is none of the keys
    assert board.book(alice).part.speaks
    board.press(alice, "*4")
    assert board.hears(alice) == ["3", "conf_people"]


def test_when_the_last_chair_leaves_the_conference_ends(board: Board) -> None:
    board.set(chair_pin=True, chair_ends=True)
    chair, second, alice = board.enter("carol", CHAIR), board.enter("bob", CHAIR), board.enter("alice")
    board.press(alice, "#")
    chair.hang_up()
    board.scene.wait()
    assert board.inside(second, alice)
    board.book(alice).over = None  # the tone has been heard
    second.hang_up()
    board.scene.wait()
    assert board.scene.exchange.engine.members(ROOM) == set()
    assert board.hears(alice) == ["conf_chair_left", "conf_ended"]
    board.heard_out(alice)
    assert alice.over
    assert [record.reason for record in board.scene.exchange.records] == [
        "caller_hung_up",
        "caller_hung_up",
        "room_closed",
    ]


def test_a_room_that_its_chair_may_leave_stays(board: Board) -> None:
    board.set(chair_pin=True)
    chair, alice = board.enter("carol", CHAIR), board.enter("alice")
    board.press(alice, "#")
    board.press(chair, "*3")
    chair.hang_up()
    board.scene.wait()
    assert board.inside(alice)
    bob = board.enter("bob")
    board.press(bob, "#")
    assert board.inside(alice, bob)  # the lock went with who had locked it


def test_a_full_room_takes_nobody_in(board: Board) -> None:
    board.set(most=2)
    calls = [board.enter("alice"), board.enter("bob")]
    carol = board.enter("carol")
    assert board.hears(carol) == ["conf_full"]
    assert board.inside(*calls)
    board.heard_out(carol)
    assert carol.over


@pytest.mark.parametrize(("announce", "heard"), [("none", []), ("name", ["“Bob”", "conf_joined"])])
def test_how_the_others_hear_of_it(board: Board, announce: str, heard: list[str]) -> None:
    board.set(announce=announce)
    alice = board.enter("alice")
    board.book(alice).over = None
    board.enter("bob")
    assert board.hears(alice) == heard


def test_in_a_room_that_the_configuration_has_no_more_they_talk_on(board: Board) -> None:
    alice, bob = board.enter("alice"), board.enter("bob")
    board.scene.exchange.use_model(house())
    alice.hang_up()
    board.scene.wait()
    assert board.inside(bob)


def test_without_a_chair_in_it_a_room_does_not_end_by_who_leaves(board: Board) -> None:
    board.set(chair_pin=True, chair_ends=True)
    alice, bob = board.enter("alice"), board.enter("bob")
    for call in (alice, bob):
        board.press(call, "#")
    alice.hang_up()
    board.scene.wait()
    assert board.inside(bob)


@pytest.mark.parametrize("keyed", ["2", PIN + "#"])
def test_who_hangs_up_while_the_pin_is_asked_or_looked_at_is_not_in(board: Board, keyed: str) -> None:
    board.set(pin=True)
    alice = board.enter("alice")
    for digit in keyed:
        board.scene.exchange.tell(Digit(board.book(alice).lease.leg, digit, 100))
    alice.hang_up()
    board.scene.wait(30)
    assert board.scene.exchange.engine.members(ROOM) == set()
    assert board.scene.exchange.record.reason == "caller_hung_up"


def test_who_leaves_after_a_crash_is_heard_to_leave(board: Board) -> None:
    alice, bob = board.enter("alice"), board.enter("bob")
    board.scene.exchange.crash_and_restart()
    board.scene.wait()
    bob.hang_up()
    board.scene.wait()
    assert board.book(alice).over == EXIT
    assert [event.room for event in board.scene.exchange.events if isinstance(event, e.RoomLeft)] == ["board"]
