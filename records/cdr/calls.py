"""How a call begins, is decided anew, forwarded, and ends."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from records.cdr.change import Changes, changed, leg_over, stopped
from records.cdr.costs import call_done
from records.cdr.parking import left
from records.cdr.queueing import left as left_queues
from records.cdr.record import AT_FIRST, Account, Asked, CallRecord, Instant, LegRecord, Passed, Stop
from records.events import CallEnded, CallForwarded, CallHandedOver, CallReplanned, CallStarted, MenuChosen, Recovered


def _call_started(record: CallRecord, event: CallStarted, at: Instant) -> CallRecord:
    target = f"line:{event.line}" if event.line else f"trunk:{event.trunk}" if event.trunk else ""
    device, user, site = event.device or "", event.user, event.site if event.user else ""
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
        legs=(LegRecord(0, target, "", at, device=device, user=user, site=site),),
        user=user,
        site=event.site,
        entity=event.entity,
        path=(Stop(at, event.entity, "called"),) if event.entity else (),
    )


_CAUSES: Mapping[int, str] = {486: "busy", 408: "no_answer", 503: "outage", 302: "always", 480: "closed"}
_STEPS: Mapping[str, str] = {
    "transfer": "transferred",
    "blind_transfer": "transferred",
    "return": "returned",
    "fallback": "fallback",
    "add_party": "added",
}
"""Why the planner is asked again, where it is no step of its own plan (`CallReplanned.step`)."""


def _call_forwarded(record: CallRecord, event: CallForwarded, at: Instant) -> CallRecord:
    passed = Passed(at, event.by, event.cause, event.number, event.name, event.to, event.branch)
    path = record.path
    if not event.branch:  # a forward in the branch of a group is no way of the whole call
        by = event.by if ":" in event.by else f"user:{event.by}"
        why = _CAUSES.get(event.cause, str(event.cause))
        path = stopped(record, Stop(at, event.entity or event.to, "forwarded", by, why))
    return replace(record, n=event.n + 1, last_at=at, passed=(*record.passed, passed), path=path)


def _call_replanned(record: CallRecord, event: CallReplanned, at: Instant) -> CallRecord:
    again = (*record.again, Asked(event.request, event.facts, event.because))
    how, last = _STEPS.get(event.step, "replanned"), record.path[-1] if record.path else None
    path = record.path
    if how != "replanned" or last is None or last.entity != event.entity:
        path = stopped(record, Stop(at, event.entity, how))
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
        emergency=record.emergency or event.emergency,
        path=path,
    )


def _menu_chosen(record: CallRecord, event: MenuChosen, at: Instant) -> CallRecord:
    path = stopped(record, Stop(at, event.to, "chosen", f"attendant:{event.attendant}", event.how))
    return replace(record, n=event.n + 1, last_at=at, path=path)


def _recovered(record: CallRecord, event: Recovered | CallHandedOver, at: Instant) -> CallRecord:
    return replace(record, n=event.n + 1, last_at=at, recovered=True)


def _call_ended(record: CallRecord, event: CallEnded, at: Instant) -> CallRecord:
    """The end of the call is the end of each leg that has none of its own."""
    legs = record.legs
    for leg in legs:
        if leg.ended_at is None:
            legs = tuple(leg_over(each, at, event.result, event.reason, event.sip_status) for each in legs)
            break
    return changed(
        record,
        event.n,
        at,
        legs,
        AT_FIRST,
        ended_at=at,
        parkings=left(record.parkings, at, "ended") if record.parkings else (),
        queued=left_queues(record.queued, at, "abandoned") if record.queued else (),
        result=event.result,
        reason=event.reason,
        sip_status=event.sip_status,
        charges=call_done(record.charges, at) if record.charges else (),
    )


CHANGES: Changes = {
    CallStarted: _call_started,
    CallForwarded: _call_forwarded,
    CallReplanned: _call_replanned,
    MenuChosen: _menu_chosen,
    Recovered: _recovered,
    CallHandedOver: _recovered,
    CallEnded: _call_ended,
}
