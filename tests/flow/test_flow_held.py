"""A call on hold whose telephones have gone is not kept for ever (RFC 5057)."""

from __future__ import annotations

import pytest

from switch.calls.watch import EVERY_S
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene


def held(scene: Scene) -> tuple[Phone, Phone, PhoneCall]:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    call.offer("sendonly")
    scene.wait()
    return alice, bob, call


def hours(scene: Scene, count: float = 1) -> None:
    for _ in range(int(count * 360)):
        scene.wait(10)
        scene.exchange.look()


@pytest.mark.parametrize("crash", [False, True])
def test_both_lost_their_power(scene: Scene, *, crash: bool) -> None:
    alice, bob, _ = held(scene)
    scene.strict = False
    for phone in (alice, bob):
        scene.network.detach(phone.address)
    if crash:
        scene.exchange.crash_and_restart()
    hours(scene)
    assert not scene.exchange.calls
    assert scene.exchange.record.reason == "dialog_lost"


@pytest.mark.parametrize("crash", [False, True])
def test_a_held_call_goes_on_for_hours(scene: Scene, *, crash: bool) -> None:
    """Also over a crash: the numbers of the questions are known, so the hold can be taken back."""
    _, bob, call = held(scene)
    hours(scene, 3)
    if crash:
        scene.exchange.crash_and_restart()
    assert call.up
    call.offer()
    scene.wait()
    assert bob.last.up
    call.hang_up()


def test_one_that_lives_is_left_to_hang_up(scene: Scene) -> None:
    """Some telephones answer no OPTIONS in a dialog."""
    alice, bob, _ = held(scene)
    scene.network.detach(bob.address)
    scene.strict = False
    hours(scene)
    (call,) = scene.exchange.calls
    assert call.state.ended is None
    alice.last.hang_up()
    scene.wait(40)


def test_a_telephone_that_has_started_anew_knows_nothing_of_it(scene: Scene) -> None:
    alice, bob, _ = held(scene)
    bob.by_tag.clear()
    scene.strict = False
    hours(scene)
    assert alice.last.over
    assert scene.exchange.record.reason == "dialog_lost"


def test_who_is_not_held_is_not_asked(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    before = len(scene.network.log)
    hours(scene, 2 * EVERY_S / 3600)
    assert not [packet for packet in scene.network.log[before:] if packet.start == "OPTIONS"]
    call.hang_up()
