"""What happens on the legs of a call."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes, leg_over, taken_back, with_leg
from records.cdr.costs import leg_done, leg_gone
from records.cdr.record import CallRecord, Instant, LegRecord
from records.events import Connected, LegAnswered, LegEnded, LegGiven, LegHeld, LegRinging, LegStarted, LegTaken


def _leg_started(record: CallRecord, event: LegStarted, at: Instant) -> CallRecord:
    leg = LegRecord(event.leg, event.target, event.contact, at)
    return replace(record, n=event.n + 1, last_at=at, legs=(*record.legs, leg))


def _leg_ringing(record: CallRecord, event: LegRinging, at: Instant) -> CallRecord:
    def rang(leg: LegRecord) -> LegRecord:
        return leg if leg.rang_at or leg.answered_at or leg.ended_at else replace(leg, rang_at=at)

    first = at if record.rang_at is None and record.answered_at is None else record.rang_at
    return replace(record, n=event.n + 1, last_at=at, rang_at=first, legs=with_leg(record, event.leg, at, rang))


def _leg_answered(record: CallRecord, event: LegAnswered, at: Instant) -> CallRecord:
    def answered(leg: LegRecord) -> LegRecord:
        return leg if leg.answered_at or leg.ended_at else replace(leg, answered_at=at)

    answered_at = at if event.leg == 0 and record.answered_at is None else record.answered_at
    legs = with_leg(record, event.leg, at, answered)
    return replace(record, n=event.n + 1, last_at=at, answered_at=answered_at, legs=legs)


def _leg_held(record: CallRecord, event: LegHeld, at: Instant) -> CallRecord:
    def held(leg: LegRecord) -> LegRecord:
        if leg.ended_at is not None or event.held == (leg.held_since is not None):
            return leg
        return replace(leg, held_since=at) if event.held else taken_back(leg, at)

    return replace(record, n=event.n + 1, last_at=at, legs=with_leg(record, event.leg, at, held))


def _leg_ended(record: CallRecord, event: LegEnded, at: Instant) -> CallRecord:
    def ended(leg: LegRecord) -> LegRecord:
        return leg_over(leg, at, event.result, event.reason, event.sip_status, event.cause)

    legs = with_leg(record, event.leg, at, ended)
    if record.charges:
        return replace(record, n=event.n + 1, last_at=at, legs=legs, charges=leg_done(record.charges, event.leg, at))
    return replace(record, n=event.n + 1, last_at=at, legs=legs)


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

    return replace(record, n=event.n + 1, last_at=at, legs=with_leg(record, event.leg, at, taken))


def _leg_given(record: CallRecord, event: LegGiven, at: Instant) -> CallRecord:
    def given(leg: LegRecord) -> LegRecord:
        return leg_over(leg, at, "answered", "joined", 200)

    charges = leg_gone(record.charges, event.leg) if record.charges else ()
    return replace(record, n=event.n + 1, last_at=at, legs=with_leg(record, event.leg, at, given), charges=charges)


CHANGES: Changes = {
    LegStarted: _leg_started,
    LegRinging: _leg_ringing,
    LegAnswered: _leg_answered,
    LegHeld: _leg_held,
    LegEnded: _leg_ended,
    Connected: _connected,
    LegTaken: _leg_taken,
    LegGiven: _leg_given,
}
