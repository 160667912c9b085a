"""Time: one clock moves every timer of the exchange, and a test moves the clock.

`now` is monotonic seconds, `at` is wall time and always zone-aware (UTC). Both clocks fire what is due through their
`run`, which the exchange replaces by its own, so that what the timers decide is carried out at once.
"""

from __future__ import annotations

import asyncio
import datetime
import math
import time
from collections.abc import Callable
from typing import Protocol

from switch.sip.timer import Timers

GRAIN_S = 0.02
"""Real time wakes up for timers at multiples of this only, so that hundreds of them a second, most of them the quiet
ends of transactions, fire by the dozen. No timer of SIP is so fine that it would matter (RFC 3261 table 4). It is
itself a multiple of the turns of a busy socket (`switch/net/turns.py`): one wake-up serves both."""


class Clock(Protocol):
    """What the rest of the exchange knows of time."""

    @property
    def timers(self) -> Timers:
        """The one heap of timers."""

    def now(self) -> float:
        """Monotonic seconds."""

    def at(self) -> datetime.datetime:
        """Wall time, zone-aware, UTC."""


class LoopClock:
    """Real time: an event loop wakes up for the earliest timer, and for it only.

    What a timer raises reaches the loop's exception handler; the timers behind it still run.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.timers = Timers()
        self.timers.on_earlier = self._arm
        self.run: Callable[[float], None] = self.timers.run
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._armed = float("inf")

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def at(self) -> datetime.datetime:
        """Wall time, zone-aware, UTC."""
        return datetime.datetime.now(datetime.UTC)

    def close(self) -> None:
        """Fire nothing any more."""
        self.timers.on_earlier = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, when: float) -> None:
        if when >= self._armed:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed = when = math.ceil(when / GRAIN_S) * GRAIN_S
        # By the loop's own clock, which stands still during a turn: so its wake-ups fall together.
        self._handle = self._loop.call_later(max(0.0, when - self._loop.time()), self._wake)

    def _wake(self) -> None:
        self._handle = None
        try:
            self.run(time.monotonic())
        finally:
            # Loops round to their own ticks, so a wake-up may come a little early: then nothing ran, and we sleep on.
            self._armed = float("inf")
            due = self.timers.next()
            if due is not None and self.timers.on_earlier is not None:
                self._arm(due)


class VirtualClock:
    """Time that moves only by `advance`. A two-hour call takes milliseconds."""

    def __init__(self, at: datetime.datetime = datetime.datetime(2026, 1, 5, 9, 0, tzinfo=datetime.UTC)) -> None:
        self.timers = Timers()
        self.run: Callable[[float], None] = self.timers.run
        self._now = 0.0
        self._start = at

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def at(self) -> datetime.datetime:
        """Wall time: where it started, and what was advanced since."""
        return self._start + datetime.timedelta(seconds=self._now)

    def set(self, by_s: float) -> None:
        """Somebody sets the wall clock, so much forward; no time goes by."""
        self._start += datetime.timedelta(seconds=by_s)

    def advance(self, seconds: float) -> None:
        """Move on, firing each timer exactly at its time."""
        self.advance_to(self._now + seconds)

    def advance_to(self, now: float) -> None:
        """Move on to `now`; one in the past fires what is due and moves nothing."""
        timers = self.timers
        while (due := timers.next()) is not None and due <= now:
            self._now = max(self._now, due)
            self.run(self._now)
        self._now = max(self._now, now)

    def run_out(self, limit_s: float = 86400.0) -> None:
        """Move on until no timer is left, at most `limit_s`; for the end of a test."""
        end = self._now + limit_s
        while (due := self.timers.next()) is not None and due <= end:
            self.advance_to(due)
