"""What stands in the fields of a carrier's CSV file: prefixes, amounts, increments, days.

Each of these takes the text of a field and raises Wrong with what to write instead. A number in a spreadsheet may have
lost what it was (`4.42E+11`) or be meant in two ways (`1.234,50`); then it is refused, not guessed.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

from config.problems import Wrong
from dialplan.rates import MICRO

MAX_AMOUNT = 1_000_000 * MICRO
MAX_SECONDS = 86400

_PREFIX = re.compile(r"\+?([1-9][0-9]{0,14})", re.ASCII)
_LIST = re.compile(r"[,;/|]")
_SEPARATORS = str.maketrans("", "", " .()'\u00a0")
_AMOUNT = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,12})?|[.,][0-9]{1,12}", re.ASCII)
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|[$€£])?\s*(.*?)\s*(?:[A-Z]{3}|[$€£])?$")
_INCREMENT = re.compile(r"([0-9]{1,6})\s*s?(?:\s*[/+-]\s*([0-9]{1,6})\s*s?)?", re.ASCII)
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.]?([0-9]{2})[-/.]?([0-9]{2})(?:[T ].*)?", re.ASCII)
_DOTS = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?: .*)?", re.ASCII)
_SLASHES = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})(?: .*)?", re.ASCII)


def prefixes(text: str) -> tuple[str, ...]:
    """The prefixes of a field in E.164, with their `+`: `4420`, `+44 20`, `1-684`, or several, `7840, 7940`. `*` is
    any number, as an empty prefix."""
    match = _PREFIX.fullmatch(text)
    if match is not None:
        return (f"+{match[1]}",)
    return tuple(_prefix(part.strip()) for part in _LIST.split(text.strip()))


def _prefix(text: str) -> str:
    if text == "*":
        return ""
    bare = text.removeprefix('="').removesuffix('"').translate(_SEPARATORS)
    first, dash, last = bare.partition("-")
    if dash and len(first) == len(last):
        raise Wrong(f"`{text}` may be a range", "write one line for each prefix")
    match = _PREFIX.fullmatch(bare.replace("-", ""))
    if match is not None and not re.fullmatch(r"[0-9]\.[0-9]+", text):
        return f"+{match[1]}"
    if not bare:
        raise Wrong("a prefix is missing", "the country code and what follows it, such as 4420; `*` for any number")
    if re.search(r"[0-9][eE]\+?[0-9]|^[0-9]\.[0-9]", text):
        raise Wrong(
            "a spreadsheet has made another number of this prefix", "format the column as text and fill it again"
        )
    if bare.startswith("0") and bare.isdecimal():
        rest = re.fullmatch(r"(?:00|011)([1-9][0-9]*)", bare)
        raise Wrong(
            "a prefix begins with its country code", f"write `{rest[1]}`" if rest is not None else "such as 4420"
        )
    if bare.removeprefix("+").isdecimal() and len(bare) > 15:
        raise Wrong("a prefix has 15 digits at the most")
    raise Wrong("a prefix is made of digits", "the country code and what follows it, such as 4420; `*` for any number")


def amount(text: str) -> int:
    """Money in micro-units: `0.012`, `0,012`, `$0.012`, `0.012 EUR`; rounded to a millionth."""
    stripped = text.strip()
    bare = stripped if _AMOUNT.fullmatch(stripped) else _CURRENCY.sub(r"\1", stripped)
    if not bare:
        raise Wrong("an amount is missing", "write 0 where it costs nothing")
    if not _AMOUNT.fullmatch(bare):
        if bare.startswith("-"):
            raise Wrong("an amount below nothing")
        thousands = "," in bare and "." in bare
        raise Wrong("this is no amount", "without a sign for thousands: 1234.50" if thousands else "such as 0.012")
    micro = round(Decimal(bare.replace(",", ".")) * MICRO)
    if micro > MAX_AMOUNT:
        raise Wrong(f"more than {MAX_AMOUNT // MICRO}")
    return micro


def increment(text: str) -> tuple[int | None, int]:
    """Minimum and increment in seconds: `60/60`, `30/6`, `1+1`; `6` says nothing about the minimum."""
    match = _INCREMENT.fullmatch(text.strip().lower().replace("sec", "s"))
    if match is None:
        raise Wrong("an increment is a number of seconds", "such as 60, or minimum and increment, such as 30/6")
    minimum, step = (int(match[1]), int(match[2])) if match[2] else (None, int(match[1]))
    if not 0 < step <= MAX_SECONDS or (minimum or 0) > MAX_SECONDS:
        raise Wrong(f"an increment is from 1 to {MAX_SECONDS} seconds")
    return minimum, step


def seconds(text: str) -> int:
    """A number of seconds."""
    match = re.fullmatch(r"([0-9]{1,6})(?:\.0*)?\s*s?", text.strip().lower(), re.ASCII)
    if match is None or int(match[1]) > MAX_SECONDS:
        raise Wrong(f"a number of seconds is wanted here, from 0 to {MAX_SECONDS}")
    return int(match[1])


def milliseconds(text: str) -> int:
    """How long a charge unit lasts, of a number of seconds such as `14.4` or `14,4`."""
    match = re.fullmatch(r"([0-9]{1,5}(?:[.,][0-9]{1,3})?)\s*s?", text.strip().lower(), re.ASCII)
    ms = int(Decimal(match[1].replace(",", ".")) * 1000) if match is not None else 0
    if not 0 < ms <= MAX_SECONDS * 1000:
        raise Wrong(f"how long a unit lasts, in seconds up to {MAX_SECONDS}, is wanted here", "such as 60 or 14.4")
    return ms


def whole(text: str, low: int, high: int) -> int:
    """A whole number, bounds included."""
    if not re.fullmatch(r"-?[0-9]{1,9}", text.strip(), re.ASCII) or not low <= int(text) <= high:
        raise Wrong(f"a whole number from {low} to {high} is wanted here")
    return int(text)


def day(text: str, order: str | None) -> int:
    """The ordinal of a day: `2026-11-22`, `22.11.2026`; with slashes as `order` says: `day-first` or `month-first`."""
    bare = text.strip()
    if match := _YEAR_FIRST.fullmatch(bare):
        parts = (match[1], match[2], match[3])
    elif match := _DOTS.fullmatch(bare):
        parts = (match[3], match[2], match[1])
    elif match := _SLASHES.fullmatch(bare):
        if order is None:
            raise Wrong(
                "day and month may stand in either order", "write `dates: day-first` or `month-first` for the file"
            )
        parts = (match[3], match[2], match[1]) if order == "day-first" else (match[3], match[1], match[2])
    else:
        raise Wrong("this is no date", "such as 2026-11-22")
    try:
        return datetime.date(*map(int, parts)).toordinal()
    except ValueError:
        hint = "write `dates:` for the file, if the month comes first" if order == "day-first" else ""
        raise Wrong("there is no such day", hint) from None
