"""Transfer for telephones without keys for it: by codes that are pressed in the call (`call_keys`).

    blind_transfer  the number is asked for, the other side is sent on there at once (`switch/calls/transfer.py`)
    transfer        the number is asked for, and rung for who has pressed the code, while the other side hears music:

        asking -> ringing -> consulting -[he hangs up]-> done: the other side talks with the target
                                        -[the code once more, or the target hangs up]-> the two talk again
        asking, ringing -[no number, refused, nobody answers, the code once more]-> the two talk again
        ringing -[he hangs up]-> the target goes on ringing, for the other side; his line is rung if that fails

The number is asked for, once and for all, in the words of the prompts. After a crash the two talk again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import CallRequest, Reject, Ring, Trunk
from dialplan.termination import Reason, Result, Termination
from media.engine import MediaEvent, Tune
from switch.calls import ports, referring, transfer
from switch.calls.dialogue import Answer, Ask, Dialogue
from switch.calls.ending import stop_ringing
from switch.calls.joining import reconnect
from switch.calls.leg import Leg
from switch.calls.onward import back, onward, ring_tone
from switch.calls.pairing import pair
from switch.calls.replanning import ask
from switch.calls.transfer import REFUSED, Transfer
from switch.prompts.words import Words

if TYPE_CHECKING:
    from switch.calls.call import Call

BLIND, ATTENDED = "blind_transfer", "transfer"
MOST_DIGITS = 32
NOT_WANTED = Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200)


class TransferKeys:
    """What the two codes do, for all calls."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._asking: dict[str, Asking] = {}

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
        if leg.listener is not None or referring.refusal(call, leg):
            return
        before = self._asking.get(call.id)
        if before is not None:
            if before.asking:
                return
            before.dialogue.stop()
        self._asking[call.id] = asking = Asking(self, call, leg, consult)
        asking.begin(now)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`)."""
        asking = self._asking.pop(call.id, None)
        if asking is not None:
            asking.dialogue.stop()

    def done(self, call: Call) -> None:
        """The number is known, or there is none."""
        self._asking.pop(call.id, None)


class Asking:
    """Who has pressed a code is asked for the number; the other side hears music."""

    def __init__(self, owner: TransferKeys, call: Call, by: Leg, consult: bool) -> None:
        self.dialogue = Dialogue(call, by)
        self._owner = owner
        self._call = call
        self._by = by
        self._consult = consult

    def begin(self, now: float) -> None:
        """Ask."""
        call = self._call
        self._by.listener = self
        music(call, self._by)
        words = self._owner.words.sources("number_enter")
        self.dialogue.ask(Ask(words=words, most=MOST_DIGITS, first_s=8.0, between_s=4.0), self._answered, now)

    @property
    def asking(self) -> bool:
        """Whether he is asked still."""
        return self._by.listener is self and self._by.call is self._call and not self._call.over

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Listener`."""
        self.dialogue.heard(event, now)

    def _answered(self, answer: Answer, now: float) -> None:
        call, by = self._call, self._by
        self._owner.done(call)
        if not self.asking:
            return  # he talks with somebody else now, or is being sent there
        by.listener = None
        if not answer.digits or referring.refusal(call, by):
            refused(call, by)
        elif self._consult:
            consult(call, by, answer.digits, now)
        elif transfer.blind(call, by, answer.digits, now, how="code"):
            refused(call, by)


def music(call: Call, by: Leg) -> None:
    """Whom this leg talks with hears its music."""
    other = call.other(by)
    if other is not None:
        call.context.engine.play(ports.leased(other), Tune(call.context.directory.hold_music(by.target), loop=True))


def refused(call: Call, by: Leg) -> None:
    """The two talk again, and who wanted to transfer hears that nothing came of it."""
    reconnect(call)
    call.context.engine.play(ports.leased(by), REFUSED)


def consult(call: Call, by: Leg, digits: str, now: float) -> None:
    """Ring that number for who has pressed the code."""
    stays = call.other(by)
    assert stays is not None
    line, state = by.target.partition(":")[2], call.state.legs[by.index]
    number, name = call.context.directory.shown(line)
    made = ask(
        call,
        CallRequest(
            digits=digits,
            at=call.context.at(),
            device=state.device or None,
            line=line,
            caller_number=number or None,
            caller_name=name or None,
            hops=call.state.started.hops,
        ),
        ATTENDED,
        helps=False,
    )
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
    if call.ringer is not None:
        call.ringer.stop()
        call.ringer = None
    for each in list(call.legs.values()):
        if not each.usage.confirmed:
            stop_ringing(call, each, now, ())
