"""Call records to rows and back."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from records.cdr import Account, Asked, CallRecord, Instant, LegRecord, Mark, Passed, Recorded, Transfer
from records.charges import Charge
from records.events import Forwarded, RecordingRendered
from records.store.course import course_row, leg_row, with_course, with_leg_course
from records.text import clean, to_json


class Besides(msgspec.Struct, frozen=True, omit_defaults=True):
    """What else a decision was made with, as in `records.events.CallStarted`: the column `asked`."""

    hops: int = 0
    proven: bool = True
    attested: bool = False


USUAL = Besides()
_UTC = datetime.UTC
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
_NONE = datetime.timedelta()


def us(at: Instant) -> int:
    """Unix microseconds."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _us_or_none(at: Instant | None) -> int | None:
    return None if at is None else us(at)


def instant(value: int) -> Instant:
    """The instant, in UTC."""
    return _EPOCH + datetime.timedelta(microseconds=value)


def _instant_or_none(value: int | None) -> Instant | None:
    return None if value is None else _EPOCH + datetime.timedelta(microseconds=value)


def call_row(record: CallRecord) -> tuple[Any, ...]:
    """The row of a finished call, in the order of the table's columns (a tuple is what costs least to insert)."""
    begun, ended = us(record.started_at), us(record.ended_at or record.last_at)
    rang, answered = _us_or_none(record.rang_at), _us_or_none(record.answered_at)
    return (
        record.call,
        record.n,
        record.complete,
        begun,
        rang,
        answered,
        ended,
        (ended - begun) // 1000,
        0 if rang is None else ((ended if answered is None else answered) - rang) // 1000,
        0 if answered is None else (ended - answered) // 1000,
        record.device,  # what is out of the configuration needs no cleaning
        record.line,
        record.trunk,
        clean(record.caller_number),
        clean(record.caller_name),
        clean(record.dialled),
        clean(record.number),
        record.emergency,
        record.answered_target,
        clean(record.answered_contact),
        clean(record.service),
        record.result,
        record.reason,
        record.sip_status,
        record.recovered,
        clean(record.sip_call_id),
        record.model,
        _json(record.because) if record.because else "",
        record.hidden,
        _forwards(record) if record.forwards else "",
        _json(record.passed) if record.passed else "",
        clean(record.account),
        record.facts,
        _asked(record),
        _json(record.again) if record.again else "",
        _json(record.transfers) if record.transfers else "",
        _json(record.recordings) if record.recordings else "",
        *_cost_row(record),
        *course_row(record),
    )


_FREE = ("", "", "", None, "", 0)


def _cost_row(record: CallRecord) -> tuple[str, str, str, int | None, str, int]:
    """Charges, account codes, marks, cost, its currency, and charge units. There is no sum of several currencies."""
    if not (record.charges or record.accounts or record.marks):
        return _FREE
    costs = record.costs
    currency, cost = next(iter(costs.items())) if len(costs) == 1 else ("", None)
    return (
        _json(record.charges) if record.charges else "",
        _json(record.accounts) if record.accounts else "",
        _json(record.marks) if record.marks else "",
        cost,
        clean(currency),
        sum(each.units for each in record.charges),
    )


def _json(value: object) -> str:
    return to_json(value).decode()


def _asked(record: CallRecord) -> str:
    """What else the decision was made with, where it is not as usual."""
    asked = Besides(record.hops, record.proven, record.attested)
    return "" if asked == USUAL else msgspec.json.encode(asked).decode()


def _forwards(record: CallRecord) -> str:
    cleaned = [
        replace(each, number=clean(each.number), name=clean(each.name), reason=clean(each.reason))
        for each in record.forwards
    ]
    return msgspec.json.encode(cleaned).decode()


def file_row(file: RecordingRendered) -> dict[str, Any]:
    """The row of a recording's file."""
    return {
        "file": clean(file.file),
        "call": file.call,
        "sha256": file.sha256,
        "octets": file.octets,
        "duration_ms": round(file.duration_s * 1000),
        "rate": file.rate,
        "sides": file.sides,
        "began_at": us(file.began_at),
        "packets": file.packets,
        "lost": file.lost,
        "rendered_at": us(file.at),
        "wrong": clean(file.wrong),
    }


