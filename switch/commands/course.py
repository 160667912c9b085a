"""The course of one call for a person: what it came to and who talked with whom, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from switch.commands.common import duration

if TYPE_CHECKING:
    from records.cdr import CallRecord, Instant, LegRecord, Parking, Queued, Stop, Talk


class Line(NamedTuple):
    """Something that happened: at an instant, or until another."""

    since: Instant
    until: Instant | None
    text: str


def course(record: CallRecord) -> list[tuple[str, str, str]]:
    """Since when (as the call's own time), for how long, and what; what has no length has none."""
    lines = sorted(_lines(record), key=lambda line: line.since)
    return [
        (
            duration((line.since - record.started_at).total_seconds()),
            "" if line.until is None else duration((line.until - line.since).total_seconds()),
            line.text,
        )
        for line in lines
    ]


def _lines(record: CallRecord) -> Iterator[Line]:
    names = {leg.leg: _name(leg) for leg in record.legs}
    yield from (Line(stop.at, None, _stop(stop)) for stop in record.path)
    yield from (Line(each.since, each.until, _talk(each, names)) for each in record.talks)
    for leg in record.legs:
        yield from _of_leg(leg, names[leg.leg])
    yield from (Line(each.since, each.until, _parked(each)) for each in record.parkings)
    yield from (Line(each.since, each.until, _queued(each, names)) for each in record.queued)
    yield from (Line(each.at, None, f"account {each.account or 'none'}{_by(each.by)}") for each in record.accounts)
    for recorded in record.recordings:
        if recorded.file:  # of those that did not begin, the facts say why
            until = recorded.over_at or record.ended_at
            yield Line(recorded.at, until, f"recorded{_by(recorded.by)}: {recorded.file}")


def _of_leg(leg: LegRecord, name: str) -> Iterator[Line]:
    yield from (Line(each.since, each.until, f"{name} keeps the other side on hold") for each in leg.holds)
    if leg.of:
        yield Line(leg.started_at, None, f"{name} comes out of call {leg.of}")
    if leg.to and leg.ended_at is not None:
        yield Line(leg.ended_at, None, f"{name} goes into call {leg.to}")


_HOW = {"no_answer": "no answer", "outage": "out of reach", "timeout": "nothing chosen", "invalid": "nothing valid"}


_PLAIN = {
    "called": "calls {}",
    "answered": "{} answers",
    "joined": "{} joins",
    "added": "{} is rung as a third party",
    "parked": "parked in {}",
}
_VERBS = {"replanned": "goes on", "fallback": "falls back", "chosen": "goes on"}


def _stop(stop: Stop) -> str:
    why = f" ({_HOW.get(stop.why, stop.why)})" if stop.why else ""
    if stop.how in _PLAIN:
        return _PLAIN[stop.how].format(stop.entity)
    return f"{_VERBS.get(stop.how, stop.how)}{_by(stop.by)}{why} to {stop.entity}"


def _talk(talk: Talk, names: dict[int, str]) -> str:
    who = " and ".join(names.get(leg, "?") for leg in talk.legs)
    if talk.kind == "talk":
        return f"{who} talk"
    return f"{who} in {talk.what}" if talk.kind == "room" else f"{who} with {talk.what}"


def _parked(each: Parking) -> str:
    to = f" by {_short(each.to)}" if each.to and each.how == "retrieved" else ""
    return f"parked in {each.lot}/{each.slot}{_by(each.by)}, {each.how}{to}"


def _queued(each: Queued, names: dict[int, str]) -> str:
    offers = f", offered to {_several(names.get(leg, '?') for leg in each.offers)}" if each.offers else ""
    return f"waits in queue {each.queue}{offers}, {each.how}{f' to {each.to}' if each.to else ''}"


def _several(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _name(leg: LegRecord) -> str:
    name = leg.user or _short(leg.target) or "?"
    return f"the caller ({name})" if leg.leg == 0 else name


def _short(text: str) -> str:
    return text.partition(":")[2] or text


def _by(who: str) -> str:
    return f" by {_short(who)}" if who else ""
