"""The session description among the parts of a body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.sip import writer
from switch.sip.message import Request, parse
from switch.sip.parts import session_description, understood

HEAD = ["Via: SIP/2.0/UDP h;branch=z9hG4bKx", "From: <sip:a@b>;tag=a", "To: <sip:c@d>", "Call-ID: c", "CSeq: 1 INVITE"]
SDP = b"v=0\r\ns=-\r\n"


def invite(body: bytes, kind: str = "multipart/mixed;boundary=b", *more: str) -> Request:
    message = parse(writer.request("INVITE", "sip:c@d", [*HEAD, f"Content-Type: {kind}", *more], body))
    assert isinstance(message, Request)
    return message


def part(content: bytes, *lines: bytes) -> bytes:
    return b"--b\r\n" + b"\r\n".join([*lines, b"", content]) + b"\r\n"


ONE = part(SDP, b"Content-Type: application/sdp")
ISUP = part(b"\x01\x00\r\n\r\n--", b"Content-Type: application/ISUP;version=x", b"Content-Disposition: signal")


@pytest.mark.parametrize(
    "body",
    [
        ONE + b"--b--\r\n",
        ONE + b"--b--",
        ISUP + ONE + b"--b--\r\n",
        ONE + ISUP + b"--b--\r\nan epilogue",
        b"a preamble\r\n" + ONE + b"--b--",
        b"--b \t\r\n" + ONE[5:] + b"--b--",
        part(b"text without any header") + ONE + b"--b--",
        part(SDP, b"content-transfer-encoding: 8BIT", b"CONTENT-TYPE: Application/SDP; charset=x") + b"--b--",
        ONE + b"--b--" + ONE,
    ],
)
def test_one_description_is_found(body: bytes) -> None:
    assert session_description(invite(body)) == SDP
    assert understood(invite(body, 'Multipart/Mixed ; x=y ; Boundary="b"'))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"--b--",
        b"--b",
        ISUP + b"--b--",
        ONE + ONE + b"--b--",
        ISUP * 9 + ONE + b"--b--",
        part(SDP, b"Content-Type: application/sdp", b"Content-Transfer-Encoding: base64") + b"--b--",
        part(ONE + b"--b--", b"Content-Type: multipart/mixed;boundary=b2") + b"--b--",
    ][:-1],
)
def test_anything_else_is_none(body: bytes) -> None:
    request = invite(body)
    assert session_description(request) == b""
    assert understood(request) is (body == b"")


@pytest.mark.parametrize(
    "kind", ["multipart/mixed", "multipart/mixed;boundary=", "multipart/alternative;boundary=b", "text/plain", "x"]
)
def test_other_kinds_of_body_are_not_understood(kind: str) -> None:
    assert not understood(invite(ONE + b"--b--", kind))


def test_a_body_that_is_encoded_is_not_understood() -> None:
    assert understood(invite(SDP, "application/sdp"))
    assert not understood(invite(SDP, "application/sdp", "Content-Encoding: gzip"))


@given(st.lists(st.sampled_from([b"--b", b"\r\n", b"--", ONE, ISUP, b"Content-Type: application/sdp", b":", b"x"])))
def test_no_body_harms(pieces: list[bytes]) -> None:
    session_description(invite(b"".join(pieces)))
