"""What a crash or a broken connection cuts in two: way and phone, end and BYE, answer and sound, offer and ACK."""

from __future__ import annotations

import pytest

from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene


def rung(scene: Scene, transport: str = "udp") -> tuple[Phone, RawPhone, PhoneCall, RawDialog]:
    """Alice talks with carol, a telephone of text that she has called."""
    alice, carol = scene.phone("alice"), scene.raw("carol", transport=transport)
    call = alice.call("103")
    scene.wait(0.1)
    invite = scene.taken(carol, "c")
    assert call.up
    return alice, carol, call, RawDialog.of_invite(carol, invite, "c")


def hears_bye(scene: Scene, phone: RawPhone) -> None:
    scene.wait(0.1)
    phone.reply(phone.take("BYE"), 200)
    scene.wait(0.1)
    assert phone.count("BYE") == 1


# -- a telephone whose connection is gone -----------------------------------------------------------------------------


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("same_contact", [False, True])
def test_telephone_that_registered_over_a_new_connection_is_found_there(
    scene: Scene, crash: bool, same_contact: bool
) -> None:
    _, carol, call, _ = rung(scene, "tcp")
    scene.lose(carol.flow, crash)
    carol.reconnect()
    contact = "" if same_contact else "<sip:carol@192.0.2.23:49152;transport=tcp>"
    scene.register(carol, contact)
    call.hang_up()
    hears_bye(scene, carol)
    assert carol.seen[-1].flow == carol.flow, "over another connection"


@pytest.mark.parametrize("crash", [False, True])
def test_telephone_that_has_not_come_back_is_called_at_its_contact(scene: Scene, crash: bool) -> None:
    _, carol, call, _ = rung(scene, "tcp")
    scene.lose(carol.flow, crash)
    call.offer("sendonly")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    carol.take("ACK")
    call.hang_up()
    hears_bye(scene, carol)


def test_caller_that_registered_over_a_new_connection_is_found_there(scene: Scene) -> None:
    carol, bob = scene.raw("carol", transport="tcp"), scene.phone("bob")
    scene.talking_by_hand(carol, bob, "102")
    scene.wait(40)
    scene.exchange.crash_and_restart(1.0)
    carol.reconnect()
    scene.register(carol, "<sip:carol@192.0.2.23:49152;transport=tcp>")
    bob.last.hang_up()
    hears_bye(scene, carol)


def test_the_move_is_written_down(scene: Scene) -> None:
    """Found anew for a hold, and lost by a second crash: the BYE still finds the telephone."""
    _, carol, call, _ = rung(scene, "tcp")
    scene.exchange.crash_and_restart(1.0)
    call.offer("sendonly")
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    (leg,) = [leg for index, leg in scene.exchange.calls[0].legs.items() if index]
    assert leg.usage.flow.remote == carol.address
    scene.exchange.crash_and_restart(1.0)
    call.hang_up()
    hears_bye(scene, carol)


def test_connection_that_breaks_under_the_bye(scene: Scene) -> None:
    """Nobody knew that it was broken: BYE is said once more by another way."""
    _, carol, call, _ = rung(scene, "tcp")
    del scene.network._streams[carol.flow.connection]
    call.hang_up()
    hears_bye(scene, carol)


def test_bye_that_cannot_be_sent_at_all_is_given_up(scene: Scene) -> None:
    _, carol, call, _ = rung(scene, "tcp")
    del scene.network._streams[carol.flow.connection]
    scene.network.detach(carol.address)
    call.hang_up()
    scene.wait(40)
    assert scene.exchange.core.calls.by_tag == {}


