"""Lists of past calls for `ringplan diff`: CSV, JSON or JSON Lines, our own exports and those of other exchanges.

Three columns are needed, under these or other usual names: `at`, `from` and `to`. Who called is looked up in each of
the two configurations: an extension, a user, a line, a device or a number of the house; else it is a number outside,
and the call came in by a trunk. What `ringplan history --json` writes has more, so its calls are decided exactly as
they were.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dialplan.destinations import To
from dialplan.hours import zone_of
from dialplan.model import Model
from dialplan.plan import CallRequest
from switch.past import Question, question_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "at": ("at", "started_at", "start", "started", "calldate", "date_time", "datetime", "timestamp", "time", "date"),
    "from": ("from", "caller_number", "caller", "calling", "src", "source"),
    "to": ("to", "dialled", "dialed", "called", "dst", "destination", "number", "callee"),
    "call": ("call", "id", "call_id", "uniqueid"),
    **{name: (name,) for name in ("device", "line", "trunk", "caller_name", "account", "facts")},
    **{name: (name,) for name in ("hops", "proven", "attested")},
}
"""By what it is for, the names that a column may have; the first that is there counts."""
NEEDED = ("at", "from", "to")
MAX_BYTES = 256 * 1024 * 1024
SHORT = 6
"""A number of so many digits that nobody in the house has was one of the house once, not a number outside."""
_DELIMITERS = ",;\t|"
_EPOCH = re.compile(r"\d{9,11}(\.\d+)?", re.ASCII)


class Listed(NamedTuple):
    """One call of a list. `place` says where it stands, `row` has its fields by their roles. `at` without a zone is
    meant in that of the configuration."""

    place: str
    at: datetime.datetime
    row: Mapping[str, str]


class CallList(NamedTuple):
    """What could be read, and what is wrong with other rows, as `FILE:LINE: what`."""

    calls: list[Listed]
    problems: list[str]


class CallListError(ValueError):
    """The whole file cannot be used; the message says why."""


def read(path: Path) -> CallList:
    """Read a list. Raises CallListError and OSError."""
    if path.stat().st_size > MAX_BYTES:
        raise CallListError(f"{path}: more than {MAX_BYTES >> 20} MiB")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    rows = _json_rows(text, path) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text, path)
    calls, problems = [], []
    for line, row in rows:
        place = f"{path}:{line}"
        try:
            calls.append(Listed(place, _instant(row.get("at", "")), row))
        except ValueError:
            problems.append(f"{place}: {row.get('at', '')!r} is no time; write 2026-11-22 08:30 or 2026-11-22T08:30Z")
            continue
        if not row.get("to"):
            problems.append(f"{place}: nothing was dialled")
            calls.pop()
    return CallList(calls, problems)


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    heading = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=heading.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        columns = _columns([name.strip().lower().replace(" ", "_") for name in next(reader, [])], path)
        before = reader.line_num
        for fields in reader:
            line, before = before + 1, reader.line_num
            if any(fields):
                yield line, {role: fields[at].strip() for role, at in columns.items() if at < len(fields)}
    except csv.Error as error:
        raise CallListError(f"{path}:{reader.line_num}: {error}") from None


def _columns(names: list[str], path: Path) -> dict[str, int]:
    found = {}
    for role, usual in COLUMNS.items():
        at = next((names.index(name) for name in usual if name in names), None)
        if at is not None:
            found[role] = at
    missing = [role for role in NEEDED if role not in found]
    if missing:
        wanted = ", ".join(f"`{role}` (or {', '.join(COLUMNS[role][1:4])})" for role in missing)
        raise CallListError(f"{path}:1: a column is missing in the heading: {wanted}")
    return found


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if text.lstrip()[0] == "[":
            found: Iterable[tuple[int, Any]] = enumerate(msgspec.json.decode(text), 1)
        else:
            lines = enumerate(text.split("\n"), 1)
            found = [(line, msgspec.json.decode(each)) for line, each in lines if each.strip()]
    except msgspec.DecodeError as error:
        raise CallListError(f"{path}: {error}") from None
    for line, each in found:
        if not isinstance(each, dict):
            raise CallListError(f"{path}:{line}: an object with at, from and to is wanted")
        keys = {role: next((name for name in usual if name in each), None) for role, usual in COLUMNS.items()}
        yield line, {role: _text(each[key]) for role, key in keys.items() if key is not None}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _instant(text: str) -> datetime.datetime:
    """Raises ValueError."""
    if _EPOCH.fullmatch(text):
        return datetime.datetime.fromtimestamp(float(text), datetime.UTC)
    return datetime.datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))


class Callers:
    """Who is meant by what a list says, in one model. `zone` is what times without one are read in."""

    def __init__(self, model: Model, zone: str) -> None:
        self._model = model
        self._zone = zone_of(zone)
        self._devices: dict[str, str] = {}
        for device in model.devices.values():
            for line in device.lines:
                self._devices.setdefault(line, device.id)
        for device in model.devices.values():  # who carries it first is whose it is
            if device.lines and model.devices[self._devices[device.lines[0]]].lines[0] != device.lines[0]:
                self._devices[device.lines[0]] = device.id

    def question(self, listed: Listed) -> Question | None:
        """The call as a question to the planner; None when nobody could have made it."""
        row = listed.row
        at = listed.at if listed.at.tzinfo is not None else listed.at.replace(tzinfo=self._zone)
        caller = self._exactly(row) if row.get("device") or row.get("trunk") else self._looked_up(row.get("from", ""))
        if caller is None:
            return None
        request = CallRequest(
            digits=row["to"],
            at=at,
            caller_name=row.get("caller_name") or None,
            proven=row.get("proven") != "false",
            attested=row.get("attested") == "true",
            hops=int(hops) if (hops := row.get("hops", "")).isdecimal() else 0,
            account=row.get("account", ""),
            **caller,
        )
        return question_of(row.get("call") or listed.place, request, row.get("facts", ""))

    def _exactly(self, row: Mapping[str, str]) -> dict[str, Any]:
        device = row.get("device") or None
        return {
            "device": device,
            "line": (row.get("line") or None) if device else None,
            "trunk": None if device else row["trunk"],
            "caller_number": row.get("from") or None,
        }

    def _looked_up(self, name: str) -> dict[str, Any] | None:
        model = self._model
        if name in model.devices:
            return {"device": name}
        for to in (model.extensions.get(name), model.dids.get(name), model.dids.get(f"+{name}")):
            if to is not None and to.kind is To.USER:
                name = to.name
                break
        if name in model.lines:
            return {"device": self._devices[name], "line": name} if name in self._devices else None
        digits = sum(each.isdecimal() for each in name)
        trunk = model.default_trunk or next(iter(model.trunks), None)
        if trunk is None or 0 < digits <= SHORT:
            return None
        return {"trunk": trunk, "caller_number": name if digits else None}
