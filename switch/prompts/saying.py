"""Digits, numbers, letters, dates and times as lists of prompt ids. Pure; the rows are those of English."""

from __future__ import annotations

import datetime

_MOST = 999_999_999
_SIGNS = {"*": "star", "#": "pound", "+": "plus", "@": "at", ".": "dot", "-": "dash"}


def characters(text: str) -> tuple[str, ...]:
    """Each digit, letter and sign by itself; what has no name is left out."""
    found: list[str] = []
    for character in text.lower():
        if "0" <= character <= "9":
            found.append(f"number_{character}")
        elif "a" <= character <= "z":
            found.append(f"letter_{character}")
        elif character in _SIGNS:
            found.append(_SIGNS[character])
    return tuple(found)


def number(value: int) -> tuple[str, ...]:
    """A whole number, as it is counted; beyond a thousand millions digit by digit."""
    if value < 0:
        return "minus", *number(-value)
    if value > _MOST:
        return characters(str(value))
    if value < 100:
        return (f"number_{value}",)
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if value >= size:
            many, rest = divmod(value, size)
            return *number(many), name, *(number(rest) if rest else ())
    raise AssertionError("a hundred is a hundred")


def clock(at: datetime.datetime) -> tuple[str, ...]:
    """The time of a day, to the minute, in two halves of twelve hours."""
    if at.minute == 0 and at.hour in (0, 12):
        return ("noon",) if at.hour else ("midnight",)
    half = "am" if at.hour < 12 else "pm"
    hour = f"number_{at.hour % 12 or 12}"
    if at.minute == 0:
        return hour, half
    minute = ("oh", f"number_{at.minute}") if at.minute < 10 else (f"number_{at.minute}",)
    return hour, *minute, half


def moment(at: datetime.datetime, now: datetime.datetime) -> tuple[str, ...]:
    """When something was, both in the zone of whoever listens: today and yesterday so called, the last days by their
    names, else the date."""
    gone = (now.date() - at.date()).days
    if gone == 0:
        day: tuple[str, ...] = ("today",)
    elif gone == 1:
        day = ("yesterday",)
    elif 1 < gone < 7:
        day = (f"weekday_{at.isoweekday()}",)
    else:
        day = (f"month_{at.month}", f"day_{at.day}")
    return *day, "at", *clock(at)
