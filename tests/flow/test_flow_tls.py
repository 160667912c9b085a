"""Telephones and carriers over TLS: which addresses are told, which connection is used, and what sips: asks for."""

from __future__ import annotations

import pytest

from tests.support.exchange import CARRIER, carrier
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

SIPS = "<sips:carol@192.0.2.23:5060>"


def connected(scene: Scene, carol: RawPhone, number: str) -> tuple[RawDialog, RawPhone]:
    """Carol has called, and Bob, who is of text too, has answered."""
    bob = scene.raw("bob", transport="tls")
    dialog = RawDialog.authenticated(carol, number, scene.wait)
    scene.wait(0.1)
    scene.taken(bob, "b")
    return dialog, bob


def test_addresses_that_are_told_over_tls(scene: Scene) -> None:
    """RFC 3261 sections 18.1.1 and 19.1.1: Via says TLS, Contact says how to come back."""
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tls")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.flow == carol.flow
    assert invite.get("Via").startswith("SIP/2.0/TLS 192.0.2.10:5060;branch=")
    assert invite.contact == "sip:192.0.2.10:5060;transport=tls"
    assert invite.uri == "sip:carol@192.0.2.23:5060;transport=tls"
    carol.reply(invite, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    scene.over(call, carol)
    carol_calls = RawDialog.authenticated(carol, "101", scene.wait)
    scene.wait(0.1)
    alice.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    assert ok.contact == "sip:192.0.2.10:5060;transport=tls"
    carol_calls.take_answer(ok)
    carol_calls.ack()
    alice.last.hang_up()
    scene.wait(0.1)
    carol.reply(carol.take("BYE"), 200)


def test_a_sips_contact_is_told_a_sips_contact(scene: Scene) -> None:
    """Section 8.1.1.8 as the caller, 12.1.1 as the called; also after a crash."""
    carol = scene.raw("carol", transport="tls", register=False)
    carol.contact = lambda: SIPS  # type: ignore[method-assign]
    scene.register(carol)
    alice = scene.phone("alice")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.uri == "sips:carol@192.0.2.23:5060"
    assert invite.contact == "sips:192.0.2.10:5060"
    carol.reply(invite, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    scene.exchange.crash_and_restart(1.0)
    carol.reconnect()
    scene.register(carol)
    call.offer("sendonly")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.contact == "sips:192.0.2.10:5060"
    assert invite.flow == carol.flow
    carol.reply(invite, 200, describe(carol.address[0], way="recvonly", version=2), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    scene.over(call, carol)


def test_a_sips_call_between_two_tls_telephones(scene: Scene) -> None:
    carol = scene.raw("carol", transport="tls")
    dialog, bob = connected(scene, carol, "sips:102@pbx.example.com")
    ok = carol.take(200)
    assert ok.contact == "sips:192.0.2.10:5060"
    dialog.take_answer(ok)
    dialog.ack()
    dialog.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    scene.wait(0.1)
    carol.take(200)


def test_a_sips_call_does_not_reach_a_telephone_over_udp(scene: Scene) -> None:
    """RFC 5630 section 5.3: 480 with warning 380; nothing goes out unprotected."""
    carol, bob = scene.raw("carol", transport="tls"), scene.phone("bob")
    RawDialog.authenticated(carol, "sips:102@pbx.example.com", scene.wait)
    scene.wait(0.5)
    refused = carol.take(480)
    assert refused.get("Warning") == '380 ringplan "SIPS Not Allowed"'
    assert bob.calls == []
    assert scene.exchange.record.reason == "outage"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_sips_requests_without_tls_are_refused(scene: Scene, transport: str) -> None:
    """RFC 3261 section 26.2.2: sips: means TLS on every hop, and this one was not."""
    carol = scene.raw("carol", transport=transport)
    for method in ("INVITE", "OPTIONS", "REGISTER"):
        carol.request(
            method,
            "sips:102@pbx.example.com",
            [
                f"Via: {carol.via()}", "Max-Forwards: 70", "From: <sips:carol@pbx.example.com>;tag=1",
                "To: <sips:102@pbx.example.com>", f"Call-ID: {method}", f"CSeq: 1 {method}", f"Contact: {SIPS}",
            ],
        )  # fmt: skip
        scene.wait(0.1)
        assert carol.take(480).get("Warning") == '380 ringplan "SIPS Not Allowed"'
    assert scene.exchange.records == []


def test_a_call_for_help_is_taken_as_it_comes(scene: Scene) -> None:
    """Emergency first: no refusal for a scheme; the call goes on to the credentials that any call shows."""
    carol = scene.raw("carol")
    carol.request(
        "INVITE",
        "sips:911@pbx.example.com",
        [
            f"Via: {carol.via()}", "Max-Forwards: 70", "From: <sips:carol@pbx.example.com>;tag=1",
            "To: <sips:911@pbx.example.com>", "Call-ID: help", "CSeq: 1 INVITE", f"Contact: {SIPS}",
        ],
    )  # fmt: skip
    scene.wait(0.1)
    carol.take(407)


def test_a_sips_contact_is_not_registered_without_tls(scene: Scene) -> None:
    carol = scene.raw("carol", register=False)
    with pytest.raises(AssertionError):
        scene.register(carol, SIPS)
    carol.take(400)
    assert len(scene.exchange.core.registrar) == 0


def test_a_tls_telephone_is_never_connected_to(scene: Scene) -> None:
    """Nothing would prove who answers there: it is away until it has come back."""
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tls")
    scene.network.cut(carol.flow)
    call = alice.call("103")
    scene.wait(0.1)
    assert call.refused == 480
    assert carol.inbox == []
    carol.reconnect()
    scene.register(carol)
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert invite.flow == carol.flow
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    assert call.refused == 486


@pytest.mark.parametrize("crash", [False, True])
def test_a_tls_telephone_comes_back_in_the_middle_of_a_call(scene: Scene, crash: bool) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol", transport="tls")
    call = alice.call("103")
    scene.wait(0.1)
    scene.taken(carol, "c")
    scene.lose(carol.flow, crash)
    carol.reconnect()
    scene.register(carol)
    call.hang_up()
    scene.wait(0.1)
    bye = carol.take("BYE")
    assert bye.flow == carol.flow
    carol.reply(bye, 200)


@pytest.mark.parametrize("crash", [False, True])
def test_a_carrier_over_tls(crash: bool) -> None:
    """Its connection is made for its name, and made again when it is gone, also after a crash."""
    scene = Scene(trunks={"carrier": carrier("carrier", CARRIER, transport="tls")})
    alice, far = scene.phone("alice"), scene.carrier()
    call = alice.call("+12125550123")
    scene.wait(0.1)
    invite = far.take("INVITE")
    assert invite.flow.transport == "tls"
    assert invite.contact.endswith(";transport=tls")
    far.reply(invite, 200, describe(far.address[0]), tag="c", headers=("Contact: <sip:gw.example.net>",))
    scene.wait(0.1)
    far.take("ACK")
    scene.lose(invite.flow, crash)
    call.hang_up()
    scene.wait(0.1)
    bye = far.take("BYE")
    assert bye.flow.transport == "tls"
    far.reply(bye, 200)
    scene.finish()
