"""What happens on the legs of a call, and who is joined with whom."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import THREE_WAY, Changes, changed, leg_of, leg_over, stopped, with_leg, without
from records.cdr.costs import leg_done, leg_gone
from records.cdr.queueing import left
from records.cdr.record import CallRecord, Instant, LegRecord, Now, Stop
from records.cdr.talking import held, together
from records.events import (
    Connected,
    LegAnswered,
    LegEnded,
    LegGiven,
    LegHeld,
    LegRinging,
    LegStarted,
    LegTaken,
    RoomEntered,
    RoomLeft,
)

_INNER = ("park", "transfer:", "retrieve:", "refused:")
"""How services are called that are no stop of their own: the slot is, or whom the transferor meant."""


def _leg_started(record: CallRecord, event: LegStarted, at: Instant) -> CallRecord:
    leg = LegRecord(
        event.leg,
        event.target,
        event.contact,
        at,
        device=event.device,
        user=event.user,
        site=event.site,
        for_=event.for_,
        payer=event.payer,
        number=event.number,
    )
    return replace(record, n=event.n + 1, last_at=at, legs=(*record.legs, leg))


def _leg_ringing(record: CallRecord, event: LegRinging, at: Instant) -> CallRecord:
    def rang(leg: LegRecord) -> LegRecord:
        return leg if leg.rang_at or leg.answered_at or leg.ended_at else replace(leg, rang_at=at)

    first = at if record.rang_at is None and record.answered_at is None else record.rang_at
    legs, now = with_leg(record, event.leg, at, rang), record.now
    if record.answered_at is None:
        return replace(record, n=event.n + 1, last_at=at, rang_at=first, legs=legs)
    # The front hears a ringing tone from now on, and not its peer.
    rung = leg_of(record, event.leg)
    if event.leg not in now.rung and (rung is None or (rung.answered_at is None and rung.ended_at is None)):
        now = replace(now, rung=(*now.rung, event.leg))
    return changed(record, event.n, at, legs, now)


def _leg_answered(record: CallRecord, event: LegAnswered, at: Instant) -> CallRecord:
    def answered(leg: LegRecord) -> LegRecord:
        return leg if leg.answered_at or leg.ended_at else replace(leg, answered_at=at)

    answered_at = at if event.leg == 0 and record.answered_at is None else record.answered_at
    legs = with_leg(record, event.leg, at, answered)
    return replace(record, n=event.n + 1, last_at=at, answered_at=answered_at, legs=legs)


def _leg_held(record: CallRecord, event: LegHeld, at: Instant) -> CallRecord:
    def said(leg: LegRecord) -> LegRecord:
        if leg.ended_at is not None or event.held == leg.holding:
            return leg
        counts = event.held and together(record.talks, leg.leg)
        return replace(held(leg, counts, at), holding=event.held)

    return replace(record, n=event.n + 1, last_at=at, legs=with_leg(record, event.leg, at, said))


def _leg_ended(record: CallRecord, event: LegEnded, at: Instant) -> CallRecord:
    def ended(leg: LegRecord) -> LegRecord:
        return leg_over(leg, at, event.result, event.reason, event.sip_status, event.cause)

    legs = with_leg(record, event.leg, at, ended)
    charges = leg_done(record.charges, event.leg, at) if record.charges else ()
    queued = left(record.queued, at, "abandoned", event.leg) if record.queued else ()
    return changed(record, event.n, at, legs, without(record.now, event.leg), charges=charges, queued=queued)


def _connected(record: CallRecord, event: Connected, at: Instant) -> CallRecord:
    """The first one who was joined with the caller has answered; whom a transfer joins later is in the legs."""
    service = record.service or event.service
    peer = event.leg if event.leg != event.front else -1
    now = Now(event.front, peer, event.service, record.now.rooms)
    if peer < 0:
        path = record.path
        if not event.service.startswith(_INNER):
            path = stopped(record, Stop(at, event.service, "answered"))
        return changed(record, event.n, at, record.legs, now, service=service, path=path)
    leg = leg_of(record, peer)
    path = _met(record, leg, at)
    if record.answered_target:
        return changed(record, event.n, at, record.legs, now, service=service, path=path)
    return changed(
        record,
        event.n,
        at,
        record.legs,
        now,
        service=service,
        path=path,
        answered_target=leg.target if leg else "",
        answered_contact=leg.contact if leg else "",
    )


def _met(record: CallRecord, leg: LegRecord | None, at: Instant) -> tuple[Stop, ...]:
    """The path with somebody who is in the call for the first time."""
    if leg is None or not leg.leg:
        return record.path
    for each in record.talks:
        if leg.leg in each.legs:
            return record.path
    return stopped(record, Stop(at, leg.entity, "joined" if leg.of else "answered"))


def _leg_taken(record: CallRecord, event: LegTaken, at: Instant) -> CallRecord:
    def taken(leg: LegRecord) -> LegRecord:
        return replace(
            leg,
            target=event.target,
            contact=event.contact,
            answered_at=at,
            device=event.device,
            user=event.user,
            site=event.site,
            holding=event.held,
            of=event.of,
            was=event.was,
        )

    return replace(record, n=event.n + 1, last_at=at, legs=with_leg(record, event.leg, at, taken))


def _leg_given(record: CallRecord, event: LegGiven, at: Instant) -> CallRecord:
    def given(leg: LegRecord) -> LegRecord:
        return leg_over(leg, at, "answered", "joined", 200, "", event.to, event.becomes)

    legs = with_leg(record, event.leg, at, given)
    charges = leg_gone(record.charges, event.leg) if record.charges else ()
    queued = left(record.queued, at, "abandoned", event.leg) if record.queued else ()
    return changed(record, event.n, at, legs, without(record.now, event.leg), charges=charges, queued=queued)


def _room_entered(record: CallRecord, event: RoomEntered, at: Instant) -> CallRecord:
    now, room = record.now, f"conference:{event.room}" if event.room else THREE_WAY
    rooms = (*(each for each in now.rooms if each[0] != event.leg), (event.leg, room))
    path = record.path if event.room else _met(record, leg_of(record, event.leg), at)
    return changed(record, event.n, at, record.legs, replace(now, rooms=tuple(sorted(rooms))), path=path)


def _room_left(record: CallRecord, event: RoomLeft, at: Instant) -> CallRecord:
    now = record.now
    rooms = tuple(each for each in now.rooms if each[0] != event.leg)
    return changed(record, event.n, at, record.legs, replace(now, rooms=rooms))


CHANGES: Changes = {
    LegStarted: _leg_started,
    LegRinging: _leg_ringing,
    LegAnswered: _leg_answered,
    LegHeld: _leg_held,
    LegEnded: _leg_ended,
    Connected: _connected,
    LegTaken: _leg_taken,
    LegGiven: _leg_given,
    RoomEntered: _room_entered,
    RoomLeft: _room_left,
}
