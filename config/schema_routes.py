"""What may stand under `routes:`, `route_files:`, `rate_files:` and `routing:`, which decide how calls get out.

A route says which trunks the numbers of some prefixes are offered to. Carriers send theirs as CSV files: a file of
`route_files` stands for as many routes as it has lines, and what it has no column for is said here for all of them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from config import csv_values
from config.problems import Wrong
from config.section import Section
from config.types import Boolean, File, Identifier, OneOrMore, Typed, choice, e164, integer

Priority = Annotated[int, integer(0, 65535)]
Weight = Annotated[int, integer(0, 65535)]
Strip = Annotated[int, integer(0, 15)]
Causes = Annotated[list[Annotated[int, integer(400, 699)]], OneOrMore()]


def _single(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a single value is wanted here")
    return value


def _prefix(value: Any) -> str:
    text = _single(value).translate(str.maketrans("", "", " -.()"))
    if re.fullmatch(r"|\+[1-9][0-9]{0,14}|[0-9]{2,6}", text, re.ASCII):
        return text
    whole = re.fullmatch(r"(?:00|011)?([1-9][0-9]{0,14})", text, re.ASCII)
    hint = f"write `+{whole[1]}`" if whole else 'such as +1669, a service number such as 411, or "" for any number'
    raise Wrong("a prefix begins with + and the country code", hint)


def _prepend(value: Any) -> str:
    text = _single(value)
    if not re.fullmatch(r"\+?[0-9*#]{0,16}", text, re.ASCII):
        raise Wrong("what is put in front is made of digits, * and #", "such as 0, 9#, +1")
    return text


def _caller_id(value: Any) -> str:
    text = _single(value)
    if text == "withheld":
        return text
    try:
        return e164(text)
    except Wrong as wrong:
        raise Wrong(wrong.message, f"{wrong.hint}; or `withheld`") from None


def _amount(value: Any) -> int:
    return csv_values.amount(_single(value))


def _currency(value: Any) -> str:
    text = _single(value)
    if not re.fullmatch(r"[A-Z]{3}", text, re.ASCII):
        near = text.upper() if re.fullmatch(r"[A-Za-z]{3}", text, re.ASCII) else "EUR"
        raise Wrong(
            "a currency has three letters by ISO 4217", f"write `{near}`" if near != "EUR" else "such as EUR, USD"
        )
    return text


def _increment(value: Any) -> tuple[int, int]:
    minimum, step = csv_values.increment(_single(value))
    return (step if minimum is None else minimum), step


_EITHER = ["string", "integer", "number"]
Prefix = Annotated[str, Typed(_prefix, type=_EITHER)]
Prepend = Annotated[str, Typed(_prepend, type=_EITHER)]
ShownNumber = Annotated[str, Typed(_caller_id, type="string")]
Amount = Annotated[int, Typed(_amount, type=_EITHER)]
Currency = Annotated[str, Typed(_currency, type="string", pattern="^[A-Z]{3}$")]
Increment = Annotated[tuple[int, int], Typed(_increment, type=_EITHER)]
Trunks = Annotated[list[Identifier], OneOrMore()]
Dates = Annotated[str, choice("day-first", "month-first")]

_HOURS = "the hours in which it is used; always when left out"
_STRIP = "how many digits are taken from the front of the number, the + not counted"
_PREPEND = "what is put in front of it then; with either of the two the number is sent as it is then"
_CALLER_ID = "the number that is shown instead of the caller's, or `withheld`: none is"
_FAILOVER = "answers after which the next route is tried; else those of the trunk"
_PRIORITY = "of the routes of one prefix the lowest is tried first"
_WEIGHT = "its share of the calls among routes of one priority; 0: after the others"


class Route(Section):
    """A route: numbers outside, and the trunks that take them. The longest prefix counts."""

    prefix: Annotated[list[Prefix], OneOrMore()] = Field(
        default=[""], min_length=1, description='how its numbers begin, such as +1669, one or several; "": any number'
    )
    trunk: Identifier | None = Field(default=None, description="the trunk; needed, unless there are `trunks`")
    trunks: Trunks = Field(default_factory=list, description="several, in the order they are tried")
    priority: Priority = Field(default=0, description=_PRIORITY)
    weight: Weight = Field(default=1, description=_WEIGHT)
    hours: Identifier | None = Field(default=None, description=_HOURS)
    cost: Amount | None = Field(
        default=None, description="of a minute, for `least_cost`; else what the trunk's `rate_files` say"
    )
    strip: Strip = Field(default=0, description=_STRIP)
    prepend: Prepend = Field(default="", description=_PREPEND)
    caller_id: ShownNumber | None = Field(default=None, description=_CALLER_ID)
    failover: Causes = Field(default_factory=list, description=_FAILOVER)

    @property
    def all_trunks(self) -> tuple[str, ...]:
        """The trunks in order."""
        return tuple(self.trunks) or ((self.trunk,) if self.trunk else ())


class RouteFile(Section):
    """A CSV file of routes. The line above the others names its columns: prefix is needed; trunk, rate, priority,
    weight, hours, strip, prepend and effective date may be there, and hold instead of what is written here."""

    file: File = Field(description="its name, relative to the configuration's folder")
    trunk: Identifier | None = Field(default=None, description="the trunk; needed, unless the file has a column for it")
    priority: Priority = Field(default=0, description=_PRIORITY)
    weight: Weight = Field(default=1, description=_WEIGHT)
    hours: Identifier | None = Field(default=None, description=_HOURS)
    strip: Strip = Field(default=0, description=_STRIP)
    prepend: Prepend = Field(default="", description=_PREPEND)
    caller_id: ShownNumber | None = Field(default=None, description=_CALLER_ID)
    failover: Causes = Field(default_factory=list, description=_FAILOVER)
    dates: Dates | None = Field(default=None, description="how dates such as 03/04/2026 are meant")


class RateFile(Section):
    """A CSV file of rates. The line above the others names its columns: prefix and rate are needed, or prefix and unit;
    destination, minimum, increment, connection fee, unit price and effective date may be there."""

    file: File = Field(description="its name, relative to the configuration's folder")
    trunk: Identifier | None = Field(
        default=None, description="whose rates they are; else of all trunks without a file"
    )
    currency: Currency = Field(description="the currency of its rates")
    increment: Increment | None = Field(
        default=None, description="seconds that are charged at the least, and steps beyond: 60/60, 30/6; else 1/1"
    )
    unit_price: Amount | None = Field(
        default=None, description="what a charge unit costs, where the column `unit` says how many seconds one lasts"
    )
    rounding: Annotated[str, choice("up", "half-even", "down")] = Field(
        default="up", description="how what a call costs is rounded: up, down, or half-even, to the nearest"
    )
    decimals: Annotated[int, integer(0, 6)] = Field(
        default=6, description="to how many decimals: 2 for whole cents; 6 is a millionth"
    )
    dates: Dates | None = Field(default=None, description="how dates such as 03/04/2026 are meant")


class Routing(Section):
    """How a route is chosen."""

    least_cost: Boolean = Field(
        default=False, description="whether the cheapest is tried first, among routes of one priority"
    )
    fall_back: Boolean = Field(
        default=False, description="whether routes of shorter prefixes are tried when those of the longest have failed"
    )
