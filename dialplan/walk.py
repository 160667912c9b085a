"""The walk through a plan: the only code that reads stages, timers and exits.

    step(state, event, now) -> (state, commands)

A walk is a value. It enters a step, starts branches, hears what their telephones do, and ends with one `Connect` or one
`Finish`. The theory, of one branch:

    waiting  --its delay, or nobody else rings-->  ringing (silent first, where its time counts from the first 18x)
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
from dialplan.endings import ENDINGS, aggregate
from dialplan.places import BranchState, Phase, Place, WalkState, stopped
from dialplan.plan import (
    SILENT_S,
    Branch,
    CallRequest,
    LineTarget,
    Outcome,
    Plan,
    Reject,
    Replan,
    Ring,
    Service,
    Stage,
    Step,
    Trunk,
    TrunkTarget,
)
from dialplan.termination import Termination
from dialplan.vocabulary import (
    Answered,
    Arm,
    AskAgain,
    Begin,
    CallerGone,
    Command,
    Connect,
    Contacts,
    Disarm,
    Execute,
    Failed,
    Finish,
    Replanned,
    Ringing,
    StartBranch,
    StepDone,
    StopBranch,
    TimerDue,
    WalkEvent,
)

MOST_REPLANS = 20
"""How often the planner is asked again for one call; once more is a loop."""

DEEPEST = 10
"""How many exits of branches are followed inside each other. The planner's own limit (K.10) is lower."""

Stepped = tuple[WalkState, list[Command]]
Gone = Place | Outcome | Termination
"""Where a place leads: to where it stands now, or what it came to: an outcome inside of a branch, else an ending."""


class _Turn:
    """One call of `step` while it works: what it may change, and its commands."""

    __slots__ = ("asked", "commands", "entered", "plan", "refusal")

    def __init__(self, state: WalkState) -> None:
        self.plan = state.plan
        self.entered = state.entered
        self.asked = state.asked
        self.commands: list[Command] = []
        self.refusal: Reject | None = None


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
        turn = _Turn(state)
        return _stepped(state, turn, _enter(turn, state.plan.entry, None))
    if kind is Answered:
        return _connect(state, place, event)  # type: ignore[arg-type]
    if kind is CallerGone:
        return _caller_gone(state, place)
    if kind is StepDone:
        return _step_done(state, place, event)  # type: ignore[arg-type]
    if kind is Begin:
        return state, []
    turn = _Turn(state)
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


def _stepped(state: WalkState, turn: _Turn, gone: Gone) -> Stepped:
    if type(gone) is Place:
        return WalkState(turn.plan, gone, turn.entered, False, state.answered, turn.asked), turn.commands
    assert isinstance(gone, Termination)
    refusal = turn.refusal
    finish = Finish(gone) if refusal is None else Finish(gone, refusal.announce, refusal.text)
    turn.commands.append(finish)
    return WalkState(turn.plan, None, turn.entered, True, state.answered, turn.asked), turn.commands


# Steps and stages


def _enter(turn: _Turn, step_id: str, led: Outcome | None, depth: int = 0) -> Gone:
    """Go to a step, and on until somebody rings or answers. `led` is the outcome that led there inside of a branch."""
    gone = _at(turn, step_id, led)
    return _advance(turn, gone, depth) if type(gone) is Place and gone.stage < 0 else gone


def _at(turn: _Turn, step_id: str, led: Outcome | None) -> Gone:
    """The place at the beginning of a step, or what entering it comes to."""
    if step_id in turn.entered:
        # A plan is a finite graph; one that leads back to a step that was tried already is a loop (FWD-9).
        return endings.LOOP if led is None else led
    entering = turn.plan.step(step_id)
    turn.entered = (*turn.entered, step_id)
    kind = type(entering)
    if kind is Ring:
        return Place(entering, entering.stages)  # type: ignore[union-attr]
    if kind is Trunk:
        return Place(entering, _routes_as_stages(entering))  # type: ignore[arg-type]
    if kind is Reject:
        if led is not None:
            return endings.rejection_of_one(entering)  # type: ignore[arg-type]
        turn.refusal = entering  # type: ignore[assignment]
        return endings.rejection(entering)  # type: ignore[arg-type]
    if kind is Replan:
        return _ask(turn, entering, entering.request, led)  # type: ignore[union-attr]
    if led is not None:
        return led
    turn.commands.append(Execute(entering))  # type: ignore[arg-type]
    return Place(entering, stage=0)


def _routes_as_stages(trunk: Trunk) -> tuple[Stage, ...]:
    return tuple(
        Stage(
            (
                Branch(
                    id=f"{trunk.id}/{n}",
                    target=TrunkTarget(route.trunk, route.number, route.caller, route.withheld, route.failover),
                    ring_s=trunk.ring_s,
                    policy=trunk.policy,
                ),
            )
        )
        for n, route in enumerate(trunk.routes)
    )


