"""Somebody is sent on to an emergency number, or chooses one in a menu: a call for help in every respect (EMG-1 to
EMG-8); and what is not done with calls for help that are up (RFC 6881 section 13)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text, user
from records import events as e
from switch.calls import transfer
from switch.calls.alarm import FRESH_S
from switch.operations import _view
from tests.flow.test_flow_emergency import LOBBY, call_in, owned
from tests.support.exchange import CARRIER, carrier, house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import Text, describe
from tests.support.scene import Scene

SHOWN = "+1669555010"  # and one more digit: 0 for Alice's place, 1 for Bob's
OUTSIDE = "6692223333"
KEYS = {"##": "blind_transfer", "*2": "transfer", "*4": "add_party", "*7": "park"}


def company(**changes: Any) -> m.Model:
    """Alice and Bob at addresses of their own, each with somebody who is told; Bob's is in Britain as well. A menu."""
    model = house()
    places = {
        name: m.EmergencyPlace(
            numbers=frozenset(("911", "112", *(("999",) if name == "bob" else ()))),
            main="911",
            address=name,
            caller_id=f"{SHOWN}{n}",
            notify=(f"mail:{name}@example.com", "line:carol"),
            line=name,
            device=f"Telephone of {name}",
        )
        for n, name in enumerate(("alice", "bob"))
    }
    addresses = {name: msgspec.structs.replace(LOBBY, room=f"of {name}") for name in places}
    table = msgspec.structs.replace(model.emergency, places=places, addresses=addresses, **changes)
    menu = groups.Attendant(id="main", greeting="", say="Press one.", choices={"1": user("bob")}, dial_extension=True)
    return m.versioned(
        msgspec.structs.replace(
            model,
            emergency=table,
            attendants={"main": menu},
            extensions={**model.extensions, "900": of_text("attendant:main")},
            call_keys=KEYS,
        )
    )


class Stage:
    """The company, its telephones, and a carrier that takes the address along."""

    def __init__(self, model: m.Model | None = None, **more: Any) -> None:
        settings = more.pop("settings", {})
        trunks = {"carrier": carrier("carrier", CARRIER, emergency_location=True, **settings)}
        self.scene = Scene(model=model or company(), trunks=trunks, **more)
        self.letters: list[Any] = []
        post: Any = lambda letter: self.letters.append(letter) or ""  # noqa: E731
        self.scene.exchange.core.calls.alarms.post = post
        self.alice, self.bob, self.carol = (self.scene.phone(name) for name in ("alice", "bob", "carol"))
        self.itsp = self.scene.carrier()

    def from_outside(self) -> PhoneCall:
        """The carrier brings a call for Bob, who answers."""
        self.itsp.outside("INVITE", "sip:102@pbx.example.com", body=describe(CARRIER[0]))
        self.scene.wait()
        self.bob.last.answer()
        self.scene.wait()
        self.itsp.take(200)
        return self.bob.last

    def helped(self, tag: str = "h") -> Text:
        """The emergency service answers."""
        invite = self.scene.taken(self.itsp, tag)
        self.scene.wait()
        return invite

    def live(self) -> Any:
        (call,) = (each for each in self.scene.exchange.calls if each.for_help)
        return call

    def over(self) -> None:
        """Whatever is up ends."""
        for call in self.scene.exchange.calls:
            self.scene.exchange.hang_up(call)
        self.scene.wait()
        while self.itsp.has("BYE"):
            self.itsp.reply(self.itsp.take("BYE"), 200)
            self.scene.wait(0.1)
        for phone in (self.alice, self.bob, self.carol):
            for call in phone.calls:
                if not call.over:
                    call.refuse(486)
        self.scene.wait()


def helps(scene: Scene) -> list[e.Help | None]:
    return [event.help for event in scene.exchange.events if isinstance(event, e.CallReplanned) and event.emergency]


