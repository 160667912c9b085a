"""What a call costs: longest prefix, minimum, increment, fee; whole micro-units (issue 4, limits; CDR-rating later)."""

from __future__ import annotations

import datetime
from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.prefixes import pack
from dialplan.rates import Rate, RateDeck, RateTable, billed_s, price, shown

DAY = datetime.date(2026, 11, 22)


def test_the_longest_prefix_of_the_trunks_own_deck_and_else_of_the_common_one():
    own = RateDeck(
        "own.csv", "EUR", pack({"+44": [(5, 1, 60, 6, 0, 0, 2)], "+4420": [(7, 0, 1, 1, 1, 0, 3)]}, 6), ("UK", "London")
    )
    common = RateDeck("all.csv", "USD", pack({"": [(9, 0, 1, 1, 0, 0, 4)]}, 6), ("World",))
    rates = RateTable({"a": own, "": common})
    assert rates.rate("a", "+442079460123") == Rate("+4420", "London", 7, 1, 1, 0, "EUR", "own.csv:3")
    assert rates.rate("a", "+441632960123") == Rate("+44", "UK", 5, 60, 6, 1, "EUR", "own.csv:2")
    assert rates.rate("a", "+33199001234") is None  # a trunk with a deck has no other
    found = rates.rate("b", "+33199001234")
    assert found is not None and (found.destination, found.currency) == ("World", "USD")
    assert RateTable().rate("a", "+4420") is None


def test_a_rate_holds_from_its_day_on():
    today = DAY.toordinal()
    rows = [(1, 0, 1, 1, 0, 0, 2), (2, 0, 1, 1, 0, today, 3), (3, 0, 1, 1, 0, today + 1, 4)]
    rates = RateTable({"a": RateDeck("r.csv", "EUR", pack({"+44": rows}, 6), ("UK",))})

    def on(day: datetime.date) -> int:
        rate = rates.rate("a", "+4420", day)
        return rate.per_minute if rate is not None else -1

    assert [on(DAY + datetime.timedelta(days=n)) for n in (-1, 0, 1)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("minimum", "increment", "seconds", "billed"),
    [
        *((60, 60, each, 60) for each in (0.02, 1, 59, 60)),
        (60, 60, 61, 120),
        (30, 6, 30, 30),
        (30, 6, 31, 36),
        (30, 6, 36.2, 42),
        (6, 6, 205, 210),
        (1, 1, 0.4, 1),
        (1, 1, 61.2, 62),
        (60, 60, 0, 0),
        (60, 60, -5, 0),
        (60, 60, float("nan"), 0),
    ],
)
def test_seconds_are_charged_by_minimum_and_increment(minimum, increment, seconds, billed):
    assert billed_s(Rate("", "", 1, minimum, increment), seconds) == billed


def test_a_fee_is_for_answered_calls_only():
    rate = Rate("", "", 12_000, 60, 60, 50_000)
    assert price(rate, 0) == 0
    assert price(rate, 1) == 62_000
    assert price(rate, 61) == 74_000


@given(st.integers(0, 10**9), st.integers(0, 3600), st.integers(0, 600), st.integers(0, 10**7), st.integers(1, 10**6))
def test_the_price_is_the_exact_one_rounded_up_to_a_micro_unit(per_minute, minimum, increment, fee, seconds):
    rate = Rate("", "", per_minute, minimum, increment, fee)
    exact = Decimal(per_minute) * billed_s(rate, seconds) / 60 + fee
    assert price(rate, seconds) == int(exact.to_integral_value(ROUND_CEILING))
    assert price(rate, seconds) <= price(rate, seconds + 1)
    assert seconds <= billed_s(rate, seconds) < max(minimum + 1, seconds + max(1, increment))


def test_amounts_are_shown_as_people_write_them():
    assert [shown(each) for each in (0, 12_000, 1_500_000, 1, -250_000)] == [
        "0.00",
        "0.012",
        "1.50",
        "0.000001",
        "-0.25",
    ]
