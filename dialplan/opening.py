"""Business hours of whoever is called, and where a call goes outside of them (XRL-1, TZ-1).

Lines, ring groups, attendants and queues have the same three settings, and the hours that count are those of the one
who is called: a group that is open rings its members whatever their own hours are.
"""

from __future__ import annotations

from typing import Protocol

from dialplan import hours
from dialplan.destinations import Destination
from dialplan.draft import Draft, Path
from dialplan.forwarding import send_on
from dialplan.lines import Line
from dialplan.plan import Hop, Reject
from dialplan.termination import Reason


class Opens(Protocol):
    """Whoever has business hours. `hours` empty: always open."""

    @property
    def time_zone(self) -> str: ...
    @property
    def hours(self) -> str: ...
    @property
    def closed(self) -> Destination | None: ...


def is_open(draft: Draft, name: str, zone: str) -> bool:
    """Whether those business hours are open at the call's instant, told to the draft. Hours that do not exist are no
    reason to turn callers away."""
    if not name:
        return True
    known = draft.model.hours.get(name)
    if known is None:
        draft.say(f"hours:{name}", "unknown: counts as open")
        return True
    verdict = hours.is_open(known, draft.request.at, zone)
    draft.say(*hours.because(verdict))
    return verdict.open


def closed(draft: Draft, rule: str, entity: Opens, path: Path, hop: Hop, by: Line | None = None) -> str | None:
    """The step that a call goes to outside of the hours; None where nothing is said, or that cannot be followed. `path`
    leads through the entity."""
    if entity.closed is None:
        return None
    return send_on(draft, f"{rule}.closed", entity.closed, path, hop, by)


def unavailable(draft: Draft, path: Path, announce: str = "") -> str | None:
    """FWD-7's ending of a call that nobody took; None in a branch of a group, which goes on without."""
    if path.member:
        return None
    step = draft.name("unavailable")
    text = "Temporarily Unavailable"
    return draft.add(Reject(id=step, status=480, reason=Reason.NO_ANSWER, text=text, announce=announce))
