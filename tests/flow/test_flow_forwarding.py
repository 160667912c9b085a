"""Forwards on live calls: when, why, and what everybody is told of them, the record too (FWD-1 to FWD-11)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import Destination, To, ring_group, user
from dialplan.groups import Attendant, Member, RingGroup
from dialplan.lines import Forwards, Outside, Permission
from switch.sip import leg_events as sip
from switch.sip.flow import Flow
from tests.support.exchange import carrier, changed, house
from tests.support.raw_phone import Text, describe
from tests.support.scene import Scene


def forwarding(**bob: Any) -> m.Model:
    """Bob's calls go on to Carol."""
    return changed(house(), bob={"forwards": Forwards(after_s=10.0, **bob)})


def scene_of(**bob: Any) -> Scene:
    return Scene(model=forwarding(**bob))


@pytest.mark.parametrize(
    ("status", "condition", "cause"),
    [
        (486, "busy", 486),
        (600, "busy", 486),
        (603, "no_answer", 408),
        (480, "no_answer", 408),
        (503, "outage", 503),
        (404, "outage", 503),
    ],
)
def test_each_condition_by_what_the_telephone_says(status: int, condition: str, cause: int) -> None:
    """FWD-1, FWD-4, FWD-5, FWD-8."""
    scene = scene_of(**{condition: user("carol")})
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = status
    call = alice.call("102")
    scene.wait()
    assert not call.over, "it went on at once"
    carol.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.finish()
    record = scene.exchange.record
    (passed,) = record.passed
    assert (passed.by, passed.cause, passed.number, passed.to) == ("bob", cause, "102", "line:carol")
    assert record.answered_target == "line:carol"


@pytest.mark.parametrize(
    ("status", "others"), [(486, ("no_answer", "outage")), (503, ("busy", "no_answer")), (603, ("busy", "outage"))]
)
def test_a_rule_for_another_condition_does_not_count(status: int, others: tuple[str, ...]) -> None:
    """FWD-7: busy is 486, all else 480."""
    scene = scene_of(**dict.fromkeys(others, user("carol")))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = status
    call = alice.call("102")
    scene.wait()
    assert call.refused == (486 if status == 486 else 480)
    assert not carol.calls
    assert scene.exchange.record.passed == ()
    scene.finish()


def test_no_answer_is_cancelled_after_its_delay_and_goes_on() -> None:
    """FWD-3: ten seconds from the first 18x."""
    scene = scene_of(no_answer=user("carol"))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("102")
    scene.wait(9.9)
    assert not bob.last.over
    assert not carol.calls
    scene.wait(0.3)
    assert bob.last.over
    (cancel,) = [packet.data.decode() for packet in scene.network.log if packet.start == "CANCEL"]
    assert "Reason:" not in cancel, "a missed call is a missed call (K.10)"
    assert call.rings == [180, 181, 180]
    carol.last.answer()
    scene.wait()
    call.hang_up()
    scene.finish()


def test_the_delay_of_a_silent_telephone_counts_from_four_seconds_on() -> None:
    """FWD-3; but one that says nothing at all is out of reach by then (FWD-4 b)."""
    scene = scene_of(no_answer=user("carol"))
    alice, bob, carol = scene.phone("alice"), scene.raw("bob"), scene.phone("carol")
    alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 100)
    scene.wait(13.8)
    assert not carol.calls
    scene.wait(0.3)
    bob.reply(bob.take("CANCEL"), 200, tag="b")
    bob.reply(invite, 487, tag="b")
    scene.wait()
    carol.last.answer()
    scene.wait()
    alice.last.hang_up()
    scene.finish()


def test_nobody_registered_is_an_outage_at_once() -> None:
    """FWD-4 (a)."""
    scene = scene_of(outage=user("carol"), no_answer=Destination(To.ANNOUNCE, "tone:440"))
    alice, carol = scene.phone("alice"), scene.phone("carol")
    call = alice.call("102")
    scene.wait(0.1)
    assert call.rings == [181, 180]
    carol.last.answer()
    scene.wait()
    call.hang_up()
    scene.finish()
    assert [each.cause for each in scene.exchange.record.passed] == [503]


