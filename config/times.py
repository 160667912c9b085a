"""Times as operators write them: zones, days of the week, times of day, dates. Each from the text that was typed."""

from __future__ import annotations

import calendar
import datetime
import re
import zoneinfo
from typing import Annotated, Any

from config.problems import Wrong, nearest
from config.types import Typed
from dialplan.countries import is_country
from dialplan.hours import ALWAYS, CLOSED, DAYS, MINUTES, Intervals, is_place

YEARS = (2000, 2099)  # of dates
_TIMES = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})", re.ASCII)
_BARE = re.compile(r"([0-9]{1,2})\s*[-–]\s*([0-9]{1,2})", re.ASCII)
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{1,2})-([0-9]{1,2})", re.ASCII)
_COUNTRY_CALENDAR = re.compile(r"([A-Z]{2})(?:-[A-Z0-9]{1,3})?", re.ASCII)
_LONG = {name.lower(): at for at, name in enumerate(calendar.day_name)} | {name: at for at, name in enumerate(DAYS)}
_SUCH_TIMES = "such as 08:00-17:00; or `always`, `closed`"


def _text(value: Any, wanted: str) -> str:
    if not isinstance(value, str):
        raise Wrong("a single value is wanted here", wanted)
    return value


def _time_zone(value: Any) -> str:
    text = _text(value, "such as Europe/Stockholm")
    if is_place(text):
        return text
    if text.upper() in ("UTC", "Z", "GMT", "ETC/UTC", "ETC/GMT", "ZULU"):
        raise Wrong("not the IANA name of a place", "write `UTC`")
    if re.match(r"(?:Etc/)?(?:UTC|GMT)?[+-]?[0-9]", text, re.IGNORECASE) or re.fullmatch(r"[A-Z]{3,4}[0-9A-Z]*", text):
        raise Wrong("a fixed offset knows no summer time", "write a place, such as America/New_York")
    near = _place_like(text)
    raise Wrong("not a time zone", f"did you mean `{near}`?" if near else "a place by IANA, such as Europe/Stockholm")


def _place_like(text: str) -> str:
    """The place that was probably meant: `stockholm`, `europe/stockholm`, `Europe/Stokholm`."""
    typed = re.sub(r"[\s_]+", "_", text.strip().lower())[:64]
    places = {name.lower(): name for name in zoneinfo.available_timezones() if "/" in name and is_place(name)}
    cities: dict[str, str] = {}
    for lower, name in sorted(places.items()):
        cities.setdefault(lower.rpartition("/")[2], name)
    if typed in places or typed in cities:
        return places.get(typed) or cities[typed]
    return places.get(nearest(typed, places)) or cities.get(nearest(typed.rpartition("/")[2], cities), "")


def weekdays(text: str) -> tuple[int, ...]:
    """The days that a text such as `mon-fri` or `sat,sun` names, Monday being 0. Raises Wrong."""
    found: list[int] = []
    for part in re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text.strip())):
        first, dash, last = part.partition("-")
        start = _weekday(first)
        count = (_weekday(last) - start) % 7 + 1 if dash else 1
        found += [(start + step) % 7 for step in range(count)]
    if len(set(found)) < len(found):
        raise Wrong("a day stands here twice")
    return tuple(found)


def _weekday(text: str) -> int:
    at = _LONG.get(text.lower())
    if at is None:
        near = nearest(text.lower(), _LONG)
        raise Wrong("not a day of the week", f"did you mean `{near}`?" if near else "such as mon, mon-fri or sat,sun")
    return at


def _weekdays(value: Any) -> str:
    text = _text(value, "such as mon-fri")
    weekdays(text)
    return text


def _times(value: Any) -> Intervals:
    text = _text(value, _SUCH_TIMES)
    if text in ("always", "closed"):
        return ALWAYS if text == "always" else CLOSED
    match = _TIMES.fullmatch(text)
    if match is None:
        bare = _BARE.fullmatch(text)
        if bare and max(int(bare[1]), int(bare[2])) <= 24:
            raise Wrong("a time has hours and minutes", f"write `{int(bare[1]):02}:00-{int(bare[2]):02}:00`")
        raise Wrong("times are written from-to, by the 24-hour clock", _SUCH_TIMES)
    start, end = _minute(match[1], match[2]), _minute(match[3], match[4])
    if start == MINUTES:
        raise Wrong("nothing begins at 24:00", "write 00:00 of the next day")
    if start == end:
        raise Wrong("this ends when it begins", "write `always` for the whole day, `closed` for nothing of it")
    return ((start, end if end > start else end + MINUTES),)


