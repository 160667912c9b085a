"""A busy socket is read in turns, a quiet one at once (switch/net/turns.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from switch.net.turns import BUSY_PER_S, SAMPLE, TURN_S, Turns

FD = 7
BATCH = 64


class Handle:
    """What a loop gives back for something that it is to do."""

    def __init__(self, when: float, do: Callable[[], None]) -> None:
        self.when = when
        self.do = do
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """As much of an event loop as `Turns` needs, with a descriptor at which datagrams arrive. It notes how long each
    of them waited."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reader: Callable[[], None] | None = None
        self.handles: list[Handle] = []
        self.queue: list[float] = []
        self.waited: list[float] = []
        self.wakes = 0

    def time(self) -> float:
        return self.now

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        assert fd == FD
        self.reader = callback

    def remove_reader(self, fd: int) -> None:
        assert fd == FD
        self.reader = None

    def call_later(self, delay_s: float, do: Callable[[], None]) -> Handle:
        self.handles.append(handle := Handle(self.now + delay_s, do))
        return handle

    def call_soon(self, do: Callable[[], None]) -> Handle:
        return self.call_later(0.0, do)

    # -- the test's side

    def drain(self) -> int:
        taken, self.queue = self.queue[:BATCH], self.queue[BATCH:]
        self.waited += [self.now - arrived for arrived in taken]
        return len(taken)

    def arrive(self, times: list[float]) -> None:
        """Datagrams at these instants, and everything that the loop does until the last of them was read."""
        pending = sorted(times)
        while pending or self.queue:
            self.handles = [handle for handle in self.handles if not handle.cancelled]
            if self.queue and self.reader is not None:
                self.wakes += 1
                self.reader()
                continue
            next_handle = min(self.handles, key=lambda each: each.when, default=None)
            if next_handle is not None and (not pending or next_handle.when <= pending[0]):
                self.handles.remove(next_handle)
                self.now = max(self.now, next_handle.when)
                self.wakes += 1
                next_handle.do()
            else:
                self.now = max(self.now, pending.pop(0))
                self.queue.append(self.now)


def reading(loop: Any) -> Turns:
    return Turns(loop, FD, loop.drain, BATCH)


def evenly(rate: float, seconds: float, start: float = 0.0) -> list[float]:
    return [start + n / rate for n in range(int(rate * seconds))]


def test_a_quiet_socket_is_read_at_once() -> None:
    loop = Loop()
    turns = reading(loop)
    loop.arrive(evenly(BUSY_PER_S * 0.9, 2.0))
    assert max(loop.waited) == 0.0
    assert not turns.busy


def test_datagrams_of_a_busy_socket_share_turns_and_wait_no_longer_than_one() -> None:
    loop = Loop()
    turns = reading(loop)
    arriving = evenly(2000, 2.0)
    loop.arrive(arriving)
    assert turns.busy
    assert len(loop.waited) == len(arriving)
    assert max(loop.waited) <= TURN_S * 1.05
    assert loop.wakes < len(arriving) / 4


def test_when_the_rush_is_over_nothing_waits_any_more() -> None:
    loop = Loop()
    turns = reading(loop)
    loop.arrive(evenly(2000, 1.0))
    loop.arrive(evenly(20, 2.0, loop.now))
    assert not turns.busy
    loop.waited.clear()
    loop.arrive(evenly(20, 1.0, loop.now))
    assert max(loop.waited) == 0.0


def test_a_burst_after_a_long_silence_does_not_make_a_socket_busy() -> None:
    loop = Loop()
    turns = reading(loop)
    loop.arrive([60.0] * SAMPLE)
    assert not turns.busy


def test_a_flood_is_read_on_without_a_pause() -> None:
    loop = Loop()
    reading(loop)
    loop.arrive(evenly(2000, 0.2))
    began = loop.now
    loop.arrive([began] * (BATCH * 5))
    assert loop.now - began <= 2 * TURN_S


@pytest.mark.parametrize("rate", [100, 2000])
def test_a_closed_socket_is_not_read_any_more(rate: int) -> None:
    loop = Loop()
    turns = reading(loop)
    loop.arrive(evenly(rate, 0.5))
    turns.close()
    assert loop.reader is None
    assert all(handle.cancelled for handle in loop.handles)


def test_a_socket_that_is_closed_while_it_is_read_stays_closed() -> None:
    loop = Loop()
    turns = reading(loop)
    loop.arrive(evenly(2000, 0.5))
    drain = loop.drain

    def closing() -> int:
        turns.close()
        return drain()

    turns._drain = closing
    loop.queue.append(loop.now)
    handle = next(handle for handle in loop.handles if not handle.cancelled)
    loop.handles.clear()
    handle.do()
    assert loop.reader is None
    assert all(handle.cancelled for handle in loop.handles)
