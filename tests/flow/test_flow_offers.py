"""New offers in a call that stands: hold, and every way in which two INVITEs, or an INVITE and a BYE, can cross."""

from __future__ import annotations

import pytest

from switch.sip.leg_events import Offer, OfferAnswer, OfferRefusal
from tests.support.network import Packet
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import T38, RawDialog, RawPhone, describe
from tests.support.scene import Scene


def pair(scene: Scene) -> tuple[Phone, Phone, PhoneCall, PhoneCall]:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    return alice, bob, *scene.talking(alice, bob)


def raw_pair(scene: Scene) -> tuple[RawPhone, RawDialog, RawPhone, RawDialog]:
    """Two phones of text that talk: Bob called Carol."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c")
    two = RawDialog.of_invite(carol, invite, "c")
    scene.wait(0.1)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    bob.inbox.clear()
    return bob, one, carol, two


def end(scene: Scene, dialog: RawDialog, other: RawPhone) -> None:
    dialog.request("BYE")
    scene.wait(0.1)
    other.reply(other.take("BYE"), 200)
    scene.wait(0.1)


@pytest.mark.parametrize("holder", [0, 1])
def test_hold_and_resume_pass_end_to_end(scene: Scene, holder: int) -> None:
    *_, call, answered = pair(scene)
    mine, theirs = (call, answered) if holder == 0 else (answered, call)
    mine.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in theirs.offers[-1]
    assert "a=recvonly" in mine.offers[-1]
    (live,) = scene.exchange.calls
    held = [leg.held for leg in live.state.legs.values()]
    assert held == [holder == 0, holder == 1]
    scene.wait(10)
    mine.offer()
    scene.wait()
    assert "a=sendrecv" in theirs.offers[-1]
    assert "a=sendrecv" in mine.offers[-1]
    mine.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert record.legs[holder].held_s == pytest.approx(10.5, abs=0.1)
    assert record.legs[1 - holder].held_s == 0


def test_both_hold(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    call.offer("sendonly")
    scene.wait()
    answered.offer("inactive")
    scene.wait()
    assert "a=inactive" in call.offers[-1]
    (live,) = scene.exchange.calls
    assert all(leg.held for leg in live.state.legs.values())
    call.hang_up()


def test_description_versions_go_up_by_one_on_each_leg(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    for _ in range(2):
        call.offer("sendonly")
        scene.wait()
        call.offer()
        scene.wait()
    for side in (call, answered):
        origins = [line for offer in side.offers for line in offer.splitlines() if line.startswith("o=")]
        ids = {line.split()[1] for line in origins}
        versions = [int(line.split()[2]) for line in origins]
        assert len(ids) == 1
        assert versions == list(range(versions[0], versions[0] + len(versions)))
    call.hang_up()


@pytest.mark.parametrize("asker", [0, 1])
def test_reinvite_without_description_gets_what_is_in_force(scene: Scene, asker: int) -> None:
    *_, call, answered = pair(scene)
    mine, theirs = (call, answered) if asker == 0 else (answered, call)
    mine.offer(empty=True)
    scene.wait()
    assert not theirs.got(Offer)
    assert b"m=audio" in mine.got(OfferAnswer)[-1].body
    assert mine.up
    assert theirs.up
    mine.hang_up()


def test_glare_both_get_491_and_the_call_recovers(scene: Scene) -> None:
    """Both sides send a re-INVITE at the same time (RFC 3261 section 14.1): each meets ours and is asked to wait."""
    *_, call, answered = pair(scene)
    call.offer("sendonly")
    answered.offer("sendonly")
    scene.wait()
    refusals = call.got(OfferRefusal) + answered.got(OfferRefusal)
    assert refusals
    assert all(refusal.status == 491 for refusal in refusals)
    assert call.up
    assert answered.up
    scene.wait(2)
    answered.offer("sendonly", formats="8 101")
    scene.wait()
    assert "a=sendonly" in call.offers[-1]
    answered.offer(formats="0 101")
    scene.wait()
    call.offer("sendonly", formats="8 101")
    scene.wait()
    assert "a=sendonly" in answered.offers[-1]
    call.hang_up()


def test_glare_on_one_leg_our_reinvite_meets_theirs(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    two.request("INVITE", describe(carol.address[0], version=2))
    scene.wait(0.1)
    refused = carol.take(491)
    assert refused.get("CSeq").startswith("101")
    two.ack_refusal(refused)
    carol.reply(ours, 491)
    scene.wait(0.1)
    carol.take("ACK")
    one.ack_refusal(bob.take(491))
    # Now Carol's comes through.
    two.request("INVITE", describe(carol.address[0], version=2))
    scene.wait(0.1)
    theirs = bob.take("INVITE")
    bob.reply(theirs, 200, describe(bob.address[0], version=3))
    scene.wait(0.1)
    bob.take("ACK")
    carol.take(200)
    two.ack()
    end(scene, one, carol)


def test_fax_is_refused_and_the_call_lives(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    two.request("INVITE", T38)
    scene.wait(0.1)
    two.ack_refusal(carol.take(488))
    assert not bob.has("INVITE")
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    bob.take(200)
    one.ack()
    carol.take("ACK")
    end(scene, two, bob)


@pytest.mark.parametrize("status", [488, 403, 500, 606])
def test_the_other_side_refuses_a_new_offer_and_the_call_lives(scene: Scene, status: int) -> None:
    _, bob, call, answered = pair(scene)
    before = scene.exchange.engine.joined()
    bob.answers_offers = status
    call.offer("sendonly")
    scene.wait()
    assert call.got(OfferRefusal)[-1].status == status
    assert call.up
    assert answered.up
    assert scene.exchange.engine.joined() == before
    assert not any(leg.held for leg in scene.exchange.calls[0].state.legs.values())
    bob.answers_offers = True
    call.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in answered.offers[-1]
    call.hang_up()


def test_the_other_side_has_lost_the_dialog_and_the_call_ends(scene: Scene) -> None:
    """481 to a re-INVITE: the dialog is gone there (RFC 3261 section 12.2.1.2), so the call is."""
    _, bob, call, _ = pair(scene)
    bob.answers_offers = 481
    call.offer("sendonly")
    scene.wait()
    assert call.over
    assert scene.exchange.record.reason == "dialog_lost"


def test_the_other_side_never_answers_a_new_offer(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    carol.quiet = {"INVITE"}
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(40)
    assert bob.has("BYE") or bob.has(408)
    bob.reply(bob.take("BYE"), 200)
    if bob.has(487):
        one.ack_refusal(bob.take(487))
    assert scene.exchange.record.reason == "dialog_lost"
    carol.reply(carol.take("BYE"), 481)


def test_a_new_offer_is_cancelled(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    carol.reply(ours, 100)
    one.cancel()
    scene.wait(0.1)
    bob.take(200)
    one.ack_refusal(bob.take(487))
    # It is taken back on the other side too; the call is as it was, and a new offer works.
    carol.reply(carol.take("CANCEL"), 200)
    carol.reply(ours, 487)
    scene.wait(0.1)
    carol.take("ACK")
    assert not carol.has("BYE")
    two.request("INVITE", describe(carol.address[0], version=2))
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 200, describe(bob.address[0], version=2))
    scene.wait(0.1)
    carol.take(200)
    two.ack()
    end(scene, one, carol)


def test_cancelled_new_offer_that_crosses_the_others_answer(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    one.cancel()
    carol.reply(ours, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    carol.take("ACK")
    if bob.has(487):
        one.ack_refusal(bob.take(487))
    else:
        one.ack()
    scene.wait(0.1)
    assert len(scene.exchange.calls) == 1
    end(scene, two, bob)


def test_bye_crosses_a_new_offer(scene: Scene) -> None:
    """The callee says BYE while the caller's re-INVITE is on its way: 481 there, 487 for the caller, one record."""
    *_, call, answered = pair(scene)
    call.offer("sendonly")
    answered.hang_up()
    scene.wait()
    assert call.over
    assert answered.over
    assert scene.exchange.record.reason == "callee_hung_up"


