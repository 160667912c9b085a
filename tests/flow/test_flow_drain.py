"""A stop drains: no new calls but for help, the ones that are up go on, and the end comes with the last of them."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from switch.draining import Draining
from tests.support.exchange import carrier
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene


class Stop:
    """The exchange of a scene that hears signals."""

    def __init__(self, scene: Scene, limit_s: float = 30.0) -> None:
        self.scene = scene
        self.over = False
        exchange = scene.exchange
        self.draining = Draining(
            exchange.core, self, exchange.clock.now, lambda: limit_s, structlog.get_logger(), self._over
        )

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.scene.clock.timers.start(self.scene.clock.now() + delay, self, callback)

    def on_timer(self, what: Callable[[], None], now: float) -> None:
        what()

    def _over(self) -> None:
        assert not self.over
        self.over = True


def test_no_new_call_is_taken_and_the_one_that_is_up_goes_on_until_it_ends() -> None:
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    call, there = scene.talking(alice, bob)
    stop = Stop(scene)
    stop.draining.told()
    assert "waiting for 1 call that is up, at most 30 s more" in stop.draining.trouble
    refused = carol.call("101")
    scene.wait(0.1)
    assert refused.refused == 503
    call.hold()
    scene.wait(0.5)
    assert there.up
    call.resume()
    scene.wait(0.5)
    carol.register()
    scene.wait(0.1)
    assert carol.registrations[-1].status == 200
    assert not stop.over
    call.hang_up()
    scene.wait(0.3)
    assert stop.over
    scene.finish()


def test_the_answer_says_when_to_try_again() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    carol = scene.raw("carol")
    call, _ = scene.talking(alice, bob)
    stop = Stop(scene, 20.0)
    stop.draining.told()
    scene.wait(5.5)
    RawDialog.authenticated(carol, "101", scene.wait)
    scene.wait(0.1)
    assert carol.take(503).get("Retry-After") == "16", "14 s are left, and a start takes a moment"
    call.hang_up()
    scene.finish()
    assert stop.over


def test_a_transfer_ends_as_it_began_while_we_drain() -> None:
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    first, _ = scene.talking(alice, bob)
    second, _ = scene.talking(alice, carol, "103")
    stop = Stop(scene)
    stop.draining.told()
    first.transfer_to(second)
    scene.wait(2)
    assert bob.last.up and carol.last.up
    bob.last.hang_up()
    scene.wait(1)
    assert stop.over
    scene.finish()


def test_an_emergency_call_is_taken_and_waited_for_beyond_the_time() -> None:
    """OUT-6: no drain stands before it. The other call is ended when the time is over; this one by a second signal."""
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    itsp = scene.carrier()
    call, _ = scene.talking(alice, bob)
    stop = Stop(scene, 10.0)
    stop.draining.told()
    help_ = carol.call("911")
    scene.wait(0.2)
    scene.taken(itsp, "e")
    assert help_.up
    scene.wait(60)
    assert not call.up
    assert help_.up and not stop.over
    stop.draining.told()
    assert stop.over
    scene.exchange.core.close(scene.clock.now())
    scene.wait(0.1)
    itsp.reply(itsp.take("BYE"), 200)
    scene.finish()


def test_a_carrier_is_told_to_take_its_next_host_and_telephones_are_not() -> None:
    """RFC 3261 section 11.2: OPTIONS is answered as an INVITE would be."""
    scene = Scene(trunks={"carrier": carrier("carrier", ("192.0.2.200", 5060))})
    alice, bob = scene.phone("alice"), scene.phone("bob")
    carol = scene.raw("carol")
    itsp = scene.carrier()
    call, _ = scene.talking(alice, bob)
    for expected in (200, 503):
        for asking, status in ((itsp, expected), (carol, 200)):
            asking.outside("OPTIONS", "sip:192.0.2.10")
            scene.wait(0.1)
            answer = asking.take(status)
            assert (answer.get("Retry-After") != "") == (status == 503)
        Stop(scene).draining.told()
    RawDialog.call(itsp, "+16692223333", describe(itsp.address[0]))
    scene.wait(0.1)
    itsp.take(503)
    call.hang_up()
    scene.finish()


def test_it_ends_at_once_without_a_call_or_without_time_or_at_a_second_signal() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    idle = Stop(scene)
    idle.draining.told()
    assert idle.over
    assert not idle.draining.active
    assert idle.draining.trouble == ""
    call, _ = scene.talking(alice, bob)
    hasty, patient = Stop(scene, 0.0), Stop(scene)
    hasty.draining.told()
    assert hasty.over
    patient.draining.told()
    assert not patient.over
    patient.draining.told()
    assert patient.over
    scene.wait(1)
    call.hang_up()
    scene.finish()
