"""Where a call goes that a line does not take (FWD-1 to FWD-12), with the guard against loops.

A rule is the configured one, or the one that the user has set, unless a lock keeps the configured one. A rule that
cannot be followed counts as absent, and that is told (K.8). Every forward is a `Hop` with its cause, of which
History-Info and Diversion are written. No call is forwarded more than five times (K.10), and never back to where it
was: it ends in the mailbox of the user who was called at first, else with 482 (FWD-9). Who calls is rung by no forward,
as in a group: nobody calls others to reach themselves.

Inside a group's branch only forwards to users are followed, and those to outside where the group allows it; for the
others the group's own plan goes on (FWD-10).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dialplan import outside, rules
from dialplan.destinations import Destination, To
from dialplan.draft import Draft, Path
from dialplan.facts import Condition
from dialplan.lines import Forwards, Line
from dialplan.plan import MOST_FORWARDS, Hop, Outcome, Reject, Voicemail
from dialplan.termination import Reason

CAUSES = {Condition.BUSY: 486, Condition.NO_ANSWER: 408, Condition.OUTAGE: 503, Condition.ALWAYS: 302}
OUTCOMES = (
    (Outcome.BUSY, Condition.BUSY),
    (Outcome.NO_ANSWER, Condition.NO_ANSWER),
    (Outcome.OUTAGE, Condition.OUTAGE),
)
"""The outcomes that have a rule each."""
CLOSED = 480
"""The cause of a forward outside of business hours."""

NO_FORWARDS = Forwards()
_LEAST_S, _MOST_S = 10.0, 60.0

Way = Callable[[Draft, Line, Condition, Path], str | None]
"""Where a line's call goes on a condition."""


def hop_of(line: Line, cause: int) -> Hop:
    """A forward by a line."""
    return Hop(line.id, cause, line.extension or line.caller_id, line.name, line.caller_id)


def wanted(draft: Draft, line: Line, condition: Condition) -> Destination | None:
    """The rule that counts for a condition, by configuration, user and lock. None: there is none."""
    configured: Destination | None = getattr(line.forwards, condition)
    own = draft.ask(line.id).forwards.get(condition)
    if own is None:
        return configured
    rule = rules.forward(line.id, condition.value)
    if condition in line.forwards.locked:
        draft.say(rule, f"is locked: what the user has set ({own}) does not count")
        return configured
    if own.kind is To.NOWHERE:
        draft.say(rule, "switched off by the user")
        return None
    draft.say(rule, "set by the user")
    return own


def forward(draft: Draft, line: Line, condition: Condition, path: Path) -> str | None:
    """The step that a line's rule for a condition leads to; None without one, or where it cannot be followed. `path`
    leads through the line."""
    to = wanted(draft, line, condition)
    if to is None:
        return None
    rule = rules.forward(line.id, condition.value)
    return send_on(draft, rule, to, path, hop_of(line, CAUSES[condition]), line)


def has_rules(draft: Draft, line: Line) -> bool:
    """Whether there is any rule to ask."""
    return line.forwards != NO_FORWARDS or bool(draft.ask(line.id).forwards)


def exits_of(draft: Draft, line: Line, path: Path, way: Way = forward) -> dict[Outcome, str]:
    """Where each outcome of ringing a line leads, by the `way` that each condition goes. A rejected call takes the exit
    for no answer, at once (FWD-8)."""
    exits = {}
    for outcome, condition in OUTCOMES:
        step = way(draft, line, condition, path)
        if step is not None:
            exits[outcome] = step
    return exits


def after_s(draft: Draft, line: Line) -> float:
    """FWD-3's delay, the user's own unless that is locked; always between 10 and 60 seconds."""
    own = draft.ask(line.id).after_s
    chosen = own if own and not line.forwards.after_locked else line.forwards.after_s
    return min(_MOST_S, max(_LEAST_S, chosen))


def send_on(draft: Draft, rule: str, to: Destination, path: Path, hop: Hop, by: Line | None = None) -> str | None:
    """Follow a destination as a forward: the first step, or None where it counts as absent. `path` leads through the
    one that forwards; `by` is the line that does, whose mailbox and permission count."""
    to = inside(draft, to)
    if to.kind is To.VOICEMAIL and not to.name:
        if by is None or not by.mailbox:
            draft.say(rule, "voicemail is not enabled: counts as absent")
            return None
        to = Destination(To.VOICEMAIL, by.mailbox)
    if not may_follow(to, path):
        draft.say(rule, f"to {to}: not followed inside a group, whose own plan goes on")
        return None
    draft.say(rule, f"to {to}")
    hops = (*path.hops, hop)
    if str(to) in path.visited:
        return looped(draft, path, hops, f"{to} has had this call already")
    if to.kind is To.USER and draft.makes_call(to.name):
        draft.say(rule, f"{to} makes this call, and is left out: counts as absent")
        return None
    if draft.request.hops + len(hops) > MOST_FORWARDS:
        return looped(draft, path, hops, f"to {to} would be one more than {MOST_FORWARDS} forwards")
    onwards = msgspec.structs.replace(path, hops=hops)
    if to.kind is To.EXTERNAL:
        step = outside.forward(draft, to.name, by, onwards)
    else:
        step = draft.follow(draft, to, onwards)
    if step is None:
        draft.say(rule, f"to {to} cannot be followed: counts as absent")
    return step


def may_follow(to: Destination, path: Path) -> bool:
    """FWD-10: what is followed inside of a group."""
    return not path.member or to.kind is To.USER or (to.kind is To.EXTERNAL and path.external)


def looped(draft: Draft, path: Path, hops: tuple[Hop, ...], why: str) -> str | None:
    """FWD-9: the end of a loop. In a branch of a group it ends that branch only."""
    if path.member:
        draft.say(rules.FORWARDS, f"{why}: not followed")
        return None
    first = draft.model.lines.get(path.first)
    if first is not None and first.mailbox:
        draft.say(rules.FORWARDS, f"{why}: ends in the voicemail of {first.id}")
        return draft.add(Voicemail(id=draft.name("voicemail"), mailbox=first.mailbox, hops=hops, loop=True))
    draft.say(rules.FORWARDS, f"{why}: ends")
    return draft.add(Reject(id=draft.name("loop"), status=482, reason=Reason.LOOP, text="Loop Detected"))


def inside(draft: Draft, to: Destination) -> Destination:
    """A number of our own is reached without leaving the house; so a loop through it is seen."""
    return draft.model.dids.get(to.name, to) if to.kind is To.EXTERNAL else to
