"""A carrier's hosts, one after the other: for every cause, avoided and healed, all down, emergency (RFC 3263 4.3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from config.compiled import TrunkAccount
from dialplan import model as m
from tests.support.exchange import HELP, carrier, house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawPhone, describe
from tests.support.scene import Scene

ONE, TWO, THREE = ("192.0.2.200", 5060), ("192.0.2.202", 5060), ("192.0.2.203", 5060)
NUMBER = "6692223333"


def two_hosts(**settings: Any) -> Scene:
    return Scene(trunks={"carrier": carrier("carrier", ONE, TWO, **settings)})


def host(scene: Scene, place: tuple[str, int]) -> RawPhone:
    return RawPhone(scene.network, "carrier", place)


def called(number: str = NUMBER, **settings: Any) -> tuple[Scene, PhoneCall, RawPhone, RawPhone]:
    """Alice calls: the scene, her call, and the hosts, the first of which has the INVITE."""
    scene = two_hosts(**settings)
    alice, one, two = scene.phone("alice"), host(scene, ONE), host(scene, TWO)
    call = alice.call(number)
    scene.wait(0.1)
    return scene, call, one, two


def refuse(at: RawPhone, status: int, headers: tuple[str, ...] = ()) -> None:
    at.reply(at.take("INVITE"), status, tag="no", headers=headers)


def talk(scene: Scene, at: RawPhone, call: Any) -> None:
    """The host takes the call, and it is ended."""
    scene.taken(at, "yes")
    assert call.up
    scene.over(call, at)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_an_answer_of_failover_leads_to_the_next_host(status: int) -> None:
    scene, call, one, two = called()
    first = one.seen[0]
    refuse(one, status)
    scene.wait(0.1)
    one.take("ACK")
    second = two.seen[0]
    assert second.get("Call-ID") != first.get("Call-ID"), "another dialog"
    assert second.get("Via").split("branch=")[1] != first.get("Via").split("branch=")[1], "RFC 3263 4.3: another branch"
    talk(scene, two, call)
    assert scene.exchange.record.result == "answered"
    assert [leg.result for leg in scene.exchange.record.legs][1:] == ["unreachable", "answered"]
    assert scene.exchange.core.directory.hosts.failovers == {"carrier": 1}
    scene.finish()


@pytest.mark.parametrize("status", [404, 403, 486, 484, 480, 501, 513, 603])
def test_any_other_answer_ends_it(status: int) -> None:
    scene, _, one, two = called()
    refuse(one, status)
    scene.wait(0.1)
    assert not two.seen
    assert len(scene.exchange.records) == 1
    scene.finish()


def test_the_operator_says_which_answers_lead_on() -> None:
    scene, call, one, two = called(failover=(404,))
    refuse(one, 404)
    scene.wait(0.1)
    talk(scene, two, call)
    failed = scene.phones[0].call(NUMBER)
    scene.wait(0.1)
    refuse(one, 503)
    scene.wait(0.1)
    assert not two.count("INVITE") - 1
    assert failed.refused == 500, "503 would make the telephone give us up (RFC 3261 16.7)"
    scene.finish()


def test_silence_leads_on_after_the_unreachable_time() -> None:
    scene = two_hosts()
    alice, one, two = scene.phone("alice"), host(scene, ONE), host(scene, TWO)
    call = alice.call(NUMBER)
    scene.wait(3.9)
    assert not two.seen
    scene.wait(0.3)
    talk(scene, two, call)
    assert one.count("INVITE")
    scene.finish()


def test_a_connection_that_cannot_be_made_leads_on_at_once() -> None:
    scene = two_hosts(transport="tcp")
    alice, two = scene.phone("alice"), RawPhone(scene.network, "carrier", TWO, transport="tcp")
    call = alice.call(NUMBER)
    scene.wait(0.2)
    talk(scene, two, call)
    scene.finish()


def test_a_host_that_says_trying_is_not_left_for_its_silence() -> None:
    scene, call, one, two = called()
    invite = one.take("INVITE")
    one.reply(invite, 100)
    scene.wait(10.0)
    assert not two.seen
    one.reply(invite, 200, describe(ONE[0]), tag="yes")
    scene.wait(0.1)
    assert call.up
    one.take("ACK")
    scene.over(call, one)
    scene.finish()


def test_a_late_answer_of_a_host_that_was_left_is_ended() -> None:
    scene = two_hosts()
    alice, one, two = scene.phone("alice"), host(scene, ONE), host(scene, TWO)
    call = alice.call(NUMBER)
    scene.wait(4.2)
    one.reply(one.take("INVITE"), 200, describe(ONE[0]), tag="late")
    scene.wait(0.1)
    one.take("ACK")
    one.reply(one.take("BYE"), 200)
    talk(scene, two, call)
    scene.finish()


def test_the_caller_who_gives_up_between_hosts_is_heard() -> None:
    scene, call, one, two = called()
    refuse(one, 500)
    scene.wait(0.1)
    invite = two.take("INVITE")
    two.reply(invite, 180, tag="ring")
    scene.wait(0.1)
    call.cancel()
    scene.wait(0.1)
    two.reply(two.take("CANCEL"), 200)
    two.reply(invite, 487, tag="ring")
    scene.wait(0.1)
    assert scene.exchange.record.result == "cancelled"
    scene.finish()


def test_the_next_host_is_heard_when_the_first_one_played_something_and_then_failed() -> None:
    scene, call, one, two = called()
    invite = one.take("INVITE")
    one.reply(invite, 183, describe(ONE[0]), tag="early")
    scene.wait(0.1)
    one.reply(invite, 503, tag="early")
    scene.wait(0.1)
    one.take("ACK")
    talk(scene, two, call)
    assert scene.exchange.record.result == "answered"
    scene.finish()


def test_a_connection_that_breaks_while_it_rings_leads_on() -> None:
    scene = two_hosts(transport="tcp")
    alice = scene.phone("alice")
    one, two = (RawPhone(scene.network, "carrier", place, transport="tcp") for place in (ONE, TWO))
    call = alice.call(NUMBER)
    scene.wait(0.1)
    invite = one.take("INVITE")
    one.reply(invite, 180, tag="r")
    scene.wait(0.1)
    scene.network.cut(invite.flow)
    scene.wait(0.2)
    talk(scene, two, call)
    scene.finish()


def test_a_crash_between_hosts_leaves_nothing_behind() -> None:
    scene, _, one, two = called()
    refuse(one, 500)
    scene.wait(0.1)
    two.reply(two.take("INVITE"), 180, tag="ring")
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    assert two.count("CANCEL")
    assert not one.count("CANCEL")
    scene.strict = False
    scene.finish()


# Avoided, and healed


def firsts(scene: Scene, calls: int) -> list[str]:
    """The hosts that the next calls are sent to first."""
    found = []
    for _ in range(calls):
        before = len(scene.network.log)
        call = scene.phones[0].call(NUMBER)
        scene.wait(0.05)
        sent = [p for p in scene.network.log[before:] if p.start == "INVITE" and p.target in (ONE, TWO, THREE)]
        found.append(sent[0].target[0][-3:])
        call.cancel()
        scene.wait(5.0)
    return found


def answering(scene: Scene, place: tuple[str, int], status: int = 486, headers: tuple[str, ...] = ()) -> RawPhone:
    """A host that refuses every call, or answers every OPTIONS, with that status."""
    made = host(scene, place)
    deliver = made._deliver

    def react(data: bytes, flow: Any, now: float) -> None:
        deliver(data, flow, now)
        if made.inbox and made.inbox[-1].kind in ("INVITE", "OPTIONS"):
            made.reply(made.inbox.pop(), made.status, tag="no", headers=made.more)  # type: ignore[attr-defined]

    made.status, made.more = status, headers  # type: ignore[attr-defined]
    scene.network.attach(place, react, made._lost)
    return made


def test_a_silent_host_is_tried_last_for_a_time_that_grows_until_it_answers() -> None:
    scene = two_hosts(avoid_s=60.0)
    scene.phone("alice")
    silent = True
    scene.network.drop = lambda packet: silent and packet.target == ONE
    one, two = answering(scene, ONE), answering(scene, TWO)
    scene.phones[0].call(NUMBER)
    scene.wait(5.0)
    assert (one.seen, two.count("INVITE")) == ([], 1)
    assert firsts(scene, 2) == ["202", "202"]
    scene.wait(50.0)
    scene.phones[0].call(NUMBER)  # a minute is over, and it is silent still
    scene.wait(5.0)
    scene.wait(70.0)
    assert firsts(scene, 1) == ["202"], "twice as long"
    silent = False
    scene.wait(60.0)
    assert firsts(scene, 2) == ["200", "200"]
    health = next(iter(scene.exchange.core.directory.hosts.all()))[2]
    assert (health.failures, health.why) == (0, "")
    scene.finish()


def test_retry_after_of_a_503_is_how_long_a_host_is_avoided() -> None:
    scene = two_hosts()
    scene.phone("alice")
    one = answering(scene, ONE, 503, ("Retry-After: 120 (later)",))
    two = answering(scene, TWO)
    scene.phones[0].call(NUMBER)
    scene.wait(1.0)
    assert (one.count("INVITE"), two.count("INVITE")) == (1, 1)
    scene.wait(100.0)
    assert firsts(scene, 1) == ["202"]
    scene.wait(20.0)
    assert firsts(scene, 1) == ["200"]
    scene.finish()


def test_when_all_are_avoided_all_are_tried() -> None:
    scene = two_hosts()
    scene.phone("alice")
    one, two = answering(scene, ONE, 503), answering(scene, TWO, 503)
    for _ in range(2):
        call = scene.phones[0].call(NUMBER)
        scene.wait(1.0)
        assert call.refused == 480
    assert (one.count("INVITE"), two.count("INVITE")) == (2, 2)
    assert scene.exchange.records[-1].reason == "outage"
    scene.finish()


def test_a_refusal_is_a_sign_of_life() -> None:
    scene = two_hosts()
    scene.phone("alice")
    answering(scene, ONE, 404)
    assert firsts(scene, 2) == ["200", "200"]
    scene.finish()


# OPTIONS


def changes(scene: Scene) -> list[tuple[str, bool, str]]:
    told: list[tuple[str, bool, str]] = []
    scene.exchange.core.directory.hosts.on_change = lambda trunk, target, up, why: told.append(
        (target.address, up, why)
    )
    return told


def over(scene: Scene) -> None:
    scene.exchange.use_trunks({})
    scene.finish()


def test_hosts_are_asked_by_options_and_those_that_are_down_are_tried_last() -> None:
    scene = two_hosts(ping_s=30.0)
    told = changes(scene)
    scene.network.drop = lambda packet: packet.target == ONE
    scene.phone("alice")
    answering(scene, ONE, 200)
    two = answering(scene, TWO, 404)
    scene.wait(6.0)
    assert told == [("192.0.2.200", False, "no answer to OPTIONS")], "a 404 is an answer"
    two.status = 486  # type: ignore[attr-defined]
    assert firsts(scene, 1) == ["202"], "no call waits for the host that is down"
    states = {target.address: health for _, target, health in scene.exchange.core.directory.hosts.all()}
    assert states["192.0.2.202"].up
    assert states["192.0.2.202"].rtt_s == pytest.approx(0.02)
    scene.network.drop = lambda packet: False
    scene.wait(16.0)
    assert told[1:] == [("192.0.2.200", True, "")], "it is asked more often while it is down"
    assert firsts(scene, 1) == ["200"]
    over(scene)


@pytest.mark.parametrize(
    ("status", "lives"), [(200, True), (401, True), (405, True), (500, True), (503, False), (408, False)]
)
def test_which_answers_to_options_are_signs_of_life(status: int, lives: bool) -> None:
    scene = two_hosts(ping_s=30.0)
    answering(scene, ONE, status)
    answering(scene, TWO, 200)
    scene.wait(2.0)
    health = next(iter(scene.exchange.core.directory.hosts.all()))[2]
    assert health.up is lives
    assert health.why == ("" if lives else f"{status} to OPTIONS")
    over(scene)


def test_a_ping_is_a_sound_request_and_comes_as_often_as_was_said() -> None:
    scene = two_hosts(ping_s=30.0)
    one = answering(scene, ONE, 200)
    answering(scene, TWO, 200)
    scene.wait(95.0)
    asked = [message for message in one.seen if message.kind == "OPTIONS"]
    assert len(asked) == 4
    assert len({each.get("Call-ID") for each in asked}) == 4
    assert asked[0].start == "OPTIONS sip:192.0.2.200 SIP/2.0"
    assert asked[0].get("Max-Forwards") == "70"
    over(scene)


def test_ping_off_asks_nothing() -> None:
    scene = two_hosts()
    one = host(scene, ONE)
    scene.wait(100.0)
    assert not one.seen
    scene.finish()


# Emergency


def test_an_emergency_call_tries_every_host_of_every_trunk_whatever_they_say() -> None:
    """EMG-6."""
    base = house()
    model = m.versioned(
        msgspec.structs.replace(
            base,
            trunks={name: m.TrunkRule(id=name, profile=base.profile) for name in ("carrier", "other")},
            emergency=m.Emergency(elsewhere=HELP, trunks=("carrier", "other")),
        )
    )
    scene = Scene(model=model, trunks={"carrier": carrier("carrier", ONE, TWO), "other": carrier("other", THREE)})
    alice = scene.phone("alice")
    one, two = answering(scene, ONE, 404), answering(scene, TWO, 486)
    three = host(scene, THREE)
    call = alice.call("911")
    scene.wait(0.3)
    assert (one.count("INVITE"), two.count("INVITE")) == (1, 1)
    talk(scene, three, call)
    assert scene.exchange.record.result == "answered"
    scene.finish()


def test_an_emergency_call_that_nobody_takes_is_answered_503() -> None:
    scene = two_hosts()
    alice = scene.phone("alice")
    answering(scene, ONE, 503)
    answering(scene, TWO, 500)
    call = alice.call("911")
    scene.wait(1.0)
    assert call.refused == 503
    scene.finish()


@pytest.mark.parametrize("said", [(100,), (407, 100), (407,)])
def test_an_emergency_call_does_not_wait_for_a_host_that_only_tries(said: tuple[int, ...]) -> None:
    """EMG-6: its border controller is there, what is behind it is not. Another host takes the call; the last host, with
    nothing behind it, is waited for."""
    account = TrunkAccount(user="we", digest_user="we", secret="s", realms=("c",))
    scene, call, one, two = called(account=account, number="911")
    for status in said:
        asks = ('Proxy-Authenticate: Digest realm="c", nonce="n", qop="auth"',) if status == 407 else ()
        one.reply(one.take("INVITE"), status, tag="" if status == 100 else "no", headers=asks)
        scene.wait(0.1)
    scene.wait(15.0)
    assert one.has("CANCEL") or said == (407,)
    invite = two.take("INVITE")
    two.reply(invite, 100)
    scene.wait(40.0)
    two.reply(invite, 200, describe(TWO[0]), tag="yes")
    scene.wait(0.1)
    assert call.up
    two.take("ACK")
    scene.over(call, two)
    scene.finish()


def test_an_emergency_call_that_rings_is_not_cut_off() -> None:
    scene, call, one, two = called(number="911")
    invite = one.take("INVITE")
    one.reply(invite, 100)
    scene.wait(8.0)
    one.reply(invite, 180, tag="yes")
    scene.wait(60.0)
    assert not two.seen
    one.reply(invite, 200, describe(ONE[0]), tag="yes")
    scene.wait(0.1)
    assert call.up
    one.take("ACK")
    scene.over(call, one)
    scene.finish()
