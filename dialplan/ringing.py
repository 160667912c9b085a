"""Ring groups: who of a group rings when, and what becomes of a member's branch that ends (FWD-10, K.9).

    all            together, each after its own delay
    order          one after the other, as written
    rotating       one after the other; each call begins with the next member (a cursor, which the exchange moves on)
    longest idle   one after the other, who has had no call for longest first; those who are on a call come last
    random         one after the other, by weights, from the call's one random number

A turn begins when `turn_s` has passed since the last one, or at once when nobody rings any more: the members are
branches of one stage with delays, so that the group's `ring_s` limits all of it and a member without a telephone costs
no time. A member's forward runs inside its branch while the others ring on.
"""

from __future__ import annotations

import msgspec

from dialplan import opening, rules
from dialplan.availability import away, helped
from dialplan.destinations import To, ring_group
from dialplan.draft import Draft, Path
from dialplan.facts import Condition
from dialplan.forwarding import (
    CAUSES,
    CLOSED,
    after_s,
    exits_of,
    forward,
    has_rules,
    hop_of,
    inside,
    may_follow,
    send_on,
    wanted,
)
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Line
from dialplan.plan import Branch, Hop, LineTarget, Outcome, Ring, Stage
from dialplan.routes import lot


def ring(draft: Draft, name: str, path: Path) -> str | None:
    """The steps of a call to that group; the id of the first, or None where there is no such group."""
    called = draft.model.ring_groups.get(name)
    if called is None:
        draft.say(str(ring_group(name)), "there is no such group")
        return None
    rule = rules.group(called)
    here = msgspec.structs.replace(path, visited=(*path.visited, str(ring_group(name))))
    hop = Hop(str(ring_group(name)), CLOSED, called.extension, called.name)
    if called.hours and not opening.is_open(draft, called.hours, called.time_zone):
        return opening.closed(draft, rule, called, here, hop) or opening.unavailable(draft, path, "closed")
    members = _order(draft, name, called, _present(draft, called, path))
    step = draft.name("ring")
    branches = _branches(draft, called, members, here, step) if members else ()
    otherwise = None
    if called.otherwise is not None:
        no_answer = msgspec.structs.replace(hop, cause=CAUSES[Condition.NO_ANSWER])
        otherwise = send_on(draft, f"{rule}.otherwise", called.otherwise, here, no_answer)
    otherwise = otherwise or opening.unavailable(draft, path)
    if not branches:
        draft.say(rule, "nobody of the group can be rung")
        return otherwise
    return draft.add(
        Ring(
            id=step,
            stages=(Stage(branches, called.ring_s),),
            # K.9: however it was that nobody took it, the call goes on in the one way.
            exits=dict.fromkeys((Outcome.BUSY, Outcome.NO_ANSWER, Outcome.OUTAGE), otherwise) if otherwise else {},
            hops=path.hops,
            group=name,
            entity=str(ring_group(name)),
        )
    )


# Who rings


def _present(draft: Draft, called: RingGroup, path: Path) -> list[tuple[int, Member, Line]]:
    """The members who take part in this call, with their places in the group. Who calls it from one of its own lines
    wants the others; a group of that line alone rings it, unless a forward leads there. Who has sent this call on does
    not get it back (FWD-9, VIP-13)."""
    found = []
    seen: set[str] = set()
    alone = len(called.members) == 1 and not path.hops
    for at, member in enumerate(called.members):
        line = draft.model.lines.get(member.line)
        if line is None:
            draft.say(rules.member(called, member.line), "there is no such line")
        elif member.line in seen:
            draft.say(rules.member(called, member.line), "is named twice, and rings once")
        elif rules.line(member.line) in path.visited:
            draft.say(rules.member(called, member.line), "has had this call already")
        elif not alone and draft.makes_call(member.line):
            draft.say(rules.member(called, member.line), "makes this call, and is left out")
        else:
            seen.add(member.line)
            facts = draft.ask(member.line)
            if called.id in facts.out_of:
                draft.say(rules.member(called, member.line), "has opted out")
            elif called.skip_busy and facts.active and not helped(draft, line):
                draft.say(rules.member(called, member.line), "is on a call, and skipped")
            else:
                found.append((at, member, line))
    return found


def _order(
    draft: Draft, name: str, called: RingGroup, present: list[tuple[int, Member, Line]]
) -> list[tuple[int, Member, Line]]:
    match called.strategy:
        case Strategy.ALL | Strategy.ORDER:
            return present
        case Strategy.ROTATING:
            count = len(called.members)
            first = draft.cursor(name) % count if count else 0
            draft.say(rules.group(called), f"begins with member {first + 1}")
            return sorted(present, key=lambda each: (each[0] - first) % count)
        case Strategy.LONGEST_IDLE:
            facts = [draft.ask(member.line) for _, member, _ in present]
            idle = sorted(range(len(present)), key=lambda n: (facts[n].active > 0, facts[n].idle_since, n))
            return [present[n] for n in idle]
        case Strategy.RANDOM:
            order, _ = lot([max(member.weight, 0) for _, member, _ in present], draft.facts.draw)
            return [present[n] for n in order]


