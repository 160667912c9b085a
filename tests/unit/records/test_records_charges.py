"""What calls outside cost, as a fold of their events (CST-5, CRC-6; decision 29)."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from dialplan.rates import Rate, price, units
from records import charges as c
from records import events as e
from records.cdr import CallRecord, fold
from records.segments import Position
from records.store import Store
from records.store.tables import calls
from tests.support.call_events import DIALOG, FLOW, START, at, started

WAYS = ("up", "down", "half-even")
MICRO = 1_000_000
tariffs = st.builds(
    e.Tariff,
    per_minute=st.integers(0, 5 * MICRO),
    fee=st.integers(0, MICRO),
    minimum_s=st.integers(0, 120),
    increment_s=st.integers(1, 90),
    currency=st.sampled_from(("EUR", "USD")),
    unit=st.integers(0, MICRO),
    unit_ms=st.sampled_from((0, 0, 500, 14_400, 60_000)),
    rounding=st.sampled_from(WAYS),
    decimals=st.integers(0, 6),
)


def rate_of(tariff: e.Tariff) -> Rate:
    return Rate(
        "+1",
        tariff.destination,
        tariff.per_minute,
        tariff.minimum_s,
        tariff.increment_s,
        tariff.fee,
        tariff.currency,
        "",
        tariff.unit,
        tariff.unit_ms,
        tariff.rounding,
        tariff.decimals,
    )


def by_hand(tariff: e.Tariff, ms: int) -> Fraction:
    """Second by second, unit by unit: a meter that runs."""
    if not ms:
        return Fraction(0)
    paid, cost = 0, Fraction(tariff.fee)
    if tariff.unit_ms:
        while paid < ms or paid < tariff.minimum_s * 1000:
            paid += tariff.unit_ms
            cost += tariff.unit
        return cost
    while paid < tariff.minimum_s:
        paid += 1
        cost += Fraction(tariff.per_minute, 60)
    while paid * 1000 < ms:
        for _ in range(tariff.increment_s):
            paid += 1
            cost += Fraction(tariff.per_minute, 60)
    return cost


@given(tariff=tariffs, ms=st.integers(0, 600_000))
def test_a_cost_is_what_a_meter_that_runs_beside_it_says(tariff: e.Tariff, ms: int) -> None:
    """And the records' arithmetic is that of quotas and routes."""
    billed_ms, counted, cost = c.reckon(tariff, ms)
    exact, least = by_hand(tariff, ms), 10 ** (6 - tariff.decimals)
    assert cost % least == 0
    match tariff.rounding:
        case "up":
            assert exact <= cost < exact + least
        case "down":
            assert exact - least < cost <= exact
        case _:
            assert abs(cost - exact) <= Fraction(least, 2)
            assert cost == round(exact / least) * least
    assert price(rate_of(tariff), ms / 1000) == cost
    assert units(rate_of(tariff), ms / 1000) == counted
    assert billed_ms >= ms
    assert not counted or counted * tariff.unit_ms == billed_ms


@given(tariff=tariffs, ends=st.lists(st.integers(0, 300_000), min_size=1, max_size=5), said=st.none() | st.integers(0))
def test_tickets_add_up_to_the_charge(tariff: e.Tariff, ends: list[int], said: int | None) -> None:
    """CRC-6: whatever the stretches, and whoever said the cost."""
    instants = [START + datetime.timedelta(milliseconds=each) for each in sorted(ends)]
    begins = [START, *instants[:-1]]
    stretches = tuple(e.Stretch(a, f"line:{n}", "", b) for n, (a, b) in enumerate(zip(begins, instants, strict=True)))
    charge = c.ended(c.Charge(1, "anna", "+1", START, tariff, stretches), instants[-1])
    if said is not None:
        (charge,) = c.settled([charge], [e.LegCharged("c", 1, said, "EUR", 0, "header", instants[-1])])
    found = c.tickets(charge)
    assert sum(each.cost or 0 for each in found) == charge.cost
    assert sum(each.units for each in found) == charge.units
    assert sum(each.lasted_ms for each in found) == charge.lasted_ms
    assert all((each.cost or 0) >= 0 and each.units >= 0 for each in found)
    assert {each.estimate for each in found} == {said is None}


def told(call: str, *events: Any) -> CallRecord:
    """A record of a call in which these happened, as `(class, seconds, fields)`."""
    record = fold(None, started(call))
    for n, (kind, seconds, fields) in enumerate(events, 1):
        record = fold(record, kind(call, n, at(seconds), *fields))
    return record