@pytest.mark.parametrize("by", ["refer", "keys"])
def test_who_is_sent_on_is_helped_where_their_own_telephone_stands(by: str) -> None:
    """EMG-4, EMG-7: Bob sends Alice on. She will talk with those who help, so they learn of her place and number."""
    stage = Stage()
    scene = stage.scene
    call, answered = scene.talking(stage.alice, stage.bob)
    if by == "refer":
        answered.refer("911")
    else:
        scene.press(answered, "##911#")
    scene.wait(0.1)
    assert len(stage.carol.calls) == 1, "who is named is told while it rings"
    assert [letter.to for letter in stage.letters] == ["alice@example.com"]
    assert "of alice" in stage.letters[0].text and "Alice 101" in stage.letters[0].text
    assert "EMERGENCY 911: Telephone of alice" in stage.letters[0].subject
    invite = stage.helped()
    assert invite.uri.startswith("sip:911@") and f"{SHOWN}0" in invite.get("From")
    assert "of alice" in invite.body and invite.get("Geolocation")
    assert call.up and answered.over
    view = _view(stage.live())
    assert view.emergency and (view.device, view.address.count("of alice")) == ("Telephone of alice", 1)
    assert (view.caller, view.called) == ("101", "911")
    assert helps(scene) == [e.Help("911", "alice", "alice", "alice", ("mail:alice@example.com", "line:carol"))]
    stage.over()
    (record,) = scene.exchange.records
    assert record.emergency
    scene.finish()


def test_who_called_from_outside_is_helped_where_the_transferor_stands() -> None:
    """EMG-4: nobody knows where somebody outside is. So what is sent is the place of who asks for help for him."""
    stage = Stage()
    scene = stage.scene
    answered = stage.from_outside()
    answered.refer("9911")
    scene.wait(0.1)
    assert [letter.to for letter in stage.letters] == ["bob@example.com"] and "Bob 102" in stage.letters[0].text
    invite = stage.helped()
    assert invite.uri.startswith("sip:911@") and f"{SHOWN}1" in invite.get("From") and "of bob" in invite.body
    assert answered.over
    stage.over()
    scene.finish()


def test_a_number_that_calls_help_only_where_the_transferor_stands_does_so() -> None:
    """K.4: 999 is none in the United States, where Alice is; Bob knows it as one."""
    stage = Stage()
    call, answered = stage.scene.talking(stage.alice, stage.bob)
    answered.refer("999")
    stage.scene.wait(0.1)
    invite = stage.helped()
    assert invite.uri.startswith("sip:999@") and "of bob" in invite.body and call.up
    stage.over()
    stage.scene.finish()


def test_a_carrier_sends_nobody_for_help() -> None:
    """Nobody outside calls an emergency service from our address, be it out of a call that one of us is in."""
    stage = Stage(settings={"transfers": True})
    stage.from_outside()
    (call,) = stage.scene.exchange.calls
    by = next(each for each in call.legs.values() if each.target == "trunk:carrier")
    stays = call.other(by)
    assert stays is not None
    assert transfer.blind(call, by, "911", stage.scene.clock.now(), how="code")
    assert not helps(stage.scene)
    stage.over()
    stage.scene.finish()


def test_a_transfer_for_help_takes_the_channel_of_another_call() -> None:
    """EMG-6."""
    stage = Stage(settings={"channels": 1})
    scene = stage.scene
    dave = stage.carol.call(OUTSIDE)
    scene.wait(0.1)
    scene.taken(stage.itsp, "o")
    call, answered = scene.talking(stage.alice, stage.bob)
    answered.refer("911")
    scene.wait(0.1)
    assert dave.over
    bye = stage.itsp.take("BYE")
    assert bye.get("Reason").startswith("preemption;cause=3")
    stage.itsp.reply(bye, 200)
    stage.helped()
    assert call.up
    stage.over()
    scene.finish()


