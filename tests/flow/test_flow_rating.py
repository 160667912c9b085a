"""What calls outside cost, on live calls (CST-5, CST-6, CRC-6, XRL-9; decision 29): the record's cost is a fold of what
was said at the time, and is counted once, wherever the carrier's leg goes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import ParkLot
from dialplan.lines import Delegate
from dialplan.prefixes import pack
from dialplan.rates import UNIT_WIDTH, RateDeck, RateTable
from records import charges as c
from records import events as e
from records.cdr import CallRecord
from switch.calls import rating
from switch.sip.parts import Part, mixed
from tests.support.exchange import CARRIER, changed, house
from tests.support.exchange import carrier as carrier_at
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene

EURO = 1_000_000
NUMBER = "2125550100"
NUMBER_E164 = "+12125550100"
ROWS = {"+1": [(60 * 2000, 0, 0, 1, 0, 0, 2000, 1000, 3)], "+44": [(EURO, 50_000, 60, 60, 1, 0, 0, 0, 4)]}
RATES = RateTable({"": RateDeck("r.csv", "EUR", pack(ROWS, UNIT_WIDTH), ("United States", "Britain"))})
"""A unit of 0.002 a second; or 1 a minute begun and 0.05 a call."""


def scene(rates: RateTable = RATES, **lines: Any) -> Scene:
    return Scene(model=m.versioned(msgspec.structs.replace(changed(house(), **lines), rates=rates)))


def charges(made: Scene) -> list[c.Charge]:
    """Of all calls."""
    return [each for record in made.exchange.records for each in record.charges]


def ended(made: Scene, number: str) -> CallRecord:
    return next(each for each in made.exchange.records if each.number == number)


@pytest.mark.parametrize("crash", [False, True])
def test_a_call_outside_costs_what_the_rate_of_its_answer_says(crash: bool) -> None:
    """Also when the rates change, or the exchange dies, while it is up."""
    made = scene()
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call("01144207946000")
    made.wait(3)
    made.taken(carrier, "c")
    made.exchange.use_model(m.versioned(msgspec.structs.replace(made.exchange.model, rates=RateTable())))
    made.wait(61)
    if crash:
        made.exchange.crash_and_restart()
    made.over(call, carrier)
    made.finish()
    (charge,) = made.exchange.record.charges
    assert (charge.payer, charge.number, charge.destination) == ("alice", "+44207946000", "Britain")
    assert (charge.billed_ms, charge.units, charge.cost, charge.currency) == (120_000, 0, 2_050_000, "EUR")
    assert charge.estimate
    assert charge.tariff is not None
    assert charge.tariff.place == "r.csv:4"
    (ticket,) = c.tickets(charge)
    assert (ticket.to, ticket.name, ticket.cost) == ("line:alice", "Alice", 2_050_000)


def test_a_call_that_a_former_version_began_is_rated_from_its_answer_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene()
    carrier, alice = made.carrier(), made.phone("alice")
    with monkeypatch.context() as former:
        former.setattr(rating, "_look", lambda call, payers: None)
        call = alice.call(NUMBER)
        made.wait(0.1)
        made.taken(carrier, "c")
        made.wait(8)
    made.exchange.crash_and_restart()
    made.over(call, carrier)
    made.finish()
    (charge,) = made.exchange.record.charges
    (answered,) = [each.answered_at for each in made.exchange.record.legs if each.leg == 1]
    assert charge.since == answered
    assert charge.units == 9
    assert [each.to for each in c.tickets(charge)] == ["line:alice"]


def test_what_costs_nothing_has_no_charge() -> None:
    """Calls in the house, for help, and those that nobody answers; nor any where there are no rates."""
    made = scene()
    made.strict = False
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    made.talking(alice, bob)[0].hang_up()
    made.wait()
    for number in ("911", NUMBER):
        call = alice.call(number)
        made.wait(0.1)
        if number == "911":
            made.taken(carrier, "c")
            made.wait(5)
            made.over(call, carrier)
        else:
            carrier.reply(carrier.take("INVITE"), 486, tag="d")
            made.wait()
    free = scene(RateTable())
    carrier = free.carrier()
    call = free.phone("alice").call(NUMBER)
    free.wait(0.1)
    free.taken(carrier, "c")
    free.over(call, carrier)
    for each in (made, free):
        each.finish()
        assert not charges(each)
        assert not [event for event in each.exchange.events if isinstance(event, e.LegRated)]


def test_a_delegate_charges_the_delegators_line() -> None:
    """XRL-9; the ticket names who spoke."""
    made = scene(bob={"delegates": (Delegate(line="alice"),)})
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*102%23{NUMBER}")
    made.wait(0.1)
    made.taken(carrier, "c")
    made.wait(9)
    made.over(call, carrier)
    made.finish()
    (charge,) = made.exchange.record.charges
    assert (charge.payer, charge.units, charge.cost) == ("bob", 10, 20_000)
    assert [each.name for each in c.tickets(charge)] == ["Alice"]


@pytest.mark.parametrize("outside_moves", [False, True])
def test_an_operator_calls_for_somebody_and_transfers_the_call_to_him(outside_moves: bool) -> None:
    """CRC-2 to CRC-6: Bob waits, the operator calls outside and joins the two, in whichever call. One charge, in one
    record, with a ticket for each who talked; they add up."""
    made = scene()
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    first, _ = made.talking(alice, bob)
    first.hold()
    made.wait()
    second = alice.call(NUMBER)
    made.wait(0.1)
    made.taken(carrier, "c")
    made.wait(29.4)
    if outside_moves:
        first.transfer_to(second)
    else:
        second.transfer_to(first)
    made.wait(50)
    bob.last.hang_up()
    made.wait()
    carrier.reply(carrier.take("BYE"), 200)
    made.finish()
    records = {each.number: each for each in made.exchange.records}
    assert len(records) == 2
    (charge,) = charges(made)
    assert bool(records[NUMBER_E164].charges) is not outside_moves
    assert (charge.payer, charge.number) == ("alice", NUMBER_E164)
    assert charge.cost == price_of(charge.lasted_ms) == 160 * EURO // 1000
    operator, *between, ticket = c.tickets(charge)
    assert (operator.name, ticket.to, ticket.name) == ("Alice", "line:bob", "Bob")
    assert sum(each.lasted_ms for each in between) < 1000
    assert (operator.units + sum(each.units for each in between), ticket.units) == (30, 50)
    assert sum(each.cost or 0 for each in (operator, *between, ticket)) == charge.cost


def price_of(ms: int) -> int:
    return -(-ms // 1000) * 2000


def test_one_charge_over_park_and_a_blind_transfer() -> None:
    """Whoever takes it talks on at the first one's cost; nobody talks with it while it is parked."""
    model, lot = house(), ParkLot(id="main", extension="700", first="701", last="703")
    extensions = {**model.extensions, "700": of_text("park:main")}
    model = msgspec.structs.replace(model, extensions=extensions, park_lots={"main": lot}, rates=RATES)
    made = Scene(model=m.versioned(model))
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    call = alice.call(NUMBER)
    made.wait(0.1)
    made.taken(carrier, "c")
    made.wait(9.4)
    call.refer("sip:700@pbx.example.com")
    made.wait(20)
    taker = bob.call("701")
    made.wait(10)
    taker.hang_up()
    made.wait()
    carrier.reply(carrier.take("BYE"), 200)
    made.finish()
    (charge,) = charges(made)
    found = c.tickets(charge)
    assert [(each.to.partition(":")[0], each.name, each.units) for each in found] == [
        ("line", "Alice", 10),
        ("park", "", 20),
        ("line", "Bob", 10),
    ]
    assert sum(each.cost or 0 for each in found) == charge.cost == 40 * 2000


