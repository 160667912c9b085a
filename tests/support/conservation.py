"""What must hold of the call records after any history (XRL-10): nothing is lost, and nothing is counted twice.

Beside the record's own fold stands a book that knows nothing of it: it goes through a call's events by the exchange's
state (`switch.calls.state`) and notes who was connected with whom between each two of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from records import events as e
from records.cdr import CallRecord, CdrFolder, LegRecord, Parking, Span, Talk
from records.store.rows import call_row, leg_rows, record_of
from records.store.tables import call_legs, calls
from switch.calls.state import CallState, apply, begin

NONE = datetime.timedelta()
Connected = frozenset[tuple[tuple[int, ...], str]]
Book = dict[tuple[tuple[int, ...], str], datetime.timedelta]


def check_all(records: Sequence[CallRecord], events: Sequence[e.AnyEvent]) -> None:
    """All invariants of the records of a history, whose events are told in their order."""
    told: dict[str, list[e.CallEvent]] = {}
    for event in events:
        if isinstance(event, e.Event):
            told.setdefault(event.call, []).append(event)
    known = {record.call: record for record in records}
    assert len(known) == len(records), "a call has two records"
    for record in records:
        check_record(record)
        check_book(record, told[record.call])
        check_moves(record, known)
    check_told_twice(records, events)


def check_record(record: CallRecord) -> None:
    """What holds of one record by itself."""
    begun, ended = record.started_at, record.ended_at
    assert ended is not None
    assert all(each.until is not None for each in record.talks)
    for leg in record.legs:
        assert leg.ended_at is not None
        talks = record.talks_of(leg.leg)
        apart(talks, leg.answered_at or leg.ended_at, leg.ended_at)
        apart(leg.holds, begun, ended)
        for hold in leg.holds:
            people = [each for each in talks if each.kind != "service"]
            shared = (min(until(hold), until(each)) - max(hold.since, each.since) for each in people)
            both = sum((each for each in shared if each > NONE), NONE)
            assert both == until(hold) - hold.since, f"leg {leg.leg} holds when it talks with nobody"
        assert leg.held_s <= record.talked_s(leg.leg) <= leg.call_s + 0.001
    assert {number for each in record.talks for number in each.legs} <= {leg.leg for leg in record.legs}
    for each in record.talks:
        assert len(set(each.legs)) == len(each.legs) == (2 if each.kind == "talk" else 1), each
    apart(record.parkings, begun, ended)
    # A leg's time is where it talked, where a service had it, and where it waited: the call's is that of its legs.
    people = [each for each in record.talks if each.kind != "service"]
    talked = sum(((until(each) - each.since) * len(each.legs) for each in people), NONE)
    by_leg = sum(record.talked_s(leg.leg) for leg in record.legs)
    assert abs(talked.total_seconds() - by_leg) <= 0.001 * len(record.legs)
    assert record.account == (record.accounts[-1].account if record.accounts else "")
    if record.entity:
        assert (record.path[0].entity, record.path[0].how) == (record.entity, "called")
    assert [each.at for each in record.path] == sorted(each.at for each in record.path)
    assert stored(record) == record, "the rows say something else"


def check_book(record: CallRecord, events: Sequence[e.CallEvent]) -> None:
    """The record says the same as the book about who talked with whom, and for how long."""
    made: Book = {}
    for each in record.talks:
        key = (each.legs, each.what if each.kind != "talk" else "")
        made[key] = made.get(key, NONE) + until(each) - each.since
    assert made == book(events), record.call


def book(events: Sequence[e.CallEvent]) -> Book:
    """How long who was connected with whom, by the exchange's state between each two events."""
    kept: Book = {}
    first = events[0]
    assert isinstance(first, e.CallStarted)
    state, now = begin(first), first.at
    before: Connected = frozenset()
    for event in events[1:]:
        if event.at > now:
            for key in before:
                kept[key] = kept.get(key, NONE) + event.at - now
            now = event.at
        apply(state, event)
        before = connected(state)
    return kept


def connected(state: CallState) -> Connected:
    """Who is connected with whom, as the exchange sees it."""
    if state.ended is not None:
        return frozenset()
    up = {number for number, leg in state.legs.items() if leg.ended is None}
    rooms = {((each.leg,), f"conference:{each.room}" if each.room else "three-way") for each in state.members.values()}
    front, peer = state.front, state.peer
    if front not in up or front in state.members:
        return frozenset(rooms)
    if state.service:
        return frozenset({*rooms, ((front,), state.service)})
    rings = state.answered_at is not None and any(
        leg.ringing and not leg.answered and leg.ended is None for number, leg in state.legs.items() if number
    )
    if peer is None or peer not in up or peer in state.members or rings:
        return frozenset(rooms)
    return frozenset({*rooms, (tuple(sorted((front, peer))), "")})


def check_moves(record: CallRecord, known: Mapping[str, CallRecord]) -> None:
    """A leg that goes from one call into another is told of by both, and has no instant in both."""
    for leg in record.legs:
        if leg.to:
            after = leg_of(known[leg.to], leg.becomes)
            assert (after.of, after.was) == (record.call, leg.leg)
            assert leg.ended_at is not None
            assert leg.ended_at <= after.started_at
            assert (after.target, after.user, after.device) == (leg.target, leg.user, leg.device)
        if leg.of:
            assert leg_of(known[leg.of], leg.was).to == record.call
            assert leg.answered_at == leg.started_at


def check_told_twice(records: Sequence[CallRecord], events: Iterable[e.AnyEvent]) -> None:
    """Whoever is told everything twice, and from the beginning once more, makes the same records."""
    mine = [event for event in events if isinstance(event, e.Event)]
    folder = CdrFolder()
    again = [record for event in mine for record in (folder.feed(event), folder.feed(event)) if record is not None]
    again += [record for event in mine if (record := folder.feed(event)) is not None]
    assert again == list(records)


def apart(spans: Sequence[Span | Talk | Parking], begun: datetime.datetime, ended: datetime.datetime) -> None:
    """They lie within the time, one after the other; but for a stay in a slot, each has a length."""
    for each in spans:
        assert begun <= each.since <= until(each) <= ended, each
        assert isinstance(each, Parking) or each.since < until(each), each
    for before, after in pairwise(spans):
        assert until(before) <= after.since, (before, after)


def stored(record: CallRecord) -> CallRecord:
    """The record as it comes back out of its rows."""
    row = dict(zip(calls.columns.keys(), call_row(record), strict=True))
    legs = [dict(zip(call_legs.columns.keys(), each, strict=True)) for each in leg_rows(record)]
    return record_of(row, legs)


def until(span: Span | Talk | Parking) -> datetime.datetime:
    assert span.until is not None
    return span.until


def leg_of(record: CallRecord, number: int) -> LegRecord:
    return next(leg for leg in record.legs if leg.leg == number)
