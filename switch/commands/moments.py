"""A moment as a person types it: `today`, `yesterday`, `2h`, `2026-11-22`, `2026-11-22 08:30`."""

from __future__ import annotations

import datetime
import re

_AGO = re.compile(r"([1-9][0-9]{0,4})\s*(m|min|h|d|w)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXAMPLES = "today, yesterday, 30min, 2h, 7d, 2026-11-22 or 2026-11-22 08:30"


def moment(text: str, now: datetime.datetime) -> datetime.datetime:
    """The instant that `text` names in the local time of `now`, which is zone-aware. Raises ValueError."""
    typed = text.strip().lower()
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if typed in ("today", "yesterday"):
        day = midnight.date() - datetime.timedelta(days=typed == "yesterday")
        # By the calendar, not by 24 hours: the day may have 23 or 25.
        return datetime.datetime.combine(day, datetime.time()).astimezone()
    ago = _AGO.fullmatch(typed)
    if ago is not None:
        return now - datetime.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if not re.match(r"[0-9]{4}-", typed):
        raise ValueError(text)
    found = datetime.datetime.fromisoformat(text.strip())
    return found if found.tzinfo is not None else found.astimezone()
