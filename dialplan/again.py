"""The planner's later answers: their steps join the plan that is being walked."""

from __future__ import annotations

from msgspec.structs import replace

from dialplan.plan import Attendant, Conference, Hop, Outcome, Plan, Queue, Replan, Ring, Stage, Step, Trunk, Voicemail


def joined(plan: Plan, new: Plan, prefix: str, hops: tuple[Hop, ...], *, member: bool) -> tuple[str, Plan]:
    """The plan with the steps of a new one, whose names begin with `prefix` there and whose forwards come after `hops`;
    and the id of the new entry.

    What holds for the whole call is the new plan's, unless that is for a `member` of a group only.
    """
    steps = plan.steps + tuple(_renamed(each, prefix, hops) for each in new.steps)
    return prefix + new.entry, replace(plan if member else new, steps=steps)


def _renamed(named: Step, prefix: str, hops: tuple[Hop, ...]) -> Step:
    name = prefix + named.id
    if hops and isinstance(named, Ring | Trunk | Voicemail | Attendant | Queue | Conference | Replan):
        named = replace(named, hops=hops + named.hops)
    if not isinstance(named, Ring):
        return replace(named, id=name)
    stages = tuple(_stage(stage, prefix) for stage in named.stages)
    return replace(named, id=name, stages=stages, exits=_exits(named.exits, prefix))


def _stage(stage: Stage, prefix: str) -> Stage:
    branches = (replace(each, id=prefix + each.id, exits=_exits(each.exits, prefix)) for each in stage.branches)
    return replace(stage, branches=tuple(branches))


def _exits(exits: dict[Outcome, str], prefix: str) -> dict[Outcome, str]:
    return {outcome: prefix + step for outcome, step in exits.items()}