def _minute(hours: str, minutes: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > MINUTES:
        raise Wrong(f"there is no time {hours}:{minutes}", "from 00:00 to 24:00")
    return found


def _dates(value: Any) -> str:
    """A date or a yearly date, or two of them with `..` between: all days from one to the other."""
    text = _text(value, "such as 2026-12-24 or 12-25")
    if ".." not in text:
        return _date(text)
    first, last = (_date(part.strip()) for part in text.split("..", 1))
    if is_yearly(first) != is_yearly(last):
        raise Wrong("one of these dates has a year, the other has none", "such as 2026-12-24..2027-01-02")
    if is_yearly(first) and "02-29" in (first, last):
        raise Wrong("in most years there is no 29 February", "begin or end on a day of every year")
    if first == last:
        raise Wrong("this is one day", f"write `{first}`")
    if not is_yearly(first) and not first < last <= f"{int(first[:4]) + 1}{first[4:]}":
        raise Wrong("the last day must come after the first, within a year")
    return f"{first}..{last}"


def is_yearly(dates: str) -> bool:
    """Whether these dates, as they are in the settings, come every year."""
    return dates[2] == "-"


def _date(text: str) -> str:
    match = _DATE.fullmatch(text)
    if match is None:
        raise Wrong("not a date", "year-month-day such as 2026-12-24, or 12-25 for every year")
    year, month, day = int(match[1] or 0), int(match[2]), int(match[3])
    if not 1 <= month <= 12:
        raise Wrong(f"there is no month {month}", "the month stands before the day: 12-25")
    # Once in four years there is a 29 February in every year's list.
    if not 1 <= day <= calendar.monthrange(year or 2024, month)[1]:
        raise Wrong("there is no such day", "" if year else "for every year: month-day")
    if year and not YEARS[0] <= year <= YEARS[1]:
        raise Wrong(f"the year must be from {YEARS[0]} to {YEARS[1]}")
    return f"{year}-{month:02}-{day:02}" if year else f"{month:02}-{day:02}"


def country_of(name: str) -> str:
    """The country whose calendar this names (`SE`, `GB-ENG`), or empty when it is no such name."""
    match = _COUNTRY_CALENDAR.fullmatch(name)
    return match[1] if match and is_country(match[1]) else ""


def _calendar(value: Any) -> str:
    text = _text(value, "a name such as company")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text, re.ASCII):
        raise Wrong("a name is made of letters, digits and - _ . only", "1 to 64 characters without spaces")
    return text


def _own_calendar(value: Any) -> str:
    text = _calendar(value)
    if country_of(text):
        raise Wrong("this is the calendar of a country", "choose another name, and list both where they are used")
    return text


TimeZone = Annotated[str, Typed(_time_zone, type="string")]
Weekdays = Annotated[str, Typed(_weekdays, type="string")]
Times = Annotated[Intervals, Typed(_times, type="string")]
Dates = Annotated[str, Typed(_dates, type="string")]
CalendarName = Annotated[str, Typed(_calendar, type="string")]
OwnCalendar = Annotated[str, Typed(_own_calendar, type="string")]


_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)


def parse_instant(word: str) -> datetime.datetime:
    """`2026-12-24 18:05`, with `T` for the space and with an offset if one likes; without one it is nobody's time yet.
    Raises Wrong."""
    if not _INSTANT.fullmatch(word):
        day = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word, re.ASCII)
        raise Wrong("a date and a time are wanted here", f"such as {word if day else '2026-12-24'} 18:05")
    try:
        return datetime.datetime.fromisoformat(word)
    except ValueError:
        raise Wrong("there is no such day or time", "such as 2026-12-24 18:05") from None
