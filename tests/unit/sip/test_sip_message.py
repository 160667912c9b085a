"""Messages: what parse takes and refuses, lazy values, limits, and the checks before anybody acts."""

from __future__ import annotations

import pytest

from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Request, Response, parse
from switch.sip.parser import MAX_HEADERS, MAX_LINE, MAX_REQUEST_URI, check_request
from tests.torture.build import sip

HEAD = """\
Via: SIP/2.0/UDP 192.0.2.10;rport;branch=z9hG4bKa, SIP/2.0/TCP b.example.com;branch=z9hG4bKb
v: SIP/2.0/UDP c.example.com
From: "A" <sip:a@example.com>;tag=1
To: <sip:b@example.com>
Call-ID: x@192.0.2.10
CSeq: 7 OPTIONS
"""


def message(head: str = HEAD, start: str = "OPTIONS sip:b@example.com SIP/2.0", body: bytes = b"") -> bytes:
    return sip(f"{start}\n{head}\n") + body


def request(data: bytes) -> Request:
    found = parse(data)
    assert isinstance(found, Request)
    return found


def refusal(data: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        check_request(request(data))
    return caught.value


def test_a_request_is_read() -> None:
    m = request(
        message(HEAD + "m: <sip:a@h>, sip:b@h;q=1\nContact: *\nx-Odd: 1\nc: Application/SDP;x=y\n", body=b"v=0")
    )
    assert (m.method, m.uri, m.body) == ("OPTIONS", "sip:b@example.com", b"v=0")
    assert m.vias[1:] == ["SIP/2.0/TCP b.example.com;branch=z9hG4bKb", "SIP/2.0/UDP c.example.com"]
    assert (m.via.host, m.branch) == ("192.0.2.10", "z9hG4bKa")
    assert (m.from_tag, m.to_tag, m.call_id, m.cseq, m.cseq_method) == ("1", None, "x@192.0.2.10", 7, "OPTIONS")
    assert (m.from_value, m.to_value) == ('"A" <sip:a@example.com>;tag=1', "<sip:b@example.com>")
    assert [contact.uri for contact in m.contacts] == ["sip:a@h", "sip:b@h", "*"]
    assert (m.max_forwards, m.expires, m.content_type) == (None, None, "application/sdp")
    assert (m.header("X-ODD"), m.header("M"), m.header("nothing")) == ("1", "<sip:a@h>, sip:b@h;q=1", None)
    assert m.all("Contact") == ["<sip:a@h>, sip:b@h;q=1", "*"]
    assert m.header_lines[1][0] == "Via"
    assert m.header_lines[-2][0] == "x-Odd"
    assert m.via is m.via
    with pytest.raises(AttributeError):
        _ = m.nonsense  # type: ignore[attr-defined]


def test_a_response_is_read() -> None:
    m = parse(message(start="SIP/2.0 486 Busy Here"))
    assert isinstance(m, Response)
    assert (m.status, m.reason, m.cseq_method) == (486, "Busy Here", "OPTIONS")


def test_octets_that_are_no_utf8_come_back() -> None:
    m = request(message(HEAD).replace(b"\r\n\r\n", b"\r\nSubject: \xff\xc3\r\n\r\n"))
    assert (m.header("s") or "").encode("utf-8", "surrogateescape") == b"\xff\xc3"


def test_folding_anywhere_but_in_the_start_line() -> None:
    assert request(message(HEAD + "Subject: one\n two\n\tthree\n")).header("Subject") == "one two three"
    assert request(message(HEAD + "Subject:\n one: two\n")).header("Subject") == "one: two"
    assert refusal(message(" Via: x\n" + HEAD)).status == 400


@pytest.mark.parametrize(
    ("length", "body", "kept"),
    [
        ("3", b"abc", b"abc"),
        ("3", b"abcdef", b"abc"),
        ("0", b"abc", b""),
        ("003", b"abc", b"abc"),
        (None, b"abc", b"abc"),
    ],
)
def test_body_is_cut_by_content_length(length: str | None, body: bytes, kept: bytes) -> None:
    head = HEAD if length is None else f"{HEAD}l: {length}\n"
    assert request(message(head, body=body)).body == kept


@pytest.mark.parametrize(
    "lines",
    ["l: 4", "l: -1", "l: x", "l:", "l: 1 2", "l: ²", "l: " + "9" * 5000, "l: 1\nContent-Length: 2",
     "From: <sip:c@h>;tag=2",
     "CSeq: 7 OPTIONS", "To: <sip:b@example.com>", "i: y", "Max-Forwards: 1\nMax-Forwards: 1",
     "no colon", "a b: c", ": x"],
)  # fmt: skip
def test_refused_with_400_and_still_answerable(lines: str) -> None:
    error = refusal(message(f"{HEAD}{lines}\n", body=b"abc"))
    assert error.status == 400
    assert error.request is not None
    assert error.request.vias[0].startswith("SIP/2.0/UDP 192.0.2.10")
    assert error.request.from_tag == "1"


def test_equal_content_lengths_may_stand_twice() -> None:
    assert request(message(HEAD + "l: 3\nContent-Length: 3\n", body=b"abcd")).body == b"abc"


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("OPTIONS sip:b@example.com SIP/3.0", 505),
        ("OPTIONS sip:b@example.com sip/2.0", None),
        ("OPTIONS sip:b@example.com SIP/2", 400),
        ("OPTIONS sip:b@example.com HTTP/1.1", 400),
        ("OPTIONS  sip:b@example.com SIP/2.0", 400),
        ("OPTIONS SIP/2.0", 400),
        ("OPT@IONS sip:b@example.com SIP/2.0", 400),
        ("OPTIONS b SIP/2.0", 400),
        (f"OPTIONS sip:{'b' * MAX_REQUEST_URI}@h SIP/2.0", 414),
        ("SIP/2.0 99 x", 400),
        ("SIP/2.0 700 x", 400),
        ("SIP/2.0 2000 x", 400),
        ("SIP/2.0 ²00 x", 400),
        ("SIP/3.0 200 OK", 505),
        ("", 400),
        ("\0", 400),
    ],
)
def test_start_lines(start: str, status: int | None) -> None:
    if status is None:
        check_request(request(message(start=start)))
        return
    with pytest.raises(RemoteProtocolError) as caught:
        parse(message(start=start))
    assert caught.value.status == status


