"""Calls that nobody answers: each ending is told apart, to the caller by SIP status, in the record by reason."""

from __future__ import annotations

import pytest

from switch.sip.flow import Flow
from tests.support.network import Packet
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene


def test_caller_cancels_while_it_rings(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    call.cancel()
    scene.wait()
    assert call.over
    assert bob.last.over
    assert scene.network.sent("487", scene.exchange.address)
    record = scene.exchange.record
    assert (record.result, record.reason, record.sip_status) == ("cancelled", "caller_cancelled", 487)


def test_caller_cancels_before_the_callee_has_said_a_word(scene: Scene) -> None:
    """No CANCEL may go out before a provisional response has come (RFC 3261 section 9.1)."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    call.cancel()
    scene.wait(0.1)
    assert call.over
    assert not carol.has("CANCEL")
    carol.reply(invite, 180, tag="c1")
    scene.wait(0.1)
    cancel = carol.take("CANCEL")
    assert cancel.get("Via") == invite.get("Via")
    assert cancel.get("CSeq") == "1 CANCEL"
    assert cancel.get("Reason") == ""
    carol.reply(cancel, 200, tag="c1")
    carol.reply(invite, 487, tag="c1")
    scene.wait(0.1)
    assert carol.take("ACK").get("Via") == invite.get("Via")
    assert scene.exchange.record.reason == "caller_cancelled"


def test_cancel_crosses_the_answer_of_the_callee(scene: Scene) -> None:
    """The callee's 200 comes after the caller has gone: it gets its ACK, and a BYE."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 180, tag="c1")
    scene.wait(0.1)
    call.cancel()
    carol.reply(invite, 200, describe(carol.address[0]), tag="c1")
    scene.wait(0.1)
    assert call.refused == 0
    assert call.over
    carol.take("ACK")
    bye = carol.take("BYE")
    assert bye.tag("To") == "c1"
    carol.reply(bye, 200)
    assert scene.exchange.record.reason == "caller_cancelled"


def test_cancel_crosses_our_answer_to_the_caller(scene: Scene) -> None:
    """The caller's CANCEL meets an INVITE that we have answered: it has no effect, and the caller says BYE."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.015)
    dialog.cancel()
    scene.wait(0.1)
    ok = next(m for m in carol.inbox if m.kind == "200" and "INVITE" in m.get("CSeq"))
    assert any("CANCEL" in m.get("CSeq") for m in carol.inbox if m.kind == "200")
    assert not carol.has(487)
    dialog.take_answer(ok)
    dialog.ack()
    dialog.request("BYE")
    scene.wait(0.1)
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_hung_up"


@pytest.mark.parametrize(
    ("status", "caller", "result", "reason"),
    [
        (486, 486, "busy", "busy"),
        (600, 486, "busy", "busy"),
        (603, 480, "rejected", "rejected"),
        (607, 480, "rejected", "rejected"),
        (403, 480, "rejected", "rejected"),
        (480, 480, "rejected", "rejected"),
        (487, 480, "no_answer", "no_answer"),
        (404, 480, "unreachable", "outage"),
        (408, 480, "unreachable", "outage"),
        (500, 480, "unreachable", "outage"),
        (503, 480, "unreachable", "outage"),
    ],
)
def test_refusals_of_a_telephone_are_told_apart(
    scene: Scene, status: int, caller: int, result: str, reason: str
) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.refuses = status
    call = alice.call("102")
    scene.wait()
    assert call.refused == caller
    record = scene.exchange.record
    assert (record.result, record.reason, record.sip_status) == (result, reason, caller)
    assert record.legs[1].sip_status == status


def test_ring_time_ends_at_its_second_and_the_phone_logs_a_missed_call(scene: Scene) -> None:
    """A CANCEL without a Reason: the telephone shows a missed call (SPEC K.10)."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    ringing = carol.take("INVITE")
    carol.reply(ringing, 180, tag="c1")
    began = scene.network.sent("INVITE", scene.exchange.address)[0]
    scene.wait(25)
    (cancelled,) = scene.network.sent("CANCEL", scene.exchange.address)[:1]
    assert cancelled - began == pytest.approx(20.0, abs=0.001)
    cancel = carol.take("CANCEL")
    assert cancel.get("Reason") == ""
    carol.reply(cancel, 200, tag="c1")
    carol.reply(ringing, 487, tag="c1")
    scene.wait(0.1)
    assert call.refused == 480
    record = scene.exchange.record
    assert (record.result, record.reason) == ("no_answer", "no_answer")
    assert (record.legs[1].result, record.legs[1].reason) == ("no_answer", "no_answer")
    assert record.ring_s == pytest.approx(19.9, abs=0.1)


def test_nobody_is_registered(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    record = scene.exchange.record
    assert (record.result, record.reason) == ("unreachable", "outage")
    assert len(record.legs) == 1


def test_a_silent_phone_is_an_outage_after_four_seconds(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.network.detach(bob.address)
    call = alice.call("102")
    began = scene.clock.now()
    scene.wait(3.9)
    assert not call.over
    scene.wait(0.5)
    assert call.refused == 480
    record = scene.exchange.record
    assert (record.result, record.reason) == ("unreachable", "outage")
    (refused,) = scene.network.sent("480", scene.exchange.address)[:1]
    assert refused - began == pytest.approx(4.0, abs=0.1)


def test_a_phone_that_says_trying_is_reachable(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    ringing = carol.take("INVITE")
    carol.reply(ringing, 100)
    scene.wait(10)
    assert not call.over
    assert len(scene.exchange.calls) == 1
    carol.reply(ringing, 486, tag="c1")
    scene.wait(0.1)
    assert call.refused == 486


def test_a_silent_phone_that_answers_too_late_gets_ack_and_bye(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    alice.call("103")
    scene.wait(5)
    ringing = carol.take("INVITE")
    assert scene.exchange.record.reason == "outage"
    carol.reply(ringing, 200, describe(carol.address[0]), tag="late")
    scene.wait(0.1)
    carol.take("ACK")
    carol.reply(carol.take("BYE"), 200)


def test_a_transport_error_is_an_outage_at_once(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    flow = Flow("udp", scene.exchange.address, bob.address)
    bob.rings = None
    scene.network.drop = lambda packet: packet.target == bob.address
    scene.wait(0.05)
    assert len(scene.exchange.calls) == 1
    scene.exchange.core.flow_lost(flow, scene.clock.now())
    scene.wait(0.1)
    assert call.refused == 480
    record = scene.exchange.record
    assert (record.reason, record.legs[1].sip_status) == ("outage", 503)


def test_the_last_provisional_response_reaches_the_caller_once(scene: Scene) -> None:
    """180 and 183 without media pass; what is said again is not said again to the caller."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    ringing = carol.take("INVITE")
    for status in (180, 180, 183, 180):
        carol.reply(ringing, status, tag="c1")
        scene.wait(0.1)
    assert call.rings == [180, 183, 180]
    carol.reply(ringing, 486, tag="c1")


def test_an_answer_without_a_provisional_response(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.rings, bob.answers = None, True
    call = alice.call("102")
    scene.wait()
    assert call.up
    assert call.rings == []
    call.hang_up()
    scene.wait()
    assert scene.exchange.record.ring_s == 0


def test_numbers_that_lead_nowhere(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("*99")
    scene.wait()
    assert call.refused == 404
    assert scene.exchange.record.reason == "not_found"
    assert scene.exchange.record.result == "refused"


def test_calling_oneself_rings_oneself(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("101")
    scene.wait()
    assert len(alice.calls) == 2
    alice.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.wait()
    assert alice.last.over


def test_caller_hangs_up_by_bye_while_it_rings(scene: Scene) -> None:
    """BYE in an early dialog (RFC 3261 section 15): the INVITE is ended with 487 and the callee is cancelled."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    ringing = carol.take(180)
    dialog.remote = ringing.get("To")
    dialog.target = ringing.contact
    dialog.request("BYE", cseq=dialog.cseq + 1)
    scene.wait(0.1)
    carol.take(200)
    dialog.ack_refusal(carol.take(487))
    scene.wait(0.1)
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_cancelled"


def test_operator_ends_a_ringing_call(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    (live,) = scene.exchange.calls
    assert scene.exchange.hang_up(live)
    scene.wait()
    assert call.refused == 503
    assert bob.last.over
    assert scene.exchange.record.reason == "operator"
    assert [leg.reason for leg in scene.exchange.record.legs] == ["operator", "operator"]
    assert not scene.exchange.hang_up(live)


def test_packets_to_the_callee_are_lost_until_the_fourth_copy(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    lost = [0]

    def drop(packet: Packet) -> bool:
        if packet.start == "INVITE" and packet.target == bob.address and lost[0] < 2:
            lost[0] += 1
            return True
        return False

    scene.network.drop = drop
    call = alice.call("102")
    scene.wait(3)
    assert call.rings == [180]
    call.cancel()
