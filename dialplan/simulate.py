"""Walk a plan with pretended telephones: what would happen, second by second, without a network.

The tests use it, and so does `explain`. It drives the very `walk.step` that the exchange drives with real telephones.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import msgspec

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Branch, LineTarget, Plan, TrunkTarget
from dialplan.termination import Termination


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """What one pretended telephone does: after `after_s` it sends `status` (200 answers, 0 is a transport error).

    None is a telephone that rings and is never touched.
    """

    status: int | None = None
    after_s: float = 0.0


Script = Mapping[str, Sequence[Phone]]


class Simulation(msgspec.Struct, kw_only=True):
    """What came of it. `timeline` holds (seconds since the call, command); `rang` the targets in order.

    `connected` is the target that was joined to the caller, or the id of the step that answered; `termination` is set
    when the walk finished without.
    """

    timeline: list[tuple[float, v.Command]] = []
    rang: list[str] = []
    connected: str = ""
    termination: Termination | None = None
    at_s: float = 0.0


def name_of(branch: Branch) -> str:
    """A target as scripts and timelines write it: `line:ID` or `trunk:ID`."""
    match branch.target:
        case LineTarget(line):
            return f"line:{line}"
        case TrunkTarget():
            return f"trunk:{branch.target.trunk}"


def simulate(plan: Plan, script: Script, *, caller_gone_after_s: float | None = None) -> Simulation:
    """Walk the plan to its end. A target that the script does not name has no telephone at all."""
    result = Simulation()
    agenda: list[tuple[float, int, v.WalkEvent]] = [(0.0, 0, v.Begin())]
    if caller_gone_after_s is not None:
        agenda.append((caller_gone_after_s, 1, v.CallerGone()))
    count = len(agenda)
    targets: dict[str, str] = {}
    disarmed: set[str] = set()
    state = walk.start(plan)
    while agenda and not state.over:
        now, _, event = heapq.heappop(agenda)
        if isinstance(event, v.TimerDue) and event.timer in disarmed:
            continue
        state, commands = walk.step(state, event, now)
        for command in commands:
            result.timeline.append((now, command))
            result.at_s = now
            for delay_s, caused in _consequences(command, script, result, targets, disarmed):
                heapq.heappush(agenda, (now + delay_s, count, caused))
                count += 1
    return result


def _consequences(
    command: v.Command, script: Script, result: Simulation, targets: dict[str, str], disarmed: set[str]
) -> list[tuple[float, v.WalkEvent]]:
    match command:
        case v.Arm(timer, delay_s):
            disarmed.discard(timer)
            return [(delay_s, v.TimerDue(timer))]
        case v.Disarm(timer):
            disarmed.add(timer)
        case v.StartBranch(branch):
            target = name_of(branch)
            targets[branch.id] = target
            result.rang.append(target)
            return _phones(branch, script.get(target, ()))
        case v.Connect(branch_id):
            result.connected = targets[branch_id]
        case v.Execute(step):
            result.connected = step.id
        case v.Finish(termination):
            result.termination = termination
    return []


def _phones(branch: Branch, phones: Sequence[Phone]) -> list[tuple[float, v.WalkEvent]]:
    events: list[tuple[float, v.WalkEvent]] = [(0.0, v.Contacts(branch.id, len(phones)))]
    for number, phone in enumerate(phones):
        if phone.status is None or phone.after_s > 0:
            events.append((0.0, v.Ringing(branch.id, number)))
        if phone.status is None:
            continue
        if phone.status == 200:
            events.append((phone.after_s, v.Answered(branch.id, number)))
            continue
        trunk = branch.target if isinstance(branch.target, TrunkTarget) else None
        failed = phone.status in trunk.failover if trunk is not None and trunk.failover else None
        outcome, final = v.outcome_of(phone.status, trunk=trunk is not None, failed=failed)
        events.append((phone.after_s, v.Failed(branch.id, number, outcome, phone.status, final)))
    return events
