"""The planner is asked again for a call that is under way, and the record says what it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from dialplan.facts import Facts
from dialplan.plan import CallRequest, Plan
from records import events as e
from switch.decided import draw_of, told, written

if TYPE_CHECKING:
    from switch.calls.call import Call


def ask(
    call: Call, request: CallRequest, step: str, now: float, *, helps: bool = True, facts: Facts | None = None
) -> Plan:
    """The plan for `request`, with the facts as they are now unless some are given. `step` says what came to it: the id
    of a step of the plan before, or what was done. Not `helps`: an emergency number will not be called. One that will
    makes this a call for help from now on, whatever it was before, and people are told (EMG-6, EMG-7)."""
    context = call.context
    facts = facts or context.facts.at(context.at(), draw_of(call.id))
    plan = context.plan(request, facts)
    kept = told(facts, plan.consulted) if plan.consulted else ""
    number = plan.number if request.account else ""
    if plan.dialled:
        # The password of an account code is written nowhere (CST-4); what is shown leads to the same decision.
        request = replace(request, digits=plan.dialled)
    at, asked = context.at(), written(request)
    helps, before = helps and plan.emergency, call.state.for_help
    help_ = None
    if helps and not call.state.started.emergency:  # of one that began so, its beginning says all that
        help_ = e.Help(plan.number, plan.device, plan.line, plan.address, plan.notify)
    call.record(
        e.CallReplanned(
            call.id,
            call.state.n,
            at,
            step,
            kept,
            plan.because,
            asked,
            request.account,
            number,
            helps,
            plan.entity,
            help_,
        )
    )
    if helps and not before:
        context.tell(call.state, now)
    return plan
