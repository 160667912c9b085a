"""Walk a plan with pretended telephones: what would happen, second by second, without a network.

`explain` and `test` use it, and so do our own tests. It drives the very `walk.step` that the exchange drives with real
telephones; `pretend` has the telephones. What comes out is a timeline of what the network would see, and how it ends.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable, Sequence

import msgspec

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Branch, CallRequest, Hop, LineTarget, Plan, Service, Step, TrunkTarget
from dialplan.pretend import Phone, Script
from dialplan.termination import Termination


class What(enum.StrEnum):
    """What a moment of the timeline is about."""

    INVITE = "invite"
    RINGING = "ringing"
    REFUSED = "refused"
    """A telephone sent a final status, or (0) nothing at all."""
    NOBODY = "nobody"
    """The target has no telephone, or the trunk no channel."""
    OVER = "over"
    """The branch has come to its outcome."""
    CANCEL = "cancel"
    ANSWER = "answer"
    BYE = "bye"
    """A telephone answered in the instant in which it was cancelled, and was hung up."""
    FORWARD = "forward"
    SERVICE = "service"
    ASK = "ask"
    ANNOUNCE = "announce"
    END = "end"


class Moment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happens, `at_s` seconds after the call came (to the millisecond).

    `target` is `line:NAME`, `trunk:NAME`, or the id of a step; `contact` numbers its telephones. `status` is a final
    SIP status. `detail` has the outcome of a branch, what is announced, or the reason of the end. `elsewhere`: the
    CANCEL says that the call was completed elsewhere. `hop` is the forward.
    """

    at_s: float
    what: What
    target: str = ""
    contact: int = 0
    status: int = 0
    detail: str = ""
    elsewhere: bool = False
    hop: Hop | None = None

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{self.at_s:g} s", self.what.value, self.target or (self.hop.by if self.hop is not None else "")]
        if self.contact:
            parts.append(f"#{self.contact + 1}")
        if self.status or self.what is What.REFUSED:
            parts.append(str(self.status) if self.status else "no response")
        if self.hop is not None:
            parts.append(f"cause {self.hop.cause}")
        parts.append(self.detail)
        parts.append("completed elsewhere" if self.elsewhere else "")
        return " ".join(part for part in parts if part)


class Simulation(msgspec.Struct, kw_only=True):
    """What came of it. `commands` holds (seconds since the call, command); `rang` the targets in order.

    `connected` is the target that was joined to the caller, and `branch` its branch; or it is the id of the service
    that answered. `termination` is set when the walk finished. `at_s` is the time of its last command, and `armed` are
    the timers that it has left behind. `plan` has the steps of later answers of the planner, too.
    """

    timeline: list[Moment] = []
    commands: list[tuple[float, v.Command]] = []
    rang: list[str] = []
    connected: str = ""
    branch: Branch | None = None
    termination: Termination | None = None
    at_s: float = 0.0
    armed: tuple[str, ...] = ()
    plan: Plan

    def sent(self, *what: What) -> list[Moment]:
        """The moments of those kinds."""
        return [moment for moment in self.timeline if moment.what in what]


Replanner = Callable[[CallRequest], Plan]
Served = Callable[[Service], v.StepDone | None]
"""What comes of a service at once; None: it answers the caller, and goes on."""


def name_of(branch: Branch) -> str:
    """A target as scripts and timelines write it: `line:NAME` or `trunk:NAME`."""
    match branch.target:
        case LineTarget(line):
            return f"line:{line}"
        case TrunkTarget():
            return f"trunk:{branch.target.trunk}"


def simulate(
    plan: Plan,
    script: Script,
    *,
    otherwise: Sequence[Phone] = (),
    caller_gone_after_s: float | None = None,
    replan: Replanner | None = None,
    served: Served | None = None,
) -> Simulation:
    """Walk the plan to its end, or until a service answers. A target that the script does not name has the telephones
    of `otherwise`: none unless told. Without `replan` the walk stands still where the planner would be asked again."""
    run = _Run(plan, script, otherwise, replan, served)
    run.at(0.0, v.Begin())
    if caller_gone_after_s is not None:
        run.at(caller_gone_after_s, v.CallerGone())
    run.go()
    return run.result


