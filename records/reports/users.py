"""How much users telephone (UPR-1 to 18), compared with each other (UPR-19), and as a leaderboard (UPR-20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from records.cdr import CallRecord, length_s
from records.reports import parts
from records.reports.people import Person
from records.roles import acting
from records.viewer import Viewer, may_see_reports


class UserReport(msgspec.Struct, frozen=True, kw_only=True):
    """One user's. Times are in seconds; None where there is nothing to divide by. Fields by their numbers in the
    report: UPR-1 `total`, 2 `inbound`, 3 `unique_inbound`, 4 `outbound`, 5 `unique_outbound`, 6 `answered`,
    7 `completed`, 8 `voicemail`, 9 `answered_by_others`, 10 `missed_percent`, 11 `average_s`, 12 `call_s`,
    13 `inbound_s`, 14 `outbound_s`, 15 `hold_s`, 16 `park_s`, 17 `group`, 18 `site`."""

    user: str
    name: str
    extension: str
    total: int
    inbound: int
    unique_inbound: int
    outbound: int
    unique_outbound: int
    answered: int
    completed: int
    voicemail: int
    answered_by_others: int
    missed_percent: float | None
    average_s: float | None
    call_s: float
    inbound_s: float
    outbound_s: float
    hold_s: float
    park_s: float
    group: str
    site: str


COLUMNS = UserReport.__struct_fields__
MEASURES = COLUMNS[3:-2]
"""What users can be compared and ranked by."""


class Ranked(msgspec.Struct, frozen=True):
    """A place of the leaderboard; who is as good has the same."""

    place: int
    user: str
    name: str
    value: float


class _Count:
    """What is counted of one user."""

    __slots__ = (
        *("answered", "answered_by_others", "callers", "completed", "dialled", "hold_ms", "inbound", "inbound_ms"),
        *("is_user", "outbound", "outbound_ms", "park_ms", "site", "voicemail"),
    )

    def __init__(self) -> None:
        self.inbound = self.outbound = self.answered = self.completed = self.voicemail = self.answered_by_others = 0
        self.inbound_ms = self.outbound_ms = self.hold_ms = self.park_ms = 0
        self.callers: set[str] = set()
        self.dialled: set[str] = set()
        self.site = ""
        self.is_user = False
        """And no mailbox that is nobody's own."""


class _Counts(dict[str, _Count]):
    def __missing__(self, user: str) -> _Count:
        self[user] = _Count()
        return self[user]


def users(records: Iterable[CallRecord], people: Iterable[Person], viewer: Viewer) -> list[UserReport]:
    """One report for each of the people, and for whoever else is in the records, by user. Raises NotPermitted."""
    may_see_reports(viewer)
    counts = _Counts()
    for record in records:
        _count(record, counts)
    known = {each.user: each for each in people}
    return [
        _report(known.get(user) or Person(user=user), counts[user])
        for user in sorted({*known, *counts})
        if user in known or counts[user].is_user
    ]


def compare(reports: Iterable[UserReport], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """UPR-19: each measure with its value for each of these users."""
    chosen = {each.user: each for each in reports if each.user in wanted}
    return {name: {user: getattr(chosen[user], name) for user in wanted if user in chosen} for name in MEASURES}


def leaderboard(reports: Iterable[UserReport], site: str, measure: str = "total") -> list[Ranked]:
    """UPR-20: the users of a site, the highest value first; who has none (no call to divide by) is left out. Raises
    ValueError for a measure that there is not."""
    if measure not in MEASURES:
        raise ValueError(f"there is no measure {measure!r}: {', '.join(MEASURES)}")
    found = [
        (float(value), each) for each in reports if each.site == site and (value := getattr(each, measure)) is not None
    ]
    found.sort(key=lambda pair: (-pair[0], pair[1].user))
    values = [value for value, _ in found]
    return [Ranked(values.index(value) + 1, each.user, each.name, value) for value, each in found]


def _count(record: CallRecord, counts: Mapping[str, _Count]) -> None:
    placed = parts.outbound(record)
    if placed:
        mine = counts[placed]
        mine.is_user = True
        mine.outbound += 1
        mine.dialled.add(record.number or record.dialled)
        mine.answered += parts.got_through(record)
    talkers, offered, mailboxes = parts.talkers(record), parts.offered(record), parts.mailboxes(record)
    for user in parts.inbound(record):
        mine = counts[user]
        mine.is_user |= user in offered
        mine.inbound += 1
        mine.callers.add(parts.caller(record))
        mine.completed += user in talkers
        mine.answered_by_others += user not in talkers and bool(talkers)
        mine.voicemail += user in mailboxes
    no_call = record.goal.startswith(parts.NO_CALL)
    for leg in record.legs:
        user = acting(leg)
        if not user:
            continue
        mine = counts[user]
        mine.is_user = True
        mine.site = leg.site or mine.site
        mine.hold_ms += round(leg.held_s * 1000)
        if not parts.is_outbound(leg):
            mine.inbound_ms += round(leg.call_s * 1000)
        elif leg.leg or not no_call:
            mine.outbound_ms += round(leg.call_s * 1000)
    for each in record.parkings:
        if each.user:
            counts[each.user].park_ms += round(length_s((each,)) * 1000)


def _report(person: Person, count: _Count) -> UserReport:
    talked, call_ms = count.answered + count.completed, count.inbound_ms + count.outbound_ms
    return UserReport(
        user=person.user,
        name=person.name,
        extension=person.extension,
        total=count.inbound + count.outbound,
        inbound=count.inbound,
        unique_inbound=len(count.callers),
        outbound=count.outbound,
        unique_outbound=len(count.dialled),
        answered=count.answered,
        completed=count.completed,
        voicemail=count.voicemail,
        answered_by_others=count.answered_by_others,
        missed_percent=parts.percent(count.inbound - count.completed - count.answered_by_others, count.inbound),
        average_s=round(call_ms / talked / 1000, 1) if talked else None,
        call_s=call_ms / 1000,
        inbound_s=count.inbound_ms / 1000,
        outbound_s=count.outbound_ms / 1000,
        hold_s=count.hold_ms / 1000,
        park_s=count.park_ms / 1000,
        group=person.group,
        site=person.site or count.site,
    )