def told(rates: RateTable = RATES, **settings: Any) -> Scene:
    """A scene with a carrier that tells costs."""
    made = scene(rates)
    made.exchange.use_trunks({"carrier": carrier_at("carrier", CARRIER, **settings)})
    return made


def said(made: Scene) -> list[tuple[int, str, int, str]]:
    events = [each for each in made.exchange.events if isinstance(each, e.LegCharged)]
    return [(each.cost, each.currency, each.units, each.by) for each in events]


def settled(made: Scene) -> c.Charge:
    record = made.exchange.record
    events = [each for each in made.exchange.events if isinstance(each, e.LegCharged)]
    (charge,) = c.settled(record.charges, [each for each in events if each.call == record.call])
    return charge


def aoc(kind: str, amount: str, info: str = "") -> str:
    charges = f"<recorded-currency-units><currency-id>CHF</currency-id>{amount}</recorded-currency-units>"
    return (
        '<?xml version="1.0"?><aoc xmlns="http://uri.etsi.org/ngn/params/xml/simservs/aoc">'
        f"<{kind}>{info}<recorded-charges>{charges}</recorded-charges></{kind}></aoc>"
    )


AOC_TYPE = "Content-Type: application/vnd.etsi.aoc+xml"
AMOUNT = "<currency-amount>0.25</currency-amount>"


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("where", ["answer", "bye", "response"])
def test_what_the_carrier_says_in_its_header_is_no_estimate(where: str, crash: bool) -> None:
    """In the 2xx, in its BYE, and in the answer to ours, when the record is closed already."""
    made = told(cost_header="X-Call-Cost")
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(NUMBER)
    made.wait(0.1)
    header = ("X-Call-Cost: EUR 0.0123;units=7",)
    invite = made.taken(carrier, "c", headers=header if where == "answer" else ())
    made.wait(9)
    if crash:
        made.exchange.crash_and_restart()
    if where == "bye":
        RawDialog.of_invite(carrier, invite, "c").request("BYE", headers=header)
        made.wait(0.1)
    else:
        call.hang_up()
        made.wait(0.1)
        carrier.reply(carrier.take("BYE"), 200, headers=header if where == "response" else ())
    made.finish()
    assert said(made) == [(12_300, "EUR", 7, "header")]
    assert made.exchange.record.charges[0].estimate
    charge = settled(made)
    assert (charge.cost, charge.units, charge.estimate, charge.payer) == (12_300, 7, False, "alice")


