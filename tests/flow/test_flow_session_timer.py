"""Session timers (RFC 4028) over hours of virtual time: each leg has its own, and they outlive the exchange's death."""

from __future__ import annotations

import pytest

from switch.calls.context import CallSettings
from switch.sip.session_timer import SessionSettings
from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

TIMER = ("Supported: timer", "Session-Expires: 1800;refresher=uac")
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"


def pair(
    scene: Scene, caller: tuple[str, ...] = (), called: tuple[str, ...] = (), number: str = "103"
) -> tuple[RawDialog, RawDialog, Text]:
    """Bob called Carol with those header lines, and she answered with those; Bob's 200."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, number, scene.wait, headers=caller)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c", headers=called)
    two = RawDialog.of_invite(carol, invite, "c")
    scene.wait(0.1)
    carol.take("ACK")
    answer = bob.take(200)
    one.take_answer(answer)
    one.ack()
    scene.wait(0.1)
    bob.inbox.clear()
    return one, two, answer


def end(scene: Scene, one: RawDialog, other: RawPhone) -> None:
    one.request("BYE")
    scene.wait(0.1)
    other.reply(other.take("BYE"), 200)
    one.phone.take(200)


def both_ended(scene: Scene, one: RawDialog, two: RawDialog) -> list[str]:
    """Both sides get a BYE; its reasons."""
    reasons = []
    for side in (one, two):
        bye = side.phone.take("BYE")
        reasons.append(bye.get("Reason"))
        side.phone.reply(bye, 200)
    scene.wait(0.1)
    return reasons


def test_nobody_who_does_not_know_it_is_asked(scene: Scene) -> None:
    one, two, answer = pair(scene)
    assert answer.get("Session-Expires") == ""
    scene.wait(7200)
    assert not one.phone.inbox
    assert not two.phone.inbox
    end(scene, one, two.phone)


def test_our_invite_offers_it(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    assert "timer" in invite.get("Supported")
    assert invite.get("Session-Expires") == "1800"
    carol.reply(invite, 486, tag="c")
    scene.wait(0.1)
    one.ack_refusal(bob.take(486))


def test_a_caller_who_does_not_refresh_is_taken_for_dead(scene: Scene) -> None:
    """Section 10: BYE 32 s before the interval is over, on both legs, with an ending of its own."""
    one, two, answer = pair(scene, TIMER)
    assert answer.get("Session-Expires") == "1800;refresher=uac"
    assert answer.get("Require") == "timer"
    scene.wait(1767)
    assert not one.phone.has("BYE")
    scene.wait(2)
    assert 'text="session timer expired"' in both_ended(scene, one, two)[0]
    record = scene.exchange.record
    assert (record.result, record.reason) == ("answered", "session_expired")


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_caller_who_refreshes_for_hours(scene: Scene, method: str) -> None:
    one, two, _ = pair(scene, TIMER)
    for n in range(10):
        scene.wait(900)
        one.request(method, describe("192.0.2.22") if method == "INVITE" else "", TIMER)
        scene.wait(0.1)
        assert not two.phone.has("INVITE")
        final = one.phone.take(200)
        assert final.get("Session-Expires") == "1800;refresher=uac", n
        if method == "INVITE":
            one.ack()
            scene.wait(0.1)
    scene.wait(1760)
    assert len(scene.exchange.calls) == 1
    end(scene, one, two.phone)


@pytest.mark.parametrize("update", [True, False])
def test_we_refresh_both_legs_at_half_of_the_interval(scene: Scene, update: bool) -> None:
    """By UPDATE where it is allowed, else by a re-INVITE with the session as it is."""
    allow = (ALLOW,) if update else ()
    caller = ("Supported: timer", "Session-Expires: 1200;refresher=uas", *allow)
    called = ("Require: timer", "Session-Expires: 900;refresher=uac", *allow)
    one, two, answer = pair(scene, caller, called)
    assert answer.get("Session-Expires") == "1200;refresher=uas"
    method = "UPDATE" if update else "INVITE"
    seen = {one.phone.user: 0, two.phone.user: 0}
    described: dict[str, set[str]] = {"bob": {answer.body}, "carol": {two.phone.seen[-2].body} - {""}}
    for _ in range(72):
        scene.wait(150)
        for dialog, value in ((one, "1200"), (two, "900")):
            phone = dialog.phone
            while phone.has(method):
                request = phone.take(method)
                seen[phone.user] += 1
                assert request.get("Session-Expires") == f"{value};refresher=uac"
                if not update:
                    described[phone.user].add(request.body)
                phone.reply(
                    request,
                    200,
                    "" if update else describe(phone.address[0]),
                    headers=("Require: timer", f"Session-Expires: {value};refresher=uac"),
                )
                scene.wait(0.1)
                if not update:
                    phone.take("ACK")
    # Three hours: every 600 s (and 150 s until we look), every 450 s.
    assert 14 <= seen["bob"] <= 18
    assert 18 <= seen["carol"] <= 24
    assert len(described["bob"]) == 1
    assert len(scene.exchange.calls) == 1
    end(scene, one, two.phone)


def test_a_refresh_that_meets_silence_ends_the_call(scene: Scene) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    scene.wait(300)
    one.phone.take("UPDATE")
    scene.wait(33)
    both_ended(scene, one, two)
    assert scene.exchange.record.reason == "dialog_lost"


def test_a_refresh_that_is_refused_is_tried_again_until_the_end(scene: Scene) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    tried = set()
    for _ in range(600):
        scene.wait(1)
        while one.phone.has("UPDATE"):
            update = one.phone.take("UPDATE")
            tried.add(update.get("CSeq"))
            one.phone.reply(update, 503)
    assert len(tried) == 7
    both_ended(scene, one, two)
    assert scene.exchange.record.reason == "session_expired"


def test_a_telephone_that_takes_no_update_after_all_is_refreshed_by_reinvite(scene: Scene) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    scene.wait(300)
    one.phone.reply(one.phone.take("UPDATE"), 405)
    scene.wait(0.1)
    again = one.phone.take("INVITE")
    one.phone.reply(again, 200, describe("192.0.2.22"), headers=("Session-Expires: 600;refresher=uac",))
    scene.wait(0.1)
    one.phone.take("ACK")
    scene.wait(300)
    again = one.phone.take("INVITE")
    one.phone.reply(again, 200, describe("192.0.2.22"))  # without Session-Expires: the timer is off from now on
    scene.wait(0.1)
    one.phone.take("ACK")
    scene.wait(3600)
    assert not one.phone.inbox
    end(scene, one, two.phone)


@pytest.mark.parametrize("service", [True, False])
def test_we_refresh_who_listens_to_a_service(scene: Scene, service: bool) -> None:
    """600 is the echo; 102 nobody but a caller."""
    bob = scene.raw("bob")
    one = RawDialog.authenticated(
        bob, "600" if service else "601", scene.wait, headers=("Supported: timer", "Session-Expires: 600")
    )
    scene.wait(0.1)
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(300)
    again = bob.take("INVITE")
    bob.reply(again, 200, describe("192.0.2.22"), headers=("Session-Expires: 600;refresher=uac",))
    scene.wait(0.1)
    bob.take("ACK")
    one.request("BYE")
    scene.wait(0.1)
    bob.take(200)


# -- 422 --------------------------------------------------------------------------------------------------------------

LONG = {"settings": CallSettings(sessions=SessionSettings(interval_s=3600, min_s=600))}


@pytest.mark.parametrize("scene", [LONG], indirect=True)
def test_too_short_a_wish_of_a_caller_is_422(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait, headers=("Supported: timer", "Session-Expires: 300"))
    scene.wait(0.1)
    refused = bob.take(422)
    assert refused.get("Min-SE") == "600"
    one.ack_refusal(refused)
    assert not carol.has("INVITE")
    one, two, answer = pair_again(scene, bob, carol, ("Supported: timer", "Session-Expires: 600", "Min-SE: 600"))
    assert answer.get("Session-Expires") == "600;refresher=uas"
    # And in the dialog, by either method, without harm.
    for method in ("UPDATE", "INVITE"):
        body = describe("192.0.2.22") if method == "INVITE" else ""
        one.request(method, body, ("Supported: timer", "Session-Expires: 90"))
        scene.wait(0.1)
        refused = bob.take(422)
        assert refused.get("Min-SE") == "600"
        if method == "INVITE":
            one.ack_refusal(refused)
    end(scene, one, two.phone)


def pair_again(
    scene: Scene, bob: RawPhone, carol: RawPhone, headers: tuple[str, ...]
) -> tuple[RawDialog, RawDialog, Text]:
    one = RawDialog.authenticated(bob, "103", scene.wait, headers=headers)
    scene.wait(0.1)
    invite = scene.taken(carol, "c")
    answer = bob.take(200)
    one.take_answer(answer)
    one.ack()
    scene.wait(0.1)
    return one, RawDialog.of_invite(carol, invite, "c"), answer


def test_422_of_the_called_side_is_met_with_a_longer_interval(scene: Scene) -> None:
    """Section 7.3: the same call, the next number, its Min-SE."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    first = carol.take("INVITE")
    carol.reply(first, 422, tag="x", headers=("Min-SE: 3600",))
    scene.wait(0.1)
    carol.take("ACK")
    second = carol.take("INVITE")
    assert second.get("Call-ID") == first.get("Call-ID")
    assert second.get("CSeq") == "2 INVITE"
    assert (second.get("Session-Expires"), second.get("Min-SE")) == ("3600", "3600")
    assert second.body == first.body
    carol.reply(second, 200, describe("192.0.2.23"), tag="c", headers=("Session-Expires: 3600;refresher=uac",))
    scene.wait(0.1)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    end(scene, one, carol)


