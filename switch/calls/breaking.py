"""A bug of ours met a call: it ends with a clear record, and takes nobody along.

It is ended in order first. Where that fails as well, each leg is told and its port given back one by one, whatever goes
wrong with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from switch.calls.ending import close, end
from switch.calls.leg import CALLER, Leg

if TYPE_CHECKING:
    from switch.calls.call import Call


def break_off(call: Call, error: Exception, now: float) -> None:
    """End the call for that error, in order if it can be, and out of order if not."""
    context = call.context
    context.on_error(error, f"call {call.id}")
    if call.state.ended is not None:
        return
    answered = call.state.answered_at is not None
    termination = Termination(Result.ANSWERED if answered else Result.FAILED, Reason.INTERNAL_ERROR, 500)
    try:
        end(call, termination, now)
    except Exception as again:  # noqa: BLE001  what cannot be done in order is let go
        context.on_error(again, f"ending call {call.id}")
        if call.ringer is not None:
            call.ringer.stop()
        for leg in list(call.legs.values()):
            for what in (_say_goodbye, _give_back):
                try:
                    what(leg, now)
                except Exception as still:  # noqa: BLE001  the rest is done all the same
                    context.on_error(still, f"ending call {call.id}")
        call.legs.clear()
        if call.state.ended is None:
            close(call, termination, now)


def _say_goodbye(leg: Leg, now: float) -> None:
    """The far end is told, whatever else went wrong: who waits for an answer would wait for ever."""
    leg.stop_waiting()
    usage = leg.usage
    leg.call.context.forget_leg(leg.tag)
    if usage.needs_ack:
        usage.ack(now)
    usage.bye(now)
    usage.cancel(now)
    if leg.index == CALLER:
        usage.refuse(500, now)


def _give_back(leg: Leg, now: float) -> None:
    if leg.sound.lease is not None:
        leg.call.context.forget_media(leg.sound.lease.leg)
        leg.call.context.engine.close(leg.sound.lease.leg)
