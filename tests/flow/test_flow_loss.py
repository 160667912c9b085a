"""Packets are lost, doubled and overtake each other: calls stand, and what is lost for good ends them in time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from switch.sip.leg_events import Lost
from tests.support.network import Packet
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene


def first(count: int, matches: Callable[[Packet], bool]) -> Callable[[Packet], bool]:
    """Drop the first `count` packets that match."""
    left = itertools.count(1)
    return lambda packet: matches(packet) and next(left) <= count


def test_lost_ack_our_answer_is_repeated_and_then_the_call_ends(scene: Scene) -> None:
    """Our 200 is repeated at T1, doubling to T2, for 64*T1; then BYE to both (RFC 3261 section 13.3.1.4)."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.02)
    sent = scene.network.sent("200", scene.exchange.address)
    began = scene.clock.now()
    scene.wait(31)
    assert len(scene.exchange.calls) == 1
    copies = [round(at - sent[-1], 1) for at in scene.network.sent("200", scene.exchange.address)][len(sent) :]
    assert [b - a for a, b in itertools.pairwise([0.0, *copies])][:4] == pytest.approx([0.5, 1.0, 2.0, 4.0], abs=0.1)
    scene.wait(1.5)
    assert scene.clock.now() - began == pytest.approx(32.5)
    bye = carol.take("BYE")
    carol.reply(bye, 200)
    scene.wait(0.1)
    assert bob.last.over
    record = scene.exchange.record
    assert (record.result, record.reason) == ("answered", "dialog_lost")
    assert dialog.cseq == 2


def test_ack_is_lost_once_and_the_copy_of_our_answer_brings_another(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.network.drop = first(1, lambda p: p.start == "ACK" and b"CSeq: 2 ACK" in p.data)
    call, answered = scene.talking(alice, bob)
    scene.wait(5)
    assert scene.network.counts["lost"] == 1
    assert call.up
    assert not answered.got(Lost)
    call.hang_up()
    scene.wait()
    assert answered.over


@pytest.mark.parametrize("lost", range(1, 4))
@pytest.mark.parametrize("source", ["callee", "exchange"])
def test_200_is_lost_and_comes_again(scene: Scene, source: str, lost: int) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    address = bob.address if source == "callee" else scene.exchange.address
    scene.network.drop = first(lost, lambda p: p.start == "200" and p.source == address and b" INVITE\r\n" in p.data)
    call = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait(8)
    assert call.up
    assert bob.last.up
    call.hang_up()
    scene.wait()
    assert bob.last.over


def test_bye_is_lost_and_comes_again(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    scene.network.drop = first(3, lambda p: p.start == "BYE")
    call.hang_up()
    scene.wait(10)
    assert answered.over


def test_a_phone_is_gone_when_the_other_hangs_up(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    scene.network.detach(bob.address)
    call.hang_up()
    scene.wait(1)
    assert scene.exchange.record.reason == "caller_hung_up"
    assert scene.exchange.calls == []
    scene.strict = False


def test_invite_is_sent_twice_by_the_caller(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    for _ in range(3):
        carol.send(dialog.invite)
    scene.wait(0.1)
    assert len(bob.calls) == 1
    carol.send(dialog.invite)
    scene.wait(0.1)
    assert carol.count(180) >= 2
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    dialog.ack()
    dialog.ack()
    carol.send(dialog.invite)
    scene.wait(1)
    assert len(scene.exchange.calls) == 1
    dialog.request("BYE")


def test_the_same_invite_by_two_ways_is_merged(scene: Scene) -> None:
    """Another branch, the same Call-ID, From tag and CSeq: 482 (RFC 3261 section 8.2.2.2)."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    branch = dialog.branch
    carol.send(dialog.invite.replace(branch, branch + "other"))
    scene.wait(0.1)
    refused = carol.take(482)
    dialog.branch = branch + "other"
    dialog.ack_refusal(refused)
    assert len(bob.calls) == 1
    dialog.branch = branch
    dialog.cancel()
    scene.wait(0.1)
    dialog.ack_refusal(carol.take(487))


def test_ack_overtakes_nothing_and_bye_overtakes_ack(scene: Scene) -> None:
    """The caller's BYE comes before its ACK: the call ends, and the late ACK does no harm."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    dialog.request("BYE")
    scene.wait(0.1)
    dialog.ack(cseq=2)
    scene.wait(0.1)
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_hung_up"


def test_answer_overtakes_ringing(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.05)
    carol.reply(invite, 180, tag="c")
    scene.wait(0.1)
    assert call.up
    assert call.rings == []
    scene.over(call, carol)


def test_refusal_to_the_caller_is_repeated_until_its_ack(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    bob.refuses = 486
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(5)
    assert carol.count(486) == 4
    dialog.ack_refusal(carol.take(486))
    scene.wait(10)
    assert carol.count(486) == 4


def test_refusal_that_is_never_acknowledged(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    bob.refuses = 486
    RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(40)
    assert scene.exchange.record.reason == "busy"


def test_caller_vanishes_while_it_rings(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    alice.call("102")
    scene.wait()
    scene.network.detach(alice.address)
    bob.last.answer()
    scene.wait(40)
    assert bob.last.over
    assert scene.exchange.record.reason == "dialog_lost"
    scene.strict = False


@pytest.mark.parametrize("seed", range(8))
def test_calls_stand_with_a_fifth_of_all_packets_lost_doubled_and_late(scene: Scene, seed: int) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    network = scene.network
    network._random.seed(seed)
    network.loss, network.duplicate, network.jitter_s = 0.2, 0.2, 0.3
    call = alice.call("102")
    for _ in range(40):
        scene.wait(0.5)
        if call.over or (bob.calls and bob.last.usage.pending_request is not None):
            break
    if bob.calls and not call.over:
        bob.last.answer()
        scene.wait(15)
        if call.up and not call.usage.offer_pending:
            call.offer("sendonly")
            scene.wait(15)
        if call.up:
            call.hang_up()
    network.loss = network.duplicate = network.jitter_s = 0.0
    scene.wait(60)
    assert len(scene.exchange.records) == 1
    scene.strict = False
