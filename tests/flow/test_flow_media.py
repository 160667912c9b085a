"""Descriptions of sound on their way through the exchange, and what happens when there is none."""

from __future__ import annotations

import pytest

from media.engine import PlayEnded
from records import events as e
from switch.sip.leg_events import Acked
from tests.support.raw_phone import T38, VIDEO, RawDialog, describe
from tests.support.scene import Scene


def dial(scene: Scene, phone: object, number: str, body: str | None = None, headers: tuple[str, ...] = ()) -> RawDialog:
    return RawDialog.authenticated(phone, number, scene.wait, body, headers)  # type: ignore[arg-type]


def test_each_side_sees_only_our_address(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    for offer in (call.offers[-1], answered.offers[-1]):
        assert "192.0.2.10" in offer
        assert "192.0.2.2" not in offer
    call.hang_up()


@pytest.mark.parametrize("status", [180, 183])
def test_early_media_reaches_the_caller(scene: Scene, status: int) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.rings, bob.early = status, True
    call = alice.call("102")
    scene.wait()
    assert call.rings == [status]
    assert "m=audio" in call.offers[0]
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (bob.address[0], 4000)))}
    bob.last.answer()
    scene.wait()
    assert call.up
    # The early answer and that of the 200 are one: the caller heeds the first only (RFC 3261 section 13.2.1).
    assert call.offers[0] == call.offers[-1]
    call.hang_up()


def test_ringing_first_then_early_media(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 180, tag="c")
    scene.wait(0.1)
    carol.reply(invite, 183, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.reply(invite, 180, tag="c")
    scene.wait(0.1)
    assert call.rings == [180, 183]
    carol.reply(invite, 486, tag="c")


def test_early_media_of_two_phones_the_first_is_heard(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, carol = scene.raw("bob"), scene.raw("carol")
    call = alice.call("110")
    scene.wait(0.1)
    one, two = bob.take("INVITE"), carol.take("INVITE")
    bob.reply(one, 183, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    carol.reply(two, 183, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    assert call.rings == [183]
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (bob.address[0], 4000)))}
    carol.reply(two, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    assert call.up
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (carol.address[0], 4000)))}
    bob.reply(bob.take("CANCEL"), 200, tag="b")
    bob.reply(one, 487, tag="b")
    carol.take("ACK")
    scene.over(call, carol)


def test_the_phone_that_was_heard_early_is_busy_and_the_other_one_is_heard(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, carol = scene.raw("bob"), scene.raw("carol")
    call = alice.call("110")
    scene.wait(0.1)
    one, two = bob.take("INVITE"), carol.take("INVITE")
    bob.reply(one, 183, describe(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.reply(one, 486, tag="b")
    scene.wait(0.1)
    carol.reply(two, 183, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (carol.address[0], 4000)))}
    call.cancel()
    scene.wait(0.1)
    carol.reply(two, 487, tag="c")
    carol.reply(carol.take("CANCEL"), 200, tag="c")


def test_the_answer_stands_in_the_early_media_and_not_in_the_200(scene: Scene) -> None:
    """A 200 without a body after a 183 with one: the answer was given (RFC 6337 section 2, pattern 1)."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 183, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.reply(invite, 200, tag="c")
    scene.wait(0.1)
    assert call.up
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (carol.address[0], 4000)))}
    scene.over(call, carol)


def test_an_answer_without_any_description_cannot_stand(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, tag="c")
    scene.wait(0.1)
    assert call.refused == 488
    carol.take("ACK")
    carol.reply(carol.take("BYE"), 200)
    assert scene.exchange.record.reason == "media_refused"


def test_late_offer_passes_end_to_end(scene: Scene) -> None:
    """INVITE without SDP: the callee offers in its 200, the caller answers in its ACK, the answer goes on in ours."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102", offer=False)
    scene.wait()
    assert bob.last.offers == []
    bob.last.answer()
    scene.wait()
    assert call.up
    assert call.offers[-1].count("m=audio") == 1
    (acked,) = bob.last.got(Acked)
    assert b"m=audio" in acked.body
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (bob.address[0], 4000)))}
    call.hang_up()


