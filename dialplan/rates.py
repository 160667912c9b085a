"""What a call to outside costs: the rate decks of carriers, and the price of a call by them.

Money is whole micro-units (a millionth of the currency's unit), so that sums are exact. The rate of a number is that of
the longest prefix; of several rows of one prefix the one that came into force last. A deck belongs to a trunk; the one
without a trunk holds for all that have none of their own.
"""

from __future__ import annotations

import datetime
import math
import re
from fractions import Fraction

import msgspec

from dialplan.prefixes import NO_PREFIXES, Prefixes

MICRO = 1_000_000
"""Micro-units in one unit of a currency."""
ALWAYS = 0
"""The day since which a row holds that names none. Days are those of `datetime.date.toordinal`."""
RATE_WIDTH = 6
UNIT_WIDTH = 8
"""Of a deck with rows that go by charge units."""
MINUTE_MS = 60_000


class Rate(msgspec.Struct, frozen=True, gc=False):
    """What one destination costs. `per_minute` and `fee` (for each answered call) are micro-units of `currency`.

    A call is charged for `minimum_s` at the least, and beyond that for every `increment_s` begun. With `unit_ms` it
    goes by charge units instead: each costs `unit`, and every `unit_ms` one begins; `per_minute` is what that comes to
    then, for comparison. The amount is rounded to `decimals` by `rounding`. `place` is the operator's file and line,
    empty when it is not known.
    """

    prefix: str
    destination: str
    per_minute: int
    minimum_s: int = 1
    increment_s: int = 1
    fee: int = 0
    currency: str = ""
    place: str = ""
    unit: int = 0
    unit_ms: int = 0
    rounding: str = "up"
    decimals: int = 6


class RateDeck(msgspec.Struct, frozen=True, gc=False):
    """One carrier's rates. A row: per minute, fee, minimum, increment, destination (its number in `destinations`), day
    since which it holds; with `UNIT_WIDTH` also price and milliseconds of a charge unit, 0 where it goes by time.
    `rounding` is up, down or half-even."""

    file: str
    currency: str
    rows: Prefixes = NO_PREFIXES
    destinations: tuple[str, ...] = ()
    rounding: str = "up"
    decimals: int = 6


class RateTable(msgspec.Struct, frozen=True, gc=False):
    """The decks by trunk; that of "" holds for the others."""

    decks: dict[str, RateDeck] = {}

    def placeless(self) -> RateTable:
        """The same without lines."""
        bare = {trunk: msgspec.structs.replace(each, rows=each.rows.placeless()) for trunk, each in self.decks.items()}
        return RateTable(bare) if bare else self

    def rate(self, trunk: str, number: str, day: datetime.date | None = None) -> Rate | None:
        """What a call to that number by that trunk costs; None when nobody has said it.

        `number` is E.164 with its `+`, or a service number. Without a `day` every row is in force."""
        deck = self.decks.get(trunk) or self.decks.get("")
        return _rate(deck, number, day.toordinal() if day is not None else _EVERY_DAY) if deck is not None else None

    def premium(self, number: str, day: datetime.date) -> Rate | None:
        """The rate that says that a service number is premium (K.5): the carrier calls the destination so, as in
        `Directory enquiries premium`. None when no deck does."""
        for deck in self.decks.values():
            rate = _rate(deck, number, day.toordinal())
            if rate is not None and _PREMIUM.search(rate.destination):
                return rate
        return None


_PREMIUM = re.compile(r"\bpremium\b", re.IGNORECASE)
_EVERY_DAY = datetime.date.max.toordinal()
NO_RATES = RateTable()


def _rate(deck: RateDeck, number: str, day: int) -> Rate | None:
    for prefix, numbers in deck.rows.matches(number):
        best: tuple[int, ...] | None = None
        line = 0
        for at in numbers:
            row = deck.rows.row(at)
            if row[5] <= day and (best is None or row[5] >= best[5]):
                best, line = row, deck.rows.line(at)
        if best is not None:
            per_minute, fee, minimum, increment, destination, _, *units = best
            unit, unit_ms = units or (0, 0)
            return Rate(
                prefix,
                deck.destinations[destination],
                per_minute,
                minimum,
                increment,
                fee,
                deck.currency,
                f"{deck.file}:{line}" if line else deck.file,
                unit,
                unit_ms,
                deck.rounding,
                deck.decimals,
            )
    return None


def billed_s(rate: Rate, seconds: float) -> int:
    """The seconds that are charged for a call of that length after its answer. Unanswered calls (0) are free."""
    if not seconds > 0:
        return 0
    beyond = max(0, math.ceil(seconds) - rate.minimum_s)
    step = max(1, rate.increment_s)
    return rate.minimum_s + -(-beyond // step) * step


def units(rate: Rate, seconds: float) -> int:
    """The charge units of a call of that length; 0 where it goes by time."""
    if not rate.unit_ms or not seconds > 0:
        return 0
    ms = max(1, round(seconds * 1000), rate.minimum_s * 1000)
    return -(-ms // rate.unit_ms)


def price(rate: Rate, seconds: float) -> int:
    """What a call of that length costs, in micro-units, rounded as the rate says: `records.charges.reckon` is the same
    for records."""
    if not seconds > 0:
        return 0
    if rate.unit_ms:
        return _rounded(rate, units(rate, seconds) * rate.unit + rate.fee, 1)
    return _rounded(rate, rate.per_minute * billed_s(rate, seconds) + 60 * rate.fee, 60)


def _rounded(rate: Rate, amount: int, parts: int) -> int:
    """`amount` / `parts` as a multiple of the smallest sum that there is."""
    if rate.decimals == 6 and rate.rounding == "up":
        return -(-amount // parts)
    quantum: int = 10 ** (6 - rate.decimals)
    least = parts * quantum
    if rate.rounding == "down":
        whole = amount // least
    elif rate.rounding == "up":
        whole = -(-amount // least)
    else:
        whole = round(Fraction(amount, least))
    return whole * quantum


def shown(micro: int) -> str:
    """An amount as people write it: 12000 is `0.012`, with two decimals at the least."""
    whole, part = divmod(abs(micro), MICRO)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micro < 0 else ''}{whole}.{decimals}"
