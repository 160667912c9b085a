"""A past call explained: decided again as it was, with telephones that do what those of then did (`explain --call`).

What comes of it is the same value as of any other question, so it is shown the same way. Where the exchange itself
ended the call, or the record is of a version that kept less, the explanation says so in `Retold`.
"""

from __future__ import annotations

import msgspec

from dialplan import hours
from dialplan import question as asking
from dialplan.explanation import Explanation, explain
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan, Service, Step
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.question import Answer, Caller, Question
from dialplan.simulate import simulate
from dialplan.vocabulary import StepDone
from records.cdr import CallRecord, Instant, LegRecord
from switch import past

CALLER = 0


class Retold(msgspec.Struct, frozen=True, kw_only=True):
    """`agrees`: every rule says what it said then; `recorded` is what was said. `besides` is what the exchange said
    itself: a carrier without a free channel, a call that had been forwarded too often. `facts_known` is False where the
    record does not tell with which facts it was decided."""

    call: str
    agrees: bool
    recorded: past.Because
    besides: past.Because
    facts_known: bool
    explanation: Explanation


def retold(record: CallRecord, model: Model) -> Retold:
    """The call explained by the model that it was decided with. Never raises."""
    decided = past.again(record, model)
    answer = _answer(record, model, decided)
    zone = asking.zone(model, answer.question.caller, record.dialled)
    return Retold(
        call=record.call,
        agrees=decided.agrees,
        recorded=record.because,
        besides=decided.besides,
        facts_known=all(each.question.known for each in decided.answers),
        explanation=explain(model, _told_in(answer, zone), zone),
    )


def _answer(record: CallRecord, model: Model, decided: past.Past) -> Answer:
    """The walk through the plans of then."""
    first = decided.answers[0]
    request, facts = first.question.request, first.question.facts
    later = iter(decided.answers[1:])
    plans = [first.plan]
    services: list[Step] = []

    def again(asked: CallRequest) -> Plan:
        known = next(later, None)
        plans.append(known.plan if known is not None else plan(model, asked, facts))
        return plans[-1]

    def served(step: Service) -> StepDone | None:
        services.append(step)
        return None if record.service else StepDone(step.id, "unavailable")

    asked = Question(
        dial=record.dialled,
        caller=Caller(device=record.device or "", line=record.line or "", trunk=record.trunk or ""),
        at=record.started_at,
        number=record.caller_number,
        name=record.caller_name,
        anonymous=request.anonymous,
        attested=record.attested,
        account=record.account,
        phones=phones(record),
        facts=facts,
    )
    walked = simulate(first.plan, asked.phones, caller_gone_after_s=_gave_up(record), replan=again, served=served)
    return Answer(question=asked, request=request, plans=plans, simulation=walked, services=services)


def phones(record: CallRecord) -> dict[str, tuple[Phone, ...]]:
    """What the telephones and carriers of that call did, by target; one that is not there was not to be had."""
    found: dict[str, list[Phone]] = {}
    for leg in record.legs:
        if leg.leg != CALLER and leg.target:
            found.setdefault(leg.target, []).append(_phone(leg))
    return {target: tuple(several) for target, several in found.items()}


def _phone(leg: LegRecord) -> Phone:
    def after(at: Instant | None) -> float | None:
        return None if at is None else max(0.0, (at - leg.started_at).total_seconds())

    rang_s, answered_s, ended_s = after(leg.rang_at), after(leg.answered_at), after(leg.ended_at)
    if answered_s is not None:
        return Phone(status=200, after_s=answered_s, ringing_s=rang_s)
    if leg.sip_status == 487 or ended_s is None:
        return Phone(ringing_s=rang_s)
    silent = leg.sip_status in (0, 408)
    return Phone(status=0 if silent else leg.sip_status, after_s=ended_s, ringing_s=rang_s)


def _gave_up(record: CallRecord) -> float | None:
    """When the caller hung up before there was an answer."""
    return record.duration_s if record.reason == "caller_cancelled" else None


def _told_in(answer: Answer, zone: str) -> Answer:
    at = answer.question.at.astimezone(hours.zone_of(zone))
    return Answer(
        question=msgspec.structs.replace(answer.question, at=at),
        request=answer.request,
        plans=answer.plans,
        simulation=answer.simulation,
        services=answer.services,
    )
