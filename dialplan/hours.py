"""Opening hours: whether a wall clock somewhere is inside them, why, and when that changes (TZ-1 to TZ-4, SPEC K.11).

Hours are intervals of minutes for each weekday, and days that are otherwise: holidays, each with intervals of its own
(none: closed). They are judged by the wall clock that an instant shows in a zone, and by nothing else. All that is hard
about summer time follows from this one rule:

- an interval that lies wholly in a gap does not occur, as no instant shows its times;
- a start in a gap opens at the first instant after it, and an end in a gap closes there;
- in a fold an interval applies to both passes: the second 01:15 is before 01:30 again.

An overnight interval belongs to the day that it starts on, also when the next day is a holiday. Zones are IANA names of
places, or UTC, never fixed offsets: those are right for half of the year at best. The same values serve routes that
depend on the time of day.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as `date.weekday` counts
MINUTES = 1440  # of a day
SEARCH_DAYS = 400  # how far `next_change` looks: beyond every holiday that comes once a year

# Minutes since midnight of the day that it belongs to, the end excluded; an end after 1440 is on the next day.
Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

ALWAYS: Intervals = ((0, MINUTES),)
CLOSED: Intervals = ()

_PLACE = re.compile(r"[A-Z][A-Za-z]{1,31}(?:/[A-Za-z0-9_+-]{1,32}){1,2}", re.ASCII)
_NO_PLACES = ("Etc", "SystemV")


class Holiday(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A day that is not as its weekday: a name for people, and when it is open all the same."""

    name: str
    intervals: Intervals = CLOSED


class Hours(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Opening hours by name. `week` has the intervals of Monday to Sunday, in ascending order.

    `dates` says which days are holidays: a date such as `2026-12-24`, and its place in `holidays`, where a holiday
    stands once for all its years. `time_zone` empty: that of the one who uses these hours.
    """

    id: str
    time_zone: str = ""
    week: tuple[Intervals, ...] = (CLOSED,) * 7
    holidays: tuple[Holiday, ...] = ()
    dates: dict[str, int] = {}


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Open or not, and by which rule.

    `holiday` names the holiday that decided; empty: the weekday did. `day` is the day whose rule it is, as an ordinal
    (for an overnight interval the day before the one on the calendar), and `interval` the one that the instant is in.
    """

    hours: str
    open: bool
    day: int
    holiday: str = ""
    interval: Interval | None = None


def is_open(hours: Hours, at: datetime, zone: str) -> Verdict:
    """Whether they are open at that instant, and why. `zone` is that of the entity which uses them.

    Raises ValueError when `at` has no zone, KeyError for a zone that `is_place` would refuse as unknown.
    """
    return _judge(hours, wall(hours, at, zone))


def wall(hours: Hours, at: datetime, zone: str) -> datetime:
    """The wall clock by which these hours are judged at that instant. Raises as `is_open` does."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(zone_of(hours.time_zone or zone))


def _judge(hours: Hours, local: datetime) -> Verdict:
    today = local.toordinal()
    minute = local.hour * 60 + local.minute
    holiday = _holiday(hours, today)
    # The first day of the calendar, whose ordinal is 1, was a Monday.
    for interval in hours.week[(today - 1) % 7] if holiday is None else holiday.intervals:
        if interval[0] <= minute < interval[1]:
            return Verdict(hours.id, True, today, holiday.name if holiday is not None else "", interval)
    eve = _holiday(hours, today - 1)
    for interval in hours.week[(today - 2) % 7] if eve is None else eve.intervals:
        if minute + MINUTES < interval[1]:
            return Verdict(hours.id, True, today - 1, eve.name if eve is not None else "", interval)
    return Verdict(hours.id, False, today, holiday.name if holiday is not None else "")


def _holiday(hours: Hours, day: int) -> Holiday | None:
    if not hours.dates:
        return None
    at = hours.dates.get(date.fromordinal(day).isoformat())
    return None if at is None else hours.holidays[at]


def because(verdict: Verdict) -> tuple[str, str]:
    """The pair of rule id and verdict that a plan keeps: `("hours:office", "open: mon 08:00-12:00")`."""
    said = verdict.holiday or DAYS[(verdict.day - 1) % 7]
    if verdict.interval is not None:
        said += f" {shown(verdict.interval)}"
    day = f"{date.fromordinal(verdict.day)}, " if verdict.holiday else ""
    return f"hours:{verdict.hours}", f"{'open' if verdict.open else 'closed'}: {day}{said}"


def shown(interval: Interval) -> str:
    """As an operator writes it: `08:00-12:00`, `22:00-06:00`, `13:00-24:00`."""
    start, end = interval
    end = end if end <= MINUTES else end - MINUTES
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


# When it changes


def next_change(hours: Hours, at: datetime, zone: str) -> datetime | None:
    """The first instant after `at` at which they open or close, in UTC (in a zone with folds datetimes do not compare
    as instants do; `wall` shows it); None when that is more than SEARCH_DAYS away. Raises as `is_open` does."""
    now = is_open(hours, at, zone).open
    if {*hours.week, *(holiday.intervals for holiday in hours.holidays)} <= ({ALWAYS} if now else {CLOSED}):
        return None
    place = zone_of(hours.time_zone or zone)
    start = at.astimezone(UTC)
    for _ in range(SEARCH_DAYS):
        end = start + timedelta(days=1)
        for instant in sorted({each for each in _instants(hours, place, start, end) if start < each <= end}):
            if _judge(hours, instant.astimezone(place)).open != now:
                return instant
        start = end
    return None


def _instants(hours: Hours, place: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """All instants of that day, and some others, at which something may change: where a clock shows a start or an end,
    in both passes of a fold, and where the clock itself jumps."""
    first, last = start.astimezone(place), end.astimezone(place)
    if first.utcoffset() != last.utcoffset():
        yield _jump(place, start, end)
    # A fold at midnight shows the day before once more; an overnight interval began the day before.
    for ordinal in range(min(first.toordinal(), last.toordinal()) - 2, max(first.toordinal(), last.toordinal()) + 2):
        holiday = _holiday(hours, ordinal)
        midnight = datetime.fromordinal(ordinal)
        for interval in hours.week[(ordinal - 1) % 7] if holiday is None else holiday.intervals:
            for minute in interval:
                shown_as = (midnight + timedelta(minutes=minute)).replace(tzinfo=place)
                yield shown_as.astimezone(UTC)
                yield shown_as.replace(fold=1).astimezone(UTC)


def _jump(place: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between these two, to the second, from which on the offset is another than before."""
    offset = before.astimezone(place).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, place).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


# Zones


@functools.lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name, read once. Raises KeyError or ValueError for a name that is none."""
    return ZoneInfo(name)


def is_place(zone: str) -> bool:
    """Whether this is the IANA name of a place (`Area/City`) or UTC, so neither an offset such as `Etc/GMT+7` nor an
    abbreviation such as `EST` (TZ-4)."""
    if zone == "UTC":
        return True
    if not _PLACE.fullmatch(zone) or zone.partition("/")[0] in _NO_PLACES:
        return False
    try:
        zone_of(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True
