"""Pretended telephones, and how people write them: `anna=busy,ben=answers/5s,carl=rings+busy,trunk:carrier=503`.

`ringplan explain --phones` and the tests in YAML read this form; `simulate` lets them ring.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

UNREACHABLE_S = 4.0
"""How long the exchange waits for the first response of a telephone, unless told otherwise (FWD-4)."""

ANSWERS_S = 5.0
"""When a telephone answers that is said to answer."""

LONGEST_S = 86400.0


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """What one pretended telephone does: after `after_s` it sends `status` (200 answers, 0 is no response at all).

    `status` None is a telephone that is never touched. It sends its first 18x after `ringing_s`, unless it is done by
    then; None: 100 and nothing more. `full`: of a trunk, that it has no free channel.
    """

    status: int | None = None
    after_s: float = 0.0
    ringing_s: float | None = 0.0
    full: bool = False


Script = Mapping[str, Sequence[Phone]]
"""The telephones of each target, by `line:NAME` and `trunk:NAME`."""

RINGS = Phone()

BEHAVIOURS: Mapping[str, Phone | None] = {
    "answers": Phone(status=200, after_s=ANSWERS_S),
    "rings": RINGS,
    "silent": Phone(ringing_s=None),
    "busy": Phone(status=486),
    "rejects": Phone(status=603, after_s=2.0),
    "dnd": Phone(status=480),
    "unreachable": Phone(status=0, after_s=UNREACHABLE_S, ringing_s=None),
    "outage": None,
    "full": Phone(full=True),
}
"""What may be said of a telephone besides a final status. `outage`: there is none."""

_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0}
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)?", re.ASCII)
_STATUS = re.compile(r"[2-6]\d\d", re.ASCII)


class ScriptError(ValueError):
    """A script that cannot be read. The message says what to write instead."""


def phones(text: str, known: Collection[str] = ()) -> dict[str, tuple[Phone, ...]]:
    """Read a whole script. `known` are the targets that there are, as `line:NAME` and `trunk:NAME`; empty: any will do.

    Raises ScriptError.
    """
    script: dict[str, tuple[Phone, ...]] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        name, equals, what = entry.partition("=")
        if not equals or not name.strip() or not what.strip():
            raise ScriptError(f"{entry!r}: write NAME=BEHAVIOUR, such as anna=busy")
        target = _target(name.strip(), known)
        if target in script:
            raise ScriptError(f"{name.strip()!r} is there twice; write several telephones as anna=rings+busy")
        script[target] = behaviours(what)
    return script


def behaviours(text: str) -> tuple[Phone, ...]:
    """The telephones of one target: `rings+busy` are two. Raises ScriptError."""
    found = [_phone(each.strip()) for each in text.split("+")]
    if len(found) > 1 and any(phone is None or phone.full for phone in found):
        raise ScriptError(f"{text!r}: outage and full stand alone")
    return tuple(phone for phone in found if phone is not None)


def written(phones: Sequence[Phone]) -> str:
    """The telephones of one target as `behaviours` reads them."""
    return "+".join(map(_written, phones)) or "outage"


def _written(phone: Phone) -> str:
    time = f"{phone.after_s:.3f}".rstrip("0").rstrip(".") + "s"
    for word, usual in BEHAVIOURS.items():
        if usual == phone:
            return word
        if usual is not None and usual.status and msgspec.structs.replace(usual, after_s=phone.after_s) == phone:
            return f"{word}/{time}"
    return f"{phone.status}/{time}" if phone.status else f"unreachable/{time}"


def _phone(text: str) -> Phone | None:
    word, slash, time = text.partition("/")
    after_s = _seconds(time, text) if slash else None
    if word in BEHAVIOURS:
        phone = BEHAVIOURS[word]
        if after_s is None:
            return phone
        if phone is None or phone.status is None:
            raise ScriptError(f"{text!r}: {word} has no time")
        return msgspec.structs.replace(phone, after_s=after_s)
    if _STATUS.fullmatch(word) and (word == "200" or word[0] != "2"):
        return Phone(status=int(word), after_s=after_s or 0.0)
    near = difflib.get_close_matches(word, BEHAVIOURS, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    words = ", ".join(BEHAVIOURS)
    raise ScriptError(f"{text!r} is nothing that a telephone does{meant} Write one of {words}, or a SIP status (486)")


def _seconds(time: str, text: str) -> float:
    match = _TIME.fullmatch(time.strip())
    seconds = float(match[1]) * _SECONDS[match[2] or ""] if match else math.inf
    if seconds > LONGEST_S:
        raise ScriptError(f"{text!r}: write the time as 5s, 500ms or 2m, a day at the most")
    return seconds


def _target(name: str, known: Collection[str]) -> str:
    kind, colon, _ = name.partition(":")
    if colon and kind not in ("line", "user", "trunk"):
        raise ScriptError(f"{name!r}: write a line's name, or trunk:NAME")
    target = name.replace("user:", "line:", 1) if kind == "user" else name if colon else f"line:{name}"
    if known and target not in known:
        near = difflib.get_close_matches(target, known, 1)
        meant = f"; did you mean {near[0].removeprefix('line:')}?" if near else ""
        raise ScriptError(f"there is no {target.replace(':', ' ')}{meant}")
    return target
