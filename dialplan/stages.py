"""Steps and stages of a walk: how one is entered, when the next one starts, and what leaving the last one comes to.

Everything here moves a `Place`, for the call itself (depth 0) and inside of a branch alike; `walk` has the theory. The
commands that fall out are gathered in the `Turn`.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dialplan import endings
from dialplan.endings import ENDINGS, aggregate
from dialplan.places import ENDED, GONE_ON, RINGING, SILENT, WAITING, BranchState, Place, WalkState, stage_timer
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
    Stage,
    Step,
    Target,
    Trunk,
    TrunkTarget,
)
from dialplan.termination import Termination
from dialplan.vocabulary import (
    Arm,
    AskAgain,
    Command,
    Disarm,
    Execute,
    StartBranch,
    StopBranch,
)

MOST_REPLANS = 20
"""How often the planner is asked again for one call; once more is a loop."""

DEEPEST = 10
"""How many exits of branches are followed inside each other. The planner's own limit (K.10) is lower."""

Gone = Place | Outcome | Termination
"""Where a place leads: to where it stands now, or what it came to: an outcome inside of a branch, else an ending."""


class Turn(msgspec.Struct):
    """One call of `step` while it works: what it may change, and its commands. `before` is where the walk stood."""

    plan: Plan
    entered: tuple[str, ...]
    asked: int
    commands: list[Command]
    refusal: Reject | None = None
    before: Place | None = None


def turn_of(state: WalkState) -> Turn:
    return Turn(state.plan, state.entered, state.asked, [], None, state.place)


def enter(turn: Turn, step_id: str, led: Outcome | None, depth: int = 0) -> Gone:
    """Go to a step, and on until somebody rings or answers. `led` is the outcome that led there inside of a branch."""
    gone = _at(turn, step_id, led)
    return settle(turn, gone, depth) if type(gone) is Place and gone.stage < 0 else gone


def _at(turn: Turn, step_id: str, led: Outcome | None) -> Gone:
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
        return ask(turn, entering, entering.request, led)  # type: ignore[union-attr]
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


def settle(turn: Turn, place: Place, depth: int) -> Gone:
    """Where something has ended: whose turn is next, in the stage, the step or the plan, until somebody rings."""
    while True:
        if place.branches:
            waiting = False
            for branch in place.branches:
                phase = branch.phase
                if phase is WAITING:
                    waiting = True
                elif phase is not ENDED:
                    return place
            if waiting:
                place = _start_soonest(turn, place, depth)
                continue
            if place.stages[place.stage].ring_s > 0:
                turn.commands.append(Disarm(place.timer))
            place = stage_over(turn, place)
        number = _next_stage(turn, place)
        if number >= 0:
            place = _start_stage(turn, place, number, depth)
            continue
        gone = _leave(turn, place, depth)
        if type(gone) is not Place or gone.stage >= 0:
            return gone
        place = gone


def _next_stage(turn: Turn, place: Place) -> int:
    """The number of the stage to try next; -1 when there is none."""
    outcomes = place.outcomes
    if outcomes and outcomes[-1] is not Outcome.OUTAGE and type(place.step) is Trunk and not turn.plan.emergency:
        return -1
    for number in range(place.stage + 1, len(place.stages)):
        if place.stages[number].branches:
            return number
    return -1


def _start_stage(turn: Turn, place: Place, number: int, depth: int) -> Place:
    stage = place.stages[number]
    if stage.ring_s > 0:
        # Armed first, it is due first: at the end of a stage no exit of a branch is followed any more.
        turn.commands.append(Arm(stage_timer(place.step, number), stage.ring_s))
    branches = []
    others = depth > 0
    for branch in stage.branches:
        if branch.delay_s > 0:
            turn.commands.append(Arm(f"delay:{branch.id}", branch.delay_s))
            branches.append(BranchState(branch))
        else:
            started = start_branch(turn, place.step, branch, depth, others=others)
            others = others or started.inside is not None
            branches.append(started)
    return Place(place.step, place.stages, number, tuple(branches), place.outcomes, place.status, place.congested)


