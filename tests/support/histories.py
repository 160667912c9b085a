"""What must hold of every walk, whatever the plan and the telephones (VIP-13, FWD-9)."""

from __future__ import annotations

from collections import Counter

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Ring
from dialplan.simulate import Simulation, What


def check(got: Simulation) -> None:
    """Raises AssertionError."""
    _ends(got)
    _branches(got)
    _timers(got)
    _telephones(got)


def _ends(got: Simulation) -> None:
    """Every walk ends, once, in time, and nothing is said after the end."""
    commands = [command for _, command in got.commands]
    connects = [command for command in commands if isinstance(command, v.Connect)]
    finishes = [command for command in commands if isinstance(command, v.Finish)]
    executes = [command for command in commands if isinstance(command, v.Execute)]
    assert len(connects) + len(finishes) <= 1
    if finishes:
        assert commands[-1] is finishes[0]
    elif connects:
        after = commands[commands.index(connects[0]) + 1 :]
        assert all(isinstance(command, v.StopBranch | v.Disarm) for command in after)
    else:
        assert executes and commands[-1] is executes[-1], "neither joined, nor ended, nor in a service"
    # A service may hold the caller as long as it likes, but none did here.
    decided = [at for at, command in got.commands if not finishes or not executes or command not in finishes]
    assert max(decided, default=0.0) <= walk.total_s(got.plan)


def _branches(got: Simulation) -> None:
    """Every branch is started once at the most and ends once; the stages of a step come in their order."""
    where = {
        branch.id: (step.id, number)
        for step in got.plan.steps
        if isinstance(step, Ring)
        for number, stage in enumerate(step.stages)
        for branch in stage.branches
    }
    steps: dict[str, int] = {}
    ringing: set[str] = set()
    started: Counter[str] = Counter()
    for _, command in got.commands:
        if isinstance(command, v.StartBranch):
            name = command.branch.id
            started[name] += 1
            step, number = where.get(name, (name, 0))
            assert steps.setdefault(step, 0) <= number, "a stage was gone back to"
            steps[step] = number
            open_before = {each for each in ringing if where.get(each, ("", 0))[0] == step and where[each][1] < number}
            assert not open_before, "a stage began while branches of the one before rang"
            ringing.add(name)
        elif isinstance(command, v.StopBranch | v.Connect):
            assert command.branch in ringing, "a branch ended that did not ring"
            ringing.remove(command.branch)
    assert not ringing
    assert all(count == 1 for count in started.values()), "a branch was rung twice"


def _timers(got: Simulation) -> None:
    assert got.armed == (), "timers were left"
    armed: dict[str, float] = {}
    for at, command in got.commands:
        if isinstance(command, v.Arm):
            assert command.delay_s > 0
            assert armed.get(command.timer, -1.0) <= at, "a timer was armed that was armed"
            armed[command.timer] = at + command.delay_s
        elif isinstance(command, v.Disarm):
            assert armed.pop(command.timer, -1.0) >= at, "a timer was disarmed that was not armed"


def _telephones(got: Simulation) -> None:
    """Every rung telephone ends in exactly one of answered, cancelled, refused (VIP-13)."""
    invited = Counter((each.target, each.contact) for each in got.sent(What.INVITE))
    ended = Counter((each.target, each.contact) for each in got.sent(What.ANSWER, What.CANCEL, What.REFUSED))
    assert invited == ended
    assert len(got.sent(What.ANSWER)) <= 1
    times = [moment.at_s for moment in got.timeline]
    assert times == sorted(times)
