"""The caller's address in an INVITE: whatever an operator writes, the document can be read, and so can the body."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from dialplan.model import CivicAddress
from switch.calls.location import carried
from switch.sip import writer
from switch.sip.message import parse
from switch.sip.parts import holds_offer, session_description, type_line

AT = datetime.datetime(2026, 11, 22, 9, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-8)))
CA = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"
TEXT = st.text(max_size=30)
ADDRESSES = st.builds(
    CivicAddress, country=st.sampled_from(["US", "FR"]), state=TEXT, city=TEXT, street=TEXT, number=TEXT, building=TEXT,
    floor=TEXT, room=TEXT, postal_code=TEXT, name=TEXT,
)  # fmt: skip


@given(ADDRESSES, st.text(max_size=20), st.sampled_from([b"v=0\r\ns=-\r\n", b""]))
def test_any_address_makes_a_body_that_can_be_read(address: CivicAddress, number: str, offer: bytes) -> None:
    lines, body = carried(address, number, "2001:db8::1", offer, "t0ken", AT)
    head = [
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx", "From: <sip:a@example.com>;tag=1", "To: <urn:service:sos>",
        "Call-ID: x", "CSeq: 1 INVITE", "Max-Forwards: 70", "Contact: <sip:192.0.2.1>", type_line(body), *lines,
    ]  # fmt: skip
    message = parse(writer.request("INVITE", "urn:service:sos", head, body))
    assert session_description(message) == offer and holds_offer(body) is bool(offer)
    document = body[body.index(b"<?xml") : body.rindex(b"\r\n--t0ken--")]
    civic = next(ET.fromstring(document).iter(f"{CA}civicAddress"))
    assert civic[0].tag == f"{CA}country" and civic[0].text == address.country
    street = civic.findtext(f"{CA}RD")
    if address.street.isascii() and address.street.isprintable() and address.street:
        assert street == address.street


def test_the_instant_is_that_of_the_world() -> None:
    _, body = carried(CivicAddress(country="US"), "101", "192.0.2.1", b"", "t", AT)
    assert b"<timestamp>2026-11-22T17:30:00Z</timestamp>" in body and b'entity="pres:101@192.0.2.1"' in body
