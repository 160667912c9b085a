"""The call record (CDR) as a fold over a call's events: exactly one a call, with its legs.

`fold` is pure: a record and an event give the next record. It counts an event once, however often it is told (the
events of a call arrive in the order of their numbers, some perhaps again). `CdrFolder` holds the open calls of a stream
and gives out each record when its call has ended.

Times are the events' own. Should the wall clock be set back during a call, the call's time stands still until the clock
has caught up, so that these always hold: legs lie within the call, ring_s + talk_s <= duration_s.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from records.events import (
    CallEnded,
    CallEvent,
    CallForwarded,
    CallReplanned,
    CallStarted,
    Connected,
    Event,
    Forwarded,
    LegAnswered,
    LegEnded,
    LegGiven,
    LegHeld,
    LegRinging,
    LegStarted,
    LegTaken,
    RecordingEnded,
    RecordingPaused,
    RecordingStarted,
    Recovered,
    TransferBegun,
    TransferOver,
)
from records.recovery import Finished

Instant = datetime.datetime
_MILLISECOND = datetime.timedelta(milliseconds=1)


def _seconds(start: Instant | None, end: Instant | None) -> float:
    """Whole milliseconds from `start` to `end`, in seconds; 0 when one of them never came."""
    if start is None or end is None:
        return 0.0
    return ((end - start) // _MILLISECOND) / 1000


class LegRecord(msgspec.Struct, frozen=True, gc=False):
    """One leg of a call. Leg 0 is the caller. `held_s` is how long this leg kept the call on hold, in seconds."""

    leg: int
    target: str
    contact: str
    started_at: Instant
    rang_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    result: str = ""
    reason: str = ""
    sip_status: int = 0
    held_s: float = 0.0
    held_since: Instant | None = None
    cause: str = ""


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A forward of ours: see `records.events.CallForwarded`."""

    at: Instant
    by: str
    cause: int
    number: str = ""
    name: str = ""
    to: str = ""
    branch: str = ""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """Somebody has transferred the call: see `records.events.TransferBegun` and `TransferOver`. `outcome` is empty
    while it goes on."""

    at: Instant
    by: str
    to: str
    kind: str
    how: str
    other: str = ""
    outcome: str = ""
    status: int = 0
    target: str = ""
    over_at: Instant | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The call was recorded into `file`, or was to be: see `records.events.RecordingStarted` and `RecordingEnded`.
    `legs` are those recorded, `announced` those who were told. An empty `why`: up to the end of the call."""

    at: Instant
    file: str
    by: str
    legs: tuple[int, ...] = ()
    announced: tuple[int, ...] = ()
    pauses: int = 0
    why: str = ""
    detail: str = ""
    over_at: Instant | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The planner was asked again: see `records.events.CallReplanned`."""

    request: str
    facts: str
    because: tuple[tuple[str, str], ...]


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call. A record whose `ended_at` is None is of a call that is still up.

    `n` is the number of the next event expected. `complete` is False when the call's first event was lost. `forwards`
    are those that a carrier told of, `passed` our own, in their order. `facts`, `hops`, `proven` and `attested` are
    what else the decision was made with (`records.events.CallStarted`). `because` has the reasons of all decisions,
    and `again` those after the first.
    """

    call: str
    n: int
    last_at: Instant
    started_at: Instant
    complete: bool = False
    rang_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    device: str | None = None
    line: str | None = None
    trunk: str | None = None
    caller_number: str = ""
    caller_name: str = ""
    dialled: str = ""
    number: str = ""
    emergency: bool = False
    answered_target: str = ""
    answered_contact: str = ""
    service: str = ""
    result: str = ""
    reason: str = ""
    sip_status: int = 0
    recovered: bool = False
    sip_call_id: str = ""
    model: str = ""
    because: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    forwards: tuple[Forwarded, ...] = ()
    passed: tuple[Passed, ...] = ()
    account: str = ""
    facts: str = ""
    hops: int = 0
    proven: bool = True
    attested: bool = False
    again: tuple[Asked, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    recordings: tuple[Recorded, ...] = ()
    legs: tuple[LegRecord, ...] = ()

    @property
    def duration_s(self) -> float:
        """From the INVITE to the end, in seconds, to the millisecond below."""
        return _seconds(self.started_at, self.ended_at)

    @property
    def talk_s(self) -> float:
        """From the answer to the end, in seconds; 0 for a call never answered."""
        return _seconds(self.answered_at, self.ended_at)

    @property
    def ring_s(self) -> float:
        """From the first ringing to the answer or, without one, to the end, in seconds."""
        return _seconds(self.rang_at, self.answered_at or self.ended_at)


def fold(record: CallRecord | None, event: CallEvent) -> CallRecord:
    """The call's record after `event`; None is a call not heard of yet. An event already counted changes nothing."""
    if record is None:
        record = CallRecord(call=event.call, n=event.n, last_at=event.at, started_at=event.at)
    elif event.n < record.n or record.ended_at is not None:
        return record
    at = event.at if event.at > record.last_at else record.last_at
    change = _CHANGES.get(type(event))
    if change is None:
        return replace(record, n=event.n + 1, last_at=at)
    return change(record, event, at)


