"""A call to people: a line, or a group of lines."""

from __future__ import annotations

from dialplan.draft import Draft, Path
from dialplan.groups import RingGroup
from dialplan.plan import Branch, LineTarget, Ring, Stage


def line(draft: Draft, name: str, path: Path) -> str | None:
    """Ring a line."""
    called = draft.model.lines.get(name)
    if called is None:
        return None
    rule = draft.name("ring")
    branch = Branch(id=f"{rule}/0", target=LineTarget(name), ring_s=called.ring_s, policy=called.policy)
    draft.say(f"user:{name}", "rings")
    return draft.add(Ring(id=rule, stages=(Stage((branch,)),), hops=path.hops))


def ring_group(draft: Draft, name: str, path: Path) -> str | None:
    """Ring a group. Who calls it from one of its own lines wants the others; a group of that line alone rings it."""
    group = draft.model.ring_groups.get(name)
    if group is None:
        return None
    calling = draft.calling.id if draft.calling is not None else ""
    members = tuple(each for each in group.members if each.line != calling) or group.members
    left_out = f"; {calling} calls, and is left out" if len(members) < len(group.members) else ""
    draft.say(_rule(group), "rings " + ", ".join(each.line for each in members) + left_out)
    rule = draft.name("ring")
    lines = draft.model.lines
    branches = tuple(
        Branch(
            id=f"{rule}/{n}",
            target=LineTarget(each.line),
            delay_s=each.delay_s,
            ring_s=each.ring_s or group.ring_s or lines[each.line].ring_s,
            policy=lines[each.line].policy,
        )
        for n, each in enumerate(members)
    )
    return draft.add(Ring(id=rule, stages=(Stage(branches),), hops=path.hops))


def _rule(group: RingGroup) -> str:
    return f"ring_group:{group.id}"
