"""Advice of charge: a carrier tells what a call cost, in a header of its own, or in a body by 3GPP TS 24.647.

    X-Call-Cost: 0.0123          X-Call-Cost: EUR 0.0123          X-Call-Cost: amount=0.0123;currency=EUR;units=3

It is looked for in the 2xx to our INVITE, in a BYE and in the answer to ours; a body in a BYE or an INFO, alone or
beside others. What a body calls a subtotal is not the cost. Nothing is believed beyond its bounds; what cannot be read
is told as `UNREAD`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from xml.etree import ElementTree

import msgspec

from switch.sip.message import Request, Response
from switch.sip.parts import bodies

KIND = "application/vnd.etsi.aoc+xml"
MICRO = 1_000_000
MOST = 1_000_000 * MICRO
MOST_UNITS = 1_000_000
MAX_BODY = 8192
_AMOUNT = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,12})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_UNITS = re.compile(r"[0-9]{1,7}", re.ASCII)
_PLAIN = re.compile(r"(?:([A-Za-z]{3})\s*)?([0-9][0-9.]*)(?:\s*([A-Za-z]{3}))?", re.ASCII)


class Advice(msgspec.Struct, frozen=True, gc=False):
    """How a carrier tells it: in a `header` of that name, in bodies (`aoc`), or both."""

    header: str = ""
    aoc: bool = False


class Price(msgspec.Struct, frozen=True, gc=False):
    """What it told: micro-units of `currency` (empty: not said) and charge units (0: not said). `by`: header or aoc."""

    micro: int
    currency: str
    units: int
    by: str


UNREAD = Price(-1, "", 0, "")
"""Something was told that cannot be read."""


def read(advice: Advice, message: Request | Response) -> Price | None:
    """The price in a message; None when there is none."""
    told = bodies(message, KIND) if advice.aoc else ()
    if told:
        return _body(told[0]) if len(set(told)) == 1 else UNREAD
    if not advice.header:
        return None
    values = message.all(advice.header)
    return (_header(values[0]) if len(set(values)) == 1 else UNREAD) if values else None


def _header(value: str) -> Price:
    first, *rest = (part.strip() for part in value.split(";"))
    said = {name.strip().lower(): text.strip().strip('"') for name, equals, text in map(_cut, [first, *rest]) if equals}
    plain = _PLAIN.fullmatch(first)
    if plain is not None:
        said["amount"] = plain[2]
        said.setdefault("currency", plain[1] or plain[3] or "")
        if plain[1] and plain[3]:
            return UNREAD
    return _price(said.get("amount", ""), said.get("currency", ""), said.get("units", ""), "header")


def _cut(part: str) -> tuple[str, str, str]:
    return part.partition("=")


def _price(amount: str, currency: str, units: str, by: str) -> Price:
    currency = currency.upper()
    if not _AMOUNT.fullmatch(amount) or (currency and not _CURRENCY.fullmatch(currency)):
        return UNREAD
    if units and not _UNITS.fullmatch(units):
        return UNREAD
    micro, count = round(Decimal(amount) * MICRO), int(units or 0)
    return Price(micro, currency, count, by) if micro <= MOST and count <= MOST_UNITS else UNREAD


def _body(body: bytes) -> Price | None:
    # No document of this kind declares entities; one that does is not meant well.
    if len(body) > MAX_BODY or b"<!" in body:
        return UNREAD
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  bounded, and without declarations
    except (ElementTree.ParseError, LookupError, ValueError):
        return UNREAD
    told = {_name(each): each for each in root}
    charged = told.get("aoc-e")
    if charged is None:
        charged = told.get("aoc-d")
        if charged is None:
            return None
        if _text(charged, "charging-info") != "total":
            return None
    for each in charged.iter():
        match _name(each):
            case "free-charge":
                return Price(0, "", 0, "aoc")
            case "recorded-currency-units":
                return _price(_text(each, "currency-amount"), _text(each, "currency-id"), "", "aoc")
    return None


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    found = next((each for each in element.iter() if _name(each) == name), None)
    return (found.text or "").strip() if found is not None else ""
