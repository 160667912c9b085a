"""The few moving things that a decision may see, as plain values.

Registrations are not among them: targets are logical, and the Ringer reports an outage as an event. What a decision
asked for is told in `Plan.consulted`, so that a call's record can keep just those facts and the decision can be made
again, exactly, a year later (`Facts.of`).
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Mapping

import msgspec

from dialplan.destinations import Destination


class Condition(enum.StrEnum):
    """Why a call is forwarded (FWD-1); `ALWAYS` asks nobody first."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    OUTAGE = "outage"
    ALWAYS = "always"


class LineFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is so at the moment with one line.

    `forwards` are those that the user has set; they replace the configured ones, condition by condition, and
    `destinations.NOWHERE` switches one off. `after_s` 0: as configured. `active` calls it has; `idle_since` is the
    instant of its last call's end, in seconds since the epoch, 0 when there was none. `external` calls it pays for at
    the moment, and their minutes and cost (see `lines.Quotas`) of the last hour and day. `out_of`: groups, queues and
    delegators whose calls the user has opted out of. `helped_at`: its last emergency call (EMG-8). `locked`: the
    telephone is locked (PIN-6).
    """

    dnd: bool = False
    forwards: dict[Condition, Destination] = {}
    after_s: float = 0.0
    active: int = 0
    idle_since: float = 0.0
    external: int = 0
    minutes_hour: float = 0.0
    minutes_day: float = 0.0
    cost_hour: int = 0
    cost_day: int = 0
    out_of: frozenset[str] = frozenset()
    helped_at: datetime.datetime | None = None
    locked: bool = False


QUIET = LineFacts()
"""A line of which there is nothing to say."""


def cursor_of(group: str) -> str:
    """How `Plan.consulted` names the cursor of a rotating group."""
    return f"cursor:{group}"


def shown_of(number: str) -> str:
    """How `Plan.consulted` names a number that may have been shown to an emergency service."""
    return f"shown:{number}"


class Helped(msgspec.Struct, frozen=True, gc=False):
    """Who showed a number in an emergency call, and when (EMG-8)."""

    line: str
    at: datetime.datetime


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it. Lines that nothing is to be said of are left out.

    `cursors` tell of rotating groups who is next, as a count. `account` counts those of all lines together.
    `shown` are the numbers that emergency calls have shown, each with who called last.
    `draw` is the call's one random number, at least 0 and below 1.
    """

    lines: Mapping[str, LineFacts] = {}
    cursors: Mapping[str, int] = {}
    account: LineFacts = QUIET
    draw: float = 0.0
    shown: Mapping[str, Helped] = {}

    def line(self, name: str) -> LineFacts:
        """What is known of that line."""
        return self.lines.get(name, QUIET)

    def of(self, consulted: Iterable[str]) -> Facts:
        """The same facts without what a decision has not asked for: for the record. `consulted` holds names of lines,
        of groups as `cursor:NAME`, and numbers as `shown:+1…`."""
        names = tuple(consulted)
        lines = {name: self.lines[name] for name in names if name in self.lines}
        groups = [name.removeprefix("cursor:") for name in names if name.startswith("cursor:")]
        cursors = {name: self.cursors[name] for name in groups if name in self.cursors}
        numbers = [name.removeprefix("shown:") for name in names if name.startswith("shown:")]
        shown = {number: self.shown[number] for number in numbers if number in self.shown}
        return Facts(lines=lines, cursors=cursors, account=self.account, draw=self.draw, shown=shown)


NO_FACTS = Facts()