def test_a_telephone_without_network_is_an_outage_after_the_unreachable_timer() -> None:
    """FWD-4 (b): four seconds, not the delay for no answer."""
    scene = scene_of(outage=user("carol"), no_answer=Destination(To.ANNOUNCE, "tone:440"))
    alice, bob, carol = scene.phone("alice"), scene.raw("bob"), scene.phone("carol")
    scene.network.detach(bob.address)
    call = alice.call("102")
    scene.wait(3.9)
    assert not carol.calls
    scene.wait(0.2)
    carol.last.answer()
    scene.wait()
    call.hang_up()
    scene.finish()


def test_always_does_not_ring_at_all() -> None:
    scene = scene_of(always=user("carol"))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("102")
    scene.wait()
    assert not bob.calls
    carol.last.answer()
    scene.wait()
    call.hang_up()
    scene.finish()
    assert [each.cause for each in scene.exchange.record.passed] == [302]


def chain(bob_shows: str) -> m.Model:
    """Bob busy -> Carol no answer -> outside."""
    out = Destination(To.EXTERNAL, "+442079460999")
    abroad = Outside(permission=Permission.INTERNATIONAL)
    return changed(
        house(),
        bob={"forwards": Forwards(busy=user("carol")), "caller_id": bob_shows},
        carol={"forwards": Forwards(no_answer=out, after_s=10.0), "outside": abroad, "caller_id": "+16695550103"},
    )


def headers(message: Text, name: str) -> list[str]:
    return message.all(name)


