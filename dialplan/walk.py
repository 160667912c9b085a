"""The walk through a plan: the only code that reads stages, timers and exits.

    step(state, event, now) -> (state, commands)

A walk is a value. It enters a step, starts branches, hears what their telephones do, and ends with one `Connect` or one
`Finish`. The theory:

    waiting  --delay timer, or nobody else rings-->  ringing  --answered-->  won (the walk is over)
    ringing  --ring timer, all contacts failed, or the user's word (600, 603)-->  ended, with an outcome

A stage ends when all its branches have; then the next stage starts, and after the last the step's outcome (FWD-6, over
all branches that were rung) names the exit, or FWD-7 the final status. The routes of a `Trunk` are one-branch stages,
of which the next is tried only after an outage, or when the trunk is full; an emergency call tries every one of them,
whatever happened to the one before, and comes back to those that were full.

Every walk ends: a step is entered at most once, every branch has a ring timer, and every timer is finite.
Nothing here knows what time it is: the driver keeps the timers that it is told to.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from dialplan.plan import Announce, Branch, Echo, Outcome, Plan, Reject, Ring, Stage, Step, Trunk, TrunkTarget
from dialplan.termination import Reason, Result, Termination
from dialplan.vocabulary import (
    Answered,
    Arm,
    Begin,
    CallerGone,
    Command,
    Connect,
    Contacts,
    Disarm,
    Execute,
    Failed,
    Finish,
    Ringing,
    StartBranch,
    StepDone,
    StopBranch,
    TimerDue,
    WalkEvent,
)


class Phase(enum.IntEnum):
    """Of a branch."""

    WAITING = 0
    RINGING = 1
    ENDED = 2


class BranchState(msgspec.Struct, frozen=True, gc=False):
    """One branch of the current stage. `contacts` is -1 until the driver has said how many there are.

    `failed` is a set of contact numbers as bits. `outcomes` holds what they came to, in order of arrival, and `status`
    the last final status.
    """

    branch: Branch
    phase: Phase = Phase.WAITING
    contacts: int = -1
    failed: int = 0
    outcomes: tuple[Outcome, ...] = ()
    outcome: Outcome | None = None
    status: int = 0
    full: bool = False


class WalkState(msgspec.Struct, frozen=True):
    """Where the walk stands. `over` after `Connect` or `Finish`. `entered` are the steps entered, the current one last.

    `outcomes` are those of the branches that ended in earlier stages of the current step; `rung` tells whether any
    telephone ever rang; `congested` whether a trunk of the step was full.
    """

    plan: Plan
    entered: tuple[str, ...] = ()
    step: Step | None = None
    stages: tuple[Stage, ...] = ()
    stage: int = 0
    branches: tuple[BranchState, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    status: int = 0
    rung: bool = False
    over: bool = False
    congested: bool = False


Stepped = tuple[WalkState, list[Command]]


def start(plan: Plan) -> WalkState:
    """The state before `Begin`."""
    return WalkState(plan)


def step(state: WalkState, event: WalkEvent, now: float = 0.0) -> Stepped:
    """The next state and what is to be done now, in order. An event that comes too late changes nothing.

    `now` (monotonic seconds) belongs to the shape that every state machine here has; the rules so far need timers only.
    """
    if state.over:
        return state, []
    kind = type(event)
    if kind is Begin:
        return _enter(state, state.plan.entry, []) if state.step is None else (state, [])
    if kind is CallerGone:
        return _caller_gone(state)
    if kind is StepDone:
        return _step_done(state, event)  # type: ignore[arg-type]
    if kind is TimerDue:
        return _timer_due(state, event)  # type: ignore[arg-type]
    return _branch_event(state, event)  # type: ignore[arg-type]


def total_s(plan: Plan) -> float:
    """The longest time in seconds that walking the plan can take before it is answered or ends."""
    total = 0.0
    for each in plan.steps:
        if isinstance(each, Ring):
            total += sum(max((b.delay_s + b.ring_s for b in stage.branches), default=0.0) for stage in each.stages)
        elif isinstance(each, Trunk):
            total += each.ring_s * len(each.routes)
    return total


def more(state: WalkState) -> bool:
    """Whether the current step has another stage that was not tried."""
    return state.stage + 1 < len(state.stages)


# Steps and stages


def _enter(state: WalkState, step_id: str, commands: list[Command]) -> Stepped:
    if step_id in state.entered:
        # A plan is a finite graph; one that leads back to a step that was tried already is a loop (FWD-9).
        return _finish(state, commands, Termination(Result.FAILED, Reason.LOOP, 482))
    entering = state.plan.step(step_id)
    entered = (*state.entered, step_id)
    match entering:
        case Reject():
            return _finish(
                state, commands, Termination(_REJECTED_AS[entering.reason], entering.reason, entering.status)
            )
        case Announce() | Echo():
            commands.append(Execute(entering))
            return WalkState(state.plan, entered, entering, rung=state.rung), commands
        case Ring():
            stages = entering.stages
        case Trunk():
            stages = _routes_as_stages(entering)
    state = WalkState(state.plan, entered, entering, stages, -1, rung=state.rung)
    return _next_stage(state, commands)


def _routes_as_stages(trunk: Trunk) -> tuple[Stage, ...]:
    return tuple(
        Stage(
            (
                Branch(
                    id=f"{trunk.id}/{n}",
                    target=TrunkTarget(route.trunk, route.number, route.caller, route.withheld, route.failover),
                    ring_s=trunk.ring_s,
                ),
            )
        )
        for n, route in enumerate(trunk.routes)
    )


def _next_stage(state: WalkState, commands: list[Command]) -> Stepped:
    """Start the next stage that has branches, or leave the step after the last."""
    number = state.stage + 1
    while number < len(state.stages) and not state.stages[number].branches:
        number += 1
    if number >= len(state.stages):
        return _leave(state, commands)
    branches = []
    for branch in state.stages[number].branches:
        if branch.delay_s > 0:
            commands.append(Arm(f"delay:{branch.id}", branch.delay_s))
            branches.append(BranchState(branch))
        else:
            branches.append(_start_branch(state, BranchState(branch), commands))
    state = _with(state, stage=number, branches=tuple(branches))
    return _settle(state, commands)


def _start_branch(state: WalkState, branch: BranchState, commands: list[Command]) -> BranchState:
    what = branch.branch
    commands.append(StartBranch(what, state.entered[-1]))
    commands.append(Arm(f"ring:{what.id}", what.ring_s))
    return BranchState(what, Phase.RINGING)


def _settle(state: WalkState, commands: list[Command]) -> Stepped:
    """After something changed: is the stage over, and if nobody rings any more, who is next?"""
    waiting = []
    for branch in state.branches:
        if branch.phase is Phase.RINGING:
            return state, commands
        if branch.phase is Phase.WAITING:
            waiting.append(branch)
    if waiting:
        # A delay gives others time to answer. Nobody rings, so waiting on would only be silence for the caller.
        soonest = min(branch.branch.delay_s for branch in waiting)
        return _start_waiting(state, soonest, commands), commands
    outcomes = state.outcomes + tuple(b.outcome for b in state.branches if b.outcome is not None)
    status = next((b.status for b in reversed(state.branches) if b.status), state.status)
    full = any(branch.full for branch in state.branches)
    stages = state.stages
    if full and state.plan.emergency:
        stages += tuple(_with_force(branch.branch) for branch in state.branches if branch.full)
    congested = state.congested or full
    state = _with(state, branches=(), outcomes=outcomes, status=status, stages=stages, congested=congested)
    if type(state.step) is Trunk and not state.plan.emergency and outcomes[-1] is not Outcome.OUTAGE:
        return _leave(state, commands)
    return _next_stage(state, commands)


def _with_force(branch: Branch) -> Stage:
    """EMG-6: when no other trunk could take it, an emergency call takes a channel of one that was full."""
    return Stage((msgspec.structs.replace(branch, id=f"{branch.id}/preempt", preempt=True),))


def _start_waiting(state: WalkState, delay_s: float, commands: list[Command]) -> WalkState:
    branches = []
    for branch in state.branches:
        if branch.phase is Phase.WAITING and branch.branch.delay_s <= delay_s:
            commands.append(Disarm(f"delay:{branch.branch.id}"))
            branch = _start_branch(state, branch, commands)
        branches.append(branch)
    return _with(state, branches=tuple(branches))


def _leave(state: WalkState, commands: list[Command]) -> Stepped:
    """All stages are over: the step's outcome names its exit, or ends the call (FWD-7)."""
    outcome = aggregate(state.outcomes)
    if type(state.step) is Trunk:
        return _finish(state, commands, _trunk_ending(state, outcome))
    assert type(state.step) is Ring
    exits = state.step.exits
    exit_to = exits.get(outcome)
    if exit_to is None and outcome is Outcome.REJECTED:
        exit_to = exits.get(Outcome.NO_ANSWER)  # FWD-8: a rejected call follows the no-answer rule, at once.
    if exit_to is not None:
        return _enter(state, exit_to, commands)
    return _finish(state, commands, ENDINGS[outcome])


