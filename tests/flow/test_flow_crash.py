"""The exchange is killed in every phase of a call and comes back: talking calls go on, ringing ones are ended."""

from __future__ import annotations

import pytest

from switch.sip.leg_events import Answer, Offer
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene


def pair(scene: Scene) -> tuple[Phone, Phone, PhoneCall, PhoneCall]:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    return alice, bob, *scene.talking(alice, bob)


@pytest.mark.parametrize("away_s", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("ender", [0, 1])
def test_talking_call_goes_on_and_either_side_can_end_it(scene: Scene, ender: int, away_s: float) -> None:
    *_, call, answered = pair(scene)
    before = scene.exchange.engine.joined()
    scene.wait(5)
    scene.exchange.crash_and_restart(away_s)
    assert len(scene.exchange.calls) == 1
    assert scene.exchange.engine.joined() == before
    scene.wait(30)
    assert call.up
    assert answered.up
    mine, theirs = (call, answered) if ender == 0 else (answered, call)
    mine.hang_up()
    scene.wait()
    assert theirs.over
    record = scene.exchange.record
    assert record.recovered
    assert record.reason == ("caller_hung_up" if ender == 0 else "callee_hung_up")
    assert record.talk_s == pytest.approx(35.5 + away_s, abs=0.2)


def test_bye_waits_for_the_exchange_to_come_back(scene: Scene) -> None:
    """The phone hangs up while nobody is there, and repeats its BYE."""
    *_, call, answered = pair(scene)
    scene.exchange.crash()
    call.hang_up()
    scene.wait(3)
    scene.exchange.restart()
    scene.wait(5)
    assert call.over
    assert answered.over
    assert scene.exchange.record.reason == "caller_hung_up"


def test_hold_and_resume_after_the_crash(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    scene.exchange.crash_and_restart(1.0)
    for mine, theirs in ((call, answered), (answered, call)):
        mine.offer("sendonly")
        scene.wait()
        assert "a=sendonly" in theirs.offers[-1]
        mine.offer()
        scene.wait()
        assert "a=sendrecv" in theirs.offers[-1]
    call.hang_up()


def test_held_call_is_still_held_after_the_crash(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    call.offer("sendonly")
    scene.wait(10)
    scene.exchange.crash_and_restart(1.0)
    scene.wait(10)
    (live,) = scene.exchange.calls
    assert live.caller.sound.held
    call.offer()
    scene.wait()
    versions = [int(o.split("o=")[1].split()[2]) for o in answered.offers]
    assert versions == sorted(set(versions))
    call.hang_up()
    scene.wait()
    assert scene.exchange.record.legs[0].held_s == pytest.approx(21.0, abs=0.5)


def test_crash_before_anything_was_said(scene: Scene) -> None:
    """The INVITE meets nobody; its copy meets the exchange that has come back."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.exchange.crash()
    call = alice.call("102")
    scene.wait(1.0)
    scene.exchange.restart()
    scene.wait(4.0)
    assert call.rings == [180]
    bob.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()


def test_crash_between_journal_and_network_at_the_start(scene: Scene) -> None:
    """All is written down and nothing was sent: the caller is told to try again, the callee never rang."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(0.025)
    scene.exchange.mute = True
    scene.wait(0.3)
    assert len(scene.exchange.calls) == 1
    assert bob.calls == []
    scene.exchange.crash_and_restart()
    scene.wait(5)
    assert call.refused == 503
    assert scene.exchange.record.reason == "crash_before_answer"
    assert bob.calls == []


@pytest.mark.parametrize("away_s", [0.0, 1.0, 10.0])
def test_ringing_call_is_ended_and_the_caller_may_try_again(scene: Scene, away_s: float) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.crash_and_restart(away_s)
    scene.wait()
    assert call.refused == 503
    assert bob.last.over
    record = scene.exchange.record
    assert (record.result, record.reason, record.sip_status) == ("failed", "crash_before_answer", 503)
    again = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait()
    assert again.up
    again.hang_up()


def test_what_a_ringing_call_says_after_the_crash(scene: Scene) -> None:
    """The 503 fits the INVITE and is repeated; the CANCEL fits ours; the 487 gets its ACK."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    dialog = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 180, tag="c")
    scene.wait(0.1)
    ringing = bob.take(180)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    refused = bob.take(503)
    assert refused.get("Retry-After")
    assert refused.tag("To") == ringing.tag("To")
    assert refused.get("Via") == ringing.get("Via")
    assert refused.get("CSeq") == ringing.get("CSeq")
    cancel = carol.take("CANCEL")
    assert cancel.get("Via") == invite.get("Via")
    assert cancel.get("CSeq") == "1 CANCEL"
    assert cancel.uri == invite.uri
    assert cancel.get("To") == invite.get("To")
    carol.reply(cancel, 200, tag="c")
    carol.reply(invite, 487, tag="c")
    scene.wait(0.1)
    assert carol.take("ACK").get("Via") == invite.get("Via")
    scene.wait(1)
    assert bob.has(503), "not repeated"
    dialog.ack_refusal(refused)
    scene.wait(0.1)
    bob.inbox.clear()
    scene.wait(5)
    assert not bob.has(503)


def test_refusal_that_never_left_is_said_after_the_crash(scene: Scene) -> None:
    """The journal has the end of the call, the caller has not; RFC 3261 knows no timer that would end it there."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    scene.exchange.mute = True
    bob.last.refuse(486)
    scene.wait(0.1)
    assert scene.exchange.record.reason == "busy"
    assert not call.over
    scene.exchange.crash_and_restart()
    scene.wait(1)
    assert call.refused == 486
    assert len(scene.exchange.records) == 1


def test_cancel_that_never_left_is_said_after_the_crash(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    scene.exchange.mute = True
    call.cancel()
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    scene.wait(3)
    assert call.over
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_cancelled"
    assert len(scene.exchange.records) == 1


def test_a_refusal_that_was_heard_long_before_the_crash_is_not_said_again(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    bob.last.refuse(486)
    scene.wait(10)
    assert call.refused == 486
    scene.exchange.crash_and_restart()
    assert not scene.exchange.core.endpoint.servers


def test_callee_answers_while_nobody_is_there(scene: Scene) -> None:
    """Its 200 comes after the restart: the call is ended already, so it gets ACK and BYE."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.crash()
    bob.last.answer()
    scene.wait(1.0)
    scene.exchange.restart()
    scene.wait(5)
    assert call.refused == 503
    assert bob.last.over
    assert not bob.last.offers or bob.last.usage.accepted is None


def test_caller_cancels_while_nobody_is_there(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.crash()
    call.cancel()
    scene.wait(1.0)
    scene.exchange.restart()
    scene.wait(5)
    assert call.over
    assert bob.last.over
    assert len(scene.exchange.records) == 1


def test_answered_but_our_200_never_left(scene: Scene) -> None:
    """Written down, not sent: after the restart the caller gets its 200, and the callee its ACK."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.exchange.mute = True
    scene.wait(0.1)
    assert scene.exchange.calls[0].state.answered_at is not None
    assert call.got(Answer) == []
    scene.exchange.crash_and_restart(0.5)
    scene.wait(8)
    assert call.up
    assert bob.last.up
    assert bob.last.usage.accepted is None, "no ACK came"
    assert len(scene.exchange.calls) == 1
    call.hang_up()
    scene.wait()
    assert bob.last.over
    assert len(scene.exchange.records) == 1


def test_answered_and_the_ack_came_while_nobody_was_there(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    dialog.take_answer(ok)
    scene.exchange.crash()
    dialog.ack()
    scene.wait(0.5)
    scene.exchange.restart()
    scene.wait(0.1)
    again = carol.take(200)
    assert (again.get("To"), again.get("CSeq"), again.get("Via")) == (ok.get("To"), ok.get("CSeq"), ok.get("Via"))
    assert again.body == ok.body
    # A phone that does not repeat its ACK keeps its call.
    scene.wait(60)
    assert len(scene.exchange.calls) == 1
    dialog.request("BYE")
    scene.wait(0.1)
    assert bob.last.over


def test_copies_of_the_invite_after_the_crash_make_no_second_call(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    scene.exchange.crash_and_restart(0.5)
    carol.send(dialog.invite)
    scene.wait(1)
    assert len(scene.exchange.calls) == 1
    assert len(bob.calls) == 1
    dialog.ack()
    dialog.request("BYE")


@pytest.mark.parametrize("moment_s", [0.015, 0.025, 0.035, 0.045, 0.055])
@pytest.mark.parametrize("mute", [False, True])
def test_crash_during_a_new_offer(scene: Scene, moment_s: float, mute: bool) -> None:
    *_, call, answered = pair(scene)
    scene.wait(5)
    call.offer("sendonly")
    if mute:
        scene.wait(moment_s - 0.011)
        scene.exchange.mute = True
        scene.wait(0.011)
    else:
        scene.wait(moment_s)
    scene.exchange.crash_and_restart(1.0)
    scene.wait(40)
    assert len(scene.exchange.records) <= 1
    if scene.exchange.calls:
        # Whoever is up can still hold and hang up.
        if answered.up and not answered.usage.offer_pending:
            answered.offer()
            scene.wait()
        for each in (answered, call):
            if each.up:
                each.hang_up()
                break
        scene.wait(5)
    scene.wait(40)
    assert len(scene.exchange.records) == 1
    scene.strict = False


@pytest.mark.parametrize("mute", [False, True])
def test_crash_after_bye_was_sent(scene: Scene, mute: bool) -> None:
    """The record is closed, and BYE is said once more: it may not have left, and meets 481 if it had."""
    *_, call, answered = pair(scene)
    call.hang_up()
    scene.wait(0.005)
    scene.exchange.mute = mute
    scene.wait(0.01)
    assert len(scene.exchange.records) == 1
    scene.exchange.crash_and_restart(1.0)
    scene.wait(40)
    assert call.over
    assert len(scene.exchange.records) == 1
    assert scene.exchange.calls == []
    assert answered.over


def test_registrations_survive(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.exchange.crash_and_restart(30.0)
    call = alice.call("102")
    scene.wait()
    assert call.rings == [180]
    bob.last.refuse(486)


def test_registrations_that_ran_out_meanwhile_do_not(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.register(60)
    scene.wait()
    scene.exchange.crash_and_restart(61.0)
    scene.wait(1)
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    assert bob.calls == []
    assert len(scene.exchange.core.registrar) == 1


def test_nonces_of_a_former_life_are_stale_and_phones_log_in_again(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.exchange.crash_and_restart()
    bob.register()
    alice.register()
    scene.wait()
    assert bob.registrations[-1].status == alice.registrations[-1].status == 200


def test_crash_of_a_crash(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    for _ in range(3):
        scene.exchange.crash_and_restart(0.5)
    scene.wait(5)
    scene.exchange.crash_and_restart(0.5)
    call.offer("sendonly")
    scene.wait()
    assert answered.got(Offer)
    scene.exchange.crash_and_restart(0.5)
    answered.hang_up()
    scene.wait()
    assert call.over
    assert len(scene.exchange.records) == 1


def test_crash_while_the_ended_call_is_being_cleared(scene: Scene) -> None:
    """A ringing call dies with the first crash, and the second comes before anybody has answered its CANCEL and 503."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.crash_and_restart(0.1)
    scene.exchange.crash_and_restart(0.1)
    scene.wait(40)
    assert len(scene.exchange.records) == 1
    for each in (call, bob.last):
        if not each.over:
            each.refuse() if each is bob.last else each.cancel()
    scene.strict = False


def test_service_goes_on(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("601")
    scene.wait()
    scene.exchange.crash_and_restart(1.0)
    (book,) = scene.exchange.engine.legs.values()
    assert book.source == "tone:440"
    call.offer("sendonly")
    scene.wait()
    assert "a=recvonly" in call.offers[-1]
    call.hang_up()
    scene.wait()
    assert scene.exchange.record.service == "tone:440"


def test_media_died_too(scene: Scene) -> None:
    *_, call, answered = pair(scene)
    scene.exchange.crash()
    scene.exchange.engine.legs.clear()
    scene.exchange.restart()
    scene.wait()
    assert call.over
    assert answered.over
    assert scene.exchange.record.reason == "media_lost"


def test_ports_of_lost_calls_are_given_back(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    alice.call("102")
    scene.wait()
    assert len(scene.exchange.engine.legs) == 1
    scene.exchange.crash_and_restart()
    assert scene.exchange.engine.legs == {}
    scene.wait()
    assert bob.last.over


def test_forked_call_is_ended_everywhere(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("110")
    scene.wait()
    scene.exchange.crash_and_restart(0.5)
    scene.wait()
    assert call.refused == 503
    assert bob.last.over
    assert carol.last.over


def test_forked_call_that_was_answered_keeps_its_winner_only(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("110")
    scene.wait()
    bob.last.answer()
    scene.wait()
    scene.exchange.crash_and_restart(0.5)
    scene.wait()
    assert carol.last.over
    assert bob.last.up
    call.hang_up()
    scene.wait()
    assert bob.last.over


def test_late_offer_call_survives(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102", offer=False)
    scene.wait()
    bob.last.answer()
    scene.wait(40)
    assert call.up
    scene.exchange.crash_and_restart()
    answered = bob.last
    answered.offer("sendonly")
    scene.wait()
    assert "a=sendonly" in call.offers[-1]
    call.hang_up()
    scene.wait()
    assert answered.over


@pytest.mark.parametrize("transport", ["tcp"])
def test_tcp_phones_after_a_crash(scene: Scene, transport: str) -> None:
    """All streams died with the process. The phone that connects anew ends the call; the other is told if it can be."""
    alice, bob = scene.phone("alice", transport=transport), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    scene.exchange.crash_and_restart(1.0)
    alice.flow = call.usage.flow = alice.station.host.flow_to(alice.exchange, "tcp")
    call.hang_up()
    scene.wait()
    assert answered.over
    assert scene.exchange.record.reason == "caller_hung_up"


def test_callee_on_a_dead_stream_cannot_be_told_and_nothing_is_left(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob", transport="tcp")
    call, _ = scene.talking(alice, bob)
    scene.exchange.crash_and_restart(1.0)
    scene.network.detach(bob.address)
    call.hang_up()
    scene.wait(1)
    assert call.over
    assert scene.exchange.core.calls.by_tag == {}
    scene.strict = False


def test_answer_in_describes_nothing_new(scene: Scene) -> None:
    """The description after the crash goes on from the one before: same session, a version far ahead."""
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = RawDialog.authenticated(carol, "102", scene.wait)
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    dialog.take_answer(ok)
    dialog.ack()
    scene.wait(40)
    scene.exchange.crash_and_restart()
    dialog.request("INVITE", describe(carol.address[0], 4010, version=2, way="sendonly"))
    scene.wait(0.2)
    new = carol.take(200)
    dialog.ack()

    def origin(body: str) -> list[str]:
        return next(line for line in body.splitlines() if line.startswith("o=")).split()

    assert origin(new.body)[1] == origin(ok.body)[1]
    assert int(origin(new.body)[2]) == int(origin(ok.body)[2]) + 1001
    dialog.request("BYE")
