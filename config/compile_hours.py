"""From `hours` and `holidays` to the dialplan's values: holidays become dates, so that nothing is left to work out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from config import calendars
from config.calendars import SPAN
from config.schema import Configuration
from config.times import country_of, is_yearly, weekdays
from dialplan.hours import CLOSED, Holiday, Hours, Intervals


class Days(msgspec.Struct, frozen=True):
    """Several calendars as one: the holidays, and the place of each date's holiday among them."""

    holidays: tuple[Holiday, ...]
    dates: dict[str, int]


def hours_model(settings: Configuration) -> dict[str, Hours]:
    """All hours by name. The settings have no problems."""
    known: dict[tuple[tuple[str, ...], frozenset[str]], Days] = {}  # the same calendars are worked out once
    made: dict[str, Hours] = {}
    for name, written in settings.hours.items():
        week = [CLOSED] * 7
        for key, times in written.week.items():
            for at in weekdays(key):
                week[at] = of_day(times)
        which = (tuple(written.holidays), frozenset(written.workdays))
        days = known.get(which) or known.setdefault(which, _days(settings, *which))
        made[name] = Hours(
            id=name,
            time_zone=written.time_zone or "",
            week=tuple(week),
            holidays=days.holidays,
            dates=days.dates,
        )
    return made


def _days(settings: Configuration, names: tuple[str, ...], workdays: frozenset[str]) -> Days:
    places: dict[Holiday, int] = {}
    dates: dict[str, int] = {}
    for calendar in names:
        for day, holiday in _holidays(settings, calendar, workdays):
            if day.isoformat() not in dates:
                dates[day.isoformat()] = places.setdefault(holiday, len(places))
    return Days(tuple(places), dates)


def _holidays(settings: Configuration, calendar: str, workdays: frozenset[str]) -> Iterator[tuple[date, Holiday]]:
    """The days of a calendar. Where several of its entries meet, the nearest comes first: a date before a span of
    dates, and both before what comes every year."""
    if country_of(calendar):
        for day, name in calendars.public_holidays(calendar):
            # Two holidays may fall on one day.
            if not workdays.issuperset(calendars.plain_names(name)):
                yield day, Holiday(f"{name} ({calendar})")
        return
    written = settings.holidays[calendar]
    for key, times in sorted(written.items(), key=lambda item: (is_yearly(item[0]), ".." in item[0])):
        holiday = Holiday(f"{key} ({calendar})", of_day(times))
        for day in days_of(key):
            yield day, holiday


def days_of(key: str) -> Iterator[date]:
    """The days that a key of a calendar means; 29 February is one in leap years only."""
    first, _, last = key.partition("..")
    last = last or first
    # A span may have begun in the year before the first one, and end in the next year.
    for year in range(SPAN[0] - 1, SPAN[-1] + 1) if is_yearly(key) else (0,):
        begin = _day(first, year)
        end = _day(last, year + 1 if last < first else year)
        if begin is not None and end is not None:
            for step in range((end - begin).days + 1):
                day = begin + timedelta(days=step)
                if not is_yearly(key) or day.year in SPAN:
                    yield day


def _day(written: str, year: int) -> date | None:
    try:
        return date.fromisoformat(f"{year}-{written}" if is_yearly(written) else written)
    except ValueError:
        return None  # 29 February


def of_day(times: list[Intervals]) -> Intervals:
    """The intervals of one day in ascending order."""
    return tuple(sorted(interval for each in times for interval in each))
