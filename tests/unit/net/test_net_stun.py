"""STUN keep-alives over SIP's UDP port (RFC 5626 section 3.5.2)."""

from __future__ import annotations

import pytest

from switch.net import stun

ID = b"twelve bytes"


@pytest.mark.parametrize("remote", [("192.0.2.7", 40001), ("2001:db8::7", 5060), ("fe80::1%eth0", 1)])
def test_it_says_where_the_question_came_from(remote: tuple[str, int]) -> None:
    answer = stun.answer(stun.request(ID), remote)
    assert stun.mapped(answer, ID) == (remote[0].partition("%")[0], remote[1])
    assert len(answer) <= 44


def test_attributes_of_the_question_do_not_matter() -> None:
    asked = stun.request(ID)
    with_software = asked[:2] + b"\0\x08" + asked[4:] + b"\x80\x22\0\x04test"
    assert stun.mapped(stun.answer(with_software, ("192.0.2.7", 5060)), ID) == ("192.0.2.7", 5060)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\x01",
        stun.request(ID)[:-1],
        stun.request(ID) + b"\0\0\0\0",
        b"\x01\x01" + stun.request(ID)[2:],
        b"\0\x11" + stun.request(ID)[2:],
        stun.request(ID)[:4] + b"\0\0\0\0" + stun.request(ID)[8:],
        b"OPTIONS sip:pbx.example.com SIP/2.0\r\n",
        b"\r\n\r\n",
    ],
)
def test_nothing_else_is_answered(data: bytes) -> None:
    assert stun.answer(data, ("192.0.2.7", 5060)) == b""