def test_422_for_ever_is_bounded(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    for n in range(1, 4):
        carol.reply(carol.take("INVITE"), 422, tag=f"x{n}", headers=(f"Min-SE: {3600 * n}",))
        scene.wait(0.1)
    assert not carol.has("INVITE")
    one.ack_refusal(bob.take(480))


def test_crash_between_422_and_the_answer_cancels_the_invite_that_stands(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 422, tag="x", headers=("Min-SE: 3600",))
    scene.wait(0.1)
    second = carol.take("INVITE")
    carol.reply(second, 180, tag="c")
    scene.wait(0.1)
    scene.exchange.crash_and_restart()
    scene.wait(0.1)
    cancel = carol.take("CANCEL")
    assert cancel.get("Via").split("branch=")[1][:12] == second.get("Via").split("branch=")[1][:12]
    assert cancel.get("CSeq") == "2 CANCEL"
    carol.reply(cancel, 200)
    carol.reply(second, 487, tag="c")
    one.ack_refusal(bob.take(503))


def test_422_to_a_refresh_of_ours(scene: Scene) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    scene.wait(300)
    one.phone.reply(one.phone.take("UPDATE"), 422, headers=("Min-SE: 1200",))
    scene.wait(0.1)
    again = one.phone.take("UPDATE")
    assert again.get("Session-Expires") == "1200;refresher=uac"
    one.phone.reply(again, 200, headers=("Session-Expires: 1200;refresher=uac",))
    scene.wait(590)
    assert not one.phone.has("UPDATE")
    scene.wait(20)
    one.phone.reply(one.phone.take("UPDATE"), 200, headers=("Session-Expires: 1200;refresher=uac",))
    end(scene, one, two.phone)


# -- crashes and crossings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours", [True, False])
def test_timers_survive_a_crash(scene: Scene, ours: bool) -> None:
    refresher = "uas" if ours else "uac"
    one, two, _ = pair(scene, ("Supported: timer", f"Session-Expires: 1800;refresher={refresher}", ALLOW))
    scene.wait(600)
    scene.exchange.crash_and_restart(5.0)
    if ours:
        scene.wait(290)
        assert not one.phone.has("UPDATE")
        scene.wait(10)
        one.phone.reply(one.phone.take("UPDATE"), 200, headers=("Session-Expires: 1800;refresher=uac",))
        scene.wait(0.1)
        one.phone.inbox.clear()
        scene.exchange.crash_and_restart()
        scene.wait(890)
        assert not one.phone.has("UPDATE")
        scene.wait(20)
        one.phone.reply(one.phone.take("UPDATE"), 200, headers=("Session-Expires: 1800;refresher=uac",))
        end(scene, one, two.phone)
    else:
        scene.wait(1150)
        assert len(scene.exchange.calls) == 1
        scene.wait(20)
        both_ended(scene, one, two)
        assert scene.exchange.record.reason == "session_expired"


def test_a_refresh_that_fell_into_our_absence_may_be_repeated(scene: Scene) -> None:
    one, two, _ = pair(scene, TIMER)
    scene.wait(880)
    scene.exchange.crash_and_restart(1500.0)
    scene.wait(20)
    one.request("UPDATE", "", TIMER)
    scene.wait(0.1)
    one.phone.take(200)
    scene.wait(1700)
    assert len(scene.exchange.calls) == 1
    end(scene, one, two.phone)


def test_a_refresh_of_ours_crosses_hold(scene: Scene) -> None:
    """Bob's hold meets our refresh of Bob, which carries no offer: both pass."""
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    scene.wait(300)
    refresh = one.phone.take("UPDATE")
    one.request("INVITE", describe("192.0.2.22", way="sendonly", version=2), TIMER)
    scene.wait(0.1)
    one.phone.reply(refresh, 200, headers=("Session-Expires: 600;refresher=uac",))
    again = two.phone.take("INVITE")
    two.phone.reply(again, 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.1)
    two.phone.take("ACK")
    final = one.phone.take(200)
    assert final.get("Session-Expires") == "1800;refresher=uac"
    one.ack()
    scene.wait(0.1)
    assert scene.exchange.calls[0].state.legs[0].held
    end(scene, one, two.phone)


def test_a_refresh_by_reinvite_crosses_hold(scene: Scene) -> None:
    """Both are offers: 491 both ways, and both are tried again (RFC 3261 section 14.1)."""
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas"))
    scene.wait(300)
    refresh = one.phone.take("INVITE")
    one.request("INVITE", describe("192.0.2.22", way="sendonly", version=2))
    one.phone.reply(refresh, 491)
    scene.wait(0.1)
    one.ack_refusal(one.phone.take(491))
    one.phone.take("ACK")
    one.request("INVITE", describe("192.0.2.22", way="sendonly", version=2))
    scene.wait(0.1)
    two.phone.reply(two.phone.take("INVITE"), 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.1)
    two.phone.take("ACK")
    one.phone.take(200)
    one.ack()
    scene.wait(150)
    assert scene.exchange.calls[0].state.legs[0].held
    # This re-INVITE said nothing of a timer (and Bob no longer knows it), so there is none any more.
    assert not one.phone.inbox
    end(scene, one, two.phone)


@pytest.mark.parametrize("by_us", [True, False])
def test_bye_crosses_a_refresh(scene: Scene, by_us: bool) -> None:
    one, two, _ = pair(scene, ("Supported: timer", "Session-Expires: 600;refresher=uas", ALLOW))
    scene.wait(300)
    refresh = one.phone.take("UPDATE")
    if by_us:
        two.request("BYE")
        scene.wait(0.1)
        two.phone.take(200)
        one.phone.reply(one.phone.take("BYE"), 200)
        one.phone.reply(refresh, 481)
    else:
        one.request("BYE")
        one.phone.reply(refresh, 481)
        scene.wait(0.1)
        one.phone.take(200)
        two.phone.reply(two.phone.take("BYE"), 200)
    scene.wait(0.1)
    assert scene.exchange.record.reason == ("callee_hung_up" if by_us else "caller_hung_up")


def test_302_of_a_telephone_is_no_answer_for_the_caller(scene: Scene) -> None:
    """The dialplan decides who else rings; the caller is told what he can make something of."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 302, tag="c", headers=("Contact: <sip:elsewhere@example.com>",))
    scene.wait(0.1)
    refused = bob.take(480)
    assert "elsewhere" not in repr(refused.headers)
    one.ack_refusal(refused)


def test_an_emergency_call_is_not_refused_for_its_session_interval(scene: Scene) -> None:
    """OUT-6: nothing of that kind stands before it."""
    bob, carrier = scene.raw("bob"), scene.carrier()
    one = RawDialog.authenticated(bob, "911", scene.wait, headers=("Supported: timer", "Session-Expires: 30"))
    scene.wait(0.1)
    scene.taken(carrier, "e")
    answer = bob.take(200)
    assert answer.get("Session-Expires").startswith("90;")
    one.take_answer(answer)
    one.ack()
    scene.wait(0.1)
    one.request("BYE")
    scene.wait(0.1)
    bob.take(200)
    carrier.reply(carrier.take("BYE"), 200)
