"""What a call cost, the account codes that it was charged to, and what of it was marked as billable."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes
from records.cdr.record import Account, CallRecord, Instant, Mark
from records.charges import Charge, ended
from records.events import AccountChanged, BillableSet, LegRated, Stretch


def _leg_rated(record: CallRecord, event: LegRated, at: Instant) -> CallRecord:
    """A leg's charge begins; told again, another talks with it."""
    charges = record.charges
    known = next((each for each in charges if each.leg == event.leg), None)
    if known is None:
        stretches = (*event.earlier, Stretch(at if event.earlier else event.since, event.to, event.name))
        begun = Charge(event.leg, event.payer, event.number, event.since, event.tariff, stretches)
        return replace(record, n=event.n + 1, last_at=at, charges=(*charges, begun))
    *before, last = known.stretches
    if at > last.since:
        before.append(replace(last, until=at))
    stretches = (*before, Stretch(at, event.to, event.name))
    known = replace(known, stretches=stretches)
    charges = tuple(known if each.leg == event.leg else each for each in charges)
    return replace(record, n=event.n + 1, last_at=at, charges=charges)


def _account_changed(record: CallRecord, event: AccountChanged, at: Instant) -> CallRecord:
    accounts = (*record.accounts, Account(at, event.account, event.by))
    return replace(record, n=event.n + 1, last_at=at, account=event.account, accounts=accounts)


def leg_done(charges: tuple[Charge, ...], leg: int, at: Instant) -> tuple[Charge, ...]:
    """The charges when a leg is over."""
    return tuple(ended(each, at) if each.leg == leg else each for each in charges)


def leg_gone(charges: tuple[Charge, ...], leg: int) -> tuple[Charge, ...]:
    """The charges when a leg has gone into another call, and its own with it."""
    return tuple(each for each in charges if each.leg != leg)


def call_done(charges: tuple[Charge, ...], at: Instant) -> tuple[Charge, ...]:
    """The charges when the call is over."""
    return tuple(ended(each, at) for each in charges)


def _billable_set(record: CallRecord, event: BillableSet, at: Instant) -> CallRecord:
    marks = (*record.marks, Mark(at, event.user, event.on, event.by))
    return replace(record, n=event.n + 1, last_at=at, marks=marks)


CHANGES: Changes = {LegRated: _leg_rated, AccountChanged: _account_changed, BillableSet: _billable_set}
