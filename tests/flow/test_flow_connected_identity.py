"""Each side is told who it talks with when that has changed (RFC 4916, RFC 3325), and nobody is told too much."""

from __future__ import annotations

import pytest

from tests.support.exchange import CARRIER, carrier
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

ALICE, BOB, CAROL = (f'"{name}" <sip:{number}@192.0.2.10>' for name, number in
                     (("Alice", 101), ("Bob", 102), ("Carol", 103)))  # fmt: skip


def sent_on(scene: Scene, of: PhoneCall, to: str = "103") -> None:
    of.refer(to)
    scene.wait()


def test_after_a_blind_transfer_both_displays_are_right(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    carol.answers = True
    sent_on(scene, answered)
    assert call.shown == [CAROL]
    assert carol.last.shown == [], "her INVITE has said it"
    assert carol.last.up
    call.hang_up()
    scene.wait()


def test_after_an_attended_transfer_both_displays_are_right(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    second, target = scene.talking(bob, carol, "103")
    answered.transfer_to(second)
    scene.wait()
    assert call.shown == [CAROL]
    assert target.shown == [ALICE]
    call.hang_up()
    scene.wait()


def test_a_call_that_nobody_transfers_is_told_nothing_more(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    call.hold()
    scene.wait()
    call.resume()
    scene.exchange.crash_and_restart()
    scene.wait()
    assert call.shown == answered.shown == []
    call.hang_up()
    scene.wait()


def test_a_transfer_that_fails_tells_nobody_anything(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    carol.refuses = 486
    sent_on(scene, answered)
    assert call.shown == answered.shown == []
    call.hang_up()
    scene.wait()


def test_who_bears_another_from_gets_it(scene: Scene) -> None:
    """RFC 4916: from-change."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    alice.extensions = ("Supported: from-change",)
    call, answered = scene.talking(alice, bob)
    carol.answers = True
    sent_on(scene, answered)
    (live,) = scene.exchange.calls
    assert live.legs[0].usage.dialog.local == CAROL
    assert call.up, "the dialog is known by its tags"
    scene.exchange.crash_and_restart()
    scene.wait()
    carol.last.hang_up()
    scene.wait()
    assert call.over


def by_hand(scene: Scene, phone: RawPhone, number: str) -> RawDialog:
    """A call of a telephone of text that does not know UPDATE."""
    dialog = RawDialog.authenticated(phone, number, scene.wait)
    scene.wait()
    dialog.take_answer(phone.take(200))
    dialog.ack()
    scene.wait()
    return dialog


def test_without_update_it_is_a_reinvite_that_changes_nothing(scene: Scene) -> None:
    carol, alice, bob = scene.raw("carol"), scene.phone("alice"), scene.phone("bob")
    bob.answers = alice.answers = True
    dialog = by_hand(scene, carol, "102")
    port = scene.exchange.calls[0].legs[0].sound.lease
    assert port is not None
    bob.last.refer("101")
    scene.wait()
    told = carol.take("INVITE")
    assert told.get("P-Asserted-Identity") == ALICE
    assert told.audio_port == port.port
    carol.reply(told, 491)
    scene.wait(5)
    carol.take("ACK")
    told = carol.take("INVITE")
    assert told.get("P-Asserted-Identity") == ALICE, "again, after a glare"
    carol.reply(told, 200, describe(carol.address[0]))
    scene.wait()
    carol.take("ACK")
    dialog.request("BYE")
    scene.wait()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_hidden_caller_from_outside_stays_hidden(scene: Scene, hidden: bool) -> None:
    bob, carol = scene.phone("bob"), scene.phone("carol")
    switch = scene.carrier()
    headers = ("Privacy: id",) if hidden else ()
    dialog = RawDialog.call(switch, "102", describe(switch.address[0]), headers)
    scene.wait()
    bob.last.answer()
    scene.wait()
    dialog.take_answer(switch.take(200))
    dialog.ack()
    second, target = scene.talking(bob, carol, "103")
    bob.calls[0].transfer_to(second)
    scene.wait()
    (shown,) = target.shown
    assert ("anonymous.invalid" in shown) is hidden
    assert ("carrier" in shown) is not hidden
    assert not switch.has("UPDATE"), "a carrier that is not trusted is told nothing"
    assert not switch.has("INVITE")
    target.hang_up()
    scene.wait()
    switch.reply(switch.take("BYE"), 200)


def test_a_trusted_carrier_that_wants_it_is_told_a_number_of_ours() -> None:
    trunks = {"carrier": carrier("carrier", CARRIER, trusted=True, caller_out=("from", "pai"))}
    scene = Scene(trunks=trunks)
    bob, carol = scene.phone("bob"), scene.phone("carol")
    switch = scene.carrier()
    dialog = RawDialog.call(switch, "102", describe(switch.address[0]), ("Allow: INVITE, ACK, BYE, UPDATE",))
    scene.wait()
    bob.last.answer()
    scene.wait()
    dialog.take_answer(switch.take(200))
    dialog.ack()
    carol.answers = True
    sent_on(scene, bob.last)
    assert not switch.has("UPDATE"), "an extension says nothing to a carrier"
    carol.last.hang_up()
    scene.wait()
    switch.reply(switch.take("BYE"), 200)
    scene.finish()