def aggregate(outcomes: Iterable[Outcome]) -> Outcome:
    """What several contacts or branches come to together (FWD-6). Nobody at all is an outage (FWD-4)."""
    seen = set(outcomes)
    if Outcome.NO_ANSWER in seen:
        return Outcome.NO_ANSWER
    if Outcome.BUSY in seen:
        return Outcome.BUSY
    if Outcome.REJECTED in seen:
        return Outcome.REJECTED
    return Outcome.OUTAGE


ENDINGS = {
    Outcome.BUSY: Termination(Result.BUSY, Reason.BUSY, 486),
    Outcome.NO_ANSWER: Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480),
    Outcome.REJECTED: Termination(Result.REJECTED, Reason.REJECTED, 480),
    Outcome.OUTAGE: Termination(Result.UNREACHABLE, Reason.OUTAGE, 480),
}

_REJECTED_AS = dict.fromkeys(Reason, Result.FAILED) | {
    Reason.NOT_FOUND: Result.REFUSED,
    Reason.INCOMPLETE_NUMBER: Result.REFUSED,
    Reason.NOT_PERMITTED: Result.REFUSED,
    Reason.OVERLOAD: Result.REFUSED,
    Reason.CONGESTION: Result.REFUSED,
    Reason.NO_ROUTE: Result.UNREACHABLE,
    Reason.OUTAGE: Result.UNREACHABLE,
    Reason.BUSY: Result.BUSY,
    Reason.NO_ANSWER: Result.NO_ANSWER,
    Reason.REJECTED: Result.REJECTED,
}