@pytest.mark.parametrize("crash", [False, True])
def test_bye_waits_for_a_telephone_behind_nat_to_come_back(scene: Scene, crash: bool) -> None:
    """It can be called over its own connections only, and has none when the other side hangs up."""
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tcp", register=False)
    inside = "<sip:carol@10.0.0.5:5060;transport=tcp>"
    scene.register(carol, inside)
    call = alice.call("103")
    scene.wait(0.1)
    scene.taken(carol, "c", headers=(f"Contact: {inside}",))
    scene.lose(carol.flow, crash)
    call.hang_up()
    scene.wait(9)
    assert carol.count("BYE") == 0
    carol.reconnect()
    scene.register(carol, inside)
    scene.wait(2)
    hears_bye(scene, carol)


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("what", ["INVITE", "OPTIONS"])
def test_whatever_a_telephone_behind_nat_asks_over_its_next_connection_brings_its_signalling_back(
    scene: Scene, what: str, crash: bool
) -> None:
    """It has not registered anew: a hold, or any request in the call, is enough for the other side's BYE to find it."""
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tcp", register=False)
    inside = "<sip:carol@10.0.0.5:5060;transport=tcp>"
    scene.register(carol, inside)
    call = alice.call("103")
    scene.wait(0.1)
    dialog = RawDialog.of_invite(carol, scene.taken(carol, "c", headers=(f"Contact: {inside}",)), "c")
    scene.lose(carol.flow, crash)
    scene.wait(1)
    carol.reconnect()
    dialog.request(what, describe(carol.address[0], way="sendonly", version=2) if what == "INVITE" else "")
    scene.wait(0.2)
    carol.take(200)
    if what == "INVITE":
        dialog.ack()
    scene.wait(0.1)
    if crash:
        scene.exchange.crash_and_restart(0.5)
        carol.reconnect()
        dialog.request("OPTIONS")
        scene.wait(0.1)
        carol.take(200)
    call.hang_up()
    hears_bye(scene, carol)
    assert carol.seen[-1].flow == carol.flow, "over another connection"


def test_telephone_whose_registered_connection_is_gone_rings_at_its_contact(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tcp")
    scene.network.cut(carol.flow)
    call = alice.call("103")
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 486, tag="c")
    scene.wait(0.1)
    assert call.refused == 486


# -- BYE on its way ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_bye_that_never_left_is_said_after_the_crash(scene: Scene, transport: str) -> None:
    _, carol, call, _ = rung(scene, transport)
    scene.exchange.mute = True
    call.hang_up()
    scene.wait(0.1)
    assert scene.exchange.record.reason == "caller_hung_up"
    assert not carol.has("BYE")
    scene.exchange.crash_and_restart(1.0)
    hears_bye(scene, carol)
    assert len(scene.exchange.records) == 1


def test_bye_to_the_caller_that_never_left(scene: Scene) -> None:
    _, carol, call, dialog = rung(scene)
    scene.exchange.mute = True
    dialog.request("BYE")
    scene.wait(0.1)
    assert call.up
    scene.exchange.crash_and_restart(1.0)
    scene.wait(1)
    assert call.over
    assert not carol.has("BYE"), "it said so itself"


def test_both_are_told_what_the_operator_did(scene: Scene) -> None:
    _, carol, call, _ = rung(scene)
    scene.exchange.mute = True
    scene.exchange.hang_up(scene.exchange.calls[0])
    scene.exchange.crash_and_restart(1.0)
    scene.wait(0.1)
    bye = carol.take("BYE")
    assert "operator" in bye.get("Reason")
    carol.reply(bye, 200)
    assert call.over


def test_a_call_that_ended_long_before_the_crash_is_let_be(scene: Scene) -> None:
    _, carol, call, _ = rung(scene)
    call.hang_up()
    hears_bye(scene, carol)
    scene.exchange.crash_and_restart(33.0)
    scene.wait(5)
    assert carol.count("BYE") == 1


# -- sound that was never commanded -----------------------------------------------------------------------------------


