"""From call records to stays in queues, and from what members set to who is out: what `records.reports.queues` counts.

A member's wrap-up belongs to the call that it names, and lasts until the next word about that member in that queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from records.cdr import CallRecord, Instant, LegRecord, Queued, seconds
from records.events import MemberSet
from records.reports.queues import ANSWERED, Offer, Stay

OUT, WRAP_UP = "out", "wrap_up"


def stays(records: Iterable[CallRecord], members: Sequence[MemberSet] = ()) -> Iterator[Stay]:
    """All stays in those calls, finished or not; `members` in the order in which they were told."""
    wraps = _wraps(members)
    for record in records:
        for each in record.queued:
            yield _stay(record, each, wraps.get((record.call, each.queue), 0.0))


def out(members: Iterable[MemberSet], now: Instant) -> dict[str, list[str]]:
    """By queue the reasons of the members who are out (RTQ-10)."""
    last: dict[tuple[str, str], MemberSet] = {}
    for each in members:
        if each.at <= now:
            last[each.queue, each.member] = each
    found: dict[str, list[str]] = {}
    for (queue, _), each in last.items():
        if each.state == OUT:
            found.setdefault(queue, []).append(each.reason)
    return found


def _stay(record: CallRecord, stay: Queued, wrap_s: float) -> Stay:
    legs = {leg.leg: leg for leg in record.legs}
    member = legs.get(stay.by) if stay.how == ANSWERED else None
    talk_s, hold_s = (record.talked_s(member.leg), member.held_s) if member is not None else (0.0, 0.0)
    return Stay(
        call=record.call,
        queue=stay.queue,
        entered_at=stay.since,
        left_at=stay.until,
        how=stay.how,
        over_at=member.ended_at if member is not None else record.ended_at,
        talk_s=round(talk_s - hold_s, 3),
        hold_s=hold_s,
        wrap_s=wrap_s,
        offers=tuple(_offer(legs[number]) for number in stay.offers if number in legs),
        target_s=stay.target_s,
        short_s=stay.short_s,
    )


def _offer(leg: LegRecord) -> Offer:
    until = leg.answered_at or leg.ended_at
    return Offer(user=leg.user, at=leg.started_at, until=until, answered=leg.answered_at is not None)


def _wraps(members: Sequence[MemberSet]) -> dict[tuple[str, str], float]:
    """How long members wrapped up, by call and queue. Who still does counts nothing yet."""
    begun: dict[tuple[str, str], MemberSet] = {}
    found: dict[tuple[str, str], float] = {}
    for each in members:
        before = begun.pop((each.queue, each.member), None)
        if before is not None:
            key = before.call, before.queue
            found[key] = round(found.get(key, 0.0) + seconds(before.at, each.at), 3)
        if each.state == WRAP_UP:
            begun[each.queue, each.member] = each
    return found
