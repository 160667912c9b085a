"""Address headers, Via, lists and parameters."""

from __future__ import annotations

import pytest

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import NameAddr, Via, delta_seconds, header_key, parse_params, split_list, stamp_via


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("sip:a@example.com", "", "sip:a@example.com", ()),
        ("sip:a@example.com;tag=1", "", "sip:a@example.com", (("tag", "1"),)),
        ("<sip:a@example.com;lr>;tag=1", "", "sip:a@example.com;lr", (("tag", "1"),)),
        ("A B <sip:a@example.com>", "A B", "sip:a@example.com", ()),
        ('"A, <B> \\"C\\"" <sip:a@h> ; tag = 1 ; x', 'A, <B> "C"', "sip:a@h", (("tag", "1"), ("x", None))),
        ('<sip:a@h>;+i="<urn:uuid:1;2>";q=0.5', "", "sip:a@h", (("+i", '"<urn:uuid:1;2>"'), ("q", "0.5"))),
        ("José<sip:j@example.com>", "José", "sip:j@example.com", ()),
        ("<tel:+49301>;TAG=x", "", "tel:+49301", (("TAG", "x"),)),
    ],
)  # fmt: skip
def test_address_headers(text: str, display: str, uri: str, params: tuple[tuple[str, str | None], ...]) -> None:
    value = NameAddr.parse(text)
    assert value == NameAddr(display, uri, params)
    assert NameAddr.parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "a", "<>", "<a>", '"open <sip:a@h>', "<sip:a@h", "sip:a@h>", "<sip:a@h>;", "<sip:a@h>;tag=", "<sip:a@h>;;x",
     "<sip:a b@h>", "sip:a@h?x=y", "sip:a@h,b", "<sip:a@h> tag=1", '"a" "b" <sip:a@h>', "<sip:a@h><sip:b@h>", "*"],
)  # fmt: skip
def test_malformed_addresses_are_400(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        NameAddr.parse(text)
    assert caught.value.status == 400


def test_parameters_are_found_in_any_case_and_unquoted() -> None:
    value = NameAddr.parse('<sip:a@h>;TAG=x;+sip.instance="<urn:\\"1>";ob')
    assert (value.tag, value.param("+sip.instance"), value.param("ob"), value.param("q")) == ("x", '<urn:"1>', "", None)


def test_via_parts() -> None:
    via = Via.parse("SIP/2.0/udp [2001:db8::1]:5062;branch=z9hG4bKx;rport=99;received=2001:db8::2")
    assert (via.transport, via.host, via.port) == ("UDP", "[2001:db8::1]", 5062)
    assert (via.branch, via.rport, via.has_rport, via.received) == ("z9hG4bKx", 99, True, "2001:db8::2")
    assert via.sent_by == "[2001:db8::1]:5062"
    bare = Via.parse("SIP/2.0/TCP host.example.com;rport")
    assert (bare.port, bare.branch, bare.rport, bare.has_rport) == (None, None, None, True)


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0 UDP h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:70000",
     "SIP/2.0/UDP h;;x", "SIP/2.0/UDP h;branch=", "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP h x"],
)  # fmt: skip
def test_malformed_vias_are_400(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("raw", "host", "port", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5060;branch=z", "192.0.2.1", 5060, "SIP/2.0/UDP 192.0.2.1:5060;branch=z"),
        ("SIP/2.0/UDP 192.0.2.1;branch=z", "192.0.2.9", 5060, "SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.1;rport;x", "192.0.2.1", 7, "SIP/2.0/UDP 192.0.2.1;rport=7;x;received=192.0.2.1"),
        ("SIP/2.0/UDP h:1;rport=5;received=198.51.100.1", "192.0.2.9", 7, "SIP/2.0/UDP h:1;rport=7;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.1;received=198.51.100.1", "192.0.2.1", 7, "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP [2001:DB8::1];branch=z", "2001:db8::1", 7, "SIP/2.0/UDP [2001:DB8::1];branch=z"),
        ("SIP / 2.0 / UDP h ; branch = z", "192.0.2.1", 7, "SIP/2.0/UDP h;branch=z;received=192.0.2.1"),
    ],
)  # fmt: skip
def test_stamped_via_tells_where_it_came_from(raw: str, host: str, port: int, stamped: str) -> None:
    assert stamp_via(raw, host, port) == stamped


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("a", ["a"]),
        ("a , b,,c", ["a", "b", "c"]),
        ('"x, y" <sip:a@h>, <sip:b,c@h>;p=",", sip:d@h', ['"x, y" <sip:a@h>', '<sip:b,c@h>;p=","', "sip:d@h"]),
        ('"\\",\\\\" <sip:a@h>,<sip:b@h>', ['"\\",\\\\" <sip:a@h>', "<sip:b@h>"]),
    ],
)
def test_lists_split_at_commas_that_count(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize("text", ['"a, b', "<a, b", 'a, "b\\"'])
def test_lists_left_open_are_400(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        split_list(text)


def test_header_names() -> None:
    assert [header_key(n) for n in ("i", "I", "call-id", "CALL-ID", "cAll-iD", "Call-ID \t")] == ["call-id"] * 6
    assert header_key("X-Thing") == "x-thing"
    for bad in ("", "a b", "a@b", "ä", " Via"):
        with pytest.raises(RemoteProtocolError):
            header_key(bad)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0060", 60), ("4294967296", 2**32 - 1), ("9" * 5000, 2**32 - 1), ("-1", 3600), ("", 3600),
     ("x", 3600), ("²", 3600)],
)  # fmt: skip
def test_delta_seconds(text: str, seconds: int) -> None:
    assert delta_seconds(text) == seconds


def test_malformed_parameters_are_400() -> None:
    for text in (";", ";a=", ";a=b c", ';a="b', "a", ";a,b", ";=b"):
        with pytest.raises(RemoteProtocolError):
            parse_params(text)