def test_late_offer_whose_ack_has_no_answer_ends_the_call(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = dial(scene, carol, "102", "")
    scene.wait(0.1)
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    dialog.take_answer(ok)
    dialog.ack()
    scene.wait(0.1)
    carol.reply(carol.take("BYE"), 200)
    assert bob.last.over
    assert scene.exchange.record.reason == "media_refused"


def test_late_offer_to_a_service(scene: Scene) -> None:
    carol = scene.raw("carol")
    dialog = dial(scene, carol, "600", "")
    scene.wait(0.1)
    ok = carol.take(200)
    port = ok.audio_port
    dialog.take_answer(ok)
    dialog.ack(describe(carol.address[0]))
    scene.wait(0.1)
    book = scene.exchange.engine.at(port)
    assert book.source == "echo"
    assert book.remote is not None
    assert book.remote.address == carol.address[0]
    dialog.request("BYE")
    scene.wait(0.1)
    assert scene.exchange.record.service == "echo"


@pytest.mark.parametrize("number", ["102", "600"])
@pytest.mark.parametrize("late", [False, True])
def test_a_call_that_begins_on_hold(scene: Scene, number: str, *, late: bool) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    bob.answers = True
    held = describe(carol.address[0], way="sendonly")
    dialog = dial(scene, carol, number, "" if late else held)
    scene.wait(0.1)
    dialog.take_answer(carol.take(200))
    dialog.ack(held if late else "")
    scene.wait(10)
    (call,) = scene.exchange.calls
    assert call.state.legs[0].held
    dialog.request("BYE")
    scene.wait(0.1)
    # With a service of ours there is nobody who is kept on hold.
    assert scene.exchange.record.held_s == pytest.approx(10 if number == "102" else 0, abs=0.2)


def test_echo_and_tone_answer_by_themselves(scene: Scene) -> None:
    alice = scene.phone("alice")
    for number, source in (("600", "echo"), ("601", "tone:440")):
        call = alice.call(number)
        scene.wait()
        assert call.up
        (book,) = scene.exchange.engine.legs.values()
        assert book.source == source
        assert book.remote is not None
        assert book.remote.port == 4000
        call.hang_up()
        scene.wait()
    echo, tone = scene.exchange.records
    assert (echo.service, tone.service) == ("echo", "tone:440")
    assert (echo.result, echo.reason) == ("answered", "caller_hung_up")


def test_a_call_to_a_service_is_held_and_taken_back(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("601")
    scene.wait()
    call.offer("sendonly")
    scene.wait()
    assert "a=recvonly" in call.offers[-1]
    call.offer()
    scene.wait()
    assert "a=sendrecv" in call.offers[-1]
    call.offer(empty=True)
    scene.wait()
    assert "m=audio" in call.offers[-1]
    (book,) = scene.exchange.engine.legs.values()
    assert book.source == "tone:440"
    call.hang_up()
    scene.wait()
    assert [event.held for event in scene.exchange.events if isinstance(event, e.LegHeld)] == [True, False]
    assert scene.exchange.record.held_s == 0, "a service of ours is nobody who is kept on hold"


def test_an_announcement_ends_the_call_with_its_own_end(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("602")
    scene.wait()
    (leg,) = scene.exchange.engine.legs
    scene.exchange.tell(PlayEnded(leg))
    scene.wait()
    assert call.over
    assert scene.exchange.record.reason == "callee_hung_up"


def test_video_is_kept_with_port_0(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = dial(scene, carol, "102", describe(carol.address[0], more=VIDEO))
    scene.wait(0.1)
    assert "video" not in bob.last.offers[0]
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    assert [line.split()[:2] for line in ok.body.splitlines() if line.startswith("m=")] == [
        ["m=audio", str(ok.audio_port)],
        ["m=video", "0"],
    ]
    dialog.take_answer(ok)
    dialog.ack()
    dialog.request("BYE")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (T38, 488),
        (describe("192.0.2.23").replace("RTP/AVP", "RTP/SAVP"), 488),
        (describe("192.0.2.23", 0), 488),
        ("v=0\r\nthis is no description\r\n", 400),
        ("\x00\x01\x02", 400),
    ],
)
def test_an_offer_that_cannot_be_served_is_refused_before_anybody_rings(scene: Scene, body: str, status: int) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    dialog = dial(scene, carol, "102", body)
    scene.wait(0.1)
    dialog.ack_refusal(carol.take(status))
    assert bob.calls == []
    assert scene.exchange.records == []


def test_an_answer_that_cannot_be_read_ends_the_call(scene: Scene) -> None:
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, "v=0\r\nnonsense\r\n", tag="c")
    scene.wait(0.1)
    assert call.refused == 488
    carol.take("ACK")
    carol.reply(carol.take("BYE"), 200)


def test_silence_ends_the_call_with_its_own_reason(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    leg = next(iter(scene.exchange.engine.legs))
    scene.exchange.silence(leg)
    scene.wait()
    assert call.over
    assert answered.over
    record = scene.exchange.record
    assert (record.result, record.reason) == ("answered", "media_timeout")
    byes = [p.data for p in scene.network.log if p.start == "BYE"]
    assert len(byes) == 2
    assert all(b'Reason: SIP;cause=408;text="no sound received"' in bye for bye in byes)
    # A second report comes too late to matter.
    scene.exchange.silence(leg)


def test_a_media_worker_dies_and_takes_its_calls_along(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    for leg in list(scene.exchange.engine.legs):
        scene.exchange.lose_leg(leg)
    scene.wait()
    assert call.over
    assert answered.over
    assert scene.exchange.record.reason == "media_lost"


@pytest.mark.parametrize("scene", [{"media_ports": 0}], indirect=True)
def test_no_media_port_is_left_for_the_callee(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    assert bob.calls == []
    assert call.refused in {480, 503}


@pytest.mark.parametrize("scene", [{"media_ports": 1}], indirect=True)
def test_no_media_port_is_left_for_the_caller(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait()
    assert call.refused == 503
    assert bob.last.over
    record = scene.exchange.record
    assert (record.result, record.sip_status) == ("failed", 503)


@pytest.mark.parametrize("scene", [{"media_ports": 0}], indirect=True)
def test_no_media_port_is_left_for_a_service(scene: Scene) -> None:
    alice = scene.phone("alice")
    call = alice.call("600")
    scene.wait()
    assert call.refused == 503


@pytest.mark.parametrize("scene", [{"media_ports": 2}], indirect=True)
def test_ports_are_given_back_and_used_again(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    for _ in range(3):
        call, _answered = scene.talking(alice, bob)
        call.hang_up()
        scene.wait()
    assert len(scene.exchange.records) == 3


def test_avpf_with_ice_and_multiplexing_is_answered_as_plain_rtp(scene: Scene) -> None:
    carol, bob = scene.raw("carol"), scene.phone("bob")
    offer = describe(carol.address[0]).replace("RTP/AVP", "RTP/AVPF")
    offer += "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:efghijklmnopqrstuvwxyz\r\n"
    offer += "a=candidate:1 1 UDP 1 192.0.2.23 4000 typ host\r\n"
    dialog = dial(scene, carol, "102", offer)
    scene.wait(0.1)
    assert "RTP/AVP " in bob.last.offers[0]
    assert "ice" not in bob.last.offers[0]
    bob.last.answer()
    scene.wait(0.1)
    ok = carol.take(200)
    assert "RTP/AVPF" in ok.body
    assert "rtcp-mux" not in ok.body
    assert "ice" not in ok.body
    dialog.take_answer(ok)
    dialog.ack()
    dialog.request("BYE")
