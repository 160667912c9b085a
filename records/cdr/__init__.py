"""The call record (CDR) as a fold over a call's events: exactly one a call, with its legs.

`fold` is pure: a record and an event give the next record. It counts an event once, however often it is told (the
events of a call arrive in the order of their numbers, some perhaps again). `CdrFolder` holds the open calls of a stream
and gives out each record when its call has ended.

Times are the events' own. Should the wall clock be set back during a call, the call's time stands still until the clock
has caught up, so that these always hold: legs lie within the call, ring_s + talk_s <= duration_s.

`record` has the values, `folding` the fold, and the other files what each kind of event changes: who adds a kind of
event adds a file with its `CHANGES`, and names it in `folding`.
"""

from records.cdr.folding import CdrFolder, fold
from records.cdr.record import (
    Account,
    Asked,
    CallRecord,
    Instant,
    LegRecord,
    Mark,
    Parking,
    Passed,
    Queued,
    Recorded,
    Span,
    Stop,
    Talk,
    Transfer,
    length_s,
    seconds,
)

__all__ = [
    "Account",
    "Asked",
    "CallRecord",
    "CdrFolder",
    "Instant",
    "LegRecord",
    "Mark",
    "Parking",
    "Passed",
    "Queued",
    "Recorded",
    "Span",
    "Stop",
    "Talk",
    "Transfer",
    "fold",
    "length_s",
    "seconds",
]
