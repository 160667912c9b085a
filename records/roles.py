"""Who did what in a call, as its record says: whose telephones they were, and for which line they rang."""

from __future__ import annotations

from records.cdr import CallRecord, LegRecord

_LINE, _USER = "line:", "user:"
_CALLED = frozenset(("called", "forwarded", "chosen", "replanned", "transferred", "returned", "fallback"))
"""How a call comes to somebody who is called (`records.cdr.Stop.how`)."""


def caller_of(record: CallRecord) -> str:
    """The user who called, whatever line it was on. Empty for somebody outside."""
    return record.user or record.line or ""


def called(record: CallRecord) -> tuple[str, ...]:
    """The lines that the call was for, whoever's telephones rang then: which was called, or which others rang for."""
    entities = [stop.entity for stop in record.path if stop.how in _CALLED]
    lines = [entity.removeprefix(_USER) for entity in entities if entity.startswith(_USER)]
    return tuple(dict.fromkeys((*lines, *(leg.for_ for leg in record.legs if leg.for_))))


def answered_by(record: CallRecord) -> tuple[LegRecord, ...]:
    """The legs of all who were called and answered, or came into the call from another one; the first one first."""
    legs = [leg for leg in record.legs if leg.leg and leg.answered_at is not None]
    return tuple(sorted(legs, key=lambda leg: (leg.answered_at, leg.leg)))


def rings_on(record: CallRecord) -> bool:
    """Whether it rings on in another call: its caller has transferred that to whom he rang (semi-attended), so here
    nobody was called in vain."""
    return record.reason == "transferred" and record.answered_at is None


def line_of(leg: LegRecord) -> str:
    """The line that a leg rang for: a delegate's telephone rings for the delegator's. Empty for a carrier's."""
    return leg.for_ or (leg.target.removeprefix(_LINE) if leg.target.startswith(_LINE) else "")


def acting(leg: LegRecord) -> str:
    """The user whose telephone it is. Empty for a carrier's."""
    return leg.user or (leg.target.removeprefix(_LINE) if leg.target.startswith(_LINE) else "")