def start_branch(turn: Turn, step: Step, branch: Branch, depth: int, *, others: bool) -> BranchState:
    """Ring a branch of that step, or pass it over. A line that rings for this call already is not rung a second time:
    that branch has no outcome of its own. Only where there are `others`, inside of a branch or beside one that has
    gone on inside, can that be so: the lines of one stage differ."""
    if branch.skip is not None:
        return ended(turn, BranchState(branch), branch.skip, depth)
    if others and _rings(turn, branch.target):
        return BranchState(branch, ENDED)
    turn.commands.append(StartBranch(branch, step.id, step.hops))  # type: ignore[union-attr]
    if branch.from_ringing:
        turn.commands.append(Arm(f"silent:{branch.id}", SILENT_S))
        return BranchState(branch, SILENT)
    turn.commands.append(Arm(f"ring:{branch.id}", branch.ring_s))
    return BranchState(branch, RINGING)


def _rings(turn: Turn, target: Target) -> bool:
    """Whether a line's telephones ring for this call at the moment."""
    if type(target) is not LineTarget:
        return False
    ringing = {each.branch.id: each.branch.target for each in turn.before.ringing()} if turn.before is not None else {}
    for command in turn.commands:
        if type(command) is StartBranch:
            ringing[command.branch.id] = command.branch.target
        elif type(command) is StopBranch:
            ringing.pop(command.branch, None)
    return target in ringing.values()


def _start_soonest(turn: Turn, place: Place, depth: int) -> Place:
    """A delay gives others time to answer. Nobody rings, so waiting on would only be silence for the caller."""
    soonest = min(each.branch.delay_s for each in place.branches if each.phase is WAITING)
    branches = []
    others = depth > 0
    for each in place.branches:
        if each.phase is WAITING and each.branch.delay_s <= soonest:
            turn.commands.append(Disarm(f"delay:{each.branch.id}"))
            started = start_branch(turn, place.step, each.branch, depth, others=others)
            others = others or started.inside is not None
            branches.append(started)
        else:
            branches.append(each)
    return replace(place, branches=tuple(branches))


def ended(turn: Turn, branch: BranchState, outcome: Outcome, depth: int) -> BranchState:
    """The branch's own telephones came to that outcome. It goes on inside where an exit says so."""
    if branch.phase is not WAITING:
        turn.commands.append(StopBranch(branch.branch.id, False, outcome))
    if branch.branch.exits and depth < DEEPEST:
        exit_to = _exit(branch.branch.exits, outcome)
        if exit_to is not None:
            gone = enter(turn, exit_to, outcome, depth + 1)
            if type(gone) is Place:
                return replace(branch, phase=GONE_ON, inside=gone)
            assert isinstance(gone, Outcome)
            outcome = gone
    return replace(branch, phase=ENDED, outcome=outcome)


def stage_over(turn: Turn, place: Place) -> Place:
    """The stage has ended: what its branches came to is kept, as far as it counts."""
    branches, stages, congested = place.branches, place.stages, place.congested
    judge = place.step.judge if type(place.step) is Ring else ""
    outcomes = place.outcomes + tuple(
        b.outcome for b in branches if b.outcome is not None and (not judge or b.branch.target == LineTarget(judge))
    )
    status = next((b.status for b in reversed(branches) if b.status), place.status)
    if any(branch.full for branch in branches) and type(place.step) is Trunk:
        congested = True
        if turn.plan.emergency:
            stages += tuple(_with_force(branch.branch) for branch in branches if branch.full)
    return Place(place.step, stages, place.stage, (), outcomes, status, congested)


def _with_force(branch: Branch) -> Stage:
    """EMG-6: when no other trunk could take it, an emergency call takes a channel of one that was full."""
    return Stage((replace(branch, id=f"{branch.id}/preempt", preempt=True),))


def _leave(turn: Turn, place: Place, depth: int) -> Gone:
    """All stages are over: the step's outcome names its exit, or is what all this came to (FWD-7)."""
    left = place.step
    outcome = aggregate(place.outcomes)
    if type(left) is Ring:
        if depth and not place.outcomes and not left.judge:
            return outcome  # all rang already: whatever becomes of that is told there
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


def ask(turn: Turn, asking: Step, request: CallRequest, led: Outcome | None) -> Gone:
    if turn.asked >= MOST_REPLANS:
        return endings.LOOP if led is None else led
    turn.asked += 1
    hops = getattr(asking, "hops", ())
    turn.commands.append(AskAgain(asking.id, request, hops, led is not None))
    return Place(Replan(id=asking.id, request=request, hops=hops), stage=0, led=led)