# Their branches


def _branches(
    draft: Draft, called: RingGroup, members: list[tuple[int, Member, Line]], path: Path, step: str
) -> tuple[Branch, ...]:
    """First those who are not rung themselves, then the others: a forward does not ring a second time who rings."""
    plain = [_rings(draft, called, line) for _, _, line in members]
    ringing = path.ringing | {line.id for (_, _, line), rings in zip(members, plain, strict=True) if rings}
    inner = msgspec.structs.replace(path, member=True, external=called.external, ringing=ringing)
    skipped: dict[str, tuple[Outcome, str]] = {}
    out: set[str] = set()
    for (_, _, line), rings in zip(members, plain, strict=True):
        if rings:
            continue
        outcome, exit_to, rings_after_all = _at_once(draft, called, line, inner)
        if exit_to is not None:
            skipped[line.id] = (outcome, exit_to)
            inner = msgspec.structs.replace(inner, ringing=inner.ringing | _rung_by(draft, exit_to))
        elif rings_after_all:
            inner = msgspec.structs.replace(inner, ringing=inner.ringing | {line.id})
        else:
            out.add(line.id)
    made: list[Branch] = []
    for _, member, line in members:
        if line.id not in out:
            delay_s = member.delay_s if called.strategy is Strategy.ALL else len(made) * called.turn_s
            made.append(_branch(draft, called, member, line, inner, f"{step}/{len(made)}", delay_s, skipped))
    return tuple(made)


def _rings(draft: Draft, called: RingGroup, line: Line) -> bool:
    """Whether it is plain that the member rings."""
    reason = away(draft, line)
    if reason is None and wanted(draft, line, Condition.ALWAYS) is None:
        return True
    if helped(draft, line):
        return True
    if reason is not None:
        draft.say(rules.member(called, line.id), reason.why)
    return False


def _at_once(draft: Draft, called: RingGroup, line: Line, inner: Path) -> tuple[Outcome, str | None, bool]:
    """What comes of a member who sends every call on, or takes none now: the outcome, where that leads, and whether
    the member rings all the same, since the forward was refused (K.8). One that a group does not follow (FWD-10), or
    that leads to who rings already, keeps the member silent, as it does when the member is called."""
    through = msgspec.structs.replace(inner, visited=(*inner.visited, rules.line(line.id)))
    to = wanted(draft, line, Condition.ALWAYS)
    refused = False
    if to is not None:
        rule = rules.forward(line.id, Condition.ALWAYS.value)
        step = send_on(draft, rule, to, through, hop_of(line, CAUSES[Condition.ALWAYS]), line)
        there = inside(draft, to)
        rings_there = there.kind is To.USER and there.name in inner.ringing
        if step is not None or rings_there or not may_follow(there, through):
            return Outcome.NO_ANSWER, step, False
        refused = True
    reason = away(draft, line)
    if reason is None:
        return Outcome.NO_ANSWER, None, refused
    outcome = Outcome.BUSY if reason.condition is Condition.BUSY else Outcome.NO_ANSWER
    return outcome, forward(draft, line, reason.condition, through), False


def _branch(
    draft: Draft,
    called: RingGroup,
    member: Member,
    line: Line,
    inner: Path,
    name: str,
    delay_s: float,
    skipped: dict[str, tuple[Outcome, str]],
) -> Branch:
    target = LineTarget(line.id)
    if line.id in skipped:
        outcome, exit_to = skipped[line.id]
        return Branch(id=name, target=target, delay_s=delay_s, skip=outcome, exits={outcome: exit_to})
    exits = {}
    if has_rules(draft, line) and not helped(draft, line):
        through = msgspec.structs.replace(inner, visited=(*inner.visited, rules.line(line.id)))
        exits = exits_of(draft, line, through)
    ring_s, from_ringing = member.ring_s, False
    if not ring_s and called.strategy is not Strategy.ALL:
        ring_s = called.turn_s
    elif not ring_s and Outcome.NO_ANSWER in exits:
        ring_s, from_ringing = after_s(draft, line), True
    draft.say(rules.member(called, line.id), f"rings after {delay_s:g} s" if delay_s else "rings")
    return Branch(
        id=name,
        target=target,
        delay_s=delay_s,
        ring_s=ring_s or called.ring_s or line.ring_s,
        from_ringing=from_ringing,
        exits=exits,
        policy=line.policy,
    )


def _rung_by(draft: Draft, step: str) -> frozenset[str]:
    """The lines that ring as soon as that step is entered."""
    for each in reversed(draft.steps):
        if each.id == step:
            if isinstance(each, Ring):
                branches = each.stages[0].branches
                return frozenset(branch.target.line for branch in branches if isinstance(branch.target, LineTarget))
            break
    return frozenset()
