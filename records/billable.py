"""Billable time (BIL-1 to BIL-8) as a fold: what people marked, noted and edited, laid over the record of the call.

    marks    one starts, one stops, several times in a call; they count only while their user talks
    notes    client code, note, contact; without a code of its own it has the call's account code
    edits    the seconds or a note corrected afterwards. What was marked stays, and so does every value before

Pure: the same events in whatever order, told once or twice, give the same value.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from records.cdr import CallRecord, Instant, Mark
from records.events import BillableEdited, BillableEvent, InteractionNoted
from records.roles import acting

Interval = tuple[Instant, Instant]
_MILLISECOND = datetime.timedelta(milliseconds=1)
_TEXTS = ("code", "note", "contact")


class Edit(msgspec.Struct, frozen=True, gc=False):
    """A line of the audit trail: `by` has changed `what` (seconds, code, note, contact)."""

    at: Instant
    by: str
    what: str
    before: str
    after: str


class Billable(msgspec.Struct, frozen=True, gc=False):
    """What of the talk of line `user` in the call is billable. `marked_s` is what was marked during the call, `seconds`
    what holds: after the edits, and never more than `talk_s`. `intervals` are the marked ones."""

    call: str
    user: str
    began_at: Instant
    talk_s: float
    marked_s: float
    seconds: float
    code: str = ""
    note: str = ""
    contact: str = ""
    intervals: tuple[Interval, ...] = ()
    edits: tuple[Edit, ...] = ()


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a report: all that is billable to `key`, a client code or a contact."""

    key: str
    calls: int
    seconds: float
    talk_s: float


def talks(record: CallRecord, user: str) -> tuple[Interval, ...]:
    """When the line talked in that call, in order and without overlaps: from the answer of its legs to their ends."""
    return _united(
        (leg.answered_at, leg.ended_at)
        for leg in record.legs
        if acting(leg) == user and leg.answered_at is not None and leg.ended_at is not None
    )


def users(record: CallRecord) -> tuple[str, ...]:
    """The lines that talked in the call."""
    return tuple(dict.fromkeys(acting(leg) for leg in record.legs if acting(leg) and leg.answered_at is not None))


def billables(record: CallRecord, told: Iterable[BillableEvent]) -> tuple[Billable, ...]:
    """What is billable in an ended call, for every line of which something was marked or told."""
    by_user: dict[str, dict[str, BillableEvent]] = {each.user: {} for each in record.marks}
    for event in told:
        if event.call == record.call:
            by_user.setdefault(event.user, {})[event.id] = event
    return tuple(_folded(record, user, list(events.values())) for user, events in sorted(by_user.items()))


def _folded(record: CallRecord, user: str, events: list[BillableEvent]) -> Billable:
    events.sort(key=lambda each: (each.at, each.id))
    talked = talks(record, user)
    talk_s = _seconds(talked)
    intervals = _within(_marked([each for each in record.marks if each.user == user], record), talked)
    seconds = marked_s = _seconds(intervals)
    now: dict[str, str] = {"code": record.account, "note": "", "contact": ""}
    edits: list[Edit] = []
    for each in events:
        if isinstance(each, BillableEdited) and each.seconds is not None:
            after = min(max(each.seconds, 0.0), talk_s)
            edits.append(Edit(each.at, each.by, "seconds", _shown(seconds), _shown(after)))
            seconds = after
        edits += _noted(each, now)
    began_at = talked[0][0] if talked else record.started_at
    lengths, texts = (talk_s, marked_s, seconds), (now["code"], now["note"], now["contact"])
    return Billable(record.call, user, began_at, *lengths, *texts, intervals, tuple(edits))


def _noted(event: InteractionNoted | BillableEdited, now: dict[str, str]) -> list[Edit]:
    """Take what it says into `now`; what it changes is told."""
    found = []
    for what in _TEXTS:
        said = getattr(event, what)
        if said is not None and said != now[what]:
            found.append(Edit(event.at, event.by, what, now[what], said))
            now[what] = said
    return found


def _marked(marks: Sequence[Mark], record: CallRecord) -> tuple[Interval, ...]:
    """From each start to the next stop, or to the end of the call."""
    found: list[Interval] = []
    since: Instant | None = None
    for each in marks:
        if each.on:
            since = since or each.at
        elif since is not None:
            found.append((since, each.at))
            since = None
    if since is not None:
        found.append((since, record.ended_at or record.last_at))
    return _united(found)


def _united(found: Iterable[Interval]) -> tuple[Interval, ...]:
    made: list[Interval] = []
    for since, until in sorted(found):
        if until <= since:
            continue
        if made and since <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], until))
        else:
            made.append((since, until))
    return tuple(made)


def _within(found: Sequence[Interval], bounds: Sequence[Interval]) -> tuple[Interval, ...]:
    return _united((max(a, c), min(b, d)) for a, b in found for c, d in bounds)


def _seconds(intervals: Iterable[Interval]) -> float:
    return sum((until - since) // _MILLISECOND for since, until in intervals) / 1000


def _shown(seconds: float) -> str:
    return f"{seconds:g}"


def report(found: Iterable[Billable], by: str) -> list[Line]:
    """Billable time by client `code` or by `contact` (BIL-6); what has none stands under an empty key. Entries that
    are not billable (no seconds) count nowhere."""
    sums: dict[str, list[float]] = {}
    calls: dict[str, set[str]] = {}
    for each in found:
        if each.seconds:
            key = each.code if by == "code" else each.contact
            line = sums.setdefault(key, [0.0, 0.0])
            line[0] += each.seconds
            line[1] += each.talk_s
            calls.setdefault(key, set()).add(each.call)
    return [Line(key, len(calls[key]), round(a, 3), round(b, 3)) for key, (a, b) in sorted(sums.items())]


COLUMNS = ("call", "user", "began_at", "talk_s", "marked_s", "seconds", "code", "contact", "note", "edits")
"""Of a full report (BIL-7)."""


def plain(entry: Billable) -> Mapping[str, object]:
    """One entry by `COLUMNS`."""
    return {
        "call": entry.call,
        "user": entry.user,
        "began_at": entry.began_at,
        "talk_s": entry.talk_s,
        "marked_s": entry.marked_s,
        "seconds": entry.seconds,
        "code": entry.code,
        "contact": entry.contact,
        "note": entry.note,
        "edits": len(entry.edits),
    }