def _call_started(record: CallRecord, event: CallStarted, at: Instant) -> CallRecord:
    target = f"line:{event.line}" if event.line else f"trunk:{event.trunk}" if event.trunk else ""
    return replace(
        record,
        n=event.n + 1,
        complete=True,
        device=event.device,
        line=event.line,
        trunk=event.trunk,
        caller_number=event.caller_number,
        caller_name=event.caller_name,
        dialled=event.dialled,
        number=event.number,
        emergency=event.emergency,
        sip_call_id=event.sip_call_id,
        model=event.model,
        because=event.because,
        hidden=event.hidden,
        forwards=event.forwards,
        account=event.account,
        facts=event.facts,
        hops=event.hops,
        proven=event.proven,
        attested=event.attested,
        legs=(LegRecord(0, target, "", at),),
    )


def _leg_started(record: CallRecord, event: LegStarted, at: Instant) -> CallRecord:
    leg = LegRecord(event.leg, event.target, event.contact, at)
    return replace(record, n=event.n + 1, last_at=at, legs=(*record.legs, leg))


def _with_leg(
    record: CallRecord, number: int, at: Instant, change: Callable[[LegRecord], LegRecord]
) -> tuple[LegRecord, ...]:
    """The legs with one changed; a leg whose beginning was lost begins now."""
    legs = record.legs
    for index, leg in enumerate(legs):
        if leg.leg == number:
            return (*legs[:index], change(leg), *legs[index + 1 :])
    return (*legs, change(LegRecord(number, "", "", at)))


def _leg_ringing(record: CallRecord, event: LegRinging, at: Instant) -> CallRecord:
    def rang(leg: LegRecord) -> LegRecord:
        return leg if leg.rang_at or leg.answered_at or leg.ended_at else replace(leg, rang_at=at)

    first = at if record.rang_at is None and record.answered_at is None else record.rang_at
    return replace(record, n=event.n + 1, last_at=at, rang_at=first, legs=_with_leg(record, event.leg, at, rang))


def _leg_answered(record: CallRecord, event: LegAnswered, at: Instant) -> CallRecord:
    def answered(leg: LegRecord) -> LegRecord:
        return leg if leg.answered_at or leg.ended_at else replace(leg, answered_at=at)

    answered_at = at if event.leg == 0 and record.answered_at is None else record.answered_at
    legs = _with_leg(record, event.leg, at, answered)
    return replace(record, n=event.n + 1, last_at=at, answered_at=answered_at, legs=legs)


def _leg_held(record: CallRecord, event: LegHeld, at: Instant) -> CallRecord:
    def held(leg: LegRecord) -> LegRecord:
        if leg.ended_at is not None or event.held == (leg.held_since is not None):
            return leg
        return replace(leg, held_since=at) if event.held else _taken_back(leg, at)

    return replace(record, n=event.n + 1, last_at=at, legs=_with_leg(record, event.leg, at, held))


def _taken_back(leg: LegRecord, at: Instant) -> LegRecord:
    return replace(leg, held_since=None, held_s=round(leg.held_s + _seconds(leg.held_since, at), 3))


def _leg_over(leg: LegRecord, at: Instant, result: str, reason: str, sip_status: int, cause: str = "") -> LegRecord:
    if leg.ended_at is not None:
        return leg
    if leg.held_since is not None:
        leg = _taken_back(leg, at)
    return replace(leg, ended_at=at, result=result, reason=reason, sip_status=sip_status, cause=cause)


def _leg_ended(record: CallRecord, event: LegEnded, at: Instant) -> CallRecord:
    def ended(leg: LegRecord) -> LegRecord:
        return _leg_over(leg, at, event.result, event.reason, event.sip_status, event.cause)

    return replace(record, n=event.n + 1, last_at=at, legs=_with_leg(record, event.leg, at, ended))


def _connected(record: CallRecord, event: Connected, at: Instant) -> CallRecord:
    """The first one who was joined with the caller has answered; whom a transfer joins later is in the legs."""
    service = record.service or event.service
    if record.answered_target or event.leg == event.front:
        return replace(record, n=event.n + 1, last_at=at, service=service)
    leg = next((leg for leg in record.legs if leg.leg == event.leg), None)
    return replace(
        record,
        n=event.n + 1,
        last_at=at,
        service=service,
        answered_target=leg.target if leg else "",
        answered_contact=leg.contact if leg else "",
    )


def _leg_taken(record: CallRecord, event: LegTaken, at: Instant) -> CallRecord:
    def taken(leg: LegRecord) -> LegRecord:
        held_since = at if event.held else None
        return replace(leg, target=event.target, contact=event.contact, answered_at=at, held_since=held_since)

    return replace(record, n=event.n + 1, last_at=at, legs=_with_leg(record, event.leg, at, taken))