def _trunk_ending(state: WalkState, outcome: Outcome) -> Termination:
    """A carrier's word about the number reaches the caller; its troubles do not.

    503 would make the telephone give up this exchange (RFC 3263 section 4.3), so it is kept for the one case in which
    that is wanted: an emergency call that none of our routes could take.
    """
    if outcome is Outcome.REJECTED and 400 <= state.status < 700:
        known = {404: Reason.NOT_FOUND, 410: Reason.NOT_FOUND, 604: Reason.NOT_FOUND, 484: Reason.INCOMPLETE_NUMBER}
        status = 500 if state.status == 503 else state.status
        return Termination(Result.REJECTED, known.get(status, Reason.REJECTED), status)
    if outcome is Outcome.OUTAGE and (state.congested or state.plan.emergency):
        reason = Reason.CONGESTION if state.congested else Reason.OUTAGE
        return Termination(Result.UNREACHABLE, reason, 503 if state.plan.emergency else 480)
    return ENDINGS[outcome]


# Events


def _branch_event(state: WalkState, event: Contacts | Ringing | Answered | Failed) -> Stepped:
    at = _find(state, event.branch, Phase.RINGING)
    if at < 0:
        return state, []
    branch = state.branches[at]
    match event:
        case Answered():
            return _connect(state, event)
        case Ringing():
            return (state if state.rung else _with(state, rung=True)), []
        case Contacts():
            branch = _replace(branch, contacts=event.count, full=event.full and not branch.branch.preempt)
            final = False
        case Failed():
            bit = 1 << event.contact
            if branch.failed & bit:
                return state, []
            branch = _replace(
                branch,
                failed=branch.failed | bit,
                outcomes=(*branch.outcomes, event.outcome),
                status=event.status or branch.status,
            )
            final = event.final_for_user
    commands: list[Command] = []
    if final and isinstance(event, Failed):
        branch = _end_branch(branch, event.outcome, commands)
    elif branch.failed.bit_count() >= branch.contacts >= 0:
        branch = _end_branch(branch, aggregate(branch.outcomes), commands)
    state = _with(state, branches=(*state.branches[:at], branch, *state.branches[at + 1 :]))
    return _settle(state, commands) if commands else (state, commands)


