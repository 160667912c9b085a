"""Transfers by REFER (RFC 3515, 5589): blind, attended, semi-attended, and all that goes wrong (K.8, issue 5)."""

from __future__ import annotations

import pytest

from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene


class Trio:
    """Alice has called Bob, and they talk. Carol and Dave wait."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alice, self.bob, self.carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
        self.call, self.answered = scene.talking(self.alice, self.bob)

    def transfer(self, of: PhoneCall, to: str = "103", *lines: str) -> None:
        of.refer(to, *lines)
        self.scene.wait(0.1)

    def joined(self, one: PhoneCall, other: PhoneCall) -> bool:
        """Whether those two hear each other, and nobody else is bridged."""
        ports = {frozenset((each.phone.address[0], 4000) for each in (one, other))}
        return self.scene.exchange.engine.joined() == ports


@pytest.fixture
def trio(scene: Scene) -> Trio:
    return Trio(scene)


def test_blind_by_the_called(scene: Scene, trio: Trio) -> None:
    """Bob sends Alice to Carol: 202, trying, ringing, and when Carol answers: 200 and BYE."""
    trio.transfer(trio.answered)
    assert trio.answered.referred == [202]
    assert [text for text, _ in trio.answered.told] == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"]
    assert trio.answered.up, "the call is kept until the target has answered"
    assert trio.carol.last.usage.pending_request is not None
    assert trio.carol.last.usage.pending_request.from_.display == "Alice"
    assert trio.carol.last.usage.pending_request.header("Referred-By") == '"Bob" <sip:102@192.0.2.10>'
    trio.carol.last.answer()
    scene.wait()
    assert trio.answered.told[-1] == ("SIP/2.0 200 OK", "terminated;reason=noresource")
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    trio.call.hang_up()
    scene.wait()
    assert trio.carol.last.over
    record = scene.exchange.record
    (transfer,) = record.transfers
    assert (transfer.by, transfer.to, transfer.kind, transfer.how) == ("line:bob", "103", "blind", "refer")
    assert (transfer.outcome, transfer.status, transfer.target) == ("done", 200, "line:carol")
    assert [(leg.target, leg.reason) for leg in record.legs] == [
        ("line:alice", "caller_hung_up"),
        ("line:bob", "transferred"),
        ("line:carol", "caller_hung_up"),
    ]


def test_blind_by_the_caller(scene: Scene, trio: Trio) -> None:
    """Alice, who has called, sends Bob on to Carol."""
    trio.transfer(trio.call)
    request = trio.carol.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Bob"
    trio.carol.last.answer()
    scene.wait()
    assert trio.call.outcome == "SIP/2.0 200 OK"
    assert trio.call.over
    assert trio.joined(trio.answered, trio.carol.last)
    trio.carol.last.hang_up()
    scene.wait()
    assert trio.answered.over


@pytest.mark.parametrize("status", [486, 603, 480])
def test_a_transfer_that_fails_leaves_the_call_as_it_was(scene: Scene, trio: Trio, status: int) -> None:
    trio.transfer(trio.answered)
    trio.carol.last.refuse(status)
    scene.wait()
    assert trio.answered.outcome.startswith("SIP/2.0 4") or trio.answered.outcome.startswith("SIP/2.0 6")
    assert trio.call.up
    assert trio.answered.up
    assert trio.joined(trio.call, trio.answered)
    trio.call.hang_up()
    scene.wait()
    (transfer,) = scene.exchange.record.transfers
    assert transfer.outcome == "failed"
    assert transfer.status >= 400


def test_nobody_answers(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered)
    scene.wait(40)
    assert trio.answered.outcome == "SIP/2.0 480 Temporarily Unavailable"
    assert trio.joined(trio.call, trio.answered)
    trio.answered.hang_up()
    scene.wait()


def test_the_transferor_hangs_up_right_after_the_202(scene: Scene, trio: Trio) -> None:
    """Many telephones do: whoever stays hears it ring, and the transferor is told the end of it all the same."""
    trio.transfer(trio.answered)
    trio.answered.hang_up()
    scene.wait()
    assert trio.call.up
    trio.carol.last.answer()
    scene.wait()
    assert trio.joined(trio.call, trio.carol.last)
    assert trio.answered.told[-1][0] == "SIP/2.0 200 OK"
    trio.carol.last.hang_up()
    scene.wait()
    assert trio.call.over
    assert [each.outcome for each in scene.exchange.record.transfers] == ["done"]


def test_who_has_hung_up_is_rung_back_when_it_fails(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered)
    trio.answered.hang_up()
    scene.wait()
    trio.carol.last.refuse(486)
    scene.wait()
    assert len(trio.bob.calls) == 2, "Bob's telephone rings again"
    request = trio.bob.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Alice"
    trio.bob.last.answer()
    scene.wait()
    assert trio.joined(trio.call, trio.bob.last)
    trio.call.hang_up()
    scene.wait()
    assert [each.outcome for each in scene.exchange.record.transfers] == ["returned"]


def test_who_is_transferred_hangs_up_while_the_target_rings(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered)
    trio.call.hang_up()
    scene.wait()
    assert trio.carol.last.over
    assert trio.answered.over
    assert trio.answered.outcome == "SIP/2.0 487 Request Terminated"
    assert [each.outcome for each in scene.exchange.record.transfers] == ["cancelled"]


@pytest.mark.parametrize("to", ["102", "101"])
def test_a_transfer_to_either_of_the_two_is_a_loop(scene: Scene, trio: Trio, to: str) -> None:
    trio.transfer(trio.answered, to)
    assert trio.answered.referred == [482]
    assert trio.joined(trio.call, trio.answered)
    trio.call.hang_up()
    scene.wait()
    assert [(each.outcome, each.status) for each in scene.exchange.record.transfers] == [("failed", 482)]


def test_a_number_that_there_is_not_is_refused_at_once(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered, "12345")
    assert trio.answered.referred[0] >= 400
    trio.transfer(trio.answered, "sip:103@[::1", "X: y")
    assert trio.answered.referred[1] == 400
    assert trio.answered.up
    trio.call.hang_up()
    scene.wait()


def test_two_refers_at_once(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered)
    trio.transfer(trio.answered, "101")
    trio.transfer(trio.call, "103")
    assert trio.answered.referred == [202, 491]
    assert trio.call.referred == [491]
    trio.carol.last.answer()
    scene.wait()
    assert trio.joined(trio.call, trio.carol.last)
    trio.call.hang_up()
    scene.wait()


def test_a_transfer_of_a_transfer(scene: Scene, trio: Trio) -> None:
    """Alice goes to Carol, who sends her back to Bob."""
    trio.carol.answers = trio.bob.answers = True
    trio.transfer(trio.answered)
    scene.wait()
    trio.transfer(trio.carol.last, "102")
    scene.wait()
    assert trio.carol.last.over
    assert trio.joined(trio.call, trio.bob.last)
    trio.call.hang_up()
    scene.wait()
    assert [each.by for each in scene.exchange.record.transfers] == ["line:bob", "line:carol"]


def test_no_more_than_so_many_transfers_of_one_call(scene: Scene, trio: Trio) -> None:
    trio.carol.answers = trio.bob.answers = True
    scene.exchange.checks.clear()
    here, there = trio.answered, "103"
    for _ in range(25):
        trio.transfer(here, there)
        scene.wait()
        here, there = (trio.carol.last, "102") if there == "103" else (trio.bob.last, "103")
    trio.transfer(here, there)
    assert here.referred == [482]
    trio.call.hang_up()
    scene.wait()


def test_a_refused_notify_does_not_stop_the_transfer(scene: Scene, trio: Trio) -> None:
    trio.bob.notify_status = 481
    trio.transfer(trio.answered)
    trio.carol.last.answer()
    scene.wait()
    assert trio.joined(trio.call, trio.carol.last)
    trio.call.hang_up()
    scene.wait()


def test_a_telephone_that_wants_to_hear_nothing(scene: Scene, trio: Trio) -> None:
    """RFC 4488."""
    trio.transfer(trio.answered, "103", "Refer-Sub: false", "Supported: norefersub")
    assert trio.answered.referred == [202]
    trio.carol.last.answer()
    scene.wait()
    assert trio.answered.over
    assert not trio.answered.told
    trio.call.hang_up()
    scene.wait()


def test_nor_is_it_told_anything_after_a_crash(scene: Scene, trio: Trio) -> None:
    """RFC 4488: it has no subscription, so a NOTIFY would be none of its."""
    trio.transfer(trio.answered, "103", "Refer-Sub: false", "Supported: norefersub")
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert trio.call.up and trio.answered.up
    assert not trio.answered.told
    trio.call.hang_up()
    scene.wait()


def test_a_transfer_to_a_service_of_ours(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered, "601")
    scene.wait()
    assert trio.answered.over
    assert trio.answered.outcome == "SIP/2.0 200 OK"
    assert trio.call.up
    trio.call.hang_up()
    scene.wait()
    (transfer,) = scene.exchange.record.transfers
    assert (transfer.outcome, transfer.target) == ("done", "tone:440")


def test_a_refer_that_crosses_a_bye(scene: Scene, trio: Trio) -> None:
    trio.call.hang_up()
    trio.answered.refer("103")
    scene.wait()
    assert trio.answered.over
    assert not trio.carol.calls


def consult(trio: Trio, of: Phone, number: str = "103") -> tuple[PhoneCall, PhoneCall]:
    """That phone calls Carol besides, and she answers."""
    made = of.call(number)
    trio.scene.wait()
    trio.carol.last.answer()
    trio.scene.wait()
    return made, trio.carol.last


@pytest.mark.parametrize("by_caller", [False, True])
def test_attended(scene: Scene, trio: Trio, by_caller: bool) -> None:
    """The transferor has asked the target; the two are joined, and both of his calls end."""
    by, stays = (trio.call, trio.answered) if by_caller else (trio.answered, trio.call)
    by.hold()
    scene.wait()
    second, target = consult(trio, by.phone)
    by.transfer_to(second)
    scene.wait()
    assert by.referred == [202]
    assert by.outcome == "SIP/2.0 200 OK"
    assert by.over
    assert second.over
    assert trio.joined(stays, target)
    target.hang_up()
    scene.wait()
    assert stays.over
    records = {record.reason: record for record in scene.exchange.records}
    (transfer,) = records["callee_hung_up"].transfers
    assert (transfer.kind, transfer.outcome, transfer.target) == ("attended", "done", "line:carol")
    assert transfer.other == records["transferred"].call


def test_attended_the_other_way_round(scene: Scene, trio: Trio) -> None:
    """The REFER comes in the call to the target, and names the one that was there first."""
    second, target = consult(trio, trio.bob)
    second.transfer_to(trio.answered)
    scene.wait()
    assert second.over
    assert trio.answered.over
    assert trio.joined(trio.call, target)
    trio.call.hang_up()
    scene.wait()
    assert target.over


@pytest.mark.parametrize("answers", [True, False])
def test_semi_attended(scene: Scene, trio: Trio, answers: bool) -> None:
    """The target rings yet: the transferor's own call is completed elsewhere, and it rings for whoever stays."""
    second = trio.bob.call("103")
    scene.wait()
    first = trio.carol.last
    trio.answered.transfer_to(second, scene.exchange.calls[-1].id)
    scene.wait()
    assert trio.answered.referred == [202]
    assert second.refused == 487
    assert first.over
    assert trio.carol.last is not first
    request = trio.carol.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Alice"
    if not answers:
        trio.carol.last.refuse(486)
        scene.wait()
        assert trio.answered.outcome.startswith("SIP/2.0 4")
        assert trio.joined(trio.call, trio.answered)
        trio.call.hang_up()
        scene.wait()
        return
    trio.carol.last.answer()
    scene.wait()
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    trio.call.hang_up()
    scene.wait()
    kinds = [each.kind for record in scene.exchange.records for each in record.transfers]
    assert kinds == ["semi_attended"]


