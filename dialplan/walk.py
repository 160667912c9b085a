"""The walk through a plan: the only code, with `stages`, that reads stages, timers and exits.

    step(state, event, now) -> (state, commands)

A walk is a value. It enters a step, starts branches, hears what their telephones do, and ends with one `Connect` or one
`Finish`. The theory, of one branch:

    waiting  --its delay, or nobody else rings-->  ringing (silent first, where its time counts from the first 18x)
    waiting  --the same, and it is skipped-->  an outcome at once, as the plan has it
    ringing  --answered-->  the walk is over: `Connect`, and all others are stopped as completed elsewhere
    ringing  --its time, all contacts failed, or the user's word (600, 603)-->  an outcome
    an outcome with an exit  -->  gone on: the branch walks another step, inside of the stage; what that comes to, by
                                  its own exits, is then the outcome of the branch (FWD-10)
    an outcome without       -->  ended

A stage ends when all its branches have, or after its own time, when whoever rings still comes to no answer and no exit
of a branch is followed any more; then the next stage starts, and after the last the step's outcome (FWD-6 over all that
were rung, or over the `judge` alone, K.2) names the exit, or FWD-7 the final status. The routes of a `Trunk` are
one-branch stages, of which the next is tried only after an outage, or when the trunk is full; an emergency call tries
every one of them, whatever happened to the one before, and comes back to those that were full.

Inside of a branch nothing answers the caller but a telephone: a `Reject` there is an outcome by its reason, and an exit
to a service, to a step that was entered before, or deeper than `DEEPEST` counts as absent.

A `Replan`, or a service that is done with a new request, asks the planner again. The steps of its answer get names of
their own and join the plan, so that everything above holds for them, too; after `MOST_REPLANS` it is a loop.

Every walk ends: a step is entered at most once, every branch has a ring timer, and every timer is finite.
Nothing here knows what time it is: the driver keeps the timers that it is told to.
"""

from __future__ import annotations

from msgspec.structs import replace

from dialplan import endings
from dialplan.again import joined
from dialplan.endings import aggregate
from dialplan.places import ENDED, RINGING, SILENT, WAITING, BranchState, Place, WalkState, stopped
from dialplan.plan import (
    SILENT_S,
    Collect,
    Outcome,
    Plan,
    Replan,
    Ring,
    Service,
    Stage,
    Trunk,
)
from dialplan.stages import Gone, Turn, ask, ended, enter, settle, stage_over, start_branch, turn_of
from dialplan.termination import Termination
from dialplan.vocabulary import (
    Answered,
    Arm,
    Begin,
    CallerGone,
    Command,
    Connect,
    Contacts,
    Disarm,
    Failed,
    Finish,
    Replanned,
    Ringing,
    StepDone,
    TimerDue,
    WalkEvent,
)

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
    place = state.place
    if place is None:
        if kind is not Begin:
            return state, []
        turn = turn_of(state)
        return _stepped(state, turn, enter(turn, state.plan.entry, None))
    if kind is Answered:
        return _connect(state, place, event)  # type: ignore[arg-type]
    if kind is CallerGone:
        return _caller_gone(state, place)
    if kind is StepDone:
        return _step_done(state, place, event)  # type: ignore[arg-type]
    if kind is Begin:
        return state, []
    turn = turn_of(state)
    gone: Gone | None
    if kind is TimerDue:
        gone = _timer_due(turn, place, event)  # type: ignore[arg-type]
    elif kind is Replanned:
        gone = _replanned(turn, place, event, 0)  # type: ignore[arg-type]
    else:
        gone = _heard(turn, place, event, 0)  # type: ignore[arg-type]
    return (state, turn.commands) if gone is None or gone is place else _stepped(state, turn, gone)


def more(state: WalkState, branch: str) -> bool:
    """Whether the step that the branch belongs to has another stage that was not tried."""
    place = state.place
    while place is not None:
        inside = None
        for each in place.branches:
            if each.branch.id == branch and each.inside is None:
                return place.stage + 1 < len(place.stages)
            if each.inside is not None and each.inside.holds(branch):
                inside = each.inside
        place = inside
    return False


