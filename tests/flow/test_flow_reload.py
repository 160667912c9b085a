"""Reloads under running calls: no call and no registration is lost, calls keep the plan that they began with, and what
a broken configuration says is not taken.

The loop's time is not asserted here: bench/reload.py measures it (docs/performance.md). What a turn of the loop does is
bounded by construction, which the test of `unpacking` in tests/unit/config shows.
"""

from __future__ import annotations

from tests.support.reloads import BROKEN, Reloader, text
from tests.support.scene import Scene


def test_a_hundred_reloads_under_running_calls_lose_no_call_and_no_registration(scene: Scene) -> None:
    """A thousand under a hundred calls: `bench/reload.py`."""
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    carrier = scene.carrier()
    reloader = Reloader(scene.exchange)
    assert reloader.reload(text(1))
    calls = [scene.talking(alice, bob), scene.talking(bob, carol, "103"), scene.talking(carol, alice, "101")]
    outside = alice.call("+442079460000")
    scene.wait()
    scene.taken(carrier, "far")
    scene.wait()
    assert outside.up
    registered = {(each.line, each.uri) for each in scene.exchange.core.registrar.bindings()}
    versions = set()
    for n in range(2, 102):
        before = scene.exchange.model
        taken = reloader.reload(text(n))
        assert taken == (n % 7 != 3)
        assert taken or scene.exchange.model is before
        versions.add(scene.exchange.model.version)
        scene.wait(1.0)
    assert (reloader.taken, reloader.refused) == (86, 15) and len(versions) == 85, "each one is another"
    assert {(each.line, each.uri) for each in scene.exchange.core.registrar.bindings()} == registered
    assert all(near.up and far.up for near, far in calls) and outside.up
    assert len(scene.exchange.calls) == 4
    for near, _ in calls:
        near.hang_up()
        scene.wait()
    scene.over(outside, carrier)
    assert [record.answered_at is not None for record in scene.exchange.records] == [True] * 4


def test_each_broken_configuration_changes_nothing(scene: Scene) -> None:
    """EXT-6."""
    reloader = Reloader(scene.exchange)
    assert reloader.reload(text(1))
    before = scene.exchange.model
    for broken in BROKEN:
        assert not reloader.reload(text(1) + broken)
    assert scene.exchange.model is before and reloader.refused == len(BROKEN)


def test_a_call_that_rings_keeps_the_plan_that_it_began_with(scene: Scene) -> None:
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    reloader = Reloader(scene.exchange)
    rule = "bob: {extension: 102, forward: {no_answer: carol, after: 10s}, "
    assert reloader.reload(text(1).replace("bob: {extension: 102, ", rule))
    alice.call("102")
    scene.wait()
    bob.last.ring()
    assert reloader.reload(text(2)), "without the forward"
    scene.wait(11.0)
    assert bob.last.over, "the old plan's ten seconds are over"
    carol.last.answer()
    scene.wait()
    assert carol.last.up
    carol.last.hang_up()
    scene.wait()
    alice.call("102")
    scene.wait()
    bob.last.ring()
    scene.wait(11.0)
    assert not bob.last.over, "by the new plan it rings for 20 seconds"
    scene.wait(20.0)
    assert len(carol.calls) == 1


def test_a_telephone_that_is_no_longer_allowed_is_let_go_and_its_call_goes_on(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    reloader = Reloader(scene.exchange)
    assert reloader.reload(text(1))
    call, other = scene.talking(alice, bob)
    assert reloader.reload(text(2).replace("  bob: {secret: env:SECRET, lines: bob}\n", ""))
    scene.wait(5.0)
    assert [each.line for each in scene.exchange.core.registrar.bindings()] == ["alice"]
    assert call.up and other.up
    call.hang_up()
    scene.wait()
