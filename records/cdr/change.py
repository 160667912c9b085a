"""The shape that every change of a record by an event has, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from records.cdr.record import CallRecord, Instant, LegRecord, seconds
from records.events import Event

Changes = Mapping[type[Event], Callable[[CallRecord, Any, Instant], CallRecord]]
"""By the kind of the event: the record as it was, the event, and the instant to count with (never before the one of the
event before) give the record after it. Each has to set `n` and `last_at`, as `replace` is one copy whatever it sets."""


def with_leg(
    record: CallRecord, number: int, at: Instant, change: Callable[[LegRecord], LegRecord]
) -> tuple[LegRecord, ...]:
    """The legs with one changed; a leg whose beginning was lost begins now."""
    legs = record.legs
    for index, leg in enumerate(legs):
        if leg.leg == number:
            return (*legs[:index], change(leg), *legs[index + 1 :])
    return (*legs, change(LegRecord(number, "", "", at)))


def taken_back(leg: LegRecord, at: Instant) -> LegRecord:
    return replace(leg, held_since=None, held_s=round(leg.held_s + seconds(leg.held_since, at), 3))


def leg_over(leg: LegRecord, at: Instant, result: str, reason: str, sip_status: int, cause: str = "") -> LegRecord:
    if leg.ended_at is not None:
        return leg
    if leg.held_since is not None:
        leg = taken_back(leg, at)
    return replace(leg, ended_at=at, result=result, reason=reason, sip_status=sip_status, cause=cause)
