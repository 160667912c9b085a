"""A call to a line, in the order of XRL-1: business hours, VIPs or delegation, who is to ring, whether the line takes a
call at the moment, and where the call goes that nobody takes.

The condition after the last stage is the line's own: as its telephones came to, and no answer where they were not rung
(K.2). The forwards of a delegate never apply to calls for somebody else (XRL-6), and its mailbox takes none (XRL-7).
"""

from __future__ import annotations

import msgspec

from dialplan import opening, rules, vip
from dialplan.availability import away, helped
from dialplan.draft import Draft, Path
from dialplan.facts import Condition
from dialplan.forwarding import CAUSES, CLOSED, after_s, exits_of, forward, has_rules, hop_of
from dialplan.lines import Line
from dialplan.plan import Branch, LineTarget, Outcome, Reject, Ring, Stage, Voicemail
from dialplan.termination import Reason

_WHEN = {486: "busy: ", 408: "no answer: ", 503: "outage: "}


def line(draft: Draft, name: str, path: Path) -> str | None:
    """The steps of a call to that line; the id of the first. None where there is no such line, and in a group's branch
    also where nobody would ring."""
    rule = rules.line(name)
    called = draft.model.lines.get(name)
    if called is None:
        draft.say(rule, "there is no such line")
        return None
    if name in path.ringing:
        draft.say(rule, "rings already")
        return None
    if helped(draft, called):
        return _ring_alone(draft, called, path)
    here = msgspec.structs.replace(path, visited=(*path.visited, rule), first=path.first or name)
    screen = called.vip
    is_vip: bool | None = None
    if called.hours and not opening.is_open(draft, called.hours, called.time_zone):
        is_vip = screen is not None and screen.after_hours and vip.admitted(draft, called, screen)
        if not is_vip:
            return _closed(draft, called, here)
        draft.say(rules.of_line(name, "vip"), "VIPs ring outside of the hours, too")
    if screen is None:
        return _staged(draft, called, here, vip.TOGETHER if called.delegates else vip.ALONE)
    if is_vip is None:
        is_vip = vip.admitted(draft, called, screen)
    stages = vip.treatment(draft, called, screen, is_vip)
    return _staged(draft, called, here, stages) if stages else _not_through(draft, called, here)


# Ringing


def _staged(draft: Draft, called: Line, path: Path, stages: vip.Stages) -> str | None:
    """Ring the user and the delegates by stages; then the line's rules. `path` leads through the line."""
    rule = rules.line(called.id)
    meant, shared = stages[0] if len(stages) == 1 else map(any, zip(*stages, strict=True))
    ruled = has_rules(draft, called)
    always = forward(draft, called, Condition.ALWAYS, path) if meant and ruled else None
    if always is not None and stages[0][0]:
        return always
    reason = away(draft, called) if meant and always is None else None
    if reason is not None:
        draft.say(rule, reason.why)
    rings = meant and always is None and reason is None
    helpers = vip.delegates(draft, called, path) if shared else []
    condition = reason.condition if reason is not None else Condition.NO_ANSWER
    if not rings and not helpers:
        return always or _ending(draft, called, condition, path)
    step = draft.name("ring")
    if rings:
        exits = exits_of(draft, called, path, _goes_on) if ruled or called.vip is not None else {}
    else:
        # K.2: without the line's own telephones it is no answer, which is then the exit for whatever it is really.
        then = always or (_ending if condition is Condition.BUSY else _goes_on)(draft, called, condition, path)
        exits = {Outcome.NO_ANSWER: then} if then is not None else {}
    times = _times(draft, called, Outcome.NO_ANSWER in exits)
    if rings:
        draft.say(rule, f"rings for {times[0]:g} s")
    ringing = _stages(step, called, stages, rings, helpers, times)
    judge = called.id if helpers else ""
    return draft.add(Ring(id=step, stages=ringing, exits=exits, judge=judge, hops=path.hops, entity=rule))


