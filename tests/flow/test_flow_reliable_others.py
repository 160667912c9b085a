"""Reliable 18x when it is another telephone that answers, when their answer is of no use, and when we die meanwhile
(RFC 3262; RFC 3264; RFC 3261 sections 13.2.1 and 12.2.1.1)."""

from __future__ import annotations

import pytest

from tests.flow.test_flow_reliable import RELIABLE, acked, early, end, prack, rung
from tests.support.exchange import carrier
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene


def test_an_offer_in_the_2xx_of_the_other_telephone_is_answered(scene: Scene) -> None:
    """Alice made no offer. Bob's, in a reliable 183, has her answer when Carol picks up with an offer of her own."""
    alice, bob, carol = scene.raw("alice"), scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(alice, "110", scene.wait, body="", headers=RELIABLE)
    scene.wait(0.1)
    invites = {phone: phone.take("INVITE") for phone in (bob, carol)}
    bob.reply(invites[bob], 183, describe(bob.address[0]), tag="bob", headers=("Require: 100rel", "RSeq: 1"))
    scene.wait(0.05)
    prack(one, alice.take(183), describe(alice.address[0]))
    scene.wait(0.05)
    alice.take(200)
    bob.reply(bob.take("PRACK"), 200)
    carol.reply(invites[carol], 200, describe(carol.address[0], formats="8 101"), tag="carol")
    scene.wait(0.05)
    ack = carol.take("ACK")
    assert ack.audio_port > 0, "no answer to the offer of the 2xx"
    bob.reply(bob.take("CANCEL"), 200)
    bob.reply(invites[bob], 487, tag="bob")
    one.take_answer(alice.take(200))
    one.ack(cseq=2)
    scene.wait(0.1)
    for phone in (alice, carol):
        if phone.has("INVITE"):
            again = phone.take("INVITE")
            phone.reply(again, 200, describe(phone.address[0], version=2))
            scene.wait(0.05)
            phone.take("ACK")
    end(scene, one, carol)


@pytest.mark.parametrize("winner", ["c", "d"])
def test_the_caller_learns_which_of_two_forks_answered(scene: Scene, winner: str) -> None:
    """A carrier's proxy rings two telephones of different codecs; the caller knows one from a reliable 183 only."""
    one, two = rung(scene)
    bob, carol = one.phone, two.phone
    early(two, rseq=7, tag="c", body=describe("192.0.2.23", 4000, formats="0"))
    scene.wait(0.05)
    carol.reply(carol.take("PRACK"), 200)
    acked(scene, one, bob.take(183))
    early(two, rseq=7, tag="d", body=describe("192.0.2.23", 4010, formats="8"))
    scene.wait(0.05)
    carol.reply(carol.take("PRACK"), 200)
    carol.reply(two.invited, 200, "", tag=winner)
    scene.wait(0.1)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack(cseq=2)
    scene.wait(0.1)
    if winner == "d":
        again = bob.take("INVITE")
        assert " RTP/AVP 8 0 9 107\r" in again.body  # what was answered before, then what we transcode
        bob.reply(again, 200, describe("192.0.2.22", version=2, formats="8"))
        scene.wait(0.1)
        bob.take("ACK")
    else:
        assert not bob.has("INVITE")
    end(scene, one, carol)


@pytest.mark.parametrize("body", [describe("192.0.2.21", 0), "v=0\r\nnonsense"])
def test_an_answer_of_no_use_in_the_prack_ends_a_call_that_nobody_answered(scene: Scene, body: str) -> None:
    one, two = rung(scene, body="")
    bob, carol = one.phone, two.phone
    early(two)
    scene.wait(0.05)
    prack(one, bob.take(183), body)
    scene.wait(0.1)
    carol.reply(carol.take("CANCEL"), 200)
    carol.reply(two.invited, 487, tag="c")
    scene.wait(0.1)
    bob.take(200)
    one.ack_refusal(bob.take(488))
    record = scene.exchange.record
    assert (record.result, record.reason) == ("failed", "media_refused")


def test_the_bye_after_a_crash_goes_on_from_the_prack(scene: Scene) -> None:
    """The called side answers while it is cancelled; a BYE of a lower number than the PRACK's would be refused."""
    one, two = rung(scene)
    bob, carol = one.phone, two.phone
    early(two, rseq=7)
    scene.wait(0.05)
    acknowledged = carol.take("PRACK")
    carol.reply(acknowledged, 200)
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    scene.wait(0.05)
    carol.take("CANCEL")
    carol.reply(two.invited, 200, "", tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    bye = carol.take("BYE")
    assert int(bye.get("CSeq").split()[0]) > int(acknowledged.get("CSeq").split()[0])
    carol.reply(bye, 200)
    one.ack_refusal(bob.take(503))


def test_the_next_host_answers_after_early_media_of_the_first() -> None:
    """Failover after a reliable 183 with SDP: the caller holds to the first answer, and is told of the other."""
    one, two = ("192.0.2.200", 5060), ("192.0.2.202", 5060)
    scene = Scene(trunks={"carrier": carrier("carrier", one, two)})
    bob = scene.raw("bob")
    hosts = [RawPhone(scene.network, "carrier", place) for place in (one, two)]
    dialog = RawDialog.authenticated(bob, "6692223333", scene.wait, headers=RELIABLE)
    scene.wait(0.1)
    invites = []
    for host, formats in zip(hosts, ("0", "8"), strict=True):
        invites.append(host.take("INVITE"))
        headers = ("Require: 100rel", "RSeq: 1")
        host.reply(invites[-1], 183, describe(host.address[0], formats=formats), tag="h", headers=headers)
        scene.wait(0.1)
        host.reply(host.take("PRACK"), 200)
        if host is hosts[0]:
            acked(scene, dialog, bob.take(183))
            host.reply(invites[-1], 503, tag="h")
            scene.wait(0.1)
            host.take("ACK")
    hosts[1].reply(invites[1], 200, "", tag="h")
    scene.wait(0.1)
    hosts[1].take("ACK")
    dialog.take_answer(bob.take(200))
    dialog.ack(cseq=2)
    scene.wait(0.1)
    again = bob.take("INVITE")
    assert "RTP/AVP 8" in again.body
    bob.reply(again, 200, describe(bob.address[0], version=2, formats="8"))
    scene.wait(0.1)
    bob.take("ACK")
    end(scene, dialog, hosts[1])
    scene.finish()