def test_a_carrier_without_rates_may_tell_costs_and_its_currency_may_be_configured() -> None:
    made = told(RateTable(), cost_header="X-Call-Cost", cost_currency="USD")
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(NUMBER)
    made.wait(0.1)
    made.taken(carrier, "c")
    made.wait(9)
    call.hang_up()
    made.wait(0.1)
    carrier.reply(carrier.take("BYE"), 200, headers=("x-call-cost: 1.5",))
    made.finish()
    (charge,) = made.exchange.record.charges
    assert (charge.cost, charge.payer, charge.tariff) == (None, "alice", None)
    assert (settled(made).cost, settled(made).currency) == (1_500_000, "USD")


def test_a_carrier_tells_by_aoc() -> None:
    """3GPP TS 24.647: a subtotal is not the cost; the last total is."""
    made = told(aoc=True)
    carrier, alice = made.carrier(), made.phone("alice")
    alice.call(NUMBER)
    made.wait(0.1)
    dialog = RawDialog.of_invite(carrier, made.taken(carrier, "c"), "c")
    sub, total = "<charging-info>subtotal</charging-info>", "<charging-info>total</charging-info>"
    for body in (aoc("aoc-d", AMOUNT, sub), aoc("aoc-d", AMOUNT, total)):
        dialog.request("INFO", body, headers=(AOC_TYPE,))
        made.wait(1)
        carrier.take(200)
    dialog.request("BYE", aoc("aoc-e", "<currency-amount>0.75</currency-amount>"), headers=(AOC_TYPE,))
    made.finish()
    assert said(made) == [(250_000, "CHF", 0, "aoc"), (750_000, "CHF", 0, "aoc")]
    assert (settled(made).cost, settled(made).currency) == (750_000, "CHF")


@pytest.mark.parametrize("other", [Part("Content-Type: application/isup; version=itu-t92+", b"\x0c\x02\x00"), None])
def test_it_may_be_one_part_of_a_body(other: Part | None) -> None:
    """As beside ISUP, whatever is first."""
    made = told(aoc=True)
    carrier, alice = made.carrier(), made.phone("alice")
    alice.call(NUMBER)
    made.wait(0.1)
    dialog = RawDialog.of_invite(carrier, made.taken(carrier, "c"), "c")
    headers = ('Content-Type: multipart/mixed;boundary="edge"',)

    def parts(amount: str) -> str:
        found = [Part(AOC_TYPE, aoc("aoc-e", amount).encode())]
        return mixed([*found, other] if other is not None else found, "edge").decode("latin-1")

    dialog.request("INFO", parts(AMOUNT), headers=headers)
    made.wait(1)
    carrier.take(200)
    alone = mixed([other or Part("", b"words")], "edge").decode("latin-1")
    dialog.request("INFO", alone, headers=headers)
    made.wait(1)
    carrier.take(415)
    dialog.request("BYE", parts("<currency-amount>0.75</currency-amount>"), headers=headers)
    made.finish()
    assert said(made) == [(250_000, "CHF", 0, "aoc"), (750_000, "CHF", 0, "aoc")]


BAD = ("", "-1", "1e9", "12,5", "EURO 1", "EUR 1 USD", "99999999", "1.5;currency=euro", "0.5;units=9999999999", "NaN")


def test_what_cannot_be_read_is_counted_and_the_estimate_stands() -> None:
    made = told(cost_header="X-Call-Cost", aoc=True)
    carrier, alice = made.carrier(), made.phone("alice")
    counters = made.exchange.core.counters
    call = alice.call(NUMBER)
    made.wait(0.1)
    dialog = RawDialog.of_invite(carrier, made.taken(carrier, "c"), "c")
    entity = "<!DOCTYPE a [<!ENTITY b 'c'>]><aoc>&b;</aoc>"
    for body in ("<aoc", entity, aoc("aoc-e", ""), f"<aoc>{' ' * 9000}</aoc>"):
        dialog.request("INFO", body, headers=(AOC_TYPE,))
        made.wait(0.1)
    assert counters.costs_misread == 4
    for number, value in enumerate((*BAD, "1\r\nX-Call-Cost: 2"), 1):
        if number > 1:
            call = alice.call(NUMBER)
            made.wait(0.1)
            made.taken(carrier, f"d{number}")
        call.hang_up()
        made.wait(0.1)
        carrier.reply(carrier.take("BYE"), 200, headers=(f"X-Call-Cost: {value}",))
        made.wait(0.1)
        assert counters.costs_misread == 4 + number, value
    made.finish()
    assert not said(made)


def test_a_carrier_that_is_not_to_tell_is_not_asked() -> None:
    """Nor is a telephone of ours."""
    made = told()
    carrier, alice = made.carrier(), made.phone("alice")
    alice.call(NUMBER)
    made.wait(0.1)
    dialog = RawDialog.of_invite(carrier, made.taken(carrier, "c"), "c")
    dialog.request("INFO", aoc("aoc-e", AMOUNT), headers=(AOC_TYPE,))
    made.wait(0.1)
    assert carrier.take(415)
    dialog.request("BYE", headers=("X-Call-Cost: 1",))
    made.finish()
    assert not said(made)
