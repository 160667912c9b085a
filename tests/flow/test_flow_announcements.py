"""K.8: refusals are told by voice, before the answer or after one, with the right status; never for emergency calls."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from dialplan import model as m
from dialplan.hours import Hours
from dialplan.lines import Outside, Permission
from media.engine import LegLost, PlayEnded
from switch.calls.context import CallSettings
from switch.features.announcements import BY_NAME, BY_REASON, LONGEST_S
from switch.prompts.texts import REFUSALS, TEXTS
from tests.support.engine import Book
from tests.support.exchange import carrier as carrier_at
from tests.support.exchange import changed, house
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene

EARLY = {"settings": CallSettings(announcements="early")}
ANSWER = {"settings": CallSettings(announcements="answer")}
OFF = {"settings": CallSettings(announcements="off")}


def company() -> m.Model:
    """Bob may call inside alone; Carol's telephone is locked; all others as in the house."""
    model = changed(house(), bob={"outside": Outside(permission=Permission.EMERGENCY)})
    return m.versioned(structs.replace(model, devices={**model.devices}))


def only(scene: Scene) -> Book:
    (book,) = scene.exchange.engine.legs.values()
    return book


def ends(scene: Scene) -> None:
    book = only(scene)
    assert book.tune is not None
    scene.exchange.tell(PlayEnded(book.lease.leg, book.tune.id))
    scene.wait(0.1)


REFUSED = [
    ("bob", "+442079460999", "refused_not_permitted", 403),
    ("alice", "*99", "refused_unknown_code", 404),
    ("alice", "199", "refused_incomplete_number", 484),
    ("alice", "102", "refused_unavailable", 480),
]


@pytest.mark.parametrize("scene", [{**EARLY, "model": company()}], indirect=True)
@pytest.mark.parametrize(("who", "number", "prompt", "status"), REFUSED)
def test_before_the_answer_words_then_the_status(scene: Scene, who: str, number: str, prompt: str, status: int) -> None:
    phone = scene.raw(who)
    dialog = RawDialog.authenticated(phone, number, scene.wait)
    scene.wait(0.1)
    progress = phone.take(183)
    assert progress.audio_port == only(scene).lease.port
    assert only(scene).source == f"file:{prompt}"
    assert only(scene).remote is not None
    scene.wait(5)
    assert not phone.has(status), "not before all is said"
    ends(scene)
    dialog.ack_refusal(phone.take(status))
    record = scene.exchange.record
    assert (record.answered_at, record.sip_status) == (None, status)


@pytest.mark.parametrize("scene", [{**ANSWER, "model": company()}], indirect=True)
@pytest.mark.parametrize(("who", "number", "prompt", "status"), REFUSED)
@pytest.mark.parametrize("crash", [False, True])
def test_after_an_answer_words_then_bye_with_the_status(
    scene: Scene, who: str, number: str, prompt: str, status: int, crash: bool
) -> None:
    phone = scene.raw(who)
    dialog = RawDialog.authenticated(phone, number, scene.wait)
    scene.wait(0.1)
    dialog.take_answer(phone.take(200))
    dialog.ack()
    scene.wait(0.1)
    if crash:
        scene.exchange.crash_and_restart()
    assert only(scene).source == f"file:{prompt}"
    ends(scene)
    bye = phone.take("BYE")
    assert f"SIP;cause={status}" in bye.get("Reason")
    phone.reply(bye, 200)
    scene.wait(0.1)
    assert scene.exchange.record.service.startswith(f"refused:{status}:")


@pytest.mark.parametrize("scene", [{**OFF, "model": company()}], indirect=True)
@pytest.mark.parametrize(("who", "number", "prompt", "status"), REFUSED)
def test_or_the_status_at_once(scene: Scene, who: str, number: str, prompt: str, status: int) -> None:
    phone = scene.raw(who)
    dialog = RawDialog.authenticated(phone, number, scene.wait)
    scene.wait(0.1)
    assert not phone.has(183)
    dialog.ack_refusal(phone.take(status))


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
def test_without_an_offer_the_status_comes_at_once(scene: Scene) -> None:
    phone = scene.raw("alice")
    dialog = RawDialog.authenticated(phone, "199", scene.wait, "")
    scene.wait(0.1)
    dialog.ack_refusal(phone.take(484))
    assert not scene.exchange.engine.legs


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
def test_without_a_codec_of_ours_the_status_comes_at_once(scene: Scene) -> None:
    phone = scene.raw("alice")
    body = describe("192.0.2.21").replace("RTP/AVP 0 8 101", "RTP/AVP 18").replace("RTP/AVP 0", "RTP/AVP 18")
    dialog = RawDialog.authenticated(phone, "199", scene.wait, body)
    scene.wait(0.1)
    dialog.ack_refusal(phone.take(484))


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
def test_the_status_comes_when_the_words_take_too_long_or_are_lost(scene: Scene) -> None:
    phone = scene.raw("alice")
    for lost in (False, True):
        dialog = RawDialog.authenticated(phone, "199", scene.wait)
        scene.wait(0.1)
        phone.take(183)
        if lost:
            scene.exchange.tell(LegLost(only(scene).lease.leg))
            scene.wait(0.1)
        else:
            scene.wait(LONGEST_S)
        dialog.ack_refusal(phone.take(484))
        scene.wait(0.1)


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
def test_a_caller_who_gives_up_hears_no_more(scene: Scene) -> None:
    phone = scene.raw("alice")
    dialog = RawDialog.authenticated(phone, "199", scene.wait)
    scene.wait(0.1)
    phone.take(183)
    dialog.cancel()
    scene.wait(0.1)
    phone.take(200)
    dialog.ack_refusal(phone.take(487))
    assert not scene.exchange.engine.legs
    assert scene.exchange.record.reason == "caller_cancelled"


