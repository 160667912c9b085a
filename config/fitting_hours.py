"""What must fit together in `hours` and `holidays`: days that are named once, times that do not overlap, calendars that
exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config import calendars
from config.entries import KEY
from config.problems import Problem, did_you_mean
from config.times import country_of, weekdays
from config.validate import Loaded
from dialplan.hours import CLOSED, DAYS, Intervals

MAX_HINTS = 100  # comparing names takes its time: in thousands of lines that are all misspelt, the first hints do


def hours_problems(loaded: Loaded) -> Iterator[Problem]:
    """All of them, in the order of the file."""
    hints = MAX_HINTS
    for name, hours in loaded.settings.hours.items():
        yield from _days(loaded, name)
        for key, times in hours.week.items():
            yield from _overlaps(loaded, times, "hours", name, "week", key)
        for at, calendar in enumerate(hours.holidays):
            path = ("hours", name, "holidays", at)
            if not loaded.sound(*path):
                continue
            if calendar in hours.holidays[:at]:
                yield Problem("duplicate-name", loaded.mark(*path), f"the holidays of `{calendar}` are named twice")
            found = _unknown(loaded, calendar, *path, hint=hints > 0)
            if found is not None:
                hints -= 1
                yield found
        yield from _workdays(loaded, name)
    for name, days in loaded.settings.holidays.items():
        for key, times in days.items():
            yield from _overlaps(loaded, times, "holidays", name, key)


def _days(loaded: Loaded, name: str) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for key in loaded.settings.hours[name].week:
        path = ("hours", name, "week", key)
        if not loaded.sound(*path[:3]) or not loaded.sound("hours", name, "week", KEY, key):
            continue
        for day in weekdays(key):
            first = seen.setdefault(day, key)
            if first != key:
                message = f"{DAYS[day]} stands in `{first}` already"
                yield Problem(
                    "duplicate-day", loaded.key_mark(*path), message, "a day is named once, with all its times"
                )
                break


def _workdays(loaded: Loaded, name: str) -> Iterator[Problem]:
    """Workdays that are no holiday in any of the countries, as far as those are sound."""
    hours = loaded.settings.hours[name]
    if not hours.workdays or not all(loaded.sound("hours", name, key) for key in ("holidays", "workdays")):
        return
    known: set[str] = set()
    for calendar in filter(country_of, hours.holidays):
        try:
            found = calendars.public_holidays(calendar)
        except LookupError:
            return
        known.update(each for _, text in found for each in calendars.plain_names(text))
    for at, each in enumerate(hours.workdays):
        if each not in known and loaded.sound("hours", name, "workdays", at):
            hint = did_you_mean(each, known) if at < MAX_HINTS else ""
            said = hint or "the names of a country's holidays, in English; the country stands under `holidays`"
            yield Problem(
                "unknown-name", loaded.mark("hours", name, "workdays", at), f"there is no holiday `{each}`", said
            )


def _overlaps(loaded: Loaded, times: Sequence[Intervals], *path: str) -> Iterator[Problem]:
    """Times of one day that share a minute, or that stand beside `closed`."""
    found = []
    for at, each in enumerate(times):
        if not loaded.sound(*path, at) or not loaded.sound(*path):
            return
        if each == CLOSED and len(times) > 1:
            yield Problem("overlapping-hours", loaded.mark(*path, at), "`closed` cannot stand beside other times")
            return
        found += [(interval, at) for interval in each]
    taken: list[tuple[int, int]] = []
    for (start, end), at in found:
        if any(start < until and since < end for since, until in taken):
            yield Problem("overlapping-hours", loaded.mark(*path, at), "these times overlap others of the same day")
        taken.append((start, end))


def _unknown(loaded: Loaded, calendar: str, *path: str | int, hint: bool) -> Problem | None:
    """That there is no such calendar, neither the operator's nor a country's."""
    country = country_of(calendar)
    if country:
        try:
            calendars.public_holidays(calendar)
        except LookupError:
            known = calendars.regions(country) if "-" in calendar else ()
            said = did_you_mean(calendar, known) or f"`{country}` has those of the whole country" if known else ""
            return Problem("unknown-name", loaded.mark(*path), f"the holidays of {calendar} are not known here", said)
        return None
    if not loaded.absent("holidays", calendar):
        return None
    said = f"write `{calendar.upper()}`" if country_of(calendar.upper()) else ""
    if not said and hint:
        said = did_you_mean(calendar, loaded.settings.holidays)
    return Problem("unknown-name", loaded.mark(*path), f"there are no holidays `{calendar}`", said)
