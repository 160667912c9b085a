"""Caller ID withheld on the wire (CID-2): by line or by call, from carriers; never in the house, never from help."""

from __future__ import annotations

import msgspec
import pytest

from dialplan import model as m
from dialplan.lines import Outside, Permission
from switch.sip.privacy import ANONYMOUS
from tests.support.exchange import carrier, changed, house
from tests.support.raw_phone import Text, describe
from tests.support.scene import Scene


def hiding() -> m.Model:
    """Alice hides; she, and anybody by call, may show or hide with a code."""
    outside = Outside(permission=Permission.INTERNATIONAL, hide_caller_id=True)
    model = changed(house(), alice={"outside": outside, "caller_id": "+16695550101"}, bob={"caller_id": "+16695550102"})
    features = {"*67": "hide_caller_id", "*82": "show_caller_id"}
    return m.versioned(msgspec.structs.replace(model, features=features))


def seen_outside(who: str, number: str, *, trusted: bool = False) -> Text:
    """The INVITE that the carrier gets."""
    trunks = {"carrier": carrier("carrier", ("192.0.2.200", 5060), trusted=trusted, caller_out=("from", "pai"))}
    scene = Scene(model=hiding(), trunks=trunks)
    phone, itsp = scene.phone(who), scene.carrier()
    call = phone.call(number)
    scene.wait(0.1)
    invite = scene.taken(itsp, "c")
    scene.over(call, itsp)
    scene.finish()
    return invite


@pytest.mark.parametrize(("who", "number"), [("alice", "6692223333"), ("bob", "*676692223333")])
def test_a_carrier_is_not_told_who_hides(who: str, number: str) -> None:
    invite = seen_outside(who, number)
    assert invite.get("From").startswith(ANONYMOUS)
    assert invite.get("Privacy") == "id"
    assert not invite.get("P-Asserted-Identity")
    own = "+1669555010" + ("1" if who == "alice" else "2")
    assert own not in str(invite.all("Contact")) + invite.get("From")


def test_a_trusted_carrier_is_told_in_the_asserted_identity_alone() -> None:
    invite = seen_outside("alice", "6692223333", trusted=True)
    assert invite.get("From").startswith(ANONYMOUS)
    assert invite.get("Privacy") == "id"
    assert "+16695550101" in invite.get("P-Asserted-Identity")


@pytest.mark.parametrize(("who", "number"), [("alice", "*826692223333"), ("bob", "6692223333"), ("alice", "911")])
def test_who_shows_himself_or_needs_help_is_seen(who: str, number: str) -> None:
    invite = seen_outside(who, number)
    assert "anonymous" not in invite.get("From").lower()
    assert not invite.get("Privacy")


def test_colleagues_see_who_calls() -> None:
    scene = Scene(model=hiding())
    alice, bob = scene.phone("alice"), scene.raw("bob")
    call = alice.call("102")
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert invite.get("From").startswith('"Alice" <sip:101@')
    bob.reply(invite, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    scene.over(call, bob)
    scene.finish()
