"""How long a call with somebody outside may last (LIM-1 to LIM-11, K.12): the clock, as a value.

A **period** runs for each pair of somebody outside and a set inside that talk with each other: from when they came
together, for as long as the set's own limit says. The earliest of a call's periods rules it. So the rules are one rule,
`regroup`: who is in the call now?

- A pair that stays keeps its period: hold, recording, account codes and an added party do nothing (LIM-5, LIM-8).
- A pair that is new has a new one: of a call that is answered (LIM-9), and of a transfer, which is thereby reset to the
  value of the set that it goes to (LIM-4).
- Where nobody inside is left, the periods go on: parked (LIM-7), before a menu or a mailbox of ours, transferred to
  somebody outside (K.12).
- Who takes a parked or held call, or picks one up, goes on with the period that runs (LIM-7, LIM-8): `inherit`.
- In a meet-me conference there is none, and whoever leaves it for an ordinary call begins anew (LIM-6): `()`.

Times are wall times out of the journal, so that a clock goes on over a crash of the exchange.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import structs

from records.events import LimitClock

WARNING_S = 20.0
"""So long before the end is the warning (LIM-2)."""
CLOSE = datetime.timedelta(milliseconds=10)
"""Instants that are nearer to each other are one: a timer may come a little before the wall clock."""
NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)
EXEMPT = "*"
"""The party of a leg that has no limit, whoever talks with it: it was called for help (LIM-9)."""


class Period(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The time that the leg `leg`, whose far end is outside, may talk with `party`: from `since` for `limit_s` seconds
    (0: as long as they like), by the rules of the line `owner`. `warned`: it was said that it ends soon."""

    leg: int
    party: str
    owner: str
    limit_s: float
    since: datetime.datetime
    warned: bool = False

    @property
    def ends(self) -> datetime.datetime | None:
        """When it is over; None: never."""
        return self.since + datetime.timedelta(seconds=self.limit_s) if self.limit_s > 0 else None

    @property
    def warns(self) -> datetime.datetime | None:
        """When its end is to be told of: at once where it is shorter than the warning (LIM-9)."""
        if self.limit_s <= 0:
            return None
        return self.since + datetime.timedelta(seconds=max(0.0, self.limit_s - WARNING_S))


class Party(msgspec.Struct, frozen=True, gc=False):
    """A set inside, by the target of its leg (`line:anna`); with an empty name one that is in no leg, as it has
    forwarded or transferred the call outside. `owner` is the line whose limit counts (LIM-10)."""

    name: str
    owner: str = ""
    limit_s: float = 0.0


Periods = tuple[Period, ...]


def regroup(
    periods: Periods, outside: Iterable[int], inside: Sequence[Party], at: datetime.datetime, *, inherit: bool = False
) -> Periods:
    """The periods from `at` on, when these legs with somebody outside and these parties inside talk with each other.
    With `inherit` those that come go on with what ran for those who are gone."""
    if not periods:
        return tuple([Period(leg, each.name, each.owner, each.limit_s, at) for leg in outside for each in inside])
    names = {each.name for each in inside}
    made: list[Period] = []
    for leg in outside:
        ran = [each for each in periods if each.leg == leg]
        if ran and ran[0].party == EXEMPT:
            made += ran
            continue
        left = [each for each in ran if each.party not in names]
        if not names - {""}:
            made += left
        for party in inside:
            same = [each for each in ran if each.party == party.name]
            made += same
            if inherit and left:
                made += [structs.replace(each, party=party.name) for each in left]
            elif not same:
                made.append(Period(leg, party.name, party.owner, party.limit_s, at))
    return tuple(made)


def clocks(periods: Periods, leg: int) -> tuple[LimitClock, ...]:
    """What runs on a leg, for the call that it goes into."""
    return tuple(LimitClock(p.party, p.owner, p.limit_s, p.since, p.warned) for p in periods if p.leg == leg)


def taken(leg: int, clocks: Iterable[LimitClock]) -> Periods:
    """The same, back, for the leg under its new number."""
    return tuple(Period(leg, c.party, c.owner, c.limit_s, c.since, c.warned) for c in clocks)


def without(periods: Periods, leg: int) -> Periods:
    """The periods when a leg with somebody outside is gone. The next one rules then, and is not reset (K.12)."""
    return tuple([each for each in periods if each.leg != leg])


def ruling(periods: Periods) -> Period | None:
    """The one that ends first; None when the call may last for ever."""
    limited = [each for each in periods if each.limit_s > 0]
    return min(limited, key=_end) if limited else None


def ends(periods: Periods) -> datetime.datetime | None:
    """When the call is cut (LIM-3); None: never."""
    first = ruling(periods)
    return first.ends if first is not None else None


def warns(periods: Periods) -> datetime.datetime | None:
    """When a warning is due (LIM-2); None when none is, or the one for the period that rules was given."""
    first = ruling(periods)
    return first.warns if first is not None and not first.warned else None


def warned(periods: Periods, at: datetime.datetime) -> Periods:
    """The periods after a warning at `at`: it was for the one that rules and all that end so soon, so that each is told
    of once."""
    first, soon = ruling(periods), at + CLOSE
    return tuple(
        structs.replace(each, warned=True) if each is first or (each.warns or NEVER) <= soon else each
        for each in periods
    )


def _end(period: Period) -> datetime.datetime:
    return period.since + datetime.timedelta(seconds=period.limit_s)
