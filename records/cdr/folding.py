"""The fold: a record and an event give the next record; and the folder, which holds the open calls of a stream."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr import calls, costs, legs, parking, queueing, recordings, transfers
from records.cdr.change import Changes
from records.cdr.record import CallRecord
from records.events import CallEvent
from records.recovery import Finished

_CHANGES: Changes = {
    **calls.CHANGES,
    **legs.CHANGES,
    **transfers.CHANGES,
    **parking.CHANGES,
    **queueing.CHANGES,
    **costs.CHANGES,
    **recordings.CHANGES,
}


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
