"""Outbound routes: longest prefix, hours, priority, cost, the lot of weights, manipulation (issue 4, Outbound)."""

from __future__ import annotations

import datetime
import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.prefixes import MOST_ROWS, pack
from dialplan.rates import NO_RATES, RateDeck, RateTable
from dialplan.routes import MOST_ROUTES, MOST_VERDICTS, RouteRule, RouteTable, Row, candidates, lot, table

AT = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)
LONDON = "+442079460123"


def rule(name: str, *trunks: str, **more: object) -> RouteRule:
    return RouteRule(id=f"route:{name}", trunks=trunks or (name,), **more)  # type: ignore[arg-type]


def trunks(routes: RouteTable, number: str = LONDON, draw: float = 0.0, **more: object) -> list[str]:
    return [each.trunk for each in candidates(routes, number, AT, draw, **more).routes]  # type: ignore[arg-type]


def deck(per_minute: int, prefix: str = "+44") -> RateDeck:
    return RateDeck("d.csv", "EUR", pack({prefix: [(per_minute, 0, 1, 1, 0, 0, 2)]}, 6), ("UK",))


def test_the_longest_prefix_wins_and_shorter_ones_are_left_alone():
    routes = table([Row("", rule("world")), Row("+44", rule("uk")), Row("+4420", rule("london"))])
    assert trunks(routes) == ["london"]
    assert trunks(routes, "+441632960123") == ["uk"]
    assert trunks(routes, "+12125550123") == ["world"]
    assert trunks(routes, "411") == ["world"]


def test_fall_back_puts_the_shorter_prefixes_behind():
    rows = [Row("", rule("world")), Row("+44", rule("uk", priority=9)), Row("+4420", rule("london"))]
    assert trunks(table(rows, fall_back=True)) == ["london", "uk", "world"]


def test_a_number_that_is_shorter_than_a_prefix_is_not_matched_by_it():
    assert trunks(table([Row("+4420", rule("a")), Row("4", rule("b"))]), "+44") == []
    assert trunks(table([Row("4", rule("b"))]), "411") == ["b"]


def test_closed_hours_take_a_rule_out_and_explain_says_so():
    rows = [Row("+44", rule("day", hours="office")), Row("", rule("world"))]
    shut = candidates(table(rows), LONDON, AT, is_open=lambda name, at: False)
    assert [each.trunk for each in shut.routes] == ["world"]
    assert ("route:day", "prefix +44: closed now (hours office)") in shut.because
    assert trunks(table(rows), is_open=lambda name, at: name == "office") == ["day"]


def test_the_lowest_priority_comes_first_then_the_lot():
    rows = [Row("", rule("c", priority=2)), Row("", rule("a", priority=1)), Row("", rule("b", priority=1))]
    assert trunks(table(rows), draw=0.0) == ["a", "b", "c"]
    assert trunks(table(rows), draw=0.6) == ["b", "a", "c"]


def test_least_cost_within_a_priority_only():
    rows = [
        Row("", rule("dear"), 20_000),
        Row("", rule("cheap"), 10_000),
        Row("", rule("unknown")),
        Row("", rule("first", priority=-1), 90_000),
    ]
    assert trunks(table(rows, least_cost=True)) == ["first", "cheap", "dear", "unknown"]
    assert trunks(table(rows)) == ["first", "dear", "cheap", "unknown"]  # cost is not asked


def test_least_cost_by_the_rate_decks_of_the_trunks():
    """Decks of carriers are cut differently: each trunk is asked for its own rate of the whole number."""
    rates = RateTable({"a": deck(30_000, "+4420"), "b": deck(20_000, "+44"), "c": deck(1, "+33")})
    routes = table([Row("", rule("world", "a", "b", "c"))], least_cost=True)
    assert trunks(routes, rates=rates) == ["b", "a", "c"]
    assert trunks(table([Row("", rule("world", "a", "b", "c"))]), rates=rates) == ["a", "b", "c"]
    told = candidates(routes, LONDON, AT, rates=rates).because
    assert told[0] == ("route:world", f"route 1: b gets {LONDON}, prefix any, 0.02 a minute")
    assert told[2][1].endswith("cost unknown")


def test_the_newest_row_that_is_in_force_holds():
    day = AT.date().toordinal()
    a, b = rule("a"), rule("b")
    rows = [Row("+44", a, 3, 0), Row("+44", a, 1, day), Row("+44", a, 9, day + 1), Row("+44", b, 2)]
    assert trunks(table(rows, least_cost=True)) == ["a", "b"]
    tomorrow = candidates(table(rows, least_cost=True), LONDON, AT + datetime.timedelta(days=1)).routes
    assert [each.trunk for each in tomorrow] == ["b", "a"]
    assert trunks(table([Row("+44", a, 9, day + 1), Row("", b)])) == ["b"]  # not in force yet


@pytest.mark.parametrize(
    ("strip", "prepend", "number", "sent"),
    [
        (0, "", LONDON, LONDON),
        (2, "0", LONDON, "02079460123"),
        (0, "99", LONDON, "99442079460123"),
        (2, "+1", LONDON, "+12079460123"),
        (0, "0000#", LONDON, "0000#442079460123"),
        (1, "9", "411", "411"),
    ],
)
def test_digits_are_stripped_and_prepended(strip, prepend, number, sent):
    routes = table([Row("", rule("a", strip=strip, prepend=prepend))])
    assert candidates(routes, number, AT).routes[0].number == sent


def test_a_rule_that_strips_all_is_no_route():
    chosen = candidates(table([Row("", rule("a", strip=15))]), "+44207946", AT)
    assert chosen.routes == () and "`strip` leaves nothing" in chosen.because[0][1]