def test_limits() -> None:
    assert refusal(message(HEAD + "X: y\n" * MAX_HEADERS)).status == 513
    error = refusal(message(HEAD + f"X: {'y' * MAX_LINE}\nVia: SIP/2.0/UDP {'y' * MAX_LINE}\n"))
    assert error.status == 513
    assert error.request is not None
    assert len(error.request.vias) == 3, "what is too long is not sent back"
    assert refusal(message(body=b"x" * 70000)).status == 513
    for junk in (b"", b"\r\n", b"\r\n\r\n", b"\0" * 100, b"INVITE"):
        with pytest.raises(RemoteProtocolError):
            parse(junk)


@pytest.mark.parametrize("stray", ["\rBcc: x", "\nBcc: x"])
def test_stray_line_breaks_are_refused_and_defused(stray: str) -> None:
    data = message().replace(b"Call-ID: x", b"Call-ID: x" + stray.encode())
    error = refusal(data)
    assert error.status == 400
    assert error.request is not None
    assert error.request.header("Bcc") is None
    assert "\n" not in error.request.header("Call-ID")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("7 OPTIONS", "7 INVITE", 400),
        ("7 OPTIONS", "2147483648 OPTIONS", 400),
        ("7 OPTIONS", "-7 OPTIONS", 400),
        ("7 OPTIONS", "OPTIONS", 400),
        ("z9hG4bKa", "z9hG4bK", 400),
        ("Call-ID: x@192.0.2.10\n", "", 400),
        ("Call-ID: x@192.0.2.10\n", "Call-ID:\n", 400),
        ("From:", "X-From:", 400),
        ("CSeq:", "Max-Forwards: 256\nCSeq:", 400),
        ("CSeq:", "Max-Forwards: x\nCSeq:", 400),
        ("CSeq:", "Contact: *, <sip:a@h>\nCSeq:", 400),
        ("CSeq:", "Contact: <sip:a@h\nCSeq:", 400),
        ("sip:b@example.com>", "sip:b@example.com", 400),
    ],
)
def test_checks(old: str, new: str, status: int) -> None:
    check_request(request(message()))
    assert refusal(message(HEAD.replace(old, new))).status == status


def test_max_forwards_of_zero_stops_what_would_go_on() -> None:
    head = HEAD.replace("CSeq: 7 OPTIONS", "Max-Forwards: 0\nCSeq: 7 INVITE")
    start = "INVITE sip:b@example.com SIP/2.0"
    assert refusal(message(head, start)).status == 483
    check_request(request(message(head.replace("<sip:b@example.com>", "<sip:b@example.com>;tag=2"), start)))
    check_request(request(message(head.replace("INVITE", "ACK"), start.replace("INVITE", "ACK"))))


def test_headers_in_the_request_uri_are_refused_but_a_question_mark_in_the_user_is_not() -> None:
    assert refusal(message(start="OPTIONS sip:b@example.com?x=y SIP/2.0")).status == 400
    check_request(request(message(start="OPTIONS sip:b?c@example.com SIP/2.0")))


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [("User-Agent:Foo: 1", "User-Agent", "Foo: 1"), ("X-A:b: c", "X-A", "b: c"), ("Subject:", "Subject", "")],
)
def test_a_header_without_a_blank_after_its_colon(line: str, name: str, value: str) -> None:
    message = parse(f"BYE sip:bob@example.com SIP/2.0\r\nTo: <sip:a@b>\r\n{line}\r\n\r\n".encode())
    assert message.header(name) == value


@pytest.mark.parametrize("line", ["Contact", "m", "Via", "User-Agent ", "X-A"])
def test_a_header_line_without_a_colon_is_malformed(line: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Malformed header line"):
        parse(f"BYE sip:bob@example.com SIP/2.0\r\nTo: <sip:a@b>\r\n{line}\r\n\r\n".encode())
