"""From events to records: folded at once, or fed from a journal into a store."""

from __future__ import annotations

from records.cdr import CallRecord, CdrFolder
from records.events import AnyEvent, Event
from records.feed import Feeder


def records(*events: AnyEvent) -> list[CallRecord]:
    """Those of the calls that have ended, in the order in which they did."""
    folder = CdrFolder()
    return [record for event in events if isinstance(event, Event) and (record := folder.feed(event)) is not None]


def feed_all(feeder: Feeder) -> None:
    """Take in all that the journal has."""
    while feeder.step():
        pass
