"""What a carrier tells of costs (3GPP TS 24.647, and headers of its own): read within bounds, whatever it sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.sip import advice
from switch.sip.advice import UNREAD, Advice, Price
from switch.sip.message import Response, parse
from switch.sip.parts import Part, mixed

HEAD = (
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa\r\nFrom: <sip:a@example.com>;tag=1\r\n"
    "To: <sip:b@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n"
)
BOTH = Advice("X-Call-Cost", aoc=True)


def response(more: str = "", body: bytes = b"") -> Response:
    made = parse(f"{HEAD}{more}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "surrogateescape") + body)
    assert isinstance(made, Response)
    return made


def told(value: str) -> Price | None:
    return advice.read(BOTH, response(f"X-Call-Cost: {value}\r\n"))


@pytest.mark.parametrize(
    ("value", "micro", "currency", "units"),
    [
        ("0.0123", 12_300, "", 0),
        ("EUR 0.0123", 12_300, "EUR", 0),
        ("eur0.5", 500_000, "EUR", 0),
        ("0.0123 USD", 12_300, "USD", 0),
        ("1", 1_000_000, "", 0),
        ("0", 0, "", 0),
        ("0.00000049", 0, "", 0),
        ("1000000", 1_000_000_000_000, "", 0),
        ("0.5;currency=CHF;units=12", 500_000, "CHF", 12),
        ('amount=0.5 ; currency="CHF"', 500_000, "CHF", 0),
    ],
)
def test_the_forms_of_a_header(value: str, micro: int, currency: str, units: int) -> None:
    assert told(value) == Price(micro, currency, units, "header")


@pytest.mark.parametrize("value", ["1000000.01", "1..2", ".5", "5.", "0.1234567890123", "١", "1;units=1000001", "x=1"])
def test_what_is_no_price(value: str) -> None:
    assert told(value) == UNREAD


def test_nothing_told_is_no_price() -> None:
    assert advice.read(BOTH, response()) is None
    assert advice.read(Advice("X-Other"), response("X-Call-Cost: 1\r\n")) is None


def body(text: str) -> Price | None:
    return advice.read(BOTH, response(f"Content-Type: {advice.KIND}\r\n", text.encode()))


def test_the_forms_of_a_body() -> None:
    free = "<recorded-charges><free-charge/></recorded-charges>"
    assert body(f"<aoc><aoc-e>{free}</aoc-e></aoc>") == Price(0, "", 0, "aoc")
    assert body(f"<aoc><aoc-d>{free}</aoc-d></aoc>") is None
    assert body("<aoc><aoc-e><recorded-charges><not-available/></recorded-charges></aoc-e></aoc>") is None
    assert body("<aoc><aoc-s/></aoc>") is None
    assert body("<other/>") is None


def parts(*texts: str) -> Price | None:
    content = mixed([Part(f"Content-Type: {advice.KIND.upper()}; charset=utf-8", text.encode()) for text in texts], "b")
    message = response('Content-Type: Multipart/Mixed; boundary="b"\r\nX-Call-Cost: 2\r\n', content)
    return advice.read(BOTH, message)


def test_a_body_of_several_parts() -> None:
    """Two that differ cannot be understood; where none says a price, the header does."""
    units = "<recorded-currency-units><currency-amount>{}</currency-amount></recorded-currency-units>"
    cost = f"<aoc><aoc-e>{units}</aoc-e></aoc>"
    assert parts(cost.format(1)) == parts(cost.format(1), cost.format(1)) == Price(1_000_000, "", 0, "aoc")
    assert parts(cost.format(1), cost.format(3)) == UNREAD
    assert parts("<aoc") == UNREAD
    assert parts() == Price(2_000_000, "", 0, "header")


@given(value=st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=("Cs",)), max_size=40))
def test_a_header_of_any_kind_is_a_price_within_bounds_or_unread(value: str) -> None:
    price = told(value)
    assert price is None or price == UNREAD or (0 <= price.micro <= advice.MOST and 0 <= price.units <= 1_000_000)


@given(data=st.binary(max_size=200) | st.text("<>/aoc-de!&;\"'= ?xml12.0", max_size=200).map(str.encode))
def test_a_body_of_any_kind_never_raises(data: bytes) -> None:
    price = advice.read(BOTH, response(f"Content-Type: {advice.KIND}\r\n", data))
    assert price is None or price == UNREAD or 0 <= price.micro <= advice.MOST