def _stepped(state: WalkState, turn: Turn, gone: Gone) -> Stepped:
    if type(gone) is Place:
        return WalkState(turn.plan, gone, turn.entered, False, state.answered, turn.asked), turn.commands
    assert isinstance(gone, Termination)
    refusal = turn.refusal
    finish = Finish(gone) if refusal is None else Finish(gone, refusal.announce, refusal.text)
    turn.commands.append(finish)
    return WalkState(turn.plan, None, turn.entered, True, state.answered, turn.asked), turn.commands


# What telephones do


def _heard(turn: Turn, place: Place, event: Contacts | Ringing | Failed, depth: int) -> Gone | None:
    """Find the branch and let it change. None when no branch of that name is there."""
    name = event.branch
    for at, branch in enumerate(place.branches):
        if branch.branch.id == name:
            if branch.phase is not RINGING and branch.phase is not SILENT:
                return None
            return _changed(turn, place, at, _branch_heard(turn, branch, event, depth), depth)
        if branch.inside is not None:
            gone = _heard(turn, branch.inside, event, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def _changed(turn: Turn, place: Place, at: int, branch: BranchState, depth: int) -> Gone:
    """The place with that branch changed, settled if it has ended."""
    before = place.branches
    if branch is before[at]:
        return place
    branches = (branch,) if len(before) == 1 else (*before[:at], branch, *before[at + 1 :])
    place = Place(place.step, place.stages, place.stage, branches, place.outcomes, place.status, place.congested)
    return settle(turn, place, depth) if branch.phase is ENDED else place


def _gone_inside(turn: Turn, place: Place, at: int, gone: Gone, depth: int) -> Gone:
    """The branch goes on inside, or what is inside has come to an outcome, which is its own now."""
    branch = place.branches[at]
    if type(gone) is Place:
        return place if gone is branch.inside else _changed(turn, place, at, replace(branch, inside=gone), depth)
    assert isinstance(gone, Outcome)
    return _changed(turn, place, at, replace(branch, phase=ENDED, inside=None, outcome=gone), depth)


def _branch_heard(turn: Turn, branch: BranchState, event: Contacts | Ringing | Failed, depth: int) -> BranchState:
    outcome = None
    if isinstance(event, Ringing):
        return _counts(turn, branch, disarm=True) if branch.phase is SILENT else branch
    if isinstance(event, Contacts):
        full = event.full and not branch.branch.preempt
        branch = BranchState(
            branch.branch, branch.phase, event.count, branch.failed, branch.outcomes, None, branch.status, full
        )
    else:
        bit = 1 << event.contact
        if branch.failed & bit:
            return branch
        branch = replace(
            branch,
            failed=branch.failed | bit,
            outcomes=(*branch.outcomes, event.outcome),
            status=event.status or branch.status,
        )
        if event.final_for_user:
            outcome = event.outcome
    if outcome is None:
        if not branch.failed.bit_count() >= branch.contacts >= 0:
            return branch
        outcome = aggregate(branch.outcomes)
    turn.commands.append(Disarm(branch.timer))
    return ended(turn, branch, outcome, depth)


def _counts(turn: Turn, branch: BranchState, *, disarm: bool) -> BranchState:
    """FWD-3: from now on the ring time counts."""
    if disarm:
        turn.commands.append(Disarm(branch.timer))
    turn.commands.append(Arm(f"ring:{branch.branch.id}", branch.branch.ring_s))
    return replace(branch, phase=RINGING)


def _connect(state: WalkState, place: Place, event: Answered) -> Stepped:
    answered = place.find(event.branch)
    if answered is None:
        return state, []
    commands: list[Command] = [Disarm(answered.timer), Connect(event.branch, event.contact)]
    stopped(place, commands, but=event.branch, elsewhere=True)
    return WalkState(state.plan, None, state.entered, True, state.answered, state.asked), commands


# Timers


def _timer_due(turn: Turn, place: Place, event: TimerDue) -> Gone | None:
    kind, _, name = event.timer.partition(":")
    if kind == "stage":
        return _stage_due(turn, place, event.timer, 0)
    return _branch_due(turn, place, kind, name, 0)


def _branch_due(turn: Turn, place: Place, kind: str, name: str, depth: int) -> Gone | None:
    for at, branch in enumerate(place.branches):
        if branch.branch.id == name:
            phase = branch.phase
            if kind == "delay" and phase is WAITING:
                others = depth > 0 or any(each.inside is not None for each in place.branches)
                branch = start_branch(turn, place.step, branch.branch, depth, others=others)
            elif kind == "silent" and phase is SILENT:
                branch = _counts(turn, branch, disarm=False)
            elif kind == "ring" and phase is RINGING:
                # Whoever has not failed by now rang out, and one that rang out outweighs all the others (FWD-6).
                branch = ended(turn, branch, Outcome.NO_ANSWER, depth)
            return _changed(turn, place, at, branch, depth)
        if branch.inside is not None:
            gone = _branch_due(turn, branch.inside, kind, name, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def _stage_due(turn: Turn, place: Place, timer: str, depth: int) -> Gone | None:
    """A stage's time is over: whoever rings comes to no answer, and who was not rung at all, to nothing."""
    if place.branches and place.timer == timer:
        stopped(place, turn.commands, outcome=Outcome.NO_ANSWER, timed=False)
        branches = tuple(
            each if each.phase is ENDED or each.phase is WAITING else replace(each, outcome=Outcome.NO_ANSWER)
            for each in place.branches
        )
        return settle(turn, stage_over(turn, replace(place, branches=branches)), depth)
    for at, branch in enumerate(place.branches):
        if branch.inside is not None:
            gone = _stage_due(turn, branch.inside, timer, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


# Asking again, and what the exchange does itself


def _replanned(turn: Turn, place: Place, event: Replanned, depth: int) -> Gone | None:
    if type(place.step) is Replan:
        if place.step.id != event.step:
            return None
        prefix = f"{len(turn.plan.steps)}~"
        entry, turn.plan = joined(turn.plan, event.plan, prefix, place.step.hops, member=depth > 0)
        return enter(turn, entry, place.led, depth)
    for at, branch in enumerate(place.branches):
        if branch.inside is not None:
            gone = _replanned(turn, branch.inside, event, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def _step_done(state: WalkState, place: Place, event: StepDone) -> Stepped:
    executing = place.step
    if executing.id != event.step or not isinstance(executing, Service):
        return state, []
    turn = turn_of(state)
    if event.exit == "unavailable":
        return _stepped(state, turn, event.ending or endings.unavailable(executing))
    if event.answered:
        state = replace(state, answered=True)
    if event.exit == "replan" and event.request is not None:
        return _stepped(state, turn, ask(turn, executing, event.request, None))
    return _stepped(state, turn, event.ending or (endings.DONE if event.exit == "done" else endings.UNDONE))


def _caller_gone(state: WalkState, place: Place) -> Stepped:
    turn = turn_of(state)
    stopped(place, turn.commands)
    busy = place.step
    answered = state.answered or (isinstance(busy, Service) and (type(busy) is not Collect or busy.asks))
    return _stepped(state, turn, endings.LEFT if answered else endings.GIVEN_UP)


# How long


def total_s(plan: Plan) -> float:
    """The longest time in seconds that walking the plan can take until a service answers or it ends. Each step is
    entered at most once; those inside of branches are counted as if they came one after the other. What a `Replan`
    brings takes its own time."""
    total = 0.0
    for each in plan.steps:
        if isinstance(each, Ring):
            total += sum(_stage_s(stage) for stage in each.stages)
        elif isinstance(each, Trunk):
            total += each.ring_s * len(each.routes)
    return total


def _stage_s(stage: Stage) -> float:
    longest = max((b.delay_s + b.ring_s + b.from_ringing * SILENT_S for b in stage.branches), default=0.0)
    return min(longest, stage.ring_s) if stage.ring_s > 0 else longest
