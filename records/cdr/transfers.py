"""A call that is transferred."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes
from records.cdr.record import CallRecord, Instant, Transfer
from records.events import TransferBegun, TransferOver


def _transfer_begun(record: CallRecord, event: TransferBegun, at: Instant) -> CallRecord:
    begun = Transfer(at, event.by, event.to, event.kind, event.how, event.other)
    path, last = record.path, record.path[-1] if record.path else None
    if last is not None and last.how == "transferred" and not last.by:  # the planner was asked a moment ago
        path = (*path[:-1], replace(last, by=event.by))
    return replace(record, n=event.n + 1, last_at=at, transfers=(*record.transfers, begun), path=path)


def _transfer_over(record: CallRecord, event: TransferOver, at: Instant) -> CallRecord:
    transfers = record.transfers
    if transfers and not transfers[-1].outcome:
        over = replace(transfers[-1], outcome=event.outcome, status=event.status, target=event.target, over_at=at)
        transfers = (*transfers[:-1], over)
    return replace(record, n=event.n + 1, last_at=at, transfers=transfers)


CHANGES: Changes = {
    TransferBegun: _transfer_begun,
    TransferOver: _transfer_over,
}
