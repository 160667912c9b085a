"""Hours that are allowed but surely not meant: never open, never reached, or over since long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from config import calendars
from config.compile_hours import days_of, hours_model
from config.problems import Problem
from config.times import country_of, is_yearly
from config.validate import Loaded
from dialplan.hours import DAYS, MINUTES, Hours, Interval, shown, zone_of


def warnings(loaded: Loaded, today: date | None = None) -> Iterator[Problem]:
    """All of them. `today` is the day by which dates are over; left out: that of the machine, in UTC."""
    now = today or datetime.now(UTC).date()
    for name, hours in hours_model(loaded.settings).items():
        yield from _never(loaded, name, hours)
        yield from _next_day(loaded, name, hours)
        yield from _known(loaded, name, now)
        yield from _shadowed(loaded, name)
        if hours.time_zone:
            yield from _gaps(loaded, name, hours.time_zone)
    used = {calendar for hours in loaded.settings.hours.values() for calendar in hours.holidays}
    for name, days in loaded.settings.holidays.items():
        if name not in used:
            yield Problem("unused-holidays", loaded.key_mark("holidays", name), f"no hours name the holidays `{name}`")
        over = [key for key in days if not is_yearly(key) and int(key.rpartition("..")[2][:4]) < now.year]
        if over:
            more = f" and {len(over) - 1} more dates" if len(over) > 1 else ""
            message = f"`{over[0]}`{more}: this year is over"
            yearly = "..".join(each[len("2026-") :] for each in over[0].split(".."))
            hint = f"write the new dates, or `{yearly}` for every year"
            yield Problem("past-holidays", loaded.key_mark("holidays", name, over[0]), message, hint)


def _never(loaded: Loaded, name: str, hours: Hours) -> Iterator[Problem]:
    if not any(hours.week) and not any(holiday.intervals for holiday in hours.holidays):
        yield Problem("never-open", loaded.key_mark("hours", name), f"`{name}` is never open")


def _next_day(loaded: Loaded, name: str, hours: Hours) -> Iterator[Problem]:
    """Times after midnight that the next day's own times contain."""
    for day, intervals in enumerate(hours.week):
        after = hours.week[(day + 1) % 7]
        if intervals and after and intervals[-1][1] - MINUTES > after[0][0]:
            message = f"{DAYS[day]} {shown(intervals[-1])} goes on into {DAYS[(day + 1) % 7]} {shown(after[0])}"
            yield Problem(
                "overlapping-days", loaded.key_mark("hours", name, "week"), message, "the times of both days overlap"
            )
            return


def _known(loaded: Loaded, name: str, now: date) -> Iterator[Problem]:
    """That a calendar ends, a year before it does."""
    for at, calendar in enumerate(loaded.settings.hours[name].holidays):
        if country_of(calendar):
            until = max((day.year for day, _ in calendars.public_holidays(calendar)), default=0)
        elif any(is_yearly(key) for key in loaded.settings.holidays[calendar]):
            until = calendars.SPAN[-1]
        else:
            continue
        if until <= now.year:
            message = f"of `{calendar}` nothing is known after {until}" if until else f"`{calendar}` has no holidays"
            yield Problem(
                "calendar-ends", loaded.mark("hours", name, "holidays", at), message, "write the dates under `holidays`"
            )


def _shadowed(loaded: Loaded, name: str) -> Iterator[Problem]:
    """Calendars of the operator's whose every day stands in one before it."""
    settings = loaded.settings
    seen: set[date] = set()
    for at, calendar in enumerate(settings.hours[name].holidays):
        if country_of(calendar):
            seen |= {day for day, _ in calendars.public_holidays(calendar)}
            continue
        own = {day for key in settings.holidays[calendar] for day in days_of(key)}
        if own and own <= seen:
            message = f"every day of `{calendar}` is one of the holidays before it, which hold"
            yield Problem("shadowed-holidays", loaded.mark("hours", name, "holidays", at), message, "list it first")
        seen |= own


def _gaps(loaded: Loaded, name: str, zone: str) -> Iterator[Problem]:
    """Times of one date that no clock shows there."""
    for calendar in loaded.settings.hours[name].holidays:
        for key, times in loaded.settings.holidays.get(calendar, {}).items():
            for at, each in enumerate(times):
                days = [] if is_yearly(key) else list(days_of(key))
                if days and not all(any(_occurs(day, found, zone) for day in days) for found in each):
                    message = "these times never come: the clocks are put forward over them"
                    yield Problem("impossible-hours", loaded.mark("holidays", calendar, key, at), message, f"in {zone}")


def _occurs(day: date, interval: Interval, zone: str) -> bool:
    """Whether a clock there shows a minute of these: found at the first one, but in a gap."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone_of(zone))
    for minute in range(*interval):
        wall = midnight + timedelta(minutes=minute)
        back = wall.astimezone(UTC).astimezone(wall.tzinfo)
        if back.replace(tzinfo=None) == wall.replace(tzinfo=None):
            return True
    return False
