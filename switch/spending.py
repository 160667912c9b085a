"""What calls to outside have come to, for one line or for all together: minutes and cost of the last hour and day, of
the legs that have ended and of those that are up.

    a leg begins     it stands in `paying`, with nothing to pay
    it is answered   its minutes run, by the rate of then; `sums` counts it up to the second
    it is over       its whole length and cost go into the minute in which it ends (`over`)
    a reset          nothing before counts any more, also of the legs that are up

Who pays for a leg, `switch/facts.py` knows; what is allowed, the planner. Instants and lengths are whole milliseconds,
in Unix time; minutes are those of the epoch.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from dialplan.rates import Rate, RateTable, price

HOUR_MINUTES = 60
DAY_MINUTES = 24 * 60
NOTHING = 0, 0, 0


class Paying(msgspec.Struct):
    """A leg to a carrier that is under way. `since_ms` is 0 until it is answered. `rate` is the one that the records go
    by, told at the answer (`told`); or, where nobody did so, that of the answer's day by `table`."""

    trunk: str
    number: str
    since_ms: int = 0
    rate: Rate | None = None
    table: RateTable | None = None
    told: bool = False


class Window:
    """What was spent within the last so many minutes, as sums that follow the clock."""

    __slots__ = ("_minutes", "buckets", "cost", "ms")

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self.buckets: deque[tuple[int, int, int]] = deque()
        """Minutes of the epoch in which something was spent, with how much."""
        self.ms = 0
        self.cost = 0

    def add(self, minute: int, ms: int, cost: int) -> tuple[int, int]:
        """Returns what was spent in that minute by now."""
        self.ms += ms
        self.cost += cost
        if self.buckets and self.buckets[-1][0] >= minute:
            minute, before_ms, before_cost = self.buckets.pop()  # a clock that was set back
            ms, cost = ms + before_ms, cost + before_cost
        self.buckets.append((minute, ms, cost))
        return ms, cost

    def turn(self, minute: int) -> None:
        """It is that minute now: what is older goes."""
        buckets, first = self.buckets, minute - self._minutes
        while buckets and buckets[0][0] <= first:
            _, ms, cost = buckets.popleft()
            self.ms -= ms
            self.cost -= cost

    def put(self, buckets: Iterable[tuple[int, int, int]]) -> None:
        """That is what was spent, and nothing else; the earliest minute first."""
        self.clear()
        for minute, ms, cost in buckets:
            self.add(minute, ms, cost)

    def clear(self) -> list[int]:
        """Nothing was spent. Returns the minutes of which something had been."""
        minutes = [minute for minute, _, _ in self.buckets]
        self.buckets.clear()
        self.ms = self.cost = 0
        return minutes


class Spending:
    """What one payer has spent, and spends."""

    __slots__ = ("_running", "as_of_ms", "counted", "day", "hour", "paying", "reset_ms")

    def __init__(self) -> None:
        self.paying: dict[tuple[str, int], Paying] = {}
        """The legs that are under way, by call and leg."""
        self._running = NOTHING
        """What those have come to, as of `as_of_ms`: milliseconds of the hour, of the day, and cost."""
        self.as_of_ms = -1
        self.reset_ms = 0
        """What was before does not count any more."""
        self.counted = False
        """Whether any leg has ended in this life: then it is told also that nothing was spent."""
        self.hour = Window(HOUR_MINUTES)
        self.day = Window(DAY_MINUTES)

    def stale(self) -> None:
        """What the legs that are up have come to is to be counted anew."""
        self.as_of_ms = -1

    def turn(self, now_ms: int) -> None:
        """It is that instant now."""
        minute = now_ms // 60_000
        self.hour.turn(minute)
        self.day.turn(minute)

    def sums(self, now_ms: int, rates: RateTable) -> tuple[int, int, int, int]:
        """Milliseconds and cost of the last hour, then of the last day, once it was turned to that instant."""
        hour, day = self.hour, self.day
        in_hour, in_day, cost = self._up(now_ms, rates) if self.paying else NOTHING
        return hour.ms + in_hour, hour.cost + cost, day.ms + in_day, day.cost + cost

    def add(self, minute: int, ms: int, cost: int) -> tuple[int, int]:
        """Something was spent in that minute. Returns what was spent in it by now."""
        self.hour.add(minute, ms, cost)
        return self.day.add(minute, ms, cost)

    def put(self, buckets: Sequence[tuple[int, int, int]]) -> None:
        """That is what was spent by legs that have ended, minute by minute, and nothing else."""
        self.stale()
        self.day.put(buckets)
        self.hour.put(buckets)

    def over(self, leg: tuple[str, int], now_ms: int, rates: RateTable, *, counts: bool) -> tuple[int, int] | None:
        """A leg has ended. What was spent in that minute by now; None where the leg adds nothing, or is not to count
        as it was counted already. Raises KeyError where there is no such leg."""
        self.counted = True
        paid = self.paying.pop(leg)
        if self.as_of_ms >= 0:
            (hour_ms, day_ms, cost), gone = self._running, self._of(paid, self.as_of_ms, rates)
            self._running = hour_ms - gone[0], day_ms - gone[1], cost - gone[2]
        lasted_ms = self._lasts_ms(paid, now_ms)
        if not lasted_ms or not counts:
            return None
        self.turn(now_ms)
        return self.add(now_ms // 60_000, lasted_ms, _cost(paid, lasted_ms, rates))

    def reset(self, at_ms: int) -> list[int]:
        """From that instant on it counts anew. Returns the minutes of which something had been spent."""
        self.reset_ms = at_ms
        self.stale()
        self.hour.clear()
        return self.day.clear()

    def _up(self, now_ms: int, rates: RateTable) -> tuple[int, int, int]:
        """What the calls that are up have come to, to the second: there may be a thousand, and a thousand decisions in
        that second."""
        second = now_ms - now_ms % 1000
        if self.as_of_ms != second:
            hour_ms = day_ms = cost = 0
            for leg in self.paying.values():
                in_hour, in_day, costs = self._of(leg, second, rates)
                hour_ms, day_ms, cost = hour_ms + in_hour, day_ms + in_day, cost + costs
            self._running, self.as_of_ms = (hour_ms, day_ms, cost), second
        return self._running

    def _of(self, leg: Paying, now_ms: int, rates: RateTable) -> tuple[int, int, int]:
        lasts_ms = self._lasts_ms(leg, now_ms)
        cost = _cost(leg, lasts_ms, rates)
        return min(lasts_ms, HOUR_MINUTES * 60_000), min(lasts_ms, DAY_MINUTES * 60_000), cost

    def _lasts_ms(self, leg: Paying, now_ms: int) -> int:
        return max(0, now_ms - max(leg.since_ms, self.reset_ms)) if leg.since_ms else 0


def _cost(leg: Paying, lasted_ms: int, rates: RateTable) -> int:
    if not lasted_ms:
        return 0
    if not leg.told and leg.table is not rates:
        date = datetime.datetime.fromtimestamp(leg.since_ms / 1000, datetime.UTC).date()
        leg.rate = rates.rate(leg.trunk, leg.number, date)
        leg.table = rates
    return price(leg.rate, lasted_ms / 1000) if leg.rate is not None else 0