PER_UNIT = e.Tariff(currency="EUR", unit=60_000, unit_ms=30_000)
PER_MINUTE = e.Tariff(per_minute=120_000, currency="USD", minimum_s=60, increment_s=60)


OVER = (e.CallEnded, 100, ("answered", "caller_hung_up", 200))


def leg(number: int, seconds: float, tariff: e.Tariff | None, *more: Any) -> list[Any]:
    began = (e.LegStarted, seconds, (number, "trunk:c", "sip:c", FLOW, DIALOG, "z"))
    answered = (e.LegAnswered, seconds, (number, DIALOG))
    return [began, answered, (e.LegRated, seconds, (number, at(seconds), "anna", "+1", tariff, *more))]


def test_sums_of_two_currencies_are_two_sums() -> None:
    record = told("a", *leg(1, 10, PER_UNIT), *leg(2, 20, PER_MINUTE), *leg(3, 30, None), OVER)
    assert [(each.units, each.cost, each.currency) for each in record.charges] == [
        (3, 180_000, "EUR"),
        (0, 240_000, "USD"),
        (0, None, ""),
    ]
    assert record.costs == {"EUR": 180_000, "USD": 240_000}
    assert all(each.estimate and each.until == at(100) for each in record.charges)


def test_a_leg_that_goes_into_another_call_takes_its_charge_along() -> None:
    """Its minimum counts once, and its stretches go on."""
    ended = ("answered", "transferred", 200)
    before = told("a", *leg(1, 10, PER_MINUTE, "line:anna", "Anna"), (e.LegGiven, 40, (1, "b", 2)))
    assert before.charges == ()
    assert told("a", *leg(1, 10, PER_MINUTE), (e.LegGiven, 40, (1, "b", 2)), (e.CallEnded, 41, ended)).costs == {}
    earlier = (e.Stretch(at(10), "line:anna", "Anna", at(40)),)
    after = told(
        "b",
        (e.LegRated, 40, (2, at(10), "anna", "+1", PER_MINUTE, "line:paul", "Paul", earlier)),
        (e.LegEnded, 80, (2, *ended)),
        (e.CallEnded, 90, ended),
    )
    (charge,) = after.charges
    assert (charge.lasted_ms, charge.billed_ms, charge.cost) == (70_000, 120_000, 240_000)
    anna, paul = c.tickets(charge)
    assert (anna.name, anna.lasted_ms, anna.cost) == ("Anna", 30_000, 120_000)
    assert (paul.to, paul.name, paul.lasted_ms, paul.cost, paul.number) == ("line:paul", "Paul", 40_000, 120_000, "+1")


def test_the_carriers_last_word_holds_and_is_no_estimate() -> None:
    record = told("a", *leg(1, 10, PER_UNIT), *leg(2, 10, None), (e.CallEnded, 50, ("answered", "", 200)))
    first = e.LegCharged("a", 1, 5, "EUR", 0, "header", at(50))
    last = e.LegCharged("a", 1, 77, "CHF", 0, "aoc", at(51))
    for order in ([first, last], [last, first]):
        one, two = c.settled(record.charges, order)
        assert (one.cost, one.currency, one.units, one.estimate) == (77, "CHF", 2, False)
        assert (two.cost, two.estimate) == (None, True)


def test_the_store_keeps_it_and_gives_the_carriers_word(store: Store) -> None:
    """The row is the estimate and never changes; who reads it gets what the carrier has said since."""
    record = told("a", *leg(1, 10, PER_UNIT, "line:anna", "Anna"), (e.AccountChanged, 12, ("4711", "device:x")), OVER)
    both = told("b", *leg(1, 10, PER_UNIT), *leg(2, 20, PER_MINUTE), OVER)
    free = told("c", OVER)
    store.apply([record, both, free], Position(1, 10))
    assert {each.call: each for each in store.history()} == {each.call: each for each in (record, both, free)}
    said = e.LegCharged("a", 1, 123, "CHF", 9, "header", at(101))
    for _ in range(2):
        store.apply([], Position(1, 20), facts=[said])
    read = store.call("a")
    assert read is not None
    assert [(each.cost, each.currency, each.units, each.estimate) for each in read.charges] == [(123, "CHF", 9, False)]
    assert read.costs == {"CHF": 123}
    assert store.call("b") == both
    query = select(calls.c.call, calls.c.cost, calls.c.currency, calls.c.units).order_by(calls.c.call)
    rows = store.read(lambda connection: [tuple(row) for row in connection.execute(query)])
    assert rows == [("a", 180_000, "EUR", 3), ("b", None, "", 3), ("c", None, "", 0)]