def _find(state: WalkState, name: str, phase: Phase) -> int:
    for at, branch in enumerate(state.branches):
        if branch.branch.id == name:
            return at if branch.phase is phase else -1
    return -1


def _end_branch(branch: BranchState, outcome: Outcome, commands: list[Command], *, disarm: bool = True) -> BranchState:
    name = branch.branch.id
    if disarm:
        commands.append(Disarm(f"ring:{name}"))
    commands.append(StopBranch(name, False, outcome))
    return _replace(branch, phase=Phase.ENDED, outcome=outcome)


def _connect(state: WalkState, event: Answered) -> Stepped:
    commands: list[Command] = [Disarm(f"ring:{event.branch}"), Connect(event.branch, event.contact)]
    _stop_others(state, event.branch, True, commands)
    return _with(state, branches=(), over=True), commands


def _stop_others(state: WalkState, but: str, elsewhere: bool, commands: list[Command]) -> None:
    for branch in state.branches:
        name = branch.branch.id
        if name == but or branch.phase is Phase.ENDED:
            continue
        if branch.phase is Phase.WAITING:
            commands.append(Disarm(f"delay:{name}"))
            continue
        commands.append(Disarm(f"ring:{name}"))
        commands.append(StopBranch(name, elsewhere, None))


def _timer_due(state: WalkState, event: TimerDue) -> Stepped:
    kind, _, name = event.timer.partition(":")
    wanted = Phase.WAITING if kind == "delay" else Phase.RINGING
    at = _find(state, name, wanted)
    if at < 0:
        return state, []
    branch = state.branches[at]
    commands: list[Command] = []
    if wanted is Phase.WAITING:
        branch = _start_branch(state, branch, commands)
    else:
        # Whoever has not failed by now rang out, and one that rang out outweighs all the others (FWD-6).
        branch = _end_branch(branch, Outcome.NO_ANSWER, commands, disarm=False)
    state = _with(state, branches=(*state.branches[:at], branch, *state.branches[at + 1 :]))
    return _settle(state, commands)


def _step_done(state: WalkState, event: StepDone) -> Stepped:
    if state.step is None or state.step.id != event.step or not isinstance(state.step, Announce | Echo):
        return state, []
    if event.exit == "done":
        return _finish(state, [], Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200))
    return _finish(state, [], Termination(Result.FAILED, Reason.MEDIA_REFUSED, 488))


def _caller_gone(state: WalkState) -> Stepped:
    if isinstance(state.step, Announce | Echo):
        return _finish(state, [], Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200))
    commands: list[Command] = []
    _stop_others(state, "", False, commands)
    return _finish(state, commands, Termination(Result.CANCELLED, Reason.CALLER_CANCELLED, 487))


def _finish(state: WalkState, commands: list[Command], termination: Termination) -> Stepped:
    commands.append(Finish(termination))
    return _with(state, branches=(), over=True), commands


_with = msgspec.structs.replace
_replace = msgspec.structs.replace