def test_sound_that_the_worker_never_heard_of_is_joined_after_the_crash(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.engine.deaf = True
    bob.last.answer()
    scene.wait()
    assert call.up
    assert scene.exchange.engine.joined() == set()
    scene.exchange.crash_and_restart(1.0)
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()


def test_hold_that_the_worker_never_heard_of(scene: Scene) -> None:
    _, _, call, _ = rung(scene)
    before = scene.exchange.engine.joined()
    scene.exchange.engine.deaf = True
    call.offer("sendonly")
    scene.wait(0.1)
    scene.exchange.crash_and_restart(1.0)
    assert scene.exchange.engine.joined() == before
    call.hang_up()


@pytest.mark.parametrize("number", ["600", "601"])
def test_service_that_the_worker_never_heard_of(scene: Scene, number: str) -> None:
    alice = scene.phone("alice")
    scene.exchange.engine.deaf = True
    call = alice.call(number)
    scene.wait()
    assert call.up
    scene.exchange.crash_and_restart(1.0)
    (book,) = scene.exchange.engine.legs.values()
    assert book.source == {"600": "echo", "601": "tone:440"}[number]
    assert book.remote is not None
    call.hang_up()


# -- an offer in our 200, and its answer in the ACK -------------------------------------------------------------------


def late_offer(scene: Scene) -> tuple[RawPhone, RawDialog, RawPhone, Text]:
    """Carol calls bob without an offer; both have said yes, her answer is still to come."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(carol, "102", scene.wait, body="")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert invite.body == ""
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    ok = carol.take(200)
    assert ok.audio_port > 0
    dialog.take_answer(ok)
    return carol, dialog, bob, invite


def test_answer_in_the_ack_reaches_the_other_side_after_the_crash(scene: Scene) -> None:
    carol, dialog, bob, invite = late_offer(scene)
    scene.exchange.crash_and_restart(0.5)
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    assert not bob.has("ACK"), "there is no answer to put into it yet"
    assert carol.take(200).audio_port > 0
    dialog.ack(describe(carol.address[0]))
    scene.wait(0.1)
    assert bob.take("ACK").audio_port > 0
    assert scene.exchange.engine.joined() == {frozenset(((bob.address[0], 4000), (carol.address[0], 4000)))}
    scene.exchange.crash_and_restart(0.5)
    assert len(scene.exchange.engine.joined()) == 1
    scene.wait(60)
    assert len(scene.exchange.calls) == 1
    dialog.request("BYE")
    hears_bye(scene, bob)


def test_answer_that_never_comes_ends_the_call(scene: Scene) -> None:
    carol, _, bob, _ = late_offer(scene)
    scene.exchange.crash_and_restart(0.5)
    scene.wait(33)
    assert scene.exchange.record.reason == "dialog_lost"
    assert bob.take("ACK")
    for phone in (bob, carol):
        phone.reply(phone.take("BYE"), 200)


def test_answer_that_cannot_come_any_more_ends_the_call(scene: Scene) -> None:
    carol, _, bob, _ = late_offer(scene)
    scene.exchange.crash_and_restart(33.0)
    scene.wait(0.1)
    assert scene.exchange.record.reason == "dialog_lost"
    for phone in (bob, carol):
        phone.reply(phone.take("BYE"), 200)


def test_service_waits_for_the_answer_after_the_crash(scene: Scene) -> None:
    carol = scene.raw("carol")
    dialog = RawDialog.authenticated(carol, "600", scene.wait, body="")
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    scene.exchange.crash_and_restart(0.5)
    dialog.ack(describe(carol.address[0]))
    scene.wait(0.1)
    (book,) = scene.exchange.engine.legs.values()
    assert book.remote is not None
    assert book.source == "echo"
    dialog.request("BYE")


def test_refused_offer_is_not_in_a_repeated_200(scene: Scene) -> None:
    """The caller has refused a new offer, so it knows that the call stands: nothing is repeated after the crash."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = scene.talking_by_hand(carol, bob, "102")
    bob.last.offer("sendonly")
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 488)
    scene.wait(0.1)
    scene.exchange.crash_and_restart(0.5)
    scene.wait(1)
    assert not carol.has(200)
    dialog.request("BYE")


# -- the orderly end --------------------------------------------------------------------------------------------------


def test_no_call_begins_while_the_exchange_stops(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    scene.exchange.core.close(scene.clock.now())
    dialog = RawDialog.call(carol, "102", describe(carol.address[0]))
    scene.wait(0.1)
    refused = carol.take(503)
    assert int(refused.get("Retry-After")) > 0
    dialog.ack_refusal(refused)
    assert not bob.has("INVITE")
