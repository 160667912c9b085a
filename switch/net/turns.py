"""When a socket is read: the moment something comes while it is quiet, every few milliseconds while it is busy.

A process that sleeps between two datagrams pays more for waking up than for the datagram: the kernel's switch, cold
caches, one append to the journal, one wake-up of each peer. At some hundred datagrams a second it is cheaper to let
them gather in the kernel for a moment and take all of them in one turn. Nothing waits longer than `TURN_S`, which is
less than a telephone's own timers can tell; below the rate nothing waits at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TURN_S = 0.01
"""Between two turns of a busy socket. They are at multiples of this, as other things that the loop does are: then one
wake-up is enough for all of them. At 200 calls a second a call takes a tenth less CPU with 10 ms than with 3 ms, and a
telephone rings 7 ms later; 20 ms would save a quarter, but then a setup with its several hops could be felt."""
_NOW_S = 0.0001
"""A multiple that is so near is the one at which we are."""
SAMPLE = 64
"""Datagrams by whose arrival a socket is found to be busy, and turns by whose yield it is found to be quiet again."""
BUSY_PER_S = 500.0
"""From so many datagrams a second on a socket is busy; from half of it down it is quiet again."""


class Turns:
    """One descriptor's reading. `drain` reads what is there and returns how many datagrams it read; `more` is the
    number at which it stops, for others' sake, though there may be more."""

    __slots__ = ("_drain", "_fd", "_handle", "_loop", "_more", "_read", "_since", "_turns")

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, drain: Callable[[], int], more: int) -> None:
        self._loop = loop
        self._fd = fd
        self._drain = drain
        self._more = more
        self._read = 0
        self._turns = 0
        self._since = loop.time()
        self._handle: asyncio.Handle | None = None
        loop.add_reader(fd, self._ready)

    @property
    def busy(self) -> bool:
        """Whether datagrams are gathered at the moment."""
        return self._handle is not None

    def close(self) -> None:
        """Read no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
        self._fd = -1

    def _ready(self) -> None:
        """Something came in quiet times."""
        self._read += self._drain()
        if self._read < SAMPLE or self._fd < 0:
            return
        now = self._loop.time()
        if self._read >= (now - self._since) * BUSY_PER_S:
            self._loop.remove_reader(self._fd)
            self._handle = self._loop.call_later(self._pause_s(), self._turn)
            self._turns = 0
        self._read, self._since = 0, now

    def _turn(self) -> None:
        """A moment has passed in busy times."""
        read = self._more
        try:
            read = self._drain()
        finally:
            if self._fd >= 0:
                self._go_on(read)

    def _go_on(self, read: int) -> None:
        self._read += read
        self._turns += 1
        if self._turns >= SAMPLE:
            now = self._loop.time()
            quiet = self._read < (now - self._since) * BUSY_PER_S / 2
            self._turns = self._read = 0
            self._since = now
            if quiet:
                self._handle = None
                self._loop.add_reader(self._fd, self._ready)
                return
        if read >= self._more:
            # What is still there is read at once, but after what others have to do.
            self._handle = self._loop.call_soon(self._turn)
        else:
            self._handle = self._loop.call_later(self._pause_s(), self._turn)

    def _pause_s(self) -> float:
        """Until the next multiple of `TURN_S`."""
        now = self._loop.time()
        return (int((now + _NOW_S) / TURN_S) + 1) * TURN_S - now