def _advance(turn: _Turn, place: Place, depth: int) -> Gone:
    """From where nobody rings to the next stage that has branches, or to the next step, until somebody rings."""
    while True:
        number = _next_stage(turn, place)
        if number >= 0:
            return _start_stage(turn, place, number)
        gone = _leave(turn, place, depth)
        if type(gone) is not Place or gone.stage >= 0:
            return gone
        place = gone


def _next_stage(turn: _Turn, place: Place) -> int:
    """The number of the stage to try next; -1 when there is none."""
    outcomes = place.outcomes
    if outcomes and outcomes[-1] is not Outcome.OUTAGE and type(place.step) is Trunk and not turn.plan.emergency:
        return -1
    for number in range(place.stage + 1, len(place.stages)):
        if place.stages[number].branches:
            return number
    return -1


def _start_stage(turn: _Turn, place: Place, number: int) -> Place:
    stage = place.stages[number]
    branches = []
    rings = False
    for branch in stage.branches:
        if branch.delay_s > 0:
            turn.commands.append(Arm(f"delay:{branch.id}", branch.delay_s))
            branches.append(BranchState(branch))
        else:
            rings = True
            branches.append(_start_branch(turn, place, branch))
    place = Place(place.step, place.stages, number, tuple(branches), place.outcomes, place.status, place.congested)
    if stage.ring_s > 0:
        turn.commands.append(Arm(place.timer, stage.ring_s))
    return place if rings else _start_soonest(turn, place)


def _start_branch(turn: _Turn, place: Place, branch: Branch) -> BranchState:
    turn.commands.append(StartBranch(branch, place.step.id, place.step.hops))  # type: ignore[union-attr]
    if branch.from_ringing:
        turn.commands.append(Arm(f"silent:{branch.id}", SILENT_S))
        return BranchState(branch, Phase.SILENT)
    turn.commands.append(Arm(f"ring:{branch.id}", branch.ring_s))
    return BranchState(branch, Phase.RINGING)


def _start_soonest(turn: _Turn, place: Place) -> Place:
    """A delay gives others time to answer. Nobody rings, so waiting on would only be silence for the caller."""
    soonest = min(each.branch.delay_s for each in place.branches if each.phase is Phase.WAITING)
    branches = []
    for each in place.branches:
        if each.phase is Phase.WAITING and each.branch.delay_s <= soonest:
            turn.commands.append(Disarm(f"delay:{each.branch.id}"))
            branches.append(_start_branch(turn, place, each.branch))
        else:
            branches.append(each)
    return replace(place, branches=tuple(branches))


def _settle(turn: _Turn, place: Place, depth: int) -> Gone:
    """After a branch has ended: is the stage over, and if nobody rings any more, who is next?"""
    waiting = False
    for branch in place.branches:
        phase = branch.phase
        if phase is Phase.WAITING:
            waiting = True
        elif phase is not Phase.ENDED:
            return place
    if waiting:
        return _start_soonest(turn, place)
    if place.stages[place.stage].ring_s > 0:
        turn.commands.append(Disarm(place.timer))
    return _stage_over(turn, place, depth)


def _stage_over(turn: _Turn, place: Place, depth: int) -> Gone:
    branches, stages, congested = place.branches, place.stages, place.congested
    judge = place.step.judge if type(place.step) is Ring else ""
    outcomes = place.outcomes + tuple(
        b.outcome for b in branches if b.outcome is not None and (not judge or b.branch.target == LineTarget(judge))
    )
    status = next((b.status for b in reversed(branches) if b.status), place.status)
    if any(branch.full for branch in branches):
        congested = True
        if turn.plan.emergency:
            stages += tuple(_with_force(branch.branch) for branch in branches if branch.full)
    return _advance(turn, Place(place.step, stages, place.stage, (), outcomes, status, congested), depth)


def _with_force(branch: Branch) -> Stage:
    """EMG-6: when no other trunk could take it, an emergency call takes a channel of one that was full."""
    return Stage((replace(branch, id=f"{branch.id}/preempt", preempt=True),))


def _leave(turn: _Turn, place: Place, depth: int) -> Gone:
    """All stages are over: the step's outcome names its exit, or is what all this came to (FWD-7)."""
    left = place.step
    outcome = aggregate(place.outcomes)
    if type(left) is Ring:
        if left.judge and not place.outcomes:
            outcome = Outcome.NO_ANSWER
        exit_to = _exit(left.exits, outcome)
        if exit_to is not None:
            return _at(turn, exit_to, outcome if depth else None)
        return outcome if depth else ENDINGS[outcome]
    if depth:
        return outcome
    emergency = turn.plan.emergency
    return endings.carrier_ending(outcome, place.status, congested=place.congested, emergency=emergency)


