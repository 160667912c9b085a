"""A call that is parked, and taken out of its slot again."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes, stopped
from records.cdr.record import CallRecord, Instant, Parking, Stop
from records.events import Parked, Unparked

Parkings = tuple[Parking, ...]


def left(parkings: Parkings, at: Instant, how: str, to: str = "") -> Parkings:
    """The last stay is over, if it is not yet."""
    last = parkings[-1] if parkings else None
    if last is None or last.until is not None:
        return parkings
    return (*parkings[:-1], replace(last, until=at, how=how, to=to))


def _parked(record: CallRecord, event: Parked, at: Instant) -> CallRecord:
    parkings = record.parkings
    last = parkings[-1] if parkings else None
    if last is not None and last.until is None and (last.lot, last.slot) == (event.lot, event.slot):
        return replace(record, n=event.n + 1, last_at=at)  # for the same time once more
    who = next((leg.user for leg in reversed(record.legs) if event.by and leg.target == event.by), "")
    user = who or (event.by.partition(":")[2] if event.by.startswith("line:") else "")
    stay = Parking(at, None, event.lot, event.slot, event.by, user)
    path = stopped(record, Stop(at, f"park:{event.lot}/{event.slot}", "parked", event.by))
    return replace(record, n=event.n + 1, last_at=at, parkings=(*left(parkings, at, "ended"), stay), path=path)


def _unparked(record: CallRecord, event: Unparked, at: Instant) -> CallRecord:
    return replace(record, n=event.n + 1, last_at=at, parkings=left(record.parkings, at, event.how, event.by))


CHANGES: Changes = {
    Parked: _parked,
    Unparked: _unparked,
}
