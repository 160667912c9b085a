"""Which addresses a call names to whom: IPv4 and IPv6 in one call, peers inside and outside a NAT, and peers that move
(issue 3, Transports; RFC 8866 section 5.7; RFC 3264 section 8)."""

from __future__ import annotations

import re

import pytest

from tests.support.exchange import HERE
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

HERE6 = "2001:db8::5"
ALICE6, BOB6 = "2001:db8::21", "2001:db8::22"
OUTSIDE = "203.0.113.1"


@pytest.fixture
def dual(scene: Scene) -> Scene:
    """An exchange that has ports of both families, and names itself to each peer in the peer's own."""
    scene.exchange.engine.more = (HERE6,)
    scene.exchange.told = lambda flow: (HERE6, HERE[1]) if ":" in flow.remote[0] else HERE
    return scene


def connection(message: Text) -> str:
    """What the c= line of a description says."""
    found = re.findall(r"^c=IN (IP[46] \S+)\s*$", message.body, re.MULTILINE)
    assert len(found) == 1, message.body
    return str(found[0])


def talk(
    scene: Scene, alice: RawPhone, bob: RawPhone, body: str | None = None
) -> tuple[RawDialog, RawDialog, Text, Text]:
    """A call from one to the other; the dialogs of both, the INVITE that the one got and the 200 of the other."""
    calling = RawDialog.authenticated(alice, "102", scene.wait, body)
    scene.wait(0.1)
    invite = scene.taken(bob, "b")
    answer = alice.take(200)
    calling.take_answer(answer)
    calling.ack()
    scene.wait(0.1)
    return calling, RawDialog.of_invite(bob, invite, "b"), invite, answer


def end(scene: Scene, calling: RawDialog, bob: RawPhone) -> None:
    """The caller hangs up."""
    calling.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    calling.phone.take(200)


@pytest.mark.parametrize(("one", "other"), [("192.0.2.21", BOB6), (ALICE6, "192.0.2.22"), (ALICE6, BOB6)])
def test_each_leg_is_of_the_family_that_its_telephone_speaks(dual: Scene, one: str, other: str) -> None:
    alice, bob = dual.raw("alice", one), dual.raw("bob", other)
    calling, _, invite, answer = talk(dual, alice, bob)
    assert connection(invite) == (f"IP6 {HERE6}" if ":" in other else f"IP4 {HERE[0]}")
    assert connection(answer) == (f"IP6 {HERE6}" if ":" in one else f"IP4 {HERE[0]}")
    host = f"[{HERE6}]" if ":" in other else HERE[0]
    assert invite.get("Via").startswith(f"SIP/2.0/UDP {host}:5060;")
    assert invite.contact == f"sip:{host}:5060"
    # the media side was told the same, and that both belong together
    books = [book for book in dual.exchange.engine.legs.values() if book.open]
    assert {book.lease.address for book in books} == {HERE6 if ":" in each else HERE[0] for each in (one, other)}
    assert all(book.peer is not None for book in books)
    end(dual, calling, bob)


def test_an_offer_of_ipv6_over_ipv4_signalling_is_answered_in_ipv6(dual: Scene) -> None:
    """The answer is in the family of the offer, whatever the SIP messages travel by; ANAT and altc are not taken up."""
    alice, bob = dual.raw("alice"), dual.raw("bob")
    altc = "a=altc:1 IP6 2001:db8::21 4000\r\na=altc:2 IP4 192.0.2.21 4000\r\n"
    calling, _, invite, answer = talk(dual, alice, bob, describe(ALICE6, more=altc))
    assert connection(answer) == f"IP6 {HERE6}"
    assert connection(invite) == f"IP4 {HERE[0]}"
    assert "altc" not in invite.body and "altc" not in answer.body
    end(dual, calling, bob)


def test_a_far_end_that_goes_over_to_the_other_family_gets_other_ports(dual: Scene) -> None:
    alice, bob = dual.raw("alice"), dual.raw("bob")
    calling, _, _, before = talk(dual, alice, bob)
    calling.request("INVITE", describe(ALICE6, version=2))
    dual.wait(0.1)
    again = bob.take("INVITE")
    assert connection(again) == f"IP4 {HERE[0]}"
    bob.reply(again, 200, describe(bob.address[0]), tag="b")
    dual.wait(0.1)
    bob.take("ACK")
    after = alice.take(200)
    calling.ack()
    assert (connection(before), connection(after)) == (f"IP4 {HERE[0]}", f"IP6 {HERE6}")
    dual.wait(0.1)
    open_ = {book.lease.address: book for book in dual.exchange.engine.legs.values() if book.open}
    assert set(open_) == {HERE[0], HERE6} and all(book.peer is not None for book in open_.values())
    end(dual, calling, bob)


