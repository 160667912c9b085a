"""A carrier's next hop: ACK, re-INVITE and BYE go where its Contact or Record-Route says (RFC 3261 12.2.1.1)."""

from __future__ import annotations

import pytest

from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.next_hop import toward
from tests.support.raw_phone import RawPhone, describe
from tests.support.scene import Scene

EDGE = ("192.0.2.201", 5070)
GATEWAY = "<sip:gw@192.0.2.201:5070>"


def leads_to(contact: str, source: str, carrier: bool = True, transport: str = "udp") -> tuple[str, int]:
    dialog = Dialog("c", "l", "r", "<sip:a@b>", "<sip:b@c>", contact)
    return toward(Flow(transport, ("192.0.2.10", 5060), (source, 5060), 7), dialog, carrier).remote


@pytest.mark.parametrize(
    "headers",
    [
        (f"Contact: {GATEWAY}",),
        ("Contact: <sip:gw@10.1.1.1>", "Record-Route: <sip:192.0.2.201:5070;lr>"),
    ],
)
@pytest.mark.parametrize("crash", [False, True])
def test_ack_and_bye_go_to_the_next_hop_of_the_answer(scene: Scene, headers: tuple[str, ...], crash: bool) -> None:
    alice, carrier = scene.phone("alice"), scene.carrier()
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("6692223333")
    scene.wait(0.1)
    carrier.reply(carrier.take("INVITE"), 200, describe(EDGE[0]), tag="x", headers=headers)
    scene.wait(0.1)
    edge.take("ACK")
    if crash:
        scene.exchange.crash_and_restart()
    call.hang_up()
    scene.wait(0.1)
    edge.reply(edge.take("BYE"), 200)
    assert (carrier.count("ACK"), carrier.count("BYE")) == (0, 0)


def test_a_telephones_address_is_still_not_believed(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("102")
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 200, describe(bob.address[0]), tag="x", headers=(f"Contact: {GATEWAY}",))
    scene.wait(0.1)
    bob.take("ACK")
    call.hang_up()
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    assert edge.seen == []


@pytest.mark.parametrize(
    ("contact", "source", "hop"),
    [
        ("sip:gw@198.18.0.9", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@10.0.0.9", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@127.0.0.1", "10.0.0.8", "10.0.0.8"),
        ("sip:gw@169.254.1.1", "10.0.0.8", "10.0.0.8"),
        ("sip:gw@224.0.1.75", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@0.0.0.0", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@carrier.example.com", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@9.9.9.9;transport=tcp", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@[2001:4860::1]", "8.8.8.8", "8.8.8.8"),
        ("sip:gw@9.9.9.9", "8.8.8.8", "9.9.9.9"),
        ("sip:gw@9.9.9.9;transport=UDP", "8.8.8.8", "9.9.9.9"),
        ("sip:gw@9.9.9.9", "10.0.0.8", "9.9.9.9"),
        ("sip:gw@10.0.0.9", "10.0.0.8", "10.0.0.9"),
        ("sip:gw@[2001:4860::1]", "2001:4860::2", "2001:4860::1"),
    ],
)
def test_which_next_hops_of_a_carrier_are_followed(contact: str, source: str, hop: str) -> None:
    assert leads_to(contact, source) == (hop, 5060)
    assert leads_to(contact, source, carrier=False) == (source, 5060)


def test_a_stream_is_left_only_for_another_host() -> None:
    assert leads_to("sip:gw@8.8.8.8:5099", "8.8.8.8", transport="tcp") == ("8.8.8.8", 5060)
    assert leads_to("sip:gw@9.9.9.9:5099;transport=tcp", "8.8.8.8", transport="tcp") == ("9.9.9.9", 5099)