def test_a_transfer_for_help_has_a_port_that_is_kept_back() -> None:
    """EMG-6."""
    stage = Stage(media_ports=8)
    scene = stage.scene
    call, answered = scene.talking(stage.alice, stage.bob)
    other, _ = scene.talking(stage.carol, stage.alice, "101")
    refused = stage.bob.call(OUTSIDE)
    scene.wait(0.1)
    assert refused.refused == 480
    answered.refer("911")
    scene.wait(0.1)
    stage.helped()
    assert call.up and other.up
    stage.over()
    scene.finish()


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_the_call_back_reaches_who_was_sent_on(crash: str) -> None:
    """EMG-8."""
    stage = Stage(owned(company(), n100="bob"))
    scene = stage.scene
    scene.exchange.set("alice", "dnd on")
    call, answered = scene.talking(stage.alice, stage.bob)
    answered.refer("911")
    scene.wait(0.1)
    stage.helped()
    assert call.up
    stage.over()
    if crash == "state file":
        scene.exchange.save_facts()
    if crash != "no":
        scene.exchange.crash_and_restart()
    before = len(stage.alice.calls), len(stage.bob.calls)
    call_in(scene, stage.itsp, f"{SHOWN}0")
    assert (len(stage.alice.calls), len(stage.bob.calls)) == (before[0] + 1, before[1])
    stage.over()
    scene.finish()


@pytest.mark.parametrize("age_s", [1.0, FRESH_S + 1])
def test_after_a_crash_they_are_told_once_more_of_who_was_sent_on(age_s: float) -> None:
    stage = Stage()
    scene = stage.scene
    call, answered = scene.talking(stage.alice, stage.bob)
    scene.wait(1000)  # the call is old, and the call for help is not
    answered.refer("911")
    scene.wait(0.1)
    stage.helped()
    scene.wait(age_s)
    scene.strict = False
    before = len(stage.carol.calls)
    scene.exchange.crash_and_restart(1.0)
    scene.wait(0.1)
    assert len(stage.carol.calls) == before + (age_s < FRESH_S)
    assert call.up and scene.exchange.calls[0].for_help
    stage.over()
    scene.finish()


def test_a_transfer_for_help_that_fails_leaves_a_call_that_counts_again() -> None:
    """OUT-6: it is none of the emergency calls that count for nothing."""
    stage = Stage()
    scene = stage.scene
    _, answered = scene.talking(stage.alice, stage.bob)
    answered.refer("911")
    scene.wait(0.1)
    stage.itsp.reply(stage.itsp.take("INVITE"), 486, tag="b")
    scene.wait(1)
    stage.itsp.take("ACK")
    (live,) = scene.exchange.calls
    assert not live.for_help and answered.up
    assert stage.carol.calls, "people know of it all the same"
    answered.refer(OUTSIDE)
    scene.wait(0.1)
    assert scene.exchange.core.facts.payers(live.id), "somebody pays for this one"
    scene.taken(stage.itsp, "o")
    stage.over()
    scene.finish()


# What is not done with a call for help


def for_help(stage: Stage) -> PhoneCall:
    call = stage.alice.call("911")
    stage.scene.wait(0.1)
    stage.helped()
    return call


@pytest.mark.parametrize("way", ["refer", "##102#", "*2102#", "*4102#", "*7"])
def test_those_who_help_are_not_sent_on_or_parked(way: str) -> None:
    """RFC 6881 section 13."""
    stage = Stage()
    scene = stage.scene
    call = for_help(stage)
    scene.wait(1)
    if way == "refer":
        call.refer("102")
        scene.wait()
        assert call.referred == [403]
    else:
        scene.press(call, way)
    scene.wait(10)
    assert not stage.bob.calls and not stage.itsp.has("BYE") and not stage.itsp.has("INVITE") and call.up
    assert any(CARRIER[0] in dict(pair) for pair in scene.exchange.engine.joined()), "they hear each other"
    assert not [event for event in scene.exchange.events if isinstance(event, e.TransferBegun)]
    stage.over()
    scene.finish()


def test_the_operator_sends_no_call_for_help_elsewhere() -> None:
    stage = Stage()
    call = for_help(stage)
    assert stage.scene.exchange.transfer(stage.live(), "102")[0] == 403
    stage.scene.wait()
    assert call.up and not stage.bob.calls
    stage.over()
    stage.scene.finish()


