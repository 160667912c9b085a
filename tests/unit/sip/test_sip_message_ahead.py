"""What is read ahead of a message in its usual shape is what the readers for every shape would have read."""

import contextlib

import pytest

from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Message, parse

USUAL = {
    "Via": "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa;rport",
    "From": '"Alice" <sip:alice@example.com>;tag=a',
    "To": "<sip:bob@example.com>",
    "Call-ID": "one",
    "CSeq": "1 INVITE",
    "Max-Forwards": "70",
}
OTHERS = {
    "Via": [
        "SIP/2.0/TCP host.example.com;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:65535;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:65536;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:0;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:05060;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:10000;rport;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;rport=5062;received=192.0.2.8",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;received=192.0.2.8;rport=5062",
        "SIP/2.0/UDP Host.Example.com;branch=z9hG4bKb",
        "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKb, SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKc",
        "SIP / 2.0 / UDP 192.0.2.9:5060 ;branch = z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9;branch=;rport",
        "SIP/2.0/UDP 192.0.2.9;rport",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;;rport",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;branch=z9hG4bKc",
        "SIP/2.0/UDP",
        "",
    ],
    "From": [
        "<sip:alice@example.com>;tag=a;x=y",
        "<sip:alice@example.com> ;tag=a",
        "<sip:alice@example.com>;TAG=a",
        '<sip:alice@example.com>;tag="a"',
        "<sip:alice@example.com>;tag=",
        "<sip:alice@example.com>;tag",
        "<sip:alice@example.com>;tag=a;tag=b",
        "Alice <sip:alice@example.com>;tag=a",
        '"A \\"l\\" ice" <sip:alice@example.com>;tag=a',
        '"Alice <sip:alice@example.com>;tag=a',
        "sip:alice@example.com;tag=a",
        "<alice>;tag=a",
        "<sip:alice@example.com",
        "",
    ],
    "Call-ID": ["a@b", "a b", ""],
    "CSeq": [
        "1  INVITE",
        "2147483647 INVITE",
        "2147483648 INVITE",
        "007 INVITE",
        "-1 INVITE",
        "\u0661 INVITE",
        "1",
        "",
    ],
    "Max-Forwards": ["0", "070", "256", "x", ""],
}
OTHERS["To"] = OTHERS["From"]
SLOTS = ("via", "branch", "sent_by", "from_value", "from_tag", "from_", "to_value", "to_tag", "to", "call_id", "cseq",
         "cseq_method", "max_forwards")  # fmt: skip


def read(message: Message) -> dict[str, object]:
    found: dict[str, object] = {}
    for slot in SLOTS:
        try:
            found[slot] = getattr(message, slot)
        except RemoteProtocolError as error:
            found[slot] = (error.status, error.text)
    return found


@pytest.mark.parametrize("start", ["INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK"])
@pytest.mark.parametrize(("name", "value"), [("Via", USUAL["Via"]), *((n, v) for n, vs in OTHERS.items() for v in vs)])
def test_what_is_read_ahead_is_what_would_be_read_when_asked_for(start: str, name: str, value: str) -> None:
    lines = "\r\n".join(f"{n}: {v}" for n, v in {**USUAL, name: value}.items())
    message = parse(f"{start}\r\n{lines}\r\n\r\n".encode())
    ahead = read(message)
    for slot in SLOTS:
        with contextlib.suppress(AttributeError):
            delattr(message, slot)
    assert read(message) == ahead


def test_the_usual_shape_is_read_ahead() -> None:
    lines = "\r\n".join(f"{n}: {v}" for n, v in USUAL.items())
    message = parse(f"INVITE sip:bob@example.com SIP/2.0\r\n{lines}\r\n\r\n".encode())
    message._index.clear()
    assert (message.branch, message.sent_by) == ("z9hG4bKa", "192.0.2.9:5060")
    assert (message.from_tag, message.to_tag, message.call_id) == ("a", None, "one")
    assert (message.cseq, message.cseq_method, message.max_forwards) == (1, "INVITE", 70)
    assert message.to_value == "<sip:bob@example.com>"
