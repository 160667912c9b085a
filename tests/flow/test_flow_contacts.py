"""Far ends whose Contact or Record-Route leads nowhere: nothing hangs, nothing is left, and the call goes on where it
can."""

from __future__ import annotations

import pytest

from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene

NOWHERE = ["<sip:bob@192.0.2.22:99999>", "<sip:bob@bad host>", "garbage"]


@pytest.mark.parametrize("headers", [*(f"Contact: {each}" for each in NOWHERE), "Record-Route: <sip:[zz>"])
def test_an_answer_that_leads_nowhere_is_acknowledged_and_ended(scene: Scene, headers: str) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 180, tag="b")
    text = bob.reply(invite, 200, describe(bob.address[0]), tag="b", headers=(headers,))
    scene.wait(0.1)
    bob.take("ACK")
    bob.reply(bob.take("BYE"), 200)
    scene.wait(0.1)
    assert call.refused == 480
    bob.send(text, invite.flow)
    scene.wait(0.1)
    bob.take("ACK")
    assert bob.count("BYE") == 1
    assert scene.exchange.core.calls.by_tag == {}


@pytest.mark.parametrize("contact", NOWHERE)
def test_a_new_offer_that_leads_nowhere_changes_nothing(scene: Scene, contact: str) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    dialog = RawDialog.of_invite(bob, invite, "b")
    scene.wait(0.1)
    bob.take("ACK")
    good, bob.contact = bob.contact, lambda: contact  # type: ignore[method-assign]
    dialog.request("INVITE", describe(bob.address[0], version=2))
    scene.wait(0.1)
    bob.take(400)
    dialog.request("ACK", branch=dialog.branch)
    bob.contact = good  # type: ignore[method-assign]
    dialog.request("INVITE", describe(bob.address[0], version=3))
    scene.wait(0.1)
    bob.take(200)
    dialog.ack()
    call.hang_up()
    scene.wait(0.1)
    bye = bob.take("BYE")
    assert bye.start == "BYE sip:bob@192.0.2.22:5060 SIP/2.0"
    bob.reply(bye, 200)


@pytest.mark.parametrize("contact", NOWHERE)
def test_a_2xx_to_our_new_offer_that_leads_nowhere_is_taken_all_the_same(scene: Scene, contact: str) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    scene.taken(bob, "b")
    call.offer("sendonly")
    scene.wait(0.1)
    offer = describe(bob.address[0], way="recvonly", version=2)
    bob.reply(bob.take("INVITE"), 200, offer, tag="b", headers=(f"Contact: {contact}",))
    scene.wait(0.1)
    bob.take("ACK")
    assert "a=recvonly" in call.offers[-1]
    call.hang_up()
    scene.wait(0.1)
    bye = bob.take("BYE")
    assert bye.start == "BYE sip:bob@192.0.2.22:5060 SIP/2.0"
    bob.reply(bye, 200)
