"""What a decision was made with, as the call's record keeps it: the facts that it asked for, the request, and the one
random number. With them, and the configuration of that time, it can be made again (`switch/past.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from dialplan.facts import QUIET, Facts
from dialplan.plan import CallRequest
from switch.facts import Lines

MOST_KEPT = 65536
TOO_MANY = "too many"
"""Stands for facts that are not kept: a group of many hundreds, all of whom talk."""


def told(facts: Facts, consulted: Iterable[str]) -> str:
    """The facts that a decision asked for, as the call's record keeps them; empty when there was nothing to say, and
    TOO_MANY beyond MOST_KEPT bytes."""
    names = tuple(consulted)
    lines = facts.lines
    if type(lines) is Lines and lines.silent and facts.account is QUIET and not any(map(_is_other, names)):
        return ""
    kept = facts.of(names)
    if not kept.lines and not kept.cursors and not kept.shown and kept.account is QUIET:
        return ""
    text = msgspec.json.encode(msgspec.structs.replace(kept, draw=0.0))
    return text.decode() if len(text) <= MOST_KEPT else TOO_MANY


def facts_of(call: str, kept: str) -> Facts:
    """The facts that a call was decided with: `kept` is `CallStarted.facts`. Raises msgspec.DecodeError
    where they were not kept."""
    facts = msgspec.json.decode(kept, type=Facts) if kept else Facts()
    return msgspec.structs.replace(facts, draw=draw_of(call))


def written(request: CallRequest) -> str:
    """The request as an event keeps it."""
    try:
        return msgspec.json.encode(request).decode()
    except UnicodeEncodeError:  # bytes that are no text, which nobody's number has
        strings = {name: _text(value) for name, value in msgspec.structs.asdict(request).items() if type(value) is str}
        return msgspec.json.encode(msgspec.structs.replace(request, **strings)).decode()


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def draw_of(call: str) -> float:
    """The call's one random number. It follows from the call's id, which nobody can foresee."""
    return zlib.crc32(call.encode()) / (1 << 32)


def _is_other(name: str) -> bool:
    return name.startswith(("cursor:", "shown:"))
