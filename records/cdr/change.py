"""The shape that every change of a record by an event has, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from records.cdr.record import CallRecord, Instant, LegRecord, Now, Stop
from records.cdr.talking import held, settle
from records.events import Event

Changes = Mapping[type[Event], Callable[[CallRecord, Any, Instant], CallRecord]]
"""By the kind of the event: the record as it was, the event, and the instant to count with (never before the one of the
event before) give the record after it. Each has to set `n` and `last_at`, as `replace` is one copy whatever it sets."""
THREE_WAY = "three-way"


def with_leg(
    record: CallRecord, number: int, at: Instant, change: Callable[[LegRecord], LegRecord]
) -> tuple[LegRecord, ...]:
    """The legs with one changed; a leg whose beginning was lost begins now."""
    legs = record.legs
    for index, leg in enumerate(legs):
        if leg.leg == number:
            found = list(legs)
            found[index] = change(leg)
            return tuple(found)
    return (*legs, change(LegRecord(number, "", "", at)))


def leg_over(
    leg: LegRecord, at: Instant, result: str, reason: str, sip_status: int, cause: str = "", to: str = "", as_: int = -1
) -> LegRecord:
    """The leg ends, or goes into the call `to` as its leg `as_`; a second end changes nothing."""
    if leg.ended_at is not None:
        return leg
    leg = held(leg, on=False, at=at)
    return replace(
        leg,
        ended_at=at,
        result=result,
        reason=reason,
        sip_status=sip_status,
        cause=cause,
        holding=False,
        to=to,
        becomes=as_,
    )


def leg_of(record: CallRecord, number: int) -> LegRecord | None:
    """The leg of that number."""
    return next((leg for leg in record.legs if leg.leg == number), None)


def without(now: Now, leg: int) -> Now:
    """The same without a leg that has left the call, or whose ringing is over."""
    if leg not in now.rung and not now.rooms:
        return now
    rooms = tuple(each for each in now.rooms if each[0] != leg)
    return replace(now, rooms=rooms, rung=tuple(each for each in now.rung if each != leg))


def changed(record: CallRecord, n: int, at: Instant, legs: tuple[LegRecord, ...], now: Now, **more: Any) -> CallRecord:
    """The record after a change of its legs, or of who is connected with whom."""
    legs, talks = settle(legs, record.talks, now, at)
    return replace(record, n=n + 1, last_at=at, legs=legs, talks=talks, now=now, **more)


def stopped(record: CallRecord, stop: Stop) -> tuple[Stop, ...]:
    """The path with one more stop. One that an event has told of already, in other words, is no other."""
    last = record.path[-1] if record.path else None
    if not stop.entity or (last is not None and (last.entity, last.how) == (stop.entity, stop.how)):
        return record.path
    return (*record.path, stop)