def _leg_given(record: CallRecord, event: LegGiven, at: Instant) -> CallRecord:
    def given(leg: LegRecord) -> LegRecord:
        return _leg_over(leg, at, "answered", "joined", 200)

    return replace(record, n=event.n + 1, last_at=at, legs=_with_leg(record, event.leg, at, given))


def _call_ended(record: CallRecord, event: CallEnded, at: Instant) -> CallRecord:
    """The end of the call is the end of each leg that has none of its own."""
    legs = record.legs
    if any(leg.ended_at is None for leg in legs):
        legs = tuple(_leg_over(leg, at, event.result, event.reason, event.sip_status) for leg in legs)
    return replace(
        record,
        n=event.n + 1,
        last_at=at,
        ended_at=at,
        result=event.result,
        reason=event.reason,
        sip_status=event.sip_status,
        legs=legs,
    )


def _call_forwarded(record: CallRecord, event: CallForwarded, at: Instant) -> CallRecord:
    passed = Passed(at, event.by, event.cause, event.number, event.name, event.to, event.branch)
    return replace(record, n=event.n + 1, last_at=at, passed=(*record.passed, passed))


def _call_replanned(record: CallRecord, event: CallReplanned, at: Instant) -> CallRecord:
    again = (*record.again, Asked(event.request, event.facts, event.because))
    return replace(
        record,
        n=event.n + 1,
        last_at=at,
        because=record.because + event.because,
        again=again,
        account=event.account or record.account,
        number=event.number or record.number,
    )


def _transfer_begun(record: CallRecord, event: TransferBegun, at: Instant) -> CallRecord:
    begun = Transfer(at, event.by, event.to, event.kind, event.how, event.other)
    return replace(record, n=event.n + 1, last_at=at, transfers=(*record.transfers, begun))


def _transfer_over(record: CallRecord, event: TransferOver, at: Instant) -> CallRecord:
    transfers = record.transfers
    if transfers and not transfers[-1].outcome:
        over = replace(transfers[-1], outcome=event.outcome, status=event.status, target=event.target, over_at=at)
        transfers = (*transfers[:-1], over)
    return replace(record, n=event.n + 1, last_at=at, transfers=transfers)


def _recording_started(record: CallRecord, event: RecordingStarted, at: Instant) -> CallRecord:
    recordings = record.recordings
    if not recordings or recordings[-1].file != event.file:
        recordings = (*recordings, Recorded(at, event.file, event.by))
    last = recordings[-1]
    legs = last.legs if event.leg in last.legs else (*last.legs, event.leg)
    announced = (*last.announced, event.leg) if event.announced and event.leg not in last.announced else last.announced
    last = replace(last, legs=legs, announced=announced)
    return replace(record, n=event.n + 1, last_at=at, recordings=(*recordings[:-1], last))


def _recording_paused(record: CallRecord, event: RecordingPaused, at: Instant) -> CallRecord:
    recordings = record.recordings
    if recordings and event.paused:
        recordings = (*recordings[:-1], replace(recordings[-1], pauses=recordings[-1].pauses + 1))
    return replace(record, n=event.n + 1, last_at=at, recordings=recordings)


def _recording_ended(record: CallRecord, event: RecordingEnded, at: Instant) -> CallRecord:
    recordings = record.recordings
    if event.file and recordings and recordings[-1].file == event.file:
        over = replace(recordings[-1], why=event.why, detail=event.detail, over_at=at)
        recordings = (*recordings[:-1], over)
    else:
        recordings = (*recordings, Recorded(at, "", event.by, why=event.why, detail=event.detail, over_at=at))
    return replace(record, n=event.n + 1, last_at=at, recordings=recordings)


def _recovered(record: CallRecord, event: Recovered, at: Instant) -> CallRecord:
    return replace(record, n=event.n + 1, last_at=at, recovered=True)


_CHANGES: dict[type[Event], Callable[[CallRecord, Any, Instant], CallRecord]] = {
    CallStarted: _call_started,
    LegStarted: _leg_started,
    LegRinging: _leg_ringing,
    LegAnswered: _leg_answered,
    LegHeld: _leg_held,
    LegEnded: _leg_ended,
    Connected: _connected,
    CallEnded: _call_ended,
    Recovered: _recovered,
    CallForwarded: _call_forwarded,
    CallReplanned: _call_replanned,
    LegTaken: _leg_taken,
    LegGiven: _leg_given,
    TransferBegun: _transfer_begun,
    TransferOver: _transfer_over,
    RecordingStarted: _recording_started,
    RecordingPaused: _recording_paused,
    RecordingEnded: _recording_ended,
}


class CdrFolder:
    """Holds the calls that are up and gives each record out once, when its call has ended."""

    def __init__(self) -> None:
        self.open: dict[str, CallRecord] = {}
        self._finished = Finished()

    def feed(self, event: CallEvent) -> CallRecord | None:
        """Take one event; the finished record if it was the call's last."""
        call = event.call
        record = self.open.get(call)
        if record is None and call in self._finished:
            return None
        record = fold(record, event)
        if record.ended_at is None:
            self.open[call] = record
            return None
        self.open.pop(call, None)
        self._finished.add(call)
        return record