class _Run:
    """One simulation while it goes on."""

    __slots__ = (
        "_agenda",
        "_branches",
        "_count",
        "_forwards",
        "_now",
        "_open",
        "_otherwise",
        "_replan",
        "_script",
        "_served",
        "_state",
        "_timers",
        "result",
    )

    def __init__(
        self, plan: Plan, script: Script, otherwise: Sequence[Phone], replan: Replanner | None, served: Served | None
    ) -> None:
        self.result = Simulation(plan=plan)
        self._script, self._otherwise, self._replan, self._served = script, otherwise, replan, served
        self._state = walk.start(plan)
        self._agenda: list[tuple[float, int, int, v.WalkEvent]] = []
        self._count = 0
        self._now = 0.0
        self._timers: dict[str, int] = {}
        """Of each timer that is armed the number of its entry in the agenda."""
        self._branches: dict[str, Branch] = {}
        self._open: dict[tuple[str, int], bool] = {}
        """The telephones that were invited, and whether they are open still."""
        self._forwards: set[tuple[Hop, ...]] = set()

    def at(self, at_s: float, event: v.WalkEvent) -> None:
        """Put an event on the agenda. What is due comes before what arrives in the same instant (K.12)."""
        self._count += 1
        heapq.heappush(self._agenda, (at_s, type(event) is not v.TimerDue, self._count, event))

    def go(self) -> None:
        """Until nothing more happens."""
        while self._agenda:
            now, _, count, event = heapq.heappop(self._agenda)
            if self._state.over and now > self._now:
                break
            if isinstance(event, v.TimerDue):
                if self._timers.get(event.timer) != count:
                    continue
                del self._timers[event.timer]
            elif isinstance(event, v.Ringing | v.Answered | v.Failed) and not self._happens(event, now):
                continue
            if self._state.over:
                continue
            self._now = now
            self._state, commands = walk.step(self._state, event, now)
            for command in commands:
                self.result.commands.append((now, command))
                self.result.at_s = now
                self._do(command)
        self.result.plan = self._state.plan
        self.result.armed = tuple(self._timers)

    def _happens(self, event: v.Ringing | v.Answered | v.Failed, now: float) -> bool:
        """Whether the telephone is still there to do that; if so it is noted."""
        one = (event.branch, event.contact)
        self._now = now
        if not self._open[one]:
            if isinstance(event, v.Answered) and self._cancelled_now(one, now):
                self._note(What.BYE, one)
            return False
        if isinstance(event, v.Ringing):
            self._note(What.RINGING, one)
        elif isinstance(event, v.Failed):
            self._open[one] = False
            self._note(What.REFUSED, one, event.status)
        return True

    def _cancelled_now(self, one: tuple[str, int], now: float) -> bool:
        target = name_of(self._branches[one[0]])
        at_s = round(now, 3)
        return any(
            each.what is What.CANCEL and (each.at_s, each.target, each.contact) == (at_s, target, one[1])
            for each in reversed(self.result.timeline)
        )

    def _note(self, what: What, one: tuple[str, int], status: int = 0, *, elsewhere: bool = False) -> None:
        target = name_of(self._branches[one[0]])
        self._say(what, target, contact=one[1], status=status, elsewhere=elsewhere)

    def _say(self, what: What, target: str = "", **more: object) -> None:
        self.result.timeline.append(Moment(at_s=round(self._now, 3), what=what, target=target, **more))  # type: ignore[arg-type]

    def _do(self, command: v.Command) -> None:
        match command:
            case v.Arm(timer, delay_s):
                self.at(self._now + delay_s, v.TimerDue(timer))
                self._timers[timer] = self._count
            case v.Disarm(timer):
                self._timers.pop(timer, None)
            case v.StartBranch(branch, _, hops):
                self._forwarded(hops)
                self._ring(branch)
            case v.StopBranch(name, elsewhere, outcome):
                self._cancel(name, elsewhere=elsewhere)
                if outcome is not None:
                    self._say(What.OVER, name_of(self._branches[name]), detail=outcome.value)
            case v.Connect(name, contact):
                self._open[name, contact] = False
                self._note(What.ANSWER, (name, contact))
                self.result.branch = self._branches[name]
                self.result.connected = name_of(self._branches[name])
                self._cancel(name, elsewhere=True)
            case v.Execute(step):
                self._execute(step)
            case v.AskAgain(step_id, request, hops):
                self._forwarded(hops)
                self._say(What.ASK, step_id, detail=str(request.to) if request.to is not None else request.digits)
                if self._replan is not None:
                    self.at(self._now, v.Replanned(step_id, self._replan(request)))
            case v.Finish(termination, announce):
                self.result.termination = termination
                if announce:
                    self._say(What.ANNOUNCE, detail=announce)
                self._say(What.END, status=termination.sip_status, detail=termination.reason.value)

    def _forwarded(self, hops: tuple[Hop, ...]) -> None:
        if hops and hops not in self._forwards:
            self._forwards.add(hops)
            self._say(What.FORWARD, hop=hops[-1])

    def _execute(self, step: Step) -> None:
        assert isinstance(step, Service)
        self._forwarded(getattr(step, "hops", ()))
        done = self._served(step) if self._served is not None else None
        if done is None or done.exit != "unavailable":
            self.result.connected = step.id
            self._say(What.SERVICE, step.id)
        if done is not None:
            self.at(self._now, done)

    def _cancel(self, name: str, *, elsewhere: bool) -> None:
        for one, is_open in self._open.items():
            if one[0] == name and is_open:
                self._open[one] = False
                self._note(What.CANCEL, one, elsewhere=elsewhere)

    def _ring(self, branch: Branch) -> None:
        target = name_of(branch)
        self._branches[branch.id] = branch
        self.result.rang.append(target)
        phones = self._script.get(target, self._otherwise)
        full = any(phone.full for phone in phones) and not branch.preempt
        if full or not phones:
            self._say(What.NOBODY, target, detail="full" if full else "")
            self.at(self._now, v.Contacts(branch.id, 0, full))
            return
        self.at(self._now, v.Contacts(branch.id, len(phones)))
        for number, phone in enumerate(phones):
            self._open[branch.id, number] = True
            self._note(What.INVITE, (branch.id, number))
            self._behave(branch, number, phone)

    def _behave(self, branch: Branch, number: int, phone: Phone) -> None:
        ends_s = phone.after_s if phone.status is not None else None
        if phone.ringing_s is not None and (ends_s is None or phone.ringing_s < ends_s):
            self.at(self._now + phone.ringing_s, v.Ringing(branch.id, number))
        if ends_s is None or phone.status is None:
            return
        if phone.status == 200:
            self.at(self._now + ends_s, v.Answered(branch.id, number))
            return
        trunk = branch.target if isinstance(branch.target, TrunkTarget) else None
        failed = phone.status in trunk.failover if trunk is not None and trunk.failover else None
        outcome, final = v.outcome_of(phone.status, trunk=trunk is not None, failed=failed)
        self.at(self._now + ends_s, v.Failed(branch.id, number, outcome, phone.status, final))
