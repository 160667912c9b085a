"""CID-2: who asks to be hidden is hidden from carriers, but not in the house, and never from an emergency service."""

from __future__ import annotations

import pytest

from tests.support.raw_phone import RawDialog, Text, describe
from tests.support.scene import PLACES, Scene

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=hidden'


def ask(scene: Scene, number: str, sender: str = "", headers: tuple[str, ...] = ()) -> tuple[Text, RawDialog]:
    """Bob calls; the INVITE that arrives at carol's or the carrier's."""
    far = scene.raw("carol") if number == "103" else scene.carrier()
    bob = scene.raw("bob")
    dialog = RawDialog.call(bob, number, describe(PLACES["bob"]))
    scene.wait(0.1)
    challenged = bob.take(407)
    dialog.ack_refusal(challenged)
    dialog.local = sender or dialog.local
    proof = bob.digest(bob.challenge_in(challenged), "INVITE", dialog.target)
    dialog.request("INVITE", describe(PLACES["bob"]), (f"Proxy-Authorization: {proof}", *headers))
    scene.wait(0.1)
    invite = far.take("INVITE")
    far.reply(invite, 302, tag="f", headers=("Contact: <sip:104@pbx.example.com>",))
    scene.wait(0.1)
    return invite, dialog


@pytest.mark.parametrize(
    ("sender", "headers"),
    [(ANONYMOUS, ()), ("", ("Privacy: id",)), ("", ("Privacy: header; Id;critical",)), (ANONYMOUS, ("Privacy: id",))],
)
def test_a_carrier_does_not_learn_who_hides(scene: Scene, sender: str, headers: tuple[str, ...]) -> None:
    invite, _ = ask(scene, "6692223333", sender, headers)
    assert invite.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
    assert invite.get("Privacy") == "id"
    assert not any(secret in repr(invite.headers).lower() for secret in ("bob", "102"))


@pytest.mark.parametrize("headers", [(), ("Privacy: none",), ("Privacy: session",)])
def test_who_does_not_hide_is_named_to_the_carrier(scene: Scene, headers: tuple[str, ...]) -> None:
    invite, _ = ask(scene, "6692223333", "", headers)
    assert invite.get("From").startswith('"Bob" <sip:102@')
    assert invite.contact == "sip:102@192.0.2.10:5060"
    assert invite.get("User-Agent") == "Ringplan"
    assert invite.get("Privacy") == ""


@pytest.mark.parametrize("number", ["103", "911"])
def test_in_the_house_and_to_an_emergency_service_everybody_is_named(scene: Scene, number: str) -> None:
    invite, _ = ask(scene, number, ANONYMOUS, ("Privacy: id",))
    assert invite.get("From").startswith('"Bob" <sip:102@')
    assert invite.get("Privacy") == ""


def test_a_telephone_that_sends_elsewhere_has_rejected_the_call(scene: Scene) -> None:
    """Forwarding that is set in the telephone is not followed, as it would pass by the plan of who owns it."""
    _, dialog = ask(scene, "103")
    dialog.ack_refusal(dialog.phone.take(480))
    record = scene.exchange.record
    assert (record.result, record.reason) == ("rejected", "rejected")
    called = next(leg for leg in record.legs if leg.leg == 1)
    assert (called.result, called.sip_status) == ("rejected", 302)
