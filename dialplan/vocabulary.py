"""The words in which the walk and whoever drives it (the Ringer, or a simulation) talk to each other.

Events go in, commands come out. Contacts of a branch are numbered from 0 by the driver; the walk never sees a SIP
message, an address or a registration.

The driver gives what is due before what arrives in the same instant: at the very instant of expiry, expiry wins (K.12).
"""

from __future__ import annotations

import msgspec

from dialplan.plan import Branch, CallRequest, Hop, Outcome, Plan, Service
from dialplan.termination import Termination


class Begin(msgspec.Struct, frozen=True, gc=False, tag="begin"):
    """The first event of every walk."""


class Contacts(msgspec.Struct, frozen=True, gc=False, tag="contacts"):
    """How many telephones the branch really rings. 0 means that there is nobody to ring: outage at once (FWD-4).
    `full`: the trunk's channels are all in use, or its calls a second."""

    branch: str
    count: int
    full: bool = False


class Ringing(msgspec.Struct, frozen=True, gc=False, tag="ringing"):
    """A telephone sent its first 18x; `early_media` tells whether it carried SDP."""

    branch: str
    contact: int
    early_media: bool = False


class Answered(msgspec.Struct, frozen=True, gc=False, tag="answered"):
    """A telephone answered with 2xx. Only the first one gets a `Connect`; the driver ends the others with ACK and
    BYE.
    """

    branch: str
    contact: int


class Failed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """A telephone ended without answering. `final_for_user`: it spoke for the user (600, 603), see FWD-6.

    `status` is the final SIP status that it sent; 0 for a transport error or a timeout.
    """

    branch: str
    contact: int
    outcome: Outcome
    status: int = 0
    final_for_user: bool = False


class TimerDue(msgspec.Struct, frozen=True, gc=False, tag="timer"):
    """A timer that was armed is due. One that was disarmed meanwhile does no harm."""

    timer: str


class StepDone(msgspec.Struct, frozen=True, gc=False, tag="step_done"):
    """The step of an `Execute` is over. `exit` tells how:

    `done`: it came to its end. `failed`: it could not be done, for want of a common codec unless `ending` says why.
    `unavailable`: there is nothing that does it; the caller was not answered. `replan`: the call goes on as the planner
    answers `request` (the choice in a menu, an account code, the overflow of a queue). `answered`: the caller was
    answered meanwhile.
    """

    step: str
    exit: str = "done"
    request: CallRequest | None = None
    ending: Termination | None = None
    answered: bool = True


class Replanned(msgspec.Struct, frozen=True, gc=False, tag="replanned"):
    """The planner's answer to `AskAgain`, for the step that it names."""

    step: str
    plan: Plan


class CallerGone(msgspec.Struct, frozen=True, gc=False, tag="caller_gone"):
    """The caller cancelled, or hung up while a step was executed."""


WalkEvent = Begin | Contacts | Ringing | Answered | Failed | TimerDue | StepDone | Replanned | CallerGone


class StartBranch(msgspec.Struct, frozen=True, gc=False, tag="start_branch"):
    """Ring that target. The driver answers with `Contacts`. Every started branch is ended exactly once: by a
    `StopBranch` or by the `Connect` that names it. `step` is the id of the step that it belongs to, and `hops` are the
    forwards that led there."""

    branch: Branch
    step: str
    hops: tuple[Hop, ...] = ()


class StopBranch(msgspec.Struct, frozen=True, gc=False, tag="stop_branch"):
    """The branch is over: CANCEL what is still open in it. `elsewhere` asks for the "completed elsewhere" Reason.

    `outcome` is what the branch came to; None when it was stopped from outside (answered elsewhere, caller gone).
    """

    branch: str
    elsewhere: bool
    outcome: Outcome | None


class Arm(msgspec.Struct, frozen=True, gc=False, tag="arm"):
    """Send `TimerDue(timer)` after `delay_s` seconds."""

    timer: str
    delay_s: float


class Disarm(msgspec.Struct, frozen=True, gc=False, tag="disarm"):
    """Forget the timer."""

    timer: str


class Connect(msgspec.Struct, frozen=True, gc=False, tag="connect"):
    """Join the caller and that telephone. The branch's other telephones are cancelled as completed elsewhere.

    It is the walk's last word: every later event leaves it unmoved.
    """

    branch: str
    contact: int


class Execute(msgspec.Struct, frozen=True, gc=False, tag="execute"):
    """Do that step, which answers the caller by itself; report `StepDone`."""

    step: Service


class AskAgain(msgspec.Struct, frozen=True, gc=False, tag="ask_again"):
    """Ask the planner for a plan for `request` and report `Replanned`. `hops` are the forwards so far.

    In a branch (`member`) the others ring on meanwhile, and services of the new plan are passed over (FWD-10).
    """

    step: str
    request: CallRequest
    hops: tuple[Hop, ...] = ()
    member: bool = False


class Finish(msgspec.Struct, frozen=True, gc=False, tag="finish"):
    """The call ends so. No command follows. `announce` names what the caller is told before, where there is a voice for
    it (K.8, VIP-7); `text` is for the Reason header."""

    termination: Termination
    announce: str = ""
    text: str = ""


Command = StartBranch | StopBranch | Arm | Disarm | Connect | Execute | AskAgain | Finish


def outcome_of(status: int, *, trunk: bool, failed: bool | None = None) -> tuple[Outcome, bool]:
    """What a final SIP status of a called telephone or carrier means: the outcome, and whether it is the user's word.

    `status` 0 is a transport error or a timeout. FWD-4 to FWD-8: 486 and 480 speak for one telephone, 600 and 603 for
    the user. A telephone that cannot be asked (408, 404, 430, 5xx …) is an outage. A carrier's 404 or 403 is about the
    number, not about the carrier, so it is final; only a timeout, 5xx, 401 and 407 let the next route be tried. Where
    the operator says which answers do (`failover` of the trunk), `failed` tells whether this is one of them.
    """
    if trunk and failed:
        return Outcome.OUTAGE, False
    if status == 486:
        return Outcome.BUSY, False
    if status == 600:
        return Outcome.BUSY, True
    if status in (603, 607, 608):
        return Outcome.REJECTED, True
    if status == 487:
        return Outcome.NO_ANSWER, False
    if status in (0, 401, 407) or ((status == 408 or 500 <= status < 600) and failed is not False):
        return Outcome.OUTAGE, False
    if trunk:
        return Outcome.REJECTED, False
    if status in (404, 410, 430, 604):
        return Outcome.OUTAGE, False
    return Outcome.REJECTED, False
