"""Timers as data: one heap for the whole exchange, moved by whoever owns the clock.

Transactions start and cancel several timers a message, nearly all of them with one of ten durations (T1 and its
doublings, 64*T1, T4). Timers of one duration fall due in the order in which they were started, so each duration has a
queue of its own, a *lane*, and only the head of a lane stands in the heap. Starting such a timer appends to a deque.

A cancelled timer lets go of its owner at once and is swept out when its lane or the heap holds more dead than live, so
cancelled timers never number more than the live ones plus a small constant.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Protocol

import msgspec

_SLACK = 64
_MAX_LANES = 64


class TimerOwner(Protocol):
    """Whoever starts a timer."""

    def on_timer(self, what: object, now: float) -> object:
        """The timer started with `what` is due; `now` is monotonic seconds. What it returns is ignored."""


class _Queue:
    """What a lane and the heap share: a count of the dead among them."""

    __slots__ = ("dead",)

    def __init__(self) -> None:
        self.dead = 0


class _Lane(_Queue):
    """The timers of one duration, in order."""

    __slots__ = ("timers",)

    def __init__(self) -> None:
        self.dead = 0
        self.timers: deque[Timer] = deque()

    def sweep(self) -> None:
        # The head stays, dead or not: its time is the lane's entry in the heap.
        head = self.timers.popleft()
        self.timers = deque(timer for timer in self.timers if timer.owner is not None)
        self.timers.appendleft(head)
        self.dead = int(head.owner is None)


class Timer(msgspec.Struct, eq=False, gc=False):
    """A started timer. `owner` is None once it has fired or was cancelled, so it never keeps anything alive."""

    when: float
    owner: TimerOwner | None
    what: object
    _queue: _Queue

    def cancel(self) -> None:
        """Never fire. Harmless when it has fired already."""
        if self.owner is not None:
            self.owner = None
            # `what` is often the very thing that holds this timer, and the collector does not look into timers.
            self.what = None
            self._queue.dead += 1


class Timers:
    """All timers. Times are monotonic seconds; equal times fire in an order that depends on nothing but the calls made.

    `on_earlier`, when set, is called with the new time whenever the earliest timer became earlier. `on_ran` are called
    with `now` after each run that fired something: there a driver drains what its owners want done.
    """

    __slots__ = ("_heap", "_lanes", "_queue", "_sequence", "on_earlier", "on_ran")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer | _Lane]] = []
        self._lanes: dict[float, _Lane] = {}
        self._queue = _Queue()
        self._sequence = 0
        self.on_earlier: Callable[[float], None] | None = None
        self.on_ran: list[Callable[[float], object]] = []

    def start(self, when: float, owner: TimerOwner, what: object) -> Timer:
        """Call `owner.on_timer(what, now)` at `when`."""
        queue = self._queue
        if queue.dead > _SLACK and queue.dead * 2 > len(self._heap):
            self._sweep()
        timer = Timer(when, owner, what, queue)
        self._push(when, timer)
        return timer

    def after(self, delay_s: float, now: float, owner: TimerOwner, what: object) -> Timer:
        """The same, `delay_s` from `now`; cheaper, for delays that many timers share."""
        when = now + delay_s
        lane = self._lanes.get(delay_s)
        if lane is None:
            if len(self._lanes) >= _MAX_LANES:
                return self.start(when, owner, what)
            lane = self._lanes[delay_s] = _Lane()
        timers = lane.timers
        if timers:
            if timers[-1].when > when:  # the caller's `now` is a little old: the lane's order comes first
                return self.start(when, owner, what)
            timer = Timer(when, owner, what, lane)
            timers.append(timer)
            if lane.dead > _SLACK and lane.dead * 2 > len(timers):
                lane.sweep()
            return timer
        timer = Timer(when, owner, what, lane)
        timers.append(timer)
        self._push(when, lane)
        return timer

    def next(self) -> float | None:
        """When to call `run` next; None when no timer is left. It may be early for a timer that was cancelled."""
        heap = self._heap
        while heap:
            when, _, entry = heap[0]
            if entry.__class__ is _Lane:
                if entry.timers[0].owner is not None:
                    return when
                self._advance(heappop(heap)[2])  # type: ignore[arg-type]
            elif entry.owner is not None:  # type: ignore[union-attr]
                return when
            else:
                heappop(heap)
                self._queue.dead -= 1
        return None

    def run(self, now: float) -> None:
        """Fire everything that is due at `now`, earliest first. What `on_timer` raises comes out, the rest waits."""
        heap = self._heap
        if not heap or heap[0][0] > now:
            return
        try:
            self._fire(now)
        finally:
            for drain in self.on_ran:
                drain(now)

    def _fire(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            entry = heappop(heap)[2]
            if isinstance(entry, _Lane):
                timer = entry.timers[0]
                owner = timer.owner
                if owner is not None:
                    # Fired counts as dead, so that advancing treats both alike.
                    timer.owner = None
                    entry.dead += 1
                self._advance(entry)
            else:
                timer = entry
                owner = timer.owner
                timer.owner = None
                if owner is None:
                    self._queue.dead -= 1
            if owner is not None:
                what, timer.what = timer.what, None
                owner.on_timer(what, now)

    def __len__(self) -> int:
        """How many timers are live; what a test looks at in the end."""
        heap = sum(1 for _, _, entry in self._heap if isinstance(entry, Timer) and entry.owner is not None)
        return heap + sum(1 for lane in self._lanes.values() for timer in lane.timers if timer.owner is not None)

    @property
    def held(self) -> int:
        """How many timers are held in memory, cancelled ones included."""
        return sum(1 for e in self._heap if isinstance(e[2], Timer)) + sum(len(x.timers) for x in self._lanes.values())

    def _advance(self, lane: _Lane) -> None:
        """Drop the dead at the lane's head, and put its next timer into the heap."""
        timers = lane.timers
        while timers and timers[0].owner is None:
            timers.popleft()
            lane.dead -= 1
        if timers:
            when = timers[0].when
            self._sequence += 1
            heappush(self._heap, (when, self._sequence, lane))

    def _push(self, when: float, entry: Timer | _Lane) -> None:
        self._sequence += 1
        heap = self._heap
        heappush(heap, (when, self._sequence, entry))
        if self.on_earlier is not None and heap[0][2] is entry:
            self.on_earlier(when)

    def _sweep(self) -> None:
        # In place, since `run` may be at work on it.
        self._heap[:] = [e for e in self._heap if isinstance(e[2], _Lane) or e[2].owner is not None]
        heapify(self._heap)
        self._queue.dead = 0
