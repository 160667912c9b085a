"""A caller who waits in a queue."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes
from records.cdr.record import CallRecord, Instant, Queued
from records.events import QueueEntered, QueueLeft, QueueOffered

Stays = tuple[Queued, ...]


def left(stays: Stays, at: Instant, how: str, leg: int | None = None, by: int = -1, to: str = "") -> Stays:
    """The stay of that leg, or of any, is over, where one is not yet."""
    return tuple(
        replace(each, until=at, how=how, by=by, to=to) if each.until is None and leg in (None, each.leg) else each
        for each in stays
    )


def _entered(record: CallRecord, event: QueueEntered, at: Instant) -> CallRecord:
    """Whoever goes from one queue into another without a word about the first has left that by a rule."""
    stay = Queued(at, None, event.leg, event.queue, target_s=event.target_s, short_s=event.short_s)
    before = left(record.queued, at, "overflowed", event.leg, to=f"queue:{event.queue}")
    return replace(record, n=event.n + 1, last_at=at, queued=(*before, stay))


def _offered(record: CallRecord, event: QueueOffered, at: Instant) -> CallRecord:
    stays = tuple(
        replace(each, offers=(*each.offers, event.leg))
        if each.until is None and each.queue == event.queue and event.leg not in each.offers
        else each
        for each in record.queued
    )
    return replace(record, n=event.n + 1, last_at=at, queued=stays)


def _left(record: CallRecord, event: QueueLeft, at: Instant) -> CallRecord:
    stays = left(record.queued, at, event.how, event.leg, event.by, event.to)
    return replace(record, n=event.n + 1, last_at=at, queued=stays)


CHANGES: Changes = {
    QueueEntered: _entered,
    QueueOffered: _offered,
    QueueLeft: _left,
}