@pytest.mark.parametrize("scene", [EARLY, ANSWER], indirect=True)
def test_an_emergency_call_is_not_kept_waiting(scene: Scene) -> None:
    """EMG: no words stand between a call for help and its ending."""
    alice, carrier = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    carrier.reply(carrier.take("INVITE"), 503, tag="x")
    scene.wait(5)
    assert call.refused
    assert not call.up


def quiet_carrier(early_media: bool) -> dict[str, Any]:
    return {"trunks": {"carrier": carrier_at("carrier", ("192.0.2.200", 5060), early_media=early_media)}}


@pytest.mark.parametrize("early_media", [True, False])
def test_a_carrier_that_wants_no_early_media_gets_the_status_at_once(early_media: bool) -> None:
    model = house()
    closed = structs.replace(model.ring_groups["110"], hours="never", time_zone="UTC")
    model = m.versioned(
        structs.replace(
            model,
            ring_groups={"110": closed},
            hours={"never": Hours(id="never")},
            dids={"+12125550111": next(to for number, to in model.extensions.items() if number == "110")},
        )
    )
    scene = Scene(**EARLY, model=model, **quiet_carrier(early_media))
    carrier = scene.carrier()
    dialog = RawDialog.call(carrier, "+12125550111", describe(carrier.address[0]))
    scene.wait(0.1)
    if early_media:
        carrier.take(183)
        assert only(scene).source == "file:refused_closed"
        ends(scene)
    assert not carrier.has(183)
    dialog.ack_refusal(carrier.take(480))
    scene.finish()


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
def test_a_carrier_hears_its_own_words_of_a_number_that_we_have_not(scene: Scene) -> None:
    carrier = scene.carrier()
    dialog = RawDialog.call(carrier, "+12125550199", describe(carrier.address[0]))
    scene.wait(0.1)
    dialog.ack_refusal(carrier.take(404))


def test_all_that_is_told_has_words() -> None:
    assert {*BY_NAME.values(), *BY_REASON.values()} <= TEXTS.keys()
    assert set(REFUSALS) == {*BY_NAME.values(), *BY_REASON.values()} - {"feature_not_available"}


@pytest.mark.parametrize(
    "scene", [{**EARLY, "model": m.versioned(structs.replace(house(), default_trunk=None))}], indirect=True
)
def test_a_number_that_there_is_not(scene: Scene) -> None:
    phone = scene.raw("alice")
    dialog = RawDialog.authenticated(phone, "199", scene.wait)
    scene.wait(0.1)
    phone.take(183)
    assert only(scene).source == "file:refused_not_found"
    ends(scene)
    dialog.ack_refusal(phone.take(404))


@pytest.mark.parametrize("scene", [EARLY], indirect=True)
@pytest.mark.parametrize("acknowledges", [True, False])
def test_a_caller_with_reliable_18x_hears_it_too(scene: Scene, acknowledges: bool) -> None:
    """RFC 3262: a refusal may follow a 183 that was not acknowledged yet."""
    phone = scene.raw("alice")
    dialog = RawDialog.authenticated(phone, "199", scene.wait, headers=("Require: 100rel",))
    scene.wait(0.1)
    progress = phone.take(183)
    assert progress.get("RSeq")
    if acknowledges:
        dialog.take_answer(progress)
        cseq = progress.get("CSeq").split()[0]
        dialog.request("PRACK", headers=(f"RAck: {progress.get('RSeq')} {cseq} INVITE",))
        scene.wait(0.1)
        phone.take(200)
    ends(scene)
    dialog.ack_refusal(phone.take(484))
    scene.wait(1)
    assert scene.exchange.record.sip_status == 484
