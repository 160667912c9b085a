"""How a call ends, and each leg of it: the far ends are told, the sound closes, the record is completed.

    finish         without an answer, as the plan says or in spite of it
    end            in whatever state it is: every leg in the way that its own state asks for
    stop_ringing   one leg that rings is called off; the call goes on
    stop_walk      nobody more is rung, whatever the plan has yet; the call goes on
    leg_over       the leg has no more part in the call
    close          nor has anybody

What the endings are, as values, stands in `endings.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from records import events as e
from switch.calls.endings import BYE_REASON, CONGESTED, NOT_ACCEPTABLE, for_caller, stopped
from switch.calls.leg import CALLER, Leg
from switch.calls.serving import release
from switch.sip.headers import quote
from switch.sip.methods import SIPS_NOT_ALLOWED
from switch.sip.reason import cause_of
from switch.sip.usage_state import CONFIRMED, ENDED

if TYPE_CHECKING:
    from switch.calls.call import Call


def finish(call: Call, termination: Termination, now: float, text: str = "") -> None:
    """The call ends without an answer, as the plan says or in spite of it. `text` tells the caller why."""
    if call.ringer is not None:
        call.ringer.stop()
    for leg in list(call.legs.values()):
        if leg.index != CALLER:
            stop_ringing(call, leg, now, (), termination.reason)
    if termination.reason is Reason.OUTAGE and call.unfit:
        termination = NOT_ACCEPTABLE
    status, reasons = call.refused
    lines = reasons if status == termination.sip_status else ()
    if termination.reason is Reason.OUTAGE and call.secure:
        lines = (*lines, SIPS_NOT_ALLOWED)
    if termination.reason is Reason.CONGESTION:
        lines = CONGESTED
    text = text or call.said
    if text and not lines:
        lines = (f"Reason: SIP;cause={termination.sip_status};text={quote(text)}",)
    termination = for_caller(termination)
    call.caller.usage.refuse(termination.sip_status, now, lines)
    call.context.forget_leg(call.caller.tag)
    leg_over(call, call.caller, termination, cause_of(call.why))
    close(call, termination, now)


def end(call: Call, termination: Termination, now: float, who: Leg | None = None) -> None:
    """End every leg in the way its state asks for, and the call with it. `who`: whose far end wants it."""
    if call.state.answered_at is None and termination.result is Result.ANSWERED:
        status = termination.sip_status if termination.sip_status >= 300 else 480
        termination = Termination(Result.FAILED, termination.reason, status)
    if call.state.answered_at is None and call.ringer is not None and not call.ringer.over:
        finish(call, termination, now)
        return
    if call.ringer is not None:
        call.ringer.stop()
    release(call, now)
    call.errand = None
    for leg in list(call.legs.values()):
        usage = leg.usage
        if usage.state is CONFIRMED:
            leg.reach(now)
            if usage.needs_ack:
                usage.ack(now)
            usage.bye(now, BYE_REASON.get(termination.reason, call.why))
        elif usage.state is ENDED:
            call.context.forget_leg(leg.tag)
        elif leg.index == CALLER:
            usage.refuse(termination.sip_status if termination.sip_status >= 300 else 480, now)
            call.context.forget_leg(leg.tag)
        else:
            usage.cancel(now)
        leg_over(call, leg, termination, cause_of(call.why) if leg is who else "")
    close(call, termination, now)


def stop_ringing(
    call: Call, leg: Leg, now: float, lines: Sequence[str], reason: Reason = Reason.CALLER_CANCELLED
) -> None:
    """CANCEL a leg that rings still; its record says why."""
    if leg.index not in call.legs:
        return
    leg.usage.cancel(now, lines or call.why)
    leg_over(call, leg, stopped(reason))


def stop_walk(call: Call) -> None:
    """Nothing more comes of the walk through a plan. Legs that ring are another matter."""
    if call.ringer is not None:
        call.ringer.stop()
        call.ringer = None


def leg_over(call: Call, leg: Leg, termination: Termination, cause: str = "") -> None:
    """The leg has no more part in the call: its sound closes, its ending is recorded. `cause`: as its far end gave
    it."""
    if call.legs.pop(leg.index, None) is None:
        return
    if leg.unreachable is not None:
        leg.stop_waiting()
    call.early.over(leg)
    lease = leg.sound.lease
    if lease is not None:
        call.context.forget_media(lease.leg)
        call.context.engine.close(lease.leg)
    call.record(
        e.LegEnded(
            call.id,
            call.state.n,
            call.context.at(),
            leg.index,
            termination.result,
            termination.reason,
            termination.sip_status,
            cause,
        )
    )


def close(call: Call, termination: Termination, now: float) -> None:
    """Its record is complete."""
    if call.noted:
        for each in call.context.over:
            each(call, now)
    call.record(
        e.CallEnded(
            call.id,
            call.state.n,
            call.context.at(),
            termination.result,
            termination.reason,
            termination.sip_status,
        )
    )
    call.context.forget_call(call.id)