def test_caller_id_and_failover_causes_go_with_the_route():
    made = rule("a", caller_id="+12125550100", withheld=True, failover=(404, 503))
    (route,) = candidates(table([Row("+44", made)]), LONDON, AT).routes
    assert (route.caller, route.withheld, route.failover, route.rule) == (
        "+12125550100",
        True,
        (404, 503),
        "route:a",
    )


def test_a_row_of_a_file_is_named_by_its_line():
    made = RouteRule(id="routes.csv", trunks=("a",))
    routes = table([Row("+44", made, line=123), Row("+33", made, line=124)])
    assert candidates(routes, LONDON, AT).routes[0].rule == "routes.csv:123"
    assert candidates(routes.placeless(), LONDON, AT).routes[0].rule == "routes.csv"
    assert len(routes.rules) == 1


def test_no_trunk_is_offered_the_same_number_twice():
    rows = [Row("+44", rule("uk", "a")), Row("", rule("world", "b", "a")), Row("", rule("far", "a", strip=2))]
    chosen = candidates(table(rows, fall_back=True), LONDON, AT)
    assert [(each.trunk, each.number) for each in chosen.routes] == [("a", LONDON), ("b", LONDON), ("a", LONDON[3:])]
    assert ("route:world", "prefix any: a has been tried by then") in chosen.because


def test_what_is_told_and_tried_stays_bounded():
    rows = [Row("", rule(f"r{n}", hours="h" if n % 2 else "")) for n in range(MOST_ROWS)]
    chosen = candidates(table(rows), LONDON, AT, is_open=lambda name, at: False)
    assert len(chosen.routes) == MOST_ROUTES and len(chosen.because) == MOST_VERDICTS + 1
    with pytest.raises(ValueError, match="rows for one prefix"):
        table([*rows, Row("", rule("one more"))])


def test_a_table_survives_its_encoding():
    rows = [Row(f"+44{n}", rule(f"r{n % 3}"), n, 0, n) for n in range(300)]
    routes = table(rows)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(routes), type=RouteTable) == routes


def test_nothing_matches_and_that_is_told():
    chosen = candidates(table([Row("+33", rule("a"))]), LONDON, AT, rates=NO_RATES)
    assert chosen.routes == () and chosen.because == (("routes", f"none has a prefix of {LONDON}"),)


def test_the_first_of_the_lot_has_its_share():
    """Weight 3 of 4: three of four draws, spread evenly."""
    first = Counter(lot([3, 1], n / 1000)[0][0] for n in range(1000))
    assert first == {0: 750, 1: 250}


def test_all_orders_have_their_share():
    """One draw decides the whole order as independent draws would (RFC 2782)."""
    weights = [4, 2, 1]
    seen = Counter(tuple(lot(weights, (n + 0.5) / 4200)[0]) for n in range(4200))
    for order in itertools.permutations(range(3)):
        a, b, _ = (weights[n] for n in order)
        assert abs(seen[order] / 4200 - a / 7 * b / (7 - a)) < 0.002, order


def test_weight_zero_comes_last():
    assert all(lot([0, 1, 0, 2], n / 50)[0][2:] == [0, 2] for n in range(50))


# Invariants

digits = st.text("0123456789", min_size=0, max_size=6)
prefixes = st.builds(lambda text: f"+{text}" if text else "", digits)
rows_of = st.lists(
    st.builds(
        Row,
        prefixes,
        st.builds(
            RouteRule,
            id=st.sampled_from(["route:a", "route:b", "x.csv"]),
            trunks=st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(tuple),
            priority=st.integers(-1, 2),
            weight=st.integers(0, 3),
            hours=st.sampled_from(["", "shut", "open"]),
        ),
        st.integers(-1, 3),
        st.integers(0, 1),
        st.integers(0, 9),
    ),
    max_size=20,
)


@given(rows_of, st.builds("+{}".format, digits), st.floats(0, 1, exclude_max=True), st.booleans(), st.booleans())
def test_longest_match_is_that_of_a_search_through_all(rows, number, draw, least_cost, fall_back):
    routes = table(rows, least_cost=least_cost, fall_back=fall_back)
    chosen = candidates(routes, number, AT, draw, is_open=lambda name, at: name == "open")
    usable = [row for row in rows if number.startswith(row.prefix) and row.rule.hours != "shut"]
    longest = max((len(row.prefix) for row in usable), default=-1)
    if not fall_back:
        usable = [row for row in usable if len(row.prefix) == longest]
    assert {each.trunk for each in chosen.routes} <= {name for row in usable for name in row.rule.trunks}
    assert bool(chosen.routes) == bool(usable)
    # Total: every trunk of every rule that may be used comes, once, and those of a lower priority are not behind.
    assert Counter(each.trunk for each in chosen.routes) == Counter(
        {name for row in usable for name in row.rule.trunks}
    )
    if not fall_back:
        best = {
            each: min(r.rule.priority for r in usable if each in r.rule.trunks)
            for each in "abc"
            if usable and any(each in r.rule.trunks for r in usable)
        }
        found = [best[each.trunk] for each in chosen.routes]
        assert found == sorted(found)
    # Deterministic.
    assert chosen == candidates(routes, number, AT, draw, is_open=lambda name, at: name == "open")


@given(st.lists(st.integers(0, 10), max_size=12), st.floats())
def test_a_lot_is_an_order_of_all_for_any_draw(weights, draw):
    order, after = lot(weights, draw)
    assert sorted(order) == list(range(len(weights))) and 0.0 <= after < 1.0
    assert (order, after) == lot(weights, draw)
