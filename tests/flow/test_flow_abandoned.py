"""What is still under way when a call ends must end, too, whatever the far end does."""

from __future__ import annotations

from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import PLACES, Scene


def test_a_re_invite_that_never_gets_a_final_answer_ends_with_its_call(scene: Scene) -> None:
    """RFC 3261 9.1: it is cancelled, and 64*T1 later nothing is left of it, as the scene checks at its end."""
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 200, describe(PLACES["bob"]), tag="b")
    dialog = RawDialog.of_invite(bob, invite, "b")
    scene.wait(0.1)
    bob.take("ACK")
    call.offer("sendonly")
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 183, tag="b")
    scene.wait(0.1)
    dialog.request("BYE")
    scene.wait(0.1)
    bob.take(200)
    scene.wait(0.1)
    bob.reply(bob.take("CANCEL"), 200)
