"""Timers fire at their times and in order, and the cancelled ones are not kept."""

from __future__ import annotations

import pytest

from switch.clock import VirtualClock
from switch.sip.timer import Timers


class Notes:
    def __init__(self) -> None:
        self.fired: list[tuple[object, float]] = []

    def on_timer(self, what: object, now: float) -> None:
        self.fired.append((what, now))


def test_lanes_and_heap_fire_in_order_of_time() -> None:
    clock, notes = VirtualClock(), Notes()
    clock.timers.after(4.0, 0.0, notes, "lane 4")
    clock.timers.start(3.0, notes, "heap 3")
    clock.timers.after(0.5, 0.0, notes, "lane .5")
    clock.timers.after(4.0, 0.0, notes, "lane 4 again")
    clock.timers.start(5.0, notes, "heap 5")
    clock.advance(4.5)
    assert notes.fired == [("lane .5", 0.5), ("heap 3", 3.0), ("lane 4", 4.0), ("lane 4 again", 4.0)]
    clock.advance(1)
    assert notes.fired[-1] == ("heap 5", 5.0)
    assert clock.now() == 5.5
    assert len(clock.timers) == 0
    assert clock.timers.next() is None


def test_a_late_now_does_not_disturb_the_lane() -> None:
    clock, notes = VirtualClock(), Notes()
    clock.timers.after(1.0, 0.3, notes, "later")
    clock.timers.after(1.0, 0.1, notes, "earlier")
    clock.advance(2)
    assert notes.fired == [("earlier", 1.1), ("later", 1.3)]


def test_cancelled_timers_do_not_fire_and_do_not_pile_up() -> None:
    timers, notes = Timers(), Notes()
    kept = timers.after(32.0, 0.0, notes, "kept")
    for n in range(10000):
        timers.after(32.0, n / 1000, notes, "lane").cancel()
        timers.start(1e6 - n, notes, "heap").cancel()
    assert timers.held < 300
    assert len(timers) == 1
    timers.run(1e9)
    assert notes.fired == [("kept", 1e9)]
    kept.cancel()
    kept.cancel()
    assert timers.next() is None
    assert timers.held <= 300


def test_cancelling_all_leaves_nothing_in_the_end() -> None:
    timers, notes = Timers(), Notes()
    for handle in [timers.after(1.0, 0.0, notes, n) for n in range(500)]:
        handle.cancel()
    assert timers.next() is None
    assert timers.held == 0


def test_the_next_timer_of_a_lane_stands_in_when_the_head_is_cancelled() -> None:
    timers, notes = Timers(), Notes()
    first = timers.after(1.0, 0.0, notes, "first")
    timers.after(1.0, 0.5, notes, "second")
    first.cancel()
    assert timers.next() == 1.5
    timers.run(1.2)
    assert notes.fired == []
    timers.run(1.5)
    assert notes.fired == [("second", 1.5)]


def test_a_timer_may_start_and_cancel_others() -> None:
    timers, notes = Timers(), Notes()

    class Chain:
        def on_timer(self, what: object, now: float) -> None:
            notes.on_timer(what, now)
            victim.cancel()
            timers.after(1.0, now, notes, "next")

    timers.after(1.0, 0.0, Chain(), "chain")
    victim = timers.after(1.0, 0.0, notes, "victim")
    timers.run(1.0)
    timers.run(2.0)
    assert notes.fired == [("chain", 1.0), ("next", 2.0)]


def test_an_owner_that_raises_loses_only_its_own_timer() -> None:
    timers, notes, drained = Timers(), Notes(), []

    class Broken:
        def on_timer(self, what: object, now: float) -> None:
            raise RuntimeError(what)

    timers.on_ran.append(drained.append)
    timers.after(1.0, 0.0, Broken(), "bang")
    timers.after(1.0, 0.0, notes, "fine")
    with pytest.raises(RuntimeError):
        timers.run(1.0)
    timers.run(1.0)
    assert notes.fired == [("fine", 1.0)]
    assert drained == [1.0, 1.0]


def test_on_earlier_tells_only_of_a_new_head() -> None:
    timers, notes, told = Timers(), Notes(), []
    timers.on_earlier = told.append
    timers.after(4.0, 0.0, notes, 1)
    timers.after(4.0, 1.0, notes, 2)
    timers.start(9.0, notes, 3)
    timers.start(2.0, notes, 4)
    assert told == [4.0, 2.0]


def test_more_durations_than_lanes_still_fire() -> None:
    clock, notes = VirtualClock(), Notes()
    for n in range(200):
        clock.timers.after(float(n), 0.0, notes, n)
    clock.run_out()
    assert [what for what, _ in notes.fired] == list(range(200))
