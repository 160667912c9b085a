"""The calls that are up now, for live views: a fold that forgets a call when it ends."""

from __future__ import annotations

import enum
from collections import Counter

from records.cdr import CallRecord, CdrFolder
from records.events import AnyEvent, Event


class CallState(enum.StrEnum):
    """Where a call stands."""

    ROUTING = "routing"
    RINGING = "ringing"
    UP = "up"
    HELD = "held"


def state_of(record: CallRecord) -> CallState:
    """The state of a call that is still up; held when any of its legs holds it."""
    if record.answered_at is not None:
        held = any(leg.held_since is not None for leg in record.legs)
        return CallState.HELD if held else CallState.UP
    return CallState.RINGING if record.rang_at is not None else CallState.ROUTING


class LiveCalls:
    """Feed it every event; ask it what is up."""

    def __init__(self) -> None:
        self._folder = CdrFolder()

    def feed(self, event: AnyEvent) -> CallRecord | None:
        """Take one event; the finished record if a call has ended by it."""
        return self._folder.feed(event) if isinstance(event, Event) else None

    def calls(self) -> list[CallRecord]:
        """The calls that are up, oldest first."""
        return list(self._folder.open.values())

    def counts(self) -> dict[CallState, int]:
        """How many calls are in each state."""
        counted = Counter(map(state_of, self._folder.open.values()))
        return {state: counted[state] for state in CallState}