@pytest.mark.parametrize(("bob_shows", "outside"), [("", "+16695550103"), ("+16695550102", "+16695550102")])
def test_a_chain_is_told_to_each_with_its_causes(bob_shows: str, outside: str) -> None:
    """FWD-9: Diversion has the latest forward first, History-Info the whole way. Colleagues see extensions."""
    scene = Scene(model=chain(bob_shows))
    alice, bob, carol, itsp = scene.phone("alice"), scene.raw("bob"), scene.raw("carol"), scene.carrier()
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert not invite.get("Diversion")
    bob.reply(invite, 486, tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    second = carol.take("INVITE")
    here = scene.exchange.address[0]
    assert headers(second, "Diversion") == [f'"Bob" <sip:102@{here}>;reason=user-busy;counter=1;privacy=off']
    assert headers(second, "History-Info") == [
        f'"Bob" <sip:102@{here}>;index=1',
        f"<sip:carol@{carol.address[0]}:5060;cause=486>;index=1.1;mp=1",
    ]
    carol.reply(second, 180, tag="c")
    scene.wait(10.1)
    carol.reply(carol.take("CANCEL"), 200, tag="c")
    carol.reply(second, 487, tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    third = itsp.take("INVITE")
    assert headers(third, "Diversion") == [
        f'"Carol" <sip:+16695550103@{here}>;reason=no-answer;counter=1;privacy=off',
        # An extension says nothing outside: Bob's number there, else the one that the call shows.
        f'"Bob" <sip:{outside}@{here}>;reason=user-busy;counter=1;privacy=off',
    ]
    causes = [each.partition("cause=")[2][:3] for each in headers(third, "History-Info")]
    assert causes == ["", "486", "408"]
    assert "sip:+442079460999@" in third.uri
    itsp.reply(third, 200, describe(itsp.address[0]), tag="o")
    scene.wait(0.1)
    itsp.take("ACK")
    assert call.up
    assert call.rings == [181, 180, 181], "once for each forward"
    live = scene.exchange.core.facts.at(scene.clock.at())
    assert (live.line("carol").external, live.line("alice").external) == (1, 0), "who forwards outside pays (LIM-10)"
    call.hang_up()
    scene.wait(0.1)
    itsp.reply(itsp.take("BYE"), 200)
    scene.finish()
    record = scene.exchange.record
    assert [(each.by, each.cause, each.to) for each in record.passed] == [
        ("bob", 486, "line:carol"),
        ("carol", 408, "external:+442079460999"),
    ]


def test_our_forwards_come_before_those_that_a_carrier_told_of() -> None:
    hosts = {"carrier": carrier("carrier", ("192.0.2.200", 5060), trusted=True)}
    scene = Scene(model=forwarding(busy=user("carol")), trunks=hosts)
    itsp, bob, carol = scene.carrier(), scene.phone("bob"), scene.raw("carol")
    bob.refuses = 486
    diversion = "Diversion: <sip:+13105550100@x>;reason=unconditional;counter=2"
    itsp.outside("INVITE", f"sip:102@{scene.exchange.address[0]}", (diversion,), describe(itsp.address[0]))
    scene.wait(0.1)
    invite = carol.take("INVITE")
    here = scene.exchange.address[0]
    assert headers(invite, "Diversion") == [
        f'"Bob" <sip:102@{here}>;reason=user-busy;counter=1;privacy=off',
        f"<sip:+13105550100@{here}>;reason=unconditional;counter=2;privacy=off",
    ]
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    assert not itsp.has(181), "a carrier could make nothing of it"
    itsp.take(486)
    scene.finish()


def test_a_circle_ends_with_482_and_is_no_endless_ringing() -> None:
    """FWD-9: without voicemail."""
    model = changed(
        house(), bob={"forwards": Forwards(busy=user("carol"))}, carol={"forwards": Forwards(busy=user("bob"))}
    )
    scene = Scene(model=model)
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = carol.refuses = 486
    call = alice.call("102")
    scene.wait()
    assert call.refused == 482
    assert (len(bob.calls), len(carol.calls)) == (1, 1)
    assert scene.exchange.record.reason == "loop"
    scene.finish()


def test_a_mailbox_that_is_no_more_ends_with_480_and_the_reason() -> None:
    model = changed(house(), bob={"forwards": Forwards(busy=Destination(To.VOICEMAIL)), "mailbox": "bob"})
    scene = Scene(model=model)
    scene.exchange.use_mailboxes()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.refuses = 486
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    assert call.got(sip.Refusal)[-1].reasons == ('Reason: SIP;cause=480;text="No Such Mailbox"',)
    (passed,) = scene.exchange.record.passed
    assert passed.to == "voicemail:bob"
    scene.finish()


ABROAD = Destination(To.EXTERNAL, "+442079460999")


@pytest.mark.parametrize(
    ("foreign", "headers_in", "shown"),
    [
        (False, (), "<sip:+16695550102@"),
        (True, (), "<sip:+13105550177@"),
        (True, ("Privacy: id",), '"Anonymous" <sip:anonymous@anonymous.invalid>'),
    ],
)
def test_who_is_shown_outside_is_whoever_forwards_or_the_caller_where_the_carrier_allows_it(
    foreign: bool, headers_in: tuple[str, ...], shown: str
) -> None:
    """FWD-11; who hides stays hidden."""
    bob = {
        "forwards": Forwards(always=ABROAD),
        "outside": Outside(permission=Permission.INTERNATIONAL),
        "caller_id": "+16695550102",
    }
    model = changed(house(), bob=bob)
    rule = msgspec.structs.replace(model.trunks["carrier"], foreign_callers=foreign)
    scene = Scene(model=m.versioned(msgspec.structs.replace(model, trunks={"carrier": rule})))
    itsp = scene.carrier()
    itsp.user = "+13105550177"
    itsp.outside("INVITE", f"sip:102@{scene.exchange.address[0]}", headers_in, describe(itsp.address[0]))
    scene.wait(0.1)
    invite = next(message for message in itsp.inbox if message.kind == "INVITE")
    assert shown in invite.get("From")
    itsp.reply(invite, 486, tag="o")
    scene.wait(0.1)
    itsp.take(486)
    scene.finish()


def test_a_call_keeps_the_plan_that_it_began_with() -> None:
    """TZ-3, VIP: what is configured meanwhile is for calls to come; so is what a user sets."""
    scene = scene_of(no_answer=user("carol"))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    alice.call("102")
    scene.wait(5)
    scene.exchange.use_model(house())
    scene.exchange.set("bob", "dnd on")
    scene.wait(5.2)
    assert bob.last.over
    carol.last.answer()
    scene.wait()
    alice.last.hang_up()
    scene.wait()
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    assert (len(bob.calls), len(carol.calls)) == (1, 1)
    scene.finish()


def test_who_answers_in_the_very_instant_of_expiry_is_too_late() -> None:
    """K.12: the call goes on, and the telephone is hung up."""
    scene = scene_of(no_answer=user("carol"))
    scene.network.delay_s = 0.0
    alice, bob, carol = scene.phone("alice"), scene.raw("bob"), scene.phone("carol")
    call = alice.call("102")
    scene.wait(0.0)
    invite = bob.take("INVITE")
    bob.reply(invite, 180, tag="b")
    due = scene.clock.now() + 10.0
    scene.wait(9.5)
    scene.network.drop = lambda packet: packet.source == bob.address
    answer = bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.network.drop = lambda packet: False
    scene.exchange.core.receive(answer.encode(), Flow("udp", scene.exchange.address, bob.address), due)
    scene.wait(0.5)
    assert not call.up
    assert carol.calls
    scene.wait(0.1)
    bob.take("ACK")
    bob.reply(bob.take("BYE"), 200)
    carol.last.answer()
    scene.wait(0.1)
    assert call.up
    call.hang_up()
    scene.finish()
    assert scene.exchange.record.answered_target == "line:carol"


TO = {
    "voicemail": Destination(To.VOICEMAIL),
    "attendant": Destination(To.ATTENDANT, "main"),
    "user": user("carol"),
    "external": ABROAD,
    "ring_group": ring_group("desk"),
}


@pytest.mark.parametrize("kind", TO)
@pytest.mark.parametrize(("condition", "cause"), [("busy", 486), ("no_answer", 408), ("outage", 503)])
def test_each_condition_leads_to_each_kind_of_destination(condition: str, cause: int, kind: str) -> None:
    """FWD-2: the fifteen combinations."""
    bob = {
        "forwards": Forwards(after_s=10.0, **{condition: TO[kind]}),
        "outside": Outside(permission=Permission.INTERNATIONAL),
        "mailbox": "bob",
    }
    model = msgspec.structs.replace(
        changed(house(), bob=bob),
        attendants={"main": Attendant(id="main")},
        ring_groups={"desk": RingGroup(id="desk", members=(Member(line="carol"),))},
    )
    scene = Scene(model=m.versioned(model))
    alice, carol, itsp = scene.phone("alice"), scene.phone("carol"), scene.carrier()
    if condition != "outage":
        scene.phone("bob").refuses = {"busy": 486, "no_answer": 0}[condition]
    call = alice.call("102")
    scene.wait(10.5 if condition == "no_answer" else 0.5)
    if kind == "external":
        scene.taken(itsp, "o")
        scene.over(call, itsp)
    elif kind in ("user", "ring_group"):
        carol.last.answer()
        scene.wait()
        assert call.up
        call.hang_up()
    else:
        assert call.up
        assert scene.exchange.calls[0].state.service.startswith(f"{kind}:")
        call.hang_up()
    scene.finish()
    (passed,) = scene.exchange.record.passed
    assert (passed.by, passed.cause) == ("bob", cause)


@pytest.mark.parametrize("reliable", [False, True])
def test_a_caller_who_heard_the_first_telephone_hears_the_next_one_after_the_forward(reliable: bool) -> None:
    """Early media of the one that did not answer, then the sound of the one that does; 181 would say nothing new."""
    scene = scene_of(no_answer=user("carol"))
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    if reliable:
        alice.extensions = ("Supported: 100rel",)
    bob.early, bob.rings = True, 183
    call = alice.call("102")
    scene.wait(10.5)
    assert bob.last.over
    carol.last.answer()
    scene.wait()
    assert call.up
    assert 181 not in call.rings
    joined = {frozenset(((alice.address[0], 4000), (carol.address[0], 4000)))}
    assert scene.exchange.engine.joined() == joined
    call.hang_up()
    scene.finish()
