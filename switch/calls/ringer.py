"""The Ringer: drives the walk through a plan with real telephones, until one answers or the plan ends.

It decides nothing. `dialplan.walk` says which branch rings when and what an outcome leads to; the Ringer resolves the
branch's target to contacts, sends the INVITEs, tells the walk what came of them, and hands `Connect`, `Execute` and
`Finish` to the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.facts import cursor_of
from dialplan.plan import Hop, Plan, Ring, TrunkTarget
from dialplan.termination import Reason
from records import events as e
from switch.calls import onward
from switch.calls.adopting import rings_already
from switch.calls.answering import connect
from switch.calls.context import Hunt, Phone
from switch.calls.ending import finish, stop_ringing
from switch.calls.forwards import forwarded
from switch.calls.inviting import ring
from switch.calls.leg import Leg, trunk_of
from switch.calls.replanning import ask
from switch.sip.timer import Timer

if TYPE_CHECKING:
    from switch.calls.call import Call

ELSEWHERE = ('Reason: SIP;cause=200;text="Call completed elsewhere"',)

FLOW_FAILED = (0, 408, 430)
"""A telephone is tried over its next flow after silence, or when a proxy says that this one leads nowhere."""


class Ringer:
    """One walk, while its call has no answer."""

    __slots__ = (
        "_busy",
        "_call",
        "_entered",
        "_hunts",
        "_inbox",
        "_renewed",
        "_starts",
        "_state",
        "_stopped",
        "_timers",
        "_told",
        "_ways",
        "branches",
    )

    def __init__(self, call: Call, plan: Plan) -> None:
        self._call = call
        self._state = walk.start(plan)
        self._timers: dict[str, Timer] = {}
        self._hunts: dict[str, Hunt] = {}
        """By branch: the hosts of its carrier that are left to try. To the walk they are one contact."""
        self._ways: dict[Leg, list[Phone]] = {}
        """The flows that are left to try to a telephone that has several; to the walk it is one contact."""
        self._starts: dict[str, v.StartBranch] = {}
        self._entered: set[str] = set()
        """The steps of which a branch was started."""
        self._told: set[tuple[Hop, ...]] = set()
        """The forwards that stand in the record."""
        self._renewed: tuple[str, ...] = ()
        """The branches whose carrier was called anew, as a media worker had died."""
        self._inbox: deque[v.WalkEvent] = deque()
        self._busy = False
        self._stopped = False
        self.branches: dict[str, list[Leg]] = {}

    @property
    def over(self) -> bool:
        """Whether the walk has said its last word, or the call has ended it."""
        return self._state.over or self._stopped

    def stop(self) -> None:
        """The call ends otherwise than by the plan: nothing more comes of the walk."""
        self._stopped = True
        self._inbox.clear()
        self._disarm_all()

    def feed(self, event: v.WalkEvent, now: float) -> None:
        """Give the walk an event and do what it says. What happens meanwhile waits its turn. What is due comes before
        what arrives in the same instant (K.12)."""
        if self._stopped:
            return
        if self._timers:
            self._take_due(now)
        self._inbox.append(event)
        self._go_on(now)

    def _take_due(self, now: float) -> None:
        """Timers that have not fired yet, though it is their time: in the order in which they would."""
        due = [name for name, timer in self._timers.items() if timer.when <= now]
        for name in sorted(due, key=lambda each: self._timers[each].when) if len(due) > 1 else due:
            self._timers.pop(name).cancel()
            self._inbox.append(v.TimerDue(name))

    def _go_on(self, now: float) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                self._state, commands = walk.step(self._state, self._inbox.popleft())
                for command in commands:
                    _DO[type(command)](self, command, now)
        finally:
            self._busy = False
        if self._timers and self._state.over:
            self._disarm_all()

    def on_timer(self, what: object, now: float) -> None:
        """A timer of the walk is due."""
        name = str(what)
        self._timers.pop(name, None)
        if self._stopped:
            return
        self._inbox.append(v.TimerDue(name))  # the first of those that are due in this instant, as explain has it
        if self._timers:
            self._take_due(now)
        try:
            self._go_on(now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            self._call.broken(error, now)

    def _arm(self, command: v.Arm, now: float) -> None:
        timers = self._call.context.endpoint.timers
        self._timers[command.timer] = timers.after(command.delay_s, now, self, command.timer)

    def _disarm(self, command: v.Disarm, now: float) -> None:
        timer = self._timers.pop(command.timer, None)
        if timer is not None:
            timer.cancel()

    def _execute(self, command: v.Execute, now: float) -> None:
        step, context = command.step, self._call.context
        self._forwarded(getattr(step, "hops", ()), step.id, now)
        executor = context.executors.get(type(step))
        if executor is not None:
            executor(self._call, step, now)
        else:
            context.unserved(self._call.id, step)
            self._call.refuse_step(step.id, None, f"{type(step).__name__} Not Available", now)

    def _ask_again(self, command: v.AskAgain, now: float) -> None:
        plan = ask(self._call, command.request, command.step, now)
        self._inbox.append(v.Replanned(command.step, plan))

    def _forwarded(self, hops: tuple[Hop, ...], step_id: str, now: float, branch: str = "") -> None:
        """Tell of those forwards that were not told yet."""
        for number in range(1, len(hops) + 1):
            if hops[:number] not in self._told:
                self._told.add(hops[:number])
                step = self._state.plan.step(step_id)
                forwarded(self._call, hops[number - 1], step, branch, now, hops[number:])

    def _finish(self, command: v.Finish, now: float) -> None:
        call = self._call
        if call.errand is None and call.context.announce(call, command, now):
            return
        if call.state.answered_at is not None:
            onward.failed(call, command.termination, command.text, now)
        else:
            finish(call, command.termination, now, command.text)

    def _start(self, command: v.StartBranch, now: float) -> None:
        branch = command.branch
        target = branch.target
        self._starts[branch.id] = command
        if command.step not in self._entered:
            self._begun(command, now)
        legs = self.branches[branch.id] = []
        if isinstance(target, TrunkTarget):
            self._start_trunk(command, target, now)
            return
        secure = self._call.secure
        for phone in self._call.context.directory.line(target.line, now):
            if secure and phone.flow.transport != "tls":
                continue
            leg = ring(self._call, f"line:{target.line}", command, len(legs), phone, now, 1 + len(phone.ways))
            if leg is None:
                break
            legs.append(leg)
            if phone.ways:
                self._ways[leg] = list(phone.ways)
        self._inbox.append(v.Contacts(branch.id, len(legs)))
        if self._call.state.recovered:
            self._rings(legs)

    def _rings(self, legs: Sequence[Leg]) -> None:
        """Legs that were adopted ring already."""
        states = self._call.state.legs
        self._inbox.extend(v.Ringing(leg.branch, leg.contact, False) for leg in legs if states[leg.index].ringing)

    def _begun(self, command: v.StartBranch, now: float) -> None:
        """A step begins to ring: forwards that led to it are told, and a rotating group moves on."""
        call, step_id = self._call, command.step
        self._entered.add(step_id)
        if command.hops:
            place = self._state.place
            whole = place is not None and place.step.id == step_id
            self._forwarded(command.hops, step_id, now, "" if whole else command.branch.id)
        step = self._state.plan.step(step_id)
        if type(step) is Ring and step.group and cursor_of(step.group) in self._state.plan.consulted:
            cursor = call.context.facts.cursors.get(step.group, 0) + 1
            call.record(e.GroupRung(call.id, call.state.n, call.context.at(), step.group, cursor))

    def _start_trunk(self, command: v.StartBranch, target: TrunkTarget, now: float) -> None:
        call, branch = self._call, command.branch
        hunt = call.context.directory.trunk(target, call.for_help, now)
        if hunt is None:
            self._inbox.append(v.Contacts(branch.id, 0))
            return
        adopted = rings_already(self._call, f"trunk:{target.trunk}")
        if not adopted and not self._admitted(target.trunk, branch.preempt, now):
            self._inbox.append(v.Contacts(branch.id, 0, full=True))
            return
        self._hunts[branch.id] = hunt
        self._inbox.append(v.Contacts(branch.id, 1 if self._ring_host(branch.id, target.trunk, hunt, now) else 0))
        if adopted:
            self._rings(self.branches[branch.id])

    def _admitted(self, trunk: str, preempt: bool, now: float) -> bool:
        context = self._call.context
        if not self._call.for_help:
            return context.channels.admits(trunk, now)
        if context.channels.free(trunk):
            return True
        if preempt:
            # Where emergency calls alone have taken all channels, the carrier may still take one more.
            context.preempt(trunk, now)
        return preempt

    def _ring_host(self, branch: str, trunk: str, hunt: Hunt, now: float) -> bool:
        """Ring the carrier's next host. False when there is none, or no port for its sound."""
        phone = hunt.next(now)
        leg = ring(self._call, f"trunk:{trunk}", self._starts[branch], 0, phone, now) if phone is not None else None
        self.branches[branch] = [leg] if leg is not None else []
        return leg is not None

    def _ring_way(self, leg: Leg, now: float) -> bool:
        """Ring the same telephone over its next flow. False when there is none."""
        left = self._ways.pop(leg, None)
        while left and not self.over:
            wait = len(left)
            after = ring(self._call, leg.target, self._starts[leg.branch], leg.contact, left.pop(0), now, 1 + wait)
            if after is not None:
                self.branches[leg.branch][leg.contact] = after
                self._ways[after] = left
                return True
        return False

    def failed(self, leg: Leg, status: int, retry_after_s: float, now: float) -> None:
        """A leg came to nothing; `status` 0 is silence, or a connection that broke. A carrier's next host, or a
        telephone's next flow, is tried before the walk hears of it."""
        if status in FLOW_FAILED and self._ways and self._ring_way(leg, now):
            return
        hunt = self._hunts.get(leg.branch)
        if hunt is None:
            outcome, final = v.outcome_of(status, trunk=False)
        else:
            go_on = hunt.failed(status, retry_after_s, now) and not self.over
            if go_on and self._ring_host(leg.branch, trunk_of(leg.target), hunt, now):
                return
            outcome, final = v.outcome_of(status, trunk=True, failed=hunt.fails_over(status))
        self.feed(v.Failed(leg.branch, leg.contact, outcome, status, final), now)

    def renew(self, leg: Leg) -> bool:
        """Whether a carrier whose leg has lost its port may be called anew: once, as a port may be lost again."""
        once = leg.branch in self._hunts and leg.branch not in self._renewed and not self.over
        self._renewed += (leg.branch,)
        return once

    def ring_anew(self, leg: Leg, now: float) -> None:
        """Call that carrier again, from its first host on, with another port."""
        call, branch, trunk = self._call, leg.branch, trunk_of(leg.target)
        target = self._starts[branch].branch.target
        assert isinstance(target, TrunkTarget)
        hunt = call.context.directory.trunk(target, call.for_help, now)
        if hunt is not None:
            self._hunts[branch] = hunt
            if self._ring_host(branch, trunk, hunt, now):
                return
        outcome, final = v.outcome_of(500, trunk=True, failed=True)
        self.feed(v.Failed(branch, leg.contact, outcome, 500, final), now)

    def more(self, leg: Leg) -> bool:
        """Whether there is another way if that leg comes to nothing: a host of its carrier, or another carrier."""
        hunt = self._hunts.get(leg.branch)
        return (hunt is not None and hunt.more) or walk.more(self._state, leg.branch)

    def heard(self, leg: Leg, now: float) -> None:
        """A leg rings, or answers."""
        hunt = self._hunts.get(leg.branch)
        if hunt is not None:
            hunt.answered(now)

    def _connect(self, command: v.Connect, now: float) -> None:
        chosen = self.branches[command.branch][command.contact]
        for leg in self.branches[command.branch]:
            if leg is not chosen:
                stop_ringing(self._call, leg, now, ELSEWHERE, Reason.COMPLETED_ELSEWHERE)
        if self._call.state.answered_at is not None:
            onward.connected(self._call, chosen, now)
        else:
            connect(self._call, chosen, now)

    def _stop(self, command: v.StopBranch, now: float) -> None:
        # Without "elsewhere" a CANCEL carries no Reason, so that the telephone logs a missed call (SPEC K.10).
        lines = ELSEWHERE if command.elsewhere else ()
        # What the branch came to is the ending of those that ring still: they rang out, or the user has spoken.
        other = Reason.COMPLETED_ELSEWHERE if command.elsewhere else Reason.CALLER_CANCELLED
        reason = Reason(command.outcome) if command.outcome is not None else other
        for leg in self.branches.get(command.branch, ()):
            stop_ringing(self._call, leg, now, lines, reason)

    def _disarm_all(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


_DO: dict[type, Callable[..., None]] = {
    v.StartBranch: Ringer._start,
    v.Arm: Ringer._arm,
    v.Disarm: Ringer._disarm,
    v.StopBranch: Ringer._stop,
    v.Connect: Ringer._connect,
    v.Execute: Ringer._execute,
    v.AskAgain: Ringer._ask_again,
    v.Finish: Ringer._finish,
}
