"""Transfer by codes that are pressed in the call, blind and after a word with the target; and by the operator."""

from __future__ import annotations

import pytest
from msgspec import structs

from dialplan import model as m
from switch.calls.keying import REFUSED
from tests.support.engine import Book
from tests.support.exchange import house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

KEYS = {"##": "blind_transfer", "*2": "transfer", "*3": "add_party"}


class Trio:
    """Alice has called Bob, and they talk; Bob has no keys for transfer."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        scene.exchange.use_model(m.versioned(structs.replace(house(), call_keys=KEYS)))
        self.alice, self.bob, self.carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
        self.call, self.answered = scene.talking(self.alice, self.bob)

    def book(self, call: PhoneCall) -> Book:
        return self.scene.book(call)

    def press(self, call: PhoneCall, digits: str) -> None:
        self.scene.press(call, digits)
        self.scene.wait()

    def joined(self, one: PhoneCall, other: PhoneCall) -> bool:
        ports = {frozenset((each.phone.address[0], 4000) for each in (one, other))}
        return self.scene.exchange.engine.joined() == ports

    def transfers(self) -> list[tuple[str, str, str]]:
        for call in (*self.alice.calls, *self.bob.calls, *self.carol.calls):
            if call.up:
                call.hang_up()
                self.scene.wait()
        (record,) = self.scene.exchange.records
        return [(each.kind, each.how, each.outcome) for each in record.transfers]


@pytest.fixture
def trio(scene: Scene) -> Trio:
    return Trio(scene)


def test_blind_by_keys(trio: Trio) -> None:
    trio.press(trio.answered, "##")
    assert trio.book(trio.answered).source == "file:number_enter"
    assert trio.book(trio.call).tune is not None, "the other side hears music"
    trio.press(trio.answered, "103#")
    assert trio.book(trio.call).source.startswith("tone:440+480")
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    assert trio.transfers() == [("blind", "code", "done")]


@pytest.mark.parametrize(("digits", "expected"), [("12345#", "failed"), ("102#", "failed"), ("#", "")])
def test_what_leads_nowhere_is_told_by_a_tone_and_they_talk_on(trio: Trio, digits: str, expected: str) -> None:
    trio.press(trio.answered, f"##{digits}")
    trio.scene.wait(10)
    assert trio.joined(trio.call, trio.answered)
    assert trio.book(trio.answered).over == REFUSED
    assert trio.book(trio.call).over is None
    assert [outcome for _, _, outcome in trio.transfers()] == ([expected] if expected else [])


@pytest.mark.parametrize("code", KEYS)
@pytest.mark.parametrize("other", KEYS)
def test_only_one_of_two_who_talk_is_asked_for_a_number(trio: Trio, code: str, other: str) -> None:
    """Whoever is first: the other one goes on hearing music, and his keys ask for nothing."""
    trio.press(trio.answered, code)
    music = trio.book(trio.call).tune
    trio.press(trio.call, other)
    assert trio.book(trio.call).tune is music is not None
    assert trio.book(trio.answered).source == "file:number_enter"
    trio.press(trio.answered, "#")
    assert trio.book(trio.answered).over == REFUSED
    assert trio.joined(trio.call, trio.answered)
    trio.press(trio.call, other)
    assert trio.book(trio.call).source == "file:number_enter"
    trio.call.hang_up()
    trio.scene.wait()


def test_a_busy_target_of_a_blind_transfer(trio: Trio) -> None:
    trio.carol.refuses = 486
    trio.press(trio.answered, "##103#")
    assert trio.joined(trio.call, trio.answered)
    assert trio.book(trio.answered).over == REFUSED
    assert trio.transfers() == [("blind", "code", "failed")]


def asked(trio: Trio) -> PhoneCall:
    """Bob has pressed the code, and Carol has answered him."""
    trio.press(trio.answered, "*2103#")
    request = trio.carol.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Bob"
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.joined(trio.answered, trio.carol.last)
    assert trio.book(trio.call).tune is not None
    assert trio.call.up
    return trio.carol.last


def test_attended_by_keys(trio: Trio) -> None:
    target = asked(trio)
    assert trio.answered.shown == ['"Carol" <sip:103@192.0.2.10>']
    trio.answered.hang_up()
    trio.scene.wait()
    assert trio.joined(trio.call, target)
    assert target.shown == ['"Alice" <sip:101@192.0.2.10>']
    assert trio.call.shown == ['"Carol" <sip:103@192.0.2.10>']
    assert trio.transfers() == [("attended", "code", "done")]


def test_attended_by_the_caller(trio: Trio) -> None:
    trio.press(trio.call, "*2103#")
    trio.carol.last.answer()
    trio.scene.wait()
    trio.call.hang_up()
    trio.scene.wait()
    assert trio.joined(trio.answered, trio.carol.last)
    assert trio.transfers() == [("attended", "code", "done")]


def test_the_code_once_more_takes_it_back(trio: Trio) -> None:
    target = asked(trio)
    trio.press(trio.answered, "*2")
    assert target.over
    assert trio.joined(trio.call, trio.answered)
    assert trio.transfers() == [("attended", "code", "cancelled")]


def test_the_code_once_more_while_it_rings(trio: Trio) -> None:
    trio.press(trio.answered, "*2103#")
    trio.press(trio.answered, "*2")
    assert trio.carol.last.over
    assert trio.joined(trio.call, trio.answered)
    assert trio.transfers() == [("attended", "code", "cancelled")]


def test_the_target_hangs_up_while_it_is_asked(trio: Trio) -> None:
    asked(trio).hang_up()
    trio.scene.wait()
    assert trio.joined(trio.call, trio.answered)
    assert trio.transfers() == [("attended", "code", "cancelled")]


def test_who_waits_hangs_up_and_the_two_talk_on(trio: Trio) -> None:
    target = asked(trio)
    trio.call.hang_up()
    trio.scene.wait()
    assert trio.joined(trio.answered, target)
    assert trio.transfers() == [("attended", "code", "cancelled")]


@pytest.mark.parametrize("answers", [True, False])
def test_who_has_pressed_the_code_hangs_up_while_it_rings(trio: Trio, answers: bool) -> None:
    """It rings for the other side from then on; his own telephone, if nobody answers."""
    trio.press(trio.answered, "*2103#")
    trio.answered.hang_up()
    trio.scene.wait()
    assert trio.book(trio.call).source.startswith("tone:440+480")
    if answers:
        trio.carol.last.answer()
        trio.scene.wait()
        assert trio.joined(trio.call, trio.carol.last)
        assert trio.transfers() == [("attended", "code", "done")]
    else:
        trio.carol.last.refuse(486)
        trio.scene.wait()
        trio.bob.last.answer()
        trio.scene.wait()
        assert trio.joined(trio.call, trio.bob.last)
        assert trio.transfers() == [("attended", "code", "returned")]


def test_both_hang_up_while_it_rings(trio: Trio) -> None:
    trio.press(trio.answered, "*2103#")
    trio.answered.hang_up()
    trio.scene.wait()
    trio.call.hang_up()
    trio.scene.wait()
    assert trio.carol.last.over
    assert trio.transfers() == [("attended", "code", "cancelled")]


def test_a_target_that_is_busy_when_asked_for(trio: Trio) -> None:
    trio.carol.refuses = 486
    trio.press(trio.answered, "*2103#")
    assert trio.joined(trio.call, trio.answered)
    assert trio.book(trio.answered).over == REFUSED
    assert trio.transfers() == [("attended", "code", "failed")]


@pytest.mark.parametrize("phase", ["asking", "ringing", "consulting"])
def test_after_a_crash_the_two_talk_again(trio: Trio, phase: str) -> None:
    if phase == "consulting":
        asked(trio)
    else:
        trio.press(trio.answered, "*2" if phase == "asking" else "*2103#")
    trio.scene.exchange.crash_and_restart(0.5)
    trio.scene.wait(1)
    assert trio.joined(trio.call, trio.answered)
    if phase != "asking":
        assert trio.carol.last.over
    assert trio.transfers() == ([] if phase == "asking" else [("attended", "code", "failed")])


def test_a_refer_while_a_transfer_by_keys_goes_on(trio: Trio) -> None:
    target = asked(trio)
    trio.answered.refer("104")
    target.refer("104")
    trio.call.refer("104")
    trio.scene.wait()
    assert trio.answered.referred == target.referred == trio.call.referred == [491]
    trio.answered.hang_up()
    trio.scene.wait()
    assert trio.joined(trio.call, target)
    assert trio.transfers() == [("attended", "code", "done")]


def test_the_operator_sends_a_call_on(trio: Trio) -> None:
    """`ringplan transfer`: the caller stays where both are of the house."""
    (live,) = trio.scene.exchange.calls
    assert trio.scene.exchange.transfer(live, "103") == (0, "line:bob")
    trio.scene.wait()
    assert trio.scene.exchange.transfer(live, "103")[0] == 491
    trio.carol.last.answer()
    trio.scene.wait()
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    assert trio.scene.exchange.transfer(live, "12345")[0] == 484
    assert trio.joined(trio.call, trio.carol.last)
    assert trio.transfers() == [("blind", "operator", "done"), ("blind", "operator", "failed")]
