"""A call is sent on: REFER (RFC 3515, 5589), a code that is keyed in the call, or the operator. SPEC K.8, issue 5.

`referring.py` has what comes before: who may, and what a REFER asks for.

    blind           the plan is asked as the transferor's; whoever stays is the front, and others ring for him
    semi_attended   the transferor's own call to the target rings yet: it is called off as completed elsewhere, and the
                    target rings for whoever stays
    attended        they talk already: see `attended.py`

    begun -[somebody answers, or a service of ours has the front]-> done: the transferor hears so, and gets BYE
          -[nobody does]-> failed: the transferor hears why, and the call stands as it was
                        -> returned: he had hung up meanwhile, so that his line is rung
          -[whoever stays hangs up, or the call is ended]-> cancelled

The transferor stays the front's peer until the target has answered. When he has hung up, the record says that a service
named `transfer:` and his line has the front, so that after a crash his line is rung. After a crash nothing else is left
of a transfer: the pair stands as it was, and a transferor who waits to hear is told 503. Who was being sent on to an
emergency number is sent on once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from dialplan.destinations import user
from dialplan.plan import CallRequest, LineTarget, Plan, Reject, Ring
from dialplan.termination import Reason, Result, Termination
from media.engine import MediaEvent
from records import events as e
from switch.calls import requests
from switch.calls.keying import refused
from switch.calls.leg import Leg, is_trunk, line_of, trunk_of
from switch.calls.onward import back, onward
from switch.calls.pairing import pair
from switch.calls.replanning import ask
from switch.sip import refer

if TYPE_CHECKING:
    from switch.calls.call import Call

TRANSFERRED = Termination(Result.ANSWERED, Reason.TRANSFERRED, 200)
CANCELLED = 487
LOOP = 482
SERVICE = "transfer"


class Transfer:
    """One transfer, from its beginning to its end: the errand of a walk for whoever stays. `number` is that of the
    REFER, 0 when it was asked for otherwise."""

    __slots__ = ("by", "gone", "how", "line", "number", "phrase", "stays", "usage")

    def __init__(self, by: Leg, stays: Leg, number: int = 0) -> None:
        self.by = by
        self.stays = stays
        self.how = ""
        self.usage = by.usage
        self.number = number
        self.phrase = ""
        """What the transferor's telephone may show when it is done, such as where the call is parked."""
        self.line = line_of(by.target)
        self.gone = False
        """Whether the transferor has hung up."""

    def begin(self, call: Call, to: str, kind: str, how: str, other: str = "") -> None:
        """The record tells of it, and a REFER is accepted already."""
        referral = self.usage.referrals.get(self.number)
        named = referral is not None and referral.named
        waits = referral is None or not referral.quiet
        call.transfer, call.noted, self.how = self, True, how
        at, by = call.context.at(), self.by
        call.record(
            e.TransferBegun(
                *(call.id, call.state.n, at, by.index, by.target, to, kind, how, other),
                refer=self.number if waits else 0,
                named=named,
            )
        )

    # -- the errand -----------------------------------------------------------------------------------------------

    def progress(self, call: Call, status: int, now: float) -> None:
        """See `Errand`."""
        self.tell(call, status, now)

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`: the two are joined."""
        self.done(call, leg.target, now)

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """See `Errand`: back to the transferor, who is rung if he has hung up."""
        status = termination.sip_status if termination.sip_status >= 400 else 480
        back_to = self.line if self.gone else ""
        self.over(call, "returned" if back_to else "failed", now, status)
        if self.gone:
            return_to(call, back_to, now)
            return
        if self.how == "code":
            refused(call, self.by)
        else:
            back(call)

    def served(self, call: Call, now: float) -> None:
        """A service of ours has the front: that is where it was to go."""
        call.errand = None
        self.done(call, call.state.service, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`. The transferor may go; without whoever stays there is nothing to be done any more."""
        if leg is not self.by:
            return False
        self.gone = True
        stays, at = self.stays.index, call.context.at()
        call.record(e.Connected(call.id, call.state.n, at, stays, f"{SERVICE}:{self.line}", None, stays))
        call.service = Waiting(self.line)
        return True

    # -- its end --------------------------------------------------------------------------------------------------

    def done(self, call: Call, target: str, now: float) -> None:
        """Whoever stays talks with somebody else now: the transferor has no more part in the call."""
        self.over(call, "done", now, 200, target)
        if self.by.index in call.legs and self.by.call is call:
            call.hang_up_leg(self.by, TRANSFERRED, now)

    def over(self, call: Call, outcome: str, now: float, status: int = 0, target: str = "") -> None:
        """It has come to its end, and the transferor is told."""
        call.transfer = None
        self.tell(call, status, now)
        call.record(e.TransferOver(call.id, call.state.n, call.context.at(), self.by.index, outcome, status, target))

    def tell(self, call: Call, status: int, now: float) -> None:
        """Let the transferor know, if it was his telephone that asked."""
        if self.number:
            self.by.reach(now)
            phrase = self.phrase if status == 200 else ""
            if refer.notify(self.usage, self.number, status, now, phrase):
                moved(call, self.by)


class Waiting:
    """The service that a front has whose transferor has hung up while the target rings: nothing of ours but a name, by
    which the transferor's line is rung after a crash."""

    def __init__(self, line: str) -> None:
        self.line = line

    @property
    def name(self) -> str:
        """See `Service`."""
        return f"{SERVICE}:{self.line}"

    def begin(self, call: Call, now: float) -> None:
        """See `Service`: this is after a crash. Who was sent on for help, is so still."""
        helped = call.state.helped
        if helped is not None and helped.help is not None:
            wanted = msgspec.json.decode(helped.request, type=CallRequest)
            onward(call, ask(call, replace(wanted, at=call.context.at()), "return", now), None, now)
            return
        return_to(call, self.line, now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service`: nobody is asked for anything."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service`."""


def resume(call: Call, line: str) -> Waiting:
    """See `serving.Resume`."""
    return Waiting(line)


# How it begins


def blind(
    call: Call,
    by: Leg,
    digits: str,
    now: float,
    *,
    how: str = "refer",
    kind: str = "blind",
    number: int = 0,
    other: str = "",
    before: Callable[[], None] | None = None,
) -> int:
    """Send whoever talks with `by` on to those digits. `number` is that of the REFER which waits for an answer, and
    `before` is done when nothing stands against it any more. The status with which it is refused; 0 when it has
    begun."""
    stays = call.other(by)
    assert stays is not None
    made = ask(call, request(call, stays, by, digits), "transfer", now)
    status, text = _stands_against(made, by, stays)
    transfer = Transfer(by, stays, number)
    to = made.dialled or made.number
    if status:
        transfer.begin(call, to, kind, how, other)
        lines = (f'Reason: SIP;cause={status};text="{text}"',) if text else ()
        refer.refuse(by.usage, number, status, now, lines)
        transfer.number = 0
        transfer.over(call, "failed", now, status)
        return status
    transfer.begin(call, to, kind, how, other)
    if number:
        refer.accept(by.usage, number, now)
        moved(call, by)
    if before is not None:
        before()
    onward(call, made, transfer, now, front=stays)
    return 0


def _stands_against(plan: Plan, by: Leg, stays: Leg) -> tuple[int, str]:
    """Why the plan leads nowhere: it refuses, or comes back to one of the two who talk."""
    step = plan.step(plan.entry)
    if isinstance(step, Reject):
        return step.status, step.text
    if isinstance(step, Ring):
        targets = {each.target for stage in step.stages for each in stage.branches}
        own = {LineTarget(line_of(leg.target)) for leg in (by, stays) if not is_trunk(leg.target)}
        if targets and targets <= own:
            return LOOP, "Transfer To Oneself"
    return 0, ""


def request(call: Call, stays: Leg, by: Leg, digits: str) -> CallRequest:
    """What the planner is asked: whoever stays calls those digits, as `by` dials them. A carrier reaches what it could
    call itself, whoever stays."""
    if is_trunk(by.target):
        hops = call.state.started.hops
        return CallRequest(digits=digits, at=call.context.at(), trunk=trunk_of(by.target), hops=hops)
    return replace(
        requests.of_leg(call, stays, digits),
        transferor=line_of(by.target),
        transferor_device=call.state.legs[by.index].device or None,
    )


def return_to(call: Call, line: str, now: float) -> None:
    """Ring the transferor, and go on as his line's plan says."""
    wanted = requests.of_leg(call, call.front, "")
    made = ask(call, replace(wanted, to=user(line)), "return", now)
    onward(call, made, None, now)


# What follows from elsewhere


def joined(call: Call, now: float) -> None:
    """Who talks with whom has changed: a service of ours that has the front now is where the transfer was to lead to.
    After a crash, there is a transfer in the record that nobody carries out any more."""
    transfer, state = call.transfer, call.state
    if transfer is None:
        if state.transfer is not None:
            _after_crash(call, state.transfer, now)
        return
    if call.errand is transfer and state.service and not state.service.startswith(f"{SERVICE}:"):
        transfer.served(call, now)


def over(call: Call, now: float) -> None:
    """The call is over, and so is its transfer; also one that nobody carries out any more, when a crash cost the call
    as well."""
    begun = call.state.transfer
    if call.transfer is not None:
        call.transfer.over(call, "cancelled", now, CANCELLED)
    elif begun is not None:
        call.record(e.TransferOver(call.id, call.state.n, call.context.at(), begun.leg, "cancelled", CANCELLED))


def _after_crash(call: Call, begun: e.TransferBegun, now: float) -> None:
    by, helped = call.legs.get(begun.leg), call.state.helped
    outcome = "returned" if by is None else "failed"
    if by is not None and begun.refer:
        refer.resume(by.usage, begun.refer, 503, now, named=begun.named)
        moved(call, by)
    call.record(e.TransferOver(call.id, call.state.n, call.context.at(), begun.leg, outcome, 503))
    if helped is not None and call.state.helped is None and helped.help is not None and call.ringer is None:
        if by is not None and call.other(by) is not None:
            blind(call, by, helped.help.number, now, how=begun.how)
        return
    beside = [leg for index, leg in call.legs.items() if index not in (call.state.front, call.state.peer)]
    target = call.other(by) if by is not None else None
    if by is not None and target is not None and len(beside) == 1 and begun.how == "code":
        # He was asking the target, whom he had called by keys: the two who talked before do so again.
        pair(call, beside[0], by, now)
        call.hang_up_leg(target, TRANSFERRED, now)


def moved(call: Call, leg: Leg) -> None:
    """A request of ours went out on the leg."""
    if leg.call is call and leg.index in call.legs:
        leg.record_dialog()
