"""UPDATE in a call that stands (RFC 3311), and what becomes of offers that are refused, taken back or cross
(RFC 6337)."""

from __future__ import annotations

import pytest

from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

ALLOW = ("Allow: INVITE, ACK, BYE, CANCEL, UPDATE",)


def pair(scene: Scene, *, one_updates: bool = True, two_updates: bool = True) -> tuple[RawDialog, RawDialog]:
    """Bob called Carol, they talk."""
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait, headers=ALLOW if one_updates else ())
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0]), tag="c", headers=ALLOW if two_updates else ())
    two = RawDialog.of_invite(carol, invite, "c")
    scene.wait(0.1)
    carol.take("ACK")
    one.take_answer(bob.take(200))
    one.ack()
    scene.wait(0.1)
    bob.inbox.clear()
    return one, two


def offer(dialog: RawDialog, version: int = 2, way: str = "sendonly", method: str = "UPDATE") -> None:
    dialog.request(method, describe(dialog.phone.address[0], way=way, version=version))


def end(scene: Scene, one: RawDialog, other: RawPhone) -> None:
    one.request("BYE")
    scene.wait(0.1)
    other.reply(other.take("BYE"), 200)
    one.phone.take(200)


def direction(message: Text) -> str:
    return next(line[2:] for line in message.body.splitlines() if line[2:] in WAYS)


WAYS = ("sendrecv", "sendonly", "recvonly", "inactive")


@pytest.mark.parametrize("caller_asks", [True, False])
def test_hold_by_update_passes_end_to_end(scene: Scene, caller_asks: bool) -> None:
    one, two = pair(scene)
    asker, asked = (one, two) if caller_asks else (two, one)
    offer(asker)
    scene.wait(0.05)
    update = asked.phone.take("UPDATE")
    assert direction(update) == "sendonly"
    assert update.get("Contact")
    asked.phone.reply(update, 200, describe(asked.phone.address[0], way="recvonly", version=2))
    scene.wait(0.05)
    answer = asker.phone.take(200)
    assert answer.get("CSeq").endswith("UPDATE")
    assert direction(answer) == "recvonly"
    (call,) = scene.exchange.calls
    assert [leg.held for leg in call.state.legs.values()] == [caller_asks, not caller_asks]
    end(scene, one, two.phone)


def test_update_becomes_a_reinvite_where_the_other_side_does_not_take_it(scene: Scene) -> None:
    one, two = pair(scene, two_updates=False)
    offer(one)
    scene.wait(0.05)
    again = two.phone.take("INVITE")
    assert direction(again) == "sendonly"
    two.phone.reply(again, 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.05)
    two.phone.take("ACK")
    assert direction(one.phone.take(200)) == "recvonly"
    end(scene, one, two.phone)


@pytest.mark.parametrize("status", [405, 501])
def test_an_update_that_is_not_known_after_all_becomes_a_reinvite(scene: Scene, status: int) -> None:
    one, two = pair(scene)
    offer(one)
    scene.wait(0.05)
    two.phone.reply(two.phone.take("UPDATE"), status)
    scene.wait(0.05)
    again = two.phone.take("INVITE")
    assert direction(again) == "sendonly"
    two.phone.reply(again, 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.05)
    two.phone.take("ACK")
    one.phone.take(200)
    end(scene, one, two.phone)


@pytest.mark.parametrize("status", [488, 491, 500, 603])
def test_a_refused_update_leaves_everything_as_it_was(scene: Scene, status: int) -> None:
    """RFC 6337 section 3.4: rollback. The next offer goes on from what was sent, with the content of what holds."""
    one, two = pair(scene)
    before = scene.exchange.engine.joined()
    offer(one)
    scene.wait(0.05)
    two.phone.reply(two.phone.take("UPDATE"), status)
    scene.wait(0.05)
    one.phone.take(status)
    assert scene.exchange.engine.joined() == before
    (call,) = scene.exchange.calls
    assert not any(leg.held for leg in call.state.legs.values())
    # Asked for an offer, we make the one that holds, not the refused one.
    leg = call.legs[1]
    assert b"a=sendrecv" in leg.sound.settled
    end(scene, one, two.phone)


