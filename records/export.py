"""Records for other programs: CSV (a line a call) and JSON Lines (a call with all that is known of it).

The columns are a promise: none is renamed or taken away, new ones come at the end. Instants are UTC in RFC 3339 form,
times in seconds. What a person writes can become a formula in a spreadsheet, as a caller's name that begins with an
equals sign; such a text gets an apostrophe before it in CSV (and in CSV only).
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import asdict

from records.cdr import CallRecord

Row = Mapping[str, Any]

_PLAIN = (
    *("call", "started_at", "rang_at", "answered_at", "ended_at", "duration_s", "ring_s", "talk_s", "device", "line"),
    *("trunk", "caller_number", "caller_name", "dialled", "number", "answered_target", "service", "emergency"),
    *("result", "reason", "sip_status", "recovered", "sip_call_id"),
)
_MADE: Mapping[str, Callable[[CallRecord], Any]] = {
    "decisions": lambda record: record.model,
    "hidden": lambda record: record.hidden,
    "account": lambda record: record.account,
    "held_s": lambda record: record.held_s,
    "forwards": lambda record: len(record.forwards) + len(record.passed),
    "transfers": lambda record: len(record.transfers),
    "recordings": lambda record: " ".join(each.file for each in record.recordings if each.file),
    "legs": lambda record: len(record.legs),
    **{name: attrgetter(name) for name in ("user", "site", "entity", "direction", "outside", "parked_s")},
    "path": lambda record: " ".join(entity for entity, _ in groupby(stop.entity for stop in record.path)),
    "cost": lambda record: next(iter(record.costs.values())) / 1_000_000 if len(record.costs) == 1 else None,
    "currency": lambda record: " ".join(record.costs),
    "units": lambda record: sum(each.units for each in record.charges),
    "estimate": lambda record: any(each.estimate for each in record.charges if each.cost is not None),
}
COLUMNS = (*_PLAIN, *_MADE)
"""Of the CSV, in their order. The cost of a call that was charged in several currencies stands in the JSON alone."""
_INNER = ("n", "last_at", "model", "now")
_RECKONED = ("duration_s", "ring_s", "talk_s", "direction", "outside", "held_s", "parked_s", "costs")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?")


def row(record: CallRecord) -> dict[str, Any]:
    """One call by `COLUMNS`, values as they are."""
    plain = {name: getattr(record, name) for name in _PLAIN}
    return plain | {name: made(record) for name, made in _MADE.items()}


def whole(record: CallRecord) -> dict[str, Any]:
    """One call with its legs and all the rest, for JSON. Lengths that are reckoned from instants come with it."""
    kept = {name: value for name, value in asdict(record).items() if name not in _INNER}
    return kept | {
        "forwards": [asdict(each) for each in record.forwards],
        "legs": [
            asdict(leg) | {"held_s": leg.held_s, "call_s": leg.call_s, "talk_s": record.talked_s(leg.leg)}
            for leg in record.legs
        ],
        "decisions": record.model,
        **{name: getattr(record, name) for name in _RECKONED},
    }


def defused(value: object) -> object:
    """The text as no spreadsheet takes it for a formula; a telephone number stays as it is."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def csv_text(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    """CSV (RFC 4180) line by line, the names of the columns first."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for each in rows:
        yield _taken(out)
        writer.writerow([_cell(each[name]) for name in columns])
    yield _taken(out)


def json_lines(values: Iterable[object]) -> Iterator[str]:
    """A line of JSON each."""
    encode = msgspec.json.Encoder().encode
    for each in values:
        yield encode(each).decode() + "\n"


def _cell(value: Any) -> Any:
    """As the JSON has it: instants in UTC with a Z, true and false in small letters. Several are apart by blanks."""
    kind = type(value)
    if kind is str:
        return defused(value)
    if kind is float or kind is int or value is None:
        return value
    if isinstance(value, datetime.datetime):
        return msgspec.to_builtins(value.astimezone(datetime.UTC))
    if kind is tuple:
        return defused(" ".join(map(str, value)))
    if kind is dict:
        return defused(" ".join(f"{name}={each}" for name, each in value.items()))
    return str(value).lower() if kind is bool else defused(str(value))


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
