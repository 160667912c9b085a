"""A caller who is with a service of ours goes on to another destination: as the walk does it, or, after a crash that
took the walk along, with a plan of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import CallRequest
from dialplan.vocabulary import StepDone
from records import events as e
from switch.calls import onward, transfer
from switch.calls.serving import release
from switch.decided import draw_of, told, written

if TYPE_CHECKING:
    from switch.calls.call import Call


def request(call: Call, digits: str) -> CallRequest:
    """What the planner is asked on behalf of whoever is with us: who called, but for a call that was transferred."""
    return transfer.request(call, call.front, None, digits)


def go_on(call: Call, step: str, asked: CallRequest, now: float) -> None:
    """Leave the service, and ring as the planner says. `step` is the one that the service carries out."""
    release(call, now)
    if call.ringer is not None and not call.ringer.over:
        call.done(StepDone(step, "replan", asked), now)
        return
    context = call.context
    facts = context.facts.at(context.at(), draw_of(call.id))
    plan = context.plan(asked, facts)
    kept = told(facts, plan.consulted) if plan.consulted else ""
    call.record(
        e.CallReplanned(
            call.id,
            call.state.n,
            context.at(),
            step,
            kept,
            plan.because,
            written(asked),
            asked.account,
            "",
            plan.emergency,
        )
    )
    onward.onward(call, plan, None, now)
