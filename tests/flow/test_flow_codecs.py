"""A carrier takes certain codecs only, and the caller has none of them (RFC 3264; EMG-6)."""

from __future__ import annotations

import msgspec

from dialplan import model as m
from tests.support.exchange import HELP, carrier, house
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene

ONE, TWO = ("192.0.2.200", 5060), ("192.0.2.202", 5060)


def test_no_common_codec_with_the_only_carrier() -> None:
    scene = Scene(trunks={"carrier": carrier("carrier", ONE, codecs=("g722",))})
    alice = scene.phone("alice")
    call = alice.call("6692223333")
    scene.wait(1)
    assert call.refused == 488
    assert scene.exchange.record.reason == "media_refused"
    scene.finish()


def test_no_port_is_lost_by_it() -> None:
    scene = Scene(trunks={"carrier": carrier("carrier", ONE, codecs=("g722",))}, media_ports=3)
    alice, bob = scene.phone("alice"), scene.phone("bob")
    for _ in range(10):
        alice.call("6692223333")
        scene.wait(1)
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    scene.wait()
    scene.finish()


def test_a_call_for_help_offers_all_that_it_has_and_goes_on() -> None:
    base = house()
    model = m.versioned(
        msgspec.structs.replace(
            base,
            trunks={name: m.TrunkRule(id=name, profile=base.profile) for name in ("carrier", "other")},
            emergency=m.Emergency(elsewhere=HELP, trunks=("carrier", "other")),
        )
    )
    trunks = {"carrier": carrier("carrier", ONE, codecs=("g722",)), "other": carrier("other", TWO)}
    scene = Scene(model=model, trunks=trunks)
    alice = scene.raw("alice")
    one, two = (RawPhone(scene.network, "carrier", place) for place in (ONE, TWO))
    dialog = RawDialog.authenticated(alice, "911", scene.wait)
    scene.wait(0.1)
    invite = one.take("INVITE")
    assert "RTP/AVP 0 8 101" in invite.body
    one.reply(invite, 488, tag="no")
    scene.wait(0.1)
    two.reply(two.take("INVITE"), 200, describe(TWO[0]), tag="yes")
    scene.wait(0.1)
    two.take("ACK")
    dialog.take_answer(alice.take(200))
    dialog.ack(cseq=2)
    dialog.request("BYE")
    scene.wait(0.1)
    two.reply(two.take("BYE"), 200)
    scene.finish()