def test_bye_of_the_asker_while_its_offer_is_under_way(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    one.request("BYE")
    scene.wait(0.1)
    bob.take(200)
    one.cseq -= 1
    one.ack_refusal(bob.take(487))
    carol.reply(carol.take("BYE"), 200)
    carol.reply(ours, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    carol.take("ACK")
    assert not carol.has("BYE")
    assert scene.exchange.record.reason == "caller_hung_up"


def test_bye_of_the_asked_while_an_offer_is_under_way(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    two.request("BYE")
    carol.reply(ours, 487)
    scene.wait(0.1)
    carol.take(200)
    refused = bob.take(487)
    one.ack_refusal(refused)
    bob.reply(bob.take("BYE"), 200)
    scene.wait(0.1)
    assert scene.exchange.record.reason == "callee_hung_up"


def test_bye_crosses_bye(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    call.hang_up()
    answered.hang_up()
    scene.wait()
    assert call.over
    assert answered.over
    assert len(scene.exchange.records) == 1


def test_new_offer_before_the_first_ack_is_refused_or_waits(scene: Scene) -> None:
    """Carol holds before the caller's ACK of the 200 has come through: the INVITE is not lost, nor is the call."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c")
    two = RawDialog.of_invite(carol, invite, "c")
    scene.wait(0.1)
    carol.take("ACK")
    two.request("INVITE", describe(carol.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    two.ack_refusal(carol.take(491))
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    two.request("INVITE", describe(carol.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 200, describe(bob.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    carol.take(200)
    two.ack()
    scene.wait(0.1)
    bob.inbox.clear()
    end(scene, two, bob)


def test_second_new_offer_while_the_first_waits(scene: Scene) -> None:
    """Same direction, lower in the queue: 500 with Retry-After (RFC 3261 section 14.2)."""
    bob, one, carol, _ = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    branch = one.branch
    scene.wait(0.1)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=3))
    scene.wait(0.1)
    refused = bob.take(500)
    assert refused.get("Retry-After")
    one.ack_refusal(refused)
    carol.reply(carol.take("INVITE"), 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    assert bob.take(200).get("CSeq") == "3 INVITE"
    one.branch = branch
    one.ack(cseq=3)
    scene.wait(0.1)
    carol.take("ACK")
    end(scene, one, carol)


def test_request_with_an_old_number_is_out_of_order(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    one.request("OPTIONS")
    one.request("OPTIONS", cseq=1)
    scene.wait(0.1)
    bob.take(200)
    bob.take(500)
    end(scene, one, carol)


def test_new_contact_in_a_reinvite_is_where_the_bye_goes(scene: Scene) -> None:
    """A target refresh: the phone has moved to another port (RFC 3261 section 12.2)."""
    bob, one, carol, two = raw_pair(scene)
    moved = RawPhone(scene.network, "carol", (carol.address[0], 5070), secret="cherry")
    two.phone = moved
    two.request("INVITE", describe(carol.address[0], 4400, version=2))
    scene.wait(0.1)
    bob.reply(bob.take("INVITE"), 200, describe(bob.address[0], version=2))
    scene.wait(0.1)
    moved.take(200)
    two.ack()
    scene.wait(0.1)
    one.request("BYE")
    scene.wait(0.1)
    bye = moved.take("BYE")
    assert bye.uri == "sip:carol@192.0.2.23:5070"
    moved.reply(bye, 200)
    assert not carol.has("BYE")


def test_new_contact_in_a_refused_reinvite_is_kept_too(scene: Scene) -> None:
    bob, one, carol, two = raw_pair(scene)
    moved = RawPhone(scene.network, "carol", (carol.address[0], 5070), secret="cherry")
    two.phone = moved
    two.request("INVITE", T38)
    scene.wait(0.1)
    two.ack_refusal(moved.take(488))
    scene.wait(0.1)
    one.request("BYE")
    scene.wait(0.1)
    at = moved if moved.has("BYE") else carol
    at.reply(at.take("BYE"), 200)
    assert bob.has(200)


def test_lost_ack_of_a_new_offer_ends_the_call_after_32_seconds(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(31)
    assert bob.count(200) > 5
    assert len(scene.exchange.calls) == 1
    scene.wait(2)
    bob.reply(bob.take("BYE"), 200)
    carol.reply(carol.take("BYE"), 200)
    scene.wait(0.1)
    assert scene.exchange.record.reason == "dialog_lost"


def test_held_by_a_zero_address_of_rfc_2543(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    one.request("INVITE", describe("0.0.0.0", version=2))
    scene.wait(0.1)
    ours = carol.take("INVITE")
    assert "a=sendonly" in ours.body or "a=inactive" in ours.body
    carol.reply(ours, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    bob.take(200)
    one.ack()
    assert scene.exchange.calls[0].state.legs[0].held
    scene.wait(0.1)
    carol.take("ACK")
    end(scene, one, carol)


def test_retransmitted_reinvite_is_answered_once(scene: Scene) -> None:
    bob, one, carol, _ = raw_pair(scene)
    text = one.request("INVITE", describe(bob.address[0], way="sendonly", version=2))
    for _ in range(3):
        bob.send(text)
    scene.wait(0.1)
    ours = carol.take("INVITE")
    assert not carol.has("INVITE")
    carol.reply(ours, 200, describe(carol.address[0], way="recvonly", version=2))
    scene.wait(0.1)
    one.ack()
    bob.inbox.clear()
    scene.wait(0.1)
    carol.take("ACK")
    end(scene, one, carol)


def test_reinvite_is_lost_once_and_repeated(scene: Scene) -> None:
    alice, _, call, answered = pair(scene)
    lost: list[Packet] = []

    def drop(packet: Packet) -> bool:
        if packet.start == "INVITE" and not lost:
            lost.append(packet)
            return True
        return False

    scene.network.drop = drop
    call.offer("sendonly")
    scene.wait(2)
    assert lost
    assert "a=sendonly" in answered.offers[-1]
    assert len(answered.got(Offer)) == 1
    assert lost[0].source == alice.address
    call.hang_up()
