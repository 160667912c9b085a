"""How a call begins, is decided anew, forwarded, and ends."""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.change import Changes, leg_over
from records.cdr.costs import call_done
from records.cdr.record import Account, Asked, CallRecord, Instant, LegRecord, Passed
from records.events import CallEnded, CallForwarded, CallHandedOver, CallReplanned, CallStarted, Recovered


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
        accounts=(Account(at, event.account),) if event.account else (),
        facts=event.facts,
        hops=event.hops,
        proven=event.proven,
        attested=event.attested,
        legs=(LegRecord(0, target, "", at),),
    )


def _call_forwarded(record: CallRecord, event: CallForwarded, at: Instant) -> CallRecord:
    passed = Passed(at, event.by, event.cause, event.number, event.name, event.to, event.branch)
    return replace(record, n=event.n + 1, last_at=at, passed=(*record.passed, passed))


def _call_replanned(record: CallRecord, event: CallReplanned, at: Instant) -> CallRecord:
    again = (*record.again, Asked(event.request, event.facts, event.because))
    accounts = (*record.accounts, Account(at, event.account)) if event.account else record.accounts
    return replace(
        record,
        n=event.n + 1,
        last_at=at,
        because=record.because + event.because,
        again=again,
        account=event.account or record.account,
        accounts=accounts,
        number=event.number or record.number,
    )


def _recovered(record: CallRecord, event: Recovered | CallHandedOver, at: Instant) -> CallRecord:
    return replace(record, n=event.n + 1, last_at=at, recovered=True)


def _call_ended(record: CallRecord, event: CallEnded, at: Instant) -> CallRecord:
    """The end of the call is the end of each leg that has none of its own."""
    legs = record.legs
    if any(leg.ended_at is None for leg in legs):
        legs = tuple(leg_over(leg, at, event.result, event.reason, event.sip_status) for leg in legs)
    return replace(
        record,
        n=event.n + 1,
        last_at=at,
        ended_at=at,
        result=event.result,
        reason=event.reason,
        sip_status=event.sip_status,
        legs=legs,
        charges=call_done(record.charges, at) if record.charges else (),
    )


CHANGES: Changes = {
    CallStarted: _call_started,
    CallForwarded: _call_forwarded,
    CallReplanned: _call_replanned,
    Recovered: _recovered,
    CallHandedOver: _recovered,
    CallEnded: _call_ended,
}