@pytest.mark.parametrize("status", [408, 481])
def test_an_update_that_finds_no_dialog_ends_the_call(scene: Scene, status: int) -> None:
    """RFC 5057: 481 and silence mean that the dialog is gone."""
    one, two = pair(scene)
    offer(one)
    scene.wait(0.05)
    update = two.phone.take("UPDATE")
    if status == 481:
        two.phone.reply(update, 481)
    scene.wait(0.05 if status == 481 else 33)
    one.phone.reply(one.phone.take("BYE"), 200)
    one.phone.take(487)
    two.phone.reply(two.phone.take("BYE"), 481)
    assert scene.exchange.record.reason == "dialog_lost"


def test_update_without_an_offer_moves_the_target(scene: Scene) -> None:
    """RFC 3311 section 5.1: UPDATE is a target refresh, like a re-INVITE."""
    one, two = pair(scene)
    moved = RawPhone(scene.network, "bob", ("192.0.2.22", 5070))
    one.phone = moved
    one.request("UPDATE")
    scene.wait(0.05)
    answer = moved.take(200)
    assert answer.body == ""
    assert "UPDATE" in answer.get("Allow")
    two.request("BYE")
    scene.wait(0.05)
    moved.reply(moved.take("BYE"), 200)
    two.phone.take(200)


def test_update_without_an_offer_survives_a_crash(scene: Scene) -> None:
    one, two = pair(scene)
    moved = RawPhone(scene.network, "bob", ("192.0.2.22", 5070))
    one.phone = moved
    one.request("UPDATE")
    scene.wait(0.05)
    moved.take(200)
    scene.exchange.crash_and_restart()
    scene.wait(0.05)
    # That the other side takes UPDATE is known still, too.
    offer(one, way="inactive")
    scene.wait(0.05)
    two.phone.reply(two.phone.take("UPDATE"), 200, describe("192.0.2.23", way="inactive", version=2))
    scene.wait(0.05)
    moved.take(200)
    end(scene, one, two.phone)


def test_fax_by_update_is_refused_and_the_call_lives(scene: Scene) -> None:
    one, two = pair(scene)
    one.request("UPDATE", "v=0\r\no=- 1 1 IN IP4 192.0.2.22\r\ns=-\r\nt=0 0\r\nm=image 4004 udptl t38\r\n")
    scene.wait(0.05)
    one.phone.take(488)
    end(scene, one, two.phone)


def test_what_an_update_may_not_ask_for(scene: Scene) -> None:
    one, two = pair(scene)
    one.request("UPDATE", headers=("Require: teleport",))
    scene.wait(0.05)
    assert one.phone.take(420).get("Unsupported") == "teleport"
    one.request("UPDATE", "hello", headers=("Content-Type: text/plain",))
    scene.wait(0.05)
    one.phone.take(415)
    end(scene, one, two.phone)


def test_options_in_a_dialog_says_what_we_can_do(scene: Scene) -> None:
    one, two = pair(scene)
    one.request("OPTIONS")
    scene.wait(0.05)
    answer = one.phone.take(200)
    assert {"PRACK", "UPDATE", "INVITE"} <= set(answer.get("Allow").split(", "))
    assert {"100rel", "timer", "path"} <= set(answer.get("Supported").split(", "))
    end(scene, one, two.phone)


# -- glare ------------------------------------------------------------------------------------------------------------


def test_our_update_meets_theirs(scene: Scene) -> None:
    """RFC 3311 section 5.2: 491 while an offer of ours has no answer."""
    one, two = pair(scene)
    offer(one)
    scene.wait(0.05)
    ours = two.phone.take("UPDATE")
    offer(two)
    scene.wait(0.05)
    two.phone.take(491)
    two.phone.reply(ours, 491)
    scene.wait(0.05)
    one.phone.take(491)
    end(scene, one, two.phone)