def test_the_target_of_an_attended_transfer_has_hung_up_meanwhile(scene: Scene, trio: Trio) -> None:
    second, target = consult(trio, trio.bob)
    target.hang_up()
    trio.answered.transfer_to(second)
    scene.wait()
    assert trio.answered.referred == [202]
    assert trio.answered.outcome == "SIP/2.0 481 Call/Transaction Does Not Exist"
    assert trio.joined(trio.call, trio.answered)
    trio.call.hang_up()
    scene.wait()


def test_nobody_transfers_into_a_call_of_others(scene: Scene, trio: Trio) -> None:
    """The dialog that is to be replaced must be the transferor's own."""
    other = scene.phone("alice", "192.0.2.29")
    second, _ = scene.talking(other, trio.carol, "103")
    trio.answered.transfer_to(second)
    scene.wait()
    assert trio.answered.referred == [403]
    trio.call.hang_up()
    second.hang_up()
    scene.wait()


@pytest.mark.parametrize("phase", ["trying", "ringing", "gone"])
def test_after_a_crash_the_pair_stands_again(scene: Scene, trio: Trio, phase: str) -> None:
    trio.carol.rings = None if phase == "trying" else 180
    trio.transfer(trio.answered)
    if phase == "gone":
        trio.answered.hang_up()
        scene.wait()
    scene.exchange.crash_and_restart(0.5)
    scene.wait(1)
    assert trio.carol.last.over, "what rang is cancelled"
    if phase == "gone":
        trio.bob.last.answer()
        scene.wait()
        assert trio.joined(trio.call, trio.bob.last)
    else:
        assert trio.answered.outcome == "SIP/2.0 503 Service Unavailable"
        assert trio.joined(trio.call, trio.answered)
    trio.call.hang_up()
    scene.wait()
    (transfer,) = scene.exchange.record.transfers
    assert transfer.outcome == ("returned" if phase == "gone" else "failed")


