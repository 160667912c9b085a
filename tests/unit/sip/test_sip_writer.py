"""Writing: what goes out can be read again, and no value becomes a header."""

from __future__ import annotations

import pytest

from switch.sip import writer
from switch.sip.errors import LocalProtocolError
from switch.sip.message import Request, Response, parse
from tests.torture.build import sip

INVITE = parse(
    sip("""\
INVITE sip:b@example.com SIP/2.0
Via: SIP/2.0/UDP a;branch=z9hG4bKa;rport, SIP/2.0/UDP b;branch=z9hG4bKb
Via: SIP/2.0/UDP c;branch=z9hG4bKc
Record-Route: <sip:p1;lr>,<sip:p2;lr>
Record-Route: <sip:p3;lr>
f: sip:a@example.com;tag=1
t: sip:b@example.com
i: x
CSeq:  7   INVITE

""")
)
assert isinstance(INVITE, Request)


def response(**options: object) -> Response:
    message = parse(writer.response(INVITE, 180, **options))  # type: ignore[arg-type]
    assert isinstance(message, Response)
    return message


def test_response_copies_what_the_request_said() -> None:
    back = response(to_tag="2", lines=["Contact: <sip:me@h>"], body=b"v=0")
    assert (back.status, back.reason, back.body) == (180, "Ringing", b"v=0")
    assert back.vias == INVITE.vias
    assert (back.from_value, back.to_value, back.call_id) == (INVITE.from_value, "sip:b@example.com;tag=2", "x")
    assert (back.cseq, back.cseq_method, back.header("Contact")) == (7, "INVITE", "<sip:me@h>")
    assert back.record_routes == []


def test_response_with_stamped_via_and_record_route() -> None:
    back = response(via_top="SIP/2.0/UDP a;branch=z9hG4bKa;rport=9;received=192.0.2.1", copy_record_route=True)
    assert back.via.rport == 9
    assert back.vias[1:] == INVITE.vias[1:]
    assert back.record_routes == INVITE.record_routes == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]


def test_a_tag_that_is_there_stays() -> None:
    tagged = parse(INVITE.raw.replace(b"t: sip:b@example.com", b"t: sip:b@example.com;tag=old"))
    assert isinstance(tagged, Request)
    assert parse(writer.response(tagged, 200, to_tag="new")).to_tag == "old"


def test_own_reason_phrase() -> None:
    assert writer.response(INVITE, 499, "Odd").startswith(b"SIP/2.0 499 Odd\r\n")
    assert writer.response(INVITE, 499).startswith(b"SIP/2.0 499 \r\n")


def test_request() -> None:
    data = writer.request("BYE", "sip:b@h", ["Via: SIP/2.0/UDP a", "Subject: jü\udcff"], b"xy")
    assert data == b"BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nSubject: j\xc3\xbc\xff\r\nContent-Length: 2\r\n\r\nxy"


@pytest.mark.parametrize("value", ["a\r\nBcc: b", "a\nb", "a\rb", "a\r\n", "\ud800"])
def test_line_breaks_in_values_are_our_bug(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        writer.request("BYE", "sip:b@h", [f"Subject: {value}"])
    with pytest.raises(LocalProtocolError):
        writer.response(INVITE, 200, lines=[f"Subject: {value}"])
    with pytest.raises(LocalProtocolError):
        writer.response(INVITE, 200, value)


def test_request_uri_with_a_space_is_our_bug() -> None:
    with pytest.raises(LocalProtocolError):
        writer.request("BYE", "sip:b@h SIP/2.0", [])
