"""The course of a call as columns and back: its path, who talked with whom, holds, park slots, and whom it concerns.

Most calls are alike: called, answered, talked until the end. What can be reckoned so from the other columns is left
empty; NULL is of rows that an older version has written, which did not know.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from records.cdr import CallRecord, LegRecord, Parking, Queued, Span, Stop, Talk
from records.text import clean, to_json

_MILLISECOND = datetime.timedelta(milliseconds=1)


def course_row(record: CallRecord) -> tuple[Any, ...]:
    """The columns of `calls` from `user_line` to `queued`. What is out of the configuration needs no cleaning."""
    path, talks = record.path, record.talks
    return (
        record.user,
        record.site,
        clean(record.entity),
        record.direction,
        record.outside,
        round(record.held_s * 1000),
        round(record.parked_s * 1000) if record.parkings else 0,
        "" if path == usual_path(record) else _json(path),
        "" if talks == usual_talks(record) else _json(talks),
        _json(record.parkings) if record.parkings else "",
        _json(record.queued) if record.queued else "",
    )


def leg_row(leg: LegRecord, talked: datetime.timedelta) -> tuple[Any, ...]:
    """The columns of `call_legs` from `user_line` to `holds`."""
    return (
        leg.user,
        leg.site,
        leg.device,
        leg.for_,
        leg.payer,
        clean(leg.number),
        f"{leg.of}/{leg.was}" if leg.of else "",
        f"{leg.to}/{leg.becomes}" if leg.to else "",
        talked // _MILLISECOND,
        _json(leg.holds) if leg.holds else "",
    )


def usual_path(record: CallRecord) -> tuple[Stop, ...]:
    """The path of a call that was answered by the first one it came to."""
    if not record.entity:
        return ()
    called = Stop(record.started_at, record.entity, "called")
    leg, at = _answerer(record), record.answered_at
    return (called, Stop(at, leg.entity, "answered")) if leg is not None and at is not None else (called,)


def usual_talks(record: CallRecord) -> tuple[Talk, ...]:
    """The talks of a call in which the caller talked with one alone, from the answer to the end."""
    leg, since, until = _answerer(record), record.answered_at, record.ended_at
    return (Talk(since, until, (0, leg.leg)),) if leg is not None and since is not None and since != until else ()


def _answerer(record: CallRecord) -> LegRecord | None:
    at = record.answered_at
    return next((leg for leg in record.legs if leg.leg and leg.answered_at == at), None) if at is not None else None


def with_course(record: CallRecord, row: Any) -> CallRecord:
    """The record with what `course_row` wrote; its other columns and its legs are in it already."""
    record = replace(record, user=row["user_line"], site=row["site"], entity=row["entity"])
    path, talks, parkings = row["path"], row["talks"], row["parkings"]
    if path is not None:
        path = msgspec.json.decode(path, type=tuple[Stop, ...]) if path else usual_path(record)
    if talks is not None:
        talks = msgspec.json.decode(talks, type=tuple[Talk, ...]) if talks else usual_talks(record)
    stays = msgspec.json.decode(parkings, type=tuple[Parking, ...]) if parkings else ()
    queued = msgspec.json.decode(row["queued"], type=tuple[Queued, ...]) if row["queued"] else ()
    return replace(record, path=path or (), talks=talks or (), parkings=stays, queued=queued)


def with_leg_course(leg: LegRecord, row: Any) -> LegRecord:
    """The leg with what `leg_row` wrote."""
    of, was = _call_and_leg(row["came_from"])
    to, becomes = _call_and_leg(row["gone_to"])
    return replace(
        leg,
        device=row["device"],
        user=row["user_line"],
        site=row["site"],
        for_=row["for_line"],
        payer=row["payer"],
        number=row["number"],
        of=of,
        was=was,
        to=to,
        becomes=becomes,
        holds=_holds(leg, row),
    )


def _holds(leg: LegRecord, row: Any) -> tuple[Span, ...]:
    if row["holds"]:
        return msgspec.json.decode(row["holds"], type=tuple[Span, ...])
    if not row["held_ms"]:
        return ()
    # An older version has kept the length alone.
    since = leg.answered_at or leg.started_at
    return (Span(since, since + datetime.timedelta(milliseconds=row["held_ms"])),)


def _call_and_leg(text: str) -> tuple[str, int]:
    call, _, leg = text.rpartition("/")
    return (call, int(leg)) if call else ("", -1)


def _json(value: object) -> str:
    return to_json(value).decode()
