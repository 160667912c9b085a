"""The history of one user: their own calls, and all those of the lines that they share with others (DCH-1).

A delegator and the delegates see the same calls of a shared line, each with a label of their own that says who did what
for whom (DCH-3, DCH-5). Who that was stands in the call's record, as it was said at the time; whose delegate the viewer
is today only says which calls are seen, and nothing of it changes a label.

One call is one entry: what the viewer did comes first, then what was meant for the viewer, then what happened on lines
that the viewer shares. A call counts as missed only if nobody answered it; a mailbox or a menu is nobody. What a viewer
has taken out is gone for that viewer alone (DCH-2). A caller who asked not to be shown is not.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.structs import asdict

from records.cdr import CallRecord, Instant, LegRecord
from records.owners import may_hear
from records.roles import acting, answered_by, called, caller_of, line_of, rings_on
from records.viewer import Viewer

_VOICEMAIL = "voicemail:"


class Direction(enum.StrEnum):
    """As the viewer sees it: somebody called on the line, or it was called."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Outcome(enum.StrEnum):
    """What came of it: `answered` on the entry's line, `elsewhere` by somebody else, by nobody (`missed`); what was
    called out of the house or inside may stay `unanswered`."""

    ANSWERED = "answered"
    ELSEWHERE = "elsewhere"
    MISSED = "missed"
    UNANSWERED = "unanswered"


class View(enum.StrEnum):
    """Where it is shown. The web portal has no labels (DCH-4)."""

    APP = "app"
    PORTAL = "portal"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One call in somebody's history. `line` is the one that it was made on or that was called, and `by` the user who
    made or answered it, empty for nobody of the house. `number` and `name` are of the other side; both are empty where
    a caller asked not to be shown. `voicemail`: it came to a mailbox. `recordings` are the files that are the viewer's
    to hear (DRE-1, DRE-2). Lengths are in seconds."""

    call: str
    at: Instant
    direction: Direction
    outcome: Outcome
    line: str
    by: str
    number: str
    name: str
    reason: str
    ring_s: float
    talk_s: float
    voicemail: bool
    recordings: tuple[str, ...]


class Labelled(Entry, frozen=True, kw_only=True):
    """The same with its label, empty for what the viewer did on the own line."""

    label: str


COLUMNS = Labelled.__struct_fields__
"""Of a history as CSV, in their order; the portal's is without the last."""


class Part(NamedTuple):
    """What a call is to a viewer: on which line, in which direction, and who acted."""

    line: str
    direction: Direction
    by: str
    outcome: Outcome


def entries(
    records: Iterable[CallRecord],
    viewer: Viewer,
    *,
    hidden: Container[str] = (),
    view: View = View.APP,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Entry]:
    """The history of the viewer, in the order of the records; those that have nothing to do with the viewer are left
    out, and the calls in `hidden`. `names` is how users are called in labels, where that is not their id."""
    for record in records:
        part = part_of(record, viewer) if record.call not in hidden else None
        if part is not None:
            entry = _entry(record, part, viewer)
            if view is View.PORTAL:
                yield entry
            else:
                yield Labelled(**asdict(entry), label=label(part, viewer.user, names))


def part_of(record: CallRecord, viewer: Viewer) -> Part | None:
    """What the call is to the viewer; None: nothing."""
    user = viewer.user
    caller, answered = caller_of(record), answered_by(record)
    if caller == user:
        return _placed(record, caller)
    if rings_on(record):
        return _placed(record, caller) if record.line in (user, *viewer.shares) else None
    meant = called(record)
    own = next((leg for leg in answered if acting(leg) == user), None)
    if own is not None:
        line = line_of(own)
        if own.of and line == user and user not in meant:  # taken over from a line that is shared
            line = next((each for each in meant if each in viewer.shares), line)
        return Part(line, Direction.INBOUND, user, Outcome.ANSWERED)
    if user in meant:
        return _called(user, answered)
    if record.line == user:
        return _placed(record, caller)
    rung = (line_of(leg) for leg in record.legs if leg.leg and acting(leg) == user)
    line = next(rung, "") or next((each for each in meant if each in viewer.shares), "")
    if line:
        return _called(line, answered)
    return _placed(record, caller) if record.line in viewer.shares else None


def label(part: Part, user: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """DCH-3a to h, DCH-5: who did it, and for whom, as `user` is told."""
    line, _, by, outcome = part
    if outcome in (Outcome.MISSED, Outcome.UNANSWERED) and part.direction is Direction.INBOUND:
        return ""
    verb = "Outbound" if part.direction is Direction.OUTBOUND else "Answered"
    if outcome is Outcome.ELSEWHERE:
        return f"{verb} by {names.get(by, by)}" if by else f"{verb} elsewhere"
    if by == user:
        return "" if line in ("", user) else f"{verb} by you for {names.get(line, line)}"
    who = names.get(by, by)
    if line == user:
        return f"{verb} by {who} for you"
    return f"{verb} by {who}" if by == line else f"{verb} by {who} for {names.get(line, line)}"


def _placed(record: CallRecord, by: str) -> Part:
    outcome = Outcome.ANSWERED if record.answered_at is not None else Outcome.UNANSWERED
    return Part(record.line or by, Direction.OUTBOUND, by, outcome)


def _called(line: str, answered: tuple[LegRecord, ...]) -> Part:
    first = next((leg for leg in answered if line_of(leg) == line), None)
    if first is not None:
        return Part(line, Direction.INBOUND, acting(first), Outcome.ANSWERED)
    if answered:
        return Part(line, Direction.INBOUND, acting(answered[0]), Outcome.ELSEWHERE)
    return Part(line, Direction.INBOUND, "", Outcome.MISSED)


def _entry(record: CallRecord, part: Part, viewer: Viewer) -> Entry:
    inbound = part.direction is Direction.INBOUND
    number, name = (record.caller_number, record.caller_name) if inbound else (record.number or record.dialled, "")
    if inbound and record.hidden:
        number = name = ""
    return Entry(
        call=record.call,
        at=record.started_at,
        direction=part.direction,
        outcome=part.outcome,
        line=part.line,
        by=part.by,
        number=number,
        name=name,
        reason=record.reason,
        ring_s=record.ring_s,
        talk_s=_talk_s(record, part),
        voicemail=any(stop.how == "answered" and stop.entity.startswith(_VOICEMAIL) for stop in record.path),
        recordings=tuple(each.file for each in record.recordings if may_hear(record, each, viewer)),
    )


def _talk_s(record: CallRecord, part: Part) -> float:
    """Of whoever acted, from the answer to the end; of several legs of one user, all together."""
    outbound = part.direction is Direction.OUTBOUND
    legs = (leg for leg in record.legs if (leg.leg == 0) == outbound and (outbound or acting(leg) == part.by))
    return round(sum(leg.call_s for leg in legs), 3)
