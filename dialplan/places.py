"""Where a walk stands, as values: the state of a branch, of a step that is being carried out, and of the whole walk."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import msgspec

from dialplan.plan import Branch, Outcome, Plan, Stage, Step
from dialplan.vocabulary import Command, Disarm, StopBranch


class Phase(enum.IntEnum):
    """Of a branch. `SILENT`: it was started, and its ring time waits for the first 18x (FWD-3). `GONE_ON`: its own
    telephones are done with, and it walks another step."""

    WAITING = 0
    SILENT = 1
    RINGING = 2
    GONE_ON = 3
    ENDED = 4


WAITING, SILENT, RINGING, GONE_ON, ENDED = Phase
_TIMERS = ("delay", "silent", "ring")


class BranchState(msgspec.Struct, frozen=True, gc=False):
    """One branch of the current stage. `contacts` is -1 until the driver has said how many there are.

    `failed` is a set of contact numbers as bits. `outcomes` holds what they came to, in order of arrival, and `status`
    the last final status. `inside` is where it has gone on to.
    """

    branch: Branch
    phase: Phase = WAITING
    contacts: int = -1
    failed: int = 0
    outcomes: tuple[Outcome, ...] = ()
    outcome: Outcome | None = None
    status: int = 0
    full: bool = False
    inside: Place | None = None

    @property
    def timer(self) -> str:
        """The one timer that it has, while it waits or rings."""
        return f"{_TIMERS[self.phase]}:{self.branch.id}"


def stage_timer(step: Step, stage: int) -> str:
    """The timer of a stage that has a time of its own."""
    return f"stage:{step.id}/{stage}"


class Place(msgspec.Struct, frozen=True, gc=False):
    """A step that is being carried out, by the call or inside of a branch. `stage` is -1 before the first.

    `outcomes` are those of the branches that ended in earlier stages, as far as they count; `status` is the last that a
    telephone or carrier sent; `congested` tells whether a trunk of the step was full. `led` is the outcome that led to
    a `Replan` inside of a branch.
    """

    step: Step
    stages: tuple[Stage, ...] = ()
    stage: int = -1
    branches: tuple[BranchState, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    status: int = 0
    congested: bool = False
    led: Outcome | None = None

    @property
    def timer(self) -> str:
        """That of the current stage."""
        return stage_timer(self.step, self.stage)

    def find(self, name: str) -> BranchState | None:
        """The branch of that name, here or inside, if its telephones ring."""
        for each in self.branches:
            if each.branch.id == name:
                return each if each.phase is RINGING or each.phase is SILENT else None
            if each.inside is not None and (found := each.inside.find(name)) is not None:
                return found
        return None

    def ringing(self) -> Iterator[BranchState]:
        """The branches whose telephones ring, here and inside."""
        for each in self.branches:
            if each.inside is not None:
                yield from each.inside.ringing()
            elif each.phase is RINGING or each.phase is SILENT:
                yield each

    def holds(self, name: str) -> bool:
        """Whether a branch of that name rings here or inside."""
        return self.find(name) is not None


class WalkState(msgspec.Struct, frozen=True):
    """Where the walk stands. No `place` before `Begin`, and when it is `over`, after `Connect` or `Finish`.

    `entered` are the steps entered, the last one last. `answered`: a service has answered the caller. `asked` is how
    often the planner was asked again. `plan` has all the steps, those of later answers, too.
    """

    plan: Plan
    place: Place | None = None
    entered: tuple[str, ...] = ()
    over: bool = False
    answered: bool = False
    asked: int = 0


def stopped(
    place: Place,
    commands: list[Command],
    *,
    but: str = "",
    elsewhere: bool = False,
    outcome: Outcome | None = None,
    timed: bool = True,
) -> None:
    """The commands that end all that goes on in a place and inside of it, `but` for one branch. `timed`: its stage's
    timer is still armed."""
    for each in place.branches:
        phase = each.phase
        if phase is ENDED or each.branch.id == but:
            continue
        if each.inside is not None:
            stopped(each.inside, commands, but=but, elsewhere=elsewhere, outcome=outcome)
            continue
        commands.append(Disarm(each.timer))
        if phase is not Phase.WAITING:
            commands.append(StopBranch(each.branch.id, elsewhere, outcome))
    if timed and place.branches and place.stages[place.stage].ring_s > 0:
        commands.append(Disarm(place.timer))
