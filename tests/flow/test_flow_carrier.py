"""A carrier's next hop: ACK, re-INVITE and BYE go where its Contact or Record-Route says (RFC 3261 12.2.1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.next_hop import toward
from tests.support.exchange import carrier as carrier_at
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
    scene.over(call, edge)
    assert (carrier.count("ACK"), carrier.count("BYE")) == (0, 0)


def test_a_telephones_address_is_still_not_believed(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.raw("bob")
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("102")
    scene.wait(0.1)
    scene.taken(bob, "x", headers=(f"Contact: {GATEWAY}",))
    scene.over(call, bob)
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


# A next hop with a name


def named(scene: Scene, headers: tuple[str, ...]) -> tuple[Any, RawPhone, RawPhone]:
    """A call to a carrier whose answer names its next hop."""
    alice, carrier = scene.phone("alice"), scene.carrier()
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("6692223333")
    scene.wait(0.1)
    carrier.reply(carrier.take("INVITE"), 200, describe(EDGE[0]), tag="x", headers=headers)
    return call, carrier, edge


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        ("Contact: <sip:gw@Edge.example.com:5070>",),
        ("Contact: <sip:gw@10.1.1.1>", "Record-Route: <sip:edge.example.com:5070;lr>"),
    ],
)
def test_a_name_is_looked_up_and_what_goes_there_waits_for_the_answer(
    scene: Scene, headers: tuple[str, ...], crash: bool
) -> None:
    """RFC 3261 12.2.1.1, RFC 3263 section 4."""
    scene.exchange.names, scene.exchange.names_s = {"edge.example.com": (EDGE[0], 5060)}, 0.2
    call, carrier, edge = named(scene, headers)
    scene.wait(0.1)
    assert not edge.seen
    scene.wait(0.2)
    edge.take("ACK")
    if crash:
        scene.exchange.crash_and_restart()
    call.hang_up()
    scene.wait(0.3)
    edge.reply(edge.take("BYE"), 200)
    assert (carrier.count("ACK"), carrier.count("BYE")) == (0, 0)
    scene.finish()


@pytest.mark.parametrize(
    ("names", "contact"),
    [
        ({}, "<sip:gw@edge.example.com>"),
        ({"edge.example.com": ("10.0.0.9", 5060)}, "<sip:gw@edge.example.com>"),
        ({"edge.example.com": ("127.0.0.1", 5060)}, "<sip:gw@edge.example.com>"),
        ({"edge.example.com": ("2001:4860::1", 5060)}, "<sip:gw@edge.example.com>"),
        ({"edge.example.com": EDGE}, "<sip:gw@edge.example.com;transport=tcp>"),
    ],
)
def test_a_name_that_leads_nowhere_or_inside_is_not_followed_and_the_call_lives(
    names: dict[str, tuple[str, int]], contact: str
) -> None:
    # A carrier with a public address; 192.0.2.x counts as private.
    place = ("8.8.8.8", 5060)
    scene = Scene(trunks={"carrier": carrier_at("carrier", place)})
    scene.exchange.names = names
    alice, carrier = scene.phone("alice"), RawPhone(scene.network, "carrier", place)
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("6692223333")
    scene.wait(0.1)
    carrier.reply(carrier.take("INVITE"), 200, describe(place[0]), tag="x", headers=(f"Contact: {contact}",))
    scene.wait(0.1)
    carrier.take("ACK")
    assert call.up
    scene.over(call, carrier)
    assert not edge.seen
    scene.finish()


def test_a_name_server_that_is_away_does_not_end_a_call(scene: Scene) -> None:
    """The 2xx is repeated meanwhile, and every copy wants its ACK: one goes out when the wait is over."""
    scene.exchange.names_s = 2.0
    call, carrier, edge = named(scene, ("Contact: <sip:gw@edge.example.com>",))
    scene.wait(1.0)
    assert not carrier.count("ACK")
    scene.wait(1.5)
    carrier.take("ACK")
    assert call.up
    scene.over(call, carrier)
    assert not edge.seen
    scene.finish()


def test_a_caller_of_the_carrier_whose_contact_is_a_name_gets_the_bye_there(scene: Scene) -> None:
    scene.exchange.names = {"edge.example.com": EDGE}
    bob, carrier = scene.phone("bob"), scene.carrier()
    edge = RawPhone(scene.network, "edge", EDGE)
    uri, headers = "sip:102@pbx.example.com", ("Contact: <sip:gw@edge.example.com>",)
    lines = [
        f"Via: {carrier.via()}", "Max-Forwards: 70", "From: <sip:1@carrier.example.com>;tag=f", f"To: <{uri}>",
        "Call-ID: named", "CSeq: 1 INVITE", *headers,
    ]  # fmt: skip
    carrier.request("INVITE", uri, lines, describe(EDGE[0]))
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    answer = carrier.take(200)
    ack = [line for line in lines if not line.startswith(("Via", "To", "CSeq"))]
    carrier.request("ACK", uri, [f"Via: {carrier.via()}", *ack, f"To: {answer.get('To')}", "CSeq: 1 ACK"])
    scene.wait(0.1)
    bob.last.hang_up()
    scene.wait(0.1)
    edge.reply(edge.take("BYE"), 200)
    scene.finish()


def test_a_telephones_name_is_still_not_looked_up(scene: Scene) -> None:
    scene.exchange.names = {"edge.example.com": EDGE}
    alice, bob = scene.phone("alice"), scene.raw("bob")
    edge = RawPhone(scene.network, "edge", EDGE)
    call = alice.call("102")
    scene.wait(0.1)
    headers = ("Contact: <sip:bob@edge.example.com>",)
    scene.taken(bob, "x", headers=headers)
    scene.over(call, bob)
    assert not edge.seen
    scene.finish()
