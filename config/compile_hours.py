"""From `hours` and `holidays` to the dialplan's values: holidays become dates, so that nothing is left to work out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from config import calendars
from config.calendars import SPAN
from config.schema import Configuration
from config.schema_hours import OpeningHours
from config.times import country_of, weekdays
from dialplan.hours import CLOSED, Holiday, Hours, Intervals


def hours_model(settings: Configuration) -> dict[str, Hours]:
    """All hours by name. The settings have no problems."""
    return {name: _hours(settings, name, each) for name, each in settings.hours.items()}


def _hours(settings: Configuration, name: str, written: OpeningHours) -> Hours:
    week = [CLOSED] * 7
    for key, times in written.week.items():
        for at in weekdays(key):
            week[at] = of_day(times)
    places: dict[Holiday, int] = {}
    dates: dict[str, int] = {}
    for calendar in written.holidays:
        for day, holiday in _holidays(settings, calendar, set(written.workdays)):
            if day.isoformat() not in dates:
                dates[day.isoformat()] = places.setdefault(holiday, len(places))
    return Hours(id=name, time_zone=written.time_zone or "", week=tuple(week), holidays=tuple(places), dates=dates)


def _holidays(settings: Configuration, calendar: str, workdays: set[str]) -> Iterator[tuple[date, Holiday]]:
    """The days of a calendar; where a date and a yearly date meet, the date comes first."""
    if country_of(calendar):
        for day, name in calendars.public_holidays(calendar):
            # Two holidays may fall on one day.
            if not workdays.issuperset(calendars.plain_names(name)):
                yield day, Holiday(f"{name} ({calendar})")
        return
    written = settings.holidays[calendar]
    for key, times in sorted(written.items(), key=lambda item: -len(item[0])):
        holiday = Holiday(f"{key} ({calendar})", of_day(times))
        for day in days_of(key):
            yield day, holiday


def days_of(key: str) -> Iterator[date]:
    """The day of a date, or the days of a yearly date; 29 February is one in leap years only."""
    if len(key) > len("12-25"):
        yield date.fromisoformat(key)
        return
    for year in SPAN:
        try:
            yield date.fromisoformat(f"{year}-{key}")
        except ValueError:
            continue


def of_day(times: list[Intervals]) -> Intervals:
    """The intervals of one day in ascending order."""
    return tuple(sorted(interval for each in times for interval in each))
