"""Whatever stands in the way: who calls for help gets through (OUT-6, EMG-5, EMG-6)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from dialplan import model as m
from tests.flow.test_flow_emergency import company, scene_of
from tests.flow.test_flow_reliable import acked
from tests.support.exchange import CARRIER, carrier, changed, house
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

OPTIONS = ("Require: nobody-knows-this", "Proxy-Require: precondition")


def offering(codec: str, name: str) -> str:
    """A description with nothing but one codec."""
    text = describe("192.0.2.21", formats=codec)
    return text.replace("a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000", f"a=rtpmap:{codec} {name}/8000")


def through(scene: Scene, alice: RawPhone, dialog: RawDialog, answer: str = "") -> None:
    """The carrier is called, answers, and they talk."""
    itsp = scene.carrier()
    scene.wait(0.2)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 200, answer or describe(CARRIER[0]), tag="e")
    scene.wait(0.2)
    itsp.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    scene.wait(0.2)
    assert [call.for_help for call in scene.exchange.calls] == [True]
    dialog.request("BYE")
    scene.wait(0.2)
    itsp.reply(itsp.take("BYE"), 200)
    scene.wait(0.2)
    scene.finish()


@pytest.mark.parametrize(
    "dialled",
    [
        "9911", "911%23", "sip:9-1-1@pbx.example.com", "tel:911", "tel:911;phone-context=+1", "tel:9-1-1", "+911",
        "+1911", "urn:service:sos", "urn:service:sos.fire", "URN:service:SOS", "112",
        "sip:911;phone-context=x@pbx.example.com;user=phone", "sip:911@elsewhere.example", "sips:911@pbx.example.com",
        "sip:urn%3aservice%3asos@pbx.example.com",
    ],
)  # fmt: skip
def test_in_whatever_form(dialled: str) -> None:
    scene = scene_of()
    alice = scene.raw("alice")
    through(scene, alice, RawDialog.authenticated(alice, dialled, scene.wait))


@pytest.mark.parametrize("header", [*OPTIONS, "Session-Expires: 1", "Privacy: critical", "Expires: 1"])
def test_whatever_the_telephone_wants_besides(header: str) -> None:
    scene = scene_of()
    alice = scene.raw("alice")
    through(scene, alice, RawDialog.authenticated(alice, "911", scene.wait, None, (header,)))


@pytest.mark.parametrize("offer", [offering("18", "G729"), offering("77", "odd")])
def test_by_whatever_codec(offer: str) -> None:
    scene = scene_of()
    alice = scene.raw("alice")
    through(
        scene, alice, RawDialog.authenticated(alice, "911", scene.wait, offer), offer.replace("192.0.2.21", CARRIER[0])
    )


def test_from_a_telephone_that_is_not_registered() -> None:
    scene = scene_of()
    alice = scene.raw("alice", register=False)
    through(scene, alice, RawDialog.authenticated(alice, "911", scene.wait))


def test_by_a_message_that_is_very_long() -> None:
    scene = scene_of()
    alice = scene.raw("alice")
    more = tuple(f"X-Long-{n}: {'x' * 1000}" for n in range(40))
    through(scene, alice, RawDialog.authenticated(alice, "911", scene.wait, None, more))


@pytest.mark.parametrize("what", ["dnd on", "forward always carol"])
def test_whatever_the_user_has_set(what: str) -> None:
    scene = scene_of()
    alice = scene.raw("alice")
    scene.exchange.set("alice", what)
    through(scene, alice, RawDialog.authenticated(alice, "911", scene.wait))


def new_model(scene: Scene) -> None:
    scene.exchange.use_model(m.versioned(msgspec.structs.replace(company("line:bob"), default_trunk="")))


def no_trunks(scene: Scene) -> None:
    scene.exchange.use_trunks({})


def other_trunks(scene: Scene) -> None:
    scene.exchange.use_trunks({"carrier": carrier("carrier", ("192.0.2.250", 5060))})


def no_devices(scene: Scene) -> None:
    scene.exchange.use_model(
        m.versioned(msgspec.structs.replace(house(), devices={}, lines={}, emergency=m.Emergency()))
    )


def hand_over(scene: Scene) -> None:
    scene.exchange.hand_over()
    scene.wait(0.2)


@pytest.mark.parametrize("what", [new_model, no_trunks, other_trunks, no_devices, hand_over])
@pytest.mark.parametrize("rings", [False, True])
def test_what_changes_while_it_rings_does_not_end_it(what: Callable[[Scene], None], rings: bool) -> None:
    scene = scene_of("line:carol")
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180 if rings else 100, tag="e" if rings else "")
    scene.wait(0.2)
    what(scene)
    scene.wait(0.5)
    assert not itsp.has("CANCEL") and not call.over
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.5)
    itsp.take("ACK")
    assert call.up and scene.exchange.calls[0].for_help
    scene.wait(30)
    assert call.up
    scene.over(call, itsp)
    scene.wait(60)
    scene.finish()


def test_it_may_ring_for_long() -> None:
    """Those who help may have many calls waiting: nobody but the caller gives up one that rings."""
    scene = scene_of()
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180, tag="e")
    scene.wait(500)
    assert not itsp.has("CANCEL") and not call.over
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.5)
    itsp.take("ACK")
    scene.over(call, itsp)
    scene.finish()


@pytest.mark.parametrize(("status", "upgrade"), [(180, False), (180, True), (183, False)])
def test_while_it_rings_the_caller_is_told_so_every_minute(status: int, upgrade: bool) -> None:
    """RFC 3261 section 13.3.1.1: proxies between would give it up after three minutes."""
    scene = scene_of()
    alice, itsp = scene.raw("alice"), scene.carrier()
    dialog = RawDialog.authenticated(alice, "911", scene.wait)
    scene.wait(0.2)
    invite = itsp.take("INVITE")
    itsp.reply(invite, status, describe(CARRIER[0]) if status == 183 else "", tag="e")
    scene.wait(0.2)
    first = alice.take(status)
    if upgrade:
        scene.exchange.hand_over()
    for _ in range(100):
        scene.wait(3)
        scene.exchange.look()
    scene.wait(0.2)
    for _ in range(5):
        assert alice.take(status).body == first.body
    assert not alice.has(status)
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.2)
    itsp.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    for _ in range(30):
        scene.wait(3)
        scene.exchange.look()
    assert not alice.has(status)
    dialog.request("BYE")
    scene.wait(0.2)
    itsp.reply(itsp.take("BYE"), 200)
    scene.wait(0.2)
    scene.finish()


@pytest.mark.parametrize(("wants", "reliably"), [("Supported: 100rel", False), ("Require: 100rel", True)])
def test_what_the_caller_has_acknowledged_is_not_repeated(wants: str, reliably: bool) -> None:
    """RFC 3262 section 3: another response says each minute that it rings, reliably where that is required."""
    scene = scene_of()
    alice, itsp = scene.raw("alice"), scene.carrier()
    dialog = RawDialog.authenticated(alice, "911", scene.wait, None, (wants,))
    scene.wait(0.2)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 183, describe(CARRIER[0]), tag="e")
    scene.wait(0.2)
    acked(scene, dialog, alice.take(183))
    told = []
    for _ in range(100):
        scene.wait(3)
        scene.exchange.look()
        scene.wait(0.1)
        if alice.has(183):
            told.append(alice.take(183))
            if told[-1].get("RSeq"):
                acked(scene, dialog, told[-1])
    assert [(bool(each.get("RSeq")), each.body) for each in told] == [(reliably, "")] * 5
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.2)
    itsp.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    scene.wait(0.2)
    dialog.request("BYE")
    scene.wait(0.2)
    itsp.reply(itsp.take("BYE"), 200)
    scene.wait(0.2)
    scene.finish()


@pytest.mark.parametrize("side", ["caller", "carrier"])
def test_a_media_worker_that_dies_while_it_rings_does_not_end_it(side: str) -> None:
    """EMG-6: there are other ports."""
    scene = scene_of()
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180, tag="e")
    scene.wait(0.1)
    (live,) = scene.exchange.calls
    leg = live.caller if side == "caller" else next(leg for leg in live.legs.values() if leg.index)
    assert leg.sound.lease is not None
    scene.exchange.lose_leg(leg.sound.lease.leg)
    scene.wait(1)
    if itsp.has("CANCEL"):
        itsp.reply(itsp.take("CANCEL"), 200)
        itsp.reply(invite, 487, tag="e")
        scene.wait(0.1)
        invite = itsp.take("INVITE")
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="f")
    scene.wait(0.5)
    itsp.take("ACK")
    assert call.up
    assert any(CARRIER[0] in dict(pair) for pair in scene.exchange.engine.joined()), "they hear each other"
    scene.over(call, itsp)
    scene.wait(60)
    scene.finish()


def test_nothing_of_the_line_is_asked() -> None:
    """A line that is gone, or that may do nothing."""
    scene = Scene(model=changed(company(), alice={"set_up": False}), trunks={"carrier": carrier("carrier", CARRIER)})
    alice = scene.raw("alice")
    through(scene, alice, RawDialog.authenticated(alice, "911", scene.wait))
