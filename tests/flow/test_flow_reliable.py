"""Reliable provisional responses (RFC 3262) on both legs of a call, in raw text: PRACK, repeats, forks, late offers,
and everything that may cross them."""

from __future__ import annotations

import pytest

from switch.sip.endpoint import Timings
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

RELIABLE = ("Supported: 100rel",)


def rung(scene: Scene, headers: tuple[str, ...] = RELIABLE, body: str | None = None) -> tuple[RawDialog, RawDialog]:
    """Bob calls Carol, who has the INVITE and has said nothing yet."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait, body=body, headers=headers)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    two = RawDialog.of_invite(carol, invite, "c")
    two.invited = invite  # type: ignore[attr-defined]
    return one, two


def early(two: RawDialog, status: int = 183, rseq: int = 7, body: str | None = None, tag: str = "c") -> str:
    """Carol sends a reliable 18x."""
    phone = two.phone
    body = describe(phone.address[0]) if body is None else body
    invite: Text = two.invited  # type: ignore[attr-defined]
    return phone.reply(invite, status, body, tag=tag, headers=("Require: 100rel", f"RSeq: {rseq}"))


def prack(one: RawDialog, provisional: Text, body: str = "") -> Text:
    """Bob acknowledges the 18x; the answer."""
    one.take_answer(provisional)
    cseq = provisional.get("CSeq").split()[0]
    one.request("PRACK", body, (f"RAck: {provisional.get('RSeq')} {cseq} INVITE",))
    return provisional


def answer(scene: Scene, two: RawDialog, body: str | None = None) -> None:
    """Carol picks up."""
    body = describe(two.phone.address[0]) if body is None else body
    two.phone.reply(two.invited, 200, body, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.1)


def end(scene: Scene, one: RawDialog, other: RawPhone) -> None:
    one.request("BYE")
    scene.wait(0.1)
    one.phone.take(200)
    other.reply(other.take("BYE"), 200)


def acked(scene: Scene, one: RawDialog, provisional: Text) -> None:
    prack(one, provisional)
    scene.wait(0.05)
    one.phone.take(200)


# -- the called side --------------------------------------------------------------------------------------------------


def test_a_reliable_18x_of_the_called_side_is_acknowledged_once(scene: Scene) -> None:
    """RFC 3262 section 4: a copy and one that overtook another are neither acknowledged nor passed on."""
    one, two = rung(scene, headers=())
    bob, carol = one.phone, two.phone
    assert "100rel" in two.invited.get("Supported")  # type: ignore[attr-defined]
    text = early(two, rseq=7)
    carol.send(text)
    early(two, status=180, rseq=9, body="")
    scene.wait(0.1)
    first = carol.take("PRACK")
    assert first.get("RAck") == "7 1 INVITE"
    assert first.tag("To") == "c"
    assert not carol.has("PRACK")
    carol.reply(first, 200)
    early(two, status=180, rseq=8, body="")
    scene.wait(0.1)
    second = carol.take("PRACK")
    assert second.get("RAck") == "8 1 INVITE"
    assert int(second.get("CSeq").split()[0]) == int(first.get("CSeq").split()[0]) + 1
    carol.reply(second, 200)
    assert bob.take(183).audio_port > 0
    answer(scene, two)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    end(scene, one, carol)


def test_a_lost_prack_is_sent_again(scene: Scene) -> None:
    one, two = rung(scene, headers=())
    early(two)
    scene.wait(0.1)
    first = two.phone.take("PRACK")
    scene.wait(0.5)
    assert two.phone.take("PRACK").get("CSeq") == first.get("CSeq")
    two.phone.reply(first, 200)
    one.cancel()
    scene.wait(0.1)
    two.phone.reply(two.phone.take("CANCEL"), 200)
    two.phone.reply(two.invited, 487, tag="c")  # type: ignore[attr-defined]


def test_every_fork_has_numbers_of_its_own(scene: Scene) -> None:
    """RFC 3262 section 4: the RSeq space is one per early dialog, and so is the CSeq space."""
    one, two = rung(scene, headers=())
    bob, carol = one.phone, two.phone
    for tag, rseq in (("c", 7), ("d", 3), ("c", 8), ("d", 4)):
        early(two, rseq=rseq, tag=tag)
        scene.wait(0.05)
        request = carol.take("PRACK")
        assert (request.tag("To"), request.get("RAck").split()[0]) == (tag, str(rseq))
        carol.reply(request, 200)
    assert {text.get("CSeq") for text in carol.seen if text.kind == "PRACK"} == {"2 PRACK", "3 PRACK"}
    carol.reply(two.invited, 200, "", tag="d")  # type: ignore[attr-defined]
    scene.wait(0.1)
    ack = carol.take("ACK")
    assert (ack.tag("To"), ack.get("CSeq")) == ("d", "1 ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    one.request("BYE")
    scene.wait(0.1)
    bye = carol.take("BYE")
    assert (bye.tag("To"), bye.get("CSeq")) == ("d", "4 BYE")
    carol.reply(bye, 200)
    bob.take(200)


def test_the_answer_in_a_reliable_18x_holds(scene: Scene) -> None:
    """RFC 3261 section 13.2.1: what the 2xx says besides is passed by."""
    one, two = rung(scene, headers=())
    bob, carol = one.phone, two.phone
    early(two, body=describe("192.0.2.23", 4000))
    scene.wait(0.1)
    carol.reply(carol.take("PRACK"), 200)
    answer(scene, two, describe("192.0.2.23", 4444, version=2))
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    (call,) = scene.exchange.calls
    far = call.legs[1].sound.far
    assert far is not None
    assert far.port == 4000
    end(scene, one, carol)


# -- the caller's side ------------------------------------------------------------------------------------------------


def test_early_media_goes_reliably_to_a_caller_who_supports_it(scene: Scene) -> None:
    """Repeated from T1 on, doubling, until the PRACK; then nothing more."""
    one, two = rung(scene)
    bob, carol = one.phone, two.phone
    carol.reply(two.invited, 180, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.1)
    assert bob.take(180).get("RSeq") == ""
    carol.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(3.6)
    assert bob.count(183) == 4  # at 0, 0.5, 1.5 and 3.5 s
    provisional = bob.take(183)
    assert provisional.get("Require") == "100rel"
    assert provisional.contact
    acked(scene, one, provisional)
    scene.wait(12)
    assert bob.count(183) == 4
    answer(scene, two)
    final = bob.take(200)
    assert final.body == ""
    one.take_answer(final)
    one.ack()
    scene.wait(0.1)
    assert len(scene.exchange.engine.joined()) > 0
    end(scene, one, carol)


def test_every_18x_goes_reliably_to_a_caller_who_requires_it(scene: Scene) -> None:
    """One at a time (RFC 3262 section 3): the second waits for the first one's PRACK."""
    one, two = rung(scene, headers=("Require: 100rel",))
    bob, carol = one.phone, two.phone
    carol.reply(two.invited, 180, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    carol.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    first = bob.take(180)
    assert not bob.has(183)
    acked(scene, one, first)
    second = bob.take(183)
    assert int(second.get("RSeq")) == int(first.get("RSeq")) + 1
    acked(scene, one, second)
    answer(scene, two)
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    end(scene, one, carol)


@pytest.mark.parametrize("scene", [{"timings": Timings(t1=0.25)}], indirect=True)
def test_a_reliable_18x_that_nobody_acknowledges_ends_the_call(scene: Scene) -> None:
    """RFC 3262 section 3: after 64*T1 the INVITE is refused with a 5xx, and whoever rings is told."""
    one, two = rung(scene)
    carol = two.phone
    carol.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(16.2)
    one.ack_refusal(one.phone.take(504))
    carol.reply(carol.take("CANCEL"), 200)
    carol.reply(two.invited, 487, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.1)
    assert scene.exchange.record.reason == "protocol_error"


def test_a_prack_for_nothing_is_481(scene: Scene) -> None:
    one, two = rung(scene)
    bob, carol = one.phone, two.phone
    carol.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    provisional = bob.take(183)
    one.take_answer(provisional)
    for rack in ("1 2 INVITE", "", f"{provisional.get('RSeq')} 2 BYE", "x y z", f"{provisional.get('RSeq')} 99 INVITE"):
        one.request("PRACK", headers=(f"RAck: {rack}",) if rack else ())
        scene.wait(0.05)
        bob.take(481)
    acked(scene, one, provisional)
    prack(one, provisional)
    scene.wait(0.05)
    bob.take(481)
    carol.reply(two.invited, 486, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.1)
    bob.take(486)


# -- the answer waits for the PRACK -----------------------------------------------------------------------------------


def held(scene: Scene) -> tuple[RawDialog, RawDialog, Text]:
    """Carol has answered, and Bob has a reliable 183 with SDP that he has not acknowledged."""
    one, two = rung(scene)
    two.phone.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    answer(scene, two)
    provisional = one.phone.take(183)
    one.take_answer(provisional)
    assert not one.phone.has(200)
    assert not two.phone.has("ACK")
    return one, two, provisional


def test_the_2xx_waits_for_the_prack(scene: Scene) -> None:
    """RFC 3262 section 3: a 2xx MUST NOT overtake a reliable 1xx with SDP."""
    one, two, provisional = held(scene)
    scene.wait(0.6)
    prack(one, provisional)
    scene.wait(0.05)
    first, second = one.phone.take(200), one.phone.take(200)
    assert (first.get("CSeq").split()[1], second.get("CSeq").split()[1]) == ("PRACK", "INVITE")
    two.phone.take("ACK")
    one.ack(cseq=2)
    scene.wait(0.1)
    end(scene, one, two.phone)
    assert scene.exchange.record.result == "answered"


def test_cancel_while_the_answer_waits(scene: Scene) -> None:
    """PRACK crossing CANCEL crossing 200: the called side is acknowledged and ended."""
    one, two, provisional = held(scene)
    remote = one.remote
    one.remote = remote.partition(";tag=")[0]
    one.cancel()
    one.remote = remote
    prack(one, provisional)
    scene.wait(0.1)
    bob, carol = one.phone, two.phone
    bob.take(481)
    bob.take(200)
    one.cseq = 2
    one.ack_refusal(bob.take(487))
    carol.take("ACK")
    carol.reply(carol.take("BYE"), 200)
    scene.wait(0.1)
    assert scene.exchange.record.reason == "caller_cancelled"


def test_bye_of_the_called_side_while_its_answer_waits(scene: Scene) -> None:
    one, two, _ = held(scene)
    two.request("BYE")
    scene.wait(0.1)
    two.phone.take(200)
    one.ack_refusal(one.phone.take(480))
    assert scene.exchange.record.reason == "callee_hung_up"


def test_no_prack_while_the_answer_waits(scene: Scene) -> None:
    one, two, _ = held(scene)
    scene.wait(33)
    one.ack_refusal(one.phone.take(504))
    two.phone.take("ACK")
    two.phone.reply(two.phone.take("BYE"), 200)
    assert scene.exchange.record.reason == "protocol_error"


def test_crash_while_the_answer_waits(scene: Scene) -> None:
    one, two, _ = held(scene)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    one.ack_refusal(one.phone.take(503))
    scene.wait(40)
    two.phone.inbox.clear()
    assert scene.exchange.record.reason == "crash_before_answer"


def test_crash_after_prack_and_answer_repeats_the_200(scene: Scene) -> None:
    """The numbers of a dialog in which a PRACK came do not look like those of one that was used since."""
    one, two = rung(scene)
    two.phone.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    acked(scene, one, one.phone.take(183))
    scene.exchange.mute = True
    answer(scene, two)
    assert not one.phone.has(200)
    scene.exchange.crash_and_restart()
    scene.wait(1.0)
    one.take_answer(one.phone.take(200))
    one.ack(cseq=2)
    scene.wait(0.6)
    two.phone.inbox.clear()
    end(scene, one, two.phone)


# -- late offers ------------------------------------------------------------------------------------------------------


def test_an_offer_in_a_reliable_18x_is_answered_in_the_prack(scene: Scene) -> None:
    """RFC 6337 section 2.2: INVITE without SDP, offer in the 1xx, answer in the PRACK, end to end."""
    one, two = rung(scene, body="")
    bob, carol = one.phone, two.phone
    assert two.invited.body == ""  # type: ignore[attr-defined]
    assert "100rel" in two.invited.get("Supported")  # type: ignore[attr-defined]
    early(two)
    scene.wait(0.1)
    assert not carol.has("PRACK")
    provisional = bob.take(183)
    assert provisional.audio_port > 0
    prack(one, provisional, describe("192.0.2.22", 4100))
    scene.wait(0.1)
    bob.take(200)
    request = carol.take("PRACK")
    assert request.audio_port > 0
    carol.reply(request, 200)
    assert scene.exchange.engine.joined()
    answer(scene, two, "")
    assert carol.take("ACK").body == ""
    final = bob.take(200)
    assert final.body == ""
    one.take_answer(final)
    one.ack(cseq=2)
    scene.wait(0.1)
    (call,) = scene.exchange.calls
    assert call.legs[0].sound.far.port == 4100  # type: ignore[union-attr]
    end(scene, one, carol)


def test_no_reliable_18x_is_asked_for_when_its_offer_could_not_be_answered(scene: Scene) -> None:
    one, two = rung(scene, headers=(), body="")
    assert "100rel" not in two.invited.get("Supported")  # type: ignore[attr-defined]
    answer(scene, two)
    offer = one.phone.take(200)
    one.take_answer(offer)
    one.ack(describe("192.0.2.22"))
    scene.wait(0.1)
    assert two.phone.take("ACK").audio_port > 0
    end(scene, one, two.phone)


def test_the_second_telephone_that_offers_is_brought_together_after_the_answer(scene: Scene) -> None:
    """110 rings Bob and Carol; both offer in a reliable 183, and the one who was not heard answers."""
    alice, bob, carol = scene.raw("alice"), scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(alice, "110", scene.wait, body="", headers=RELIABLE)
    scene.wait(0.1)
    invites = {phone: phone.take("INVITE") for phone in (bob, carol)}
    for phone, invite in invites.items():
        headers = ("Require: 100rel", "RSeq: 1")
        offer = describe(phone.address[0], formats="0 8 101" if phone is bob else "8 101")
        phone.reply(invite, 183, offer, tag=phone.user, headers=headers)
        scene.wait(0.05)
    # Carol's is answered by us at once; Bob's waits for Alice.
    carol.reply(carol.take("PRACK"), 200)
    assert not bob.has("PRACK")
    prack(one, alice.take(183), describe(alice.address[0]))
    scene.wait(0.05)
    alice.take(200)
    bob.reply(bob.take("PRACK"), 200)
    carol.reply(invites[carol], 200, tag="carol")
    scene.wait(0.05)
    carol.take("ACK")
    bob.reply(bob.take("CANCEL"), 200)
    bob.reply(invites[bob], 487, tag="bob")
    one.take_answer(alice.take(200))
    one.ack(cseq=2)
    scene.wait(0.1)
    # Each side is told of the other by a re-INVITE of ours.
    for phone in (alice, carol):
        again = phone.take("INVITE")
        assert again.audio_port > 0
        phone.reply(again, 200, describe(phone.address[0], version=2))
        scene.wait(0.05)
        phone.take("ACK")
    end(scene, one, carol)


# -- offers before the answer -----------------------------------------------------------------------------------------


def settled(scene: Scene, allow: bool = True) -> tuple[RawDialog, RawDialog]:
    """Both have exchanged descriptions reliably, and Carol rings."""
    headers = ("Supported: 100rel", *(("Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK",) if allow else ()))
    one, two = rung(scene, headers=headers)
    allowed = ("Allow: INVITE, ACK, BYE, UPDATE",) if allow else ()
    two.phone.reply(
        two.invited,  # type: ignore[attr-defined]
        183,
        describe("192.0.2.23"),
        tag="c",
        headers=("Require: 100rel", "RSeq: 1", *allowed),
    )
    scene.wait(0.05)
    two.phone.reply(two.phone.take("PRACK"), 200)
    acked(scene, one, one.phone.take(183))
    return one, two


@pytest.mark.parametrize("allow", [True, False])
@pytest.mark.parametrize("side", [0, 1], ids=["calling", "called"])
def test_update_before_the_answer(scene: Scene, allow: bool, side: int) -> None:
    """RFC 3311: answered at once; the called side hears of it by UPDATE if it takes it, else after the answer."""
    one, two = settled(scene, allow)
    bob, carol = one.phone, two.phone
    asking, asked = ((one, carol), (two, bob))[side]
    asking.request("UPDATE", describe(asking.phone.address[0], 4300, version=2, formats="8 101"))
    scene.wait(0.05)
    assert asking.phone.take(200).audio_port > 0
    answered = describe(asked.address[0], version=2)
    if allow:
        update = asked.take("UPDATE")
        assert " 8 101" in update.body
        asked.reply(update, 200, answered)
        scene.wait(0.05)
    answer(scene, two, "")
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack(cseq=2)
    scene.wait(0.1)
    if not allow:
        again = asked.take("INVITE")
        assert " 8 101" in again.body
        asked.reply(again, 200, answered)
        scene.wait(0.05)
        asked.take("ACK")
    (call,) = scene.exchange.calls
    assert call.legs[side].sound.far.port == 4300  # type: ignore[union-attr]
    end(scene, one, carol)


def test_an_offer_in_a_prack_is_answered_in_its_200(scene: Scene) -> None:
    """RFC 6337 section 2.2: the third place for an offer."""
    one, two = rung(scene)
    two.phone.reply(two.invited, 183, describe("192.0.2.23"), tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    provisional = one.phone.take(183)
    prack(one, provisional, describe("192.0.2.22", 4300, version=2))
    scene.wait(0.05)
    final = one.phone.take(200)
    assert final.get("CSeq").endswith("PRACK")
    assert final.audio_port > 0
    answer(scene, two)
    one.take_answer(one.phone.take(200))
    one.ack(cseq=2)
    scene.wait(0.1)
    if two.phone.has("INVITE"):  # the called side is told of the change, if there is one that it can see
        two.phone.reply(two.phone.take("INVITE"), 200, describe("192.0.2.23", version=2))
        scene.wait(0.1)
    end(scene, one, two.phone)


def test_an_early_update_of_an_unreliable_dialog(scene: Scene) -> None:
    """Without an offer it is taken; with one it meets ours, which has no answer there yet (RFC 3311 section 5.2)."""
    one, two = rung(scene)
    two.phone.reply(two.invited, 180, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    two.request("UPDATE")
    scene.wait(0.05)
    two.phone.take(200)
    two.request("UPDATE", describe("192.0.2.23"))
    scene.wait(0.05)
    two.phone.take(491)
    two.phone.reply(two.invited, 486, tag="c")  # type: ignore[attr-defined]
    scene.wait(0.05)
    one.cseq = 2
    one.phone.take(486)
