"""What was recorded: totals (RRP-1 to 5), by user (6 to 13), by call (14 to 22), by recording (23 to 30)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec

from records.cdr import CallRecord, Instant, Recorded
from records.owners import POLICY, owner_of
from records.reports import parts
from records.reports.people import Person
from records.viewer import Viewer, may_see_reports

AUTOMATIC, AD_HOC = "automatic", "ad_hoc"


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """RRP-1 `users_automatic`, 2 `users_on_demand`, 3 `recorded`, 4 `unrecorded` (both of the `answered` calls), 5
    `unmarked` (of the `recordings`, those not marked for deletion). Percentages are None of nothing."""

    users_automatic: int
    users_on_demand: int
    answered: int
    recorded: int
    recorded_percent: float | None
    unrecorded: int
    unrecorded_percent: float | None
    recordings: int
    unmarked: int
    unmarked_percent: float | None


class UserRecordings(msgspec.Struct, frozen=True, kw_only=True):
    """RRP-6 to 13. `calls` are all calls of the user (UPR-1), `recordings` those that the user owns."""

    user: str
    name: str
    extension: str
    ad_hoc: int
    automatic: int
    calls: int
    recordings: int
    site: str
    group: str


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """RRP-14 `reach` (external or internal), 15 `caller`, 16 `callee`, 17 `started_at`, 18 `direction` (inbound,
    outbound or internal), 19 `result`, 20 `duration_s`, 21 `site`, 22 `path`: what the call came to, in its order."""

    call: str
    reach: str
    caller: str
    callee: str
    started_at: Instant
    direction: str
    result: str
    duration_s: float
    site: str
    path: tuple[str, ...]
    recordings: int


class RecordingRow(msgspec.Struct, frozen=True, kw_only=True):
    """RRP-23 `direction`, 24 `caller`, 25 `callee`, 26 `owner`, 27 `owner_type`, 28 `at`, 29 `kind` (automatic or
    ad_hoc), 30 `site`. `marked`: it is to be deleted."""

    call: str
    file: str
    direction: str
    caller: str
    callee: str
    owner: str
    owner_type: str
    at: Instant
    kind: str
    site: str
    marked: bool


USER_COLUMNS = UserRecordings.__struct_fields__
CALL_COLUMNS = RecordedCall.__struct_fields__
FILE_COLUMNS = RecordingRow.__struct_fields__


class RecordingReport(msgspec.Struct, frozen=True):
    """All of it but the single calls and recordings."""

    totals: Totals
    users: list[UserRecordings]


def recordings(
    records: Iterable[CallRecord], people: Sequence[Person], viewer: Viewer, marked: Container[str] = ()
) -> RecordingReport:
    """Totals and users. `marked` are the files that are marked for deletion. Raises NotPermitted."""
    may_see_reports(viewer)
    answered = recorded = files = unmarked = 0
    calls, owned, sites = Counter[str](), Counter[tuple[str, str]](), {}
    for record in records:
        made = kept(record)
        answered += record.answered_at is not None
        recorded += record.answered_at is not None and bool(made)
        files += len(made)
        unmarked += sum(each.file not in marked for each in made)
        placed = parts.outbound(record)
        calls.update({*parts.inbound(record), placed} - {""})
        for each in made:
            kind, name = owner_of(record, each)
            if kind == "user":
                owned[name, kind_of(each)] += 1
        sites.update({leg.user: leg.site for leg in record.legs if leg.user and leg.site})
    known = {each.user: each for each in people}
    found = sorted({*known, *calls, *(name for name, _ in owned)})
    return RecordingReport(
        Totals(
            users_automatic=sum(each.automatic for each in people),
            users_on_demand=sum(each.on_demand for each in people),
            answered=answered,
            recorded=recorded,
            recorded_percent=parts.percent(recorded, answered),
            unrecorded=answered - recorded,
            unrecorded_percent=_rest(parts.percent(recorded, answered)),
            recordings=files,
            unmarked=unmarked,
            unmarked_percent=parts.percent(unmarked, files),
        ),
        [_user(known.get(user) or Person(user=user), owned, calls[user], sites.get(user, "")) for user in found],
    )


def recorded_calls(records: Iterable[CallRecord], viewer: Viewer) -> Iterator[RecordedCall]:
    """Each call, recorded or not. Raises NotPermitted."""
    may_see_reports(viewer)
    return map(_call, records)


def recording_rows(
    records: Iterable[CallRecord], people: Iterable[Person], viewer: Viewer, marked: Container[str] = ()
) -> Iterator[RecordingRow]:
    """Each recording. Raises NotPermitted."""
    may_see_reports(viewer)
    common = frozenset(each.user for each in people if each.common_area)
    return (_row(record, each, common, marked) for record in records for each in kept(record))


def kept(record: CallRecord) -> list[Recorded]:
    """The recordings of the call that there are: not those that could not be begun."""
    return [each for each in record.recordings if each.file]


def kind_of(recorded: Recorded) -> str:
    """By a rule, or because somebody asked for it (REC-5)."""
    return AUTOMATIC if recorded.by == POLICY else AD_HOC


def _rest(share: float | None) -> float | None:
    """RRP-3 and RRP-4 are 100 percent, however they are rounded."""
    return None if share is None else round(100 - share, 1)


def _call(record: CallRecord) -> RecordedCall:
    return RecordedCall(
        call=record.call,
        reach="external" if record.outside or record.trunk else "internal",
        caller=parts.caller(record),
        callee=record.number or record.dialled,
        started_at=record.started_at,
        direction=record.direction,
        result=record.result,
        duration_s=record.duration_s,
        site=record.site,
        path=tuple(stop.entity for stop in record.path),
        recordings=len(kept(record)),
    )


def _row(record: CallRecord, recorded: Recorded, common: Container[str], marked: Container[str]) -> RecordingRow:
    kind, name = owner_of(record, recorded)
    return RecordingRow(
        call=record.call,
        file=recorded.file,
        direction=record.direction,
        caller=parts.caller(record),
        callee=record.number or record.dialled,
        owner=name,
        owner_type="common_area" if kind == "user" and name in common else kind,
        at=recorded.at,
        kind=kind_of(recorded),
        site=next((leg.site for leg in record.legs if leg.user == name and leg.site), record.site),
        marked=recorded.file in marked,
    )


def _user(person: Person, owned: Counter[tuple[str, str]], calls: int, site: str) -> UserRecordings:
    ad_hoc, automatic = owned[person.user, AD_HOC], owned[person.user, AUTOMATIC]
    return UserRecordings(
        user=person.user,
        name=person.name,
        extension=person.extension,
        ad_hoc=ad_hoc,
        automatic=automatic,
        calls=calls,
        recordings=ad_hoc + automatic,
        site=person.site or site,
        group=person.group,
    )
