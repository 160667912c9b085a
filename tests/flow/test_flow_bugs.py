"""Bugs of our own: a call that meets one ends itself with a clear record, and no other call notices."""

from __future__ import annotations

import pytest

from switch.calls import recovery
from switch.sip.invite import InviteUsage
from tests.support.scene import Scene


class Oops(Exception):
    """What nobody expected."""


def oops(*_: object, **__: object) -> None:
    raise Oops


class Buggy(InviteUsage):
    """A usage that cannot begin; the telephones have another."""

    outgoing = oops  # type: ignore[assignment]


@pytest.mark.parametrize("command", ["update", "bridge", "open"])
def test_a_call_that_fails_at_its_answer(scene: Scene, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    good, other = scene.talking(carol, bob)
    call = alice.call("102")
    scene.wait()
    scene.exchange.tolerates = True
    monkeypatch.setattr(scene.exchange.engine, command, oops)
    bob.last.answer()
    scene.wait()
    monkeypatch.undo()
    assert call.over
    assert bob.last.over
    assert scene.exchange.record.reason == "internal_error"
    assert scene.exchange.errors
    assert good.up
    assert other.up
    good.hang_up()


def test_a_call_that_fails_at_its_start(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = scene.phone("alice")
    scene.phone("bob")
    scene.exchange.tolerates = True
    monkeypatch.setattr(scene.exchange.core.directory, "line", oops)
    call = alice.call("102")
    scene.wait()
    assert call.refused == 500
    assert (scene.exchange.record.result, scene.exchange.record.reason) == ("failed", "internal_error")


def test_a_call_whose_invite_cannot_be_written(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller has an answer, and the ports are given back."""
    alice = scene.phone("alice")
    scene.phone("bob")
    scene.exchange.tolerates = True
    monkeypatch.setattr("switch.calls.inviting.InviteUsage", Buggy)
    call = alice.call("102")
    scene.wait()
    assert call.refused == 500
    assert not scene.exchange.engine.legs
    assert scene.exchange.record.reason == "internal_error"


def test_a_ringing_call_that_cannot_be_ended_in_order(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side is told all the same."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.tolerates = True
    monkeypatch.setattr("switch.calls.ending.leg_over", oops)
    (live,) = scene.exchange.calls
    live.broken(Oops(), scene.clock.now())
    scene.exchange.look()
    scene.wait()
    assert call.refused
    assert bob.last.over


def test_a_call_that_cannot_even_be_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    scene.exchange.tolerates = True
    monkeypatch.setattr(scene.exchange.engine, "close", oops)
    call.hang_up()
    scene.wait()
    monkeypatch.undo()
    scene.exchange.engine.legs.clear()
    assert scene.exchange.record.reason == "internal_error"
    assert scene.exchange.calls == []
    if answered.up:
        answered.hang_up()


def test_a_call_whose_timer_fails(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    scene.exchange.tolerates = True
    monkeypatch.setattr("switch.calls.ringer.stop_ringing", oops)
    monkeypatch.setattr("switch.calls.ending.stop_ringing", oops)
    scene.wait(19.8)
    monkeypatch.undo()
    scene.wait(1)
    assert scene.exchange.record.reason == "internal_error"
    if not call.over:
        call.cancel()
    if not bob.last.over:
        bob.last.refuse()


def test_one_call_that_cannot_be_taken_over_keeps_no_other_down(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, _ = scene.talking(alice, bob)
    second, third = scene.talking(carol, bob)
    first = scene.exchange.calls[0].id
    real = recovery.recover

    def recover(context: object, events: list[object], now: float, *rest: object) -> object:
        if events[0].call == first:  # type: ignore[attr-defined]
            raise Oops
        return real(context, events, now, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("switch.calls.calls.recover", recover)
    scene.exchange.tolerates = True
    scene.exchange.crash_and_restart(1.0)
    assert len(scene.exchange.calls) == 1
    assert scene.exchange.record.reason == "internal_error"
    second.hang_up()
    call.hang_up()
    scene.wait()
    assert third.over
    bob.calls[0].hang_up()