def _ring_alone(draft: Draft, called: Line, path: Path) -> str:
    step = draft.name("ring")
    branch = _branch(f"{step}/0", called, called, (called.ring_s, False))
    entity = rules.line(called.id)
    return draft.add(Ring(id=step, stages=(Stage((branch,)),), hops=path.hops, entity=entity))


def _stages(
    step: str, called: Line, stages: vip.Stages, rings: bool, helpers: list[Line], times: tuple[float, bool]
) -> tuple[Stage, ...]:
    """The stages, where the line `rings`, and with those delegates; an empty one is skipped (VIP-12)."""
    stage_s = called.vip.stage_s if called.vip is not None else 0.0
    made = []
    count = 0
    for user, others in stages:
        lines = ([called] if user and rings else []) + (helpers if others else [])
        if not lines:
            continue
        branches = tuple([_branch(f"{step}/{n}", each, called, times) for n, each in enumerate(lines, count)])
        count += len(lines)
        made.append(Stage(branches, stage_s))
    return tuple(made)


def _branch(name: str, rung: Line, called: Line, times: tuple[float, bool]) -> Branch:
    ring_s, from_ringing = times
    if rung is called:
        return Branch(id=name, target=LineTarget(rung.id), ring_s=ring_s, from_ringing=from_ringing, policy=rung.policy)
    return Branch(
        id=name,
        target=LineTarget(rung.id),
        ring_s=ring_s,
        from_ringing=from_ringing,
        policy=vip.policy_of(rung, called),
        for_=called.id,
    )


def _times(draft: Draft, called: Line, has_rule: bool) -> tuple[float, bool]:
    """How long telephones ring, and whether that counts from the first 18x. FWD-3's delay is for a rule for no answer
    (K.9); in the stages of a VIP plan their own time holds (K.1)."""
    if called.vip is not None:
        return called.vip.stage_s, False
    return (after_s(draft, called), True) if has_rule else (called.ring_s, False)


# What comes after


def _goes_on(draft: Draft, called: Line, condition: Condition, path: Path) -> str | None:
    """The line's rule for a condition; after a VIP plan without one its voicemail (VIP-8, K.2). None: the call ends by
    FWD-7."""
    step = forward(draft, called, condition, path)
    if step is None and called.vip is not None:
        step = _mailbox(draft, called, path, CAUSES[condition])
    return step


def _ending(draft: Draft, called: Line, condition: Condition, path: Path) -> str | None:
    """The same with FWD-7's ending, for a line that is not rung at all."""
    step = _goes_on(draft, called, condition, path)
    if step is None and condition is Condition.BUSY and not path.member:
        return draft.add(Reject(id=draft.name("busy"), status=486, reason=Reason.BUSY, text="Busy Here"))
    return step or opening.unavailable(draft, path)


def _closed(draft: Draft, called: Line, path: Path) -> str | None:
    """Outside of the business hours: where the line says, else its voicemail, else 480."""
    step = opening.closed(draft, rules.line(called.id), called, path, hop_of(called, CLOSED), called)
    return step or _mailbox(draft, called, path, CLOSED) or opening.unavailable(draft, path, "closed")


def _not_through(draft: Draft, called: Line, path: Path) -> str | None:
    """VIP-4f, VIP-7."""
    return _mailbox(draft, called, path, CLOSED) or opening.unavailable(draft, path, "unavailable")


def _mailbox(draft: Draft, called: Line, path: Path, cause: int) -> str | None:
    """XRL-7: it is always the mailbox of the one who was called, whoever was rung."""
    if path.member:
        return None
    rule = rules.of_line(called.id, "voicemail")
    if not called.mailbox:
        draft.say(rule, "is not enabled")
        return None
    draft.say(rule, f"{_WHEN.get(cause, '')}takes a message")
    hops = (*path.hops, hop_of(called, cause))
    return draft.add(Voicemail(id=draft.name("voicemail"), mailbox=called.mailbox, hops=hops))