def test_after_a_crash_the_transferred_pair_stands(scene: Scene, trio: Trio) -> None:
    second, target = consult(trio, trio.bob)
    trio.answered.transfer_to(second)
    scene.exchange.crash_and_restart(0.5)
    scene.wait(1)
    assert trio.joined(trio.call, target)
    target.hang_up()
    scene.wait()
    assert trio.call.over


def test_the_operator_ends_the_call_while_it_is_transferred(scene: Scene, trio: Trio) -> None:
    trio.transfer(trio.answered)
    (call,) = scene.exchange.calls
    scene.exchange.hang_up(call)
    scene.wait()
    assert trio.call.over
    assert trio.answered.over
    assert trio.answered.outcome == "SIP/2.0 487 Request Terminated"


def test_a_crash_before_the_transferors_bye_has_left(scene: Scene, trio: Trio) -> None:
    """The record says that he is out, so his telephone is told once more."""
    trio.transfer(trio.answered)
    scene.exchange.mute = True
    trio.carol.last.answer()
    scene.wait(0.05)
    assert trio.answered.up
    scene.exchange.crash_and_restart(0.5)
    scene.wait(2)
    assert trio.answered.over
    assert trio.joined(trio.call, trio.carol.last)
    trio.call.hang_up()
    scene.wait()


def test_asked_first_a_service_of_ours_and_put_through_to_it(scene: Scene, trio: Trio) -> None:
    """Bob has called a service, and puts Alice through: she goes there herself, and his own call to it ends."""
    second = trio.bob.call("601")
    scene.wait()
    assert second.up
    trio.answered.transfer_to(second)
    scene.wait()
    assert trio.answered.outcome == "SIP/2.0 200 OK"
    assert second.over
    assert trio.answered.over
    assert trio.call.up
    assert [call.state.service for call in scene.exchange.calls] == ["tone:440"]
    trio.call.hang_up()
    scene.wait()


def test_who_talks_with_a_service_has_nobody_to_transfer(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("601")
    scene.wait()
    call.refer("102")
    scene.wait()
    assert call.referred == [403]
    call.hang_up()
    scene.wait()
