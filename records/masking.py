"""Numbers and names of those outside, hidden: for exports and lists that more people read than should know them.

    +16695550123 -> +1********23      6695550123 -> ********23      201, 911 -> as they are

What looks like a telephone number is masked wherever it stands in a record, in an address or in a text as well: the
country code and the last two digits stay, and the same number always comes out the same. Numbers of up to six digits
are the house's own, or a service's. The name of a caller outside, and those that forwards bring, become `***`. Whoever
called for help stays readable, since somebody may have to find them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

import msgspec
from msgspec.structs import replace

from records.cdr import CallRecord

HIDDEN = "***"
_SHOWN = 2
_LEAST_NAME = 3
"""A shorter name is not looked for in other texts: it stands in any."""
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(\+?)([0-9]{7,})(?![0-9A-Za-z])")
_TWO_DIGITS = frozenset(
    str(code)
    for first, last in ((20, 20), (27, 27), (30, 34), (36, 36), (39, 41), (43, 49), (51, 58), (60, 66), (90, 95))
    for code in range(first, last + 1)
) | {"81", "82", "84", "86", "98"}
"""The country codes of two digits (ITU-T E.164); 1 and 7 have one, all others three."""


def masked_text(text: str, but: Container[str] = ()) -> str:
    """All telephone numbers in it masked, but those whose digits are in `but`."""
    return _NUMBER.sub(lambda found: found[0] if found[2] in but else _masked(found[1], found[2]), text)


def masked(record: CallRecord) -> CallRecord:
    """The record as those may see it who are not to know who is outside."""
    # The name of a call, and so of a file of its recording, may happen to be all digits.
    but = {record.call, *(name for leg in record.legs for name in (leg.of, leg.to))}
    if record.emergency:
        but.add(re.sub(r"[^0-9]", "", record.caller_number))
    names = [each.name for each in record.forwards if each.name] + [each.name for each in record.passed if each.name]
    if record.trunk and record.caller_name and not record.emergency:
        names.append(record.caller_name)
        record = replace(record, caller_name=HIDDEN)
    forwards = tuple(replace(each, name=HIDDEN) if each.name else each for each in record.forwards)
    passed = tuple(replace(each, name=HIDDEN) if each.name else each for each in record.passed)
    long_enough = sorted((name for name in names if len(name) >= _LEAST_NAME), key=len, reverse=True)

    def hide(text: str) -> str:
        text = masked_text(text, but)
        for name in long_enough:
            text = text.replace(name, HIDDEN)
        return text

    made: CallRecord = _each_text(replace(record, forwards=forwards, passed=passed), hide)
    return made


def _masked(plus: str, digits: str) -> str:
    kept = _country(digits) if plus else ""
    return f"{plus}{kept}{'*' * (len(digits) - len(kept) - _SHOWN)}{digits[-_SHOWN:]}"


def _country(digits: str) -> str:
    if digits[0] in "17":
        return digits[0]
    return digits[:2] if digits[:2] in _TWO_DIGITS else digits[:3]


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it changed."""
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        after = {name: _each_text(each, change) for name, each in fields.items()}
        return replace(value, **{name: each for name, each in after.items() if each is not fields[name]})
    if isinstance(value, tuple):
        return tuple(_each_text(each, change) for each in value)
    return value
