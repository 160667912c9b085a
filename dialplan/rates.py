"""What a call to outside costs: the rate decks of carriers, and the price of a call by them.

Money is whole micro-units (a millionth of the currency's unit), so that sums are exact. The rate of a number is that of
the longest prefix; of several rows of one prefix the one that came into force last. A deck belongs to a trunk; the one
without a trunk holds for all that have none of their own.
"""

from __future__ import annotations

import datetime
import math
import re

import msgspec

from dialplan.prefixes import NO_PREFIXES, Prefixes

MICRO = 1_000_000
"""Micro-units in one unit of a currency."""
ALWAYS = 0
"""The day since which a row holds that names none. Days are those of `datetime.date.toordinal`."""
RATE_WIDTH = 6


class Rate(msgspec.Struct, frozen=True, gc=False):
    """What one destination costs. `per_minute` and `fee` (for each answered call) are micro-units of `currency`.

    A call is charged for `minimum_s` at the least, and beyond that for every `increment_s` begun. `place` is the
    operator's file and line, empty when it is not known.
    """

    prefix: str
    destination: str
    per_minute: int
    minimum_s: int = 1
    increment_s: int = 1
    fee: int = 0
    currency: str = ""
    place: str = ""


class RateDeck(msgspec.Struct, frozen=True, gc=False):
    """One carrier's rates. A row: per minute, fee, minimum, increment, destination (its number in `destinations`), day
    since which it holds."""

    file: str
    currency: str
    rows: Prefixes = NO_PREFIXES
    destinations: tuple[str, ...] = ()


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
            per_minute, fee, minimum, increment, destination, _ = best
            place = f"{deck.file}:{line}" if line else deck.file
            name = deck.destinations[destination]
            return Rate(prefix, name, per_minute, minimum, increment, fee, deck.currency, place)
    return None


def billed_s(rate: Rate, seconds: float) -> int:
    """The seconds that are charged for a call of that length after its answer. Unanswered calls (0) are free."""
    if not seconds > 0:
        return 0
    beyond = max(0, math.ceil(seconds) - rate.minimum_s)
    step = max(1, rate.increment_s)
    return rate.minimum_s + -(-beyond // step) * step


def price(rate: Rate, seconds: float) -> int:
    """What a call of that length costs, in micro-units, rounded up to whole ones."""
    billed = billed_s(rate, seconds)
    return rate.fee + -(-rate.per_minute * billed // 60) if billed else 0


def shown(micro: int) -> str:
    """An amount as people write it: 12000 is `0.012`, with two decimals at the least."""
    whole, part = divmod(abs(micro), MICRO)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micro < 0 else ''}{whole}.{decimals}"
