"""Whether a line takes a call at the moment, before anybody's telephone is asked (XRL-1's busy check, FWD-5, FWD-8)."""

from __future__ import annotations

import datetime

import msgspec

from dialplan import rules
from dialplan.draft import Draft
from dialplan.facts import Condition
from dialplan.lines import Line

HELPED = datetime.timedelta(minutes=60)
"""EMG-8: how long after an emergency call a call back gets through."""


class Away(msgspec.Struct, frozen=True, gc=False):
    """Why a line is not rung, for people, and which of its rules that calls for."""

    why: str
    condition: Condition


NO_DISTURBANCE = Away("does not want to be disturbed", Condition.NO_ANSWER)
NO_WAITING = Away("is on a call, and call waiting is off", Condition.BUSY)


def away(draft: Draft, line: Line) -> Away | None:
    """Why the line is not to be rung; None when it is."""
    facts = draft.ask(line.id)
    if facts.dnd:
        return NO_DISTURBANCE
    if not facts.active:
        return None
    if not line.call_waiting:
        return NO_WAITING
    if 0 < line.calls <= facts.active:
        return Away(f"has {facts.active} calls, and takes no more than {line.calls}", Condition.BUSY)
    return None


def called_back(draft: Draft, number: str) -> Line | None:
    """EMG-8: the line that called for help within the hour, and showed this number."""
    shown = draft.shown(number)
    if shown is None or not datetime.timedelta(0) <= draft.request.at - shown.at <= HELPED:
        return None
    return draft.model.lines.get(shown.line)


def helped(draft: Draft, line: Line) -> bool:
    """EMG-8: whether this may be the call back to one who has called for help. Whoever is calling: help may come from
    any number, and from inside the house (EMG-7)."""
    at = draft.ask(line.id).helped_at
    if at is None or not datetime.timedelta(0) <= draft.request.at - at <= HELPED:
        return False
    draft.say(rules.of_line(line.id, "emergency"), "called for help within the hour: the line rings, whatever is set")
    return True
