"""Conservation of costs: every carrier's leg that was answered is charged once, for its whole length, wherever it went.

By brute force over the events, beside the fold that makes the records (`records.cdr`): a leg is followed from its
answer through every call that it was taken into, to its end.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from dialplan.rates import RateTable, price
from records import events as e
from records.cdr import CallRecord
from records.charges import tickets

_MILLISECOND = datetime.timedelta(milliseconds=1)
Place = tuple[str, int]
"""A call and a leg."""


def lengths(events: Iterable[e.AnyEvent]) -> dict[Place, tuple[str, int]]:
    """By where it ended, the number and milliseconds of every carrier's leg that was answered and is over; but for
    those of calls for help."""
    numbers: dict[str, str] = {}
    exempt: set[str] = set()
    sent: set[str] = set()
    targets: dict[Place, tuple[str, str]] = {}
    answered: dict[Place, datetime.datetime] = {}
    over: dict[Place, tuple[str, int]] = {}

    def end(place: Place, at: datetime.datetime) -> None:
        since = answered.pop(place, None)
        if since is not None:
            over[place] = targets[place][1], max(0, (at - since) // _MILLISECOND)

    for event in events:
        match event:
            case e.CallStarted():
                numbers[event.call] = event.number
                if event.emergency:
                    exempt.add(event.call)
            case e.CallReplanned() if event.emergency:
                if event.step != "transfer":
                    sent.discard(event.call)
                elif event.call not in exempt:
                    sent.add(event.call)
                exempt.add(event.call)
            case e.TransferOver() if event.call in sent:
                sent.discard(event.call)
                if event.outcome != "done":
                    exempt.discard(event.call)
            case e.LegStarted():
                targets[event.call, event.leg] = event.target, event.number or numbers[event.call]
            case e.LegAnswered() if event.leg and event.call not in exempt:
                place = event.call, event.leg
                if targets[place][0].startswith("trunk:"):
                    answered.setdefault(place, event.at)
            case e.LegTaken():
                before, after = (event.of, event.was), (event.call, event.leg)
                if before in answered:
                    answered[after], targets[after] = answered.pop(before), targets[before]
            case e.LegEnded():
                end((event.call, event.leg), event.at)
            case e.CallEnded():
                for place in [each for each in answered if each[0] == event.call]:
                    end(place, event.at)
    return over


def check(events: Sequence[e.AnyEvent], records: Sequence[CallRecord], rates: RateTable) -> None:
    """Raises AssertionError where the records say something else."""
    wanted = lengths(events)
    found = {(record.call, each.leg): each for record in records for each in record.charges}
    assert set(found) == set(wanted)
    total = 0
    for place, (number, ms) in wanted.items():
        charge, rate = found[place], rates.rate("", number)
        assert charge.until is not None
        assert (charge.number, charge.lasted_ms) == (number, ms), place
        assert rate is not None
        assert charge.cost == price(rate, ms / 1000), place
        assert sum(each.cost or 0 for each in tickets(charge)) == charge.cost, place
        assert sum(each.lasted_ms for each in tickets(charge)) == ms, place
        total += charge.cost
    assert sum(amount for record in records for amount in record.costs.values()) == total
