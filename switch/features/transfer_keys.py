"""Transfer for telephones without keys for it: by codes that are pressed in the call (`call_keys`).

    blind_transfer  the number is asked for, the other side is sent on there at once (`switch/calls/transfer.py`)
    transfer        the number is asked for, and rung for who has pressed the code, while the other side hears music:

        asking -> ringing -> consulting -[he hangs up]-> done: the other side talks with the target
                                        -[the code once more, or the target hangs up]-> the two talk again
        asking, ringing -[no number, refused, nobody answers, the code once more]-> the two talk again
        ringing -[he hangs up]-> the target goes on ringing, for the other side; his line is rung if that fails

After a crash the two talk again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import Reject, Ring, Trunk
from dialplan.termination import Reason, Result, Termination
from switch.calls import ports, referring, transfer
from switch.calls.ending import stop_ringing, stop_walk
from switch.calls.keying import REFUSED, Keying, plan_of, refused
from switch.calls.leg import Leg
from switch.calls.onward import back, onward, ring_tone
from switch.calls.pairing import pair
from switch.calls.transfer import Transfer

if TYPE_CHECKING:
    from switch.calls.call import Call

BLIND, ATTENDED = "blind_transfer", "transfer"
NOT_WANTED = Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200)


class TransferKeys:
    """What the two codes do, for all calls."""

    def __init__(self, keying: Keying) -> None:
        self._keying = keying

    def blind(self, call: Call, leg: Leg, now: float) -> None:
        """`blind_transfer` was pressed (`switch.features.call_keys.Feature`)."""
        self._begin(call, leg, consult=False, now=now)

    def attended(self, call: Call, leg: Leg, now: float) -> None:
        """`transfer` was pressed: once more, it takes the transfer back."""
        consulting = call.transfer
        if isinstance(consulting, Consulting):
            if consulting.by is leg:
                consulting.take_back(call, now)
            return
        self._begin(call, leg, consult=True, now=now)

    def _begin(self, call: Call, leg: Leg, *, consult: bool, now: float) -> None:
        if leg.listener is not None or referring.refusal(call, leg) or referring.kept(call, leg):
            return
        if not self._keying.asks(call):
            self._keying.ask(call, leg, lambda digits, then: _send(call, leg, consult, digits, then), now)


def _send(call: Call, by: Leg, consult: bool, digits: str, now: float) -> None:
    """The number is known, or there is none."""
    if not digits or referring.refusal(call, by) or referring.kept(call, by):
        refused(call, by)
    elif consult:
        _consult(call, by, digits, now)
    elif transfer.blind(call, by, digits, now, how="code"):
        refused(call, by)


def _consult(call: Call, by: Leg, digits: str, now: float) -> None:
    """Ring that number for who has pressed the code."""
    stays = call.other(by)
    assert stays is not None
    made = plan_of(call, by, digits, ATTENDED, now)
    step = made.step(made.entry)
    consulting = Consulting(by, stays)
    consulting.begin(call, made.dialled or made.number, "attended", "code")
    if made.emergency or not isinstance(step, Ring | Trunk):
        consulting.over(call, "failed", now, step.status if isinstance(step, Reject) else 403)
        refused(call, by)
        return
    onward(call, made, consulting, now, front=by)


class Consulting(Transfer):
    """An attended transfer by keys: the errand while the target rings, and while the two talk."""

    __slots__ = ("target",)

    def __init__(self, by: Leg, stays: Leg) -> None:
        super().__init__(by, stays)
        self.target: Leg | None = None

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`: they talk; without the one who has asked, the transfer is done."""
        if self.gone or self.stays.index not in call.legs:
            self.over(call, "done" if self.gone else "cancelled", now, 200, leg.target)
            return
        self.target = leg
        call.errand = self

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """See `Errand`."""
        if self.stays.index not in call.legs and not self.gone:
            self.over(call, "failed", now, termination.sip_status)
            call.hang_up(now)
            return
        super().failed(call, termination, text, now)

    def served(self, call: Call, now: float) -> None:
        """A mailbox or the like has answered in place of a target: nobody to talk with about it."""
        call.errand = None
        stop_ringer(call, now)
        self.over(call, "failed", now, 480)
        if self.stays.index in call.legs:
            pair(call, self.stays, self.by, now)
            call.context.engine.play(ports.leased(self.by), REFUSED)

    def take_back(self, call: Call, now: float) -> None:
        """The code once more: the two talk again."""
        call.errand = None
        stop_ringer(call, now)
        target, self.target = self.target, None
        self.over(call, "cancelled", now)
        if self.stays.index not in call.legs:
            return
        if target is None:
            back(call)
            return
        pair(call, self.stays, self.by, now)
        call.hang_up_leg(target, NOT_WANTED, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`."""
        if leg is self.by:
            return self._by_left(call, leg, now)
        if leg is self.stays:
            if self.gone:
                return False
            if self.target is not None:
                call.errand = None
                self.over(call, "cancelled", now)
            return True
        if leg is self.target:
            call.errand = None
            self.over(call, "cancelled", now)
            pair(call, self.stays, self.by, now)
            return True
        return False

    def _by_left(self, call: Call, leg: Leg, now: float) -> bool:
        if self.stays.index not in call.legs:
            return False
        if self.target is None:
            # It rings for the other side from now on.
            super().left(call, leg, now)
            call.tone = False
            ring_tone(call)
            return True
        call.errand = None
        pair(call, self.stays, self.target, now)
        self.over(call, "done", now, 200, self.target.target)
        return True


def stop_ringer(call: Call, now: float) -> None:
    """Nobody is to be rung any more."""
    stop_walk(call)
    for each in list(call.legs.values()):
        if not each.usage.confirmed:
            stop_ringing(call, each, now, ())
