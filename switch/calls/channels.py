"""How many calls a trunk carries, and how fast it takes new ones (`channels` and `calls_per_second` of a trunk).

The count is a fold over the calls' events, as a call itself is: a leg of a trunk begins and ends. After a crash, or
when a limit is configured, it is taken from the calls that are up. Trunks without a limit cost nothing.

Calls a second are a bucket for either way, which holds one second's calls. An emergency call is never asked to wait,
and takes the channel of another call where none is free (EMG-6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from records import events as e
from switch.calls.leg import CALLER, is_trunk, trunk_of
from switch.calls.state import CallState


class Limits(msgspec.Struct, frozen=True):
    """Of one trunk. 0 is no limit."""

    channels: int = 0
    calls_per_second: int = 0


class Channels:
    """The count of all limited trunks. `record` is where events go on to."""

    def __init__(self, record: Callable[[e.CallEvent], None]) -> None:
        self.refused: Counter[tuple[str, str]] = Counter()
        """By (trunk, "channels" or "rate"): calls that did not go there, or were not taken from there."""
        self._next = record
        self._limits: Mapping[str, Limits] = {}
        self._legs: dict[str, dict[int, str]] = {}
        """By call: the trunks of its legs."""
        self._taken: Counter[str] = Counter()
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def use(self, limits: Mapping[str, Limits], calls: Iterable[CallState]) -> Callable[[e.CallEvent], None]:
        """Take other limits. Returns what events are to be recorded by from now on."""
        self._limits = {trunk: each for trunk, each in limits.items() if each.channels or each.calls_per_second}
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] in self._limits}
        self.count(calls)
        return self.record if self._limits else self._next

    def count(self, calls: Iterable[CallState]) -> None:
        """Take the count from the calls that are up."""
        self._legs.clear()
        self._taken.clear()
        for call in calls if self._limits else ():
            for index, leg in call.legs.items():
                if leg.ended is None and is_trunk(leg.target):
                    self._add(call.id, index, trunk_of(leg.target))

    def record(self, event: e.CallEvent) -> None:
        """Count one event, and hand it on."""
        kind = type(event)
        if kind is e.LegStarted:
            if is_trunk(event.target):  # type: ignore[union-attr]
                self._add(event.call, event.leg, trunk_of(event.target))  # type: ignore[union-attr]
        elif kind is e.CallStarted:
            if event.trunk is not None and event.line is None:  # type: ignore[union-attr]
                self._add(event.call, CALLER, event.trunk)  # type: ignore[union-attr]
        elif kind is e.LegTaken:
            if is_trunk(event.target):  # type: ignore[union-attr]
                self._add(event.call, event.leg, trunk_of(event.target))  # type: ignore[union-attr]
        elif kind is e.LegEnded or kind is e.LegGiven:
            self._remove(event.call, event.leg)  # type: ignore[union-attr]
        elif kind is e.CallEnded:
            for leg in list(self._legs.get(event.call, ())):
                self._remove(event.call, leg)
        self._next(event)

    def taken(self, trunk: str) -> int:
        """How many channels of a limited trunk are in use."""
        return self._taken[trunk]

    def free(self, trunk: str) -> bool:
        """Whether the trunk takes one more call."""
        limit = self._limits.get(trunk)
        return limit is None or not limit.channels or self._taken[trunk] < limit.channels

    def admits(self, trunk: str, now: float) -> bool:
        """Whether a call may go out there now. It is counted when it does, or as refused."""
        if not self.free(trunk):
            self.refused[trunk, "channels"] += 1
            return False
        return self.in_time(trunk, "out", now)

    def in_time(self, trunk: str, way: str, now: float) -> bool:
        """Whether the trunk's calls a second allow another one; `way` is in or out."""
        limit = self._limits.get(trunk)
        if limit is None or not limit.calls_per_second:
            return True
        tokens, at = self._buckets.get((trunk, way), (float(limit.calls_per_second), now))
        tokens = min(limit.calls_per_second, tokens + (now - at) * limit.calls_per_second)
        admitted = tokens >= 1.0
        self._buckets[trunk, way] = (tokens - admitted, now)
        if not admitted:
            self.refused[trunk, "rate"] += 1
        return admitted

    def _add(self, call: str, leg: int, trunk: str) -> None:
        self._legs.setdefault(call, {})[leg] = trunk
        self._taken[trunk] += 1

    def _remove(self, call: str, leg: int) -> None:
        legs = self._legs.get(call)
        trunk = legs.pop(leg, None) if legs is not None else None
        if trunk is not None:
            self._taken[trunk] -= 1
            if not legs:
                del self._legs[call]