def test_an_exchange_without_ports_of_a_family_refuses_its_offers(scene: Scene) -> None:
    """RFC 3261 section 21.4.26: 488, as another description could be taken."""
    alice, bob = scene.raw("alice"), scene.raw("bob")
    calling = RawDialog.authenticated(alice, "102", scene.wait, describe(ALICE6))
    scene.wait(0.1)
    scene.taken(bob, "b")
    bob.reply(bob.take("BYE"), 200)
    calling.ack_refusal(alice.take(488))


def test_peers_inside_and_outside_a_nat_are_told_different_addresses(scene: Scene) -> None:
    """advertise and local_networks: as `Transports` and `reachability` decide, so Via, Contact and SDP say."""
    inside = "192.0.2."
    scene.exchange.told = lambda flow: HERE if flow.remote[0].startswith(inside) else (OUTSIDE, 5060)
    scene.exchange.sound_told = lambda flow, bound: bound if flow.remote[0].startswith(inside) else OUTSIDE
    alice, bob = scene.raw("alice"), scene.raw("bob", "198.51.100.22")
    calling, _, invite, answer = talk(scene, alice, bob)
    assert (connection(answer), answer.contact) == (f"IP4 {HERE[0]}", f"sip:{HERE[0]}:5060")
    assert (connection(invite), invite.contact) == (f"IP4 {OUTSIDE}", f"sip:{OUTSIDE}:5060")
    assert invite.get("Via").startswith(f"SIP/2.0/UDP {OUTSIDE}:5060;")
    assert HERE[0] not in invite.body
    end(scene, calling, bob)


def test_contact_and_sdp_follow_a_telephone_that_moves(scene: Scene) -> None:
    """Alice walks out of the building: her re-INVITE comes from outside, and its answer names the address outside."""
    inside = "192.0.2."
    scene.exchange.told = lambda flow: HERE if flow.remote[0].startswith(inside) else (OUTSIDE, 5060)
    scene.exchange.sound_told = lambda flow, bound: bound if flow.remote[0].startswith(inside) else OUTSIDE
    alice, bob = scene.raw("alice"), scene.raw("bob")
    calling, _, _, before = talk(scene, alice, bob)
    assert connection(before) == f"IP4 {HERE[0]}"
    moved = scene.raw("alice", "198.51.100.21", register=False)
    calling.phone = moved
    calling.request("INVITE", describe(moved.address[0], version=2))
    scene.wait(0.1)
    again = bob.take("INVITE")
    assert connection(again) == f"IP4 {HERE[0]}"
    bob.reply(again, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    after = moved.take(200)
    calling.ack()
    assert (connection(after), after.contact) == (f"IP4 {OUTSIDE}", f"sip:{OUTSIDE}:5060")
    # what was said is known after a crash, too (the journal's fold is compared with it in the end)
    end(scene, calling, bob)


def test_after_a_crash_an_ipv6_leg_goes_on_with_its_ports_and_is_described_as_before(dual: Scene) -> None:
    alice, bob = dual.raw("alice", ALICE6), dual.raw("bob")
    calling, _, _, before = talk(dual, alice, bob)
    dual.exchange.crash_and_restart(1.0)
    calling.request("INVITE", describe(ALICE6, version=2, way="sendonly"))
    dual.wait(0.1)
    again = bob.take("INVITE")
    assert connection(again) == f"IP4 {HERE[0]}"
    bob.reply(again, 200, describe(bob.address[0], way="recvonly"), tag="b")
    dual.wait(0.1)
    bob.take("ACK")
    after = alice.take(200)
    calling.ack()
    port = re.compile(r"^m=audio (\d+)", re.MULTILINE)
    assert connection(after) == connection(before) == f"IP6 {HERE6}"
    assert port.findall(after.body) == port.findall(before.body)
    end(dual, calling, bob)
