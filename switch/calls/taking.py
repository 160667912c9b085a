"""An INVITE with Replaces (RFC 3891): a telephone takes the place of a leg of ours, which talks or is rung.

    it talks      -> the new leg goes into that call, and is joined with whoever talked with it, which gets BYE
    it is rung    -> the new leg has answered the call in its place: everybody who is rung hears that it was completed
                     elsewhere; the caller is answered

The new INVITE has a record of its own, which ends as soon as its leg has gone over (`Reason.JOINED`). Who may take what
is `Context.may_take`: without a feature that says more, a line what is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from records import events as e
from switch.calls.answering import answer
from switch.calls.ending import end, stop_ringing, stop_walk
from switch.calls.leg import Leg
from switch.calls.moving import move
from switch.calls.pairing import pair
from switch.calls.ringer import ELSEWHERE
from switch.calls.transfer import TRANSFERRED
from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Request
from switch.sip.replaces import replaces_of

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.context import Context

JOINED = Termination(Result.ANSWERED, Reason.JOINED, 200)
GONE = Termination(Result.FAILED, Reason.DIALOG_LOST, 480)


def replaced_by(context: Context, request: Request, device: str | None, line: str | None) -> Leg | None:
    """The leg whose place an INVITE of that telephone takes; None without Replaces. Raises RemoteProtocolError: 400 for
    a header that cannot be read, 481, 486 or 603 by RFC 3891 section 3, 403 where it may not, 488 without an offer."""
    replaces = replaces_of(request)
    if replaces is None:
        return None
    leg = context.leg_of(replaces.to_tag)
    status = replaces.verdict(leg.usage) if leg is not None else 481
    if not status and leg is not None and leg.index not in leg.call.legs:
        status = 603
    if not status and leg is not None and not (device and line and context.may_take(device, line, leg)):
        status = 403
    if not status and leg is not None and leg.usage.confirmed and _busy(leg):
        status = 486
    if not status and not request.body:
        status = 488
    if status or leg is None:
        raise RemoteProtocolError(status, "")
    return leg


def _busy(leg: Leg) -> bool:
    """Whether that leg talks with a service of ours, in a room, or is just being transferred."""
    call = leg.call
    return bool(call.transfer or call.errand or call.service) or call.other(leg) is None


def take(call: Call, replaced: Leg, now: float) -> None:
    """The caller of `call` takes the place of a leg of another call."""
    other = replaced.call
    if call.over:
        return  # he has given up meanwhile
    if not replaced.usage.confirmed:
        if other.state.answered_at is None and other.early.waits(other, lambda then: take(call, replaced, then)):
            return
        if not _answer_for(other, now):
            end(call, GONE, now)
            return
    stays = other.front if not replaced.usage.confirmed else other.other(replaced)
    if stays is None or stays is replaced:
        end(call, GONE, now)
        return
    if not answer(call, now):
        return
    target, at, by = f"line:{call.state.started.line}", other.context.at(), replaced.index
    number, other.noted = call.state.started.caller_number, True
    other.record(e.TransferBegun(other.id, other.state.n, at, by, target, number, "taken", "replaces", call.id))
    errand, other.errand = other.errand, None
    was = replaced.usage.confirmed
    taken = move(call.caller, other, now)
    end(call, JOINED, now)
    other.record(e.TransferOver(other.id, other.state.n, at, replaced.index, "done", 200, target))
    pair(other, stays, taken, now, call.state.started.terms)
    if was and replaced.index in other.legs:
        other.hang_up_leg(replaced, TRANSFERRED, now)
    if errand is not None:
        errand.succeeded(other, taken, now)


def _answer_for(other: Call, now: float) -> bool:
    """Whoever is rung in that call hears that it was completed elsewhere, and its caller is answered. False when he
    cannot be."""
    if other.over:
        return False
    stop_walk(other)
    other.tone = False
    for leg in list(other.legs.values()):
        if not leg.usage.confirmed and leg.index != other.state.front:
            stop_ringing(other, leg, now, ELSEWHERE, Reason.COMPLETED_ELSEWHERE)
    return other.state.answered_at is not None or answer(other, now)
