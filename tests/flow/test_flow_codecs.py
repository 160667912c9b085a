"""A carrier takes certain codecs only, and the caller has none of them: we transcode, where we can (RFC 3264; EMG-6).

The other way round: a telephone answers with what the caller has not offered, but we have.
"""

from __future__ import annotations

import msgspec
import pytest

from dialplan import model as m
from media import sdp
from tests.support.exchange import HELP, carrier, house
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

G729 = describe("192.0.2.21", formats="18 101").encode()
ONE, TWO = ("192.0.2.200", 5060), ("192.0.2.202", 5060)


def test_no_common_codec_with_the_only_carrier() -> None:
    scene = Scene(trunks={"carrier": carrier("carrier", ONE, codecs=("g722",))})
    alice = scene.phone("alice")
    call = alice.call("6692223333", body=G729)
    scene.wait(1)
    assert call.refused == 488
    assert scene.exchange.record.reason == "media_refused"
    scene.finish()


def test_no_port_is_lost_by_it() -> None:
    scene = Scene(trunks={"carrier": carrier("carrier", ONE, codecs=("g722",))}, media_ports=3)
    alice, bob = scene.phone("alice"), scene.phone("bob")
    for _ in range(10):
        alice.call("6692223333", body=G729)
        scene.wait(1)
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    scene.wait()
    scene.finish()


def test_a_call_for_help_offers_all_that_it_has_and_goes_on() -> None:
    base = house()
    model = m.versioned(
        msgspec.structs.replace(
            base,
            trunks={name: m.TrunkRule(id=name, profile=base.profile) for name in ("carrier", "other")},
            emergency=m.Emergency(elsewhere=HELP, trunks=("carrier", "other")),
        )
    )
    trunks = {"carrier": carrier("carrier", ONE, codecs=("g722",)), "other": carrier("other", TWO)}
    scene = Scene(model=model, trunks=trunks)
    alice = scene.raw("alice")
    one, two = (RawPhone(scene.network, "carrier", place) for place in (ONE, TWO))
    dialog = RawDialog.authenticated(alice, "911", scene.wait)
    scene.wait(0.1)
    invite = one.take("INVITE")
    assert "RTP/AVP 0 8 101" in invite.body
    one.reply(invite, 488, tag="no")
    scene.wait(0.1)
    two.reply(two.take("INVITE"), 200, describe(TWO[0]), tag="yes")
    scene.wait(0.1)
    two.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    dialog.request("BYE")
    scene.wait(0.1)
    two.reply(two.take("BYE"), 200)
    scene.finish()


def codecs_of(body: str) -> list[str]:
    """The codecs of a description, as their numbers are named."""
    media = sdp.parse(body.encode()).media[0]
    return [name or str(number) for number, name in media.codecs().items()]


def test_a_carrier_of_another_codec_is_offered_that_and_the_caller_is_answered_with_his_own() -> None:
    """The engine is told what each side takes, also after a crash, and transcodes."""
    scene = Scene(trunks={"carrier": carrier("carrier", ONE, codecs=("g722",))})
    alice = scene.raw("alice")
    at = RawPhone(scene.network, "carrier", ONE)
    dialog = RawDialog.authenticated(alice, "6692223333", scene.wait)
    scene.wait(0.1)
    invite = at.take("INVITE")
    assert codecs_of(invite.body) == ["G722/8000", "TELEPHONE-EVENT/8000"]
    at.reply(invite, 200, describe(ONE[0], formats="9 101"), tag="x")
    scene.wait(0.1)
    at.take("ACK")
    answer = alice.take(200)
    assert codecs_of(answer.body) == ["PCMU/8000", "TELEPHONE-EVENT/8000"]
    dialog.take_answer(answer)
    dialog.ack(cseq=2)
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    scene.wait(0.5)
    two, one = (book.remote for book in scene.exchange.engine.legs.values())
    assert one is not None and two is not None
    assert (one.codec, one.codecs) == ("PCMU/8000", ((0, "PCMU/8000"), (8, "PCMA/8000")))
    assert (two.codec, two.codecs) == ("G722/8000", ((9, "G722/8000"),))
    dialog.request("BYE")
    scene.wait(0.1)
    at.reply(at.take("BYE"), 200)
    scene.finish()


@pytest.mark.parametrize(
    ("chosen", "lines", "told"),
    [
        ("107 101", "a=rtpmap:107 opus/48000/2\r\n", ["PCMU/8000", "TELEPHONE-EVENT/8000"]),
        ("9", "", ["PCMU/8000"]),  # it takes no telephone-events, and then the caller must not send any
        ("9 8 101", "", ["PCMA/8000", "TELEPHONE-EVENT/8000"]),  # one that both have passes
    ],
)
def test_a_telephone_may_answer_with_what_we_offered_besides(chosen: str, lines: str, told: list[str]) -> None:
    scene = Scene()
    alice, bob = scene.raw("alice"), scene.raw("bob")
    dialog = RawDialog.authenticated(alice, "102", scene.wait)
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert codecs_of(invite.body) == [
        "PCMU/8000", "PCMA/8000", "TELEPHONE-EVENT/8000", "G722/8000", "OPUS/48000/2",
    ]  # fmt: skip
    bob.reply(invite, 200, describe(bob.address[0], formats=chosen, more=lines), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    answer = alice.take(200)
    assert codecs_of(answer.body) == told
    dialog.take_answer(answer)
    dialog.ack(cseq=2)
    dialog.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    scene.finish()


def test_an_offer_that_we_cannot_transcode_passes_as_it_is() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.raw("bob")
    alice.call("102", body=G729)
    scene.wait(0.1)
    invite = bob.take("INVITE")
    assert codecs_of(invite.body) == ["G729/8000", "TELEPHONE-EVENT/8000"]
    bob.reply(invite, 486, tag="b")
    scene.wait(0.1)
    scene.finish()


def test_who_is_transcoded_to_holds_alone() -> None:
    """He had chosen what the caller has not; that he holds is no business of the caller's telephone."""
    scene = Scene()
    alice, bob = scene.raw("alice"), scene.raw("bob")
    dialog = RawDialog.authenticated(alice, "102", scene.wait)
    scene.wait(0.1)
    invite = bob.take("INVITE")
    bob.reply(invite, 200, describe(bob.address[0], formats="9 101"), tag="b")
    his = RawDialog.of_invite(bob, invite, "b")
    scene.wait(0.1)
    bob.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    scene.wait(0.1)
    his.request("INVITE", body=describe(bob.address[0], way="sendonly", version=2, formats="9 101"))
    scene.wait(0.1)
    held = bob.take(200)
    assert codecs_of(held.body) == ["G722/8000", "TELEPHONE-EVENT/8000"]
    his.ack()
    scene.wait(0.1)
    assert not alice.has("INVITE")
    dialog.request("BYE")
    scene.wait(0.1)
    bob.reply(bob.take("BYE"), 200)
    scene.finish()
