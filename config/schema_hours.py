"""What may stand under `hours` and `holidays`: when something is open, and the days that are otherwise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Section
from config.times import CalendarName, Dates, OwnCalendar, Times, TimeZone, Weekdays
from config.types import OneOrMore, Text

AllTimes = Annotated[list[Times], OneOrMore()]


class OpeningHours(Section):
    """Opening hours, which others refer to by name."""

    time_zone: TimeZone | None = Field(
        default=None, description="the IANA name of a place, or UTC; else that of whoever uses these hours"
    )
    week: dict[Weekdays, AllTimes] = Field(
        description="days (`mon`, `mon-fri`, `sat,sun`) and their times: `08:00-17:00`, several as a list, `always` or"
        " `closed`; an end before its start is on the next day. A day that is not named is closed"
    )
    holidays: Annotated[list[CalendarName], OneOrMore()] = Field(
        default_factory=list,
        description="the days that are not as the week: names under `holidays`, or a country's (`SE`, `GB-ENG`); where"
        " several name a day the first holds",
    )
    workdays: Annotated[list[Text], OneOrMore()] = Field(
        default_factory=list,
        description="holidays of these countries that are no holidays here, by name: `Columbus Day`",
    )


Holidays = dict[OwnCalendar, dict[Dates, AllTimes]]
