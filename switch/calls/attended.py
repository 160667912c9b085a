"""A transfer to somebody with whom the transferor has spoken, or whom he is ringing: REFER with Replaces (RFC 5589
section 7, RFC 3891). The dialog to be replaced is another one of his with us.

    both talk           the target's leg moves into the call where the REFER came; whoever stays there talks with it
    the target rings    semi-attended: that call is called off as completed elsewhere, and the target rings anew
    a service of ours   the same: whoever stays goes where the transferor had called
    it is over          the transferor is told 481, and his call stands as it was

Whether the target's leg can move at once depends on what is being negotiated on it (`moving.movable`); it is waited
for, for `PATIENCE_S` at the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from switch.calls import transfer
from switch.calls.ending import end, finish
from switch.calls.identity import party
from switch.calls.leg import CALLER, Leg
from switch.calls.moving import movable, move
from switch.calls.pairing import pair
from switch.calls.ringer import ELSEWHERE
from switch.calls.terms import terms_of
from switch.calls.transfer import TRANSFERRED, Transfer
from switch.sip import refer
from switch.sip.leg_events import Referred
from switch.sip.replaces import Replaces

if TYPE_CHECKING:
    from switch.calls.call import Call

LOOK_S = 0.2
PATIENCE_S = 8.0
GIVEN_UP = Termination(Result.CANCELLED, Reason.TRANSFERRED, 487)
GONE, PENDING, LOOP, BUSY = 481, 491, 482, 486


def asked(call: Call, leg: Leg, event: Referred, replaces: Replaces, now: float) -> None:
    """A REFER with Replaces came."""
    other = call.context.leg_of(replaces.to_tag)
    if other is None or not replaces.names(other.usage) or other.index not in other.call.legs:
        _hopeless(call, leg, event, GONE, now)
    elif other.call is call:
        refer.refuse(leg.usage, event.number, LOOP, now)
    elif not _his(leg, other):
        refer.refuse(leg.usage, event.number, 403, now)
    elif replaces.early_only and other.call.state.answered_at is not None:
        _hopeless(call, leg, event, BUSY, now)
    elif other.call.transfer is not None or other.call.errand is not None:
        refer.refuse(leg.usage, event.number, PENDING, now)
    else:
        begin(call, leg, other, now, number=event.number)


def _his(leg: Leg, other: Leg) -> bool:
    """Whether both legs are the same telephone's, or the same line's."""
    one, two = leg.call.state.legs[leg.index], other.call.state.legs[other.index]
    return leg.target == other.target or (bool(one.device) and one.device == two.device)


def begin(call: Call, leg: Leg, other: Leg, now: float, *, how: str = "refer", number: int = 0) -> None:
    """Transfer whoever talks with `leg` to whom the same transferor has called by `other`, a leg of another call."""
    second = other.call
    far = second.other(other)
    if second.state.answered_at is not None and far is not None and second.ringer is None:
        stays = call.other(leg)
        assert stays is not None
        made = Transfer(leg, stays, number)
        made.begin(call, party(second, far).number, "attended", how, second.id)
        if number:
            refer.accept(leg.usage, number, now)
            transfer.moved(call, leg)
        Joining(call, made, other, now)
        return
    if call.for_help or second.for_help:
        # Whoever helps is not sent to somebody who only rings, and no call for help is called off to be made anew.
        refer.refuse(leg.usage, number, 403, now)
        return
    started = second.state.started
    kind = "semi_attended" if second.state.answered_at is None else "attended"
    transfer.blind(
        call,
        leg,
        started.number or started.dialled,
        now,
        how=how,
        kind=kind,
        number=number,
        other=second.id,
        before=lambda: _call_off(second, now),
    )


def _call_off(second: Call, now: float) -> None:
    """The transferor's own call to the target ends: for the telephones that ring, it was completed elsewhere."""
    if second.state.answered_at is None:
        second.why = ELSEWHERE
        finish(second, GIVEN_UP, now)
    else:
        end(second, TRANSFERRED, now)


def _hopeless(call: Call, leg: Leg, event: Referred, status: int, now: float) -> None:
    """There is nobody any more to transfer to. To refuse the REFER with 481 would say that its own dialog is gone: so
    it is taken, and told how it came out."""
    stays = call.other(leg)
    assert stays is not None
    made = Transfer(leg, stays, event.number)
    made.begin(call, "", "attended", "refer")
    refer.accept(leg.usage, event.number, now)
    transfer.moved(call, leg)
    made.over(call, "failed", now, status)


class Joining:
    """The two calls that are to become one, until the target's leg can move. An errand, as nothing else may happen to
    the call meanwhile."""

    def __init__(self, call: Call, made: Transfer, other: Leg, now: float) -> None:
        self.call = call
        self.made = made
        self.other = other
        self.until = now + PATIENCE_S
        call.errand = self
        self.on_timer(None, now)

    def progress(self, call: Call, status: int, now: float) -> None:
        """See `Errand`: nobody rings."""

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`: nobody rings."""

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """See `Errand`: nobody rings."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`. The transferor may have hung up before his telephone is told how it came out."""
        if leg is not self.made.by:
            return False
        return self.made.left(call, leg, now)

    def on_timer(self, what: object, now: float) -> None:
        """Look whether it can be done."""
        call = self.call
        if call.errand is not self or call.over:
            return
        try:
            self._try(now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def _try(self, now: float) -> None:
        call, second, other = self.call, self.other.call, self.other
        far = second.other(other) if not second.over and other.index in second.legs else None
        if far is None or second.transfer is not None:
            self._fail(GONE, now)
        elif movable(far):
            self._join(second, far, now)
        elif now < self.until:
            call.context.endpoint.timers.after(LOOK_S, now, self, None)
        else:
            self._fail(PENDING, now)

    def _join(self, second: Call, far: Leg, now: float) -> None:
        call, made, stays = self.call, self.made, self.made.stays
        call.errand = None
        terms = second.state.started.terms if far.index == CALLER else terms_of(far.policy)
        target = move(far, call, now)
        pair(call, stays, target, now, terms)
        made.done(call, target.target, now)
        end(second, TRANSFERRED, now)

    def _fail(self, status: int, now: float) -> None:
        self.call.errand = None
        self.made.failed(self.call, Termination(Result.FAILED, Reason.DIALOG_LOST, status), "", now)