def test_a_second_update_meets_the_first(scene: Scene) -> None:
    """RFC 3311 section 5.2: 500 with Retry-After while their first one has no answer, whatever the second carries."""
    one, two = pair(scene)
    offer(one)
    scene.wait(0.05)
    ours = two.phone.take("UPDATE")
    offer(one, version=3)
    one.request("UPDATE")
    scene.wait(0.05)
    assert 0 <= int(one.phone.take(500).get("Retry-After")) <= 10
    one.phone.take(500)
    two.phone.reply(ours, 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.05)
    one.phone.take(200)
    end(scene, one, two.phone)


@pytest.mark.parametrize("first", ["INVITE", "UPDATE"])
def test_reinvite_and_update_meet(scene: Scene, first: str) -> None:
    """RFC 6337 section 4: whichever is under way, the other method's is 491 on the other leg and 500 on its own."""
    second = "UPDATE" if first == "INVITE" else "INVITE"
    one, two = pair(scene)
    offer(one, method=first)
    scene.wait(0.05)
    ours = two.phone.take(first)
    offer(two, method=second)
    scene.wait(0.05)
    refused = two.phone.take(491)
    if second == "INVITE":
        two.ack_refusal(refused)
    offer(one, version=3, method=second)
    scene.wait(0.05)
    refused = one.phone.take(500)
    if second == "INVITE":
        one.ack_refusal(refused)
    two.phone.reply(ours, 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.wait(0.05)
    one.phone.take(200)
    if first == "INVITE":
        two.phone.take("ACK")
        one.ack(cseq=one.cseq - 1)
        scene.wait(0.05)
    end(scene, one, two.phone)


def test_update_crosses_bye(scene: Scene) -> None:
    one, two = pair(scene)
    offer(one)
    two.request("BYE")
    scene.wait(0.1)
    two.phone.take(200)
    one.phone.reply(one.phone.take("BYE"), 200)
    assert one.phone.has(481) or one.phone.has(487)
    assert scene.exchange.record.reason == "callee_hung_up"


def test_bye_while_an_update_is_passed_on(scene: Scene) -> None:
    """Both ways: the asker hears 487, the late answer of the asked is nobody's."""
    one, two = pair(scene)
    offer(one)
    scene.wait(0.05)
    ours = two.phone.take("UPDATE")
    two.request("BYE")
    scene.wait(0.05)
    two.phone.take(200)
    one.phone.take(487)
    one.phone.reply(one.phone.take("BYE"), 200)
    two.phone.reply(ours, 200, describe("192.0.2.23", version=2))
    scene.wait(0.1)
    assert not two.phone.has("BYE")


# -- rollback ---------------------------------------------------------------------------------------------------------


def cancelled_too_late(scene: Scene, body: str | None = None) -> tuple[RawDialog, RawDialog, Text]:
    """Bob takes his re-INVITE back while Carol's 200 is on its way."""
    one, two = pair(scene)
    if body is None:
        offer(one, method="INVITE")
    else:
        one.request("INVITE", body)
    scene.wait(0.05)
    ours = two.phone.take("INVITE")
    one.cancel()
    two.phone.reply(ours, 200, describe("192.0.2.23", way="recvonly" if body is None else "sendrecv", version=2))
    scene.wait(0.05)
    one.phone.take(200)
    one.ack_refusal(one.phone.take(487))
    ack = two.phone.take("ACK")
    return one, two, ack


def test_an_answer_that_crosses_the_cancel_is_taken_back(scene: Scene) -> None:
    """Carol took an offer that nobody stands behind any more: a re-INVITE of ours restores what held before."""
    one, two, _ = cancelled_too_late(scene)
    again = two.phone.take("INVITE")
    assert direction(again) == "sendrecv"
    versions = [int(m.body.split("o=ringplan ")[1].split()[1]) for m in two.phone.seen if m.body]
    assert versions == sorted(set(versions)), "each a new version (RFC 3264 section 8)"
    two.phone.reply(again, 200, describe("192.0.2.23", version=3))
    scene.wait(0.05)
    two.phone.take("ACK")
    (call,) = scene.exchange.calls
    assert not any(leg.held for leg in call.state.legs.values())
    assert not call.legs[1].sound.settled
    end(scene, one, two.phone)


@pytest.mark.parametrize("status", [491, 500])
def test_the_correction_is_tried_again_after_glare(scene: Scene, status: int) -> None:
    one, two, _ = cancelled_too_late(scene)
    two.phone.reply(two.phone.take("INVITE"), status)
    scene.wait(2.0)
    two.phone.take("ACK")
    assert not two.phone.has("INVITE")
    scene.wait(2.2)
    two.phone.reply(two.phone.take("INVITE"), 200, describe("192.0.2.23", version=3))
    scene.wait(0.05)
    two.phone.take("ACK")
    end(scene, one, two.phone)


def test_an_offer_of_the_other_side_waits_for_the_correction(scene: Scene) -> None:
    one, two, _ = cancelled_too_late(scene)
    offer(one, version=2, method="UPDATE")
    scene.wait(0.05)
    one.phone.take(491)
    two.phone.reply(two.phone.take("INVITE"), 200, describe("192.0.2.23", version=3))
    scene.wait(0.05)
    two.phone.take("ACK")
    end(scene, one, two.phone)


# -- Reason -----------------------------------------------------------------------------------------------------------


def test_reason_of_a_bye_reaches_the_other_side(scene: Scene) -> None:
    """RFC 3326, the two protocols that are known; nothing else of the header."""
    one, two = pair(scene)
    headers = ('Reason: Q.850;cause=16;text="Normal call clearing"', "Reason: Secret;x=1", "Reason: SIP;cause=200")
    one.request("BYE", headers=headers)
    scene.wait(0.1)
    bye = two.phone.take("BYE")
    assert bye.all("Reason") == ['Q.850;cause=16;text="Normal call clearing"']
    two.phone.reply(bye, 200)
    one.phone.take(200)


def test_reason_of_a_cancel_and_of_a_refusal(scene: Scene) -> None:
    bob, carol = scene.raw("bob"), scene.raw("carol")
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 180, tag="c")
    scene.wait(0.05)
    one.cancel(("Reason: SIP;cause=600",))
    scene.wait(0.05)
    bob.take(200)
    one.ack_refusal(bob.take(487))
    cancel = carol.take("CANCEL")
    assert cancel.get("Reason") == "SIP;cause=600"
    carol.reply(cancel, 200)
    carol.reply(invite, 487, tag="c")
    scene.wait(0.1)
    carol.inbox.clear()
    one = RawDialog.authenticated(bob, "103", scene.wait)
    scene.wait(0.1)
    carol.reply(carol.take("INVITE"), 486, tag="c", headers=("Reason: Q.850;cause=17",))
    scene.wait(0.1)
    refused = bob.take(486)
    assert refused.get("Reason") == "Q.850;cause=17"
    one.ack_refusal(refused)
    carol.take("ACK")


def test_crash_after_the_other_side_took_an_offer_that_nobody_answers_for(scene: Scene) -> None:
    """Carol has taken Bob's hold, Bob's INVITE died with us: what held before is offered to her again."""
    one, two = pair(scene)
    offer(one, method="INVITE")
    scene.wait(0.05)
    two.phone.reply(two.phone.take("INVITE"), 200, describe("192.0.2.23", way="recvonly", version=2))
    scene.exchange.mute = True
    scene.exchange.crash()
    scene.wait(1)
    scene.exchange.restart()
    scene.wait(0.05)
    again = two.phone.take("INVITE")
    assert direction(again) == "sendrecv"
    two.phone.reply(again, 200, describe("192.0.2.23", version=3))
    scene.wait(0.05)
    two.phone.take("ACK")
    (call,) = scene.exchange.calls
    assert not any(leg.sound.settled for leg in call.legs.values())
    end(scene, one, two.phone)
