"""Pretended facts, and how people write them: `anna.dnd=on,ben.calls=2,sales.cursor=3,account.minutes_day=600`.

    NAME.dnd              on, off
    NAME.forward.WHEN     busy, no_answer, outage, always: a destination; `none` switches off what is configured
    NAME.forward.after    a time, such as 20s
    NAME.calls            how many calls the line has now
    NAME.idle             how long ago its last call ended, such as 10m
    NAME.out              groups, queues or delegators whose calls the user has opted out of: sales+support
    NAME.called_for_help  how long ago it made an emergency call
    NAME.external, .minutes_hour, .minutes_day, .cost_hour, .cost_day    what it has called outside (see `lines.Quotas`)
    account.external, …   the same of all lines together
    DEVICE.locked         on: the telephone is locked
    GROUP.cursor          how many calls a rotating group has had

These are the words of `ringplan set` where a user can set them. NAME is that of a line, DEVICE of a telephone and GROUP
of a ring group.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from dialplan.destinations import NOWHERE, Destination, of_text
from dialplan.facts import NO_FACTS, Condition, Facts, LineFacts
from dialplan.pretend import ScriptError
from dialplan.rates import MICRO

_FORWARDS = {f"forward.{each.value}": each for each in Condition}
_COUNTS = ("external", "minutes_hour", "minutes_day", "cost_hour", "cost_day")
KEYS = ("dnd", *_FORWARDS, "forward.after", "calls", "idle", "out", "called_for_help", *_COUNTS, "locked", "cursor")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h|d)", re.ASCII)


class Names(NamedTuple):
    """The lines, devices and ring groups that there are."""

    lines: Collection[str]
    devices: Collection[str]
    groups: Collection[str]


def pairs(text: str) -> dict[str, str]:
    """Split `anna.dnd=on,ben.calls=2`. Raises ScriptError."""
    found: dict[str, str] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        key, equals, value = entry.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ScriptError(f"{entry!r}: write NAME.FACT=VALUE, such as anna.dnd=on")
        if key.strip() in found:
            raise ScriptError(f"{key.strip()!r} is there twice")
        found[key.strip()] = value.strip()
    return found


def split(key: str) -> tuple[str, str]:
    """Name and fact out of `anna.forward.busy`. Raises ScriptError for a fact that nobody knows."""
    for fact in KEYS:
        name = key.removesuffix("." + fact)
        if name != key and name:
            return name, fact
    name, _, fact = key.partition(".")
    near = difflib.get_close_matches(fact, KEYS, 1)
    hint = f"; did you mean {name}.{near[0]}?" if near else "; a fact is one of " + ", ".join(KEYS)
    raise ScriptError(f"{key!r}: there is no such fact{hint}")


def facts(
    given: Mapping[str, str],
    at: datetime.datetime,
    names: Names,
    *,
    draw: float = 0.0,
    base: Facts | None = None,
) -> Facts:
    """Facts of these words, at that instant, on top of `base`. Raises ScriptError."""
    found: dict[str, dict[str, Any]] = {}
    account: dict[str, Any] = {}
    cursors = dict(base.cursors) if base is not None else {}
    for key, value in given.items():
        name, fact = split(key)
        if fact == "cursor":
            name = _known(name.removeprefix("ring_group:"), "ring group", names.groups)
            cursors[name] = int(_number(key, value))
        elif fact == "locked":
            name = _known(name.removeprefix("device:"), "device", names.devices)
            found.setdefault(f"device:{name}", {})["locked"] = _switch(key, value)
        elif name == "account" and fact in _COUNTS:
            account.update(_line_fact(key, fact, value, at, account))
        else:
            name = _known(name.removeprefix("user:"), "line", names.lines)
            known = found.setdefault(name, {})
            known.update(_line_fact(key, fact, value, at, known))
    if base is None:
        base = NO_FACTS
    made = {name: msgspec.structs.replace(base.line(name), **values) for name, values in found.items()}
    lines = _Over(made, base.lines) if base.lines else made
    return Facts(lines=lines, cursors=cursors, account=msgspec.structs.replace(base.account, **account), draw=draw)


class _Over(Mapping[str, LineFacts]):
    """Facts that go before others, which may be looked up only when they are asked for."""

    __slots__ = ("_below", "_made")

    def __init__(self, made: Mapping[str, LineFacts], below: Mapping[str, LineFacts]) -> None:
        self._made, self._below = made, below

    def __getitem__(self, name: str) -> LineFacts:
        return self._made[name] if name in self._made else self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._made), **dict.fromkeys(self._below)})

    def __len__(self) -> int:
        return len({*self._made, *self._below})


def _line_fact(key: str, fact: str, value: str, at: datetime.datetime, known: Mapping[str, Any]) -> dict[str, Any]:
    if fact == "dnd":
        return {"dnd": _switch(key, value)}
    if fact in _FORWARDS:
        return {"forwards": {**known.get("forwards", {}), _FORWARDS[fact]: _destination(key, value)}}
    if fact == "forward.after":
        return {"after_s": _seconds(key, value)}
    if fact == "calls":
        return {"active": int(_number(key, value))}
    if fact == "idle":
        return {"idle_since": at.timestamp() - _seconds(key, value)}
    if fact == "out":
        return {"out_of": frozenset(each.strip() for each in value.split("+"))}
    if fact == "called_for_help":
        return {"helped_at": at - datetime.timedelta(seconds=_seconds(key, value))}
    number = _number(key, value)
    if fact.startswith("cost"):
        return {fact: round(number * MICRO)}
    return {fact: int(number) if fact == "external" else number}


def _switch(key: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise ScriptError(f"{key!r}: write on or off")
    return value == "on"


def _destination(key: str, value: str) -> Destination:
    if value == "none":
        return NOWHERE
    to = of_text(value)
    if to is None:
        raise ScriptError(f"{key!r}: {value!r} is no destination; write a name, voicemail, ring_group:NAME, or +1…")
    return to


def _seconds(key: str, value: str) -> float:
    match = _TIME.fullmatch(value)
    if match is None:
        raise ScriptError(f"{key!r}: write a time as 20s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def _number(key: str, value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", value, re.ASCII):
        raise ScriptError(f"{key!r}: write a number")
    return float(value)


def _known(name: str, what: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    raise ScriptError(f"there is no {what} {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
