"""Keeps the journal within its bound (`records.bound`), once a minute, and tells people in time: when the journal comes
near it, and when calls have lost their records over it. Calls go on."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from records.bound import Dropped, keep_within

LOOK_S = 60.0
NEAR = 0.75
"""From this share of the bound on people are told."""
_MB = 1_000_000


class Bounding:
    """Looks after the journal in `directory`. `open_calls` are those that are up; `told` is the segment from which on
    the journal has the whole state (`Telling.complete`), `end` the one that is written, and `stored` the one up to
    which the store has all."""

    def __init__(
        self,
        directory: Path,
        most_mb: int,
        *,
        open_calls: Callable[[], Iterable[str]],
        told: Callable[[], int],
        end: Callable[[], int],
        stored: Callable[[], int],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.octets = 0
        self.dropped = 0
        """Segments that went before the store had them, since the start."""
        self._directory = directory
        self._most = most_mb * _MB
        self._open_calls = open_calls
        self._told = told
        self._end = end
        self._stored = stored
        self._log = log
        self._since: dict[str, int] = {}
        self._before = 0
        self._last = Dropped(0)

    async def look(self) -> None:
        """Once a minute. What it decides by is taken here, on the loop; files are for a thread."""
        needed = self._needed()
        found = await asyncio.to_thread(keep_within, self._directory, self._most, needed, self._stored())
        self.octets = found.octets
        if found.segments:
            self.dropped += found.segments
            self._last = found
            self._log.error(
                "the journal came to its bound: calls of that time have no record",
                segments=found.segments,
                octets=found.dropped_octets,
                first=_time(found.first_at),
                last=_time(found.last_at),
            )

    def _needed(self) -> int:
        """The first segment that must stay. Of a call that was not here at the last look no event is older than that;
        of one that we found at a start nobody knows."""
        self._since = {call: self._since.get(call, self._before) for call in self._open_calls()}
        self._before = self._end()
        return min(self._told(), self._before, *self._since.values())

    def trouble(self) -> str:
        """What is wrong, in one sentence, or nothing."""
        if self.octets <= self._most * NEAR:
            return ""
        of = f"{self.octets / _MB:.0f} of {self._most / _MB:.0f} MB"
        if self.dropped:
            return f"journal: {of}; {self._lost()}"
        return f"journal: {of}, as the record store does not take it in; then the oldest calls lose their records"

    def warning(self) -> str:
        """What has been lost since the start, in one sentence, or nothing."""
        return f"journal: {self._lost()}" if self.dropped else ""

    def _lost(self) -> str:
        last = _time(self._last.last_at)
        return f"{self.dropped} segments went before the records had them, the last of {last}: calls without a record"


def _time(unix: float) -> str:
    return datetime.datetime.fromtimestamp(unix).astimezone().isoformat(sep=" ", timespec="seconds")
