"""When something was written down, by which clock: wall time, and the kernel's monotonic time, which nobody sets.

Wall clocks are set, by people and by NTP, also while calls are up. So a segment of the journal says in its head which
boot of the kernel it was written in and what both clocks showed, and each frame has the monotonic time of its input.
Within a segment the two clocks agree: whoever writes it begins a new one when they do not any more. So two stamps of
one boot tell how much time has gone by, whatever the wall clock has done.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from records.events import AnyEvent, Bound, CallEnded, CallEvent, Event, Subscribed

STEP_S = 1.0
"""By so much a wall clock may be off without being called wrong: nobody's call is measured finer over a restart."""
_E = TypeVar("_E", bound=AnyEvent)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(msgspec.Struct, frozen=True):
    """The clocks of a segment, as of its beginning: the kernel's boot id (32 hexadecimal digits; empty: unknown, so
    that it is no other's), wall time in Unix seconds, and monotonic seconds since the boot."""

    boot: str
    wall: float
    monotonic: float

    @property
    def offset(self) -> float:
        """What the wall clock shows beyond the monotonic one, in seconds."""
        return self.wall - self.monotonic


class Stamp(NamedTuple):
    """When an input was written: `monotonic` seconds, by this clock."""

    clock: Clock
    monotonic: float


def boot_id() -> str:
    """Which boot of the kernel this is; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")
    except (OSError, UnicodeDecodeError):
        return ""


_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic_ns() -> int:
    """Nanoseconds since the boot, with those of suspend where the system counts them."""
    return time.clock_gettime_ns(_BOOT_CLOCK)


def clock_now() -> Clock:
    """The clocks as they stand now."""
    return Clock(boot_id(), time.time(), monotonic_ns() / 1e9)


def stepped_s(stamp: Stamp | None, today: Clock) -> float:
    """By how much wall time written at `stamp` is to be moved so that it is of today's wall clock. 0.0: they agree, or
    nobody can tell, as it was another boot."""
    if stamp is None or not today.boot or stamp.clock.boot != today.boot:
        return 0.0
    by = today.offset - stamp.clock.offset
    return by if abs(by) > STEP_S else 0.0


def moved(event: _E, by_s: float) -> _E:
    """The event as a wall clock would have said it that shows so much more, with every instant in it. What people set
    and what lies in mailboxes keeps the time that it was said with."""
    by = datetime.timedelta(seconds=by_s)
    if isinstance(event, Bound | Subscribed):
        return msgspec.structs.replace(event, at=event.at + by, expires_at=event.expires_at + by_s)
    return _moved(event, by) if isinstance(event, Event) else event


def _moved(value: Any, by: datetime.timedelta) -> Any:
    """The value with every instant in it moved, however deep."""
    if isinstance(value, datetime.datetime):
        return value + by
    if isinstance(value, tuple):
        return tuple(_moved(each, by) for each in value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{name: _moved(getattr(value, name), by) for name in value.__struct_fields__}
        )
    return value


class Steady:
    """Keeps the events of each call on the wall clock that the call began by, so that its times add up although the
    clock is set meanwhile. Frames come in the order of the journal."""

    __slots__ = ("behind", "clock")

    def __init__(self) -> None:
        self.clock: Clock | None = None
        """That of the last frame, the very object: who feeds frames calls `turn` when it is another one."""
        self.behind: dict[str, float] = {}
        """The calls during which the clock was set, and how much their beginning's shows beyond the one of now."""

    def turn(self, clock: Clock, open_calls: Iterable[str]) -> None:
        """From here on frames are of this clock; those calls are up."""
        before, self.clock = self.clock, clock
        by = stepped_s(Stamp(before, 0.0), clock) if before is not None else 0.0
        if by:
            for call in open_calls:
                self.behind[call] = self.behind.get(call, 0.0) - by

    def of_call(self, event: CallEvent) -> CallEvent:
        """The event by the clock of its call's beginning."""
        behind = self.behind
        if not behind or event.call not in behind:
            return event
        by = behind.pop(event.call) if isinstance(event, CallEnded) else behind[event.call]
        return moved(event, by) if abs(by) > STEP_S else event
