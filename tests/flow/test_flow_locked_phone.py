"""A locked telephone (PIN-6, K.1): it is rung, and may call for help; nothing else."""

from __future__ import annotations

import msgspec
import pytest

from dialplan import model as m
from records import events as e
from switch.control import Refused
from tests.support.exchange import house
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_a_locked_telephone_is_rung_and_calls_for_help_alone(crash: str) -> None:
    features = {"*5": "unlock", "*78": "dnd_on", "*67": "hide_caller_id"}
    scene = Scene(model=m.versioned(msgspec.structs.replace(house(), features=features)))
    carrier, alice, bob = scene.carrier(), scene.phone("alice"), scene.raw("bob")
    assert scene.exchange.set("device:bob", "lock on").locked
    assert scene.exchange.set("device:bob", "").locked
    if crash == "state file":
        scene.exchange.save_facts()
    if crash != "no":
        scene.exchange.crash_and_restart()
    for dialled in ("101", "2125550100", "*78", "*67101"):
        call = RawDialog.authenticated(bob, dialled, scene.wait)
        scene.wait(0.1)
        refusal = bob.take(403)
        assert refusal.get("Reason") == 'SIP;cause=403;text="Telephone Locked"'
        call.ack_refusal(refusal)
    call = RawDialog.authenticated(bob, "*51234", scene.wait)
    scene.wait(0.1)
    refusal = bob.take(403)
    assert refusal.get("Reason") == 'SIP;cause=403;text="Feature Not Available"', "its unlock code is understood"
    call.ack_refusal(refusal)
    RawDialog.authenticated(bob, "911", scene.wait)
    scene.wait(0.1)
    invite = carrier.take("INVITE")
    assert "911" in invite.uri
    carrier.reply(invite, 486, tag="c")
    scene.wait(0.1)
    call = alice.call("102")
    scene.wait(0.1)
    ringing = bob.take("INVITE")
    bob.reply(ringing, 180, tag="b")
    scene.wait(0.1)
    call.cancel()
    scene.wait(0.1)
    assert not scene.exchange.core.facts.settings("bob")
    scene.exchange.set("device:bob", "lock off")
    RawDialog.authenticated(bob, "101", scene.wait)
    scene.wait(0.1)
    assert alice.calls[-1] is not call
    said = [(each.line, each.key, each.value, each.by) for each in scene.exchange.events if isinstance(each, e.LineSet)]
    assert said == [("device:bob", "lock", "on", "operator:test"), ("device:bob", "lock", "", "operator:test")]


@pytest.mark.parametrize(
    ("name", "words", "message", "hint"),
    [
        ("device:bobb", "lock on", "there is no telephone “bobb”", "did you mean `bob`?"),
        ("device:bob", "dnd on", "“dnd on” says nothing that can be set for a telephone", "  lock on|off"),
        ("device:bob", "lock", "“lock” says nothing that can be set for a telephone", "  lock on|off"),
        ("bob", "lock on", "“lock on” says nothing that can be set", "  dnd on|off"),
    ],
)
def test_what_cannot_be_set_for_a_telephone(name: str, words: str, message: str, hint: str) -> None:
    scene = Scene()
    with pytest.raises(Refused) as refused:
        scene.exchange.set(name, words)
    assert (refused.value.message, refused.value.details[0]) == (message, hint)
    assert not scene.exchange.events