def _exit(exits: dict[Outcome, str], outcome: Outcome) -> str | None:
    exit_to = exits.get(outcome)
    if exit_to is None and outcome is Outcome.REJECTED:
        return exits.get(Outcome.NO_ANSWER)  # FWD-8: a rejected call follows the no-answer rule, at once.
    return exit_to


# What telephones do


def _heard(turn: _Turn, place: Place, event: Contacts | Ringing | Failed, depth: int) -> Gone | None:
    """Find the branch and let it change. None when no branch of that name is there."""
    name = event.branch
    for at, branch in enumerate(place.branches):
        if branch.branch.id == name:
            if branch.phase is not Phase.RINGING and branch.phase is not Phase.SILENT:
                return None
            return _changed(turn, place, at, _branch_heard(turn, branch, event, depth), depth)
        if branch.inside is not None:
            gone = _heard(turn, branch.inside, event, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def _changed(turn: _Turn, place: Place, at: int, branch: BranchState, depth: int) -> Gone:
    """The place with that branch changed, settled if it has ended."""
    before = place.branches
    if branch is before[at]:
        return place
    branches = (branch,) if len(before) == 1 else (*before[:at], branch, *before[at + 1 :])
    place = Place(place.step, place.stages, place.stage, branches, place.outcomes, place.status, place.congested)
    return _settle(turn, place, depth) if branch.phase is Phase.ENDED else place


def _gone_inside(turn: _Turn, place: Place, at: int, gone: Gone, depth: int) -> Gone:
    """The branch goes on inside, or what is inside has come to an outcome, which is its own now."""
    branch = place.branches[at]
    if type(gone) is Place:
        return place if gone is branch.inside else _changed(turn, place, at, replace(branch, inside=gone), depth)
    assert isinstance(gone, Outcome)
    return _changed(turn, place, at, replace(branch, phase=Phase.ENDED, inside=None, outcome=gone), depth)


def _branch_heard(turn: _Turn, branch: BranchState, event: Contacts | Ringing | Failed, depth: int) -> BranchState:
    match event:
        case Ringing():
            return _counts(turn, branch, disarm=True) if branch.phase is Phase.SILENT else branch
        case Contacts():
            full = event.full and not branch.branch.preempt
            branch = BranchState(
                branch.branch, branch.phase, event.count, branch.failed, branch.outcomes, None, branch.status, full
            )
            outcome = None
        case Failed():
            bit = 1 << event.contact
            if branch.failed & bit:
                return branch
            branch = replace(
                branch,
                failed=branch.failed | bit,
                outcomes=(*branch.outcomes, event.outcome),
                status=event.status or branch.status,
            )
            outcome = event.outcome if event.final_for_user else None
    if outcome is None:
        if not branch.failed.bit_count() >= branch.contacts >= 0:
            return branch
        outcome = aggregate(branch.outcomes)
    turn.commands.append(Disarm(branch.timer))
    return _ended(turn, branch, outcome, depth)


def _counts(turn: _Turn, branch: BranchState, *, disarm: bool) -> BranchState:
    """FWD-3: from now on the ring time counts."""
    if disarm:
        turn.commands.append(Disarm(branch.timer))
    turn.commands.append(Arm(f"ring:{branch.branch.id}", branch.branch.ring_s))
    return replace(branch, phase=Phase.RINGING)


def _ended(turn: _Turn, branch: BranchState, outcome: Outcome, depth: int) -> BranchState:
    """The branch's own telephones came to that outcome. It goes on inside where an exit says so."""
    turn.commands.append(StopBranch(branch.branch.id, False, outcome))
    if branch.branch.exits and depth < DEEPEST:
        exit_to = _exit(branch.branch.exits, outcome)
        if exit_to is not None:
            gone = _enter(turn, exit_to, outcome, depth + 1)
            if type(gone) is Place:
                return replace(branch, phase=Phase.GONE_ON, inside=gone)
            assert isinstance(gone, Outcome)
            outcome = gone
    return replace(branch, phase=Phase.ENDED, outcome=outcome)


def _connect(state: WalkState, place: Place, event: Answered) -> Stepped:
    answered = place.find(event.branch)
    if answered is None:
        return state, []
    commands: list[Command] = [Disarm(answered.timer), Connect(event.branch, event.contact)]
    stopped(place, commands, but=event.branch, elsewhere=True)
    return WalkState(state.plan, None, state.entered, True, state.answered, state.asked), commands


# Timers


def _timer_due(turn: _Turn, place: Place, event: TimerDue) -> Gone | None:
    kind, _, name = event.timer.partition(":")
    if kind == "stage":
        return _stage_due(turn, place, event.timer, 0)
    return _branch_due(turn, place, kind, name, 0)


def _branch_due(turn: _Turn, place: Place, kind: str, name: str, depth: int) -> Gone | None:
    for at, branch in enumerate(place.branches):
        if branch.branch.id == name:
            phase = branch.phase
            if kind == "delay" and phase is Phase.WAITING:
                branch = _start_branch(turn, place, branch.branch)
            elif kind == "silent" and phase is Phase.SILENT:
                branch = _counts(turn, branch, disarm=False)
            elif kind == "ring" and phase is Phase.RINGING:
                # Whoever has not failed by now rang out, and one that rang out outweighs all the others (FWD-6).
                branch = _ended(turn, branch, Outcome.NO_ANSWER, depth)
            return _changed(turn, place, at, branch, depth)
        if branch.inside is not None:
            gone = _branch_due(turn, branch.inside, kind, name, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def _stage_due(turn: _Turn, place: Place, timer: str, depth: int) -> Gone | None:
    """A stage's time is over: whoever rings comes to no answer, and who was not rung at all, to nothing."""
    if place.branches and place.timer == timer:
        stopped(place, turn.commands, outcome=Outcome.NO_ANSWER, timed=False)
        branches = tuple(
            each
            if each.phase is Phase.ENDED or each.phase is Phase.WAITING
            else replace(each, phase=Phase.ENDED, inside=None, outcome=Outcome.NO_ANSWER)
            for each in place.branches
        )
        return _stage_over(turn, replace(place, branches=branches), depth)
    for at, branch in enumerate(place.branches):
        if branch.inside is not None:
            gone = _stage_due(turn, branch.inside, timer, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


# Asking again, and what the exchange does itself


def _ask(turn: _Turn, asking: Step, request: CallRequest, led: Outcome | None) -> Gone:
    if turn.asked >= MOST_REPLANS:
        return endings.LOOP if led is None else led
    turn.asked += 1
    hops = getattr(asking, "hops", ())
    turn.commands.append(AskAgain(asking.id, request, hops, led is not None))
    return Place(Replan(id=asking.id, request=request, hops=hops), stage=0, led=led)


def _replanned(turn: _Turn, place: Place, event: Replanned, depth: int) -> Gone | None:
    if type(place.step) is Replan:
        if place.step.id != event.step:
            return None
        entry, turn.plan = joined(turn.plan, event.plan, f"{turn.asked}~", member=depth > 0)
        return _enter(turn, entry, place.led, depth)
    for at, branch in enumerate(place.branches):
        if branch.inside is not None:
            gone = _replanned(turn, branch.inside, event, depth + 1)
            if gone is not None:
                return _gone_inside(turn, place, at, gone, depth)
    return None


def joined(plan: Plan, new: Plan, prefix: str, *, member: bool) -> tuple[str, Plan]:
    """The plan with the steps of a new one, whose names begin with `prefix` there; and the id of the new entry.

    What holds for the whole call is the new plan's, unless that is for a `member` of a group only.
    """
    steps = plan.steps + tuple(_renamed(each, prefix) for each in new.steps)
    return prefix + new.entry, replace(plan if member else new, steps=steps)


def _renamed(named: Step, prefix: str) -> Step:
    name = prefix + named.id
    if not isinstance(named, Ring):
        return replace(named, id=name)
    stages = tuple(
        replace(
            stage,
            branches=tuple(
                replace(branch, id=prefix + branch.id, exits={k: prefix + v for k, v in branch.exits.items()})
                for branch in stage.branches
            ),
        )
        for stage in named.stages
    )
    return replace(named, id=name, stages=stages, exits={k: prefix + v for k, v in named.exits.items()})


def _step_done(state: WalkState, place: Place, event: StepDone) -> Stepped:
    executing = place.step
    if executing.id != event.step or not isinstance(executing, Service):
        return state, []
    turn = _Turn(state)
    if event.exit == "unavailable":
        return _stepped(state, turn, event.ending or endings.unavailable(executing))
    state = replace(state, answered=True)
    if event.exit == "replan" and event.request is not None:
        return _stepped(state, turn, _ask(turn, executing, event.request, None))
    return _stepped(state, turn, event.ending or (endings.DONE if event.exit == "done" else endings.UNDONE))


def _caller_gone(state: WalkState, place: Place) -> Stepped:
    turn = _Turn(state)
    stopped(place, turn.commands)
    answered = state.answered or isinstance(place.step, Service)
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
