"""Telephones that never subscribe are told of their messages all the same, if the operator says so (RFC 3842)."""

from __future__ import annotations

import pytest

from dialplan import model as m
from records import events as e
from tests.support.exchange import changed, house
from tests.support.raw_phone import RawPhone, Text
from tests.support.scene import Scene


def boxes() -> m.Model:
    """The house, where Alice has a mailbox."""
    return changed(house(), alice={"mailbox": "alice"})


pytestmark = pytest.mark.parametrize("scene", [{"model": boxes()}], indirect=True)


def left(scene: Scene, ident: str) -> None:
    """Somebody leaves Alice a message."""
    core, at = scene.exchange.core, scene.clock.at()
    core.go_on(
        lambda now: core.mailboxes.record(e.MessageLeft("alice", ident, at, "call", "103", "Carol", 4.0)),
        scene.clock.now(),
    )


def unasked(scene: Scene) -> None:
    """What the configuration says."""
    scene.exchange.core.tell_unasked({"alice": "alice"}, scene.clock.now())


def told(scene: Scene, phone: RawPhone, status: int = 200) -> Text:
    """The one NOTIFY that has come, perhaps with copies, answered."""
    scene.wait(0.3)
    notify = phone.take("NOTIFY")
    phone.inbox = [each for each in phone.inbox if each.get("Call-ID") != notify.get("Call-ID")]
    assert not phone.has("NOTIFY")
    phone.reply(notify, status, tag="me")
    scene.wait(0.1)
    return notify


def voice(notify: Text) -> str:
    """The counts."""
    return next(line for line in notify.body.split("\r\n") if line.startswith("Voice-Message")).partition(": ")[2]


def test_it_is_told_when_it_registers_and_when_a_count_changes(scene: Scene) -> None:
    unasked(scene)
    alice, bob = scene.raw("alice"), scene.raw("bob")
    first = told(scene, alice)
    assert first.get("Event") == "message-summary"
    assert first.get("Subscription-State").startswith("terminated")
    assert first.uri == "sip:alice@192.0.2.21:5060"
    assert voice(first) == "0/0 (0/0)"
    left(scene, "1")
    left(scene, "2")
    assert voice(told(scene, alice)) == "2/0 (0/0)"
    scene.register(alice)  # nothing new
    scene.wait(1.0)
    assert not alice.has("NOTIFY")
    assert not bob.has("NOTIFY")


def test_what_did_not_arrive_is_told_when_it_registers_again(scene: Scene) -> None:
    unasked(scene)
    alice = scene.raw("alice")
    told(scene, alice, 405)
    scene.wait(5.0)
    assert not alice.has("NOTIFY")
    scene.register(alice)
    told(scene, alice)
    left(scene, "1")
    scene.wait(40.0)  # and it is silent
    alice.inbox.clear()
    scene.register(alice)
    assert voice(told(scene, alice)) == "1/0 (0/0)"


def test_what_changes_while_it_is_told_is_told_next(scene: Scene) -> None:
    unasked(scene)
    alice = scene.raw("alice")
    scene.wait(0.3)
    first = alice.take("NOTIFY")
    left(scene, "1")
    scene.wait(0.3)
    assert {each.get("Call-ID") for each in alice.inbox} <= {first.get("Call-ID")}
    alice.inbox.clear()
    alice.reply(first, 200, tag="me")
    assert voice(told(scene, alice)) == "1/0 (0/0)"


def test_after_a_crash_and_a_reload(scene: Scene) -> None:
    unasked(scene)
    alice = scene.raw("alice")
    told(scene, alice)
    scene.exchange.crash_and_restart(1.0)
    unasked(scene)
    told(scene, alice)
    scene.exchange.core.tell_unasked({}, scene.clock.now())
    left(scene, "1")
    scene.wait(1.0)
    assert not alice.has("NOTIFY")
    assert len(scene.exchange.core.unasked) == 0