@pytest.mark.parametrize("which", ["the call that rings", "the call for help"])
def test_those_who_help_are_not_sent_to_somebody_who_only_rings(which: str) -> None:
    """And a call for help that is on its way is not called off so that it begins anew."""
    stage = Stage()
    scene = stage.scene
    if which == "the call for help":
        call = for_help(stage)
        call.hold()
        scene.wait()
        other = stage.alice.call("102")
        scene.wait()
        stage.bob.last.ring()
    else:
        call, _ = scene.talking(stage.alice, stage.bob)
        call.hold()
        scene.wait()
        other = stage.alice.call("911")
    scene.wait()
    call.transfer_to(other, scene.exchange.calls[-1].id)
    scene.wait(1)
    assert call.referred == [403] and call.up and not call.over and not other.over
    assert stage.live() and not stage.itsp.has("CANCEL") and not stage.itsp.has("BYE")
    if which == "the call that rings":
        stage.helped()
        assert other.up
    stage.over()
    scene.finish()


def test_two_who_talk_are_joined_with_those_who_help() -> None:
    """Nobody is lost by that: Alice has asked for help, and brings Bob to them."""
    stage = Stage()
    scene = stage.scene
    call, answered = scene.talking(stage.alice, stage.bob)
    call.hold()
    scene.wait()
    helped = for_help(stage)
    call.transfer_to(helped)
    scene.wait(1)
    assert call.over and answered.up and not stage.itsp.has("BYE") and stage.live()
    answered.refer("103")
    scene.wait(1)
    assert answered.up and not stage.itsp.has("BYE")
    stage.over()
    scene.finish()


def test_silence_ends_no_call_for_help() -> None:
    """RFC 6881 section 14: who hides makes no sound. A telephone that is gone is found by asking."""
    stage = Stage()
    scene = stage.scene
    call = for_help(stage)
    leg = next(each for each in stage.live().legs.values() if each.target == "line:alice")
    scene.exchange.silence(leg.sound.lease.leg)
    scene.wait(60)
    assert call.up and not stage.itsp.has("BYE")
    stage.over()
    scene.finish()


@pytest.mark.parametrize("how", ["crash", "hand-over"])
@pytest.mark.parametrize("gone", [False, True])
def test_who_was_being_sent_on_for_help_is_sent_on_once_more(how: str, *, gone: bool) -> None:
    """OUT-6: whether the transferor waits to hear of it, or has hung up."""
    stage = Stage()
    scene = stage.scene
    call, answered = scene.talking(stage.alice, stage.bob)
    answered.refer("911")
    scene.wait(0.1)
    invite = stage.itsp.take("INVITE")
    stage.itsp.reply(invite, 180, tag="e")
    scene.wait()
    if gone:
        answered.hang_up()
        scene.wait()
    scene.strict = False
    told_before = len(stage.letters)
    if how == "crash":
        scene.exchange.crash_and_restart(1.0)
    else:
        scene.exchange.hand_over()
    stage.scene.exchange.core.calls.alarms.post = lambda letter: stage.letters.append(letter) or ""  # type: ignore[func-returns-value]
    scene.wait(2)
    while stage.itsp.has("CANCEL"):
        stage.itsp.reply(stage.itsp.take("CANCEL"), 200)
    stage.itsp.reply(invite, 487, tag="e")
    scene.wait()
    again = stage.itsp.take("INVITE")
    assert again.uri.startswith("sip:911@") and f"{SHOWN}0" in again.get("From") and stage.live()
    stage.itsp.reply(again, 200, describe(CARRIER[0]), tag="f")
    scene.wait(1)
    assert call.up and stage.live() and any(CARRIER[0] in dict(pair) for pair in scene.exchange.engine.joined())
    assert not stage.bob.calls[1:] and answered.over and len(stage.letters) <= told_before + 1
    stage.over()
    scene.wait(60)
    scene.finish()


@pytest.mark.parametrize("power", [True, False])
def test_a_carrier_that_knows_no_such_question_does_not_end_a_call_for_help(*, power: bool) -> None:
    """Asked whether it is there, it says that there is no such dialog; the telephone is there, or without power."""
    stage = Stage()
    scene = stage.scene
    call = for_help(stage)
    if not power:
        scene.network.detach(stage.alice.address)
    for _ in range(200):
        scene.wait(10)
        scene.exchange.look()
        while stage.itsp.has("OPTIONS"):
            stage.itsp.reply(stage.itsp.take("OPTIONS"), 481)
    assert bool(scene.exchange.calls) is power and (call.up or not power)
    if power:
        stage.over()
        scene.finish()