def file_of(row: Any) -> RecordingRendered:
    """The same, back."""
    return RecordingRendered(
        row["call"],
        row["file"],
        row["sha256"],
        row["octets"],
        row["duration_ms"] / 1000,
        row["rate"],
        row["sides"],
        instant(row["began_at"]),
        row["packets"],
        row["lost"],
        instant(row["rendered_at"]),
        row["wrong"],
    )


def leg_rows(record: CallRecord) -> list[tuple[Any, ...]]:
    """The rows of a finished call's legs, in the order of the table's columns."""
    talked: dict[int, datetime.timedelta] = {}
    for talk in record.talks:
        if talk.kind != "service" and talk.until is not None:
            for number in talk.legs:
                talked[number] = talked.get(number, _NONE) + (talk.until - talk.since)
    return [
        (
            record.call,
            leg.leg,
            leg.target,
            clean(leg.contact),
            us(leg.started_at),
            _us_or_none(leg.rang_at),
            _us_or_none(leg.answered_at),
            _us_or_none(leg.ended_at),
            round(leg.held_s * 1000) if leg.holds else 0,
            leg.result,
            leg.reason,
            leg.sip_status,
            clean(leg.cause),
            *leg_row(leg, talked.get(leg.leg, _NONE)),
        )
        for leg in record.legs
    ]


def user_rows(record: CallRecord) -> list[tuple[Any, ...]]:
    """The rows of `call_users`: whom the call concerns, and as what (`CallRecord.users`)."""
    started_at, call = us(record.started_at), record.call
    return [(clean(user), started_at, call, role) for user, role in record.users().items()]


def record_of(row: Any, legs: Iterable[Any]) -> CallRecord:
    """The record out of its row and those of its legs (both as mappings)."""
    asked = msgspec.json.decode(row["asked"], type=Besides) if row["asked"] else USUAL
    record = CallRecord(
        call=row["call"],
        n=row["n"],
        last_at=instant(row["ended_at"]),
        started_at=instant(row["started_at"]),
        complete=bool(row["complete"]),
        rang_at=_instant_or_none(row["rang_at"]),
        answered_at=_instant_or_none(row["answered_at"]),
        ended_at=_instant_or_none(row["ended_at"]),
        because=tuple(msgspec.json.decode(row["because"], type=list[tuple[str, str]])) if row["because"] else (),
        hidden=bool(row["hidden"]),
        forwards=msgspec.json.decode(row["forwards"], type=tuple[Forwarded, ...]) if row["forwards"] else (),
        passed=msgspec.json.decode(row["passed"], type=tuple[Passed, ...]) if row["passed"] else (),
        account=row["account"],
        facts=row["facts"],
        hops=asked.hops,
        proven=asked.proven,
        attested=asked.attested,
        again=msgspec.json.decode(row["again"], type=tuple[Asked, ...]) if row["again"] else (),
        transfers=msgspec.json.decode(row["transfers"], type=tuple[Transfer, ...]) if row["transfers"] else (),
        recordings=msgspec.json.decode(row["recordings"], type=tuple[Recorded, ...]) if row["recordings"] else (),
        charges=msgspec.json.decode(row["charges"], type=tuple[Charge, ...]) if row["charges"] else (),
        marks=msgspec.json.decode(row["marks"], type=tuple[Mark, ...]) if row["marks"] else (),
        accounts=msgspec.json.decode(row["accounts"], type=tuple[Account, ...]) if row["accounts"] else (),
        emergency=bool(row["emergency"]),
        recovered=bool(row["recovered"]),
        legs=tuple(_leg_of(leg) for leg in legs),
        **{name: row[name] for name in _PLAIN},
    )
    return with_course(record, row)


_PLAIN = (
    "device",
    "line",
    "trunk",
    "caller_number",
    "caller_name",
    "dialled",
    "number",
    "answered_target",
    "answered_contact",
    "service",
    "result",
    "reason",
    "sip_status",
    "sip_call_id",
    "model",
)


def _leg_of(row: Any) -> LegRecord:
    leg = LegRecord(
        leg=row["leg"],
        target=row["target"],
        contact=row["contact"],
        started_at=instant(row["started_at"]),
        rang_at=_instant_or_none(row["rang_at"]),
        answered_at=_instant_or_none(row["answered_at"]),
        ended_at=_instant_or_none(row["ended_at"]),
        result=row["result"],
        reason=row["reason"],
        sip_status=row["sip_status"],
        cause=row["cause"],
    )
    return with_leg_course(leg, row)
