"""What is read of a message at a glance, and refusals made without parsing (issue: overload)."""

from __future__ import annotations

import random

import pytest

from switch.sip import glance
from switch.sip.flow import Flow
from switch.sip.message import Response, parse
from tests.fuzz.fuzzer import CORPUS, mutate

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 40000))
HEAD = (
    "Via: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKa;rport\r\nv: SIP/2.0/UDP 10.0.0.8\r\nMax-Forwards: 70\r\n"
    'f: "A;tag=no" <sip:a@example.com>;tag=1\r\nTo: "B;tag=x" <sip:911@example.com;tag=q>{to}\r\n'
    "Call-ID:\r\n some-id@h\r\nCSeq: 7 {method}\r\nContent-Length: 5\r\n\r\nhello"
)


def message(method: str, uri: str = "sip:102@example.com", to: str = "") -> bytes:
    return (f"{method} {uri} SIP/2.0\r\n" + HEAD.format(to=to, method=method)).encode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (message("INVITE"), "invite"),
        (message("INVITE", to=";tag=b"), "following"),
        (message("INVITE", to=" ; x=y; Tag = b"), "following"),
        (message("REGISTER"), "register"),
        (message("OPTIONS"), "other"),
        (message("OPTIONS", to=";tag=b"), "following"),
        (message("BYE"), "following"),
        (message("ACK"), "following"),
        (message("CANCEL"), "following"),
        (b"SIP/2.0 200 OK\r\n\r\n", "response"),
        (b"INVITE", "invite"),
        (b"\r\n\r\n", "other"),
        (b"", "other"),
    ],
)
def test_what_goes_on_is_told_from_what_would_begin(data: bytes, kind: str) -> None:
    assert glance.glance(data) == kind


@pytest.mark.parametrize(
    ("uri", "dialled"),
    [
        ("sip:911@example.com", "911"),
        ("SIPS:9-1-1:pw@example.com", "9-1-1"),
        ("sip:911;phone-context=example.com@example.com;user=phone", "911"),
        ("sip:%39%31%31@example.com", "911"),
        ("tel:911;phone-context=+1", "911"),
        ("urn:service:sos.police", "urn:service:sos.police"),
        ("sip:example.com", ""),
        ("http://911@example.com", ""),
    ],
)
def test_the_dialled_number_is_read_from_the_first_line(uri: str, dialled: str) -> None:
    assert glance.dialled(message("INVITE", uri)) == dialled


def test_a_refusal_is_what_a_server_without_transactions_sends() -> None:
    answered = glance.refusal(message("INVITE"), FLOW, 2, 6)
    assert answered is not None
    data, back = answered
    response = parse(data)
    assert isinstance(response, Response)
    assert (response.status, back) == (503, FLOW)
    assert response.vias == [
        "SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKa;rport=40000;received=192.0.2.7",
        "SIP/2.0/UDP 10.0.0.8",
    ]
    assert response.call_id == "some-id@h"
    assert (response.cseq, response.cseq_method) == (7, "INVITE")
    assert 2 <= int(response.header("Retry-After") or 0) <= 8
    assert response.to_tag is not None
    assert glance.refusal(message("INVITE"), FLOW, 2, 6) == answered, "a copy has the same answer (RFC 3261 8.2.7)"


def test_without_rport_the_answer_goes_to_the_port_of_the_via() -> None:
    answered = glance.refusal(message("INVITE").replace(b";rport", b""), FLOW, 2, 6)
    assert answered is not None
    assert answered[1].remote == ("192.0.2.7", 5062)


def test_the_ack_of_a_refusal_is_known_without_having_kept_anything() -> None:
    answered = glance.refusal(message("INVITE"), FLOW, 2, 6)
    assert answered is not None
    tag = parse(answered[0]).to_tag
    assert glance.acknowledges_refusal(message("ACK", to=f";tag={tag}"))
    assert not glance.acknowledges_refusal(message("ACK", to=";tag=shed00000000"))
    assert not glance.acknowledges_refusal(message("ACK", to=";tag=x00001"))
    assert not glance.acknowledges_refusal(message("BYE", to=f";tag={tag}"))


@pytest.mark.parametrize("missing", [b"Via", b"f:", b"To", b"Call-ID", b"CSeq"])
def test_what_lacks_a_header_is_not_answered(missing: bytes) -> None:
    data = message("INVITE").replace(b"\r\n" + missing, b"\r\nX-" + missing).replace(b"\r\nv:", b"\r\nX-v:")
    assert glance.refusal(data, FLOW, 2, 6) is None


def test_no_octets_make_it_stumble_and_what_it_sends_can_be_read() -> None:
    rng = random.Random(20261122)
    answered = 0
    for _ in range(4000):
        data = mutate(rng.choice(CORPUS), rng)
        glance.glance(data)
        glance.dialled(data)
        glance.acknowledges_refusal(data)
        made = glance.refusal(data, FLOW, 2, 6)
        if made is not None:
            answered += 1
            assert made[0].count(b"\r\n\r\n") == 1
            assert made[0].startswith(b"SIP/2.0 503 ")
            assert b"\n" not in made[0].replace(b"\r\n", b"")
    assert answered > 500
