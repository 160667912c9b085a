"""A request over 1,300 octets goes by TCP where the peer takes it, else by UDP (RFC 3261 section 18.1.1)."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from switch.net.large import AGAIN_S, TRY_S
from switch.sip.endpoint import Endpoint, Failed, Send, Timings
from switch.sip.flow import Flow
from tests.support.sockets import HOST, Side

LINES = [
    "From: <sip:101@192.0.2.1>;tag=a",
    "To: <sip:102@192.0.2.1>",
    "Call-ID: large@192.0.2.1",
    "CSeq: 1 INVITE",
    "Max-Forwards: 70",
]
BODY = b"a=" + b"x" * 1300 + b"\r\n"


class Sender:
    """An endpoint on real sockets: what it sends is sent, and what is lost comes back to it."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.endpoint = Endpoint(side.clock.timers, Timings(), lambda: "token", side.net.sent_by)
        self.endpoint.large = side.net.stream_for
        self.failed: list[object] = []

    def invite(self, flow: Flow, uri: str, body: bytes = BODY) -> None:
        """Send an INVITE."""
        self.endpoint.request(flow, "INVITE", uri, LINES, body, self.side.clock.now(), None)
        self.flush()

    def flush(self) -> None:
        """Carry out what the endpoint wants."""
        for lost in self.side.lost:
            self.endpoint.send_failed(lost, self.side.clock.now())
        self.side.lost.clear()
        for effect in self.endpoint.take():
            if isinstance(effect, Send):
                self.side.net.send(effect.flow, effect.data)
            elif isinstance(effect, Failed):
                self.failed.append(effect)


def close(sender: Sender) -> None:
    """End its transactions, so that no timer is left."""
    sender.side.clock.advance(100.0)
    sender.flush()
    sender.side.clock.advance(100.0)


async def test_a_large_invite_goes_by_tcp_and_its_via_says_so(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    a.udp()
    at = a.tcp()
    host, port = b.udp()
    there = socket.socket()
    there.bind((host, port))
    there.listen()
    b.net.add_tcp(there)
    sender = Sender(a)
    sender.invite(a.net.flow_to("udp", host, port), f"sip:102@{host}:{port}")
    await b.until(lambda: b.packets)
    data, flow = b.packets[0]
    assert flow.transport == "tcp"
    assert data.split(b"\r\n")[1] == f"Via: SIP/2.0/TCP {HOST}:{at[1]};branch=z9hG4bKtoken;rport".encode()
    assert b.net.counters.datagrams_in == 0
    close(sender)
    assert b.net.counters.datagrams_in == 0  # nor is it repeated by UDP


async def test_a_small_one_goes_by_udp(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    a.udp()
    a.tcp()
    host, port = b.udp()
    sender = Sender(a)
    sender.invite(a.net.flow_to("udp", host, port), f"sip:102@{host}:{port}", b"")
    await b.until(lambda: b.packets)
    assert b.packets[0][1].transport == "udp"
    close(sender)


async def test_who_refuses_a_connection_gets_a_datagram_and_is_not_asked_again_for_an_hour(
    sides: Callable[..., Side],
) -> None:
    a, b = sides(), sides()
    udp = a.udp()
    a.tcp()
    host, port = b.udp()
    sender = Sender(a)
    flow = a.net.flow_to("udp", host, port)
    sender.invite(flow, f"sip:102@{host}:{port}")
    await a.until(lambda: a.lost)
    sender.flush()
    await b.until(lambda: b.packets)
    data, heard = b.packets[0]
    assert heard.transport == "udp"
    assert data.split(b"\r\n")[1] == f"Via: SIP/2.0/UDP {HOST}:{udp[1]};branch=z9hG4bKtoken;rport".encode()
    assert sender.failed == []
    assert a.net.stream_for(flow, f"sip:102@{host}:{port}") is None
    close(sender)
    a.clock.advance(AGAIN_S)
    assert a.net.stream_for(flow, f"sip:102@{host}:{port}") is not None
    await a.until(lambda: a.lost)
    a.clock.advance(TRY_S)


async def test_who_does_not_answer_at_all_gets_a_datagram_after_a_second(sides: Callable[..., Side]) -> None:
    """A firewall that swallows the SYN: here a listening socket whose backlog is full."""
    a, b = sides(), sides()
    a.udp()
    a.tcp()
    host, port = b.udp()
    deaf = socket.socket()
    deaf.bind((host, port))
    deaf.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((host, port))
        fillers.append(filler)
    sender = Sender(a)
    sender.invite(a.net.flow_to("udp", host, port), f"sip:102@{host}:{port}")
    assert a.lost == []
    a.clock.advance(TRY_S)
    await a.until(lambda: a.lost)
    sender.flush()
    await b.until(lambda: b.packets)
    assert b.packets[0][1].transport == "udp"
    close(sender)
    for each in (*fillers, deaf):
        each.close()


@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        ("sip:102@127.0.0.1:5062", True),
        ("sip:102@carrier.example.com", True),
        ("sip:102@192.168.1.7:5062", False),  # behind a NAT, whose mapping is for UDP alone
        ("sip:102@127.0.0.1:5062;transport=udp", False),
        ("sip:102@127.0.0.1:5062;transport=tcp", True),
        ("tel:+12125550100", True),  # names no host: a trunk, whose own was looked up
    ],
)
async def test_who_is_asked_for_tcp(sides: Callable[..., Side], uri: str, taken: bool) -> None:
    a = sides()
    a.udp()
    a.tcp()
    found = a.net.stream_for(a.net.flow_to("udp", HOST, 9), uri)
    assert (found is not None) is taken
    if found is not None:
        await a.until(lambda: a.lost)
    a.clock.advance(TRY_S)


async def test_without_a_tcp_listener_udp_has_to_do(sides: Callable[..., Side]) -> None:
    a = sides()
    a.udp()
    assert a.net.stream_for(a.net.flow_to("udp", HOST, 9), f"sip:102@{HOST}") is None


async def test_the_route_and_not_the_request_uri_says_who_is_next(sides: Callable[..., Side]) -> None:
    a = sides()
    a.udp()
    asked: list[str] = []
    endpoint = Endpoint(a.clock.timers, Timings(), lambda: "token", a.net.sent_by)
    endpoint.large = lambda flow, hop: asked.append(hop)  # type: ignore[func-returns-value]
    lines = ["Route: <sip:127.0.0.1:5070;lr>", *LINES]
    endpoint.request(a.net.flow_to("udp", HOST, 9), "INVITE", "sip:102@192.168.1.7", lines, BODY, 0.0, None)
    assert asked == ["sip:127.0.0.1:5070;lr"]
    a.clock.advance(100.0)
